//! Peers of ZMTP 2.0 (RFC 15) and 1.0 (RFC 13), written by hand: every pattern that is as old as
//! they are, whichever side connects; and those of them that are not taken, or do not behave.

use crate::common;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use common::raw::Raw;
use common::{eventually, next, next_text, put, within, Transport, LIMIT, PATIENCE};
use zmq_channels::kind::Typed;
use zmq_channels::monitor::{DisconnectReason, EventKind, PeerIdentity};
use zmq_channels::options::ZmtpVersion;
use zmq_channels::statistics::DropReason;
use zmq_channels::{
    Context, Dealer, Linger, Message, Monitor, Options, Pair, Pub, Pull, Push, Rep, Req, Router,
    Security, Socket, SocketType, Sub, XPub, XSub,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Zmtp1,
    Zmtp2,
}

use Version::{Zmtp1, Zmtp2};

const VERSIONS: [Version; 2] = [Zmtp1, Zmtp2];

/// A peer of an old version, whose handshake is done.
struct Old {
    raw: Raw,
    version: Version,
    /// What it was told to call us.
    our_name: Vec<u8>,
}

impl Old {
    /// Shakes hands as a socket of the type with this number (RFC 15, Formal Grammar).
    fn meet(mut raw: Raw, version: Version, socket_type: u8, identity: &str) -> Old {
        let signature = raw.read(10);
        assert_eq!((signature[0], signature[9]), (0xff, 0x7f));
        let length = u64::from_be_bytes(signature[1..9].try_into().unwrap());
        let identity = frame(version, 0, identity.as_bytes());
        let our_name = match version {
            Zmtp1 => {
                raw.write(&identity);
                raw.read(length as usize - 1)
            }
            Zmtp2 => {
                raw.write(b"\xff\0\0\0\0\0\0\0\x01\x7f");
                assert_eq!(raw.read(1), [3]);
                raw.write(&[1, socket_type]);
                assert!(raw.read(1)[0] < 9);
                let (flags, name) = raw.read_frame();
                assert_eq!((flags, name.len() as u64 + 1), (0, length));
                raw.write(&identity);
                name
            }
        };
        Old {
            raw,
            version,
            our_name,
        }
    }

    fn say<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        let last = frames.len() - 1;
        let bytes = frames
            .iter()
            .enumerate()
            .map(|(index, body)| frame(self.version, u8::from(index != last), body.as_ref()));
        self.raw.write(&bytes.collect::<Vec<_>>().concat());
    }

    /// The next whole message.
    fn hear(&mut self) -> Message {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = match self.version {
                Zmtp2 => self.raw.read_frame(),
                Zmtp1 => {
                    let length = match self.raw.read(1)[0] {
                        0xff => u64::from_be_bytes(self.raw.read(8).try_into().unwrap()),
                        length => u64::from(length),
                    };
                    let flags = self.raw.read(1)[0];
                    (flags, self.raw.read(length as usize - 1))
                }
            };
            assert!(flags < 2, "no other flag than MORE: {flags}");
            frames.push(body);
            if flags == 0 {
                return frames.into();
            }
        }
    }
}

/// A frame of either version, header made by hand.
fn frame(version: Version, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 1;
    let header = match version {
        Zmtp2 => return common::raw::frame(flags, body),
        Zmtp1 if length < 255 => vec![length as u8, flags],
        Zmtp1 => [&[0xff][..], &(length as u64).to_be_bytes(), &[flags]].concat(),
    };
    [header, body.to_vec()].concat()
}

/// Runs `check` on a socket of ours and an old peer of it, for each version and transport, and
/// whichever of them connects.
fn meet<K: Typed>(
    socket_type: u8,
    identity: &str,
    options: Options,
    mut check: impl FnMut(Socket<K>, &mut Old),
) {
    for version in VERSIONS {
        for transport in Transport::WIRES {
            let socket = Context::new().socket_with::<K>(options.clone()).unwrap();
            let raw = Raw::connect(&socket.bind(transport.endpoint()).unwrap());
            check(socket, &mut Old::meet(raw, version, socket_type, identity));

            let socket = Context::new().socket_with::<K>(options.clone()).unwrap();
            let raw = accept_from(&socket, transport);
            check(socket, &mut Old::meet(raw, version, socket_type, identity));
        }
    }
}

