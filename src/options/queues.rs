//! Limits of queues, what happens when they are reached, and when a socket closes.

use std::time::Duration;

use super::Options;

/// What happens to a message that a full channel has no room for.
///
/// Messages dropped by a policy are counted: see `Sender::dropped` and `Receiver::dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Wait until there is room: no message is lost, and backpressure reaches the sender. The
    /// default. Only the queue of a single peer drops a message that does not fit, as ZeroMQ
    /// specifies, unless [`xpub_no_drop`](Options::xpub_no_drop) or
    /// [`router_mandatory`](Options::router_mandatory) is set, or the socket is a SERVER, PEER or
    /// STREAM: then senders wait for that peer.
    #[default]
    Block,
    /// Drop the message that does not fit.
    DropNewest,
    /// Drop the oldest message in the queue and accept the new one (a sliding buffer).
    DropOldest,
    /// Keep only the newest message, regardless of the high-water mark (`ZMQ_CONFLATE`, for
    /// messages of any number of frames).
    Latest,
}

/// How long a closing socket continues to send accepted messages (`ZMQ_LINGER`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Linger {
    /// Until everything is on the wire (libzmq's −1). The default.
    #[default]
    UntilSent,
    /// For at most this long; zero drops at once whatever is not on the wire yet. Messages that an
    /// inproc peer has room for are not dropped: over inproc a message is delivered to the peer
    /// when it is sent.
    For(Duration),
}

impl From<Duration> for Linger {
    fn from(time: Duration) -> Self {
        Linger::For(time)
    }
}

/// `None` means no limit: [`Linger::UntilSent`].
impl From<Option<Duration>> for Linger {
    fn from(time: Option<Duration>) -> Self {
        time.map_or(Linger::UntilSent, Linger::For)
    }
}

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queues {
    pub(crate) send_high_water_mark: usize,
    pub(crate) receive_high_water_mark: usize,
    pub(crate) send_overflow: Overflow,
    pub(crate) receive_overflow: Overflow,
    pub(crate) linger: Linger,
    pub(crate) immediate: bool,
    pub(crate) require_endpoint: bool,
}

impl Default for Queues {
    fn default() -> Self {
        Queues {
            send_high_water_mark: Options::DEFAULT_HIGH_WATER_MARK,
            receive_high_water_mark: Options::DEFAULT_HIGH_WATER_MARK,
            send_overflow: Overflow::Block,
            receive_overflow: Overflow::Block,
            linger: Linger::UntilSent,
            immediate: false,
            require_endpoint: false,
        }
    }
}

/// # Queues
impl Options {
    /// Maximum number of outgoing messages queued per peer; 0 means no limit (`ZMQ_SNDHWM`, default
    /// 1000).
    #[doc(alias = "ZMQ_SNDHWM")]
    #[doc(alias = "SNDHWM")]
    #[must_use]
    pub fn send_high_water_mark(mut self, send_high_water_mark: usize) -> Self {
        self.queues.send_high_water_mark = send_high_water_mark;
        self
    }

    /// Returns the value of [`send_high_water_mark`](Options::send_high_water_mark).
    #[must_use]
    pub fn get_send_high_water_mark(&self) -> usize {
        self.queues.send_high_water_mark
    }

    /// Maximum number of incoming messages queued per peer; 0 means no limit (`ZMQ_RCVHWM`, default
    /// 1000).
    #[doc(alias = "ZMQ_RCVHWM")]
    #[doc(alias = "RCVHWM")]
    #[must_use]
    pub fn receive_high_water_mark(mut self, receive_high_water_mark: usize) -> Self {
        self.queues.receive_high_water_mark = receive_high_water_mark;
        self
    }

    /// Returns the value of [`receive_high_water_mark`](Options::receive_high_water_mark).
    #[must_use]
    pub fn get_receive_high_water_mark(&self) -> usize {
        self.queues.receive_high_water_mark
    }

    /// What happens when `in` is full, or, on types that have a queue for each peer (PUB, XPUB,
    /// RADIO, XSUB, ROUTER, REP, SERVER, PEER, STREAM), when that queue is full (default
    /// [`Overflow::Block`]; no libzmq twin but `ZMQ_CONFLATE`).
    #[must_use]
    pub fn send_overflow(mut self, send_overflow: Overflow) -> Self {
        self.queues.send_overflow = send_overflow;
        self
    }

