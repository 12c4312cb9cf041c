//! PULL: everything that comes goes to the user (RFC 30). And GATHER, where that is messages of one
//! frame (RFC 49).

use crate::message::Message;

use super::{
    Admission, Drop, Outlet, Parts, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

/// Has nothing to remember: which peer is read next is the pump's rotation.
pub(super) struct Pull {
    parts: Parts,
}

impl Pull {
    pub(super) fn new(parts: Parts) -> Self {
        Pull { parts }
    }
}

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

    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        self.parts.pass(message)
    }

    fn admits_all(&self, _peer: PeerId) -> bool {
        self.parts == Parts::Any
    }

    fn submit(&mut self, _message: &mut Message, _outlet: &mut dyn Outlet) -> Verdict {
        Verdict::Dropped(Drop::ReceiveOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::*;

    #[test]
    fn messages_are_delivered_whole_and_in_order() {
        let mut outlet = Recorder::default();
        let mut pull = Pull::new(Parts::Any);
        attach(&mut pull, &[1, 2], &mut outlet);
        let mut tagged = Message::from(["a", "", "b"]);
        tagged.set_tag(9);
        for (peer, message) in [(1, tagged), (2, "c".into()), (1, "d".into())] {
            pull.hear(PeerId(peer), Heard::Message(message), &mut outlet)
                .unwrap();
        }
        pull.hear(PeerId(1), Heard::Subscribe("e".into()), &mut outlet)
            .unwrap();
        assert_eq!(
            outlet.delivered,
            [["a", "", "b"].into(), "c".into(), Message::from("d")]
        );
        assert!(outlet.delivered.iter().all(|message| message.tag() == 0));
    }

    #[test]
    fn submitted_messages_are_dropped() {
        let mut outlet = Recorder::default();
        let mut pull = Pull::new(Parts::Any);
        attach(&mut pull, &[1], &mut outlet);
        let verdict = pull.give("a".into(), &mut outlet);
        assert!(matches!(verdict, Given::Dropped(Drop::ReceiveOnly)));
        assert!(outlet.sent.is_empty());
    }
}
