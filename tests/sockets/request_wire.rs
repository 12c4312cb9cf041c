//! What requests and replies look like on the wire, and what a peer that breaks the rules gets.

use crate::common;

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::raw::{self, Raw};
use common::{
    alone, eventually, holds_within, next_text, put, text, within, Transport, LIMIT, PATIENCE,
};
use futures::executor::block_on;
use futures::future::join_all;
use zmq_channels::error::{RequestError, TryRecvError};
use zmq_channels::request::Requests;
use zmq_channels::statistics::DropReason;
use zmq_channels::{Context, Message, Options, Rep, Req, Request, Socket};

/// The next request; it must come.
fn next_request(requests: &Requests) -> Request {
    requests
        .recv_timeout_blocking(PATIENCE)
        .expect("a request should have come")
}

/// A REQ with these options, and the raw REP it is connected to.
fn raw_server(options: Options) -> (Socket<Req>, Raw) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let req = Context::new().socket_with::<Req>(options).unwrap();
    req.connect(format!("tcp://{}", listener.local_addr().unwrap()))
        .unwrap();
    let mut server = Raw::from_tcp(listener.accept().unwrap().0);
    server.shake_hands(raw::GREETING, "REP");
    (req, server)
}

/// The next frames: as many as are expected, with MORE on all but the last.
fn frames(raw: &mut Raw, count: usize) -> Vec<Vec<u8>> {
    let frames = (1..=count).map(|number| {
        let (flags, body) = raw.read_frame();
        assert_eq!(flags, u8::from(number != count), "frame {number}");
        body
    });
    frames.collect()
}

/// A message of any bytes.
fn message(frames: &[&[u8]]) -> Vec<u8> {
    let last = frames.len() - 1;
    let frames = frames.iter().enumerate();
    frames
        .flat_map(|(index, body)| raw::frame(u8::from(index != last), body))
        .collect()
}

#[test]
fn a_plain_request_has_only_a_delimiter() {
    within(LIMIT, || {
        let (req, mut server) = raw_server(Options::new());
        put(&req.sender(), ["hello", "world"]);
        let expected = b"\x01\x00\x01\x05hello\x00\x05world";
        assert_eq!(server.read(expected.len()), expected);
        // A number where none was sent is skipped; so is a second reply. At once, because one that
        // comes when more has been asked is as good as the reply to that.
        let unasked = message(&[b"\x01\x02\x03\x04", b"", b"unasked"]);
        let replies = [message(&[b"", b"reply"]), message(&[b"", b"again"])];
        server.write(&[unasked, replies.concat()].concat());
        assert_eq!(next_text(&req.receiver()), "reply");
        put(&req.sender(), "more");
        assert_eq!(server.read(8), b"\x01\x00\x00\x04more");
        server.write(&message(&[b"", b"done"]));
        assert_eq!(next_text(&req.receiver()), "done");
    });
}

#[test]
fn a_correlated_request_has_a_number_of_four_bytes_that_counts_up() {
    within(LIMIT, || {
        let (req, mut server) = raw_server(Options::new().req_correlate(true));
        let mut last = None;
        for round in 0..3 {
            put(&req.sender(), "hello");
            let sent = frames(&mut server, 3);
            assert_eq!(sent[1..], [b"".to_vec(), b"hello".to_vec()]);
            let number = u32::from_ne_bytes(sent[0][..].try_into().unwrap());
            if let Some(last) = last {
                assert_eq!(number, u32::wrapping_add(last, 1));
            }
            last = Some(number);
            // Wrong numbers, and none at all, are skipped.
            let wrong = number.wrapping_add(1).to_ne_bytes();
            server.write(&message(&[&wrong, b"", b"wrong"]));
            server.write(&message(&[b"", b"none"]));
            server.write(&message(&[&sent[0], b"", round.to_string().as_bytes()]));
            server.write(&message(&[&sent[0], b"", b"again"]));
            assert_eq!(next_text(&req.receiver()), round.to_string());
        }
    });
}

