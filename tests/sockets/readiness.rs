//! Readiness: whether a call would wait, without making it.

#[cfg(unix)]
mod descriptors;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{eventually, next, next_text, put, text, within, Transport, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::future::{join, select, Either};
use zmq_channels::error::{
    Closed, RecvError, RecvTimeoutError, SelectError, TryRecvError, TrySendError,
};
use zmq_channels::select::Selected;
use zmq_channels::{
    Context, Dealer, Message, Options, Overflow, Pull, Push, Rep, Req, Router, Select, Socket,
};

const SHORT: Duration = Duration::from_millis(5);

/// A PUSH and a PULL over a transport, with a message on its way at most `mark` times.
fn pair(transport: Transport, mark: usize) -> (Socket<Push>, Socket<Pull>) {
    let (here, there) = transport.contexts();
    let options = Options::new().high_water_marks(mark);
    let push = here.socket_with::<Push>(options.clone()).unwrap();
    let pull = there.socket_with::<Pull>(options).unwrap();
    push.connect(pull.bind(transport.endpoint()).unwrap())
        .unwrap();
    (push, pull)
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Task::from_waker(waker))
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn woken() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    (woken, waker)
}

// ---- to receive

#[test]
fn readable_takes_no_message_in_any_form() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let mut receiver = pull.receiver();
            assert!(!receiver.is_readable() && !pull.is_readable());
            assert!(!receiver.readable_timeout_blocking(SHORT));
            assert!(!block_on(receiver.readable_timeout(SHORT)));
            let (_, waker) = woken();
            assert!(receiver
                .poll_readable(&mut Task::from_waker(&waker))
                .is_pending());

            put(&push.sender(), "kept");
            block_on(receiver.readable());
            receiver.readable_blocking();
            pull.readable_blocking();
            block_on(pull.readable());
            assert!(receiver.readable_timeout_blocking(PATIENCE));
            assert!(pull.readable_timeout_blocking(Duration::ZERO));
            assert!(block_on(receiver.readable_timeout(PATIENCE)));
            assert!(block_on(pull.readable_timeout(PATIENCE)));
            assert!(receiver
                .poll_readable(&mut Task::from_waker(&waker))
                .is_ready());
            assert!(receiver.is_readable() && pull.is_readable());
            assert_eq!(receiver.len(), 1, "{transport:?}");
            assert_eq!(text(&receiver.try_recv().unwrap()), "kept");
            assert!(!receiver.is_readable());
        }
    });
}

/// One that waits in `readable` and is never polled again stands in front of one that receives.
#[test]
fn a_watcher_takes_no_wake_up_from_receivers() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let (times, waker) = woken();
            let mut watching = pull.readable();
            assert!(poll(&mut watching, &waker).is_pending());
            let receiver = pull.receiver();
            let receiving = thread::spawn(move || receiver.recv_timeout_blocking(PATIENCE));
            put(&push.sender(), "for the one that receives");
            let received = receiving.join().unwrap();
            assert_eq!(
                text(&received.unwrap()),
                "for the one that receives",
                "{transport:?}"
            );
            // It is gone when the other one looks, which then hears of the next.
            eventually("it was woken too", || times.times() > 0);
            assert!(poll(&mut watching, &waker).is_pending());
            let before = times.times();
            put(&push.sender(), "for any");
            eventually("it is woken again", || times.times() > before);
            assert!(poll(&mut watching, &waker).is_ready());
            assert_eq!(next_text(&pull.receiver()), "for any");
        }
    });
}

/// Many watch and take, many only take, all at once: each message is received once, and all end.
#[test]
fn watchers_and_receivers_share_a_stream() {
    const COUNT: usize = 400;
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 8);
            let mut taking = Vec::new();
            for kind in 0..6 {
                let receiver = pull.receiver();
                taking.push(thread::spawn(move || {
                    let mut taken = 0;
                    loop {
                        match kind {
                            0 | 1 => receiver.readable_blocking(),
                            2 | 3 => block_on(receiver.readable()),
                            4 => {
                                // One that is given up again and again.
                                let _ = receiver.readable_timeout_blocking(Duration::ZERO);
                                let _ = block_on(receiver.readable_timeout(SHORT));
                            }
                            _ => match receiver.recv_blocking() {
                                Ok(_) => taken += 1,
                                Err(_) => return taken,
                            },
                        }
                        match receiver.try_recv() {
                            Ok(_) => taken += 1,
                            Err(TryRecvError::Empty) => {}
                            Err(_) => return taken,
                        }
                    }
                }));
            }
            let sending = push.sender();
            for number in 0..COUNT {
                put(&sending, number.to_string());
            }
            let statistics = || pull.statistics().unwrap();
            eventually("all are there", || statistics().messages_in == COUNT as u64);
            eventually("all are taken", || pull.receiver().is_empty());
            drop(pull.close());
            let taken: Vec<usize> = taking
                .into_iter()
                .map(|taking| taking.join().unwrap())
                .collect();
            assert_eq!(
                taken.iter().sum::<usize>(),
                COUNT,
                "{transport:?} {taken:?}"
            );
        }
    });
}

