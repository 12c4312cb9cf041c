//! A seeded simulation of the environment: every delay, short read, reset and refusal of a run can
//! be replayed. For tests only.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use crate::endpoint::Endpoint;
use crate::error::BindError;
use crate::options::Options;

use super::env::{Env, Readiness, Source};
use super::resolver::{Lookups, Question};
use super::transport::{self, Begun, BoundListener, Check, Resolution, Target};
use super::Command;

/// Capacity in bytes of a simulated kernel's buffer per direction, unless a test sets another.
const CAPACITY: usize = 8 * 1024;

/// Number of steps that a lookup takes.
const LOOKUP: usize = 40;

/// Faults, each with its probability in parts per thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A connect attempt is refused.
    pub(super) refused: u64,
    /// A read or write moves fewer bytes than it could.
    pub(super) short: u64,
    /// Readiness is reported later.
    pub(super) delayed: u64,
    /// A read or write finds the connection reset, in both directions.
    pub(super) reset: u64,
}

/// splitmix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be zero.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn strikes(&mut self, per_thousand: u64) -> bool {
        per_thousand > 0 && self.below(1000) < per_thousand
    }
}

/// The network between the simulated nodes.
pub(super) struct Network {
    pub(super) random: Random,
    pub(super) faults: Faults,
    wires: Vec<Wire>,
    /// Wires that wait to be accepted, by address.
    backlogs: HashMap<String, VecDeque<usize>>,
    next_port: u16,
    /// Connections that were reset.
    pub(super) resets: usize,
    /// Listeners that end leave something behind.
    pub(super) litters: bool,
    /// The addresses of host names; other names do not resolve.
    pub(super) names: HashMap<String, Vec<Target>>,
    /// Number of lookups done.
    pub(super) lookups: usize,
    /// Capacity in bytes of the kernel's buffer per direction of a connection.
    pub(super) capacity: usize,
    /// Number of calls that read or wrote, including those that moved nothing.
    pub(super) reads: u64,
    pub(super) writes: u64,
}

#[derive(Default)]
struct Wire {
    /// The address of side 0.
    from: Rc<str>,
    /// To side 0 and to side 1.
    pipes: [VecDeque<u8>; 2],
    /// Whether side 0 and side 1 have announced that they write no more, or are gone.
    finished: [bool; 2],
    gone: [bool; 2],
    reset: bool,
}

impl Network {
    pub(super) fn new(seed: u64, faults: Faults) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Network {
            random: Random::new(seed),
            faults,
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
        }))
    }
}

/// One end of a wire that a node has registered.
struct Registered {
    wire: usize,
    side: usize,
    slot: usize,
    /// For room to write, too.
    room: bool,
}

impl Registered {
    fn end(&self) -> (usize, usize) {
        (self.wire, self.side)
    }
}

/// One node's view of the network.
pub(super) struct Node {
    network: Rc<RefCell<Network>>,
    /// In the order of [`Registered::end`].
    registered: Vec<Registered>,
    listening: Vec<(String, usize)>,
    lookups: Lookups,
    /// Lookups in progress, and in how many steps each is done.
    asked: Vec<(usize, Question)>,
    random: Random,
    address: Rc<str>,
}

impl Node {
    pub(super) fn new(network: &Rc<RefCell<Network>>) -> Self {
        Node::at(network, "192.0.2.1")
    }

    pub(super) fn at(network: &Rc<RefCell<Network>>, address: &str) -> Self {
        let random = Random::new(network.borrow_mut().random.next());
        Node {
            network: Rc::clone(network),
            registered: Vec::new(),
            listening: Vec::new(),
            lookups: Lookups::default(),
            asked: Vec::new(),
            random,
            address: address.into(),
        }
    }

    /// The results of lookups that are done by this step.
    pub(super) fn answers(&mut self) -> Vec<Command> {
        let mut network = self.network.borrow_mut();
        let mut answers = Vec::new();
        self.asked.retain_mut(|(steps, question)| {
            *steps -= 1;
            if *steps > 0 {
                return true;
            }
            network.lookups += 1;
            let found = network.names.get(question.endpoint.as_str());
            let unknown = || io::Error::new(ErrorKind::NotFound, "no such host");
            answers.push(Command::Resolved {
                tickets: std::mem::take(&mut question.tickets),
                targets: found.cloned().ok_or_else(unknown),
            });
            false
        });
        answers
    }

