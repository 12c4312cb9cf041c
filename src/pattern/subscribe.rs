//! SUB, for the time being.
use super::*;
use std::collections::{BTreeMap, BTreeSet};
#[derive(Default)]
pub(super) struct Subscribe {
    peers: BTreeSet<PeerId>,
    topics: BTreeMap<Vec<u8>, usize>,
}
impl Pattern for Subscribe {
    fn attach(
        &mut self,
        peer: PeerId,
        _: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.peers.insert(peer);
        for topic in self.topics.keys() {
            outlet.command(peer, Upstream::Subscribe(Frame::from(topic)));
        }
        Ok(())
    }
    fn detach(&mut self, peer: PeerId, _: &mut dyn Outlet) {
        self.peers.remove(&peer);
    }
    fn deliver(
        &mut self,
        _: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        match inbound {
            Inbound::Message(m) if self.topics.keys().any(|t| m[0].starts_with(t)) => {
                deliver_untagged(m, outlet)
            }
            Inbound::Message(_) => outlet.dropped(Drop::Unmatched, 1),
            _ => {}
        }
        Ok(())
    }
    fn submit(&mut self, _: Message, _: &mut dyn Outlet) -> Verdict {
        Verdict::Dropped(Drop::ReceiveOnly)
    }
    fn subscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        *self.topics.entry(prefix.to_vec()).or_insert(0) += 1;
        for &peer in &self.peers {
            outlet.command(peer, Upstream::Subscribe(prefix.clone()));
        }
    }
    fn unsubscribe(&mut self, prefix: Frame, outlet: &mut dyn Outlet) {
        if let Some(count) = self.topics.get_mut(&prefix[..]) {
            *count -= 1;
            if *count == 0 {
                self.topics.remove(&prefix[..]);
                for &peer in &self.peers {
                    outlet.command(peer, Upstream::Cancel(prefix.clone()));
                }
            }
        }
    }
}
