//! Connections against scripts of bytes and against each other, on a virtual clock.

mod batches;
#[cfg(feature = "curve")]
mod curve;
mod ends;
mod groups;
mod heartbeat;
mod limits;
mod old_peers;
mod plain;
mod raw;
mod secured;
mod sending;
mod subscribing;

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

pub(in crate::wire) use super::testing::config;
use super::testing::{drain, opening, Random};
use super::*;

// The kit.

const DEALER_READY: &[u8] = b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";
const SUB_READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
const PULL_READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL";
const PUSH_READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
const PUB_READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB";

fn greeting(minor: u8) -> Vec<u8> {
    let mut bytes = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03".to_vec();
    bytes.push(minor);
    bytes.extend_from_slice(b"NULL");
    bytes.resize(64, 0);
    bytes
}

/// A greeting of version 3.`minor`, then everything in `rest`.
fn script(minor: u8, rest: &[&[u8]]) -> Vec<u8> {
    let mut bytes = greeting(minor);
    for piece in rest {
        bytes.extend_from_slice(piece);
    }
    bytes
}

/// A message frame or command, with a header made by hand.
fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = if body.len() < 256 {
        vec![flags, body.len() as u8]
    } else {
        let mut long = vec![flags | 2];
        long.extend_from_slice(&(body.len() as u64).to_be_bytes());
        long
    };
    bytes.extend_from_slice(body);
    bytes
}

/// Feeds `bytes` in pieces no larger than the room there is; collects the events.
fn feed(connection: &mut Connection, bytes: &[u8], now: Instant) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = bytes;
    loop {
        while let Some(event) = connection.poll_event() {
            events.push(event);
        }
        if rest.is_empty() {
            return events;
        }
        let room = connection.recv_slice();
        assert!(!room.is_empty());
        let n = room.len().min(rest.len());
        room[..n].copy_from_slice(&rest[..n]);
        connection.recv_advance(n, now);
        rest = &rest[n..];
    }
}

/// The events of a script, which must not depend on how it is cut: in two at every byte, and byte
/// by byte.
fn events_of(config: Config, bytes: &[u8]) -> Vec<Event> {
    let config = Arc::new(config);
    let now = Instant::now();
    let new = || Connection::new(Arc::clone(&config), Opening::Null, now);
    let mut whole = new();
    let expected = feed(&mut whole, bytes, now);
    let said = drain(&mut whole, usize::MAX).0;
    // Scripts of large frames are cut near their ends and at intervals.
    let near = |cut: usize| cut < 400 || bytes.len() - cut < 100 || cut % 4093 == 0;
    for cut in (0..bytes.len()).filter(|cut| near(*cut)) {
        let mut connection = new();
        let mut events = feed(&mut connection, &bytes[..cut], now);
        events.extend(feed(&mut connection, &bytes[cut..], now));
        assert_eq!(events, expected, "cut at {cut}");
        assert_eq!(drain(&mut connection, usize::MAX).0, said, "cut at {cut}");
    }
    let mut connection = new();
    let mut events = Vec::new();
    for byte in bytes {
        events.extend(feed(&mut connection, std::slice::from_ref(byte), now));
    }
    assert_eq!(events, expected, "byte by byte");
    expected
}

/// Like [`events_of`], without the `Ready` that must come first.
fn traffic_of(config: Config, bytes: &[u8]) -> Vec<Event> {
    let mut events = events_of(config, bytes);
    assert!(
        matches!(events.first(), Some(Event::Ready(_))),
        "{events:?}"
    );
    events.remove(0);
    events
}

fn message(frames: &[&[u8]]) -> Event {
    Event::Message(frames.iter().copied().collect())
}

fn closed_by(events: &[Event]) -> &CloseReason {
    match events {
        [.., Event::Closed(reason)] => reason,
        other => panic!("not closed at the end: {other:?}"),
    }
}

/// A connection that is ready, with a peer of this version that sent this READY.
fn ready(config: Config, minor: u8, their_ready: &[u8], now: Instant) -> Connection {
    let mut connection = Connection::new(Arc::new(config), Opening::Null, now);
    let events = feed(&mut connection, &script(minor, &[their_ready]), now);
    assert!(matches!(events[..], [Event::Ready(_)]), "{events:?}");
    drain(&mut connection, usize::MAX);
    connection
}

