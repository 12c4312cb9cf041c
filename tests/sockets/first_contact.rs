//! What people write before they have read much: it compiles and does what it looks like.

use crate::common;

use std::sync::mpsc;
use std::thread;

use common::{eventually, next, within, LIMIT, PATIENCE};
use futures::executor::block_on;
use zmq_channels::error::{Closed, Refusal, SendError, SubscribeError, TryRecvError, TrySendError};
use zmq_channels::message::FromMessageError;
use zmq_channels::socket::KindError;
use zmq_channels::{
    Any, Context, Dealer, Dish, Endpoint, Frame, Message, Options, Pair, Pub, Pull, Push, Radio,
    Rep, Req, Router, RoutingId, Socket, SocketType, Sub, XPub,
};

fn pair(context: &Context, name: &str) -> (Socket<Push>, Socket<Pull>) {
    let (push, pull) = (context.socket().unwrap(), context.socket::<Pull>().unwrap());
    push.connect(pull.bind(format!("inproc://{name}")).unwrap())
        .unwrap();
    (push, pull)
}

#[test]
fn frames_of_different_types_are_one_message() {
    within(LIMIT, || {
        let (push, pull) = pair(&Context::new(), "mixed");
        push.send_blocking(["a", "b"]).unwrap();
        push.send_blocking(("a", vec![1u8], b"x")).unwrap();
        block_on(push.send(("a", 7u8.to_be_bytes(), String::from("c")))).unwrap();
        let mut message = Message::new();
        message.push("a");
        message.push(vec![9u8; 100]);
        push.try_send(message).unwrap();

        let out = pull.receiver();
        assert_eq!(next(&out), ["a", "b"].into());
        assert_eq!(next(&out), [&b"a"[..], &[1], b"x"].into_iter().collect());
        assert_eq!(next(&out), [&b"a"[..], &[7], b"c"].into_iter().collect());
        assert_eq!(next(&out)[1], [9; 100]);
    });
}

#[test]
fn a_frame_and_a_message_read_as_text_and_bytes() {
    within(LIMIT, || {
        let (push, pull) = pair(&Context::new(), "text");
        push.send_blocking(("weather", [0xFF, 0])).unwrap();
        let message = next(&pull.receiver());
        assert_eq!(message[0].as_str(), Some("weather"));
        assert_eq!(message[1].as_str(), None);
        assert_eq!(format!("{}: {}", message[0], message.len()), "weather: 2");
        let error = String::try_from(message.clone()).unwrap_err();
        assert_eq!(error, FromMessageError::FrameCount(message.clone()));

        for frame in message {
            push.send_blocking(frame).unwrap();
        }
        assert_eq!(String::try_from(next(&pull.receiver())).unwrap(), "weather");
        assert_eq!(Vec::try_from(next(&pull.receiver())).unwrap(), [0xFF, 0]);
    });
}

#[test]
fn a_loop_over_a_socket_takes_each_message_and_ends_with_the_socket() {
    within(LIMIT, || {
        let (push, pull) = pair(&Context::new(), "loop");
        let (report, taken) = mpsc::channel();
        let closer = pull.clone();
        let worker = thread::spawn(move || {
            for message in &pull {
                report.send(message.to_string()).unwrap();
            }
        });
        for task in ["one", "two", "three"] {
            push.send_blocking(task).unwrap();
            assert_eq!(taken.recv_timeout(PATIENCE).as_deref(), Ok(task));
        }
        assert!(!worker.is_finished(), "it waits for the next");
        closer.close_blocking();
        worker.join().unwrap();
    });
}

#[test]
fn send_to_accepts_the_name_of_a_peer() {
    within(LIMIT, || {
        let context = Context::new();
        let router = context
            .socket_with::<Router>(Options::new().router_mandatory(true))
            .unwrap();
        let dealer = context
            .socket_with::<Dealer>(Options::new().routing_id("anna"))
            .unwrap();
        dealer
            .connect(router.bind("inproc://names").unwrap())
            .unwrap();
        router.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
        assert!(router.has_peer("anna") && !router.has_peer("bert"));
        router.send_to_blocking("anna", "one").unwrap();
        router.try_send_to(b"anna", ("two", [2])).unwrap();
        block_on(router.send_to(RoutingId::new("anna").unwrap(), "three")).unwrap();
        let received = [(); 3].map(|()| next(&dealer.receiver()));
        assert_eq!(
            received,
            ["one".into(), ("two", [2]).into(), "three".into()]
        );
        for unknown in ["bert", ""] {
            let refused = router.try_send_to(unknown, "x");
            let whole = Message::from([unknown, "x"]);
            assert_eq!(
                refused,
                Err(TrySendError::Refused(Refusal::Unroutable, whole))
            );
        }
    });
}

