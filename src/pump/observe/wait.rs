//! Users who wait for peers, answered at the end of the turn that brought what they wait for.

use crate::channel::Reply;

use crate::pump::env::World;
use crate::pump::socket::Hub;
use crate::pump::Pump;

/// What of so many peers is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// That their handshake is done.
    Connected,
    /// That they have subscribed to anything, or joined any group.
    Subscribed,
}

/// Somebody waits.
pub(in crate::pump) struct Wait {
    awaited: Awaited,
    peers: usize,
    reply: Reply<()>,
}

impl Wait {
    fn is_over(&self, hub: &Hub) -> bool {
        let there = match self.awaited {
            Awaited::Connected => hub.peers,
            Awaited::Subscribed => hub.pattern.subscribers(),
        };
        there >= self.peers
    }
}

impl<W: World> Pump<W> {
    /// Somebody waits from now on; nobody waits for peers of a socket that is closing.
    pub(in crate::pump) fn await_peers(
        &mut self,
        slot: usize,
        awaited: Awaited,
        peers: usize,
        reply: Reply<()>,
    ) {
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        if hub.closing.is_some() {
            return;
        }
        if hub.waits.is_empty() {
            self.awaited.push(slot);
        }
        hub.waits.push(Wait {
            awaited,
            peers,
            reply,
        });
    }

    /// Answers those whose peers are there, and forgets those who have gone away.
    pub(in crate::pump) fn answer_waits(&mut self) {
        if self.awaited.is_empty() {
            return;
        }
        let hubs = &mut self.hubs;
        self.awaited.retain(|&slot| {
            let Some(hub) = hubs.get_mut(slot) else {
                return false;
            };
            let waits = std::mem::take(&mut hub.waits);
            for wait in waits {
                if wait.is_over(hub) {
                    wait.reply.send(());
                } else if !wait.reply.is_unheard() {
                    hub.waits.push(wait);
                }
            }
            !hub.waits.is_empty()
        });
    }
}
