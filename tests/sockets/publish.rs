//! PUB and SUB: topics, prefixes, and which subscriber receives what.

use crate::common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{
    eventually, holds_within, next, next_text, put, text, wait_subscribed, within, Transport,
    LIMIT, PATIENCE,
};
use zmq_channels::statistics::DropReason;
use zmq_channels::{
    Context, Message, Options, Proxy, Pub, Pull, Push, Receiver, Sender, Socket, Sub,
};

/// A publisher and a subscriber without subscriptions, connected.
fn connected(transport: Transport, publisher_binds: bool) -> (Socket<Pub>, Socket<Sub>) {
    if publisher_binds {
        let (sub, publisher) = common::pair(transport);
        return (publisher, sub);
    }
    common::pair(transport)
}

/// Runs `test` over every transport, bound at either end.
fn everywhere(test: impl Fn(&Sender, &Socket<Sub>)) {
    for transport in Transport::ALL {
        for publisher_binds in [true, false] {
            let (publisher, sub) = connected(transport, publisher_binds);
            test(&publisher.sender(), &sub);
        }
    }
}

/// Publishes `unwanted`, then `wanted`, until `wanted` comes without the other before it.
fn wait_unsubscribed(publisher: &Sender, subscriber: &Receiver, unwanted: &str, wanted: &str) {
    let mut round = 0;
    let gone = holds_within(PATIENCE, || {
        round += 1;
        put(publisher, [unwanted, "unwanted"]);
        put(publisher, [wanted, &round.to_string()]);
        let mut clean = true;
        loop {
            let got = next(subscriber);
            if got == Message::from([wanted, &round.to_string()]) {
                return clean;
            }
            clean = false;
        }
    });
    assert!(gone, "still subscribed to {unwanted:?}");
}

#[test]
fn publications_of_every_shape_arrive() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            sub.subscribe("").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "");
            let shapes: [Message; 6] = [
                "one".into(),
                "".into(),
                ["", "", ""].into(),
                vec![1_u8; 255].into(),
                vec![vec![2_u8; 256]; 20].into(),
                vec![vec![3_u8; 1 << 20], vec![4_u8; 1 << 20]].into(),
            ];
            for shape in shapes {
                put(publisher, shape.clone());
                assert!(next(&sub.receiver()) == shape, "{shape:?}");
            }
        });
    });
}

#[test]
fn a_subscriber_receives_the_prefixes_it_subscribed_to() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            sub.subscribe("ab").unwrap();
            sub.subscribe("x y,z").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "x y,z");
            for topic in [
                "a", "b", "ab", "abc", "xab", "", "x y,", "x y,z", "x y,z!", "AB",
            ] {
                put(publisher, [topic, "ab"]);
            }
            put(publisher, "ab: the end");
            let heard: Vec<String> = std::iter::from_fn(|| {
                let message = next(&sub.receiver());
                (message.len() > 1).then(|| String::from_utf8(message[0].to_vec()).unwrap())
            })
            .collect();
            assert_eq!(heard, ["ab", "abc", "x y,z", "x y,z!"]);
        });
    });
}

#[test]
fn without_a_subscription_no_message_arrives() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            for _ in 0..10 {
                put(publisher, "hello?");
            }
            sub.subscribe("only this").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "only this");
            put(publisher, "something else");
            put(publisher, "only this");
            assert_eq!(next_text(&sub.receiver()), "only this");
            assert!(sub.receiver().is_empty());
        });
    });
}

#[test]
fn unsubscribing_ends_a_topic() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            for topic in ["news", "weather"] {
                sub.subscribe(topic).unwrap();
                wait_subscribed(publisher, &sub.receiver(), topic);
            }
            sub.unsubscribe("news").unwrap();
            wait_unsubscribed(publisher, &sub.receiver(), "news", "weather");
            // One that was never made is no error and changes nothing.
            sub.unsubscribe("weather forecast").unwrap();
            sub.unsubscribe("").unwrap();
            put(publisher, "weather is fine");
            assert_eq!(next_text(&sub.receiver()), "weather is fine");
            // And it can come back.
            sub.subscribe("news").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "news");
        });
    });
}

