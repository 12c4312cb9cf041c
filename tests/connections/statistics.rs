//! The figures of a socket, against known traffic.

use crate::common;

use std::time::Duration;

use common::raw::{self, Raw};
use common::{eventually, next, put, within, Transport, LIMIT};
use zmq_channels::error::{Closed, ObserveError};
use zmq_channels::request::Unanswered;
use zmq_channels::statistics::{DropReason, Statistics};
use zmq_channels::{
    Context, Linger, Options, Overflow, Pair, Pub, Pull, Push, Rep, Req, Router, SocketType, Sub,
};

/// Losses, as a list.
fn losses(statistics: &Statistics) -> Vec<(DropReason, u64)> {
    statistics.dropped.iter().collect()
}

#[test]
fn messages_and_bytes_are_counted_exactly_at_both_ends() {
    within(LIMIT, || {
        const MESSAGES: u64 = 1000;
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let pull = near.socket::<Pull>().unwrap();
            let push = far.socket::<Push>().unwrap();
            assert_eq!(push.statistics().unwrap(), Statistics::default());
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            push.wait_connected_blocking(1).unwrap();
            pull.wait_connected_blocking(1).unwrap();
            let (before_out, before_in) = (push.statistics().unwrap(), pull.statistics().unwrap());
            let (sender, receiver) = (push.sender(), pull.receiver());
            for _ in 0..MESSAGES {
                put(&sender, ["five!", "and 200 bytes more!"]);
            }
            for _ in 0..MESSAGES {
                next(&receiver);
            }
            eventually("all is counted", || {
                push.statistics().unwrap().messages_out == MESSAGES
            });
            let (out, into) = (push.statistics().unwrap(), pull.statistics().unwrap());
            assert_eq!((out.messages_out, out.messages_in), (MESSAGES, 0));
            assert_eq!((into.messages_in, into.messages_out), (MESSAGES, 0));
            // Flags and size in front of each frame, but for inproc.
            let framing = if transport.is_inproc() { 0 } else { 4 };
            let bytes = MESSAGES * (5 + 19 + framing);
            assert_eq!(out.bytes_out - before_out.bytes_out, bytes);
            assert_eq!(into.bytes_in - before_in.bytes_in, bytes);
            assert_eq!(
                (out.bytes_out, out.bytes_in),
                (into.bytes_in, into.bytes_out)
            );
            assert_eq!((out.queued_out, into.queued_in), (0, 0));
            assert_eq!((out.dropped.total(), into.dropped.total()), (0, 0));
        }
    });
}

#[test]
fn each_peer_has_statistics_and_totals_outlive_peers() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let router = near.socket::<Router>().unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let dealer = |name: &str, messages: usize| {
                let options = Options::new().routing_id(name);
                let dealer = far.socket_with::<zmq_channels::Dealer>(options).unwrap();
                dealer.connect(&endpoint).unwrap();
                (0..messages).for_each(|_| put(&dealer.sender(), "x"));
                (0..messages).for_each(|_| drop(next(&router.receiver())));
                dealer
            };
            let ten = dealer("ten", 10);
            let _twenty = dealer("twenty", 20);
            put(&router.sender(), ["ten", "y"]);
            next(&ten.receiver());

            let statistics = router.statistics().unwrap();
            let [first, second] = &statistics.peers[..] else {
                panic!("{transport:?}: {statistics:?}");
            };
            assert_eq!(
                (&first.routing_id[..], first.messages_in),
                (&b"ten"[..], 10)
            );
            assert_eq!(
                (&second.routing_id[..], second.messages_in),
                (&b"twenty"[..], 20)
            );
            eventually("what left is counted", || {
                router.statistics().unwrap().peers[0].messages_out == 1
            });
            assert_eq!(second.messages_out, 0);
            assert_eq!(first.socket_type, Some(SocketType::Dealer));
            assert_eq!(first.endpoint.as_ref(), Some(&endpoint));
            assert_eq!(first.local.as_ref(), Some(&endpoint));
            let remote = ten.statistics().unwrap().peers[0].local.clone();
            assert!(remote.is_some() && first.remote == remote);
            assert!(first.connected_for >= second.connected_for);
            assert_ne!(first.connection, second.connection);
            assert_eq!((statistics.messages_in, first.reconnects), (30, 0));

            ten.close_blocking();
            eventually("one is gone", || {
                router.statistics().unwrap().peers.len() == 1
            });
            let statistics = router.statistics().unwrap();
            assert_eq!((statistics.messages_in, statistics.messages_out), (30, 1));
            assert_eq!(&statistics.peers[0].routing_id[..], b"twenty");
        }
    });
}

