//! What waits for its turn, each slot once.

use std::collections::VecDeque;

/// Slots that wait for their turn, in the order in which they became ready. A slot that is queued
/// already is not queued again.
///
/// The list knows by itself which slots are queued. An entry of a slot that was emptied meanwhile
/// stays until it is popped, and finds nothing; but the slot must be [forgotten](Self::forget), so
/// that its next user can be queued.
#[derive(Debug, Default)]
pub(super) struct ReadyList {
    queue: VecDeque<usize>,
    /// By slot.
    is_queued: Vec<bool>,
}

impl ReadyList {
    /// Queues a slot behind all others, unless it is queued already.
    #[inline]
    pub(super) fn push(&mut self, slot: usize) {
        if self.is_queued.len() <= slot {
            self.grow(slot);
        }
        if !std::mem::replace(&mut self.is_queued[slot], true) {
            self.queue.push_back(slot);
        }
    }

    #[cold]
    fn grow(&mut self, slot: usize) {
        self.is_queued.resize(slot + 1, false);
    }

    /// The slot whose turn it is. It can be queued again from now on.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<usize> {
        let slot = self.queue.pop_front()?;
        if let Some(is_queued) = self.is_queued.get_mut(slot) {
            *is_queued = false;
        }
        Some(slot)
    }

    /// The slot was emptied: what takes its place is not queued.
    pub(super) fn forget(&mut self, slot: usize) {
        if let Some(is_queued) = self.is_queued.get_mut(slot) {
            *is_queued = false;
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.is_queued.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_waits_once_and_in_order() {
        let mut list = ReadyList::default();
        assert!(list.is_empty() && list.pop().is_none());
        for slot in [3, 1, 3, 0, 1] {
            list.push(slot);
        }
        assert_eq!(list.len(), 3);
        assert_eq!([list.pop(), list.pop()], [Some(3), Some(1)]);
        // From its turn on, a slot can be queued again, behind the others.
        list.push(3);
        list.push(0);
        assert_eq!(
            [list.pop(), list.pop(), list.pop()],
            [Some(0), Some(3), None]
        );
    }

    #[test]
    fn the_next_user_of_a_slot_is_queued_separately() {
        let mut list = ReadyList::default();
        list.push(2);
        list.forget(2);
        list.forget(7);
        list.push(1);
        list.push(2);
        assert_eq!(
            [list.pop(), list.pop(), list.pop()],
            [Some(2), Some(1), Some(2)]
        );
        list.push(2);
        list.clear();
        assert!(list.is_empty());
        list.push(2);
        assert_eq!(list.pop(), Some(2));
    }
}
