//! Synchronisation between threads and tasks, independent of any protocol: locks, wait queues,
//! channels.
//!
//! ```text
//!   many threads                                 one loop
//!   bounded::Channel ──►                    ──►  take, release
//!   bounded::Channel ◄──                    ◄──  room, push_batch, arm_producer
//!   oneshot::Answer  ◄─────────────────────────  Reply
//!   futures with a deadline ──► Alarms      ──►  earliest, fire
//!
//!   one loop                                     another loop
//!   duplex: send, look, take ◄─────────────────► send, look, take
//!
//!   one thread                                   many wakers
//!   Tasks, queue                            ◄──  ReadyQueue
//!   Mailbox: collect, prepare_sleep         ◄──  post, deposit
//! ```
//!
//! Three rules hold everywhere: a call that must wait tries first, registers under the same lock,
//! and tries again when it is woken; wakers and hooks are called only after every lock of this
//! module has been released; a waiter that was woken and leaves without using that passes the
//! wake-up on.

pub(crate) mod bounded;
pub(crate) mod catch;
pub(crate) mod deferral;
pub(crate) mod duplex;
pub(crate) mod executor;
pub(crate) mod fork;
pub(crate) mod health;
pub(crate) mod lazy;
pub(crate) mod loop_lock;
pub(crate) mod mailbox;
pub(crate) mod oneshot;
pub(crate) mod parker;
pub(crate) mod permits;
pub(crate) mod prefetch;
pub(crate) mod primitives;
pub(crate) mod ready_queue;
pub(crate) mod timeouts;
pub(crate) mod trials;
pub(crate) mod wait_queue;
pub(crate) mod wake_count;

/// Notifies the loop at the other end of a channel. Called with no lock of the channel held, from
/// any thread; must not block.
pub(crate) trait Hook: Send + Sync {
    fn notify(&self);
}

impl<F: Fn() + Send + Sync> Hook for F {
    fn notify(&self) {
        self();
    }
}

#[cfg(all(test, loom))]
pub(crate) mod models;
#[cfg(all(test, not(loom)))]
pub(crate) mod testing;
