//! Requests and replies as pairs: many under way at once, answered in any order, given up at any
//! time, and never mistaken for one another.

use crate::common;

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use common::{
    eventually, next, next_text, nothing_comes, put, text, within, Transport, ABSENCE, LIMIT,
    PATIENCE,
};
use futures::executor::block_on;
use futures::future::{join_all, poll_immediate, select, Either};
use futures::StreamExt;
use zmq_channels::error::{
    Closed, RecvError, RecvTimeoutError, Refusal, RequestError, RequestTimeoutError, SendError,
    TryRecvError,
};
use zmq_channels::request::{Requests, Unanswered};
use zmq_channels::{Dealer, Message, Options, Rep, Req, Request, Socket};

/// A client and its server, over one transport.
fn pair(transport: Transport) -> (Socket<Req>, Socket<Rep>) {
    common::pair(transport)
}

/// Asks; the reply must come before long.
fn ask(req: &Socket<Req>, message: impl Into<Message>) -> Message {
    req.request_timeout_blocking(message, PATIENCE)
        .expect("there should be a reply")
}

/// The next request; it must come.
fn next_request(requests: &Requests) -> Request {
    requests
        .recv_timeout_blocking(PATIENCE)
        .expect("a request should have come")
}

/// Answers "re: " and the question, until the socket is closed.
fn echo(requests: Requests) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for request in requests {
            let answer = format!("re: {}", text(&request));
            let _ = request.reply(answer);
        }
    })
}

// ---- what belongs together stays together

#[test]
fn a_thousand_rounds_in_order() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let server = echo(rep.requests());
            let start = Instant::now();
            for round in 0..1000 {
                let reply = req.request_blocking(round.to_string()).unwrap();
                assert_eq!(text(&reply), format!("re: {round}"));
            }
            let took = start.elapsed();
            assert!(
                transport != Transport::Inproc || took < Duration::from_secs(2),
                "{took:?}"
            );
            rep.close_blocking();
            server.join().unwrap();
        }
    });
}

#[test]
fn sixty_four_concurrent_requests_get_their_own_replies() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            // Each worker answers what it has gathered from the last to the first.
            let workers = [1, 2, 3, 4].map(|most| {
                let requests = rep.requests();
                thread::spawn(move || {
                    let mut answered = 0;
                    while let Ok(first) = requests.recv_blocking() {
                        let mut gathered = vec![first];
                        while gathered.len() < most * 4 {
                            match requests.try_recv() {
                                Ok(request) => gathered.push(request),
                                Err(_) => break,
                            }
                        }
                        answered += gathered.len();
                        for request in gathered.into_iter().rev() {
                            let question = request.message.clone();
                            request.reply(["re".into(), question[0].clone()]).unwrap();
                        }
                    }
                    answered
                })
            });
            let clients: Vec<_> = (0..8)
                .map(|client| {
                    let req = req.clone();
                    thread::spawn(move || {
                        for round in 0..25 {
                            let questions: Vec<String> = (0..8)
                                .map(|number| format!("client {client}, {round}.{number}"))
                                .collect();
                            let asked = questions.iter().map(|question| req.request(question));
                            let replies = block_on(join_all(asked));
                            for (question, reply) in questions.iter().zip(replies) {
                                assert_eq!(reply.unwrap(), ["re", question].into());
                            }
                        }
                    })
                })
                .collect();
            clients
                .into_iter()
                .for_each(|client| client.join().unwrap());
            rep.close_blocking();
            let answered: usize = workers.map(|worker| worker.join().unwrap()).iter().sum();
            assert_eq!(answered, 8 * 25 * 8);
            assert!(req.sender().is_empty(), "nothing counts as held any more");
        }
    });
}

#[test]
fn replies_arrive_in_any_order() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            block_on(async {
                let asked = ["a", "b", "c"].map(|question| req.request(question));
                let server = async {
                    let mut held = Vec::new();
                    for _ in 0..3 {
                        held.push(requests.recv().await.unwrap());
                    }
                    let questions: Vec<String> = held.iter().map(|held| text(held)).collect();
                    assert_eq!(questions, ["a", "b", "c"], "{transport:?}");
                    for index in [1, 1, 0] {
                        let request = held.remove(index);
                        let answer = text(&request).to_uppercase();
                        request.reply(answer).unwrap();
                    }
                };
                let (replies, ()) = futures::join!(join_all(asked), server);
                let replies: Vec<String> = replies
                    .into_iter()
                    .map(|reply| text(&reply.unwrap()))
                    .collect();
                assert_eq!(replies, ["A", "B", "C"], "{transport:?}");
            });
        }
    });
}

