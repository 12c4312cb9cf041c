//! Streams without frames.

use super::sending::big;
use super::*;

fn raw(now: Instant) -> Connection {
    let mut config = config(SocketType::Stream);
    config.handshake_timeout = Some(Duration::from_millis(1));
    config.max_frame_size = Some(1);
    Connection::raw(Arc::new(config), now)
}

#[test]
fn a_raw_stream_sends_only_user_bytes_and_has_no_deadline() {
    let now = Instant::now();
    let mut connection = raw(now);
    assert!(!connection.has_transmit());
    assert_eq!(connection.poll_timeout(), None);
    assert!(!connection.is_ready());
    let unknown = PeerInfo {
        socket_type: None,
        identity: Frame::empty(),
        version: (0, 0),
        properties: Vec::new(),
        allowed: Allowed::default(),
    };
    assert_eq!(
        connection.poll_event(),
        Some(Event::Ready(Box::new(unknown)))
    );
    assert!(connection.is_ready());
    assert_eq!(connection.poll_event(), None);
    connection.handle_timeout(now + Duration::from_secs(60));
    assert_eq!(connection.poll_event(), None);
    assert!(!connection.has_transmit() && !connection.is_closed());
}

#[test]
fn received_bytes_are_returned_in_chunks_of_limited_size() {
    let now = Instant::now();
    // Among others what would be a greeting, a command, or frames that are not allowed.
    let mut bytes = script(1, &[PUSH_READY, b"\0\x01x", b"\xff\x08\x03\0"]);
    bytes.extend((0..100_000u32).map(|n| n as u8));
    for at_once in [1, 3, 4096, 100_000] {
        let mut connection = raw(now);
        let mut events = Vec::new();
        for piece in bytes.chunks(at_once) {
            events.extend(feed(&mut connection, piece, now));
        }
        assert!(matches!(events.remove(0), Event::Ready(_)));
        let mut got = Vec::new();
        for event in events {
            match event {
                Event::Message(message) => {
                    assert_eq!(message.len(), 1);
                    assert!((1..=8192).contains(&message[0].len()));
                    got.extend_from_slice(&message[0]);
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(got == bytes, "{at_once} at once");
    }
}

#[test]
fn the_bytes_of_all_frames_are_written_and_messages_counted() {
    let now = Instant::now();
    let messages = [
        Message::from("first"),
        Message::from(["", "a", "", "b", ""]),
        Message::from(big(1)),
        Message::from([vec![], big(2), vec![3], big(4), vec![]]),
        Message::from([vec![5], big(6)]),
        Message::from(vec![7; 300]),
    ];
    let expected: Vec<u8> = messages
        .iter()
        .flat_map(|message| message.frames().iter().flat_map(|frame| frame.to_vec()))
        .collect();
    for at_most in [1, 7, 1000, 70_000, usize::MAX] {
        let mut connection = raw(now);
        assert!(connection.poll_event().is_some());
        for message in &messages {
            connection.send(message);
        }
        assert_eq!(connection.staged_messages(), messages.len());
        assert_eq!(connection.staged_bytes(), expected.len());
        let (bytes, count) = drain(&mut connection, at_most);
        assert!(bytes == expected, "at most {at_most}");
        assert_eq!(count, messages.len());
    }
    let mut connection = raw(now);
    assert!(connection.poll_event().is_some());
    connection.send(Message::from([big(1), vec![1]]));
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    assert_eq!(connection.poll_transmit(&mut slices), 2);
    assert!(connection.capacity() < 5000, "a large payload was copied");
    // Nothing can be taken back, and nothing is left.
    assert_eq!(connection.take_unsent(), []);
    assert_eq!(connection.staged_messages(), 0);
    assert!(!connection.has_transmit());
}
