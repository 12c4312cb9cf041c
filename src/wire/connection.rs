//! One connection: greeting, handshake, traffic, end.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use super::close_reason::readable;
use super::command::Command;
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::greeting::{self, Found, Greeting};
use super::heartbeat::{Pings, Wait, TENTH_OF_A_SECOND};
use super::mechanism::{self, Done, Handshake, Last, Opener, Opening, Step};
use super::old::Old;
use super::zap::Judgement;
use super::{CloseReason, Config, Event, Introduction};
use crate::clock::later;
use crate::message::{Frame, Message};
use crate::security::Mechanism;
use crate::socket_type::SocketType;

mod judging;
mod limits;
mod old_peers;

use judging::{judge_group_frame, judge_identity};

/// No command of a handshake needs more; a peer that has not shown who it is gets no more.
const MAX_HANDSHAKE_COMMAND: u64 = 64 << 10;

/// A frame costs 72 bytes here, and may cost 2 on the wire: what is unfinished ends at 72 MiB.
const MAX_FRAMES: usize = Message::MAX_FRAMES;

/// PINGs come seconds apart. A peer that leaves so many answers unread reads no more.
const MAX_UNREAD_REPLIES: usize = 1024;

/// The longest piece of a stream without frames that makes one message: what libzmq's STREAM
/// gives at most.
const MAX_CHUNK: usize = 8 << 10;

/// The flags inside a sealed frame, which are not those of a frame (RFC 26, The MESSAGE Command).
const SEALED_MORE: u8 = 0b01;
const SEALED_COMMAND: u8 = 0b10;

/// One end of a ZMTP connection, without its stream.
///
/// Whoever owns the stream moves bytes between it and this:
///
/// - **world → machine**: read into [`recv_slice`](Self::recv_slice) and say how much with
///   [`recv_advance`](Self::recv_advance); when [`poll_timeout`](Self::poll_timeout) has
///   passed, call [`handle_timeout`](Self::handle_timeout).
/// - **machine → app**: [`poll_event`](Self::poll_event) until it gives `None`, or stop earlier:
///   what is not decoded yet just waits, and [`wants_read`](Self::wants_read) says when that is
///   enough. Silence is measured meanwhile unless there is something undecoded, so an owner
///   that leaves unread what has come says so with [`hear`](Self::hear) before a timeout.
/// - **app → machine**: [`send`](Self::send), [`subscribe`](Self::subscribe),
///   [`cancel`](Self::cancel), all after [`Event::Ready`]; and, after [`Event::Authenticate`],
///   [`judged`](Self::judged).
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
    /// Bytes in `parts`, if messages are limited.
    parts_bytes: u64,
    dialect: Dialect,
    /// Ours wants to hear of them.
    hears_subscriptions: bool,
    /// A message has begun whose further frames are no subscriptions, whatever they look like.
    takes_rest_as_it_is: bool,
    /// The last frame of the message in `parts` was a subscription: what is there is all of it.
    parts_are_all: bool,
    /// Ours wants to hear of groups.
    hears_groups: bool,
    /// Ours gets messages of a group: two frames, always.
    is_grouped: bool,
    handshake_deadline: Option<Instant>,
    /// The peer's PING said it would be heard of again within this.
    time_to_live: Option<Wait>,
    /// Our own, if the socket has any.
    pings: Option<Box<Pings>>,
    /// When bytes last arrived, or the connection began.
    heard: Instant,
    /// Nothing more is to be written.
    mute: bool,
    /// The peer says READY first.
    listens: bool,
    /// There is no room for the peer now.
    takes_nobody: bool,
    /// What was made of the peer, and has not been heeded yet.
    judgement: Option<Judgement>,
}

/// What the peer understands besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Commands, and subscriptions among them.
    Zmtp31,
    /// Commands; subscriptions are messages (RFC 23).
    Zmtp30,
    /// Subscriptions as messages (RFC 15, Publish-Subscribe).
    Zmtp20,
    /// Nothing: subscribers filter for themselves (RFC 13, Broadcast Content).
    Zmtp10,
}

