//! What waits for the user and is not wanted any more: it goes before the user is told that a
//! subscription has ended.

use crate::channel::sift;
use crate::message::{Frame, Message};
use crate::pattern::Drop;
use crate::socket_type::SocketType;

use crate::pump::env::World;
use crate::pump::{HubId, Pump};

impl<W: World> Pump<W> {
    /// The user subscribed to this, or does not any more: what waits and begins with it is wanted,
    /// or not, by what is subscribed to now.
    pub(in crate::pump) fn sort_out(&mut self, hub: HubId, prefix: &Frame) {
        if let Some(slot) = self.find(hub) {
            self.sort_out_of(slot, prefix);
        }
    }

    /// The same, by the slot of the hub.
    pub(in crate::pump) fn sort_out_of(&mut self, slot: usize, prefix: &[u8]) {
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        if !matches!(hub.kind, SocketType::Sub | SocketType::Dish) {
            return;
        }
        let pattern = &hub.pattern;
        let is_kept = |message: &Message| {
            let topic = message.first();
            !topic.is_some_and(|topic| topic.starts_with(prefix)) || pattern.wants(message)
        };
        // What is on its way to `out` first: it is behind what is there.
        let mut unwanted = Vec::new();
        sift(&mut hub.io.batch, is_kept, &mut unwanted);
        sift(&mut hub.io.notices, is_kept, &mut unwanted);
        let mut count = unwanted.len();
        if let Some(outward) = hub.ports.outward() {
            count += outward.discard(is_kept);
        }
        if count > 0 {
            hub.io.count(Drop::Unmatched, count);
            self.refresh_room(slot);
            self.resume(slot);
        }
    }
}
