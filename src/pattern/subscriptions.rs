//! The user's subscriptions and the publishers that are told of them: the subscriber's side.

use crate::message::Frame;

use super::tree::{Tree, Value};
use super::{Outlet, PeerId, Upstream};

/// Prefixes with the number of the user's subscriptions to each, and the publishers.
#[derive(Default)]
pub(super) struct Subscriptions {
    prefixes: Tree<Count>,
    /// Prefixes that the user subscribed to at least once.
    distinct: usize,
    publishers: Vec<PeerId>,
}

/// The number of the user's subscriptions to a prefix.
#[derive(Default)]
struct Count(u64);

impl Value for Count {
    fn is_vacant(&self) -> bool {
        self.0 == 0
    }
}

impl Subscriptions {
    /// Each prefix is sent once to a new publisher, or to one that reconnected.
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

    /// Each call is sent upstream, as in libzmq.
    pub(super) fn subscribe(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        let node = self.prefixes.entry(prefix);
        let count = self.prefixes.value(node);
        self.distinct += usize::from(count.is_vacant());
        count.0 += 1;
        for &peer in &self.publishers {
            outlet.command(peer, Upstream::Subscribe(prefix.clone()));
        }
    }

    /// Publishers keep a set, so only the last call is sent upstream.
    pub(super) fn unsubscribe(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        if self.take_back(prefix) {
            self.cancel(prefix, outlet);
        }
    }

    /// Each call is sent upstream, even without a subscription.
    pub(super) fn unsubscribe_verbosely(&mut self, prefix: &Frame, outlet: &mut dyn Outlet) {
        self.take_back(prefix);
        self.cancel(prefix, outlet);
    }

    /// Removes one subscription; returns whether it was the last one to that prefix.
    fn take_back(&mut self, prefix: &Frame) -> bool {
        let Some(node) = self.prefixes.find(prefix) else {
            return false;
        };
        let count = self.prefixes.value(node);
        if count.is_vacant() {
            return false;
        }
        count.0 -= 1;
        let last = count.is_vacant();
        if last {
            self.distinct -= 1;
            self.prefixes.prune(node);
        }
        last
    }

    fn cancel(&self, prefix: &Frame, outlet: &mut dyn Outlet) {
        for &peer in &self.publishers {
            outlet.command(peer, Upstream::Cancel(prefix.clone()));
        }
    }

    /// Distinct prefixes.
    pub(super) fn len(&self) -> usize {
        self.distinct
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