#[test]
fn subscriptions_are_counted_and_messages_arrive_once() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            sub.subscribe("end").unwrap();
            sub.subscribe("news").unwrap();
            sub.subscribe("news").unwrap();
            sub.subscribe("new").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "new");
            let heard = |expected: &[&str]| {
                put(publisher, "news today");
                put(publisher, "end");
                let got = expected.iter().map(|_| next_text(&sub.receiver()));
                assert_eq!(got.collect::<Vec<_>>(), expected);
            };
            heard(&["news today", "end"]);
            sub.unsubscribe("new").unwrap();
            sub.unsubscribe("news").unwrap(); // One of two.
            for _ in 0..20 {
                heard(&["news today", "end"]);
            }
            sub.unsubscribe("news").unwrap();
            wait_unsubscribed(publisher, &sub.receiver(), "news", "end");
            heard(&["end"]);
        });
    });
}

#[test]
fn topics_are_any_bytes_of_any_length() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            let mut topics: Vec<Vec<u8>> =
                vec![vec![0], vec![1, 0], vec![255, 254], b"\0topic".to_vec()];
            // Around the borders of short commands and short frames.
            topics.extend([244, 245, 246, 247, 254, 255, 256, 257].map(|n| vec![b'x'; n]));
            for topic in topics {
                sub.subscribe(&topic).unwrap();
                let mut message = Message::from(topic.clone());
                message.push_back("payload");
                let mut heard = None;
                let arrived = holds_within(PATIENCE, || {
                    put(publisher, message.clone());
                    heard = sub
                        .recv_timeout_blocking(std::time::Duration::from_millis(5))
                        .ok();
                    heard.is_some()
                });
                assert!(arrived && heard == Some(message.clone()), "{topic:?}");
                sub.unsubscribe(&topic).unwrap();
                // Until the next subscription counts, what is left of this one may come.
                sub.subscribe("end").unwrap();
                wait_subscribed(publisher, &sub.receiver(), "end");
                sub.unsubscribe("end").unwrap();
            }
        });
    });
}

/// The article's example: topics `_ a b c d`, each subscriber with different prefixes.
#[test]
fn each_subscriber_receives_its_own_topics() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = here.socket::<Pub>().unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            let wishes: [&[&str]; 5] = [&["_"], &["a", "_"], &["b", "c", "_"], &["d", "_"], &[""]];
            let subs = wishes.map(|prefixes| {
                let sub = there.socket::<Sub>().unwrap();
                for prefix in prefixes {
                    sub.subscribe(prefix).unwrap();
                }
                sub.connect(&endpoint).unwrap();
                sub
            });
            for (sub, prefixes) in subs.iter().zip(wishes) {
                let last = prefixes[prefixes.len() - 1];
                wait_subscribed(&publisher.sender(), &sub.receiver(), last);
            }
            let topics = ["_", "a", "b", "c", "d"];
            put(&publisher.sender(), ["_", "begin"]);
            for number in 0..100 {
                let topic = topics[number % 5];
                put(&publisher.sender(), [topic, &number.to_string()]);
            }
            for (sub, prefixes) in subs.iter().zip(wishes) {
                // Behind what was published while the others were on their way.
                while next(&sub.receiver())[1] != "begin" {}
                for number in 0..100 {
                    let topic = topics[number % 5];
                    if prefixes.iter().any(|prefix| topic.starts_with(prefix)) {
                        let expected = Message::from([topic, &number.to_string()]);
                        assert_eq!(next(&sub.receiver()), expected, "{transport:?}");
                    }
                }
                assert!(sub.receiver().is_empty());
            }
        }
    });
}

#[test]
fn a_subscriber_receives_from_all_its_publishers() {
    within(LIMIT, || {
        let context = Context::new();
        let sub = context.socket::<Sub>().unwrap();
        sub.subscribe("").unwrap();
        let publishers = Transport::ALL.map(|transport| {
            let publisher = context.socket::<Pub>().unwrap();
            sub.connect(publisher.bind(transport.endpoint()).unwrap())
                .unwrap();
            wait_subscribed(&publisher.sender(), &sub.receiver(), "");
            publisher
        });
        for publisher in &publishers {
            put(&publisher.sender(), "from each");
        }
        for _ in &publishers {
            assert_eq!(next_text(&sub.receiver()), "from each");
        }
        // Subscriptions made later go to all of them as well.
        sub.subscribe("late").unwrap();
        sub.unsubscribe("").unwrap();
        for publisher in &publishers {
            wait_unsubscribed(&publisher.sender(), &sub.receiver(), "early", "late");
        }
    });
}

