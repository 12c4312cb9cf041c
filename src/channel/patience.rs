//! How a task spends its waits for what comes over a network.
//!
//! A task cannot sleep in the poller of its pump as a thread that [leads](super::driver) can: it must
//! give its thread back. But a poll may last for a moment. So where the tasks that wait at one end of a
//! channel are served soon each time, they lead for a moment in each poll and ask to be polled again at
//! once, which leaves the thread to other tasks in between. What is soon, and
//! whether it is of use at all, is learned as for threads: see [`Estimator`].

use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use super::driver::spin::{has_stayed, yields, Estimator, Plan};
use super::driver::{Lead, Led};
use super::park::{Awaits, Spin, Vigil};
use super::ports::Ports;
use super::sync::{now, Mutex, MutexGuard};
use crate::clock::later;

/// A task gives up after this many times what a thread spins for: where none leads at the other end,
/// two threads have to be woken there, one after the other, before there can be an answer. For as long
/// tasks may stay on a thread without leaving it to others.
const LONGER: u32 = 2;

/// A poll lasts for this part of what a thread spins for: little enough for the other tasks of that
/// thread, of which one may be waited for; and long enough for the answer of a task that is awake, for
/// asking to be polled again may wake another thread of a runtime.
const MOMENT: u32 = 2;

/// What is known of the waits of the tasks that use one socket. Tasks change threads, so nothing
/// could be learned from those.
#[derive(Debug)]
pub(super) struct Estimators {
    receiving: Mutex<Estimator>,
    sending: Mutex<Estimator>,
}

impl Estimators {
    pub(super) fn new() -> Self {
        Estimators {
            receiving: Mutex::new(Estimator::of_tasks()),
            sending: Mutex::new(Estimator::of_tasks()),
        }
    }

    fn of(&self, awaits: Awaits) -> MutexGuard<'_, Estimator> {
        match awaits {
            Awaits::Items | Awaits::Reply => self.receiving.lock(),
            Awaits::Room => self.sending.lock(),
        }
    }
}

/// The wait of a task, from its first poll that finds nothing to its last.
#[derive(Debug, Default)]
pub(super) struct Patience(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unused,
    /// It is worth leading.
    Leads(Plan),
    /// Nothing is left to be done but to be woken.
    Waits,
}

impl Patience {
    /// Polls, and if there is nothing yet, once more after it has led for a moment, if that is worth it.
    #[inline]
    pub(super) fn poll<R>(
        &mut self,
        ports: &Ports,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let polled = poll(context);
        if polled.is_pending() {
            return self.poll_again(ports, awaits, context, poll);
        }
        self.served(ports, awaits);
        polled
    }

    /// The same for a task that has polled already and found nothing.
    pub(super) fn poll_again<R>(
        &mut self,
        ports: &Ports,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        if !self.leads(ports, awaits, context.waker()) {
            return Poll::Pending;
        }
        let polled = poll(context);
        match polled.is_ready() {
            true => self.served(ports, awaits),
            false => self.go_on(ports, awaits, context.waker()),
        }
        polled
    }

    /// The wait is over.
    #[inline]
    pub(super) fn served(&mut self, ports: &Ports, awaits: Awaits) {
        if !matches!(self.0, State::Unused) {
            let state = std::mem::take(&mut self.0);
            let estimator = ports.estimators().of(awaits);
            if let State::Leads(plan) = &state {
                estimator.learn_from(plan, true);
            }
            estimator.end();
        }
    }

    /// Whether it was to lead for a moment, which is over.
    fn leads(&mut self, ports: &Ports, awaits: Awaits, waker: &Waker) -> bool {
        let spin = ports.spin();
        if spin.limit.is_zero() || !ports.is_afar() {
            return false;
        }
        let Some(pump) = spin.pump.as_ref().and_then(Weak::upgrade) else {
            return false;
        };
        if let State::Unused = self.0 {
            self.0 = begin(&*pump, spin, &ports.estimators().of(awaits));
        }
        let State::Leads(plan) = &self.0 else {
            return false;
        };
        let now = now();
        if has_stayed(now, spin.limit * LONGER) {
            waker.wake_by_ref();
            return false;
        }
        // While it is polled it can lead, should no other.
        let demand = spin.demand.as_ref();
        let demand = demand.filter(|_| awaits == Awaits::Items);
        demand.inspect(|demand| demand.remove(1));
        let moment = later(now, spin.limit / MOMENT);
        let end = moment.map_or(plan.spins_until, |end| end.min(plan.spins_until));
        let led = pump.lead(&Vigil::of_task(waker, end));
        demand.inspect(|demand| demand.add());
        if led == Led::Contended {
            ports.estimators().of(awaits).has_rivals();
            self.0 = State::Waits;
        }
        true
    }

    /// Led, and got nothing. Asks for the next poll, or gives up.
    fn go_on(&mut self, ports: &Ports, awaits: Awaits, waker: &Waker) {
        let State::Leads(plan) = &self.0 else {
            return;
        };
        let now = now();
        if now < plan.spins_until {
            yields(now);
            return waker.wake_by_ref();
        }
        ports.estimators().of(awaits).learn_from(plan, false);
        self.0 = State::Waits;
        let pump = ports.spin().pump.as_ref();
        pump.and_then(Weak::upgrade).inspect(|pump| pump.decline());
    }
}

fn begin(pump: &dyn Lead, spin: &Spin, estimator: &Estimator) -> State {
    let plan = estimator.begin(spin.limit * LONGER);
    if plan.spins() && plan.leads {
        return State::Leads(plan);
    }
    estimator.learn_from(&plan, false);
    pump.decline();
    State::Waits
}

#[cfg(all(test, not(loom)))]
mod tests;
