//! One socket, seen from its pump.

mod close;
mod configure;
mod credits;
mod drop_oldest;
mod near_full;
mod notices;
mod outlet;
mod unwanted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::clock::later;
use crate::endpoint::Endpoint;
use crate::error::SocketError;
use crate::message::Message;
use crate::options::{Linger, Options};
use crate::pattern::{self, Drop, Pattern};
use crate::port::{Holder, Latest, Outcome, Ports};
use crate::pump::observers::Observers;
use crate::pump::pipe::Loss;
use crate::socket_type::SocketType;
use crate::sync::bounded::{give_back, KEPT_BUFFER};
use crate::sync::permits::Seat;
use crate::wire;

use close::Closing;
pub(in crate::pump) use configure::{frame_rule, routes_are_mandatory, wire_config};
use configure::{high_water_marks, slides};
pub(in crate::pump) use credits::push;
use credits::Credits;
pub(in crate::pump) use near_full::Filter;
use near_full::Near;

/// As many messages at once are a burst, after which a socket keeps the memory they took for a
/// while.
const BURST: usize = KEPT_BUFFER / 8;

/// One socket: its channels, its pattern, and what is between them.
pub(in crate::pump) struct SocketState {
    /// Its number in the context; 0 for a socket of the pump's own.
    pub(in crate::pump) id: u64,
    pub(in crate::pump) serial: u64,
    pub(in crate::pump) kind: SocketType,
    pub(in crate::pump) options: Arc<Options>,
    pub(in crate::pump) wire: Arc<wire::Config>,
    pub(in crate::pump) ports: Arc<Ports>,
    pub(in crate::pump) pattern: Box<dyn Pattern>,
    pub(in crate::pump) io: SocketIo,
    /// Attached pipes.
    pub(in crate::pump) peers: usize,
    pub(in crate::pump) listeners: Vec<usize>,
    pub(in crate::pump) dialers: Vec<usize>,
    /// Every pipe of this socket, attached or not.
    pub(in crate::pump) pipes: Vec<usize>,
    /// Pipes that were released and still hold messages of this socket.
    pub(in crate::pump) pipes_leaving: usize,
    pub(in crate::pump) closing: Option<Closing>,
    /// Whether the ports were found closed in an earlier turn.
    pub(in crate::pump) close_noticed: bool,
    pub(in crate::pump) observers: Observers,
    /// Given back when the socket ends.
    pub(in crate::pump) seat: Option<Seat>,
    /// For a socket of the pump's own.
    pub(in crate::pump) zap_request: Option<ZapRequest>,
}

/// For a socket of the pump's own: the pipe whose peer the ZAP handler is asked about.
pub(in crate::pump) struct ZapRequest {
    pub(in crate::pump) pipe: usize,
    pub(in crate::pump) serial: u64,
    /// Keeps the channels open: there are no user handles.
    pub(in crate::pump) _holder: Holder,
}

/// What a pattern's calls fill, and the pump empties.
pub(in crate::pump) struct SocketIo {
    /// Taken from `in`, not placed yet. They count against the high-water mark until released.
    pub(in crate::pump) pending: VecDeque<Message>,
    /// On their way to `out`: pushed in one lock.
    pub(in crate::pump) batch: VecDeque<Message>,
    /// Messages for `out`, which has no room for them: of the pattern's own, and what arrived on
    /// a promise of room that did not hold.
    pub(in crate::pump) notices: VecDeque<Message>,
    /// What became of requests that are waited for one by one: told in one lock.
    pub(in crate::pump) outcomes: Vec<(u64, Outcome)>,
    pub(in crate::pump) credits: Credits,
    /// Whether there was a burst since the pump last looked for memory to give back.
    bursting: bool,
    /// The most messages one peer may hold; `usize::MAX` for no limit.
    pub(in crate::pump) limit: usize,
    /// Whether there is one queue for each peer (fan-out).
    pub(in crate::pump) buffers: bool,
    /// Peers near their high-water marks, where senders wait for them.
    pub(in crate::pump) near: Near,
    /// The most messages such a queue holds that loses its oldest.
    pub(in crate::pump) slides: Option<usize>,
}

impl SocketIo {
    /// A message that was taken from `in` goes to no peer.
    pub(in crate::pump) fn give_up(&mut self, why: Drop, lossy: bool) {
        self.credits.count(why, 1);
        if !lossy {
            self.credits.released += 1;
        }
    }
}

impl SocketState {
    pub(in crate::pump) fn new(
        serial: u64,
        kind: SocketType,
        options: Arc<Options>,
        ports: Arc<Ports>,
        random: u32,
    ) -> Result<Self, SocketError> {
        let pattern =
            pattern::pattern(kind, &options, random).ok_or(SocketError::Unsupported(kind))?;
        Ok(SocketState::with_pattern(
            serial, kind, options, ports, pattern,
        ))
    }

