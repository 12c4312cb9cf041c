//! Floor 3: the only one that touches the world. A pump owns its sockets' sockets, pipes,
//! listeners and dialers; one thread at a time drives it, or a test does. That is the pump's own
//! thread or, while it sleeps, a thread that sends and has the time, or one that waits for it
//! ([`Driver`](crate::channel::Driver)).
//!
//! [`Pump::turn`] decides everything, with time and readiness as arguments, and never blocks:
//! commands, reads, sends, transfers, flushes, timers, each within a budget. The pump's thread only
//! sleeps between turns. A pump waits for no user: a full `out` stops the reading of that
//! socket's pipes until the user's pop marks the socket again; then they are served in turn
//! ([`fair_queue`]).

mod dialer;
mod egress;
mod env;
mod fair_queue;
mod handshakes;
mod ingress;
mod listener;
mod observe;
pub(crate) mod os;
mod pipe;
mod resolver;
pub(crate) mod runner;
mod shutdown;
#[cfg(test)]
mod sim;
mod socket;
mod tasks;
#[cfg(test)]
mod tests;
mod timers;
mod token;
pub(crate) mod transport;
mod zap;

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::channel::{
    Alarms, Feed, FrameRule, Holder, Mailbox, Names, Ports, PortsSetup, Reply, Routes, Seat, Seats,
    Spin,
};
use crate::endpoint::Endpoint;
use crate::error::{
    BindError, ConfigureError, ConnectError, DetachError, GroupError, PumpFailure, SocketError,
    SubscribeError,
};
use crate::event::{Event, EventSet};
use crate::message::{Frame, Message};
use crate::options::Options;
use crate::pattern::{PeerIntro, Upstream, REPLY_ENVELOPE, REQUEST_ENVELOPE};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::statistics::Statistics;

use dialer::Dialer;
use env::{Env, Readiness, Source};
use fair_queue::Room;
use handshakes::Handshakes;
use listener::Listening;
pub(crate) use observe::wait::Awaited;
/// The name that the context knows the pumps of the operating system by.
pub(crate) use os as net;
#[cfg(feature = "curve")]
pub(crate) use os::entropy;
use pipe::cross_pump::End;
use pipe::Pipe;
use socket::{routes_are_mandatory, SocketState};
pub(crate) use tasks::Task;
use timers::{Timer, Timers};
use token::Token;
pub use transport::BoundListener;
use transport::Target;

/// Names a socket on its pump: the slot may be reused, the serial number is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId {
    pub(crate) slot: usize,
    pub(crate) serial: u64,
}

/// What [`Command::Open`] answers: the socket's number and the first hold on its channels.
pub(crate) type Opened = (SocketId, Holder);

/// What a socket's handles keep alive: their context.
pub(crate) type Keepalive = Arc<dyn Any + Send + Sync>;

/// What the pumps of one context share, and which of them one is.
#[derive(Clone)]
pub(crate) struct Company {
    pub(crate) pump: usize,
    /// Who is bound to an inproc name.
    pub(crate) names: Arc<Names<Bound, Arc<Mailbox<Command>>>>,
    /// How blocking calls may spin.
    pub(crate) spin: Spin,
    /// What accepted connections sit on.
    pub(crate) connections: Arc<Seats>,
    /// Accepted connections of one pump, at most, whose handshake is not finished.
    pub(crate) max_handshakes: usize,
}

/// Who is bound to an inproc name.
#[derive(Clone)]
pub(crate) struct Bound {
    pump: usize,
    mailbox: Arc<Mailbox<Command>>,
    /// A slot of that pump's listeners.
    listener: usize,
    kind: SocketType,
}

/// The most unfinished handshakes of a pump unless the user says otherwise: a flood of several
/// thousand silent connections a second, all from one address, does not lock out a peer of that address
/// whose first bytes take a third of a second.
pub(crate) const MAX_HANDSHAKES: usize = 4096;

/// How a socket ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Messages that were accepted, but were not on the wire as a whole when the socket ended:
    /// because its linger was over, because they were lost with a connection after
    /// [`close`](crate::Socket::close) was called, or because no peer can come for them any more.
    /// Publishers count each copy. What was lost before is in the
    /// [statistics](crate::Statistics#structfield.dropped) only.
    pub undelivered: u64,
    /// Why the pump has failed, if it has: then `undelivered` is what it had not reported as sent.
    pub failure: Option<PumpFailure>,
}

