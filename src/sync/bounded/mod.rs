//! The bounded queue between threads.
//!
//! Two locked queues instead of one: senders append to the tail, receivers take from the head,
//! and only a receiver that finds the head empty moves the whole tail over. So in the common
//! case a push and a pop touch different locks on different cache lines. Everything is plain
//! data under these two locks; whoever needs both takes the head's first.
//!
//! The capacity counts what has been accepted and not yet released. Receivers release what they
//! take at once; a pump that consumes an [`Overflow::Block`] channel releases a message when it
//! lets go of it, so that channel and pump share one high-water mark.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use self::buffers::{end, exchange};
pub(crate) use self::buffers::{give_back, move_some, KEPT_BUFFER};
use self::near::Near;
pub(crate) use self::near::{NearPeer, Wants};
pub(crate) use self::sift::sift;
use crate::options::Overflow;
use crate::sync::prefetch::prefetch;
use crate::sync::primitives::{Apart, Mutex, MutexGuard};
use crate::sync::wait_queue::{Gauge, Ticket, WaitQueue, WakeList};
use crate::sync::Hook;

/// A bounded queue of many senders and many receivers, one side of which may be a pump.
pub(crate) struct Channel<T> {
    head: Apart<Mutex<Head<T>>>,
    tail: Apart<Mutex<Tail<T>>>,
    policy: Overflow,
    consumer: Option<Arc<dyn Hook>>,
    producer: Option<Arc<dyn Hook>>,
}

/// The receivers' side, and what a receiver must know about senders. What the common case looks at
/// stands first: with the lock before it, on one line of the cache and the beginning of the next.
#[repr(C)]
struct Head<T> {
    items: VecDeque<T>,
    /// How many of the accepted messages no longer count.
    released: u64,
    /// Call the producer's hook, and who keeps pace, once `released` reaches this; [`NEVER`] when
    /// it is not armed.
    resume_at: u64,
    senders: WaitQueue,
    /// Senders who have room, and let what was sent before them go first.
    paced: WaitQueue,
}

/// The senders' side, and what a sender must know about receivers. In the order of
/// [`Head`]'s fields.
#[repr(C)]
struct Tail<T> {
    items: VecDeque<T>,
    accepted: u64,
    /// What `Head::released` was when somebody last held both locks: never too high.
    released_seen: u64,
    /// The capacity; [`NEVER`] for no limit.
    limit: u64,
    state: State,
    /// Call the consumer's hook on the next push. Only ever set while the channel is empty.
    consumer_armed: bool,
    receivers: WaitQueue,
    dropped: u64,
    /// What `Head::released` was when a sender kept pace in vain; [`NEVER`] if none has.
    stuck_at: u64,
    /// The capacity as it is told, of which `limit` may be a part.
    capacity: u64,
    /// While peers are near their marks, `limit` is what none of them can exceed, whichever gets the
    /// next messages; beyond that each message is looked at.
    near: Option<Box<Near<T>>>,
}

const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Open,
    /// Nothing more gets in. What is in may be taken.
    Closed,
    /// As closed, because the context has been shut down.
    Terminated,
}

/// What became of a message offered to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Accepted: in the channel, or dropped and counted as the policy says.
    Taken,
    Full,
    Closed,
    Terminated,
}

/// Why nothing could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    Empty,
    Closed,
    Terminated,
}

