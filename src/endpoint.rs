//! Where a socket binds or connects: `tcp://…`, `ipc://…` or `inproc://…`, parsed once.
//!
//! Pure text: nothing is resolved, opened or looked up here. What a name means is decided where
//! the connection is made, anew at each attempt.

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::error::{EndpointError, EndpointFault};

/// A checked endpoint. It keeps the text it was made from, and [`Display`](fmt::Display) gives
/// exactly that back.
///
/// | form | meaning |
/// |---|---|
/// | `tcp://127.0.0.1:5555`, `tcp://[::1]:5555`, `tcp://[fe80::1%eth0]:5555` | an address |
/// | `tcp://::1:5555`, `tcp://fe80::1%eth0:5555` | the same: behind the last colon stands the port |
/// | `tcp://example.org:5555` | a name, resolved when binding and at each attempt to connect |
/// | `tcp://eth0:5555` | bind only, on Linux: the first address of an interface |
/// | `tcp://*:5555` | bind only: every IPv4 interface, with the option `ipv6` every interface |
/// | `tcp://127.0.0.1:*` or `:0` | bind only: a port the system picks |
/// | `tcp://10.0.0.1:0;example.org:5555` | connect only: leave from this address and port (0: any) |
/// | `tcp://eth0:0;example.org:5555` | connect only: leave from this interface (Linux), or host |
/// | `ipc:///run/app.sock` | a Unix domain socket, at most 107 bytes of path |
/// | `ipc://@name` | a name in Linux's abstract namespace |
/// | `ipc://*` | bind only: a fresh path in a private directory |
/// | `inproc://name` | a name inside one context, at most 4096 bytes |
///
/// Schemes are written in lower case. Two endpoints are equal when their texts are.
///
/// The name of a source is looked up at each attempt, outside the pump's thread; an interface goes
/// before a host of that name. The attempt leaves from the first of its addresses that is of the
/// destination's family.
///
/// An IPv6 address without brackets must have its port behind it: `tcp://::1:5555` is port 5555 of
/// `::1`, never the address `::1:5555`, and `tcp://fe80::1` is port 1 of something that is no
/// address. What the socket is bound to is told with brackets.
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

/// What the text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Tcp {
        /// Where to leave from, when connecting. Port 0 leaves the choice to the system.
        source: Option<(Host, u16)>,
        host: Host,
        /// 0 (written `*` or `0`) asks for a port of the system's choice; never when connecting.
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
    /// With the zone as written behind `%`: a number or the name of an interface.
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

/// The longest host: what a DNS name can have.
const MAX_HOST_BYTES: usize = 255;
/// The longest label of a DNS name (RFC 1035).
const MAX_LABEL_BYTES: usize = 63;
/// The longest zone: Linux's `IFNAMSIZ` without the closing NUL.
const MAX_ZONE_BYTES: usize = 15;
/// `sun_path` has 108 bytes on Linux: a path needs a NUL behind it, an abstract name before it.
const MAX_IPC_BYTES: usize = 107;
/// Names of inproc endpoints live in memory only; enough for any naming scheme, and a bound.
const MAX_INPROC_BYTES: usize = 4096;
/// How much of a bad endpoint its error repeats.
const MAX_ERROR_CHARS: usize = 256;

impl Endpoint {
    /// Checks an endpoint to bind to. Wildcards are welcome.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] with the reason, [`SourceOnBind`](EndpointFault::SourceOnBind) among
    /// them for `tcp://source;destination`.
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

    /// Checks an endpoint to connect to. A source address is welcome.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] with the reason, [`WildcardConnect`](EndpointFault::WildcardConnect)
    /// among them for `*` in place of host, port or path, and for port 0.
    pub fn parse_for_connect(text: &str) -> Result<Endpoint, EndpointError> {
        let endpoint: Endpoint = text.parse()?;
        if endpoint.is_wildcard() {
            return Err(error(text, EndpointFault::WildcardConnect));
        }
        Ok(endpoint)
    }

    /// Checks the `host:port` of a proxy, perhaps with a source in front.
    pub(crate) fn parse_proxy(address: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::parse_for_connect(&format!("tcp://{address}"))
    }

