//! PLAIN and CURVE over tcp and ipc, with every kind of socket, as users see them.

use crate::common;

#[path = "../../examples/ironhouse.rs"]
#[allow(dead_code)]
mod ironhouse;

use std::thread;
use std::time::Duration;

use common::raw::{self, Raw};
use common::{next, nothing_comes, put, within, Transport, LIMIT, PATIENCE};
use zmq_channels::monitor::{DisconnectReason, EventKind, PeerIdentity};
use zmq_channels::security::{Credentials, Mechanism};
use zmq_channels::{
    Authenticator, Context, CurveKeypair, Dealer, Linger, Message, Monitor, Options, Pair, Pub,
    Pull, Push, Rep, Req, Router, Security, Sub,
};

fn keys() -> CurveKeypair {
    CurveKeypair::generate().unwrap()
}

/// Options of a server and of a client that it understands.
#[derive(Clone, Debug)]
struct Sides {
    server: Options,
    client: Options,
}

fn options(security: &Security) -> Options {
    Options::new()
        .security(security.clone())
        .linger(Linger::For(Duration::ZERO))
}

/// A pair of each mechanism.
fn sides() -> [Sides; 2] {
    let server = keys();
    let client = Security::curve_client(keys(), *server.public());
    [
        Sides {
            server: options(&Security::PlainServer),
            client: options(&Security::plain_client("admin", "secret")),
        },
        Sides {
            server: options(&Security::curve_server(server)),
            client: options(&client),
        },
    ]
}

/// A peer that knows the password, and takes all keys.
fn judge(context: &Context) -> Authenticator {
    let authenticator = context.authenticator().unwrap();
    let judge = authenticator.clone();
    thread::spawn(move || {
        for request in judge.iter() {
            match &request.credentials {
                Credentials::Plain { username, password } => {
                    match *username == "admin" && *password == "secret" {
                        true => request.accept("admin"),
                        false => request.deny("wrong password"),
                    }
                }
                Credentials::Curve(key) => {
                    let user = key.to_string();
                    request.accept(user);
                }
                _ => request.deny("unknown"),
            }
        }
    });
    authenticator
}

/// The next event of this kind.
fn until<T>(monitor: &Monitor, mut found: impl FnMut(EventKind) -> Option<T>) -> T {
    loop {
        let event = monitor.recv_timeout_blocking(PATIENCE);
        let event = event.expect("an event should have come");
        if let Some(found) = found(event.kind) {
            return found;
        }
    }
}

fn met(monitor: &Monitor) -> PeerIdentity {
    until(monitor, |kind| match kind {
        EventKind::HandshakeSucceeded(peer) => Some(peer),
        EventKind::HandshakeFailed { reason } => panic!("{reason}"),
        _ => None,
    })
}

fn refused(monitor: &Monitor) -> DisconnectReason {
    until(monitor, |kind| match kind {
        EventKind::HandshakeSucceeded(peer) => panic!("{peer:?}"),
        EventKind::HandshakeFailed { reason } => Some(reason),
        _ => None,
    })
}

fn sizes() -> Vec<Message> {
    let sizes = [
        0, 1, 63, 64, 65, 200, 222, 223, 255, 256, 8_191, 8_193, 65_537, 300_000,
    ];
    let sizes =
        sizes.map(|size: usize| Message::from((0..size).map(|n| n as u8).collect::<Vec<u8>>()));
    let multipart = [
        Message::from(["", "a", "", "b"]),
        Message::from([vec![1; 70_000], vec![]]),
    ];
    sizes.into_iter().chain(multipart).collect()
}

