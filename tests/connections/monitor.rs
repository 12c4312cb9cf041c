//! What a monitor tells, in which order, and that it holds nothing up.

mod message_peers;
mod of_context;

use crate::common;

use std::io::ErrorKind;
use std::time::Duration;

use common::raw::{self, Raw};
use common::{alone, next, nothing_comes, put, within, Transport, LIMIT, PATIENCE};
use futures::{FutureExt, StreamExt};
use zmq_channels::error::{Closed, ObserveError, RecvError, RecvTimeoutError, TryRecvError};
use zmq_channels::monitor::{DisconnectReason, Event, EventKind, EventSet, MonitorOptions};
use zmq_channels::{
    Context, Linger, Monitor, Options, Pair, Pub, Pull, Push, Router, SocketType, Sub,
};

/// The next event; it must come.
fn told(monitor: &Monitor) -> Event {
    let event = monitor.recv_timeout_blocking(PATIENCE);
    event.expect("an event should have come")
}

/// The next event but for one that only some transports tell.
fn told_next(monitor: &Monitor) -> Event {
    let event = told(monitor);
    match event.kind {
        EventKind::ConnectDelayed => told(monitor),
        _ => event,
    }
}

fn kinds(monitor: &Monitor, count: usize) -> Vec<EventKind> {
    (0..count).map(|_| told_next(monitor).kind).collect()
}

fn disconnected(reason: DisconnectReason) -> EventKind {
    EventKind::Disconnected { reason }
}

fn failed(reason: DisconnectReason) -> EventKind {
    EventKind::HandshakeFailed { reason }
}

fn lossless() -> Options {
    Options::new().linger(Linger::For(Duration::ZERO))
}

#[test]
fn a_client_and_a_server_report_connects_and_disconnects() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let pull = near.socket::<Pull>().unwrap();
            let push = far.socket::<Push>().unwrap();
            let (server, client) = (pull.monitor().unwrap(), push.monitor().unwrap());
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            push.connect(&endpoint).unwrap();

            let listening = told(&server);
            assert_eq!(listening.kind, EventKind::Listening, "{transport:?}");
            assert_eq!(listening.endpoint.as_ref(), Some(&endpoint));
            assert_eq!((listening.connection, listening.local), (None, None));

            let accepted = told(&server);
            assert_eq!(accepted.kind, EventKind::Accepted);
            assert_eq!(accepted.endpoint.as_ref(), Some(&endpoint));
            assert_eq!(accepted.local.as_ref(), Some(&endpoint));
            let connected = told_next(&client);
            assert_eq!(connected.kind, EventKind::Connected);
            assert_eq!(connected.endpoint.as_ref(), Some(&endpoint));
            assert_eq!(connected.remote.as_ref(), Some(&endpoint));
            assert_eq!(connected.local, accepted.remote);
            if transport == Transport::Tcp {
                assert_ne!(connected.local, connected.remote);
            }

            for (monitor, before, peer) in [
                (&server, &accepted, SocketType::Push),
                (&client, &connected, SocketType::Pull),
            ] {
                let done = told(monitor);
                let EventKind::HandshakeSucceeded(identity) = &done.kind else {
                    panic!("{transport:?}: {done:?}");
                };
                assert_eq!(identity.socket_type, Some(peer));
                match transport {
                    Transport::Inproc | Transport::AcrossPumps => {
                        assert_eq!(identity.version, None)
                    }
                    Transport::Tcp | Transport::Ipc => {
                        assert_eq!(identity.version, Some((3, 1)));
                        let said = ("Socket-Type".to_owned(), peer.name().into());
                        assert!(identity.properties.contains(&said));
                    }
                }
                assert_eq!(done.connection, before.connection);
                assert_eq!((&done.local, &done.remote), (&before.local, &before.remote));
            }

            push.close_blocking();
            let gone = told(&client);
            assert_eq!(gone.kind, disconnected(DisconnectReason::Local));
            assert_eq!(gone.connection, connected.connection);
            assert_eq!(told(&client).kind, EventKind::Stopped);
            assert_eq!(
                client.recv_blocking(),
                Err(RecvError::Closed(Closed::Socket))
            );

            let gone = told(&server);
            assert_eq!(gone.kind, disconnected(DisconnectReason::PeerClosed));
            assert_eq!(gone.connection, accepted.connection);
            assert_eq!(gone.remote, accepted.remote);
            pull.close_blocking();
            let closed = told(&server);
            assert_eq!(closed.kind, EventKind::Closed);
            assert_eq!(closed.endpoint.as_ref(), Some(&endpoint));
            assert_eq!(told(&server).kind, EventKind::Stopped);
            assert_eq!(server.try_recv(), Err(TryRecvError::Closed(Closed::Socket)));
        }
    });
}

