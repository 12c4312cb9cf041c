//! libzmq's error numbers.

use std::{fmt, io};

use super::*;

/// The error number that libzmq has for an error (`zmq_errno`), with its value on this platform.
///
/// Every error of this crate has `errno()`. Numbers of the operating system, such as
/// [`EAGAIN`](Errno::EAGAIN), are those of its `errno.h`; numbers that only ZeroMQ has, such as
/// [`ETERM`](Errno::ETERM), are those of `zmq.h`. An error reported by the system keeps its number.
/// Several errors may have the same number: to distinguish them, match the typed error.
///
/// ```
/// use zmq_channels::error::{Errno, TryRecvError};
///
/// let errno = TryRecvError::Empty.errno();
/// assert_eq!(errno, Errno::EAGAIN);
/// assert_eq!(errno.to_string(), "EAGAIN");
/// assert_eq!(Errno::ETERM.raw(), 156_384_765);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

/// The base of ZeroMQ's own numbers, from `zmq.h`.
const HAUSNUMERO: i32 = 156_384_712;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident = $value:expr;)*) => {
        impl Errno {
            $($(#[$meta])* pub const $name: Errno = Errno($value);)*

            const NAMES: &[(Errno, &str)] = &[$((Errno::$name, stringify!($name))),*];
        }
    };
}

numbers! {
    /// Not possible now: try again, or wait longer.
    EAGAIN = system::EAGAIN;
    /// The context has been shut down.
    ETERM = HAUSNUMERO + 53;
    /// Not possible in this state, such as a reply without a request.
    EFSM = HAUSNUMERO + 51;
    /// The type of socket cannot use the transport.
    ENOCOMPATPROTO = HAUSNUMERO + 52;
    /// The socket is closed.
    ENOTSOCK = system::ENOTSOCK;
    /// No such peer.
    EHOSTUNREACH = system::EHOSTUNREACH;
    /// The connection to the peer has ended.
    ECONNRESET = system::ECONNRESET;
    /// A value that is not allowed.
    EINVAL = 22;
    /// The address is in use.
    EADDRINUSE = system::EADDRINUSE;
    /// The address does not belong to this machine.
    EADDRNOTAVAIL = system::EADDRNOTAVAIL;
    /// A name is too long.
    ENAMETOOLONG = system::ENAMETOOLONG;
    /// The transport does not exist.
    EPROTONOSUPPORT = system::EPROTONOSUPPORT;
    /// Not supported by this type of socket.
    ENOTSUP = system::ENOTSUP;
    /// Not found.
    ENOENT = 2;
    /// The process was forked, and its pump runs only in the parent.
    EINTR = 4;
    /// The system reported an error without a number.
    EIO = 5;
    /// A limit is reached.
    ENOMEM = 12;
    /// Permission denied.
    EACCES = 13;
    /// Too many sockets.
    EMFILE = 24;
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::io::Errno;

    pub(super) const EAGAIN: i32 = Errno::AGAIN.raw_os_error();
    pub(super) const ENOTSOCK: i32 = Errno::NOTSOCK.raw_os_error();
    pub(super) const EHOSTUNREACH: i32 = Errno::HOSTUNREACH.raw_os_error();
    pub(super) const ECONNRESET: i32 = Errno::CONNRESET.raw_os_error();
    pub(super) const EADDRINUSE: i32 = Errno::ADDRINUSE.raw_os_error();
    pub(super) const EADDRNOTAVAIL: i32 = Errno::ADDRNOTAVAIL.raw_os_error();
    pub(super) const ENAMETOOLONG: i32 = Errno::NAMETOOLONG.raw_os_error();
    pub(super) const EPROTONOSUPPORT: i32 = Errno::PROTONOSUPPORT.raw_os_error();
    pub(super) const ENOTSUP: i32 = Errno::NOTSUP.raw_os_error();
}

#[cfg(windows)]
mod system {
    pub(super) const EAGAIN: i32 = 11;
    pub(super) const ENOTSOCK: i32 = 128;
    pub(super) const EHOSTUNREACH: i32 = 110;
    pub(super) const ECONNRESET: i32 = 108;
    pub(super) const EADDRINUSE: i32 = 100;
    pub(super) const EADDRNOTAVAIL: i32 = 101;
    pub(super) const ENAMETOOLONG: i32 = 38;
    pub(super) const EPROTONOSUPPORT: i32 = 135;
    pub(super) const ENOTSUP: i32 = 129;
}

/// The BSDs and Apple's systems have the same numbers, except for the last.
#[cfg(any(
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
))]
mod system {
    pub(super) const EAGAIN: i32 = 35;
    pub(super) const ENOTSOCK: i32 = 38;
    pub(super) const EHOSTUNREACH: i32 = 65;
    pub(super) const ECONNRESET: i32 = 54;
    pub(super) const EADDRINUSE: i32 = 48;
    pub(super) const EADDRNOTAVAIL: i32 = 49;
    pub(super) const ENAMETOOLONG: i32 = 63;
    pub(super) const EPROTONOSUPPORT: i32 = 43;
    pub(super) const ENOTSUP: i32 = match () {
        () if cfg!(target_os = "netbsd") => 86,
        () if cfg!(target_os = "openbsd") => 91,
        () => 45,
    };
}

