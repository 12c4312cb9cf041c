//! One half of a pipe to another pump: one end of a bridge, and the messages sent over it at the
//! end of a turn.

use std::collections::VecDeque;

use crate::message::Message;
use crate::pattern::Upstream;
use crate::pump::counts::{pass_on, payload_len, Counts};
use crate::pump::signal::{End, Signal};
use crate::sync::bounded::give_back;

/// One half of a pipe between two pumps.
pub(in crate::pump) struct Cross {
    pub(super) end: End,
    /// To be sent at the end of this turn.
    pub(super) staged: VecDeque<Message>,
    pub(super) signals: VecDeque<Signal>,
    /// Messages on the bridge, as far as is known.
    pub(super) crossing: usize,
    /// Whether this side has announced that there will be no more messages.
    said_last: bool,
    /// Whether the other side has.
    pub(super) is_last: bool,
    /// Maximum number of messages that may wait for the other side under a policy that drops the
    /// oldest.
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

    /// Like `send`, but no more than `most` messages may wait: the oldest are dropped. Returns how
    /// many of the dropped ones had not been sent yet; the others are found by
    /// [`transfer`](Self::transfer).
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

    /// Sends a message that does not count against the high-water mark, before all other messages.
    pub(in crate::pump) fn greet(&mut self, message: Message) {
        self.signals.push_back(Signal::Greeting(message));
    }

    pub(in crate::pump) fn command(&mut self, command: Upstream) {
        self.signals.push_back(Signal::Upstream(command));
    }

    /// Announces the last message, so that the other side takes what it has room for now, and
    /// returns the rest. Returns how many messages were dropped, as [`transfer`](Self::transfer)
    /// does.
    pub(in crate::pump) fn say_last(&mut self) -> usize {
        if std::mem::replace(&mut self.said_last, true) {
            return 0;
        }
        self.signals.push_back(Signal::Last);
        self.transfer()
    }

    /// Releases memory that a burst took.
    pub(in crate::pump) fn give_back(&mut self) {
        give_back(&mut self.staged);
        self.end.give_back();
    }

    /// Number of messages there is memory for.
    #[cfg(test)]
    pub(in crate::pump) fn buffered(&self) -> usize {
        self.staged.capacity() + self.end.buffered()
    }

    /// Messages that the other side has not taken.
    pub(in crate::pump) fn held(&self) -> usize {
        self.staged.len() + self.crossing
    }

    /// Sends what is staged. Returns how many of the messages on the bridge were dropped for that.
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

    /// The messages that the other side has not taken, once the bridge is closed.
    pub(in crate::pump) fn take_unsent(&mut self) -> Vec<Message> {
        debug_assert_eq!(self.crossing, 0, "a closed bridge holds nothing");
        self.staged.drain(..).collect()
    }
}
