//! The sending end of a socket's ports.

use crate::port::deadline::after;
use crate::port::futures::send::{SendFuture, SendTimeoutFuture};
use crate::port::handles::Kind;
use crate::port::holder::{describe, Holder};
use crate::port::shared::{is_closed, Ports};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_sink::Sink;

use crate::error::{Closed, PumpFailure, RecvError, SendError, SendTimeoutError, TrySendError};
use crate::message::Message;
use crate::port::lockstep::QueuePlaces;
use crate::port::pacing::{is_bulky, keep_pace};
use crate::sync::bounded::Channel;
use crate::sync::fork;
use crate::sync::wait_queue::Ticket;
use crate::sync::Hook;

/// The `in` of a socket: sends messages from any thread or task.
///
/// Senders are cheap to clone; every clone sends to the same socket, and calls take `&self`. A
/// message has been *accepted* when a call returns `Ok`; a message that was not accepted is
/// returned in the error. Dropping the last `Sender` of a socket whose own handle is gone closes
/// the socket, after the messages it accepted have been flushed.
///
/// ```
/// use zmq_channels::{Context, Pull, Push};
///
/// let context = Context::new();
/// let pull = context.socket::<Pull>()?;
/// let push = context.socket::<Push>()?;
/// push.connect(&pull.bind("inproc://tasks")?)?;
///
/// let sender = push.sender();
/// std::thread::spawn(move || sender.send_blocking("from a thread"));
/// assert_eq!(pull.recv_blocking()?, "from a thread".into());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// As a [`Sink`], a `Sender` waits for room in `poll_ready`. If another clone takes that room
/// first, the message is kept in this handle until it is flushed. Closing the sink closes only this
/// handle; [`close`](Sender::close) closes the socket for all handles.
///
/// A thread that sends while the pump sleeps may run the pump's next turn itself, which may write
/// to a connection or wake tasks that wait for a message. So may a thread in a blocking call, and a
/// task while it is polled. As with every channel, a waker must not wait for a lock that is held
/// while sending, during a blocking call or while polling.
pub struct Sender {
    ports: Arc<Ports>,
    /// The generation of the process in which the fast path applies, or that of none if it never
    /// does. Stored here because every call reads it.
    plain_in: usize,
    sink: SinkState,
    /// The wait queue ticket of [`poll_writable`](Sender::poll_writable).
    pub(in crate::port) watch: QueuePlaces,
}

#[derive(Default)]
struct SinkState {
    /// A message for which there was room, until another sender took that.
    unsent: Option<Box<Message>>,
    ticket: Ticket,
    /// A ticket in the queue of tasks that wait for the socket to close.
    closing: Ticket,
    closed: bool,
}

impl Sender {
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn enter(ports: &Arc<Ports>) -> Option<Self> {
        ports.enter(Kind::Sender).then(|| Sender {
            ports: Arc::clone(ports),
            plain_in: match ports.sends_plainly() {
                true => ports.generation(),
                false => usize::MAX,
            },
            sink: SinkState::default(),
            watch: QueuePlaces::default(),
        })
    }

