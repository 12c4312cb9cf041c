//! Encodes messages into bytes (RFC 37, Framing; RFC 13, The Framing Layer).
//!
//! Small frames are copied into chunks, with their headers; large frames whose bytes are shared
//! stay where they are, and only their headers are copied. So one vectored write takes many frames.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;

use bytes::Bytes;

use super::frame::{put_header, put_old_header, Framing, LONGEST_HEADER, MORE};
use super::mechanism::Sealer;
use crate::message::{Frame, Message};

mod control;
mod unsent;

use unsent::UnsentReader;

/// More slices do not make a write faster, and few systems accept many more at once.
pub(crate) const MAX_SLICES: usize = 64;

/// Frames of this size or more are kept by reference: copying them costs more than another slice of
/// a write and another reference count.
const BY_REFERENCE: usize = 4 << 10;

/// Chunks kept for reuse: one is being written while the next is being filled.
const SPARE_CHUNKS: usize = 2;

#[derive(Debug)]
pub(super) struct Encoder {
    /// The layout of all frames here.
    framing: Framing,
    /// Maximum size of a chunk, in bytes.
    chunk_size: usize,
    /// Written before `tail`.
    sealed: VecDeque<Segment>,
    /// The chunk being appended to.
    tail: Chunk,
    spare: Vec<Vec<u8>>,
    /// Total number of bytes appended, and of bytes written.
    appended: u64,
    written: u64,
    /// Messages appended and not reported as written.
    messages: usize,
    /// The ends of all unwritten replies, counted in bytes appended.
    replies: VecDeque<u64>,
    /// From here on everything is encrypted.
    encryption: Option<Box<Encryption>>,
}

/// The state of encryption.
#[derive(Debug)]
struct Encryption {
    sealer: Box<Sealer>,
    /// The unwritten messages, in order: they cannot be read back from the encrypted bytes.
    messages: VecDeque<Unwritten>,
}

/// A message before encryption, and its position among all bytes appended.
#[derive(Debug)]
struct Unwritten {
    start: u64,
    end: u64,
    message: Message,
}

#[derive(Debug)]
enum Segment {
    Staged(Chunk),
    Shared {
        bytes: Bytes,
        written: usize,
        ends_message: bool,
    },
}

/// Frames copied one after the other.
#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    written: usize,
    /// Number of messages that end here and have not been counted as written.
    messages: usize,
    /// Number of messages that end here and were counted before all of it is written.
    counted: usize,
    /// The value of `written` when they were counted last.
    counted_to: usize,
    /// The first frame continues a message that began in an earlier segment.
    begins_inside: bool,
    /// Bytes that are not part of a message: greeting, commands, subscriptions. In order, not
    /// adjacent.
    control: Vec<Range<usize>>,
}

impl Encoder {
    /// An encoder whose chunks have at most `chunk_size` bytes, unless a single frame has more.
    pub(super) fn new(chunk_size: usize) -> Self {
        Encoder {
            framing: Framing::Zmtp2,
            chunk_size,
            sealed: VecDeque::new(),
            tail: Chunk::default(),
            spare: Vec::new(),
            appended: 0,
            written: 0,
            messages: 0,
            replies: VecDeque::new(),
            encryption: None,
        }
    }

    /// Encrypts everything appended from here on.
    pub(super) fn seal(&mut self, sealer: Box<Sealer>) {
        self.encryption = Some(Box::new(Encryption {
            sealer,
            messages: VecDeque::new(),
        }));
    }

    /// Sets the layout of frames, before the first frame.
    pub(super) fn frame_as(&mut self, framing: Framing) {
        debug_assert_eq!(self.messages, 0, "all frames are alike");
        self.framing = framing;
    }

    /// Appends a whole message, with the layout and encryption that were set.
    pub(super) fn any_message(&mut self, message: &Message) {
        match (&self.encryption, self.framing) {
            (Some(_), _) => self.encrypted_message(message),
            (None, Framing::Zmtp2) => self.message(message),
            (None, Framing::Zmtp1) => self.framed(message, put_old_header),
        }
    }

    fn encrypted_message(&mut self, message: &Message) {
        let start = self.appended;
        self.uncounted_message(message);
        let end = self.appended;
        let message = message.clone();
        if let Some(encryption) = &mut self.encryption {
            let unwritten = Unwritten {
                start,
                end,
                message,
            };
            encryption.messages.push_back(unwritten);
        }
        self.messages += 1;
    }

