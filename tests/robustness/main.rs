//! What contexts and sockets withstand: their end, many things at once, peers that misbehave, pumps
//! that fail; and which thread runs a pump's loop. `cargo test --test robustness closing::` runs one subject.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;
#[cfg(target_os = "linux")]
#[path = "../common/forked.rs"]
mod forked;
#[path = "../common/lateness.rs"]
mod lateness;

mod closing;
mod context;
mod hostile;
mod isolation;
mod leading;
mod shutdown;
mod storms;
mod terminate;
