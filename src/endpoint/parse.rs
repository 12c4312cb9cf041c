//! Parses the text of an endpoint.

use super::{Address, Host, IpcAddress};
use crate::error::EndpointFault;

/// Maximum length of a host, that of a DNS name.
const MAX_HOST_BYTES: usize = 255;
/// Maximum length of a label of a DNS name (RFC 1035).
const MAX_LABEL_BYTES: usize = 63;
/// Maximum length of a zone: Linux's `IFNAMSIZ` without the closing NUL.
const MAX_ZONE_BYTES: usize = 15;
/// `sun_path` has 108 bytes on Linux: a path is followed by a NUL, an abstract name preceded by
/// one.
const MAX_IPC_BYTES: usize = 107;
/// Names of inproc endpoints exist only in memory; this is enough for any naming scheme.
const MAX_INPROC_BYTES: usize = 4096;

pub(super) fn parse(text: &str) -> Result<Address, EndpointFault> {
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

/// Digits only: `u16::from_str` would accept `+5`.
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

/// Names of hosts and of interfaces (`eth0.100`). Text of digits and dots only is a malformed IPv4
/// address, which no lookup would resolve.
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
