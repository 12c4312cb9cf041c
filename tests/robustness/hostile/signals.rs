//! Processes that take signals as C programs do: a peer that goes away must not end them.

use std::net::TcpListener;
use std::thread;

use zmq_channels::monitor::{EventKind, EventSet, MonitorOptions};
use zmq_channels::options::SocksProxy;
use zmq_channels::{Context, Endpoint, Message, Options, Pub, Push, Router, RoutingId, Stream};

use crate::common::raw::{frame, Raw};
use crate::common::{alone, eventually, Transport, LIMIT, PATIENCE};

const ROUNDS: usize = 6;

/// Enough that one is written in part and the other waits.
const LARGE: usize = 200_000;

fn large() -> Message {
    Message::from(vec![7; LARGE])
}

/// Has a write to a peer that is gone end this process, unless the signal is kept from being sent.
/// Rust's runtime ignores it before `main`; C programs, and libraries in them, do not.
fn restore_default_action() {
    // SAFETY: no handler is installed, and no other thread of this process has begun to use
    // signals: the test has it for itself.
    #[allow(unsafe_code)]
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(before, libc::SIG_IGN, "the runtime has ignored it");
}

/// Sends more than a peer takes that reads nothing, or all that one takes that reads; and more when
/// it is gone.
fn outlives(mut peer: Raw, reads: bool, mut send: impl FnMut(Message)) {
    send(large());
    match reads {
        true => drop(peer.read(LARGE)),
        false => send(large()),
    }
    drop(peer);
    for _ in 0..4 {
        send("to no peer".into());
        send(large());
    }
}

fn write_to_peers_that_go(transport: Transport) {
    let disconnected = MonitorOptions::new().events(EventSet::DISCONNECTED);
    for round in 0..ROUNDS {
        let reads = round % 2 == 1;
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        let monitor = push.monitor_with(disconnected).unwrap();
        let endpoint = push.bind(transport.endpoint()).unwrap();
        let peer = Raw::peer(&endpoint, "PULL");
        push.wait_connected_blocking(1).unwrap();
        outlives(peer, reads, |message| push.send_blocking(message).unwrap());
        monitor.recv_timeout_blocking(PATIENCE).unwrap();

        let publisher = context.socket::<Pub>().unwrap();
        let monitor = publisher.monitor_with(disconnected).unwrap();
        let endpoint = publisher.bind(transport.endpoint()).unwrap();
        let mut peer = Raw::peer(&endpoint, "SUB");
        peer.write(&frame(0, b"\x01"));
        publisher.wait_subscribed_blocking(1).unwrap();
        outlives(peer, reads, |message| {
            publisher.send_blocking(message).unwrap()
        });
        monitor.recv_timeout_blocking(PATIENCE).unwrap();

        let router = context.socket::<Router>().unwrap();
        let monitor = router.monitor_with(disconnected).unwrap();
        let endpoint = router.bind(transport.endpoint()).unwrap();
        let peer = Raw::peer(&endpoint, "DEALER");
        router.wait_connected_blocking(1).unwrap();
        let name: RoutingId = router.peers().remove(0);
        outlives(peer, reads, |message| {
            router.send_to_blocking(&name, message).unwrap()
        });
        monitor.recv_timeout_blocking(PATIENCE).unwrap();
        context.shutdown();
    }
}

#[test]
fn a_peer_that_disconnects_over_tcp_raises_no_signal() {
    alone(LIMIT, || {
        restore_default_action();
        write_to_peers_that_go(Transport::Tcp);
    });
}

#[test]
fn a_peer_that_disconnects_over_ipc_raises_no_signal() {
    alone(LIMIT, || {
        restore_default_action();
        write_to_peers_that_go(Transport::Ipc);
    });
}

#[test]
fn a_stream_that_ends_raises_no_signal() {
    alone(LIMIT, || {
        restore_default_action();
        let context = Context::new();
        for round in 0..ROUNDS {
            let reads = round % 2 == 1;
            let stream = context.socket::<Stream>().unwrap();
            let monitor = stream.monitor().unwrap();
            let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
            let peer = Raw::connect(&endpoint);
            eventually("it has connected", || !stream.peers().is_empty());
            let name = stream.peers().remove(0);
            // It may have been noticed already that the peer is gone.
            outlives(peer, reads, |message| {
                drop(stream.send_to_blocking(&name, message))
            });
            let ends = |kind: EventKind| matches!(kind, EventKind::Disconnected { .. });
            assert!(monitor.iter().any(|event| ends(event.kind)));
        }
    });
}

#[test]
fn a_proxy_that_disconnects_raises_no_signal() {
    alone(LIMIT, || {
        restore_default_action();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = proxy.local_addr().unwrap().to_string();
        let hangs_up = thread::spawn(move || {
            for _ in 0..ROUNDS {
                drop(proxy.accept().unwrap());
            }
        });
        let pause = std::time::Duration::from_millis(1);
        let options = Options::new()
            .socks_proxy(SocksProxy::new(address))
            .reconnect_interval(Some(pause));
        let push = Context::new().socket_with::<Push>(options).unwrap();
        let endpoint: Endpoint = "tcp://127.0.0.1:1".parse().unwrap();
        push.connect(&endpoint).unwrap();
        hangs_up.join().unwrap();
    });
}
