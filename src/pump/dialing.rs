//! Connecting, and connecting again: one dialer for each `connect`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::error::DetachError;

use super::link::{Inproc, Leaving, Loss, Origin, Path, NO_HUB, NO_LINK};
use super::timers::Timer;
use super::transport::{self, Resolution, Target};
use super::world::World;
use super::Pump;

/// A peer that speaks another protocol, or does not want us, is not worth asking more often.
const INCOMPATIBLE_PAUSE: Duration = Duration::from_secs(5);

/// What keeps one endpoint connected.
pub(super) struct Dialer {
    pub(super) hub: usize,
    pub(super) endpoint: Endpoint,
    serial: u64,
    state: State,
    /// Addresses of a name that have not been tried in this round.
    targets: VecDeque<Target>,
    /// Attempts that failed since the last handshake that succeeded.
    failures: u32,
}

#[derive(Debug)]
enum State {
    /// Until then.
    Pausing(Instant),
    /// For a name to be looked up.
    Resolving,
    /// For somebody to bind the inproc name.
    Waiting,
    /// There is a link.
    Linked(usize),
    /// `reconnect_interval` is `None` and the link is gone.
    GivenUp,
}

impl Dialer {
    pub(super) fn is_linked(&mut self, link: usize) {
        self.state = State::Linked(link);
    }
}

impl<W: World> Pump<W> {
    /// Starts to keep an endpoint connected.
    pub(super) fn dial(&mut self, hub: usize, endpoint: Endpoint) {
        let serial = self.serial();
        let dialer = self.dialers.insert(Dialer {
            hub,
            endpoint,
            serial,
            state: State::Pausing(self.now),
            targets: VecDeque::new(),
            failures: 0,
        });
        if let Some(hub) = self.hubs.get_mut(hub) {
            hub.dialers.push(dialer);
        }
        self.try_to_connect(dialer);
    }

    /// Ends every dialer of this endpoint and the connections it made.
    pub(super) fn hang_up(&mut self, hub: usize, endpoint: &Endpoint) -> Result<(), DetachError> {
        let Some(found) = self.hubs.get(hub) else {
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
        if let Some(found) = self.hubs.get_mut(hub) {
            found.dialers = staying;
        }
        for dialer in ending {
            self.end_dialer(dialer, deadline);
        }
        Ok(())
    }

    /// Ends a dialer; its link flushes what it holds until `deadline`.
    pub(super) fn end_dialer(&mut self, slot: usize, deadline: Option<Instant>) {
        if let Some(Dialer {
            state: State::Linked(link),
            ..
        }) = self.dialers.try_remove(slot)
        {
            self.let_go(link, deadline);
        }
    }

    /// The dialer's link finished its handshake.
    pub(super) fn greet_dialer(&mut self, link: usize) {
        let Some(Origin::Dialed(dialer)) = self.links.get(link).map(|link| link.origin) else {
            return;
        };
        if let Some(dialer) = self.dialers.get_mut(dialer) {
            dialer.failures = 0;
            dialer.targets.clear();
        }
    }

    /// The dialer's link is gone: the next address, or a pause and then again.
    pub(super) fn link_ended(&mut self, slot: usize, link: usize, loss: &Loss) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if !matches!(dialer.state, State::Linked(linked) if linked == link) {
            return;
        }
        let incompatible = match loss {
            Loss::Wire(reason) => reason.is_incompatible(),
            Loss::World | Loss::Refused | Loss::Asked => false,
        };
        if incompatible {
            dialer.targets.clear();
            self.pause_dialer(slot, INCOMPATIBLE_PAUSE);
        } else if dialer.targets.is_empty() {
            self.pause_dialer(slot, Duration::ZERO);
        } else {
            self.next_target(slot);
        }
    }

