//! Waiting for the instants of an absolute schedule.

use std::time::{Duration, Instant};

/// The shortest pause between two wake-ups of a sender. At higher rates than one message per pause
/// it sends several per wake-up. It is what tokio's timer can tell apart, so threads and tasks keep
/// the same schedule.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// The schedule of a sender: message `n` is due `n / rate` seconds after the start.
///
/// A sender that is late sends what became due meanwhile, so the rate is kept on average.
pub(crate) struct Pacer {
    begun: Instant,
    rate: u64,
    pause: Duration,
    handed_out: u64,
}

impl Pacer {
    pub(crate) fn new(rate: u64) -> Self {
        Pacer {
            begun: Instant::now(),
            rate,
            pause: PAUSE.max(Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX)),
            handed_out: 0,
        }
    }

    /// Waits until a message is due, and returns how many are.
    pub(crate) async fn due(&mut self) -> u64 {
        loop {
            let since = self.begun.elapsed();
            let due = (since.as_secs_f64() * self.rate as f64) as u64 + 1;
            if due > self.handed_out {
                let now_due = due - self.handed_out;
                self.handed_out = due;
                return now_due;
            }
            let pauses = since.as_nanos() / self.pause.as_nanos() + 1;
            let pauses = u32::try_from(pauses).unwrap_or(u32::MAX);
            sleep_until(self.begun + self.pause * pauses).await;
        }
    }
}

/// The schedule of a ping: one every [`PAUSE`], where those that were missed are left out.
pub(crate) struct Metronome {
    next: Instant,
}

impl Metronome {
    pub(crate) fn new() -> Self {
        Metronome {
            next: Instant::now(),
        }
    }

    pub(crate) async fn beat(&mut self) {
        self.next = (self.next + PAUSE).max(Instant::now());
        sleep_until(self.next).await;
    }
}

/// By tokio's timer in its tasks, by the thread's sleep elsewhere.
async fn sleep_until(instant: Instant) {
    #[cfg(any(
        feature = "ours-async",
        feature = "omq",
        feature = "rzmq",
        feature = "zeromq"
    ))]
    if tokio::runtime::Handle::try_current().is_ok() {
        return tokio::time::sleep_until(instant.into()).await;
    }
    std::thread::sleep(instant.saturating_duration_since(Instant::now()));
}
