//! The subscriptions of peers.

use slab::Slab;

use crate::message::Frame;

use super::peers::PeerMap;
use super::tree::{shrink, NodeId, Tree, Value};
use super::{PeerId, Violation};

/// Maximum number of prefixes per peer. The largest known users follow some ten thousand
/// instruments or sensors each; a hostile peer can occupy about 64 MiB this way and no more.
pub(super) const PREFIXES_PER_PEER: usize = 1 << 18;

/// Maximum size in bytes of all prefixes of one peer: 64 for each, or a few very long ones.
pub(super) const PREFIX_BYTES_PER_PEER: usize = 64 * PREFIXES_PER_PEER;

/// A set of prefixes per peer: one CANCEL removes any number of SUBSCRIBEs, because that is how
/// subscribers count (they cancel when no subscriber on their side is left).
#[derive(Default)]
pub(super) struct Topics {
    tree: Tree<Holders>,
    /// The index in `members` of each peer that holds a prefix.
    peers: PeerMap<u32>,
    members: Slab<Member>,
    /// Number of prefixes that at least one peer holds.
    distinct: usize,
    /// Counts publications, so that a mark left by an earlier one is ignored.
    epoch: u64,
}

/// The result of removing a prefix.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// The peer did not hold it.
    NotHeld,
    /// Other peers still hold it.
    Shared,
    /// The peer was the last to hold it.
    Last,
}

/// The holders of a prefix, by member.
#[derive(Default)]
struct Holders(Vec<Holder>);

struct Holder {
    member: u32,
    /// The index of this prefix in the member's list.
    at: u32,
}

/// A peer that holds prefixes.
struct Member {
    peer: PeerId,
    /// The last publication that matched this peer.
    mark: u64,
    prefixes: Vec<NodeId>,
    bytes: usize,
}

impl Value for Holders {
    fn is_vacant(&self) -> bool {
        self.0.is_empty()
    }
}

impl Holders {
    fn place(&self, member: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&member, |holder| holder.member)
    }
}

impl Topics {
    /// Adds a prefix to a peer's set. Returns whether the peer is the first to hold it.
    pub(super) fn insert(&mut self, prefix: &[u8], peer: PeerId) -> Result<bool, Violation> {
        let Some(member) = self.member(prefix, peer)? else {
            return Ok(false);
        };
        let node = self.tree.entry(prefix);
        let holders = self.tree.value(node);
        let first = holders.0.is_empty();
        self.distinct += usize::from(first);
        if let Err(place) = holders.place(member) {
            let entry = &mut self.members[member as usize];
            let at = entry.prefixes.len() as u32;
            holders.0.insert(place, Holder { member, at });
            entry.prefixes.push(node);
            entry.bytes += prefix.len();
        }
        Ok(first)
    }

    /// Removes a prefix from a peer's set.
    pub(super) fn remove(&mut self, prefix: &[u8], peer: PeerId) -> Removal {
        let (Some(&member), Some(node)) = (self.peers.get(&peer), self.tree.find(prefix)) else {
            return Removal::NotHeld;
        };
        let Some(at) = self.release(node, member) else {
            return Removal::NotHeld;
        };
        // The last prefix of the list moves into the gap, so its holder is updated.
        let entry = &mut self.members[member as usize];
        entry.bytes -= prefix.len();
        entry.prefixes.swap_remove(at as usize);
        shrink(&mut entry.prefixes);
        if let Some(&moved) = entry.prefixes.get(at as usize) {
            let holders = self.tree.value(moved);
            if let Ok(place) = holders.place(member) {
                holders.0[place].at = at;
            }
        } else if entry.prefixes.is_empty() {
            self.members.remove(member as usize);
            self.peers.remove(&peer);
        }
        let last = self.tree.value(node).is_vacant();
        self.distinct -= usize::from(last);
        self.tree.prune(node);
        if last {
            Removal::Last
        } else {
            Removal::Shared
        }
    }

    /// Forgets a peer; calls `lost` with each prefix it held, and whether it was the last to hold
    /// it.
    pub(super) fn remove_peer(&mut self, peer: PeerId, mut lost: impl FnMut(&[u8], bool)) {
        let Some(member) = self.peers.remove(&peer) else {
            return;
        };
        let mut prefix = Vec::new();
        for node in self.members.remove(member as usize).prefixes {
            self.release(node, member);
            self.tree.prefix(node, &mut prefix);
            let last = self.tree.value(node).is_vacant();
            lost(&prefix, last);
            if last {
                self.distinct -= 1;
                self.tree.prune(node);
            }
        }
    }

