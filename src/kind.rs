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
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket sends no messages",
    label = "`Sub`, `Pull`, `Dish` and `Gather` only receive",
    note = "their peers send: `Pub` or `XPub` to `Sub`, `Push` to `Pull`, `Radio` to `Dish`, `Scatter` to \
            `Gather`; `Pair`, `Dealer`, `Router`, `Req`, `Rep` and others send and receive",
    note = "a `Sub` subscribes with `subscribe`, a `Dish` with `join`; an `XSub` sends to its publishers"
)]
pub trait Sends: Typed {}

/// A kind that can receive: it has a [`Receiver`](crate::Receiver).
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
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket does not subscribe",
    label = "`Sub` and `XSub` subscribe",
    note = "a `Pub` publishes to those who do, and an `XPub` decides on their subscriptions; a `Dish` joins \
            groups with `join`; other types receive all that is sent to them"
)]
pub trait Subscribes: Kind {}

/// A kind whose messages begin with the routing id of a peer.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket does not address its peers",
    label = "`Router`, `Server`, `Peer` and `Stream` do",
    note = "other types choose the peer themselves: send with `send`. A `Router` is what addresses \
            `Dealer`, `Req` and `Router` peers, a `Server` its `Client` peers"
)]
pub trait Addresses: Kind {}

/// A kind whose peers subscribe or join groups.
#[diagnostic::on_unimplemented(
    message = "peers do not subscribe to a `{Self}` socket",
    label = "`Pub`, `XPub` and `Radio` publish",
    note = "for peers of any type there is `wait_connected`"
)]
pub trait Publishes: Kind {}

/// A kind that can join groups.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket joins no groups",
    label = "`Dish` does",
    note = "a `Sub` or `XSub` subscribes to topics with `subscribe`; a `Radio` sends to a group with \
            `Message::to_group`"
)]
pub trait Joins: Kind {}

/// A kind that has topics or groups: it publishes or subscribes.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket has no topics",
    label = "`Pub`, `XPub`, `Sub`, `XSub`, `Radio` and `Dish` have"
)]
pub trait Topical: Kind {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $type:ident, $($ability:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl sealed::Sealed for $name {}
            impl Kind for $name {}
            impl Typed for $name {
                const TYPE: SocketType = SocketType::$type;
            }
            $(impl $ability for $name {})*
        )*
    };
}

