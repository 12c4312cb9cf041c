//! One end against any peer's bytes, under NULL and PLAIN.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::connection(input));
