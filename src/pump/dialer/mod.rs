//! Connecting and reconnecting: one dialer for each `connect`.

mod attempt;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::error::{Closed, ConnectError, DetachError, EndpointError};
use crate::options::Options;
use crate::pattern::PeerId;
use crate::routing_id::RoutingId;
use crate::wire;

use crate::pump::env::Env;
use crate::pump::pipe::{Greeted, Loss, Origin};
use crate::pump::transport::Target;
use crate::pump::Pump;

/// A peer that speaks another protocol, or refuses this socket, is not connected to more often than
/// this.
const INCOMPATIBLE_PAUSE: Duration = Duration::from_secs(5);

/// Keeps one endpoint connected.
pub(in crate::pump) struct Dialer {
    pub(in crate::pump) socket: usize,
    pub(in crate::pump) endpoint: Endpoint,
    /// The proxy to connect through.
    via: Option<Endpoint>,
    /// As they were when the user connected.
    options: Arc<Options>,
    pub(in crate::pump) wire: Arc<wire::Config>,
    /// The name that the pattern has reserved for the peer.
    pub(in crate::pump) alias: Option<RoutingId>,
    serial: u64,
    state: State,
    /// Addresses of a name that have not been tried in this round.
    targets: VecDeque<Target>,
    /// The result of those that have been tried in this round.
    round: Round,
    /// Attempts that failed since the last handshake that succeeded.
    failures: u32,
    /// Handshakes that succeeded.
    meetings: u64,
    /// Connections whose handshake failed.
    pub(in crate::pump) handshakes_failed: u64,
}

#[derive(Debug)]
enum State {
    /// Until then; `None` for ever.
    Pausing(Option<Instant>),
    /// For a name to be looked up.
    Resolving,
    /// For the inproc name to be bound.
    Waiting,
    /// There is a pipe.
    HasPipe(usize),
    /// There will be no other attempt: because of the options, because no attempt can succeed, or
    /// because the pattern ended the pipe.
    GivenUp,
}

/// The combined result of the attempts of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Fresh,
    /// All of them were refused.
    Refused,
    /// At least one failed for another reason.
    Failed,
}

impl Dialer {
    pub(in crate::pump) fn set_pipe(&mut self, pipe: usize) {
        self.state = State::HasPipe(pipe);
    }

    /// Whether there will be no other attempt.
    pub(in crate::pump) fn has_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    /// Number of times the connection was made again.
    pub(in crate::pump) fn reconnects(&self) -> u64 {
        self.meetings.saturating_sub(1)
    }

    /// An attempt failed before there was a connection.
    fn attempt_failed(&mut self, kind: ErrorKind) {
        // Without its path there is no ipc listener either.
        let refused = matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound);
        self.round = match (self.round, refused) {
            (Round::Fresh | Round::Refused, true) => Round::Refused,
            (Round::Failed, _) | (_, false) => Round::Failed,
        };
    }

    /// Whether there is no listener, and the options say to stop in that case. A refusal by the
    /// proxy does not count.
    fn stops_refused(&self) -> bool {
        self.round == Round::Refused
            && self.via.is_none()
            && self.options.connections.reconnect_stop.refused
    }
}

