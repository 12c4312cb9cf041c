//! The lock of a pump, and which threads take it to assist: a thread that has something for a pump
//! whose own thread sleeps.
//!
//! Waking a thread costs several microseconds, and more on another core; a turn of the pump for
//! one message costs less. So a thread that has slept or worked on something else since it last
//! gave a sleeping pump something does that turn itself. One that sends without a pause wakes the
//! pump: then both work at once, and the pump carries whole batches. So does one whose last turn
//! took long, as one with a large message does.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::tuning::{LONG_TURN, PAUSE, RELIEF};
use crate::sync::deferral::Deferral;
use crate::sync::parker::take_slept;
use crate::sync::primitives::{now, per_thread, Mutex, MutexGuard};

per_thread! {
    static HISTORY: History = History {
        drives: Cell::new(false),
        notified: Cell::new(None),
        relieved: Cell::new(0),
    };
}

/// What is known of the current thread.
struct History {
    /// Holds the lock of a pump now.
    drives: Cell<bool>,
    /// When it last notified a sleeping pump, or was done with a turn for one.
    notified: Cell<Option<Instant>>,
    /// Notifications left that are to wake the pump whatever else speaks for a turn.
    relieved: Cell<u32>,
}

impl History {
    /// Whether a thread that notifies a sleeping pump now has the time to assist.
    fn has_time(&self, now: Instant) -> bool {
        let notified = self.notified.replace(Some(now));
        let has_paused = notified.is_none_or(|at| now.saturating_duration_since(at) > PAUSE);
        let has_slept = take_slept();
        let relieved = self.relieved.get();
        self.relieved.set(relieved.saturating_sub(1));
        !self.drives.get() && relieved == 0 && (has_slept || has_paused)
    }

    /// The thread has assisted since then.
    fn has_assisted(&self, since: Instant, now: Instant) {
        self.notified.set(Some(now));
        if now.saturating_duration_since(since) > LONG_TURN {
            self.relieved.set(RELIEF);
        }
    }
}

/// What one thread at a time drives.
pub(crate) struct PumpLock<T>(Mutex<T>);

/// The current thread drives until this is dropped. The fields are dropped in this order: the wakers of
/// tasks that were served are called without the lock, and by a thread that still counts as driving.
pub(crate) struct PumpGuard<'a, T> {
    pump: MutexGuard<'a, T>,
    _deferral: Deferral,
    _drive: Drive,
}

/// A time in which the current thread drives.
struct Drive {
    drove_before: bool,
    /// Since when it has assisted, if it does.
    assists: Option<Instant>,
}

impl<T> PumpLock<T> {
    pub(crate) fn new(pump: T) -> Self {
        PumpLock(Mutex::new(pump))
    }

    /// Waits for the thread that drives: no longer than a turn takes.
    pub(crate) fn lock(&self) -> PumpGuard<'_, T> {
        PumpGuard::new(self.0.lock(), None)
    }

    /// `None` if a thread drives.
    pub(crate) fn try_lock(&self) -> Option<PumpGuard<'_, T>> {
        Some(PumpGuard::new(self.0.try_lock()?, None))
    }

    /// For a thread that notifies a sleeping pump, if it has the time to assist, holds the lock of no
    /// other pump, and none drives this one. To be called once for each notification.
    pub(crate) fn lock_to_assist(&self, now: Instant) -> Option<PumpGuard<'_, T>> {
        let has_time = HISTORY.try_with(|history| history.has_time(now));
        // A thread that is being torn down has no time to lose.
        if !has_time.unwrap_or(false) {
            return None;
        }
        Some(PumpGuard::new(self.0.try_lock()?, Some(now)))
    }
}

impl<'a, T> PumpGuard<'a, T> {
    fn new(pump: MutexGuard<'a, T>, assists: Option<Instant>) -> Self {
        let drove_before = HISTORY.try_with(|history| history.drives.replace(true));
        PumpGuard {
            pump,
            _deferral: Deferral::begin(),
            _drive: Drive {
                drove_before: drove_before.unwrap_or(true),
                assists,
            },
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = HISTORY.try_with(|history| {
            history.drives.set(self.drove_before);
            if let Some(since) = self.assists {
                history.has_assisted(since, now());
            }
        });
    }
}

impl<T> Deref for PumpGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.pump
    }
}

impl<T> DerefMut for PumpGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.pump
    }
}

/// The current thread is a pump's own: it counts as one that drives at all times.
pub(crate) fn begin_pump_thread() {
    let _ = HISTORY.try_with(|history| history.drives.set(true));
}

/// Whether the current thread drives any pump: then it must wait for none.
pub(crate) fn is_driving() -> bool {
    HISTORY
        .try_with(|history| history.drives.get())
        .unwrap_or(false)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::parker::set_slept;
    use std::thread;

    /// In a new thread, of which nothing is known yet.
    fn in_new_thread(test: impl FnOnce() + Send + 'static) {
        assert!(thread::spawn(test).join().is_ok());
    }

    #[test]
    fn a_thread_that_streams_wakes_the_pump() {
        in_new_thread(|| {
            let lock = PumpLock::new(());
            let now = Instant::now();
            assert!(lock.lock_to_assist(now).is_some());
            assert!(lock.lock_to_assist(now + PAUSE / 2).is_none());
            assert!(lock.lock_to_assist(now + PAUSE).is_none());
        });
    }

    #[test]
    fn a_thread_that_slept_or_paused_assists() {
        in_new_thread(|| {
            let lock = PumpLock::new(());
            let now = Instant::now();
            assert!(lock.lock_to_assist(now).is_some());
            set_slept();
            assert!(lock.lock_to_assist(now).is_some());
            assert!(lock.lock_to_assist(now).is_none());
            assert!(lock.lock_to_assist(now + PAUSE * 2).is_some());
        });
    }

    #[test]
    fn a_thread_that_had_a_long_turn_is_relieved() {
        let history = || History {
            drives: Cell::new(false),
            notified: Cell::new(None),
            relieved: Cell::new(0),
        };
        let start = Instant::now();
        for (turn, is_relieved) in [(LONG_TURN, false), (LONG_TURN + PAUSE, true)] {
            let history = history();
            assert!(history.has_time(start));
            history.has_assisted(start, start + turn);
            for _ in 0..RELIEF {
                set_slept();
                assert_eq!(history.has_time(start + turn), !is_relieved);
            }
            set_slept();
            assert!(history.has_time(start + turn));
        }
    }

    #[test]
    fn one_drives_at_a_time_and_none_drives_two() {
        in_new_thread(|| {
            let (lock, other) = (PumpLock::new(1), PumpLock::new(2));
            assert!(!is_driving());
            let mut guard = lock.lock();
            *guard += 1;
            assert!(is_driving());
            assert!(lock.try_lock().is_none());
            set_slept();
            assert!(other.lock_to_assist(Instant::now()).is_none());
            drop(guard);
            assert!(!is_driving());
            set_slept();
            let held = other.0.lock();
            assert!(other.lock_to_assist(Instant::now()).is_none());
            drop(held);
            set_slept();
            assert_eq!(other.lock_to_assist(Instant::now()).as_deref(), Some(&2));
            assert_eq!(lock.try_lock().as_deref(), Some(&2));
        });
    }
}