#[test]
fn a_dropped_watch_leaves_no_waiter() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 10);
            let (times, waker) = woken();
            let mut watching = pull.readable();
            assert!(poll(&mut watching, &waker).is_pending());
            drop(watching);
            put(&push.sender(), "taken by another");
            // A race of the same task against its own receive, lost and won.
            let received = block_on(async {
                match select(pull.readable(), pull.receiver().recv()).await {
                    Either::Left(((), receiving)) => receiving.await,
                    Either::Right((received, _)) => received,
                }
            });
            assert_eq!(text(&received.unwrap()), "taken by another");
            assert_eq!(times.times(), 0, "{transport:?}");
        }
    });
}

#[test]
fn the_end_of_a_socket_is_readable_and_writable() {
    within(LIMIT, || {
        for terminated in [false, true] {
            let context = Context::new();
            let one = Options::new().high_water_marks(1);
            let pull = context.socket::<Pull>().unwrap();
            let push = context.socket_with::<Push>(one).unwrap();
            put(&push.sender(), "full");
            let (receiver, sender) = (pull.receiver(), push.sender());
            let waiting = thread::spawn(move || {
                block_on(join(receiver.readable(), sender.writable()));
                (receiver, sender)
            });
            let (receiver, sender) = (pull.receiver(), push.sender());
            let blocking = thread::spawn(move || {
                receiver.readable_blocking();
                sender.writable_blocking();
            });
            match terminated {
                true => context.shutdown(),
                false => {
                    drop(pull.close());
                    drop(push.close());
                }
            }
            let (receiver, sender) = waiting.join().unwrap();
            blocking.join().unwrap();
            assert!(receiver.is_readable() && sender.is_writable());
            let ended = match terminated {
                true => TryRecvError::Closed(Closed::Context),
                false => TryRecvError::Closed(Closed::Socket),
            };
            assert_eq!(receiver.try_recv(), Err(ended));
            if !terminated {
                context.shutdown();
            }
        }
    });
}

#[test]
fn the_latest_message_is_readable_until_it_is_taken() {
    within(LIMIT, || {
        let context = Context::new();
        let latest = Options::new()
            .receive_overflow(Overflow::Latest)
            .send_overflow(Overflow::Latest);
        let push = context.socket::<Push>().unwrap();
        let pull = context
            .socket_with::<Pull>(Options::new().receive_overflow(Overflow::Latest))
            .unwrap();
        push.connect(pull.bind("inproc://latest").unwrap()).unwrap();
        let mut watching = pull.readable();
        let (times, waker) = woken();
        assert!(poll(&mut watching, &waker).is_pending());
        for number in 0..50 {
            put(&push.sender(), number.to_string());
        }
        eventually("the last one is there", || {
            pull.receiver().dropped() == 49 && times.times() > 0
        });
        assert!(poll(&mut watching, &waker).is_ready());
        assert_eq!(next_text(&pull.receiver()), "49");
        assert!(!pull.is_readable());
        // What never waits is writable at any time.
        let alone = context.socket_with::<Dealer>(latest).unwrap();
        for _ in 0..3 {
            assert!(alone.is_writable());
            alone.writable_blocking();
            alone.try_send("over the last one").unwrap();
        }
    });
}

// ---- to send

