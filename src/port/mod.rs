//! The ports of a socket: the handles that users hold, and what these share with the socket's pump.
//!
//! ```text
//!   user threads and tasks                       pump
//!   Sender   ──►  Ports.inward: Channel   ──►  take, release
//!   Receiver ◄──  Ports.outward: Channel  ◄──  room, push_batch, arm_producer
//!   requests ◄─►  Ports.calls: Calls      ◄─►  look, take, settle
//!   Feed     ◄──────────────────────────────── Feeder
//! ```

mod feed;
mod forward;
mod futures;
mod handles;
mod known_peers;
mod lockstep;
#[cfg(all(test, loom))]
mod models;
mod names;
mod pacing;
mod request;
mod shared;
mod undelivered;

pub(crate) use feed::{feed, Feed, Feeder};
pub(crate) use forward::{Carried, Relay};
pub use futures::{
    Drain, IntoIter, Iter, RecvFuture, RecvManyFuture, RecvTimeoutFuture, SendFuture,
    SendTimeoutFuture,
};
pub(crate) use handles::after as deadline_after;
pub use handles::{Receiver, Sender, WeakReceiver, WeakSender};
pub(crate) use known_peers::Routes;
pub(crate) use names::Names;
pub use request::client::{RequestFuture, RequestTimeoutFuture};
pub(crate) use request::latest::Latest;
pub use request::server::{
    RecvRequestFuture, RecvRequestTimeoutFuture, Request, Requests, RequestsIntoIter, RequestsIter,
    Unanswered,
};
pub(crate) use request::table::Outcome;
pub(crate) use shared::{FrameRule, Holder, Ports, PortsSetup};
pub(crate) use undelivered::{count_undelivered, undelivered};
