//! Messages in, bytes out.

use super::*;

pub(super) fn big(byte: u8) -> Vec<u8> {
    vec![byte; 5000]
}

#[test]
fn messages_are_written_as_frames_in_pieces_of_any_size() {
    for at_most in [1, 2, 7, 1000, 70_000, usize::MAX] {
        let now = Instant::now();
        let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
        let mut expected = Vec::new();
        for size in [0, 1, 70, 71, 255, 256, 4095, 4096, 100_000] {
            let body = vec![size as u8; size];
            push.send(Message::from(body.clone()));
            expected.extend(frame(0, &body));
        }
        push.send(Message::from([big(1), vec![], big(2), vec![3]]));
        for (flags, body) in [(1, big(1)), (1, vec![]), (1, big(2)), (0, vec![3])] {
            expected.extend(frame(flags, &body));
        }
        assert_eq!(push.staged_bytes(), expected.len());
        assert_eq!(push.staged_messages(), 10);
        let (bytes, messages) = drain(&mut push, at_most);
        assert!(bytes == expected, "at most {at_most}");
        assert_eq!(messages, 10);
        assert_eq!(push.staged_bytes(), 0);
        assert_eq!(push.staged_messages(), 0);
    }
}

#[test]
fn large_payloads_are_not_copied() {
    let now = Instant::now();
    let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
    let message = Message::from(big(1));
    let storage = message[0].as_ptr();
    push.send(message);
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    assert_eq!(push.poll_transmit(&mut slices), 2);
    assert_eq!(slices[1].as_ptr(), storage);
    assert!(push.capacity() < 5000);
    let mut one = [IoSlice::new(&[])];
    assert_eq!(push.poll_transmit(&mut one), 1);
    assert_eq!(one[0].len(), 9);
}

#[test]
fn chunks_are_limited_and_reused() {
    let now = Instant::now();
    let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
    for _ in 0..20 {
        for _ in 0..2000 {
            push.send(Message::from([1u8; 64]));
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let filled = push.poll_transmit(&mut slices);
        assert!(slices[..filled].iter().all(|slice| slice.len() <= 64 << 10));
        assert_eq!(drain(&mut push, 50_000).1, 2000);
        assert!(push.capacity() <= 5 * (64 << 10), "{}", push.capacity());
    }
    push.shrink_to_fit();
    assert_eq!(push.capacity(), 0);
}

#[test]
fn control_bytes_are_not_counted_as_messages() {
    let now = Instant::now();
    let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
    feed(&mut push, b"\x04\x07\x04PING\0\0", now);
    push.send(Message::from("x"));
    feed(&mut push, b"\x04\x07\x04PING\0\0", now);
    assert_eq!(push.staged_messages(), 1);
    let pong = b"\x04\x05\x04PONG";
    let expected = [&pong[..], b"\0\x01x", pong].concat();
    assert_eq!(drain(&mut push, usize::MAX), (expected, 1));
}

#[test]
fn unwritten_messages_are_returned() {
    let now = Instant::now();
    let messages = [
        Message::from("first"),
        Message::from(["a", "b", "c"]),
        Message::from(big(1)),
        Message::from([vec![1], big(2), vec![], big(3), vec![2]]),
        Message::from(vec![9; 300]),
        Message::from([big(4), big(5)]),
        Message::from("last"),
    ];
    let script = |push: &mut Connection| {
        let mut ends = Vec::new();
        for message in &messages {
            feed(push, b"\x04\x07\x04PING\0\0", now);
            push.send(message.clone());
            ends.push(push.staged_bytes());
        }
        feed(push, b"\x04\x07\x04PING\0\0", now);
        ends
    };
    let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
    let ends = script(&mut push);
    let total = push.staged_bytes();
    const PONG: usize = 7;
    for written in 0..=total {
        let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
        script(&mut push);
        // In two steps, so that segments are gone before the last one is counted.
        let counted = push.transmitted(written / 2) + push.transmitted(written - written / 2);
        let begun = ends
            .iter()
            .scan(0, |start, end| Some(std::mem::replace(start, *end) + PONG))
            .filter(|start| *start < written)
            .count();
        assert!(counted <= begun);
        assert_eq!(push.staged_messages(), messages.len() - counted);
        let whole = ends.iter().filter(|end| **end <= written).count();
        assert_eq!(counted + push.count_written(), whole, "{written} written");
        assert_eq!(push.staged_messages(), messages.len() - whole);
        assert_eq!(push.count_written(), 0, "once");
        assert_eq!(push.take_unsent(), messages[begun..], "{written} written");
        assert_eq!(push.staged_bytes(), 0);
        assert_eq!(push.staged_messages(), 0);
        assert!(!push.has_transmit());
        assert_eq!(push.take_unsent(), []);
    }
}

#[test]
fn messages_sent_after_the_end_are_returned() {
    let now = Instant::now();
    let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
    push.send(Message::from("before"));
    let events = feed(&mut push, b"\x08", now);
    assert!(matches!(events[..], [Event::Closed(_)]));
    push.send(Message::from("after"));
    assert!(!push.has_transmit());
    assert_eq!(push.poll_transmit(&mut [IoSlice::new(&[])]), 0);
    let unsent = push.take_unsent();
    assert_eq!(unsent, [Message::from("before"), Message::from("after")]);
}

#[test]
fn subscriptions_of_3_0_are_not_returned_as_unsent_messages() {
    let now = Instant::now();
    let mut xsub = ready(config(SocketType::XSub), 0, PUB_READY, now);
    xsub.subscribe(b"A");
    xsub.send(Message::from("own"));
    xsub.cancel(b"A");
    xsub.cancel(b"B");
    assert_eq!(xsub.take_unsent(), [Message::from("own")]);
}

#[test]
fn generated_messages_are_not_counted_or_returned() {
    let now = Instant::now();
    let greetings = [
        Message::from("hello"),
        Message::from(""),
        Message::from(["a", "", "b"]),
        Message::from([big(1), vec![7; 100_000], vec![]]),
    ];
    let own = Message::from([vec![1], big(2)]);
    for at_most in [1, 7, 1000, 70_000, usize::MAX] {
        let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
        let mut pull = ready(config(SocketType::Pull), 1, PUSH_READY, now);
        let mut expected = Vec::new();
        for greeting in &greetings {
            push.greet(greeting);
            push.send(own.clone());
            expected.extend([greeting.clone(), own.clone()].map(Event::Message));
        }
        assert_eq!(push.staged_messages(), greetings.len());
        let (bytes, messages) = drain(&mut push, at_most);
        assert_eq!(messages, greetings.len());
        assert!(
            feed(&mut pull, &bytes, now) == expected,
            "at most {at_most}"
        );
    }
    let whole = {
        let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
        push.greet(&greetings[2]);
        push.staged_bytes()
    };
    for written in 0..=whole {
        let mut push = ready(config(SocketType::Push), 1, PULL_READY, now);
        push.greet(&greetings[2]);
        push.send(own.clone());
        push.greet(&greetings[3]);
        assert_eq!(push.transmitted(written), 0);
        assert_eq!(
            push.take_unsent(),
            std::slice::from_ref(&own),
            "{written} written"
        );
        assert_eq!(push.staged_messages(), 0);
    }
}
