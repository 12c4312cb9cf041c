//! Errors: one type for each call or group of calls.
//!
//! A call that did not accept a message returns it in its error. [`Closed`] is the common reason
//! for a closed socket or a terminated context; errors that can have it also have `closed()`,
//! `is_closed()` and `is_terminated()`. Every error has `errno()`, libzmq's number for it. The text
//! of an error does not repeat that of its `source`: print the whole chain.
//!
//! ```
//! use zmq_channels::error::{Closed, Errno, TrySendError};
//! use zmq_channels::{Context, Push};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let push = Context::new().socket::<Push>()?;
//! push.close_blocking();
//! let error = push.try_send("too late").unwrap_err();
//! assert!(error.is_closed() && !error.is_full());
//! assert_eq!(error.errno(), Errno::ENOTSOCK);
//! match error {
//!     TrySendError::Closed(Closed::Socket, message) => assert_eq!(message[0], "too late"),
//!     other => return Err(other.into()),
//! }
//! # Ok(())
//! # }
//! ```

mod attach;
mod endpoint;
mod errno;
mod recv;
mod request;
mod send;
mod socket;
mod typed;

pub use attach::{BindError, ConnectError, DetachError};
pub use endpoint::{EndpointError, EndpointFault};
pub use errno::Errno;
pub use recv::{RecvError, RecvTimeoutError, TryRecvError};
pub use request::{RequestError, RequestTimeoutError};
pub use send::{SendError, SendTimeoutError, TrySendError};
pub use socket::{
    AuthenticatorError, ConfigureError, ContextError, GroupError, ObserveError, ProxyError,
    RegisterError, SelectError, SocketError, SubscribeError, WaitError, WaitTimeoutError,
};
pub use typed::{TypedRecvError, TypedSendError};

#[cfg(feature = "curve")]
pub use crate::curve::CurveKeyError;
pub use crate::routing_id::RoutingIdError;
pub use crate::security::z85::Z85Error;
pub use crate::security::AuthenticatorFault;
pub use crate::socket_type::UnknownSocketType;

/// Why a socket can no longer be used. All later calls fail with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Closed {
    /// The socket is closed, or its pump has [failed](crate::Socket::failure) (libzmq's `ENOTSOCK`).
    #[error("the socket is closed")]
    Socket,
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Context,
}

/// Why the pump of a socket no longer services it, although the socket was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PumpFailure {
    /// The pump panicked with this message. The cause is a bug in this library, or code of the user
    /// that the pump calls, such as the destructor of data shared by a message. All sockets on this
    /// pump are closed; those on other pumps of the context are not affected.
    #[error("the pump has panicked: {0}")]
    Panicked(&'static str),
    /// This process was forked from the one that runs the pump, and threads are not forked. A new
    /// [`Context`](crate::Context) works; the parent process is not affected.
    #[error("the pump is a thread of the parent process")]
    Forked,
}

/// Why a socket refuses a message before accepting it: an error of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The message has no frames.
    #[error("a message needs at least one frame")]
    NoFrames,
    /// A REP socket has no request to reply to: receive one first (libzmq's `EFSM`).
    #[error("no request has been received to reply to")]
    NoRequest,
    /// This type of socket sends only messages with a fixed number of frames: one for CLIENT,
    /// SCATTER and CHANNEL; two for SERVER and PEER, the routing id and the payload (libzmq's
    /// `EINVAL`).
    #[error("messages of this type of socket have exactly {expected} frames")]
    FrameCount {
        /// The required number of frames.
        expected: usize,
    },
    /// The message has more frames than peers accept:
    /// [`Message::MAX_FRAMES`](crate::Message::MAX_FRAMES), including those that the type of socket
    /// prepends (libzmq has no such limit).
    #[error("the message has more than {limit} frames")]
    TooManyFrames {
        /// The maximum number of frames on this type of socket.
        limit: usize,
    },
    /// No peer has the routing id that is the message's first frame (libzmq's `EHOSTUNREACH`).
    #[error("no peer has this routing id")]
    Unroutable,
    /// The name of the group has more than 255 bytes (RFC 48).
    #[error("the group name is longer than 255 bytes")]
    GroupTooLong,
}

/// Methods common to all errors with the variants `Closed` and `PumpFailed`.
macro_rules! tells_the_end {
    ($($error:ident { $($closed:pat => $why:expr),+ $(; $failed:pat)? })*) => {$(
        impl $error {
            tells_the_end!(@methods $($closed => $why),+ $(; $failed)?);
        }
    )*};
    (@methods $($closed:pat => $why:expr),+ $(; $failed:pat)?) => {
        /// Returns whether the socket or the context has ended, if that is the reason for this
        /// error.
        #[must_use]
        pub fn closed(&self) -> Option<Closed> {
            match self {
                $($closed => Some($why),)+
                $($failed => Some(Closed::Socket),)?
                #[allow(unreachable_patterns)]
                _ => None,
            }
        }

        /// Returns whether the socket is closed, its context is shut down, or its pump has failed:
        /// no later call will succeed.
        #[must_use]
        pub fn is_closed(&self) -> bool {
            self.closed().is_some()
        }

        /// Returns whether the context has been shut down (libzmq's `ETERM`).
        #[must_use]
        pub fn is_terminated(&self) -> bool {
            self.closed() == Some(Closed::Context)
        }
    };
}
use tells_the_end;

#[cfg(test)]
mod tests;
