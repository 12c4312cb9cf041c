//! One socket, seen from its pump.

pub(in crate::pump) mod close;
mod drop_oldest;
pub(in crate::pump) mod near_full;
mod notices;
mod unwanted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use slab::Slab;

use crate::channel::{give_back, Channel, Latest, Outcome, Ports, Reply, Seat, KEPT_BUFFER};
use crate::clock::later;
use crate::endpoint::Endpoint;
use crate::error::{ConfigureError, SocketError};
use crate::message::{Frame, Message};
use crate::options::{Linger, Options};
use crate::pattern::{self, waits_for_peers, Drop, Full, Outlet, Pattern, PeerId, Upstream};
use crate::security::Mechanism;
use crate::socket_type::SocketType;
use crate::statistics::{DropReason, Dropped};
use crate::wire;

use crate::pump::env::Env;
use crate::pump::fair_queue::Room;
use crate::pump::observe::monitor::Watcher;
use crate::pump::observe::stats::{self, Tally};
use crate::pump::observe::wait::Wait;
use crate::pump::pipe::{Loss, Path, Pipe};
use crate::pump::queues::Queues;
use crate::pump::socket::drop_oldest::slides;
use crate::pump::socket::near_full::Near;
use crate::pump::zap::ZapRequest;
use crate::pump::{Closed, Pump};

/// As many messages at once are a burst, after which a socket keeps the memory they took for a
/// while.
const BURST: usize = KEPT_BUFFER / 8;

/// One socket: its channels, its pattern, and what is between them.
pub(in crate::pump) struct SocketState {
    pub(in crate::pump) serial: u64,
    pub(in crate::pump) kind: SocketType,
    pub(in crate::pump) options: Arc<Options>,
    pub(in crate::pump) wire: Arc<wire::Config>,
    pub(in crate::pump) ports: Arc<Ports>,
    pub(in crate::pump) pattern: Box<dyn Pattern>,
    pub(in crate::pump) io: SocketIo,
    /// Attached pipes.
    pub(in crate::pump) peers: usize,
    pub(in crate::pump) listeners: Vec<usize>,
    pub(in crate::pump) dialers: Vec<usize>,
    /// Every pipe of this socket, attached or not.
    pub(in crate::pump) pipes: Vec<usize>,
    /// Pipes that were let go and still hold messages of this socket.
    pub(in crate::pump) pipes_leaving: usize,
    pub(in crate::pump) closing: Option<Closing>,
    /// Whether the ports were found closed in an earlier turn.
    pub(in crate::pump) close_noticed: bool,
    /// Whether there was a burst since the pump last looked for memory to give back.
    pub(in crate::pump) bursting: bool,
    /// Monitors.
    pub(in crate::pump) watchers: Vec<Watcher>,
    /// Who waits for peers.
    pub(in crate::pump) waits: Vec<Wait>,
    pub(in crate::pump) tally: Tally,
    /// Given back when the socket ends.
    pub(in crate::pump) seat: Option<Seat>,
    /// For a socket of the pump's own.
    pub(in crate::pump) zap_request: Option<ZapRequest>,
}

/// What a pattern's calls fill, and the pump empties.
pub(in crate::pump) struct SocketIo {
    /// Taken from `in`, not placed yet. They count against the high-water mark until released.
    pub(in crate::pump) pending: VecDeque<Message>,
    /// On their way to `out`: pushed in one lock.
    pub(in crate::pump) batch: VecDeque<Message>,
    /// Messages for `out`, which has no room for them: of the pattern's own, and what arrived on
    /// a promise of room that did not hold.
    pub(in crate::pump) notices: VecDeque<Message>,
    /// What became of requests that are waited for one by one: told in one lock.
    pub(in crate::pump) outcomes: Vec<(u64, Outcome)>,
    /// Replies that came too late since `out` was last told.
    pub(in crate::pump) late: usize,
    /// Messages given to peers that did not come through `in`, since that was last told.
    pub(in crate::pump) charged: usize,
    /// Messages that left this library since `in` was last told.
    pub(in crate::pump) released: usize,
    /// Messages lost on their way out since `in` was last told.
    pub(in crate::pump) lost: u64,
    /// Messages that were accepted and will never be on the wire as a whole.
    pub(in crate::pump) undelivered: u64,
    /// Messages lost that `in` has been told of.
    pub(in crate::pump) told: u64,
    /// Replies that came too late, that `out` has been told of.
    pub(in crate::pump) late_told: u64,
    /// All messages that patterns or connections lost.
    pub(in crate::pump) dropped: Dropped,
    /// The most messages one peer may hold; `usize::MAX` for no limit.
    pub(in crate::pump) limit: usize,
    /// Whether each peer has a queue of its own (fan-out).
    pub(in crate::pump) buffers: bool,
    /// Peers near their marks, where senders wait for them.
    pub(in crate::pump) near: Near,
    /// The most messages such a queue holds that loses its oldest.
    pub(in crate::pump) slides: Option<usize>,
}

