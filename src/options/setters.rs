//! A setter for each field of [`Options`], so that they can be chained.

use std::time::Duration;

use super::*;

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
    oldest_zmtp: ZmtpVersion,
    max_frame_size: Option<u64>,
    max_message_size: Option<u64>,
    reconnect_interval: Option<Duration>,
    reconnect_interval_max: Duration,
    connect_timeout: Option<Duration>,
    handshake_timeout: Option<Duration>,
    backlog: u32,
    kernel_send_buffer: Option<usize>,
    kernel_receive_buffer: Option<usize>,
    pump: Option<usize>,
    immediate: bool,
    heartbeat_interval: Option<Duration>,
    heartbeat_timeout: Option<Duration>,
    heartbeat_ttl: Option<Duration>,
    security: Security,
    zap_enforce_domain: bool,
    in_batch_size: usize,
    out_batch_size: usize,
    max_peers: Option<usize>,
    message_peers: bool,
    reconnect_stop: ReconnectStop,
    ipv6: bool,
    tcp_keepalive: TcpKeepalive,
    tcp_max_retransmit: Option<Duration>,
    type_of_service: u8,
    router_mandatory: bool,
    router_handover: bool,
    router_notify: Notify,
    probe_router: bool,
    req_correlate: bool,
    req_relaxed: bool,
    stream_notify: bool,
    xpub_verbosity: Verbosity,
    xpub_manual: ManualSubscriptions,
    xpub_no_drop: bool,
    invert_matching: bool,
    only_first_subscribe: bool,
    xsub_verbose_unsubscribe: bool,
}

impl Options {
    /// Sets [`routing_id`](Options#structfield.routing_id).
    #[must_use]
    pub fn routing_id(mut self, routing_id: impl Into<Vec<u8>>) -> Self {
        self.routing_id = routing_id.into();
        self
    }

    /// Sets [`zap_domain`](Options#structfield.zap_domain).
    #[must_use]
    pub fn zap_domain(mut self, domain: impl Into<String>) -> Self {
        self.zap_domain = domain.into();
        self
    }

    /// Adds a property to [`metadata`](Options#structfield.metadata).
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }

    /// Sets [`bind_to_device`](Options#structfield.bind_to_device).
    #[must_use]
    pub fn bind_to_device(mut self, device: impl Into<String>) -> Self {
        self.bind_to_device = Some(device.into());
        self
    }

    /// Sets [`socks_proxy`](Options#structfield.socks_proxy).
    #[must_use]
    pub fn socks_proxy(mut self, proxy: SocksProxy) -> Self {
        self.socks_proxy = Some(proxy);
        self
    }

    /// Sets [`accept_filter`](Options#structfield.accept_filter) to take the connections for which
    /// `accepts` answers true.
    #[must_use]
    pub fn accept_filter(
        mut self,
        accepts: impl Fn(&PeerAddress) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.accept_filter = Some(AcceptFilter::new(accepts));
        self
    }

    /// Sets [`xpub_welcome`](Options#structfield.xpub_welcome).
    #[must_use]
    pub fn xpub_welcome(mut self, message: impl Into<Message>) -> Self {
        self.xpub_welcome = Some(message.into());
        self
    }

    /// Sets [`hello`](Options#structfield.hello).
    #[must_use]
    pub fn hello(mut self, message: impl Into<Message>) -> Self {
        self.hello = Some(message.into());
        self
    }

    /// Sets [`disconnect_notice`](Options#structfield.disconnect_notice).
    #[must_use]
    pub fn disconnect_notice(mut self, message: impl Into<Message>) -> Self {
        self.disconnect_notice = Some(message.into());
        self
    }

    /// Sets [`hiccup_notice`](Options#structfield.hiccup_notice).
    #[must_use]
    pub fn hiccup_notice(mut self, message: impl Into<Message>) -> Self {
        self.hiccup_notice = Some(message.into());
        self
    }
}
