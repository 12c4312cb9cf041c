//! Sockets, the channels they hide behind, and what their calls take and return.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::driver::Mailbox;
use crate::error::{
    BindError, Closed, ConfigureError, ConnectError, DetachError, GroupError, ObserveError,
    PumpFailure, RecvError, RecvTimeoutError, SendError, SendTimeoutError, SubscribeError,
    TryRecvError, TrySendError,
};
use crate::kind::{Addresses, Any, Joins, Kind, Receives, Sends, Subscribes, Topical, XPub};
use crate::message::{Frame, Message};
use crate::monitor::{Monitor, MonitorOptions};
use crate::options::Options;
use crate::pattern::Upstream;
use crate::port::{Holder, Ports};
use crate::pump::{transport, Command, SocketCommand, SocketId};
use crate::register::Registrar;
use crate::statistics::Statistics;
use crate::sync::oneshot::{answer, Answer, Reply};

pub use crate::endpoint::Endpoint;
pub use crate::port::{Receiver, Sender, WeakReceiver, WeakSender};
pub use crate::pump::{BoundListener, CloseReport};
pub use crate::routing_id::RoutingId;
pub use crate::socket_type::SocketType;

/// A ZeroMQ socket. `K` says which: [`Socket<Push>`](crate::Push) can only send,
/// [`Socket<Pull>`](crate::Pull) only receive.
///
/// Cheap to clone and shared between threads; every method takes `&self`. `bind`, `connect` and
/// their likes wait only for the pump's own answer (some tens of microseconds), never for the
/// network: they are fine to call from async code. (The one exception is to
/// [`bind`](Socket::bind) to a host name.)
///
/// Dropping the last handle that can send (for kinds that only receive: the last handle) closes
/// the socket: what was accepted is sent within [`linger`](crate::Options::linger), then
/// the connections close, and what was received can still be taken. If it was the last handle of
/// its [context](crate::Context) as well, dropping it waits for that: async code that must not wait
/// closes its sockets with [`close`](Socket::close) first.
pub struct Socket<K: Kind> {
    kind: SocketType,
    socket: SocketId,
    mailbox: Arc<Mailbox<Command>>,
    /// Keeps the socket open as a sender does (a receiver, for kinds that only receive).
    holder: Holder,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    registrar: Arc<Registrar>,
    marker: PhantomData<fn() -> K>,
}

