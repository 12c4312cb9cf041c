//! A socket's handle: endpoints, subscriptions, ports, and its end.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::channel::{answer, Answer, Holder, Mailbox, Receiver, Reply, Sender};
use crate::endpoint::Endpoint;
use crate::error::{
    BindError, ConnectError, DetachError, RecvError, RecvTimeoutError, SendError, SendTimeoutError,
    SubscribeError, TryRecvError, TrySendError,
};
use crate::kind::{Any, Kind, Receives, Sends, Subscribes};
use crate::message::{Frame, Message};
use crate::pump::{Closed, Command, HubId};
use crate::socket_type::SocketType;

/// A ZeroMQ socket. `K` says which: [`Socket<Push>`](crate::Push) can only send,
/// [`Socket<Pull>`](crate::Pull) only receive.
///
/// Cheap to clone and shared between threads; every method takes `&self`. `bind`, `connect` and
/// their likes wait only for the pump's own answer (some tens of microseconds), never for the
/// network: they are fine to call from async code.
///
/// Dropping the last handle that can send (for kinds that only receive: the last handle) closes
/// the socket: what was accepted is sent within [`linger`](crate::Options#structfield.linger), then
/// the connections close, and what was received can still be taken. If it was the last handle of
/// its context as well, dropping it waits up to [`Context::DROP_WAIT`](crate::Context::DROP_WAIT)
/// for that: async code that must not wait closes its sockets with [`close`](Socket::close) first.
pub struct Socket<K: Kind> {
    kind: SocketType,
    hub: HubId,
    mailbox: Arc<Mailbox<Command>>,
    /// Keeps the socket open as a sender does (a receiver, for kinds that only receive).
    holder: Holder,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    marker: PhantomData<fn() -> K>,
}

impl<K: Kind> Socket<K> {
    pub(crate) fn new(
        kind: SocketType,
        hub: HubId,
        mailbox: Arc<Mailbox<Command>>,
        holder: Holder,
    ) -> Self {
        let (sender, receiver) = (holder.sender(), holder.receiver());
        Socket {
            kind,
            hub,
            mailbox,
            holder,
            sender,
            receiver,
            marker: PhantomData,
        }
    }

    /// The type of this socket.
    #[must_use]
    pub fn socket_type(&self) -> SocketType {
        self.kind
    }

    /// Binds to an endpoint and answers the resolved one, with the port or path the system chose:
    /// `tcp://127.0.0.1:*`, `tcp://*:5555`, `tcp://[::1]:0`, `ipc:///tmp/feed`, `ipc://*`,
    /// `ipc://@name`, `inproc://name`. A socket may be bound to several endpoints.
    ///
    /// # Errors
    /// [`BindError::Endpoint`] for a malformed endpoint, [`BindError::InUse`] if somebody is bound
    /// there, [`BindError::Io`] if the system refuses otherwise.
    pub fn bind(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, BindError> {
        let endpoint = Endpoint::parse_for_bind(endpoint.as_ref())?;
        self.ask(|hub, reply| Command::Bind {
            hub,
            endpoint,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended(BindError::Terminated, BindError::Disconnected)))
    }

    /// Connects to an endpoint: returns at once, also when nobody is bound there yet, and keeps
    /// connecting again until [`disconnect`](Socket::disconnect). Connecting twice to the same
    /// endpoint makes two connections.
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for a malformed endpoint.
    pub fn connect(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, ConnectError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        let dialed = endpoint.clone();
        self.ask(|hub, reply| Command::Connect {
            hub,
            endpoint: dialed,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended(ConnectError::Terminated, ConnectError::Disconnected)))?;
        Ok(endpoint)
    }

    /// Stops listening on an endpoint, given as [`bind`](Socket::bind) answered it, and closes
    /// the connections made through it once what they hold is sent. The address is free when
    /// this returns.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not bound there.
    pub fn unbind(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_bind(endpoint.as_ref())?;
        self.ask(|hub, reply| Command::Unbind {
            hub,
            endpoint,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended(DetachError::Terminated, DetachError::Disconnected)))
    }

    /// Ends every connection made by connecting to this endpoint, once what it holds is sent.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not connected there.
    pub fn disconnect(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.ask(|hub, reply| Command::Disconnect {
            hub,
            endpoint,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended(DetachError::Terminated, DetachError::Disconnected)))
    }

    /// Closes the socket: takes no more messages, sends those it accepted within
    /// [`linger`](crate::Options#structfield.linger), and resolves when that is done. The future
    /// may be dropped; the socket closes all the same.
    ///
    /// Calling it again, or on a clone, resolves when the socket has closed.
    pub fn close(&self) -> impl Future<Output = Closed> + Send + 'static {
        let answer = self.request_close();
        async move {
            match answer {
                Some(answer) => answer.await.unwrap_or_default(),
                None => Closed::default(),
            }
        }
    }

