//! High-water marks: how many messages are accepted, which calls wait, what is lost, and the count.

use crate::common;

use std::thread;
use std::time::{Duration, Instant};

use common::{
    eventually, holds_within, next_text, put, wait_subscribed, within, Transport, LIMIT, PATIENCE,
};
use zmq_channels::error::{SendTimeoutError, TrySendError};
use zmq_channels::kind::Typed;
use zmq_channels::statistics::DropReason;
use zmq_channels::{
    Any, Context, Linger, Message, Options, Overflow, Pair, Pub, Pull, Push, Receiver, Rep, Req,
    Sender, Socket, SocketType, Sub,
};

/// A full channel is one that stays full although every thread had time to make room.
const WHILE: Duration = Duration::from_millis(200);

/// Without linger: what is left at the end of a test is no loss.
fn sending(mark: usize) -> Options {
    let options = Options::new().linger(Linger::For(Duration::ZERO));
    options.send_high_water_mark(mark)
}

fn receiving(mark: usize) -> Options {
    Options::new().receive_high_water_mark(mark)
}

/// Sends numbers: exactly `count` are accepted, and then there is no room for a while.
fn takes_exactly(sender: &Sender, count: usize) {
    for number in 0..count {
        put(sender, number.to_string());
    }
    let full = sender.send_timeout_blocking("too many", WHILE);
    let timeout = SendTimeoutError::Timeout("too many".into());
    assert_eq!(full, Err(timeout), "more than {count}");
}

/// Exactly the numbers of `expected`, in order, and then nothing.
fn comes(receiver: &Receiver, expected: impl IntoIterator<Item = usize>) {
    let expected: Vec<String> = expected
        .into_iter()
        .map(|number| number.to_string())
        .collect();
    let got: Vec<String> = expected.iter().map(|_| next_text(receiver)).collect();
    assert_eq!(got, expected);
    common::nothing_comes(receiver);
}

fn inproc<A: Typed, B: Typed>(sends: Options, receives: Options) -> (Socket<A>, Socket<B>) {
    let context = Context::new();
    let b = context.socket_with::<B>(receives).unwrap();
    let a = context.socket_with::<A>(sends).unwrap();
    a.connect(b.bind("inproc://high-water").unwrap()).unwrap();
    (a, b)
}

// ---- how many are accepted

#[test]
fn without_a_peer_the_send_mark_is_what_is_accepted() {
    fn check<K: Typed + zmq_channels::kind::Sends>(mark: usize) {
        let socket = Context::new().socket_with::<K>(sending(mark)).unwrap();
        takes_exactly(&socket.sender(), mark);
        assert_eq!(socket.try_send("x"), Err(TrySendError::Full("x".into())));
        assert_eq!(socket.sender().len(), mark);
    }
    within(LIMIT, || {
        check::<Push>(5);
        check::<Push>(1);
        check::<Pair>(5);
        check::<Req>(5);
    });
}

/// Where nothing moves, a large message pauses for its 2 ns per byte, the next ones do not, and
/// the mark is what it is.
#[test]
fn large_messages_pause_and_are_accepted_up_to_the_mark() {
    const MIB: usize = 1 << 20;
    const MARK: usize = 20;
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket_with::<Push>(sending(MARK)).unwrap();
        let large = Message::from(vec![7; MIB]);
        let mut longest = Duration::ZERO;
        for _ in 0..MARK {
            let start = Instant::now();
            push.send_blocking(large.clone()).unwrap();
            longest = longest.max(start.elapsed());
        }
        assert!(
            longest >= Duration::from_nanos(2 * MIB as u64),
            "{longest:?}"
        );
        assert_eq!(push.sender().len(), MARK);
        let full = push.sender().send_timeout_blocking(large.clone(), WHILE);
        assert_eq!(full, Err(SendTimeoutError::Timeout(large)));
    });
}

