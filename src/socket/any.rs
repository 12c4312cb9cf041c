//! Sockets whose type is chosen at run time: they have the calls of all types, which fail where the
//! type does not support them.

use std::future::Future;
use std::time::Duration;

use crate::error::{
    RecvError, RecvTimeoutError, RequestError, RequestTimeoutError, SendError, SendTimeoutError,
    SubscribeError, TryRecvError, TrySendError,
};
use crate::kind::{Any, Typed};
use crate::message::{Frame, Message};
use crate::pattern::Upstream;
use crate::port::{deadline_after as after, Receiver, Requests, Sender};
use crate::socket::Socket;
use crate::socket_type::SocketType;

/// Error of a call on a [`Socket<Any>`](Socket): either its type does not support the call, or the
/// call itself failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError<E, T = ()> {
    /// Sockets of this type do not support the call: a PULL cannot send, for example. Returns the
    /// message that was to be sent.
    #[error("{0} sockets have no such call")]
    Unsupported(SocketType, T),
    /// The call failed with the error it has on sockets of this type.
    #[error(transparent)]
    Call(E),
}

macro_rules! gives_message_back {
    ($($error:ident),* $(,)?) => {
        $(impl KindError<$error, Message> {
            /// Returns the message that was not sent.
            #[must_use]
            pub fn into_inner(self) -> Message {
                match self {
                    KindError::Unsupported(_, message) => message,
                    KindError::Call(error) => error.into_inner(),
                }
            }
        })*
    };
}

gives_message_back!(SendError, TrySendError, SendTimeoutError);

impl<K: Typed> From<Socket<K>> for Socket<Any> {
    fn from(socket: Socket<K>) -> Self {
        socket.into_any()
    }
}

/// A socket whose type is chosen at run time ([`Context::socket_of`](crate::Context::socket_of),
/// [`into_any`](Socket::into_any)) has the calls of all types. A call that its type does not
/// support fails with [`KindError::Unsupported`], or with the variant of the call's error type
/// that says so.
///
/// ```
/// use zmq_channels::socket::KindError;
/// use zmq_channels::{Context, Options, SocketType};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = context.socket_of("pull".parse()?, Options::new())?;
/// let push = context.socket_of("push".parse()?, Options::new())?;
/// push.connect(pull.bind("inproc://chosen")?)?;
/// push.send_blocking("a task")?;
/// assert_eq!(pull.recv_blocking()?, "a task".into());
///
/// let error = pull.send_blocking("a result").unwrap_err();
/// assert_eq!(error, KindError::Unsupported(SocketType::Pull, "a result".into()));
/// # Ok(())
/// # }
/// ```
impl Socket<Any> {
    /// Returns the socket with its type known at compile time, if it is of type `K`.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Pub, Push, SocketType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let socket = Context::new().socket_of(SocketType::Push, Options::new())?;
    /// let socket = socket.downcast::<Pub>().unwrap_err();
    /// let push = socket.downcast::<Push>().expect("it is one");
    /// # drop(push);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the socket unchanged if it is of another type.
    #[doc(alias = "try_into_kind")]
    #[allow(clippy::result_large_err)] // It is as large as what was given, and given back.
    pub fn downcast<K: Typed>(self) -> Result<Socket<K>, Socket<Any>> {
        match self.socket_type() == K::TYPE {
            true => Ok(self.retyped()),
            false => Err(self),
        }
    }

    /// Returns a handle to the socket's `in`, if its type sends.
    #[must_use]
    pub fn sender(&self) -> Option<Sender> {
        self.sender.clone()
    }

    /// Returns a handle to the socket's `out`, if its type receives.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }

    /// Like [`Sender::send`], for socket types that send.
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    pub fn send(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<(), KindError<SendError, Message>>> + Send + '_ {
        let sending = self.to_send(message.into());
        let sending = sending.map(|(sender, message)| sender.send(message));
        async move { sending?.await.map_err(KindError::Call) }
    }

    /// Like [`Sender::send_blocking`], for socket types that send.
    ///
    /// # Errors
    /// Same as [`Sender::send_blocking`], and [`KindError::Unsupported`].
    #[doc(alias = "zmq_send")]
    #[doc(alias = "zmq_msg_send")]
    #[doc(alias = "zmq_sendmsg")]
    pub fn send_blocking(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), KindError<SendError, Message>> {
        let (sender, message) = self.to_send(message.into())?;
        sender.send_blocking(message).map_err(KindError::Call)
    }