/// Our socket connects to a listener made for it.
fn accept_from<K: Typed>(socket: &Socket<K>, transport: Transport) -> Raw {
    if transport == Transport::Tcp {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        socket.connect(format!("tcp://{address}")).unwrap();
        return Raw::from_tcp(listener.accept().unwrap().0);
    }
    let endpoint = transport.endpoint();
    let path = endpoint.strip_prefix("ipc://").unwrap();
    let listener = UnixListener::bind(path).unwrap();
    socket.connect(&endpoint).unwrap();
    let raw = Raw::from_unix(listener.accept().unwrap().0);
    std::fs::remove_file(path).unwrap();
    raw
}

fn messages() -> Vec<Message> {
    let sizes = [0, 1, 63, 64, 65, 252, 253, 254, 255, 256, 5000, 300_000];
    let sizes = sizes.map(|size: usize| Message::from(vec![size as u8; size]));
    let several = [
        Message::from(["a", "", "b"]),
        Message::from([vec![], vec![1; 70_000], vec![2; 253], vec![]]),
    ];
    sizes.into_iter().chain(several).collect()
}

/// The numbers of RFC 15.
const PAIR: u8 = 0;
const PUB: u8 = 1;
const SUB: u8 = 2;
const REQ: u8 = 3;
const REP: u8 = 4;
const DEALER: u8 = 5;
const ROUTER: u8 = 6;
const PULL: u8 = 7;
const PUSH: u8 = 8;

// ---- every pattern

#[test]
fn push_reaches_an_old_pull() {
    within(LIMIT, || {
        meet::<Push>(PULL, "", Options::new(), |push, old| {
            for message in messages() {
                put(&push.sender(), message.clone());
                assert!(old.hear() == message);
            }
        });
    });
}

#[test]
fn an_old_push_reaches_pull() {
    within(LIMIT, || {
        meet::<Pull>(PUSH, "", Options::new(), |pull, old| {
            for message in messages() {
                old.say(&message.iter().collect::<Vec<_>>());
                assert!(next(&pull.receiver()) == message);
            }
        });
    });
}

#[test]
fn pairs_talk_both_ways() {
    within(LIMIT, || {
        meet::<Pair>(PAIR, "", Options::new(), |pair, old| {
            for message in messages() {
                put(&pair.sender(), message.clone());
                assert!(old.hear() == message);
                old.say(&message.iter().collect::<Vec<_>>());
                assert!(next(&pair.receiver()) == message);
            }
        });
    });
}

#[test]
fn requests_and_replies_keep_their_envelopes() {
    within(LIMIT, || {
        meet::<Req>(REP, "", Options::new(), |req, old| {
            for _ in 0..3 {
                put(&req.sender(), ["question", ""]);
                assert_eq!(old.hear(), ["", "question", ""].into());
                old.say(&["", "answer"]);
                assert_eq!(next_text(&req.receiver()), "answer");
            }
        });
        meet::<Rep>(REQ, "", Options::new(), |rep, old| {
            for _ in 0..3 {
                old.say(&["", "question", ""]);
                assert_eq!(next(&rep.receiver()), ["question", ""].into());
                put(&rep.sender(), "answer");
                assert_eq!(old.hear(), ["", "answer"].into());
            }
        });
        // A way back of several stations.
        meet::<Rep>(DEALER, "", Options::new(), |rep, old| {
            old.say(&["far", "near", "", "question"]);
            assert_eq!(next_text(&rep.receiver()), "question");
            put(&rep.sender(), "answer");
            assert_eq!(old.hear(), ["far", "near", "", "answer"].into());
        });
    });
}

