//! XPUB and XSUB: subscriptions that users see, make and decide on.

use crate::common;

use std::thread;
use std::time::Duration;

use common::raw::{self, Raw};
use common::{
    eventually, next, next_text, nothing_comes, put, wait_subscribed, within, Transport, LIMIT,
};
use zmq_channels::error::{Closed, SocketError, SubscribeError};
use zmq_channels::message::XPubEvent;
use zmq_channels::options::{ManualSubscriptions, Verbosity};
use zmq_channels::{
    Context, Message, Options, Overflow, Proxy, Pub, Receiver, Socket, SocketType, Sub, XPub, XSub,
};

/// An XPUB, and the endpoint it is bound to.
fn bound(transport: Transport, context: &Context, options: Options) -> (Socket<XPub>, String) {
    let xpub = context.socket_with::<XPub>(options).unwrap();
    let endpoint = xpub.bind(transport.endpoint()).unwrap();
    (xpub, endpoint.to_string())
}

fn subscribe(topic: impl AsRef<[u8]>) -> Message {
    Message::subscribe(topic)
}

fn cancel(topic: impl AsRef<[u8]>) -> Message {
    Message::cancel(topic)
}

/// A command as a frame, or a message of the same meaning, as ZMTP 3.0 has it.
fn raw_word(subscribes: bool, topic: &[u8], by_command: bool) -> Vec<u8> {
    match (subscribes, by_command) {
        (true, true) => raw::command("SUBSCRIBE", topic),
        (false, true) => raw::command("CANCEL", topic),
        (first, false) => raw::frame(0, &[&[u8::from(first)], topic].concat()),
    }
}

fn everything(options: Options) -> Options {
    options.xpub_verbosity(Verbosity::Everything)
}

// ---- what the user hears

#[test]
fn first_subscriptions_and_last_cancellations_are_delivered() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (xpub, endpoint) = bound(transport, &here, Options::new());
            let out = xpub.receiver();
            let subs = [(); 2].map(|()| there.socket::<Sub>().unwrap());
            for sub in &subs {
                sub.connect(&endpoint).unwrap();
            }
            subs[0].subscribe("a").unwrap();
            assert_eq!(next(&out), subscribe("a"));
            subs[1].subscribe("a").unwrap();
            subs[1].subscribe("b").unwrap();
            assert_eq!(next(&out), subscribe("b"), "{transport:?}: a is known");
            assert_eq!(xpub.topics(), Ok(2));
            subs[0].unsubscribe("a").unwrap();
            subs[0].subscribe("c").unwrap();
            assert_eq!(next(&out), subscribe("c"), "{transport:?}: a is still held");
            subs[1].unsubscribe("a").unwrap();
            assert_eq!(next(&out), cancel("a"));
            put(&xpub.sender(), ["b", "to one"]);
            assert_eq!(next(&subs[1].receiver()), ["b", "to one"].into());
            assert!(subs[0].receiver().is_empty());
        }
    });
}

#[test]
fn a_disconnect_cancels_subscriptions_no_other_peer_has() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for verbosity in [Verbosity::Changes, Verbosity::Everything] {
                let (here, there) = transport.contexts();
                let options = Options::new().xpub_verbosity(verbosity);
                let (xpub, endpoint) = bound(transport, &here, options);
                let out = xpub.receiver();
                let stays = there.socket::<Sub>().unwrap();
                stays.subscribe("shared").unwrap();
                stays.connect(&endpoint).unwrap();
                assert_eq!(next(&out), subscribe("shared"));
                let leaves = there.socket::<Sub>().unwrap();
                leaves.subscribe("own").unwrap();
                leaves.connect(&endpoint).unwrap();
                assert_eq!(next(&out), subscribe("own"));
                leaves.subscribe("shared").unwrap();
                if verbosity == Verbosity::Everything {
                    assert_eq!(next(&out), subscribe("shared"));
                }
                drop(leaves);
                let mut said = vec![next(&out)];
                if verbosity == Verbosity::Everything {
                    said.push(next(&out));
                    said.sort_by_key(|message| message[0].to_vec());
                    assert_eq!(said, [cancel("own"), cancel("shared")]);
                } else {
                    assert_eq!(said, [cancel("own")]);
                }
                put(&xpub.sender(), "shared is here");
                assert_eq!(next_text(&stays.receiver()), "shared is here");
                assert_eq!(xpub.topics(), Ok(1));
                assert!(out.is_empty(), "{transport:?} {verbosity:?}");
            }
        }
    });
}