#[test]
fn a_client_without_a_server_reports_each_attempt() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (near, far) = transport.contexts();
            let options = Options::new().reconnect_interval(Some(Duration::from_millis(20)));
            let push = near.socket_with::<Push>(options).unwrap();
            let monitor = push.monitor().unwrap();
            let endpoint = push.connect(transport.endpoint()).unwrap();
            let mut attempts = Vec::new();
            for _ in 0..2 {
                let event = told_next(&monitor);
                let EventKind::ConnectFailed { reason } = &event.kind else {
                    panic!("{transport:?}: {event:?}");
                };
                let refused = [ErrorKind::ConnectionRefused, ErrorKind::NotFound];
                let DisconnectReason::Io(error) = reason else {
                    panic!("{transport:?}: {reason:?}");
                };
                assert!(refused.contains(&error.kind()), "{error:?}");
                assert!(error.raw_os_error().is_some(), "{error:?}");
                assert_eq!(event.endpoint.as_ref(), Some(&endpoint));
                attempts.extend(event.connection);
                let retried = told(&monitor);
                let EventKind::ConnectRetried { after } = retried.kind else {
                    panic!("{transport:?}: {retried:?}");
                };
                assert!(after >= Duration::from_millis(20) && after < Duration::from_secs(1));
            }
            attempts.dedup();
            assert!(attempts.len() == 2 || transport == Transport::Ipc);

            // The server comes, goes, and comes again.
            for _ in 0..2 {
                let pull = far.socket::<Pull>().unwrap();
                pull.bind(&endpoint).unwrap();
                let connected = loop {
                    let event = told(&monitor);
                    if event.kind == EventKind::Connected {
                        break event;
                    }
                };
                let succeeded = told(&monitor);
                assert!(matches!(succeeded.kind, EventKind::HandshakeSucceeded(_)));
                assert!(!attempts.contains(&connected.connection.unwrap()));
                attempts.extend(connected.connection);
                // An end that is not through its handshake yet does not close, but breaks off.
                pull.wait_connected_blocking(1).unwrap();
                pull.close_blocking();
                let gone = told(&monitor);
                assert_eq!(gone.kind, disconnected(DisconnectReason::PeerClosed));
                assert_eq!(gone.connection, connected.connection);
                let retried = told(&monitor).kind;
                assert!(matches!(retried, EventKind::ConnectRetried { .. }));
            }
        }
    });
}

#[test]
fn incompatible_peers_are_reported_with_distinct_reasons() {
    within(LIMIT, || {
        let (near, far) = Transport::Tcp.contexts();
        let publisher = near.socket::<Pub>().unwrap();
        let server = publisher.monitor().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        assert_eq!(told(&server).kind, EventKind::Listening);

        let push = far.socket::<Push>().unwrap();
        let client = push.monitor().unwrap();
        push.connect(&endpoint).unwrap();
        let wrong = DisconnectReason::IncompatibleSocketType("PUSH".into());
        assert_eq!(
            kinds(&server, 3),
            [
                EventKind::Accepted,
                failed(wrong.clone()),
                disconnected(wrong)
            ]
        );
        assert_eq!(told_next(&client).kind, EventKind::Connected);
        let refused = told(&client).kind;
        let by_either = |reason: &DisconnectReason| {
            matches!(
                reason,
                DisconnectReason::IncompatibleSocketType(_) | DisconnectReason::RefusedByPeer(_)
            )
        };
        assert!(
            matches!(&refused, EventKind::HandshakeFailed { reason } if by_either(reason)),
            "{refused:?}"
        );
        drop(push);

        let mut stranger = Raw::connect(&endpoint);
        stranger.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(told(&server).kind, EventKind::Accepted);
        let event = told(&server).kind;
        let EventKind::HandshakeFailed {
            reason: DisconnectReason::Protocol(what),
        } = &event
        else {
            panic!("{event:?}");
        };
        assert!(what.to_string().contains("ZMTP"), "{what}");
        assert_eq!(event.zmq_event(), Some(0x2000));
        assert_eq!(event.zmq_value(), Some(0x1000_0000));

        let mut other = Raw::connect(&endpoint);
        other.write(&raw::greeting(1, b"CURVE"));
        assert!(matches!(told(&server).kind, EventKind::Disconnected { .. }));
        assert_eq!(told(&server).kind, EventKind::Accepted);
        let event = told(&server).kind;
        let EventKind::HandshakeFailed {
            reason: DisconnectReason::Incompatible(what),
        } = &event
        else {
            panic!("{event:?}");
        };
        assert!(what.to_string().contains("CURVE"), "{what}");
        assert_eq!(event.zmq_event(), Some(0x2000));
        assert_eq!(event.zmq_value(), Some(0x1100_0002));
    });
}

