//! Floor 4: the only one that performs I/O. A pump owns its sockets, their pipes, listeners and
//! dialers; one thread at a time drives it, or a test does. That is the pump's own thread or, while
//! it sleeps, a thread that sends and assists, or one that waits for it and leads
//! ([`Driver`](crate::driver::Driver)).
//!
//! [`Pump::turn`] does all the work, with time and readiness as arguments, and never blocks:
//! commands, reads, sends, transfers, flushes, timers, each within a budget. The pump's thread only
//! sleeps between turns. A pump never waits for a user: while `out` is full, that socket's pipes
//! are not read until the user's pop posts the socket's token; then they are served in turn
//! ([`fair_queue`]).
//!
//! What a turn does, file by file: [`command`] executes commands; [`ingress`] reads and [`egress`]
//! sends, over the [pipes](pipe) between [sockets](socket) and their peers; [`fan_in`] assigns the
//! room in `out`; [`dialer`] and [`listener`] make connections, and [`zap`] authenticates them;
//! [`observe`] reports to users; [`shutdown`] ends the pump. [`env`](mod@env) is the interface to
//! the system, [`os`] its implementation.

mod command;
mod counts;
#[cfg(unix)]
pub(crate) mod descriptor;
mod dialer;
mod drain;
mod egress;
mod env;
mod fair_queue;
mod fan_in;
mod handshakes;
mod ingress;
mod listener;
mod observe;
mod observers;
pub(crate) mod os;
mod pipe;
mod queues;
mod ready;
mod resolver;
pub(crate) mod runner;
mod shared;
mod shrink;
mod shutdown;
mod signal;
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

use std::sync::Arc;
use std::time::Instant;

use slab::Slab;

use crate::driver::{Mailbox, Traffic};
use crate::error::{Closed, SocketError};
use crate::options::Options;
use crate::port::{KnownPeers, Ports, PortsSetup};
use crate::socket_type::SocketType;
use crate::sync::permits::Permit;
use crate::sync::timeouts::Alarms;

pub use command::CloseReport;
pub(crate) use command::{Awaited, Command, Keepalive, Opened, Release, SocketCommand, SocketId};
use dialer::Dialer;
use env::{Env, Readiness, Source};
use fair_queue::FairQueue;
use handshakes::Handshakes;
use listener::Listening;
#[cfg(feature = "curve")]
pub(crate) use os::entropy;
use pipe::Pipe;
use queues::Queues;
use shared::Bound;
pub(crate) use shared::PumpShared;
use shutdown::Ending;
use socket::{frame_rule, routes_are_mandatory, SocketState};
use timers::{Timer, Timers};
use token::Token;
pub use transport::BoundListener;

/// A pump: the state of an event loop that serves its sockets.
pub(crate) struct Pump<E: Env> {
    env: E,
    now: Instant,
    mailbox: Arc<Mailbox<Command>>,
    alarms: Arc<Alarms>,
    timers: Timers,
    shared: PumpShared,
    next_serial: u64,

    sockets: Slab<SocketState>,
    pipes: Slab<Pipe<E::Stream>>,
    listeners: Slab<Listening<E::Listener, E::Stream>>,
    dialers: Slab<Dialer>,
    tasks: Slab<tasks::Running>,
    /// Room in each socket's `out`, by slot: apart from the sockets, so that a pattern that sends
    /// can reserve room in the socket at the other end of an inproc pipe.
    fair_queues: Vec<FairQueue>,
    /// Accepted pipes that have not finished their handshake.
    handshakes: Handshakes,
    /// Work for a later step or turn.
    queues: Queues,
    /// Amounts read and written so far.
    traffic: Traffic,
    ending: Ending,
}

impl<E: Env> Pump<E> {
    pub(crate) fn new(
        env: E,
        mailbox: Arc<Mailbox<Command>>,
        alarms: Arc<Alarms>,
        now: Instant,
        shared: PumpShared,
    ) -> Self {
        Pump {
            env,
            now,
            mailbox,
            alarms,
            timers: Timers::default(),
            shared,
            next_serial: 1,
            sockets: Slab::new(),
            pipes: Slab::new(),
            listeners: Slab::new(),
            dialers: Slab::new(),
            tasks: Slab::new(),
            fair_queues: Vec::new(),
            handshakes: Handshakes::default(),
            queues: Queues::default(),
            traffic: Traffic::default(),
            ending: Ending::default(),
        }
    }

