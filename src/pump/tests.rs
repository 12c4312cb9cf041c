//! Whole pumps under a seed: no thread, no socket, no clock. A failing seed is in the message.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::driver::wait::WaitSetup;
use crate::driver::Mailbox;
use crate::endpoint::Endpoint;
use crate::error::TrySendError;
use crate::event::{Event, EventKind, EventSet};
use crate::message::{Frame, Message};
use crate::options::{Linger, Options};
use crate::port::Names;
use crate::port::{Feed, Receiver, Sender};
use crate::socket_type::SocketType;
use crate::sync::oneshot::{answer, Answer};
use crate::sync::permits::Permits;
use crate::sync::timeouts::Alarms;
use crate::sync::Hook;

use super::sim::{Faults, Network, Node, Random, NONE};
use super::socket::wire_config;
use super::{Command, Pump, PumpShared, Release, SocketCommand, SocketId};
use crate::options::MAX_HANDSHAKES;

mod cross_pump;
mod fairness;
mod grace;
mod handshake_flood;
mod inproc;
mod isolation;
mod reconnect;
mod resolver;
mod world;
mod zap;

/// Number of turns without progress after which a run has failed.
const PATIENCE: usize = 200_000;

struct Silent;

impl Hook for Silent {
    fn notify(&self) {}
}

/// The pumps of one context, on one network and one clock.
struct Sim {
    seed: u64,
    now: Instant,
    network: Rc<RefCell<Network>>,
    pumps: Vec<Pump<Node>>,
    permits: Arc<Permits>,
    /// Decides which pumps turn in a step; without it, all do.
    whim: Option<Random>,
    /// Whether pumps turn only if there is a reason to.
    sleeps: bool,
    /// Whether no pump had a reason to turn in the last step.
    is_idle: bool,
}

/// One socket of a simulated pump.
struct Sock {
    pump: usize,
    socket: SocketId,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
}

impl Sim {
    fn new(seed: u64, faults: Faults, pumps: usize) -> Self {
        let now = Instant::now();
        let network = Network::new(seed, faults, now);
        let permits = Permits::new(pumps, None);
        let names = Arc::new(Names::new());
        let pumps = (0..pumps)
            .map(|pump| {
                let shared = PumpShared {
                    assists: true,
                    pump,
                    names: Arc::clone(&names),
                    wait: WaitSetup::PARK,
                    connections: Permits::new(1, None),
                    monitors: Arc::default(),
                    max_handshakes: MAX_HANDSHAKES,
                };
                let mailbox = Arc::new(Mailbox::new(|_| {}));
                let alarms = Arc::new(Alarms::new(Arc::new(Silent)));
                Pump::new(Node::new(&network), mailbox, alarms, now, shared)
            })
            .collect();
        Sim {
            seed,
            now,
            network,
            pumps,
            permits,
            whim: None,
            sleeps: false,
            is_idle: false,
        }
    }

    /// One turn of every pump, or of some; time passes only when no pump has anything to do.
    fn step(&mut self) {
        if self.sleeps {
            return self.step_awake();
        }
        let mut idle = true;
        for pump in &mut self.pumps {
            if self.whim.as_mut().is_some_and(|whim| whim.below(2) == 0) {
                idle &= !pump.is_busy();
                continue;
            }
            let answers = pump.env().answers();
            idle &= answers.is_empty();
            for answer in answers {
                assert!(pump.mailbox.post(answer).is_ok());
            }
            let ready = pump.env().ready();
            pump.turn(self.now, &ready);
            idle &= !pump.is_busy();
        }
        if idle {
            self.pass(Duration::from_millis(1));
        }
    }

