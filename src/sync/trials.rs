//! Whether to try what pays off at some times and not at others, and costs something when it does not.
//!
//! Only trying tells. So every now and then there is a trial of some attempts in a row, and if it pays off to
//! the end, it goes on. The more trials fail, the rarer they become.

/// How often to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Attempts of one trial.
    pub(crate) trial: u32,
    /// Occasions before the first trial, and between trials that pay off.
    pub(crate) short_rest: u32,
    /// The most occasions between trials, when all fail.
    pub(crate) long_rest: u32,
    /// This many attempts in a row that pay off make up for one that does not.
    pub(crate) streak: u32,
}

/// What is known of the attempts so far.
#[derive(Debug)]
pub(crate) struct Trials {
    rates: Rates,
    /// Occasions until the next trial, that one included; 0 while it goes on.
    rest: u32,
    /// The rest after that trial, if it fails.
    next_rest: u32,
    /// Attempts left of a trial.
    trial: u32,
    /// Attempts that paid off since one was not made up for, and half of those before that.
    streak: u32,
}

impl Trials {
    pub(crate) const fn new(rates: Rates) -> Self {
        Trials {
            rates,
            rest: rates.short_rest,
            next_rest: rates.short_rest,
            trial: 0,
            streak: 0,
        }
    }

    /// An occasion: whether to try. What came of it is to be [learned](Self::learn). Where it cannot pay
    /// off, that trial is as good as failed.
    pub(crate) fn tries(&mut self, can_pay: bool) -> bool {
        if self.rest == 1 {
            if !can_pay {
                self.rest = self.rates.long_rest;
                return false;
            }
            self.trial = self.rates.trial;
        }
        self.rest = self.rest.saturating_sub(1);
        self.rest == 0
    }

    /// Whether an attempt paid off.
    pub(crate) fn learn(&mut self, paid_off: bool) {
        let (trial, streak) = (self.trial, self.streak);
        self.trial = trial.saturating_sub(1);
        if paid_off {
            self.streak = streak.saturating_add(1);
            if trial == 1 {
                self.next_rest = self.rates.short_rest;
            }
            return;
        }
        let is_made_up_for = streak >= self.rates.streak;
        // What is left of a streak that was too short counts for the next time. Otherwise what fails now
        // and then would find the same short streak after each rest.
        self.streak = if is_made_up_for { 0 } else { streak / 2 };
        if trial <= 1 && !is_made_up_for {
            self.rest = self.next_rest;
            self.next_rest = (self.rest * 2).min(self.rates.long_rest);
        }
    }

    /// Whether it goes on for now.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn is_on(&self) -> bool {
        self.rest == 0
    }

    /// As if it had paid off so far.
    #[cfg(all(test, loom))]
    pub(crate) fn assume_on(&mut self) {
        self.rest = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        trial: 8,
        short_rest: 16,
        long_rest: 4096,
        streak: 32,
    };

    /// That many occasions, at each of which it pays off to try; how many times it was tried.
    fn occasions(trials: &mut Trials, count: u32, pays_off: bool) -> u32 {
        let mut tried = 0;
        for _ in 0..count {
            if trials.tries(true) {
                trials.learn(pays_off);
                tried += 1;
            }
        }
        tried
    }

    #[test]
    fn attempts_that_pay_off_continue() {
        let mut trials = Trials::new(RATES);
        assert_eq!(occasions(&mut trials, RATES.short_rest - 1, true), 0);
        assert_eq!(occasions(&mut trials, 10_000, true), 10_000);
    }

    #[test]
    fn attempts_that_never_pay_off_become_rarer() {
        let mut trials = Trials::new(RATES);
        let tried = occasions(&mut trials, 100_000, false);
        assert!(
            (RATES.trial * 8..RATES.trial * 40).contains(&tried),
            "{tried}"
        );
        let later = occasions(&mut trials, RATES.long_rest * 10, false);
        assert!(
            (RATES.trial * 9..RATES.trial * 11).contains(&later),
            "{later}"
        );
    }

    #[test]
    fn one_failure_is_made_up_for_by_many_that_paid_off() {
        let mut trials = Trials::new(RATES);
        occasions(&mut trials, RATES.short_rest - 1 + RATES.streak, true);
        for _ in 0..2 {
            assert_eq!(occasions(&mut trials, 1, false), 1);
            assert_eq!(occasions(&mut trials, RATES.streak, true), RATES.streak);
        }
    }

    #[test]
    fn two_failures_in_short_order_pause_the_attempts() {
        let mut trials = Trials::new(RATES);
        occasions(&mut trials, 100, true);
        assert_eq!(occasions(&mut trials, 1, false), 1);
        let fewer = RATES.streak - 1;
        assert_eq!(occasions(&mut trials, fewer, true), fewer);
        assert_eq!(occasions(&mut trials, 1, false), 1);
        assert_eq!(occasions(&mut trials, RATES.short_rest - 1, true), 0);
        assert_eq!(occasions(&mut trials, 100, true), 100);
    }

    /// At whatever distance attempts fail, that decides whether it is worth it, and not at which of them
    /// the first trial began.
    #[test]
    fn failures_are_made_up_for_whenever_they_are_further_apart_than_a_streak() {
        for period in RATES.streak + 1..100 {
            let mut trials = Trials::new(RATES);
            let mut tried = 0;
            for occasion in 0..5_000 {
                if trials.tries(true) {
                    trials.learn(occasion % period != period - 1);
                    tried += 1;
                }
            }
            assert!(
                tried > 4_850,
                "one of {period} fails: tried {tried} times of 5000"
            );
        }
    }

    #[test]
    fn attempts_that_cannot_pay_off_are_not_made() {
        let mut trials = Trials::new(RATES);
        assert!((0..10_000).all(|_| !trials.tries(false)));
    }
}
