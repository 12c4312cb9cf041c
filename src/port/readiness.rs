//! Calls of the handles that return or await whether another call would wait.

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
    /// Waits until a receive would not wait: there is a message, or the socket is closed or its
    /// context is shut down. (A REP socket also waits until the reply that is due has been sent.)
    /// No message is taken.
    ///
    /// Another receiver may take the message first: receive with [`try_recv`](Receiver::try_recv),
    /// and wait again if there is none. Any number of tasks and threads may wait; a message wakes
    /// all of them, and also one that waits in [`recv`](Receiver::recv). The future may be dropped
    /// at any time.
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

    /// Like [`readable`](Receiver::readable), but waits for at most `timeout`. Returns whether a
    /// receive would not wait.
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

    /// Returns whether a receive would not wait now: there is a message, or the socket is closed or
    /// its context is shut down.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::Recv).is_ready()
    }

    /// Polls for readiness as [`readable`](Receiver::readable) does. Only the waker of the most
    /// recent call on this handle is woken.
    pub fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_items(context).map(drop)
    }

    /// Like `poll_readable`, and returns why there is no message if none will arrive.
    pub(crate) fn poll_items(&mut self, context: &mut Context<'_>) -> Poll<Result<(), RecvError>> {
        let (mut places, mut task) = (
            std::mem::take(&mut self.watch),
            std::mem::take(&mut self.task),
        );
        let ports = self.ports();
        let polled = task.poll(ports.wait_context(), Awaits::Items, context, |context| {
            ports.poll_items(&mut places, context.waker())
        });
        (self.watch, self.task) = (places, task);
        polled.map_err(at_the_end)
    }
}

/// Waiting for room without using it.
impl Sender {
    /// Waits until a send would not wait: there is room, or the socket is closed or its context is
    /// shut down. On a REP socket, there must also be a request to reply to. No room is taken.
    ///
    /// Another sender may use the room first: send with [`try_send`](Sender::try_send), and wait
    /// again if there is none. There is room if a message to some peer can be sent: one to a single
    /// peer that is full (ROUTER with `router_mandatory`, SERVER, PEER, STREAM, publishers with
    /// `xpub_no_drop`) would still wait. Without a peer, there is as much room as the high-water
    /// mark. Any number of tasks and threads may wait; room wakes all of them, and also those that
    /// wait in [`send`](Sender::send). The future may be dropped at any time.
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

    /// Like [`writable`](Sender::writable), but waits for at most `timeout`. Returns whether a send
    /// would not wait.
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

    /// Returns whether a send would not wait now: there is room, or the socket is closed or its
    /// context is shut down. On a REP socket, there must also be a request to reply to.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::Send).is_ready()
    }

    /// Polls for room as [`writable`](Sender::writable) does. Only the waker of the most recent
    /// call on this handle is woken.
    pub fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_any_room(context).map(drop)
    }

    /// Like `poll_writable`, and returns why there is no room if there will be none.
    pub(crate) fn poll_any_room(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), RecvError>> {
        let mut places = std::mem::take(&mut self.watch);
        let polled = self.ports().poll_any_room(&mut places, context.waker());
        self.watch = places;
        polled.map(|offer| match offer {
            Offer::Taken | Offer::Full => Ok(()),
            Offer::Closed => Err(RecvError::Closed(Closed::Socket)),
            Offer::Terminated => Err(RecvError::Closed(Closed::Context)),
        })
    }
}

/// Waiting for a request without taking it.
impl Requests {
    /// Waits until [`recv`](Requests::recv) would not wait, without taking a request; see
    /// [`Receiver::readable`].
    pub fn readable(&self) -> impl Future<Output = ()> + Send + Unpin + '_ {
        ReadyFuture::new(self.ports(), Call::RecvByNumber)
    }

    /// Like [`readable`](Requests::readable), but blocks the current thread.
    pub fn readable_blocking(&self) {
        ReadyFuture::new(self.ports(), Call::RecvByNumber).block(None);
    }

    /// Like [`readable`](Requests::readable), but waits for at most `timeout`. Returns whether a
    /// receive would not wait.
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

    /// Returns whether a receive would not wait now.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        ReadyFuture::new(self.ports(), Call::RecvByNumber).is_ready()
    }
}
