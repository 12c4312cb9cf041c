//! From endpoints to addresses: which can be connected to directly, and which have names to look up
//! first.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use super::{bind_error, inproc_has_no_bytes, interfaces, invalid, Target};
use crate::endpoint::{Address, Endpoint, Host};
use crate::error::BindError;

/// Whether an endpoint needs the resolver before it can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Ready(Target),
    /// Call [`lookup`] with these, on a thread that may block, again at each attempt.
    Lookup {
        host: Host,
        port: u16,
        source: Option<(Host, u16)>,
    },
}

/// Returns the endpoint for [`bind`](super::bind), with the name of an interface or of a host
/// looked up, which may take as long as the system's resolver does. With several addresses the
/// first one is bound.
pub(crate) fn settle(endpoint: &Endpoint, ipv6: bool) -> Result<Endpoint, BindError> {
    let Address::Tcp { host, port, .. } = endpoint.address() else {
        return Ok(endpoint.clone());
    };
    if !is_looked_up(host) {
        return Ok(endpoint.clone());
    }
    let addresses = match of_interface(host, *port) {
        Some(addresses) => of_families(addresses, ipv6, host),
        None => resolve(host, *port, ipv6),
    };
    let addresses = addresses.map_err(|source| bind_error(endpoint, source))?;
    let address = addresses.first().copied().map(Endpoint::from_tcp);
    // `resolve` never returns an empty list, but an error costs less than the proof.
    address.ok_or_else(|| bind_error(endpoint, io::ErrorKind::AddrNotAvailable.into()))
}

/// The addresses of the interface of that name. It takes precedence over a host of the same name,
/// as in libzmq. If interfaces cannot be listed, the resolver is used.
fn of_interface(host: &Host, port: u16) -> Option<Vec<SocketAddr>> {
    match host {
        Host::Name(name) => interfaces::addresses(name, port).unwrap_or_default(),
        Host::Any | Host::V4(_) | Host::V6(..) => None,
    }
}

/// Whether [`settle`] has anything to look up.
pub(crate) fn is_unsettled(endpoint: &Endpoint) -> bool {
    matches!(endpoint.address(), Address::Tcp { host, .. } if is_looked_up(host))
}

fn is_looked_up(host: &Host) -> bool {
    *host != Host::Any && host.socket_addr(0).is_none()
}

/// What is needed to connect to this endpoint. Fails for an endpoint that can never be connected
/// to: an inproc name, a wildcard, or a source of another address family than its destination.
pub(crate) fn targets(endpoint: &Endpoint) -> io::Result<Resolution> {
    if endpoint.is_wildcard() {
        return Err(invalid("a wildcard is valid for bind only"));
    }
    match endpoint.address() {
        Address::Tcp { source, host, port } => {
            let lookup = || Resolution::Lookup {
                host: host.clone(),
                port: *port,
                source: source.clone(),
            };
            let Some(addr) = host.socket_addr(*port) else {
                return Ok(lookup());
            };
            let source = match source {
                None => None,
                Some((source_host, source_port)) => {
                    match numeric_source(source_host, *source_port, addr) {
                        None => return Ok(lookup()),
                        source => source,
                    }
                }
            };
            tcp_target(addr, source)
                .map(Resolution::Ready)
                .ok_or_else(families_differ)
        }
        Address::Ipc(address) => Ok(Resolution::Ready(Target::Ipc(address.clone()))),
        Address::Inproc { .. } => Err(inproc_has_no_bytes()),
    }
}

/// Calls the system's resolver, and may take as long as that does. IPv4 comes first, and alone
/// without `ipv6`; with a source, only destinations of the families of its addresses are returned.
pub(crate) fn lookup(
    host: &Host,
    port: u16,
    source: Option<&(Host, u16)>,
    ipv6: bool,
) -> io::Result<Vec<Target>> {
    let addresses = resolve(host, port, ipv6)?;
    let sources = match source {
        Some((host, port)) if is_looked_up(host) => match of_interface(host, *port) {
            Some(addresses) => addresses,
            None => resolve(host, *port, true)?,
        },
        Some(_) | None => Vec::new(),
    };
    let mut targets = Vec::with_capacity(addresses.len());
    for addr in addresses {
        let source = match source {
            None => None,
            Some((host, port)) => match numeric_source(host, *port, addr) {
                Some(source) => Some(source),
                None => {
                    let mut sources = sources.iter().copied();
                    match sources.find(|source| source.is_ipv4() == addr.is_ipv4()) {
                        None => continue,
                        source => source,
                    }
                }
            },
        };
        targets.extend(tcp_target(addr, source));
    }
    if targets.is_empty() {
        return Err(families_differ());
    }
    Ok(targets)
}

/// The source address for one destination, unless its name, or that of its zone, must be looked up.
fn numeric_source(host: &Host, port: u16, destination: SocketAddr) -> Option<SocketAddr> {
    match (host, destination) {
        (Host::Any, SocketAddr::V4(_)) => Some((Ipv4Addr::UNSPECIFIED, port).into()),
        (Host::Any, SocketAddr::V6(_)) => Some((Ipv6Addr::UNSPECIFIED, port).into()),
        (Host::V4(_) | Host::V6(..) | Host::Name(_), _) => host.socket_addr(port),
    }
}

fn tcp_target(addr: SocketAddr, source: Option<SocketAddr>) -> Option<Target> {
    let same_family = source.is_none_or(|source| source.is_ipv4() == addr.is_ipv4());
    same_family.then_some(Target::Tcp { addr, source })
}

/// The addresses of a host, IPv4 first, at least one; for a name without `ipv6` only those of IPv4.
/// Blocks if there is something to look up: a name, or the name of a zone.
fn resolve(host: &Host, port: u16, ipv6: bool) -> io::Result<Vec<SocketAddr>> {
    if let Some(address) = host.socket_addr(port) {
        return Ok(vec![address]);
    }
    let takes_ipv6 = ipv6 || matches!(host, Host::V6(..));
    let host = host.to_string();
    let found: Vec<SocketAddr> = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot resolve {host}: {error}")))?
        .collect();
    of_families(found, takes_ipv6, &host)
}

/// Those of the addresses that are wanted, IPv4 first, at least one.
fn of_families(
    mut addresses: Vec<SocketAddr>,
    ipv6: bool,
    of: &impl std::fmt::Display,
) -> io::Result<Vec<SocketAddr>> {
    let has_any = !addresses.is_empty();
    addresses.retain(|address| ipv6 || address.is_ipv4());
    // A stable sort: within a family the resolver's order is kept.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    if addresses.is_empty() {
        let nothing = match has_any {
            true => format!("{of} has IPv6 addresses only, and the option ipv6 is off"),
            false => format!("{of} has no address"),
        };
        return Err(io::Error::new(io::ErrorKind::NotFound, nothing));
    }
    Ok(addresses)
}

fn families_differ() -> io::Error {
    invalid("source and destination are of different address families")
}