    /// Like [`step`](Self::step), but a pump turns only if there is a reason to, as if its thread
    /// slept otherwise. If there is none, time passes until there is one.
    fn step_awake(&mut self) {
        let (mut idle, mut soon) = (true, false);
        for pump in &mut self.pumps {
            if pump.is_finished() {
                continue;
            }
            for answer in pump.env().answers() {
                assert!(pump.mailbox.post(answer).is_ok());
            }
            if self.whim.as_mut().is_some_and(|whim| whim.below(2) == 0) {
                idle = false;
                continue;
            }
            let ready = pump.env().ready();
            soon |= pump.env().is_expecting();
            let is_due = pump.deadline().is_some_and(|due| due <= self.now);
            if pump.mailbox.has_work() || !ready.is_empty() || pump.is_busy() || is_due {
                pump.turn(self.now, &ready);
                idle = false;
            }
        }
        self.is_idle = idle && !soon;
        if idle {
            let due = self.pumps.iter().filter(|pump| !pump.is_finished());
            let due = due.filter_map(Pump::deadline).min();
            let change = self.network.borrow_mut().next_change();
            let next = due.into_iter().chain(change).min();
            let longest = Duration::from_millis(if soon { 1 } else { 1000 });
            let next = next.map_or(longest, |next| next.saturating_duration_since(self.now));
            self.pass(next.clamp(Duration::from_millis(1), longest));
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.network.borrow_mut().now = self.now;
    }

    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..PATIENCE {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!("seed {}: {what} did not happen", self.seed);
    }

    fn ask<T>(
        &mut self,
        pump: usize,
        command: impl FnOnce(crate::sync::oneshot::Reply<T>) -> Command,
    ) -> T {
        let (answer, reply): (Answer<T>, _) = answer();
        assert!(self.pumps[pump].mailbox.post(command(reply)).is_ok());
        for _ in 0..PATIENCE {
            self.step();
            if let Poll::Ready(taken) = answer.try_take() {
                return taken.expect("a pump answers");
            }
        }
        panic!("seed {}: no answer", self.seed);
    }

    fn open(&mut self, pump: usize, kind: SocketType, options: Options) -> Sock {
        let keepalive = Arc::new(());
        let permit = self.permits.take_in(pump).unwrap();
        let opened = self.ask(pump, |reply| Command::Open {
            id: 1,
            kind,
            options: Arc::new(options),
            keepalive,
            permit,
            reply,
        });
        let (socket, holder) = opened.unwrap();
        Sock {
            pump,
            socket,
            sender: holder.sender(),
            receiver: holder.receiver(),
        }
    }

    fn bind(&mut self, sock: &Sock, endpoint: &str) -> Endpoint {
        let endpoint = Endpoint::parse_for_bind(endpoint).unwrap();
        let socket = sock.socket;
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Bind { endpoint, reply })
        })
        .unwrap()
    }

    fn connect(&mut self, sock: &Sock, endpoint: &Endpoint) {
        let (socket, endpoint) = (sock.socket, endpoint.clone());
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Connect { endpoint, reply })
        })
        .unwrap();
    }

    fn subscribe(&mut self, sock: &Sock, prefix: &str) {
        let (socket, prefix) = (sock.socket, Frame::from(prefix));
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Subscribe { prefix, reply })
        })
        .unwrap();
    }

    /// A connected pair on two pumps.
    fn pair(&mut self, kinds: [SocketType; 2], options: &Options) -> [Sock; 2] {
        let bound = self.open(0, kinds[0], options.clone());
        let endpoint = self.bind(&bound, "tcp://127.0.0.1:0");
        let connected = self.open(1, kinds[1], options.clone());
        self.connect(&connected, &endpoint);
        [bound, connected]
    }
}