#[test]
fn verbosity_can_be_changed_at_run_time() {
    within(LIMIT, || {
        let context = Context::new();
        let (xpub, endpoint) = bound(Transport::Tcp, &context, Options::new());
        let out = xpub.receiver();
        let connect = || {
            let xsub = context.socket::<XSub>().unwrap();
            xsub.connect(&endpoint).unwrap();
            xsub
        };
        let (one, two) = (connect(), connect());
        put(&one.sender(), subscribe("a"));
        assert_eq!(next(&out), subscribe("a"));

        let set = |verbosity| {
            let change = |options: Options| options.xpub_verbosity(verbosity);
            xpub.configure(change).unwrap();
        };
        set(Verbosity::Subscriptions);
        put(&two.sender(), subscribe("a"));
        assert_eq!(next(&out), subscribe("a"), "of another peer");
        put(&one.sender(), subscribe("a"));
        assert_eq!(next(&out), subscribe("a"), "once more of the same");
        put(&two.sender(), cancel("a"));
        put(&two.sender(), subscribe("end"));
        assert_eq!(next(&out), subscribe("end"), "not of the cancellation");

        set(Verbosity::Everything);
        put(&two.sender(), subscribe("a"));
        assert_eq!(next(&out), subscribe("a"));
        put(&two.sender(), cancel("a"));
        assert_eq!(next(&out), cancel("a"), "of each cancellation");
        set(Verbosity::Changes);
        put(&two.sender(), "\0never");
        put(&two.sender(), subscribe("a"));
        put(&two.sender(), cancel("end"));
        assert_eq!(next(&out), cancel("end"), "{:?}", out.try_recv());
        assert!(out.is_empty());
    });
}

#[test]
fn everything_includes_cancellations_without_a_subscription() {
    within(LIMIT, || {
        let verbose = || Options::new().xsub_verbose_unsubscribe(true);
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (xpub, endpoint) = bound(transport, &here, everything(Options::new()));
            // Directly, and through a proxy on the way.
            let back = here.socket_with::<XSub>(verbose()).unwrap();
            back.connect(&endpoint).unwrap();
            // A cancellation is told to the peers that are connected.
            back.wait_connected_blocking(1).unwrap();
            let (front, proxied) = bound(transport, &here, everything(Options::new()));
            let _proxy = Proxy::start(&front, &back).unwrap();
            let out = xpub.receiver();
            for endpoint in [endpoint, proxied] {
                let xsub = there.socket_with::<XSub>(verbose()).unwrap();
                xsub.connect(&endpoint).unwrap();
                xsub.wait_connected_blocking(1).unwrap();
                for words in [
                    [cancel("a"), subscribe("a"), subscribe("a")],
                    [cancel("a"), cancel("a"), cancel("never")],
                    [subscribe("b"), cancel("b"), cancel("b")],
                ] {
                    for word in words {
                        put(&xsub.sender(), word.clone());
                        assert_eq!(next(&out), word, "{transport:?}");
                    }
                }
                assert_eq!(xpub.topics(), Ok(0));
            }
        }
    });
}

