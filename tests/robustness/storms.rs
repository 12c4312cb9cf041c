//! Storms: many things at once in one context for a second or two, and none stalls, loses a
//! message or leaves anything behind.
//!
//! With `ZMQ_CHANNELS_LONG=seconds` in the environment each storm rages for that long, large
//! messages have 50 and 100 MiB, and cancelled calls are counted in millions:
//! `ZMQ_CHANNELS_LONG=3600 cargo test --release --test robustness storms:: -- --test-threads=1`.
//! Storms made of random choices print their seed, `ZMQ_CHANNELS_SEED=number` repeats one.

use crate::common;
use crate::lateness::waited_for_processors;

use std::future::{poll_fn, Future};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    alone, long, next_text, open_files, put, resident, text, thread_names, within, Transport,
    LIMIT, PATIENCE,
};
use futures::executor::block_on;
use futures::future::{select, Either};
use futures::{FutureExt, SinkExt};
use zmq_channels::error::{Closed, RecvError, RecvTimeoutError};
use zmq_channels::{
    Context, ContextOptions, Linger, Message, Options, Pub, Pull, Push, Receiver, Rep, Req, Sender,
    Socket, SocketType, Sub,
};

/// The longest time in which a flow may stand still.
const GAP: Duration = Duration::from_millis(400);

/// How long a storm lasts, if no long one is asked for.
fn span(short: Duration) -> Duration {
    long().unwrap_or(short)
}

/// The time limit of a storm: what is long takes long, several times in one test.
fn limit() -> Duration {
    2 * LIMIT + 5 * long().unwrap_or_default()
}

fn with_pumps(pumps: usize) -> Context {
    Context::with_options(ContextOptions::new().pumps(pumps)).unwrap()
}

fn hasty() -> Options {
    Options::new().linger(Linger::For(Duration::ZERO))
}

// ---- random

/// splitmix64.
struct Random(u64);

