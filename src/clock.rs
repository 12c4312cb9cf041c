//! Sums of a moment and a duration. Users choose durations freely, up to [`Duration::MAX`], and a
//! plain `+` panics beyond the end of the clock.

use std::time::{Duration, Instant};

/// The moment `wait` after `now`; `None` for never, if that is beyond the end of the clock.
pub(crate) fn later(now: Instant, wait: Duration) -> Option<Instant> {
    now.checked_add(wait)
}

/// `wait` and a part of it, `parts` of `whole`: at most [`Duration::MAX`].
pub(crate) fn prolonged(wait: Duration, parts: u32, whole: u32) -> Duration {
    wait.saturating_add((wait / whole).saturating_mul(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_accepted() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(later(now, second), Some(now + second));
        assert_eq!(later(now, Duration::MAX), None);
        // Whatever the clock makes of it.
        let _ = later(now, Duration::from_millis(u64::MAX));
        assert_eq!(prolonged(second, 1, 4), second + second / 4);
        assert_eq!(prolonged(Duration::MAX, 1023, 4096), Duration::MAX);
    }
}
