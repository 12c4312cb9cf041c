//! Heartbeats, and how long a peer may be silent.

use std::time::Duration;

use super::{OptionFault, Options};

/// A PING has 16 bits for tenths of a second (RFC 37, Connection Heartbeating): this is one more
/// than fits.
const HEARTBEAT_TTL_LIMIT: Duration = Duration::from_millis(6_553_600);

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) heartbeat_interval: Option<Duration>,
    pub(crate) heartbeat_timeout: Option<Duration>,
    pub(crate) heartbeat_ttl: Option<Duration>,
}

impl Heartbeat {
    /// Whether every value is in range.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
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
        Ok(())
    }
}

/// # Heartbeats
impl Options {
    /// Interval at which a PING is sent to each peer, from the handshake on (`ZMQ_HEARTBEAT_IVL`);
    /// `None`, the default, sends none. libzmq answers them since 4.2. ZMTP 2.0 and 1.0 (libzmq 3
    /// and 2) have no heartbeats: their peers are sent none, and are never disconnected for being
    /// silent.
    #[doc(alias = "ZMQ_HEARTBEAT_IVL")]
    #[doc(alias = "HEARTBEAT_IVL")]
    #[must_use]
    pub fn heartbeat_interval(mut self, heartbeat_interval: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_interval = heartbeat_interval.into();
        self
    }

    /// Returns the value of [`heartbeat_interval`](Options::heartbeat_interval).
    #[must_use]
    pub fn get_heartbeat_interval(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_interval
    }

    /// Maximum time that a peer may stay silent after a PING before its connection ends; the side
    /// that made the connection reconnects (`ZMQ_HEARTBEAT_TIMEOUT`). `None`, the default, means
    /// the same as [`heartbeat_interval`](Options::heartbeat_interval). Any traffic from the peer
    /// counts. A peer whose user does not keep up stops reading and cannot answer; it is not
    /// disconnected if it also sends heartbeats, at intervals shorter than this.
    #[doc(alias = "ZMQ_HEARTBEAT_TIMEOUT")]
    #[doc(alias = "HEARTBEAT_TIMEOUT")]
    #[must_use]
    pub fn heartbeat_timeout(mut self, heartbeat_timeout: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_timeout = heartbeat_timeout.into();
        self
    }

    /// Returns the value of [`heartbeat_timeout`](Options::heartbeat_timeout).
    #[must_use]
    pub fn get_heartbeat_timeout(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_timeout
    }

    /// How long the peer should wait for our next message or heartbeat before it ends the
    /// connection (`ZMQ_HEARTBEAT_TTL`), rounded down to tenths of a second; `None`, the default,
    /// and values below 100 ms send no limit. A PING has 16 bits for it: 6553.6 s and more are an
    /// error when the socket is opened, as with libzmq, and never a shorter time.
    #[doc(alias = "ZMQ_HEARTBEAT_TTL")]
    #[doc(alias = "HEARTBEAT_TTL")]
    #[must_use]
    pub fn heartbeat_ttl(mut self, heartbeat_ttl: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_ttl = heartbeat_ttl.into();
        self
    }

    /// Returns the value of [`heartbeat_ttl`](Options::heartbeat_ttl).
    #[must_use]
    pub fn get_heartbeat_ttl(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_ttl
    }
}
