//! The subscriptions of peers, and of the user, against models.

use super::super::subscriptions::Subscriptions;
use super::super::topics::{Removal, Topics};
use super::*;

/// Subscribes, unsubscribes, matches, and removes peers.
pub(crate) fn subscriptions(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let _ = match input.ratio(1, 4) {
        Ok(true) => of_the_user(&mut input),
        _ => of_peers(&mut input),
    };
}

const PEERS: u32 = 6;

/// Few distinct bytes, so that prefixes share parts, split and repeat.
fn prefix(input: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = input.int_in_range(0..=7usize)?;
    let mut bits = input.arbitrary::<u16>()?;
    let mut prefix = Vec::with_capacity(length);
    for _ in 0..length {
        prefix.push([0, b'a', b'b', 255][usize::from(bits & 3)]);
        bits >>= 2;
    }
    if input.ratio(1, 16)? {
        // A byte of its own: nodes of many children.
        prefix.push(input.arbitrary()?);
    }
    if input.ratio(1, 32)? {
        prefix.resize(prefix.len() + 300, b'a');
    }
    Ok(prefix)
}

/// As simple as possible.
#[derive(Default)]
struct Model(BTreeMap<u32, BTreeSet<Vec<u8>>>);

impl Model {
    fn is_held(&self, prefix: &[u8]) -> bool {
        self.0.values().any(|prefixes| prefixes.contains(prefix))
    }

    fn peers(&self, is_one: impl Fn(&BTreeSet<Vec<u8>>) -> bool) -> Vec<u32> {
        let peers = self.0.iter().filter(|(_, prefixes)| is_one(prefixes));
        peers.map(|(&peer, _)| peer).collect()
    }

    fn holders(&self, name: &[u8]) -> Vec<u32> {
        self.peers(|prefixes| prefixes.contains(name))
    }

    fn matches(&self, topic: &[u8]) -> Vec<u32> {
        self.peers(|prefixes| prefixes.iter().any(|prefix| topic.starts_with(prefix)))
    }

    fn remove(&mut self, prefix: &[u8], peer: u32) -> Removal {
        let held = self.0.entry(peer).or_default().remove(prefix);
        match (held, self.is_held(prefix)) {
            (false, _) => Removal::NotHeld,
            (true, true) => Removal::Shared,
            (true, false) => Removal::Last,
        }
    }
}

/// Each of them once, in order.
fn sorted(mut peers: Vec<u32>) -> Vec<u32> {
    let found = peers.len();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), found, "each peer once");
    peers
}

fn of_peers(input: &mut Unstructured<'_>) -> Result<()> {
    let (mut topics, mut model) = (Topics::default(), Model::default());
    while !input.is_empty() {
        let kind = input.arbitrary::<u8>()?;
        let peer = u32::from(kind >> 4) % PEERS;
        let prefix = prefix(input)?;
        match kind & 15 {
            0..=5 => {
                let first = !model.is_held(&prefix);
                assert_eq!(topics.insert(&prefix, PeerId(peer)), Ok(first));
                model.0.entry(peer).or_default().insert(prefix);
            }
            6..=9 => {
                let expected = model.remove(&prefix, peer);
                assert_eq!(topics.remove(&prefix, PeerId(peer)), expected);
            }
            10 => remove_peer(&mut topics, &mut model, peer),
            _ => {
                let mut found = Vec::new();
                topics.for_each_holder(&prefix, |peer| found.push(peer.0));
                assert_eq!(sorted(found), model.holders(&prefix));
                let mut found = Vec::new();
                topics.for_each_match(&prefix, |peer| found.push(peer.0));
                assert_eq!(sorted(found), model.matches(&prefix));
                let held: BTreeSet<Vec<u8>> = topics
                    .held_by(PeerId(peer))
                    .iter()
                    .map(|held| held.to_vec())
                    .collect();
                assert_eq!(held, model.0.get(&peer).cloned().unwrap_or_default());
            }
        }
        let distinct: BTreeSet<_> = model.0.values().flatten().collect();
        assert_eq!(topics.len(), distinct.len());
        assert_eq!(
            topics.holders(),
            model.peers(|prefixes| !prefixes.is_empty()).len()
        );
        assert!(
            topics.nodes() <= 2 * distinct.len() + 1,
            "nodes are given back"
        );
    }
    for peer in 0..PEERS {
        remove_peer(&mut topics, &mut model, peer);
    }
    assert_eq!((topics.nodes(), topics.len(), topics.holders()), (1, 0, 0));
    Ok(())
}

fn remove_peer(topics: &mut Topics, model: &mut Model, peer: u32) {
    let held = model.0.remove(&peer).unwrap_or_default();
    let mut lost = BTreeMap::new();
    topics.remove_peer(PeerId(peer), |prefix, last| {
        assert_eq!(lost.insert(prefix.to_vec(), last), None, "told twice");
    });
    let held = held.into_iter();
    let expected: BTreeMap<_, _> = held
        .map(|prefix| {
            let last = !model.is_held(&prefix);
            (prefix, last)
        })
        .collect();
    assert_eq!(lost, expected);
}

fn of_the_user(input: &mut Unstructured<'_>) -> Result<()> {
    let mut subscriptions = Subscriptions::default();
    let mut counts = BTreeMap::<Vec<u8>, u64>::new();
    let mut publishers = BTreeSet::new();
    while !input.is_empty() {
        let kind = input.arbitrary::<u8>()?;
        let peer = PeerId(u32::from(kind >> 4) % PEERS);
        let prefix = prefix(input)?;
        let frame = Frame::from(prefix.as_slice());
        let mut outlet = Recorder::default();
        // What each publisher is told.
        let mut told = None;
        match kind & 15 {
            0..=4 => {
                subscriptions.subscribe(&frame, &mut outlet);
                *counts.entry(prefix).or_default() += 1;
                told = Some(Upstream::Subscribe(frame));
            }
            number @ 5..=8 => {
                let is_last = counts.get(&prefix) == Some(&1);
                match counts.get_mut(&prefix) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(counts.remove(&prefix)),
                }
                if number == 8 {
                    subscriptions.unsubscribe_verbosely(&frame, &mut outlet);
                } else {
                    subscriptions.unsubscribe(&frame, &mut outlet);
                }
                told = Some(Upstream::Cancel(frame)).filter(|_| is_last || number == 8);
            }
            9 | 10 if publishers.insert(peer) => {
                subscriptions.join(peer, &mut outlet);
                let commands = std::mem::take(&mut outlet.commands);
                let named: BTreeSet<Vec<u8>> = commands
                    .iter()
                    .map(|(to, command)| match command {
                        Upstream::Subscribe(prefix) if *to == peer => prefix.to_vec(),
                        other => panic!("{to:?} is told {other:?}"),
                    })
                    .collect();
                assert_eq!(named.len(), commands.len(), "each once");
                assert!(named.iter().eq(counts.keys()));
            }
            11 => {
                publishers.remove(&peer);
                subscriptions.leave(peer);
            }
            _ => {
                let matches = counts.keys().any(|held| prefix.starts_with(held));
                assert_eq!(subscriptions.matches_any(&prefix), matches);
            }
        }
        let mut told_to: Vec<PeerId> = outlet
            .commands
            .iter()
            .map(|(to, command)| {
                assert_eq!(Some(command), told.as_ref());
                *to
            })
            .collect();
        told_to.sort_unstable();
        let expected = publishers.iter().filter(|_| told.is_some());
        assert!(told_to.iter().eq(expected));
        assert_eq!(subscriptions.len(), counts.len());
    }
    Ok(())
}