impl Sock {
    fn offer(&self, message: Message) -> bool {
        match self.sender.as_ref().unwrap().try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn take(&self) -> Option<Message> {
        self.receiver.as_ref().unwrap().try_recv().ok()
    }
}

/// A message whose parts and bytes follow from its number, so that a test sees whether it is whole.
fn numbered(number: u64) -> Message {
    let mut random = Random::new(number);
    let parts = 1 + random.below(4);
    let mut message = Message::from(number.to_be_bytes());
    for _ in 1..parts {
        let limit = [1, 100, 300, 20_000][random.below(4) as usize];
        let len = random.below(limit) as usize;
        message.push_back(vec![number as u8; len]);
    }
    message
}

fn number(message: &Message) -> u64 {
    let number = u64::from_be_bytes(message[0][..].try_into().unwrap());
    assert_eq!(
        *message,
        numbered(number),
        "a message is whole or not there"
    );
    number
}

const ROUGH: Faults = Faults {
    refused: 0,
    short: 500,
    delayed: 300,
    ..NONE
};
const BROKEN: Faults = Faults {
    refused: 300,
    short: 300,
    delayed: 200,
    reset: 3,
    ..NONE
};

/// Whether to run the long form of a test: ZMQ_CHANNELS_LONG=1 cargo test sim_
fn long() -> bool {
    std::env::var_os("ZMQ_CHANNELS_LONG").is_some()
}

/// Whether every combination of what makes a case is tried, and not only each pair of them: where
/// the gate asks for its number of seeds, and in the long form.
fn all_combinations() -> bool {
    long() || std::env::var_os("SIM_SEEDS").is_some()
}

fn seeds() -> impl Iterator<Item = u64> {
    seeds_of(1)
}

/// The seeds of a test that runs `times` as many as others.
fn seeds_of(times: u64) -> std::ops::Range<u64> {
    let given = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    // One seed can be replayed: SIM_SEED=17 cargo test sim_. The checks before a merge try more
    // seeds than the default: SIM_SEEDS=20. A long run goes on where another ended: SIM_FIRST=1000.
    match given("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let first = given("SIM_FIRST").unwrap_or(0);
            let seeds = given("SIM_SEEDS").unwrap_or(if long() { 20 } else { 5 });
            first * times..(first + seeds) * times
        }
    }
}

/// Sends `count` messages in one direction and expects each once, whole, in order.
fn all_arrive(sim: &mut Sim, from: &Sock, to: &Sock, count: u64) {
    let (mut sent, mut got) = (0, 0);
    sim.until("delivery", |_| {
        while sent < count && from.offer(numbered(sent)) {
            sent += 1;
        }
        while let Some(message) = to.take() {
            assert_eq!(number(&message), got);
            got += 1;
        }
        got == count
    });
}

#[test]
fn sim_every_message_arrives_once_and_in_order_over_a_rough_network() {
    for seed in seeds() {
        for mark in [1, 7, 1000, 0] {
            let mut sim = Sim::new(seed, ROUGH, 2);
            let options = Options::new().high_water_marks(mark);
            let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &options);
            all_arrive(&mut sim, &push, &pull, 200);
        }
    }
}

/// The user's last handles are dropped at the same moment: first those of the socket, then that of
/// the context.
#[test]
fn sim_a_socket_about_to_close_is_waited_for() {
    let mut sim = Sim::new(0, ROUGH, 1);
    let push = sim.open(0, SocketType::Push, Options::new());
    sim.bind(&push, "tcp://127.0.0.1:0");
    assert!(push.offer(numbered(0)));
    sim.step();
    drop(push);
    let (released, reply) = answer();
    let posted = sim.pumps[0].mailbox.post(Command::Release {
        release: Release::default(),
        reply,
    });
    assert!(posted.is_ok());
    for _ in 0..100 {
        sim.step();
        assert!(
            released.try_take().is_pending(),
            "a message has no peer yet"
        );
    }
}

