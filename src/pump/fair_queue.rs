//! Room in `out`, and whose it is: fair fan-in.
//!
//! As long as nobody waits for room in a socket's `out`, whoever has something for it takes what
//! there is, and that costs no more than a look at an empty ring. A pipe that finds none joins
//! the *ring* of that socket. There is one for all kinds of pipe: connections and ends of bridges of
//! the socket itself, and halves of inproc pairs, which other sockets of this pump send by. While the
//! ring is not empty nobody else gets room, so that nobody overtakes those who wait: who has
//! something now joins at the end.
//!
//! Room that turns up is dealt to the ring in turns (deficit round robin, counted in messages).
//! A pipe that waits alone has all of it. One of several has a share, the same for all in one
//! round: what there is when the round begins by their number, but at least [`LEAST_SHARE`], so
//! that small marks do not end batching, and at most [`MOST_SHARE`]. Whoever has used its share
//! goes to the end. If the room ends before the share does, the pipe stays first and has the rest
//! of its share next time. So it does if the pump has others to look after, unless not one message
//! came to its end: a very large one must not hold up the others. If the messages of a pipe end
//! before its share does, it leaves, and gets nothing for what it did not use.
//!
//! So while each of several peers has messages waiting, none of them is ever ahead of another by
//! more than one share, whatever `out` holds and however it is emptied.
//!
//! When a pipe has its turn, a connection reads, an end of a bridge takes, and a half of an inproc
//! pair passes on what it holds, or has its own socket send by it, whose messages are still in `in`.
//!
//! What takes no room never waits here: handshakes, commands, credits of bridges.

use std::collections::VecDeque;

use super::env::Env;
use super::pipe::Path;
use super::socket::push;
use super::Pump;

/// The least messages of one turn where several wait: what one lock of `out` is worth.
const LEAST_SHARE: usize = 32;

/// The most messages of one turn where several wait: the budget of every kind of pipe is larger,
/// so that none loses a part of its share to that.
const MOST_SHARE: usize = 512;

/// What a socket's `out` takes, as far as its pump knows.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Messages `out` takes for sure; `usize::MAX` if it never refuses one.
    pub(super) free: usize,
    /// Promised to inproc peers: sent, but not delivered yet.
    reserved: usize,
    /// Pipes that wait for room, the next one first.
    ring: VecDeque<usize>,
    /// The first of the ring, while it is served.
    turn: Option<usize>,
    /// What is left of the share of the first of the ring; 0 before its turn.
    left: usize,
    /// What each pipe has in this round.
    share: usize,
    /// How many pipes, from the first, have not had all of their turn in this round.
    round: usize,
    /// Connections whose handshake waits for an old notice to be delivered.
    newcomers: Vec<usize>,
}

/// How it stands with a pipe that was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It has nothing more now, or is gone.
    Done,
    /// It has more, and used what it may.
    Waits,
    /// It has more, and `out` is full: the next pops will mark the socket.
    Full,
    /// It may have more, but others are to have the pump.
    Budget,
}

impl Room {
    /// `out` says how much it takes now.
    fn learn(&mut self, room: usize) {
        self.free = match room {
            usize::MAX => usize::MAX,
            room => room.saturating_sub(self.reserved),
        };
    }

    /// So many messages are on their way to `out`.
    pub(super) fn take(&mut self, messages: usize) {
        if self.free != usize::MAX {
            self.free = self.free.saturating_sub(messages);
        }
    }

    /// A pipe uses so much of its share, if it has one.
    pub(super) fn spend(&mut self, messages: usize) {
        if self.turn.is_some() && self.left != usize::MAX {
            self.left = self.left.saturating_sub(messages);
        }
    }

    /// Whether a pipe may have room now, if there is any.
    pub(super) fn is_turn_of(&self, pipe: usize) -> bool {
        match self.turn {
            Some(first) => first == pipe && self.left > 0,
            None => self.ring.is_empty(),
        }
    }

    /// How much of what is free a pipe may have now.
    fn share_of(&self, pipe: usize) -> usize {
        match self.turn {
            _ if !self.is_turn_of(pipe) => 0,
            Some(_) => self.free.min(self.left),
            None => self.free,
        }
    }

    /// Promises a pipe room for up to so many messages, and says for how many.
    #[inline]
    pub(super) fn reserve(&mut self, pipe: usize, messages: usize) -> usize {
        let promised = messages.min(self.share_of(pipe));
        self.spend(promised);
        self.pledge(promised);
        promised
    }

