//! Statistics of sockets and their peers: messages, bytes, queues, losses, reconnects.

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::PumpFailure;
use crate::message::Frame;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// Statistics of a socket since it was opened: a snapshot, see
/// [`Socket::statistics`](crate::Socket::statistics).
///
/// The totals include connections that have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Whole messages received from peers, including those dropped afterwards.
    pub messages_in: u64,
    /// Whole messages sent to peers: written to the kernel or handed to an inproc peer. A message
    /// published to three subscribers counts three times.
    pub messages_out: u64,
    /// Bytes received from peers: on tcp and ipc all bytes read from the kernel, including
    /// handshake and framing; on inproc the payload.
    pub bytes_in: u64,
    /// Bytes sent to peers, counted in the same way.
    pub bytes_out: u64,
    /// Messages accepted by `in` that have not been sent: waiting there, or queued for a peer.
    pub queued_out: usize,
    /// Messages waiting in `out`.
    pub queued_in: usize,
    /// Handshakes that succeeded after the connection of an endpoint had been lost.
    pub reconnects: u64,
    /// Connections whose handshake failed, including refused ones.
    pub handshakes_failed: u64,
    /// Peers that were refused: because of [`max_peers`](crate::Options::max_peers), because the
    /// type of socket allows no more, or because their routing id was in use.
    ///
    /// Where possible a peer is refused during the handshake, before it sends messages, so that it
    /// keeps them. This is not possible if the peer speaks ZMTP 1.0; if the routing id turns out to
    /// be in use and this ROUTER connected to the peer (or is its PLAIN or CURVE client), or
    /// connected to a peer of ZMTP 2.0; or if the last place is taken during the handshake.
    /// Messages from such a peer are read for up to a second, and counted as
    /// [`DropReason::PeerRefused`].
    pub refused: u64,
    /// Peers that currently have a subscription or have joined a group: PUB, XPUB, RADIO.
    pub subscribers: usize,
    /// Distinct topics that peers are currently subscribed to (`ZMQ_TOPICS_COUNT`): PUB, XPUB.
    pub topics: usize,
    /// Messages dropped, by reason.
    pub dropped: Dropped,
    /// The peers currently connected, those connected longest first.
    pub peers: Vec<PeerStatistics>,
}

/// Statistics of the sockets of a context: a snapshot, see
/// [`Context::statistics`](crate::Context::statistics).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextStatistics {
    /// The sums over all [`sockets`](ContextStatistics#structfield.sockets), without the
    /// [`peers`](Statistics#structfield.peers), which are listed with each socket.
    pub total: Statistics,
    /// The sockets that have not ended, in the order in which they were opened. Sockets of one pump
    /// are recorded at the same moment, those of different pumps one pump after the other.
    pub sockets: Vec<SocketStatistics>,
    /// Why a pump has failed, if one has: its sockets are closed, and not listed here.
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

/// Statistics of one socket of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStatistics {
    /// The socket's [`id`](crate::Socket::id).
    pub socket: u64,
    /// Its type.
    pub socket_type: SocketType,
    /// The same as [`Socket::statistics`](crate::Socket::statistics) returns.
    pub statistics: Statistics,
}

impl Statistics {
    /// Adds the figures of another socket, except for its peers.
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

/// Statistics of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// The connection's number, as in [`Event::connection`](crate::monitor::Event#structfield.connection).
    pub connection: u64,
    /// The endpoint the connection was made through; `None` once the socket is no longer bound
    /// there.
    pub endpoint: Option<Endpoint>,
    /// This end of the connection.
    pub local: Option<Endpoint>,
    /// The peer's end.
    pub remote: Option<Endpoint>,
    /// The peer's socket type; `None` if it did not announce one.
    pub socket_type: Option<SocketType>,
    /// The routing id the peer announced; empty for none.
    pub routing_id: Frame,
    /// The routing id by which a ROUTER, SERVER, PEER or STREAM addresses the peer: announced by
    /// the peer, assigned when connecting, or generated; `None` for other types, and for a peer
    /// whose id another peer has taken over.
    pub known_as: Option<RoutingId>,
    /// Time since the handshake was done.
    pub connected_for: Duration,
    /// Whole messages received from this peer.
    pub messages_in: u64,
    /// Whole messages sent to this peer.
    pub messages_out: u64,
    /// Bytes received from this peer.
    pub bytes_in: u64,
    /// Bytes sent to this peer.
    pub bytes_out: u64,
    /// Messages queued for this peer.
    pub queued: usize,
    /// Bytes received of a multipart or large message that is still incomplete: the memory it
    /// occupies, apart from a fixed cost per frame. Always 0 over inproc.
    pub unfinished_in: u64,
    /// Number of times the connection of this endpoint was lost and made again; 0 for a peer that
    /// connected to this socket.
    pub reconnects: u64,
    /// Number of failed handshakes with this endpoint since it was connected to; 0 for a peer that
    /// connected to this socket.
    pub handshakes_failed: u64,
    /// Messages dropped on their way to this peer, and messages from it that this socket dropped,
    /// by reason. They are included in the socket's [`dropped`](Statistics#structfield.dropped),
    /// which also counts messages of former peers, messages lost with a connection, and messages
    /// dropped in `in` or `out` or because there was no peer.
    pub dropped: Dropped,
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// No peer was connected.
    NoPeer,
    /// Its peer had reached the high-water mark.
    PeerFull,
    /// Its peer was not connected.
    PeerGone,
    /// A peer sent a message that is not expected from it: a reply to no request, or any message to a
    /// PUB or RADIO.
    Unasked,
    /// A peer replied to a request that had been cancelled.
    Late,
    /// A message, received or to be sent, lacked the required envelope or body.
    Malformed,
    /// No peer had subscribed to it, or the subscription ended before it was received.
    Unmatched,
    /// It was a request, and its peer disconnected without replying.
    RequestLost,
    /// The user did not reply to the request.
    Unanswered,
    /// A peer sent several frames to a type of socket whose messages have one.
    Multipart,
    /// It was to be sent on a type of socket that only receives.
    ReceiveOnly,
    /// It was queued for a connection that ended, and could not be sent another way.
    ConnectionLost,
    /// [`send_overflow`](crate::Options::send_overflow) dropped it.
    SendOverflow,
    /// [`receive_overflow`](crate::Options::receive_overflow) dropped it, or it arrived after the
    /// last receiver was dropped.
    ReceiveOverflow,
    /// It came from a peer that was refused too late for the peer to notice before it sent: see
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
            DropReason::PeerGone => "the peer was not connected",
            DropReason::Unasked => "the peer sent it without being asked",
            DropReason::Late => "its request had been cancelled",
            DropReason::Malformed => "its envelope or body was missing or invalid",
            DropReason::Unmatched => "not subscribed to",
            DropReason::RequestLost => "the peer disconnected without replying",
            DropReason::Unanswered => "the user did not reply",
            DropReason::Multipart => "it had several frames on a socket of single-frame messages",
            DropReason::ReceiveOnly => "the socket only receives",
            DropReason::ConnectionLost => "its connection was lost",
            DropReason::SendOverflow => "`in` was full",
            DropReason::ReceiveOverflow => "`out` was full or closed",
            DropReason::PeerRefused => "the peer it came from was refused",
        })
    }
}

/// Numbers of messages dropped, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// Returns the number of messages dropped for this reason.
    #[must_use]
    pub fn by(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Returns the number of messages dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns an iterator over the reasons that occurred, each with its number of messages.
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
