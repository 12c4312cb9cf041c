//! Attaching peers to patterns, detaching them, and telling patterns that peers have room again.

use crate::event::PeerIdentity;
use crate::message::{Frame, PeerFrame, PeerInfo};
use crate::pattern::{PeerId, PeerIntro};
use crate::pump::counts::PeerRecord;
use crate::pump::env::Env;
use crate::pump::Pump;
use crate::wire::Introduction;

use super::loss::{Loss, Origin};
use super::Path;

impl<E: Env> Pump<E> {
    /// What a pattern is told about a peer after the handshake.
    pub(in crate::pump) fn intro(&self, slot: usize, info: &Introduction) -> PeerIntro {
        PeerIntro {
            socket_type: info.socket_type,
            routing_id: info.identity.clone(),
            alias: self.alias(slot),
            dialer: self.origin_serial(slot),
        }
    }

    /// The serial number of the `connect` that made a pipe; `None` for one that was accepted.
    pub(in crate::pump) fn origin_serial(&self, slot: usize) -> Option<u64> {
        match self.pipes.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialer_serial(dialer),
            Origin::Accepted(_) => None,
        }
    }

    /// The name that is reserved for a peer that this socket connected to.
    pub(in crate::pump) fn alias(&self, slot: usize) -> Option<Frame> {
        match self.pipes.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer)?.alias.as_ref().map(Frame::from),
            Origin::Accepted(_) => None,
        }
    }

    /// The handshake is done: attaches the peer to the pattern, unless there are too many peers.
    pub(in crate::pump) fn attach(
        &mut self,
        slot: usize,
        intro: &PeerIntro,
        identity: &PeerIdentity,
    ) -> Result<(), Loss> {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return Err(Loss::Refused);
        };
        let Some(socket) = pipe.socket else {
            return Err(Loss::Refused);
        };
        let Some(found) = self.sockets.get_mut(socket) else {
            return Err(Loss::Refused);
        };
        if found.is_crowded() {
            found.observers.tally.refused += 1;
            return Err(Loss::Crowded);
        }
        let message_peers = found.io.message_peers;
        self.count_peers(socket, true);
        let peer_frame = message_peers
            .then(|| self.peer_frame(slot, identity))
            .flatten();
        // Before the pattern attaches it, which may drop messages kept for the peer.
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.record = Some(Box::new(PeerRecord {
                since: self.now,
                socket_type: intro.socket_type,
                routing_id: intro.routing_id.clone(),
                known_as: None,
                peer_frame,
                dropped: None,
            }));
        }
        let peer = PeerId(slot as u32);
        let accepted = self
            .pattern_call(socket, |pattern, outlet| {
                pattern
                    .attach(peer, intro, outlet.receiving_from(peer))
                    .is_ok()
            })
            .unwrap_or(false);
        if !accepted {
            self.count_peers(socket, false);
            if let Some(found) = self.sockets.get_mut(socket) {
                found.observers.tally.refused += 1;
            }
            if let Some(pipe) = self.pipes.get_mut(slot) {
                pipe.record = None;
            }
            return Err(Loss::Refused);
        }
        let known_as = self.known_as(slot);
        self.leave_handshakes(slot);
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.attached = true;
            if let Some(record) = &mut pipe.record {
                record.known_as = known_as;
            }
        }
        self.send_hello(slot);
        self.handshake_succeeded(slot);
        self.send_later(socket);
        Ok(())
    }

    /// Returns what is attached to the messages of a peer.
    fn peer_frame(&mut self, slot: usize, identity: &PeerIdentity) -> Option<PeerFrame> {
        self.learn_names(slot);
        let pipe = self.pipes.get(slot)?;
        let names = pipe.names.as_deref().cloned().unwrap_or_default();
        Some(PeerFrame::new(PeerInfo {
            connection: pipe.serial,
            endpoint: names.endpoint,
            local: names.local,
            remote: names.remote,
            identity: identity.clone(),
        }))
    }

    /// The pattern forgets the peer; unsent messages are sent another way or counted as lost.
    pub(in crate::pump) fn detach(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut pipe.attached, false) {
            return;
        }
        let Some(socket) = pipe.socket else {
            return;
        };
        let peer = PeerId(slot as u32);
        self.pattern_call(socket, |pattern, outlet| {
            pattern.detach(peer, outlet.receiving_from(peer));
        });
        self.count_peers(socket, false);
        self.send_later(socket);
    }

    /// A blocked peer may have room again.
    pub(in crate::pump) fn unblock(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.near {
            return self.tell_room(slot);
        }
        if !pipe.blocked {
            return;
        }
        let Some(socket) = pipe.socket else {
            return;
        };
        let Some(found) = self.sockets.get_mut(socket) else {
            return;
        };
        // A pipe that waits for room in its twin's `out` becomes writable in its turn.
        let has_turns = matches!(pipe.path, Path::Inproc(_)) && !found.io.buffers;
        if !pipe.is_roomy(found.io.limit, found.io.buffers) || (pipe.waits_for_room && has_turns) {
            return;
        }
        if self.set_writable(slot) {
            self.send_later(socket);
        }
    }

    /// Tells the pattern that a blocked peer has room again; returns whether it was blocked.
    pub(in crate::pump) fn set_writable(&mut self, slot: usize) -> bool {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return false;
        };
        let was_blocked = std::mem::replace(&mut pipe.blocked, false);
        if let (true, true, Some(socket)) = (
            was_blocked,
            pipe.attached,
            pipe.socket.and_then(|socket| self.sockets.get_mut(socket)),
        ) {
            socket.pattern.writable(PeerId(slot as u32));
            return true;
        }
        false
    }
}
