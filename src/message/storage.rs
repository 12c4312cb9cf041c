//! Where payloads live that are too long for a frame.
//!
//! A payload is made by one thread and dropped by another, which is what allocators are slowest
//! at: small ones queue for a lock, and large ones go back to the system, to be asked for again
//! page by page. So short payloads share an allocation, a slab, and the memory of large ones is
//! kept for those that come after.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// The most memory that a short frame which is kept for long holds on to, beside its own.
const SLAB: usize = 16 << 10;

/// Longer ones would leave too much of a slab unused.
pub(crate) const LONGEST_IN_SLAB: usize = SLAB / 8;

/// Less than this does not get its own slab.
const SHORTEST_RUN: usize = SLAB / 4;

/// The shortest payload whose memory is kept, as a power of two.
const SMALLEST_KEPT: u32 = 12;

/// The longest, likewise: a few kept would be all that may be kept.
const LARGEST_KEPT: u32 = 21;

const CLASSES: usize = (LARGEST_KEPT - SMALLEST_KEPT + 1) as usize;

/// As much is kept of each class, by the smallest size in it; twice as much at the most.
const KEPT_PER_CLASS: usize = 2 << 20;

/// Buffers that are looked at for one of the right size: mostly the last one is.
const TRIES: usize = 8;

thread_local! {
    static SLAB_IN_USE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

static KEPT: Keeper = Keeper::new();

/// A copy of `bytes`.
pub(crate) fn copy(bytes: &[u8]) -> Bytes {
    match bytes.len() {
        ..=LONGEST_IN_SLAB => copy_short(bytes),
        length if class(length).is_some() => {
            let mut buffer = take(length).unwrap_or_else(|| Vec::with_capacity(length));
            buffer.clear();
            buffer.extend_from_slice(bytes);
            share(buffer)
        }
        _ => Bytes::copy_from_slice(bytes),
    }
}

/// A copy of what stands at the beginning of `bytes`, to be cut into payloads: of as many times
/// `length` bytes as may share an allocation. `None` if there is so little that each of them is
/// better copied alone.
pub(crate) fn copy_run(bytes: &[u8], length: usize) -> Option<Bytes> {
    if bytes.len() < SHORTEST_RUN {
        return None;
    }
    let run = &bytes[..bytes.len().min(SLAB / length * length)];
    // No larger one that is kept: each of the payloads may be kept for long, and holds on to it.
    let capacity = run.len().next_power_of_two();
    let mut buffer =
        take_within(capacity, capacity).unwrap_or_else(|| Vec::with_capacity(capacity));
    buffer.clear();
    buffer.extend_from_slice(run);
    Some(share(buffer))
}

/// A buffer as it is, whose memory will be kept if it is worth it.
pub(crate) fn share(buffer: Vec<u8>) -> Bytes {
    KEPT.share(buffer)
}

/// A buffer with a capacity of `length` bytes or more and anything in it, if one is kept.
pub(crate) fn take(length: usize) -> Option<Vec<u8>> {
    take_within(length, usize::MAX)
}

/// The same, if its capacity is at most `most`.
fn take_within(length: usize, most: usize) -> Option<Vec<u8>> {
    #[cfg(test)]
    if tests::takes_nothing() {
        return None;
    }
    KEPT.take(length, most)
}

/// Cuts a copy off this thread's slab.
fn copy_short(bytes: &[u8]) -> Bytes {
    let copied = SLAB_IN_USE.try_with(|slab| {
        let mut slab = slab.borrow_mut();
        if slab.capacity() - slab.len() < bytes.len() {
            *slab = BytesMut::with_capacity(SLAB);
        }
        slab.extend_from_slice(bytes);
        slab.split().freeze()
    });
    // A thread that is ending has no slab any more.
    copied.unwrap_or_else(|_| Bytes::copy_from_slice(bytes))
}

/// Which of the classes buffers of a size are in, if they are kept.
fn class(capacity: usize) -> Option<usize> {
    let power = capacity.checked_ilog2()?;
    let kept = (SMALLEST_KEPT..=LARGEST_KEPT).contains(&power);
    kept.then(|| (power - SMALLEST_KEPT) as usize)
}

/// Unused buffers, by size.
struct Keeper(Mutex<[Vec<Vec<u8>>; CLASSES]>);

impl Keeper {
    const fn new() -> Self {
        Keeper(Mutex::new([const { Vec::new() }; CLASSES]))
    }

    fn share(&'static self, buffer: Vec<u8>) -> Bytes {
        match class(buffer.capacity()) {
            Some(_) => Bytes::from_owner(Lent { buffer, by: self }),
            None => Bytes::from(buffer),
        }
    }

    fn take(&self, length: usize, most: usize) -> Option<Vec<u8>> {
        let first = class(length)?;
        let mut kept = self.kept();
        kept[first..].iter_mut().take(2).find_map(|buffers| {
            let tried = buffers.len().saturating_sub(TRIES);
            let fits = |buffer: &Vec<u8>| (length..=most).contains(&buffer.capacity());
            let index = buffers[tried..].iter().rposition(fits)?;
            Some(buffers.swap_remove(tried + index))
        })
    }

    fn keep(&self, buffer: Vec<u8>) {
        let Some(class) = class(buffer.capacity()) else {
            return;
        };
        let most = KEPT_PER_CLASS >> (SMALLEST_KEPT + class as u32);
        let mut kept = self.kept();
        // One too many is freed after the lock is.
        if kept[class].len() < most {
            kept[class].push(buffer);
        }
    }

    fn kept(&self) -> MutexGuard<'_, [Vec<Vec<u8>>; CLASSES]> {
        // What is in there is whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer in use, which goes back once it is not used any more.
struct Lent {
    buffer: Vec<u8>,
    by: &'static Keeper,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.by.keep(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static TAKES_NOTHING: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn takes_nothing() -> bool {
        TAKES_NOTHING.get()
    }

    /// While this lives, the current thread gets no memory that others have used before: what it
    /// holds is what it asked for.
    pub(crate) struct FreshMemory;

    impl FreshMemory {
        pub(crate) fn only() -> Self {
            TAKES_NOTHING.set(true);
            FreshMemory
        }
    }

    impl Drop for FreshMemory {
        fn drop(&mut self) {
            TAKES_NOTHING.set(false);
        }
    }

    /// Sizes at the edges of every way to keep a payload.
    fn sizes() -> impl Iterator<Item = usize> {
        let edges = [LONGEST_IN_SLAB, SLAB, 1 << SMALLEST_KEPT, 2 << LARGEST_KEPT];
        edges.into_iter().flat_map(|edge| edge - 1..=edge + 1)
    }

    #[test]
    fn a_copy_is_a_copy_whatever_its_size_and_what_was_before() {
        for round in 0..3_u8 {
            for size in sizes() {
                let bytes: Vec<u8> = (0..size).map(|i| i as u8 ^ round).collect();
                let copied = copy(&bytes);
                assert_eq!(copied, bytes, "{size} bytes, round {round}");
            }
        }
    }

    #[test]
    fn short_copies_share_an_allocation() {
        let copies: Vec<Bytes> = (0..8).map(|i| copy(&[i; 100])).collect();
        let neighbours = copies
            .windows(2)
            .filter(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr())
            .count();
        // Whatever was cut before, at most one slab ends among so few.
        assert!(neighbours >= 6, "{neighbours} of 7 neighbours");
        assert!(copies.iter().zip(0..).all(|(copy, i)| copy[..] == [i; 100]));
    }

    #[test]
    fn a_run_is_of_whole_payloads_and_bounded() {
        let bytes: Vec<u8> = (0..3 * SLAB).map(|i| (i % 251) as u8).collect();
        assert_eq!(copy_run(&bytes[..SHORTEST_RUN - 1], 100), None);
        for length in [67, 300, 1024, LONGEST_IN_SLAB + 9] {
            let run = copy_run(&bytes, length).expect("enough");
            assert!(run.len() % length == 0 && SLAB - run.len() < length);
            assert_eq!(run, bytes[..run.len()]);
            let short = copy_run(&bytes[..SHORTEST_RUN], length).expect("enough");
            assert_eq!(short, bytes[..SHORTEST_RUN]);
        }
    }

    #[test]
    fn the_memory_of_a_large_payload_is_reused_once_it_is_dropped() {
        const SIZE: usize = (1 << 20) + 1;
        static KEEPER: Keeper = Keeper::new();
        let first = KEEPER.share(vec![1; SIZE]);
        let (at, copied) = (first.as_ptr(), first.clone());
        drop(first);
        let any = |length| KEEPER.take(length, usize::MAX);
        assert!(any(SIZE).is_none(), "still in use");
        drop(copied);
        assert!(any(SIZE + 1).is_none(), "too small");
        assert!(KEEPER.take(SIZE - 2, SIZE - 1).is_none(), "too large");
        let again = any(SIZE - 1).expect("kept");
        assert_eq!((again.as_ptr(), again.len()), (at, SIZE));
        assert!(any(SIZE).is_none(), "taken");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        static KEEPER: Keeper = Keeper::new();
        for size in sizes() {
            let many: Vec<Bytes> = (0..KEPT_PER_CLASS >> SMALLEST_KEPT)
                .map(|_| KEEPER.share(Vec::with_capacity(size)))
                .collect();
            drop(many);
        }
        let kept = KEEPER.kept();
        let bytes = |buffers: &Vec<Vec<u8>>| buffers.iter().map(Vec::capacity).sum::<usize>();
        assert!(kept
            .iter()
            .all(|buffers| bytes(buffers) <= 2 * KEPT_PER_CLASS));
        assert!(bytes(&kept[0]) >= KEPT_PER_CLASS, "the smallest are kept");
        let largest = kept.iter().flatten().map(Vec::capacity).max();
        assert!(largest < Some(2 << LARGEST_KEPT), "{largest:?}");
    }
}
