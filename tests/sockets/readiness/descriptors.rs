//! Descriptors: those of others in `Select`, and a socket's for the loops of others.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::task;
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use zmq_channels::error::{Closed, SelectError, TryRecvError};
use zmq_channels::select::{Readiness, ReadinessFd, Selected};
use zmq_channels::{Context, Message, Options, Pull, Push, Rep, Req, Select};

use super::{pair, woken, SHORT};
use crate::common::{alone, eventually, next_text, open_files, put, text, within};
use crate::common::{Transport, LIMIT, PATIENCE};

/// Whether the system says within `limit` that a descriptor is readable.
fn is_readable(fd: impl AsFd, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&limit)).unwrap() == 1
}

fn wait(select: &mut Select<'_>) -> Result<Selected, SelectError> {
    select.wait_timeout(PATIENCE)
}

// ---- in Select

#[test]
fn a_descriptor_is_reported_as_long_as_it_is_ready() {
    within(LIMIT, || {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let borrowed = there.try_clone().unwrap();
        let mut select = Select::new();
        let late = Err(SelectError::Timeout);
        let readable = select.descriptor(&borrowed, Readiness::READABLE).unwrap();
        assert_eq!((select.len(), select.is_empty()), (1, false));
        assert_eq!(select.try_wait(), late);
        let start = Instant::now();
        assert_eq!(select.wait_timeout(SHORT), late);
        assert!(start.elapsed() >= SHORT);
        here.write_all(b"x").unwrap();
        let is_readable = Ok(Selected::Descriptor(readable, Readiness::READABLE));
        for _ in 0..3 {
            assert_eq!(wait(&mut select), is_readable);
            assert_eq!(select.try_wait(), is_readable);
        }
        there.read_exact(&mut [0]).unwrap();
        assert_eq!(select.try_wait(), late);

        // What is not asked for is not told, but for the end.
        let owned = there.try_clone().unwrap();
        let both = Readiness::READABLE | Readiness::WRITABLE;
        let writable = select.descriptor(owned, both).unwrap();
        for _ in 0..3 {
            let is_writable = Selected::Descriptor(writable, Readiness::WRITABLE);
            assert_eq!(wait(&mut select), Ok(is_writable));
        }
        drop(here);
        let mut ends = Vec::new();
        eventually("both have hung up", || {
            if let Ok(Selected::Descriptor(token, ready)) = wait(&mut select) {
                if ready.contains(Readiness::ERROR | Readiness::READABLE) {
                    ends.push(token);
                }
            }
            ends.contains(&readable) && ends.contains(&writable)
        });
        assert!(select.remove(readable) && !select.remove(readable));
        assert!(select.remove(writable));
        assert_eq!(select.wait(), Err(SelectError::NoSource));
    });
}

#[test]
fn other_sources_end_a_wait_for_descriptors() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let (idle, _there) = UnixStream::pair().unwrap();
            let mut select = Select::new();
            select.descriptor(&idle, Readiness::READABLE).unwrap();
            let token = select.receiver(pull.receiver());
            let (woken, waker) = select.waker();
            for round in 0..20 {
                let (sender, waker) = (push.sender(), waker.clone());
                let waking = thread::spawn(move || match round % 2 {
                    0 => put(&sender, round.to_string()),
                    _ => waker.wake(),
                });
                let expected = match round % 2 {
                    0 => Selected::Received(token, round.to_string().into()),
                    _ => Selected::Woken(woken),
                };
                assert_eq!(select.wait(), Ok(expected), "{transport:?}");
                waking.join().unwrap();
            }
        }
    });
}

#[test]
fn descriptors_and_other_sources_are_reported_in_turn() {
    within(LIMIT, || {
        let (push, pull) = pair(Transport::Inproc, 100);
        for number in 0..50 {
            put(&push.sender(), number.to_string());
        }
        eventually("all are there", || pull.receiver().len() == 50);
        let pairs = [(); 3].map(|()| UnixStream::pair().unwrap());
        let mut select = Select::new();
        let writable = |select: &mut Select<'static>, stream: &UnixStream| {
            let stream = stream.try_clone().unwrap();
            select.descriptor(stream, Readiness::WRITABLE).unwrap()
        };
        let tokens = [0, 1, 2].map(|index: usize| writable(&mut select, &pairs[index].0));
        select.receiver(pull.receiver());
        let mut counts = [0; 4];
        for _ in 0..60 {
            match wait(&mut select).unwrap() {
                Selected::Descriptor(token, _) => {
                    counts[tokens.iter().position(|other| *other == token).unwrap()] += 1;
                }
                Selected::Received(..) => counts[3] += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(counts, [10, 10, 10, 30]);
    });
}

/// What comes while it does not wait is for those that do, whatever its last wait ended with.
#[test]
fn a_select_ended_by_a_descriptor_delays_no_receiver() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let (mut here, there) = UnixStream::pair().unwrap();
            let mut select = Select::<Message>::new();
            select.receiver(pull.receiver());
            let ready = select.descriptor(&there, Readiness::READABLE).unwrap();
            let writing = thread::spawn(move || {
                thread::park_timeout(SHORT);
                here.write_all(b"x").unwrap();
                here
            });
            let event = wait(&mut select);
            assert_eq!(event, Ok(Selected::Descriptor(ready, Readiness::READABLE)));
            let _open = writing.join().unwrap();
            let receiver = pull.receiver();
            let (times, waker) = woken();
            let mut receiving = receiver.recv();
            assert!(super::poll(&mut receiving, &waker).is_pending());
            put(&push.sender(), "for the one that waits");
            eventually("it is woken", || times.times() > 0);
            let received = super::poll(&mut receiving, &waker);
            let expected = Message::from("for the one that waits");
            assert_eq!(received, task::Poll::Ready(Ok(expected)), "{transport:?}");
        }
    });
}