impl Random {
    /// Another one in every run, and told.
    fn new(what: &str) -> Random {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let told = std::env::var("ZMQ_CHANNELS_SEED").ok();
        let seed = told.map_or(now, |seed| seed.parse().unwrap());
        println!("{what}: ZMQ_CHANNELS_SEED={seed}");
        Random(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    /// A separate generator for another thread.
    fn child(&mut self) -> Random {
        Random(self.below(usize::MAX) as u64)
    }
}

// ---- gaps

/// When a flow stood still for long.
struct Flow {
    name: String,
    steps: u64,
    last: Instant,
    gaps: Vec<(Instant, Instant)>,
}

impl Flow {
    fn new(name: impl Into<String>) -> Flow {
        Flow {
            name: name.into(),
            steps: 0,
            last: Instant::now(),
            gaps: Vec::new(),
        }
    }

    /// Something happened.
    fn step(&mut self) {
        self.look();
        self.steps += 1;
        self.last = Instant::now();
    }

    /// The storm is over; nothing need happen any more.
    fn end(mut self) -> Flow {
        self.look();
        self
    }

    fn look(&mut self) {
        let now = Instant::now();
        if now - self.last > GAP {
            self.gaps.push((self.last, now));
        }
    }
}

/// Asks for nothing but the processor, once in a millisecond: while it does not get even that, this
/// process stands still for other reasons, and nothing is to be learned from any gap. Where the
/// processors are never free, a gap may be twice as long.
struct Control {
    over: Arc<AtomicBool>,
    watch: JoinHandle<(Stalls, Samples)>,
}

type Stalls = Vec<(Instant, Instant)>;

/// For how long threads had waited for a processor, now and then.
type Samples = Vec<(Instant, Duration)>;

/// How much of the time between two instants threads waited for a processor.
fn waited(samples: &[(Instant, Duration)], start: Instant, end: Instant) -> Duration {
    let at = |time: Instant| {
        let next = samples.partition_point(|&(at, _)| at < time);
        samples[next.min(samples.len() - 1)].1
    };
    at(end).saturating_sub(at(start))
}

impl Control {
    fn start() -> Control {
        let over = Arc::new(AtomicBool::new(false));
        let watch = thread::spawn({
            let over = Arc::clone(&over);
            move || {
                const STEP: Duration = Duration::from_millis(10);
                let mut stalls = Vec::new();
                let mut samples = vec![(Instant::now(), waited_for_processors())];
                while !over.load(Ordering::Relaxed) {
                    let before = Instant::now();
                    if samples.last().is_some_and(|&(at, _)| before - at >= STEP) {
                        samples.push((before, waited_for_processors()));
                    }
                    thread::park_timeout(Duration::from_millis(1));
                    let after = Instant::now();
                    if after - before > Duration::from_millis(5) {
                        stalls.push((before, after));
                    }
                }
                samples.push((Instant::now(), waited_for_processors()));
                (stalls, samples)
            }
        });
        Control { over, watch }
    }

    /// Asserts that each flow made `steps` at least and never stood still while this one did not.
    fn judge(self, flows: &[Flow], steps: u64) {
        self.over.store(true, Ordering::Relaxed);
        let (stalls, samples) = self.watch.join().unwrap();
        for flow in flows {
            let name = &flow.name;
            assert!(flow.steps >= steps, "{name}: only {} steps", flow.steps);
            for &(start, end) in &flow.gaps {
                let overlaps = stalls
                    .iter()
                    .map(|&(from, to)| to.min(end).saturating_duration_since(from.max(start)));
                let excused = overlaps
                    .sum::<Duration>()
                    .max(waited(&samples, start, end) / 2);
                let gap = (end - start).saturating_sub(excused);
                assert!(
                    gap < GAP,
                    "{name}: a gap of {gap:?} after {} steps",
                    flow.steps
                );
            }
        }
    }
}

// ---- everything at once

/// A flood for ten subscribers, a game of ping-pong, and sockets that come and go without end.
fn seek_deadlock(pumps: usize, mut random: Random) {
    let context = with_pumps(pumps);
    let publisher = context.socket::<Pub>().unwrap();
    let places = [Transport::Inproc, Transport::Tcp].map(|transport| {
        let place = publisher.bind(transport.endpoint()).unwrap();
        place.to_string()
    });
    let subscribers: Vec<_> = (0..10)
        .map(|number| {
            let sub = context.socket::<Sub>().unwrap();
            sub.subscribe(format!("topic {number}")).unwrap();
            sub.connect(&places[number % 2]).unwrap();
            sub
        })
        .collect();
    publisher
        .wait_subscribed_timeout_blocking(10, PATIENCE)
        .unwrap();
    let (req, rep) = (
        context.socket::<Req>().unwrap(),
        context.socket::<Rep>().unwrap(),
    );
    req.connect(rep.bind(Transport::Inproc.endpoint()).unwrap())
        .unwrap();

    let end = Instant::now() + span(Duration::from_secs(2));
    let control = Control::start();
    let mut flows: Vec<JoinHandle<Flow>> = Vec::new();
    for (number, sub) in subscribers.into_iter().enumerate() {
        flows.push(thread::spawn(move || {
            let mut flow = Flow::new(format!("topic {number}"));
            while Instant::now() < end {
                if let Ok(message) = sub.recv_timeout_blocking(Duration::from_millis(50)) {
                    assert_eq!(message.as_str(), Some(flow.name.as_str()));
                    flow.step();
                }
            }
            flow.end()
        }));
    }
    flows.push(thread::spawn(move || {
        let mut flow = Flow::new("ping-pong");
        while Instant::now() < end {
            put(&req.sender(), "ping");
            assert_eq!(next_text(&rep.receiver()), "ping");
            put(&rep.sender(), "pong");
            assert_eq!(next_text(&req.receiver()), "pong");
            flow.step();
        }
        flow.end()
    }));
    flows.push(thread::spawn(move || {
        let mut flow = Flow::new("flood");
        while Instant::now() < end {
            for number in 0..10 {
                put(&publisher.sender(), format!("topic {number}"));
            }
            flow.step();
        }
        flow.end()
    }));
    flows.push(thread::spawn(move || {
        let mut flow = Flow::new("coming and going");
        while Instant::now() < end {
            come_and_go(&context, &places, &mut random);
            flow.step();
        }
        flow.end()
    }));
    let flows: Vec<_> = flows.into_iter().map(|flow| flow.join().unwrap()).collect();
    control.judge(&flows, 20);
}

/// A socket of any type connects to a publisher and to an unbound endpoint, binds, subscribes, and closes.
fn come_and_go(context: &Context, publisher: &[String], random: &mut Random) {
    use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
    const TYPES: [SocketType; 16] = [
        Sub, Sub, Sub, Sub, XSub, XSub, Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, XPub, Sub,
    ];
    let socket_type = TYPES[random.below(TYPES.len())];
    let socket = context.socket_of(socket_type, hasty()).unwrap();
    if random.below(2) == 0 {
        socket
            .bind(Transport::ALL[random.below(3)].endpoint())
            .unwrap();
    }
    if random.below(2) == 0 {
        socket
            .connect(&publisher[random.below(publisher.len())])
            .unwrap();
    }
    if random.below(4) == 0 {
        socket.connect(Transport::Inproc.endpoint()).unwrap();
    }
    if socket_type == Sub {
        socket
            .subscribe(format!("topic {}", random.below(12)))
            .unwrap();
    }
    if let Some(receiver) = socket.receiver() {
        let _ = receiver.try_recv();
    }
    if random.below(2) == 0 {
        socket.close_blocking();
    }
}

#[test]
fn no_flow_stalls_while_sockets_open_and_close() {
    within(limit(), || {
        let mut random = Random::new("coming and going");
        for pumps in [1, 2] {
            seek_deadlock(pumps, random.child());
        }
    });
}

// ---- large beside small

/// A pipeline for small messages and one for large ones, in one context.
struct Beside {
    small: (Socket<Push>, Socket<Pull>),
    large: (Socket<Push>, Socket<Pull>),
}

impl Beside {
    fn new(context: &Context, transport: Transport) -> Beside {
        let pipeline = || {
            let (push, pull) = (
                context.socket::<Push>().unwrap(),
                context.socket::<Pull>().unwrap(),
            );
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            (push, pull)
        };
        Beside {
            small: pipeline(),
            large: pipeline(),
        }
    }

    /// A large message, and batches of small ones until it has arrived.
    fn pass(&self, large: &Bytes) {
        const BATCH: usize = 100;
        let (push, pull) = &self.small;
        put(&self.large.0.sender(), large.clone());
        loop {
            for number in 0..BATCH {
                put(&push.sender(), number.to_string());
            }
            for number in 0..BATCH {
                assert_eq!(next_text(&pull.receiver()), number.to_string());
            }
            if let Ok(arrived) = self.large.1.try_recv() {
                assert_eq!(arrived[0].len(), large.len());
                return;
            }
        }
    }
}

fn beside(transports: &[Transport]) -> Vec<Beside> {
    let pumps = |transport| match transport {
        Transport::AcrossPumps => 2,
        _ => 1,
    };
    transports
        .iter()
        .map(|&transport| Beside::new(&with_pumps(pumps(transport)), transport))
        .collect()
}

/// At what rate is measured by `benches/isolation.rs`; that a large message has to share every turn of
/// the pump is counted in the simulation (`pump::tests::isolation`).
#[test]
fn small_messages_arrive_in_order_beside_large_ones() {
    within(limit(), || {
        let length = if long().is_some() { 50 << 20 } else { 8 << 20 };
        let large = Bytes::from(vec![7; length]);
        for pipelines in beside(&Transport::ALL) {
            for _ in 0..5 {
                pipelines.pass(&large);
            }
        }
    });
}

/// The memory that large messages took is given back, or used again for the next ones.
#[test]
fn large_messages_do_not_leak_memory() {
    alone(limit(), || {
        let length = if long().is_some() { 100 << 20 } else { 8 << 20 };
        let large = Bytes::from(vec![7; length]);
        let pipelines = beside(&[Transport::Tcp, Transport::Inproc, Transport::AcrossPumps]);
        let round = || {
            for pipelines in &pipelines {
                pipelines.pass(&large);
            }
        };
        round();
        let (early, end) = (resident(), Instant::now() + span(Duration::from_secs(2)));
        while Instant::now() < end {
            round();
        }
        let late = resident();
        let grown = late.saturating_sub(early);
        assert!(grown < length + (32 << 20), "from {early} to {late} bytes");
    });
}

// ---- closing

/// One round of a storm: a pipeline is closed with messages in flight, from either end, or only
/// dropped.
fn close_in_flight(context: &Context, transport: Transport, random: &mut Random) {
    let linger = [Duration::ZERO, Duration::from_millis(1)][random.below(2)];
    let options = Options::new()
        .high_water_marks(1 + random.below(10))
        .linger(Linger::For(linger));
    let (push, pull) = (
        context.socket_with::<Push>(options.clone()).unwrap(),
        context.socket_with::<Pull>(options).unwrap(),
    );
    let payload = Bytes::from(vec![7; 1 << random.below(18)]);
    push.connect(pull.bind(transport.endpoint()).unwrap())
        .unwrap();
    for _ in 0..random.below(4) {
        // Well on its way when all of it ends.
        put(&push.sender(), payload.clone());
        common::next(&pull.receiver());
    }
    while random.below(20) > 0 && push.try_send(payload.clone()).is_ok() {}
    match random.below(4) {
        0 => drop(push.close_blocking()),
        1 => drop(pull.close_blocking()),
        2 => drop(pull),
        _ => drop(push),
    }
}

#[test]
fn closing_in_flight_leaves_a_working_context_and_no_resources() {
    alone(limit(), || {
        let mut random = Random::new("closing in flight");
        for pumps in [1, 2] {
            let context = with_pumps(pumps);
            let keeps_pumps = [(); 2].map(|()| context.socket::<Pub>().unwrap());
            close_in_flight(&context, Transport::Tcp, &mut random);
            let held = || (thread_names().len(), open_files());
            // What the first round leaves is on its way out.
            let mut before = held();
            while common::holds_within(common::ABSENCE, || held() != before) {
                before = held();
            }

            let end = Instant::now() + span(Duration::from_millis(700));
            let storms = Transport::ALL.map(|transport| {
                let (context, mut random) = (context.clone(), random.child());
                thread::spawn(move || {
                    let mut rounds = 0;
                    while Instant::now() < end {
                        close_in_flight(&context, transport, &mut random);
                        rounds += 1;
                    }
                    rounds
                })
            });
            let rounds = storms.map(|storm| storm.join().unwrap());
            assert!(rounds.iter().all(|rounds| *rounds > 5), "{rounds:?}");

            for transport in Transport::ALL {
                let (push, pull) = (
                    context.socket::<Push>().unwrap(),
                    context.socket::<Pull>().unwrap(),
                );
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                for number in 0..1000 {
                    put(&push.sender(), number.to_string());
                    assert_eq!(next_text(&pull.receiver()), number.to_string());
                }
            }
            common::eventually("no thread and no file more than before", || {
                let (threads, files) = held();
                threads <= before.0 && files <= before.1
            });
            drop(keeps_pumps);
        }
    });
}

/// Numbers through a pipeline, in order and without a gap, while publishers come, are fed from a
/// channel of the user's, and close.
fn flood_beside_publishers(pumps: usize, transport: Transport) {
    let context = with_pumps(pumps);
    let (push, pull) = (
        context.socket::<Push>().unwrap(),
        context.socket::<Pull>().unwrap(),
    );
    push.connect(pull.bind(transport.endpoint()).unwrap())
        .unwrap();
    let end = Instant::now() + span(Duration::from_secs(1));
    let control = Control::start();
    let sending = thread::spawn(move || {
        let mut flow = Flow::new("sending");
        while Instant::now() < end {
            put(&push.sender(), flow.steps.to_string());
            flow.step();
        }
        put(&push.sender(), "over");
        flow.end()
    });
    let receiving = thread::spawn(move || {
        let mut flow = Flow::new("receiving");
        loop {
            let message = next_text(&pull.receiver());
            if message == "over" {
                return flow.end();
            }
            assert_eq!(message, flow.steps.to_string());
            flow.step();
        }
    });
    let publishing = thread::spawn(move || {
        let mut flow = Flow::new("publishing");
        while Instant::now() < end {
            let publisher = context.socket_with::<Pub>(hasty()).unwrap();
            publisher
                .bind(Transport::ALL[flow.steps as usize % 3].endpoint())
                .unwrap();
            let (feed, fed) = flume::bounded(4);
            let _registration = publisher.register_in(fed.into_stream()).unwrap();
            for _ in 0..flow.steps % 5 {
                // Closed in the middle of it, or at the end of the feed.
                let _ = feed.try_send(Message::from("news"));
            }
            match flow.steps % 3 {
                0 => drop(publisher.close_blocking()),
                1 => drop(publisher),
                _ => drop(feed),
            }
            flow.step();
        }
        flow.end()
    });
    let flows = [sending, receiving, publishing].map(|flow| flow.join().unwrap());
    let [sent, received, _] = &flows;
    assert_eq!(sent.steps, received.steps);
    control.judge(&flows, 20);
}

#[test]
fn a_flood_does_not_stall_while_publishers_are_registered_and_closed() {
    within(limit(), || {
        flood_beside_publishers(1, Transport::Inproc);
        flood_beside_publishers(1, Transport::Tcp);
        flood_beside_publishers(2, Transport::AcrossPumps);
    });
}

// ---- threads that die

/// Ways to die while a part of a socket is held. The panics are not printed.
fn die(way: usize, sender: Sender, receiver: Receiver) {
    let dying = thread::spawn(move || {
        match way {
            // In a receive that waits.
            0 => {
                let mut waits = receiver.recv();
                assert!(block_on(async { futures::poll!(&mut waits) }).is_pending());
                resume_unwind(Box::new(()));
            }
            // In a send that waits, or was just taken.
            1 => {
                for _ in 0..100 {
                    let mut waits = sender.send("last words");
                    if block_on(async { futures::poll!(&mut waits) }).is_pending() {
                        resume_unwind(Box::new(()));
                    }
                }
            }
            // With half of what was received still in a drain, and more on its way.
            2 => {
                put(&sender, "last words");
                put(&sender, "last words");
                let mut drain = receiver.drain();
                drain.next();
                resume_unwind(Box::new(()));
            }
            // In the conversion of a message.
            3 => {
                let mapped = receiver.map(|_| -> () { resume_unwind(Box::new(())) });
                put(&sender, "last words");
                let _ = mapped.recv_blocking();
            }
            // Between the pieces of a sink, one still in it.
            4 => {
                let mut sink = sender.clone();
                block_on(sink.feed("last words".into())).unwrap();
                resume_unwind(Box::new(()));
            }
            // While others wait for the same.
            _ => {
                let others = [(); 3].map(|()| receiver.clone());
                let waiting = others.each_ref().map(|other| other.recv());
                let mut all = futures::future::join_all(waiting);
                assert!(block_on(async { futures::poll!(&mut all) }).is_pending());
                resume_unwind(Box::new(()));
            }
        }
        resume_unwind(Box::new(()));
    });
    dying.join().unwrap_err();
}

#[test]
fn panicking_threads_affect_no_other() {
    within(limit(), || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = || Options::new().high_water_marks(4);
            let pull = there.socket_with::<Pull>(options()).unwrap();
            let push = here.socket_with::<Push>(options()).unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            for round in 0..60 {
                die(round % 6, push.sender(), pull.receiver());
                // What the dead had sent comes first; none of it holds anything up.
                let last = round.to_string();
                while push.try_send(last.as_str()).is_err() {
                    let _ = pull.recv_timeout_blocking(Duration::from_millis(1));
                }
                while next_text(&pull.receiver()) != last {}
            }
        }
    });
}

