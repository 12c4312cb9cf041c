//! The bounded queue between threads.
//!
//! There are two locked queues instead of one: senders append to the tail, receivers take from the
//! head, and only a receiver that finds the head empty moves the whole tail over. So in the common
//! case a push and a pop use different locks on different cache lines. Everything is plain data
//! under these two locks; a call that needs both locks the head first.
//!
//! The capacity limits the messages that were accepted and not yet released. Receivers release
//! messages when they take them; a pump that consumes an [`Overflow::Block`] channel releases a
//! message when it has sent or dropped it, so that channel and pump share one high-water mark.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use self::buffers::{end, exchange};
pub(crate) use self::buffers::{give_back, move_some, KEPT_BUFFER};
use self::near::Near;
pub(crate) use self::near::{NearPeer, Wants};
pub(crate) use self::recv::pause;
pub(crate) use self::sift::sift;
use crate::options::Overflow;
use crate::sync::prefetch::prefetch;
use crate::sync::primitives::{Apart, Mutex, MutexGuard};
use crate::sync::wait_queue::{Gauge, Ticket, WaitQueue, WakeList};
use crate::sync::Hook;

/// A bounded queue with many senders and many receivers, one side of which may be a pump.
pub(crate) struct Channel<T> {
    head: Apart<Mutex<Head<T>>>,
    tail: Apart<Mutex<Tail<T>>>,
    policy: Overflow,
    consumer: Option<Arc<dyn Hook>>,
    producer: Option<Arc<dyn Hook>>,
}

/// The receivers' side, and what a receiver must know about senders. The fields used on the fast
/// path come first: with the lock before them, they are on one cache line and the beginning of the
/// next.
#[repr(C)]
struct Head<T> {
    items: VecDeque<T>,
    /// Number of accepted messages that no longer count.
    released: u64,
    /// The producer's hook is called, and paced senders are woken, once `released` reaches this;
    /// [`NEVER`] when it is not armed.
    resume_at: u64,
    senders: WaitQueue,
    /// Senders that have room, and wait for earlier messages to leave.
    paced: WaitQueue,
}

/// The senders' side, and what a sender must know about receivers. In the order of [`Head`]'s
/// fields.
#[repr(C)]
struct Tail<T> {
    items: VecDeque<T>,
    accepted: u64,
    /// The value of `Head::released` when both locks were last held: never too high.
    released_seen: u64,
    /// The capacity; [`NEVER`] for no limit.
    limit: u64,
    state: State,
    /// The consumer's hook is called on the next push. Only set while the channel is empty.
    consumer_armed: bool,
    receivers: WaitQueue,
    dropped: u64,
    /// The value of `Head::released` when a sender was paced and nothing left; [`NEVER`] if there
    /// is none.
    stuck_at: u64,
    /// The capacity as it is reported, of which `limit` may be a part.
    capacity: u64,
    /// While peers are near their marks, `limit` is a number of messages with which none of them
    /// can exceed its mark, whichever receives them; beyond it each message is checked.
    near: Option<Box<Near<T>>>,
}

const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Open,
    /// No more messages are accepted. Those in the channel can still be taken.
    Closed,
    /// Like `Closed`, because the context has been shut down.
    Terminated,
}

/// The result of offering a message to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Accepted: it is in the channel, or was dropped and counted according to the policy.
    Taken,
    Full,
    Closed,
    Terminated,
}

/// Why no message could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    Empty,
    Closed,
    Terminated,
}

/// The wait queue ticket and the waker of a caller that can wait.
pub(crate) struct Waiting<'a> {
    pub(crate) ticket: &'a mut Ticket,
    pub(crate) waker: &'a Waker,
}

impl<T> Channel<T> {
    /// A channel for `capacity` messages (0 for no limit), with the hooks of the pump that takes
    /// from it or puts into it. The consumer's hook starts armed.
    pub(crate) fn new(
        capacity: usize,
        policy: Overflow,
        consumer: Option<Arc<dyn Hook>>,
        producer: Option<Arc<dyn Hook>>,
    ) -> Self {
        Channel {
            head: Apart(Mutex::new(Head {
                items: VecDeque::new(),
                released: 0,
                resume_at: NEVER,
                senders: WaitQueue::default(),
                paced: WaitQueue::default(),
            })),
            tail: Apart(Mutex::new(Tail {
                items: VecDeque::new(),
                accepted: 0,
                released_seen: 0,
                limit: limit(capacity, policy),
                state: State::Open,
                dropped: 0,
                stuck_at: NEVER,
                capacity: limit(capacity, policy),
                near: None,
                consumer_armed: true,
                receivers: WaitQueue::default(),
            })),
            policy,
            consumer,
            producer,
        }
    }

