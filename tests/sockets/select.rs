//! Waiting for many sockets and other channels at once: by futures, and by `Select` in threads.

use crate::common;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Arc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::tasks::{a_while, cancelled_receives};
use common::{
    alone, eventually, holds_within, next_text, put, within, Transport, ABSENCE, LIMIT, PATIENCE,
};
use futures::executor::block_on;
use futures::future::{self, Either};
use futures::{stream, FutureExt};
use zmq_channels::error::{Closed, RecvError, RecvTimeoutError, SelectError};
use zmq_channels::select::{Selected, Token};
use zmq_channels::{
    Context, Message, Options, Pull, Push, Receiver, Rep, Req, Select, Sender, Socket,
};

const SHORT: Duration = Duration::from_millis(5);

fn connected(context: &Context, transport: Transport, mark: usize) -> (Socket<Push>, Socket<Pull>) {
    common::connected(context, transport, &Options::new().high_water_marks(mark))
}

fn number(number: u32) -> Message {
    number.to_string().into()
}

fn value(message: &Message) -> u32 {
    message.as_str().unwrap().parse().unwrap()
}

/// The event, which must come.
fn event<T>(select: &mut Select<'_, T>) -> Selected<T> {
    select
        .wait_timeout(PATIENCE)
        .expect("something should have come")
}

// ---- futures

#[test]
fn a_storm_of_cancelled_branches_of_futures_select() {
    within(LIMIT, || {
        cancelled_receives(|left, right, rounds| {
            block_on(async {
                let enough = a_while(rounds);
                futures::pin_mut!(enough);
                futures::select! {
                    message = left.recv().fuse() => Some((0, message.unwrap())),
                    message = right.recv().fuse() => Some((1, message.unwrap())),
                    () = enough.fuse() => None,
                }
            })
        });
    });
}

/// A race of a receive against a deadline, lost and won at random, two thousand times: nothing
/// is lost, and nothing comes twice.
#[test]
fn races_lose_no_message() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().high_water_marks(3);
        let pull = context.socket_with::<Pull>(options.clone()).unwrap();
        let push = context.socket_with::<Push>(options).unwrap();
        push.connect(pull.bind("inproc://races").unwrap()).unwrap();
        const COUNT: u32 = 2_000;
        let sending = thread::spawn(move || {
            block_on(async {
                let mut given_up = 0;
                for number in 0..COUNT {
                    let mut message = Message::from(number.to_be_bytes());
                    let limit = Duration::from_micros(u64::from(number % 7) * 10);
                    while let Err(error) = push.send_timeout(message, limit).await {
                        message = error.into_inner();
                        given_up += 1;
                    }
                }
                push.close().await;
                given_up
            })
        });
        block_on(async {
            for number in 0..COUNT {
                let got = loop {
                    let first = pull.recv();
                    let second =
                        pull.recv_timeout(Duration::from_micros(u64::from(number % 5) * 20));
                    match future::select(first, second).await {
                        Either::Left((message, _)) => break message.unwrap(),
                        Either::Right((Ok(message), _)) => break message,
                        Either::Right((Err(RecvTimeoutError::Timeout), _)) => {}
                        Either::Right((Err(other), _)) => panic!("{other}"),
                    }
                };
                assert_eq!(got[0], number.to_be_bytes());
            }
            let rest = pull.recv_timeout(Duration::from_millis(50)).await;
            assert_eq!(rest, Err(RecvTimeoutError::Timeout));
        });
        sending.join().unwrap();
    });
}

// ---- Select: which one it is

#[test]
fn the_ready_receiver_is_identified() {
    within(LIMIT, || {
        let context = Context::new();
        let mut select = Select::new();
        let mut pushes = Vec::new();
        for index in 0..30 {
            let (push, pull) = connected(&context, Transport::ALL[index % 3], 10);
            let token = select.receiver(pull.receiver());
            // The receiver in there keeps the socket.
            pushes.push((push, token));
        }
        assert_eq!(select.try_wait(), Err(SelectError::Timeout));
        for index in [7, 29, 0, 0, 13, 29, 1] {
            let (push, token) = &pushes[index];
            put(&push.sender(), number(index as u32));
            let expected = Selected::Received::<Message>(*token, number(index as u32));
            assert_eq!(event(&mut select), expected);
        }
        assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
    });
}

