//! Options of open sockets: read, changed, refused. What each option does is tested with what it
//! is about.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::Future;
use std::net::TcpListener;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use common::{within, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::FutureExt;
use zmq_channels::{
    ConfigureError, Context, ContextError, ContextOptions, EventKind, Linger, Options, Overflow,
    Pub, Pull, Push, Rep, Req, Select, SocketError, Sub, TcpKeepalive,
};

#[test]
fn options_are_read_and_changed_on_an_open_socket() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().send_high_water_mark(5);
        let push = context.socket_with::<Push>(options.clone()).unwrap();
        assert_eq!(*push.options().unwrap(), options);
        push.configure(|options| options.linger(Linger::For(Duration::ZERO)))
            .unwrap();
        let expected = options.linger(Linger::For(Duration::ZERO));
        assert_eq!(*push.options().unwrap(), expected);
    });
}

#[test]
fn a_mark_that_is_raised_lets_more_in_and_a_lowered_one_drops_nothing() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().high_water_marks(2);
        let push = context.socket_with::<Push>(options).unwrap();
        (0..2).for_each(|_| push.try_send("x").unwrap());
        push.try_send("x").unwrap_err();
        push.configure(|options| options.send_high_water_mark(4))
            .unwrap();
        (0..2).for_each(|_| push.try_send("x").unwrap());
        push.try_send("x").unwrap_err();
        push.configure(|options| options.send_high_water_mark(1))
            .unwrap();
        push.try_send("x").unwrap_err();
        let pull = context.socket::<Pull>().unwrap();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        push.connect(endpoint).unwrap();
        for _ in 0..4 {
            pull.recv_blocking().unwrap();
        }
        pull.try_recv().unwrap_err();
    });
}

#[test]
fn what_peers_could_not_take_is_refused() {
    within(LIMIT, || {
        let context = Context::new();
        let many = |count: usize| {
            (0..count).fold(Options::new(), |options, number| {
                options.property(format!("X-{number}"), "value")
            })
        };
        let large = |octets: usize| Options::new().property("X-large", vec![0; octets]);
        for (options, at_fault) in [
            (many(101), "metadata"),
            (large(32 * 1024), "metadata"),
            (Options::new().property("color", "blue"), "metadata"),
            (
                Options::new().in_batch_size(1023),
                "in_batch_size, out_batch_size",
            ),
            (
                Options::new().out_batch_size(17 << 20),
                "in_batch_size, out_batch_size",
            ),
        ] {
            match context.socket_with::<Push>(options).unwrap_err() {
                SocketError::Option { option, .. } => assert_eq!(option, at_fault),
                other => panic!("{other}"),
            }
        }
        for options in [many(100), large(32 * 1024 - 7)] {
            let push = context.socket_with::<Push>(options.clone()).unwrap();
            let pull = context.socket_with::<Pull>(options).unwrap();
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            push.send_blocking("hello").unwrap();
            assert_eq!(pull.recv_blocking().unwrap()[0], "hello");
        }
    });
}

#[test]
fn small_batches_carry_large_messages() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().in_batch_size(1024).out_batch_size(1024);
        let push = context.socket_with::<Push>(options.clone()).unwrap();
        let pull = context.socket_with::<Pull>(options).unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        for size in [0, 300, 1024, 5000, 100_000, 3_000_000] {
            push.send_blocking(vec![7; size]).unwrap();
            assert_eq!(pull.recv_blocking().unwrap()[0], vec![7; size]);
        }
    });
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        let refused = push.configure(|options| options.backlog(0)).unwrap_err();
        assert!(matches!(
            refused,
            ConfigureError::Option {
                option: "backlog",
                ..
            }
        ));
        let refused = push.configure(|options| options.overflow(Overflow::DropOldest));
        assert_eq!(refused, Err(ConfigureError::Fixed("send_overflow")));
        assert_eq!(*push.options().unwrap(), Options::new());
        push.close_blocking();
        let refused = push.configure(|options| options.backlog(1)).unwrap_err();
        assert_eq!(refused, ConfigureError::Disconnected);
        let push = context.socket::<Push>().unwrap();
        context.shutdown();
        assert_eq!(push.options().unwrap_err(), ConfigureError::Terminated);
    });
}