// Greeting.

#[test]
fn the_greeting_is_sent_in_three_parts_followed_by_ready() {
    let now = Instant::now();
    let mut config = config(SocketType::Dealer);
    config.routing_id = b"abc".to_vec();
    let mut ours = Connection::new(Arc::new(config), Opening::Null, now);
    assert_eq!(drain(&mut ours, 99).0, b"\xff\0\0\0\0\0\0\0\x04\x7f");
    let theirs = greeting(1);
    feed(&mut ours, &theirs[..9], now);
    assert!(!ours.has_transmit());
    feed(&mut ours, &theirs[9..10], now);
    assert_eq!(drain(&mut ours, 99).0, b"\x03");
    feed(&mut ours, &theirs[10..11], now);
    let rest = drain(&mut ours, 99).0;
    assert_eq!(rest[..5], *b"\x01NULL");
    assert_eq!(rest[5..], [0; 64 - 11 - 5]);
    feed(&mut ours, &theirs[11..63], now);
    assert!(!ours.has_transmit());
    feed(&mut ours, &theirs[63..], now);
    let ready = b"\x04\x2c\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x03abc";
    assert_eq!(drain(&mut ours, 99).0, ready);
}

#[test]
fn ready_is_byte_for_byte_what_libzmq_sends() {
    for (socket_type, ready) in [
        (SocketType::Dealer, DEALER_READY),
        (SocketType::Sub, SUB_READY),
        (SocketType::Pull, PULL_READY),
        (SocketType::Push, PUSH_READY),
        (SocketType::Pub, PUB_READY),
    ] {
        let now = Instant::now();
        let mut connection = Connection::new(Arc::new(config(socket_type)), Opening::Null, now);
        feed(&mut connection, &greeting(1), now);
        let said = drain(&mut connection, 99).0;
        assert_eq!(said[..64], greeting(1));
        assert_eq!(said[64..], *ready);
        assert!(!connection.is_ready());
    }
}