#[test]
fn messages_of_every_shape_make_the_round_trip() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let server = thread::spawn(move || {
                for request in rep.requests() {
                    let message = request.message.clone();
                    request.reply(message).unwrap();
                }
            });
            let large = vec![7; 1 << 20];
            let shapes = [
                Message::from(""),
                ["", ""].into(),
                ["", "a", ""].into(),
                ["a", "b", "c"].into(),
                // What could be taken for a number and a delimiter.
                ["four", "", "x"].into(),
                large.clone().into(),
                vec![large, vec![], vec![1; 70]].into(),
            ];
            let replies = block_on(join_all(
                shapes.iter().cloned().map(|shape| req.request(shape)),
            ));
            for (shape, reply) in shapes.into_iter().zip(replies) {
                assert_eq!(reply, Ok(shape), "{transport:?}");
            }
            drop(req);
            drop(server);
        }
    });
}

#[test]
fn requests_go_to_the_servers_in_turn_and_wait_for_the_first() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let req = here.socket::<Req>().unwrap();
            let endpoints = [transport.endpoint(), transport.endpoint()];
            for endpoint in &endpoints {
                req.connect(endpoint).unwrap();
            }
            let early = req.clone();
            let early = thread::spawn(move || ask(&early, "early"));
            let servers = endpoints.map(|endpoint| {
                let rep = there.socket::<Rep>().unwrap();
                rep.bind(endpoint).unwrap();
                rep
            });
            let names = [0, 1].map(|name: usize| {
                let requests = servers[name].requests();
                thread::spawn(move || {
                    for request in requests {
                        request.reply(name.to_string()).unwrap();
                    }
                })
            });
            early.join().unwrap();
            // Both are there once each has answered.
            let mut seen = HashSet::new();
            while seen.len() < 2 {
                seen.insert(text(&ask(&req, "who?")));
            }
            let answers: Vec<String> = (0..6).map(|_| text(&ask(&req, "who?"))).collect();
            assert!(
                answers.windows(2).all(|two| two[0] != two[1]),
                "{transport:?}: {answers:?}"
            );
            let _ = servers.map(|server| server.close_blocking());
            let _ = names.map(|name| name.join().unwrap());
        }
    });
}

// ---- giving up

#[test]
fn a_late_reply_is_dropped_and_counted() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            let patience = Duration::from_millis(40);
            let mut late = 0;
            while late < 4 {
                let gave_up = match late % 2 {
                    0 => req.request_timeout_blocking("slow", patience),
                    _ => block_on(req.request_timeout("slow", patience)),
                };
                match gave_up.unwrap_err() {
                    RequestTimeoutError::Timeout(None) => {}
                    // It takes its time to connect.
                    RequestTimeoutError::Timeout(Some(_)) => continue,
                    error => panic!("{error}"),
                }
                next_request(&requests).reply("late").unwrap();
                let asked = req.clone();
                let asked = thread::spawn(move || ask(&asked, "quick"));
                let quick = next_request(&requests);
                assert_eq!(text(&quick), "quick");
                quick.reply("in time").unwrap();
                assert_eq!(text(&asked.join().unwrap()), "in time");
                late += 1;
                eventually("it is counted", || req.receiver().dropped() == late);
            }
            assert_eq!(req.try_recv(), Err(TryRecvError::Empty));
        }
    });
}

#[test]
fn a_request_no_peer_took_is_returned_and_never_sent() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let req = here.socket::<Req>().unwrap();
            let endpoint = transport.endpoint();
            req.connect(&endpoint).unwrap();
            let soon = Duration::from_millis(20);
            let expected = Err(RequestTimeoutError::Timeout(Some("never".into())));
            assert_eq!(req.request_timeout_blocking("never", soon), expected);
            assert_eq!(block_on(req.request_timeout("never", soon)), expected);
            assert!(block_on(poll_immediate(req.request("never"))).is_none());

            let rep = there.socket::<Rep>().unwrap();
            rep.bind(&endpoint).unwrap();
            let server = echo(rep.requests());
            assert_eq!(text(&ask(&req, "first")), "re: first");
            rep.close_blocking();
            server.join().unwrap();
        }
    });
}

/// A small seeded generator: a failing run can be run again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % limit
    }
}

