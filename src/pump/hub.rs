//! One socket, seen from its pump.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use slab::Slab;

use crate::channel::{Hook, Mailbox, Ports, Reply};
use crate::error::SocketError;
use crate::message::Message;
use crate::options::{Linger, Options, Overflow};
use crate::pattern::{self, Drop, Full, Outlet, Pattern, PeerId, Upstream};
use crate::socket_type::SocketType;
use crate::wire;

use super::link::{Link, Path};
use super::world::World;
use super::{Closed, Command, HubId, Pump};

/// One socket: its channels, its pattern, and what is between them.
pub(super) struct Hub {
    pub(super) serial: u64,
    pub(super) kind: SocketType,
    pub(super) options: Arc<Options>,
    pub(super) wire: Arc<wire::Config>,
    pub(super) ports: Arc<Ports>,
    pub(super) pattern: Box<dyn Pattern>,
    pub(super) io: HubIo,
    /// Attached links.
    pub(super) peers: usize,
    pub(super) listeners: Vec<usize>,
    pub(super) dialers: Vec<usize>,
    /// Every link of this socket, attached or not.
    pub(super) links: Vec<usize>,
    /// Links that wait for room in `out`, in the order they ran out of it.
    pub(super) starved: VecDeque<usize>,
    pub(super) closing: Option<Closing>,
    pub(super) in_senders: bool,
}

/// What a pattern's calls fill, and the pump empties.
pub(super) struct HubIo {
    /// Taken from `in`, not placed yet. They count against the high-water mark until released.
    pub(super) pending: VecDeque<Message>,
    /// On their way to `out`: pushed in one lock.
    pub(super) batch: VecDeque<Message>,
    /// Messages that left this library since `in` was last told.
    pub(super) released: usize,
    /// Messages lost on their way out since `in` was last told.
    pub(super) lost: u64,
    /// The most messages one peer may hold; `usize::MAX` for no limit.
    pub(super) limit: usize,
    /// Whether each peer has a queue of its own (fan-out).
    pub(super) buffers: bool,
}

/// What a hub's `out` takes, as far as its pump knows.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Messages `out` takes for sure; `usize::MAX` if it never refuses one.
    pub(super) free: usize,
    /// Promised to inproc peers: sent, but not delivered yet.
    reserved: usize,
    /// Inproc links of other hubs that wait for room here.
    pub(super) waiting: Vec<usize>,
}

impl Room {
    /// `out` says how much it takes now.
    fn learn(&mut self, room: usize) {
        self.free = match room {
            usize::MAX => usize::MAX,
            room => room.saturating_sub(self.reserved),
        };
    }

    /// So many messages are on their way to `out`.
    pub(super) fn take(&mut self, messages: usize) {
        if self.free != usize::MAX {
            self.free = self.free.saturating_sub(messages);
        }
    }

    /// Promises room for one message.
    fn reserve(&mut self) -> bool {
        if self.free == 0 {
            return false;
        }
        self.take(1);
        self.reserved += 1;
        true
    }

    /// The hub is gone, and with it everybody who waited here.
    pub(super) fn forget(&mut self) {
        *self = Room::default();
    }

    /// A promised message is here, to be delivered or discarded by the pattern.
    pub(super) fn redeem(&mut self) {
        debug_assert!(self.reserved > 0);
        self.reserved = self.reserved.saturating_sub(1);
        if self.free != usize::MAX {
            self.free += 1;
        }
    }
}

impl HubIo {
    /// A message that was taken goes nowhere.
    pub(super) fn give_up(&mut self, why: Drop, lossy: bool) {
        self.count(why, 1);
        if !lossy {
            self.released += 1;
        }
    }

    pub(super) fn count(&mut self, why: Drop, messages: usize) {
        if why.is_loss() {
            self.lost += messages as u64;
        }
    }
}

/// A socket on its way out.
pub(super) struct Closing {
    /// When to stop flushing; `None` for never.
    pub(super) deadline: Option<Instant>,
    pub(super) replies: Vec<Reply<Closed>>,
}

impl Hub {
    pub(super) fn new(
        serial: u64,
        kind: SocketType,
        options: Options,
        ports: Arc<Ports>,
    ) -> Result<Self, SocketError> {
        let pattern = pattern::pattern(kind).ok_or(SocketError::Unsupported(kind))?;
        let limit = match options.send_high_water_mark {
            0 => usize::MAX,
            limit => limit,
        };
        Ok(Hub {
            serial,
            kind,
            wire: Arc::new(wire::Config {
                socket_type: kind,
                routing_id: options.routing_id.clone(),
                max_frame_size: options.max_frame_size,
                handshake_timeout: options.handshake_timeout,
            }),
            io: HubIo {
                pending: VecDeque::new(),
                batch: VecDeque::new(),
                released: 0,
                lost: 0,
                limit,
                buffers: pattern.buffers_per_peer(),
            },
            options: Arc::new(options),
            ports,
            pattern,
            peers: 0,
            listeners: Vec::new(),
            dialers: Vec::new(),
            links: Vec::new(),
            starved: VecDeque::new(),
            closing: None,
            in_senders: false,
        })
    }

