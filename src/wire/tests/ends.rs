//! Two ends against each other, and one against random bytes.

use super::groups::RADIO_READY;
use super::sending::big;
use super::*;
use crate::message::storage::tests::FreshMemory;

/// Two connections and the pipes between them, on a virtual clock.
struct Pair {
    ends: [Connection; 2],
    events: [Vec<Event>; 2],
    now: Instant,
}

impl Pair {
    fn new(types: [SocketType; 2]) -> Self {
        let now = Instant::now();
        Pair {
            ends: types.map(|kind| Connection::new(Arc::new(config(kind)), Opening::Null, now)),
            events: [Vec::new(), Vec::new()],
            now,
        }
    }

    /// Moves bytes, `at_most` at a time, until there are no more.
    fn settle(&mut self, at_most: usize) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for from in [0, 1] {
                let mut slices = [IoSlice::new(&[]); 1];
                if self.ends[from].poll_transmit(&mut slices) == 0 {
                    continue;
                }
                let bytes = slices[0][..slices[0].len().min(at_most)].to_vec();
                self.ends[from].transmitted(bytes.len());
                let events = feed(&mut self.ends[1 - from], &bytes, self.now);
                self.events[1 - from].extend(events);
                self.now += Duration::from_millis(1);
                moved = true;
            }
        }
    }
}

#[test]
fn two_ends_complete_the_handshake_and_exchange_messages() {
    for at_most in [1, 3, 10, 64, usize::MAX] {
        let mut pair = Pair::new([SocketType::Dealer, SocketType::Router]);
        pair.settle(at_most);
        for (mine, theirs) in [(0, SocketType::Router), (1, SocketType::Dealer)] {
            assert!(pair.ends[mine].is_ready());
            match &std::mem::take(&mut pair.events[mine])[..] {
                [Event::Ready(peer)] => {
                    assert_eq!(peer.socket_type, Some(theirs));
                    assert_eq!(peer.version, (3, 1));
                }
                other => panic!("{other:?}"),
            }
        }
        let messages = [
            Message::from("small"),
            Message::from(["", "request"]),
            Message::from(vec![1; 70_000]),
            Message::from([big(1), vec![], vec![2; 300]]),
        ];
        for message in &messages {
            pair.ends[0].send(message.clone());
            pair.ends[1].send(message.clone());
        }
        pair.settle(at_most);
        let expected = messages.map(Event::Message);
        assert_eq!(pair.events, [expected.to_vec(), expected.to_vec()]);
    }
}

#[test]
fn an_end_that_listens_sends_ready_second() {
    for at_most in [1, 3, 10, 64, usize::MAX] {
        let mut pair = Pair::new([SocketType::Pull, SocketType::Push]);
        pair.ends[1].listen();
        pair.settle(at_most);
        assert!(pair.ends.iter().all(Connection::is_ready));
        assert!(pair.events.iter().all(|events| events.len() == 1));
    }
    let now = Instant::now();
    let mut end = Connection::new(Arc::new(config(SocketType::Push)), Opening::Null, now);
    end.listen();
    assert!(feed(&mut end, &greeting(1), now).is_empty());
    assert_eq!(drain(&mut end, usize::MAX).0.len(), 64, "only a greeting");
    assert_eq!(feed(&mut end, PULL_READY, now).len(), 1);
    assert_eq!(drain(&mut end, usize::MAX).0, PUSH_READY);
    // An incompatible peer is told so, and receives no READY.
    let mut end = Connection::new(Arc::new(config(SocketType::Push)), Opening::Null, now);
    end.listen();
    feed(&mut end, &script(1, &[SUB_READY]), now);
    let said = drain(&mut end, usize::MAX).0;
    assert!(said.windows(5).all(|bytes| bytes != b"READY"));
    assert!(said.windows(5).any(|bytes| bytes == b"ERROR"));
}

