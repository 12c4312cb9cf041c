//! The answer to one command: a slot that is filled once, or given up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::sync::parker::block_on;
use crate::sync::primitives::Mutex;
use crate::sync::wait_queue::wake;

/// A slot for one answer, and the right to fill it.
pub(crate) fn answer<T>() -> (Answer<T>, Reply<T>) {
    let slot = Arc::new(Mutex::new(Slot {
        value: None,
        replied: false,
        waker: None,
    }));
    (Answer(Arc::clone(&slot)), Reply(slot))
}

struct Slot<T> {
    value: Option<T>,
    /// There will be no other value than the one there is now.
    replied: bool,
    waker: Option<Waker>,
}

/// Waits for the answer. `None` means that the [`Reply`] was dropped: there will be no answer.
#[must_use = "an answer that is not waited for is lost"]
pub(crate) struct Answer<T>(Arc<Mutex<Slot<T>>>);

/// Fills the slot; dropping it instead answers `None`.
pub(crate) struct Reply<T>(Arc<Mutex<Slot<T>>>);

impl<T> Answer<T> {
    /// Blocks until there is an answer.
    pub(crate) fn wait(self) -> Option<T> {
        block_on(None, |context| self.poll_answer(context)).flatten()
    }

    /// Blocks until there is an answer or the deadline has passed, which is `Pending`.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Poll<Option<T>> {
        match block_on(Some(deadline), |context| self.poll_answer(context)) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }

    /// [`wait_until`](Self::wait_until), so long from now.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> Poll<Option<T>> {
        match later(Instant::now(), timeout) {
            Some(deadline) => self.wait_until(deadline),
            // Longer than a thread can wait.
            None => Poll::Ready(block_on(None, |context| self.poll_answer(context)).flatten()),
        }
    }

    /// The answer if there is one yet.
    #[cfg(test)]
    pub(crate) fn try_take(&self) -> Poll<Option<T>> {
        let mut slot = self.0.lock();
        if slot.replied {
            Poll::Ready(slot.value.take())
        } else {
            Poll::Pending
        }
    }

    pub(crate) fn poll_answer(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock();
        if slot.replied {
            return Poll::Ready(slot.value.take());
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => slot.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_answer(context)
    }
}

/// Waits until each is answered or given up; while the thread unwinds for a panic, for at most so
/// long, because a panic is to be seen. What is not answered by then is given up.
pub(crate) fn wait_all<T>(answers: impl IntoIterator<Item = Answer<T>>, in_a_panic: Duration) {
    let deadline = match thread::panicking() {
        true => later(Instant::now(), in_a_panic),
        false => None,
    };
    for answer in answers {
        match deadline {
            Some(deadline) => drop(answer.wait_until(deadline)),
            None => drop(answer.wait()),
        }
    }
}

impl<T> Reply<T> {
    /// Whether the answer is not waited for any more.
    pub(crate) fn is_unheard(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn send(self, value: T) {
        self.0.lock().value = Some(value);
        // Dropping `self` publishes it.
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock();
            slot.replied = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_reply_is_taken_in_every_way() {
        let (answer, reply) = answer();
        assert_eq!(answer.try_take(), Poll::Pending);
        reply.send(1);
        assert_eq!(answer.try_take(), Poll::Ready(Some(1)));

        let (answer, reply) = super::answer();
        let waiting = thread::spawn(move || answer.wait());
        reply.send(2);
        assert_eq!(waiting.join().unwrap(), Some(2));

        let (answer, reply) = super::answer();
        let waiting = thread::spawn(move || futures::executor::block_on(answer));
        reply.send(3);
        assert_eq!(waiting.join().unwrap(), Some(3));
    }

    #[test]
    fn a_dropped_reply_resolves_to_none() {
        let (answer, reply) = answer::<u8>();
        let waiting = thread::spawn(move || answer.wait());
        drop(reply);
        assert_eq!(waiting.join().unwrap(), None);
    }

    #[test]
    fn waiting_ends_at_the_deadline_and_can_be_resumed() {
        let (answer, reply) = answer();
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(answer.wait_until(soon), Poll::Pending);
        assert!(Instant::now() >= soon);
        reply.send("late");
        assert_eq!(answer.wait(), Some("late"));
    }
}
