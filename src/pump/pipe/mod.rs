//! One peer of a socket: a connection that speaks ZMTP, or one half of an inproc pair.

pub(in crate::pump) mod cross_pump;
mod inproc;

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channel::{give_back, Seat};
use crate::event::{DisconnectReason, EventKind, SystemError};
use crate::message::{Frame, Message};
use crate::pattern::{PeerId, PeerIntro, Upstream, Violation};
use crate::socket_type::SocketType;
use crate::statistics::DropReason;
use crate::wire::{CloseReason, Connection, Opening, PeerInfo};

use crate::pump::dialer::Greeted;
use crate::pump::env::World;
use crate::pump::observe::monitor::Names;
use crate::pump::observe::stats::{Counts, Met};
use crate::pump::pipe::cross_pump::Cross;
use crate::pump::socket::near_full::Filter;
use crate::pump::socket::Hub;
use crate::pump::timers::Timer;
use crate::pump::transport::socks::Handshake;
use crate::pump::{HubId, Pump};

/// Octets a link stages before its peer counts as full: four writes of 64 KiB keep the kernel
/// busy, and little is at stake when the connection is lost.
pub(in crate::pump) const STAGING_LIMIT: usize = 256 * 1024;

/// Links and sockets that were idle for this long give the memory of their buffers back. No thread
/// is woken for those that have been idle since.
const REST_AFTER: Duration = Duration::from_secs(5);

/// How long a link that said goodbye waits for the peer to do so too, so that the kernel does
/// not throw away what is still in flight.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The hub of a link that outlived its socket, or was let go by it.
pub(in crate::pump) const NO_HUB: usize = usize::MAX;

/// The twin of an inproc link that has none.
pub(in crate::pump) const NO_LINK: usize = usize::MAX;

pub(in crate::pump) struct Link<S> {
    pub(in crate::pump) serial: u64,
    pub(in crate::pump) hub: usize,
    pub(in crate::pump) origin: Origin,
    pub(in crate::pump) path: Path<S>,
    /// Whether the pattern knows this peer.
    pub(in crate::pump) attached: bool,
    /// Whether the pattern was told that this peer takes nothing now.
    pub(in crate::pump) blocked: bool,
    /// Whether senders look at what this peer has room for.
    pub(in crate::pump) near: bool,
    /// Which messages it gets, as far as senders have been told.
    pub(in crate::pump) filter: Option<Arc<Filter>>,
    pub(in crate::pump) in_readers: bool,
    pub(in crate::pump) in_flushers: bool,
    /// Whether it waits for room in an `out`: its hub's, or for a half of an inproc pair its
    /// twin's.
    pub(in crate::pump) hungry: bool,
    pub(in crate::pump) leaving: Option<Leaving>,
    /// The soonest timer set for this link.
    pub(in crate::pump) timer: Option<Instant>,
    /// Where it leads, once somebody has asked.
    pub(in crate::pump) names: Option<Box<Names>>,
    /// The peer, once the handshake is done.
    pub(in crate::pump) met: Option<Box<Met>>,
    /// What an accepted connection sits on.
    pub(in crate::pump) seat: Option<Seat>,
    /// Who asks what to think of the peer.
    pub(in crate::pump) errand: Option<HubId>,
    /// Whose messages it still holds after it was let go.
    pub(in crate::pump) former: Option<HubId>,
    /// Where the peer is, while its handshake with us is unfinished and we accepted it.
    pub(in crate::pump) unfinished: Option<Arc<str>>,
}

/// Who started a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Origin {
    /// A dialer of this socket, by slot.
    Dialed(usize),
    /// A listener of this socket, by slot.
    Accepted(usize),
}

/// How a link reaches its peer.
pub(in crate::pump) enum Path<S> {
    /// Waiting for the world to connect.
    Dialing {
        stream: S,
        deadline: Option<Instant>,
        /// What is left to say to a proxy on the way.
        tunnel: Option<Box<Handshake>>,
    },
    /// A stream that speaks ZMTP.
    Wire(Box<Wire<S>>),
    /// The other half is a link of this pump too.
    Inproc(Inproc),
    /// The other half is a link of another pump of this context.
    Cross(Box<Cross>),
    /// The wire is lent out for a moment, to be read from.
    Lent,
}

