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
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    queue: VecDeque<(u64, Waker)>,
    next: u64,
    /// Where they are counted together with others.
    gauge: Option<Arc<Gauge>>,
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

    /// Waits, or goes on waiting with this waker.
    pub(crate) fn register(&mut self, ticket: &mut Ticket, waker: &Waker) {
        let place = *ticket.get_or_insert(self.next);
        self.next = self.next.max(place + 1);
        match self.find(place) {
            Ok(index) => self.queue[index].1.clone_from(waker),
            Err(index) => {
                self.queue.insert(index, (place, waker.clone()));
                if let Some(gauge) = &self.gauge {
                    gauge.add();
                }
            }
        }
    }

    /// Stops waiting. False if there is no such waiter: it has been woken.
    pub(crate) fn remove(&mut self, ticket: u64) -> bool {
        let found = self.find(ticket);
        if let Ok(index) = found {
            self.queue.remove(index);
            self.left(1);
        }
        found.is_ok()
    }

    /// Hands the first `count` waiters over to be woken.
    pub(crate) fn call(&mut self, count: usize, wakes: &mut WakeList) {
        let count = count.min(self.queue.len());
        for (_, waker) in self.queue.drain(..count) {
            wakes.add(waker);
        }
        self.left(count);
    }

    /// That many do not wait any more.
    fn left(&self, count: usize) {
        if let Some(gauge) = &self.gauge {
            gauge.remove(count);
        }
    }

    /// As [`call`](Self::call), for waiters that have something to take now.
    pub(crate) fn serve(&mut self, count: usize, wakes: &mut WakeList) {
        for (_, waker) in self.queue.iter().take(count) {
            WakeCount::count_served(waker.data().addr());
        }
        self.call(count, wakes);
    }

    pub(crate) fn call_all(&mut self, wakes: &mut WakeList) {
        self.call(usize::MAX, wakes);
    }

    fn find(&self, ticket: u64) -> Result<usize, usize> {
        self.queue.binary_search_by_key(&ticket, |(key, _)| *key)
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
    fn a_gauge_is_of_those_that_still_wait() {
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
}