#[test]
fn incompatible_socket_types_are_reported_at_both_ends() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let publisher = near.socket::<Pub>().unwrap();
            let push = far.socket::<Push>().unwrap();
            let (server, client) = (publisher.monitor().unwrap(), push.monitor().unwrap());
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            push.connect(&endpoint).unwrap();

            assert_eq!(told(&server).kind, EventKind::Listening, "{transport:?}");
            let accepted = told(&server);
            assert_eq!(accepted.kind, EventKind::Accepted, "{transport:?}");
            let wrong = DisconnectReason::IncompatibleSocketType("PUSH".into());
            for expected in [failed(wrong.clone()), disconnected(wrong)] {
                let event = told(&server);
                assert_eq!(event.kind, expected, "{transport:?}");
                assert_eq!(event.connection, accepted.connection);
            }

            let connected = told_next(&client);
            assert_eq!(connected.kind, EventKind::Connected, "{transport:?}");
            let event = told(&client);
            let EventKind::HandshakeFailed { reason } = event.kind else {
                panic!("{transport:?}: {event:?}");
            };
            // On a stream the ERROR of a peer may be here before its READY.
            match &reason {
                DisconnectReason::IncompatibleSocketType(theirs) => assert_eq!(theirs, "PUB"),
                DisconnectReason::RefusedByPeer(_) => assert!(!transport.is_inproc()),
                _ => panic!("{transport:?}: {reason:?}"),
            }
            assert_eq!(event.connection, connected.connection);
            assert_eq!(told(&client).kind, disconnected(reason), "{transport:?}");
            let retried = told(&client).kind;
            let slowly = Duration::from_secs(5)..Duration::from_secs(7);
            assert!(
                matches!(retried, EventKind::ConnectRetried { after } if slowly.contains(&after)),
                "{transport:?}: {retried:?}"
            );
            for statistics in [publisher.statistics(), push.statistics()] {
                let statistics = statistics.unwrap();
                assert!(statistics.handshakes_failed >= 1, "{transport:?}");
                assert!(statistics.peers.is_empty());
            }
        }
    });
}

#[test]
fn timeouts_are_reported() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().handshake_timeout(Some(Duration::from_millis(200)));
        let pull = context.socket_with::<Pull>(options).unwrap();
        let monitor = pull.monitor().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        assert_eq!(told(&monitor).kind, EventKind::Listening);
        let _silent = Raw::connect(&endpoint);
        let late = DisconnectReason::HandshakeTimeout;
        assert_eq!(
            kinds(&monitor, 3),
            [
                EventKind::Accepted,
                failed(late.clone()),
                disconnected(late)
            ]
        );

        // A PING that promises another sign of life within a tenth of a second.
        let mut quiet = Raw::peer(&endpoint, "PUSH");
        quiet.write(&raw::command("PING", &[0, 1]));
        assert_eq!(told(&monitor).kind, EventKind::Accepted);
        let done = told(&monitor).kind;
        assert!(matches!(done, EventKind::HandshakeSucceeded(_)));
        let silent = disconnected(DisconnectReason::HeartbeatTimeout);
        assert_eq!(told(&monitor).kind, silent);
    });
}

