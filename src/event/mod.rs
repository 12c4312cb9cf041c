//! What happens to a socket's connections, told as values.

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

/// Something that happened to a socket: what, and to which of its endpoints and connections.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Which socket of the context it happened to: its [`id`](crate::Socket::id).
    pub socket: u64,
    /// The type of that socket.
    pub socket_type: SocketType,
    /// The endpoint it happened at: as [`bind`](crate::Socket::bind) answered it, or as it was
    /// connected to. `None` where no endpoint is concerned.
    pub endpoint: Option<Endpoint>,
    /// Tells the connections of one endpoint apart: another number for each attempt and each
    /// connection, never used again for the same socket. `None` where no connection is concerned.
    pub connection: Option<u64>,
    /// Our end of the connection. Both ends of an ipc or inproc connection go by the endpoint.
    pub local: Option<Endpoint>,
    /// The peer's end of the connection.
    pub remote: Option<Endpoint>,
    /// The name by which a ROUTER, SERVER, PEER or STREAM addresses the peer, from
    /// [`HandshakeSucceeded`](EventKind::HandshakeSucceeded) on, its
    /// [`Disconnected`](EventKind::Disconnected) included: the routing id that the peer announced,
    /// the one it was connected to with, or one that was made up. `None` for other types.
    pub known_as: Option<RoutingId>,
}

/// What the operating system, its resolver or a proxy says of something that failed: the lasting
/// part of an [`io::Error`], which can be neither cloned nor compared.
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
    /// What kind of error it is, as far as the standard library knows.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The operating system's number for it (`errno`), such as `EMFILE`; `None` if the error came
    /// from somewhere else, such as a resolver or a proxy.
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
    /// As [`io::Error`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for SystemError {}

/// What happened.
///
/// A client sees `ConnectDelayed`, `Connected`, `HandshakeSucceeded`, and once the connection is
/// lost `Disconnected`, `ConnectRetried`, and so on; where nothing listens, `ConnectDelayed`,
/// `ConnectFailed`, `ConnectRetried`. `ConnectDelayed` is for tcp: over ipc and inproc an attempt
/// succeeds or fails at once. A server sees `Listening`, then for each peer `Accepted`,
/// `HandshakeSucceeded`, `Disconnected`, and at the end `Closed`. Every `Connected` and every
/// `Accepted` is followed by a `Disconnected`, and the last event of all is `Stopped`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket is bound to the endpoint (`ZMQ_EVENT_LISTENING`).
    Listening,
    /// The socket could not be bound; [`bind`](crate::Socket::bind) said so too
    /// (`ZMQ_EVENT_BIND_FAILED`).
    BindFailed {
        /// What the system said.
        error: SystemError,
    },
    /// An attempt to connect was begun, and the system did not say at once how it ended
    /// (`EINPROGRESS`; `ZMQ_EVENT_CONNECT_DELAYED`). `Connected` or `ConnectFailed` follows, with
    /// the same connection number. With TCP every attempt is such a one, over loopback too, and
    /// through a proxy the one to connect to the proxy; with ipc and inproc none is.
    ConnectDelayed,
    /// A connection was made; the handshake follows (`ZMQ_EVENT_CONNECTED`).
    Connected,
    /// An attempt to connect failed (`ZMQ_EVENT_CLOSED` for a connecting socket).
    ConnectFailed {
        /// Why.
        reason: DisconnectReason,
    },
    /// There will be another attempt (`ZMQ_EVENT_CONNECT_RETRIED`).
    ConnectRetried {
        /// In so much time.
        after: Duration,
    },
    /// A connection was accepted; the handshake follows (`ZMQ_EVENT_ACCEPTED`).
    Accepted,
    /// A connection could not be accepted (`ZMQ_EVENT_ACCEPT_FAILED`).
    AcceptFailed {
        /// What the system said.
        error: SystemError,
    },
    /// Messages may flow (`ZMQ_EVENT_HANDSHAKE_SUCCEEDED`).
    HandshakeSucceeded(PeerIdentity),
    /// The peer and this socket did not come together; `Disconnected` follows
    /// (`ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL`, `_PROTOCOL`, `_AUTH`).
    HandshakeFailed {
        /// Why.
        reason: DisconnectReason,
    },
    /// A connection ended (`ZMQ_EVENT_DISCONNECTED`).
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
    /// The socket no longer listens on the endpoint (`ZMQ_EVENT_CLOSED` for a listening socket).
    Closed,
    /// What a listener leaves behind, such as the file of an ipc endpoint, could not be removed
    /// (`ZMQ_EVENT_CLOSE_FAILED`).
    CloseFailed {
        /// What the system said.
        error: SystemError,
    },
    /// The socket's pump has failed; `Stopped` follows. The connections are gone, which is not told
    /// of each.
    PumpFailed {
        /// Why.
        failure: PumpFailure,
    },
    /// The socket is closed: no more events come (`ZMQ_EVENT_MONITOR_STOPPED`).
    Stopped,
}

impl EventKind {
    /// The number libzmq has for such an event (`ZMQ_EVENT_*`), which is not always the bit in an
    /// [`EventSet`]: there `HandshakeFailed` is one kind, which libzmq tells apart by its reason, and
    /// `ConnectFailed` is not `Closed`. `None` for what libzmq has not: `PumpFailed`.
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

    /// The value libzmq's monitor tells with such an event, where it is about more than a file
    /// descriptor: the system's error number (`errno`), milliseconds until the next attempt, or what
    /// [`DisconnectReason::zmq_value`] says.
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

