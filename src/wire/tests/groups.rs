//! What RADIO sends to DISH (RFC 48).

use super::*;

pub(super) const RADIO_READY: &[u8] = b"\x04\x1b\x05READY\x0bSocket-Type\0\0\0\x05RADIO";

fn heard(frames: &[&[u8]]) -> Vec<Event> {
    traffic_of(
        config(SocketType::Dish),
        &script(1, &[&[RADIO_READY], frames].concat()),
    )
}

#[test]
fn messages_of_a_group_have_two_frames() {
    let longest = [b'g'; 255];
    let large = vec![7; 50_000];
    let events = heard(&[
        &frame(1, b"group"),
        &frame(0, b"body"),
        &frame(1, b""),
        b"\x04\x07\x04PING\0\0",
        &frame(0, b""),
        &frame(1, &longest),
        &frame(0, &large),
    ]);
    let expected = [
        message(&[b"group", b"body"]),
        message(&[b"", b""]),
        message(&[&longest, &large]),
    ];
    assert!(events == expected);
}

#[test]
fn any_other_message_ends_the_connection_of_a_dish() {
    let good = [frame(1, b"g"), frame(0, b"b")].concat();
    for bad in [
        frame(0, b"alone"),
        frame(0, b""),
        frame(0, &[b'x'; 100]),
        frame(1, &[b'g'; 256]),
        [frame(1, b"g"), frame(1, b"b")].concat(),
    ] {
        let events = heard(&[&good, &bad, &good]);
        assert_eq!(events[0], message(&[b"g", b"b"]));
        assert!(matches!(
            events[1..],
            [Event::Closed(CloseReason::MalformedMessage(_))]
        ));
    }
    // To others it is a message like any other.
    let events = traffic_of(
        config(SocketType::Pull),
        &script(1, &[PUSH_READY, &frame(0, b"alone")]),
    );
    assert_eq!(events, [message(&[b"alone"])]);
}
