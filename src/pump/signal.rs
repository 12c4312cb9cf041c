//! Signals between the two pumps of a pipe, besides messages.

use crate::message::Message;
use crate::pattern::{PeerIntro, Upstream};
use crate::sync::duplex::BridgeEnd;

/// One pump's end of a bridge to another.
pub(crate) type End = BridgeEnd<Message, Signal>;

/// A signal between two pumps, which may overtake messages.
pub(crate) enum Signal {
    /// The peer is accepted by this socket.
    Ready(PeerIntro),
    /// The first message that this socket sends to each new peer; it does not count against the
    /// high-water mark.
    Greeting(Message),
    /// The inproc name is not bound any more.
    NameGone,
    Upstream(Upstream),
    /// All messages have been sent: those there is no room for now are to be returned.
    Last,
}
