//! Subscriptions in messages of several frames.

use super::*;

#[test]
fn subscriptions_are_found_among_the_frames_of_a_message() {
    let bytes = script(
        1,
        &[
            SUB_READY,
            // A PING between the frames changes nothing.
            b"\x01\x02\x01A\x04\x07\x04PING\0\0\x01\x01x\0\x02\x01B",
            b"\x01\x01x\x01\x02\0C\0\x01y",
            b"\x01\x02\x01D\0\x02\x01E",
            b"\x01\x02\x01F\0\x01z",
            b"\0\x02\x01G",
        ],
    );
    let subscribe = |topic: &str| Event::Subscribe(Frame::from(topic));
    let any = [
        subscribe("A"),
        subscribe("B"),
        message(&[b"x"]),
        Event::Cancel(Frame::from("C")),
        message(&[b"x", b"y"]),
        subscribe("D"),
        subscribe("E"),
        subscribe("F"),
        message(&[b"z"]),
        subscribe("G"),
    ];
    let only_first = [
        subscribe("A"),
        message(&[b"x", b"\x01B"]),
        message(&[b"x", b"\0C", b"y"]),
        subscribe("D"),
        message(&[b"\x01E"]),
        subscribe("F"),
        message(&[b"z"]),
        subscribe("G"),
    ];
    assert_eq!(traffic_of(config(SocketType::XPub), &bytes), any);
    let config = Config {
        only_first_subscribe: true,
        ..config(SocketType::XPub)
    };
    assert_eq!(traffic_of(config, &bytes), only_first);
}
