//! Peers that do not behave: each of them is refused, and no other socket notices.

use crate::common;

mod signals;

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::raw::{command, frame, greeting, long_header, multipart, ready, Raw, GREETING};
use common::{
    alone, eventually, next, next_text, nothing_comes, put, resident, within, Transport, LIMIT,
    PATIENCE,
};
use zmq_channels::monitor::{DisconnectReason, EventKind};
use zmq_channels::{
    Context, ContextOptions, Endpoint, Options, Pull, Push, Rep, Req, Socket, SocketType,
};

/// A PULL, and a PUSH that is and stays connected to it.
struct Honest {
    pull: Socket<Pull>,
    endpoint: Endpoint,
    push: Socket<Push>,
}

impl Honest {
    fn new(transport: Transport, options: Options) -> Honest {
        let (here, there) = transport.contexts();
        let pull = there.socket_with::<Pull>(options).unwrap();
        let endpoint = pull.bind(transport.endpoint()).unwrap();
        let push = here
            .socket_with::<Push>(Options::new().reconnect_interval(None))
            .unwrap();
        push.connect(&endpoint).unwrap();
        let honest = Honest {
            pull,
            endpoint,
            push,
        };
        honest.check();
        honest
    }

    /// The old connection still works, and a new one does.
    fn check(&self) {
        put(&self.push.sender(), "an honest word");
        assert_eq!(next_text(&self.pull.receiver()), "an honest word");
        let mut newcomer = Raw::peer(&self.endpoint, "PUSH");
        newcomer.write(&frame(0, b"another"));
        assert_eq!(next_text(&self.pull.receiver()), "another");
    }
}

/// Runs `misbehave` against a PULL over tcp and ipc: the connection must end, and nothing of
/// what it carried be received.
fn is_sent_away(what: &str, misbehave: impl Fn(&mut Raw)) {
    for transport in Transport::WIRES {
        let honest = Honest::new(transport, Options::new());
        let mut raw = Raw::connect(&honest.endpoint);
        misbehave(&mut raw);
        raw.read_to_end();
        honest.check();
        assert!(
            honest.pull.receiver().is_empty(),
            "{what} over {transport:?} was received"
        );
    }
}

/// As [`is_sent_away`], for a peer that behaves until its handshake is complete.
fn is_sent_away_later(what: &str, bytes: &[u8]) {
    is_sent_away(what, |raw| {
        raw.shake_hands(GREETING, "PUSH");
        raw.write(bytes);
    });
}

// ---- not ZMTP at all

#[test]
fn other_protocols_are_disconnected() {
    within(LIMIT, || {
        let http = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        is_sent_away("HTTP", |raw| raw.write_anyway(http));
        let tls = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7, 7];
        is_sent_away("TLS", |raw| raw.write_anyway(&tls));
        is_sent_away("zeros", |raw| raw.write_anyway(&[0; 64]));
    });
}

#[test]
fn random_bytes_are_disconnected() {
    within(LIMIT, || {
        let honest = Honest::new(Transport::Tcp, Options::new());
        let mut seed: u32 = 12_345;
        for _ in 0..50 {
            let junk: Vec<u8> = (0..200)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let mut raw = Raw::connect(&honest.endpoint);
            raw.write_anyway(&junk);
            raw.read_to_end();
            // Behind a good handshake, too.
            let mut raw = Raw::peer(&honest.endpoint, "PUSH");
            raw.write_anyway(&junk[..1 + junk.len() / 2]);
        }
        // Some of that junk may have been messages.
        for _ in honest.pull.receiver().drain() {}
        put(&honest.push.sender(), ["an", "honest", "word"]);
        while next(&honest.pull.receiver()) != ["an", "honest", "word"].into() {}
    });
}

// ---- handshakes that go wrong

