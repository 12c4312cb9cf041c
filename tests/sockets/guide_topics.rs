//! The examples about topics, run.

use crate::common;

#[path = "../../examples/psenvpub.rs"]
#[allow(dead_code)]
mod psenvpub;
#[path = "../../examples/psenvsub.rs"]
#[allow(dead_code)]
mod psenvsub;
#[path = "../../examples/wuproxy.rs"]
#[allow(dead_code)]
mod wuproxy;

use common::{eventually, next, put, within, Transport, LIMIT};
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
