//! A pipe over a stream that speaks ZMTP.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use crate::event::EventKind;
use crate::message::Message;
use crate::pump::counts::{payload_len, Counts};
use crate::pump::env::Env;
use crate::pump::socket::SocketState;
use crate::pump::timers::Timer;
use crate::pump::transport::SHORT_ENDS_READINESS;
use crate::pump::Pump;
use crate::socket_type::SocketType;
use crate::wire::{Connection, Opening};

use super::loss::{Leaving, Loss, Origin};
use super::Path;

/// Number of staged bytes from which a peer counts as full: four writes of 64 KiB keep the kernel
/// busy, and little is lost if the connection is.
pub(in crate::pump) const STAGING_LIMIT: usize = 256 * 1024;

/// Number of bytes of messages passed to an idle connection at once, unless the first message alone
/// has more: one write.
const REFILL: usize = 64 * 1024;

pub(in crate::pump) struct Wire<S> {
    pub(in crate::pump) stream: S,
    pub(in crate::pump) connection: Connection,
    /// Messages that wait until everything before them is written, and that a policy may drop until
    /// then.
    pub(in crate::pump) waiting: Option<VecDeque<Message>>,
    pub(in crate::pump) readable: bool,
    /// The end of the stream was reported: it comes after the bytes still buffered.
    pub(in crate::pump) read_closed: bool,
    pub(in crate::pump) writable: bool,
    /// Whether the stream is registered for room to write.
    room_registered: bool,
    /// Writing failed. Reading continues until it fails too, so that received messages are not
    /// lost.
    pub(in crate::pump) write_failed: bool,
    /// Whether anything was read since the pump last looked for idle pipes.
    pub(in crate::pump) active: bool,
    pub(in crate::pump) counts: Counts,
}

impl<S: Read + Write> Wire<S> {
    /// Sets whether the stream is registered for room to write.
    pub(in crate::pump) fn register_room<E>(&mut self, env: &mut E, slot: usize, wanted: bool)
    where
        E: Env<Stream = S>,
    {
        if self.room_registered == wanted {
            return;
        }
        match env.register_room(&mut self.stream, slot, wanted) {
            Ok(()) => self.room_registered = wanted,
            // It would never be reported.
            Err(_) if wanted => {
                self.write_failed = true;
                self.readable = true;
            }
            Err(_) => {}
        }
    }
}

impl<S> Wire<S> {
    /// Whether the peer accepts no message now.
    pub(in crate::pump) fn is_full(&self, limit: usize, buffers: bool) -> bool {
        self.connection.staged_messages() >= limit
            || (!buffers && self.connection.staged_bytes() >= STAGING_LIMIT)
    }

    /// Messages on their way out.
    pub(in crate::pump) fn held(&self) -> usize {
        self.connection.staged_messages() + self.waiting.as_ref().map_or(0, |waiting| waiting.len())
    }

    /// Whether there is anything to write, now or later.
    pub(in crate::pump) fn has_more(&self) -> bool {
        let waits = self.waiting.as_ref().is_some_and(|queue| !queue.is_empty());
        self.connection.has_transmit() || (waits && !self.connection.is_closed())
    }

    /// Stages waiting messages if everything before them is written; returns whether there is
    /// anything to write.
    #[inline]
    pub(in crate::pump) fn refill(&mut self) -> bool {
        if self.connection.has_transmit() {
            return true;
        }
        match &mut self.waiting {
            None => false,
            Some(_) => self.stage(REFILL),
        }
    }

    /// Passes waiting messages to the connection, up to that many bytes but at least one message.
    pub(in crate::pump) fn stage(&mut self, bytes: usize) -> bool {
        let Some(waiting) = &mut self.waiting else {
            return false;
        };
        if self.connection.is_closed() {
            return false;
        }
        let mut left = bytes as u64;
        while let Some(message) = waiting.front() {
            let size = payload_len(message);
            if size > left && left < bytes as u64 {
                break;
            }
            left = left.saturating_sub(size.max(1));
            self.connection.send(message);
            waiting.pop_front();
            if left == 0 {
                break;
            }
        }
        self.connection.has_transmit()
    }

    /// The messages of which not a single byte has been written, in order.
    pub(in crate::pump) fn take_unsent(&mut self) -> Vec<Message> {
        let mut unsent = self.connection.take_unsent();
        if let Some(waiting) = self.waiting.take() {
            unsent.extend(waiting);
        }
        unsent
    }
}

impl<S: Read> Wire<S> {
    /// Reads once, directly into the protocol machine's buffer.
    pub(in crate::pump) fn fill(&mut self, now: Instant) -> io::Result<usize> {
        let room = self.connection.recv_slice();
        let asked = room.len();
        let read = self.stream.read(room)?;
        self.connection.recv_advance(read, now);
        self.active = true;
        self.counts.bytes_in += read as u64;
        // A short read emptied the kernel's buffer; bytes that arrive later are a new edge. But the
        // end of the stream may have been reported already, so it must be read.
        self.readable = read == asked || self.read_closed || !SHORT_ENDS_READINESS;
        Ok(read)
    }
}