pub(in crate::pump) struct Wire<S> {
    pub(in crate::pump) stream: S,
    pub(in crate::pump) connection: Connection,
    /// Messages that wait until everything before them is written, where a policy may still lose
    /// them.
    pub(in crate::pump) waiting: Option<VecDeque<Message>>,
    pub(in crate::pump) readable: bool,
    /// The end of the stream was announced: it comes after what is still buffered.
    pub(in crate::pump) read_closed: bool,
    pub(in crate::pump) writable: bool,
    /// Whether the world tells when there is room to write.
    room_watched: bool,
    /// Writing failed. Reading goes on until it fails too: what arrived is not lost.
    pub(in crate::pump) write_failed: bool,
    /// Whether anything was read since the pump last looked for idle links.
    pub(in crate::pump) active: bool,
    pub(in crate::pump) counts: Counts,
}

impl<S: Read + Write> Wire<S> {
    /// Has the world tell when there is room to write, or not.
    pub(in crate::pump) fn watch_room<W>(&mut self, world: &mut W, slot: usize, wanted: bool)
    where
        W: World<Stream = S>,
    {
        if self.room_watched == wanted {
            return;
        }
        match world.watch_room(&mut self.stream, slot, wanted) {
            Ok(()) => self.room_watched = wanted,
            // Nobody would ever tell.
            Err(_) if wanted => {
                self.write_failed = true;
                self.readable = true;
            }
            Err(_) => {}
        }
    }
}

impl<S> Wire<S> {
    /// Whether the peer takes no message now.
    pub(in crate::pump) fn is_full(&self, limit: usize, buffers: bool) -> bool {
        self.connection.staged_messages() >= limit
            || (!buffers && self.connection.staged_octets() >= STAGING_LIMIT)
    }
}

impl<S: Read> Wire<S> {
    /// Reads once, straight into the protocol machine's buffer.
    pub(in crate::pump) fn fill(&mut self, now: Instant) -> io::Result<usize> {
        let room = self.connection.recv_slice();
        let asked = room.len();
        let read = self.stream.read(room)?;
        self.connection.recv_advance(read, now);
        self.active = true;
        self.counts.octets_in += read as u64;
        // A short read emptied the kernel's buffer; what comes later is a new edge. But the end
        // of the stream may have been announced already, so it is read up to.
        self.readable = read == asked || self.read_closed;
        Ok(read)
    }
}

pub(in crate::pump) struct Inproc {
    pub(in crate::pump) twin: usize,
    pub(in crate::pump) twin_hub: usize,
    /// The first message of all, which nobody counts.
    pub(in crate::pump) hello: Option<Message>,
    pub(in crate::pump) controls: VecDeque<Upstream>,
    pub(in crate::pump) queue: VecDeque<Message>,
    pub(in crate::pump) in_transfers: bool,
    pub(in crate::pump) counts: Counts,
}

impl Inproc {
    pub(in crate::pump) fn new(twin: usize, twin_hub: usize) -> Self {
        Inproc {
            twin,
            twin_hub,
            hello: None,
            controls: VecDeque::new(),
            queue: VecDeque::new(),
            in_transfers: false,
            counts: Counts::default(),
        }
    }
}

/// A link that the pattern has let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Leaving {
    /// What is staged still goes out, until the deadline.
    Flushing(Option<Instant>),
    /// Nothing more will be written; waits for the peer to close.
    Draining(Instant),
    /// As `Draining`, for a peer that was refused by this socket when it believed itself connected:
    /// what it sent is counted.
    Refused(Instant, HubId),
}

/// Why a link ends.
#[derive(Debug)]
pub(in crate::pump) enum Loss {
    /// The peer closed.
    World,
    /// The world broke the connection.
    Io(SystemError),
    /// There never was a connection, for this reason.
    Unconnected(SystemError),
    /// There are too many connections.
    Crowded,
    /// The protocol machine closed it.
    Wire(CloseReason),
    /// The pattern does not take this peer.
    Refused,
    /// The pattern does not take what the peer said.
    Violation(Violation),
    /// Asked for by the user.
    Asked,
    /// Nobody is bound to the inproc name any more.
    NameGone,
}