    /// A dialer's timer fired.
    pub(super) fn dialer_is_due(&mut self, slot: usize) {
        match self.dialers.get(slot).map(|dialer| &dialer.state) {
            Some(State::Pausing(until)) if *until <= self.now => self.try_to_connect(slot),
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

    /// A name has been looked up.
    pub(super) fn resolved(&mut self, ticket: u64, targets: std::io::Result<Vec<Target>>) {
        self.world.resolved();
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
        dialer.targets = targets.unwrap_or_default().into();
        self.next_target(slot);
    }

    /// The stream of a dialed link became ready: connected, or refused.
    pub(super) fn dialed(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        let Path::Dialing { stream, .. } = &mut link.path else {
            return;
        };
        match self.world.connected(stream) {
            Ok(false) => {}
            Ok(true) => self.open_wire_in_place(slot),
            Err(_) => self.lose(slot, Loss::World),
        }
    }

    fn try_to_connect(&mut self, slot: usize) {
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        if let Some(name) = dialer.endpoint.inproc_name() {
            let listener = self.names.get(name).copied();
            dialer.state = State::Waiting;
            if let Some(listener) = listener {
                let joined = self.join(slot, listener);
                let waiting = self.dialers.get(slot).map(|dialer| &dialer.state);
                if !joined && matches!(waiting, Some(State::Waiting)) {
                    // Not welcome now; perhaps when the other side's peer has gone.
                    self.pause_dialer(slot, Duration::ZERO);
                }
            }
            return;
        }
        match transport::targets(&dialer.endpoint) {
            Ok(Resolution::Ready(target)) => {
                dialer.targets = VecDeque::from([target]);
                self.next_target(slot);
            }
            Ok(Resolution::Lookup { .. }) => {
                dialer.state = State::Resolving;
                self.world.resolve(&dialer.endpoint, dialer.serial);
            }
            // No address will ever do, such as a source of another family.
            Err(_) => dialer.state = State::GivenUp,
        }
    }

    /// Tries the next address; without one left, pauses.
    fn next_target(&mut self, slot: usize) {
        loop {
            let Some(dialer) = self.dialers.get_mut(slot) else {
                return;
            };
            let hub_slot = dialer.hub;
            let Some(hub) = self.hubs.get(hub_slot) else {
                return;
            };
            let Some(target) = dialer.targets.pop_front() else {
                return self.pause_dialer(slot, Duration::ZERO);
            };
            let Ok(stream) = self.world.connect(&target, &hub.options) else {
                continue;
            };
            let deadline = hub
                .options
                .connect_timeout
                .and_then(|limit| self.now.checked_add(limit));
            let link = self.add_link(
                hub_slot,
                Origin::Dialed(slot),
                Path::Dialing { stream, deadline },
            );
            if let Some(dialer) = self.dialers.get_mut(slot) {
                dialer.is_linked(link);
            }
            if let Some(deadline) = deadline {
                self.timers.set(deadline, Timer::Link(link));
            }
            let watched = match self.links.get_mut(link).map(|link| &mut link.path) {
                Some(Path::Dialing { stream, .. }) => self.world.watch(stream, link).is_ok(),
                _ => false,
            };
            if !watched {
                return self.lose(link, Loss::World);
            }
            // It may be connected already: ipc always is.
            return self.dialed(link);
        }
    }

    /// Waits before the next attempt: doubling from the interval to its maximum, with up to a
    /// quarter of jitter so that the clients of a lost server do not return all at once.
    fn pause_dialer(&mut self, slot: usize, at_least: Duration) {
        let luck = self.world.random();
        let Some(dialer) = self.dialers.get_mut(slot) else {
            return;
        };
        let Some(hub) = self.hubs.get(dialer.hub) else {
            return;
        };
        let Some(interval) = hub.options.reconnect_interval else {
            dialer.state = State::GivenUp;
            return;
        };
        let longest = hub.options.reconnect_interval_max.max(interval);
        let doubled = interval
            .saturating_mul(1 << dialer.failures.min(16))
            .min(longest);
        let pause = doubled.max(at_least);
        let jitter = pause.mul_f64((luck % 1024) as f64 / 4096.0);
        dialer.failures = dialer.failures.saturating_add(1);
        let until = self.now + pause + jitter;
        dialer.state = State::Pausing(until);
        self.timers.set(until, Timer::Dialer(slot));
    }

    pub(super) fn open_wire_in_place(&mut self, slot: usize) {
        let Some(link) = self.links.get_mut(slot) else {
            return;
        };
        debug_assert!(!matches!(link.leaving, Some(Leaving::Draining(_))));
        // The stream moves from one state of the path to the next.
        let idle = Path::Inproc(Inproc::new(NO_LINK, NO_HUB));
        match std::mem::replace(&mut link.path, idle) {
            Path::Dialing { stream, .. } => self.open_wire(slot, stream),
            other => link.path = other,
        }
    }
}