kinds! {
    /// PAIR: exchanges messages with a single peer (RFC 31). `in` waits while the peer is slow or
    /// absent.
    #[doc(alias = "ZMQ_PAIR")]
    Pair: Pair, Sends Receives;
    /// PUB: sends every message to every peer that subscribed to its topic (RFC 29). A slow
    /// subscriber loses messages, without effect on the others.
    #[doc(alias = "ZMQ_PUB")]
    Pub: Pub, Sends Publishes Topical;
    /// SUB: receives messages of the topics it has subscribed to (RFC 29).
    #[doc(alias = "ZMQ_SUB")]
    Sub: Sub, Receives Subscribes Topical;
    /// REQ: sends requests one at a time and receives the reply to each (RFC 28); or pairs any
    /// number of requests with their replies: [`request`](crate::Socket::request).
    #[doc(alias = "ZMQ_REQ")]
    Req: Req, Sends Receives;
    /// REP: receives a request, sends the reply to it, and so on in turn (RFC 28); or returns
    /// requests as handles that can be replied to in any order:
    /// [`requests`](crate::Socket::requests).
    #[doc(alias = "ZMQ_REP")]
    Rep: Rep, Sends Receives;
    /// DEALER: sends to its peers in turn and receives from all of them, without adding an envelope
    /// (RFC 28). `in` waits while no peer has room.
    #[doc(alias = "ZMQ_DEALER")]
    Dealer: Dealer, Sends Receives;
    /// ROUTER: prepends the sender's routing id to each message it receives, and sends each message
    /// to the peer named by its first frame (RFC 28). A message that no peer of that name can take
    /// is dropped and counted; with `router_mandatory` it is returned, or the sender waits.
    #[doc(alias = "ZMQ_ROUTER")]
    Router: Router, Sends Receives Addresses;
    /// XSUB: SUB without a filter, for proxies: a single-frame message that starts with the byte 1
    /// or 0 subscribes or unsubscribes, any other goes to all publishers (RFC 29).
    #[doc(alias = "ZMQ_XSUB")]
    XSub: XSub, Sends Receives Subscribes Topical;
    /// XPUB: PUB that also receives: the subscriptions of its peers, as single-frame messages that
    /// start with the byte 1 or 0, and any other messages they send (RFC 29).
    #[doc(alias = "ZMQ_XPUB")]
    XPub: XPub, Sends Receives Subscribes Publishes Topical;
    /// STREAM: exchanges bytes with peers that speak plain TCP, or any protocol over tcp or ipc. A
    /// message received is the id of a connection (five bytes) and a chunk of at most 8 KiB; chunk
    /// boundaries have no meaning, and an empty chunk reports that the connection began or ended. A
    /// message to send is an id followed by frames of bytes; without any bytes it ends the
    /// connection, once everything before is written. The end is reported like any other (libzmq
    /// does not report connections that the user ended). A message for an unknown connection is
    /// refused. A connection whose peer does not read, up to the high-water mark, delays the
    /// messages sent after. A connection made by this socket keeps its id when it is made again.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// use zmq_channels::{Context, Stream};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Context::new().socket::<Stream>()?;
    /// let endpoint = server.bind("tcp://127.0.0.1:*")?;
    /// let mut client = TcpStream::connect(endpoint.as_str().trim_start_matches("tcp://"))?;
    /// let begun = server.recv_blocking()?;
    /// assert!(begun[1].is_empty());
    ///
    /// client.write_all(b"ping")?;
    /// let message = server.recv_blocking()?;
    /// assert_eq!((&message[0], &message[1]), (&begun[0], &"ping".into()));
    /// server.send_blocking([message[0].clone(), "pong".into()])?;
    /// server.send_blocking(begun)?; // an empty chunk: that is all
    ///
    /// let mut said = String::new();
    /// client.read_to_string(&mut said)?;
    /// assert_eq!(said, "pong");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_STREAM")]
    Stream: Stream, Sends Receives Addresses;
    /// SERVER: receives each message with the routing id of a CLIENT, and sends to that id (RFC
    /// 41). One frame of payload.
    #[doc(alias = "ZMQ_SERVER")]
    Server: Server, Sends Receives Addresses;
    /// CLIENT: sends to its SERVERs in turn and receives from all of them (RFC 41). One frame.
    #[doc(alias = "ZMQ_CLIENT")]
    Client: Client, Sends Receives;
    /// RADIO: sends every message to every DISH that joined its group (RFC 48). Two frames: group
    /// and payload.
    #[doc(alias = "ZMQ_RADIO")]
    Radio: Radio, Sends Publishes Topical;
    /// DISH: receives messages of the groups it has joined (RFC 48). Two frames: group and payload.
    #[doc(alias = "ZMQ_DISH")]
    Dish: Dish, Receives Joins Topical;
    /// GATHER: receives from any number of SCATTER peers, fair-queued (RFC 49). One frame.
    #[doc(alias = "ZMQ_GATHER")]
    Gather: Gather, Receives;
    /// SCATTER: sends to GATHER peers that have room, in turn (RFC 49). One frame.
    #[doc(alias = "ZMQ_SCATTER")]
    Scatter: Scatter, Sends;
    /// PEER: receives each message with the routing id of another PEER, and sends to that id (RFC
    /// 51). One frame of payload.
    #[doc(alias = "ZMQ_PEER")]
    Peer: Peer, Sends Receives Addresses;
    /// CHANNEL: exchanges messages with a single peer (RFC 52). One frame.
    #[doc(alias = "ZMQ_CHANNEL")]
    Channel: Channel, Sends Receives;
    /// PULL: receives from any number of PUSH peers, fair-queued (RFC 30).
    #[doc(alias = "ZMQ_PULL")]
    Pull: Pull, Receives;
    /// PUSH: sends to PULL peers that have room, in turn (RFC 30). `in` waits while none has.
    #[doc(alias = "ZMQ_PUSH")]
    Push: Push, Sends;
}

/// A socket whose type was chosen at run time: it may have either port or both.
#[derive(Clone, Copy, Debug)]
pub enum Any {}

impl sealed::Sealed for Any {}
impl Kind for Any {}
impl Subscribes for Any {}
impl Addresses for Any {}
impl Publishes for Any {}
impl Joins for Any {}
impl Topical for Any {}
