//! The patterns over every transport: each message goes where its pattern says, as it was sent.

use crate::common;
use crate::lateness::Timed;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{
    eventually, holds_within, next, next_text, nothing_comes, put, text, within, Transport, LIMIT,
    PATIENCE,
};
use futures::executor::block_on;
use zmq_channels::error::{RecvTimeoutError, TryRecvError};
use zmq_channels::kind::Typed;
use zmq_channels::{
    Context, Linger, Message, Options, Pair, Pull, Push, Receiver, Rep, Req, Socket,
};

/// Messages of every shape: the sizes around each border, and many parts.
fn shapes() -> Vec<Message> {
    let bytes = |length: usize| (0..length).map(|byte| byte as u8).collect::<Vec<u8>>();
    let mut shapes: Vec<Message> = [0, 1, 70, 71, 254, 255, 256, 65_536, 1 << 20]
        .map(|length| bytes(length).into())
        .into();
    shapes.push(["three", "small", "parts"].into());
    shapes.push(["", "", ""].into());
    shapes.push(vec![bytes(1 << 20), vec![], bytes(255), bytes(256)].into());
    shapes.push((0..20).map(|part| bytes(part * 40)).collect());
    shapes
}

/// Runs `test` with a socket of each kind, connected over every transport, bound at either end.
fn linked<A: Typed, B: Typed>(test: impl Fn(&str, &Socket<A>, &Socket<B>)) {
    for transport in Transport::ALL {
        for first_binds in [true, false] {
            let (here, there) = transport.contexts();
            let (a, b) = (here.socket::<A>().unwrap(), there.socket::<B>().unwrap());
            if first_binds {
                b.connect(a.bind(transport.endpoint()).unwrap()).unwrap();
            } else {
                a.connect(b.bind(transport.endpoint()).unwrap()).unwrap();
            }
            let binds = if first_binds {
                a.socket_type()
            } else {
                b.socket_type()
            };
            test(&format!("{transport:?}, bound by {binds}"), &a, &b);
        }
    }
}

// ---- every shape, every pattern, every transport

#[test]
fn pair_carries_every_shape_both_ways() {
    within(LIMIT, || {
        let shapes = shapes();
        linked::<Pair, Pair>(|what, left, right| {
            for shape in &shapes {
                put(&left.sender(), shape.clone());
                assert!(next(&right.receiver()) == *shape, "{what}: {shape:?}");
                put(&right.sender(), shape.clone());
                assert!(next(&left.receiver()) == *shape, "{what}: {shape:?}");
            }
        });
    });
}

#[test]
fn push_and_pull_carry_every_shape() {
    within(LIMIT, || {
        let shapes = shapes();
        linked::<Push, Pull>(|what, push, pull| {
            for shape in &shapes {
                put(&push.sender(), shape.clone());
            }
            for shape in &shapes {
                assert!(next(&pull.receiver()) == *shape, "{what}: {shape:?}");
            }
        });
    });
}

#[test]
fn req_and_rep_carry_every_shape_both_ways() {
    within(LIMIT, || {
        let shapes = shapes();
        linked::<Req, Rep>(|what, req, rep| {
            for shape in &shapes {
                put(&req.sender(), shape.clone());
                assert!(next(&rep.receiver()) == *shape, "{what}: {shape:?}");
                put(&rep.sender(), shape.clone());
                assert!(next(&req.receiver()) == *shape, "{what}: {shape:?}");
            }
        });
    });
}

#[test]
fn many_senders_never_mix_the_parts_of_their_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let pull = there.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for socket in 0..2 {
                let push = here.socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                for clone in 0..2 {
                    let sender = push.sender();
                    thread::spawn(move || {
                        for number in 0..100 {
                            let part = format!("{socket} {clone} {number}");
                            sender.send_blocking(vec![part; 20]).unwrap();
                        }
                    });
                }
            }
            let mut counts = BTreeMap::new();
            for _ in 0..400 {
                let message = next(&pull.receiver());
                assert_eq!(message.len(), 20);
                assert!(
                    message.iter().all(|part| *part == message[0]),
                    "{message:?}"
                );
                let first = text(&message.into_iter().next().unwrap().into());
                let (sender, number) = first.rsplit_once(' ').unwrap();
                let count = counts.entry(sender.to_owned()).or_insert(0);
                assert_eq!(
                    number,
                    count.to_string(),
                    "{transport:?}: order of {sender}"
                );
                *count += 1;
            }
        }
    });
}

