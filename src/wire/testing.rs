//! What tests and fuzzing share: a configuration, random numbers, and the bytes that an end writes.

// Some of it is for tests only.
#![cfg_attr(not(test), allow(dead_code))]

use std::io::IoSlice;

use super::*;

pub(super) fn config(socket_type: SocketType) -> Config {
    Config {
        socket_type,
        oldest_version: (1, 0),
        routing_id: Vec::new(),
        max_frame_size: None,
        max_message_size: None,
        only_first_subscribe: false,
        handshake_timeout: Some(Duration::from_secs(30)),
        heartbeat: None,
        security: Security::Null,
        authenticates: false,
        zap_domain: String::new(),
        zap_enforce_domain: false,
        metadata: Vec::new(),
        in_batch_size: 128 << 10,
        out_batch_size: 64 << 10,
    }
}

/// Takes everything that is to be written, `at_most` bytes at a time.
pub(super) fn drain(connection: &mut Connection, at_most: usize) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let mut messages = 0;
    while connection.has_transmit() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let filled = connection.poll_transmit(&mut slices);
        assert!(filled > 0);
        let mut taken = 0;
        for slice in &slices[..filled] {
            assert!(!slice.is_empty());
            let n = slice.len().min(at_most - taken);
            bytes.extend_from_slice(&slice[..n]);
            taken += n;
        }
        messages += connection.transmitted(taken);
    }
    (bytes, messages)
}

/// xorshift64*: the same bytes for the same seed, everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
}

/// Random numbers of a test: the same for the same seed.
pub(super) fn opening(config: &Config, seed: u64) -> Opening {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let drawn = Opening::new(&config.security, |bytes: &mut [u8]| {
        bytes.fill_with(|| random.next() as u8);
        Ok::<(), std::convert::Infallible>(())
    });
    match drawn {
        Ok(opening) => opening,
        Err(never) => match never {},
    }
}
