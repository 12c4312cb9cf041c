//! Endpoints: `tcp://…`, `ipc://…` or `inproc://…`, parsed once.
//!
//! This module handles text only: nothing is resolved, opened or looked up here. Names are resolved
//! where the connection is made, at each attempt.

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::error::{EndpointError, EndpointFault};

mod parse;

use parse::parse;

/// A validated endpoint. It keeps the text it was parsed from, and [`Display`](fmt::Display) prints
/// exactly that.
///
/// | form | meaning |
/// |---|---|
/// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`, `tcp://[fe80::1%eth0]:5555` | an address |
/// | `tcp://::1:5555`, `tcp://fe80::1%eth0:5555` | the same: the port follows the last colon |
/// | `tcp://example.org:5555` | a name, resolved when binding and at each attempt to connect |
/// | `tcp://eth0:5555` | bind only, on Linux: the first address of an interface |
/// | `tcp://*:5555` | bind only: every IPv4 interface, with the option `ipv6` every interface |
/// | `tcp://127.0.0.1:*` or `:0` | bind only: a port the system picks |
/// | `tcp://10.0.0.1:0;example.org:5555` | connect only: from this source address and port (0: any) |
/// | `tcp://eth0:0;example.org:5555` | connect only: from this interface (Linux), or host |
/// | `ipc:///run/app.sock` | a Unix domain socket, at most 107 bytes of path |
/// | `ipc://@name` | a name in Linux's abstract namespace |
/// | `ipc://*` | bind only: a fresh path in a private directory |
/// | `inproc://name` | a name inside one context, at most 4096 bytes |
///
/// Schemes are lower case. Two endpoints are equal if their texts are.
///
/// The name of a source is looked up at each attempt, outside the pump's thread; an interface takes
/// precedence over a host of the same name. The source is the first of its addresses that belongs
/// to the destination's family.
///
/// An IPv6 address without brackets must be followed by its port: `tcp://::1:5555` is port 5555 of
/// `::1`, never the address `::1:5555`, and `tcp://fe80::1` is invalid (port 1 of something that is
/// not an address). The endpoint that a socket is bound to is always reported with brackets.
///
/// ```
/// use zmq_channels::error::EndpointFault;
/// use zmq_channels::Endpoint;
///
/// let endpoint = Endpoint::parse_for_connect("tcp://example.org:5555")?;
/// assert_eq!(endpoint.to_string(), "tcp://example.org:5555");
///
/// // A wildcard is something to bind to:
/// assert!(Endpoint::parse_for_bind("tcp://*:*").is_ok());
/// let error = Endpoint::parse_for_connect("tcp://*:*").unwrap_err();
/// assert_eq!(error.reason, EndpointFault::WildcardConnect);
/// # Ok::<(), zmq_channels::error::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    text: Box<str>,
    address: Address,
}

/// The parsed form of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp {
        /// The source to connect from. Port 0 leaves the choice to the system.
        source: Option<(Host, u16)>,
        host: Host,
        /// 0 (written `*` or `0`) lets the system choose a port; never 0 when connecting.
        port: u16,
    },
    Ipc(IpcAddress),
    Inproc {
        name: String,
    },
}

/// The host part of a TCP endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// `*`: every IPv4 interface, or every interface.
    Any,
    V4(Ipv4Addr),
    /// With the zone as written after `%`: a number or the name of an interface.
    V6(Ipv6Addr, Option<String>),
    Name(String),
}

/// The address part of an IPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IpcAddress {
    /// `*`: a fresh path in a private directory.
    Wildcard,
    Path(String),
    /// Without the leading `@`.
    Abstract(String),
}

/// Maximum number of characters of an invalid endpoint that its error contains.
const MAX_ERROR_CHARS: usize = 256;

impl Endpoint {
    /// Parses an endpoint to bind to, which may contain wildcards.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] with the reason, such as [`SourceOnBind`](EndpointFault::SourceOnBind) for
    /// `tcp://source;destination`.
    pub fn parse_for_bind(text: &str) -> Result<Endpoint, EndpointError> {
        let endpoint: Endpoint = text.parse()?;
        match endpoint.address {
            Address::Tcp {
                source: Some(_), ..
            } => Err(error(text, EndpointFault::SourceOnBind)),
            Address::Tcp { source: None, .. } | Address::Ipc(_) | Address::Inproc { .. } => {
                Ok(endpoint)
            }
        }
    }

    /// Parses an endpoint to connect to, which may contain a source address.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] with the reason, such as
    /// [`WildcardConnect`](EndpointFault::WildcardConnect) for `*` in place of host, port or path,
    /// and for port 0.
    pub fn parse_for_connect(text: &str) -> Result<Endpoint, EndpointError> {
        let endpoint: Endpoint = text.parse()?;
        if endpoint.is_wildcard() {
            return Err(error(text, EndpointFault::WildcardConnect));
        }
        Ok(endpoint)
    }

    /// Parses the `host:port` of a proxy, with an optional source in front.
    pub(crate) fn parse_proxy(address: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse_for_connect(&format!("tcp://{address}"))
    }