#[test]
fn both_forms_and_topics_of_every_length_are_accepted() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let context = Context::new();
            let xpub = context
                .socket_with::<XPub>(everything(Options::new()))
                .unwrap();
            let endpoint = xpub.bind(transport.endpoint()).unwrap();
            let mut peer = Raw::peer(&endpoint, "SUB");
            let out = xpub.receiver();
            let mut topics: Vec<Vec<u8>> = [0, 1, 2, 244, 245, 246, 247, 254, 255, 256, 65536]
                .map(|length| vec![b't'; length])
                .into();
            topics.extend([
                vec![0],
                vec![1, 0, 255],
                (0..=255).collect(),
                b"x y, z".to_vec(),
            ]);
            for by_command in [true, false] {
                for topic in &topics {
                    peer.write(&raw_word(true, topic, by_command));
                    assert!(next(&out) == subscribe(topic), "{topic:?}");
                    let body = [topic, &b"!"[..]].concat();
                    put(&xpub.sender(), body.clone());
                    assert!(peer.read_frame() == (0, body), "{topic:?}");
                    peer.write(&raw_word(false, topic, by_command));
                    assert!(next(&out) == cancel(topic), "{topic:?}");
                }
            }
            assert_eq!(xpub.topics(), Ok(0));
        }
    });
}

#[test]
fn other_messages_of_peers_are_delivered_unchanged() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (xpub, endpoint) = bound(transport, &here, Options::new());
            let xsub = there.socket::<XSub>().unwrap();
            xsub.connect(&endpoint).unwrap();
            put(&xsub.sender(), subscribe(""));
            let out = xpub.receiver();
            assert_eq!(next(&out), subscribe(""));
            let shapes: [Message; 5] = [
                "hello".into(),
                "".into(),
                [2_u8, 0].into(),
                ["a", "", "c"].into(),
                vec![vec![7_u8; 300]; 3].into(),
            ];
            for shape in shapes {
                put(&xsub.sender(), shape.clone());
                let message = next(&out);
                assert_eq!(message, shape, "{transport:?}");
                assert_eq!(XPubEvent::from(&message), XPubEvent::User(shape));
            }
            // What a publisher sends is not for itself.
            put(&xpub.sender(), "down");
            assert_eq!(next_text(&xsub.receiver()), "down");
            assert!(out.is_empty());
        }
    });
}

#[test]
fn a_publisher_ignores_messages_of_subscribers() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = here.socket::<Pub>().unwrap();
            let xsub = there.socket::<XSub>().unwrap();
            xsub.connect(publisher.bind(transport.endpoint()).unwrap())
                .unwrap();
            put(&xsub.sender(), subscribe("a"));
            wait_subscribed(&publisher.sender(), &xsub.receiver(), "a");
            for message in ["hello".into(), Message::from(["a", "b"])] {
                put(&xsub.sender(), message);
            }
            put(&publisher.sender(), "a: still here");
            assert_eq!(next_text(&xsub.receiver()), "a: still here");
        }
    });
}

#[test]
fn subscriptions_among_the_frames_of_a_message_are_delivered() {
    within(LIMIT, || {
        for only_first in [false, true] {
            let context = Context::new();
            let options = Options::new().only_first_subscribe(only_first);
            let (xpub, endpoint) = bound(Transport::Tcp, &context, options.clone());
            let out = xpub.receiver();
            let mut peer = Raw::peer(&endpoint.parse().unwrap(), "XSUB");
            let messages: [&[&str]; 4] = [
                &["\x01a", "x", "\x01b"],
                &["x", "\x01c", "y"],
                &["\x01d", "\x01e"],
                &["\x01f"],
            ];
            for frames in messages {
                peer.write(&raw::multipart(frames));
            }
            let expected: Vec<Message> = if only_first {
                vec![
                    subscribe("a"),
                    ["x", "\x01b"].into(),
                    ["x", "\x01c", "y"].into(),
                    subscribe("d"),
                    "\x01e".into(),
                    subscribe("f"),
                ]
            } else {
                vec![
                    subscribe("a"),
                    subscribe("b"),
                    "x".into(),
                    subscribe("c"),
                    ["x", "y"].into(),
                    subscribe("d"),
                    subscribe("e"),
                    subscribe("f"),
                ]
            };
            for message in expected {
                assert_eq!(next(&out), message, "only first: {only_first}");
            }
            assert_eq!(xpub.topics(), Ok(if only_first { 3 } else { 6 }));
        }
    });
}

