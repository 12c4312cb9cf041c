//! Per-socket state for observers: monitors, waits for peers, counters.

use crate::endpoint::Endpoint;
use crate::event::{Event, EventSet};
use crate::port::Feeder;
use crate::sync::oneshot::Reply;

use super::command::Awaited;
use super::counts::Tally;

/// Per-socket state for observers.
#[derive(Default)]
pub(super) struct Observers {
    pub(super) monitors: Vec<Monitor>,
    /// Callers that wait for peers.
    pub(super) waits: Vec<Wait>,
    pub(super) tally: Tally,
}

/// One monitor of a socket.
pub(super) struct Monitor {
    pub(super) events: EventSet,
    pub(super) feeder: Feeder<Event>,
}

/// A caller that waits for peers.
pub(super) struct Wait {
    pub(super) awaited: Awaited,
    pub(super) peers: usize,
    pub(super) reply: Reply<()>,
}

/// The local and remote names of a pipe; queried only when needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) endpoint: Option<Endpoint>,
    pub(super) local: Option<Endpoint>,
    pub(super) remote: Option<Endpoint>,
}

impl Wait {
    /// Whether that many peers fulfil the condition.
    pub(super) fn is_over(&self, connected: usize, subscribers: impl FnOnce() -> usize) -> bool {
        let there = match self.awaited {
            Awaited::Connected => connected,
            Awaited::Subscribed => subscribers(),
        };
        there >= self.peers
    }
}
