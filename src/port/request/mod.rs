//! Requests and their replies, matched by number: the client's side and the server's side.

pub(crate) mod client;
pub(crate) mod server;
