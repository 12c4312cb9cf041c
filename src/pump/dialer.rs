//! Connecting, and connecting again: one dialer for each `connect`.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::{later, prolonged};
use crate::endpoint::Endpoint;
use crate::error::{ConnectError, DetachError, EndpointError};
use crate::event::{DisconnectReason, EventKind};
use crate::options::Options;
use crate::pattern::PeerId;
use crate::routing_id::RoutingId;
use crate::wire;

use super::env::Env;
use super::pipe::{Inproc, Leaving, Loss, Origin, Path, NO_PIPE, NO_SOCKET};
use super::timers::Timer;
use super::transport::socks::{self, Handshake};
use super::transport::{self, Begun, Resolution, Target};
use super::Pump;

/// A peer that speaks another protocol, or does not want us, is not worth asking more often.
const INCOMPATIBLE_PAUSE: Duration = Duration::from_secs(5);

/// What keeps one endpoint connected.
pub(super) struct Dialer {
    pub(super) socket: usize,
    pub(super) endpoint: Endpoint,
    /// The proxy on the way there.
    via: Option<Endpoint>,
    /// As they were when the user connected.
    options: Arc<Options>,
    pub(super) wire: Arc<wire::Config>,
    /// The name the pattern has reserved for the peer.
    pub(super) alias: Option<RoutingId>,
    serial: u64,
    state: State,
    /// Addresses of a name that have not been tried in this round.
    targets: VecDeque<Target>,
    /// How it went with those that have been tried in this round.
    round: Round,
    /// Attempts that failed since the last handshake that succeeded.
    failures: u32,
    /// Handshakes that succeeded.
    meetings: u64,
    /// Connections that did not get through their handshake.
    pub(super) handshakes_failed: u64,
}

#[derive(Debug)]
enum State {
    /// Until then; without a time for ever.
    Pausing(Option<Instant>),
    /// For a name to be looked up.
    Resolving,
    /// For somebody to bind the inproc name.
    Waiting,
    /// There is a pipe.
    HasPipe(usize),
    /// There will be no other attempt: the options say so, or no address will ever do, or the
    /// pattern wanted the pipe gone.
    GivenUp,
}

/// How the attempts of one round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Fresh,
    /// All of them in a refusal.
    Refused,
    /// At least one in something else.
    Failed,
}

/// How far a pipe got with its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeted {
    /// There was no connection to have one on.
    Not,
    Begun,
    Done,
}

impl Dialer {
    pub(super) fn set_pipe(&mut self, pipe: usize) {
        self.state = State::HasPipe(pipe);
    }

    /// Whether there will be no other attempt.
    pub(super) fn has_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    /// How often the connection was made again.
    pub(super) fn reconnects(&self) -> u64 {
        self.meetings.saturating_sub(1)
    }

    /// An attempt ended before there was a connection.
    fn attempt_failed(&mut self, kind: ErrorKind) {
        // Without its path there is no ipc listener either.
        let refused = matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        self.round = match (self.round, refused) {
            (Round::Fresh | Round::Refused, true) => Round::Refused,
            (Round::Failed, _) | (_, false) => Round::Failed,
        };
    }

    /// Whether nobody listens there, and the user wants no other attempt then. A refusal by the
    /// proxy says nothing about the endpoint.
    fn stops_refused(&self) -> bool {
        self.round == Round::Refused && self.via.is_none() && self.options.reconnect_stop.refused
    }
}

