//! Connections come and go: early and late, lost and found again, from any thread.

use crate::common;

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use common::{
    holds_within, next, next_text, nothing_comes, put, text, wait_subscribed, within, Transport,
    LIMIT, PATIENCE,
};
use zmq_channels::error::DetachError;
use zmq_channels::{
    Context, Message, Options, Pair, Pub, Pull, Push, Receiver, Rep, Req, Sender, Socket, Sub,
};

const STEP: Duration = Duration::from_millis(20);

/// Connects again after a pause short enough for a test.
fn eager() -> Options {
    let pause = Duration::from_millis(5);
    Options::new()
        .reconnect_interval(Some(pause))
        .reconnect_interval_max(4 * pause)
}

/// Sends again and again until something sent after the call is heard: what is sent while a
/// connection is being lost may be lost with it.
fn until_heard(sender: &Sender, receiver: &Receiver, what: &str) {
    let heard = holds_within(PATIENCE, || {
        put(sender, what);
        matches!(receiver.recv_timeout_blocking(STEP), Ok(message) if text(&message) == what)
    });
    assert!(heard, "{what:?} never came");
}

// ---- early

#[test]
fn connect_may_come_before_bind() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let push = here.socket_with::<Push>(eager()).unwrap();
            let start = Instant::now();
            push.connect(&endpoint).unwrap();
            for number in 0..3 {
                push.send_blocking(number.to_string()).unwrap();
            }
            let took = start.elapsed();
            assert!(
                took < Duration::from_millis(500),
                "{transport:?}: connect took {took:?}"
            );

            let pull = there.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            for number in 0..3 {
                assert_eq!(
                    next_text(&pull.receiver()),
                    number.to_string(),
                    "{transport:?}"
                );
            }
        }
    });
}

#[test]
fn messages_sent_before_connect_and_bind_are_delivered() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let (req, rep) = (here.socket_with::<Req>(eager()), there.socket::<Rep>());
            let (req, rep) = (req.unwrap(), rep.unwrap());
            req.send_blocking("early").unwrap();
            req.connect(&endpoint).unwrap();
            rep.bind(&endpoint).unwrap();
            assert_eq!(next_text(&rep.receiver()), "early", "{transport:?}");
            rep.send_blocking("bird").unwrap();
            assert_eq!(next_text(&req.receiver()), "bird", "{transport:?}");
        }
    });
}

/// Several sockets wait for one inproc name; simultaneous bind and connect lose no link.
#[test]
fn connects_from_many_threads_race_with_one_bind() {
    within(LIMIT, || {
        for _ in 0..50 {
            let context = Context::new();
            let connecting: Vec<_> = (0..4)
                .map(|number: i32| {
                    let push = context.socket::<Push>().unwrap();
                    thread::spawn(move || {
                        push.connect("inproc://race").unwrap();
                        push.send_blocking(number.to_string()).unwrap();
                        push
                    })
                })
                .collect();
            let pull = context.socket::<Pull>().unwrap();
            pull.bind("inproc://race").unwrap();
            let heard: BTreeSet<_> = (0..4).map(|_| next_text(&pull.receiver())).collect();
            assert_eq!(heard.len(), 4);
            for thread in connecting {
                thread.join().unwrap();
            }
        }
    });
}

// ---- lost and found

#[test]
fn a_push_reconnects_to_its_pull() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let push = here.socket_with::<Push>(eager()).unwrap();
            let endpoint = transport.endpoint();
            push.connect(&endpoint).unwrap();
            for round in 0..3 {
                let pull = there.socket::<Pull>().unwrap();
                pull.bind(&endpoint).unwrap();
                let what = format!("{transport:?} {round}");
                until_heard(&push.sender(), &pull.receiver(), &what);
                pull.close_blocking();
            }
        }
    });
}

#[test]
fn a_pair_reconnects_to_its_peer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let client = here.socket_with::<Pair>(eager()).unwrap();
            let endpoint = transport.endpoint();
            client.connect(&endpoint).unwrap();
            for round in 0..3 {
                let server = there.socket::<Pair>().unwrap();
                server.bind(&endpoint).unwrap();
                until_heard(
                    &client.sender(),
                    &server.receiver(),
                    &format!("there {round}"),
                );
                until_heard(
                    &server.sender(),
                    &client.receiver(),
                    &format!("back {round}"),
                );
                server.close_blocking();
            }
        }
    });
}

