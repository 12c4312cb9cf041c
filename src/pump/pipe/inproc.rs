//! Pipes between two sockets of one pump: no bytes, messages are moved. Pipes between two pumps of
//! one context are in [`cross_pump`](super::cross_pump).

use std::collections::VecDeque;

use crate::event::{EventKind, PeerIdentity};
use crate::message::{Frame, Message};
use crate::options::Overflow;
use crate::pattern::{PeerId, PeerIntro, Upstream, Violation};
use crate::socket_type::SocketType;
use crate::sync::bounded::move_some;
use crate::wire::CloseReason;

use crate::pump::counts::{pass_on, pass_on_all, payload_len, Counts};
use crate::pump::env::Env;
use crate::pump::fair_queue::Rest;
use crate::pump::Pump;

use super::{Loss, Origin, Path};

/// Maximum number of messages that one inproc pipe moves in a turn before other pipes are served.
const TRANSFER_BUDGET: usize = 1024;

pub(in crate::pump) struct Inproc {
    /// The pipe at the other end, until either has ended.
    pub(in crate::pump) twin: Option<usize>,
    pub(in crate::pump) twin_socket: usize,
    /// The hello message, which is sent first and does not count against the high-water mark.
    pub(in crate::pump) hello: Option<Message>,
    pub(in crate::pump) controls: VecDeque<Upstream>,
    pub(in crate::pump) queue: VecDeque<Message>,
    pub(in crate::pump) counts: Counts,
}

