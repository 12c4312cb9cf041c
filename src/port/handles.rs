//! Counts of a socket's handles, by kind, some of which hold it open.

use std::any::Any;
use std::sync::Arc;

use crate::sync::wait_queue::WaitQueue;

pub(crate) struct Handles {
    pub(crate) senders: usize,
    pub(crate) receivers: usize,
    pub(crate) holders: usize,
    pub(crate) close_requested: bool,
    /// Tasks that wait until the socket is closed.
    pub(crate) closing: WaitQueue,
    pub(crate) keepalive: Option<Arc<dyn Any + Send + Sync>>,
}

/// The kind of handle that a count is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sender,
    Receiver,
    Holder,
}

impl Handles {
    pub(crate) fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Sender => &mut self.senders,
            Kind::Receiver => &mut self.receivers,
            Kind::Holder => &mut self.holders,
        }
    }

    pub(crate) fn all(&self) -> usize {
        self.senders + self.receivers + self.holders
    }
}