#[test]
fn a_publisher_counts_each_copy_and_each_loss() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().send_high_water_mark(1);
        let publisher = context.socket_with::<Pub>(options).unwrap();
        let endpoint = publisher.bind("inproc://copies").unwrap();
        let sender = publisher.sender();
        (0..3).for_each(|_| put(&sender, "no peer is there"));
        let subscriber = |mark: usize| {
            let options = Options::new().receive_high_water_mark(mark);
            let subscriber = context.socket_with::<Sub>(options).unwrap();
            subscriber.connect(&endpoint).unwrap();
            subscriber.subscribe("a").unwrap();
            subscriber
        };
        eventually("what no peer could get is counted", || {
            publisher
                .statistics()
                .unwrap()
                .dropped
                .by(DropReason::NoPeer)
                == 3
        });
        let roomy = [subscriber(1000), subscriber(1000)];
        publisher.wait_subscribed_blocking(2).unwrap();
        (0..5).for_each(|_| put(&sender, "b unwanted"));
        for _ in 0..7 {
            put(&sender, "a");
            roomy.iter().for_each(|all| drop(next(&all.receiver())));
        }
        let statistics = publisher.statistics().unwrap();
        assert_eq!(statistics.messages_out, 14);
        let wanted = [(DropReason::NoPeer, 3), (DropReason::Unmatched, 5)];
        assert_eq!(losses(&statistics), wanted);
        // Neither is a loss of the sender's.
        assert_eq!(sender.dropped(), 0);

        // One that takes one message here and holds one there.
        let _slow = subscriber(1);
        publisher.wait_subscribed_blocking(3).unwrap();
        for _ in 0..10 {
            put(&sender, "a");
            roomy.iter().for_each(|all| drop(next(&all.receiver())));
        }
        let statistics = publisher.statistics().unwrap();
        assert_eq!(statistics.dropped.by(DropReason::PeerFull), 8);
        assert_eq!(statistics.dropped.total(), 16);
        assert_eq!(
            statistics.messages_out + statistics.queued_out as u64,
            14 + 20 + 2
        );
        assert_eq!(sender.dropped(), 8);
    });
}

/// What one peer of a socket lost, by the number of its connection.
fn lost_by(statistics: &Statistics, reason: DropReason) -> Vec<(u64, u64)> {
    let peers = statistics.peers.iter();
    peers
        .map(|peer| (peer.connection, peer.dropped.by(reason)))
        .collect()
}

/// A socket that drops what a full peer cannot take, and how to name the peer it is for.
fn droppers() -> Vec<(SocketType, SocketType)> {
    vec![
        (SocketType::Pub, SocketType::Sub),
        (SocketType::XPub, SocketType::Sub),
        (SocketType::Radio, SocketType::Dish),
        (SocketType::XSub, SocketType::XPub),
        (SocketType::Router, SocketType::Dealer),
    ]
}

