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

/// No command of a handshake needs more, and a peer that is not authenticated is allowed no more.
const MAX_HANDSHAKE_COMMAND: u64 = 64 << 10;

/// A frame takes 72 bytes of memory, and as few as 2 on the wire: an unfinished message takes at
/// most 72 MiB.
const MAX_FRAMES: usize = Message::MAX_FRAMES;

/// One end of a ZMTP connection, without its stream.
///
/// The owner of the stream moves bytes between the stream and this:
///
/// - **world → machine**: read into [`recv_slice`](Self::recv_slice) and report the number of bytes
///   with [`recv_advance`](Self::recv_advance); when [`poll_timeout`](Self::poll_timeout) has
///   passed, call [`handle_timeout`](Self::handle_timeout).
/// - **machine → app**: call [`poll_event`](Self::poll_event) until it returns `None`, or stop
///   earlier: bytes that are not decoded yet are kept, and [`wants_read`](Self::wants_read) returns
///   false while there are enough. Timeouts of silence run on meanwhile unless there are undecoded
///   bytes, so an owner that leaves bytes unread calls [`hear`](Self::hear) before a timeout.
/// - **app → machine**: [`send`](Self::send), [`subscribe`](Self::subscribe),
///   [`cancel`](Self::cancel), all after [`Event::Ready`]; and, after [`Event::Authenticate`],
///   [`judged`](Self::judged).
/// - **machine → world**: write the bytes that [`poll_transmit`](Self::poll_transmit) returns and
///   report how many were written with [`transmitted`](Self::transmitted). Any of the calls above
///   may produce bytes to write, so check [`has_transmit`](Self::has_transmit) afterwards.
///
/// After [`Event::Closed`], write the remaining bytes if [`has_transmit`](Self::has_transmit) says
/// there are any; then the stream can be closed. If the stream is lost before,
/// [`take_unsent`](Self::take_unsent) returns the messages that can be sent another way.
#[derive(Debug)]
pub(crate) struct Connection {
    config: Arc<Config>,
    phase: Phase,
    decoder: Decoder,
    encoder: Encoder,
    /// The frames so far of a message whose last frame has not arrived.
    parts: Vec<Frame>,
    /// The size of `parts` in bytes, if messages are limited.
    parts_bytes: u64,
    dialect: Dialect,
    /// This socket receives subscriptions.
    hears_subscriptions: bool,
    /// The remaining frames of the current message are not subscriptions, whatever their first
    /// byte.
    takes_rest_as_it_is: bool,
    /// The last frame of the message in `parts` was a subscription: the message is complete.
    parts_are_all: bool,
    /// This socket receives the groups that peers join.
    hears_groups: bool,
    /// This socket's messages have a group: always two frames.
    is_grouped: bool,
    handshake_deadline: Option<Instant>,
    /// The peer's PING announced that it would send again within this time.
    time_to_live: Option<Wait>,
    /// PINGs of this end, if the socket sends any.
    pings: Option<Box<Pings>>,
    /// When bytes last arrived, or the connection began.
    heard: Instant,
    /// No more bytes are to be written.
    mute: bool,
    /// The peer sends READY first.
    listens: bool,
    /// There is no room for the peer now.
    is_full: bool,
    /// The decision about the peer, if it has not been applied yet.
    judgement: Option<Judgement>,
}

/// What the peer understands besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Commands, including subscriptions.
    Zmtp31,
    /// Commands; subscriptions are messages (RFC 23).
    Zmtp30,
    /// Subscriptions as messages (RFC 15, Publish-Subscribe).
    Zmtp20,
    /// Nothing: subscribers filter on their side (RFC 13, Broadcast Content).
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
    /// The identity of a peer of ZMTP 2.0 or 1.0.
    OldIdentity(Old),
    /// Like `Traffic`, in the frames of ZMTP 1.0.
    OldTraffic {
        /// The subscription of the peer to everything has yet to be returned as an event.
        is_subscribed: bool,
    },
    /// All traffic is encrypted.
    Sealed(Box<Opener>),
    /// A stream without frames, whose `Ready` has yet to be returned.
    RawOpening,
    /// A stream without frames.
    Raw,
    /// Closed; the event has yet to be returned.
    Closing(CloseReason),
    Closed,
}

impl Connection {
    /// A connection whose stream has just been opened, by either end. The first bytes of the
    /// greeting are ready to be written. `opening` is the handshake that follows, of the mechanism
    /// of `config`.
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

    /// A connection whose peer does not speak ZMTP, for STREAM: [`Event::Ready`] comes at once,
    /// followed by the received bytes in messages of one frame with arbitrary boundaries. For a
    /// message to send, the bytes of its frames are written and nothing else.
    pub(crate) fn raw(config: Arc<Config>, now: Instant) -> Self {
        let mut connection = Connection::silent(config, now);
        connection.phase = Phase::RawOpening;
        connection
    }