    /// Sends a message, waiting while the high-water mark is reached.
    ///
    /// This method is cancel safe: if the future is dropped before it is ready, the message has not
    /// been sent.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed) if the socket is closed or the context has been shut down, and
    /// [`Refused`](SendError::Refused) if this message may not be sent on this socket now. Both
    /// return the message.
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # use zmq_channels::{Context, Pair};
    /// # let context = Context::new();
    /// # let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// # left.connect(&right.bind("inproc://send")?)?;
    /// let sender = left.sender();
    /// sender.send("one frame").await?;
    /// sender.send(["several", "", "frames"]).await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    #[doc(alias = "send_multipart")]
    pub fn send(&self, message: impl Into<Message>) -> SendFuture<'_> {
        SendFuture::new(&self.ports, untagged(message))
    }

    /// Like [`send`](Sender::send), but blocks the current thread.
    ///
    /// A message of 256 KiB or more first waits for earlier messages to leave, if as many messages
    /// of its size as are queued would exceed 8 MiB; for at most 2 ns per byte of it. Memory that
    /// stays in the processor's cache is sent several times as fast. If nothing leaves in that
    /// time, the message is accepted all the same while there is room.
    ///
    /// # Errors
    ///
    /// Same as [`send`](Sender::send).
    #[inline]
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    #[doc(alias = "zmq_sendmsg")]
    #[doc(alias = "send_multipart")]
    #[doc(alias = "send_string")]
    #[doc(alias = "ZMQ_SNDMORE")]
    pub fn send_blocking(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let mut message = message.into();
        message.set_tag(0);
        if is_bulky(&message) {
            keep_pace(&self.ports, &message, None);
        }
        if self.offer_quietly(&mut message) {
            return Ok(());
        }
        self.send_loudly(message)
    }

    /// Sends a message if there is room now.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) if the high-water mark is reached, and the errors of
    /// [`send`](Sender::send).
    #[inline]
    #[doc(alias = "zmq_send")]
    #[doc(alias = "dontwait")]
    #[doc(alias = "noblock")]
    #[doc(alias = "ZMQ_DONTWAIT")]
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let mut message = message.into();
        message.set_tag(0);
        if self.offer_quietly(&mut message) {
            return Ok(());
        }
        self.try_send_loudly(message)
    }

    /// Sends a message, waiting for at most `timeout` (`ZMQ_SNDTIMEO`).
    ///
    /// # Errors
    ///
    /// [`Timeout`](SendTimeoutError::Timeout) if there was no room within `timeout`, and the errors
    /// of [`send`](Sender::send).
    #[doc(alias = "ZMQ_SNDTIMEO")]
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> SendTimeoutFuture<'_> {
        SendTimeoutFuture::new(&self.ports, untagged(message), after(timeout))
    }

    /// Like [`send_timeout`](Sender::send_timeout), but blocks the current thread.
    ///
    /// # Errors
    ///
    /// Same as [`send_timeout`](Sender::send_timeout).
    #[doc(alias = "ZMQ_SNDTIMEO")]
    pub fn send_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError> {
        self.send_blocking_until(untagged(message), after(timeout))
    }

    /// Returns the number of accepted messages that count against the capacity: those in this
    /// channel and, under [`Overflow::Block`](crate::Overflow::Block), those that the pump has
    /// staged for a peer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channel().map_or(0, Channel::used)
    }

    /// Returns whether no message counts against the capacity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of messages that are accepted before the channel is full, or `None` if
    /// there is no limit.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.channel().and_then(Channel::capacity)
    }

    /// Closes the socket for all handles: messages accepted before are flushed, then `out` ends
    /// too. Idempotent; returns immediately.
    pub fn close(&self) {
        self.ports.close_sending();
    }

    /// Returns why the socket's pump has failed, or `None` if it has not. After a failure, calls
    /// fail with [`Closed::Socket`].
    #[must_use]
    pub fn failure(&self) -> Option<PumpFailure> {
        self.ports.health().failure()
    }

    /// Returns whether the socket accepts no more messages.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        is_closed(self.channel())
    }

    /// Returns the number of messages that the overflow policy has dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.channel().map_or(0, Channel::dropped)
    }

    /// Waits until the socket accepts no more messages.
    pub(crate) fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<RecvError> {
        let closed = &mut self.sink.closing;
        match self.ports.poll_closed(closed, context.waker()) {
            Poll::Ready(()) if self.ports.is_terminated() => {
                Poll::Ready(RecvError::Closed(Closed::Context))
            }
            Poll::Ready(()) => Poll::Ready(RecvError::Closed(Closed::Socket)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Counts a message that could not be sent and cannot be returned to a caller.
    pub(crate) fn count_dropped(&self) {
        if let Some(channel) = self.channel() {
            channel.count_dropped(1);
        }
    }

    /// Returns a handle that does not hold the socket open.
    #[must_use]
    pub fn downgrade(&self) -> WeakSender {
        WeakSender(Arc::downgrade(&self.ports))
    }

    /// Returns a hook that passes a wake-up on to another sender, for one that reached a sender
    /// that no longer waits.
    pub(crate) fn pass_on(&self) -> Arc<dyn Hook> {
        let ports = Arc::downgrade(&self.ports);
        Arc::new(move || {
            if let Some(ports) = ports.upgrade() {
                ports.call_a_sender();
            }
        })
    }

    fn channel(&self) -> Option<&Channel<Message>> {
        self.ports.inward()
    }

    /// Sends on the fast path.
    #[inline]
    fn offer_quietly(&self, message: &mut Message) -> bool {
        self.plain_in == fork::generation() && self.ports.offer_quietly(message)
    }

    /// Sends where the fast path does not apply.
    fn send_loudly(&self, message: Message) -> Result<(), SendError> {
        let mut slot = Some(message);
        match self.ports.offer(&mut slot, None) {
            Ok(()) => Ok(()),
            Err(why) => SendFuture::refused(&self.ports, slot).block(why),
        }
    }

    fn try_send_loudly(&self, message: Message) -> Result<(), TrySendError> {
        let mut slot = Some(message);
        match self.ports.offer(&mut slot, None) {
            Ok(()) => Ok(()),
            Err(why) => Err(SendFuture::refused(&self.ports, slot).gives_up(why)),
        }
    }

    fn send_blocking_until(
        &self,
        mut message: Message,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError> {
        if is_bulky(&message) {
            keep_pace(&self.ports, &message, deadline);
        }
        if self.offer_quietly(&mut message) {
            return Ok(());
        }
        let mut slot = Some(message);
        match self.ports.offer(&mut slot, None) {
            Ok(()) => Ok(()),
            Err(why) => SendFuture::refused(&self.ports, slot).block_until(why, deadline),
        }
    }

    /// Sends the message that is kept in this handle.
    fn poll_unsent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(unsent) = self.sink.unsent.take() else {
            return Poll::Ready(Ok(()));
        };
        let mut send = SendFuture::resume(&self.ports, *unsent, self.sink.ticket.take());
        let polled = std::future::Future::poll(Pin::new(&mut send), context);
        if polled.is_pending() {
            let (unsent, ticket) = send.suspend();
            self.sink.unsent = unsent.map(Box::new);
            self.sink.ticket = ticket;
        }
        polled
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        // Closing the sink of a handle may have closed the socket; then the clone is closed too.
        let closed = !self.ports.enter(Kind::Sender);
        Sender {
            ports: Arc::clone(&self.ports),
            plain_in: self.plain_in,
            sink: SinkState {
                closed,
                ..SinkState::default()
            },
            watch: QueuePlaces::default(),
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.ports.leave_senders(&mut self.sink.ticket);
        self.ports.stop_watching_room(&mut self.watch);
        self.ports.leave_closing(&mut self.sink.closing);
        if !self.sink.closed {
            self.ports.leave(Kind::Sender);
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Sender", self.len(), self.capacity(), self.is_closed())
    }
}

impl Sink<Message> for Sender {
    type Error = SendError;

    /// Never fails: on a closed socket, `start_send` returns the message.
    fn poll_ready(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        match this.poll_unsent(context) {
            Poll::Ready(Ok(())) => {}
            unfinished => return unfinished,
        }
        this.ports
            .poll_room(&mut this.sink.ticket, context.waker())
            .map(Ok)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Self::Error> {
        let this = self.get_mut();
        if this.sink.closed {
            return Err(SendError::Closed(Closed::Socket, message));
        }
        match this.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => {
                this.sink.unsent = Some(Box::new(message));
                Ok(())
            }
            Err(TrySendError::Closed(why, message)) => Err(SendError::Closed(why, message)),
            Err(TrySendError::Refused(why, message)) => Err(SendError::Refused(why, message)),
        }
    }

    /// Ready when everything has been accepted, not when it is on the wire.
    fn poll_flush(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_unsent(context)
    }

    fn poll_close(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        let flushed = this.poll_unsent(context);
        if matches!(flushed, Poll::Ready(Ok(()))) && !this.sink.closed {
            this.sink.closed = true;
            this.ports.leave_senders(&mut this.sink.ticket);
            this.ports.leave(Kind::Sender);
        }
        flushed
    }
}

/// A [`Sender`] that does not hold its socket open.
#[derive(Clone)]
pub struct WeakSender(Weak<Ports>);

impl WeakSender {
    /// Returns the sender, unless every handle that holds the socket open is gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender> {
        Sender::enter(&self.0.upgrade()?)
    }
}

impl fmt::Debug for WeakSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakSender")
    }
}

/// Ports from a holder.
impl Holder {
    /// Returns a sender, for the types that send.
    pub(crate) fn sender(&self) -> Option<Sender> {
        self.ports().inward()?;
        Sender::enter(self.ports())
    }
}

/// Removes the tag of a message, which it has if it was received and is now forwarded.
fn untagged(message: impl Into<Message>) -> Message {
    let mut message = message.into();
    message.set_tag(0);
    message
}
