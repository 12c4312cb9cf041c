//! From the kernel to `out`: readiness, octets, events, batches.

use std::io::{ErrorKind, Read};

use crate::pattern::{Inbound, PeerId, PeerIntro};
use crate::wire::Event;

use super::link::{Leaving, Loss, Path, NO_HUB};
use super::world::World;
use super::{Pump, READ_BUDGET};

/// How a reading slice ended.
enum Slice {
    /// Nothing more to read now.
    Dry,
    /// The budget is used up, the rest is for the next turn.
    Budget,
    /// `out` is full; its next pops feed the link again.
    Starved,
    /// The link ends.
    Over(Loss),
}

impl<W: World> Pump<W> {
    /// A link's source became ready.
    pub(super) fn note_link(&mut self, slot: usize, readable: bool, writable: bool) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        match &mut link.path {
            Path::Dialing { .. } => {
                if readable || writable {
                    self.dialed(slot);
                }
            }
            Path::Wire(wire) => {
                wire.readable |= readable;
                wire.writable |= writable;
                if readable {
                    self.feed(slot);
                }
                if writable {
                    self.flush_later(slot);
                }
            }
            Path::Inproc(_) => {}
        }
    }

    /// Gives a link a place among the readers.
    pub(super) fn feed(&mut self, slot: usize) {
        if let Some(link) = self.links.get_mut(slot) {
            if !link.in_readers && matches!(link.path, Path::Wire(_)) {
                link.in_readers = true;
                self.readers.push_back(slot);
            }
        }
    }

    /// One slice for each link that has something to read.
    pub(super) fn read_all(&mut self) {
        for _ in 0..self.readers.len() {
            let Some(slot) = self.readers.pop_front() else {
                break;
            };
            let Some(link) = self.links.get_mut(slot) else {
                continue;
            };
            link.in_readers = false;
            let hub = link.hub;
            if matches!(link.leaving, Some(Leaving::Draining(_) | Leaving::Flushing(_))) {
                self.discard(slot);
                continue;
            }
            if hub == NO_HUB {
                continue;
            }
            let slice = self.read_slice(slot, hub);
            self.push_batch(hub);
            match slice {
                Slice::Dry => {}
                Slice::Budget => self.feed(slot),
                Slice::Starved => {
                    if let Some(hub) = self.hubs.get_mut(hub) {
                        hub.starved.push_back(slot);
                    }
                }
                Slice::Over(loss) => {
                    // What the protocol machine wants to say last, such as ERROR.
                    self.flush(slot);
                    self.lose(slot, loss);
                }
            }
        }
    }

    fn read_slice(&mut self, slot: usize, hub: usize) -> Slice {
        let mut budget = READ_BUDGET;
        loop {
            loop {
                if !self.has_room(hub) {
                    return Slice::Starved;
                }
                let Some(link) = self.links.get_mut(slot) else {
                    return Slice::Dry;
                };
                let Path::Wire(wire) = &mut link.path else {
                    return Slice::Dry;
                };
                let Some(event) = wire.connection.poll_event() else {
                    break;
                };
                if let Some(loss) = self.happened(slot, hub, event) {
                    return Slice::Over(loss);
                }
            }
            self.speak(slot);
            if budget == 0 {
                return Slice::Budget;
            }
            let now = self.now;
            let Some(Path::Wire(wire)) = self.links.get_mut(slot).map(|link| &mut link.path) else {
                return Slice::Dry;
            };
            if !wire.readable {
                return Slice::Dry;
            }
            let room = wire.connection.recv_slice();
            let asked = room.len();
            match wire.stream.read(room) {
                Ok(0) => return Slice::Over(Loss::World),
                Ok(read) => {
                    wire.connection.recv_advance(read, now);
                    budget = budget.saturating_sub(read);
                    // A short read emptied the kernel's buffer; what comes later is a new edge.
                    if read < asked {
                        wire.readable = false;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => wire.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Slice::Over(Loss::World),
            }
        }
    }

    /// Passes one event of the protocol machine on; answers why the link must end, if it must.
    fn happened(&mut self, slot: usize, hub: usize, event: Event) -> Option<Loss> {
        let inbound = match event {
            Event::Message(message) => Inbound::Message(message),
            Event::Subscribe(prefix) => Inbound::Subscribe(prefix),
            Event::Cancel(prefix) => Inbound::Cancel(prefix),
            Event::Ready(info) => {
                self.watch_deadline(slot);
                let intro =
                    PeerIntro { socket_type: info.socket_type, routing_id: info.identity };
                return if self.attach(slot, &intro) { None } else { Some(Loss::Refused) };
            }
            Event::Closed(reason) => return Some(Loss::Wire(reason)),
        };
        let peer = PeerId(slot as u32);
        let delivered = self.pattern_call(hub, |pattern, outlet| {
            let was_blocked = pattern.is_blocked();
            let result = pattern.deliver(peer, inbound, outlet);
            (result, was_blocked && !pattern.is_blocked())
        });
        match delivered {
            Some((Ok(()), unblocked)) => {
                if unblocked {
                    self.schedule_send(hub);
                }
                None
            }
            Some((Err(_), _)) => Some(Loss::Refused),
            None => Some(Loss::World),
        }
    }

    /// The protocol machine may have an answer to write or a deadline to keep.
    fn speak(&mut self, slot: usize) {
        let Some(link) = self.links.get(slot) else {
            return;
        };
        if let Path::Wire(wire) = &link.path {
            if wire.connection.has_transmit() {
                self.flush_later(slot);
            }
        }
        self.watch_deadline(slot);
    }

    /// Reads what a link that was let go still gets, and throws it away, until the peer closes.
    fn discard(&mut self, slot: usize) {
        let mut scratch = [0; 16 * 1024];
        let mut budget = READ_BUDGET;
        loop {
            let Some(link) = self.links.get_mut(slot) else {
                return;
            };
            let Path::Wire(wire) = &mut link.path else {
                return;
            };
            match wire.stream.read(&mut scratch) {
                Ok(0) => return self.lose(slot, Loss::World),
                Ok(read) => budget = budget.saturating_sub(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wire.readable = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lose(slot, Loss::World),
            }
            if budget == 0 {
                return self.feed(slot);
            }
        }
    }
}
