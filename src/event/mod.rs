//! Events of a socket's connections, as values.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::PumpFailure;
use crate::message::Frame;
use crate::routing_id::RoutingId;
use crate::security::AuthenticatorFault;
use crate::socket_type::SocketType;

mod fault;
mod set;

pub use fault::ProtocolFault;
pub(crate) use fault::{ZMTP_INVALID_METADATA, ZMTP_UNSPECIFIED};
pub use set::EventSet;

/// An event of a socket: its kind, and the endpoint and connection it happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The [`id`](crate::Socket::id) of the socket it happened to.
    pub socket: u64,
    /// The type of that socket.
    pub socket_type: SocketType,
    /// The endpoint, as returned by [`bind`](crate::Socket::bind) or as connected to. `None` if the
    /// event concerns no endpoint.
    pub endpoint: Option<Endpoint>,
    /// Distinguishes the connections of an endpoint: a new number for each attempt and each
    /// connection, never reused for the same socket. `None` if the event concerns no connection.
    pub connection: Option<u64>,
    /// This end of the connection. For ipc and inproc connections, both ends are the endpoint.
    pub local: Option<Endpoint>,
    /// The peer's end of the connection.
    pub remote: Option<Endpoint>,
    /// The routing id by which a ROUTER, SERVER, PEER or STREAM addresses the peer, from
    /// [`HandshakeSucceeded`](EventKind::HandshakeSucceeded) until
    /// [`Disconnected`](EventKind::Disconnected): announced by the peer, assigned when connecting,
    /// or generated. `None` for other types.
    pub known_as: Option<RoutingId>,
}

/// An error of the operating system, its resolver or a proxy: the part of an [`io::Error`] that can
/// be cloned and compared.
///
/// ```
/// use std::io::{self, ErrorKind};
/// use zmq_channels::monitor::SystemError;
///
/// let told = SystemError::from(io::Error::from_raw_os_error(111));
/// assert_eq!(told.raw_os_error(), Some(111));
/// # #[cfg(target_os = "linux")]
/// assert_eq!(told.kind(), ErrorKind::ConnectionRefused);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SystemError {
    kind: io::ErrorKind,
    code: Option<i32>,
    text: Option<Arc<str>>,
}

impl SystemError {
    /// Returns the kind of the error, according to the standard library.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// Returns the operating system's error number (`errno`), such as `EMFILE`; `None` if the error
    /// came from elsewhere, such as a resolver or a proxy.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.code
    }
}

impl From<&io::Error> for SystemError {
    fn from(error: &io::Error) -> Self {
        SystemError {
            kind: error.kind(),
            code: error.raw_os_error(),
            text: error.get_ref().map(|said| said.to_string().into()),
        }
    }
}

impl From<io::Error> for SystemError {
    fn from(error: io::Error) -> Self {
        SystemError::from(&error)
    }
}

impl From<io::ErrorKind> for SystemError {
    fn from(kind: io::ErrorKind) -> Self {
        SystemError {
            kind,
            code: None,
            text: None,
        }
    }
}

impl From<SystemError> for io::Error {
    fn from(error: SystemError) -> Self {
        match (error.code, error.text) {
            (Some(code), _) => io::Error::from_raw_os_error(code),
            (None, Some(text)) => io::Error::new(error.kind, &*text),
            (None, None) => error.kind.into(),
        }
    }
}