#[test]
fn protocol_violations_are_reported() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().max_frame_size(Some(100));
        let pull = context.socket_with::<Pull>(options).unwrap();
        let selected = MonitorOptions::new().events(EventSet::DISCONNECTED);
        let monitor = pull.monitor_with(selected).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();

        let mut large = Raw::peer(&endpoint, "PUSH");
        large.write(&raw::long_header(0, 101));
        let (announced, limit) = (101, 100);
        let too_large = DisconnectReason::FrameTooLarge { announced, limit };
        assert_eq!(told(&monitor).kind, disconnected(too_large));

        let mut wild = Raw::peer(&endpoint, "PUSH");
        wild.write(&[0xff, 0]);
        let event = told(&monitor);
        assert!(
            matches!(
                &event.kind,
                EventKind::Disconnected {
                    reason: DisconnectReason::Protocol(_)
                }
            ),
            "{event:?}"
        );
        assert!(event.remote.is_some() && event.connection.is_some());
    });
}

#[test]
fn refused_peers_are_reported() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let pair = near.socket::<Pair>().unwrap();
            let selected = MonitorOptions::new().events(EventSet::HANDSHAKE_FAILED);
            let monitor = pair.monitor_with(selected).unwrap();
            let endpoint = pair.bind(transport.endpoint()).unwrap();
            let first = far.socket::<Pair>().unwrap();
            first.connect(&endpoint).unwrap();
            first.wait_connected_blocking(1).unwrap();
            let second = far.socket::<Pair>().unwrap();
            second.connect(&endpoint).unwrap();
            let refused = failed(DisconnectReason::Refused);
            assert_eq!(told(&monitor).kind, refused, "{transport:?}");
            assert!(pair.statistics().unwrap().refused >= 1);
            // The first is not disturbed.
            put(&first.sender(), "still here");
            assert_eq!(next(&pair.receiver())[0], "still here");
        }
    });
}

#[test]
fn a_routing_id_in_use_is_reported_as_refused() {
    within(LIMIT, || {
        let (near, far) = Transport::Tcp.contexts();
        let router = near.socket::<Router>().unwrap();
        let selected = MonitorOptions::new().events(EventSet::HANDSHAKE_FAILED);
        let monitor = router.monitor_with(selected).unwrap();
        let endpoint = router.bind("tcp://127.0.0.1:*").unwrap();
        let named = || {
            let options = Options::new().routing_id("twin");
            let dealer = far.socket_with::<zmq_channels::Dealer>(options).unwrap();
            dealer.connect(&endpoint).unwrap();
            dealer
        };
        let first = named();
        router.wait_connected_blocking(1).unwrap();
        let _second = named();
        assert_eq!(told(&monitor).kind, failed(DisconnectReason::Refused));
        assert_eq!(first.statistics().unwrap().peers.len(), 1);
    });
}

#[test]
fn peers_beyond_the_limit_are_reported_as_refused() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let options = Options::new().max_peers(Some(3));
            let pull = near.socket_with::<Pull>(options).unwrap();
            let selected = MonitorOptions::new().events(EventSet::HANDSHAKE_FAILED);
            let monitor = pull.monitor_with(selected).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let mut crowd = Vec::new();
            for _ in 0..20 {
                let push = far.socket_with::<Push>(lossless()).unwrap();
                push.connect(&endpoint).unwrap();
                crowd.push(push);
            }
            for _ in 0..17 {
                let crowded = failed(DisconnectReason::LimitReached);
                assert_eq!(told(&monitor).kind, crowded, "{transport:?}");
            }
            pull.wait_connected_blocking(3).unwrap();
            let statistics = pull.statistics().unwrap();
            assert_eq!(statistics.peers.len(), 3);
            assert!(statistics.refused >= 17 && statistics.handshakes_failed >= 17);
            // One peer leaves, another takes the place.
            let connected: Vec<u64> = statistics.peers.iter().map(|p| p.connection).collect();
            crowd.retain(|push| push.statistics().unwrap().peers.is_empty());
            assert!(
                crowd.len() >= 17 || !transport.is_inproc(),
                "{}",
                crowd.len()
            );
            common::eventually("others come in", || {
                let statistics = pull.statistics().unwrap();
                assert!(statistics.peers.len() <= 3);
                let new = |peer: &&zmq_channels::statistics::PeerStatistics| {
                    !connected.contains(&peer.connection)
                };
                statistics.peers.iter().filter(new).count() == 3
            });
        }
    });
}

