//! Pipes between two sockets of one context on different pumps.
//!
//! Messages are moved, not copied, through a [`bridge`] whose ends belong to the two pumps. (The
//! alternative, a stream in memory that speaks ZMTP, would have been less to write, but copies
//! every payload twice, and its buffers would not count against the high-water marks.) No pump ever
//! waits for another: messages are appended to the bridge, and never more than the sender's own
//! high-water mark allows; reading the bridge also reports what the other side took; and a pump
//! that leaves messages on the bridge is notified by its own socket when there is room.
//!
//! Messages on the bridge count against the sender's high-water mark until the receiver's pump has
//! taken them, which it does only when there is room in `out`. So exactly as many messages are
//! accepted as between two sockets of one pump: the sender's high-water mark and the receiver's.
//!
//! A pipe starts with a handshake. The dialer's pump looks up the name, which leads to the pump of
//! the listener that is bound to it, and sends it one end of a new bridge ([`Command::Cross`]).
//! That pump attaches the peer to its pattern and replies [`Signal::Ready`]; only then does the
//! dialer's pump attach its peer, so that no message is sent to a socket that refuses. A pipe ends
//! when either end is closed: then each side takes back the messages that the other had not taken,
//! like unwritten messages of a broken connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::driver::Mailbox;
use crate::event::{EventKind, PeerIdentity};
use crate::message::Message;
use crate::options::Overflow;
use crate::pattern::{Admission, Outlet, PeerId, PeerIntro, Violation};
use crate::socket_type::SocketType;
use crate::sync::duplex::bridge;

use crate::pump::counts::payload_len;
use crate::pump::env::Env;
use crate::pump::fair_queue::Rest;
use crate::pump::signal::{End, Signal};
use crate::pump::token::Token;
use crate::pump::{Bound, Command, Pump};

use super::cross::Cross;
use super::inproc::{incompatible, intro};
use super::{Loss, Origin, Path, Pipe};

/// Maximum number of messages that one pipe takes from its bridge in a turn before other pipes are
/// served.
const CROSSING_BUDGET: usize = 1024;

/// Messages taken from a bridge at once.
const CROSSING_BURST: usize = 128;

impl<E: Env> Pump<E> {
    /// What other pumps must know of a listener of this one.
    pub(in crate::pump) fn bound(&self, kind: SocketType, listener: usize) -> Bound {
        Bound {
            pump: self.shared.pump,
            mailbox: Arc::clone(&self.mailbox),
            listener,
            kind,
        }
    }

    /// Notifies the pumps whose dialers waited for a name that is now bound.
    pub(in crate::pump) fn notify_waiting(
        &mut self,
        name: &str,
        waiting: BTreeMap<(usize, u64), Arc<Mailbox<Command>>>,
    ) {
        let mut told = None;
        for ((pump, _), mailbox) in waiting {
            if told == Some(pump) {
                continue;
            }
            told = Some(pump);
            if pump == self.shared.pump {
                self.name_appeared(name);
            } else {
                let name = name.to_owned();
                // A pump that has ended waits for no name.
                let _ = mailbox.post(Command::NameAppeared { name });
            }
        }
    }

    /// Starts to connect a dialer to the socket that is bound to its name on another pump; false if
    /// that is not possible.
    pub(in crate::pump) fn connect_across(&mut self, dialer: usize, bound: &Bound) -> bool {
        let Some(dialing) = self.dialers.get(dialer) else {
            return false;
        };
        let (socket, name) = (dialing.socket, dialing.endpoint.inproc_name());
        let (Some(found), Some(name)) = (self.sockets.get(socket), name) else {
            return false;
        };
        let kind = found.kind;
        let (near, far) = bridge();
        let command = Command::Cross {
            name: name.to_owned(),
            kind,
            intro: intro(kind, &found.options.protocol.routing_id),
            end: far,
        };
        let origin = Origin::Dialed(dialer);
        let pipe = self.add_pipe(socket, origin, Path::Cross(Box::new(Cross::new(near))));
        self.set_hook_across(pipe);
        if let Some(dialing) = self.dialers.get_mut(dialer) {
            dialing.set_pipe(pipe);
        }
        self.tell_pipe(pipe, || EventKind::Connected);
        if bound.mailbox.post(command).is_err() {
            // That pump is ending, and its names with it.
            self.lose(pipe, Loss::PeerClosed);
        }
        true
    }

