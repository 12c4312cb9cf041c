//! One peer of a socket: a connection that speaks ZMTP, or one half of an inproc pair.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::message::Message;
use crate::pattern::{PeerId, PeerIntro, Upstream};
use crate::socket_type::SocketType;
use crate::wire::{CloseReason, Connection};

use super::timers::Timer;
use super::world::World;
use super::Pump;

/// Octets a link stages before its peer counts as full: four writes of 64 KiB keep the kernel
/// busy, and little is at stake when the connection is lost.
const STAGING_LIMIT: usize = 256 * 1024;

/// Links that were idle for so long give the memory of their buffers back. Nobody is woken for
/// links that have been idle since.
const REST_AFTER: Duration = Duration::from_secs(5);

/// How long a link that said goodbye waits for the peer to do so too, so that the kernel does
/// not throw away what is still in flight.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The hub of a link that outlived its socket, or was let go by it.
pub(super) const NO_HUB: usize = usize::MAX;

/// The twin of an inproc link that has none.
pub(super) const NO_LINK: usize = usize::MAX;

pub(super) struct Link<S> {
    pub(super) serial: u64,
    pub(super) hub: usize,
    pub(super) origin: Origin,
    pub(super) path: Path<S>,
    /// Whether the pattern knows this peer.
    pub(super) attached: bool,
    /// Whether the pattern was told that this peer takes nothing now.
    pub(super) blocked: bool,
    pub(super) in_readers: bool,
    pub(super) in_flushers: bool,
    pub(super) leaving: Option<Leaving>,
    /// The soonest timer set for this link.
    pub(super) timer: Option<Instant>,
}

/// Who started a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A dialer of this socket, by slot.
    Dialed(usize),
    /// A listener of this socket, by slot.
    Accepted(usize),
}

/// How a link reaches its peer.
pub(super) enum Path<S> {
    /// Waiting for the world to connect.
    Dialing {
        stream: S,
        deadline: Option<Instant>,
    },
    /// A stream that speaks ZMTP.
    Wire(Box<Wire<S>>),
    /// The other half is a link of this pump too.
    Inproc(Inproc),
    /// The wire is lent out for a moment, to be read from.
    Lent,
}

pub(super) struct Wire<S> {
    pub(super) stream: S,
    pub(super) connection: Connection,
    pub(super) readable: bool,
    /// The end of the stream was announced: it comes after what is still buffered.
    pub(super) read_closed: bool,
    pub(super) writable: bool,
    /// Writing failed. Reading goes on until it fails too: what arrived is not lost.
    pub(super) write_failed: bool,
    /// Whether anything was read since the pump last looked for idle links.
    pub(super) active: bool,
}

impl<S: Read> Wire<S> {
    /// Reads once, straight into the protocol machine's buffer.
    pub(super) fn fill(&mut self, now: Instant) -> io::Result<usize> {
        let room = self.connection.recv_slice();
        let asked = room.len();
        let read = self.stream.read(room)?;
        self.connection.recv_advance(read, now);
        self.active = true;
        // A short read emptied the kernel's buffer; what comes later is a new edge. But the end
        // of the stream may have been announced already, so it is read up to.
        self.readable = read == asked || self.read_closed;
        Ok(read)
    }
}

pub(super) struct Inproc {
    pub(super) twin: usize,
    pub(super) twin_hub: usize,
    pub(super) controls: VecDeque<Upstream>,
    pub(super) queue: VecDeque<Message>,
    pub(super) in_transfers: bool,
}

impl Inproc {
    pub(super) fn new(twin: usize, twin_hub: usize) -> Self {
        Inproc {
            twin,
            twin_hub,
            controls: VecDeque::new(),
            queue: VecDeque::new(),
            in_transfers: false,
        }
    }
}

/// A link that the pattern has let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// What is staged still goes out, until the deadline.
    Flushing(Option<Instant>),
    /// Nothing more will be written; waits for the peer to close.
    Draining(Instant),
}

/// Why a link ends.
#[derive(Debug)]
pub(super) enum Loss {
    /// The peer closed, or the world broke the connection.
    World,
    /// The protocol machine closed it.
    Wire(CloseReason),
    /// The pattern does not take this peer, or not what it said.
    Refused,
    /// Asked for by the user.
    Asked,
}

impl<S> Link<S> {
    pub(super) fn new(serial: u64, hub: usize, origin: Origin, path: Path<S>) -> Self {
        Link {
            serial,
            hub,
            origin,
            path,
            attached: false,
            blocked: false,
            in_readers: false,
            in_flushers: false,
            leaving: None,
            timer: None,
        }
    }

