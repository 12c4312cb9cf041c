//! Values of options, as C gives and takes them: a pointer and a size.

use std::ffi::{c_int, c_void};
use std::ops::RangeInclusive;

use crate::errno::{Outcome, EINVAL};

/// The bytes of a value; `None` for a null pointer with a size.
///
/// # Safety
/// The pointer is null or valid for reads of that many bytes, for as long as the bytes are used.
pub(crate) unsafe fn given<'a>(data: *const c_void, len: usize) -> Option<&'a [u8]> {
    match (data.is_null(), len) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: promised by the caller.
        (false, _) => Some(unsafe { std::slice::from_raw_parts(data.cast(), len) }),
    }
}

/// A number of the size of an `int`.
pub(crate) fn int(bytes: &[u8]) -> Outcome<c_int> {
    let bytes = bytes.try_into().map_err(|_| EINVAL)?;
    Ok(c_int::from_ne_bytes(bytes))
}

/// An `int` in a range.
pub(crate) fn ranged(bytes: &[u8], range: RangeInclusive<c_int>) -> Outcome<c_int> {
    let number = int(bytes)?;
    match range.contains(&number) {
        true => Ok(number),
        false => Err(EINVAL),
    }
}

/// A text of a length in a range. It may end with NUL, which is not part of it.
pub(crate) fn text(bytes: &[u8], lengths: RangeInclusive<usize>) -> Outcome<String> {
    if !lengths.contains(&bytes.len()) {
        return Err(EINVAL);
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    String::from_utf8(bytes.to_vec()).map_err(|_| EINVAL)
}

/// What `getsockopt` writes.
pub(crate) trait Value {
    fn write(self, room: &mut [u8]) -> Outcome<usize>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn write(self, room: &mut [u8]) -> Outcome<usize> {
                // The size must be that of the type.
                if room.len() != size_of::<$number>() {
                    return Err(EINVAL);
                }
                room.copy_from_slice(&self.to_ne_bytes());
                Ok(room.len())
            }
        }
    )*};
}

numbers!(c_int, i64, u64);

/// An `int` for which there may be more room than it needs, which is filled with zeros.
pub(crate) struct Roomy(pub(crate) c_int);

impl Value for Roomy {
    fn write(self, room: &mut [u8]) -> Outcome<usize> {
        let bytes = self.0.to_ne_bytes();
        Bytes(&bytes).write(room)
    }
}

/// A text, which is written with a NUL.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl Value for Text<'_> {
    fn write(self, room: &mut [u8]) -> Outcome<usize> {
        let size = self.0.len() + 1;
        if room.len() < size {
            return Err(EINVAL);
        }
        Bytes(self.0).write(room)?;
        Ok(size)
    }
}

/// Bytes without a NUL; the rest of the room is filled with zeros.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Value for Bytes<'_> {
    fn write(self, room: &mut [u8]) -> Outcome<usize> {
        let (start, rest) = room.split_at_mut_checked(self.0.len()).ok_or(EINVAL)?;
        start.copy_from_slice(self.0);
        rest.fill(0);
        Ok(self.0.len())
    }
}

/// The user's room for a value.
pub(crate) struct Room<'a> {
    room: &'a mut [u8],
    size: &'a mut usize,
}

impl Room<'_> {
    /// # Safety
    /// The pointers are null or valid, the first for writes of as many bytes as the second says, and
    /// nothing else uses that memory.
    pub(crate) unsafe fn new(data: *mut c_void, size: *mut usize) -> Outcome<Self> {
        if data.is_null() || size.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: promised by the caller.
        unsafe {
            Ok(Room {
                room: std::slice::from_raw_parts_mut(data.cast(), *size),
                size: &mut *size,
            })
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.room.len()
    }

    pub(crate) fn put(&mut self, value: impl Value) -> Outcome {
        *self.size = value.write(self.room)?;
        Ok(())
    }
}
