//! Which connections are made and accepted, and when a lost one is made again.

use std::time::Duration;

use super::{AcceptFilter, OptionFault, Options, PeerAddress};

/// The failures after which a socket does not connect to an endpoint again (`ZMQ_RECONNECT_STOP`).
/// By default there are none.
///
/// A socket never reconnects to an endpoint after [`disconnect`](crate::Socket::disconnect), so
/// `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT` has no setter here: in libzmq, attempts may continue after
/// `zmq_disconnect` for as long as messages linger.
///
/// ```
/// use zmq_channels::options::ReconnectStop;
/// use zmq_channels::Options;
///
/// let options = Options::new().reconnect_stop(ReconnectStop::new().refused(true));
/// assert!(options.get_reconnect_stop().get_refused());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReconnectStop {
    pub(crate) refused: bool,
    pub(crate) handshake_failed: bool,
}

impl ReconnectStop {
    /// Creates a value for which no failure stops the attempts.
    #[must_use]
    pub fn new() -> Self {
        ReconnectStop::default()
    }

    /// Whether to stop when nothing listens (`ZMQ_RECONNECT_STOP_CONN_REFUSED`): every address that
    /// the endpoint's name resolves to refuses, or the ipc path does not exist. Connections refused
    /// by a proxy do not count. Default `false`.
    #[doc(alias = "ZMQ_RECONNECT_STOP_CONN_REFUSED")]
    #[doc(alias = "RECONNECT_STOP_CONN_REFUSED")]
    #[must_use]
    pub fn refused(mut self, stop: bool) -> Self {
        self.refused = stop;
        self
    }

    /// Returns the value of [`refused`](ReconnectStop::refused).
    #[must_use]
    pub fn get_refused(&self) -> bool {
        self.refused
    }

    /// Whether to stop when a connection ends before its handshake is done, or when the peer does not
    /// speak ZMTP or stays silent (`ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`). Default `false`.
    #[doc(alias = "ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED")]
    #[doc(alias = "RECONNECT_STOP_HANDSHAKE_FAILED")]
    #[must_use]
    pub fn handshake_failed(mut self, stop: bool) -> Self {
        self.handshake_failed = stop;
        self
    }

    /// Returns the value of [`handshake_failed`](ReconnectStop::handshake_failed).
    #[must_use]
    pub fn get_handshake_failed(&self) -> bool {
        self.handshake_failed
    }
}

