//! Whether a thread that waits spins before it sleeps.
//!
//! Spinning is of use where whoever the thread waits for is awake on another processor and done
//! within microseconds: then both are spared sleeping and waking, which take several times as
//! long. Only trying tells. So every now and then a thread spins for some waits in a row, and
//! goes on with it while it is called in time. What was tried in vain is tried the less often.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::sync::Once;

/// Pauses of the processor between two looks.
const PAUSES: u32 = 16;

/// Waits of one trial: as many as two threads that answer each other need to find out together.
const TRIAL: u32 = 8;

/// Waits before the first trial, and between trials that are not in vain.
const SHORT_REST: u32 = 16;

/// Waits between trials that have all been in vain.
const LONG_REST: u32 = 4096;

/// So many waits in time in a row make up for one that was not: whoever called late was held up
/// once, and resting would make many waits long for it.
const STREAK: u32 = 32;

/// What a thread knows of its waits.
struct Habit {
    /// Waits until the next trial, that one included; 0 while spinning.
    rest: Cell<u32>,
    /// The rest after that trial, if it is in vain.
    next_rest: Cell<u32>,
    /// Waits left of a trial.
    trial: Cell<u32>,
    /// Waits in time since one was not.
    streak: Cell<u32>,
    /// How long spinning takes until the thread is called: a running mean, in nanoseconds.
    usual: Cell<u64>,
}

thread_local! {
    static HABIT: Habit = const { Habit::new() };
}

/// Spins until `called`, for `limit` and until the deadline at most, if that is of use to the
/// current thread. Answers whether it was called.
pub(super) fn spin(limit: Duration, deadline: Option<Instant>, called: impl Fn() -> bool) -> bool {
    if limit.is_zero() || cfg!(loom) {
        return false;
    }
    let patience = HABIT.try_with(|habit| habit.patience(limit, has_company));
    let Ok(Some(patience)) = patience else {
        return false;
    };
    let start = Instant::now();
    let until = deadline.map_or(start + patience, |deadline| deadline.min(start + patience));
    loop {
        for _ in 0..PAUSES {
            std::hint::spin_loop();
        }
        let is_called = called();
        let now = Instant::now();
        if is_called || now >= until {
            let took = is_called.then(|| now.saturating_duration_since(start));
            let _ = HABIT.try_with(|habit| habit.learn(took));
            return is_called;
        }
    }
}

impl Habit {
    const fn new() -> Self {
        Habit {
            rest: Cell::new(SHORT_REST),
            next_rest: Cell::new(SHORT_REST),
            trial: Cell::new(0),
            streak: Cell::new(0),
            usual: Cell::new(0),
        }
    }

    /// How long to spin in this wait, if at all.
    fn patience(&self, limit: Duration, has_company: impl Fn() -> bool) -> Option<Duration> {
        let rest = self.rest.get();
        if rest > 1 {
            self.rest.set(rest - 1);
            return None;
        }
        if rest == 1 {
            if !has_company() {
                self.rest.set(LONG_REST);
                return None;
            }
            self.rest.set(0);
            self.trial.set(TRIAL);
        }
        if self.trial.get() > 0 {
            return Some(limit);
        }
        // Several times what it usually takes: who is much later is asleep.
        let patience = Duration::from_nanos(self.usual.get().saturating_mul(4));
        Some(patience.clamp(limit / 8, limit))
    }

    /// How a spin ended: how long it took until the thread was called, if it was.
    fn learn(&self, took: Option<Duration>) {
        let trial = self.trial.get();
        self.trial.set(trial.saturating_sub(1));
        let streak = self.streak.get();
        self.streak.set(match took {
            Some(_) => streak.saturating_add(1),
            None => 0,
        });
        match took {
            Some(took) => {
                let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                let usual = self.usual.get();
                self.usual.set(usual - usual / 4 + took / 4);
                if trial == 1 {
                    self.next_rest.set(SHORT_REST);
                }
            }
            None if trial > 1 || streak >= STREAK => {}
            None => {
                let rest = self.next_rest.get();
                self.rest.set(rest);
                self.next_rest.set((rest * 2).min(LONG_REST));
            }
        }
    }
}

/// Whether there is another processor: on the only one nobody can call a thread that spins.
fn has_company() -> bool {
    static PROCESSORS: Once<usize> = Once::new();
    let count = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    *PROCESSORS.get_or_init(count) > 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_micros(50);
    const SOON: Option<Duration> = Some(Duration::from_micros(2));

    /// So many waits, each of which ends like this if the thread spins; how many times it did.
    fn waits(habit: &Habit, count: u32, took: Option<Duration>) -> u32 {
        let mut spun = 0;
        for _ in 0..count {
            if habit.patience(LIMIT, || true).is_some() {
                habit.learn(took);
                spun += 1;
            }
        }
        spun
    }

    #[test]
    fn what_pays_off_is_kept_up() {
        let habit = Habit::new();
        assert_eq!(waits(&habit, SHORT_REST - 1, SOON), 0);
        assert_eq!(waits(&habit, 10_000, SOON), 10_000);
        let patience = habit.patience(LIMIT, || true);
        assert_eq!(patience, SOON.map(|usual| usual * 4));
    }

    #[test]
    fn what_is_in_vain_is_tried_the_less_often() {
        let habit = Habit::new();
        let spun = waits(&habit, 100_000, None);
        assert!((TRIAL * 8..TRIAL * 40).contains(&spun), "{spun}");
        let later = waits(&habit, LONG_REST * 10, None);
        assert!((TRIAL * 9..TRIAL * 11).contains(&later), "{later}");
    }

    #[test]
    fn one_wait_in_vain_is_forgiven_after_many_in_time() {
        let habit = Habit::new();
        waits(&habit, SHORT_REST - 1 + STREAK, SOON);
        assert_eq!(waits(&habit, 1, None), 1);
        assert_eq!(waits(&habit, STREAK, SOON), STREAK);
        assert_eq!(waits(&habit, 1, None), 1);
        assert_eq!(waits(&habit, STREAK, SOON), STREAK);
    }

    #[test]
    fn two_waits_in_vain_end_it_for_a_while() {
        let habit = Habit::new();
        waits(&habit, 100, SOON);
        assert_eq!(waits(&habit, 1, None), 1);
        assert_eq!(waits(&habit, STREAK - 1, SOON), STREAK - 1);
        assert_eq!(waits(&habit, 1, None), 1);
        assert_eq!(waits(&habit, SHORT_REST - 1, SOON), 0);
        assert_eq!(waits(&habit, 100, SOON), 100);
    }

    #[test]
    fn nobody_spins_on_the_only_processor() {
        let habit = Habit::new();
        for _ in 0..10_000 {
            assert_eq!(habit.patience(LIMIT, || false), None);
        }
    }

    #[test]
    fn a_spin_ends_with_the_call_and_at_the_deadline() {
        std::thread::spawn(|| {
            let spins = |called: bool| spin(LIMIT, Some(Instant::now()), move || called);
            let ends: Vec<bool> = (0..SHORT_REST + TRIAL).map(|_| spins(true)).collect();
            let spun = ends.iter().filter(|&&called| called).count();
            if has_company() {
                assert_eq!(spun as u32, TRIAL + 1);
            }
            assert!(!spins(false));
            assert!(!spin(Duration::ZERO, None, || true));
        })
        .join()
        .unwrap();
    }
}
