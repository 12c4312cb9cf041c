//! Sockets, their senders and receivers, and the types that their calls take and return.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::driver::Mailbox;
use crate::error::{Closed, PumpFailure};
use crate::kind::{Any, Kind};
use crate::port::{Holder, Ports};
use crate::pump::{Command, SocketCommand, SocketId};
use crate::register::Registrar;
use crate::sync::oneshot::{answer, Answer, Reply};

// In this order their methods are documented: those that every program uses first.
mod endpoints;

mod io;

mod life;

mod subscribe;

mod request;

mod peers;

mod monitor;

mod any;

pub use crate::endpoint::Endpoint;
pub use crate::port::{Receiver, Sender, WeakReceiver, WeakSender};
pub use crate::pump::{BoundListener, CloseReport};
pub use crate::routing_id::RoutingId;
pub use crate::socket_type::SocketType;
pub use any::KindError;

/// A ZeroMQ socket of type `K`: a [`Socket<Push>`](crate::Push) can only send, a
/// [`Socket<Pull>`](crate::Pull) only receive.
///
/// ```
/// use zmq_channels::{Context, Pull, Push, Socket};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull: Socket<Pull> = context.socket()?;
/// let push: Socket<Push> = context.socket()?;
/// let endpoint = pull.bind("tcp://127.0.0.1:*")?; // the port is chosen by the system
/// push.connect(&endpoint)?;
/// push.send_blocking("hello")?; // in async code: push.send("hello").await?
/// push.send_blocking(["topic", "body"])?; // one message of two frames
/// assert_eq!(pull.recv_blocking()?.as_str(), Some("hello"));
/// let message = pull.recv_blocking()?; // in async code: pull.recv().await?
/// assert_eq!((message.len(), message[1].as_str()), (2, Some("body")));
/// # Ok(())
/// # }
/// ```
///
/// [`Context::socket`](crate::Context::socket) opens a socket, and
/// [`Context::socket_with`](crate::Context::socket_with) one with [`Options`](crate::Options). Its `in`
/// and `out` are its [`sender`](Socket::sender) and its [`receiver`](Socket::receiver); the socket itself
/// has their most common calls. The page of each type and [the guide](crate::guide::sockets) say what
/// the type sends to which peer.
///
/// Sockets are cheap to clone and can be shared between threads; every method takes `&self`.
/// `bind`, `connect` and similar calls wait only for the pump's reply (some tens of microseconds),
/// never for the network, so they may be called from async code. (The exception is
/// [`bind`](Socket::bind) to a host name.)
///
/// Dropping the last handle that can send (for types that only receive: the last handle) closes the
/// socket: accepted messages are sent within [`linger`](crate::Options::linger), then the
/// connections close. Messages received before can still be taken. If it was also the last handle
/// of its [context](crate::Context), the drop blocks until that is done; async code, which must not
/// block, calls [`close`](Socket::close) first.
#[doc(alias = "zmq_socket")]
#[doc(alias = "zsock")]
pub struct Socket<K: Kind> {
    kind: SocketType,
    id: u64,
    socket: SocketId,
    mailbox: Arc<Mailbox<Command>>,
    /// Keeps the socket open as a sender does (for kinds that only receive: as a receiver does).
    holder: Holder,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    registrar: Arc<Registrar>,
    marker: PhantomData<fn() -> K>,
}

impl<K: Kind> Socket<K> {
    pub(crate) fn new(
        kind: SocketType,
        id: u64,
        socket: SocketId,
        mailbox: Arc<Mailbox<Command>>,
        holder: Holder,
        registrar: Arc<Registrar>,
    ) -> Self {
        let (sender, receiver) = (holder.sender(), holder.receiver());
        Socket {
            kind,
            id,
            socket,
            mailbox,
            holder,
            sender,
            receiver,
            registrar,
            marker: PhantomData,
        }
    }

    /// Converts this into a socket whose type is known at run time only, so that sockets of several
    /// types fit into one `Vec`; same as `Socket::<Any>::from`. [`downcast`](Socket::downcast) is
    /// the reverse.
    ///
    /// ```
    /// use zmq_channels::{Any, Context, Options, Pub, Pull, Socket, SocketType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let sockets: Vec<Socket<Any>> = vec![
    ///     context.socket::<Pub>()?.into_any(),
    ///     context.socket::<Pull>()?.into(),
    ///     context.socket_of(SocketType::Dealer, Options::new())?,
    /// ];
    /// for socket in &sockets {
    ///     socket.bind("tcp://127.0.0.1:*")?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_any(self) -> Socket<Any> {
        self.retyped()
    }

    /// The same socket as kind `L`, which is its own or [`Any`].
    fn retyped<L: Kind>(self) -> Socket<L> {
        Socket {
            kind: self.kind,
            id: self.id,
            socket: self.socket,
            mailbox: self.mailbox,
            holder: self.holder,
            sender: self.sender,
            receiver: self.receiver,
            registrar: self.registrar,
            marker: PhantomData,
        }
    }

    /// The thread that runs this context's registrations.
    pub(crate) fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    pub(crate) fn mailbox(&self) -> &Mailbox<Command> {
        &self.mailbox
    }

    /// A new sender, if this type sends.
    pub(crate) fn any_sender(&self) -> Option<Sender> {
        self.sender.clone()
    }

    /// A new receiver, if this type receives.
    pub(crate) fn any_receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }

    /// Whether both are handles of the same socket.
    pub(crate) fn is_same<L: Kind>(&self, other: &Socket<L>) -> bool {
        Arc::ptr_eq(self.holder.ports(), other.holder.ports())
    }

    fn request_close(&self) -> Option<Answer<CloseReport>> {
        let (answer, reply) = answer();
        let posted = self
            .mailbox
            .post(Command::Socket(self.socket, SocketCommand::Close { reply }));
        // The pump replies to the first of them only; from now on, this handle reports the socket
        // closed.
        self.holder.ports().close();
        posted.is_ok().then_some(answer)
    }

    /// Posts a command and waits for its reply; `None` if the pump has ended.
    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> SocketCommand) -> Option<T> {
        self.post(command)?.wait()
    }

    /// Posts a command; `None` if the pump or the context has ended.
    pub(crate) fn post<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> SocketCommand,
    ) -> Option<Answer<T>> {
        if self.holder.ports().is_terminated() {
            return None;
        }
        let (answer, reply) = answer();
        let command = Command::Socket(self.socket, command(reply));
        self.mailbox.post(command).ok()?;
        Some(answer)
    }

    pub(crate) fn ports(&self) -> &Arc<Ports> {
        self.holder.ports()
    }

    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Why the pump did not reply.
    fn ended<E: From<PumpFailure> + From<Closed>>(&self) -> E {
        match self.failure() {
            Some(failure) => failure.into(),
            None if self.holder.ports().is_terminated() => Closed::Context.into(),
            None => Closed::Socket.into(),
        }
    }
}

impl<K: Kind> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Socket {
            kind: self.kind,
            id: self.id,
            socket: self.socket,
            mailbox: Arc::clone(&self.mailbox),
            holder: self.holder.clone(),
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
            registrar: Arc::clone(&self.registrar),
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
