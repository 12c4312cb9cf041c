//! The pump's side of a channel: it takes and puts many messages at once, and never waits except
//! for the locks.

use std::collections::VecDeque;

use super::{evict, give_back, move_some, saturated, Channel, State, NEVER};
use crate::options::Overflow;
use crate::sync::wait_queue::WakeList;

impl<T> Channel<T> {
    /// Takes up to `max` messages at once and returns whether there are more. If not, the
    /// consumer's hook is armed: the next push calls it, once.
    ///
    /// Under [`Overflow::Block`] the messages count until they are [released](Self::release).
    pub(crate) fn take(&self, max: usize, into: &mut VecDeque<T>) -> bool {
        let mut wakes = WakeList::default();
        let more = {
            let mut head = self.head.lock();
            let mut taken = move_some(&mut head.items, into, max);
            let more = if !head.items.is_empty() {
                true
            } else {
                let mut tail = self.tail.lock();
                taken += move_some(&mut tail.items, into, max - taken);
                if tail.items.is_empty() {
                    tail.consumer_armed = tail.state == State::Open;
                    false
                } else {
                    // The next call finds them without the senders' lock.
                    tail.move_to(&mut head);
                    true
                }
            };
            if self.policy != Overflow::Block {
                head.release(taken, &mut wakes);
            }
            more
        };
        self.carry_out(wakes);
        more
    }

    /// Releases memory that a burst took, if few messages are left of it: for idle channels.
    /// Returns whether much memory is in use.
    pub(crate) fn give_back(&self) -> bool {
        let mut head = self.head.lock();
        let mut tail = self.tail.lock();
        give_back(&mut head.items) | give_back(&mut tail.items)
    }

    /// Number of messages there is memory for.
    #[cfg(test)]
    pub(crate) fn buffered(&self) -> usize {
        let head = self.head.lock();
        let tail = self.tail.lock();
        head.items.capacity() + tail.items.capacity()
    }

    /// The pump will take again by itself: the next push need not call the consumer's hook.
    pub(crate) fn disarm_consumer(&self) {
        self.tail.lock().consumer_armed = false;
    }

    /// The pump holds `count` messages that did not come through this channel: they count until
    /// they are [released](Self::release) like others.
    pub(crate) fn charge(&self, count: usize) {
        if count > 0 && self.policy == Overflow::Block {
            self.tail.lock().accepted += count as u64;
        }
    }

    /// The pump releases `count` messages that it took: they no longer count.
    pub(crate) fn release(&self, count: usize) {
        if count == 0 || self.policy != Overflow::Block {
            return;
        }
        let mut wakes = WakeList::default();
        self.head.lock().release(count, &mut wakes);
        self.carry_out(wakes);
    }

    /// Appends the batch with one round of wakes. Under [`Overflow::Block`] messages that do not
    /// fit stay in `batch`; the other policies drop messages as needed. Messages for a closed
    /// channel are dropped and counted, as no receiver will take them.
    pub(crate) fn push_batch(&self, batch: &mut VecDeque<T>) {
        if batch.is_empty() {
            return;
        }
        let mut wakes = WakeList::default();
        let mut evicted = Vec::new();
        self.append(batch, &mut evicted, &mut wakes);
        self.carry_out(wakes);
    }

    /// Like [`push_batch`](Self::push_batch), but leaves the wakes and dropped messages to the
    /// caller, which may hold a lock.
    #[inline]
    pub(crate) fn append(
        &self,
        batch: &mut VecDeque<T>,
        evicted: &mut Vec<T>,
        wakes: &mut WakeList,
    ) {
        let closed = {
            let tail = self.tail.lock();
            if tail.state != State::Open {
                true
            } else if tail.room() >= batch.len() as u64 {
                let mut tail = tail;
                tail.append(batch, wakes);
                false
            } else {
                drop(tail);
                self.push_batch_with_both(batch, evicted, wakes)
            }
        };
        if closed {
            self.tail.lock().dropped += batch.len() as u64;
            batch.clear();
        }
    }

    /// The number of messages there is room for; `usize::MAX` for a channel that never makes the
    /// pump wait.
    pub(crate) fn room(&self) -> usize {
        let (_head, tail) = self.both();
        match (tail.state, self.policy) {
            (State::Open, Overflow::Block) => saturated(tail.room_for_any()),
            _ => usize::MAX,
        }
    }

    /// Arms the producer's hook, to be called when at least half of the capacity is free. Returns
    /// false if there is room now: then it is not armed.
    pub(crate) fn arm_producer(&self) -> bool {
        let (mut head, tail) = self.both();
        let waits = self.policy == Overflow::Block && tail.state == State::Open;
        if !waits || tail.room() > 0 {
            head.resume_at = NEVER;
            return false;
        }
        head.resume_at = tail.resume_at();
        true
    }

    /// Whether the channel has been closed in the meantime.
    #[cold]
    fn push_batch_with_both(
        &self,
        batch: &mut VecDeque<T>,
        evicted: &mut Vec<T>,
        wakes: &mut WakeList,
    ) -> bool {
        let (mut head, mut tail) = self.both();
        if tail.state != State::Open {
            return true;
        }
        let room = batch.len().min(saturated(tail.room()));
        match self.policy {
            Overflow::Block => {
                if room == batch.len() {
                    tail.append(batch, wakes);
                } else if room > 0 {
                    let rest = batch.split_off(room);
                    tail.append(batch, wakes);
                    *batch = rest;
                }
            }
            Overflow::DropNewest => {
                tail.dropped += (batch.len() - room) as u64;
                evicted.extend(batch.drain(room..));
                tail.append(batch, wakes);
            }
            Overflow::DropOldest | Overflow::Latest => {
                tail.append(batch, wakes);
                evict(&mut head, &mut tail, evicted);
            }
        }
        false
    }
}