// ---- REQ and REP

fn hello_world(what: &str, req: &Socket<Req>, rep: Socket<Rep>) {
    let server = thread::spawn(move || {
        for _ in 0..10 {
            assert_eq!(text(&rep.recv_blocking().unwrap()), "Hello");
            rep.send_blocking("World").unwrap();
        }
        rep
    });
    for _ in 0..10 {
        req.send_blocking("Hello").unwrap();
        assert_eq!(next_text(&req.receiver()), "World", "{what}");
    }
    server.join().unwrap();
}

#[test]
fn hello_world_with_either_side_first() {
    within(LIMIT, || {
        linked::<Req, Rep>(|what, req, rep| hello_world(what, req, rep.clone()));
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let client = here.socket::<Req>().unwrap();
            client.connect(&endpoint).unwrap();
            client.send_blocking("Hello?").unwrap();
            let server = there.socket::<Rep>().unwrap();
            server.bind(&endpoint).unwrap();
            assert_eq!(next_text(&server.receiver()), "Hello?");
            server.send_blocking("Yes").unwrap();
            assert_eq!(next_text(&client.receiver()), "Yes");
            hello_world("client first", &client, server);
        }
    });
}

/// The time of a thousand rounds: one question, one answer, in turn.
fn thousand_rounds(transport: Transport) -> Duration {
    let (here, there) = transport.contexts();
    let (req, rep) = (
        here.socket::<Req>().unwrap(),
        there.socket::<Rep>().unwrap(),
    );
    req.connect(rep.bind(transport.endpoint()).unwrap())
        .unwrap();
    let start = Instant::now();
    let server = thread::spawn(move || {
        for round in 0..1000 {
            assert_eq!(
                text(&rep.recv_blocking().unwrap()),
                format!("question {round}")
            );
            rep.send_blocking(format!("answer {round}")).unwrap();
        }
        rep
    });
    for round in 0..1000 {
        req.send_blocking(format!("question {round}")).unwrap();
        assert_eq!(next_text(&req.receiver()), format!("answer {round}"));
    }
    server.join().unwrap();
    start.elapsed()
}

/// The same between two threads without a socket.
fn thousand_rounds_of_channels() -> Duration {
    let (to_server, questions) = mpsc::channel::<usize>();
    let (to_client, answers) = mpsc::channel();
    let start = Instant::now();
    let server = thread::spawn(move || {
        for question in questions {
            to_client.send(question).unwrap();
        }
    });
    for round in 0..1000 {
        to_server.send(round).unwrap();
        assert_eq!(answers.recv(), Ok(round));
    }
    drop(to_server);
    server.join().unwrap();
    start.elapsed()
}

#[test]
fn a_thousand_rounds_in_order() {
    within(LIMIT, || {
        let control = thousand_rounds_of_channels();
        let took = thousand_rounds(Transport::Inproc);
        let limit = Duration::from_secs(2) + 20 * control;
        assert!(took < limit, "{took:?}, a control {control:?}");
        for transport in Transport::WIRES {
            thousand_rounds(transport);
        }
    });
}

