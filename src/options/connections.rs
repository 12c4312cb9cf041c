//! Which connections are made, when again, and which are taken.

use std::time::Duration;

use super::{AcceptFilter, OptionFault, Options, PeerAddress};

/// After what a socket does not connect to an endpoint again (`ZMQ_RECONNECT_STOP`).
///
/// An endpoint that is [disconnected](crate::Socket::disconnect) is never connected to again, so
/// there is no field for `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT`: in libzmq an attempt may go on after
/// `zmq_disconnect` for as long as messages linger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReconnectStop {
    /// Nothing listens there (`ZMQ_RECONNECT_STOP_CONN_REFUSED`): every address the endpoint's name
    /// resolves to refuses, or there is no such ipc path. Not for what a proxy refuses.
    pub refused: bool,
    /// There was a connection, but it ended before the handshake was done, or what is there
    /// speaks no ZMTP, or nothing (`ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`).
    pub handshake_failed: bool,
}

/// Each field is described at its setter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) reconnect_interval: Option<Duration>,
    pub(crate) reconnect_interval_max: Duration,
    pub(crate) reconnect_stop: ReconnectStop,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) backlog: u32,
    pub(crate) accept_filter: Option<AcceptFilter>,
    pub(crate) max_peers: Option<usize>,
    pub(crate) message_peers: bool,
    pub(crate) pump: Option<usize>,
}

impl Default for Connections {
    fn default() -> Self {
        Connections {
            reconnect_interval: Some(Options::DEFAULT_RECONNECT_INTERVAL),
            reconnect_interval_max: Options::DEFAULT_RECONNECT_INTERVAL_MAX,
            reconnect_stop: ReconnectStop::default(),
            connect_timeout: None,
            backlog: Options::DEFAULT_BACKLOG,
            accept_filter: None,
            max_peers: None,
            message_peers: false,
            pump: None,
        }
    }
}

impl Connections {
    /// Whether each has a value it can have.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.reconnect_interval == Some(Duration::ZERO) {
            return fault("reconnect_interval", "zero; None means never");
        }
        if self.backlog == 0 || self.backlog > i32::MAX as u32 {
            return fault("backlog", "not within 1 and 2147483647");
        }
        if self.max_peers == Some(0) {
            return fault("max_peers", "zero; None means no limit");
        }
        Ok(())
    }
}

/// # Connections
impl Options {
    /// The first pause before connecting again (`ZMQ_RECONNECT_IVL`, default 100 ms);
    /// `None` never connects again.
    #[doc(alias = "ZMQ_RECONNECT_IVL")]
    #[doc(alias = "RECONNECT_IVL")]
    #[must_use]
    pub fn reconnect_interval(mut self, reconnect_interval: impl Into<Option<Duration>>) -> Self {
        self.connections.reconnect_interval = reconnect_interval.into();
        self
    }

    /// What [`reconnect_interval`](Options::reconnect_interval) is set to.
    #[must_use]
    pub fn get_reconnect_interval(&self) -> Option<Duration> {
        self.connections.reconnect_interval
    }

    /// The pause doubles after each failure up to this one (`ZMQ_RECONNECT_IVL_MAX`; default
    /// 5 s, where libzmq keeps trying every 100 ms).
    #[doc(alias = "ZMQ_RECONNECT_IVL_MAX")]
    #[doc(alias = "RECONNECT_IVL_MAX")]
    #[must_use]
    pub fn reconnect_interval_max(mut self, reconnect_interval_max: Duration) -> Self {
        self.connections.reconnect_interval_max = reconnect_interval_max;
        self
    }

    /// What [`reconnect_interval_max`](Options::reconnect_interval_max) is set to.
    #[must_use]
    pub fn get_reconnect_interval_max(&self) -> Duration {
        self.connections.reconnect_interval_max
    }

    /// After what an endpoint is given up (`ZMQ_RECONNECT_STOP`); by default after nothing.
    #[doc(alias = "ZMQ_RECONNECT_STOP")]
    #[doc(alias = "RECONNECT_STOP")]
    #[must_use]
    pub fn reconnect_stop(mut self, reconnect_stop: ReconnectStop) -> Self {
        self.connections.reconnect_stop = reconnect_stop;
        self
    }

    /// What [`reconnect_stop`](Options::reconnect_stop) is set to.
    #[must_use]
    pub fn get_reconnect_stop(&self) -> ReconnectStop {
        self.connections.reconnect_stop
    }

