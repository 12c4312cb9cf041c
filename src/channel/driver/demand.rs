//! Which other threads and tasks wait for a pump. All of this is a hint: only speed depends on it, and
//! it is part of no model.

use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::super::sync::per_thread;

/// How long the poller may be vacant: what arrives or is sent then waits for up to this long. Enough
/// for a thread that takes what it got, a thousand messages of some KiB, and comes back for more.
pub(in super::super) const VACANCY: Duration = Duration::from_millis(1);

/// The same while others wait. It is at their cost, and the leader may have to queue up behind them
/// for a processor.
const SHORT_VACANCY: Duration = Duration::from_micros(250);

/// How many wait for something from one pump, on whichever of its sockets, and cannot help
/// themselves.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// For something to take.
    takers: AtomicIsize,
    /// Threads that are parked for something else.
    parked: AtomicIsize,
}

impl Demand {
    /// One more waits for something to take.
    pub(in super::super) fn add(&self) {
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    /// That many fewer do.
    pub(in super::super) fn remove(&self, count: usize) {
        self.takers.fetch_sub(count as isize, Ordering::Relaxed);
    }

    /// A thread is about to be parked for something else.
    pub(in super::super) fn parks(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    /// It is awake again.
    pub(in super::super) fn unparks(&self) {
        self.parked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether none waits for something to take.
    pub(crate) fn has_no_takers(&self) -> bool {
        self.takers.load(Ordering::Relaxed) <= 0
    }

    pub(in super::super) fn has_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed) > 0
    }

    /// How long the poller may be vacant.
    pub(super) fn vacancy(&self) -> Duration {
        match self.has_no_takers() && !self.has_parked() {
            true => VACANCY,
            false => SHORT_VACANCY,
        }
    }
}

per_thread! {
    static WOKEN: Cell<Woken> = Cell::new(Woken::NONE);
}

/// Which waiters a thread has woken so far; the counts wrap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Woken {
    all: u32,
    /// Those that have something to take; one that is woken again and again counts once.
    served: u32,
    /// The last of those.
    last: usize,
}

impl Woken {
    const NONE: Woken = Woken {
        all: 0,
        served: 0,
        last: 0,
    };

    /// By the current thread. From here on each waiter counts again.
    pub(crate) fn so_far() -> Self {
        Woken::update(|woken| woken.last = 0);
        WOKEN.try_with(Cell::get).unwrap_or(Woken::NONE)
    }

    /// Whether the current thread has woken any since then, and how many that have something to
    /// take.
    pub(crate) fn since(self) -> (bool, u32) {
        let now = WOKEN.try_with(Cell::get).unwrap_or(self);
        (now.all != self.all, now.served.wrapping_sub(self.served))
    }

    /// Whether the last one that this thread has woken, of those that have something to take, is
    /// this.
    pub(in super::super) fn last_is(waker: &Waker) -> bool {
        WOKEN
            .try_with(|woken| woken.get().last == waker.data().addr())
            .unwrap_or(false)
    }

    /// The current thread wakes one.
    pub(in super::super) fn count() {
        Woken::update(|woken| woken.all = woken.all.wrapping_add(1));
    }

    /// Of those that are woken, this one has something to take.
    pub(in super::super) fn count_served(waiter: usize) {
        Woken::update(|woken| {
            if woken.last != waiter {
                woken.last = waiter;
                woken.served = woken.served.wrapping_add(1);
            }
        });
    }

    fn update(change: impl FnOnce(&mut Woken)) {
        let _ = WOKEN.try_with(|cell| {
            let mut woken = cell.get();
            change(&mut woken);
            cell.set(woken);
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::super::waiters::{Waiters, Wakes};
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
        let mut waiters = Waiters::default();
        let demand = Arc::new(Demand::default());
        waiters.join(Arc::clone(&demand));
        let mut serve = |waker: &Waker| {
            let mut wakes = Wakes::default();
            waiters.register(&mut None, waker);
            assert!(!demand.has_no_takers());
            waiters.serve(7, &mut wakes);
            assert!(demand.has_no_takers());
            wakes.carry_out(None, None);
        };
        let woken = Woken::so_far();
        assert_eq!(woken.since(), (false, 0));
        serve(&one);
        serve(&one);
        assert_eq!(woken.since(), (true, 1));
        serve(&other);
        assert_eq!(woken.since(), (true, 2));
        let woken = Woken::so_far();
        serve(&other);
        assert_eq!(woken.since(), (true, 1));
    }

    #[test]
    fn the_poller_may_be_vacant_for_longer_while_none_waits() {
        let demand = Demand::default();
        assert_eq!(demand.vacancy(), VACANCY);
        demand.add();
        assert_eq!(demand.vacancy(), SHORT_VACANCY);
        demand.remove(1);
        demand.parks();
        assert!(demand.has_no_takers() && demand.vacancy() == SHORT_VACANCY);
        demand.unparks();
        assert_eq!(demand.vacancy(), VACANCY);
    }

    #[test]
    fn demand_is_of_those_that_still_wait() {
        let demand = Arc::new(Demand::default());
        let mut waiters = Waiters::default();
        waiters.join(Arc::clone(&demand));
        let (mut one, mut other, waker) = (None, None, Waker::noop());
        waiters.register(&mut one, waker);
        waiters.register(&mut one, waker);
        waiters.register(&mut other, waker);
        assert!(one.is_some_and(|one| waiters.remove(one) && !waiters.remove(one)));
        assert!(!demand.has_no_takers());
        waiters.call_all(&mut Wakes::default());
        assert!(demand.has_no_takers());
        waiters.register(&mut one, waker);
        assert!(!demand.has_no_takers());
        drop(waiters);
        assert!(demand.has_no_takers());
    }
}
