//! Why a connection ends, grouped by which side is at fault.

use crate::event::{DisconnectReason, ProtocolFault, ZMTP_INVALID_METADATA, ZMTP_UNSPECIFIED};
use crate::security::AuthenticatorFault;
use crate::socket_type::SocketType;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseReason {
    // The peer violated the protocol.
    /// The first bytes are not a ZMTP greeting: another protocol, or random bytes.
    #[error("the peer does not speak ZMTP: byte {byte:#04x} at offset {offset} of its greeting")]
    NotZmtp { byte: u8, offset: usize },
    /// A frame header that RFC 37 forbids.
    #[error("malformed frame: {0}")]
    MalformedFrame(&'static str),
    /// A frame exceeds the socket's limit.
    #[error("the peer announced a frame of {announced} bytes, the limit is {limit}")]
    FrameTooLarge { announced: u64, limit: u64 },
    /// A message exceeds the socket's limit, counting all its frames.
    #[error("the message is larger than {limit} bytes")]
    MessageTooLarge { limit: u64 },
    /// A message has more frames than any program would send.
    #[error("the message has more than {limit} frames")]
    TooManyFrames { limit: usize },
    /// A message lacks the frames that messages of this socket type have.
    #[error("malformed message: {0}")]
    MalformedMessage(&'static str),
    /// The body of a command does not follow its grammar.
    #[error("malformed command: {1}")]
    MalformedCommand(CommandPart, &'static str),
    /// A command, or a message, arrived when it was not allowed.
    #[error("unexpected {0}")]
    UnexpectedCommand(String),
    /// An identity has more than 255 bytes.
    #[error("an identity of {bytes} bytes, the limit is 255")]
    IdentityTooLong { bytes: usize },
    /// A number that must increase does not (RFC 26).
    #[error("number {number} came after {last}")]
    #[cfg_attr(not(feature = "curve"), allow(dead_code))]
    InvalidSequence { last: u64, number: u64 },
    /// An encrypted box cannot be decrypted: it is forged, or for other keys.
    #[error("{0}")]
    #[cfg_attr(not(feature = "curve"), allow(dead_code))]
    Cryptographic(&'static str),
    /// The keys do not allow a safe key agreement (RFC 26).
    #[error("{0}")]
    #[cfg_attr(not(feature = "curve"), allow(dead_code))]
    KeyExchange(&'static str),
    /// The peer keeps sending commands whose replies it does not read.
    #[error("{unread} answers to PING are waiting unread")]
    RepliesUnread { unread: usize },

    // Neither end is at fault, but they are not compatible.
    /// ZMTP 1.0 and 2.0 do not have this socket's type.
    #[error("the peer speaks ZMTP {major}.{minor}, which does not support {ours}")]
    UnsupportedVersion {
        major: u8,
        minor: u8,
        ours: SocketType,
    },
    /// The version is older than the socket accepts.
    #[error("the peer speaks ZMTP {major}.{minor}, which is older than oldest_zmtp allows")]
    OldVersion { major: u8, minor: u8 },
    /// ZMTP 1.0 and 2.0 have no security, and this socket requires it.
    #[error("the peer speaks ZMTP {major}.{minor}, which knows no security")]
    InsecureVersion { major: u8, minor: u8 },
    /// Both ends must be configured for the same security mechanism.
    #[error("the peer uses the security mechanism {theirs:?}")]
    MechanismMismatch { theirs: String },
    /// One of the ends must be the client.
    #[error("both ends are servers of the security mechanism")]
    TwoServers,
    /// The authenticator denied this peer.
    #[error("refused with status {status}: {text}")]
    Denied { status: u16, text: String },
    /// The handler did not decide about the peer.
    #[error("{0}")]
    Unjudged(AuthenticatorFault),
    /// The socket types are not compatible (RFC 28 to 31 and 41 to 52).
    #[error("a peer of type {theirs:?} cannot talk to a socket of type {ours}")]
    IncompatibleSocketType { ours: SocketType, theirs: String },
    /// The owner has no room for a peer now.
    #[error("there is no room for another peer")]
    NoRoom,
    /// The peer refused the connection with an ERROR command, with this text.
    #[error("refused by the peer: {0:?}")]
    PeerError(String),

    // A time limit passed.
    /// Greeting and handshake took longer than the socket allows.
    #[error("the handshake timed out")]
    HandshakeTimeout,
    /// The peer was silent for longer than the time-to-live in its last PING, or did not reply to a
    /// PING of this end in time.
    #[error("the peer sent nothing within the heartbeat timeout")]
    HeartbeatTimeout,
}

impl CloseReason {
    /// The public form: the distinctions that matter to an operator.
    pub(crate) fn public(&self) -> DisconnectReason {
        match self {
            CloseReason::NotZmtp { .. }
            | CloseReason::MalformedFrame(_)
            | CloseReason::TooManyFrames { .. }
            | CloseReason::MalformedMessage(_)
            | CloseReason::MalformedCommand(..)
            | CloseReason::UnexpectedCommand(_)
            | CloseReason::IdentityTooLong { .. }
            | CloseReason::RepliesUnread { .. } => DisconnectReason::Protocol(self.fault()),
            CloseReason::FrameTooLarge { announced, limit } => DisconnectReason::FrameTooLarge {
                announced: *announced,
                limit: *limit,
            },
            CloseReason::MessageTooLarge { limit } => {
                DisconnectReason::MessageTooLarge { limit: *limit }
            }
            CloseReason::OldVersion { major, minor } => DisconnectReason::OldVersion {
                major: *major,
                minor: *minor,
            },
            CloseReason::UnsupportedVersion { .. }
            | CloseReason::InsecureVersion { .. }
            | CloseReason::MechanismMismatch { .. }
            | CloseReason::TwoServers => DisconnectReason::Incompatible(self.fault()),
            CloseReason::IncompatibleSocketType { theirs, .. } => {
                DisconnectReason::IncompatibleSocketType(theirs.clone())
            }
            CloseReason::InvalidSequence { .. }
            | CloseReason::Cryptographic(_)
            | CloseReason::KeyExchange(_) => DisconnectReason::Cryptographic(self.fault()),
            CloseReason::Denied { status, text } => DisconnectReason::AuthenticationFailed {
                status: *status,
                text: text.clone(),
            },
            CloseReason::Unjudged(fault) => DisconnectReason::Unjudged(*fault),
            CloseReason::NoRoom => DisconnectReason::LimitReached,
            CloseReason::PeerError(said) => match authentication_status(said) {
                Some(status) => DisconnectReason::AuthenticationFailed {
                    status,
                    text: String::new(),
                },
                None => DisconnectReason::RefusedByPeer(said.clone()),
            },
            CloseReason::HandshakeTimeout => DisconnectReason::HandshakeTimeout,
            CloseReason::HeartbeatTimeout => DisconnectReason::HeartbeatTimeout,
        }
    }

    /// In words, and as libzmq's number (`ZMQ_PROTOCOL_ERROR_ZMTP_*`).
    fn fault(&self) -> ProtocolFault {
        let code = match self {
            CloseReason::UnexpectedCommand(_) => 0x1000_0001,
            CloseReason::InvalidSequence { .. } => 0x1000_0002,
            CloseReason::KeyExchange(_) => 0x1000_0003,
            CloseReason::MalformedCommand(part, _) => part.code(),
            CloseReason::IdentityTooLong { .. } => ZMTP_INVALID_METADATA,
            CloseReason::Cryptographic(_) => 0x1100_0001,
            CloseReason::MechanismMismatch { .. } | CloseReason::TwoServers => 0x1100_0002,
            _ => ZMTP_UNSPECIFIED,
        };
        ProtocolFault::new(code, self.to_string())
    }

    /// Whether another attempt will fail too unless one end is configured differently: a dialer
    /// should slow down.
    pub(crate) fn is_incompatible(&self) -> bool {
        match self {
            CloseReason::UnsupportedVersion { .. }
            | CloseReason::OldVersion { .. }
            | CloseReason::InsecureVersion { .. }
            | CloseReason::MechanismMismatch { .. }
            | CloseReason::TwoServers
            | CloseReason::IncompatibleSocketType { .. }
            | CloseReason::PeerError(_) => true,
            // RFC 27: 300 is for temporary errors.
            CloseReason::Denied { status, .. } => *status != 300,
            CloseReason::NotZmtp { .. }
            | CloseReason::MalformedFrame(_)
            | CloseReason::FrameTooLarge { .. }
            | CloseReason::MessageTooLarge { .. }
            | CloseReason::TooManyFrames { .. }
            | CloseReason::MalformedMessage(_)
            | CloseReason::MalformedCommand(..)
            | CloseReason::UnexpectedCommand(_)
            | CloseReason::IdentityTooLong { .. }
            | CloseReason::InvalidSequence { .. }
            | CloseReason::Cryptographic(_)
            | CloseReason::KeyExchange(_)
            | CloseReason::RepliesUnread { .. }
            | CloseReason::Unjudged(_)
            | CloseReason::NoRoom
            | CloseReason::HandshakeTimeout
            | CloseReason::HeartbeatTimeout => false,
        }
    }
}

/// Which part of a handshake or of traffic does not follow its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "curve"), allow(dead_code))]
pub(crate) enum CommandPart {
    Message,
    Hello,
    Initiate,
    Error,
    Ready,
    Welcome,
    /// A property in the metadata of READY or INITIATE.
    Property,
    Other,
}

impl CommandPart {
    /// As libzmq numbers it (`ZMQ_PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_*`).
    fn code(self) -> i32 {
        match self {
            CommandPart::Other => 0x1000_0011,
            CommandPart::Message => 0x1000_0012,
            CommandPart::Hello => 0x1000_0013,
            CommandPart::Initiate => 0x1000_0014,
            CommandPart::Error => 0x1000_0015,
            CommandPart::Ready => 0x1000_0016,
            CommandPart::Welcome => 0x1000_0017,
            CommandPart::Property => ZMTP_INVALID_METADATA,
        }
    }
}

/// The text of an ERROR to a peer that was rejected: the ZAP status and nothing else (RFC 27, The
/// ZAP Reply; libzmq sends no more).
fn authentication_status(said: &str) -> Option<u16> {
    match said {
        "300" => Some(300),
        "400" => Some(400),
        "500" => Some(500),
        _ => None,
    }
}

/// Text from the peer made readable: printable, and of limited length.
pub(super) fn readable(bytes: &[u8]) -> String {
    /// The reason in an ERROR command has at most 255 bytes.
    const SHOWN: usize = 255;
    String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)])
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_numbers_of_libzmq() {
        let (last, number) = (2, 1);
        let theirs = String::from("PLAIN");
        let malformed = |part| CloseReason::MalformedCommand(part, "x");
        for (reason, code) in [
            (CloseReason::NotZmtp { byte: 7, offset: 0 }, 0x1000_0000),
            (CloseReason::MalformedFrame("x"), 0x1000_0000),
            (CloseReason::TooManyFrames { limit: 1 }, 0x1000_0000),
            (CloseReason::MalformedMessage("x"), 0x1000_0000),
            (CloseReason::RepliesUnread { unread: 1 }, 0x1000_0000),
            (CloseReason::UnexpectedCommand("x".into()), 0x1000_0001),
            (CloseReason::InvalidSequence { last, number }, 0x1000_0002),
            (CloseReason::KeyExchange("x"), 0x1000_0003),
            (malformed(CommandPart::Other), 0x1000_0011),
            (malformed(CommandPart::Message), 0x1000_0012),
            (malformed(CommandPart::Hello), 0x1000_0013),
            (malformed(CommandPart::Initiate), 0x1000_0014),
            (malformed(CommandPart::Error), 0x1000_0015),
            (malformed(CommandPart::Ready), 0x1000_0016),
            (malformed(CommandPart::Welcome), 0x1000_0017),
            (malformed(CommandPart::Property), 0x1000_0018),
            (CloseReason::IdentityTooLong { bytes: 256 }, 0x1000_0018),
            (CloseReason::Cryptographic("x"), 0x1100_0001),
            (CloseReason::MechanismMismatch { theirs }, 0x1100_0002),
            (CloseReason::TwoServers, 0x1100_0002),
        ] {
            assert_eq!(reason.public().zmq_value(), Some(code), "{reason}");
        }
    }
}
