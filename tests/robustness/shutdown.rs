//! The end of contexts and of processes: every call is woken, and nothing is left behind.

use crate::common;
use crate::lateness::Timed;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{
    alone, eventually, holds_within, ipc_path, next_text, open_files, pump_threads, put, within,
    Folder, Transport, LIMIT, PATIENCE,
};
use futures::executor::block_on;
use futures::StreamExt;
use zmq_channels::error::{
    BindError, Closed, RecvError, RecvTimeoutError, SendError, SendTimeoutError, SocketError,
    SubscribeError, TryRecvError, TrySendError,
};
use zmq_channels::{
    Context, Endpoint, Message, Options, Pair, Pub, Pull, Push, Rep, Req, Socket, Sub,
};

/// The promise of [`Context::shutdown`].
const PROMPT: Duration = Duration::from_millis(100);

/// Shuts down, within the time it promises.
pub(crate) fn shut_down(context: &Context) {
    let (timed, ()) = Timed::run(|| context.shutdown());
    timed.at_most(PROMPT, "shutdown");
}

// ---- every call is woken

#[test]
fn shutdown_unblocks_every_pending_call() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().high_water_marks(1);
        let full = context.socket_with::<Pair>(options).unwrap();
        put(&full.sender(), "full now");
        let (report, reports) = mpsc::channel();
        let mut pending = Vec::new();
        let mut start = |call: Box<dyn FnOnce() -> bool + Send>| {
            let (begun, begins) = mpsc::channel();
            let report = report.clone();
            pending.push(thread::spawn(move || {
                begun.send(()).unwrap();
                let terminated = call();
                report.send(terminated).unwrap();
            }));
            begins.recv_timeout(PATIENCE).unwrap();
        };
        let message = || Message::from("one too many");
        for _ in 0..3 {
            let (sender, receiver) = (full.sender(), full.receiver());
            start(Box::new(move || {
                receiver.recv_blocking() == Err(RecvError::Closed(Closed::Context))
            }));
            let receiver = full.receiver();
            start(Box::new(move || {
                block_on(receiver.recv()) == Err(RecvError::Closed(Closed::Context))
            }));
            let receiver = full.receiver();
            start(Box::new(move || {
                let timed = receiver.recv_timeout_blocking(PATIENCE);
                timed == Err(RecvTimeoutError::Closed(Closed::Context))
            }));
            let receiver = full.receiver();
            start(Box::new(move || {
                block_on(receiver.recv_timeout(PATIENCE))
                    == Err(RecvTimeoutError::Closed(Closed::Context))
            }));
            let receiver = full.receiver();
            start(Box::new(move || receiver.iter().next().is_none()));
            let mut receiver = full.receiver();
            start(Box::new(move || block_on(receiver.next()).is_none()));
            let receiver = full.receiver();
            start(Box::new(move || {
                let many = receiver.recv_many_blocking(&mut Vec::new(), 5);
                many == Err(RecvError::Closed(Closed::Context))
            }));

            let terminated = SendError::Closed(Closed::Context, message());
            let expected = Err(terminated.clone());
            let sends = sender.clone();
            start(Box::new(move || sends.send_blocking(message()) == expected));
            let sends = sender.clone();
            start(Box::new(move || {
                block_on(sends.send(message())) == Err(terminated)
            }));
            let sends = sender.clone();
            start(Box::new(move || {
                let timed = sends.send_timeout_blocking(message(), PATIENCE);
                timed == Err(SendTimeoutError::Closed(Closed::Context, message()))
            }));
            start(Box::new(move || {
                let timed = block_on(sender.send_timeout(message(), PATIENCE));
                timed == Err(SendTimeoutError::Closed(Closed::Context, message()))
            }));
        }
        let none_yet = !holds_within(Duration::from_millis(50), || reports.try_recv().is_ok());
        assert!(none_yet, "a call returned before the shutdown");

        let (timed, ()) = Timed::run(|| {
            context.shutdown();
            for thread in pending {
                let terminated = reports.recv_timeout(PATIENCE).unwrap();
                assert!(terminated, "a call returned something else");
                thread.join().unwrap();
            }
        });
        timed.at_most(PROMPT, "shutdown and the return of every call");
    });
}

#[test]
fn shutdown_unblocks_a_waiting_close() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        push.connect(Transport::Tcp.endpoint()).unwrap();
        put(&push.sender(), "not taken");
        let closing = thread::spawn(move || push.close_blocking());
        assert!(!holds_within(Duration::from_millis(50), || closing.is_finished()));
        shut_down(&context);
        assert_eq!(closing.join().unwrap().undelivered, 1);
    });
}

