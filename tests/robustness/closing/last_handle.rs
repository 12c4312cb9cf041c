//! The last handle of a context, and the end of a program.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use zmq_channels::error::Closed;

use zmq_channels::ContextOptions;

use super::common::alone;
use super::*;

/// What a process that is to send something finds in its environment: where to.
const WHERE: &str = "ZMQ_CHANNELS_TEST_WHERE";

/// Longer than dropping a context has ever waited without being asked to.
const LATE: Duration = Duration::from_millis(2500);

/// A PUSH that has accepted ten messages for a peer that has yet to come.
fn ten_messages(context: &Context, endpoint: &str) -> Socket<Push> {
    let push = context.socket::<Push>().unwrap();
    push.connect(endpoint).unwrap();
    for number in 0..10 {
        push.send_blocking(number.to_string()).unwrap();
    }
    push
}

/// Runs one test of this file again, in a process that ends with it.
fn process(test: &str, endpoint: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(WHERE, endpoint)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The messages of a process whose peer is late: it does not end before it has sent them.
fn all_ten_come(test: &str) {
    let test = test.to_owned();
    within(LIMIT, move || {
        let endpoint = Transport::Tcp.endpoint();
        let mut child = process(&test, &endpoint);
        let ended = holds_within(LATE, || child.try_wait().unwrap().is_some());
        assert!(!ended, "it ended with ten messages in its hands");
        let pull = Context::new().socket::<Pull>().unwrap();
        pull.bind(&endpoint).unwrap();
        all_come(&pull.receiver(), 10);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_program_ends_when_its_messages_are_sent() {
    match std::env::var(WHERE) {
        Ok(endpoint) => drop(ten_messages(&Context::new(), &endpoint)),
        Err(_) => all_ten_come("closing::last_handle::a_program_ends_when_its_messages_are_sent"),
    }
}

#[test]
fn a_program_with_the_default_context_ends_when_its_messages_are_sent() {
    match std::env::var(WHERE) {
        Ok(endpoint) => drop(ten_messages(&Context::global(), &endpoint)),
        Err(_) => all_ten_come(
            "closing::last_handle::a_program_with_the_default_context_ends_when_its_messages_are_sent",
        ),
    }
}

/// The last handle may be of anything: here it is a receiver's.
#[test]
fn the_default_context_is_waited_for_each_time_and_stays_usable() {
    alone(LIMIT, || {
        for _ in 0..3 {
            let endpoint = Transport::Ipc.endpoint();
            let pair = Context::global().socket::<Pair>().unwrap();
            pair.connect(&endpoint).unwrap();
            pair.send_blocking("once more").unwrap();
            let receiver = pair.receiver();
            drop(pair);
            let dropping = thread::spawn(move || drop(receiver));
            let too_early = holds_within(Duration::from_millis(100), || dropping.is_finished());
            assert!(!too_early, "no peer has got it yet");
            let peer = Context::new().socket::<Pair>().unwrap();
            peer.bind(&endpoint).unwrap();
            assert_eq!(next_text(&peer.receiver()), "once more");
            dropping.join().unwrap();
        }
    });
}

#[test]
fn a_linger_limit_ends_the_wait_and_undelivered_is_reported() {
    alone(LIMIT, || {
        let limited = |limit| {
            let options = ContextOptions::new().linger_limit(Some(limit));
            Context::with_options(options).unwrap()
        };
        let limit = Duration::from_millis(100);
        for explicitly in [false, true] {
            let before = Context::undelivered();
            let context = limited(limit);
            let push = ten_messages(&context, &Transport::Tcp.endpoint());
            let start = Instant::now();
            if explicitly {
                assert_eq!(context.close_blocking().undelivered, 10);
                assert!(push.is_closed() && context.socket::<Push>().is_err());
            }
            drop((push, context));
            assert!(start.elapsed() >= limit);
            assert_eq!(Context::undelivered() - before, 10);
        }
        // A limit beyond the end of the clock is none.
        let (context, endpoint) = (limited(Duration::MAX), Transport::Tcp.endpoint());
        let push = ten_messages(&context, &endpoint);
        let pull = Context::new().socket::<Pull>().unwrap();
        pull.bind(&endpoint).unwrap();
        drop((push, context));
        all_come(&pull.receiver(), 10);
    });
}

#[test]
fn a_context_closes_when_all_its_sockets_have() {
    within(LIMIT, || {
        let options = ContextOptions::new().pumps(2);
        let context = Context::with_options(options).unwrap();
        let endpoint = Transport::Tcp.endpoint();
        let pushes = [(); 3].map(|()| ten_messages(&context, &endpoint));
        let idle = context.socket::<Pull>().unwrap();
        let closed = context.close();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(block_on(closed)));
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
        let pull = Context::new().socket::<Pull>().unwrap();
        pull.bind(&endpoint).unwrap();
        (0..30).for_each(|_| drop(next(&pull.receiver())));
        assert_eq!(told.recv_timeout(PATIENCE).unwrap().undelivered, 0);
        assert!(pushes.iter().all(Socket::is_closed));
        assert_eq!(idle.recv_blocking(), Err(RecvError::Closed(Closed::Socket)));
        assert!(context.socket::<Pull>().is_err());
        assert_eq!(context.close_blocking().undelivered, 0);
    });
}

#[test]
fn shutting_a_context_down_ends_the_wait_for_its_sockets() {
    within(LIMIT, || {
        let context = Context::new();
        let push = ten_messages(&context, &Transport::Tcp.endpoint());
        let closing = thread::spawn({
            let context = context.clone();
            move || context.close_blocking()
        });
        eventually("it closes", || push.is_closed());
        context.shutdown();
        eventually("the wait is over", || closing.is_finished());
        assert_eq!(closing.join().unwrap().undelivered, 10);
    });
}

#[test]
fn a_panic_does_not_wait_for_a_peer() {
    alone(LIMIT, || {
        let start = Instant::now();
        for context in [Context::new(), Context::global()] {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let _push = ten_messages(&context, &Transport::Tcp.endpoint());
                let _last = context;
                panic!("this is to be seen");
            }));
            assert!(panicked.is_err());
        }
        let took = start.elapsed();
        assert!(took < 2 * Context::DROP_WAIT + PATIENCE, "{took:?}");
        assert!(took >= Context::DROP_WAIT, "{took:?}");
        // Of the default context there must be no last handle: it would wait for that peer.
        std::process::exit(0);
    });
}

