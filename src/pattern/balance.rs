//! Whose turn is it? Round robin over the peers that can take a message.

use std::collections::{BTreeSet, VecDeque};

use crate::message::Message;

use super::{Outlet, PeerId};

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

    /// Sends to the next peer that takes the message and says which one that was, or gives the
    /// message back if all are full or none is there.
    #[inline]
    pub(super) fn send(
        &mut self,
        mut message: Message,
        outlet: &mut dyn Outlet,
    ) -> Result<PeerId, Message> {
        while let Some(peer) = self.rotation.pop_front() {
            match outlet.send(peer, message) {
                Ok(()) => {
                    self.rotation.push_back(peer);
                    return Ok(peer);
                }
                Err(unsent) => {
                    self.full.insert(peer);
                    message = unsent;
                }
            }
        }
        Err(message)
    }
}