impl<E: Env> Pump<E> {
    /// Starts to keep an endpoint connected.
    pub(super) fn dial(
        &mut self,
        socket: usize,
        endpoint: Endpoint,
        alias: Option<RoutingId>,
    ) -> Result<(), ConnectError> {
        let serial = self.serial();
        let Some(found) = self.sockets.get(socket) else {
            return Err(ConnectError::Disconnected);
        };
        if !found.takes(&endpoint) {
            return Err(ConnectError::Unsupported {
                socket_type: found.kind,
                endpoint: endpoint.to_string(),
            });
        }
        let via = proxy(&endpoint, &found.options)?;
        let dialer = self.dialers.insert(Dialer {
            socket,
            endpoint,
            via,
            options: Arc::clone(&found.options),
            wire: Arc::clone(&found.wire),
            alias,
            serial,
            state: State::Pausing(Some(self.now)),
            targets: VecDeque::new(),
            round: Round::Fresh,
            failures: 0,
            meetings: 0,
            handshakes_failed: 0,
        });
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.dialers.push(dialer);
        }
        self.try_to_connect(dialer);
        Ok(())
    }

    /// Starts to keep an endpoint connected whose peer has a name from now on.
    pub(super) fn dial_peer(
        &mut self,
        socket: usize,
        endpoint: Endpoint,
        name: Option<RoutingId>,
    ) -> Result<RoutingId, ConnectError> {
        let reserved = self.pattern_call(socket, |pattern, outlet| {
            pattern.reserve(name.as_ref(), outlet)
        });
        match (reserved.flatten(), name) {
            (Some(alias), _) => {
                let dialed = self.dial(socket, endpoint, Some(alias.clone()));
                match dialed {
                    Ok(()) => Ok(alias),
                    Err(error) => {
                        self.release(socket, Some(alias));
                        Err(error)
                    }
                }
            }
            (None, Some(name)) => Err(ConnectError::RoutingIdInUse(name)),
            (None, None) => Err(ConnectError::NoRoutingIds),
        }
    }

    /// Ends the connection to a peer, and whatever would bring it back from our side.
    pub(super) fn disconnect_peer(
        &mut self,
        socket: usize,
        peer: &RoutingId,
    ) -> Result<(), DetachError> {
        let Some(found) = self.sockets.get_mut(socket) else {
            return Err(DetachError::Disconnected);
        };
        let deadline = found.linger_deadline(self.now);
        let named = found.dialers.iter().position(|&dialer| {
            self.dialers
                .get(dialer)
                .is_some_and(|dialer| dialer.alias.as_ref() == Some(peer))
        });
        if let Some(at) = named {
            let dialer = found.dialers.remove(at);
            self.end_dialer(dialer, deadline);
            return Ok(());
        }
        match found.pattern.find(peer) {
            Some(PeerId(pipe)) => {
                self.dismiss(pipe as usize);
                Ok(())
            }
            None => Err(DetachError::NoPeer(peer.clone())),
        }
    }

    /// Lets a pipe go, for good: if we dialed it, we do not dial again.
    pub(super) fn dismiss(&mut self, pipe: usize) {
        let Some(found) = self.pipes.get(pipe) else {
            return;
        };
        let origin = found.origin;
        let Some(socket) = self.sockets.get_mut(found.socket) else {
            return;
        };
        let deadline = socket.linger_deadline(self.now);
        match origin {
            Origin::Dialed(dialer) => {
                socket.dialers.retain(|&other| other != dialer);
                self.end_dialer(dialer, deadline);
            }
            Origin::Accepted(_) => self.retire(pipe, deadline),
        }
    }

    /// Ends every dialer of this endpoint and the connections it made.
    pub(super) fn disconnect(
        &mut self,
        socket: usize,
        endpoint: &Endpoint,
    ) -> Result<(), DetachError> {
        let Some(found) = self.sockets.get(socket) else {
            return Err(DetachError::Disconnected);
        };
        let deadline = found.linger_deadline(self.now);
        let (ending, staying): (Vec<usize>, Vec<usize>) =
            found.dialers.iter().copied().partition(|&dialer| {
                self.dialers
                    .get(dialer)
                    .is_some_and(|dialer| dialer.endpoint == *endpoint)
            });
        if ending.is_empty() {
            return Err(DetachError::NotFound(endpoint.to_string()));
        }
        if let Some(found) = self.sockets.get_mut(socket) {
            found.dialers = staying;
        }
        for dialer in ending {
            self.end_dialer(dialer, deadline);
        }
        Ok(())
    }

    /// Ends a dialer; its pipe flushes what it holds until `deadline`.
    pub(super) fn end_dialer(&mut self, slot: usize, deadline: Option<Instant>) {
        let alias = self
            .dialers
            .get_mut(slot)
            .map(|dialer| (dialer.socket, dialer.alias.take()));
        if let Some(pipe) = self.forget_dialer(slot) {
            self.retire(pipe, deadline);
        }
        if let Some((socket, alias)) = alias {
            self.release(socket, alias);
        }
    }

    /// The name of an endpoint's peer is not needed any more.
    fn release(&mut self, socket: usize, alias: Option<RoutingId>) {
        if let Some(alias) = alias {
            self.pattern_call(socket, |pattern, outlet| pattern.release(&alias, outlet));
            self.settle_credits(socket);
            self.send_later(socket);
        }
    }

    /// This endpoint will not be connected to any more.
    fn give_up(&mut self, slot: usize) {
        if let Some(dialer) = self.dialers.get_mut(slot) {
            dialer.state = State::GivenUp;
            let (socket, alias) = (dialer.socket, dialer.alias.take());
            self.release(socket, alias);
            self.zap_request_failed(socket);
        }
    }

    /// The number of a dialer, which no other ever has.
    pub(super) fn dialer_serial(&self, slot: usize) -> Option<u64> {
        self.dialers.get(slot).map(|dialer| dialer.serial)
    }

    /// Removes a dialer; answers the pipe it had made, if that is still there.
    pub(super) fn forget_dialer(&mut self, slot: usize) -> Option<usize> {
        let dialer = self.dialers.try_remove(slot)?;
        match (&dialer.state, dialer.endpoint.inproc_name()) {
            (State::HasPipe(pipe), _) => Some(*pipe),
            (State::Resolving, _) => {
                self.env.stop_resolving(dialer.serial);
                None
            }
            (State::Waiting, Some(name)) => {
                let caller = (self.company.pump, dialer.serial);
                self.company.names.stop_waiting(name, caller);
                None
            }
            _ => None,
        }
    }

    /// The dialer's pipe finished its handshake.
    pub(super) fn handshake_succeeded(&mut self, pipe: usize) {
        let Some(Origin::Dialed(dialer)) = self.pipes.get(pipe).map(|pipe| pipe.origin) else {
            return;
        };
        if let Some(dialer) = self.dialers.get_mut(dialer) {
            dialer.failures = 0;
            dialer.targets.clear();
            dialer.round = Round::Fresh;
            dialer.meetings += 1;
            let again = dialer.meetings > 1;
            if let Some(socket) = self.sockets.get_mut(dialer.socket) {
                socket.tally.reconnects += u64::from(again);
            }
        }
    }

    /// The dialer's pipe is gone: the next address, or a pause and then again. `greeted` says
    /// whether it had got as far as a handshake, and through it.
    pub(super) fn pipe_ended(&mut self, slot: usize, pipe: usize, loss: &Loss, greeted: Greeted) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if !matches!(dialer.state, State::HasPipe(held) if held == pipe) {
            return;
        }
        let handshake_failed = greeted == Greeted::Begun;
        let incompatible = match loss {
            Loss::Wire(reason) => reason.is_incompatible(),
            // Whoever binds the name next may have done so already.
            Loss::NameGone => return self.try_to_connect(slot),
            Loss::Unconnected(error) => {
                dialer.attempt_failed(error.kind());
                false
            }
            Loss::PeerClosed
            | Loss::Io(_)
            | Loss::Crowded
            | Loss::Refused
            | Loss::Violation(_)
            | Loss::Asked => false,
        };
        if handshake_failed {
            dialer.round = Round::Failed;
        }
        let ours = matches!(
            loss,
            Loss::Refused | Loss::Violation(_) | Loss::Crowded | Loss::Asked
        );
        if handshake_failed && !ours && dialer.options.reconnect_stop.handshake_failed {
            self.give_up(slot);
        } else if incompatible {
            dialer.targets.clear();
            self.pause_dialer(slot, INCOMPATIBLE_PAUSE);
        } else {
            self.next_target(slot);
        }
    }

    /// A dialer's timer fired.
    pub(super) fn dialer_is_due(&mut self, slot: usize) {
        match self.dialers.get(slot).map(|dialer| &dialer.state) {
            Some(State::Pausing(Some(until))) if *until <= self.now => self.try_to_connect(slot),
            _ => {}
        }
    }

    /// Somebody bound an inproc name: those who waited for it join.
    pub(super) fn name_appeared(&mut self, name: &str) {
        let waiting: Vec<usize> = self
            .dialers
            .iter()
            .filter(|(_, dialer)| {
                matches!(dialer.state, State::Waiting)
                    && dialer.endpoint.inproc_name() == Some(name)
            })
            .map(|(slot, _)| slot)
            .collect();
        for dialer in waiting {
            self.try_to_connect(dialer);
        }
    }

    /// A name has been looked up, for all who asked.
    pub(super) fn resolved(&mut self, tickets: &[u64], targets: io::Result<Vec<Target>>) {
        self.env.resolved();
        for &ticket in tickets {
            self.resolved_for(ticket, targets.as_deref());
        }
    }

    fn resolved_for(&mut self, ticket: u64, targets: Result<&[Target], &io::Error>) {
        let found = self
            .dialers
            .iter()
            .find(|(_, dialer)| dialer.serial == ticket);
        let Some(slot) = found.map(|(slot, _)| slot) else {
            return;
        };
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        match targets {
            Ok(targets) => dialer.targets = targets.iter().cloned().collect(),
            Err(error) => {
                dialer.targets.clear();
                self.tell_dialer(slot, failed(error));
            }
        }
        self.next_target(slot);
    }

    /// The stream of a dialed pipe became ready: connected, or refused.
    pub(super) fn dialed(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Path::Dialing {
            stream,
            deadline,
            tunnel,
        } = &mut pipe.path
        else {
            return;
        };
        let connected = match (self.env.connected(stream), tunnel) {
            (Ok(true), Some(tunnel)) => {
                if deadline.is_none() {
                    // Without a limit of its own it has that of greetings: nobody waits for a
                    // proxy that says nothing.
                    let limit = match pipe.origin {
                        Origin::Dialed(dialer) => self.dialers.get(dialer),
                        Origin::Accepted(_) => None,
                    };
                    let limit = limit.and_then(|dialer| dialer.options.handshake_timeout);
                    *deadline = limit.and_then(|limit| later(self.now, limit));
                    if let Some(deadline) = *deadline {
                        self.timers.set(deadline, Timer::Pipe(slot));
                    }
                }
                negotiate(stream, tunnel)
            }
            (connected, _) => connected,
        };
        match connected {
            Ok(false) => {}
            Ok(true) => self.open_wire_in_place(slot),
            Err(error) => self.lose(slot, Loss::Unconnected(error.into())),
        }
    }

    fn try_to_connect(&mut self, slot: usize) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if let Some(name) = dialer.endpoint.inproc_name() {
            dialer.state = State::Waiting;
            let caller = (self.company.pump, dialer.serial);
            let waiter = Arc::clone(&self.mailbox);
            let bound = self.company.names.find_or_wait(name, caller, waiter);
            if let Some(bound) = bound {
                let joined = match bound.pump == self.company.pump {
                    true => self.join(slot, bound.listener),
                    false => self.connect_across(slot, &bound),
                };
                let waiting = self.dialers.get(slot).map(|dialer| &dialer.state);
                if !joined && matches!(waiting, Some(State::Waiting)) {
                    // Not welcome now; perhaps when the other side's peer has gone.
                    self.pause_dialer(slot, Duration::ZERO);
                }
            }
            return;
        }
        dialer.round = Round::Fresh;
        let first_stop = dialer.via.as_ref().unwrap_or(&dialer.endpoint);
        match transport::targets(first_stop) {
            Ok(Resolution::Ready(target)) => {
                dialer.targets = VecDeque::from([target]);
                self.next_target(slot);
            }
            Ok(Resolution::Lookup { .. }) => {
                dialer.state = State::Resolving;
                let ipv6 = dialer.options.ipv6;
                self.env.resolve(first_stop, ipv6, dialer.serial);
            }
            // No address will ever do, such as a source of another family.
            Err(error) => {
                self.give_up(slot);
                self.tell_dialer(slot, failed(&error));
            }
        }
    }

    /// Tries the next address; without one left, pauses.
    fn next_target(&mut self, slot: usize) {
        loop {
            let Some(dialer) = self.dialers.get_mut(slot) else {
                return;
            };
            let socket_slot = dialer.socket;
            let options = Arc::clone(&dialer.options);
            let Some(target) = dialer.targets.pop_front() else {
                if dialer.stops_refused() {
                    return self.give_up(slot);
                }
                return self.pause_dialer(slot, Duration::ZERO);
            };
            let Begun {
                stream,
                in_progress,
            } = match self.env.connect(&target, &options) {
                Ok(begun) => begun,
                Err(error) => {
                    dialer.attempt_failed(error.kind());
                    self.tell_dialer(slot, failed(&error));
                    continue;
                }
            };
            let tunnel = match (&dialer.via, &options.socks_proxy) {
                (Some(_), Some(proxy)) => Handshake::new(&dialer.endpoint, proxy).map(Box::new),
                (None, _) | (_, None) => None,
            };
            let deadline = options
                .connect_timeout
                .and_then(|limit| later(self.now, limit));
            let pipe = self.add_pipe(
                socket_slot,
                Origin::Dialed(slot),
                Path::Dialing {
                    stream,
                    deadline,
                    tunnel,
                },
            );
            if let Some(dialer) = self.dialers.get_mut(slot) {
                dialer.set_pipe(pipe);
            }
            if in_progress {
                self.tell_pipe(pipe, || EventKind::ConnectDelayed);
            }
            if let Some(deadline) = deadline {
                self.timers.set(deadline, Timer::Pipe(pipe));
            }
            let watched = match self.pipes.get_mut(pipe).map(|pipe| &mut pipe.path) {
                Some(Path::Dialing { stream, .. }) => self.env.watch(stream, pipe),
                _ => return,
            };
            if let Err(error) = watched {
                return self.lose(pipe, Loss::Unconnected(error.into()));
            }
            // It may be connected already: ipc always is, and loopback nearly always.
            return self.dialed(pipe);
        }
    }

    /// Waits before the next attempt: doubling from the interval to its maximum, with up to a
    /// quarter of jitter so that the clients of a lost server do not return all at once.
    fn pause_dialer(&mut self, slot: usize, at_least: Duration) {
        let luck = self.env.random();
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        let Some(interval) = dialer.options.reconnect_interval else {
            return self.give_up(slot);
        };
        let longest = dialer.options.reconnect_interval_max.max(interval);
        let doubled = interval
            .saturating_mul(1 << dialer.failures.min(16))
            .min(longest);
        let pause = doubled.max(at_least);
        let after = prolonged(pause, (luck % 1024) as u32, 4096);
        dialer.failures = dialer.failures.saturating_add(1);
        let until = later(self.now, after);
        dialer.state = State::Pausing(until);
        if let Some(until) = until {
            self.timers.set(until, Timer::Dialer(slot));
        }
        self.tell_dialer(slot, EventKind::ConnectRetried { after });
    }

    pub(super) fn open_wire_in_place(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        debug_assert!(!matches!(pipe.leaving, Some(Leaving::Draining(_))));
        // The stream moves from one state of the path to the next.
        let idle = Path::Inproc(Inproc::new(NO_PIPE, NO_SOCKET));
        match std::mem::replace(&mut pipe.path, idle) {
            Path::Dialing { stream, .. } => self.open_wire(slot, stream),
            other => pipe.path = other,
        }
    }
}