#[test]
fn cancelled_requests_do_not_affect_others() {
    within(LIMIT * 2, || {
        let rounds = common::rounds(1000) as u64;
        for (seed, transport) in (1..).zip(Transport::ALL) {
            let (req, rep) = pair(transport);
            let workers = [(); 2].map(|()| echo(rep.requests()));
            let clients = [1, 2, 3].map(|client| {
                let req = req.clone();
                thread::spawn(move || {
                    let mut dice = Dice(seed * 10 + client);
                    let mut answered = 0;
                    for round in 0..rounds {
                        let question = format!("{client}.{round}");
                        let expected = Message::from(format!("re: {question}"));
                        match dice.below(8) {
                            0 => drop(req.request(question)),
                            1 | 2 => {
                                // Given up at the first, or a little later.
                                let polled = block_on(poll_immediate(req.request(question)));
                                assert!(polled.is_none_or(|reply| reply == Ok(expected)));
                            }
                            3 | 4 => {
                                let patience = Duration::from_micros(dice.below(300));
                                match req.request_timeout_blocking(question, patience) {
                                    Ok(reply) => assert_eq!(reply, expected),
                                    Err(RequestTimeoutError::Timeout(_)) => {}
                                    Err(error) => panic!("{error}"),
                                }
                            }
                            5 => {
                                let first = req.request(format!("{client}.{round}.other"));
                                let second = req.request(question);
                                match block_on(select(first, second)) {
                                    Either::Left((reply, _)) => assert_eq!(
                                        text(&reply.unwrap()),
                                        format!("re: {client}.{round}.other")
                                    ),
                                    Either::Right((reply, _)) => assert_eq!(reply, Ok(expected)),
                                }
                            }
                            _ => {
                                answered += 1;
                                assert_eq!(req.request_blocking(question), Ok(expected));
                            }
                        }
                    }
                    answered
                })
            });
            let answered: u64 = clients.map(|client| client.join().unwrap()).iter().sum();
            assert!(answered > rounds / 2);
            eventually("nothing counts as held", || req.sender().is_empty());
            // The socket is as good as new, for both ways to ask.
            assert_eq!(text(&ask(&req, "after")), "re: after");
            put(&req.sender(), "strictly");
            assert_eq!(next_text(&req.receiver()), "re: strictly");
            rep.close_blocking();
            let _ = workers.map(|worker| worker.join().unwrap());
        }
    });
}

// ---- peers come and go

#[test]
fn a_restarted_server_serves_the_requests_it_had_not_taken() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().reconnect_interval(Some(Duration::from_millis(5)));
            let req = here.socket_with::<Req>(options).unwrap();
            let endpoint = transport.endpoint();
            req.connect(&endpoint).unwrap();
            let serve = || {
                let rep = there.socket::<Rep>().unwrap();
                rep.bind(&endpoint).unwrap();
                rep
            };
            let mut rep = serve();
            for round in 0..3 {
                let requests = rep.requests();
                let lost = [(); 3].map(|()| {
                    let req = req.clone();
                    thread::spawn(move || req.request_blocking("unanswered"))
                });
                let held = [(); 3].map(|()| next_request(&requests));
                rep.close_blocking();
                for lost in lost {
                    assert_eq!(
                        lost.join().unwrap(),
                        Err(RequestError::PeerLost),
                        "{transport:?}, round {round}"
                    );
                }
                for request in held {
                    let reply = Message::from("too late");
                    assert_eq!(
                        request.reply(reply.clone()),
                        Err(SendError::Closed(Closed::Socket, reply))
                    );
                }
                // Asked while no peer is there, answered by the next one.
                let asked = req.clone();
                let asked = thread::spawn(move || ask(&asked, "next"));
                rep = serve();
                if transport.is_inproc() {
                    // An inproc connection ends with its binder.
                    req.connect(&endpoint).unwrap();
                }
                next_request(&rep.requests()).reply("here").unwrap();
                assert_eq!(text(&asked.join().unwrap()), "here");
                // The strict way, beside it.
                put(&req.sender(), "strict");
                assert_eq!(next_text(&rep.receiver()), "strict");
                put(&rep.sender(), "strictly");
                assert_eq!(next_text(&req.receiver()), "strictly");
            }
        }
    });
}

#[test]
fn a_reply_to_a_disconnected_client_is_accepted_and_counted() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            let leaving = req.clone();
            let leaving = thread::spawn(move || leaving.request_blocking("never mind"));
            let request = next_request(&requests);
            req.close_blocking();
            let closed = leaving.join().unwrap();
            assert_eq!(closed, Err(RequestError::Closed(Closed::Socket, None)));
            // The server knows when its slot is gone, which no call tells: so it may be early.
            request.reply("but I do").unwrap();
            drop(requests);
            if transport.is_inproc() {
                eventually("the loss is counted", || rep.sender().dropped() == 1);
            }
        }
    });
}

