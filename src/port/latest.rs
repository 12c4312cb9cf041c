//! Only the reply to the latest request counts: for a REQ socket whose new request cancels the last
//! one.
//!
//! Every accepted request has a number, and its reply has the same. Once a request is accepted, no
//! reply to an earlier one is received: replies in `out` are removed under the lock that numbers
//! the request, and replies in transit are compared with the latest number under the same lock.

use std::collections::VecDeque;

use crate::message::{numbered, Message};
use crate::sync::bounded::{sift, Channel, Offer, Waiting};
use crate::sync::primitives::{AtomicU8, Mutex, Ordering};
use crate::sync::wait_queue::WakeList;

/// Stands between both channels of a socket that sends requests.
pub(crate) struct Latest {
    /// Whether a new request cancels the last one: 0 or 1.
    relaxed: AtomicU8,
    numbers: Mutex<Numbers>,
}

struct Numbers {
    /// The number of the last numbered request; 0 before the first.
    latest: u64,
    /// The latest request may have no number: none has been numbered since requests began to cancel
    /// the last one.
    unnumbered: bool,
    /// Replies removed from `out` since the last call of `take_late`.
    late: usize,
}

impl Latest {
    pub(crate) fn new(relaxed: bool) -> Self {
        Latest {
            relaxed: AtomicU8::new(u8::from(relaxed)),
            numbers: Mutex::new(Numbers {
                latest: 0,
                unnumbered: true,
                late: 0,
            }),
        }
    }

    /// Sets whether a new request cancels the last one.
    pub(crate) fn set_relaxed(&self, relaxed: bool) {
        let mut numbers = self.numbers.lock();
        numbers.unnumbered |= relaxed && !self.is_relaxed();
        self.relaxed.store(u8::from(relaxed), Ordering::Relaxed);
    }

    /// May be outdated while another thread changes it; the thread that has changed it sees the new
    /// value.
    pub(crate) fn is_relaxed(&self) -> bool {
        self.relaxed.load(Ordering::Relaxed) != 0
    }

    /// Adds a request to `requests` and, if it is accepted, removes the replies to earlier ones
    /// from `replies`.
    pub(crate) fn offer(
        &self,
        requests: &Channel<Message>,
        replies: &Channel<Message>,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Offer {
        let (mut wakes, mut room) = (WakeList::default(), WakeList::default());
        let mut numbers = self.numbers.lock();
        let number = numbers.latest + 1;
        if let Some(request) = slot {
            request.set_tag(numbered(number));
        }
        let offer = requests.offer(slot, waiting, &mut wakes);
        let mut stale = Vec::new();
        if offer == Offer::Taken {
            numbers.latest = number;
            numbers.unnumbered = false;
            stale = replies.retain(|_| false, &mut room);
            numbers.late += stale.len();
        } else if let Some(request) = slot {
            request.set_tag(0);
        }
        drop(numbers);
        drop(stale);
        requests.carry_out(wakes);
        replies.carry_out(room);
        offer
    }

    /// Appends the replies in `batch` to `replies`, except those to cancelled requests. Replies
    /// that do not fit stay in `batch`.
    pub(crate) fn deliver(&self, replies: &Channel<Message>, batch: &mut VecDeque<Message>) {
        if !self.is_relaxed() {
            return replies.push_batch(batch);
        }
        let mut wakes = WakeList::default();
        let (mut stale, mut evicted) = (Vec::new(), Vec::new());
        {
            let mut numbers = self.numbers.lock();
            let latest = numbered(numbers.latest);
            let is_latest = |reply: &Message| match reply.tag() {
                0 => numbers.unnumbered,
                tag => tag == latest,
            };
            sift(batch, is_latest, &mut stale);
            numbers.late += stale.len();
            replies.append(batch, &mut evicted, &mut wakes);
        }
        replies.carry_out(wakes);
    }

    /// Takes the number of replies that came too late since the last call.
    pub(crate) fn take_late(&self) -> usize {
        match self.is_relaxed() {
            true => std::mem::take(&mut self.numbers.lock().late),
            false => 0,
        }
    }
}
