//! The one wait of all calls: try; then spin, or lead where that has paid off; then park until woken.
//!
//! A thread goes through it in one call, and sleeps in the poller of its pump while it leads. A task must
//! give its thread back: it leads for a moment in each of its polls and asks to be polled again at once,
//! which leaves the thread to other tasks in between. What is worth it is learned from the waits before:
//! see [`Estimator`].

use std::cell::Cell;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::handoff::Demand;
use super::spin::{of_thread, Estimator, Plan};
use super::tuning::{POLLS, TASKS};
use crate::clock::later;
use crate::sync::parker::{block_on_with, Parker};
use crate::sync::primitives::{has_company, now, per_thread, Mutex, Once};
use crate::sync::wake_count::WakeCount;

/// What a wait can do for the pump it waits for.
pub(crate) trait Lead: Send + Sync {
    /// Leads until the wait is over, if it can. Whether others wait that are served likewise: they had
    /// better be served all the time.
    fn lead(&self, wait: &Wait<'_>) -> bool;

    /// The waiter will be parked: it sees nothing itself. Whether it would rather lead the next time.
    fn about_to_park(&self, leads_again: bool);
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

/// What the waits of one socket's calls have in common.
#[derive(Debug)]
pub(crate) struct WaitContext {
    pub(crate) setup: WaitSetup,
    /// What is waited for comes, or has come, from beyond this process's memory.
    remote: Once<()>,
    /// What is known of the waits of the tasks that use the socket: tasks change threads, so nothing
    /// could be learned from those.
    pub(super) receiving: Mutex<Estimator>,
    sending: Mutex<Estimator>,
}

impl WaitContext {
    pub(crate) fn new(setup: WaitSetup) -> Self {
        WaitContext {
            setup,
            remote: Once::new(),
            receiving: Mutex::new(Estimator::new(TASKS)),
            sending: Mutex::new(Estimator::new(TASKS)),
        }
    }

    /// From now on what is waited for may come over a network.
    pub(crate) fn set_remote(&self) {
        let _ = self.remote.set(());
    }

    fn pump(&self) -> Option<Arc<dyn Lead>> {
        self.setup.pump.as_ref().and_then(Weak::upgrade)
    }

    pub(super) fn wait<'a>(
        &'a self,
        awaits: Awaits,
        waiter: Waiter<'a>,
        stage: &'a mut TaskWait,
    ) -> Wait<'a> {
        Wait {
            context: self,
            awaits,
            waiter,
            stage,
            end: None,
            woken: WakeCount::NONE,
        }
    }
}

// ---- the mechanism

/// How far a wait has got: that of a thread within one call, that of a task from its first poll that finds
/// nothing to its last.
#[derive(Debug, Default)]
pub(crate) enum TaskWait {
    /// It has tried, at most.
    #[default]
    Tries,
    /// It spins or leads.
    Awake(Plan),
    /// It waits for nothing but to be woken.
    Parks,
}

/// What is woken at the end of a wait: a thread, which waits until then at the latest, or a task.
#[derive(Clone, Copy)]
pub(super) enum Waiter<'a> {
    Thread(&'a Parker, Option<Instant>),
    Task(&'a Waker),
}

/// One wait, or the part of it that a task spends in one of its polls.
pub(crate) struct Wait<'a> {
    context: &'a WaitContext,
    awaits: Awaits,
    waiter: Waiter<'a>,
    stage: &'a mut TaskWait,
    /// Until when a thread spins, or a task leads, once it stays awake.
    end: Option<Instant>,
    /// Which waiters the current thread had woken before that.
    woken: WakeCount,
}

impl<'a> Wait<'a> {
    fn is_task(&self) -> bool {
        matches!(self.waiter, Waiter::Task(_))
    }

    /// With what is known of the waits of this thread, or of the tasks that wait for the same.
    fn estimate<R>(&self, call: impl FnOnce(&mut Estimator) -> R) -> Option<R> {
        let tasks = match (self.waiter, self.awaits) {
            (Waiter::Thread(..), _) => return of_thread(call),
            (Waiter::Task(_), Awaits::Items | Awaits::Reply) => &self.context.receiving,
            (Waiter::Task(_), Awaits::Room) => &self.context.sending,
        };
        Some(call(&mut tasks.lock()))
    }

