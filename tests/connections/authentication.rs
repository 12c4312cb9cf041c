//! What judges peers, how, and what happens to those that wait: ZAP (RFC 27), written by hand and
//! as typed requests.

use crate::common;

use std::thread;
use std::time::{Duration, Instant};

use common::raw::{command, greeting, ready, Raw};
use common::{next, put, within, Transport, LIMIT, PATIENCE};
use futures::StreamExt;
use zmq_channels::error::{
    AuthenticatorError, AuthenticatorFault, Closed, RecvError, RecvTimeoutError, TryRecvError,
};
use zmq_channels::monitor::{DisconnectReason, EventKind, PeerIdentity};
use zmq_channels::security::Credentials;
use zmq_channels::{
    Context, ContextOptions, Dealer, Linger, Message, Monitor, Options, Pull, Push, Rep, Router,
    Security, Socket,
};

const HANDLER: &str = "inproc://zeromq.zap.01";

fn plain_server() -> Options {
    Options::new().security(Security::PlainServer)
}

fn plain_client() -> Options {
    Options::new()
        .security(Security::plain_client("admin", "secret"))
        .linger(Linger::For(Duration::ZERO))
        .reconnect_interval(Some(Duration::from_millis(10)))
}

fn outcome(monitor: &Monitor) -> Result<PeerIdentity, DisconnectReason> {
    loop {
        let event = monitor.recv_timeout_blocking(PATIENCE);
        match event.expect("an event should have come").kind {
            EventKind::HandshakeSucceeded(peer) => return Ok(peer),
            EventKind::HandshakeFailed { reason } => return Err(reason),
            _ => {}
        }
    }
}

/// A PULL that judges, and a PUSH that wants in.
struct Scene {
    context: Context,
    pull: Socket<Pull>,
    push: Socket<Push>,
    server: Monitor,
    client: Monitor,
}

fn scene_in(context: Context, server: Options, client: Options) -> Scene {
    let pull = context.socket_with::<Pull>(server).unwrap();
    let push = context.socket_with::<Push>(client).unwrap();
    let (server, client) = (pull.monitor().unwrap(), push.monitor().unwrap());
    Scene {
        context,
        pull,
        push,
        server,
        client,
    }
}

fn scene(server: Options, client: Options) -> Scene {
    scene_in(Context::new(), server, client)
}

impl Scene {
    fn play(&self) {
        let endpoint = self.pull.bind("tcp://127.0.0.1:*").unwrap();
        self.push.connect(endpoint).unwrap();
    }
}

#[test]
fn a_zap_handler_receives_the_frames_of_the_rfc() {
    within(LIMIT, || {
        for pumps in [1, 2] {
            let options = ContextOptions::new().pumps(pumps);
            let context = Context::with_options(options).unwrap();
            let handler = context.socket::<Rep>().unwrap();
            handler.bind(HANDLER).unwrap();
            let server = plain_server().zap_domain("global").routing_id("server");
            let scene = scene_in(context, server, plain_client());
            scene.play();
            let request = next(&handler.receiver());
            let expected = [
                "1.0",
                "1",
                "global",
                "127.0.0.1",
                "server",
                "PLAIN",
                "admin",
                "secret",
            ];
            assert_eq!(request, Message::from(expected));
            let mut reply = Message::from(["1.0", "1", "200", "OK", "anna"]);
            reply.push_back(b"\x04role\0\0\0\x05admin");
            put(&handler.sender(), reply);
            let peer = outcome(&scene.server).unwrap();
            assert_eq!(peer.user_id.as_deref(), Some("anna"));
            let role = ("role".to_owned(), b"admin".to_vec());
            assert_eq!(peer.authenticated, [role]);
            // Its own words are kept apart.
            assert!(peer.properties.iter().all(|(name, _)| name != "role"));
            put(&scene.push.sender(), "hello");
            assert_eq!(next(&scene.pull.receiver())[0], "hello");
        }
    });
}

