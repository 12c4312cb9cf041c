//! Decodes bytes into frames (RFC 37, Framing; RFC 13, The Framing Layer).
//!
//! Short payloads are copied out of the buffer many at once, as a run, and are slices of it. The
//! memory that a long-lived payload keeps alive is bounded by the length of a run, never by the
//! buffer's.
//!
//! Bytes are read into one of two places: a reusable buffer, or, for a frame too large for it, the
//! vector that becomes the frame, so that the kernel writes its bytes where they stay. Both grow
//! with the bytes that arrive, never with a size that is merely announced.
//!
//! The buffer grows up to the batch size, which is the maximum of one read. The decoder wants no
//! more bytes once half of that waits undecoded, so that making room never moves more bytes than it
//! gains. A frame of more than a quarter, unless it has arrived already, gets a separate vector,
//! as a second read into the right place is cheaper than a copy. So a buffer with enough bytes
//! always contains a whole frame.

use bytes::Bytes;

use super::frame::{Header, LONG, LONGEST_HEADER};
use super::CloseReason;
use crate::message::storage;
use crate::message::{Frame, INLINE_CAPACITY};

/// Initial size of the buffer: enough for a handshake and for slow traffic, small enough for ten
/// thousand idle connections.
const INITIAL_BUFFER: usize = 4 << 10;

/// Factor by which a buffer grows after a read has filled it.
const BUFFER_GROWTH: usize = 4;

/// Room must be zeroed before the kernel may write to it: in steps of this size, so that it is
/// still in the cache then.
const BODY_STEP: usize = 256 << 10;

/// Number of bytes read after a large frame: enough to see whether another one follows, which is
/// then read into the right place.
const AFTER_LARGE: usize = 4 << 10;

/// A frame of a message, or a command, without copying.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) more: bool,
    pub(super) command: bool,
    pub(super) body: Body<'a>,
}

/// The bytes of a frame.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// Still in the buffer.
    Buffered(&'a [u8]),
    /// In their own vector.
    Own(Vec<u8>),
}

impl Body<'_> {
    pub(super) fn into_frame(self) -> Frame {
        match self {
            Body::Buffered(bytes) => Frame::copy_from_slice(bytes),
            Body::Own(bytes) => Frame::from(storage::share(bytes)),
        }
    }
}

#[derive(Debug)]
pub(super) struct Decoder {
    /// Maximum size of the buffer.
    batch_size: usize,
    /// Initialised to its end; `start..end` waits to be decoded.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A copy of the buffer from `run_start` on; short messages are slices of it.
    run: Bytes,
    run_start: usize,
    /// A read has filled the buffer: a larger one would have received more.
    filled: bool,
    /// The last frame was large, so the next may be too.
    after_large: bool,
    /// A large frame, in front of the bytes in the buffer.
    large: Option<LargeFrame>,
    /// Maximum size of a body.
    limit: u64,
}

impl Decoder {
    /// A decoder that reads at most `batch_size` bytes at once, except for large frames.
    pub(super) fn new(batch_size: usize) -> Self {
        Decoder {
            batch_size,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            run: Bytes::new(),
            run_start: 0,
            filled: false,
            after_large: false,
            large: None,
            limit: 0,
        }
    }

    /// Sets the maximum size of frames from here on. A vector is never larger than `isize::MAX`.
    pub(super) fn limit_frames(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(u64::MAX).min(isize::MAX as u64);
    }

