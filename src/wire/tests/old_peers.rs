//! Peers of ZMTP 2.0 (RFC 15) and 1.0 (RFC 13).

use super::sending::big;
use super::*;

/// RFC 15, Formal Grammar: a whole greeting, and an empty identity.
fn zmtp2(socket_type: u8, rest: &[&[u8]]) -> Vec<u8> {
    let greeting = [&b"\xff\0\0\0\0\0\0\0\x01\x7f\x01"[..], &[socket_type]].concat();
    [&greeting, &b"\0\0"[..], &rest.concat()].concat()
}

/// RFC 13, Full ZMTP Grammar: `identity` and then frames.
fn zmtp1(identity: &[u8], rest: &[&[u8]]) -> Vec<u8> {
    [&old_frame(0, identity)[..], &rest.concat()].concat()
}

/// A frame of ZMTP 1.0, with a header made by hand.
fn old_frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 1;
    let mut bytes = match length {
        1..=254 => vec![length as u8],
        _ => [&[0xff][..], &(length as u64).to_be_bytes()].concat(),
    };
    bytes.push(flags);
    bytes.extend_from_slice(body);
    bytes
}

fn met(config: Config, bytes: &[u8]) -> Introduction {
    match events_of(config, bytes).into_iter().next() {
        Some(Event::Ready(peer)) => *peer,
        other => panic!("{other:?}"),
    }
}

fn meet(config: Config, bytes: &[u8]) -> Connection {
    let now = Instant::now();
    let mut connection = Connection::new(Arc::new(config), Opening::Null, now);
    let events = feed(&mut connection, bytes, now);
    assert!(matches!(events[0], Event::Ready(_)), "{events:?}");
    drain(&mut connection, usize::MAX);
    connection
}

fn named(socket_type: SocketType, routing_id: &[u8]) -> Config {
    Config {
        routing_id: routing_id.to_vec(),
        ..config(socket_type)
    }
}

const PUSH: u8 = 8;

// ZMTP 2.0: from the greeting to the identities.

#[test]
fn the_greeting_of_2_0_is_sent_in_steps() {
    let now = Instant::now();
    let said_to = |config: Config, theirs: &[u8]| {
        let mut ours = Connection::new(Arc::new(config), Opening::Null, now);
        let mut said = vec![drain(&mut ours, 99).0];
        for byte in theirs {
            feed(&mut ours, &[*byte], now);
            said.push(drain(&mut ours, 99).0);
        }
        (said, ours.is_ready())
    };
    for (socket_type, theirs, number) in [
        (SocketType::Dealer, 4, 5),
        (SocketType::XPub, 2, 1),
        (SocketType::XSub, 9, 2),
        (SocketType::Pull, 8, 7),
    ] {
        let whole = zmtp2(theirs, &[]);
        let (said, is_ready) = said_to(named(socket_type, b"abc"), &whole);
        // Only peers that may route by it receive the socket's identity, and its length.
        let identity: &[u8] = match socket_type {
            SocketType::Dealer => b"abc",
            _ => b"",
        };
        let length = identity.len() as u8;
        let signature = [0xff, 0, 0, 0, 0, 0, 0, 0, length + 1, 0x7f];
        assert_eq!(said[0], signature, "{socket_type}");
        assert_eq!(said[10], [3]);
        assert_eq!(said[12], [&[number, 0, length], identity].concat());
        let rest = [1..10, 11..12, 13..whole.len() + 1];
        assert!(rest.into_iter().flatten().all(|at| said[at].is_empty()));
        assert!(is_ready);
        // RFC 37, Backwards Interoperability: revision 2 means the same.
        let mut whole = whole;
        whole[10] = 2;
        assert_eq!(said_to(named(socket_type, b"abc"), &whole), (said, true));
    }
}