#[test]
fn a_sub_subscribes_again_after_a_reconnect() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let sub = here.socket_with::<Sub>(eager()).unwrap();
            sub.subscribe("news").unwrap();
            sub.subscribe("weather").unwrap();
            sub.subscribe("gossip").unwrap();
            sub.unsubscribe("gossip").unwrap();
            let endpoint = transport.endpoint();
            sub.connect(&endpoint).unwrap();
            for _ in 0..3 {
                let publisher = there.socket::<Pub>().unwrap();
                publisher.bind(&endpoint).unwrap();
                wait_subscribed(&publisher.sender(), &sub.receiver(), "news");
                wait_subscribed(&publisher.sender(), &sub.receiver(), "weather");
                put(&publisher.sender(), "gossip");
                put(&publisher.sender(), "news at last");
                assert_eq!(next_text(&sub.receiver()), "news at last", "{transport:?}");
                publisher.close_blocking();
            }
        }
    });
}

#[test]
fn a_req_survives_the_restart_of_its_server() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let req = here.socket_with::<Req>(eager()).unwrap();
            let endpoint = transport.endpoint();
            req.connect(&endpoint).unwrap();
            let first = there.socket::<Rep>().unwrap();
            first.bind(&endpoint).unwrap();
            req.send_blocking("one").unwrap();
            assert_eq!(next_text(&first.receiver()), "one");
            put(&first.sender(), "one done");
            assert_eq!(next_text(&req.receiver()), "one done");

            // The next one is read, and never answered.
            req.send_blocking("two").unwrap();
            assert_eq!(next_text(&first.receiver()), "two");
            first.close_blocking();

            let second = there.socket::<Rep>().unwrap();
            second.bind(&endpoint).unwrap();
            let echo = thread::spawn(move || {
                for request in second.receiver() {
                    let done = format!("{} done", text(&request));
                    if second.send_blocking(done).is_err() {
                        return;
                    }
                }
            });
            req.send_blocking("three").unwrap();
            // Whether "two" was asked again is not promised; that "three" is answered is.
            while next_text(&req.receiver()) != "three done" {}
            there.shutdown();
            echo.join().unwrap();
        }
    });
}

#[test]
fn a_socket_without_reconnects_stays_disconnected() {
    within(LIMIT, || {
        let (here, there) = Transport::Tcp.contexts();
        let push = here
            .socket_with::<Push>(Options::new().reconnect_interval(None))
            .unwrap();
        let pull = there.socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        push.connect(&endpoint).unwrap();
        put(&push.sender(), "once");
        assert_eq!(next_text(&pull.receiver()), "once");
        pull.unbind(&endpoint).unwrap();
        pull.bind(&endpoint).unwrap();
        let _ = push.send_timeout_blocking("never", STEP);
        nothing_comes(&pull.receiver());
        push.connect(&endpoint).unwrap();
        until_heard(&push.sender(), &pull.receiver(), "again");
    });
}

// ---- leaving on purpose

#[test]
fn disconnect_sends_queued_messages_first() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let pull = there.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let push = here.socket::<Push>().unwrap();
            push.connect(&endpoint).unwrap();
            put(&push.sender(), "connected");
            assert_eq!(next_text(&pull.receiver()), "connected");
            for number in 0..100 {
                put(&push.sender(), number.to_string());
            }
            push.disconnect(&endpoint).unwrap();
            let again = push.disconnect(&endpoint);
            assert!(matches!(again, Err(DetachError::NotFound(_))), "{again:?}");

            // Whatever the connection had taken arrives, in order and from the beginning; the
            // rest waits in the socket for the next one.
            push.connect(&endpoint).unwrap();
            let numbers: BTreeSet<i32> = (0..100)
                .map(|_| next_text(&pull.receiver()).parse().unwrap())
                .collect();
            assert_eq!(numbers, (0..100).collect(), "{transport:?}");
        }
    });
}

