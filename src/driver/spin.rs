//! How waits are spent: whether a waiter spins before it sleeps, and whether it would rather
//! [lead](super) itself than wait for the pump's thread.
//!
//! Spinning is of use where the thread that is waited for is awake on another processor and done
//! within microseconds: then both are spared sleeping and waking, which take several times as
//! long. Only [trying](Trials) tells: it pays off if the waiter is woken in time.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::tuning::{CROWDED, STEADY, THREADS, VACANCY};
use crate::clock::later;
use crate::sync::primitives::{has_company, now, per_thread};
use crate::sync::trials::{Rates, Trials};

/// What is known of the waits of a thread, or of the tasks that use one end of a channel.
#[derive(Debug)]
pub(crate) struct Estimator {
    /// Of spinning.
    pub(super) trials: Trials,
    /// When the last wait ended.
    ended: Option<Instant>,
    /// Waits in a row that came soon after the one before.
    pub(super) steady: u32,
    /// Waits left in which polling is left to the pump's thread.
    crowded: u32,
}

per_thread! {
    static ESTIMATOR: RefCell<Estimator> = RefCell::new(Estimator::new(THREADS));
}

/// With what is known of the current thread; `None` if that is being torn down.
pub(super) fn of_thread<R>(call: impl FnOnce(&mut Estimator) -> R) -> Option<R> {
    ESTIMATOR.try_with(|own| call(&mut own.borrow_mut())).ok()
}

/// How a wait is spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(super) spins: bool,
    /// Until when, unless it is woken sooner; its beginning, if it does not spin.
    pub(super) spins_until: Instant,
    /// Whether it would rather lead.
    pub(super) leads: bool,
}

impl Estimator {
    /// Nothing is known yet.
    pub(super) const fn new(rates: Rates) -> Self {
        Estimator {
            trials: Trials::new(rates),
            ended: None,
            steady: 0,
            crowded: 0,
        }
    }

    /// A wait begins `now`. If it spins then for as long as may be, up to `limit`: to fall asleep because
    /// the other side was held up costs both sides several times that. On the only processor no thread can
    /// wake one that spins, so it needs company.
    pub(super) fn begin(&mut self, now: Instant, limit: Duration, has_company: bool) -> Plan {
        let spins_until = match self.trials.tries(has_company) {
            true => later(now, limit).unwrap_or(now),
            false => now,
        };
        let spins = spins_until > now;
        let leads = self.leads(now);
        Plan {
            spins,
            spins_until,
            leads,
        }
    }

    /// The wait is over, or there is no spinning any more: the waiter was woken or not.
    pub(super) fn learn(&mut self, plan: &Plan, is_woken: bool) {
        if plan.spins {
            self.trials.learn(is_woken && now() <= plan.spins_until);
        }
    }

    /// The wait is over.
    pub(super) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Others wait for the same pump.
    pub(super) fn has_rivals(&mut self) {
        self.crowded = CROWDED;
    }

    /// Whether to lead in a wait that begins `now`: if no other seems to wait for
    /// the same pump, and this waiter is never away for long.
    fn leads(&mut self, now: Instant) -> bool {
        let is_crowded = self.crowded > 0;
        self.crowded = self.crowded.saturating_sub(1);
        let is_recent = |ended| now.saturating_duration_since(ended) < VACANCY / 2;
        self.steady = match self.ended.is_some_and(is_recent) {
            true => self.steady.saturating_add(1),
            false => 0,
        };
        self.steady >= STEADY && !is_crowded
    }
}

/// A pump's thread that spins instead of falling asleep while more is expected to arrive.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    plan: Option<Plan>,
    /// What had arrived when it began.
    seen: u64,
}

impl Expectation {
    /// Whether to look again at once, for up to `limit` since anything has arrived; `arrived`
    /// counts that, and `more` says that more is expected.
    pub(super) fn lasts(&mut self, limit: Duration, arrived: u64, more: bool) -> bool {
        if arrived != self.seen {
            self.seen = arrived;
            self.ends(true);
            if more && !limit.is_zero() {
                self.plan = of_thread(|own| own.begin(now(), limit, has_company()));
            }
        }
        let lasts = self.plan.is_some_and(|plan| now() < plan.spins_until);
        if !lasts {
            self.ends(false);
        }
        lasts
    }

    fn ends(&mut self, is_woken: bool) {
        if let Some(plan) = self.plan.take() {
            of_thread(|own| own.learn(&plan, is_woken));
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
