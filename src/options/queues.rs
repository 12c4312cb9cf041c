//! How many messages wait, and what happens to more of them.

use std::time::Duration;

use super::Options;

/// What a full channel does with one more message.
///
/// Every message a policy drops is counted: see `Sender::dropped` and `Receiver::dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Wait until there is room: nothing is lost, the pressure climbs to the sender. The default.
    /// Only the queue of a single peer drops the message that does not fit, as ZeroMQ has it, unless
    /// [`xpub_no_drop`](Options::xpub_no_drop) or
    /// [`router_mandatory`](Options::router_mandatory) is set, or the socket is a SERVER,
    /// PEER or STREAM: then senders wait for that peer.
    #[default]
    Block,
    /// Drop the message that does not fit.
    DropNewest,
    /// Drop the oldest message still waiting and take the new one (a sliding buffer).
    DropOldest,
    /// Keep only the newest message, whatever the high-water mark says
    /// (`ZMQ_CONFLATE`, for messages of any number of frames).
    Latest,
}

/// How long a closing socket goes on sending what it accepted (`ZMQ_LINGER`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Linger {
    /// Until everything is on the wire (libzmq's −1). The default.
    #[default]
    UntilSent,
    /// For at most this long; zero drops at once what is not on the wire yet. What an inproc peer
    /// has room for is not dropped: over inproc a message counts as being with the peer once it
    /// is sent.
    For(Duration),
}

impl From<Duration> for Linger {
    fn from(time: Duration) -> Self {
        Linger::For(time)
    }
}

/// `None` is no limit: [`Linger::UntilSent`].
impl From<Option<Duration>> for Linger {
    fn from(time: Option<Duration>) -> Self {
        time.map_or(Linger::UntilSent, Linger::For)
    }
}

/// Each field is described at its setter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queues {
    pub(crate) send_high_water_mark: usize,
    pub(crate) receive_high_water_mark: usize,
    pub(crate) send_overflow: Overflow,
    pub(crate) receive_overflow: Overflow,
    pub(crate) linger: Linger,
    pub(crate) immediate: bool,
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
        }
    }
}

/// # Queues
impl Options {
    /// Messages the socket holds per peer on their way out; 0 for no limit
    /// (`ZMQ_SNDHWM`, default 1000).
    #[doc(alias = "ZMQ_SNDHWM")]
    #[doc(alias = "SNDHWM")]
    #[must_use]
    pub fn send_high_water_mark(mut self, send_high_water_mark: usize) -> Self {
        self.queues.send_high_water_mark = send_high_water_mark;
        self
    }

    /// What [`send_high_water_mark`](Options::send_high_water_mark) is set to.
    #[must_use]
    pub fn get_send_high_water_mark(&self) -> usize {
        self.queues.send_high_water_mark
    }

    /// Messages the socket holds per peer on their way in; 0 for no limit
    /// (`ZMQ_RCVHWM`, default 1000).
    #[doc(alias = "ZMQ_RCVHWM")]
    #[doc(alias = "RCVHWM")]
    #[must_use]
    pub fn receive_high_water_mark(mut self, receive_high_water_mark: usize) -> Self {
        self.queues.receive_high_water_mark = receive_high_water_mark;
        self
    }

    /// What [`receive_high_water_mark`](Options::receive_high_water_mark) is set to.
    #[must_use]
    pub fn get_receive_high_water_mark(&self) -> usize {
        self.queues.receive_high_water_mark
    }

    /// What a full `in` does, and on types that have a queue for each peer (PUB, XPUB, RADIO, XSUB,
    /// ROUTER, REP, SERVER, PEER, STREAM) that queue (no libzmq twin but `ZMQ_CONFLATE`; default
    /// [`Overflow::Block`]).
    #[must_use]
    pub fn send_overflow(mut self, send_overflow: Overflow) -> Self {
        self.queues.send_overflow = send_overflow;
        self
    }

    /// What [`send_overflow`](Options::send_overflow) is set to.
    #[must_use]
    pub fn get_send_overflow(&self) -> Overflow {
        self.queues.send_overflow
    }

    /// What a full `out` does (no libzmq twin but `ZMQ_CONFLATE`; default [`Overflow::Block`]).
    #[must_use]
    pub fn receive_overflow(mut self, receive_overflow: Overflow) -> Self {
        self.queues.receive_overflow = receive_overflow;
        self
    }

    /// What [`receive_overflow`](Options::receive_overflow) is set to.
    #[must_use]
    pub fn get_receive_overflow(&self) -> Overflow {
        self.queues.receive_overflow
    }

    /// How long closing goes on sending (`ZMQ_LINGER`, default [`Linger::UntilSent`]). What waits
    /// in `in` belongs to the socket and not to one of its peers, so it may go to any peer: until
    /// it has, or this time is over, a closing socket goes on listening and connecting, and takes
    /// new peers (libzmq binds messages to a peer when they are sent, and stops listening at
    /// once).
    #[doc(alias = "ZMQ_LINGER")]
    #[doc(alias = "LINGER")]
    #[must_use]
    pub fn linger(mut self, linger: impl Into<Linger>) -> Self {
        self.queues.linger = linger.into();
        self
    }

    /// What [`linger`](Options::linger) is set to.
    #[must_use]
    pub fn get_linger(&self) -> Linger {
        self.queues.linger
    }

    /// Messages are accepted only while a peer is connected (`ZMQ_IMMEDIATE`, default false:
    /// up to the high-water mark is accepted before): until then `in` is full, and a policy that
    /// drops does so. Either way a message is bound to a peer only when that peer is connected.
    /// PAIR, REQ, PUSH, DEALER, CLIENT, SCATTER, CHANNEL: others have a queue for each peer.
    #[doc(alias = "ZMQ_IMMEDIATE")]
    #[doc(alias = "IMMEDIATE")]
    #[must_use]
    pub fn immediate(mut self, immediate: bool) -> Self {
        self.queues.immediate = immediate;
        self
    }

    /// What [`immediate`](Options::immediate) is set to.
    #[must_use]
    pub fn get_immediate(&self) -> bool {
        self.queues.immediate
    }

    /// Sets one limit for both directions, in messages per peer.
    #[doc(alias = "ZMQ_HWM")]
    #[doc(alias = "HWM")]
    #[must_use]
    pub fn high_water_marks(self, messages: usize) -> Self {
        self.send_high_water_mark(messages)
            .receive_high_water_mark(messages)
    }

    /// Sets one policy for both directions.
    #[doc(alias = "ZMQ_CONFLATE")]
    #[doc(alias = "CONFLATE")]
    #[must_use]
    pub fn overflow(self, policy: Overflow) -> Self {
        self.send_overflow(policy).receive_overflow(policy)
    }

    /// Sliding buffers of `messages` in both directions: the newest survive.
    #[must_use]
    pub fn sliding(self, messages: usize) -> Self {
        self.high_water_marks(messages)
            .overflow(Overflow::DropOldest)
    }
}
