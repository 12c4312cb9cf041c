//! Malformed endpoints.

/// An endpoint is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint:?} is not an endpoint: {reason}")]
pub struct EndpointError {
    /// The text as given, shortened to 256 characters.
    pub endpoint: String,
    /// What is wrong with it.
    pub reason: EndpointFault,
}

/// Why an endpoint is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointFault {
    /// There is no `://`.
    #[error("the scheme is missing, such as tcp://, ipc:// or inproc://")]
    NoScheme,
    /// The scheme is not `tcp`, `ipc` or `inproc` (libzmq's `EPROTONOSUPPORT`).
    #[error("the scheme is not tcp, ipc or inproc")]
    UnknownScheme,
    /// The address after the scheme is empty.
    #[error("the address is empty")]
    EmptyAddress,
    /// There is no port after the host.
    #[error("the port is missing")]
    NoPort,
    /// The port is not a number from 0 to 65535 (or `*` when binding).
    #[error("the port is not a number from 0 to 65535")]
    BadPort,
    /// The host is empty or has invalid characters.
    #[error("the host is malformed")]
    BadHost,
    /// The text in brackets is not an IPv6 address, or has an invalid zone.
    #[error("brackets must enclose an IPv6 address")]
    BadIpv6,
    /// A path or name contains a NUL byte.
    #[error("the name contains a NUL byte")]
    NulByte,
    /// An ipc path or abstract name has more than 107 bytes, or an inproc name more than 4096
    /// (libzmq's `ENAMETOOLONG`).
    #[error("the name is too long: the limit is 107 bytes for ipc and 4096 for inproc")]
    NameTooLong,
    /// `*` when connecting; wildcards are for binding.
    #[error("a wildcard is valid for bind only")]
    WildcardConnect,
    /// A source address (`tcp://source;destination`) when binding.
    #[error("a source address is valid for connect only")]
    SourceOnBind,
}
