//! Floor of the channels: thread to thread only. Every lock and every atomic of the crate lives
//! here, and nothing here knows of sockets, octets or file descriptors.
//!
//! ```text
//!   user threads and tasks                       pump thread
//!   Sender   ──►  Ports.inward: Channel   ──►  take, release
//!   Receiver ◄──  Ports.outward: Channel  ◄──  room, push_batch, arm_producer
//!   commands ──►  Mailbox                 ──►  collect, prepare_sleep
//!   Answer   ◄──────────────────────────────── Reply
//!   futures with a deadline ──► Alarms    ──►  earliest, fire
//! ```
//!
//! Three rules hold everywhere: whoever must wait tries first, registers under the lock that
//! showed there was nothing to be had, and tries again when woken; wakers and hooks are called
//! only after every lock has been given back; a waiter that was woken and goes away without
//! using it passes the call on.

mod alarm;
mod answer;
mod gate;
mod lazy;
mod mailbox;
mod park;
mod pending;
mod port;
mod ports;
mod queue;
mod sync;
mod waiters;

pub(crate) use alarm::Alarms;
pub(crate) use answer::{answer, Answer, Reply};
pub(crate) use lazy::Lazy;
pub(crate) use mailbox::Mailbox;
pub use pending::{Drain, IntoIter, Iter, RecvFuture, RecvManyFuture, RecvTimeoutFuture};
pub use pending::{SendFuture, SendTimeoutFuture};
pub use port::{Receiver, Sender, WeakReceiver, WeakSender};
pub(crate) use ports::{Holder, Ports, PortsSetup};

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
