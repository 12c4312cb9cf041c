//! The errors: one type for each call or group of calls.
//!
//! A call that did not take a message gives it back in its error. What an error says does not repeat what
//! its `source` says: print the chain of sources too.

use std::io;

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

pub use crate::authenticator::AuthenticatorError;
#[cfg(feature = "curve")]
pub use crate::curve::CurveKeyError;
pub use crate::proxy::ProxyError;
pub use crate::routing_id::RoutingIdError;
pub use crate::security::z85::Z85Error;
pub use crate::security::AuthenticatorFault;
pub use crate::socket_type::UnknownSocketType;

/// Why the pump of a socket no longer services it, although the socket was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PumpFailure {
    /// The pump has panicked, and said this: a fault of this library, or of code of the user's that
    /// the pump calls, such as the destructor of what a message shares. All sockets on this pump
    /// are closed; those on other pumps of the context are not.
    #[error("the pump has panicked: {0}")]
    Panicked(&'static str),
    /// This process was forked from the one whose pump it is, and threads are not forked. A new
    /// [`Context`](crate::Context) works; the other process goes on undisturbed.
    #[error("the pump is a thread of the process that this one was forked from")]
    Forked,
}

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
    /// This type of socket sends messages of so many frames only: CLIENT, SCATTER and CHANNEL of
    /// one; SERVER and PEER of two, the routing id and the payload (libzmq's `EINVAL`).
    #[error("messages of this type of socket have {expected} frames, no more and no less")]
    FrameCount {
        /// The number of frames.
        expected: usize,
    },
    /// The message has more frames than any peer takes: [`Message::MAX_FRAMES`] together with those
    /// that the type of socket puts in front (libzmq has no such limit).
    #[error("a message of more than {limit} frames")]
    TooManyFrames {
        /// The most frames a message may have on this type of socket.
        limit: usize,
    },
    /// No peer has the routing id that is the message's first frame (libzmq's `EHOSTUNREACH`).
    #[error("no peer has this routing id")]
    Unroutable,
    /// The name of a group has more than 255 bytes (RFC 48).
    #[error("the name of a group has more than 255 bytes")]
    GroupTooLong,
}

/// `send` or `send_blocking` did not take the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError<T = Message> {
    /// The socket is closed, or its pump has [failed](crate::Socket::failure).
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
    /// The socket is closed, or its pump has [failed](crate::Socket::failure).
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
    /// The socket is closed, or its pump has [failed](crate::Socket::failure).
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

            /// The same error about something else: what the message was made from, say.
            pub fn map<U>(self, change: impl FnOnce(T) -> U) -> $error<U> {
                match self {
                    $($error::$variant(message) => $error::$variant(change(message)),)*
                    $error::Refused(why, message) => $error::Refused(why, change(message)),
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
    /// The socket is closed, or its pump has [failed](crate::Socket::failure), and everything it
    /// had received has been taken.
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
    /// The socket is closed, or its pump has [failed](crate::Socket::failure), and everything it
    /// had received has been taken.
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
    /// The socket is closed, or its pump has [failed](crate::Socket::failure), and everything it
    /// had received has been taken.
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

/// `request` or `request_blocking` got no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The connection to the peer that had the request ended. Nobody can tell whether the request
    /// was worked on, so it is not sent to another peer: that is for the caller to decide.
    #[error("the peer that had the request is gone")]
    PeerLost,
    /// The socket is closed, or its pump has [failed](crate::Socket::failure). The message is given
    /// back if no peer had it.
    #[error("the socket is closed")]
    Disconnected(Option<Message>),
    /// The context has been shut down (libzmq's `ETERM`). The message is given back if no peer
    /// had it.
    #[error("the context has been shut down")]
    Terminated(Option<Message>),
    /// The message may not be sent.
    #[error("message refused: {0}")]
    Refused(Refusal, Message),
}

/// A request with a deadline got no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestTimeoutError {
    /// No reply came before the deadline. The message is given back if no peer had it: then it
    /// was not sent, and will not be. If one had it, its reply will be dropped.
    #[error("no reply before the deadline")]
    Timeout(Option<Message>),
    /// The connection to the peer that had the request ended. Nobody can tell whether the request
    /// was worked on, so it is not sent to another peer: that is for the caller to decide.
    #[error("the peer that had the request is gone")]
    PeerLost,
    /// The socket is closed, or its pump has [failed](crate::Socket::failure). The message is given
    /// back if no peer had it.
    #[error("the socket is closed")]
    Disconnected(Option<Message>),
    /// The context has been shut down (libzmq's `ETERM`). The message is given back if no peer
    /// had it.
    #[error("the context has been shut down")]
    Terminated(Option<Message>),
    /// The message may not be sent.
    #[error("message refused: {0}")]
    Refused(Refusal, Message),
}

