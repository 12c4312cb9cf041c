//! The statistics of a socket and of its peers.

use crate::pattern::PeerId;
use crate::pump::counts::Counts;
use crate::pump::env::Env;
use crate::pump::pipe::{Origin, Path, Pipe};
use crate::pump::Pump;
use crate::routing_id::RoutingId;
use crate::statistics::{DropReason, Dropped, PeerStatistics, SocketStatistics, Statistics};

impl<E: Env> Pump<E> {
    /// Returns the statistics of a socket.
    pub(in crate::pump) fn statistics(&mut self, slot: usize) -> Option<Statistics> {
        for pipe in self.sockets.get(slot)?.pipes.clone() {
            self.count_written(pipe);
        }
        self.settle_credits(slot);
        // Late replies are counted in `out` when the batch is pushed.
        self.push_batch(slot);
        let pipes = self.sockets.get(slot)?.pipes.clone();
        for &pipe in &pipes {
            self.learn_names(pipe);
        }
        let socket = self.sockets.get(slot)?;
        let mut total = socket.observers.tally.ended;
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
        let mut dropped: Dropped = socket.io.credits.dropped;
        if let Some(inward) = inward {
            // Minus those that the pump reported to the channel.
            let overflow = inward.dropped().saturating_sub(socket.io.credits.told);
            dropped.count(DropReason::SendOverflow, overflow);
        }
        if let Some(outward) = outward {
            let overflow = outward
                .dropped()
                .saturating_sub(socket.io.credits.late_told);
            dropped.count(DropReason::ReceiveOverflow, overflow);
        }
        let waiting = socket.io.notices.len() + socket.io.batch.len();
        Some(Statistics {
            messages_in: total.messages_in,
            messages_out: total.messages_out,
            bytes_in: total.bytes_in,
            bytes_out: total.bytes_out,
            queued_out: inward.map_or(0, |inward| inward.len()) + socket.io.pending.len() + held,
            queued_in: outward.map_or(0, |outward| outward.len()) + waiting,
            reconnects: socket.observers.tally.reconnects,
            handshakes_failed: socket.observers.tally.handshakes_failed,
            refused: socket.observers.tally.refused,
            subscribers: socket.pattern.subscribers(),
            topics: socket.pattern.topics(),
            dropped,
            peers,
        })
    }

    /// Returns the statistics of each socket of a user.
    pub(in crate::pump) fn all_statistics(&mut self) -> Vec<SocketStatistics> {
        let slots: Vec<usize> = self.sockets.iter().map(|(slot, _)| slot).collect();
        let each = slots.into_iter().filter_map(|slot| {
            let socket = self.sockets.get(slot)?;
            if socket.id == 0 {
                return None;
            }
            let (socket, socket_type) = (socket.id, socket.kind);
            let statistics = self.statistics(slot)?;
            Some(SocketStatistics {
                socket,
                socket_type,
                statistics,
            })
        });
        each.collect()
    }

    /// The name by which the pattern addresses a peer.
    pub(in crate::pump) fn known_as(&self, slot: usize) -> Option<RoutingId> {
        let socket = self.sockets.get(self.pipes.get(slot)?.socket?)?;
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
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            queued: pipe.held(),
            unfinished_in: match &pipe.path {
                Path::Wire(wire) => wire.connection.unfinished_bytes(),
                Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => 0,
            },
            reconnects: dialer.map_or(0, |dialer| dialer.reconnects()),
            handshakes_failed: dialer.map_or(0, |dialer| dialer.handshakes_failed),
            dropped: record.dropped.as_deref().copied().unwrap_or_default(),
        })
    }

    /// A pipe ends: its traffic stays counted.
    pub(in crate::pump) fn fold_counts(&mut self, socket: usize, counts: Counts) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.observers.tally.ended.add(counts);
        }
    }
}
