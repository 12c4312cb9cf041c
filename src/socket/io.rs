//! Messages in and out: the calls of the ports, on the socket itself.

use std::future::Future;
use std::time::Duration;

use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::kind::{Receives, Sends};
use crate::message::Message;
use crate::port::{Receiver, Sender};
use crate::socket::Socket;

impl<K: Sends> Socket<K> {
    /// The socket's `in`: another handle to send with.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.inward().clone()
    }

    /// As [`Sender::send`].
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        self.inward().send(message)
    }

    /// As [`Sender::send_blocking`].
    ///
    /// # Errors
    /// As there.
    pub fn send_blocking(&self, message: impl Into<Message>) -> Result<(), SendError> {
        self.inward().send_blocking(message)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    /// As there.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        self.inward().try_send(message)
    }

    /// As [`Sender::send_timeout`].
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError>> + Send + '_ {
        self.inward().send_timeout(message, timeout)
    }

    /// As [`Sender::send_timeout_blocking`].
    ///
    /// # Errors
    /// As there.
    pub fn send_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError> {
        self.inward().send_timeout_blocking(message, timeout)
    }

    pub(super) fn inward(&self) -> &Sender {
        match &self.sender {
            Some(sender) => sender,
            None => unreachable!("a kind that sends has an in channel"),
        }
    }
}

impl<K: Receives> Socket<K> {
    /// The socket's `out`: another handle to receive with.
    #[must_use]
    pub fn receiver(&self) -> Receiver {
        self.outward().clone()
    }

    /// As [`Receiver::recv`].
    pub fn recv(&self) -> impl Future<Output = Result<Message, RecvError>> + Send + '_ {
        self.outward().recv()
    }

    /// As [`Receiver::recv_blocking`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_blocking(&self) -> Result<Message, RecvError> {
        self.outward().recv_blocking()
    }

    /// As [`Receiver::try_recv`].
    ///
    /// # Errors
    /// As there.
    pub fn try_recv(&self) -> Result<Message, TryRecvError> {
        self.outward().try_recv()
    }

    /// As [`Receiver::recv_timeout`].
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Message, RecvTimeoutError>> + Send + '_ {
        self.outward().recv_timeout(timeout)
    }

    /// As [`Receiver::recv_timeout_blocking`].
    ///
    /// # Errors
    /// As there.
    pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<Message, RecvTimeoutError> {
        self.outward().recv_timeout_blocking(timeout)
    }

    pub(super) fn outward(&self) -> &Receiver {
        match &self.receiver {
            Some(receiver) => receiver,
            None => unreachable!("a kind that receives has an out channel"),
        }
    }
}
