//! Channels of the user's own, of several libraries, as `in` and `out` of sockets.

use crate::common;
use crate::lateness::Timed;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use common::tasks::comes_through;
use common::{
    alone, eventually, holds_within, next, next_text, put, within, Transport, ABSENCE, LIMIT,
    PATIENCE,
};
use futures::channel::mpsc as futures_mpsc;
use futures::executor::block_on;
use futures::{sink, stream, SinkExt, StreamExt};
use zmq_channels::error::{Closed, RegisterError, TrySendError};
use zmq_channels::kind::{Receives, Sends};
use zmq_channels::register::{Ended, Registration};
use zmq_channels::{
    Context, Linger, Message, Options, Pair, Pull, Push, Rep, Req, Socket, SocketType,
};

/// How long a shutdown may take.
const PROMPT: Duration = Duration::from_millis(100);

/// Two connected sockets, with high-water marks of `mark` messages.
fn connected<A: Sends, B: Receives>(context: &Context, mark: usize) -> (Socket<A>, Socket<B>) {
    let options = Options::new().high_water_marks(mark);
    common::connected(context, Transport::Inproc, &options)
}

fn number(number: u32) -> Message {
    number.to_string().into()
}

fn ended(registration: Registration) -> Ended {
    registration
        .wait_timeout_blocking(PATIENCE)
        .expect("the registration should have ended")
}

// ---- channels of many libraries

#[test]
fn channels_of_futures() {
    within(LIMIT, || {
        let (mut give, stream) = futures_mpsc::channel(3);
        let (sink, mut take) = futures_mpsc::channel::<Message>(3);
        comes_through(
            stream,
            sink,
            move |message| block_on(give.send(message)).unwrap(),
            move || block_on(take.next()).unwrap(),
        );
    });
}

#[test]
fn channels_of_flume() {
    within(LIMIT, || {
        let (give, stream) = flume::bounded(3);
        let (sink, take) = flume::bounded::<Message>(3);
        comes_through(
            stream.into_stream(),
            sink.into_sink(),
            move |message| give.send(message).unwrap(),
            move || take.recv().unwrap(),
        );
    });
}

/// Items become messages, and messages become items.
#[test]
fn items_are_converted() {
    struct Text(String);
    impl From<Message> for Text {
        fn from(message: Message) -> Text {
            Text(message.as_str().unwrap_or_default().to_owned())
        }
    }
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 7);
        let (sink, taken) = flume::unbounded::<Text>();
        let _goes_on = pull.register_out(sink.into_sink()).unwrap();
        let _goes_on = push.register_in(stream::iter(["one", "two"])).unwrap();
        let texts = [(); 2].map(|()| taken.recv_timeout(PATIENCE).unwrap().0);
        assert_eq!(texts, ["one", "two"]);
    });
}

// ---- sockets and their registrations

/// An echo server of one channel: what comes out of the socket goes back in.
#[test]
fn a_channel_between_out_and_in_of_a_rep_is_an_echo_server() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind(Transport::Tcp.endpoint()).unwrap();
        let (requests, replies) = futures_mpsc::channel::<Message>(1);
        let (_in, _out) = rep.register(replies, requests).unwrap();
        drop(rep);
        for client in 0..3 {
            let req = context.socket::<Req>().unwrap();
            req.connect(&endpoint).unwrap();
            for round in 0..10 {
                put(&req.sender(), number(client * 100 + round));
                assert_eq!(next(&req.receiver()), number(client * 100 + round));
            }
        }
    });
}

