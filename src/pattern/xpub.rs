//! XPUB: PUB whose user hears what peers subscribe to, and what else they say (RFC 29).

use crate::error::SubscribeError;
use crate::message::Message;
use crate::options::{ManualSubscriptions, Options, Verbosity};

use super::peers::PeerMap;
use super::publish::Publish;
use super::topics::{Removal, Topics};
use super::{
    Admission, Interest, Outlet, Pattern, PeerId, PeerIntro, Rejected, Upstream, Verdict, Violation,
};

/// What goes to the user carries a tag that names the peer it came from: its slot, which use of
/// that slot it is, and whether it was a subscription. The tag of the message received last
/// comes back with the next one sent.
#[derive(Default)]
pub(super) struct XPub {
    publish: Publish,
    /// Which attachment of all a peer is, counted from one.
    attachments: PeerMap<u32>,
    latest: u32,
    verbosity: Verbosity,
    manual: ManualSubscriptions,
    /// What peers asked for, where the user decides what they get.
    asked: Topics,
}

/// Set in the tag of a subscription.
const SUBSCRIPTION: u64 = 1 << 63;

impl XPub {
    pub(super) fn new(options: &Options) -> Self {
        XPub {
            publish: Publish::new(options),
            verbosity: options.publishing.xpub_verbosity,
            manual: options.publishing.xpub_manual,
            ..XPub::default()
        }
    }

    fn is_manual(&self) -> bool {
        self.manual != ManualSubscriptions::Off
    }

    fn tag(&self, peer: PeerId) -> u64 {
        let attachment = self.attachments.get(&peer).copied().unwrap_or_default();
        u64::from(attachment) << 32 | u64::from(peer.0)
    }

    /// The peer a tag names, if it is still there.
    fn peer(&self, tag: u64) -> Option<PeerId> {
        let peer = PeerId(tag as u32);
        let attached = self.attachments.contains_key(&peer);
        (attached && self.tag(peer) == tag & !SUBSCRIPTION).then_some(peer)
    }
}

impl Pattern for XPub {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        // 31 bits: the last one of the tag's upper half says something else. None is zero.
        self.latest = self.latest % (u32::MAX >> 1) + 1;
        self.attachments.insert(peer, self.latest);
        self.publish.attach(peer, intro, outlet)
    }

    /// What the peer wanted and no other peer does, it cancels by leaving. Where the user decides,
    /// it takes back all it asked for.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        let tag = self.tag(peer);
        self.attachments.remove(&peer);
        let (manual, verbosity) = (self.is_manual(), self.verbosity);
        self.publish.forget(peer, |prefix, last| {
            if !manual && (last || verbosity == Verbosity::Everything) {
                outlet.deliver(tagged(Message::cancel(prefix), tag));
            }
        });
        self.asked.remove_peer(peer, |prefix, _| {
            if manual {
                outlet.deliver(tagged(Message::cancel(prefix), tag));
            }
        });
    }

    /// What is no subscription is for the user.
    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        message.set_tag(self.tag(peer));
        Ok(Admission::Deliver)
    }

    fn heed(
        &mut self,
        peer: PeerId,
        command: Upstream,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        let tag = self.tag(peer);
        outlet.interest_changed(peer);
        match command {
            Upstream::Subscribe(prefix) => {
                let tell = if self.is_manual() {
                    self.asked.insert(&prefix, peer)?;
                    true
                } else {
                    let first = self.publish.insert(&prefix, peer)?;
                    first || self.verbosity != Verbosity::Changes
                };
                if tell {
                    outlet.deliver(tagged(Message::subscribe(prefix), tag | SUBSCRIPTION));
                }
            }
            Upstream::Cancel(prefix) => {
                let tell = if self.is_manual() {
                    self.asked.remove(&prefix, peer);
                    true
                } else {
                    match self.publish.remove(&prefix, peer) {
                        Removal::NotHeld | Removal::Shared => {
                            self.verbosity == Verbosity::Everything
                        }
                        Removal::Last => true,
                    }
                };
                if tell {
                    outlet.deliver(tagged(Message::cancel(prefix), tag));
                }
            }
            Upstream::Join(_) | Upstream::Leave(_) => {}
        }
        Ok(())
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let answers = message.tag();
        let only = if self.manual == ManualSubscriptions::LastValue && answers & SUBSCRIPTION != 0 {
            self.peer(answers)
        } else {
            None
        };
        self.publish.publish(message, only, outlet)
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn interest(&self, peer: PeerId) -> Option<Interest> {
        self.publish.interest(peer)
    }

    /// What a peer that left would have had goes to no peer: then nothing is to be done.
    fn decide(&mut self, tag: u64, decision: Upstream) -> Result<(), SubscribeError> {
        if !self.is_manual() {
            return Err(SubscribeError::NotManual);
        }
        if tag == 0 {
            return Err(SubscribeError::NoPeer);
        }
        let Some(peer) = self.peer(tag) else {
            return Ok(());
        };
        match decision {
            Upstream::Subscribe(prefix) => match self.publish.insert(&prefix, peer) {
                Ok(_) => {}
                Err(_) => return Err(SubscribeError::TooMany),
            },
            Upstream::Cancel(prefix) => {
                self.publish.remove(&prefix, peer);
            }
            Upstream::Join(_) | Upstream::Leave(_) => {}
        }
        Ok(())
    }

    fn configure(&mut self, options: &Options, outlet: &mut dyn Outlet) {
        self.verbosity = options.publishing.xpub_verbosity;
        self.manual = options.publishing.xpub_manual;
        self.publish.configure(options, outlet);
    }

    fn subscribers(&self) -> usize {
        self.publish.subscribers()
    }

    fn topics(&self) -> usize {
        self.publish.topics()
    }
}

