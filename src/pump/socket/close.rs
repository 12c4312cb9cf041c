//! How a socket ends: flush, close the connections, close `out`, report.

use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::port::count_undelivered;
use crate::sync::oneshot::Reply;

use crate::pump::env::Env;
use crate::pump::pipe::{Loss, Path, Pipe};
use crate::pump::timers::Timer;
use crate::pump::{CloseReport, Pump};

use super::SocketState;

/// How long a closed socket's pipes may take to write their last control bytes.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// How long a socket whose linger is over waits for other pumps to take the messages they have room
/// for: much longer than one of their turns.
const HAND_OVER_TIME: Duration = Duration::from_secs(1);

/// The state of a socket that is closing.
pub(in crate::pump) struct Closing {
    /// When to stop flushing; `None` for never.
    pub(in crate::pump) deadline: Option<Instant>,
    pub(in crate::pump) replies: Vec<Reply<CloseReport>>,
    /// The number of messages undelivered before.
    pub(in crate::pump) undelivered_before: u64,
    /// The pipe that was found unflushed last.
    pub(in crate::pump) waits_for: Option<usize>,
    /// Linger is over, and inproc peers receive what they have room for.
    hand_over: Option<HandOver>,
}

/// The end of a socket that has inproc peers.
struct HandOver {
    /// When to stop, whatever the other pumps do.
    pub(in crate::pump) until: Instant,
    /// Messages that no peer had at the last check.
    pub(in crate::pump) left: usize,
}

impl<E: Env> Pump<E> {
    /// Starts to close a socket, or joins a close in progress.
    pub(in crate::pump) fn close(&mut self, slot: usize, reply: Option<Reply<CloseReport>>) {
        let now = self.now;
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        match &mut socket.closing {
            Some(closing) => closing.replies.extend(reply),
            None => {
                let deadline = socket.linger_deadline(now);
                socket.closing = Some(Closing {
                    deadline,
                    replies: reply.into_iter().collect(),
                    undelivered_before: socket.io.credits.undelivered,
                    waits_for: None,
                    hand_over: None,
                });
                self.queues.closing.push(slot);
                socket.ports.close_sending();
                // A socket that accepts no more messages has no waits for peers.
                socket.observers.waits.clear();
                if let Some(deadline) = deadline {
                    self.timers.set(deadline, Timer::Socket(slot));
                }
                self.send_later(slot);
            }
        }
    }

    /// A socket's linger timer fired.
    pub(in crate::pump) fn linger_is_over(&mut self, slot: usize) {
        let now = self.now;
        let closing = self
            .sockets
            .get(slot)
            .and_then(|socket| socket.closing.as_ref());
        let Some(closing) = closing else {
            return;
        };
        match &closing.hand_over {
            Some(hand_over) if hand_over.until > now => {}
            None if closing.deadline.is_none_or(|deadline| deadline > now) => {}
            None => self.begin_to_hand_over(slot),
            Some(_) => self.end_socket(slot),
        }
    }

    /// A closing socket now waits only for inproc peers to take the messages they have room for.
    fn begin_to_hand_over(&mut self, slot: usize) {
        if !self.has_inproc_peers(slot) {
            return self.end_socket(slot);
        }
        let until = self.now + HAND_OVER_TIME;
        let closing = self
            .sockets
            .get_mut(slot)
            .and_then(|socket| socket.closing.as_mut());
        if let Some(closing) = closing {
            let left = usize::MAX;
            closing.hand_over = Some(HandOver { until, left });
            self.timers.set(until, Timer::Socket(slot));
        }
    }

    fn has_inproc_peers(&self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        let is_inproc = |&pipe: &usize| {
            let pipe = self.pipes.get(pipe);
            pipe.is_some_and(|pipe| matches!(pipe.path, Path::Inproc(_) | Path::Cross(_)))
        };
        socket.pipes.iter().any(is_inproc)
    }

