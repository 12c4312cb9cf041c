//! Accepting: one entry for each endpoint a socket is bound to.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::channel::Seat;
use crate::clock::later;
use crate::endpoint::Endpoint;
use crate::error::{BindError, DetachError};
use crate::event::EventKind;
use crate::wire;

use super::env::World;
use super::pipe::{Link, Loss, Origin, Path};
use super::timers::Timer;
use super::transport::BoundListener;
use super::Pump;

/// Connections one listener accepts in a turn before others have theirs.
const ACCEPT_BUDGET: usize = 64;

/// How long accepting rests after its budget.
const ACCEPT_YIELD: Duration = Duration::from_millis(1);

/// How long accepting rests when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An endpoint a socket is bound to.
pub(super) struct Listening<L> {
    pub(super) hub: usize,
    /// As resolved.
    pub(super) endpoint: Endpoint,
    /// As it was when the user bound.
    pub(super) wire: Arc<wire::Config>,
    /// None for inproc, which is only a name.
    listener: Option<L>,
    resting_until: Option<Instant>,
}

impl<W: World> Pump<W> {
    /// Binds a socket to an endpoint; answers the resolved one.
    pub(super) fn bind(&mut self, hub: usize, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let bound = self.try_to_bind(hub, endpoint);
        if let Err(error) = &bound {
            let error = match error {
                BindError::InUse(_) => ErrorKind::AddrInUse.into(),
                BindError::Io { source, .. } => source.into(),
                _ => ErrorKind::InvalidInput.into(),
            };
            self.tell_endpoint(hub, endpoint, EventKind::BindFailed { error });
        }
        bound.map_err(BindError::settled)
    }

    fn try_to_bind(&mut self, hub: usize, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let Some(found) = self.hubs.get(hub) else {
            return Err(BindError::Disconnected);
        };
        if !found.takes(endpoint) {
            return Err(BindError::Unsupported {
                socket_type: found.kind,
                endpoint: endpoint.to_string(),
            });
        }
        let slot = self.listeners.vacant_key();
        let Some(name) = endpoint.inproc_name() else {
            let (listener, resolved) = self.world.bind(endpoint, &found.options, slot)?;
            return Ok(self.listen(hub, slot, Some(listener), resolved));
        };
        let bound = self.bound(found.kind, slot);
        let Some(waiting) = self.company.names.bind(name, bound) else {
            return Err(BindError::InUse(endpoint.to_string()));
        };
        let resolved = self.listen(hub, slot, None, endpoint.clone());
        self.tell_waiting(name, waiting);
        Ok(resolved)
    }

    /// Takes over a listener that was bound elsewhere; answers its endpoint.
    pub(super) fn adopt(
        &mut self,
        hub: usize,
        listener: BoundListener,
    ) -> Result<Endpoint, BindError> {
        let Some(found) = self.hubs.get(hub) else {
            return Err(BindError::Disconnected);
        };
        let slot = self.listeners.vacant_key();
        let adopted = self.world.adopt(listener, &found.options, slot);
        let (listener, resolved) = adopted.map_err(BindError::settled)?;
        Ok(self.listen(hub, slot, Some(listener), resolved))
    }

