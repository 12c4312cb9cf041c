//! Forwarding from the `out` of one socket to the `in` of another, used by proxies.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use crate::message::Message;
use crate::port::lockstep::QueuePlaces;
use crate::port::receiver::Receiver;
use crate::port::sender::Sender;
use crate::port::shared::NotSent;
use crate::sync::bounded::{Nothing, Waiting};
use crate::sync::wait_queue::Ticket;

/// Messages taken at once, under the same locks.
const BATCH: usize = 256;

/// Forwards messages in one direction, whole and in order.
///
/// A message is taken only when all its destinations have room for it, so that backpressure reaches
/// from the receiving socket to the senders of the other.
pub(crate) struct Relay {
    from: Receiver,
    to: Sender,
    /// Receives a copy of every message.
    capture: Option<Sender>,
    places: QueuePlaces,
    room: Ticket,
    capture_room: Ticket,
    /// Messages taken and not yet forwarded. Usually empty, unless other handles send to the same
    /// socket.
    pending: VecDeque<Message>,
    /// Whether the first of them has been captured.
    captured: bool,
    taken: Vec<Message>,
    carried: Carried,
}

/// Numbers of messages that a relay has forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Messages that the sending socket refused, such as one to an unknown peer.
    pub(crate) refused: u64,
}

/// The relay has ended: one of its sockets is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over;

impl Relay {
    pub(crate) fn new(from: Receiver, to: Sender, capture: Option<Sender>) -> Self {
        Relay {
            from,
            to,
            capture,
            places: QueuePlaces::default(),
            room: None,
            capture_room: None,
            pending: VecDeque::new(),
            captured: false,
            taken: Vec::new(),
            carried: Carried::default(),
        }
    }

    pub(crate) fn carried(&self) -> Carried {
        self.carried
    }

    /// Messages that were taken and have not been forwarded.
    pub(crate) fn held(&self) -> usize {
        self.pending.len()
    }

    /// Forwards up to `budget` messages. `Ready(Ok)` means that the budget is used up, `Pending`
    /// that the waker is woken when there is more to do.
    pub(crate) fn poll_carry(&mut self, budget: usize, waker: &Waker) -> Poll<Result<(), Over>> {
        let mut left = budget;
        while left > 0 {
            while !self.pending.is_empty() {
                match self.pass_on(waker) {
                    Poll::Ready(Ok(())) => left = left.saturating_sub(1),
                    other => return other,
                }
            }
            let room = self.room_everywhere();
            if room == 0 {
                match self.wait_for_room(waker) {
                    Poll::Ready(Ok(())) => continue,
                    other => return other,
                }
            }
            let most = room.min(BATCH).min(left.max(1));
            let ports = self.from.ports();
            match ports.pop_many(&mut self.taken, most, Some((&mut self.places, waker))) {
                Ok(_) => self.pending.extend(self.taken.drain(..)),
                Err(Nothing::Empty) => return Poll::Pending,
                Err(Nothing::Closed | Nothing::Terminated) => return Poll::Ready(Err(Over)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Stops waiting, so that no wake-up is wasted. The next poll waits again.
    pub(crate) fn rest(&mut self) {
        self.from.ports().leave_receivers(&mut self.places);
        self.to.ports().leave_senders(&mut self.room);
        if let Some(capture) = &self.capture {
            capture.ports().leave_senders(&mut self.capture_room);
        }
    }

    /// Forwards the first pending message.
    fn pass_on(&mut self, waker: &Waker) -> Poll<Result<(), Over>> {
        let Some(message) = self.pending.front_mut() else {
            return Poll::Ready(Ok(()));
        };
        message.set_tag(0);
        if let (Some(capture), false) = (&self.capture, self.captured) {
            let ticket = &mut self.capture_room;
            let mut copy = Some(message.clone());
            match capture
                .ports()
                .offer(&mut copy, Some(Waiting { ticket, waker }))
            {
                Err(NotSent::Full) => return Poll::Pending,
                // A closed capture socket receives nothing, and delays nothing.
                Ok(()) | Err(_) => self.captured = true,
            }
        }
        let bytes = message.iter().map(|frame| frame.len() as u64).sum::<u64>();
        let mut slot = self.pending.pop_front();
        let ticket = &mut self.room;
        match self
            .to
            .ports()
            .offer(&mut slot, Some(Waiting { ticket, waker }))
        {
            Ok(()) => {
                self.carried.messages += 1;
                self.carried.bytes += bytes;
            }
            Err(NotSent::Full) => {
                self.pending.extend(slot);
                self.pending.rotate_right(1);
                return Poll::Pending;
            }
            Err(NotSent::Closed | NotSent::Terminated) => {
                self.pending.extend(slot);
                self.pending.rotate_right(1);
                return Poll::Ready(Err(Over));
            }
            Err(_) => self.carried.refused += 1,
        }
        self.captured = false;
        Poll::Ready(Ok(()))
    }

    /// Number of messages for which all destinations have room.
    fn room_everywhere(&self) -> usize {
        let room = |sender: &Sender| sender.ports().inward().map_or(0, |inward| inward.room());
        let captured = self.capture.as_ref().map_or(usize::MAX, room);
        room(&self.to).min(captured)
    }

    /// Waits until all destinations have room. A closed channel counts as having room.
    fn wait_for_room(&mut self, waker: &Waker) -> Poll<Result<(), Over>> {
        if let Some(capture) = &self.capture {
            if capture
                .ports()
                .poll_room(&mut self.capture_room, waker)
                .is_pending()
            {
                return Poll::Pending;
            }
        }
        if self
            .to
            .ports()
            .poll_room(&mut self.room, waker)
            .is_pending()
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.rest();
    }
}
