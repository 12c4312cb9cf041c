//! What a context is made of: pumps, names, limits, defaults; and inproc from pump to pump.

use crate::common;
use crate::lateness::Timed;
use crate::shutdown::shut_down;

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use common::{
    alone, eventually, holds_within, next, next_text, nothing_comes, open_files, pump_threads, put,
    text, thread_names, within, Folder, Transport, LIMIT, PATIENCE,
};
use zmq_channels::error::{
    BindError, Closed, ConfigureError, ContextError, RecvError, SocketError, TrySendError,
};
use zmq_channels::kind::Typed;
use zmq_channels::{
    Context, ContextOptions, Dealer, Linger, Message, Options, Pair, Pub, Pull, Push, Rep, Req,
    Router, Socket, SocketType, Sub,
};

fn with_pumps(pumps: usize) -> Context {
    Context::with_options(ContextOptions::new().pumps(pumps)).unwrap()
}

/// A socket on this pump.
fn on<K: Typed>(context: &Context, pump: usize, options: Options) -> Socket<K> {
    context.socket_with::<K>(options.pump(Some(pump))).unwrap()
}

fn named(prefix: &str) -> Vec<String> {
    let mut names = thread_names();
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

// ---- pumps and their names

#[test]
fn pumps_start_with_their_first_socket_and_share_the_sockets() {
    alone(LIMIT, || {
        let context = with_pumps(3);
        assert_eq!(pump_threads(), 0);
        let mut sockets = vec![context.socket::<Pair>().unwrap()];
        assert_eq!(named("zmq-pump"), ["zmq-pump-0"]);
        sockets.push(context.socket::<Pair>().unwrap());
        sockets.push(context.socket::<Pair>().unwrap());
        let all = ["zmq-pump-0", "zmq-pump-1", "zmq-pump-2"];
        assert_eq!(named("zmq-pump"), all);
        // The pump with the fewest sockets is next: here, the one that lost its first.
        sockets.remove(1).close_blocking();
        let options = Options::new().pump(Some(0));
        sockets.push(context.socket_with::<Pair>(options).unwrap());
        sockets.push(context.socket::<Pair>().unwrap());
        assert_eq!(named("zmq-pump"), all);
        shut_down(&context);
        eventually("no thread is left", || pump_threads() == 0);
    });
}

#[test]
fn a_socket_is_served_by_the_pump_it_selects() {
    alone(LIMIT, || {
        let context = with_pumps(4);
        let last = on::<Pull>(&context, 3, Options::new());
        assert_eq!(named("zmq-pump"), ["zmq-pump-3"]);
        let next_to_it = on::<Push>(&context, 3, Options::new());
        assert_eq!(named("zmq-pump"), ["zmq-pump-3"]);
        next_to_it
            .connect(last.bind("inproc://x").unwrap())
            .unwrap();
        put(&next_to_it.sender(), "x");
        assert_eq!(next_text(&last.receiver()), "x");

        let nowhere = context.socket_with::<Pull>(Options::new().pump(Some(4)));
        let Err(SocketError::Option { option: "pump", .. }) = nowhere else {
            panic!("{nowhere:?}");
        };
        let moved = last.configure(|options| options.pump(Some(1)));
        assert_eq!(moved, Err(ConfigureError::Fixed("pump")));
    });
}

#[test]
fn threads_are_named_after_the_context() {
    alone(LIMIT, || {
        let context = |name: &str, pumps| {
            let options = ContextOptions::new().name(name).pumps(pumps);
            let context = Context::with_options(options).unwrap();
            let sockets: Vec<_> = (0..pumps)
                .map(|_| context.socket::<Push>().unwrap())
                .collect();
            (context, sockets)
        };
        let _feed = context("feed", 2);
        assert_eq!(named("feed"), ["feed-pump-0", "feed-pump-1"]);
        let _one = context("one", 1);
        assert_eq!(named("one"), ["one-pump-0"]);
        // What tells the threads apart is kept, whatever the name; and no letter is cut in two.
        let _long = context("a name far too long", 2);
        assert_eq!(named("a name"), ["a name f-pump-0", "a name f-pump-1"]);
        let _wide = context("äöüäöü", 1);
        assert_eq!(named("ä"), ["äöüä-pump-0"]);
        let (_looking, sockets) = context("looks", 1);
        sockets[0].connect("tcp://no-such-host.invalid:1").unwrap();
        eventually("a lookup under the context's name", || {
            named("looks").contains(&"looks-resolver".to_owned())
                // It is over already.
                || named("looks") == ["looks-pump-0"]
        });
    });
}

// ---- limits and defaults

#[test]
fn invalid_context_options_are_refused() {
    let fault = |options: ContextOptions| match Context::with_options(options) {
        Err(ContextError::Option { option, .. }) => option,
        other => panic!("{other:?}"),
    };
    let options = ContextOptions::new;
    assert_eq!(fault(options().pumps(0)), "pumps");
    assert_eq!(fault(options().pumps(1025)), "pumps");
    assert_eq!(fault(options().name("a\0b")), "name");
    assert_eq!(fault(options().max_sockets(Some(0))), "max_sockets");
    assert_eq!(fault(options().max_connections(Some(0))), "max_connections");
    assert_eq!(fault(options().max_handshakes(0)), "max_handshakes");
    assert_eq!(fault(options().spin(Duration::from_secs(1))), "spin");
    assert_eq!(
        fault(options().task_spin(Duration::from_secs(1))),
        "task_spin"
    );
    let bad = Options::new().backlog(0);
    assert_eq!(fault(options().socket_options(bad)), "backlog");
    let nowhere = Options::new().pump(Some(1));
    assert_eq!(fault(options().socket_options(nowhere)), "pump");
}

#[test]
fn the_number_of_sockets_of_a_context_is_limited() {
    within(LIMIT, || {
        let options = ContextOptions::new().pumps(2).max_sockets(Some(3));
        let context = Context::with_options(options).unwrap();
        let mut sockets: Vec<_> = (0..3).map(|_| context.socket::<Push>().unwrap()).collect();
        let refused = || matches!(context.socket::<Pull>(), Err(SocketError::TooManySockets));
        assert!(refused());
        // A socket that is still closing is one of them.
        let push = sockets.pop().unwrap();
        push.connect(Transport::Tcp.endpoint()).unwrap();
        put(&push.sender(), "not taken");
        push.configure(|options| options.linger(Linger::UntilSent))
            .unwrap();
        let closing = push.close();
        assert!(refused());
        sockets[0].close_blocking();
        sockets[0] = context.socket::<Push>().unwrap();
        assert!(refused());
        drop(closing);
        // A socket that could not be opened takes no place.
        drop(sockets.pop());
        eventually("a place", || context.socket::<Pull>().is_ok());
        shut_down(&context);
    });
}

#[test]
fn sockets_without_options_of_their_own_have_those_of_the_context() {
    within(LIMIT, || {
        let defaults = Options::new()
            .linger(Linger::For(Duration::ZERO))
            .high_water_marks(7);
        let options = ContextOptions::new().socket_options(defaults.clone());
        let context = Context::with_options(options.clone()).unwrap();
        assert_eq!(*context.options(), options);
        let push = context.socket::<Push>().unwrap();
        assert_eq!(*push.options().unwrap(), defaults);
        assert_eq!(push.sender().capacity(), Some(7));
        let other = context.socket_with::<Push>(Options::new()).unwrap();
        assert_eq!(*other.options().unwrap(), Options::new());
        // ZMQ_BLOCKY 0: no call waits for what cannot be sent.
        push.connect(Transport::Tcp.endpoint()).unwrap();
        put(&push.sender(), "never sent");
        assert_eq!(push.close_blocking().undelivered, 1);
    });
}

fn limited(connections: usize) -> Context {
    let options = ContextOptions::new().max_connections(Some(connections));
    Context::with_options(options.pumps(2)).unwrap()
}

#[test]
fn silent_connections_at_the_limit_do_not_lock_peers_out() {
    alone(LIMIT, || {
        let context = limited(10);
        let pull = context.socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let address = endpoint.as_str().strip_prefix("tcp://").unwrap().to_owned();
        let before = open_files();
        let flood: Vec<_> = (0..300)
            .map(|_| TcpStream::connect(&address).unwrap())
            .collect();
        let push = Context::new().socket::<Push>().unwrap();
        push.connect(&endpoint).unwrap();
        put(&push.sender(), "honest");
        assert_eq!(next_text(&pull.receiver()), "honest");
        // The flood is ended by us, all but ten of it.
        let ended = flood.iter().filter(|stream| {
            stream
                .set_read_timeout(Some(Duration::from_millis(50)))
                .unwrap();
            let mut bytes = [0; 64];
            loop {
                match (&mut &**stream).read(&mut bytes) {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
                }
            }
        });
        let ended = ended.count();
        assert!(ended >= 290, "only {ended} ended");
        drop(flood);
        eventually("no file is left open", || open_files() < before + 20);
    });
}

#[test]
fn the_limit_on_connections_covers_all_sockets() {
    within(LIMIT, || {
        let context = limited(4);
        let pulls = [(); 2].map(|()| context.socket::<Pull>().unwrap());
        let endpoints = [
            pulls[0].bind("tcp://127.0.0.1:*").unwrap(),
            pulls[1].bind("ipc://*").unwrap(),
        ];
        let elsewhere = Context::new();
        let options = || {
            Options::new()
                // Of what one still holds when it goes, nothing is waited for.
                .linger(Linger::For(Duration::from_millis(20)))
                .reconnect_interval(Some(Duration::from_millis(5)))
                .reconnect_interval_max(Duration::from_millis(50))
        };
        let pushes: Vec<_> = (0..10)
            .map(|number| {
                let push = elsewhere.socket_with::<Push>(options()).unwrap();
                push.connect(&endpoints[number % 2]).unwrap();
                push
            })
            .collect();
        let mut heard: Vec<usize> = Vec::new();
        let hear = |heard: &mut Vec<usize>| {
            // Again and again: what was sent to a peer that is refused after all is lost.
            for (number, push) in pushes.iter().enumerate() {
                let _ = push.try_send(number.to_string());
            }
            for pull in &pulls {
                while let Ok(message) = pull.try_recv() {
                    let number = text(&message).parse().unwrap();
                    if !heard.contains(&number) {
                        heard.push(number);
                    }
                }
            }
        };
        eventually("four are heard", || {
            hear(&mut heard);
            heard.len() == 4
        });
        let more = holds_within(Duration::from_millis(150), || {
            hear(&mut heard);
            heard.len() > 4
        });
        assert!(!more, "a fifth got in");
        // A peer that leaves makes room, until all were there.
        for _ in 0..6 {
            let before = heard.len();
            let gone = *heard
                .iter()
                .find(|number| !pushes[**number].is_closed())
                .unwrap();
            pushes[gone].close_blocking();
            eventually("the next one", || {
                hear(&mut heard);
                heard.len() > before
            });
        }
        heard.sort_unstable();
        assert_eq!(heard, (0..10).collect::<Vec<_>>());
    });
}

// ---- inproc from pump to pump

/// A pair on two pumps, connected.
fn across<A: Typed, B: Typed>(bound: Options, connected: Options) -> (Socket<A>, Socket<B>) {
    let context = with_pumps(2);
    let bound = on::<A>(&context, 0, bound);
    let connected = on::<B>(&context, 1, connected);
    let endpoint = bound.bind(Transport::Inproc.endpoint()).unwrap();
    connected.connect(endpoint).unwrap();
    (bound, connected)
}

#[test]
fn across_pumps_connect_works_before_and_after_bind() {
    within(LIMIT, || {
        for early in [true, false] {
            let context = with_pumps(2);
            let rep = on::<Rep>(&context, 0, Options::new());
            let req = on::<Req>(&context, 1, Options::new());
            let endpoint = Transport::Inproc.endpoint();
            if early {
                req.connect(&endpoint).unwrap();
                req.send_blocking("early").unwrap();
                nothing_comes(&rep.receiver());
                rep.bind(&endpoint).unwrap();
            } else {
                rep.bind(&endpoint).unwrap();
                req.connect(&endpoint).unwrap();
                req.send_blocking("late").unwrap();
            }
            for round in 0..100 {
                let request = next(&rep.receiver());
                rep.send_blocking(request.clone()).unwrap();
                assert_eq!(next(&req.receiver()), request);
                req.send_blocking(round.to_string()).unwrap();
            }
        }
    });
}

#[test]
fn across_pumps_no_message_is_lost_or_reordered() {
    const COUNT: u32 = 100_000;
    within(LIMIT, || {
        for mark in [1000, 3] {
            let options = || Options::new().high_water_marks(mark);
            let (left, right) = across::<Pair, Pair>(options(), options());
            let count = if mark == 3 { COUNT / 20 } else { COUNT };
            let threads = [
                (left.sender(), right.receiver()),
                (right.sender(), left.receiver()),
            ]
            .map(|(sender, receiver)| {
                let sending = thread::spawn(move || {
                    for number in 0..count {
                        put(&sender, number.to_be_bytes());
                    }
                });
                let receiving = thread::spawn(move || {
                    for number in 0..count {
                        assert_eq!(next(&receiver)[0], number.to_be_bytes());
                    }
                });
                [sending, receiving]
            });
            for thread in threads.into_iter().flatten() {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn across_pumps_payloads_are_moved_not_copied() {
    within(LIMIT, || {
        let (pull, push) = across::<Pull, Push>(Options::new(), Options::new());
        let payload = vec![7_u8; 1 << 20];
        let place = payload.as_ptr();
        put(&push.sender(), Message::from(payload));
        let message = next(&pull.receiver());
        assert_eq!((message[0].as_ptr(), message[0].len()), (place, 1 << 20));
    });
}

#[test]
fn across_pumps_both_marks_together_are_accepted() {
    within(LIMIT, || {
        for (send, receive) in [(5, 3), (1, 1), (1, 5), (1000, 10)] {
            let (pull, push) = across::<Pull, Push>(
                Options::new().receive_high_water_mark(receive),
                Options::new().send_high_water_mark(send),
            );
            for _ in 0..3 {
                for number in 0..send + receive {
                    put(&push.sender(), number.to_string());
                }
                let more = holds_within(Duration::from_millis(30), || {
                    push.try_send("too many").is_ok()
                });
                assert!(!more, "marks {send} and {receive}");
                for number in 0..send + receive {
                    assert_eq!(next_text(&pull.receiver()), number.to_string());
                }
                eventually("nothing is used up", || push.sender().is_empty());
            }
        }
    });
}

#[test]
fn across_pumps_a_name_is_bound_once_and_unbound_while_pipes_stay() {
    within(LIMIT, || {
        let context = with_pumps(3);
        let first = on::<Pull>(&context, 0, Options::new());
        let second = on::<Pull>(&context, 1, Options::new());
        let push = on::<Push>(&context, 2, Options::new());
        let endpoint = first.bind(Transport::Inproc.endpoint()).unwrap();
        push.connect(&endpoint).unwrap();
        put(&push.sender(), "one");
        assert_eq!(next_text(&first.receiver()), "one");
        assert!(matches!(second.bind(&endpoint), Err(BindError::InUse(_))));
        first.unbind(&endpoint).unwrap();
        second.bind(&endpoint).unwrap();
        assert!(matches!(first.bind(&endpoint), Err(BindError::InUse(_))));
        put(&push.sender(), "two");
        assert_eq!(next_text(&first.receiver()), "two", "the link lives on");
        first.close_blocking();
        // Now there is only the second one.
        put(&push.sender(), "three");
        assert_eq!(next_text(&second.receiver()), "three");
        second.close_blocking();
        let third = on::<Pull>(&context, 0, Options::new());
        third.bind(&endpoint).unwrap();
        put(&push.sender(), "four");
        assert_eq!(next_text(&third.receiver()), "four");
    });
}

#[test]
fn across_pumps_closing_sends_accepted_messages() {
    within(LIMIT, || {
        for (close, receive) in [(true, 3), (false, 1000)] {
            let (pull, push) = across::<Pull, Push>(
                Options::new().receive_high_water_mark(receive),
                Options::new(),
            );
            for number in 0..500 {
                put(&push.sender(), number.to_string());
            }
            let closing = close.then(|| push.close());
            drop(push);
            for number in 0..500 {
                assert_eq!(next_text(&pull.receiver()), number.to_string());
            }
            if let Some(closing) = closing {
                assert_eq!(futures::executor::block_on(closing).undelivered, 0);
            }
        }
    });
}

#[test]
fn across_pumps_a_stalled_receiver_stalls_no_other() {
    within(LIMIT, || {
        let context = with_pumps(2);
        let marks = || Options::new().high_water_marks(5);
        let stalled = on::<Pull>(&context, 0, marks());
        let busy = on::<Pull>(&context, 0, marks());
        let flood = on::<Push>(&context, 1, marks());
        let push = on::<Push>(&context, 1, marks());
        flood
            .connect(stalled.bind(Transport::Inproc.endpoint()).unwrap())
            .unwrap();
        push.connect(busy.bind(Transport::Inproc.endpoint()).unwrap())
            .unwrap();
        (0..10).for_each(|_| put(&flood.sender(), "stuck"));
        assert!(matches!(flood.try_send("x"), Err(TrySendError::Full(_))));
        for number in 0..10_000 {
            put(&push.sender(), number.to_string());
            assert_eq!(next_text(&busy.receiver()), number.to_string());
        }
        (0..10).for_each(|_| assert_eq!(next_text(&stalled.receiver()), "stuck"));
    });
}

#[test]
fn across_pumps_topics_and_routing_ids_work() {
    within(LIMIT, || {
        let context = with_pumps(3);
        let publisher = on::<Pub>(&context, 0, Options::new());
        let endpoint = publisher.bind(Transport::Inproc.endpoint()).unwrap();
        let subscribers = [1, 2].map(|pump| {
            let sub = on::<Sub>(&context, pump, Options::new());
            sub.subscribe(format!("topic {pump}")).unwrap();
            sub.connect(&endpoint).unwrap();
            common::wait_subscribed(
                &publisher.sender(),
                &sub.receiver(),
                &format!("topic {pump}"),
            );
            sub
        });
        put(&publisher.sender(), "topic 1");
        put(&publisher.sender(), "topic 2");
        assert_eq!(next_text(&subscribers[0].receiver()), "topic 1");
        assert_eq!(next_text(&subscribers[1].receiver()), "topic 2");

        let router = on::<Router>(&context, 0, Options::new());
        let endpoint = router.bind(Transport::Inproc.endpoint()).unwrap();
        let dealers = [1, 2].map(|pump| {
            let name = format!("dealer {pump}");
            let dealer = on::<Dealer>(&context, pump, Options::new().routing_id(name));
            dealer.connect(&endpoint).unwrap();
            put(&dealer.sender(), "hello");
            dealer
        });
        let mut met = [0, 0].map(|_| text(&Message::from(next(&router.receiver())[0].to_vec())));
        met.sort();
        assert_eq!(met, ["dealer 1", "dealer 2"]);
        put(&router.sender(), ["dealer 2", "you"]);
        assert_eq!(next_text(&dealers[1].receiver()), "you");
    });
}

#[test]
fn binding_and_connecting_at_once_never_loses_the_link() {
    within(LIMIT, || {
        for round in 0..200 {
            let context = with_pumps(3);
            let endpoint = Transport::Inproc.endpoint();
            let start = Arc::new(Barrier::new(6));
            let pull = context.socket::<Pull>().unwrap();
            let receiver = pull.receiver();
            let binding = {
                let (start, endpoint) = (Arc::clone(&start), endpoint.clone());
                thread::spawn(move || {
                    start.wait();
                    pull.bind(endpoint).unwrap();
                    pull
                })
            };
            let connecting: Vec<_> = (0..5)
                .map(|number: i32| {
                    // What is lost is not tried again: the first try must do.
                    let options = Options::new().reconnect_interval(None);
                    let push = context.socket_with::<Push>(options).unwrap();
                    let (start, endpoint) = (Arc::clone(&start), endpoint.clone());
                    thread::spawn(move || {
                        start.wait();
                        push.connect(endpoint).unwrap();
                        put(&push.sender(), number.to_string());
                        push
                    })
                })
                .collect();
            let mut heard: Vec<_> = (0..5).map(|_| next_text(&receiver)).collect();
            heard.sort();
            assert_eq!(heard, ["0", "1", "2", "3", "4"], "round {round}");
            binding.join().unwrap();
            for thread in connecting {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn connects_that_wait_on_any_pump_do_not_delay_shutdown() {
    within(LIMIT, || {
        for round in 0..10 {
            let context = with_pumps([1, 3][round % 2]);
            let sockets: Vec<_> = (0..50)
                .map(|_| {
                    let push = context.socket::<Push>().unwrap();
                    push.connect(Transport::Inproc.endpoint()).unwrap();
                    put(&push.sender(), "waits");
                    push
                })
                .collect();
            let waiting = sockets[0].clone();
            let closing = thread::spawn(move || waiting.close_blocking());
            shut_down(&context);
            closing.join().unwrap();
            assert!(sockets.iter().all(Socket::is_closed));
        }
    });
}

#[test]
fn shutdown_wakes_the_sockets_of_every_pump() {
    alone(LIMIT, || {
        for _ in 0..20 {
            let context = with_pumps(3);
            let endpoint = Transport::Inproc.endpoint();
            let pull = context.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            let (report, reports) = mpsc::channel();
            for _ in 0..6 {
                let push = context.socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                let pair = context.socket::<Pair>().unwrap();
                let report = report.clone();
                thread::spawn(move || {
                    // A flood, until the end.
                    while push.send_blocking("x").is_ok() {}
                    report.send(pair.recv_blocking()).unwrap();
                });
            }
            next(&pull.receiver());
            shut_down(&context);
            for _ in 0..6 {
                let ended = reports.recv_timeout(PATIENCE).unwrap();
                assert_eq!(ended, Err(RecvError::Closed(Closed::Context)));
            }
            // The system lists a thread for a moment after it was joined.
            eventually("no thread is left", || pump_threads() == 0);
        }
    });
}

#[test]
fn several_pumps_end_with_their_last_handle() {
    alone(LIMIT, || {
        let files = open_files();
        for round in 0..50 {
            let context = with_pumps(2);
            let pull = on::<Pull>(&context, 0, Options::new());
            let stays = round % 2 == 0;
            let linger = match stays {
                true => Linger::UntilSent,
                // What no call takes any more is not waited for, for ever.
                false => Linger::For(Duration::from_millis(20)),
            };
            let push = on::<Push>(&context, 1, Options::new().linger(linger));
            push.connect(pull.bind(Transport::Inproc.endpoint()).unwrap())
                .unwrap();
            for number in 0..100 {
                put(&push.sender(), number.to_string());
            }
            drop(context);
            drop(push);
            let receiver = pull.receiver();
            drop(pull);
            for number in 0..if stays { 100 } else { 0 } {
                assert_eq!(next_text(&receiver), number.to_string());
            }
            drop(receiver);
            eventually("the pumps end", || pump_threads() == 0);
        }
        eventually("their files are closed", || open_files() <= files + 2);
    });
}

// ---- many of everything

/// A hundred sockets of every type there is, bound and connected as it comes.
fn hundred_sockets(pumps: usize, seed: u64) {
    const TYPES: [&str; 20] = [
        "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
        "STREAM", "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "PEER", "CHANNEL",
    ];
    let mut random = Random(seed);
    let context = with_pumps(pumps);
    let mut sockets = Vec::new();
    while sockets.len() < 100 {
        let kind: SocketType = TYPES[random.below(TYPES.len())].parse().unwrap();
        match context.socket_of(kind, Options::new()) {
            Ok(socket) => sockets.push(socket),
            Err(SocketError::Unsupported(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    for _ in 0..400 {
        let socket = &sockets[random.below(sockets.len())];
        let endpoint = format!("inproc://{}", random.below(30));
        match random.below(4) {
            0 => match socket.bind(&endpoint) {
                Ok(_) | Err(BindError::InUse(_)) => {}
                // STREAM is for tcp and ipc.
                Err(BindError::Unsupported { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            1 | 2 => {
                let _ = socket.connect(&endpoint);
            }
            _ => {
                if let Some(sender) = socket.sender() {
                    let _ = sender.try_send(["a", "b"]);
                }
            }
        }
    }
    // Alive: a client that comes now is served.
    let (rep, req) = (
        context.socket::<Rep>().unwrap(),
        context.socket::<Req>().unwrap(),
    );
    req.connect(rep.bind("inproc://alive").unwrap()).unwrap();
    req.send_blocking("alive?").unwrap();
    assert_eq!(next_text(&rep.receiver()), "alive?");
    rep.send_blocking("yes").unwrap();
    assert_eq!(next_text(&req.receiver()), "yes");
    shut_down(&context);
    assert!(sockets.iter().all(Socket::is_closed));
}

#[test]
fn a_hundred_sockets_of_random_type_bind_and_connect_at_random() {
    for pumps in [1, 3] {
        for seed in 0..5 {
            let (timed, ()) = Timed::run(|| hundred_sockets(pumps, seed));
            timed.at_most(Duration::from_secs(1), "a hundred sockets");
        }
    }
}

#[test]
fn many_pairs_of_req_and_rep_complete_their_round_trips() {
    within(LIMIT, || {
        for pumps in [1, 2] {
            let context = with_pumps(pumps);
            let mut pairs = Vec::new();
            for number in 0..common::rounds(100) {
                let (rep, req) = (
                    context.socket::<Rep>().unwrap(),
                    context.socket::<Req>().unwrap(),
                );
                let endpoint = format!("inproc://pair-{number}");
                if number % 2 == 0 {
                    req.connect(&endpoint).unwrap();
                    rep.bind(&endpoint).unwrap();
                } else {
                    rep.bind(&endpoint).unwrap();
                    req.connect(&endpoint).unwrap();
                }
                req.send_blocking(number.to_string()).unwrap();
                let request = next(&rep.receiver());
                assert_eq!(text(&request), number.to_string());
                rep.send_blocking(request).unwrap();
                assert_eq!(next_text(&req.receiver()), number.to_string());
                // Some stay, some go.
                if number % 10 == 0 {
                    pairs.push((rep, req));
                }
            }
            shut_down(&context);
        }
    });
}

#[test]
fn many_contexts_leave_no_resources_behind() {
    alone(Duration::from_secs(60), || {
        let folder = Folder::new();
        let mut before = None;
        for round in 0..common::rounds(100) {
            let context = with_pumps(1 + round % 2);
            let pull = context.socket::<Pull>().unwrap();
            let (near, far) = (
                context.socket::<Push>().unwrap(),
                context.socket::<Push>().unwrap(),
            );
            let path = folder.path().join("feed");
            near.connect(pull.bind("inproc://feed").unwrap()).unwrap();
            far.connect(pull.bind(format!("ipc://{}", path.display())).unwrap())
                .unwrap();
            for push in [&near, &far] {
                put(&push.sender(), "x");
            }
            if round % 3 == 0 {
                next(&pull.receiver());
                next(&pull.receiver());
            }
            context.shutdown();
            assert_eq!(folder.files(), 0, "round {round}");
            // The system lists a thread for a moment after it was joined.
            eventually("no thread is left", || pump_threads() == 0);
            let files = *before.get_or_insert_with(open_files);
            assert_eq!(open_files(), files, "round {round}");
        }
    });
}

// ---- the default context

#[test]
fn the_default_context_is_one_for_the_whole_process() {
    alone(LIMIT, || {
        assert_eq!(pump_threads(), 0);
        let pull = Context::global().socket::<Pull>().unwrap();
        let endpoint = pull.bind("ipc://*").unwrap();
        pull.bind("inproc://global").unwrap();
        let pushing = thread::spawn(|| {
            let push = Context::global().socket::<Push>().unwrap();
            push.connect("inproc://global").unwrap();
            put(&push.sender(), "from another thread");
        });
        assert_eq!(next_text(&pull.receiver()), "from another thread");
        pushing.join().unwrap();
        let push = Context::new().socket::<Push>().unwrap();
        push.connect(endpoint).unwrap();
        put(&push.sender(), "from another context");
        assert_eq!(next_text(&pull.receiver()), "from another context");
        drop(push);
        eventually("one pump is left", || pump_threads() == 1);
        shut_down(&Context::global());
        let late = Context::global().socket::<Pull>();
        assert!(matches!(late, Err(SocketError::Closed(Closed::Context))));
    });
}

/// Ends by returning from the test, as a process does from `main`.
#[test]
fn a_process_exits_while_the_default_context_and_several_pumps_run() {
    alone(Duration::from_secs(10), || {
        let pull = Context::global().socket::<Pull>().unwrap();
        pull.bind("tcp://127.0.0.1:*").unwrap();
        let listening = pull.receiver();
        thread::spawn(move || listening.recv_blocking());
        let push = Context::global().socket::<Push>().unwrap();
        push.connect("inproc://unbound").unwrap();
        put(&push.sender(), "never delivered");
        let context = with_pumps(3);
        let sockets: Vec<_> = (0..6).map(|_| context.socket::<Pair>().unwrap()).collect();
        sockets[1]
            .connect(sockets[0].bind("inproc://idle").unwrap())
            .unwrap();
        std::mem::forget((pull, push, context, sockets));
    });
}
