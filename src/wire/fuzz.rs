//! Checks of this module, for `fuzz/`; tests run each over a sample of inputs.
//!
//! A check reads from its input what to do, so that any bytes are a case, and panics if the case is
//! not as promised.

use std::sync::Arc;
use std::time::Instant;

use arbitrary::{Result, Unstructured};

use super::frame::{put_header, put_old_header, COMMAND, MORE};
use super::testing::{config, drain, opening};
use super::*;

mod commands;
mod connection;
mod decoder;
mod vandal;

pub(crate) use commands::commands;
pub(crate) use connection::connection;
#[cfg(feature = "curve")]
pub(crate) use connection::curve_connection;
pub(crate) use decoder::decoder;
#[cfg(feature = "curve")]
pub(crate) use vandal::curve_vandal;
pub(crate) use vandal::vandal;

/// The largest memory of an earlier frame that is used again, in bytes.
const MOST_KEPT: usize = 4 << 20;

/// Up to `most` bytes, with a length of their own.
fn some_bytes<'a>(input: &mut Unstructured<'a>, most: usize) -> Result<&'a [u8]> {
    let length = input.int_in_range(0..=most)?.min(input.len());
    input.bytes(length)
}

/// A body of a length that is next to the limits of some storage, or a short one.
fn body(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = match input.int_in_range(0..=7u8)? {
        0 => input.int_in_range(250..=260usize)?,
        1 => input.int_in_range(0..=5000usize)?,
        2 => input.int_in_range(0..=60usize)?,
        _ => return Ok(some_bytes(input, 20)?.to_vec()),
    };
    Ok((0..length).map(|at| (at % 251) as u8).collect())
}

/// The permanent keys of a client and a server.
#[cfg(feature = "curve")]
fn curve_securities() -> [Security; 2] {
    use crate::curve::{CurveKeypair, CurveSecretKey};
    let [client, server] =
        [[7; 32], [9; 32]].map(|secret| CurveKeypair::from(CurveSecretKey::from(secret)));
    let key = *server.public();
    [
        Security::curve_client(client, key),
        Security::curve_server(server),
    ]
}

fn plain_securities() -> [Security; 2] {
    [
        Security::plain_client("anna", "secret"),
        Security::PlainServer,
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    /// Runs a check over inputs of random bytes, many of which are 0, the commonest choice.
    fn sample(check: fn(&[u8]), inputs: u64) {
        for seed in 1..=inputs {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let length = random.below(300);
            let zeros = random.below(3);
            let byte = |_| match random.below(4) < zeros {
                true => 0,
                false => random.next() as u8,
            };
            let input: Vec<u8> = (0..length).map(byte).collect();
            check(&input);
        }
    }

    #[test]
    fn connections_return_the_same_events_however_bytes_are_cut() {
        sample(connection, 5000);
    }

    #[test]
    fn a_vandal_between_two_ends_makes_neither_panic() {
        sample(vandal, 3000);
    }

    #[cfg(feature = "curve")]
    #[test]
    fn curve_delivers_nothing_but_what_the_peer_sent() {
        sample(curve_connection, 100);
        sample(curve_vandal, 100);
    }

    #[test]
    fn the_decoder_agrees_with_a_naive_one() {
        sample(decoder, 10_000);
    }

    #[test]
    fn commands_metadata_and_zap_parse_back() {
        sample(commands, 10_000);
    }
}