#[test]
fn correct_credentials_allow_messages_of_all_sizes() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for sides in sides() {
                for server_binds in [true, false] {
                    let (near, far) = transport.contexts();
                    let _judge = judge(&near);
                    let pull = near.socket_with::<Pull>(sides.server.clone()).unwrap();
                    let push = far.socket_with::<Push>(sides.client.clone()).unwrap();
                    let endpoint = transport.endpoint();
                    if server_binds {
                        push.connect(&endpoint).unwrap();
                        pull.bind(&endpoint).unwrap();
                    } else {
                        push.bind(&endpoint).unwrap();
                        pull.connect(&endpoint).unwrap();
                    }
                    for message in sizes() {
                        put(&push.sender(), message);
                    }
                    for message in sizes() {
                        assert_eq!(next(&pull.receiver()), message, "{sides:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn the_peer_identity_contains_the_user_id() {
    within(LIMIT, || {
        for sides in sides() {
            let context = Context::new();
            let _judge = judge(&context);
            let pull = context.socket_with::<Pull>(sides.server).unwrap();
            let push = context.socket_with::<Push>(sides.client.clone()).unwrap();
            let (server, client) = (pull.monitor().unwrap(), push.monitor().unwrap());
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            let user = match sides.client.get_security() {
                Security::CurveClient { keypair, .. } => keypair.public().to_string(),
                _ => "admin".to_owned(),
            };
            assert_eq!(met(&server).user_id, Some(user));
            // No handler judges the server: a CURVE client knows it by its key.
            assert_eq!(met(&client).user_id, None);
        }
    });
}

#[test]
fn wrong_credentials_are_refused_without_effect_on_others() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for (sides, wrong) in sides().into_iter().zip([
                Security::plain_client("admin", "guess"),
                Security::curve_client(keys(), *keys().public()),
            ]) {
                let (near, far) = transport.contexts();
                let _judge = judge(&near);
                let pull = near.socket_with::<Pull>(sides.server).unwrap();
                let server = pull.monitor().unwrap();
                let endpoint = pull.bind(transport.endpoint()).unwrap();
                let push = far.socket_with::<Push>(sides.client).unwrap();
                push.connect(&endpoint).unwrap();
                put(&push.sender(), "before");
                assert_eq!(next(&pull.receiver())[0], "before");
                let _ = met(&server);

                let stranger = far.socket_with::<Push>(options(&wrong)).unwrap();
                let client = stranger.monitor().unwrap();
                stranger.connect(&endpoint).unwrap();
                put(&stranger.sender(), "let me in");
                let (here, there) = (refused(&server), refused(&client));
                match wrong.mechanism() {
                    Mechanism::Plain => {
                        let denied = |text: &str| DisconnectReason::AuthenticationFailed {
                            status: 400,
                            text: text.to_owned(),
                        };
                        assert_eq!(here, denied("wrong password"));
                        assert_eq!(there, denied(""));
                    }
                    _ => {
                        assert!(
                            matches!(here, DisconnectReason::Cryptographic(_)),
                            "{here:?}"
                        );
                        // Not a word to peers that do not know the key.
                        assert!(
                            matches!(
                                there,
                                DisconnectReason::PeerClosed | DisconnectReason::Io(_)
                            ),
                            "{there:?}"
                        );
                    }
                }
                put(&push.sender(), "after");
                assert_eq!(next(&pull.receiver())[0], "after");
                assert_eq!(pull.statistics().unwrap().peers.len(), 1);
            }
        }
    });
}