#[test]
fn a_peer_of_2_0_is_reported_as_it_announced_itself() {
    let mut bytes = zmtp2(3, &[]);
    assert_eq!(
        met(config(SocketType::Router), &bytes),
        Introduction {
            socket_type: Some(SocketType::Req),
            version: (2, 0),
            ..Introduction::default()
        }
    );
    let identity = |bytes: &mut Vec<u8>, identity: &[u8]| {
        bytes.truncate(12);
        bytes.extend(frame(0, identity));
    };
    for length in [1, 254, 255] {
        identity(&mut bytes, &vec![b'i'; length]);
        let peer = met(config(SocketType::Router), &bytes);
        assert_eq!(peer.identity, vec![b'i'; length]);
    }
    // Peers may not choose an identity that starts with zero.
    identity(&mut bytes, &[0, 1, 2]);
    assert_eq!(met(config(SocketType::Router), &bytes).identity.len(), 0);
    identity(&mut bytes, &[b'i'; 256]);
    let reason = CloseReason::IdentityTooLong { bytes: 256 };
    let events = events_of(config(SocketType::Router), &bytes);
    assert_eq!(events, [Event::Closed(reason)]);
}

#[test]
fn socket_types_of_2_0_are_compared_by_number() {
    let ours = SocketType::ALL.into_iter().take(11);
    for ours in ours {
        for number in 0..=12 {
            let events = events_of(config(ours), &zmtp2(number, &[]));
            let theirs = SocketType::ALL.get(usize::from(number));
            let theirs = theirs.filter(|_| number < 11);
            match theirs.filter(|theirs| ours.accepts(**theirs)) {
                Some(theirs) => match &events[0] {
                    Event::Ready(peer) => assert_eq!(peer.socket_type, Some(*theirs)),
                    other => panic!("{ours}, {number}: {other:?}"),
                },
                None => {
                    let theirs = match theirs {
                        Some(theirs) => theirs.name().to_string(),
                        None => format!("number {number}"),
                    };
                    let reason = CloseReason::IncompatibleSocketType { ours, theirs };
                    assert!(reason.is_incompatible());
                    assert_eq!(events, [Event::Closed(reason)]);
                }
            }
        }
    }
    // Immediately, and without any command, which the peer would not understand.
    let now = Instant::now();
    let mut pull = Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, now);
    let events = feed(&mut pull, &zmtp2(1, &[])[..12], now);
    assert_eq!(events.len(), 1);
    assert_eq!(drain(&mut pull, 99).0, b"\xff\0\0\0\0\0\0\0\x01\x7f\x03");
}

// ZMTP 2.0: traffic.

#[test]
fn messages_of_2_0_are_those_of_3() {
    let long = vec![7; 300];
    let rest = [
        frame(0, b"hello"),
        frame(0, b""),
        frame(1, b"a"),
        frame(1, &long),
        frame(0, b"c"),
        b"\x02\0\0\0\0\0\0\0\x03abc".to_vec(),
    ];
    let rest: Vec<_> = rest.iter().map(Vec::as_slice).collect();
    let events = traffic_of(config(SocketType::Pull), &zmtp2(PUSH, &rest));
    let expected = [
        message(&[b"hello"]),
        message(&[b""]),
        message(&[b"a", &long, b"c"]),
        message(&[b"abc"]),
    ];
    assert_eq!(events, expected);

    let mut push = meet(config(SocketType::Push), &zmtp2(7, &[]));
    push.send(Message::from("x"));
    push.send(Message::from([long.clone(), vec![]]));
    push.greet(&Message::from("hi"));
    let expected = [
        frame(0, b"x"),
        frame(1, &long),
        frame(0, b""),
        frame(0, b"hi"),
    ]
    .concat();
    assert_eq!(drain(&mut push, 99), (expected, 2));
}

#[test]
fn subscriptions_of_2_0_are_messages_in_both_directions() {
    let rest: [&[u8]; 3] = [b"\0\x02\x01A", b"\0\x02\0A", b"\0\x01\x01"];
    let topic = |topic: &str| Frame::from(topic);
    for (theirs, ours) in [(2, SocketType::Pub), (10, SocketType::XPub)] {
        assert_eq!(
            traffic_of(config(ours), &zmtp2(theirs, &rest)),
            [
                Event::Subscribe(topic("A")),
                Event::Cancel(topic("A")),
                Event::Subscribe(topic("")),
            ]
        );
    }
    let mut sub = meet(config(SocketType::Sub), &zmtp2(1, &[]));
    sub.subscribe(b"A");
    sub.cancel(b"A");
    sub.subscribe(&[7; 255]);
    let expected = [frame(0, b"\x01A"), frame(0, b"\0A")].concat();
    let long = frame(0, &[&[1][..], &[7; 255]].concat());
    assert_eq!(drain(&mut sub, 999).0, [expected, long].concat());
}

