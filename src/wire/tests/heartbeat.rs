//! Our own PINGs, and what becomes of a peer that does not answer.

use super::*;

const PING: &[u8] = b"\x04\x07\x04PING\0\x19";
const PONG: &[u8] = b"\x04\x05\x04PONG";
const CLOSED: Event = Event::Closed(CloseReason::HeartbeatTimeout);

/// A connection that asks each second and waits for the given number of milliseconds.
fn asking(timeout: u64, now: Instant) -> Connection {
    let mut config = config(SocketType::Push);
    config.heartbeat = Some(Heartbeat {
        interval: Duration::from_secs(1),
        timeout: Duration::from_millis(timeout),
        time_to_live: 25,
    });
    ready(config, 1, PULL_READY, now)
}

struct Clock(Instant);

impl Clock {
    fn at(&self, millis: u64) -> Instant {
        self.0 + Duration::from_millis(millis)
    }
}

fn clock() -> Clock {
    Clock(Instant::now())
}

#[test]
fn a_ping_with_the_time_to_live_is_sent_each_interval() {
    let clock = clock();
    let mut connection = asking(300, clock.at(0));
    for second in 1..5 {
        let due = second * 1000;
        assert_eq!(connection.poll_timeout(), Some(clock.at(due)));
        connection.handle_timeout(clock.at(due - 1));
        assert!(!connection.has_transmit());
        connection.handle_timeout(clock.at(due));
        assert_eq!(drain(&mut connection, 99).0, PING);
        assert_eq!(connection.poll_timeout(), Some(clock.at(due + 300)));
        assert_eq!(feed(&mut connection, PONG, clock.at(due + 299)), []);
    }
}

#[test]
fn without_the_option_no_ping_is_sent_and_without_a_ttl_it_is_zero() {
    let clock = clock();
    let connection = ready(config(SocketType::Push), 1, PULL_READY, clock.at(0));
    assert_eq!(connection.poll_timeout(), None);
    // Peers of ZMTP 3.0 answer as well.
    let mut config = config(SocketType::Push);
    let second = Duration::from_secs(1);
    config.heartbeat = Some(Heartbeat {
        interval: second,
        timeout: second,
        time_to_live: 0,
    });
    let mut connection = ready(config.clone(), 0, PULL_READY, clock.at(0));
    connection.handle_timeout(clock.at(1000));
    assert_eq!(drain(&mut connection, 99).0, b"\x04\x07\x04PING\0\0");
    // Not before the handshake.
    let mut connection = Connection::new(Arc::new(config), Opening::Null, clock.at(0));
    drain(&mut connection, 99);
    connection.handle_timeout(clock.at(5000));
    assert!(!connection.has_transmit());
}

#[test]
fn a_silent_peer_is_disconnected_after_the_timeout() {
    let clock = clock();
    for (timeout, over) in [(300, 1300), (1000, 2000), (2500, 3500)] {
        let mut connection = asking(timeout, clock.at(0));
        let mut pings = 0;
        while let Some(due) = connection.poll_timeout() {
            assert_eq!(connection.poll_event(), None);
            assert!(due <= clock.at(over));
            connection.handle_timeout(due);
            pings += drain(&mut connection, 99).0.len() / PING.len();
        }
        assert_eq!(connection.poll_event(), Some(CLOSED), "after {over} ms");
        assert_eq!(pings as u64, timeout.div_ceil(1000));
        // It is over.
        connection.handle_timeout(clock.at(99_000));
        assert!(!connection.has_transmit());
    }
}

#[test]
fn any_byte_counts_as_a_sign_of_life() {
    let clock = clock();
    let message = frame(0, &[1; 100]);
    let mut connection = asking(300, clock.at(0));
    // A large message that takes its time, and no PONG at all.
    for (index, byte) in message.iter().enumerate() {
        let ping = 1000 + 1000 * index as u64;
        connection.handle_timeout(clock.at(ping));
        assert_eq!(drain(&mut connection, 99).0, PING);
        let byte = std::slice::from_ref(byte);
        feed(&mut connection, byte, clock.at(ping + 250));
        connection.handle_timeout(clock.at(ping + 300));
        assert!(!connection.is_closed(), "byte {index}");
    }
    // It was heard in another way.
    let end = 1000 * message.len() as u64;
    connection.handle_timeout(clock.at(end + 1000));
    connection.hear(clock.at(end + 1299));
    connection.handle_timeout(clock.at(end + 1300));
    assert!(!connection.is_closed());
    connection.handle_timeout(clock.at(end + 2000));
    connection.handle_timeout(clock.at(end + 2300));
    assert_eq!(connection.poll_event(), Some(CLOSED));
}

#[test]
fn undecoded_bytes_count_as_a_sign_of_life() {
    let clock = clock();
    let mut connection = asking(300, clock.at(0));
    let room = connection.recv_slice();
    room[..3].copy_from_slice(b"\0\x01x");
    connection.recv_advance(3, clock.at(900));
    connection.handle_timeout(clock.at(1000));
    connection.handle_timeout(clock.at(1300));
    assert_eq!(connection.poll_timeout(), Some(clock.at(1600)));
    assert_eq!(connection.poll_event(), Some(message(&[b"x"])));
    connection.handle_timeout(clock.at(1600));
    assert_eq!(connection.poll_event(), Some(CLOSED));
}

#[test]
fn a_ping_behind_bytes_in_progress_is_not_overdue() {
    let clock = clock();
    let mut connection = asking(300, clock.at(0));
    connection.send(Message::from(vec![1; 100_000]));
    let staged = connection.staged_bytes();
    connection.handle_timeout(clock.at(1000));
    let with_ping = staged + PING.len();
    assert_eq!(connection.staged_bytes(), with_ping);
    for round in 1..20 {
        connection.transmitted(1000);
        connection.handle_timeout(clock.at(1000 + round * 300));
        assert!(!connection.is_closed(), "round {round}");
        // One unwritten PING is enough.
        assert_eq!(connection.staged_bytes(), with_ping - round as usize * 1000);
    }
    connection.handle_timeout(clock.at(1000 + 20 * 300));
    assert_eq!(connection.poll_event(), Some(CLOSED));
}

#[test]
fn a_late_reader_extends_the_timeout_once() {
    let clock = clock();
    let mut connection = asking(300, clock.at(0));
    connection.handle_timeout(clock.at(1000));
    connection.handle_timeout(clock.at(9000));
    assert!(!connection.is_closed());
    assert_eq!(connection.poll_timeout(), Some(clock.at(9300)));
    connection.handle_timeout(clock.at(9300));
    assert_eq!(connection.poll_event(), Some(CLOSED));
}

#[test]
fn heartbeats_in_both_directions_keep_a_connection() {
    let clock = clock();
    let mut ends = [
        asking(300, clock.at(0)),
        ready(config(SocketType::Pull), 1, PUSH_READY, clock.at(0)),
    ];
    let mut now = clock.at(0);
    for _ in 0..100 {
        // The other end has no option, but the time-to-live we told it.
        let due = ends.iter().filter_map(Connection::poll_timeout).min();
        now = due.unwrap();
        for end in &mut ends {
            end.handle_timeout(now);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let bytes = drain(&mut ends[from], 99).0;
            assert_eq!(feed(&mut ends[to], &bytes, now), []);
        }
    }
    assert_eq!(now, clock.at(100_000));
}
