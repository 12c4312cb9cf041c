//! What happens to the connections of a socket or a context, as a channel of typed events.
//!
//! [`Socket::monitor`](crate::Socket::monitor) gives a [`Monitor`]: a receiver of [`Event`]s, which say what
//! happened ([`EventKind`]), at which endpoint, to which connection, and why ([`DisconnectReason`]).

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

/// What a [`Monitor`] is told, and how much of it it keeps.
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
    /// Enough for a burst of reconnecting peers, small enough to be forgotten about.
    pub const DEFAULT_CAPACITY: usize = 1000;

    /// The defaults, as documented on each setter.
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

    /// What [`events`](MonitorOptions::events) is set to.
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

    /// What [`capacity`](MonitorOptions::capacity) is set to.
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

/// The events of one socket, or of all sockets of a context, as they happen (`zmq_socket_monitor`),
/// those of inproc connections among them. Made by [`Socket::monitor`](crate::Socket::monitor) and
/// [`Context::monitor`](crate::Context::monitor).
///
/// Cheap to clone; each event goes to one of the clones. A socket may have several monitors, and
/// each gets all events. It holds nothing up: events that are not read are kept up to the
/// [capacity](MonitorOptions::capacity), then the oldest go. It does not keep its socket
/// open; when the socket has closed, what is left can be read, `Stopped` last.
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

    /// The next event, waiting until there is one. Dropping the future takes none.
    ///
    /// # Errors
    /// When everything has been taken: [`Closed`](RecvError::Closed), which says whether
    /// the socket is closed or the context has been shut down.
    pub fn recv(&self) -> impl Future<Output = Result<Event, RecvError>> + Send + '_ {
        self.0.recv()
    }

    /// As [`recv`](Monitor::recv), blocking the thread.
    ///
    /// # Errors
    /// Those of [`recv`](Monitor::recv).
    pub fn recv_blocking(&self) -> Result<Event, RecvError> {
        self.0.recv_blocking()
    }

    /// The next event if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none, and those of [`recv`](Monitor::recv).
    pub fn try_recv(&self) -> Result<Event, TryRecvError> {
        self.0.try_recv()
    }

    /// The next event, waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout) if none came, and those of [`recv`](Monitor::recv).
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Event, RecvTimeoutError>> + Send + '_ {
        self.0.recv_until(after(timeout))
    }

    /// As [`recv_timeout`](Monitor::recv_timeout), blocking the thread.
    ///
    /// # Errors
    /// Those of [`recv_timeout`](Monitor::recv_timeout).
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Event, RecvTimeoutError> {
        self.0.recv_blocking_until(after(timeout))
    }

    /// A blocking iterator; ends when no more events will come.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::from_fn(|| self.recv_blocking().ok())
    }

    /// Events waiting to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no event is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events were not read in time and had to make room for newer ones.
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

/// A blocking iterator over the events of a [`Monitor`]; ends when no more will come.
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