#[test]
fn peers_with_different_mechanisms_are_refused() {
    within(LIMIT, || {
        let [plain, curve] = sides();
        let null = options(&Security::Null);
        let servers = [&null, &plain.server, &curve.server];
        let clients = [&null, &plain.client, &curve.client];
        for (ours, server) in servers.iter().enumerate() {
            for (theirs, client) in clients.iter().enumerate() {
                if ours == theirs {
                    continue;
                }
                let context = Context::new();
                let _judge = judge(&context);
                let pull = context.socket_with::<Pull>((*server).clone()).unwrap();
                let push = context.socket_with::<Push>((*client).clone()).unwrap();
                let monitors = [pull.monitor().unwrap(), push.monitor().unwrap()];
                push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                    .unwrap();
                for monitor in &monitors {
                    let reason = refused(monitor);
                    let incompatible = matches!(reason, DisconnectReason::Incompatible(_));
                    // The end that reads the greeting second may find that the other is gone.
                    let gone = matches!(
                        reason,
                        DisconnectReason::PeerClosed | DisconnectReason::Io(_)
                    );
                    assert!(incompatible || gone, "{reason:?}");
                }
            }
        }
        // Of two servers of one mechanism neither is a client.
        for sides in [plain, curve] {
            let context = Context::new();
            let pull = context.socket_with::<Pull>(sides.server.clone()).unwrap();
            let push = context.socket_with::<Push>(sides.server).unwrap();
            let server = pull.monitor().unwrap();
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            match refused(&server) {
                DisconnectReason::Incompatible(why) => {
                    assert!(why.to_string().contains("servers"), "{why}");
                    assert_eq!(why.code(), 0x1100_0002);
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn requests_and_replies() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for sides in sides() {
                let (near, far) = transport.contexts();
                let _judge = judge(&near);
                let rep = near.socket_with::<Rep>(sides.server).unwrap();
                let req = far.socket_with::<Req>(sides.client).unwrap();
                req.connect(rep.bind(transport.endpoint()).unwrap())
                    .unwrap();
                for message in sizes() {
                    put(&req.sender(), message.clone());
                    let request = next(&rep.receiver());
                    assert_eq!(request, message);
                    put(&rep.sender(), request);
                    assert_eq!(next(&req.receiver()), message);
                }
            }
        }
    });
}

#[test]
fn routers_and_dealers() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for sides in sides() {
                let (near, far) = transport.contexts();
                let _judge = judge(&near);
                let router = near.socket_with::<Router>(sides.server).unwrap();
                let dealer = far
                    .socket_with::<Dealer>(sides.client.routing_id("anna"))
                    .unwrap();
                dealer
                    .connect(router.bind(transport.endpoint()).unwrap())
                    .unwrap();
                for message in sizes() {
                    put(&dealer.sender(), message.clone());
                    let mut addressed = next(&router.receiver());
                    assert_eq!(addressed[0], "anna");
                    put(&router.sender(), addressed.clone());
                    addressed.pop_front();
                    assert_eq!(addressed, message);
                    assert_eq!(next(&dealer.receiver()), message);
                }
            }
        }
    });
}

#[test]
fn publishers_and_subscribers() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for sides in sides() {
                let (near, far) = transport.contexts();
                let _judge = judge(&near);
                let publisher = near.socket_with::<Pub>(sides.server).unwrap();
                let subscriber = far.socket_with::<Sub>(sides.client).unwrap();
                let topic = vec![b't'; 300];
                subscriber.subscribe(&topic).unwrap();
                subscriber.subscribe("never").unwrap();
                subscriber.unsubscribe("never").unwrap();
                subscriber
                    .connect(publisher.bind(transport.endpoint()).unwrap())
                    .unwrap();
                publisher.wait_subscribed_blocking(1).unwrap();
                for size in [0, 100, 9_000, 100_000] {
                    put(&publisher.sender(), "never mind");
                    let news = Message::from([topic.clone(), vec![7; size]]);
                    put(&publisher.sender(), news.clone());
                    assert_eq!(next(&subscriber.receiver()), news);
                }
            }
        }
    });
}

#[test]
fn a_secured_pair_refuses_a_second_peer() {
    within(LIMIT, || {
        for sides in sides() {
            let context = Context::new();
            let _judge = judge(&context);
            let server = context.socket_with::<Pair>(sides.server).unwrap();
            let endpoint = server.bind("tcp://127.0.0.1:*").unwrap();
            let first = context.socket_with::<Pair>(sides.client.clone()).unwrap();
            first.connect(&endpoint).unwrap();
            put(&first.sender(), "first");
            assert_eq!(next(&server.receiver())[0], "first");
            let second = context.socket_with::<Pair>(sides.client).unwrap();
            let monitor = server.monitor().unwrap();
            second.connect(&endpoint).unwrap();
            put(&second.sender(), "second");
            assert_eq!(refused(&monitor), DisconnectReason::Refused);
            first.close_blocking();
            // What it had to say it still has.
            assert_eq!(next(&server.receiver())[0], "second");
        }
    });
}