impl Closed {
    /// Of a socket whose pump gives no answer, because it has ended before.
    pub(crate) fn without_answer(ports: &Ports) -> Closed {
        let failure = ports.health().failure();
        // What a forked process shares, the other one sends.
        let is_lost = matches!(failure, Some(PumpFailure::Panicked(_)));
        let unreported = ports.inward().filter(|_| is_lost);
        Closed {
            undelivered: unreported.map_or(0, |inward| inward.used() as u64),
            failure,
        }
    }
}

/// How the end of a context's sockets is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Release {
    /// How long they may take at most: then those that are closing are ended.
    pub(crate) limit: Option<Duration>,
    /// Whether those that are open are closed.
    pub(crate) closes: bool,
    /// Whether the pump ends once no socket is left.
    pub(crate) ends: bool,
}

/// What users ask of a pump. Each command has an answer slot of its own.
pub(crate) enum Command {
    Open {
        kind: SocketType,
        options: Arc<Options>,
        keepalive: Keepalive,
        /// One of the sockets the context may have; the socket sits on it until it has ended.
        seat: Seat,
        reply: Reply<Result<Opened, SocketError>>,
    },
    Bind {
        socket: SocketId,
        endpoint: Endpoint,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    /// Take over a listener.
    Adopt {
        socket: SocketId,
        listener: BoundListener,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    Connect {
        socket: SocketId,
        endpoint: Endpoint,
        reply: Reply<Result<(), ConnectError>>,
    },
    /// Connects to a peer that has this name from now on, or one that is made up.
    ConnectPeer {
        socket: SocketId,
        endpoint: Endpoint,
        name: Option<RoutingId>,
        reply: Reply<Result<RoutingId, ConnectError>>,
    },
    DisconnectPeer {
        socket: SocketId,
        peer: RoutingId,
        reply: Reply<Result<(), DetachError>>,
    },
    Unbind {
        socket: SocketId,
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Disconnect {
        socket: SocketId,
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Subscribe {
        socket: SocketId,
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Unsubscribe {
        socket: SocketId,
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    /// What the peer gets that the message with this tag came from (XPUB).
    Decide {
        socket: SocketId,
        tag: u64,
        decision: Upstream,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Join {
        socket: SocketId,
        group: Frame,
        reply: Reply<Result<(), GroupError>>,
    },
    Leave {
        socket: SocketId,
        group: Frame,
        reply: Reply<Result<(), GroupError>>,
    },
    Topics {
        socket: SocketId,
        reply: Reply<usize>,
    },
    Options {
        socket: SocketId,
        reply: Reply<Arc<Options>>,
    },
    /// Sets the options, if `seen` is still what they are; answers whether it was.
    Configure {
        socket: SocketId,
        seen: Arc<Options>,
        options: Arc<Options>,
        reply: Reply<Result<bool, ConfigureError>>,
    },
    /// No answer comes from a socket that is closed.
    Watch {
        socket: SocketId,
        events: EventSet,
        capacity: usize,
        reply: Reply<Feed<Event>>,
    },
    Statistics {
        socket: SocketId,
        reply: Reply<Statistics>,
    },
    /// Answers when so many peers are there; no answer comes from a socket that is closed.
    Await {
        socket: SocketId,
        awaited: Awaited,
        peers: usize,
        reply: Reply<()>,
    },
    Close {
        socket: SocketId,
        reply: Reply<Closed>,
    },
    /// Sees a task through to its end.
    Spawn { task: Task },
    /// A name was looked up for the dialers behind `tickets`.
    Resolved {
        tickets: Vec<u64>,
        targets: io::Result<Vec<Target>>,
    },
    /// Somebody bound an inproc name that a dialer of this pump waits for.
    NameAppeared { name: String },
    /// A dialer of another pump wants a pipe with whoever is bound to an inproc name here.
    Cross {
        name: String,
        kind: SocketType,
        intro: PeerIntro,
        end: End,
    },
    /// Answer once no socket is closing.
    Release {
        release: Release,
        reply: Reply<Closed>,
    },
    /// The context ends: everything pending returns `Terminated`. Where there are several pumps
    /// all have done this before the first one [ends](Command::Shutdown), so that the end of a
    /// socket is not seen as a loss by its peers here.
    Terminate { reply: Reply<()> },
    /// End now: flush what can be flushed within `grace`, then drop everything.
    Shutdown { grace: Duration, reply: Reply<()> },
}

/// One reading slice of a pipe: enough to batch, small enough that a pipe with a large
/// message does not delay its neighbours noticeably (about 50 µs of copying).
const READ_BUDGET: usize = 256 * 1024;

/// So many bytes read for one message or batch, in no more than this time: that is better done by
/// one thread while another works on what came before.
const HEAVY: u64 = 2 * READ_BUDGET as u64;
const HEAVY_TIME: Duration = Duration::from_millis(10);

/// Messages one socket sends in a turn before others have theirs.
const SEND_BUDGET: usize = 1024;

/// A pump: what one thread does for its sockets.
pub(crate) struct Pump<E: Env> {
    env: E,
    now: Instant,
    mailbox: Arc<Mailbox<Command>>,
    alarms: Arc<Alarms>,
    timers: Timers,

    sockets: Slab<SocketState>,
    pipes: Slab<Pipe<E::Stream>>,
    listeners: Slab<Listening<E::Listener>>,
    dialers: Slab<Dialer>,
    company: Company,
    /// Room in each socket's `out`, by slot: apart from the sockets, so that a pattern that sends can
    /// reserve room in the socket at the other end of an inproc pipe.
    rooms: Vec<Room>,
    /// Hubs that turned out to have no room when an inproc peer wanted to send.
    to_resume: Vec<usize>,
    /// Pipes that patterns wanted to end: (slot, serial).
    dismissed: Vec<(usize, u64)>,
    /// Hubs that are closing.
    closing: Vec<usize>,
    /// Hubs somebody waits for the peers of.
    awaited: Vec<usize>,
    /// What came of questions about peers.
    answered: Vec<zap::Answered>,

    /// Pipes with something to read and room to read it.
    readers: VecDeque<usize>,
    /// Hubs whose `in` may hold messages that have somewhere to go.
    senders: VecDeque<usize>,
    /// Pipes with something to write.
    flushers: VecDeque<usize>,
    /// Inproc pipes with something for their twin.
    transfers: VecDeque<usize>,
    /// Accepted pipes that have not finished their handshake.
    handshakes: Handshakes,

    tasks: Slab<tasks::Running>,
    /// Tasks that were woken.
    runnable: VecDeque<usize>,

    /// Bytes read from connections so far.
    bytes_in: u64,
    /// Bytes written to connections so far.
    bytes_out: u64,
    /// Whether more is likely to arrive soon on the connection that was read last.
    expects_more: bool,
    /// Whether a timer is set to give the buffers of idle pipes back.
    shrink_is_due: bool,
    next_serial: u64,
    released: Vec<socket::close::Released>,
    release_requested: bool,
    /// Messages of sockets that have ended which were undelivered.
    undelivered: u64,
    shutdown: Option<(Option<Instant>, Vec<Reply<()>>)>,
    finished: bool,
    /// Kept between turns for their capacity.
    commands: Vec<Command>,
    marks: Vec<usize>,
}

impl<E: Env> Pump<E> {
    pub(crate) fn new(
        env: E,
        mailbox: Arc<Mailbox<Command>>,
        alarms: Arc<Alarms>,
        now: Instant,
        company: Company,
    ) -> Self {
        Pump {
            env,
            now,
            mailbox,
            alarms,
            timers: Timers::default(),
            sockets: Slab::new(),
            pipes: Slab::new(),
            listeners: Slab::new(),
            dialers: Slab::new(),
            company,
            rooms: Vec::new(),
            to_resume: Vec::new(),
            dismissed: Vec::new(),
            closing: Vec::new(),
            awaited: Vec::new(),
            answered: Vec::new(),
            readers: VecDeque::new(),
            senders: VecDeque::new(),
            flushers: VecDeque::new(),
            transfers: VecDeque::new(),
            handshakes: Handshakes::default(),
            tasks: Slab::new(),
            runnable: VecDeque::new(),
            bytes_in: 0,
            bytes_out: 0,
            expects_more: false,
            shrink_is_due: false,
            next_serial: 1,
            released: Vec::new(),
            release_requested: false,
            undelivered: 0,
            shutdown: None,
            finished: false,
            commands: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// One turn: what was asked, what arrived, what is to go, what is due. Never blocks.
    pub(crate) fn turn(&mut self, now: Instant, events: &[Readiness]) {
        self.now = now;
        self.take_commands();
        for event in events {
            self.note(*event);
        }
        self.read_all();
        self.resume_all();
        self.run_tasks();
        self.send_all();
        self.transfer_all();
        self.apply_judgements();
        self.dismiss_all();
        self.resume_all();
        self.flush_all();
        self.fire(now);
        self.answer_waits();
        self.settle();
    }

    /// Whether there is work left that needs no event from outside.
    pub(crate) fn is_busy(&self) -> bool {
        !(self.readers.is_empty()
            && self.senders.is_empty()
            && self.flushers.is_empty()
            && self.transfers.is_empty()
            && self.runnable.is_empty()
            && self.to_resume.is_empty()
            && self.dismissed.is_empty()
            && self.answered.is_empty())
    }

    /// Whether there is work left that cannot wait for a thread that has just been called by this
    /// pump, and will be back for more: anything but a slice of what may be that thread's own.
    pub(crate) fn is_pressed(&self) -> bool {
        let slices =
            self.readers.len() + self.senders.len() + self.transfers.len() + self.to_resume.len();
        slices > 2
            || !(self.flushers.is_empty()
                && self.runnable.is_empty()
                && self.dismissed.is_empty()
                && self.answered.is_empty())
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

    /// The channels of all sockets.
    fn all_ports(&self) -> Vec<Arc<Ports>> {
        let sockets = self.sockets.iter();
        sockets
            .map(|(_, socket)| Arc::clone(&socket.ports))
            .collect()
    }

    #[cfg(test)]
    pub(crate) fn env(&mut self) -> &mut E {
        &mut self.env
    }

    fn take_commands(&mut self) {
        let mut commands = std::mem::take(&mut self.commands);
        let mut marks = std::mem::take(&mut self.marks);
        self.mailbox.collect(&mut commands, &mut marks);
        for command in commands.drain(..) {
            self.command(command);
        }
        for mark in marks.drain(..) {
            match Token::from_token(mark) {
                Token::Socket(slot) => self.socket_notified(slot),
                Token::Pipe(slot) => self.feed(slot),
                Token::Task(slot) => self.run_later(slot),
            }
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
                seat,
                reply,
            } => {
                reply.send(self.open(kind, options, keepalive, seat));
            }
            Command::Bind {
                socket,
                endpoint,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => self.bind(slot, &endpoint),
                    None => Err(BindError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Adopt {
                socket,
                listener,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => self.adopt(slot, listener),
                    None => Err(BindError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Connect {
                socket,
                endpoint,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => self.dial(slot, endpoint, None),
                    None => Err(ConnectError::Disconnected),
                };
                reply.send(answer);
            }
            Command::ConnectPeer {
                socket,
                endpoint,
                name,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => self.dial_peer(slot, endpoint, name),
                    None => Err(ConnectError::Disconnected),
                };
                reply.send(answer);
            }
            Command::DisconnectPeer {
                socket,
                peer,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => {
                        self.send_first(slot);
                        self.disconnect_peer(slot, &peer)
                    }
                    None => Err(DetachError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Unbind {
                socket,
                endpoint,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => {
                        self.send_first(slot);
                        self.unbind(slot, &endpoint)
                    }
                    None => Err(DetachError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Disconnect {
                socket,
                endpoint,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => {
                        self.send_first(slot);
                        self.disconnect(slot, &endpoint)
                    }
                    None => Err(DetachError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Subscribe {
                socket,
                prefix,
                reply,
            } => {
                let answer = self.with_pattern(socket, |pattern, outlet| {
                    pattern.subscribe(prefix.clone(), outlet);
                });
                self.discard_unwanted(socket, &prefix);
                reply.send(answer.ok_or(SubscribeError::Disconnected));
            }
            Command::Unsubscribe {
                socket,
                prefix,
                reply,
            } => {
                let answer = self.with_pattern(socket, |pattern, outlet| {
                    pattern.unsubscribe(prefix.clone(), outlet);
                });
                self.discard_unwanted(socket, &prefix);
                reply.send(answer.ok_or(SubscribeError::Disconnected));
            }
            Command::Decide {
                socket,
                tag,
                decision,
                reply,
            } => {
                let answer = self.with_pattern(socket, |pattern, outlet| {
                    outlet.interests_changed();
                    pattern.decide(tag, decision)
                });
                reply.send(answer.unwrap_or(Err(SubscribeError::Disconnected)));
            }
            Command::Join {
                socket,
                group,
                reply,
            } => {
                let answer =
                    self.with_pattern(socket, |pattern, outlet| pattern.join(group, outlet));
                reply.send(answer.unwrap_or(Err(GroupError::Disconnected)));
            }
            Command::Leave {
                socket,
                group,
                reply,
            } => {
                let answer = self.with_pattern(socket, |pattern, outlet| {
                    pattern.leave(group.clone(), outlet)
                });
                self.discard_unwanted(socket, &group);
                reply.send(answer.unwrap_or(Err(GroupError::Disconnected)));
            }
            Command::Topics { socket, reply } => {
                // Without an answer the handle knows that the socket is closed.
                if let Some(topics) = self.with_pattern(socket, |pattern, _| pattern.topics()) {
                    reply.send(topics);
                }
            }
            Command::Options { socket, reply } => {
                // Without an answer the handle knows that the socket is closed.
                if let Some(socket) = self.find(socket).and_then(|slot| self.sockets.get(slot)) {
                    reply.send(Arc::clone(&socket.options));
                }
            }
            Command::Configure {
                socket,
                seen,
                options,
                reply,
            } => {
                let answer = match self.find(socket) {
                    Some(slot) => self.configure(slot, &seen, options),
                    None => Err(ConfigureError::Disconnected),
                };
                reply.send(answer);
            }
            Command::Watch {
                socket,
                events,
                capacity,
                reply,
            } => {
                let slot = self.find(socket);
                if let Some(feed) = slot.and_then(|slot| self.watch(slot, events, capacity)) {
                    reply.send(feed);
                }
            }
            Command::Statistics { socket, reply } => {
                let slot = self.find(socket);
                if let Some(statistics) = slot.and_then(|slot| self.statistics(slot)) {
                    reply.send(statistics);
                }
            }
            Command::Await {
                socket,
                awaited,
                peers,
                reply,
            } => {
                if let Some(slot) = self.find(socket) {
                    self.await_peers(slot, awaited, peers, reply);
                }
            }
            Command::Close { socket, reply } => match self.find(socket) {
                Some(slot) => self.close(slot, Some(reply)),
                None => reply.send(Closed::default()),
            },
            Command::Spawn { task } => self.spawn(task),
            Command::Resolved { tickets, targets } => self.resolved(&tickets, targets),
            Command::NameAppeared { name } => self.name_appeared(&name),
            Command::Cross {
                name,
                kind,
                intro,
                end,
            } => self.accept_across(&name, kind, &intro, end),
            Command::Release { release, reply } => self.release_sockets(release, reply),
            Command::Terminate { reply } => {
                self.terminate();
                reply.send(());
            }
            Command::Shutdown { grace, reply } => self.begin_shutdown(grace, reply),
        }
    }

    /// A socket's user did something that its socket should know: messages in an empty `in`, room
    /// in a full `out`, or the end of the last handle.
    fn socket_notified(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.ports.close_requested() && socket.closing.is_none() {
            // Who closes it asks for an answer before, but that may have come too late for this
            // turn: it is seen in the next one, and must find the socket.
            if std::mem::replace(&mut socket.close_noticed, true) {
                self.close(slot, None);
            } else {
                self.mailbox.mark(Token::Socket(slot).token());
            }
        }
        if self.is_awaited(slot) {
            self.to_resume.push(slot);
        }
        self.send_later(slot);
    }

    /// Records that a source is ready and gives it a place in this turn.
    fn note(&mut self, event: Readiness) {
        match event.source {
            Source::Pipe(slot) => self.pipe_is_ready(slot, event),
            Source::Listener(slot) => self.accept_from(slot),
        }
    }

    fn fire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Pipe(slot) => self.pipe_is_due(slot),
                Timer::Dialer(slot) => self.dialer_is_due(slot),
                Timer::Listener(slot) => self.accept_from(slot),
                Timer::Socket(slot) => self.linger_is_over(slot),
                Timer::Shrink => self.shrink_idle(),
                Timer::Shutdown => {}
            }
        }
        self.alarms.fire(now);
    }

    fn find(&self, socket: SocketId) -> Option<usize> {
        let found = self.sockets.get(socket.slot)?;
        (found.serial == socket.serial).then_some(socket.slot)
    }

    fn serial(&mut self) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        serial
    }

    fn open(
        &mut self,
        kind: SocketType,
        options: Arc<Options>,
        keepalive: Keepalive,
        seat: Seat,
    ) -> Result<Opened, SocketError> {
        if self.shutdown.is_some() {
            return Err(SocketError::Terminated);
        }
        let serial = self.serial();
        let luck = self.env.random() as u32;
        let slot = self.sockets.vacant_key();
        let mark = Token::Socket(slot);
        let (sending, receiving) = (kind.sends(), kind.receives());
        let (ports, holder) = Ports::open(PortsSetup {
            inward: sending.then_some((options.send_high_water_mark, options.send_overflow)),
            outward: receiving
                .then_some((options.receive_high_water_mark, options.receive_overflow)),
            alternating: kind == SocketType::Rep,
            relaxed: (kind == SocketType::Req).then_some(options.req_relaxed),
            frames: frame_rule(kind),
            routes: kind
                .addresses_peers()
                .then(|| Routes::new(routes_are_mandatory(kind, &options))),
            recalling: kind == SocketType::XPub,
            spin: self.company.spin.clone(),
            alarms: Arc::clone(&self.alarms),
            health: Arc::clone(self.mailbox.health()),
            keepalive,
            errand: mark.errand(&self.mailbox),
            hook: mark.hook(&self.mailbox),
        });
        let mut socket = SocketState::new(serial, kind, options, ports, luck)?;
        socket.seat = Some(seat);
        let filled = self.install(socket);
        debug_assert_eq!(filled, slot);
        Ok((SocketId { slot, serial }, holder))
    }

    /// Takes a new socket in and gives it its slot.
    fn install(&mut self, socket: SocketState) -> usize {
        socket.fit_capacities();
        let slot = self.sockets.insert(socket);
        if self.rooms.len() <= slot {
            self.rooms.resize_with(slot + 1, Room::default);
        }
        self.rooms[slot] = Room::default();
        self.refresh_room(slot);
        // Leaves the consumer hook armed, so that the first message marks the socket.
        self.send_later(slot);
        slot
    }
}

/// How many frames a message has to have that is sent on a socket of this type: the thread-safe
/// types have no multipart messages, and what they address a message by is a separate frame. No
/// peer takes more than [`Message::MAX_FRAMES`], those that the socket puts in front included.
fn frame_rule(kind: SocketType) -> FrameRule {
    match kind {
        SocketType::Client | SocketType::Scatter | SocketType::Channel => FrameRule::Exactly(1),
        SocketType::Server | SocketType::Peer => FrameRule::Exactly(2),
        SocketType::Radio => FrameRule::Grouped,
        // One frame says who the message is for.
        SocketType::Router => FrameRule::AtMost(Message::MAX_FRAMES + 1),
        SocketType::Req => FrameRule::AtMost(Message::MAX_FRAMES - REQUEST_ENVELOPE),
        SocketType::Rep => FrameRule::AtMost(Message::MAX_FRAMES - REPLY_ENVELOPE),
        // On the wire there are no frames.
        SocketType::Stream => FrameRule::AtMost(usize::MAX),
        SocketType::Pair
        | SocketType::Pub
        | SocketType::Sub
        | SocketType::Dealer
        | SocketType::Pull
        | SocketType::Push
        | SocketType::XPub
        | SocketType::XSub
        | SocketType::Dish
        | SocketType::Gather => FrameRule::AtMost(Message::MAX_FRAMES),
    }
}