    /// Linger is over for a socket that has inproc peers. The messages they have room for are
    /// delivered all the same: over inproc a message counts as delivered when it has been sent,
    /// wherever it is. Returns whether there are more such messages.
    fn is_handing_over(&mut self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        let pipes = socket.pipes.clone();
        for &pipe in &pipes {
            if let Some(Path::Inproc(inproc)) = self.pipes.get(pipe).map(|pipe| &pipe.path) {
                // There may be room that has not been noticed yet.
                self.resume(inproc.twin_socket);
            }
        }
        self.send_first(slot);
        for &pipe in &pipes {
            match self.pipes.get_mut(pipe).map(|pipe| &mut pipe.path) {
                Some(Path::Inproc(_)) => self.transfer_rest(pipe),
                Some(Path::Cross(cross)) => {
                    let lost = cross.transfer();
                    self.count_dropped_oldest(pipe, lost);
                }
                _ => {}
            }
        }
        if self.makes_progress(slot) {
            self.send_later(slot);
            return true;
        }
        // The other pumps report what they have no room for.
        let mut waits = false;
        for pipe in pipes {
            let Some(found) = self.pipes.get_mut(pipe) else {
                continue;
            };
            let attached = found.attached;
            if let Path::Cross(cross) = &mut found.path {
                let lost = match attached && cross.held() > 0 {
                    true => cross.say_last(),
                    false => 0,
                };
                waits |= !attached || cross.held() > 0;
                self.count_dropped_oldest(pipe, lost);
            }
        }
        waits
    }

