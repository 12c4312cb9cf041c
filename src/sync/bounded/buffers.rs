//! Moving messages between buffers, by swapping whole buffers where possible.

use std::collections::VecDeque;
use std::mem;

/// Moves all messages of `full` to the empty buffer, by swapping the two. The buffer left behind is
/// filled from its start: a queue of a few messages that cycles through a large buffer would use
/// more of the cache than it needs.
pub(super) fn exchange<T>(empty: &mut VecDeque<T>, full: &mut VecDeque<T>) {
    mem::swap(empty, full);
    full.clear();
}

/// Moves up to `max` messages; moving all of them costs nothing if the buffers can be swapped.
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

/// An empty buffer with room for more messages than this is not kept for an idle channel.
pub(crate) const KEPT_BUFFER: usize = 1024;

/// Releases memory that a burst took, if few messages are left of it. Returns whether much memory
/// is in use.
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

/// The address of the next message, unless that is the start of the buffer.
#[inline]
pub(super) fn end<T>(items: &VecDeque<T>) -> *const T {
    let (front, back) = items.as_slices();
    let last = if back.is_empty() { front } else { back };
    last.as_ptr_range().end
}