impl RequestError {
    /// The message, if it certainly was not sent.
    #[must_use]
    pub fn into_unsent(self) -> Option<Message> {
        match self {
            RequestError::PeerLost => None,
            RequestError::Disconnected(unsent) | RequestError::Terminated(unsent) => unsent,
            RequestError::Refused(_, message) => Some(message),
        }
    }
}

impl RequestTimeoutError {
    /// The message, if it certainly was not sent.
    #[must_use]
    pub fn into_unsent(self) -> Option<Message> {
        match self {
            RequestTimeoutError::PeerLost => None,
            RequestTimeoutError::Timeout(unsent)
            | RequestTimeoutError::Disconnected(unsent)
            | RequestTimeoutError::Terminated(unsent) => unsent,
            RequestTimeoutError::Refused(_, message) => Some(message),
        }
    }
}

impl From<RequestError> for RequestTimeoutError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::PeerLost => RequestTimeoutError::PeerLost,
            RequestError::Disconnected(unsent) => RequestTimeoutError::Disconnected(unsent),
            RequestError::Terminated(unsent) => RequestTimeoutError::Terminated(unsent),
            RequestError::Refused(why, message) => RequestTimeoutError::Refused(why, message),
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
    /// What stands in brackets is no IPv6 address, or has a bad zone.
    #[error("what stands in brackets must be an IPv6 address")]
    BadIpv6,
    /// A path or name with a NUL byte.
    #[error("the name contains a NUL byte")]
    NulByte,
    /// An ipc path or abstract name of more than 107 bytes, or an inproc name of more than 4096
    /// (libzmq's `ENAMETOOLONG`).
    #[error("the name is too long: ipc takes 107 bytes, inproc 4096")]
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
    /// Sockets of this type have nothing to do there, such as a STREAM, which is for bytes, with
    /// inproc, which has none (libzmq's `ENOCOMPATPROTO`).
    #[error("{socket_type} sockets cannot be bound to {endpoint}")]
    Unsupported {
        /// The type of the socket.
        socket_type: SocketType,
        /// The endpoint as given.
        endpoint: String,
    },
    /// Another socket is bound there (libzmq's `EADDRINUSE`).
    #[error("{0} is in use")]
    InUse(String),
    /// The system refused, and says why.
    #[error("cannot bind {endpoint}")]
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
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

impl BindError {
    /// The same, with an address that is in use told as that.
    pub(crate) fn settled(self) -> Self {
        match self {
            BindError::Io { endpoint, source } if source.kind() == io::ErrorKind::AddrInUse => {
                BindError::InUse(endpoint)
            }
            other => other,
        }
    }

    /// The same, told of the endpoint the user gave.
    pub(crate) fn about(self, given: &Endpoint) -> Self {
        match self {
            BindError::InUse(_) => BindError::InUse(given.to_string()),
            BindError::Io { source, .. } => BindError::Io {
                endpoint: given.to_string(),
                source,
            },
            BindError::Unsupported { socket_type, .. } => BindError::Unsupported {
                socket_type,
                endpoint: given.to_string(),
            },
            BindError::Endpoint(_)
            | BindError::Disconnected
            | BindError::Terminated
            | BindError::PumpFailed(_) => self,
        }
    }
}

