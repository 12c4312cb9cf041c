//! The end of a context as `zmq_ctx_term` makes it: no call waits any more, and what was accepted is sent.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{
    alone, eventually, holds_within, next, next_text, open_files, pump_threads, put, within,
    Transport, LIMIT, PATIENCE,
};
use futures::executor::block_on;
use futures::future::poll_immediate;
use futures::{stream, StreamExt};
use zmq_channels::error::{
    BindError, Closed, ConfigureError, ConnectError, DetachError, GroupError, ObserveError,
    ProxyError, RecvError, RecvTimeoutError, RegisterError, RequestError, RequestTimeoutError,
    SendError, SendTimeoutError, SocketError, SubscribeError, TryRecvError, TrySendError,
    WaitError, WaitTimeoutError,
};
use zmq_channels::monitor::{EventKind, EventSet, MonitorOptions};
use zmq_channels::proxy::ProxyStatistics;
use zmq_channels::register::Ended;
use zmq_channels::select::Selected;
use zmq_channels::{
    Context, ContextOptions, Dealer, Dish, Linger, Message, Options, Pair, Proxy, Pub, Pull, Push,
    Rep, Req, Router, Select, Socket, Sub, XPub,
};

/// Far more than a call takes to return that has been terminated.
const AT_ONCE: Duration = Duration::from_millis(500);

type Call = Box<dyn FnOnce() -> bool + Send>;

fn call(call: impl FnOnce() -> bool + Send + 'static) -> Call {
    Box::new(call)
}

fn message() -> Message {
    Message::from("one too many")
}

/// A context whose PUSH has something for a peer that is not there, so that terminating it takes
/// until there is one.
fn lingering() -> (Context, Socket<Push>, String) {
    let context = Context::new();
    let push = context.socket::<Push>().unwrap();
    let endpoint = Transport::Tcp.endpoint();
    push.connect(&endpoint).unwrap();
    put(&push.sender(), "to be sent");
    (context, push, endpoint)
}