    /// When linger ends, counted from `now`.
    pub(super) fn linger_deadline(&self, now: Instant) -> Option<Instant> {
        match self.options.linger {
            Linger::UntilSent => None,
            Linger::For(duration) => now.checked_add(duration),
        }
    }

    /// The high-water marks are per peer: the channels' capacities follow the number of peers.
    fn fit_capacities(&self) {
        let peers = self.peers.max(1);
        let fit = |mark: usize, policy: Overflow| match (mark, policy) {
            (_, Overflow::Latest) => None,
            (0, _) => None,
            (mark, _) => Some(mark.saturating_mul(peers)),
        };
        let options = &self.options;
        if let Some(inward) = self.ports.inward() {
            if let Some(capacity) = fit(options.send_high_water_mark, options.send_overflow) {
                if !self.io.buffers {
                    inward.set_capacity(capacity);
                }
            }
        }
        if let Some(outward) = self.ports.outward() {
            if let Some(capacity) = fit(options.receive_high_water_mark, options.receive_overflow) {
                outward.set_capacity(capacity);
            }
        }
    }
}

/// Where a pattern puts things: the links, and the batch for `out`.
pub(super) struct PumpOutlet<'a, S> {
    pub(super) io: &'a mut HubIo,
    pub(super) links: &'a mut Slab<Link<S>>,
    pub(super) rooms: &'a mut [Room],
    pub(super) dry: &'a mut Vec<usize>,
    pub(super) flushers: &'a mut VecDeque<usize>,
    pub(super) transfers: &'a mut VecDeque<usize>,
}

impl<S> Outlet for PumpOutlet<'_, S> {
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full> {
        let slot = peer.0 as usize;
        let Some(link) = self.links.get_mut(slot) else {
            debug_assert!(false, "a pattern knows only attached peers");
            return Err(Full);
        };
        if link.is_full(self.io.limit, self.io.buffers) {
            link.blocked = true;
            return Err(Full);
        }
        match &mut link.path {
            Path::Wire(wire) => {
                wire.connection.send(&*message);
                if !link.in_flushers {
                    link.in_flushers = true;
                    self.flushers.push_back(slot);
                }
            }
            Path::Inproc(inproc) => {
                if !self.io.buffers {
                    // Reserve the place in the twin's `out`: what was sent is delivered.
                    let room = &mut self.rooms[inproc.twin_hub];
                    if !room.reserve() {
                        link.blocked = true;
                        room.waiting.push(slot);
                        self.dry.push(inproc.twin_hub);
                        return Err(Full);
                    }
                }
                inproc.queue.push_back(std::mem::take(message));
                if !inproc.in_transfers {
                    inproc.in_transfers = true;
                    self.transfers.push_back(slot);
                }
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "a peer that is not full has a wire or a twin");
                return Err(Full);
            }
        }
        Ok(())
    }

    fn command(&mut self, peer: PeerId, command: Upstream) {
        let slot = peer.0 as usize;
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        match &mut link.path {
            Path::Wire(wire) => {
                match &command {
                    Upstream::Subscribe(prefix) => wire.connection.subscribe(prefix),
                    Upstream::Cancel(prefix) => wire.connection.cancel(prefix),
                }
                if !link.in_flushers {
                    link.in_flushers = true;
                    self.flushers.push_back(slot);
                }
            }
            Path::Inproc(inproc) => {
                inproc.controls.push_back(command);
                if !inproc.in_transfers {
                    inproc.in_transfers = true;
                    self.transfers.push_back(slot);
                }
            }
            Path::Dialing { .. } | Path::Lent => {}
        }
    }

    fn dropped(&mut self, why: Drop, messages: usize) {
        self.io.count(why, messages);
    }
}