#[test]
fn concurrent_requests_are_numbered_like_correlated_ones() {
    within(LIMIT, || {
        let (req, mut server) = raw_server(Options::new());
        block_on(async {
            let asked = ["a", "b", "c"].map(|question| req.request(question));
            let server = async {
                let sent: Vec<_> = (0..3).map(|_| frames(&mut server, 3)).collect();
                let number =
                    |index: usize| u32::from_ne_bytes(sent[index][0][..].try_into().unwrap());
                assert_eq!(number(1), number(0).wrapping_add(1));
                assert_eq!(number(2), number(1).wrapping_add(1));
                let bodies: Vec<&[u8]> = sent.iter().map(|sent| &sent[2][..]).collect();
                assert_eq!(bodies, [b"a", b"b", b"c"]);
                assert!(sent.iter().all(|sent| sent[1].is_empty()));
                server.write(&message(&[&sent[2][0], b"", b"C"]));
                server.write(&message(&[&sent[0][0], b"", b"A", b"and more"]));
                server.write(&message(&[&sent[0][0], b"", b"again"]));
                let unknown = number(2).wrapping_add(9).to_ne_bytes();
                server.write(&message(&[&unknown, b"", b"whose?"]));
                server.write(&message(&[b"", b"unknown"]));
                server.write(&message(&[&sent[1][0], b"", b"B"]));
            };
            let (replies, ()) = futures::join!(
                async {
                    // The first poll of each sends it.
                    join_all(asked).await
                },
                server
            );
            let replies: Vec<Message> = replies.into_iter().map(Result::unwrap).collect();
            assert_eq!(
                replies,
                [["A", "and more"].into(), Message::from("B"), "C".into()]
            );
        });
        assert_eq!(req.try_recv(), Err(TryRecvError::Empty));
        eventually("the second reply and the unknown are counted", || {
            req.receiver().dropped() == 2
        });
    });
}

#[test]
fn a_malformed_reply_ends_the_connection_and_every_request_on_it() {
    within(LIMIT, || {
        let malformed: [&[&[u8]]; 6] = [
            &[b"no delimiter"],
            &[b""],
            &[b"\x01\x02\x03\x04", b""],
            &[b"\x01\x02\x03", b"", b"three bytes"],
            &[b"\x01\x02\x03\x04", b"x", b"no delimiter"],
            &[b"\x01\x02\x03\x04\x05", b"", b"five bytes"],
        ];
        for reply in malformed {
            let (req, mut server) = raw_server(Options::new());
            let clients = [(); 2].map(|()| {
                let req = req.clone();
                thread::spawn(move || req.request_blocking("question"))
            });
            let _ = [(); 2].map(|()| frames(&mut server, 3));
            server.write(&message(reply));
            for client in clients {
                let lost = client.join().unwrap();
                assert_eq!(lost, Err(RequestError::PeerLost), "{reply:?}");
            }
            assert!(server.is_closed_within(PATIENCE), "{reply:?}");
        }
    });
}

/// What had left for a peer is lost with it; what was still in the house goes to another one.
#[test]
fn unwritten_requests_are_sent_to_another_peer() {
    const REQUESTS: usize = 400;
    const BYTES: usize = 64 * 1024;
    within(LIMIT, || {
        let (req, mut server) = raw_server(Options::new());
        let asked = req.clone();
        let asked = thread::spawn(move || {
            let numbers = 0..REQUESTS as u32;
            let requests = numbers.map(|number| {
                let body = vec![0; BYTES];
                asked.request(vec![number.to_be_bytes().to_vec(), body])
            });
            block_on(join_all(requests))
        });
        // The peer does not read: some are with the kernel, some staged, the rest is queued.
        let mut still = 0;
        eventually("nothing moves any more", || {
            still = if req.sender().len() > 1 { still + 1 } else { 0 };
            still > 50
        });
        server.write(&message(&[b"malformed"]));
        let sent = server.read_to_end();
        // 1 + 1 + 4, 1 + 1, 1 + 1 + 4 and 1 + 8 bytes of frames in front of the body.
        let left = sent.len().div_ceil(6 + 2 + 6 + 9 + BYTES);
        let rep = Context::new().socket::<Rep>().unwrap();
        req.connect(rep.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        let requests = rep.requests();
        let answering = thread::spawn(move || {
            let mut seen = HashSet::new();
            for request in requests {
                let number = request.message[0].clone();
                assert!(seen.insert(number.to_vec()), "sent twice");
                request.reply(number).unwrap();
            }
            seen.len()
        });
        let outcomes = asked.join().unwrap();
        let lost = outcomes
            .iter()
            .take_while(|outcome| outcome.is_err())
            .count();
        assert!(outcomes[..lost]
            .iter()
            .all(|end| *end == Err(RequestError::PeerLost)));
        assert_eq!(lost, left, "of which anything had left");
        for (number, reply) in outcomes.into_iter().enumerate().skip(lost) {
            assert_eq!(reply, Ok((number as u32).to_be_bytes().into()));
        }
        eventually("nothing counts as held", || req.sender().is_empty());
        rep.close_blocking();
        assert_eq!(answering.join().unwrap(), REQUESTS - lost);
    });
}

#[test]
fn a_reply_from_another_peer_is_dropped() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let req = Context::new().socket::<Req>().unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let mut servers = [(); 2].map(|()| {
            req.connect(&endpoint).unwrap();
            let mut server = Raw::from_tcp(listener.accept().unwrap().0);
            server.shake_hands(raw::GREETING, "REP");
            server
        });
        req.wait_connected_timeout_blocking(2, PATIENCE).unwrap();
        // The one that is asked first; the other has another request then.
        let (done, reply) = mpsc::channel();
        for _ in 0..2 {
            let (req, done) = (req.clone(), done.clone());
            thread::spawn(move || done.send(req.request_blocking("x").unwrap()).unwrap());
        }
        let numbers = [0, 1].map(|index: usize| frames(&mut servers[index], 3).remove(0));
        servers[1].write(&message(&[&numbers[0], b"", b"forged"]));
        servers[1].write(&message(&[&numbers[1], b"", b"from 1"]));
        assert_eq!(reply.recv_timeout(PATIENCE).unwrap(), "from 1".into());
        servers[0].write(&message(&[&numbers[0], b"", b"from 0"]));
        assert_eq!(reply.recv_timeout(PATIENCE).unwrap(), "from 0".into());
    });
}

