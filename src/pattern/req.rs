//! REQ: one request to one of the peers in turn, then its reply, then the next (RFC 28).

use crate::message::{Frame, Message};

use super::balance::Balance;
use super::{
    pass, Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

#[derive(Default)]
pub(super) struct Req {
    balance: Balance,
    /// Who has the request that is not answered yet.
    waiting: Option<PeerId>,
}

impl Pattern for Req {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.balance.join(peer);
        Ok(())
    }

    /// A request that left for this peer is lost: whether it was worked on, nobody can tell, so
    /// it is not sent again. But the socket does not wait for a reply that cannot come.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.balance.leave(peer);
        if self.waiting == Some(peer) {
            self.waiting = None;
            outlet.dropped(Drop::RequestLost, 1);
        }
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        match message.frames() {
            [delimiter, _, ..] if delimiter.is_empty() => {}
            _ => return Err(Violation::MalformedReply),
        }
        if self.waiting != Some(peer) {
            return Ok(Admission::Drop(Drop::Unasked));
        }
        self.waiting = None;
        message.pop_front();
        pass(message)
    }

    /// Puts the delimiter in front of what the user sends (RFC 28, "The REQ Socket Type").
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        if self.is_blocked() {
            return Verdict::Blocked;
        }
        message.push_front(Frame::empty());
        match self.balance.send(message, outlet) {
            Some(peer) => {
                self.waiting = Some(peer);
                Verdict::Sent
            }
            None => {
                message.pop_front();
                Verdict::Blocked
            }
        }
    }

    fn writable(&mut self, peer: PeerId) {
        self.balance.writable(peer);
    }

    fn is_blocked(&self) -> bool {
        self.waiting.is_some() || self.balance.is_blocked()
    }

    fn requeues(&self) -> bool {
        true
    }

    fn unsend(&mut self, mut message: Message) -> Message {
        self.waiting = None;
        message.pop_front();
        message
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::*;

    fn reply(
        req: &mut Req,
        peer: u32,
        frames: &[&str],
        outlet: &mut Recorder,
    ) -> Result<(), Violation> {
        req.hear(PeerId(peer), Heard::Message(frames.into()), outlet)
    }

    fn is_sent(verdict: Given) -> bool {
        matches!(verdict, Given::Sent)
    }

    #[test]
    fn one_request_at_a_time() {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        assert!(req.is_blocked());
        attach(&mut req, &[1, 2], &mut outlet);
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        assert!(req.is_blocked());
        match req.give("b".into(), &mut outlet) {
            Given::Blocked(message) => assert_eq!(message, Message::from("b")),
            other => panic!("{other:?}"),
        }
        reply(&mut req, 1, &["", "A", "B"], &mut outlet).unwrap();
        assert_eq!(outlet.delivered, [Message::from(["A", "B"])]);
        assert!(!req.is_blocked());
        assert!(is_sent(req.give(["b", "c"].into(), &mut outlet)));
        assert_eq!(
            outlet.take_sent(),
            [(1, ["", "a"].into()), (2, ["", "b", "c"].into())]
        );
        assert!(outlet.drops.is_empty());
    }

    #[test]
    fn only_the_peer_that_was_asked_may_answer() {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        attach(&mut req, &[1, 2], &mut outlet);
        reply(&mut req, 1, &["", "early"], &mut outlet).unwrap();
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        reply(&mut req, 2, &["", "other"], &mut outlet).unwrap();
        reply(&mut req, 1, &["", "right"], &mut outlet).unwrap();
        reply(&mut req, 1, &["", "again"], &mut outlet).unwrap();
        assert_eq!(outlet.delivered, [Message::from("right")]);
        assert_eq!(outlet.drops, [(Drop::Unasked, 1); 3]);
    }

    #[test]
    fn malformed_replies_end_the_connection_and_the_wait() {
        for frames in [&["A"][..], &[""], &["A", ""], &["A", "", "B"]] {
            let mut outlet = Recorder::default();
            let mut req = Req::default();
            attach(&mut req, &[1], &mut outlet);
            assert!(is_sent(req.give("a".into(), &mut outlet)));
            let verdict = reply(&mut req, 1, frames, &mut outlet);
            assert_eq!(verdict, Err(Violation::MalformedReply), "{frames:?}");
            assert!(outlet.delivered.is_empty());
            req.detach(PeerId(1), &mut outlet);
            assert_eq!(outlet.drops, [(Drop::RequestLost, 1)]);
            attach(&mut req, &[1], &mut outlet);
            assert!(!req.is_blocked());
        }
    }

    #[test]
    fn a_peer_that_leaves_takes_its_request_along() {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        attach(&mut req, &[1, 2], &mut outlet);
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        req.detach(PeerId(2), &mut outlet);
        assert!(req.is_blocked() && outlet.drops.is_empty());
        attach(&mut req, &[3], &mut outlet);
        req.detach(PeerId(1), &mut outlet);
        assert_eq!(outlet.drops, [(Drop::RequestLost, 1)]);
        // A newcomer in the old slot owes no reply.
        attach(&mut req, &[1], &mut outlet);
        assert!(!req.is_blocked());
        reply(&mut req, 1, &["", "A"], &mut outlet).unwrap();
        assert!(outlet.delivered.is_empty());
        assert!(is_sent(req.give("b".into(), &mut outlet)));
        assert_eq!(outlet.take_sent()[1], (3, ["", "b"].into()));
    }

    #[test]
    fn a_request_that_never_left_is_sent_again_as_it_was() {
        for message in [
            Message::from("a"),
            ["a", "b"].into(),
            "".into(),
            ["", "b"].into(),
        ] {
            let mut outlet = Recorder::default();
            let mut req = Req::default();
            attach(&mut req, &[1, 2], &mut outlet);
            assert!(is_sent(req.give(message.clone(), &mut outlet)));
            let (_, sent) = outlet.take_sent().remove(0);
            let unsent = req.unsend(sent);
            assert_eq!(unsent, message);
            req.detach(PeerId(1), &mut outlet);
            assert!(outlet.drops.is_empty(), "it is not lost");
            assert!(!req.is_blocked());
            assert!(is_sent(req.give(unsent, &mut outlet)));
            assert_eq!(outlet.take_sent()[0].0, 2);
        }
    }

    #[test]
    fn a_full_peer_is_passed_over_and_the_request_comes_back_unchanged() {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        attach(&mut req, &[1, 2], &mut outlet);
        outlet.full.insert(PeerId(1));
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        assert_eq!(outlet.take_sent()[0].0, 2);
        reply(&mut req, 2, &["", "A"], &mut outlet).unwrap();
        outlet.full.insert(PeerId(2));
        for message in [Message::from("b"), ["b", "c"].into()] {
            match req.give(message.clone(), &mut outlet) {
                Given::Blocked(unsent) => assert_eq!(unsent, message),
                other => panic!("{other:?}"),
            }
        }
        assert!(req.is_blocked());
        req.writable(PeerId(1));
        assert!(!req.is_blocked());
    }
}
