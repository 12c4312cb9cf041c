//! Sending and receiving through the ports of a socket.

use super::{NotSent, Ports, Recall, SURELY_TAKEN};
use std::task::{Poll, Waker};

use crate::error::Refusal;
use crate::message::Message;
use crate::port::lockstep::{Lockstep, QueuePlaces};
use crate::sync::bounded::{Nothing, Offer, State, Waiting};
use crate::sync::parker::set_slept;
use crate::sync::primitives::Mutex;
use crate::sync::wait_queue::Ticket;

/// Sending and receiving, for every kind of call.
impl Ports {
    /// Whether `in` accepts every message with a frame while there is room, so that the fast path
    /// applies.
    #[inline]
    pub(crate) fn sends_plainly(&self) -> bool {
        self.plain
    }

    /// Whether every message in `out` may be taken without further checks, so that the fast path
    /// applies.
    #[inline]
    pub(crate) fn receives_plainly(&self) -> bool {
        self.receives && self.lockstep.is_none() && self.recall.is_none()
    }

    /// Sends a message on the fast path: there is room, and nothing to wake or notify. Otherwise it
    /// does nothing. Only for callers that have checked [`sends_plainly`](Self::sends_plainly).
    #[inline]
    pub(crate) fn offer_quietly(&self, message: &mut Message) -> bool {
        debug_assert!(self.plain, "not asked before");
        // A single comparison: without a frame it wraps and exceeds every limit.
        message.len().wrapping_sub(1) < SURELY_TAKEN && self.inward.push_quietly(message)
    }

    /// Whether a message may be sent here.
    #[inline]
    pub(crate) fn check(&self, message: &Message) -> Result<(), Refusal> {
        self.frames.check(message)
    }

    /// Sends the message in `slot`, or leaves it there and returns why.
    pub(crate) fn offer(
        &self,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        if self.is_orphaned() {
            return Err(NotSent::Closed);
        }
        if let Some(Err(why)) = slot.as_ref().map(|message| self.check(message)) {
            return Err(NotSent::Refused(why));
        }
        if let Some(recall) = &self.recall {
            return self.offer_recalling(recall, slot, waiting);
        }
        self.offer_any(slot, waiting)
    }