    /// Returns the value of [`send_overflow`](Options::send_overflow).
    #[must_use]
    pub fn get_send_overflow(&self) -> Overflow {
        self.queues.send_overflow
    }

    /// What happens when `out` is full (default [`Overflow::Block`]; no libzmq twin but
    /// `ZMQ_CONFLATE`).
    #[must_use]
    pub fn receive_overflow(mut self, receive_overflow: Overflow) -> Self {
        self.queues.receive_overflow = receive_overflow;
        self
    }

    /// Returns the value of [`receive_overflow`](Options::receive_overflow).
    #[must_use]
    pub fn get_receive_overflow(&self) -> Overflow {
        self.queues.receive_overflow
    }

    /// How long a closing socket continues to send (`ZMQ_LINGER`, default [`Linger::UntilSent`]).
    /// Messages in `in` belong to the socket rather than to one of its peers, so they may go to any
    /// peer: until they are sent, or this time is over, a closing socket continues to listen and
    /// connect, and accepts new peers (libzmq assigns messages to a peer when they are sent, and
    /// stops listening at once).
    #[doc(alias = "ZMQ_LINGER")]
    #[doc(alias = "LINGER")]
    #[must_use]
    pub fn linger(mut self, linger: impl Into<Linger>) -> Self {
        self.queues.linger = linger.into();
        self
    }

    /// Returns the value of [`linger`](Options::linger).
    #[must_use]
    pub fn get_linger(&self) -> Linger {
        self.queues.linger
    }

    /// Whether messages are accepted only while a peer is connected (`ZMQ_IMMEDIATE`, default
    /// false: messages are accepted up to the high-water mark before that). Without a peer, `in`
    /// counts as full, and a policy that drops messages drops them. In both cases a message is
    /// assigned to a peer only while that peer is connected. PAIR, REQ, PUSH, DEALER, CLIENT,
    /// SCATTER, CHANNEL; the other types have a queue for each peer.
    #[doc(alias = "ZMQ_IMMEDIATE")]
    #[doc(alias = "IMMEDIATE")]
    #[must_use]
    pub fn immediate(mut self, immediate: bool) -> Self {
        self.queues.immediate = immediate;
        self
    }

    /// Returns the value of [`immediate`](Options::immediate).
    #[must_use]
    pub fn get_immediate(&self) -> bool {
        self.queues.immediate
    }

    /// Whether messages are accepted only while there is a peer, connected or being connected to; default
    /// false: messages are accepted up to the high-water mark before that. With neither a peer nor a
    /// [`connect`](crate::Socket::connect), `in` counts as full, as with libzmq, and a policy that drops
    /// messages drops them; and a socket that closes does not wait for others to connect to it. It has
    /// an effect on the same types as [`immediate`](Options::immediate). (libzmq has no such option: it
    /// always does this.)
    #[must_use]
    pub fn require_endpoint(mut self, require_endpoint: bool) -> Self {
        self.queues.require_endpoint = require_endpoint;
        self
    }

    /// Returns the value of [`require_endpoint`](Options::require_endpoint).
    #[must_use]
    pub fn get_require_endpoint(&self) -> bool {
        self.queues.require_endpoint
    }

    /// Sets the same limit for both directions, in messages per peer.
    #[doc(alias = "ZMQ_HWM")]
    #[doc(alias = "HWM")]
    #[must_use]
    pub fn high_water_marks(self, messages: usize) -> Self {
        self.send_high_water_mark(messages)
            .receive_high_water_mark(messages)
    }

    /// Sets the same policy for both directions.
    #[doc(alias = "ZMQ_CONFLATE")]
    #[doc(alias = "CONFLATE")]
    #[must_use]
    pub fn overflow(self, policy: Overflow) -> Self {
        self.send_overflow(policy).receive_overflow(policy)
    }

    /// Makes both directions sliding buffers of `messages`: the newest messages are kept.
    #[must_use]
    pub fn sliding(self, messages: usize) -> Self {
        self.high_water_marks(messages)
            .overflow(Overflow::DropOldest)
    }
}
