//! Bytes that are not messages of the application: greeting, commands, subscriptions as messages;
//! and all encrypted frames (RFC 26, The MESSAGE Command).

use super::Encoder;
use crate::message::Message;
use crate::wire::frame::{put_header, COMMAND, LONGEST_HEADER, MORE};
use crate::wire::mechanism::OVERHEAD;

/// The flag of a command inside an encrypted frame, whose flags differ (RFC 26, The MESSAGE
/// Command).
const SEALED_COMMAND: u8 = 0b10;

impl Encoder {
    /// Appends bytes that are not part of a message.
    pub(in crate::wire) fn control(&mut self, bytes: &[u8]) {
        self.open_tail(bytes.len(), false);
        let start = self.tail.bytes.len();
        self.tail.bytes.extend_from_slice(bytes);
        self.mark_control(start);
    }

    /// Appends a command: its name and its data, in pieces.
    pub(in crate::wire) fn command(&mut self, name: &str, data: &[&[u8]]) {
        // Names are constants of this crate, so the length fits.
        let head = [&[name.len() as u8], name.as_bytes()];
        self.control_frame(COMMAND, head.iter().chain(data));
    }

    /// Appends a message that the application did not send, such as a subscription of ZMTP 3.0.
    pub(in crate::wire) fn control_message(&mut self, body: &[&[u8]]) {
        self.control_frame(0, body.iter());
    }

    /// Appends a whole message that the application did not send.
    pub(in crate::wire) fn uncounted_message(&mut self, message: &Message) {
        let Some((last, first)) = message.frames().split_last() else {
            debug_assert!(false, "a message needs at least one frame");
            return;
        };
        for frame in first {
            self.control_frame(MORE, [&&frame[..]].into_iter());
        }
        self.control_frame(0, [&&last[..]].into_iter());
    }

    /// Appends a command that replies to one of the peer's; returns how many replies are unwritten.
    pub(in crate::wire) fn reply(&mut self, name: &str, data: &[&[u8]]) -> usize {
        self.command(name, data);
        self.replies.push_back(self.appended);
        self.replies.len()
    }

    fn control_frame<'a>(&mut self, flags: u8, body: impl Iterator<Item = &'a &'a [u8]> + Clone) {
        let size = body.clone().map(|piece| piece.len()).sum();
        if self.encryption.is_some() {
            return self.sealed_frame(flags, size, body);
        }
        self.open_tail(size, false);
        let start = self.tail.bytes.len();
        let tail = &mut self.tail.bytes;
        self.framing.put_header(tail, flags, size);
        for piece in body {
            self.tail.bytes.extend_from_slice(piece);
        }
        self.mark_control(start);
    }

    /// RFC 26, The MESSAGE Command. As in libzmq, the frame around it has no flags.
    fn sealed_frame<'a>(
        &mut self,
        flags: u8,
        size: usize,
        body: impl Iterator<Item = &'a &'a [u8]>,
    ) {
        let size = OVERHEAD + size;
        self.open_tail(size, false);
        let start = self.tail.bytes.len();
        let bytes = &mut self.tail.bytes;
        bytes.reserve(LONGEST_HEADER + size);
        put_header(bytes, 0, size);
        let secret = bytes.len();
        bytes.resize(secret + OVERHEAD, 0);
        if let Some(flags_at) = bytes.last_mut() {
            *flags_at = match flags {
                COMMAND => SEALED_COMMAND,
                more => more & MORE,
            };
        }
        for piece in body {
            bytes.extend_from_slice(piece);
        }
        if let Some(encryption) = &mut self.encryption {
            encryption.sealer.seal(&mut bytes[secret..]);
        }
        self.mark_control(start);
    }

    fn mark_control(&mut self, start: usize) {
        let end = self.tail.bytes.len();
        self.appended += (end - start) as u64;
        match self.tail.control.last_mut() {
            Some(last) if last.end == start => last.end = end,
            Some(_) | None => self.tail.control.push(start..end),
        }
    }
}
