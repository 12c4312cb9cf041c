//! Publishers that wait for slow subscribers instead of dropping: `xpub_no_drop`.

use crate::common;

use std::thread;
use std::time::Duration;

use common::{eventually, next, next_text, put, text, within, Transport, ABSENCE, LIMIT};
use zmq_channels::error::TrySendError;
use zmq_channels::options::ManualSubscriptions;
use zmq_channels::{Context, Linger, Message, Options, Pub, Receiver, Socket, Sub, XPub};

/// An XPUB, and the endpoint it is bound to.
fn bound(transport: Transport, context: &Context, options: Options) -> (Socket<XPub>, String) {
    let xpub = context.socket_with::<XPub>(options).unwrap();
    let endpoint = xpub.bind(transport.endpoint()).unwrap();
    (xpub, endpoint.to_string())
}

fn subscribe(topic: impl AsRef<[u8]>) -> Message {
    Message::subscribe(topic)
}

/// Sends until `in` is full and stays so; how many messages that took.
fn fill(sender: &zmq_channels::Sender) -> usize {
    let mut sent = 0;
    let patience = Duration::from_millis(200);
    while sender
        .send_timeout_blocking(format!("n {sent}"), patience)
        .is_ok()
    {
        sent += 1;
    }
    sent
}

/// A full peer whose subscription is revoked holds nothing up any more.
#[test]
fn with_no_drop_a_revoked_subscription_lets_the_publisher_go_on() {
    within(LIMIT, || {
        for transport in [Transport::Inproc, Transport::AcrossPumps] {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_no_drop(true).high_water_marks(2);
            let options = options.xpub_manual(ManualSubscriptions::On);
            let (xpub, endpoint) = bound(transport, &here, options);
            let options = Options::new().high_water_marks(2);
            let sub = there.socket_with::<Sub>(options).unwrap();
            sub.connect(&endpoint).unwrap();
            sub.subscribe("").unwrap();
            let asked = next(&xpub.receiver());
            xpub.accept(&asked, "A").unwrap();
            let sender = xpub.sender();
            let large = || Message::from(["A".into(), vec![7; 100]]);
            while sender.send_timeout_blocking(large(), ABSENCE).is_ok() {}
            assert!(matches!(
                sender.try_send(large()),
                Err(TrySendError::Full(_))
            ));
            let waiting = thread::spawn(move || {
                for _ in 0..20 {
                    put(&sender, large());
                }
            });
            xpub.revoke(&asked, "A").unwrap();
            waiting.join().unwrap();
        }
    });
}

#[test]
fn with_no_drop_in_is_full_at_the_sum_of_the_marks() {
    within(LIMIT, || {
        for (send, receive) in [(1, 1), (2, 1), (5, 3), (20, 7)] {
            let context = Context::new();
            let options = Options::new().xpub_no_drop(true).high_water_marks(send);
            let publisher = context.socket_with::<Pub>(options).unwrap();
            let options = Options::new().high_water_marks(receive);
            let sub = context.socket_with::<Sub>(options).unwrap();
            sub.subscribe("n").unwrap();
            sub.connect(publisher.bind(Transport::Inproc.endpoint()).unwrap())
                .unwrap();
            eventually("subscribed", || publisher.topics() == Ok(1));
            let accepted = fill(&publisher.sender());
            assert_eq!(accepted, send + receive, "{send} and {receive}");
            for number in 0..accepted {
                assert_eq!(next_text(&sub.receiver()), format!("n {number}"));
            }
            // What no peer wants holds nothing up; and there is room again.
            put(&publisher.sender(), "other");
            put(&publisher.sender(), "n again");
            assert_eq!(next_text(&sub.receiver()), "n again");
            assert_eq!(publisher.sender().dropped(), 0);
        }
    });
}

#[test]
fn with_no_drop_the_slowest_peer_sets_the_pace() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_no_drop(true).high_water_marks(10);
            let (xpub, endpoint) = bound(transport, &here, options.clone());
            let subs = ["", "n"].map(|topic| {
                let options = Options::new().high_water_marks(10);
                let sub = there.socket_with::<Sub>(options).unwrap();
                sub.subscribe(topic).unwrap();
                sub.connect(&endpoint).unwrap();
                assert_eq!(next(&xpub.receiver()), subscribe(topic));
                sub
            });
            let number = |count: usize| format!("n {count} {}", "x".repeat(10_000));
            let sender = xpub.sender();
            let sending = thread::spawn(move || {
                for count in 0..3_000 {
                    put(&sender, number(count));
                }
            });
            let reads = |out: Receiver| {
                thread::spawn(move || {
                    for count in 0..3_000 {
                        assert_eq!(text(&next(&out)), number(count));
                    }
                })
            };
            let fast = reads(subs[0].receiver());
            let slow = reads(subs[1].receiver());
            for thread in [sending, fast, slow] {
                thread.join().unwrap();
            }
            assert_eq!(xpub.sender().dropped(), 0);
        }
    });
}

#[test]
fn with_no_drop_closing_sends_accepted_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_no_drop(true).high_water_marks(50);
            let (xpub, endpoint) = bound(transport, &here, options);
            let options = Options::new().high_water_marks(2);
            let sub = there.socket_with::<Sub>(options).unwrap();
            sub.subscribe("n").unwrap();
            sub.connect(&endpoint).unwrap();
            assert_eq!(next(&xpub.receiver()), subscribe("n"));
            let number = |count: usize| format!("n {count} {}", "x".repeat(100_000));
            for count in 0..50 {
                put(&xpub.sender(), number(count));
            }
            let closing = thread::spawn(move || xpub.close_blocking());
            for count in 0..50 {
                assert_eq!(next_text(&sub.receiver()), number(count), "{transport:?}");
            }
            assert_eq!(closing.join().unwrap().undelivered, 0);
        }
    });
}

#[test]
fn a_blocked_publisher_resumes_when_its_peer_leaves_or_unsubscribes() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for way in 0..3 {
                let (here, there) = transport.contexts();
                let options = Options::new()
                    .xpub_no_drop(true)
                    .high_water_marks(2)
                    .linger(Linger::For(Duration::ZERO));
                let (xpub, endpoint) = bound(transport, &here, options.clone());
                let options = options.xpub_no_drop(false);
                let sub = there.socket_with::<Sub>(options).unwrap();
                sub.subscribe("n").unwrap();
                sub.connect(&endpoint).unwrap();
                assert_eq!(next(&xpub.receiver()), subscribe("n"));
                let large = || Message::from(format!("n {}", "x".repeat(1 << 20)));
                let sender = xpub.sender();
                let mut full = false;
                while !full {
                    let patience = Duration::from_millis(200);
                    full = sender.send_timeout_blocking(large(), patience).is_err();
                }
                assert!(matches!(sender.try_send("n"), Err(TrySendError::Full(_))));
                let waiting = thread::spawn(move || {
                    for _ in 0..10 {
                        put(&sender, large());
                    }
                });
                match way {
                    0 => drop(sub),
                    1 => sub.unsubscribe("n").unwrap(),
                    _ => xpub
                        .configure(|options| options.xpub_no_drop(false))
                        .unwrap(),
                }
                waiting.join().unwrap();
            }
        }
    });
}