    /// A dialer of another pump requests a pipe to the socket that is bound to a name here.
    pub(in crate::pump) fn accept_across(
        &mut self,
        name: &str,
        kind: SocketType,
        near_intro: &PeerIntro,
        end: End,
    ) {
        let bound = self.shared.names.find(name);
        let bound = bound.filter(|bound| bound.pump == self.shared.pump);
        let listening = bound.and_then(|bound| {
            let found = self.listeners.get(bound.listener)?;
            Some((bound.listener, found.socket))
        });
        let Some((listener, socket)) = listening else {
            // It may be bound again already, by a socket of yet another pump: let the dialer look
            // it up once more.
            let mut cross = Cross::new(end);
            cross.signals.push_back(Signal::NameGone);
            let _nothing = cross.transfer();
            return;
        };
        let Some(found) = self.sockets.get(socket) else {
            return;
        };
        let ours = found.kind;
        let mut cross = Cross::new(end);
        // Before anything that the pattern may send to its new peer.
        let far_intro = intro(ours, &found.options.protocol.routing_id);
        cross.signals.push_back(Signal::Ready(far_intro));
        let path = Path::Cross(Box::new(cross));
        let pipe = self.add_pipe(socket, Origin::Accepted(listener), path);
        self.tell_pipe(pipe, || EventKind::Accepted);
        if !ours.accepts(kind) {
            // The other side receives this socket's type, and finds the mismatch itself.
            if let Some(Path::Cross(cross)) = self.pipes.get_mut(pipe).map(|pipe| &mut pipe.path) {
                cross.transfer();
            }
            return self.lose(pipe, incompatible(ours, kind));
        }
        if let Err(loss) = self.handshake_done_across(pipe, near_intro) {
            return self.lose(pipe, loss);
        }
        self.set_hook_across(pipe);
        self.transfer_across_later(pipe);
        // The other side may be closed already.
        self.read_later(pipe);
    }

    /// Reads the state of a bridge, and takes as many messages as there is room for.
    pub(in crate::pump) fn read_across(&mut self, slot: usize) -> Rest {
        let mut signals = VecDeque::new();
        let Some(Pipe {
            socket,
            path: Path::Cross(cross),
            leaving,
            ..
        }) = self.pipes.get_mut(slot)
        else {
            return Rest::Done;
        };
        let (socket, leaving) = (*socket, leaving.is_some());
        let look = cross.end.look(&mut signals);
        self.taken_across(slot, look.taken);
        // The other side takes no more messages; or everything has been taken.
        if leaving && (look.leaving || self.pipes.get(slot).is_some_and(|pipe| pipe.held() == 0)) {
            self.lose(slot, Loss::Asked);
            return Rest::Done;
        }
        for signal in signals {
            let loss = self.receive_signal(slot, socket, signal);
            if let Some(loss) = loss {
                self.lose(slot, loss);
                return Rest::Done;
            }
        }
        let mut rest = Rest::Done;
        let found = self.pipes.get(slot).map(|pipe| &pipe.path);
        let is_last = matches!(found, Some(Path::Cross(cross)) if cross.is_last);
        if let (Some(socket), true) = (socket, look.waiting) {
            match self.take_across(slot, socket, is_last) {
                Ok(how) => rest = how,
                Err(_) => {
                    self.lose(slot, Loss::Refused);
                    return Rest::Done;
                }
            }
        }
        if look.closed || (is_last && rest != Rest::Budget) {
            self.lose(slot, Loss::PeerClosed);
            return Rest::Done;
        }
        rest
    }

    /// Handles a signal of the other side; returns how that ends the pipe, if it does.
    fn receive_signal(
        &mut self,
        slot: usize,
        socket: Option<usize>,
        signal: Signal,
    ) -> Option<Loss> {
        match signal {
            Signal::Ready(_) if socket.is_none() => Some(Loss::Refused),
            Signal::Ready(intro) => {
                let intro = PeerIntro {
                    alias: self.alias(slot),
                    dialer: self.origin_serial(slot),
                    ..intro
                };
                self.handshake_done_across(slot, &intro).err()
            }
            Signal::Greeting(message) => {
                if let Some(socket) = socket {
                    self.greeting_received(slot, socket, message);
                }
                None
            }
            Signal::NameGone => Some(Loss::NameGone),
            Signal::Last if socket.is_none() => Some(Loss::Asked),
            Signal::Last => {
                if let Some(Path::Cross(cross)) =
                    self.pipes.get_mut(slot).map(|pipe| &mut pipe.path)
                {
                    cross.is_last = true;
                }
                None
            }
            Signal::Upstream(command) => {
                let peer = PeerId(slot as u32);
                let heeded = socket.map(|socket| {
                    self.pattern_call(socket, |pattern, outlet| {
                        pattern.heed(peer, command, outlet.receiving_from(peer))
                    })
                });
                (!matches!(heeded, None | Some(Some(Ok(()))))).then_some(Loss::Refused)
            }
        }
    }

    /// Attaches a peer on another pump to the pattern.
    fn handshake_done_across(&mut self, slot: usize, intro: &PeerIntro) -> Result<(), Loss> {
        let ours = self
            .pipes
            .get(slot)
            .and_then(|pipe| self.sockets.get(pipe.socket?));
        if let (Some(ours), Some(theirs)) = (ours.map(|socket| socket.kind), intro.socket_type) {
            if !ours.accepts(theirs) {
                return Err(incompatible(ours, theirs));
            }
        }
        let identity = PeerIdentity::nearby(intro.socket_type, intro.routing_id.clone());
        self.attach(slot, intro, &identity)?;
        self.tell_pipe(slot, || EventKind::HandshakeSucceeded(identity));
        self.send_probe(slot);
        self.transfer_across_later(slot);
        Ok(())
    }

