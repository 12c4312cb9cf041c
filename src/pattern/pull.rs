//! PULL: everything that comes goes to the user (RFC 30).

use crate::message::Message;

use super::{
    deliver_untagged, discard, Drop, Inbound, Outlet, Pattern, PeerId, PeerIntro, Rejected,
    Verdict, Violation,
};

/// Has nothing to remember: which peer is read next is the pump's rotation.
pub(super) struct Pull;

impl Pattern for Pull {
    fn attach(
        &mut self,
        _peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        Ok(())
    }

    fn detach(&mut self, _peer: PeerId, _outlet: &mut dyn Outlet) {}

    fn deliver(
        &mut self,
        _peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        match inbound {
            Inbound::Message(message) => deliver_untagged(message, outlet),
            other => discard(other, outlet),
        }
        Ok(())
    }

    fn submit(&mut self, _message: Message, _outlet: &mut dyn Outlet) -> Verdict {
        Verdict::Dropped(Drop::ReceiveOnly)
    }
}
