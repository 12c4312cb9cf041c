//! One error type per call. A call that could not take a message gives it back.

use std::io;

use crate::message::Message;
use crate::socket_type::SocketType;

/// Why a socket refuses a message before accepting it: the caller's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The message has no frame.
    #[error("a message needs at least one frame")]
    NoFrames,
    /// A REP socket has no request to answer: receive one first (libzmq's `EFSM`).
    #[error("no request has been received that this could answer")]
    NoRequest,
}

/// `send` or `send_blocking` did not take the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T = Message> {
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected(T),
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated(T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

/// `try_send` did not take the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T = Message> {
    /// The high-water mark is reached (libzmq's `EAGAIN`).
    #[error("the high-water mark is reached")]
    Full(T),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected(T),
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated(T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

/// A send with a deadline did not take the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendTimeoutError<T = Message> {
    /// The deadline passed while the high-water mark was reached (`ZMQ_SNDTIMEO`, `EAGAIN`).
    #[error("no room before the deadline")]
    Timeout(T),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected(T),
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated(T),
    /// The message may not be sent on this socket now.
    #[error("message refused: {0}")]
    Refused(Refusal, T),
}

macro_rules! gives_message_back {
    ($($error:ident { $($variant:ident),* }),* $(,)?) => {
        $(impl<T> $error<T> {
            /// The message that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    $($error::$variant(message))|* => message,
                    $error::Refused(_, message) => message,
                }
            }
        })*
    };
}

gives_message_back! {
    SendError { Disconnected, Terminated },
    TrySendError { Full, Disconnected, Terminated },
    SendTimeoutError { Timeout, Disconnected, Terminated },
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Disconnected(message) => TrySendError::Disconnected(message),
            SendError::Terminated(message) => TrySendError::Terminated(message),
            SendError::Refused(why, message) => TrySendError::Refused(why, message),
        }
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        match error {
            SendError::Disconnected(message) => SendTimeoutError::Disconnected(message),
            SendError::Terminated(message) => SendTimeoutError::Terminated(message),
            SendError::Refused(why, message) => SendTimeoutError::Refused(why, message),
        }
    }
}

/// `recv` or `recv_blocking` will give no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecvError {
    /// The socket is closed and everything it had received has been taken.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated,
}

/// `try_recv` found no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TryRecvError {
    /// There is none now (libzmq's `EAGAIN`).
    #[error("no message is waiting")]
    Empty,
    /// The socket is closed and everything it had received has been taken.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated,
}

/// A receive with a deadline got no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecvTimeoutError {
    /// None came before the deadline (`ZMQ_RCVTIMEO`, `EAGAIN`).
    #[error("no message before the deadline")]
    Timeout,
    /// The socket is closed and everything it had received has been taken.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down (libzmq's `ETERM`).
    #[error("the context has been shut down")]
    Terminated,
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => TryRecvError::Disconnected,
            RecvError::Terminated => TryRecvError::Terminated,
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => RecvTimeoutError::Disconnected,
            RecvError::Terminated => RecvTimeoutError::Terminated,
        }
    }
}

/// The text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint:?} is not an endpoint: {reason}")]
pub struct EndpointError {
    /// The text as given, shortened to 256 characters.
    pub endpoint: String,
    /// What is wrong with it.
    pub reason: EndpointFault,
}

/// What can be wrong with the text of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointFault {
    /// There is no `://`.
    #[error("it has no scheme such as tcp://, ipc:// or inproc://")]
    NoScheme,
    /// The scheme is none of `tcp`, `ipc` and `inproc` (libzmq's `EPROTONOSUPPORT`).
    #[error("the scheme is none of tcp, ipc and inproc")]
    UnknownScheme,
    /// The address behind the scheme is empty.
    #[error("the address is empty")]
    EmptyAddress,
    /// No port behind the host.
    #[error("the port is missing")]
    NoPort,
    /// The port is not a number from 0 to 65535 (or `*` where binding).
    #[error("the port is not a number from 0 to 65535")]
    BadPort,
    /// The host is empty or has characters no host has.
    #[error("the host is malformed")]
    BadHost,
    /// An IPv6 address without brackets, or with a bad zone.
    #[error("an IPv6 address must be valid and stand in brackets")]
    BadIpv6,
    /// A path or name with a NUL octet.
    #[error("the name contains a NUL octet")]
    NulOctet,
    /// An ipc path or abstract name of more than 107 octets, or an inproc name of more than 4096
    /// (libzmq's `ENAMETOOLONG`).
    #[error("the name is too long: ipc takes 107 octets, inproc 4096")]
    NameTooLong,
    /// `*` where only an address that exists will do: wildcards are for binding.
    #[error("a wildcard can be bound to, not connected to")]
    WildcardConnect,
    /// A source address (`tcp://source;destination`) where it makes no sense.
    #[error("a source address is for connecting, not for binding")]
    SourceOnBind,
}

/// `bind` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The text is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another socket is bound there (libzmq's `EADDRINUSE`).
    #[error("{0} is in use")]
    InUse(String),
    /// The system refused, and says why.
    #[error("cannot bind {endpoint}: {source}")]
    Io {
        /// The endpoint as given.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
}

/// `connect` failed at once. What fails later is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
}

/// `unbind` or `disconnect` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetachError {
    /// The text is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket is not bound or connected there (libzmq's `ENOENT`).
    #[error("{0} is not an endpoint of this socket")]
    NotFound(String),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
}

/// `subscribe` or `unsubscribe` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The socket, whose type was chosen at run time, has no subscriptions.
    #[error("only SUB and XSUB sockets subscribe")]
    Unsupported,
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// This library has no such type yet.
    #[error("{0} sockets are not supported")]
    Unsupported(SocketType),
    /// An option has a value it cannot have.
    #[error("option {option}: {reason}")]
    Option {
        /// The field of `Options`.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// The pump thread could not be started.
    #[error("cannot start a pump: {0}")]
    Io(#[from] io::Error),
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
}