#[test]
fn two_incompatible_ends_both_close() {
    let mut pair = Pair::new([SocketType::Pub, SocketType::Pull]);
    pair.settle(5);
    for (events, theirs) in pair.events.iter().zip(["PULL", "PUB"]) {
        match &events[..] {
            [Event::Closed(CloseReason::IncompatibleSocketType { theirs: told, .. })] => {
                assert_eq!(told, theirs);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_subscriber_reaches_its_publisher() {
    let mut pair = Pair::new([SocketType::Sub, SocketType::Pub]);
    pair.settle(usize::MAX);
    pair.events = Default::default();
    pair.ends[0].subscribe(b"news.");
    pair.ends[0].cancel(b"news.");
    pair.settle(4);
    let topic = || Frame::from("news.");
    let expected = [Event::Subscribe(topic()), Event::Cancel(topic())];
    assert_eq!(pair.events[1], expected);
}

// Anything at all.

#[test]
fn no_bytes_cause_panic_or_excess() {
    let pieces: [&[u8]; 17] = [
        PUSH_READY,
        SUB_READY,
        b"\0\x01x",
        b"\x01\0",
        b"\x01\x01\x01",
        b"\x04\x07\x04PING\0\x01",
        b"\x04\x0b\x09SUBSCRIBEA",
        b"\x02\0\0\0\0\0\x01\0\0",
        b"\x02\0\0\0\x10\0\0\0\0",
        b"\x06\0\0\0\0\0\0\xff\xff",
        b"\x04\x0a\x05ERROR\x03400",
        b"\x7f\xff\xff\xff\xff",
        b"\x04\x06CANC",
        b"\x06\x01frame",
        b"\xff\0\0\0\0\0\0\0\x01\0",
        b"\xff\0\0\x10\0\0\0\0\0\0",
        b"",
    ];
    let now = Instant::now();
    let _fresh = FreshMemory::only();
    for seed in 1..=6000 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut bytes = greeting((seed % 2) as u8);
        let socket_type = [SocketType::Pull, SocketType::Pub, SocketType::Dish][random.below(3)];
        bytes.extend_from_slice([PUSH_READY, SUB_READY, RADIO_READY][random.below(3)]);
        // ZMTP 1.0 and 2.0, and the revisions between them.
        match random.below(8) {
            0 => bytes = b"\x03\0me".to_vec(),
            1 => bytes = b"\xff\0\0\0\0\0\0\0\x03\0me".to_vec(),
            2 => bytes = b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\x02me".to_vec(),
            3 => bytes = b"\xff\0\0\0\0\0\0\0\x01\x7f\0\x02\x03\0me".to_vec(),
            _ => {}
        }
        for _ in 0..random.below(30) {
            bytes.extend_from_slice(pieces[random.below(pieces.len())]);
            let fill = random.below(20);
            bytes.extend((0..fill).map(|_| random.next() as u8 & 7));
        }
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
        let mut config = config(socket_type);
        config.max_frame_size = [None, Some(1000)][random.below(2)];
        config.in_batch_size = [1 << 10, 128 << 10][random.below(2)];
        config.heartbeat = [
            None,
            Some(Heartbeat {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                time_to_live: 1,
            }),
        ][random.below(2)];
        let config = Arc::new(config);
        let mut expected = None;
        for _ in 0..3 {
            let mut connection = Connection::new(Arc::clone(&config), Opening::Null, now);
            let mut events = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(1 + random.below(rest.len()));
                events.extend(feed(&mut connection, piece, now));
                rest = later;
            }
            connection.handle_timeout(now + Duration::from_secs(3600));
            events.extend(feed(&mut connection, &[], now));
            assert!(connection.capacity() < 100_000, "seed {seed}");
            let ends = events.iter().filter(|e| matches!(e, Event::Closed(_)));
            assert!(ends.count() <= 1, "seed {seed}: {events:?}");
            assert_eq!(
                *expected.get_or_insert(events.clone()),
                events,
                "seed {seed}"
            );
        }
    }
}
