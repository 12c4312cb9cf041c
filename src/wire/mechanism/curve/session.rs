//! Traffic under CURVE: each frame and each command in its own box (RFC 26, The MESSAGE Command).
//!
//! As in libzmq, and unlike the RFC, each box is sent in an ordinary frame without flags; the flags
//! COMMAND and MORE are inside.

use bytes::Bytes;

use super::super::super::decoder::Body;
use super::super::super::{CloseReason, CommandPart};
use super::later;
use super::nacl::{Key, StreamKey, TAG};
use crate::message::Frame;

/// The name MESSAGE, although it is not sent as a command, preceded by its length.
const NAME: &[u8; 8] = b"\x07MESSAGE";

/// Offsets in an encrypted frame: name, number, tag, and encrypted bytes, the first of which is the
/// flags.
const NUMBER_AT: usize = NAME.len();
const TAG_AT: usize = NUMBER_AT + 8;
const SECRET_AT: usize = TAG_AT + TAG;

/// Bytes that encryption adds to a frame.
pub(in super::super::super) const OVERHEAD: usize = SECRET_AT + 1;

/// RFC 26, The MESSAGE Command: the nonces of each direction.
const CLIENT_NONCE: &[u8; 16] = b"CurveZMQMESSAGEC";
const SERVER_NONCE: &[u8; 16] = b"CurveZMQMESSAGES";

/// Encrypts outgoing frames.
#[derive(Debug)]
pub(in super::super::super) struct Sealer {
    key: StreamKey,
    last: u64,
}

impl Sealer {
    pub(super) fn client(shared: &Key, last: u64) -> Self {
        let key = shared.stream(CLIENT_NONCE);
        Sealer { key, last }
    }

    pub(super) fn server(shared: &Key, last: u64) -> Self {
        let key = shared.stream(SERVER_NONCE);
        Sealer { key, last }
    }

    /// Encrypts a frame in place: [`OVERHEAD`] bytes, of which only the last, the flags, is set,
    /// then the body.
    pub(in super::super::super) fn seal(&mut self, bytes: &mut [u8]) {
        let Some((head, secret)) = bytes.split_at_mut_checked(SECRET_AT) else {
            debug_assert!(false, "there is room for what sealing adds");
            return;
        };
        // 2^64 frames take centuries, so no number is used twice.
        self.last += 1;
        let number = self.last.to_be_bytes();
        let tag = self.key.seal(&number, secret);
        head[..NUMBER_AT].copy_from_slice(NAME);
        head[NUMBER_AT..TAG_AT].copy_from_slice(&number);
        head[TAG_AT..].copy_from_slice(&tag);
    }
}

/// Decrypts incoming frames.
#[derive(Debug)]
pub(in super::super::super) struct Opener {
    key: StreamKey,
    last: u64,
    /// Buffer for frames that may not be changed in place.
    bench: Vec<u8>,
}

impl Opener {
    pub(super) fn client(shared: &Key, last: u64) -> Self {
        Opener::new(shared.stream(SERVER_NONCE), last)
    }

    pub(super) fn server(shared: &Key, last: u64) -> Self {
        Opener::new(shared.stream(CLIENT_NONCE), last)
    }

    fn new(key: StreamKey, last: u64) -> Self {
        Opener {
            key,
            last,
            bench: Vec::new(),
        }
    }

    /// Returns the flags and the body of an encrypted frame.
    pub(in super::super::super) fn open(
        &mut self,
        body: Body<'_>,
    ) -> Result<(u8, Frame), CloseReason> {
        match body {
            Body::Own(mut bytes) => {
                let flags = self.open_in_place(&mut bytes)?;
                let frame = Frame::from(Bytes::from(bytes).slice(OVERHEAD..));
                Ok((flags, frame))
            }
            Body::Buffered(bytes) => {
                let mut bench = std::mem::take(&mut self.bench);
                bench.clear();
                bench.extend_from_slice(bytes);
                let flags = self.open_in_place(&mut bench)?;
                let frame = Frame::copy_from_slice(&bench[OVERHEAD..]);
                self.bench = bench;
                Ok((flags, frame))
            }
        }
    }

    fn open_in_place(&mut self, bytes: &mut [u8]) -> Result<u8, CloseReason> {
        const MALFORMED: CloseReason =
            CloseReason::MalformedCommand(CommandPart::Message, "MESSAGE");
        let (head, secret) = bytes.split_at_mut_checked(SECRET_AT).ok_or(MALFORMED)?;
        let (name, head) = head.split_first_chunk::<8>().ok_or(MALFORMED)?;
        let (number, tag) = head.split_first_chunk::<8>().ok_or(MALFORMED)?;
        let tag = tag.first_chunk::<TAG>().ok_or(MALFORMED)?;
        if name != NAME || secret.is_empty() {
            return Err(MALFORMED);
        }
        // Neither repeated nor out of order; the sender may leave gaps.
        let later = later(self.last, number)?;
        if !self.key.open(number, tag, secret) {
            return Err(CloseReason::Cryptographic("a MESSAGE does not open"));
        }
        self.last = later;
        Ok(secret[0])
    }

    /// Releases unused memory.
    pub(in super::super::super) fn shrink_to_fit(&mut self) {
        self.bench = Vec::new();
    }
}
