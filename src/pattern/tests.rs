//! Helpers of all patterns' tests, and the conformance kit that every pattern passes.

use super::*;

pub(super) use super::testing::{intro, Calls, Given, Heard, Random, Recorder};

pub(super) fn attach(pattern: &mut dyn Pattern, peers: &[u32], outlet: &mut Recorder) {
    for &peer in peers {
        pattern.attach(PeerId(peer), &intro(), outlet).unwrap();
    }
}

/// Every pattern, with a message from a peer that makes it deliver, and the message delivered.
fn all() -> Vec<(SocketType, Box<dyn Pattern>)> {
    SocketType::ALL
        .into_iter()
        .filter_map(|kind| pattern(kind, &Options::new(), 0).map(|pattern| (kind, pattern)))
        .collect()
}

/// Attaches a peer whose id is the first frame that the kit sends to a ROUTER or STREAM.
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

/// Subscribes `peer` to all messages that this pattern can send to it.
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

/// A message that the user may send now.
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
            // A notification that the pump sent before the detach.
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
        // As it would arrive over inproc from a socket that uses tags.
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