#[test]
fn a_silent_peer_is_disconnected_in_time() {
    within(LIMIT, || {
        let limit = Duration::from_millis(150);
        for transport in Transport::WIRES {
            let options = Options::new().handshake_timeout(Some(limit));
            let honest = Honest::new(transport, options);
            let silent: [&[u8]; 4] = [b"", &GREETING[..5], &GREETING[..32], &GREETING];
            for said in silent {
                let start = Instant::now();
                let mut raw = Raw::connect(&honest.endpoint);
                raw.write(said);
                raw.read_to_end();
                let took = start.elapsed();
                let at = said.len();
                assert!(
                    took >= limit,
                    "{transport:?}: after {at} bytes and {took:?}"
                );
                assert!(
                    took < limit + Duration::from_secs(1),
                    "{transport:?}: {took:?}"
                );
                honest.check();
            }
        }
    });
}

#[test]
fn a_byte_now_and_then_does_not_extend_the_handshake() {
    within(LIMIT, || {
        let options = Options::new().handshake_timeout(Some(Duration::from_secs(1)));
        let honest = Honest::new(Transport::Tcp, options);
        let mut raw = Raw::connect(&honest.endpoint);
        let mut closed = false;
        for byte in GREETING {
            raw.write_anyway(&[byte]);
            closed = raw.is_closed_within(Duration::from_millis(50));
            if closed {
                break;
            }
        }
        assert!(closed, "the whole greeting took 3.2 s");
        honest.check();
    });
}

#[test]
fn another_mechanism_is_refused_after_a_whole_greeting() {
    within(LIMIT, || {
        for mechanism in ["PLAIN", "CURVE", "null", "NULLX", ""] {
            let honest = Honest::new(Transport::Tcp, Options::new());
            let mut raw = Raw::connect(&honest.endpoint);
            raw.write(&greeting(1, mechanism.as_bytes()));
            assert_eq!(raw.read_to_end(), GREETING, "no READY to {mechanism:?}");
            honest.check();
        }
    });
}

#[test]
fn an_incompatible_socket_type_is_refused() {
    within(LIMIT, || {
        for socket_type in ["PULL", "SUB", "REQ", "PAIR", "STREAM", "push", "PUSH2", ""] {
            is_sent_away(socket_type, |raw| {
                raw.shake_hands(GREETING, socket_type);
            });
        }
    });
}

/// Every pair of types gives a clean accept or a clean refusal.
#[test]
fn every_pair_of_types_is_accepted_or_refused() {
    within(LIMIT, || {
        let context = Context::new();
        let supported = SocketType::ALL
            .into_iter()
            // STREAM takes whatever comes.
            .filter(|kind| kind.is_supported() && *kind != SocketType::Stream);
        for ours in supported {
            let socket = context.socket_of(ours, Options::new()).unwrap();
            let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
            for theirs in SocketType::ALL {
                let mut raw = Raw::peer(&endpoint, theirs.name());
                if ours.accepts(theirs) {
                    raw.write(&command("PING", b"\0\0still there?"));
                    let pong = loop {
                        let (flags, body) = raw.read_frame();
                        if flags == 4 {
                            break body; // Behind subscriptions, perhaps.
                        }
                    };
                    assert!(
                        pong.ends_with(b"still there?"),
                        "{ours} and {theirs}: {pong:?}"
                    );
                } else {
                    raw.read_to_end();
                }
            }
        }
    });
}

#[test]
fn malformed_handshakes_are_disconnected() {
    within(LIMIT, || {
        let good = ready("PUSH");
        let truncated = &good[2 + 6..good.len() - 1];
        let mut not_a_command = good.clone();
        not_a_command[0] = 0;
        let cases: [(&str, Vec<u8>); 9] = [
            ("a message before READY", frame(0, b"hello")),
            ("READY as a message", not_a_command),
            ("a READY cut short", command("READY", truncated)),
            (
                "a READY with junk behind",
                command("READY", &[&good[8..], b"junk"].concat()),
            ),
            (
                "a property without a name",
                command("READY", &[0, 0, 0, 0, 0]),
            ),
            ("an unknown command", command("HOWDY", b"")),
            ("PING before READY", command("PING", b"\0\0")),
            ("an endless READY", long_header(4, 1 << 20)),
            ("a refusal", command("ERROR", b"\x03400")),
        ];
        for (what, bytes) in cases {
            is_sent_away(what, |raw| {
                raw.write(&GREETING);
                raw.write_anyway(&bytes);
            });
        }
    });
}