impl SocketIo {
    /// A message that was taken goes nowhere.
    pub(in crate::pump) fn give_up(&mut self, why: Drop, lossy: bool) {
        self.count(why, 1);
        if !lossy {
            self.released += 1;
        }
    }

    pub(in crate::pump) fn count(&mut self, why: Drop, messages: usize) {
        self.dropped.count(stats::reason(why), messages as u64);
        if why.is_loss() {
            self.lost += messages as u64;
            // A request whose reply is lost was sent.
            if why != Drop::RequestLost {
                self.undelivered += messages as u64;
            }
        }
        if why == Drop::Late {
            self.late += messages;
        }
    }
}

/// A socket on its way out.
pub(in crate::pump) struct Closing {
    /// When to stop flushing; `None` for never.
    pub(in crate::pump) deadline: Option<Instant>,
    pub(in crate::pump) replies: Vec<Reply<Closed>>,
    /// The undelivered messages of the time before.
    pub(in crate::pump) undelivered_before: u64,
    /// The pipe that was found to be waited for last.
    pub(in crate::pump) waits_for: Option<usize>,
    /// Linger is over, and inproc peers get what they have room for.
    pub(in crate::pump) hand_over: Option<HandOver>,
}

/// The end of a socket that has inproc peers.
pub(in crate::pump) struct HandOver {
    /// When to stop, whatever the other pumps do.
    pub(in crate::pump) until: Instant,
    /// Messages that were not with any peer at the last look.
    pub(in crate::pump) left: usize,
}

impl SocketState {
    pub(in crate::pump) fn new(
        serial: u64,
        kind: SocketType,
        options: Arc<Options>,
        ports: Arc<Ports>,
        luck: u32,
    ) -> Result<Self, SocketError> {
        let pattern =
            pattern::pattern(kind, &options, luck).ok_or(SocketError::Unsupported(kind))?;
        Ok(SocketState::with_pattern(
            serial, kind, options, ports, pattern,
        ))
    }

    pub(in crate::pump) fn with_pattern(
        serial: u64,
        kind: SocketType,
        options: Arc<Options>,
        ports: Arc<Ports>,
        pattern: Box<dyn Pattern>,
    ) -> Self {
        SocketState {
            serial,
            kind,
            wire: Arc::new(wire_config(kind, &options)),
            io: SocketIo {
                pending: VecDeque::new(),
                batch: VecDeque::new(),
                notices: VecDeque::new(),
                outcomes: Vec::new(),
                late: 0,
                charged: 0,
                released: 0,
                lost: 0,
                undelivered: 0,
                told: 0,
                late_told: 0,
                dropped: Dropped::default(),
                limit: marks(kind, &options).1,
                buffers: pattern.buffers_per_peer(),
                near: Near::new(kind, &options),
                slides: slides(&options, pattern.buffers_per_peer()),
            },
            options,
            ports,
            pattern,
            peers: 0,
            listeners: Vec::new(),
            dialers: Vec::new(),
            pipes: Vec::new(),
            pipes_leaving: 0,
            closing: None,
            close_noticed: false,
            bursting: false,
            watchers: Vec::new(),
            waits: Vec::new(),
            tally: Tally::default(),
            seat: None,
            zap_request: None,
        }
    }

    /// Whether there are as many peers as the user allows.
    pub(in crate::pump) fn is_crowded(&self) -> bool {
        let most = self.options.max_peers;
        most.is_some_and(|most| self.peers >= most)
    }