#[test]
fn five_rounds_of_an_async_client_are_fast() {
    within(LIMIT, || {
        for blocking_server in [true, false] {
            let context = Context::new();
            let (req, rep) = (
                context.socket::<Req>().unwrap(),
                context.socket::<Rep>().unwrap(),
            );
            let (timed, ()) = Timed::run(|| {
                let server = thread::spawn(move || {
                    // The first question is on its way before any socket is bound.
                    rep.bind("inproc://five").unwrap();
                    for _ in 0..5 {
                        if blocking_server {
                            let question = rep.recv_blocking().unwrap();
                            rep.send_blocking(question).unwrap();
                        } else {
                            let echo = async { rep.send(rep.recv().await.unwrap()).await.unwrap() };
                            block_on(echo);
                        }
                    }
                    rep
                });
                block_on(async {
                    for round in 0..5 {
                        req.send(round.to_string()).await.unwrap();
                        if round == 0 {
                            req.connect("inproc://five").unwrap();
                        }
                        assert_eq!(text(&req.recv().await.unwrap()), round.to_string());
                    }
                });
                drop(server.join().unwrap());
            });
            timed.at_most(Duration::from_millis(500), "five rounds");
        }
    });
}

#[test]
fn every_client_receives_its_own_replies() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let rep = there.socket::<Rep>().unwrap();
            let endpoint = rep.bind(transport.endpoint()).unwrap();
            // Several workers share the one socket: each answers what it has received.
            let workers = [(); 3].map(|()| {
                let rep = rep.clone();
                thread::spawn(move || {
                    while let Ok(question) = rep.recv_blocking() {
                        rep.send_blocking(format!("re: {}", text(&question)))
                            .unwrap();
                    }
                })
            });
            let clients = [1, 2, 3, 4, 5].map(|client| {
                let req = here.socket::<Req>().unwrap();
                req.connect(&endpoint).unwrap();
                thread::spawn(move || {
                    for round in 0..100 {
                        let question = format!("client {client} round {round}");
                        req.send_blocking(question.as_str()).unwrap();
                        assert_eq!(next_text(&req.receiver()), format!("re: {question}"));
                    }
                })
            });
            let _ = clients.map(|client| client.join().unwrap());
            rep.close_blocking();
            let _ = workers.map(|worker| worker.join().unwrap());
        }
    });
}

#[test]
fn requests_wait_for_their_turn() {
    within(LIMIT, || {
        linked::<Req, Rep>(|what, req, rep| {
            for number in 0..5 {
                put(&req.sender(), number.to_string());
            }
            for number in 0..5 {
                assert_eq!(next_text(&rep.receiver()), number.to_string(), "{what}");
                assert_eq!(rep.try_recv(), Err(TryRecvError::Empty), "one at a time");
                put(&rep.sender(), format!("answer {number}"));
                assert_eq!(
                    next_text(&req.receiver()),
                    format!("answer {number}"),
                    "{what}"
                );
            }
            assert_eq!(req.try_recv(), Err(TryRecvError::Empty), "{what}");
        });
    });
}

#[test]
fn a_rep_receives_no_request_while_a_reply_is_due() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        rep.bind("inproc://service").unwrap();
        let ask = |question| {
            let req = context.socket::<Req>().unwrap();
            req.connect("inproc://service").unwrap();
            put(&req.sender(), question);
            req
        };
        let first = ask("first");
        assert_eq!(next_text(&rep.receiver()), "first");
        let second = ask("second");
        nothing_comes(&rep.receiver());
        put(&rep.sender(), "to the first");
        assert_eq!(next_text(&rep.receiver()), "second");
        put(&rep.sender(), "to the second");
        assert_eq!(next_text(&first.receiver()), "to the first");
        assert_eq!(next_text(&second.receiver()), "to the second");
    });
}

#[test]
fn a_reply_to_a_disconnected_client_is_dropped_and_counted() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        rep.bind("inproc://service").unwrap();
        let leaves = context.socket::<Req>().unwrap();
        leaves.connect("inproc://service").unwrap();
        put(&leaves.sender(), "never mind");
        assert_eq!(next_text(&rep.receiver()), "never mind");
        leaves.close_blocking();
        rep.send_blocking("but I do").unwrap();
        eventually("the drop is counted", || rep.sender().dropped() == 1);

        let stays = context.socket::<Req>().unwrap();
        stays.connect("inproc://service").unwrap();
        hello_world("after a client left", &stays, rep);
    });
}