/// See the setter of each field for its documentation.
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
    /// Whether every value is in range.
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
    /// Delay before the first attempt to reconnect (`ZMQ_RECONNECT_IVL`, default 100 ms); with
    /// `None` the socket never reconnects.
    #[doc(alias = "ZMQ_RECONNECT_IVL")]
    #[doc(alias = "RECONNECT_IVL")]
    #[must_use]
    pub fn reconnect_interval(mut self, reconnect_interval: impl Into<Option<Duration>>) -> Self {
        self.connections.reconnect_interval = reconnect_interval.into();
        self
    }

    /// Returns the value of [`reconnect_interval`](Options::reconnect_interval).
    #[must_use]
    pub fn get_reconnect_interval(&self) -> Option<Duration> {
        self.connections.reconnect_interval
    }

    /// Maximum delay between attempts to reconnect; the delay doubles after each failure until it
    /// reaches this (`ZMQ_RECONNECT_IVL_MAX`; default 5 s, where libzmq keeps trying every 100 ms).
    #[doc(alias = "ZMQ_RECONNECT_IVL_MAX")]
    #[doc(alias = "RECONNECT_IVL_MAX")]
    #[must_use]
    pub fn reconnect_interval_max(mut self, reconnect_interval_max: Duration) -> Self {
        self.connections.reconnect_interval_max = reconnect_interval_max;
        self
    }

    /// Returns the value of [`reconnect_interval_max`](Options::reconnect_interval_max).
    #[must_use]
    pub fn get_reconnect_interval_max(&self) -> Duration {
        self.connections.reconnect_interval_max
    }

    /// The failures after which an endpoint is given up (`ZMQ_RECONNECT_STOP`); default none.
    #[doc(alias = "ZMQ_RECONNECT_STOP")]
    #[doc(alias = "RECONNECT_STOP")]
    #[must_use]
    pub fn reconnect_stop(mut self, reconnect_stop: ReconnectStop) -> Self {
        self.connections.reconnect_stop = reconnect_stop;
        self
    }

    /// Returns the value of [`reconnect_stop`](Options::reconnect_stop).
    #[must_use]
    pub fn get_reconnect_stop(&self) -> ReconnectStop {
        self.connections.reconnect_stop
    }

    /// Time limit for one attempt to connect (`ZMQ_CONNECT_TIMEOUT`); `None`, the default, leaves
    /// it to the operating system.
    #[doc(alias = "ZMQ_CONNECT_TIMEOUT")]
    #[doc(alias = "CONNECT_TIMEOUT")]
    #[must_use]
    pub fn connect_timeout(mut self, connect_timeout: impl Into<Option<Duration>>) -> Self {
        self.connections.connect_timeout = connect_timeout.into();
        self
    }

    /// Returns the value of [`connect_timeout`](Options::connect_timeout).
    #[must_use]
    pub fn get_connect_timeout(&self) -> Option<Duration> {
        self.connections.connect_timeout
    }

    /// Maximum number of connections that the kernel queues for a listener (`ZMQ_BACKLOG`, default
    /// 100).
    #[doc(alias = "ZMQ_BACKLOG")]
    #[doc(alias = "BACKLOG")]
    #[must_use]
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.connections.backlog = backlog;
        self
    }

    /// Returns the value of [`backlog`](Options::backlog).
    #[must_use]
    pub fn get_backlog(&self) -> u32 {
        self.connections.backlog
    }

    /// Decides which connections a listener accepts; with `None`, the default, it accepts all.
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

    /// Returns the value of [`accept_filter`](Options::accept_filter).
    #[must_use]
    pub fn get_accept_filter(&self) -> Option<&AcceptFilter> {
        self.connections.accept_filter.as_ref()
    }

    /// Removes the [`accept_filter`](Options::accept_filter), so that all connections are accepted.
    #[must_use]
    pub fn without_accept_filter(mut self) -> Self {
        self.connections.accept_filter = None;
        self
    }

    /// Maximum number of peers of the socket, counted from the end of their handshakes. Any further
    /// peer is disconnected and counted in
    /// [`Statistics::refused`](crate::statistics::Statistics#structfield.refused), which says when
    /// such a peer loses messages it has sent. `None`, the default, means no limit. (libzmq has no
    /// such option.)
    #[must_use]
    pub fn max_peers(mut self, max_peers: impl Into<Option<usize>>) -> Self {
        self.connections.max_peers = max_peers.into();
        self
    }

    /// Returns the value of [`max_peers`](Options::max_peers).
    #[must_use]
    pub fn get_max_peers(&self) -> Option<usize> {
        self.connections.max_peers
    }

    /// Whether received messages record [which peer they came from](crate::Message::peer)
    /// (`zmq_msg_gets`; default `false`). It costs an allocation for each message. On an open socket,
    /// enabling it affects peers that connect from then on; disabling it affects all messages.
    #[doc(alias = "zmq_msg_gets")]
    #[doc(alias = "ZMQ_SRCFD")]
    #[doc(alias = "SRCFD")]
    #[must_use]
    pub fn message_peers(mut self, message_peers: bool) -> Self {
        self.connections.message_peers = message_peers;
        self
    }

    /// Returns the value of [`message_peers`](Options::message_peers).
    #[must_use]
    pub fn get_message_peers(&self) -> bool {
        self.connections.message_peers
    }

    /// The pump that serves the socket, counted from 0 (replaces `ZMQ_AFFINITY`, which selects a
    /// set of I/O threads for each connection); `None`, the default, selects the pump with the
    /// fewest sockets. Cannot change once the socket is open.
    #[doc(alias = "ZMQ_AFFINITY")]
    #[doc(alias = "AFFINITY")]
    #[must_use]
    pub fn pump(mut self, pump: impl Into<Option<usize>>) -> Self {
        self.connections.pump = pump.into();
        self
    }

    /// Returns the value of [`pump`](Options::pump).
    #[must_use]
    pub fn get_pump(&self) -> Option<usize> {
        self.connections.pump
    }
}
