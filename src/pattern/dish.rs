//! DISH: what publishers send to the groups the user joined (RFC 48).

use std::collections::HashSet;

use crate::error::GroupError;
use crate::message::{Frame, Message, MAX_GROUP};

use super::{
    pass, Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Upstream, Verdict,
    Violation,
};

#[derive(Default)]
pub(super) struct Dish {
    groups: HashSet<Frame>,
    radios: Vec<PeerId>,
}

impl Pattern for Dish {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.radios.push(peer);
        for group in &self.groups {
            outlet.command(peer, Upstream::Join(group.clone()));
        }
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.radios.retain(|&other| other != peer);
    }

    /// Filters once more: a RADIO may send what was on its way before a LEAVE reached it.
    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        match message.frames() {
            [group, _] if group.len() <= MAX_GROUP => {
                if self.wants(message) {
                    pass(message)
                } else {
                    Ok(Admission::Drop(Drop::Unmatched))
                }
            }
            _ => Err(Violation::MalformedGroup),
        }
    }

    fn submit(&mut self, _message: &mut Message, _outlet: &mut dyn Outlet) -> Verdict {
        Verdict::Dropped(Drop::ReceiveOnly)
    }

    fn join(&mut self, group: Frame, outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        if group.len() > MAX_GROUP {
            return Err(GroupError::TooLong);
        }
        if !self.groups.insert(group.clone()) {
            return Err(GroupError::AlreadyJoined);
        }
        for &radio in &self.radios {
            outlet.command(radio, Upstream::Join(group.clone()));
        }
        Ok(())
    }

    fn leave(&mut self, group: Frame, outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        if group.len() > MAX_GROUP {
            return Err(GroupError::TooLong);
        }
        if !self.groups.remove(&group) {
            return Err(GroupError::NotJoined);
        }
        for &radio in &self.radios {
            outlet.command(radio, Upstream::Leave(group.clone()));
        }
        Ok(())
    }

    fn wants(&self, message: &Message) -> bool {
        let group = message.first();
        group.is_some_and(|group| self.groups.contains(group))
    }

    fn topics(&self) -> usize {
        self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Heard, Recorder};
    use super::*;

    #[test]
    fn joined_groups_are_a_set_announced_to_all_radios() {
        let mut outlet = Recorder::default();
        let mut dish = Dish::default();
        assert_eq!(dish.join("early".into(), &mut outlet), Ok(()));
        attach(&mut dish, &[1, 2], &mut outlet);
        let told = |command: Upstream| [1, 2].map(|peer| (peer, command.clone()));
        assert_eq!(outlet.take_commands(), told(Upstream::Join("early".into())));
        let again = dish.join("early".into(), &mut outlet);
        assert_eq!(again, Err(GroupError::AlreadyJoined));
        let long = dish.join(vec![b'g'; 256].into(), &mut outlet);
        assert_eq!(long, Err(GroupError::TooLong));
        let never = dish.leave("never".into(), &mut outlet);
        assert_eq!(never, Err(GroupError::NotJoined));
        assert_eq!(outlet.take_commands(), []);
        assert_eq!(dish.leave("early".into(), &mut outlet), Ok(()));
        assert_eq!(
            outlet.take_commands(),
            told(Upstream::Leave("early".into()))
        );
        dish.detach(PeerId(1), &mut outlet);
        assert_eq!(dish.join("late".into(), &mut outlet), Ok(()));
        assert_eq!(outlet.take_commands(), [(2, Upstream::Join("late".into()))]);
        assert_eq!(dish.topics(), 1);
    }

    #[test]
    fn only_messages_of_joined_groups_are_delivered() {
        let mut outlet = Recorder::default();
        let mut dish = Dish::default();
        attach(&mut dish, &[1], &mut outlet);
        dish.join("ab".into(), &mut outlet).unwrap();
        for group in ["a", "abc", "", "ab"] {
            let heard = Heard::Message(Message::to_group(group, "body"));
            dish.hear(PeerId(1), heard, &mut outlet).unwrap();
        }
        assert_eq!(outlet.delivered, [Message::to_group("ab", "body")]);
        assert_eq!(outlet.drops, [(Drop::Unmatched, 1); 3]);
        for message in [
            Message::from("ab"),
            ["ab", "c", "d"].into(),
            Message::to_group(vec![0; 256], ""),
        ] {
            let heard = dish.hear(PeerId(1), Heard::Message(message), &mut outlet);
            assert_eq!(heard, Err(Violation::MalformedGroup));
        }
    }
}
