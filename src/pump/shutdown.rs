//! How a pump ends: a context is released or shut down, or the pump has panicked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::event::EventKind;
use crate::sync::catch::quietly;
use crate::sync::oneshot::Reply;

use super::command::{CloseReport, Release};
use super::env::Env;
use super::pipe::Loss;
use super::socket::SocketState;
use super::timers::Timer;
use super::Pump;

/// The state of a pump's end.
#[derive(Default)]
pub(super) struct Ending {
    /// Callers that wait until no socket is closing.
    released: Vec<Released>,
    /// Whether the pump ends once no socket is left.
    ends_when_released: bool,
    /// Undelivered messages of sockets that have ended.
    undelivered: u64,
    shutdown: Option<Shutdown>,
    /// The value of `undelivered` when all calls started to fail with `Closed::Context`; `None` if
    /// they do not. A socket whose handles are dropped because of that may be gone before it is
    /// asked to close.
    terminated_at: Option<u64>,
    /// Whether there was a ZAP handler, which makes no more decisions.
    has_lost_handler: bool,
    is_finished: bool,
}

/// A caller that waits until no socket is closing.
struct Released {
    until: Option<Instant>,
    /// The value of `undelivered` before.
    before: u64,
    reply: Reply<CloseReport>,
}

/// A shutdown in progress.
struct Shutdown {
    /// When its grace is over; `None` for never.
    until: Option<Instant>,
    replies: Vec<Reply<()>>,
}

impl Ending {
    /// Whether it is ending with a grace for messages that can leave.
    fn is_shutting_down(&self) -> bool {
        self.shutdown.is_some()
    }

    /// Whether the context is ending before its sockets have closed.
    pub(super) fn is_terminated(&self) -> bool {
        self.is_shutting_down() || self.terminated_at.is_some()
    }

    /// Whether a user may open another socket.
    pub(super) fn opens_sockets(&self) -> bool {
        !self.is_terminated() && !self.ends_when_released
    }

    /// Whether new peers are to be refused: the ZAP handler that would decide about them has ended
    /// with the context.
    pub(super) fn has_lost_handler(&self) -> bool {
        self.has_lost_handler
    }

    /// Whether there are callers that wait until no socket is closing.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.released.is_empty()
    }

    /// Whether the pump has ended and does no more work.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// A socket has ended with that many undelivered messages.
    pub(super) fn count_undelivered(&mut self, messages: u64) {
        self.undelivered += messages;
    }

    fn is_grace_over(&self, now: Instant) -> bool {
        let until = self.shutdown.as_ref().and_then(|shutdown| shutdown.until);
        until.is_some_and(|until| until <= now)
    }

    /// Replies to the callers that wait until no socket is closing.
    fn answer_released(&mut self) {
        for released in std::mem::take(&mut self.released) {
            released.reply.send(CloseReport {
                undelivered: self.undelivered - released.before,
                failure: None,
            });
        }
    }
}

impl<E: Env> Pump<E> {
    /// Every pending call returns `Closed::Context`; accepted messages have `grace` to leave.
    pub(super) fn begin_shutdown(&mut self, grace: Duration, reply: Reply<()>) {
        if let Some(shutdown) = &mut self.ending.shutdown {
            shutdown.replies.push(reply);
            return;
        }
        let until = later(self.now, grace);
        self.ending.shutdown = Some(Shutdown {
            until,
            replies: vec![reply],
        });
        if let Some(until) = until {
            self.timers.set(until, Timer::Shutdown);
        }
        let sockets = slots(&self.sockets);
        // All of them first: peers in this context must not see the end of one socket as a lost
        // connection.
        self.terminate();
        for slot in sockets {
            self.close(slot, None);
        }
    }

    /// Every pending call on any socket here returns `Closed::Context`.
    pub(super) fn terminate(&self) {
        for (_, socket) in &self.sockets {
            socket.ports.terminate();
        }
    }

    /// Every call on a user's socket fails with `Closed::Context` from now on, and no socket is
    /// opened any more. Messages that were not received are dropped; accepted ones are still sent.
    pub(super) fn terminate_calls(&mut self) {
        let undelivered = self.ending.undelivered;
        self.ending.terminated_at.get_or_insert(undelivered);
        self.ending.has_lost_handler |= self.has_zap_handler();
        for slot in slots(&self.sockets) {
            let Some(socket) = self.sockets.get_mut(slot) else {
                continue;
            };
            // The pump's own sockets are not subject to calls of a user.
            if socket.zap_request.is_some() {
                continue;
            }
            socket.ports.terminate();
            if let Some(outward) = socket.ports.outward() {
                outward.drain_rest();
            }
            socket.observers.waits.clear();
            self.end_monitors(slot);
        }
    }