// ---- the descriptor of a socket

#[test]
fn the_descriptor_of_a_socket_is_readable_until_a_check_finds_nothing() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let mut ready = pull.readiness_fd(Readiness::READABLE).unwrap();
            assert!(!is_readable(&ready, SHORT));
            assert_eq!(ready.check(), Readiness::NONE);
            for round in 0..5 {
                put(&push.sender(), "one");
                put(&push.sender(), "two");
                assert!(is_readable(&ready, PATIENCE), "{transport:?} {round}");
                assert_eq!(ready.check(), Readiness::READABLE);
                assert_eq!(next_text(&pull.receiver()), "one");
                eventually("the second is there", || pull.is_readable());
                assert!(is_readable(&ready, Duration::ZERO));
                assert_eq!(ready.check(), Readiness::READABLE);
                assert_eq!(next_text(&pull.receiver()), "two");
                // A hint, until it is checked.
                assert!(is_readable(&ready, Duration::ZERO));
                assert_eq!(ready.check(), Readiness::NONE);
                assert!(!is_readable(&ready, Duration::ZERO));
            }
            // A message that another one takes.
            put(&push.sender(), "taken");
            assert!(is_readable(&ready, PATIENCE));
            assert_eq!(next_text(&pull.receiver()), "taken");
            assert_eq!(ready.check(), Readiness::NONE);
            assert!(!is_readable(&ready, Duration::ZERO));
            drop(pull.close());
            assert!(is_readable(&ready, PATIENCE));
            assert_eq!(ready.check(), Readiness::READABLE);
            assert_eq!(pull.try_recv(), Err(TryRecvError::Closed(Closed::Socket)));
        }
    });
}

#[test]
fn a_descriptor_reports_room_only_with_that_interest() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let one = Options::new().high_water_marks(1);
            let push = here.socket_with::<Push>(one.clone()).unwrap();
            let endpoint = transport.endpoint();
            push.connect(&endpoint).unwrap();
            let both = Readiness::READABLE | Readiness::WRITABLE;
            let mut ready = push.readiness_fd(both).unwrap();
            assert!(is_readable(&ready, Duration::ZERO));
            assert_eq!(ready.check(), Readiness::WRITABLE);
            assert_eq!(ready.set_interest(Readiness::READABLE), Readiness::NONE);
            assert!(!is_readable(&ready, Duration::ZERO));
            assert_eq!(ready.set_interest(both), Readiness::WRITABLE);
            assert_eq!(ready.interest(), both);
            push.try_send("full").unwrap();
            assert_eq!(ready.check(), Readiness::NONE);
            assert!(!is_readable(&ready, SHORT));
            let pull = there.socket_with::<Pull>(one).unwrap();
            pull.bind(&endpoint).unwrap();
            assert!(is_readable(&ready, PATIENCE), "{transport:?}");
            eventually("there is room", || ready.check() == Readiness::WRITABLE);
            // It does not hold the socket open.
            let sender = push.sender().downgrade();
            drop(push);
            assert!(sender.upgrade().is_none());
            assert_eq!(ready.check(), Readiness::WRITABLE);
        }
    });
}

