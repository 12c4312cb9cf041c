//! What a pump sees of the network: its environment.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use crate::endpoint::Endpoint;
use crate::error::BindError;
use crate::options::Options;

use crate::pump::env::{Env, Readiness, Source};
use crate::pump::resolver::{Lookups, Question};
use crate::pump::transport::{self, Begun, BoundListener, Check, Resolution, Target};
use crate::pump::Command;

use super::network::{Backlog, Network};
use super::stream::SimStream;
use super::Random;

/// Number of steps that a lookup takes.
const LOOKUP: usize = 40;

/// Errors of `accept`, apart from a connection that is gone: `EMFILE`, `ENFILE`, `ENOMEM`, `EINTR`.
const ACCEPT_ERRORS: [i32; 4] = [24, 23, 12, 4];

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
pub(in crate::pump) struct Node {
    network: Rc<RefCell<Network>>,
    /// In the order of [`Registered::end`].
    registered: Vec<Registered>,
    listening: Vec<(String, usize)>,
    /// Whether readiness was not reported yet.
    has_delayed: bool,
    lookups: Lookups,
    /// Lookups in progress, and in how many steps each is done.
    asked: Vec<(usize, Question)>,
    random: Random,
    address: Rc<str>,
}

impl Node {
    pub(in crate::pump) fn new(network: &Rc<RefCell<Network>>) -> Self {
        Node::at(network, "192.0.2.1")
    }

    pub(in crate::pump) fn at(network: &Rc<RefCell<Network>>, address: &str) -> Self {
        let random = Random::new(network.borrow_mut().random.next());
        Node {
            network: Rc::clone(network),
            registered: Vec::new(),
            listening: Vec::new(),
            has_delayed: false,
            lookups: Lookups::default(),
            asked: Vec::new(),
            random,
            address: address.into(),
        }
    }