#[test]
fn timeouts_are_obeyed() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected(&context, Transport::Inproc, 10);
        let mut select = Select::new();
        let token = select.receiver(pull.receiver());
        let start = Instant::now();
        let late = Err(SelectError::Timeout);
        assert_eq!(select.wait_timeout(4 * SHORT), late);
        assert!(start.elapsed() >= 4 * SHORT);
        assert!(start.elapsed() < PATIENCE);
        // A stream that is always about to have something is no excuse.
        select.stream(stream::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Pending::<Option<Message>>
        }));
        let start = Instant::now();
        assert_eq!(select.wait_timeout(4 * SHORT), late);
        assert!(start.elapsed() < PATIENCE);
        put(&push.sender(), "x");
        assert_eq!(event(&mut select), Selected::Received(token, "x".into()));
    });
}

/// Busy sources take turns, whatever they are and whenever they were added.
#[test]
fn busy_sources_have_equal_shares() {
    within(LIMIT, || {
        const EACH: u32 = 200;
        let context = Context::new();
        let mut select = Select::new();
        let mut shares: BTreeMap<Token, u32> = BTreeMap::new();
        let mut pushes = Vec::new();
        for index in 0..6 {
            let (push, pull) = connected(&context, Transport::ALL[index % 3], 1_000);
            let receiver = pull.receiver();
            for count in 0..EACH {
                put(&push.sender(), number(count));
            }
            eventually("all have come", || receiver.len() == EACH as usize);
            shares.insert(select.receiver(receiver), 0);
            pushes.push(push);
        }
        shares.insert(select.stream(stream::repeat("busy")), 0);
        for _ in 0..EACH * 5 {
            match event(&mut select) {
                Selected::Received(token, _) => *shares.get_mut(&token).unwrap() += 1,
                other => panic!("{other:?}"),
            }
        }
        let (most, least) = (shares.values().max(), shares.values().min());
        let (most, least) = (f64::from(*most.unwrap()), f64::from(*least.unwrap()));
        assert!(most / least <= 1.1, "{shares:?}");
    });
}

#[test]
fn sources_that_end_are_reported_once() {
    within(LIMIT, || {
        let mut select = Select::new();
        assert_eq!(select.wait(), Err(SelectError::NoSource));
        let (context, other) = (Context::new(), Context::new());
        let (push, pull) = connected(&context, Transport::Inproc, 10);
        let closed = select.receiver(pull.receiver());
        put(&push.sender(), "rest");
        eventually("it has come", || pull.receiver().len() == 1);
        pull.close_blocking();
        assert_eq!(
            event(&mut select),
            Selected::Received(closed, "rest".into())
        );
        let end = Selected::Ended(closed, RecvError::Closed(Closed::Socket));
        assert_eq!(event(&mut select), end);
        assert_eq!(select.wait(), Err(SelectError::NoSource));

        let (_push, pull) = connected(&other, Transport::Inproc, 10);
        let terminated = select.receiver(pull.receiver());
        let (give, take) = flume::unbounded::<Message>();
        let dropped = select.stream(take.into_stream());
        assert_eq!(select.len(), 2);
        let ending = thread::spawn(move || {
            other.shutdown();
            drop(give);
        });
        let mut ends = [event(&mut select), event(&mut select)];
        ending.join().unwrap();
        if ends[0] != Selected::Ended(terminated, RecvError::Closed(Closed::Context)) {
            ends.swap(0, 1);
        }
        let expected = [
            Selected::Ended(terminated, RecvError::Closed(Closed::Context)),
            Selected::Ended(dropped, RecvError::Closed(Closed::Socket)),
        ];
        assert_eq!(ends, expected);
        assert!(select.is_empty());
    });
}

#[test]
fn a_wait_for_room_ends_with_room() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected(&context, Transport::Inproc, 2);
        let fill = || while push.try_send("x").is_ok() {};
        eventually("it stays full", || {
            fill();
            !holds_within(SHORT, || push.try_send("x").is_ok())
        });
        let mut select = Select::new();
        let room = select.sender(push.sender());
        assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
        for _ in 0..3 {
            next_text(&pull.receiver());
        }
        assert_eq!(event(&mut select), Selected::Room(room));
        assert!(select.is_empty());
        push.try_send("y").unwrap();

        // A closed socket makes no call wait.
        let room = select.sender(push.sender());
        drop(push.close());
        assert_eq!(event(&mut select), Selected::Room(room));
    });
}

