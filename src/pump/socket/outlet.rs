//! The outlet of patterns: their messages and commands go to pipes, or into the batch for `out`.

use slab::Slab;

use crate::message::{Frame, Message};
use crate::pattern::{Drop, Full, Outlet, Pattern, PeerId, Upstream};
use crate::port::{Outcome, Ports};
use crate::pump::env::Env;
use crate::pump::fair_queue::FairQueue;
use crate::pump::pipe::{Path, Pipe};
use crate::pump::queues::Queues;
use crate::pump::Pump;

use super::SocketIo;

/// The pipes, and the batch for `out`, as a pattern's outlet.
pub(in crate::pump) struct PumpOutlet<'a, S> {
    pub(in crate::pump) socket: usize,
    pub(in crate::pump) io: &'a mut SocketIo,
    pub(in crate::pump) ports: &'a Ports,
    pub(in crate::pump) pipes: &'a mut Slab<Pipe<S>>,
    pub(in crate::pump) fair_queues: &'a mut [FairQueue],
    pub(in crate::pump) queues: &'a mut Queues,
    /// The peer that delivered messages come from; `None` for those that no peer sent.
    from: Option<PeerId>,
}

impl<S> PumpOutlet<'_, S> {
    /// For a call that delivers messages of this peer.
    pub(in crate::pump) fn receiving_from(&mut self, peer: PeerId) -> &mut Self {
        self.from = Some(peer);
        self
    }

    fn set_peer(&self, message: &mut Message) {
        let pipe = self.from.and_then(|peer| self.pipes.get(peer.0 as usize));
        let record = pipe.and_then(|pipe| pipe.record.as_deref());
        if let Some(frame) = record.and_then(|record| record.peer_frame.as_ref()) {
            message.set_peer(frame);
        }
    }
}

impl<S> Outlet for PumpOutlet<'_, S> {
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full> {
        if let Some(most) = self.io.slides {
            return self.slide(peer, message, most);
        }
        let slot = peer.0 as usize;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            debug_assert!(false, "a pattern knows only attached peers");
            return Err(Full);
        };
        let admitted = self.io.near.admits();
        if !admitted && pipe.is_full(self.io.limit, self.io.buffers) {
            // A message that would be dropped has the place of one that is written: the peer may have
            // answered that one already.
            let has_place = self.io.buffers
                && pipe.count_written() > 0
                && !pipe.is_full(self.io.limit, self.io.buffers);
            if !has_place {
                pipe.blocked = true;
                return Err(Full);
            }
        }
        match &mut pipe.path {
            Path::Wire(wire) => {
                wire.connection.send(&*message);
                self.queues.flushers.push(slot);
            }
            Path::Inproc(inproc) => {
                if !self.io.buffers {
                    // Reserve room in the twin's `out`, so that every message sent can be
                    // delivered.
                    let room = &mut self.fair_queues[inproc.twin_socket];
                    if room.reserve(slot, 1) == 0 {
                        pipe.blocked = true;
                        if !std::mem::replace(&mut pipe.waits_for_room, true) {
                            room.queue(slot);
                            self.queues.to_resume.push(inproc.twin_socket);
                        }
                        return Err(Full);
                    }
                }
                inproc.queue.push_back(std::mem::take(message));
                self.queues.transfers.push(slot);
            }
            Path::Cross(cross) => {
                cross.send(std::mem::take(message));
                self.queues.transfers.push(slot);
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "a peer that is not full has a wire or a twin");
                return Err(Full);
            }
        }
        if admitted {
            self.io.near.note(slot, pipe);
        }
        Ok(())
    }

    fn command(&mut self, peer: PeerId, command: Upstream) {
        let slot = peer.0 as usize;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        match &mut pipe.path {
            Path::Wire(wire) => {
                match &command {
                    Upstream::Subscribe(prefix) => wire.connection.subscribe(prefix),
                    Upstream::Cancel(prefix) => wire.connection.cancel(prefix),
                    Upstream::Join(group) => wire.connection.join(group),
                    Upstream::Leave(group) => wire.connection.leave(group),
                }
                self.queues.flushers.push(slot);
            }
            Path::Inproc(inproc) => {
                inproc.controls.push_back(command);
                self.queues.transfers.push(slot);
            }
            Path::Cross(cross) => {
                cross.command(command);
                self.queues.transfers.push(slot);
            }
            Path::Dialing { .. } | Path::Lent => {}
        }
    }

    fn dropped(&mut self, why: Drop, messages: usize) {
        self.io.credits.count(why, messages);
    }

    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize) {
        let pipe = self.pipes.get_mut(peer.0 as usize);
        if let Some(record) = pipe.and_then(|pipe| pipe.record.as_deref_mut()) {
            record.count(why, messages);
        }
    }

    fn deliver(&mut self, mut message: Message) {
        message.forget_peer();
        if self.io.message_peers {
            self.set_peer(&mut message);
        }
        let room = &mut self.fair_queues[self.socket];
        if self.io.notices.is_empty() && room.free > 0 {
            room.take(1);
            self.io.batch.push_back(message);
        } else {
            self.io.notices.push_back(message);
            self.queues.to_resume.push(self.socket);
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        let slot = peer.0 as usize;
        if let Some(pipe) = self.pipes.get(slot) {
            self.queues.dismissed.push((slot, pipe.serial));
        }
    }

    fn unanswered(&mut self, request: u64) {
        self.io.outcomes.push((request, Outcome::PeerLost));
    }

    fn route_added(&mut self, name: &Frame) {
        if let Some(known_peers) = self.ports.known_peers() {
            known_peers.add(name);
        }
    }

    fn route_removed(&mut self, name: &Frame) {
        if let Some(known_peers) = self.ports.known_peers() {
            known_peers.remove(name);
        }
    }

    fn kept(&mut self, name: &Frame, messages: usize) {
        self.io.near.note_kept(name, messages);
    }

    fn interest_changed(&mut self, peer: PeerId) {
        if let Some(pipe) = self.pipes.get_mut(peer.0 as usize) {
            pipe.filter = None;
            self.io.near.changed |= pipe.near;
        }
    }
}

impl<E: Env> Pump<E> {
    /// Calls a socket's pattern, with an outlet for it.
    pub(in crate::pump) fn pattern_call<T>(
        &mut self,
        slot: usize,
        call: impl FnOnce(&mut dyn Pattern, &mut PumpOutlet<'_, E::Stream>) -> T,
    ) -> Option<T> {
        let socket = self.sockets.get_mut(slot)?;
        let mut outlet = PumpOutlet {
            socket: slot,
            io: &mut socket.io,
            ports: &socket.ports,
            pipes: &mut self.pipes,
            fair_queues: &mut self.fair_queues,
            queues: &mut self.queues,
            from: None,
        };
        let was_blocked = socket.pattern.is_blocked();
        let answer = call(&mut *socket.pattern, &mut outlet);
        let unblocked = (was_blocked && !socket.pattern.is_blocked())
            || std::mem::take(&mut socket.io.near.changed);
        // Messages that the pattern itself delivered to the user.
        if !(socket.io.batch.is_empty() && socket.io.outcomes.is_empty()) {
            self.push_batch(slot);
        }
        if unblocked {
            self.send_later(slot);
        }
        Some(answer)
    }

    /// Releases the pipes that patterns asked to end.
    pub(in crate::pump) fn dismiss_all(&mut self) {
        for (slot, serial) in std::mem::take(&mut self.queues.dismissed) {
            let found = self.pipes.get(slot);
            if found.is_some_and(|pipe| pipe.serial == serial) {
                self.dismiss(slot);
            }
        }
    }
}