#[test]
fn an_xsub_finds_subscriptions_among_the_frames_too() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for only_first in [false, true] {
                let (here, there) = transport.contexts();
                let options = Options::new().only_first_subscribe(only_first);
                let (xpub, endpoint) = bound(transport, &here, options.clone());
                let xsub = there.socket_with::<XSub>(options).unwrap();
                xsub.connect(endpoint).unwrap();
                put(&xsub.sender(), subscribe("start"));
                let out = xpub.receiver();
                assert_eq!(next(&out), subscribe("start"));
                put(&xsub.sender(), ["\x01a", "x", "\x01b"]);
                put(&xsub.sender(), ["x", "\x01c"]);
                // Over inproc, words overtake messages: these are the last to come.
                put(&xsub.sender(), "end");
                let mut heard = vec![next(&out)];
                while heard.last() != Some(&"end".into()) {
                    heard.push(next(&out));
                }
                let has = |message: Message| heard.contains(&message);
                assert!(has(subscribe("a")));
                assert_eq!(has(subscribe("b")), !only_first);
                assert_eq!(has(["x", "\x01b"].into()), only_first);
                assert_eq!(has(["x", "\x01c"].into()), only_first);
                assert_eq!(xsub.topics(), Ok(if only_first { 2 } else { 4 }));
            }
        }
    });
}

#[test]
fn an_xsub_with_verbose_unsubscribe_sends_every_cancellation() {
    within(LIMIT, || {
        for verbose in [false, true] {
            let context = Context::new();
            let manual = Options::new().xpub_manual(ManualSubscriptions::On);
            let (xpub, endpoint) = bound(Transport::Tcp, &context, manual);
            let options = Options::new().xsub_verbose_unsubscribe(verbose);
            let xsub = context.socket_with::<XSub>(options).unwrap();
            xsub.connect(endpoint).unwrap();
            let out = xpub.receiver();
            put(&xsub.sender(), subscribe("start"));
            assert_eq!(next(&out), subscribe("start"));
            for message in [subscribe("a"), subscribe("a"), cancel("a"), cancel("never")] {
                put(&xsub.sender(), message);
            }
            put(&xsub.sender(), subscribe("end"));
            let mut expected = vec![subscribe("a"), subscribe("a")];
            if verbose {
                expected.extend([cancel("a"), cancel("never")]);
            }
            expected.push(subscribe("end"));
            for message in expected {
                assert_eq!(next(&out), message, "verbose: {verbose}");
            }
        }
    });
}

// ---- what the user decides

#[test]
fn in_manual_mode_the_user_decides_about_subscriptions() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_manual(ManualSubscriptions::On);
            let (xpub, endpoint) = bound(transport, &here, options);
            let out = xpub.receiver();
            let subs = [(); 2].map(|()| there.socket::<Sub>().unwrap());
            let asked = [0, 1].map(|number: usize| {
                subs[number].connect(&endpoint).unwrap();
                // What a SUB did not ask for it does not let in.
                subs[number].subscribe("").unwrap();
                let message = next(&out);
                assert_eq!(message, subscribe(""));
                message
            });
            put(
                &xpub.sender(),
                "not asked for, as far as the user is concerned",
            );
            assert_eq!(xpub.topics(), Ok(0));
            // Out of order, by message; and the last one by its being the last.
            xpub.accept(&asked[0], "A").unwrap();
            xpub.subscribe("B").unwrap();
            put(&xpub.sender(), ["A", "first"]);
            put(&xpub.sender(), ["B", "second"]);
            assert_eq!(next(&subs[0].receiver()), ["A", "first"].into());
            assert_eq!(next(&subs[1].receiver()), ["B", "second"].into());
            xpub.revoke(&asked[0], "A").unwrap();
            xpub.unsubscribe("B").unwrap();
            xpub.accept(&asked[0], "C").unwrap();
            xpub.accept(&asked[1], "C").unwrap();
            put(&xpub.sender(), ["A", "no more"]);
            put(&xpub.sender(), ["B", "no more"]);
            put(&xpub.sender(), ["C", "both"]);
            for sub in &subs {
                assert_eq!(next(&sub.receiver()), ["C", "both"].into(), "{transport:?}");
            }
            // Cancelling something is telling the user, no more.
            subs[0].unsubscribe("").unwrap();
            assert_eq!(next(&out), cancel(""));
            assert_eq!(xpub.topics(), Ok(1));
        }
    });
}