/// A waker of an executor that is broken, or gone.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("no waiter to wake"));
    }
}

#[test]
fn a_panicking_waker_affects_no_other_task() {
    within(limit(), || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = || Options::new().high_water_marks(2);
            let pull = there.socket_with::<Pull>(options()).unwrap();
            let push = here.socket_with::<Push>(options()).unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            /// Longer than it takes to make a call and poll it.
            const ALARM: Duration = Duration::from_millis(15);
            let waker = Waker::from(Arc::new(Broken));
            let broken = &mut TaskContext::from_waker(&waker);
            for round in 0..10 {
                // Woken by a message, or by its alarm.
                let (mut waits, mut timed) = (pull.recv(), pull.recv_timeout(ALARM));
                assert!(waits.poll_unpin(broken).is_pending());
                assert!(timed.poll_unpin(broken).is_pending());
                assert!(pull.recv_timeout_blocking(2 * ALARM).is_err());
                put(&push.sender(), round.to_string());
                put(&push.sender(), "and on");
                drop(waits);
                drop(timed);
                assert_eq!(next_text(&pull.receiver()), round.to_string());
                assert_eq!(next_text(&pull.receiver()), "and on");
            }
            // Woken by room to send, and by an answer of the pump.
            let large = Bytes::from(vec![7; 1 << 20]);
            while push.try_send(large.clone()).is_ok() {}
            let mut waits = push.send(large);
            let mut closing = pin!(here.socket::<Pub>().unwrap().close());
            let _ = (waits.poll_unpin(broken), closing.as_mut().poll(broken));
            while let Ok(_large) = pull.recv_timeout_blocking(common::ABSENCE) {}
            drop(waits);
            // On a loaded machine some of the large ones may still be on their way.
            thread::scope(|scope| {
                scope.spawn(|| put(&push.sender(), "over"));
                while common::next(&pull.receiver()) != "over".into() {}
            });
        }
    });
}