/// What a caller that is ready to wait brings along.
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

    /// Counts the receivers that wait together with others.
    pub(crate) fn join(&self, gauge: &Arc<Gauge>) {
        self.tail.lock().receivers.join(Arc::clone(gauge));
    }

    /// The common case of a pop: there is a message, and nobody to be told. Otherwise nothing
    /// has happened.
    #[inline(never)]
    pub(crate) fn pop_quietly(&self) -> Option<T> {
        let mut head = self.head.lock();
        let released = head.released + 1;
        if head.items.is_empty() || released >= head.resume_at || !head.senders.is_empty() {
            return None;
        }
        head.released = released;
        let item = head.items.pop_front();
        if let Some(next) = head.items.front() {
            prefetch(next);
        }
        item
    }

    /// Puts the message in, if it can be done now; otherwise it stays in `slot`.
    #[inline]
    pub(crate) fn try_push(&self, slot: &mut Option<T>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = self.offer(slot, None, &mut wakes);
        self.carry_out(wakes);
        offer
    }

    /// Puts the message in whatever the capacity, if the channel is open.
    pub(crate) fn push_anyway(&self, slot: &mut Option<T>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = {
            let mut tail = self.tail.lock();
            match tail.state {
                State::Open => {
                    tail.push(slot, &mut wakes);
                    Offer::Taken
                }
                State::Closed => Offer::Closed,
                State::Terminated => Offer::Terminated,
            }
        };
        self.carry_out(wakes);
        offer
    }

    /// As [`try_push`](Self::try_push), but waits in line if the channel is full.
    #[inline]
    pub(crate) fn push_or_wait(&self, slot: &mut Option<T>, waiting: Waiting<'_>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = self.offer(slot, Some(waiting), &mut wakes);
        self.carry_out(wakes);
        offer
    }

    /// Waits in line until there is room, without a message yet. `Taken` if there is room.
    pub(crate) fn room_or_wait(&self, waiting: Waiting<'_>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = {
            let (mut head, mut tail) = self.both();
            let offer = match tail.state {
                State::Open if self.policy != Overflow::Block || tail.room_for_any() > 0 => {
                    Offer::Taken
                }
                State::Open => {
                    head.senders.register(waiting.ticket, waiting.waker);
                    return Offer::Full;
                }
                State::Closed => Offer::Closed,
                State::Terminated => Offer::Terminated,
            };
            if let Some(ticket) = waiting.ticket.take() {
                if !tail.remove_sender(&mut head, ticket) {
                    // Called, but the room is not used yet and may never be.
                    head.senders.call(1, &mut wakes);
                }
            }
            offer
        };
        self.carry_out(wakes);
        offer
    }

    /// Takes one message, if there is one.
    #[inline]
    pub(crate) fn try_pop(&self) -> Result<T, Nothing> {
        if let Some(item) = self.pop_quietly() {
            return Ok(item);
        }
        let mut wakes = WakeList::default();
        let popped = self.pop(None, &mut wakes);
        self.carry_out(wakes);
        popped
    }

    /// As [`try_pop`](Self::try_pop), but waits in line if the channel is empty.
    #[inline]
    pub(crate) fn pop_or_wait(&self, waiting: Waiting<'_>) -> Result<T, Nothing> {
        if waiting.ticket.is_none() {
            if let Some(item) = self.pop_quietly() {
                return Ok(item);
            }
        }
        let mut wakes = WakeList::default();
        let popped = self.pop(Some(waiting), &mut wakes);
        self.carry_out(wakes);
        popped
    }

    /// Takes up to `max` messages at once and says how many, at least one.
    pub(crate) fn try_pop_many(&self, into: &mut Vec<T>, max: usize) -> Result<usize, Nothing> {
        let mut wakes = WakeList::default();
        let popped = self.pop_many(into, max, None, &mut wakes);
        self.carry_out(wakes);
        popped
    }

    /// As [`try_pop_many`](Self::try_pop_many), but waits in line if the channel is empty.
    pub(crate) fn pop_many_or_wait(
        &self,
        into: &mut Vec<T>,
        max: usize,
        waiting: Waiting<'_>,
    ) -> Result<usize, Nothing> {
        let mut wakes = WakeList::default();
        let popped = self.pop_many(into, max, Some(waiting), &mut wakes);
        self.carry_out(wakes);
        popped
    }

    /// A sender stops waiting. If it had been called, the next one is called in its place.
    pub(crate) fn leave_senders(&self, ticket: &mut Ticket) {
        let Some(ticket) = ticket.take() else { return };
        let mut wakes = WakeList::default();
        {
            let mut head = self.head.lock();
            if !head.senders.remove(ticket) {
                self.call_if_room(&mut head, Some(ticket), &mut wakes);
            }
        }
        self.carry_out(wakes);
    }

    /// Calls a waiting sender if there is room.
    pub(crate) fn call_a_sender(&self) {
        let mut wakes = WakeList::default();
        self.call_if_room(&mut self.head.lock(), None, &mut wakes);
        self.carry_out(wakes);
    }

    /// A receiver stops waiting. If it had been called, the next one is called in its place.
    pub(crate) fn leave_receivers(&self, ticket: &mut Ticket) {
        let Some(ticket) = ticket.take() else { return };
        let removed = self.tail.lock().receivers.remove(ticket);
        if !removed {
            self.call_a_receiver();
        }
    }

    /// Calls a waiting receiver if there is something to take.
    pub(crate) fn call_a_receiver(&self) {
        let mut wakes = WakeList::default();
        {
            let head = self.head.lock();
            let mut tail = self.tail.lock();
            if !(head.items.is_empty() && tail.items.is_empty()) {
                tail.receivers.call(1, &mut wakes);
            }
        }
        self.carry_out(wakes);
    }

    /// Messages in the channel now.
    pub(crate) fn len(&self) -> usize {
        let head = self.head.lock();
        let tail = self.tail.lock();
        head.items.len() + tail.items.len()
    }

    /// Messages that count against the capacity: those in the channel and those a pump has taken
    /// and not released.
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

    /// Changes the capacity, 0 for no limit. What is already in stays in, whatever the figure.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.share_capacity(capacity, capacity);
    }

    /// Changes the capacity, of which the channel itself may use a `part`: the rest is that of the
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

    /// Lets nothing in until the next [`set_capacity`](Self::set_capacity).
    pub(crate) fn shut(&self) {
        let mut tail = self.tail.lock();
        (tail.limit, tail.capacity) = (0, 0);
    }

    /// How many messages the overflow policy has dropped so far, and how many came too late.
    pub(crate) fn dropped(&self) -> u64 {
        self.tail.lock().dropped
    }

    /// So many messages that had been taken are lost for reasons of the pump's.
    pub(crate) fn count_dropped(&self, messages: u64) {
        self.tail.lock().dropped += messages;
    }

    pub(crate) fn state(&self) -> State {
        self.tail.lock().state
    }

    /// Lets nothing more in. What is in may still be taken. Idempotent.
    pub(crate) fn close(&self) {
        self.advance(State::Closed);
    }

    /// Closes because the context has been shut down. Idempotent.
    pub(crate) fn terminate(&self) {
        self.advance(State::Terminated);
    }

    /// Drops what is in the channel and says how many messages that were.
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

    /// Calls a sender that waits for any room, and one of each peer that has some. A ticket is that
    /// of a sender that stops waiting.
    fn call_if_room(&self, head: &mut Head<T>, leaves: Ticket, wakes: &mut WakeList) {
        let mut tail = self.tail.lock();
        tail.released_seen = head.released;
        if let (Some(ticket), Some(near)) = (leaves, &mut tail.near) {
            if near.remove_sender(ticket) {
                return;
            }
        }
        if tail.room_for_any() > 0 {
            head.senders.call(1, wakes);
            if let Some(near) = &mut tail.near {
                near.call_one_each(wakes);
            }
        }
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

    /// Pushes, or says why not, or waits; wakes are left to the caller, who may hold a lock.
    #[inline]
    pub(crate) fn offer(
        &self,
        slot: &mut Option<T>,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Offer {
        // Whoever has a place in the line must give it up under the head's lock.
        if waiting
            .as_ref()
            .is_none_or(|waiting| waiting.ticket.is_none())
        {
            let mut tail = self.tail.lock();
            match tail.state {
                State::Open if tail.room() > 0 => {
                    tail.push(slot, wakes);
                    return Offer::Taken;
                }
                State::Open => {}
                State::Closed => return Offer::Closed,
                State::Terminated => return Offer::Terminated,
            }
        }
        self.offer_with_both(slot, waiting, wakes)
    }

    /// The tail alone has no room: only the head knows what has been released meanwhile.
    #[cold]
    fn offer_with_both(
        &self,
        slot: &mut Option<T>,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Offer {
        // Dropped after the guards, which are declared later.
        let mut evicted = Vec::new();
        let (mut head, mut tail) = self.both();
        let offer = match tail.state {
            State::Open if tail.near.is_some() => {
                return tail.offer_near(&mut head, slot, waiting, wakes);
            }
            State::Open if tail.room() > 0 => {
                tail.push(slot, wakes);
                Offer::Taken
            }
            State::Open => match self.policy {
                Overflow::Block => {
                    if let Some(waiting) = waiting {
                        head.senders.register(waiting.ticket, waiting.waker);
                    }
                    return Offer::Full;
                }
                // Where nothing is let in, what is already in stays.
                _ if tail.limit == 0 => {
                    evicted.extend(slot.take());
                    tail.dropped += 1;
                    Offer::Taken
                }
                Overflow::DropNewest => {
                    evicted.extend(slot.take());
                    tail.dropped += 1;
                    Offer::Taken
                }
                Overflow::DropOldest | Overflow::Latest => {
                    tail.push(slot, wakes);
                    evict(&mut head, &mut tail, &mut evicted);
                    Offer::Taken
                }
            },
            State::Closed => Offer::Closed,
            State::Terminated => Offer::Terminated,
        };
        if let Some(ticket) = waiting.and_then(|waiting| waiting.ticket.take()) {
            tail.remove_sender(&mut head, ticket);
        }
        offer
    }

    /// Pops, or says why not, or waits; wakes are left to the caller, who may hold a lock.
    #[inline]
    pub(crate) fn pop(
        &self,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Result<T, Nothing> {
        let mut head = self.head.lock();
        // Whoever has a place in the line must give it up under the tail's lock.
        if waiting
            .as_ref()
            .is_none_or(|waiting| waiting.ticket.is_none())
        {
            if let Some(item) = head.items.pop_front() {
                head.release(1, wakes);
                return Ok(item);
            }
        }
        self.refill(&mut head, waiting)?;
        match head.items.pop_front() {
            Some(item) => {
                head.release(1, wakes);
                Ok(item)
            }
            None => Err(Nothing::Empty),
        }
    }

    fn pop_many(
        &self,
        into: &mut Vec<T>,
        max: usize,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Result<usize, Nothing> {
        let mut head = self.head.lock();
        let in_line = waiting
            .as_ref()
            .is_some_and(|waiting| waiting.ticket.is_some());
        if head.items.is_empty() || in_line {
            self.refill(&mut head, waiting)?;
        }
        let mut taken = head.items.len().min(max);
        into.extend(head.items.drain(..taken));
        if taken < max {
            let mut tail = self.tail.lock();
            let more = tail.items.len().min(max - taken);
            into.extend(tail.items.drain(..more));
            taken += more;
        }
        head.release(taken, wakes);
        Ok(taken)
    }

    /// Makes sure that there is something in the head, or says why not, or waits.
    fn refill(&self, head: &mut Head<T>, waiting: Option<Waiting<'_>>) -> Result<(), Nothing> {
        let mut tail = self.tail.lock();
        tail.released_seen = head.released;
        if head.items.is_empty() {
            tail.move_to(head);
        }
        let refilled = if !head.items.is_empty() {
            Ok(())
        } else {
            match tail.state {
                State::Open => {
                    if let Some(waiting) = waiting {
                        tail.receivers.register(waiting.ticket, waiting.waker);
                    }
                    return Err(Nothing::Empty);
                }
                State::Closed => Err(Nothing::Closed),
                State::Terminated => Err(Nothing::Terminated),
            }
        };
        if let Some(ticket) = waiting.and_then(|waiting| waiting.ticket.take()) {
            tail.receivers.remove(ticket);
        }
        refilled
    }

    #[inline]
    pub(crate) fn carry_out(&self, wakes: WakeList) {
        wakes.carry_out(self.consumer.as_ref(), self.producer.as_ref());
    }
}

impl<T: Default> Channel<T> {
    /// The common case of a push: there is room, and nobody to be told. False if it is not that;
    /// then nothing has happened.
    ///
    /// Never inlined, as [`pop_quietly`](Self::pop_quietly): so a message is moved once and as a
    /// whole. Spread over its callers it is moved by the word here and by two words there, and
    /// the processor waits for its own stores each time.
    #[inline(never)]
    pub(crate) fn push_quietly(&self, slot: &mut T) -> bool {
        let mut tail = self.tail.lock();
        let loud = tail.state != State::Open
            || tail.room() == 0
            || tail.consumer_armed
            || !tail.receivers.is_empty();
        if loud {
            return false;
        }
        // Room first, or the message would be moved out of the way of the growing.
        if tail.items.len() == tail.items.capacity() {
            tail.items.reserve(1);
        }
        tail.items.push_back(mem::take(slot));
        tail.accepted += 1;
        prefetch(end(&tail.items));
        true
    }
}

impl<T> Channel<T> {
    /// Both locks, in their order, and the tail told what the head knows.
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

    /// What fits in, as far as the tail alone can know.
    #[inline]
    fn room(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// What fits in if it is for a peer that has room.
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

    /// Takes all of `batch`, and leaves it a buffer to fill again where it can.
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

    /// Moves everything into the empty head, in exchange for its buffer.
    fn move_to(&mut self, head: &mut Head<T>) {
        debug_assert!(head.items.is_empty(), "only an empty head is refilled");
        exchange(&mut head.items, &mut self.items);
        if self.items.capacity() > KEPT_BUFFER && head.items.len() < self.items.capacity() / 8 {
            self.items = VecDeque::new();
        }
    }

    /// When the hook of a producer that found no room is due: once `Head::released` is this.
    fn resume_at(&self) -> u64 {
        if self.limit == NEVER {
            return 0;
        }
        let room_wanted = (self.limit / 2).max(1);
        (self.accepted + room_wanted).saturating_sub(self.limit)
    }
}

/// Drops the oldest messages, wherever they lie, until the limit is kept.
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
mod sift;
#[cfg(all(test, not(loom)))]
mod tests;