/// illumos and Solaris.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
mod system {
    pub(super) const EAGAIN: i32 = 11;
    pub(super) const ENOTSOCK: i32 = 95;
    pub(super) const EHOSTUNREACH: i32 = 148;
    pub(super) const ECONNRESET: i32 = 131;
    pub(super) const EADDRINUSE: i32 = 125;
    pub(super) const EADDRNOTAVAIL: i32 = 126;
    pub(super) const ENAMETOOLONG: i32 = 78;
    pub(super) const EPROTONOSUPPORT: i32 = 120;
    pub(super) const ENOTSUP: i32 = 48;
}

/// Android, and other systems that have Linux's numbers.
#[cfg(not(any(
    windows,
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "solaris",
)))]
mod system {
    pub(super) const EAGAIN: i32 = 11;
    pub(super) const ENOTSOCK: i32 = 88;
    pub(super) const EHOSTUNREACH: i32 = 113;
    pub(super) const ECONNRESET: i32 = 104;
    pub(super) const EADDRINUSE: i32 = 98;
    pub(super) const EADDRNOTAVAIL: i32 = 99;
    pub(super) const ENAMETOOLONG: i32 = 36;
    pub(super) const EPROTONOSUPPORT: i32 = 93;
    pub(super) const ENOTSUP: i32 = 95;
}

impl Errno {
    /// Returns the number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// Returns its name, such as `EAGAIN`, if it is one of the constants above.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let mut names = Self::NAMES.iter();
        names
            .find(|(errno, _)| *errno == self)
            .map(|(_, name)| *name)
    }

    /// Windows' numbers for errors of sockets differ from those in `errno.h`; they are translated
    /// as in libzmq.
    fn of(error: &io::Error) -> Errno {
        match (error.raw_os_error(), error.kind()) {
            (Some(raw), _) if cfg!(unix) => Errno(raw),
            (_, io::ErrorKind::AddrInUse) => Errno::EADDRINUSE,
            (_, io::ErrorKind::AddrNotAvailable) => Errno::EADDRNOTAVAIL,
            (_, io::ErrorKind::InvalidInput) => Errno::EINVAL,
            (_, io::ErrorKind::NotFound) => Errno::ENOENT,
            (_, io::ErrorKind::PermissionDenied) => Errno::EACCES,
            (_, io::ErrorKind::WouldBlock) => Errno::EAGAIN,
            _ => Errno::EIO,
        }
    }
}

/// The name if it has one, otherwise the number.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Errno> for i32 {
    fn from(errno: Errno) -> i32 {
        errno.0
    }
}

/// The errors of a port's calls, as contained in those of typed ports.
pub trait Numbered {
    /// Their `errno()`.
    fn number(&self) -> Errno;
}

macro_rules! numbered {
    ($($error:ident $(<$generic:ident>)?),*) => {$(
        impl $(<$generic>)? Numbered for $error $(<$generic>)? {
            fn number(&self) -> Errno {
                self.errno()
            }
        }
    )*};
}

numbered!(
    SendError<T>,
    TrySendError<T>,
    SendTimeoutError<T>,
    RecvError,
    TryRecvError,
    RecvTimeoutError
);