#[test]
fn padding_as_server_and_filler_are_ignored_and_newer_versions_accepted() {
    let mut bytes = script(1, &[PUSH_READY]);
    bytes[1..9].fill(0xab);
    bytes[9] = 1;
    bytes[10] = 4;
    bytes[11] = 0;
    bytes[32..64].fill(1);
    let events = events_of(config(SocketType::Pull), &bytes);
    match &events[..] {
        [Event::Ready(peer)] => assert_eq!(peer.version, (4, 0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_peer_with_another_mechanism_receives_the_whole_greeting() {
    let mut bytes = greeting(1);
    bytes[12..17].copy_from_slice(b"CURVE");
    let now = Instant::now();
    let mut connection = Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, now);
    let events = feed(&mut connection, &bytes, now);
    let reason = CloseReason::MechanismMismatch {
        theirs: "CURVE".into(),
    };
    assert!(reason.is_incompatible());
    assert_eq!(events, [Event::Closed(reason)]);
    assert_eq!(drain(&mut connection, 99).0, greeting(1));
    events_of(config(SocketType::Pull), &bytes);
    // All 20 bytes count.
    bytes[12..17].copy_from_slice(b"NULL\0");
    bytes[31] = b'x';
    let events = events_of(config(SocketType::Pull), &bytes);
    assert!(matches!(
        closed_by(&events),
        CloseReason::MechanismMismatch { .. }
    ));
}

// Handshake.

#[test]
fn the_peer_is_reported_as_it_announced_itself() {
    let ready = frame(
        4,
        b"\x05READY\x0bsocket-TYPE\0\0\0\x03REQ\x08Identity\0\0\0\x02me\x03X-a\0\0\0\x01\xff",
    );
    let events = events_of(config(SocketType::Router), &script(0, &[&ready]));
    let peer = Introduction {
        socket_type: Some(SocketType::Req),
        identity: Frame::from("me"),
        version: (3, 0),
        properties: vec![
            ("socket-TYPE".into(), b"REQ".to_vec()),
            ("Identity".into(), b"me".to_vec()),
            ("X-a".into(), vec![0xff]),
        ],
        allowed: Allowed::default(),
    };
    assert_eq!(events, [Event::Ready(Box::new(peer))]);
}

#[test]
fn a_peer_may_omit_its_socket_type() {
    let events = events_of(
        config(SocketType::Pull),
        &script(1, &[b"\x04\x06\x05READY"]),
    );
    match &events[..] {
        [Event::Ready(peer)] => assert_eq!((peer.socket_type, peer.identity.len()), (None, 0)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn incompatible_and_unknown_socket_types_receive_an_error() {
    let unknown = frame(4, b"\x05READY\x0bSocket-Type\0\0\0\x05WHAT?");
    // Names are exact: this is not PUSH.
    let lower = frame(4, b"\x05READY\x0bSocket-Type\0\0\0\x04push");
    for (their_ready, name) in [
        (PUB_READY, "PUB"),
        (&unknown[..], "WHAT?"),
        (&lower[..], "push"),
    ] {
        let bytes = script(1, &[their_ready, b"\0\x01x"]);
        let events = events_of(config(SocketType::Pull), &bytes);
        let reason = CloseReason::IncompatibleSocketType {
            ours: SocketType::Pull,
            theirs: name.into(),
        };
        assert!(reason.is_incompatible());
        assert_eq!(events, [Event::Closed(reason)]);

        let now = Instant::now();
        let mut connection =
            Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, now);
        feed(&mut connection, &bytes, now);
        let said = drain(&mut connection, 9999).0;
        let error = b"\x04\x2d\x05ERROR\x26PULL does not talk to this socket type";
        assert_eq!(said, script(1, &[PULL_READY, error]));
    }
}

#[test]
fn errors_of_the_peer_are_fatal_before_and_after_ready() {
    let error = b"\x04\x0a\x05ERROR\x03400";
    let refused = CloseReason::PeerError("400".into());
    assert!(refused.is_incompatible());
    let before = events_of(config(SocketType::Pull), &script(1, &[error]));
    assert_eq!(before, [Event::Closed(refused.clone())]);
    let after = traffic_of(
        config(SocketType::Pull),
        &script(1, &[PUSH_READY, b"\0\x01x", error, b"\0\x01y"]),
    );
    assert_eq!(after, [message(&[b"x"]), Event::Closed(refused)]);
}

#[test]
fn only_ready_or_error_is_accepted_before_ready() {
    for wrong in [
        &b"\0\x01x"[..],
        b"\x01\x01x",
        b"\x04\x07\x04PING\0\0",
        b"\x04\x06\x05HELLO",
        b"\x04\x0a\x09SUBSCRIBE",
        // READY, but without the COMMAND flag.
        b"\0\x06\x05READY",
    ] {
        let events = events_of(config(SocketType::Pull), &script(1, &[wrong]));
        let reason = closed_by(&events);
        assert!(
            matches!(reason, CloseReason::UnexpectedCommand(_)),
            "{reason}"
        );
        assert_eq!(events.len(), 1);
    }
    let twice = script(1, &[PUSH_READY, PUSH_READY]);
    let events = traffic_of(config(SocketType::Pull), &twice);
    assert!(matches!(
        events[..],
        [Event::Closed(CloseReason::UnexpectedCommand(_))]
    ));
}

#[test]
fn malformed_metadata_is_refused() {
    for wrong in [
        &b"\x05READY\x0bSocket-Type\0\0\0\x04PUS"[..],
        b"\x05READY\x0bSocket-Type\0\0\0\x04PUSHx",
        b"\x05READY\0\0\0\0\0",
        b"\x05READ",
    ] {
        let events = events_of(config(SocketType::Pull), &script(1, &[&frame(4, wrong)]));
        let reason = closed_by(&events);
        assert!(
            matches!(reason, CloseReason::MalformedCommand(..)),
            "{reason}"
        );
    }
}

#[test]
fn invalid_identities_are_refused() {
    let ready = |identity: &[u8]| {
        let mut body = b"\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity".to_vec();
        body.extend_from_slice(&(identity.len() as u32).to_be_bytes());
        body.extend_from_slice(identity);
        events_of(config(SocketType::Router), &script(1, &[&frame(4, &body)]))
    };
    for (theirs, taken) in [
        (vec![b'i'; 255], vec![b'i'; 255]),
        (vec![0, 1, 2, 3, 4], vec![]),
        (vec![], vec![]),
    ] {
        match &ready(&theirs)[..] {
            [Event::Ready(peer)] => assert_eq!(peer.identity, taken),
            other => panic!("{other:?}"),
        }
    }
    let reason = CloseReason::IdentityTooLong { bytes: 256 };
    assert_eq!(ready(&[b'i'; 256]), [Event::Closed(reason.clone())]);
    assert_eq!(ready(&[0; 256]), [Event::Closed(reason)]);
}

#[test]
fn handshake_commands_have_their_own_limit() {
    let over = b"\x06\0\0\0\0\0\x01\0\x01";
    let events = events_of(config(SocketType::Pull), &script(1, &[over]));
    let reason = CloseReason::FrameTooLarge {
        announced: 65_537,
        limit: 65_536,
    };
    assert_eq!(events, [Event::Closed(reason)]);
    // The socket's own limit applies too, if it is lower.
    let mut small = config(SocketType::Pull);
    small.max_frame_size = Some(25);
    let events = events_of(small, &script(1, &[PUSH_READY]));
    let reason = CloseReason::FrameTooLarge {
        announced: 26,
        limit: 25,
    };
    assert_eq!(events, [Event::Closed(reason)]);
}

#[test]
fn an_incomplete_greeting_times_out() {
    let start = Instant::now();
    for cut in [0, 1, 11, 63, 64, 70] {
        let bytes = script(1, &[PUSH_READY]);
        let mut connection =
            Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, start);
        let deadline = start + Duration::from_secs(30);
        assert_eq!(connection.poll_timeout(), Some(deadline));
        assert_eq!(feed(&mut connection, &bytes[..cut], start), []);
        connection.handle_timeout(deadline - Duration::from_nanos(1));
        assert_eq!(connection.poll_event(), None);
        connection.handle_timeout(deadline);
        assert!(connection.is_closed());
        assert!(!connection.has_transmit());
        assert_eq!(connection.poll_timeout(), None);
        let reason = CloseReason::HandshakeTimeout;
        assert_eq!(connection.poll_event(), Some(Event::Closed(reason)));
        assert_eq!(feed(&mut connection, &bytes[cut..], start), []);
        assert_eq!(connection.poll_event(), None);
        connection.handle_timeout(deadline);
        assert_eq!(connection.poll_event(), None);
    }
    let connection = ready(config(SocketType::Pull), 1, PUSH_READY, start);
    assert_eq!(connection.poll_timeout(), None);
}

// Traffic.

#[test]
fn messages_are_decoded_as_they_were_sent() {
    let long = vec![7; 300];
    let bytes = script(
        1,
        &[
            PUSH_READY,
            &frame(0, b"hello"),
            &frame(0, b""),
            &frame(1, b"a"),
            &frame(1, b""),
            &frame(0, b"c"),
            &frame(0, &[1; 255]),
            &frame(1, &long),
            &frame(0, &long),
            // A short body under a long header.
            b"\x02\0\0\0\0\0\0\0\x03abc",
        ],
    );
    let events = traffic_of(config(SocketType::Pull), &bytes);
    let expected = [
        message(&[b"hello"]),
        message(&[b""]),
        message(&[b"a", b"", b"c"]),
        message(&[&[1; 255]]),
        message(&[&long, &long]),
        message(&[b"abc"]),
    ];
    assert_eq!(events, expected);
}

#[test]
fn frames_of_sizes_around_the_limits_arrive_whole() {
    let mut bytes = script(1, &[PUSH_READY]);
    let mut expected = Vec::new();
    for size in [
        69, 70, 71, 254, 255, 256, 4095, 4096, 8192, 32_767, 32_768, 32_769, 65_536, 131_072,
        131_073, 700_001,
    ] {
        let body: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        bytes.extend_from_slice(&frame(0, &body));
        expected.push(message(&[&body]));
        bytes.extend_from_slice(&frame(0, b"between"));
        expected.push(message(&[b"between"]));
    }
    assert_eq!(traffic_of(config(SocketType::Pull), &bytes), expected);
}

#[test]
fn commands_are_accepted_between_the_frames_of_a_message() {
    let bytes = script(
        1,
        &[
            PUSH_READY,
            &frame(1, b"a"),
            b"\x04\x0a\x04PING\0\0ctx",
            &frame(1, b"b"),
            b"\x04\x08\x04PONGabc",
            b"\x04\x06\x04JOINg",
            b"\x04\x08\x07UNKNOWN",
            &frame(0, b"c"),
        ],
    );
    let events = traffic_of(config(SocketType::Pull), &bytes);
    assert_eq!(events, [message(&[b"a", b"b", b"c"])]);
    let now = Instant::now();
    let mut connection = Connection::new(Arc::new(config(SocketType::Pull)), Opening::Null, now);
    feed(&mut connection, &bytes, now);
    let said = drain(&mut connection, 9999).0;
    assert!(said.ends_with(b"\x04\x08\x04PONGctx"), "{said:?}");
}

#[test]
fn an_overlong_context_is_echoed_cut() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    let mut ping = b"\x04PING\0\0".to_vec();
    ping.extend(0..58);
    feed(&mut connection, &frame(4, &ping), now);
    let pong = drain(&mut connection, 9999).0;
    assert_eq!(pong.len(), 23);
    assert_eq!(pong[..7], *b"\x04\x15\x04PONG");
    assert!(pong[7..].iter().copied().eq(0..16));
}

#[test]
fn malformed_traffic_ends_the_connection() {
    for wrong in [
        &b"\x08"[..],
        b"\x05",
        b"\x80\x01x",
        b"\x02\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x04\0",
        b"\x04\x01\0",
        b"\x04\x02\x05A",
        b"\x04\x06\x04PING\0",
        b"\x04\x08\x05ERROR\x02x",
    ] {
        let bytes = script(1, &[PUSH_READY, b"\0\x01x", wrong, b"\0\x01y"]);
        let events = traffic_of(config(SocketType::Pull), &bytes);
        assert_eq!(events.len(), 2, "{events:?}");
        assert_eq!(events[0], message(&[b"x"]));
        let reason = closed_by(&events);
        let malformed = matches!(
            reason,
            CloseReason::MalformedFrame(_) | CloseReason::MalformedCommand(..)
        );
        assert!(malformed && !reason.is_incompatible(), "{reason}");
    }
}

#[test]
fn an_oversize_frame_is_refused_by_its_header() {
    let mut small = config(SocketType::Pull);
    small.max_frame_size = Some(100);
    for (header, announced) in [
        (&b"\0\x65"[..], 101),
        (b"\x01\x65", 101),
        (b"\x04\x65", 101),
        (b"\x02\0\0\x40\0\0\0\0\0", 1 << 46),
    ] {
        let bytes = script(1, &[PUSH_READY, &frame(0, &[1; 100]), header]);
        let events = traffic_of(small.clone(), &bytes);
        let reason = CloseReason::FrameTooLarge {
            announced,
            limit: 100,
        };
        assert_eq!(events, [message(&[&[1; 100]]), Event::Closed(reason)]);
    }
}

#[test]
fn memory_grows_with_received_bytes_and_not_with_announced_ones() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    feed(&mut connection, b"\x02\0\0\x40\0\0\0\0\0", now);
    let mut arrived = 9;
    while arrived < 3_000_000 {
        connection.recv_slice()[0] = 1;
        assert!(
            connection.capacity() <= 72 * 1024 + 3 * arrived,
            "{arrived}"
        );
        let n = connection.recv_slice().len().min(10_000);
        connection.recv_advance(n, now);
        arrived += n;
        assert_eq!(connection.poll_event(), None);
        assert!(connection.wants_read());
    }
}

#[test]
fn an_idle_connection_keeps_little_memory() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    assert!(
        connection.capacity() <= 6 * 1024,
        "{}",
        connection.capacity()
    );
    let flood = frame(0, &[1; 100]).repeat(10_000);
    feed(&mut connection, &flood, now);
    assert!(
        connection.capacity() <= 140 * 1024,
        "{}",
        connection.capacity()
    );
    assert!(
        connection.capacity() >= 128 * 1024,
        "{}",
        connection.capacity()
    );
    feed(&mut connection, &flood[..50], now);
    connection.shrink_to_fit();
    let events = feed(&mut connection, &flood[50..102], now);
    assert_eq!(events, [message(&[&[1; 100]])]);
    connection.shrink_to_fit();
    assert_eq!(connection.capacity(), 0);
    assert_eq!(feed(&mut connection, &flood[..102], now).len(), 1);
    assert!(connection.capacity() <= 6 * 1024);
}

#[test]
fn undecoded_bytes_are_kept_and_limited() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    let one = frame(0, b"0123456789");
    let mut sent = 0;
    let mut bytes = one.iter().copied().cycle();
    while connection.wants_read() {
        let room = connection.recv_slice();
        for byte in room.iter_mut() {
            *byte = bytes.next().unwrap();
        }
        let n = room.len();
        connection.recv_advance(n, now);
        sent += n;
        assert!(sent < 1 << 20);
    }
    assert!(connection.capacity() <= 140 * 1024);
    // If more bytes are read all the same, none are lost.
    for _ in 0..20 {
        let room = connection.recv_slice();
        assert!(!room.is_empty());
        let n = room.len();
        for byte in room.iter_mut() {
            *byte = bytes.next().unwrap();
        }
        connection.recv_advance(n, now);
        sent += n;
    }
    for _ in 0..sent / one.len() {
        assert_eq!(connection.poll_event(), Some(message(&[b"0123456789"])));
    }
    assert_eq!(connection.poll_event(), None);
    assert!(connection.wants_read());
}