#[test]
fn a_router_addresses_old_peers_by_identity() {
    within(LIMIT, || {
        let options = Options::new().router_mandatory(true);
        meet::<Router>(DEALER, "anna", options.clone(), |router, old| {
            old.say(&["hello"]);
            assert_eq!(next(&router.receiver()), ["anna", "hello"].into());
            put(&router.sender(), ["anna", "how are you?"]);
            assert_eq!(old.hear(), "how are you?".into());
        });
        // The others get one.
        for identity in ["", "\0anna"] {
            meet::<Router>(REQ, identity, options.clone(), |router, old| {
                old.say(&["", "hello"]);
                let message = next(&router.receiver());
                let name = message[0].clone();
                assert_eq!((name.first(), name.len()), (Some(&0), 5));
                put(&router.sender(), [name, "".into(), "yes?".into()]);
                assert_eq!(old.hear(), ["", "yes?"].into());
            });
        }
    });
}

#[test]
fn a_dealer_sends_old_peers_its_identity() {
    within(LIMIT, || {
        for name in ["", "me", &"n".repeat(255)] {
            let options = Options::new().routing_id(name);
            meet::<Dealer>(ROUTER, "", options, |dealer, old| {
                assert_eq!(old.our_name, name.as_bytes());
                put(&dealer.sender(), ["a", "b"]);
                assert_eq!(old.hear(), ["a", "b"].into());
                old.say(&["c"]);
                assert_eq!(next_text(&dealer.receiver()), "c");
            });
        }
        // To those that route by nothing it is none of their business.
        meet::<Push>(PULL, "", Options::new().routing_id("me"), |push, old| {
            assert_eq!(old.our_name, b"");
            put(&push.sender(), "x");
            assert_eq!(old.hear(), "x".into());
        });
    });
}

#[test]
fn a_publisher_filters_for_2_0_and_not_for_1_0() {
    within(LIMIT, || {
        meet::<Pub>(SUB, "", Options::new(), |publisher, old| {
            if old.version == Zmtp2 {
                old.say(&["\x01news"]);
                old.say(&["\x01gone"]);
                old.say(&["\0gone"]);
            }
            // Subscriptions are not answered: the first message tells that all is heard.
            loop {
                put(&publisher.sender(), "news at last");
                if publisher.topics().unwrap() == 1 {
                    break;
                }
            }
            put(&publisher.sender(), "weather");
            put(&publisher.sender(), ["news", "end"]);
            let version = old.version;
            let heard: Vec<Message> = std::iter::repeat_with(|| old.hear())
                .skip_while(|message| *message == "news at last".into())
                .take(if version == Zmtp1 { 2 } else { 1 })
                .collect();
            let end = Message::from(["news", "end"]);
            match version {
                Zmtp1 => assert_eq!(heard, ["weather".into(), end]),
                Zmtp2 => assert_eq!(heard, [end]),
            }
        });
    });
}

#[test]
fn an_xpub_receives_subscriptions_of_old_peers() {
    within(LIMIT, || {
        meet::<XPub>(10, "", Options::new(), |publisher, old| {
            if old.version == Zmtp2 {
                old.say(&["\x01news"]);
                assert_eq!(next(&publisher.receiver()), "\x01news".into());
            } else {
                assert_eq!(next(&publisher.receiver()), "\x01".into());
            }
            put(&publisher.sender(), "news");
            assert_eq!(old.hear(), "news".into());
            if old.version == Zmtp2 {
                old.say(&["\0news"]);
                assert_eq!(next(&publisher.receiver()), "\0news".into());
            }
        });
    });
}

