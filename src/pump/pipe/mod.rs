//! The pipe to one peer of a socket: a connection that speaks ZMTP, or one half of an inproc pair.

mod attach;
mod cross;
mod cross_pump;
mod end;
mod inproc;
mod loss;
mod wire;

use std::sync::Arc;
use std::time::Instant;

use crate::message::PeerFrame;
use crate::pump::counts::{Counts, PeerRecord};
use crate::pump::env::Env;
use crate::pump::observers::Names;
use crate::pump::socket::Filter;
use crate::pump::transport::socks::Handshake;
use crate::pump::{Pump, SocketId};
use crate::sync::permits::Permit;

use cross::Cross;
use inproc::Inproc;
pub(in crate::pump) use loss::{Greeted, Leaving, Loss, Origin};
pub(in crate::pump) use wire::{Wire, STAGING_LIMIT};

pub(in crate::pump) struct Pipe<S> {
    pub(in crate::pump) serial: u64,
    /// `None` for a pipe that was refused or released by its socket.
    pub(in crate::pump) socket: Option<usize>,
    pub(in crate::pump) origin: Origin,
    pub(in crate::pump) path: Path<S>,
    /// Whether the pattern knows this peer.
    pub(in crate::pump) attached: bool,
    /// Whether the pattern was told that this peer is full.
    pub(in crate::pump) blocked: bool,
    /// Whether senders check the room that this peer has.
    pub(in crate::pump) near: bool,
    /// Which messages go to it, as last told to senders.
    pub(in crate::pump) filter: Option<Arc<Filter>>,
    /// Whether it waits for room in an `out`: its socket's, or for a half of an inproc pair its
    /// twin's.
    pub(in crate::pump) waits_for_room: bool,
    pub(in crate::pump) leaving: Option<Leaving>,
    /// The soonest timer set for this pipe.
    pub(in crate::pump) timer: Option<Instant>,
    /// Its local and remote names, once they were needed.
    pub(in crate::pump) names: Option<Box<Names>>,
    /// The peer, once the handshake is done.
    pub(in crate::pump) record: Option<Box<PeerRecord>>,
    /// The permit of an accepted connection.
    pub(in crate::pump) permit: Option<Permit>,
    /// The socket that asks the ZAP handler about the peer.
    pub(in crate::pump) zap_request: Option<SocketId>,
    /// The socket whose messages it still holds after it was released.
    pub(in crate::pump) left_socket: Option<SocketId>,
    /// The peer's source, while the handshake of an accepted connection is unfinished.
    pub(in crate::pump) unfinished: Option<Arc<str>>,
}

/// How a pipe reaches its peer.
pub(in crate::pump) enum Path<S> {
    /// The stream is being connected.
    Dialing {
        stream: S,
        deadline: Option<Instant>,
        /// The rest of the handshake with a proxy.
        tunnel: Option<Box<Handshake>>,
    },
    /// A stream that speaks ZMTP.
    Wire(Box<Wire<S>>),
    /// The other half is a pipe of this pump too.
    Inproc(Inproc),
    /// The other half is a pipe of another pump of this context.
    Cross(Box<Cross>),
    /// The wire is taken out for a moment, to be read from.
    Lent,
}

impl<S> Pipe<S> {
    pub(in crate::pump) fn new(serial: u64, socket: usize, origin: Origin, path: Path<S>) -> Self {
        Pipe {
            serial,
            socket: Some(socket),
            origin,
            path,
            attached: false,
            blocked: false,
            near: false,
            filter: None,
            waits_for_room: false,
            leaving: None,
            timer: None,
            names: None,
            record: None,
            permit: None,
            zap_request: None,
            left_socket: None,
            unfinished: None,
        }
    }

