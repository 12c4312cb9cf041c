//! Requests and replies as pairs: `request` on REQ, `requests` on REP.

use std::time::{Duration, Instant};

use crate::error::{RequestError, RequestTimeoutError};
use crate::kind::{Rep, Req};
use crate::message::Message;
use crate::port::deadline_after as after;
use crate::port::{RequestFuture, RequestTimeoutFuture, Requests};
use crate::socket::Socket;

/// Requests that are paired with their replies.
///
/// `request` sends a message and resolves to the reply to that very message. Any number may be
/// under way on one socket, from any threads and tasks; the replies may come in any order.
///
/// On the wire each of them carries a number of four bytes in front of its delimiter, as libzmq's
/// `ZMQ_REQ_CORRELATE` has it. To the peer that is one more frame of the envelope, which every REP
/// gives back as it was, and so does a ROUTER that copies what stands in front of the delimiter.
/// Requests go to the connected peers in turn, and wait in the order they were made while there
/// is none or all are full. How many wait is limited only by how many calls are under way: no
/// high-water mark refuses a request. A reply is taken only from the peer that was asked, and
/// only for a request that a call still waits for. A late one, to a request that was given up, is
/// dropped and counted in [`Receiver::dropped`](crate::Receiver::dropped).
///
/// A request is sent at most once. If the connection to its peer ends before the reply has come,
/// it is unknown whether it was worked on, and it ends with `PeerLost`; one of which nothing had
/// left yet goes to another peer or waits for one.
///
/// `send` and `recv` work beside it, in strict alternation as ever: neither do they wait for
/// requests made here, nor these for them, and no reply to the one kind goes to the other. But a
/// socket whose `out` is full of replies that are not received stops reading, these replies too.
impl Socket<Req> {
    /// Sends a request and waits for its reply.
    ///
    /// Dropping the future gives the request up: it is not sent if no peer has taken it, and its
    /// reply is dropped if it comes all the same.
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
    /// [`PeerLost`](RequestError::PeerLost) if the peer that had the request is gone,
    /// [`Closed`](RequestError::Closed) if the socket is closed or the context has been shut down,
    /// [`Refused`](RequestError::Refused) for a message without frames.
    #[doc(alias = "ZMQ_REQ_CORRELATE")]
    pub fn request(&self, message: impl Into<Message>) -> RequestFuture<'_> {
        self.holder().ports().request(message.into())
    }

    /// As [`request`](Socket::request), blocking the thread.
    ///
    /// # Errors
    /// Those of [`request`](Socket::request).
    pub fn request_blocking(&self, message: impl Into<Message>) -> Result<Message, RequestError> {
        self.holder().ports().request_blocking(message.into())
    }

    /// As [`request`](Socket::request), waiting for at most `timeout` until the reply is there.
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
    /// [`Timeout`](RequestTimeoutError::Timeout) if no reply came in time: then the request is
    /// given up. And those of [`request`](Socket::request).
    pub fn request_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> RequestTimeoutFuture<'_> {
        self.request_until(message.into(), after(timeout))
    }

    /// As [`request_timeout`](Socket::request_timeout), blocking the thread.
    ///
    /// # Errors
    /// Those of [`request_timeout`](Socket::request_timeout).
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
    /// The socket's requests, each with its own way back: any number of workers take them and
    /// answer them, in whatever order they finish. The wire is that of any REP.
    ///
    /// `recv` and `send` work beside it, on this handle and its clones: each request goes either
    /// to one of those who `recv` it, and then `send` answers it in strict alternation, or to one
    /// of the [`Requests`], which take no part in that. Neither waits for the other.
    ///
    /// A client that leaves takes its requests along; a client that leaves more than 2²⁰ of them
    /// unanswered has its oldest forgotten. Replies to those are dropped and counted
    /// ([`Sender::dropped`](crate::Sender::dropped)).
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