#[test]
fn a_sub_filters_messages_of_old_publishers() {
    within(LIMIT, || {
        for number in [PUB, 9] {
            meet::<Sub>(number, "", Options::new(), |sub, old| {
                sub.subscribe("news").unwrap();
                sub.subscribe("gone").unwrap();
                sub.unsubscribe("gone").unwrap();
                if old.version == Zmtp2 {
                    for said in ["\x01news", "\x01gone", "\0gone"] {
                        assert_eq!(old.hear(), said.into());
                    }
                }
                for message in ["weather", "gone by", "news", "new", "news!"] {
                    old.say(&[message]);
                }
                assert_eq!(next_text(&sub.receiver()), "news");
                assert_eq!(next_text(&sub.receiver()), "news!");
                assert!(sub.receiver().is_empty());
                // RFC 13, Broadcast Content: "A subscriber SHALL NOT send any content."
                sub.close_blocking();
                assert_eq!(old.raw.read_to_end(), b"");
            });
        }
    });
}

#[test]
fn an_xsub_receives_all_messages_of_old_publishers() {
    within(LIMIT, || {
        meet::<XSub>(PUB, "", Options::new(), |xsub, old| {
            put(&xsub.sender(), "\x01news");
            if old.version == Zmtp2 {
                assert_eq!(old.hear(), "\x01news".into());
            }
            for message in messages() {
                old.say(&message.iter().collect::<Vec<_>>());
                assert!(next(&xsub.receiver()) == message);
            }
        });
    });
}

// ---- what else has to do with peers

#[test]
fn a_socket_reconnects_to_an_old_peer() {
    within(LIMIT, || {
        let pause = Duration::from_millis(5);
        for version in VERSIONS {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let options = Options::new()
                .reconnect_interval(Some(pause))
                .reconnect_interval_max(pause);
            let dealer = Context::new().socket_with::<Dealer>(options).unwrap();
            dealer
                .connect(format!("tcp://{}", listener.local_addr().unwrap()))
                .unwrap();
            for round in 0..3 {
                let raw = Raw::from_tcp(listener.accept().unwrap().0);
                let mut old = Old::meet(raw, version, ROUTER, "");
                put(&dealer.sender(), format!("round {round}"));
                assert_eq!(old.hear(), format!("round {round}").into());
                old.say(&["seen"]);
                assert_eq!(next_text(&dealer.receiver()), "seen");
            }
            // A peer may be replaced by one of another age.
            let mut raw = Raw::from_tcp(listener.accept().unwrap().0);
            raw.shake_hands(common::raw::GREETING, "ROUTER");
            put(&dealer.sender(), "new");
            assert_eq!(raw.read_frame(), (0, b"new".to_vec()));
        }
    });
}

#[test]
fn old_and_new_subscribers_receive_a_message_in_their_own_framing() {
    within(LIMIT, || {
        let publisher = Context::new().socket::<XPub>().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        let mut new = Raw::peer(&endpoint, "SUB");
        new.write(&common::raw::command("SUBSCRIBE", b""));
        assert_eq!(next(&publisher.receiver()), "\x01".into());
        let mut olds: Vec<Old> = Vec::new();
        for version in VERSIONS {
            let old = Old::meet(Raw::connect(&endpoint), version, SUB, "");
            olds.push(old);
        }
        olds[1].say(&["\x01"]);
        common::eventually("all are there", || {
            publisher.statistics().unwrap().peers.len() == 3
        });
        olds[1].say(&["\x01x"]);
        assert_eq!(next(&publisher.receiver()), "\x01x".into());
        for message in messages() {
            put(&publisher.sender(), message.clone());
            for old in &mut olds {
                assert!(old.hear() == message);
            }
            for (index, body) in message.iter().enumerate() {
                let more = u8::from(index + 1 < message.len());
                assert!(new.read_frame() == (more, body.to_vec()));
            }
        }
    });
}

#[test]
fn old_peers_receive_no_heartbeats() {
    within(LIMIT, || {
        let beat = Duration::from_millis(10);
        let options = Options::new()
            .heartbeat_interval(Some(beat))
            .heartbeat_ttl(Some(10 * beat));
        meet::<Pair>(PAIR, "", options, |pair, old| {
            assert!(!old.raw.is_closed_within(10 * beat));
            put(&pair.sender(), "still there");
            assert_eq!(old.hear(), "still there".into());
        });
    });
}