#[test]
fn a_router_can_be_the_handler_and_reply_in_any_order() {
    within(LIMIT, || {
        let context = Context::new();
        let handler = context.socket::<Router>().unwrap();
        handler.bind(HANDLER).unwrap();
        let scene = scene_in(context, plain_server(), plain_client());
        let other = Security::plain_client("other", "secret");
        let other = scene
            .context
            .socket_with::<Push>(plain_client().security(other))
            .unwrap();
        let endpoint = scene.pull.bind("tcp://127.0.0.1:*").unwrap();
        scene.push.connect(&endpoint).unwrap();
        other.connect(&endpoint).unwrap();
        let requests = [next(&handler.receiver()), next(&handler.receiver())];
        for request in requests.iter().rev() {
            assert_eq!(request.len(), 10);
            assert_eq!(request[1], "");
            let mut reply = Message::from(request[0].clone());
            for frame in ["", "1.0", "1", "200", "OK"] {
                reply.push_back(frame);
            }
            reply.push_back(request[8].clone());
            reply.push_back("");
            put(&handler.sender(), reply);
        }
        let mut users = [0, 1].map(|_| outcome(&scene.server).unwrap().user_id.unwrap());
        users.sort();
        assert_eq!(users, ["admin", "other"]);
    });
}

#[test]
fn statuses_accept_defer_and_reject() {
    within(LIMIT, || {
        let judge = scene(plain_server(), plain_client());
        let authenticator = judge.context.authenticator().unwrap();
        judge.play();
        let refused = |status, text: &str| {
            Err(DisconnectReason::AuthenticationFailed {
                status,
                text: text.to_owned(),
            })
        };
        // 300: the client is told nothing, and comes again.
        let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        request.defer("not now");
        assert_eq!(outcome(&judge.server), refused(300, "not now"));
        assert!(matches!(
            outcome(&judge.client),
            Err(DisconnectReason::PeerClosed | DisconnectReason::Io(_))
        ));
        let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        request.accept("admin");
        assert!(outcome(&judge.server).is_ok());
        drop(judge);

        for status in [400, 500] {
            let judge = scene(plain_server(), plain_client());
            let authenticator = judge.context.authenticator().unwrap();
            judge.play();
            let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
            match status {
                400 => request.deny("no"),
                _ => request.fail("broken"),
            }
            let text = if status == 400 { "no" } else { "broken" };
            assert_eq!(outcome(&judge.server), refused(status, text));
            assert_eq!(outcome(&judge.client), refused(status, ""));
            // It does not come again soon.
            let again = authenticator.recv_timeout_blocking(common::ABSENCE);
            assert_eq!(again.map(drop), Err(RecvTimeoutError::Timeout));
        }
    });
}

#[test]
fn a_request_contains_domain_address_and_credentials() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let server = plain_server().zap_domain("global").routing_id("server");
            let scene = scene(server, plain_client());
            let authenticator = scene.context.authenticator().unwrap();
            let endpoint = scene.pull.bind(transport.endpoint()).unwrap();
            scene.push.connect(&endpoint).unwrap();
            let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
            assert_eq!(request.domain, "global");
            assert_eq!(request.routing_id, "server");
            let expected = Credentials::Plain {
                username: "admin".into(),
                password: "secret".into(),
            };
            assert_eq!(request.credentials, expected);
            assert!(!format!("{request:?}").contains("secret"));
            match transport {
                Transport::Tcp => assert!(request.address.starts_with("127.")),
                _ => {
                    let me = format!(":{}", std::process::id());
                    assert!(request.address.starts_with("localhost:"), "{request:?}");
                    assert!(request.address.ends_with(&me), "{request:?}");
                    assert_eq!(request.address.split(':').count(), 4);
                }
            }
            request.accept_with("anna", [("role", "admin")]);
            let peer = outcome(&scene.server).unwrap();
            let role = ("role".to_owned(), b"admin".to_vec());
            assert_eq!(
                (peer.user_id.unwrap().as_str(), &peer.authenticated[..]),
                ("anna", &[role][..])
            );
        }
    });
}

