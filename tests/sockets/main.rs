//! What sockets do: their types, ports, options, requests, high-water marks, and the examples of
//! the Guide. `cargo test --test sockets requests::` runs one subject.

// What only the tests that read Linux's /proc use.
#![cfg_attr(not(target_os = "linux"), allow(unused))]
// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/lateness.rs"]
mod lateness;

mod addressing;
mod codec;
mod conformance;
mod draft_types;
mod first_contact;
mod groups;
mod guide_clone;
mod guide_pipeline;
mod guide_reliable;
mod guide_requests;
mod guide_topics;
mod guide_zero_copy;
mod high_water_marks;
mod no_drop;
mod notices;
mod options;
mod patterns;
mod ports;
mod proxy;
mod publish;
mod readiness;
mod refusals;
mod register;
mod request_wire;
mod requests;
mod routing;
mod select;
mod stream;
mod waiting;
mod xpub;