#[test]
fn requests_are_sent_to_the_servers_in_turn() {
    within(LIMIT, || {
        let context = Context::new();
        let req = context.socket::<Req>().unwrap();
        let servers = ["inproc://left", "inproc://right"].map(|place| {
            let rep = context.socket::<Rep>().unwrap();
            rep.bind(place).unwrap();
            req.connect(place).unwrap();
            thread::spawn(move || {
                let mut served = 0;
                while let Ok(question) = rep.recv_timeout_blocking(PATIENCE) {
                    if rep.send_blocking(question.clone()).is_ok() && text(&question) == "end" {
                        return served;
                    }
                    served += 1;
                }
                panic!("this did not end");
            })
        });
        for question in ["a", "b", "c", "d", "e", "f", "end", "end"] {
            put(&req.sender(), question);
            assert_eq!(next_text(&req.receiver()), question);
        }
        assert_eq!(servers.map(|server| server.join().unwrap()), [3, 3]);
    });
}

// ---- PUSH and PULL

#[test]
fn push_sends_in_turn() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let push = here.socket::<Push>().unwrap();
            let pulls = [(); 3].map(|()| {
                let pull = there.socket::<Pull>().unwrap();
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                pull
            });
            all_are_there(&push, &pulls);
            for number in 0..30 {
                put(&push.sender(), number.to_string());
            }
            for pull in &pulls {
                let got: Vec<i32> = (0..10)
                    .map(|_| next_text(&pull.receiver()).parse().unwrap())
                    .collect();
                let each_third = got.windows(2).all(|pair| pair[1] == pair[0] + 3);
                assert!(each_third, "{transport:?}: {got:?}");
            }
        }
    });
}

/// Every PULL has been dealt something; nothing of it is left.
fn all_are_there(push: &Socket<Push>, pulls: &[Socket<Pull>]) {
    let mut sent = 0;
    let mut heard = vec![0; pulls.len()];
    let count = |heard: &mut Vec<i32>| {
        for (pull, heard) in pulls.iter().zip(heard) {
            *heard += i32::try_from(pull.receiver().drain().count()).unwrap();
        }
    };
    eventually("each PULL is dealt something", || {
        put(&push.sender(), "hello");
        sent += 1;
        count(&mut heard);
        heard.iter().all(|heard| *heard > 0)
    });
    eventually("everything has arrived", || {
        count(&mut heard);
        heard.iter().sum::<i32>() == sent
    });
}

#[test]
fn ventilator_workers_and_collector() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            // Of the messages that end workers some may find none any more.
            let impatient = Options::new().linger(Linger::For(Duration::ZERO));
            let ventilator = here.socket_with::<Push>(impatient).unwrap();
            let collector = here.socket::<Pull>().unwrap();
            let tasks = ventilator.bind(transport.endpoint()).unwrap();
            let results = collector.bind(transport.endpoint()).unwrap();
            // Each worker sends its running total; a message of two frames ends it.
            let workers = [(); 4].map(|()| {
                let (pull, push) = (
                    there.socket::<Pull>().unwrap(),
                    there.socket::<Push>().unwrap(),
                );
                pull.connect(&tasks).unwrap();
                push.connect(&results).unwrap();
                thread::spawn(move || {
                    let mut total: u64 = 0;
                    loop {
                        let task = next(&pull.receiver());
                        if task.len() == 2 {
                            push.send_blocking(["total", &total.to_string()]).unwrap();
                            return;
                        }
                        total += u64::from_be_bytes(task[0][..].try_into().unwrap());
                        push.send_blocking(total.to_be_bytes()).unwrap();
                    }
                })
            });
            for number in 1_u64..=100 {
                put(&ventilator.sender(), number.to_be_bytes());
            }
            for _ in 0..100 {
                assert_eq!(next(&collector.receiver())[0].len(), 8, "{transport:?}");
            }
            // A worker that has ended takes nothing any more: repeat until all have.
            let (mut sum, mut totals) = (0, 0);
            let ended = holds_within(PATIENCE, || {
                put(&ventilator.sender(), ["the", "end"]);
                while let Ok(result) = collector.recv_timeout_blocking(Duration::from_millis(20)) {
                    let total = String::from_utf8(result[1].to_vec()).unwrap();
                    sum += total.parse::<u64>().unwrap();
                    totals += 1;
                }
                totals == 4
            });
            assert!(ended, "{transport:?}: {totals} workers ended");
            assert_eq!(sum, 5050, "{transport:?}");
            let _ = workers.map(|worker| worker.join().unwrap());
        }
    });
}

