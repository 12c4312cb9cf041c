//! One end against any peer's bytes, under CURVE.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::curve_connection(input));