    /// The same destination with the source of `other`, if that has one.
    pub(crate) fn leaving_as(mut self, other: &Endpoint) -> Endpoint {
        if let (
            Address::Tcp { source, .. },
            Address::Tcp {
                source: Some(theirs),
                ..
            },
        ) = (&mut self.address, &other.address)
        {
            *source = Some(theirs.clone());
        }
        self
    }

    /// Returns the text, as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the name of its transport: `tcp`, `ipc` or `inproc`.
    #[must_use]
    #[doc(alias = "scheme")]
    pub fn transport(&self) -> &'static str {
        match self.address {
            Address::Tcp { .. } => "tcp",
            Address::Ipc(_) => "ipc",
            Address::Inproc { .. } => "inproc",
        }
    }

    /// Returns the host of a TCP endpoint as it is written, without the brackets of an IPv6
    /// address; `None` for other transports. For an endpoint with a source it is the destination.
    ///
    /// ```
    /// use zmq_channels::Endpoint;
    ///
    /// let endpoint: Endpoint = "tcp://[::1]:5555".parse()?;
    /// assert_eq!(endpoint.transport(), "tcp");
    /// assert_eq!(endpoint.host(), Some("::1"));
    /// assert_eq!(endpoint.port(), Some(5555));
    ///
    /// let endpoint: Endpoint = "inproc://feed".parse()?;
    /// assert_eq!((endpoint.host(), endpoint.port()), (None, None));
    /// # Ok::<(), zmq_channels::error::EndpointError>(())
    /// ```
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        if !self.is_tcp() {
            return None;
        }
        let (_, address) = self.text.split_once("://")?;
        let destination = address.split_once(';').map_or(address, |(_, to)| to);
        let (host, _) = destination.rsplit_once(':')?;
        let unbracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Some(unbracketed.unwrap_or(host))
    }

    /// Returns the port of a TCP endpoint, 0 if the system chooses it (`:*` or `:0`); `None` for
    /// other transports. The endpoint that [`bind`](crate::Socket::bind) returns has the port that
    /// was chosen.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pull = Context::new().socket::<Pull>()?;
    /// let bound = pull.bind("tcp://127.0.0.1:*")?;
    /// assert!(bound.port().is_some_and(|port| port > 0));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.address {
            Address::Tcp { port, .. } => Some(port),
            Address::Ipc(_) | Address::Inproc { .. } => None,
        }
    }

    /// The parsed form.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether this is a TCP endpoint.
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.address, Address::Tcp { .. })
    }

    /// The name of an inproc endpoint.
    pub(crate) fn inproc_name(&self) -> Option<&str> {
        match &self.address {
            Address::Inproc { name } => Some(name),
            Address::Tcp { .. } | Address::Ipc(_) => None,
        }
    }

    /// Whether an interface, port or path is chosen when binding.
    pub(crate) fn is_wildcard(&self) -> bool {
        match &self.address {
            Address::Tcp { host, port, .. } => *host == Host::Any || *port == 0,
            Address::Ipc(address) => *address == IpcAddress::Wildcard,
            Address::Inproc { .. } => false,
        }
    }

    /// The endpoint of a TCP address, as used for a resolved wildcard.
    pub(crate) fn from_tcp(address: SocketAddr) -> Endpoint {
        let host = match address {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let zone = (v6.scope_id() != 0).then(|| v6.scope_id().to_string());
                Host::V6(*v6.ip(), zone)
            }
        };
        Endpoint {
            text: format!("tcp://{address}").into(),
            address: Address::Tcp {
                source: None,
                host,
                port: address.port(),
            },
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Accepts every text that [`parse_for_bind`](Endpoint::parse_for_bind) or
    /// [`parse_for_connect`](Endpoint::parse_for_connect) accepts.
    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        let address = parse(text).map_err(|reason| error(text, reason))?;
        Ok(Endpoint {
            text: text.into(),
            address,
        })
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Endpoint) -> bool {
        self.text == other.text
    }
}

impl Eq for Endpoint {}

// Hashes the text, as equality compares it: `Borrow<str>` requires the same hash.
impl std::hash::Hash for Endpoint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Endpoint {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({:?})", self.text)
    }
}

fn error(text: &str, reason: EndpointFault) -> EndpointError {
    EndpointError {
        endpoint: text.chars().take(MAX_ERROR_CHARS).collect(),
        reason,
    }
}

impl Host {
    /// The address, if the text contains one. `Any` and names have none, and neither has an IPv6
    /// address whose zone is the name of an interface.
    pub(crate) fn socket_addr(&self, port: u16) -> Option<SocketAddr> {
        match self {
            Host::Any | Host::Name(_) => None,
            Host::V4(ip) => Some(SocketAddr::new(IpAddr::V4(*ip), port)),
            Host::V6(ip, zone) => {
                let scope = match zone {
                    None => 0,
                    Some(zone) => zone.parse().ok()?,
                };
                Some(std::net::SocketAddrV6::new(*ip, port, 0, scope).into())
            }
        }
    }
}

impl fmt::Display for Host {
    /// Without brackets, as resolvers expect.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Any => f.write_str("*"),
            Host::V4(ip) => ip.fmt(f),
            Host::V6(ip, None) => ip.fmt(f),
            Host::V6(ip, Some(zone)) => write!(f, "{ip}%{zone}"),
            Host::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