// ---- calls that are cancelled

/// Ready after it was asked a number of times; others may run in between.
async fn a_while(mut turns: usize) {
    poll_fn(|cx| {
        if turns == 0 {
            return Poll::Ready(());
        }
        turns -= 1;
        thread::yield_now();
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The outcome of a call, unless it was cancelled first.
fn cancelled<F: Future + Unpin>(call: F, random: &mut Random) -> Option<F::Output> {
    let turns = random.below(4);
    match block_on(select(call, pin!(a_while(turns)))) {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), call)) => {
            drop(call);
            None
        }
    }
}

fn shortly(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(100) as u64)
}

/// Sends a message until one attempt was not cancelled; tells how many it took.
fn send_somehow(sender: &Sender, message: &str, random: &mut Random) -> u64 {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let sent = match random.below(20) {
            0..=2 => sender.try_send(message).is_ok(),
            3..=5 => sender
                .send_timeout_blocking(message, shortly(random))
                .is_ok(),
            6..=9 => sender.send(message).now_or_never().is_some(),
            10..=12 => cancelled(sender.send_timeout(message, shortly(random)), random)
                .is_some_and(|sent| sent.is_ok()),
            13 => block_on(sender.send(message)).is_ok(),
            14 => sender.send_blocking(message).is_ok(),
            _ => cancelled(sender.send(message), random).is_some(),
        };
        if sent {
            return attempts;
        }
    }
}

