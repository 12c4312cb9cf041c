//! Sending and receiving: the calls of the ports, on the socket itself.

use std::future::Future;
use std::time::Duration;

use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::kind::{Receives, Sends, Typed};
use crate::message::Message;
use crate::port::{Iter, Receiver, Sender};
use crate::socket::Socket;

impl<K: Typed> Socket<K> {
    /// Returns a handle to the socket's `in`.
    #[must_use]
    pub fn sender(&self) -> Sender
    where
        K: Sends,
    {
        self.inward().clone()
    }

    /// Like [`Sender::send`].
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    #[doc(alias = "send_multipart")]
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_
    where
        K: Sends,
    {
        self.inward().send(message)
    }

    /// Like [`Sender::send_blocking`].
    ///
    /// # Errors
    /// Same as [`Sender::send_blocking`].
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    #[doc(alias = "zmq_sendmsg")]
    #[doc(alias = "send_multipart")]
    #[doc(alias = "send_string")]
    #[doc(alias = "ZMQ_SNDMORE")]
    pub fn send_blocking(&self, message: impl Into<Message>) -> Result<(), SendError>
    where
        K: Sends,
    {
        self.inward().send_blocking(message)
    }

    /// Like [`Sender::try_send`].
    ///
    /// # Errors
    /// Same as [`Sender::try_send`].
    #[doc(alias = "zmq_send")]
    #[doc(alias = "dontwait")]
    #[doc(alias = "noblock")]
    #[doc(alias = "ZMQ_DONTWAIT")]
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError>
    where
        K: Sends,
    {
        self.inward().try_send(message)
    }

    /// Like [`Sender::send_timeout`].
    #[doc(alias = "ZMQ_SNDTIMEO")]
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError>> + Send + '_
    where
        K: Sends,
    {
        self.inward().send_timeout(message, timeout)
    }

    /// Like [`Sender::send_timeout_blocking`].
    ///
    /// # Errors
    /// Same as [`Sender::send_timeout_blocking`].
    #[doc(alias = "ZMQ_SNDTIMEO")]
    pub fn send_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError>
    where
        K: Sends,
    {
        self.inward().send_timeout_blocking(message, timeout)
    }

    pub(super) fn inward(&self) -> &Sender
    where
        K: Sends,
    {
        match &self.sender {
            Some(sender) => sender,
            None => unreachable!("a kind that sends has an in channel"),
        }
    }
}

impl<K: Typed> Socket<K> {
    /// Returns a handle to the socket's `out`.
    #[must_use]
    pub fn receiver(&self) -> Receiver
    where
        K: Receives,
    {
        self.outward().clone()
    }

    /// Like [`Receiver::recv`].
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "zmq_msg_recv")]
    #[doc(alias = "recv_multipart")]
    pub fn recv(&self) -> impl Future<Output = Result<Message, RecvError>> + Send + '_
    where
        K: Receives,
    {
        self.outward().recv()
    }

    /// Like [`Receiver::recv_blocking`].
    ///
    /// # Errors
    /// Same as [`Receiver::recv_blocking`].
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "zmq_msg_recv")]
    #[doc(alias = "zmq_recvmsg")]
    #[doc(alias = "recv_string")]
    #[doc(alias = "ZMQ_RCVMORE")]
    pub fn recv_blocking(&self) -> Result<Message, RecvError>
    where
        K: Receives,
    {
        self.outward().recv_blocking()
    }

    /// Like [`Receiver::try_recv`].
    ///
    /// # Errors
    /// Same as [`Receiver::try_recv`].
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "dontwait")]
    #[doc(alias = "noblock")]
    #[doc(alias = "ZMQ_DONTWAIT")]
    pub fn try_recv(&self) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        self.outward().try_recv()
    }

    /// Like [`Receiver::recv_timeout`].
    #[doc(alias = "ZMQ_RCVTIMEO")]
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Message, RecvTimeoutError>> + Send + '_
    where
        K: Receives,
    {
        self.outward().recv_timeout(timeout)
    }

    /// Like [`Receiver::recv_timeout_blocking`].
    ///
    /// # Errors
    /// Same as [`Receiver::recv_timeout_blocking`].
    #[doc(alias = "ZMQ_RCVTIMEO")]
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Message, RecvTimeoutError>
    where
        K: Receives,
    {
        self.outward().recv_timeout_blocking(timeout)
    }

    /// Returns a blocking iterator over the messages received, as `for message in &socket` does. It
    /// ends when the socket is closed or its context is shut down.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind("inproc://tasks")?)?;
    /// std::thread::spawn(move || {
    ///     for task in ["wash", "dry", "stop"] {
    ///         let _ = push.send_blocking(task);
    ///     }
    /// });
    /// for task in &pull {
    ///     if task.as_str() == Some("stop") {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn iter(&self) -> Iter<'_>
    where
        K: Receives,
    {
        self.outward().iter()
    }

    pub(super) fn outward(&self) -> &Receiver
    where
        K: Receives,
    {
        match &self.receiver {
            Some(receiver) => receiver,
            None => unreachable!("a kind that receives has an out channel"),
        }
    }
}

impl<'a, K: Receives> IntoIterator for &'a Socket<K> {
    type Item = Message;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