#[test]
fn the_bound_endpoint_has_the_port() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = (
            context.socket::<Push>().unwrap(),
            context.socket::<Pull>().unwrap(),
        );
        let bound: Endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let port = bound.port().unwrap();
        assert!(port > 0 && bound.host() == Some("127.0.0.1"));
        push.connect(format!("tcp://localhost:{port}")).unwrap();
        push.send_blocking("found").unwrap();
        assert_eq!(next(&pull.receiver()), "found".into());
    });
}

#[test]
fn sockets_of_all_types_live_in_one_vector() {
    within(LIMIT, || {
        let context = Context::new();
        let names = SocketType::ALL.map(|kind| kind.to_string().to_lowercase());
        let mut sockets: Vec<Socket<Any>> = names
            .iter()
            .map(|name| {
                context
                    .socket_of(name.parse().unwrap(), Options::new())
                    .unwrap()
            })
            .collect();
        sockets.push(context.socket::<Push>().unwrap().into());
        sockets.push(context.socket::<Pull>().unwrap().into_any());

        for socket in &sockets {
            let kind = socket.socket_type();
            // A socket without a peer has neither room nor messages, or says that it has no such call.
            match socket.try_send("x") {
                Err(KindError::Unsupported(said, message)) => {
                    assert!(!kind.sends(), "{kind}");
                    assert_eq!((said, message), (kind, "x".into()));
                }
                _ => assert!(kind.sends(), "{kind}"),
            }
            match socket.try_recv() {
                Err(KindError::Unsupported(said, ())) => {
                    assert!(said == kind && !kind.receives(), "{kind}");
                }
                other => {
                    assert!(kind.receives(), "{kind}");
                    assert_eq!(other, Err(KindError::Call(TryRecvError::Empty)), "{kind}");
                }
            }
            let addresses = matches!(
                kind,
                SocketType::Router | SocketType::Server | SocketType::Peer | SocketType::Stream
            );
            let sent = socket.try_send_to("unknown", "x");
            let unsupported = KindError::Unsupported(kind, ["unknown", "x"].into());
            assert_eq!(sent == Err(unsupported), !addresses, "{kind}");
            assert_eq!(socket.requests().is_some(), kind == SocketType::Rep);
            let accepted = socket.accept(&Message::subscribe("a"), "a");
            let revoked = socket.revoke(&Message::subscribe("a"), "a");
            let no_xpub = kind != SocketType::XPub;
            assert_eq!(
                accepted == Err(SubscribeError::Unsupported),
                no_xpub,
                "{kind}"
            );
            assert_eq!(
                revoked == Err(SubscribeError::Unsupported),
                no_xpub,
                "{kind}"
            );
            let wait = std::time::Duration::from_millis(1);
            let asked = socket.request_timeout_blocking("x", wait).unwrap_err();
            let unsupported = KindError::Unsupported(kind, "x".into());
            assert_eq!(asked == unsupported, kind != SocketType::Req, "{kind}");
        }
    });
}

#[test]
fn a_socket_of_any_type_does_what_its_own_type_does() {
    within(LIMIT, || {
        let context = Context::new();
        let any = |kind: &str| {
            context
                .socket_of(kind.parse().unwrap(), Options::new())
                .unwrap()
        };
        let connected = |from: &Socket<Any>, to: &Socket<Any>, name: &str| {
            from.connect(to.bind(format!("inproc://any-{name}")).unwrap())
                .unwrap();
            from.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
        };

        let (push, pull) = (any("Push"), any("Pull"));
        connected(&push, &pull, "tasks");
        push.send_blocking("one").unwrap();
        push.send_timeout_blocking("two", PATIENCE).unwrap();
        block_on(push.send("three")).unwrap();
        block_on(push.send_timeout("four", PATIENCE)).unwrap();
        assert_eq!(pull.recv_blocking().unwrap(), "one".into());
        assert_eq!(pull.recv_timeout_blocking(PATIENCE).unwrap(), "two".into());
        assert_eq!(block_on(pull.recv()).unwrap(), "three".into());
        assert_eq!(
            block_on(pull.recv_timeout(PATIENCE)).unwrap(),
            "four".into()
        );

        let (req, rep) = (any("REQ"), any("REP"));
        connected(&req, &rep, "requests");
        let requests = rep.requests().unwrap();
        let server = thread::spawn(move || {
            for request in requests.iter().take(4) {
                let body = request.message.clone();
                request.reply(body).unwrap();
            }
        });
        assert_eq!(req.request_blocking("a").unwrap(), "a".into());
        assert_eq!(
            req.request_timeout_blocking("b", PATIENCE).unwrap(),
            "b".into()
        );
        assert_eq!(block_on(req.request("c")).unwrap(), "c".into());
        assert_eq!(
            block_on(req.request_timeout("d", PATIENCE)).unwrap(),
            "d".into()
        );
        server.join().unwrap();

        let (router, dealer) = (any("router"), any("dealer"));
        connected(&dealer, &router, "names");
        dealer.send_blocking("hello").unwrap();
        let mut hello = router.recv_blocking().unwrap();
        let id = hello.take_sender().unwrap();
        router.send_to_blocking(&id, "one").unwrap();
        router.try_send_to(&id, "two").unwrap();
        block_on(router.send_to(&id, "three")).unwrap();
        let received = [(); 3].map(|()| next(&dealer.receiver().unwrap()));
        assert_eq!(received, ["one".into(), "two".into(), "three".into()]);

        let closed = any("push");
        closed.close_blocking();
        let error = closed.send_blocking(("a", "b")).unwrap_err();
        let back = Message::from(["a", "b"]);
        assert_eq!(
            error,
            KindError::Call(SendError::Closed(Closed::Socket, back.clone()))
        );
        assert_eq!(error.into_inner(), back);
        assert_eq!(
            pull.send_blocking(("a", "b")).unwrap_err().into_inner(),
            back
        );
    });
}

