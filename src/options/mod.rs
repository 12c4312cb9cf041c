//! The options of sockets and of contexts, with their defaults and the reasons for them.

mod effect;
mod setters;

use std::fmt;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{ConfigureError, ContextError, SocketError};
use crate::message::Message;
use crate::security::Security;

mod accept_filter;
mod zmtp_version;

pub use crate::context::ContextOptions;
pub use accept_filter::{AcceptFilter, PeerAddress};
pub use zmtp_version::ZmtpVersion;

/// RFC 37 allows an identity 255 bytes.
const MAX_ROUTING_ID: usize = 255;

/// A PING has 16 bits for tenths of a second (RFC 37, Connection Heartbeating): these are one too
/// many.
const HEARTBEAT_TTL_LIMIT: Duration = Duration::from_millis(6_553_600);

/// Peers need not listen to a handshake of any length. Those of this library take 64 KiB and 128
/// properties.
const MAX_METADATA: usize = 32 * 1024;
const MAX_PROPERTIES: usize = 100;

/// Frames of full size that a message may have if the user limits frames and says nothing of
/// messages; and the bytes it may have in any case, for messages of many small frames.
const DERIVED_FRAMES: u64 = 256;
const DERIVED_AT_LEAST: u64 = 16 << 20;

/// What Linux takes as the pauses of keepalive, in seconds.
const KEEPALIVE_SECONDS: std::ops::RangeInclusive<u64> = 1..=32_767;

/// What Linux takes as the number of keepalive probes.
const KEEPALIVE_PROBES: std::ops::RangeInclusive<u32> = 1..=127;

/// Where keepalive probes have an interval and a count, as far as is known here.
const HAS_KEEPALIVE_PROBES: bool = cfg!(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "windows",
));

/// Where the type of service is set for both families, as far as is known here.
const HAS_TYPE_OF_SERVICE: bool = cfg!(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
));

/// Linux's `IFNAMSIZ` without the closing NUL.
const MAX_DEVICE: usize = 15;

/// RFC 1929 and RFC 24 count user name and password with a byte each.
const MAX_CREDENTIAL: usize = 255;

/// libzmq's limit.
const MAX_ZAP_DOMAIN: usize = 255;

/// What a full channel does with one more message.
///
/// Every message a policy drops is counted: see `Sender::dropped` and `Receiver::dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Wait until there is room: nothing is lost, the pressure climbs to the sender. The default.
    /// Only the queue of a single peer drops the message that does not fit, as ZeroMQ has it, unless
    /// [`xpub_no_drop`](Options#structfield.xpub_no_drop) or
    /// [`router_mandatory`](Options#structfield.router_mandatory) is set, or the socket is a SERVER,
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

/// Whether idle TCP connections are probed by the kernel (`ZMQ_TCP_KEEPALIVE` and its likes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TcpKeepalive {
    /// As the operating system has it (libzmq's −1). The default.
    #[default]
    System,
    /// Never (libzmq's 0).
    Off,
    /// Yes (libzmq's 1), with what is `None` as the operating system has it.
    On {
        /// Silence before the first probe (`ZMQ_TCP_KEEPALIVE_IDLE`), in whole seconds.
        idle: Option<Duration>,
        /// Pause between probes (`ZMQ_TCP_KEEPALIVE_INTVL`), in whole seconds.
        interval: Option<Duration>,
        /// Probes without answer that end the connection (`ZMQ_TCP_KEEPALIVE_CNT`).
        count: Option<u32>,
    },
}