#[test]
fn publishing_without_subscribers_costs_nothing() {
    within(LIMIT, || {
        let publisher = Context::new().socket::<Pub>().unwrap();
        publisher.bind("inproc://unbound").unwrap();
        for number in 0..10_000 {
            put(&publisher.sender(), number.to_string());
        }
        assert_eq!(publisher.close_blocking().undelivered, 0);
    });
}

#[test]
fn published_messages_arrive_in_order() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            sub.subscribe("n").unwrap();
            wait_subscribed(publisher, &sub.receiver(), "n");
            for number in 0..900 {
                put(publisher, format!("n {number}"));
            }
            for number in 0..900 {
                assert_eq!(text(&next(&sub.receiver())), format!("n {number}"));
            }
        });
    });
}

// ---- what waits when a subscription ends

/// How many messages wait, unread, once they are all there.
fn unread(sub: &Socket<Sub>, expected: usize) {
    eventually("all are there", || sub.receiver().len() == expected);
}

fn unmatched(sub: &Socket<Sub>) -> u64 {
    sub.statistics().unwrap().dropped.by(DropReason::Unmatched)
}

#[test]
fn unsubscribing_drops_waiting_messages() {
    within(LIMIT, || {
        everywhere(|publisher, sub| {
            for topic in ["a", "ab", "b", "b"] {
                sub.subscribe(topic).unwrap();
            }
            for topic in ["a", "ab", "b"] {
                wait_subscribed(publisher, &sub.receiver(), topic);
            }
            let before = unmatched(sub);
            for round in 0..10 {
                for topic in ["a", "ab", "b"] {
                    put(publisher, format!("{topic} {round}"));
                }
            }
            unread(sub, 30);
            assert_eq!(next_text(&sub.receiver()), "a 0");
            sub.unsubscribe("a").unwrap();
            assert_eq!(sub.receiver().len(), 20);
            assert_eq!(next_text(&sub.receiver()), "ab 0");
            sub.unsubscribe("b").unwrap();
            assert_eq!(sub.receiver().len(), 19, "it is subscribed to once more");
            sub.unsubscribe("never").unwrap();
            sub.unsubscribe("b").unwrap();
            let rest: Vec<_> = sub.receiver().drain().map(|rest| text(&rest)).collect();
            let expected: Vec<_> = (1..10).map(|round| format!("ab {round}")).collect();
            assert_eq!(rest, expected);
            assert_eq!(unmatched(sub), before + 9 + 10);
        });
    });
}

#[test]
fn with_inverted_matching_subscribing_drops_waiting_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let inverted = || Options::new().invert_matching(true);
            let publisher = here.socket_with::<Pub>(inverted()).unwrap();
            let sub = there.socket_with::<Sub>(inverted()).unwrap();
            sub.connect(publisher.bind(transport.endpoint()).unwrap())
                .unwrap();
            sub.wait_connected_blocking(1).unwrap();
            publisher.wait_connected_blocking(1).unwrap();
            for text in ["a 1", "b 1", "a 2", "b 2"] {
                put(&publisher.sender(), text);
            }
            unread(&sub, 4);
            sub.subscribe("a").unwrap();
            assert_eq!(sub.receiver().len(), 2);
            sub.configure(|options| options.invert_matching(false))
                .unwrap();
            assert!(sub.receiver().is_empty(), "b is not subscribed to");
            assert_eq!(unmatched(&sub), 4);
        }
    });
}

#[test]
fn dropped_messages_make_room_for_others() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let small = || Options::new().high_water_marks(4);
            let publisher = here.socket_with::<Pub>(small().xpub_no_drop(true)).unwrap();
            let sub = there.socket_with::<Sub>(small()).unwrap();
            sub.subscribe("").unwrap();
            sub.connect(publisher.bind(transport.endpoint()).unwrap())
                .unwrap();
            publisher.wait_subscribed_blocking(1).unwrap();
            sub.subscribe("b").unwrap();
            thread::scope(|scope| {
                let sender = publisher.sender();
                scope.spawn(move || {
                    (0..2000).for_each(|_| put(&sender, vec![b'a'; 1000]));
                    put(&sender, "b");
                });
                unread(&sub, 4);
                sub.unsubscribe("").unwrap();
                assert_eq!(next_text(&sub.receiver()), "b", "{transport:?}");
            });
        }
    });
}

