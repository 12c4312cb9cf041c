//! Attempts to connect: addresses, the proxy, and the delays between attempts.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{later, prolonged};
use crate::event::{DisconnectReason, EventKind};
use crate::pump::env::Env;
use crate::pump::pipe::{Loss, Origin, Path};
use crate::pump::timers::Timer;
use crate::pump::transport::socks::{self, Handshake};
use crate::pump::transport::{self, Begun, Resolution};
use crate::pump::Pump;

use super::{Round, State};

impl<E: Env> Pump<E> {
    /// The stream of a dialed pipe became ready: connected, or refused.
    pub(in crate::pump) fn dialed(&mut self, slot: usize) {
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
                    // Without a connect timeout the handshake timeout applies, so that a silent
                    // proxy is not waited for indefinitely.
                    let limit = match pipe.origin {
                        Origin::Dialed(dialer) => self.dialers.get(dialer),
                        Origin::Accepted(_) => None,
                    };
                    let limit = limit.and_then(|dialer| dialer.options.protocol.handshake_timeout);
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

    pub(super) fn try_to_connect(&mut self, slot: usize) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if let Some(name) = dialer.endpoint.inproc_name() {
            dialer.state = State::Waiting;
            let caller = (self.shared.pump, dialer.serial);
            let waiter = Arc::clone(&self.mailbox);
            let bound = self.shared.names.find_or_wait(name, caller, waiter);
            if let Some(bound) = bound {
                let joined = match bound.pump == self.shared.pump {
                    true => self.join(slot, bound.listener),
                    false => self.connect_across(slot, &bound),
                };
                let waiting = self.dialers.get(slot).map(|dialer| &dialer.state);
                if !joined && matches!(waiting, Some(State::Waiting)) {
                    // Refused now; perhaps not once the other side's peer has gone.
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
                let ipv6 = dialer.options.network.ipv6;
                self.env.resolve(first_stop, ipv6, dialer.serial);
            }
            // No attempt can succeed, for example because the source is of another family.
            Err(error) => {
                self.give_up(slot);
                self.tell_dialer(slot, failed(&error));
            }
        }
    }

    /// Tries the next address; if there is none left, waits before the next round.
    pub(super) fn next_target(&mut self, slot: usize) {
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
            let tunnel = match (&dialer.via, &options.network.socks_proxy) {
                (Some(_), Some(proxy)) => Handshake::new(&dialer.endpoint, proxy).map(Box::new),
                (None, _) | (_, None) => None,
            };
            let deadline = options
                .connections
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
            let registered = match self.pipes.get_mut(pipe).map(|pipe| &mut pipe.path) {
                Some(Path::Dialing { stream, .. }) => self.env.register(stream, pipe),
                _ => return,
            };
            if let Err(error) = registered {
                return self.lose(pipe, Loss::Unconnected(error.into()));
            }
            // It may be connected already: ipc always is, and loopback nearly always.
            return self.dialed(pipe);
        }
    }

    /// Waits before the next attempt: the delay doubles from the interval to its maximum, with up
    /// to a quarter of jitter so that the clients of a lost server do not all return at once.
    pub(super) fn pause_dialer(&mut self, slot: usize, at_least: Duration) {
        let random = self.env.random();
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        let Some(interval) = dialer.options.connections.reconnect_interval else {
            return self.give_up(slot);
        };
        let longest = dialer
            .options
            .connections
            .reconnect_interval_max
            .max(interval);
        let doubled = interval
            .saturating_mul(1 << dialer.failures.min(16))
            .min(longest);
        let pause = doubled.max(at_least);
        let after = prolonged(pause, (random % 1024) as u32, 4096);
        dialer.failures = dialer.failures.saturating_add(1);
        let until = later(self.now, after);
        dialer.state = State::Pausing(until);
        if let Some(until) = until {
            self.timers.set(until, Timer::Dialer(slot));
        }
        self.tell_dialer(slot, EventKind::ConnectRetried { after });
    }
}

/// An attempt to connect failed immediately.
pub(super) fn failed(error: &std::io::Error) -> EventKind {
    EventKind::ConnectFailed {
        reason: DisconnectReason::Io(error.into()),
    }
}

/// Continues the handshake with the proxy; returns whether it is done and the stream is the peer's.
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
