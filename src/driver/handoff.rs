//! Which thread polls for a pump: a state machine of four states and its seven transitions.
//!
//! The [protocol](super) says which threads take part. Each transition is one short function that runs under
//! the lock of the state and looks at the state it starts from, so that none can be said from a wrong
//! one.

use std::ops::{Deref, DerefMut};
use std::time::Instant;

use super::demand::Demand;
use crate::clock::later;
use crate::sync::primitives::{current, now, sleep, Mutex, MutexGuard, Thread};

/// The poller of one pump, and whose turn it is to poll.
pub(crate) struct Handoff<P> {
    poller: Mutex<P>,
    state: Mutex<State>,
}

struct State {
    owner: Owner,
    /// A waiter would rather lead: the pump's thread steps aside once it has woken one.
    wanted: bool,
}

/// Which thread polls, or is to.
enum Owner {
    /// The pump's own thread: it runs, or sleeps in the poller.
    Dedicated,
    /// No thread, since then. The pump's thread stands by.
    Vacant { since: Instant, standby: Standby },
    /// A waiter, which is awake.
    Leader(Standby),
    /// A waiter, which sleeps in the poller.
    LeaderAsleep(Standby),
}

/// The pump's thread while it does not poll.
struct Standby {
    thread: Thread,
    /// It sleeps without a limit, because the leader does: it is woken when the leader leaves.
    unlimited: bool,
}

/// The current thread leads until this is dropped.
pub(crate) struct Leadership<'a, P> {
    /// Given back first: a thread that sees the state vacant finds the poller free.
    poller: MutexGuard<'a, P>,
    tenure: Tenure<'a, P>,
}

struct Tenure<'a, P> {
    handoff: &'a Handoff<P>,
    /// When the leader polled last.
    polled: Instant,
}

impl<P> Handoff<P> {
    pub(crate) fn new(poller: P) -> Self {
        Handoff {
            poller: Mutex::new(poller),
            state: Mutex::new(State {
                owner: Owner::Dedicated,
                wanted: false,
            }),
        }
    }

    /// The poller, for the pump's thread. Waits for a leader that is about to leave.
    pub(crate) fn poller(&self) -> MutexGuard<'_, P> {
        self.poller.lock()
    }

    /// Dedicated → Vacant, if a waiter would rather lead; whether that is so. To be called by the
    /// pump's thread, which holds the poller and must give it back before it
    /// [stands by](Self::stand_by). From now on it must be [recalled](Self::recall) to be woken.
    pub(crate) fn step_aside(&self) -> bool {
        let mut state = self.state.lock();
        debug_assert!(matches!(state.owner, Owner::Dedicated), "it polls");
        if state.wanted {
            state.owner = Owner::Vacant {
                since: now(),
                standby: Standby {
                    thread: current(),
                    unlimited: false,
                },
            };
        }
        state.wanted
    }

    /// Vacant → Dedicated, by the pump's thread itself: it does not stand by after all. As it holds
    /// the poller, there can be no leader yet.
    pub(crate) fn step_back(&self) {
        let mut state = self.state.lock();
        debug_assert!(state.owner.leader().is_none(), "it holds the poller");
        state.owner = Owner::Dedicated;
    }

    /// Sleeps until the pump's thread is to poll again: because it was recalled, or because the
    /// poller has been vacant for as long as `demand` lets it (Vacant → Dedicated, by the clock).
    pub(crate) fn stand_by(&self, demand: &Demand) {
        loop {
            let until = {
                let mut state = self.state.lock();
                match &mut state.owner {
                    Owner::Dedicated => return,
                    Owner::Vacant { since, .. } => match later(*since, demand.vacancy()) {
                        Some(until) if now() < until => Some(until),
                        _ => {
                            state.owner = Owner::Dedicated;
                            state.wanted = false;
                            return;
                        }
                    },
                    // It may leave at once.
                    Owner::Leader(_) => later(now(), demand.vacancy()),
                    Owner::LeaderAsleep(standby) => {
                        standby.unlimited = true;
                        None
                    }
                }
            };
            sleep(until);
        }
    }

    /// The pump must be serviced now. Vacant → Dedicated: the pump's thread is woken. False in all
    /// other states: a thread polls, and is woken through the poller.
    pub(crate) fn recall(&self) -> bool {
        let standby = self.state.lock().end_vacancy();
        standby.map(|standby| standby.thread.unpark()).is_some()
    }

    /// A waiter that led had better not lead again: others wait, too.
    pub(crate) fn renounce(&self) {
        self.state.lock().wanted = false;
    }

    /// A waiter will not lead. Vacant → Dedicated; a leader stays.
    pub(crate) fn decline(&self) {
        let standby = {
            let mut state = self.state.lock();
            if state.owner.leader().is_some() {
                return;
            }
            state.wanted = false;
            state.end_vacancy()
        };
        standby.inspect(|standby| standby.thread.unpark());
    }

    /// Vacant → Leader. In all other states `None`; then the pump's thread will step aside when it
    /// has next woken a waiter.
    pub(crate) fn try_lead(&self) -> Option<Leadership<'_, P>> {
        let mut state = self.state.lock();
        state.wanted = true;
        let Owner::Vacant { since, .. } = state.owner else {
            return None;
        };
        // The pump's thread, having stepped aside, may not have given it back yet.
        let poller = self.poller.try_lock()?;
        state.owner.change(Owner::Leader);
        Some(Leadership {
            poller,
            tenure: Tenure {
                handoff: self,
                polled: since,
            },
        })
    }

    /// Whether a leader is about to come back, or else the pump's thread: then what one turn brings
    /// on its way has time until then.
    pub(crate) fn is_vacant(&self) -> bool {
        matches!(self.state.lock().owner, Owner::Vacant { .. })
    }

    /// Whether the pump's thread sleeps until the leader leaves.
    #[cfg(all(test, not(loom)))]
    fn is_unlimited(&self) -> bool {
        let state = self.state.lock();
        state
            .owner
            .leader()
            .is_some_and(|standby| standby.unlimited)
    }
}