    /// [`close`](Socket::close), waiting in this thread.
    pub fn close_blocking(&self) -> Closed {
        self.request_close()
            .and_then(Answer::wait)
            .unwrap_or_default()
    }

    /// Whether the socket takes no more messages: it was closed, or its context shut down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.holder.ports().is_closed()
    }

    fn request_close(&self) -> Option<Answer<Closed>> {
        let (answer, reply) = answer();
        let posted = self.mailbox.post(Command::Close {
            hub: self.hub,
            reply,
        });
        // The pump reports to the first it hears of; from now on, this handle says closed.
        self.holder.ports().close();
        posted.is_ok().then_some(answer)
    }

    /// Posts a command and waits for its own answer; none comes from a pump that has ended.
    fn ask<T>(&self, command: impl FnOnce(HubId, Reply<T>) -> Command) -> Option<T> {
        let (answer, reply) = answer();
        self.mailbox.post(command(self.hub, reply)).ok()?;
        answer.wait()
    }

    /// Why the pump did not answer.
    fn ended<E>(&self, terminated: E, disconnected: E) -> E {
        if self.holder.ports().is_terminated() {
            terminated
        } else {
            disconnected
        }
    }
}

impl<K: Subscribes> Socket<K> {
    /// Subscribes to every message whose first frame starts with `prefix`; the empty prefix
    /// means all (`ZMQ_SUBSCRIBE`). Subscribing twice needs two calls of
    /// [`unsubscribe`](Socket::unsubscribe).
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed or its context shut down.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.ask_for(prefix.as_ref(), |hub, prefix, reply| Command::Subscribe {
            hub,
            prefix,
            reply,
        })
    }

    /// Takes one subscription back (`ZMQ_UNSUBSCRIBE`). One that was never made is no error.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed or its context shut down.
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.ask_for(prefix.as_ref(), |hub, prefix, reply| Command::Unsubscribe {
            hub,
            prefix,
            reply,
        })
    }

    fn ask_for(
        &self,
        prefix: &[u8],
        command: impl FnOnce(HubId, Frame, Reply<Result<(), SubscribeError>>) -> Command,
    ) -> Result<(), SubscribeError> {
        if !matches!(self.kind, SocketType::Sub | SocketType::XSub) {
            return Err(SubscribeError::Unsupported);
        }
        let prefix = Frame::from(prefix);
        self.ask(|hub, reply| command(hub, prefix, reply))
            .unwrap_or_else(|| {
                Err(self.ended(SubscribeError::Terminated, SubscribeError::Disconnected))
            })
    }
}

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

    fn inward(&self) -> &Sender {
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

    fn outward(&self) -> &Receiver {
        match &self.receiver {
            Some(receiver) => receiver,
            None => unreachable!("a kind that receives has an out channel"),
        }
    }
}

impl Socket<Any> {
    /// The socket's `in`, if its type sends.
    #[must_use]
    pub fn sender(&self) -> Option<Sender> {
        self.sender.clone()
    }

    /// The socket's `out`, if its type receives.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }
}

impl<K: Kind> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Socket {
            kind: self.kind,
            hub: self.hub,
            mailbox: Arc::clone(&self.mailbox),
            holder: self.holder.clone(),
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
            marker: PhantomData,
        }
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("type", &self.kind)
            .finish_non_exhaustive()
    }
}