    /// Why no peer is taken now, whatever it says of itself.
    pub(in crate::pump) fn is_full(&self) -> Option<Loss> {
        match (self.is_crowded(), self.pattern.is_taken()) {
            (true, _) => Some(Loss::Crowded),
            (false, true) => Some(Loss::Refused),
            (false, false) => None,
        }
    }

    /// Whether there are peers that this socket does not take although their type fits.
    pub(in crate::pump) fn may_refuse(&self) -> bool {
        self.options.max_peers.is_some()
            || self.kind.has_one_peer()
            || self.kind == SocketType::Router
    }

    /// Whether sockets of this type have anything to do with such an endpoint.
    pub(in crate::pump) fn takes(&self, endpoint: &Endpoint) -> bool {
        self.kind != SocketType::Stream || endpoint.inproc_name().is_none()
    }

    /// Counts the unread replies that went when the next request gave theirs up.
    pub(in crate::pump) fn count_late(&mut self) {
        let late = self.ports.latest().map_or(0, Latest::take_late);
        if late > 0 {
            self.io.count(Drop::Late, late);
        }
    }

    /// When linger ends, counted from `now`.
    pub(in crate::pump) fn linger_deadline(&self, now: Instant) -> Option<Instant> {
        match self.options.linger {
            Linger::UntilSent => None,
            Linger::For(duration) => later(now, duration),
        }
    }

    /// Some messages were moved at once, in a buffer with room for more: whether there may be memory
    /// to give back later.
    pub(in crate::pump) fn takes_much(&mut self, messages: usize, room: usize) -> bool {
        let burst = messages >= BURST;
        self.bursting |= burst;
        burst || room > KEPT_BUFFER
    }

    /// Gives the memory that a burst took back, if there was none since the last look. Whether
    /// there is more to come.
    pub(in crate::pump) fn rest(&mut self) -> bool {
        if std::mem::take(&mut self.bursting) {
            return true;
        }
        let io = &mut self.io;
        let mut busy = give_back(&mut io.pending);
        busy |= give_back(&mut io.batch);
        busy |= give_back(&mut io.notices);
        for channel in [self.ports.inward(), self.ports.outward()] {
            busy |= channel.is_some_and(|channel| channel.give_back());
        }
        busy
    }

    /// The high-water marks are per peer: the channels' capacities follow the number of peers.
    pub(in crate::pump) fn fit_capacities(&self) {
        let options = &self.options;
        // The channels, too, know zero as no limit.
        let for_all = |mark: usize| mark.saturating_mul(self.peers.max(1));
        if let Some(inward) = self.ports.inward() {
            if self.io.buffers {
                // Each peer has its own queue.
                let part = marks(self.kind, options).0;
                inward.share_capacity(options.send_high_water_mark, part);
            } else if options.immediate && self.peers == 0 {
                inward.shut();
            } else {
                inward.set_capacity(for_all(options.send_high_water_mark));
            }
        }
        if let Some(outward) = self.ports.outward() {
            outward.set_capacity(for_all(options.receive_high_water_mark));
        }
    }
}

/// Puts messages into `out`, but for replies to requests that were given up.
pub(in crate::pump) fn push(
    ports: &Ports,
    outward: &Channel<Message>,
    batch: &mut VecDeque<Message>,
) {
    match ports.latest() {
        Some(latest) => latest.deliver(outward, batch),
        None => outward.push_batch(batch),
    }
}

/// The most messages `in` holds for types that have a queue per peer (0 for no limit), and the
/// most any peer holds. Where senders wait for peers, what `in` holds for a peer counts against the
/// mark of that peer, too: so no peer can exceed it that holds less than half.
pub(in crate::pump) fn marks(kind: SocketType, options: &Options) -> (usize, usize) {
    match options.send_high_water_mark {
        0 => (0, usize::MAX),
        mark if waits_for_peers(kind, options) => ((mark / 2).max(1), mark),
        mark => (mark, mark),
    }
}

/// Whether a message to nobody is refused: by SERVER and PEER always (libzmq's `EHOSTUNREACH`).
pub(in crate::pump) fn routes_are_mandatory(kind: SocketType, options: &Options) -> bool {
    kind != SocketType::Router || options.router_mandatory
}