#[test]
fn in_manual_mode_a_disconnect_cancels_all_it_asked_for() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_manual(ManualSubscriptions::On);
            let (xpub, endpoint) = bound(transport, &here, options);
            let out = xpub.receiver();
            let stays = there.socket::<Sub>().unwrap();
            stays.connect(&endpoint).unwrap();
            stays.subscribe("a").unwrap();
            assert_eq!(next(&out), subscribe("a"));
            let leaves = there.socket::<Sub>().unwrap();
            leaves.connect(&endpoint).unwrap();
            leaves.subscribe("a").unwrap();
            let first = next(&out);
            xpub.subscribe("given instead").unwrap();
            assert_eq!(xpub.topics(), Ok(1));
            leaves.subscribe("b").unwrap();
            assert_eq!(next(&out), subscribe("b"));
            drop(leaves);
            let mut said = [next(&out), next(&out)];
            said.sort_by_key(|message| message[0].to_vec());
            assert_eq!(said, [cancel("a"), cancel("b")], "{transport:?}");
            assert_eq!(xpub.topics(), Ok(0));
            // It is gone: whatever is decided for it does nothing.
            xpub.subscribe("x").unwrap();
            xpub.accept(&first, "x").unwrap();
            xpub.unsubscribe("x").unwrap();
            assert_eq!(xpub.topics(), Ok(0));
            // And a newcomer in its place is another peer.
            let comes = there.socket::<Sub>().unwrap();
            comes.connect(&endpoint).unwrap();
            comes.subscribe("c").unwrap();
            assert_eq!(next(&out), subscribe("c"));
            xpub.accept(&first, "x").unwrap();
            assert_eq!(xpub.topics(), Ok(0));
            xpub.accept(&said[0], "x").unwrap();
            assert_eq!(xpub.topics(), Ok(0));
        }
    });
}

#[test]
fn invalid_decisions_are_errors() {
    within(LIMIT, || {
        let context = Context::new();
        let (xpub, endpoint) = bound(Transport::Inproc, &context, Options::new());
        assert_eq!(xpub.subscribe("a"), Err(SubscribeError::NotManual));
        xpub.configure(|options| options.xpub_manual(ManualSubscriptions::On))
            .unwrap();
        assert_eq!(xpub.subscribe("a"), Err(SubscribeError::NoPeer));
        let made_up = Message::subscribe("a");
        assert_eq!(xpub.accept(&made_up, "a"), Err(SubscribeError::NoPeer));
        assert_eq!(xpub.revoke(&made_up, "a"), Err(SubscribeError::NoPeer));
        // A peer may be decided on because of anything it says.
        let xsub = context.socket::<XSub>().unwrap();
        xsub.connect(endpoint).unwrap();
        put(&xsub.sender(), "please");
        assert_eq!(next_text(&xpub.receiver()), "please");
        xpub.subscribe("").unwrap();
        put(&xpub.sender(), "here you are");
        assert_eq!(next_text(&xsub.receiver()), "here you are");
        // The same where the type was chosen at run time.
        let any = |kind, options| context.socket_of(kind, options).unwrap();
        let manual = Options::new().xpub_manual(ManualSubscriptions::On);
        let chosen = any(SocketType::XPub, manual);
        assert_eq!(chosen.subscribe("a"), Err(SubscribeError::NoPeer));
        let push = any(SocketType::Push, Options::new());
        assert_eq!(push.subscribe("a"), Err(SubscribeError::Unsupported));
        xpub.close_blocking();
        assert_eq!(
            xpub.subscribe("a"),
            Err(SubscribeError::Closed(Closed::Socket))
        );
    });
}

