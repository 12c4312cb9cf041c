//! The queue of each peer under a policy that drops the oldest: messages in it can still be
//! replaced.
//!
//! Types that send different messages to each peer (PUB, XPUB, RADIO, XSUB, ROUTER, REP, SERVER,
//! PEER, STREAM) have a queue for each peer, up to the high-water mark. With [`Overflow::Block`]
//! and [`Overflow::DropNewest`] a message for a full peer is dropped, and the pattern counts that.
//! With [`Overflow::DropOldest`] and [`Overflow::Latest`] it replaces the oldest that is not being
//! written. So that there is one, a connection gets no message as long as it has anything else to
//! write: the messages wait in a queue in front of it. On inproc the queue is that of the pipe;
//! between two pumps it includes the messages on the bridge that the other pump has not taken.
//!
//! A message that is being written counts against the high-water mark like those that wait, but the
//! newest message always has a place beside it: a high-water mark of 1 means the same as
//! [`Overflow::Latest`].
//!
//! [`Overflow::Block`]: crate::options::Overflow::Block
//! [`Overflow::DropNewest`]: crate::options::Overflow::DropNewest
//! [`Overflow::DropOldest`]: crate::options::Overflow::DropOldest
//! [`Overflow::Latest`]: crate::options::Overflow::Latest

use std::collections::VecDeque;

use crate::message::Message;
use crate::pattern::{Drop, Full, PeerId};
use crate::pump::env::Env;
use crate::pump::pipe::{Path, Pipe};
use crate::pump::Pump;

use super::outlet::PumpOutlet;

/// Drops the oldest until no more than `most` are left; returns how many were dropped.
fn cut(queue: &mut VecDeque<Message>, most: usize) -> usize {
    let count = queue.len().saturating_sub(most);
    queue.drain(..count);
    count
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
            self.io.credits.count(Drop::Overflow, lost);
        }
        Ok(())
    }
}

impl<E: Env> Pump<E> {
    /// Messages on their way to another pump were dropped as the oldest.
    pub(in crate::pump) fn count_dropped_oldest(&mut self, slot: usize, lost: usize) {
        let Some(pipe) = self.pipes.get_mut(slot).filter(|_| lost > 0) else {
            return;
        };
        pipe.count_dropped_oldest(lost);
        let Some(socket) = pipe.socket else {
            return;
        };
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.io.credits.count(Drop::Overflow, lost);
        }
        self.settle_credits(socket);
    }
}
