//! From `in` to the kernel: batches, peers, staging, writes.

use std::io::{ErrorKind, IoSlice, Write};
use std::sync::Arc;

use crate::options::Overflow;
use crate::pattern::{Drop, PeerId, Verdict};
use crate::port::Latest;
use crate::socket_type::SocketType;
use crate::sync::bounded::move_some;
use crate::wire::MAX_SLICES;

use super::env::Env;
use super::pipe::{Leaving, Loss, Path};
use super::transport::SHORT_ENDS_READINESS;
use super::Pump;

/// Maximum number of messages that one socket sends in a turn before other sockets are serviced.
const SEND_BUDGET: usize = 1024;

/// Maximum number of bytes that one pipe writes in a turn before other pipes are serviced.
const WRITE_BUDGET: usize = 1024 * 1024;

impl<E: Env> Pump<E> {
    /// Services each socket with messages to send, up to its budget.
    pub(super) fn send_all(&mut self) {
        for _ in 0..self.queues.senders.len() {
            let Some(slot) = self.queues.senders.pop() else {
                break;
            };
            if self.sockets.contains(slot) {
                self.service(slot);
                self.settle_credits(slot);
            }
        }
    }

    /// Messages accepted before a command that removes peers still go to those peers.
    pub(super) fn send_first(&mut self, slot: usize) {
        self.service(slot);
        self.settle_credits(slot);
    }

    /// Moves messages from `in` to peers until there are none, no peer takes the next one, or the
    /// budget is used up.
    pub(super) fn service(&mut self, slot: usize) {
        if !self.service_requests(slot) {
            self.send_later(slot);
        }
        let mut budget = SEND_BUDGET;
        while budget > 0 {
            let most = self.batch(slot).min(budget);
            let Some(socket) = self.sockets.get_mut(slot) else {
                return;
            };
            let mut more = true;
            if socket.io.pending.is_empty() {
                if socket.pattern.is_blocked() {
                    return;
                }
                let Some(inward) = socket.ports.inward() else {
                    return;
                };
                more = inward.take(most, &mut socket.io.pending);
            }
            let taken = socket.io.pending.len();
            if socket.takes_much(taken, socket.io.pending.capacity()) {
                self.shrink_later();
            }
            if !self.submit_pending(slot) {
                if !more {
                    self.disarm_consumer(slot);
                }
                return;
            }
            if !more {
                return;
            }
            budget = budget.saturating_sub(taken);
        }
        self.send_later(slot);
    }

    /// Disarms the notification for the next message: the messages taken before it wait for a peer,
    /// and when that has room, the pump takes more.
    fn disarm_consumer(&self, slot: usize) {
        let inward = self
            .sockets
            .get(slot)
            .and_then(|socket| socket.ports.inward());
        if let Some(inward) = inward {
            inward.disarm_consumer();
        }
    }

    /// The number of messages to take at once: as many as possible. Taking all swaps the buffers at
    /// the cost of one message; a part is moved one by one.
    fn batch(&self, slot: usize) -> usize {
        let Some(socket) = self.sockets.get(slot) else {
            return 0;
        };
        // A policy that drops works on messages in the channel: take one at a time, so that those
        // waiting can be replaced.
        if socket.options.queues.send_overflow != Overflow::Block {
            return 1;
        }
        let sole = socket.pattern.sole_peer();
        let pipe = sole.and_then(|PeerId(peer)| self.pipes.get(peer as usize));
        match pipe.map(|pipe| &pipe.path) {
            Some(Path::Inproc(inproc)) => self.fair_queues[inproc.twin_socket].free.max(1),
            _ => SEND_BUDGET,
        }
    }