impl fmt::Display for SystemError {
    /// Prints the text of the [`io::Error`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for SystemError {}

/// The kind of an event.
///
/// A client sees `ConnectDelayed`, `Connected`, `HandshakeSucceeded`, and once the connection is
/// lost `Disconnected`, `ConnectRetried`, and so on; if nothing listens, `ConnectDelayed`,
/// `ConnectFailed`, `ConnectRetried`. `ConnectDelayed` occurs with tcp only: over ipc and inproc an
/// attempt succeeds or fails at once. A server sees `Listening`, then for each peer `Accepted`,
/// `HandshakeSucceeded`, `Disconnected`, and at the end `Closed`. Every `Connected` and every
/// `Accepted` is followed by a `Disconnected`, and the last event is `Stopped`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket is bound to the endpoint (`ZMQ_EVENT_LISTENING`).
    Listening,
    /// The socket could not be bound; [`bind`](crate::Socket::bind) returned the same error
    /// (`ZMQ_EVENT_BIND_FAILED`).
    BindFailed {
        /// The error.
        error: SystemError,
    },
    /// An attempt to connect has started and is in progress (`EINPROGRESS`;
    /// `ZMQ_EVENT_CONNECT_DELAYED`). `Connected` or `ConnectFailed` follows, with the same
    /// connection number. Occurs for every attempt over TCP, loopback included, and through a proxy
    /// for the connection to the proxy; never over ipc and inproc.
    ConnectDelayed,
    /// A connection was made; the handshake follows (`ZMQ_EVENT_CONNECTED`).
    Connected,
    /// An attempt to connect failed (`ZMQ_EVENT_CLOSED` for a connecting socket).
    ConnectFailed {
        /// The reason.
        reason: DisconnectReason,
    },
    /// There will be another attempt (`ZMQ_EVENT_CONNECT_RETRIED`).
    ConnectRetried {
        /// The delay until then.
        after: Duration,
    },
    /// A connection was accepted; the handshake follows (`ZMQ_EVENT_ACCEPTED`).
    Accepted,
    /// A connection could not be accepted (`ZMQ_EVENT_ACCEPT_FAILED`).
    AcceptFailed {
        /// The error.
        error: SystemError,
    },
    /// The handshake succeeded, and messages can be exchanged (`ZMQ_EVENT_HANDSHAKE_SUCCEEDED`).
    HandshakeSucceeded(PeerIdentity),
    /// The handshake failed; `Disconnected` follows (`ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL`,
    /// `_PROTOCOL`, `_AUTH`).
    HandshakeFailed {
        /// The reason.
        reason: DisconnectReason,
    },
    /// A connection ended (`ZMQ_EVENT_DISCONNECTED`).
    Disconnected {
        /// The reason.
        reason: DisconnectReason,
    },
    /// The socket no longer listens on the endpoint (`ZMQ_EVENT_CLOSED` for a listening socket).
    Closed,
    /// The remains of a listener, such as the file of an ipc endpoint, could not be removed
    /// (`ZMQ_EVENT_CLOSE_FAILED`).
    CloseFailed {
        /// The error.
        error: SystemError,
    },
    /// The socket's pump has failed; `Stopped` follows. All connections are lost, without a
    /// `Disconnected` for each.
    PumpFailed {
        /// The failure.
        failure: PumpFailure,
    },
    /// The socket is closed and no more events follow (`ZMQ_EVENT_MONITOR_STOPPED`).
    Stopped,
}

impl EventKind {
    /// Returns libzmq's number for this event (`ZMQ_EVENT_*`). It is not always the bit in an
    /// [`EventSet`]: there `HandshakeFailed` is one kind, which libzmq divides by reason, and
    /// `ConnectFailed` differs from `Closed`. `None` for `PumpFailed`, which libzmq does not have.
    ///
    /// ```
    /// use zmq_channels::monitor::{DisconnectReason, EventKind};
    ///
    /// let reason = DisconnectReason::AuthenticationFailed { status: 400, text: String::new() };
    /// let failed = EventKind::HandshakeFailed { reason };
    /// // ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    /// assert_eq!((failed.zmq_event(), failed.zmq_value()), (Some(0x4000), Some(400)));
    /// ```
    #[must_use]
    pub fn zmq_event(&self) -> Option<u32> {
        Some(match self {
            EventKind::Connected => 0x0001,
            EventKind::ConnectDelayed => 0x0002,
            EventKind::ConnectRetried { .. } => 0x0004,
            EventKind::Listening => 0x0008,
            EventKind::BindFailed { .. } => 0x0010,
            EventKind::Accepted => 0x0020,
            EventKind::AcceptFailed { .. } => 0x0040,
            EventKind::Closed | EventKind::ConnectFailed { .. } => 0x0080,
            EventKind::CloseFailed { .. } => 0x0100,
            EventKind::Disconnected { .. } => 0x0200,
            EventKind::Stopped => 0x0400,
            EventKind::HandshakeSucceeded(_) => 0x1000,
            EventKind::HandshakeFailed { reason } => match (reason, reason.zmq_value()) {
                (DisconnectReason::AuthenticationFailed { .. }, _) => 0x4000,
                (_, Some(ZMTP_UNSPECIFIED..)) => 0x2000,
                (_, _) => 0x0800,
            },
            EventKind::PumpFailed { .. } => return None,
        })
    }

    /// Returns the value that libzmq's monitor sends with this event, unless it is a file
    /// descriptor: the system's error number (`errno`), milliseconds until the next attempt, or
    /// [`DisconnectReason::zmq_value`].
    #[must_use]
    pub fn zmq_value(&self) -> Option<i32> {
        match self {
            EventKind::BindFailed { error }
            | EventKind::AcceptFailed { error }
            | EventKind::CloseFailed { error } => error.raw_os_error(),
            EventKind::ConnectFailed { reason }
            | EventKind::HandshakeFailed { reason }
            | EventKind::Disconnected { reason } => reason.zmq_value(),
            EventKind::ConnectRetried { after } => {
                Some(i32::try_from(after.as_millis()).unwrap_or(i32::MAX))
            }
            EventKind::Listening
            | EventKind::ConnectDelayed
            | EventKind::Connected
            | EventKind::Accepted
            | EventKind::HandshakeSucceeded(_)
            | EventKind::Closed
            | EventKind::PumpFailed { .. }
            | EventKind::Stopped => None,
        }
    }

