//! A world of whole pumps: several groups of sockets of random types in one context, on a network that
//! breaks, while their users send, receive, connect, disconnect, bind, configure, cancel and close at
//! random. All of it follows from one seed: `SIM_SEED=17 cargo test --lib sim_world`.
//!
//! What must hold whatever happens:
//!
//! * A message is received whole, at most once by each receiver (and by one receiver only, unless it was
//!   published), by the peer it was addressed to, with a topic that the receiver is subscribed to.
//! * The messages of one sender that come over one connection are in order. Only after a lost connection,
//!   messages that were returned may come later than those that had gone to other peers.
//! * A sender none of whose connections broke loses nothing under `Overflow::Block`.
//! * Queues do not exceed the high-water marks.
//! * A socket whose linger is limited closes in time; one whose messages can be sent closes, too.
//! * Each connection is told from beginning to end, and each listener.
//! * Statistics add up: what was accepted and received, what monitors were told, and what a pump counts.
//! * When the faults end, every endpoint is connected again and all messages arrive.
//! * At the end, each pump ends and leaves nothing behind.

mod book;
mod end;
mod member;
mod steps;
mod told;

use super::super::transport::{self, Resolution, Target};
use super::*;
use crate::options::Overflow;
use crate::security::Security;
use crate::statistics::Statistics;

use member::{Group, Member};

/// The types that are connected in each group.
const KINDS: [[SocketType; 2]; 14] = {
    use SocketType::*;
    [
        [Pull, Push],
        [Pair, Pair],
        [Dealer, Dealer],
        [Router, Dealer],
        [Rep, Req],
        [Pub, Sub],
        [XPub, Sub],
        [XPub, XSub],
        [Server, Client],
        [Gather, Scatter],
        [Radio, Dish],
        [Peer, Peer],
        [Channel, Channel],
        [Router, Req],
    ]
};

/// A network on which nothing breaks, but everything takes time.
const SLOW: Faults = Faults {
    slow: 300,
    unaccepted: 50,
    short: 300,
    delayed: 200,
    unresolved: 200,
    ..NONE
};

/// Everything that can happen to connections.
const STORM: Faults = Faults {
    refused: 100,
    slow: 300,
    unaccepted: 100,
    short: 300,
    delayed: 200,
    reset: 3,
    cut: 200,
    halved: 2,
    stalled: 5,
    unresolved: 300,
};

/// Number of worlds for each seed of other tests.
const WORLDS: u64 = 10;

struct World {
    seed: u64,
    random: Random,
    sim: Sim,
    groups: Vec<Group>,
    members: Vec<Member>,
    /// The handler that authenticates peers.
    judge: Option<Sock>,
    /// Whether connections break.
    storm: bool,
    /// The number of names that endpoints have been given.
    names: usize,
    /// Whether this seed alone is run.
    is_replay: bool,
    /// What was done then.
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let storm = random.below(3) > 0;
        let faults = if storm { STORM } else { SLOW };
        let pumps = 1 + random.below(3) as usize;
        let mut sim = Sim::new(random.next(), faults, pumps);
        sim.seed = seed;
        sim.sleeps = true;
        sim.whim = (random.below(2) == 0).then(|| Random::new(random.next()));
        {
            let mut network = sim.network.borrow_mut();
            network.edges = random.below(2) == 0;
            network.capacity = [100, 1000, 8 * 1024, 64 * 1024][random.below(4) as usize];
        }
        let mut world = World {
            seed,
            random,
            sim,
            groups: Vec::new(),
            members: Vec::new(),
            judge: None,
            storm,
            names: 0,
            is_replay: std::env::var_os("SIM_SEED").is_some(),
            log: Vec::new(),
        };
        world.populate();
        world
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.below(limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        match all {
            [] => None,
            _ => Some(all[self.below(all.len())]),
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.is_replay {
            self.log.push(what());
        }
    }

    fn run(&mut self) {
        for _ in 0..100 + self.below(200) {
            self.act();
            self.check();
        }
        self.settle();
        self.check_sums();
        self.finish();
    }
}

/// Says how to replay a run that fails, and what happened in it.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.log {
                eprintln!("{line}");
            }
            for (at, member) in self.members.iter().enumerate().filter(|_| self.is_replay) {
                for line in &member.told.last {
                    eprintln!("{at} was told: {line}");
                }
            }
            let seed = self.seed;
            eprintln!("to repeat it: SIM_SEED={seed} cargo test --lib sim_world");
        }
    }
}

#[test]
fn sim_world() {
    // One seed of this costs little: there are more of them.
    for seed in seeds_of(WORLDS) {
        World::new(seed).run();
    }
}