// ---- traffic that goes wrong

#[test]
fn malformed_frames_are_disconnected() {
    within(LIMIT, || {
        is_sent_away_later("a reserved flag", &frame(0x08, b"x"));
        is_sent_away_later("another reserved flag", &frame(0x80, b"x"));
        is_sent_away_later("a command with MORE", &[5, 5, 4, b'P', b'I', b'N', b'G']);
        is_sent_away_later("2^63 bytes", &long_header(0, 1 << 63));
        is_sent_away_later("2^64 - 1 bytes", &long_header(0, u64::MAX));
    });
}

#[test]
fn malformed_commands_are_disconnected() {
    within(LIMIT, || {
        is_sent_away_later("a command without a name", &frame(4, b""));
        is_sent_away_later("a name longer than the command", &frame(4, b"\x09PING"));
        is_sent_away_later("a PING without time-to-live", &command("PING", b"\0"));
        is_sent_away_later("a second READY", &ready("PUSH"));
        is_sent_away_later("half a message, then a malformed command", &{
            [frame(1, b"half"), frame(4, b"\xffx")].concat()
        });
    });
}

#[test]
fn frames_up_to_the_limit_are_received_and_larger_ones_are_not() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let honest = Honest::new(transport, Options::new().max_frame_size(Some(1000)));
            let mut raw = Raw::peer(&honest.endpoint, "PUSH");
            raw.write(&frame(0, &[7; 1000]));
            assert_eq!(next(&honest.pull.receiver()), vec![7; 1000].into());
            // The limit is for one frame, not for a message.
            raw.write(&[frame(1, &[7; 1000]), frame(0, &[8; 1000])].concat());
            assert_eq!(next(&honest.pull.receiver()).byte_len(), 2000);

            raw.write(&[frame(1, b"good"), long_header(0, 1001)].concat());
            raw.read_to_end();
            honest.check();
            let mut raw = Raw::peer(&honest.endpoint, "PUSH");
            raw.write(&long_header(0, 1 << 46));
            raw.read_to_end();
            honest.check();
            assert!(honest.pull.receiver().is_empty());
        }
    });
}

/// Memory grows with what was received, never with what was announced.
#[test]
fn announced_sizes_allocate_no_memory() {
    alone(LIMIT, || {
        let honest = Honest::new(Transport::Tcp, Options::new());
        let before = resident();
        let mut liars: Vec<Raw> = (0..50)
            .map(|number| {
                let mut raw = Raw::peer(&honest.endpoint, "PUSH");
                raw.write(&long_header(number % 2, 1 << 46));
                raw.write(&[7; 1000]);
                raw
            })
            .collect();
        honest.check();
        let grown = resident().saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes");
        // It is not forbidden, only unlikely: no peer is refused for it.
        for liar in &mut liars {
            assert!(!liar.is_closed_within(Duration::from_millis(1)));
        }
        drop(liars);
        honest.check();
        assert!(honest.pull.receiver().is_empty());
    });
}

#[test]
fn a_truncated_message_is_dropped() {
    within(LIMIT, || {
        let whole = multipart(&["first", "second", "third"]);
        for transport in Transport::WIRES {
            let honest = Honest::new(transport, Options::new());
            for length in 0..whole.len() {
                let mut raw = Raw::peer(&honest.endpoint, "PUSH");
                raw.write(&whole[..length]);
            }
            honest.check();
            let mut raw = Raw::peer(&honest.endpoint, "PUSH");
            raw.write(&whole);
            assert_eq!(
                next(&honest.pull.receiver()),
                ["first", "second", "third"].into()
            );
            nothing_comes(&honest.pull.receiver());
        }
    });
}

