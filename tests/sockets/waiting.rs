//! Waiting for peers: before the first message, instead of sleeping.

use crate::common;

use std::thread;
use std::time::{Duration, Instant};

use common::raw::Raw;
use common::{eventually, next, next_text, put, within, Transport, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::FutureExt;
use zmq_channels::error::{Closed, TrySendError, WaitError, WaitTimeoutError};
use zmq_channels::{Context, Linger, Options, Overflow, Pub, Pull, Push, SocketType, Sub};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn a_socket_waits_for_its_peers() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let pull = near.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            pull.wait_connected_blocking(0).unwrap();
            let too_few = Err(WaitTimeoutError::Timeout);
            assert_eq!(pull.wait_connected_timeout_blocking(1, SHORT), too_few);

            let waiting: Vec<_> = (1..=3)
                .map(|peers| {
                    let pull = pull.clone();
                    thread::spawn(move || pull.wait_connected_blocking(peers))
                })
                .collect();
            let pushes: Vec<_> = (0..3)
                .map(|_| {
                    let push = far.socket::<Push>().unwrap();
                    push.connect(&endpoint).unwrap();
                    push.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
                    push
                })
                .collect();
            for waiting in waiting {
                assert_eq!(waiting.join().unwrap(), Ok(()), "{transport:?}");
            }
            // Those that are there already count, and all forms agree.
            block_on(async {
                pull.wait_connected(3).await.unwrap();
                pull.wait_connected_timeout(3, PATIENCE).await.unwrap();
                assert_eq!(pull.wait_connected_timeout(4, SHORT).await, too_few);
            });
            let soon = Instant::now() + SHORT;
            assert_eq!(pull.wait_connected_timeout_blocking(4, SHORT), too_few);
            assert!(Instant::now() >= soon);
            drop(pushes);
            eventually("they are gone", || {
                pull.statistics().unwrap().peers.is_empty()
            });
            assert_eq!(pull.wait_connected_timeout_blocking(1, SHORT), too_few);
        }
    });
}

#[test]
fn waiting_ends_with_the_socket() {
    within(LIMIT, || {
        let lonely = Options::new().linger(Linger::UntilSent);
        let context = Context::new();
        let push = context.socket_with::<Push>(lonely.clone()).unwrap();
        push.connect(Transport::Tcp.endpoint()).unwrap();
        push.try_send("never taken").unwrap();
        let other = push.clone();
        let waiting = thread::spawn(move || other.wait_connected_blocking(1));
        let awaited = push.wait_connected(1);
        let with_deadline = push.wait_connected_timeout(1, PATIENCE);
        // It lingers, but no peer is to be waited for any more.
        let closing = push.close();
        assert_eq!(
            waiting.join().unwrap(),
            Err(WaitError::Closed(Closed::Socket))
        );
        assert_eq!(block_on(awaited), Err(WaitError::Closed(Closed::Socket)));
        let ended = block_on(with_deadline);
        assert_eq!(ended, Err(WaitTimeoutError::Closed(Closed::Socket)));
        let late = push.wait_connected_blocking(1);
        assert_eq!(late, Err(WaitError::Closed(Closed::Socket)));
        drop(closing);

        let other = context.socket_with::<Push>(lonely).unwrap();
        let awaited = other.wait_connected(1);
        let waiting = thread::spawn(move || other.wait_connected_timeout_blocking(1, PATIENCE));
        context.shutdown();
        assert_eq!(block_on(awaited), Err(WaitError::Closed(Closed::Context)));
        assert_eq!(
            waiting.join().unwrap(),
            Err(WaitTimeoutError::Closed(Closed::Context))
        );
    });
}

#[test]
fn a_dropped_wait_is_forgotten_and_keeps_no_socket_open() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let endpoint = pull.bind("inproc://dropped-wait").unwrap();
        for _ in 0..1000 {
            assert!(pull.wait_connected(1).now_or_never().is_none());
        }
        let kept = pull.wait_connected(1);
        let push = context.socket::<Push>().unwrap();
        push.connect(&endpoint).unwrap();
        block_on(kept).unwrap();

        let never = pull.wait_connected(2);
        drop(pull);
        assert_eq!(block_on(never), Err(WaitError::Closed(Closed::Socket)));
    });
}