/// What is expected next.
#[derive(Debug)]
enum Phase {
    Greeting(Greeting, Opening),
    Handshake {
        version: (u8, u8),
        state: Handshake,
    },
    Traffic,
    /// A peer of ZMTP 2.0 or 1.0 owes its identity.
    OldIdentity(Old),
    /// As `Traffic`, in the frames of ZMTP 1.0.
    OldTraffic {
        /// It is still to be told that the peer wants everything.
        is_subscribed: bool,
    },
    /// All that is said is encrypted.
    Sealed(Box<Opener>),
    /// A stream that knows no frames: `Ready` has not been said yet.
    RawOpening,
    /// A stream that knows no frames.
    Raw,
    /// Over, and not said yet.
    Closing(CloseReason),
    Closed,
}

impl Connection {
    /// A connection whose stream has just been opened, by either end. The first bytes of the
    /// greeting are ready to be written. `opening` is what follows: of the mechanism of `config`.
    pub(crate) fn new(config: Arc<Config>, opening: Opening, now: Instant) -> Self {
        let mut connection = Connection::silent(config, now);
        let greeting = Greeting::start(&connection.config, &mut connection.encoder);
        connection.phase = Phase::Greeting(greeting, opening);
        connection.handshake_deadline = connection
            .config
            .handshake_timeout
            .and_then(|timeout| later(now, timeout));
        connection
    }

    /// A connection whose peer speaks no ZMTP, for STREAM: [`Event::Ready`] comes at once, and
    /// after it whatever arrives, in messages of one frame that begin and end anywhere. Of what
    /// is sent, the bytes of all frames are written and nothing else.
    pub(crate) fn raw(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Connection::silent(config, now);
        connection.phase = Phase::RawOpening;
        connection
    }

    /// A connection that has not said anything.
    fn silent(config: Arc<Config>, now: Instant) -> Self {
        Connection {
            phase: Phase::Closed,
            decoder: Decoder::new(config.in_batch_size),
            encoder: Encoder::new(config.out_batch_size),
            parts: Vec::new(),
            parts_bytes: 0,
            dialect: Dialect::Zmtp31,
            hears_subscriptions: matches!(config.socket_type, SocketType::Pub | SocketType::XPub),
            takes_rest_as_it_is: false,
            parts_are_all: false,
            hears_groups: config.socket_type == SocketType::Radio,
            is_grouped: config.socket_type == SocketType::Dish,
            handshake_deadline: None,
            time_to_live: None,
            pings: None,
            heard: now,
            mute: false,
            listens: false,
            takes_nobody: false,
            judgement: None,
            config,
        }
    }

    /// Lets the peer say READY first: ours is ready to be written when
    /// [`Event::Ready`] is taken, and a peer that is turned away before that is written never
    /// believes itself connected, so that it loses no messages. For the end that accepted, and
    /// before anything has arrived.
    pub(crate) fn listen(&mut self) {
        self.listens = true;
    }

    // World → machine.

    /// Room to read into; never empty.
    pub(crate) fn recv_slice(&mut self) -> &mut [u8] {
        self.decoder.room()
    }

    /// `n` bytes have been read into the [`recv_slice`](Self::recv_slice) last asked for, with
    /// no other call in between.
    pub(crate) fn recv_advance(&mut self, n: usize, now: Instant) {
        self.decoder.arrived(n);
        if self.is_closed() {
            // Nobody will ever ask for these.
            self.decoder = Decoder::new(self.config.in_batch_size);
        } else if n > 0 {
            self.hear(now);
        }
    }

