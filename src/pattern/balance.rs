//! Whose turn is it? Round robin over the peers that can take a message.

use std::collections::{BTreeSet, VecDeque};

use crate::message::Message;

use super::{Full, Outlet, PeerId};

/// The rotation of PUSH, REQ and DEALER. It advances after each message; newcomers and peers
/// that have room again join at its end; a peer that is full or gone is not in it.
///
/// A message costs the same with one peer and with a thousand.
#[derive(Default)]
pub(super) struct Balance {
    /// Peers that take messages as far as we know, the next one in front.
    rotation: VecDeque<PeerId>,
    /// Peers at their high-water mark.
    full: BTreeSet<PeerId>,
}

impl Balance {
    pub(super) fn join(&mut self, peer: PeerId) {
        debug_assert!(!self.rotation.contains(&peer) && !self.full.contains(&peer));
        self.rotation.push_back(peer);
    }

    pub(super) fn leave(&mut self, peer: PeerId) {
        if !self.full.remove(&peer) {
            self.rotation.retain(|&other| other != peer);
        }
    }

    /// A full peer has room again. What is in the rotation keeps its place there.
    pub(super) fn writable(&mut self, peer: PeerId) {
        if self.full.remove(&peer) {
            self.rotation.push_back(peer);
        }
    }

    /// Whether no peer would take a message.
    pub(super) fn is_blocked(&self) -> bool {
        self.rotation.is_empty()
    }

    /// The one peer that takes messages, as far as we know, if it is only one.
    pub(super) fn sole_peer(&self) -> Option<PeerId> {
        match self.rotation.len() {
            1 => self.rotation.front().copied(),
            _ => None,
        }
    }

    /// Sends to the next peer that takes the message and says which one that was; `None` if all
    /// are full or none is there.
    #[inline]
    pub(super) fn send(
        &mut self,
        message: &mut Message,
        outlet: &mut dyn Outlet,
    ) -> Option<PeerId> {
        while let Some(peer) = self.rotation.pop_front() {
            match outlet.send(peer, message) {
                Ok(()) => {
                    self.rotation.push_back(peer);
                    return Some(peer);
                }
                Err(Full) => {
                    self.full.insert(peer);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Recorder;
    use super::*;

    fn balance(peers: u32) -> Balance {
        let mut balance = Balance::default();
        (0..peers).for_each(|peer| balance.join(PeerId(peer)));
        balance
    }

    /// Who gets the next `count` messages.
    fn next(balance: &mut Balance, outlet: &mut Recorder, count: usize) -> Vec<u32> {
        let turn = |_| balance.send(&mut "x".into(), outlet).unwrap().0;
        (0..count).map(turn).collect()
    }

    #[test]
    fn peers_receive_equal_numbers_of_messages() {
        let mut outlet = Recorder::default();
        let mut balance = balance(1000);
        let turns = next(&mut balance, &mut outlet, 5000);
        for (turn, peer) in turns.into_iter().enumerate() {
            assert_eq!(peer as usize, turn % 1000);
        }
    }

    #[test]
    fn new_peers_join_at_the_end_of_the_rotation() {
        let mut outlet = Recorder::default();
        let mut balance = balance(3);
        assert_eq!(next(&mut balance, &mut outlet, 2), [0, 1]);
        balance.join(PeerId(7));
        assert_eq!(next(&mut balance, &mut outlet, 6), [2, 0, 1, 7, 2, 0]);
    }

    #[test]
    fn full_peers_are_skipped_until_they_have_room() {
        let mut outlet = Recorder::default();
        let mut balance = balance(3);
        outlet.full.insert(PeerId(1));
        assert_eq!(next(&mut balance, &mut outlet, 4), [0, 2, 0, 2]);
        outlet.full.remove(&PeerId(1));
        assert_eq!(
            next(&mut balance, &mut outlet, 2),
            [0, 2],
            "no consumer said it has room"
        );
        balance.writable(PeerId(1));
        assert_eq!(next(&mut balance, &mut outlet, 4), [0, 2, 1, 0]);
    }

    #[test]
    fn writable_for_a_peer_that_was_not_full_changes_nothing() {
        let mut outlet = Recorder::default();
        let mut balance = balance(2);
        balance.writable(PeerId(0));
        balance.writable(PeerId(9));
        assert_eq!(next(&mut balance, &mut outlet, 4), [0, 1, 0, 1]);
    }

    #[test]
    fn detached_peers_leave_the_rotation() {
        let mut outlet = Recorder::default();
        let mut balance = balance(4);
        outlet.full.insert(PeerId(0));
        assert_eq!(next(&mut balance, &mut outlet, 1), [1]);
        balance.leave(PeerId(0));
        balance.leave(PeerId(2));
        balance.writable(PeerId(0));
        assert_eq!(next(&mut balance, &mut outlet, 3), [3, 1, 3]);
    }

    #[test]
    fn the_sole_peer_is_the_only_one_in_the_rotation() {
        let mut outlet = Recorder::default();
        let mut balance = balance(0);
        assert_eq!(balance.sole_peer(), None);
        balance.join(PeerId(4));
        assert_eq!(balance.sole_peer(), Some(PeerId(4)));
        balance.join(PeerId(5));
        assert_eq!(balance.sole_peer(), None);
        outlet.full.insert(PeerId(4));
        assert_eq!(next(&mut balance, &mut outlet, 1), [5]);
        assert_eq!(balance.sole_peer(), Some(PeerId(5)));
        balance.writable(PeerId(4));
        assert_eq!(balance.sole_peer(), None);
    }

    #[test]
    fn the_message_is_unchanged_when_all_peers_are_full() {
        let mut outlet = Recorder::default();
        let mut balance = balance(2);
        outlet.full.extend([PeerId(0), PeerId(1)]);
        assert!(!balance.is_blocked());
        let unsent = balance.send(&mut "x".into(), &mut outlet);
        assert_eq!(unsent, None);
        assert!(balance.is_blocked());
        outlet.full.clear();
        balance.writable(PeerId(1));
        assert!(!balance.is_blocked());
        assert_eq!(next(&mut balance, &mut outlet, 2), [1, 1]);
    }
}
