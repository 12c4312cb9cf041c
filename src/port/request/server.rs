//! Requests as handles that can be replied to.

use crate::port::deadline::after;
use crate::port::futures::recv::{not_now, RecvFuture, RecvTimeoutFuture};
use crate::port::holder::Holder;
use crate::port::sender::Sender;
use crate::port::shared::{is_closed, Ports};
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::stream::{FusedStream, Stream};

use crate::driver::wait::{Awaits, TaskWait};
use crate::error::{Closed, RecvError, RecvTimeoutError, SendError, TryRecvError};
use crate::message::{Frame, Message};
use crate::port::lockstep::{Lockstep, QueuePlaces};
use crate::sync::bounded::Offer;

/// What is sent to the client when its [`Request`] is dropped without a reply.
///
/// The protocol has no way to say "no answer": a REQ client that receives no reply waits for ever
/// unless it has a deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// This message. The default is a message of a single empty frame.
    Reply(Message),
    /// Nothing: the request is only forgotten on this side.
    Silence,
}

impl Default for Unanswered {
    fn default() -> Self {
        Unanswered::Reply(Message::from(Frame::empty()))
    }
}

/// The requests received by a REP socket, each of which is replied to on its own: see
/// [`Socket::requests`](crate::Socket::requests).
///
/// Cheap to clone; each request goes to one of the clones, and calls take `&self`. It holds the
/// socket open as the socket's own handle does. When the socket is closed, it returns the remaining
/// requests and then fails with [`Closed::Socket`].
///
/// It is a blocking iterator (`for request in &requests`) and a [`Stream`]; both end when no more
/// requests will arrive.
pub struct Requests {
    holder: Holder,
    /// The wait queue ticket of the stream.
    places: QueuePlaces,
    task: TaskWait,
    unanswered: Arc<Unanswered>,
}

impl Requests {
    pub(crate) fn new(holder: Holder) -> Self {
        Requests {
            holder,
            places: QueuePlaces::by_number(),
            task: TaskWait::default(),
            unanswered: Arc::new(Unanswered::default()),
        }
    }

