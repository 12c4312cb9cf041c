//! Peers by routing id, and routing ids by peer, for ROUTER, SERVER and PEER.

use std::collections::{HashMap, VecDeque};

use crate::message::{Frame, Message};
use crate::options::{Options, Overflow};
use crate::routing_id::RoutingId;

use super::peers::PeerMap;
use super::{Drop, Full, Interest, Outlet, PeerId, Rejected, Verdict};

/// Assigns routing ids to peers.
///
/// An id exists as long as its peer is attached. One that the user assigned when connecting exists
/// until the endpoint is disconnected, whether its peer is attached or not: meanwhile messages to
/// it are kept up to the high-water mark, so that one endpoint without a peer does not block the
/// others.
#[derive(Default)]
pub(super) struct RoutingTable {
    routes: HashMap<Frame, Route>,
    names: PeerMap<Frame>,
    /// The last number assigned to a peer that announced no id.
    numbered: u32,
    /// Maximum number of messages kept for one id.
    limit: usize,
    /// Beyond that limit, the oldest message is dropped.
    slides: bool,
    /// Number of messages kept for all ids together.
    kept: usize,
}

#[derive(Default)]
struct Route {
    peer: Option<PeerId>,
    /// Whether it outlives its peer.
    reserved: bool,
    /// Messages for a peer that is not attached; empty while it is.
    kept: VecDeque<Message>,
}

impl RoutingTable {
    /// Generated ids count up from `start`.
    pub(super) fn new(start: u32, options: &Options) -> Self {
        let mut table = RoutingTable {
            numbered: start,
            ..RoutingTable::default()
        };
        table.configure(options);
        table
    }

    /// Per id, as many messages are kept as the high-water mark allows, under the policy of the
    /// peers' queues.
    pub(super) fn configure(&mut self, options: &Options) {
        let policy = options.queues.send_overflow;
        self.slides = matches!(policy, Overflow::DropOldest | Overflow::Latest);
        self.limit = match options.queues.send_high_water_mark {
            _ if policy == Overflow::Latest => 1,
            0 => usize::MAX,
            mark => mark,
        };
    }

    /// An id that no peer has, made from the next number.
    pub(super) fn number(&mut self, make: impl Fn(u32) -> Frame) -> Frame {
        loop {
            self.numbered = self.numbered.wrapping_add(1);
            let name = make(self.numbered);
            // After 2³² peers without an id, the oldest may still be attached. There are fewer
            // slots than numbers, so the search ends.
            if self.numbered != 0 && !self.routes.contains_key(&name) {
                return name;
            }
        }
    }

    /// The id, if it is free.
    pub(super) fn unless_taken(&self, name: Frame) -> Option<Frame> {
        (!self.routes.contains_key(&name)).then_some(name)
    }

    /// Reserves an id for the peer of an endpoint that this socket connects to; false if it is in
    /// use.
    pub(super) fn reserve(&mut self, name: &Frame, outlet: &mut dyn Outlet) -> bool {
        if self.routes.contains_key(name) {
            return false;
        }
        let route = Route {
            reserved: true,
            ..Route::default()
        };
        self.routes.insert(name.clone(), route);
        outlet.route_added(name);
        true
    }

    /// The endpoint is disconnected. If its peer is still attached, the id ends with it.
    pub(super) fn release(&mut self, name: &Frame, outlet: &mut dyn Outlet) {
        let Some(route) = self.routes.get_mut(name).filter(|route| route.reserved) else {
            return;
        };
        route.reserved = false;
        if route.peer.is_none() {
            self.forget(&name.clone(), outlet);
        }
    }

    /// Assigns the reserved id to its peer, and sends the messages kept for it.
    pub(super) fn enter_reserved(
        &mut self,
        peer: PeerId,
        name: &Frame,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        let Some(route) = self.routes.get_mut(name) else {
            return Err(Rejected);
        };
        if !route.reserved || route.peer.is_some() {
            return Err(Rejected);
        }
        route.peer = Some(peer);
        self.names.insert(peer, name.clone());
        self.kept -= route.kept.len();
        let mut lost = 0;
        for mut message in std::mem::take(&mut route.kept) {
            // All of them fit, unless the high-water mark was lowered in the meantime.
            if outlet.send(peer, &mut message).is_err() {
                lost += 1;
            }
        }
        outlet.kept(name, 0);
        if lost > 0 {
            outlet.dropped(Drop::PeerFull, lost);
            outlet.missed(peer, Drop::PeerFull, lost);
        }
        Ok(())
    }