#[test]
fn connections_follow_the_options() {
    let options = Options::new()
        .heartbeat_interval(Some(Duration::from_secs(2)))
        .property("X-color", "blue")
        .in_batch_size(5000)
        .out_batch_size(6000);
    let config = wire_config(SocketType::Pull, &options);
    assert_eq!((config.in_batch_size, config.out_batch_size), (5000, 6000));
    assert_eq!(config.metadata, [("X-color".into(), b"blue".to_vec())]);
    let heartbeat = config.heartbeat.unwrap();
    assert_eq!(heartbeat.timeout, Duration::from_secs(2));
    assert_eq!(heartbeat.time_to_live, 0);
    let options = options
        .heartbeat_timeout(Some(Duration::from_secs(1)))
        .heartbeat_ttl(Some(Duration::from_millis(6_553_500)));
    let heartbeat = wire_config(SocketType::Pull, &options).heartbeat.unwrap();
    assert_eq!(heartbeat.interval, Duration::from_secs(2));
    assert_eq!(heartbeat.timeout, Duration::from_secs(1));
    assert_eq!(heartbeat.time_to_live, u16::MAX);
}

#[test]
fn sim_heartbeats_keep_a_full_connection_and_lose_no_message() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let options = Options::new()
            .high_water_marks(5)
            .heartbeat_interval(Some(Duration::from_millis(20)))
            .heartbeat_timeout(Some(Duration::from_millis(200)))
            .heartbeat_ttl(Some(Duration::from_millis(200)));
        let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &options);
        let mut sent = 0;
        sim.until("a full out", |_| {
            while push.offer(numbered(sent)) {
                sent += 1;
            }
            pull.receiver.as_ref().unwrap().len() == 5
        });
        // No message is taken for many times as long as a dead peer would be waited for.
        let over = sim.now + Duration::from_secs(2);
        sim.until("a long time", |sim| sim.now >= over);
        for got in 0..sent {
            let mut message = None;
            sim.until("the next message", |_| {
                message = pull.take();
                message.is_some()
            });
            assert_eq!(number(&message.unwrap()), got);
        }
        let pipes: Vec<u64> = sim.pumps.iter().flat_map(serials).collect();
        let over = sim.now + Duration::from_secs(2);
        sim.until("a long silence", |sim| sim.now >= over);
        let later: Vec<u64> = sim.pumps.iter().flat_map(serials).collect();
        assert_eq!(pipes, later, "seed {seed}: a pipe was made again");
    }
}

#[test]
fn sim_a_pipe_that_cannot_be_written_waits_without_work() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let options = Options::new().high_water_marks(5);
        let asking = options
            .clone()
            .heartbeat_interval(Some(Duration::from_millis(20)));
        let pull = sim.open(0, SocketType::Pull, asking);
        let endpoint = sim.bind(&pull, "tcp://127.0.0.1:0");
        let push = sim.open(1, SocketType::Push, options);
        sim.connect(&push, &endpoint);
        let mut sent = 0;
        sim.until("a full out", |_| {
            while push.offer(numbered(sent)) {
                sent += 1;
            }
            pull.receiver.as_ref().unwrap().len() == 5
        });
        // The peer disappears in the middle of a message.
        let (socket, endpoint) = (push.socket, endpoint.clone());
        let options = Arc::new(Options::new().linger(Linger::For(Duration::ZERO)));
        let seen = sim.ask(1, |reply| {
            Command::Socket(socket, SocketCommand::Options { reply })
        });
        sim.ask(1, |reply| {
            Command::Socket(
                socket,
                SocketCommand::Configure {
                    seen,
                    options,
                    reply,
                },
            )
        })
        .unwrap();
        sim.ask(1, |reply| {
            Command::Socket(socket, SocketCommand::Disconnect { endpoint, reply })
        })
        .unwrap();
        sim.until("the end of the peer", |sim| sim.pumps[1].pipes.is_empty());
        let over = sim.now + Duration::from_secs(1);
        sim.until("a long time", |sim| sim.now >= over);
        assert_eq!(pull.receiver.as_ref().unwrap().len(), 5);
        sim.until("the end of the pipe, behind its messages", |sim| {
            pull.take();
            sim.pumps[0].pipes.is_empty()
        });
    }
}

fn serials(pump: &Pump<Node>) -> Vec<u64> {
    pump.pipes.iter().map(|(_, pipe)| pipe.serial).collect()
}

