//! What the ports take and what they do not: misuse gets a typed error and leaves nothing behind.

use crate::common;

use std::time::Duration;

use bytes::Bytes;
use common::{next, next_text, put, within, LIMIT};
use futures::executor::block_on;
use zmq_channels::error::{
    Refusal, RequestError, SendError, SocketError, SubscribeError, TrySendError,
};
use zmq_channels::{
    Context, Frame, Linger, Message, Options, Overflow, Pair, Pub, Pull, Push, Receiver, Rep, Req,
    Sender, SocketType, Sub,
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
fn a_reply_without_a_request_is_refused() {
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
        assert!("request".parse::<SocketType>().is_err());
    });
}

#[test]
fn invalid_options_are_refused_and_leave_no_socket() {
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
fn everything_that_converts_to_bytes_is_a_message() {
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
        // A number goes as its bytes.
        sender.send_blocking(4_711_u32.to_be_bytes()).unwrap();
        let bytes: [u8; 4] = next(&receiver)[0][..].try_into().unwrap();
        assert_eq!(u32::from_be_bytes(bytes), 4_711);
    });
}

// ---- what no peer takes

/// More frames than the wire has are refused, and the message comes back; the connection, and what
/// else is on it, is not harmed. What a socket puts in front of a message counts.
#[test]
fn a_message_of_more_frames_than_peers_accept_is_refused() {
    const MOST: usize = Message::MAX_FRAMES;
    let of = |frames: usize| -> Message { std::iter::repeat_n(Frame::empty(), frames).collect() };
    within(2 * LIMIT, move || {
        let cases = [
            (SocketType::Push, MOST),
            (SocketType::Pair, MOST),
            (SocketType::Dealer, MOST),
            (SocketType::Pub, MOST),
            (SocketType::XPub, MOST),
            (SocketType::XSub, MOST),
            (SocketType::Router, MOST + 1),
            (SocketType::Req, MOST - 2),
        ];
        let context = Context::new();
        // What is refused comes back, and is tried again.
        let mut message = of(MOST);
        for (kind, limit) in cases {
            let socket = context.socket_of(kind, Options::new()).unwrap();
            let sender = socket.sender().unwrap();
            let refused = Refusal::TooManyFrames { limit };
            if matches!(
                kind,
                SocketType::Push | SocketType::Pair | SocketType::Dealer
            ) {
                // Behind another one, which waits for a peer, a message takes a shorter way.
                let zero = Linger::For(Duration::ZERO);
                socket.configure(|options| options.linger(zero)).unwrap();
                sender.try_send("first").unwrap();
            }
            while message.len() > limit + 1 {
                message.pop_back();
            }
            while message.len() < limit + 1 {
                message.push_back(Frame::empty());
            }
            message = match sender.try_send(message) {
                Err(TrySendError::Refused(why, message)) => {
                    assert_eq!((why, message.len()), (refused, limit + 1), "{kind}");
                    message
                }
                other => panic!("{kind}: {other:?}"),
            };
            message = match block_on(sender.send(message)) {
                Err(SendError::Refused(why, message)) => {
                    assert_eq!((why, message.len()), (refused, limit + 1), "{kind}");
                    message
                }
                other => panic!("{kind}: {other:?}"),
            };
        }
        // The longest that is taken arrives, and so does what is behind it.
        let pull = context.socket::<Pull>().unwrap();
        let push = context.socket::<Push>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        put(&push.sender(), of(MOST));
        assert!(push.sender().try_send(of(MOST + 1)).is_err());
        put(&push.sender(), "behind it");
        let longest = pull.recv_timeout_blocking(LIMIT).unwrap();
        assert_eq!(longest.len(), MOST);
        assert_eq!(next_text(&pull.receiver()), "behind it");
        assert_eq!(pull.statistics().unwrap().peers.len(), 1);
    });
}

/// A request and its reply both have an envelope.
#[test]
fn requests_and_replies_of_too_many_frames_are_refused() {
    const MOST: usize = Message::MAX_FRAMES;
    let of = |frames: usize| -> Message { std::iter::repeat_n(Frame::from("x"), frames).collect() };
    within(2 * LIMIT, move || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let req = context.socket::<Req>().unwrap();
        req.connect(rep.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        let refused = |limit| Refusal::TooManyFrames { limit };
        match req.request_blocking(of(MOST - 1)) {
            Err(RequestError::Refused(why, message)) => {
                assert_eq!((why, message.len()), (refused(MOST - 2), MOST - 1));
            }
            other => panic!("{other:?}"),
        }
        // The longest there are, both ways.
        let asked = {
            let req = req.clone();
            std::thread::spawn(move || req.request_blocking(of(MOST - 2)).map(|reply| reply.len()))
        };
        let request = rep.recv_timeout_blocking(LIMIT).unwrap();
        assert_eq!(request.len(), MOST - 2);
        match rep.try_send(of(MOST - 1023)) {
            Err(TrySendError::Refused(why, message)) => {
                assert_eq!((why, message.len()), (refused(MOST - 1024), MOST - 1023));
            }
            other => panic!("{other:?}"),
        }
        rep.try_send(of(MOST - 1024)).unwrap();
        assert_eq!(asked.join().unwrap(), Ok(MOST - 1024));

        let requests = context.socket::<Rep>().unwrap();
        let client = context.socket::<Req>().unwrap();
        client
            .connect(requests.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        client.send_blocking("a question").unwrap();
        let request = requests.requests().recv_blocking().unwrap();
        assert!(matches!(
            request.reply(of(MOST)),
            Err(SendError::Refused(why, _)) if why == refused(MOST - 1024)
        ));
        // It counts as unanswered: the client is freed.
        assert_eq!(next(&client.receiver()), Message::from(""));
    });
}
