//! The examples about topics, run.

use crate::common;

#[path = "../../examples/discovery.rs"]
#[allow(dead_code)]
mod discovery;
#[path = "../../examples/espresso.rs"]
#[allow(dead_code)]
mod espresso;
#[path = "../../examples/lvcache.rs"]
#[allow(dead_code)]
mod lvcache;
#[path = "../../examples/psenvpub.rs"]
#[allow(dead_code)]
mod psenvpub;
#[path = "../../examples/psenvsub.rs"]
#[allow(dead_code)]
mod psenvsub;
#[path = "../../examples/wuproxy.rs"]
#[allow(dead_code)]
mod wuproxy;

use std::ops::ControlFlow::{Break, Continue};
use std::sync::mpsc;
use std::thread;

use common::{eventually, next, put, within, Transport, LIMIT, PATIENCE};
use zmq_channels::{Context, Message, Pub, Sub};

#[test]
fn subscriptions_match_the_envelope() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = here.socket::<Pub>().unwrap();
            let subscriber = there.socket::<Sub>().unwrap();
            subscriber.subscribe("B").unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            subscriber.connect(endpoint).unwrap();
            eventually("subscribed", || publisher.topics() == Ok(1));
            for _ in 0..3 {
                psenvpub::publish(&publisher.sender()).unwrap();
                let (topic, content) = psenvsub::receive(&subscriber).unwrap().unwrap();
                assert_eq!(topic, "B");
                assert_eq!(content, "We would like to see this");
            }
        }
    });
}

#[test]
fn publishers_and_subscribers_find_each_other_by_a_broker() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (front, back) = (transport.endpoint(), transport.endpoint());
            let (broker, front, back) = discovery::broker(&here, &front, &back).unwrap();
            let publishers = ["oslo", "rome"].map(|topic| {
                let (there, front) = (there.clone(), front.clone());
                thread::spawn(move || discovery::publish(&there, front.as_str(), topic).unwrap())
            });
            for topic in ["rome", "oslo"] {
                let contents = discovery::subscribe(&there, back.as_str(), topic).unwrap();
                assert_eq!(contents, ["1", "2", "3"], "{transport:?}");
            }
            for publisher in publishers {
                publisher.join().unwrap();
            }
            assert!(broker.stop().forth.messages >= 6);
        }
    });
}

#[test]
fn late_subscribers_receive_the_last_value_of_each_topic() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = there.socket::<Pub>().unwrap();
            let updates = publisher.bind(transport.endpoint()).unwrap();
            let cached = transport.endpoint();
            let (front, back) = lvcache::sockets(&here, updates.as_str(), &cached).unwrap();
            publisher.wait_subscribed_blocking(1).unwrap();
            let (tell, told) = mpsc::channel();
            let caching = thread::spawn(move || {
                lvcache::cache(&front, &back, |topics, sent| {
                    tell.send((topics, sent)).unwrap();
                    // The last update, after both late subscribers.
                    match topics {
                        3 => Break(()),
                        _ => Continue(()),
                    }
                })
                .unwrap();
            });
            for (topic, value) in [("oslo", "1"), ("rome", "2"), ("oslo", "3")] {
                put(&publisher.sender(), [topic, value]);
            }
            (0..3).for_each(|_| assert_eq!(told.recv_timeout(PATIENCE).unwrap().1, 0));
            for expected in [1, 2] {
                let late = there.socket::<Sub>().unwrap();
                late.subscribe("os").unwrap();
                late.connect(&cached).unwrap();
                assert_eq!(next(&late.receiver()), ["oslo", "3"].into());
                // Cancellations are events, too.
                while told.recv_timeout(PATIENCE).unwrap() != (2, expected) {}
            }
            put(&publisher.sender(), ["the end", ""]);
            caching.join().unwrap();
        }
    });
}

#[test]
fn a_bridge_forwards_topics_between_two_networks() {
    within(LIMIT, || {
        for inside in Transport::ALL {
            for outside in Transport::ALL {
                let context = Context::new();
                let publisher = context.socket::<Pub>().unwrap();
                let endpoint = publisher.bind(inside.endpoint()).unwrap();
                let (proxy, bound) =
                    wuproxy::bridge(&context, endpoint.as_str(), &outside.endpoint()).unwrap();
                let subs = ["10001", "2"].map(|zip_code| {
                    let sub = context.socket::<Sub>().unwrap();
                    sub.subscribe(zip_code).unwrap();
                    sub.connect(&bound).unwrap();
                    sub
                });
                // The publisher hears what is wanted on the other side, and sends no more.
                eventually("subscribed", || publisher.topics() == Ok(2));
                for zip_code in ["10000", "10001", "20002"] {
                    put(&publisher.sender(), [zip_code, "mild"]);
                }
                assert_eq!(next(&subs[0].receiver()), Message::from(["10001", "mild"]));
                assert_eq!(next(&subs[1].receiver()), Message::from(["20002", "mild"]));
                drop(subs);
                eventually("cancelled", || publisher.topics() == Ok(0));
                let end = proxy.stop();
                assert_eq!(end.forth.messages, 2, "{inside:?} to {outside:?}");
            }
        }
    });
}

#[test]
fn a_listener_sees_all_that_passes_a_proxy() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, _) = transport.contexts();
            let places = [(); 3].map(|()| transport.endpoint());
            let mut seen = espresso::play(&context, places.each_ref().map(String::as_str)).unwrap();
            // Both are cancelled at the same moment.
            seen[12..].sort();
            let mut expected = vec!["subscribed to A".to_owned(), "subscribed to B".into()];
            for round in 0..5 {
                expected.extend([format!("A-{round}0"), format!("B-{round}1")]);
            }
            expected.extend(["cancelled A".into(), "cancelled B".into()]);
            assert_eq!(seen, expected, "{transport:?}");
        }
    });
}
