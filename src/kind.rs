//! The socket types as types, so that a misuse does not compile.

use crate::socket_type::SocketType;

/// A socket type known at compile time, or [`Any`]. Sealed: the list is closed.
pub trait Kind: sealed::Sealed + Send + Sync + 'static {}

/// A kind whose [`SocketType`] is known at compile time: all but [`Any`].
pub trait Typed: Kind {
    /// The socket type of this kind.
    const TYPE: SocketType;
}

/// A kind that takes messages from its user: it has a [`Sender`](crate::Sender).
pub trait Sends: Typed {}

/// A kind that gives messages to its user: it has a [`Receiver`](crate::Receiver).
pub trait Receives: Typed {}

/// A kind with subscriptions.
pub trait Subscribes: Kind {}

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
    Pair: Pair, Sends Receives;
    /// PUB: every message to every subscriber of its topic (RFC 29). A slow subscriber loses
    /// messages, the others do not notice.
    Pub: Pub, Sends;
    /// SUB: messages of the topics it has subscribed to (RFC 29).
    Sub: Sub, Receives Subscribes;
    /// REQ: sends requests one at a time, receives the reply to each (RFC 28).
    Req: Req, Sends Receives;
    /// REP: receives a request, sends the reply to it, and so on in turn (RFC 28).
    Rep: Rep, Sends Receives;
    /// DEALER: deals messages out to its peers in turn and receives from all of them, without
    /// envelopes of its own (RFC 28). `in` waits when no peer has room.
    Dealer: Dealer, Sends Receives;
    /// ROUTER: receives each message behind a frame that names its sender, and sends each
    /// message to the peer its first frame names (RFC 28). What nobody of that name can take is
    /// dropped and counted.
    Router: Router, Sends Receives;
    /// XSUB: SUB without a filter of its own, for proxies: a message of one frame that starts with
    /// the octet 1 or 0 subscribes or unsubscribes, any other goes to all publishers (RFC 29).
    XSub: XSub, Sends Receives Subscribes;
    /// PULL: receives from many PUSH peers, fairly (RFC 30).
    Pull: Pull, Receives;
    /// PUSH: deals messages out to PULL peers that have room, in turn (RFC 30). `in` waits when
    /// none has.
    Push: Push, Sends;
}

/// A socket whose type was chosen at run time: it may or may not have each port.
#[derive(Clone, Copy, Debug)]
pub enum Any {}

impl sealed::Sealed for Any {}
impl Kind for Any {}
impl Subscribes for Any {}
