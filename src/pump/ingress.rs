//! From the kernel to `out`: readiness, bytes, events, batches.

use std::collections::VecDeque;
use std::io::ErrorKind;

use crate::event::{EventKind, PeerIdentity};
use crate::message::{Message, PeerFrame};
use crate::pattern::{Admission, Pattern, PeerId, Upstream, Violation};
use crate::port::Outcome;
use crate::security::Credentials;
use crate::wire::{CloseReason, Event, Introduction};

use super::counts::PeerRecord;
use super::env::{Env, Readiness};
use super::fair_queue::Rest;
use super::pipe::{Leaving, Loss, Path, Pipe, Wire};
use super::socket::{SocketIo, SocketState};
use super::Pump;

/// Maximum number of bytes that one pipe reads in a turn before other pipes are served: enough to
/// batch, small enough that a pipe with a large message does not delay its neighbours noticeably
/// (about 50 µs of copying).
pub(super) const READ_BUDGET: usize = 256 * 1024;

/// Maximum number of messages decoded before they are passed to the pattern: few enough to be still
/// in the first-level cache.
pub(super) const DECODE_BURST: usize = 128;

/// Passes the new messages of a batch to the pattern, and removes those that it drops, which are
/// counted for the peer too. A violation stops this, and the messages after it are moved to
/// `unseen`.
fn admit_all(
    pattern: &mut dyn Pattern,
    peer: PeerId,
    mut record: Option<&mut PeerRecord>,
    io: &mut SocketIo,
    peer_frame: Option<&PeerFrame>,
    from: usize,
    unseen: &mut VecDeque<Message>,
) -> Result<(), Violation> {
    let mut kept = from;
    let mut outcome = Ok(());
    for index in from..io.batch.len() {
        match pattern.admit(peer, &mut io.batch[index]) {
            Ok(Admission::Deliver) => {
                if kept != index {
                    io.batch.swap(kept, index);
                }
                kept += 1;
            }
            Ok(Admission::Answer) => {
                let mut reply = std::mem::take(&mut io.batch[index]);
                if let Some(frame) = peer_frame {
                    reply.set_peer(frame);
                }
                io.outcomes.push((reply.tag(), Outcome::Replied(reply)));
            }
            Ok(Admission::Drop(why)) => {
                io.credits.count(why, 1);
                if let Some(record) = &mut record {
                    record.count(why, 1);
                }
            }
            Err(violation) => {
                outcome = Err(violation);
                unseen.extend(io.batch.drain(index + 1..));
                break;
            }
        }
    }
    io.batch.truncate(kept);
    outcome
}

/// How far decoding got.
enum Decoded {
    All,
    NoRoom,
    Ready(Box<Introduction>),
    /// The ZAP handler is to be asked about the peer.
    Judge(Credentials),
    Over(Loss),
    /// There is no room for any peer.
    Unwelcome(Loss),
}

/// How a reading slice ended.
enum Slice {
    /// There are no more bytes to read now.
    Dry,
    /// The budget is used up; the rest is for the next turn.
    Budget,
    /// There is no room for messages in `out`, or it is not this pipe's turn.
    Starved,
    /// The pipe ends.
    Over(Loss),
    /// The socket refuses this peer.
    Unwelcome(Loss),
}

impl<E: Env> Pump<E> {
    /// A pipe's source became ready.
    pub(super) fn pipe_is_ready(&mut self, slot: usize, event: Readiness) {
        let Readiness {
            readable,
            read_closed,
            writable,
            ..
        } = event;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        match &mut pipe.path {
            Path::Dialing { .. } => {
                if readable || writable {
                    self.dialed(slot);
                }
            }
            Path::Wire(wire) => {
                wire.readable |= readable;
                wire.read_closed |= read_closed;
                wire.writable |= writable;
                if writable && !wire.has_more() {
                    wire.register_room(&mut self.env, slot, false);
                }
                if readable {
                    self.read_later(slot);
                }
                if writable {
                    self.flush_later(slot);
                }
            }
            Path::Inproc(_) | Path::Cross(_) | Path::Lent => {}
        }
    }