#[test]
fn commands_and_reserved_flags_are_malformed_in_2_0() {
    let whole = zmtp2(PUSH, &[]);
    for wrong in [
        &b"\x04\x07\x04PING\0\0"[..],
        b"\x04\x0a\x05ERROR\x03400",
        b"\x06\0\0\0\0\0\0\0\x01\0",
        b"\x08\0",
        b"\x05\0",
    ] {
        for at in [12, 14] {
            let bytes = [&whole[..at], wrong].concat();
            let events = events_of(config(SocketType::Pull), &bytes);
            let reason = closed_by(&events);
            assert!(matches!(reason, CloseReason::MalformedFrame(_)), "{reason}");
            assert_eq!(events.len(), if at == 12 { 1 } else { 2 });
        }
    }
    // RFC 15, Formal Grammar: identities are final frames.
    let bytes = [&whole[..12], b"\x01\0"].concat();
    let events = events_of(config(SocketType::Pull), &bytes);
    assert!(matches!(
        events[..],
        [Event::Closed(CloseReason::MalformedFrame(_))]
    ));
}

// ZMTP 1.0.

#[test]
fn the_signature_is_the_header_of_the_identity_frame() {
    let now = Instant::now();
    for (socket_type, routing_id, identity) in [
        (SocketType::Dealer, "", ""),
        (SocketType::Dealer, "abc", "abc"),
        (SocketType::Push, "abc", ""),
    ] {
        let config = named(socket_type, routing_id.as_bytes());
        let mut ours = Connection::new(Arc::new(config), Opening::Null, now);
        let signature = drain(&mut ours, 99).0;
        let length = identity.len() as u8 + 1;
        assert_eq!(signature, [0xff, 0, 0, 0, 0, 0, 0, 0, length, 0x7f]);
        assert_eq!(feed(&mut ours, b"\x01", now), []);
        assert!(!ours.has_transmit());
        let events = feed(&mut ours, b"\0", now);
        assert_eq!(events.len(), 1);
        assert_eq!(drain(&mut ours, 99).0, identity.as_bytes());
        ours.send(Message::from(["a", ""]));
        assert_eq!(drain(&mut ours, 99).0, b"\x02\x01a\x01\0");
    }
}

#[test]
fn identities_of_1_0_have_short_or_long_lengths() {
    let long = |length: u64, body: &[u8]| [b"\xff", &length.to_be_bytes()[..], &[0], body].concat();
    for (bytes, identity) in [
        (zmtp1(b"", &[]), &b""[..]),
        (zmtp1(b"me", &[]), b"me"),
        (zmtp1(&[b'i'; 253], &[]), &[b'i'; 253]),
        (zmtp1(&[b'i'; 254], &[]), &[b'i'; 254]),
        (zmtp1(&[b'i'; 255], &[]), &[b'i'; 255]),
        (zmtp1(&[0, 1, 2], &[]), b""),
        (long(1, b""), b""),
        (long(3, b"me"), b"me"),
    ] {
        let peer = met(config(SocketType::Router), &bytes);
        let expected = Introduction {
            identity: identity.into(),
            version: (1, 0),
            ..Introduction::default()
        };
        assert_eq!(peer, expected);
    }
    for (announced, bytes) in [(257, 256), (u64::MAX, usize::MAX - 1)] {
        let events = events_of(config(SocketType::Router), &long(announced, b""));
        let reason = CloseReason::IdentityTooLong { bytes };
        assert_eq!(events, [Event::Closed(reason)]);
    }
    let events = events_of(config(SocketType::Router), &long(0, b""));
    assert!(matches!(
        events[..],
        [Event::Closed(CloseReason::MalformedFrame(_))]
    ));
}

#[test]
fn messages_of_1_0_are_decoded() {
    let rest = [
        old_frame(0, b"hello"),
        old_frame(0, b""),
        // Flags that mean nothing.
        old_frame(0xff, b"a"),
        old_frame(1, &[7; 253]),
        old_frame(1, &[7; 254]),
        old_frame(0xfe, b"c"),
        b"\xff\0\0\0\0\0\0\0\x04\0abc".to_vec(),
        old_frame(0, &[9; 40_000]),
        old_frame(0, b"end"),
    ];
    let rest: Vec<_> = rest.iter().map(Vec::as_slice).collect();
    let events = traffic_of(config(SocketType::Pull), &zmtp1(b"me", &rest));
    let expected = [
        message(&[b"hello"]),
        message(&[b""]),
        message(&[b"a", &[7; 253], &[7; 254], b"c"]),
        message(&[b"abc"]),
        message(&[&[9; 40_000]]),
        message(&[b"end"]),
    ];
    assert_eq!(events, expected);
}

