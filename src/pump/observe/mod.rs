//! What users are told of a socket: events for its monitors, statistics, and when peers are there.

#[cfg(feature = "tracing")]
mod log;
mod monitor;
mod stats;
mod wait;