    /// Tries → Awake, for up to `limit`; or else → Parks, for a task that had better not lead. How to stay
    /// awake, while that is so.
    fn begin(&mut self, limit: Duration) -> Option<Plan> {
        if let TaskWait::Tries = self.stage {
            let plan = self.estimate(|known| known.begin(now(), limit, has_company()))?;
            *self.stage = TaskWait::Awake(plan);
            if self.is_task() && !(plan.spins_until.is_some() && plan.leads) {
                self.parks();
            }
        }
        match self.stage {
            TaskWait::Awake(plan) => Some(*plan),
            TaskWait::Tries | TaskWait::Parks => None,
        }
    }

    /// Leads or spins until the wait is over; a task leads, until `end` at the latest.
    fn stay_awake(&mut self, leads: bool, end: Option<Instant>) {
        (self.end, self.woken) = (end, WakeCount::so_far());
        let pump = self.context.pump().filter(|_| leads);
        // A waiter for something to take can lead while it is awake, should no other: it is no demand.
        let demand = self.context.setup.demand.as_ref();
        let takers = demand.filter(|_| self.awaits == Awaits::Items);
        takers.inspect(|demand| demand.takers.remove(1));
        loop {
            if pump.as_ref().is_some_and(|pump| pump.lead(self)) {
                self.estimate(Estimator::has_rivals);
                if self.is_task() {
                    *self.stage = TaskWait::Parks;
                }
            }
            let now = now();
            if self.is_task() || self.is_over(now) || !self.spins(now) {
                break;
            }
            std::hint::spin_loop();
        }
        takers.inspect(|demand| demand.takers.add());
    }

    /// Awake → Parks: the waiter was not woken in time.
    fn parks(&mut self) {
        let stage = std::mem::replace(self.stage, TaskWait::Parks);
        if let TaskWait::Awake(plan) = stage {
            // Only if there is something to learn: that spares a lock.
            let spun = plan.spins_until.is_some();
            spun.then(|| self.estimate(|known| known.learn(&plan, false)));
        }
        if let Some(pump) = self.context.pump() {
            pump.about_to_park(!self.is_task());
        }
    }

    /// The wait is over: if it is still Awake, in time.
    fn ends(&mut self) {
        let stage = std::mem::take(self.stage);
        self.estimate(|known| {
            if let TaskWait::Awake(plan) = stage {
                known.learn(&plan, true);
            }
            known.end(now());
        });
    }

    /// A task has led and got nothing: it asks for the next poll, or stops leading.
    fn goes_on(&mut self, waker: &Waker) {
        let TaskWait::Awake(plan) = self.stage else {
            return;
        };
        let now = now();
        if plan.spins_until.is_some_and(|until| now < until) {
            yields(now, Duration::ZERO);
            waker.wake_by_ref();
        } else {
            self.parks();
        }
    }

    // ---- for the one that leads

    /// Whether it is over: for a task once its thread has woken any waiter.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        match self.waiter {
            Waiter::Thread(parker, deadline) => {
                parker.is_notified() || deadline.is_some_and(|deadline| now >= deadline)
            }
            Waiter::Task(_) => self.woken.since().0 || !self.spins(now),
        }
    }

    /// Whether it is too early to fall asleep.
    pub(super) fn spins(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now < end)
    }

    /// For how long the leader may sleep, in whole milliseconds as pollers do, and what is to wake it; `None`
    /// if not at all: the thread is not a task's to put to sleep.
    pub(super) fn may_sleep(&self, now: Instant) -> Option<(Duration, &'a Parker)> {
        let Waiter::Thread(parker, deadline) = self.waiter else {
            return None;
        };
        let left = |deadline: Instant| deadline.saturating_duration_since(now);
        let left = deadline.map_or(Duration::MAX, left);
        let rest = Duration::from_nanos(u64::from(left.subsec_nanos() % 1_000_000));
        (left > rest).then(|| (left - rest, parker))
    }

    /// Whether the turns that this thread did had something for others that waited.
    pub(super) fn has_rivals(&self) -> bool {
        let own = match self.waiter {
            Waiter::Thread(parker, _) => parker.is_notified() && self.awaits != Awaits::Room,
            Waiter::Task(waker) => WakeCount::last_is(waker),
        };
        self.woken.since().1 > u32::from(own)
    }
}

