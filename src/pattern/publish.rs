//! PUB, for the time being.
use super::*;
use std::collections::{BTreeMap, BTreeSet};
#[derive(Default)]
pub(super) struct Publish {
    peers: BTreeMap<PeerId, BTreeSet<Vec<u8>>>,
}
impl Pattern for Publish {
    fn attach(&mut self, peer: PeerId, _: &PeerIntro, _: &mut dyn Outlet) -> Result<(), Rejected> {
        self.peers.insert(peer, BTreeSet::new());
        Ok(())
    }
    fn detach(&mut self, peer: PeerId, _: &mut dyn Outlet) {
        self.peers.remove(&peer);
    }
    fn deliver(
        &mut self,
        peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        let Some(set) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        match inbound {
            Inbound::Subscribe(p) => {
                set.insert(p.to_vec());
            }
            Inbound::Cancel(p) => {
                set.remove(&p[..]);
            }
            other => discard(other, outlet),
        }
        Ok(())
    }
    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict {
        for (&peer, set) in &self.peers {
            if set.iter().any(|p| message[0].starts_with(p))
                && outlet.send(peer, message.clone()).is_err()
            {
                outlet.dropped(Drop::PeerFull, 1);
            }
        }
        Verdict::Sent
    }
    fn buffers_per_peer(&self) -> bool {
        true
    }
}