/// `connect` failed at once. What fails later is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Another peer of the socket has this routing id.
    #[error("routing id {0} is in use")]
    RoutingIdInUse(RoutingId),
    /// The socket, whose type was chosen at run time, does not address its peers.
    #[error("only ROUTER, SERVER, PEER and STREAM sockets address peers")]
    NoRoutingIds,
    /// Sockets of this type have nothing to do there, such as a STREAM, which is for bytes, with
    /// inproc, which has none (libzmq's `ENOCOMPATPROTO`).
    #[error("{socket_type} sockets cannot be connected to {endpoint}")]
    Unsupported {
        /// The type of the socket.
        socket_type: SocketType,
        /// The endpoint as given.
        endpoint: String,
    },
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// `unbind`, `disconnect` or `disconnect_peer` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetachError {
    /// The text is no endpoint.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket is not bound or connected there (libzmq's `ENOENT`).
    #[error("{0} is not an endpoint of this socket")]
    NotFound(String),
    /// No peer of the socket has this routing id (libzmq's `EHOSTUNREACH`).
    #[error("no peer has routing id {0}")]
    NoPeer(RoutingId),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// `join` or `leave` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The name has more than 255 bytes (RFC 48).
    #[error("the name of a group has more than 255 bytes")]
    TooLong,
    /// The socket has joined this group before.
    #[error("the group has been joined before")]
    AlreadyJoined,
    /// The socket is not in this group.
    #[error("the group has not been joined")]
    NotJoined,
    /// The socket, whose type was chosen at run time, has no groups.
    #[error("only DISH sockets join groups")]
    Unsupported,
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// `subscribe` or `unsubscribe` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The socket, whose type was chosen at run time, has no subscriptions.
    #[error("this type of socket has no subscriptions")]
    Unsupported,
    /// An XPUB decides on its peers' subscriptions only where
    /// [`xpub_manual`](crate::Options#structfield.xpub_manual) says so.
    #[error("option xpub_manual is off")]
    NotManual,
    /// No message of a peer has been received that this could be about.
    #[error("no peer has been heard of")]
    NoPeer,
    /// More subscriptions than an XPUB keeps for one peer: 2¹⁸, of 2²⁴ bytes together.
    #[error("the peer has as many subscriptions as it can have")]
    TooMany,
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A socket's options could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// An option has a value it cannot have.
    #[error("option {option}: {reason}")]
    Option {
        /// The field of `Options`.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// An option is set that can have no effect on sockets of this type.
    #[error("option {option} has no effect on {socket_type} sockets")]
    WithoutEffect {
        /// The field of `Options`.
        option: &'static str,
        /// The type of the socket.
        socket_type: SocketType,
    },
    /// This option is settled when the socket is opened.
    #[error("option {0} cannot be changed on an open socket")]
    Fixed(&'static str),
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A monitor could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A socket has no statistics any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// The socket is closed.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// Waiting for peers was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The socket, whose type was chosen at run time, has no subscribers.
    #[error("only PUB, XPUB and RADIO sockets have subscribers")]
    Unsupported,
    /// The socket is closed, or is closing.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// Waiting for peers with a deadline was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitTimeoutError {
    /// There were not so many before the deadline.
    #[error("too few peers before the deadline")]
    Timeout,
    /// The socket, whose type was chosen at run time, has no subscribers.
    #[error("only PUB, XPUB and RADIO sockets have subscribers")]
    Unsupported,
    /// The socket is closed, or is closing.
    #[error("the socket is closed")]
    Disconnected,
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

impl From<WaitError> for WaitTimeoutError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Unsupported => WaitTimeoutError::Unsupported,
            WaitError::Disconnected => WaitTimeoutError::Disconnected,
            WaitError::Terminated => WaitTimeoutError::Terminated,
            WaitError::PumpFailed(failure) => WaitTimeoutError::PumpFailed(failure),
        }
    }
}

/// A context cannot be as it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// An option has a value it cannot have.
    #[error("option {option}: {reason}")]
    Option {
        /// The field of `ContextOptions`, or of the `Options` in there.
        option: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
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
    /// An option is set that can have no effect on sockets of this type.
    #[error("option {option} has no effect on {socket_type} sockets")]
    WithoutEffect {
        /// The field of `Options`.
        option: &'static str,
        /// The type of the socket.
        socket_type: SocketType,
    },
    /// The context has all the sockets it may have: `ContextOptions::max_sockets` (libzmq's
    /// `EMFILE`).
    #[error("the context has all the sockets it may have")]
    TooManySockets,
    /// The pump thread could not be started.
    #[error("cannot start a pump")]
    Io(#[from] io::Error),
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump has failed: all its sockets are closed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A channel could not be registered with a socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The socket, whose type was chosen at run time, does not have that port.
    #[error("{0} sockets have no such port")]
    Unsupported(SocketType),
    /// The thread for registrations could not be started.
    #[error("cannot start the thread for registrations")]
    Io(#[from] io::Error),
    /// The context has been shut down.
    #[error("the context has been shut down")]
    Terminated,
    /// The pump of the socket has failed.
    #[error(transparent)]
    PumpFailed(#[from] PumpFailure),
}

/// A [`Select`](crate::Select) answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SelectError {
    /// No source had anything in time.
    #[error("nothing came before the deadline")]
    Timeout,
    /// There is no source to wait for.
    #[error("there is nothing to wait for")]
    NoSource,
}

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

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::curve::CurveKeyError;

    #[test]
    fn no_error_repeats_its_source() {
        let system = || io::Error::from_raw_os_error(24);
        let endpoint = "tcp://127.0.0.1:*".to_owned();
        let source = system();
        let errors: [Box<dyn Error>; 4] = [
            Box::new(BindError::Io { endpoint, source }),
            Box::new(SocketError::Io(system())),
            Box::new(RegisterError::Io(system())),
            Box::new(CurveKeyError::Z85(Z85Error::Length(3))),
        ];
        for error in errors {
            let source = error.source().expect("it has a source").to_string();
            assert!(!error.to_string().contains(&source), "{error}");
        }
    }

    /// In the text of any error of this crate: what is a source is not shown, too.
    #[test]
    fn no_text_of_an_error_shows_its_source() {
        let sources = [
            include_str!("error.rs"),
            include_str!("curve.rs"),
            include_str!("authenticator.rs"),
            include_str!("event.rs"),
            include_str!("proxy.rs"),
            include_str!("security/mod.rs"),
        ];
        for text in sources {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let mut shown = "";
            for line in code.lines().map(str::trim) {
                if line.starts_with("#[error(") {
                    shown = line;
                }
                let is_source = line.contains("#[from]") || line.starts_with("source:");
                let repeats = shown.contains("{0}") || shown.contains("{source}");
                assert!(!(is_source && repeats), "{shown} {line}");
            }
        }
    }
}
