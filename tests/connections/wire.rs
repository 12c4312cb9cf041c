//! ZMTP as a peer sees it that is not this library: bytes written and read by hand.

use crate::common;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::raw::{command, frame, greeting, long_header, multipart, ready, Raw, GREETING};
use common::{next, next_text, nothing_comes, put, within, Transport, LIMIT, PATIENCE};
use zmq_channels::kind::Typed;
use zmq_channels::{
    Context, Message, Options, Pair, Pub, Pull, Push, Rep, Req, Sender, Socket, SocketType, Sub,
};

/// ZMTP 3.0: the same greeting, but for the minor version.
const GREETING_3_0: [u8; 64] = greeting(0, b"NULL");

/// A socket bound over tcp, and a raw peer whose handshake is complete.
fn facing<K: Typed>(peer: &str) -> (Socket<K>, Raw) {
    let socket = Context::new().socket::<K>().unwrap();
    let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
    let raw = Raw::peer(&endpoint, peer);
    (socket, raw)
}

// ---- greeting and READY

#[test]
fn the_greeting_is_exact_and_sent_in_steps() {
    within(LIMIT, || {
        let pull = Context::new().socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        // Not more than a peer of an older version would understand, at each step.
        let mut raw = Raw::connect(&endpoint);
        assert_eq!(raw.read(10), GREETING[..10]);
        raw.write(&GREETING[..10]);
        assert_eq!(raw.read(1), [3]);
        raw.write(&GREETING[10..11]);
        assert_eq!(raw.read(53), GREETING[11..]);
        raw.write(&GREETING[11..]);
        assert_eq!(raw.read_frame(), (4, ready("PULL")[2..].to_vec()));
    });
}

#[test]
fn ready_is_exact_for_every_type() {
    within(LIMIT, || {
        let context = Context::new();
        for kind in SocketType::ALL
            .into_iter()
            .filter(|kind| kind.is_supported())
        {
            // STREAM has none: it sends nothing by itself.
            let peer = SocketType::ALL.into_iter().find(|peer| kind.accepts(*peer));
            let Some(peer) = peer else {
                continue;
            };
            let announces = matches!(
                kind,
                SocketType::Req | SocketType::Dealer | SocketType::Router
            );
            for routing_id in ["", "me"] {
                let options = Options::new().routing_id(routing_id);
                let socket = context.socket_of(kind, options).unwrap();
                let endpoint = socket.bind("tcp://127.0.0.1:*").unwrap();
                let mut raw = Raw::connect(&endpoint);
                raw.write(&GREETING);
                let signature = raw.read(64);
                let announced = if announces { routing_id } else { "" };
                assert_eq!(usize::from(signature[8]), 1 + announced.len());
                raw.write(&ready(peer.name()));

                let name = kind.name().as_bytes();
                let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
                body.push(name.len() as u8);
                body.extend(name);
                if announces {
                    body.extend(b"\x08Identity\0\0\0");
                    body.push(routing_id.len() as u8);
                    body.extend(routing_id.as_bytes());
                }
                assert_eq!(raw.read_frame(), (4, body), "{kind}");
            }
        }
    });
}

#[test]
fn user_properties_are_sent_in_ready() {
    within(LIMIT, || {
        let options = Options::new()
            .property("X-color", "blue")
            .property("x-Empty", "");
        let pull = Context::new().socket_with::<Pull>(options).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let mut raw = Raw::connect(&endpoint);
        let ready = raw.shake_hands(GREETING, "PUSH");
        let body = b"\x05READY\x0bSocket-Type\0\0\0\x04PULL\
                     \x07X-color\0\0\0\x04blue\x07x-Empty\0\0\0\0";
        assert_eq!(ready, frame(4, body));
    });
}