#[test]
fn sim_both_directions_at_once() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let [a, b] = sim.pair([SocketType::Pair, SocketType::Pair], &Options::new());
        let (mut sent, mut got) = ([0u64; 2], [0u64; 2]);
        sim.until("delivery both ways", |_| {
            for (side, (from, to)) in [(&a, &b), (&b, &a)].into_iter().enumerate() {
                while sent[side] < 200 && from.offer(numbered(sent[side])) {
                    sent[side] += 1;
                }
                while let Some(message) = to.take() {
                    assert_eq!(number(&message), got[side]);
                    got[side] += 1;
                }
            }
            got == [200, 200]
        });
    }
}

#[test]
fn sim_resets_lose_messages_but_neither_repeat_nor_reorder_nor_break_them() {
    let mut resets = 0;
    for seed in seeds() {
        let mut sim = Sim::new(seed, BROKEN, 2);
        let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &Options::new());
        let (mut sent, mut last) = (0, None);
        sim.until("the last message, after the faults end", |sim| {
            // The first ones after the faults may be written to a connection that is broken already.
            sent += u64::from(push.offer(numbered(sent)));
            if sent == 500 {
                sim.network.borrow_mut().faults = Faults::default();
            }
            while let Some(message) = pull.take() {
                let number = number(&message);
                assert!(last < Some(number), "seed {seed}: {number} after {last:?}");
                last = Some(number);
            }
            last >= Some(500)
        });
        resets += sim.network.borrow().resets;
    }
    assert!(
        resets > 0,
        "the faults never struck: this test tested nothing"
    );
}

#[test]
fn sim_a_request_gets_a_reply_or_is_lost_and_the_next_one_is_sent() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, BROKEN, 2);
        let [rep, req] = sim.pair([SocketType::Rep, SocketType::Req], &Options::new());
        let mut sent = 0;
        sim.until("the answer to the last request", |sim| {
            if sent <= 100 && req.offer(numbered(sent)) {
                sent += 1;
            }
            if sent == 100 {
                sim.network.borrow_mut().faults = Faults::default();
            }
            if let Some(request) = rep.take() {
                assert!(
                    rep.offer(request),
                    "a request that was taken can be answered"
                );
            }
            req.take().is_some_and(|reply| number(&reply) == 100)
        });
    }
}

#[test]
fn sim_a_publisher_serves_late_and_reconnecting_subscribers() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, BROKEN, 3);
        let publisher = sim.open(0, SocketType::Pub, Options::new());
        let endpoint = sim.bind(&publisher, "tcp://127.0.0.1:0");
        let subscribers = [1, 2].map(|pump| {
            let subscriber = sim.open(pump, SocketType::Sub, Options::new());
            sim.connect(&subscriber, &endpoint);
            subscriber
        });
        for subscriber in &subscribers {
            sim.subscribe(subscriber, "news");
        }
        let mut round = 0u64;
        let mut heard = [0u64; 2];
        sim.until(
            "each subscriber hears the news after the faults end",
            |sim| {
                round += 1;
                if round == 2000 {
                    sim.network.borrow_mut().faults = Faults::default();
                }
                publisher.offer(Message::from(["other", "no"]));
                publisher.offer(Message::from(["news", &round.to_string()]));
                for (subscriber, heard) in subscribers.iter().zip(&mut heard) {
                    while let Some(message) = subscriber.take() {
                        assert_eq!(message[0], "news");
                        let number = std::str::from_utf8(&message[1]).unwrap().parse().unwrap();
                        assert!(*heard < number, "seed {seed}: {number} after {heard}");
                        *heard = number;
                    }
                }
                heard.iter().all(|heard| *heard > 2000)
            },
        );
    }
}