#[test]
fn a_large_message_pauses_no_longer_than_its_deadline() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket_with::<Push>(sending(10)).unwrap();
        let large = Message::from(vec![7; 50 << 20]);
        push.send_blocking(large.clone()).unwrap();
        push.send_blocking(large.clone()).unwrap();
        let start = Instant::now();
        // No thread has paused yet, so this one would, for a tenth of a second.
        let sent = push.sender().send_timeout_blocking(large, Duration::ZERO);
        assert_eq!(sent, Ok(()));
        assert!(
            start.elapsed() < Duration::from_millis(100),
            "{:?}",
            start.elapsed()
        );
    });
}

/// A connection that is not there yet is no peer: nothing more is accepted for its sake.
#[test]
fn a_pending_connection_does_not_change_the_limit() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let push = Context::new().socket_with::<Push>(sending(5)).unwrap();
            push.connect(transport.endpoint()).unwrap();
            takes_exactly(&push.sender(), 5);
        }
    });
}

#[test]
fn over_inproc_both_marks_together_are_accepted() {
    within(LIMIT, || {
        for (send, receive) in [(5, 3), (1, 1), (2, 2), (5, 1), (1, 5)] {
            let (push, pull) = inproc::<Push, Pull>(sending(send), receiving(receive));
            let sum = send + receive;
            takes_exactly(&push.sender(), sum);
            comes(&pull.receiver(), 0..sum);
            // And the same again, for nothing is used up.
            takes_exactly(&push.sender(), sum);
        }
    });
}

#[test]
fn over_inproc_pairs_accept_both_marks_in_each_direction() {
    within(LIMIT, || {
        let options = || sending(5).receive_high_water_mark(3);
        let (left, right) = inproc::<Pair, Pair>(options(), options());
        takes_exactly(&left.sender(), 8);
        takes_exactly(&right.sender(), 8);
        comes(&left.receiver(), 0..8);
        comes(&right.receiver(), 0..8);
    });
}

/// A reader may make room in batches, but when it has taken half there is room for as many.
#[test]
fn room_is_made_as_the_reader_drains() {
    within(LIMIT, || {
        let (push, pull) = inproc::<Push, Pull>(sending(4), receiving(4));
        takes_exactly(&push.sender(), 8);
        for _ in 0..20 {
            for _ in 0..4 {
                pull.recv_blocking().unwrap();
            }
            for _ in 0..4 {
                put(&push.sender(), "one more");
            }
            assert_eq!(pull.receiver().len() + push.sender().len(), 8);
        }
        takes_exactly(&push.sender(), 0);
    });
}

#[test]
fn multipart_messages_count_as_one() {
    within(LIMIT, || {
        let push = Context::new().socket_with::<Push>(sending(3)).unwrap();
        for _ in 0..3 {
            put(&push.sender(), vec![vec![7_u8; 1000]; 20]);
        }
        assert!(matches!(push.try_send("x"), Err(TrySendError::Full(_))));
    });
}

#[test]
fn zero_means_no_limit() {
    within(LIMIT, || {
        // Ten times what the default marks of both sides let through.
        let count = common::rounds(20_000) as u32;
        let push = Context::new().socket_with::<Push>(sending(0)).unwrap();
        for number in 0..count {
            push.try_send(number.to_be_bytes()).unwrap();
        }
        assert_eq!(push.sender().len(), count as usize);

        // Over inproc, one side without a limit is enough.
        for (send, receive) in [(0, 1), (1, 0), (0, 0)] {
            let (push, pull) = inproc::<Push, Pull>(sending(send), receiving(receive));
            for number in 0..count {
                put(&push.sender(), number.to_be_bytes());
            }
            for number in 0..count {
                let got = pull.recv_timeout_blocking(PATIENCE).unwrap();
                assert_eq!(got[0], number.to_be_bytes());
            }
        }
    });
}

