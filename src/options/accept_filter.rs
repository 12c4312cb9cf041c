//! Filtering the connections that a listener accepts.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Decides which connections a listener accepts. It is called with the peer's address after the
/// accept, before a single byte is exchanged (replaces `ZMQ_TCP_ACCEPT_FILTER` and
/// `ZMQ_IPC_FILTER_PID`, `_UID`, `_GID`). It always runs on the pump's own thread, whichever thread
/// does the pump's work at the time, and with no lock held. It must not block, as that blocks every
/// socket of the pump. A connection for which it panics is refused.
#[derive(Clone)]
pub struct AcceptFilter(Arc<dyn Fn(&PeerAddress) -> bool + Send + Sync>);

/// The peer of a connection, as reported by the operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerAddress {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process on this machine, as it was when it connected. Fields the system does not report
    /// are `None`; only Linux reports them.
    Ipc {
        /// Its process id.
        pid: Option<i32>,
        /// Its user id.
        uid: Option<u32>,
        /// Its group id.
        gid: Option<u32>,
    },
}

impl AcceptFilter {
    /// Creates a filter that accepts the connections for which `accepts` returns true.
    pub fn new(accepts: impl Fn(&PeerAddress) -> bool + Send + Sync + 'static) -> Self {
        AcceptFilter(Arc::new(accepts))
    }

    /// Returns whether a connection from `peer` is accepted.
    #[must_use]
    pub fn accepts(&self, peer: &PeerAddress) -> bool {
        (self.0)(peer)
    }
}

impl fmt::Debug for AcceptFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptFilter")
    }
}

/// Two filters are equal if one is a clone of the other.
impl PartialEq for AcceptFilter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AcceptFilter {}
