//! RADIO: a copy to each peer that joined the message's group (RFC 48).

use crate::error::Refusal;
use crate::message::{Message, MAX_GROUP};

use super::fan_out::send_copies;
use super::topics::Topics;
use super::{
    Admission, Drop, Interest, Outlet, Pattern, PeerId, PeerIntro, Rejected, Upstream, Verdict,
    Violation,
};

/// Groups are kept as prefixes are, and matched as a whole.
#[derive(Default)]
pub(super) struct Radio {
    groups: Topics,
    /// Attached peers, in a group or not.
    peers: usize,
    /// Who gets the message at hand; kept for its memory.
    members: Vec<PeerId>,
}

impl Pattern for Radio {
    fn attach(
        &mut self,
        _peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.peers += 1;
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.peers = self.peers.saturating_sub(1);
        self.groups.remove_peer(peer, |_, _| {});
    }

    fn admit(&mut self, _peer: PeerId, _message: &mut Message) -> Result<Admission, Violation> {
        Ok(Admission::Drop(Drop::Unasked))
    }

    fn heed(
        &mut self,
        peer: PeerId,
        command: Upstream,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        match command {
            Upstream::Join(group) | Upstream::Leave(group) if group.len() > MAX_GROUP => {
                return Err(Violation::MalformedGroup);
            }
            Upstream::Join(group) => {
                self.groups.insert(&group, peer)?;
                outlet.interest_changed(peer);
            }
            Upstream::Leave(group) => {
                self.groups.remove(&group, peer);
                outlet.interest_changed(peer);
            }
            Upstream::Subscribe(_) | Upstream::Cancel(_) => {}
        }
        Ok(())
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let [group, _body] = message.frames() else {
            return Verdict::Refused(Refusal::FrameCount { expected: 2 });
        };
        if group.len() > MAX_GROUP {
            return Verdict::Refused(Refusal::GroupTooLong);
        }
        self.members.clear();
        self.groups
            .for_each_holder(group, |peer| self.members.push(peer));
        if self.peers == 0 {
            return Verdict::Dropped(Drop::NoPeer);
        }
        send_copies(&self.members, message, outlet)
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn interest(&self, peer: PeerId) -> Option<Interest> {
        Some(Interest::Groups(self.groups.held_by(peer)))
    }

    fn subscribers(&self) -> usize {
        self.groups.holders()
    }

    fn topics(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::super::topics::PREFIXES_PER_PEER;
    use super::*;
    use crate::message::Frame;

    fn join(radio: &mut Radio, peer: u32, group: impl Into<Frame>) -> Result<(), Violation> {
        let heard = Heard::Join(group.into());
        radio.hear(PeerId(peer), heard, &mut Recorder::default())
    }

    fn receivers(radio: &mut Radio, group: &str) -> Vec<u32> {
        let mut outlet = Recorder::default();
        radio.give(Message::to_group(group, "body"), &mut outlet);
        let mut peers: Vec<u32> = outlet.take_sent().iter().map(|(peer, _)| *peer).collect();
        peers.sort_unstable();
        peers
    }

    #[test]
    fn groups_match_exactly() {
        let mut outlet = Recorder::default();
        let mut radio = Radio::default();
        attach(&mut radio, &[1, 2, 3], &mut outlet);
        for (peer, group) in [(1, ""), (1, "a"), (2, "ab"), (2, "a"), (2, "a"), (3, "abc")] {
            join(&mut radio, peer, group).unwrap();
        }
        assert_eq!(receivers(&mut radio, ""), [1]);
        assert_eq!(receivers(&mut radio, "a"), [1, 2]);
        assert_eq!(receivers(&mut radio, "ab"), [2]);
        assert_eq!(receivers(&mut radio, "abcd"), []);
        radio
            .hear(PeerId(2), Heard::Leave("a".into()), &mut outlet)
            .unwrap();
        assert_eq!(receivers(&mut radio, "a"), [1]);
        assert_eq!((radio.subscribers(), radio.topics()), (3, 4));
        radio.detach(PeerId(1), &mut outlet);
        assert_eq!(receivers(&mut radio, "a"), []);
        assert_eq!((radio.subscribers(), radio.topics()), (2, 2));
    }

    #[test]
    fn length_and_number_of_groups_are_limited() {
        let mut radio = Radio::default();
        attach(&mut radio, &[1], &mut Recorder::default());
        assert_eq!(join(&mut radio, 1, vec![b'g'; 255]), Ok(()));
        let long = join(&mut radio, 1, vec![b'g'; 256]);
        assert_eq!(long, Err(Violation::MalformedGroup));
        for number in 1..PREFIXES_PER_PEER as u32 {
            join(&mut radio, 1, number.to_be_bytes()).unwrap();
        }
        let many = join(&mut radio, 1, "one more");
        assert_eq!(many, Err(Violation::TooManySubscriptions));
    }

    #[test]
    fn a_full_member_misses_a_message_and_its_interest_is_reported() {
        let mut outlet = Recorder::default();
        let mut radio = Radio::default();
        attach(&mut radio, &[1, 2], &mut outlet);
        join(&mut radio, 1, "a").unwrap();
        join(&mut radio, 2, "a").unwrap();
        outlet.full.insert(PeerId(1));
        radio.give(Message::to_group("a", "b"), &mut outlet);
        assert_eq!(outlet.take_sent().len(), 1);
        assert_eq!(outlet.drops, [(Drop::PeerFull, 1)]);
        let groups = |radio: &Radio| radio.interest(PeerId(1)).unwrap();
        assert_eq!(groups(&radio), Interest::Groups(vec!["a".into()]));
        radio
            .hear(PeerId(1), Heard::Leave("a".into()), &mut outlet)
            .unwrap();
        assert_eq!(groups(&radio), Interest::Groups(vec![]));
        assert_eq!(outlet.changed, [PeerId(1)]);
    }

    #[test]
    fn messages_without_group_and_body_are_refused() {
        let mut outlet = Recorder::default();
        let mut radio = Radio::default();
        for message in ["a".into(), Message::from(["a", "b", "c"]), Message::new()] {
            let given = radio.give(message, &mut outlet);
            let expected = Refusal::FrameCount { expected: 2 };
            assert!(matches!(given, Given::Refused(_, why) if why == expected));
        }
        let given = radio.give(Message::to_group(vec![0; 256], ""), &mut outlet);
        assert!(matches!(given, Given::Refused(_, Refusal::GroupTooLong)));
    }
}
