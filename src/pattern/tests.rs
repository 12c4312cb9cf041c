//! What every pattern's tests need, and the conformance kit every pattern passes.

use std::collections::{HashMap, HashSet};

use super::*;

/// An outlet that writes down what it gets.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) sent: Vec<(PeerId, Message)>,
    pub(super) commands: Vec<(PeerId, Upstream)>,
    pub(super) delivered: Vec<Message>,
    pub(super) drops: Vec<(Drop, usize)>,
    /// Whose of these were.
    pub(super) missed: Vec<(PeerId, Drop, usize)>,
    /// Peers at their high-water mark.
    pub(super) full: HashSet<PeerId>,
    /// Peers whose connections are to end.
    pub(super) disconnected: Vec<PeerId>,
    /// Replies to requests with a tag.
    pub(super) answers: Vec<Message>,
    /// Tags of requests that get no reply.
    pub(super) unanswered: Vec<u64>,
    /// Names that can be sent to.
    pub(super) routes: HashSet<Frame>,
    /// What is kept for names.
    pub(super) kept: HashMap<Frame, usize>,
    /// Peers whose interest has changed.
    pub(super) changed: Vec<PeerId>,
}

impl Outlet for Recorder {
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full> {
        if self.full.contains(&peer) {
            return Err(Full);
        }
        self.sent.push((peer, std::mem::take(message)));
        Ok(())
    }

    fn command(&mut self, peer: PeerId, command: Upstream) {
        self.commands.push((peer, command));
    }

    fn dropped(&mut self, why: Drop, messages: usize) {
        self.drops.push((why, messages));
    }

    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize) {
        self.missed.push((peer, why, messages));
    }

    fn deliver(&mut self, message: Message) {
        self.delivered.push(message);
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.disconnected.push(peer);
    }

    fn unanswered(&mut self, request: u64) {
        self.unanswered.push(request);
    }

    fn route_added(&mut self, name: &Frame) {
        self.routes.insert(name.clone());
    }

    fn route_removed(&mut self, name: &Frame) {
        self.routes.remove(name);
    }

    fn kept(&mut self, name: &Frame, messages: usize) {
        self.kept.insert(name.clone(), messages);
    }

    fn interest_changed(&mut self, peer: PeerId) {
        self.changed.push(peer);
    }
}

/// What a peer sends, whatever form it had on the wire.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Message(Message),
    Subscribe(Frame),
    Cancel(Frame),
    Join(Frame),
    Leave(Frame),
}

/// A [`Verdict`] with the message that came back.
#[derive(Debug)]
pub(super) enum Given {
    Sent,
    Dropped(Drop),
    Blocked(Message),
    Refused(Message, Refusal),
}

/// A pattern's calls with messages as values, and with what came of them written down.
pub(super) trait Calls {
    fn give(&mut self, message: Message, outlet: &mut Recorder) -> Given;
    fn hear(&mut self, peer: PeerId, heard: Heard, outlet: &mut Recorder) -> Result<(), Violation>;
}

impl<P: Pattern + ?Sized> Calls for P {
    fn give(&mut self, mut message: Message, outlet: &mut Recorder) -> Given {
        let (sole, given, before) = (self.sole_peer(), message.clone(), outlet.sent.len());
        let verdict = self.submit(&mut message, outlet);
        if let Some(sole) = sole {
            match verdict {
                Verdict::Sent => assert_eq!(outlet.sent[before..], [(sole, given)]),
                Verdict::Blocked => assert!(outlet.full.contains(&sole)),
                other => panic!("not left to the sole peer: {other:?}"),
            }
        }
        match verdict {
            Verdict::Sent => Given::Sent,
            Verdict::Dropped(why) => Given::Dropped(why),
            Verdict::Blocked => Given::Blocked(message),
            Verdict::Refused(why) => Given::Refused(message, why),
        }
    }

