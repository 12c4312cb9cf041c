//! Octets in, frames out (RFC 37, Framing).
//!
//! Two places take octets: one reusable buffer for everything, and, for a frame too large for
//! it, the vector that becomes the frame, so that its octets are moved once, by the kernel.
//! Both grow with the octets that arrive, never with a size that is merely announced.

use super::frame::{Header, MORE};
use super::CloseReason;
use crate::message::Frame;

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

/// A frame of a message, or a command.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) more: bool,
    pub(super) command: bool,
    pub(super) body: Frame,
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
    body: Option<Body>,
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
            body: None,
            limit: 0,
        }
    }

    /// Sets the largest frame to take from here on. A vector is never larger than `isize::MAX`.
    pub(super) fn limit_frames(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(u64::MAX).min(isize::MAX as u64);
    }

    /// Room for octets to arrive in; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let buffered = self.body.as_ref().is_none_or(Body::is_whole);
        if buffered {
            self.make_room();
        }
        match &mut self.body {
            Some(body) if !buffered => body.room(),
            Some(_) | None => &mut self.buffer[self.end..],
        }
    }

    /// `n` octets have arrived in the room last asked for.
    pub(super) fn arrived(&mut self, n: usize) {
        match &mut self.body {
            Some(body) if !body.is_whole() => body.arrived(n),
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

    /// Takes the next frame off if it is a whole message, a short one, and here: the body.
    #[inline]
    pub(super) fn next_short_message(&mut self) -> Option<&[u8]> {
        let (0, None) = (self.waiting().first()?, &self.body) else {
            return None;
        };
        let size = usize::from(*self.waiting().get(1)?);
        let start = self.start + 2;
        let body = start..start + size;
        if body.end > self.end || size as u64 > self.limit {
            return None;
        }
        self.start = body.end;
        self.buffer.get(body)
    }

    /// Takes the next frame off, if it is here whole.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Result<Option<Decoded>, CloseReason> {
        // The common case first: a short frame of a message, no large one in front of it.
        if let ([flags @ 0..=MORE, size, rest @ ..], None) = (self.waiting(), &self.body) {
            let (more, size) = (*flags == MORE, usize::from(*size));
            if let (Some(body), true) = (rest.get(..size), size as u64 <= self.limit) {
                let body = Frame::copy_from_slice(body);
                self.start += 2 + size;
                return Ok(Some(Decoded {
                    more,
                    command: false,
                    body,
                }));
            }
        }
        self.next_frame_of_any_kind()
    }

    fn next_frame_of_any_kind(&mut self) -> Result<Option<Decoded>, CloseReason> {
        if let Some(body) = self.body.take_if(|body| body.is_whole()) {
            return Ok(Some(body.into_decoded()));
        }
        if self.body.is_some() {
            return Ok(None);
        }
        let Some(header) = Header::parse(self.waiting())? else {
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
        let waiting = &self.waiting()[header.length..];
        if let Some(body) = waiting.get(..size) {
            let body = Frame::copy_from_slice(body);
            self.start += header.length + size;
            return Ok(Some(Decoded {
                more: header.more,
                command: header.command,
                body,
            }));
        }
        if size > LARGEST_BUFFERED_FRAME {
            self.body = Some(Body::new(header, size, waiting));
            self.start = self.end;
        }
        Ok(None)
    }

    /// Whether a whole frame may be waiting to be taken off, or a fault to be found.
    pub(super) fn has_undecoded(&self) -> bool {
        match &self.body {
            Some(body) => body.is_whole(),
            None => match Header::parse(self.waiting()) {
                Ok(Some(header)) => self.waiting().len() - header.length >= header.size as usize,
                Ok(None) => false,
                Err(_) => true,
            },
        }
    }

    /// Gives the buffer back if nothing waits in it.
    pub(super) fn rest(&mut self) {
        if self.start == self.end {
            self.buffer = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }

    /// Octets held, used or not.
    pub(super) fn capacity(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |body| body.octets.capacity());
        self.buffer.capacity() + body
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
struct Body {
    header: Header,
    size: usize,
    /// Initialised to its end, which lies behind what has arrived by one step at most.
    octets: Vec<u8>,
    arrived: usize,
}

impl Body {
    fn new(header: Header, size: usize, arrived: &[u8]) -> Self {
        let capacity = size.min(INITIAL_BODY.max(2 * arrived.len()));
        let mut octets = Vec::with_capacity(capacity);
        octets.extend_from_slice(arrived);
        Body {
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

    fn into_decoded(self) -> Decoded {
        debug_assert_eq!(self.octets.len(), self.size);
        Decoded {
            more: self.header.more,
            command: self.header.command,
            body: Frame::from(self.octets),
        }
    }
}
