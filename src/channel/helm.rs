//! Who steers a pump: its own thread or, while that one sleeps, a thread of the user's that has
//! something for it.
//!
//! Waking a thread costs several microseconds, and more on another core; a turn of the pump for
//! one message costs less. So a thread that has slept or worked on something else since it last
//! gave a sleeping pump something does that turn itself. One that sends without a pause wakes the
//! pump: then both work at once, and the pump carries whole batches. So does one whose last turn
//! took long, as one with a large message does.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use super::sync::{now, per_thread, Mutex, MutexGuard};

/// A thread that has given a sleeping pump nothing for so long is not streaming: about what it
/// costs to wake the pump's thread on another core.
const PAUSE: Duration = Duration::from_micros(20);

/// A turn that takes longer than this is better done by the pump's thread, beside the sender's.
const LONG_TURN: Duration = Duration::from_micros(100);

/// Calls after a long turn in which a thread does no turn.
const RELIEF: u32 = 64;

per_thread! {
    static HAND: Hand = Hand {
        steers: Cell::new(false),
        rested: Cell::new(true),
        called: Cell::new(None),
        relieved: Cell::new(0),
    };
}

/// What is known of the current thread.
struct Hand {
    /// Is at some helm now.
    steers: Cell<bool>,
    /// Has slept since it last called a sleeping pump.
    rested: Cell<bool>,
    /// When it last called a sleeping pump, or was done with a turn for one.
    called: Cell<Option<Instant>>,
    /// Calls that are to wake the pump whatever else speaks for a turn.
    relieved: Cell<u32>,
}

/// What one thread at a time steers.
pub(crate) struct Helm<T>(Mutex<T>);

/// The current thread steers, until this is dropped.
pub(crate) struct Steering<'a, T> {
    steered: MutexGuard<'a, T>,
    steered_before: bool,
    /// Since when somebody else's pump is steered.
    lent: Option<Instant>,
}

impl<T> Helm<T> {
    pub(crate) fn new(steered: T) -> Self {
        Helm(Mutex::new(steered))
    }

    /// Waits for whoever steers: no longer than a turn takes.
    pub(crate) fn take(&self) -> Steering<'_, T> {
        Steering::begin(self.0.lock(), None)
    }

    /// The helm, if no thread steers.
    pub(crate) fn try_take(&self) -> Option<Steering<'_, T>> {
        Some(Steering::begin(self.0.try_lock()?, None))
    }

    /// The helm for a thread that may lend a hand: if nobody else steers, and this thread neither
    /// steers another pump nor is in a hurry. To be asked once for each call of a sleeping pump.
    pub(crate) fn lend_a_hand(&self, now: Instant) -> Option<Steering<'_, T>> {
        let at_leisure = HAND.try_with(|hand| {
            let called = hand.called.replace(Some(now));
            let paused = called.is_none_or(|called| now.saturating_duration_since(called) > PAUSE);
            let rested = hand.rested.replace(false);
            let relieved = hand.relieved.get();
            hand.relieved.set(relieved.saturating_sub(1));
            !hand.steers.get() && relieved == 0 && (rested || paused)
        });
        // A thread that is being torn down has no time to lose.
        if !at_leisure.unwrap_or(false) {
            return None;
        }
        let steered = self.0.try_lock()?;
        Some(Steering::begin(steered, Some(now)))
    }
}

impl<'a, T> Steering<'a, T> {
    fn begin(steered: MutexGuard<'a, T>, lent: Option<Instant>) -> Self {
        let before = HAND.try_with(|hand| hand.steers.replace(true));
        Steering {
            steered,
            steered_before: before.unwrap_or(true),
            lent,
        }
    }
}

impl<T> Drop for Steering<'_, T> {
    fn drop(&mut self) {
        let _ = HAND.try_with(|hand| {
            hand.steers.set(self.steered_before);
            if let Some(lent) = self.lent {
                let now = now();
                hand.called.set(Some(now));
                if now.saturating_duration_since(lent) > LONG_TURN {
                    hand.relieved.set(RELIEF);
                }
            }
        });
    }
}

impl<T> Deref for Steering<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.steered
    }
}

impl<T> DerefMut for Steering<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.steered
    }
}

/// The current thread is a pump's own: it counts as one that steers at all times.
pub(crate) fn go_aboard() {
    let _ = HAND.try_with(|hand| hand.steers.set(true));
}

/// Whether the current thread steers any pump: then it must wait for none.
pub(crate) fn is_steering() -> bool {
    HAND.try_with(|hand| hand.steers.get()).unwrap_or(false)
}

/// The current thread sleeps, or has slept.
pub(super) fn rest() {
    let _ = HAND.try_with(|hand| hand.rested.set(true));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    /// In a thread of its own, of which nothing is known yet.
    fn afresh(test: impl FnOnce() + Send + 'static) {
        assert!(thread::spawn(test).join().is_ok());
    }

    #[test]
    fn who_streams_wakes_the_pump() {
        afresh(|| {
            let helm = Helm::new(());
            let now = Instant::now();
            assert!(helm.lend_a_hand(now).is_some());
            assert!(helm.lend_a_hand(now + PAUSE / 2).is_none());
            assert!(helm.lend_a_hand(now + PAUSE).is_none());
        });
    }

    #[test]
    fn who_slept_or_paused_lends_a_hand() {
        afresh(|| {
            let helm = Helm::new(());
            let now = Instant::now();
            assert!(helm.lend_a_hand(now).is_some());
            rest();
            assert!(helm.lend_a_hand(now).is_some());
            assert!(helm.lend_a_hand(now).is_none());
            assert!(helm.lend_a_hand(now + PAUSE * 2).is_some());
        });
    }

    #[test]
    fn who_has_had_a_long_turn_is_relieved() {
        afresh(|| {
            let helm = Helm::new(());
            let steering = helm.lend_a_hand(Instant::now());
            assert!(steering.is_some());
            let start = Instant::now();
            while start.elapsed() <= LONG_TURN {
                std::hint::spin_loop();
            }
            drop(steering);
            for _ in 0..RELIEF {
                rest();
                assert!(helm.lend_a_hand(Instant::now()).is_none());
            }
            rest();
            assert!(helm.lend_a_hand(Instant::now()).is_some());
        });
    }

    #[test]
    fn one_steers_at_a_time_and_nobody_steers_two() {
        afresh(|| {
            let (helm, other) = (Helm::new(1), Helm::new(2));
            assert!(!is_steering());
            let mut steering = helm.take();
            *steering += 1;
            assert!(is_steering());
            rest();
            assert!(other.lend_a_hand(Instant::now()).is_none());
            drop(steering);
            assert!(!is_steering());
            rest();
            let held = other.0.lock();
            assert!(other.lend_a_hand(Instant::now()).is_none());
            drop(held);
            rest();
            assert_eq!(other.lend_a_hand(Instant::now()).as_deref(), Some(&2));
            assert_eq!(*helm.take(), 2);
        });
    }
}
