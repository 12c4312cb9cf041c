//! ZMTP 3.1 (RFC 37) on the wire, down to 2.0 (RFC 15) and 1.0 (RFC 13), without touching the wire:
//! bytes in, events out, and back.
//!
//! Nothing here reads, writes, sleeps or looks at a clock; see [`Connection`] for the grammar.
//! Protocol versions end here: whichever form a peer speaks, the same [`Event`] comes out.

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
mod greeting;
mod heartbeat;
mod mechanism;
mod metadata;
mod old;
#[cfg(test)]
mod tests;
mod zap;

pub(crate) use close_reason::CloseReason;
pub(crate) use connection::Connection;
pub(crate) use encoder::MAX_SLICES;
pub(crate) use mechanism::Opening;
pub(crate) use zap::{
    judgement, read_request as read_authentication_request, reply as authentication_reply,
    request as authentication_request, Allowed, Applicant, Judgement,
};

/// What a socket says and demands on each of its connections.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Announced to the peer, and decides whom to talk to.
    pub(crate) socket_type: SocketType,
    /// Major and minor version of the oldest ZMTP to talk to.
    pub(crate) oldest_version: (u8, u8),
    /// Announced by the types whose peers may route by it; empty for none.
    pub(crate) routing_id: Vec<u8>,
    /// The largest frame the peer may send, in bytes; `None` for no limit.
    pub(crate) max_frame_size: Option<u64>,
    /// The most bytes the frames of a message may have together; `None` for no limit.
    pub(crate) max_message_size: Option<u64>,
    /// Only the first frame of a message may be a subscription (to PUB and XPUB only).
    pub(crate) only_first_subscribe: bool,
    /// How long the peer may take from the first byte to its READY; `None` for no limit.
    pub(crate) handshake_timeout: Option<Duration>,
    /// Whether the peer is asked for signs of life.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// How connections are secured.
    pub(crate) security: Security,
    /// Whether a handler has to judge each peer; clients of PLAIN and CURVE judge none.
    pub(crate) authenticates: bool,
    /// What peers are judged under.
    pub(crate) zap_domain: String,
    /// Whether every peer has to be judged.
    pub(crate) zap_enforce_domain: bool,
    /// Announced to the peer behind what ZMTP itself wants to know.
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    /// Bytes read at once, at most, but for large frames.
    pub(crate) in_batch_size: usize,
    /// Bytes of small frames gathered in one piece, at most.
    pub(crate) out_batch_size: usize,
}

/// How a peer is asked for signs of life (RFC 37, Connection Heartbeating).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// Between one PING and the next.
    pub(crate) interval: Duration,
    /// How long the peer may be silent after a PING.
    pub(crate) timeout: Duration,
    /// What it is told to wait for us, in tenths of a second; 0 for nothing.
    pub(crate) time_to_live: u16,
}

/// What a connection has to tell its application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The handler has to judge the peer by what it has shown: the answer goes to
    /// [`Connection::judged`].
    Authenticate(Credentials),
    /// The handshake is complete: messages may flow. Comes once, before any other but
    /// `Authenticate` and `Closed`.
    Ready(Box<Introduction>),
    /// A whole message.
    Message(Message),
    /// The peer wants messages that start with this (to PUB and XPUB only).
    Subscribe(Frame),
    /// The peer no longer wants messages that start with this (to PUB and XPUB only).
    Cancel(Frame),
    /// The peer joins a group (to RADIO only).
    Join(Frame),
    /// The peer leaves a group (to RADIO only).
    Leave(Frame),
    /// The connection is of no more use. Comes once, and nothing after it.
    Closed(CloseReason),
}

/// What the peer said about itself during the handshake: nothing at all, without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// `None` if the peer did not say; such peers are taken as they are.
    pub(crate) socket_type: Option<SocketType>,
    /// Empty for an anonymous peer.
    pub(crate) identity: Frame,
    /// Major and minor version as the peer announced it.
    pub(crate) version: (u8, u8),
    /// All of its metadata, in its order, names as it spelt them.
    pub(crate) properties: Vec<(String, Vec<u8>)>,
    /// What those who judged it said of it, not it itself.
    pub(crate) allowed: Allowed,
}