impl<W: World> Pump<W> {
    /// Lends a hub's pattern and an outlet for it.
    pub(super) fn pattern_call<T>(
        &mut self,
        slot: usize,
        call: impl FnOnce(&mut dyn Pattern, &mut PumpOutlet<'_, W::Stream>) -> T,
    ) -> Option<T> {
        let hub = self.hubs.get_mut(slot)?;
        let mut outlet = PumpOutlet {
            io: &mut hub.io,
            links: &mut self.links,
            rooms: &mut self.rooms,
            dry: &mut self.dry,
            flushers: &mut self.flushers,
            transfers: &mut self.transfers,
        };
        Some(call(&mut *hub.pattern, &mut outlet))
    }

    /// The same for a command that names its hub.
    pub(super) fn with_pattern<T>(
        &mut self,
        hub: HubId,
        call: impl FnOnce(&mut dyn Pattern, &mut PumpOutlet<'_, W::Stream>) -> T,
    ) -> Option<T> {
        let slot = self.find(hub)?;
        self.pattern_call(slot, call)
    }

    /// The number of attached peers changed by one.
    pub(super) fn count_peers(&mut self, slot: usize, joined: bool) {
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        if joined {
            hub.peers += 1;
        } else {
            hub.peers -= 1;
        }
        hub.fit_capacities();
        self.refresh_room(slot);
    }

    /// Hands what was delivered to `out`, and looks how much more it takes.
    pub(super) fn push_batch(&mut self, slot: usize) {
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        if hub.io.batch.is_empty() {
            return;
        }
        if let Some(outward) = hub.ports.outward() {
            outward.push_batch(&mut hub.io.batch);
        }
        debug_assert!(
            hub.io.batch.is_empty(),
            "delivered only into room that is there"
        );
        hub.io.batch.clear();
    }

    /// Asks `out` how much it takes; pushes what is on its way there before.
    pub(super) fn refresh_room(&mut self, slot: usize) {
        self.push_batch(slot);
        let Some(hub) = self.hubs.get(slot) else {
            return;
        };
        let free = hub
            .ports
            .outward()
            .map_or(usize::MAX, |outward| outward.room());
        self.rooms[slot].learn(free);
    }

    /// Whether `out` has room for a message; if not, its next pops will mark the hub.
    pub(super) fn has_room(&mut self, slot: usize) -> bool {
        if self.rooms[slot].free > 0 {
            return true;
        }
        self.refresh_room(slot);
        if self.rooms[slot].free > 0 {
            return true;
        }
        // Full, or promised to inproc peers whose transfer is due in this turn. Arm in any case:
        // a pop between the look and the arming is then seen by the look after it.
        let armed = match self.hubs.get(slot).and_then(|hub| hub.ports.outward()) {
            Some(outward) => outward.arm_producer(),
            None => false,
        };
        if !armed {
            self.refresh_room(slot);
        }
        self.rooms[slot].free > 0
    }

    /// `out` has room again: lets its links read, and its inproc peers send.
    pub(super) fn resume(&mut self, slot: usize) {
        let Some(hub) = self.hubs.get(slot) else {
            return;
        };
        if hub.starved.is_empty() && self.rooms[slot].waiting.is_empty() {
            return;
        }
        if !self.has_room(slot) {
            return;
        }
        for link in std::mem::take(&mut self.rooms[slot].waiting) {
            self.transfer_later(link);
            self.unblock(link);
        }
        if let Some(hub) = self.hubs.get_mut(slot) {
            for link in std::mem::take(&mut hub.starved) {
                self.feed(link);
            }
        }
    }

    /// Looks again at the hubs for whose room somebody waits.
    pub(super) fn wet(&mut self) {
        for slot in std::mem::take(&mut self.dry) {
            self.resume(slot);
        }
    }

    /// Gives a hub a place among the senders of this turn.
    pub(super) fn schedule_send(&mut self, slot: usize) {
        if let Some(hub) = self.hubs.get_mut(slot) {
            if !hub.in_senders && hub.ports.inward().is_some() {
                hub.in_senders = true;
                self.senders.push_back(slot);
            }
        }
    }

    /// Tells `in` how many messages have left, so that more are accepted, and how many are lost.
    pub(super) fn settle_credits(&mut self, slot: usize) {
        if let Some(hub) = self.hubs.get_mut(slot) {
            let released = std::mem::take(&mut hub.io.released);
            let lost = std::mem::take(&mut hub.io.lost);
            if let Some(inward) = hub.ports.inward() {
                if lost > 0 {
                    inward.count_dropped(lost);
                }
                if released > 0 {
                    inward.release(released);
                }
            }
        }
    }
}

impl std::ops::Drop for Hub {
    /// Whatever ends a hub, nobody may wait at its channels any more.
    fn drop(&mut self) {
        self.ports.finish();
    }
}

/// Wakes the pump for one hub.
pub(super) struct HubHook {
    mailbox: Arc<Mailbox<Command>>,
    slot: usize,
}

impl HubHook {
    pub(super) fn new(mailbox: Arc<Mailbox<Command>>, slot: usize) -> Self {
        HubHook { mailbox, slot }
    }
}

impl Hook for HubHook {
    fn notify(&self) {
        self.mailbox.mark(self.slot);
    }
}
