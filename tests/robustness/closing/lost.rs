//! What a closing socket waits for disappears: it ends, and says what did not get out.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{self, Receiver as Told};

use zmq_channels::socket::CloseReport;
use zmq_channels::{Any, Endpoint, Router, RoutingId};

use super::common::ipc_path;
use super::common::raw::{frame, multipart, Raw, GREETING};
use super::*;

/// More than any kernel takes for one connection.
const LARGE: usize = 24 << 20;

/// The types that keep what has not been sent for another peer, each with one it talks to.
const KINDS: [(SocketType, &str); 7] = [
    (SocketType::Push, "PULL"),
    (SocketType::Dealer, "ROUTER"),
    (SocketType::Pair, "PAIR"),
    (SocketType::Req, "REP"),
    (SocketType::Client, "SERVER"),
    (SocketType::Scatter, "GATHER"),
    (SocketType::Channel, "CHANNEL"),
];

/// What listens in the place of a peer.
enum Door {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Door {
    fn open(endpoint: &str) -> Door {
        match endpoint.strip_prefix("tcp://") {
            Some(address) => Door::Tcp(TcpListener::bind(address).unwrap()),
            None => {
                let path = endpoint.strip_prefix("ipc://").unwrap();
                Door::Ipc(UnixListener::bind(path).unwrap())
            }
        }
    }

    /// The next connection, after its handshake.
    fn peer(&self, kind: &str) -> Raw {
        let mut raw = match self {
            Door::Tcp(door) => Raw::from_tcp(door.accept().unwrap().0),
            Door::Ipc(door) => Raw::from_unix(door.accept().unwrap().0),
        };
        raw.shake_hands(GREETING, kind);
        raw
    }
}

/// Begins to close a socket; returns once that has begun.
fn begin_to_close(socket: &Socket<Any>) -> Told<CloseReport> {
    let closed = socket.close();
    // What is asked for later is done later.
    let _ = socket.statistics();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(block_on(closed)));
    told
}

fn undelivered(closing: &Told<CloseReport>, what: &str) -> u64 {
    let closed = closing.recv_timeout(PATIENCE);
    closed
        .unwrap_or_else(|_| panic!("{what}: it never closed"))
        .undelivered
}

/// Sends what does not get out as a whole, and waits until it has begun to.
fn send_in_part(socket: &Socket<Any>) {
    put(&socket.sender().unwrap(), vec![7_u8; LARGE]);
    eventually("it is on its way", || {
        socket.statistics().unwrap().bytes_out > 100_000
    });
}

fn socket(kind: SocketType, options: Options) -> Socket<Any> {
    Context::new().socket_of(kind, options).unwrap()
}

#[test]
fn a_partly_written_message_is_not_waited_for_when_bound() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for (kind, peer) in KINDS {
                let socket = socket(kind, Options::new());
                let endpoint = socket.bind(transport.endpoint()).unwrap();
                let peer = Raw::peer(&endpoint, peer);
                send_in_part(&socket);
                let closing = begin_to_close(&socket);
                drop(peer);
                let what = format!("{kind} over {transport:?}");
                assert_eq!(undelivered(&closing, &what), 1, "{what}");
            }
        }
    });
}

#[test]
fn a_partly_written_message_is_not_waited_for_when_connected() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for (kind, peer) in KINDS {
                let endpoint = transport.endpoint();
                let door = Door::open(&endpoint);
                let socket = socket(kind, Options::new());
                socket.connect(&endpoint).unwrap();
                let peer = door.peer(peer);
                send_in_part(&socket);
                let closing = begin_to_close(&socket);
                drop(peer);
                let what = format!("{kind} over {transport:?}");
                assert_eq!(undelivered(&closing, &what), 1, "{what}");
            }
        }
    });
}

#[test]
fn unwritten_messages_are_sent_after_the_reconnect() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let endpoint = transport.endpoint();
            let door = Door::open(&endpoint);
            let push = socket(SocketType::Push, Options::new());
            push.connect(&endpoint).unwrap();
            let peer = door.peer("PULL");
            send_in_part(&push);
            (0..3).for_each(|number| put(&push.sender().unwrap(), number.to_string()));
            let closing = begin_to_close(&push);
            drop(peer);
            let mut peer = door.peer("PULL");
            for number in 0..3 {
                assert_eq!(peer.read_frame(), (0, number.to_string().into_bytes()));
            }
            let what = format!("{transport:?}");
            assert_eq!(
                undelivered(&closing, &what),
                1,
                "only what was begun is lost"
            );
        }
    });
}

/// No peer is left that could ever take it.
#[test]
fn an_endpoint_that_is_given_up_is_not_waited_for() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let endpoint = transport.endpoint();
            let door = Door::open(&endpoint);
            let push = socket(SocketType::Push, Options::new().reconnect_interval(None));
            push.connect(&endpoint).unwrap();
            let peer = door.peer("PULL");
            send_in_part(&push);
            (0..3).for_each(|number| put(&push.sender().unwrap(), number.to_string()));
            let closing = begin_to_close(&push);
            drop(peer);
            let what = format!("{transport:?}");
            assert_eq!(undelivered(&closing, &what), 4, "{what}");
        }
    });
}

#[test]
fn a_removed_endpoint_is_not_waited_for() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let endpoint = transport.endpoint();
            let closing = |push: &Socket<Any>| {
                (0..3).for_each(|number| put(&push.sender().unwrap(), number.to_string()));
                let closing = begin_to_close(push);
                let waits = closing.recv_timeout(Duration::from_millis(20)).is_err();
                assert!(waits, "{transport:?}: a peer may come");
                closing
            };
            let push = socket(SocketType::Push, Options::new());
            push.connect(&endpoint).unwrap();
            let disconnected = closing(&push);
            push.disconnect(&endpoint).unwrap();
            assert_eq!(undelivered(&disconnected, "disconnect"), 3);

            let push = socket(SocketType::Push, Options::new());
            let bound = push.bind(&endpoint).unwrap();
            let unbound = closing(&push);
            push.unbind(bound).unwrap();
            assert_eq!(undelivered(&unbound, "unbind"), 3);
        }
    });
}

