//! How a thread spends its waits: whether it spins before it sleeps, and whether it would rather
//! [lead](super) itself than wait for the pump's thread.
//!
//! Spinning is of use where the thread that is waited for is awake on another processor and done
//! within microseconds: then both are spared sleeping and waking, which take several times as
//! long. Only trying tells. So every now and then a thread spins for some waits in a row, and
//! goes on with it while it is woken in time. The more trials fail, the rarer they become.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::tuning::{
    CROWDED, LONG_REST, PAUSES, SHORT_REST, STEADY, STREAK, TASKS_LONG_REST, TRIAL, VACANCY,
};
use crate::clock::later;
use crate::sync::primitives::{now, per_thread, Once};

/// What is known of the waits of a thread, or of the tasks that use one end of a channel.
#[derive(Debug)]
pub(crate) struct Estimator {
    /// Waits until the next trial, that one included; 0 while spinning.
    rest: Cell<u32>,
    /// The rest after that trial, if it fails.
    next_rest: Cell<u32>,
    /// Waits left of a trial.
    trial: Cell<u32>,
    /// Waits in time since one was not made up for, and half of those before it.
    streak: Cell<u32>,
    /// When the last wait ended.
    ended: Cell<Option<Instant>>,
    /// Waits in a row that came soon after the one before.
    steady: Cell<u32>,
    /// Waits left in which polling is left to the pump's thread.
    crowded: Cell<u32>,
    /// The most waits between trials.
    longest_rest: u32,
}

per_thread! {
    static ESTIMATOR: Estimator = Estimator::new();
}

per_thread! {
    /// When a task last left the thread to others.
    static YIELDED: Cell<Option<Instant>> = Cell::new(None);
}

/// How a thread spends a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    start: Instant,
    /// Until when it spins, unless it is called sooner.
    pub(crate) spins_until: Instant,
    /// Whether it would rather lead.
    pub(crate) leads: bool,
}

impl Plan {
    fn new(start: Instant, spins: bool, leads: bool, limit: Duration) -> Self {
        Plan {
            start,
            spins_until: match spins {
                true => later(start, limit).unwrap_or(start),
                false => start,
            },
            leads,
        }
    }

    /// Whether there is to be any spinning.
    pub(crate) fn spins(&self) -> bool {
        self.spins_until > self.start
    }
}

/// A pump's thread that spins instead of falling asleep while more is expected to arrive.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    plan: Option<Plan>,
    /// What had arrived when it began.
    seen: u64,
}

impl Expectation {
    /// Whether to look again at once, for up to `limit` since anything has arrived; `arrived`
    /// counts that, and `more` says that more is expected.
    pub(crate) fn lasts(&mut self, limit: Duration, arrived: u64, more: bool) -> bool {
        if arrived != self.seen {
            if let Some(plan) = self.plan.take() {
                learn(&plan, true);
            }
        }
        if more && arrived != self.seen && !limit.is_zero() {
            self.plan = Some(begin(limit));
        }
        self.seen = arrived;
        let Some(plan) = &self.plan else {
            return false;
        };
        let lasts = now() < plan.spins_until;
        if !lasts {
            learn(plan, false);
            self.plan = None;
        }
        lasts
    }
}

/// The current thread is about to wait, and may spin for up to `limit`.
pub(crate) fn begin(limit: Duration) -> Plan {
    let plan = ESTIMATOR.try_with(|estimator| estimator.begin(limit));
    plan.unwrap_or_else(|_| Plan::new(now(), false, false, limit))
}

/// The thread is awake again, or will be parked: called or not.
pub(crate) fn learn(plan: &Plan, is_called: bool) {
    let _ = ESTIMATOR.try_with(|estimator| estimator.learn_from(plan, is_called));
}

/// The wait is over.
pub(crate) fn end() {
    let _ = ESTIMATOR.try_with(Estimator::end);
}

/// Others wait for the same pump.
pub(crate) fn has_rivals() {
    let _ = ESTIMATOR.try_with(Estimator::has_rivals);
}

/// In a model the first wait of a thread may lead.
#[cfg(all(test, loom))]
pub(super) fn assume_steady() {
    ESTIMATOR.with(Estimator::assume_steady);
}

/// A task leaves the thread to others.
pub(crate) fn yields(now: Instant) {
    let _ = YIELDED.try_with(|yielded| yielded.set(Some(now)));
}

/// Whether the last time a task of this thread did so is that long ago; then it does so now.
pub(crate) fn has_stayed(now: Instant, longest: Duration) -> bool {
    let stayed = YIELDED.try_with(|yielded| {
        let stayed = yielded
            .get()
            .is_none_or(|at| now.saturating_duration_since(at) > longest);
        if stayed {
            yielded.set(Some(now));
        }
        stayed
    });
    stayed.unwrap_or(true)
}

