//! PUSH, and SCATTER with messages of one frame: each message to one of the peers in turn (RFC 30,
//! RFC 49).

use crate::message::Message;

use super::balance::Balance;
use super::{Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation};

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

    fn admit(&mut self, _peer: PeerId, _message: &mut Message) -> Result<Admission, Violation> {
        Ok(Admission::Drop(Drop::Unasked))
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        match self.balance.send(message, outlet) {
            Some(_) => Verdict::Sent,
            None => Verdict::Blocked,
        }
    }

    fn sole_peer(&self) -> Option<PeerId> {
        self.balance.sole_peer()
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

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, intro, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::super::Drop;
    use super::*;

    #[test]
    fn messages_are_sent_round_robin() {
        let mut outlet = Recorder::default();
        let mut push = Push::default();
        attach(&mut push, &[3, 5], &mut outlet);
        for text in ["a", "b", "c"] {
            assert!(matches!(
                push.give(Message::from(text), &mut outlet),
                Given::Sent
            ));
        }
        assert_eq!(
            outlet.take_sent(),
            [(3, "a".into()), (5, "b".into()), (3, "c".into())]
        );
    }

    #[test]
    fn submit_blocks_without_peers_and_while_all_are_full() {
        let mut outlet = Recorder::default();
        let mut push = Push::default();
        assert!(push.is_blocked());
        attach(&mut push, &[3], &mut outlet);
        assert!(!push.is_blocked());
        outlet.full.insert(PeerId(3));
        match push.give(Message::from(["a", "b"]), &mut outlet) {
            Given::Blocked(message) => assert_eq!(message, Message::from(["a", "b"])),
            other => panic!("{other:?}"),
        }
        assert!(push.is_blocked());
        outlet.full.clear();
        push.writable(PeerId(3));
        assert!(!push.is_blocked());
        push.detach(PeerId(3), &mut outlet);
        assert!(push.is_blocked());
    }

    #[test]
    fn a_reused_slot_is_a_new_peer() {
        let mut outlet = Recorder::default();
        let mut push = Push::default();
        attach(&mut push, &[1], &mut outlet);
        outlet.full.insert(PeerId(1));
        assert!(matches!(
            push.give("a".into(), &mut outlet),
            Given::Blocked(_)
        ));
        push.detach(PeerId(1), &mut outlet);
        outlet.full.clear();
        push.attach(PeerId(1), &intro(), &mut outlet).unwrap();
        assert!(matches!(push.give("a".into(), &mut outlet), Given::Sent));
    }

    #[test]
    fn messages_from_peers_are_dropped_and_counted() {
        let mut outlet = Recorder::default();
        let mut push = Push::default();
        attach(&mut push, &[1], &mut outlet);
        push.hear(PeerId(1), Heard::Message("?".into()), &mut outlet)
            .unwrap();
        push.hear(PeerId(1), Heard::Subscribe("?".into()), &mut outlet)
            .unwrap();
        assert_eq!(outlet.drops, [(Drop::Unasked, 1)]);
        assert!(outlet.delivered.is_empty());
    }
}
