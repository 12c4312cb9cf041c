//! Which thread polls for a pump: the four states of the [protocol](super) and their transitions. Each is a
//! short function under the lock of the state, which looks at the state that it starts from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tuning::VACANCY;
use crate::clock::later;
use crate::sync::primitives::{current, now, sleep, Mutex, MutexGuard, Once, Thread};
use crate::sync::wait_queue::Gauge;

/// The poller of one pump, and whose turn it is to poll.
pub(crate) struct Handoff<P> {
    /// The pump's thread waits here for a leader that is about to leave.
    pub(super) poller: Mutex<P>,
    state: Mutex<State>,
    /// The pump's, from the first time that it has stepped aside.
    thread: Once<Thread>,
}

struct State {
    owner: Owner,
    /// A waiter would rather lead: the pump's thread steps aside once it has woken one.
    wanted: bool,
}

/// Which thread polls, or is to: the states of the protocol.
#[derive(Clone, Copy)]
enum Owner {
    Dedicated,
    Vacant {
        since: Instant,
    },
    /// Also LeaderAsleep. From then on the pump's thread stands by without a limit, until the leader leaves.
    Leader {
        asleep: bool,
        unlimited: bool,
    },
}

/// The current thread leads until this is dropped.
pub(super) struct Leadership<'a, P> {
    pub(super) handoff: &'a Handoff<P>,
    pub(super) poller: MutexGuard<'a, P>,
    /// When the leader polled last: the poller is unattended from then on if it leaves.
    pub(super) polled: Instant,
}

impl<P> Handoff<P> {
    pub(super) fn new(poller: P) -> Self {
        let (owner, wanted) = (Owner::Dedicated, false);
        Handoff {
            poller: Mutex::new(poller),
            state: Mutex::new(State { owner, wanted }),
            thread: Once::new(),
        }
    }

    /// Dedicated → Vacant, if a waiter would rather lead and what is left to do `can_wait`; whether that is
    /// so. To be called by the pump's thread, which holds the poller and must give it back before it
    /// [stands by](Self::stand_by). From now on it must be [recalled](Self::recall) to be woken.
    pub(super) fn step_aside(&self, can_wait: impl FnOnce() -> bool) -> bool {
        let mut state = self.state.lock();
        debug_assert!(matches!(state.owner, Owner::Dedicated), "it polls");
        let steps_aside = state.wanted && can_wait();
        if steps_aside {
            self.thread.get_or_init(current);
            state.owner = Owner::Vacant { since: now() };
        }
        steps_aside
    }

    /// Sleeps until the pump's thread is to poll again: because it was recalled, or because the
    /// poller has been vacant for as long as `demand` lets it (Vacant → Dedicated, by the clock).
    pub(super) fn stand_by(&self, demand: &Demand) {
        loop {
            let until = {
                let mut state = self.state.lock();
                match &mut state.owner {
                    Owner::Dedicated => return,
                    Owner::Vacant { since } => {
                        let until = later(*since, demand.vacancy());
                        if until.is_none_or(|until| until <= now()) {
                            (state.owner, state.wanted) = (Owner::Dedicated, false);
                            return;
                        }
                        until
                    }
                    // It may leave at once.
                    Owner::Leader { asleep: false, .. } => later(now(), demand.vacancy()),
                    Owner::Leader { unlimited, .. } => {
                        *unlimited = true;
                        None
                    }
                }
            };
            sleep(until);
        }
    }

    /// The pump must be serviced now. Vacant → Dedicated: the pump's thread is woken. False in all
    /// other states: a thread polls, and is woken through the poller. The pump's thread need not step
    /// aside any more if the waiter that calls had better not lead again, and no other leads now.
    pub(super) fn recall(&self, leads_again: bool) -> bool {
        let mut state = self.state.lock();
        state.wanted &= leads_again || matches!(state.owner, Owner::Leader { .. });
        let is_vacant = matches!(state.owner, Owner::Vacant { .. });
        if is_vacant {
            state.owner = Owner::Dedicated;
            drop(state);
            self.unpark();
        }
        is_vacant
    }

    /// Vacant → Leader. In all other states `None`; then the pump's thread will step aside when it
    /// has next woken a waiter.
    pub(super) fn try_lead(&self) -> Option<Leadership<'_, P>> {
        let mut state = self.state.lock();
        state.wanted = true;
        let Owner::Vacant { since: polled } = state.owner else {
            return None;
        };
        // The thread that has left, the pump's or a leader, may not have given it back yet.
        let poller = self.poller.try_lock()?;
        let (asleep, unlimited) = (false, false);
        state.owner = Owner::Leader { asleep, unlimited };
        let handoff = self;
        Some(Leadership {
            handoff,
            poller,
            polled,
        })
    }

    /// Leader → LeaderAsleep, or back.
    pub(super) fn sleeps(&self, sleeps: bool) {
        match &mut self.state.lock().owner {
            Owner::Leader { asleep, .. } => *asleep = sleeps,
            _ => debug_assert!(false, "it leads"),
        }
    }

    /// Whether a leader is about to come back, or else the pump's thread: then what one turn brings
    /// on its way has time until then.
    pub(super) fn is_vacant(&self) -> bool {
        matches!(self.state.lock().owner, Owner::Vacant { .. })
    }

    fn unpark(&self) {
        self.thread.get().inspect(|thread| thread.unpark());
    }
}

/// Leader → Vacant. The pump's thread is woken if it sleeps without a limit.
impl<P> Drop for Leadership<'_, P> {
    fn drop(&mut self) {
        let mut state = self.handoff.state.lock();
        if let Owner::Leader {
            unlimited: true, ..
        } = state.owner
        {
            self.handoff.unpark();
        }
        state.owner = Owner::Vacant { since: self.polled };
    }
}

/// How many wait for something from one pump, on whichever of its sockets, and cannot help themselves. A
/// hint: only speed depends on it, and it is part of no model.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// Threads and tasks that wait for something to take.
    pub(crate) takers: Arc<Gauge>,
    /// Threads that are parked for something else.
    pub(crate) parked: Gauge,
}

impl Demand {
    /// How long the poller may be vacant: not that long while others wait, at whose cost it is.
    fn vacancy(&self) -> Duration {
        match self.takers.is_zero() && self.parked.is_zero() {
            true => VACANCY,
            false => VACANCY / 4,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