    /// Whether fewer messages are without a peer than before.
    fn makes_progress(&mut self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return false;
        };
        let waiting = socket.pipes.iter().filter_map(|&pipe| self.pipes.get(pipe));
        let waiting = waiting.map(|pipe| match &pipe.path {
            Path::Inproc(inproc) => inproc.queue.len(),
            _ => 0,
        });
        let inward = socket.ports.inward().map_or(0, |inward| inward.len());
        let left = waiting.sum::<usize>() + inward + socket.io.pending.len();
        let closing = socket.closing.as_mut();
        let Some(hand_over) = closing.and_then(|closing| closing.hand_over.as_mut()) else {
            return false;
        };
        let before = std::mem::replace(&mut hand_over.left, left);
        0 < left && left < before
    }

    /// Ends the closing sockets that have nothing left to wait for. This is the only place that
    /// checks, at the end of each turn, for every reason: sent, lost, given up.
    pub(in crate::pump) fn end_flushed(&mut self) {
        let mut at = 0;
        while let Some(&slot) = self.queues.closing.get(at) {
            if !self.is_waiting(slot) {
                self.end_socket(slot);
            } else if self.lingered(slot) {
                match self.is_handing_over(slot) {
                    true => at += 1,
                    false => self.end_socket(slot),
                }
            } else if !self.ending.is_waited_for() || self.waits_for_network(slot) {
                at += 1;
            } else {
                // No handle of any socket is left: no call opens another one, or makes room.
                self.begin_to_hand_over(slot);
            }
        }
    }

    /// Whether the linger of a closing socket is over.
    fn lingered(&self, slot: usize) -> bool {
        let closing = self
            .sockets
            .get(slot)
            .and_then(|socket| socket.closing.as_ref());
        closing.is_some_and(|closing| closing.hand_over.is_some())
    }

    /// Whether a closing socket has messages that may still be sent.
    fn is_waiting(&mut self, slot: usize) -> bool {
        while let Some(pipe) = self.unflushed(slot) {
            if !self.pipes.get(pipe).is_some_and(Pipe::is_stuck) {
                return true;
            }
            self.lose(pipe, Loss::PeerClosed);
        }
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        if socket.pipes_leaving > 0 {
            return true;
        }
        has_in_hand(socket) && self.may_have_peers(socket)
    }

    /// Whether a closing socket waits for peers outside this context.
    fn waits_for_network(&self, slot: usize) -> bool {
        let Some(socket) = self.sockets.get(slot) else {
            return false;
        };
        let is_beyond = |endpoint: &Endpoint| endpoint.inproc_name().is_none();
        let has_in_hand = has_in_hand(socket);
        let holds = |&pipe: &usize| {
            self.pipes.get(pipe).is_some_and(|pipe| match &pipe.path {
                Path::Wire(_) | Path::Dialing { .. } | Path::Lent => {
                    has_in_hand || !pipe.is_flushed()
                }
                Path::Inproc(_) | Path::Cross(_) => false,
            })
        };
        let parts = || {
            self.pipes.iter().any(|(_, pipe)| {
                let left_socket = pipe
                    .left_socket
                    .map(|left_socket| (left_socket.slot, left_socket.serial));
                left_socket == Some((slot, socket.serial)) && matches!(pipe.path, Path::Wire(_))
            })
        };
        (socket.pipes_leaving > 0 && parts())
            || socket.pipes.iter().any(holds)
            || (has_in_hand && self.has_endpoint(socket, is_beyond))
    }

    /// A pipe of a closing socket that is not flushed: the same one as long as it is not, so that
    /// usually a single pipe is checked.
    fn unflushed(&mut self, slot: usize) -> Option<usize> {
        let socket = self.sockets.get_mut(slot)?;
        let pipes = &self.pipes;
        let is_unflushed = |pipe: usize| {
            let found = pipes.get(pipe).filter(|found| found.socket == Some(slot));
            found.is_some_and(|found| !found.is_flushed())
        };
        let closing = socket.closing.as_mut()?;
        if !closing.waits_for.is_some_and(is_unflushed) {
            let mut pipes = socket.pipes.iter().copied();
            closing.waits_for = pipes.find(|&pipe| is_unflushed(pipe));
        }
        closing.waits_for
    }

    /// Whether a socket has a peer, or one may connect through one of its endpoints.
    fn may_have_peers(&self, socket: &SocketState) -> bool {
        !socket.pipes.is_empty() || self.has_endpoint(socket, |_| true)
    }

    /// Whether a socket has an endpoint of this kind through which peers may connect.
    fn has_endpoint(&self, socket: &SocketState, is_wanted: fn(&Endpoint) -> bool) -> bool {
        let listens = |&listener: &usize| {
            let listening = self.listeners.get(listener);
            listening.is_some_and(|listening| is_wanted(&listening.endpoint))
        };
        let dials = |&dialer: &usize| {
            let dialer = self.dialers.get(dialer);
            dialer.is_some_and(|dialer| is_wanted(&dialer.endpoint) && !dialer.has_given_up())
        };
        let listens =
            !socket.options.queues.require_endpoint && socket.listeners.iter().any(listens);
        listens || socket.dialers.iter().any(dials)
    }

    /// Ends a socket now. The messages it still holds are counted as undelivered.
    pub(in crate::pump) fn end_socket(&mut self, slot: usize) {
        self.push_batch(slot);
        #[cfg(feature = "tracing")]
        let dropped = self.losses(slot);
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        let mut undelivered = (socket.io.pending.len() + socket.pattern.kept()) as u64;
        if let Some(closing) = &socket.closing {
            undelivered += socket.io.credits.undelivered - closing.undelivered_before;
            self.queues.closing.retain(|&other| other != slot);
        }
        socket.io.pending.clear();
        socket.ports.close_sending();
        if let Some(inward) = socket.ports.inward() {
            undelivered += inward.drain_rest() as u64;
        }
        let listeners = std::mem::take(&mut socket.listeners);
        let dialers = std::mem::take(&mut socket.dialers);
        let pipes = std::mem::take(&mut socket.pipes);
        for listener in listeners {
            self.end_listener(listener);
        }
        for &pipe in &pipes {
            self.count_written(pipe);
            if let Some(pipe) = self.pipes.get(pipe) {
                undelivered += pipe.held() as u64;
            }
        }
        for pipe in pipes {
            let held = self.pipes.get(pipe).map_or(0, |pipe| pipe.held());
            if held == 0 {
                self.retire(pipe, Some(self.now + GOODBYE_TIME));
            } else {
                self.lose(pipe, Loss::Asked);
            }
        }
        for dialer in dialers {
            self.forget_dialer(dialer);
        }
        self.end_monitors(slot);
        #[cfg(feature = "tracing")]
        self.log_end(slot, undelivered, dropped);
        let Some(mut socket) = self.sockets.try_remove(slot) else {
            return;
        };
        self.ending.count_undelivered(undelivered);
        count_undelivered(undelivered);
        self.queues.forget_socket(slot);
        self.fair_queues[slot].forget();
        socket.ports.finish();
        // A caller that is told that the socket has closed may open another one.
        drop(socket.permit.take());
        if let Some(closing) = socket.closing.take() {
            for reply in closing.replies {
                reply.send(CloseReport {
                    undelivered,
                    failure: None,
                });
            }
        }
    }
}

/// Whether a socket has accepted messages that no peer has yet.
fn has_in_hand(socket: &SocketState) -> bool {
    !socket.io.pending.is_empty()
        || socket.pattern.kept() > 0
        || socket.ports.inward().is_some_and(|inward| inward.len() > 0)
}