#[test]
fn messages_are_written_as_frames_of_1_0_in_pieces_of_any_size() {
    for at_most in [1, 2, 7, 1000, 70_000, usize::MAX] {
        let mut push = meet(config(SocketType::Push), &zmtp1(b"", &[]));
        let mut expected = Vec::new();
        for size in [0, 1, 70, 71, 253, 254, 255, 4095, 4096, 100_000] {
            let body = vec![size as u8; size];
            push.send(Message::from(body.clone()));
            expected.extend(old_frame(0, &body));
        }
        push.send(Message::from([big(1), vec![], big(2), vec![3]]));
        for (flags, body) in [(1, big(1)), (1, vec![]), (1, big(2)), (0, vec![3])] {
            expected.extend(old_frame(flags, &body));
        }
        push.greet(&Message::from(["hi", ""]));
        expected.extend([old_frame(1, b"hi"), old_frame(0, b"")].concat());
        assert_eq!(push.staged_bytes(), expected.len());
        let (bytes, messages) = drain(&mut push, at_most);
        assert!(bytes == expected, "at most {at_most}");
        assert_eq!(messages, 11);
    }
}

#[test]
fn unwritten_messages_of_1_0_are_returned() {
    let messages = [
        Message::from("first"),
        Message::from(["a", "b", "c"]),
        Message::from(big(1)),
        Message::from([vec![1], big(2), vec![], vec![9; 300]]),
        Message::from("last"),
    ];
    // This end's identity, too, may still be unwritten.
    let new = || {
        let now = Instant::now();
        let config = Arc::new(named(SocketType::Dealer, b"abc"));
        let mut dealer = Connection::new(config, Opening::Null, now);
        feed(&mut dealer, b"\x01\0", now);
        let mut ends = Vec::new();
        for message in &messages {
            dealer.greet(&Message::from("hi"));
            let start = dealer.staged_bytes();
            dealer.send(message);
            ends.push((start, dealer.staged_bytes()));
        }
        (dealer, ends)
    };
    let (whole, ends) = new();
    for written in 0..=whole.staged_bytes() {
        let (mut dealer, _) = new();
        let mut counted = dealer.transmitted(written / 2);
        counted += dealer.count_written();
        counted += dealer.transmitted(written - written / 2);
        counted += dealer.count_written();
        let whole = ends.iter().filter(|(_, end)| *end <= written).count();
        assert_eq!(counted, whole, "{written} written");
        let begun = ends.iter().filter(|(start, _)| *start < written).count();
        assert_eq!(dealer.take_unsent(), messages[begun..], "{written} written");
        assert_eq!(dealer.staged_bytes(), 0);
    }
    // Messages sent too late to be written at all.
    let (mut dealer, _) = new();
    feed(&mut dealer, b"\0", Instant::now());
    assert!(dealer.is_closed());
    dealer.send(Message::from("late"));
    let unsent = dealer.take_unsent();
    assert_eq!(unsent.len(), messages.len() + 1);
    assert_eq!(unsent.last(), Some(&Message::from("late")));
}

#[test]
fn subscribers_of_1_0_receive_everything_and_send_no_subscriptions() {
    for ours in [SocketType::Pub, SocketType::XPub] {
        let events = traffic_of(config(ours), &zmtp1(b"me", &[]));
        assert_eq!(events, [Event::Subscribe(Frame::empty())]);
    }
    let events = traffic_of(config(SocketType::Push), &zmtp1(b"", &[]));
    assert_eq!(events, []);
    let mut sub = meet(config(SocketType::Sub), &zmtp1(b"", &[]));
    sub.subscribe(b"A");
    sub.cancel(b"A");
    assert!(!sub.has_transmit());
    // Subscriptions from drafts of subscribers that do send them are accepted.
    let rest = [
        old_frame(0, b"\x01A"),
        old_frame(0, b"\0A"),
        old_frame(0, b"x"),
    ]
    .concat();
    let events = traffic_of(config(SocketType::XPub), &zmtp1(b"", &[&rest]));
    assert_eq!(
        events[1..],
        [
            Event::Subscribe(Frame::from("A")),
            Event::Cancel(Frame::from("A")),
            message(&[b"x"]),
        ]
    );
}