#[test]
fn closing_ends_every_request_and_returns_unsent_messages() {
    within(LIMIT, || {
        for (transport, terminate) in Transport::ALL
            .into_iter()
            .flat_map(|transport| [(transport, false), (transport, true)])
        {
            let (here, there) = transport.contexts();
            let (alone, req) = (here.socket::<Req>().unwrap(), here.socket::<Req>().unwrap());
            let rep = there.socket::<Rep>().unwrap();
            req.connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            let asking = [&alone, &req].map(|req| {
                let req = req.clone();
                thread::spawn(move || block_on(req.request("question")))
            });
            let request = next_request(&rep.requests());
            let ended = |unsent| match terminate {
                true => Err(RequestError::Closed(Closed::Context, unsent)),
                false => Err(RequestError::Closed(Closed::Socket, unsent)),
            };
            if terminate {
                here.shutdown();
            } else {
                alone.close_blocking();
                req.close_blocking();
            }
            let ends = asking.map(|asking| asking.join().unwrap());
            assert_eq!(
                ends,
                [ended(Some("question".into())), ended(None)],
                "{transport:?}"
            );
            let late = req.request_blocking("late");
            assert_eq!(late, ended(Some("late".into())));
            let late = block_on(req.request_timeout("late", PATIENCE));
            assert_eq!(late.unwrap_err().into_unsent(), Some("late".into()));
            drop(request);
        }
    });
}

#[test]
fn a_message_without_frames_is_refused() {
    within(LIMIT, || {
        let (req, rep) = pair(Transport::Inproc);
        let refused = Err(RequestError::Refused(Refusal::NoFrames, Message::new()));
        assert_eq!(req.request_blocking(Message::new()), refused);
        assert_eq!(block_on(req.request(Message::new())), refused);
        // A reply without frames, too; the client gets what a client without an answer gets.
        let asked = thread::spawn(move || ask(&req, "question"));
        let requests = rep.requests();
        assert_eq!(
            next_request(&requests).reply(Message::new()),
            Err(SendError::Refused(Refusal::NoFrames, Message::new()))
        );
        assert_eq!(asked.join().unwrap(), "".into());
        assert_eq!(requests.unanswered(), 1);
    });
}

// ---- requests without a reply

#[test]
fn a_dropped_request_sends_its_client_a_reply() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            let asked = |question: &'static str| {
                let req = req.clone();
                thread::spawn(move || ask(&req, question))
            };
            let client = asked("by default");
            drop(next_request(&requests));
            assert_eq!(client.join().unwrap(), "".into());

            let client = asked("a reply of its own");
            next_request(&requests).leave_unanswered(Unanswered::Reply(["a", "b"].into()));
            assert_eq!(client.join().unwrap(), ["a", "b"].into());

            let sorry = requests
                .clone()
                .when_unanswered(Unanswered::Reply("sorry".into()));
            let client = asked("the handle's");
            drop(next_request(&sorry));
            assert_eq!(client.join().unwrap(), "sorry".into());

            // A strict client is freed as well.
            put(&req.sender(), "strict");
            drop(next_request(&sorry.clone()));
            assert_eq!(next_text(&req.receiver()), "sorry");

            let silent = sorry.when_unanswered(Unanswered::Silence);
            let client = req.clone();
            let client =
                thread::spawn(move || client.request_timeout_blocking("in silence", ABSENCE));
            drop(next_request(&silent));
            let nothing = client.join().unwrap();
            assert_eq!(nothing, Err(RequestTimeoutError::Timeout(None)));
            assert_eq!(requests.unanswered(), 5);
            assert_eq!(rep.sender().dropped(), 0, "no reply was lost");
        }
    });
}

#[test]
fn a_thread_that_panics_with_a_request_affects_no_other() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let client = req.clone();
            let client = thread::spawn(move || ask(&client, "die"));
            let requests = rep.requests();
            let dies = thread::spawn(move || {
                let request = next_request(&requests);
                let _waits_for_ever = (requests.recv(), requests.clone());
                // Without a message of the panic in the test's output.
                std::panic::resume_unwind(Box::new(text(&request)));
            });
            assert_eq!(client.join().unwrap(), "".into());
            dies.join().unwrap_err();
            let server = echo(rep.requests());
            assert_eq!(text(&ask(&req, "live")), "re: live");
            rep.close_blocking();
            server.join().unwrap();
        }
    });
}