#[test]
fn after_disconnect_only_other_peers_receive_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (left, right) = (
                there.socket::<Pull>().unwrap(),
                there.socket::<Pull>().unwrap(),
            );
            let left_end = left.bind(transport.endpoint()).unwrap();
            let right_end = right.bind(transport.endpoint()).unwrap();
            let push = here.socket::<Push>().unwrap();
            push.connect(&left_end).unwrap();
            push.connect(&right_end).unwrap();
            push.disconnect(&left_end).unwrap();
            for number in 0..10 {
                put(&push.sender(), number.to_string());
            }
            for number in 0..10 {
                assert_eq!(
                    next_text(&right.receiver()),
                    number.to_string(),
                    "{transport:?}"
                );
            }
            assert!(left.try_recv().is_err());
        }
    });
}

#[test]
fn connecting_twice_makes_two_connections_and_disconnect_ends_both() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = there.socket::<Pub>().unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            let sub = here.socket::<Sub>().unwrap();
            sub.subscribe("").unwrap();
            sub.connect(&endpoint).unwrap();
            sub.connect(&endpoint).unwrap();
            // Each publication comes once over each connection, as soon as both are there.
            let mut round = 0;
            let both = holds_within(PATIENCE, || {
                round += 1;
                // What came too late for its round.
                sub.receiver().drain().for_each(drop);
                put(&publisher.sender(), round.to_string());
                let expected = Ok(Message::from(round.to_string()));
                let next = || sub.recv_timeout_blocking(STEP);
                next() == expected && next() == expected
            });
            assert!(both, "{transport:?}");
            sub.disconnect(&endpoint).unwrap();
            assert!(matches!(
                sub.disconnect(&endpoint),
                Err(DetachError::NotFound(_))
            ));
            for _ in sub.receiver().drain() {}
            put(&publisher.sender(), "hello?");
            nothing_comes(&sub.receiver());
        }
    });
}

#[test]
fn unbind_ends_the_connections_made_through_it() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (here, there) = transport.contexts();
            let publisher = there.socket::<Pub>().unwrap();
            let first = publisher.bind(transport.endpoint()).unwrap();
            let second = publisher.bind(transport.endpoint()).unwrap();
            let subscribe = |endpoint| {
                let sub = here.socket_with::<Sub>(eager()).unwrap();
                sub.subscribe("").unwrap();
                sub.connect(endpoint).unwrap();
                wait_subscribed(&publisher.sender(), &sub.receiver(), "");
                sub
            };
            let (left, right) = (subscribe(&first), subscribe(&second));
            put(&publisher.sender(), "goodbye");
            publisher.unbind(&first).unwrap();
            put(&publisher.sender(), "hello");
            // Behind what was published while the second was on its way.
            while next_text_of_last_frame(&left) != "goodbye" {}
            assert_eq!(next_text(&right.receiver()), "goodbye", "{transport:?}");
            assert_eq!(next_text(&right.receiver()), "hello", "{transport:?}");
            nothing_comes(&left.receiver());
            // And it comes back when the place does.
            publisher.bind(&first).unwrap();
            wait_subscribed(&publisher.sender(), &left.receiver(), "");
        }
    });
}

fn next_text_of_last_frame(sub: &Socket<Sub>) -> String {
    let mut message = next(&sub.receiver());
    String::from_utf8(message.pop_back().unwrap().to_vec()).unwrap()
}

/// A peer that left is out of the rotation at once.
#[test]
fn a_push_sends_nothing_to_a_disconnected_peer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let push = here.socket::<Push>().unwrap();
            let endpoint = push.bind(transport.endpoint()).unwrap();
            let (stays, leaves) = (
                there.socket::<Pull>().unwrap(),
                there.socket::<Pull>().unwrap(),
            );
            stays.connect(&endpoint).unwrap();
            leaves.connect(&endpoint).unwrap();
            until_heard(&push.sender(), &stays.receiver(), "stays");
            until_heard(&push.sender(), &leaves.receiver(), "leaves");
            leaves.close_blocking();
            // As soon as the PUSH has noticed, nothing is missing any more.
            let mut round = 0;
            let noticed = holds_within(PATIENCE, || {
                for _ in stays.receiver().drain() {}
                round += 1;
                for number in 0..10 {
                    put(&push.sender(), format!("{round} {number}"));
                }
                let mut got = 0;
                while let Ok(message) = stays.recv_timeout_blocking(STEP) {
                    got += usize::from(text(&message).starts_with(&format!("{round} ")));
                    if got == 10 {
                        return true;
                    }
                }
                false
            });
            assert!(noticed, "{transport:?}");
        }
    });
}