#[test]
fn a_greeting_of_2_0_with_frames_of_1_0_is_accepted() {
    let script = |number: u8, rest: &[&[u8]]| {
        let greeting = [&b"\xff\0\0\0\0\0\0\0\x01\x7f\0"[..], &[number]].concat();
        [greeting, zmtp1(b"me", rest)].concat()
    };
    let bytes = script(5, &[&old_frame(1, b"a"), &old_frame(0, b"b")]);
    let events = events_of(config(SocketType::Dealer), &bytes);
    let peer = Introduction {
        socket_type: Some(SocketType::Dealer),
        identity: "me".into(),
        version: (1, 0),
        ..Introduction::default()
    };
    assert_eq!(
        events,
        [Event::Ready(Box::new(peer)), message(&[b"a", b"b"])]
    );
    let now = Instant::now();
    let config = named(SocketType::Dealer, b"abc");
    let mut dealer = Connection::new(Arc::new(config), Opening::Null, now);
    feed(&mut dealer, &bytes, now);
    dealer.send(Message::from("x"));
    let said = drain(&mut dealer, 99).0;
    assert_eq!(said[10..], *b"\x03\x05\x04\0abc\x02\0x");
    // These do forward subscriptions.
    let mut sub = meet(super::config(SocketType::Sub), &script(1, &[]));
    sub.subscribe(b"A");
    assert_eq!(drain(&mut sub, 99).0, b"\x03\0\x01A");
    let events = traffic_of(super::config(SocketType::Pub), &script(2, &[]));
    assert_eq!(events, []);
}

// Types that are not accepted.

#[test]
fn other_protocols_are_refused_at_the_first_wrong_byte() {
    let now = Instant::now();
    for (bytes, wrong_at) in [
        (&b"GET / HTTP/1.1\r\n"[..], 1),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 1),
        (b"\x16\x03\x01\x02\0", 1),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", 0),
        (b"\xfe\x01", 1),
        (b"\xff12345678\x02", 9),
    ] {
        let mut connection =
            Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, now);
        assert_eq!(feed(&mut connection, &bytes[..wrong_at], now), []);
        let events = feed(&mut connection, &bytes[wrong_at..=wrong_at], now);
        let byte = bytes[wrong_at];
        let offset = wrong_at;
        assert_eq!(
            events,
            [Event::Closed(CloseReason::NotZmtp { byte, offset })]
        );
        events_of(config(SocketType::Pull), bytes);
    }
}