#[test]
fn over_a_stream_a_slow_reader_stops_the_sender() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (here, there) = transport.contexts();
            let pull = there.socket_with::<Pull>(receiving(2)).unwrap();
            let push = here.socket_with::<Push>(sending(2)).unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            // How much the kernel holds in between is its own affair, but it has an end.
            let message = vec![7_u8; 1 << 18];
            let mut count = 0;
            while push.send_timeout_blocking(message.clone(), WHILE).is_ok() {
                count += 1;
                assert!(count < 1000, "{transport:?}: nothing stops it");
            }
            assert!(count >= 4, "{transport:?}: {count}");
            for _ in 0..count {
                let got = pull.recv_timeout_blocking(PATIENCE).unwrap();
                assert!(got == message.clone().into());
            }
            common::nothing_comes(&pull.receiver());
        }
    });
}

#[test]
fn requests_beyond_the_mark_wait_at_their_clients() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context
            .socket_with::<Rep>(Options::new().high_water_marks(1))
            .unwrap();
        rep.bind("inproc://service").unwrap();
        let clients: Vec<Socket<Req>> = (0..10)
            .map(|number| {
                let req = context.socket::<Req>().unwrap();
                req.connect("inproc://service").unwrap();
                put(&req.sender(), format!("client {number}"));
                req
            })
            .collect();
        for _ in &clients {
            let question = next_text(&rep.receiver());
            put(&rep.sender(), format!("re: {question}"));
        }
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(
                next_text(&client.receiver()),
                format!("re: client {number}")
            );
        }
    });
}

// ---- which calls wait, and which do not

#[test]
fn a_push_waits_until_a_peer_reads() {
    within(LIMIT, || {
        let (push, pull) = inproc::<Push, Pull>(sending(1), receiving(1));
        takes_exactly(&push.sender(), 2);
        let waiting = thread::spawn(move || {
            push.send_blocking("2").unwrap();
            push
        });
        assert!(
            !holds_within(WHILE, || waiting.is_finished()),
            "it did not wait"
        );
        comes(&pull.receiver(), 0..3);
        waiting.join().unwrap();
    });
}

/// A slow subscriber loses what exceeds the marks, exactly; the others and the publisher do not
/// notice.
#[test]
fn a_publisher_drops_for_slow_subscribers_only() {
    within(LIMIT, || {
        let context = Context::new();
        let publisher = context.socket_with::<Pub>(sending(5)).unwrap();
        let endpoint = publisher.bind("inproc://feed").unwrap();
        let subscriber = |mark| {
            let sub = context.socket_with::<Sub>(receiving(mark)).unwrap();
            sub.subscribe("").unwrap();
            sub.connect(&endpoint).unwrap();
            sub
        };
        let (slow, fast, unlimited) = (subscriber(3), subscriber(0), subscriber(0));
        for sub in [&slow, &fast, &unlimited] {
            wait_subscribed(&publisher.sender(), &sub.receiver(), "");
        }
        eventually("the markers are gone", || {
            [&slow, &fast, &unlimited].map(|sub| sub.receiver().drain().count()) == [0, 0, 0]
        });
        let before = publisher.sender().dropped();
        let start = Instant::now();
        for number in 0..100 {
            publisher.send_blocking(number.to_string()).unwrap();
        }
        let took = start.elapsed();
        assert!(
            took < Duration::from_secs(1),
            "the publisher waited: {took:?}"
        );
        comes(&fast.receiver(), 0..100);
        comes(&unlimited.receiver(), 0..100);
        eventually("each drop is counted", || {
            publisher.sender().dropped() - before == 92
        });
        comes(&slow.receiver(), 0..8);
        // It is not cut off: what is published now comes again.
        put(&publisher.sender(), "100");
        comes(&slow.receiver(), [100]);
        assert_eq!(publisher.sender().dropped() - before, 92);
    });
}

