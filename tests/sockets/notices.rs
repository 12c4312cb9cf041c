//! Messages of a socket's own: to each new peer, and about each lost one.

use crate::common;

use std::time::Duration;

use common::raw::Raw;
use common::{eventually, next, next_text, nothing_comes, put, text, within, Transport, LIMIT};
use zmq_channels::error::TrySendError;
use zmq_channels::{
    Context, ContextOptions, Dealer, Linger, Message, Options, Pair, Pull, Push, Rep, Req, Router,
};

fn quick() -> Options {
    Options::new().reconnect_interval(Some(Duration::from_millis(10)))
}

#[test]
fn both_ends_send_hello_first() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for late_bind in [false, true] {
                let (near, far) = transport.contexts();
                let polite = |words: [&str; 2]| quick().hello(words);
                let server = near
                    .socket_with::<Dealer>(polite(["from", "server"]))
                    .unwrap();
                let client = far
                    .socket_with::<Dealer>(polite(["from", "client"]))
                    .unwrap();
                put(&client.sender(), "first message");
                let endpoint = transport.endpoint();
                if late_bind {
                    client.connect(&endpoint).unwrap();
                    server.bind(&endpoint).unwrap();
                } else {
                    server.bind(&endpoint).unwrap();
                    client.connect(&endpoint).unwrap();
                }
                assert_eq!(next(&client.receiver()), Message::from(["from", "server"]));
                assert_eq!(next(&server.receiver()), Message::from(["from", "client"]));
                assert_eq!(next_text(&server.receiver()), "first message");
                nothing_comes(&client.receiver());
            }
        }
    });
}

#[test]
fn hello_is_sent_again_after_every_reconnect() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let push = near.socket_with::<Push>(quick().hello("hello")).unwrap();
            let endpoint = push.connect(transport.endpoint()).unwrap();
            for life in 1..=3 {
                let pull = far.socket::<Pull>().unwrap();
                pull.bind(&endpoint).unwrap();
                assert_eq!(next_text(&pull.receiver()), "hello");
                put(&push.sender(), "work");
                assert_eq!(next_text(&pull.receiver()), "work");
                eventually("what left is counted", || {
                    push.statistics().unwrap().messages_out == 2 * life
                });
                pull.close_blocking();
                eventually("the server is gone", || {
                    push.statistics().unwrap().peers.is_empty()
                });
            }
        }
    });
}

#[test]
fn hello_does_not_count_against_the_high_water_mark() {
    within(LIMIT, || {
        let context = Context::new();
        // No peer ever takes what is accepted in the end.
        let options = Options::new()
            .send_high_water_mark(2)
            .hello("hello")
            .linger(Linger::For(Duration::ZERO));
        let push = context.socket_with::<Push>(options).unwrap();
        let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
        for _ in 0..10 {
            let mut peer = Raw::peer(&endpoint, "PULL");
            assert_eq!(peer.read_frame(), (0, b"hello".to_vec()));
        }
        eventually("they are gone", || {
            push.statistics().unwrap().peers.is_empty()
        });
        assert_eq!(
            (push.sender().len(), push.sender().capacity()),
            (0, Some(2))
        );
        (0..2).for_each(|_| push.try_send("accepted").unwrap());
        assert!(matches!(
            push.try_send("one too many"),
            Err(TrySendError::Full(_))
        ));

        // A peer without room for a second message makes hello wait, not be lost.
        let small = Options::new().receive_high_water_mark(1);
        let pull = context.socket_with::<Pull>(small).unwrap();
        let endpoint = pull.bind("inproc://small").unwrap();
        let pushes: Vec<_> = (0..3)
            .map(|_| {
                let options = Options::new().hello("hello");
                let push = context.socket_with::<Push>(options).unwrap();
                push.connect(&endpoint).unwrap();
                push
            })
            .collect();
        (0..3).for_each(|_| assert_eq!(next_text(&pull.receiver()), "hello"));
        drop(pushes);
    });
}

