//! How a thread spends its waits: whether it spins before it sleeps, and whether it would rather
//! [lead](super) itself than wait for the pump's thread.
//!
//! Spinning is of use where the thread that is waited for is awake on another processor and done
//! within microseconds: then both are spared sleeping and waking, which take several times as
//! long. Only trying tells. So every now and then a thread spins for some waits in a row, and
//! goes on with it while it is woken in time. The more trials fail, the rarer they become.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::demand::VACANCY;
use crate::clock::later;
use crate::sync::primitives::{now, per_thread, Once};

/// Pauses of the processor between two looks.
const PAUSES: u32 = 16;

/// Waits of one trial: as many as two threads that answer each other need to find out together.
const TRIAL: u32 = 8;

/// Waits before the first trial, and between trials that pay off.
const SHORT_REST: u32 = 16;

/// Waits between trials that have all failed.
const LONG_REST: u32 = 4096;

/// The same for tasks, which lose more where it is not seen for long that trying is worth it again:
/// there are always two wake-ups more.
const TASKS_LONG_REST: u32 = 512;

/// This many waits in time in a row make up for one that was not: the thread that woke it late was held
/// up once, and resting would make many waits long for it.
const STREAK: u32 = 32;

/// Waits in which a thread leaves polling to the pump's thread, after it turned out that others wait
/// for the same pump.
const CROWDED: u32 = 4096;

/// Waits in a row that came soon after the one before, until a thread would rather lead.
const STEADY: u32 = 4;

/// What is known of the waits of a thread, or of the tasks that use one end of a channel.
#[derive(Debug)]
pub(crate) struct Estimator {
    /// Waits until the next trial, that one included; 0 while spinning.
    rest: Cell<u32>,
    /// The rest after that trial, if it fails.
    next_rest: Cell<u32>,
    /// Waits left of a trial.
    trial: Cell<u32>,
    /// Waits in time since one was not.
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
    fn new(spins: bool, leads: bool, limit: Duration) -> Self {
        let start = now();
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
    plan.unwrap_or_else(|_| Plan::new(false, false, limit))
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
    ESTIMATOR.with(|estimator| {
        estimator.end();
        estimator.steady.set(STEADY);
    });
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

    /// The next wait, in which there may be spinning for up to `limit`.
    pub(crate) fn begin(&self, limit: Duration) -> Plan {
        let mut plan = Plan::new(self.spins(has_company), false, limit);
        plan.leads = self.leads(plan.start);
        plan
    }

    /// That wait is over, or there is no spinning any more: who waited was called or not.
    pub(crate) fn learn_from(&self, plan: &Plan, is_called: bool) {
        if plan.spins() {
            self.learn(is_called && now() <= plan.spins_until);
        }
    }

    /// The wait is over.
    pub(crate) fn end(&self) {
        self.ended.set(Some(now()));
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
        self.streak.set(0);
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
mod tests {
    use super::*;

    /// That many waits, in each of which the thread is called in time if it spins; how many times
    /// it did.
    fn waits(estimator: &Estimator, count: u32, in_time: bool) -> u32 {
        let mut spun = 0;
        for _ in 0..count {
            if estimator.spins(|| true) {
                estimator.learn(in_time);
                spun += 1;
            }
        }
        spun
    }

    #[test]
    fn what_pays_off_is_kept_up() {
        let estimator = Estimator::new();
        assert_eq!(waits(&estimator, SHORT_REST - 1, true), 0);
        assert_eq!(waits(&estimator, 10_000, true), 10_000);
    }

    #[test]
    fn what_is_in_vain_is_tried_the_less_often() {
        let estimator = Estimator::new();
        let spun = waits(&estimator, 100_000, false);
        assert!((TRIAL * 8..TRIAL * 40).contains(&spun), "{spun}");
        let later = waits(&estimator, LONG_REST * 10, false);
        assert!((TRIAL * 9..TRIAL * 11).contains(&later), "{later}");
    }

    #[test]
    fn one_wait_in_vain_is_forgiven_after_many_in_time() {
        let estimator = Estimator::new();
        waits(&estimator, SHORT_REST - 1 + STREAK, true);
        assert_eq!(waits(&estimator, 1, false), 1);
        assert_eq!(waits(&estimator, STREAK, true), STREAK);
        assert_eq!(waits(&estimator, 1, false), 1);
        assert_eq!(waits(&estimator, STREAK, true), STREAK);
    }

    #[test]
    fn two_waits_in_vain_end_it_for_a_while() {
        let estimator = Estimator::new();
        waits(&estimator, 100, true);
        assert_eq!(waits(&estimator, 1, false), 1);
        assert_eq!(waits(&estimator, STREAK - 1, true), STREAK - 1);
        assert_eq!(waits(&estimator, 1, false), 1);
        assert_eq!(waits(&estimator, SHORT_REST - 1, true), 0);
        assert_eq!(waits(&estimator, 100, true), 100);
    }

    #[test]
    fn no_thread_spins_on_the_only_processor() {
        let estimator = Estimator::new();
        assert!((0..10_000).all(|_| !estimator.spins(|| false)));
    }

    #[test]
    fn an_expectation_lasts_while_more_arrives() {
        const LONG: Duration = Duration::from_secs(60);
        let mut expectation = Expectation::default();
        let mut arrived = 0;
        // The first waits are no trial; on a single processor none is.
        while !expectation.lasts(LONG, arrived, true) {
            arrived += 1;
            if arrived > u64::from(LONG_REST) * 2 {
                assert!(!has_company());
                return;
            }
        }
        assert!(
            expectation.lasts(LONG, arrived, true),
            "nothing has arrived, but soon"
        );
        assert!(expectation.lasts(LONG, arrived + 1, true));
        assert!(
            !expectation.lasts(LONG, arrived + 2, false),
            "it was the last"
        );
        assert!(
            !expectation.lasts(LONG, arrived + 2, true),
            "nothing has arrived since"
        );
        assert!(!expectation.lasts(Duration::ZERO, arrived + 3, true));
        assert!(expectation.lasts(LONG, arrived + 4, true));
    }

    #[test]
    fn what_is_expected_in_vain_is_expected_less_and_less() {
        let mut expectation = Expectation::default();
        let mut vain = 0;
        for arrived in 1..=u64::from(LONG_REST) {
            // So short that it is over at the next look.
            while expectation.lasts(Duration::from_nanos(1), arrived, true) {}
            vain += u32::from(ESTIMATOR.with(|estimator| estimator.rest.get() == 0));
        }
        assert!(vain < LONG_REST / 16, "{vain}");
    }

    #[test]
    fn a_thread_that_comes_back_soon_each_time_leads() {
        let estimator = Estimator::new();
        let mut now = Instant::now();
        let mut waits = |away: Duration, count: u32| -> u32 {
            (0..count).fold(0, |looks, _| {
                now += away;
                let looks = looks + u32::from(estimator.leads(now));
                estimator.ended.set(Some(now));
                looks
            })
        };
        let (soon, late) = (VACANCY / 4, VACANCY);
        assert_eq!(waits(soon, STEADY), 0);
        assert_eq!(waits(soon, 1000), 1000);
        assert_eq!(waits(late, 1000), 0);
        assert_eq!(waits(soon, STEADY + 10), 11);
        estimator.crowded.set(CROWDED);
        assert_eq!(waits(soon, CROWDED + 1), 1);
    }
}