#[test]
fn writable_resolves_with_room_and_takes_none() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let one = Options::new().high_water_marks(1);
            let push = here.socket_with::<Push>(one.clone()).unwrap();
            let endpoint = transport.endpoint();
            push.connect(&endpoint).unwrap();
            assert!(push.is_writable());
            push.writable_blocking();
            block_on(push.writable());
            push.try_send("first").unwrap();
            assert!(!push.is_writable() && !push.writable_timeout_blocking(SHORT));
            assert!(!block_on(push.writable_timeout(SHORT)));

            let mut sender = push.sender();
            let (times, waker) = woken();
            assert!(sender
                .poll_writable(&mut Task::from_waker(&waker))
                .is_pending());
            let other = push.sender();
            let waiting = thread::spawn(move || other.writable_timeout_blocking(PATIENCE));
            // One that never comes back stands before one that sends.
            let another = push.sender();
            let sending = thread::spawn(move || another.send_timeout_blocking("second", PATIENCE));
            let pull = there.socket_with::<Pull>(one).unwrap();
            pull.bind(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "first");
            assert_eq!(next_text(&pull.receiver()), "second");
            assert_eq!(sending.join().unwrap(), Ok(()));
            assert!(waiting.join().unwrap(), "{transport:?}");
            eventually("all were woken", || times.times() > 0);
            eventually("there is room", || {
                sender
                    .poll_writable(&mut Task::from_waker(&waker))
                    .is_ready()
            });
            assert!(block_on(push.writable_timeout(PATIENCE)));
            assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        }
    });
}

/// Room for some peer is room, while another one is full.
#[test]
fn a_full_peer_does_not_make_a_socket_unwritable() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().high_water_marks(4).router_mandatory(true);
            let router = here.socket_with::<Router>(options).unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let peer = |name: &str| {
                let options = Options::new().high_water_marks(1).routing_id(name);
                let dealer = there.socket_with::<Dealer>(options).unwrap();
                dealer.connect(&endpoint).unwrap();
                dealer
            };
            let (full, free) = (peer("full"), peer("free"));
            router.wait_connected_timeout_blocking(2, PATIENCE).unwrap();
            let large = vec![7; 1 << 20];
            let mut sent = 0;
            // Until its buffers are full as well.
            while router
                .send_timeout_blocking(Message::from([&b"full"[..], &large]), 10 * SHORT)
                .is_ok()
            {
                sent += 1;
            }
            assert!(router.writable_timeout_blocking(PATIENCE), "{transport:?}");
            put(&router.sender(), ["free", "at once"]);
            assert_eq!(next_text(&free.receiver()), "at once");
            eventually("that peer is full", || {
                match router.try_send(Message::from([&b"full"[..], &large])) {
                    Ok(()) => sent += 1,
                    Err(TrySendError::Full(_)) => return router.is_writable(),
                    Err(other) => panic!("{other:?}"),
                }
                false
            });
            for _ in 0..sent {
                assert_eq!(next(&full.receiver()).byte_len(), 1 << 20);
            }
        }
    });
}

// ---- where receive and send take turns

#[test]
fn a_server_is_readable_and_writable_in_turn() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let rep = here.socket::<Rep>().unwrap();
            let endpoint = rep.bind(transport.endpoint()).unwrap();
            let ask = |question: &'static str| {
                let req = there.socket::<Req>().unwrap();
                req.connect(&endpoint).unwrap();
                thread::spawn(move || req.request_timeout_blocking(question, PATIENCE))
            };
            assert!(!rep.is_readable() && !rep.is_writable());
            let (times, waker) = woken();
            let mut writable = rep.writable();
            assert!(poll(&mut writable, &waker).is_pending());
            let first = ask("first");
            rep.readable_blocking();
            assert!(!rep.is_writable());
            let question = rep.try_recv().unwrap();
            // Now it owes a reply: the next request has to wait.
            assert!(times.times() > 0 && poll(&mut writable, &waker).is_ready());
            assert!(rep.is_writable() && rep.writable_timeout_blocking(PATIENCE));
            let second = ask("second");
            eventually("it is there", || rep.receiver().len() == 1);
            assert!(!rep.is_readable() && !rep.readable_timeout_blocking(SHORT));
            assert_eq!(rep.try_recv(), Err(TryRecvError::Empty));
            let (times, waker) = woken();
            let mut readable = rep.readable();
            assert!(poll(&mut readable, &waker).is_pending());
            // One that receives stands behind the one that watches.
            let receiver = rep.receiver();
            let receiving = thread::spawn(move || receiver.recv_timeout_blocking(PATIENCE));
            put(&rep.sender(), question);
            assert_eq!(text(&first.join().unwrap().unwrap()), "first");
            let question = receiving.join().unwrap().unwrap();
            assert_eq!(text(&question), "second", "{transport:?}");
            assert!(poll(&mut readable, &waker).is_pending());
            let before = times.times();
            put(&rep.sender(), question);
            assert_eq!(text(&second.join().unwrap().unwrap()), "second");
            eventually("the watcher was woken", || times.times() > before);
            assert!(poll(&mut readable, &waker).is_pending());
            let third = ask("third");
            eventually("it is woken again", || {
                poll(&mut readable, &waker).is_ready()
            });
            let question = rep.try_recv().unwrap();
            put(&rep.sender(), question);
            assert_eq!(text(&third.join().unwrap().unwrap()), "third");
            assert!(!rep.is_readable() && !rep.is_writable());
        }
    });
}