#[test]
fn heartbeats_are_encrypted_and_replied_to() {
    within(LIMIT, || {
        let beat = Duration::from_millis(20);
        for sides in sides() {
            let context = Context::new();
            let _judge = judge(&context);
            let beating = |options: Options| {
                options
                    .heartbeat_interval(Some(beat))
                    .heartbeat_timeout(Some(Duration::from_secs(5)))
                    .heartbeat_ttl(Some(Duration::from_secs(5)))
            };
            let pull = context.socket_with::<Pull>(beating(sides.server)).unwrap();
            let push = context.socket_with::<Push>(beating(sides.client)).unwrap();
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            put(&push.sender(), "one");
            assert_eq!(next(&pull.receiver())[0], "one");
            // PINGs and PONGs, nothing else, until there have been some dozens.
            let before = pull.statistics().unwrap().peers[0].bytes_in;
            common::eventually("heartbeats", || {
                pull.statistics().unwrap().peers[0].bytes_in > before + 40 * 40
            });
            put(&push.sender(), "two");
            assert_eq!(next(&pull.receiver())[0], "two");
            assert_eq!(pull.statistics().unwrap().peers[0].messages_in, 2);
        }
    });
}

#[test]
fn a_silent_peer_is_disconnected_under_curve() {
    within(LIMIT, || {
        let [_, curve] = sides();
        let context = Context::new();
        let client = curve
            .client
            .heartbeat_interval(Some(Duration::from_millis(50)));
        let push = context.socket_with::<Push>(client).unwrap();
        let monitor = push.monitor().unwrap();
        let Security::CurveServer(_) = curve.server.get_security() else {
            panic!("the server is one of CURVE");
        };
        // A server in a separate process cannot be frozen here; one behind a pipe can.
        let pull = context.socket_with::<Pull>(curve.server).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let pipe = Pipe::new(endpoint.as_str());
        push.connect(&pipe.endpoint).unwrap();
        let _ = met(&monitor);
        pipe.freeze();
        let reason = until(&monitor, |kind| match kind {
            EventKind::Disconnected { reason } => Some(reason),
            _ => None,
        });
        assert_eq!(reason, DisconnectReason::HeartbeatTimeout);
    });
}

/// Carries bytes from its clients to a server and back, until told to carry no more.
struct Pipe {
    endpoint: String,
    frozen: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Pipe {
    fn new(server: &str) -> Pipe {
        let server = server.trim_start_matches("tcp://").to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let frozen = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let flag = frozen.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = std::net::TcpStream::connect(&server).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let flag = flag.clone();
                    thread::spawn(move || carry(from, to, &flag));
                }
            }
        });
        Pipe { endpoint, frozen }
    }

    fn freeze(&self) {
        self.frozen.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

fn carry(
    mut from: std::net::TcpStream,
    mut to: std::net::TcpStream,
    frozen: &std::sync::atomic::AtomicBool,
) {
    use std::io::{Read, Write};
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if frozen.load(std::sync::atomic::Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn reconnected_clients_send_their_queued_messages() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for sides in sides() {
                let (near, far) = transport.contexts();
                let _judge = judge(&near);
                let endpoint = transport.endpoint();
                let client = sides
                    .client
                    .reconnect_interval(Some(Duration::from_millis(10)));
                let push = far.socket_with::<Push>(client).unwrap();
                push.connect(&endpoint).unwrap();
                for round in 0..3 {
                    let pull = near.socket_with::<Pull>(sides.server.clone()).unwrap();
                    pull.bind(&endpoint).unwrap();
                    let message = format!("round {round}");
                    put(&push.sender(), message.clone());
                    assert_eq!(next(&pull.receiver())[0], message);
                    pull.close_blocking();
                    common::eventually("the loss is noticed", || {
                        push.statistics().unwrap().peers.is_empty()
                    });
                }
            }
        }
    });
}