#[test]
fn no_receiver_gets_unsubscribed_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (sub, publisher) = common::pair::<Sub, Pub>(transport);
            for round in 0..20 {
                sub.subscribe("a").unwrap();
                sub.subscribe("b").unwrap();
                wait_subscribed(&publisher.sender(), &sub.receiver(), "a");
                wait_subscribed(&publisher.sender(), &sub.receiver(), "b");
                let (over, end) = (AtomicBool::new(false), AtomicBool::new(false));
                thread::scope(|scope| {
                    scope.spawn(|| {
                        while !end.load(Ordering::SeqCst) {
                            put(&publisher.sender(), "a");
                            put(&publisher.sender(), "b");
                        }
                    });
                    let took = scope.spawn(|| {
                        let mut after = 0;
                        while after < 100 {
                            let is_over = over.load(Ordering::SeqCst);
                            // One way to receive as good as another.
                            let mut got = Vec::new();
                            match round % 3 {
                                0 => got.push(next(&sub.receiver())),
                                1 => {
                                    let receiver = sub.receiver();
                                    receiver.recv_many_blocking(&mut got, 64).unwrap();
                                }
                                _ => got.extend(sub.receiver().iter().take(1)),
                            }
                            if is_over {
                                assert!(got.iter().all(|message| message[0] == "b"));
                                after += got.len();
                            }
                        }
                    });
                    sub.unsubscribe("a").unwrap();
                    over.store(true, Ordering::SeqCst);
                    let took = took.join();
                    end.store(true, Ordering::SeqCst);
                    took.unwrap();
                });
                sub.unsubscribe("b").unwrap();
                assert!(sub.receiver().is_empty());
            }
        }
    });
}

#[test]
fn a_proxy_forwards_no_unsubscribed_messages() {
    within(LIMIT, || {
        let context = Context::new();
        let publisher = context.socket::<Pub>().unwrap();
        let front = context.socket::<Sub>().unwrap();
        let small = || Options::new().high_water_marks(2);
        let back = context.socket_with::<Push>(small()).unwrap();
        let pull = context.socket_with::<Pull>(small()).unwrap();
        front.subscribe("a").unwrap();
        front.subscribe("b").unwrap();
        front
            .connect(publisher.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        pull.connect(back.bind("inproc://back").unwrap()).unwrap();
        publisher.wait_subscribed_blocking(1).unwrap();
        let _proxy = Proxy::start(&front, &back).unwrap();
        (0..50).for_each(|_| put(&publisher.sender(), "a"));
        put(&publisher.sender(), "b");
        // What the sockets behind the proxy hold, it has passed on.
        eventually("no more is taken", || {
            back.sender().len() == 2 && pull.receiver().len() == 2
        });
        eventually("all are there", || front.receiver().len() == 47);
        front.unsubscribe("a").unwrap();
        let came: Vec<_> = (0..5).map(|_| next_text(&pull.receiver())).collect();
        assert_eq!(came, ["a", "a", "a", "a", "b"]);
    });
}

#[test]
fn two_connections_deliver_every_message_twice() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for sub_connects in [true, false] {
                let (near, far) = transport.contexts();
                let publisher = near.socket::<Pub>().unwrap();
                let subscriber = far.socket::<Sub>().unwrap();
                subscriber.subscribe("").unwrap();
                let place = transport.endpoint();
                for _ in 0..2 {
                    match sub_connects {
                        true => subscriber.connect(&place).map(drop).unwrap(),
                        false => publisher.connect(&place).map(drop).unwrap(),
                    }
                }
                match sub_connects {
                    true => publisher.bind(&place).map(drop).unwrap(),
                    false => subscriber.bind(&place).map(drop).unwrap(),
                }
                publisher.wait_subscribed_blocking(2).unwrap();
                let out = subscriber.receiver();
                for text in ["one", "two"] {
                    put(&publisher.sender(), text);
                    assert_eq!(next_text(&out), text, "{transport:?}");
                    assert_eq!(next_text(&out), text, "{transport:?}");
                }
                assert_eq!(subscriber.statistics().unwrap().messages_in, 4);
            }
        }
    });
}
