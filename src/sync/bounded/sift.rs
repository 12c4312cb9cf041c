//! Removing messages that are no longer wanted.

use std::collections::VecDeque;

use super::Channel;
use crate::sync::wait_queue::WakeList;

impl<T> Channel<T> {
    /// Removes the messages for which `keep` returns false, from both queues, and returns them. The
    /// others keep their order. The removed messages no longer count against the capacity, as if
    /// they had been received; leaves the wakes to the caller.
    ///
    /// When this returns, every message received from then on was kept or arrived later. Only for a
    /// channel that a pump puts into: a pump that takes from it would wait to be notified.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&T) -> bool, wakes: &mut WakeList) -> Vec<T> {
        debug_assert!(self.consumer.is_none(), "it would wait for the next push");
        let mut unwanted = Vec::new();
        let mut head = self.head.lock();
        let mut tail = self.tail.lock();
        sift(&mut head.items, &mut keep, &mut unwanted);
        sift(&mut tail.items, &mut keep, &mut unwanted);
        head.release(unwanted.len(), wakes);
        tail.released_seen = head.released;
        unwanted
    }

    /// Like [`retain`](Self::retain), but drops the messages, and returns their number.
    pub(crate) fn discard(&self, keep: impl FnMut(&T) -> bool) -> usize {
        let mut wakes = WakeList::default();
        let unwanted = self.retain(keep, &mut wakes);
        self.carry_out(wakes);
        unwanted.len()
    }
}

/// Moves messages that are not to be kept to `unwanted`.
pub(crate) fn sift<T>(
    items: &mut VecDeque<T>,
    mut keep: impl FnMut(&T) -> bool,
    unwanted: &mut Vec<T>,
) {
    let mut kept = 0;
    for index in 0..items.len() {
        if keep(&items[index]) {
            if kept != index {
                items.swap(kept, index);
            }
            kept += 1;
        }
    }
    unwanted.extend(items.drain(kept..));
}
