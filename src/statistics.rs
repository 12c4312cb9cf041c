//! Statistics of sockets and their peers: messages, bytes, queues, losses, reconnects.

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::PumpFailure;
use crate::message::Frame;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// What a socket has done so far: a snapshot, see [`Socket::statistics`](crate::Socket::statistics).
///
/// The figures of connections that have ended are part of the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Whole messages that came from peers, whatever became of them here.
    pub messages_in: u64,
    /// Whole messages that left for peers: written to the kernel or handed to an inproc peer. A
    /// message published to three subscribers counts three times.
    pub messages_out: u64,
    /// Bytes that came from peers: on tcp and ipc all that the kernel gave, handshake and framing
    /// included; on inproc the payload.
    pub bytes_in: u64,
    /// Bytes that left for peers, in the same sense.
    pub bytes_out: u64,
    /// Messages accepted by `in` that have not left: waiting there, or held for a peer.
    pub queued_out: usize,
    /// Messages waiting in `out`.
    pub queued_in: usize,
    /// Handshakes that succeeded again, after the connection of an endpoint had been lost.
    pub reconnects: u64,
    /// Connections that did not get through their handshake, refused ones among them.
    pub handshakes_failed: u64,
    /// Peers that were not taken: for [`max_peers`](crate::Options::max_peers), or
    /// because the type of socket takes no more, or not under that routing id.
    ///
    /// A peer is refused before it can believe itself connected, so that it keeps its messages,
    /// wherever the reason is known by then. It is not if the peer speaks ZMTP 1.0, if this ROUTER
    /// connected to the peer (or is its PLAIN or CURVE client), or connected to a peer of ZMTP 2.0,
    /// and the routing id turns out to be in use, or if the last place is taken while the
    /// handshake is under way. What such a peer has sent is read for up to a second, and counted
    /// as [`DropReason::PeerRefused`].
    pub refused: u64,
    /// Peers that hold a subscription or have joined a group now: PUB, XPUB, RADIO.
    pub subscribers: usize,
    /// Distinct topics that any peer has subscribed to now (`ZMQ_TOPICS_COUNT`): PUB, XPUB.
    pub topics: usize,
    /// Messages lost, by reason.
    pub dropped: Dropped,
    /// The peers connected now, those that have been for longest first.
    pub peers: Vec<PeerStatistics>,
}

/// What the sockets of a context have done so far: a snapshot, see
/// [`Context::statistics`](crate::Context::statistics).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextStatistics {
    /// The figures of all [`sockets`](ContextStatistics#structfield.sockets) added up, without the
    /// [`peers`](Statistics#structfield.peers), which stand with each socket.
    pub total: Statistics,
    /// The sockets that have not ended, in the order in which they were opened. Those of one pump
    /// are looked at in one moment, those of several one pump after the other.
    pub sockets: Vec<SocketStatistics>,
    /// Why a pump has failed, if any has: its sockets are closed, and not among these.
    pub failure: Option<PumpFailure>,
}

impl ContextStatistics {
    pub(crate) fn new(mut sockets: Vec<SocketStatistics>, failure: Option<PumpFailure>) -> Self {
        sockets.sort_by_key(|socket| socket.socket);
        let mut total = Statistics::default();
        for socket in &sockets {
            total.add(&socket.statistics);
        }
        ContextStatistics {
            total,
            sockets,
            failure,
        }
    }
}

/// What one socket of a context has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStatistics {
    /// Which socket: its [`id`](crate::Socket::id).
    pub socket: u64,
    /// Its type.
    pub socket_type: SocketType,
    /// As [`Socket::statistics`](crate::Socket::statistics) gives them.
    pub statistics: Statistics,
}

impl Statistics {
    /// Adds the figures of another socket, but for its peers.
    fn add(&mut self, other: &Statistics) {
        let Statistics {
            messages_in,
            messages_out,
            bytes_in,
            bytes_out,
            queued_out,
            queued_in,
            reconnects,
            handshakes_failed,
            refused,
            subscribers,
            topics,
            dropped,
            peers: _,
        } = other;
        self.messages_in += messages_in;
        self.messages_out += messages_out;
        self.bytes_in += bytes_in;
        self.bytes_out += bytes_out;
        self.queued_out += queued_out;
        self.queued_in += queued_in;
        self.reconnects += reconnects;
        self.handshakes_failed += handshakes_failed;
        self.refused += refused;
        self.subscribers += subscribers;
        self.topics += topics;
        for (reason, messages) in dropped.iter() {
            self.dropped.count(reason, messages);
        }
    }
}

