//! What the ports take and what they do not: misuse gets a typed error and leaves nothing behind.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{next, next_text, put, within, LIMIT};
use futures::executor::block_on;
use zmq_channels::{
    Context, Frame, Message, Options, Overflow, Pair, Pub, Pull, Push, Receiver, Refusal, Rep, Req,
    SendError, Sender, SocketError, SocketType, Sub, SubscribeError, TrySendError,
};

/// A PUSH connected to a PULL over inproc.
fn pipeline() -> (Sender, Receiver) {
    let context = Context::new();
    let pull = context.socket::<Pull>().unwrap();
    let push = context.socket::<Push>().unwrap();
    push.connect(pull.bind("inproc://pipeline").unwrap())
        .unwrap();
    (push.sender(), pull.receiver())
}

// ---- refusals, and what a type does not have

#[test]
fn a_message_without_frames_is_refused() {
    within(LIMIT, || {
        let (sender, _receiver) = pipeline();
        let nothing = Message::new;
        let refused = SendError::Refused(Refusal::NoFrames, nothing());
        assert_eq!(sender.send_blocking(nothing()), Err(refused.clone()));
        assert_eq!(block_on(sender.send(nothing())), Err(refused));
        let refused = TrySendError::Refused(Refusal::NoFrames, nothing());
        assert_eq!(sender.try_send(nothing()), Err(refused));
    });
}

#[test]
fn a_reply_that_nobody_asked_for_is_refused() {
    within(LIMIT, || {
        let context = Context::new();
        let (rep, req) = (
            context.socket::<Rep>().unwrap(),
            context.socket::<Req>().unwrap(),
        );
        req.connect(rep.bind("inproc://service").unwrap()).unwrap();
        let reply = || Message::from("a reply");
        let refused = || TrySendError::Refused(Refusal::NoRequest, reply());

        assert_eq!(rep.try_send(reply()), Err(refused()));
        let blocking = SendError::Refused(Refusal::NoRequest, reply());
        assert_eq!(rep.send_blocking(reply()), Err(blocking.clone()));
        assert_eq!(block_on(rep.send(reply())), Err(blocking));
        put(&req.sender(), "a request");
        assert_eq!(next_text(&rep.receiver()), "a request");
        rep.try_send(reply()).unwrap();
        assert_eq!(
            rep.try_send(reply()),
            Err(refused()),
            "one reply for one request"
        );
        assert_eq!(next(&req.receiver()), reply());
        // The refusals left no trace.
        put(&req.sender(), "another");
        assert_eq!(next_text(&rep.receiver()), "another");
        rep.try_send("another reply").unwrap();
        assert_eq!(next_text(&req.receiver()), "another reply");
    });
}

#[test]
fn a_type_chosen_at_run_time_has_the_ports_of_that_type() {
    within(LIMIT, || {
        let context = Context::new();
        for kind in SocketType::ALL {
            let opened = context.socket_of(kind, Options::new());
            if !kind.is_supported() {
                let refused = matches!(opened, Err(SocketError::Unsupported(of)) if of == kind);
                assert!(refused, "{kind}: {opened:?}");
                continue;
            }
            let socket = opened.unwrap();
            assert_eq!(socket.socket_type(), kind);
            assert_eq!(socket.sender().is_some(), kind.sends(), "{kind}");
            assert_eq!(socket.receiver().is_some(), kind.receives(), "{kind}");
            let subscribed = socket.subscribe("topic");
            if matches!(kind, SocketType::Sub | SocketType::XSub) {
                assert_eq!(subscribed, Ok(()));
            } else if kind == SocketType::XPub {
                assert_eq!(subscribed, Err(SubscribeError::NotManual));
            } else {
                assert_eq!(subscribed, Err(SubscribeError::Unsupported), "{kind}");
            }
        }
        assert_eq!(
            context.socket::<Pub>().unwrap().socket_type(),
            SocketType::Pub
        );
        assert_eq!(
            context.socket::<Sub>().unwrap().socket_type(),
            SocketType::Sub
        );
        assert!("req".parse::<SocketType>().is_err());
    });
}

#[test]
fn options_that_cannot_be_are_refused_and_leave_nothing() {
    within(LIMIT, || {
        let context = Context::new();
        let impossible = [
            ("routing_id", Options::new().routing_id(vec![b'x'; 256])),
            ("routing_id", Options::new().routing_id([0, 1])),
            (
                "reconnect_interval",
                Options::new().reconnect_interval(Some(Duration::ZERO)),
            ),
            ("backlog", Options::new().backlog(0)),
        ];
        for (name, options) in impossible {
            match context.socket_with::<Req>(options) {
                Err(SocketError::Option { option, .. }) => assert_eq!(option, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        context
            .socket_with::<Req>(Options::new().routing_id(vec![b'x'; 255]))
            .unwrap();
        context
            .socket_with::<Pair>(Options::new().overflow(Overflow::Latest))
            .unwrap();
    });
}

// ---- what can be sent

#[test]
fn everything_that_reads_as_octets_is_a_message() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline();
        let one = Message::from("abc");
        sender.send_blocking("abc").unwrap();
        let string = String::from("abc");
        sender.send_blocking(&string).unwrap();
        sender.send_blocking(string).unwrap();
        sender.send_blocking(&b"abc"[..]).unwrap();
        sender.send_blocking(b"abc").unwrap();
        sender.send_blocking(*b"abc").unwrap();
        sender.send_blocking(b"abc".to_vec()).unwrap();
        sender.send_blocking(Bytes::from_static(b"abc")).unwrap();
        sender.send_blocking(Frame::from("abc")).unwrap();
        for _ in 0..9 {
            assert_eq!(next(&receiver), one);
        }
        let three: Message = ["a", "", "c"].into_iter().collect();
        sender.send_blocking(["a", "", "c"]).unwrap();
        sender.send_blocking(vec!["a", "", "c"]).unwrap();
        sender.send_blocking(&["a", "", "c"][..]).unwrap();
        sender
            .send_blocking(["a".to_string(), String::new(), "c".to_string()])
            .unwrap();
        sender
            .send_blocking(vec![b"a".to_vec(), vec![], b"c".to_vec()])
            .unwrap();
        sender
            .send_blocking([Bytes::from("a"), Bytes::new(), Bytes::from("c")])
            .unwrap();
        sender.send_blocking([&b"a"[..], b"", b"c"]).unwrap();
        for _ in 0..7 {
            assert_eq!(next(&receiver), three);
        }
        // A number goes as its octets.
        sender.send_blocking(4_711_u32.to_be_bytes()).unwrap();
        let octets: [u8; 4] = next(&receiver)[0][..].try_into().unwrap();
        assert_eq!(u32::from_be_bytes(octets), 4_711);
    });
}