#[test]
fn requests_hold_their_socket_open_until_they_are_replied_to() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            drop(rep);
            let client = thread::spawn(move || (ask(&req, "question"), req));
            let request = next_request(&requests);
            drop(requests);
            // The last handle of its socket: answered, then closed.
            request.reply("answer").unwrap();
            let (reply, req) = client.join().unwrap();
            assert_eq!(reply, "answer".into());
            let soon = Duration::from_millis(20);
            let gone = req.request_timeout_blocking("anyone?", soon).unwrap_err();
            assert!(!matches!(gone, RequestTimeoutError::Refused(..)), "{gone}");
        }
    });
}

#[test]
fn a_closed_socket_returns_its_last_requests_and_then_fails() {
    within(LIMIT, || {
        let (req, rep) = pair(Transport::Inproc);
        let requests = rep.requests();
        let mut stream = rep.requests();
        let client = thread::spawn(move || req.request_blocking("last"));
        eventually("it is there", || requests.len() == 1);
        rep.close_blocking();
        assert!(requests.is_closed() && !requests.is_empty());
        let last = requests.try_recv().unwrap();
        assert_eq!(text(&last), "last");
        assert_eq!(
            last.reply("reply"),
            Err(SendError::Closed(Closed::Socket, "reply".into()))
        );
        assert_eq!(client.join().unwrap(), Err(RequestError::PeerLost));
        assert!(matches!(
            requests.recv_blocking(),
            Err(RecvError::Closed(Closed::Socket))
        ));
        assert!(matches!(
            block_on(requests.recv()),
            Err(RecvError::Closed(Closed::Socket))
        ));
        assert!(matches!(
            requests.recv_timeout_blocking(PATIENCE),
            Err(RecvTimeoutError::Closed(Closed::Socket))
        ));
        assert!(block_on(stream.next()).is_none());
    });
}

#[test]
fn every_way_to_receive_a_request_receives_one() {
    within(LIMIT, || {
        let (req, rep) = pair(Transport::Inproc);
        let mut requests = rep.requests();
        assert!(matches!(requests.try_recv(), Err(TryRecvError::Empty)));
        let soon = Duration::from_millis(5);
        let timeout = |outcome| matches!(outcome, Err(RecvTimeoutError::Timeout));
        assert!(timeout(requests.recv_timeout_blocking(soon)));
        assert!(timeout(block_on(requests.recv_timeout(soon))));
        let client = thread::spawn(move || {
            for round in 0..6 {
                assert_eq!(ask(&req, "x"), round.to_string().into());
            }
        });
        requests.recv_blocking().unwrap().reply("0").unwrap();
        block_on(requests.recv()).unwrap().reply("1").unwrap();
        next_request(&requests).reply("2").unwrap();
        let request = block_on(requests.recv_timeout(PATIENCE)).unwrap();
        request.reply("3").unwrap();
        block_on(requests.next()).unwrap().reply("4").unwrap();
        requests.iter().next().unwrap().reply("5").unwrap();
        client.join().unwrap();
    });
}

// ---- beside the strict way

#[test]
fn strict_alternation_and_handles_share_a_socket() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let rep = there.socket::<Rep>().unwrap();
            let endpoint = rep.bind(transport.endpoint()).unwrap();
            let client = || {
                let req = here.socket::<Req>().unwrap();
                req.connect(&endpoint).unwrap();
                req
            };
            let clients = [client(), client(), client(), client()];
            put(&clients[0].sender(), "0");
            assert_eq!(next_text(&rep.receiver()), "0");
            put(&clients[1].sender(), "1");
            // A reply is owed: no turn for calls that take turns, but handles are not held up.
            let requests = rep.requests();
            nothing_comes(&rep.receiver());
            let first = next_request(&requests);
            put(&clients[2].sender(), "2");
            let second = next_request(&requests);
            second.reply("re: 2").unwrap();
            assert_eq!(next_text(&clients[2].receiver()), "re: 2");
            // Handles pay no debt, and a debt paid answers no handle.
            put(&rep.sender(), "re: 0");
            assert_eq!(next_text(&clients[0].receiver()), "re: 0");
            let refused = rep.try_send("not asked").unwrap_err();
            assert_eq!(refused.into_inner(), "not asked".into());
            put(&clients[3].sender(), "3");
            assert_eq!(next_text(&rep.receiver()), "3");
            first.reply("re: 1").unwrap();
            assert_eq!(next_text(&clients[1].receiver()), "re: 1");
            put(&rep.sender(), "re: 3");
            assert_eq!(next_text(&clients[3].receiver()), "re: 3");
        }
    });
}