/// What one attempt to receive brought; an error if the socket is closed.
fn receive_somehow(
    receiver: &Receiver,
    random: &mut Random,
    into: &mut Vec<Message>,
) -> Result<(), RecvError> {
    let timed = |outcome| match outcome {
        Err(RecvTimeoutError::Closed(Closed::Socket)) => {
            Some(Err(RecvError::Closed(Closed::Socket)))
        }
        Err(_) => None,
        Ok(message) => Some(Ok(message)),
    };
    let received = match random.below(24) {
        0..=2 => receiver.try_recv().ok().map(Ok),
        3..=5 => timed(receiver.recv_timeout_blocking(shortly(random))),
        6..=9 => receiver.recv().now_or_never(),
        10..=12 => cancelled(receiver.recv_timeout(shortly(random)), random).and_then(timed),
        13 => Some(block_on(receiver.recv())),
        14 => Some(receiver.recv_blocking()),
        15..=16 => {
            let max = 1 + random.below(5);
            return match cancelled(receiver.recv_many(into, max), random) {
                Some(Err(closed)) => Err(closed),
                _ => Ok(()),
            };
        }
        17 => {
            into.extend(receiver.drain().take(random.below(3)));
            None
        }
        _ => cancelled(receiver.recv(), random),
    };
    into.extend(received.transpose()?);
    Ok(())
}

