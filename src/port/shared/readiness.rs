//! Whether a call would wait, and waiting until it would not.

use std::task::{Poll, Waker};

use super::Ports;
use crate::port::lockstep::QueuePlaces;
use crate::sync::bounded::{Nothing, Offer, Waiting};

/// These take neither messages nor room: calls that wait for those are still woken.
impl Ports {
    /// Whether a receive would not wait: `Ok` if there is a message for it, `Empty` if it would
    /// wait. In that case `waiting` is registered until that changes.
    pub(crate) fn watch_items(
        &self,
        waiting: Option<(&mut QueuePlaces, &Waker)>,
    ) -> Result<(), Nothing> {
        let Some(outward) = self.outward() else {
            return Err(Nothing::Closed);
        };
        let by_number = waiting.as_ref().is_some_and(|(places, _)| places.by_number);
        let found = match (&self.lockstep, self.inward()) {
            (Some(lockstep), Some(inward)) if !by_number => {
                lockstep.watch_requests(outward, inward, waiting)
            }
            _ => outward.watch_items(waiting.map(|(places, waker)| Waiting {
                ticket: &mut places.channel,
                waker,
            })),
        };
        self.unless_orphaned(found)
    }

    /// Whether a handle that replies by number would not wait for a request.
    pub(crate) fn has_items(&self) -> bool {
        let found = self.outward().map(|outward| outward.watch_items(None));
        self.unless_orphaned(found.unwrap_or(Err(Nothing::Closed))) != Err(Nothing::Empty)
    }

    /// Whether there is room to send and, on a socket that alternates, a request to reply to:
    /// `Full` if not. In that case `waiting` is registered until that changes.
    pub(crate) fn watch_room(&self, waiting: Option<(&mut QueuePlaces, &Waker)>) -> Offer {
        let Some(inward) = self.inward() else {
            return Offer::Closed;
        };
        if self.is_orphaned() {
            return Offer::Closed;
        }
        match &self.lockstep {
            Some(lockstep) => lockstep.watch_replies(inward, waiting),
            None => inward.watch_room(waiting.map(|(places, waker)| Waiting {
                ticket: &mut places.channel,
                waker,
            })),
        }
    }

    /// Waits until a receive would not wait; returns why, if no message will arrive.
    pub(crate) fn poll_items(
        &self,
        places: &mut QueuePlaces,
        waker: &Waker,
    ) -> Poll<Result<(), Nothing>> {
        match self.watch_items(Some((places, waker))) {
            Err(Nothing::Empty) => Poll::Pending,
            found => Poll::Ready(found),
        }
    }

    /// Waits until [`watch_room`](Self::watch_room) finds room, or the socket is closed.
    pub(crate) fn poll_any_room(&self, places: &mut QueuePlaces, waker: &Waker) -> Poll<Offer> {
        match self.watch_room(Some((places, waker))) {
            Offer::Full => Poll::Pending,
            offer => Poll::Ready(offer),
        }
    }

    /// Removes a registration of [`watch_items`](Self::watch_items).
    pub(crate) fn stop_watching_items(&self, places: &mut QueuePlaces) {
        if let Some(lockstep) = &self.lockstep {
            lockstep.stop_watching_requests(places);
        }
        if let (true, Some(outward)) = (places.channel.is_some(), self.outward()) {
            outward.stop_watching_items(&mut places.channel);
        }
    }

    /// Removes a registration of [`watch_room`](Self::watch_room).
    pub(crate) fn stop_watching_room(&self, places: &mut QueuePlaces) {
        if let Some(lockstep) = &self.lockstep {
            lockstep.stop_watching_replies(places);
        }
        if let (true, Some(inward)) = (places.channel.is_some(), self.inward()) {
            inward.stop_watching_room(&mut places.channel);
        }
    }
}
