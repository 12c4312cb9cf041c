//! Requests and their replies, matched by number: the side that asks, and the side that answers.

pub(crate) mod client;
pub(crate) mod server;