#[test]
fn after_shutdown_every_call_fails_with_closed_context() {
    within(LIMIT, || {
        let context = Context::new();
        let pair = context.socket::<Pair>().unwrap();
        let sub = context.socket::<Sub>().unwrap();
        let clone = context.clone();
        shut_down(&context);
        shut_down(&context);
        shut_down(&clone);

        let message = || Message::from("too late");
        assert_eq!(
            pair.send_blocking(message()),
            Err(SendError::Closed(Closed::Context, message()))
        );
        assert_eq!(
            block_on(pair.send(message())),
            Err(SendError::Closed(Closed::Context, message()))
        );
        assert_eq!(
            pair.try_send(message()),
            Err(TrySendError::Closed(Closed::Context, message()))
        );
        assert_eq!(
            pair.recv_blocking(),
            Err(RecvError::Closed(Closed::Context))
        );
        assert_eq!(pair.try_recv(), Err(TryRecvError::Closed(Closed::Context)));
        assert!(matches!(
            pair.bind("tcp://127.0.0.1:*"),
            Err(BindError::Closed(Closed::Context))
        ));
        assert_eq!(
            sub.subscribe("x"),
            Err(SubscribeError::Closed(Closed::Context))
        );
        assert!(pair.is_closed() && pair.sender().is_closed() && pair.receiver().is_closed());
        assert!(matches!(
            clone.socket::<Pair>(),
            Err(SocketError::Closed(Closed::Context))
        ));
        assert_eq!(pair.close_blocking().undelivered, 0);

        // One that never had a socket.
        let unused = Context::new();
        shut_down(&unused);
        assert!(matches!(
            unused.socket::<Pair>(),
            Err(SocketError::Closed(Closed::Context))
        ));
    });
}

#[test]
fn shutdown_from_many_threads_at_once() {
    within(LIMIT, || {
        for _ in 0..20 {
            let context = Context::new();
            let pair = context.socket::<Pair>().unwrap();
            pair.bind("tcp://127.0.0.1:*").unwrap();
            let threads = [(); 4].map(|()| {
                let context = context.clone();
                thread::spawn(move || context.shutdown())
            });
            let opening = thread::spawn({
                let context = context.clone();
                move || while context.socket::<Push>().is_ok() {}
            });
            for thread in threads {
                thread.join().unwrap();
            }
            opening.join().unwrap();
            assert_eq!(
                pair.recv_blocking(),
                Err(RecvError::Closed(Closed::Context))
            );
        }
    });
}

#[test]
fn pending_connects_do_not_delay_shutdown() {
    within(LIMIT, || {
        let context = Context::new();
        let sockets: Vec<_> = (0..30)
            .map(|number| {
                let push = context.socket::<Push>().unwrap();
                push.connect(Transport::ALL[number % 3].endpoint()).unwrap();
                // Names are looked up beside the pump.
                push.connect("tcp://no-such-host.invalid:5555").unwrap();
                put(&push.sender(), "waits");
                push
            })
            .collect();
        shut_down(&context);
        drop(sockets);
    });
}

#[test]
fn shutdown_sends_messages_that_can_leave_at_once() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (here, there) = transport.contexts();
            let (push, pull) = (
                here.socket::<Push>().unwrap(),
                there.socket::<Pull>().unwrap(),
            );
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            put(&push.sender(), "connected");
            assert_eq!(next_text(&pull.receiver()), "connected");
            for number in 0..200 {
                push.send_blocking(number.to_string()).unwrap();
            }
            shut_down(&here);
            for number in 0..200 {
                assert_eq!(
                    next_text(&pull.receiver()),
                    number.to_string(),
                    "{transport:?}"
                );
            }
        }
    });
}

// ---- nothing is left behind

/// A socket of every type, connected over every transport, with messages on their way.
fn busy_context(folder: &Folder) -> Context {
    let context = Context::new();
    let path = folder.path().join("feed");
    let ipc = format!("ipc://{}", path.display());
    for (round, place) in ["inproc://busy", &ipc, "ipc://*", "tcp://127.0.0.1:*"]
        .iter()
        .enumerate()
    {
        let (rep, req) = (
            context.socket::<Rep>().unwrap(),
            context.socket::<Req>().unwrap(),
        );
        let (push, pull) = (
            context.socket::<Push>().unwrap(),
            context.socket::<Pull>().unwrap(),
        );
        let (publisher, sub) = (
            context.socket::<Pub>().unwrap(),
            context.socket::<Sub>().unwrap(),
        );
        if round % 2 == 0 {
            // With an answer: both ends are connected.
            req.connect(rep.bind(place).unwrap()).unwrap();
            req.send_blocking("a question").unwrap();
            assert_eq!(next_text(&rep.receiver()), "a question");
            rep.send_blocking("an answer").unwrap();
            assert_eq!(next_text(&req.receiver()), "an answer");
        } else {
            push.connect(pull.bind(place).unwrap()).unwrap();
            put(&push.sender(), "on its way");
        }
        sub.subscribe("").unwrap();
        sub.connect(
            publisher
                .bind(Transport::ALL[round % 3].endpoint())
                .unwrap(),
        )
        .unwrap();
        put(&publisher.sender(), "hear, hear");
        // Handles that outlive the context.
        std::mem::forget((req, rep.receiver(), pull.receiver(), sub, publisher, push));
    }
    context
}