#[test]
fn sim_a_full_out_stops_only_its_socket() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let options = Options::new().high_water_marks(5);
        let [stalled, flood] = sim.pair([SocketType::Pull, SocketType::Push], &options);
        let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &options);
        let mut flooded = 0;
        sim.until("a full out", |_| {
            while flood.offer(numbered(flooded)) {
                flooded += 1;
            }
            stalled.receiver.as_ref().unwrap().len() == 5
        });
        all_arrive(&mut sim, &push, &pull, 100);
        // And no message of the stalled one is lost.
        let mut got = 0;
        sim.until("the stalled messages", |_| {
            while let Some(message) = stalled.take() {
                assert_eq!(number(&message), got);
                got += 1;
            }
            got == flooded
        });
    }
}

#[test]
fn sim_closing_flushes_accepted_messages() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &Options::new());
        for sent in 0..100 {
            assert!(push.offer(numbered(sent)));
        }
        drop(push);
        let mut got = 0;
        sim.until("everything the closed socket had accepted", |_| {
            while let Some(message) = pull.take() {
                assert_eq!(number(&message), got);
                got += 1;
            }
            got == 100
        });
        sim.until("the end of the closed socket", |sim| {
            sim.pumps[1].sockets.is_empty()
        });
        sim.until("the end of its pipes", |sim| {
            sim.pumps.iter().all(|p| p.pipes.is_empty())
        });
    }
}

/// The messages that a closing socket waits for may be lost with its connection, partly or
/// completely.
#[test]
fn sim_closing_ends_however_often_connections_are_lost() {
    for seed in seeds() {
        for bound in [true, false] {
            let mut sim = Sim::new(seed, BROKEN, 2);
            let kinds = match bound {
                true => [SocketType::Push, SocketType::Pull],
                false => [SocketType::Pull, SocketType::Push],
            };
            let [one, other] = sim.pair(kinds, &Options::new());
            let (push, pull) = if bound { (one, other) } else { (other, one) };
            let accepted = 100;
            for sent in 0..accepted {
                assert!(push.offer(numbered(sent)));
            }
            let (closed, reply) = answer();
            let (pump, socket) = (push.pump, push.socket);
            let command = Command::Socket(socket, SocketCommand::Close { reply });
            assert!(sim.pumps[pump].mailbox.post(command).is_ok());
            let (mut got, mut report) = (0, None);
            sim.until("the end of the closed socket", |_| {
                while let Some(message) = pull.take() {
                    assert!(number(&message) >= got, "a message came twice");
                    got = number(&message) + 1;
                }
                if let Poll::Ready(told) = closed.try_take() {
                    report = told;
                }
                report.is_some()
            });
            let undelivered = report.map(|report| report.undelivered);
            assert!(
                undelivered.is_some_and(|lost| lost < accepted),
                "{report:?}"
            );
            assert!(
                sim.pumps[pump].sockets.is_empty() && sim.pumps[pump].queues.closing.is_empty()
            );
        }
    }
}

#[test]
fn sim_inproc_accepts_exactly_the_two_marks() {
    let mut sim = Sim::new(0, Faults::default(), 1);
    for (send, receive, accepted) in [(1, 1, 2), (5, 1, 6), (2, 2, 4), (5, 3, 8)] {
        let pull = sim.open(
            0,
            SocketType::Pull,
            Options::new().receive_high_water_mark(receive),
        );
        let name = format!("inproc://marks-{send}-{receive}");
        let endpoint = sim.bind(&pull, &name);
        let push = sim.open(
            0,
            SocketType::Push,
            Options::new().send_high_water_mark(send),
        );
        sim.connect(&push, &endpoint);
        let mut sent = 0;
        for _ in 0..100 {
            if push.offer(numbered(sent)) {
                sent += 1;
            }
            sim.step();
        }
        assert_eq!(sent, accepted, "marks {send} and {receive}");
        let mut got = 0;
        sim.until("what was accepted", |_| {
            while let Some(message) = pull.take() {
                assert_eq!(number(&message), got);
                got += 1;
            }
            got == accepted
        });
    }
}

