//! The network between the simulated nodes: connections, backlogs, names, time.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::pump::transport::Target;

use super::{Faults, Random};

/// Capacity in bytes of a simulated kernel's buffer per direction, unless a test sets another.
const CAPACITY: usize = 8 * 1024;

/// Maximum time that a slow connect attempt takes.
pub(super) const SLOWEST_CONNECT: Duration = Duration::from_millis(500);

/// Maximum time for which nothing arrives.
pub(super) const LONGEST_STALL: Duration = Duration::from_secs(3);

/// The logarithm of the number of bytes after which a connection is cut at the latest.
const LATEST_CUT: u64 = 17;

/// The network between the simulated nodes.
pub(in crate::pump) struct Network {
    pub(in crate::pump) random: Random,
    pub(in crate::pump) faults: Faults,
    /// The time, which is set from outside.
    pub(in crate::pump) now: Instant,
    /// Whether readiness is reported once per change, as pollers do, and not as long as it lasts.
    pub(in crate::pump) edges: bool,
    pub(super) wires: Vec<Wire>,
    /// Pending connections, by address.
    pub(super) backlogs: HashMap<String, Backlog>,
    pub(super) next_port: u16,
    /// Connections that were reset.
    pub(in crate::pump) resets: usize,
    /// Listeners that end leave something behind.
    pub(in crate::pump) litters: bool,
    /// The addresses of host names; other names do not resolve.
    pub(in crate::pump) names: HashMap<String, Vec<Target>>,
    /// Number of lookups done.
    pub(in crate::pump) lookups: usize,
    /// Capacity in bytes of the kernel's buffer per direction of a connection.
    pub(in crate::pump) capacity: usize,
    /// Number of calls that read or wrote, including those that moved nothing.
    pub(in crate::pump) reads: u64,
    pub(in crate::pump) writes: u64,
    /// When a connection will be made, or a stall will end.
    changes: BTreeSet<Instant>,
}

/// The connections that wait to be accepted at one address.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) wires: VecDeque<usize>,
    /// Whether there is a change that has not been reported.
    pub(super) changed: bool,
}

#[derive(Default)]
pub(super) struct Wire {
    /// The address of side 0.
    pub(super) from: Rc<str>,
    /// To side 0 and to side 1.
    pub(super) pipes: [VecDeque<u8>; 2],
    /// Whether side 0 and side 1 have announced that they write no more, or are gone.
    pub(super) finished: [bool; 2],
    pub(super) gone: [bool; 2],
    pub(super) reset: bool,
    /// When the attempt to connect will be over, if it is not.
    pub(super) connecting: Option<Instant>,
    /// The listener ended before the connection was made.
    pub(super) never_made: bool,
    /// Until when nothing arrives at each side.
    pub(super) stalled: [Option<Instant>; 2],
    /// The number of bytes that may be moved before it is reset.
    pub(super) bytes_left: Option<u64>,
    /// Whether there is a change that has not been reported to each side.
    pub(super) changed: [bool; 2],
}

impl Network {
    pub(in crate::pump) fn new(seed: u64, faults: Faults, now: Instant) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Network {
            random: Random::new(seed),
            faults,
            now,
            edges: false,
            wires: Vec::new(),
            backlogs: HashMap::new(),
            next_port: 40_000,
            resets: 0,
            litters: false,
            names: HashMap::new(),
            lookups: 0,
            capacity: CAPACITY,
            reads: 0,
            writes: 0,
            changes: BTreeSet::new(),
        }))
    }

    /// When something will change next without any node's doing.
    pub(in crate::pump) fn next_change(&mut self) -> Option<Instant> {
        self.changes = self.changes.split_off(&self.now);
        self.changes.remove(&self.now);
        self.changes.first().copied()
    }

    /// Connections of which one side at least still exists.
    pub(in crate::pump) fn open_wires(&self) -> usize {
        let open = |wire: &&Wire| wire.gone != [true; 2];
        self.wires.iter().filter(open).count()
    }

    /// Whether nothing is on its way over a connection, and nothing will be with time.
    pub(in crate::pump) fn is_quiet(&self) -> bool {
        let on_its_way =
            |wire: &Wire| (0..2).any(|to| !wire.gone[to] && !wire.pipes[to].is_empty());
        let will_change = self.changes.last().is_some_and(|last| *last >= self.now);
        !will_change && !self.wires.iter().any(on_its_way)
    }

    /// Begins a connection from this address; the caller adds it to a backlog.
    pub(super) fn add_wire(&mut self, from: &Rc<str>) -> usize {
        let connecting = self.random.strikes(self.faults.slow).then(|| {
            let longest = SLOWEST_CONNECT.as_millis() as u64;
            self.now + Duration::from_millis(1 + self.random.below(longest))
        });
        let bytes_left = self.random.strikes(self.faults.cut).then(|| {
            let limit = 1 << self.random.below(LATEST_CUT);
            self.random.below(limit)
        });
        self.changes.extend(connecting);
        self.wires.push(Wire {
            from: Rc::clone(from),
            connecting,
            bytes_left,
            changed: [true; 2],
            ..Wire::default()
        });
        self.wires.len() - 1
    }

    /// Notes what has changed with time at one end of a connection.
    pub(super) fn refresh(&mut self, wire: usize, side: usize) {
        let now = self.now;
        let found = &mut self.wires[wire];
        let is_over = |until: &mut Option<Instant>| until.take_if(|until| *until <= now).is_some();
        found.changed[side] |= is_over(&mut found.stalled[side]);
        if is_over(&mut found.connecting) {
            found.changed = [true; 2];
        }
    }

    /// Whether a pending connection has been made.
    pub(super) fn is_made(&self, wire: usize) -> bool {
        let connecting = self.wires[wire].connecting;
        connecting.is_none_or(|at| at <= self.now)
    }

    /// Stops what arrives at one side for a while.
    pub(super) fn stall(&mut self, wire: usize, side: usize) {
        let longest = LONGEST_STALL.as_millis() as u64;
        let until = self.now + Duration::from_millis(1 + self.random.below(longest));
        self.wires[wire].stalled[side] = Some(until);
        self.changes.insert(until);
    }

    /// Resets a connection in both directions.
    pub(super) fn reset(&mut self, wire: usize) {
        let found = &mut self.wires[wire];
        if !found.reset {
            found.reset = true;
            found.changed = [true; 2];
            self.resets += 1;
        }
    }

    /// One side has ended, or what it writes.
    pub(super) fn leave(&mut self, wire: usize, side: usize) {
        self.wires[wire].gone[side] = true;
        self.wires[wire].changed[1 - side] = true;
    }

    pub(super) fn finish(&mut self, wire: usize, side: usize) {
        self.wires[wire].finished[side] = true;
        self.wires[wire].changed[1 - side] = true;
    }
}
