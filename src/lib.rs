//! ZeroMQ in pure Rust.
mod channel;
mod endpoint;
mod error;
mod message;
mod options;
mod pattern;
mod pump;
mod socket_type;
mod wire;

pub use error::{
    BindError, ConnectError, DetachError, EndpointError, EndpointFault, RecvError,
    RecvTimeoutError, Refusal, SendError, SendTimeoutError, SocketError, SubscribeError,
    TryRecvError, TrySendError,
};
pub use message::{Frame, Message, INLINE_CAPACITY};
pub use options::{Linger, Options, Overflow};
pub use socket_type::{SocketType, UnknownSocketType};
