//! Prefetching memory that is about to be used.
//!
//! A thread that sends one message on each of hundreds of sockets in turn comes back to a queue
//! when its memory has long gone to another processor. Waiting for that costs more than the rest of
//! the call. But the address of the next message is known when the one before it is put in or taken
//! out, and prefetching it then costs next to nothing.

/// The size of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Tells the processor that the value at `place` will be used, which it may ignore. There need not
/// be a value; `place` may even be past the end of its allocation.
#[inline]
pub(crate) fn prefetch<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // A step is a line; the last byte may be on one more.
        let (first, last) = (place.cast::<i8>(), size_of::<T>().saturating_sub(1));
        for step in 0..last.div_ceil(LINE) {
            fetch_line(first.wrapping_add(step * LINE));
        }
        fetch_line(first.wrapping_add(last));
    }
    // On other architectures the standard library has no stable function for this.
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = place;
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[expect(
    unsafe_code,
    reason = "100 to 500 sockets carry 1.5 to 2.3 times as much; it cannot be said otherwise"
)]
fn fetch_line(at: *const i8) {
    use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    // SAFETY: SSE, which has this instruction, is part of every x86-64. It is a hint: it has no
    // visible effect and never faults, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::prefetch;

    #[test]
    fn any_address_may_be_prefetched() {
        let values = [[1_u8; 200]; 2];
        values.iter().for_each(|value| prefetch(value));
        prefetch(values.as_ptr_range().end);
        prefetch(std::ptr::null::<[u8; 200]>());
        prefetch(std::ptr::dangling::<()>());
        assert_eq!(values, [[1; 200]; 2]);
    }
}
