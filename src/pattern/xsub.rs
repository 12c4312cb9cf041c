//! XSUB: SUB with subscriptions as messages, without a filter, and with a voice (RFC 29).

use crate::error::Refusal;
use crate::message::{Frame, Message};

use super::subscriptions::Subscriptions;
use super::{
    pass, Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

#[derive(Default)]
pub(super) struct XSub {
    subscriptions: Subscriptions,
}

impl Pattern for XSub {
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

    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        pass(message)
    }

    /// A message of one frame that starts with the octet 1 or 0 subscribes or unsubscribes to
    /// what follows it. Anything else goes to all publishers; those that are full miss it.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        match message.frames() {
            [] => return Verdict::Refused(Refusal::NoFrames),
            [frame] => match &frame[..] {
                [1, prefix @ ..] => {
                    self.subscriptions.subscribe(&prefix.into(), outlet);
                    return Verdict::Sent;
                }
                [0, prefix @ ..] => {
                    self.subscriptions.unsubscribe(&prefix.into(), outlet);
                    return Verdict::Sent;
                }
                _ => {}
            },
            _ => {}
        }
        let Some((&last, others)) = self.subscriptions.publishers().split_last() else {
            return Verdict::Dropped(Drop::NoPeer);
        };
        let mut missed = 0;
        for &peer in others {
            missed += usize::from(outlet.send(peer, &mut message.clone()).is_err());
        }
        missed += usize::from(outlet.send(last, message).is_err());
        if missed > 0 {
            outlet.dropped(Drop::PeerFull, missed);
        }
        Verdict::Sent
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn subscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.subscriptions.subscribe(&prefix, outlet);
    }

    fn unsubscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.subscriptions.unsubscribe(&prefix, outlet);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::super::Upstream;
    use super::*;

    fn give(xsub: &mut XSub, message: impl Into<Message>, outlet: &mut Recorder) {
        assert!(matches!(xsub.give(message.into(), outlet), Given::Sent));
    }

    #[test]
    fn subscriptions_are_messages_and_counted() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::default();
        give(&mut xsub, "\x01a", &mut outlet);
        attach(&mut xsub, &[1], &mut outlet);
        let subscribe = [(1, Upstream::Subscribe("a".into()))];
        assert_eq!(outlet.take_commands(), subscribe);
        give(&mut xsub, "\x01a", &mut outlet);
        assert_eq!(outlet.take_commands(), subscribe);
        give(&mut xsub, "\0a", &mut outlet);
        give(&mut xsub, "\0never", &mut outlet);
        assert_eq!(outlet.take_commands(), []);
        give(&mut xsub, "\0a", &mut outlet);
        let cancel = (1, Upstream::Cancel("a".into()));
        assert_eq!(outlet.take_commands(), [cancel]);
        give(&mut xsub, "\x01", &mut outlet);
        let everything = (1, Upstream::Subscribe("".into()));
        assert_eq!(outlet.take_commands(), [everything]);
        assert!(outlet.sent.is_empty());
    }

    #[test]
    fn other_messages_go_to_all_publishers() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::default();
        let given = xsub.give("a".into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::NoPeer)));
        attach(&mut xsub, &[1, 2], &mut outlet);
        for message in [
            Message::from("a"),
            "".into(),
            ["\x01a", "b"].into(),
            "\x02".into(),
        ] {
            give(&mut xsub, message.clone(), &mut outlet);
            let expected = [(1, message.clone()), (2, message)];
            assert_eq!(outlet.take_sent(), expected);
        }
        assert_eq!(outlet.take_commands(), []);
        for full in [1, 2] {
            outlet.full = [PeerId(full)].into();
            give(&mut xsub, "a", &mut outlet);
            assert_eq!(outlet.take_sent(), [(3 - full, "a".into())]);
            assert_eq!(outlet.drops.pop(), Some((Drop::PeerFull, 1)));
        }
    }

    #[test]
    fn nothing_is_filtered() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::default();
        attach(&mut xsub, &[1], &mut outlet);
        let heard = Heard::Message(["a", "b"].into());
        xsub.hear(PeerId(1), heard, &mut outlet).unwrap();
        assert_eq!(outlet.delivered, [Message::from(["a", "b"])]);
    }
}