    /// Counts the waiting receivers together with others.
    pub(crate) fn join(&self, gauge: &Arc<Gauge>) {
        self.tail.lock().receivers.join(Arc::clone(gauge));
    }

    /// Number of messages in the channel.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.lock();
        let tail = self.tail.lock();
        head.items.len() + tail.items.len()
    }

    /// Number of messages that count against the capacity: those in the channel and those that a
    /// pump has taken and not released.
    pub(crate) fn used(&self) -> usize {
        let (_head, tail) = self.both();
        saturated(tail.used())
    }

    /// The capacity, `None` for no limit.
    pub(crate) fn capacity(&self) -> Option<usize> {
        match self.tail.lock().capacity {
            NEVER => None,
            limit => Some(saturated(limit)),
        }
    }

    /// Changes the capacity, 0 for no limit. Messages already in the channel stay, even if they
    /// exceed it.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.share_capacity(capacity, capacity);
    }

    /// Changes the capacity, of which the channel itself may use a `part`: the rest belongs to the
    /// queues behind it.
    pub(crate) fn share_capacity(&self, capacity: usize, part: usize) {
        let mut wakes = WakeList::default();
        {
            let (mut head, mut tail) = self.both();
            tail.capacity = limit(capacity, self.policy);
            let limit = limit(part, self.policy);
            match &mut tail.near {
                Some(near) => near.set_capacity(limit),
                None => tail.limit = limit,
            }
            head.senders
                .call(saturated(tail.room_for_any()), &mut wakes);
            head.paced.call_all(&mut wakes);
            if head.resume_at != NEVER {
                head.resume_at = tail.resume_at();
                head.resume_if_due(&mut wakes);
            }
        }
        self.carry_out(wakes);
    }

    /// Accepts no messages until the next [`set_capacity`](Self::set_capacity).
    pub(crate) fn shut(&self) {
        let mut tail = self.tail.lock();
        (tail.limit, tail.capacity) = (0, 0);
    }

    /// Number of messages that the overflow policy has dropped so far, plus those that arrived too
    /// late.
    pub(crate) fn dropped(&self) -> u64 {
        self.tail.lock().dropped
    }

    /// Counts messages that had been taken and that the pump dropped.
    pub(crate) fn count_dropped(&self, messages: u64) {
        self.tail.lock().dropped += messages;
    }

    pub(crate) fn state(&self) -> State {
        self.tail.lock().state
    }

    /// Closes the channel to new messages. Those in it can still be taken. Idempotent.
    pub(crate) fn close(&self) {
        self.advance(State::Closed);
    }

    /// Closes because the context has been shut down. Idempotent.
    pub(crate) fn terminate(&self) {
        self.advance(State::Terminated);
    }

    /// Drops the messages in the channel and returns their number.
    pub(crate) fn drain_rest(&self) -> usize {
        let mut wakes = WakeList::default();
        let rest = {
            let mut head = self.head.lock();
            let mut tail = self.tail.lock();
            let mut rest = mem::take(&mut head.items);
            rest.append(&mut tail.items);
            head.release(rest.len(), &mut wakes);
            tail.released_seen = head.released;
            tail.consumer_armed = true;
            rest
        };
        self.carry_out(wakes);
        rest.len()
    }

    fn advance(&self, state: State) {
        let mut wakes = WakeList::default();
        {
            let mut head = self.head.lock();
            let mut tail = self.tail.lock();
            if tail.state >= state {
                return;
            }
            tail.state = state;
            head.senders.call_all(&mut wakes);
            if let Some(near) = &mut tail.near {
                near.call_all(&mut wakes);
            }
            head.paced.call_all(&mut wakes);
            tail.receivers.call_all(&mut wakes);
            wakes.consumer = true;
            wakes.producer = true;
            tail.consumer_armed = false;
            head.resume_at = NEVER;
        }
        self.carry_out(wakes);
    }

    #[inline]
    pub(crate) fn carry_out(&self, wakes: WakeList) {
        wakes.carry_out(self.consumer.as_ref(), self.producer.as_ref());
    }
}