impl Sim {
    fn monitor(&mut self, sock: &Sock) -> Feed<Event> {
        let socket = sock.socket;
        self.ask(sock.pump, |reply| {
            Command::Socket(
                socket,
                SocketCommand::Monitor {
                    events: EventSet::ALL,
                    capacity: usize::MAX,
                    reply,
                },
            )
        })
    }

    fn close_and_wait(&mut self, sock: &Sock) {
        let socket = sock.socket;
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Close { reply })
        });
    }

    /// Closes a socket whose messages this peer takes meanwhile: while they find no room, it lingers.
    fn close_while_read(&mut self, sock: &Sock, peer: &Sock) {
        let (socket, (closed, reply)) = (sock.socket, answer());
        let close = Command::Socket(socket, SocketCommand::Close { reply });
        assert!(self.pumps[sock.pump].mailbox.post(close).is_ok());
        self.until("the end of a socket", |_| {
            while peer.take().is_some() {}
            closed.try_take().is_ready()
        });
    }
}

/// All events of a monitor whose socket has closed.
fn told(monitor: &Feed<Event>) -> Vec<Event> {
    std::iter::from_fn(|| monitor.try_recv().ok()).collect()
}

#[test]
fn sim_monitors_report_every_connection_from_beginning_to_end() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, ROUGH, 2);
        let pull = sim.open(0, SocketType::Pull, Options::new());
        let push = sim.open(1, SocketType::Push, Options::new());
        let monitors = [sim.monitor(&pull), sim.monitor(&push)];
        let endpoint = sim.bind(&pull, "tcp://127.0.0.1:0");
        sim.connect(&push, &endpoint);
        let (mut sent, mut got) = (0, 0);
        for _ in 0..2000 {
            if push.offer(numbered(sent)) {
                sent += 1;
            }
            while pull.take().is_some() {
                got += 1;
            }
            sim.step();
        }
        let (socket, before) = (pull.socket, got);
        let statistics = sim.ask(0, |reply| {
            Command::Socket(socket, SocketCommand::Statistics { reply })
        });
        while pull.take().is_some() {
            got += 1;
        }
        // Its own turn went on reading.
        assert!(
            (before..=got).contains(&statistics.messages_in),
            "seed {seed}"
        );
        sim.close_while_read(&push, &pull);
        sim.close_and_wait(&pull);
        for monitor in monitors {
            let events = told(&monitor);
            let mut begun: HashMap<u64, bool> = HashMap::new();
            let mut ended = HashSet::new();
            for event in &events {
                let connection = event.connection.unwrap_or_default();
                match &event.kind {
                    EventKind::Connected | EventKind::Accepted => {
                        assert_eq!(begun.insert(connection, false), None, "seed {seed}");
                    }
                    EventKind::HandshakeSucceeded(_) | EventKind::HandshakeFailed { .. } => {
                        assert_eq!(begun.insert(connection, true), Some(false), "seed {seed}");
                    }
                    EventKind::Disconnected { .. } => {
                        assert_eq!(begun.remove(&connection), Some(true), "seed {seed}");
                        assert!(ended.insert(connection), "seed {seed}");
                    }
                    _ => {}
                }
            }
            assert_eq!(begun, HashMap::new(), "seed {seed}: {events:?}");
            let last = events.last().map(|event| &event.kind);
            assert_eq!(last, Some(&EventKind::Stopped), "seed {seed}");
        }
    }
}

#[test]
fn sim_monitors_report_files_left_by_a_listener() {
    let mut sim = Sim::new(0, Faults::default(), 1);
    sim.network.borrow_mut().litters = true;
    let pull = sim.open(0, SocketType::Pull, Options::new());
    let monitor = sim.monitor(&pull);
    sim.bind(&pull, "tcp://127.0.0.1:0");
    sim.close_and_wait(&pull);
    let error = std::io::ErrorKind::PermissionDenied.into();
    let kinds: Vec<_> = told(&monitor).into_iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds[1..],
        [
            EventKind::Closed,
            EventKind::CloseFailed { error },
            EventKind::Stopped
        ]
    );
}