    /// How long one attempt to connect may take (`ZMQ_CONNECT_TIMEOUT`); `None` leaves it to the
    /// operating system. Default `None`.
    #[doc(alias = "ZMQ_CONNECT_TIMEOUT")]
    #[doc(alias = "CONNECT_TIMEOUT")]
    #[must_use]
    pub fn connect_timeout(mut self, connect_timeout: impl Into<Option<Duration>>) -> Self {
        self.connections.connect_timeout = connect_timeout.into();
        self
    }

    /// What [`connect_timeout`](Options::connect_timeout) is set to.
    #[must_use]
    pub fn get_connect_timeout(&self) -> Option<Duration> {
        self.connections.connect_timeout
    }

    /// How many connections the kernel keeps waiting for us (`ZMQ_BACKLOG`, default 100).
    #[doc(alias = "ZMQ_BACKLOG")]
    #[doc(alias = "BACKLOG")]
    #[must_use]
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.connections.backlog = backlog;
        self
    }

    /// What [`backlog`](Options::backlog) is set to.
    #[must_use]
    pub fn get_backlog(&self) -> u32 {
        self.connections.backlog
    }

    /// Which connections a listener takes; `None`, the default, takes all.
    #[doc(alias = "ZMQ_TCP_ACCEPT_FILTER")]
    #[doc(alias = "TCP_ACCEPT_FILTER")]
    #[doc(alias = "ZMQ_IPC_FILTER_PID")]
    #[doc(alias = "IPC_FILTER_PID")]
    #[doc(alias = "ZMQ_IPC_FILTER_UID")]
    #[doc(alias = "IPC_FILTER_UID")]
    #[doc(alias = "ZMQ_IPC_FILTER_GID")]
    #[doc(alias = "IPC_FILTER_GID")]
    #[must_use]
    pub fn accept_filter(
        mut self,
        accepts: impl Fn(&PeerAddress) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.connections.accept_filter = Some(AcceptFilter::new(accepts));
        self
    }

    /// What [`accept_filter`](Options::accept_filter) is set to.
    #[must_use]
    pub fn get_accept_filter(&self) -> Option<&AcceptFilter> {
        self.connections.accept_filter.as_ref()
    }

    /// Takes all connections again: takes [`accept_filter`](Options::accept_filter) back.
    #[must_use]
    pub fn without_accept_filter(mut self) -> Self {
        self.connections.accept_filter = None;
        self
    }

    /// Peers the socket has at most, counted from the end of their handshake; a peer that comes
    /// later is disconnected, and counted in
    /// [`Statistics::refused`](crate::statistics::Statistics#structfield.refused), where it stands
    /// when such a peer loses what it has sent.
    /// `None`, the default, for no limit. (libzmq has no such option.)
    #[must_use]
    pub fn max_peers(mut self, max_peers: impl Into<Option<usize>>) -> Self {
        self.connections.max_peers = max_peers.into();
        self
    }

    /// What [`max_peers`](Options::max_peers) is set to.
    #[must_use]
    pub fn get_max_peers(&self) -> Option<usize> {
        self.connections.max_peers
    }

    /// Whether what is received tells [which peer it came from](crate::Message::peer)
    /// (`zmq_msg_gets`; default `false`). It costs an allocation for each message. A change is for
    /// peers that connect from then on; once it is `false` no message tells it.
    #[doc(alias = "zmq_msg_gets")]
    #[doc(alias = "ZMQ_SRCFD")]
    #[doc(alias = "SRCFD")]
    #[must_use]
    pub fn message_peers(mut self, message_peers: bool) -> Self {
        self.connections.message_peers = message_peers;
        self
    }

    /// What [`message_peers`](Options::message_peers) is set to.
    #[must_use]
    pub fn get_message_peers(&self) -> bool {
        self.connections.message_peers
    }

    /// The pump the socket lives on, counted from 0 (in the place of `ZMQ_AFFINITY`, which names
    /// a set of I/O threads for each connection); `None`, the default, for the pump with the
    /// fewest sockets. Settled when the socket is opened.
    #[doc(alias = "ZMQ_AFFINITY")]
    #[doc(alias = "AFFINITY")]
    #[must_use]
    pub fn pump(mut self, pump: impl Into<Option<usize>>) -> Self {
        self.connections.pump = pump.into();
        self
    }

    /// What [`pump`](Options::pump) is set to.
    #[must_use]
    pub fn get_pump(&self) -> Option<usize> {
        self.connections.pump
    }
}