/// What one connection has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// The connection's number, as in [`Event::connection`](crate::monitor::Event#structfield.connection).
    pub connection: u64,
    /// The endpoint it was made through; `None` once the socket is no longer bound there.
    pub endpoint: Option<Endpoint>,
    /// Our end.
    pub local: Option<Endpoint>,
    /// The peer's end.
    pub remote: Option<Endpoint>,
    /// The peer's type; `None` if it did not say.
    pub socket_type: Option<SocketType>,
    /// The routing id the peer announced; empty for none.
    pub routing_id: Frame,
    /// The name by which a ROUTER, SERVER, PEER or STREAM addresses the peer, whether that was
    /// announced, given when connecting, or made up; `None` for other types, and for a peer whose
    /// name another one has taken over.
    pub known_as: Option<RoutingId>,
    /// How long ago the handshake was done.
    pub connected_for: Duration,
    /// Whole messages that came from this peer.
    pub messages_in: u64,
    /// Whole messages that left for this peer.
    pub messages_out: u64,
    /// Bytes that came from this peer.
    pub bytes_in: u64,
    /// Bytes that left for this peer.
    pub bytes_out: u64,
    /// Messages held for this peer.
    pub queued: usize,
    /// Bytes of a message of several frames, or of a large one, that has not come whole: what it
    /// occupies of our memory, but for what its frames cost each. Always 0 over inproc.
    pub unfinished_in: u64,
    /// How often the connection of this endpoint was lost and made again; 0 for a peer that
    /// connected to us.
    pub reconnects: u64,
    /// How often a connection of this endpoint did not get through its handshake since it was
    /// connected to; 0 for a peer that connected to us.
    pub handshakes_failed: u64,
    /// Messages lost on their way to this peer, or that it sent and this socket does not take, by
    /// reason. They are part of the socket's [`dropped`](Statistics#structfield.dropped), which
    /// also counts those of peers that are gone, those lost with a connection, and what was lost
    /// in `in` or `out` or for want of a peer.
    pub dropped: Dropped,
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// No peer was connected.
    NoPeer,
    /// The peer it was for was at its high-water mark.
    PeerFull,
    /// The peer it was for was not there.
    PeerGone,
    /// A peer sent what it was not asked for.
    Unasked,
    /// A peer replied to a request that had been given up.
    Late,
    /// A peer sent a message without the envelope or the body it needs.
    Malformed,
    /// No peer had subscribed to it, or the subscription ended before it was received.
    Unmatched,
    /// The peer left without replying to the request.
    RequestLost,
    /// The user did not reply to the request.
    Unanswered,
    /// A peer sent several frames to a type of socket whose messages are one.
    Multipart,
    /// The type of socket only receives.
    ReceiveOnly,
    /// It was held for a connection that ended, and could not go another way.
    ConnectionLost,
    /// [`send_overflow`](crate::Options::send_overflow) dropped it.
    SendOverflow,
    /// [`receive_overflow`](crate::Options::receive_overflow) dropped it, or it came
    /// after the last receiver had gone.
    ReceiveOverflow,
    /// It came from a peer that was refused when the peer already believed itself connected: see
    /// [`Statistics::refused`].
    PeerRefused,
}

impl DropReason {
    /// All reasons.
    pub const ALL: &'static [DropReason] = &[
        DropReason::NoPeer,
        DropReason::PeerFull,
        DropReason::PeerGone,
        DropReason::Unasked,
        DropReason::Late,
        DropReason::Malformed,
        DropReason::Unmatched,
        DropReason::RequestLost,
        DropReason::Unanswered,
        DropReason::Multipart,
        DropReason::ReceiveOnly,
        DropReason::ConnectionLost,
        DropReason::SendOverflow,
        DropReason::ReceiveOverflow,
        DropReason::PeerRefused,
    ];
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropReason::NoPeer => "no peer was connected",
            DropReason::PeerFull => "the peer was at its high-water mark",
            DropReason::PeerGone => "the peer was not there",
            DropReason::Unasked => "the peer was not asked for it",
            DropReason::Late => "the request had been given up",
            DropReason::Malformed => "it lacked the envelope or the body it needs",
            DropReason::Unmatched => "not subscribed to",
            DropReason::RequestLost => "the peer left without replying",
            DropReason::Unanswered => "the user did not reply",
            DropReason::Multipart => "it had several frames where one is a message",
            DropReason::ReceiveOnly => "the socket only receives",
            DropReason::ConnectionLost => "the connection it was held for ended",
            DropReason::SendOverflow => "`in` was full",
            DropReason::ReceiveOverflow => "`out` was full or closed",
            DropReason::PeerRefused => "the peer it came from was refused",
        })
    }
}

/// Messages lost, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// Messages lost for this reason.
    #[must_use]
    pub fn by(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Messages lost for whatever reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons there were, each with its number of messages.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let each = DropReason::ALL.iter().copied().zip(self.0);
        each.filter(|(_, messages)| *messages > 0)
    }

    #[inline]
    pub(crate) fn count(&mut self, reason: DropReason, messages: u64) {
        self.0[reason as usize] += messages;
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_reason() {
        let mut dropped = Dropped::default();
        for (index, &reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason as usize, index);
            dropped.count(reason, index as u64);
            assert_eq!(dropped.by(reason), index as u64);
        }
        assert_eq!(dropped.total(), (0..DropReason::ALL.len() as u64).sum());
        assert_eq!(dropped.iter().count(), DropReason::ALL.len() - 1);
    }
}
