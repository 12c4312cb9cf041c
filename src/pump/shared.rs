//! State shared by the pumps of one context.

use std::sync::Arc;

use crate::driver::wait::WaitSetup;
use crate::driver::Mailbox;
use crate::port::{ContextMonitors, Names};
use crate::socket_type::SocketType;
use crate::sync::permits::Permits;

use super::command::Command;

/// State shared by the pumps of one context, and the index of this one.
#[derive(Clone)]
pub(crate) struct PumpShared {
    pub(crate) pump: usize,
    /// The listeners that are bound to inproc names.
    pub(crate) names: Arc<Names<Bound, Arc<Mailbox<Command>>>>,
    /// Whether a thread that has work for a sleeping pump may run its turn.
    pub(crate) assists: bool,
    /// How calls may wait.
    pub(crate) wait: WaitSetup,
    /// Permits for the connections that the context may accept.
    pub(crate) connections: Arc<Permits>,
    /// The monitors of the context.
    pub(crate) monitors: Arc<ContextMonitors>,
    /// Maximum number of accepted connections of one pump whose handshake is not finished.
    pub(crate) max_handshakes: usize,
}

/// A listener that is bound to an inproc name.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(super) pump: usize,
    pub(super) mailbox: Arc<Mailbox<Command>>,
    /// The slot of the listener in that pump.
    pub(super) listener: usize,
    pub(super) kind: SocketType,
}