    pub(in crate::pump) fn with_pattern(
        serial: u64,
        kind: SocketType,
        options: Arc<Options>,
        ports: Arc<Ports>,
        pattern: Box<dyn Pattern>,
    ) -> Self {
        SocketState {
            id: 0,
            serial,
            kind,
            wire: Arc::new(wire_config(kind, &options)),
            io: SocketIo {
                pending: VecDeque::new(),
                batch: VecDeque::new(),
                notices: VecDeque::new(),
                outcomes: Vec::new(),
                credits: Credits::default(),
                bursting: false,
                limit: high_water_marks(kind, &options).1,
                buffers: pattern.buffers_per_peer(),
                near: Near::new(kind, &options),
                slides: slides(&options, pattern.buffers_per_peer()),
            },
            options,
            ports,
            pattern,
            peers: 0,
            listeners: Vec::new(),
            dialers: Vec::new(),
            pipes: Vec::new(),
            pipes_leaving: 0,
            closing: None,
            close_noticed: false,
            observers: Observers::default(),
            seat: None,
            zap_request: None,
        }
    }

    /// Whether what happens to it is told, where the context has monitors or has none.
    pub(in crate::pump) fn is_watched(&self, context: bool) -> bool {
        !self.observers.monitors.is_empty() || (context && self.id != 0)
    }

    /// Whether there are as many peers as the user allows.
    pub(in crate::pump) fn is_crowded(&self) -> bool {
        let most = self.options.connections.max_peers;
        most.is_some_and(|most| self.peers >= most)
    }

    /// Why no peer is taken now, whatever it says of itself.
    pub(in crate::pump) fn is_full(&self) -> Option<Loss> {
        match (self.is_crowded(), self.pattern.is_taken()) {
            (true, _) => Some(Loss::Crowded),
            (false, true) => Some(Loss::Refused),
            (false, false) => None,
        }
    }

    /// Whether there are peers that this socket does not take although their type fits.
    pub(in crate::pump) fn may_refuse(&self) -> bool {
        self.options.connections.max_peers.is_some()
            || self.kind.has_one_peer()
            || self.kind == SocketType::Router
    }

    /// Whether sockets of this type have anything to do with such an endpoint.
    pub(in crate::pump) fn takes(&self, endpoint: &Endpoint) -> bool {
        self.kind != SocketType::Stream || endpoint.inproc_name().is_none()
    }

    /// A pipe is no longer of this socket. The others keep their order.
    pub(in crate::pump) fn forget_pipe(&mut self, slot: usize) {
        if let Some(place) = self.pipes.iter().position(|&other| other == slot) {
            self.pipes.remove(place);
        }
    }

    /// Counts the unread replies that went when the next request gave theirs up.
    pub(in crate::pump) fn count_late(&mut self) {
        let late = self.ports.latest().map_or(0, Latest::take_late);
        if late > 0 {
            self.io.credits.count(Drop::Late, late);
        }
    }

    /// When linger ends, counted from `now`.
    pub(in crate::pump) fn linger_deadline(&self, now: Instant) -> Option<Instant> {
        match self.options.queues.linger {
            Linger::UntilSent => None,
            Linger::For(duration) => later(now, duration),
        }
    }

    /// Some messages were moved at once, in a buffer with room for more: whether there may be memory
    /// to give back later.
    pub(in crate::pump) fn takes_much(&mut self, messages: usize, room: usize) -> bool {
        let burst = messages >= BURST;
        self.io.bursting |= burst;
        burst || room > KEPT_BUFFER
    }

    /// Gives the memory that a burst took back, if there was none since the last look. Whether
    /// there is more to come.
    pub(in crate::pump) fn shrink(&mut self) -> bool {
        if std::mem::take(&mut self.io.bursting) {
            return true;
        }
        let io = &mut self.io;
        let mut busy = give_back(&mut io.pending);
        busy |= give_back(&mut io.batch);
        busy |= give_back(&mut io.notices);
        for channel in [self.ports.inward(), self.ports.outward()] {
            busy |= channel.is_some_and(|channel| channel.give_back());
        }
        busy
    }

    /// The high-water marks are per peer: the channels' capacities follow the number of peers.
    pub(in crate::pump) fn fit_capacities(&self) {
        let options = &self.options;
        // The channels, too, know zero as no limit.
        let for_all = |mark: usize| mark.saturating_mul(self.peers.max(1));
        if let Some(inward) = self.ports.inward() {
            if self.io.buffers {
                // Each peer has its own queue.
                let part = high_water_marks(self.kind, options).0;
                inward.share_capacity(options.queues.send_high_water_mark, part);
            } else if options.queues.immediate && self.peers == 0 {
                inward.shut();
            } else {
                inward.set_capacity(for_all(options.queues.send_high_water_mark));
            }
        }
        if let Some(outward) = self.ports.outward() {
            outward.set_capacity(for_all(options.queues.receive_high_water_mark));
        }
    }
}

impl std::ops::Drop for SocketState {
    /// Whatever ends a socket, its channels have no waiters afterwards.
    fn drop(&mut self) {
        self.ports.finish();
    }
}
