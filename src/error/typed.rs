//! Errors of sending and receiving values.

use super::{RecvError, SendError};
use crate::message::Message;

/// A value was not sent: it cannot be encoded, or the port did not accept it. `S` is the error of
/// the port's own call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedSendError<T, E, S = SendError<T>> {
    /// The codec could not encode this value.
    #[error("cannot encode: {0}")]
    Encode(E, T),
    /// The port did not accept it. Contains the value.
    #[error(transparent)]
    Send(S),
}

/// No value was received: a message cannot be decoded, or the port has no message. `R` is the error
/// of the port's own call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedRecvError<E, R = RecvError> {
    /// The codec could not decode this message. The next call receives the next one.
    #[error("cannot decode: {0}")]
    Decode(E, Message),
    /// The port returned no message.
    #[error(transparent)]
    Recv(R),
}
