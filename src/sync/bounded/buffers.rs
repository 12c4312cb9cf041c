//! Messages in rows: whole buffers change places where they can.

use std::collections::VecDeque;
use std::mem;

/// Moves all messages to where none are, in exchange for the buffer there. That one is filled from
/// its start again: a queue of a few messages, going round and round in a large buffer, would
/// use more of the cache than it needs.
pub(super) fn exchange<T>(empty: &mut VecDeque<T>, full: &mut VecDeque<T>) {
    mem::swap(empty, full);
    full.clear();
}

/// Moves up to `max` messages; all of them at the price of none where that is possible.
pub(crate) fn move_some<T>(from: &mut VecDeque<T>, into: &mut VecDeque<T>, max: usize) -> usize {
    let count = from.len().min(max);
    if count == from.len() && into.is_empty() {
        exchange(into, from);
    } else if count == from.len() {
        into.append(from);
    } else {
        into.extend(from.drain(..count));
    }
    count
}

/// An emptied buffer with room for more messages than this is not kept for an idle channel.
pub(crate) const KEPT_BUFFER: usize = 1024;

/// Gives the memory that a burst took back, if little is left of it. Whether much memory is in
/// use.
pub(crate) fn give_back<T>(items: &mut VecDeque<T>) -> bool {
    if items.capacity() <= KEPT_BUFFER {
        return false;
    }
    let few = items.len() <= KEPT_BUFFER;
    if few {
        items.shrink_to(KEPT_BUFFER);
    }
    !few
}

/// Where the next message goes, unless that is the start of the buffer.
#[inline]
pub(super) fn end<T>(items: &VecDeque<T>) -> *const T {
    let (front, back) = items.as_slices();
    let last = if back.is_empty() { front } else { back };
    last.as_ptr_range().end
}
