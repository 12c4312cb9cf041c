//! PAIR: exactly one peer, both ways (RFC 31).

use crate::message::Message;

use super::{
    deliver_untagged, discard, Inbound, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict,
    Violation,
};

#[derive(Default)]
pub(super) struct Pair {
    peer: Option<PeerId>,
    /// Whether the peer is at its high-water mark.
    full: bool,
}

impl Pattern for Pair {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        if self.peer.is_some() {
            return Err(Rejected);
        }
        *self = Pair {
            peer: Some(peer),
            full: false,
        };
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        if self.peer == Some(peer) {
            *self = Pair::default();
        }
    }

    fn deliver(
        &mut self,
        peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        match inbound {
            Inbound::Message(message) if self.peer == Some(peer) => {
                deliver_untagged(message, outlet);
            }
            other => discard(other, outlet),
        }
        Ok(())
    }

    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict {
        let Some(peer) = self.peer.filter(|_| !self.full) else {
            return Verdict::Blocked(message);
        };
        match outlet.send(peer, message) {
            Ok(()) => Verdict::Sent,
            Err(message) => {
                self.full = true;
                Verdict::Blocked(message)
            }
        }
    }

    fn writable(&mut self, peer: PeerId) {
        if self.peer == Some(peer) {
            self.full = false;
        }
    }

    fn is_blocked(&self) -> bool {
        self.peer.is_none() || self.full
    }

    fn requeues(&self) -> bool {
        true
    }
}