impl Inproc {
    pub(in crate::pump) fn new(twin: Option<usize>, twin_socket: usize) -> Self {
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

impl<E: Env> Pump<E> {
    /// Connects a dialer's socket and a listener's socket; false if either refuses the other, which
    /// the monitors of both report.
    pub(in crate::pump) fn join(&mut self, dialer: usize, listener: usize) -> bool {
        let (Some(dialing), Some(listening)) =
            (self.dialers.get(dialer), self.listeners.get(listener))
        else {
            return false;
        };
        let (near, far) = (dialing.socket, listening.socket);
        let (Some(near_socket), Some(far_socket)) = (self.sockets.get(near), self.sockets.get(far))
        else {
            return false;
        };
        let (near_type, far_type) = (near_socket.kind, far_socket.kind);
        let near_intro = intro(near_type, &near_socket.options.protocol.routing_id);
        let far_intro = PeerIntro {
            alias: dialing.alias.as_ref().map(Frame::from),
            dialer: self.dialer_serial(dialer),
            ..intro(far_type, &far_socket.options.protocol.routing_id)
        };
        let half = |twin, twin_socket| Path::Inproc(Inproc::new(twin, twin_socket));
        // The far half is told its twin's slot below, once that is known.
        let far_pipe = self.add_pipe(far, Origin::Accepted(listener), half(None, near));
        let near_pipe = self.add_pipe(near, Origin::Dialed(dialer), half(Some(far_pipe), far));
        if let Some(Path::Inproc(inproc)) = self.pipes.get_mut(far_pipe).map(|pipe| &mut pipe.path)
        {
            inproc.twin = Some(near_pipe);
        }
        if let Some(dialing) = self.dialers.get_mut(dialer) {
            dialing.set_pipe(near_pipe);
        }
        self.tell_pipe(near_pipe, || EventKind::Connected);
        self.tell_pipe(far_pipe, || EventKind::Accepted);
        if !near_type.accepts(far_type) {
            // As with a connection, each end finds the error itself.
            self.part_twins(near_pipe, far_pipe);
            self.lose(far_pipe, incompatible(far_type, near_type));
            self.lose(near_pipe, incompatible(near_type, far_type));
            return false;
        }
        for (pipe, intro) in [(far_pipe, near_intro), (near_pipe, far_intro)] {
            let identity = PeerIdentity::nearby(intro.socket_type, intro.routing_id.clone());
            if let Err(loss) = self.attach(pipe, &intro, &identity) {
                self.lose(pipe, loss);
                return false;
            }
            self.tell_pipe(pipe, || EventKind::HandshakeSucceeded(identity));
        }
        self.send_probe(near_pipe);
        self.send_probe(far_pipe);
        true
    }

    /// Queues an inproc pipe, if it has something for its twin.
    pub(in crate::pump) fn transfer_later(&mut self, slot: usize) {
        if let Some(Path::Inproc(inproc)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
            let something =
                !inproc.queue.is_empty() || !inproc.controls.is_empty() || inproc.hello.is_some();
            if something {
                self.queues.transfers.push(slot);
            }
        }
    }

    /// Moves the messages of queued inproc pipes to their twins.
    pub(in crate::pump) fn transfer_all(&mut self) {
        for _ in 0..self.queues.transfers.len() {
            let Some(slot) = self.queues.transfers.pop() else {
                break;
            };
            match self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
                Some(Path::Inproc(_)) => self.transfer_now(slot),
                Some(Path::Cross(cross)) => {
                    let lost = cross.transfer();
                    self.count_dropped_oldest(slot, lost);
                }
                _ => {}
            }
        }
    }

    /// Moves the messages of an inproc pipe that ends, as long as there is room for them: the pipe
    /// is removed before its turn.
    pub(in crate::pump) fn transfer_rest(&mut self, slot: usize) {
        let mut left = usize::MAX;
        loop {
            let held = self.pipes.get(slot).map_or(0, |pipe| pipe.held());
            if held == 0 || held == left {
                return;
            }
            left = held;
            self.transfer(slot, Pump::has_room_at_all);
        }
    }

    /// Moves the messages of one inproc pipe; those that remain wait for room.
    fn transfer_now(&mut self, slot: usize) {
        match self.transfer(slot, Pump::room_for) {
            Rest::Done => {}
            Rest::Waits | Rest::Full => {
                if let Some(Path::Inproc(inproc)) = self.pipes.get(slot).map(|pipe| &pipe.path) {
                    let far = inproc.twin_socket;
                    self.wait_for_room(slot, far);
                }
            }
            Rest::Budget => self.transfer_later(slot),
        }
    }

    /// The turn of a half of an inproc pair: it passes on the messages it holds, and its socket may
    /// send through it as long as its share lasts.
    pub(in crate::pump) fn send_in_turn(&mut self, slot: usize) -> Rest {
        let rest = self.transfer(slot, Pump::room_for);
        let Some(pipe) = self.pipes.get(slot) else {
            return Rest::Done;
        };
        let Some(socket) = pipe.socket else {
            return rest;
        };
        if rest != Rest::Done
            || self
                .sockets
                .get(socket)
                .is_none_or(|socket| socket.io.buffers)
        {
            return rest;
        }
        self.set_writable(slot);
        self.service(socket);
        self.settle_credits(socket);
        self.transfer(slot, Pump::room_for);
        match self.pipes.get(slot).is_some_and(|pipe| pipe.blocked) {
            true => Rest::Waits,
            false => Rest::Done,
        }
    }

    fn has_room_at_all(&mut self, _pipe: usize, socket: usize) -> usize {
        usize::from(self.has_room(socket))
    }

    /// Moves the messages of one inproc pipe to its twin's socket, as long as there is `room` for
    /// them.
    fn transfer(&mut self, slot: usize, room: fn(&mut Self, usize, usize) -> usize) -> Rest {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return Rest::Done;
        };
        let Some(socket) = pipe.socket else {
            return Rest::Done;
        };
        let Path::Inproc(inproc) = &mut pipe.path else {
            return Rest::Done;
        };
        if inproc.queue.is_empty() && inproc.controls.is_empty() && inproc.hello.is_none() {
            return Rest::Done;
        }
        let (Some(twin), far) = (inproc.twin, inproc.twin_socket) else {
            return Rest::Done;
        };
        let controls = std::mem::take(&mut inproc.controls);
        let has_hello = inproc.hello.is_some();
        let buffers = self
            .sockets
            .get(socket)
            .is_some_and(|socket| socket.io.buffers);
        if !self.deliver_controls(far, twin, controls) {
            return Rest::Done;
        }
        if has_hello {
            if room(self, slot, far) == 0 {
                return self.why_none(slot, far);
            }
            if !self.deliver_hello(slot, far, twin) {
                return Rest::Done;
            }
        }
        let (mut moved, mut payload) = (0, 0);
        let mut violation = None;
        let rest = loop {
            let mut most = TRANSFER_BUDGET - moved;
            if most == 0 {
                break Rest::Budget;
            }
            if buffers {
                most = most.min(room(self, slot, far));
                if most == 0 && self.pipes.get(slot).is_some_and(|pipe| pipe.held() > 0) {
                    break self.why_none(slot, far);
                }
            }
            let (some, bytes, outcome) = self.move_some(slot, far, most, !buffers);
            moved += some;
            payload += bytes;
            violation = outcome.err();
            if some < most || most == 0 || violation.is_some() {
                break Rest::Done;
            }
        };
        self.push_batch(far);
        self.count_transfer(slot, twin, moved, payload);
        if let Some(socket) = self.sockets.get_mut(socket) {
            if !buffers && socket.options.queues.send_overflow == Overflow::Block {
                socket.io.credits.released += moved;
            }
        }
        self.settle_credits(socket);
        if let Some(violation) = violation {
            self.lose(twin, Loss::Violation(violation));
            return Rest::Done;
        }
        self.unblock(slot);
        rest
    }