// ---- many, and the wrong server

#[test]
fn a_flood_of_silent_connections_locks_no_peer_out() {
    within(LIMIT, || {
        let honest = Honest::new(Transport::Tcp, Options::new());
        let silent: Vec<Raw> = (0..200).map(|_| Raw::connect(&honest.endpoint)).collect();
        honest.check();
        drop(silent);
        honest.check();
    });
}

#[test]
fn a_server_of_another_protocol_is_disconnected_and_tried_again() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wrong = format!("tcp://{}", listener.local_addr().unwrap());
        let again = Duration::from_millis(5);
        let options = Options::new()
            .reconnect_interval(Some(again))
            .reconnect_interval_max(again);
        let push = Context::new().socket_with::<Push>(options).unwrap();
        push.connect(&wrong).unwrap();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220 mail.example.org ESMTP\r\n").unwrap();
            Raw::from_tcp(stream).read_to_end();
        }
        // What it has to say goes to the right one meanwhile.
        let pull = Context::new().socket::<Pull>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        for number in 0..10 {
            put(&push.sender(), number.to_string());
            assert_eq!(next_text(&pull.receiver()), number.to_string());
        }
        // And to both, once the first has come to its senses.
        let mut raw = Raw::from_tcp(listener.accept().unwrap().0);
        raw.shake_hands(GREETING, "PULL");
        push.wait_connected_blocking(2).unwrap();
        put(&push.sender(), "to one of you");
        put(&push.sender(), "to the other");
        let heard = [raw.read_frame().1, next(&pull.receiver())[0].to_vec()];
        assert!(heard.contains(&b"to one of you".to_vec()), "{heard:?}");
        assert!(heard.contains(&b"to the other".to_vec()), "{heard:?}");
    });
}

#[test]
fn a_silent_server_is_disconnected_in_time() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let limit = Duration::from_millis(100);
        let options = Options::new()
            .handshake_timeout(Some(limit))
            .reconnect_interval(Some(limit / 10))
            .reconnect_interval_max(limit / 10);
        let push = Context::new().socket_with::<Push>(options).unwrap();
        push.connect(format!("tcp://{}", listener.local_addr().unwrap()))
            .unwrap();
        for _ in 0..3 {
            let (stream, _) = listener.accept().unwrap();
            let start = Instant::now();
            Raw::from_tcp(stream).read_to_end();
            let took = start.elapsed();
            assert!(took < limit + Duration::from_secs(1), "{took:?}");
        }
    });
}

/// A client that sends a request and leaves, again and again, does not stop a REP.
#[test]
fn disconnecting_clients_do_not_stop_a_server() {
    within(LIMIT, || {
        let rep = Context::new().socket::<Rep>().unwrap();
        let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
        for _ in 0..20 {
            let mut raw = Raw::peer(&endpoint, "REQ");
            raw.write(&multipart(&["", "bye"]));
            assert_eq!(next_text(&rep.receiver()), "bye");
            drop(raw);
            put(&rep.sender(), "too late");
        }
        let req = Context::new().socket::<Req>().unwrap();
        req.connect(&endpoint).unwrap();
        put(&req.sender(), "and I stay");
        assert_eq!(next_text(&rep.receiver()), "and I stay");
        put(&rep.sender(), "welcome");
        assert_eq!(next_text(&req.receiver()), "welcome");
    });
}

