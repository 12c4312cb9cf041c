//! What the user subscribed to, and who must know: the subscriber's side of publishing.

use crate::message::Frame;

use super::tree::{Tree, Value};
use super::{Outlet, PeerId, Upstream};

/// Prefixes with how often the user subscribed to each, and the publishers that are told.
#[derive(Default)]
pub(super) struct Subscriptions {
    prefixes: Tree<Count>,
    publishers: Vec<PeerId>,
}

/// How often the user subscribed to a prefix.
#[derive(Default)]
struct Count(u64);

impl Value for Count {
    fn is_vacant(&self) -> bool {
        self.0 == 0
    }
}

impl Subscriptions {
    /// A new publisher, or an old one after a reconnect, learns each prefix once.
    pub(super) fn join(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.publishers.push(peer);
        self.prefixes.for_each(|prefix, _| {
            outlet.command(peer, Upstream::Subscribe(Frame::from(prefix)));
        });
    }

    pub(super) fn leave(&mut self, peer: PeerId) {
        self.publishers.retain(|&other| other != peer);
    }

    pub(super) fn publishers(&self) -> &[PeerId] {
        &self.publishers
    }

    /// Each call goes upstream, as libzmq's do.
    pub(super) fn subscribe(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        let node = self.prefixes.entry(prefix);
        self.prefixes.value(node).0 += 1;
        for &peer in &self.publishers {
            outlet.command(peer, Upstream::Subscribe(prefix.clone()));
        }
    }

    /// Publishers keep a set, so they hear of the last call only.
    pub(super) fn unsubscribe(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        let Some(node) = self.prefixes.find(prefix) else {
            return;
        };
        let count = self.prefixes.value(node);
        if count.is_vacant() {
            return;
        }
        count.0 -= 1;
        if count.is_vacant() {
            self.prefixes.prune(node);
            for &peer in &self.publishers {
                outlet.command(peer, Upstream::Cancel(prefix.clone()));
            }
        }
    }

    /// Whether the user subscribed to any prefix of `topic`.
    pub(super) fn matches_any(&self, topic: &[u8]) -> bool {
        let mut matches = false;
        self.prefixes.walk(topic, |count| {
            matches = !count.is_vacant();
            !matches
        });
        matches
    }
}
