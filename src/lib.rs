#![doc = include_str!("../README.md")]

mod channel;
mod context;
mod endpoint;
mod error;
mod kind;
mod message;
mod options;
mod pattern;
mod pump;
mod socket;
mod socket_type;
mod wire;

pub use channel::{
    Drain, IntoIter, Iter, Receiver, RecvFuture, RecvManyFuture, RecvTimeoutFuture, SendFuture,
    SendTimeoutFuture, Sender, WeakReceiver, WeakSender,
};
pub use context::Context;
pub use endpoint::Endpoint;
pub use error::{
    BindError, ConnectError, DetachError, EndpointError, EndpointFault, RecvError,
    RecvTimeoutError, Refusal, SendError, SendTimeoutError, SocketError, SubscribeError,
    TryRecvError, TrySendError,
};
pub use kind::{
    Any, Dealer, Kind, Pair, Pub, Pull, Push, Receives, Rep, Req, Router, Sends, Sub, Subscribes,
    Typed, XSub,
};
pub use message::{Frame, Message, INLINE_CAPACITY};
pub use options::{Linger, Options, Overflow};
pub use pump::Closed;
pub use socket::Socket;
pub use socket_type::{SocketType, UnknownSocketType};