/// A SOCKS5 proxy that TCP connections are made through (`ZMQ_SOCKS_PROXY`; RFC 1928). Host names
/// are passed to it unresolved. An attempt that fails, whoever is to blame, is followed by another
/// as any failed attempt; the proxy has
/// [`connect_timeout`](Options#structfield.connect_timeout) for it, or where that is `None`
/// [`handshake_timeout`](Options#structfield.handshake_timeout) from when it is reached.
///
/// ```
/// use zmq_channels::options::SocksProxy;
/// use zmq_channels::Options;
///
/// let proxy = SocksProxy::new("proxy.example.org:1080").credentials("user", "secret");
/// let options = Options::new().socks_proxy(proxy);
/// assert!(options.socks_proxy.is_some());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SocksProxy {
    /// The proxy's `host:port`, or `source:port;host:port` to leave for it from that source, as in
    /// an [`Endpoint`]; a source in the endpoint that is connected to goes before.
    pub address: String,
    /// User name of 1 to 255 bytes and password of 0 to 255 (`ZMQ_SOCKS_USERNAME`,
    /// `ZMQ_SOCKS_PASSWORD`, RFC 1929); `None` asks for a proxy that wants none. RFC 1929 has no
    /// empty password: it is sent as one of length zero, as libzmq does, and is for proxies that
    /// take it.
    pub credentials: Option<(String, String)>,
}

/// Without the password.
impl fmt::Debug for SocksProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("SocksProxy")
            .field("address", &self.address)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

impl SocksProxy {
    /// The proxy at `host:port`, without credentials.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        SocksProxy {
            address: address.into(),
            credentials: None,
        }
    }

    /// The same with a user name and a password.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }
}

/// Which changes of its peers a ROUTER tells its user (`ZMQ_ROUTER_NOTIFY`), as a message of the
/// peer's routing id and an empty frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Notify {
    /// None. The default.
    #[default]
    Never,
    /// That a peer has connected.
    Connects,
    /// That a peer is gone.
    Disconnects,
    /// Both.
    Both,
}

/// Which subscriptions an XPUB passes on to its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verbosity {
    /// The first subscription to a topic and the last cancellation. The default.
    #[default]
    Changes,
    /// Every subscription, and the last cancellation (`ZMQ_XPUB_VERBOSE`).
    Subscriptions,
    /// Every subscription and every cancellation, also of what the peer had not subscribed to
    /// (`ZMQ_XPUB_VERBOSER`).
    Everything,
}

/// Whether the user of an XPUB decides what its peers are subscribed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ManualSubscriptions {
    /// Peers get what they subscribe to. The default.
    #[default]
    Off,
    /// The user is told of every subscription and cancellation, and none takes effect but
    /// through the socket's own `subscribe` and `unsubscribe`, which are about the peer whose
    /// message was received last (`ZMQ_XPUB_MANUAL`).
    On,
    /// As [`On`](ManualSubscriptions::On), and the first message sent after a subscription was
    /// received goes to that peer only (`ZMQ_XPUB_MANUAL_LAST_VALUE`).
    LastValue,
}

/// After what a socket does not connect to an endpoint again (`ZMQ_RECONNECT_STOP`).
///
/// An endpoint that is [disconnected](crate::Socket::disconnect) is never connected to again, so
/// there is no field for `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT`: in libzmq an attempt may go on after
/// `zmq_disconnect` for as long as messages linger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReconnectStop {
    /// Nobody listens there (`ZMQ_RECONNECT_STOP_CONN_REFUSED`): every address the endpoint's name
    /// resolves to refuses, or there is no such ipc path. Not for what a proxy refuses.
    pub refused: bool,
    /// There was a connection, but it ended before the handshake was done, or whoever is there
    /// speaks no ZMTP, or nothing (`ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`).
    pub handshake_failed: bool,
}