impl<K: Kind> Socket<K> {
    pub(crate) fn new(
        kind: SocketType,
        socket: SocketId,
        mailbox: Arc<Mailbox<Command>>,
        holder: Holder,
        registrar: Arc<Registrar>,
    ) -> Self {
        let (sender, receiver) = (holder.sender(), holder.receiver());
        Socket {
            kind,
            socket,
            mailbox,
            holder,
            sender,
            receiver,
            registrar,
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
    /// A name (`tcp://localhost:*`) is that of a network interface (on Linux) or else of a host. It
    /// is looked up in this thread, which for a host takes as long as the system's resolver does;
    /// the first address is bound, an IPv4 address if there is one.
    ///
    /// # Errors
    /// [`BindError::Endpoint`] for a malformed endpoint, [`BindError::Unsupported`] for one that
    /// this type of socket cannot have, [`BindError::InUse`] if somebody is bound there,
    /// [`BindError::Io`] if the system refuses otherwise.
    pub fn bind(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, BindError> {
        let given = Endpoint::parse_for_bind(endpoint.as_ref())?;
        let ended = || self.ended();
        let endpoint = if transport::is_unsettled(&given) {
            let options = self.options().map_err(|_| ended())?;
            transport::settle(&given, options.network.ipv6)?
        } else {
            given.clone()
        };
        let bound = self.ask(|reply| SocketCommand::Bind { endpoint, reply });
        bound
            .unwrap_or_else(|| Err(ended()))
            .map_err(|error| error.about(&given))
    }

    /// Listens on a socket that was bound elsewhere (`ZMQ_USE_FD`), such as one that was inherited
    /// or whose port had to be known before: a [`std::net::TcpListener`] or, on Unix, a
    /// `std::os::unix::net::UnixListener`. Answers its endpoint, for
    /// [`unbind`](Socket::unbind).
    ///
    /// The listener is closed with the socket, or by `unbind`; the file of an ipc listener is not
    /// removed. Its [`backlog`](crate::Options::backlog) is what it was.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind_listener(listener)?)?;
    /// push.send_blocking("hello")?;
    /// assert_eq!(pull.recv_blocking()?[0], "hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BindError::Io`] if it does not listen, has no name that others could connect to, or the
    /// system refuses it an option.
    pub fn bind_listener(&self, listener: impl Into<BoundListener>) -> Result<Endpoint, BindError> {
        let listener = listener.into();
        self.ask(|reply| SocketCommand::Adopt { listener, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Connects to an endpoint: returns at once, also when nobody is bound there yet, and keeps
    /// connecting again until [`disconnect`](Socket::disconnect). Connecting twice to the same
    /// endpoint makes two connections, whatever the type: a SUB that is connected twice receives
    /// each message twice, and a PUB sends each twice. (libzmq ignores the second connect of
    /// DEALER, SUB, PUB and REQ over tcp and ipc.)
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for a malformed endpoint, [`ConnectError::Unsupported`] for one
    /// that this type of socket cannot have.
    pub fn connect(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, ConnectError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        let dialed = endpoint.clone();
        self.ask(|reply| SocketCommand::Connect {
            endpoint: dialed,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))?;
        Ok(endpoint)
    }

    /// Stops listening on an endpoint, given as [`bind`](Socket::bind) answered it, and closes
    /// the connections made through it once what they hold is sent. The address is free when
    /// this returns. The path that `ipc://*` came to is removed with its directory, and no other
    /// bind to `ipc://*` gets it: peers that still connect there are refused until a socket is bound
    /// to that very path.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not bound there.
    pub fn unbind(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_bind(endpoint.as_ref())?;
        self.ask(|reply| SocketCommand::Unbind { endpoint, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Ends every connection made by connecting to this endpoint, once what it holds is sent.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not connected there.
    pub fn disconnect(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.ask(|reply| SocketCommand::Disconnect { endpoint, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Closes the socket: takes no more messages, sends those it accepted within
    /// [`linger`](crate::Options::linger), and resolves when that is done, or when
    /// there is nothing left to wait for: no message (one that is written in part is lost with its
    /// connection), or no endpoint by which a peer could come. The future may be dropped; the
    /// socket closes all the same.
    ///
    /// Calling it again, or on a clone, resolves when the socket has closed.
    pub fn close(&self) -> impl Future<Output = CloseReport> + Send + 'static {
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

    /// [`close`](Socket::close), waiting in this thread.
    pub fn close_blocking(&self) -> CloseReport {
        let closed = self.request_close().and_then(Answer::wait);
        closed.unwrap_or_else(|| CloseReport::without_answer(self.holder.ports()))
    }

    /// Changes options of the open socket, from what they are now. The high-water marks,
    /// [`linger`](crate::Options::linger) and all that is about the behaviour of this
    /// type of socket (`router_…`, `req_…`, `xpub_…` and their likes) change at once; everything
    /// else is for endpoints that are bound or connected from now on.
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
    /// [`ConfigureError::Option`] for a value an option cannot have,
    /// [`ConfigureError::WithoutEffect`] for an option that does nothing for this type of socket,
    /// [`ConfigureError::Fixed`] for a change of overflow policy; then nothing is changed. `change`
    /// is called again if another handle changes the options at the same time.
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
                // Somebody else was faster: once more, from what is true now.
                Some(Ok(false)) => {}
                Some(Ok(true)) => return Ok(()),
                Some(Err(error)) => return Err(error),
                None => return Err(self.ended()),
            }
        }
    }

    /// What the options are now.
    ///
    /// # Errors
    /// [`ConfigureError`] if the socket is closed or its context shut down.
    pub fn options(&self) -> Result<Arc<Options>, ConfigureError> {
        self.ask(|reply| SocketCommand::Options { reply })
            .ok_or_else(|| self.ended())
    }

    /// Tells from now on what happens to the socket's connections: see [`Monitor`]. Make it
    /// before `bind` and `connect` to miss nothing.
    ///
    /// # Errors
    /// [`ObserveError`] if the socket is closed or its context shut down.
    pub fn monitor(&self) -> Result<Monitor, ObserveError> {
        self.monitor_with(MonitorOptions::new())
    }

    /// As [`monitor`](Socket::monitor), with a choice of events and capacity.
    ///
    /// # Errors
    /// As there.
    pub fn monitor_with(&self, options: MonitorOptions) -> Result<Monitor, ObserveError> {
        self.ask(|reply| SocketCommand::Watch {
            events: options.events,
            capacity: options.capacity,
            reply,
        })
        .map(Monitor::new)
        .ok_or_else(|| self.ended())
    }

    /// What the socket has done so far, and its peers of this moment: see [`Statistics`]. The
    /// counting is always on; asking costs a look at each peer.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// left.connect(right.bind("inproc://figures")?)?;
    /// left.send_blocking("hello")?;
    /// right.recv_blocking()?;
    /// let statistics = left.statistics()?;
    /// assert_eq!((statistics.messages_out, statistics.bytes_out), (1, 5));
    /// assert_eq!(statistics.peers.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObserveError`] if the socket is closed or its context shut down.
    pub fn statistics(&self) -> Result<Statistics, ObserveError> {
        self.ask(|reply| SocketCommand::Statistics { reply })
            .ok_or_else(|| self.ended())
    }

    /// Whether the socket takes no more messages: it was closed, or its context shut down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.holder.ports().is_closed()
    }

    /// Why the pump of this socket has failed; `None` if it has not. Calls that send or receive say
    /// no more than [`Closed::Socket`] then, all others say this. A [`Monitor`] is told with
    /// [`EventKind::PumpFailed`](crate::monitor::EventKind::PumpFailed).
    #[must_use]
    pub fn failure(&self) -> Option<PumpFailure> {
        self.mailbox.health().failure()
    }

    /// Who runs this context's registrations.
    pub(crate) fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    pub(crate) fn mailbox(&self) -> &Mailbox<Command> {
        &self.mailbox
    }

    /// Another sender, if this type sends.
    pub(crate) fn any_sender(&self) -> Option<Sender> {
        self.sender.clone()
    }

    /// Another receiver, if this type receives.
    pub(crate) fn any_receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }

    /// Whether both are handles of one socket.
    pub(crate) fn is_same<L: Kind>(&self, other: &Socket<L>) -> bool {
        Arc::ptr_eq(self.holder.ports(), other.holder.ports())
    }

    fn request_close(&self) -> Option<Answer<CloseReport>> {
        let (answer, reply) = answer();
        let posted = self
            .mailbox
            .post(Command::Socket(self.socket, SocketCommand::Close { reply }));
        // The pump reports to the first it hears of; from now on, this handle says closed.
        self.holder.ports().close();
        posted.is_ok().then_some(answer)
    }

    /// What the peer gets that the message received last came from (XPUB).
    fn decide_last(&self, decision: Upstream) -> Result<(), SubscribeError> {
        self.decide(self.holder.ports().last_received(), decision)
    }

    fn decide(&self, tag: u64, decision: Upstream) -> Result<(), SubscribeError> {
        self.ask(|reply| SocketCommand::Decide {
            tag,
            decision,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))
    }

    /// Posts a command and waits for its own answer; none comes from a pump that has ended.
    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> SocketCommand) -> Option<T> {
        self.post(command)?.wait()
    }

    /// Posts a command; `None` if the pump has ended.
    pub(crate) fn post<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> SocketCommand,
    ) -> Option<Answer<T>> {
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

    /// Why the pump did not answer.
    fn ended<E: From<PumpFailure> + From<Closed>>(&self) -> E {
        match self.failure() {
            Some(failure) => failure.into(),
            None if self.holder.ports().is_terminated() => Closed::Context.into(),
            None => Closed::Socket.into(),
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
        if self.kind == SocketType::XPub {
            return self.decide_last(Upstream::Subscribe(prefix.as_ref().into()));
        }
        self.ask_for(prefix.as_ref(), |prefix, reply| SocketCommand::Subscribe {
            prefix,
            reply,
        })
    }

    /// Takes one subscription back (`ZMQ_UNSUBSCRIBE`). One that was never made is no error.
    ///
    /// When this returns, a SUB receives no more messages that match none of its other
    /// subscriptions: those that waited are dropped, counted as
    /// [`Unmatched`](crate::statistics::DropReason::Unmatched). An XSUB receives what waits and what
    /// is still on its way.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed or its context shut down.
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        if self.kind == SocketType::XPub {
            return self.decide_last(Upstream::Cancel(prefix.as_ref().into()));
        }
        self.ask_for(prefix.as_ref(), |prefix, reply| {
            SocketCommand::Unsubscribe { prefix, reply }
        })
    }

    fn ask_for(
        &self,
        prefix: &[u8],
        command: impl FnOnce(Frame, Reply<Result<(), SubscribeError>>) -> SocketCommand,
    ) -> Result<(), SubscribeError> {
        if !matches!(self.kind, SocketType::Sub | SocketType::XSub) {
            return Err(SubscribeError::Unsupported);
        }
        let prefix = Frame::from(prefix);
        self.ask(|reply| command(prefix, reply))
            .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Topical> Socket<K> {
    /// The number of distinct topics (`ZMQ_TOPICS_COUNT`): for SUB, XSUB and DISH of those that
    /// are subscribed to or joined, for PUB, XPUB and RADIO of those that any peer is.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed, its context shut down, or it has no topics.
    pub fn topics(&self) -> Result<usize, SubscribeError> {
        use SocketType::{Dish, Pub, Radio, Sub, XPub, XSub};
        if !matches!(self.kind, Pub | Sub | XPub | XSub | Radio | Dish) {
            return Err(SubscribeError::Unsupported);
        }
        self.ask(|reply| SocketCommand::Topics { reply })
            .ok_or_else(|| self.ended())
    }
}

/// Subscriptions that the user of an XPUB decides on, with
/// [`xpub_manual`](crate::Options::xpub_manual).
///
/// Peers come and go at any time: what is decided for one that has left does nothing.
impl Socket<XPub> {
    /// Gives the peer that `message` was received from what starts with `prefix`, be that what it
    /// asked for or not. `message` is one that this socket's `out` has given.
    ///
    /// ```
    /// use zmq_channels::message::XPubEvent;
    /// use zmq_channels::options::ManualSubscriptions;
    /// use zmq_channels::{Context, Options, Sub, XPub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let options = Options::new().xpub_manual(ManualSubscriptions::On);
    /// let xpub = context.socket_with::<XPub>(options)?;
    /// let sub = context.socket::<Sub>()?;
    /// sub.connect(xpub.bind("inproc://manual")?)?;
    /// sub.subscribe("weather")?;
    ///
    /// let message = xpub.recv_blocking()?;
    /// match XPubEvent::from(&message) {
    ///     XPubEvent::Subscribe(topic) => xpub.accept(&message, topic)?,
    ///     XPubEvent::Cancel(topic) => xpub.revoke(&message, topic)?,
    ///     XPubEvent::User(_) => {}
    /// }
    /// xpub.send_blocking("weather: fair")?;
    /// assert_eq!(sub.recv_blocking()?, "weather: fair".into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SubscribeError::NotManual`] unless the option says so, [`SubscribeError::NoPeer`] if the
    /// message came from no peer, [`SubscribeError::TooMany`] if this peer has as many as it can
    /// have; and if the socket is closed or its context shut down.
    pub fn accept(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Subscribe(prefix.as_ref().into()))
    }

    /// Takes what [`accept`](Socket::accept) gave that peer away again; once is enough, however
    /// often it was given.
    ///
    /// # Errors
    /// As there.
    pub fn revoke(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Cancel(prefix.as_ref().into()))
    }

    /// As [`accept`](Socket::accept) for the message received last (`ZMQ_SUBSCRIBE` on an XPUB):
    /// the one that this socket's receivers, all clones together, have given last. Of several
    /// taken at once, that is the last. Where several threads receive, use `accept`.
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.decide_last(Upstream::Subscribe(prefix.as_ref().into()))
    }

    /// As [`revoke`](Socket::revoke) for the message received last (`ZMQ_UNSUBSCRIBE` on an XPUB).
    ///
    /// # Errors
    /// As there.
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError> {
        self.decide_last(Upstream::Cancel(prefix.as_ref().into()))
    }
}

impl<K: Joins> Socket<K> {
    /// Joins a group: messages that a RADIO sends to exactly this name come in from now on
    /// (RFC 48, `zmq_join`). A name has 0 to 255 bytes.
    ///
    /// ```
    /// use zmq_channels::{Context, Dish, Message, Options, Radio};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (radio, dish) = (context.socket::<Radio>()?, context.socket::<Dish>()?);
    /// dish.join("weather")?;
    /// dish.connect(radio.bind("inproc://radio")?)?;
    /// # while radio.topics()? == 0 {}
    /// radio.send_blocking(Message::to_group("weather", "fair"))?;
    /// let message = dish.recv_blocking()?;
    /// assert_eq!(message[0], "weather");
    /// assert_eq!(message[1], "fair");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`GroupError::AlreadyJoined`], [`GroupError::TooLong`], and if the socket is closed or its
    /// context shut down.
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<(), GroupError> {
        // Other types answer that they have none.
        let group = Frame::from(group.as_ref());
        self.ask(|reply| SocketCommand::Join { group, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Leaves a group (`zmq_leave`). When this returns, no more messages of it are received: those
    /// that waited are dropped, counted as [`Unmatched`](crate::statistics::DropReason::Unmatched).
    ///
    /// # Errors
    /// [`GroupError::NotJoined`], [`GroupError::TooLong`], and if the socket is closed or its
    /// context shut down.
    pub fn leave(&self, group: impl AsRef<[u8]>) -> Result<(), GroupError> {
        let group = Frame::from(group.as_ref());
        self.ask(|reply| SocketCommand::Leave { group, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Addresses> Socket<K> {
    /// [`connect`](Socket::connect), and gives the peer there this routing id, whatever id it
    /// announces (`ZMQ_CONNECT_ROUTING_ID`). Messages to it can be sent at once: until it is
    /// there, and whenever the connection is lost, up to the send high-water mark of them are kept
    /// for it. The id is the endpoint's until that is disconnected.
    ///
    /// ```
    /// use zmq_channels::{Context, Message, Options, Router, RoutingId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (here, there) = (context.socket::<Router>()?, context.socket::<Router>()?);
    /// there.bind("inproc://printer")?;
    /// let printer = RoutingId::new("printer")?;
    /// here.connect_as("inproc://printer", printer.clone())?;
    /// here.send_to_blocking(&printer, "a page")?;
    /// assert_eq!(there.recv_blocking()?[1], "a page");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for a malformed endpoint, [`ConnectError::RoutingIdInUse`] if a
    /// peer has this id already, or on SERVER and PEER if it is not a number above zero.
    pub fn connect_as(
        &self,
        endpoint: impl AsRef<str>,
        routing_id: RoutingId,
    ) -> Result<Endpoint, ConnectError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.dial(endpoint.clone(), Some(routing_id))?;
        Ok(endpoint)
    }

    /// [`connect`](Socket::connect), and answers the routing id that the peer there has from now
    /// on (`zmq_connect_peer`), as [`connect_as`](Socket::connect_as) does with a given one.
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for a malformed endpoint.
    pub fn connect_peer(&self, endpoint: impl AsRef<str>) -> Result<RoutingId, ConnectError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.dial(endpoint, None)
    }

    /// Ends the connection to one peer, once what it holds is sent (`zmq_disconnect_peer`). If
    /// this socket connected to the peer, it does not do so again; if the peer did, it may.
    ///
    /// # Errors
    /// [`DetachError::NoPeer`] if no peer has this id.
    pub fn disconnect_peer(&self, peer: &RoutingId) -> Result<(), DetachError> {
        let peer = peer.clone();
        self.ask(|reply| SocketCommand::DisconnectPeer { peer, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Whether a peer has this id now, or will have it once it is connected
    /// (`zmq_socket_get_peer_state`).
    #[must_use]
    pub fn has_peer(&self, peer: &RoutingId) -> bool {
        let routes = self.holder.ports().routes();
        routes.is_some_and(|routes| routes.contains(peer.frame()))
    }

    /// The ids of all peers there are now, in no order; those that have been given to endpoints
    /// among them, whether their peers are connected or not.
    #[must_use]
    pub fn peers(&self) -> Vec<RoutingId> {
        let names = self.holder.ports().routes().map(|routes| routes.names());
        let ids = names.into_iter().flatten().map(RoutingId::new);
        ids.filter_map(Result::ok).collect()
    }

    fn dial(&self, endpoint: Endpoint, name: Option<RoutingId>) -> Result<RoutingId, ConnectError> {
        if !self.kind.addresses_peers() {
            return Err(ConnectError::NoRoutingIds);
        }
        self.ask(|reply| SocketCommand::ConnectPeer {
            endpoint,
            name,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Addresses + Sends> Socket<K> {
    /// Sends to one peer: as [`Sender::send`] with the id as first frame, which an error gives
    /// back with the rest.
    pub fn send_to(
        &self,
        peer: &RoutingId,
        payload: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_ {
        self.inward().send(Message::to(peer, payload))
    }

    /// As [`send_to`](Socket::send_to), waiting in this thread.
    ///
    /// # Errors
    /// As [`Sender::send_blocking`].
    pub fn send_to_blocking(
        &self,
        peer: &RoutingId,
        payload: impl Into<Message>,
    ) -> Result<(), SendError> {
        self.inward().send_blocking(Message::to(peer, payload))
    }

    /// As [`send_to`](Socket::send_to), without waiting.
    ///
    /// # Errors
    /// As [`Sender::try_send`].
    pub fn try_send_to(
        &self,
        peer: &RoutingId,
        payload: impl Into<Message>,
    ) -> Result<(), TrySendError> {
        self.inward().try_send(Message::to(peer, payload))
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
