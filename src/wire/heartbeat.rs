//! Heartbeats (RFC 37, Connection Heartbeating): how long either end waits for the other.

use std::time::{Duration, Instant};

use super::encoder::Encoder;
use super::Heartbeat;
use crate::clock::later;

/// The unit of a PING's time-to-live.
pub(super) const TENTH_OF_A_SECOND: Duration = Duration::from_millis(100);

/// The time within which the peer should send something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    length: Duration,
    deadline: Instant,
    /// It has been extended once already.
    prolonged: bool,
}

impl Wait {
    /// A wait from `start` on; `None` if its end is beyond the range of the clock.
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

    /// Waits for the same time again, from `now`.
    pub(super) fn restart(&mut self, now: Instant) {
        self.deadline = later(now, self.length).unwrap_or(self.deadline);
    }

    /// Whether the time is over and the peer was silent. The time is extended once if there is an
    /// excuse, or if this is called late, because the reader may not have read then.
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

/// The PINGs of this end: one each interval, from the handshake on.
#[derive(Debug)]
pub(super) struct Pings {
    config: Heartbeat,
    /// When the next one is sent.
    next: Option<Instant>,
    /// How long the peer may be silent after the first PING without any traffic since.
    answer: Option<Wait>,
    /// The end of the last one, counted in bytes appended.
    end: u64,
    /// The end of the one whose reply is awaited.
    awaited: u64,
    /// The number of bytes written at the last check.
    written: u64,
}

impl Pings {
    /// The first is sent an interval after the peer last sent something.
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

    /// Any received bytes count, not only PONG.
    pub(super) fn heard(&mut self) {
        self.answer = None;
    }

    /// When `ask` or `is_unanswered` is due next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let answer = self.answer.map(|wait| wait.deadline());
        self.next.into_iter().chain(answer).min()
    }

    /// Whether a reply is overdue. As long as the PING waits behind other bytes and those are being
    /// written, the peer reads them, and is alive.
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

    /// Sends a PING, if it is due.
    pub(super) fn ask(&mut self, now: Instant, encoder: &mut Encoder) {
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = later(now, self.config.interval);
        let is_behind_others = encoder.bytes() > 0;
        // One unwritten PING is enough.
        if self.end <= encoder.written() {
            let ttl = self.config.time_to_live.to_be_bytes();
            encoder.command("PING", &[&ttl]);
            self.end = encoder.appended();
        }
        if self.answer.is_none() {
            self.answer = Wait::new(self.config.timeout, now);
            self.awaited = self.end;
            // With no bytes before it, it counts as written.
            self.written = match is_behind_others {
                true => encoder.written(),
                false => self.end,
            };
        }
    }
}