    /// Returns the set that contains this kind of event only.
    #[must_use]
    pub fn set(&self) -> EventSet {
        match self {
            EventKind::Listening => EventSet::LISTENING,
            EventKind::BindFailed { .. } => EventSet::BIND_FAILED,
            EventKind::ConnectDelayed => EventSet::CONNECT_DELAYED,
            EventKind::Connected => EventSet::CONNECTED,
            EventKind::ConnectFailed { .. } => EventSet::CONNECT_FAILED,
            EventKind::ConnectRetried { .. } => EventSet::CONNECT_RETRIED,
            EventKind::Accepted => EventSet::ACCEPTED,
            EventKind::AcceptFailed { .. } => EventSet::ACCEPT_FAILED,
            EventKind::HandshakeSucceeded(_) => EventSet::HANDSHAKE_SUCCEEDED,
            EventKind::HandshakeFailed { .. } => EventSet::HANDSHAKE_FAILED,
            EventKind::Disconnected { .. } => EventSet::DISCONNECTED,
            EventKind::Closed => EventSet::CLOSED,
            EventKind::CloseFailed { .. } => EventSet::CLOSE_FAILED,
            EventKind::PumpFailed { .. } => EventSet::PUMP_FAILED,
            EventKind::Stopped => EventSet::STOPPED,
        }
    }
}

/// The identity of a peer, as announced and as authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// Its socket type; `None` if it announced none, as no peer of ZMTP 1.0 does.
    pub socket_type: Option<SocketType>,
    /// The routing id it announced; empty if none.
    pub routing_id: Frame,
    /// The version of ZMTP it uses, major and minor; `None` for an inproc peer.
    pub version: Option<(u8, u8)>,
    /// All properties of its handshake, in its order and spelling; none for an inproc peer, or one
    /// of ZMTP 2.0 or 1.0.
    pub properties: Vec<(String, Vec<u8>)>,
    /// The user id assigned by this socket's [`Authenticator`](crate::Authenticator) or ZAP handler
    /// (the property `User-Id` of libzmq); `None` if there was no authentication, or no id was
    /// assigned.
    pub user_id: Option<String>,
    /// Further metadata assigned by it (RFC 27), as opposed to the peer's own properties.
    pub authenticated: Vec<(String, Vec<u8>)>,
}

impl PeerIdentity {
    /// An inproc peer.
    pub(crate) fn nearby(socket_type: Option<SocketType>, routing_id: Frame) -> Self {
        PeerIdentity {
            socket_type,
            routing_id,
            version: None,
            properties: Vec::new(),
            user_id: None,
            authenticated: Vec::new(),
        }
    }

    /// Returns a property of the peer: as assigned by the authenticator, or else as announced by
    /// the peer, like libzmq's `zmq_msg_gets`. Names are case-insensitive (RFC 23). `User-Id` is
    /// the [`user_id`](PeerIdentity#structfield.user_id).
    #[doc(alias = "zmq_msg_gets")]
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        if let (true, Some(user_id)) = (name.eq_ignore_ascii_case("User-Id"), &self.user_id) {
            return Some(user_id.as_bytes());
        }
        let all = self.authenticated.iter().chain(&self.properties);
        let mut found = all.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| &value[..])
    }
}

