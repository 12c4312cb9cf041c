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
use crate::pump::env::Env;
use crate::pump::observe::monitor::Names;
use crate::pump::observe::stats::{Counts, PeerRecord};
use crate::pump::pipe::cross_pump::Cross;
use crate::pump::socket::near_full::Filter;
use crate::pump::socket::SocketState;
use crate::pump::timers::Timer;
use crate::pump::transport::socks::Handshake;
use crate::pump::{Pump, SocketId};

/// Bytes a pipe stages before its peer counts as full: four writes of 64 KiB keep the kernel
/// busy, and little is at stake when the connection is lost.
pub(in crate::pump) const STAGING_LIMIT: usize = 256 * 1024;

/// Pipes and sockets that were idle for this long give the memory of their buffers back. No thread
/// is woken for those that have been idle since.
const SHRINK_AFTER: Duration = Duration::from_secs(5);

/// How long a pipe that said goodbye waits for the peer to do so too, so that the kernel does
/// not throw away what is still in flight.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// The socket of a pipe that outlived its socket, or was let go by it.
pub(in crate::pump) const NO_SOCKET: usize = usize::MAX;

/// The twin of an inproc pipe that has none.
pub(in crate::pump) const NO_PIPE: usize = usize::MAX;

pub(in crate::pump) struct Pipe<S> {
    pub(in crate::pump) serial: u64,
    pub(in crate::pump) socket: usize,
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
    /// Whether it waits for room in an `out`: its socket's, or for a half of an inproc pair its
    /// twin's.
    pub(in crate::pump) waits_for_room: bool,
    pub(in crate::pump) leaving: Option<Leaving>,
    /// The soonest timer set for this pipe.
    pub(in crate::pump) timer: Option<Instant>,
    /// Where it leads, once somebody has asked.
    pub(in crate::pump) names: Option<Box<Names>>,
    /// The peer, once the handshake is done.
    pub(in crate::pump) record: Option<Box<PeerRecord>>,
    /// What an accepted connection sits on.
    pub(in crate::pump) seat: Option<Seat>,
    /// Who asks what to think of the peer.
    pub(in crate::pump) zap_request: Option<SocketId>,
    /// Whose messages it still holds after it was let go.
    pub(in crate::pump) left_socket: Option<SocketId>,
    /// Where the peer is, while its handshake with us is unfinished and we accepted it.
    pub(in crate::pump) unfinished: Option<Arc<str>>,
}

/// Who started a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Origin {
    /// A dialer of this socket, by slot.
    Dialed(usize),
    /// A listener of this socket, by slot.
    Accepted(usize),
}

/// How a pipe reaches its peer.
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
    /// The other half is a pipe of this pump too.
    Inproc(Inproc),
    /// The other half is a pipe of another pump of this context.
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
    /// Whether anything was read since the pump last looked for idle pipes.
    pub(in crate::pump) active: bool,
    pub(in crate::pump) counts: Counts,
}

impl<S: Read + Write> Wire<S> {
    /// Has the world tell when there is room to write, or not.
    pub(in crate::pump) fn watch_room<E>(&mut self, env: &mut E, slot: usize, wanted: bool)
    where
        E: Env<Stream = S>,
    {
        if self.room_watched == wanted {
            return;
        }
        match env.watch_room(&mut self.stream, slot, wanted) {
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
        self.counts.bytes_in += read as u64;
        // A short read emptied the kernel's buffer; what comes later is a new edge. But the end
        // of the stream may have been announced already, so it is read up to.
        self.readable = read == asked || self.read_closed;
        Ok(read)
    }
}

pub(in crate::pump) struct Inproc {
    pub(in crate::pump) twin: usize,
    pub(in crate::pump) twin_socket: usize,
    /// The first message of all, which nobody counts.
    pub(in crate::pump) hello: Option<Message>,
    pub(in crate::pump) controls: VecDeque<Upstream>,
    pub(in crate::pump) queue: VecDeque<Message>,
    pub(in crate::pump) counts: Counts,
}

impl Inproc {
    pub(in crate::pump) fn new(twin: usize, twin_socket: usize) -> Self {
        Inproc {
            twin,
            twin_socket,
            hello: None,
            controls: VecDeque::new(),
            queue: VecDeque::new(),
            counts: Counts::default(),
        }
    }
}

/// A pipe that the pattern has let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Leaving {
    /// What is staged still goes out, until the deadline.
    Flushing(Option<Instant>),
    /// Nothing more will be written; waits for the peer to close.
    Draining(Instant),
    /// As `Draining`, for a peer that was refused by this socket when it believed itself connected:
    /// what it sent is counted.
    Refused(Instant, SocketId),
}