    /// Whether this peer takes no message now.
    pub(super) fn is_full(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => {
                wire.connection.staged_messages() >= limit
                    || (!buffers && wire.connection.staged_octets() >= STAGING_LIMIT)
            }
            Path::Inproc(inproc) => buffers && inproc.queue.len() >= limit,
            Path::Dialing { .. } | Path::Lent => true,
        }
    }

    /// Whether a full peer has drained enough to be worth waking the pattern.
    fn is_roomy(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => {
                wire.connection.staged_messages() <= limit / 2
                    && (buffers || wire.connection.staged_octets() <= STAGING_LIMIT / 2)
            }
            Path::Inproc(_) => true,
            Path::Dialing { .. } | Path::Lent => false,
        }
    }

    /// Takes the wire out for a moment, so that it can be read from while the pattern has the
    /// links.
    pub(super) fn lend_wire(&mut self) -> Option<Box<Wire<S>>> {
        if !matches!(self.path, Path::Wire(_)) {
            return None;
        }
        match std::mem::replace(&mut self.path, Path::Lent) {
            Path::Wire(wire) => Some(wire),
            Path::Dialing { .. } | Path::Inproc(_) | Path::Lent => None,
        }
    }

    /// Messages this link holds on their way out.
    pub(super) fn held(&self) -> usize {
        match &self.path {
            Path::Wire(wire) => wire.connection.staged_messages(),
            Path::Inproc(inproc) => inproc.queue.len(),
            Path::Dialing { .. } | Path::Lent => 0,
        }
    }
}

