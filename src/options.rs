//! What can be set on a socket, with its defaults and their reasons.

use std::time::Duration;

use crate::error::SocketError;

/// RFC 37 allows an identity 255 octets.
const MAX_ROUTING_ID: usize = 255;

/// What a full channel does with one more message.
///
/// Every message a policy drops is counted: see `Sender::dropped` and `Receiver::dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Wait until there is room: nothing is lost, the pressure climbs to the sender. The default.
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
    /// For at most this long; zero drops at once what is not on the wire yet.
    For(Duration),
}

/// The settings of one socket. Plain values: build one, pass it to
/// [`Context::socket_with`](crate::Context::socket_with), keep or change a copy.
///
/// ```
/// use std::time::Duration;
/// use zmq_channels::{Linger, Options, Overflow};
///
/// let options = Options::new()
///     .send_high_water_mark(64)
///     .send_overflow(Overflow::DropOldest)
///     .linger(Linger::For(Duration::from_millis(100)));
/// assert_eq!(options.send_high_water_mark, 64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Messages the socket holds per peer on their way out; 0 for no limit
    /// (`ZMQ_SNDHWM`, default 1000).
    pub send_high_water_mark: usize,
    /// Messages the socket holds per peer on their way in; 0 for no limit
    /// (`ZMQ_RCVHWM`, default 1000).
    pub receive_high_water_mark: usize,
    /// What a full `in` does (no libzmq twin but `ZMQ_CONFLATE`; default [`Overflow::Block`]).
    pub send_overflow: Overflow,
    /// What a full `out` does (no libzmq twin but `ZMQ_CONFLATE`; default [`Overflow::Block`]).
    pub receive_overflow: Overflow,
    /// How long closing goes on sending (`ZMQ_LINGER`, default [`Linger::UntilSent`]).
    pub linger: Linger,
    /// The name peers of type ROUTER know this socket by: 1 to 255 octets, the first not zero;
    /// empty for none (`ZMQ_ROUTING_ID`, default empty).
    pub routing_id: Vec<u8>,
    /// The largest frame a peer may send, in octets; `None` for no limit
    /// (`ZMQ_MAXMSGSIZE`, default `None`). A peer that announces more is disconnected.
    pub max_frame_size: Option<u64>,
    /// The first pause before connecting again (`ZMQ_RECONNECT_IVL`, default 100 ms);
    /// `None` never connects again.
    pub reconnect_interval: Option<Duration>,
    /// The pause doubles after each failure up to this one (`ZMQ_RECONNECT_IVL_MAX`; default
    /// 5 s, where libzmq keeps trying every 100 ms).
    pub reconnect_interval_max: Duration,
    /// How long one attempt to connect may take (`ZMQ_CONNECT_TIMEOUT`); `None` leaves it to the
    /// operating system. Default `None`.
    pub connect_timeout: Option<Duration>,
    /// How long greeting and handshake may take together (`ZMQ_HANDSHAKE_IVL`, default 30 s);
    /// `None` for no limit.
    pub handshake_timeout: Option<Duration>,
    /// How many connections the kernel keeps waiting for us (`ZMQ_BACKLOG`, default 100).
    pub backlog: u32,
    /// The kernel's send buffer in octets (`ZMQ_SNDBUF`); `None` keeps the system's. Default `None`.
    pub kernel_send_buffer: Option<usize>,
    /// The kernel's receive buffer in octets (`ZMQ_RCVBUF`); `None` keeps the system's.
    /// Default `None`.
    pub kernel_receive_buffer: Option<usize>,
}

impl Options {
    /// libzmq's default for both high-water marks: enough to batch, small enough to bound memory.
    pub const DEFAULT_HIGH_WATER_MARK: usize = 1000;
    /// libzmq's default pause before connecting again.
    pub const DEFAULT_RECONNECT_INTERVAL: Duration = Duration::from_millis(100);
    /// A dead peer costs one attempt each five seconds, and is found again within that.
    pub const DEFAULT_RECONNECT_INTERVAL_MAX: Duration = Duration::from_secs(5);
    /// libzmq's default for a handshake.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
    /// libzmq's default backlog.
    pub const DEFAULT_BACKLOG: u32 = 100;

    /// The defaults, as documented on each field.
    #[must_use]
    pub fn new() -> Self {
        Options {
            send_high_water_mark: Self::DEFAULT_HIGH_WATER_MARK,
            receive_high_water_mark: Self::DEFAULT_HIGH_WATER_MARK,
            send_overflow: Overflow::Block,
            receive_overflow: Overflow::Block,
            linger: Linger::UntilSent,
            routing_id: Vec::new(),
            max_frame_size: None,
            reconnect_interval: Some(Self::DEFAULT_RECONNECT_INTERVAL),
            reconnect_interval_max: Self::DEFAULT_RECONNECT_INTERVAL_MAX,
            connect_timeout: None,
            handshake_timeout: Some(Self::DEFAULT_HANDSHAKE_TIMEOUT),
            backlog: Self::DEFAULT_BACKLOG,
            kernel_send_buffer: None,
            kernel_receive_buffer: None,
        }
    }

    /// Sets one limit for both directions, in messages per peer.
    #[must_use]
    pub fn high_water_marks(self, messages: usize) -> Self {
        self.send_high_water_mark(messages)
            .receive_high_water_mark(messages)
    }

    /// Sets one policy for both directions.
    #[must_use]
    pub fn overflow(self, policy: Overflow) -> Self {
        self.send_overflow(policy).receive_overflow(policy)
    }

    /// Whether every option has a value it can have.
    pub(crate) fn check(&self) -> Result<(), SocketError> {
        let fault = |option, reason| Err(SocketError::Option { option, reason });
        if self.routing_id.len() > MAX_ROUTING_ID {
            return fault("routing_id", "longer than 255 octets");
        }
        if self.routing_id.first() == Some(&0) {
            return fault(
                "routing_id",
                "starts with a zero octet, which ROUTER keeps for itself",
            );
        }
        if self.reconnect_interval == Some(Duration::ZERO) {
            return fault("reconnect_interval", "zero; None means never");
        }
        if self.backlog == 0 || self.backlog > i32::MAX as u32 {
            return fault("backlog", "not within 1 and 2147483647");
        }
        Ok(())
    }

    /// Sliding buffers of `messages` in both directions: the newest survive.
    #[must_use]
    pub fn sliding(self, messages: usize) -> Self {
        self.high_water_marks(messages)
            .overflow(Overflow::DropOldest)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

macro_rules! setters {
    ($($name:ident: $kind:ty),* $(,)?) => {
        impl Options {
            $(
                #[doc = concat!(
                    "Sets [`", stringify!($name), "`](Options#structfield.", stringify!($name), ").",
                )]
                #[must_use]
                pub fn $name(mut self, $name: $kind) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }
    };
}

setters! {
    send_high_water_mark: usize,
    receive_high_water_mark: usize,
    send_overflow: Overflow,
    receive_overflow: Overflow,
    linger: Linger,
    max_frame_size: Option<u64>,
    reconnect_interval: Option<Duration>,
    reconnect_interval_max: Duration,
    connect_timeout: Option<Duration>,
    handshake_timeout: Option<Duration>,
    backlog: u32,
    kernel_send_buffer: Option<usize>,
    kernel_receive_buffer: Option<usize>,
}

impl Options {
    /// Sets [`routing_id`](Options#structfield.routing_id).
    #[must_use]
    pub fn routing_id(mut self, routing_id: impl Into<Vec<u8>>) -> Self {
        self.routing_id = routing_id.into();
        self
    }
}