impl State {
    fn end_vacancy(&mut self) -> Option<Standby> {
        match std::mem::replace(&mut self.owner, Owner::Dedicated) {
            Owner::Vacant { standby, .. } => Some(standby),
            other => {
                self.owner = other;
                None
            }
        }
    }
}

impl Owner {
    /// What is known of the pump's thread while a waiter leads.
    fn leader(&self) -> Option<&Standby> {
        match self {
            Owner::Dedicated | Owner::Vacant { .. } => None,
            Owner::Leader(standby) | Owner::LeaderAsleep(standby) => Some(standby),
        }
    }

    /// To a state in which the pump's thread stands by, from another.
    fn change(&mut self, to: impl FnOnce(Standby) -> Owner) {
        match std::mem::replace(self, Owner::Dedicated) {
            Owner::Dedicated => debug_assert!(false, "the pump's thread polls"),
            Owner::Vacant { standby, .. }
            | Owner::Leader(standby)
            | Owner::LeaderAsleep(standby) => *self = to(standby),
        }
    }
}

impl<P> Leadership<'_, P> {
    /// Leader → LeaderAsleep.
    pub(crate) fn fall_asleep(&self) {
        self.tenure.change(Owner::LeaderAsleep);
    }

    /// LeaderAsleep → Leader.
    pub(crate) fn wake_up(&self) {
        self.tenure.change(Owner::Leader);
    }

    /// The leader has polled at this moment: the poller is unattended from then on if it leaves.
    pub(crate) fn polled(&mut self, at: Instant) {
        self.tenure.polled = at;
    }
}

impl<P> Tenure<'_, P> {
    fn change(&self, to: impl FnOnce(Standby) -> Owner) {
        let mut state = self.handoff.state.lock();
        debug_assert!(state.owner.leader().is_some(), "it leads");
        state.owner.change(to);
    }
}

/// Leader → Vacant. The pump's thread is woken if it sleeps without a limit.
impl<P> Drop for Tenure<'_, P> {
    fn drop(&mut self) {
        let since = self.polled;
        let mut state = self.handoff.state.lock();
        state.owner.change(|mut standby| {
            if std::mem::take(&mut standby.unlimited) {
                standby.thread.unpark();
            }
            Owner::Vacant { since, standby }
        });
    }
}

impl<P> Deref for Leadership<'_, P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.poller
    }
}

impl<P> DerefMut for Leadership<'_, P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.poller
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