#[test]
fn both_ways_to_serve_and_to_request_work_together() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let strict_server = {
                let rep = rep.clone();
                thread::spawn(move || {
                    while let Ok(question) = rep.recv_blocking() {
                        let _ = rep.send_blocking(format!("re: {}", text(&question)));
                    }
                })
            };
            let workers = [(); 2].map(|()| echo(rep.requests()));
            let asking = [1, 2, 3].map(|client| {
                let req = req.clone();
                thread::spawn(move || {
                    for round in 0..300 {
                        let reply = ask(&req, format!("{client}.{round}"));
                        assert_eq!(text(&reply), format!("re: {client}.{round}"));
                    }
                })
            });
            for round in 0..300 {
                put(&req.sender(), format!("strict {round}"));
                assert_eq!(next_text(&req.receiver()), format!("re: strict {round}"));
            }
            let _ = asking.map(|client| client.join().unwrap());
            rep.close_blocking();
            strict_server.join().unwrap();
            let _ = workers.map(|worker| worker.join().unwrap());
        }
    });
}

#[test]
fn request_calls_and_strict_requests_do_not_wait_for_each_other() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (req, rep) = pair(transport);
            let requests = rep.requests();
            put(&req.sender(), "strict");
            put(&req.sender(), "waits for the strict one");
            let strict = next_request(&requests);
            let client = req.clone();
            let client = thread::spawn(move || ask(&client, "not strict"));
            let other = next_request(&requests);
            assert_eq!(text(&other), "not strict");
            other.reply("one").unwrap();
            assert_eq!(client.join().unwrap(), "one".into());
            strict.reply("two").unwrap();
            assert_eq!(next_text(&req.receiver()), "two");
            next_request(&requests).reply("three").unwrap();
            assert_eq!(next_text(&req.receiver()), "three");
        }
    });
}

#[test]
fn a_dealer_with_concurrent_requests_gets_each_reply_in_its_envelope() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (dealer, rep) = common::pair::<Dealer, Rep>(transport);
            for number in 0..10 {
                let envelope = format!("number {number}");
                put(&dealer.sender(), [&envelope, "hop", "", "question"]);
            }
            let requests = rep.requests();
            let mut held: Vec<Request> = (0..10).map(|_| next_request(&requests)).collect();
            assert!(held.iter().all(|request| text(request) == "question"));
            for number in (0..10).rev() {
                held.remove(number)
                    .reply(format!("answer {number}"))
                    .unwrap();
            }
            for number in (0..10).rev() {
                let (envelope, answer) = (format!("number {number}"), format!("answer {number}"));
                let expected = [&envelope, "hop", "", &answer];
                assert_eq!(next(&dealer.receiver()), expected.into());
            }
        }
    });
}

// ---- REQ's options

#[test]
fn a_relaxed_client_cancels_the_last_request_and_drops_its_reply() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().req_relaxed(true).req_correlate(true);
            let req = here.socket_with::<Req>(options).unwrap();
            let rep = there.socket::<Rep>().unwrap();
            req.connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            let requests = rep.requests();
            for _ in 0..3 {
                put(&req.sender(), "given up");
                put(&req.sender(), "meant");
                let (first, second) = (next_request(&requests), next_request(&requests));
                assert_eq!(
                    (text(&first), text(&second)),
                    ("given up".into(), "meant".into())
                );
                first.reply("late").unwrap();
                second.reply("in time").unwrap();
                assert_eq!(next_text(&req.receiver()), "in time", "{transport:?}");
                assert_eq!(req.try_recv(), Err(TryRecvError::Empty));
            }
            eventually("they are counted", || req.receiver().dropped() == 3);
            // Strict again.
            req.configure(|options| options.req_relaxed(false)).unwrap();
            put(&req.sender(), "one");
            put(&req.sender(), "two");
            let one = next_request(&requests);
            let none = requests.recv_timeout_blocking(ABSENCE);
            assert!(matches!(none, Err(RecvTimeoutError::Timeout)));
            one.reply("1").unwrap();
            next_request(&requests).reply("2").unwrap();
            assert_eq!(next_text(&req.receiver()), "1");
            assert_eq!(next_text(&req.receiver()), "2");
        }
    });
}
