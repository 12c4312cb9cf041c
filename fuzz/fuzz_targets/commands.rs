//! Commands, metadata and ZAP, encoded and parsed.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::commands(input));