    fn hear(&mut self, peer: PeerId, heard: Heard, outlet: &mut Recorder) -> Result<(), Violation> {
        match heard {
            Heard::Message(mut message) => {
                let (all, sent) = (self.admits_all(peer), message.clone());
                let admitted = self.admit(peer, &mut message);
                if all {
                    assert_eq!(admitted, Ok(Admission::Deliver));
                    assert_eq!(message, sent);
                }
                match admitted? {
                    Admission::Deliver => outlet.delivered.push(message),
                    Admission::Answer => outlet.answers.push(message),
                    Admission::Drop(why) => outlet.dropped(why, 1),
                }
            }
            Heard::Subscribe(prefix) => self.heed(peer, Upstream::Subscribe(prefix), outlet)?,
            Heard::Cancel(prefix) => self.heed(peer, Upstream::Cancel(prefix), outlet)?,
            Heard::Join(group) => self.heed(peer, Upstream::Join(group), outlet)?,
            Heard::Leave(group) => self.heed(peer, Upstream::Leave(group), outlet)?,
        }
        Ok(())
    }
}

impl Recorder {
    pub(super) fn take_sent(&mut self) -> Vec<(u32, Message)> {
        self.sent
            .drain(..)
            .map(|(peer, message)| (peer.0, message))
            .collect()
    }

    pub(super) fn take_commands(&mut self) -> Vec<(u32, Upstream)> {
        self.commands
            .drain(..)
            .map(|(peer, command)| (peer.0, command))
            .collect()
    }
}

/// A small generator of numbers that look random and come again with their seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }
}

pub(super) fn intro() -> PeerIntro {
    PeerIntro {
        socket_type: None,
        routing_id: Frame::empty(),
        alias: None,
        dialer: None,
    }
}

pub(super) fn attach(pattern: &mut dyn Pattern, peers: &[u32], outlet: &mut Recorder) {
    for &peer in peers {
        pattern.attach(PeerId(peer), &intro(), outlet).unwrap();
    }
}

/// Every pattern, with what a peer of it sends to make it deliver, and what that looks like.
fn all() -> Vec<(SocketType, Box<dyn Pattern>)> {
    SocketType::ALL
        .into_iter()
        .filter_map(|kind| pattern(kind, &Options::new(), 0).map(|pattern| (kind, pattern)))
        .collect()
}

/// Attaches a peer that a ROUTER or STREAM knows by the first frame of what the kit sends.
fn welcome(pattern: &mut dyn Pattern, peer: u32, outlet: &mut Recorder) {
    let name = RoutingId::new("a").unwrap();
    let reserved = pattern.reserve(Some(&name), outlet);
    let intro = PeerIntro {
        alias: reserved.is_some().then(|| "a".into()),
        ..intro()
    };
    pattern.attach(PeerId(peer), &intro, outlet).unwrap();
    pattern.release(&name, outlet);
    // Notices have their own tests.
    outlet.delivered.clear();
}

/// Makes `peer` want everything this pattern can send to it.
fn invite(kind: SocketType, pattern: &mut dyn Pattern, peer: u32, outlet: &mut Recorder) {
    if matches!(kind, SocketType::Pub | SocketType::XPub) {
        pattern
            .hear(PeerId(peer), Heard::Subscribe("".into()), outlet)
            .unwrap();
    }
    if kind == SocketType::Radio {
        pattern
            .hear(PeerId(peer), Heard::Join("a".into()), outlet)
            .unwrap();
    }
    if matches!(kind, SocketType::Rep) {
        let request = Heard::Message(["", "request"].into());
        pattern.hear(PeerId(peer), request, outlet).unwrap();
    }
}

/// A message as this type sends or receives it.
fn sample(kind: SocketType) -> Message {
    match kind {
        SocketType::Radio | SocketType::Dish => Message::to_group("a", "b"),
        _ => ["a", "", "b"].into(),
    }
}

/// A message the user may send now.
fn sendable(kind: SocketType, outlet: &mut Recorder) -> Message {
    let mut message = sample(kind);
    if let (SocketType::Server | SocketType::Peer, Some(name)) = (kind, outlet.routes.iter().next())
    {
        message = [name, &Frame::from("b")].into();
    }
    message.set_tag(outlet.delivered.pop().map_or(0, |request| request.tag()));
    message
}