    /// Whether this peer accepts no message now.
    pub(in crate::pump) fn is_full(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => wire.is_full(limit, buffers),
            Path::Inproc(inproc) => buffers && inproc.queue.len() >= limit,
            Path::Cross(cross) => cross.held() >= limit,
            Path::Dialing { .. } | Path::Lent => true,
        }
    }

    /// Whether a full peer has drained enough to be worth telling the pattern.
    pub(in crate::pump) fn is_roomy(&self, limit: usize, buffers: bool) -> bool {
        match &self.path {
            Path::Wire(wire) => {
                wire.connection.staged_messages() <= limit / 2
                    && (buffers || wire.connection.staged_bytes() <= STAGING_LIMIT / 2)
            }
            Path::Inproc(_) => true,
            // Any room at all, so that the high-water mark is exact: the other pump reports in
            // batches anyway.
            Path::Cross(cross) => cross.held() < limit,
            Path::Dialing { .. } | Path::Lent => false,
        }
    }

    /// Takes the wire out for a moment, so that it can be read from while the pattern has the
    /// pipes.
    pub(in crate::pump) fn lend_wire(&mut self) -> Option<Box<Wire<S>>> {
        if !matches!(self.path, Path::Wire(_)) {
            return None;
        }
        match std::mem::replace(&mut self.path, Path::Lent) {
            Path::Wire(wire) => Some(wire),
            Path::Dialing { .. } | Path::Inproc(_) | Path::Cross(_) | Path::Lent => None,
        }
    }

    /// What goes with the messages of this peer.
    #[cold]
    pub(in crate::pump) fn peer_frame(&self) -> Option<PeerFrame> {
        let record = self.record.as_deref();
        record.and_then(|record| record.peer_frame.clone())
    }

    /// Whether a socket that is closing need not wait for this pipe.
    pub(in crate::pump) fn is_flushed(&self) -> bool {
        let says = match &self.path {
            Path::Wire(wire) => self.attached && wire.has_more(),
            Path::Inproc(_) | Path::Cross(_) | Path::Dialing { .. } | Path::Lent => false,
        };
        !says && self.held() == 0
    }

    /// Whether nothing can be written to the peer any more, and no read can detect its end, because
    /// the user does not receive.
    pub(in crate::pump) fn is_stuck(&self) -> bool {
        self.waits_for_room && matches!(&self.path, Path::Wire(wire) if wire.write_failed)
    }

    /// Messages that this pipe holds on their way out.
    pub(in crate::pump) fn held(&self) -> usize {
        match &self.path {
            Path::Wire(wire) => wire.held(),
            Path::Inproc(inproc) => inproc.queue.len(),
            Path::Cross(cross) => cross.held(),
            Path::Dialing { .. } | Path::Lent => 0,
        }
    }

    /// Counts the messages that are written whole in the middle of a chunk, and returns their number.
    pub(in crate::pump) fn count_written(&mut self) -> usize {
        let Path::Wire(wire) = &mut self.path else {
            return 0;
        };
        let sent = wire.connection.count_written();
        wire.counts.messages_out += sent as u64;
        sent
    }

    /// The traffic of this connection.
    pub(in crate::pump) fn counts(&self) -> Counts {
        match &self.path {
            Path::Wire(wire) => wire.counts,
            Path::Inproc(inproc) => inproc.counts,
            Path::Cross(cross) => cross.counts,
            Path::Dialing { .. } | Path::Lent => Counts::default(),
        }
    }

    /// The same, with the messages held for the peer counted as sent.
    pub(in crate::pump) fn counts_at_parting(&self) -> Counts {
        let mut counts = self.counts();
        counts.messages_out += self.held() as u64;
        if let Path::Wire(wire) = &self.path {
            counts.bytes_out += wire.connection.staged_bytes() as u64;
        }
        counts
    }
}

impl<E: Env> Pump<E> {
    /// Inserts a new pipe into its slot.
    pub(in crate::pump) fn add_pipe(
        &mut self,
        socket: usize,
        origin: Origin,
        path: Path<E::Stream>,
    ) -> usize {
        let serial = self.serial();
        let slot = self.pipes.insert(Pipe::new(serial, socket, origin, path));
        if let Some(socket) = self.sockets.get_mut(socket) {
            socket.pipes.push(slot);
        }
        slot
    }
}