    /// Submits requests of pending calls to the pattern, and makes it forget cancelled ones.
    /// Returns false if the budget is used up first.
    fn service_requests(&mut self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return true;
        };
        if socket.kind != SocketType::Req {
            return true;
        }
        let ports = Arc::clone(&socket.ports);
        if ports.latest().is_some_and(Latest::is_relaxed) {
            // Requests accepted in the meantime may have made replies late.
            self.push_batch(slot);
        }
        let mut given_up = Vec::new();
        ports.calls().look(&mut given_up);
        let done = self.pattern_call(slot, |pattern, outlet| {
            given_up.iter().for_each(|&tag| pattern.forget(tag));
            for _ in 0..SEND_BUDGET {
                let Some(mut request) = ports.calls().take() else {
                    return true;
                };
                if pattern.submit(&mut request, outlet) != Verdict::Sent {
                    ports.calls().put_back(request);
                    return true;
                }
                outlet.io.credits.charged += 1;
            }
            false
        });
        done.unwrap_or(true)
    }

    /// Submits the messages taken to the pattern; false when no peer takes the next one.
    fn submit_pending(&mut self, slot: usize) -> bool {
        self.send_to_sole_peer(slot);
        let Some(socket) = self.sockets.get_mut(slot) else {
            return false;
        };
        if socket.io.pending.is_empty() {
            return true;
        }
        let lossy = socket.options.queues.send_overflow != Overflow::Block;
        let mut pending = std::mem::take(&mut socket.io.pending);
        let placed = self.pattern_call(slot, |pattern, outlet| {
            while let Some(message) = pending.front_mut() {
                match pattern.submit(message, outlet) {
                    Verdict::Sent => {
                        // With a queue per peer, the messages count in those queues from here on.
                        if outlet.io.buffers && !lossy {
                            outlet.io.credits.released += 1;
                        }
                    }
                    Verdict::Dropped(why) => outlet.io.give_up(why, lossy),
                    // The ports refuse such messages before accepting them.
                    Verdict::Refused(_) => outlet.io.give_up(Drop::PeerGone, lossy),
                    Verdict::Blocked => return false,
                }
                pending.pop_front();
            }
            true
        });
        if let Some(socket) = self.sockets.get_mut(slot) {
            debug_assert!(socket.io.pending.is_empty());
            socket.io.pending = pending;
        }
        placed.unwrap_or(false)
    }

    /// Moves the messages taken to the only peer, as long as it has room: the pattern would do the
    /// same with each of them.
    fn send_to_sole_peer(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        let Some(PeerId(peer)) = socket.pattern.sole_peer() else {
            return;
        };
        let pipe = peer as usize;
        debug_assert!(
            !socket.io.buffers,
            "a socket with a queue per peer asks for each message"
        );
        match self.pipes.get_mut(pipe).map(|pipe| &mut pipe.path) {
            Some(Path::Inproc(inproc)) => {
                // Its room is in the twin's `out`.
                let room =
                    self.fair_queues[inproc.twin_socket].reserve(pipe, socket.io.pending.len());
                move_some(&mut socket.io.pending, &mut inproc.queue, room);
                self.transfer_later(pipe);
            }
            Some(Path::Wire(wire)) => {
                while !wire.is_full(socket.io.limit, false) {
                    let Some(message) = socket.io.pending.front() else {
                        break;
                    };
                    wire.connection.send(message);
                    socket.io.pending.pop_front();
                }
                self.flush_later(pipe);
            }
            Some(Path::Cross(_) | Path::Dialing { .. } | Path::Lent) | None => {}
        }
    }

    /// Queues a pipe to be written.
    pub(super) fn flush_later(&mut self, slot: usize) {
        if let Some(pipe) = self.pipes.get_mut(slot) {
            if matches!(pipe.path, Path::Wire(_)) {
                self.queues.flushers.push(slot);
            }
        }
    }

    /// Writes the staged bytes of all queued pipes.
    pub(super) fn flush_all(&mut self) {
        for _ in 0..self.queues.flushers.len() {
            let Some(slot) = self.queues.flushers.pop() else {
                break;
            };
            if self.pipes.contains(slot) {
                self.flush(slot);
            }
        }
    }

    /// Writes the staged bytes of one pipe, as many as the kernel takes.
    pub(super) fn flush(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let socket = pipe.socket;
        let Path::Wire(wire) = &mut pipe.path else {
            return;
        };
        let mut budget = WRITE_BUDGET;
        let mut sent = 0;
        let had_failed = wire.write_failed;
        while wire.writable && !wire.write_failed && wire.refill() {
            if budget == 0 {
                break;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = wire.connection.poll_transmit(&mut slices);
            let offered: usize = slices[..count].iter().map(|slice| slice.len()).sum();
            let written = match &slices[..count] {
                [one] => wire.stream.write(one),
                many => wire.stream.write_vectored(many),
            };
            match written {
                Ok(written) => {
                    sent += wire.connection.transmitted(written);
                    wire.counts.bytes_out += written as u64;
                    self.traffic.written += written as u64;
                    budget = budget.saturating_sub(written);
                    // A short write filled the kernel's buffer; room in it is a new edge.
                    if written < offered && SHORT_ENDS_READINESS {
                        wire.writable = false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => wire.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // The read side detects when the peer is gone; until then its messages are
                    // received.
                    wire.write_failed = true;
                    wire.readable = true;
                }
            }
        }
        if !wire.writable && !wire.write_failed {
            wire.register_room(&mut self.env, slot, true);
        }
        wire.counts.messages_out += sent as u64;
        let (failed, more) = (wire.write_failed, wire.has_more());
        let leaving = pipe.leaving;
        if more && !failed && budget == 0 {
            self.flush_later(slot);
        }
        if failed {
            if leaving.is_some() {
                return self.lose(slot, Loss::PeerClosed);
            }
            // Once: a pipe that is not read now, because `out` is full, is read later.
            if !had_failed {
                self.read_later(slot);
            }
        }
        if !more && matches!(leaving, Some(Leaving::Flushing(_))) {
            return self.finish_writing(slot);
        }
        if let (Some(socket), 1..) = (socket, sent) {
            self.have_left(socket, sent);
        }
        self.unblock(slot);
    }

    /// Messages of a socket have been written: they no longer count against its high-water mark.
    fn have_left(&mut self, socket: usize, messages: usize) {
        if let Some(socket) = self.sockets.get_mut(socket) {
            if !socket.io.buffers && socket.options.queues.send_overflow == Overflow::Block {
                socket.io.credits.released += messages;
            }
        }
        self.settle_credits(socket);
    }

    /// Counts the messages that a pipe has written in the middle of a chunk: exactly, before a
    /// connection ends or its user asks. While it is written, a chunk is counted as a whole.
    pub(super) fn count_written(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let sent = pipe.count_written();
        if let (Some(socket), 1..) = (pipe.socket, sent) {
            self.have_left(socket, sent);
        }
    }
}