// ---- a thread

/// Polls until there is a result; `None` once the deadline has passed. The last thing done before giving
/// up is one more poll.
pub(crate) fn wait<R>(
    context: &WaitContext,
    awaits: Awaits,
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let sleep = |parker: &Parker| sleep(parker, context, awaits, deadline);
    block_on_with(deadline, sleep, poll)
}

/// Leads, spins or is parked until notified or until the deadline; uses one notification up.
fn sleep(parker: &Parker, context: &WaitContext, awaits: Awaits, deadline: Option<Instant>) {
    let setup = &context.setup;
    if setup.spin.is_zero() && !setup.leads {
        context.pump().inspect(|pump| pump.about_to_park(true));
        return parker.park(deadline);
    }
    let (waiter, mut stage) = (Waiter::Thread(parker, deadline), TaskWait::default());
    let mut wait = context.wait(awaits, waiter, &mut stage);
    if let Some(plan) = wait.begin(setup.spin) {
        wait.stay_awake(plan.leads && setup.leads, plan.spins_until);
    }
    if !parker.is_notified() {
        wait.parks();
    }
    if !parker.take_notification() {
        let parked = setup.demand.as_ref().filter(|_| awaits != Awaits::Items);
        parked.inspect(|demand| demand.parked.add());
        parker.park(deadline);
        parked.inspect(|demand| demand.parked.remove(1));
    }
    wait.ends();
}

// ---- a task

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
        if polled.is_ready() {
            self.served(wait, awaits);
            return polled;
        }
        let Some(mut led) = self.lead(wait, awaits, context.waker()) else {
            return Poll::Pending;
        };
        let polled = poll(context);
        match polled.is_ready() {
            true => led.ends(),
            false => led.goes_on(context.waker()),
        }
        polled
    }

    /// The wait is over.
    #[inline]
    pub(crate) fn served(&mut self, wait: &WaitContext, awaits: Awaits) {
        if !matches!(self, TaskWait::Tries) {
            let waiter = Waiter::Task(Waker::noop());
            wait.wait(awaits, waiter, self).ends();
        }
    }

    /// The wait of a task that was to lead for a moment, which is over.
    fn lead<'a>(
        &'a mut self,
        context: &'a WaitContext,
        awaits: Awaits,
        waker: &'a Waker,
    ) -> Option<Wait<'a>> {
        let moment = context.setup.task_spin;
        if moment.is_zero() || context.remote.get().is_none() || context.setup.pump.is_none() {
            return None;
        }
        let mut wait = context.wait(awaits, Waiter::Task(waker), self);
        let longest = moment.saturating_mul(POLLS);
        let plan = wait.begin(longest)?;
        let now = now();
        if yields(now, longest) {
            waker.wake_by_ref();
            return None;
        }
        wait.stay_awake(true, later(now, moment).min(plan.spins_until));
        Some(wait)
    }
}

/// Whether the last time that a task of this thread left it to others is longer ago than that. Then it
/// does so now.
fn yields(now: Instant, longest: Duration) -> bool {
    per_thread! {
        static YIELDED: Cell<Option<Instant>> = Cell::new(None);
    }
    let yields = YIELDED.try_with(|yielded| {
        let is_recent = |at| now.saturating_duration_since(at) <= longest;
        let yields = !yielded.get().is_some_and(is_recent);
        if yields {
            yielded.set(Some(now));
        }
        yields
    });
    yields.unwrap_or(true)
}

#[cfg(all(test, not(loom)))]
mod tests;
