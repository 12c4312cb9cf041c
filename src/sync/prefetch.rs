//! Memory that is about to be needed is asked for in time.
//!
//! A thread that goes round hundreds of sockets and sends one message on each comes back to a queue when its
//! memory has long gone to another processor. To wait for that costs more than all the rest of
//! the call. But where the next message will lie is known when the one before it is put in or
//! taken out, and to ask for that memory then costs next to nothing.

/// The size of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks the processor for the memory of the value at `place`, which it may as well ignore. There
/// need not be a value; the place may even be behind the end of what it points into.
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
    // Elsewhere the standard library cannot say this yet.
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
    // SAFETY: SSE, which has this instruction, is part of every x86-64. It is a hint: it changes
    // nothing that a program can see and never faults, whatever the address.
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
