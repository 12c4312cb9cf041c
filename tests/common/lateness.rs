//! Bounds that are shorter than a busy machine may keep a thread waiting: measured beside a control.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a call may have to wait for a processor: the threads it wakes, one after another.
const TURNS: u32 = 10;

/// How long some work took, and the control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    took: Duration,
    /// By how much a thread that only wakes up each millisecond was late meanwhile, at most.
    late: Duration,
}

impl Timed {
    /// Runs `work` beside the control.
    pub(crate) fn run<T>(work: impl FnOnce() -> T) -> (Timed, T) {
        const STEP: Duration = Duration::from_millis(1);
        let (runs, running) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let control = thread::spawn(move || {
            runs.send(()).unwrap();
            let mut late = Duration::ZERO;
            loop {
                let start = Instant::now();
                let waited = stopped.recv_timeout(STEP);
                late = late.max(start.elapsed().saturating_sub(STEP));
                if waited != Err(RecvTimeoutError::Timeout) {
                    return late;
                }
            }
        });
        running.recv().unwrap();
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        drop(stop);
        let late = control.join().unwrap();
        (Timed { took, late }, result)
    }

    /// Asserts that the work took no longer than `limit`, if each thread it had to wait for was as
    /// late as the control.
    pub(crate) fn at_most(self, limit: Duration, what: &str) {
        assert!(
            self.took <= limit + TURNS * self.late,
            "{what}: {self:?}, at most {limit:?}"
        );
    }
}
