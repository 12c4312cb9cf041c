//! Errors of calls that receive.

use super::{tells_the_end, Closed};

/// `recv` or `recv_blocking` failed: there will be no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecvError {
    /// The socket is closed and all messages it received have been taken, or the context has been
    /// shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// `try_recv` returned no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TryRecvError {
    /// There is no message now (libzmq's `EAGAIN`).
    #[error("no message is waiting")]
    Empty,
    /// The socket is closed and all messages it received have been taken, or the context has been
    /// shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// A receive with a deadline returned no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecvTimeoutError {
    /// No message arrived before the deadline (`ZMQ_RCVTIMEO`, `EAGAIN`).
    #[error("no message arrived within the timeout")]
    Timeout,
    /// The socket is closed and all messages it received have been taken, or the context has been
    /// shut down.
    #[error(transparent)]
    Closed(#[from] Closed),
}

tells_the_end! {
    RecvError { RecvError::Closed(why) => *why }
    TryRecvError { TryRecvError::Closed(why) => *why }
    RecvTimeoutError { RecvTimeoutError::Closed(why) => *why }
}

impl TryRecvError {
    /// Returns whether there was no message (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, TryRecvError::Empty)
    }
}

impl RecvTimeoutError {
    /// Returns whether the deadline passed (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, RecvTimeoutError::Timeout)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(RecvError::Closed(why): RecvError) -> Self {
        TryRecvError::Closed(why)
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(RecvError::Closed(why): RecvError) -> Self {
        RecvTimeoutError::Closed(why)
    }
}