#[test]
fn the_supported_types_have_a_pattern() {
    for kind in SocketType::ALL {
        assert_eq!(
            pattern(kind, &Options::new(), 0).is_some(),
            kind.is_supported(),
            "{kind}"
        );
    }
}

#[test]
fn without_peers_messages_are_kept_or_counted_as_dropped() {
    for (kind, mut pattern) in all() {
        let mut outlet = Recorder::default();
        let blocked = pattern.is_blocked();
        match pattern.give(Message::from(["a", "b"]), &mut outlet) {
            Given::Blocked(message) => {
                assert!(blocked, "{kind}");
                assert_eq!(message, Message::from(["a", "b"]), "{kind}");
            }
            Given::Refused(message, _) => assert_eq!(message, ["a", "b"].into(), "{kind}"),
            Given::Dropped(_) => assert!(!blocked, "{kind}"),
            Given::Sent => panic!("{kind} sent to no peer"),
        }
        assert!(outlet.sent.is_empty() && outlet.drops.is_empty(), "{kind}");
    }
}

#[test]
fn messages_are_sent_whole_or_not_at_all() {
    for (kind, mut pattern) in all().into_iter().filter(|(kind, _)| kind.sends()) {
        let mut outlet = Recorder::default();
        welcome(&mut *pattern, 6, &mut outlet);
        invite(kind, &mut *pattern, 6, &mut outlet);
        let message = sendable(kind, &mut outlet);
        outlet.full.insert(PeerId(6));
        match pattern.give(message.clone(), &mut outlet) {
            Given::Blocked(unsent) => {
                assert_eq!(unsent, message, "{kind}");
                assert!(pattern.is_blocked(), "{kind}");
                assert!(matches!(
                    pattern.give(message.clone(), &mut outlet),
                    Given::Blocked(_)
                ));
            }
            Given::Dropped(why) => assert_eq!(why, Drop::PeerFull, "{kind}"),
            Given::Sent => assert_eq!(outlet.drops, [(Drop::PeerFull, 1)], "{kind}"),
            Given::Refused(..) => panic!("{kind}"),
        }
        assert!(outlet.sent.is_empty(), "{kind}");

        outlet.full.clear();
        pattern.writable(PeerId(6));
        assert!(!pattern.is_blocked(), "{kind}");
        invite(kind, &mut *pattern, 6, &mut outlet);
        let message = sendable(kind, &mut outlet);
        assert!(
            matches!(pattern.give(message.clone(), &mut outlet), Given::Sent),
            "{kind}"
        );
        let sent = outlet.take_sent();
        assert_eq!(sent.len(), 1, "{kind}");
        let expected = match kind {
            SocketType::Req | SocketType::Rep => Message::from(["", "a", "", "b"]),
            SocketType::Router | SocketType::Stream => Message::from(["", "b"]),
            SocketType::Server | SocketType::Peer => "b".into(),
            _ => message.clone(),
        };
        assert_eq!(sent, [(6, expected)], "{kind}");
        if pattern.requeues() {
            let unsent = pattern.unsend(PeerId(6), sent[0].1.clone());
            assert_eq!(unsent, Some(message), "{kind}");
        }
    }
}

#[test]
fn attach_after_detach_finds_no_old_state() {
    for (kind, mut pattern) in all() {
        let mut outlet = Recorder::default();
        for round in 0..3 {
            let blocked = pattern.is_blocked();
            welcome(&mut *pattern, 6, &mut outlet);
            invite(kind, &mut *pattern, 6, &mut outlet);
            let message = sendable(kind, &mut outlet);
            let verdict = pattern.give(message.clone(), &mut outlet);
            assert_eq!(
                matches!(verdict, Given::Sent),
                kind.sends(),
                "{kind}, round {round}"
            );
            outlet.full.insert(PeerId(6));
            let _ = pattern.give(message.clone(), &mut outlet);
            outlet.full.clear();
            pattern.detach(PeerId(6), &mut outlet);
            // Word from the pump that crossed the detach.
            pattern.writable(PeerId(6));
            assert_eq!(pattern.is_blocked(), blocked, "{kind}, round {round}");
            outlet.sent.clear();
            let _ = pattern.give(message, &mut outlet);
            assert!(outlet.sent.is_empty(), "{kind} sent to a peer that left");
            outlet = Recorder::default();
        }
    }
}

