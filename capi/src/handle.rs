//! Handles: the `void *` of contexts, sockets, pollers and timers.
//!
//! A handle points to a slot in memory that is never freed, so that using one that was closed, or
//! from a second thread while it is closed, is an error (`ENOTSOCK`, `EFAULT`) and never an access
//! to freed memory. A slot is used again, as late as possible, for another handle of the same kind.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The handle is open. Calls enter only while this is set.
const OPEN: usize = 1;
/// The handle was closed, and the last call to leave drops its value.
const CLOSED: usize = 2;
/// What a call adds while it uses the value.
const CALL: usize = 4;

/// The number of slots in the first block; each block has twice as many as the one before.
const FIRST_BLOCK: usize = 256;

/// More handles than any process has.
const BLOCKS: usize = 20;

/// Handles of one kind.
pub(crate) struct Handles<T: 'static> {
    blocks: [OnceLock<Box<[Slot<T>]>>; BLOCKS],
    free: Mutex<VecDeque<&'static Slot<T>>>,
}

/// On separate cache lines, because every call changes its state.
#[repr(align(128))]
struct Slot<T> {
    state: AtomicUsize,
    /// Written while no call can enter: when the slot is not in use, and by the last call to leave
    /// after it was closed.
    value: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: the value is shared only between calls that entered while the slot was open, which use it
// by shared references (`T: Sync`); it is written and dropped by one thread at a time (`T: Send`).
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

impl<T: Send + Sync> Handles<T> {
    pub(crate) const fn new() -> Self {
        Handles {
            blocks: [const { OnceLock::new() }; BLOCKS],
            free: Mutex::new(VecDeque::new()),
        }
    }

    /// Opens a handle; `None` if there are too many.
    pub(crate) fn open(&'static self, value: T) -> Option<*mut c_void> {
        let slot = self.free_slot()?;
        // SAFETY: the slot was taken from those that are free: it is not open, so no call uses the
        // value, and no other thread has taken it.
        unsafe { *slot.value.get() = Some(Box::new(value)) };
        slot.state.fetch_or(OPEN, Ordering::Release);
        Some(std::ptr::from_ref(slot).cast_mut().cast())
    }

    /// Begins a call on a handle; `None` if it is not one of these, or was closed.
    #[inline]
    pub(crate) fn enter(&'static self, handle: *const c_void) -> Option<Entered<T>> {
        let slot = self.slot(handle)?;
        let entered = Entered { slot, owner: self };
        match slot.state.fetch_add(CALL, Ordering::Acquire) & OPEN {
            // Dropping it takes back what was added.
            0 => None,
            _ => Some(entered),
        }
    }

    /// Closes a handle and calls `last` with its value; returns whether it was open. The value is
    /// dropped when the last call that uses it has returned.
    pub(crate) fn close(&'static self, handle: *const c_void, last: impl FnOnce(&T)) -> bool {
        let Some(entered) = self.enter(handle) else {
            return false;
        };
        let closed =
            entered
                .slot
                .state
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                    (state & OPEN != 0).then_some(state & !OPEN | CLOSED)
                });
        if closed.is_ok() {
            last(&entered);
        }
        closed.is_ok()
    }

    #[inline]
    fn slot(&'static self, handle: *const c_void) -> Option<&'static Slot<T>> {
        let at = handle as usize;
        for block in &self.blocks {
            let block = block.get()?;
            let offset = at.wrapping_sub(block.as_ptr() as usize);
            if offset < std::mem::size_of_val(&**block) {
                let is_slot = offset % size_of::<Slot<T>>() == 0;
                return is_slot.then(|| &block[offset / size_of::<Slot<T>>()]);
            }
        }
        None
    }

    fn free_slot(&'static self) -> Option<&'static Slot<T>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = free.pop_front() {
            return Some(slot);
        }
        let unused = |block: &&OnceLock<Box<[Slot<T>]>>| block.get().is_none();
        let next = self.blocks.iter().position(|block| unused(&block))?;
        let slots = (0..FIRST_BLOCK << next).map(|_| Slot {
            state: AtomicUsize::new(0),
            value: UnsafeCell::new(None),
        });
        let block = self.blocks[next].get_or_init(|| slots.collect());
        free.extend(block);
        free.pop_front()
    }
}

/// A call that uses the value of a handle.
pub(crate) struct Entered<T: Send + Sync + 'static> {
    slot: &'static Slot<T>,
    owner: &'static Handles<T>,
}

impl<T: Send + Sync> Deref for Entered<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the call entered while the slot was open, and until it leaves the value is neither
        // written nor dropped.
        let value = unsafe { &*self.slot.value.get() };
        match value {
            Some(value) => value,
            None => unreachable!("an open slot has a value"),
        }
    }
}

impl<T: Send + Sync> Drop for Entered<T> {
    #[inline]
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(CALL, Ordering::AcqRel);
        if before - CALL == CLOSED {
            self.drop_value();
        }
    }
}

impl<T: Send + Sync> Entered<T> {
    /// Drops the value of a closed handle that no call uses.
    #[cold]
    fn drop_value(&self) {
        let state = &self.slot.state;
        // A call that finds the slot closed adds to the state for a moment; it is then the one that
        // comes here.
        if state
            .compare_exchange(CLOSED, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            return;
        }
        // SAFETY: of those that found the state to be CLOSED alone, this thread changed it; no call
        // enters a slot that is not open, and it is not free yet.
        let value = unsafe { (*self.slot.value.get()).take() };
        drop(value);
        let mut free = self
            .owner
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.push_back(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_closed_handle_is_refused_and_its_value_dropped_with_the_last_call() {
        static HANDLES: Handles<Arc<u8>> = Handles::new();
        let value = Arc::new(1);
        let handle = HANDLES.open(Arc::clone(&value)).unwrap();
        let call = HANDLES.enter(handle).unwrap();
        assert!(HANDLES.close(handle, |value| assert_eq!(**value, 1)));
        assert!(HANDLES.enter(handle).is_none());
        assert!(!HANDLES.close(handle, |_| unreachable!()));
        assert_eq!(Arc::strong_count(&value), 2);
        drop(call);
        assert_eq!(Arc::strong_count(&value), 1);
        // Another handle comes first in the next ones.
        assert_ne!(HANDLES.open(Arc::clone(&value)).unwrap(), handle);
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        static HANDLES: Handles<u8> = Handles::new();
        assert!(HANDLES.enter(std::ptr::null()).is_none());
        let handle = HANDLES.open(1).unwrap();
        assert!(HANDLES.enter(handle.wrapping_byte_add(8)).is_none());
        let local = 0_u64;
        assert!(HANDLES.enter((&raw const local).cast()).is_none());
    }

    #[test]
    fn threads_that_close_and_use_one_handle_drop_each_value_once() {
        static HANDLES: Handles<Arc<u8>> = Handles::new();
        let value = Arc::new(1);
        for _ in 0..1000 {
            let handle = HANDLES.open(Arc::clone(&value)).unwrap() as usize;
            let closed: usize = std::thread::scope(|scope| {
                let threads = [(); 3].map(|()| {
                    scope.spawn(move || {
                        let handle = handle as *mut c_void;
                        drop(HANDLES.enter(handle));
                        usize::from(HANDLES.close(handle, |_| ()))
                    })
                });
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            assert_eq!(closed, 1);
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }
}
