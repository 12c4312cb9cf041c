//! What the driver knows of the others that take part: a poller, a pump, and a waiter that may lead.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::mailbox::Mailbox;

/// What a pump waits for, and how its sleep ends.
pub(crate) trait Poller: Send {
    /// What is polled for.
    type Event;

    /// Ends a sleep in the poller, or else the next one.
    type Interrupt: Interrupt;

    /// Waits for events, or until it is interrupted, for at most that long; without a timeout for
    /// ever.
    fn poll(&mut self, timeout: Option<Duration>);

    /// What came of that.
    fn events(&self) -> &[Self::Event];

    /// Forgets it.
    fn clear(&mut self);
}

/// The way to a thread that sleeps in a poller.
pub(crate) trait Interrupt: Send + Sync {
    fn interrupt(&self);
}

/// One pump: what a thread does with it that drives it.
pub(crate) trait Turn: Send {
    type Event;
    type Command;

    /// Does all there is to do now, a fair part of it.
    fn turn(&mut self, now: Instant, events: &[Self::Event]);

    fn mailbox(&self) -> &Mailbox<Self::Command>;

    /// Whether it will do nothing any more.
    fn is_finished(&self) -> bool;

    /// Whether there is something left to do for the next turn.
    fn is_busy(&self) -> bool;

    /// Whether a turn has left users' code that only the pump's own thread may run.
    fn has_errands(&self) -> bool;

    /// Hands that over. It is run without the pump.
    fn take_errands(&mut self) -> Vec<Errand>;

    /// Whether what is left had better not wait.
    fn is_pressed(&self) -> bool;

    /// When the next turn is due at the latest, even if nothing happens.
    fn due(&self) -> Option<Instant>;

    /// The moment of the last turn.
    fn last_turn(&self) -> Instant;

    /// How long its own thread may spin at most.
    fn spin_limit(&self) -> Duration;

    fn traffic(&self) -> Traffic;

    /// Whether that many bytes, read by a leader within that time for what it waited for, had better
    /// been read by another thread meanwhile.
    fn is_heavy(read: u64, within: Duration) -> bool;

    /// What closes all its sockets, in a process that has the memory and not the thread.
    fn orphans(&self) -> Box<dyn FnOnce()>;

    /// It has panicked, and said this: all that wait for it are told.
    fn fail(self, text: &str);
}

/// Users' code, which tells the pump what came of it through its mailbox.
pub(crate) type Errand = Box<dyn FnOnce() + Send>;

/// What a pump has carried so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Bytes read.
    pub(crate) read: u64,
    /// Bytes written.
    pub(crate) written: u64,
    /// Whether more is likely to arrive soon where was read last.
    pub(crate) expects_more: bool,
}

/// What came of a wait's attempt to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Led {
    /// It could not: the pump's thread will step aside as soon as it has woken a waiter.
    Denied,
    /// Whatever there was, was for the leader.
    Alone,
    /// Others wait that are served likewise: they had better be served all the time.
    Contended,
}

/// What a wait can do for the pump it waits for.
pub(crate) trait Lead: Send + Sync {
    /// Leads until the wait is over.
    fn lead(&self, wait: &dyn Until) -> Led;

    /// The current thread will be parked.
    fn about_to_park(&self);

    /// A task waits that is not polled: it will not lead.
    fn decline(&self);
}

/// The wait of a leader.
pub(crate) trait Until {
    /// Whether it is over.
    fn is_over(&self, now: Instant) -> bool;

    /// Whether it is too early to fall asleep.
    fn spins(&self, now: Instant) -> bool;

    /// How long the leader may sleep; `None` if not at all.
    fn longest_sleep(&self, now: Instant) -> Option<Duration>;

    /// The leader will sleep in the poller: whatever ends its wait is to call `interrupt` from now on.
    /// False if the wait is over.
    fn falls_asleep(&self, interrupt: &Waker) -> bool;

    /// That sleep is over.
    fn wakes_up(&self);

    /// Whether the turns that this thread did had something for others that waited.
    fn has_rivals(&self) -> bool;
}
