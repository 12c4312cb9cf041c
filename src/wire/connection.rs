//! One connection: greeting, handshake, traffic, end.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::close_reason::readable;
use super::command::Command;
use super::decoder::{Body, Decoder};
use super::encoder::Encoder;
use super::greeting::{self, Greeting};
use super::mechanism::{self, Handshake, Step};
use super::metadata::Metadata;
use super::{CloseReason, Config, Event, PeerInfo};
use crate::message::{Frame, Message};
use crate::socket_type::SocketType;

/// No command of a handshake needs more; a peer that has not shown who it is gets no more.
const MAX_HANDSHAKE_COMMAND: u64 = 64 << 10;

/// A frame of a message costs 72 octets here, and may cost 2 on the wire. So an unfinished
/// message is stopped at 72 MiB for no payload at all; no application is known to come near.
const MAX_FRAMES: usize = 1 << 20;

/// PINGs come seconds apart. A peer that leaves so many answers unread reads no more.
const MAX_UNREAD_REPLIES: usize = 1024;

/// The unit of a PING's time-to-live (RFC 37, Connection Heartbeating).
const TENTH_OF_A_SECOND: Duration = Duration::from_millis(100);

/// One end of a ZMTP connection, without its stream.
///
/// Whoever owns the stream moves octets between it and this:
///
/// - **world → machine**: read into [`recv_slice`](Self::recv_slice) and say how much with
///   [`recv_advance`](Self::recv_advance); when [`poll_timeout`](Self::poll_timeout) has
///   passed, call [`handle_timeout`](Self::handle_timeout).
/// - **machine → app**: [`poll_event`](Self::poll_event) until it gives `None`, or stop earlier:
///   what is not decoded yet just waits, and [`wants_read`](Self::wants_read) says when that is
///   enough. A time-to-live runs on meanwhile unless there is something undecoded, so an owner
///   that has stopped reading altogether must not let timeouts pass either.
/// - **app → machine**: [`send`](Self::send), [`subscribe`](Self::subscribe),
///   [`cancel`](Self::cancel), all after [`Event::Ready`].
/// - **machine → world**: write what [`poll_transmit`](Self::poll_transmit) offers and say how
///   much was taken with [`transmitted`](Self::transmitted). Anything above may have given
///   reason to: look at [`has_transmit`](Self::has_transmit) afterwards.
///
/// After [`Event::Closed`] only the last words are left to be written, if
/// [`has_transmit`](Self::has_transmit) says there are any; then the stream can go.
/// Should the stream be lost first, [`take_unsent`](Self::take_unsent) saves what it can.
#[derive(Debug)]
pub(crate) struct Connection {
    config: Arc<Config>,
    phase: Phase,
    decoder: Decoder,
    encoder: Encoder,
    /// The frames so far of a message whose last has not come.
    parts: Vec<Frame>,
    /// The peer's socket takes subscriptions as commands, not as messages.
    subscribes_by_command: bool,
    /// Ours wants to hear of them.
    hears_subscriptions: bool,
    handshake_deadline: Option<Instant>,
    time_to_live: Option<TimeToLive>,
    /// When octets last arrived, or the connection began.
    heard: Instant,
    /// Nothing more is to be written.
    mute: bool,
}

/// What is expected next.
#[derive(Debug)]
enum Phase {
    Greeting(Greeting),
    Handshake {
        version: (u8, u8),
        state: Handshake,
    },
    Traffic,
    /// Over, and not said yet.
    Closing(CloseReason),
    Closed,
}

/// The peer's PING said it would be heard of again within this.
#[derive(Clone, Copy, Debug)]
struct TimeToLive {
    length: Duration,
    deadline: Instant,
    /// It has been given a second time already.
    prolonged: bool,
}

impl Connection {
    /// A connection whose stream has just been opened, by either end. The first octets of the
    /// greeting are ready to be written.
    pub(crate) fn new(config: Arc<Config>, now: Instant) -> Self {
        let mut encoder = Encoder::default();
        let greeting = Greeting::start(mechanism::NULL, &config.routing_id, &mut encoder);
        Connection {
            phase: Phase::Greeting(greeting),
            decoder: Decoder::new(),
            encoder,
            parts: Vec::new(),
            subscribes_by_command: false,
            hears_subscriptions: matches!(config.socket_type, SocketType::Pub | SocketType::XPub),
            handshake_deadline: config
                .handshake_timeout
                .and_then(|timeout| now.checked_add(timeout)),
            time_to_live: None,
            heard: now,
            mute: false,
            config,
        }
    }

    // World → machine.

    /// Room to read into; never empty.
    pub(crate) fn recv_slice(&mut self) -> &mut [u8] {
        self.decoder.room()
    }

