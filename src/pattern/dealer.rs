//! DEALER: each message to one of the peers in turn, and everything they send, as it is (RFC 28).
//! And CLIENT, which does so with messages of one frame (RFC 41).

use crate::message::Message;

use super::balance::Balance;
use super::{Admission, Outlet, Parts, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation};

/// Knows no envelopes: to talk to REP, the user adds the empty delimiter.
pub(super) struct Dealer {
    balance: Balance,
    parts: Parts,
}

impl Dealer {
    pub(super) fn new(parts: Parts) -> Self {
        Dealer {
            balance: Balance::default(),
            parts,
        }
    }
}

impl Pattern for Dealer {
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

    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        self.parts.pass(message)
    }

    fn admits_all(&self, _peer: PeerId) -> bool {
        self.parts == Parts::Any
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
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::*;

    #[test]
    fn messages_are_sent_round_robin_and_received_unchanged() {
        let mut outlet = Recorder::default();
        let mut dealer = Dealer::new(Parts::Any);
        attach(&mut dealer, &[1, 2], &mut outlet);
        for text in ["a", "b", "c"] {
            let given = dealer.give(["", text].into(), &mut outlet);
            assert!(matches!(given, Given::Sent));
        }
        let expected = [(1, "a"), (2, "b"), (1, "c")];
        assert_eq!(
            outlet.take_sent(),
            expected.map(|(peer, text)| (peer, ["", text].into()))
        );
        for message in [Message::from(["", "A"]), "B".into(), "".into()] {
            let heard = Heard::Message(message.clone());
            dealer.hear(PeerId(2), heard, &mut outlet).unwrap();
            assert_eq!(outlet.delivered.pop(), Some(message));
        }
        assert!(outlet.drops.is_empty());
    }
}