    /// The same destination, left for from where `other` is left for, if that says.
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

    /// The text, as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parsed form.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether this is an endpoint of TCP.
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

    /// Whether binding has something left to choose: interface, port or path.
    pub(crate) fn is_wildcard(&self) -> bool {
        match &self.address {
            Address::Tcp { host, port, .. } => *host == Host::Any || *port == 0,
            Address::Ipc(address) => *address == IpcAddress::Wildcard,
            Address::Inproc { .. } => false,
        }
    }

    /// The endpoint of a TCP address, as a resolved wildcard has it.
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

    /// Accepts what [`parse_for_bind`](Endpoint::parse_for_bind) or
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

// By the text, as equality is: `Borrow<str>` asks for the same hash.
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

fn parse(text: &str) -> Result<Address, EndpointFault> {
    let (scheme, address) = text.split_once("://").ok_or(EndpointFault::NoScheme)?;
    let parse_address = match scheme {
        "" => return Err(EndpointFault::NoScheme),
        "tcp" => parse_tcp,
        "ipc" => parse_ipc,
        "inproc" => parse_inproc,
        _ => return Err(EndpointFault::UnknownScheme),
    };
    if address.is_empty() {
        return Err(EndpointFault::EmptyAddress);
    }
    if address.contains('\0') {
        return Err(EndpointFault::NulByte);
    }
    parse_address(address)
}

fn parse_tcp(address: &str) -> Result<Address, EndpointFault> {
    let (source, destination) = match address.split_once(';') {
        Some((source, destination)) => (Some(parse_host_and_port(source)?), destination),
        None => (None, address),
    };
    let (host, port) = parse_host_and_port(destination)?;
    Ok(Address::Tcp { source, host, port })
}

fn parse_host_and_port(text: &str) -> Result<(Host, u16), EndpointFault> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (inside, behind) = bracketed.split_once(']').ok_or(EndpointFault::BadIpv6)?;
        let host = parse_ipv6(inside)?;
        if behind.is_empty() {
            return Err(EndpointFault::NoPort);
        }
        let port = behind.strip_prefix(':').ok_or(EndpointFault::BadIpv6)?;
        return Ok((host, parse_port(port)?));
    }
    let (host, port) = text.rsplit_once(':').ok_or(EndpointFault::NoPort)?;
    Ok((parse_host(host)?, parse_port(port)?))
}

/// Digits only: `u16::from_str` would let `+5` pass.
fn parse_port(port: &str) -> Result<u16, EndpointFault> {
    const MAX_DIGITS: usize = 5;
    if port.is_empty() {
        return Err(EndpointFault::NoPort);
    }
    if port == "*" {
        return Ok(0);
    }
    if port.len() > MAX_DIGITS || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointFault::BadPort);
    }
    port.parse().map_err(|_| EndpointFault::BadPort)
}

fn parse_ipv6(inside: &str) -> Result<Host, EndpointFault> {
    let (ip, zone) = match inside.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (inside, None),
    };
    let ip = ip.parse().map_err(|_| EndpointFault::BadIpv6)?;
    if !zone.is_none_or(is_zone) {
        return Err(EndpointFault::BadIpv6);
    }
    Ok(Host::V6(ip, zone.map(str::to_owned)))
}

fn is_zone(zone: &str) -> bool {
    (1..=MAX_ZONE_BYTES).contains(&zone.len()) && zone.bytes().all(is_name_byte)
}

fn parse_host(host: &str) -> Result<Host, EndpointFault> {
    if host == "*" {
        return Ok(Host::Any);
    }
    if let Ok(host) = parse_ipv6(host) {
        return Ok(host);
    }
    if let Ok(ip) = host.parse() {
        return Ok(Host::V4(ip));
    }
    if is_host_name(host) {
        return Ok(Host::Name(host.to_owned()));
    }
    Err(EndpointFault::BadHost)
}

