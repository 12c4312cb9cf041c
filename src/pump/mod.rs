//! Floor 3: the only one that touches the world. A pump owns its sockets' hubs, links,
//! listeners and dialers; one thread drives it, or a test does.
//!
//! [`Pump::turn`] decides everything, with time and readiness as arguments, and never blocks:
//! commands, reads, sends, transfers, flushes, timers, each within a budget. [`net::run`] only
//! sleeps between turns. A pump waits for no user: a full `out` stops the reading of that
//! socket's links until the user's pop marks the hub again.

mod closing;
mod dialing;
mod hub;
mod inproc;
mod link;
mod listening;
pub(crate) mod net;
mod reading;
mod sending;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
mod timers;
pub(crate) mod transport;
mod world;

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::channel::{Alarms, Holder, Hook, Mailbox, Ports, PortsSetup, Reply};
use crate::endpoint::Endpoint;
use crate::error::{BindError, ConnectError, DetachError, SocketError, SubscribeError};
use crate::message::Frame;
use crate::options::Options;
use crate::socket_type::SocketType;

use dialing::Dialer;
use hub::{Hub, HubHook, Room};
use link::Link;
use listening::Listening;
use timers::{Timer, Timers};
use transport::Target;
use world::{Readiness, Source, World};

/// Names a socket on its pump: the slot may be reused, the serial number is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HubId {
    pub(crate) slot: usize,
    pub(crate) serial: u64,
}

/// What [`Command::Open`] answers: the socket's number and the first hold on its channels.
pub(crate) type Opened = (HubId, Holder);

/// What a socket's handles keep alive: their context.
pub(crate) type Keepalive = Arc<dyn Any + Send + Sync>;

/// How a socket ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Messages that were accepted, but not on the wire when linger ended.
    pub undelivered: u64,
}