    /// The set that holds this kind of event only.
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

/// Who a peer said it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// Its type; `None` if it did not say, as no peer of ZMTP 1.0 does.
    pub socket_type: Option<SocketType>,
    /// The routing id it announced; empty for none.
    pub routing_id: Frame,
    /// The version of ZMTP it speaks, major and minor; `None` for an inproc peer.
    pub version: Option<(u8, u8)>,
    /// All that it told in its handshake, in its order and spelling; none for an inproc peer, or
    /// one of ZMTP 2.0 or 1.0.
    pub properties: Vec<(String, Vec<u8>)>,
    /// Who it is, according to this socket's [`Authenticator`](crate::Authenticator) or ZAP
    /// handler (the property `User-Id` of libzmq); `None` if none was asked, or it did not say.
    pub user_id: Option<String>,
    /// What else was said there (RFC 27, metadata): not the peer's own words.
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

    /// What is known of the peer under a name: what those that authenticated it said, or else what
    /// the peer said, as with libzmq's `zmq_msg_gets`. Names are compared without regard to case
    /// (RFC 23). `User-Id` is the [`user_id`](PeerIdentity#structfield.user_id).
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

/// Why a connection ended, or never came about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The peer closed the connection.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// The system says that the connection is broken, or cannot be made.
    #[error("{0}")]
    Io(SystemError),
    /// The attempt to connect took longer than
    /// [`connect_timeout`](crate::Options::connect_timeout) or the system allows.
    #[error("the attempt to connect took too long")]
    ConnectTimeout,
    /// The peer did what its protocol or the pattern forbids.
    #[error("{0}")]
    Protocol(ProtocolFault),
    /// The peer announced a frame larger than
    /// [`max_frame_size`](crate::Options::max_frame_size).
    #[error("a frame of {announced} bytes was announced, the limit is {limit}")]
    FrameTooLarge {
        /// Bytes the peer announced.
        announced: u64,
        /// Bytes it may send.
        limit: u64,
    },
    /// The frames of a message from the peer had more bytes together than
    /// [`max_message_size`](crate::Options::max_message_size).
    #[error("a message of more than {limit} bytes")]
    MessageTooLarge {
        /// Bytes a message may have.
        limit: u64,
    },
    /// The peer's socket is of a type that cannot talk to ours.
    #[error("a socket of type {0:?} cannot talk to this one")]
    IncompatibleSocketType(String),
    /// The peer uses another security mechanism, or speaks a version of ZMTP that knows no security
    /// where this socket demands it, or that is older than this type of socket.
    #[error("{0}")]
    Incompatible(ProtocolFault),
    /// The peer speaks an older version of ZMTP than
    /// [`oldest_zmtp`](crate::Options::oldest_zmtp) allows: 1.0 is what every peer seems
    /// to speak whose first bytes could be a frame of that.
    #[error("the peer speaks ZMTP {major}.{minor}, which is older than what is taken")]
    OldVersion {
        /// The first number of its version.
        major: u8,
        /// The second number of its version.
        minor: u8,
    },
    /// The peer did not pass what this socket's
    /// [`Authenticator`](crate::Authenticator) or ZAP handler decides on, or this socket did not
    /// pass the peer's (`ZMQ_EVENT_HANDSHAKE_FAILED_AUTH`).
    #[error("not authenticated, status {status}: {text}")]
    AuthenticationFailed {
        /// 300 for what may pass another time, 400 for a peer that is not taken, 500 for a fault
        /// of the handler that decides (RFC 27).
        status: u16,
        /// What the handler said; the peer is not told.
        text: String,
    },
    /// The handler that should decide on the peer has not
    /// (`ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL`, `_PROTOCOL`).
    #[error("{0}")]
    Unjudged(AuthenticatorFault),
    /// What the peer has encrypted is for other keys, or forged
    /// (`ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC`, `_INVALID_SEQUENCE`, `_KEY_EXCHANGE`).
    #[error("{0}")]
    Cryptographic(ProtocolFault),
    /// The peer refused us, and said this.
    #[error("refused by the peer: {0:?}")]
    RefusedByPeer(String),
    /// Greeting and handshake took longer than
    /// [`handshake_timeout`](crate::Options::handshake_timeout).
    #[error("the handshake was not completed in time")]
    HandshakeTimeout,
    /// The peer was silent for too long.
    #[error("the peer was silent for too long")]
    HeartbeatTimeout,
    /// This socket does not take the peer: a PAIR that has one, a routing id that is in use.
    #[error("this socket does not take the peer")]
    Refused,
    /// There are as many peers as [`max_peers`](crate::Options::max_peers) allows, or
    /// too many connections that have not finished their handshake.
    #[error("there are too many connections")]
    LimitReached,
    /// This socket ended it: by `unbind`, `disconnect` or `close`, or for a peer that takes its
    /// place.
    #[error("ended by this socket")]
    Local,
}

impl DisconnectReason {
    /// The number by which libzmq's monitor tells this reason, where it has one:
    ///
    /// | reason | number |
    /// |---|---|
    /// | `Protocol`, `Cryptographic`, `Incompatible` | [`ProtocolFault::code`], `ZMQ_PROTOCOL_ERROR_ZMTP_*` |
    /// | `IncompatibleSocketType` | `ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA` |
    /// | `OldVersion` | `ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED` |
    /// | `Unjudged` | `ZMQ_PROTOCOL_ERROR_ZAP_*`; `EFAULT` (14) if there is no handler |
    /// | `AuthenticationFailed` | the status: 300, 400 or 500 |
    /// | `Io` | the system's error number (`errno`), if it came from there |
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