/// Names of hosts and of interfaces (`eth0.100`). Nothing but numbers and dots is an IPv4 address
/// gone wrong: no lookup would ever make it right.
fn is_host_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    host.len() <= MAX_HOST_BYTES
        && !host.starts_with('-')
        && labels.bytes().all(is_name_byte)
        && labels
            .split('.')
            .all(|label| (1..=MAX_LABEL_BYTES).contains(&label.len()))
        && !labels
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn parse_ipc(address: &str) -> Result<Address, EndpointFault> {
    if address == "*" {
        return Ok(Address::Ipc(IpcAddress::Wildcard));
    }
    let (name, is_abstract) = match address.strip_prefix('@') {
        Some(name) => (name, true),
        None => (address, false),
    };
    if name.is_empty() {
        return Err(EndpointFault::EmptyAddress);
    }
    if name.len() > MAX_IPC_BYTES {
        return Err(EndpointFault::NameTooLong);
    }
    Ok(Address::Ipc(if is_abstract {
        IpcAddress::Abstract(name.to_owned())
    } else {
        IpcAddress::Path(name.to_owned())
    }))
}

fn parse_inproc(address: &str) -> Result<Address, EndpointFault> {
    if address.len() > MAX_INPROC_BYTES {
        return Err(EndpointFault::NameTooLong);
    }
    Ok(Address::Inproc {
        name: address.to_owned(),
    })
}

impl Host {
    /// The address, where the text says it outright. `Any` and names have none, and neither has
    /// an IPv6 address whose zone is the name of an interface.
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
    /// Without brackets, as a resolver wants it.
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
mod tests {
    use std::collections::HashSet;

    use super::*;
    use EndpointFault::*;

    fn tcp(host: Host, port: u16) -> Address {
        Address::Tcp {
            source: None,
            host,
            port,
        }
    }

    fn v4(text: &str) -> Host {
        Host::V4(text.parse().unwrap())
    }

    fn v6(text: &str, zone: Option<&str>) -> Host {
        Host::V6(text.parse().unwrap(), zone.map(str::to_owned))
    }

    fn name(text: &str) -> Host {
        Host::Name(text.into())
    }

    fn path(text: &str) -> Address {
        Address::Ipc(IpcAddress::Path(text.into()))
    }

    fn inproc(text: &str) -> Address {
        Address::Inproc { name: text.into() }
    }

    #[test]
    fn good_for_both() {
        let path_107 = "p".repeat(107);
        let host_253 = format!("{0}.{0}.{0}.{1}", "h".repeat(63), "h".repeat(61));
        let inproc_4096 = "n".repeat(4096);
        let good: &[(&str, Address)] = &[
            ("tcp://127.0.0.1:5555", tcp(v4("127.0.0.1"), 5555)),
            ("tcp://127.0.0.1:65535", tcp(v4("127.0.0.1"), 65535)),
            ("tcp://127.0.0.1:00080", tcp(v4("127.0.0.1"), 80)),
            ("tcp://[::1]:1", tcp(v6("::1", None), 1)),
            ("tcp://::1:5555", tcp(v6("::1", None), 5555)),
            ("tcp://:::1", tcp(v6("::", None), 1)),
            (
                "tcp://2001:db8:0:0:0:0:0:7:80",
                tcp(v6("2001:db8::7", None), 80),
            ),
            (
                "tcp://::ffff:192.0.2.7:80",
                tcp(v6("::ffff:192.0.2.7", None), 80),
            ),
            (
                "tcp://fe80::1%eth0:5555",
                tcp(v6("fe80::1", Some("eth0")), 5555),
            ),
            (
                "tcp://[fe80::1%eth0.100]:80",
                tcp(v6("fe80::1", Some("eth0.100")), 80),
            ),
            ("tcp://[fe80::1%2]:80", tcp(v6("fe80::1", Some("2")), 80)),
            ("tcp://localhost:5555", tcp(name("localhost"), 5555)),
            ("tcp://eth0:5555", tcp(name("eth0"), 5555)),
            ("tcp://eth0.100:5555", tcp(name("eth0.100"), 5555)),
            ("tcp://example.org.:5555", tcp(name("example.org."), 5555)),
            ("tcp://my_host-1:5555", tcp(name("my_host-1"), 5555)),
            (&format!("tcp://{host_253}:1"), tcp(name(&host_253), 1)),
            ("ipc:///tmp/feed", path("/tmp/feed")),
            ("ipc://feed", path("feed")),
            ("ipc://*feed", path("*feed")),
            ("ipc://päth mit Leerzeichen", path("päth mit Leerzeichen")),
            (&format!("ipc://{path_107}"), path(&path_107)),
            (
                "ipc://@feed",
                Address::Ipc(IpcAddress::Abstract("feed".into())),
            ),
            (
                "ipc://@@:/",
                Address::Ipc(IpcAddress::Abstract("@:/".into())),
            ),
            (
                &format!("ipc://@{path_107}"),
                Address::Ipc(IpcAddress::Abstract(path_107.clone())),
            ),
            ("inproc://a", inproc("a")),
            ("inproc://*", inproc("*")),
            ("inproc://tcp://x", inproc("tcp://x")),
            (&format!("inproc://{inproc_4096}"), inproc(&inproc_4096)),
        ];
        for (text, address) in good {
            for parsed in [
                Endpoint::parse_for_bind(text),
                Endpoint::parse_for_connect(text),
                text.parse(),
            ] {
                let parsed = parsed.unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(parsed.address(), address, "{text}");
                assert_eq!(parsed.to_string(), *text);
                assert_eq!(parsed.as_ref() as &str, *text);
                assert!(!parsed.is_wildcard(), "{text}");
            }
        }
    }

