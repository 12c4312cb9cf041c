//! Events for a socket's monitors. Without monitors this costs one check of an empty list.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::event::{DisconnectReason, Event, EventKind, EventSet};
use crate::port::{feed, Clock, Feed};
use crate::pump::env::Env;
use crate::pump::observers::{Monitor, Names};
use crate::pump::pipe::{Origin, Path};
use crate::pump::socket::SocketState;
use crate::pump::Pump;
use crate::socket_type::SocketType;

impl<E: Env> Pump<E> {
    /// Adds a monitor to a socket: it receives events of these kinds from now on.
    pub(in crate::pump) fn add_monitor(
        &mut self,
        socket: usize,
        events: EventSet,
        capacity: usize,
    ) -> Option<Feed<Event>> {
        let clock = Clock::Pump(Arc::clone(&self.alarms));
        let found = self.sockets.get_mut(socket)?;
        let health = Arc::clone(self.mailbox.health());
        let (feeder, feed) = feed(capacity, clock, health);
        found.observers.monitors.push(Monitor { events, feeder });
        // Once a peer has disconnected, its names can no longer be queried.
        for pipe in found.pipes.clone() {
            self.learn_names(pipe);
        }
        Some(feed)
    }

    /// The context has a new monitor: as above for all sockets.
    pub(in crate::pump) fn context_is_monitored(&mut self) {
        let pipes: Vec<usize> = self.pipes.iter().map(|(slot, _)| slot).collect();
        pipes.into_iter().for_each(|pipe| self.learn_names(pipe));
    }

    /// Sends the last event to all monitors: `Stopped`.
    pub(in crate::pump) fn end_monitors(&mut self, socket: usize) {
        self.tell(socket, || Event::of(EventKind::Stopped));
        let terminated = self.ending.is_terminated();
        if let Some(found) = self.sockets.get_mut(socket) {
            for monitor in found.observers.monitors.drain(..) {
                if terminated {
                    monitor.feeder.terminate();
                }
            }
        }
    }

    /// Reports an event of a socket as a whole.
    pub(in crate::pump) fn tell_socket(&mut self, socket: usize, kind: EventKind) {
        self.tell(socket, || Event::of(kind));
    }

    /// Reports an event of a connection.
    pub(in crate::pump) fn tell_pipe(&mut self, slot: usize, kind: impl FnOnce() -> EventKind) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let (Some(socket), serial) = (pipe.socket, pipe.serial) else {
            return;
        };
        if !self.is_monitored(socket) {
            return;
        }
        self.learn_names(slot);
        let pipe = self.pipes.get(slot);
        let names = pipe.and_then(|pipe| pipe.names.as_deref());
        let names = names.cloned().unwrap_or_default();
        let record = pipe.and_then(|pipe| pipe.record.as_deref());
        let known_as = record.and_then(|record| record.known_as.clone());
        self.tell(socket, || Event {
            endpoint: names.endpoint,
            connection: Some(serial),
            local: names.local,
            remote: names.remote,
            known_as,
            ..Event::of(kind())
        });
    }

    /// Reports an event of an endpoint.
    pub(in crate::pump) fn tell_endpoint(
        &mut self,
        socket: usize,
        endpoint: &Endpoint,
        kind: EventKind,
    ) {
        self.tell(socket, || Event {
            endpoint: Some(endpoint.clone()),
            ..Event::of(kind)
        });
    }

    /// Reports an event of a dialer's endpoint.
    pub(in crate::pump) fn tell_dialer(&mut self, slot: usize, kind: EventKind) {
        let Some(dialer) = self.dialers.get(slot) else {
            return;
        };
        let (socket, endpoint) = (dialer.socket, dialer.endpoint.clone());
        // A socket that is ending has dropped its dialers.
        let kept = |socket: &SocketState| socket.dialers.contains(&slot);
        if self.sockets.get(socket).is_some_and(kept) {
            self.tell_endpoint(socket, &endpoint, kind);
        }
    }

    /// Reports the end of a pipe.
    pub(in crate::pump) fn tell_end(
        &mut self,
        slot: usize,
        attached: bool,
        reason: DisconnectReason,
    ) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        if let (Path::Dialing { .. }, Origin::Dialed(_)) = (&pipe.path, pipe.origin) {
            return self.tell_pipe(slot, || EventKind::ConnectFailed { reason });
        }
        if !attached {
            let reason = reason.clone();
            self.tell_pipe(slot, || EventKind::HandshakeFailed { reason });
        }
        self.tell_pipe(slot, || EventKind::Disconnected { reason });
    }

    fn is_monitored(&self, socket: usize) -> bool {
        let monitored = self.shared.monitors.is_monitored();
        let socket = self.sockets.get(socket);
        socket.is_some_and(|socket| socket.is_monitored(monitored))
    }

    fn tell(&mut self, socket: usize, event: impl FnOnce() -> Event) {
        let Some(socket) = self.sockets.get_mut(socket) else {
            return;
        };
        let monitors = &self.shared.monitors;
        if !socket.is_monitored(monitors.is_monitored()) {
            return;
        }
        let event = Event {
            socket: socket.id,
            socket_type: socket.kind,
            ..event()
        };
        if socket.id != 0 {
            monitors.tell(&event);
        }
        let kind = event.kind.set();
        socket
            .observers
            .monitors
            .retain(|monitor| !monitor.events.contains(kind) || monitor.feeder.put(event.clone()));
    }

    /// Records the local and remote names of a pipe, as far as they are known now.
    pub(in crate::pump) fn learn_names(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.names.is_some() {
            return;
        }
        let endpoint = match pipe.origin {
            Origin::Dialed(dialer) => self
                .dialers
                .get(dialer)
                .map(|dialer| dialer.endpoint.clone()),
            Origin::Accepted(listener) => self
                .listeners
                .get(listener)
                .map(|bound| bound.endpoint.clone()),
        };
        let (local, remote) = match &pipe.path {
            Path::Wire(wire) => self.env.names(&wire.stream),
            Path::Inproc(_) | Path::Cross(_) => (endpoint.clone(), endpoint.clone()),
            Path::Dialing { .. } => (None, None),
            Path::Lent => return,
        };
        pipe.names = Some(Box::new(Names {
            endpoint,
            local,
            remote,
        }));
    }
}

impl Event {
    fn of(kind: EventKind) -> Event {
        Event {
            kind,
            // Set where the event is sent.
            socket: 0,
            socket_type: SocketType::Pair,
            endpoint: None,
            connection: None,
            local: None,
            remote: None,
            known_as: None,
        }
    }
}