/// Why a connection ended, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The system reports that the connection is broken, or cannot be made.
    #[error("{0}")]
    Io(SystemError),
    /// The attempt to connect took longer than
    /// [`connect_timeout`](crate::Options::connect_timeout) or the system allows.
    #[error("the connection attempt timed out")]
    ConnectTimeout,
    /// The peer violated its protocol or the pattern.
    #[error("{0}")]
    Protocol(ProtocolFault),
    /// The peer announced a frame larger than
    /// [`max_frame_size`](crate::Options::max_frame_size).
    #[error("the peer announced a frame of {announced} bytes, the limit is {limit}")]
    FrameTooLarge {
        /// The size announced, in bytes.
        announced: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A message from the peer exceeded [`max_message_size`](crate::Options::max_message_size),
    /// counting all its frames.
    #[error("the message is larger than {limit} bytes")]
    MessageTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The peer's socket type is not compatible with this socket's.
    #[error("a peer of type {0:?} is not compatible with this socket")]
    IncompatibleSocketType(String),
    /// The peer uses another security mechanism, or a version of ZMTP without the security that
    /// this socket requires, or one that is older than this type of socket.
    #[error("{0}")]
    Incompatible(ProtocolFault),
    /// The peer uses an older version of ZMTP than [`oldest_zmtp`](crate::Options::oldest_zmtp)
    /// allows. Every peer whose first bytes could be a frame of ZMTP 1.0 is taken for a peer of
    /// that version.
    #[error("the peer speaks ZMTP {major}.{minor}, which is older than oldest_zmtp allows")]
    OldVersion {
        /// The major number of its version.
        major: u8,
        /// The minor number of its version.
        minor: u8,
    },
    /// This socket's [`Authenticator`](crate::Authenticator) or ZAP handler rejected the peer, or
    /// the peer's rejected this socket (`ZMQ_EVENT_HANDSHAKE_FAILED_AUTH`).
    #[error("authentication failed with status {status}: {text}")]
    AuthenticationFailed {
        /// 300 for a temporary failure, 400 if the peer was rejected, 500 for an internal error of
        /// the handler (RFC 27).
        status: u16,
        /// The text of the handler's reply; it is not sent to the peer.
        text: String,
    },
    /// The handler did not decide about the peer (`ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL`,
    /// `_PROTOCOL`).
    #[error("{0}")]
    Unjudged(AuthenticatorFault),
    /// Bytes from the peer were encrypted with other keys, or forged
    /// (`ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC`, `_INVALID_SEQUENCE`, `_KEY_EXCHANGE`).
    #[error("{0}")]
    Cryptographic(ProtocolFault),
    /// The peer refused this socket, with this text.
    #[error("refused by the peer: {0:?}")]
    RefusedByPeer(String),
    /// Greeting and handshake took longer than
    /// [`handshake_timeout`](crate::Options::handshake_timeout).
    #[error("the handshake timed out")]
    HandshakeTimeout,
    /// The peer was silent for too long.
    #[error("the peer sent nothing within the heartbeat timeout")]
    HeartbeatTimeout,
    /// This socket refused the peer: a PAIR that already has one, or a routing id that is in use.
    #[error("this socket refused the peer")]
    Refused,
    /// The socket has reached [`max_peers`](crate::Options::max_peers), or there are too many
    /// connections that have not finished their handshake.
    #[error("the limit of connections is reached")]
    LimitReached,
    /// This socket ended the connection: by `unbind`, `disconnect` or `close`, or for a peer that
    /// replaces it.
    #[error("closed by this socket")]
    Local,
}

impl DisconnectReason {
    /// Returns libzmq's number for this reason, if it has one:
    ///
    /// | reason | number |
    /// |---|---|
    /// | `Protocol`, `Cryptographic`, `Incompatible` | [`ProtocolFault::code`], `ZMQ_PROTOCOL_ERROR_ZMTP_*` |
    /// | `IncompatibleSocketType` | `ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA` |
    /// | `OldVersion` | `ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED` |
    /// | `Unjudged` | `ZMQ_PROTOCOL_ERROR_ZAP_*`; `EFAULT` (14) if there is no handler |
    /// | `AuthenticationFailed` | the status: 300, 400 or 500 |
    /// | `Io` | the system's error number (`errno`), if it has one |
    /// | `PeerClosed` | `EPIPE` (32) |
    /// | all others | `None` |
    #[must_use]
    pub fn zmq_value(&self) -> Option<i32> {
        match self {
            DisconnectReason::Protocol(fault)
            | DisconnectReason::Incompatible(fault)
            | DisconnectReason::Cryptographic(fault) => Some(fault.code()),
            DisconnectReason::IncompatibleSocketType(_) => Some(ZMTP_INVALID_METADATA),
            DisconnectReason::OldVersion { .. } => Some(ZMTP_UNSPECIFIED),
            DisconnectReason::Unjudged(fault) => match fault {
                AuthenticatorFault::Missing => Some(14),
                AuthenticatorFault::Gone => None,
                AuthenticatorFault::MalformedReply => Some(0x2000_0001),
                AuthenticatorFault::BadRequestId => Some(0x2000_0002),
                AuthenticatorFault::BadVersion => Some(0x2000_0003),
                AuthenticatorFault::InvalidStatusCode => Some(0x2000_0004),
                AuthenticatorFault::InvalidMetadata => Some(0x2000_0005),
            },
            DisconnectReason::AuthenticationFailed { status, .. } => Some(i32::from(*status)),
            DisconnectReason::Io(error) => error.raw_os_error(),
            DisconnectReason::PeerClosed => Some(32),
            DisconnectReason::ConnectTimeout
            | DisconnectReason::FrameTooLarge { .. }
            | DisconnectReason::MessageTooLarge { .. }
            | DisconnectReason::RefusedByPeer(_)
            | DisconnectReason::HandshakeTimeout
            | DisconnectReason::HeartbeatTimeout
            | DisconnectReason::Refused
            | DisconnectReason::LimitReached
            | DisconnectReason::Local => None,
        }
    }
}

#[cfg(test)]
mod tests;
