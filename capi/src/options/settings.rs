//! The values of a socket's options.

use std::ffi::c_int;
use std::time::Duration;

use zmq_channels::options::{
    ManualSubscriptions, Notify, Options, ReconnectStop, SocksProxy, TcpKeepalive, Verbosity,
};
use zmq_channels::{Linger, Message, Overflow, SocketType};

use super::filter::Filters;
use super::security::Keys;
use crate::kind;
use crate::metadata;

/// The values as they were set, or libzmq's defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) kind: SocketType,
    pub(super) send_mark: c_int,
    pub(super) receive_mark: c_int,
    pub(super) affinity: u64,
    pub(super) routing_id: Vec<u8>,
    pub(super) multicast: Multicast,
    pub(super) send_buffer: c_int,
    pub(super) receive_buffer: c_int,
    pub(super) type_of_service: c_int,
    pub(super) linger: c_int,
    pub(super) connect_timeout: c_int,
    pub(super) max_retransmit: c_int,
    pub(super) reconnect_stop: c_int,
    pub(super) reconnect: c_int,
    pub(super) reconnect_max: c_int,
    pub(super) backlog: c_int,
    pub(super) max_message: i64,
    pub(crate) receive_timeout: c_int,
    pub(crate) send_timeout: c_int,
    pub(super) ipv6: bool,
    pub(super) immediate: bool,
    pub(super) socks: [String; 3],
    /// On or off, count, idle time, interval.
    pub(super) keepalive: [c_int; 4],
    pub(super) filters: Filters,
    pub(super) keys: Keys,
    pub(super) zap_domain: String,
    pub(super) zap_enforced: bool,
    pub(super) conflate: bool,
    pub(super) handshake: c_int,
    pub(super) heartbeat: c_int,
    pub(super) heartbeat_ttl: c_int,
    pub(super) heartbeat_timeout: c_int,
    pub(crate) use_fd: c_int,
    pub(super) device: String,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) in_batch: Option<c_int>,
    pub(super) out_batch: Option<c_int>,
    pub(super) hello: Vec<u8>,
    pub(super) disconnect: Vec<u8>,
    pub(super) hiccup: Vec<u8>,
    pub(super) invert_matching: bool,
    pub(super) mandatory: bool,
    /// A ROUTER for peers that do not speak ZMTP, which is a STREAM that does not notify.
    pub(super) raw: bool,
    pub(super) handover: bool,
    pub(super) router_notify: c_int,
    pub(super) probe: bool,
    pub(super) correlate: bool,
    pub(crate) relaxed: bool,
    pub(super) stream_notify: bool,
    pub(super) verbose: Verbosity,
    pub(super) manual: ManualSubscriptions,
    pub(super) no_drop: bool,
    pub(super) welcome: Option<Vec<u8>>,
    pub(super) only_first: bool,
    pub(super) verbose_unsubscribe: bool,
    /// The id that the next peer that is connected to is given.
    pub(crate) connect_routing_id: Option<Vec<u8>>,
}

/// Options of transports that the library does not have, whose endpoints are refused, and of another
/// system.
#[derive(Clone, Debug)]
pub(super) struct Multicast {
    pub(super) rate: c_int,
    pub(super) recovery: c_int,
    pub(super) hops: c_int,
    pub(super) max_tpdu: c_int,
    pub(super) r#loop: bool,
    /// Of Windows only.
    pub(super) fast_loopback: bool,
}

