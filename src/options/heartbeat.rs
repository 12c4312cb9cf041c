//! Signs of life, and for how long a peer may give none.

use std::time::Duration;

use super::{OptionFault, Options};

/// A PING has 16 bits for tenths of a second (RFC 37, Connection Heartbeating): these are one too
/// many.
const HEARTBEAT_TTL_LIMIT: Duration = Duration::from_millis(6_553_600);

/// Each field is described at its setter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) heartbeat_interval: Option<Duration>,
    pub(crate) heartbeat_timeout: Option<Duration>,
    pub(crate) heartbeat_ttl: Option<Duration>,
}

impl Heartbeat {
    /// Whether each has a value it can have.
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
    /// How often each peer is asked for a sign of life, from the handshake on
    /// (`ZMQ_HEARTBEAT_IVL`); `None`, the default, never asks. libzmq answers since 4.2. Peers of
    /// ZMTP 2.0 and 1.0 (libzmq 3 and 2) have no words for it: they are never asked, and never
    /// given up for being silent.
    #[doc(alias = "ZMQ_HEARTBEAT_IVL")]
    #[doc(alias = "HEARTBEAT_IVL")]
    #[must_use]
    pub fn heartbeat_interval(mut self, heartbeat_interval: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_interval = heartbeat_interval.into();
        self
    }

    /// What [`heartbeat_interval`](Options::heartbeat_interval) is set to.
    #[must_use]
    pub fn get_heartbeat_interval(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_interval
    }

    /// How long a peer that was asked may stay silent before its connection ends, to be made again
    /// by the side that made it (`ZMQ_HEARTBEAT_TIMEOUT`); `None`, the default, means as long as
    /// [`heartbeat_interval`](Options::heartbeat_interval). Anything that comes from
    /// the peer counts. A peer whose user does not keep up stops reading, and then cannot answer:
    /// it is heard of if it asks for signs of life as well, at intervals shorter than this.
    #[doc(alias = "ZMQ_HEARTBEAT_TIMEOUT")]
    #[doc(alias = "HEARTBEAT_TIMEOUT")]
    #[must_use]
    pub fn heartbeat_timeout(mut self, heartbeat_timeout: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_timeout = heartbeat_timeout.into();
        self
    }

    /// What [`heartbeat_timeout`](Options::heartbeat_timeout) is set to.
    #[must_use]
    pub fn get_heartbeat_timeout(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_timeout
    }

    /// How long the peer should wait for our next sign of life before it ends the connection
    /// (`ZMQ_HEARTBEAT_TTL`), rounded down to tenths of a second; `None`, the default, and less
    /// than 100 ms do not tell it. A PING has 16 bits for it: 6553.6 s and more are an error when
    /// the socket is opened, as with libzmq, and never a shorter time.
    #[doc(alias = "ZMQ_HEARTBEAT_TTL")]
    #[doc(alias = "HEARTBEAT_TTL")]
    #[must_use]
    pub fn heartbeat_ttl(mut self, heartbeat_ttl: impl Into<Option<Duration>>) -> Self {
        self.heartbeat.heartbeat_ttl = heartbeat_ttl.into();
        self
    }

    /// What [`heartbeat_ttl`](Options::heartbeat_ttl) is set to.
    #[must_use]
    pub fn get_heartbeat_ttl(&self) -> Option<Duration> {
        self.heartbeat.heartbeat_ttl
    }
}
