//! Linger that is over does not take back what is at an inproc peer already.

use super::*;

const NEARBY: [Transport; 2] = [Transport::Inproc, Transport::AcrossPumps];

/// Sends `count` messages to a peer that reads none of them until the socket has closed; how many
/// of them were undelivered, and the others are there.
fn closed_at_once(
    kinds: (SocketType, SocketType),
    transport: Transport,
    bound: bool,
    options: (Options, Options),
    count: usize,
) -> usize {
    let (here, there) = transport.contexts();
    let from = here.socket_of(kinds.0, options.0).unwrap();
    let to = there.socket_of(kinds.1, options.1).unwrap();
    let (binds, connects) = if bound { (&from, &to) } else { (&to, &from) };
    connects
        .connect(binds.bind(transport.endpoint()).unwrap())
        .unwrap();
    if bound {
        // Between pumps it takes a moment until a peer that connects is there.
        from.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
    }
    for number in 0..count {
        put(&from.sender().unwrap(), number.to_string());
    }
    let undelivered = usize::try_from(from.close_blocking().undelivered).unwrap();
    let receiver = to.receiver().unwrap();
    for number in 0..count - undelivered {
        let message = next(&receiver);
        assert_eq!(
            message.frames().last().unwrap(),
            number.to_string().as_bytes()
        );
    }
    nothing_more(&receiver);
    undelivered
}

/// All that ever comes is here: its sender has closed.
fn nothing_more(receiver: &Receiver) {
    assert!(receiver.try_recv().is_err());
}

const KINDS: [(SocketType, SocketType); 7] = [
    (SocketType::Push, SocketType::Pull),
    (SocketType::Dealer, SocketType::Router),
    (SocketType::Dealer, SocketType::Dealer),
    (SocketType::Pair, SocketType::Pair),
    (SocketType::Client, SocketType::Server),
    (SocketType::Scatter, SocketType::Gather),
    (SocketType::Channel, SocketType::Channel),
];

#[test]
fn messages_sent_to_an_inproc_peer_arrive_for_every_linger() {
    within(LIMIT, || {
        for transport in NEARBY {
            for kinds in KINDS {
                for round in 0..20 {
                    // Now and then more than one turn of a pump moves.
                    let count = [1, 50, 3000][round % 3];
                    let options = Options::new().high_water_marks(4000);
                    let closing = options.clone().linger(Linger::For(Duration::ZERO));
                    let bound = round % 2 == 0;
                    let options = (closing, options);
                    let lost = closed_at_once(kinds, transport, bound, options, count);
                    assert_eq!(lost, 0, "{kinds:?} over {transport:?}, round {round}");
                }
            }
        }
    });
}

/// Only what the peer has room for counts as being there, and it says at once what that is.
#[test]
fn messages_an_inproc_peer_has_no_room_for_are_undelivered() {
    within(LIMIT, || {
        for transport in NEARBY {
            let start = Instant::now();
            for round in 0..12 {
                let linger = [Duration::ZERO, Duration::from_millis(20)][round / 2 % 2];
                let kinds = (SocketType::Push, SocketType::Pull);
                let closing = lingering(linger).high_water_marks(4);
                let options = (closing, Options::new().high_water_marks(3));
                let lost = closed_at_once(kinds, transport, round % 2 == 0, options, 7);
                assert_eq!(lost, 4, "{transport:?}, {linger:?}");
            }
            let took = start.elapsed();
            assert!(took < Duration::from_secs(6), "{transport:?}: {took:?}");
        }
    });
}

/// A publisher's messages are at its subscribers.
#[test]
fn messages_published_to_an_inproc_subscriber_arrive() {
    within(LIMIT, || {
        for transport in NEARBY {
            for _ in 0..20 {
                let (here, there) = transport.contexts();
                let publisher = here.socket_with::<Pub>(lingering(Duration::ZERO)).unwrap();
                let sub = there.socket::<Sub>().unwrap();
                sub.subscribe("").unwrap();
                sub.connect(publisher.bind(transport.endpoint()).unwrap())
                    .unwrap();
                publisher
                    .wait_subscribed_timeout_blocking(1, PATIENCE)
                    .unwrap();
                for number in 0..500 {
                    put(&publisher.sender(), number.to_string());
                }
                assert_eq!(publisher.close_blocking().undelivered, 0, "{transport:?}");
                all_come(&sub.receiver(), 500);
            }
        }
    });
}

/// Also if it is not closed, but its last handle goes.
#[test]
fn a_dropped_socket_without_linger_has_sent_to_inproc_peers() {
    within(LIMIT, || {
        for transport in NEARBY {
            let (here, there) = transport.contexts();
            let pull = there.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for _ in 0..100 {
                let push = here.socket_with::<Push>(lingering(Duration::ZERO)).unwrap();
                push.connect(&endpoint).unwrap();
                for number in 0..10 {
                    put(&push.sender(), number.to_string());
                }
                drop(push);
                all_come(&pull.receiver(), 10);
            }
        }
    });
}