    /// One turn: commands, reads, sends, timers. Never blocks.
    pub(crate) fn turn(&mut self, now: Instant, events: &[Readiness]) {
        self.now = now;
        self.take_commands();
        for event in events {
            self.source_is_ready(*event);
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
        self.fire_timers(now);
        self.answer_waits();
        self.settle();
    }

    /// Whether there is work left that needs no event from outside.
    pub(crate) fn is_busy(&self) -> bool {
        self.queues.is_busy()
    }

    /// Whether there is work left that cannot wait for a thread that this pump has just woken and
    /// that will be back soon: anything but a slice that may belong to that thread.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queues.is_pressed()
    }

    /// When the next turn is due, even without events.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (self.timers.next(), self.alarms.earliest()) {
            (Some(timer), Some(alarm)) => Some(timer.min(alarm)),
            (timer, alarm) => timer.or(alarm),
        }
    }

    /// Whether this pump has ended and does no more work.
    pub(crate) fn is_finished(&self) -> bool {
        self.ending.is_finished()
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
        let mut commands = std::mem::take(&mut self.queues.commands);
        let mut tokens = std::mem::take(&mut self.queues.tokens);
        self.mailbox.collect(&mut commands, &mut tokens);
        for command in commands.drain(..) {
            self.execute(command);
        }
        for token in tokens.drain(..) {
            match Token::from_number(token) {
                Token::Socket(slot) => self.socket_notified(slot),
                Token::Pipe(slot) => self.read_later(slot),
                Token::Task(slot) => self.run_later(slot),
            }
        }
        self.queues.commands = commands;
        self.queues.tokens = tokens;
    }

    /// A socket's token was posted because of its user: messages in an empty `in`, room in a full
    /// `out`, or the last handle was dropped.
    fn socket_notified(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.ports.close_requested() && socket.closing.is_none() {
            // The call that closes the socket posts a command before, but that may have come too
            // late for this turn: it is handled in the next one, and must find the socket.
            if std::mem::replace(&mut socket.close_noticed, true) {
                self.close(slot, None);
            } else {
                self.mailbox.deposit(Token::Socket(slot).number());
            }
        }
        if self.is_awaited(slot) {
            self.queues.to_resume.push(slot);
        }
        self.send_later(slot);
    }

    /// Records that a source is ready and adds it to this turn.
    fn source_is_ready(&mut self, event: Readiness) {
        match event.source {
            Source::Pipe(slot) => self.pipe_is_ready(slot, event),
            Source::Listener(slot) => self.accept_from(slot),
        }
    }

    fn fire_timers(&mut self, now: Instant) {
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
        id: u64,
        kind: SocketType,
        options: Arc<Options>,
        keepalive: Keepalive,
        permit: Permit,
    ) -> Result<Opened, SocketError> {
        if !self.ending.opens_sockets() {
            return Err(SocketError::Closed(Closed::Context));
        }
        let serial = self.serial();
        let random = self.env.random() as u32;
        let slot = self.sockets.vacant_key();
        let token = Token::Socket(slot);
        let (sending, receiving) = (kind.sends(), kind.receives());
        let (ports, holder) = Ports::open(PortsSetup {
            inward: sending.then_some((
                options.queues.send_high_water_mark,
                options.queues.send_overflow,
            )),
            outward: receiving.then_some((
                options.queues.receive_high_water_mark,
                options.queues.receive_overflow,
            )),
            alternating: kind == SocketType::Rep,
            relaxed: (kind == SocketType::Req).then_some(options.routing.req_relaxed),
            frames: frame_rule(kind),
            known_peers: kind
                .addresses_peers()
                .then(|| KnownPeers::new(routes_are_mandatory(kind, &options))),
            recalling: kind == SocketType::XPub,
            wait: self.shared.wait.clone(),
            alarms: Arc::clone(&self.alarms),
            health: Arc::clone(self.mailbox.health()),
            keepalive,
            on_first: token.prompt_hook(&self.mailbox),
            on_room: token.hook(&self.mailbox),
        });
        let mut socket = SocketState::new(serial, kind, options, ports, random)?;
        socket.id = id;
        socket.permit = Some(permit);
        let filled = self.install(socket);
        debug_assert_eq!(filled, slot);
        Ok((SocketId { slot, serial }, holder))
    }

    /// Inserts a new socket into its slot.
    fn install(&mut self, socket: SocketState) -> usize {
        socket.fit_capacities();
        let slot = self.sockets.insert(socket);
        if self.fair_queues.len() <= slot {
            self.fair_queues.resize_with(slot + 1, FairQueue::default);
        }
        self.fair_queues[slot] = FairQueue::default();
        self.refresh_room(slot);
        // Leaves the consumer hook armed, so that the first message posts the socket's token.
        self.send_later(slot);
        slot
    }
}
