//! What the two pumps of a pipe tell each other besides messages.

use crate::message::Message;
use crate::pattern::{PeerIntro, Upstream};
use crate::sync::duplex::BridgeEnd;

/// One pump's end of a bridge to another one.
pub(crate) type End = BridgeEnd<Message, Signal>;

/// What goes between two pumps besides messages, and overtakes them.
pub(crate) enum Signal {
    /// The peer is accepted; this is the socket that accepted it.
    Ready(PeerIntro),
    /// What this socket sends each new peer first; it does not count against the high-water mark.
    Greeting(Message),
    /// The inproc name is not bound any more.
    NameGone,
    Upstream(Upstream),
    /// All messages are here: what there is no room for now goes back.
    Last,
}