#[test]
fn hello_and_probe_use_the_framing_of_old_peers() {
    within(LIMIT, || {
        let hello = Message::from(["hello", ""]);
        meet::<Push>(PULL, "", Options::new().hello(hello), |push, old| {
            put(&push.sender(), "x");
            assert_eq!(old.hear(), ["hello", ""].into());
            assert_eq!(old.hear(), "x".into());
        });
        let probing = Options::new().probe_router(true);
        meet::<Dealer>(ROUTER, "", probing, |_, old| {
            assert_eq!(old.hear(), "".into());
        });
        // One for those that came to us, one for those we went to.
        let telling = Options::new()
            .disconnect_notice("gone")
            .hiccup_notice("gone");
        meet::<Router>(DEALER, "anna", telling, |router, old| {
            old.say(&["here"]);
            assert_eq!(next(&router.receiver()), ["anna", "here"].into());
            old.raw = Raw::from_tcp(loose_end());
            assert_eq!(next(&router.receiver()), ["anna", "gone"].into());
        });
    });
}

/// An unconnected connection, to take the place of one that is dropped.
fn loose_end() -> std::net::TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

/// The next event that `pick` takes.
fn until<T>(monitor: &Monitor, mut pick: impl FnMut(EventKind) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the event does not come");
        let event = monitor.recv_timeout_blocking(PATIENCE).unwrap();
        if let Some(picked) = pick(event.kind) {
            return picked;
        }
    }
}

fn refused(monitor: &Monitor) -> DisconnectReason {
    until(monitor, |kind| match kind {
        EventKind::HandshakeSucceeded(peer) => panic!("{peer:?}"),
        EventKind::HandshakeFailed { reason } => Some(reason),
        _ => None,
    })
}

#[test]
fn monitors_report_the_version_of_peers() {
    within(LIMIT, || {
        for (version, bytes, socket_type) in [
            ((1, 0), &b"\x05\0anna"[..], None),
            (
                (2, 0),
                b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\x04anna",
                Some(SocketType::Dealer),
            ),
        ] {
            let router = Context::new().socket::<Router>().unwrap();
            let monitor = router.monitor().unwrap();
            let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
            // All at once, and byte by byte.
            for step in [bytes.len(), 1] {
                let mut raw = Raw::connect(&endpoint);
                bytes.chunks(step).for_each(|piece| raw.write(piece));
                let peer: PeerIdentity = until(&monitor, |kind| match kind {
                    EventKind::HandshakeSucceeded(peer) => Some(peer),
                    EventKind::HandshakeFailed { reason } => panic!("{reason}"),
                    _ => None,
                });
                assert_eq!(peer.version, Some(version));
                assert_eq!(peer.socket_type, socket_type);
                assert_eq!(peer.routing_id, "anna");
                assert!(peer.properties.is_empty());
                drop(raw);
                until(&monitor, |kind| match kind {
                    EventKind::Disconnected { reason } => Some(reason),
                    _ => None,
                });
            }
        }
    });
}

// ---- what this is not for

