//! Strict alternation of REP: a request may be received only when no reply is due, and a reply may
//! be sent only when one is. Handles that reply by the number of a request are exempt.

use std::task::Waker;

use crate::message::Message;
use crate::sync::bounded::{Channel, Nothing, Offer, State, Waiting};
use crate::sync::primitives::Mutex;
use crate::sync::wait_queue::{Ticket, WaitQueue, WakeList};

/// Guards both channels of a socket that alternates.
///
/// The rule for wake-ups: while no reply is due and there are waiters here, at least one woken
/// receiver has yet to poll. It takes a request, or finds none and wakes the next, or leaves and
/// wakes the next.
pub(crate) struct Lockstep(Mutex<Turn>);

struct Turn {
    /// The tag of the request that has been received and not replied to.
    owed: Option<u64>,
    /// Requests that were to be replied to by number and never were.
    unanswered: u64,
    /// Receivers that wait because a reply is due.
    receivers: WaitQueue,
    /// Tasks that wait until a reply is due.
    senders: WaitQueue,
}

/// A call's places in the wait queues: for a message or room, or for its turn.
#[derive(Debug, Default)]
pub(crate) struct QueuePlaces {
    pub(crate) channel: Ticket,
    pub(crate) turn: Ticket,
    /// It is exempt from the alternation: it replies by the number of the request, at any time.
    pub(crate) by_number: bool,
}

impl QueuePlaces {
    pub(crate) fn by_number() -> Self {
        QueuePlaces {
            by_number: true,
            ..QueuePlaces::default()
        }
    }

    /// Whether it is in no wait queue.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.channel.is_none() && self.turn.is_none()
    }
}

impl Lockstep {
    pub(crate) fn new() -> Self {
        Lockstep(Mutex::new(Turn {
            owed: None,
            unanswered: 0,
            receivers: WaitQueue::default(),
            senders: WaitQueue::default(),
        }))
    }

    /// Receives a request, if no reply is due and there is one.
    pub(crate) fn pop(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        waiting: Option<(&mut QueuePlaces, &Waker)>,
    ) -> Result<Message, Nothing> {
        let mut wakes = WakeList::default();
        let mut turn = self.0.lock();
        if turn.owed.is_some() && replies.state() == State::Open && requests.state() == State::Open
        {
            if let Some((places, waker)) = waiting {
                turn.receivers.register(&mut places.turn, waker);
                drop(turn);
                // If it was woken, there is a request, which receivers exempt from the alternation
                // may take.
                requests.leave_receivers(&mut places.channel);
            }
            return Err(Nothing::Empty);
        }
        let popped = match waiting {
            None => requests.pop(None, &mut wakes),
            Some((places, waker)) => {
                let QueuePlaces {
                    channel,
                    turn: place,
                    ..
                } = places;
                let waiting = Waiting {
                    ticket: channel,
                    waker,
                };
                let popped = requests.pop(Some(waiting), &mut wakes);
                if let Some(ticket) = place.take() {
                    turn.receivers.remove(ticket);
                    if popped.is_err() {
                        turn.receivers.call(1, &mut wakes);
                    }
                }
                popped
            }
        };
        if let Ok(request) = &popped {
            turn.owed = Some(request.tag());
            if !turn.senders.is_empty() {
                turn.senders.call_all(&mut wakes);
            }
        }
        drop(turn);
        requests.carry_out(wakes);
        popped
    }