/// Several threads send and receive through two sockets at either end, each call of another kind
/// and most of them given up; tells how many calls there were.
fn cancel_at_random(transport: Transport, messages: usize, random: &mut Random) -> u64 {
    const SENDERS: usize = 4;
    let (here, there) = transport.contexts();
    let options = || Options::new().high_water_marks(3);
    let pushes = [(); 2].map(|()| here.socket_with::<Push>(options()).unwrap());
    let pulls = [(); 2].map(|()| there.socket_with::<Pull>(options()).unwrap());
    for pull in &pulls {
        let place = pull.bind(transport.endpoint()).unwrap();
        for push in &pushes {
            push.connect(&place).unwrap();
        }
    }
    let count = messages / SENDERS;
    let sending: Vec<_> = (0..SENDERS)
        .map(|name| {
            let (sender, mut random) = (pushes[name % 2].sender(), random.child());
            thread::spawn(move || {
                let send = |number| send_somehow(&sender, &format!("{name} {number}"), &mut random);
                (0..count).map(send).sum::<u64>()
            })
        })
        .collect();
    let arrived = Arc::new(AtomicUsize::new(0));
    let receiving: Vec<_> = (0..4)
        .map(|name| {
            let (receiver, mut random) = (pulls[name % 2].receiver(), random.child());
            let arrived = Arc::clone(&arrived);
            thread::spawn(move || {
                let (mut calls, mut got) = (0_u64, Vec::new());
                loop {
                    let before = got.len();
                    let open = receive_somehow(&receiver, &mut random, &mut got);
                    arrived.fetch_add(got.len() - before, Ordering::Relaxed);
                    calls += 1;
                    if open.is_err() {
                        return (calls, got);
                    }
                }
            })
        })
        .collect();

    // A stall is told as such; the limit is for all of it.
    let total = count * SENDERS;
    let mut seen = 0;
    while seen < total {
        let moved = common::holds_within(PATIENCE, || arrived.load(Ordering::Relaxed) > seen);
        assert!(moved, "{transport:?}: stuck after {seen} of {total}");
        seen = arrived.load(Ordering::Relaxed);
    }
    let mut calls: u64 = sending.into_iter().map(|sent| sent.join().unwrap()).sum();
    // Whatever comes twice is still on its way to be received before the end.
    for push in &pushes {
        assert_eq!(push.close_blocking().undelivered, 0);
    }
    for pull in &pulls {
        pull.close_blocking();
    }
    let mut all = vec![vec![0_u32; count]; SENDERS];
    for receiver in receiving {
        let (made, got) = receiver.join().unwrap();
        calls += made;
        let mut expected = [0; SENDERS];
        for message in got {
            let message = text(&message);
            let (name, number) = message.split_once(' ').unwrap();
            let (name, number): (usize, usize) = (name.parse().unwrap(), number.parse().unwrap());
            // Of one sender and by one socket: in order, whatever was cancelled.
            assert!(number >= expected[name], "{transport:?}: {message} late");
            expected[name] = number + 1;
            all[name][number] += 1;
        }
    }
    for (name, times) in all.iter().enumerate() {
        for (number, times) in times.iter().enumerate() {
            assert_eq!(*times, 1, "{transport:?}: times {name} {number} arrived");
        }
    }
    calls
}

#[test]
fn cancelled_calls_lose_and_duplicate_no_message() {
    within(limit(), || {
        let mut random = Random::new("cancelled calls");
        let goal = if long().is_some() { 1_000_000 } else { 100_000 };
        let mut calls = 0;
        while calls < goal {
            for transport in Transport::ALL {
                calls += cancel_at_random(transport, 12_000, &mut random);
            }
        }
    });
}