#[test]
fn connections_ended_by_the_user_are_reported_as_local() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (near, far) = transport.contexts();
            let pull = near.socket::<Pull>().unwrap();
            let push = far.socket::<Push>().unwrap();
            let (server, client) = (pull.monitor().unwrap(), push.monitor().unwrap());
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            push.connect(&endpoint).unwrap();
            pull.wait_connected_blocking(1).unwrap();
            push.wait_connected_blocking(1).unwrap();
            kinds(&server, 3);
            kinds(&client, 2);

            push.disconnect(&endpoint).unwrap();
            let gone = told(&client);
            assert_eq!(gone.kind, disconnected(DisconnectReason::Local));
            assert_eq!(gone.endpoint.as_ref(), Some(&endpoint));
            let gone = told(&server).kind;
            assert_eq!(gone, disconnected(DisconnectReason::PeerClosed));

            push.connect(&endpoint).unwrap();
            pull.wait_connected_blocking(1).unwrap();
            kinds(&server, 2);
            pull.unbind(&endpoint).unwrap();
            assert_eq!(told(&server).kind, EventKind::Closed);
            let gone = told(&server);
            assert_eq!(gone.kind, disconnected(DisconnectReason::Local));
            assert_eq!(gone.endpoint.as_ref(), Some(&endpoint));
        }
    });
}

#[test]
fn a_failed_bind_is_reported() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let context = Context::new();
            let (one, two) = (
                context.socket::<Pull>().unwrap(),
                context.socket::<Pull>().unwrap(),
            );
            let endpoint = one.bind(transport.endpoint()).unwrap();
            let monitor = two.monitor().unwrap();
            two.bind(&endpoint).unwrap_err();
            let event = told(&monitor);
            let EventKind::BindFailed { error } = event.kind else {
                panic!("{transport:?}: {event:?}");
            };
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            // Names within a context are nothing the system knows of, and ipc looks before it
            // asks the system.
            assert_eq!(error.raw_os_error().is_some(), transport == Transport::Tcp);
            assert_eq!(event.endpoint, Some(endpoint));
        }
    });
}

/// What happens to one attempt after another, with the number of each.
#[test]
fn an_attempt_over_tcp_is_reported_before_its_result() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let options = Options::new().reconnect_interval(Some(Duration::from_millis(10)));
            let push = near.socket_with::<Push>(options).unwrap();
            let monitor = push.monitor().unwrap();
            let endpoint = push.connect(transport.endpoint()).unwrap();
            let delayed = transport == Transport::Tcp;
            let attempt = |ends: fn(&EventKind) -> bool| {
                let mut event = told(&monitor);
                if delayed {
                    assert_eq!(event.kind, EventKind::ConnectDelayed);
                    assert_eq!(event.endpoint.as_ref(), Some(&endpoint));
                    let number = event.connection;
                    event = told(&monitor);
                    assert!(number.is_some() && event.connection == number);
                }
                assert!(ends(&event.kind), "{transport:?}: {event:?}");
            };
            if !transport.is_inproc() {
                for _ in 0..2 {
                    attempt(|kind| matches!(kind, EventKind::ConnectFailed { .. }));
                    let retried = told(&monitor).kind;
                    assert!(matches!(retried, EventKind::ConnectRetried { .. }));
                }
            }
            let pull = far.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            push.wait_connected_blocking(1).unwrap();
            drop(push);
            let kinds: Vec<_> = monitor.iter().map(|event| event.kind).collect();
            let connected = kinds.iter().position(|kind| *kind == EventKind::Connected);
            let connected = connected.expect("a connection was made");
            let before = connected.checked_sub(1).map(|index| &kinds[index]);
            let told_before = before == Some(&EventKind::ConnectDelayed);
            assert_eq!(told_before, delayed, "{transport:?}: {kinds:?}");
        }
    });
}