impl<S> Link<S> {
    pub(in crate::pump) fn new(serial: u64, hub: usize, origin: Origin, path: Path<S>) -> Self {
        Link {
            serial,
            hub,
            origin,
            path,
            attached: false,
            blocked: false,
            near: false,
            filter: None,
            in_readers: false,
            in_flushers: false,
            hungry: false,
            leaving: None,
            timer: None,
            names: None,
            met: None,
            seat: None,
            errand: None,
            former: None,
            unfinished: None,
        }
    }

    /// Whether this peer takes no message now.
    pub(in crate::pump) fn is_full(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => wire.is_full(limit, buffers),
            Path::Inproc(inproc) => buffers && inproc.queue.len() >= limit,
            Path::Cross(cross) => cross.held() >= limit,
            Path::Dialing { .. } | Path::Lent => true,
        }
    }

    /// Whether a full peer has drained enough to be worth waking the pattern.
    pub(in crate::pump) fn is_roomy(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => {
                wire.connection.staged_messages() <= limit / 2
                    && (buffers || wire.connection.staged_octets() <= STAGING_LIMIT / 2)
            }
            Path::Inproc(_) => true,
            // Any room at all, so that the mark is exact: what is taken is told in batches anyway.
            Path::Cross(cross) => cross.held() < limit,
            Path::Dialing { .. } | Path::Lent => false,
        }
    }

    /// Takes the wire out for a moment, so that it can be read from while the pattern has the
    /// links.
    pub(in crate::pump) fn lend_wire(&mut self) -> Option<Box<Wire<S>>> {
        if !matches!(self.path, Path::Wire(_)) {
            return None;
        }
        match std::mem::replace(&mut self.path, Path::Lent) {
            Path::Wire(wire) => Some(wire),
            Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => None,
        }
    }

    /// Whether a socket that is closing need not wait for this link.
    pub(in crate::pump) fn is_flushed(&self) -> bool {
        let says = match &self.path {
            Path::Wire(wire) => self.attached && wire.has_more(),
            Path::Inproc(_) | Path::Cross(_) | Path::Dialing { .. } | Path::Lent => false,
        };
        !says && self.held() == 0
    }

    /// Whether nothing can be written to the peer any more, and nothing is read that would tell
    /// of its end, because the user takes nothing.
    pub(in crate::pump) fn is_stuck(&self) -> bool {
        self.hungry && matches!(&self.path, Path::Wire(wire) if wire.write_failed)
    }

    /// Messages this link holds on their way out.
    pub(in crate::pump) fn held(&self) -> usize {
        match &self.path {
            Path::Wire(wire) => wire.held(),
            Path::Inproc(inproc) => inproc.queue.len(),
            Path::Cross(cross) => cross.held(),
            Path::Dialing { .. } | Path::Lent => 0,
        }
    }
}