    /// Queues a pipe to be read.
    pub(super) fn read_later(&mut self, slot: usize) {
        if let Some(pipe) = self.pipes.get_mut(slot) {
            if matches!(pipe.path, Path::Wire(_) | Path::Cross(_)) {
                self.queues.readers.push(slot);
            }
        }
    }

    /// Reads one slice from each pipe with something to read.
    pub(super) fn read_all(&mut self) {
        for _ in 0..self.queues.readers.len() {
            let Some(slot) = self.queues.readers.pop() else {
                break;
            };
            let Some(pipe) = self.pipes.get_mut(slot) else {
                continue;
            };
            let socket = pipe.socket;
            if matches!(pipe.path, Path::Cross(_)) {
                match self.read_across(slot) {
                    Rest::Done => {}
                    Rest::Waits | Rest::Full => {
                        if let Some(socket) = socket {
                            self.wait_for_room(slot, socket);
                        }
                    }
                    Rest::Budget => self.read_later(slot),
                }
                continue;
            }
            match pipe.leaving {
                None => {}
                Some(Leaving::Draining(_) | Leaving::Flushing(_)) => {
                    self.discard(slot);
                    continue;
                }
                Some(Leaving::Refused(_, by)) => {
                    self.count_refused(slot, by);
                    continue;
                }
            }
            let Some(socket) = socket else {
                continue;
            };
            if matches!(&pipe.path, Path::Wire(wire) if wire.connection.is_ready()) {
                // Pipes that wait are served in turn; this one joins behind them.
                if !self.fair_queues[socket].is_turn_of(slot) {
                    self.wait_for_room(slot, socket);
                    continue;
                }
            } else {
                self.stop_waiting_for_room(slot);
            }
            match self.read_wire(slot, socket) {
                Rest::Done => {}
                Rest::Waits | Rest::Full => self.wait_for_room(slot, socket),
                Rest::Budget => self.read_later(slot),
            }
        }
    }

    /// Reads one slice from a connection.
    pub(super) fn read_wire(&mut self, slot: usize, socket: usize) -> Rest {
        let slice = self.read_slice(slot, socket);
        self.push_batch(socket);
        match slice {
            Slice::Dry => return Rest::Done,
            Slice::Budget => return Rest::Budget,
            Slice::Starved => return self.why_none(slot, socket),
            Slice::Over(loss) => {
                // The last bytes of the protocol machine, such as ERROR.
                self.flush(slot);
                self.lose(slot, loss);
            }
            Slice::Unwelcome(loss) => self.refuse(slot, loss),
        }
        Rest::Done
    }