    /// Appends a whole message to a peer of ZMTP 2.0 or later, without encryption.
    #[inline]
    pub(super) fn message(&mut self, message: &Message) {
        debug_assert_eq!(self.framing, Framing::Zmtp2);
        self.framed(message, put_header);
    }

    #[inline]
    fn framed(&mut self, message: &Message, put_header: impl Fn(&mut Vec<u8>, u8, usize)) {
        let Some((last, first)) = message.frames().split_last() else {
            debug_assert!(false, "a message needs at least one frame");
            return;
        };
        for (index, frame) in first.iter().enumerate() {
            self.frame(frame, MORE, index > 0, &put_header);
        }
        self.frame(last, 0, !first.is_empty(), &put_header);
        self.messages += 1;
    }

    /// Appends the bytes of a message and nothing else: for streams without frames. It cannot be
    /// read back.
    pub(super) fn payload(&mut self, message: &Message) {
        let mut frames = message.frames().iter().filter(|frame| !frame.is_empty());
        let Some(mut frame) = frames.next() else {
            return;
        };
        self.messages += 1;
        loop {
            let next = frames.next();
            self.appended += frame.len() as u64;
            match frame.shared().filter(|_| frame.len() >= BY_REFERENCE) {
                Some(bytes) => self.share(bytes.clone(), next.is_none()),
                None => {
                    self.open_tail(frame.len(), false);
                    self.tail.bytes.extend_from_slice(frame);
                    self.tail.messages += usize::from(next.is_none());
                }
            }
            match next {
                Some(next) => frame = next,
                None => return,
            }
        }
    }