/// An attempt to connect failed at once.
fn failed(error: &std::io::Error) -> EventKind {
    EventKind::ConnectFailed {
        reason: DisconnectReason::Io(error.into()),
    }
}

/// The proxy through which a TCP endpoint is connected to, if the options name one.
fn proxy(endpoint: &Endpoint, options: &Options) -> Result<Option<Endpoint>, EndpointError> {
    match &options.socks_proxy {
        Some(proxy) if endpoint.is_tcp() => {
            let proxy = Endpoint::parse_proxy(&proxy.address)?;
            Ok(Some(proxy.leaving_as(endpoint)))
        }
        Some(_) | None => Ok(None),
    }
}

/// Talks to the proxy as far as that goes now; answers whether the stream is the peer's.
fn negotiate<S: Read + Write>(stream: &mut S, tunnel: &mut Handshake) -> io::Result<bool> {
    loop {
        let moved = if !tunnel.pending().is_empty() {
            let written = stream.write(tunnel.pending());
            written.inspect(|&bytes| tunnel.advance(bytes))
        } else if tunnel.is_done() {
            return Ok(true);
        } else {
            let mut buffer = [0; socks::LONGEST];
            let read = stream.read(&mut buffer[..tunnel.wanted()]);
            read.and_then(|bytes| tunnel.receive(&buffer[..bytes]).map(|()| bytes))
        };
        match moved {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