#[test]
fn any_stream_and_any_waker_can_be_a_source() {
    #[derive(Debug, PartialEq)]
    enum Happened {
        Message(Message),
        Number(u32),
        Text(&'static str),
    }
    impl From<Message> for Happened {
        fn from(message: Message) -> Self {
            Happened::Message(message)
        }
    }
    impl From<u32> for Happened {
        fn from(number: u32) -> Self {
            Happened::Number(number)
        }
    }
    impl From<&'static str> for Happened {
        fn from(text: &'static str) -> Self {
            Happened::Text(text)
        }
    }
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected(&context, Transport::Tcp, 10);
        let (numbers, from_flume) = flume::bounded::<u32>(1);
        let (mut texts, from_bounded) = futures::channel::mpsc::channel::<&'static str>(1);
        let (more, from_futures) = futures::channel::mpsc::unbounded::<u32>();
        let mut select = Select::<Happened>::default();
        let socket = select.receiver(pull.receiver());
        let number = select.stream(from_flume.into_stream());
        let text = select.stream(from_bounded);
        let other = select.stream(from_futures);
        let (called, waker) = select.waker();

        texts.try_send("text").unwrap();
        let found = Selected::Received(text, Happened::Text("text"));
        assert_eq!(event(&mut select), found);
        put(&push.sender(), "message");
        let found = Selected::Received(socket, Happened::Message("message".into()));
        assert_eq!(event(&mut select), found);
        // From another thread, while this one sleeps.
        let sending = thread::spawn(move || {
            numbers.send(7).unwrap();
            numbers
        });
        let found = Selected::Received(number, Happened::Number(7));
        assert_eq!(event(&mut select), found);
        let _numbers = sending.join().unwrap();
        more.unbounded_send(8).unwrap();
        let found = Selected::Received(other, Happened::Number(8));
        assert_eq!(event(&mut select), found);

        let waking = waker.clone();
        thread::spawn(move || waking.wake());
        assert_eq!(event(&mut select), Selected::Woken(called));
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert_eq!(event(&mut select), Selected::Woken(called));
        assert_eq!(select.try_wait(), Err(SelectError::Timeout));
        assert!(select.remove(called));
        assert!(!select.remove(called));
        waker.wake();
        assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
        // What is removed stays where it was.
        assert!(select.remove(socket));
        put(&push.sender(), "kept");
        assert_eq!(next_text(&pull.receiver()), "kept");
    });
}

/// Two REP sockets in one thread: each has its turn when its reply has been sent.
#[test]
fn one_thread_serves_two_rep_sockets() {
    within(LIMIT, || {
        const ROUNDS: u32 = 200;
        let context = Context::new();
        let reps = [(); 2].map(|()| context.socket::<Rep>().unwrap());
        let clients = reps.each_ref().map(|rep| {
            let endpoint = rep.bind(Transport::Inproc.endpoint()).unwrap();
            let req = context.socket::<Req>().unwrap();
            req.connect(endpoint).unwrap();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    put(&req.sender(), number(round));
                    assert_eq!(next_text(&req.receiver()), (round + 1).to_string());
                }
            })
        });
        let mut select = Select::new();
        let senders: BTreeMap<Token, Sender> = reps
            .iter()
            .map(|rep| (select.receiver(rep.receiver()), rep.sender()))
            .collect();
        for _ in 0..2 * ROUNDS {
            match event(&mut select) {
                Selected::Received(token, message) => {
                    put(&senders[&token], number(value(&message) + 1));
                }
                other => panic!("{other:?}"),
            }
        }
        for client in clients {
            client.join().unwrap();
        }
    });
}

// ---- Select: among others

/// A `Select` that is queued but does not wait takes nothing from those that do.
#[test]
fn an_idle_select_delays_no_receiver() {
    within(LIMIT, || {
        for dropped in [false, true] {
            let context = Context::new();
            let (push, pull) = connected(&context, Transport::Inproc, 1);
            let mut idle = Select::new();
            idle.receiver(pull.receiver());
            assert_eq!(idle.wait_timeout(SHORT), Err(SelectError::Timeout));
            let receiver = pull.receiver();
            let (waits, is_waiting) = mpsc::channel();
            let other = thread::spawn(move || {
                let mut receiving = Box::pin(receiver.recv());
                block_on(futures::future::poll_fn(|context| {
                    let polled = receiving.as_mut().poll(context);
                    waits.send(()).unwrap();
                    polled
                }))
            });
            is_waiting.recv_timeout(PATIENCE).unwrap();
            let idle = (!dropped).then_some(idle);
            put(&push.sender(), "x");
            assert_eq!(other.join().unwrap(), Ok("x".into()));
            drop(idle);
        }
    });
}

