//! Origins of pipes, and the reasons for their end.

use std::io;
use std::time::Instant;

use crate::event::{DisconnectReason, ProtocolFault, SystemError, ZMTP_UNSPECIFIED};
use crate::pattern::Violation;
use crate::pump::SocketId;
use crate::wire::CloseReason;

/// Which side started a pipe, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Origin {
    /// A dialer of this socket, by slot.
    Dialed(usize),
    /// A listener of this socket, by slot.
    Accepted(usize),
}

/// The state of a pipe that its socket has released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Leaving {
    /// Staged bytes are still written, until the deadline.
    Flushing(Option<Instant>),
    /// Nothing more is written; it waits for the peer to close.
    Draining(Instant),
    /// Like `Draining`, for a peer that considered itself connected when this socket refused it:
    /// its messages are counted.
    Refused(Instant, SocketId),
}

/// Why a pipe ends.
#[derive(Debug)]
pub(in crate::pump) enum Loss {
    /// The peer closed.
    PeerClosed,
    /// The system reported an error of the connection.
    Io(SystemError),
    /// There never was a connection, for this reason.
    Unconnected(SystemError),
    /// There are too many connections.
    Crowded,
    /// The protocol machine closed it.
    Wire(CloseReason),
    /// The pattern refuses this peer.
    Refused,
    /// The peer violated a rule of the pattern.
    Violation(Violation),
    /// By a call of the user.
    Asked,
    /// The inproc name is not bound any more.
    NameGone,
}

/// How far the handshake of a pipe got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Greeted {
    /// There was no connection.
    Not,
    Begun,
    Done,
}

impl Loss {
    /// The reason reported to users.
    pub(in crate::pump) fn reason(&self) -> DisconnectReason {
        match self {
            Loss::PeerClosed | Loss::NameGone => DisconnectReason::PeerClosed,
            Loss::Unconnected(error) if error.kind() == io::ErrorKind::TimedOut => {
                DisconnectReason::ConnectTimeout
            }
            Loss::Io(error) | Loss::Unconnected(error) => DisconnectReason::Io(error.clone()),
            Loss::Crowded => DisconnectReason::LimitReached,
            Loss::Wire(reason) => reason.public(),
            Loss::Refused => DisconnectReason::Refused,
            Loss::Violation(violation) => DisconnectReason::Protocol(ProtocolFault::new(
                ZMTP_UNSPECIFIED,
                match violation {
                    Violation::MalformedReply => "malformed reply",
                    Violation::TooManySubscriptions => "too many subscriptions",
                    Violation::MalformedGroup => "malformed group message",
                },
            )),
            Loss::Asked => DisconnectReason::Local,
        }
    }
}
