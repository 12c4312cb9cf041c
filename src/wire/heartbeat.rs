//! Signs of life (RFC 37, Connection Heartbeating): how long either end waits for the other's.

use std::time::{Duration, Instant};

use super::encoder::Encoder;
use super::Heartbeat;
use crate::clock::later;

/// The unit of a PING's time-to-live.
pub(super) const TENTH_OF_A_SECOND: Duration = Duration::from_millis(100);

/// The peer should be heard of within this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    length: Duration,
    deadline: Instant,
    /// It has been given a second time already.
    prolonged: bool,
}

impl Wait {
    /// A wait from `start` on; `None` for one that no clock sees the end of.
    pub(super) fn new(length: Duration, start: Instant) -> Option<Self> {
        let deadline = later(start, length)?;
        Some(Wait {
            length,
            deadline,
            prolonged: false,
        })
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits as long again, from `now`.
    pub(super) fn restart(&mut self, now: Instant) {
        self.deadline = later(now, self.length).unwrap_or(self.deadline);
    }

    /// Whether the time is over and the peer was silent, as far as can be known: if there is an
    /// excuse, or if it is learned late, a sign that the reader was not listening, the time is given once
    /// more.
    pub(super) fn is_over(&mut self, now: Instant, excuse: impl FnOnce() -> bool) -> bool {
        if now < self.deadline {
            return false;
        }
        let late = now.duration_since(self.deadline) >= TENTH_OF_A_SECOND;
        let excused = late && !std::mem::replace(&mut self.prolonged, true);
        if excused || excuse() {
            self.restart(now);
            return false;
        }
        true
    }
}

/// Our own questions after the peer's health: one each interval, from the handshake on.
#[derive(Debug)]
pub(super) struct Pings {
    config: Heartbeat,
    /// When the next one goes out.
    next: Option<Instant>,
    /// How long the first that nothing has been heard since may go without an answer.
    answer: Option<Wait>,
    /// Where the last one ends among the bytes to be written.
    end: u64,
    /// Where the one ends whose answer is awaited.
    awaited: u64,
    /// How far writing had come when that was last looked at.
    written: u64,
}

impl Pings {
    /// The first goes out an interval after the peer was heard of.
    pub(super) fn new(config: Heartbeat, heard: Instant) -> Self {
        Pings {
            next: later(heard, config.interval),
            config,
            answer: None,
            end: 0,
            awaited: 0,
            written: 0,
        }
    }

    /// Anything that comes is a sign of life, not only PONG.
    pub(super) fn heard(&mut self) {
        self.answer = None;
    }

    /// When something is to be done next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let answer = self.answer.map(|wait| wait.deadline());
        self.next.into_iter().chain(answer).min()
    }

    /// Whether an answer is overdue. As long as our question waits behind other bytes and those
    /// do move on, the peer takes them, and is alive.
    pub(super) fn is_unanswered(
        &mut self,
        now: Instant,
        encoder: &Encoder,
        has_undecoded: impl FnOnce() -> bool,
    ) -> bool {
        let Some(wait) = &mut self.answer else {
            return false;
        };
        let (awaited, written) = (self.awaited, &mut self.written);
        wait.is_over(now, || {
            let before = std::mem::replace(written, encoder.written());
            (before < awaited && *written > before) || has_undecoded()
        })
    }

    /// Asks, if it is time to.
    pub(super) fn ask(&mut self, now: Instant, encoder: &mut Encoder) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = later(now, self.config.interval);
        let is_behind_others = encoder.bytes() > 0;
        // One that is not written yet will do.
        if self.end <= encoder.written() {
            let ttl = self.config.time_to_live.to_be_bytes();
            encoder.command("PING", &[&ttl]);
            self.end = encoder.appended();
        }
        if self.answer.is_none() {
            self.answer = Wait::new(self.config.timeout, now);
            self.awaited = self.end;
            // With nothing before it, it is as good as written.
            self.written = match is_behind_others {
                true => encoder.written(),
                false => self.end,
            };
        }
    }
}