#[test]
fn properties_of_peers_are_read_ignoring_case() {
    within(LIMIT, || {
        let property = |name: &str, value: &str| {
            let mut bytes = vec![name.len() as u8];
            bytes.extend(name.as_bytes());
            bytes.extend((value.len() as u32).to_be_bytes());
            bytes.extend(value.as_bytes());
            bytes
        };
        let many = [
            property("X-Version", "7"),
            property("socket-type", "PUSH"),
            property("Identity", ""),
            property("Resource", "/here"),
        ];
        let pull = Context::new().socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        for metadata in [many.concat(), vec![]] {
            let mut raw = Raw::connect(&endpoint);
            raw.write(&GREETING);
            raw.write(&command("READY", &metadata));
            raw.write(&frame(0, b"hello"));
            assert_eq!(next_text(&pull.receiver()), "hello");
        }
        // A version to come steps down by itself.
        let mut raw = Raw::connect(&endpoint);
        let mut to_come = greeting(9, b"NULL");
        to_come[10] = 4;
        raw.shake_hands(to_come, "PUSH");
        raw.write(&frame(0, b"from tomorrow"));
        assert_eq!(next_text(&pull.receiver()), "from tomorrow");
    });
}

#[test]
fn fast_and_slow_peers_are_understood() {
    within(LIMIT, || {
        let everything = [
            GREETING.to_vec(),
            ready("PUSH"),
            multipart(&["one", "", "three"]),
            command("PING", b"\0\0"),
            frame(0, &[7; 300]),
        ]
        .concat();
        for transport in Transport::WIRES {
            let pull = Context::new().socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for step in [everything.len(), 1, 7] {
                let mut raw = Raw::connect(&endpoint);
                for bytes in everything.chunks(step) {
                    raw.write(bytes);
                }
                assert_eq!(next(&pull.receiver()), ["one", "", "three"].into());
                assert_eq!(next(&pull.receiver()), vec![7; 300].into());
            }
        }
    });
}

// ---- messages

#[test]
fn frames_are_exact() {
    within(LIMIT, || {
        let (push, mut raw) = facing::<Push>("PULL");
        let long = |size: usize| [long_header(0, size as u64), vec![7; size]].concat();
        let cases: Vec<(Message, Vec<u8>)> = vec![
            ("hello".into(), b"\x00\x05hello".to_vec()),
            ("".into(), vec![0, 0]),
            (
                ["a", "", "bc"].into(),
                b"\x01\x01a\x01\x00\x00\x02bc".to_vec(),
            ),
            (vec![7; 255].into(), [vec![0, 255], vec![7; 255]].concat()),
            (vec![7; 256].into(), long(256)),
            (vec![7; 100_000].into(), long(100_000)),
        ];
        for (message, bytes) in cases {
            put(&push.sender(), message.clone());
            assert!(raw.read(bytes.len()) == bytes, "{message:?}");
        }
    });
}

#[test]
fn a_long_size_is_accepted_for_short_frames() {
    within(LIMIT, || {
        let (pull, mut raw) = facing::<Pull>("PUSH");
        raw.write(&[long_header(1, 1), b"a".to_vec(), long_header(0, 0)].concat());
        assert_eq!(next(&pull.receiver()), ["a", ""].into());
        let ping = [long_header(4, 9), b"\x04PING\0\0hi".to_vec()].concat();
        raw.write(&ping);
        assert_eq!(raw.read_frame(), (4, b"\x04PONGhi".to_vec()));
    });
}

#[test]
fn a_raw_pair_exchanges_messages_over_tcp_and_ipc() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let pair = Context::new().socket::<Pair>().unwrap();
            let mut raw = Raw::peer(&pair.bind(transport.endpoint()).unwrap(), "PAIR");
            raw.write(&multipart(&["hihi", "what's", "up?"]));
            assert_eq!(next(&pair.receiver()), ["hihi", "what's", "up?"].into());
            put(&pair.sender(), ["not", "much"]);
            assert_eq!(raw.read(10), multipart(&["not", "much"])[..10]);
        }
    });
}

#[test]
fn a_request_is_an_empty_frame_and_the_body() {
    within(LIMIT, || {
        let (req, mut raw) = facing::<Req>("REP");
        put(&req.sender(), ["a", "question"]);
        let question = multipart(&["", "a", "question"]);
        assert_eq!(raw.read(question.len()), question);
        raw.write(&multipart(&["", "an", "", "answer"]));
        assert_eq!(next(&req.receiver()), ["an", "", "answer"].into());
        // Only what was asked for is an answer.
        raw.write(&multipart(&["", "unasked"]));
        put(&req.sender(), "another");
        assert_eq!(raw.read(11), multipart(&["", "another"]));
        raw.write(&multipart(&["", "and its answer"]));
        let got = next_text(&req.receiver());
        assert!(got == "and its answer" || got == "unasked", "{got}");
    });
}