#[test]
fn last_value_mode_sends_to_the_subscriber_first() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_manual(ManualSubscriptions::LastValue);
            let (xpub, endpoint) = bound(transport, &here, options);
            let out = xpub.receiver();
            let subs = [(); 2].map(|()| there.socket::<Sub>().unwrap());
            for (number, sub) in subs.iter().enumerate() {
                sub.connect(&endpoint).unwrap();
                sub.subscribe("A").unwrap();
                assert_eq!(next(&out), subscribe("A"));
                xpub.subscribe("A").unwrap();
                put(&xpub.sender(), format!("A: the last value for {number}"));
            }
            put(&xpub.sender(), "A: news");
            for (number, sub) in subs.iter().enumerate() {
                let last_value = format!("A: the last value for {number}");
                assert_eq!(next_text(&sub.receiver()), last_value, "{transport:?}");
                assert_eq!(next_text(&sub.receiver()), "A: news");
            }
        }
    });
}

// ---- what the publisher's options change

#[test]
fn new_peers_receive_a_welcome_they_subscribed_to() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().xpub_welcome("welcome");
            let (xpub, endpoint) = bound(transport, &here, options);
            let sub = |topic: &str| {
                let sub = there.socket::<Sub>().unwrap();
                sub.subscribe(topic).unwrap();
                sub.connect(&endpoint).unwrap();
                sub
            };
            let (curious, other) = (sub("wel"), sub("other"));
            assert_eq!(next_text(&curious.receiver()), "welcome", "{transport:?}");
            let words = [next(&xpub.receiver()), next(&xpub.receiver())];
            assert!(words.contains(&subscribe("other")));
            put(&xpub.sender(), "other news");
            assert_eq!(next_text(&other.receiver()), "other news");
            xpub.configure(Options::without_xpub_welcome).unwrap();
            let late = sub("wel");
            put(&xpub.sender(), "well");
            assert_eq!(next_text(&curious.receiver()), "well");
            drop((late, other));
        }
    });
}

#[test]
fn inverted_matching_sends_unmatched_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().invert_matching(true);
            let publisher = here.socket_with::<XPub>(options.clone()).unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            let subs = ["a", "b"].map(|topic| {
                let sub = there.socket_with::<Sub>(options.clone()).unwrap();
                sub.subscribe(topic).unwrap();
                sub.connect(&endpoint).unwrap();
                next(&publisher.receiver());
                sub
            });
            for message in ["a1", "b2", "c3"] {
                put(&publisher.sender(), message);
            }
            for (sub, expected) in subs.iter().zip([["b2", "c3"], ["a1", "c3"]]) {
                for message in expected {
                    assert_eq!(next_text(&sub.receiver()), message, "{transport:?}");
                }
                assert!(sub.receiver().is_empty());
            }
        }
    });
}

#[test]
fn conflation_keeps_the_newest_in_either_direction() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = here.socket::<Pub>().unwrap();
            let options = Options::new().receive_overflow(Overflow::Latest);
            let sub = there.socket_with::<Sub>(options).unwrap();
            let witness = there.socket::<Sub>().unwrap();
            let endpoint = publisher.bind(transport.endpoint()).unwrap();
            for sub in [&sub, &witness] {
                sub.subscribe("").unwrap();
                sub.connect(&endpoint).unwrap();
            }
            publisher.wait_subscribed_blocking(2).unwrap();
            for number in 0..20 {
                put(&publisher.sender(), number.to_string());
            }
            while next(&witness.receiver()) != "19".into() {}
            eventually("the newest is there", || sub.receiver().dropped() == 19);
            assert_eq!(next_text(&sub.receiver()), "19", "{transport:?}");
            assert!(sub.receiver().is_empty());
        }
        // Outwards: what waits for the peer is replaced.
        let context = Context::new();
        let options = Options::new()
            .send_overflow(Overflow::Latest)
            .xpub_no_drop(true)
            .send_high_water_mark(1);
        let publisher = context.socket_with::<Pub>(options).unwrap();
        let options = Options::new().receive_high_water_mark(1);
        let sub = context.socket_with::<Sub>(options).unwrap();
        sub.subscribe("").unwrap();
        sub.connect(publisher.bind(Transport::Inproc.endpoint()).unwrap())
            .unwrap();
        eventually("subscribed", || publisher.topics() == Ok(1));
        for number in 0..20 {
            publisher.try_send(number.to_string()).unwrap();
        }
        let mut heard = vec![next_text(&sub.receiver())];
        while heard.last().unwrap() != "19" {
            heard.push(next_text(&sub.receiver()));
        }
        assert!(heard.len() < 20, "{heard:?}");
        assert!(sub.receiver().is_empty());
    });
}

