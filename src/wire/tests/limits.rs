//! Limits on the size of a message, all its frames together.

use super::*;

/// Messages of up to `most` bytes.
fn limited(socket_type: SocketType, most: u64) -> Config {
    Config {
        max_message_size: Some(most),
        ..config(socket_type)
    }
}

fn too_large(limit: u64) -> Event {
    Event::Closed(CloseReason::MessageTooLarge { limit })
}

#[test]
fn the_frames_of_a_message_are_limited_together() {
    let whole = message(&[&[1; 400], &[2; 400], &[3; 200]]);
    for (last, event) in [(200, whole.clone()), (201, too_large(1000))] {
        let bytes = script(
            1,
            &[
                PUSH_READY,
                &frame(1, &[1; 400]),
                &frame(1, &[2; 400]),
                // It is not part of the message.
                &frame(4, b"\x04PING\0\0some context"),
                &frame(0, &vec![3; last]),
            ],
        );
        assert_eq!(traffic_of(limited(SocketType::Pull, 1000), &bytes), [event]);
    }
    // The next message starts from zero; and a single frame is a message, too.
    for (last, event) in [(1000, message(&[&[4; 1000]])), (1001, too_large(1000))] {
        let bytes = script(
            1,
            &[
                PUSH_READY,
                &frame(1, &[1; 400]),
                &frame(1, &[2; 400]),
                &frame(0, &[3; 200]),
                &frame(0, &vec![4; last]),
            ],
        );
        let events = traffic_of(limited(SocketType::Pull, 1000), &bytes);
        assert_eq!(events, [whole.clone(), event]);
    }
}

/// A command is not part of the message, and has room where the message has none left.
#[test]
fn a_command_fits_between_the_frames_of_a_full_message() {
    let bytes = script(
        1,
        &[
            PUSH_READY,
            &frame(1, &[1; 1000]),
            &frame(4, b"\x04PING\0\0some context"),
            &frame(0, b""),
        ],
    );
    let events = traffic_of(limited(SocketType::Pull, 1000), &bytes);
    assert_eq!(events, [message(&[&[1; 1000], b""])]);
}

#[test]
fn publishers_obey_the_limits_as_well() {
    for (size, event) in [
        (500, message(&[b"a", &[7; 499], &[7; 500]])),
        (501, too_large(1000)),
    ] {
        let bytes = script(
            1,
            &[
                SUB_READY,
                &frame(1, b"a"),
                &frame(1, &[7; 499]),
                &frame(0, &vec![7; size]),
            ],
        );
        let config = limited(SocketType::XPub, 1000);
        assert_eq!(traffic_of(config, &bytes), [event]);
    }
}

#[test]
fn announced_sizes_are_checked_before_the_bytes_arrive() {
    const LIMIT: u64 = 1 << 20;
    let announced = |bytes: u64| [&[2][..], &bytes.to_be_bytes()].concat();
    for begun in [&[][..], &[frame(1, &vec![5; 300_000])]] {
        let held = begun.iter().map(Vec::len).sum::<usize>() as u64;
        let mut pieces = vec![PUSH_READY];
        pieces.extend(begun.iter().map(Vec::as_slice));
        let header = announced(LIMIT + 1 - held.saturating_sub(9));
        pieces.push(&header);
        let bytes = script(1, &pieces);
        let events = feed_all(limited(SocketType::Pull, LIMIT), &bytes);
        assert_eq!(events.last(), Some(&too_large(LIMIT)), "{held} before");
    }
    // A frame that exceeds the limit for frames is reported as that.
    let mut both = limited(SocketType::Pull, LIMIT);
    both.max_frame_size = Some(1000);
    let bytes = script(1, &[PUSH_READY, &frame(1, &[1; 1000]), &announced(1001)]);
    let reason = CloseReason::FrameTooLarge {
        announced: 1001,
        limit: 1000,
    };
    assert_eq!(feed_all(both, &bytes).last(), Some(&Event::Closed(reason)));
}

fn feed_all(config: Config, bytes: &[u8]) -> Vec<Event> {
    let now = Instant::now();
    let mut connection = Connection::new(Arc::new(config), Opening::Null, now);
    feed(&mut connection, bytes, now)
}

#[test]
fn received_bytes_of_an_incomplete_message_are_counted() {
    let now = Instant::now();
    let mut connection = ready(config(SocketType::Pull), 1, PUSH_READY, now);
    assert_eq!(connection.unfinished_bytes(), 0);
    feed(&mut connection, &frame(1, &[1; 300]), now);
    assert_eq!(connection.unfinished_bytes(), 300);
    let large = frame(0, &vec![1; 200_000]);
    feed(&mut connection, &large[..100_009], now);
    assert_eq!(connection.unfinished_bytes(), 100_300);
    assert_eq!(feed(&mut connection, &large[100_009..], now).len(), 1);
    assert_eq!(connection.unfinished_bytes(), 0);
}