    /// The peer is alive: something has come, even if it has not been read, or went elsewhere.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard = now;
        if let Some(ttl) = &mut self.time_to_live {
            ttl.restart(now);
        }
        if let Some(pings) = &mut self.pings {
            pings.heard();
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
        } else if let Some(pings) = &mut self.pings {
            pings.ask(now, &mut self.encoder);
        }
    }

    // Machine → app.

    /// The next event, if what has arrived holds one.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        // The common case first, and in one piece: what is returned is built in its place.
        if self.takes_any_frame() {
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
            if self.takes_any_frame() {
                while let Some((window, length)) = self.decoder.next_inline_message() {
                    messages.push_back(Message::single(Frame::from_window(window, length)));
                    self.time_to_live = None;
                    left -= 1;
                    if left == 0 {
                        return None;
                    }
                }
                if let Some(body) = self.decoder.next_short_message() {
                    messages.push_back(Message::single(Frame::from(body)));
                    self.time_to_live = None;
                    left -= 1;
                    continue;
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

    /// False while enough bytes wait undecoded: poll events before reading on.
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
        match self.phase {
            Phase::Traffic => self.encoder.message(message.borrow()),
            Phase::Raw => self.encoder.payload(message.borrow()),
            _ => self.encoder.any_message(message.borrow()),
        }
    }

    /// Somebody has judged the peer, after [`Event::Authenticate`]: poll events.
    pub(crate) fn judged(&mut self, judgement: Judgement) {
        let was_asked = matches!(self.phase, Phase::Handshake { .. });
        debug_assert!(was_asked || self.is_closed(), "nobody was asked");
        self.judgement = Some(judgement).filter(|_| was_asked);
    }

    /// Queues a whole message of the socket's own making, such as a greeting to each new peer:
    /// it is copied, [`transmitted`](Self::transmitted) and
    /// [`staged_messages`](Self::staged_messages) do not count it, and
    /// [`take_unsent`](Self::take_unsent) does not give it back. Only after [`Event::Ready`].
    #[allow(dead_code)] // Greetings are an option; without one nobody has any.
    pub(crate) fn greet(&mut self, message: &Message) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.encoder.uncounted_message(message);
    }

    /// Asks the peer for messages that start with `prefix`; one of ZMTP 1.0 sends all there are.
    pub(crate) fn subscribe(&mut self, prefix: &[u8]) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.say_of_topics("SUBSCRIBE", 1, prefix);
    }

    /// Asks the peer for no more messages that start with `prefix`.
    pub(crate) fn cancel(&mut self, prefix: &[u8]) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.say_of_topics("CANCEL", 0, prefix);
    }

    fn say_of_topics(&mut self, command: &str, byte: u8, prefix: &[u8]) {
        match self.dialect {
            Dialect::Zmtp31 => self.encoder.command(command, &[prefix]),
            Dialect::Zmtp30 | Dialect::Zmtp20 => {
                self.encoder.control_message(&[&[byte], prefix]);
            }
            Dialect::Zmtp10 => {}
        }
    }

    /// Tells the peer that we join a group (RFC 48).
    pub(crate) fn join(&mut self, group: &[u8]) {
        self.encoder.command("JOIN", &[group]);
    }

    /// Tells the peer that we leave a group (RFC 48).
    pub(crate) fn leave(&mut self, group: &[u8]) {
        self.encoder.command("LEAVE", &[group]);
    }

    // Machine → world.

    /// Fills `slices` with the bytes to be written next; returns how many it filled. More than
    /// [`MAX_SLICES`](super::MAX_SLICES) are of no use.
    pub(crate) fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.mute {
            return 0;
        }
        self.encoder.poll_transmit(slices)
    }

    /// The first `n` of the bytes offered have been written. Returns how many messages are
    /// now written completely that were not before; small ones are counted by the chunk.
    pub(crate) fn transmitted(&mut self, n: usize) -> usize {
        self.encoder.transmitted(n)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if it still lies ahead.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let ttl = self.time_to_live.map(|ttl| ttl.deadline());
        let pings = self.pings.as_ref().and_then(|pings| pings.deadline());
        [self.handshake_deadline, ttl, pings]
            .into_iter()
            .flatten()
            .min()
    }

    // Look.

    /// Whether messages may flow.
    pub(crate) fn is_ready(&self) -> bool {
        match self.phase {
            Phase::Traffic | Phase::Sealed(_) | Phase::OldTraffic { .. } | Phase::Raw => true,
            Phase::Greeting(..)
            | Phase::Handshake { .. }
            | Phase::OldIdentity(_)
            | Phase::RawOpening
            | Phase::Closing(_)
            | Phase::Closed => false,
        }
    }

    /// Whether nothing goes on until [`judged`](Self::judged) is called.
    pub(crate) fn awaits_judgement(&self) -> bool {
        matches!(&self.phase, Phase::Handshake { state, .. } if !state.receives())
    }

    /// Whether it is over, [`Event::Closed`] taken or not.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Closed)
    }

    /// Whether there is something to write.
    pub(crate) fn has_transmit(&self) -> bool {
        !self.mute && self.encoder.bytes() > 0
    }

    /// Bytes queued and not written.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.encoder.bytes()
    }

    /// Messages queued that [`transmitted`](Self::transmitted) has not counted.
    pub(crate) fn staged_messages(&self) -> usize {
        self.encoder.messages()
    }

    /// Bytes of memory held in buffers, used or not, but for payloads kept by reference.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.decoder.capacity() + self.encoder.capacity()
    }

    /// Gives back the memory that nothing waits in: for connections that have fallen idle, as
    /// the next byte costs a new allocation.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.decoder.shrink_to_fit();
        self.encoder.shrink_to_fit();
        if let Phase::Sealed(opener) = &mut self.phase {
            opener.shrink_to_fit();
        }
        if self.parts.is_empty() {
            self.parts = Vec::new();
        }
    }

    /// The messages of which not a single byte has been written, in their order, to be sent
    /// by another way: the stream is lost. Drops everything else that was to be written.
    pub(crate) fn take_unsent(&mut self) -> Vec<Message> {
        self.mute = true;
        match self.phase {
            // A stream without frames goes on where it was, or not at all.
            Phase::Raw => {
                self.encoder = Encoder::new(self.config.out_batch_size);
                Vec::new()
            }
            _ => self.encoder.take_unsent(),
        }
    }

    // Below: how bytes become events.

    /// Whether a frame that is no command and has no more behind it is a message, whatever it
    /// holds.
    #[inline]
    fn takes_any_frame(&self) -> bool {
        matches!(self.phase, Phase::Traffic)
            && self.parts.is_empty()
            && !self.hears_subscriptions
            && !self.is_grouped
    }

    #[inline(never)]
    fn poll_any_event(&mut self) -> Option<Event> {
        match self.phase {
            Phase::Traffic | Phase::Sealed(_) => match self.poll_traffic() {
                Ok(event) => event,
                Err(reason) => self.end(self.blamed(reason)),
            },
            Phase::OldTraffic { .. } => match self.poll_old_traffic() {
                Ok(event) => event,
                Err(reason) => self.end(self.blamed(reason)),
            },
            Phase::Greeting(..) | Phase::Handshake { .. } | Phase::OldIdentity(_) => {
                match self.poll_opening() {
                    Ok(event) => event,
                    // RFC 37, Greeting: a peer that sent its greeting gets ours, then comes the
                    // end.
                    Err(reason) => {
                        self.close(reason);
                        self.poll_closed()
                    }
                }
            }
            Phase::RawOpening => {
                self.phase = Phase::Raw;
                Some(Event::Ready(Box::default()))
            }
            Phase::Raw => {
                let bytes = self.decoder.next_bytes(MAX_CHUNK)?;
                let frame = Frame::copy_from_slice(bytes);
                Some(Event::Message(Message::single(frame)))
            }
            Phase::Closing(_) | Phase::Closed => self.poll_closed(),
        }
    }

    /// Ends the traffic. It may be in the middle of a message of ours: there is no last word.
    #[cold]
    fn end(&mut self, reason: CloseReason) -> Option<Event> {
        self.mute = true;
        self.close(reason);
        self.poll_closed()
    }

    fn poll_traffic(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Some(message) = self.take_parts() {
            return Ok(Some(message));
        }
        while let Some(frame) = self.decoder.next_frame()? {
            self.time_to_live = None;
            let event = if let Phase::Sealed(opener) = &mut self.phase {
                // RFC 26, The MESSAGE Command: whether there is more stands inside.
                if frame.more {
                    return Err(CloseReason::MalformedFrame(
                        "a sealed frame with more behind it",
                    ));
                }
                let (flags, body) = opener.open(frame.body)?;
                self.receive_opened(flags, body)?
            } else if frame.command {
                let body = frame.body.into_frame();
                self.receive_command(&body)?
            } else if self.hears_subscriptions {
                let (more, body) = (frame.more, frame.body.into_frame());
                self.receive_from_subscriber(more, body)?
            } else if frame.more || self.is_grouped || !self.parts.is_empty() {
                let (more, body) = (frame.more, frame.body.into_frame());
                self.receive_part(more, body)?
            } else {
                Some(Event::Message(Message::single(frame.body.into_frame())))
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// The message that ended with a subscription, if one has.
    #[inline]
    fn take_parts(&mut self) -> Option<Event> {
        std::mem::take(&mut self.parts_are_all).then(|| {
            let frames = std::mem::take(&mut self.parts);
            self.parts_bytes = 0;
            self.limit_frames();
            Event::Message(Message::from_frames(frames))
        })
    }

    /// A frame that was sealed, and the flags that were with it (RFC 26, The MESSAGE Command).
    fn receive_opened(&mut self, flags: u8, body: Frame) -> Result<Option<Event>, CloseReason> {
        let more = match flags {
            SEALED_COMMAND => return self.receive_command(&body),
            0 | SEALED_MORE => flags == SEALED_MORE,
            _ => {
                return Err(CloseReason::MalformedFrame(
                    "sealed flags that mean nothing",
                ))
            }
        };
        match self.hears_subscriptions {
            true => self.receive_from_subscriber(more, body),
            false => self.receive_part(more, body),
        }
    }

    /// ZMTP 3.0 subscribes by a message: 1 or 0, and the prefix (RFC 23). Even a peer of 3.1 may:
    /// the application of an XSUB socket writes such messages itself. libzmq takes each frame that
    /// looks like that for a subscription, alone or among the frames of a message, which goes on
    /// without it; if only first frames may be subscriptions, what follows is no matter of looks.
    fn receive_from_subscriber(
        &mut self,
        more: bool,
        body: Frame,
    ) -> Result<Option<Event>, CloseReason> {
        let is_eligible = !self.takes_rest_as_it_is;
        self.takes_rest_as_it_is = more && self.config.only_first_subscribe;
        let event = match body.split_first() {
            Some((1, prefix)) if is_eligible => Event::Subscribe(prefix.into()),
            Some((0, prefix)) if is_eligible => Event::Cancel(prefix.into()),
            _ => return self.receive_part(more, body),
        };
        self.parts_are_all = !more && !self.parts.is_empty();
        Ok(Some(event))
    }

    /// A frame of a message of several.
    fn receive_part(&mut self, more: bool, body: Frame) -> Result<Option<Event>, CloseReason> {
        if self.parts.len() == MAX_FRAMES {
            return Err(CloseReason::TooManyFrames { limit: MAX_FRAMES });
        }
        if self.is_grouped {
            judge_group_frame(self.parts.len(), more, &body)?;
        }
        let limited = self.config.max_message_size;
        if let Some(limit) = limited {
            self.parts_bytes = self.parts_bytes.saturating_add(body.len() as u64);
            if self.parts_bytes > limit {
                return Err(CloseReason::MessageTooLarge { limit });
            }
        }
        self.parts.push(body);
        if limited.is_some() && (more || self.parts.len() > 1) {
            if !more {
                self.parts_bytes = 0;
            }
            self.limit_frames();
        }
        if more {
            return Ok(None);
        }
        self.parts_bytes = 0;
        let frames = std::mem::take(&mut self.parts);
        Ok(Some(Event::Message(Message::from_frames(frames))))
    }

    /// A command; it may stand between the frames of a message, and leaves that alone.
    #[cold]
    fn receive_command(&mut self, body: &[u8]) -> Result<Option<Event>, CloseReason> {
        if self.dialect == Dialect::Zmtp20 {
            return Err(old_peers::NO_COMMANDS);
        }
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
            Command::Join(group) if self.hears_groups => {
                Ok(Some(Event::Join(Frame::copy_from_slice(group))))
            }
            Command::Leave(group) if self.hears_groups => {
                Ok(Some(Event::Leave(Frame::copy_from_slice(group))))
            }
            Command::Error(reason) => Err(CloseReason::PeerError(readable(reason))),
            Command::Ready(_) | Command::Hello(_) | Command::Welcome(_) | Command::Initiate(_) => {
                Err(command.unexpected())
            }
            // RFC 37, Commands: what is not known is for others to know.
            Command::Subscribe(_)
            | Command::Cancel(_)
            | Command::Join(_)
            | Command::Leave(_)
            | Command::Pong(_)
            | Command::Other(_) => Ok(None),
        }
    }

    /// RFC 37, Connection Heartbeating: a peer that is not heard of within the time-to-live of
    /// its PING may be given up. The next frame ends the wait; bytes on their way to one
    /// prolong it.
    fn arm_time_to_live(&mut self, tenths: u16) {
        let length = TENTH_OF_A_SECOND * u32::from(tenths);
        self.time_to_live = match tenths {
            0 => None,
            _ => Wait::new(length, self.heard),
        };
    }

    /// Whether the peer has been silent for longer than it, or we, said it may be. What waits
    /// undecoded has been said in time.
    fn is_silent(&mut self, now: Instant) -> bool {
        let decoder = &self.decoder;
        let expired = match &mut self.time_to_live {
            Some(ttl) => ttl.is_over(now, || decoder.has_undecoded()),
            None => false,
        };
        expired
            || match &mut self.pings {
                Some(pings) => pings.is_unanswered(now, &self.encoder, || decoder.has_undecoded()),
                None => false,
            }
    }

    #[cold]
    fn poll_opening(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Phase::Greeting(greeting, opening) = &mut self.phase {
            let bytes = self.decoder.waiting();
            let version = match greeting.receive(bytes, &self.config, &mut self.encoder)? {
                None => return Ok(None),
                Some(Found::Old(old)) => {
                    // To ZMTP 1.0 the signature may have been all.
                    if old.socket_type.is_some() {
                        self.check_room()?;
                    }
                    return self.meet_old(old);
                }
                Some(Found::Current(version)) => version,
            };
            if matches!(opening, Opening::Null) && !self.listens {
                self.check_room()?;
            }
            self.decoder.consume(greeting::LENGTH);
            self.decoder.limit_frames(Some(self.handshake_limit()));
            let Phase::Greeting(_, opening) = std::mem::replace(&mut self.phase, Phase::Closed)
            else {
                return Ok(None);
            };
            let encoder = &mut self.encoder;
            let step = Handshake::start(opening, self.listens, &self.config, encoder)?;
            let event = self.proceed(version, step)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        if let Phase::OldIdentity(old) = self.phase {
            return self.poll_old_identity(old);
        }
        if let Some(judgement) = self.judgement.take() {
            if let Some((version, state)) = self.take_handshake() {
                if !self.listens {
                    self.check_room()?;
                }
                let step = state.judged(judgement, &self.config, &mut self.encoder)?;
                let event = self.proceed(version, step)?;
                if event.is_some() {
                    return Ok(event);
                }
            }
        }
        loop {
            if !matches!(&self.phase, Phase::Handshake { state, .. } if state.receives()) {
                return Ok(None);
            }
            let Some(frame) = self.decoder.next_frame()? else {
                return Ok(None);
            };
            if !frame.command {
                let what = String::from("message during the handshake");
                return Err(CloseReason::UnexpectedCommand(what));
            }
            let body = frame.body.into_frame();
            let command = Command::parse(&body)?;
            let Some((version, state)) = self.take_handshake() else {
                return Ok(None);
            };
            if state.introduces_itself_next() {
                self.check_room()?;
            }
            let step = state.receive(command, &self.config, &mut self.encoder)?;
            let event = self.proceed(version, step)?;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// The state is consumed; until there is a next one, the connection counts as over.
    fn take_handshake(&mut self) -> Option<((u8, u8), Handshake)> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Handshake { version, state } => Some((version, state)),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// The longest command a peer may send before it has shown who it is. Where only NULL is
    /// spoken, the limit for frames is one for those as well, as libzmq has it; what other
    /// mechanisms have to say does not depend on what messages are taken.
    fn handshake_limit(&self) -> u64 {
        match (self.config.security.mechanism(), self.config.max_frame_size) {
            (Mechanism::Null, Some(limit)) => limit.min(MAX_HANDSHAKE_COMMAND),
            _ => MAX_HANDSHAKE_COMMAND,
        }
    }

    /// Goes where a step of the handshake has led to.
    fn proceed(&mut self, version: (u8, u8), step: Step) -> Result<Option<Event>, CloseReason> {
        match step {
            Step::Next(state) => {
                self.phase = Phase::Handshake { version, state };
                Ok(None)
            }
            Step::Ask(state, credentials) => {
                self.phase = Phase::Handshake { version, state };
                Ok(Some(Event::Authenticate(credentials)))
            }
            Step::Done(done) => self.begin_traffic(version, done).map(Some),
        }
    }

    /// The handshake is done: whether these two may talk is left to be judged.
    fn begin_traffic(&mut self, version: (u8, u8), done: Done) -> Result<Event, CloseReason> {
        let metadata = done.metadata;
        let socket_type = self.judge_socket_type(metadata.value("Socket-Type"))?;
        let identity = judge_identity(metadata.value("Identity").unwrap_or_default())?;
        self.phase = Phase::Traffic;
        match done.last {
            Last::Nothing => {}
            Last::SayReady => mechanism::say_ready(&self.config, &mut self.encoder),
            Last::Seal {
                sealer,
                opener,
                ready,
            } => {
                if let Some(ready) = ready {
                    self.encoder.command("READY", &[&ready]);
                }
                self.encoder.seal(sealer);
                self.phase = Phase::Sealed(opener);
            }
        }
        self.limit_frames();
        self.handshake_deadline = None;
        // ZMTP 3.1 brought the commands; ZMTP 3.0 subscribes by message (RFC 23).
        self.dialect = match version >= (3, 1) {
            true => Dialect::Zmtp31,
            false => Dialect::Zmtp30,
        };
        let heartbeat = self.config.heartbeat;
        self.pings = heartbeat.map(|heartbeat| Box::new(Pings::new(heartbeat, self.heard)));
        Ok(Event::Ready(Box::new(Introduction {
            socket_type,
            identity,
            version,
            properties: metadata.into_properties(),
            allowed: done.allowed.unwrap_or_default(),
        })))
    }

    /// Whether much of what the peer sends is likely to arrive soon.
    pub(crate) fn expects_more(&self) -> bool {
        self.decoder.expects_more()
    }

    fn close(&mut self, reason: CloseReason) {
        self.phase = Phase::Closing(reason);
        self.judgement = None;
        // Nobody will ask for what is left of these; half a message is no message.
        self.decoder = Decoder::new(self.config.in_batch_size);
        self.parts = Vec::new();
        self.parts_bytes = 0;
    }

    #[cold]
    fn poll_closed(&mut self) -> Option<Event> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closing(reason) => Some(Event::Closed(reason)),
            Phase::Closed => None,
            going @ (Phase::Greeting(..)
            | Phase::Handshake { .. }
            | Phase::Traffic
            | Phase::OldIdentity(_)
            | Phase::OldTraffic { .. }
            | Phase::Sealed(_)
            | Phase::RawOpening
            | Phase::Raw) => {
                self.phase = going;
                None
            }
        }
    }
}
