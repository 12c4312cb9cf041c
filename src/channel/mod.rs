//! Floor of the channels: thread to thread only. Every lock and every atomic of the crate lives
//! here, and nothing here knows of sockets, octets or file descriptors.
//!
//! ```text
//!   user threads and tasks                       pump thread
//!   Sender   ──►  Ports.inward: Channel   ──►  take, release
//!   Receiver ◄──  Ports.outward: Channel  ◄──  room, push_batch, arm_producer
//!   requests ◄─►  Ports.calls: Calls     ◄─►  look, take, settle
//!   commands ──►  Mailbox                 ──►  collect, prepare_sleep
//!   lead, notify ──► Driver               ◄──  run
//!   Answer   ◄──────────────────────────────── Reply
//!   Feed     ◄──────────────────────────────── Feeder
//!   futures with a deadline ──► Alarms    ──►  earliest, fire
//!
//!   pump thread                                another pump thread
//!   send, look, take ◄──── BridgeEnd  ────►  send, look, take
//!   bind, find_or_wait ──► Names
//!   one thread                                   many wakers
//!   Tasks (registrations), Select       ◄──  Roster
//! ```
//!
//! Three rules hold everywhere: whoever must wait tries first, registers under the lock that
//! showed there was nothing to be had, and tries again when woken; wakers and hooks are called
//! only after every lock has been given back; a waiter that was woken and goes away without
//! using it passes the call on.

mod alarm;
mod answer;
mod answering;
mod asking;
mod bridge;
mod calls;
mod catch;
mod driver;
mod feed;
mod fork;
mod gate;
mod health;
mod latest;
mod lazy;
mod names;
mod pace;
// In sight of the comparison of channels, which waits as a port does.
pub(crate) mod park;
mod patience;
mod pending;
mod port;
mod ports;
mod prefetch;
mod queue;
mod relay;
mod roster;
mod routes;
mod seats;
mod sync;
mod tasks;
mod undelivered;
mod waiters;

pub(crate) use alarm::{Alarms, Deadline};
pub(crate) use answer::{answer, wait_all, Answer, Reply};
pub use answering::{
    RecvRequestFuture, RecvRequestTimeoutFuture, Request, Requests, RequestsIntoIter, RequestsIter,
    Unanswered,
};
pub use asking::{RequestFuture, RequestTimeoutFuture};
pub(crate) use bridge::{bridge, BridgeEnd};
pub(crate) use calls::Outcome;
pub(crate) use catch::quietly;
pub(crate) use driver::{
    begin_pump_thread, is_driving, Driver, Interrupt, Mailbox, Poller, Traffic, Turn,
};
pub(crate) use feed::{feed, Feed, Feeder};
pub(crate) use health::Health;
pub(crate) use latest::Latest;
pub(crate) use lazy::{Lazy, Recurring};
pub(crate) use names::Names;
pub(crate) use park::{block_on, Spin};
pub use pending::{Drain, IntoIter, Iter, RecvFuture, RecvManyFuture, RecvTimeoutFuture};
pub use pending::{SendFuture, SendTimeoutFuture};
pub(crate) use port::after as deadline_after;
pub use port::{Receiver, Sender, WeakReceiver, WeakSender};
pub(crate) use ports::{FrameRule, Holder, Ports, PortsSetup};
pub(crate) use queue::{
    give_back, move_some, sift, Channel, NearPeer, Nothing, Waiting, Wants, KEPT_BUFFER,
};
pub(crate) use relay::{Carried, Relay};
pub(crate) use roster::Roster;
pub(crate) use routes::Routes;
pub(crate) use seats::{Seat, Seats};
pub(crate) use sync::Once;
pub(crate) use tasks::Tasks;
pub(crate) use undelivered::{count_undelivered, undelivered};
pub(crate) use waiters::Ticket;

/// How a channel calls its pump. Called with no lock held, from any thread; must not block.
pub(crate) trait Hook: Send + Sync {
    fn notify(&self);
}

impl<F: Fn() + Send + Sync> Hook for F {
    fn notify(&self) {
        self();
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod testing;
