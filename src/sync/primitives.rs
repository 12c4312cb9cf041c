//! The primitives of this floor, from the standard library or, for model checking, from loom.
//!
//! Locks here guard plain data that is consistent after every statement, so a lock poisoned by a
//! panic elsewhere is still valid and remains usable.

use std::ops::Deref;

#[cfg(loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicU8, Ordering},
    sync::MutexGuard,
    thread::{current, Thread},
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU8, Ordering},
    sync::MutexGuard,
    thread::{current, Thread},
};

#[cfg(loom)]
pub(crate) use model_clock::{now, sleep};
#[cfg(not(loom))]
pub(crate) use system_clock::{now, sleep};

/// For values that the whole process has one of, which are never part of a model.
pub(crate) use std::sync::OnceLock as Once;

use std::sync::TryLockError;

#[cfg(loom)]
use loom::sync as primitives;
#[cfg(not(loom))]
use std::sync as primitives;

/// A lock that cannot be poisoned.
#[derive(Debug)]
pub(crate) struct Mutex<T>(primitives::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(primitives::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// `None` if it is held.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

#[cfg(not(loom))]
mod system_clock {
    use std::thread;
    use std::time::Instant;

    /// The current instant.
    #[inline]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Parks the current thread until the deadline at most. Returns whether it may sleep again: the
    /// deadline has not passed.
    pub(crate) fn sleep(deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else {
            thread::park();
            return true;
        };
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return false;
        }
        thread::park_timeout(left);
        true
    }
}

/// Loom has no clock. In a model time stands still, so timeouts do not happen, unless the model
/// advances it, or lets it run from some point on.
#[cfg(loom)]
pub(crate) mod model_clock {
    use std::sync::OnceLock;
    use std::time::{Duration, Instant};

    use loom::thread::{self, Thread};

    use super::Mutex;

    #[derive(Default)]
    struct Clock {
        /// Since the model began.
        elapsed: Duration,
        /// The sleeping threads, and the end of each sleep.
        sleepers: Vec<(Duration, Thread)>,
        runs: bool,
    }

    loom::lazy_static! {
        static ref CLOCK: Mutex<Clock> = Mutex::default();
    }

    /// Any instant works, as long as it is the same in all interleavings.
    fn beginning() -> Instant {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        *BEGINNING.get_or_init(Instant::now)
    }

    pub(crate) fn now() -> Instant {
        beginning() + CLOCK.lock().elapsed
    }

    /// Like the system's. While the clock runs, a sleep with a deadline ends there: other threads
    /// that the scheduler runs before run in the meantime.
    pub(crate) fn sleep(deadline: Option<Instant>) -> bool {
        if let Some(deadline) = deadline {
            let until = deadline.saturating_duration_since(beginning());
            let mut clock = CLOCK.lock();
            if clock.runs && until > clock.elapsed {
                drop(clock);
                thread::yield_now();
                clock = CLOCK.lock();
                clock.elapsed = clock.elapsed.max(until);
            }
            if until <= clock.elapsed {
                return false;
            }
            clock.sleepers.push((until, thread::current()));
        }
        thread::park();
        true
    }

    /// Advances the time.
    pub(crate) fn advance(time: Duration) {
        let mut clock = CLOCK.lock();
        clock.elapsed += time;
        let elapsed = clock.elapsed;
        clock.sleepers.retain(|(until, sleeper)| {
            let sleeps_on = *until > elapsed;
            if !sleeps_on {
                sleeper.unpark();
            }
            sleeps_on
        });
    }

    /// Lets time pass from now on.
    pub(crate) fn run() {
        let mut clock = CLOCK.lock();
        clock.runs = true;
        for (_, sleeper) in clock.sleepers.drain(..) {
            sleeper.unpark();
        }
    }
}

/// Whether there is another processor than the one this thread runs on.
pub(crate) fn has_company() -> bool {
    static PROCESSORS: Once<usize> = Once::new();
    let count = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    *PROCESSORS.get_or_init(count) > 1
}

/// A thread-local value with a constant initialiser.
macro_rules! per_thread {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(loom))]
        std::thread_local! {
            $(#[$attribute])*
            static $name: $type = const { $value };
        }
        #[cfg(loom)]
        loom::thread_local! {
            $(#[$attribute])*
            static $name: $type = $value;
        }
    };
}
pub(crate) use per_thread;

/// Keeps a value on separate cache lines: two, because processors fetch them in pairs.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
