//! The queue of each peer under a policy that loses the oldest: what waits there stays replaceable.
//!
//! Types that send each peer its own (PUB, XPUB, RADIO, XSUB, ROUTER, REP, SERVER, PEER, STREAM)
//! have a queue for each peer, up to the high-water mark. With [`Overflow::Block`] and
//! [`Overflow::DropNewest`] a message for a full peer is lost for it, and the pattern counts that.
//! With [`Overflow::DropOldest`] and [`Overflow::Latest`] it takes the place of the oldest that has
//! not begun to leave. So that there is one, a connection gets no message as long as it has
//! anything else to write: the messages stand in a queue in front of it. On inproc the queue is
//! that of the pipe; between two pumps it goes on in the bridge, as far as the other pump has not
//! taken from it.
//!
//! What is being written counts against the mark like what waits, but the newest message has a
//! place beside it in any case: a mark of 1 means the same as [`Overflow::Latest`].

use std::collections::VecDeque;

use crate::message::Message;
use crate::options::{Options, Overflow};
use crate::pattern::{Drop, Full, PeerId};

use crate::pump::env::Env;
use crate::pump::observe::stats;
use crate::pump::pipe::{Path, Pipe, Wire};
use crate::pump::socket::PumpOutlet;
use crate::pump::Pump;

/// Bytes of messages that a connection gets at once when it has nothing else to write, unless the
/// first alone has more: one write's worth.
const REFILL: usize = 64 * 1024;

/// The most messages a peer's queue holds under a policy that loses the oldest; `None` if the queue
/// loses none, because there is no such policy, or because all peers share one queue, which is `in`.
pub(in crate::pump) fn slides(options: &Options, buffers: bool) -> Option<usize> {
    match (options.send_overflow, options.send_high_water_mark) {
        (Overflow::Block | Overflow::DropNewest, _) => None,
        _ if !buffers => None,
        (Overflow::Latest, _) => Some(1),
        (Overflow::DropOldest, 0) => Some(usize::MAX),
        (Overflow::DropOldest, mark) => Some(mark),
    }
}

/// Drops the oldest until no more than `most` are left; returns how many those were.
fn cut(queue: &mut VecDeque<Message>, most: usize) -> usize {
    let count = queue.len().saturating_sub(most);
    queue.drain(..count);
    count
}

impl<S> Wire<S> {
    /// Messages on their way out.
    pub(in crate::pump) fn held(&self) -> usize {
        self.connection.staged_messages() + self.waiting.as_ref().map_or(0, |waiting| waiting.len())
    }

    /// Whether there is anything to write, or will be.
    pub(in crate::pump) fn has_more(&self) -> bool {
        let waits = self.waiting.as_ref().is_some_and(|queue| !queue.is_empty());
        self.connection.has_transmit() || (waits && !self.connection.is_closed())
    }

    /// Whether there is anything to write, now that what waits may follow what is written.
    #[inline]
    pub(in crate::pump) fn refill(&mut self) -> bool {
        if self.connection.has_transmit() {
            return true;
        }
        match &mut self.waiting {
            None => false,
            Some(_) => self.stage(REFILL),
        }
    }

    /// Has the connection take what waits, up to that many bytes but at least one message.
    pub(in crate::pump) fn stage(&mut self, bytes: usize) -> bool {
        let Some(waiting) = &mut self.waiting else {
            return false;
        };
        if self.connection.is_closed() {
            return false;
        }
        let mut left = bytes as u64;
        while let Some(message) = waiting.front() {
            let size = stats::payload_len(message);
            if size > left && left < bytes as u64 {
                break;
            }
            left = left.saturating_sub(size.max(1));
            self.connection.send(message);
            waiting.pop_front();
            if left == 0 {
                break;
            }
        }
        self.connection.has_transmit()
    }

    /// The messages of which not a single byte has been written, in their order.
    pub(in crate::pump) fn take_unsent(&mut self) -> Vec<Message> {
        let mut unsent = self.connection.take_unsent();
        if let Some(waiting) = self.waiting.take() {
            unsent.extend(waiting);
        }
        unsent
    }
}

impl<S> Pipe<S> {
    /// Counts messages to this peer that made room for newer ones.
    fn count_dropped_oldest(&mut self, messages: usize) {
        if let Some(record) = &mut self.record {
            record.count(Drop::Overflow, messages);
        }
    }
}

impl<S> PumpOutlet<'_, S> {
    /// Puts a message into the queue of a peer that may hold `most`; the oldest make room.
    pub(in crate::pump) fn slide(
        &mut self,
        peer: PeerId,
        message: &mut Message,
        most: usize,
    ) -> Result<(), Full> {
        let slot = peer.0 as usize;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            debug_assert!(false, "a pattern knows only attached peers");
            return Err(Full);
        };
        let lost = match &mut pipe.path {
            Path::Wire(wire) => {
                let staged = wire.connection.staged_messages();
                let waiting = wire.waiting.get_or_insert_default();
                waiting.push_back(std::mem::take(message));
                self.queues.flushers.push(slot);
                cut(waiting, most.saturating_sub(staged).max(1))
            }
            Path::Inproc(inproc) => {
                inproc.queue.push_back(std::mem::take(message));
                self.queues.transfers.push(slot);
                cut(&mut inproc.queue, most)
            }
            Path::Cross(cross) => {
                self.queues.transfers.push(slot);
                cross.slide(std::mem::take(message), most)
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "a peer that is sent to has a wire or a twin");
                return Err(Full);
            }
        };
        if lost > 0 {
            pipe.count_dropped_oldest(lost);
            self.io.count(Drop::Overflow, lost);
        }
        Ok(())
    }
}

impl<E: Env> Pump<E> {
    /// What is on its way to another pump lost its oldest messages.
    pub(in crate::pump) fn count_dropped_oldest(&mut self, slot: usize, lost: usize) {
        let Some(pipe) = self.pipes.get_mut(slot).filter(|_| lost > 0) else {
            return;
        };
        let socket = pipe.socket;
        pipe.count_dropped_oldest(lost);
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.io.count(Drop::Overflow, lost);
        }
        self.settle_credits(socket);
    }
}