#[test]
fn sockets_that_require_security_refuse_old_peers() {
    within(LIMIT, || {
        let refusing = [
            Options::new().security(Security::PlainServer),
            Options::new().security(Security::plain_client("admin", "secret")),
            Options::new().zap_domain("global"),
        ];
        for (options, version) in refusing.iter().flat_map(|o| VERSIONS.map(|v| (o, v))) {
            for transport in Transport::WIRES {
                let pull = Context::new().socket_with::<Pull>(options.clone()).unwrap();
                let monitor = pull.monitor().unwrap();
                let endpoint = pull.bind(transport.endpoint()).unwrap();
                let theirs: &[u8] = match version {
                    Zmtp1 => b"\x01\0\x02\0x",
                    Zmtp2 => b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0\0\x01x",
                };
                let mut raw = Raw::connect(&endpoint);
                raw.write_anyway(theirs);
                raw.read_to_end();
                let reason = refused(&monitor);
                let text = reason.to_string();
                assert!(
                    matches!(reason, DisconnectReason::Incompatible(_))
                        && text.contains("knows no security"),
                    "{text}"
                );
                assert!(pull.receiver().is_empty());

                // Nor do we talk to such a server.
                let options = options.clone().linger(Linger::For(Duration::ZERO));
                let socket = Context::new().socket_with::<Push>(options).unwrap();
                let monitor = socket.monitor().unwrap();
                put(&socket.sender(), "secret");
                let mut raw = accept_from(&socket, transport);
                raw.write_anyway(match version {
                    Zmtp1 => b"\x01\0",
                    Zmtp2 => b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x07\0\0",
                });
                let said = raw.read_to_end();
                assert!(said.len() <= 11, "{said:?}");
                assert!(matches!(
                    refused(&monitor),
                    DisconnectReason::Incompatible(_)
                ));
            }
        }
    });
}

#[test]
fn newer_socket_types_refuse_old_peers() {
    within(LIMIT, || {
        let young = SocketType::ALL.into_iter().skip(12);
        for (kind, version) in young.flat_map(|kind| VERSIONS.map(|version| (kind, version))) {
            let socket = Context::new().socket_of(kind, Options::new()).unwrap();
            let monitor = socket.monitor().unwrap();
            let mut raw = Raw::connect(&socket.bind("tcp://127.0.0.1:*").unwrap());
            raw.write_anyway(match version {
                Zmtp1 => b"\x01\0",
                Zmtp2 => b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\0\0\0",
            });
            raw.read_to_end();
            let reason = refused(&monitor);
            assert!(matches!(reason, DisconnectReason::Incompatible(_)));
            assert!(reason.to_string().contains(kind.name()), "{reason}");
        }
    });
}

