//! Taking out what is not wanted any more.

use std::collections::VecDeque;

use super::Channel;
use crate::sync::wait_queue::WakeList;

impl<T> Channel<T> {
    /// Takes out the messages that are not to be kept, wherever they lie, and returns them. The
    /// others keep their order. What is taken out no longer counts against the capacity, as if it
    /// had been received; the wakes are left to the caller.
    ///
    /// When this returns, whatever is received from then on was kept or came later. Only for a
    /// channel that a pump puts into: one that takes from it would wait to be called.
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

    /// As [`retain`](Self::retain): drops what is not to be kept, and returns how much that was.
    pub(crate) fn discard(&self, keep: impl FnMut(&T) -> bool) -> usize {
        let mut wakes = WakeList::default();
        let unwanted = self.retain(keep, &mut wakes);
        self.carry_out(wakes);
        unwanted.len()
    }
}

/// Moves what is not to be kept to `unwanted`.
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
