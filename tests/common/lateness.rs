//! Bounds that are shorter than a busy machine may keep a thread waiting: measured beside a control.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a call may have to wait for a processor: the threads it wakes, one after another.
const TURNS: u32 = 10;

/// The time for which threads of this machine have waited for a processor, at least one at a time, since it
/// was started; zero where the system does not tell.
pub(crate) fn waited_for_processors() -> Duration {
    let pressure = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let some = pressure.lines().find(|line| line.starts_with("some "));
    let total = some.and_then(|line| line.rsplit_once("total="));
    let total = total.and_then(|(_, microseconds)| microseconds.parse().ok());
    Duration::from_micros(total.unwrap_or(0))
}

/// How long some work took, and the control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    took: Duration,
    /// By how much a thread that only wakes up each millisecond was late meanwhile, at most.
    late: Duration,
    /// For how long threads of this machine waited for a processor meanwhile.
    waited: Duration,
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
        let (start, waited) = (Instant::now(), waited_for_processors());
        let result = work();
        let took = start.elapsed();
        let waited = waited_for_processors().saturating_sub(waited);
        drop(stop);
        let late = control.join().unwrap();
        (Timed { took, late, waited }, result)
    }

    /// Asserts that the work took no longer than `limit`, if each thread it had to wait for was as
    /// late as the control, or twice as long on a machine whose processors were never free.
    pub(crate) fn at_most(self, limit: Duration, what: &str) {
        assert!(
            self.took <= limit + (TURNS * self.late).max(self.waited / 2),
            "{what}: {self:?}, at most {limit:?}"
        );
    }
}
