//! What the driver knows of the others that take part: a poller and a pump.

use std::time::{Duration, Instant};

/// What a pump waits for.
pub(crate) trait Poller: Send + 'static {
    /// What is polled for.
    type Event;
    /// Waits for events, or until it is interrupted, for at most that long. What came of that.
    fn poll(&mut self, timeout: Duration) -> &[Self::Event];
}

/// One pump: what a thread does with it that drives it.
pub(crate) trait Turn: Send + 'static {
    type Event;
    type Command: Send + 'static;
    /// Does all there is to do now, a fair part of it.
    fn turn(&mut self, now: Instant, events: &[Self::Event]);
    /// Whether it will do nothing any more.
    fn is_finished(&self) -> bool;
    /// Whether there is something left to do for the next turn.
    fn is_busy(&self) -> bool;
    /// Whether what is left had better not wait.
    fn is_pressed(&self) -> bool;
    /// What its turns have left that only its own thread may run, without the pump.
    fn errands(&mut self) -> &mut Vec<Errand>;
    /// When the next turn is due at the latest, even if nothing happens.
    fn due(&self) -> Option<Instant>;
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
