//! What connections do: endpoints and transports, ZMTP on the wire, security, heartbeats, monitors.
//! `cargo test --test connections wire::` runs one subject.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod authentication;
mod endpoints;
mod heartbeat;
mod life;
mod monitor;
mod old_peers;
#[cfg(feature = "curve")]
mod security;
mod statistics;
mod transport_options;
mod wire;
