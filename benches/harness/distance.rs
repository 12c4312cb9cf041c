//! How far two processors are from each other: how long a line of memory takes from one to the
//! other and back.
//!
//! On a virtual machine that is no constant. The host moves the virtual processors about, and
//! once they do not share a cache any more, a line takes four times as long, and whatever passes
//! messages between two threads gets slower by up to three times: for every library, but not in the
//! same rounds. So what was measured while the two were apart is measured again.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Round trips in one probe.
const TRIPS: u32 = 500;

/// Probes, of which the best counts: what else runs can only make them slower.
const PROBES: u32 = 6;

/// A probe that takes longer than this has met another program at work.
const LIMIT: Duration = Duration::from_millis(50);

/// Further than the least distance seen by this factor is apart. One of those that share a cache
/// may be further than another by two.
const APART: u64 = 3;

/// How long to wait for the processors to come together before a measurement.
const WAIT: Duration = Duration::from_millis(600);

/// Further measurements of one cell and round, if the processors were apart.
const REPEATS: u32 = 3;

/// What is known of the distance in this run.
pub(crate) struct Distances {
    least: u64,
}

impl Distances {
    pub(crate) fn new() -> Self {
        let seen = (0..10).filter_map(|_| probe());
        Distances {
            least: seen.min().unwrap_or_default(),
        }
    }

    /// Measures while the processors are together, if they ever are. Answers the distance in
    /// nanoseconds, the larger one of before and after.
    pub(crate) fn measure<R>(&mut self, mut what: impl FnMut() -> R) -> (R, Option<u64>) {
        for _ in 0..REPEATS {
            let start = Instant::now();
            let mut before = probe();
            while self.is_apart(before) && start.elapsed() < WAIT {
                thread::sleep(Duration::from_millis(20));
                before = probe();
            }
            let result = what();
            let after = probe();
            if !self.is_apart(before) && !self.is_apart(after) {
                return (result, before.max(after));
            }
        }
        let before = probe();
        (what(), before.max(probe()))
    }

    fn is_apart(&mut self, distance: Option<u64>) -> bool {
        let Some(distance) = distance else {
            return false;
        };
        self.least = self.least.min(distance);
        distance > self.least * APART
    }
}

#[repr(align(128))]
struct Line(AtomicU32);

/// Nanoseconds there and back; `None` unless there are exactly two processors: there is no one
/// distance between one, or between many.
fn probe() -> Option<u64> {
    if thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get) != 2 {
        return None;
    }
    let (line, over) = (Line(AtomicU32::new(0)), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let trip = line.0.load(Ordering::Acquire);
                if trip % 2 == 1 {
                    line.0.store(trip + 1, Ordering::Release);
                }
            }
        });
        let mut least = u64::MAX;
        let begun = Instant::now();
        'probes: for _ in 0..PROBES {
            let start = Instant::now();
            for trip in 0..TRIPS {
                line.0.store(2 * trip + 1, Ordering::Release);
                let mut looks = 0_u32;
                while line.0.load(Ordering::Acquire) != 2 * trip + 2 {
                    std::hint::spin_loop();
                    looks += 1;
                    if looks % 4096 == 0 && begun.elapsed() > LIMIT {
                        break 'probes;
                    }
                }
            }
            least = least.min(start.elapsed().as_nanos() as u64 / u64::from(TRIPS));
        }
        over.store(true, Ordering::Relaxed);
        Some(least)
    })
}
