//! A one-way channel whose sender never waits: when it is full, the oldest item is overwritten. The
//! receiver keeps the channel alive; the sender notices when it is dropped.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::options::Overflow;
use crate::port::futures::recv::{at_the_end, not_now, too_late};
use crate::sync::bounded::{Channel, Nothing, Waiting};
use crate::sync::health::Health;
use crate::sync::parker::block_on;
use crate::sync::timeouts::{AlarmKey, Alarms};
use crate::sync::wait_queue::Ticket;

/// A channel that keeps the newest `capacity` items, at least one.
pub(crate) fn feed<T>(capacity: usize, clock: Clock, health: Arc<Health>) -> (Feeder<T>, Feed<T>) {
    let channel = Channel::new(capacity.max(1), Overflow::DropOldest, None, None);
    let shared = Arc::new(Shared {
        channel,
        clock,
        health,
    });
    let feeder = Feeder(Arc::downgrade(&shared));
    (feeder, Feed::new(shared))
}

/// The timers that wake tasks waiting with a deadline.
pub(crate) enum Clock {
    /// Those of a pump.
    Pump(Arc<Alarms>),
    /// Those of any pump, which is started if needed; `None` if there is no pump any more.
    Any(Arc<dyn Fn() -> Option<Arc<Alarms>> + Send + Sync>),
}

struct Shared<T> {
    channel: Channel<T>,
    clock: Clock,
    health: Arc<Health>,
}

/// The sending end. Dropping it closes the channel.
pub(crate) struct Feeder<T>(Weak<Shared<T>>);

impl<T> Feeder<T> {
    /// Adds an item, overwriting the oldest if there is no room; false if no receiver is left.
    pub(crate) fn put(&self, item: T) -> bool {
        let Some(shared) = self.0.upgrade() else {
            return false;
        };
        shared.channel.try_push(&mut Some(item));
        true
    }

    /// Whether the thread that reads the log is in this process: a fork does not copy it.
    #[cfg(feature = "tracing")]
    pub(crate) fn is_read_here(&self) -> bool {
        let shared = self.0.upgrade();
        shared.is_some_and(|shared| !shared.health.is_elsewhere())
    }

    /// Whether a receiver is left.
    pub(crate) fn is_read(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Closes the channel because the context has been shut down.
    pub(crate) fn terminate(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.channel.terminate();
        }
    }
}

impl<T> Drop for Feeder<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.channel.close();
        }
    }
}

/// The receiving end; each item goes to one of its clones.
pub(crate) struct Feed<T> {
    shared: Arc<Shared<T>>,
    /// The wait queue ticket of the stream.
    ticket: Ticket,
}

impl<T> Feed<T> {
    fn new(shared: Arc<Shared<T>>) -> Self {
        Feed {
            shared,
            ticket: None,
        }
    }

    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.channel.try_pop().map_err(not_now)
    }

    pub(crate) async fn recv(&self) -> Result<T, RecvError> {
        let mut place = Place::new(&self.shared);
        let popped = poll_fn(|context| place.poll_pop(context)).await;
        popped.map_err(at_the_end)
    }

    pub(crate) fn recv_blocking(&self) -> Result<T, RecvError> {
        let mut place = Place::new(&self.shared);
        let popped = block_on(None, |context| place.poll_pop(context));
        // Without a deadline there is a result.
        popped.unwrap_or(Err(Nothing::Closed)).map_err(at_the_end)
    }

    /// Waits until `deadline`; `None` means without limit.
    pub(crate) async fn recv_until(
        &self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvTimeoutError> {
        let mut place = Place::new(&self.shared);
        let mut alarm = Alarm {
            at: deadline,
            clock: &self.shared.clock,
            set: None,
        };
        let popped = poll_fn(|context| match place.poll_pop(context) {
            Poll::Pending if alarm.is_over(context) => Poll::Ready(Err(Nothing::Empty)),
            polled => polled,
        });
        popped.await.map_err(too_late)
    }

    pub(crate) fn recv_blocking_until(
        &self,
        deadline: Option<Instant>,
    ) -> Result<T, RecvTimeoutError> {
        let mut place = Place::new(&self.shared);
        let popped = block_on(deadline, |context| place.poll_pop(context));
        popped.unwrap_or(Err(Nothing::Empty)).map_err(too_late)
    }

    /// Polls for the next item, as a stream does: `None` at the end.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let waiting = Waiting {
            ticket: &mut self.ticket,
            waker: context.waker(),
        };
        match self.shared.channel.pop_or_wait(waiting) {
            Ok(item) => Poll::Ready(Some(item)),
            Err(Nothing::Empty) => Poll::Pending,
            Err(Nothing::Closed | Nothing::Terminated) => Poll::Ready(None),
        }
    }

    /// Number of items waiting.
    pub(crate) fn len(&self) -> usize {
        self.shared.channel.len()
    }

    /// Number of items overwritten.
    pub(crate) fn missed(&self) -> u64 {
        self.shared.channel.dropped()
    }
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Feed::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.shared.channel.leave_receivers(&mut self.ticket);
    }
}

