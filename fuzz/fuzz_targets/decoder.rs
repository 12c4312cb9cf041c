//! The decoder against a naive one.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::decoder(input));