#[test]
fn shutdown_leaves_no_thread_no_file_descriptor_and_no_file() {
    alone(LIMIT, || {
        let folder = Folder::new();
        let mut before = None;
        for _ in 0..3 {
            let context = busy_context(&folder);
            assert_eq!(pump_threads(), 1, "one pump for each context");
            assert!(folder.files() > 0);
            shut_down(&context);
            assert_eq!((pump_threads(), folder.files()), (0, 0));
            // The first time, the process itself may have opened something for good.
            let files = open_files();
            assert_eq!(*before.get_or_insert(files), files);
        }
    });
}

#[test]
fn a_private_ipc_directory_is_removed_with_its_socket() {
    within(LIMIT, || {
        let end: [fn(Context, Socket<Pull>, &Endpoint); 3] = [
            |_, pull, _| {
                pull.close_blocking();
            },
            |_, pull, endpoint| pull.unbind(endpoint).unwrap(),
            |context, _, _| context.shutdown(),
        ];
        for end in end {
            let context = Context::new();
            let pull = context.socket::<Pull>().unwrap();
            let endpoint = pull.bind("ipc://*").unwrap();
            let path = ipc_path(&endpoint).to_owned();
            let folder = path.parent().unwrap().to_owned();
            assert!(path.exists());
            end(context, pull, &endpoint);
            assert!(!path.exists());
            assert!(
                folder == std::env::temp_dir() || !folder.exists(),
                "{folder:?} is left"
            );
        }
    });
}

#[test]
fn the_pump_ends_with_the_last_socket() {
    alone(LIMIT, || {
        let context = Context::new();
        assert_eq!(pump_threads(), 0, "a context without sockets costs nothing");
        let files = open_files();
        let (left, right) = (
            context.socket::<Pair>().unwrap(),
            context.socket::<Pair>().unwrap(),
        );
        assert_eq!(pump_threads(), 1);
        left.connect(right.bind("inproc://last").unwrap()).unwrap();
        drop(context);
        put(&left.sender(), "still here");
        assert_eq!(next_text(&right.receiver()), "still here");
        let receiver = right.receiver();
        drop((left, right));
        assert_eq!(
            receiver.recv_timeout_blocking(PATIENCE),
            Err(RecvTimeoutError::Closed(Closed::Socket))
        );
        drop(receiver);
        eventually("the pump ends", || pump_threads() == 0);
        eventually("its files are closed", || open_files() == files);
    });
}

#[test]
fn a_hundred_contexts_are_created_and_dropped() {
    alone(LIMIT, || {
        let folder = Folder::new();
        let mut before = None;
        for round in 0..100 {
            let context = Context::new();
            let path = folder.path().join("feed");
            let pull = context.socket::<Pull>().unwrap();
            let (near, far) = (
                context.socket::<Push>().unwrap(),
                context.socket::<Push>().unwrap(),
            );
            near.connect(pull.bind("inproc://feed").unwrap()).unwrap();
            far.connect(pull.bind(format!("ipc://{}", path.display())).unwrap())
                .unwrap();
            put(&near.sender(), "x");
            put(&far.sender(), "x");
            next_text(&pull.receiver());
            next_text(&pull.receiver());
            if round % 2 == 0 {
                // Live, and with something on the way.
                put(&far.sender(), "y");
                shut_down(&context);
            } else {
                drop((near, far, pull, context));
                eventually("the pump ends", || pump_threads() == 0);
            }
            // The system may list a thread for a moment that has been joined.
            eventually("the pump's thread is gone", || pump_threads() == 0);
            assert_eq!(folder.files(), 0, "round {round}");
            // Over a little while: a pump that ends by itself is not waited for.
            let files = *before.get_or_insert_with(open_files);
            eventually("no file is left open", || open_files() <= files);
        }
    });
}

#[test]
fn closed_sockets_leave_no_resources_in_a_running_context() {
    alone(LIMIT, || {
        let context = Context::new();
        let _open = context.socket::<Pair>().unwrap();
        let mut before = None;
        for _ in 0..50 {
            for transport in Transport::ALL {
                let (push, pull) = (
                    context.socket::<Push>().unwrap(),
                    context.socket::<Pull>().unwrap(),
                );
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                put(&push.sender(), "x");
                assert_eq!(next_text(&pull.receiver()), "x");
                push.close_blocking();
                pull.close_blocking();
            }
            let files = *before.get_or_insert_with(open_files);
            eventually("no file is left open", || open_files() <= files);
        }
        assert_eq!(pump_threads(), 1);
    });
}

// ---- the process

/// Ends by returning from the test, as a process does from `main`: nothing keeps it alive.
#[test]
fn a_process_exits_while_contexts_are_idle_or_busy() {
    alone(Duration::from_secs(10), || {
        let idle = Context::new();
        let pull = idle.socket::<Pull>().unwrap();
        pull.bind("tcp://127.0.0.1:*").unwrap();
        let listening = pull.receiver();
        thread::spawn(move || listening.recv_blocking());
        let busy = Context::new();
        let push = busy.socket::<Push>().unwrap();
        push.connect(Transport::Tcp.endpoint()).unwrap();
        put(&push.sender(), "never delivered");
        std::mem::forget((idle, pull, busy, push));
    });
}