    /// A connection that has not sent anything yet.
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
            is_full: false,
            judgement: None,
            config,
        }
    }

    /// Lets the peer send READY first: this end's READY is ready to be written when
    /// [`Event::Ready`] is taken. A peer that is refused before that is written never considers
    /// itself connected, so that it loses no messages. For the end that accepted the connection,
    /// before anything has arrived.
    pub(crate) fn listen(&mut self) {
        self.listens = true;
    }

    // World → machine.

    /// Room to read into; never empty.
    pub(crate) fn recv_slice(&mut self) -> &mut [u8] {
        self.decoder.room()
    }

    /// `n` bytes have been read into the [`recv_slice`](Self::recv_slice) last returned, with no
    /// other call in between.
    pub(crate) fn recv_advance(&mut self, n: usize, now: Instant) {
        self.decoder.arrived(n);
        if self.is_closed() {
            // These will never be decoded.
            self.decoder = Decoder::new(self.config.in_batch_size);
        } else if n > 0 {
            self.hear(now);
        }
    }

    /// The peer is alive: bytes have arrived, even if they have not been read, or went elsewhere.
    pub(crate) fn hear(&mut self, now: Instant) {
        self.heard = now;
        if let Some(ttl) = &mut self.time_to_live {
            ttl.restart(now);
        }
        if let Some(pings) = &mut self.pings {
            pings.heard();
        }
    }

    /// A timeout has passed.
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

    /// Returns the next event, if the received bytes contain one.
    #[inline]
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        // The common case first, and in one piece, so that the result is built in place.
        if self.takes_any_frame() {
            if let Some((window, length)) = self.decoder.next_inline_message() {
                self.time_to_live = None;
                let frame = Frame::from_window(window, length);
                return Some(Event::Message(Message::single(frame)));
            }
        }
        self.poll_any_event()
    }

    /// Moves messages, at most `limit`, into `messages`. Stops at any other event, which is
    /// returned, or when there are no more: like [`poll_event`](Self::poll_event), with less work
    /// per message.
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

    /// False while enough bytes wait undecoded: poll events before reading more.
    pub(crate) fn wants_read(&self) -> bool {
        !self.is_closed() && self.decoder.wants_more()
    }

    // App → machine.

    /// Queues a whole message, owned or borrowed: several connections may be sent the same one.
    /// Only after [`Event::Ready`]; messages sent after [`Event::Closed`] are not written, but
    /// returned by [`take_unsent`](Self::take_unsent).
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

    /// Applies the handler's decision about the peer, after [`Event::Authenticate`]: poll events
    /// afterwards.
    pub(crate) fn judged(&mut self, judgement: Judgement) {
        let was_asked = matches!(self.phase, Phase::Handshake { .. });
        debug_assert!(was_asked || self.is_closed(), "no peer was asked");
        self.judgement = Some(judgement).filter(|_| was_asked);
    }

    /// Queues a whole message generated by the socket, such as the first message to each new peer:
    /// it is copied, not counted by [`transmitted`](Self::transmitted) and
    /// [`staged_messages`](Self::staged_messages), and not returned by
    /// [`take_unsent`](Self::take_unsent). Only after [`Event::Ready`].
    #[allow(dead_code)] // Greetings are an option; without it there are none.
    pub(crate) fn greet(&mut self, message: &Message) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.encoder.uncounted_message(message);
    }

    /// Subscribes to messages of the peer that start with `prefix`; a peer of ZMTP 1.0 sends all
    /// messages.
    pub(crate) fn subscribe(&mut self, prefix: &[u8]) {
        debug_assert!(
            self.is_ready() || self.is_closed(),
            "no traffic before READY"
        );
        self.say_of_topics("SUBSCRIBE", 1, prefix);
    }

    /// Cancels a subscription to messages that start with `prefix`.
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

    /// Announces to the peer that this socket joins a group (RFC 48).
    pub(crate) fn join(&mut self, group: &[u8]) {
        self.encoder.command("JOIN", &[group]);
    }

    /// Announces to the peer that this socket leaves a group (RFC 48).
    pub(crate) fn leave(&mut self, group: &[u8]) {
        self.encoder.command("LEAVE", &[group]);
    }

    // Machine → world.

    /// Fills `slices` with the bytes to be written next; returns how many slices it filled. More
    /// than [`MAX_SLICES`](super::MAX_SLICES) are never needed.
    pub(crate) fn poll_transmit<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.mute {
            return 0;
        }
        self.encoder.poll_transmit(slices)
    }

    /// The first `n` of these bytes have been written. Returns the number of messages that this
    /// completes; small messages are counted per chunk, the rest by
    /// [`count_written`](Self::count_written).
    pub(crate) fn transmitted(&mut self, n: usize) -> usize {
        self.encoder.transmitted(n)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if there is a timeout.
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

    // Below: decoding bytes into events.

    /// Whether a frame without the flags COMMAND and MORE is a message, whatever it contains.
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
        // The rest of these will never be decoded; an incomplete message is dropped.
        self.decoder = Decoder::new(self.config.in_batch_size);
        self.parts = Vec::new();
        self.parts_bytes = 0;
    }
}
