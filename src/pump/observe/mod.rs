//! Reports to users: events for monitors, statistics, and waits for peers.

#[cfg(feature = "tracing")]
mod log;
mod monitor;
mod stats;
mod wait;
