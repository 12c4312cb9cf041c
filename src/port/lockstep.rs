//! Strict alternation: a request may be taken only when no reply is owed, and a reply may be
//! sent only when one is. Handles that answer by the number of a request pass by.

use std::task::Waker;

use crate::message::Message;
use crate::sync::bounded::{Channel, Nothing, Offer, State, Waiting};
use crate::sync::primitives::Mutex;
use crate::sync::wait_queue::{Ticket, WaitQueue, WakeList};

/// Stands in front of both channels of a socket that alternates.
///
/// The rule for waking: while nothing is owed and there are waiters here, at least one receiver
/// that has been called has yet to look. It takes a request, or finds none and calls the next,
/// or goes away and calls the next.
pub(crate) struct Gate(Mutex<Turn>);

struct Turn {
    /// The tag of the request that has been taken and not answered.
    owed: Option<u64>,
    /// Requests that were to be answered by number and never were.
    unanswered: u64,
    /// Receivers that found a reply owed.
    receivers: WaitQueue,
    /// Watchers that found none owed.
    senders: WaitQueue,
}

/// A call's places in the lines: it waits for a message or for room, or for its turn.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) channel: Ticket,
    pub(crate) turn: Ticket,
    /// It takes no turns: it answers by the number of the request, whenever that is.
    pub(crate) by_number: bool,
}

impl Line {
    pub(crate) fn by_number() -> Self {
        Line {
            by_number: true,
            ..Line::default()
        }
    }

    /// In no line at all.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.channel.is_none() && self.turn.is_none()
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Gate(Mutex::new(Turn {
            owed: None,
            unanswered: 0,
            receivers: WaitQueue::default(),
            senders: WaitQueue::default(),
        }))
    }

    /// Takes a request, if it is the receivers' turn and there is one.
    pub(crate) fn pop(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        waiting: Option<(&mut Line, &Waker)>,
    ) -> Result<Message, Nothing> {
        let mut wakes = WakeList::default();
        let mut turn = self.0.lock();
        if turn.owed.is_some() && replies.state() == State::Open && requests.state() == State::Open
        {
            if let Some((line, waker)) = waiting {
                turn.receivers.register(&mut line.turn, waker);
                drop(turn);
                // If it had been called there is a request, which others may take that wait for
                // no turn.
                requests.leave_receivers(&mut line.channel);
            }
            return Err(Nothing::Empty);
        }
        let popped = match waiting {
            None => requests.pop(None, &mut wakes),
            Some((line, waker)) => {
                let Line {
                    channel,
                    turn: place,
                    ..
                } = line;
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

    /// Sends the reply that is owed; `None` if none is. Only an accepted reply pays the debt.
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

    /// Whether [`pop`](Self::pop) would not wait. Otherwise a caller that is ready to wait watches
    /// until that is so.
    pub(crate) fn watch_requests(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        waiting: Option<(&mut Line, &Waker)>,
    ) -> Result<(), Nothing> {
        let mut turn = self.0.lock();
        let are_open = replies.state() == State::Open && requests.state() == State::Open;
        let Some((line, waker)) = waiting else {
            return match turn.owed.is_some() && are_open {
                true => Err(Nothing::Empty),
                false => requests.watch_items(None),
            };
        };
        if turn.owed.is_some() && are_open {
            turn.receivers.watch(&mut line.turn, waker);
            requests.stop_watching_items(&mut line.channel);
            return Err(Nothing::Empty);
        }
        if let Some(ticket) = line.turn.take() {
            turn.receivers.remove(ticket);
        }
        requests.watch_items(Some(Waiting {
            ticket: &mut line.channel,
            waker,
        }))
    }

    /// Whether a reply is owed and there is room for it, or the channels are not open. Otherwise a
    /// caller that is ready to wait watches until that is so.
    pub(crate) fn watch_replies(
        &self,
        replies: &Channel<Message>,
        waiting: Option<(&mut Line, &Waker)>,
    ) -> Offer {
        let mut turn = self.0.lock();
        let owes = turn.owed.is_some() || replies.state() != State::Open;
        let Some((line, waker)) = waiting else {
            return match owes {
                true => replies.watch_room(None),
                false => Offer::Full,
            };
        };
        if !owes {
            turn.senders.watch(&mut line.turn, waker);
            replies.stop_watching_room(&mut line.channel);
            return Offer::Full;
        }
        if let Some(ticket) = line.turn.take() {
            turn.senders.remove(ticket);
        }
        replies.watch_room(Some(Waiting {
            ticket: &mut line.channel,
            waker,
        }))
    }

    /// One that watched for requests stops.
    pub(crate) fn stop_watching_requests(&self, line: &mut Line) {
        if let Some(ticket) = line.turn.take() {
            self.0.lock().receivers.remove(ticket);
        }
    }

    /// One that watched for the turn of replies stops.
    pub(crate) fn stop_watching_replies(&self, line: &mut Line) {
        if let Some(ticket) = line.turn.take() {
            self.0.lock().senders.remove(ticket);
        }
    }

    /// A receiver goes away. If it had been called, the next one is called in its place.
    pub(crate) fn leave(&self, requests: &Channel<Message>, line: &mut Line) {
        if let Some(ticket) = line.turn.take() {
            if !self.0.lock().receivers.remove(ticket) {
                self.call_next(requests);
            }
        }
        requests.leave_receivers(&mut line.channel);
    }

    /// A handle that was to answer a request by its number did not.
    pub(crate) fn count_unanswered(&self) {
        self.0.lock().unanswered += 1;
    }

    pub(crate) fn unanswered(&self) -> u64 {
        self.0.lock().unanswered
    }

    /// Has all waiters look again: a channel has been closed.
    pub(crate) fn call_all(&self) {
        let mut wakes = WakeList::default();
        {
            let mut turn = self.0.lock();
            turn.receivers.call_all(&mut wakes);
            turn.senders.call_all(&mut wakes);
        }
        wakes.carry_out(None, None);
    }

    /// If it is the receivers' turn, calls one that waits for it, else one that waits for a
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