impl<E: Env> Pump<E> {
    /// Starts ZMTP on a connected stream, or the raw bytes of STREAM.
    pub(in crate::pump) fn open_wire(&mut self, slot: usize, stream: E::Stream) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let config = match pipe.origin {
            Origin::Dialed(dialer) => self.dialers.get(dialer).map(|dialer| &dialer.wire),
            Origin::Accepted(listener) => self.listeners.get(listener).map(|bound| &bound.wire),
        };
        let Some(config) = config else {
            return;
        };
        let config = Arc::clone(config);
        let opening = match config.socket_type {
            SocketType::Stream => None,
            _ => Some(Opening::new(&config.security, |bytes| {
                self.env.entropy(bytes)
            })),
        };
        let mut connection = match opening.transpose() {
            Ok(None) => Connection::raw(Arc::clone(&config), self.now),
            Ok(Some(opening)) => Connection::new(Arc::clone(&config), opening, self.now),
            // Without entropy no secret keys can be generated.
            Err(error) => {
                pipe.path = Path::Dialing {
                    stream,
                    deadline: None,
                    tunnel: None,
                };
                return self.lose(slot, Loss::Unconnected(error.into()));
            }
        };
        let socket = pipe.socket.and_then(|socket| self.sockets.get(socket));
        let refuses = socket.is_some_and(SocketState::may_refuse);
        if refuses && matches!(pipe.origin, Origin::Accepted(_)) {
            connection.listen();
        }
        pipe.path = Path::Wire(Box::new(Wire {
            stream,
            connection,
            waiting: None,
            readable: true,
            read_closed: false,
            writable: true,
            room_registered: true,
            write_failed: false,
            active: false,
            counts: Counts::default(),
        }));
        let origin = pipe.origin;
        pipe.names = None;
        self.tell_pipe(slot, || match origin {
            Origin::Dialed(_) => EventKind::Connected,
            Origin::Accepted(_) => EventKind::Accepted,
        });
        self.set_pipe_timer(slot);
        self.read_later(slot);
        self.flush_later(slot);
    }

    pub(in crate::pump) fn open_wire_in_place(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        debug_assert!(!matches!(pipe.leaving, Some(Leaving::Draining(_))));
        // The stream moves from one state of the path to the next.
        match std::mem::replace(&mut pipe.path, Path::Lent) {
            Path::Dialing { stream, .. } => self.open_wire(slot, stream),
            other => pipe.path = other,
        }
    }

    /// Sets a timer for the pipe's next deadline, unless an earlier one is set.
    pub(in crate::pump) fn set_pipe_timer(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Path::Wire(wire) = &pipe.path else {
            return;
        };
        let Some(deadline) = wire.connection.poll_timeout() else {
            return;
        };
        if pipe.timer.is_none_or(|set| deadline < set) {
            pipe.timer = Some(deadline);
            self.timers.set(deadline, Timer::Pipe(slot));
        }
    }

    /// A timer of this pipe fired.
    pub(in crate::pump) fn pipe_is_due(&mut self, slot: usize) {
        let now = self.now;
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if pipe.timer.is_some_and(|set| set <= now) {
            pipe.timer = None;
        }
        let overdue = match (&pipe.path, pipe.leaving) {
            (
                _,
                Some(
                    Leaving::Flushing(Some(deadline))
                    | Leaving::Draining(deadline)
                    | Leaving::Refused(deadline, _),
                ),
            ) => deadline <= now,
            (
                Path::Dialing {
                    deadline: Some(deadline),
                    ..
                },
                _,
            ) => *deadline <= now,
            _ => false,
        };
        if overdue {
            let loss = match pipe.path {
                Path::Dialing { .. } => Loss::Unconnected(io::ErrorKind::TimedOut.into()),
                Path::Wire(_) | Path::Inproc(_) | Path::Cross(_) | Path::Lent => Loss::PeerClosed,
            };
            self.lose(slot, loss);
            return;
        }
        let leaving = pipe.leaving.is_some();
        let Path::Wire(wire) = &mut pipe.path else {
            return;
        };
        if matches!(
            pipe.leaving,
            Some(Leaving::Draining(_) | Leaving::Refused(..))
        ) {
            return;
        }
        // Bytes that wait in the kernel, because `out` is full or it is the turn of other pipes,
        // count as a sign of life.
        if wire.readable {
            wire.connection.hear(now);
        }
        wire.connection.handle_timeout(now);
        match (wire.connection.is_closed(), leaving) {
            (false, _) => self.follow_up(slot),
            (true, false) => self.read_later(slot),
            // The peer is not told why: the socket has released it.
            (true, true) => self.lose(slot, Loss::PeerClosed),
        }
    }

    /// The protocol machine may have a reply to write or a new deadline.
    pub(in crate::pump) fn follow_up(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        if let Path::Wire(wire) = &pipe.path {
            if wire.connection.has_transmit() {
                self.flush_later(slot);
            }
        }
        self.set_pipe_timer(slot);
    }
}
