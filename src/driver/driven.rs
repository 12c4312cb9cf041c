//! A pump together with when its thread wakes up, and the turns that other threads do for it.

use std::time::Instant;

use super::roles::Turn;
use super::tuning::ASSISTING_TURNS;
use crate::sync::primitives::now;

/// A pump that is driven.
pub(super) struct Driven<T> {
    pub(super) pump: T,
    /// What its thread sleeps until at the latest; without a time it sleeps until it is woken.
    pub(super) asleep_until: Option<Instant>,
}

impl<T: Turn> Driven<T> {
    /// A turn for a leader. The time, unless the pump is finished.
    pub(super) fn turn_again(&mut self, events: &[T::Event]) -> Option<Instant> {
        let now = now();
        self.pump.mailbox().awake();
        self.pump.turn(now, events);
        (!self.pump.is_finished()).then_some(now)
    }

    /// Whether what is left and what comes now can be left to a thread that comes in a moment. It
    /// sees to what is due then.
    pub(super) fn can_wait_a_moment(&mut self) -> bool {
        let pump = &self.pump;
        let can_wait = !pump.is_finished()
            && !pump.is_pressed()
            && !pump.has_errands()
            && pump.mailbox().prepare_absence();
        if can_wait {
            self.asleep_until = Some(pump.last_turn());
        }
        can_wait
    }

    /// False if there is something left for the pump's thread. A leader that is about to come back
    /// can do the rest, unless that is writing: then it is better done beside the thread that has so
    /// much to send.
    pub(super) fn turn_until_it_rests(&mut self, now: Instant, is_vacant: bool) -> bool {
        let written = self.pump.traffic().written;
        for _ in 0..ASSISTING_TURNS {
            let pump = &mut self.pump;
            pump.turn(now, &[]);
            if pump.is_finished() || pump.has_errands() {
                return false;
            }
            if !pump.is_busy() && pump.mailbox().prepare_sleep() {
                // Nothing may be due sooner than its thread means to sleep.
                let (due, until) = (pump.due(), self.asleep_until);
                return due.is_none_or(|due| until.is_some_and(|until| until <= due));
            }
            if is_vacant && pump.traffic().written == written {
                return self.can_wait_a_moment();
            }
        }
        false
    }
}
