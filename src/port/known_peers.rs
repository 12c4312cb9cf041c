//! Which peers a message can be addressed to: told by the pump, asked before a message is accepted.

use std::collections::HashSet;

use crate::message::{Frame, Message};
use crate::sync::primitives::{AtomicU8, Mutex, Ordering};

/// The names of the peers of a socket that addresses them.
///
/// What is known here may be outdated by the time the message reaches its pattern: a peer that
/// leaves in between takes the message with it, and the loss is counted.
pub(crate) struct Routes {
    names: Mutex<HashSet<Frame>>,
    /// Not 0 if a message to an unknown peer is refused.
    mandatory: AtomicU8,
}

impl Routes {
    pub(crate) fn new(mandatory: bool) -> Self {
        Routes {
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

    /// Whether a message may be accepted, as far as its address goes.
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
        let routes = Routes::new(false);
        let message = Message::from(["anna", "a"]);
        assert!(routes.admit(&message));
        routes.set_mandatory(true);
        assert!(!routes.admit(&message) && !routes.admit(&Message::new()));
        routes.add(&Frame::from("anna"));
        assert!(routes.admit(&message));
        assert_eq!(routes.names(), ["anna"]);
        routes.remove(&Frame::from("anna"));
        assert!(!routes.admit(&message));
    }
}