#[test]
fn several_sockets_share_one_sink() {
    within(LIMIT, || {
        const EACH: u32 = 300;
        let context = Context::new();
        let (sink, taken) = flume::bounded::<Message>(5);
        let pushes: Vec<_> = (0..10)
            .map(|_| {
                let (push, pull) = connected::<Push, Pull>(&context, 10);
                drop(pull.register_out(sink.clone().into_sink()).unwrap());
                push
            })
            .collect();
        drop(sink);
        let senders: Vec<_> = pushes.iter().map(Socket::<Push>::sender).collect();
        let sending = std::thread::spawn(move || {
            for count in 0..EACH {
                for (index, sender) in senders.iter().enumerate() {
                    put(sender, [index.to_string(), count.to_string()]);
                }
            }
        });
        let mut counts = [0; 10];
        for _ in 0..10 * EACH {
            let message = taken.recv_timeout(PATIENCE).unwrap();
            let index = std::str::from_utf8(&message[0]).unwrap();
            let index: usize = index.parse().unwrap();
            assert_eq!(message[1], counts[index].to_string());
            counts[index] += 1;
        }
        sending.join().unwrap();
        assert_eq!(counts, [EACH; 10]);
    });
}

/// The sink that stalls has its own back-pressure, the other one its messages.
#[test]
fn a_stalled_sink_pauses_only_its_own_socket() {
    within(LIMIT, || {
        let context = Context::new();
        let (stalled, stalled_pull) = connected::<Push, Pull>(&context, 5);
        let (sink, mut late) = futures_mpsc::channel::<Message>(0);
        let _goes_on = stalled_pull.register_out(sink).unwrap();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let (sink, taken) = flume::unbounded::<Message>();
        let _goes_on = pull.register_out(sink.into_sink()).unwrap();

        let mut accepted = 0;
        let mut fill = || loop {
            match stalled.try_send(number(accepted)) {
                Ok(()) => accepted += 1,
                Err(TrySendError::Full(_)) => return accepted,
                Err(other) => panic!("{other}"),
            }
        };
        eventually("the stalled socket stays full", || {
            let before = fill();
            !holds_within(ABSENCE, || fill() > before)
        });
        for count in 0..1_000 {
            put(&push.sender(), number(count));
            assert_eq!(taken.recv_timeout(PATIENCE), Ok(number(count)));
        }
        // Both queues are bounded, and so is the channel of the user's.
        assert!(fill() <= 5 + 5 + 1);
        // Nothing was lost meanwhile.
        for count in 0..accepted {
            assert_eq!(block_on(late.next()), Some(number(count)));
        }
        put(&stalled.sender(), "and on");
        assert_eq!(block_on(late.next()), Some("and on".into()));
    });
}

#[test]
fn a_sink_that_fails_closes_only_its_own_socket() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let (sink, dropped) = flume::unbounded::<Message>();
        let registration = pull.register_out(sink.into_sink()).unwrap();
        let (other_push, other_pull) = connected::<Push, Pull>(&context, 5);
        let (sink, taken) = flume::unbounded::<Message>();
        let _goes_on = other_pull.register_out(sink.into_sink()).unwrap();

        drop(dropped);
        put(&push.sender(), "not taken");
        assert!(matches!(ended(registration), Ended::Failed(_)));
        assert!(pull.is_closed());
        assert!(!push.is_closed());
        put(&other_push.sender(), "alive");
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("alive".into()));
    });
}

/// What panics in the user's code, wherever that is, ends its registration and its socket.
#[test]
fn panics_close_only_their_own_socket() {
    struct Fragile;
    impl From<Message> for Fragile {
        fn from(_: Message) -> Fragile {
            panic!("conversion")
        }
    }
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    fn says(registration: Registration, text: &str) {
        assert!(matches!(ended(registration), Ended::Panicked(said) if said == text));
    }
    within(LIMIT, || {
        let context = Context::new();
        let (other_push, other_pull) = connected::<Push, Pull>(&context, 5);
        let (sink, taken) = flume::unbounded::<Message>();
        let _goes_on = other_pull.register_out(sink.into_sink()).unwrap();

        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let stream = stream::iter(0..).map(|count| match count {
            3 => panic!("stream"),
            _ => number(count),
        });
        says(push.register_in(stream).unwrap(), "stream");
        assert!(push.is_closed());
        // What it had given before still arrives.
        assert_eq!(
            [(); 3].map(|()| next_text(&pull.receiver())),
            ["0", "1", "2"]
        );

        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let sink = sink::unfold((), |(), _: Message| async { panic!("sink") });
        let sink = sink.sink_map_err(|error: Infallible| error);
        let registration = pull.register_out(sink).unwrap();
        put(&push.sender(), "x");
        says(registration, "sink");
        assert!(pull.is_closed());

        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let registration = pull.register_out(sink::drain::<Fragile>()).unwrap();
        put(&push.sender(), "x");
        says(registration, "conversion");
        assert!(pull.is_closed());

        let (push, _pull) = connected::<Push, Pull>(&context, 5);
        let bomb = Bomb;
        let stream = stream::iter(["x"]).map(move |text| {
            let _owned = &bomb;
            text
        });
        assert!(matches!(
            ended(push.register_in(stream).unwrap()),
            Ended::Finished(_)
        ));

        put(&other_push.sender(), "alive");
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("alive".into()));
    });
}