#[test]
fn statistics_identify_a_slow_peer() {
    within(LIMIT * 2, || {
        const MESSAGES: usize = 1000;
        for transport in Transport::ALL {
            for (kind, peer_kind) in droppers() {
                let case = format!("{transport:?}, {kind}");
                let (near, far) = transport.contexts();
                let marks = Options::new()
                    .high_water_marks(2)
                    .kernel_send_buffer(Some(4096));
                let marks = marks.kernel_receive_buffer(Some(4096));
                let sender = near.socket_of(kind, marks.clone()).unwrap();
                let endpoint = sender.bind(transport.endpoint()).unwrap();
                let peer = |name: &str| {
                    let marks = marks.clone();
                    let options = match peer_kind {
                        SocketType::Dealer => marks.routing_id(name),
                        _ => marks,
                    };
                    let peer = far.socket_of(peer_kind, options).unwrap();
                    peer.connect(&endpoint).unwrap();
                    match peer_kind {
                        SocketType::Sub => peer.subscribe("a").unwrap(),
                        SocketType::Dish => peer.join("a").unwrap(),
                        _ => {}
                    }
                    peer
                };
                let quick = peer("quick");
                sender.wait_connected_blocking(1).unwrap();
                let quick_one = sender.statistics().unwrap().peers[0].connection;
                let slow = peer("slow");
                sender.wait_connected_blocking(2).unwrap();
                if matches!(peer_kind, SocketType::Sub | SocketType::Dish) {
                    sender.wait_subscribed_blocking(2).unwrap();
                }
                let body = vec![7; 16 << 10];
                let out = quick.receiver().unwrap();
                for _ in 0..MESSAGES {
                    let sends = sender.sender().unwrap();
                    match kind {
                        SocketType::Router => {
                            put(&sends, [&b"quick"[..], &body]);
                            put(&sends, [&b"slow"[..], &body]);
                        }
                        _ => put(&sends, [&b"a"[..], &body]),
                    }
                    // What is for the slow one is not read.
                    next(&out);
                    let statistics = sender.statistics().unwrap();
                    if statistics.dropped.by(DropReason::PeerFull) >= 3 {
                        break;
                    }
                }
                let statistics = sender.statistics().unwrap();
                let full = statistics.dropped.by(DropReason::PeerFull);
                assert!(full >= 3, "{case}: {statistics:?}");
                for (connection, lost) in lost_by(&statistics, DropReason::PeerFull) {
                    let expected = if connection == quick_one { 0 } else { full };
                    assert_eq!(lost, expected, "{case}");
                }
                // What it lost stays lost when it goes.
                slow.close_blocking();
                eventually("the slow one is gone", || {
                    sender.statistics().unwrap().peers.len() == 1
                });
                let statistics = sender.statistics().unwrap();
                assert_eq!(statistics.dropped.by(DropReason::PeerFull), full, "{case}");
                assert_eq!(statistics.peers[0].dropped.total(), 0, "{case}");
            }
        }
    });
}

#[test]
fn unwanted_messages_are_counted_for_their_peer() {
    within(LIMIT, || {
        let context = Context::new();
        let publisher = context.socket::<Pub>().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        let _silent = Raw::peer(&endpoint, "SUB");
        publisher.wait_connected_blocking(1).unwrap();
        let silent = publisher.statistics().unwrap().peers[0].connection;
        let mut talkative = Raw::peer(&endpoint, "SUB");
        (0..3).for_each(|_| talkative.write(&raw::frame(0, b"what do you think?")));
        eventually("it is counted", || {
            publisher.statistics().unwrap().dropped.total() == 3
        });
        let statistics = publisher.statistics().unwrap();
        for (connection, lost) in lost_by(&statistics, DropReason::Unasked) {
            assert_eq!(lost, if connection == silent { 0 } else { 3 });
        }
    });
}