    /// `n` octets have been read into the [`recv_slice`](Self::recv_slice) last asked for, with
    /// no other call in between.
    pub(crate) fn recv_advance(&mut self, n: usize, now: Instant) {
        self.decoder.arrived(n);
        if self.is_closed() {
            // Nobody will ever ask for these.
            self.decoder = Decoder::new();
        } else if n > 0 {
            self.heard = now;
            self.restart_time_to_live(now);
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.is_closed() {
            return;
        }
        if self.handshake_deadline.is_some_and(|end| end <= now) {
            self.mute = true;
            self.close(CloseReason::HandshakeTimeout);
        } else if self.is_silent(now) {
            self.mute = true;
            self.close(CloseReason::HeartbeatTimeout);
        }
    }

    // Machine → app.

    /// The next event, if what has arrived holds one.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        // The common case first, and in one piece: what is returned is built in its place.
        if self.is_ready() && self.parts.is_empty() && !self.hears_subscriptions {
            if let Some((window, length)) = self.decoder.next_inline_message() {
                self.time_to_live = None;
                let frame = Frame::from_window(window, length);
                return Some(Event::Message(Message::single(frame)));
            }
        }
        self.poll_any_event()
    }

    /// Moves messages, at most `limit`, into `messages` until something else turns up, which is
    /// returned, or nothing is left: as [`poll_event`](Self::poll_event) does, but without a
    /// detour for each message.
    #[inline]
    pub(crate) fn poll_messages(
        &mut self,
        messages: &mut VecDeque<Message>,
        limit: usize,
    ) -> Option<Event> {
        let mut left = limit;
        while left > 0 {
            if self.is_ready() && self.parts.is_empty() && !self.hears_subscriptions {
                while let Some((window, length)) = self.decoder.next_inline_message() {
                    messages.push_back(Message::single(Frame::from_window(window, length)));
                    self.time_to_live = None;
                    left -= 1;
                    if left == 0 {
                        return None;
                    }
                }
            }
            match self.poll_any_event() {
                Some(Event::Message(message)) => messages.push_back(message),
                other => return other,
            }
            left -= 1;
        }
        None
    }

    /// False while enough octets wait undecoded: poll events before reading on.
    pub(crate) fn wants_read(&self) -> bool {
        !self.is_closed() && self.decoder.wants_more()
    }

    // App → machine.

