//! Errors of other calls on sockets and contexts.

use std::io;

use super::{tells_the_end, Closed, PumpFailure};
use crate::socket_type::SocketType;

/// `join` or `leave` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The name has more than 255 bytes (RFC 48).
    #[error("the group name is longer than 255 bytes")]
    TooLong,
    /// The socket has already joined this group.
    #[error("the group is already joined")]
    AlreadyJoined,
    /// The socket has not joined this group.
    #[error("the group has not been joined")]
    NotJoined,
    /// The socket's type, chosen at run time, has no groups.
    #[error("only DISH sockets join groups")]
    Unsupported,
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// `subscribe` or `unsubscribe` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The socket's type, chosen at run time, has no subscriptions.
    #[error("sockets of this type have no subscriptions")]
    Unsupported,
    /// An XPUB decides about its peers' subscriptions only with
    /// [`xpub_manual`](crate::Options::xpub_manual).
    #[error("option xpub_manual is not set")]
    NotManual,
    /// The message did not come from a peer, or none has been received yet.
    #[error("no subscription has been received from a peer")]
    NoPeer,
    /// The peer has reached the limit of subscriptions that an XPUB keeps for it: 2¹⁸, of 2²⁴ bytes
    /// together.
    #[error("the peer has reached the limit of subscriptions")]
    TooMany,
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A socket's options could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// An option has a value out of range.
    #[error("option {option}: {reason}")]
    Option {
        /// The field of `Options`.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// An option is set that has no effect on sockets of this type.
    #[error("option {option} has no effect on {socket_type} sockets")]
    WithoutEffect {
        /// The field of `Options`.
        option: &'static str,
        /// The type of the socket.
        socket_type: SocketType,
    },
    /// This option cannot change once the socket is open.
    #[error("option {0} cannot be changed on an open socket")]
    Fixed(&'static str),
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A socket cannot be observed: it has no monitors or statistics any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// Waiting for peers failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The socket's type, chosen at run time, has no subscribers.
    #[error("only PUB, XPUB and RADIO sockets have subscribers")]
    Unsupported,
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// Waiting for peers with a deadline failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitTimeoutError {
    /// Fewer peers were there at the deadline.
    #[error("too few peers within the timeout")]
    Timeout,
    /// The socket's type, chosen at run time, has no subscribers.
    #[error("only PUB, XPUB and RADIO sockets have subscribers")]
    Unsupported,
    /// The socket is closed, or the context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

impl From<WaitError> for WaitTimeoutError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Unsupported => WaitTimeoutError::Unsupported,
            WaitError::Closed(why) => WaitTimeoutError::Closed(why),
            WaitError::PumpFailed(failure) => WaitTimeoutError::PumpFailed(failure),
        }
    }
}

/// A context could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// An option has a value out of range.
    #[error("option {option}: {reason}")]
    Option {
        /// The name of the option of `ContextOptions`, or of the `Options` in it.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// This library does not support the type yet.
    #[error("{0} sockets are not supported")]
    Unsupported(SocketType),
    /// An option has a value out of range.
    #[error("option {option}: {reason}")]
    Option {
        /// The field of `Options`.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// An option is set that has no effect on sockets of this type.
    #[error("option {option} has no effect on {socket_type} sockets")]
    WithoutEffect {
        /// The field of `Options`.
        option: &'static str,
        /// The type of the socket.
        socket_type: SocketType,
    },
    /// The context has reached `ContextOptions::max_sockets` (libzmq's `EMFILE`).
    #[error("the context has reached its limit of sockets")]
    TooManySockets,
    /// The pump thread could not be started.
    #[error("cannot start a pump")]
    Io(#[from] io::Error),
    /// The context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump has failed; all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A channel could not be registered with a socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The socket's type, chosen at run time, does not have that port.
    #[error("{0} sockets have no such port")]
    Unsupported(SocketType),
    /// The thread for registrations could not be started.
    #[error("cannot start the thread for registrations")]
    Io(#[from] io::Error),
    /// The context has been shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The pump of the socket has failed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A wait of a [`Select`](crate::Select) returned no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SelectError {
    /// No source was ready in time.
    #[error("nothing was ready within the timeout")]
    Timeout,
    /// There are no sources to wait for.
    #[error("there is nothing to wait for")]
    NoSource,
}

/// An authenticator could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorError {
    /// The context already has one, or a socket is bound to `inproc://zeromq.zap.01`.
    #[error("the context already has an authenticator")]
    Taken,
    /// Its socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// A proxy could not be started, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// Neither socket receives messages that the other could send.
    #[error("neither socket can send messages that the other one receives")]
    NothingToCarry,
    /// The capture socket's type cannot send.
    #[error("the capture socket does not send")]
    MuteCapture,
    /// The proxy has ended, or its context was shut down.
    #[error("the proxy has ended")]
    Ended,
}

tells_the_end! {
    GroupError { GroupError::Closed(why) => *why; GroupError::PumpFailed(_) }
    SubscribeError { SubscribeError::Closed(why) => *why; SubscribeError::PumpFailed(_) }
    ConfigureError { ConfigureError::Closed(why) => *why; ConfigureError::PumpFailed(_) }
    ObserveError { ObserveError::Closed(why) => *why; ObserveError::PumpFailed(_) }
    WaitError { WaitError::Closed(why) => *why; WaitError::PumpFailed(_) }
    WaitTimeoutError { WaitTimeoutError::Closed(why) => *why; WaitTimeoutError::PumpFailed(_) }
    SocketError { SocketError::Closed(why) => *why; SocketError::PumpFailed(_) }
    RegisterError { RegisterError::Closed(why) => *why; RegisterError::PumpFailed(_) }
}

impl WaitTimeoutError {
    /// Returns whether the deadline passed (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, WaitTimeoutError::Timeout)
    }
}

impl SelectError {
    /// Returns whether the deadline passed (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, SelectError::Timeout)
    }
}
