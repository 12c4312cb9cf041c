//! One frame: bytes that are stored inline or shared, and what becomes one.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use super::storage;

/// Payloads up to this many bytes live inside the [`Frame`] itself and cost no allocation:
/// messages of 64 bytes are common in this field, and larger ones cost more to move.
pub const INLINE_CAPACITY: usize = 64;

/// One frame of a [`Message`](crate::Message): an immutable run of bytes.
///
/// Small frames (up to [`INLINE_CAPACITY`] bytes) are stored inline. Larger ones share
/// their storage: cloning one copies a pointer, not the payload.
///
/// A frame of up to 2 KiB may share its allocation, of 16 KiB, with others that came before and
/// after it. To keep one for long without that, keep a copy: `frame.to_vec()`. The memory of
/// frames between 4 KiB and 4 MiB is used again for others; of what is not used the process
/// keeps 40 MiB at most, mostly less than half of that.
///
/// ```
/// use zmq_channels::Frame;
///
/// let frame = Frame::from("hello");
/// assert_eq!(&frame[..], b"hello");
/// assert_eq!(frame.len(), 5);
/// assert_eq!(frame.as_str(), Some("hello"));
/// ```
///
/// [`Display`](fmt::Display) writes the whole frame as text, with U+FFFD (�) for what is no UTF-8, as
/// [`String::from_utf8_lossy`] has it. [`Debug`](fmt::Debug) is for logs: text in quotes, anything else
/// in hexadecimal, shortened to 64 bytes.
#[derive(Clone)]
#[doc(alias = "zmq_msg_t")]
#[doc(alias = "zframe")]
pub struct Frame(Repr);

/// Words of eight bytes, so that a frame is moved in few wide steps: with a tag and a length of
/// one byte each, moving one cost several times as much.
#[derive(Clone)]
#[repr(u64)]
enum Repr {
    Inline {
        len: usize,
        bytes: [u8; INLINE_CAPACITY],
    },
    Shared(Bytes),
}

impl Frame {
    /// A frame of no bytes, such as the delimiter in front of a request.
    #[must_use]
    pub const fn empty() -> Self {
        Frame(Repr::Inline {
            len: 0,
            bytes: [0; INLINE_CAPACITY],
        })
    }

    /// Copies `bytes` into a new frame.
    #[must_use]
    #[inline]
    #[doc(alias = "zmq_msg_init_size")]
    #[doc(alias = "zmq_msg_init_buffer")]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        let mut frame = Frame::empty();
        frame.copy(bytes);
        frame
    }

    /// Fills an empty frame where it stands: an array on the side would be moved once more.
    #[inline]
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Repr::Inline { len, bytes: room } if bytes.len() <= INLINE_CAPACITY => {
                copy_short(bytes, room);
                *len = bytes.len();
            }
            _ => self.0 = Repr::Shared(storage::copy(bytes)),
        }
    }

    /// The first `len` bytes of `window`. What stands behind them is kept, but never seen: so
    /// the copy has a fixed size, and is a few wide moves instead of a call.
    #[inline]
    pub(crate) fn from_window(window: &[u8; INLINE_CAPACITY], len: u8) -> Self {
        debug_assert!(usize::from(len) <= INLINE_CAPACITY);
        Frame(Repr::Inline {
            len: usize::from(len),
            bytes: *window,
        })
    }

    /// The text, if the bytes are valid UTF-8.
    ///
    /// ```
    /// use zmq_channels::{Frame, Message};
    ///
    /// let message = Message::from(("weather", [0xFF]));
    /// assert_eq!(message[0].as_str(), Some("weather"));
    /// assert_eq!(message[1].as_str(), None);
    /// ```
    #[must_use]
    #[doc(alias = "to_str")]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self).ok()
    }

    /// The bytes as a shared [`Bytes`]; copies only what is stored inline.
    #[must_use]
    #[doc(alias = "zmq_msg_data")]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self),
            Repr::Shared(bytes) => bytes.clone(),
        }
    }

    /// A frame that shares its storage however small it is: what drops the last clone drops that.
    pub(super) const fn shared_as_is(bytes: Bytes) -> Self {
        Frame(Repr::Shared(bytes))
    }

    /// The shared storage of a large frame, if it is stored that way.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline { .. } => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

/// Copies at most [`INLINE_CAPACITY`] bytes in steps of the width by which frames are moved: a
/// processor hands what it has just stored to the next load only if both are of one piece.
#[inline]
fn copy_short(bytes: &[u8], room: &mut [u8; INLINE_CAPACITY]) {
    const STEP: usize = 16;
    let (mut steps, mut rooms) = (bytes.chunks_exact(STEP), room.chunks_exact_mut(STEP));
    for (step, room) in steps.by_ref().zip(rooms.by_ref()) {
        room.copy_from_slice(step);
    }
    let rest = steps.remainder();
    let start = bytes.len() - rest.len();
    room[start..bytes.len()].copy_from_slice(rest);
}

impl Default for Frame {
    fn default() -> Self {
        Frame::empty()
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..*len],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Frame {}

impl std::hash::Hash for Frame {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

macro_rules! frame_equals {
    ($($kind:ty),* $(,)?) => {
        $(impl PartialEq<$kind> for Frame {
            fn eq(&self, other: &$kind) -> bool {
                let other: &[u8] = other.as_ref();
                self[..] == *other
            }
        })*
    };
}

frame_equals!(str, &str, String, [u8], &[u8], Vec<u8>, Bytes);

impl<const N: usize> PartialEq<[u8; N]> for Frame {
    fn eq(&self, other: &[u8; N]) -> bool {
        self[..] == other[..]
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Frame {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self[..] == other[..]
    }
}

/// The text, with U+FFFD for what is no UTF-8.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self))
    }
}

/// Shows readable text as text and everything else as hexadecimal bytes, shortened.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let head = &self[..self.len().min(SHOWN)];
        match std::str::from_utf8(head) {
            Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}")?,
            _ => {
                f.write_str("0x")?;
                for byte in head {
                    write!(f, "{byte:02x}")?;
                }
            }
        }
        if self.len() > SHOWN {
            write!(f, "… ({} bytes)", self.len())?;
        }
        Ok(())
    }
}

impl From<Bytes> for Frame {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE_CAPACITY {
            Frame::copy_from_slice(&bytes)
        } else {
            Frame(Repr::Shared(bytes))
        }
    }
}

impl From<Vec<u8>> for Frame {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_CAPACITY {
            Frame::copy_from_slice(&bytes)
        } else {
            Frame(Repr::Shared(bytes.into()))
        }
    }
}

impl From<Box<[u8]>> for Frame {
    fn from(bytes: Box<[u8]>) -> Self {
        Frame::from(bytes.into_vec())
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Frame::from(text.into_bytes())
    }
}

impl From<&str> for Frame {
    #[inline]
    fn from(text: &str) -> Self {
        Frame::copy_from_slice(text.as_bytes())
    }
}

impl From<&String> for Frame {
    fn from(text: &String) -> Self {
        Frame::copy_from_slice(text.as_bytes())
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl From<&Vec<u8>> for Frame {
    fn from(bytes: &Vec<u8>) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Frame {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Frame::copy_from_slice(&bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl From<&Frame> for Frame {
    fn from(frame: &Frame) -> Self {
        frame.clone()
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Shared(bytes) => bytes,
            Repr::Inline { .. } => Bytes::copy_from_slice(&frame),
        }
    }
}

impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Shared(bytes) => bytes.into(),
            Repr::Inline { .. } => frame.to_vec(),
        }
    }
}