#[test]
fn error_numbers_of_the_system_are_reported() {
    alone(LIMIT, || {
        const EMFILE: i32 = 24;
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let selected = MonitorOptions::new().events(EventSet::ACCEPT_FAILED);
        let monitor = pull.monitor_with(selected).unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let push = context.socket::<Push>().unwrap();
        let failed = MonitorOptions::new().events(EventSet::CONNECT_FAILED);
        let client = push.monitor_with(failed).unwrap();
        let address = endpoint.as_str().strip_prefix("tcp://").unwrap();
        // All descriptors there are, but for those of the connections below.
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        files.pop();
        let _waiting = std::net::TcpStream::connect(address).unwrap();
        let event = told(&monitor).kind;
        let EventKind::AcceptFailed { error } = &event else {
            panic!("{event:?}");
        };
        assert_eq!(error.raw_os_error(), Some(EMFILE));
        assert!(error.to_string().contains("os error 24"), "{error}");
        push.connect(&endpoint).unwrap();
        let event = told(&client).kind;
        let EventKind::ConnectFailed {
            reason: DisconnectReason::Io(error),
        } = &event
        else {
            panic!("{event:?}");
        };
        assert_eq!(error.raw_os_error(), Some(EMFILE));
    });
}

#[test]
fn an_unresolvable_name_is_reported_with_the_resolvers_text() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        let monitor = push.monitor().unwrap();
        push.connect("tcp://no-such-host.invalid:5555").unwrap();
        let event = told(&monitor).kind;
        let EventKind::ConnectFailed {
            reason: DisconnectReason::Io(error),
        } = &event
        else {
            panic!("{event:?}");
        };
        assert!(
            error.to_string().contains("no-such-host.invalid"),
            "{error}"
        );
    });
}

#[test]
fn events_contain_the_routing_id_of_the_peer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for server in [SocketType::Router, SocketType::Server, SocketType::Stream] {
                if server == SocketType::Stream && transport.is_inproc() {
                    continue;
                }
                let client = match server {
                    SocketType::Router => SocketType::Dealer,
                    SocketType::Server => SocketType::Client,
                    other => other,
                };
                let (near, far) = transport.contexts();
                let server = near.socket_of(server, Options::new()).unwrap();
                let selected = EventSet::HANDSHAKE_SUCCEEDED | EventSet::DISCONNECTED;
                let monitor = server.monitor_with(MonitorOptions::new().events(selected));
                let monitor = monitor.unwrap();
                let endpoint = server.bind(transport.endpoint()).unwrap();
                let client = far.socket_of(client, Options::new()).unwrap();
                client.connect(&endpoint).unwrap();
                server.wait_connected_blocking(1).unwrap();
                let statistics = server.statistics().unwrap();
                let name = statistics.peers[0].known_as.clone();
                let name = name.expect("the socket made a name up");
                assert!(server.has_peer(&name), "{transport:?}");
                // It is what stands in front of a message.
                assert_eq!(statistics.peers[0].routing_id, zmq_channels::Frame::empty());
                client.close_blocking();
                for _ in 0..2 {
                    let event = told(&monitor);
                    assert_eq!(
                        event.known_as.as_ref(),
                        Some(&name),
                        "{transport:?}: {event:?}"
                    );
                }
            }
            // One that the peer has chosen, and none where peers have none.
            let (near, far) = transport.contexts();
            let router = near.socket::<Router>().unwrap();
            let options = Options::new().routing_id("anna");
            let dealer = far.socket_with::<zmq_channels::Dealer>(options).unwrap();
            let monitor = dealer.monitor().unwrap();
            dealer
                .connect(router.bind(transport.endpoint()).unwrap())
                .unwrap();
            router.wait_connected_blocking(1).unwrap();
            dealer.wait_connected_blocking(1).unwrap();
            let known = router.statistics().unwrap().peers[0].known_as.clone();
            assert_eq!(known.unwrap().as_bytes(), b"anna");
            assert_eq!(dealer.statistics().unwrap().peers[0].known_as, None);
            drop(dealer);
            assert!(monitor.iter().all(|event| event.known_as.is_none()));
        }
    });
}