#[test]
fn requests_as_handles_are_readable_while_a_reply_is_due() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind("inproc://requests").unwrap();
        let requests = rep.requests();
        assert!(!requests.is_readable() && !requests.readable_timeout_blocking(SHORT));
        assert!(!block_on(requests.readable_timeout(SHORT)));
        let asking: Vec<_> = (0..3)
            .map(|_| {
                let req = context.socket::<Req>().unwrap();
                req.connect(&endpoint).unwrap();
                thread::spawn(move || req.request_timeout_blocking("?", PATIENCE))
            })
            .collect();
        let mut taken = Vec::new();
        for _ in 0..3 {
            requests.readable_blocking();
            block_on(requests.readable());
            assert!(requests.is_readable());
            assert!(requests.readable_timeout_blocking(PATIENCE));
            taken.push(requests.try_recv().unwrap());
        }
        assert!(!requests.is_readable());
        for request in taken {
            request.reply("!").unwrap();
        }
        for asked in asking {
            assert_eq!(text(&asked.join().unwrap().unwrap()), "!");
        }
    });
}

// ---- Select

#[test]
fn select_reports_readiness_as_long_as_it_holds() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = pair(transport, 1);
            let mut select = Select::new();
            let readable = select.readable(&pull.receiver());
            assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
            put(&push.sender(), "kept");
            for _ in 0..3 {
                assert_eq!(
                    select.wait_timeout(PATIENCE),
                    Ok(Selected::Readable(readable))
                );
                assert_eq!(pull.receiver().len(), 1);
            }
            assert_eq!(next_text(&pull.receiver()), "kept");
            assert_eq!(select.try_wait(), Err(SelectError::Timeout));

            let lonely = Context::new()
                .socket_with::<Push>(Options::new().high_water_marks(1))
                .unwrap();
            let writable = select.writable(&lonely.sender());
            for _ in 0..3 {
                assert_eq!(
                    select.wait_timeout(PATIENCE),
                    Ok(Selected::Writable(writable))
                );
            }
            lonely.try_send("full").unwrap();
            assert_eq!(select.wait_timeout(SHORT), Err(SelectError::Timeout));
            // Neither is always first.
            put(&push.sender(), "kept");
            eventually("it is there", || pull.is_readable());
            lonely
                .configure(|options| options.high_water_marks(2))
                .unwrap();
            assert!(lonely.is_writable());
            let seen = |select: &mut Select<'_>| select.wait_timeout(PATIENCE);
            eventually("both take turns", || {
                seen(&mut select) == Ok(Selected::Writable(writable))
            });
            let events: Vec<_> = (0..4).map(|_| select.wait_timeout(PATIENCE)).collect();
            for expected in [Selected::Readable(readable), Selected::Writable(writable)] {
                let times = events
                    .iter()
                    .filter(|event| **event == Ok(expected.clone()))
                    .count();
                assert_eq!(times, 2, "{events:?}");
            }
            assert!(select.remove(writable));
            assert_eq!(next_text(&pull.receiver()), "kept");
            drop(pull.close());
            let ended = Ok(Selected::Ended(readable, RecvError::Closed(Closed::Socket)));
            assert_eq!(select.wait_timeout(PATIENCE), ended);
            assert_eq!(select.try_wait(), Err(SelectError::NoSource));
        }
    });
}

/// A `Select` that watches takes nothing from those that receive, whether it waits or not.
#[test]
fn a_watching_select_delays_no_receiver() {
    within(LIMIT, || {
        let (push, pull) = pair(Transport::Inproc, 10);
        let mut select = Select::<Message>::new();
        select.readable(&pull.receiver());
        assert_eq!(select.try_wait(), Err(SelectError::Timeout));
        for round in 0..50 {
            let receiver = pull.receiver();
            let receiving = thread::spawn(move || receiver.recv_timeout_blocking(PATIENCE));
            put(&push.sender(), round.to_string());
            assert_eq!(text(&receiving.join().unwrap().unwrap()), round.to_string());
            let _ = select.try_wait();
        }
        assert_eq!(
            pull.recv_timeout_blocking(SHORT),
            Err(RecvTimeoutError::Timeout)
        );
    });
}