/// The settings of one socket. Plain values: build one, pass it to
/// [`Context::socket_with`](crate::Context::socket_with), keep or change a copy. An option that can
/// have no effect on the type of socket is refused ([`SocketError::WithoutEffect`]), unless it has
/// its default value, comes from the context, or is set to the same for both directions.
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
    /// What a full `in` does, and on types that have a queue for each peer (PUB, XPUB, RADIO, XSUB,
    /// ROUTER, REP, SERVER, PEER, STREAM) that queue (no libzmq twin but `ZMQ_CONFLATE`; default
    /// [`Overflow::Block`]).
    pub send_overflow: Overflow,
    /// What a full `out` does (no libzmq twin but `ZMQ_CONFLATE`; default [`Overflow::Block`]).
    pub receive_overflow: Overflow,
    /// How long closing goes on sending (`ZMQ_LINGER`, default [`Linger::UntilSent`]). What waits
    /// in `in` belongs to the socket and not to one of its peers, so it may go to any peer: until
    /// it has, or this time is over, a closing socket goes on listening and connecting, and takes
    /// new peers (libzmq binds messages to a peer when they are sent, and stops listening at
    /// once).
    pub linger: Linger,
    /// The name peers of type ROUTER know this socket by: 1 to 255 bytes, the first not zero;
    /// empty for none (`ZMQ_ROUTING_ID`, default empty).
    pub routing_id: Vec<u8>,
    /// The oldest version of ZMTP a peer may speak; default [`ZmtpVersion::V1_0`], as with libzmq.
    /// A peer of an older one is disconnected, and monitors are told
    /// [`DisconnectReason::OldVersion`](crate::monitor::DisconnectReason::OldVersion). A peer of ZMTP 1.0
    /// says nothing by which it can be told from one of another protocol: what clients of RDP,
    /// Minecraft or DNS say first may reach the user as messages, unless this is
    /// [`V2_0`](ZmtpVersion::V2_0) or later. Not for STREAM. (libzmq has no such option.)
    pub oldest_zmtp: ZmtpVersion,
    /// The largest frame a peer may send, in bytes; `None` for no limit
    /// (`ZMQ_MAXMSGSIZE`, default `None`). A peer that announces more is disconnected.
    pub max_frame_size: Option<u64>,
    /// The most bytes that all frames of one message from a peer may have together. A peer that
    /// sends more is disconnected as soon as that shows, whether the message is whole or not.
    /// `None`, the default, derives it from
    /// [`max_frame_size`](Options#structfield.max_frame_size): 256 times that, and no less than
    /// 16 MiB; no limit if that has none. Over inproc, as there, nothing is limited. (libzmq has no
    /// such option.)
    pub max_message_size: Option<u64>,
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
    /// The kernel's send buffer in bytes (`ZMQ_SNDBUF`); `None` keeps the system's. Default `None`.
    pub kernel_send_buffer: Option<usize>,
    /// The kernel's receive buffer in bytes (`ZMQ_RCVBUF`); `None` keeps the system's.
    /// Default `None`.
    pub kernel_receive_buffer: Option<usize>,
    /// The pump the socket lives on, counted from 0 (in the place of `ZMQ_AFFINITY`, which names
    /// a set of I/O threads for each connection); `None`, the default, for the pump with the
    /// fewest sockets. Settled when the socket is opened.
    pub pump: Option<usize>,
    /// Messages are accepted only while a peer is connected (`ZMQ_IMMEDIATE`, default false:
    /// up to the high-water mark is accepted before): until then `in` is full, and a policy that
    /// drops does so. Either way a message is bound to a peer only when that peer is connected.
    /// PAIR, REQ, PUSH, DEALER, CLIENT, SCATTER, CHANNEL: others have a queue for each peer.
    pub immediate: bool,
    /// How often each peer is asked for a sign of life, from the handshake on
    /// (`ZMQ_HEARTBEAT_IVL`); `None`, the default, never asks. libzmq answers since 4.2. Peers of
    /// ZMTP 2.0 and 1.0 (libzmq 3 and 2) have no words for it: they are never asked, and never
    /// given up for being silent.
    pub heartbeat_interval: Option<Duration>,
    /// How long a peer that was asked may stay silent before its connection ends, to be made anew
    /// by whoever made it (`ZMQ_HEARTBEAT_TIMEOUT`); `None`, the default, means as long as
    /// [`heartbeat_interval`](Options#structfield.heartbeat_interval). Anything that comes from
    /// the peer counts. A peer whose user does not keep up stops reading, and then cannot answer:
    /// it is heard of if it asks for signs of life as well, at intervals shorter than this.
    pub heartbeat_timeout: Option<Duration>,
    /// How long the peer should wait for our next sign of life before it ends the connection
    /// (`ZMQ_HEARTBEAT_TTL`), rounded down to tenths of a second; `None`, the default, and less
    /// than 100 ms do not tell it. A PING has 16 bits for it: 6553.6 s and more are an error when
    /// the socket is opened, as with libzmq, and never a shorter time.
    pub heartbeat_ttl: Option<Duration>,
    /// How connections over tcp and ipc are secured (`ZMQ_PLAIN_SERVER`, `ZMQ_PLAIN_USERNAME`,
    /// `ZMQ_PLAIN_PASSWORD`, `ZMQ_CURVE_SERVER`, `ZMQ_CURVE_PUBLICKEY`, `ZMQ_CURVE_SECRETKEY`,
    /// `ZMQ_CURVE_SERVERKEY`); default [`Security::Null`]. Not for STREAM; inproc has none. Peers
    /// of ZMTP 2.0 and 1.0, which know no security, are refused unless it is [`Security::Null`]
    /// and [`zap_domain`](Options#structfield.zap_domain) is empty.
    pub security: Security,
    /// What this socket's peers are judged under, at most 255 bytes (`ZMQ_ZAP_DOMAIN`, default
    /// empty): told to the [`Authenticator`](crate::Authenticator) or ZAP handler of the context.
    /// With [`Security::Null`] peers are judged only if it is not empty. See
    /// [`zap_enforce_domain`](Options#structfield.zap_enforce_domain) for what happens without
    /// anybody to judge them.
    pub zap_domain: String,
    /// Whether [`zap_domain`](Options#structfield.zap_domain) is taken seriously
    /// (`ZMQ_ZAP_ENFORCE_DOMAIN`, default false). If so, with NULL and CURVE a domain without
    /// anybody to judge peers lets nobody in, and a CURVE server without a domain has nobody
    /// judged; if not, NULL and CURVE servers without anybody to judge let everybody in, and CURVE
    /// servers have their clients judged if there is somebody. A PLAIN server asks in any case, and
    /// lets nobody in if there is nobody to ask; it must have a domain if this is set.
    pub zap_enforce_domain: bool,
    /// Properties of our own that each peer is told during the handshake (`ZMQ_METADATA`): names
    /// that begin with `X-`, and values; at most 100 of them, with 32 KiB together. Default none.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// Bytes read from a peer at once, from 1 KiB to 16 MiB (`ZMQ_IN_BATCH_SIZE`; default
    /// 128 KiB, where libzmq has 8 KiB). A buffer grows so far only if that much comes. A frame of
    /// more than a quarter of it is read straight into its place, as much as there is.
    pub in_batch_size: usize,
    /// Bytes of small messages gathered in one piece, from 1 KiB to 16 MiB
    /// (`ZMQ_OUT_BATCH_SIZE`; default 64 KiB, where libzmq has 8 KiB). One write takes many pieces
    /// if they are there.
    pub out_batch_size: usize,
    /// Peers the socket has at most, counted from the end of their handshake; a peer that comes
    /// later is disconnected, and counted in
    /// [`Statistics::refused`](crate::statistics::Statistics#structfield.refused), where it stands
    /// when such a peer loses what it has sent.
    /// `None`, the default, for no limit. (libzmq has no such option.)
    pub max_peers: Option<usize>,
    /// Whether what is received tells [whom from](crate::Message::peer) (`zmq_msg_gets`, default
    /// `false`). It costs an allocation for each message. A change is for peers that
    /// connect from then on; once it is `false` no message tells it.
    pub message_peers: bool,
    /// After what an endpoint is given up (`ZMQ_RECONNECT_STOP`); by default after nothing.
    pub reconnect_stop: ReconnectStop,
    /// Which connections a listener takes; `None`, the default, takes all.
    pub accept_filter: Option<AcceptFilter>,
    /// Whether names resolve to IPv6 addresses too and `tcp://*` listens on both families
    /// (`ZMQ_IPV6`, default false), or on IPv4 alone where the system has no IPv6. IPv4 addresses
    /// are tried first. An endpoint that names an IPv6 address needs no option.
    pub ipv6: bool,
    /// Whether the kernel probes idle TCP connections (`ZMQ_TCP_KEEPALIVE`, `_IDLE`, `_INTVL`,
    /// `_CNT`); default [`TcpKeepalive::System`].
    pub tcp_keepalive: TcpKeepalive,
    /// How long sent bytes may stay unacknowledged before TCP ends the connection
    /// (`ZMQ_TCP_MAXRT`), in whole milliseconds; Linux only. `None`, the default, leaves it to the
    /// system.
    pub tcp_max_retransmit: Option<Duration>,
    /// The type-of-service byte of our IP packets: DSCP and ECN (`ZMQ_TOS`, default 0).
    pub type_of_service: u8,
    /// The only network device TCP sockets use, as `eth0` (`ZMQ_BINDTODEVICE`); Linux only, and
    /// before 5.7 a privilege. Without the device or the right to it `bind` is an error, and
    /// attempts to connect fail until there is. Default `None`.
    pub bind_to_device: Option<String>,
    /// The proxy TCP connections are made through (`ZMQ_SOCKS_PROXY`); `None`, the default, for
    /// none.
    pub socks_proxy: Option<SocksProxy>,
    /// ROUTER: refuses a message to a peer that is not there, giving it back, and waits for room
    /// where the peer is there but full; messages to other peers do not wait
    /// (`ZMQ_ROUTER_MANDATORY`, default false: either message is dropped and counted). SERVER and
    /// PEER always do. Has an effect on full peers only where
    /// [`send_overflow`](Options#structfield.send_overflow) is `Block`.
    pub router_mandatory: bool,
    /// ROUTER: a peer that announces a routing id that is in use takes it over, and the
    /// connection that had it ends (`ZMQ_ROUTER_HANDOVER`, default false: the newcomer is
    /// refused). An id that was given to an endpoint when connecting stays there.
    pub router_handover: bool,
    /// ROUTER: which peers' coming and going the user is told of (`ZMQ_ROUTER_NOTIFY`; here over
    /// inproc as well).
    pub router_notify: Notify,
    /// REQ, DEALER, ROUTER: sends each new peer an empty message, so that a ROUTER there learns
    /// of us (`ZMQ_PROBE_ROUTER`, default false).
    pub probe_router: bool,
    /// REQ: puts a number in front of each request and takes only the reply with that number
    /// (`ZMQ_REQ_CORRELATE`, default false). [`Socket::request`](crate::Socket::request) does so in
    /// any case.
    pub req_correlate: bool,
    /// REQ: a new request may be sent before the reply to the last one has come, and gives that
    /// one up (`ZMQ_REQ_RELAXED`, default false): from the moment it is accepted no reply to an
    /// earlier one is received, not even one that was already there; it is dropped and counted
    /// ([`DropReason::Late`](crate::statistics::DropReason::Late)). Go with
    /// [`req_correlate`](Options#structfield.req_correlate), or late replies are taken for others.
    pub req_relaxed: bool,
    /// STREAM: tells the user of each peer's coming and going with an empty message
    /// (`ZMQ_STREAM_NOTIFY`, default true), of connections that the user ended too.
    pub stream_notify: bool,
    /// XPUB: which subscriptions the user is told of (`ZMQ_XPUB_VERBOSE`, `ZMQ_XPUB_VERBOSER`).
    /// While `out` is full of them no peer is heard: who does not read it sets
    /// [`receive_overflow`](Options#structfield.receive_overflow).
    pub xpub_verbosity: Verbosity,
    /// XPUB: whether the user decides on subscriptions (`ZMQ_XPUB_MANUAL`,
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`).
    pub xpub_manual: ManualSubscriptions,
    /// PUB, XPUB, RADIO: waits while any peer that wants the message is full, instead of dropping
    /// it for that peer (`ZMQ_XPUB_NODROP`, default false). No peer gets the message meanwhile;
    /// messages that only other peers want do not wait. Has an effect only where
    /// [`send_overflow`](Options#structfield.send_overflow) is `Block`.
    pub xpub_no_drop: bool,
    /// PUB, XPUB: what each new peer is sent first (`ZMQ_XPUB_WELCOME_MSG`). Default `None`. A SUB
    /// lets it in only if it has subscribed to what it begins with before it connects.
    pub xpub_welcome: Option<Message>,
    /// PUB, XPUB, SUB: messages go to those who did *not* subscribe to them
    /// (`ZMQ_INVERT_MATCHING`, default false). Both ends must be set.
    pub invert_matching: bool,
    /// PUB, XPUB, XSUB: only the first frame of a message of several may be a subscription
    /// (`ZMQ_ONLY_FIRST_SUBSCRIBE`, default false). For PUB and XPUB, on connections made from then on;
    /// set it at both ends.
    pub only_first_subscribe: bool,
    /// XSUB: passes on every cancellation, not only the last one of a topic
    /// (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`, default false).
    pub xsub_verbose_unsubscribe: bool,
    /// What each new peer is sent first (`ZMQ_HELLO_MSG`), also after a reconnect; DEALER, ROUTER,
    /// PAIR, PUSH, SERVER, CLIENT, PEER, CHANNEL, SCATTER. It does not count against the high-water
    /// mark. Default `None`. Like both notices below, one of several frames is refused where messages
    /// have one: SERVER, CLIENT, PEER, CHANNEL, SCATTER, GATHER.
    pub hello: Option<Message>,
    /// What the user receives when a peer that had connected to us is gone
    /// (`ZMQ_DISCONNECT_MSG`); ROUTER, DEALER, PAIR, PULL, SERVER, CLIENT, PEER, CHANNEL, GATHER.
    /// Default `None`.
    pub disconnect_notice: Option<Message>,
    /// What the user receives when a peer that we connected to is gone (`ZMQ_HICCUP_MSG`); the
    /// same types. Default `None`.
    pub hiccup_notice: Option<Message>,
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
    /// What both batch sizes may be, in bytes.
    const BATCH_SIZES: std::ops::RangeInclusive<usize> = 1024..=16 * 1024 * 1024;
    /// One system call for a thousand small messages; still in the nearest caches.
    pub const DEFAULT_BATCH_SIZE: usize = 64 * 1024;
    /// Twice as much as peers gather: what came meanwhile is read along.
    pub const DEFAULT_IN_BATCH_SIZE: usize = 2 * Self::DEFAULT_BATCH_SIZE;

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
            oldest_zmtp: ZmtpVersion::V1_0,
            max_frame_size: None,
            max_message_size: None,
            reconnect_interval: Some(Self::DEFAULT_RECONNECT_INTERVAL),
            reconnect_interval_max: Self::DEFAULT_RECONNECT_INTERVAL_MAX,
            connect_timeout: None,
            handshake_timeout: Some(Self::DEFAULT_HANDSHAKE_TIMEOUT),
            backlog: Self::DEFAULT_BACKLOG,
            kernel_send_buffer: None,
            kernel_receive_buffer: None,
            pump: None,
            immediate: false,
            heartbeat_interval: None,
            heartbeat_timeout: None,
            heartbeat_ttl: None,
            security: Security::Null,
            zap_domain: String::new(),
            zap_enforce_domain: false,
            metadata: Vec::new(),
            in_batch_size: Self::DEFAULT_IN_BATCH_SIZE,
            out_batch_size: Self::DEFAULT_BATCH_SIZE,
            max_peers: None,
            message_peers: false,
            reconnect_stop: ReconnectStop::default(),
            accept_filter: None,
            ipv6: false,
            tcp_keepalive: TcpKeepalive::System,
            tcp_max_retransmit: None,
            type_of_service: 0,
            bind_to_device: None,
            socks_proxy: None,
            router_mandatory: false,
            router_handover: false,
            router_notify: Notify::Never,
            probe_router: false,
            req_correlate: false,
            req_relaxed: false,
            stream_notify: true,
            xpub_verbosity: Verbosity::Changes,
            xpub_manual: ManualSubscriptions::Off,
            xpub_no_drop: false,
            xpub_welcome: None,
            invert_matching: false,
            only_first_subscribe: false,
            xsub_verbose_unsubscribe: false,
            hello: None,
            disconnect_notice: None,
            hiccup_notice: None,
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
    pub(crate) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.routing_id.len() > MAX_ROUTING_ID {
            return fault("routing_id", "longer than 255 bytes");
        }
        if self.routing_id.first() == Some(&0) {
            return fault(
                "routing_id",
                "starts with a zero byte, which ROUTER keeps for itself",
            );
        }
        if self.reconnect_interval == Some(Duration::ZERO) {
            return fault("reconnect_interval", "zero; None means never");
        }
        self.check_security()?;
        self.check_wire()?;
        self.check_network()?;
        if self.backlog == 0 || self.backlog > i32::MAX as u32 {
            return fault("backlog", "not within 1 and 2147483647");
        }
        Ok(())
    }

    /// The most bytes a message of a peer may have.
    pub(crate) fn message_limit(&self) -> Option<u64> {
        let derived = |frame: u64| frame.saturating_mul(DERIVED_FRAMES).max(DERIVED_AT_LEAST);
        self.max_message_size
            .or_else(|| self.max_frame_size.map(derived))
    }

    /// The options that are about who may talk to us.
    fn check_security(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if let Security::PlainClient { username, password } = &self.security {
            // RFC 24 counts each with a byte; libzmq takes no empty ones.
            let fits = |text: &String| text.len() <= MAX_CREDENTIAL;
            if !fits(username) || !fits(password) {
                return fault("security", "user name or password longer than 255 bytes");
            }
        }
        if self.zap_domain.len() > MAX_ZAP_DOMAIN {
            return fault("zap_domain", "longer than 255 bytes");
        }
        let needs_domain = self.zap_enforce_domain && self.security == Security::PlainServer;
        if needs_domain && self.zap_domain.is_empty() {
            return fault("zap_domain", "empty, but enforced for a PLAIN server");
        }
        Ok(())
    }

    /// The options that are about what is said to peers.
    fn check_wire(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.heartbeat_interval == Some(Duration::ZERO) {
            return fault("heartbeat_interval", "zero; None means never");
        }
        if self.heartbeat_timeout == Some(Duration::ZERO) {
            return fault("heartbeat_timeout", "zero; None means as the interval");
        }
        if self
            .heartbeat_ttl
            .is_some_and(|ttl| ttl >= HEARTBEAT_TTL_LIMIT)
        {
            return fault("heartbeat_ttl", "not below 6553.6 s");
        }
        if self.xpub_welcome.as_ref().is_some_and(Message::is_empty) {
            return fault("xpub_welcome", "a message without frames; None means none");
        }
        for (option, message) in [("xpub_welcome", &self.xpub_welcome), ("hello", &self.hello)] {
            if message
                .as_ref()
                .is_some_and(|message| message.len() > Message::MAX_FRAMES)
            {
                return fault(option, "a message of more than 1048576 frames");
            }
        }
        for (name, _) in &self.metadata {
            // RFC 37, Metadata: names of the application begin with "X-".
            let begins = name
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("X-"));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
            if !begins || name.len() < 3 || name.len() > 255 || !name.bytes().all(is_name) {
                return fault(
                    "metadata",
                    "a name is not X- and 1 to 253 letters, digits, or any of - _ . +",
                );
            }
        }
        let bytes = |(name, value): &(String, Vec<u8>)| name.len() + value.len();
        if self.metadata.len() > MAX_PROPERTIES
            || self.metadata.iter().map(bytes).sum::<usize>() > MAX_METADATA
        {
            return fault("metadata", "more than 100 properties, or more than 32 KiB");
        }
        for size in [self.in_batch_size, self.out_batch_size] {
            if !(Self::BATCH_SIZES).contains(&size) {
                return fault(
                    "in_batch_size, out_batch_size",
                    "not within 1 KiB and 16 MiB",
                );
            }
        }
        if self.max_peers == Some(0) {
            return fault("max_peers", "zero; None means no limit");
        }
        Ok(())
    }

    /// The options that are about sockets of the operating system: where it does not have them,
    /// better an error now than a setting that does nothing.
    fn check_network(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if let TcpKeepalive::On {
            idle,
            interval,
            count,
        } = self.tcp_keepalive
        {
            let fits = |pause: Option<Duration>| {
                pause.is_none_or(|pause| KEEPALIVE_SECONDS.contains(&pause.as_secs()))
            };
            if !fits(idle) || !fits(interval) {
                return fault("tcp_keepalive", "a pause not within 1 and 32767 s");
            }
            if count.is_some_and(|count| !KEEPALIVE_PROBES.contains(&count)) {
                return fault("tcp_keepalive", "a count not within 1 and 127");
            }
            if !HAS_KEEPALIVE_PROBES && (interval.is_some() || count.is_some()) {
                return fault("tcp_keepalive", "this system has no interval and count");
            }
        }
        if !HAS_TYPE_OF_SERVICE && self.type_of_service != 0 {
            return fault("type_of_service", "this system does not have it");
        }
        let is_linux = cfg!(any(target_os = "android", target_os = "linux"));
        if let Some(limit) = self.tcp_max_retransmit {
            if !is_linux {
                return fault("tcp_max_retransmit", "this system does not have it");
            }
            if !(1..=i32::MAX as u128).contains(&limit.as_millis()) {
                return fault("tcp_max_retransmit", "not within 1 and 2147483647 ms");
            }
        }
        if let Some(device) = &self.bind_to_device {
            if !is_linux {
                return fault("bind_to_device", "this system does not have it");
            }
            if !(1..=MAX_DEVICE).contains(&device.len()) || device.contains('\0') {
                return fault("bind_to_device", "not a name of 1 to 15 bytes");
            }
        }
        if let Some(proxy) = &self.socks_proxy {
            if Endpoint::parse_proxy(&proxy.address).is_err() {
                return fault("socks_proxy", "the address is not host:port");
            }
            if let Some((user, password)) = &proxy.credentials {
                if !(1..=MAX_CREDENTIAL).contains(&user.len()) {
                    return fault("socks_proxy", "user name not of 1 to 255 bytes");
                }
                if password.len() > MAX_CREDENTIAL {
                    return fault("socks_proxy", "password longer than 255 bytes");
                }
            }
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

/// An option with a value it cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptionFault {
    option: &'static str,
    reason: &'static str,
}

impl From<OptionFault> for SocketError {
    fn from(OptionFault { option, reason }: OptionFault) -> Self {
        SocketError::Option { option, reason }
    }
}

impl From<OptionFault> for ContextError {
    fn from(OptionFault { option, reason }: OptionFault) -> Self {
        ContextError::Option { option, reason }
    }
}

impl From<OptionFault> for ConfigureError {
    fn from(OptionFault { option, reason }: OptionFault) -> Self {
        ConfigureError::Option { option, reason }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}