#[test]
fn a_lost_reply_is_counted_for_its_client() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let rep = near.socket::<Rep>().unwrap();
            let endpoint = rep.bind(transport.endpoint()).unwrap();
            let clients: Vec<_> = (0..2).map(|_| far.socket::<Req>().unwrap()).collect();
            for client in &clients {
                client.connect(&endpoint).unwrap();
                put(&client.sender(), "a question");
            }
            let requests = rep.requests();
            let request = || requests.recv_timeout_blocking(common::PATIENCE).unwrap();
            request().reply("an answer").unwrap();
            request().leave_unanswered(Unanswered::Silence);
            eventually("one is counted", || {
                rep.statistics().unwrap().dropped.by(DropReason::Unanswered) == 1
            });
            let lost = lost_by(&rep.statistics().unwrap(), DropReason::Unanswered);
            let mut lost: Vec<u64> = lost.into_iter().map(|(_, lost)| lost).collect();
            lost.sort_unstable();
            assert_eq!(lost, [0, 1], "{transport:?}");
        }
    });
}

#[test]
fn failed_handshakes_are_counted_for_the_endpoint_too() {
    within(LIMIT, || {
        let (near, far) = Transport::Tcp.contexts();
        let options = Options::new().reconnect_interval(Some(Duration::from_millis(10)));
        let push = near.socket_with::<Push>(options).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        push.connect(&endpoint).unwrap();
        // Three that hang up before they have said a word.
        for _ in 0..3 {
            drop(listener.accept().unwrap());
        }
        let pull = far.socket::<Pull>().unwrap();
        pull.bind_listener(listener).unwrap();
        push.wait_connected_blocking(1).unwrap();
        let statistics = push.statistics().unwrap();
        assert_eq!(statistics.handshakes_failed, 3);
        let peer = &statistics.peers[0];
        assert_eq!((peer.handshakes_failed, peer.reconnects), (3, 0));
    });
}

#[test]
fn messages_dropped_by_policies_are_counted_separately() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new()
            .high_water_marks(5)
            .send_overflow(Overflow::DropNewest)
            .receive_overflow(Overflow::DropOldest);
        let pair = context.socket_with::<Pair>(options.clone()).unwrap();
        let sender = pair.sender();
        (0..12).for_each(|_| put(&sender, "x"));
        let statistics = pair.statistics().unwrap();
        assert_eq!(statistics.queued_out, 5);
        assert_eq!(losses(&statistics), [(DropReason::SendOverflow, 7)]);
        assert_eq!(sender.dropped(), 7);

        let other = context.socket_with::<Pair>(options).unwrap();
        other
            .connect(pair.bind("inproc://overflow").unwrap())
            .unwrap();
        for _ in 0..20 {
            other.sender().send_blocking("y").unwrap();
            eventually("it has left", || {
                other.statistics().unwrap().queued_out == 0
            });
        }
        let statistics = pair.statistics().unwrap();
        assert_eq!((statistics.messages_in, statistics.queued_in), (20, 5));
        assert_eq!(statistics.dropped.by(DropReason::ReceiveOverflow), 15);
        assert_eq!(pair.receiver().dropped(), 15);
    });
}

#[test]
fn messages_lost_with_a_connection_are_counted_once() {
    within(LIMIT, || {
        const MESSAGES: u64 = 300;
        let context = Context::new();
        let options = Options::new().send_high_water_mark(50);
        let publisher = context.socket_with::<Pub>(options).unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        let mut deaf = Raw::peer(&endpoint, "SUB");
        deaf.write(&raw::command("SUBSCRIBE", b""));
        publisher.wait_subscribed_blocking(1).unwrap();
        let sender = publisher.sender();
        let large = vec![7; 64 << 10];
        (0..MESSAGES).for_each(|_| put(&sender, large.clone()));
        eventually("the subscriber is full", || {
            publisher
                .statistics()
                .unwrap()
                .dropped
                .by(DropReason::PeerFull)
                > 0
        });
        drop(deaf);
        eventually("the subscriber is gone", || {
            publisher.statistics().unwrap().peers.is_empty()
        });
        eventually("everything is accounted for", || {
            publisher.statistics().unwrap().queued_out == 0
        });
        let statistics = publisher.statistics().unwrap();
        let lost = statistics.dropped.by(DropReason::ConnectionLost);
        assert!((1..=50).contains(&lost), "{statistics:?}");
        assert_eq!(
            statistics.messages_out + statistics.dropped.total(),
            MESSAGES
        );
    });
}