#[test]
fn a_slow_handler_delays_only_its_peer_and_replies_from_any_thread() {
    within(LIMIT, || {
        let scene = scene(plain_server(), plain_client());
        let authenticator = scene.context.authenticator().unwrap();
        scene.play();
        let first = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        // Meanwhile another peer gets in, and traffic flows.
        let other = scene.context.socket_with::<Push>(plain_client()).unwrap();
        let endpoint = scene.pull.bind("tcp://127.0.0.1:*").unwrap();
        other.connect(endpoint).unwrap();
        let second = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        thread::spawn(move || second.accept("second"))
            .join()
            .unwrap();
        assert_eq!(outcome(&scene.server).unwrap().user_id.unwrap(), "second");
        put(&other.sender(), "hello");
        assert_eq!(next(&scene.pull.receiver())[0], "hello");
        first.accept("first");
        assert_eq!(outcome(&scene.server).unwrap().user_id.unwrap(), "first");
    });
}

#[test]
fn the_handshake_timeout_limits_the_wait_for_a_handler() {
    within(LIMIT, || {
        let limit = Duration::from_millis(100);
        let server = plain_server().handshake_timeout(Some(limit));
        let scene = scene(server, plain_client());
        let authenticator = scene.context.authenticator().unwrap();
        let start = Instant::now();
        scene.play();
        let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        assert_eq!(
            outcome(&scene.server),
            Err(DisconnectReason::HandshakeTimeout)
        );
        assert!(start.elapsed() >= limit);
        // Too late: the next attempt is another question.
        request.accept("late");
        let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        request.accept("in time");
        assert_eq!(outcome(&scene.server).unwrap().user_id.unwrap(), "in time");
    });
}

#[test]
fn a_handler_that_ends_without_a_reply_refuses_peers() {
    within(LIMIT, || {
        // A request that is dropped.
        let gone = scene(plain_server(), plain_client());
        let authenticator = gone.context.authenticator().unwrap();
        gone.play();
        drop(authenticator.recv_timeout_blocking(PATIENCE).unwrap());
        let fault = DisconnectReason::AuthenticationFailed {
            status: 500,
            text: "no answer".to_owned(),
        };
        assert_eq!(outcome(&gone.server), Err(fault));
        drop((gone, authenticator));

        // A handler that is closed while peers wait, near and far.
        for pumps in [1, 2] {
            let context = Context::with_options(ContextOptions::new().pumps(pumps)).unwrap();
            let handler = context.socket::<Rep>().unwrap();
            handler.bind(HANDLER).unwrap();
            let gone = scene_in(context, plain_server(), plain_client());
            gone.play();
            next(&handler.receiver());
            handler.close_blocking();
            let fault = DisconnectReason::Unjudged(AuthenticatorFault::Gone);
            assert_eq!(outcome(&gone.server), Err(fault));
            // From then on there is none.
            let fault = DisconnectReason::Unjudged(AuthenticatorFault::Missing);
            assert_eq!(outcome(&gone.server), Err(fault));
        }
    });
}

#[test]
fn malformed_replies_are_faults_of_the_handler() {
    within(LIMIT, || {
        let context = Context::new();
        let handler = context.socket::<Rep>().unwrap();
        handler.bind(HANDLER).unwrap();
        let scene = scene_in(context, plain_server(), plain_client());
        scene.play();
        for (reply, fault) in [
            (&["1.0"][..], AuthenticatorFault::MalformedReply),
            (
                &["1.0", "1", "200", "OK", "", "", ""],
                AuthenticatorFault::MalformedReply,
            ),
            (
                &["2.0", "1", "200", "OK", "", ""],
                AuthenticatorFault::BadVersion,
            ),
            (
                &["1.0", "x", "200", "OK", "", ""],
                AuthenticatorFault::BadRequestId,
            ),
            (
                &["1.0", "1", "666", "OK", "", ""],
                AuthenticatorFault::InvalidStatusCode,
            ),
            (
                &["1.0", "1", "200", "OK", "", "x"],
                AuthenticatorFault::InvalidMetadata,
            ),
        ] {
            next(&handler.receiver());
            put(
                &handler.sender(),
                reply.iter().copied().collect::<Message>(),
            );
            let expected = Err(DisconnectReason::Unjudged(fault));
            assert_eq!(outcome(&scene.server), expected, "{reply:?}");
        }
        next(&handler.receiver());
        put(&handler.sender(), ["1.0", "1", "200", "OK", "", ""]);
        assert_eq!(outcome(&scene.server).unwrap().user_id, None);
        assert_eq!(scene.pull.statistics().unwrap().handshakes_failed, 6);
    });
}

