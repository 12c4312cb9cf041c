//! The receivers' side of a channel.

use super::*;

impl<T> Channel<T> {
    /// The fast path of a pop: there is a message, and nothing to wake or notify. Otherwise it does
    /// nothing.
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

    /// Like [`try_pop`](Self::try_pop), but joins the wait queue if the channel is empty.
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

    /// Takes up to `max` messages at once and returns how many, at least one.
    pub(crate) fn try_pop_many(&self, into: &mut Vec<T>, max: usize) -> Result<usize, Nothing> {
        let mut wakes = WakeList::default();
        let popped = self.pop_many(into, max, None, &mut wakes);
        self.carry_out(wakes);
        popped
    }

    /// Like [`try_pop_many`](Self::try_pop_many), but joins the wait queue if the channel is empty.
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

    /// Whether there is a message, or none will arrive any more. If not, `waiting` watches until
    /// that changes: it takes no message, and no wake-up meant for another waiter.
    pub(crate) fn watch_items(&self, waiting: Option<Waiting<'_>>) -> Result<(), Nothing> {
        let head = self.head.lock();
        let mut tail = self.tail.lock();
        let found = match tail.state {
            _ if !(head.items.is_empty() && tail.items.is_empty()) => Ok(()),
            State::Open => {
                if let Some(waiting) = waiting {
                    tail.receivers.watch(waiting.ticket, waiting.waker);
                }
                return Err(Nothing::Empty);
            }
            State::Closed => Err(Nothing::Closed),
            State::Terminated => Err(Nothing::Terminated),
        };
        if let Some(ticket) = waiting.and_then(|waiting| waiting.ticket.take()) {
            tail.receivers.remove(ticket);
        }
        found
    }

    /// A watcher stops.
    pub(crate) fn stop_watching_items(&self, ticket: &mut Ticket) {
        if let Some(ticket) = ticket.take() {
            self.tail.lock().receivers.remove(ticket);
        }
    }

    /// A receiver stops waiting. If it had been woken, the next one is woken in its place.
    pub(crate) fn leave_receivers(&self, ticket: &mut Ticket) {
        let Some(ticket) = ticket.take() else { return };
        let removed = self.tail.lock().receivers.remove(ticket);
        if !removed {
            self.call_a_receiver();
        }
    }

    /// Wakes a waiting receiver if there is a message.
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

    /// Pops, or returns why not, or waits; leaves the wakes to the caller, which may hold a lock.
    #[inline]
    pub(crate) fn pop(
        &self,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Result<T, Nothing> {
        let mut head = self.head.lock();
        // A waiter that is in the queue must leave it under the tail's lock.
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

    /// Makes sure that there is a message in the head, or returns why not, or waits.
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
}

/// Lets the senders get ahead by a few microseconds before a receiver that found nothing tries
/// again and sleeps. A receiver as fast as its sender would otherwise take, or sleep through, every
/// single message: a lock and a wake-up each, instead of one for a whole batch.
///
/// The pause touches no shared memory. Spinning works on a single processor too (the receiver
/// merely uses up its time slice); yielding there would make both sides take turns every few
/// messages.
pub(crate) fn pause() {
    const SPINS: u32 = 100;
    for _ in 0..SPINS {
        std::hint::spin_loop();
    }
}