#[test]
fn a_reply_returns_along_its_envelope() {
    within(LIMIT, || {
        let (rep, mut raw) = facing::<Rep>("DEALER");
        // Without an empty frame it is no request.
        raw.write(&multipart(&["no", "envelope"]));
        raw.write(&multipart(&["X", "Y", "", "a", "", "question"]));
        assert_eq!(next(&rep.receiver()), ["a", "", "question"].into());
        put(&rep.sender(), ["an", "answer"]);
        let reply = multipart(&["X", "Y", "", "an", "answer"]);
        assert_eq!(raw.read(reply.len()), reply);
    });
}

// ---- commands among messages

#[test]
fn ping_is_replied_to_with_pong_and_its_context() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let pull = Context::new().socket::<Pull>().unwrap();
            let mut raw = Raw::peer(&pull.bind(transport.endpoint()).unwrap(), "PUSH");
            for context in ["", "x", "sixteen bytes!!"] {
                raw.write(&command("PING", &[b"\0\0", context.as_bytes()].concat()));
                let pong = command("PONG", context.as_bytes());
                assert_eq!(raw.read(pong.len()), pong);
            }
        }
    });
}

#[test]
fn ping_is_accepted_in_the_middle_of_a_message() {
    within(LIMIT, || {
        let (pull, mut raw) = facing::<Pull>("PUSH");
        raw.write(&frame(1, b"first"));
        raw.write(&command("PING", b"\0\0now"));
        assert_eq!(raw.read_frame(), (4, b"\x04PONGnow".to_vec()));
        assert!(pull.receiver().is_empty(), "half a message");
        raw.write(&frame(1, b"second"));
        raw.write(&command("WHATEVER", b"unknown commands are ignored"));
        raw.write(&frame(0, b"third"));
        assert_eq!(next(&pull.receiver()), ["first", "second", "third"].into());
    });
}

#[test]
fn a_time_to_live_is_honoured() {
    within(LIMIT, || {
        let (pull, mut raw) = facing::<Pull>("PUSH");
        // In tenths of a second. Whatever is heard in time keeps the connection.
        raw.write(&command("PING", b"\0\x03"));
        for _ in 0..3 {
            assert!(!raw.is_closed_within(Duration::from_millis(150)));
            raw.write(&frame(0, b"alive"));
            assert_eq!(next_text(&pull.receiver()), "alive");
        }
        raw.write(&command("PING", b"\0\x03"));
        let start = Instant::now();
        raw.read_to_end();
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(250) && took < PATIENCE / 2,
            "{took:?}"
        );
    });
}

// ---- subscriptions

/// Publishes `silent` and then `loud` until `raw` hears `loud` without the other before it.
fn only_hears(publisher: &Sender, raw: &mut Raw, silent: &str, loud: &str) {
    let deadline = Instant::now() + PATIENCE;
    for round in 0.. {
        assert!(Instant::now() < deadline, "{silent:?} is still heard");
        let mark = format!("{loud} {round}");
        put(publisher, format!("{silent} {round}"));
        put(publisher, mark.as_str());
        let mut clean = true;
        loop {
            match raw.read_frame() {
                (0, body) if body == mark.as_bytes() => break,
                (0, _) => clean = false,
                other => panic!("{other:?}"),
            }
        }
        if clean {
            return;
        }
    }
}

/// Publishes `topic` until `raw` hears it.
fn hears(publisher: &Sender, raw: &mut Raw, topic: &str) {
    let mut heard = false;
    let deadline = Instant::now() + PATIENCE;
    while !heard {
        assert!(Instant::now() < deadline, "{topic:?} is never heard");
        put(publisher, topic);
        // PONG ends the wait if nothing is published to this peer.
        raw.write(&command("PING", b"\0\0"));
        loop {
            match raw.read_frame() {
                (4, _) => break,
                (_, body) => heard |= body == topic.as_bytes(),
            }
        }
    }
    // Nothing of the rounds before is left when this is answered.
    raw.write(&command("PING", b"\0\0last"));
    while raw.read_frame() != (4, b"\x04PONGlast".to_vec()) {}
}

