//! Connections against scripts of octets and against each other, on a clock that only we move.

use super::*;
use crate::wire::MAX_SLICES;

// The kit.

const DEALER_READY: &[u8] = b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";
const SUB_READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
const PULL_READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL";
const PUSH_READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
const PUB_READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB";

fn config(socket_type: SocketType) -> Config {
    Config {
        socket_type,
        routing_id: Vec::new(),
        max_frame_size: None,
        handshake_timeout: Some(Duration::from_secs(30)),
    }
}

fn greeting(minor: u8) -> Vec<u8> {
    let mut octets = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03".to_vec();
    octets.push(minor);
    octets.extend_from_slice(b"NULL");
    octets.resize(64, 0);
    octets
}

/// A greeting of `minor`, then everything in `rest`.
fn script(minor: u8, rest: &[&[u8]]) -> Vec<u8> {
    let mut octets = greeting(minor);
    for piece in rest {
        octets.extend_from_slice(piece);
    }
    octets
}

/// A message frame or command, header made by hand.
fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut octets = if body.len() < 256 {
        vec![flags, body.len() as u8]
    } else {
        let mut long = vec![flags | 2];
        long.extend_from_slice(&(body.len() as u64).to_be_bytes());
        long
    };
    octets.extend_from_slice(body);
    octets
}

/// Feeds `octets` in pieces no larger than the room there is; collects what comes of it.
fn feed(connection: &mut Connection, octets: &[u8], now: Instant) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = octets;
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

/// Takes everything that is to be written, `at_most` octets at a time.
fn drain(connection: &mut Connection, at_most: usize) -> (Vec<u8>, usize) {
    let mut octets = Vec::new();
    let mut messages = 0;
    while connection.has_transmit() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let filled = connection.poll_transmit(&mut slices);
        assert!(filled > 0);
        let mut taken = 0;
        for slice in &slices[..filled] {
            assert!(!slice.is_empty());
            let n = slice.len().min(at_most - taken);
            octets.extend_from_slice(&slice[..n]);
            taken += n;
        }
        messages += connection.transmitted(taken);
    }
    (octets, messages)
}

/// The events of a script, however it is cut: in two at every octet, and octet by octet.
fn events_of(config: Config, octets: &[u8]) -> Vec<Event> {
    let config = Arc::new(config);
    let now = Instant::now();
    let new = || Connection::new(Arc::clone(&config), now);
    let mut whole = new();
    let expected = feed(&mut whole, octets, now);
    let said = drain(&mut whole, usize::MAX).0;
    // Scripts of large frames are cut where it matters: around their ends and here and there.
    let near = |cut: usize| cut < 400 || octets.len() - cut < 100 || cut % 4093 == 0;
    for cut in (0..octets.len()).filter(|cut| near(*cut)) {
        let mut connection = new();
        let mut events = feed(&mut connection, &octets[..cut], now);
        events.extend(feed(&mut connection, &octets[cut..], now));
        assert_eq!(events, expected, "cut at {cut}");
        assert_eq!(drain(&mut connection, usize::MAX).0, said, "cut at {cut}");
    }
    let mut connection = new();
    let mut events = Vec::new();
    for octet in octets {
        events.extend(feed(&mut connection, std::slice::from_ref(octet), now));
    }
    assert_eq!(events, expected, "octet by octet");
    expected
}

/// Like [`events_of`], without the `Ready` that must come first.
fn traffic_of(config: Config, octets: &[u8]) -> Vec<Event> {
    let mut events = events_of(config, octets);
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

/// A connection that is ready, talking to a peer of this version that said this READY.
fn ready(config: Config, minor: u8, their_ready: &[u8], now: Instant) -> Connection {
    let mut connection = Connection::new(Arc::new(config), now);
    let events = feed(&mut connection, &script(minor, &[their_ready]), now);
    assert!(matches!(events[..], [Event::Ready(_)]), "{events:?}");
    drain(&mut connection, usize::MAX);
    connection
}