impl<E: Env> Pump<E> {
    /// Creates the dialer of an endpoint.
    pub(in crate::pump) fn dial(
        &mut self,
        socket: usize,
        endpoint: Endpoint,
        alias: Option<RoutingId>,
    ) -> Result<(), ConnectError> {
        let serial = self.serial();
        let Some(found) = self.sockets.get(socket) else {
            return Err(ConnectError::Closed(Closed::Socket));
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
        self.dialers_changed(socket);
        self.try_to_connect(dialer);
        Ok(())
    }

    /// An endpoint was added or removed, on which it may depend whether `in` accepts messages.
    fn dialers_changed(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.options.queues.require_endpoint {
            socket.fit_capacities();
            self.refresh_room(slot);
        }
    }

    /// Creates the dialer of an endpoint whose peer has an assigned name.
    pub(in crate::pump) fn dial_peer(
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

    /// Ends the connection to a peer, and the dialer that would reconnect.
    pub(in crate::pump) fn disconnect_peer(
        &mut self,
        socket: usize,
        peer: &RoutingId,
    ) -> Result<(), DetachError> {
        let Some(found) = self.sockets.get_mut(socket) else {
            return Err(DetachError::Closed(Closed::Socket));
        };
        let deadline = found.linger_deadline(self.now);
        let named = found.dialers.iter().position(|&dialer| {
            self.dialers
                .get(dialer)
                .is_some_and(|dialer| dialer.alias.as_ref() == Some(peer))
        });
        if let Some(at) = named {
            let dialer = found.dialers.remove(at);
            self.dialers_changed(socket);
            self.end_dialer(dialer, deadline);
            return Ok(());
        }
        match found.pattern.find(peer) {
            Some(PeerId(pipe)) => {
                self.dismiss(pipe as usize);
                Ok(())
            }
            None => Err(DetachError::NoPeer(peer.into())),
        }
    }

    /// Releases a pipe for good: if this socket dialed it, it does not reconnect.
    pub(in crate::pump) fn dismiss(&mut self, pipe: usize) {
        let Some(found) = self.pipes.get(pipe) else {
            return;
        };
        let (origin, slot) = (found.origin, found.socket);
        let Some(socket) = slot.and_then(|slot| self.sockets.get_mut(slot)) else {
            return;
        };
        let deadline = socket.linger_deadline(self.now);
        match origin {
            Origin::Dialed(dialer) => {
                socket.dialers.retain(|&other| other != dialer);
                if let Some(slot) = slot {
                    self.dialers_changed(slot);
                }
                self.end_dialer(dialer, deadline);
            }
            Origin::Accepted(_) => self.retire(pipe, deadline),
        }
    }

    /// Ends every dialer of this endpoint and the connections they made.
    pub(in crate::pump) fn disconnect(
        &mut self,
        socket: usize,
        endpoint: &Endpoint,
    ) -> Result<(), DetachError> {
        let Some(found) = self.sockets.get(socket) else {
            return Err(DetachError::Closed(Closed::Socket));
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
        self.dialers_changed(socket);
        for dialer in ending {
            self.end_dialer(dialer, deadline);
        }
        Ok(())
    }

    /// Ends a dialer; its pipe is flushed until `deadline`.
    pub(in crate::pump) fn end_dialer(&mut self, slot: usize, deadline: Option<Instant>) {
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

    /// Releases the name of an endpoint's peer.
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

    /// The serial number of a dialer, which is never reused.
    pub(in crate::pump) fn dialer_serial(&self, slot: usize) -> Option<u64> {
        self.dialers.get(slot).map(|dialer| dialer.serial)
    }

    /// Removes a dialer; returns its pipe, if there is one.
    pub(in crate::pump) fn forget_dialer(&mut self, slot: usize) -> Option<usize> {
        let dialer = self.dialers.try_remove(slot)?;
        match (&dialer.state, dialer.endpoint.inproc_name()) {
            (State::HasPipe(pipe), _) => Some(*pipe),
            (State::Resolving, _) => {
                self.env.stop_resolving(dialer.serial);
                None
            }
            (State::Waiting, Some(name)) => {
                let caller = (self.shared.pump, dialer.serial);
                self.shared.names.stop_waiting(name, caller);
                None
            }
            _ => None,
        }
    }

    /// The dialer's pipe finished its handshake.
    pub(in crate::pump) fn handshake_succeeded(&mut self, pipe: usize) {
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
                socket.observers.tally.reconnects += u64::from(again);
            }
        }
    }

    /// The dialer's pipe ended: tries the next address, or again after a delay. `greeted` says how
    /// far its handshake had got.
    pub(in crate::pump) fn pipe_ended(
        &mut self,
        slot: usize,
        pipe: usize,
        loss: &Loss,
        greeted: Greeted,
    ) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if !matches!(dialer.state, State::HasPipe(held) if held == pipe) {
            return;
        }
        let handshake_failed = greeted == Greeted::Begun;
        let incompatible = match loss {
            Loss::Wire(reason) => reason.is_incompatible(),
            // The name may be bound again already.
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
        if handshake_failed && !ours && dialer.options.connections.reconnect_stop.handshake_failed {
            self.give_up(slot);
        } else if incompatible {
            dialer.targets.clear();
            self.pause_dialer(slot, INCOMPATIBLE_PAUSE);
        } else {
            self.next_target(slot);
        }
    }

    /// A dialer's timer fired.
    pub(in crate::pump) fn dialer_is_due(&mut self, slot: usize) {
        match self.dialers.get(slot).map(|dialer| &dialer.state) {
            Some(State::Pausing(Some(until))) if *until <= self.now => self.try_to_connect(slot),
            _ => {}
        }
    }

    /// An inproc name was bound: the dialers that waited for it connect.
    pub(in crate::pump) fn name_appeared(&mut self, name: &str) {
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

    /// A name was looked up for these dialers.
    pub(in crate::pump) fn resolved(&mut self, tickets: &[u64], targets: io::Result<Vec<Target>>) {
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
                self.tell_dialer(slot, attempt::failed(error));
            }
        }
        self.next_target(slot);
    }
}

/// The proxy for a TCP endpoint, if the options have one.
fn proxy(endpoint: &Endpoint, options: &Options) -> Result<Option<Endpoint>, EndpointError> {
    match &options.network.socks_proxy {
        Some(proxy) if endpoint.is_tcp() => {
            let proxy = Endpoint::parse_proxy(&proxy.address)?;
            Ok(Some(proxy.leaving_as(endpoint)))
        }
        Some(_) | None => Ok(None),
    }
}
