//! Options of open sockets: read, changed, refused. What each option does is tested with what it
//! is about.

use crate::common;

use std::future::Future;
use std::net::TcpListener;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use common::{next_text, put, within, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::FutureExt;
use zmq_channels::error::{Closed, ConfigureError, ContextError, SocketError};
use zmq_channels::monitor::EventKind;
use zmq_channels::options::{
    ManualSubscriptions, Notify, ReconnectStop, SocksProxy, TcpKeepalive, Verbosity, ZmtpVersion,
};
use zmq_channels::{
    Context, ContextOptions, Linger, Message, Options, Overflow, Pub, Pull, Push, Rep, Req,
    Security, Select, SocketType, Sub,
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
fn a_raised_mark_accepts_more_and_a_lowered_one_drops_nothing() {
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
fn messages_unsuitable_for_peers_are_refused_as_options() {
    within(LIMIT, || {
        let context = Context::new();
        let many = |count: usize| {
            (0..count).fold(Options::new(), |options, number| {
                options.property(format!("X-{number}"), "value")
            })
        };
        let large = |bytes: usize| Options::new().property("X-large", vec![0; bytes]);
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
fn multipart_notices_are_refused_on_single_frame_types() {
    use SocketType::*;
    within(LIMIT, || {
        type Set = fn(Options, Message) -> Options;
        let options: [(&str, Set); 3] = [
            ("hello", |options, message| options.hello(message)),
            ("disconnect_notice", |options, message| {
                options.disconnect_notice(message)
            }),
            ("hiccup_notice", |options, message| {
                options.hiccup_notice(message)
            }),
        ];
        let context = Context::new();
        for (name, set) in options {
            let one = || set(Options::new(), "one".into());
            let two = || set(Options::new(), ["one", "two"].into());
            for kind in SocketType::ALL {
                let Ok(socket) = context.socket_of(kind, one()) else {
                    continue; // It has no such option.
                };
                let is_refused =
                    matches!(kind, Server | Client | Peer | Channel | Scatter | Gather);
                let opened = context.socket_of(kind, two());
                let at_fault = match opened.err() {
                    Some(SocketError::Option { option, .. }) => Some(option),
                    None => None,
                    Some(other) => panic!("{kind}: {other}"),
                };
                assert_eq!(at_fault, is_refused.then_some(name), "{kind}");
                let changed = socket.configure(|_| two()).err();
                let at_fault = match changed {
                    Some(ConfigureError::Option { option, .. }) => Some(option),
                    None => None,
                    Some(other) => panic!("{kind}: {other}"),
                };
                assert_eq!(at_fault, is_refused.then_some(name), "{kind}");
            }
        }
    });
}

#[test]
fn large_messages_pass_through_small_batches() {
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
fn invalid_values_are_refused_and_change_nothing() {
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
        assert_eq!(refused, ConfigureError::Closed(Closed::Socket));
        let push = context.socket::<Push>().unwrap();
        context.shutdown();
        assert_eq!(
            push.options().unwrap_err(),
            ConfigureError::Closed(Closed::Context)
        );
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

/// A PUSH and a PULL with these options meet, although another socket refuses the PUSH before.
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
fn durations_beyond_the_systems_range_are_refused() {
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
            let options = ContextOptions::new();
            for options in [options.clone().spin(long), options.task_spin(long)] {
                let refused = Context::with_options(options).unwrap_err();
                assert!(matches!(refused, ContextError::Option { .. }), "{refused}");
            }
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

/// Calls in another thread, and has `meanwhile` done beside it.
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
            // What is on its way at the end must not hold up the end.
            let one = Options::new().high_water_marks(1);
            let one = one.linger(Linger::For(Duration::ZERO));
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

// ---- what has no effect on a type of socket

/// An option, set to a value that is not its default, and the types it means something for.
struct Setting {
    option: &'static str,
    set: fn(Options) -> Options,
    types: Vec<SocketType>,
}

fn settings() -> Vec<Setting> {
    use SocketType::*;
    let all = || SocketType::ALL.to_vec();
    let all_but = |without: &[SocketType]| {
        let mut types = all();
        types.retain(|kind| !without.contains(kind));
        types
    };
    let zmtp = || all_but(&[Stream]);
    let s = |option, set, types| Setting { option, set, types };
    vec![
        s(
            "send_high_water_mark",
            |o| o.send_high_water_mark(7),
            all_but(&[Sub, Pull, Dish, Gather]),
        ),
        s(
            "receive_high_water_mark",
            |o| o.receive_high_water_mark(7),
            all_but(&[Pub, Push, Radio, Scatter]),
        ),
        s(
            "send_overflow",
            |o| o.send_overflow(Overflow::Latest),
            all_but(&[Sub, Pull, Dish, Gather]),
        ),
        s(
            "receive_overflow",
            |o| o.receive_overflow(Overflow::DropNewest),
            all_but(&[Pub, Push, Radio, Scatter]),
        ),
        s("linger", |o| o.linger(Linger::For(SECOND)), all()),
        s("routing_id", |o| o.routing_id("id"), zmtp()),
        s("max_frame_size", |o| o.max_frame_size(Some(9)), zmtp()),
        s("max_message_size", |o| o.max_message_size(Some(9)), zmtp()),
        s("oldest_zmtp", |o| o.oldest_zmtp(ZmtpVersion::V3_0), zmtp()),
        s("reconnect_interval", |o| o.reconnect_interval(None), all()),
        s(
            "reconnect_interval_max",
            |o| o.reconnect_interval_max(SECOND),
            all(),
        ),
        s(
            "connect_timeout",
            |o| o.connect_timeout(Some(SECOND)),
            all(),
        ),
        s(
            "handshake_timeout",
            |o| o.handshake_timeout(Some(SECOND)),
            zmtp(),
        ),
        s("backlog", |o| o.backlog(9), all()),
        s(
            "kernel_send_buffer",
            |o| o.kernel_send_buffer(Some(9999)),
            all(),
        ),
        s(
            "kernel_receive_buffer",
            |o| o.kernel_receive_buffer(Some(9999)),
            all(),
        ),
        s("pump", |o| o.pump(Some(0)), all()),
        s(
            "immediate",
            |o| o.immediate(true),
            vec![Pair, Req, Push, Dealer, Client, Scatter, Channel],
        ),
        s(
            "require_endpoint",
            |o| o.require_endpoint(true),
            vec![Pair, Req, Push, Dealer, Client, Scatter, Channel],
        ),
        s(
            "heartbeat_interval",
            |o| o.heartbeat_interval(Some(SECOND)),
            zmtp(),
        ),
        s(
            "heartbeat_timeout",
            |o| o.heartbeat_timeout(Some(SECOND)),
            zmtp(),
        ),
        s("heartbeat_ttl", |o| o.heartbeat_ttl(Some(SECOND)), zmtp()),
        s("security", |o| o.security(Security::PlainServer), zmtp()),
        s("zap_domain", |o| o.zap_domain("domain"), zmtp()),
        s("zap_enforce_domain", |o| o.zap_enforce_domain(true), zmtp()),
        s("metadata", |o| o.property("X-Name", "value"), zmtp()),
        s("in_batch_size", |o| o.in_batch_size(9999), all()),
        s("out_batch_size", |o| o.out_batch_size(9999), all()),
        s(
            "max_peers",
            |o| o.max_peers(Some(9)),
            all_but(&[Pair, Channel]),
        ),
        s(
            "message_peers",
            |o| o.message_peers(true),
            all_but(&[Pub, Push, Radio, Scatter]),
        ),
        s(
            "reconnect_stop",
            |o| o.reconnect_stop(ReconnectStop::new().refused(true)),
            all(),
        ),
        s("accept_filter", |o| o.accept_filter(|_| true), all()),
        #[cfg(target_os = "linux")]
        s(
            "tcp_max_retransmit",
            |o| o.tcp_max_retransmit(Some(SECOND)),
            all(),
        ),
        #[cfg(target_os = "linux")]
        s("bind_to_device", |o| o.bind_to_device("lo"), all()),
        s("ipv6", |o| o.ipv6(true), all()),
        s(
            "tcp_keepalive",
            |o| o.tcp_keepalive(TcpKeepalive::Off),
            all(),
        ),
        #[cfg(unix)]
        s("type_of_service", |o| o.type_of_service(8), all()),
        s(
            "socks_proxy",
            |o| o.socks_proxy(SocksProxy::new("127.0.0.1:1")),
            all(),
        ),
        s(
            "router_mandatory",
            |o| o.router_mandatory(true),
            vec![Router],
        ),
        s("router_handover", |o| o.router_handover(true), vec![Router]),
        s(
            "router_notify",
            |o| o.router_notify(Notify::Both),
            vec![Router],
        ),
        s(
            "probe_router",
            |o| o.probe_router(true),
            vec![Req, Dealer, Router],
        ),
        s("req_correlate", |o| o.req_correlate(true), vec![Req]),
        s("req_relaxed", |o| o.req_relaxed(true), vec![Req]),
        s("stream_notify", |o| o.stream_notify(false), vec![Stream]),
        s(
            "xpub_verbosity",
            |o| o.xpub_verbosity(Verbosity::Everything),
            vec![XPub],
        ),
        s(
            "xpub_manual",
            |o| o.xpub_manual(ManualSubscriptions::On),
            vec![XPub],
        ),
        s(
            "xpub_no_drop",
            |o| o.xpub_no_drop(true),
            vec![Pub, XPub, Radio],
        ),
        s(
            "xpub_welcome",
            |o| o.xpub_welcome("welcome"),
            vec![Pub, XPub],
        ),
        s(
            "invert_matching",
            |o| o.invert_matching(true),
            vec![Pub, XPub, Sub],
        ),
        s(
            "only_first_subscribe",
            |o| o.only_first_subscribe(true),
            vec![Pub, XPub, XSub],
        ),
        s(
            "xsub_verbose_unsubscribe",
            |o| o.xsub_verbose_unsubscribe(true),
            vec![XSub],
        ),
        s(
            "hello",
            |o| o.hello("hello"),
            vec![
                Pair, Push, Dealer, Router, Server, Client, Peer, Channel, Scatter,
            ],
        ),
        s(
            "disconnect_notice",
            |o| o.disconnect_notice("gone"),
            vec![
                Pair, Pull, Dealer, Router, Server, Client, Peer, Channel, Gather,
            ],
        ),
        s(
            "hiccup_notice",
            |o| o.hiccup_notice("gone"),
            vec![
                Pair, Pull, Dealer, Router, Server, Client, Peer, Channel, Gather,
            ],
        ),
    ]
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn options_without_effect_on_a_type_are_refused() {
    within(LIMIT, || {
        let context = Context::new();
        for Setting { option, set, types } in settings() {
            assert_ne!(set(Options::new()), Options::new(), "{option}");
            for kind in SocketType::ALL {
                let opened = context.socket_of(kind, set(Options::new()));
                let socket = context.socket_of(kind, Options::new()).unwrap();
                let configured = socket.configure(set);
                if types.contains(&kind) {
                    opened.unwrap();
                    let fixed = ["pump", "send_overflow", "receive_overflow"];
                    if fixed.contains(&option) {
                        assert_eq!(configured, Err(ConfigureError::Fixed(option)), "{kind}");
                    } else {
                        assert_eq!(configured, Ok(()), "{option} {kind}");
                    }
                    continue;
                }
                let error = opened.unwrap_err();
                let text = format!("option {option} has no effect on {kind} sockets");
                assert_eq!(error.to_string(), text);
                let SocketError::WithoutEffect {
                    option: named,
                    socket_type,
                } = error
                else {
                    panic!("{error}");
                };
                assert_eq!((named, socket_type), (option, kind));
                let refused = ConfigureError::WithoutEffect {
                    option,
                    socket_type,
                };
                assert_eq!(configured, Err(refused), "{option} {kind}");
                assert_eq!(*socket.options().unwrap(), Options::new());
            }
        }
    });
}

#[test]
fn options_from_the_context_are_never_refused() {
    within(LIMIT, || {
        let unlike = ["pump", "socks_proxy", "security"];
        let settings = settings();
        let all = settings
            .iter()
            .filter(|setting| !unlike.contains(&setting.option))
            .fold(Options::new(), |options, setting| (setting.set)(options));
        let context =
            Context::with_options(ContextOptions::new().socket_options(all.clone())).unwrap();
        for kind in SocketType::ALL {
            let socket = context.socket_of(kind, all.clone().backlog(10)).unwrap();
            socket.configure(|options| options.backlog(11)).unwrap();
        }
        let pull = context.socket_of(SocketType::Pull, all.clone().hello("another"));
        assert!(matches!(
            pull,
            Err(SocketError::WithoutEffect {
                option: "hello",
                ..
            })
        ));
    });
}

#[test]
fn the_same_value_for_both_directions_is_accepted_by_every_type() {
    within(LIMIT, || {
        let context = Context::new();
        for kind in SocketType::ALL {
            for options in [
                Options::new().high_water_marks(7),
                Options::new().overflow(Overflow::Latest),
                Options::new().sliding(7),
            ] {
                context.socket_of(kind, options).unwrap();
            }
            let unlike = Options::new().high_water_marks(7);
            let unlike = [
                unlike.clone().send_high_water_mark(8),
                unlike.receive_high_water_mark(8),
            ];
            let opened = unlike.map(|options| context.socket_of(kind, options).is_ok());
            assert_eq!(opened, [kind.sends() && kind.receives(); 2], "{kind}");
        }
    });
}

/// A sample of what is accepted: it does something.
#[test]
fn accepted_options_have_an_effect() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket_with::<Push>(Options::new().immediate(true));
        push.unwrap().try_send("no peer is there").unwrap_err();

        let push = context.socket_with::<Push>(Options::new().hello("hello"));
        let (push, pull) = (push.unwrap(), context.socket::<Pull>().unwrap());
        push.connect(pull.bind("inproc://effect").unwrap()).unwrap();
        put(&push.sender(), "first");
        assert_eq!(next_text(&pull.receiver()), "hello");
        assert_eq!(next_text(&pull.receiver()), "first");

        let options = Options::new().receive_overflow(Overflow::DropNewest);
        let pull = context.socket_with::<Pull>(options.receive_high_water_mark(1));
        let (push, pull) = (context.socket::<Push>().unwrap(), pull.unwrap());
        push.connect(pull.bind("inproc://overflow").unwrap())
            .unwrap();
        (0..5).for_each(|_| put(&push.sender(), Message::from("x")));
        common::eventually("dropped", || pull.receiver().dropped() == 4);
    });
}