#[test]
fn an_invalid_property_name_refuses_the_peer() {
    within(LIMIT, || {
        for name in ["", "ro le", &"n".repeat(256)] {
            let scene = scene(plain_server(), plain_client());
            let authenticator = scene.context.authenticator().unwrap();
            scene.play();
            let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
            request.accept_with("anna", [(name, "x")]);
            let fault = DisconnectReason::Unjudged(AuthenticatorFault::InvalidMetadata);
            assert_eq!(outcome(&scene.server), Err(fault));
        }
    });
}

#[test]
fn null_is_authenticated_with_a_domain() {
    within(LIMIT, || {
        for accepted in [true, false] {
            let server = Options::new().zap_domain("global");
            let scene = scene(server, plain_client().security(Security::Null));
            let authenticator = scene.context.authenticator().unwrap();
            scene.play();
            let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
            assert_eq!(request.credentials, Credentials::Null);
            assert_eq!(request.address, "127.0.0.1");
            match accepted {
                true => request.accept("anna"),
                false => request.deny("not from there"),
            }
            assert_eq!(outcome(&scene.server).is_ok(), accepted);
            let client = outcome(&scene.client);
            match accepted {
                true => assert!(client.is_ok()),
                false => assert!(matches!(
                    client,
                    Err(DisconnectReason::AuthenticationFailed { status: 400, .. })
                )),
            }
        }
        // And where there is none, no handler is asked.
        let scene = scene(Options::new(), plain_client().security(Security::Null));
        let authenticator = scene.context.authenticator().unwrap();
        scene.play();
        assert_eq!(outcome(&scene.server).unwrap().user_id, None);
        assert_eq!(authenticator.try_recv().map(drop), Err(TryRecvError::Empty));
    });
}

#[test]
fn an_enforced_domain_refuses_peers_without_a_handler() {
    within(LIMIT, || {
        for enforced in [false, true] {
            let server = Options::new()
                .zap_domain("global")
                .zap_enforce_domain(enforced);
            let scene = scene(server, plain_client().security(Security::Null));
            scene.play();
            let missing = DisconnectReason::Unjudged(AuthenticatorFault::Missing);
            match outcome(&scene.server) {
                Ok(_) => assert!(!enforced),
                Err(reason) => assert_eq!((enforced, reason), (true, missing)),
            }
        }
    });
}

#[cfg(feature = "curve")]
#[test]
fn curve_is_authenticated_unless_an_enforced_domain_is_empty() {
    use zmq_channels::CurveKeypair;
    within(LIMIT, || {
        for (domain, enforced) in [("", false), ("", true), ("global", false), ("global", true)] {
            for judged in [true, false] {
                let keys = || CurveKeypair::generate().unwrap();
                let (server, client) = (keys(), keys());
                let key = *client.public();
                let security = Security::curve_client(client, *server.public());
                let server = Options::new()
                    .security(Security::curve_server(server))
                    .zap_domain(domain)
                    .zap_enforce_domain(enforced);
                let scene = scene(server, plain_client().security(security));
                let judge = judged.then(|| scene.context.authenticator().unwrap());
                scene.play();
                let asks = !domain.is_empty() || !enforced;
                if let (Some(judge), true) = (&judge, asks) {
                    let request = judge.recv_timeout_blocking(PATIENCE).unwrap();
                    assert_eq!(request.credentials, Credentials::Curve(key));
                    request.deny("not this key");
                    let client = outcome(&scene.client);
                    assert!(matches!(
                        client,
                        Err(DisconnectReason::AuthenticationFailed { status: 400, .. })
                    ));
                }
                let case = format!("{domain:?}, enforced {enforced}, judged {judged}");
                let expected = !(judged && asks || enforced && !domain.is_empty());
                assert_eq!(outcome(&scene.server).is_ok(), expected, "{case}");
            }
        }
    });
}