/// What a socket says and demands on connections made from now on.
pub(in crate::pump) fn wire_config(kind: SocketType, options: &Options) -> wire::Config {
    wire::Config {
        socket_type: kind,
        oldest_version: options.oldest_zmtp.number(),
        routing_id: options.routing_id.clone(),
        max_frame_size: options.max_frame_size,
        max_message_size: options.message_limit(),
        only_first_subscribe: options.only_first_subscribe,
        handshake_timeout: options.handshake_timeout,
        heartbeat: heartbeat(options),
        authenticates: authenticates(options),
        security: options.security.clone(),
        zap_domain: options.zap_domain.clone(),
        zap_enforce_domain: options.zap_enforce_domain,
        metadata: options.metadata.clone(),
        in_batch_size: options.in_batch_size,
        out_batch_size: options.out_batch_size,
    }
}

/// Whether peers are judged at all (RFC 27; what it leaves open is as with libzmq).
fn authenticates(options: &Options) -> bool {
    let has_domain = !options.zap_domain.is_empty();
    match options.security.mechanism() {
        Mechanism::Null => has_domain,
        Mechanism::Plain => options.security.is_server(),
        Mechanism::Curve => {
            options.security.is_server() && (has_domain || !options.zap_enforce_domain)
        }
    }
}

fn heartbeat(options: &Options) -> Option<wire::Heartbeat> {
    let interval = options.heartbeat_interval?;
    let tenths = options.heartbeat_ttl.unwrap_or_default().as_millis() / 100;
    Some(wire::Heartbeat {
        interval,
        timeout: options.heartbeat_timeout.unwrap_or(interval),
        // The options have been checked for that.
        time_to_live: u16::try_from(tenths).unwrap_or(u16::MAX),
    })
}

/// Where a pattern puts things: the pipes, and the batch for `out`.
pub(in crate::pump) struct PumpOutlet<'a, S> {
    pub(in crate::pump) socket: usize,
    pub(in crate::pump) io: &'a mut SocketIo,
    pub(in crate::pump) ports: &'a Ports,
    pub(in crate::pump) pipes: &'a mut Slab<Pipe<S>>,
    pub(in crate::pump) rooms: &'a mut [Room],
    pub(in crate::pump) queues: &'a mut Queues,
}

impl<S> Outlet for PumpOutlet<'_, S> {
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full> {
        if let Some(most) = self.io.slides {
            return self.slide(peer, message, most);
        }
        let slot = peer.0 as usize;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            debug_assert!(false, "a pattern knows only attached peers");
            return Err(Full);
        };
        let admitted = self.io.near.admits();
        if !admitted && pipe.is_full(self.io.limit, self.io.buffers) {
            pipe.blocked = true;
            return Err(Full);
        }
        match &mut pipe.path {
            Path::Wire(wire) => {
                wire.connection.send(&*message);
                self.queues.flushers.push(slot);
            }
            Path::Inproc(inproc) => {
                if !self.io.buffers {
                    // Reserve the place in the twin's `out`: what was sent is delivered.
                    let room = &mut self.rooms[inproc.twin_socket];
                    if room.reserve(slot, 1) == 0 {
                        pipe.blocked = true;
                        if !std::mem::replace(&mut pipe.waits_for_room, true) {
                            room.queue(slot);
                            self.queues.to_resume.push(inproc.twin_socket);
                        }
                        return Err(Full);
                    }
                }
                inproc.queue.push_back(std::mem::take(message));
                self.queues.transfers.push(slot);
            }
            Path::Cross(cross) => {
                cross.send(std::mem::take(message));
                self.queues.transfers.push(slot);
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "a peer that is not full has a wire or a twin");
                return Err(Full);
            }
        }
        if admitted {
            self.io.near.note(slot, pipe);
        }
        Ok(())
    }

    fn command(&mut self, peer: PeerId, command: Upstream) {
        let slot = peer.0 as usize;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        match &mut pipe.path {
            Path::Wire(wire) => {
                match &command {
                    Upstream::Subscribe(prefix) => wire.connection.subscribe(prefix),
                    Upstream::Cancel(prefix) => wire.connection.cancel(prefix),
                    Upstream::Join(group) => wire.connection.join(group),
                    Upstream::Leave(group) => wire.connection.leave(group),
                }
                self.queues.flushers.push(slot);
            }
            Path::Inproc(inproc) => {
                inproc.controls.push_back(command);
                self.queues.transfers.push(slot);
            }
            Path::Cross(cross) => {
                cross.command(command);
                self.queues.transfers.push(slot);
            }
            Path::Dialing { .. } | Path::Lent => {}
        }
    }

    fn dropped(&mut self, why: Drop, messages: usize) {
        self.io.count(why, messages);
    }

    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize) {
        let pipe = self.pipes.get_mut(peer.0 as usize);
        if let Some(record) = pipe.and_then(|pipe| pipe.record.as_deref_mut()) {
            record.count(why, messages);
        }
    }

    fn deliver(&mut self, message: Message) {
        let room = &mut self.rooms[self.socket];
        if self.io.notices.is_empty() && room.free > 0 {
            room.take(1);
            self.io.batch.push_back(message);
        } else {
            self.io.notices.push_back(message);
            self.queues.to_resume.push(self.socket);
        }
    }

    fn disconnect(&mut self, peer: PeerId) {
        let slot = peer.0 as usize;
        if let Some(pipe) = self.pipes.get(slot) {
            self.queues.dismissed.push((slot, pipe.serial));
        }
    }

    fn unanswered(&mut self, request: u64) {
        self.io.outcomes.push((request, Outcome::PeerLost));
    }

    fn route_added(&mut self, name: &Frame) {
        if let Some(routes) = self.ports.routes() {
            routes.add(name);
        }
    }

    fn route_removed(&mut self, name: &Frame) {
        if let Some(routes) = self.ports.routes() {
            routes.remove(name);
        }
    }

    fn kept(&mut self, name: &Frame, messages: usize) {
        self.io.near.note_kept(name, messages);
    }

    fn interest_changed(&mut self, peer: PeerId) {
        if let Some(pipe) = self.pipes.get_mut(peer.0 as usize) {
            pipe.filter = None;
            self.io.near.changed |= pipe.near;
        }
    }
}