#[test]
fn alternating_types_send_no_hello() {
    within(LIMIT, || {
        // A context gives it to all its sockets.
        let options = ContextOptions::new().socket_options(quick().hello("hello"));
        let context = Context::with_options(options).unwrap();
        let (req, rep) = (
            context.socket::<Req>().unwrap(),
            context.socket::<Rep>().unwrap(),
        );
        req.connect(rep.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        put(&req.sender(), "request");
        assert_eq!(next_text(&rep.receiver()), "request");
        put(&rep.sender(), "reply");
        assert_eq!(next_text(&req.receiver()), "reply");
        nothing_comes(&rep.receiver());
    });
}

#[test]
fn the_loss_of_an_accepted_peer_is_notified() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let told = || quick().disconnect_notice("gone").hiccup_notice("hiccup");
            let pull = near.socket_with::<Pull>(told()).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let push = far.socket::<Push>().unwrap();
            push.connect(&endpoint).unwrap();
            put(&push.sender(), "last words");
            push.close_blocking();
            assert_eq!(next_text(&pull.receiver()), "last words", "{transport:?}");
            assert_eq!(next_text(&pull.receiver()), "gone", "{transport:?}");

            let router = near.socket_with::<Router>(told()).unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let named = Options::new().routing_id("client");
            let dealer = far.socket_with::<Dealer>(named).unwrap();
            dealer.connect(&endpoint).unwrap();
            router.wait_connected_blocking(1).unwrap();
            dealer.close_blocking();
            assert_eq!(next(&router.receiver()), Message::from(["client", "gone"]));

            let pair = near.socket_with::<Pair>(told()).unwrap();
            let endpoint = pair.bind(transport.endpoint()).unwrap();
            for _ in 0..2 {
                let other = far.socket::<Pair>().unwrap();
                other.connect(&endpoint).unwrap();
                pair.wait_connected_blocking(1).unwrap();
                other.close_blocking();
                assert_eq!(next_text(&pair.receiver()), "gone");
            }
        }
    });
}

#[test]
fn the_loss_of_a_dialed_peer_is_notified() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let told = quick().disconnect_notice("gone").hiccup_notice("hiccup");
            let dealer = near.socket_with::<Dealer>(told).unwrap();
            let endpoint = dealer.connect(transport.endpoint()).unwrap();
            for _ in 0..2 {
                let server = far.socket::<Dealer>().unwrap();
                server.bind(&endpoint).unwrap();
                server.wait_connected_blocking(1).unwrap();
                put(&server.sender(), "last words");
                server.close_blocking();
                assert_eq!(next_text(&dealer.receiver()), "last words", "{transport:?}");
                assert_eq!(next_text(&dealer.receiver()), "hiccup", "{transport:?}");
            }
        }
    });
}

#[test]
fn a_notice_waits_for_room_and_is_not_lost() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let small = quick().high_water_marks(1).disconnect_notice("gone");
            let pull = near.socket_with::<Pull>(small).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for _ in 0..5 {
                let push = far.socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                put(&push.sender(), "work");
                push.wait_connected_blocking(1).unwrap();
                drop(push);
            }
            let mut came: Vec<_> = (0..10).map(|_| text(&next(&pull.receiver()))).collect();
            came.sort_unstable();
            assert_eq!(came[..5], ["gone"; 5], "{transport:?}");
            assert_eq!(came[5..], ["work"; 5], "{transport:?}");
        }
    });
}

#[test]
fn disconnects_by_the_user_and_failed_handshakes_cause_no_notice() {
    within(LIMIT, || {
        let context = Context::new();
        let told = || quick().disconnect_notice("gone").hiccup_notice("hiccup");
        let server = context.socket_with::<Dealer>(told()).unwrap();
        let client = context.socket_with::<Dealer>(told()).unwrap();
        let endpoint = server.bind("tcp://127.0.0.1:*").unwrap();
        Raw::connect(&endpoint).write(b"GET / HTTP/1.1\r\n\r\n");
        eventually("the stranger is gone", || {
            server.statistics().unwrap().handshakes_failed == 1
        });
        client.connect(&endpoint).unwrap();
        client.wait_connected_blocking(1).unwrap();
        server.wait_connected_blocking(1).unwrap();
        client.disconnect(&endpoint).unwrap();
        assert_eq!(next_text(&server.receiver()), "gone");
        nothing_comes(&client.receiver());
        nothing_comes(&server.receiver());
    });
}
