//! One message, many peers: what those have in common who send copies.

use crate::message::Message;

use super::{Drop, Outlet, PeerId, Verdict};

/// Sends copies, and remembers whom the next message waits for.
#[derive(Default)]
pub(super) struct FanOut {
    /// Nobody gets a message as long as anybody who wants it is full.
    no_drop: bool,
    /// The peer that the message at hand waits for.
    waits_for: Option<PeerId>,
}

impl FanOut {
    pub(super) fn new(no_drop: bool) -> Self {
        FanOut {
            no_drop,
            waits_for: None,
        }
    }

    pub(super) fn set_no_drop(&mut self, no_drop: bool) {
        self.no_drop = no_drop;
        self.waits_for = None;
    }

    /// Sends each peer a copy. Those that are full miss it, and the outlet counts that; where
    /// nothing may be dropped, none gets it until all of them can.
    pub(super) fn send(
        &mut self,
        peers: &[PeerId],
        message: &mut Message,
        outlet: &mut dyn Outlet,
    ) -> Verdict {
        let Some((&last, others)) = peers.split_last() else {
            return Verdict::Dropped(Drop::Unmatched);
        };
        if self.no_drop {
            self.waits_for = peers.iter().copied().find(|&peer| !outlet.takes(peer));
            if self.waits_for.is_some() {
                return Verdict::Blocked;
            }
        }
        let mut missed = 0;
        for &peer in others {
            missed += usize::from(outlet.send(peer, &mut message.clone()).is_err());
        }
        missed += usize::from(outlet.send(last, message).is_err());
        if missed > 0 {
            outlet.dropped(Drop::PeerFull, missed);
        }
        Verdict::Sent
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.waits_for.is_some()
    }

    /// A peer has room, or left, or wants something else than before: worth another look.
    pub(super) fn look_again(&mut self, peer: PeerId) {
        if self.waits_for == Some(peer) {
            self.waits_for = None;
        }
    }
}