/// Why a pipe ends.
#[derive(Debug)]
pub(in crate::pump) enum Loss {
    /// The peer closed.
    PeerClosed,
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

impl<S> Pipe<S> {
    pub(in crate::pump) fn new(serial: u64, socket: usize, origin: Origin, path: Path<S>) -> Self {
        Pipe {
            serial,
            socket,
            origin,
            path,
            attached: false,
            blocked: false,
            near: false,
            filter: None,
            waits_for_room: false,
            leaving: None,
            timer: None,
            names: None,
            record: None,
            seat: None,
            zap_request: None,
            left_socket: None,
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
    /// pipes.
    pub(in crate::pump) fn lend_wire(&mut self) -> Option<Box<Wire<S>>> {
        if !matches!(self.path, Path::Wire(_)) {
            return None;
        }
        match std::mem::replace(&mut self.path, Path::Lent) {
            Path::Wire(wire) => Some(wire),
            Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => None,
        }
    }

    /// Whether a socket that is closing need not wait for this pipe.
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
        self.waits_for_room && matches!(&self.path, Path::Wire(wire) if wire.write_failed)
    }

    /// Messages this pipe holds on their way out.
    pub(in crate::pump) fn held(&self) -> usize {
        match &self.path {
            Path::Wire(wire) => wire.held(),
            Path::Inproc(inproc) => inproc.queue.len(),
            Path::Cross(cross) => cross.held(),
            Path::Dialing { .. } | Path::Lent => 0,
        }
    }
}

impl<E: Env> Pump<E> {
    /// Takes a new pipe in and gives it its slot.
    pub(in crate::pump) fn add_pipe(
        &mut self,
        socket: usize,
        origin: Origin,
        path: Path<E::Stream>,
    ) -> usize {
        let serial = self.serial();
        let slot = self.pipes.insert(Pipe::new(serial, socket, origin, path));
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.pipes.push(slot);
        }
        slot
    }

