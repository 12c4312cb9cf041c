//! How a task waits for what comes over a network.
//!
//! A task cannot sleep in the poller of its pump as a thread that [leads](crate::driver) can: it must give
//! its thread back. But a poll may last for a moment. So where the tasks that wait at one end of a channel
//! are served soon each time, they lead for a moment in each poll and ask to be polled again at once,
//! which leaves the thread to other tasks in between. What is soon, and whether it is of use at all, is
//! learned as for threads: see [`Estimator`].

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{Awaits, WaitContext};
use crate::clock::later;
use crate::driver::roles::{Lead, Led, Until};
use crate::driver::spin::{has_stayed, yields, Estimator, Plan};
use crate::driver::tuning::POLLS;
use crate::sync::primitives::now;
use crate::sync::wake_count::WakeCount;

/// The wait of a task, from its first poll that finds nothing to its last.
#[derive(Debug, Default)]
pub(crate) struct TaskWait(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unused,
    /// It is worth leading.
    Leads(Plan),
    /// Nothing is left to be done but to be woken.
    Waits,
}

impl TaskWait {
    /// Polls, and if there is nothing yet, once more after it has led for a moment, if that is worth it.
    #[inline]
    pub(crate) fn poll<R>(
        &mut self,
        wait: &WaitContext,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let polled = poll(context);
        if polled.is_pending() {
            return self.poll_again(wait, awaits, context, poll);
        }
        self.served(wait, awaits);
        polled
    }

    /// The same for a task that has polled already and found nothing.
    pub(crate) fn poll_again<R>(
        &mut self,
        wait: &WaitContext,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        if !self.leads(wait, awaits, context.waker()) {
            return Poll::Pending;
        }
        let polled = poll(context);
        match polled.is_ready() {
            true => self.served(wait, awaits),
            false => self.go_on(wait, awaits, context.waker()),
        }
        polled
    }

    /// The wait is over.
    #[inline]
    pub(crate) fn served(&mut self, wait: &WaitContext, awaits: Awaits) {
        if !matches!(self.0, State::Unused) {
            let state = std::mem::take(&mut self.0);
            let estimator = wait.tasks(awaits);
            if let State::Leads(plan) = &state {
                estimator.learn_from(plan, true);
            }
            estimator.end();
        }
    }

    /// Whether it was to lead for a moment, which is over.
    fn leads(&mut self, wait: &WaitContext, awaits: Awaits, waker: &Waker) -> bool {
        let moment = wait.setup().task_spin;
        if moment.is_zero() || !wait.is_remote() {
            return false;
        }
        let Some(pump) = wait.pump() else {
            return false;
        };
        if let State::Unused = self.0 {
            self.0 = begin(&*pump, moment, &wait.tasks(awaits));
        }
        let State::Leads(plan) = &self.0 else {
            return false;
        };
        let now = now();
        if has_stayed(now, moment * POLLS) {
            waker.wake_by_ref();
            return false;
        }
        let end = later(now, moment).map_or(plan.spins_until, |end| end.min(plan.spins_until));
        let led = wait.without_demand(awaits, || pump.lead(&Moment::new(waker, end)));
        if led == Led::Contended {
            wait.tasks(awaits).has_rivals();
            self.0 = State::Waits;
        }
        true
    }

    /// Led, and got nothing. Asks for the next poll, or stops leading.
    fn go_on(&mut self, wait: &WaitContext, awaits: Awaits, waker: &Waker) {
        let State::Leads(plan) = &self.0 else {
            return;
        };
        let now = now();
        if now < plan.spins_until {
            yields(now);
            return waker.wake_by_ref();
        }
        wait.tasks(awaits).learn_from(plan, false);
        self.0 = State::Waits;
        wait.pump().inspect(|pump| pump.decline());
    }
}

fn begin(pump: &dyn Lead, moment: Duration, estimator: &Estimator) -> State {
    let plan = estimator.begin(moment * POLLS);
    if plan.spins() && plan.leads {
        return State::Leads(plan);
    }
    estimator.learn_from(&plan, false);
    pump.decline();
    State::Waits
}

/// The part of a task's wait that is spent in one of its polls: until its thread wakes any waiter, or has
/// led until `end`.
struct Moment<'a> {
    waker: &'a Waker,
    end: Instant,
    /// Which waiters this thread had woken before.
    woken: WakeCount,
}

impl<'a> Moment<'a> {
    fn new(waker: &'a Waker, end: Instant) -> Self {
        let woken = WakeCount::so_far();
        Moment { waker, end, woken }
    }
}

impl Until for Moment<'_> {
    fn has_rivals(&self) -> bool {
        let (_, served) = self.woken.since();
        served > u32::from(WakeCount::last_is(self.waker))
    }

    fn is_over(&self, now: Instant) -> bool {
        self.woken.since().0 || !self.spins(now)
    }

    fn spins(&self, now: Instant) -> bool {
        now < self.end
    }

    /// The thread is not the task's to put to sleep.
    fn longest_sleep(&self, _now: Instant) -> Option<Duration> {
        None
    }

    fn falls_asleep(&self, _interrupt: &Waker) -> bool {
        false
    }

    fn wakes_up(&self) {}
}

#[cfg(all(test, not(loom)))]
mod tests;
