//! The senders' side of a channel.

use super::*;

impl<T> Channel<T> {
    /// Puts the message in, if there is room now; otherwise it stays in `slot`.
    #[inline]
    pub(crate) fn try_push(&self, slot: &mut Option<T>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = self.offer(slot, None, &mut wakes);
        self.carry_out(wakes);
        offer
    }

    /// Puts the message in regardless of the capacity, if the channel is open.
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

    /// Like [`try_push`](Self::try_push), but joins the wait queue if the channel is full.
    #[inline]
    pub(crate) fn push_or_wait(&self, slot: &mut Option<T>, waiting: Waiting<'_>) -> Offer {
        let mut wakes = WakeList::default();
        let offer = self.offer(slot, Some(waiting), &mut wakes);
        self.carry_out(wakes);
        offer
    }

    /// Joins the wait queue until there is room, without a message yet. Returns `Taken` if there is
    /// room.
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
                    // Woken, but the room is not used yet and may never be.
                    head.senders.call(1, &mut wakes);
                }
            }
            offer
        };
        self.carry_out(wakes);
        offer
    }

    /// Whether there is room (`Taken`), or there will be none any more. If not, `waiting` watches
    /// until that changes: it takes no room, and no wake-up meant for another waiter.
    pub(crate) fn watch_room(&self, waiting: Option<Waiting<'_>>) -> Offer {
        let (mut head, tail) = self.both();
        let offer = match tail.state {
            State::Open if self.policy != Overflow::Block || tail.room_for_any() > 0 => {
                Offer::Taken
            }
            State::Open => {
                if let Some(waiting) = waiting {
                    head.senders.watch(waiting.ticket, waiting.waker);
                }
                return Offer::Full;
            }
            State::Closed => Offer::Closed,
            State::Terminated => Offer::Terminated,
        };
        if let Some(ticket) = waiting.and_then(|waiting| waiting.ticket.take()) {
            head.senders.remove(ticket);
        }
        offer
    }

    /// A watcher stops.
    pub(crate) fn stop_watching_room(&self, ticket: &mut Ticket) {
        if let Some(ticket) = ticket.take() {
            self.head.lock().senders.remove(ticket);
        }
    }

    /// A sender stops waiting. If it had been woken, the next one is woken in its place.
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

    /// Wakes a waiting sender if there is room.
    pub(crate) fn call_a_sender(&self) {
        let mut wakes = WakeList::default();
        self.call_if_room(&mut self.head.lock(), None, &mut wakes);
        self.carry_out(wakes);
    }

    /// Wakes a sender that waits for any room, and one of each peer that has some. A ticket is that
    /// of a sender that stops waiting.
    pub(super) fn call_if_room(&self, head: &mut Head<T>, leaves: Ticket, wakes: &mut WakeList) {
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

    /// Pushes, or returns why not, or waits; leaves the wakes to the caller, which may hold a lock.
    #[inline]
    pub(crate) fn offer(
        &self,
        slot: &mut Option<T>,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Offer {
        // A waiter that is in the queue must leave it under the head's lock.
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

    /// The tail alone has no room: only the head knows what has been released in the meantime.
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
                // If no messages are accepted, those in the channel stay.
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
}

impl<T: Default> Channel<T> {
    /// The fast path of a push: there is room, and nothing to wake or notify. Otherwise it does
    /// nothing and returns false.
    ///
    /// Never inlined, like [`pop_quietly`](Self::pop_quietly), so that a message is moved once and
    /// as a whole. Inlined, it is written in single words and read in pairs, and the processor
    /// waits for its own stores each time.
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
        // Room first, or the message would have to be moved while the buffer grows.
        if tail.items.len() == tail.items.capacity() {
            tail.items.reserve(1);
        }
        tail.items.push_back(mem::take(slot));
        tail.accepted += 1;
        prefetch(end(&tail.items));
        true
    }
}
