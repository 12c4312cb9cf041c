//! Links between two sockets of one pump: no octets, messages move. Those between two pumps of
//! one context are [`crossing`](crate::pump::pipe::cross_pump).

use std::collections::VecDeque;

use crate::channel::move_some;
use crate::event::{EventKind, PeerIdentity};
use crate::message::Frame;
use crate::options::Overflow;
use crate::pattern::{PeerId, PeerIntro, Violation};
use crate::socket_type::SocketType;
use crate::wire::CloseReason;

use crate::pump::env::World;
use crate::pump::fair_queue::Rest;
use crate::pump::observe::stats::{self, Counts};
use crate::pump::pipe::{Inproc, Loss, Origin, Path, NO_LINK};
use crate::pump::Pump;

/// Messages one inproc link moves in a turn before others have theirs.
const TRANSFER_BUDGET: usize = 1024;

impl<W: World> Pump<W> {
    /// Joins a dialer's hub and a listener's hub; false if either does not want the other, which
    /// both sides' monitors are told.
    pub(in crate::pump) fn join(&mut self, dialer: usize, listener: usize) -> bool {
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
        let near_intro = intro(near_type, &near_hub.options.routing_id);
        let far_intro = PeerIntro {
            alias: dialing.alias.as_ref().map(Frame::from),
            dialer: self.dialer_serial(dialer),
            ..intro(far_type, &far_hub.options.routing_id)
        };
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
        self.tell_link(near_link, || EventKind::Connected);
        self.tell_link(far_link, || EventKind::Accepted);
        if !near_type.accepts(far_type) {
            // As with a connection, each end finds out by itself.
            self.part_twins(near_link, far_link);
            self.lose(far_link, incompatible(far_type, near_type));
            self.lose(near_link, incompatible(near_type, far_type));
            return false;
        }
        for (link, intro) in [(far_link, near_intro), (near_link, far_intro)] {
            if let Err(loss) = self.attach(link, &intro) {
                self.lose(link, loss);
                return false;
            }
            self.tell_link(link, || {
                let (socket_type, id) = (intro.socket_type, intro.routing_id);
                EventKind::HandshakeSucceeded(PeerIdentity::nearby(socket_type, id))
            });
        }
        self.probe(near_link);
        self.probe(far_link);
        true
    }