impl Settings {
    pub(crate) fn new(kind: SocketType, ipv6: bool, lingers: bool) -> Self {
        Settings {
            kind,
            send_mark: 1000,
            receive_mark: 1000,
            affinity: 0,
            routing_id: Vec::new(),
            multicast: Multicast {
                rate: 100,
                recovery: 10_000,
                hops: 1,
                max_tpdu: 1500,
                r#loop: true,
                fast_loopback: false,
            },
            send_buffer: -1,
            receive_buffer: -1,
            type_of_service: 0,
            linger: if lingers && !kind::lingers_not(kind) {
                -1
            } else {
                0
            },
            connect_timeout: 0,
            max_retransmit: 0,
            reconnect_stop: 0,
            reconnect: 100,
            reconnect_max: 0,
            backlog: 100,
            max_message: -1,
            receive_timeout: -1,
            send_timeout: -1,
            ipv6,
            immediate: false,
            socks: Default::default(),
            keepalive: [-1; 4],
            filters: Filters::default(),
            keys: Keys::default(),
            zap_domain: String::new(),
            zap_enforced: false,
            conflate: false,
            handshake: 30_000,
            heartbeat: 0,
            heartbeat_ttl: 0,
            heartbeat_timeout: -1,
            use_fd: -1,
            device: String::new(),
            metadata: Vec::new(),
            in_batch: None,
            out_batch: None,
            hello: Vec::new(),
            disconnect: Vec::new(),
            hiccup: Vec::new(),
            invert_matching: false,
            mandatory: false,
            raw: false,
            handover: false,
            router_notify: 0,
            probe: false,
            correlate: false,
            relaxed: false,
            stream_notify: true,
            verbose: Verbosity::Changes,
            manual: ManualSubscriptions::Off,
            no_drop: false,
            welcome: None,
            only_first: false,
            verbose_unsubscribe: false,
            connect_routing_id: None,
        }
    }

    /// The type of the library's socket.
    pub(crate) fn engine_kind(&self) -> SocketType {
        match (self.kind, self.raw) {
            (SocketType::Router, true) => SocketType::Stream,
            (kind, _) => kind,
        }
    }

    /// How many messages may wait for a peer, 0 for any number.
    pub(crate) fn send_mark(&self) -> usize {
        count(self.send_mark)
    }

    pub(crate) fn is_mandatory(&self) -> bool {
        self.mandatory
    }

    /// Whether a type that drops what a full peer has no room for waits instead.
    pub(crate) fn waits_for_slow_peers(&self) -> bool {
        match self.kind {
            SocketType::Router => self.mandatory,
            _ => self.no_drop,
        }
    }

    /// The library's options with these values.
    pub(crate) fn options(&self) -> Options {
        let options = self.of_queues(Options::new());
        let options = self.of_connections(options);
        let options = self.of_network(options);
        let options = self.of_patterns(options);
        options.effective_for(self.engine_kind())
    }

    fn of_queues(&self, options: Options) -> Options {
        let linger = match u64::try_from(self.linger) {
            Ok(linger) => Linger::For(Duration::from_millis(linger)),
            Err(_) => Linger::UntilSent,
        };
        // libzmq's CONFLATE has no effect on types with several queues.
        let keeps_newest = self.conflate && self.conflates();
        let overflow = match keeps_newest {
            true => Overflow::Latest,
            false => Overflow::Block,
        };
        options
            .send_high_water_mark(count(self.send_mark))
            .receive_high_water_mark(count(self.receive_mark))
            .overflow(overflow)
            .linger(linger)
            .immediate(self.immediate)
            .require_endpoint(true)
    }

    /// Whether CONFLATE means something for the type (zmq_setsockopt(3)).
    fn conflates(&self) -> bool {
        use SocketType::{Dealer, Pub, Pull, Push, Sub};
        matches!(self.kind, Pull | Push | Sub | Pub | Dealer)
    }

    fn of_connections(&self, options: Options) -> Options {
        let mut options = options
            .routing_id(self.routing_id.clone())
            .reconnect_interval(positive_or_least(self.reconnect))
            .reconnect_interval_max(milliseconds(self.reconnect_max.max(self.reconnect).max(1)))
            .reconnect_stop(
                ReconnectStop::new()
                    .refused(self.reconnect_stop & 1 != 0)
                    .handshake_failed(self.reconnect_stop & 2 != 0),
            )
            .connect_timeout(positive(self.connect_timeout))
            .backlog(u32::try_from(self.backlog).unwrap_or(0).max(1))
            .message_peers(self.tells_peers())
            .max_frame_size(u64::try_from(self.max_message).ok())
            .handshake_timeout(positive(self.handshake))
            .heartbeat_interval(positive(self.heartbeat))
            .heartbeat_timeout(positive(self.heartbeat_timeout))
            .heartbeat_ttl(positive(self.heartbeat_ttl))
            .security(self.keys.security())
            .zap_domain(self.zap_domain.clone())
            .zap_enforce_domain(self.zap_enforced);
        for (name, value) in &self.metadata {
            options = options.property(name.clone(), value.clone());
        }
        if let Some(size) = self.in_batch {
            options = options.in_batch_size(count(size));
        }
        if let Some(size) = self.out_batch {
            options = options.out_batch_size(count(size));
        }
        self.filters.apply(options)
    }