#[test]
fn a_rep_returns_a_numbered_envelope_unchanged() {
    within(LIMIT, || {
        let rep = Context::new().socket::<Rep>().unwrap();
        let endpoint = rep.bind("tcp://127.0.0.1:*").unwrap();
        let mut client = Raw::peer(&endpoint, "REQ");
        let requests = rep.requests();
        client.write(&message(&[b"\xff\x00\x80\x01", b"", b"one"]));
        client.write(&message(&[b"", b"two"]));
        let (one, two) = (next_request(&requests), next_request(&requests));
        two.reply("second").unwrap();
        assert_eq!(client.read(10), b"\x01\x00\x00\x06second");
        one.reply(["first", ""]).unwrap();
        let expected = b"\x01\x04\xff\x00\x80\x01\x01\x00\x01\x05first\x00\x00";
        assert_eq!(client.read(expected.len()), expected);
        // A client that left, as the server knows: the reply is lost, and counted.
        client.write(&message(&[b"", b"three"]));
        let three = next_request(&requests);
        drop(client);
        let mut other = Raw::peer(&endpoint, "REQ");
        other.write(&message(&[b"", b"four"]));
        drop(next_request(&requests));
        assert_eq!(other.read(4), b"\x01\x00\x00\x00");
        three.reply("too late").unwrap();
        eventually("the loss is counted", || rep.sender().dropped() == 1);
    });
}

// ---- relaxed: a new request gives up the last one

fn relaxed(correlate: bool) -> Options {
    Options::new().req_relaxed(true).req_correlate(correlate)
}

/// Answers the next request, which must be this one, and waits until the reply is there, unread.
fn answer_unread(req: &Socket<Req>, requests: &Requests, request: &str) {
    let question = next_request(requests);
    assert_eq!(text(&question), request);
    question.reply(request.to_uppercase()).unwrap();
    eventually("the reply is there", || req.receiver().len() == 1);
}

#[test]
fn an_unread_reply_is_dropped_by_the_next_relaxed_request() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for correlate in [true, false] {
                let (here, there) = transport.contexts();
                let req = here.socket_with::<Req>(relaxed(correlate)).unwrap();
                let rep = there.socket::<Rep>().unwrap();
                let endpoint = transport.endpoint();
                rep.bind(&endpoint).unwrap();
                req.connect(&endpoint).unwrap();
                let requests = rep.requests();
                for _ in 0..3 {
                    put(&req.sender(), "a");
                    answer_unread(&req, &requests, "a");
                    put(&req.sender(), "b");
                    assert_eq!(req.try_recv(), Err(TryRecvError::Empty), "{transport:?}");
                    answer_unread(&req, &requests, "b");
                    assert_eq!(next_text(&req.receiver()), "B", "{transport:?} {correlate}");
                }
                // The peer is another one meanwhile.
                put(&req.sender(), "a");
                answer_unread(&req, &requests, "a");
                rep.close_blocking();
                let rep = there.socket::<Rep>().unwrap();
                let bound = holds_within(PATIENCE, || rep.bind(&endpoint).is_ok());
                assert!(bound, "{transport:?}");
                assert_eq!(req.receiver().len(), 1, "what is not read stays");
                put(&req.sender(), "b");
                assert_eq!(req.try_recv(), Err(TryRecvError::Empty), "{transport:?}");
                answer_unread(&req, &rep.requests(), "b");
                assert_eq!(next_text(&req.receiver()), "B", "{transport:?} {correlate}");
                eventually("counted at the port", || req.receiver().dropped() == 4);
                let dropped = req.statistics().unwrap().dropped;
                assert_eq!(dropped.by(DropReason::Late), 4);
                assert_eq!(dropped.total(), 4);
            }
        }
    });
}