    #[test]
    fn wildcards_are_for_binding() {
        let good = [
            ("tcp://*:5555", tcp(Host::Any, 5555)),
            ("tcp://*:*", tcp(Host::Any, 0)),
            ("tcp://*:0", tcp(Host::Any, 0)),
            ("tcp://127.0.0.1:*", tcp(v4("127.0.0.1"), 0)),
            ("tcp://127.0.0.1:0", tcp(v4("127.0.0.1"), 0)),
            ("tcp://[::1]:*", tcp(v6("::1", None), 0)),
            ("tcp://::1:*", tcp(v6("::1", None), 0)),
            ("tcp://localhost:00", tcp(name("localhost"), 0)),
            ("ipc://*", Address::Ipc(IpcAddress::Wildcard)),
        ];
        for (text, address) in good {
            let parsed = Endpoint::parse_for_bind(text).unwrap();
            assert_eq!(*parsed.address(), address, "{text}");
            assert!(parsed.is_wildcard(), "{text}");
            let error = Endpoint::parse_for_connect(text).unwrap_err();
            assert_eq!(error.reason, WildcardConnect, "{text}");
            assert_eq!(error.endpoint, text);
            assert!(text.parse::<Endpoint>().is_ok());
        }
    }

    #[test]
    fn sources_are_for_connecting() {
        let good = [
            ("tcp://10.0.0.1:0;a.b:80", (v4("10.0.0.1"), 0)),
            ("tcp://10.0.0.1:*;a.b:80", (v4("10.0.0.1"), 0)),
            ("tcp://10.0.0.1:99;a.b:80", (v4("10.0.0.1"), 99)),
            ("tcp://[::1]:99;a.b:80", (v6("::1", None), 99)),
            ("tcp://*:99;a.b:80", (Host::Any, 99)),
            ("tcp://::1:99;a.b:80", (v6("::1", None), 99)),
            ("tcp://eth0.100:*;a.b:80", (name("eth0.100"), 0)),
            ("tcp://my.host:99;a.b:80", (name("my.host"), 99)),
        ];
        for (text, expected) in good {
            let parsed = Endpoint::parse_for_connect(text).unwrap();
            let Address::Tcp { source, host, port } = parsed.address() else {
                panic!("{text} is tcp");
            };
            assert_eq!(source.as_ref(), Some(&expected), "{text}");
            assert_eq!((host, *port), (&name("a.b"), 80));
            let error = Endpoint::parse_for_bind(text).unwrap_err();
            assert_eq!(error.reason, SourceOnBind, "{text}");
        }
        for (text, reason) in [
            ("tcp://;a.b:80", NoPort),
            ("tcp://10.0.0.1;a.b:80", NoPort),
            ("tcp://:1;a.b:80", BadHost),
            ("tcp://eth0;a.b:80", NoPort),
            ("tcp://et h0:0;a.b:80", BadHost),
            ("tcp://10.0.0.1:0;", NoPort),
            ("tcp://10.0.0.1:0;*:80", WildcardConnect),
            ("tcp://10.0.0.1:0;a.b:0", WildcardConnect),
            ("tcp://1.1.1.1:0;1.1.1.1:0;a.b:80", BadHost),
        ] {
            let error = Endpoint::parse_for_connect(text).unwrap_err();
            assert_eq!(error.reason, reason, "{text}");
        }
    }