#[test]
fn old_clients_and_other_protocols_are_refused_by_a_secure_server() {
    within(LIMIT, || {
        for sides in sides() {
            let context = Context::new();
            let _judge = judge(&context);
            let pull = context.socket_with::<Pull>(sides.server.clone()).unwrap();
            let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
            let mechanism = sides.server.get_security().mechanism().name().as_bytes();
            // NULL, said in the words of the mechanism; and READY where HELLO should be.
            for greeting in [raw::greeting(1, b"NULL"), raw::greeting(1, mechanism)] {
                let mut peer = Raw::connect(&endpoint);
                peer.write(&greeting);
                peer.write(&raw::ready("PUSH"));
                peer.write_anyway(&raw::frame(0, b"let me in"));
                assert!(peer.is_closed_within(PATIENCE));
            }
            // ZMTP 2.0 knows no security.
            let mut peer = Raw::connect(&endpoint);
            peer.write(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0");
            assert!(peer.is_closed_within(PATIENCE));
            nothing_comes(&pull.receiver());
        }
    });
}

#[test]
fn a_server_without_a_handler_accepts_keys_and_no_passwords() {
    within(LIMIT, || {
        let [plain, curve] = sides();
        let context = Context::new();
        let pull = context.socket_with::<Pull>(curve.server).unwrap();
        let push = context.socket_with::<Push>(curve.client).unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        put(&push.sender(), "stonehouse");
        assert_eq!(next(&pull.receiver())[0], "stonehouse");

        let pull = context.socket_with::<Pull>(plain.server).unwrap();
        let push = context.socket_with::<Push>(plain.client).unwrap();
        let monitor = pull.monitor().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        let missing = zmq_channels::error::AuthenticatorFault::Missing;
        assert_eq!(refused(&monitor), DisconnectReason::Unjudged(missing));
    });
}

#[test]
fn inproc_ignores_security() {
    within(LIMIT, || {
        for transport in [Transport::Inproc, Transport::AcrossPumps] {
            for sides in sides() {
                let (context, _) = transport.contexts();
                let pull = context.socket_with::<Pull>(sides.server).unwrap();
                let push = context.socket::<Push>().unwrap();
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                put(&push.sender(), "hello");
                assert_eq!(next(&pull.receiver())[0], "hello");
            }
        }
    });
}

#[test]
fn each_endpoint_keeps_the_security_it_was_bound_with() {
    within(LIMIT, || {
        let [_, curve] = sides();
        let context = Context::new();
        let pull = context.socket_with::<Pull>(curve.server).unwrap();
        let secure = pull.bind("tcp://127.0.0.1:*").unwrap();
        pull.configure(|options| options.security(Security::Null))
            .unwrap();
        let open = pull.bind("tcp://127.0.0.1:*").unwrap();
        assert_eq!(
            pull.options().unwrap().get_security().mechanism(),
            Mechanism::Null
        );
        let push = context.socket_with::<Push>(curve.client).unwrap();
        push.connect(&secure).unwrap();
        push.configure(|options| options.security(Security::Null))
            .unwrap();
        push.connect(&open).unwrap();
        pull.wait_connected_blocking(2).unwrap();
        put(&push.sender(), "one");
        put(&push.sender(), "two");
        let mut both = [next(&pull.receiver()), next(&pull.receiver())];
        both.sort_by_key(|message| message[0].to_vec());
        assert_eq!(both, [Message::from("one"), Message::from("two")]);
    });
}

#[test]
fn invalid_security_options_are_typed_errors() {
    let context = Context::new();
    let opened = |options: Options| context.socket_with::<Pull>(options).map(drop);
    for (fits, length) in [(true, 255), (false, 256)] {
        let text = "x".repeat(length);
        for options in [
            options(&Security::plain_client(&*text, "secret")),
            options(&Security::plain_client("admin", &*text)),
            Options::new().zap_domain(&*text),
        ] {
            assert_eq!(opened(options).is_ok(), fits, "{length}");
        }
    }
    let enforced = options(&Security::PlainServer).zap_enforce_domain(true);
    assert!(opened(enforced.clone()).is_err());
    assert!(opened(enforced.zap_domain("global")).is_ok());
}

#[test]
fn ironhouse() {
    within(LIMIT, || {
        let expected = [
            "received: hello",
            "let in: friend",
            "turned away: unknown key, status 400",
        ];
        assert_eq!(ironhouse::play().unwrap(), expected);
    });
}