#[test]
fn relaxed_requests_and_calls_do_not_cancel_each_other() {
    within(LIMIT, || {
        let context = Context::new();
        let req = context.socket_with::<Req>(relaxed(true)).unwrap();
        let rep = context.socket::<Rep>().unwrap();
        req.connect(rep.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        let requests = rep.requests();
        let call = req.request("call");
        put(&req.sender(), "a");
        let call = thread::scope(|scope| {
            let call = scope.spawn(|| block_on(call));
            let mut both = [next_request(&requests), next_request(&requests)];
            both.sort_by_key(|request| text(request));
            let [a, call_there] = both;
            a.reply("A").unwrap();
            eventually("the reply is there", || req.receiver().len() == 1);
            put(&req.sender(), "b");
            assert_eq!(req.try_recv(), Err(TryRecvError::Empty));
            answer_unread(&req, &requests, "b");
            call_there.reply("CALL").unwrap();
            call.join().unwrap()
        });
        assert_eq!(text(&call.unwrap()), "CALL");
        let other = thread::scope(|scope| {
            let other = scope.spawn(|| req.request_blocking("other"));
            next_request(&requests).reply("OTHER").unwrap();
            other.join().unwrap()
        });
        assert_eq!(text(&other.unwrap()), "OTHER");
        assert_eq!(next_text(&req.receiver()), "B", "a call gives nothing up");
    });
}

#[test]
fn relaxing_an_open_socket_keeps_the_reply_to_the_last_strict_request() {
    within(LIMIT, || {
        let context = Context::new();
        let req = context.socket::<Req>().unwrap();
        let rep = context.socket::<Rep>().unwrap();
        req.connect(rep.bind("inproc://relaxing").unwrap()).unwrap();
        let requests = rep.requests();
        for _ in 0..2 {
            put(&req.sender(), "strict");
            req.configure(|options| options.req_relaxed(true).req_correlate(true))
                .unwrap();
            answer_unread(&req, &requests, "strict");
            assert_eq!(next_text(&req.receiver()), "STRICT");
            put(&req.sender(), "a");
            answer_unread(&req, &requests, "a");
            put(&req.sender(), "b");
            answer_unread(&req, &requests, "b");
            req.configure(|options| options.req_relaxed(false)).unwrap();
            put(&req.sender(), "c");
            assert_eq!(next_text(&req.receiver()), "B", "a strict one keeps it");
            answer_unread(&req, &requests, "c");
            assert_eq!(next_text(&req.receiver()), "C");
        }
    });
}

/// Requests are sent while others receive: no reply that is older than the request accepted last
/// before the call.
#[test]
fn no_receiver_gets_a_reply_to_a_cancelled_request() {
    const ROUNDS: u64 = 1000;
    alone(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let req = here.socket_with::<Req>(relaxed(true)).unwrap();
            let rep = there.socket::<Rep>().unwrap();
            req.connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            let (accepted, received) = (AtomicU64::new(0), AtomicU64::new(0));
            let over = AtomicBool::new(false);
            let moment = Duration::from_millis(1);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while let Ok(request) = rep.recv_blocking() {
                        let _ = rep.send_blocking(request);
                    }
                });
                for _ in 0..2 {
                    scope.spawn(|| {
                        while !over.load(Ordering::SeqCst) {
                            holds_within(moment, || !req.receiver().is_empty());
                            let before = accepted.load(Ordering::SeqCst);
                            if let Ok(reply) = req.try_recv() {
                                let reply: u64 = text(&reply).parse().unwrap();
                                assert!(reply >= before, "{transport:?}: {reply} after {before}");
                                received.fetch_max(reply, Ordering::SeqCst);
                            }
                        }
                    });
                }
                for number in 1..=ROUNDS {
                    put(&req.sender(), number.to_string());
                    accepted.store(number, Ordering::SeqCst);
                    if number % 3 == 0 {
                        holds_within(moment, || received.load(Ordering::SeqCst) >= number);
                    }
                }
                eventually("the last one is answered", || {
                    received.load(Ordering::SeqCst) == ROUNDS
                });
                over.store(true, Ordering::SeqCst);
                rep.close_blocking();
            });
        }
    });
}