#[test]
fn topics_are_counted_at_both_ends() {
    within(LIMIT, || {
        let context = Context::new();
        let publisher = context.socket::<Pub>().unwrap();
        let sub = context.socket::<Sub>().unwrap();
        let xsub = context.socket::<XSub>().unwrap();
        let endpoint = publisher.bind("inproc://topics").unwrap();
        for topic in ["a", "ab", "ab", "b"] {
            sub.subscribe(topic).unwrap();
        }
        xsub.subscribe("c").unwrap();
        put(&xsub.sender(), subscribe("a"));
        eventually("two", || xsub.topics() == Ok(2));
        assert_eq!(sub.topics(), Ok(3));
        sub.unsubscribe("ab").unwrap();
        assert_eq!(sub.topics(), Ok(3));
        sub.unsubscribe("ab").unwrap();
        assert_eq!(sub.topics(), Ok(2));
        sub.connect(&endpoint).unwrap();
        xsub.connect(&endpoint).unwrap();
        eventually("a, b, c", || publisher.topics() == Ok(3));
        drop(xsub);
        eventually("a, b", || publisher.topics() == Ok(2));
        drop(sub);
        eventually("none", || publisher.topics() == Ok(0));
        let push = context.socket_of(SocketType::Push, Options::new());
        assert_eq!(push.unwrap().topics(), Err(SubscribeError::Unsupported));
    });
}

// ---- many

#[test]
fn a_bridge_serves_a_hundred_subscribers_of_twenty_publishers() {
    within(LIMIT, || {
        within(Duration::from_secs(1), || {
            let context = Context::new();
            let front = context.socket::<XSub>().unwrap();
            let back = context.socket::<XPub>().unwrap();
            let inlet = front.bind("inproc://bridge-front").unwrap();
            let outlet = back.bind("inproc://bridge-back").unwrap();
            let carry = |from: Receiver, to: zmq_channels::Sender| {
                thread::spawn(move || {
                    while let Ok(message) = from.recv_blocking() {
                        if to.send_blocking(message).is_err() {
                            break;
                        }
                    }
                })
            };
            let carriers = [
                carry(front.receiver(), back.sender()),
                carry(back.receiver(), front.sender()),
            ];
            let publishers: Vec<Socket<Pub>> = (0..20)
                .map(|_| {
                    let publisher = context.socket::<Pub>().unwrap();
                    publisher.connect(&inlet).unwrap();
                    publisher
                })
                .collect();
            let subs: Vec<Socket<Sub>> = (0..100)
                .map(|number| {
                    let sub = context.socket::<Sub>().unwrap();
                    sub.subscribe(format!("topic {number:02}")).unwrap();
                    sub.connect(&outlet).unwrap();
                    sub
                })
                .collect();
            for publisher in &publishers {
                eventually("all topics", || publisher.topics() == Ok(100));
            }
            for number in 0..100 {
                let publisher = publishers[number % 20].sender();
                put(&publisher, [format!("topic {number:02}"), "news".into()]);
            }
            for (number, sub) in subs.iter().enumerate() {
                let expected = Message::from([format!("topic {number:02}"), "news".into()]);
                assert_eq!(next(&sub.receiver()), expected);
            }
            for sub in &subs {
                assert!(sub.receiver().is_empty());
            }
            drop((front, back, publishers, subs));
            context.shutdown();
            for carrier in carriers {
                carrier.join().unwrap();
            }
        });
    });
}

