//! Waiting for peers, instead of a sleep before the first message.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::error::{Closed, WaitError, WaitTimeoutError};
use crate::kind::{Kind, Publishes};
use crate::port::{deadline_after as after, Ports};
use crate::pump::{Awaited, SocketCommand};
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::oneshot::Answer;
use crate::sync::timeouts::Deadline;

impl<K: Kind> Socket<K> {
    /// Waits until at least `peers` peers are connected and their handshakes done, including those
    /// that already are. The future may be dropped at any time; it does not keep the socket open.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (pull, push) = (context.socket::<Pull>()?, context.socket::<Push>()?);
    /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
    /// push.wait_connected_blocking(1)?; // in async code: push.wait_connected(1).await?
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if the socket is closed or its context is shut down, before or during the
    /// wait.
    pub fn wait_connected(
        &self,
        peers: usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + 'static + use<K> {
        self.await_peers(Awaited::Connected, peers).done()
    }

    /// Like [`wait_connected`](Socket::wait_connected), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`wait_connected`](Socket::wait_connected).
    pub fn wait_connected_blocking(&self, peers: usize) -> Result<(), WaitError> {
        self.await_peers(Awaited::Connected, peers).block()
    }

    /// Like [`wait_connected`](Socket::wait_connected), but waits for at most `timeout`.
    ///
    /// # Errors
    /// Same as [`wait_connected`](Socket::wait_connected), and [`WaitTimeoutError::Timeout`].
    pub fn wait_connected_timeout(
        &self,
        peers: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), WaitTimeoutError>> + Send + 'static + use<K> {
        self.await_peers(Awaited::Connected, peers)
            .until(after(timeout))
    }

    /// Like [`wait_connected_timeout`](Socket::wait_connected_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`wait_connected_timeout`](Socket::wait_connected_timeout).
    pub fn wait_connected_timeout_blocking(
        &self,
        peers: usize,
        timeout: Duration,
    ) -> Result<(), WaitTimeoutError> {
        self.await_peers(Awaited::Connected, peers)
            .block_until(after(timeout))
    }

    fn await_peers(&self, awaited: Awaited, peers: usize) -> Waiting {
        Waiting {
            answer: self.post(|reply| SocketCommand::Await {
                awaited,
                peers,
                reply,
            }),
            ports: Arc::clone(self.ports()),
            supported: true,
        }
    }
}

impl<K: Kind> Socket<K> {
    /// Waits until at least `peers` peers have a subscription to any topic (for RADIO: have joined
    /// any group), including those that already have. Messages sent after that reach them if they
    /// match their subscriptions. The future may be dropped at any time; it does not keep the
    /// socket open.
    ///
    /// ```
    /// use zmq_channels::{Context, Pub, Sub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (publisher, subscriber) = (context.socket::<Pub>()?, context.socket::<Sub>()?);
    /// subscriber.subscribe("weather")?;
    /// subscriber.connect(publisher.bind("tcp://127.0.0.1:*")?)?;
    /// publisher.wait_subscribed_blocking(1)?; // in async code: .wait_subscribed(1).await?
    /// publisher.send_blocking("weather: fine")?;
    /// assert_eq!(subscriber.recv_blocking()?[0], "weather: fine");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WaitError`] if the socket is closed or its context is shut down, before or during the
    /// wait, or if its type, chosen at run time, has no subscribers.
    pub fn wait_subscribed(
        &self,
        peers: usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + 'static + use<K>
    where
        K: Publishes,
    {
        self.await_subscribers(peers).done()
    }

    /// Like [`wait_subscribed`](Socket::wait_subscribed), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`wait_subscribed`](Socket::wait_subscribed).
    pub fn wait_subscribed_blocking(&self, peers: usize) -> Result<(), WaitError>
    where
        K: Publishes,
    {
        self.await_subscribers(peers).block()
    }

    /// Like [`wait_subscribed`](Socket::wait_subscribed), but waits for at most `timeout`.
    ///
    /// # Errors
    /// Same as [`wait_subscribed`](Socket::wait_subscribed), and [`WaitTimeoutError::Timeout`].
    pub fn wait_subscribed_timeout(
        &self,
        peers: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), WaitTimeoutError>> + Send + 'static + use<K>
    where
        K: Publishes,
    {
        self.await_subscribers(peers).until(after(timeout))
    }

    /// Like [`wait_subscribed_timeout`](Socket::wait_subscribed_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`wait_subscribed_timeout`](Socket::wait_subscribed_timeout).
    pub fn wait_subscribed_timeout_blocking(
        &self,
        peers: usize,
        timeout: Duration,
    ) -> Result<(), WaitTimeoutError>
    where
        K: Publishes,
    {
        self.await_subscribers(peers).block_until(after(timeout))
    }

    fn await_subscribers(&self, peers: usize) -> Waiting {
        let kinds = [SocketType::Pub, SocketType::XPub, SocketType::Radio];
        if kinds.contains(&self.socket_type()) {
            return self.await_peers(Awaited::Subscribed, peers);
        }
        Waiting {
            answer: None,
            ports: Arc::clone(self.ports()),
            supported: false,
        }
    }
}

/// A wait that the pump replies to when its condition holds. Dropping it cancels the wait.
struct Waiting {
    answer: Option<Answer<()>>,
    ports: Arc<Ports>,
    supported: bool,
}

impl Waiting {
    async fn done(mut self) -> Result<(), WaitError> {
        let answered = match self.answer.take() {
            Some(answer) => answer.await,
            None => None,
        };
        answered.ok_or_else(|| self.ended())
    }

    fn block(mut self) -> Result<(), WaitError> {
        let answered = self.answer.take().and_then(Answer::wait);
        answered.ok_or_else(|| self.ended())
    }

    /// Waits until `deadline`; `None` means without limit.
    async fn until(mut self, deadline: Option<Instant>) -> Result<(), WaitTimeoutError> {
        let mut answer = self.answer.take();
        let mut deadline = Deadline::new(deadline, self.ports.alarms());
        let answered = poll_fn(|context| {
            let polled = match &mut answer {
                Some(answer) => Pin::new(answer).poll(context),
                None => Poll::Ready(None),
            };
            match polled {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if deadline.has_passed(context.waker()) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        match answered.await {
            Some(answered) => Ok(answered.ok_or_else(|| self.ended())?),
            None => Err(WaitTimeoutError::Timeout),
        }
    }

    fn block_until(self, deadline: Option<Instant>) -> Result<(), WaitTimeoutError> {
        let Some(deadline) = deadline else {
            return Ok(self.block()?);
        };
        let answered = match &self.answer {
            Some(answer) => answer.wait_until(deadline),
            None => Poll::Ready(None),
        };
        match answered {
            Poll::Ready(answered) => Ok(answered.ok_or_else(|| self.ended())?),
            Poll::Pending => Err(WaitTimeoutError::Timeout),
        }
    }

    /// Why there was no reply.
    fn ended(&self) -> WaitError {
        if !self.supported {
            WaitError::Unsupported
        } else if let Some(failure) = self.ports.health().failure() {
            failure.into()
        } else if self.ports.is_terminated() {
            WaitError::Closed(Closed::Context)
        } else {
            WaitError::Closed(Closed::Socket)
        }
    }
}
