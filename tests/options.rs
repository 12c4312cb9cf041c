//! Options of open sockets: read, changed, refused. What each option does is tested with what it
//! is about.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{within, LIMIT};
use zmq_channels::{ConfigureError, Context, Linger, Options, Overflow, Pull, Push, SocketError};

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
