//! Threads and tasks that wait, in order, and the wakers to call once all locks are given back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::Arc;
use std::task::Waker;

use crate::sync::deferral::wake_or_defer;
use crate::sync::wake_count::WakeCount;
use crate::sync::Hook;

/// A place in a queue of waiters, kept by the waiter. It stays the same when a woken
/// waiter finds nothing and waits again, so no waiter is overtaken twice.
pub(crate) type Ticket = Option<u64>;

/// How many wait in several queues together. A hint: nothing but speed depends on it, and it is part of no
/// model.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicIsize);

impl Gauge {
    /// One more waits.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// That many fewer do.
    pub(crate) fn remove(&self, count: usize) {
        self.0.fetch_sub(count as isize, Ordering::Relaxed);
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 0
    }
}

/// Parked threads and tasks alike, first come first served. Tickets grow, so the queue is sorted.
///
/// Some take what they wait for, others only [watch](Self::watch) for it. A watcher is called
/// together with the first that is called after it has begun, and never in the place of another:
/// those that take are called as if there were no watchers.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    queue: VecDeque<Waiter>,
    /// How many of them only watch.
    watchers: usize,
    next: u64,
    /// Where they are counted together with others.
    gauge: Option<Arc<Gauge>>,
}

#[derive(Debug)]
struct Waiter {
    place: u64,
    waker: Waker,
    takes: bool,
}

impl std::ops::Drop for WaitQueue {
    fn drop(&mut self) {
        self.left(self.queue.len());
    }
}

impl WaitQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Counts its waiters together with those of other queues.
    pub(crate) fn join(&mut self, gauge: Arc<Gauge>) {
        debug_assert!(self.queue.is_empty(), "there are no waiters yet");
        self.gauge = Some(gauge);
    }

    /// A place that belongs to another queue of the same channel: no two of them are the same.
    pub(crate) fn reserve(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether none of its waiters takes what it waits for.
    pub(crate) fn only_watches(&self) -> bool {
        self.queue.len() == self.watchers
    }

    /// Waits, or goes on waiting with this waker.
    pub(crate) fn register(&mut self, ticket: &mut Ticket, waker: &Waker) {
        self.insert(ticket, waker, true);
    }

    /// As [`register`](Self::register), for a waiter that will take nothing.
    pub(crate) fn watch(&mut self, ticket: &mut Ticket, waker: &Waker) {
        self.insert(ticket, waker, false);
    }

    fn insert(&mut self, ticket: &mut Ticket, waker: &Waker, takes: bool) {
        let place = *ticket.get_or_insert(self.next);
        self.next = self.next.max(place + 1);
        match self.find(place) {
            Ok(index) => self.queue[index].waker.clone_from(waker),
            Err(index) => {
                let waiter = Waiter {
                    place,
                    waker: waker.clone(),
                    takes,
                };
                self.queue.insert(index, waiter);
                self.watchers += usize::from(!takes);
                if let Some(gauge) = &self.gauge {
                    gauge.add();
                }
            }
        }
    }

    /// Stops waiting. False if there is no such waiter: it has been woken.
    pub(crate) fn remove(&mut self, ticket: u64) -> bool {
        let found = self.find(ticket);
        if let Some(waiter) = found.ok().and_then(|index| self.queue.remove(index)) {
            self.watchers -= usize::from(!waiter.takes);
            self.left(1);
        }
        found.is_ok()
    }

    /// Hands the first `count` waiters over to be woken, and if that is any, all that only watch.
    pub(crate) fn call(&mut self, count: usize, wakes: &mut WakeList) {
        if self.watchers > 0 {
            return self.call_with_watchers(count, wakes);
        }
        let count = count.min(self.queue.len());
        for waiter in self.queue.drain(..count) {
            wakes.add(waiter.waker);
        }
        self.left(count);
    }

    #[cold]
    fn call_with_watchers(&mut self, count: usize, wakes: &mut WakeList) {
        if count == 0 {
            return;
        }
        let before = self.queue.len();
        let mut left = count;
        for waiter in std::mem::take(&mut self.queue) {
            if waiter.takes && left == 0 {
                self.queue.push_back(waiter);
                continue;
            }
            left -= usize::from(waiter.takes);
            wakes.add(waiter.waker);
        }
        self.watchers = 0;
        self.left(before - self.queue.len());
    }

    /// That many do not wait any more.
    fn left(&self, count: usize) {
        if let Some(gauge) = &self.gauge {
            gauge.remove(count);
        }
    }

    /// As [`call`](Self::call), for waiters that have something to take now.
    pub(crate) fn serve(&mut self, count: usize, wakes: &mut WakeList) {
        // A watcher that stands before others is counted in the place of one of them.
        for waiter in self.queue.iter().take(count) {
            WakeCount::count_served(waiter.waker.data().addr());
        }
        self.call(count, wakes);
    }

    pub(crate) fn call_all(&mut self, wakes: &mut WakeList) {
        self.call(usize::MAX, wakes);
    }

    fn find(&self, ticket: u64) -> Result<usize, usize> {
        self.queue
            .binary_search_by_key(&ticket, |waiter| waiter.place)
    }
}