#[test]
fn lost_requests_and_replies_are_counted_by_reason() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().reconnect_interval(Some(Duration::from_millis(10)));
        let req = context.socket_with::<Req>(options).unwrap();
        let first = context.socket::<Rep>().unwrap();
        let endpoint = req.connect(Transport::Tcp.endpoint()).unwrap();
        first.bind(&endpoint).unwrap();
        put(&req.sender(), "will be lost");
        next(&first.receiver());
        first.close_blocking();
        eventually("the loss is counted", || {
            losses(&req.statistics().unwrap()) == [(DropReason::RequestLost, 1)]
        });

        let second = context.socket::<Rep>().unwrap();
        second.bind(&endpoint).unwrap();
        put(&req.sender(), "will be answered too late");
        next(&second.receiver());
        req.close_blocking();
        eventually("the client is gone", || {
            second.statistics().unwrap().peers.is_empty()
        });
        put(&second.sender(), "too late");
        eventually("the reply is counted", || {
            losses(&second.statistics().unwrap()) == [(DropReason::PeerGone, 1)]
        });
    });
}

#[test]
fn unexpected_messages_of_peers_are_counted() {
    within(LIMIT, || {
        let context = Context::new();
        let publisher = context.socket::<Pub>().unwrap();
        let endpoint = publisher.bind("tcp://127.0.0.1:*").unwrap();
        let mut talkative = Raw::peer(&endpoint, "SUB");
        talkative.write(&raw::frame(0, b"what do you think?"));
        talkative.write(&raw::multipart(&["of", "this"]));
        eventually("it is counted", || {
            losses(&publisher.statistics().unwrap()) == [(DropReason::Unasked, 2)]
        });
        assert_eq!(publisher.statistics().unwrap().messages_in, 2);
    });
}

#[test]
fn reconnects_and_failed_handshakes_are_counted() {
    within(LIMIT, || {
        let (near, far) = Transport::Tcp.contexts();
        let options = Options::new().reconnect_interval(Some(Duration::from_millis(10)));
        let push = near.socket_with::<Push>(options).unwrap();
        let endpoint = push.connect(Transport::Tcp.endpoint()).unwrap();
        for life in 0..3 {
            let pull = far.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            put(&push.sender(), "hello");
            next(&pull.receiver());
            let statistics = push.statistics().unwrap();
            assert_eq!(statistics.reconnects, life);
            assert_eq!(statistics.peers[0].reconnects, life);
            pull.close_blocking();
            eventually("the server is gone", || {
                push.statistics().unwrap().peers.is_empty()
            });
        }
        assert_eq!(push.statistics().unwrap().messages_out, 3);
        assert_eq!(push.statistics().unwrap().handshakes_failed, 0);

        let pull = far.socket::<Pull>().unwrap();
        let bound = pull.bind("tcp://127.0.0.1:*").unwrap();
        Raw::connect(&bound).write(b"GET / HTTP/1.1\r\n\r\n");
        eventually("the stranger is counted", || {
            pull.statistics().unwrap().handshakes_failed == 1
        });
    });
}

#[test]
fn a_socket_that_has_ended_has_no_statistics() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().linger(Linger::For(Duration::ZERO));
        let pull = context.socket_with::<Pull>(options.clone()).unwrap();
        pull.close_blocking();
        assert_eq!(pull.statistics(), Err(ObserveError::Closed(Closed::Socket)));
        let other = context.socket_with::<Pull>(options).unwrap();
        context.shutdown();
        assert_eq!(
            other.statistics(),
            Err(ObserveError::Closed(Closed::Context))
        );
    });
}
