//! What is wrong with the text of an endpoint.

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