#[test]
fn subscriptions_are_decided_on_a_socket_of_any_type() {
    within(LIMIT, || {
        let context = Context::new();
        let manual = Options::new().xpub_manual(zmq_channels::options::ManualSubscriptions::On);
        let xpub: Socket<Any> = context.socket_with::<XPub>(manual).unwrap().into();
        let sub = context.socket::<Sub>().unwrap();
        sub.connect(xpub.bind("inproc://decided").unwrap()).unwrap();
        sub.subscribe("a").unwrap();
        let asked = xpub.recv_timeout_blocking(PATIENCE).unwrap();
        xpub.accept(&asked, "a").unwrap();
        xpub.send_blocking("a1").unwrap();
        assert_eq!(next(&sub.receiver()), "a1".into());
        xpub.revoke(&asked, "a").unwrap();
        eventually("no peer is left", || xpub.topics() == Ok(0));

        let (radio, dish) = (
            context.socket::<Radio>().unwrap(),
            context.socket::<Dish>().unwrap(),
        );
        let (radio, dish) = (radio.into_any(), dish.into_any());
        dish.join("group").unwrap();
        dish.connect(radio.bind("inproc://groups").unwrap())
            .unwrap();
        radio.wait_subscribed_timeout_blocking(1, PATIENCE).unwrap();
        radio.send_blocking(("group", "body")).unwrap();
        assert_eq!(dish.recv_timeout_blocking(PATIENCE).unwrap()[1], "body");
    });
}

#[test]
fn a_socket_converts_to_any_and_back() {
    within(LIMIT, || {
        let context = Context::new();
        let (left, right) = (
            context.socket::<Pair>().unwrap(),
            context.socket::<Pair>().unwrap(),
        );
        left.connect(right.bind("inproc://same").unwrap()).unwrap();
        let any: Socket<Any> = left.into();
        any.send_blocking("as any").unwrap();
        let any = any.downcast::<Push>().unwrap_err();
        let any = any.downcast::<Rep>().unwrap_err();
        let left = any.downcast::<Pair>().unwrap();
        left.send_blocking("as it was").unwrap();
        assert_eq!(next(&right.receiver()), "as any".into());
        assert_eq!(next(&right.receiver()), "as it was".into());
        right.send_blocking("back").unwrap();
        assert_eq!(next(&left.receiver()), "back".into());
        assert!(!left.is_closed());
        // It was the last handle, under whatever type.
        drop(left);
        eventually("the peer sees it go", || {
            right.statistics().unwrap().peers.is_empty()
        });
    });
}

#[test]
fn socket_types_are_parsed_ignoring_case() {
    for name in ["pub", "PUB", "Pub"] {
        assert_eq!(name.parse::<SocketType>(), Ok(SocketType::Pub));
    }
    let opened = |name: &str| Context::new().socket_of(name.parse().unwrap(), Options::new());
    let socket = opened("pub").unwrap().downcast::<Pub>().unwrap();
    assert_eq!(socket.socket_type().to_string(), "PUB");
    assert!(opened("req").unwrap().downcast::<Req>().is_ok());
    assert!("publisher".parse::<SocketType>().is_err());
    assert_eq!(
        Frame::from("x"),
        Frame::try_from(Message::from("x")).unwrap()
    );
}
