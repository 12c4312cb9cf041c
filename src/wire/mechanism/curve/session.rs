//! Traffic under CURVE: each frame and each command in a box of its own (RFC 26, The MESSAGE
//! Command).
//!
//! As libzmq has it, and unlike the RFC, what goes over the wire is an ordinary frame without
//! flags; whether it is a command, and whether there is more, stands inside.

use bytes::Bytes;

use super::super::super::decoder::Body;
use super::super::super::CloseReason;
use super::later;
use super::nacl::{Key, StreamKey, TAG};
use crate::message::Frame;

/// The name of the command that is not one, its length in front.
const NAME: &[u8; 8] = b"\x07MESSAGE";

/// Where the parts of a sealed frame begin: name, number, tag, and what is encrypted, of which
/// the first byte is flags.
const NUMBER_AT: usize = NAME.len();
const TAG_AT: usize = NUMBER_AT + 8;
const SECRET_AT: usize = TAG_AT + TAG;

/// Bytes that sealing adds to a frame.
pub(in super::super::super) const OVERHEAD: usize = SECRET_AT + 1;

/// RFC 26, The MESSAGE Command: the nonces of either direction.
const CLIENT_NONCE: &[u8; 16] = b"CurveZMQMESSAGEC";
const SERVER_NONCE: &[u8; 16] = b"CurveZMQMESSAGES";

/// Seals what goes out.
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

    /// Seals a frame where it is: [`OVERHEAD`] bytes, of which only the last, the flags, is filled
    /// in, then the body.
    pub(in super::super::super) fn seal(&mut self, bytes: &mut [u8]) {
        let Some((head, secret)) = bytes.split_at_mut_checked(SECRET_AT) else {
            debug_assert!(false, "there is room for what sealing adds");
            return;
        };
        // 2^64 frames take centuries: no number comes twice.
        self.last += 1;
        let number = self.last.to_be_bytes();
        let tag = self.key.seal(&number, secret);
        head[..NUMBER_AT].copy_from_slice(NAME);
        head[NUMBER_AT..TAG_AT].copy_from_slice(&number);
        head[TAG_AT..].copy_from_slice(&tag);
    }
}

/// Opens what comes in.
#[derive(Debug)]
pub(in super::super::super) struct Opener {
    key: StreamKey,
    last: u64,
    /// Where frames are opened that may not be changed where they are.
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

    /// The flags and the body of a sealed frame.
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
        const MALFORMED: CloseReason = CloseReason::MalformedCommand("MESSAGE");
        let (head, secret) = bytes.split_at_mut_checked(SECRET_AT).ok_or(MALFORMED)?;
        let (name, head) = head.split_first_chunk::<8>().ok_or(MALFORMED)?;
        let (number, tag) = head.split_first_chunk::<8>().ok_or(MALFORMED)?;
        let tag = tag.first_chunk::<TAG>().ok_or(MALFORMED)?;
        if name != NAME || secret.is_empty() {
            return Err(MALFORMED);
        }
        // Neither again nor out of order; gaps are the sender's to make.
        let later = later(self.last, number)?;
        if !self.key.open(number, tag, secret) {
            return Err(CloseReason::Cryptographic("a MESSAGE does not open"));
        }
        self.last = later;
        Ok(secret[0])
    }

    /// Gives back the memory that nothing waits in.
    pub(in super::super::super) fn shrink_to_fit(&mut self) {
        self.bench = Vec::new();
    }
}