    /// So many messages that are on their way have room.
    pub(super) fn pledge(&mut self, messages: usize) {
        self.take(messages);
        self.reserved += messages;
    }

    /// Promised messages are here, to be delivered or discarded by the pattern.
    pub(super) fn redeem(&mut self, messages: usize) {
        debug_assert!(self.reserved >= messages);
        self.reserved = self.reserved.saturating_sub(messages);
        if self.free != usize::MAX {
            self.free += messages;
        }
    }

    /// A pipe waits behind all others. Who puts it here sees to it that the socket is looked after.
    pub(super) fn queue(&mut self, pipe: usize) {
        debug_assert!(!self.ring.contains(&pipe));
        self.ring.push_back(pipe);
    }

    /// The socket is gone, and with it everybody who waited here.
    pub(super) fn forget(&mut self) {
        *self = Room::default();
    }

    /// A pipe does not wait any more.
    fn leave(&mut self, pipe: usize) {
        self.newcomers.retain(|&other| other != pipe);
        let Some(place) = self.ring.iter().position(|&other| other == pipe) else {
            return;
        };
        self.ring.remove(place);
        if place < self.round {
            self.round -= 1;
        }
        if place == 0 {
            self.left = 0;
            self.turn = None;
        }
    }

    /// The first of the ring has its turn now.
    fn begin_turn(&mut self) -> Option<usize> {
        let &first = self.ring.front()?;
        let waiting = self.ring.len();
        if self.round == 0 {
            self.round = waiting;
            self.share = (self.free / waiting).clamp(LEAST_SHARE, MOST_SHARE);
        }
        if waiting == 1 {
            self.left = usize::MAX;
        } else if self.left == 0 {
            self.left = self.share;
        }
        self.turn = Some(first);
        Some(first)
    }

    /// The first of the ring was served, and still waits: as the first, with the rest of its
    /// share, or behind all others.
    fn end_turn(&mut self, keeps_share: bool) {
        self.turn = None;
        // Who was alone has a share like the others from now on.
        if self.left == usize::MAX || !keeps_share {
            self.left = 0;
        }
        if self.left == 0 {
            self.ring.rotate_left(1);
            self.round = self.round.saturating_sub(1);
        }
    }
}