    /// Room for received bytes; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let buffered = self.large.as_ref().is_none_or(LargeFrame::is_whole);
        if buffered {
            self.make_room();
        }
        match &mut self.large {
            Some(large) if !buffered => large.room(),
            Some(_) | None => {
                let end = match self.after_large {
                    true => self.buffer.len().min(self.end + AFTER_LARGE),
                    false => self.buffer.len(),
                };
                &mut self.buffer[self.end..end]
            }
        }
    }

    /// `n` bytes have been written to the room last returned.
    pub(super) fn arrived(&mut self, n: usize) {
        match &mut self.large {
            Some(large) if !large.is_whole() => large.arrived(n),
            Some(_) | None => {
                debug_assert!(
                    n <= self.buffer.len() - self.end,
                    "more than there was room"
                );
                self.end = self.buffer.len().min(self.end + n);
                self.after_large = false;
                self.filled = self.end == self.buffer.len();
            }
        }
    }

    /// False while enough bytes wait undecoded.
    pub(super) fn wants_more(&self) -> bool {
        self.end - self.start < self.batch_size / 2
    }

    /// The undecoded bytes in the buffer.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Removes the first `n` of the undecoded bytes.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = self.end.min(self.start + n);
    }

    /// Takes the next frame, if it is a complete single-frame message, short enough to be stored
    /// inline, and not at the very end of the buffer. Returns it with the bytes after it, and its
    /// length. Otherwise call [`next_frame`](Self::next_frame).
    #[inline]
    pub(super) fn next_inline_message(&mut self) -> Option<(&[u8; INLINE_CAPACITY], u8)> {
        let ([0, size, rest @ ..], None) = (self.buffer.get(self.start..)?, &self.large) else {
            return None;
        };
        let window = rest.first_chunk::<INLINE_CAPACITY>()?;
        let end = self.start + 2 + usize::from(*size);
        if usize::from(*size) > INLINE_CAPACITY || u64::from(*size) > self.limit || end > self.end {
            return None;
        }
        self.start = end;
        Some((window, *size))
    }

    /// The same for a longer message that is short enough to share an allocation with those around
    /// it.
    #[inline]
    pub(super) fn next_short_message(&mut self) -> Option<Bytes> {
        let waiting = self.buffer.get(self.start..self.end)?;
        let (header, size) = match waiting {
            [0, size, ..] => (2, u64::from(*size)),
            [LONG, rest @ ..] => (LONGEST_HEADER, u64::from_be_bytes(*rest.first_chunk()?)),
            _ => return None,
        };
        let is_short = size > INLINE_CAPACITY as u64 && size <= storage::LONGEST_IN_SLAB as u64;
        if !is_short || size > self.limit || self.large.is_some() {
            return None;
        }
        let length = header + size as usize;
        if length > waiting.len() {
            return None;
        }
        let start = self.start;
        self.start += length;
        Some(self.cut(start, header, size as usize))
    }

    /// The `size` bytes after a header, copied together with the bytes after them: many short
    /// payloads for the cost of a long one.
    #[inline]
    fn cut(&mut self, start: usize, header: usize, size: usize) -> Bytes {
        // If the buffer has been moved since, there is no run, and this may wrap around.
        let at = (start + header).wrapping_sub(self.run_start);
        match at.checked_add(size) {
            Some(end) if end <= self.run.len() => self.run.slice(at..end),
            _ => self.cut_from_new_run(start, header, size),
        }
    }

    #[inline(never)]
    fn cut_from_new_run(&mut self, start: usize, header: usize, size: usize) -> Bytes {
        let body = header..header + size;
        let waiting = &self.buffer[start..self.end];
        self.run_start = start;
        // The frames that follow are likely to have a similar length.
        self.run = storage::copy_run(waiting, body.end).unwrap_or_default();
        if self.run.is_empty() {
            return storage::copy(&waiting[body]);
        }
        self.run.slice(body)
    }

    /// Takes up to `limit` of the undecoded bytes: for streams without frames.
    pub(super) fn next_bytes(&mut self, limit: usize) -> Option<&[u8]> {
        let start = self.start;
        self.start = self.end.min(start + limit);
        Some(&self.buffer[start..self.start]).filter(|bytes| !bytes.is_empty())
    }

    /// Takes the next frame, if it is complete.
    pub(super) fn next_frame(&mut self) -> Result<Option<Decoded<'_>>, CloseReason> {
        self.take_frame(Header::parse)
    }

    /// The same for a peer of ZMTP 1.0.
    #[cold]
    pub(super) fn next_old_frame(&mut self) -> Result<Option<Decoded<'_>>, CloseReason> {
        self.take_frame(Header::parse_old)
    }

    #[inline(always)]
    fn take_frame(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<Option<Header>, CloseReason>,
    ) -> Result<Option<Decoded<'_>>, CloseReason> {
        if let Some(large) = self.large.take_if(|large| large.is_whole()) {
            self.after_large = large.size >= self.batch_size;
            return Ok(Some(large.into_decoded()));
        }
        if self.large.is_some() {
            return Ok(None);
        }
        let waiting = &self.buffer[self.start..self.end];
        let Some(header) = parse(waiting)? else {
            return Ok(None);
        };
        // Checked when it is announced, before any byte of it is stored.
        if header.size > self.limit {
            return Err(CloseReason::FrameTooLarge {
                announced: header.size,
                limit: self.limit,
            });
        }
        // The limit is at most isize::MAX, so this does not truncate.
        let size = header.size as usize;
        let arrived = &waiting[header.length..];
        if let Some(body) = arrived.get(..size) {
            self.start += header.length + size;
            return Ok(Some(Decoded {
                more: header.more,
                command: header.command,
                body: Body::Buffered(body),
            }));
        }
        if size > self.batch_size / 4 {
            let first_room = self.batch_size / 2;
            self.large = Some(LargeFrame::new(header, size, arrived, first_room));
            self.start = self.end;
        }
        Ok(None)
    }

    /// Whether a complete frame or an error may be waiting to be decoded. Not for peers of ZMTP
    /// 1.0.
    pub(super) fn has_undecoded(&self) -> bool {
        match &self.large {
            Some(large) => large.is_whole(),
            None => match Header::parse(self.waiting()) {
                Ok(Some(header)) => self.waiting().len() - header.length >= header.size as usize,
                Ok(None) => false,
                Err(_) => true,
            },
        }
    }

    /// Whether a frame larger than one batch is incomplete, or was received last and another may
    /// follow.
    pub(super) fn expects_more(&self) -> bool {
        let large = self.large.as_ref();
        self.after_large || large.is_some_and(|large| large.size >= self.batch_size)
    }

    /// Received bytes of a large frame.
    pub(super) fn large_bytes(&self) -> usize {
        self.large.as_ref().map_or(0, |large| large.arrived)
    }

    /// Releases the buffer if it is empty.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.start == self.end {
            self.run = Bytes::new();
            self.buffer = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }

    /// Size in bytes of all buffers, used or not.
    #[cfg(any(test, zmq_channels_fuzz))]
    pub(super) fn capacity(&self) -> usize {
        let large = self.large.as_ref();
        let large = large.map_or(0, |large| large.bytes.capacity());
        self.buffer.capacity() + self.run.len() + large
    }

    /// Makes room after `end`, as much as possible.
    fn make_room(&mut self) {
        self.run = Bytes::new();
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        let length = self.buffer.len();
        if !self.filled && length - self.end >= length.div_ceil(4).max(1) {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let mut wanted = length.max(INITIAL_BUFFER.min(self.batch_size));
        if std::mem::take(&mut self.filled) {
            wanted = wanted.max((length * BUFFER_GROWTH).min(self.batch_size));
        }
        // Only if the caller reads although nothing more is wanted.
        if self.end == wanted {
            wanted += INITIAL_BUFFER;
        }
        self.buffer.reserve_exact(wanted.saturating_sub(length));
        self.buffer.resize(wanted, 0);
    }
}

