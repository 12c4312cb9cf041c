//! XSUB: SUB with subscriptions as messages, without a filter, and with a voice (RFC 29).

use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::options::Options;

use super::fan_out::send_copies;
use super::subscriptions::Subscriptions;
use super::{
    pass, Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

#[derive(Default)]
pub(super) struct XSub {
    subscriptions: Subscriptions,
    /// Only the first frame of a message may be a subscription.
    only_first: bool,
    /// Publishers hear of every cancellation.
    verbose_unsubscribe: bool,
}

impl XSub {
    pub(super) fn new(options: &Options) -> Self {
        XSub {
            subscriptions: Subscriptions::default(),
            only_first: options.publishing.only_first_subscribe,
            verbose_unsubscribe: options.publishing.xsub_verbose_unsubscribe,
        }
    }

    /// Does what a frame says that starts with 1 or 0.
    fn heed_user(&mut self, frame: &Frame, outlet: &mut dyn Outlet) {
        match &frame[..] {
            [1, prefix @ ..] => self.subscriptions.subscribe(&prefix.into(), outlet),
            [0, prefix @ ..] => self.unsubscribe_as_told(&prefix.into(), outlet),
            _ => {}
        }
    }

    fn unsubscribe_as_told(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        if self.verbose_unsubscribe {
            self.subscriptions.unsubscribe_verbosely(prefix, outlet);
        } else {
            self.subscriptions.unsubscribe(prefix, outlet);
        }
    }
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

    /// A frame that starts with the byte 1 or 0 subscribes or unsubscribes to what follows it;
    /// if only first frames may, the others of a message are taken as they are. What is left goes
    /// to all publishers; those that are full miss it.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        if message.is_empty() {
            return Verdict::Refused(Refusal::NoFrames);
        }
        let eligible = if self.only_first { 1 } else { message.len() };
        let is_word = |frame: &Frame| matches!(frame.first(), Some(0 | 1));
        if message.iter().take(eligible).any(is_word) {
            let mut rest = Message::new();
            for (index, frame) in std::mem::take(message).into_iter().enumerate() {
                if index < eligible && is_word(&frame) {
                    self.heed_user(&frame, outlet);
                } else {
                    rest.push_back(frame);
                }
            }
            if rest.is_empty() {
                return Verdict::Sent;
            }
            *message = rest;
        }
        match self.subscriptions.publishers() {
            [] => Verdict::Dropped(Drop::NoPeer),
            publishers => send_copies(publishers, message, outlet),
        }
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn subscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.subscriptions.subscribe(&prefix, outlet);
    }

    fn unsubscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        self.unsubscribe_as_told(&prefix, outlet);
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.only_first = options.publishing.only_first_subscribe;
        self.verbose_unsubscribe = options.publishing.xsub_verbose_unsubscribe;
    }

    fn topics(&self) -> usize {
        self.subscriptions.len()
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
    fn messages_go_to_all_publishers() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::default();
        let given = xsub.give("a".into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::NoPeer)));
        attach(&mut xsub, &[1, 2], &mut outlet);
        for message in [
            Message::from("a"),
            "".into(),
            ["a", "\x02"].into(),
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
    fn received_messages_are_not_filtered() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::default();
        attach(&mut xsub, &[1], &mut outlet);
        let heard = Heard::Message(["a", "b"].into());
        xsub.hear(PeerId(1), heard, &mut outlet).unwrap();
        assert_eq!(outlet.delivered, [Message::from(["a", "b"])]);
    }
    #[test]
    fn subscriptions_are_found_among_the_frames() {
        for only_first in [false, true] {
            let mut outlet = Recorder::default();
            let mut xsub = XSub::new(&Options::new().only_first_subscribe(only_first));
            attach(&mut xsub, &[1], &mut outlet);
            give(&mut xsub, ["\x01a", "b", "\x01c"], &mut outlet);
            give(&mut xsub, ["b", "\0a"], &mut outlet);
            let (mut commands, sent): (_, Vec<Message>) = if only_first {
                let sent = vec![["b", "\x01c"].into(), ["b", "\0a"].into()];
                (vec![Upstream::Subscribe("a".into())], sent)
            } else {
                let words = vec![
                    Upstream::Subscribe("a".into()),
                    Upstream::Subscribe("c".into()),
                    Upstream::Cancel("a".into()),
                ];
                (words, vec!["b".into(), "b".into()])
            };
            let expected: Vec<_> = commands.drain(..).map(|command| (1, command)).collect();
            assert_eq!(outlet.take_commands(), expected);
            let expected: Vec<_> = sent.into_iter().map(|message| (1, message)).collect();
            assert_eq!(outlet.take_sent(), expected);
        }
    }

    #[test]
    fn with_verbose_unsubscribe_every_cancellation_is_sent() {
        let mut outlet = Recorder::default();
        let mut xsub = XSub::new(&Options::new().xsub_verbose_unsubscribe(true));
        attach(&mut xsub, &[1], &mut outlet);
        give(&mut xsub, "\x01a", &mut outlet);
        give(&mut xsub, "\x01a", &mut outlet);
        outlet.take_commands();
        for topic in ["a", "a", "a", "never"] {
            give(&mut xsub, Message::cancel(topic), &mut outlet);
            let cancel = (1, Upstream::Cancel(topic.into()));
            assert_eq!(outlet.take_commands(), [cancel]);
        }
        assert_eq!(xsub.topics(), 0);
    }
}