/// A stream that has ended closes the socket once all it gave is sent, and not sooner.
#[test]
fn a_stream_that_ends_closes_the_socket_after_flushing() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        let endpoint = Transport::Tcp.endpoint();
        push.connect(&endpoint).unwrap();
        let registration = push
            .register_in(stream::iter((0..500).map(number)))
            .unwrap();
        eventually("the socket takes no more", || push.is_closed());
        let registration = registration
            .wait_timeout_blocking(Duration::ZERO)
            .expect_err("no peer could take the messages yet");
        let pull = Context::new().socket::<Pull>().unwrap();
        pull.bind(&endpoint).unwrap();
        for count in 0..500 {
            assert_eq!(next(&pull.receiver()), number(count));
        }
        assert!(matches!(
            ended(registration),
            Ended::Finished(closed) if closed.undelivered == 0
        ));
    });
}

#[test]
fn closing_the_socket_ends_its_registrations() {
    within(LIMIT, || {
        let context = Context::new();
        let (left, right) = connected::<Pair, Pair>(&context, 20);
        let (to_sink, taken) = flume::unbounded::<Message>();
        let feed = right.register_in(stream::pending::<Message>()).unwrap();
        let pour = right.register_out(to_sink.into_sink()).unwrap();
        for count in 0..10 {
            put(&left.sender(), number(count));
        }
        let first = taken.recv_timeout(PATIENCE);
        assert_eq!(first, Ok(number(0)));
        right.close_blocking();
        assert!(matches!(ended(feed), Ended::Closed(Closed::Socket)));
        assert!(matches!(ended(pour), Ended::Closed(Closed::Socket)));
        // Drained, and then closed.
        let rest: Vec<Message> = taken.iter().collect();
        let in_order = rest
            .iter()
            .zip(1..)
            .all(|(got, count)| *got == number(count));
        assert!(in_order, "{rest:?}");
    });
}

#[test]
fn stopping_leaves_the_socket_open_and_loses_no_message() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 2);
        let (give, stream) = flume::unbounded::<Message>();
        for count in 0..100 {
            give.send(number(count)).unwrap();
        }
        let mut registration = push.register_in(stream.clone().into_stream()).unwrap();
        assert_eq!(next(&pull.receiver()), number(0));
        registration.stop();
        let mut received = 1;
        let registration = loop {
            match registration.wait_timeout_blocking(Duration::ZERO) {
                Ok(ended) => break ended,
                Err(still) => registration = still,
            }
            // What it has in hand needs room.
            if let Ok(message) = pull.recv_timeout_blocking(Duration::from_millis(1)) {
                assert_eq!(message, number(received));
                received += 1;
            }
        };
        assert!(matches!(registration, Ended::Stopped));
        let put_back: Vec<Message> = stream.drain().collect();
        drop(push.close());
        while let Ok(message) = pull.recv_timeout_blocking(Duration::from_millis(50)) {
            assert_eq!(message, number(received));
            received += 1;
        }
        let expected: Vec<Message> = (received..100).map(number).collect();
        assert_eq!(put_back, expected);
        assert!(
            !put_back.is_empty(),
            "high-water marks of 2 held 100 messages"
        );

        let (push, pull) = connected::<Push, Pull>(&context, 2);
        let (sink, taken) = flume::unbounded::<Message>();
        let mut registration = pull.register_out(sink.into_sink()).unwrap();
        put(&push.sender(), "before");
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("before".into()));
        registration.stop();
        assert!(matches!(ended(registration), Ended::Stopped));
        put(&push.sender(), "after");
        assert_eq!(next_text(&pull.receiver()), "after");
    });
}