/// A large frame that is being received.
#[derive(Debug)]
struct LargeFrame {
    header: Header,
    size: usize,
    /// Initialised to its end, which is at most one step after the last received byte.
    bytes: Vec<u8>,
    arrived: usize,
}

impl LargeFrame {
    /// Starts with memory of an earlier frame, if it is large enough; otherwise with room for
    /// `first_room` bytes, which doubles as it fills.
    fn new(header: Header, size: usize, arrived: &[u8], first_room: usize) -> Self {
        let bytes = match storage::take(size) {
            Some(mut bytes) => {
                bytes.truncate(size);
                let (front, rest) = arrived.split_at(arrived.len().min(bytes.len()));
                bytes[..front.len()].copy_from_slice(front);
                bytes.extend_from_slice(rest);
                bytes
            }
            None => {
                let capacity = size.min(first_room.max(2 * arrived.len()));
                let mut bytes = Vec::with_capacity(capacity);
                bytes.extend_from_slice(arrived);
                bytes
            }
        };
        LargeFrame {
            header,
            size,
            bytes,
            arrived: arrived.len(),
        }
    }

    fn is_whole(&self) -> bool {
        self.arrived == self.size
    }

    fn room(&mut self) -> &mut [u8] {
        let length = self.bytes.len();
        if self.arrived == length {
            if length == self.bytes.capacity() {
                self.bytes.reserve_exact(length.min(self.size - length));
            }
            let end = self.size.min(self.bytes.capacity());
            self.bytes.resize(end.min(length + BODY_STEP), 0);
        }
        &mut self.bytes[self.arrived..]
    }

    fn arrived(&mut self, n: usize) {
        debug_assert!(
            n <= self.bytes.len() - self.arrived,
            "more than there was room"
        );
        self.arrived = self.bytes.len().min(self.arrived + n);
    }

    fn into_decoded(self) -> Decoded<'static> {
        debug_assert_eq!(self.bytes.len(), self.size);
        Decoded {
            more: self.header.more,
            command: self.header.command,
            body: Body::Own(self.bytes),
        }
    }
}

#[cfg(test)]
mod tests;
