//! PUB: a copy to each peer that subscribed to it (RFC 29).

use crate::error::Refusal;
use crate::message::Message;
use crate::options::Options;

use super::fan_out::send_copies;
use super::topics::{Removal, Topics};
use super::{
    Admission, Drop, Interest, Outlet, Pattern, PeerId, PeerIntro, Rejected, Upstream, Verdict,
    Violation,
};

#[derive(Default)]
pub(super) struct Publish {
    topics: Topics,
    /// Attached peers, with subscriptions or without.
    peers: Vec<PeerId>,
    /// Who gets the message at hand; kept for its memory.
    matched: Vec<PeerId>,
    /// Messages go to those who did not ask for them.
    inverted: bool,
    /// What each new peer is sent first.
    welcome: Option<Message>,
}

impl Publish {
    pub(super) fn new(options: &Options) -> Self {
        Publish {
            inverted: options.publishing.invert_matching,
            welcome: options.publishing.xpub_welcome.clone(),
            ..Publish::default()
        }
    }

    /// Says whether the peer is the first who wants this.
    pub(super) fn insert(&mut self, prefix: &[u8], peer: PeerId) -> Result<bool, Violation> {
        self.topics.insert(prefix, peer)
    }

    pub(super) fn remove(&mut self, prefix: &[u8], peer: PeerId) -> Removal {
        self.topics.remove(prefix, peer)
    }

    /// Forgets a peer; calls back with each prefix it held, and whether it was the last to.
    pub(super) fn forget(&mut self, peer: PeerId, lost: impl FnMut(&[u8], bool)) {
        if let Some(place) = self.peers.iter().position(|&other| other == peer) {
            self.peers.swap_remove(place);
        }
        self.topics.remove_peer(peer, lost);
    }

    /// Sends a message to all who want it, or if `only` names a peer, to that one alone.
    pub(super) fn publish(
        &mut self,
        message: &mut Message,
        only: Option<PeerId>,
        outlet: &mut dyn Outlet,
    ) -> Verdict {
        let Some(topic) = message.first() else {
            return Verdict::Refused(Refusal::NoFrames);
        };
        self.matched.clear();
        self.topics
            .for_each_match(topic, |peer| self.matched.push(peer));
        if self.inverted {
            self.matched.sort_unstable();
            let others = self.peers.iter().copied();
            self.matched = others
                .filter(|peer| self.matched.binary_search(peer).is_err())
                .collect();
        }
        if let Some(only) = only {
            self.matched.retain(|&peer| peer == only);
        }
        if self.peers.is_empty() {
            return Verdict::Dropped(Drop::NoPeer);
        }
        send_copies(&self.matched, message, outlet)
    }
}