    /// Moves up to `most` messages to the twin's socket; returns how many, their size in bytes, and
    /// whether the pattern there accepted them. Room was reserved for them, or is part of a share.
    fn move_some(
        &mut self,
        slot: usize,
        far: usize,
        most: usize,
        promised: bool,
    ) -> (usize, u64, Result<(), Violation>) {
        let (Some(pipe), Some(found)) = (self.pipes.get_mut(slot), self.sockets.get_mut(far))
        else {
            return (0, 0, Ok(()));
        };
        let Path::Inproc(inproc) = &mut pipe.path else {
            return (0, 0, Ok(()));
        };
        let Some(twin) = inproc.twin else {
            return (0, 0, Ok(()));
        };
        let (batch, peer) = (&mut found.io.batch, PeerId(twin as u32));
        let from = batch.len();
        let moved = move_some(&mut inproc.queue, batch, most);
        let payload: u64 = pass_on_all(batch, from);
        if promised {
            self.fair_queues[far].redeem(moved);
        }
        let mut unseen = VecDeque::new();
        let (delivered, outcome) = self.admit(far, peer, from, &mut unseen);
        match promised {
            true => self.fair_queues[far].pledge(unseen.len()),
            false => self.fair_queues[far].spend(delivered),
        }
        if unseen.is_empty() {
            return (moved, payload, outcome);
        }
        // They are the unsent messages of a pipe that is about to end.
        let unmoved = unseen.len();
        let unpaid: u64 = unseen.iter().map(payload_len).sum();
        if let Some(Path::Inproc(inproc)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
            unseen.append(&mut inproc.queue);
            inproc.queue = unseen;
        }
        (moved - unmoved, payload - unpaid, outcome)
    }

    /// Passes subscriptions and other commands to the twin's pattern; false if that ended the twin.
    fn deliver_controls(&mut self, far: usize, twin: usize, controls: VecDeque<Upstream>) -> bool {
        let peer = PeerId(twin as u32);
        for control in controls {
            let heeded = self.pattern_call(far, |pattern, outlet| {
                pattern.heed(peer, control, outlet.receiving_from(peer))
            });
            let loss = match heeded {
                Some(Ok(())) => continue,
                Some(Err(violation)) => Loss::Violation(violation),
                None => Loss::Asked,
            };
            self.lose(twin, loss);
            return false;
        }
        true
    }

    /// Passes on the hello message; false if it was not accepted.
    fn deliver_hello(&mut self, slot: usize, far: usize, twin: usize) -> bool {
        let hello = match self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
            Some(Path::Inproc(inproc)) => inproc.hello.take(),
            _ => None,
        };
        let Some(mut hello) = hello else {
            return true;
        };
        let payload = pass_on(&mut hello);
        let Some(found) = self.sockets.get_mut(far) else {
            return true;
        };
        let from = found.io.batch.len();
        found.io.batch.push_back(hello);
        let (delivered, received) =
            self.admit(far, PeerId(twin as u32), from, &mut VecDeque::new());
        self.fair_queues[far].spend(delivered);
        self.push_batch(far);
        self.count_transfer(slot, twin, 1, payload);
        if let Err(violation) = received {
            self.lose(twin, Loss::Violation(violation));
            return false;
        }
        true
    }

    /// Counts the messages moved from one half of an inproc pair to the other.
    fn count_transfer(&mut self, from: usize, to: usize, messages: usize, bytes: u64) {
        let mut count = |slot: usize, count: fn(&mut Counts, u64, u64)| {
            if let Some(Path::Inproc(inproc)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path)
            {
                count(&mut inproc.counts, messages as u64, bytes);
            }
        };
        count(from, |counts, messages, bytes| {
            counts.messages_out += messages;
            counts.bytes_out += bytes;
        });
        count(to, |counts, messages, bytes| {
            counts.messages_in += messages;
            counts.bytes_in += bytes;
        });
    }

    /// From here on each half of an inproc pair ends by itself.
    fn part_twins(&mut self, near: usize, far: usize) {
        for slot in [near, far] {
            if let Some(Path::Inproc(inproc)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path)
            {
                inproc.twin = None;
            }
        }
    }

    /// One half of an inproc pair ends: so does the other, after the messages sent to it are
    /// delivered.
    pub(in crate::pump) fn release_twin(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Path::Inproc(inproc) = &mut pipe.path else {
            return;
        };
        let Some(twin) = inproc.twin.take() else {
            return;
        };
        if let Some(other) = self.pipes.get_mut(twin) {
            if let Path::Inproc(inproc) = &mut other.path {
                if inproc.twin == Some(slot) {
                    inproc.twin = None;
                    self.lose(twin, Loss::PeerClosed);
                }
            }
        }
    }
}

/// The end of a pipe within this context between incompatible socket types: the same as the
/// handshake of a connection would result in.
pub(in crate::pump) fn incompatible(ours: SocketType, theirs: SocketType) -> Loss {
    Loss::Wire(CloseReason::IncompatibleSocketType {
        ours,
        theirs: theirs.name().to_owned(),
    })
}

pub(in crate::pump) fn intro(socket_type: SocketType, routing_id: &[u8]) -> PeerIntro {
    let routing_id = match socket_type.announces_identity() {
        true => Frame::from(routing_id),
        false => Frame::empty(),
    };
    PeerIntro {
        socket_type: Some(socket_type),
        routing_id,
        alias: None,
        dialer: None,
    }
}
