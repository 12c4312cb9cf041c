//! Signs of life: our own PINGs on the wire, peers that answer and peers that do not.

use crate::common;

use std::net::TcpListener;
use std::time::Duration;

use common::raw::{command, frame, Raw, GREETING};
use common::{next_text, put, within, LIMIT, PATIENCE};
use zmq_channels::error::{ConfigureError, SocketError};
use zmq_channels::{Context, Options, Pair, Pull, Push, Socket};

const SOON: Duration = Duration::from_millis(20);

/// How many PINGs show that a link outlives its timeout.
const MANY: usize = 40;

fn asking(timeout: Duration) -> Options {
    Options::new()
        .heartbeat_interval(Some(SOON))
        .heartbeat_timeout(Some(timeout))
}

fn pull(options: Options) -> (Socket<Pull>, Raw) {
    let pull = Context::new().socket_with::<Pull>(options).unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let raw = Raw::peer(&endpoint, "PUSH");
    (pull, raw)
}

fn ping(raw: &mut Raw) {
    assert_eq!(raw.read_frame(), (4, b"\x04PING\0\0".to_vec()));
}

fn pong(raw: &mut Raw) {
    raw.write(&command("PONG", b""));
}

#[test]
fn a_silent_peer_is_disconnected_and_connected_again() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = asking(3 * SOON).heartbeat_ttl(Some(Duration::from_millis(1590)));
        let push = Context::new().socket_with::<Push>(options).unwrap();
        push.connect(format!("tcp://{}", listener.local_addr().unwrap()))
            .unwrap();
        for _ in 0..3 {
            let mut raw = Raw::from_tcp(listener.accept().unwrap().0);
            raw.shake_hands(GREETING, "PULL");
            // RFC 37, Connection Heartbeating: tenths of a second, rounded down.
            assert_eq!(raw.read(9), b"\x04\x07\x04PING\0\x0f");
            assert!(raw.is_closed_within(PATIENCE));
        }
    });
}

#[test]
fn a_time_to_live_out_of_range_is_an_error() {
    within(LIMIT, || {
        let telling = |millis: u64| {
            let options = Options::new().heartbeat_interval(Some(SOON));
            options.heartbeat_ttl(Some(Duration::from_millis(millis)))
        };
        let context = Context::new();
        let open = context.socket::<Push>().unwrap();
        // 16 bits of tenths, and what wraps around to a short time.
        for millis in [6_553_600, 6_553_700, 13_107_200, u64::MAX] {
            match context.socket_with::<Push>(telling(millis)) {
                Err(SocketError::Option { option, .. }) => assert_eq!(option, "heartbeat_ttl"),
                other => panic!("{millis}: {other:?}"),
            }
            match open.configure(|_| telling(millis)) {
                Err(ConfigureError::Option { option, .. }) => assert_eq!(option, "heartbeat_ttl"),
                other => panic!("{millis}: {other:?}"),
            }
        }
        for (millis, tenths) in [
            (99, [0, 0]),
            (100, [0, 1]),
            (25_699, [1, 0]),
            (6_553_599, [255, 255]),
        ] {
            let (_pull, mut raw) = pull(telling(millis));
            let ping = [&b"\x04PING"[..], &tenths].concat();
            assert_eq!(raw.read_frame(), (4, ping), "{millis} ms");
        }
    });
}

#[test]
fn the_timeout_is_the_interval_unless_it_is_set() {
    within(LIMIT, || {
        let (_pull, mut raw) = pull(Options::new().heartbeat_interval(Some(SOON)));
        ping(&mut raw);
        assert!(raw.is_closed_within(PATIENCE));
    });
}

#[test]
fn a_peer_that_replies_or_sends_stays_connected() {
    within(LIMIT, || {
        let (pull, mut raw) = pull(asking(Duration::from_secs(5)));
        for round in 0..MANY {
            ping(&mut raw);
            pong(&mut raw);
            if round % 3 == 0 {
                raw.write(&frame(0, b"still here"));
                assert_eq!(next_text(&pull.receiver()), "still here");
            }
        }
        // A message is a sign of life, too, and so is one that takes its time.
        let message = frame(0, &[b'x'; MANY]);
        for byte in &message {
            ping(&mut raw);
            raw.write(std::slice::from_ref(byte));
        }
        assert_eq!(next_text(&pull.receiver()), "x".repeat(MANY));
    });
}

#[test]
fn a_peer_unread_because_out_is_full_stays_connected() {
    within(LIMIT, || {
        let timeout = MANY as u32 * SOON / 2;
        let options = asking(timeout).receive_high_water_mark(1);
        // It waits in the kernel: all that it said, or that it is well.
        for messages in [1, 5000] {
            let (pull, mut raw) = pull(options.clone());
            let message = frame(0, &[b'x'; 100]);
            raw.write(&message.repeat(messages));
            for _ in 0..MANY {
                ping(&mut raw);
                if messages == 1 {
                    pong(&mut raw);
                }
            }
            raw.write(&frame(0, b"last"));
            for _ in 0..messages {
                assert_eq!(next_text(&pull.receiver()), "x".repeat(100));
            }
            assert_eq!(next_text(&pull.receiver()), "last");
        }
    });
}

#[test]
fn two_idle_peers_stay_connected() {
    within(LIMIT, || {
        let context = Context::new();
        let patience = Duration::from_secs(5);
        let options = asking(patience).heartbeat_ttl(Some(patience));
        let pair = || context.socket_with::<Pair>(options.clone()).unwrap();
        let (ours, theirs) = (pair(), pair());
        let endpoint = ours.bind("tcp://127.0.0.1:*").unwrap();
        theirs.connect(endpoint).unwrap();
        // A third one does not get in as long as the link lives.
        put(&ours.sender(), "hello");
        assert_eq!(next_text(&theirs.receiver()), "hello");
        let waited = theirs.recv_timeout_blocking(10 * SOON);
        waited.unwrap_err();
        put(&theirs.sender(), "still here");
        assert_eq!(next_text(&ours.receiver()), "still here");
    });
}
