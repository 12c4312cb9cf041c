//! CURVE: forged and replayed frames, and frames for other keys.

use super::secured::{connection, frames, replay, secured, Pair};
use super::*;
use crate::curve::{CurveKey, CurveKeypair};

/// The keys in the manual page of zmq_curve.
const CLIENT_SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
const SERVER_SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

fn keypair(secret: &str) -> CurveKeypair {
    secret.parse().unwrap()
}

pub(super) fn securities() -> [Security; 2] {
    let server = keypair(SERVER_SECRET);
    let server_key = *server.public();
    [
        Security::curve_client(keypair(CLIENT_SECRET), server_key),
        Security::curve_server(server),
    ]
}

fn pair() -> Pair {
    let [client, server] = securities();
    Pair::new(
        secured(SocketType::Dealer, client),
        secured(SocketType::Router, server),
    )
}

#[test]
fn the_client_is_identified_by_its_key_and_traffic_is_encrypted() {
    let mut pair = pair();
    pair.settle();
    let key = *keypair(CLIENT_SECRET).public();
    let asked = Event::Authenticate(Credentials::Curve(key));
    assert_eq!(pair.events[1][0], asked);
    pair.ends[0].send(Message::from(["a secret", "and another secret"]));
    pair.ends[1].send(Message::from(vec![b's'; 9000]));
    pair.settle();
    for said in &pair.said {
        for secret in [
            &b"secret"[..],
            b"ssss",
            b"Socket-Type",
            b"DEALER",
            b"ROUTER",
        ] {
            let found = said.windows(secret.len()).any(|bytes| bytes == secret);
            assert!(!found, "{secret:?}");
        }
        assert!(!said.windows(32).any(|bytes| bytes == key.as_bytes()));
    }
}

#[test]
fn commands_have_the_sizes_of_the_rfc() {
    let mut pair = pair();
    pair.settle();
    pair.ends[0].send(Message::from(["x", ""]));
    pair.settle();
    let sizes = |said: &[u8]| -> Vec<(u8, usize)> {
        let frames = frames(said);
        frames
            .iter()
            .map(|(flags, body)| (*flags, body.len()))
            .collect()
    };
    let announced = |name: &str| 1 + 11 + 4 + name.len() + 1 + 8 + 4;
    let client = [
        (4, 200),
        (4, 257 + announced("DEALER")),
        (0, 33 + 1),
        (0, 33),
    ];
    assert_eq!(sizes(&pair.said[0]), client);
    let server = [(4, 168), (4, 30 + announced("ROUTER"))];
    assert_eq!(sizes(&pair.said[1]), server);
    // The numbers begin as libzmq's do.
    let said = frames(&pair.said[0]);
    let numbers = [(0, 112), (1, 105), (2, 8), (3, 8)];
    for (number, (index, at)) in (1u64..).zip(numbers) {
        assert_eq!(said[index].1[at..at + 8], number.to_be_bytes());
    }
}

#[test]
fn a_changed_byte_of_a_handshake_is_refused() {
    let mut good = pair();
    good.settle();
    for listener in [0, 1] {
        let recorded = frames(&good.said[1 - listener]);
        for (index, (_, body)) in recorded.iter().enumerate() {
            for at in 0..body.len() {
                let mut again = pair();
                again.said = good.said.clone();
                replay(&mut again, listener, &recorded, index, |body| {
                    body[at] ^= 0x40
                });
                let events = &again.events[listener];
                assert!(
                    matches!(events.last(), Some(Event::Closed(_))),
                    "end {listener}, command {index}, byte {at}: {events:?}"
                );
                let ready = |event: &Event| matches!(event, Event::Ready(_));
                assert!(!events.iter().any(ready));
            }
        }
    }
}

#[test]
fn a_changed_byte_of_a_message_is_refused() {
    let messages: Vec<usize> = vec![0, 1, 30, 300];
    for size in messages {
        for at in 0..33 + size {
            let mut pair = pair();
            pair.settle();
            pair.take_traffic();
            pair.ends[0].send(Message::from(vec![7; size]));
            let header = if 33 + size < 256 { 2 } else { 9 };
            pair.settle_with(usize::MAX, |_, _, bytes| bytes[header + at] ^= 1);
            let reason = closed_by(&pair.events[1]);
            let expected = match at {
                0..8 => matches!(reason, CloseReason::MalformedCommand(..)),
                _ => matches!(
                    reason,
                    CloseReason::Cryptographic(_) | CloseReason::InvalidSequence { .. }
                ),
            };
            assert!(expected, "byte {at}: {reason:?}");
            assert_eq!(pair.events[1].len(), 1);
            assert!(!pair.ends[1].has_transmit(), "not a word");
        }
    }
}

