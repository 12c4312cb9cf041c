//! Which threads assist, and that one drives at a time.

use super::*;
use crate::sync::parker::set_slept;
use std::thread;

/// In a new thread, of which nothing is known yet.
fn in_new_thread(test: impl FnOnce() + Send + 'static) {
    assert!(thread::spawn(test).join().is_ok());
}

#[test]
fn a_thread_that_streams_wakes_the_pump() {
    in_new_thread(|| {
        let lock = PumpLock::new(());
        let now = Instant::now();
        assert!(lock.lock_to_assist(now).is_some());
        assert!(lock.lock_to_assist(now + PAUSE / 2).is_none());
        assert!(lock.lock_to_assist(now + PAUSE).is_none());
    });
}

#[test]
fn a_thread_that_slept_or_paused_assists() {
    in_new_thread(|| {
        let lock = PumpLock::new(());
        let now = Instant::now();
        assert!(lock.lock_to_assist(now).is_some());
        set_slept();
        assert!(lock.lock_to_assist(now).is_some());
        assert!(lock.lock_to_assist(now).is_none());
        assert!(lock.lock_to_assist(now + PAUSE * 2).is_some());
    });
}

#[test]
fn a_thread_that_had_a_long_turn_is_relieved() {
    let start = Instant::now();
    for (turn, is_relieved) in [(LONG_TURN, false), (LONG_TURN + PAUSE, true)] {
        let mut history = History::UNKNOWN;
        assert!(history.has_time(start, false));
        history.has_assisted(start, start + turn);
        for _ in 0..RELIEF {
            assert_eq!(history.has_time(start + turn, true), !is_relieved);
        }
        assert!(history.has_time(start + turn, true));
    }
}

#[test]
fn one_drives_at_a_time_and_none_drives_two() {
    in_new_thread(|| {
        let (lock, other) = (PumpLock::new(1), PumpLock::new(2));
        assert!(!is_driving());
        let mut guard = lock.lock();
        *guard.pump += 1;
        assert!(is_driving());
        assert!(lock.try_lock().is_none());
        set_slept();
        assert!(other.lock_to_assist(Instant::now()).is_none());
        drop(guard);
        assert!(!is_driving());
        set_slept();
        let held = other.0.lock();
        assert!(other.lock_to_assist(Instant::now()).is_none());
        drop(held);
        set_slept();
        assert_eq!(
            other
                .lock_to_assist(Instant::now())
                .map(|guard| *guard.pump),
            Some(2)
        );
        assert_eq!(lock.try_lock().map(|guard| *guard.pump), Some(2));
    });
}