    /// Sets what happens to requests of this handle, and of clones made from it, that are dropped
    /// without a reply.
    ///
    /// ```
    /// use zmq_channels::request::Unanswered;
    /// use zmq_channels::{Context, Rep, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (rep, req) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    /// req.connect(rep.bind("inproc://unanswered")?)?;
    /// let requests = rep.requests().when_unanswered(Unanswered::Reply("try again".into()));
    /// std::thread::spawn(move || drop(requests.recv_blocking()));
    /// assert_eq!(req.request_blocking("question")?, "try again".into());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn when_unanswered(mut self, unanswered: Unanswered) -> Self {
        // A message without frames cannot be sent.
        self.unanswered = Arc::new(match unanswered {
            Unanswered::Reply(message) if message.is_empty() => Unanswered::Silence,
            unanswered => unanswered,
        });
        self
    }

    /// Receives the next request, waiting until there is one.
    ///
    /// This method is cancel safe: if the future is dropped before it is ready, no request has been
    /// taken.
    ///
    /// # Errors
    /// [`Closed`](RecvError::Closed) if all requests have been taken and the socket is closed or
    /// the context has been shut down.
    pub fn recv(&self) -> RecvRequestFuture<'_> {
        RecvRequestFuture {
            requests: self,
            recv: RecvFuture::by_number(self.ports()),
        }
    }

    /// Like [`recv`](Requests::recv), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv`](Requests::recv).
    pub fn recv_blocking(&self) -> Result<Request, RecvError> {
        let ports = self.ports();
        let received = match ports.try_pop_by_number() {
            Err(why) => RecvFuture::by_number(ports).block(why),
            Ok(message) => Ok(message),
        };
        received.map(|message| self.request(message))
    }

    /// Receives the next request, if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none, and the errors of [`recv`](Requests::recv).
    pub fn try_recv(&self) -> Result<Request, TryRecvError> {
        match self.ports().try_pop_by_number() {
            Ok(message) => Ok(self.request(message)),
            Err(why) => Err(not_now(why)),
        }
    }

    /// Receives the next request, waiting for at most `timeout` (`ZMQ_RCVTIMEO`).
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout) if none arrived, and the errors of
    /// [`recv`](Requests::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> RecvRequestTimeoutFuture<'_> {
        self.recv_until(after(timeout))
    }

    /// Like [`recv_timeout`](Requests::recv_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv_timeout`](Requests::recv_timeout).
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Request, RecvTimeoutError> {
        self.recv_blocking_until(after(timeout))
    }

    /// Returns a blocking iterator; it ends when no more requests will arrive.
    pub fn iter(&self) -> RequestsIter<'_> {
        RequestsIter(self)
    }

    /// Returns the number of requests waiting to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ports().outward().map_or(0, |outward| outward.len())
    }

    /// Returns whether no request is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether no more requests will arrive, apart from those that are waiting.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        is_closed(self.ports().outward())
    }

    /// Returns the number of requests of this socket that were dropped without a reply so far.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.ports().lockstep().map_or(0, Lockstep::unanswered)
    }

    pub(in crate::port) fn ports(&self) -> &Arc<Ports> {
        self.holder.ports()
    }

    pub(crate) fn recv_until(&self, deadline: Option<Instant>) -> RecvRequestTimeoutFuture<'_> {
        RecvRequestTimeoutFuture {
            requests: self,
            recv: RecvTimeoutFuture::new(RecvFuture::by_number(self.ports()), deadline),
        }
    }

    pub(crate) fn recv_blocking_until(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Request, RecvTimeoutError> {
        let ports = self.ports();
        let received = match ports.try_pop_by_number() {
            Err(why) => RecvFuture::by_number(ports).block_until(why, deadline),
            Ok(message) => Ok(message),
        };
        received.map(|message| self.request(message))
    }

    fn request(&self, mut message: Message) -> Request {
        let number = message.tag();
        message.set_tag(0);
        Request {
            message,
            way_back: Some(WayBack {
                number,
                ports: Arc::clone(self.ports()),
                _open: self.holder.sender(),
                unanswered: Arc::clone(&self.unanswered),
            }),
        }
    }
}

impl Clone for Requests {
    fn clone(&self) -> Self {
        Requests {
            holder: self.holder.clone(),
            places: QueuePlaces::by_number(),
            task: TaskWait::default(),
            unanswered: Arc::clone(&self.unanswered),
        }
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.holder.ports().leave_receivers(&mut self.places);
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl Stream for Requests {
    type Item = Request;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Request>> {
        let this = self.get_mut();
        let ports = this.holder.ports();
        let places = &mut this.places;
        let popped = this
            .task
            .poll(ports.wait_context(), Awaits::Items, context, |context| {
                ports.poll_pop(places, context.waker())
            });
        popped.map(|popped| popped.ok().map(|message| this.request(message)))
    }
}

impl FusedStream for Requests {
    fn is_terminated(&self) -> bool {
        self.is_closed() && self.is_empty()
    }
}

impl IntoIterator for Requests {
    type Item = Request;
    type IntoIter = RequestsIntoIter;

    fn into_iter(self) -> RequestsIntoIter {
        RequestsIntoIter(self)
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = Request;
    type IntoIter = RequestsIter<'a>;

    fn into_iter(self) -> RequestsIter<'a> {
        self.iter()
    }
}

/// A blocking iterator over the requests of a [`Requests`]; ends when no more will arrive.
#[derive(Debug)]
pub struct RequestsIter<'a>(&'a Requests);

impl Iterator for RequestsIter<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        self.0.recv_blocking().ok()
    }
}

/// A blocking iterator that owns its [`Requests`]; ends when no more requests will arrive.
#[derive(Debug)]
pub struct RequestsIntoIter(Requests);

impl Iterator for RequestsIntoIter {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        self.0.recv_blocking().ok()
    }
}