#[test]
fn messages_from_peers_are_delivered_whole() {
    for (kind, mut pattern) in all().into_iter().filter(|(kind, _)| kind.receives()) {
        let mut outlet = Recorder::default();
        welcome(&mut *pattern, 6, &mut outlet);
        pattern.subscribe("".into(), &mut outlet);
        if kind == SocketType::Dish {
            pattern.join("a".into(), &mut outlet).unwrap();
        }
        if kind == SocketType::Req {
            let _ = pattern.give("request".into(), &mut outlet);
        }
        let mut message = match kind {
            SocketType::Req | SocketType::Rep => Message::from(["", "a", "", "b"]),
            kind if kind.takes_one_frame() => "a".into(),
            _ => sample(kind),
        };
        // As it would come over inproc from a socket that uses tags.
        message.set_tag(77);
        pattern
            .hear(PeerId(6), Heard::Message(message), &mut outlet)
            .unwrap();
        let expected = match kind {
            SocketType::Router | SocketType::Stream => Message::from(["a", "a", "", "b"]),
            SocketType::Server | SocketType::Peer => Message::from([&[0, 0, 0, 1], &b"a"[..]]),
            kind if kind.takes_one_frame() => "a".into(),
            _ => sample(kind),
        };
        assert_eq!(outlet.delivered, [expected], "{kind}");
        assert_ne!(outlet.delivered[0].tag(), 77, "{kind}");
    }
}

#[test]
fn single_frame_types_skip_multipart_messages_whole() {
    for (kind, mut pattern) in all()
        .into_iter()
        .filter(|(kind, _)| kind.receives() && kind.takes_one_frame())
    {
        let mut outlet = Recorder::default();
        welcome(&mut *pattern, 6, &mut outlet);
        for message in [Message::from(["a", "b"]), ["a", "", "c"].into(), "d".into()] {
            let heard = Heard::Message(message);
            assert_eq!(
                pattern.hear(PeerId(6), heard, &mut outlet),
                Ok(()),
                "{kind}"
            );
        }
        assert_eq!(outlet.drops, [(Drop::Multipart, 1); 2], "{kind}");
        assert_eq!(outlet.delivered.len(), 1, "{kind}");
        assert_eq!(outlet.delivered[0].iter().last().unwrap(), "d", "{kind}");
    }
}

#[test]
fn types_that_do_not_publish_ignore_subscriptions() {
    for (kind, mut pattern) in all() {
        let mut outlet = Recorder::default();
        welcome(&mut *pattern, 6, &mut outlet);
        for inbound in [
            Heard::Subscribe("a".into()),
            Heard::Cancel("a".into()),
            Heard::Join("a".into()),
            Heard::Leave("a".into()),
        ] {
            assert_eq!(
                pattern.hear(PeerId(6), inbound, &mut outlet),
                Ok(()),
                "{kind}"
            );
        }
        assert!(
            (outlet.delivered.is_empty() || kind == SocketType::XPub) && outlet.drops.is_empty(),
            "{kind}"
        );
    }
}

#[test]
fn types_that_drop_buffer_per_peer_and_types_that_block_requeue() {
    for (kind, pattern) in all() {
        use SocketType::{Channel, Client, Peer, Scatter, Server, Stream};
        use SocketType::{Dealer, Pair, Pub, Push, Radio, Rep, Req, Router, XPub, XSub};
        let drops = matches!(
            kind,
            Pub | XPub | Radio | Rep | Router | XSub | Server | Peer | Stream
        );
        let blocks = matches!(
            kind,
            Push | Pair | Req | Dealer | Client | Scatter | Channel
        );
        assert_eq!(pattern.buffers_per_peer(), drops, "{kind}");
        assert_eq!(pattern.requeues(), blocks, "{kind}");
        assert_eq!(pattern.is_blocked(), blocks, "{kind} without peers");
    }
}