    /// The index of a stream in `registered`, or where it belongs.
    fn place(&self, stream: &SimStream) -> Result<usize, usize> {
        let end = (stream.wire, stream.side);
        self.registered.binary_search_by_key(&end, Registered::end)
    }

    /// The current readiness, except for what is reported later.
    pub(super) fn ready(&mut self) -> Vec<Readiness> {
        let mut network = self.network.borrow_mut();
        let delayed = network.faults.delayed;
        let mut ready = Vec::new();
        for registered in &self.registered {
            let (side, slot) = (registered.side, registered.slot);
            let found = &network.wires[registered.wire];
            let over = found.reset || found.gone[1 - side] || found.finished[1 - side];
            let readable = over || !found.pipes[side].is_empty();
            let writable =
                over || registered.room && found.pipes[1 - side].len() < network.capacity;
            if (readable || writable) && !network.random.strikes(delayed) {
                let source = Source::Pipe(slot);
                ready.push(Readiness {
                    source,
                    readable,
                    read_closed: over,
                    writable,
                });
            }
        }
        for (address, slot) in &self.listening {
            let waiting = network
                .backlogs
                .get(address)
                .is_some_and(|queue| !queue.is_empty());
            if waiting && !network.random.strikes(delayed) {
                let source = Source::Listener(*slot);
                ready.push(Readiness {
                    source,
                    readable: true,
                    read_closed: false,
                    writable: false,
                });
            }
        }
        ready
    }
}

/// One end of a simulated connection.
pub(super) struct SimStream {
    network: Rc<RefCell<Network>>,
    wire: usize,
    side: usize,
}

impl SimStream {
    /// How many of the `possible` bytes are moved, after faults.
    fn moves(network: &mut Network, wire: usize, possible: usize) -> io::Result<usize> {
        let (reset, short) = (network.faults.reset, network.faults.short);
        if network.random.strikes(reset) && !network.wires[wire].reset {
            network.wires[wire].reset = true;
            network.resets += 1;
        }
        if network.wires[wire].reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if possible > 1 && network.random.strikes(short) {
            return Ok(1 + network.random.below(possible as u64 - 1) as usize);
        }
        Ok(possible)
    }
}

impl Read for SimStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.reads += 1;
        let waiting = network.wires[self.wire].pipes[self.side].len();
        if waiting == 0 {
            let wire = &network.wires[self.wire];
            return match wire {
                Wire { reset: true, .. } => Err(ErrorKind::ConnectionReset.into()),
                _ if wire.finished[1 - self.side] || wire.gone[1 - self.side] => Ok(0),
                _ => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let count = SimStream::moves(network, self.wire, waiting.min(buffer.len()))?;
        // A whole slice at a time: that does not go byte by byte.
        let pipe = &mut network.wires[self.wire].pipes[self.side];
        pipe.read_exact(&mut buffer[..count])?;
        Ok(count)
    }
}

impl Write for SimStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.writes += 1;
        let wire = &network.wires[self.wire];
        if wire.gone[1 - self.side] || wire.reset {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = network.capacity - wire.pipes[1 - self.side].len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = SimStream::moves(network, self.wire, room.min(bytes.len()))?;
        network.wires[self.wire].pipes[1 - self.side].extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.network.borrow_mut().wires[self.wire].gone[self.side] = true;
    }
}

fn address(target: &Target) -> String {
    format!("{target:?}")
}

impl Env for Node {
    type Stream = SimStream;
    type Listener = String;

    fn bind(
        &mut self,
        endpoint: &Endpoint,
        _options: &Options,
        slot: usize,
    ) -> Result<(String, Endpoint), BindError> {
        let mut network = self.network.borrow_mut();
        let mut resolved = endpoint.clone();
        if let Some(host) = endpoint.as_ref().strip_suffix(":0") {
            network.next_port += 1;
            resolved = Endpoint::parse_for_bind(&format!("{host}:{}", network.next_port))?;
        }
        let Ok(Resolution::Ready(target)) = transport::targets(&resolved) else {
            panic!("simulated endpoints are numeric");
        };
        let address = address(&target);
        if network.backlogs.contains_key(&address) {
            return Err(BindError::InUse(resolved.to_string()));
        }
        network.backlogs.insert(address.clone(), VecDeque::new());
        self.listening.push((address.clone(), slot));
        Ok((address, resolved))
    }

