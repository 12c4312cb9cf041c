//! The ports of a socket: the handles that users hold, and what these share with the socket's pump.
//!
//! ```text
//!   user threads and tasks                       pump
//!   Sender   ──►  Ports.inward: Channel   ──►  take, release
//!   Receiver ◄──  Ports.outward: Channel  ◄──  room, push_batch, arm_producer
//!   requests ◄─►  Ports.calls: Calls      ◄─►  look, take, settle
//!   Feed     ◄──────────────────────────────── Feeder
//! ```

mod deadline;
mod feed;
mod forward;
mod frame_rule;
mod futures;
mod handles;
mod holder;
mod known_peers;
mod latest;
mod lockstep;
#[cfg(all(test, loom))]
mod models;
mod monitors;
mod names;
mod pacing;
mod readiness;
mod receiver;
mod request;
mod request_table;
mod sender;
mod shared;
mod undelivered;

pub(crate) use deadline::after as deadline_after;
pub(crate) use feed::{feed, Clock, Feed, Feeder};
pub(crate) use forward::{Carried, Relay};
pub(crate) use frame_rule::FrameRule;
pub(crate) use futures::ready::{Call, ReadyFuture, ReadyTimeoutFuture};
pub use futures::recv::{RecvFuture, RecvManyFuture, RecvTimeoutFuture};
pub use futures::send::{SendFuture, SendTimeoutFuture};
pub(crate) use holder::Holder;
pub(crate) use known_peers::KnownPeers;
pub(crate) use latest::Latest;
#[cfg(unix)]
pub(crate) use lockstep::QueuePlaces;
pub(crate) use monitors::ContextMonitors;
#[cfg(feature = "tracing")]
pub(crate) use monitors::{LogRecord, SocketEnd};
pub(crate) use names::Names;
pub use receiver::{Drain, IntoIter, Iter, Receiver, WeakReceiver};
pub use request::client::{RequestFuture, RequestTimeoutFuture};
pub use request::server::{
    RecvRequestFuture, RecvRequestTimeoutFuture, Request, Requests, RequestsIntoIter, RequestsIter,
    Unanswered,
};
pub(crate) use request_table::Outcome;
pub use sender::{Sender, WeakSender};
pub(crate) use shared::{Ports, PortsSetup};
pub(crate) use undelivered::{count_undelivered, undelivered};
