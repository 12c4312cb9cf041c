//! What was sent and what came: numbered messages, each of which may come once.

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

use crate::bench::{Outcome, PATIENCE};
use crate::frames::{pattern, show, Frames};
use crate::side::Side;

/// How long to wait for a message before another is offered.
pub const STEP: Duration = Duration::from_millis(20);

/// Sizes from one frame header to several reads.
const SIZES: [usize; 5] = [4, 100, 255, 256, 20_000];

/// The sums of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub delivered: u64,
    pub lost: u64,
    /// How many messages may be lost: those in flight when the fault struck.
    pub in_flight: u64,
    pub twice: u64,
    pub hung: u64,
    /// Descriptors and threads.
    pub leaked: u64,
}

impl Tally {
    pub fn check(&self) -> Outcome {
        match self {
            Tally { twice: 1.., .. } => Err("messages came twice".into()),
            Tally { leaked: 1.., .. } => Err("descriptors or threads are left".into()),
            Tally { hung: 1.., .. } => Err("a call did not return".into()),
            Tally { delivered: 0, .. } => Err("nothing was delivered".into()),
            tally if tally.lost > tally.in_flight => {
                Err(format!("{} messages were in flight", tally.in_flight).into())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            delivered,
            lost,
            twice,
            hung,
            leaked,
            ..
        } = self;
        write!(
            f,
            "{delivered} delivered, {lost} lost, {twice} twice, {hung} hung, {leaked} leaked"
        )
    }
}

/// The messages of one direction.
#[derive(Default)]
pub struct Ledger {
    next: u32,
    sent: HashSet<u32>,
    seen: HashSet<u32>,
    twice: u64,
    in_flight: u64,
    /// The answer to a request that has arrived and is not answered.
    pub owed: Option<Frames>,
}

impl Ledger {
    /// A message with this number, whose every byte depends on it.
    pub fn message(number: u32) -> Frames {
        vec![pattern(number, SIZES[number as usize % SIZES.len()])]
    }

    /// Offers the next message; its number, if it was accepted within `within`.
    pub fn offer(&mut self, from: &dyn Side, within: Duration) -> Outcome<Option<u32>> {
        let number = self.next;
        if !from.offer(&Ledger::message(number), within)? {
            return Ok(None);
        }
        self.next += 1;
        self.sent.insert(number);
        Ok(Some(number))
    }

    /// Records a message that came; every byte of it is checked.
    pub fn came(&mut self, frames: &Frames) -> Outcome<u32> {
        let number = match frames.as_slice() {
            [frame] if frame.len() >= 4 => {
                u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]])
            }
            _ => return Err(format!("not one of ours: {}", show(frames)).into()),
        };
        if !self.sent.contains(&number) || *frames != Ledger::message(number) {
            return Err(format!("never sent: {}", show(frames)).into());
        }
        if !self.seen.insert(number) {
            self.twice += 1;
        }
        Ok(number)
    }

    /// Sends until something is received, and then until the last that was sent is: from then on nothing
    /// is on its way.
    pub fn get_through(&mut self, from: &dyn Side, to: &dyn Side, may_miss: bool) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        let mut offered = Vec::new();
        loop {
            if Instant::now() > deadline {
                return Err(format!("nothing got through in {PATIENCE:?}").into());
            }
            if let Some(number) = self.offer(from, STEP)? {
                offered.push(number);
            }
            if self.receive_up_to_last(to)? {
                break;
            }
        }
        if may_miss {
            // A subscription that has not arrived yet is no loss.
            for number in offered {
                if !self.seen.contains(&number) {
                    self.sent.remove(&number);
                }
            }
        }
        Ok(())
    }

    /// Whether the last message that was sent has come, and all on their way before it.
    pub fn receive_up_to_last(&mut self, to: &dyn Side) -> Outcome<bool> {
        while let Some(frames) = to.poll(STEP)? {
            if self.came(&frames)? + 1 == self.next {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A fault strikes: what has not come yet may be lost.
    pub fn strike(&mut self) {
        self.in_flight += self.missing();
    }

    /// Nothing more comes: what is missing was lost, and `tally` has the sums.
    pub fn close(self, tally: &mut Tally) {
        tally.delivered += self.seen.len() as u64;
        tally.lost += self.missing();
        tally.twice += self.twice;
        tally.in_flight += self.in_flight;
    }

    /// How many messages have not come.
    pub fn missing(&self) -> u64 {
        self.sent.difference(&self.seen).count() as u64
    }
}