    fn adopt(
        &mut self,
        _listener: BoundListener,
        _options: &Options,
        _slot: usize,
    ) -> Result<(String, Endpoint), BindError> {
        panic!("a simulated world has no listeners of others");
    }

    fn check(&mut self, _listener: &String, _stream: &SimStream) -> io::Result<Option<Check>> {
        Ok(None)
    }

    fn accept(&mut self, listener: &String) -> io::Result<SimStream> {
        let mut network = self.network.borrow_mut();
        let wire = network
            .backlogs
            .get_mut(listener)
            .and_then(VecDeque::pop_front);
        let wire = wire.ok_or(ErrorKind::WouldBlock)?;
        Ok(SimStream {
            network: Rc::clone(&self.network),
            wire,
            side: 1,
        })
    }

    fn connect(&mut self, target: &Target, _options: &Options) -> io::Result<Begun<SimStream>> {
        let network = &mut *self.network.borrow_mut();
        let refused = network.faults.refused;
        if network.random.strikes(refused) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let wire = network.wires.len();
        let backlog = network.backlogs.get_mut(&address(target));
        backlog.ok_or(ErrorKind::ConnectionRefused)?.push_back(wire);
        network.wires.push(Wire {
            from: Rc::clone(&self.address),
            ..Wire::default()
        });
        let stream = SimStream {
            network: Rc::clone(&self.network),
            wire,
            side: 0,
        };
        Ok(Begun {
            stream,
            in_progress: false,
        })
    }

    fn connected(&mut self, _stream: &SimStream) -> io::Result<bool> {
        Ok(true)
    }

    fn names(&self, _stream: &SimStream) -> (Option<Endpoint>, Option<Endpoint>) {
        (None, None)
    }

    fn address(&self, stream: &SimStream) -> String {
        self.network.borrow().wires[stream.wire].from.to_string()
    }

    fn register(&mut self, stream: &mut SimStream, slot: usize) -> io::Result<()> {
        let registered = Registered {
            wire: stream.wire,
            side: stream.side,
            slot,
            room: true,
        };
        match self.place(stream) {
            Ok(place) => self.registered[place] = registered,
            Err(place) => self.registered.insert(place, registered),
        }
        Ok(())
    }

    fn register_room(
        &mut self,
        stream: &mut SimStream,
        slot: usize,
        wanted: bool,
    ) -> io::Result<()> {
        let place = self.place(stream).map_err(|_| ErrorKind::NotFound)?;
        assert_eq!(self.registered[place].slot, slot);
        self.registered[place].room = wanted;
        Ok(())
    }

    fn finish(&mut self, stream: &mut SimStream) -> io::Result<()> {
        self.network.borrow_mut().wires[stream.wire].finished[stream.side] = true;
        Ok(())
    }

    fn forget(&mut self, stream: &mut SimStream) {
        if let Ok(place) = self.place(stream) {
            self.registered.remove(place);
        }
    }

    fn unbind(&mut self, listener: String) -> io::Result<()> {
        self.listening.retain(|(address, _)| *address != listener);
        let mut network = self.network.borrow_mut();
        for wire in network.backlogs.remove(&listener).unwrap_or_default() {
            network.wires[wire].gone[1] = true;
        }
        match network.litters {
            true => Err(ErrorKind::PermissionDenied.into()),
            false => Ok(()),
        }
    }

    fn resolve(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64) {
        let next = self.lookups.ask(endpoint, ipv6, ticket);
        self.asked.extend(next.map(|next| (LOOKUP, next)));
    }

    fn stop_resolving(&mut self, ticket: u64) {
        self.lookups.forget(ticket);
    }

    fn resolved(&mut self) {
        let next = self.lookups.answered();
        self.asked.extend(next.map(|next| (LOOKUP, next)));
    }

    fn entropy(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill_with(|| self.random.next() as u8);
        Ok(())
    }

    fn random(&mut self) -> u64 {
        self.random.next()
    }
}
