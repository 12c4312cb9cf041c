//! ROUTER: each message to the peer it names, and each peer's messages under its name (RFC 28).

use std::collections::HashMap;

use crate::error::Refusal;
use crate::message::{Frame, Message};

use super::peers::PeerMap;
use super::{
    pass, Admission, Drop, Full, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

/// The longest name a peer may choose (RFC 37, "The Identity Property").
const LONGEST_ROUTING_ID: usize = 255;

/// Peers by name, and names by peer.
///
/// A name that is taken is not given twice: the newcomer is rejected (libzmq's default, without
/// `ZMQ_ROUTER_HANDOVER`). What is sent to a name that nobody has is dropped (without
/// `ZMQ_ROUTER_MANDATORY`).
#[derive(Default)]
pub(super) struct Router {
    by_name: HashMap<Frame, PeerId>,
    names: PeerMap<Frame>,
    /// The last number given to a peer without a name.
    numbered: u32,
}

impl Pattern for Router {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        let name = match &intro.routing_id[..] {
            // Names that start with a zero octet are for those who have none.
            [0, ..] => return Err(Rejected),
            [] => self.number(),
            name if name.len() > LONGEST_ROUTING_ID => return Err(Rejected),
            _ => intro.routing_id.clone(),
        };
        if self.by_name.contains_key(&name) {
            return Err(Rejected);
        }
        self.by_name.insert(name.clone(), peer);
        self.names.insert(peer, name);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        if let Some(name) = self.names.remove(&peer) {
            self.by_name.remove(&name);
        }
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        match self.names.get(&peer) {
            Some(name) => {
                message.push_front(name.clone());
                pass(message)
            }
            None => Ok(Admission::Drop(Drop::PeerGone)),
        }
    }

    /// Never blocks: what cannot be sent now is dropped.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let Some(name) = message.first() else {
            return Verdict::Refused(Refusal::NoFrames);
        };
        if message.len() == 1 {
            // A name alone is no message.
            return Verdict::Dropped(Drop::Malformed);
        }
        let Some(&peer) = self.by_name.get(name) else {
            return Verdict::Dropped(Drop::PeerGone);
        };
        message.pop_front();
        match outlet.send(peer, message) {
            Ok(()) => Verdict::Sent,
            Err(Full) => Verdict::Dropped(Drop::PeerFull),
        }
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }
}

impl Router {
    /// A name of five octets that nobody has: zero and a number.
    fn number(&mut self) -> Frame {
        loop {
            self.numbered = self.numbered.wrapping_add(1);
            let [a, b, c, d] = self.numbered.to_be_bytes();
            let name = Frame::from([0, a, b, c, d]);
            // After 2³² peers without a name the oldest may still be here. There are fewer
            // slots than numbers, so the search ends.
            if !self.by_name.contains_key(&name) {
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::*;

    fn named(router: &mut Router, peer: u32, name: impl Into<Frame>) -> Result<(), Rejected> {
        let intro = PeerIntro {
            socket_type: None,
            routing_id: name.into(),
        };
        router.attach(PeerId(peer), &intro, &mut Recorder::default())
    }

    fn hear(router: &mut Router, peer: u32, message: impl Into<Message>) -> Message {
        let mut outlet = Recorder::default();
        let heard = Heard::Message(message.into());
        router.hear(PeerId(peer), heard, &mut outlet).unwrap();
        outlet.delivered.remove(0)
    }

    #[test]
    fn names_lead_both_ways() {
        let mut outlet = Recorder::default();
        let mut router = Router::default();
        named(&mut router, 1, "one").unwrap();
        named(&mut router, 2, vec![2; 255]).unwrap();
        let from_one = hear(&mut router, 1, ["", "a"]);
        assert_eq!(from_one, Message::from(["one", "", "a"]));
        let from_two = hear(&mut router, 2, "b");
        assert_eq!(from_two[0], vec![2; 255]);
        assert!(matches!(router.give(from_two, &mut outlet), Given::Sent));
        assert!(matches!(router.give(from_one, &mut outlet), Given::Sent));
        assert_eq!(outlet.take_sent(), [(2, "b".into()), (1, ["", "a"].into())]);
    }

    #[test]
    fn who_has_no_name_gets_one_that_nobody_has() {
        let mut outlet = Recorder::default();
        let mut router = Router {
            numbered: u32::MAX - 1,
            ..Router::default()
        };
        attach(&mut router, &[1], &mut outlet);
        router.numbered = u32::MAX - 1;
        attach(&mut router, &[2, 3], &mut outlet);
        let names = [1, 2, 3].map(|peer| hear(&mut router, peer, "x")[0].clone());
        let expected = [[0, 255, 255, 255, 255], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]];
        assert_eq!(names, expected.map(Frame::from));
    }

    #[test]
    fn names_that_are_taken_or_malformed_are_rejected() {
        let mut router = Router::default();
        named(&mut router, 1, "one").unwrap();
        for name in [b"one".to_vec(), vec![0], vec![0, 0, 0, 0, 1], vec![1; 256]] {
            assert_eq!(named(&mut router, 2, name), Err(Rejected));
        }
        // Who was not let in takes nothing along.
        router.detach(PeerId(2), &mut Recorder::default());
        assert_eq!(hear(&mut router, 1, "x")[0], "one");
        router.detach(PeerId(1), &mut Recorder::default());
        assert_eq!(named(&mut router, 2, "one"), Ok(()));
    }

    #[test]
    fn what_cannot_be_sent_is_dropped() {
        let mut outlet = Recorder::default();
        let mut router = Router::default();
        named(&mut router, 1, "one").unwrap();
        let given = router.give(["two", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        let given = router.give("one".into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::Malformed)));
        let given = router.give(Message::new(), &mut outlet);
        assert!(matches!(given, Given::Refused(_, Refusal::NoFrames)));
        outlet.full.insert(PeerId(1));
        let given = router.give(["one", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerFull)));
        assert!(!router.is_blocked());
    }

    #[test]
    fn a_slot_used_again_has_its_own_name() {
        let mut outlet = Recorder::default();
        let mut router = Router::default();
        named(&mut router, 1, "old").unwrap();
        router.detach(PeerId(1), &mut outlet);
        named(&mut router, 1, "new").unwrap();
        let given = router.give(["old", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        assert_eq!(hear(&mut router, 1, "x")[0], "new");
        router.detach(PeerId(1), &mut outlet);
        assert!(router.names.is_empty() && router.by_name.is_empty());
    }
}
