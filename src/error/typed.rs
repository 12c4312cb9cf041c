//! Values that were not sent or received.

use super::{RecvError, SendError};
use crate::message::Message;

/// A value was not sent: it cannot be encoded, or the port did not take it. `S` is the error of
/// the port's own call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedSendError<T, E, S = SendError<T>> {
    /// The codec failed, for this value.
    #[error("cannot encode: {0}")]
    Encode(E, T),
    /// The port did not take it; the value is in there.
    #[error(transparent)]
    Send(S),
}

/// No value was received: a message is none, or the port has no message. `R` is the error of the
/// port's own call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedRecvError<E, R = RecvError> {
    /// The codec failed, for this message. The next one may be better.
    #[error("cannot decode: {0}")]
    Decode(E, Message),
    /// The port gave no message.
    #[error(transparent)]
    Recv(R),
}
