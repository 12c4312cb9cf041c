//! Counts the waiters that the current thread has woken, from which a pump's turn tells which it
//! has served.

use std::cell::Cell;
use std::task::Waker;

use crate::sync::primitives::per_thread;

per_thread! {
    static WOKEN: Cell<WakeCount> = Cell::new(WakeCount::NONE);
}

/// Counts of the waiters that a thread has woken so far; they wrap around.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WakeCount {
    all: u32,
    /// Those that have something to take; a waiter that is woken repeatedly counts once.
    served: u32,
    /// The last of those.
    last: usize,
}

impl WakeCount {
    /// No waiters.
    pub(crate) const NONE: WakeCount = WakeCount {
        all: 0,
        served: 0,
        last: 0,
    };

    /// The counts of the current thread. From here on each waiter counts again.
    pub(crate) fn so_far() -> Self {
        WakeCount::update(|woken| woken.last = 0);
        WOKEN.try_with(Cell::get).unwrap_or(WakeCount::NONE)
    }

    /// Whether the current thread has woken any waiters since then, and how many that have
    /// something to take.
    pub(crate) fn since(self) -> (bool, u32) {
        let now = WOKEN.try_with(Cell::get).unwrap_or(self);
        (now.all != self.all, now.served.wrapping_sub(self.served))
    }

    /// Whether this is the last waiter with something to take that the current thread has woken.
    pub(crate) fn last_is(waker: &Waker) -> bool {
        WOKEN
            .try_with(|woken| woken.get().last == waker.data().addr())
            .unwrap_or(false)
    }

    /// The current thread wakes a waiter.
    pub(crate) fn count() {
        WakeCount::update(|woken| woken.all = woken.all.wrapping_add(1));
    }

    /// The waiter just woken has something to take.
    pub(crate) fn count_served(waiter: usize) {
        WakeCount::update(|woken| {
            if woken.last != waiter {
                woken.last = waiter;
                woken.served = woken.served.wrapping_add(1);
            }
        });
    }

    fn update(change: impl FnOnce(&mut WakeCount)) {
        let _ = WOKEN.try_with(|cell| {
            let mut count = cell.get();
            change(&mut count);
            cell.set(count);
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::wait_queue::{Gauge, WaitQueue, WakeList};
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Unheard;

    impl Wake for Unheard {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waiter_served_twice_counts_once() {
        let (one, other) = (
            Waker::from(Arc::new(Unheard)),
            Waker::from(Arc::new(Unheard)),
        );
        let mut waiters = WaitQueue::default();
        let gauge = Arc::new(Gauge::default());
        waiters.join(Arc::clone(&gauge));
        let mut serve = |waker: &Waker| {
            let mut wakes = WakeList::default();
            waiters.register(&mut None, waker);
            assert!(!gauge.is_zero());
            waiters.serve(7, &mut wakes);
            assert!(gauge.is_zero());
            wakes.carry_out(None, None);
        };
        let woken = WakeCount::so_far();
        assert_eq!(woken.since(), (false, 0));
        serve(&one);
        serve(&one);
        assert_eq!(woken.since(), (true, 1));
        serve(&other);
        assert_eq!(woken.since(), (true, 2));
        let woken = WakeCount::so_far();
        serve(&other);
        assert_eq!(woken.since(), (true, 1));
    }
}
