//! How waits are spent: whether a waiter spins before it sleeps, and whether it would rather
//! [lead](super) itself than wait for the pump's thread.
//!
//! Spinning is of use where the thread that is waited for is awake on another processor and done within
//! microseconds: then both are spared sleeping and waking, which take several times as long. Only
//! [trying](Trials) tells: it pays off if the waiter is woken in time.

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
    /// Waits left, each soon after the one before, in which polling is left to the pump's thread.
    pub(super) not_leading: u32,
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
    /// Until when it spins, unless it is woken sooner; `None` if it does not spin.
    pub(super) spins_until: Option<Instant>,
    /// Whether it would rather lead.
    pub(super) leads: bool,
}

impl Estimator {
    /// Nothing is known yet.
    pub(super) const fn new(rates: Rates) -> Self {
        Estimator {
            trials: Trials::new(rates),
            ended: None,
            not_leading: STEADY,
        }
    }

    /// A wait begins `now`. If it spins then for as long as may be, up to `limit`: to fall asleep because
    /// the other side was held up costs both sides several times that. On the only processor no thread can
    /// wake one that spins, so it needs company.
    pub(super) fn begin(&mut self, now: Instant, limit: Duration, has_company: bool) -> Plan {
        let tries = self.trials.tries(has_company);
        Plan {
            spins_until: later(now, limit).filter(|until| tries && *until > now),
            leads: self.leads(now),
        }
    }

    /// The wait is over, or there is no spinning any more: the waiter was woken or not.
    pub(super) fn learn(&mut self, plan: &Plan, is_woken: bool) {
        if let Some(until) = plan.spins_until {
            self.trials.learn(is_woken && now() <= until);
        }
    }

    /// The wait is over.
    pub(super) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// Others wait for the same pump.
    pub(super) fn has_rivals(&mut self) {
        self.not_leading = CROWDED;
    }

    /// Whether to lead in a wait that begins `now`: if no other seems to wait for the same pump, and this
    /// waiter is never away for long.
    fn leads(&mut self, now: Instant) -> bool {
        let is_recent = |ended| now.saturating_duration_since(ended) < VACANCY / 2;
        self.not_leading = match self.ended.is_some_and(is_recent) {
            true => self.not_leading.saturating_sub(1),
            false => self.not_leading.max(STEADY),
        };
        self.not_leading == 0
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
        let until = self.plan.and_then(|plan| plan.spins_until);
        let lasts = until.is_some_and(|until| now() < until);
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
