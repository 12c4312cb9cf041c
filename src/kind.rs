//! The socket types as Rust types, so that misusing a socket does not compile.

use crate::socket_type::SocketType;

/// A socket type known at compile time, or [`Any`]. Sealed: the list is closed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of socket",
    note = "types of sockets are `Pub`, `Sub`, `Req`, `Rep`, `Push`, `Pull` and their likes, or `Any`"
)]
pub trait Kind: sealed::Sealed + Send + Sync + 'static {}

/// A kind whose [`SocketType`] is known at compile time: all but [`Any`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of socket that is known at compile time",
    note = "name one, as in `context.socket::<Pub>()`; for a `SocketType` that is chosen at run time \
            there is `context.socket_of(socket_type, options)`, which gives a `Socket<Any>`"
)]
pub trait Typed: Kind {
    /// The socket type of this kind.
    const TYPE: SocketType;
}

/// A kind that takes messages from its user: it has a [`Sender`](crate::Sender).
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket sends no messages",
    label = "`Sub`, `Pull`, `Dish` and `Gather` only receive",
    note = "their peers send: `Pub` or `XPub` to `Sub`, `Push` to `Pull`, `Radio` to `Dish`, `Scatter` to \
            `Gather`; `Pair`, `Dealer`, `Router`, `Req`, `Rep` and others send and receive",
    note = "a `Sub` subscribes with `subscribe`, a `Dish` with `join`; an `XSub` sends to its publishers"
)]
pub trait Sends: Typed {}

/// A kind that gives messages to its user: it has a [`Receiver`](crate::Receiver).
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket receives no messages",
    label = "`Pub`, `Push`, `Radio` and `Scatter` only send",
    note = "their peers receive: `Sub` from `Pub`, `Pull` from `Push`, `Dish` from `Radio`, `Gather` from \
            `Scatter`; `Pair`, `Dealer`, `Router`, `Req`, `Rep` and others send and receive",
    note = "an `XPub` publishes and receives the subscriptions of its peers; `wait_subscribed` waits for \
            them on a `Pub`, an `XPub` and a `Radio`"
)]
pub trait Receives: Typed {}

/// A kind that subscribes, or, as XPUB may, decides on its peers' subscriptions.
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

/// A kind whose peers subscribe, or join groups.
#[diagnostic::on_unimplemented(
    message = "peers do not subscribe to a `{Self}` socket",
    label = "`Pub`, `XPub` and `Radio` publish",
    note = "for peers of any type there is `wait_connected`"
)]
pub trait Publishes: Kind {}

/// A kind with groups to join.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` socket joins no groups",
    label = "`Dish` does",
    note = "a `Sub` or `XSub` subscribes to topics with `subscribe`; a `Radio` sends to a group with \
            `Message::to_group`"
)]
pub trait Joins: Kind {}