#[test]
fn endless_messages_end_the_connection() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    let many = b"\x01\0".repeat(1 << 20);
    assert_eq!(feed(&mut connection, &many, now), []);
    let events = feed(&mut connection, b"\0\0", now);
    let reason = CloseReason::TooManyFrames { limit: 1 << 20 };
    assert_eq!(events, [Event::Closed(reason)]);
}

#[test]
fn unread_replies_are_limited() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    let ping = b"\x04\x07\x04PING\0\0";
    for _ in 0..5000 {
        assert_eq!(feed(&mut connection, ping, now), []);
        drain(&mut connection, 5);
    }
    let events = feed(&mut connection, &ping.repeat(1024), now);
    assert_eq!(events, []);
    let events = feed(&mut connection, ping, now);
    let reason = CloseReason::RepliesUnread { unread: 1025 };
    assert_eq!(events, [Event::Closed(reason)]);
    assert!(!connection.has_transmit());
}

#[test]
fn a_time_to_live_ends_with_the_next_frame_or_closes_the_connection() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let ping = b"\x04\x07\x04PING\0\x0a";
    let new = || {
        let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, start);
        feed(&mut connection, ping, at(100));
        assert_eq!(connection.poll_timeout(), Some(at(1100)));
        connection
    };

    let mut silent = new();
    silent.handle_timeout(at(1099));
    assert_eq!(silent.poll_event(), None);
    silent.handle_timeout(at(1100));
    let reason = CloseReason::HeartbeatTimeout;
    assert_eq!(silent.poll_event(), Some(Event::Closed(reason)));
    assert!(!silent.has_transmit());

    let mut talking = new();
    feed(&mut talking, b"\0\x01x", at(500));
    assert_eq!(talking.poll_timeout(), None);

    let mut same_read = ready(config(SocketType::Pull), 1, PUSH_READY, start);
    feed(&mut same_read, b"\x04\x07\x04PING\0\x0a\0\x01x", at(100));
    assert_eq!(same_read.poll_timeout(), None);

    let mut pinging = new();
    feed(&mut pinging, ping, at(800));
    assert_eq!(pinging.poll_timeout(), Some(at(1800)));
    feed(&mut pinging, b"\x04\x07\x04PING\0\0", at(900));
    assert_eq!(pinging.poll_timeout(), None);

    let mut slow = new();
    feed(&mut slow, b"\0\x02x", at(1000));
    assert_eq!(slow.poll_timeout(), Some(at(2000)));
    slow.handle_timeout(at(1100));
    assert!(!slow.is_closed());
    slow.handle_timeout(at(2000));
    assert!(slow.is_closed());

    let mut waiting_for_us = new();
    let room = waiting_for_us.recv_slice();
    room[..3].copy_from_slice(b"\0\x01x");
    waiting_for_us.recv_advance(3, at(1000));
    waiting_for_us.handle_timeout(at(2000));
    assert_eq!(waiting_for_us.poll_event(), Some(message(&[b"x"])));

    // The reader was not running for long: the peer's next bytes may still be in the kernel.
    let mut unheard = new();
    unheard.handle_timeout(at(5000));
    assert!(!unheard.is_closed());
    assert_eq!(unheard.poll_timeout(), Some(at(6000)));
    unheard.handle_timeout(at(9000));
    assert!(unheard.is_closed());

    // The maximum: 6553.5 seconds.
    let mut patient = ready(config(SocketType::Pull), 1, PUSH_READY, start);
    feed(&mut patient, b"\x04\x07\x04PING\xff\xff", start);
    assert_eq!(patient.poll_timeout(), Some(at(6_553_500)));
}