    /// The results of lookups that are done by this step.
    pub(in crate::pump) fn answers(&mut self) -> Vec<Command> {
        let mut network = self.network.borrow_mut();
        let mut answers = Vec::new();
        self.asked.retain_mut(|(steps, question)| {
            *steps -= 1;
            if *steps > 0 {
                return true;
            }
            network.lookups += 1;
            let fails = network.faults.unresolved;
            let fails = network.random.strikes(fails);
            let found = network.names.get(question.endpoint.as_str());
            let found = found.filter(|_| !fails);
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

    /// Whether something will happen in the next steps, whatever the time: lookups are in progress, or
    /// readiness was not reported yet.
    pub(in crate::pump) fn is_expecting(&self) -> bool {
        self.has_delayed || !self.asked.is_empty()
    }

    /// Number of streams and listeners that are registered.
    pub(in crate::pump) fn registrations(&self) -> usize {
        self.registered.len() + self.listening.len()
    }

    /// The current readiness, except for what is reported later.
    pub(in crate::pump) fn ready(&mut self) -> Vec<Readiness> {
        let network = &mut *self.network.borrow_mut();
        let (delayed, edges) = (network.faults.delayed, network.edges);
        let (mut ready, mut late) = (Vec::new(), false);
        for registered in &self.registered {
            let (wire, side) = registered.end();
            network.refresh(wire, side);
            let found = &network.wires[wire];
            if found.connecting.is_some() || edges && !found.changed[side] {
                continue;
            }
            let over = found.reset || found.gone[1 - side] || found.finished[1 - side];
            let arrives = found.stalled[side].is_none();
            let readable = arrives && (over || !found.pipes[side].is_empty());
            let has_room = found.pipes[1 - side].len() < network.capacity;
            let writable = over || registered.room && has_room;
            if !readable && !writable {
                continue;
            }
            let is_late = network.random.strikes(delayed);
            late |= is_late;
            if !is_late {
                network.wires[wire].changed[side] = false;
                ready.push(Readiness {
                    source: Source::Pipe(registered.slot),
                    readable,
                    read_closed: arrives && over,
                    writable,
                });
            }
        }
        for (address, slot) in &self.listening {
            let Some(backlog) = network.backlogs.get(address) else {
                continue;
            };
            let waits = backlog.wires.iter().any(|&wire| network.is_made(wire));
            let is_new = !edges || backlog.changed;
            if !waits || !is_new {
                continue;
            }
            let is_late = network.random.strikes(delayed);
            late |= is_late;
            if !is_late {
                if let Some(backlog) = network.backlogs.get_mut(address) {
                    backlog.changed = false;
                }
                ready.push(Readiness {
                    source: Source::Listener(*slot),
                    readable: true,
                    read_closed: false,
                    writable: false,
                });
            }
        }
        self.has_delayed = late;
        ready
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
        network.backlogs.insert(address.clone(), Backlog::default());
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
        let network = &mut *self.network.borrow_mut();
        let backlog = network.backlogs.get(listener);
        let backlog = backlog.ok_or(ErrorKind::WouldBlock)?;
        let made = |&wire: &usize| network.is_made(wire);
        let Some(at) = backlog.wires.iter().position(made) else {
            // Those that are being made will be reported.
            if let Some(backlog) = network.backlogs.get_mut(listener) {
                backlog.changed = true;
            }
            return Err(ErrorKind::WouldBlock.into());
        };
        if network.random.strikes(network.faults.unaccepted) {
            let which = network.random.below(ACCEPT_ERRORS.len() as u64 + 1) as usize;
            if let Some(&number) = ACCEPT_ERRORS.get(which) {
                return Err(io::Error::from_raw_os_error(number));
            }
            let backlog = network.backlogs.get_mut(listener);
            if let Some(wire) = backlog.and_then(|backlog| backlog.wires.remove(at)) {
                network.leave(wire, 1);
            }
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let backlog = network.backlogs.get_mut(listener);
        let wire = backlog.and_then(|backlog| backlog.wires.remove(at));
        Ok(SimStream {
            network: Rc::clone(&self.network),
            wire: wire.ok_or(ErrorKind::WouldBlock)?,
            side: 1,
        })
    }

    fn connect(&mut self, target: &Target, _options: &Options) -> io::Result<Begun<SimStream>> {
        let network = &mut *self.network.borrow_mut();
        let refused = network.faults.refused;
        let address = address(target);
        if network.random.strikes(refused) || !network.backlogs.contains_key(&address) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let wire = network.add_wire(&self.address);
        if let Some(backlog) = network.backlogs.get_mut(&address) {
            backlog.wires.push_back(wire);
            backlog.changed = true;
        }
        let in_progress = network.wires[wire].connecting.is_some();
        let stream = SimStream {
            network: Rc::clone(&self.network),
            wire,
            side: 0,
        };
        Ok(Begun {
            stream,
            in_progress,
        })
    }

    fn connected(&mut self, stream: &SimStream) -> io::Result<bool> {
        let network = &mut *self.network.borrow_mut();
        network.refresh(stream.wire, stream.side);
        let wire = &network.wires[stream.wire];
        match wire.connecting {
            Some(_) => Ok(false),
            None if wire.never_made => Err(ErrorKind::ConnectionRefused.into()),
            None => Ok(true),
        }
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
        self.network.borrow_mut().wires[stream.wire].changed[stream.side] = true;
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
        // Registering again reports what is there.
        self.network.borrow_mut().wires[stream.wire].changed[stream.side] = true;
        Ok(())
    }

    fn finish(&mut self, stream: &mut SimStream) -> io::Result<()> {
        self.network.borrow_mut().finish(stream.wire, stream.side);
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
        let pending = network.backlogs.remove(&listener).unwrap_or_default();
        for wire in pending.wires {
            network.wires[wire].never_made = !network.is_made(wire);
            network.leave(wire, 1);
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
