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

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::*;

    #[test]
    fn everything_is_delivered_in_order_and_whole() {
        let mut outlet = Recorder::default();
        let mut pull = Pull;
        attach(&mut pull, &[1, 2], &mut outlet);
        let mut tagged = Message::from(["a", "", "b"]);
        tagged.set_tag(9);
        for (peer, message) in [(1, tagged), (2, "c".into()), (1, "d".into())] {
            pull.deliver(PeerId(peer), Inbound::Message(message), &mut outlet)
                .unwrap();
        }
        pull.deliver(PeerId(1), Inbound::Subscribe("e".into()), &mut outlet)
            .unwrap();
        assert_eq!(
            outlet.delivered,
            [["a", "", "b"].into(), "c".into(), Message::from("d")]
        );
        assert!(outlet.delivered.iter().all(|message| message.tag() == 0));
    }

    #[test]
    fn nothing_can_be_sent() {
        let mut outlet = Recorder::default();
        attach(&mut Pull, &[1], &mut outlet);
        let verdict = Pull.submit("a".into(), &mut outlet);
        assert!(matches!(verdict, Verdict::Dropped(Drop::ReceiveOnly)));
        assert!(outlet.sent.is_empty());
    }
}