/// No handle is left that could make room in a context, or bind a name.
#[test]
fn sockets_of_one_context_do_not_wait_for_each_other_without_handles() {
    alone(LIMIT, || {
        let options = Options::new().high_water_marks(10);
        for transport in [Transport::Inproc, Transport::AcrossPumps] {
            let context = transport.contexts().0;
            let open = |kind| context.socket_of(kind, options.clone()).unwrap();
            for (one, other) in [
                (SocketType::Pair, SocketType::Pair),
                (SocketType::Push, SocketType::Pull),
                (SocketType::Dealer, SocketType::Router),
            ] {
                let (one, other) = (open(one), open(other));
                one.connect(other.bind(transport.endpoint()).unwrap())
                    .unwrap();
                for sender in [one.sender(), other.sender()].into_iter().flatten() {
                    let full = |sender: &zmq_channels::Sender| {
                        let step = Duration::from_millis(50);
                        sender.send_timeout_blocking("unread", step).is_err()
                    };
                    // A ROUTER drops what has no address.
                    (0..30).any(|_| full(&sender));
                }
            }
            let early = open(SocketType::Push);
            early.connect(transport.endpoint()).unwrap();
            put(&early.sender().unwrap(), "this is never bound");
            let late = open(SocketType::Pair);
            late.bind(transport.endpoint()).unwrap();
            put(&late.sender().unwrap(), "no peer ever connects to this");
            let before = Context::undelivered();
            drop((early, late, context));
            assert!(Context::undelivered() > before);
        }
    });
}

#[test]
fn dropping_a_context_does_not_wait_for_open_sockets() {
    within(LIMIT, || {
        let context = Context::new();
        let open = context.socket::<Push>().unwrap();
        drop(context);
        let pull = Context::new().socket::<Pull>().unwrap();
        open.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        put(&open.sender(), "goes on without its context");
        assert_eq!(next_text(&pull.receiver()), "goes on without its context");
    });
}