/// Wakes what waits. The wakers of tasks may be [deferred](crate::sync::deferral).
#[inline]
pub(crate) fn wake(waker: Waker) {
    WakeCount::count();
    wake_or_defer(waker);
}

/// Collected under the locks, carried out after them.
#[derive(Default)]
#[must_use = "waiters sleep on if these are not carried out"]
pub(crate) struct WakeList {
    first: Option<Waker>,
    others: Vec<Waker>,
    /// Call the hook of the pump that consumes.
    pub(crate) consumer: bool,
    /// Call the hook of the pump that produces.
    pub(crate) producer: bool,
}

impl WakeList {
    fn add(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.others.push(waker);
        }
    }

    /// Wakes all that were collected. No lock may be held.
    #[inline]
    pub(crate) fn carry_out(
        self,
        consumer: Option<&Arc<dyn Hook>>,
        producer: Option<&Arc<dyn Hook>>,
    ) {
        if self.consumer {
            if let Some(hook) = consumer {
                hook.notify();
            }
        }
        if self.producer {
            if let Some(hook) = producer {
                hook.notify();
            }
        }
        if let Some(waker) = self.first {
            wake(waker);
            for waker in self.others {
                wake(waker);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_counts_current_waiters() {
        let gauge = Arc::new(Gauge::default());
        let mut waiters = WaitQueue::default();
        waiters.join(Arc::clone(&gauge));
        let (mut one, mut other, waker) = (None, None, Waker::noop());
        waiters.register(&mut one, waker);
        waiters.register(&mut one, waker);
        waiters.register(&mut other, waker);
        assert!(one.is_some_and(|one| waiters.remove(one) && !waiters.remove(one)));
        assert!(!gauge.is_zero());
        waiters.call_all(&mut WakeList::default());
        assert!(gauge.is_zero());
        waiters.register(&mut one, waker);
        assert!(!gauge.is_zero());
        drop(waiters);
        assert!(gauge.is_zero());
    }

    #[test]
    fn watchers_are_woken_with_other_waiters_and_never_instead_of_them() {
        let gauge = Arc::new(Gauge::default());
        let mut waiters = WaitQueue::default();
        waiters.join(Arc::clone(&gauge));
        let woken = [(); 4].map(|()| crate::sync::testing::Woken::new());
        let [early, first, second, late] = &woken;
        let mut tickets = [None; 4];
        waiters.watch(&mut tickets[0], &early.waker());
        waiters.register(&mut tickets[1], &first.waker());
        waiters.register(&mut tickets[2], &second.waker());
        waiters.watch(&mut tickets[3], &late.waker());
        let called = |waiters: &mut WaitQueue, count| {
            let mut wakes = WakeList::default();
            waiters.call(count, &mut wakes);
            wakes.carry_out(None, None);
            [early, first, second, late].map(|woken| woken.get())
        };
        assert_eq!(called(&mut waiters, 0), [0, 0, 0, 0]);
        assert_eq!(called(&mut waiters, 1), [1, 1, 0, 1]);
        assert!(!waiters.only_watches());
        // One that goes on watching, and stops.
        waiters.watch(&mut tickets[0], &early.waker());
        assert!(tickets[0].is_some_and(|ticket| waiters.remove(ticket)));
        waiters.watch(&mut tickets[3], &late.waker());
        assert_eq!(called(&mut waiters, 2), [1, 1, 1, 2]);
        assert!(waiters.is_empty() && waiters.only_watches() && gauge.is_zero());
    }
}
