//! The routing ids of known peers: updated by the pump, checked before a message is accepted.

use std::collections::HashSet;

use crate::message::{Frame, Message};
use crate::sync::primitives::{AtomicU8, Mutex, Ordering};

/// The routing ids of the peers of a socket that addresses them.
///
/// They may be outdated by the time the message reaches its pattern: if its peer disconnects in
/// between, the message is lost and counted.
pub(crate) struct KnownPeers {
    names: Mutex<HashSet<Frame>>,
    /// Not 0 if a message to an unknown peer is refused.
    mandatory: AtomicU8,
}

impl KnownPeers {
    pub(crate) fn new(mandatory: bool) -> Self {
        KnownPeers {
            names: Mutex::new(HashSet::new()),
            mandatory: AtomicU8::new(mandatory.into()),
        }
    }

    pub(crate) fn set_mandatory(&self, mandatory: bool) {
        self.mandatory.store(mandatory.into(), Ordering::Release);
    }

    pub(crate) fn add(&self, name: &Frame) {
        self.names.lock().insert(name.clone());
    }

    pub(crate) fn remove(&self, name: &Frame) {
        self.names.lock().remove(name);
    }

    pub(crate) fn contains(&self, name: &Frame) -> bool {
        self.names.lock().contains(name)
    }

    pub(crate) fn names(&self) -> Vec<Frame> {
        self.names.lock().iter().cloned().collect()
    }

    /// Whether a message may be accepted, according to its address.
    pub(crate) fn admit(&self, message: &Message) -> bool {
        self.mandatory.load(Ordering::Acquire) == 0
            || message.first().is_some_and(|name| self.contains(name))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn unknown_addresses_are_refused_only_if_mandatory() {
        let known_peers = KnownPeers::new(false);
        let message = Message::from(["anna", "a"]);
        assert!(known_peers.admit(&message));
        known_peers.set_mandatory(true);
        assert!(!known_peers.admit(&message) && !known_peers.admit(&Message::new()));
        known_peers.add(&Frame::from("anna"));
        assert!(known_peers.admit(&message));
        assert_eq!(known_peers.names(), ["anna"]);
        known_peers.remove(&Frame::from("anna"));
        assert!(!known_peers.admit(&message));
    }
}