macro_rules! has_errno {
    ($($(#[$meta:meta])* $error:ident $(<$($generic:ident),*>)? $(where $port:ident: $bound:ident)? {
        $($pattern:pat => $errno:expr),+ $(,)?
    })*) => {$(
        $(#[$meta])*
        impl $(<$($generic),*>)? $error $(<$($generic),*>)? $(where $port: $bound)? {
            /// Returns libzmq's number for this error.
            #[must_use]
            pub fn errno(&self) -> Errno {
                match self {
                    $($pattern => $errno),+
                }
            }
        }
    )*};
}

has_errno! {
    Closed {
        Closed::Socket => Errno::ENOTSOCK,
        Closed::Context => Errno::ETERM,
    }
    PumpFailure {
        PumpFailure::Panicked(_) => Errno::ENOTSOCK,
        PumpFailure::Forked => Errno::EINTR,
    }
    Refusal {
        Refusal::NoRequest => Errno::EFSM,
        Refusal::Unroutable => Errno::EHOSTUNREACH,
        Refusal::NoFrames
            | Refusal::FrameCount { .. }
            | Refusal::TooManyFrames { .. }
            | Refusal::GroupTooLong => Errno::EINVAL,
    }
    SendError<T> {
        SendError::Closed(why, _) => why.errno(),
        SendError::Refused(why, _) => why.errno(),
    }
    TrySendError<T> {
        TrySendError::Full(_) => Errno::EAGAIN,
        TrySendError::Closed(why, _) => why.errno(),
        TrySendError::Refused(why, _) => why.errno(),
    }
    SendTimeoutError<T> {
        SendTimeoutError::Timeout(_) => Errno::EAGAIN,
        SendTimeoutError::Closed(why, _) => why.errno(),
        SendTimeoutError::Refused(why, _) => why.errno(),
    }
    RecvError {
        RecvError::Closed(why) => why.errno(),
    }
    TryRecvError {
        TryRecvError::Empty => Errno::EAGAIN,
        TryRecvError::Closed(why) => why.errno(),
    }
    RecvTimeoutError {
        RecvTimeoutError::Timeout => Errno::EAGAIN,
        RecvTimeoutError::Closed(why) => why.errno(),
    }
    RequestError {
        RequestError::PeerLost => Errno::ECONNRESET,
        RequestError::Closed(why, _) => why.errno(),
        RequestError::Refused(why, _) => why.errno(),
    }
    RequestTimeoutError {
        RequestTimeoutError::Timeout(_) => Errno::EAGAIN,
        RequestTimeoutError::PeerLost => Errno::ECONNRESET,
        RequestTimeoutError::Closed(why, _) => why.errno(),
        RequestTimeoutError::Refused(why, _) => why.errno(),
    }
    EndpointError {
        EndpointError { reason, .. } => reason.errno(),
    }
    EndpointFault {
        EndpointFault::UnknownScheme => Errno::EPROTONOSUPPORT,
        EndpointFault::NameTooLong => Errno::ENAMETOOLONG,
        EndpointFault::NoScheme
            | EndpointFault::EmptyAddress
            | EndpointFault::NoPort
            | EndpointFault::BadPort
            | EndpointFault::BadHost
            | EndpointFault::BadIpv6
            | EndpointFault::NulByte
            | EndpointFault::WildcardConnect
            | EndpointFault::SourceOnBind => Errno::EINVAL,
    }
    BindError {
        BindError::Endpoint(error) => error.errno(),
        BindError::Unsupported { .. } => Errno::ENOCOMPATPROTO,
        BindError::InUse(_) => Errno::EADDRINUSE,
        BindError::Io { source, .. } => Errno::of(source),
        BindError::Closed(why) => why.errno(),
        BindError::PumpFailed(failure) => failure.errno(),
    }
    ConnectError {
        ConnectError::Endpoint(error) => error.errno(),
        ConnectError::RoutingIdInUse(_) => Errno::EINVAL,
        ConnectError::NoRoutingIds => Errno::ENOTSUP,
        ConnectError::Unsupported { .. } => Errno::ENOCOMPATPROTO,
        ConnectError::Closed(why) => why.errno(),
        ConnectError::PumpFailed(failure) => failure.errno(),
    }
    DetachError {
        DetachError::Endpoint(error) => error.errno(),
        DetachError::NotFound(_) => Errno::ENOENT,
        DetachError::NoPeer(_) => Errno::EHOSTUNREACH,
        DetachError::Closed(why) => why.errno(),
        DetachError::PumpFailed(failure) => failure.errno(),
    }
    GroupError {
        GroupError::TooLong | GroupError::AlreadyJoined | GroupError::NotJoined => Errno::EINVAL,
        GroupError::Unsupported => Errno::ENOTSUP,
        GroupError::Closed(why) => why.errno(),
        GroupError::PumpFailed(failure) => failure.errno(),
    }
    SubscribeError {
        SubscribeError::Unsupported | SubscribeError::NotManual | SubscribeError::NoPeer => {
            Errno::EINVAL
        },
        SubscribeError::TooMany => Errno::ENOMEM,
        SubscribeError::Closed(why) => why.errno(),
        SubscribeError::PumpFailed(failure) => failure.errno(),
    }
    ConfigureError {
        ConfigureError::Option { .. }
            | ConfigureError::WithoutEffect { .. }
            | ConfigureError::Fixed(_) => Errno::EINVAL,
        ConfigureError::Closed(why) => why.errno(),
        ConfigureError::PumpFailed(failure) => failure.errno(),
    }
    ObserveError {
        ObserveError::Closed(why) => why.errno(),
        ObserveError::PumpFailed(failure) => failure.errno(),
    }
    WaitError {
        WaitError::Unsupported => Errno::ENOTSUP,
        WaitError::Closed(why) => why.errno(),
        WaitError::PumpFailed(failure) => failure.errno(),
    }
    WaitTimeoutError {
        WaitTimeoutError::Timeout => Errno::EAGAIN,
        WaitTimeoutError::Unsupported => Errno::ENOTSUP,
        WaitTimeoutError::Closed(why) => why.errno(),
        WaitTimeoutError::PumpFailed(failure) => failure.errno(),
    }
    ContextError {
        ContextError::Option { .. } => Errno::EINVAL,
    }
    SocketError {
        SocketError::Unsupported(_)
            | SocketError::Option { .. }
            | SocketError::WithoutEffect { .. } => Errno::EINVAL,
        SocketError::TooManySockets => Errno::EMFILE,
        SocketError::Io(error) => Errno::of(error),
        SocketError::Closed(why) => why.errno(),
        SocketError::PumpFailed(failure) => failure.errno(),
    }
    RegisterError {
        RegisterError::Unsupported(_) => Errno::ENOTSUP,
        RegisterError::Io(error) => Errno::of(error),
        RegisterError::Closed(why) => why.errno(),
        RegisterError::PumpFailed(failure) => failure.errno(),
    }
    SelectError {
        SelectError::Timeout => Errno::EAGAIN,
        SelectError::NoSource => Errno::EINVAL,
    }
    AuthenticatorError {
        AuthenticatorError::Taken => Errno::EADDRINUSE,
        AuthenticatorError::Socket(error) => error.errno(),
    }
    ProxyError {
        ProxyError::NothingToCarry | ProxyError::MuteCapture => Errno::EINVAL,
        ProxyError::Ended => Errno::ETERM,
    }
    TypedSendError<T, E, S> where S: Numbered {
        TypedSendError::Encode(..) => Errno::EINVAL,
        TypedSendError::Send(error) => error.number(),
    }
    TypedRecvError<E, R> where R: Numbered {
        TypedRecvError::Decode(..) => Errno::EINVAL,
        TypedRecvError::Recv(error) => error.number(),
    }
    RoutingIdError {
        RoutingIdError { .. } => Errno::EINVAL,
    }
    UnknownSocketType {
        UnknownSocketType(_) => Errno::EINVAL,
    }
    Z85Error {
        Z85Error::Length(_) | Z85Error::Digit(_) | Z85Error::TooLarge(_) => Errno::EINVAL,
    }
    #[cfg(feature = "curve")]
    CurveKeyError {
        CurveKeyError::Length | CurveKeyError::Z85(_) => Errno::EINVAL,
    }
}

#[cfg(test)]
mod tests;