#[test]
fn every_monitor_receives_the_events_it_selected() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let everything = [pull.monitor().unwrap(), pull.monitor().unwrap()];
        let some = EventSet::ACCEPTED | EventSet::CLOSED;
        let selected = MonitorOptions::new().events(some);
        let selected = pull.monitor_with(selected).unwrap();
        let endpoint = pull.bind("inproc://monitors").unwrap();
        let push = context.socket::<Push>().unwrap();
        push.connect(&endpoint).unwrap();
        pull.wait_connected_blocking(1).unwrap();
        // One that comes late hears of what happens from then on.
        let late = pull.monitor().unwrap();
        assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
        pull.close_blocking();
        for monitor in everything {
            assert_eq!(monitor.into_iter().count(), 6);
        }
        let told: Vec<_> = selected.iter().map(|event| event.kind).collect();
        assert_eq!(told, [EventKind::Accepted, EventKind::Closed]);
        let events: Vec<_> = late.iter().collect();
        assert_eq!(events.len(), 3, "{events:?}");
        let gone = &events[1];
        assert_eq!(gone.kind, disconnected(DisconnectReason::Local));
        assert_eq!(gone.endpoint, Some(endpoint));
        assert_eq!(
            pull.monitor().err(),
            Some(ObserveError::Closed(Closed::Socket))
        );
    });
}

#[test]
fn an_unread_monitor_delays_nothing() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let tiny = MonitorOptions::new().capacity(4);
        let monitor = pull.monitor_with(tiny).unwrap();
        let forgotten = pull.monitor().unwrap();
        drop(forgotten);
        let endpoint = pull.bind("inproc://unread").unwrap();
        let out = pull.receiver();
        for number in 0..100 {
            let push = context.socket::<Push>().unwrap();
            push.connect(&endpoint).unwrap();
            push.send_blocking(format!("{number}")).unwrap();
            assert_eq!(next(&out)[0], *format!("{number}"));
            push.close_blocking();
        }
        pull.close_blocking();
        // Listening; Accepted, HandshakeSucceeded and Disconnected of each; Closed; Stopped.
        assert_eq!((monitor.len(), monitor.missed()), (4, 303 - 4));
        let kept: Vec<_> = monitor.iter().map(|event| event.kind).collect();
        assert_eq!(kept[2..], [EventKind::Closed, EventKind::Stopped]);
    });
}

#[test]
fn events_can_be_awaited_in_every_way() {
    within(LIMIT, || {
        let context = Context::new();
        let sub = context.socket::<Sub>().unwrap();
        let mut monitor = sub.monitor().unwrap();
        assert!(monitor.recv().now_or_never().is_none());
        let short = Duration::from_millis(10);
        assert_eq!(
            monitor.recv_timeout_blocking(short),
            Err(RecvTimeoutError::Timeout)
        );
        futures::executor::block_on(async {
            let late = monitor.recv_timeout(short).await;
            assert_eq!(late, Err(RecvTimeoutError::Timeout));
            let other = monitor.clone();
            let waiting = std::thread::spawn(move || other.recv_blocking());
            sub.bind("inproc://awaited").unwrap();
            assert_eq!(waiting.join().unwrap().unwrap().kind, EventKind::Listening);
            sub.unbind("inproc://awaited").unwrap();
            assert_eq!(monitor.recv().await.unwrap().kind, EventKind::Closed);
            sub.bind("inproc://awaited").unwrap();
            assert_eq!(monitor.next().await.unwrap().kind, EventKind::Listening);
            context.shutdown();
            let rest: Vec<_> = (&mut monitor).map(|event| event.kind).collect().await;
            assert_eq!(rest, [EventKind::Closed, EventKind::Stopped]);
        });
        assert_eq!(
            monitor.recv_blocking(),
            Err(RecvError::Closed(Closed::Context))
        );
        assert_eq!(
            sub.monitor().err(),
            Some(ObserveError::Closed(Closed::Context))
        );
    });
}

#[test]
fn a_monitor_does_not_keep_its_socket_open() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let monitor = pull.monitor().unwrap();
        let push = context.socket::<Push>().unwrap();
        push.connect(pull.bind("inproc://kept").unwrap()).unwrap();
        put(&push.sender(), "one");
        let out = pull.receiver();
        next(&out);
        nothing_comes(&out);
        drop((pull, out));
        let kinds: Vec<_> = monitor.iter().map(|event| event.kind).collect();
        assert_eq!(kinds.last(), Some(&EventKind::Stopped));
    });
}
