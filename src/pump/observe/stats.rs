//! What each connection and each socket has done so far. The figures are plain numbers of the
//! pump's, counted by the batch where there is one.

use std::time::Instant;

use crate::message::{Frame, Message};
use crate::pattern::{Drop, PeerId};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::statistics::{DropReason, Dropped, PeerStatistics, Statistics};

use crate::pump::env::World;
use crate::pump::pipe::{Link, Origin, Path};
use crate::pump::Pump;

/// What moved on one connection, or on all those of a socket that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pump) struct Counts {
    pub(in crate::pump) messages_in: u64,
    pub(in crate::pump) messages_out: u64,
    pub(in crate::pump) octets_in: u64,
    pub(in crate::pump) octets_out: u64,
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
pub(in crate::pump) struct Met {
    pub(in crate::pump) since: Instant,
    pub(in crate::pump) socket_type: Option<SocketType>,
    pub(in crate::pump) routing_id: Frame,
    /// The name that the pattern gave it.
    pub(in crate::pump) known_as: Option<RoutingId>,
    /// What was lost on the way to it, or not taken from it; none at all for most.
    pub(in crate::pump) dropped: Option<Box<Dropped>>,
}

impl Met {
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
        self.octets_in += other.octets_in;
        self.octets_out += other.octets_out;
    }
}

impl<S> Link<S> {
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
            counts.octets_out += wire.connection.staged_octets() as u64;
        }
        counts
    }
}

/// Octets of payload.
pub(in crate::pump) fn octets(message: &Message) -> u64 {
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

impl<W: World> Pump<W> {
    /// What a socket has done so far.
    pub(in crate::pump) fn statistics(&mut self, slot: usize) -> Option<Statistics> {
        self.settle_credits(slot);
        // Late replies are told to `out` along with what goes there.
        self.push_batch(slot);
        let links = self.hubs.get(slot)?.links.clone();
        for &link in &links {
            self.learn_names(link);
        }
        let hub = self.hubs.get(slot)?;
        let mut total = hub.tally.ended;
        let mut peers = Vec::with_capacity(hub.peers);
        let mut held = 0;
        for slot in links {
            let Some(link) = self.links.get(slot) else {
                continue;
            };
            total.add(link.counts());
            held += link.held();
            peers.extend(self.peer_statistics(slot, link));
        }
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.connected_for));
        let (inward, outward) = (hub.ports.inward(), hub.ports.outward());
        let mut dropped: Dropped = hub.io.dropped;
        if let Some(inward) = inward {
            // The channel was told of those that the pump lost.
            let overflow = inward.dropped().saturating_sub(hub.io.told);
            dropped.count(DropReason::SendOverflow, overflow);
        }
        if let Some(outward) = outward {
            let overflow = outward.dropped().saturating_sub(hub.io.late_told);
            dropped.count(DropReason::ReceiveOverflow, overflow);
        }
        let waiting = hub.io.notices.len() + hub.io.batch.len();
        Some(Statistics {
            messages_in: total.messages_in,
            messages_out: total.messages_out,
            octets_in: total.octets_in,
            octets_out: total.octets_out,
            queued_out: inward.map_or(0, |inward| inward.len()) + hub.io.pending.len() + held,
            queued_in: outward.map_or(0, |outward| outward.len()) + waiting,
            reconnects: hub.tally.reconnects,
            handshakes_failed: hub.tally.handshakes_failed,
            refused: hub.tally.refused,
            subscribers: hub.pattern.subscribers(),
            topics: hub.pattern.topics(),
            dropped,
            peers,
        })
    }

    /// The name by which the pattern addresses a peer.
    pub(in crate::pump) fn known_as(&self, slot: usize) -> Option<RoutingId> {
        let hub = self.hubs.get(self.links.get(slot)?.hub)?;
        hub.pattern.name(PeerId(slot as u32))
    }

    fn peer_statistics(&self, slot: usize, link: &Link<W::Stream>) -> Option<PeerStatistics> {
        let met = link.met.as_deref().filter(|_| link.attached)?;
        let names = link.names.as_deref().cloned().unwrap_or_default();
        let counts = link.counts();
        let dialer = match link.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer),
            Origin::Accepted(_) => None,
        };
        Some(PeerStatistics {
            connection: link.serial,
            endpoint: names.endpoint,
            local: names.local,
            remote: names.remote,
            socket_type: met.socket_type,
            routing_id: met.routing_id.clone(),
            known_as: self.known_as(slot),
            connected_for: self.now.saturating_duration_since(met.since),
            messages_in: counts.messages_in,
            messages_out: counts.messages_out,
            octets_in: counts.octets_in,
            octets_out: counts.octets_out,
            queued: link.held(),
            unfinished_in: match &link.path {
                Path::Wire(wire) => wire.connection.unfinished_octets(),
                Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => 0,
            },
            reconnects: dialer.map_or(0, |dialer| dialer.reconnects()),
            handshakes_failed: dialer.map_or(0, |dialer| dialer.handshakes_failed),
            dropped: met.dropped.as_deref().copied().unwrap_or_default(),
        })
    }

    /// A link ends: what moved on it stays counted.
    pub(in crate::pump) fn fold_counts(&mut self, hub: usize, counts: Counts) {
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.tally.ended.add(counts);
        }
    }
}