fn tagged(mut message: Message, tag: u64) -> Message {
    message.set_tag(tag);
    message
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Heard, Recorder};
    use super::super::topics::PREFIXES_PER_PEER;
    use super::*;
    use crate::message::Frame;

    fn open(options: Options) -> (XPub, Recorder) {
        let mut outlet = Recorder::default();
        let mut xpub = XPub::new(&options);
        attach(&mut xpub, &[1, 2], &mut outlet);
        (xpub, outlet)
    }

    fn manual() -> Options {
        Options::new().xpub_manual(ManualSubscriptions::On)
    }

    fn hear(xpub: &mut XPub, peer: u32, heard: Heard, outlet: &mut Recorder) {
        xpub.hear(PeerId(peer), heard, outlet).unwrap();
    }

    fn subscribe(xpub: &mut XPub, peer: u32, topic: &str, outlet: &mut Recorder) {
        hear(xpub, peer, Heard::Subscribe(topic.into()), outlet);
    }

    fn cancel(xpub: &mut XPub, peer: u32, topic: &str, outlet: &mut Recorder) {
        hear(xpub, peer, Heard::Cancel(topic.into()), outlet);
    }

    /// What the user was told, without the first bytes' ambiguity: `+topic` and `-topic`.
    fn told(outlet: &mut Recorder) -> Vec<String> {
        let told = std::mem::take(&mut outlet.delivered);
        told.iter()
            .map(|message| {
                let bytes = &message[0];
                let sign = if bytes[0] == 1 { '+' } else { '-' };
                format!("{sign}{}", String::from_utf8_lossy(&bytes[1..]))
            })
            .collect()
    }

    fn receivers(xpub: &mut XPub, message: &str, tag: u64) -> Vec<u32> {
        let mut outlet = Recorder::default();
        let mut message = Message::from(message);
        message.set_tag(tag);
        xpub.give(message, &mut outlet);
        let mut peers: Vec<u32> = outlet.take_sent().iter().map(|(peer, _)| *peer).collect();
        peers.sort_unstable();
        peers
    }

    #[test]
    fn verbosity_selects_the_subscriptions_delivered() {
        let story = |verbosity| {
            let (mut xpub, mut outlet) = open(Options::new().xpub_verbosity(verbosity));
            subscribe(&mut xpub, 1, "a", &mut outlet);
            subscribe(&mut xpub, 1, "a", &mut outlet);
            subscribe(&mut xpub, 2, "a", &mut outlet);
            cancel(&mut xpub, 1, "never", &mut outlet);
            cancel(&mut xpub, 1, "a", &mut outlet);
            cancel(&mut xpub, 1, "a", &mut outlet);
            subscribe(&mut xpub, 1, "b", &mut outlet);
            subscribe(&mut xpub, 2, "b", &mut outlet);
            xpub.detach(PeerId(1), &mut outlet);
            xpub.detach(PeerId(2), &mut outlet);
            let mut told = told(&mut outlet);
            // What a peer that leaves cancels comes in any order.
            let leaving = told.len() - 2;
            told[leaving..].sort();
            told.join(" ")
        };
        assert_eq!(story(Verbosity::Changes), "+a +b -a -b");
        assert_eq!(story(Verbosity::Subscriptions), "+a +a +a +b +b -a -b");
        let everything = "+a +a +a -never -a -a +b +b -b -a -b";
        assert_eq!(story(Verbosity::Everything), everything);
    }

    #[test]
    fn each_mode_reports_cancellations_according_to_the_holders() {
        use ManualSubscriptions::{LastValue, Off, On};
        use Verbosity::{Changes, Everything, Subscriptions};
        // Held by no peer, by another peer only, by both, by this peer only.
        for (manual, verbosity, told_of) in [
            (Off, Changes, [false, false, false, true]),
            (Off, Subscriptions, [false, false, false, true]),
            (Off, Everything, [true; 4]),
            (On, Changes, [true; 4]),
            (On, Everything, [true; 4]),
            (LastValue, Subscriptions, [true; 4]),
        ] {
            let holders: [&[u32]; 4] = [&[], &[2], &[1, 2], &[1]];
            for (holders, told_of) in holders.into_iter().zip(told_of) {
                let options = Options::new().xpub_verbosity(verbosity);
                let (mut xpub, mut outlet) = open(options.xpub_manual(manual));
                for &peer in holders {
                    subscribe(&mut xpub, peer, "a", &mut outlet);
                }
                told(&mut outlet);
                cancel(&mut xpub, 1, "a", &mut outlet);
                let expected: &[&str] = if told_of { &["-a"] } else { &[] };
                let case = (manual, verbosity, holders);
                assert_eq!(told(&mut outlet), expected, "{case:?}");
            }
        }
    }

    #[test]
    fn a_decision_applies_to_the_peer_that_sent_the_message() {
        let (mut xpub, mut outlet) = open(manual());
        subscribe(&mut xpub, 1, "a", &mut outlet);
        subscribe(&mut xpub, 2, "a", &mut outlet);
        let tags: Vec<u64> = outlet.delivered.iter().map(Message::tag).collect();
        assert_eq!(receivers(&mut xpub, "a", 0), []);
        xpub.decide(tags[0], Upstream::Subscribe("x".into()))
            .unwrap();
        assert_eq!(receivers(&mut xpub, "a", 0), []);
        assert_eq!(receivers(&mut xpub, "x", 0), [1]);
        xpub.decide(tags[1], Upstream::Subscribe("x".into()))
            .unwrap();
        assert_eq!(receivers(&mut xpub, "x", 0), [1, 2]);
        // Not in this mode.
        assert_eq!(receivers(&mut xpub, "x", tags[0]), [1, 2]);
        xpub.decide(tags[0], Upstream::Cancel("x".into())).unwrap();
        assert_eq!(receivers(&mut xpub, "x", 0), [2]);
        let unknown = xpub.decide(0, Upstream::Cancel("x".into()));
        assert_eq!(unknown, Err(SubscribeError::NoPeer));
    }

    #[test]
    fn a_decision_about_a_detached_peer_does_not_apply_to_a_new_one() {
        let (mut xpub, mut outlet) = open(manual());
        subscribe(&mut xpub, 1, "a", &mut outlet);
        let tag = outlet.delivered[0].tag();
        xpub.decide(tag, Upstream::Subscribe("a".into())).unwrap();
        xpub.detach(PeerId(1), &mut outlet);
        assert_eq!(told(&mut outlet), ["+a", "-a"]);
        attach(&mut xpub, &[1], &mut outlet);
        xpub.decide(tag, Upstream::Subscribe("a".into())).unwrap();
        assert_eq!(receivers(&mut xpub, "a", 0), []);
        assert_eq!(xpub.topics(), 0);
    }

    #[test]
    fn the_first_message_after_a_subscription_goes_to_that_peer_only() {
        let (mut xpub, mut outlet) =
            open(Options::new().xpub_manual(ManualSubscriptions::LastValue));
        for peer in [1, 2] {
            subscribe(&mut xpub, peer, "a", &mut outlet);
            let tag = outlet.delivered[peer as usize - 1].tag();
            xpub.decide(tag, Upstream::Subscribe("a".into())).unwrap();
        }
        let tag = outlet.delivered[0].tag();
        assert_eq!(receivers(&mut xpub, "a", tag), [1]);
        assert_eq!(receivers(&mut xpub, "b", tag), [], "it does not want that");
        assert_eq!(receivers(&mut xpub, "a", 0), [1, 2]);
        // A cancellation and what else a peer says is no reason.
        cancel(&mut xpub, 1, "a", &mut outlet);
        hear(&mut xpub, 1, Heard::Message("word".into()), &mut outlet);
        for message in &outlet.delivered[2..] {
            assert_eq!(receivers(&mut xpub, "a", message.tag()), [1, 2]);
        }
        xpub.detach(PeerId(1), &mut outlet);
        assert_eq!(receivers(&mut xpub, "a", tag), [2], "it is gone");
    }

    #[test]
    fn subscriptions_of_peers_and_of_the_user_are_limited() {
        let (mut xpub, mut outlet) = open(manual());
        let number = |number: usize| Frame::from((number as u32).to_be_bytes());
        for prefix in 0..PREFIXES_PER_PEER {
            hear(&mut xpub, 1, Heard::Subscribe(number(prefix)), &mut outlet);
        }
        let one_more = Heard::Subscribe("one more".into());
        let verdict = xpub.hear(PeerId(1), one_more, &mut outlet);
        assert_eq!(verdict, Err(Violation::TooManySubscriptions));
        let tag = outlet.delivered[0].tag();
        for prefix in 0..PREFIXES_PER_PEER {
            xpub.decide(tag, Upstream::Subscribe(number(prefix)))
                .unwrap();
        }
        let one_more = xpub.decide(tag, Upstream::Subscribe("one more".into()));
        assert_eq!(one_more, Err(SubscribeError::TooMany));
    }

    #[test]
    fn changes_of_a_peers_interest_are_reported() {
        let (mut xpub, mut outlet) = open(Options::new().xpub_no_drop(true));
        subscribe(&mut xpub, 1, "", &mut outlet);
        subscribe(&mut xpub, 2, "a", &mut outlet);
        assert_eq!(std::mem::take(&mut outlet.changed), [PeerId(1), PeerId(2)]);
        let interest = |xpub: &XPub| xpub.interest(PeerId(2)).unwrap();
        assert_eq!(interest(&xpub), Interest::Prefixes(vec!["a".into()]));
        cancel(&mut xpub, 2, "a", &mut outlet);
        assert_eq!(outlet.changed, [PeerId(2)]);
        assert_eq!(interest(&xpub), Interest::Prefixes(vec![]));
        xpub.configure(&Options::new().invert_matching(true), &mut outlet);
        subscribe(&mut xpub, 2, "b", &mut outlet);
        assert_eq!(interest(&xpub), Interest::OtherThan(vec!["b".into()]));
    }
}