impl<E: Env> Pump<E> {
    /// Lends a socket's pattern and an outlet for it.
    pub(in crate::pump) fn pattern_call<T>(
        &mut self,
        slot: usize,
        call: impl FnOnce(&mut dyn Pattern, &mut PumpOutlet<'_, E::Stream>) -> T,
    ) -> Option<T> {
        let socket = self.sockets.get_mut(slot)?;
        let mut outlet = PumpOutlet {
            socket: slot,
            io: &mut socket.io,
            ports: &socket.ports,
            pipes: &mut self.pipes,
            rooms: &mut self.rooms,
            queues: &mut self.queues,
        };
        let was_blocked = socket.pattern.is_blocked();
        let answer = call(&mut *socket.pattern, &mut outlet);
        let unblocked = (was_blocked && !socket.pattern.is_blocked())
            || std::mem::take(&mut socket.io.near.changed);
        // What the pattern had to tell the user itself.
        if !(socket.io.batch.is_empty() && socket.io.outcomes.is_empty()) {
            self.push_batch(slot);
        }
        if unblocked {
            self.send_later(slot);
        }
        Some(answer)
    }

    /// Lets go the pipes that patterns wanted to end.
    pub(in crate::pump) fn dismiss_all(&mut self) {
        for (slot, serial) in std::mem::take(&mut self.queues.dismissed) {
            let found = self.pipes.get(slot);
            if found.is_some_and(|pipe| pipe.serial == serial) {
                self.dismiss(slot);
            }
        }
    }

    /// Changes a socket's options: marks, linger and what its pattern does change at once, the
    /// rest for what is bound or connected from now on.
    pub(in crate::pump) fn configure(
        &mut self,
        slot: usize,
        seen: &Arc<Options>,
        options: Arc<Options>,
    ) -> Result<bool, ConfigureError> {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return Err(ConfigureError::Disconnected);
        };
        if !Arc::ptr_eq(seen, &socket.options) {
            return Ok(false);
        }
        if options.send_overflow != socket.options.send_overflow {
            return Err(ConfigureError::Fixed("send_overflow"));
        }
        if options.pump != socket.options.pump {
            return Err(ConfigureError::Fixed("pump"));
        }
        if options.receive_overflow != socket.options.receive_overflow {
            return Err(ConfigureError::Fixed("receive_overflow"));
        }
        socket.wire = Arc::new(wire_config(socket.kind, &options));
        if let Some(routes) = socket.ports.routes() {
            routes.set_mandatory(routes_are_mandatory(socket.kind, &options));
        }
        socket.io.limit = marks(socket.kind, &options).1;
        socket.io.near.configure(socket.kind, &options);
        // Only its mark may have changed: the policy is fixed.
        socket.io.slides = slides(&options, socket.io.buffers);
        socket.count_late();
        if let Some(latest) = socket.ports.latest() {
            latest.set_relaxed(options.req_relaxed);
        }
        let before = std::mem::replace(&mut socket.options, Arc::clone(&options));
        socket.fit_capacities();
        let pipes = socket.pipes.clone();
        self.pattern_call(slot, |pattern, outlet| {
            pattern.configure(&options, outlet);
            outlet.interests_changed();
        });
        self.find_near_full(slot);
        if before.invert_matching != options.invert_matching {
            self.discard_unwanted(slot, &[]);
        }
        self.refresh_room(slot);
        self.resume(slot);
        for pipe in pipes {
            self.unblock(pipe);
        }
        self.send_later(slot);
        Ok(true)
    }