#[test]
fn a_publisher_waits_for_subscriptions_not_for_connections() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let publisher = near.socket::<Pub>().unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            let [one, two] = [(); 2].map(|()| {
                let subscriber = far.socket::<Sub>().unwrap();
                subscriber.connect(&endpoint).unwrap();
                subscriber
            });
            publisher.wait_connected_blocking(2).unwrap();
            let too_few = Err(WaitTimeoutError::Timeout);
            assert_eq!(
                publisher.wait_subscribed_timeout_blocking(1, SHORT),
                too_few
            );
            one.subscribe("weather").unwrap();
            one.subscribe("sports").unwrap();
            publisher.wait_subscribed_blocking(1).unwrap();
            // Two subscriptions of one peer are one subscriber.
            block_on(async {
                assert_eq!(publisher.wait_subscribed_timeout(2, SHORT).await, too_few);
                let waiting = publisher.wait_subscribed(2);
                two.subscribe("").unwrap();
                waiting.await.unwrap();
            });
            let statistics = publisher.statistics().unwrap();
            assert_eq!((statistics.subscribers, statistics.topics), (2, 3));
            publisher
                .wait_subscribed_timeout_blocking(2, PATIENCE)
                .unwrap();
            block_on(publisher.wait_subscribed_timeout(2, PATIENCE)).unwrap();
            put(&publisher.sender(), "weather: fine");
            assert_eq!(next_text(&one.receiver()), "weather: fine");
            assert_eq!(next_text(&two.receiver()), "weather: fine");
        }
    });
}

#[test]
fn only_publishing_types_have_subscribers() {
    let context = Context::new();
    let socket = |kind| context.socket_of(kind, Options::new()).unwrap();
    let pull = socket(SocketType::Pull);
    assert_eq!(
        pull.wait_subscribed_blocking(0),
        Err(WaitError::Unsupported)
    );
    let late = pull.wait_subscribed_timeout_blocking(1, SHORT);
    assert_eq!(late, Err(WaitTimeoutError::Unsupported));
    let publisher = socket(SocketType::Pub);
    publisher.wait_subscribed_blocking(0).unwrap();
}

/// The Guide's syncpub and syncsub, without their sleep and without their second pair of sockets.
#[test]
fn ten_subscribers_miss_no_message() {
    within(LIMIT, || {
        let count = common::rounds(4_000);
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let unlimited = Options::new().high_water_marks(0);
            let publisher = near.socket_with::<Pub>(unlimited.clone()).unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            let subscribers: Vec<_> = (0..10)
                .map(|_| {
                    let subscriber = far.socket_with::<Sub>(unlimited.clone()).unwrap();
                    subscriber.subscribe("").unwrap();
                    subscriber.connect(&endpoint).unwrap();
                    thread::spawn(move || {
                        let mut updates = 0;
                        while next(&subscriber.receiver())[0] != "END" {
                            updates += 1;
                        }
                        updates
                    })
                })
                .collect();
            publisher.wait_subscribed_blocking(10).unwrap();
            let sender = publisher.sender();
            (0..count).for_each(|_| put(&sender, "Rhubarb"));
            put(&sender, "END");
            for subscriber in subscribers {
                assert_eq!(subscriber.join().unwrap(), count, "{transport:?}");
            }
            // Between pumps a message counts when its sender has heard that it was taken.
            common::eventually("all are counted", || {
                let statistics = publisher.statistics().unwrap();
                assert_eq!(statistics.dropped.total(), 0);
                statistics.messages_out == 10 * (count as u64 + 1)
            });
        }
    });
}

// ---- messages only while a peer is there

