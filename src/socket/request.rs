//! Requests paired with their replies: `request` on REQ, `requests` on REP.

use std::time::{Duration, Instant};

use crate::error::{RequestError, RequestTimeoutError};
use crate::kind::{Rep, Req};
use crate::message::Message;
use crate::port::deadline_after as after;
use crate::port::{RequestFuture, RequestTimeoutFuture, Requests};
use crate::socket::Socket;

/// Requests that are paired with their replies.
///
/// `request` sends a message and resolves to the reply to that message. Any number of requests may
/// be in flight on one socket, from any threads and tasks; replies may arrive in any order.
///
/// On the wire each request carries a four-byte number in front of its delimiter, as with libzmq's
/// `ZMQ_REQ_CORRELATE`. For the peer that is one more frame of the envelope, which every REP
/// returns unchanged, as does a ROUTER that copies the frames in front of the delimiter. Requests
/// go to the connected peers in turn; while there is no peer, or all are full, they wait in the
/// order they were made. The number of waiting requests is limited only by the number of pending
/// calls: no high-water mark applies. A reply is accepted only from the peer that received the
/// request, and only while a call waits for it. A late reply, to a cancelled request, is dropped
/// and counted in [`Receiver::dropped`](crate::Receiver::dropped).
///
/// A request is sent at most once. If the connection to its peer ends before the reply has arrived,
/// the request may or may not have been processed; it fails with `PeerLost`. A request of which
/// nothing was written yet goes to another peer or waits for one.
///
/// `send` and `recv` can be used at the same time, in strict alternation as usual. They do not wait
/// for requests made with `request`, nor the other way round, and each reply goes to the call it
/// belongs to. But a socket whose `out` is full of replies that are not received stops reading,
/// which delays the replies to `request` too.
impl Socket<Req> {
    /// Sends a request and waits for its reply.
    ///
    /// Dropping the future cancels the request: it is not sent if no peer has taken it yet, and a
    /// reply that still arrives is dropped.
    ///
    /// ```
    /// use zmq_channels::{Context, Rep, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # futures::executor::block_on(async {
    /// let context = Context::new();
    /// let (rep, req) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    /// req.connect(rep.bind("inproc://double")?)?;
    /// std::thread::spawn(move || {
    ///     for request in rep.requests() {
    ///         let doubled = [&request[0][..], &request[0][..]].concat();
    ///         let _ = request.reply(doubled);
    ///     }
    /// });
    /// let (one, two) = futures::join!(req.request("one"), req.request("two"));
    /// assert_eq!((one?, two?), ("oneone".into(), "twotwo".into()));
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PeerLost`](RequestError::PeerLost) if the connection to the peer that has the request is
    /// lost, [`Closed`](RequestError::Closed) if the socket is closed or the context is shut down,
    /// [`Refused`](RequestError::Refused) if the message has no frames.
    #[doc(alias = "ZMQ_REQ_CORRELATE")]
    pub fn request(&self, message: impl Into<Message>) -> RequestFuture<'_> {
        self.holder().ports().request(message.into())
    }

    /// Like [`request`](Socket::request), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`request`](Socket::request).
    pub fn request_blocking(&self, message: impl Into<Message>) -> Result<Message, RequestError> {
        self.holder().ports().request_blocking(message.into())
    }

    /// Like [`request`](Socket::request), but waits at most `timeout` for the reply.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zmq_channels::error::RequestTimeoutError;
    /// use zmq_channels::{Context, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # futures::executor::block_on(async {
    /// let req = Context::new().socket::<Req>()?;
    /// let unknown = req.request_timeout("anyone?", Duration::from_millis(1)).await;
    /// // No peer had it: it comes back.
    /// assert_eq!(unknown, Err(RequestTimeoutError::Timeout(Some("anyone?".into()))));
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Timeout`](RequestTimeoutError::Timeout) if no reply arrived in time; the request is then
    /// cancelled. Also the errors of [`request`](Socket::request).
    pub fn request_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> RequestTimeoutFuture<'_> {
        self.request_until(message.into(), after(timeout))
    }

    /// Like [`request_timeout`](Socket::request_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`request_timeout`](Socket::request_timeout).
    pub fn request_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<Message, RequestTimeoutError> {
        self.request_blocking_until(message.into(), after(timeout))
    }

    fn request_until(
        &self,
        message: Message,
        deadline: Option<Instant>,
    ) -> RequestTimeoutFuture<'_> {
        self.holder().ports().request_until(message, deadline)
    }

    fn request_blocking_until(
        &self,
        message: Message,
        deadline: Option<Instant>,
    ) -> Result<Message, RequestTimeoutError> {
        let ports = self.holder().ports();
        ports.request_blocking_until(message, deadline)
    }
}

/// Requests as handles.
impl Socket<Rep> {
    /// Returns the socket's requests as handles that are replied to one by one: any number of
    /// workers can take requests and reply in any order. On the wire the socket is an ordinary REP.
    ///
    /// `recv` and `send` can be used at the same time, on this handle and its clones. Each request
    /// goes either to a caller of `recv`, and `send` then replies to it in strict alternation, or
    /// to one of the [`Requests`], which are not part of that alternation. Neither waits for the
    /// other.
    ///
    /// When a client disconnects, its requests are dropped. If a client disconnects with more than
    /// 2²⁰ requests unanswered, the oldest are forgotten. Replies to such requests are dropped and
    /// counted ([`Sender::dropped`](crate::Sender::dropped)).
    ///
    /// ```
    /// use zmq_channels::{Context, Rep, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (rep, req) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    /// req.connect(rep.bind("inproc://workers")?)?;
    /// for worker in ["first", "second"] {
    ///     let requests = rep.requests();
    ///     std::thread::spawn(move || {
    ///         for request in requests {
    ///             let name = request.message[0].clone();
    ///             let _ = request.reply([name, worker.into()]);
    ///         }
    ///     });
    /// }
    /// assert_eq!(req.request_blocking("a")?[0], "a");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn requests(&self) -> Requests {
        Requests::new(self.holder().clone())
    }
}