/// Every call that waits, by name.
fn pending_calls(context: &Context, held: &Socket<Push>) -> Vec<(&'static str, Call)> {
    let one = Options::new().high_water_marks(1);
    let full = context.socket_with::<Pair>(one).unwrap();
    put(&full.sender(), "full now");
    let (sender, receiver) = (full.sender(), full.receiver());
    let req = context.socket::<Req>().unwrap();
    req.bind(Transport::Inproc.endpoint()).unwrap();
    let rep = context.socket::<Rep>().unwrap();
    let publisher = context.socket::<Pub>().unwrap();
    let monitor = held
        .monitor_with(MonitorOptions::new().events(EventSet::STOPPED))
        .unwrap();
    let fed = context.socket::<Push>().unwrap();
    let poured = context.socket::<Pull>().unwrap();
    let feed = fed.register_in(stream::pending::<Message>()).unwrap();
    let (sink, kept) = futures::channel::mpsc::channel::<Message>(1);
    let pour = poured.register_out(sink).unwrap();
    let (front, back) = (
        context.socket::<Router>().unwrap(),
        context.socket::<Dealer>().unwrap(),
    );
    let proxy = Proxy::start(&front, &back).unwrap();
    let terminated = SendError::Closed(Closed::Context, message());
    let unsent = || RequestError::Closed(Closed::Context, Some(message()));
    let late = || RequestTimeoutError::Closed(Closed::Context, Some(message()));
    let mut calls: Vec<(&'static str, Call)> = Vec::new();
    let mut add = |name, call: Call| calls.push((name, call));
    let r = receiver.clone();
    add(
        "recv_blocking",
        call(move || r.recv_blocking() == Err(RecvError::Closed(Closed::Context))),
    );
    let r = receiver.clone();
    add(
        "recv",
        call(move || block_on(r.recv()) == Err(RecvError::Closed(Closed::Context))),
    );
    let r = receiver.clone();
    add(
        "recv_timeout_blocking",
        call(move || {
            r.recv_timeout_blocking(PATIENCE) == Err(RecvTimeoutError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add(
        "recv_timeout",
        call(move || {
            block_on(r.recv_timeout(PATIENCE)) == Err(RecvTimeoutError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add(
        "recv_many",
        call(move || {
            block_on(r.recv_many(&mut Vec::new(), 5)) == Err(RecvError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add(
        "recv_many_blocking",
        call(move || {
            r.recv_many_blocking(&mut Vec::new(), 5) == Err(RecvError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add("iter", call(move || r.iter().next().is_none()));
    let mut r = receiver.clone();
    add("stream", call(move || block_on(r.next()).is_none()));
    let r = receiver.clone();
    add(
        "readable",
        call(move || {
            block_on(r.readable());
            r.try_recv() == Err(TryRecvError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add(
        "readable_blocking",
        call(move || {
            r.readable_blocking();
            r.is_readable()
        }),
    );
    let (s, expected) = (sender.clone(), Err(terminated.clone()));
    add(
        "send_blocking",
        call(move || s.send_blocking(message()) == expected),
    );
    let (s, expected) = (sender.clone(), Err(terminated));
    add(
        "send",
        call(move || block_on(s.send(message())) == expected),
    );
    let s = sender.clone();
    add(
        "send_timeout_blocking",
        call(move || {
            s.send_timeout_blocking(message(), PATIENCE)
                == Err(SendTimeoutError::Closed(Closed::Context, message()))
        }),
    );
    let s = sender.clone();
    add(
        "send_timeout",
        call(move || {
            block_on(s.send_timeout(message(), PATIENCE))
                == Err(SendTimeoutError::Closed(Closed::Context, message()))
        }),
    );
    let s = sender.clone();
    add(
        "writable",
        call(move || {
            block_on(s.writable());
            s.try_send(message()) == Err(TrySendError::Closed(Closed::Context, message()))
        }),
    );
    let q = req.clone();
    add(
        "request_blocking",
        call(move || q.request_blocking(message()) == Err(unsent())),
    );
    let q = req.clone();
    add(
        "request",
        call(move || block_on(q.request(message())) == Err(unsent())),
    );
    let q = req.clone();
    add(
        "request_timeout_blocking",
        call(move || q.request_timeout_blocking(message(), PATIENCE) == Err(late())),
    );
    let requests = rep.requests();
    add(
        "requests",
        call(move || {
            matches!(
                requests.recv_blocking(),
                Err(RecvError::Closed(Closed::Context))
            )
        }),
    );
    let p = held.clone();
    add(
        "wait_connected_blocking",
        call(move || p.wait_connected_blocking(1) == Err(WaitError::Closed(Closed::Context))),
    );
    let p = held.clone();
    add(
        "wait_connected_timeout",
        call(move || {
            block_on(p.wait_connected_timeout(1, PATIENCE))
                == Err(WaitTimeoutError::Closed(Closed::Context))
        }),
    );
    add(
        "wait_subscribed",
        call(move || {
            block_on(publisher.wait_subscribed(1)) == Err(WaitError::Closed(Closed::Context))
        }),
    );
    add(
        "monitor",
        call(move || {
            let last = monitor.recv_blocking();
            last.map(|event| event.kind) == Ok(EventKind::Stopped)
                && monitor.recv_blocking() == Err(RecvError::Closed(Closed::Context))
        }),
    );
    let r = receiver.clone();
    add(
        "select",
        call(move || {
            let mut select = Select::new();
            let tokens = [select.receiver(r.clone()), select.readable(&r)];
            let ends = [select.wait(), select.wait()];
            ends.into_iter().all(|end| match end {
                Ok(Selected::Ended(token, why)) => {
                    tokens.contains(&token) && why == RecvError::Closed(Closed::Context)
                }
                _ => false,
            })
        }),
    );
    add(
        "register_in",
        call(move || matches!(feed.wait_blocking(), Ended::Closed(Closed::Context))),
    );
    add(
        "register_out",
        call(move || {
            let ended = pour.wait_blocking();
            drop(kept);
            matches!(ended, Ended::Closed(Closed::Context))
        }),
    );
    add(
        "proxy",
        call(move || proxy.wait_blocking() == ProxyStatistics::default()),
    );
    calls
}

#[test]
fn every_pending_call_fails_with_closed_context_at_once() {
    within(LIMIT, || {
        for pumps in [1, 2] {
            let options = ContextOptions::new().pumps(pumps);
            let context = Context::with_options(options).unwrap();
            // There is something to wait for.
            let held = context.socket::<Push>().unwrap();
            let endpoint = Transport::Tcp.endpoint();
            held.connect(&endpoint).unwrap();
            put(&held.sender(), "to be sent");
            let (report, reports) = mpsc::channel();
            let mut pending = Vec::new();
            for (name, call) in pending_calls(&context, &held) {
                let (begun, begins) = mpsc::channel();
                let report = report.clone();
                pending.push(thread::spawn(move || {
                    begun.send(()).unwrap();
                    let terminated = call();
                    report.send((name, terminated, Instant::now())).unwrap();
                }));
                begins.recv_timeout(PATIENCE).unwrap();
            }
            let mut early = None;
            holds_within(Duration::from_millis(50), || {
                early = early.or_else(|| reports.try_recv().ok());
                early.is_some()
            });
            assert_eq!(early, None, "a call returned before the end");

            let start = Instant::now();
            let terminating = context.terminate();
            for _ in &pending {
                let (name, terminated, returned) = reports.recv_timeout(PATIENCE).unwrap();
                assert!(terminated, "{name} returned something else");
                let took = returned.duration_since(start);
                assert!(took < AT_ONCE, "{name} returned after {took:?}");
            }
            pending.into_iter().for_each(|call| call.join().unwrap());
            // All of that while the socket that has something to send is still there.
            let pull = Context::new().socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "to be sent");
            assert_eq!(
                block_on(terminating).undelivered,
                1,
                "that of the PAIR without a peer"
            );
        }
    });
}

#[test]
fn every_new_call_fails_with_closed_context() {
    within(LIMIT, || {
        let (context, push, endpoint) = lingering();
        let pair = context.socket::<Pair>().unwrap();
        let rep = context.socket::<Rep>().unwrap();
        let req = context.socket::<Req>().unwrap();
        let (sub, dish) = (
            context.socket::<Sub>().unwrap(),
            context.socket::<Dish>().unwrap(),
        );
        let xpub = context.socket::<XPub>().unwrap();
        let router = context.socket::<Router>().unwrap();
        let stopped = MonitorOptions::new().events(EventSet::STOPPED);
        let monitor = push.monitor_with(stopped).unwrap();
        let mut terminating = Box::pin(context.terminate());

        assert_eq!(
            pair.recv_blocking(),
            Err(RecvError::Closed(Closed::Context))
        );
        assert_eq!(pair.try_recv(), Err(TryRecvError::Closed(Closed::Context)));
        assert_eq!(
            block_on(pair.recv()),
            Err(RecvError::Closed(Closed::Context))
        );
        assert_eq!(
            pair.recv_timeout_blocking(PATIENCE),
            Err(RecvTimeoutError::Closed(Closed::Context))
        );
        assert_eq!(
            pair.send_blocking(message()),
            Err(SendError::Closed(Closed::Context, message()))
        );
        assert_eq!(
            pair.try_send(message()),
            Err(TrySendError::Closed(Closed::Context, message()))
        );
        assert_eq!(
            rep.send_blocking(message()),
            Err(SendError::Closed(Closed::Context, message()))
        );
        assert!(matches!(
            rep.requests().try_recv(),
            Err(TryRecvError::Closed(Closed::Context))
        ));
        let unsent = Err(RequestError::Closed(Closed::Context, Some(message())));
        assert_eq!(req.request_blocking(message()), unsent);
        assert!(pair.is_readable() && pair.is_writable() && rep.is_writable());
        assert!(pair.is_closed());
        let anywhere = Transport::Tcp.endpoint();
        assert!(matches!(
            pair.bind(&anywhere),
            Err(BindError::Closed(Closed::Context))
        ));
        assert!(matches!(
            pair.bind("tcp://localhost:*"),
            Err(BindError::Closed(Closed::Context))
        ));
        assert!(matches!(
            push.connect(&anywhere),
            Err(ConnectError::Closed(Closed::Context))
        ));
        assert!(matches!(
            router.connect_peer(&anywhere),
            Err(ConnectError::Closed(Closed::Context))
        ));
        assert!(matches!(
            push.disconnect(&endpoint),
            Err(DetachError::Closed(Closed::Context))
        ));
        assert!(matches!(
            push.unbind(&endpoint),
            Err(DetachError::Closed(Closed::Context))
        ));
        assert_eq!(
            sub.subscribe("x"),
            Err(SubscribeError::Closed(Closed::Context))
        );
        assert_eq!(
            sub.unsubscribe("x"),
            Err(SubscribeError::Closed(Closed::Context))
        );
        assert_eq!(xpub.topics(), Err(SubscribeError::Closed(Closed::Context)));
        assert_eq!(dish.join("x"), Err(GroupError::Closed(Closed::Context)));
        assert_eq!(dish.leave("x"), Err(GroupError::Closed(Closed::Context)));
        let changed = push.configure(|options| options.linger(Linger::For(Duration::ZERO)));
        assert_eq!(changed, Err(ConfigureError::Closed(Closed::Context)));
        assert_eq!(
            push.options().err(),
            Some(ConfigureError::Closed(Closed::Context))
        );
        assert_eq!(
            push.monitor().err(),
            Some(ObserveError::Closed(Closed::Context))
        );
        assert_eq!(
            push.statistics().err(),
            Some(ObserveError::Closed(Closed::Context))
        );
        assert_eq!(
            push.wait_connected_blocking(1),
            Err(WaitError::Closed(Closed::Context))
        );
        assert_eq!(
            xpub.wait_subscribed_blocking(1),
            Err(WaitError::Closed(Closed::Context))
        );
        let registered = push.register_in(stream::pending::<Message>());
        assert!(matches!(
            registered,
            Err(RegisterError::Closed(Closed::Context))
        ));
        assert!(matches!(Proxy::start(&pair, &push), Err(ProxyError::Ended)));
        assert_eq!(monitor.recv_blocking().unwrap().kind, EventKind::Stopped);
        assert_eq!(
            monitor.try_recv().err(),
            Some(TryRecvError::Closed(Closed::Context))
        );
        assert!(matches!(
            context.socket::<Pair>(),
            Err(SocketError::Closed(Closed::Context))
        ));
        assert!(context.authenticator().is_err());

        // It still waits for what it holds, and shutting down ends that.
        assert!(block_on(poll_immediate(&mut terminating)).is_none());
        context.shutdown();
        assert_eq!(block_on(terminating).undelivered, 1);
    });
}

// ---- what was accepted is sent

/// To a peer that has the messages in its own time: more than any buffer on the way holds.
#[test]
fn messages_for_a_slow_peer_still_arrive() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            if transport.is_inproc() {
                continue; // Both ends are in the context that ends.
            }
            const COUNT: usize = 200;
            let (here, there) = transport.contexts();
            let pull = there
                .socket_with::<Pull>(Options::new().high_water_marks(1))
                .unwrap();
            let push = here.socket::<Push>().unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            for _ in 0..COUNT {
                put(&push.sender(), vec![7; 100_000]);
            }
            let mut terminating = Box::pin(here.terminate());
            assert!(
                block_on(poll_immediate(&mut terminating)).is_none(),
                "{transport:?}"
            );
            assert_eq!(
                push.try_send("x"),
                Err(TrySendError::Closed(Closed::Context, "x".into()))
            );
            for _ in 0..COUNT {
                assert_eq!(next(&pull.receiver()).byte_len(), 100_000);
            }
            assert_eq!(block_on(terminating).undelivered, 0);
            assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        }
    });
}

#[test]
fn without_a_limit_it_waits_for_a_late_peer() {
    within(LIMIT, || {
        for blocking in [false, true] {
            let (context, _push, endpoint) = lingering();
            let ending = context.clone();
            let terminating = thread::spawn(move || match blocking {
                true => ending.terminate_blocking(),
                false => block_on(ending.terminate()),
            });
            let waits = !holds_within(Duration::from_millis(100), || terminating.is_finished());
            assert!(waits, "no peer has come");
            let pull = Context::new().socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "to be sent");
            assert_eq!(terminating.join().unwrap().undelivered, 0);
        }
    });
}

#[test]
fn each_socket_lingers_for_its_own_time() {
    within(LIMIT, || {
        let context = Context::new();
        let soon = Duration::from_millis(50);
        let held = [Duration::ZERO, soon].map(|linger| {
            let push = context
                .socket_with::<Push>(Options::new().linger(Linger::For(linger)))
                .unwrap();
            push.connect(Transport::Tcp.endpoint()).unwrap();
            put(&push.sender(), "never taken");
            push
        });
        let start = Instant::now();
        assert_eq!(context.terminate_blocking().undelivered, 2);
        drop(held);
        assert!(start.elapsed() >= soon);
        // A socket without a limit has that of the context.
        let limited = ContextOptions::new().linger_limit(Some(soon));
        let context = Context::with_options(limited).unwrap();
        let push = context.socket::<Push>().unwrap();
        push.connect(Transport::Tcp.endpoint()).unwrap();
        put(&push.sender(), "never taken");
        let start = Instant::now();
        assert_eq!(context.terminate_blocking().undelivered, 1);
        assert!(start.elapsed() >= soon);
    });
}

/// A message that waits to be received is no reason to return one.
#[test]
fn unreceived_messages_are_dropped() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let pull = here.socket::<Pull>().unwrap();
            let push = there.socket::<Push>().unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            put(&push.sender(), "unread");
            eventually("it is there", || pull.is_readable());
            let terminating = here.terminate();
            assert_eq!(
                pull.try_recv(),
                Err(TryRecvError::Closed(Closed::Context)),
                "{transport:?}"
            );
            assert_eq!(pull.receiver().len(), 0);
            block_on(terminating);
        }
    });
}

/// The answer of a server that had decided on peers is not guessed once it is gone.
#[test]
fn a_late_peer_is_refused_if_it_had_to_be_authenticated() {
    within(LIMIT, || {
        let context = Context::new();
        let _authenticator = context.authenticator().unwrap();
        let push = context
            .socket_with::<Push>(
                Options::new()
                    .zap_domain("judged")
                    .linger(Linger::UntilSent),
            )
            .unwrap();
        let endpoint = push.bind("tcp://127.0.0.1:*").unwrap();
        put(&push.sender(), "a secret");
        let terminating = context.terminate();
        let pull = Context::new().socket::<Pull>().unwrap();
        let monitor = pull.monitor().unwrap();
        pull.connect(&endpoint).unwrap();
        loop {
            match monitor.recv_timeout_blocking(PATIENCE).unwrap().kind {
                EventKind::HandshakeFailed { .. } => break,
                EventKind::HandshakeSucceeded(_) => panic!("it was let in"),
                _ => {}
            }
        }
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        context.shutdown();
        assert_eq!(block_on(terminating).undelivered, 1);
    });
}

#[test]
fn a_terminated_context_leaves_no_resources() {
    alone(LIMIT, || {
        let before = (pump_threads(), open_files());
        for _ in 0..3 {
            let context = Context::new();
            let pair = context.socket::<Pair>().unwrap();
            pair.bind("tcp://127.0.0.1:*").unwrap();
            assert_eq!(context.terminate_blocking().undelivered, 0);
            // Again, and with every handle still there.
            assert_eq!(block_on(context.terminate()).undelivered, 0);
            context.close_blocking();
            context.shutdown();
            drop(pair);
        }
        eventually("nothing is left", || {
            (pump_threads(), open_files()) == before
        });
    });
}

#[test]
fn terminating_from_many_threads_while_sockets_are_opened() {
    within(LIMIT, || {
        for _ in 0..20 {
            let context = Context::new();
            let pair = context.socket::<Pair>().unwrap();
            let threads = [(); 4].map(|()| {
                let context = context.clone();
                thread::spawn(move || context.terminate_blocking())
            });
            let opening = thread::spawn({
                let context = context.clone();
                move || while context.socket::<Push>().is_ok() {}
            });
            for thread in threads {
                assert_eq!(thread.join().unwrap().undelivered, 0);
            }
            opening.join().unwrap();
            assert_eq!(
                pair.recv_blocking(),
                Err(RecvError::Closed(Closed::Context))
            );
        }
    });
}
