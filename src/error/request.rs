//! Errors of requests.

use super::{tells_the_end, Closed, Refusal};
use crate::message::Message;

/// `request` or `request_blocking` returned no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The connection to the peer that has the request was lost. The request may or may not have
    /// been processed, so it is not sent to another peer: that is for the caller to decide.
    #[error("the peer that received the request has disconnected")]
    PeerLost,
    /// The socket is closed, or the context has been shut down. Contains the message if no peer has
    /// taken it.
    #[error("{0}")]
    Closed(Closed, Option<Message>),
    /// The message may not be sent.
    #[error("message refused: {0}")]
    Refused(Refusal, Message),
}

/// A request with a deadline returned no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestTimeoutError {
    /// No reply arrived before the deadline. Contains the message if no peer has taken it: it was
    /// not sent and will not be. Otherwise a late reply will be dropped.
    #[error("no reply arrived within the timeout")]
    Timeout(Option<Message>),
    /// The connection to the peer that has the request was lost. The request may or may not have
    /// been processed, so it is not sent to another peer: that is for the caller to decide.
    #[error("the peer that received the request has disconnected")]
    PeerLost,
    /// The socket is closed, or the context has been shut down. Contains the message if no peer has
    /// taken it.
    #[error("{0}")]
    Closed(Closed, Option<Message>),
    /// The message may not be sent.
    #[error("message refused: {0}")]
    Refused(Refusal, Message),
}

impl RequestError {
    /// Returns the message, if it is certain that it was not sent.
    #[must_use]
    pub fn into_unsent(self) -> Option<Message> {
        match self {
            RequestError::PeerLost => None,
            RequestError::Closed(_, unsent) => unsent,
            RequestError::Refused(_, message) => Some(message),
        }
    }
}

impl RequestTimeoutError {
    /// Returns the message, if it is certain that it was not sent.
    #[must_use]
    pub fn into_unsent(self) -> Option<Message> {
        match self {
            RequestTimeoutError::PeerLost => None,
            RequestTimeoutError::Timeout(unsent) | RequestTimeoutError::Closed(_, unsent) => unsent,
            RequestTimeoutError::Refused(_, message) => Some(message),
        }
    }
}

impl From<RequestError> for RequestTimeoutError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::PeerLost => RequestTimeoutError::PeerLost,
            RequestError::Closed(why, unsent) => RequestTimeoutError::Closed(why, unsent),
            RequestError::Refused(why, message) => RequestTimeoutError::Refused(why, message),
        }
    }
}

tells_the_end! {
    RequestError { RequestError::Closed(why, _) => *why }
    RequestTimeoutError { RequestTimeoutError::Closed(why, _) => *why }
}

impl RequestTimeoutError {
    /// Returns whether the deadline passed (libzmq's `EAGAIN`).
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, RequestTimeoutError::Timeout(_))
    }
}
