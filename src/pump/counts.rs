//! Counters of each connection and each socket: plain integers, updated per batch where there is
//! one.

use std::time::Instant;

use crate::message::{Frame, Message};
use crate::pattern::Drop;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::statistics::{DropReason, Dropped};

/// Traffic of one connection, or of all ended connections of a socket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) messages_in: u64,
    pub(super) messages_out: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

/// Counters of one socket.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of connections that have ended.
    pub(super) ended: Counts,
    pub(super) reconnects: u64,
    pub(super) handshakes_failed: u64,
    pub(super) refused: u64,
}

/// A peer whose handshake is done.
#[derive(Debug)]
pub(super) struct PeerRecord {
    pub(super) since: Instant,
    pub(super) socket_type: Option<SocketType>,
    pub(super) routing_id: Frame,
    /// The name by which the pattern addresses it.
    pub(super) known_as: Option<RoutingId>,
    /// Messages dropped on the way to it or from it; allocated with the first.
    pub(super) dropped: Option<Box<Dropped>>,
}

impl PeerRecord {
    /// Counts dropped messages for this peer. The socket counts them too.
    #[cold]
    pub(super) fn count(&mut self, why: Drop, messages: usize) {
        let dropped = self.dropped.get_or_insert_with(Box::default);
        dropped.count(reason(why), messages as u64);
    }
}

/// Size of the payload in bytes.
pub(super) fn payload_len(message: &Message) -> u64 {
    let frames = message.frames().iter();
    frames.map(|frame| frame.len() as u64).sum()
}

/// The public form of a pattern's reason.
pub(super) fn reason(why: Drop) -> DropReason {
    match why {
        Drop::NoPeer => DropReason::NoPeer,
        Drop::PeerFull => DropReason::PeerFull,
        Drop::Overflow => DropReason::SendOverflow,
        Drop::PeerGone => DropReason::PeerGone,
        Drop::Unasked => DropReason::Unasked,
        Drop::Late => DropReason::Late,
        Drop::Malformed => DropReason::Malformed,
        Drop::Unmatched => DropReason::Unmatched,
        Drop::RequestLost => DropReason::RequestLost,
        Drop::Unanswered => DropReason::Unanswered,
        Drop::Multipart => DropReason::Multipart,
        Drop::ReceiveOnly => DropReason::ReceiveOnly,
    }
}
