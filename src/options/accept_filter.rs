//! Which connections a listener takes.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Decides which connections a listener takes: called with the peer's address after the accept, before
/// a single byte is exchanged (in the place of `ZMQ_TCP_ACCEPT_FILTER` and `ZMQ_IPC_FILTER_PID`, `_UID`,
/// `_GID`). It always runs on the pump's own thread, whichever thread does the pump's work at the time,
/// and with no lock held. It must not wait: every socket of the pump waits for it. A connection for
/// which it panics is not taken.
#[derive(Clone)]
pub struct AcceptFilter(Arc<dyn Fn(&PeerAddress) -> bool + Send + Sync>);

/// Who is at the other end of a connection, as the operating system says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerAddress {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process of this machine, as it was when it connected; what the system does not tell is
    /// `None`, which on systems other than Linux is everything.
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
    /// A filter that takes the connections for which `accepts` returns true.
    pub fn new(accepts: impl Fn(&PeerAddress) -> bool + Send + Sync + 'static) -> Self {
        AcceptFilter(Arc::new(accepts))
    }

    /// Whether a connection from `peer` is taken.
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