#[test]
fn a_context_has_one_authenticator_at_a_time() {
    within(LIMIT, || {
        let context = Context::new();
        let first = context.authenticator().unwrap();
        let taken = context.authenticator();
        assert!(matches!(taken, Err(AuthenticatorError::Taken)), "{taken:?}");
        // Others in other contexts.
        Context::new().authenticator().unwrap();
        drop(first);
        common::eventually("the place is free", || context.authenticator().is_ok());
        context.shutdown();
        let late = context.authenticator();
        assert!(
            matches!(late, Err(AuthenticatorError::Socket(_))),
            "{late:?}"
        );
    });
}

#[test]
fn a_socket_that_cannot_reply_is_not_a_handler() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        pull.bind(HANDLER).unwrap();
        let scene = scene_in(context, plain_server(), plain_client());
        scene.play();
        let missing = DisconnectReason::Unjudged(AuthenticatorFault::Missing);
        assert_eq!(outcome(&scene.server), Err(missing));
    });
}

#[test]
fn malformed_zap_requests_are_skipped() {
    within(LIMIT, || {
        let scene = scene(plain_server(), plain_client());
        let authenticator = scene.context.authenticator().unwrap();
        let stranger = scene.context.socket::<Dealer>().unwrap();
        stranger.connect(HANDLER).unwrap();
        for request in [
            &["", "hello"][..],
            &["", "1.1", "1", "", "", "", "NULL"],
            &["", "1.0", "1", "", "", "", "GSSAPI", "principal"],
            &["", "1.0", "1", "", "", "", "PLAIN", "admin"],
        ] {
            put(
                &stranger.sender(),
                request.iter().copied().collect::<Message>(),
            );
        }
        put(&stranger.sender(), ["", "1.0", "1", "", "", "", "NULL"]);
        let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
        assert_eq!(request.credentials, Credentials::Null);
        request.accept("");
        assert_eq!(next(&stranger.receiver())[3], "200");
        scene.play();
        authenticator
            .recv_timeout_blocking(PATIENCE)
            .unwrap()
            .accept("admin");
        assert!(outcome(&scene.server).is_ok());
    });
}

#[test]
fn requests_are_received_in_every_way() {
    within(LIMIT, || {
        let scene = scene(plain_server(), plain_client());
        let mut authenticator = scene.context.authenticator().unwrap();
        assert_eq!(authenticator.try_recv().map(drop), Err(TryRecvError::Empty));
        let soon = Duration::from_millis(1);
        let nothing = futures::executor::block_on(authenticator.recv_timeout(soon));
        assert_eq!(nothing.map(drop), Err(RecvTimeoutError::Timeout));
        scene.play();
        futures::executor::block_on(async {
            authenticator.recv().await.unwrap().defer("");
            authenticator
                .recv_timeout(PATIENCE)
                .await
                .unwrap()
                .defer("");
            authenticator.next().await.unwrap().defer("");
        });
        authenticator.recv_blocking().unwrap().defer("");
        authenticator.iter().next().unwrap().accept("");
        put(&scene.push.sender(), "hello");
        assert_eq!(next(&scene.pull.receiver())[0], "hello");
        scene.context.shutdown();
        assert_eq!(
            authenticator.recv_blocking().map(drop),
            Err(RecvError::Closed(Closed::Context))
        );
        assert!(authenticator.into_iter().next().is_none());
    });
}

#[test]
fn closing_does_not_wait_for_a_handler() {
    within(LIMIT, || {
        for shutdown in [true, false] {
            let scene = scene(plain_server(), plain_client());
            let authenticator = scene.context.authenticator().unwrap();
            scene.play();
            let request = authenticator.recv_timeout_blocking(PATIENCE).unwrap();
            match shutdown {
                true => scene.context.shutdown(),
                false => {
                    scene.pull.close_blocking();
                    scene.push.close_blocking();
                }
            }
            request.accept("guest");
        }
    });
}

