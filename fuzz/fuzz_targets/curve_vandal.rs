//! Two ends, and a vandal between them, under CURVE.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::curve_vandal(input));
