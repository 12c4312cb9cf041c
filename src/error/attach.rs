//! Errors of binding, connecting, and their opposites.

use std::io;

use super::{tells_the_end, Closed, EndpointError, PumpFailure};
use crate::endpoint::Endpoint;
use crate::message::Frame;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

/// `bind` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The endpoint is malformed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Sockets of this type cannot use the transport: a STREAM exchanges bytes, for example, which
    /// inproc does not (libzmq's `ENOCOMPATPROTO`).
    #[error("{socket_type} sockets cannot be bound to {endpoint}")]
    Unsupported {
        /// The type of the socket.
        socket_type: SocketType,
        /// The endpoint as given.
        endpoint: String,
    },
    /// Another socket is bound there (libzmq's `EADDRINUSE`).
    #[error("{0} is in use")]
    InUse(String),
    /// The system refused.
    #[error("cannot bind {endpoint}")]
    Io {
        /// The endpoint as given.
        endpoint: String,
        /// The system's error.
        source: io::Error,
    },
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

impl BindError {
    /// The same error, but [`InUse`](BindError::InUse) if the system's error says so.
    pub(crate) fn settled(self) -> Self {
        match self {
            BindError::Io { endpoint, source } if source.kind() == io::ErrorKind::AddrInUse => {
                BindError::InUse(endpoint)
            }
            other => other,
        }
    }

    /// The same error with the endpoint that the user gave.
    pub(crate) fn about(self, given: &Endpoint) -> Self {
        match self {
            BindError::InUse(_) => BindError::InUse(given.to_string()),
            BindError::Io { source, .. } => BindError::Io {
                endpoint: given.to_string(),
                source,
            },
            BindError::Unsupported { socket_type, .. } => BindError::Unsupported {
                socket_type,
                endpoint: given.to_string(),
            },
            BindError::Endpoint(_) | BindError::Closed(_) | BindError::PumpFailed(_) => self,
        }
    }
}

/// `connect` failed immediately. Later failures are reported by monitors, and the socket tries
/// again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint is malformed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another peer of the socket has this routing id.
    #[error("routing id {0} is in use")]
    RoutingIdInUse(RoutingId),
    /// The socket's type, chosen at run time, does not address its peers.
    #[error("only ROUTER, SERVER, PEER and STREAM sockets address peers")]
    NoRoutingIds,
    /// Sockets of this type cannot use the transport: a STREAM exchanges bytes, for example, which
    /// inproc does not (libzmq's `ENOCOMPATPROTO`).
    #[error("{socket_type} sockets cannot be connected to {endpoint}")]
    Unsupported {
        /// The type of the socket.
        socket_type: SocketType,
        /// The endpoint as given.
        endpoint: String,
    },
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// `unbind`, `disconnect` or `disconnect_peer` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetachError {
    /// The endpoint is malformed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket is not bound or connected to it (libzmq's `ENOENT`).
    #[error("{0} is not an endpoint of this socket")]
    NotFound(String),
    /// No peer of the socket has this routing id (libzmq's `EHOSTUNREACH`).
    #[error("no peer has routing id {0:?}")]
    NoPeer(Frame),
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

tells_the_end! {
    BindError { BindError::Closed(why) => *why; BindError::PumpFailed(_) }
    ConnectError { ConnectError::Closed(why) => *why; ConnectError::PumpFailed(_) }
    DetachError { DetachError::Closed(why) => *why; DetachError::PumpFailed(_) }
}
