//! Assigns the room in a socket's `out` to the pipes that wait for it, in the order of its
//! [`fair_queue`](super::fair_queue).

use super::env::Env;
use super::fair_queue::Rest;
use super::pipe::Path;
use super::socket::push;
use super::Pump;

impl<E: Env> Pump<E> {
    /// Updates the known room in `out`, after pushing the messages on their way to it.
    pub(super) fn refresh_room(&mut self, slot: usize) {
        self.push_batch(slot);
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        let free = socket
            .ports
            .outward()
            .map_or(usize::MAX, |outward| outward.room());
        let room = &mut self.fair_queues[slot];
        room.learn(free);
        let io = &mut socket.io;
        let first = io.notices.len().min(room.free);
        if let (1.., Some(outward)) = (first, socket.ports.outward()) {
            room.take(first);
            io.batch.extend(io.notices.drain(..first));
            push(&socket.ports, outward, &mut io.batch);
            while let Some(message) = io.batch.pop_back() {
                io.notices.push_front(message);
            }
        }
    }

    /// Whether `out` is believed to have room for messages of peers: notices go first.
    fn is_open_to_peers(&self, slot: usize) -> bool {
        self.fair_queues[slot].free > 0
            && self
                .sockets
                .get(slot)
                .is_some_and(|socket| socket.io.notices.is_empty())
    }

    /// Whether `out` has room for a message; if not, the next pops post the socket's token.
    pub(super) fn has_room(&mut self, slot: usize) -> bool {
        if self.is_open_to_peers(slot) {
            return true;
        }
        self.refresh_room(slot);
        if self.is_open_to_peers(slot) {
            return true;
        }
        // Full, or reserved for inproc peers whose transfer is due in this turn. Arm in any case: a
        // pop between the check and the arming is then seen by the check after it.
        let armed = match self
            .sockets
            .get(slot)
            .and_then(|socket| socket.ports.outward())
        {
            Some(outward) => outward.arm_producer(),
            None => false,
        };
        if !armed {
            self.refresh_room(slot);
            if !self.is_open_to_peers(slot) {
                // All free room is reserved: check again when those messages have been delivered.
                self.queues.to_resume.push(slot);
            }
        }
        self.is_open_to_peers(slot)
    }

    /// How many messages of a pipe may go to `out` now: none unless it is its turn.
    pub(super) fn room_for(&mut self, pipe: usize, slot: usize) -> usize {
        if !self.fair_queues[slot].is_turn_of(pipe) || !self.has_room(slot) {
            return 0;
        }
        self.fair_queues[slot].share_of(pipe)
    }

    /// Why a pipe has no room in `out`.
    pub(super) fn why_none(&self, pipe: usize, slot: usize) -> Rest {
        match self.fair_queues[slot].is_turn_of(pipe) {
            true => Rest::Full,
            false => Rest::Waits,
        }
    }

    /// A pipe that has messages for a socket, but no room there, joins the ring.
    pub(super) fn wait_for_room(&mut self, slot: usize, socket: usize) {
        let (Some(pipe), Some(room)) = (self.pipes.get_mut(slot), self.fair_queues.get_mut(socket))
        else {
            return;
        };
        if std::mem::replace(&mut pipe.waits_for_room, true) {
            return;
        }
        match &pipe.path {
            Path::Wire(wire) if !wire.connection.is_ready() => room.queue_newcomer(slot),
            _ => room.queue(slot),
        }
    }

    /// A pipe leaves the ring.
    pub(super) fn stop_waiting_for_room(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut pipe.waits_for_room, false) {
            return;
        }
        let socket = match &pipe.path {
            Path::Inproc(inproc) => Some(inproc.twin_socket),
            Path::Wire(_) | Path::Cross(_) | Path::Lent | Path::Dialing { .. } => pipe.socket,
        };
        if let Some(room) = socket.and_then(|socket| self.fair_queues.get_mut(socket)) {
            room.leave(slot);
        }
    }

    /// Whether anything waits for room in a socket's `out`.
    pub(super) fn is_awaited(&self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        let room = &self.fair_queues[slot];
        room.is_awaited() || !socket.io.notices.is_empty()
    }

    /// `out` may have room again: assigns it to the pipes that wait, at most one turn to each.
    pub(super) fn resume(&mut self, slot: usize) {
        if !self.is_awaited(slot) || !self.has_room(slot) {
            return;
        }
        for pipe in self.fair_queues[slot].take_newcomers() {
            if let Some(found) = self.pipes.get_mut(pipe) {
                found.waits_for_room = false;
            }
            self.read_later(pipe);
        }
        for _ in 0..self.fair_queues[slot].waiting() {
            let Some(first) = self.fair_queues[slot].begin_turn() else {
                return;
            };
            let share = self.fair_queues[slot].share_left();
            let rest = self.take_turn(first, slot);
            let room = &mut self.fair_queues[slot];
            let waits = room.is_in_turn();
            match rest {
                // Gone in the meantime.
                _ if !waits => {}
                Rest::Done => self.stop_waiting_for_room(first),
                Rest::Waits => room.end_turn(true),
                Rest::Full => return room.end_turn(true),
                Rest::Budget if room.waiting() == 1 => {
                    self.stop_waiting_for_room(first);
                    self.read_later(first);
                    self.transfer_later(first);
                }
                Rest::Budget => {
                    // A message that does not end must not delay the others.
                    let progress = room.share_left() < share;
                    room.end_turn(progress);
                    break;
                }
            }
            if self.fair_queues[slot].waiting() == 0 || !self.has_room(slot) {
                return;
            }
        }
        // The rest is for the pump's next turn.
        self.queues.to_resume.push(slot);
    }

    /// Serves a pipe that waited for room, and returns how its turn ended.
    fn take_turn(&mut self, pipe: usize, slot: usize) -> Rest {
        match self.pipes.get(pipe).map(|pipe| &pipe.path) {
            Some(Path::Wire(_)) => self.read_wire(pipe, slot),
            Some(Path::Cross(_)) => self.read_across(pipe),
            Some(Path::Inproc(_)) => self.send_in_turn(pipe),
            Some(Path::Dialing { .. } | Path::Lent) | None => Rest::Done,
        }
    }

    /// Assigns the room of all sockets whose `out` is waited for.
    pub(super) fn resume_all(&mut self) {
        for slot in std::mem::take(&mut self.queues.to_resume) {
            self.resume(slot);
        }
    }
}
