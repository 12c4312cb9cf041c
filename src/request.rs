//! Requests that a REP replies to in any order: what [`Socket::requests`](crate::Socket::requests)
//! returns.
//!
//! The client's side is [`Socket::request`](crate::Socket::request).

pub use crate::port::{Request, Requests, Unanswered};