#[test]
fn a_socket_without_an_endpoint_closes_at_once() {
    within(LIMIT, || {
        let accepting = || {
            let push = socket(SocketType::Push, Options::new());
            (0..3).for_each(|number| put(&push.sender().unwrap(), number.to_string()));
            push
        };
        assert_eq!(accepting().close_blocking().undelivered, 3);
        // The last handle of all: none is left that could give it an endpoint.
        drop(accepting());
    });
}

/// What is kept for a peer that is to come back goes with its name.
#[test]
fn a_disconnected_peer_is_not_waited_for() {
    within(LIMIT, || {
        let endpoint = Transport::Tcp.endpoint();
        let door = Door::open(&endpoint);
        let router: Socket<Router> = Context::new().socket().unwrap();
        let name = RoutingId::new("peer").unwrap();
        router.connect_as(&endpoint, name.clone()).unwrap();
        let peer = door.peer("DEALER");
        router.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
        router.send_to_blocking(&name, vec![7_u8; LARGE]).unwrap();
        eventually("it is on its way", || {
            router.statistics().unwrap().bytes_out > 100_000
        });
        for _ in 0..3 {
            router.send_to_blocking(&name, "kept").unwrap();
        }
        let closed = router.close();
        router.statistics().unwrap();
        drop((door, peer));
        let closing = thread::spawn(move || block_on(closed));
        eventually("the peer is gone", || match router.statistics() {
            Ok(statistics) => statistics.peers.is_empty(),
            Err(_) => true,
        });
        assert!(!closing.is_finished(), "it may come back");
        router.disconnect_peer(&name).unwrap();
        eventually("it closes", || closing.is_finished());
        assert_eq!(closing.join().unwrap().undelivered, 4);
    });
}

/// Its connection is not read any more, because the user reads nothing, and so the end of that
/// is not read either.
#[test]
fn a_full_out_does_not_hide_that_the_peer_is_gone() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let options = Options::new().receive_high_water_mark(1);
            let dealer = socket(SocketType::Dealer, options);
            let endpoint = dealer.bind(transport.endpoint()).unwrap();
            let mut peer = Raw::peer(&endpoint, "ROUTER");
            peer.write(&frame(0, &[7; 100]).repeat(1000));
            let receiver = dealer.receiver().unwrap();
            eventually("it is full", || receiver.len() == 1);
            send_in_part(&dealer);
            let closing = begin_to_close(&dealer);
            drop(peer);
            let what = format!("{transport:?}");
            assert_eq!(undelivered(&closing, &what), 1, "{what}");
            assert_eq!(next(&receiver)[0].len(), 100);
        }
    });
}

/// Bytes to a peer that speaks no ZMTP do not go to another one.
#[test]
fn a_stream_that_is_lost_is_not_waited_for() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let stream = socket(SocketType::Stream, Options::new());
            let endpoint = stream.bind(transport.endpoint()).unwrap();
            let peer = Raw::connect(&endpoint);
            let id = next(&stream.receiver().unwrap())[0].clone();
            let large = [id, vec![7_u8; LARGE].into()];
            put(&stream.sender().unwrap(), Message::from_iter(large));
            eventually("it is on its way", || {
                stream.statistics().unwrap().bytes_out > 100_000
            });
            let closing = begin_to_close(&stream);
            drop(peer);
            let what = format!("{transport:?}");
            assert_eq!(undelivered(&closing, &what), 1, "{what}");
        }
    });
}

/// What was let go before is waited for like everything else.
#[test]
fn messages_staged_for_a_disconnected_peer_are_waited_for() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let endpoint = transport.endpoint();
            let door = Door::open(&endpoint);
            let push = socket(SocketType::Push, Options::new());
            push.connect(&endpoint).unwrap();
            let peer = door.peer("PULL");
            send_in_part(&push);
            push.disconnect(&endpoint).unwrap();
            let closing = begin_to_close(&push);
            assert!(closing.recv_timeout(Duration::from_millis(20)).is_err());
            drop(peer);
            let what = format!("{transport:?}");
            assert_eq!(undelivered(&closing, &what), 1, "{what}");
        }
    });
}

/// A request that went out whole is not undelivered, whatever becomes of its reply.
#[test]
fn only_unwritten_messages_are_undelivered() {
    within(LIMIT, || {
        let req = socket(SocketType::Req, Options::new());
        let endpoint = req.bind(Transport::Tcp.endpoint()).unwrap();
        let mut peer = Raw::peer(&endpoint, "REP");
        put(&req.sender().unwrap(), "question");
        assert_eq!(peer.read(2 + 10), multipart(&["", "question"]));
        assert_eq!(undelivered(&begin_to_close(&req), "REQ"), 0);

        // Lost before it is closed: that is in its statistics.
        let push = socket(SocketType::Push, Options::new());
        let endpoint: Endpoint = push.bind(Transport::Ipc.endpoint()).unwrap();
        assert!(ipc_path(&endpoint).exists());
        let peer = Raw::peer(&endpoint, "PULL");
        send_in_part(&push);
        drop(peer);
        eventually("it is lost", || {
            push.statistics().unwrap().dropped.total() == 1
        });
        assert_eq!(undelivered(&begin_to_close(&push), "PUSH"), 0);
    });
}
