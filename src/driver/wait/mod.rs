//! The waits of calls: try, then spin or lead where that has paid off, then sleep.
//!
//! A [thread](thread) sleeps in the poller of its pump, or parked; a [task](task) leads for a moment in
//! each of its polls, until it waits for nothing but its waker. What is worth it is learned from the
//! waits before: see [`Estimator`].

pub(crate) mod task;
pub(crate) mod thread;

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::demand::Demand;
use super::roles::Lead;
use super::spin::Estimator;
use crate::sync::primitives::{Mutex, MutexGuard, Once};

/// How the calls of a socket may wait, and for which pump.
#[derive(Clone, Debug)]
pub(crate) struct WaitSetup {
    /// How long a thread may spin before it sleeps.
    pub(crate) spin: Duration,
    /// Whether a thread may lead the pump.
    pub(crate) leads: bool,
    /// How long a task may lead the pump in one of its polls.
    pub(crate) task_spin: Duration,
    pub(crate) pump: Option<Weak<dyn Lead>>,
    /// Which others wait for that pump.
    pub(crate) demand: Option<Arc<Demand>>,
}

impl WaitSetup {
    /// Threads are parked at once, and tasks wait for their wakers.
    pub(crate) const PARK: WaitSetup = WaitSetup {
        spin: Duration::ZERO,
        leads: false,
        task_spin: Duration::ZERO,
        pump: None,
        demand: None,
    };
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// Something to take.
    Items,
    /// The reply to its request.
    Reply,
    /// Room for what it has.
    Room,
}

/// What the waits of one socket's calls have in common.
#[derive(Debug)]
pub(crate) struct WaitContext {
    setup: WaitSetup,
    /// What is waited for comes, or has come, from beyond this process's memory.
    remote: Once<()>,
    /// What is known of the waits of the tasks that use the socket: tasks change threads, so nothing
    /// could be learned from those.
    receiving: Mutex<Estimator>,
    sending: Mutex<Estimator>,
}

impl WaitContext {
    pub(crate) fn new(setup: WaitSetup) -> Self {
        WaitContext {
            setup,
            remote: Once::new(),
            receiving: Mutex::new(Estimator::of_tasks()),
            sending: Mutex::new(Estimator::of_tasks()),
        }
    }

    pub(crate) fn setup(&self) -> &WaitSetup {
        &self.setup
    }

    /// From now on what is waited for may come over a network.
    pub(crate) fn set_remote(&self) {
        let _ = self.remote.set(());
    }

    /// Whether it may. A hint.
    #[inline]
    pub(crate) fn is_remote(&self) -> bool {
        self.remote.get().is_some()
    }

    /// In a model the first wait of a task may lead.
    #[cfg(all(test, loom))]
    pub(in crate::driver) fn assume_spinning(&self) {
        self.receiving.lock().assume_spinning();
    }

    fn pump(&self) -> Option<Arc<dyn Lead>> {
        self.setup.pump.as_ref().and_then(Weak::upgrade)
    }

    /// What is known of the tasks that wait for this.
    fn tasks(&self, awaits: Awaits) -> MutexGuard<'_, Estimator> {
        match awaits {
            Awaits::Items | Awaits::Reply => self.receiving.lock(),
            Awaits::Room => self.sending.lock(),
        }
    }

    /// A waiter that waits for something to take can lead while it is awake, should no other: it is no
    /// demand meanwhile.
    fn without_demand<R>(&self, awaits: Awaits, call: impl FnOnce() -> R) -> R {
        let demand = self.setup.demand.as_ref();
        let takers = demand
            .filter(|_| awaits == Awaits::Items)
            .map(|demand| demand.takers());
        takers.inspect(|takers| takers.remove(1));
        let result = call();
        takers.inspect(|takers| takers.add());
        result
    }
}
