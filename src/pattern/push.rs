//! PUSH: each message to one of the peers in turn (RFC 30).

use crate::message::Message;

use super::balance::Balance;
use super::{discard, Inbound, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation};

#[derive(Default)]
pub(super) struct Push {
    balance: Balance,
}

impl Pattern for Push {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.balance.join(peer);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.balance.leave(peer);
    }

    fn deliver(
        &mut self,
        _peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        discard(inbound, outlet);
        Ok(())
    }

    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict {
        match self.balance.send(message, outlet) {
            Ok(_) => Verdict::Sent,
            Err(message) => Verdict::Blocked(message),
        }
    }

    fn writable(&mut self, peer: PeerId) {
        self.balance.writable(peer);
    }

    fn is_blocked(&self) -> bool {
        self.balance.is_blocked()
    }

    fn requeues(&self) -> bool {
        true
    }
}
