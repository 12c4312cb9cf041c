//! Deadlines of asynchronous calls, without a runtime: the pump fires them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::sync::primitives::Mutex;
use crate::sync::wait_queue::wake;
use crate::sync::Hook;

/// Everything asynchronous in a context that waits for a moment to come.
pub(crate) struct Alarms {
    pending: Mutex<Pending>,
    hook: Arc<dyn Hook>,
}

#[derive(Default)]
struct Pending {
    wakers: BTreeMap<AlarmKey, Waker>,
    next: u64,
}

/// Names one alarm: its moment, and a number that tells alarms of the same moment apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AlarmKey(Instant, u64);

impl Alarms {
    /// `hook` is called when a new alarm is the earliest: the thread that fires them sleeps too long.
    pub(crate) fn new(hook: Arc<dyn Hook>) -> Self {
        Alarms {
            pending: Mutex::new(Pending::default()),
            hook,
        }
    }

    /// Has the waker woken once `deadline` has come.
    pub(crate) fn register(&self, deadline: Instant, waker: &Waker) -> AlarmKey {
        let (key, earliest) = {
            let mut pending = self.pending.lock();
            let key = AlarmKey(deadline, pending.next);
            pending.next += 1;
            pending.wakers.insert(key, waker.clone());
            let earliest = pending.wakers.first_key_value().map(|(first, _)| *first);
            (key, earliest)
        };
        if earliest == Some(key) {
            self.hook.notify();
        }
        key
    }

    /// Wakes another waker instead, unless the alarm has been fired: then it returns false.
    pub(crate) fn update(&self, key: AlarmKey, waker: &Waker) -> bool {
        match self.pending.lock().wakers.get_mut(&key) {
            Some(kept) => {
                kept.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Forgets an alarm, fired or not.
    pub(crate) fn cancel(&self, key: AlarmKey) {
        let waker = self.pending.lock().wakers.remove(&key);
        drop(waker);
    }

    /// When [`fire`](Self::fire) is due next.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        let pending = self.pending.lock();
        pending.wakers.first_key_value().map(|(key, _)| key.0)
    }

    /// Wakes all: nothing will do so when their moment has come.
    pub(crate) fn fire_all(&self) {
        let all = std::mem::take(&mut self.pending.lock().wakers);
        all.into_values().for_each(wake);
    }

    /// Wakes all whose moment has come.
    pub(crate) fn fire(&self, now: Instant) {
        let due = {
            let mut pending = self.pending.lock();
            let later = pending.wakers.split_off(&AlarmKey(now, u64::MAX));
            std::mem::replace(&mut pending.wakers, later)
        };
        for waker in due.into_values() {
            wake(waker);
        }
    }
}

/// When a call gives up, and its alarm, set only if it has to wait at all.
pub(crate) struct Deadline<'a> {
    at: Option<Instant>,
    alarms: &'a Alarms,
    alarm: Option<AlarmKey>,
}

impl<'a> Deadline<'a> {
    /// `None` is a moment beyond all clocks.
    pub(crate) fn new(at: Option<Instant>, alarms: &'a Alarms) -> Self {
        Deadline {
            at,
            alarms,
            alarm: None,
        }
    }

    /// Whether it has passed; if not, the waker will be woken when it has.
    pub(crate) fn has_passed(&mut self, waker: &Waker) -> bool {
        let Some(at) = self.at else { return false };
        if Instant::now() >= at {
            return true;
        }
        let kept = self
            .alarm
            .is_some_and(|alarm| self.alarms.update(alarm, waker));
        if !kept {
            self.alarm = Some(self.alarms.register(at, waker));
        }
        false
    }

    /// Needs no waking any more.
    pub(crate) fn cancel(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            self.alarms.cancel(alarm);
        }
    }
}

impl Drop for Deadline<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl std::fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Deadline").field(&self.at).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::{Count, Woken};
    use std::time::Duration;

    #[test]
    fn only_a_new_earliest_timer_calls_the_hook() {
        let hook = Arc::new(Count::default());
        let alarms = Alarms::new(hook.clone());
        let start = Instant::now();
        let woken = Woken::new();
        let second = start + Duration::from_secs(2);
        alarms.register(second, &woken.waker());
        assert_eq!(hook.get(), 1);
        alarms.register(start + Duration::from_secs(3), &woken.waker());
        alarms.register(second, &woken.waker());
        assert_eq!(hook.get(), 1);
        alarms.register(start + Duration::from_secs(1), &woken.waker());
        assert_eq!(hook.get(), 2);
        assert_eq!(alarms.earliest(), Some(start + Duration::from_secs(1)));
    }

    #[test]
    fn a_timer_fires_once_and_not_early() {
        let alarms = Alarms::new(Arc::new(Count::default()));
        let start = Instant::now();
        let (early, late) = (Woken::new(), Woken::new());
        alarms.register(start + Duration::from_secs(1), &early.waker());
        alarms.register(start + Duration::from_secs(2), &late.waker());
        alarms.fire(start);
        assert_eq!((early.get(), late.get()), (0, 0));
        alarms.fire(start + Duration::from_secs(1));
        assert_eq!((early.get(), late.get()), (1, 0));
        alarms.fire(start + Duration::from_secs(9));
        assert_eq!((early.get(), late.get()), (1, 1));
        assert_eq!(alarms.earliest(), None);
    }

    #[test]
    fn timers_can_be_cancelled_and_updated() {
        let alarms = Alarms::new(Arc::new(Count::default()));
        let start = Instant::now();
        let (first, second) = (Woken::new(), Woken::new());
        let cancelled = alarms.register(start, &first.waker());
        let changed = alarms.register(start, &first.waker());
        alarms.cancel(cancelled);
        assert!(alarms.update(changed, &second.waker()));
        alarms.fire(start);
        assert_eq!((first.get(), second.get()), (0, 1));
        assert!(!alarms.update(changed, &second.waker()));
        alarms.cancel(changed);
    }
}
