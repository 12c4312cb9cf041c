//! The accounts between a socket and its channels: received messages go to `out`, and `in` is told
//! how many have left, so that more are accepted.

use std::collections::VecDeque;

use crate::message::Message;
use crate::pattern::Drop;
use crate::port::Ports;
use crate::pump::counts::reason;
use crate::pump::env::Env;
use crate::pump::Pump;
use crate::statistics::{DropReason, Dropped};
use crate::sync::bounded::Channel;

/// Changes to be reported to the socket's channels, and dropped messages.
#[derive(Default)]
pub(in crate::pump) struct Credits {
    /// Replies that came too late and have not been reported to `out`.
    pub(in crate::pump) late: usize,
    /// Messages given to peers that did not come through `in` and have not been reported to it.
    pub(in crate::pump) charged: usize,
    /// Messages that left this library and have not been reported to `in`.
    pub(in crate::pump) released: usize,
    /// Messages lost on their way out that have not been reported to `in`.
    pub(in crate::pump) lost: u64,
    /// Accepted messages that will never be written completely.
    pub(in crate::pump) undelivered: u64,
    /// Lost messages that were reported to `in`.
    pub(in crate::pump) told: u64,
    /// Late replies that were reported to `out`.
    pub(in crate::pump) late_told: u64,
    /// All messages that were dropped by patterns or lost with connections.
    pub(in crate::pump) dropped: Dropped,
}

impl Credits {
    /// Counts messages that were dropped or lost.
    pub(in crate::pump) fn count(&mut self, why: Drop, messages: usize) {
        self.dropped.count(reason(why), messages as u64);
        if why.is_loss() {
            self.lost += messages as u64;
            // A request whose reply is lost was sent.
            if why != Drop::RequestLost {
                self.undelivered += messages as u64;
            }
        }
        if why == Drop::Late {
            self.late += messages;
        }
    }
}

/// Puts messages into `out`, except replies to cancelled requests.
pub(in crate::pump) fn push(
    ports: &Ports,
    outward: &Channel<Message>,
    batch: &mut VecDeque<Message>,
) {
    match ports.latest() {
        Some(latest) => latest.deliver(outward, batch),
        None => outward.push_batch(batch),
    }
}

impl<E: Env> Pump<E> {
    /// The number of attached peers changed by one.
    pub(in crate::pump) fn count_peers(&mut self, slot: usize, joined: bool) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if joined {
            socket.peers += 1;
        } else {
            socket.peers -= 1;
        }
        socket.fit_capacities();
        self.refresh_room(slot);
    }

    /// Passes delivered messages to `out`, and replies to the calls that wait for them. Messages
    /// for `out` queue behind those that wait for room there, and wait themselves if there is none:
    /// reserved room may be gone when a peer's share is.
    pub(in crate::pump) fn push_batch(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        if socket.zap_request.is_some() {
            for (_, outcome) in std::mem::take(&mut socket.io.outcomes) {
                self.zap_request_ended(slot, outcome);
            }
            return;
        }
        if !socket.io.outcomes.is_empty() {
            let late = socket.ports.calls().settle(&mut socket.io.outcomes);
            socket.io.credits.late += late;
            socket
                .io
                .credits
                .dropped
                .count(DropReason::Late, late as u64);
        }
        socket.count_late();
        if socket.io.credits.late > 0 {
            let late = std::mem::take(&mut socket.io.credits.late);
            if let Some(outward) = socket.ports.outward() {
                outward.count_dropped(late as u64);
                socket.io.credits.late_told += late as u64;
            }
        }
        let io = &mut socket.io;
        if io.batch.is_empty() {
            return;
        }
        let Some(outward) = socket.ports.outward() else {
            debug_assert!(false, "a socket that receives has an out");
            io.batch.clear();
            return;
        };
        let (moved, room) = (io.batch.len(), io.batch.capacity());
        if io.notices.is_empty() {
            push(&socket.ports, outward, &mut io.batch);
        }
        if !io.batch.is_empty() {
            io.notices.append(&mut io.batch);
            self.queues.to_resume.push(slot);
        }
        if socket.takes_much(moved, room) {
            self.shrink_later();
        }
    }

    /// Queues a socket to be serviced in this turn.
    pub(in crate::pump) fn send_later(&mut self, slot: usize) {
        if let Some(socket) = self.sockets.get_mut(slot) {
            if socket.ports.inward().is_some() {
                self.queues.senders.push(slot);
            }
        }
    }

    /// Reports to `in` how many messages have left, so that more are accepted, and how many are
    /// lost.
    pub(in crate::pump) fn settle_credits(&mut self, slot: usize) {
        self.settle_near(slot);
        if let Some(socket) = self.sockets.get_mut(slot) {
            let released = std::mem::take(&mut socket.io.credits.released);
            let lost = std::mem::take(&mut socket.io.credits.lost);
            let charged = std::mem::take(&mut socket.io.credits.charged);
            if let Some(inward) = socket.ports.inward() {
                inward.charge(charged);
                if lost > 0 {
                    inward.count_dropped(lost);
                    socket.io.credits.told += lost;
                }
                if released > 0 {
                    inward.release(released);
                }
            }
        }
    }
}