#[test]
fn a_publisher_waits_for_its_pump_but_never_for_a_subscriber() {
    within(LIMIT, || {
        let publisher = Context::new().socket_with::<Pub>(sending(5)).unwrap();
        publisher.bind("inproc://unbound").unwrap();
        for number in 0..10_000 {
            publisher.send_blocking(number.to_string()).unwrap();
        }
        let (publisher, slow) = inproc::<Pub, Sub>(sending(5), receiving(3));
        slow.subscribe("").unwrap();
        wait_subscribed(&publisher.sender(), &slow.receiver(), "");
        for number in 0..10_000 {
            publisher.send_blocking(number.to_string()).unwrap();
        }
    });
}

/// Memory stays flat however much a stalled subscriber misses over a stream.
#[test]
fn a_stalled_subscriber_costs_no_memory() {
    common::alone(LIMIT, || {
        let publisher = Context::new().socket_with::<Pub>(sending(10)).unwrap();
        let sub = Context::new().socket_with::<Sub>(receiving(10)).unwrap();
        sub.subscribe("").unwrap();
        sub.connect(publisher.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        wait_subscribed(&publisher.sender(), &sub.receiver(), "");
        let payload = bytes::Bytes::from(vec![7_u8; 10_000]);
        let publish = |count| {
            for _ in 0..count {
                put(&publisher.sender(), payload.clone());
            }
        };
        publish(5_000);
        let before = common::resident();
        publish(50_000); // 500 MB
        let grown = common::resident().saturating_sub(before);
        assert!(grown < 20 << 20, "{grown} bytes more");
        eventually("the drops are counted", || {
            publisher.sender().dropped() > 50_000
        });
        assert!(sub.recv_timeout_blocking(PATIENCE).is_ok());
    });
}

// ---- other policies

#[test]
fn drop_newest_keeps_the_first_messages() {
    within(LIMIT, || {
        outgoing(Overflow::DropNewest, 5, 0..5, 5);
        incoming(Overflow::DropNewest, 3, 0..3, 7);
    });
}

#[test]
fn drop_oldest_keeps_the_last_messages() {
    within(LIMIT, || {
        outgoing(Overflow::DropOldest, 5, 5..10, 5);
        incoming(Overflow::DropOldest, 3, 7..10, 7);
    });
}

#[test]
fn latest_keeps_only_the_last_message() {
    within(LIMIT, || {
        outgoing(Overflow::Latest, 5, 9..10, 9);
        incoming(Overflow::Latest, 3, 9..10, 9);
    });
}

/// Ten messages into an `in` that is not emptied: all are taken, `kept` are sent later.
fn outgoing(policy: Overflow, mark: usize, kept: std::ops::Range<usize>, dropped: u64) {
    let push = Context::new()
        .socket_with::<Push>(sending(mark).send_overflow(policy))
        .unwrap();
    for number in 0..10 {
        push.try_send(number.to_string()).unwrap();
    }
    assert_eq!(push.sender().dropped(), dropped, "{policy:?}");
    let pull = Context::new().socket::<Pull>().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    comes(&pull.receiver(), kept);
    assert_eq!(pull.receiver().dropped(), 0);
}

/// Ten messages into an `out` that is not emptied: the sender never waits.
fn incoming(policy: Overflow, mark: usize, kept: std::ops::Range<usize>, dropped: u64) {
    for transport in Transport::ALL {
        let (here, there) = transport.contexts();
        let pull = there
            .socket_with::<Pull>(receiving(mark).receive_overflow(policy))
            .unwrap();
        let push = here.socket_with::<Push>(sending(1)).unwrap();
        push.connect(pull.bind(transport.endpoint()).unwrap())
            .unwrap();
        for number in 0..10 {
            put(&push.sender(), number.to_string());
        }
        eventually("the drops are counted", || {
            pull.receiver().dropped() == dropped
        });
        comes(&pull.receiver(), kept.clone());
        assert_eq!(push.sender().dropped(), 0);
        // What comes later comes.
        put(&push.sender(), "10");
        comes(&pull.receiver(), [10]);
    }
}

#[test]
fn sliding_buffers_never_stop_a_ping_pong() {
    within(LIMIT, || {
        let sliding = || Options::new().sliding(64);
        let (left, right) = inproc::<Pair, Pair>(sliding(), sliding());
        for round in 0..1000 {
            left.send_blocking(round.to_string()).unwrap();
            assert_eq!(next_text(&right.receiver()), round.to_string());
        }
        // Without a reader the newest survive.
        for round in 0..1000 {
            left.try_send(round.to_string()).unwrap();
        }
        let dropped = || left.sender().dropped() + right.receiver().dropped();
        eventually("all have gone over", || {
            left.sender().is_empty() && dropped() == 1000 - 64
        });
        comes(&right.receiver(), 1000 - 64..1000);
        assert_eq!(dropped(), 1000 - 64);
    });
}

// ---- the policy of each peer's queue

/// Types that send each peer its own, and the peer that gets it.
const WITH_QUEUES: [(SocketType, SocketType); 7] = [
    (SocketType::Pub, SocketType::Sub),
    (SocketType::XPub, SocketType::Sub),
    (SocketType::Radio, SocketType::Dish),
    (SocketType::XSub, SocketType::XPub),
    (SocketType::Router, SocketType::Dealer),
    (SocketType::Rep, SocketType::Dealer),
    (SocketType::Server, SocketType::Client),
];

/// Messages that are sent to each peer, of this many bytes.
const PIECES: usize = 40;
const PIECE: usize = 512 << 10;

/// The number of a piece, as the peer gets it.
fn number(message: &Message) -> usize {
    let piece = message.iter().last().unwrap();
    assert_eq!(piece.len(), PIECE);
    usize::from(piece[1])
}

/// Sends the pieces to all peers, one by one, so that `in` loses none.
fn send_pieces(socket: &Socket<Any>, kind: SocketType, peers: &[Socket<Any>]) {
    let sender = socket.sender().unwrap();
    let taken = || eventually("the pump takes it", || sender.is_empty());
    for piece in 0..PIECES {
        let mut body = vec![2; PIECE];
        body[1] = piece as u8;
        match kind {
            SocketType::Radio => put(&sender, Message::to_group("", body)),
            SocketType::Router => {
                for peer in 0..peers.len() {
                    put(&sender, [format!("peer {peer}").into_bytes(), body.clone()]);
                    taken();
                }
            }
            SocketType::Server => {
                for peer in socket.peers() {
                    put(&sender, Message::to(&peer, body.clone()));
                    taken();
                }
            }
            SocketType::Rep => {
                for peer in peers {
                    put(&peer.sender().unwrap(), ["", "a request"]);
                    let request = socket.receiver().unwrap();
                    common::next(&request);
                    put(&sender, body.clone());
                    taken();
                }
            }
            _ => put(&sender, body),
        }
        taken();
    }
}

/// A socket with two peers that do not read, under a policy and a mark.
fn with_slow_peers(
    transport: Transport,
    (kind, partner): (SocketType, SocketType),
    options: Options,
) -> (Socket<Any>, Vec<Socket<Any>>) {
    let (here, there) = transport.contexts();
    let kernel = Some(64 << 10);
    let options = options.kernel_send_buffer(kernel);
    let socket = here.socket_of(kind, options).unwrap();
    let endpoint = socket.bind(transport.endpoint()).unwrap();
    let peers: Vec<_> = (0..2)
        .map(|peer| {
            let mut options = receiving(1).kernel_receive_buffer(kernel);
            if partner == SocketType::Dealer {
                options = options.routing_id(format!("peer {peer}"));
            }
            let peer = there.socket_of(partner, options).unwrap();
            match partner {
                SocketType::Sub => peer.subscribe("").unwrap(),
                SocketType::Dish => peer.join("").unwrap(),
                _ => {}
            }
            peer.connect(&endpoint).unwrap();
            peer
        })
        .collect();
    socket.wait_connected_blocking(2).unwrap();
    if matches!(kind, SocketType::Pub | SocketType::XPub | SocketType::Radio) {
        socket.wait_subscribed_blocking(2).unwrap();
    }
    (socket, peers)
}

fn each_queue_obeys(transport: Transport, types: (SocketType, SocketType)) {
    use Overflow::{Block, DropNewest, DropOldest, Latest};
    for (policy, mark) in [
        (Block, 4),
        (DropNewest, 4),
        (DropOldest, 4),
        (DropOldest, 1),
        (Latest, 1000),
    ] {
        let case = format!("{transport:?} {types:?} {policy:?} {mark}");
        if (types.0, policy) == (SocketType::Server, Block) {
            // Its senders wait.
            continue;
        }
        let options = Options::new()
            .send_high_water_mark(mark)
            .send_overflow(policy);
        let (socket, peers) = with_slow_peers(transport, types, options);
        send_pieces(&socket, types.0, &peers);
        // No more is lost from here on, and as many as are not lost arrive.
        let statistics = socket.statistics().unwrap();
        // Beside what is being written, the newest has a place.
        let most = match (policy, transport) {
            (Latest, Transport::Inproc) => 1,
            (Latest, _) => 2,
            _ => mark.max(2),
        };
        let mut lost = 0;
        assert_eq!(statistics.peers.len(), 2);
        let held = || socket.statistics().unwrap().peers;
        eventually(&format!("{case}: the mark is kept"), || {
            held().iter().all(|peer| peer.queued <= most)
        });
        for peer in &statistics.peers {
            let reason = match policy {
                Block | DropNewest => DropReason::PeerFull,
                DropOldest | Latest => DropReason::SendOverflow,
            };
            assert!(peer.dropped.by(reason) > 0, "{case}");
            assert_eq!(peer.dropped.total(), peer.dropped.by(reason), "{case}");
            lost += peer.dropped.total();
        }
        assert_eq!(statistics.dropped.total(), lost, "{case}");
        assert_eq!(socket.sender().unwrap().dropped(), lost, "{case}");
        let expected = 2 * PIECES - lost as usize;
        let mut came = [vec![], vec![]];
        let receivers = [0, 1].map(|peer: usize| peers[peer].receiver().unwrap());
        eventually(&format!("{case}: what is not lost comes"), || {
            for (came, receiver) in came.iter_mut().zip(&receivers) {
                came.extend(receiver.drain().map(|piece| number(&piece)));
            }
            came.iter().map(Vec::len).sum::<usize>() == expected
        });
        for numbers in came {
            let case = format!("{case}: {numbers:?}");
            assert!(numbers.is_sorted_by(|one, other| one < other), "{case}");
            let newest = PIECES - 1;
            match policy {
                Block | DropNewest => {
                    // Any later one may have found the place of a message that left late.
                    let first: Vec<_> = (0..mark).collect();
                    assert_eq!(numbers[..mark], first, "{case}");
                }
                DropOldest => {
                    // One of the queue may have been on its way when the last came.
                    let newest: Vec<_> = (PIECES + 1 - mark.max(2)..PIECES).collect();
                    assert!(numbers.ends_with(&newest), "{case}");
                }
                Latest => assert_eq!(*numbers.last().unwrap(), newest, "{case}"),
            }
        }
    }
}

#[test]
fn each_peers_queue_obeys_the_policy_over_tcp() {
    within(2 * LIMIT, || {
        for types in WITH_QUEUES {
            each_queue_obeys(Transport::Tcp, types);
        }
    });
}

#[test]
#[cfg(unix)]
fn each_peers_queue_obeys_the_policy_over_ipc() {
    within(2 * LIMIT, || {
        for types in WITH_QUEUES {
            each_queue_obeys(Transport::Ipc, types);
        }
    });
}

#[test]
fn each_peers_queue_obeys_the_policy_within_a_context() {
    within(2 * LIMIT, || {
        for types in WITH_QUEUES {
            each_queue_obeys(Transport::Inproc, types);
            each_queue_obeys(Transport::AcrossPumps, types);
        }
    });
}