/// A moment between two looks.
pub(crate) fn pause() {
    for _ in 0..PAUSES {
        std::hint::spin_loop();
    }
}

impl Estimator {
    /// That of a thread, of which nothing is known yet.
    const fn new() -> Self {
        Estimator::of_longest_rest(LONG_REST)
    }

    /// That of tasks.
    pub(crate) const fn of_tasks() -> Self {
        Estimator::of_longest_rest(TASKS_LONG_REST)
    }

    const fn of_longest_rest(longest_rest: u32) -> Self {
        Estimator {
            rest: Cell::new(SHORT_REST),
            next_rest: Cell::new(SHORT_REST),
            trial: Cell::new(0),
            streak: Cell::new(0),
            ended: Cell::new(None),
            steady: Cell::new(0),
            crowded: Cell::new(0),
            longest_rest,
        }
    }

    /// As if its waits had come soon after each other so far.
    #[cfg(all(test, loom))]
    fn assume_steady(&self) {
        self.end();
        self.steady.set(STEADY);
    }

    /// The same, and as if spinning had paid off.
    #[cfg(all(test, loom))]
    pub(super) fn assume_spinning(&self) {
        self.assume_steady();
        self.rest.set(0);
    }

    /// The next wait, in which there may be spinning for up to `limit`.
    pub(crate) fn begin(&self, limit: Duration) -> Plan {
        self.begin_at(now(), limit, has_company)
    }

    fn begin_at(&self, now: Instant, limit: Duration, has_company: impl Fn() -> bool) -> Plan {
        Plan::new(now, self.spins(has_company), self.leads(now), limit)
    }

    /// That wait is over, or there is no spinning any more: the waiter was woken or not.
    pub(crate) fn learn_from(&self, plan: &Plan, is_called: bool) {
        if plan.spins() {
            self.learn(is_called && now() <= plan.spins_until);
        }
    }

    /// The wait is over.
    pub(crate) fn end(&self) {
        self.end_at(now());
    }

    fn end_at(&self, now: Instant) {
        self.ended.set(Some(now));
    }

    /// Others wait for the same pump.
    pub(crate) fn has_rivals(&self) {
        self.crowded.set(CROWDED);
    }

    /// Whether to spin in this wait. If so, then for as long as may be: to fall asleep because
    /// the other side was held up costs both sides several times that.
    fn spins(&self, has_company: impl Fn() -> bool) -> bool {
        let rest = self.rest.get();
        if rest > 1 {
            self.rest.set(rest - 1);
            return false;
        }
        if rest == 1 {
            if !has_company() {
                self.rest.set(self.longest_rest);
                return false;
            }
            self.rest.set(0);
            self.trial.set(TRIAL);
        }
        true
    }

    /// How a spin ended: whether the thread was called in time.
    fn learn(&self, in_time: bool) {
        let trial = self.trial.get();
        self.trial.set(trial.saturating_sub(1));
        let streak = self.streak.get();
        if in_time {
            self.streak.set(streak.saturating_add(1));
            if trial == 1 {
                self.next_rest.set(SHORT_REST);
            }
            return;
        }
        // What is left of it after a wait that is not made up for counts for the next one. Otherwise a
        // wait that is late now and then would find the same short streak after each rest.
        self.streak
            .set(if streak < STREAK { streak / 2 } else { 0 });
        if trial <= 1 && streak < STREAK {
            let rest = self.next_rest.get();
            self.rest.set(rest);
            self.next_rest.set((rest * 2).min(self.longest_rest));
        }
    }

    /// Whether to lead in a wait that begins `now`: if no other seems to wait for
    /// the same pump, and this thread is never away for long.
    fn leads(&self, now: Instant) -> bool {
        let crowded = self.crowded.get();
        self.crowded.set(crowded.saturating_sub(1));
        let ended = self.ended.get();
        let soon = ended.is_some_and(|ended| now.saturating_duration_since(ended) < VACANCY / 2);
        self.steady.set(match soon {
            true => self.steady.get().saturating_add(1),
            false => 0,
        });
        self.steady.get() >= STEADY && crowded == 0
    }
}

/// Whether there is another processor: on the only one no thread can wake one that spins.
pub(crate) fn has_company() -> bool {
    static PROCESSORS: Once<usize> = Once::new();
    let count = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    *PROCESSORS.get_or_init(count) > 1
}

#[cfg(all(test, not(loom)))]
mod tests;