    /// Assigns the id that a peer announced. If another peer has it and `takes_over` is set, that
    /// peer loses it and is returned; an id reserved for an endpoint is never taken over.
    pub(super) fn enter(
        &mut self,
        peer: PeerId,
        name: Frame,
        takes_over: bool,
        outlet: &mut dyn Outlet,
    ) -> Result<Option<PeerId>, Rejected> {
        let displaced = match self.routes.get(&name) {
            Some(route) if route.reserved || !takes_over => return Err(Rejected),
            Some(route) => route.peer,
            None => None,
        };
        if let Some(old) = displaced {
            self.names.remove(&old);
            outlet.interest_changed(old);
        } else {
            outlet.route_added(&name);
        }
        self.names.insert(peer, name.clone());
        let route = self.routes.entry(name).or_default();
        route.peer = Some(peer);
        Ok(displaced)
    }

    /// A peer is gone; returns the id it had.
    pub(super) fn leave(&mut self, peer: PeerId, outlet: &mut dyn Outlet) -> Option<Frame> {
        let name = self.names.remove(&peer)?;
        match self.routes.get_mut(&name) {
            Some(route) if route.reserved => {
                route.peer = None;
                outlet.kept(&name, route.kept.len());
            }
            Some(_) => self.forget(&name, outlet),
            None => debug_assert!(false, "a peer with a name has a route"),
        }
        Some(name)
    }

    /// The id of a peer; `None` if another peer has taken it over.
    pub(super) fn name(&self, peer: PeerId) -> Option<&Frame> {
        self.names.get(&peer)
    }

    /// The same, as the public type.
    pub(super) fn id(&self, peer: PeerId) -> Option<RoutingId> {
        self.name(peer).and_then(|name| RoutingId::new(name).ok())
    }

    /// The peer with that id.
    pub(super) fn find(&self, name: &RoutingId) -> Option<PeerId> {
        self.routes.get(name.frame())?.peer
    }

    /// Which messages go to a peer.
    pub(super) fn interest(&self, peer: PeerId) -> Option<Interest> {
        self.names.get(&peer).cloned().map(Interest::Name)
    }

    /// Sends to the peer named by the first frame, and removes that frame. A full peer misses the
    /// message; but an `admitted` message has a place, even if it is only kept.
    pub(super) fn send(
        &mut self,
        message: &mut Message,
        admitted: bool,
        outlet: &mut dyn Outlet,
    ) -> Verdict {
        let route = message.first().and_then(|name| self.routes.get_mut(name));
        let Some(route) = route else {
            return Verdict::Dropped(Drop::PeerGone);
        };
        let Some(name) = message.pop_front() else {
            return Verdict::Dropped(Drop::Malformed);
        };
        let peer = route.peer;
        let sent = match peer {
            Some(peer) => outlet.send(peer, message),
            None if admitted || self.slides || route.kept.len() < self.limit => {
                route.kept.push_back(std::mem::take(message));
                self.kept += 1;
                let excess = match admitted {
                    true => 0,
                    false => route.kept.len().saturating_sub(self.limit),
                };
                if excess > 0 {
                    route.kept.drain(..excess);
                    self.kept -= excess;
                    outlet.dropped(Drop::Overflow, excess);
                }
                outlet.kept(&name, route.kept.len());
                Ok(())
            }
            None => Err(Full),
        };
        match sent {
            Ok(()) => Verdict::Sent,
            Err(Full) => {
                if let Some(peer) = peer {
                    outlet.missed(peer, Drop::PeerFull, 1);
                }
                Verdict::Dropped(Drop::PeerFull)
            }
        }
    }

    /// Takes the unsent messages of a peer that is being lost, if it is expected to return.
    pub(super) fn keep(&mut self, peer: PeerId, unsent: &mut Vec<Message>) {
        let route = self
            .names
            .get(&peer)
            .and_then(|name| self.routes.get_mut(name));
        if let Some(route) = route.filter(|route| route.reserved) {
            self.kept += unsent.len();
            route.kept.extend(unsent.drain(..));
        }
    }

    /// Messages kept for peers that are not attached.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Removes an id, and drops the messages kept for it.
    fn forget(&mut self, name: &Frame, outlet: &mut dyn Outlet) {
        if let Some(route) = self.routes.remove(name) {
            let lost = route.kept.len();
            if lost > 0 {
                self.kept -= lost;
                outlet.dropped(Drop::PeerGone, lost);
                outlet.kept(name, 0);
            }
            outlet.route_removed(name);
        }
    }

    #[cfg(test)]
    pub(super) fn recount(&mut self, numbered: u32) {
        self.numbered = numbered;
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.names.is_empty() && self.kept == 0
    }
}