/// Longer than any clock runs, by itself or as a sum with the time of day.
const ENDLESS: [Duration; 2] = [Duration::MAX, Duration::from_millis(u64::MAX)];

#[test]
fn the_longest_durations_work_in_every_option() {
    within(LIMIT, || {
        type Set = fn(Options, Duration) -> Options;
        let options: [(&str, Set); 8] = [
            ("linger", |options, long| options.linger(Linger::For(long))),
            ("reconnect_interval", |options, long| {
                options.reconnect_interval(Some(long))
            }),
            ("reconnect_interval_max", |options, long| {
                options.reconnect_interval_max(long)
            }),
            ("both", |options, long| {
                let options = options.reconnect_interval_max(long);
                options.reconnect_interval(Some(long))
            }),
            ("connect_timeout", |options, long| {
                options.connect_timeout(Some(long))
            }),
            ("handshake_timeout", |options, long| {
                options.handshake_timeout(Some(long))
            }),
            ("heartbeat_interval", |options, long| {
                options.heartbeat_interval(Some(long))
            }),
            ("heartbeat_timeout", |options, long| {
                let options = options.heartbeat_interval(Some(Duration::from_millis(1)));
                options.heartbeat_timeout(Some(long))
            }),
        ];
        for (name, set) in options {
            for long in ENDLESS {
                carries(name, &set(Options::new(), long));
            }
        }
    });
}

