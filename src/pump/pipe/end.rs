//! How a pipe ends: lost, refused, or released by its socket.

use std::time::{Duration, Instant};

use crate::event::DisconnectReason;
use crate::message::Message;
use crate::pattern::PeerId;
use crate::pump::env::Env;
use crate::pump::timers::Timer;
use crate::pump::{Pump, SocketId};
use crate::socket_type::SocketType;
use crate::statistics::DropReason;

use super::loss::{Greeted, Leaving, Loss, Origin};
use super::Path;

/// How long a pipe that has finished writing waits for the peer to close, so that the kernel does
/// not discard bytes in flight.
const DRAIN_TIME: Duration = Duration::from_secs(1);

impl<E: Env> Pump<E> {
    /// Ends a pipe: the pattern forgets it, and its dialer tries again if there is one and it
    /// should.
    pub(in crate::pump) fn lose(&mut self, slot: usize, loss: Loss) {
        self.count_written(slot);
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let (socket, origin, serial) = (pipe.socket, pipe.origin, pipe.serial);
        let greeted = match pipe.path {
            // Within a context the comparison of the two socket types is the whole handshake.
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
        if let Some(socket) = socket.and_then(|socket| self.sockets.get_mut(socket)) {
            socket.forget_pipe(slot);
            if let Origin::Dialed(dialer) = origin {
                self.pipe_ended(dialer, slot, &loss, greeted);
            }
        }
    }

    /// Takes back the messages of a lost pipe: those of which nothing was written are sent again
    /// first.
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
                let socket = pipe.socket.and_then(|socket| self.sockets.get(socket));
                let buffers = socket.is_some_and(|socket| socket.io.buffers);
                if let (Some(room), false) = (self.fair_queues.get_mut(inproc.twin_socket), buffers)
                {
                    room.redeem(inproc.queue.len());
                }
                inproc.queue.drain(..).collect()
            }
            Path::Dialing { .. } | Path::Lent => Vec::new(),
        };
        let Some(socket_slot) = pipe.socket else {
            return;
        };
        let Some(socket) = self.sockets.get_mut(socket_slot) else {
            return;
        };
        // Messages that are neither sent again nor lost no longer count against the high-water
        // mark.
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
        socket.io.credits.undelivered += lost as u64;
        // A lost request is reported by its pattern, which waits for the reply.
        if !is_req {
            socket.io.credits.lost += lost as u64;
            let why = DropReason::ConnectionLost;
            socket.io.credits.dropped.count(why, lost as u64);
        }
        if !socket.io.buffers {
            socket.io.credits.released += lost + uncharged;
        }
        self.settle_credits(socket_slot);
        self.send_later(socket_slot);
    }

    /// Ends a pipe whose peer is refused. A peer that has received the last command of the
    /// handshake considers itself connected, and may have sent messages: these are read for a
    /// while, to be counted.
    pub(in crate::pump) fn refuse(&mut self, slot: usize, loss: Loss) {
        let until = self.now + DRAIN_TIME;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Some(socket) = pipe.socket else {
            return self.lose(slot, loss);
        };
        let refused_by = self.sockets.get(socket).map(|found| SocketId {
            slot: socket,
            serial: found.serial,
        });
        let believes = match &mut pipe.path {
            // If a command is unwritten, it must not be the one that completes the handshake.
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
            pipe.permit = None;
            pipe.leaving = Some(Leaving::Refused(until, refused_by));
            pipe.socket = None;
        }
        if let Some(found) = self.sockets.get_mut(socket) {
            found.forget_pipe(slot);
        }
        if let Origin::Dialed(dialer) = origin {
            self.pipe_ended(dialer, slot, &loss, Greeted::Begun);
        }
        self.timers.set(until, Timer::Pipe(slot));
        self.read_later(slot);
    }

    /// A handshake is finished, or its connection ended.
    pub(super) fn leave_handshakes(&mut self, slot: usize) {
        if let Some(pipe) = self.pipes.get_mut(slot) {
            if let Some(source) = pipe.unfinished.take() {
                self.handshakes.leave(&source, pipe.serial);
            }
        }
    }

    /// Counts and reports the end of a pipe.
    fn record_end(&mut self, slot: usize, attached: bool, loss: &Loss) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let (socket, counts) = (pipe.socket, pipe.counts());
        let connected = !matches!(pipe.path, Path::Dialing { .. });
        let origin = pipe.origin;
        if let Some(socket) = socket {
            self.fold_counts(socket, counts);
        }
        if connected && !attached && !matches!(loss, Loss::Asked) {
            let dialer = match origin {
                Origin::Dialed(dialer) => self.dialers.get_mut(dialer),
                Origin::Accepted(_) => None,
            };
            if let Some(dialer) = dialer {
                dialer.handshakes_failed += 1;
            }
            if let Some(socket) = socket.and_then(|socket| self.sockets.get_mut(socket)) {
                socket.observers.tally.handshakes_failed += 1;
            }
        }
        self.tell_end(slot, attached, loss.reason());
    }

    /// Releases a pipe from its socket: no new messages, but staged ones are written until
    /// `deadline`.
    pub(in crate::pump) fn retire(&mut self, slot: usize, deadline: Option<Instant>) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.leaving.is_some() {
            return;
        }
        let Some(socket) = pipe.socket else {
            return;
        };
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
        // From here on socket and pipe have no reference to each other: messages that the pipe
        // holds count as written, and no longer count against the high-water mark.
        pipe.leaving = Some(Leaving::Flushing(deadline));
        pipe.socket = None;
        let held = pipe.held();
        if let Some(found) = self.sockets.get_mut(socket) {
            found.forget_pipe(slot);
            if !found.io.buffers {
                found.io.credits.released += held;
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

    /// A released pipe has written what it held for its socket, except `lost` messages.
    fn has_left(&mut self, left_socket: SocketId, lost: usize) {
        if let Some(socket) = self
            .find(left_socket)
            .and_then(|slot| self.sockets.get_mut(slot))
        {
            socket.pipes_leaving -= 1;
            socket.io.credits.undelivered += lost as u64;
        }
    }

    /// Closes the write side of a pipe whose last byte is written, and waits for the peer to do the
    /// same.
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
        self.read_later(slot);
    }
}
