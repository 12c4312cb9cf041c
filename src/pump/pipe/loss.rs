//! How pipes begin and end.

use std::io;
use std::time::Instant;

use crate::event::{DisconnectReason, ProtocolFault, SystemError, ZMTP_UNSPECIFIED};
use crate::pattern::Violation;
use crate::pump::SocketId;
use crate::wire::CloseReason;

/// Which side started a pipe, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Origin {
    /// A dialer of this socket, by slot.
    Dialed(usize),
    /// A listener of this socket, by slot.
    Accepted(usize),
}

/// How a pipe ends that its socket has released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Leaving {
    /// What is staged still goes out, until the deadline.
    Flushing(Option<Instant>),
    /// Nothing more will be written; waits for the peer to close.
    Draining(Instant),
    /// As `Draining`, for a peer that was refused by this socket when it believed itself connected:
    /// what it sent is counted.
    Refused(Instant, SocketId),
}

/// Why a pipe ends.
#[derive(Debug)]
pub(in crate::pump) enum Loss {
    /// The peer closed.
    PeerClosed,
    /// The system broke the connection.
    Io(SystemError),
    /// There never was a connection, for this reason.
    Unconnected(SystemError),
    /// There are too many connections.
    Crowded,
    /// The protocol machine closed it.
    Wire(CloseReason),
    /// The pattern does not take this peer.
    Refused,
    /// The pattern does not take what the peer said.
    Violation(Violation),
    /// Asked for by the user.
    Asked,
    /// The inproc name is not bound any more.
    NameGone,
}

/// How far a pipe got with its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pump) enum Greeted {
    /// There was no connection to have one on.
    Not,
    Begun,
    Done,
}

impl Loss {
    /// Why, for users.
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
