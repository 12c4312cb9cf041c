//! PAIR, and CHANNEL with messages of one frame: exactly one peer, both ways (RFC 31, RFC 52).

use crate::message::Message;

use super::{
    Admission, Drop, Full, Outlet, Parts, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

pub(super) struct Pair {
    peer: Option<PeerId>,
    /// Whether the peer is at its high-water mark.
    full: bool,
    parts: Parts,
}

impl Pair {
    pub(super) fn new(parts: Parts) -> Self {
        Pair {
            peer: None,
            full: false,
            parts,
        }
    }
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
        self.peer = Some(peer);
        self.full = false;
        Ok(())
    }

    fn is_taken(&self) -> bool {
        self.peer.is_some()
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        if self.peer == Some(peer) {
            self.peer = None;
            self.full = false;
        }
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        if self.peer == Some(peer) {
            self.parts.pass(message)
        } else {
            Ok(Admission::Drop(Drop::Unasked))
        }
    }

    fn admits_all(&self, peer: PeerId) -> bool {
        self.peer == Some(peer) && self.parts == Parts::Any
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let Some(peer) = self.peer.filter(|_| !self.full) else {
            return Verdict::Blocked;
        };
        match outlet.send(peer, message) {
            Ok(()) => Verdict::Sent,
            Err(Full) => {
                self.full = true;
                Verdict::Blocked
            }
        }
    }

    fn sole_peer(&self) -> Option<PeerId> {
        self.peer.filter(|_| !self.full)
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

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, intro, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::super::Drop;
    use super::*;

    #[test]
    fn messages_are_exchanged_in_both_directions() {
        let mut outlet = Recorder::default();
        let mut pair = Pair::new(Parts::Any);
        attach(&mut pair, &[4], &mut outlet);
        assert!(matches!(
            pair.give(["a", "b"].into(), &mut outlet),
            Given::Sent
        ));
        pair.hear(PeerId(4), Heard::Message("c".into()), &mut outlet)
            .unwrap();
        assert_eq!(outlet.take_sent(), [(4, ["a", "b"].into())]);
        assert_eq!(outlet.delivered, [Message::from("c")]);
        assert_eq!(pair.sole_peer(), Some(PeerId(4)));
    }

    #[test]
    fn a_second_peer_is_rejected_while_the_first_is_attached() {
        let mut outlet = Recorder::default();
        let mut pair = Pair::new(Parts::Any);
        attach(&mut pair, &[4], &mut outlet);
        assert_eq!(pair.attach(PeerId(5), &intro(), &mut outlet), Err(Rejected));
        // The rejected one has no say in anything.
        pair.detach(PeerId(5), &mut outlet);
        pair.hear(PeerId(5), Heard::Message("?".into()), &mut outlet)
            .unwrap();
        assert_eq!(outlet.drops, [(Drop::Unasked, 1)]);
        assert!(matches!(pair.give("a".into(), &mut outlet), Given::Sent));
        assert_eq!(outlet.take_sent(), [(4, "a".into())]);

        pair.detach(PeerId(4), &mut outlet);
        assert!(pair.is_blocked());
        attach(&mut pair, &[5], &mut outlet);
        assert!(matches!(pair.give("b".into(), &mut outlet), Given::Sent));
        assert_eq!(outlet.take_sent(), [(5, "b".into())]);
    }

    #[test]
    fn submit_blocks_while_the_peer_is_full() {
        let mut outlet = Recorder::default();
        let mut pair = Pair::new(Parts::Any);
        attach(&mut pair, &[4], &mut outlet);
        outlet.full.insert(PeerId(4));
        assert!(matches!(
            pair.give("a".into(), &mut outlet),
            Given::Blocked(_)
        ));
        assert!(pair.is_blocked());
        outlet.full.clear();
        pair.writable(PeerId(9));
        assert!(pair.is_blocked(), "another peer has room");
        pair.writable(PeerId(4));
        assert!(!pair.is_blocked());
        assert!(matches!(pair.give("a".into(), &mut outlet), Given::Sent));
    }

    #[test]
    fn the_next_peer_does_not_inherit_a_full_queue() {
        let mut outlet = Recorder::default();
        let mut pair = Pair::new(Parts::Any);
        attach(&mut pair, &[4], &mut outlet);
        outlet.full.insert(PeerId(4));
        assert!(matches!(
            pair.give("a".into(), &mut outlet),
            Given::Blocked(_)
        ));
        pair.detach(PeerId(4), &mut outlet);
        attach(&mut pair, &[4], &mut outlet);
        assert!(!pair.is_blocked());
    }
}
