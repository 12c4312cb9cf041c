//! Errors of calls that send. Each contains the message that was not sent.

use super::{tells_the_end, Closed, Refusal};
use crate::message::Message;

/// `send` or `send_blocking` did not accept the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T = Message> {
    /// The socket is closed, or the context has been shut down.
    #[error("{0}")]
    Closed(Closed, T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

/// `try_send` did not accept the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T = Message> {
    /// The high-water mark is reached (libzmq's `EAGAIN`).
    #[error("the high-water mark is reached")]
    Full(T),
    /// The socket is closed, or the context has been shut down.
    #[error("{0}")]
    Closed(Closed, T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

/// A send with a deadline did not accept the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendTimeoutError<T = Message> {
    /// The deadline passed while the high-water mark was reached (`ZMQ_SNDTIMEO`, `EAGAIN`).
    #[error("the queue stayed full until the timeout")]
    Timeout(T),
    /// The socket is closed, or the context has been shut down.
    #[error("{0}")]
    Closed(Closed, T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

macro_rules! gives_message_back {
    ($($error:ident { $($variant:ident),* }),* $(,)?) => {
        $(impl<T> $error<T> {
            /// Returns the message that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    $($error::$variant(message) => message,)*
                    $error::Closed(_, message) | $error::Refused(_, message) => message,
                }
            }

            /// Applies `change` to the message, for example to return the value it was made from.
            pub fn map<U>(self, change: impl FnOnce(T) -> U) -> $error<U> {
                match self {
                    $($error::$variant(message) => $error::$variant(change(message)),)*
                    $error::Closed(why, message) => $error::Closed(why, change(message)),
                    $error::Refused(why, message) => $error::Refused(why, change(message)),
                }
            }

            tells_the_end!(@methods $error::Closed(why, _) => *why);

            /// Returns why the message may not be sent on this socket, if that is the reason for
            /// this error.
            #[must_use]
            pub fn refusal(&self) -> Option<Refusal> {
                match self {
                    $error::Refused(why, _) => Some(*why),
                    _ => None,
                }
            }
        })*
    };
}

gives_message_back! {
    SendError {},
    TrySendError { Full },
    SendTimeoutError { Timeout },
}

impl<T> TrySendError<T> {
    /// Returns whether the high-water mark was reached (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// Returns whether the deadline passed (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Closed(why, message) => TrySendError::Closed(why, message),
            SendError::Refused(why, message) => TrySendError::Refused(why, message),
        }
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Closed(why, message) => SendTimeoutError::Closed(why, message),
            SendError::Refused(why, message) => SendTimeoutError::Refused(why, message),
        }
    }
}
