//! Sockets, their senders and receivers, and the types that their calls take and return.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::driver::Mailbox;
use crate::error::{Closed, ConfigureError, PumpFailure};
use crate::kind::{Any, Kind};
use crate::options::Options;
use crate::port::{Holder, Ports};
use crate::pump::{Command, SocketCommand, SocketId};
use crate::register::Registrar;
use crate::sync::oneshot::{answer, Answer, Reply};

mod any;
mod endpoints;
mod io;
mod monitor;
mod peers;
mod request;
mod subscribe;

pub use crate::endpoint::Endpoint;
pub use crate::port::{Receiver, Sender, WeakReceiver, WeakSender};
pub use crate::pump::{BoundListener, CloseReport};
pub use crate::routing_id::RoutingId;
pub use crate::socket_type::SocketType;
pub use any::KindError;

/// A ZeroMQ socket of type `K`: a [`Socket<Push>`](crate::Push) can only send, a
/// [`Socket<Pull>`](crate::Pull) only receive.
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

    /// Returns the number of this socket in its context, above 0 and never reused there.
    /// [Monitors](crate::Context::monitor) and [statistics](crate::Context::statistics) of the
    /// context identify the socket by it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
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

    /// Returns the type of this socket.
    #[must_use]
    #[doc(alias = "ZMQ_TYPE")]
    pub fn socket_type(&self) -> SocketType {
        self.kind
    }

    /// Closes the socket: it accepts no more messages and sends those already accepted, within
    /// [`linger`](crate::Options::linger). The future resolves when that is done, or when there is
    /// nothing left to wait for: no message (one that is written in part is lost with its
    /// connection), or no endpoint through which a peer could connect. The socket closes even if
    /// the future is dropped.
    ///
    /// A second call, also on a clone, resolves when the socket has closed.
    #[doc(alias = "zmq_close")]
    pub fn close(&self) -> impl Future<Output = CloseReport> + Send + 'static + use<K> {
        let answer = self.request_close();
        let ports = Arc::clone(self.holder.ports());
        async move {
            let closed = match answer {
                Some(answer) => answer.await,
                None => None,
            };
            closed.unwrap_or_else(|| CloseReport::without_answer(&ports))
        }
    }

    /// Like [`close`](Socket::close), but blocks the current thread.
    #[doc(alias = "zmq_close")]
    pub fn close_blocking(&self) -> CloseReport {
        let closed = self.request_close().and_then(Answer::wait);
        closed.unwrap_or_else(|| CloseReport::without_answer(self.holder.ports()))
    }

    /// Changes options of the open socket; `change` is given the current ones. The high-water
    /// marks, [`linger`](crate::Options::linger) and the options specific to this type of socket
    /// (`router_…`, `req_…`, `xpub_…` and so on) take effect immediately; all others apply to
    /// endpoints bound or connected from now on.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let push = Context::new().socket::<Push>()?;
    /// push.configure(|options| options.send_high_water_mark(10))?;
    /// assert_eq!(push.sender().capacity(), Some(10));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigureError::Option`] if a value is out of range, [`ConfigureError::WithoutEffect`] if
    /// an option has no effect on this type of socket, [`ConfigureError::Fixed`] if the overflow
    /// policy would change. Nothing is changed in these cases. `change` is called again if another
    /// handle changes the options at the same time.
    #[doc(alias = "zmq_setsockopt")]
    #[doc(alias = "setsockopt")]
    #[doc(alias = "set_option")]
    pub fn configure(
        &self,
        mut change: impl FnMut(Options) -> Options,
    ) -> Result<(), ConfigureError> {
        loop {
            let seen = self.options()?;
            let options = change(Options::clone(&seen));
            options.check()?;
            let socket_type = self.socket_type();
            options.check_messages(socket_type)?;
            if let Some(option) = options.without_effect(socket_type, &seen) {
                return Err(ConfigureError::WithoutEffect {
                    option,
                    socket_type,
                });
            }
            let options = Arc::new(options);
            let changed = self.ask(|reply| SocketCommand::Configure {
                seen,
                options,
                reply,
            });
            match changed {
                // Another thread changed the options first: apply the change to those.
                Some(Ok(false)) => {}
                Some(Ok(true)) => return Ok(()),
                Some(Err(error)) => return Err(error),
                None => return Err(self.ended()),
            }
        }
    }

    /// Returns the current options.
    ///
    /// # Errors
    /// [`ConfigureError`] if the socket is closed or its context is shut down.
    #[doc(alias = "zmq_getsockopt")]
    #[doc(alias = "getsockopt")]
    #[doc(alias = "get_option")]
    pub fn options(&self) -> Result<Arc<Options>, ConfigureError> {
        self.ask(|reply| SocketCommand::Options { reply })
            .ok_or_else(|| self.ended())
    }

    /// Returns whether the socket accepts no more messages: it was closed, or its context was shut
    /// down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.holder.ports().is_closed()
    }

    /// Returns why the pump of this socket has failed, or `None` if it has not. After a failure,
    /// calls that send or receive return only [`Closed::Socket`]; all others return the failure
    /// itself. A [`Monitor`](crate::Monitor) reports it as
    /// [`EventKind::PumpFailed`](crate::monitor::EventKind::PumpFailed).
    #[must_use]
    pub fn failure(&self) -> Option<PumpFailure> {
        self.mailbox.health().failure()
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
