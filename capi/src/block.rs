//! Memory of messages: allocated here (zmq_msg_init_size(3)) or given by the user
//! (zmq_msg_init_data(3)), shared by the copies of a message, and released once.

use std::alloc::{alloc, dealloc, Layout};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::atomic::{fence, AtomicUsize, Ordering};

/// The user's function that releases memory (`zmq_free_fn`).
pub(crate) type FreeFn = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

/// How the memory is released.
enum Release {
    /// It follows the header, in the same allocation.
    Here,
    /// It is the user's, who is told if there is a function for that.
    User(Option<FreeFn>, *mut c_void),
}

struct Header {
    shares: AtomicUsize,
    data: *mut u8,
    len: usize,
    release: Release,
}

/// One share of a block of memory.
pub(crate) struct Block(NonNull<Header>);

// SAFETY: the header is changed through an atomic number only. The bytes are the user's: as with
// libzmq, they must not write to a message while they or another thread use a copy of it.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// Allocates `len` bytes, which are not initialised; `None` if there is no memory.
    pub(crate) fn new(len: usize) -> Option<Block> {
        let layout = Self::layout(len)?;
        // SAFETY: the size of the layout is not zero, since there is a header.
        let header = NonNull::new(unsafe { alloc(layout) }.cast::<Header>())?;
        // SAFETY: the allocation has the size and alignment of a header with `len` bytes after it.
        unsafe {
            header.write(Header {
                shares: AtomicUsize::new(1),
                data: header.add(1).cast().as_ptr(),
                len,
                release: Release::Here,
            });
        }
        Some(Block(header))
    }

    /// A copy of bytes.
    pub(crate) fn copy(bytes: &[u8]) -> Option<Block> {
        let block = Block::new(bytes.len())?;
        // SAFETY: the block was just allocated with that length, and nothing else refers to it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), block.data(), bytes.len()) };
        Some(block)
    }

    /// Takes over memory of the user's.
    ///
    /// # Safety
    /// `data` is valid for reads and writes of `len` bytes until `free` is called with it and `hint`,
    /// from any thread.
    pub(crate) unsafe fn foreign(
        data: *mut u8,
        len: usize,
        free: Option<FreeFn>,
        hint: *mut c_void,
    ) -> Option<Block> {
        let layout = Layout::new::<Header>();
        // SAFETY: the size of a header is not zero.
        let header = NonNull::new(unsafe { alloc(layout) }.cast::<Header>())?;
        // SAFETY: the allocation is one for a header.
        unsafe {
            header.write(Header {
                shares: AtomicUsize::new(1),
                data,
                len,
                release: Release::User(free, hint),
            });
        }
        Some(Block(header))
    }

    fn layout(len: usize) -> Option<Layout> {
        let bytes = Layout::array::<u8>(len).ok()?;
        Some(Layout::new::<Header>().extend(bytes).ok()?.0)
    }

    fn header(&self) -> &Header {
        // SAFETY: the header lives as long as there is a share.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(crate) fn data(&self) -> *mut u8 {
        self.header().data
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.header().len
    }

    /// Whether there is another share, or the memory is constant: the user does not want to be told when
    /// it is not needed any more.
    pub(crate) fn is_shared(&self) -> bool {
        let is_constant = matches!(self.header().release, Release::User(None, _));
        is_constant || self.header().shares.load(Ordering::Relaxed) > 1
    }

    /// The share as a pointer, to be stored in a `zmq_msg_t`.
    pub(crate) fn into_raw(self) -> *mut c_void {
        let raw = self.0.as_ptr().cast();
        std::mem::forget(self);
        raw
    }

    /// The share that [`into_raw`](Block::into_raw) has returned.
    ///
    /// # Safety
    /// Each pointer is turned back into one share only.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut c_void) -> Block {
        // SAFETY: the pointer came from a `NonNull`.
        Block(unsafe { NonNull::new_unchecked(raw.cast()) })
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.len() {
            0 => &[],
            // SAFETY: the memory is valid for that many bytes while there is a share; see `Send`
            // about writes.
            len => unsafe { std::slice::from_raw_parts(self.data(), len) },
        }
    }
}

impl Clone for Block {
    fn clone(&self) -> Self {
        self.header().shares.fetch_add(1, Ordering::Relaxed);
        Block(self.0)
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // A single share needs no read-modify-write: no other thread can make another of it.
        if self.header().shares.load(Ordering::Acquire) != 1 {
            if self.header().shares.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        // SAFETY: this was the last share. The header is read out before its memory is released,
        // with the layout that it was allocated with.
        unsafe {
            let header = self.0.read();
            let raw = self.0.as_ptr().cast();
            match header.release {
                Release::Here => match Self::layout(header.len) {
                    Some(layout) => dealloc(raw, layout),
                    None => unreachable!("it was allocated with this layout"),
                },
                Release::User(free, hint) => {
                    dealloc(raw, Layout::new::<Header>());
                    if let Some(free) = free {
                        free(header.data.cast(), hint);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn count(_data: *mut c_void, hint: *mut c_void) {
        // SAFETY: the hint is the number below.
        unsafe { *hint.cast::<u32>() += 1 };
    }

    #[test]
    fn the_users_function_is_called_once_by_the_last_share() {
        let (mut bytes, mut calls) = ([1_u8; 3], 0_u32);
        let hint = (&raw mut calls).cast();
        // SAFETY: the array outlives the block.
        let block = unsafe { Block::foreign(bytes.as_mut_ptr(), 3, Some(count), hint) }.unwrap();
        let copy = block.clone();
        assert!(block.is_shared());
        drop(block);
        assert_eq!((calls, copy.bytes()), (0, &[1, 1, 1][..]));
        drop(copy);
        assert_eq!(calls, 1);
    }

    #[test]
    fn allocated_memory_has_the_length_asked_for() {
        assert_eq!(Block::copy(b"bytes").unwrap().bytes(), b"bytes");
        assert!(Block::new(0).unwrap().bytes().is_empty());
        assert!(Block::new(usize::MAX).is_none());
    }
}