/// As above, for room.
#[test]
fn a_select_that_leaves_room_unused_delays_no_sender() {
    within(LIMIT, || {
        for dropped in [false, true] {
            let context = Context::new();
            let options = Options::new().high_water_marks(1);
            let push = context.socket_with::<Push>(options.clone()).unwrap();
            put(&push.sender(), "one");
            let mut idle = Select::new();
            idle.sender(push.sender());
            assert_eq!(idle.wait_timeout(SHORT), Err(SelectError::Timeout));
            let sender = push.sender();
            let (waits, is_waiting) = mpsc::channel();
            let other = thread::spawn(move || {
                let mut sending = Box::pin(sender.send("two"));
                block_on(futures::future::poll_fn(|context| {
                    let polled = sending.as_mut().poll(context);
                    waits.send(()).unwrap();
                    polled
                }))
            });
            is_waiting.recv_timeout(PATIENCE).unwrap();
            let idle = (!dropped).then_some(idle);
            let pull = context.socket_with::<Pull>(options).unwrap();
            push.connect(pull.bind("inproc://room").unwrap()).unwrap();
            assert_eq!(next_text(&pull.receiver()), "one");
            assert_eq!(other.join().unwrap(), Ok(()));
            assert_eq!(next_text(&pull.receiver()), "two");
            drop(idle);
        }
    });
}

/// Threads, each with a `Select` over the same sockets, that often give up or start again.
#[test]
fn concurrent_selects_lose_no_message() {
    within(LIMIT, || {
        const EACH: u32 = 500;
        let context = Context::new();
        let pairs: Vec<_> = (0..4)
            .map(|index| connected(&context, Transport::ALL[index % 3], 5))
            .collect();
        let receivers: Vec<Receiver> = pairs.iter().map(|(_, pull)| pull.receiver()).collect();
        let taken = Arc::new(AtomicU32::new(0));
        let workers: Vec<_> = (0..3u64)
            .map(|worker| {
                let (receivers, taken) = (receivers.clone(), Arc::clone(&taken));
                thread::spawn(move || {
                    let mut got = 0;
                    let mut rounds = worker;
                    loop {
                        let mut select = Select::new();
                        for receiver in &receivers {
                            select.receiver(receiver.clone());
                        }
                        loop {
                            rounds += 1;
                            let patience = match rounds % 4 {
                                0 => Duration::from_micros(rounds % 50),
                                _ => PATIENCE,
                            };
                            match select.wait_timeout(patience) {
                                Ok(Selected::Received(..)) => {
                                    got += 1;
                                    taken.fetch_add(1, Ordering::SeqCst);
                                }
                                Ok(Selected::Ended(..)) | Err(SelectError::Timeout) => {}
                                Err(SelectError::NoSource) => return got,
                                Ok(other) => panic!("{other:?}"),
                            }
                            if rounds % 17 == 0 {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        let senders: Vec<_> = pairs
            .into_iter()
            .map(|(push, pull)| {
                thread::spawn(move || {
                    for count in 0..EACH {
                        put(&push.sender(), number(count));
                    }
                    assert_eq!(push.close_blocking().undelivered, 0);
                    pull
                })
            })
            .collect();
        let pulls: Vec<_> = senders
            .into_iter()
            .map(|sender| sender.join().unwrap())
            .collect();
        // Sent is not yet received: closing too early would lose what is on its way.
        eventually("all has been taken", || {
            taken.load(Ordering::SeqCst) == 4 * EACH
        });
        for pull in pulls {
            pull.close_blocking();
        }
        let got: u32 = workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum();
        assert_eq!(got, 4 * EACH);
    });
}

/// A waiting `Select` sleeps, and a source that has nothing is not looked at for the others' sake.
#[test]
#[cfg(target_os = "linux")]
fn waiting_uses_no_processor_time() {
    alone(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected(&context, Transport::Inproc, 10);
        let (polled, polls) = mpsc::channel();
        let (said, thread_id) = mpsc::channel();
        let waiting = thread::spawn(move || {
            let link = std::fs::read_link("/proc/thread-self").unwrap();
            said.send(format!("/proc/{}", link.display())).unwrap();
            let mut select = Select::new();
            select.receiver(pull.receiver());
            select.stream(stream::poll_fn(move |_| {
                polled.send(()).unwrap();
                Poll::Pending::<Option<Message>>
            }));
            for _ in 0..100 {
                assert!(matches!(event(&mut select), Selected::Received(..)));
            }
            pull
        });
        let status = format!("{}/status", thread_id.recv_timeout(PATIENCE).unwrap());
        polls.recv_timeout(PATIENCE).unwrap();
        for _ in 0..99 {
            put(&push.sender(), "x");
        }
        let switches = || {
            let status = std::fs::read_to_string(&status).unwrap();
            let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
            lines.collect::<Vec<_>>().join(" ")
        };
        // Until it sleeps for good.
        eventually("it sleeps", || {
            let before = switches();
            !holds_within(ABSENCE, || switches() != before)
        });
        put(&push.sender(), "x");
        waiting.join().unwrap();
        let more = polls.try_recv();
        assert!(more.is_err(), "polled without having called");
    });
}