#[test]
fn old_peers_are_refused_when_security_is_required() {
    let plain = Security::plain_client("admin", "secret");
    let refusing = [
        Config {
            security: Security::PlainServer,
            ..config(SocketType::Pull)
        },
        Config {
            security: plain,
            ..config(SocketType::Pull)
        },
        Config {
            authenticates: true,
            zap_domain: "global".into(),
            ..config(SocketType::Pull)
        },
    ];
    for config in refusing {
        for (bytes, major) in [
            (&b"\x01\0"[..], 1),
            (b"\x03\0", 1),
            (b"\xff\0\0\0\0\0\0\0\x01\0", 1),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\0", 1),
            (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01", 2),
        ] {
            let events = events_of(config.clone(), bytes);
            let reason = CloseReason::InsecureVersion { major, minor: 0 };
            assert!(reason.is_incompatible());
            assert_eq!(events, [Event::Closed(reason)]);
        }
    }
}

#[test]
fn newer_socket_types_refuse_old_peers() {
    for ours in SocketType::ALL.into_iter().skip(12) {
        for (bytes, major) in [(zmtp1(b"", &[]), 1), (zmtp2(0, &[]), 2)] {
            let events = events_of(config(ours), &bytes);
            let reason = CloseReason::UnsupportedVersion {
                major,
                minor: 0,
                ours,
            };
            assert!(reason.is_incompatible());
            assert_eq!(events, [Event::Closed(reason)]);
        }
    }
}

// Limits.

#[test]
fn old_peers_obey_the_limits() {
    let limited = |limit| Config {
        max_frame_size: Some(limit),
        ..config(SocketType::Pull)
    };
    let scripts = |body: &[u8]| {
        [
            zmtp1(b"", &[&old_frame(0, body)]),
            zmtp2(PUSH, &[&frame(0, body)]),
        ]
    };
    for bytes in scripts(&[7; 10]) {
        assert_eq!(
            traffic_of(limited(10), &bytes),
            [message(&[&[7; 10]])],
            "as much as may be"
        );
        let reason = CloseReason::FrameTooLarge {
            announced: 10,
            limit: 9,
        };
        assert_eq!(traffic_of(limited(9), &bytes), [Event::Closed(reason)]);
    }
    // Like a READY, an identity is a frame like any other.
    for bytes in [zmtp1(b"abcd", &[]), {
        let mut bytes = zmtp2(PUSH, &[]);
        bytes.splice(12.., *b"\0\x04abcd");
        bytes
    }] {
        let reason = CloseReason::FrameTooLarge {
            announced: 4,
            limit: 3,
        };
        assert_eq!(events_of(limited(3), &bytes), [Event::Closed(reason)]);
        assert_eq!(events_of(limited(4), &bytes).len(), 1);
    }
    for zero in [&b"\0"[..], b"\xff\0\0\0\0\0\0\0\0"] {
        let events = traffic_of(config(SocketType::Pull), &zmtp1(b"", &[b"\x02\0x", zero]));
        assert!(matches!(
            events[..],
            [
                Event::Message(_),
                Event::Closed(CloseReason::MalformedFrame(_))
            ]
        ));
    }
}

#[test]
fn endless_messages_of_1_0_end_the_connection() {
    let now = Instant::now();
    let mut connection = meet(config(SocketType::Pull), &zmtp1(b"", &[]));
    let many = b"\x01\x01".repeat(1 << 20);
    assert_eq!(feed(&mut connection, &many, now), []);
    let events = feed(&mut connection, b"\x01\0", now);
    let reason = CloseReason::TooManyFrames { limit: 1 << 20 };
    assert_eq!(events, [Event::Closed(reason)]);
}

#[test]
fn memory_grows_with_received_bytes_of_old_peers_too() {
    let now = Instant::now();
    for whole in [
        zmtp1(b"", &[b"\xff\0\0\x40\0\0\0\0\0\0"]),
        zmtp2(PUSH, &[b"\x02\0\0\x40\0\0\0\0\0"]),
    ] {
        let mut connection = meet(config(SocketType::Pull), &whole);
        let mut arrived = whole.len();
        while arrived < 1_000_000 {
            connection.recv_slice()[0] = 1;
            let capacity = connection.capacity();
            assert!(capacity <= 72 * 1024 + 3 * arrived, "{arrived}");
            let n = connection.recv_slice().len().min(10_000);
            connection.recv_advance(n, now);
            arrived += n;
            assert_eq!(connection.poll_event(), None);
        }
    }
}

#[test]
fn an_incomplete_old_handshake_times_out() {
    let start = Instant::now();
    let deadline = start + Duration::from_secs(30);
    for bytes in [zmtp1(b"me", &[]), zmtp2(PUSH, &[])] {
        for cut in 1..bytes.len() {
            let config = Arc::new(config(SocketType::Pull));
            let mut connection = Connection::new(config, Opening::Null, start);
            assert_eq!(feed(&mut connection, &bytes[..cut], start), []);
            assert_eq!(connection.poll_timeout(), Some(deadline));
            connection.handle_timeout(deadline);
            let reason = CloseReason::HandshakeTimeout;
            assert_eq!(connection.poll_event(), Some(Event::Closed(reason)));
        }
        let connection = meet(config(SocketType::Pull), &bytes);
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn old_peers_are_sent_no_heartbeats() {
    let second = Duration::from_secs(1);
    let config = Config {
        heartbeat: Some(Heartbeat {
            interval: second,
            timeout: second,
            time_to_live: 10,
        }),
        ..config(SocketType::Pull)
    };
    for bytes in [zmtp1(b"", &[]), zmtp2(PUSH, &[])] {
        let mut connection = meet(config.clone(), &bytes);
        assert_eq!(connection.poll_timeout(), None);
        connection.handle_timeout(Instant::now() + 3600 * second);
        assert!(!connection.has_transmit());
        assert!(connection.is_ready());
    }
}
