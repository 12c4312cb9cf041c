//! Bytes in, frames out (RFC 37, Framing; RFC 13, The Framing Layer).
//!
//! Short payloads are copied out of the buffer many at once, a run, and are slices of that. What a
//! payload that is kept for long holds on to is bounded by the length of a run, never by the
//! buffer's.
//!
//! Two places take bytes: one reusable buffer for everything, and, for a frame too large for
//! it, the vector that becomes the frame, so that its bytes are moved once, by the kernel.
//! Both grow with the bytes that arrive, never with a size that is merely announced.
//!
//! How far the buffer grows is the batch size: as much as one read brings at most. Half of that
//! waiting undecoded is enough, so that making room never moves more bytes than it gains; and a
//! frame of more than a quarter, unless it is already here, gets a vector of its own: a second
//! read into the right place is cheaper than copying it there. So a buffer that holds enough has
//! a frame to be taken off.

use bytes::Bytes;

use super::frame::{Header, LONG, LONGEST_HEADER};
use super::CloseReason;
use crate::message::storage;
use crate::message::{Frame, INLINE_CAPACITY};

/// Where the buffer starts: enough for a handshake and for slow traffic, little enough for ten
/// thousand idle connections.
const INITIAL_BUFFER: usize = 4 << 10;

/// How much a buffer grows that a read has filled.
const BUFFER_GROWTH: usize = 4;

/// Room must be zeroed before the kernel may write there: so much at a time, to be still in
/// the cache then.
const BODY_STEP: usize = 256 << 10;

/// As much is read behind a large frame: enough to see whether what follows is another one, which
/// is then read into the right place.
const AFTER_LARGE: usize = 4 << 10;

/// A frame of a message, or a command, where it arrived.
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
    /// In a vector of their own.
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
    /// Where the buffer stops growing.
    batch_size: usize,
    /// Initialised to its end; `start..end` waits to be decoded.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A copy of what stands in the buffer from `run_start` on, of which short messages are parts.
    run: Bytes,
    run_start: usize,
    /// A read has filled the buffer: a larger one would have brought more.
    filled: bool,
    /// The frame taken off last was large: so may be the next.
    after_large: bool,
    /// A large frame, in front of what waits in the buffer.
    large: Option<LargeFrame>,
    /// The largest body to take.
    limit: u64,
}

impl Decoder {
    /// A decoder that reads `batch_size` bytes at once, at most, but for large frames.
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

    /// Sets the largest frame to take from here on. A vector is never larger than `isize::MAX`.
    pub(super) fn limit_frames(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(u64::MAX).min(isize::MAX as u64);
    }

    /// Room for bytes to arrive in; never empty.
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

    /// `n` bytes have arrived in the room last asked for.
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

    /// The bytes that wait in the buffer.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes off the first `n` of the bytes that wait.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = self.end.min(self.start + n);
    }

    /// Takes the next frame off, if it is a message of its own, short enough to be kept inline,
    /// here whole, and not at the very end of the buffer. Returns it with what follows it, and
    /// its length. For anything else ask [`next_frame`](Self::next_frame).
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

    /// The same for a message of its own that is longer, but short enough to share an allocation
    /// with those around it.
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

    /// The `size` bytes behind a header, copied together with what lies behind them: many short
    /// payloads at the price of a long one.
    #[inline]
    fn cut(&mut self, start: usize, header: usize, size: usize) -> Bytes {
        // Where the buffer has been moved since, there is no run, and this may wrap around.
        let at = (start + header).wrapping_sub(self.run_start);
        match at.checked_add(size) {
            Some(end) if end <= self.run.len() => self.run.slice(at..end),
            _ => self.cut_anew(start, header, size),
        }
    }

    #[inline(never)]
    fn cut_anew(&mut self, start: usize, header: usize, size: usize) -> Bytes {
        let body = header..header + size;
        let waiting = &self.buffer[start..self.end];
        self.run_start = start;
        // What follows is likely to be as long.
        self.run = storage::copy_run(waiting, body.end).unwrap_or_default();
        if self.run.is_empty() {
            return storage::copy(&waiting[body]);
        }
        self.run.slice(body)
    }

    /// Takes off what waits, at most `limit` bytes of it: for streams that know no frames.
    pub(super) fn next_bytes(&mut self, limit: usize) -> Option<&[u8]> {
        let start = self.start;
        self.start = self.end.min(start + limit);
        Some(&self.buffer[start..self.start]).filter(|bytes| !bytes.is_empty())
    }

    /// Takes the next frame off, if it is here whole.
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
        // Judged by what is announced, before a single byte of it is kept.
        if header.size > self.limit {
            return Err(CloseReason::FrameTooLarge {
                announced: header.size,
                limit: self.limit,
            });
        }
        // The limit is at most isize::MAX: nothing is cut off.
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

    /// Whether a whole frame may be waiting to be taken off, or a fault to be found. Not for peers
    /// of ZMTP 1.0.
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

    /// Whether a frame of more than one batch is under way, or has been and another may follow.
    pub(super) fn expects_more(&self) -> bool {
        let large = self.large.as_ref();
        self.after_large || large.is_some_and(|large| large.size >= self.batch_size)
    }

    /// Bytes that have come of a large frame.
    pub(super) fn large_bytes(&self) -> usize {
        self.large.as_ref().map_or(0, |large| large.arrived)
    }

    /// Gives the buffer back if nothing waits in it.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.start == self.end {
            self.run = Bytes::new();
            self.buffer = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }

    /// Bytes held, used or not.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let large = self.large.as_ref();
        let large = large.map_or(0, |large| large.bytes.capacity());
        self.buffer.capacity() + self.run.len() + large
    }

    /// Afterwards there are bytes behind `end`, if possible many.
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
        // Only for a reader who reads on although nothing more is wanted.
        if self.end == wanted {
            wanted += INITIAL_BUFFER;
        }
        self.buffer.reserve_exact(wanted.saturating_sub(length));
        self.buffer.resize(wanted, 0);
    }
}

/// A large frame on its way in.
#[derive(Debug)]
struct LargeFrame {
    header: Header,
    size: usize,
    /// Initialised to its end, which lies behind what has arrived by one step at most.
    bytes: Vec<u8>,
    arrived: usize,
}

impl LargeFrame {
    /// Begins with memory that is kept, if there is enough in one piece; or else with room for
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