#[test]
fn a_server_reports_readable_and_writable_in_turn() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind("inproc://turns").unwrap();
        let both = Readiness::READABLE | Readiness::WRITABLE;
        let mut ready = rep.readiness_fd(both).unwrap();
        assert_eq!(ready.check(), Readiness::NONE);
        let req = context.socket::<Req>().unwrap();
        req.connect(&endpoint).unwrap();
        for _ in 0..10 {
            let req = req.clone();
            let asking = thread::spawn(move || req.request_timeout_blocking("?", PATIENCE));
            assert!(is_readable(&ready, PATIENCE));
            eventually("a request", || ready.check() == Readiness::READABLE);
            let request = rep.try_recv().unwrap();
            assert_eq!(ready.check(), Readiness::WRITABLE);
            rep.try_send(request).unwrap();
            assert_eq!(text(&asking.join().unwrap().unwrap()), "?");
            assert_eq!(ready.check(), Readiness::NONE);
            assert!(!is_readable(&ready, Duration::ZERO));
        }
    });
}

/// An edge-triggered loop, with two sockets, that receives until a check finds nothing.
#[test]
fn no_edge_is_lost_in_a_loop_of_mio() {
    const COUNT: usize = 2_000;
    within(LIMIT, || {
        for transport in Transport::ALL {
            let pairs = [pair(transport, 8), pair(transport, 8)];
            let mut sockets = Vec::new();
            let mut sending = Vec::new();
            for (push, pull) in pairs {
                let ready = pull.readiness_fd(Readiness::READABLE).unwrap();
                sockets.push((pull, ready, 0));
                sending.push(thread::spawn(move || {
                    for number in 0..COUNT {
                        put(&push.sender(), number.to_string());
                        if number % 7 == 0 {
                            thread::yield_now();
                        }
                    }
                    push
                }));
            }
            let mut poll = Poll::new().unwrap();
            for (index, (_, ready, _)) in sockets.iter().enumerate() {
                let fd = ready.as_raw_fd();
                let mut source = SourceFd(&fd);
                let registry = poll.registry();
                registry
                    .register(&mut source, Token(index), Interest::READABLE)
                    .unwrap();
            }
            let mut events = Events::with_capacity(8);
            while sockets.iter().any(|(_, _, taken)| *taken < COUNT) {
                poll.poll(&mut events, Some(PATIENCE)).unwrap();
                assert!(!events.is_empty(), "{transport:?}: an edge was lost");
                for event in &events {
                    let (pull, ready, taken) = &mut sockets[event.token().0];
                    while !ready.check().is_empty() {
                        let message = pull.try_recv().unwrap();
                        assert_eq!(text(&message), taken.to_string());
                        *taken += 1;
                    }
                }
            }
            sending.into_iter().for_each(|sending| drop(sending.join()));
        }
    });
}

/// One check at about the moment when the message comes, which is so at times between a look and the
/// silence after it.
#[test]
fn no_message_that_arrives_during_a_check_is_missed() {
    within(LIMIT, || {
        let (push, pull) = pair(Transport::Inproc, 10);
        let mut ready = pull.readiness_fd(Readiness::READABLE).unwrap();
        let (ask, asked) = mpsc::channel();
        let sending = thread::spawn(move || {
            for round in asked {
                put(&push.sender(), format!("{round}"));
            }
        });
        for round in 0..5_000_u64 {
            assert_eq!(ready.check(), Readiness::NONE);
            ask.send(round).unwrap();
            let (start, while_it_comes) =
                (Instant::now(), Duration::from_nanos(round * 37 % 60_000));
            while start.elapsed() < while_it_comes {
                std::hint::spin_loop();
            }
            ready.check();
            assert!(is_readable(&ready, PATIENCE), "{round}");
            eventually("it is there", || !ready.check().is_empty());
            assert_eq!(next_text(&pull.receiver()), round.to_string());
        }
        drop(ask);
        sending.join().unwrap();
    });
}

#[test]
fn descriptors_are_closed() {
    alone(LIMIT, || {
        let context = Context::new();
        let (push, pull) = (
            context.socket::<Push>().unwrap(),
            context.socket::<Pull>().unwrap(),
        );
        push.connect(pull.bind("inproc://files").unwrap()).unwrap();
        let before = open_files();
        let watched: Vec<ReadinessFd> = (0..10)
            .map(|_| pull.readiness_fd(Readiness::READABLE).unwrap())
            .collect();
        assert_eq!(open_files(), before + 20);
        put(&push.sender(), "for all");
        assert!(watched.iter().all(|ready| is_readable(ready, PATIENCE)));
        drop(watched);
        let (idle, _there) = UnixStream::pair().unwrap();
        for _ in 0..10 {
            let mut select = Select::new();
            select.readable(&pull.receiver());
            select.descriptor(&idle, Readiness::READABLE).unwrap();
            select.descriptor(&idle, Readiness::READABLE).unwrap();
            assert!(matches!(wait(&mut select), Ok(Selected::Readable(_))));
            assert_eq!(next_text(&pull.receiver()), "for all");
            // It listens while it is dropped.
            assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
            put(&push.sender(), "for all");
        }
        drop((idle, _there));
        assert_eq!(open_files(), before);
    });
}
