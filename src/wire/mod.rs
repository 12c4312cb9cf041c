//! ZMTP 3.1 (RFC 37), 3.0, 2.0 (RFC 15) and 1.0 (RFC 13), sans-I/O: bytes in, events out, and back.
//!
//! Nothing here reads, writes, sleeps or calls a clock; see [`Connection`] for how it is used.
//! Differences between protocol versions end here: for every version of the peer, the same
//! [`Event`]s are returned.

use std::time::Duration;

use crate::message::{Frame, Message};
use crate::security::{Credentials, Security};
use crate::socket_type::SocketType;

mod close_reason;
mod command;
mod connection;
mod decoder;
mod encoder;
mod frame;
#[cfg(any(test, zmq_channels_fuzz))]
pub(crate) mod fuzz;
mod greeting;
mod heartbeat;
mod mechanism;
mod metadata;
mod old;
#[cfg(any(test, zmq_channels_fuzz))]
mod testing;
#[cfg(test)]
mod tests;
mod zap;

pub(crate) use close_reason::{CloseReason, CommandPart};
pub(crate) use connection::Connection;
pub(crate) use encoder::MAX_SLICES;
pub(crate) use mechanism::Opening;
pub(crate) use zap::{
    judgement, read_request as read_authentication_request, reply as authentication_reply,
    request as authentication_request, Allowed, Applicant, Judgement,
};

/// What a socket announces and requires on each of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Announced to the peer, and decides which peers are compatible.
    pub(crate) socket_type: SocketType,
    /// Major and minor number of the oldest version of ZMTP accepted.
    pub(crate) oldest_version: (u8, u8),
    /// Announced by the types whose peers may route by it; empty for none.
    pub(crate) routing_id: Vec<u8>,
    /// Maximum size of a frame from the peer, in bytes; `None` for no limit.
    pub(crate) max_frame_size: Option<u64>,
    /// Maximum size of all frames of a message together, in bytes; `None` for no limit.
    pub(crate) max_message_size: Option<u64>,
    /// Only the first frame of a message may be a subscription (to PUB and XPUB only).
    pub(crate) only_first_subscribe: bool,
    /// Time limit from the first byte to the peer's READY; `None` for no limit.
    pub(crate) handshake_timeout: Option<Duration>,
    /// The heartbeats sent to the peer, if any.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// How connections are secured.
    pub(crate) security: Security,
    /// Whether a handler has to decide about each peer; clients of PLAIN and CURVE do not ask one.
    pub(crate) authenticates: bool,
    /// The domain under which peers are authenticated.
    pub(crate) zap_domain: String,
    /// Whether every peer has to be authenticated.
    pub(crate) zap_enforce_domain: bool,
    /// Announced to the peer after ZMTP's own properties.
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    /// Maximum number of bytes read at once, except for large frames.
    pub(crate) in_batch_size: usize,
    /// Maximum number of bytes of small frames in one buffer.
    pub(crate) out_batch_size: usize,
}

/// Heartbeats sent to a peer (RFC 37, Connection Heartbeating).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// The time between two PINGs.
    pub(crate) interval: Duration,
    /// How long the peer may be silent after a PING.
    pub(crate) timeout: Duration,
    /// The time-to-live announced to the peer, in tenths of a second; 0 for none.
    pub(crate) time_to_live: u16,
}

/// An event of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The handler has to decide about a peer with these credentials: the decision goes to
    /// [`Connection::judged`].
    Authenticate(Credentials),
    /// The handshake is complete: messages can be exchanged. Comes once, before all others except
    /// `Authenticate` and `Closed`.
    Ready(Box<Introduction>),
    /// A whole message.
    Message(Message),
    /// The peer subscribes to messages that start with this (to PUB and XPUB only).
    Subscribe(Frame),
    /// The peer cancels its subscription to messages that start with this (to PUB and XPUB only).
    Cancel(Frame),
    /// The peer joins a group (to RADIO only).
    Join(Frame),
    /// The peer leaves a group (to RADIO only).
    Leave(Frame),
    /// The connection is closed. Comes once, and no event follows it.
    Closed(CloseReason),
}

/// What the peer announced during the handshake; empty without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// `None` if the peer did not announce one; such peers count as compatible.
    pub(crate) socket_type: Option<SocketType>,
    /// Empty if the peer announced none.
    pub(crate) identity: Frame,
    /// Major and minor version, as announced by the peer.
    pub(crate) version: (u8, u8),
    /// All of its metadata, in its order and spelling.
    pub(crate) properties: Vec<(String, Vec<u8>)>,
    /// What the handler said about the peer, as opposed to the peer itself.
    pub(crate) allowed: Allowed,
}
