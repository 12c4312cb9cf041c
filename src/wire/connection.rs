//! One connection: greeting, handshake, traffic, end.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::greeting::Greeting;
use super::heartbeat::{Pings, Wait};
use super::mechanism::{Handshake, Opener, Opening};
use super::old::Old;
use super::zap::Judgement;
use super::{CloseReason, Config, Event};
use crate::clock::later;
use crate::message::{Frame, Message};
use crate::socket_type::SocketType;

mod judging;
mod limits;
mod old_peers;
mod opening;
mod state;
mod traffic;

/// No command of a handshake needs more; a peer that has not shown who it is gets no more.
const MAX_HANDSHAKE_COMMAND: u64 = 64 << 10;

/// A frame costs 72 bytes here, and may cost 2 on the wire: what is unfinished ends at 72 MiB.
const MAX_FRAMES: usize = Message::MAX_FRAMES;

/// One end of a ZMTP connection, without its stream.
///
/// The owner of the stream moves bytes between it and this:
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
            // No call will ever ask for these.
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

    /// The handler has judged the peer, after [`Event::Authenticate`]: poll events.
    pub(crate) fn judged(&mut self, judgement: Judgement) {
        let was_asked = matches!(self.phase, Phase::Handshake { .. });
        debug_assert!(was_asked || self.is_closed(), "no peer was asked");
        self.judgement = Some(judgement).filter(|_| was_asked);
    }

    /// Queues a whole message of the socket's own making, such as a greeting to each new peer:
    /// it is copied, [`transmitted`](Self::transmitted) and
    /// [`staged_messages`](Self::staged_messages) do not count it, and
    /// [`take_unsent`](Self::take_unsent) does not give it back. Only after [`Event::Ready`].
    #[allow(dead_code)] // Greetings are an option; without it there are none.
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

    fn close(&mut self, reason: CloseReason) {
        self.phase = Phase::Closing(reason);
        self.judgement = None;
        // No call will ask for what is left of these; half a message is no message.
        self.decoder = Decoder::new(self.config.in_batch_size);
        self.parts = Vec::new();
        self.parts_bytes = 0;
    }
}