#[test]
fn incompatible_socket_types_are_refused_by_number() {
    within(LIMIT, || {
        for (number, name) in [(1, "PUB"), (10, "XSUB"), (7, "PULL"), (11, "number 11")] {
            let pull = Context::new().socket::<Pull>().unwrap();
            let monitor = pull.monitor().unwrap();
            let mut raw = Raw::connect(&pull.bind("tcp://127.0.0.1:*").unwrap());
            raw.write(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01");
            raw.write_anyway(&[number]);
            raw.read_to_end();
            let expected = DisconnectReason::IncompatibleSocketType(name.into());
            assert_eq!(refused(&monitor), expected);
        }
    });
}

// ---- those that do not behave

/// What becomes of a peer that says this to a PULL.
fn fate(options: &Options, bytes: &[u8]) -> DisconnectReason {
    let pull = Context::new().socket_with::<Pull>(options.clone()).unwrap();
    let monitor = pull.monitor().unwrap();
    let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut raw = Raw::connect(&endpoint);
    raw.write_anyway(bytes);
    raw.read_to_end();
    let reason = until(&monitor, |kind| match kind {
        EventKind::HandshakeFailed { reason } | EventKind::Disconnected { reason } => Some(reason),
        _ => None,
    });
    assert_eq!(pull.receiver().drain().count(), 0, "nothing is received");
    // And no other socket notices.
    let mut old = Old::meet(Raw::connect(&endpoint), Zmtp1, PUSH, "");
    old.say(&["an honest word"]);
    assert_eq!(next_text(&pull.receiver()), "an honest word");
    reason
}

#[test]
fn other_bytes_are_distinguished_from_old_peers_early() {
    within(LIMIT, || {
        for junk in [
            &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
            b"P\x01",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
            b"\0",
            &[0xfe; 64],
        ] {
            let reason = fate(&Options::new(), junk);
            assert!(matches!(reason, DisconnectReason::Protocol(_)), "{reason}");
        }
    });
}

#[test]
fn an_incomplete_identity_times_out() {
    within(LIMIT, || {
        let limit = Duration::from_millis(100);
        let options = Options::new().handshake_timeout(Some(limit));
        for said in [
            &b"G"[..],
            b"\x05\0ann",
            b"\xff\0\0\0\0\0\0\0\x05\0ann",
            b"\xff\0\0\0\0\0\0\0\x01\x7f\x01",
            b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08",
            b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\x05anna",
        ] {
            let start = Instant::now();
            assert_eq!(fate(&options, said), DisconnectReason::HandshakeTimeout);
            assert!(start.elapsed() >= limit);
        }
    });
}

#[test]
fn malformed_frames_of_old_peers_end_the_connection() {
    within(LIMIT, || {
        let zmtp2 = |rest: &[u8]| [b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08", rest].concat();
        let long_name = [b"\xff\0\0\0\0\0\0\x01\x01\0", &[b'n'; 256][..]].concat();
        for bytes in [
            b"\x01\0\0".to_vec(),
            b"\x01\0\x02\x01x\0".to_vec(),
            b"\x01\0\xff\0\0\0\0\0\0\0\0".to_vec(),
            b"\xff\0\0\0\0\0\0\0\0\0".to_vec(),
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\0".to_vec(),
            long_name,
            zmtp2(b"\x01\0"),
            zmtp2(b"\x04\0"),
            zmtp2(b"\x02\0\0\0\0\0\0\x01\0"),
            zmtp2(b"\0\0\x04\x07\x04PING\0\0"),
            zmtp2(b"\0\0\x08\0"),
        ] {
            let reason = fate(&Options::new(), &bytes);
            assert!(
                matches!(reason, DisconnectReason::Protocol(_)),
                "{bytes:?}: {reason}"
            );
        }
        let options = Options::new().max_frame_size(Some(100));
        for bytes in [
            b"\x01\0\x66\0".to_vec(),
            b"\x01\0\xff\0\0\0\0\0\0\0\x66\0".to_vec(),
            zmtp2(b"\0\0\0\x65"),
        ] {
            let expected = DisconnectReason::FrameTooLarge {
                announced: 101,
                limit: 100,
            };
            assert_eq!(fate(&options, &bytes), expected);
        }
        let huge = b"\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\0";
        let reason = fate(&Options::new(), huge);
        assert!(matches!(reason, DisconnectReason::FrameTooLarge { .. }));
    });
}

/// A peer of ZMTP 2.0 is refused before it has our greeting, if there is no room for a peer. One of
/// 1.0 may have sent messages already: they are counted.
#[test]
fn messages_of_a_refused_old_peer_are_counted() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let context = Context::new();
            let options = Options::new().max_peers(Some(1));
            let pull = context.socket_with::<Pull>(options).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let _first = Old::meet(Raw::connect(&endpoint), Zmtp2, PUSH, "");
            pull.wait_connected_timeout_blocking(1, PATIENCE).unwrap();

            let mut second = Raw::connect(&endpoint);
            second.write(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08");
            let said = second.read_to_end();
            assert!(said.len() < 12, "not all of a greeting: {said:?}");
            assert_eq!(pull.statistics().unwrap().refused, 1);

            let mut third = Old::meet(Raw::connect(&endpoint), Zmtp1, PUSH, "");
            (0..5).for_each(|_| third.say(&["a message"]));
            eventually("all of it is counted", || {
                let statistics = pull.statistics().unwrap();
                statistics.dropped.by(DropReason::PeerRefused) == 5 && statistics.refused == 2
            });
            assert_eq!(third.raw.read_to_end(), b"");
        }
    });
}