/// A PUSH and a PULL with these options meet, although somebody else refuses the PUSH before.
fn carries(name: &str, options: &Options) {
    let context = Context::new();
    let push = context.socket_with::<Push>(options.clone()).unwrap();
    let monitor = push.monitor().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let refuses = format!("tcp://{}", gone.local_addr().unwrap());
    drop(gone);
    push.connect(&refuses).unwrap();
    loop {
        match monitor.recv_timeout_blocking(PATIENCE) {
            Ok(event) if matches!(event.kind, EventKind::ConnectRetried { .. }) => break,
            Ok(_) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
    let pull = context.socket_with::<Pull>(options.clone()).unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    push.send_blocking("hello").unwrap();
    let came = pull.recv_timeout_blocking(PATIENCE);
    assert_eq!(came, Ok("hello".into()), "{name}");
    push.disconnect(&refuses).unwrap();
    assert_eq!(push.close_blocking().undelivered, 0, "{name}");
    assert_eq!(pull.close_blocking().undelivered, 0, "{name}");
}

#[test]
fn durations_that_the_system_has_no_room_for_are_refused() {
    within(LIMIT, || {
        for long in ENDLESS {
            let keepalive = |idle, interval| TcpKeepalive::On {
                idle,
                interval,
                count: None,
            };
            for options in [
                Options::new().heartbeat_ttl(Some(long)),
                Options::new().tcp_max_retransmit(Some(long)),
                Options::new().tcp_keepalive(keepalive(Some(long), None)),
                Options::new().tcp_keepalive(keepalive(None, Some(long))),
            ] {
                let refused = Context::new().socket_with::<Push>(options).unwrap_err();
                assert!(matches!(refused, SocketError::Option { .. }), "{refused}");
            }
            let refused = Context::with_options(ContextOptions::new().spin(long)).unwrap_err();
            assert!(matches!(refused, ContextError::Option { .. }), "{refused}");
        }
    });
}

/// Polls once, which must bring nothing yet, then has `meanwhile` done and waits for the end.
fn waits<F: Future>(call: F, meanwhile: impl FnOnce()) -> F::Output {
    let mut call = pin!(call);
    assert!(call.as_mut().now_or_never().is_none());
    meanwhile();
    block_on(call)
}

/// Calls in a thread of its own, and has `meanwhile` done beside it.
fn blocks<R: Send>(call: impl FnOnce() -> R + Send, meanwhile: impl FnOnce()) -> R {
    thread::scope(|scope| {
        let calling = scope.spawn(call);
        meanwhile();
        calling.join().unwrap()
    })
}

#[test]
fn the_longest_durations_work_in_every_call() {
    within(LIMIT, || {
        for long in ENDLESS {
            let context = Context::new();
            let one = Options::new().high_water_marks(1);
            let push = context.socket_with::<Push>(one.clone()).unwrap();
            let pull = context.socket_with::<Pull>(one).unwrap();
            let monitor = pull.monitor().unwrap();
            let listens = || {
                pull.bind("inproc://longest").unwrap();
            };
            waits(monitor.recv_timeout(long), listens).unwrap();
            let again = || {
                pull.unbind("inproc://longest").unwrap();
                pull.bind("inproc://longest").unwrap();
            };
            blocks(|| monitor.recv_timeout_blocking(long), again).unwrap();
            let connects = || {
                push.connect("inproc://longest").unwrap();
            };
            waits(pull.wait_connected_timeout(1, long), connects).unwrap();
            push.wait_connected_timeout_blocking(1, long).unwrap();

            let sends = || push.send_blocking("x").unwrap();
            waits(pull.recv_timeout(long), sends).unwrap();
            blocks(|| pull.recv_timeout_blocking(long), sends).unwrap();
            let mut select = Select::new();
            select.receiver(pull.receiver());
            blocks(|| select.wait_timeout(long).map(drop), sends).unwrap();
            while push.try_send("x").is_ok() {}
            let takes = || while pull.try_recv().is_ok() {};
            waits(push.send_timeout("x", long), takes).unwrap();
            blocks(|| push.send_timeout_blocking("x", long), takes).unwrap();

            let (req, rep) = (
                context.socket::<Req>().unwrap(),
                context.socket::<Rep>().unwrap(),
            );
            req.connect(rep.bind("inproc://asked").unwrap()).unwrap();
            let requests = rep.requests();
            let answers = || {
                let request = requests.recv_timeout_blocking(long).unwrap();
                request.reply("yes").unwrap();
            };
            waits(req.request_timeout("well?", long), answers).unwrap();
            let answers = || {
                let request = block_on(requests.recv_timeout(long)).unwrap();
                request.reply("yes").unwrap();
            };
            blocks(|| req.request_timeout_blocking("well?", long), answers).unwrap();

            let (publisher, subscriber) = (
                context.socket::<Pub>().unwrap(),
                context.socket::<Sub>().unwrap(),
            );
            subscriber
                .connect(publisher.bind("inproc://news").unwrap())
                .unwrap();
            let subscribes = || subscriber.subscribe("").unwrap();
            waits(publisher.wait_subscribed_timeout(1, long), subscribes).unwrap();
            publisher.wait_subscribed_timeout_blocking(1, long).unwrap();

            let judge = context.authenticator().unwrap();
            let guarded = Options::new().zap_domain("guarded");
            let guarded = context.socket_with::<Pull>(guarded).unwrap();
            let endpoint = guarded.bind("tcp://127.0.0.1:*").unwrap();
            let guest = context.socket::<Push>().unwrap();
            let knocks = || {
                guest.connect(&endpoint).unwrap();
            };
            waits(judge.recv_timeout(long), knocks).unwrap().accept("");
            blocks(|| judge.recv_timeout_blocking(long), knocks)
                .unwrap()
                .accept("");

            let (_kept, rest) = futures::channel::mpsc::unbounded::<zmq_channels::Message>();
            let registered = push.register_in(rest).unwrap();
            let ends = || {
                pull.close_blocking();
                push.close_blocking();
            };
            blocks(|| registered.wait_timeout_blocking(long).is_ok(), ends);
        }
    });
}
