//! What the handles say of whether a call would wait, without making it.

use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::driver::wait::Awaits;
use crate::error::{Closed, RecvError};
use crate::port::deadline::after;
use crate::port::futures::ready::{Call, ReadyFuture, ReadyTimeoutFuture};
use crate::port::futures::recv::at_the_end;
use crate::port::receiver::Receiver;
use crate::port::request::server::Requests;
use crate::port::sender::Sender;
use crate::sync::bounded::Offer;

/// Waiting for a message without taking it.
impl Receiver {
    /// Waits until a receive would not wait: until there is a message, or the socket is closed or its
    /// context shut down. (A REP socket also waits until the reply it owes has been sent.) Takes
    /// nothing.
    ///
    /// Others may take the message before it is used: receive with
    /// [`try_recv`](Receiver::try_recv), and wait again if that finds nothing. Any number may wait
    /// here. All of them are woken by a message, and one that waits in [`recv`](Receiver::recv) is
    /// woken as well. The future may be dropped at any time.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # futures::executor::block_on(async {
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind("inproc://readable")?)?;
    /// push.send("here").await?;
    ///
    /// let receiver = pull.receiver();
    /// receiver.readable().await;
    /// assert_eq!(receiver.len(), 1); // it is still there
    /// assert_eq!(receiver.try_recv()?, "here".into());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[doc(alias = "ZMQ_POLLIN")]
    #[doc(alias = "zmq_poll")]
    pub fn readable(&self) -> impl Future<Output = ()> + Send + Unpin + '_ {
        ReadyFuture::new(self.ports(), Call::Recv)
    }

    /// Like [`readable`](Receiver::readable), but blocks the current thread.
    pub fn readable_blocking(&self) {
        ReadyFuture::new(self.ports(), Call::Recv).block(None);
    }

    /// As [`readable`](Receiver::readable), for at most `timeout`: resolves with whether a receive
    /// would not wait.
    pub fn readable_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + Unpin + '_ {
        let ready = ReadyFuture::new(self.ports(), Call::Recv);
        ReadyTimeoutFuture::new(ready, after(timeout))
    }

    /// Like [`readable_timeout`](Receiver::readable_timeout), but blocks the current thread.
    #[must_use]
    pub fn readable_timeout_blocking(&self, timeout: Duration) -> bool {
        ReadyFuture::new(self.ports(), Call::Recv).block(after(timeout))
    }

    /// Whether a receive would not wait now: there is a message, or the socket is closed or its
    /// context shut down.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::Recv).is_ready()
    }

    /// Polls for what [`readable`](Receiver::readable) waits for. The waker of the last call is
    /// woken; a handle has one.
    pub fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_items(context).map(drop)
    }

    /// The same, and why there is no message if none will come.
    pub(crate) fn poll_items(&mut self, context: &mut Context<'_>) -> Poll<Result<(), RecvError>> {
        let (mut line, mut task) = (
            std::mem::take(&mut self.watch),
            std::mem::take(&mut self.task),
        );
        let ports = self.ports();
        let polled = task.poll(ports.wait_context(), Awaits::Items, context, |context| {
            ports.poll_items(&mut line, context.waker())
        });
        (self.watch, self.task) = (line, task);
        polled.map_err(at_the_end)
    }
}

/// Waiting for room without using it.
impl Sender {
    /// Waits until a send would not wait: until there is room, or the socket is closed or its context
    /// shut down. On a REP socket: until there is a request to reply to as well. Takes no room.
    ///
    /// Others may use the room first: send with [`try_send`](Sender::try_send), and wait again if
    /// there is none. Room is room for a message to any peer: one to a single peer that is full
    /// (ROUTER with `router_mandatory`, SERVER, PEER, STREAM, publishers with `xpub_no_drop`) would
    /// wait all the same. Without a peer there is as much room as the high-water mark says. Any number
    /// may wait here; room wakes all of them, and those that wait in [`send`](Sender::send) as well.
    /// The future may be dropped at any time.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # futures::executor::block_on(async {
    /// let one = Options::new().send_high_water_mark(1);
    /// let push = Context::new().socket_with::<Push>(one)?;
    /// push.connect("inproc://not-bound")?;
    /// let sender = push.sender();
    /// sender.writable().await;
    /// sender.try_send("fits")?;
    /// assert!(!sender.is_writable());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    #[doc(alias = "ZMQ_POLLOUT")]
    #[doc(alias = "zmq_poll")]
    pub fn writable(&self) -> impl Future<Output = ()> + Send + Unpin + '_ {
        ReadyFuture::new(self.ports(), Call::Send)
    }

    /// Like [`writable`](Sender::writable), but blocks the current thread.
    pub fn writable_blocking(&self) {
        ReadyFuture::new(self.ports(), Call::Send).block(None);
    }

    /// As [`writable`](Sender::writable), for at most `timeout`: resolves with whether a send would
    /// not wait.
    pub fn writable_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + Unpin + '_ {
        let ready = ReadyFuture::new(self.ports(), Call::Send);
        ReadyTimeoutFuture::new(ready, after(timeout))
    }

    /// Like [`writable_timeout`](Sender::writable_timeout), but blocks the current thread.
    #[must_use]
    pub fn writable_timeout_blocking(&self, timeout: Duration) -> bool {
        ReadyFuture::new(self.ports(), Call::Send).block(after(timeout))
    }

    /// Whether a send would not wait now: there is room, or the socket is closed or its context shut
    /// down. On a REP socket: whether there is a request to reply to as well.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::Send).is_ready()
    }

    /// Polls for what [`writable`](Sender::writable) waits for. The waker of the last call is woken; a
    /// handle has one.
    pub fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_any_room(context).map(drop)
    }

    /// The same, and why there is no room if there will be none.
    pub(crate) fn poll_any_room(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), RecvError>> {
        let mut line = std::mem::take(&mut self.watch);
        let polled = self.ports().poll_any_room(&mut line, context.waker());
        self.watch = line;
        polled.map(|offer| match offer {
            Offer::Taken | Offer::Full => Ok(()),
            Offer::Closed => Err(RecvError::Closed(Closed::Socket)),
            Offer::Terminated => Err(RecvError::Closed(Closed::Context)),
        })
    }
}

/// Waiting for a request without taking it.
impl Requests {
    /// Waits until [`recv`](Requests::recv) would not wait, and takes nothing: as
    /// [`Receiver::readable`].
    pub fn readable(&self) -> impl Future<Output = ()> + Send + Unpin + '_ {
        ReadyFuture::new(self.ports(), Call::RecvByNumber)
    }

    /// Like [`readable`](Requests::readable), but blocks the current thread.
    pub fn readable_blocking(&self) {
        ReadyFuture::new(self.ports(), Call::RecvByNumber).block(None);
    }

    /// As [`readable`](Requests::readable), for at most `timeout`: resolves with whether a receive
    /// would not wait.
    pub fn readable_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + Unpin + '_ {
        let ready = ReadyFuture::new(self.ports(), Call::RecvByNumber);
        ReadyTimeoutFuture::new(ready, after(timeout))
    }

    /// Like [`readable_timeout`](Requests::readable_timeout), but blocks the current thread.
    #[must_use]
    pub fn readable_timeout_blocking(&self, timeout: Duration) -> bool {
        ReadyFuture::new(self.ports(), Call::RecvByNumber).block(after(timeout))
    }

    /// Whether a receive would not wait now.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::RecvByNumber).is_ready()
    }
}