    /// Gives an inproc link a place among those with something for their twin.
    pub(in crate::pump) fn transfer_later(&mut self, slot: usize) {
        if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path) {
            let something =
                !inproc.queue.is_empty() || !inproc.controls.is_empty() || inproc.hello.is_some();
            if something && !inproc.in_transfers {
                inproc.in_transfers = true;
                self.transfers.push_back(slot);
            }
        }
    }

    /// Moves what inproc links hold to their twins.
    pub(in crate::pump) fn transfer_all(&mut self) {
        for _ in 0..self.transfers.len() {
            let Some(slot) = self.transfers.pop_front() else {
                break;
            };
            match self.links.get_mut(slot).map(|link| &mut link.path) {
                Some(Path::Inproc(inproc)) => {
                    inproc.in_transfers = false;
                    self.transfer_now(slot);
                }
                Some(Path::Cross(cross)) => {
                    let lost = cross.transfer();
                    self.slid(slot, lost);
                }
                _ => {}
            }
        }
    }

    /// Moves what an inproc link that ends still holds, as far as there is room for it. It is not
    /// there any more when its turn comes.
    pub(in crate::pump) fn transfer_rest(&mut self, slot: usize) {
        let mut left = usize::MAX;
        loop {
            let held = self.links.get(slot).map_or(0, |link| link.held());
            if held == 0 || held == left {
                return;
            }
            left = held;
            self.transfer(slot, Pump::has_room_at_all);
        }
    }

    /// Moves what one inproc link holds; what it has to keep waits for room.
    fn transfer_now(&mut self, slot: usize) {
        match self.transfer(slot, Pump::room_for) {
            Rest::Done => {}
            Rest::Waits | Rest::Full => {
                if let Some(Path::Inproc(inproc)) = self.links.get(slot).map(|link| &link.path) {
                    let far = inproc.twin_hub;
                    self.starve(slot, far);
                }
            }
            Rest::Budget => self.transfer_later(slot),
        }
    }

    /// The turn of a half of an inproc pair: it passes on what it holds, and its hub may send by it
    /// as long as its share lasts.
    pub(in crate::pump) fn send_in_turn(&mut self, slot: usize) -> Rest {
        let rest = self.transfer(slot, Pump::room_for);
        let Some(link) = self.links.get(slot) else {
            return Rest::Done;
        };
        let hub = link.hub;
        if rest != Rest::Done || self.hubs.get(hub).is_none_or(|hub| hub.io.buffers) {
            return rest;
        }
        self.let_on(slot);
        self.serve(hub);
        self.settle_credits(hub);
        self.transfer(slot, Pump::room_for);
        match self.links.get(slot).is_some_and(|link| link.blocked) {
            true => Rest::Waits,
            false => Rest::Done,
        }
    }

    fn has_room_at_all(&mut self, _link: usize, hub: usize) -> usize {
        usize::from(self.has_room(hub))
    }

    /// Moves what one inproc link holds to its twin's socket, as far as there is `room` for it.
    fn transfer(&mut self, slot: usize, room: fn(&mut Self, usize, usize) -> usize) -> Rest {
        let Some(link) = self.links.get_mut(slot) else {
            return Rest::Done;
        };
        let hub = link.hub;
        let Path::Inproc(inproc) = &mut link.path else {
            return Rest::Done;
        };
        if inproc.queue.is_empty() && inproc.controls.is_empty() && inproc.hello.is_none() {
            return Rest::Done;
        }
        let (twin, far) = (inproc.twin, inproc.twin_hub);
        let controls = std::mem::take(&mut inproc.controls);
        let has_hello = inproc.hello.is_some();
        let buffers = self.hubs.get(hub).is_some_and(|hub| hub.io.buffers);
        for control in controls {
            let peer = PeerId(twin as u32);
            let heeded =
                self.pattern_call(far, |pattern, outlet| pattern.heed(peer, control, outlet));
            let loss = match heeded {
                Some(Ok(())) => continue,
                Some(Err(violation)) => Loss::Violation(violation),
                None => Loss::Asked,
            };
            self.lose(twin, loss);
            return Rest::Done;
        }
        if has_hello {
            if room(self, slot, far) == 0 {
                return self.why_none(slot, far);
            }
            if !self.deliver_hello(slot, far, twin) {
                return Rest::Done;
            }
        }
        let (mut moved, mut payload) = (0, 0);
        let mut violation = None;
        let rest = loop {
            let mut most = TRANSFER_BUDGET - moved;
            if most == 0 {
                break Rest::Budget;
            }
            if buffers {
                most = most.min(room(self, slot, far));
                if most == 0 && self.links.get(slot).is_some_and(|link| link.held() > 0) {
                    break self.why_none(slot, far);
                }
            }
            let (some, octets, outcome) = self.move_some(slot, far, most, !buffers);
            moved += some;
            payload += octets;
            violation = outcome.err();
            if some < most || most == 0 || violation.is_some() {
                break Rest::Done;
            }
        };
        self.push_batch(far);
        self.count_transfer(slot, twin, moved, payload);
        if let Some(hub) = self.hubs.get_mut(hub) {
            if !buffers && hub.options.send_overflow == Overflow::Block {
                hub.io.released += moved;
            }
        }
        self.settle_credits(hub);
        if let Some(violation) = violation {
            self.lose(twin, Loss::Violation(violation));
            return Rest::Done;
        }
        self.unblock(slot);
        rest
    }

    /// Moves up to `most` messages to the twin's hub; says how many, of how many octets, and
    /// whether the pattern there takes them. Room was promised for them, or is a part of a share.
    fn move_some(
        &mut self,
        slot: usize,
        far: usize,
        most: usize,
        promised: bool,
    ) -> (usize, u64, Result<(), Violation>) {
        let (Some(link), Some(found)) = (self.links.get_mut(slot), self.hubs.get_mut(far)) else {
            return (0, 0, Ok(()));
        };
        let Path::Inproc(inproc) = &mut link.path else {
            return (0, 0, Ok(()));
        };
        let (batch, peer) = (&mut found.io.batch, PeerId(inproc.twin as u32));
        let from = batch.len();
        let moved = move_some(&mut inproc.queue, batch, most);
        let payload: u64 = batch.range(from..).map(stats::octets).sum();
        if promised {
            self.rooms[far].redeem(moved);
        }
        let mut unseen = VecDeque::new();
        let (delivered, outcome) = self.admit(far, peer, from, &mut unseen);
        match promised {
            true => self.rooms[far].pledge(unseen.len()),
            false => self.rooms[far].spend(delivered),
        }
        if unseen.is_empty() {
            return (moved, payload, outcome);
        }
        // They are the unsent messages of a link that has not long to live.
        let unmoved = unseen.len();
        let unpaid: u64 = unseen.iter().map(stats::octets).sum();
        if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path) {
            unseen.append(&mut inproc.queue);
            inproc.queue = unseen;
        }
        (moved - unmoved, payload - unpaid, outcome)
    }

    /// Passes the first message of all on; false if it was not taken.
    fn deliver_hello(&mut self, slot: usize, far: usize, twin: usize) -> bool {
        let hello = match self.links.get_mut(slot).map(|link| &mut link.path) {
            Some(Path::Inproc(inproc)) => inproc.hello.take(),
            _ => None,
        };
        let Some(hello) = hello else {
            return true;
        };
        let payload = stats::octets(&hello);
        let Some(found) = self.hubs.get_mut(far) else {
            return true;
        };
        let from = found.io.batch.len();
        found.io.batch.push_back(hello);
        let (delivered, received) =
            self.admit(far, PeerId(twin as u32), from, &mut VecDeque::new());
        self.rooms[far].spend(delivered);
        self.push_batch(far);
        self.count_transfer(slot, twin, 1, payload);
        if let Err(violation) = received {
            self.lose(twin, Loss::Violation(violation));
            return false;
        }
        true
    }

    /// Counts what moved from one half of an inproc pair to the other.
    fn count_transfer(&mut self, from: usize, to: usize, messages: usize, octets: u64) {
        let mut count = |slot: usize, count: fn(&mut Counts, u64, u64)| {
            if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path)
            {
                count(&mut inproc.counts, messages as u64, octets);
            }
        };
        count(from, |counts, messages, octets| {
            counts.messages_out += messages;
            counts.octets_out += octets;
        });
        count(to, |counts, messages, octets| {
            counts.messages_in += messages;
            counts.octets_in += octets;
        });
    }

    /// From here on each half of an inproc pair ends by itself.
    fn part_twins(&mut self, near: usize, far: usize) {
        for slot in [near, far] {
            if let Some(Path::Inproc(inproc)) = self.links.get_mut(slot).map(|link| &mut link.path)
            {
                inproc.twin = NO_LINK;
            }
        }
    }

    /// One half of an inproc pair ends: so does the other, after what it was sent is delivered.
    pub(in crate::pump) fn release_twin(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Path::Inproc(inproc) = &mut link.path else {
            return;
        };
        let twin = std::mem::replace(&mut inproc.twin, NO_LINK);
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

/// The end of a link within this context whose sockets cannot talk to each other: what the
/// handshake of a connection would have found.
pub(in crate::pump) fn incompatible(ours: SocketType, theirs: SocketType) -> Loss {
    Loss::Wire(CloseReason::IncompatibleSocketType {
        ours,
        theirs: theirs.name().to_owned(),
    })
}

pub(in crate::pump) fn intro(socket_type: SocketType, routing_id: &[u8]) -> PeerIntro {
    let routing_id = match socket_type.announces_identity() {
        true => Frame::from(routing_id),
        false => Frame::empty(),
    };
    PeerIntro {
        socket_type: Some(socket_type),
        routing_id,
        alias: None,
        dialer: None,
    }
}
