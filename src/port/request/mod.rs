//! Requests and their replies, matched by number: the table of those under way, the side that asks, the
//! side that answers.

pub(crate) mod client;
pub(crate) mod latest;
pub(crate) mod server;
pub(crate) mod table;