/// An honest peer that is slow with its handshake stays while a flood of others comes and goes:
/// silent ones from its own address, and such that greet, from elsewhere.
#[test]
fn a_flood_of_unfinished_handshakes_locks_no_slow_peer_out() {
    const PLACES: usize = 16;
    within(LIMIT, || {
        for greets in [false, true] {
            let options = ContextOptions::new().max_handshakes(PLACES);
            let context = Context::with_options(options).unwrap();
            let pull = context.socket::<Pull>().unwrap();
            let tcp = pull.bind("tcp://127.0.0.1:*").unwrap();
            let ipc = pull.bind(Transport::Ipc.endpoint()).unwrap();
            let mut honest = Raw::connect(if greets { &ipc } else { &tcp });
            honest.write(&GREETING[..10]);
            honest.read(11);
            let mut flood: Vec<_> = (0..10 * PLACES).map(|_| Raw::connect(&tcp)).collect();
            if greets {
                let greeting = &GREETING[..10];
                flood.iter_mut().for_each(|raw| raw.write_anyway(greeting));
            }
            eventually("only as many stay as there are places, less one", || {
                flood.retain_mut(|raw| !raw.is_closed_within(Duration::from_millis(1)));
                flood.len() < PLACES
            });
            honest.write(&GREETING[10..]);
            honest.read(53);
            honest.write(&ready("PUSH"));
            pull.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
            honest.write(&frame(0, b"honest"));
            assert_eq!(next_text(&pull.receiver()), "honest");
        }
    });
}

/// The place is the new peer's, from wherever it comes, and not that of the connection before it.
#[test]
fn at_the_limit_of_handshakes_a_new_peer_does_not_make_way_for_a_silent_one() {
    within(LIMIT, || {
        let options = ContextOptions::new().max_handshakes(1);
        let context = Context::with_options(options).unwrap();
        let pull = context.socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let address = endpoint.as_str().strip_prefix("tcp://").unwrap();
        let elsewhere = Context::new();
        for round in 2..22 {
            let mut silent = Raw::connect(&endpoint);
            silent.write(&GREETING[..10]);
            silent.read(11);
            let push = elsewhere.socket_with::<Push>(Options::new().reconnect_interval(None));
            let push = push.unwrap();
            push.connect(format!("tcp://127.0.0.{round}:0;{address}"))
                .unwrap();
            put(&push.sender(), round.to_string());
            assert_eq!(next_text(&pull.receiver()), round.to_string());
        }
    });
}

/// An endless message ends where the socket says, and until then it is seen to grow.
#[test]
fn an_endless_message_is_counted_and_ends_at_the_limit() {
    within(LIMIT, || {
        const FRAME: usize = 64 << 10;
        let more = frame(1, &[7; FRAME]);
        for (options, limit) in [
            (Options::new().max_message_size(Some(1 << 20)), 1 << 20),
            (Options::new().max_frame_size(Some(FRAME as u64)), 16 << 20),
        ] {
            let pull = Context::new().socket_with::<Pull>(options).unwrap();
            let monitor = pull.monitor().unwrap();
            let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
            let mut raw = Raw::peer(&endpoint, "PUSH");
            let frames = limit / FRAME;
            raw.write(&more);
            raw.write(&more);
            eventually("two frames are counted", || {
                let peers = pull.statistics().unwrap().peers;
                peers
                    .first()
                    .is_some_and(|peer| peer.unfinished_in == 2 * FRAME as u64)
            });
            (2..=frames).for_each(|_| raw.write_anyway(&more));
            let reason = loop {
                let event = monitor.recv_timeout_blocking(PATIENCE).unwrap();
                if let EventKind::Disconnected { reason } = event.kind {
                    break reason;
                }
            };
            let limit = limit as u64;
            assert_eq!(reason, DisconnectReason::MessageTooLarge { limit });
        }
    });
}

#[test]
fn silent_connections_that_hold_all_descriptors_are_ended() {
    alone(LIMIT, || {
        let context = Context::new();
        let patient = Options::new().handshake_timeout(None);
        let pull = context.socket_with::<Pull>(patient).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        // Two silent connections, both ends of each, and this end of an honest one.
        files.truncate(files.len() - 5);
        let _silent = [Raw::connect(&endpoint), Raw::connect(&endpoint)];
        let mut honest = Raw::peer(&endpoint, "PUSH");
        honest.write(&frame(0, b"an honest word"));
        assert_eq!(next_text(&pull.receiver()), "an honest word");
    });
}
