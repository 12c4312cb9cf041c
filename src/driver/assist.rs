//! Which threads assist: do a turn for a pump whose own thread sleeps, and that they have something for.
//!
//! Waking a thread costs several microseconds, and more on another core; a turn of the pump for
//! one message costs less. So a thread that has slept or worked on something else since it last
//! gave a sleeping pump something does that turn itself. One that sends without a pause wakes the
//! pump: then both work at once, and the pump carries whole batches. So does one whose last turn
//! took long, as one with a large message does.

use std::cell::RefCell;
use std::time::Instant;

use super::tuning::{LONG_TURN, PAUSE, RELIEF};
use crate::sync::parker::take_slept;
use crate::sync::primitives::per_thread;

/// What is known of a thread.
struct History {
    /// When it last notified a sleeping pump, or was done with a turn for one.
    notified: Option<Instant>,
    /// Notifications left that are to wake the pump whatever else speaks for a turn.
    relieved: u32,
}

per_thread! {
    static HISTORY: RefCell<History> = RefCell::new(History::UNKNOWN);
}

impl History {
    const UNKNOWN: History = History {
        notified: None,
        relieved: 0,
    };

    /// Whether a thread that notifies a sleeping pump now has the time to assist.
    fn has_time(&mut self, now: Instant, has_slept: bool) -> bool {
        let is_recent = |notified| now.saturating_duration_since(notified) <= PAUSE;
        let streams = self.notified.replace(now).is_some_and(is_recent);
        let is_relieved = self.relieved > 0;
        self.relieved = self.relieved.saturating_sub(1);
        !is_relieved && (has_slept || !streams)
    }

    /// The thread has assisted since then.
    fn has_assisted(&mut self, since: Instant, now: Instant) {
        self.notified = Some(now);
        if now.saturating_duration_since(since) > LONG_TURN {
            self.relieved = RELIEF;
        }
    }
}

/// Whether the current thread has the time to assist. To be asked once for each notification.
pub(super) fn has_time(now: Instant) -> bool {
    let has_time = HISTORY.try_with(|own| own.borrow_mut().has_time(now, take_slept()));
    // A thread that is being torn down has no time to lose.
    has_time.unwrap_or(false)
}

/// The current thread has assisted since then.
pub(super) fn has_assisted(since: Instant, now: Instant) {
    let _ = HISTORY.try_with(|own| own.borrow_mut().has_assisted(since, now));
}

#[cfg(all(test, not(loom)))]
mod tests;
