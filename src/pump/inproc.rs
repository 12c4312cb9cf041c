//! Links between two sockets of one context: no octets, messages move.

use crate::message::{Frame, Message};
use crate::options::Overflow;
use crate::pattern::{PeerId, PeerIntro};
use crate::socket_type::SocketType;

use super::link::{Inproc, Loss, Origin, Path, NO_LINK};
use super::reading::admit_all;
use super::world::World;
use super::Pump;

/// Messages one inproc link moves in a turn before others have theirs.
const TRANSFER_BUDGET: usize = 1024;

impl<W: World> Pump<W> {
    /// Joins a dialer's hub and a listener's hub; false if either does not want the other.
    pub(super) fn join(&mut self, dialer: usize, listener: usize) -> bool {
        let (Some(dialing), Some(listening)) =
            (self.dialers.get(dialer), self.listeners.get(listener))
        else {
            return false;
        };
        let (near, far) = (dialing.hub, listening.hub);
        let (Some(near_hub), Some(far_hub)) = (self.hubs.get(near), self.hubs.get(far)) else {
            return false;
        };
        let (near_type, far_type) = (near_hub.kind, far_hub.kind);
        if !near_type.accepts(far_type) {
            return false;
        }
        let near_intro = intro(near_type, &near_hub.options.routing_id);
        let far_intro = intro(far_type, &far_hub.options.routing_id);
        let half = |twin, twin_hub| Path::Inproc(Inproc::new(twin, twin_hub));
        // The far half is told its twin's slot below, once that is known.
        let far_link = self.add_link(far, Origin::Accepted(listener), half(NO_LINK, near));
        let near_link = self.add_link(near, Origin::Dialed(dialer), half(far_link, far));
        if let Some(Path::Inproc(inproc)) = self.links.get_mut(far_link).map(|link| &mut link.path)
        {
            inproc.twin = near_link;
        }
        if let Some(dialing) = self.dialers.get_mut(dialer) {
            dialing.is_linked(near_link);
        }
        if !self.attach(far_link, &near_intro) || !self.attach(near_link, &far_intro) {
            self.lose(near_link, Loss::Refused);
            return false;
        }
        true
    }

    /// Gives an inproc link a place among those with something for their twin.
    pub(super) fn transfer_later(&mut self, slot: usize) {
        if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path) {
            let something = !inproc.queue.is_empty() || !inproc.controls.is_empty();
            if something && !inproc.in_transfers {
                inproc.in_transfers = true;
                self.transfers.push_back(slot);
            }
        }
    }

    /// Moves what inproc links hold to their twins.
    pub(super) fn transfer_all(&mut self) {
        for _ in 0..self.transfers.len() {
            let Some(slot) = self.transfers.pop_front() else {
                break;
            };
            if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path)
            {
                inproc.in_transfers = false;
                self.transfer(slot);
            }
        }
    }

    /// Moves what one inproc link holds to its twin's socket.
    fn transfer(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let hub = link.hub;
        let Path::Inproc(inproc) = &mut link.path else {
            return;
        };
        let (twin, far) = (inproc.twin, inproc.twin_hub);
        let controls = std::mem::take(&mut inproc.controls);
        let buffers = self.hubs.get(hub).is_some_and(|hub| hub.io.buffers);
        for control in controls {
            let peer = PeerId(twin as u32);
            let heeded = self
                .hubs
                .get_mut(far)
                .map(|far| far.pattern.heed(peer, control));
            if !matches!(heeded, Some(Ok(()))) {
                return self.lose(twin, Loss::Refused);
            }
        }
        let mut moved = 0;
        let mut refused = false;
        while moved < TRANSFER_BUDGET {
            if buffers && !self.has_room(far) {
                self.rooms[far].waiting.push(slot);
                break;
            }
            let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path)
            else {
                break;
            };
            let Some(message) = inproc.queue.pop_front() else {
                break;
            };
            if !buffers {
                self.rooms[far].redeem();
            }
            moved += 1;
            if !self.receive(far, twin, message) {
                refused = true;
                break;
            }
        }
        self.push_batch(far);
        if moved == TRANSFER_BUDGET {
            self.transfer_later(slot);
        }
        if let Some(hub) = self.hubs.get_mut(hub) {
            if !buffers && hub.options.send_overflow == Overflow::Block {
                hub.io.released += moved;
            }
        }
        self.settle_credits(hub);
        if refused {
            return self.lose(twin, Loss::Refused);
        }
        self.unblock(slot);
        self.check_closing(hub);
    }

    /// Gives one message from an inproc peer to the pattern; false if the peer must go.
    fn receive(&mut self, hub: usize, from: usize, message: Message) -> bool {
        let Some(found) = self.hubs.get_mut(hub) else {
            return false;
        };
        let before = found.io.batch.len();
        found.io.batch.push_back(message);
        let was_blocked = found.pattern.is_blocked();
        let admitted = admit_all(
            &mut *found.pattern,
            PeerId(from as u32),
            &mut found.io,
            before,
        )
        .is_ok();
        let unblocked = was_blocked && !found.pattern.is_blocked();
        self.rooms[hub].take(found.io.batch.len() - before);
        if unblocked {
            self.schedule_send(hub);
        }
        admitted
    }

    /// One half of an inproc pair ends: so does the other, after what it was sent is delivered.
    pub(super) fn release_twin(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Path::Inproc(inproc) = &mut link.path else {
            return;
        };
        let twin = std::mem::replace(&mut inproc.twin, NO_LINK);
        let far = inproc.twin_hub;
        if let Some(room) = self.rooms.get_mut(far) {
            room.waiting.retain(|&waiting| waiting != slot);
        }
        if let Some(other) = self.links.get_mut(twin) {
            if let Path::Inproc(inproc) = &mut other.path {
                if inproc.twin == slot {
                    inproc.twin = NO_LINK;
                    self.lose(twin, Loss::World);
                }
            }
        }
    }
}

fn intro(socket_type: SocketType, routing_id: &[u8]) -> PeerIntro {
    let routing_id = match socket_type.announces_identity() {
        true => Frame::from(routing_id),
        false => Frame::empty(),
    };
    PeerIntro {
        socket_type: Some(socket_type),
        routing_id,
    }
}