#[test]
fn both_forms_of_subscriptions_are_accepted_from_either_version() {
    within(LIMIT, || {
        let as_message = |first: u8, topic: &str| frame(0, &[&[first], topic.as_bytes()].concat());
        let publisher = Context::new().socket::<Pub>().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        for greeting in [GREETING, GREETING_3_0] {
            for in_messages in [true, false] {
                let mut raw = Raw::connect(&endpoint);
                raw.shake_hands(greeting, "SUB");
                let subscribe = |topic: &str| match in_messages {
                    true => as_message(1, topic),
                    false => command("SUBSCRIBE", topic.as_bytes()),
                };
                let cancel = |topic: &str| match in_messages {
                    true => as_message(0, topic),
                    false => command("CANCEL", topic.as_bytes()),
                };
                // A set: two subscriptions to the same are one, and one cancel ends it.
                raw.write(&subscribe("news"));
                raw.write(&subscribe("news"));
                raw.write(&subscribe("weather"));
                hears(&publisher.sender(), &mut raw, "news");
                hears(&publisher.sender(), &mut raw, "weather");
                raw.write(&cancel("news"));
                only_hears(&publisher.sender(), &mut raw, "news", "weather");
                // One that was never there changes nothing.
                raw.write(&cancel("we"));
                hears(&publisher.sender(), &mut raw, "weather");
            }
        }
    });
}

#[test]
fn a_sub_uses_the_form_of_its_publisher() {
    within(LIMIT, || {
        let cases = [
            (
                GREETING,
                command("SUBSCRIBE", b"news"),
                command("CANCEL", b"news"),
            ),
            (GREETING_3_0, frame(0, b"\x01news"), frame(0, b"\0news")),
        ];
        for (greeting, subscribe, cancel) in cases {
            let sub = Context::new().socket::<Sub>().unwrap();
            let endpoint = sub.bind("tcp://127.0.0.1:*").unwrap();
            sub.subscribe("news").unwrap();
            let mut raw = Raw::connect(&endpoint);
            raw.shake_hands(greeting, "PUB");
            assert_eq!(raw.read(subscribe.len()), subscribe);
            sub.unsubscribe("news").unwrap();
            assert_eq!(raw.read(cancel.len()), cancel);
            // What no subscription asked for stays out, even if a publisher sends it.
            sub.subscribe("weather").unwrap();
            raw.write(&frame(0, b"news not wanted"));
            raw.write(&frame(0, b"weather"));
            assert_eq!(next_text(&sub.receiver()), "weather");
            nothing_comes(&sub.receiver());
        }
    });
}

#[test]
fn long_topics_cross_the_borders_of_short_frames() {
    within(LIMIT, || {
        for length in [244, 245, 246, 247, 253, 254, 255, 256, 70_000] {
            let topic = vec![b'x'; length];
            for (greeting, expected) in [
                (GREETING, command("SUBSCRIBE", &topic)),
                (GREETING_3_0, frame(0, &[&[1], &topic[..]].concat())),
            ] {
                let sub = Context::new().socket::<Sub>().unwrap();
                sub.subscribe(&topic).unwrap();
                let mut raw = Raw::connect(&sub.bind("tcp://127.0.0.1:*").unwrap());
                raw.shake_hands(greeting, "PUB");
                assert!(raw.read(expected.len()) == expected, "{length} bytes");
            }
        }
    });
}

#[test]
fn subscriptions_are_sent_again_on_a_new_connection() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pause = Duration::from_millis(5);
        let options = Options::new()
            .reconnect_interval(Some(pause))
            .reconnect_interval_max(pause);
        let sub = Context::new().socket_with::<Sub>(options).unwrap();
        sub.connect(format!("tcp://{}", listener.local_addr().unwrap()))
            .unwrap();
        for topic in ["a", "b", "b", "c"] {
            sub.subscribe(topic).unwrap();
        }
        sub.unsubscribe("c").unwrap();
        sub.unsubscribe("b").unwrap(); // One of two.
        for _ in 0..3 {
            let (stream, _) = listener.accept().unwrap();
            let mut raw = Raw::from_tcp(stream);
            raw.shake_hands(GREETING, "PUB");
            let mut said = [raw.read_frame(), raw.read_frame()];
            said.sort();
            let expected = |topic: &str| (4, format!("\x09SUBSCRIBE{topic}").into_bytes());
            assert_eq!(said, [expected("a"), expected("b")]);
            raw.write(&frame(0, b"a message"));
            assert_eq!(next_text(&sub.receiver()), "a message");
        }
    });
}