/// What users ask of a pump. Each command has an answer slot of its own.
pub(crate) enum Command {
    Open {
        kind: SocketType,
        options: Options,
        keepalive: Keepalive,
        reply: Reply<Result<Opened, SocketError>>,
    },
    Bind {
        hub: HubId,
        endpoint: Endpoint,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    Connect {
        hub: HubId,
        endpoint: Endpoint,
        reply: Reply<Result<(), ConnectError>>,
    },
    Unbind {
        hub: HubId,
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Disconnect {
        hub: HubId,
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Subscribe {
        hub: HubId,
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Unsubscribe {
        hub: HubId,
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Close {
        hub: HubId,
        reply: Reply<Closed>,
    },
    /// A name was looked up for the dialer behind `ticket`.
    Resolved {
        ticket: u64,
        targets: io::Result<Vec<Target>>,
    },
    /// The last context handle is gone: answer once no socket is closing, end once none is left.
    Release {
        reply: Reply<()>,
    },
    /// End now: flush what can be flushed within `grace`, then drop everything.
    Shutdown {
        grace: Duration,
        reply: Reply<()>,
    },
}

/// One reading slice of a link: enough to batch, small enough that a link with a large
/// message does not delay its neighbours noticeably (about 50 µs of copying).
const READ_BUDGET: usize = 256 * 1024;

/// One sending slice of a hub, in messages: one lock of `in` for as many.
const SEND_BATCH: usize = 256;

/// Slices one hub gets in a turn before others have theirs.
const SEND_SLICES: usize = 4;

/// A pump: what one thread does for its sockets.
pub(crate) struct Pump<W: World> {
    world: W,
    now: Instant,
    mailbox: Arc<Mailbox<Command>>,
    alarms: Arc<Alarms>,
    timers: Timers,

    hubs: Slab<Hub>,
    links: Slab<Link<W::Stream>>,
    listeners: Slab<Listening<W::Listener>>,
    dialers: Slab<Dialer>,
    /// Who is bound to an inproc name: slots of `listeners`.
    names: HashMap<String, usize>,
    /// Room in each hub's `out`, by slot: apart from the hubs, so that a pattern that sends can
    /// reserve room in the hub at the other end of an inproc link.
    rooms: Vec<Room>,
    /// Hubs that turned out to have no room when an inproc peer wanted to send.
    dry: Vec<usize>,

    /// Links with something to read and room to read it.
    readers: VecDeque<usize>,
    /// Hubs whose `in` may hold messages that have somewhere to go.
    senders: VecDeque<usize>,
    /// Links with something to write.
    flushers: VecDeque<usize>,
    /// Inproc links with something for their twin.
    transfers: VecDeque<usize>,
    /// Accepted links that have not finished their handshake, oldest first: (slot, serial).
    handshakes: VecDeque<(usize, u64)>,

    /// Whether a timer is set to give the buffers of idle links back.
    rest_is_due: bool,
    next_serial: u64,
    released: Vec<Reply<()>>,
    release_requested: bool,
    shutdown: Option<(Instant, Vec<Reply<()>>)>,
    finished: bool,
    /// Kept between turns for their capacity.
    commands: Vec<Command>,
    marks: Vec<usize>,
}

impl<W: World> Pump<W> {
    pub(crate) fn new(
        world: W,
        mailbox: Arc<Mailbox<Command>>,
        alarms: Arc<Alarms>,
        now: Instant,
    ) -> Self {
        Pump {
            world,
            now,
            mailbox,
            alarms,
            timers: Timers::default(),
            hubs: Slab::new(),
            links: Slab::new(),
            listeners: Slab::new(),
            dialers: Slab::new(),
            names: HashMap::new(),
            rooms: Vec::new(),
            dry: Vec::new(),
            readers: VecDeque::new(),
            senders: VecDeque::new(),
            flushers: VecDeque::new(),
            transfers: VecDeque::new(),
            handshakes: VecDeque::new(),
            rest_is_due: false,
            next_serial: 1,
            released: Vec::new(),
            release_requested: false,
            shutdown: None,
            finished: false,
            commands: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// One turn: what was asked, what arrived, what is to go, what is due. Never blocks.
    pub(crate) fn turn(&mut self, now: Instant, events: &[Readiness]) {
        self.now = now;
        self.obey();
        for event in events {
            self.note(*event);
        }
        self.read_all();
        self.send_all();
        self.transfer_all();
        self.wet();
        self.flush_all();
        self.fire(now);
        self.settle();
    }

    /// Whether there is work left that needs no event from outside.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.readers.is_empty()
            && self.senders.is_empty()
            && self.flushers.is_empty()
            && self.transfers.is_empty())
    }

    /// When to turn again although nothing happened.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.timers.next(), self.alarms.earliest()) {
            (Some(timer), Some(alarm)) => Some(timer.min(alarm)),
            (timer, alarm) => timer.or(alarm),
        }
    }

    /// Whether this pump will do nothing any more.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    #[cfg(test)]
    pub(crate) fn world(&mut self) -> &mut W {
        &mut self.world
    }

    fn obey(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        let mut marks = std::mem::take(&mut self.marks);
        self.mailbox.collect(&mut commands, &mut marks);
        for command in commands.drain(..) {
            self.command(command);
        }
        for slot in marks.drain(..) {
            self.look_after(slot);
        }
        self.commands = commands;
        self.marks = marks;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Open {
                kind,
                options,
                keepalive,
                reply,
            } => {
                reply.send(self.open(kind, options, keepalive));
            }
            Command::Bind {
                hub,
                endpoint,
                reply,
            } => {
                let answer = match self.find(hub) {
                    Some(slot) => self.bind(slot, &endpoint),
                    None => Err(BindError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Connect {
                hub,
                endpoint,
                reply,
            } => {
                let answer = match self.find(hub) {
                    Some(slot) => {
                        self.dial(slot, endpoint);
                        Ok(())
                    }
                    None => Err(ConnectError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Unbind {
                hub,
                endpoint,
                reply,
            } => {
                let answer = match self.find(hub) {
                    Some(slot) => {
                        self.send_first(slot);
                        self.unbind(slot, &endpoint)
                    }
                    None => Err(DetachError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Disconnect {
                hub,
                endpoint,
                reply,
            } => {
                let answer = match self.find(hub) {
                    Some(slot) => {
                        self.send_first(slot);
                        self.hang_up(slot, &endpoint)
                    }
                    None => Err(DetachError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Subscribe { hub, prefix, reply } => {
                let answer = self.with_pattern(hub, |pattern, outlet| {
                    pattern.subscribe(prefix, outlet);
                });
                reply.send(answer.ok_or(SubscribeError::Disconnected));
            }
            Command::Unsubscribe { hub, prefix, reply } => {
                let answer = self.with_pattern(hub, |pattern, outlet| {
                    pattern.unsubscribe(prefix, outlet);
                });
                reply.send(answer.ok_or(SubscribeError::Disconnected));
            }
            Command::Close { hub, reply } => match self.find(hub) {
                Some(slot) => self.close(slot, Some(reply)),
                None => reply.send(Closed::default()),
            },
            Command::Resolved { ticket, targets } => self.resolved(ticket, targets),
            Command::Release { reply } => {
                self.released.push(reply);
                self.release_requested = true;
            }
            Command::Shutdown { grace, reply } => self.begin_shutdown(grace, reply),
        }
    }

    /// A socket's user did something that its hub should know: messages in an empty `in`, room
    /// in a full `out`, or the end of the last handle.
    fn look_after(&mut self, slot: usize) {
        let Some(hub) = self.hubs.get(slot) else {
            return;
        };
        if hub.ports.close_requested() {
            self.close(slot, None);
        }
        self.resume(slot);
        self.schedule_send(slot);
    }

    /// Records that a source is ready and gives it a place in this turn.
    fn note(&mut self, event: Readiness) {
        match event.source {
            Source::Link(slot) => self.note_link(slot, event),
            Source::Listener(slot) => self.accept_from(slot),
        }
    }

    fn fire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Link(slot) => self.link_is_due(slot),
                Timer::Dialer(slot) => self.dialer_is_due(slot),
                Timer::Listener(slot) => self.accept_from(slot),
                Timer::Hub(slot) => self.linger_is_over(slot),
                Timer::Rest => self.rest_idle(),
                Timer::Shutdown => {}
            }
        }
        self.alarms.fire(now);
    }

    fn find(&self, hub: HubId) -> Option<usize> {
        let found = self.hubs.get(hub.slot)?;
        (found.serial == hub.serial).then_some(hub.slot)
    }

    fn serial(&mut self) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        serial
    }

    fn open(
        &mut self,
        kind: SocketType,
        options: Options,
        keepalive: Keepalive,
    ) -> Result<Opened, SocketError> {
        if self.shutdown.is_some() {
            return Err(SocketError::Terminated);
        }
        let serial = self.serial();
        let entry = self.hubs.vacant_entry();
        let slot = entry.key();
        let hook: Arc<dyn Hook> = Arc::new(HubHook::new(Arc::clone(&self.mailbox), slot));
        let (sending, receiving) = (kind.sends(), kind.receives());
        let (ports, holder) = Ports::open(PortsSetup {
            inward: sending.then_some((options.send_high_water_mark, options.send_overflow)),
            outward: receiving
                .then_some((options.receive_high_water_mark, options.receive_overflow)),
            alternating: kind == SocketType::Rep,
            alarms: Arc::clone(&self.alarms),
            keepalive,
            hook,
        });
        entry.insert(Hub::new(serial, kind, options, ports)?);
        if self.rooms.len() <= slot {
            self.rooms.resize_with(slot + 1, Room::default);
        }
        self.rooms[slot] = Room::default();
        self.refresh_room(slot);
        // Leaves the consumer hook armed, so that the first message marks the hub.
        self.schedule_send(slot);
        Ok((HubId { slot, serial }, holder))
    }
}
