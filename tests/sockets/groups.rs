//! RADIO and DISH: groups, and which peer receives what.

use crate::common;

use std::time::Duration;

use common::raw::{self, Raw};
use common::{eventually, next, put, within, Transport, LIMIT, PATIENCE};
use zmq_channels::error::{Closed, GroupError, Refusal, SendError};
use zmq_channels::statistics::DropReason;
use zmq_channels::{Context, Dish, Message, Options, Radio, Socket, SocketType};

/// A RADIO and a DISH in no group, connected.
fn connected(transport: Transport, radio_binds: bool) -> (Socket<Radio>, Socket<Dish>) {
    let (here, there) = transport.contexts();
    let (radio, dish) = (
        here.socket::<Radio>().unwrap(),
        there.socket::<Dish>().unwrap(),
    );
    if radio_binds {
        dish.connect(radio.bind(transport.endpoint()).unwrap())
            .unwrap();
    } else {
        radio
            .connect(dish.bind(transport.endpoint()).unwrap())
            .unwrap();
    }
    (radio, dish)
}

fn to(group: &str, body: &str) -> Message {
    Message::to_group(group, body)
}

#[test]
fn a_dish_receives_exactly_the_groups_it_joined() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for radio_binds in [true, false] {
                let (radio, dish) = connected(transport, radio_binds);
                dish.join("news").unwrap();
                dish.join("").unwrap();
                dish.join([0, 1, 255]).unwrap();
                let long = vec![b'g'; 255];
                dish.join(&long).unwrap();
                eventually("joined", || radio.topics() == Ok(4));
                assert_eq!(dish.topics(), Ok(4));
                let sender = radio.sender();
                for group in ["new", "newsy", "News", "a"] {
                    put(&sender, to(group, "not for it"));
                }
                put(&sender, to("news", "one"));
                put(&sender, to("", ""));
                put(&sender, Message::to_group([0, 1, 255], vec![7; 1 << 20]));
                put(&sender, Message::to_group(long.clone(), "four"));
                let out = dish.receiver();
                assert_eq!(next(&out), to("news", "one"), "{transport:?}");
                assert_eq!(next(&out), to("", ""));
                assert_eq!(next(&out), Message::to_group([0, 1, 255], vec![7; 1 << 20]));
                assert_eq!(next(&out), Message::to_group(long, "four"));
                assert!(out.is_empty());
                dish.leave("news").unwrap();
                eventually("left", || radio.topics() == Ok(3));
                put(&sender, to("news", "too late"));
                put(&sender, to("", "in time"));
                assert_eq!(next(&out), to("", "in time"));
            }
        }
    });
}

#[test]
fn messages_reach_every_member_and_no_other_dish() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let radio = here.socket::<Radio>().unwrap();
            let endpoint = radio.bind(transport.endpoint()).unwrap();
            let dishes: Vec<Socket<Dish>> = (0..10)
                .map(|number: usize| {
                    let dish = there.socket::<Dish>().unwrap();
                    dish.join("all").unwrap();
                    dish.join(format!("only {number}")).unwrap();
                    dish.connect(&endpoint).unwrap();
                    dish
                })
                .collect();
            // Joined before the connection: each newcomer says all of its groups.
            eventually("all are there", || radio.topics() == Ok(11));
            for number in 0..10 {
                put(&radio.sender(), to(&format!("only {number}"), "you"));
            }
            put(&radio.sender(), to("all", "of you"));
            for (number, dish) in dishes.iter().enumerate() {
                let out = dish.receiver();
                assert_eq!(next(&out), to(&format!("only {number}"), "you"));
                assert_eq!(next(&out), to("all", "of you"));
                assert!(out.is_empty());
            }
            drop(dishes);
            eventually("no peer is there", || radio.topics() == Ok(0));
        }
    });
}

#[test]
fn groups_outlive_a_connection() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let context = Context::new();
            let options = Options::new().reconnect_interval(Some(Duration::from_millis(1)));
            let dish = context.socket_with::<Dish>(options).unwrap();
            dish.join("g").unwrap();
            dish.join("left again").unwrap();
            let endpoint = transport.endpoint();
            dish.connect(&endpoint).unwrap();
            for round in ["first", "second"] {
                let radio = context.socket::<Radio>().unwrap();
                radio.bind(&endpoint).unwrap();
                eventually("joined", || {
                    radio.topics() == Ok(if round == "first" { 2 } else { 1 })
                });
                put(&radio.sender(), to("g", round));
                assert_eq!(next(&dish.receiver()), to("g", round), "{transport:?}");
                if round == "first" {
                    dish.leave("left again").unwrap();
                }
                radio.close_blocking();
            }
        }
    });
}