    /// Reads and passes on until there are no more bytes, the budget is used up, or `out` is full.
    fn read_slice(&mut self, slot: usize, socket: usize) -> Slice {
        let Some(mut wire) = self.pipes.get_mut(slot).and_then(Pipe::lend_wire) else {
            return Slice::Dry;
        };
        let mut budget = READ_BUDGET;
        let slice = loop {
            match self.decode(slot, socket, &mut wire) {
                Decoded::All => {}
                Decoded::NoRoom => break Slice::Starved,
                Decoded::Over(loss) => break Slice::Over(loss),
                Decoded::Unwelcome(loss) => break Slice::Unwelcome(loss),
                Decoded::Judge(credentials) => {
                    if let Some(judgement) = self.ask_to_judge(slot, &wire, &credentials) {
                        wire.connection.judged(judgement);
                    }
                    continue;
                }
                Decoded::Ready(info) => {
                    // The pattern may have something to send to the new peer.
                    self.give_back(slot, wire);
                    let welcome = self.meet(slot, *info);
                    match self.pipes.get_mut(slot).and_then(Pipe::lend_wire) {
                        Some(lent) => wire = lent,
                        None => return Slice::Dry,
                    }
                    if let Err(loss) = welcome {
                        break Slice::Unwelcome(loss);
                    }
                    continue;
                }
            }
            if budget == 0 {
                break Slice::Budget;
            }
            if !wire.readable {
                self.traffic.expects_more = wire.connection.expects_more();
                break Slice::Dry;
            }
            // While the ZAP handler is asked, the connection is still read, so that its end is
            // noticed and the request cancelled. Bytes received are kept undecoded; a peer that
            // waits sends none.
            if wire.connection.awaits_judgement() && !wire.connection.wants_read() {
                let what = String::from("data from a peer that is being judged");
                break Slice::Over(Loss::Wire(CloseReason::UnexpectedCommand(what)));
            }
            debug_assert!(wire.connection.wants_read(), "everything here is decoded");
            match wire.fill(self.now) {
                Ok(0) => break Slice::Over(Loss::PeerClosed),
                Ok(read) => {
                    budget = budget.saturating_sub(read);
                    self.traffic.read += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => wire.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Slice::Over(Loss::Io(error.into())),
            }
        };
        self.give_back(slot, wire);
        slice
    }

    /// Passes on what is buffered: messages to the pattern and into the batch for `out`, commands
    /// to the pattern.
    fn decode(&mut self, slot: usize, socket: usize, wire: &mut Wire<E::Stream>) -> Decoded {
        let peer = PeerId(slot as u32);
        loop {
            // A handshake needs no room in `out`, and must not wait for it. But a pattern may
            // notify the user of a new peer: while the last such notice waits for room, the new
            // peer waits too, as otherwise peers that connect and disconnect could exhaust memory.
            if !wire.connection.is_ready() {
                let notices = self.sockets.get(socket).map(|socket| &socket.io.notices);
                if notices.is_some_and(|notices| !notices.is_empty()) && !self.has_room(socket) {
                    return Decoded::NoRoom;
                }
                let full = self.sockets.get(socket).and_then(SocketState::is_full);
                wire.connection.set_full(full.is_some());
                match (wire.connection.poll_event(), full) {
                    (None, _) => return Decoded::All,
                    (Some(Event::Closed(CloseReason::NoRoom)), Some(loss)) => {
                        if let Some(found) = self.sockets.get_mut(socket) {
                            found.observers.tally.refused += 1;
                        }
                        return Decoded::Unwelcome(loss);
                    }
                    (Some(event), _) => match self.control(socket, peer, event) {
                        Some(stop) => return stop,
                        None => continue,
                    },
                }
            }
            let limit = self.room_for(slot, socket).min(DECODE_BURST);
            if limit == 0 {
                return Decoded::NoRoom;
            }
            let Some(found) = self.sockets.get_mut(socket) else {
                return Decoded::Over(Loss::PeerClosed);
            };
            let batch = &mut found.io.batch;
            let from = batch.len();
            let event = wire.connection.poll_messages(batch, limit);
            let decoded = batch.len() - from;
            let full = decoded == limit;
            if decoded > 0 {
                wire.counts.messages_in += decoded as u64;
                let (delivered, admitted) = self.admit(socket, peer, from, &mut VecDeque::new());
                self.fair_queues[socket].spend(delivered);
                if let Err(violation) = admitted {
                    return Decoded::Over(Loss::Violation(violation));
                }
            }
            match event {
                None if full => {}
                None => return Decoded::All,
                Some(event) => {
                    if let Some(stop) = self.control(socket, peer, event) {
                        return stop;
                    }
                }
            }
        }
    }

    /// Passes the messages received for a socket, those in its batch from `from` on, to its
    /// pattern, up to a violation. Returns how many go to `out`.
    pub(super) fn admit(
        &mut self,
        socket: usize,
        peer: PeerId,
        from: usize,
        unseen: &mut VecDeque<Message>,
    ) -> (usize, Result<(), Violation>) {
        let Some(found) = self.sockets.get_mut(socket) else {
            return (0, Ok(()));
        };
        let peer_frame = match found.io.message_peers {
            true => self.pipes.get(peer.0 as usize).and_then(Pipe::peer_frame),
            false => None,
        };
        let was_blocked = found.pattern.is_blocked();
        let admitted = match found.pattern.admits_all(peer) {
            true => {
                let new = found.io.batch.range_mut(from..);
                new.for_each(|message| message.set_tag(0));
                Ok(())
            }
            false => {
                let pipe = self.pipes.get_mut(peer.0 as usize);
                let record = pipe.and_then(|pipe| pipe.record.as_deref_mut());
                admit_all(
                    &mut *found.pattern,
                    peer,
                    record,
                    &mut found.io,
                    peer_frame.as_ref(),
                    from,
                    unseen,
                )
            }
        };
        if let Some(frame) = &peer_frame {
            let new = found.io.batch.range_mut(from..);
            new.for_each(|message| message.set_peer(frame));
        }
        let unblocked = was_blocked && !found.pattern.is_blocked();
        let delivered = found.io.batch.len() - from;
        self.fair_queues[socket].take(delivered);
        if unblocked {
            self.send_later(socket);
        }
        (delivered, admitted)
    }

    /// Handles an event other than a message; returns how that ends the decoding, if it does.
    fn control(&mut self, socket: usize, peer: PeerId, event: Event) -> Option<Decoded> {
        let command = match event {
            Event::Subscribe(prefix) => Upstream::Subscribe(prefix),
            Event::Cancel(prefix) => Upstream::Cancel(prefix),
            Event::Join(group) => Upstream::Join(group),
            Event::Leave(group) => Upstream::Leave(group),
            Event::Closed(reason) => return Some(Decoded::Over(Loss::Wire(reason))),
            Event::Ready(info) => return Some(Decoded::Ready(info)),
            Event::Authenticate(credentials) => return Some(Decoded::Judge(credentials)),
            Event::Message(_) => {
                debug_assert!(false, "messages went into the batch");
                return None;
            }
        };
        match self.pattern_call(socket, |pattern, outlet| {
            pattern.heed(peer, command, outlet.receiving_from(peer))
        }) {
            Some(Ok(())) => None,
            Some(Err(violation)) => Some(Decoded::Over(Loss::Violation(violation))),
            None => Some(Decoded::Over(Loss::Asked)),
        }
    }

    /// The handshake on a wire is done.
    fn meet(&mut self, slot: usize, info: Introduction) -> Result<(), Loss> {
        let intro = self.intro(slot, &info);
        let identity = PeerIdentity {
            socket_type: intro.socket_type,
            routing_id: intro.routing_id.clone(),
            version: Some(info.version),
            properties: info.properties,
            user_id: info.allowed.user_id,
            authenticated: info.allowed.metadata,
        };
        self.attach(slot, &intro, &identity)?;
        self.reach_afar(slot);
        self.send_probe(slot);
        self.tell_pipe(slot, || EventKind::HandshakeSucceeded(identity));
        Ok(())
    }

    /// Callers that wait for messages of this socket may have to poll the network from now on.
    fn reach_afar(&self, slot: usize) {
        let socket = self
            .pipes
            .get(slot)
            .and_then(|pipe| self.sockets.get(pipe.socket?));
        if let Some(socket) = socket {
            socket.ports.reach_afar();
        }
    }

    /// Puts a wire back into its pipe; the protocol machine may have a reply to write or a new
    /// deadline.
    fn give_back(&mut self, slot: usize, wire: Box<Wire<E::Stream>>) {
        if wire.active {
            self.shrink_later();
        }
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.path = Path::Wire(wire);
        }
        self.follow_up(slot);
    }
}