// ---- from any clone, in any thread

#[test]
fn clones_bind_and_connect_on_their_threads() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let push = context.socket::<Push>().unwrap();
        put(&push.sender(), "sent before anything was bound");
        let threads: Vec<_> = (0..6)
            .map(|number| {
                let (pull, push) = (pull.clone(), push.clone());
                thread::spawn(move || {
                    let transport = Transport::ALL[number % 3];
                    let endpoint = pull.bind(transport.endpoint()).unwrap();
                    push.connect(&endpoint).unwrap();
                    for _ in 0..50 {
                        put(&push.sender(), "x");
                    }
                })
            })
            .collect();
        let heard: Vec<Message> = (0..301).map(|_| next(&pull.receiver())).collect();
        assert_eq!(
            heard.iter().filter(|message| message[0] == "x").count(),
            300
        );
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

// ---- over and over

#[test]
fn req_and_rep_bind_connect_ping_and_close_a_hundred_times() {
    within(Duration::from_secs(1), || {
        let context = Context::new();
        let (rep, req) = (
            context.socket::<Rep>().unwrap(),
            context.socket::<Req>().unwrap(),
        );
        for round in 0..100 {
            let endpoint = rep.bind("tcp://*:*").unwrap();
            req.connect(&endpoint).unwrap();
            req.send_blocking(format!("ping {round}")).unwrap();
            assert_eq!(text(&rep.recv_blocking().unwrap()), format!("ping {round}"));
            rep.send_blocking(format!("pong {round}")).unwrap();
            assert_eq!(text(&req.recv_blocking().unwrap()), format!("pong {round}"));
            rep.unbind(&endpoint).unwrap();
            req.disconnect(&endpoint).unwrap();
        }
    });
}

#[test]
fn push_and_pull_bind_connect_ping_and_close_a_hundred_times() {
    within(Duration::from_secs(1), || {
        let context = Context::new();
        let (pull, push) = (
            context.socket::<Pull>().unwrap(),
            context.socket::<Push>().unwrap(),
        );
        for round in 0..100 {
            let endpoint = pull.bind("tcp://*:*").unwrap();
            push.connect(&endpoint).unwrap();
            push.send_blocking(format!("ping {round}")).unwrap();
            assert_eq!(
                text(&pull.recv_blocking().unwrap()),
                format!("ping {round}")
            );
            pull.unbind(&endpoint).unwrap();
            push.disconnect(&endpoint).unwrap();
        }
    });
}

/// A PAIR has one place for a peer: it must be free when the next one comes.
#[test]
fn pairs_bind_connect_ping_and_close_a_hundred_times() {
    within(LIMIT, || {
        let context = Context::new();
        let server = context.socket::<Pair>().unwrap();
        let client = context.socket_with::<Pair>(eager()).unwrap();
        for round in 0..100 {
            let endpoint = server.bind("tcp://*:*").unwrap();
            client.connect(&endpoint).unwrap();
            client.send_blocking(format!("ping {round}")).unwrap();
            assert_eq!(next_text(&server.receiver()), format!("ping {round}"));
            server.send_blocking(format!("pong {round}")).unwrap();
            assert_eq!(next_text(&client.receiver()), format!("pong {round}"));
            server.unbind(&endpoint).unwrap();
            client.disconnect(&endpoint).unwrap();
        }
    });
}

#[test]
fn many_inproc_pairs_exchange_messages() {
    within(LIMIT, || {
        let context = Context::new();
        for round in 0..common::rounds(100) {
            let (req, rep) = (
                context.socket::<Req>().unwrap(),
                context.socket::<Rep>().unwrap(),
            );
            // The name is taken again and again; both orders.
            if round % 2 == 0 {
                rep.bind("inproc://service").unwrap();
                req.connect("inproc://service").unwrap();
            } else {
                req.connect("inproc://service").unwrap();
                rep.bind("inproc://service").unwrap();
            }
            req.send_blocking(round.to_string()).unwrap();
            assert_eq!(next_text(&rep.receiver()), round.to_string());
            rep.send_blocking("yes").unwrap();
            assert_eq!(next_text(&req.receiver()), "yes");
            rep.close_blocking();
        }
    });
}