#[test]
fn concurrent_peers_are_authenticated_one_by_one() {
    within(LIMIT, || {
        for pumps in [1, 3] {
            let context = Context::with_options(ContextOptions::new().pumps(pumps)).unwrap();
            let authenticator = context.authenticator().unwrap();
            let judge = authenticator.clone();
            let judging = thread::spawn(move || {
                // Backwards, in batches.
                let mut judged = 0;
                while judged < 60 {
                    let batch: Vec<_> = (0..6)
                        .map(|_| judge.recv_timeout_blocking(PATIENCE).unwrap())
                        .collect();
                    for request in batch.into_iter().rev() {
                        request.accept("admin");
                        judged += 1;
                    }
                }
            });
            let pull = context.socket_with::<Pull>(plain_server()).unwrap();
            let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
            let pushes: Vec<Socket<Push>> = (0..60)
                .map(|number| {
                    let push = context.socket_with::<Push>(plain_client()).unwrap();
                    push.connect(&endpoint).unwrap();
                    put(&push.sender(), number.to_string());
                    push
                })
                .collect();
            let mut seen: Vec<u32> = (0..60)
                .map(|_| common::next_text(&pull.receiver()).parse().unwrap())
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..60).collect::<Vec<u32>>());
            judging.join().unwrap();
            drop((pushes, authenticator));
        }
    });
}

// ---- peers that do not wait

/// A peer that leaves while no answer comes goes at once, and so does the question about it:
/// without a limit on handshakes it would stay for ever.
#[test]
fn a_disconnect_during_authentication_is_noticed_at_once() {
    within(LIMIT, || {
        let null = || Options::new().zap_domain("global");
        let hello = command("HELLO", b"\x05admin\x06secret");
        let null_ready = ready("PUSH");
        // More than is kept of what comes meanwhile.
        let flood = [&hello[..], &vec![0; 160 << 10]].concat();
        for transport in Transport::WIRES {
            for (options, mechanism, words) in [
                (plain_server(), &b"PLAIN"[..], &hello),
                (plain_server(), b"PLAIN", &flood),
                (null(), b"NULL", &null_ready),
                (null(), b"NULL", &Vec::new()),
            ] {
                let context = Context::new();
                let silent = context.authenticator().unwrap();
                let pull = context
                    .socket_with::<Pull>(options.handshake_timeout(None))
                    .unwrap();
                let monitor = pull.monitor().unwrap();
                let endpoint = pull.bind(transport.endpoint()).unwrap();
                let mut raw = Raw::connect(&endpoint);
                raw.write(&greeting(1, mechanism));
                raw.read(64);
                raw.write_anyway(words);
                if words.len() > 100_000 {
                    // No peer says that much before it has been judged.
                    let reason = outcome(&monitor).unwrap_err();
                    assert!(
                        matches!(reason, DisconnectReason::Protocol(_)),
                        "{reason:?}"
                    );
                } else {
                    let _unanswered = silent.recv_timeout_blocking(PATIENCE).unwrap();
                    drop(raw);
                    left(&monitor);
                }
                assert_eq!(pull.statistics().unwrap().handshakes_failed, 1);
            }
        }
    });
}

/// The peer has left, as the server is told.
fn left(monitor: &Monitor) {
    let reason = outcome(monitor).unwrap_err();
    // What was unread on either side may have made a reset of it.
    let is_end = matches!(
        reason,
        DisconnectReason::PeerClosed | DisconnectReason::Io(_)
    );
    assert!(is_end, "{reason:?}");
}

#[cfg(feature = "curve")]
#[test]
fn a_curve_disconnect_during_authentication_is_noticed_at_once() {
    use zmq_channels::CurveKeypair;
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let keypair = || CurveKeypair::generate().unwrap();
            let server = keypair();
            let client = Security::CurveClient {
                keypair: keypair(),
                server_key: *server.public(),
            };
            let options = Options::new()
                .security(Security::CurveServer(server))
                .handshake_timeout(None);
            let scene = scene(options, plain_client().security(client));
            let silent = scene.context.authenticator().unwrap();
            let endpoint = scene.pull.bind(transport.endpoint()).unwrap();
            scene.push.connect(endpoint).unwrap();
            let _unanswered = silent.recv_timeout_blocking(PATIENCE).unwrap();
            scene.push.close_blocking();
            left(&scene.server);
        }
    });
}