    #[test]
    fn bad_for_both() {
        let host_256 = format!("tcp://{}:1", ["h".repeat(63), "h".repeat(64)].join("."));
        let many_labels = format!("tcp://{}a:1", "a.".repeat(128));
        let bad: &[(&str, EndpointFault)] = &[
            ("", NoScheme),
            ("localhost:5555", NoScheme),
            ("tcp:", NoScheme),
            ("tcp:/127.0.0.1:1", NoScheme),
            ("://127.0.0.1:1", NoScheme),
            ("TCP://127.0.0.1:1", UnknownScheme),
            (" tcp://127.0.0.1:1", UnknownScheme),
            ("tcp\0://127.0.0.1:1", UnknownScheme),
            ("pgm://eth0;224.0.0.1:5555", UnknownScheme),
            ("udp://127.0.0.1:1", UnknownScheme),
            ("ws://127.0.0.1:1", UnknownScheme),
            ("http://", UnknownScheme),
            ("tcp://", EmptyAddress),
            ("ipc://", EmptyAddress),
            ("ipc://@", EmptyAddress),
            ("inproc://", EmptyAddress),
            ("tcp://127.0.0.1", NoPort),
            ("tcp://127.0.0.1:", NoPort),
            ("tcp://*", NoPort),
            ("tcp://[::1]", NoPort),
            ("tcp://[::1]:", NoPort),
            ("tcp://127.0.0.1:65536", BadPort),
            ("tcp://127.0.0.1:000080", BadPort),
            ("tcp://127.0.0.1:99999999999999999999", BadPort),
            ("tcp://127.0.0.1:+5", BadPort),
            ("tcp://127.0.0.1:-5", BadPort),
            ("tcp://127.0.0.1: 5", BadPort),
            ("tcp://127.0.0.1:5 ", BadPort),
            ("tcp://127.0.0.1:5/", BadPort),
            ("tcp://127.0.0.1:http", BadPort),
            ("tcp://127.0.0.1:**", BadPort),
            ("tcp://127.0.0.1:٣", BadPort),
            ("tcp://:5555", BadHost),
            ("tcp://.:5555", BadHost),
            ("tcp://a..b:5555", BadHost),
            ("tcp://.a:5555", BadHost),
            ("tcp://-a:5555", BadHost),
            ("tcp://in valid:5555", BadHost),
            ("tcp:// localhost:5555", BadHost),
            ("tcp://localhost :5555", BadHost),
            ("tcp://a/b:5555", BadHost),
            ("tcp://user@host:5555", BadHost),
            ("tcp://münchen.de:5555", BadHost),
            ("tcp://**:5555", BadHost),
            ("tcp://256.0.0.1:5555", BadHost),
            ("tcp://127.1:5555", BadHost),
            ("tcp://127.0.0.01:5555", BadHost),
            ("tcp://1:5555", BadHost),
            (&host_256, BadHost),
            (&many_labels, BadHost),
            ("tcp://::1", BadHost),
            ("tcp://1:2:3:4:5:6:7:8", BadHost),
            ("tcp://::1:", NoPort),
            ("tcp://::1:65536", BadPort),
            ("tcp://fe80::1%:5555", BadHost),
            ("tcp://a:b:5555", BadHost),
            ("tcp://localhost:5555:5555", BadHost),
            ("tcp://[::1:5555", BadIpv6),
            ("tcp://[]:5555", BadIpv6),
            ("tcp://[::1]5555", BadIpv6),
            ("tcp://[::1]]:5555", BadIpv6),
            ("tcp://[127.0.0.1]:5555", BadIpv6),
            ("tcp://[*]:5555", BadIpv6),
            ("tcp://[::g]:5555", BadIpv6),
            ("tcp://[fe80::1%]:5555", BadIpv6),
            ("tcp://[fe80::1%a b]:5555", BadIpv6),
            ("tcp://[fe80::1%a%b]:5555", BadIpv6),
            ("tcp://[fe80::1%abcdefghijklmnop]:5555", BadIpv6),
            ("tcp://local\0host:5555", NulByte),
            ("ipc:///tmp/a\0b", NulByte),
            ("ipc://@\0", NulByte),
            ("inproc://a\0", NulByte),
            (&format!("ipc://{}", "p".repeat(108)), NameTooLong),
            (&format!("ipc://@{}", "p".repeat(108)), NameTooLong),
            (&format!("ipc://{}", "ü".repeat(54)), NameTooLong),
            (&format!("inproc://{}", "p".repeat(4097)), NameTooLong),
        ];
        for (text, reason) in bad {
            for parsed in [
                Endpoint::parse_for_bind(text),
                Endpoint::parse_for_connect(text),
                text.parse(),
            ] {
                let error = parsed.expect_err(text);
                assert_eq!(error.reason, *reason, "{text:?}");
            }
        }
    }