    /// Whether messages know the peer that they were received from, which takes a third of the time of
    /// receiving a small one. The types that only receive know it if peers are authenticated, or if
    /// the process has asked for a property before.
    fn tells_peers(&self) -> bool {
        use SocketType::{Dish, Gather, Pull, Sub, XSub};
        let only_receives = matches!(self.kind, Pull | Sub | XSub | Dish | Gather);
        let authenticates = self.keys.number() != 0 || !self.zap_domain.is_empty();
        !only_receives || authenticates || metadata::is_wanted()
    }

    fn of_network(&self, options: Options) -> Options {
        let [on, probes, idle, interval] = self.keepalive;
        let seconds = |value: c_int| {
            let seconds = u64::try_from(value).ok().filter(|seconds| *seconds > 0);
            seconds.map(Duration::from_secs)
        };
        let keepalive = match on {
            0 => TcpKeepalive::Off,
            1 => TcpKeepalive::On {
                idle: seconds(idle),
                interval: seconds(interval),
                count: u32::try_from(probes).ok().filter(|count| *count > 0),
            },
            _ => TcpKeepalive::System,
        };
        let [address, user, password] = &self.socks;
        let proxy = SocksProxy::new(address.clone());
        let proxy = match user.is_empty() {
            true => proxy,
            false => proxy.credentials(user.clone(), password.clone()),
        };
        let options = options
            .ipv6(self.ipv6)
            .tcp_keepalive(keepalive)
            .tcp_max_retransmit(positive(self.max_retransmit))
            .type_of_service(u8::try_from(self.type_of_service).unwrap_or(0))
            .socks_proxy((!address.is_empty()).then_some(proxy))
            .kernel_send_buffer(
                usize::try_from(self.send_buffer)
                    .ok()
                    .filter(|size| *size > 0),
            )
            .kernel_receive_buffer(
                usize::try_from(self.receive_buffer)
                    .ok()
                    .filter(|size| *size > 0),
            );
        match self.device.is_empty() {
            true => options,
            false => options.bind_to_device(self.device.clone()),
        }
    }

    fn of_patterns(&self, options: Options) -> Options {
        let notify = match self.router_notify {
            1 => Notify::Connects,
            2 => Notify::Disconnects,
            3 => Notify::Both,
            _ => Notify::Never,
        };
        let mut options = options
            .router_mandatory(self.mandatory)
            .router_handover(self.handover)
            .router_notify(notify)
            .probe_router(self.probe)
            .req_correlate(self.correlate)
            .req_relaxed(self.relaxed)
            .stream_notify(self.stream_notify && !self.raw)
            .xpub_verbosity(self.verbose)
            .xpub_manual(self.manual)
            .xpub_no_drop(self.no_drop)
            .invert_matching(self.invert_matching)
            .only_first_subscribe(self.only_first)
            .xsub_verbose_unsubscribe(self.verbose_unsubscribe);
        if let Some(welcome) = &self.welcome {
            options = options.xpub_welcome(Message::from(&welcome[..]));
        }
        if !self.hello.is_empty() {
            options = options.hello(Message::from(&self.hello[..]));
        }
        if !self.disconnect.is_empty() {
            options = options.disconnect_notice(Message::from(&self.disconnect[..]));
        }
        if !self.hiccup.is_empty() {
            options = options.hiccup_notice(Message::from(&self.hiccup[..]));
        }
        options
    }
}

/// A size or number of messages; what is negative was refused when it was set.
fn count(value: c_int) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn milliseconds(value: c_int) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

/// Zero and negative values are none.
fn positive(value: c_int) -> Option<Duration> {
    (value > 0).then(|| milliseconds(value))
}

/// Zero is the shortest time, negative values are none.
fn positive_or_least(value: c_int) -> Option<Duration> {
    (value >= 0).then(|| milliseconds(value.max(1)))
}