#[test]
fn an_immediate_socket_accepts_messages_only_while_connected() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let quick = Options::new().reconnect_interval(Some(Duration::from_millis(10)));
            let push = near.socket_with::<Push>(quick.immediate(true)).unwrap();
            let full = |message: &str| {
                let full = Err(TrySendError::Full(message.into()));
                assert_eq!(push.try_send(message), full, "{transport:?}");
            };
            full("no peer is there");
            assert_eq!(push.sender().capacity(), Some(0));
            let pull = far.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let sender = push.sender();
            let waiting = thread::spawn(move || sender.send_blocking("waited"));
            push.connect(&endpoint).unwrap();
            waiting.join().unwrap().unwrap();
            assert_eq!(next_text(&pull.receiver()), "waited");
            put(&push.sender(), "more");
            assert_eq!(next_text(&pull.receiver()), "more");

            pull.close_blocking();
            eventually("the peer is gone", || {
                push.statistics().unwrap().peers.is_empty()
            });
            full("no peer is there any more");
            // And from now on it is as it usually is.
            push.configure(|options| options.immediate(false)).unwrap();
            push.try_send("to whom it may concern").unwrap();
            push.configure(|options| options.immediate(true)).unwrap();
            full("no peer again");
            let pull = far.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "to whom it may concern");
        }
    });
}

#[test]
fn a_socket_that_requires_an_endpoint_accepts_messages_while_it_has_one() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let options = Options::new().require_endpoint(true);
            let push = near
                .socket_with::<Push>(options.send_high_water_mark(1))
                .unwrap();
            let full = |message: &str| {
                let full = Err(TrySendError::Full(message.into()));
                assert_eq!(push.try_send(message), full, "{transport:?}");
            };
            full("neither a peer nor an endpoint");
            push.bind(transport.endpoint()).unwrap();
            full("a listener is no peer");
            let sender = push.sender();
            let waiting = thread::spawn(move || sender.send_blocking("waited"));
            let endpoint = push.connect(transport.endpoint()).unwrap();
            waiting.join().unwrap().unwrap();
            full("the queue of the endpoint is full");
            let pull = far.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "waited");
            push.disconnect(&endpoint).unwrap();
            eventually("there is no room", || !push.is_writable());
            full("no endpoint again");
        }
    });
}

#[test]
fn a_socket_that_requires_an_endpoint_does_not_wait_for_peers_when_it_closes() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, _far) = transport.contexts();
            let options = Options::new().require_endpoint(true);
            let push = near.socket_with::<Push>(options).unwrap();
            push.bind(transport.endpoint()).unwrap();
            let endpoint = push.connect(transport.endpoint()).unwrap();
            push.try_send("for that endpoint").unwrap();
            push.disconnect(&endpoint).unwrap();
            // It listens, and would wait without the option.
            assert_eq!(push.close_blocking().undelivered, 1, "{transport:?}");
        }
    });
}

#[test]
fn an_immediate_socket_that_drops_keeps_queued_messages() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new()
            .immediate(true)
            .send_overflow(Overflow::DropOldest);
        let push = context.socket_with::<Push>(options).unwrap();
        push.configure(|options| options.immediate(false)).unwrap();
        push.try_send("kept").unwrap();
        push.configure(|options| options.immediate(true)).unwrap();
        push.try_send("dropped").unwrap();
        assert_eq!(push.sender().dropped(), 1);
        let pull = context.socket::<Pull>().unwrap();
        push.connect(pull.bind("inproc://kept").unwrap()).unwrap();
        assert_eq!(next_text(&pull.receiver()), "kept");
    });
}

#[test]
fn an_immediate_socket_waits_for_the_handshake() {
    within(LIMIT, || {
        let context = Context::new();
        // The peer may be gone before it has what was accepted.
        let options = Options::new()
            .immediate(true)
            .linger(Linger::For(Duration::ZERO));
        let push = context.socket_with::<Push>(options).unwrap();
        let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
        let mut peer = Raw::connect(&endpoint);
        // Connected, but not a peer yet.
        peer.read(10);
        assert!(matches!(push.try_send("early"), Err(TrySendError::Full(_))));
        peer.write(&common::raw::GREETING);
        peer.write(&common::raw::ready("PULL"));
        push.wait_connected_blocking(1).unwrap();
        push.try_send("now").unwrap();
    });
}
