//! The state of a connection, and the unsent messages when its stream is lost.

use super::{Connection, Phase};
use crate::message::Message;
use crate::wire::encoder::Encoder;

impl Connection {
    /// Whether messages can be exchanged.
    pub(crate) fn is_ready(&self) -> bool {
        match self.phase {
            Phase::Traffic | Phase::Sealed(_) | Phase::OldTraffic { .. } | Phase::Raw => true,
            Phase::Greeting(..)
            | Phase::Handshake { .. }
            | Phase::OldIdentity(_)
            | Phase::RawOpening
            | Phase::Closing(_)
            | Phase::Closed => false,
        }
    }

    /// Whether it waits for a call of [`judged`](Self::judged).
    pub(crate) fn awaits_judgement(&self) -> bool {
        matches!(&self.phase, Phase::Handshake { state, .. } if !state.receives())
    }

    /// Whether it is closed, no matter if its event has been returned.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Closed)
    }

    /// Whether there are bytes to write.
    pub(crate) fn has_transmit(&self) -> bool {
        !self.mute && self.encoder.bytes() > 0
    }

    /// Bytes queued and not written.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.encoder.bytes()
    }

    /// Messages queued that [`transmitted`](Self::transmitted) has not counted.
    pub(crate) fn staged_messages(&self) -> usize {
        self.encoder.messages()
    }

    /// Size in bytes of all buffers, used or not, apart from payloads kept by reference.
    #[cfg(any(test, zmq_channels_fuzz))]
    pub(crate) fn capacity(&self) -> usize {
        self.decoder.capacity() + self.encoder.capacity()
    }

    /// Releases unused memory. For idle connections, as the next byte requires a new allocation.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.decoder.shrink_to_fit();
        self.encoder.shrink_to_fit();
        if let Phase::Sealed(opener) = &mut self.phase {
            opener.shrink_to_fit();
        }
        if self.parts.is_empty() {
            self.parts = Vec::new();
        }
    }

    /// Counts the messages that are written whole, and that [`transmitted`](Self::transmitted) has not
    /// counted because their chunk is not.
    pub(crate) fn count_written(&mut self) -> usize {
        match self.phase {
            Phase::Raw => 0,
            _ => self.encoder.count_written(),
        }
    }

    /// Returns the messages of which not a single byte has been written, in order, to be sent
    /// another way because the stream is lost. Drops everything else that was to be written.
    pub(crate) fn take_unsent(&mut self) -> Vec<Message> {
        self.mute = true;
        match self.phase {
            // A stream without frames continues where it was, or not at all.
            Phase::Raw => {
                self.encoder = Encoder::new(self.config.out_batch_size);
                Vec::new()
            }
            _ => self.encoder.take_unsent(),
        }
    }

    /// Whether large amounts of data from the peer are likely to arrive soon.
    pub(crate) fn expects_more(&self) -> bool {
        self.decoder.expects_more()
    }
}
