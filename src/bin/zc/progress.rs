//! Progress on standard error, for runs that take long.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run shorter than this shows none.
const LONG: Duration = Duration::from_secs(2);

/// Messages so far, counted by the jobs.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<[AtomicU64; 3]>);

impl Tally {
    pub(crate) fn sent(&self) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    /// A message that no peer could take.
    pub(crate) fn refused(&self) {
        self.0[2].fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> [u64; 2] {
        [0, 1].map(|at| self.0[at].load(Ordering::Relaxed))
    }
}

/// A line on a terminal that is written over, each second.
pub(crate) struct Progress {
    tally: Tally,
    is_shown: bool,
    /// Whether each line stays: where there is no terminal.
    stays: bool,
    begun: Instant,
    last: (Instant, u64),
    is_begun: bool,
}

impl Progress {
    /// Shown if asked for, or else on a terminal that gets nothing else.
    pub(crate) fn new(tally: Tally, is_asked_for: bool, prints: bool) -> Progress {
        let on_terminal = io::stderr().is_terminal();
        let mixes = prints && io::stdout().is_terminal();
        let now = Instant::now();
        Progress {
            tally,
            is_shown: is_asked_for || on_terminal && !mixes,
            stays: !on_terminal,
            begun: now,
            last: (now, 0),
            is_begun: false,
        }
    }

    pub(crate) fn show(&mut self) {
        let now = Instant::now();
        if !self.is_shown || now.duration_since(self.begun) < LONG && !self.stays {
            return;
        }
        let [sent, received] = self.tally.now();
        let (last, count) = self.last;
        self.last = (now, sent + received);
        let seconds = now.duration_since(last).as_secs_f64().max(1e-3);
        let rate = (sent + received - count) as f64 / seconds;
        let text = match (sent, received) {
            (sent, 0) => format!("{sent} sent, {rate:.0}/s"),
            (0, received) => format!("{received} received, {rate:.0}/s"),
            (sent, received) => format!("{sent} sent, {received} received, {rate:.0}/s"),
        };
        self.is_begun = true;
        let mut stderr = io::stderr();
        let _ = match self.stays {
            true => writeln!(stderr, "zc: {text}"),
            false => write!(stderr, "\rzc: {text}\x1b[K"),
        };
    }

    /// How many messages no peer could take.
    pub(crate) fn refused(&self) -> u64 {
        self.tally.0[2].load(Ordering::Relaxed)
    }

    /// Leaves the terminal's line.
    pub(crate) fn end(&self) {
        if self.is_begun && !self.stays {
            let _ = writeln!(io::stderr());
        }
    }
}
