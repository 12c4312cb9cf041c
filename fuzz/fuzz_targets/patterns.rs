//! The patterns of all types against their contracts.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::patterns(input));