impl<T> Channel<T> {
    /// Takes both locks, in order, and updates the tail from the head.
    fn both(&self) -> (MutexGuard<'_, Head<T>>, MutexGuard<'_, Tail<T>>) {
        let head = self.head.lock();
        let mut tail = self.tail.lock();
        tail.released_seen = head.released;
        (head, tail)
    }
}

impl<T> Head<T> {
    #[inline]
    fn release(&mut self, count: usize, wakes: &mut WakeList) {
        self.released += count as u64;
        if !self.senders.is_empty() {
            self.senders.call(count, wakes);
        }
        self.resume_if_due(wakes);
    }

    #[inline]
    fn resume_if_due(&mut self, wakes: &mut WakeList) {
        if self.released >= self.resume_at {
            self.resume_at = NEVER;
            wakes.producer = true;
            self.paced.call_all(wakes);
        }
    }
}

impl<T> Tail<T> {
    #[inline]
    fn used(&self) -> u64 {
        self.accepted - self.released_seen
    }

    /// The room there is, as far as the tail alone can know.
    #[inline]
    fn room(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// The room for messages to a peer that has room.
    fn room_for_any(&self) -> u64 {
        match &self.near {
            Some(near) => near.capacity().saturating_sub(self.used()),
            None => self.room(),
        }
    }

    #[inline]
    fn push(&mut self, slot: &mut Option<T>, wakes: &mut WakeList) {
        if let Some(item) = slot.take() {
            self.items.push_back(item);
            self.pushed(1, wakes);
        }
    }

    /// Takes all of `batch`, and leaves it an empty buffer where possible.
    fn append(&mut self, batch: &mut VecDeque<T>, wakes: &mut WakeList) {
        let count = batch.len();
        if self.items.is_empty() {
            exchange(&mut self.items, batch);
        } else {
            self.items.append(batch);
        }
        self.pushed(count, wakes);
    }

    #[inline]
    fn pushed(&mut self, count: usize, wakes: &mut WakeList) {
        self.accepted += count as u64;
        if self.consumer_armed && count > 0 {
            self.consumer_armed = false;
            wakes.consumer = true;
        }
        if !self.receivers.is_empty() {
            self.receivers.serve(count, wakes);
        }
    }

    /// Moves all messages into the empty head, by swapping buffers.
    fn move_to(&mut self, head: &mut Head<T>) {
        debug_assert!(head.items.is_empty(), "only an empty head is refilled");
        exchange(&mut head.items, &mut self.items);
        if self.items.capacity() > KEPT_BUFFER && head.items.len() < self.items.capacity() / 8 {
            self.items = VecDeque::new();
        }
    }

    /// The value of `Head::released` at which the hook of a producer that found no room is called.
    fn resume_at(&self) -> u64 {
        if self.limit == NEVER {
            return 0;
        }
        let room_wanted = (self.limit / 2).max(1);
        (self.accepted + room_wanted).saturating_sub(self.limit)
    }
}

/// Drops the oldest messages, from both queues, until the limit is kept.
fn evict<T>(head: &mut Head<T>, tail: &mut Tail<T>, evicted: &mut Vec<T>) {
    while tail.used() > tail.limit {
        match head.items.pop_front().or_else(|| tail.items.pop_front()) {
            Some(oldest) => evicted.push(oldest),
            None => return,
        }
        tail.dropped += 1;
        head.released += 1;
        tail.released_seen = head.released;
    }
}

fn limit(capacity: usize, policy: Overflow) -> u64 {
    match (policy, capacity) {
        (Overflow::Latest, _) => 1,
        (_, 0) => NEVER,
        (_, capacity) => capacity as u64,
    }
}

fn saturated(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

mod buffers;
mod loop_side;
mod near;
mod pace;
mod recv;
mod send;
mod sift;
#[cfg(all(test, not(loom)))]
mod tests;