// Subscriptions.

#[test]
fn both_forms_of_subscription_reach_a_publisher() {
    let long = [b't'; 255];
    for minor in [0, 1] {
        for socket_type in [SocketType::Pub, SocketType::XPub] {
            let bytes = script(
                minor,
                &[
                    SUB_READY,
                    b"\x04\x0b\x09SUBSCRIBEA",
                    b"\x04\x08\x06CANCELA",
                    b"\0\x02\x01B",
                    b"\0\x02\0B",
                    b"\0\x01\x01",
                    b"\x04\x0a\x09SUBSCRIBE",
                    // Not subscriptions: another first byte, an empty one.
                    b"\0\x02\x02C",
                    b"\0\0",
                    &frame(0, &[b"\x01", &long[..]].concat()),
                    &frame(4, &[b"\x09SUBSCRIBE", &long[..]].concat()),
                ],
            );
            let events = traffic_of(config(socket_type), &bytes);
            let expected = [
                Event::Subscribe(Frame::from("A")),
                Event::Cancel(Frame::from("A")),
                Event::Subscribe(Frame::from("B")),
                Event::Cancel(Frame::from("B")),
                Event::Subscribe(Frame::empty()),
                Event::Subscribe(Frame::empty()),
                message(&[b"\x02C"]),
                message(&[b""]),
                Event::Subscribe(Frame::from(long)),
                Event::Subscribe(Frame::from(long)),
            ];
            assert_eq!(events, expected);
        }
    }
}