    fn listen(
        &mut self,
        hub: usize,
        slot: usize,
        listener: Option<W::Listener>,
        resolved: Endpoint,
    ) -> Endpoint {
        let Some(wire) = self.hubs.get(hub).map(|hub| Arc::clone(&hub.wire)) else {
            debug_assert!(false, "the caller has just looked");
            return resolved;
        };
        let filled = self.listeners.insert(Listening {
            hub,
            wire,
            endpoint: resolved.clone(),
            listener,
            resting_until: None,
        });
        debug_assert_eq!(filled, slot);
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.listeners.push(slot);
        }
        self.tell_endpoint(hub, &resolved, EventKind::Listening);
        self.accept_from(slot);
        resolved
    }

    /// Stops listening on an endpoint and lets the connections accepted through it go.
    pub(super) fn unbind(&mut self, hub: usize, endpoint: &Endpoint) -> Result<(), DetachError> {
        let Some(found) = self.hubs.get_mut(hub) else {
            return Err(DetachError::Disconnected);
        };
        let deadline = found.linger_deadline(self.now);
        let at = found.listeners.iter().position(|&listener| {
            self.listeners
                .get(listener)
                .is_some_and(|bound| bound.endpoint == *endpoint)
        });
        let Some(at) = at else {
            return Err(DetachError::NotFound(endpoint.to_string()));
        };
        let slot = found.listeners.remove(at);
        // An inproc endpoint is only a name: the links made through it live on.
        let through: Vec<usize> = match endpoint.inproc_name() {
            Some(_) => Vec::new(),
            None => found.links.clone(),
        };
        self.end_listener(slot);
        for link in through {
            if self
                .links
                .get(link)
                .is_some_and(|link| link.origin == Origin::Accepted(slot))
            {
                self.let_go(link, deadline);
            }
        }
        Ok(())
    }

    /// Stops listening; a name or a port is free when this returns.
    pub(super) fn end_listener(&mut self, slot: usize) {
        let Some(listening) = self.listeners.try_remove(slot) else {
            return;
        };
        let ended = match listening.listener {
            Some(listener) => self.world.unbind(listener),
            None => {
                if let Some(name) = listening.endpoint.inproc_name() {
                    self.company.names.unbind(name);
                }
                Ok(())
            }
        };
        let (hub, endpoint) = (listening.hub, &listening.endpoint);
        self.tell_endpoint(hub, endpoint, EventKind::Closed);
        if let Err(error) = ended {
            let error = error.into();
            self.tell_endpoint(hub, endpoint, EventKind::CloseFailed { error });
        }
    }

    /// Takes the connections that wait at a listener.
    pub(super) fn accept_from(&mut self, slot: usize) {
        let Some(listening) = self.listeners.get_mut(slot) else {
            return;
        };
        if listening
            .resting_until
            .is_some_and(|until| until > self.now)
        {
            return;
        }
        listening.resting_until = None;
        let hub = listening.hub;
        for _ in 0..ACCEPT_BUDGET {
            let Some(Listening {
                listener: Some(listener),
                ..
            }) = self.listeners.get(slot)
            else {
                return;
            };
            match self.world.accept(listener) {
                Ok(stream) => self.accepted(hub, slot, stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted => {}
                    // The peer gave up while it waited, or the user's filter does not take it.
                    ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset => {
                        self.accept_failed(slot, &error);
                    }
                    // Out of descriptors or memory: trying again at once would spin, unless one
                    // that only keeps silent makes way.
                    _ => {
                        self.accept_failed(slot, &error);
                        if !is_out_of_descriptors(&error) || !self.end_a_silent_handshake() {
                            return self.rest(slot, ACCEPT_PAUSE);
                        }
                    }
                },
            }
        }
        // More may wait, and its edge has been seen: look again soon, after the others.
        self.rest(slot, ACCEPT_YIELD);
    }

    fn accept_failed(&mut self, slot: usize, error: &std::io::Error) {
        if let Some(listening) = self.listeners.get(slot) {
            let (hub, endpoint) = (listening.hub, listening.endpoint.clone());
            let error = error.into();
            self.tell_endpoint(hub, &endpoint, EventKind::AcceptFailed { error });
        }
    }

    fn rest(&mut self, slot: usize, pause: Duration) {
        if let Some(listening) = self.listeners.get_mut(slot) {
            listening.resting_until = later(self.now, pause);
            if let Some(until) = listening.resting_until {
                self.timers.set(until, Timer::Listener(slot));
            }
        }
    }

    fn accepted(&mut self, hub: usize, listener: usize, mut stream: W::Stream) {
        let Some(seat) = self.seat_for_newcomer() else {
            return;
        };
        let link_slot = self.links.vacant_key();
        if let Err(error) = self.world.watch(&mut stream, link_slot) {
            return self.accept_failed(listener, &error);
        }
        let origin = Origin::Accepted(listener);
        let link = self.add_link(
            hub,
            origin,
            Path::Dialing {
                stream,
                deadline: None,
                tunnel: None,
            },
        );
        debug_assert_eq!(link, link_slot);
        let mut serial = None;
        if let Some(found) = self.links.get_mut(link) {
            found.seat = Some(seat);
            serial = Some(found.serial);
            if let Path::Dialing { stream, .. } = &found.path {
                let (source, now) = (self.world.address(stream), self.now);
                let source = self.handshakes.enter(source, found.serial, link, now);
                found.unfinished = Some(source);
            }
        }
        self.open_wire_in_place(link);
        while self.handshakes.len() > self.company.max_handshakes
            && self.end_a_handshake(serial).is_some()
        {}
    }

    /// One of the connections the context may have accepted. If all are taken, one here that has
    /// not finished its handshake makes way: silent connections cannot keep honest peers out.
    fn seat_for_newcomer(&mut self) -> Option<Seat> {
        loop {
            let seat = self.company.connections.take_in(0);
            if seat.is_some() {
                return seat;
            }
            self.end_a_handshake(None)?;
        }
    }

    /// Ends the handshake of a peer that has been silent since it came; whether there is one.
    fn end_a_silent_handshake(&mut self) -> bool {
        let has_spoken = has_spoken(&self.links);
        let victim = self.handshakes.silent_victim(self.now, has_spoken);
        if let Some(victim) = victim {
            self.lose(victim, Loss::Crowded);
        }
        victim.is_some()
    }

    /// Ends an unfinished handshake, but not that of the newcomer; `None` if there is no other.
    fn end_a_handshake(&mut self, newcomer: Option<u64>) -> Option<()> {
        let has_spoken = has_spoken(&self.links);
        let victim = self.handshakes.victim(newcomer, self.now, has_spoken)?;
        self.lose(victim, Loss::Crowded);
        Some(())
    }
}

/// Whether anything has come from the peer of a link.
fn has_spoken<S>(links: &Slab<Link<S>>) -> impl Fn(usize) -> bool + '_ {
    |slot| {
        let path = links.get(slot).map(|link| &link.path);
        matches!(path, Some(Path::Wire(wire)) if wire.counts.octets_in > 0)
    }
}

/// Whether the process, or the whole system, has as many open files and sockets as it may have.
fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    const NUMBERS: &[i32] = if cfg!(windows) {
        &[10024] // WSAEMFILE
    } else {
        &[23, 24] // ENFILE, EMFILE
    };
    error
        .raw_os_error()
        .is_some_and(|number| NUMBERS.contains(&number))
}