    /// Receives the first message that a peer on another pump sends to each new peer.
    fn greeting_received(&mut self, slot: usize, socket: usize, mut message: Message) {
        let peer = PeerId(slot as u32);
        self.pattern_call(socket, |pattern, outlet| {
            if pattern.admit(peer, &mut message) == Ok(Admission::Deliver) {
                outlet.receiving_from(peer).deliver(message);
            }
        });
    }

    /// Takes messages from a bridge while there is room for them, the last ones even if it is not
    /// its turn; an error ends the peer.
    fn take_across(
        &mut self,
        slot: usize,
        socket: usize,
        is_last: bool,
    ) -> Result<Rest, Violation> {
        let peer = PeerId(slot as u32);
        let mut budget = CROSSING_BUDGET;
        let mut outcome = Ok(Rest::Budget);
        while budget > 0 {
            let room = match is_last {
                true if self.has_room(socket) => self.fair_queues[socket].free,
                true => 0,
                false => self.room_for(slot, socket),
            };
            let most = room.min(CROSSING_BURST);
            let (Some(found), Some(pipe)) =
                (self.sockets.get_mut(socket), self.pipes.get_mut(slot))
            else {
                return Ok(Rest::Done);
            };
            let Path::Cross(cross) = &mut pipe.path else {
                return Ok(Rest::Done);
            };
            if !pipe.attached {
                return Ok(Rest::Done);
            }
            if most == 0 {
                outcome = Ok(self.why_none(slot, socket));
                break;
            }
            let from = found.io.batch.len();
            let taken = cross.end.take(most, &mut found.io.batch);
            cross.counts.messages_in += taken as u64;
            let bytes = found.io.batch.range(from..).map(payload_len);
            cross.counts.bytes_in += bytes.sum::<u64>();
            let (delivered, admitted) = self.admit(socket, peer, from, &mut VecDeque::new());
            self.fair_queues[socket].spend(delivered);
            if let Err(violation) = admitted {
                outcome = Err(violation);
                break;
            }
            if taken < most {
                outcome = Ok(Rest::Done);
                break;
            }
            budget = budget.saturating_sub(taken);
        }
        self.push_batch(socket);
        outcome
    }

    /// The other side of a bridge has taken that many messages.
    fn taken_across(&mut self, slot: usize, taken: usize) {
        if taken > 0 {
            self.settle_taken_across(slot, taken);
            self.unblock(slot);
        }
    }

    /// That many messages no longer count against this side's high-water mark.
    fn settle_taken_across(&mut self, slot: usize, taken: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        if let Path::Cross(cross) = &mut pipe.path {
            debug_assert!(taken <= cross.crossing, "only what was sent is taken");
            cross.crossing = cross.crossing.saturating_sub(taken);
            cross.counts.messages_out += taken as u64;
        }
        let Some(socket) = pipe.socket else {
            return;
        };
        if let Some(socket) = self.sockets.get_mut(socket) {
            if !socket.io.buffers && socket.options.queues.send_overflow == Overflow::Block {
                socket.io.credits.released += taken;
            }
        }
        self.settle_credits(socket);
    }

    /// Closes a bridge, so that the messages that the other side has not taken can be taken back.
    pub(in crate::pump) fn close_across(&mut self, slot: usize) {
        let Some(Path::Cross(cross)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) else {
            return;
        };
        let mut unsent = VecDeque::new();
        let taken = cross.end.close(&mut unsent);
        unsent.append(&mut cross.staged);
        cross.staged = unsent;
        cross.crossing = taken;
        self.settle_taken_across(slot, taken);
    }

    /// A pipe was released, and takes no more messages; those it holds are still sent.
    pub(in crate::pump) fn close_sending_across(&mut self, slot: usize) {
        if let Some(Path::Cross(cross)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
            let lost = cross.transfer();
            cross.end.leave();
            self.count_dropped_oldest(slot, lost);
        }
        // The other side may have been released, too.
        self.read_later(slot);
    }

    /// Queues a pipe to send to the other side.
    pub(in crate::pump) fn transfer_across_later(&mut self, slot: usize) {
        if let Some(Path::Cross(_)) = self.pipes.get(slot).map(|pipe| &pipe.path) {
            self.queues.transfers.push(slot);
        }
    }

    /// Makes the other side of a bridge post this pipe's token.
    fn set_hook_across(&mut self, slot: usize) {
        if let Some(Path::Cross(cross)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) {
            cross.end.set_hook(Token::Pipe(slot).hook(&self.mailbox));
        }
    }
}