impl<W: World> Pump<W> {
    /// Takes a new link in and gives it its slot.
    pub(in crate::pump) fn add_link(
        &mut self,
        hub: usize,
        origin: Origin,
        path: Path<W::Stream>,
    ) -> usize {
        let serial = self.serial();
        let slot = self.links.insert(Link::new(serial, hub, origin, path));
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.links.push(slot);
        }
        slot
    }

    /// A connected stream starts to speak ZMTP, or whatever STREAM's users speak.
    pub(in crate::pump) fn open_wire(&mut self, slot: usize, stream: W::Stream) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let config = match link.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer).map(|dialer| &dialer.wire),
            Origin::Accepted(listener) => self.listeners.get(listener).map(|bound| &bound.wire),
        };
        let Some(config) = config else {
            return;
        };
        let config = Arc::clone(config);
        let opening = match config.socket_type {
            SocketType::Stream => None,
            _ => Some(Opening::new(&config.security, |luck| {
                self.world.entropy(luck)
            })),
        };
        let mut connection = match opening.transpose() {
            Ok(None) => Connection::raw(Arc::clone(&config), self.now),
            Ok(Some(opening)) => Connection::new(Arc::clone(&config), opening, self.now),
            // Without luck there is no secret.
            Err(error) => {
                link.path = Path::Dialing {
                    stream,
                    deadline: None,
                    tunnel: None,
                };
                return self.lose(slot, Loss::Unconnected(error.into()));
            }
        };
        let refuses = self.hubs.get(link.hub).is_some_and(Hub::may_refuse);
        if refuses && matches!(link.origin, Origin::Accepted(_)) {
            connection.listen();
        }
        link.path = Path::Wire(Box::new(Wire {
            stream,
            connection,
            waiting: None,
            readable: true,
            read_closed: false,
            writable: true,
            room_watched: true,
            write_failed: false,
            active: false,
            counts: Counts::default(),
        }));
        let origin = link.origin;
        link.names = None;
        self.tell_link(slot, || match origin {
            Origin::Dialed(_) => EventKind::Connected,
            Origin::Accepted(_) => EventKind::Accepted,
        });
        self.watch_deadline(slot);
        self.feed(slot);
        self.flush_later(slot);
    }

    /// What a pattern is told about a peer that has introduced itself.
    pub(in crate::pump) fn intro(&self, slot: usize, info: &PeerInfo) -> PeerIntro {
        PeerIntro {
            socket_type: info.socket_type,
            routing_id: info.identity.clone(),
            alias: self.alias(slot),
            dialer: self.origin_serial(slot),
        }
    }

    /// The number of the `connect` that made a link; `None` for one that was accepted.
    pub(in crate::pump) fn origin_serial(&self, slot: usize) -> Option<u64> {
        match self.links.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialer_serial(dialer),
            Origin::Accepted(_) => None,
        }
    }

    /// The name that is reserved for a peer that we connected to.
    pub(in crate::pump) fn alias(&self, slot: usize) -> Option<Frame> {
        match self.links.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer)?.alias.as_ref().map(Frame::from),
            Origin::Accepted(_) => None,
        }
    }

    /// The handshake is done: the pattern meets the peer, unless there are too many already.
    pub(in crate::pump) fn attach(&mut self, slot: usize, intro: &PeerIntro) -> Result<(), Loss> {
        let Some(link) = self.links.get_mut(slot) else {
            return Err(Loss::Refused);
        };
        let hub = link.hub;
        let Some(found) = self.hubs.get_mut(hub) else {
            return Err(Loss::Refused);
        };
        if found.is_crowded() {
            found.tally.refused += 1;
            return Err(Loss::Crowded);
        }
        self.count_peers(hub, true);
        // Before the pattern meets it, which may lose what it had kept for the peer.
        if let Some(link) = self.links.get_mut(slot) {
            link.met = Some(Box::new(Met {
                since: self.now,
                socket_type: intro.socket_type,
                routing_id: intro.routing_id.clone(),
                known_as: None,
                dropped: None,
            }));
        }
        let peer = PeerId(slot as u32);
        let accepted = self
            .pattern_call(hub, |pattern, outlet| {
                pattern.attach(peer, intro, outlet).is_ok()
            })
            .unwrap_or(false);
        if !accepted {
            self.count_peers(hub, false);
            if let Some(found) = self.hubs.get_mut(hub) {
                found.tally.refused += 1;
            }
            if let Some(link) = self.links.get_mut(slot) {
                link.met = None;
            }
            return Err(Loss::Refused);
        }
        let known_as = self.known_as(slot);
        self.leave_handshakes(slot);
        if let Some(link) = self.links.get_mut(slot) {
            link.attached = true;
            if let Some(met) = &mut link.met {
                met.known_as = known_as;
            }
        }
        self.say_hello(slot);
        self.greet_dialer(slot);
        self.schedule_send(hub);
        Ok(())
    }

    /// The pattern forgets the peer; what it had not sent yet goes back or is counted lost.
    pub(in crate::pump) fn detach(&mut self, slot: usize) {
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
        self.close_crossing(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let held = link.held();
        if let Some(former) = link.former.take() {
            return self.has_parted(former, held);
        }
        if held == 0 {
            return;
        }
        let mut unsent: Vec<Message> = match &mut link.path {
            Path::Wire(wire) => wire.take_unsent(),
            Path::Cross(cross) => cross.take_unsent(),
            Path::Inproc(inproc) => {
                let buffers = self.hubs.get(link.hub).is_some_and(|hub| hub.io.buffers);
                if let (Some(room), false) = (self.rooms.get_mut(inproc.twin_hub), buffers) {
                    room.redeem(inproc.queue.len());
                }
                inproc.queue.drain(..).collect()
            }
            Path::Dialing { .. } | Path::Lent => Vec::new(),
        };
        let Some(hub) = self.hubs.get_mut(link.hub) else {
            return;
        };
        // What is not sent again, but is not lost either: it no longer counts against the mark.
        let mut uncharged = 0;
        let is_req = hub.kind == SocketType::Req;
        let returned = unsent.len();
        hub.pattern.keep(PeerId(slot as u32), &mut unsent);
        let held = held - (returned - unsent.len());
        let lost = if hub.pattern.requeues() {
            let lost = held.saturating_sub(unsent.len());
            for message in unsent.into_iter().rev() {
                match hub.pattern.unsend(PeerId(slot as u32), message) {
                    Some(message) if is_req && message.belongs_to_a_call() => {
                        hub.ports.calls().put_back(message);
                        uncharged += 1;
                    }
                    Some(message) => hub.io.pending.push_front(message),
                    None => uncharged += 1,
                }
            }
            lost
        } else {
            held
        };
        hub.io.undelivered += lost as u64;
        // A lost request is told of by its pattern, which waits for the reply.
        if !is_req {
            hub.io.lost += lost as u64;
            let why = DropReason::ConnectionLost;
            hub.io.dropped.count(why, lost as u64);
        }
        if !hub.io.buffers {
            hub.io.released += lost + uncharged;
        }
        let hub = link.hub;
        self.settle_credits(hub);
        self.schedule_send(hub);
    }

    /// Ends a link: the pattern forgets it, its dialer tries again if that makes sense.
    pub(in crate::pump) fn lose(&mut self, slot: usize, loss: Loss) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        let (hub, origin, serial) = (link.hub, link.origin, link.serial);
        let greeted = match link.path {
            // Within a context the types of the two sockets are the whole handshake.
            Path::Inproc(_) | Path::Cross(_) if matches!(loss, Loss::Wire(_)) => Greeted::Begun,
            Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) => Greeted::Not,
            Path::Wire(_) | Path::Lent if link.attached => Greeted::Done,
            Path::Wire(_) | Path::Lent => Greeted::Begun,
        };
        let attached = link.attached;
        if let Some(errand) = link.errand {
            self.call_off(errand);
        }
        self.leave_handshakes(slot);
        self.give_notice(slot, &loss);
        self.recover(slot);
        self.detach(slot);
        self.record_end(slot, attached, &loss);
        self.release_twin(slot);
        self.leave_ring(slot);
        let Some(mut link) = self.links.try_remove(slot) else {
            return;
        };
        debug_assert_eq!(link.serial, serial);
        match &mut link.path {
            Path::Wire(wire) => self.world.forget(&mut wire.stream),
            Path::Dialing { stream, .. } => self.world.forget(stream),
            Path::Inproc(_) | Path::Cross(_) | Path::Lent => {}
        }
        drop(link);
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.links.retain(|&other| other != slot);
            if let Origin::Dialed(dialer) = origin {
                self.link_ended(dialer, slot, &loss, greeted);
            }
        }
    }

    /// Ends a link whose peer is refused. One that has had our last word believes itself connected,
    /// and may have sent messages: what still comes of them is read for a while, to be counted.
    pub(in crate::pump) fn refuse(&mut self, slot: usize, loss: Loss) {
        let until = self.now + DRAIN_TIME;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let hub = link.hub;
        let refused_by = self.hubs.get(hub).map(|found| HubId {
            slot: hub,
            serial: found.serial,
        });
        let believes = match &mut link.path {
            // What is not written yet must not be the last that is said.
            Path::Wire(wire) if wire.connection.is_ready() && !wire.connection.has_transmit() => {
                !wire.write_failed && self.world.finish(&mut wire.stream).is_ok()
            }
            _ => false,
        };
        let (Some(refused_by), true) = (refused_by, believes) else {
            return self.lose(slot, loss);
        };
        let origin = link.origin;
        self.record_end(slot, false, &loss);
        self.leave_ring(slot);
        self.leave_handshakes(slot);
        if let Some(link) = self.links.get_mut(slot) {
            link.seat = None;
            link.leaving = Some(Leaving::Refused(until, refused_by));
            link.hub = NO_HUB;
        }
        if let Some(found) = self.hubs.get_mut(hub) {
            found.links.retain(|&other| other != slot);
        }
        if let Origin::Dialed(dialer) = origin {
            self.link_ended(dialer, slot, &loss, Greeted::Begun);
        }
        self.timers.set(until, Timer::Link(slot));
        self.feed(slot);
    }

    /// A handshake is finished, or over.
    fn leave_handshakes(&mut self, slot: usize) {
        if let Some(link) = self.links.get_mut(slot) {
            if let Some(source) = link.unfinished.take() {
                self.handshakes.leave(&source, link.serial);
            }
        }
    }

    /// Counts a link that ends, and tells of it.
    fn record_end(&mut self, slot: usize, attached: bool, loss: &Loss) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        let (hub, counts) = (link.hub, link.counts());
        let connected = !matches!(link.path, Path::Dialing { .. });
        let origin = link.origin;
        self.fold_counts(hub, counts);
        if connected && !attached && !matches!(loss, Loss::Asked) {
            let dialer = match origin {
                Origin::Dialed(dialer) => self.dialers.get_mut(dialer),
                Origin::Accepted(_) => None,
            };
            if let Some(dialer) = dialer {
                dialer.handshakes_failed += 1;
            }
            if let Some(hub) = self.hubs.get_mut(hub) {
                hub.tally.handshakes_failed += 1;
            }
        }
        self.tell_end(slot, attached, loss.reason());
    }

    /// Lets a link go: no new messages, but what is staged goes out until `deadline`.
    pub(in crate::pump) fn let_go(&mut self, slot: usize, deadline: Option<Instant>) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.leaving.is_some() {
            return;
        }
        let hub = link.hub;
        let flushes = match &link.path {
            Path::Wire(_) => true,
            Path::Cross(cross) => cross.held() > 0,
            Path::Dialing { .. } | Path::Inproc(_) | Path::Lent => false,
        };
        if !flushes || !link.attached {
            self.transfer_rest(slot);
            self.lose(slot, Loss::Asked);
            return;
        }
        self.detach(slot);
        self.tell_end(slot, true, DisconnectReason::Local);
        self.leave_ring(slot);
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let counts = link.counts_at_parting();
        // From here on hub and link do not know each other: what the link holds is as good as
        // in the kernel, and no longer counts against the high-water mark.
        link.leaving = Some(Leaving::Flushing(deadline));
        link.hub = NO_HUB;
        let held = link.held();
        if let Some(found) = self.hubs.get_mut(hub) {
            found.links.retain(|&other| other != slot);
            if !found.io.buffers {
                found.io.released += held;
            }
            if held > 0 {
                found.parting += 1;
                let serial = found.serial;
                link.former = Some(HubId { slot: hub, serial });
            }
        }
        self.fold_counts(hub, counts);
        self.settle_credits(hub);
        if let Some(deadline) = deadline {
            self.timers.set(deadline, Timer::Link(slot));
        }
        self.flush_later(slot);
        self.leave_crossing(slot);
    }

    /// A link that was let go has sent what it held for a socket, but for `lost` messages.
    fn has_parted(&mut self, former: HubId, lost: usize) {
        if let Some(hub) = self.find(former).and_then(|slot| self.hubs.get_mut(slot)) {
            hub.parting -= 1;
            hub.io.undelivered += lost as u64;
        }
    }

    /// Says goodbye on a link whose last octet is written, and waits for the peer's.
    pub(in crate::pump) fn say_goodbye(&mut self, slot: usize) {
        let until = self.now + DRAIN_TIME;
        if let Some(former) = self.links.get_mut(slot).and_then(|link| link.former.take()) {
            self.has_parted(former, 0);
        }
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
    pub(in crate::pump) fn unblock(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.near {
            return self.tell_room(slot);
        }
        if !link.blocked {
            return;
        }
        let hub = link.hub;
        let Some(found) = self.hubs.get_mut(hub) else {
            return;
        };
        // Who waits for room in its twin's `out` is let on when that is its turn.
        let has_turns = matches!(link.path, Path::Inproc(_)) && !found.io.buffers;
        if !link.is_roomy(found.io.limit, found.io.buffers) || (link.hungry && has_turns) {
            return;
        }
        if self.let_on(slot) {
            self.schedule_send(hub);
        }
    }

    /// Tells the pattern of a blocked peer that takes messages again; whether it did.
    pub(in crate::pump) fn let_on(&mut self, slot: usize) -> bool {
        let Some(link) = self.links.get_mut(slot) else {
            return false;
        };
        let was_blocked = std::mem::replace(&mut link.blocked, false);
        if let (true, true, Some(hub)) = (was_blocked, link.attached, self.hubs.get_mut(link.hub)) {
            hub.pattern.writable(PeerId(slot as u32));
            return true;
        }
        false
    }

    /// Sets a timer for the link's next deadline, unless one is set that is soon enough.
    pub(in crate::pump) fn watch_deadline(&mut self, slot: usize) {
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

    /// Sees to it that the buffers of links and sockets are given back when they fall idle.
    pub(in crate::pump) fn rest_later(&mut self) {
        if !self.rest_is_due {
            self.rest_is_due = true;
            self.timers.set(self.now + REST_AFTER, Timer::Rest);
        }
    }

    /// Links and sockets that were idle since the last look give their buffers back. Those that
    /// still hold much are looked at again.
    pub(in crate::pump) fn rest_idle(&mut self) {
        self.rest_is_due = false;
        let mut busy = false;
        for (_, link) in &mut self.links {
            match &mut link.path {
                Path::Wire(wire) => {
                    if !std::mem::replace(&mut wire.active, false) {
                        wire.connection.shrink_to_fit();
                    } else {
                        busy = true;
                    }
                }
                Path::Inproc(inproc) => busy |= give_back(&mut inproc.queue),
                Path::Cross(cross) => cross.give_back(),
                Path::Dialing { .. } | Path::Lent => {}
            }
        }
        for (_, hub) in &mut self.hubs {
            busy |= hub.rest();
        }
        if busy {
            self.rest_later();
        }
    }

    /// A timer of this link fired.
    pub(in crate::pump) fn link_is_due(&mut self, slot: usize) {
        let now = self.now;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        if link.timer.is_some_and(|set| set <= now) {
            link.timer = None;
        }
        let overdue = match (&link.path, link.leaving) {
            (
                _,
                Some(
                    Leaving::Flushing(Some(deadline))
                    | Leaving::Draining(deadline)
                    | Leaving::Refused(deadline, _),
                ),
            ) => deadline <= now,
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
            let loss = match link.path {
                Path::Dialing { .. } => Loss::Unconnected(io::ErrorKind::TimedOut.into()),
                Path::Wire(_) | Path::Inproc(_) | Path::Cross(_) | Path::Lent => Loss::World,
            };
            self.lose(slot, loss);
            return;
        }
        let leaving = link.leaving.is_some();
        let Path::Wire(wire) = &mut link.path else {
            return;
        };
        if matches!(
            link.leaving,
            Some(Leaving::Draining(_) | Leaving::Refused(..))
        ) {
            return;
        }
        // What waits in the kernel, because `out` is full or others had their turn, is a sign of
        // life all the same.
        if wire.readable {
            wire.connection.hear(now);
        }
        wire.connection.handle_timeout(now);
        match (wire.connection.is_closed(), leaving) {
            (false, _) => self.speak(slot),
            (true, false) => self.feed(slot),
            // Nobody is left to hear why.
            (true, true) => self.lose(slot, Loss::World),
        }
    }
}