    /// Fills `slices` with the bytes to be written next; returns how many slices it filled.
    pub(super) fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let sealed = self.sealed.iter().map(Segment::unwritten);
        let all = sealed.chain([self.tail.unwritten()]);
        let mut filled = 0;
        for (slice, bytes) in slices.iter_mut().zip(all.filter(|bytes| !bytes.is_empty())) {
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// The first `n` of these bytes have been written; returns the number of messages that this
    /// completes. The messages of a chunk are counted when all of it is written.
    pub(super) fn transmitted(&mut self, mut n: usize) -> usize {
        debug_assert!(n <= self.bytes(), "more than there was");
        self.written = self.appended.min(self.written + n as u64);
        while self.replies.front().is_some_and(|end| *end <= self.written) {
            self.replies.pop_front();
        }
        let mut messages = 0;
        while let Some(segment) = self.sealed.front_mut() {
            let left = segment.unwritten().len();
            if n < left {
                segment.advance(n);
                n = 0;
                break;
            }
            n -= left;
            match self.sealed.pop_front() {
                Some(Segment::Staged(chunk)) => {
                    messages += chunk.messages;
                    self.recycle(chunk.bytes);
                }
                Some(Segment::Shared { ends_message, .. }) => messages += usize::from(ends_message),
                None => {}
            }
        }
        if n > 0 {
            self.tail.written = self.tail.bytes.len().min(self.tail.written + n);
            if self.tail.written == self.tail.bytes.len() {
                messages += self.tail.messages;
                self.tail.clear();
            }
        }
        if let Some(encryption) = &mut self.encryption {
            let written = self.written;
            while encryption
                .messages
                .front()
                .is_some_and(|first| first.end <= written)
            {
                encryption.messages.pop_front();
                messages += 1;
            }
        }
        self.messages -= messages;
        messages
    }

    /// Total number of bytes appended.
    pub(super) fn appended(&self) -> u64 {
        self.appended
    }

    /// Total number of bytes written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes yet to be written.
    pub(super) fn bytes(&self) -> usize {
        (self.appended - self.written) as usize
    }

    /// Messages not reported as written.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Removes everything; returns the messages of which no byte was written, in order.
    pub(super) fn take_unsent(&mut self) -> Vec<Message> {
        let written = self.written;
        let mut reader = UnsentReader::new(self.framing);
        for segment in self.sealed.drain(..) {
            match segment {
                Segment::Staged(chunk) => reader.chunk(&chunk),
                Segment::Shared {
                    bytes,
                    ends_message,
                    ..
                } => reader.shared(bytes, ends_message),
            }
        }
        reader.chunk(&self.tail);
        self.tail.clear();
        self.replies.clear();
        self.written = self.appended;
        self.messages = 0;
        let encryption = self.encryption.iter_mut();
        let kept = encryption.flat_map(|encryption| encryption.messages.drain(..));
        let unsent = kept.filter(|kept| kept.start >= written);
        reader.messages.extend(unsent.map(|kept| kept.message));
        reader.messages
    }

    /// Releases unused memory.
    pub(super) fn shrink_to_fit(&mut self) {
        self.spare = Vec::new();
        if self.tail.bytes.is_empty() {
            self.tail = Chunk::default();
        }
        if self.sealed.is_empty() {
            self.sealed = VecDeque::new();
        }
        if let Some(encryption) = &mut self.encryption {
            if encryption.messages.is_empty() {
                encryption.messages = VecDeque::new();
            }
        }
    }

    /// Size in bytes of all buffers, used or not, apart from payloads kept by reference.
    #[cfg(any(test, zmq_channels_fuzz))]
    pub(super) fn capacity(&self) -> usize {
        let sealed = self.sealed.iter().map(|segment| match segment {
            Segment::Staged(chunk) => chunk.bytes.capacity(),
            Segment::Shared { .. } => 0,
        });
        let spare = self.spare.iter().map(Vec::capacity);
        self.tail.bytes.capacity() + sealed.chain(spare).sum::<usize>()
    }

    #[inline]
    fn frame(
        &mut self,
        frame: &Frame,
        flags: u8,
        inside: bool,
        put_header: impl Fn(&mut Vec<u8>, u8, usize),
    ) {
        let body = &frame[..];
        if body.len() >= BY_REFERENCE {
            if let Some(bytes) = frame.shared() {
                return self.by_reference(bytes.clone(), flags, inside, put_header);
            }
        }
        self.open_tail(body.len(), inside);
        let before = self.tail.bytes.len();
        put_header(&mut self.tail.bytes, flags, body.len());
        self.tail.bytes.extend_from_slice(body);
        self.appended += (self.tail.bytes.len() - before) as u64;
        self.tail.messages += usize::from(flags & MORE == 0);
    }

    fn by_reference(
        &mut self,
        bytes: Bytes,
        flags: u8,
        inside: bool,
        put_header: impl Fn(&mut Vec<u8>, u8, usize),
    ) {
        self.open_tail(0, inside);
        let before = self.tail.bytes.len();
        put_header(&mut self.tail.bytes, flags, bytes.len());
        self.appended += (self.tail.bytes.len() - before + bytes.len()) as u64;
        self.share(bytes, flags & MORE == 0);
    }

    fn share(&mut self, bytes: Bytes, ends_message: bool) {
        self.seal_tail();
        self.sealed.push_back(Segment::Shared {
            bytes,
            written: 0,
            ends_message,
        });
    }

    /// Makes sure that the tail has room for a header and `size` more bytes, or is empty.
    #[inline]
    fn open_tail(&mut self, size: usize, inside: bool) {
        if self.tail.bytes.len() + LONGEST_HEADER + size > self.chunk_size {
            self.seal_tail();
        }
        if self.tail.bytes.is_empty() {
            self.tail.begins_inside = inside;
        }
    }

    #[cold]
    fn seal_tail(&mut self) {
        if !self.tail.bytes.is_empty() {
            let bytes = self.spare.pop().unwrap_or_default();
            let tail = Chunk {
                bytes,
                ..Chunk::default()
            };
            let sealed = std::mem::replace(&mut self.tail, tail);
            self.sealed.push_back(Segment::Staged(sealed));
        }
    }

    fn recycle(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_CHUNKS && bytes.capacity() <= 2 * self.chunk_size {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

impl Segment {
    fn unwritten(&self) -> &[u8] {
        match self {
            Segment::Staged(chunk) => chunk.unwritten(),
            Segment::Shared { bytes, written, .. } => &bytes[*written..],
        }
    }

    fn advance(&mut self, n: usize) {
        match self {
            Segment::Staged(chunk) => chunk.written += n,
            Segment::Shared { written, .. } => *written += n,
        }
    }
}

impl Chunk {
    fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
        self.messages = 0;
        (self.counted, self.counted_to) = (0, 0);
        self.begins_inside = false;
        self.control.clear();
    }
}