impl<E: Env> Pump<E> {
    /// Asks `out` how much it takes; pushes what is on its way there before.
    pub(super) fn refresh_room(&mut self, slot: usize) {
        self.push_batch(slot);
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        let free = socket
            .ports
            .outward()
            .map_or(usize::MAX, |outward| outward.room());
        let room = &mut self.rooms[slot];
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

    /// Whether `out` has room, as far as is known, for what peers send: notices go first.
    fn is_open_to_peers(&self, slot: usize) -> bool {
        self.rooms[slot].free > 0
            && self
                .sockets
                .get(slot)
                .is_some_and(|socket| socket.io.notices.is_empty())
    }

    /// Whether `out` has room for a message; if not, its next pops will mark the socket.
    pub(super) fn has_room(&mut self, slot: usize) -> bool {
        if self.is_open_to_peers(slot) {
            return true;
        }
        self.refresh_room(slot);
        if self.is_open_to_peers(slot) {
            return true;
        }
        // Full, or promised to inproc peers whose transfer is due in this turn. Arm in any case:
        // a pop between the look and the arming is then seen by the look after it.
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
                // All that is free is promised: look again when that has been delivered.
                self.queues.to_resume.push(slot);
            }
        }
        self.is_open_to_peers(slot)
    }

    /// How many messages of a pipe go to `out` now: none while it is not its turn.
    pub(super) fn room_for(&mut self, pipe: usize, slot: usize) -> usize {
        if !self.rooms[slot].is_turn_of(pipe) || !self.has_room(slot) {
            return 0;
        }
        self.rooms[slot].share_of(pipe)
    }

    /// What keeps a pipe from room in `out` that has none for it.
    pub(super) fn why_none(&self, pipe: usize, slot: usize) -> Rest {
        match self.rooms[slot].is_turn_of(pipe) {
            true => Rest::Full,
            false => Rest::Waits,
        }
    }

    /// A pipe that has something for a socket, but no room there, waits for its turn.
    pub(super) fn wait_for_room(&mut self, slot: usize, socket: usize) {
        let (Some(pipe), Some(room)) = (self.pipes.get_mut(slot), self.rooms.get_mut(socket))
        else {
            return;
        };
        if std::mem::replace(&mut pipe.waits_for_room, true) {
            return;
        }
        match &pipe.path {
            Path::Wire(wire) if !wire.connection.is_ready() => room.newcomers.push(slot),
            _ => room.queue(slot),
        }
    }

    /// A pipe waits for room no more.
    pub(super) fn stop_waiting_for_room(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut pipe.waits_for_room, false) {
            return;
        }
        let socket = match &pipe.path {
            Path::Inproc(inproc) => inproc.twin_socket,
            Path::Wire(_) | Path::Cross(_) | Path::Lent | Path::Dialing { .. } => pipe.socket,
        };
        if let Some(room) = self.rooms.get_mut(socket) {
            room.leave(slot);
        }
    }

    /// Whether anything waits for room in a socket's `out`.
    pub(super) fn is_awaited(&self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        let room = &self.rooms[slot];
        !(room.ring.is_empty() && room.newcomers.is_empty() && socket.io.notices.is_empty())
    }

    /// `out` may have room again: deals it to those who wait, at most one turn to each.
    pub(super) fn resume(&mut self, slot: usize) {
        if !self.is_awaited(slot) || !self.has_room(slot) {
            return;
        }
        for pipe in std::mem::take(&mut self.rooms[slot].newcomers) {
            if let Some(found) = self.pipes.get_mut(pipe) {
                found.waits_for_room = false;
            }
            self.feed(pipe);
        }
        for _ in 0..self.rooms[slot].ring.len() {
            let Some(first) = self.rooms[slot].begin_turn() else {
                return;
            };
            let share = self.rooms[slot].left;
            let rest = self.take_turn(first, slot);
            let room = &mut self.rooms[slot];
            let waits = room.turn.is_some();
            match rest {
                // Gone meanwhile.
                _ if !waits => {}
                Rest::Done => self.stop_waiting_for_room(first),
                Rest::Waits => room.end_turn(true),
                Rest::Full => return room.end_turn(true),
                Rest::Budget if room.ring.len() == 1 => {
                    self.stop_waiting_for_room(first);
                    self.feed(first);
                    self.transfer_later(first);
                }
                Rest::Budget => {
                    // A message that does not end must not keep the others waiting.
                    let progress = room.left < share;
                    room.end_turn(progress);
                    break;
                }
            }
            if self.rooms[slot].ring.is_empty() || !self.has_room(slot) {
                return;
            }
        }
        // The rest is for the next turn of the pump.
        self.queues.to_resume.push(slot);
    }

    /// Serves a pipe that waited for room, and says how it stands with it.
    fn take_turn(&mut self, pipe: usize, slot: usize) -> Rest {
        match self.pipes.get(pipe).map(|pipe| &pipe.path) {
            Some(Path::Wire(_)) => self.read_wire(pipe, slot),
            Some(Path::Cross(_)) => self.read_across(pipe),
            Some(Path::Inproc(_)) => self.send_in_turn(pipe),
            Some(Path::Dialing { .. } | Path::Lent) | None => Rest::Done,
        }
    }

    /// Looks again at the sockets for whose room somebody waits.
    pub(super) fn resume_all(&mut self) {
        for slot in std::mem::take(&mut self.queues.to_resume) {
            self.resume(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_promised_to_whose_turn_it_is_and_never_twice() {
        let mut room = Room::default();
        room.learn(100);
        assert_eq!((room.reserve(1, 30), room.reserve(2, 100)), (30, 70));
        assert_eq!(room.reserve(1, 1), 0);
        room.redeem(100);
        room.take(100);
        room.queue(1);
        room.queue(2);
        room.learn(80);
        let out_of_turn = [1, 2, 3].map(|pipe| room.reserve(pipe, 1));
        assert_eq!(out_of_turn, [0; 3], "who waits comes first, in turn");
        assert_eq!(room.begin_turn(), Some(1));
        assert_eq!((room.reserve(2, 1), room.reserve(3, 1)), (0, 0));
        assert_eq!((room.reserve(1, 10), room.reserve(1, 100)), (10, 30));
        room.end_turn(true);
        assert_eq!(room.begin_turn(), Some(2));
        assert_eq!((room.reserve(1, 1), room.reserve(2, 100)), (0, 40));
    }
}
