//! What the pumps of one context share.

use std::sync::Arc;

use crate::driver::wait::WaitSetup;
use crate::driver::Mailbox;
use crate::port::{Names, Watchers};
use crate::socket_type::SocketType;
use crate::sync::permits::Seats;

use super::command::Command;

/// What the pumps of one context share, and which of them this is.
#[derive(Clone)]
pub(crate) struct Company {
    pub(crate) pump: usize,
    /// The listeners that are bound to inproc names.
    pub(crate) names: Arc<Names<Bound, Arc<Mailbox<Command>>>>,
    /// Whether a thread that has something for a pump whose thread sleeps may do its turn.
    pub(crate) assists: bool,
    /// How calls may wait.
    pub(crate) wait: WaitSetup,
    /// The connections the context may have accepted.
    pub(crate) connections: Arc<Seats>,
    /// The monitors of the context.
    pub(crate) watchers: Arc<Watchers>,
    /// Accepted connections of one pump, at most, whose handshake is not finished.
    pub(crate) max_handshakes: usize,
}

/// A listener that is bound to an inproc name.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(super) pump: usize,
    pub(super) mailbox: Arc<Mailbox<Command>>,
    /// A slot of that pump's listeners.
    pub(super) listener: usize,
    pub(super) kind: SocketType,
}
