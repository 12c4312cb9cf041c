//! Accepting connections: one entry for each endpoint that a socket is bound to.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::clock::later;
use crate::endpoint::Endpoint;
use crate::error::{BindError, Closed, DetachError};
use crate::event::EventKind;
use crate::sync::permits::Permit;
use crate::wire;

use super::command::Command;
use super::env::Env;
use super::pipe::{Loss, Origin, Path, Pipe};
use super::timers::Timer;
use super::transport::{BoundListener, Check};
use super::Pump;

/// Maximum number of connections that one listener accepts in a turn before other sources are
/// served.
const ACCEPT_BUDGET: usize = 64;

/// How long accepting pauses after its budget.
const ACCEPT_YIELD: Duration = Duration::from_millis(1);

/// How long accepting pauses when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An endpoint that a socket is bound to.
pub(super) struct Listening<L, S> {
    pub(super) socket: usize,
    /// As resolved.
    pub(super) endpoint: Endpoint,
    /// As it was when the user bound.
    pub(super) wire: Arc<wire::Config>,
    /// `None` for inproc, which is only a name.
    listener: Option<L>,
    /// Accepted connections, by ticket, that the user's filter has not accepted yet.
    unchecked: Vec<(u64, S)>,
    paused_until: Option<Instant>,
}

impl<E: Env> Pump<E> {
    /// Binds a socket to an endpoint; returns the resolved one.
    pub(super) fn bind(
        &mut self,
        socket: usize,
        endpoint: &Endpoint,
    ) -> Result<Endpoint, BindError> {
        let bound = self.try_to_bind(socket, endpoint);
        if let Err(error) = &bound {
            let error = match error {
                BindError::InUse(_) => ErrorKind::AddrInUse.into(),
                BindError::Io { source, .. } => source.into(),
                _ => ErrorKind::InvalidInput.into(),
            };
            self.tell_endpoint(socket, endpoint, EventKind::BindFailed { error });
        }
        bound.map_err(BindError::settled)
    }

    fn try_to_bind(&mut self, socket: usize, endpoint: &Endpoint) -> Result<Endpoint, BindError> {
        let Some(found) = self.sockets.get(socket) else {
            return Err(BindError::Closed(Closed::Socket));
        };
        if !found.takes(endpoint) {
            return Err(BindError::Unsupported {
                socket_type: found.kind,
                endpoint: endpoint.to_string(),
            });
        }
        let slot = self.listeners.vacant_key();
        let Some(name) = endpoint.inproc_name() else {
            let (listener, resolved) = self.env.bind(endpoint, &found.options, slot)?;
            return Ok(self.listen(socket, slot, Some(listener), resolved));
        };
        let bound = self.bound(found.kind, slot);
        let Some(waiting) = self.shared.names.bind(name, bound) else {
            return Err(BindError::InUse(endpoint.to_string()));
        };
        let resolved = self.listen(socket, slot, None, endpoint.clone());
        self.notify_waiting(name, waiting);
        Ok(resolved)
    }

    /// Takes over a listener that was bound elsewhere; returns its endpoint.
    pub(super) fn adopt(
        &mut self,
        socket: usize,
        listener: BoundListener,
    ) -> Result<Endpoint, BindError> {
        let Some(found) = self.sockets.get(socket) else {
            return Err(BindError::Closed(Closed::Socket));
        };
        let slot = self.listeners.vacant_key();
        let adopted = self.env.adopt(listener, &found.options, slot);
        let (listener, resolved) = adopted.map_err(BindError::settled)?;
        Ok(self.listen(socket, slot, Some(listener), resolved))
    }

