//! Which threads assist.

use super::*;

#[test]
fn a_thread_that_streams_wakes_the_pump() {
    let (mut history, now) = (History::UNKNOWN, Instant::now());
    assert!(history.has_time(now, false));
    assert!(!history.has_time(now + PAUSE / 2, false));
    assert!(!history.has_time(now + PAUSE, false));
}

#[test]
fn a_thread_that_slept_or_paused_assists() {
    let (mut history, now) = (History::UNKNOWN, Instant::now());
    assert!(history.has_time(now, false));
    assert!(history.has_time(now, true));
    assert!(!history.has_time(now, false));
    assert!(history.has_time(now + PAUSE * 2, false));
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
