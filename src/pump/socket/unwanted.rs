//! Messages in `out` that are no longer subscribed to: they are dropped before the call that ended
//! the subscription returns.

use crate::message::Message;
use crate::pattern::Drop;
use crate::socket_type::SocketType;
use crate::sync::bounded::sift;

use crate::pump::env::Env;
use crate::pump::Pump;

impl<E: Env> Pump<E> {
    /// The user's subscriptions to this prefix changed: waiting messages that start with it are
    /// checked against the current subscriptions.
    pub(in crate::pump) fn discard_unwanted(&mut self, slot: usize, prefix: &[u8]) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if !matches!(socket.kind, SocketType::Sub | SocketType::Dish) {
            return;
        }
        let pattern = &socket.pattern;
        let is_kept = |message: &Message| {
            let topic = message.first();
            !topic.is_some_and(|topic| topic.starts_with(prefix)) || pattern.wants(message)
        };
        // Messages on their way to `out` are pushed first: they are behind those in it.
        let mut unwanted = Vec::new();
        sift(&mut socket.io.batch, is_kept, &mut unwanted);
        sift(&mut socket.io.notices, is_kept, &mut unwanted);
        let mut count = unwanted.len();
        if let Some(outward) = socket.ports.outward() {
            count += outward.discard(is_kept);
        }
        if count > 0 {
            socket.io.credits.count(Drop::Unmatched, count);
            self.refresh_room(slot);
            self.resume(slot);
        }
    }
}