#[test]
fn replayed_and_reordered_messages_are_refused() {
    // Again.
    let mut again = pair();
    again.settle();
    again.take_traffic();
    again.ends[0].send(Message::from("x"));
    again.settle_with(usize::MAX, |_, _, bytes| bytes.extend(bytes.clone()));
    let sequence = CloseReason::InvalidSequence { last: 3, number: 3 };
    let expected = [message(&[b"x"]), Event::Closed(sequence.clone())];
    assert_eq!(again.events[1], expected);
    assert!(matches!(
        sequence.public(),
        crate::event::DisconnectReason::Cryptographic(_)
    ));
    // In another order.
    let mut turned = pair();
    turned.settle();
    turned.take_traffic();
    turned.ends[0].send(Message::from("a"));
    turned.ends[0].send(Message::from("b"));
    turned.settle_with(usize::MAX, |_, _, bytes| {
        let half = bytes.len() / 2;
        bytes.rotate_left(half);
    });
    let sequence = CloseReason::InvalidSequence { last: 4, number: 3 };
    assert_eq!(
        turned.events[1],
        [message(&[b"b"]), Event::Closed(sequence)]
    );
    // With one missing: that is allowed.
    let mut missing = pair();
    missing.settle();
    missing.take_traffic();
    missing.ends[0].send(Message::from("a"));
    missing.ends[0].send(Message::from("b"));
    missing.settle_with(usize::MAX, |_, _, bytes| {
        let half = bytes.len() / 2;
        bytes.drain(..half);
    });
    assert_eq!(missing.events[1], [message(&[b"b"])]);
    // A frame sent back to its sender.
    let mut back = pair();
    back.settle();
    back.take_traffic();
    back.ends[0].send(Message::from("a"));
    let said = drain(&mut back.ends[0], usize::MAX).0;
    back.hear(0, &said, Instant::now());
    let reason = closed_by(&back.events[0]);
    assert!(
        matches!(reason, CloseReason::Cryptographic(_)),
        "{reason:?}"
    );
}

#[test]
fn frames_are_sent_like_libzmqs_and_all_its_forms_are_accepted() {
    let now = Instant::now();
    for flags in [0, 4] {
        let mut pair = pair();
        pair.settle();
        pair.take_traffic();
        pair.ends[0].send(Message::from("x"));
        let mut said = drain(&mut pair.ends[0], usize::MAX).0;
        assert_eq!(said[0], 0);
        said[0] = flags;
        pair.hear(1, &said, now);
        assert_eq!(pair.events[1], [message(&[b"x"])], "{flags}");
    }
    // Only MESSAGE is allowed, with either kind of contents.
    for body in [
        &b"\x04PING\0\0"[..],
        b"hello",
        b"",
        b"\x07MESSAGE",
        &[7; 33],
    ] {
        for flags in [0, 4] {
            let mut pair = pair();
            pair.settle();
            pair.take_traffic();
            pair.hear(1, &frame(flags, body), now);
            let reason = closed_by(&pair.events[1]);
            assert!(
                matches!(reason, CloseReason::MalformedCommand(..)),
                "{body:?}"
            );
        }
    }
}

/// `omq-tokio` sets the flag of the frame as well as the one in the box.
#[test]
fn the_more_flag_outside_the_box_is_ignored() {
    let now = Instant::now();
    // On the first of two frames, on the last, on both.
    for outside in [[1, 0], [0, 1], [1, 1]] {
        let mut pair = pair();
        pair.settle();
        pair.take_traffic();
        pair.ends[0].send(Message::from([b"one", b"two"]));
        let mut said = drain(&mut pair.ends[0], usize::MAX).0;
        let second = 2 + usize::from(said[1]);
        assert_eq!(second * 2, said.len());
        assert_eq!([said[0], said[second]], [0, 0]);
        [said[0], said[second]] = outside;
        pair.hear(1, &said, now);
        assert_eq!(pair.events[1], [message(&[b"one", b"two"])], "{outside:?}");
    }
}

#[test]
fn a_client_with_another_server_key_is_refused() {
    let [_, server] = securities();
    let other = *keypair(CLIENT_SECRET).public();
    let client = Security::curve_client(keypair(CLIENT_SECRET), other);
    let mut pair = Pair::new(
        secured(SocketType::Dealer, client),
        secured(SocketType::Router, server),
    );
    pair.settle();
    let reason = closed_by(&pair.events[1]);
    assert!(matches!(reason, CloseReason::Cryptographic(_)));
    assert!(!pair.said[1].windows(5).any(|bytes| bytes == b"ERROR"));
    assert_eq!(pair.events[0], []);
}

