//! The lock of a pump, and which threads take it to assist: a thread that has something for a pump
//! whose own thread sleeps.
//!
//! Waking a thread costs several microseconds, and more on another core; a turn of the pump for
//! one message costs less. So a thread that has slept or worked on something else since it last
//! gave a sleeping pump something does that turn itself. One that sends without a pause wakes the
//! pump: then both work at once, and the pump carries whole batches. So does one whose last turn
//! took long, as one with a large message does.

use std::cell::RefCell;
use std::time::Instant;

use super::tuning::{LONG_TURN, PAUSE, RELIEF};
use crate::sync::deferral::Deferral;
use crate::sync::parker::take_slept;
use crate::sync::primitives::{per_thread, Mutex, MutexGuard};

/// What is known of a thread.
struct History {
    /// Holds the lock of a pump now.
    drives: bool,
    /// When it last notified a sleeping pump, or was done with a turn for one.
    notified: Option<Instant>,
    /// Notifications left that are to wake the pump whatever else speaks for a turn.
    relieved: u32,
}

per_thread! {
    static HISTORY: RefCell<History> = RefCell::new(History::UNKNOWN);
}

/// With what is known of the current thread; `None` if that is being torn down.
fn of_thread<R>(call: impl FnOnce(&mut History) -> R) -> Option<R> {
    HISTORY.try_with(|own| call(&mut own.borrow_mut())).ok()
}

impl History {
    const UNKNOWN: History = History {
        drives: false,
        notified: None,
        relieved: 0,
    };

    /// Whether a thread that notifies a sleeping pump now has the time to assist.
    fn has_time(&mut self, now: Instant, has_slept: bool) -> bool {
        let is_recent = |notified| now.saturating_duration_since(notified) <= PAUSE;
        let streams = self.notified.replace(now).is_some_and(is_recent);
        let is_relieved = self.relieved > 0;
        self.relieved = self.relieved.saturating_sub(1);
        !self.drives && !is_relieved && (has_slept || !streams)
    }

    /// The thread has assisted since then.
    fn has_assisted(&mut self, since: Instant, now: Instant) {
        self.notified = Some(now);
        if now.saturating_duration_since(since) > LONG_TURN {
            self.relieved = RELIEF;
        }
    }
}

/// What one thread at a time drives.
pub(crate) struct PumpLock<T>(Mutex<T>);

/// The current thread drives until this is dropped. The fields are dropped in this order: the wakers of
/// tasks that were served are called without the lock, and by a thread that still counts as driving.
pub(crate) struct PumpGuard<'a, T> {
    pub(crate) pump: MutexGuard<'a, T>,
    _deferral: Deferral,
    _drive: Drive,
}

/// A time in which the current thread drives.
struct Drive {
    drove_before: bool,
}

impl<T> PumpLock<T> {
    pub(crate) fn new(pump: T) -> Self {
        PumpLock(Mutex::new(pump))
    }

    /// Waits for the thread that drives: no longer than a turn takes.
    pub(crate) fn lock(&self) -> PumpGuard<'_, T> {
        PumpGuard::new(self.0.lock())
    }

    /// `None` if a thread drives.
    pub(super) fn try_lock(&self) -> Option<PumpGuard<'_, T>> {
        self.0.try_lock().map(PumpGuard::new)
    }

    /// For a thread that notifies a sleeping pump, if it has the time to assist, holds the lock of no
    /// other pump, and none drives this one. To be called once for each notification.
    pub(crate) fn lock_to_assist(&self, now: Instant) -> Option<PumpGuard<'_, T>> {
        // A thread that is being torn down has no time to lose.
        let has_time = of_thread(|own| own.has_time(now, take_slept())) == Some(true);
        has_time.then(|| self.try_lock()).flatten()
    }
}

/// The current thread has assisted since then.
pub(super) fn has_assisted(since: Instant, now: Instant) {
    of_thread(|own| own.has_assisted(since, now));
}

impl<'a, T> PumpGuard<'a, T> {
    fn new(pump: MutexGuard<'a, T>) -> Self {
        let drove_before = of_thread(|own| std::mem::replace(&mut own.drives, true));
        PumpGuard {
            pump,
            _deferral: Deferral::begin(),
            _drive: Drive {
                drove_before: drove_before.unwrap_or(true),
            },
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        of_thread(|own| own.drives = self.drove_before);
    }
}

/// The current thread is a pump's own: it counts as one that drives at all times.
pub(crate) fn begin_pump_thread() {
    of_thread(|own| own.drives = true);
}

/// Whether the current thread drives any pump: then it must wait for none.
pub(crate) fn is_driving() -> bool {
    of_thread(|own| own.drives).unwrap_or(false)
}

#[cfg(all(test, not(loom)))]
mod tests;