    /// Queues a whole message, given or lent: several connections may be sent the same one.
    /// Only after [`Event::Ready`]; what comes after [`Event::Closed`] is not written, but
    /// [`take_unsent`](Self::take_unsent) gives it back.
    #[inline]
    pub(crate) fn send(&mut self, message: impl Borrow<Message>) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.encoder.message(message.borrow());
    }

    /// Asks the peer for messages that start with `prefix`.
    pub(crate) fn subscribe(&mut self, prefix: &[u8]) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        if self.subscribes_by_command {
            self.encoder.command("SUBSCRIBE", &[prefix]);
        } else {
            self.encoder.control_message(&[&[1], prefix]);
        }
    }

    /// Asks the peer for no more messages that start with `prefix`.
    pub(crate) fn cancel(&mut self, prefix: &[u8]) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        if self.subscribes_by_command {
            self.encoder.command("CANCEL", &[prefix]);
        } else {
            self.encoder.control_message(&[&[0], prefix]);
        }
    }

    // Machine → world.

    /// Fills `slices` with the octets to be written next; returns how many it filled. More than
    /// [`MAX_SLICES`](super::MAX_SLICES) are of no use.
    pub(crate) fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.mute {
            return 0;
        }
        self.encoder.poll_transmit(slices)
    }

    /// The first `n` of the octets offered have been written. Returns how many messages are
    /// now written completely that were not before; small ones are counted by the chunk.
    pub(crate) fn transmitted(&mut self, n: usize) -> usize {
        self.encoder.transmitted(n)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if it still lies ahead.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        self.handshake_deadline
            .or(self.time_to_live.map(|ttl| ttl.deadline))
    }

    // Look.

    /// Whether messages may flow.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Traffic)
    }

    /// Whether it is over, [`Event::Closed`] taken or not.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Closed)
    }

    /// Whether there is something to write.
    pub(crate) fn has_transmit(&self) -> bool {
        !self.mute && self.encoder.octets() > 0
    }

    /// Octets queued and not written.
    pub(crate) fn staged_octets(&self) -> usize {
        self.encoder.octets()
    }

    /// Messages queued that [`transmitted`](Self::transmitted) has not counted.
    pub(crate) fn staged_messages(&self) -> usize {
        self.encoder.messages()
    }

    /// Octets of memory held in buffers, used or not, but for payloads kept by reference.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.decoder.capacity() + self.encoder.capacity()
    }

    /// Gives back the memory that nothing waits in: for connections that have fallen idle, as
    /// the next octet costs a new allocation.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.decoder.shrink_to_fit();
        self.encoder.shrink_to_fit();
        if self.parts.is_empty() {
            self.parts = Vec::new();
        }
    }

    /// The messages of which not a single octet has been written, in their order, to be sent
    /// by another way: the stream is lost. Drops everything else that was to be written.
    pub(crate) fn take_unsent(&mut self) -> Vec<Message> {
        self.mute = true;
        self.encoder.take_unsent()
    }

    // Below: how octets become events.

    #[inline(never)]
    fn poll_any_event(&mut self) -> Option<Event> {
        match self.phase {
            Phase::Traffic => match self.poll_traffic() {
                Ok(event) => event,
                // It may be in the middle of a message of ours: there is no last word.
                Err(reason) => {
                    self.mute = true;
                    self.close(reason);
                    self.poll_closed()
                }
            },
            Phase::Greeting(_) | Phase::Handshake { .. } => match self.poll_opening() {
                Ok(event) => event,
                // RFC 37, Greeting: a peer that sent its greeting gets ours, then comes the end.
                Err(reason) => {
                    self.close(reason);
                    self.poll_closed()
                }
            },
            Phase::Closing(_) | Phase::Closed => self.poll_closed(),
        }
    }

    fn poll_traffic(&mut self) -> Result<Option<Event>, CloseReason> {
        while let Some(frame) = self.decoder.next_frame()? {
            self.time_to_live = None;
            let event = if frame.command {
                let body = frame.body.into_frame();
                self.receive_command(&body)?
            } else if frame.more || !self.parts.is_empty() {
                let (more, body) = (frame.more, frame.body.into_frame());
                self.receive_part(more, body)?
            } else if self.hears_subscriptions {
                Some(subscription_or_message(frame.body))
            } else {
                Some(Event::Message(Message::single(frame.body.into_frame())))
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// A frame of a message of several.
    fn receive_part(&mut self, more: bool, body: Frame) -> Result<Option<Event>, CloseReason> {
        if self.parts.len() == MAX_FRAMES {
            return Err(CloseReason::TooManyFrames { limit: MAX_FRAMES });
        }
        self.parts.push(body);
        if more {
            return Ok(None);
        }
        let frames = std::mem::take(&mut self.parts);
        Ok(Some(Event::Message(Message::from_frames(frames))))
    }

    /// A command; it may stand between the frames of a message, and leaves that alone.
    #[cold]
    fn receive_command(&mut self, body: &[u8]) -> Result<Option<Event>, CloseReason> {
        let command = Command::parse(body)?;
        match command {
            Command::Ping { ttl, context } => {
                self.arm_time_to_live(ttl);
                let unread = self.encoder.reply("PONG", &[context]);
                if unread > MAX_UNREAD_REPLIES {
                    return Err(CloseReason::RepliesUnread { unread });
                }
                Ok(None)
            }
            Command::Subscribe(prefix) if self.hears_subscriptions => {
                Ok(Some(Event::Subscribe(Frame::copy_from_slice(prefix))))
            }
            Command::Cancel(prefix) if self.hears_subscriptions => {
                Ok(Some(Event::Cancel(Frame::copy_from_slice(prefix))))
            }
            Command::Error(reason) => Err(CloseReason::PeerError(readable(reason))),
            Command::Ready(_) => Err(command.unexpected()),
            // RFC 37, Commands: what is not known is for others to know.
            Command::Subscribe(_) | Command::Cancel(_) | Command::Pong(_) | Command::Other(_) => {
                Ok(None)
            }
        }
    }

    /// RFC 37, Connection Heartbeating: a peer that is not heard of within the time-to-live of
    /// its PING may be given up. The next frame ends the wait; octets on their way to one
    /// prolong it.
    fn arm_time_to_live(&mut self, tenths: u16) {
        let length = TENTH_OF_A_SECOND * u32::from(tenths);
        self.time_to_live = match self.heard.checked_add(length) {
            Some(deadline) if tenths > 0 => Some(TimeToLive {
                length,
                deadline,
                prolonged: false,
            }),
            Some(_) | None => None,
        };
    }

    /// Whether the peer has been silent for longer than the time-to-live of its PING, as far as
    /// can be known: what waits undecoded has been said in time, and to learn late that a
    /// deadline has passed is a sign that nobody was listening, so that it is given once more.
    fn is_silent(&mut self, now: Instant) -> bool {
        let Some(ttl) = self.time_to_live.as_mut().filter(|ttl| ttl.deadline <= now) else {
            return false;
        };
        let late = now.duration_since(ttl.deadline) >= TENTH_OF_A_SECOND;
        let excused = late && !std::mem::replace(&mut ttl.prolonged, true);
        if excused || self.decoder.has_undecoded() {
            self.restart_time_to_live(now);
            return false;
        }
        true
    }

    fn restart_time_to_live(&mut self, now: Instant) {
        if let Some(ttl) = &mut self.time_to_live {
            ttl.deadline = now.checked_add(ttl.length).unwrap_or(ttl.deadline);
        }
    }

    #[cold]
    fn poll_opening(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Phase::Greeting(greeting) = &mut self.phase {
            let octets = self.decoder.waiting();
            let Some(version) = greeting.receive(octets, &mut self.encoder)? else {
                return Ok(None);
            };
            self.decoder.consume(greeting::LENGTH);
            let limit = self.config.max_frame_size.unwrap_or(MAX_HANDSHAKE_COMMAND);
            self.decoder
                .limit_frames(Some(limit.min(MAX_HANDSHAKE_COMMAND)));
            let state = Handshake::start(&self.config, &mut self.encoder);
            self.phase = Phase::Handshake { version, state };
        }
        while let Some(frame) = self.decoder.next_frame()? {
            if !frame.command {
                let what = String::from("message during the handshake");
                return Err(CloseReason::UnexpectedCommand(what));
            }
            let body = frame.body.into_frame();
            let command = Command::parse(&body)?;
            // The state is consumed; until there is a next one, the connection counts as over.
            let Phase::Handshake { version, state } =
                std::mem::replace(&mut self.phase, Phase::Closed)
            else {
                return Ok(None);
            };
            match state.receive(command)? {
                Step::Next(state) => self.phase = Phase::Handshake { version, state },
                Step::Done(metadata) => return self.begin_traffic(version, metadata).map(Some),
            }
        }
        Ok(None)
    }

    /// The handshake is done: whether these two may talk is left to be judged.
    fn begin_traffic(
        &mut self,
        version: (u8, u8),
        metadata: Metadata,
    ) -> Result<Event, CloseReason> {
        let socket_type = self.judge_socket_type(metadata.value("Socket-Type"))?;
        let identity = judge_identity(metadata.value("Identity").unwrap_or_default())?;
        self.decoder.limit_frames(self.config.max_frame_size);
        self.handshake_deadline = None;
        // ZMTP 3.1 brought the commands; ZMTP 3.0 subscribes by message (RFC 23).
        self.subscribes_by_command = version >= (3, 1);
        self.phase = Phase::Traffic;
        Ok(Event::Ready(Box::new(PeerInfo {
            socket_type,
            identity,
            version,
            properties: metadata.into_properties(),
        })))
    }

    /// RFC 37, The Socket Type Property: a peer that may not talk to us is told so.
    fn judge_socket_type(
        &mut self,
        theirs: Option<&[u8]>,
    ) -> Result<Option<SocketType>, CloseReason> {
        let Some(theirs) = theirs else {
            return Ok(None);
        };
        let known = std::str::from_utf8(theirs)
            .ok()
            .and_then(|name| name.parse().ok());
        match known {
            Some(theirs) if self.config.socket_type.accepts(theirs) => Ok(Some(theirs)),
            Some(_) | None => {
                let ours = self.config.socket_type;
                let reason = format!("{ours} does not talk to this socket type");
                // At most 7 + 37 octets: the length is not cut.
                let length = [reason.len() as u8];
                self.encoder.command("ERROR", &[&length, reason.as_bytes()]);
                Err(CloseReason::IncompatibleSocketType {
                    ours,
                    theirs: readable(theirs),
                })
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.phase = Phase::Closing(reason);
        // Nobody will ask for what is left of these; half a message is no message.
        self.decoder = Decoder::new();
        self.parts = Vec::new();
    }

    #[cold]
    fn poll_closed(&mut self) -> Option<Event> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closing(reason) => Some(Event::Closed(reason)),
            Phase::Closed => None,
            going @ (Phase::Greeting(_) | Phase::Handshake { .. } | Phase::Traffic) => {
                self.phase = going;
                None
            }
        }
    }
}

/// ZMTP 3.0 subscribes by a message of one frame: 1 or 0, and the prefix (RFC 23). Even a
/// peer of 3.1 may: the application of an XSUB socket writes such messages itself.
fn subscription_or_message(body: Body<'_>) -> Event {
    match body.octets().split_first() {
        Some((1, prefix)) => Event::Subscribe(Frame::copy_from_slice(prefix)),
        Some((0, prefix)) => Event::Cancel(Frame::copy_from_slice(prefix)),
        Some(_) | None => Event::Message(Message::single(body.into_frame())),
    }
}

/// RFC 37, The Identity Property: at most 255 octets, and one that begins with zero is for
/// implementations to make up, so that a peer that claims one gets another.
fn judge_identity(theirs: &[u8]) -> Result<Frame, CloseReason> {
    match theirs {
        identity if identity.len() > 255 => Err(CloseReason::IdentityTooLong {
            octets: identity.len(),
        }),
        [0, ..] => Ok(Frame::empty()),
        identity => Ok(Frame::copy_from_slice(identity)),
    }
}