/// A message without frames does no harm to those behind it.
#[test]
fn messages_refused_by_the_socket_are_counted() {
    within(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let messages = [Message::from("one"), Message::new(), Message::from("two")];
        let (give, stream) = flume::unbounded::<Message>();
        messages
            .into_iter()
            .for_each(|message| give.send(message).unwrap());
        let _goes_on = push.register_in(stream.into_stream()).unwrap();
        assert_eq!(next_text(&pull.receiver()), "one");
        assert_eq!(next_text(&pull.receiver()), "two");
        assert_eq!(push.sender().dropped(), 1);
    });
}

#[test]
fn registering_a_missing_port_is_an_error() {
    within(LIMIT, || {
        let context = Context::new();
        let open = |kind| context.socket_of(kind, Options::new()).unwrap();
        let pull = open(SocketType::Pull);
        assert!(matches!(
            pull.register_in(stream::pending::<Message>()),
            Err(RegisterError::Unsupported(SocketType::Pull))
        ));
        let push = open(SocketType::Push);
        assert!(matches!(
            push.register_out(sink::drain::<Message>()),
            Err(RegisterError::Unsupported(SocketType::Push))
        ));
        push.connect(pull.bind("inproc://any").unwrap()).unwrap();
        let (sink, taken) = flume::unbounded::<Message>();
        let _goes_on = pull.register_out(sink.into_sink()).unwrap();
        let _goes_on = push.register_in(stream::iter(["x"])).unwrap();
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("x".into()));
    });
}

// ---- the thread

/// The threads for registrations in this process, as Linux numbers them.
#[cfg(target_os = "linux")]
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let paths = tasks.filter_map(|task| Some(task.ok()?.path().to_str()?.to_owned()));
    paths
        .filter(|path| {
            // A thread may end between listing and reading.
            let name = std::fs::read_to_string(format!("{path}/comm"));
            name.is_ok_and(|name| name.trim_end() == "zmq-register")
        })
        .collect()
}