/// A request, with which the reply to it is sent.
///
/// Any thread may reply, at any time, independently of other requests. It derefs to its message, so
/// that [`request.peer()`](Message::peer) returns the peer that asked, and holds its socket open until
/// it is replied to or dropped. A request that is dropped without a reply (also by a thread that
/// panics) is answered as [`Unanswered`] says, and counted in [`Requests::unanswered`].
#[must_use = "a request that is dropped is answered as `Unanswered` says"]
pub struct Request {
    /// The message the client sent, without its envelope.
    pub message: Message,
    /// `None` once it has been used.
    way_back: Option<WayBack>,
}

struct WayBack {
    number: u64,
    ports: Arc<Ports>,
    /// Holds the socket open; `None` if the socket was closing already.
    _open: Option<Sender>,
    unanswered: Arc<Unanswered>,
}

impl Request {
    /// Sends the reply. It never waits, so threads and tasks use the same method.
    ///
    /// `Ok` means accepted: a reply to a client that has disconnected, or that does not read its
    /// replies, is dropped and counted ([`Sender::dropped`](crate::Sender::dropped)).
    ///
    /// # Errors
    /// [`Closed`](SendError::Closed) if the socket is closed or the context has been shut down, and
    /// [`Refused`](SendError::Refused) if the message has no frames or too many. Both return the
    /// message, and the request counts as unanswered.
    pub fn reply(mut self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let checked = match &self.way_back {
            Some(way_back) => way_back.ports.check(&message),
            None => Ok(()),
        };
        if let Err(why) = checked {
            return Err(SendError::Refused(why, message));
        }
        match self.way_back.take() {
            Some(way_back) => way_back.reply(message),
            None => Err(SendError::Closed(Closed::Socket, message)),
        }
    }

    /// Drops the request, and sends what `unanswered` says.
    pub fn leave_unanswered(mut self, unanswered: Unanswered) {
        if let Some(way_back) = &mut self.way_back {
            way_back.unanswered = Arc::new(unanswered);
        }
    }
}

impl WayBack {
    fn reply(self, message: Message) -> Result<(), SendError> {
        let (offer, message) = self.send(message);
        match offer {
            Offer::Taken => Ok(()),
            Offer::Terminated => Err(SendError::Closed(Closed::Context, message)),
            Offer::Closed | Offer::Full => Err(SendError::Closed(Closed::Socket, message)),
        }
    }

    /// With a message without frames, the request is forgotten.
    fn send(&self, mut message: Message) -> (Offer, Message) {
        message.set_tag(self.number);
        let mut slot = Some(message);
        let offer = self.ports.answer_by_number(&mut slot);
        let mut message = slot.unwrap_or_default();
        message.set_tag(0);
        (offer, message)
    }

    fn give_up(self) {
        if let Some(lockstep) = self.ports.lockstep() {
            lockstep.count_unanswered();
        }
        // If a closed socket refuses it, there is nothing to wait for.
        self.send(match &*self.unanswered {
            Unanswered::Reply(message) => message.clone(),
            Unanswered::Silence => Message::new(),
        });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(way_back) = self.way_back.take() {
            way_back.give_up();
        }
    }
}

impl Deref for Request {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// The future of [`Requests::recv`].
///
/// If it is dropped before it is ready, no request has been taken.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvRequestFuture<'a> {
    requests: &'a Requests,
    recv: RecvFuture<'a>,
}

impl Future for RecvRequestFuture<'_> {
    type Output = Result<Request, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let requests = this.requests;
        let polled = Pin::new(&mut this.recv).poll(context);
        polled.map(|received| received.map(|message| requests.request(message)))
    }
}

/// The future of [`Requests::recv_timeout`].
///
/// If it is dropped before it is ready, no request has been taken.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvRequestTimeoutFuture<'a> {
    requests: &'a Requests,
    recv: RecvTimeoutFuture<'a>,
}

impl Future for RecvRequestTimeoutFuture<'_> {
    type Output = Result<Request, RecvTimeoutError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let requests = this.requests;
        let polled = Pin::new(&mut this.recv).poll(context);
        polled.map(|received| received.map(|message| requests.request(message)))
    }
}
