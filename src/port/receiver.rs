//! The receiving end of a socket's ports, and its iterators.

use crate::port::deadline::after;
use crate::port::futures::recv::{not_now, RecvFuture, RecvManyFuture, RecvTimeoutFuture};
use crate::port::handles::Kind;
use crate::port::holder::{describe, Holder};
use crate::port::shared::{is_closed, Ports};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::stream::{FusedStream, Stream};

use crate::driver::wait::{Awaits, TaskWait};
use crate::error::{Closed, PumpFailure, RecvError, RecvTimeoutError, TryRecvError};
use crate::message::Message;
use crate::port::lockstep::QueuePlaces;
use crate::sync::bounded::Channel;
use crate::sync::Hook;

/// The `out` of a socket: receives messages in any thread or task.
///
/// Receivers are cheap to clone; each message goes to one of the clones, and calls take `&self`.
/// When the socket is closed, a receiver returns the remaining messages and then fails with
/// [`Closed::Socket`].
///
/// It is a blocking iterator (`for message in &receiver`) and a [`Stream`];
/// both end when no more messages will arrive.
///
/// ```
/// use zmq_channels::{Context, Pull, Push};
///
/// let context = Context::new();
/// let pull = context.socket::<Pull>()?;
/// let push = context.socket::<Push>()?;
/// push.connect(&pull.bind("inproc://results")?)?;
/// push.send_blocking(["answer", "42"])?;
///
/// let receiver = pull.receiver();
/// let message = receiver.recv_blocking()?;
/// assert_eq!(message[1], "42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Receiver {
    ports: Arc<Ports>,
    /// Whether the fast path applies. Stored here because every call reads it.
    plain: bool,
    /// The wait queue ticket of the stream.
    places: QueuePlaces,
    /// That of [`poll_readable`](Receiver::poll_readable).
    pub(in crate::port) watch: QueuePlaces,
    pub(in crate::port) task: TaskWait,
}

impl Receiver {
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn enter(ports: &Arc<Ports>) -> Option<Self> {
        ports.enter(Kind::Receiver).then(|| Receiver {
            ports: Arc::clone(ports),
            plain: ports.receives_plainly(),
            places: QueuePlaces::default(),
            watch: QueuePlaces::default(),
            task: TaskWait::default(),
        })
    }