#[test]
fn invalid_joins_and_leaves_are_errors() {
    within(LIMIT, || {
        let context = Context::new();
        let dish = context.socket::<Dish>().unwrap();
        assert_eq!(dish.leave("a"), Err(GroupError::NotJoined));
        assert_eq!(dish.join("a"), Ok(()));
        assert_eq!(dish.join("a"), Err(GroupError::AlreadyJoined));
        assert_eq!(dish.leave("a"), Ok(()));
        assert_eq!(dish.leave("a"), Err(GroupError::NotJoined));
        assert_eq!(dish.join("a"), Ok(()));
        assert_eq!(dish.join([b'g'; 255]), Ok(()));
        assert_eq!(dish.join([b'g'; 256]), Err(GroupError::TooLong));
        assert_eq!(dish.leave([b'g'; 256]), Err(GroupError::TooLong));
        dish.close_blocking();
        assert_eq!(dish.join("b"), Err(GroupError::Closed(Closed::Socket)));
        let any = |kind| context.socket_of(kind, Options::new()).unwrap();
        let dish = any(SocketType::Dish);
        assert_eq!(dish.join("a"), Ok(()));
        assert_eq!(dish.leave("a"), Ok(()));
        let sub = any(SocketType::Sub);
        assert_eq!(sub.join("a"), Err(GroupError::Unsupported));
        assert_eq!(sub.leave("a"), Err(GroupError::Unsupported));
        let dish = context.socket::<Dish>().unwrap();
        context.shutdown();
        assert_eq!(dish.join("b"), Err(GroupError::Closed(Closed::Context)));
    });
}

#[test]
fn a_radio_accepts_only_a_group_and_a_body() {
    within(LIMIT, || {
        let context = Context::new();
        let radio = context.socket::<Radio>().unwrap();
        let count = Refusal::FrameCount { expected: 2 };
        let wrong: [(Message, Refusal); 4] = [
            ("alone".into(), count),
            (["a", "b", "c"].into(), count),
            (Message::new(), Refusal::NoFrames),
            (
                Message::to_group([b'g'; 256], "body"),
                Refusal::GroupTooLong,
            ),
        ];
        for (message, why) in wrong {
            let refused = radio.send_blocking(message.clone());
            assert_eq!(refused, Err(SendError::Refused(why, message)));
        }
        assert!(radio.sender().is_empty());
        radio
            .send_blocking(Message::to_group([b'g'; 255], ""))
            .unwrap();
    });
}

#[test]
fn only_a_full_dish_misses_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().high_water_marks(5);
            let radio = here.socket_with::<Radio>(options.clone()).unwrap();
            let endpoint = radio.bind(transport.endpoint()).unwrap();
            let [slow, quick] = ["slow", "quick"].map(|own| {
                let dish = there.socket_with::<Dish>(options.clone()).unwrap();
                dish.join("g").unwrap();
                dish.join(own).unwrap();
                dish.connect(&endpoint).unwrap();
                dish
            });
            eventually("joined", || radio.topics() == Ok(3));
            let body = "x".repeat(100_000);
            let mut sent = 0;
            while radio.sender().dropped() == 0 {
                put(&radio.sender(), to("g", &format!("{sent} {body}")));
                assert_eq!(next(&quick.receiver()), to("g", &format!("{sent} {body}")));
                sent += 1;
            }
            assert_eq!(next(&slow.receiver()), to("g", &format!("0 {body}")));
        }
    });
}

#[test]
fn with_no_drop_a_full_dish_blocks_the_radio() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().high_water_marks(4).xpub_no_drop(true);
        let radio = context.socket_with::<Radio>(options).unwrap();
        let options = Options::new().high_water_marks(3);
        let dish = context.socket_with::<Dish>(options).unwrap();
        dish.join("g").unwrap();
        dish.connect(radio.bind("inproc://held").unwrap()).unwrap();
        eventually("joined", || radio.topics() == Ok(1));
        let mut sent = 0;
        let patience = Duration::from_millis(200);
        while radio
            .send_timeout_blocking(to("g", &sent.to_string()), patience)
            .is_ok()
        {
            sent += 1;
        }
        assert_eq!(sent, 4 + 3);
        for number in 0..sent {
            assert_eq!(next(&dish.receiver()), to("g", &number.to_string()));
        }
        assert_eq!(radio.sender().dropped(), 0);
    });
}