/// The routing id shows when an old peer believes itself connected: what it sends is read, and
/// counted.
#[test]
fn messages_of_an_old_peer_with_an_id_in_use_are_counted() {
    within(LIMIT, || {
        for (version, transport) in VERSIONS.into_iter().zip(Transport::WIRES) {
            let router = Context::new().socket::<Router>().unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let _first = Old::meet(Raw::connect(&endpoint), version, DEALER, "twins");
            router.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
            let mut second = Old::meet(Raw::connect(&endpoint), version, DEALER, "twins");
            (0..200).for_each(|_| second.say(&["a message", "of two"]));
            let counted = || router.statistics().unwrap().dropped;
            eventually("all of it is counted", || {
                counted().by(DropReason::PeerRefused) == 200
            });
            assert_eq!(router.statistics().unwrap().messages_in, 200);
            assert_eq!(second.raw.read_to_end(), b"");
        }
    });
}

/// What other protocols begin with that looks like ZMTP 1.0: a length, no flags, and what could be
/// frames.
fn foreign_openings() -> [(&'static str, Vec<u8>); 3] {
    let rdp = b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=admin\r\n\x01\0\x08\0\x0b\0\0\0";
    let minecraft = b"\x10\0\xff\x05\x09localhost\x63\xdd\x01\x01\0";
    let mut dns = b"\x01\0\x07\0\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    dns.extend([b'a'; 244]);
    [
        ("RDP", rdp.to_vec()),
        ("Minecraft", minecraft.to_vec()),
        ("DNS", dns),
    ]
}

#[test]
fn other_protocols_are_not_taken_for_a_refused_version() {
    within(LIMIT, || {
        for (oldest, passes) in [
            (ZmtpVersion::V1_0, true),
            (ZmtpVersion::V2_0, false),
            (ZmtpVersion::V3_0, false),
            (ZmtpVersion::V3_1, false),
        ] {
            for (protocol, opening) in foreign_openings() {
                let options = Options::new().oldest_zmtp(oldest);
                let pull = Context::new().socket_with::<Pull>(options).unwrap();
                let monitor = pull.monitor().unwrap();
                let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
                let mut raw = Raw::connect(&endpoint);
                raw.write(&opening);
                if passes {
                    next(&pull.receiver());
                    continue;
                }
                let reason = DisconnectReason::OldVersion { major: 1, minor: 0 };
                assert_eq!(refused(&monitor), reason, "{protocol}");
                assert_eq!(raw.read_to_end().len(), 10, "our signature");
                let push = Context::new().socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                put(&push.sender(), "honest");
                assert_eq!(
                    next_text(&pull.receiver()),
                    "honest",
                    "and nothing before it"
                );
            }
        }
    });
}

#[test]
fn the_oldest_version_is_accepted_and_older_ones_are_refused() {
    within(LIMIT, || {
        let openings: [((u8, u8), &[u8]); 3] = [
            ((1, 0), b"\x01\0"),
            ((2, 0), b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0"),
            ((3, 0), &common::raw::greeting(0, b"NULL")),
        ];
        for (oldest, number) in [
            (ZmtpVersion::V1_0, (1, 0)),
            (ZmtpVersion::V2_0, (2, 0)),
            (ZmtpVersion::V3_0, (3, 0)),
            (ZmtpVersion::V3_1, (3, 1)),
        ] {
            for (version, opening) in openings {
                let options = Options::new().oldest_zmtp(oldest);
                let pull = Context::new().socket_with::<Pull>(options).unwrap();
                let monitor = pull.monitor().unwrap();
                let endpoint = pull.bind(Transport::Ipc.endpoint()).unwrap();
                let mut raw = Raw::connect(&endpoint);
                raw.write(opening);
                if version < number {
                    let (major, minor) = version;
                    let reason = DisconnectReason::OldVersion { major, minor };
                    assert_eq!(refused(&monitor), reason);
                    continue;
                }
                if version.0 == 3 {
                    raw.write(&common::raw::ready("PUSH"));
                }
                pull.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
            }
        }
    });
}