    /// Sends the message in `slot`, or waits for room.
    pub(crate) fn poll_offer(
        &self,
        slot: &mut Option<Message>,
        waiting: Waiting<'_>,
    ) -> Poll<Result<(), NotSent>> {
        match self.offer(slot, Some(waiting)) {
            Err(NotSent::Full) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// The first message sent after one was received has the tag of that one.
    fn offer_recalling(
        &self,
        recall: &Mutex<Recall>,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        let answered = std::mem::take(&mut recall.lock().unanswered);
        if let Some(message) = slot {
            message.set_tag(answered);
        }
        let offered = self.offer_any(slot, waiting);
        if offered.is_err() && answered != 0 {
            let mut recall = recall.lock();
            if recall.received == answered {
                recall.unanswered = answered;
            }
        }
        offered
    }

    #[inline]
    fn offer_any(
        &self,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        let Some(inward) = self.inward() else {
            return Err(NotSent::Closed);
        };
        if let (Some(known_peers), Some(message)) = (&self.known_peers, &*slot) {
            if !known_peers.admit(message) {
                return Err(self.unroutable(waiting));
            }
        }
        let offer = match (&self.lockstep, self.outward(), &self.latest) {
            (Some(lockstep), Some(outward), _) => {
                match lockstep.offer(outward, inward, slot, waiting) {
                    Some(offer) => offer,
                    None => return Err(NotSent::Refused(Refusal::NoRequest)),
                }
            }
            (None, Some(outward), Some(latest)) if latest.is_relaxed() => {
                latest.offer(inward, outward, slot, waiting)
            }
            _ => match waiting {
                None => inward.try_push(slot),
                Some(waiting) => inward.push_or_wait(slot, waiting),
            },
        };
        match offer {
            Offer::Taken => Ok(()),
            Offer::Full => Err(NotSent::Full),
            Offer::Closed => Err(NotSent::Closed),
            Offer::Terminated => Err(NotSent::Terminated),
        }
    }

    /// A message to an unknown peer is refused, unless the socket is closed. A call that was
    /// waiting with it stops waiting.
    #[cold]
    fn unroutable(&self, waiting: Option<Waiting<'_>>) -> NotSent {
        if let Some(waiting) = waiting {
            self.leave_senders(waiting.ticket);
        }
        match self.first_state() {
            State::Open => NotSent::Refused(Refusal::Unroutable),
            State::Closed => NotSent::Closed,
            State::Terminated => NotSent::Terminated,
        }
    }

    /// Waits for room. A closed channel does not make a caller wait: sending reports that.
    pub(crate) fn poll_room(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<()> {
        let waiting = Waiting { ticket, waker };
        match self.inward().map(|inward| inward.room_or_wait(waiting)) {
            Some(Offer::Full) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// A sender stops waiting.
    #[inline]
    pub(crate) fn leave_senders(&self, ticket: &mut Ticket) {
        if let (true, Some(inward)) = (ticket.is_some(), self.inward()) {
            inward.leave_senders(ticket);
        }
    }

    /// Passes on a wake-up for a sender that may have reached one that no longer waits.
    pub(crate) fn call_a_sender(&self) {
        if let Some(inward) = self.inward() {
            inward.call_a_sender();
        }
    }

    /// Takes a message on the fast path: there is one, and nothing to wake or notify. Otherwise it
    /// does nothing. Only for callers that have checked
    /// [`receives_plainly`](Self::receives_plainly).
    #[inline]
    pub(crate) fn pop_quietly(&self) -> Option<Message> {
        debug_assert!(self.receives_plainly(), "not asked before");
        self.outward.pop_quietly()
    }

    pub(crate) fn try_pop(&self) -> Result<Message, Nothing> {
        let Some(outward) = self.outward() else {
            return Err(Nothing::Closed);
        };
        let popped = match (&self.lockstep, self.inward()) {
            (Some(lockstep), Some(inward)) => lockstep.pop(outward, inward, None),
            _ => outward.try_pop(),
        };
        self.note(popped.as_ref().ok());
        self.unless_orphaned(popped)
    }

    pub(crate) fn pop_or_wait(
        &self,
        places: &mut QueuePlaces,
        waker: &Waker,
    ) -> Result<Message, Nothing> {
        let Some(outward) = self.outward() else {
            return Err(Nothing::Closed);
        };
        let popped = match (&self.lockstep, self.inward()) {
            (Some(lockstep), Some(inward)) if !places.by_number => {
                lockstep.pop(outward, inward, Some((places, waker)))
            }
            _ => outward.pop_or_wait(Waiting {
                ticket: &mut places.channel,
                waker,
            }),
        };
        if let Err(Nothing::Empty) = popped {
            // A task that waits leaves its thread to others, whose messages are not part of a
            // stream.
            set_slept();
        }
        self.note(popped.as_ref().ok());
        self.unless_orphaned(popped)
    }

    /// Without a pump, no message will arrive.
    #[inline]
    pub(super) fn unless_orphaned<U>(&self, popped: Result<U, Nothing>) -> Result<U, Nothing> {
        match popped {
            Err(Nothing::Empty) if self.is_orphaned() => Err(Nothing::Closed),
            popped => popped,
        }
    }

    /// Takes a message, or waits for one.
    pub(crate) fn poll_pop(
        &self,
        places: &mut QueuePlaces,
        waker: &Waker,
    ) -> Poll<Result<Message, Nothing>> {
        match self.pop_or_wait(places, waker) {
            Err(Nothing::Empty) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Like [`try_pop`](Self::try_pop), exempt from the alternation.
    pub(crate) fn try_pop_by_number(&self) -> Result<Message, Nothing> {
        match self.outward() {
            Some(outward) => outward.try_pop(),
            None => Err(Nothing::Closed),
        }
    }

    /// Replies to the request with this tag, at any time; a reply without frames makes it
    /// forgotten.
    pub(crate) fn answer_by_number(&self, slot: &mut Option<Message>) -> Offer {
        match self.inward() {
            Some(inward) => inward.push_anyway(slot),
            None => Offer::Closed,
        }
    }

    pub(crate) fn lockstep(&self) -> Option<&Lockstep> {
        self.lockstep.as_ref()
    }

    /// Takes all messages there are, at least one and at most `max`; only one if receive and send
    /// alternate.
    pub(crate) fn pop_many(
        &self,
        into: &mut Vec<Message>,
        max: usize,
        waiting: Option<(&mut QueuePlaces, &Waker)>,
    ) -> Result<usize, Nothing> {
        if self.lockstep.is_some() {
            let message = match waiting {
                Some((places, waker)) => self.pop_or_wait(places, waker)?,
                None => self.try_pop()?,
            };
            into.push(message);
            return Ok(1);
        }
        let popped = match (self.outward(), waiting) {
            (None, _) => Err(Nothing::Closed),
            (Some(outward), None) => outward.try_pop_many(into, max),
            (Some(outward), Some((places, waker))) => {
                let ticket = &mut places.channel;
                outward.pop_many_or_wait(into, max, Waiting { ticket, waker })
            }
        };
        if popped.is_ok() {
            self.note(into.last());
        }
        self.unless_orphaned(popped)
    }

    /// Like [`pop_many`](Self::pop_many), or waits.
    pub(crate) fn poll_pop_many(
        &self,
        into: &mut Vec<Message>,
        max: usize,
        places: &mut QueuePlaces,
        waker: &Waker,
    ) -> Poll<Result<usize, Nothing>> {
        match self.pop_many(into, max, Some((places, waker))) {
            Err(Nothing::Empty) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Remembers the tag of the message received last, where that is needed.
    #[inline]
    fn note(&self, received: Option<&Message>) {
        if let (Some(recall), Some(message)) = (&self.recall, received) {
            let tag = message.tag();
            *recall.lock() = Recall {
                received: tag,
                unanswered: tag,
            };
        }
    }

    /// A receiver stops waiting.
    #[inline]
    pub(crate) fn leave_receivers(&self, places: &mut QueuePlaces) {
        if places.is_nowhere() {
            return;
        }
        match (&self.lockstep, self.outward()) {
            (Some(lockstep), Some(outward)) => lockstep.leave(outward, places),
            (None, Some(outward)) => outward.leave_receivers(&mut places.channel),
            (_, None) => {}
        }
    }

    /// Passes on a wake-up for a receiver that may have reached one that no longer waits.
    pub(crate) fn call_a_receiver(&self) {
        match (&self.lockstep, self.outward()) {
            (Some(lockstep), Some(outward)) => lockstep.call_next(outward),
            (None, Some(outward)) => outward.call_a_receiver(),
            (_, None) => {}
        }
    }
}
