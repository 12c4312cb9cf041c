//! The socket types as Rust types, so that misusing a socket does not compile.

use crate::socket_type::SocketType;

/// A socket type known at compile time, or [`Any`]. This trait is sealed and cannot be implemented
/// outside this crate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a socket type",
    note = "socket types are `Pub`, `Sub`, `Req`, `Rep`, `Push`, `Pull`, the others in `zmq_channels::kind`, \
            and `Any`"
)]
pub trait Kind: sealed::Sealed + Send + Sync + 'static {}

/// A kind whose [`SocketType`] is known at compile time: all except [`Any`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a socket type known at compile time",
    note = "name one, as in `context.socket::<Pub>()`; for a `SocketType` that is chosen at run time \
            there is `context.socket_of(socket_type, options)`, which gives a `Socket<Any>`"
)]
pub trait Typed: Kind {
    /// The socket type of this kind.
    const TYPE: SocketType;
}

/// A kind that can send: it has a [`Sender`](crate::Sender).
///
/// A PULL only receives, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Pull>()?;
/// socket.send_blocking("a task")?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Push>()?;
/// socket.send_blocking("a task")?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket sends no messages",
    label = "`Sub`, `Pull`, `Dish` and `Gather` only receive",
    note = "their peers send: `Pub` or `XPub` to `Sub`, `Push` to `Pull`, `Radio` to `Dish`, `Scatter` to \
            `Gather`; `Pair`, `Dealer`, `Router`, `Req`, `Rep` and others send and receive",
    note = "a `Sub` subscribes with `subscribe`, a `Dish` with `join`; an `XSub` sends to its publishers"
)]
pub trait Sends: Typed {}

/// A kind that can receive: it has a [`Receiver`](crate::Receiver).
///
/// A PUSH only sends, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Push>()?;
/// let task = socket.recv_blocking()?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Pull>()?;
/// let task = socket.recv_blocking()?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket receives no messages",
    label = "`Pub`, `Push`, `Radio` and `Scatter` only send",
    note = "their peers receive: `Sub` from `Pub`, `Pull` from `Push`, `Dish` from `Radio`, `Gather` from \
            `Scatter`; `Pair`, `Dealer`, `Router`, `Req`, `Rep` and others send and receive",
    note = "an `XPub` publishes and receives the subscriptions of its peers; `wait_subscribed` waits for \
            them on a `Pub`, an `XPub` and a `Radio`"
)]
pub trait Receives: Typed {}

/// A kind that subscribes, or, as XPUB can, decides about its peers' subscriptions.
///
/// A PUB publishes to those who subscribe, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Pub>()?;
/// socket.subscribe("weather")?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Sub>()?;
/// socket.subscribe("weather")?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket does not subscribe",
    label = "`Sub` and `XSub` subscribe",
    note = "a `Pub` publishes to those who do, and an `XPub` decides on their subscriptions; a `Dish` joins \
            groups with `join`; other types receive all that is sent to them"
)]
pub trait Subscribes: Kind {}

/// A kind whose messages begin with the routing id of a peer.
///
/// A DEALER chooses its peer, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Dealer>()?;
/// socket.send_to_blocking("anna", "hello")?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Router>()?;
/// socket.send_to_blocking("anna", "hello")?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket does not address its peers",
    label = "`Router`, `Server`, `Peer` and `Stream` do",
    note = "other types choose the peer themselves: send with `send`. A `Router` is what addresses \
            `Dealer`, `Req` and `Router` peers, a `Server` its `Client` peers"
)]
pub trait Addresses: Kind {}

/// A kind whose peers subscribe or join groups.
///
/// No peer subscribes to a PUSH, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Push>()?;
/// socket.wait_subscribed_blocking(1)?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Pub>()?;
/// socket.wait_subscribed_blocking(1)?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "peers do not subscribe to a `{Self}` socket",
    label = "`Pub`, `XPub` and `Radio` publish",
    note = "for peers of any type there is `wait_connected`"
)]
pub trait Publishes: Kind {}

/// A kind that can join groups.
///
/// A SUB subscribes, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Sub>()?;
/// socket.join("weather")?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::kind::Dish>()?;
/// socket.join("weather")?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket joins no groups",
    label = "`Dish` does",
    note = "a `Sub` or `XSub` subscribes to topics with `subscribe`; a `Radio` sends to a group with \
            `Message::to_group`"
)]
pub trait Joins: Kind {}

/// A kind that has topics or groups: it publishes or subscribes.
///
/// A PULL receives all that is sent to it, so that this does not compile:
///
/// ```compile_fail,E0277
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Pull>()?;
/// let topics = socket.topics()?;
/// # Ok(())
/// # }
/// ```
/// But this does:
///
/// ```
/// # fn misuse() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = zmq_channels::Context::new().socket::<zmq_channels::Sub>()?;
/// let topics = socket.topics()?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket has no topics",
    label = "`Pub`, `XPub`, `Sub`, `XSub`, `Radio` and `Dish` have"
)]
pub trait Topical: Kind {}

mod sealed {
    pub trait Sealed {}
}

/// Each type of a list: its documentation, its name, its [`SocketType`], and what it can do.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $type:ident, $($ability:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl $crate::kind::sealed::Sealed for $name {}
            impl $crate::kind::Kind for $name {}
            impl $crate::kind::Typed for $name {
                const TYPE: SocketType = SocketType::$type;
            }
            $(impl $crate::kind::$ability for $name {})*
        )*
    };
}

mod client_server;
mod pair;
mod pipeline;
mod publish;
mod request;
mod stream;

pub use client_server::{Client, Peer, Server};
pub use pair::{Channel, Pair};
pub use pipeline::{Gather, Pull, Push, Scatter};
pub use publish::{Dish, Pub, Radio, Sub, XPub, XSub};
pub use request::{Dealer, Rep, Req, Router};
pub use stream::Stream;

/// A socket whose type was chosen at run time: it may have either port or both.
///
/// A call that its type does not have fails with a [`KindError`](crate::socket::KindError).
/// [`downcast`](crate::Socket::downcast) is the way to a socket of a known type, and
/// [`into_any`](crate::Socket::into_any) the way back.
///
/// ```
/// use zmq_channels::{Context, Options, SocketType};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = context.socket_of("PULL".parse()?, Options::new())?;
/// let push = context.socket_of(SocketType::Push, Options::new())?;
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// push.send_blocking("a task")?;
/// assert_eq!(pull.recv_blocking()?[0], "a task");
/// assert!(pull.sender().is_none() && push.recv_blocking().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Any {}

impl sealed::Sealed for Any {}
impl Kind for Any {}
impl Subscribes for Any {}
impl Addresses for Any {}
impl Publishes for Any {}
impl Joins for Any {}
impl Topical for Any {}
