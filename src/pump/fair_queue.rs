//! The queue of pipes that wait for room in a socket's `out`: fair fan-in.
//!
//! As long as no pipe waits for room in a socket's `out`, a pipe that has something for it takes what
//! there is, and that costs no more than a check for an empty ring. A pipe that finds none joins
//! the *ring* of that socket. There is one for all kinds of pipe: connections and ends of bridges of
//! the socket itself, and halves of inproc pairs, which other sockets of this pump send by. While the
//! ring is not empty no other pipe gets room, so that none overtakes those that wait: a pipe that has
//! something now joins at the end.
//!
//! Room that turns up is dealt to the ring in turns (deficit round robin, counted in messages).
//! A pipe that waits alone has all of it. One of several has a share, the same for all in one
//! round: what there is when the round begins by their number, but at least [`LEAST_SHARE`], so
//! that small high-water marks do not end batching, and at most [`MOST_SHARE`]. A pipe that has used
//! its share goes to the end. If the room ends before the share does, the pipe stays first and has the
//! rest of its share next time. The same holds if the pump has other work to do, unless not one message
//! was completed: a very large one must not hold up the others. If the messages of a pipe end
//! before its share does, it leaves, and gets nothing for what it did not use.
//!
//! So while each of several peers has messages waiting, none of them is ever ahead of another by
//! more than one share, whatever `out` holds and however it is emptied.
//!
//! When a pipe has its turn, a connection reads, an end of a bridge takes, and a half of an inproc
//! pair passes on what it holds, or has its socket send by it, whose messages are still in `in`.
//!
//! What takes no room never waits here: handshakes, commands, credits of bridges.

use std::collections::VecDeque;

/// The least messages of one turn where several wait: what one lock of `out` is worth.
const LEAST_SHARE: usize = 32;

/// The most messages of one turn where several wait: the budget of every kind of pipe is larger,
/// so that none loses a part of its share to that.
const MOST_SHARE: usize = 512;

/// How the turn of a pipe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It has nothing more now, or is gone.
    Done,
    /// It has more, and used what it may.
    Waits,
    /// It has more, and `out` is full: the next pops post the socket's token.
    Full,
    /// It may have more, but others are to have the pump.
    Budget,
}

/// What a socket's `out` takes, as far as its pump knows.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
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

impl FairQueue {
    /// `out` says how much it takes now.
    pub(super) fn learn(&mut self, room: usize) {
        self.free = match room {
            usize::MAX => usize::MAX,
            room => room.saturating_sub(self.reserved),
        };
    }

    /// That many messages are on their way to `out`.
    pub(super) fn take(&mut self, messages: usize) {
        if self.free != usize::MAX {
            self.free = self.free.saturating_sub(messages);
        }
    }

    /// A pipe uses that much of its share, if it has one.
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
    pub(super) fn share_of(&self, pipe: usize) -> usize {
        match self.turn {
            _ if !self.is_turn_of(pipe) => 0,
            Some(_) => self.free.min(self.left),
            None => self.free,
        }
    }

    /// Promises a pipe room for up to that many messages, and returns for how many.
    #[inline]
    pub(super) fn reserve(&mut self, pipe: usize, messages: usize) -> usize {
        let promised = messages.min(self.share_of(pipe));
        self.spend(promised);
        self.pledge(promised);
        promised
    }

    /// That many messages that are on their way have room.
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

    /// A pipe waits behind all others. The caller sees to it that the socket is resumed.
    pub(super) fn queue(&mut self, pipe: usize) {
        debug_assert!(!self.ring.contains(&pipe));
        self.ring.push_back(pipe);
    }

    /// A connection waits until an old notice is delivered.
    pub(super) fn queue_newcomer(&mut self, pipe: usize) {
        self.newcomers.push(pipe);
    }

    /// The connections that wait until an old notice is delivered.
    pub(super) fn take_newcomers(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.newcomers)
    }

    /// Whether anything waits.
    pub(super) fn is_awaited(&self) -> bool {
        !(self.ring.is_empty() && self.newcomers.is_empty())
    }

    /// How many pipes wait for room.
    pub(super) fn waiting(&self) -> usize {
        self.ring.len()
    }

    /// Whether the first of the ring has its turn.
    pub(super) fn is_in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// What is left of the share of the first of the ring.
    pub(super) fn share_left(&self) -> usize {
        self.left
    }

    /// The socket is gone, and with it every pipe that waited here.
    pub(super) fn forget(&mut self) {
        *self = FairQueue::default();
    }

    /// A pipe does not wait any more.
    pub(super) fn leave(&mut self, pipe: usize) {
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
    pub(super) fn begin_turn(&mut self) -> Option<usize> {
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
    pub(super) fn end_turn(&mut self, keeps_share: bool) {
        self.turn = None;
        // A pipe that was alone has a share like the others from now on.
        if self.left == usize::MAX || !keeps_share {
            self.left = 0;
        }
        if self.left == 0 {
            self.ring.rotate_left(1);
            self.round = self.round.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_reserved_in_turn_and_never_twice() {
        let mut room = FairQueue::default();
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
