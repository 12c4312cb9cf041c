//! CURVE: both ends prove that they have the secret keys of their public keys, and everything after
//! that is encrypted (RFC 26, CurveZMQ; RFC 25, ZMTP-CURVE).
//!
//! In the notation of the RFC, C, S, C' and S' are the client's and the server's permanent public
//! keys and the transient ones made for one connection; c, s, c' and s' are their secret keys.

mod client;
mod entropy;
mod nacl;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub(in super::super) use client::Client;
pub(crate) use entropy::{ClientEntropy, ServerEntropy};
pub(in super::super) use server::Server;
pub(in super::super) use session::{Opener, Sealer, OVERHEAD};

use super::super::CloseReason;
use crate::curve::{CurveKeypair, CurveSecretKey};
use nacl::NONCE;

/// RFC 26, The HELLO Command: major and minor version of CurveZMQ.
const VERSION: [u8; 2] = [1, 0];

/// Zeros in HELLO, so that it is no shorter than the WELCOME it requests (RFC 26, The HELLO
/// Command, "anti-amplification padding"; the 70 in its prose does not add up to its 200 bytes).
const PADDING: usize = 72;

/// Zeros in the box of HELLO.
const SIGNED_ZEROS: usize = 64;

/// Size of the box in HELLO, in bytes.
const HELLO_BOX: usize = SIGNED_ZEROS + nacl::TAG;

/// Size of the cookie in bytes; its content is private to the server.
const COOKIE: usize = 16 + nacl::TAG + 64;

/// Size of the vouch in bytes: a nonce and a box with C' and S, from C to S'.
const VOUCH: usize = 16 + nacl::TAG + 64;

/// The prefixes of nonces with a number (RFC 26, the sections on each command).
const HELLO_NONCE: &[u8; 16] = b"CurveZMQHELLO---";
const INITIATE_NONCE: &[u8; 16] = b"CurveZMQINITIATE";
const READY_NONCE: &[u8; 16] = b"CurveZMQREADY---";

/// And of nonces with random bytes.
const WELCOME_NONCE: &[u8; 8] = b"WELCOME-";
const COOKIE_NONCE: &[u8; 8] = b"COOKIE--";
const VOUCH_NONCE: &[u8; 8] = b"VOUCH---";

/// A nonce of a prefix and a number.
fn short_nonce(prefix: &[u8; 16], number: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..16].copy_from_slice(prefix);
    nonce[16..].copy_from_slice(&number.to_be_bytes());
    nonce
}

/// A nonce of a prefix and random bytes.
fn long_nonce(prefix: &[u8; 8], entropy: &[u8; 16]) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..8].copy_from_slice(prefix);
    nonce[8..].copy_from_slice(entropy);
    nonce
}

/// The transient keys of one connection.
fn transient(secret: [u8; 32]) -> CurveKeypair {
    CurveKeypair::from(CurveSecretKey::from(secret))
}

/// A box that cannot be opened.
fn forged(what: &'static str) -> CloseReason {
    CloseReason::Cryptographic(what)
}

/// A field of fixed length, and the bytes after it.
fn field<'a, const N: usize>(
    bytes: &'a [u8],
    error: &CloseReason,
) -> Result<(&'a [u8; N], &'a [u8]), CloseReason> {
    bytes.split_first_chunk().ok_or_else(|| error.clone())
}

/// A number that must increase (RFC 26, "strictly increasing").
fn later(last: u64, number: &[u8; 8]) -> Result<u64, CloseReason> {
    let number = u64::from_be_bytes(*number);
    match number > last {
        true => Ok(number),
        false => Err(CloseReason::InvalidSequence { last, number }),
    }
}
