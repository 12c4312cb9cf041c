//! One waiter for many sources: each has its own waker, so that only sources that were woken are
//! polled, in the order of their wake-ups.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::primitives::Mutex;
use crate::sync::Hook;

/// The sources that have been woken, and the waker of the waiter.
pub(crate) struct ReadyQueue(Mutex<State>);

#[derive(Default)]
struct State {
    called: VecDeque<u64>,
    /// The same as a set: no source is queued twice before it is polled.
    in_line: BTreeSet<u64>,
    listener: Option<Waker>,
}

impl ReadyQueue {
    /// Creates a queue, to be shared with its wakers.
    pub(crate) fn new() -> Arc<ReadyQueue> {
        Arc::new(ReadyQueue(Mutex::new(State::default())))
    }

    /// Returns a waker for this token. A wake-up that no waiter listens for is kept, and `unheard`
    /// is called: it may have been meant for a waiter that can wait for another.
    pub(crate) fn waker(self: &Arc<Self>, token: u64, unheard: Option<Arc<dyn Hook>>) -> Waker {
        Waker::from(Arc::new(Call {
            ready_queue: Arc::clone(self),
            token,
            unheard,
        }))
    }

    /// Takes the tokens that have been woken. If there are none, the next wake-up wakes `listener`.
    pub(crate) fn collect(&self, into: &mut VecDeque<u64>, listener: Option<&Waker>) {
        let mut state = self.0.lock();
        state.in_line.clear();
        into.extend(state.called.drain(..));
        let kept = listener.filter(|_| into.is_empty()).cloned();
        let forgotten = std::mem::replace(&mut state.listener, kept);
        drop(state);
        drop(forgotten);
    }
}

/// The waker of one source.
struct Call {
    ready_queue: Arc<ReadyQueue>,
    token: u64,
    unheard: Option<Arc<dyn Hook>>,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let listener = {
            let mut state = self.ready_queue.0.lock();
            if !state.in_line.insert(self.token) {
                return;
            }
            state.called.push_back(self.token);
            state.listener.take()
        };
        match (listener, &self.unheard) {
            (Some(listener), _) => listener.wake(),
            (None, Some(unheard)) => unheard.notify(),
            (None, None) => {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::{Count, Woken};

    fn collect(ready_queue: &ReadyQueue, listener: Option<&Waker>) -> Vec<u64> {
        let mut called = VecDeque::new();
        ready_queue.collect(&mut called, listener);
        called.into()
    }

    #[test]
    fn wake_ups_are_collected_once_and_in_order() {
        let ready_queue = ReadyQueue::new();
        let wakers = [3, 1, 2].map(|token| ready_queue.waker(token, None));
        for waker in &wakers {
            waker.wake_by_ref();
            waker.wake_by_ref();
        }
        assert_eq!(collect(&ready_queue, None), [3, 1, 2]);
        assert_eq!(collect(&ready_queue, None), []);
        wakers[1].wake_by_ref();
        assert_eq!(collect(&ready_queue, None), [1]);
    }

    #[test]
    fn a_listener_is_woken_by_the_first_wake_up_only() {
        let ready_queue = ReadyQueue::new();
        let (unheard, listener) = (Arc::new(Count::default()), Woken::new());
        let wakers = [1, 2].map(|token| ready_queue.waker(token, Some(unheard.clone())));
        assert_eq!(collect(&ready_queue, Some(&listener.waker())), []);
        wakers[0].wake_by_ref();
        assert_eq!((listener.get(), unheard.get()), (1, 0));
        wakers[1].wake_by_ref();
        assert_eq!((listener.get(), unheard.get()), (1, 1));
        assert_eq!(collect(&ready_queue, Some(&listener.waker())), [1, 2]);
        wakers[0].wake_by_ref();
        assert_eq!((listener.get(), unheard.get()), (1, 2));
    }

    #[test]
    fn a_listener_that_stops_is_not_woken() {
        let ready_queue = ReadyQueue::new();
        let listener = Woken::new();
        assert_eq!(collect(&ready_queue, Some(&listener.waker())), []);
        assert_eq!(collect(&ready_queue, None), []);
        ready_queue.waker(1, None).wake();
        assert_eq!(listener.get(), 0);
    }
}