/// A call's deadline, and the timer that wakes it then.
struct Alarm<'a> {
    at: Option<Instant>,
    clock: &'a Clock,
    set: Option<(Arc<Alarms>, AlarmKey)>,
}

impl Alarm<'_> {
    /// Whether the deadline has passed, or no timer can wake the task; otherwise the task will be
    /// woken at the deadline. It is woken earlier if the pump whose timer that is fails, to set
    /// another one.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else { return false };
        if Instant::now() >= at {
            return true;
        }
        if let Some((alarms, key)) = &self.set {
            if alarms.update(*key, context.waker()) {
                return false;
            }
        }
        let alarms = match self.clock {
            Clock::Pump(alarms) => Some(Arc::clone(alarms)),
            Clock::Any(find) => find(),
        };
        self.set = alarms.map(|alarms| {
            let key = alarms.register(at, context.waker());
            (alarms, key)
        });
        self.set.is_none()
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some((alarms, key)) = self.set.take() {
            alarms.cancel(key);
        }
    }
}

/// A call's place in the wait queue, left when it is dropped.
struct Place<'a, T> {
    channel: &'a Channel<T>,
    health: &'a Health,
    ticket: Ticket,
}

impl<'a, T> Place<'a, T> {
    fn new(shared: &'a Shared<T>) -> Self {
        Place {
            channel: &shared.channel,
            health: &shared.health,
            ticket: None,
        }
    }

    fn poll_pop(&mut self, context: &mut Context<'_>) -> Poll<Result<T, Nothing>> {
        let waiting = Waiting {
            ticket: &mut self.ticket,
            waker: context.waker(),
        };
        match self.channel.pop_or_wait(waiting) {
            // No item would ever arrive.
            Err(Nothing::Empty) if self.health.is_elsewhere() => Poll::Ready(Err(Nothing::Closed)),
            Err(Nothing::Empty) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.channel.leave_receivers(&mut self.ticket);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::Closed;
    use crate::sync::testing::Count;
    use std::thread;
    use std::time::Duration;

    fn small() -> (Feeder<u32>, Feed<u32>) {
        feed(
            2,
            Clock::Pump(Arc::new(Alarms::new(Arc::new(Count::default())))),
            Health::new(),
        )
    }

    #[test]
    fn an_unread_feed_keeps_the_newest_and_counts_the_rest() {
        let (feeder, feed) = small();
        assert!((1..=5).all(|item| feeder.put(item)));
        assert_eq!((feed.len(), feed.missed()), (2, 3));
        assert_eq!(feed.try_recv(), Ok(4));
        drop(feeder);
        assert_eq!(feed.recv_blocking(), Ok(5));
        assert_eq!(feed.recv_blocking(), Err(RecvError::Closed(Closed::Socket)));
    }

    #[test]
    fn a_feeder_notices_that_no_receiver_is_left() {
        let (feeder, feed) = small();
        let clone = feed.clone();
        drop(feed);
        assert!(feeder.put(1));
        drop(clone);
        assert!(!feeder.put(2));
    }

    #[test]
    fn waiting_ends_with_an_item_or_at_the_deadline_or_at_the_end() {
        let (feeder, feed) = small();
        let soon = Instant::now() + Duration::from_millis(5);
        let late = feed.recv_blocking_until(Some(soon));
        assert_eq!(late, Err(RecvTimeoutError::Timeout));
        let other = feed.clone();
        let waiting = thread::spawn(move || other.recv_blocking());
        feeder.put(1);
        assert_eq!(waiting.join().unwrap(), Ok(1));
        let other = feed.clone();
        let waiting = thread::spawn(move || futures::executor::block_on(other.recv()));
        feeder.terminate();
        assert_eq!(
            waiting.join().unwrap(),
            Err(RecvError::Closed(Closed::Context))
        );
    }
}
