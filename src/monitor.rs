//! Events of the connections of a socket or a context, as a channel of typed values.
//!
//! [`Socket::monitor`](crate::Socket::monitor) returns a [`Monitor`]: a receiver of [`Event`]s,
//! each of which has the [kind](EventKind) of event, the endpoint, the connection and the reason
//! ([`DisconnectReason`]).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::stream::Stream;

use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::port::{deadline_after as after, Feed};

pub use crate::event::{
    DisconnectReason, Event, EventKind, EventSet, PeerIdentity, ProtocolFault, SystemError,
};

/// Which events a [`Monitor`] receives, and how many it keeps.
///
/// ```
/// use zmq_channels::monitor::{EventSet, MonitorOptions};
///
/// let options = MonitorOptions::new()
///     .events(EventSet::CONNECTED | EventSet::DISCONNECTED)
///     .capacity(100);
/// assert_eq!(options.get_capacity(), 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorOptions {
    pub(crate) events: EventSet,
    pub(crate) capacity: usize,
}

impl MonitorOptions {
    /// Enough for a burst of reconnecting peers, and small enough not to matter.
    pub const DEFAULT_CAPACITY: usize = 1000;

    /// Creates options with the defaults documented at each setter.
    #[must_use]
    pub fn new() -> Self {
        MonitorOptions {
            events: EventSet::ALL,
            capacity: Self::DEFAULT_CAPACITY,
        }
    }

    /// The events to receive. Default [`EventSet::ALL`].
    #[must_use]
    pub fn events(mut self, events: EventSet) -> Self {
        self.events = events;
        self
    }

    /// Returns the value of [`events`](MonitorOptions::events).
    #[must_use]
    pub fn get_events(&self) -> EventSet {
        self.events
    }

    /// The number of events that wait to be read, at least one. With one more the oldest is dropped and
    /// [counted](Monitor::missed). Default 1000.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Returns the value of [`capacity`](MonitorOptions::capacity).
    #[must_use]
    pub fn get_capacity(&self) -> usize {
        self.capacity
    }
}

impl Default for MonitorOptions {
    fn default() -> Self {
        MonitorOptions::new()
    }
}

/// Receives the events of one socket, or of all sockets of a context, as they happen
/// (`zmq_socket_monitor`), including those of inproc connections. Created by
/// [`Socket::monitor`](crate::Socket::monitor) and [`Context::monitor`](crate::Context::monitor).
///
/// Cheap to clone; each event goes to one of the clones. A socket may have several monitors, each
/// of which receives all events. A monitor that is not read delays nothing: events are kept up to
/// the [capacity](MonitorOptions::capacity), then the oldest are dropped. It does not keep its
/// socket open; when the socket has closed, the remaining events can be read, `Stopped` last.
///
/// It is a blocking iterator (`for event in &monitor`) and a [`Stream`].
///
/// ```
/// use zmq_channels::monitor::EventKind;
/// use zmq_channels::{Context, Pull, Push};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let (pull, push) = (context.socket::<Pull>()?, context.socket::<Push>()?);
/// let monitor = pull.monitor()?;
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// assert_eq!(monitor.recv_blocking()?.kind, EventKind::Listening);
/// let accepted = monitor.recv_blocking()?;
/// assert_eq!(accepted.kind, EventKind::Accepted);
/// println!("{:?} from {:?}", accepted.connection, accepted.remote);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "zmq_socket_monitor")]
pub struct Monitor(Feed<Event>);

impl Monitor {
    pub(crate) fn new(feed: Feed<Event>) -> Self {
        Monitor(feed)
    }

    /// Receives the next event, waiting until there is one. This method is cancel safe: if the
    /// future is dropped before it is ready, no event has been taken.
    ///
    /// # Errors
    /// [`Closed`](RecvError::Closed) if all events have been taken and the socket is closed or the
    /// context has been shut down.
    pub fn recv(&self) -> impl Future<Output = Result<Event, RecvError>> + Send + '_ {
        self.0.recv()
    }

    /// Like [`recv`](Monitor::recv), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv`](Monitor::recv).
    pub fn recv_blocking(&self) -> Result<Event, RecvError> {
        self.0.recv_blocking()
    }

    /// Receives the next event if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none, and the errors of [`recv`](Monitor::recv).
    pub fn try_recv(&self) -> Result<Event, TryRecvError> {
        self.0.try_recv()
    }

    /// Receives the next event, waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout) if none arrived, and the errors of
    /// [`recv`](Monitor::recv).
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Event, RecvTimeoutError>> + Send + '_ {
        self.0.recv_until(after(timeout))
    }

    /// Like [`recv_timeout`](Monitor::recv_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv_timeout`](Monitor::recv_timeout).
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Event, RecvTimeoutError> {
        self.0.recv_blocking_until(after(timeout))
    }

    /// Returns a blocking iterator; it ends when no more events will arrive.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::from_fn(|| self.recv_blocking().ok())
    }

    /// Returns the number of events waiting to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether no event is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of events that were dropped to make room for newer ones.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.missed()
    }
}

impl Clone for Monitor {
    fn clone(&self) -> Self {
        Monitor(self.0.clone())
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("len", &self.len())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}

impl Stream for Monitor {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().0.poll_next(context)
    }
}

/// A blocking iterator over the events of a [`Monitor`]; ends when no more will arrive.
#[derive(Debug)]
pub struct Events(Monitor);

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.0.recv_blocking().ok()
    }
}

impl IntoIterator for Monitor {
    type Item = Event;
    type IntoIter = Events;

    fn into_iter(self) -> Events {
        Events(self)
    }
}

impl IntoIterator for &Monitor {
    type Item = Event;
    type IntoIter = Events;

    fn into_iter(self) -> Events {
        Events(self.clone())
    }
}
