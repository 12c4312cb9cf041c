//! The queue of pipes that wait for room in a socket's `out`: fair fan-in.
//!
//! As long as no pipe waits for room in a socket's `out`, a pipe with messages for it takes the
//! room it needs, which costs no more than a check for an empty ring. A pipe that finds no room
//! joins the *ring* of that socket. The ring holds all kinds of pipes: connections and ends of
//! bridges of the socket itself, and halves of inproc pairs through which other sockets of this
//! pump send. While the ring is not empty no other pipe gets room, so none overtakes those that
//! wait: a pipe with new messages joins at the end.
//!
//! New room is assigned to the ring in turns (deficit round robin, counted in messages). A pipe
//! that waits alone gets all of it. One of several has a share, the same for all in one round: the
//! room at the start of the round divided by their number, but at least [`LEAST_SHARE`], so that
//! small high-water marks do not prevent batching, and at most [`MOST_SHARE`]. A pipe that has used
//! its share moves to the end. If the room is used up before the share is, the pipe stays first and
//! gets the rest of its share next time. The same applies if the pump has other work to do, unless
//! not one message was completed: a very large message must not delay the others. A pipe that has
//! no more messages leaves the ring, and loses the rest of its share.
//!
//! So while several peers have messages waiting, none of them is ever ahead of another by more than
//! one share, whatever the capacity of `out` and however it is emptied.
//!
//! When it is a pipe's turn, a connection reads, an end of a bridge takes, and a half of an inproc
//! pair passes on the messages it holds, or lets its socket send through it, whose messages are
//! still in `in`.
//!
//! Handshakes, commands and credits of bridges need no room and never wait here.

use std::collections::VecDeque;

/// Minimum number of messages per turn if several pipes wait: enough to be worth locking `out`.
const LEAST_SHARE: usize = 32;

/// Maximum number of messages per turn if several pipes wait: less than the budget of every kind of
/// pipe, so that none loses a part of its share to that.
const MOST_SHARE: usize = 512;

/// How the turn of a pipe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It has no more messages, or is gone.
    Done,
    /// It has more, and has used its share.
    Waits,
    /// It has more, and `out` is full: the next pops post the socket's token.
    Full,
    /// It may have more, but other work of the pump is due.
    Budget,
}

/// The room in a socket's `out`, as far as its pump knows.
#[derive(Debug, Default)]
pub(super) struct FairQueue {
    /// Number of messages that `out` certainly has room for; `usize::MAX` if it never refuses one.
    pub(super) free: usize,
    /// Reserved for inproc peers: sent, but not delivered yet.
    reserved: usize,
    /// Pipes that wait for room, the next one first.
    ring: VecDeque<usize>,
    /// The first pipe of the ring, during its turn.
    turn: Option<usize>,
    /// The rest of the share of the first pipe of the ring; 0 before its turn.
    left: usize,
    /// The share of each pipe in this round.
    share: usize,
    /// Number of pipes, from the first, whose turn in this round is not over.
    round: usize,
    /// Connections whose handshake waits for an older notice to be delivered.
    newcomers: Vec<usize>,
}

impl FairQueue {
    /// Updates the room that `out` reports.
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

    /// Whether a pipe may use room now, if there is any.
    pub(super) fn is_turn_of(&self, pipe: usize) -> bool {
        match self.turn {
            Some(first) => first == pipe && self.left > 0,
            None => self.ring.is_empty(),
        }
    }

    /// How much of the free room a pipe may use now.
    pub(super) fn share_of(&self, pipe: usize) -> usize {
        match self.turn {
            _ if !self.is_turn_of(pipe) => 0,
            Some(_) => self.free.min(self.left),
            None => self.free,
        }
    }

    /// Reserves room for up to that many messages of a pipe, and returns for how many.
    #[inline]
    pub(super) fn reserve(&mut self, pipe: usize, messages: usize) -> usize {
        let promised = messages.min(self.share_of(pipe));
        self.spend(promised);
        self.pledge(promised);
        promised
    }

    /// Reserves room for that many messages that are on their way.
    pub(super) fn pledge(&mut self, messages: usize) {
        self.take(messages);
        self.reserved += messages;
    }

    /// That many messages with reserved room have arrived, to be delivered or dropped by the
    /// pattern.
    pub(super) fn redeem(&mut self, messages: usize) {
        debug_assert!(self.reserved >= messages);
        self.reserved = self.reserved.saturating_sub(messages);
        if self.free != usize::MAX {
            self.free += messages;
        }
    }

    /// Adds a pipe at the end of the ring. The caller makes sure that the socket is resumed.
    pub(super) fn queue(&mut self, pipe: usize) {
        debug_assert!(!self.ring.contains(&pipe));
        self.ring.push_back(pipe);
    }

    /// A connection waits until an older notice is delivered.
    pub(super) fn queue_newcomer(&mut self, pipe: usize) {
        self.newcomers.push(pipe);
    }

    /// The connections that wait until an older notice is delivered.
    pub(super) fn take_newcomers(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.newcomers)
    }

    /// Whether anything waits.
    pub(super) fn is_awaited(&self) -> bool {
        !(self.ring.is_empty() && self.newcomers.is_empty())
    }

    /// Number of pipes that wait for room.
    pub(super) fn waiting(&self) -> usize {
        self.ring.len()
    }

    /// Whether it is the turn of the first pipe of the ring.
    pub(super) fn is_in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// The rest of the share of the first pipe of the ring.
    pub(super) fn share_left(&self) -> usize {
        self.left
    }

    /// The socket is gone, and with it every pipe that waited here.
    pub(super) fn forget(&mut self) {
        *self = FairQueue::default();
    }

    /// Removes a pipe.
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

    /// Starts the turn of the first pipe of the ring.
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

    /// Ends the turn of the first pipe of the ring, which still waits: it stays first, with the
    /// rest of its share, or moves to the end.
    pub(super) fn end_turn(&mut self, keeps_share: bool) {
        self.turn = None;
        // From now on, a pipe that was alone has a share like the others.
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
        assert_eq!(out_of_turn, [0; 3], "peers that wait come first, in turn");
        assert_eq!(room.begin_turn(), Some(1));
        assert_eq!((room.reserve(2, 1), room.reserve(3, 1)), (0, 0));
        assert_eq!((room.reserve(1, 10), room.reserve(1, 100)), (10, 30));
        room.end_turn(true);
        assert_eq!(room.begin_turn(), Some(2));
        assert_eq!((room.reserve(1, 1), room.reserve(2, 100)), (0, 40));
    }
}