    /// Receives a message, waiting until there is one.
    ///
    /// This method is cancel safe: if the future is dropped before it is ready, no message has been
    /// taken.
    ///
    /// # Errors
    ///
    /// [`Closed`](RecvError::Closed) if all messages have been taken and the socket is closed or
    /// the context has been shut down.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # use zmq_channels::{Context, Pair};
    /// # let context = Context::new();
    /// # let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// # left.connect(&right.bind("inproc://recv")?)?;
    /// # left.send("hello").await?;
    /// let receiver = right.receiver();
    /// let message = receiver.recv().await?;
    /// assert_eq!(message.as_str(), Some("hello"));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "zmq_msg_recv")]
    #[doc(alias = "recv_multipart")]
    pub fn recv(&self) -> RecvFuture<'_> {
        RecvFuture::new(&self.ports)
    }

    /// Like [`recv`](Receiver::recv), but blocks the current thread.
    ///
    /// # Errors
    ///
    /// Same as [`recv`](Receiver::recv).
    #[inline]
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "zmq_recvmsg")]
    #[doc(alias = "recv_string")]
    #[doc(alias = "ZMQ_RCVMORE")]
    pub fn recv_blocking(&self) -> Result<Message, RecvError> {
        if let Some(message) = self.pop_quietly() {
            return Ok(message);
        }
        match self.ports.try_pop() {
            Ok(message) => Ok(message),
            Err(why) => RecvFuture::new(&self.ports).block(why),
        }
    }

    /// Receives a message if there is one now.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) if there is none (on a REP socket: also while a reply is
    /// due), and the errors of [`recv`](Receiver::recv).
    #[inline]
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "dontwait")]
    #[doc(alias = "noblock")]
    #[doc(alias = "ZMQ_DONTWAIT")]
    pub fn try_recv(&self) -> Result<Message, TryRecvError> {
        if let Some(message) = self.pop_quietly() {
            return Ok(message);
        }
        self.ports.try_pop().map_err(not_now)
    }

    /// Receives a message, waiting for at most `timeout` (`ZMQ_RCVTIMEO`).
    ///
    /// # Errors
    ///
    /// [`Timeout`](RecvTimeoutError::Timeout) if none arrived within `timeout`, and the errors of
    /// [`recv`](Receiver::recv).
    #[doc(alias = "ZMQ_RCVTIMEO")]
    pub fn recv_timeout(&self, timeout: Duration) -> RecvTimeoutFuture<'_> {
        RecvTimeoutFuture::new(RecvFuture::new(&self.ports), after(timeout))
    }

    /// Like [`recv_timeout`](Receiver::recv_timeout), but blocks the current thread.
    ///
    /// # Errors
    ///
    /// Same as [`recv_timeout`](Receiver::recv_timeout).
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Message, RecvTimeoutError> {
        self.recv_blocking_until(after(timeout))
    }

    /// Receives all messages that are available, up to `max`, waiting until there is at least one.
    /// Appends them to `into` and returns their number. A REP socket receives one at a time.
    ///
    /// This method is cancel safe: if the future is dropped before it is ready, no message has been
    /// taken.
    ///
    /// # Errors
    ///
    /// Same as [`recv`](Receiver::recv).
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # use zmq_channels::{Context, Pair};
    /// # let context = Context::new();
    /// # let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// # left.connect(&right.bind("inproc://many")?)?;
    /// # left.send("hello").await?;
    /// let receiver = right.receiver();
    /// let mut batch = Vec::new();
    /// let count = receiver.recv_many(&mut batch, 100).await?;
    /// assert_eq!(count, batch.len());
    /// # Ok(()) }
    /// ```
    pub fn recv_many<'a>(&'a self, into: &'a mut Vec<Message>, max: usize) -> RecvManyFuture<'a> {
        RecvManyFuture::new(&self.ports, into, max)
    }

    /// Like [`recv_many`](Receiver::recv_many), but blocks the current thread.
    ///
    /// # Errors
    ///
    /// Same as [`recv`](Receiver::recv).
    pub fn recv_many_blocking(
        &self,
        into: &mut Vec<Message>,
        max: usize,
    ) -> Result<usize, RecvError> {
        RecvManyFuture::new(&self.ports, into, max).block()
    }

    /// Returns an iterator over the messages that are available now; it does not wait for more.
    pub fn drain(&self) -> Drain<'_> {
        Drain::new(&self.ports)
    }

    /// Returns a blocking iterator; it ends when no more messages will arrive.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self)
    }

    /// Returns the number of messages waiting to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channel().map_or(0, Channel::len)
    }

    /// Returns whether no message is waiting to be received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of messages that can wait here before the socket stops reading from its
    /// peers, or `None` if there is no limit.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.channel().and_then(Channel::capacity)
    }

    /// Closes the socket for all handles; messages that are waiting can still be received.
    /// Idempotent; returns immediately.
    pub fn close(&self) {
        self.ports.close_receiving();
    }

    /// Returns why the socket's pump has failed, or `None` if it has not. After a failure, calls
    /// fail with [`Closed::Socket`].
    #[must_use]
    pub fn failure(&self) -> Option<PumpFailure> {
        self.ports.health().failure()
    }

    /// Returns whether no more messages will arrive, apart from those that are waiting.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        is_closed(self.channel())
    }

    /// Returns the number of messages that the overflow policy has dropped so far; on a REQ socket
    /// also the number of replies that arrived after their request was cancelled.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.channel().map_or(0, Channel::dropped)
    }

    /// Returns a handle that does not hold the socket open.
    #[must_use]
    pub fn downgrade(&self) -> WeakReceiver {
        WeakReceiver(Arc::downgrade(&self.ports))
    }

    /// Returns a hook that passes a wake-up on to another receiver, for one that reached a receiver
    /// that no longer waits.
    pub(crate) fn pass_on(&self) -> Arc<dyn Hook> {
        let ports = Arc::downgrade(&self.ports);
        Arc::new(move || {
            if let Some(ports) = ports.upgrade() {
                ports.call_a_receiver();
            }
        })
    }

    /// Why no more messages arrive.
    pub(crate) fn end(&self) -> RecvError {
        match self.ports.is_terminated() {
            true => RecvError::Closed(Closed::Context),
            false => RecvError::Closed(Closed::Socket),
        }
    }

    fn channel(&self) -> Option<&Channel<Message>> {
        self.ports.outward()
    }

    /// Receives on the fast path.
    #[inline]
    fn pop_quietly(&self) -> Option<Message> {
        match self.plain {
            true => self.ports.pop_quietly(),
            false => None,
        }
    }

    fn recv_blocking_until(&self, deadline: Option<Instant>) -> Result<Message, RecvTimeoutError> {
        if let Some(message) = self.pop_quietly() {
            return Ok(message);
        }
        match self.ports.try_pop() {
            Ok(message) => Ok(message),
            Err(why) => RecvFuture::new(&self.ports).block_until(why, deadline),
        }
    }
}