#[test]
#[cfg(target_os = "linux")]
fn one_thread_runs_all_registrations_and_ends_with_the_last_handle() {
    alone(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        assert_eq!(threads().len(), 0);
        let (sink, taken) = flume::unbounded::<Message>();
        let out = pull.register_out(sink.into_sink()).unwrap();
        let (give, stream) = flume::unbounded::<Message>();
        let _goes_on = push.register_in(stream.into_stream()).unwrap();
        for _ in 0..10 {
            let (push, pull) = connected::<Push, Pull>(&context, 5);
            drop(pull.register_out(sink::drain::<Message>()).unwrap());
            drop(push.register_in(stream::pending::<Message>()).unwrap());
            context.clone().socket::<Pull>().unwrap();
            push.close_blocking();
            pull.close_blocking();
        }
        // It has its name once it runs.
        eventually("one thread", || threads().len() == 1);
        give.send("x".into()).unwrap();
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("x".into()));
        drop((context, push, pull));
        give.send("y".into()).unwrap();
        assert_eq!(taken.recv_timeout(PATIENCE), Ok("y".into()));
        // The last ports are those that the registrations hold: the PUSH goes with its stream,
        // the PULL when its registration is stopped.
        drop(give);
        let mut out = out;
        out.stop();
        assert!(matches!(ended(out), Ended::Stopped));
        eventually("the thread ends", || threads().is_empty());
        eventually("the pump ends", || common::pump_threads() == 0);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn shutdown_ends_registrations_and_their_thread() {
    alone(LIMIT, || {
        let context = Context::new();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let feed = push.register_in(stream::pending::<Message>()).unwrap();
        let (sink, _never_read) = futures_mpsc::channel::<Message>(0);
        let stalled = pull.register_out(sink).unwrap();
        for count in 0..5 {
            put(&push.sender(), number(count));
        }
        let (timed, ()) = Timed::run(|| context.shutdown());
        timed.at_most(PROMPT, "shutdown");
        // On a busy machine it may be given up waiting for, and ends all the same.
        eventually("the thread ends", || threads().is_empty());
        assert!(matches!(ended(feed), Ended::Closed(Closed::Context)));
        assert!(matches!(ended(stalled), Ended::Closed(Closed::Context)));
        assert!(matches!(
            push.register_in(stream::pending::<Message>()),
            Err(RegisterError::Closed(Closed::Context))
        ));
    });
}

/// A poll that hangs is a fault; only the other registrations wait for it.
#[test]
#[cfg(target_os = "linux")]
fn a_hanging_stream_does_not_hang_the_shutdown() {
    alone(LIMIT, || {
        let (hung, has_hung) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let context = Context::new();
        let (push, _pull) = connected::<Push, Pull>(&context, 5);
        let stream = stream::poll_fn(move |_| {
            hung.send(()).unwrap();
            assert_eq!(released.recv(), Err(mpsc::RecvError));
            Poll::Ready(None::<Message>)
        });
        let registration = push.register_in(stream).unwrap();
        has_hung.recv_timeout(PATIENCE).unwrap();
        let (timed, ()) = Timed::run(|| context.shutdown());
        timed.at_most(PROMPT, "shutdown");
        drop(release);
        assert!(matches!(
            ended(registration),
            Ended::Closed(Closed::Context) | Ended::Finished(_)
        ));
        eventually("the thread ends", || threads().is_empty());
    });
}

/// Registrations that have nothing to do are not looked at.
#[test]
#[cfg(target_os = "linux")]
fn idle_registrations_use_no_processor_time() {
    alone(LIMIT, || {
        struct Counted<S>(S, mpsc::Sender<()>);
        impl<S: futures::Stream + Unpin> futures::Stream for Counted<S> {
            type Item = S::Item;
            fn poll_next(
                mut self: Pin<&mut Self>,
                context: &mut TaskContext<'_>,
            ) -> Poll<Option<S::Item>> {
                self.1.send(()).unwrap();
                self.0.poll_next_unpin(context)
            }
        }
        let context = Context::new();
        let (count, polls) = mpsc::channel();
        let idle: Vec<_> = (0..10)
            .map(|_| {
                let (push, _) = connected::<Push, Pull>(&context, 5);
                let stream = Counted(stream::pending::<Message>(), count.clone());
                push.register_in(stream).unwrap()
            })
            .collect();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let (give, stream) = flume::unbounded::<Message>();
        let _goes_on = push.register_in(stream.into_stream()).unwrap();
        for _ in 0..10 {
            polls.recv_timeout(PATIENCE).unwrap();
        }
        // A neighbour at work wakes none of them.
        for _ in 0..100 {
            give.send("x".into()).unwrap();
            assert_eq!(next_text(&pull.receiver()), "x");
        }
        let more = polls.recv_timeout(ABSENCE);
        assert_eq!(more, Err(RecvTimeoutError::Timeout));
        let thread = threads().pop().unwrap();
        let switches = || {
            let status = std::fs::read_to_string(format!("{thread}/status")).unwrap();
            status
                .lines()
                .find(|line| line.starts_with("voluntary"))
                .unwrap()
                .to_owned()
        };
        let before = switches();
        assert!(!holds_within(ABSENCE, || switches() != before));
        drop(idle);
    });
}

/// Busy registrations take turns.
#[test]
fn a_busy_stream_does_not_starve_others() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().linger(Linger::For(Duration::ZERO));
        let options = options.sliding(1);
        // Endless, and its socket takes whatever comes.
        let busy = context.socket_with::<Push>(options).unwrap();
        let _goes_on = busy.register_in(stream::repeat("busy")).unwrap();
        let (push, pull) = connected::<Push, Pull>(&context, 5);
        let _goes_on = push
            .register_in(stream::iter((0..1_000).map(number)))
            .unwrap();
        for count in 0..1_000 {
            assert_eq!(next(&pull.receiver()), number(count));
        }
        assert!(busy.sender().dropped() > 0);
        context.shutdown();
    });
}
