//! The subscriptions of peers and of the user against models.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| zmq_channels::fuzz::subscriptions(input));