    /// The prefixes of a peer.
    pub(super) fn held_by(&self, peer: PeerId) -> Vec<Frame> {
        let Some(&member) = self.peers.get(&peer) else {
            return Vec::new();
        };
        let mut prefix = Vec::new();
        let nodes = self.members[member as usize].prefixes.iter();
        nodes
            .map(|&node| {
                self.tree.prefix(node, &mut prefix);
                Frame::from(prefix.as_slice())
            })
            .collect()
    }

    /// Number of distinct prefixes.
    pub(super) fn len(&self) -> usize {
        self.distinct
    }

    /// Number of nodes of the tree, including its root.
    #[cfg(any(test, zmq_channels_fuzz))]
    pub(super) fn nodes(&self) -> usize {
        self.tree.nodes()
    }

    /// Number of peers that hold a prefix.
    pub(super) fn holders(&self) -> usize {
        self.members.len()
    }

    /// Calls `matched` once with each peer that holds a prefix of `topic`.
    #[inline]
    pub(super) fn for_each_match(&mut self, topic: &[u8], mut matched: impl FnMut(PeerId)) {
        self.epoch += 1;
        let (epoch, members) = (self.epoch, &mut self.members);
        let mut missing = members.len();
        self.tree.walk(topic, |holders| {
            for holder in &holders.0 {
                let member = &mut members[holder.member as usize];
                if member.mark != epoch {
                    member.mark = epoch;
                    missing -= 1;
                    matched(member.peer);
                }
            }
            // Often all peers subscribe to everything: then only the root is visited.
            missing > 0
        });
    }

    /// Calls `found` with each peer that holds exactly `name`.
    pub(super) fn for_each_holder(&mut self, name: &[u8], mut found: impl FnMut(PeerId)) {
        if let Some(node) = self.tree.find(name) {
            for holder in &self.tree.value(node).0 {
                found(self.members[holder.member as usize].peer);
            }
        }
    }

    /// The member of a peer that subscribes to `prefix`; `None` if it holds that already.
    fn member(&mut self, prefix: &[u8], peer: PeerId) -> Result<Option<u32>, Violation> {
        if let Some(&member) = self.peers.get(&peer) {
            if let Some(node) = self.tree.find(prefix) {
                if self.tree.value(node).place(member).is_ok() {
                    return Ok(None);
                }
            }
            let entry = &self.members[member as usize];
            if entry.prefixes.len() >= PREFIXES_PER_PEER
                || prefix.len() > PREFIX_BYTES_PER_PEER - entry.bytes
            {
                return Err(Violation::TooManySubscriptions);
            }
            return Ok(Some(member));
        }
        if prefix.len() > PREFIX_BYTES_PER_PEER {
            return Err(Violation::TooManySubscriptions);
        }
        let entry = Member {
            peer,
            mark: 0,
            prefixes: Vec::new(),
            bytes: 0,
        };
        // Slots of peers are 32 bits wide, so their number fits.
        let member = self.members.insert(entry) as u32;
        self.peers.insert(peer, member);
        Ok(Some(member))
    }

    /// Removes a member from the holders of a node; returns the node's index in its list.
    fn release(&mut self, node: NodeId, member: u32) -> Option<u32> {
        let holders = self.tree.value(node);
        let place = holders.place(member).ok()?;
        let holder = holders.0.remove(place);
        shrink(&mut holders.0);
        Some(holder.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Random;
    use super::*;

    fn matches(topics: &mut Topics, topic: &[u8]) -> Vec<u32> {
        let mut peers = Vec::new();
        topics.for_each_match(topic, |peer| peers.push(peer.0));
        let found = peers.len();
        peers.sort_unstable();
        peers.dedup();
        assert_eq!(peers.len(), found, "each peer once");
        peers
    }

    #[test]
    fn holders_keep_their_places_in_any_order_of_removal() {
        let prefixes: Vec<[u8; 2]> = (0..300u16).map(u16::to_be_bytes).collect();
        let mut random = Random(9);
        let mut topics = Topics::default();
        for peer in 0..3 {
            for prefix in &prefixes {
                topics.insert(prefix, PeerId(peer)).unwrap();
            }
        }
        for peer in 0..3 {
            let mut left = prefixes.clone();
            while !left.is_empty() {
                let prefix = left.swap_remove(random.below(left.len()));
                let last = topics.remove(&prefix, PeerId(peer)) == Removal::Last;
                assert_eq!(last, peer == 2);
                assert!(!matches(&mut topics, &prefix).contains(&peer));
            }
        }
        assert_eq!(topics.tree.nodes(), 1);
        assert!(topics.members.is_empty() && topics.peers.is_empty());
    }
}
