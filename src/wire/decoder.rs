//! Octets in, frames out (RFC 37, Framing).
//!
//! Two places take octets: one reusable buffer for everything, and, for a frame too large for
//! it, the vector that becomes the frame, so that its octets are moved once, by the kernel.
//! Both grow with the octets that arrive, never with a size that is merely announced.

use super::frame::Header;
use super::CloseReason;
use crate::message::{Frame, INLINE_CAPACITY};

/// Where the buffer starts: enough for a handshake and for slow traffic, little enough for ten
/// thousand idle connections.
const INITIAL_BUFFER: usize = 4 << 10;

/// How much a buffer grows that a read has filled.
const BUFFER_GROWTH: usize = 4;

/// Where the buffer stops growing: a read of this size costs many times its system call, and
/// what it brings still fits the nearer caches.
const LARGEST_BUFFER: usize = 128 << 10;

/// With so many octets waiting undecoded, more are not wanted. Above the largest frame the
/// buffer must hold whole, so that there is always a frame to be had before reading on; and
/// half the buffer, so that making room never moves more octets than it gains.
const ENOUGH_WAITING: usize = LARGEST_BUFFER / 2;

/// Frames larger than this, unless they are already here, get a vector of their own: a second
/// read into the right place is cheaper than copying them there.
const LARGEST_BUFFERED_FRAME: usize = 32 << 10;

/// The first room of a large frame's vector; it doubles from there as it fills.
const INITIAL_BODY: usize = 64 << 10;

/// Room must be zeroed before the kernel may write there: so much at a time, to be still in
/// the cache then.
const BODY_STEP: usize = 256 << 10;

/// A frame of a message, or a command, where it arrived.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) more: bool,
    pub(super) command: bool,
    pub(super) body: Body<'a>,
}

/// The octets of a frame.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// Still in the buffer.
    Buffered(&'a [u8]),
    /// In a vector of their own.
    Own(Vec<u8>),
}

impl Body<'_> {
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Body::Buffered(octets) => octets,
            Body::Own(octets) => octets,
        }
    }

    pub(super) fn into_frame(self) -> Frame {
        match self {
            Body::Buffered(octets) => Frame::copy_from_slice(octets),
            Body::Own(octets) => Frame::from(octets),
        }
    }
}

#[derive(Debug)]
pub(super) struct Decoder {
    /// Initialised to its end; `start..end` waits to be decoded.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A read has filled the buffer: a larger one would have brought more.
    filled: bool,
    /// A large frame, in front of what waits in the buffer.
    large: Option<LargeFrame>,
    /// The largest body to take.
    limit: u64,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Decoder {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            filled: false,
            large: None,
            limit: 0,
        }
    }

    /// Sets the largest frame to take from here on. A vector is never larger than `isize::MAX`.
    pub(super) fn limit_frames(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(u64::MAX).min(isize::MAX as u64);
    }

    /// Room for octets to arrive in; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let buffered = self.large.as_ref().is_none_or(LargeFrame::is_whole);
        if buffered {
            self.make_room();
        }
        match &mut self.large {
            Some(large) if !buffered => large.room(),
            Some(_) | None => &mut self.buffer[self.end..],
        }
    }

    /// `n` octets have arrived in the room last asked for.
    pub(super) fn arrived(&mut self, n: usize) {
        match &mut self.large {
            Some(large) if !large.is_whole() => large.arrived(n),
            Some(_) | None => {
                debug_assert!(
                    n <= self.buffer.len() - self.end,
                    "more than there was room"
                );
                self.end = self.buffer.len().min(self.end + n);
                self.filled = self.end == self.buffer.len();
            }
        }
    }

    /// False while enough octets wait undecoded.
    pub(super) fn wants_more(&self) -> bool {
        self.end - self.start < ENOUGH_WAITING
    }

    /// The octets that wait in the buffer.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes off the first `n` of the octets that wait.
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

    /// Takes the next frame off, if it is here whole.
    pub(super) fn next_frame(&mut self) -> Result<Option<Decoded<'_>>, CloseReason> {
        if let Some(large) = self.large.take_if(|large| large.is_whole()) {
            return Ok(Some(large.into_decoded()));
        }
        if self.large.is_some() {
            return Ok(None);
        }
        let waiting = &self.buffer[self.start..self.end];
        let Some(header) = Header::parse(waiting)? else {
            return Ok(None);
        };
        // Judged by what is announced, before a single octet of it is kept.
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
        if size > LARGEST_BUFFERED_FRAME {
            self.large = Some(LargeFrame::new(header, size, arrived));
            self.start = self.end;
        }
        Ok(None)
    }

    /// Whether a whole frame may be waiting to be taken off, or a fault to be found.
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

    /// Gives the buffer back if nothing waits in it.
    pub(super) fn shrink_to_fit(&mut self) {
        if self.start == self.end {
            self.buffer = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }

    /// Octets held, used or not.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let large = self.large.as_ref();
        self.buffer.capacity() + large.map_or(0, |large| large.octets.capacity())
    }

    /// Afterwards there are octets behind `end`, if possible many.
    fn make_room(&mut self) {
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
        let mut wanted = length.max(INITIAL_BUFFER);
        if std::mem::take(&mut self.filled) {
            wanted = wanted.max((length * BUFFER_GROWTH).min(LARGEST_BUFFER));
        }
        // Only for a reader who reads on although nothing more is wanted.
        if self.end == wanted {
            wanted += INITIAL_BUFFER;
        }
        self.buffer.resize(wanted, 0);
    }
}

/// A large frame on its way in.
#[derive(Debug)]
struct LargeFrame {
    header: Header,
    size: usize,
    /// Initialised to its end, which lies behind what has arrived by one step at most.
    octets: Vec<u8>,
    arrived: usize,
}

impl LargeFrame {
    fn new(header: Header, size: usize, arrived: &[u8]) -> Self {
        let capacity = size.min(INITIAL_BODY.max(2 * arrived.len()));
        let mut octets = Vec::with_capacity(capacity);
        octets.extend_from_slice(arrived);
        LargeFrame {
            header,
            size,
            octets,
            arrived: arrived.len(),
        }
    }

    fn is_whole(&self) -> bool {
        self.arrived == self.size
    }

    fn room(&mut self) -> &mut [u8] {
        let length = self.octets.len();
        if self.arrived == length {
            if length == self.octets.capacity() {
                self.octets.reserve_exact(length.min(self.size - length));
            }
            let end = self.size.min(self.octets.capacity());
            self.octets.resize(end.min(length + BODY_STEP), 0);
        }
        &mut self.octets[self.arrived..]
    }

    fn arrived(&mut self, n: usize) {
        debug_assert!(
            n <= self.octets.len() - self.arrived,
            "more than there was room"
        );
        self.arrived = self.octets.len().min(self.arrived + n);
    }

    fn into_decoded(self) -> Decoded<'static> {
        debug_assert_eq!(self.octets.len(), self.size);
        Decoded {
            more: self.header.more,
            command: self.header.command,
            body: Body::Own(self.octets),
        }
    }
}
