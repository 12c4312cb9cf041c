//! Callers that wait for peers, notified at the end of the turn that fulfils their condition.

use crate::pump::command::Awaited;
use crate::pump::env::Env;
use crate::pump::observers::Wait;
use crate::pump::Pump;
use crate::sync::oneshot::Reply;

impl<E: Env> Pump<E> {
    /// Adds a caller that waits; there are no waits on a socket that is closing.
    pub(in crate::pump) fn await_peers(
        &mut self,
        slot: usize,
        awaited: Awaited,
        peers: usize,
        reply: Reply<()>,
    ) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.closing.is_some() {
            return;
        }
        if socket.observers.waits.is_empty() {
            self.queues.awaited.push(slot);
        }
        socket.observers.waits.push(Wait {
            awaited,
            peers,
            reply,
        });
    }

    /// Replies to the waits whose condition holds, and drops those whose caller no longer waits.
    pub(in crate::pump) fn answer_waits(&mut self) {
        if self.queues.awaited.is_empty() {
            return;
        }
        let sockets = &mut self.sockets;
        self.queues.awaited.retain(|&slot| {
            let Some(socket) = sockets.get_mut(slot) else {
                return false;
            };
            let waits = std::mem::take(&mut socket.observers.waits);
            for wait in waits {
                if wait.is_over(socket.peers, || socket.pattern.subscribers()) {
                    wait.reply.send(());
                } else if !wait.reply.is_unheard() {
                    socket.observers.waits.push(wait);
                }
            }
            !socket.observers.waits.is_empty()
        });
    }
}