#[test]
fn a_late_subscriber_receives_later_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (xpub, endpoint) = bound(transport, &here, Options::new());
            let sub = there.socket::<Sub>().unwrap();
            sub.subscribe("n").unwrap();
            put(&xpub.sender(), "n too early");
            sub.connect(&endpoint).unwrap();
            assert_eq!(next(&xpub.receiver()), subscribe("n"));
            put(&xpub.sender(), "n in time");
            assert_eq!(next_text(&sub.receiver()), "n in time", "{transport:?}");
        }
    });
}

#[test]
fn a_flood_of_subscriptions_ends_its_own_connection_only() {
    within(3 * LIMIT, || {
        let context = Context::new();
        let options = Options::new().receive_overflow(Overflow::DropOldest);
        let (xpub, endpoint) = bound(Transport::Tcp, &context, options);
        let sub = context.socket::<Sub>().unwrap();
        sub.subscribe("n").unwrap();
        sub.connect(&endpoint).unwrap();
        eventually("subscribed", || xpub.topics() == Ok(1));
        let mut hostile = Raw::peer(&endpoint.parse().unwrap(), "SUB");
        for first in 0..=4_u32 {
            let flood: Vec<u8> = (0..1 << 16)
                .flat_map(|number: u32| {
                    let topic = (first << 16 | number).to_be_bytes();
                    raw_word(true, &topic, number % 2 == 0)
                })
                .collect();
            hostile.write_anyway(&flood);
        }
        assert!(hostile.is_closed_within(LIMIT));
        eventually("its topics are gone", || xpub.topics() == Ok(1));
        put(&xpub.sender(), "n still here");
        assert_eq!(next_text(&sub.receiver()), "n still here");
    });
}

#[test]
fn an_unread_xpub_reads_no_subscriptions_and_still_publishes() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().receive_high_water_mark(3);
        let (xpub, endpoint) = bound(Transport::Tcp, &context, options);
        let sub = context.socket::<Sub>().unwrap();
        for topic in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            sub.subscribe(topic).unwrap();
        }
        sub.connect(&endpoint).unwrap();
        eventually("full", || xpub.receiver().len() == 3);
        put(&xpub.sender(), "a word");
        put(&xpub.sender(), "b word");
        put(&xpub.sender(), "c word");
        assert!(next_text(&sub.receiver()).ends_with(" word"));
        // As it is read, the rest is heard, and nothing is lost.
        let out = xpub.receiver();
        let mut heard: Vec<Message> = (0..8).map(|_| next(&out)).collect();
        heard.sort_by_key(|message| message[0].to_vec());
        let expected = ["a", "b", "c", "d", "e", "f", "g", "h"].map(subscribe);
        assert_eq!(heard, expected);
        assert_eq!(xpub.topics(), Ok(8));
        nothing_comes(&out);
    });
}

#[test]
fn messages_of_an_xsub_are_limited_one_by_one() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (here, there) = transport.contexts();
            let options = Options::new().max_message_size(Some(1000));
            let (xpub, endpoint) = bound(transport, &here, options);
            let xsub = there.socket::<XSub>().unwrap();
            xsub.connect(&endpoint).unwrap();
            xsub.wait_connected_blocking(1).unwrap();
            for number in 2..6 {
                put(&xsub.sender(), vec![number; 600]);
                assert_eq!(next(&xpub.receiver())[0], vec![number; 600]);
            }
        }
    });
}

#[test]
fn a_welcome_without_frames_is_refused() {
    let options = Options::new().xpub_welcome(Message::new());
    let refused = Context::new().socket_with::<XPub>(options).unwrap_err();
    assert!(matches!(
        refused,
        SocketError::Option {
            option: "xpub_welcome",
            ..
        }
    ));
}