impl<W: World> Pump<W> {
    /// Takes a new link in and gives it its slot.
    pub(super) fn add_link(&mut self, hub: usize, origin: Origin, path: Path<W::Stream>) -> usize {
        let serial = self.serial();
        let slot = self.links.insert(Link::new(serial, hub, origin, path));
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.links.push(slot);
        }
        slot
    }

    /// A connected stream starts to speak ZMTP.
    pub(super) fn open_wire(&mut self, slot: usize, stream: W::Stream) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Some(hub) = self.hubs.get(link.hub) else {
            return;
        };
        let connection = Connection::new(hub.wire.clone(), self.now);
        link.path = Path::Wire(Box::new(Wire {
            stream,
            connection,
            readable: true,
            read_closed: false,
            writable: true,
            write_failed: false,
            active: false,
        }));
        self.watch_deadline(slot);
        self.feed(slot);
        self.flush_later(slot);
    }

    /// The handshake is done: the pattern meets the peer.
    pub(super) fn attach(&mut self, slot: usize, intro: &PeerIntro) -> bool {
        let Some(link) = self.links.get_mut(slot) else {
            return false;
        };
        let hub = link.hub;
        if self.hubs.get(hub).is_none() {
            return false;
        }
        self.count_peers(hub, true);
        let peer = PeerId(slot as u32);
        let accepted = self
            .pattern_call(hub, |pattern, outlet| {
                pattern.attach(peer, intro, outlet).is_ok()
            })
            .unwrap_or(false);
        if accepted {
            if let Some(link) = self.links.get_mut(slot) {
                link.attached = true;
            }
            self.greet_dialer(slot);
            self.schedule_send(hub);
        } else {
            self.count_peers(hub, false);
        }
        accepted
    }

    /// The pattern forgets the peer; what it had not sent yet goes back or is counted lost.
    pub(super) fn detach(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut link.attached, false) {
            return;
        }
        let hub = link.hub;
        let peer = PeerId(slot as u32);
        self.pattern_call(hub, |pattern, outlet| pattern.detach(peer, outlet));
        self.count_peers(hub, false);
        self.schedule_send(hub);
    }

    /// Takes back what a lost link held: messages of which nothing left go first again.
    fn recover(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let held = link.held();
        if held == 0 {
            return;
        }
        let unsent: Vec<Message> = match &mut link.path {
            Path::Wire(wire) => wire.connection.take_unsent(),
            Path::Inproc(inproc) => {
                let buffers = self.hubs.get(link.hub).is_some_and(|hub| hub.io.buffers);
                if let (Some(room), false) = (self.rooms.get_mut(inproc.twin_hub), buffers) {
                    inproc.queue.iter().for_each(|_| room.redeem());
                }
                inproc.queue.drain(..).collect()
            }
            Path::Dialing { .. } | Path::Lent => Vec::new(),
        };
        let Some(hub) = self.hubs.get_mut(link.hub) else {
            return;
        };
        let lost = if hub.pattern.requeues() {
            let lost = held.saturating_sub(unsent.len());
            for message in unsent.into_iter().rev() {
                let message = hub.pattern.unsend(message);
                hub.io.pending.push_front(message);
            }
            lost
        } else {
            held
        };
        // A lost request is told of by its pattern, which waits for the reply.
        if hub.kind != SocketType::Req {
            hub.io.lost += lost as u64;
        }
        if !hub.io.buffers {
            hub.io.released += lost;
        }
        let hub = link.hub;
        self.settle_credits(hub);
        self.schedule_send(hub);
    }

    /// Ends a link: the pattern forgets it, its dialer tries again if that makes sense.
    pub(super) fn lose(&mut self, slot: usize, loss: Loss) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        let (hub, origin, serial) = (link.hub, link.origin, link.serial);
        self.recover(slot);
        self.detach(slot);
        self.release_twin(slot);
        let Some(mut link) = self.links.try_remove(slot) else {
            return;
        };
        debug_assert_eq!(link.serial, serial);
        match &mut link.path {
            Path::Wire(wire) => self.world.forget(&mut wire.stream),
            Path::Dialing { stream, .. } => self.world.forget(stream),
            Path::Inproc(_) | Path::Lent => {}
        }
        drop(link);
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.links.retain(|&other| other != slot);
            hub.starved.retain(|&other| other != slot);
            if let Origin::Dialed(dialer) = origin {
                self.link_ended(dialer, slot, &loss);
            }
        }
    }

    /// Lets a link go: no new messages, but what is staged goes out until `deadline`.
    pub(super) fn let_go(&mut self, slot: usize, deadline: Option<Instant>) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.leaving.is_some() {
            return;
        }
        let hub = link.hub;
        if !matches!(link.path, Path::Wire(_)) || !link.attached {
            self.lose(slot, Loss::Asked);
            return;
        }
        self.detach(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        // From here on hub and link do not know each other: what the link holds is as good as
        // in the kernel, and no longer counts against the high-water mark.
        link.leaving = Some(Leaving::Flushing(deadline));
        link.hub = NO_HUB;
        let held = link.held();
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.links.retain(|&other| other != slot);
            hub.starved.retain(|&other| other != slot);
            if !hub.io.buffers {
                hub.io.released += held;
            }
        }
        self.settle_credits(hub);
        if let Some(deadline) = deadline {
            self.timers.set(deadline, Timer::Link(slot));
        }
        self.flush_later(slot);
    }

    /// Says goodbye on a link whose last octet is written, and waits for the peer's.
    pub(super) fn say_goodbye(&mut self, slot: usize) {
        let until = self.now + DRAIN_TIME;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Path::Wire(wire) = &mut link.path else {
            return;
        };
        if self.world.finish(&mut wire.stream).is_err() {
            self.lose(slot, Loss::Asked);
            return;
        }
        link.leaving = Some(Leaving::Draining(until));
        self.timers.set(until, Timer::Link(slot));
        self.feed(slot);
    }

    /// A blocked peer may take messages again.
    pub(super) fn unblock(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if !link.blocked {
            return;
        }
        let Some(hub) = self.hubs.get_mut(link.hub) else {
            return;
        };
        if !link.is_roomy(hub.io.limit, hub.io.buffers) {
            return;
        }
        link.blocked = false;
        if link.attached {
            hub.pattern.writable(PeerId(slot as u32));
            let hub = link.hub;
            self.schedule_send(hub);
        }
    }

    /// Sets a timer for the link's next deadline, unless one is set that is soon enough.
    pub(super) fn watch_deadline(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Path::Wire(wire) = &link.path else {
            return;
        };
        let Some(deadline) = wire.connection.poll_timeout() else {
            return;
        };
        if link.timer.is_none_or(|set| deadline < set) {
            link.timer = Some(deadline);
            self.timers.set(deadline, Timer::Link(slot));
        }
    }

    /// Sees to it that this link's buffers are given back when it falls idle.
    pub(super) fn rest_later(&mut self) {
        if !self.rest_is_due {
            self.rest_is_due = true;
            self.timers.set(self.now + REST_AFTER, Timer::Rest);
        }
    }

    /// Links that were idle since the last look give their buffers back.
    pub(super) fn rest_idle(&mut self) {
        self.rest_is_due = false;
        let mut busy = false;
        for (_, link) in &mut self.links {
            if let Path::Wire(wire) = &mut link.path {
                if !std::mem::replace(&mut wire.active, false) {
                    wire.connection.shrink_to_fit();
                } else {
                    busy = true;
                }
            }
        }
        if busy {
            self.rest_later();
        }
    }

    /// A timer of this link fired.
    pub(super) fn link_is_due(&mut self, slot: usize) {
        let now = self.now;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.timer.is_some_and(|set| set <= now) {
            link.timer = None;
        }
        let overdue = match (&link.path, link.leaving) {
            (_, Some(Leaving::Flushing(Some(deadline)) | Leaving::Draining(deadline))) => {
                deadline <= now
            }
            (
                Path::Dialing {
                    deadline: Some(deadline),
                    ..
                },
                _,
            ) => *deadline <= now,
            _ => false,
        };
        if overdue {
            self.lose(slot, Loss::World);
            return;
        }
        if let Path::Wire(wire) = &mut link.path {
            wire.connection.handle_timeout(now);
            self.feed(slot);
            self.watch_deadline(slot);
        }
    }
}
