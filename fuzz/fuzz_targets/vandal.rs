//! Two ends, and a vandal between them, under NULL and PLAIN.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::vandal(input));