#[test]
fn a_full_pull_leaves_its_share_to_the_others() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context
            .socket_with::<Push>(Options::new().high_water_marks(2))
            .unwrap();
        let stuck = context
            .socket_with::<Pull>(Options::new().high_water_marks(2))
            .unwrap();
        let works = context.socket::<Pull>().unwrap();
        push.connect(stuck.bind("inproc://stuck").unwrap()).unwrap();
        push.connect(works.bind("inproc://works").unwrap()).unwrap();
        let feeding = thread::spawn(move || {
            for number in 0..500 {
                put(&push.sender(), number.to_string());
            }
            push
        });
        let got = |receiver: Receiver, limit| {
            std::iter::from_fn(move || receiver.recv_timeout_blocking(limit).ok()).count()
        };
        let worked = thread::spawn(move || got(works.receiver(), Duration::from_millis(500)));
        let push = feeding.join().unwrap();
        let worked = worked.join().unwrap();
        let kept = got(stuck.receiver(), Duration::from_millis(100));
        assert_eq!(worked + kept, 500);
        assert!(kept <= 4, "{kept} waited for the one that does not read");
        drop(push);
    });
}

// ---- PAIR

#[test]
fn a_queued_message_arrives_immediately_over_inproc() {
    within(LIMIT, || {
        linked::<Pair, Pair>(|what, left, right| {
            put(&left.sender(), ["they", "are", "connected"]);
            assert_eq!(next(&right.receiver()), ["they", "are", "connected"].into());
            for _ in 0..9 {
                let (timed, _) = Timed::run(|| {
                    left.send_blocking("quick").unwrap();
                    next(&right.receiver())
                });
                timed.at_most(Duration::from_millis(50), what);
            }
        });
    });
}

#[test]
fn a_second_client_of_a_pair_is_refused() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let patience = Duration::from_millis(1000);
            let again = Duration::from_millis(20);
            let options = Options::new()
                .reconnect_interval(Some(again))
                .reconnect_interval_max(again);
            let server = there.socket::<Pair>().unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            let first = here.socket_with::<Pair>(options.clone()).unwrap();
            first.connect(&endpoint).unwrap();
            first.send_blocking("first").unwrap();
            let got = server.recv_timeout_blocking(patience).unwrap();
            assert_eq!(text(&got), "first");

            let second = here.socket_with::<Pair>(options).unwrap();
            second.connect(&endpoint).unwrap();
            second.send_blocking("second").unwrap();
            let nothing = server.recv_timeout_blocking(Duration::from_millis(200));
            assert_eq!(nothing, Err(RecvTimeoutError::Timeout), "{transport:?}");
            for _ in 0..3 {
                server.send_blocking("for the first").unwrap();
                let got = first.recv_timeout_blocking(patience).unwrap();
                assert_eq!(text(&got), "for the first", "{transport:?}");
            }
            assert_eq!(second.try_recv(), Err(TryRecvError::Empty));

            // The place is free when the first has left. What was sent meanwhile may be lost.
            first.close_blocking();
            let gets_in = holds_within(PATIENCE, || {
                put(&second.sender(), "may I?");
                server.recv_timeout_blocking(again).is_ok()
            });
            assert!(gets_in, "{transport:?}");
            put(&server.sender(), "welcome");
            assert_eq!(next_text(&second.receiver()), "welcome", "{transport:?}");
        }
    });
}