/// A kind with topics, or groups: it publishes or subscribes.
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
    /// PAIR: one peer, both ways (RFC 31). `in` waits when the peer is slow or absent.
    #[doc(alias = "ZMQ_PAIR")]
    Pair: Pair, Sends Receives;
    /// PUB: every message to every subscriber of its topic (RFC 29). A slow subscriber loses
    /// messages, the others do not notice.
    #[doc(alias = "ZMQ_PUB")]
    Pub: Pub, Sends Publishes Topical;
    /// SUB: messages of the topics it has subscribed to (RFC 29).
    #[doc(alias = "ZMQ_SUB")]
    Sub: Sub, Receives Subscribes Topical;
    /// REQ: sends requests one at a time, receives the reply to each (RFC 28); or pairs any number
    /// of requests with their replies: [`request`](crate::Socket::request).
    #[doc(alias = "ZMQ_REQ")]
    Req: Req, Sends Receives;
    /// REP: receives a request, sends the reply to it, and so on in turn (RFC 28); or hands
    /// requests out to be answered in any order: [`requests`](crate::Socket::requests).
    #[doc(alias = "ZMQ_REP")]
    Rep: Rep, Sends Receives;
    /// DEALER: deals messages out to its peers in turn and receives from all of them, without
    /// envelopes of its own (RFC 28). `in` waits when no peer has room.
    #[doc(alias = "ZMQ_DEALER")]
    Dealer: Dealer, Sends Receives;
    /// ROUTER: receives each message behind a frame that names its sender, and sends each
    /// message to the peer its first frame names (RFC 28). What no peer of that name can take is
    /// dropped and counted, or with `router_mandatory` refused or waited for.
    #[doc(alias = "ZMQ_ROUTER")]
    Router: Router, Sends Receives Addresses;
    /// XSUB: SUB without a filter of its own, for proxies: a message of one frame that starts with
    /// the byte 1 or 0 subscribes or unsubscribes, any other goes to all publishers (RFC 29).
    #[doc(alias = "ZMQ_XSUB")]
    XSub: XSub, Sends Receives Subscribes Topical;
    /// XPUB: PUB that also receives: the subscriptions of its peers, as messages of one frame that
    /// starts with the byte 1 or 0, and whatever else they send (RFC 29).
    #[doc(alias = "ZMQ_XPUB")]
    XPub: XPub, Sends Receives Subscribes Publishes Topical;
    /// STREAM: peers that speak plain TCP, or any protocol over tcp or ipc. Each message is the id
    /// of a connection, five bytes, and a chunk of at most 8 KiB, which begins and ends anywhere;
    /// an empty chunk tells that the connection began or ended. Of what is sent, the first frame is
    /// an id and the others are bytes; with none at all the connection ends, once everything
    /// before is written, and its end is told like any other (libzmq does not tell of ends that
    /// the user made). A message for a connection that is not there is refused. One
    /// that does not take what it is sent, up to the high-water mark, holds up what is sent after.
    /// A connection that we make keeps its id when it is made again.
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
    /// SERVER: each message comes with, and goes to, the routing id of a CLIENT (RFC 41). One frame
    /// of payload.
    #[doc(alias = "ZMQ_SERVER")]
    Server: Server, Sends Receives Addresses;
    /// CLIENT: sends to its SERVERs in turn, receives from all of them (RFC 41). One frame.
    #[doc(alias = "ZMQ_CLIENT")]
    Client: Client, Sends Receives;
    /// RADIO: every message to every DISH that joined its group (RFC 48). Two frames: group and
    /// payload.
    #[doc(alias = "ZMQ_RADIO")]
    Radio: Radio, Sends Publishes Topical;
    /// DISH: messages of the groups it has joined (RFC 48). Two frames: group and payload.
    #[doc(alias = "ZMQ_DISH")]
    Dish: Dish, Receives Joins Topical;
    /// GATHER: receives from many SCATTER peers, fairly (RFC 49). One frame.
    #[doc(alias = "ZMQ_GATHER")]
    Gather: Gather, Receives;
    /// SCATTER: deals messages out to GATHER peers that have room, in turn (RFC 49). One frame.
    #[doc(alias = "ZMQ_SCATTER")]
    Scatter: Scatter, Sends;
    /// PEER: each message comes with, and goes to, the routing id of another PEER (RFC 51). One
    /// frame of payload.
    #[doc(alias = "ZMQ_PEER")]
    Peer: Peer, Sends Receives Addresses;
    /// CHANNEL: one peer, both ways (RFC 52). One frame.
    #[doc(alias = "ZMQ_CHANNEL")]
    Channel: Channel, Sends Receives;
    /// PULL: receives from many PUSH peers, fairly (RFC 30).
    #[doc(alias = "ZMQ_PULL")]
    Pull: Pull, Receives;
    /// PUSH: deals messages out to PULL peers that have room, in turn (RFC 30). `in` waits when
    /// none has.
    #[doc(alias = "ZMQ_PUSH")]
    Push: Push, Sends;
}

/// A socket whose type was chosen at run time: it may or may not have each port.
#[derive(Clone, Copy, Debug)]
pub enum Any {}

impl sealed::Sealed for Any {}
impl Kind for Any {}
impl Subscribes for Any {}
impl Addresses for Any {}
impl Publishes for Any {}
impl Joins for Any {}
impl Topical for Any {}
