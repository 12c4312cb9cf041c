//! Reads the encoder's segments back into messages, when the stream is lost.

use bytes::Bytes;

use super::{Chunk, Encoder, Segment};
use crate::message::{Frame, Message};
use crate::wire::frame::Framing;

impl Encoder {
    /// Counts the messages of a chunk that is written in part, as far as they are written whole.
    pub(in crate::wire) fn count_written(&mut self) -> usize {
        let chunk = match self.sealed.front_mut() {
            Some(Segment::Staged(chunk)) => chunk,
            Some(Segment::Shared { .. }) => return 0,
            None => &mut self.tail,
        };
        // There are none among encrypted bytes, where messages are counted one by one.
        if chunk.messages == 0 || chunk.written == chunk.counted_to {
            return 0;
        }
        chunk.counted_to = chunk.written;
        let whole = chunk.written_messages(self.framing);
        let messages = whole.saturating_sub(chunk.counted);
        chunk.counted += messages;
        chunk.messages -= messages;
        self.messages -= messages;
        messages
    }
}

impl Chunk {
    /// Number of messages that end in the bytes that are written.
    fn written_messages(&self, framing: Framing) -> usize {
        let mut control = self.control.iter().peekable();
        let (mut at, mut messages) = (0, 0);
        while at < self.written {
            if let Some(skipped) = control.next_if(|range| range.start == at) {
                at = skipped.end;
                continue;
            }
            let Ok(Some(header)) = framing.parse(&self.bytes[at..]) else {
                debug_assert!(false, "our own headers are whole and well-formed");
                break;
            };
            at += header.length + header.size as usize;
            messages += usize::from(!header.more && at <= self.written);
        }
        messages
    }
}

/// Reads encoded segments back as a decoder would, but knows which bytes have been written.
pub(super) struct UnsentReader {
    framing: Framing,
    pub(super) messages: Vec<Message>,
    /// The message being read; `None` between messages.
    underway: Option<Underway>,
}

struct Underway {
    frames: Vec<Frame>,
    /// A byte of it has been written: it must not be sent again.
    begun: bool,
}

impl Underway {
    fn new(begun: bool) -> Self {
        Underway {
            frames: Vec::new(),
            begun,
        }
    }
}

impl UnsentReader {
    pub(super) fn new(framing: Framing) -> Self {
        UnsentReader {
            framing,
            messages: Vec::new(),
            underway: None,
        }
    }

    pub(super) fn chunk(&mut self, chunk: &Chunk) {
        if chunk.begins_inside {
            // If the message it continues has not been read, that is written already.
            self.underway.get_or_insert_with(|| Underway::new(true));
        }
        let mut control = chunk.control.iter().peekable();
        let mut at = 0;
        while at < chunk.bytes.len() {
            if let Some(skipped) = control.next_if(|range| range.start == at) {
                at = skipped.end;
                continue;
            }
            let Ok(Some(header)) = self.framing.parse(&chunk.bytes[at..]) else {
                debug_assert!(false, "our own headers are whole and well-formed");
                return;
            };
            let begun = at < chunk.written;
            self.underway.get_or_insert_with(|| Underway::new(begun));
            let body = at + header.length;
            at = body + header.size as usize;
            // A body that is not in the chunk is the next segment.
            if let Some(bytes) = chunk.bytes.get(body..at) {
                self.frame(Frame::copy_from_slice(bytes), !header.more);
            }
        }
    }

    pub(super) fn shared(&mut self, bytes: Bytes, ends_message: bool) {
        self.frame(Frame::from(bytes), ends_message);
    }

    fn frame(&mut self, frame: Frame, ends_message: bool) {
        // Without a header before it, this is a shared frame whose header is written already.
        let mut underway = self.underway.take().unwrap_or(Underway::new(true));
        underway.frames.push(frame);
        if !ends_message {
            self.underway = Some(underway);
        } else if !underway.begun {
            self.messages.push(Message::from_frames(underway.frames));
        }
    }
}
