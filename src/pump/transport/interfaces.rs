//! The addresses of a network interface, by its name: asked of Linux over netlink (rtnetlink(7)).
//! Elsewhere no interface has a name.

use std::io;
use std::net::SocketAddr;

/// Every address of the interface with this name and `port`, IPv4 first and what works on one link
/// only last; none if there is no such interface.
#[cfg(not(target_os = "linux"))]
pub(super) fn addresses(_name: &str, _port: u16) -> io::Result<Option<Vec<SocketAddr>>> {
    Ok(None)
}

#[cfg(target_os = "linux")]
pub(super) use linux::addresses;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::Read;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};
    use std::time::Duration;

    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    // linux/socket.h, linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h.
    const AF_NETLINK: i32 = 16;
    const NETLINK_ROUTE: i32 = 0;
    const NLM_F_REQUEST: u16 = 0x001;
    const NLM_F_DUMP: u16 = 0x300;
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    const RTM_NEWADDR: u16 = 20;
    const RTM_GETADDR: u16 = 22;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    /// Bytes of `nlmsghdr`, `ifaddrmsg` and `rtattr`.
    const HEADER: usize = 16;
    const ADDRESS_HEADER: usize = 8;
    const ATTRIBUTE_HEADER: usize = 4;

    /// The kernel replies within the call. A limit all the same.
    const PATIENCE: Duration = Duration::from_secs(1);
    /// Datagrams of an answer, of some dozens of addresses each.
    const MAX_DATAGRAMS: usize = 1024;
    /// The kernel fills datagrams up to 32 KiB.
    const DATAGRAM: usize = 32 * 1024;

    pub(in super::super) fn addresses(
        name: &str,
        port: u16,
    ) -> io::Result<Option<Vec<SocketAddr>>> {
        let socket = Socket::new(
            Domain::from(AF_NETLINK),
            Type::RAW,
            Some(Protocol::from(NETLINK_ROUTE)),
        )?;
        let index = match rustix::net::netdevice::name_to_index(&socket, name) {
            Err(rustix::io::Errno::NODEV) => return Ok(None),
            index => index?,
        };
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.send(&question())?;
        let mut found = Vec::new();
        let mut datagram = vec![0; DATAGRAM];
        for _ in 0..MAX_DATAGRAMS {
            let bytes = (&socket).read(&mut datagram)?;
            if read_answer(&datagram[..bytes], index, &mut found)? {
                break;
            }
        }
        let is_of_link = |ip: &Ipv6Addr| ip.segments()[0] & 0xffc0 == 0xfe80;
        // A stable sort: within a kind the kernel's order stands.
        found.sort_by_key(|ip| match ip {
            IpAddr::V4(_) => 0,
            IpAddr::V6(ip) => 1 + u8::from(is_of_link(ip)),
        });
        let addresses = found.into_iter().map(|ip| match ip {
            IpAddr::V6(ip) if is_of_link(&ip) => SocketAddrV6::new(ip, port, 0, index).into(),
            ip => SocketAddr::new(ip, port),
        });
        Ok(Some(addresses.collect()))
    }

    /// For all addresses of all interfaces: older kernels know no smaller question.
    fn question() -> [u8; HEADER + ADDRESS_HEADER] {
        let mut bytes = [0; HEADER + ADDRESS_HEADER];
        bytes[..4].copy_from_slice(&((HEADER + ADDRESS_HEADER) as u32).to_ne_bytes());
        bytes[4..6].copy_from_slice(&RTM_GETADDR.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        bytes
    }

    /// Takes the addresses of one interface from a datagram; returns whether it was the last.
    fn read_answer(mut datagram: &[u8], index: u32, found: &mut Vec<IpAddr>) -> io::Result<bool> {
        while let Some((message, rest)) = split(datagram, 4) {
            datagram = rest;
            let kind = half(message, 4).ok_or_else(garbled)?;
            let body = message.get(HEADER..).ok_or_else(garbled)?;
            match kind {
                NLMSG_DONE => return Ok(true),
                NLMSG_ERROR => return Err(io::Error::other("the kernel lists no addresses")),
                RTM_NEWADDR if word(body, 4) == Some(index) => {
                    found.extend(body.get(ADDRESS_HEADER..).and_then(address));
                }
                _ => {}
            }
        }
        Ok(false)
    }

    /// Of the attributes of an address: our end, which for a line between two points is not the
    /// address as such.
    fn address(mut attributes: &[u8]) -> Option<IpAddr> {
        let (mut local, mut general) = (None, None);
        while let Some((attribute, rest)) = split(attributes, 2) {
            attributes = rest;
            let place = match half(attribute, 2)? {
                IFA_LOCAL => &mut local,
                IFA_ADDRESS => &mut general,
                _ => continue,
            };
            let bytes = attribute.get(ATTRIBUTE_HEADER..)?;
            *place = if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
                Some(IpAddr::V4(Ipv4Addr::from(bytes)))
            } else {
                let bytes = <[u8; 16]>::try_from(bytes).ok();
                bytes.map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)))
            };
        }
        local.or(general)
    }

    /// Splits off what begins with its own length, of two bytes or four, and is padded to four.
    fn split(bytes: &[u8], length_bytes: usize) -> Option<(&[u8], &[u8])> {
        let length = match length_bytes {
            2 => usize::from(half(bytes, 0)?),
            _ => word(bytes, 0)? as usize,
        };
        if length < length_bytes {
            return None;
        }
        let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        Some((bytes.get(..length)?, rest))
    }

    fn half(bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?;
        bytes.try_into().ok().map(u16::from_ne_bytes)
    }

    fn word(bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?;
        bytes.try_into().ok().map(u32::from_ne_bytes)
    }

    fn garbled() -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, "a garbled answer over netlink")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_loopback_interface() {
            let found = addresses("lo", 7).unwrap().unwrap();
            assert_eq!(found[0].to_string(), "127.0.0.1:7");
            let others = found.iter().all(|address| address.ip().is_loopback());
            assert!(others, "{found:?}");
            assert_eq!(addresses("no-such-if", 7).unwrap(), None);
        }

        /// Whatever the kernel might say: no panic, and never an endless loop.
        #[test]
        fn malformed_netlink_replies_cut_at_every_byte() {
            let mut message = Vec::new();
            message.extend(44_u32.to_ne_bytes());
            message.extend(RTM_NEWADDR.to_ne_bytes());
            message.extend([0; 10]);
            message.extend([2, 8, 0, 0]);
            message.extend(3_u32.to_ne_bytes());
            for (kind, ip) in [(IFA_ADDRESS, [10, 0, 0, 1]), (IFA_LOCAL, [10, 0, 0, 2])] {
                message.extend(8_u16.to_ne_bytes());
                message.extend(kind.to_ne_bytes());
                message.extend(ip);
            }
            message.extend([0; 4]);
            let mut found = Vec::new();
            assert!(!read_answer(&message, 3, &mut found).unwrap());
            assert_eq!(found, [IpAddr::from([10, 0, 0, 2])]);
            assert!(!read_answer(&message, 4, &mut found).unwrap());
            assert_eq!(found.len(), 1);
            for cut in 0..message.len() {
                let _ = read_answer(&message[..cut], 3, &mut Vec::new());
            }
            for at in 0..message.len() {
                for byte in [0, 1, 2, 3, 5, 255] {
                    let mut garbled = message.clone();
                    garbled[at] = byte;
                    let _ = read_answer(&garbled, 3, &mut Vec::new());
                }
            }
        }
    }
}