    /// Like [`Sender::try_send`], for socket types that send.
    ///
    /// # Errors
    /// Same as [`Sender::try_send`], and [`KindError::Unsupported`].
    #[doc(alias = "zmq_send")]
    pub fn try_send(
        &self,
        message: impl Into<Message>,
    ) -> Result<(), KindError<TrySendError, Message>> {
        let (sender, message) = self.to_send(message.into())?;
        sender.try_send(message).map_err(KindError::Call)
    }

    /// Like [`Sender::send_timeout`], for socket types that send.
    pub fn send_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), KindError<SendTimeoutError, Message>>> + Send + '_ {
        let sending = self.to_send(message.into());
        let sending = sending.map(|(sender, message)| sender.send_timeout(message, timeout));
        async move { sending?.await.map_err(KindError::Call) }
    }

    /// Like [`Sender::send_timeout_blocking`], for socket types that send.
    ///
    /// # Errors
    /// Same as [`Sender::send_timeout_blocking`], and [`KindError::Unsupported`].
    pub fn send_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<(), KindError<SendTimeoutError, Message>> {
        let (sender, message) = self.to_send(message.into())?;
        let sent = sender.send_timeout_blocking(message, timeout);
        sent.map_err(KindError::Call)
    }

    /// Sends to one peer, for socket types that address their peers. See
    /// [`send_to`](Socket::send_to) of a [`Socket<Router>`](crate::Router).
    pub fn send_to(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> impl Future<Output = Result<(), KindError<SendError, Message>>> + Send + '_ {
        let sending = self.to_send_to(Message::to(peer, payload));
        let sending = sending.map(|(sender, message)| sender.send(message));
        async move { sending?.await.map_err(KindError::Call) }
    }

    /// Like [`send_to`](Socket::send_to), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`Sender::send_blocking`], and [`KindError::Unsupported`].
    pub fn send_to_blocking(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> Result<(), KindError<SendError, Message>> {
        let (sender, message) = self.to_send_to(Message::to(peer, payload))?;
        sender.send_blocking(message).map_err(KindError::Call)
    }

    /// Like [`send_to`](Socket::send_to), but returns immediately.
    ///
    /// # Errors
    /// Same as [`Sender::try_send`], and [`KindError::Unsupported`].
    pub fn try_send_to(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> Result<(), KindError<TrySendError, Message>> {
        let (sender, message) = self.to_send_to(Message::to(peer, payload))?;
        sender.try_send(message).map_err(KindError::Call)
    }

    /// Like [`Receiver::recv`], for socket types that receive.
    #[doc(alias = "zmq_recv")]
    #[doc(alias = "zmq_msg_recv")]
    pub fn recv(&self) -> impl Future<Output = Result<Message, KindError<RecvError>>> + Send + '_ {
        let receiving = self.to_receive().map(Receiver::recv);
        async move { receiving?.await.map_err(KindError::Call) }
    }

    /// Like [`Receiver::recv_blocking`], for socket types that receive.
    ///
    /// # Errors
    /// Same as [`Receiver::recv_blocking`], and [`KindError::Unsupported`].
    #[doc(alias = "zmq_recvmsg")]
    pub fn recv_blocking(&self) -> Result<Message, KindError<RecvError>> {
        self.to_receive()?.recv_blocking().map_err(KindError::Call)
    }

    /// Like [`Receiver::try_recv`], for socket types that receive.
    ///
    /// # Errors
    /// Same as [`Receiver::try_recv`], and [`KindError::Unsupported`].
    #[doc(alias = "zmq_recv")]
    pub fn try_recv(&self) -> Result<Message, KindError<TryRecvError>> {
        self.to_receive()?.try_recv().map_err(KindError::Call)
    }

    /// Like [`Receiver::recv_timeout`], for socket types that receive.
    pub fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Message, KindError<RecvTimeoutError>>> + Send + '_ {
        let receiving = self.to_receive();
        let receiving = receiving.map(|receiver| receiver.recv_timeout(timeout));
        async move { receiving?.await.map_err(KindError::Call) }
    }

    /// Like [`Receiver::recv_timeout_blocking`], for socket types that receive.
    ///
    /// # Errors
    /// Same as [`Receiver::recv_timeout_blocking`], and [`KindError::Unsupported`].
    pub fn recv_timeout_blocking(
        &self,
        timeout: Duration,
    ) -> Result<Message, KindError<RecvTimeoutError>> {
        let received = self.to_receive()?.recv_timeout_blocking(timeout);
        received.map_err(KindError::Call)
    }

    /// Sends a request and waits for its reply, if this is a REQ. See [`request`](Socket::request)
    /// of a [`Socket<Req>`](crate::Req).
    pub fn request(
        &self,
        message: impl Into<Message>,
    ) -> impl Future<Output = Result<Message, KindError<RequestError, Message>>> + Send + '_ {
        let asked = self.to_request(message.into());
        let asked = asked.map(|message| self.ports().request(message));
        async move { asked?.await.map_err(KindError::Call) }
    }

    /// Like [`request`](Socket::request), but blocks the current thread.
    ///
    /// # Errors
    /// Same as on a [`Socket<Req>`](crate::Req), and [`KindError::Unsupported`].
    pub fn request_blocking(
        &self,
        message: impl Into<Message>,
    ) -> Result<Message, KindError<RequestError, Message>> {
        let message = self.to_request(message.into())?;
        let replied = self.ports().request_blocking(message);
        replied.map_err(KindError::Call)
    }

    /// Like [`request`](Socket::request), but waits at most `timeout` for the reply.
    pub fn request_timeout(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> impl Future<Output = Result<Message, KindError<RequestTimeoutError, Message>>> + Send + '_
    {
        let asked = self.to_request(message.into());
        let asked = asked.map(|message| self.ports().request_until(message, after(timeout)));
        async move { asked?.await.map_err(KindError::Call) }
    }

    /// Like [`request_timeout`](Socket::request_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as on a [`Socket<Req>`](crate::Req), and [`KindError::Unsupported`].
    pub fn request_timeout_blocking(
        &self,
        message: impl Into<Message>,
        timeout: Duration,
    ) -> Result<Message, KindError<RequestTimeoutError, Message>> {
        let message = self.to_request(message.into())?;
        let replied = self.ports().request_blocking_until(message, after(timeout));
        replied.map_err(KindError::Call)
    }

    /// Returns the socket's requests, each of which is replied to on its own, if this is a REP. See
    /// [`requests`](Socket::requests) of a [`Socket<Rep>`](crate::Rep).
    #[must_use]
    pub fn requests(&self) -> Option<Requests> {
        let is_rep = self.socket_type() == SocketType::Rep;
        is_rep.then(|| Requests::new(self.holder().clone()))
    }

    /// Subscribes the peer that sent `message` to topics that start with `prefix`, if this is an
    /// XPUB. See [`accept`](Socket::accept) of a [`Socket<XPub>`](crate::XPub).
    ///
    /// # Errors
    /// Same as on a [`Socket<XPub>`](crate::XPub), and [`SubscribeError::Unsupported`].
    pub fn accept(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide_as_xpub(message, Upstream::Subscribe(prefix.as_ref().into()))
    }

    /// Revokes a subscription made with [`accept`](Socket::accept), if this is an XPUB. See
    /// [`revoke`](Socket::revoke) of a [`Socket<XPub>`](crate::XPub).
    ///
    /// # Errors
    /// Same as on a [`Socket<XPub>`](crate::XPub), and [`SubscribeError::Unsupported`].
    pub fn revoke(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide_as_xpub(message, Upstream::Cancel(prefix.as_ref().into()))
    }

    fn to_send<E>(&self, message: Message) -> Result<(&Sender, Message), KindError<E, Message>> {
        match &self.sender {
            Some(sender) => Ok((sender, message)),
            None => Err(KindError::Unsupported(self.socket_type(), message)),
        }
    }

    fn to_send_to<E>(&self, message: Message) -> Result<(&Sender, Message), KindError<E, Message>> {
        match self.socket_type().addresses_peers() {
            true => self.to_send(message),
            false => Err(KindError::Unsupported(self.socket_type(), message)),
        }
    }

    fn to_receive<E>(&self) -> Result<&Receiver, KindError<E>> {
        let unsupported = KindError::Unsupported(self.socket_type(), ());
        self.receiver.as_ref().ok_or(unsupported)
    }

    fn to_request<E>(&self, message: Message) -> Result<Message, KindError<E, Message>> {
        match self.socket_type() {
            SocketType::Req => Ok(message),
            other => Err(KindError::Unsupported(other, message)),
        }
    }

    fn decide_as_xpub(&self, message: &Message, decision: Upstream) -> Result<(), SubscribeError> {
        match self.socket_type() {
            SocketType::XPub => self.decide(message.tag(), decision),
            _ => Err(SubscribeError::Unsupported),
        }
    }
}
