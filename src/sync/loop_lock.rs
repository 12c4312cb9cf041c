//! The lock of what one thread at a time drives: a loop. The wakers of tasks that are woken meanwhile are
//! kept until the lock has been given back ([deferral](super::deferral)).

use std::cell::Cell;

use crate::sync::deferral::{has_deferred, Deferral};
use crate::sync::primitives::{per_thread, Mutex, MutexGuard};

per_thread! {
    /// How many times over the thread drives: it holds such a lock, or is a loop's own.
    static DRIVES: Cell<u32> = Cell::new(0);
}

pub(crate) struct LoopLock<T>(Mutex<T>);

/// The current thread drives until this is dropped. The fields are dropped in this order: the wakers of
/// tasks that were served are called without the lock, and by a thread that still counts as driving.
pub(crate) struct LoopGuard<'a, T> {
    pub(crate) state: MutexGuard<'a, T>,
    _deferral: Deferral,
    _drive: Drive,
}

/// A time in which the current thread drives.
struct Drive;

impl<T> LoopLock<T> {
    pub(crate) fn new(state: T) -> Self {
        LoopLock(Mutex::new(state))
    }

    /// Waits for the thread that drives.
    pub(crate) fn lock(&self) -> LoopGuard<'_, T> {
        LoopGuard::new(self.0.lock())
    }

    /// `None` if a thread drives.
    pub(crate) fn try_lock(&self) -> Option<LoopGuard<'_, T>> {
        self.0.try_lock().map(LoopGuard::new)
    }

    /// If any wakers of tasks are kept, gives the lock back, calls them, and takes the lock again.
    pub(crate) fn call_wakers<'a>(&'a self, guard: LoopGuard<'a, T>) -> LoopGuard<'a, T> {
        if !has_deferred() {
            return guard;
        }
        drop(guard);
        self.lock()
    }
}

impl<'a, T> LoopGuard<'a, T> {
    fn new(state: MutexGuard<'a, T>) -> Self {
        let _ = DRIVES.try_with(|drives| drives.set(drives.get() + 1));
        LoopGuard {
            state,
            _deferral: Deferral::begin(),
            _drive: Drive,
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = DRIVES.try_with(|drives| drives.set(drives.get() - 1));
    }
}

/// The current thread is a loop's own: it counts as one that drives at all times.
pub(crate) fn begin_loop_thread() {
    let _ = DRIVES.try_with(|drives| drives.set(drives.get() + 1));
}

/// Whether the current thread drives any loop: then it must wait for none.
pub(crate) fn is_driving() -> bool {
    DRIVES.try_with(|drives| drives.get() > 0).unwrap_or(false)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::Woken;
    use std::thread;

    #[test]
    fn one_thread_drives_at_a_time() {
        let lock = LoopLock::new(1);
        assert!(!is_driving());
        let mut guard = lock.lock();
        *guard.state += 1;
        assert!(is_driving() && lock.try_lock().is_none());
        let other = LoopLock::new(0);
        drop(other.lock());
        assert!(is_driving(), "it holds the first one still");
        drop(guard);
        assert!(!is_driving());
        assert_eq!(lock.try_lock().map(|guard| *guard.state), Some(2));
    }

    #[test]
    fn the_thread_of_a_loop_counts_as_driving_at_all_times() {
        let drives = thread::spawn(|| {
            begin_loop_thread();
            drop(LoopLock::new(()).lock());
            is_driving()
        });
        assert!(drives.join().unwrap());
        assert!(!is_driving());
    }

    #[test]
    fn wakers_of_tasks_are_called_when_the_lock_has_been_given_back() {
        let (lock, woken) = (LoopLock::new(()), Woken::new());
        let guard = lock.lock();
        crate::sync::deferral::wake_or_defer(woken.waker());
        assert_eq!(woken.get(), 0);
        drop(guard);
        assert_eq!(woken.get(), 1);
    }

    #[test]
    fn wakers_can_be_called_before_the_lock_is_given_back_for_good() {
        let (lock, woken) = (LoopLock::new(()), Woken::new());
        let guard = lock.call_wakers(lock.lock());
        crate::sync::deferral::wake_or_defer(woken.waker());
        let guard = lock.call_wakers(guard);
        assert_eq!(woken.get(), 1);
        assert!(is_driving() && lock.try_lock().is_none());
        drop(guard);
        assert_eq!(woken.get(), 1);
    }
}
