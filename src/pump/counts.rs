//! Counters of each connection and each socket: plain integers, updated per batch where there is
//! one.

use std::collections::VecDeque;
use std::time::Instant;

use crate::message::{Frame, Message, PeerFrame};
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
    /// Attached to the peer's messages, on sockets with `message_peers`.
    pub(super) peer_frame: Option<PeerFrame>,
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

/// Prepares a message for another socket of this process, which is not told the peer it was received
/// from. Returns the size of its payload.
pub(super) fn pass_on(message: &mut Message) -> u64 {
    message.forget_peer();
    payload_len(message)
}

/// Like [`pass_on`] for all messages from an index on. Most have no peer, so all are checked first.
pub(super) fn pass_on_all(messages: &mut VecDeque<Message>, from: usize) -> u64 {
    let new = messages.range(from..).map(Message::payload);
    let (payload, have_peers) = new.fold((0, false), |(sum, any), (bytes, has_peer)| {
        (sum + bytes, any | has_peer)
    });
    if have_peers {
        messages.range_mut(from..).for_each(Message::forget_peer);
    }
    payload
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