    /// Sends the reply that is due; `None` if none is. It stays due unless the reply is accepted.
    pub(crate) fn offer(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Option<Offer> {
        let mut wakes = WakeList::default();
        let mut turn = self.0.lock();
        let Some(owed) = turn.owed else {
            drop(turn);
            if let Some(waiting) = waiting {
                replies.leave_senders(waiting.ticket);
            }
            return match replies.state() {
                State::Open => None,
                State::Closed => Some(Offer::Closed),
                State::Terminated => Some(Offer::Terminated),
            };
        };
        if let Some(reply) = slot {
            reply.set_tag(owed);
        }
        let offer = replies.offer(slot, waiting, &mut wakes);
        if offer == Offer::Taken {
            turn.owed = None;
        }
        drop(turn);
        replies.carry_out(wakes);
        if offer == Offer::Taken {
            self.call_next(requests);
        }
        Some(offer)
    }

    /// Returns whether [`pop`](Self::pop) would not wait. If it would, `waiting` is registered
    /// until it would not.
    pub(crate) fn watch_requests(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        waiting: Option<(&mut QueuePlaces, &Waker)>,
    ) -> Result<(), Nothing> {
        let mut turn = self.0.lock();
        let are_open = replies.state() == State::Open && requests.state() == State::Open;
        let Some((places, waker)) = waiting else {
            return match turn.owed.is_some() && are_open {
                true => Err(Nothing::Empty),
                false => requests.watch_items(None),
            };
        };
        if turn.owed.is_some() && are_open {
            turn.receivers.watch(&mut places.turn, waker);
            requests.stop_watching_items(&mut places.channel);
            return Err(Nothing::Empty);
        }
        if let Some(ticket) = places.turn.take() {
            turn.receivers.remove(ticket);
        }
        requests.watch_items(Some(Waiting {
            ticket: &mut places.channel,
            waker,
        }))
    }

    /// Returns whether a reply is due and there is room for it, or the channels are not open. If
    /// not, `waiting` is registered until that changes.
    pub(crate) fn watch_replies(
        &self,
        replies: &Channel<Message>,
        waiting: Option<(&mut QueuePlaces, &Waker)>,
    ) -> Offer {
        let mut turn = self.0.lock();
        let owes = turn.owed.is_some() || replies.state() != State::Open;
        let Some((places, waker)) = waiting else {
            return match owes {
                true => replies.watch_room(None),
                false => Offer::Full,
            };
        };
        if !owes {
            turn.senders.watch(&mut places.turn, waker);
            replies.stop_watching_room(&mut places.channel);
            return Offer::Full;
        }
        if let Some(ticket) = places.turn.take() {
            turn.senders.remove(ticket);
        }
        replies.watch_room(Some(Waiting {
            ticket: &mut places.channel,
            waker,
        }))
    }

    /// Removes a registration of [`watch_requests`](Self::watch_requests).
    pub(crate) fn stop_watching_requests(&self, places: &mut QueuePlaces) {
        if let Some(ticket) = places.turn.take() {
            self.0.lock().receivers.remove(ticket);
        }
    }

    /// Removes a registration of [`watch_replies`](Self::watch_replies).
    pub(crate) fn stop_watching_replies(&self, places: &mut QueuePlaces) {
        if let Some(ticket) = places.turn.take() {
            self.0.lock().senders.remove(ticket);
        }
    }

    /// A receiver leaves. If it had been woken, the next one is woken in its place.
    pub(crate) fn leave(&self, requests: &Channel<Message>, places: &mut QueuePlaces) {
        if let Some(ticket) = places.turn.take() {
            if !self.0.lock().receivers.remove(ticket) {
                self.call_next(requests);
            }
        }
        requests.leave_receivers(&mut places.channel);
    }

    /// Counts a request whose handle was dropped without a reply.
    pub(crate) fn count_unanswered(&self) {
        self.0.lock().unanswered += 1;
    }

    pub(crate) fn unanswered(&self) -> u64 {
        self.0.lock().unanswered
    }

    /// Wakes all waiters, as a channel has been closed.
    pub(crate) fn call_all(&self) {
        let mut wakes = WakeList::default();
        {
            let mut turn = self.0.lock();
            turn.receivers.call_all(&mut wakes);
            turn.senders.call_all(&mut wakes);
        }
        wakes.carry_out(None, None);
    }

    /// If no reply is due, wakes a receiver that waits for its turn, or else one that waits for a
    /// request.
    pub(crate) fn call_next(&self, requests: &Channel<Message>) {
        let mut wakes = WakeList::default();
        let no_taker_here = {
            let mut turn = self.0.lock();
            if turn.owed.is_some() {
                return;
            }
            let no_taker_here = turn.receivers.only_watches();
            turn.receivers.call(1, &mut wakes);
            no_taker_here
        };
        wakes.carry_out(None, None);
        if no_taker_here {
            requests.call_a_receiver();
        }
    }
}