impl Pattern for Publish {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.peers.push(peer);
        if let Some(welcome) = &self.welcome {
            // A new peer has room.
            let _ = outlet.send(peer, &mut welcome.clone());
        }
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.forget(peer, |_, _| {});
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
            Upstream::Subscribe(prefix) => {
                self.insert(&prefix, peer)?;
                outlet.interest_changed(peer);
            }
            Upstream::Cancel(prefix) => {
                self.remove(&prefix, peer);
                outlet.interest_changed(peer);
            }
            Upstream::Join(_) | Upstream::Leave(_) => {}
        }
        Ok(())
    }

    /// A subscriber at its high-water mark misses the message, and the outlet counts that. What
    /// no peer subscribed to is dropped as a whole.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        self.publish(message, None, outlet)
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn interest(&self, peer: PeerId) -> Option<Interest> {
        let prefixes = self.topics.held_by(peer);
        Some(match self.inverted {
            true => Interest::OtherThan(prefixes),
            false => Interest::Prefixes(prefixes),
        })
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.inverted = options.publishing.invert_matching;
        self.welcome.clone_from(&options.publishing.xpub_welcome);
    }

    fn subscribers(&self) -> usize {
        self.topics.holders()
    }

    fn topics(&self) -> usize {
        self.topics.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::super::topics::{PREFIXES_PER_PEER, PREFIX_BYTES_PER_PEER};
    use super::*;
    use crate::message::Frame;

    fn subscribe(publish: &mut Publish, peer: u32, prefix: impl Into<Frame>) {
        let inbound = Heard::Subscribe(prefix.into());
        publish
            .hear(PeerId(peer), inbound, &mut Recorder::default())
            .unwrap();
    }

    fn cancel(publish: &mut Publish, peer: u32, prefix: impl Into<Frame>) {
        let inbound = Heard::Cancel(prefix.into());
        publish
            .hear(PeerId(peer), inbound, &mut Recorder::default())
            .unwrap();
    }

    /// Who gets a message, in order of peers.
    fn receivers(publish: &mut Publish, message: impl Into<Message>) -> Vec<u32> {
        let message = message.into();
        let mut outlet = Recorder::default();
        let verdict = publish.give(message.clone(), &mut outlet);
        assert_eq!(matches!(verdict, Given::Sent), !outlet.sent.is_empty());
        assert!(outlet.drops.is_empty());
        let mut peers = Vec::new();
        for (peer, sent) in outlet.take_sent() {
            assert_eq!(sent, message, "whole");
            peers.push(peer);
        }
        peers.sort_unstable();
        peers
    }

    #[test]
    fn each_subscriber_receives_matching_messages_once() {
        let mut publish = Publish::default();
        attach(&mut publish, &[1, 2, 3, 4], &mut Recorder::default());
        subscribe(&mut publish, 1, "");
        subscribe(&mut publish, 1, "a");
        subscribe(&mut publish, 2, "a");
        subscribe(&mut publish, 2, "ab");
        subscribe(&mut publish, 3, [0, 255]);
        assert_eq!(receivers(&mut publish, ["abc", "", "body"]), [1, 2]);
        assert_eq!(receivers(&mut publish, ["", "abc"]), [1]);
        assert_eq!(receivers(&mut publish, [0, 255, 0]), [1, 3]);
        assert_eq!(receivers(&mut publish, [0]), [1]);
    }

    #[test]
    fn repeated_subscriptions_count_once() {
        let mut publish = Publish::default();
        attach(&mut publish, &[1], &mut Recorder::default());
        subscribe(&mut publish, 1, "a");
        subscribe(&mut publish, 1, "a");
        cancel(&mut publish, 1, "a");
        assert_eq!(receivers(&mut publish, "a"), []);
        cancel(&mut publish, 1, "a");
        cancel(&mut publish, 1, "never");
        subscribe(&mut publish, 1, "a");
        assert_eq!(receivers(&mut publish, "a"), [1]);
    }

    #[test]
    fn only_a_full_subscriber_misses_a_message() {
        let mut outlet = Recorder::default();
        let mut publish = Publish::default();
        attach(&mut publish, &[1, 2, 3], &mut outlet);
        (1..=3).for_each(|peer| subscribe(&mut publish, peer, "a"));
        for full in 1..=3 {
            outlet.full.insert(PeerId(full));
            assert!(matches!(publish.give("a".into(), &mut outlet), Given::Sent));
            assert_eq!(outlet.take_sent().len(), 3 - full as usize);
            assert_eq!(outlet.drops.pop(), Some((Drop::PeerFull, full as usize)));
        }
        outlet.full.clear();
        assert_eq!(receivers(&mut publish, "a"), [1, 2, 3]);
    }

    #[test]
    fn unmatched_messages_are_dropped() {
        let mut outlet = Recorder::default();
        let mut publish = Publish::default();
        let verdict = publish.give("a".into(), &mut outlet);
        assert!(matches!(verdict, Given::Dropped(Drop::NoPeer)));
        attach(&mut publish, &[1], &mut outlet);
        let verdict = publish.give("a".into(), &mut outlet);
        assert!(matches!(verdict, Given::Dropped(Drop::Unmatched)));
        let verdict = publish.give(Message::new(), &mut outlet);
        assert!(matches!(verdict, Given::Refused(_, Refusal::NoFrames)));
        assert!(outlet.drops.is_empty());
    }

    #[test]
    fn messages_from_subscribers_are_dropped() {
        let mut outlet = Recorder::default();
        let mut publish = Publish::default();
        attach(&mut publish, &[1], &mut outlet);
        publish
            .hear(PeerId(1), Heard::Message("a".into()), &mut outlet)
            .unwrap();
        assert_eq!(outlet.drops, [(Drop::Unasked, 1)]);
        assert!(outlet.delivered.is_empty());
    }

    #[test]
    fn a_reused_slot_has_no_subscriptions() {
        let mut outlet = Recorder::default();
        let mut publish = Publish::default();
        attach(&mut publish, &[1, 2], &mut outlet);
        subscribe(&mut publish, 1, "");
        subscribe(&mut publish, 2, "");
        publish.detach(PeerId(1), &mut outlet);
        assert_eq!(receivers(&mut publish, "a"), [2]);
        attach(&mut publish, &[1], &mut outlet);
        assert_eq!(receivers(&mut publish, "a"), [2]);
        subscribe(&mut publish, 1, "b");
        assert_eq!(receivers(&mut publish, "a"), [2]);
        assert_eq!(receivers(&mut publish, "b"), [1, 2]);
    }

    #[test]
    fn subscriptions_per_peer_are_limited() {
        let mut outlet = Recorder::default();
        let mut publish = Publish::default();
        attach(&mut publish, &[1, 2], &mut outlet);
        for prefix in 0..PREFIXES_PER_PEER {
            subscribe(&mut publish, 1, (prefix as u32).to_be_bytes());
        }
        let one_more = Heard::Subscribe("one more".into());
        let verdict = publish.hear(PeerId(1), one_more.clone(), &mut outlet);
        assert_eq!(verdict, Err(Violation::TooManySubscriptions));
        // Again what it holds is nothing new, and others have their own limits.
        subscribe(&mut publish, 1, 0u32.to_be_bytes());
        subscribe(&mut publish, 2, "one more");
        publish.detach(PeerId(1), &mut outlet);
        assert_eq!(receivers(&mut publish, "one more"), [2]);
        assert_eq!(receivers(&mut publish, 0u32.to_be_bytes()), []);

        attach(&mut publish, &[1], &mut outlet);
        subscribe(&mut publish, 1, vec![1; PREFIX_BYTES_PER_PEER - 7]);
        let verdict = publish.hear(PeerId(1), one_more, &mut outlet);
        assert_eq!(verdict, Err(Violation::TooManySubscriptions));
    }
}