    #[test]
    fn an_error_repeats_at_most_256_characters() {
        let text = format!("ipc://{}", "ü".repeat(1_000_000));
        let error = Endpoint::parse_for_bind(&text).unwrap_err();
        assert_eq!(error.endpoint.chars().count(), 256);
        assert!(text.starts_with(&error.endpoint));
    }

    #[test]
    fn resolved_addresses_read_back() {
        for text in [
            "tcp://0.0.0.0:49152",
            "tcp://[::1]:49152",
            "tcp://[fe80::1%2]:49152",
        ] {
            let parsed = Endpoint::parse_for_connect(text).unwrap();
            let Address::Tcp { host, port, .. } = parsed.address() else {
                panic!("{text} is tcp");
            };
            let again = Endpoint::from_tcp(host.socket_addr(*port).unwrap());
            assert_eq!(again, parsed);
            assert_eq!(again.address(), parsed.address());
        }
    }

    #[test]
    fn equal_and_hashed_by_text() {
        let one: Endpoint = "tcp://127.0.0.1:80".parse().unwrap();
        let set = HashSet::from([one.clone()]);
        assert!(set.contains("tcp://127.0.0.1:80"));
        assert!(!set.contains("tcp://127.0.0.1:080"));
        assert_ne!(one, "tcp://127.0.0.1:080".parse().unwrap());
        assert_eq!(format!("{one:?}"), "Endpoint(\"tcp://127.0.0.1:80\")");
        assert_eq!(format!("{one:>20}"), "  tcp://127.0.0.1:80");
    }

    /// Any text gives an endpoint that reads back, or an error: never a panic.
    #[test]
    fn random_texts_never_panic() {
        const PIECES: [&str; 28] = [
            "tcp",
            "ipc",
            "inproc",
            "://",
            "://",
            ":",
            "/",
            "[",
            "]",
            "%",
            "@",
            ";",
            "*",
            ".",
            "-",
            "+",
            " ",
            "\0",
            "0",
            "65535",
            "65536",
            "127.0.0.1",
            "::1",
            "fe80::",
            "eth0",
            "ü",
            "localhost",
            "\u{10ffff}",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as usize % below
        };
        let mut good = 0;
        for _ in 0..100_000 {
            let mut text = String::new();
            if random(2) == 0 {
                text.push_str(["tcp://", "ipc://", "inproc://"][random(3)]);
            }
            for _ in 0..random(8) {
                text.push_str(PIECES[random(PIECES.len())]);
            }
            for parsed in [
                text.parse(),
                Endpoint::parse_for_bind(&text),
                Endpoint::parse_for_connect(&text),
            ] {
                match parsed {
                    Ok(endpoint) => {
                        good += 1;
                        assert_eq!(endpoint.as_str(), text);
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
        assert!(good > 1000, "only {good} of the random texts were good");
    }
}
