//! What each connection and each socket has done so far. The figures are plain numbers of the
//! pump's, counted by the batch where there is one.

use std::time::Instant;

use crate::message::{Frame, Message};
use crate::pattern::{Drop, PeerId};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::statistics::{DropReason, Dropped, PeerStatistics, Statistics};

use crate::pump::env::Env;
use crate::pump::pipe::{Origin, Path, Pipe};
use crate::pump::Pump;

/// What moved on one connection, or on all those of a socket that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pump) struct Counts {
    pub(in crate::pump) messages_in: u64,
    pub(in crate::pump) messages_out: u64,
    pub(in crate::pump) bytes_in: u64,
    pub(in crate::pump) bytes_out: u64,
}

/// What happened to one socket.
#[derive(Debug, Default)]
pub(in crate::pump) struct Tally {
    /// On connections that have ended.
    pub(in crate::pump) ended: Counts,
    pub(in crate::pump) reconnects: u64,
    pub(in crate::pump) handshakes_failed: u64,
    pub(in crate::pump) refused: u64,
}

/// A peer whose handshake is done.
#[derive(Debug)]
pub(in crate::pump) struct PeerRecord {
    pub(in crate::pump) since: Instant,
    pub(in crate::pump) socket_type: Option<SocketType>,
    pub(in crate::pump) routing_id: Frame,
    /// The name that the pattern gave it.
    pub(in crate::pump) known_as: Option<RoutingId>,
    /// What was lost on the way to it, or not taken from it; none at all for most.
    pub(in crate::pump) dropped: Option<Box<Dropped>>,
}

impl PeerRecord {
    /// Counts a loss as this peer's. The socket counts it too.
    #[cold]
    pub(in crate::pump) fn count(&mut self, why: Drop, messages: usize) {
        let dropped = self.dropped.get_or_insert_with(Box::default);
        dropped.count(reason(why), messages as u64);
    }
}

impl Counts {
    pub(in crate::pump) fn add(&mut self, other: Counts) {
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
    }
}

impl<S> Pipe<S> {
    /// What moved on this connection.
    pub(in crate::pump) fn counts(&self) -> Counts {
        match &self.path {
            Path::Wire(wire) => wire.counts,
            Path::Inproc(inproc) => inproc.counts,
            Path::Cross(cross) => cross.counts,
            Path::Dialing { .. } | Path::Lent => Counts::default(),
        }
    }

    /// The same, if what is held for the peer is as good as gone.
    pub(in crate::pump) fn counts_at_parting(&self) -> Counts {
        let mut counts = self.counts();
        counts.messages_out += self.held() as u64;
        if let Path::Wire(wire) = &self.path {
            counts.bytes_out += wire.connection.staged_octets() as u64;
        }
        counts
    }
}

/// Bytes of payload.
pub(in crate::pump) fn payload_len(message: &Message) -> u64 {
    let frames = message.frames().iter();
    frames.map(|frame| frame.len() as u64).sum()
}

/// The public name of a loss.
pub(in crate::pump) fn reason(why: Drop) -> DropReason {
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

impl<E: Env> Pump<E> {
    /// What a socket has done so far.
    pub(in crate::pump) fn statistics(&mut self, slot: usize) -> Option<Statistics> {
        self.settle_credits(slot);
        // Late replies are told to `out` along with what goes there.
        self.push_batch(slot);
        let pipes = self.sockets.get(slot)?.pipes.clone();
        for &pipe in &pipes {
            self.learn_names(pipe);
        }
        let socket = self.sockets.get(slot)?;
        let mut total = socket.tally.ended;
        let mut peers = Vec::with_capacity(socket.peers);
        let mut held = 0;
        for slot in pipes {
            let Some(pipe) = self.pipes.get(slot) else {
                continue;
            };
            total.add(pipe.counts());
            held += pipe.held();
            peers.extend(self.peer_statistics(slot, pipe));
        }
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.connected_for));
        let (inward, outward) = (socket.ports.inward(), socket.ports.outward());
        let mut dropped: Dropped = socket.io.dropped;
        if let Some(inward) = inward {
            // The channel was told of those that the pump lost.
            let overflow = inward.dropped().saturating_sub(socket.io.told);
            dropped.count(DropReason::SendOverflow, overflow);
        }
        if let Some(outward) = outward {
            let overflow = outward.dropped().saturating_sub(socket.io.late_told);
            dropped.count(DropReason::ReceiveOverflow, overflow);
        }
        let waiting = socket.io.notices.len() + socket.io.batch.len();
        Some(Statistics {
            messages_in: total.messages_in,
            messages_out: total.messages_out,
            octets_in: total.bytes_in,
            octets_out: total.bytes_out,
            queued_out: inward.map_or(0, |inward| inward.len()) + socket.io.pending.len() + held,
            queued_in: outward.map_or(0, |outward| outward.len()) + waiting,
            reconnects: socket.tally.reconnects,
            handshakes_failed: socket.tally.handshakes_failed,
            refused: socket.tally.refused,
            subscribers: socket.pattern.subscribers(),
            topics: socket.pattern.topics(),
            dropped,
            peers,
        })
    }

    /// The name by which the pattern addresses a peer.
    pub(in crate::pump) fn known_as(&self, slot: usize) -> Option<RoutingId> {
        let socket = self.sockets.get(self.pipes.get(slot)?.socket)?;
        socket.pattern.name(PeerId(slot as u32))
    }

    fn peer_statistics(&self, slot: usize, pipe: &Pipe<E::Stream>) -> Option<PeerStatistics> {
        let record = pipe.record.as_deref().filter(|_| pipe.attached)?;
        let names = pipe.names.as_deref().cloned().unwrap_or_default();
        let counts = pipe.counts();
        let dialer = match pipe.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer),
            Origin::Accepted(_) => None,
        };
        Some(PeerStatistics {
            connection: pipe.serial,
            endpoint: names.endpoint,
            local: names.local,
            remote: names.remote,
            socket_type: record.socket_type,
            routing_id: record.routing_id.clone(),
            known_as: self.known_as(slot),
            connected_for: self.now.saturating_duration_since(record.since),
            messages_in: counts.messages_in,
            messages_out: counts.messages_out,
            octets_in: counts.bytes_in,
            octets_out: counts.bytes_out,
            queued: pipe.held(),
            unfinished_in: match &pipe.path {
                Path::Wire(wire) => wire.connection.unfinished_octets(),
                Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => 0,
            },
            reconnects: dialer.map_or(0, |dialer| dialer.reconnects()),
            handshakes_failed: dialer.map_or(0, |dialer| dialer.handshakes_failed),
            dropped: record.dropped.as_deref().copied().unwrap_or_default(),
        })
    }

    /// A pipe ends: what moved on it stays counted.
    pub(in crate::pump) fn fold_counts(&mut self, socket: usize, counts: Counts) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.tally.ended.add(counts);
        }
    }
}
