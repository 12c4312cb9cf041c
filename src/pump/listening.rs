//! Accepting: one entry for each endpoint a socket is bound to.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::error::{BindError, DetachError};

use super::link::{Loss, Origin, Path};
use super::timers::Timer;
use super::world::World;
use super::Pump;

/// Connections one listener accepts in a turn before others have theirs.
const ACCEPT_BUDGET: usize = 64;

/// Accepted connections of one pump that have not finished their handshake. Beyond it the
/// oldest goes: a flood of silent connections cannot lock honest peers out.
const HANDSHAKE_LIMIT: usize = 1024;

/// How long accepting rests after its budget.
const ACCEPT_YIELD: Duration = Duration::from_millis(1);

/// How long accepting rests when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An endpoint a socket is bound to.
pub(super) struct Listening<L> {
    pub(super) hub: usize,
    /// As resolved.
    pub(super) endpoint: Endpoint,
    /// None for inproc, which is only a name.
    listener: Option<L>,
    resting_until: Option<Instant>,
}

impl<W: World> Pump<W> {
    /// Binds a socket to an endpoint; answers the resolved one.
    pub(super) fn bind(&mut self, hub: usize, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let Some(found) = self.hubs.get(hub) else {
            return Err(BindError::Disconnected);
        };
        let (listener, resolved, slot) = if let Some(name) = endpoint.inproc_name() {
            if self.names.contains_key(name) {
                return Err(BindError::InUse(endpoint.to_string()));
            }
            let slot = self.listeners.vacant_key();
            self.names.insert(name.to_owned(), slot);
            (None, endpoint.clone(), slot)
        } else {
            let slot = self.listeners.vacant_key();
            let (listener, resolved) = self.world.bind(endpoint, &found.options, slot)?;
            (Some(listener), resolved, slot)
        };
        self.listeners.insert(Listening {
            hub,
            endpoint: resolved.clone(),
            listener,
            resting_until: None,
        });
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.listeners.push(slot);
        }
        match resolved.inproc_name() {
            Some(name) => self.name_appeared(name),
            None => self.accept_from(slot),
        }
        Ok(resolved)
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
        match listening.listener {
            Some(listener) => self.world.unbind(listener),
            None => {
                if let Some(name) = listening.endpoint.inproc_name() {
                    self.names.remove(name);
                }
            }
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
                    // The peer gave up while it waited.
                    ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::Interrupted => {}
                    // Out of descriptors or memory: trying again at once would spin.
                    _ => return self.rest(slot, ACCEPT_PAUSE),
                },
            }
        }
        // More may wait, and its edge has been seen: look again soon, after the others.
        self.rest(slot, ACCEPT_YIELD);
    }

    fn rest(&mut self, slot: usize, pause: Duration) {
        if let Some(listening) = self.listeners.get_mut(slot) {
            let until = self.now + pause;
            listening.resting_until = Some(until);
            self.timers.set(until, Timer::Listener(slot));
        }
    }

    fn accepted(&mut self, hub: usize, listener: usize, mut stream: W::Stream) {
        let link_slot = self.links.vacant_key();
        if self.world.watch(&mut stream, link_slot).is_err() {
            return;
        }
        let origin = Origin::Accepted(listener);
        let link = self.add_link(
            hub,
            origin,
            Path::Dialing {
                stream,
                deadline: None,
            },
        );
        debug_assert_eq!(link, link_slot);
        if let Some(found) = self.links.get(link) {
            self.handshakes.push_back((link, found.serial));
        }
        self.open_wire_in_place(link);
        self.limit_handshakes();
    }

    /// Forgets finished handshakes, and ends the oldest unfinished ones beyond the limit.
    fn limit_handshakes(&mut self) {
        while self.handshakes.len() > HANDSHAKE_LIMIT {
            let Some((slot, serial)) = self.handshakes.pop_front() else {
                return;
            };
            let unfinished = self
                .links
                .get(slot)
                .is_some_and(|link| link.serial == serial && !link.attached);
            if unfinished {
                self.lose(slot, Loss::World);
            }
        }
    }
}
