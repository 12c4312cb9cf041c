//! How a pump ends that has panicked: nothing it holds can be relied on any more, but everybody who
//! waits for it is told.

use std::sync::Arc;

use crate::channel::quietly;
use crate::event::EventKind;

use super::env::Env;
use super::Pump;

impl<E: Env> Pump<E> {
    /// Closes all sockets, tells why, and drops everything. To be called with no lock held: what
    /// is woken or dropped here is the user's code in part, and may panic again.
    pub(super) fn fail(mut self, text: &str) {
        let mailbox = Arc::clone(&self.mailbox);
        let failure = mailbox.health().panicked(text);
        // From here on, each call that gets no answer knows why. Those that wait for one are told
        // by the end of what would have given it.
        let commands = mailbox.close();
        let _ = quietly(|| drop(commands));
        for slot in slots(&self.listeners) {
            let _ = quietly(|| self.end_listener(slot));
        }
        for slot in slots(&self.dialers) {
            let _ = quietly(|| self.forget_dialer(slot));
        }
        for slot in slots(&self.sockets) {
            let _ = quietly(|| {
                self.tell_socket(slot, EventKind::PumpFailed { failure });
                self.stop_watching(slot);
            });
            let socket = self.sockets.try_remove(slot);
            let _ = quietly(|| drop(socket));
        }
        for slot in slots(&self.pipes) {
            let pipe = self.pipes.try_remove(slot);
            let _ = quietly(|| drop(pipe));
        }
        let _ = quietly(|| self.end_tasks());
        let _ = quietly(|| drop(self));
    }
}

fn slots<T>(slab: &slab::Slab<T>) -> Vec<usize> {
    slab.iter().map(|(slot, _)| slot).collect()
}
