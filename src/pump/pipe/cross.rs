//! One half of a pipe to another pump: one end of a bridge, and what goes over it at the end of a turn.

use std::collections::VecDeque;

use crate::message::Message;
use crate::pattern::Upstream;
use crate::pump::counts::{pass_on, payload_len, Counts};
use crate::pump::signal::{End, Signal};
use crate::sync::bounded::give_back;

/// One half of a pipe that crosses from pump to pump.
pub(in crate::pump) struct Cross {
    pub(super) end: End,
    /// To be sent at the end of this turn.
    pub(super) staged: VecDeque<Message>,
    pub(super) signals: VecDeque<Signal>,
    /// Messages on the bridge, as far as is known.
    pub(super) crossing: usize,
    /// Whether the other side was told that there will be no more messages.
    said_last: bool,
    /// Whether the other side has said so.
    pub(super) is_last: bool,
    /// The most messages that may wait for the other side, where the oldest are lost for new ones.
    keeps: usize,
    pub(in crate::pump) counts: Counts,
}

impl Cross {
    pub(super) fn new(end: End) -> Self {
        Cross {
            end,
            staged: VecDeque::new(),
            signals: VecDeque::new(),
            crossing: 0,
            said_last: false,
            is_last: false,
            keeps: usize::MAX,
            counts: Counts::default(),
        }
    }

    pub(in crate::pump) fn send(&mut self, mut message: Message) {
        self.counts.bytes_out += pass_on(&mut message);
        self.staged.push_back(message);
    }

    /// The same, where no more than `most` may wait: the oldest make room. Returns how many that
    /// were which had not been sent yet; others are found by [`transfer`](Self::transfer).
    pub(in crate::pump) fn slide(&mut self, message: Message, most: usize) -> usize {
        self.keeps = most;
        self.send(message);
        let count = self.staged.len().saturating_sub(most);
        let lost: u64 = self
            .staged
            .drain(..count)
            .map(|old| payload_len(&old))
            .sum();
        self.counts.bytes_out -= lost;
        count
    }

    /// Sends what does not count against the high-water mark, before all other messages.
    pub(in crate::pump) fn greet(&mut self, message: Message) {
        self.signals.push_back(Signal::Greeting(message));
    }

    pub(in crate::pump) fn command(&mut self, command: Upstream) {
        self.signals.push_back(Signal::Upstream(command));
    }

    /// Has the other side take what it has room for now, and give back the rest. Returns how many
    /// messages were lost, as [`transfer`](Self::transfer) does.
    pub(in crate::pump) fn say_last(&mut self) -> usize {
        if std::mem::replace(&mut self.said_last, true) {
            return 0;
        }
        self.signals.push_back(Signal::Last);
        self.transfer()
    }

    /// Gives the memory that a burst took back.
    pub(in crate::pump) fn give_back(&mut self) {
        give_back(&mut self.staged);
        self.end.give_back();
    }

    /// Messages there is memory for.
    #[cfg(test)]
    pub(in crate::pump) fn buffered(&self) -> usize {
        self.staged.capacity() + self.end.buffered()
    }

    /// Messages the other side has not taken.
    pub(in crate::pump) fn held(&self) -> usize {
        self.staged.len() + self.crossing
    }

    /// Sends what is staged. Returns how many of the messages on the bridge were lost for that.
    pub(in crate::pump) fn transfer(&mut self) -> usize {
        let mut lost = Vec::new();
        if self.keeps != usize::MAX {
            let most = self.keeps.saturating_sub(self.staged.len());
            self.end.take_back(most, &mut lost);
            self.crossing -= lost.len();
            self.counts.bytes_out -= lost.iter().map(payload_len).sum::<u64>();
        }
        let before = self.staged.len();
        self.end.send(&mut self.staged, &mut self.signals);
        self.crossing += before - self.staged.len();
        lost.len()
    }

    /// What the other side has not taken, once the bridge is closed.
    pub(in crate::pump) fn take_unsent(&mut self) -> Vec<Message> {
        debug_assert_eq!(self.crossing, 0, "a closed bridge holds nothing");
        self.staged.drain(..).collect()
    }
}
