//! Which peers a listener accepts (`ZMQ_TCP_ACCEPT_FILTER`, `ZMQ_IPC_FILTER_PID`, `_UID`, `_GID`).

use std::net::{IpAddr, Ipv6Addr};

use zmq_channels::options::{Options, PeerAddress};

use crate::errno::{Outcome, EINVAL};
use crate::value;

/// A peer is accepted if one of the filters of its transport matches, or if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    networks: Vec<(IpAddr, u8)>,
    pids: Vec<i32>,
    uids: Vec<i32>,
    gids: Vec<i32>,
}

/// Which credential of a process a filter is for.
pub(super) enum Credential {
    Pid,
    Uid,
    Gid,
}

impl Filters {
    /// Adds a network, `address` or `address/bits`; a null pointer removes all of them.
    pub(super) fn add_network(&mut self, bytes: Option<&[u8]>) -> Outcome {
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            self.networks.clear();
            return Ok(());
        };
        let text = value::text(bytes, 1..=255)?;
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| EINVAL)?)),
            None => (&text[..], None),
        };
        let address: IpAddr = address.parse().map_err(|_| EINVAL)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(EINVAL);
        }
        self.networks.push((address, bits));
        Ok(())
    }

    /// Adds an id; a null pointer removes all of that kind.
    pub(super) fn add_id(&mut self, bytes: Option<&[u8]>, which: Credential) -> Outcome {
        let ids = match which {
            Credential::Pid => &mut self.pids,
            Credential::Uid => &mut self.uids,
            Credential::Gid => &mut self.gids,
        };
        match bytes.filter(|bytes| !bytes.is_empty()) {
            None => ids.clear(),
            Some(bytes) => ids.push(value::int(bytes)?),
        }
        Ok(())
    }

    pub(super) fn apply(&self, options: Options) -> Options {
        match *self == Filters::default() {
            true => options.without_accept_filter(),
            false => {
                let filters = self.clone();
                options.accept_filter(move |peer| filters.accept(peer))
            }
        }
    }

    fn accept(&self, peer: &PeerAddress) -> bool {
        match *peer {
            PeerAddress::Tcp(address) => {
                let is_in = |&(network, bits)| contains(network, bits, address.ip());
                self.networks.is_empty() || self.networks.iter().any(is_in)
            }
            PeerAddress::Ipc { pid, uid, gid } => {
                let is_in = |ids: &[i32], id: Option<i64>| {
                    ids.iter().any(|known| Some(i64::from(*known)) == id)
                };
                let all = [&self.pids, &self.uids, &self.gids];
                all.iter().all(|ids| ids.is_empty())
                    || is_in(&self.pids, pid.map(i64::from))
                    || is_in(&self.uids, uid.map(i64::from))
                    || is_in(&self.gids, gid.map(i64::from))
            }
            _ => false,
        }
    }
}

/// Whether the first `bits` of both addresses are the same; IPv4 addresses may be mapped.
fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let bits = match network {
        IpAddr::V4(_) => u32::from(bits) + 96,
        IpAddr::V6(_) => u32::from(bits),
    };
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    };
    let differs = number(network) ^ number(address);
    differs.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_match_by_their_first_bits() {
        let mut filters = Filters::default();
        let tcp = |text: &str| PeerAddress::Tcp(text.parse().unwrap());
        assert!(filters.accept(&tcp("127.0.0.1:1")));
        filters.add_network(Some(b"10.1.0.0/16\0")).unwrap();
        filters.add_network(Some(b"::1")).unwrap();
        assert!(filters.accept(&tcp("10.1.2.3:1")) && filters.accept(&tcp("[::1]:1")));
        assert!(filters.accept(&tcp("[::ffff:10.1.2.3]:1")));
        assert!(!filters.accept(&tcp("10.2.2.3:1")) && !filters.accept(&tcp("[::2]:1")));
        assert_eq!(filters.add_network(Some(b"10.1.0.0/33")), Err(EINVAL));
        assert_eq!(filters.add_network(Some(b"host")), Err(EINVAL));
        filters.add_network(None).unwrap();
        assert!(filters.accept(&tcp("10.2.2.3:1")));
    }

    #[test]
    fn a_process_is_accepted_by_any_of_its_ids() {
        let mut filters = Filters::default();
        let peer = |pid, uid| PeerAddress::Ipc {
            pid: Some(pid),
            uid: Some(uid),
            gid: None,
        };
        filters
            .add_id(Some(&1_i32.to_ne_bytes()), Credential::Pid)
            .unwrap();
        filters
            .add_id(Some(&2_i32.to_ne_bytes()), Credential::Uid)
            .unwrap();
        assert!(filters.accept(&peer(1, 9)) && filters.accept(&peer(9, 2)));
        assert!(!filters.accept(&peer(9, 9)));
    }
}
