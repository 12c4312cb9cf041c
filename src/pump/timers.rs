//! Timers: when the pump must turn, even without events.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// The subject of a timer. A timer is a hint: its subject checks its own deadline, so a timer that
/// is no longer needed does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A handshake, a heartbeat, a connect attempt or a drain of the pipe in this slot.
    Pipe(usize),
    /// The dialer in this slot is to try again.
    Dialer(usize),
    /// The listener in this slot paused accepting.
    Listener(usize),
    /// The linger of the socket in this slot ends.
    Socket(usize),
    /// Pipes that have become idle release their buffers.
    Shrink,
    /// The grace of a shutdown ends, or the time that closing sockets have.
    Shutdown,
}

/// The timers of one pump, soonest first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
    /// Whether there is a [`Timer::Shrink`].
    shrink_is_set: bool,
}

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Sets [`Timer::Shrink`], unless it is set already.
    pub(super) fn set_shrink(&mut self, at: Instant) {
        if !self.shrink_is_set {
            self.shrink_is_set = true;
            self.set(at, Timer::Shrink);
        }
    }

    #[cfg(test)]
    pub(super) fn shrink_is_set(&self) -> bool {
        self.shrink_is_set
    }

    /// The soonest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Removes one timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, timer)) = self.heap.pop()?;
        if timer == Timer::Shrink {
            self.shrink_is_set = false;
        }
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timers_fire_in_order_and_not_early() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(start + Duration::from_millis(20), Timer::Socket(2));
        timers.set(start + Duration::from_millis(10), Timer::Pipe(1));
        assert_eq!(timers.pop_due(start), None);
        assert_eq!(timers.next(), Some(start + Duration::from_millis(10)));
        let later = start + Duration::from_millis(20);
        assert_eq!(timers.pop_due(later), Some(Timer::Pipe(1)));
        assert_eq!(timers.pop_due(later), Some(Timer::Socket(2)));
        assert_eq!(timers.pop_due(later), None);
    }
}
