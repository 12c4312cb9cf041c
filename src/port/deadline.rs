//! Deadlines of calls.

use std::task::Waker;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::port::shared::Ports;
use crate::sync::timeouts::AlarmKey;

/// The instant `timeout` from now; `None` if that is beyond the range of the clock.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    later(Instant::now(), timeout)
}

/// The deadline of a call and its timer, which is set only if the call has to wait.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    alarm: Option<AlarmKey>,
}

impl Deadline {
    pub(crate) fn new(at: Option<Instant>) -> Self {
        Deadline { at, alarm: None }
    }

    /// Whether it has passed; if not, the waker will be woken when it has.
    pub(crate) fn has_passed(&mut self, ports: &Ports, waker: &Waker) -> bool {
        let Some(at) = self.at else { return false };
        if Instant::now() >= at {
            return true;
        }
        let kept = self
            .alarm
            .is_some_and(|alarm| ports.alarms().update(alarm, waker));
        if !kept {
            self.alarm = Some(ports.alarms().register(at, waker));
        }
        false
    }

    pub(crate) fn cancel(&mut self, ports: &Ports) {
        if let Some(alarm) = self.alarm.take() {
            ports.alarms().cancel(alarm);
        }
    }
}