    /// The number of attached peers changed by one.
    pub(in crate::pump) fn count_peers(&mut self, slot: usize, joined: bool) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if joined {
            socket.peers += 1;
        } else {
            socket.peers -= 1;
        }
        socket.fit_capacities();
        self.refresh_room(slot);
    }

    /// Hands what was delivered to `out`, and replies to those who wait for them. What goes to
    /// `out` goes behind what waits for room there, and waits itself if there is none: room that
    /// was promised may be gone with another peer's share.
    pub(in crate::pump) fn push_batch(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.zap_request.is_some() {
            for (_, outcome) in std::mem::take(&mut socket.io.outcomes) {
                self.zap_request_ended(slot, outcome);
            }
            return;
        }
        if !socket.io.outcomes.is_empty() {
            let late = socket.ports.calls().settle(&mut socket.io.outcomes);
            socket.io.late += late;
            socket.io.dropped.count(DropReason::Late, late as u64);
        }
        socket.count_late();
        if socket.io.late > 0 {
            let late = std::mem::take(&mut socket.io.late);
            if let Some(outward) = socket.ports.outward() {
                outward.count_dropped(late as u64);
                socket.io.late_told += late as u64;
            }
        }
        let io = &mut socket.io;
        if io.batch.is_empty() {
            return;
        }
        let Some(outward) = socket.ports.outward() else {
            debug_assert!(false, "who receives has an out");
            io.batch.clear();
            return;
        };
        let (moved, room) = (io.batch.len(), io.batch.capacity());
        if io.notices.is_empty() {
            push(&socket.ports, outward, &mut io.batch);
        }
        if !io.batch.is_empty() {
            io.notices.append(&mut io.batch);
            self.queues.to_resume.push(slot);
        }
        if socket.takes_much(moved, room) {
            self.shrink_later();
        }
    }

    /// Gives a socket a place among the senders of this turn.
    pub(in crate::pump) fn send_later(&mut self, slot: usize) {
        if let Some(socket) = self.sockets.get_mut(slot) {
            if socket.ports.inward().is_some() {
                self.queues.senders.push(slot);
            }
        }
    }

    /// Tells `in` how many messages have left, so that more are accepted, and how many are lost.
    pub(in crate::pump) fn settle_credits(&mut self, slot: usize) {
        self.settle_near(slot);
        if let Some(socket) = self.sockets.get_mut(slot) {
            let released = std::mem::take(&mut socket.io.released);
            let lost = std::mem::take(&mut socket.io.lost);
            let charged = std::mem::take(&mut socket.io.charged);
            if let Some(inward) = socket.ports.inward() {
                inward.charge(charged);
                if lost > 0 {
                    inward.count_dropped(lost);
                    socket.io.told += lost;
                }
                if released > 0 {
                    inward.release(released);
                }
            }
        }
    }
}

impl std::ops::Drop for SocketState {
    /// Whatever ends a socket, nobody may wait at its channels any more.
    fn drop(&mut self) {
        self.ports.finish();
    }
}