    /// At the end of a turn: ends sockets that are done, replies to the callers that wait for that,
    /// and ends the pump when it is due.
    pub(super) fn settle(&mut self) {
        if !self.queues.closing.is_empty() {
            self.end_flushed();
        }
        if self.ending.is_shutting_down()
            && (self.ending.is_grace_over(self.now) || self.sockets.is_empty())
        {
            for slot in slots(&self.sockets) {
                self.end_socket(slot);
            }
            for slot in slots(&self.pipes) {
                self.lose(slot, Loss::Asked);
            }
            self.finish();
            return;
        }
        if self.ending.is_waited_for() {
            self.end_overdue_and_answer();
        }
        if self.ending.ends_when_released
            && !self.ending.is_waited_for()
            && self.sockets.is_empty()
            && self.pipes.is_empty()
        {
            self.finish();
        }
    }

    /// A caller waits until no socket is closing, or this pump has no handles left.
    pub(super) fn release_sockets(&mut self, release: Release, reply: Reply<CloseReport>) {
        let terminated_at = self.ending.terminated_at;
        let before = terminated_at.unwrap_or(self.ending.undelivered);
        self.ending.ends_when_released |= release.ends;
        if release.closes {
            // The pump's own requests end with the connections they are about.
            let sockets = self.sockets.iter();
            let sockets = sockets.filter(|(_, socket)| socket.zap_request.is_none());
            let sockets: Vec<usize> = sockets.map(|(slot, _)| slot).collect();
            sockets.into_iter().for_each(|slot| self.close(slot, None));
        }
        let until = release.limit.and_then(|limit| later(self.now, limit));
        if let Some(until) = until {
            self.timers.set(until, Timer::Shutdown);
        }
        self.ending.released.push(Released {
            until,
            before,
            reply,
        });
    }

    /// Ends closing sockets whose time is over; replies to waiting callers once no socket is
    /// closing.
    fn end_overdue_and_answer(&mut self) {
        let now = self.now;
        // A socket that is to be closed may not have been serviced yet.
        let closes =
            |socket: &SocketState| socket.closing.is_some() || socket.ports.close_requested();
        let is_over = |released: &Released| released.until.is_some_and(|until| until <= now);
        if self.ending.released.iter().any(is_over) {
            let closing = self.sockets.iter().filter(|(_, socket)| closes(socket));
            let closing: Vec<usize> = closing.map(|(slot, _)| slot).collect();
            closing.into_iter().for_each(|slot| self.end_socket(slot));
        }
        if !self.sockets.iter().any(|(_, socket)| closes(socket)) {
            self.ending.answer_released();
        }
    }

    fn finish(&mut self) {
        self.ending.answer_released();
        self.ending.is_finished = true;
        self.end_tasks();
        // Commands that came too late get no reply, which the callers understand.
        drop(self.mailbox.close());
        for slot in slots(&self.pipes) {
            self.lose(slot, Loss::Asked);
        }
        if let Some(shutdown) = self.ending.shutdown.take() {
            for reply in shutdown.replies {
                reply.send(());
            }
        }
    }

    /// The pump has panicked, so its state cannot be relied on any more. Closes all sockets with
    /// the reason, and drops everything. Must be called without any lock held: waking and dropping
    /// here runs users' code, which may panic again.
    pub(super) fn fail(mut self, text: &str) {
        let mailbox = Arc::clone(&self.mailbox);
        let failure = mailbox.health().panicked(text);
        // From here on, each call without a reply returns the reason. Calls that wait for a reply
        // see that its sender is dropped.
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
                self.end_monitors(slot);
            });
            let socket = self.sockets.try_remove(slot);
            let _ = quietly(|| drop(socket));
        }
        for slot in slots(&self.pipes) {
            let pipe = self.pipes.try_remove(slot);
            let _ = quietly(|| drop(pipe));
        }
        let _ = quietly(|| self.end_tasks());
        // Tasks that wait for a context's monitor use another pump's timers.
        let alarms = Arc::clone(&self.alarms);
        let _ = quietly(|| drop(self));
        let _ = quietly(|| alarms.fire_all());
    }
}

fn slots<T>(slab: &slab::Slab<T>) -> Vec<usize> {
    slab.iter().map(|(slot, _)| slot).collect()
}