#[test]
fn bytes_of_a_radio() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let radio = Context::new().socket::<Radio>().unwrap();
            let endpoint = radio.bind(transport.endpoint()).unwrap();
            let mut peer = Raw::peer(&endpoint, "DISH");
            peer.write(&raw::command("JOIN", b"gr"));
            // Subscriptions and messages of users are nothing to a RADIO.
            peer.write(&raw::command("SUBSCRIBE", b"gr"));
            peer.write(&raw::frame(0, b"\x01gr"));
            peer.write(&raw::multipart(&["gr", "from a dish"]));
            eventually("joined", || radio.topics() == Ok(1));
            put(&radio.sender(), to("gr", "body"));
            assert_eq!(peer.read_frame(), (1, b"gr".to_vec()));
            assert_eq!(peer.read_frame(), (0, b"body".to_vec()));
            peer.write(&raw::command("LEAVE", b"gr"));
            eventually("left", || radio.topics() == Ok(0));
            // A name too long for a group is no name.
            peer.write(&raw::command("JOIN", &[b'g'; 255]));
            eventually("joined", || radio.topics() == Ok(1));
            peer.write(&raw::command("JOIN", &[b'g'; 256]));
            assert!(peer.is_closed_within(PATIENCE));
            eventually("gone", || radio.topics() == Ok(0));
        }
    });
}

#[test]
fn bytes_of_a_dish() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let dish = Context::new().socket::<Dish>().unwrap();
            let endpoint = dish.bind(transport.endpoint()).unwrap();
            dish.join("early").unwrap();
            let mut peer = Raw::peer(&endpoint, "RADIO");
            assert_eq!(peer.read_frame(), (4, b"\x04JOINearly".to_vec()));
            dish.join("late").unwrap();
            assert_eq!(peer.read_frame(), (4, b"\x04JOINlate".to_vec()));
            peer.write(&raw::multipart(&["early", "heard"]));
            peer.write(&raw::multipart(&["earl", "filtered"]));
            peer.write(&raw::multipart(&["late", "heard, too"]));
            assert_eq!(next(&dish.receiver()), to("early", "heard"));
            assert_eq!(next(&dish.receiver()), to("late", "heard, too"));
            dish.leave("late").unwrap();
            assert_eq!(peer.read_frame(), (4, b"\x05LEAVElate".to_vec()));
        }
    });
}

#[test]
fn a_radio_that_sends_other_messages_is_disconnected() {
    within(LIMIT, || {
        let long = [raw::frame(1, &[b'g'; 256]), raw::frame(0, b"body")].concat();
        let wrong = [raw::frame(0, b"g"), raw::multipart(&["g", "a", "b"]), long];
        for bytes in wrong {
            let dish = Context::new().socket::<Dish>().unwrap();
            let endpoint = dish.bind("tcp://127.0.0.1:*").unwrap();
            dish.join("g").unwrap();
            let mut good = Raw::peer(&endpoint, "RADIO");
            let mut bad = Raw::peer(&endpoint, "RADIO");
            bad.write(&bytes);
            assert!(bad.is_closed_within(PATIENCE));
            good.write(&raw::multipart(&["g", "goes on"]));
            assert_eq!(next(&dish.receiver()), to("g", "goes on"));
        }
    });
}

#[test]
fn leaving_a_group_drops_its_waiting_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for radio_binds in [true, false] {
                let (radio, dish) = connected(transport, radio_binds);
                for group in ["a", "ab", "b"] {
                    dish.join(group).unwrap();
                }
                eventually("joined", || radio.topics() == Ok(3));
                for round in 0..10 {
                    for group in ["a", "ab", "b"] {
                        put(&radio.sender(), to(group, &round.to_string()));
                    }
                }
                eventually("all are there", || dish.receiver().len() == 30);
                dish.leave("a").unwrap();
                dish.leave("b").unwrap();
                assert_eq!(dish.leave("never"), Err(GroupError::NotJoined));
                let rest: Vec<_> = dish.receiver().drain().collect();
                let expected: Vec<_> = (0..10).map(|round| to("ab", &round.to_string())).collect();
                assert_eq!(rest, expected, "{transport:?}");
                let dropped = dish.statistics().unwrap().dropped;
                assert_eq!(dropped.by(DropReason::Unmatched), 20);
            }
        }
    });
}
