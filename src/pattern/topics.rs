//! Who asked for this? The prefixes peers have subscribed to.

use slab::Slab;

use crate::message::Frame;

use super::peers::PeerMap;
use super::tree::{shrink, NodeId, Tree, Value};
use super::{PeerId, Violation};

/// Prefixes one peer may hold. The largest known users follow some ten thousand instruments or
/// sensors each; a hostile one gets about 64 MiB out of this and no more.
pub(super) const PREFIXES_PER_PEER: usize = 1 << 18;

/// Bytes all prefixes of one peer may have together: 64 for each, or few very long ones.
pub(super) const PREFIX_BYTES_PER_PEER: usize = 64 * PREFIXES_PER_PEER;

/// A set of prefixes per peer: one CANCEL takes back any number of SUBSCRIBEs, because that is
/// how subscribers count (they cancel when no subscriber on their side is left).
#[derive(Default)]
pub(super) struct Topics {
    tree: Tree<Holders>,
    /// Where in `members` a peer is that holds anything.
    peers: PeerMap<u32>,
    members: Slab<Member>,
    /// Prefixes that any peer holds.
    distinct: usize,
    /// Counts publications, so that a mark left by an earlier one means nothing.
    epoch: u64,
}

/// What came of taking a prefix back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// The peer did not hold it.
    NotHeld,
    /// Others still hold it.
    Shared,
    /// The peer was the last to hold it.
    Last,
}

/// Who holds a prefix, by member.
#[derive(Default)]
struct Holders(Vec<Holder>);

struct Holder {
    member: u32,
    /// Where in the member's list this prefix is.
    at: u32,
}

/// A peer that holds prefixes.
struct Member {
    peer: PeerId,
    /// The last publication this peer was found for.
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
    /// Adds a prefix to a peer's set. Says whether the peer is the first to hold it.
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

    /// Takes a prefix out of a peer's set.
    pub(super) fn remove(&mut self, prefix: &[u8], peer: PeerId) -> Removal {
        let (Some(&member), Some(node)) = (self.peers.get(&peer), self.tree.find(prefix)) else {
            return Removal::NotHeld;
        };
        let Some(at) = self.release(node, member) else {
            return Removal::NotHeld;
        };
        // The last prefix of the list moves into the gap, and its holder must know.
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

    /// Forgets a peer; calls back with each prefix it held, and whether it was the last to.
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

    /// Distinct prefixes.
    pub(super) fn len(&self) -> usize {
        self.distinct
    }

    /// Peers that hold any prefix.
    pub(super) fn holders(&self) -> usize {
        self.members.len()
    }

    /// Calls back once with each peer that holds a prefix of `topic`.
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
            // Often all there are subscribe to everything: then the root is all to look at.
            missing > 0
        });
    }

    /// Calls back with each peer that holds exactly `name`.
    pub(super) fn for_each_holder(&mut self, name: &[u8], mut found: impl FnMut(PeerId)) {
        if let Some(node) = self.tree.find(name) {
            for holder in &self.tree.value(node).0 {
                found(self.members[holder.member as usize].peer);
            }
        }
    }

    /// The member for a peer that asks for `prefix`; `None` if it holds that already.
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
        // Slots of peers are 32 bits wide, so their number is.
        let member = self.members.insert(entry) as u32;
        self.peers.insert(peer, member);
        Ok(Some(member))
    }

    /// Takes a member out of the holders of a node; says where in its list the node was.
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
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::tests::Random;
    use super::*;

    /// The same as [`Topics`], as plain as can be.
    #[derive(Default)]
    struct Model(BTreeMap<u32, BTreeSet<Vec<u8>>>);

    impl Model {
        fn is_held(&self, prefix: &[u8]) -> bool {
            self.0.values().any(|prefixes| prefixes.contains(prefix))
        }

        fn holders(&self, name: &[u8]) -> Vec<u32> {
            let peers = self.0.iter().filter(|(_, held)| held.contains(name));
            peers.map(|(&peer, _)| peer).collect()
        }

        fn matches(&self, topic: &[u8]) -> Vec<u32> {
            let wants = |prefixes: &BTreeSet<Vec<u8>>| {
                prefixes.iter().any(|prefix| topic.starts_with(prefix))
            };
            let peers = self.0.iter().filter(|(_, prefixes)| wants(prefixes));
            peers.map(|(&peer, _)| peer).collect()
        }
    }

    fn matches(topics: &mut Topics, topic: &[u8]) -> Vec<u32> {
        let mut peers = Vec::new();
        topics.for_each_match(topic, |peer| peers.push(peer.0));
        let found = peers.len();
        peers.sort_unstable();
        peers.dedup();
        assert_eq!(peers.len(), found, "each peer once");
        peers
    }

    /// Few bytes, so that prefixes share, split and repeat.
    fn bytes(random: &mut Random, longest: usize) -> Vec<u8> {
        let len = random.below(longest + 1);
        (0..len).map(|_| [0, b'a', 255][random.below(3)]).collect()
    }

    fn check_against_model(seed: u64, operations: usize) {
        let mut random = Random(seed);
        let (mut topics, mut model) = (Topics::default(), Model::default());
        for step in 0..operations {
            let peer = random.below(12) as u32;
            let prefix = bytes(&mut random, 7);
            let context = format!("seed {seed}, step {step}, peer {peer}");
            match random.below(100) {
                0..=39 => {
                    let first = !model.is_held(&prefix);
                    assert_eq!(topics.insert(&prefix, PeerId(peer)), Ok(first), "{context}");
                    model.0.entry(peer).or_default().insert(prefix);
                }
                40..=68 => {
                    let held = model.0.entry(peer).or_default().remove(&prefix);
                    let removal = match (held, model.is_held(&prefix)) {
                        (false, _) => Removal::NotHeld,
                        (true, true) => Removal::Shared,
                        (true, false) => Removal::Last,
                    };
                    assert_eq!(topics.remove(&prefix, PeerId(peer)), removal, "{context}");
                }
                69 => {
                    let held = model.0.remove(&peer).unwrap_or_default();
                    let mut lost = BTreeSet::new();
                    topics.remove_peer(PeerId(peer), |prefix, last| {
                        assert!(lost.insert((prefix.to_vec(), last)), "{context}");
                    });
                    let expected = held.into_iter().map(|prefix| {
                        let last = !model.is_held(&prefix);
                        (prefix, last)
                    });
                    assert_eq!(lost, expected.collect(), "{context}");
                }
                _ => {
                    let topic = bytes(&mut random, 9);
                    let mut holders = Vec::new();
                    topics.for_each_holder(&topic, |peer| holders.push(peer.0));
                    holders.sort_unstable();
                    assert_eq!(holders, model.holders(&topic), "{context}, topic {topic:?}");
                    let found = matches(&mut topics, &topic);
                    assert_eq!(found, model.matches(&topic), "{context}, topic {topic:?}");
                }
            }
            if step % 100 == 0 {
                let distinct: BTreeSet<_> = model.0.values().flatten().collect();
                assert_eq!(topics.len(), distinct.len(), "{context}");
                assert!(topics.tree.nodes() <= 2 * distinct.len() + 1, "{context}");
            }
        }
        for peer in 0..12 {
            topics.remove_peer(PeerId(peer), |_, _| {});
        }
        assert_eq!(topics.tree.nodes(), 1);
        assert!(topics.members.is_empty() && topics.peers.is_empty());
    }

    #[test]
    fn behaves_like_the_model() {
        for seed in 1..=5 {
            check_against_model(seed, 10_000);
        }
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