    /// A connected stream starts to speak ZMTP, or whatever STREAM's users speak.
    pub(in crate::pump) fn open_wire(&mut self, slot: usize, stream: E::Stream) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let config = match pipe.origin {
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
                self.env.entropy(luck)
            })),
        };
        let mut connection = match opening.transpose() {
            Ok(None) => Connection::raw(Arc::clone(&config), self.now),
            Ok(Some(opening)) => Connection::new(Arc::clone(&config), opening, self.now),
            // Without luck there is no secret.
            Err(error) => {
                pipe.path = Path::Dialing {
                    stream,
                    deadline: None,
                    tunnel: None,
                };
                return self.lose(slot, Loss::Unconnected(error.into()));
            }
        };
        let refuses = self
            .sockets
            .get(pipe.socket)
            .is_some_and(SocketState::may_refuse);
        if refuses && matches!(pipe.origin, Origin::Accepted(_)) {
            connection.listen();
        }
        pipe.path = Path::Wire(Box::new(Wire {
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
        let origin = pipe.origin;
        pipe.names = None;
        self.tell_pipe(slot, || match origin {
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

    /// The number of the `connect` that made a pipe; `None` for one that was accepted.
    pub(in crate::pump) fn origin_serial(&self, slot: usize) -> Option<u64> {
        match self.pipes.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialer_serial(dialer),
            Origin::Accepted(_) => None,
        }
    }

    /// The name that is reserved for a peer that we connected to.
    pub(in crate::pump) fn alias(&self, slot: usize) -> Option<Frame> {
        match self.pipes.get(slot)?.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer)?.alias.as_ref().map(Frame::from),
            Origin::Accepted(_) => None,
        }
    }

    /// The handshake is done: the pattern meets the peer, unless there are too many already.
    pub(in crate::pump) fn attach(&mut self, slot: usize, intro: &PeerIntro) -> Result<(), Loss> {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return Err(Loss::Refused);
        };
        let socket = pipe.socket;
        let Some(found) = self.sockets.get_mut(socket) else {
            return Err(Loss::Refused);
        };
        if found.is_crowded() {
            found.tally.refused += 1;
            return Err(Loss::Crowded);
        }
        self.count_peers(socket, true);
        // Before the pattern meets it, which may lose what it had kept for the peer.
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.record = Some(Box::new(PeerRecord {
                since: self.now,
                socket_type: intro.socket_type,
                routing_id: intro.routing_id.clone(),
                known_as: None,
                dropped: None,
            }));
        }
        let peer = PeerId(slot as u32);
        let accepted = self
            .pattern_call(socket, |pattern, outlet| {
                pattern.attach(peer, intro, outlet).is_ok()
            })
            .unwrap_or(false);
        if !accepted {
            self.count_peers(socket, false);
            if let Some(found) = self.sockets.get_mut(socket) {
                found.tally.refused += 1;
            }
            if let Some(pipe) = self.pipes.get_mut(slot) {
                pipe.record = None;
            }
            return Err(Loss::Refused);
        }
        let known_as = self.known_as(slot);
        self.leave_handshakes(slot);
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.attached = true;
            if let Some(record) = &mut pipe.record {
                record.known_as = known_as;
            }
        }
        self.send_hello(slot);
        self.handshake_succeeded(slot);
        self.send_later(socket);
        Ok(())
    }

    /// The pattern forgets the peer; what it had not sent yet goes back or is counted lost.
    pub(in crate::pump) fn detach(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if !std::mem::replace(&mut pipe.attached, false) {
            return;
        }
        let socket = pipe.socket;
        let peer = PeerId(slot as u32);
        self.pattern_call(socket, |pattern, outlet| pattern.detach(peer, outlet));
        self.count_peers(socket, false);
        self.send_later(socket);
    }

    /// Takes back what a lost pipe held: messages of which nothing left go first again.
    fn recover(&mut self, slot: usize) {
        self.close_across(slot);
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let held = pipe.held();
        if let Some(left_socket) = pipe.left_socket.take() {
            return self.has_left(left_socket, held);
        }
        if held == 0 {
            return;
        }
        let mut unsent: Vec<Message> = match &mut pipe.path {
            Path::Wire(wire) => wire.take_unsent(),
            Path::Cross(cross) => cross.take_unsent(),
            Path::Inproc(inproc) => {
                let buffers = self
                    .sockets
                    .get(pipe.socket)
                    .is_some_and(|socket| socket.io.buffers);
                if let (Some(room), false) = (self.rooms.get_mut(inproc.twin_socket), buffers) {
                    room.redeem(inproc.queue.len());
                }
                inproc.queue.drain(..).collect()
            }
            Path::Dialing { .. } | Path::Lent => Vec::new(),
        };
        let Some(socket) = self.sockets.get_mut(pipe.socket) else {
            return;
        };
        // What is not sent again, but is not lost either: it no longer counts against the mark.
        let mut uncharged = 0;
        let is_req = socket.kind == SocketType::Req;
        let returned = unsent.len();
        socket.pattern.keep(PeerId(slot as u32), &mut unsent);
        let held = held - (returned - unsent.len());
        let lost = if socket.pattern.requeues() {
            let lost = held.saturating_sub(unsent.len());
            for message in unsent.into_iter().rev() {
                match socket.pattern.unsend(PeerId(slot as u32), message) {
                    Some(message) if is_req && message.belongs_to_a_call() => {
                        socket.ports.calls().put_back(message);
                        uncharged += 1;
                    }
                    Some(message) => socket.io.pending.push_front(message),
                    None => uncharged += 1,
                }
            }
            lost
        } else {
            held
        };
        socket.io.undelivered += lost as u64;
        // A lost request is told of by its pattern, which waits for the reply.
        if !is_req {
            socket.io.lost += lost as u64;
            let why = DropReason::ConnectionLost;
            socket.io.dropped.count(why, lost as u64);
        }
        if !socket.io.buffers {
            socket.io.released += lost + uncharged;
        }
        let socket = pipe.socket;
        self.settle_credits(socket);
        self.send_later(socket);
    }

    /// Ends a pipe: the pattern forgets it, its dialer tries again if that makes sense.
    pub(in crate::pump) fn lose(&mut self, slot: usize, loss: Loss) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let (socket, origin, serial) = (pipe.socket, pipe.origin, pipe.serial);
        let greeted = match pipe.path {
            // Within a context the types of the two sockets are the whole handshake.
            Path::Inproc(_) | Path::Cross(_) if matches!(loss, Loss::Wire(_)) => Greeted::Begun,
            Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) => Greeted::Not,
            Path::Wire(_) | Path::Lent if pipe.attached => Greeted::Done,
            Path::Wire(_) | Path::Lent => Greeted::Begun,
        };
        let attached = pipe.attached;
        if let Some(zap_request) = pipe.zap_request {
            self.cancel_zap_request(zap_request);
        }
        self.leave_handshakes(slot);
        self.send_notice(slot, &loss);
        self.recover(slot);
        self.detach(slot);
        self.record_end(slot, attached, &loss);
        self.release_twin(slot);
        self.stop_waiting_for_room(slot);
        let Some(mut pipe) = self.pipes.try_remove(slot) else {
            return;
        };
        debug_assert_eq!(pipe.serial, serial);
        self.queues.forget_pipe(slot);
        match &mut pipe.path {
            Path::Wire(wire) => self.env.forget(&mut wire.stream),
            Path::Dialing { stream, .. } => self.env.forget(stream),
            Path::Inproc(_) | Path::Cross(_) | Path::Lent => {}
        }
        drop(pipe);
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.pipes.retain(|&other| other != slot);
            if let Origin::Dialed(dialer) = origin {
                self.pipe_ended(dialer, slot, &loss, greeted);
            }
        }
    }

    /// Ends a pipe whose peer is refused. One that has had our last word believes itself connected,
    /// and may have sent messages: what still comes of them is read for a while, to be counted.
    pub(in crate::pump) fn refuse(&mut self, slot: usize, loss: Loss) {
        let until = self.now + DRAIN_TIME;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let socket = pipe.socket;
        let refused_by = self.sockets.get(socket).map(|found| SocketId {
            slot: socket,
            serial: found.serial,
        });
        let believes = match &mut pipe.path {
            // What is not written yet must not be the last that is said.
            Path::Wire(wire) if wire.connection.is_ready() && !wire.connection.has_transmit() => {
                !wire.write_failed && self.env.finish(&mut wire.stream).is_ok()
            }
            _ => false,
        };
        let (Some(refused_by), true) = (refused_by, believes) else {
            return self.lose(slot, loss);
        };
        let origin = pipe.origin;
        self.record_end(slot, false, &loss);
        self.stop_waiting_for_room(slot);
        self.leave_handshakes(slot);
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.seat = None;
            pipe.leaving = Some(Leaving::Refused(until, refused_by));
            pipe.socket = NO_SOCKET;
        }
        if let Some(found) = self.sockets.get_mut(socket) {
            found.pipes.retain(|&other| other != slot);
        }
        if let Origin::Dialed(dialer) = origin {
            self.pipe_ended(dialer, slot, &loss, Greeted::Begun);
        }
        self.timers.set(until, Timer::Pipe(slot));
        self.feed(slot);
    }

    /// A handshake is finished, or over.
    fn leave_handshakes(&mut self, slot: usize) {
        if let Some(pipe) = self.pipes.get_mut(slot) {
            if let Some(source) = pipe.unfinished.take() {
                self.handshakes.leave(&source, pipe.serial);
            }
        }
    }

    /// Counts a pipe that ends, and tells of it.
    fn record_end(&mut self, slot: usize, attached: bool, loss: &Loss) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let (socket, counts) = (pipe.socket, pipe.counts());
        let connected = !matches!(pipe.path, Path::Dialing { .. });
        let origin = pipe.origin;
        self.fold_counts(socket, counts);
        if connected && !attached && !matches!(loss, Loss::Asked) {
            let dialer = match origin {
                Origin::Dialed(dialer) => self.dialers.get_mut(dialer),
                Origin::Accepted(_) => None,
            };
            if let Some(dialer) = dialer {
                dialer.handshakes_failed += 1;
            }
            if let Some(socket) = self.sockets.get_mut(socket) {
                socket.tally.handshakes_failed += 1;
            }
        }
        self.tell_end(slot, attached, loss.reason());
    }

    /// Lets a pipe go: no new messages, but what is staged goes out until `deadline`.
    pub(in crate::pump) fn retire(&mut self, slot: usize, deadline: Option<Instant>) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.leaving.is_some() {
            return;
        }
        let socket = pipe.socket;
        let flushes = match &pipe.path {
            Path::Wire(_) => true,
            Path::Cross(cross) => cross.held() > 0,
            Path::Dialing { .. } | Path::Inproc(_) | Path::Lent => false,
        };
        if !flushes || !pipe.attached {
            self.transfer_rest(slot);
            self.lose(slot, Loss::Asked);
            return;
        }
        self.detach(slot);
        self.tell_end(slot, true, DisconnectReason::Local);
        self.stop_waiting_for_room(slot);
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let counts = pipe.counts_at_parting();
        // From here on socket and pipe do not know each other: what the pipe holds is as good as
        // in the kernel, and no longer counts against the high-water mark.
        pipe.leaving = Some(Leaving::Flushing(deadline));
        pipe.socket = NO_SOCKET;
        let held = pipe.held();
        if let Some(found) = self.sockets.get_mut(socket) {
            found.pipes.retain(|&other| other != slot);
            if !found.io.buffers {
                found.io.released += held;
            }
            if held > 0 {
                found.pipes_leaving += 1;
                let serial = found.serial;
                pipe.left_socket = Some(SocketId {
                    slot: socket,
                    serial,
                });
            }
        }
        self.fold_counts(socket, counts);
        self.settle_credits(socket);
        if let Some(deadline) = deadline {
            self.timers.set(deadline, Timer::Pipe(slot));
        }
        self.flush_later(slot);
        self.close_sending_across(slot);
    }

    /// A pipe that was let go has sent what it held for a socket, but for `lost` messages.
    fn has_left(&mut self, left_socket: SocketId, lost: usize) {
        if let Some(socket) = self
            .find(left_socket)
            .and_then(|slot| self.sockets.get_mut(slot))
        {
            socket.pipes_leaving -= 1;
            socket.io.undelivered += lost as u64;
        }
    }

    /// Says goodbye on a pipe whose last byte is written, and waits for the peer's.
    pub(in crate::pump) fn finish_writing(&mut self, slot: usize) {
        let until = self.now + DRAIN_TIME;
        if let Some(left_socket) = self
            .pipes
            .get_mut(slot)
            .and_then(|pipe| pipe.left_socket.take())
        {
            self.has_left(left_socket, 0);
        }
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Path::Wire(wire) = &mut pipe.path else {
            return;
        };
        if self.env.finish(&mut wire.stream).is_err() {
            self.lose(slot, Loss::Asked);
            return;
        }
        pipe.leaving = Some(Leaving::Draining(until));
        self.timers.set(until, Timer::Pipe(slot));
        self.feed(slot);
    }

    /// A blocked peer may take messages again.
    pub(in crate::pump) fn unblock(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.near {
            return self.tell_room(slot);
        }
        if !pipe.blocked {
            return;
        }
        let socket = pipe.socket;
        let Some(found) = self.sockets.get_mut(socket) else {
            return;
        };
        // Who waits for room in its twin's `out` is let on when that is its turn.
        let has_turns = matches!(pipe.path, Path::Inproc(_)) && !found.io.buffers;
        if !pipe.is_roomy(found.io.limit, found.io.buffers) || (pipe.waits_for_room && has_turns) {
            return;
        }
        if self.set_writable(slot) {
            self.send_later(socket);
        }
    }

    /// Tells the pattern of a blocked peer that takes messages again; whether it did.
    pub(in crate::pump) fn set_writable(&mut self, slot: usize) -> bool {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return false;
        };
        let was_blocked = std::mem::replace(&mut pipe.blocked, false);
        if let (true, true, Some(socket)) = (
            was_blocked,
            pipe.attached,
            self.sockets.get_mut(pipe.socket),
        ) {
            socket.pattern.writable(PeerId(slot as u32));
            return true;
        }
        false
    }

    /// Sets a timer for the pipe's next deadline, unless one is set that is soon enough.
    pub(in crate::pump) fn watch_deadline(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Path::Wire(wire) = &pipe.path else {
            return;
        };
        let Some(deadline) = wire.connection.poll_timeout() else {
            return;
        };
        if pipe.timer.is_none_or(|set| deadline < set) {
            pipe.timer = Some(deadline);
            self.timers.set(deadline, Timer::Pipe(slot));
        }
    }

    /// Sees to it that the buffers of pipes and sockets are given back when they fall idle.
    pub(in crate::pump) fn shrink_later(&mut self) {
        self.timers.set_shrink(self.now + SHRINK_AFTER);
    }

    /// Pipes and sockets that were idle since the last look give their buffers back. Those that
    /// still hold much are looked at again.
    pub(in crate::pump) fn shrink_idle(&mut self) {
        let mut busy = false;
        for (_, pipe) in &mut self.pipes {
            match &mut pipe.path {
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
        for (_, socket) in &mut self.sockets {
            busy |= socket.rest();
        }
        if busy {
            self.shrink_later();
        }
    }

    /// A timer of this pipe fired.
    pub(in crate::pump) fn pipe_is_due(&mut self, slot: usize) {
        let now = self.now;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.timer.is_some_and(|set| set <= now) {
            pipe.timer = None;
        }
        let overdue = match (&pipe.path, pipe.leaving) {
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
            let loss = match pipe.path {
                Path::Dialing { .. } => Loss::Unconnected(io::ErrorKind::TimedOut.into()),
                Path::Wire(_) | Path::Inproc(_) | Path::Cross(_) | Path::Lent => Loss::PeerClosed,
            };
            self.lose(slot, loss);
            return;
        }
        let leaving = pipe.leaving.is_some();
        let Path::Wire(wire) = &mut pipe.path else {
            return;
        };
        if matches!(
            pipe.leaving,
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
            (false, _) => self.follow_up(slot),
            (true, false) => self.feed(slot),
            // Nobody is left to hear why.
            (true, true) => self.lose(slot, Loss::PeerClosed),
        }
    }
}