impl Clone for Receiver {
    fn clone(&self) -> Self {
        self.ports.enter(Kind::Receiver);
        Receiver {
            ports: Arc::clone(&self.ports),
            plain: self.plain,
            places: QueuePlaces::default(),
            watch: QueuePlaces::default(),
            task: TaskWait::default(),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ports.leave_receivers(&mut self.places);
        self.ports.stop_watching_items(&mut self.watch);
        self.ports.leave(Kind::Receiver);
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Receiver", self.len(), self.capacity(), self.is_closed())
    }
}

impl Stream for Receiver {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        let this = self.get_mut();
        let (ports, places) = (&*this.ports, &mut this.places);
        let popped = this
            .task
            .poll(ports.wait_context(), Awaits::Items, context, |context| {
                ports.poll_pop(places, context.waker())
            });
        popped.map(Result::ok)
    }
}

impl FusedStream for Receiver {
    fn is_terminated(&self) -> bool {
        self.is_closed() && self.is_empty()
    }
}

impl IntoIterator for Receiver {
    type Item = Message;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self)
    }
}

impl<'a> IntoIterator for &'a Receiver {
    type Item = Message;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// A [`Receiver`] that does not hold its socket open.
#[derive(Clone)]
pub struct WeakReceiver(Weak<Ports>);

impl WeakReceiver {
    /// Returns the receiver, unless every handle of the socket is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Receiver> {
        Receiver::enter(&self.0.upgrade()?)
    }
}

impl fmt::Debug for WeakReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakReceiver")
    }
}

impl Holder {
    /// Returns a receiver, for the types that receive.
    pub(crate) fn receiver(&self) -> Option<Receiver> {
        self.ports().outward()?;
        Receiver::enter(self.ports())
    }
}

/// A blocking iterator over the messages of a [`Receiver`]; ends when no more will arrive.
#[derive(Debug)]
pub struct Iter<'a>(pub(crate) &'a Receiver);

impl Iterator for Iter<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.recv_blocking().ok()
    }
}

/// A blocking iterator that owns its [`Receiver`]; ends when no more messages will arrive.
#[derive(Debug)]
pub struct IntoIter(pub(crate) Receiver);

impl Iterator for IntoIter {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.recv_blocking().ok()
    }
}

/// An iterator over the messages that are available now; it never waits.
///
/// Messages that it has not returned stay in the channel.
#[derive(Debug)]
pub struct Drain<'a> {
    ports: &'a Ports,
    left: usize,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(ports: &'a Ports) -> Self {
        let left = ports.outward().map_or(0, |outward| outward.len());
        Drain { ports, left }
    }
}

impl Iterator for Drain<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.left = self.left.checked_sub(1)?;
        self.ports.try_pop().ok()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