#[test]
fn other_types_ignore_subscriptions_or_receive_them_as_messages() {
    let bytes = script(
        1,
        &[
            PUSH_READY,
            b"\x04\x0b\x09SUBSCRIBEA",
            b"\x04\x08\x06CANCELA",
            b"\0\x02\x01B",
            b"\0\x02\0B",
            b"\x04\x06\x05LEAVE",
        ],
    );
    let events = traffic_of(config(SocketType::Pull), &bytes);
    assert_eq!(events, [message(&[b"\x01B"]), message(&[b"\0B"])]);
}

#[test]
fn subscriptions_are_written_in_the_form_of_the_peer() {
    let now = Instant::now();
    for length in [0, 1, 244, 245, 246, 253, 254, 255, 256, 70_000] {
        let topic = vec![b't'; length];
        let mut new = ready(config(SocketType::Sub), 1, PUB_READY, now);
        new.subscribe(&topic);
        new.cancel(&topic);
        let mut expected = frame(4, &[b"\x09SUBSCRIBE", &topic[..]].concat());
        expected.extend(frame(4, &[b"\x06CANCEL", &topic[..]].concat()));
        assert_eq!(drain(&mut new, usize::MAX), (expected, 0));

        let mut old = ready(config(SocketType::Sub), 0, PUB_READY, now);
        old.subscribe(&topic);
        old.cancel(&topic);
        let mut expected = frame(0, &[b"\x01", &topic[..]].concat());
        expected.extend(frame(0, &[b"\0", &topic[..]].concat()));
        assert_eq!(drain(&mut old, usize::MAX), (expected, 0));
    }
    // Golden bytes: the short one, and the first that needs a long header.
    let mut sub = ready(config(SocketType::Sub), 1, PUB_READY, now);
    sub.subscribe(b"A");
    assert_eq!(drain(&mut sub, 99).0, b"\x04\x0b\x09SUBSCRIBEA");
    sub.subscribe(&[b't'; 245]);
    assert_eq!(drain(&mut sub, 9999).0[..2], [4, 255]);
    sub.subscribe(&[b't'; 246]);
    assert_eq!(drain(&mut sub, 9999).0[..9], [6, 0, 0, 0, 0, 0, 0, 1, 0]);
}