#[test]
fn keys_of_low_order_are_refused_by_either_end() {
    let [_, server] = securities();
    let client = Security::curve_client(keypair(CLIENT_SECRET), CurveKey::from([0; 32]));
    let mut low = Pair::new(
        secured(SocketType::Dealer, client),
        secured(SocketType::Router, server),
    );
    low.settle();
    assert!(matches!(
        closed_by(&low.events[0]),
        CloseReason::KeyExchange(_)
    ));
    let mut good = pair();
    good.settle();
    let recorded = frames(&good.said[0]);
    let mut again = pair();
    again.said = good.said.clone();
    replay(&mut again, 1, &recorded, 0, |hello| hello[80..112].fill(0));
    assert!(matches!(
        closed_by(&again.events[1]),
        CloseReason::KeyExchange(_)
    ));
}

#[test]
fn a_replayed_handshake_is_refused_on_another_connection() {
    let mut good = pair();
    good.settle();
    let recorded = frames(&good.said[0]);
    // The server generates other keys than it did then.
    let [client, server] = securities();
    let mut other = Pair::new(
        secured(SocketType::Dealer, client),
        secured(SocketType::Router, server.clone()),
    );
    other.ends[1] = connection(secured(SocketType::Router, server), 77, Instant::now());
    other.said = good.said.clone();
    replay(&mut other, 1, &recorded, 1, |_| {});
    let reason = closed_by(&other.events[1]);
    assert_eq!(
        *reason,
        CloseReason::Cryptographic("the cookie does not open")
    );
}

#[test]
fn unwritten_messages_are_returned_unencrypted() {
    let mut pair = pair();
    pair.settle();
    let messages: Vec<Message> = (0..5u8)
        .map(|n| Message::from([vec![n; 100], vec![n]]))
        .collect();
    for message in &messages {
        pair.ends[0].send(message);
    }
    pair.ends[0].subscribe(b"no message");
    let one = 2 + 133 + 2 + 34;
    assert_eq!(pair.ends[0].transmitted(2 * one), 2);
    assert_eq!(pair.ends[0].transmitted(1), 0);
    assert_eq!(pair.ends[0].staged_messages(), 3);
    assert_eq!(pair.ends[0].take_unsent(), messages[3..]);
    assert!(!pair.ends[0].has_transmit());
    // Nothing that is sent after the end is written either, in any form.
    pair.ends[1].handle_timeout(Instant::now() + Duration::from_secs(3600));
    pair.hear(1, &frame(0, b"forged"), Instant::now());
    pair.ends[1].send(&messages[0]);
    assert!(!pair.ends[1].has_transmit());
    assert_eq!(pair.ends[1].take_unsent(), messages[..1]);
}

#[test]
fn the_limit_for_frames_applies_to_decrypted_frames() {
    for (size, taken) in [(1000, true), (1001, false)] {
        let [client, server] = securities();
        let mut limited = secured(SocketType::Router, server);
        limited.max_frame_size = Some(1000);
        let mut pair = Pair::new(secured(SocketType::Dealer, client), limited);
        pair.settle();
        pair.take_traffic();
        pair.ends[0].send(Message::from(vec![1; size]));
        pair.settle();
        let came = matches!(pair.events[1][0], Event::Message(_));
        assert_eq!(came, taken, "{size}");
    }
}

#[test]
fn the_limit_for_messages_applies_to_decrypted_messages() {
    for (size, taken) in [(400, true), (401, false)] {
        let [client, server] = securities();
        let mut limited = secured(SocketType::Router, server);
        limited.max_message_size = Some(1000);
        let mut pair = Pair::new(secured(SocketType::Dealer, client), limited);
        pair.settle();
        pair.take_traffic();
        pair.ends[0].send(Message::from([vec![1; 600], vec![2; size]]));
        pair.ends[0].send(Message::from(vec![3; 1000]));
        pair.settle();
        match &pair.events[1][..] {
            [Event::Message(_), Event::Message(_)] => assert!(taken, "{size}"),
            [Event::Closed(CloseReason::MessageTooLarge { limit: 1000 })] => {
                assert!(!taken, "{size}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn debug_output_of_a_handshake_contains_no_secret() {
    let [client, server] = securities();
    let ends = pair();
    let shown = format!(
        "{client:?} {server:?} {:?} {:?}",
        ends.ends[0], ends.ends[1]
    );
    for secret in [CLIENT_SECRET, SERVER_SECRET] {
        assert!(!shown.contains(&secret[..6]));
        let bytes = format!("{:?}", keypair(secret).secret().as_bytes());
        assert!(!shown.contains(&bytes[1..20]));
    }
}
