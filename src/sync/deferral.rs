//! Deferring the wakers of tasks while a thread holds a lock that their code might wait for.
//!
//! A waker is code of the user or of a runtime: it may take locks. The wakers of parked threads run
//! only code of this crate, and are never deferred.

use std::cell::{Cell, RefCell};
use std::task::Waker;

use crate::sync::catch::quietly;
use crate::sync::parker::is_of_a_thread;
use crate::sync::primitives::per_thread;

per_thread! {
    static IS_DEFERRING: Cell<bool> = Cell::new(false);
}

per_thread! {
    static KEPT: RefCell<Vec<Waker>> = RefCell::new(Vec::new());
}

/// Until this is dropped, the wakers of tasks that the current thread wakes are kept; then they are
/// called. Inside another one it does nothing.
pub(crate) struct Deferral {
    is_outermost: bool,
}

impl Deferral {
    pub(crate) fn begin() -> Self {
        let was_deferring = IS_DEFERRING.try_with(|deferring| deferring.replace(true));
        Deferral {
            is_outermost: matches!(was_deferring, Ok(false)),
        }
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        if !self.is_outermost {
            return;
        }
        let _ = IS_DEFERRING.try_with(|deferring| deferring.set(false));
        // Taken out: a waker may itself defer others.
        let mut kept = KEPT.try_with(RefCell::take).unwrap_or_default();
        if kept.is_empty() {
            return;
        }
        kept.drain(..).for_each(call);
        // Kept for its capacity.
        let _ = KEPT.try_with(|empty| empty.replace(kept));
    }
}

/// Whether the current thread keeps any waker.
pub(crate) fn has_deferred() -> bool {
    KEPT.try_with(|kept| !kept.borrow().is_empty())
        .unwrap_or(false)
}

/// Wakes a waiter, now or when the wakers of tasks are no longer deferred.
#[inline]
pub(crate) fn wake_or_defer(waker: Waker) {
    let is_kept = IS_DEFERRING.try_with(Cell::get).unwrap_or(false) && !is_of_a_thread(&waker);
    if !is_kept {
        return call(waker);
    }
    let mut waker = Some(waker);
    let _ = KEPT.try_with(|kept| kept.borrow_mut().extend(waker.take()));
    // The thread is being torn down.
    waker.into_iter().for_each(call);
}

/// If it panics, its waiter is not woken, but neither the calling thread nor other waiters are
/// affected.
fn call(waker: Waker) {
    let _ = quietly(|| waker.wake());
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::parker::block_on;
    use crate::sync::testing::Woken;
    use std::sync::Arc;
    use std::task::{Poll, Wake};

    #[test]
    fn wakers_of_tasks_are_called_when_the_outermost_deferral_ends() {
        let (first, second) = (Woken::new(), Woken::new());
        wake_or_defer(first.waker());
        assert_eq!(first.get(), 1);
        let outer = Deferral::begin();
        wake_or_defer(first.waker());
        let inner = Deferral::begin();
        wake_or_defer(second.waker());
        drop(inner);
        assert_eq!((first.get(), second.get()), (1, 0));
        drop(outer);
        assert_eq!((first.get(), second.get()), (2, 1));
        wake_or_defer(second.waker());
        assert_eq!(second.get(), 2);
    }

    #[test]
    fn a_parked_thread_is_woken_at_once() {
        let mut is_first = true;
        let woken = block_on(None, |context| {
            if !std::mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            let deferral = Deferral::begin();
            wake_or_defer(context.waker().clone());
            // Never ended: a waker that was kept would never be called.
            std::mem::forget(deferral);
            Poll::Pending
        });
        assert_eq!(woken, Some(()));
        IS_DEFERRING.with(|deferring| deferring.set(false));
    }

    /// Wakes another one while it is called, and panics.
    struct Chain(Arc<Woken>);

    impl Wake for Chain {
        fn wake(self: Arc<Self>) {
            let _deferral = Deferral::begin();
            wake_or_defer(self.0.waker());
            panic!("as it should");
        }
    }

    #[test]
    fn a_waker_may_defer_others_and_panic() {
        let (last, next) = (Woken::new(), Woken::new());
        let deferral = Deferral::begin();
        wake_or_defer(Waker::from(Arc::new(Chain(Arc::clone(&next)))));
        wake_or_defer(last.waker());
        drop(deferral);
        assert_eq!((next.get(), last.get()), (1, 1));
    }
}
