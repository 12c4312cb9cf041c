//! SUB: what publishers send and the user subscribed to (RFC 29).

use crate::message::{Frame, Message};
use crate::options::Options;

use super::subscriptions::Subscriptions;
use super::{
    pass, Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

#[derive(Default)]
pub(super) struct Subscribe {
    subscriptions: Subscriptions,
    /// Messages come for which there is no subscription.
    inverted: bool,
}

impl Subscribe {
    pub(super) fn new(options: &Options) -> Self {
        Subscribe {
            inverted: options.publishing.invert_matching,
            ..Subscribe::default()
        }
    }
}

impl Pattern for Subscribe {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.subscriptions.join(peer, outlet);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.subscriptions.leave(peer);
    }

    /// Filters once more: a publisher may send what it was asked for before a CANCEL reached it,
    /// or everything.
    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        if self.wants(message) {
            pass(message)
        } else {
            Ok(Admission::Drop(Drop::Unmatched))
        }
    }

    fn submit(&mut self, _message: &mut Message, _outlet: &mut dyn Outlet) -> Verdict {
        Verdict::Dropped(Drop::ReceiveOnly)
    }

    fn subscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.subscriptions.subscribe(&prefix, outlet);
    }

    fn unsubscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.subscriptions.unsubscribe(&prefix, outlet);
    }

    fn wants(&self, message: &Message) -> bool {
        let topic = message.first();
        topic.is_some_and(|topic| self.subscriptions.matches_any(topic) != self.inverted)
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.inverted = options.publishing.invert_matching;
    }

    fn topics(&self) -> usize {
        self.subscriptions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::super::tests::{Calls, Heard};
    use super::super::Upstream;
    use super::*;

    fn hear(sub: &mut Subscribe, message: impl Into<Message>, outlet: &mut Recorder) {
        sub.hear(PeerId(1), Heard::Message(message.into()), outlet)
            .unwrap();
    }

    #[test]
    fn subscriptions_are_counted_and_sent_to_all_publishers() {
        let mut outlet = Recorder::default();
        let mut sub = Subscribe::default();
        attach(&mut sub, &[1, 2], &mut outlet);
        sub.subscribe("a".into(), &mut outlet);
        sub.subscribe("a".into(), &mut outlet);
        let told = |command: fn(Frame) -> Upstream| [1, 2].map(|to| (to, command("a".into())));
        let twice = [told(Upstream::Subscribe), told(Upstream::Subscribe)].concat();
        assert_eq!(outlet.take_commands(), twice);
        sub.unsubscribe("a".into(), &mut outlet);
        sub.unsubscribe("b".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), []);
        sub.unsubscribe("a".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), told(Upstream::Cancel));
        sub.unsubscribe("a".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), []);
    }

    #[test]
    fn prefixes_of_subscribed_prefixes_do_not_match() {
        let mut outlet = Recorder::default();
        let mut sub = Subscribe::default();
        attach(&mut sub, &[1], &mut outlet);
        // The branch at "a" is in the tree, but it is not subscribed to.
        sub.subscribe("ab".into(), &mut outlet);
        sub.subscribe("ac".into(), &mut outlet);
        outlet.take_commands();
        sub.unsubscribe("a".into(), &mut outlet);
        sub.unsubscribe("".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), []);
        hear(&mut sub, "ad", &mut outlet);
        assert_eq!(outlet.drops, [(Drop::Unmatched, 1)]);
    }

    #[test]
    fn new_publishers_are_sent_each_prefix_once() {
        let mut outlet = Recorder::default();
        let mut sub = Subscribe::default();
        for prefix in ["", "a", "ab", "ab", "b", "c"] {
            sub.subscribe(prefix.into(), &mut outlet);
        }
        sub.unsubscribe("b".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), []);
        for _ in 0..2 {
            attach(&mut sub, &[3], &mut outlet);
            let mut commands = outlet.take_commands();
            commands.sort_by_key(|(_, command)| format!("{command:?}"));
            let expected = ["", "a", "ab", "c"].map(|text| (3, Upstream::Subscribe(text.into())));
            assert_eq!(commands, expected);
            sub.detach(PeerId(3), &mut outlet);
        }
        sub.subscribe("d".into(), &mut outlet);
        assert_eq!(outlet.take_commands(), [], "no peer is there");
    }

    #[test]
    fn only_matching_messages_are_delivered() {
        let mut outlet = Recorder::default();
        let mut sub = Subscribe::default();
        attach(&mut sub, &[1], &mut outlet);
        hear(&mut sub, "a", &mut outlet);
        sub.subscribe("ab".into(), &mut outlet);
        hear(&mut sub, ["a", "ab"], &mut outlet);
        hear(&mut sub, ["abc", "x", ""], &mut outlet);
        hear(&mut sub, "ab", &mut outlet);
        hear(&mut sub, "", &mut outlet);
        assert_eq!(
            outlet.delivered,
            [["abc", "x", ""].into(), Message::from("ab")]
        );
        assert_eq!(outlet.drops, [(Drop::Unmatched, 1); 3]);
        sub.subscribe("".into(), &mut outlet);
        hear(&mut sub, "", &mut outlet);
        assert_eq!(outlet.delivered.len(), 3);
        sub.unsubscribe("".into(), &mut outlet);
        sub.unsubscribe("ab".into(), &mut outlet);
        hear(&mut sub, "ab", &mut outlet);
        assert_eq!(outlet.delivered.len(), 3);
    }
}