    fn listen(
        &mut self,
        socket: usize,
        slot: usize,
        listener: Option<E::Listener>,
        resolved: Endpoint,
    ) -> Endpoint {
        let Some(wire) = self
            .sockets
            .get(socket)
            .map(|socket| Arc::clone(&socket.wire))
        else {
            debug_assert!(false, "the caller has just looked");
            return resolved;
        };
        let filled = self.listeners.insert(Listening {
            socket,
            wire,
            endpoint: resolved.clone(),
            listener,
            unchecked: Vec::new(),
            paused_until: None,
        });
        debug_assert_eq!(filled, slot);
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.listeners.push(slot);
        }
        self.tell_endpoint(socket, &resolved, EventKind::Listening);
        self.accept_from(slot);
        resolved
    }

    /// Stops listening on an endpoint and releases the connections accepted through it.
    pub(super) fn unbind(&mut self, socket: usize, endpoint: &Endpoint) -> Result<(), DetachError> {
        let Some(found) = self.sockets.get_mut(socket) else {
            return Err(DetachError::Closed(Closed::Socket));
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
        // An inproc endpoint is only a name: the pipes made through it stay.
        let through: Vec<usize> = match endpoint.inproc_name() {
            Some(_) => Vec::new(),
            None => found.pipes.clone(),
        };
        self.end_listener(slot);
        for pipe in through {
            if self
                .pipes
                .get(pipe)
                .is_some_and(|pipe| pipe.origin == Origin::Accepted(slot))
            {
                self.retire(pipe, deadline);
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
            Some(listener) => self.env.unbind(listener),
            None => {
                if let Some(name) = listening.endpoint.inproc_name() {
                    self.shared.names.unbind(name);
                }
                Ok(())
            }
        };
        let (socket, endpoint) = (listening.socket, &listening.endpoint);
        self.tell_endpoint(socket, endpoint, EventKind::Closed);
        if let Err(error) = ended {
            let error = error.into();
            self.tell_endpoint(socket, endpoint, EventKind::CloseFailed { error });
        }
    }

    /// Accepts the connections pending at a listener.
    pub(super) fn accept_from(&mut self, slot: usize) {
        let Some(listening) = self.listeners.get_mut(slot) else {
            return;
        };
        if listening.paused_until.is_some_and(|until| until > self.now) {
            return;
        }
        listening.paused_until = None;
        let socket = listening.socket;
        for _ in 0..ACCEPT_BUDGET {
            let Some(Listening {
                listener: Some(listener),
                ..
            }) = self.listeners.get(slot)
            else {
                return;
            };
            match self.env.accept(listener) {
                Ok(stream) => match self.env.check(listener, &stream) {
                    Ok(None) => self.accepted(socket, slot, stream),
                    Ok(Some(check)) => self.check(slot, stream, check),
                    Err(error) => self.accept_failed(slot, &error),
                },
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted => {}
                    // The peer closed the connection while it was pending.
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {
                        self.accept_failed(slot, &error);
                    }
                    // Out of descriptors or memory: retrying at once would spin, unless a silent
                    // connection can be ended.
                    _ => {
                        self.accept_failed(slot, &error);
                        if !is_out_of_descriptors(&error) || !self.end_a_silent_handshake() {
                            return self.rest(slot, ACCEPT_PAUSE);
                        }
                    }
                },
            }
        }
        // More may be pending, and their edge has been consumed: accept again soon, after other
        // sources.
        self.rest(slot, ACCEPT_YIELD);
    }

    /// Starts the check of a connection, which is added if it passes.
    fn check(&mut self, slot: usize, stream: E::Stream, check: Check) {
        let ticket = self.serial();
        let Some(listening) = self.listeners.get_mut(slot) else {
            return;
        };
        listening.unchecked.push((ticket, stream));
        let mailbox = Arc::clone(&self.mailbox);
        self.queues.errands.push(Box::new(move || {
            // A pump that has ended accepts no connection.
            let _ = mailbox.post(Command::Checked {
                listener: slot,
                ticket,
                verdict: check.run(),
            });
        }));
    }

    /// A connection was checked.
    pub(super) fn checked(&mut self, slot: usize, ticket: u64, verdict: io::Result<()>) {
        let Some(listening) = self.listeners.get_mut(slot) else {
            return;
        };
        let socket = listening.socket;
        let mut unchecked = listening.unchecked.iter();
        let Some(at) = unchecked.position(|(other, _)| *other == ticket) else {
            return;
        };
        let (_, stream) = listening.unchecked.remove(at);
        match verdict {
            Ok(()) => self.accepted(socket, slot, stream),
            Err(error) => self.accept_failed(slot, &error),
        }
    }

    fn accept_failed(&mut self, slot: usize, error: &std::io::Error) {
        if let Some(listening) = self.listeners.get(slot) {
            let (socket, endpoint) = (listening.socket, listening.endpoint.clone());
            let error = error.into();
            self.tell_endpoint(socket, &endpoint, EventKind::AcceptFailed { error });
        }
    }

    fn rest(&mut self, slot: usize, pause: Duration) {
        if let Some(listening) = self.listeners.get_mut(slot) {
            listening.paused_until = later(self.now, pause);
            if let Some(until) = listening.paused_until {
                self.timers.set(until, Timer::Listener(slot));
            }
        }
    }

    fn accepted(&mut self, socket: usize, listener: usize, mut stream: E::Stream) {
        let Some(permit) = self.permit_for_newcomer() else {
            return;
        };
        let pipe_slot = self.pipes.vacant_key();
        if let Err(error) = self.env.register(&mut stream, pipe_slot) {
            return self.accept_failed(listener, &error);
        }
        let origin = Origin::Accepted(listener);
        let pipe = self.add_pipe(
            socket,
            origin,
            Path::Dialing {
                stream,
                deadline: None,
                tunnel: None,
            },
        );
        debug_assert_eq!(pipe, pipe_slot);
        let mut serial = None;
        if let Some(found) = self.pipes.get_mut(pipe) {
            found.permit = Some(permit);
            serial = Some(found.serial);
            if let Path::Dialing { stream, .. } = &found.path {
                let (source, now) = (self.env.address(stream), self.now);
                let source = self.handshakes.enter(source, found.serial, pipe, now);
                found.unfinished = Some(source);
            }
        }
        self.open_wire_in_place(pipe);
        while self.handshakes.len() > self.shared.max_handshakes
            && self.end_a_handshake(serial).is_some()
        {}
    }

    /// Takes a permit of the context for an accepted connection. If there is none left, a
    /// connection of this pump that has not finished its handshake is ended: silent connections
    /// cannot keep other peers out.
    fn permit_for_newcomer(&mut self) -> Option<Permit> {
        loop {
            let permit = self.shared.connections.take_in(0);
            if permit.is_some() {
                return permit;
            }
            self.end_a_handshake(None)?;
        }
    }

    /// Ends the handshake of a peer that has been silent since it was accepted; returns whether
    /// there was one.
    fn end_a_silent_handshake(&mut self) -> bool {
        let has_spoken = has_spoken(&self.pipes);
        let victim = self.handshakes.silent_victim(self.now, has_spoken);
        if let Some(victim) = victim {
            self.lose(victim, Loss::Crowded);
        }
        victim.is_some()
    }

    /// Ends an unfinished handshake other than the new connection's; `None` if there is none.
    fn end_a_handshake(&mut self, newcomer: Option<u64>) -> Option<()> {
        let has_spoken = has_spoken(&self.pipes);
        let victim = self.handshakes.victim(newcomer, self.now, has_spoken)?;
        self.lose(victim, Loss::Crowded);
        Some(())
    }
}

/// Whether any bytes have arrived from the peer of a pipe.
fn has_spoken<S>(pipes: &Slab<Pipe<S>>) -> impl Fn(usize) -> bool + '_ {
    |slot| {
        let path = pipes.get(slot).map(|pipe| &pipe.path);
        matches!(path, Some(Path::Wire(wire)) if wire.counts.bytes_in > 0)
    }
}

/// Whether the process, or the whole system, has reached its limit of open files or sockets.
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
