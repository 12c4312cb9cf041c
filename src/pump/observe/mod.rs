//! What users are told of a socket: events for its monitors, statistics, and when peers are there.

pub(super) mod monitor;
pub(super) mod stats;
pub(super) mod wait;
