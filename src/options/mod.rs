//! The options of sockets and contexts, their defaults and the reasons for them.
//!
//! [`Options`] are those of a socket, [`ContextOptions`] those of a context. Both are builders like
//! [`std::process::Command`]: the method named like an option sets it, and the method with `get_`
//! in front of that name returns it. Optional values are set with a value or with `None`; for those
//! made from text or a closure, `without_` and the name removes the value. Each setter documents
//! the unit, the default and libzmq's name.
//!
//! ```
//! use std::time::Duration;
//! use zmq_channels::{Linger, Options};
//!
//! let options = Options::new()
//!     .linger(Duration::from_secs(1))
//!     .heartbeat_interval(Duration::from_secs(10))
//!     .max_frame_size(1 << 20)
//!     .connect_timeout(None);
//! assert_eq!(options.get_linger(), Linger::For(Duration::from_secs(1)));
//! assert_eq!(options.get_heartbeat_interval(), Some(Duration::from_secs(10)));
//! assert_eq!(options.get_max_frame_size(), Some(1 << 20));
//! assert_eq!(options.get_connect_timeout(), None);
//! ```

mod accept_filter;
mod authentication;
mod connections;
mod context;
mod effect;
mod heartbeat;
mod network;
mod notices;
mod protocol;
mod publishing;
mod queues;
mod routing;
#[cfg(test)]
mod tests;
mod zmtp_version;

use std::time::Duration;

use crate::error::{ConfigureError, ContextError, SocketError};
use crate::message::Message;

pub use accept_filter::{AcceptFilter, PeerAddress};
pub use connections::ReconnectStop;
pub use context::ContextOptions;
#[cfg(test)]
pub(crate) use context::MAX_HANDSHAKES;
pub(crate) use context::NO_SUCH_PUMP;
pub use network::{SocksProxy, TcpKeepalive};
pub use publishing::{ManualSubscriptions, Verbosity};
pub use queues::{Linger, Overflow};
pub use routing::Notify;
pub use zmtp_version::ZmtpVersion;

/// RFC 1929 and RFC 24 send user name and password with a one-byte length each.
const MAX_CREDENTIAL: usize = 255;

const TOO_MANY_FRAMES: &str = "a message of more than 1048576 frames";

/// The settings of one socket, to be passed to
/// [`Context::socket_with`](crate::Context::socket_with). They can be cloned and changed for other
/// sockets. An option that can have no effect on the type of socket is refused
/// ([`SocketError::WithoutEffect`]), unless it has its default value, comes from the context, or is
/// set to the same for both directions.
///
/// Each option is read by the method with `get_` in front of its name, as with
/// [`std::process::Command`].
///
/// ```
/// use std::time::Duration;
/// use zmq_channels::{Linger, Options, Overflow};
///
/// let options = Options::new()
///     .send_high_water_mark(64)
///     .send_overflow(Overflow::DropOldest)
///     .linger(Duration::from_millis(100));
/// assert_eq!(options.get_send_high_water_mark(), 64);
/// assert_eq!(options.get_linger(), Linger::For(Duration::from_millis(100)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub(crate) queues: queues::Queues,
    pub(crate) protocol: protocol::Protocol,
    pub(crate) heartbeat: heartbeat::Heartbeat,
    pub(crate) connections: connections::Connections,
    pub(crate) network: network::Network,
    pub(crate) authentication: authentication::Authentication,
    pub(crate) publishing: publishing::Publishing,
    pub(crate) routing: routing::Routing,
    pub(crate) notices: notices::Notices,
}

impl Options {
    /// libzmq's default for both high-water marks: enough to batch, small enough to bound memory.
    pub const DEFAULT_HIGH_WATER_MARK: usize = 1000;
    /// libzmq's default delay before reconnecting.
    pub const DEFAULT_RECONNECT_INTERVAL: Duration = Duration::from_millis(100);
    /// A dead peer costs one attempt every five seconds, and is connected to again within that
    /// time.
    pub const DEFAULT_RECONNECT_INTERVAL_MAX: Duration = Duration::from_secs(5);
    /// libzmq's default time limit for a handshake.
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
    /// libzmq's default backlog.
    pub const DEFAULT_BACKLOG: u32 = 100;
    /// A thousand small messages in one system call, in a buffer that still fits the nearest
    /// caches.
    pub const DEFAULT_BATCH_SIZE: usize = 64 * 1024;
    /// Twice as much as peers batch, so that bytes that arrive meanwhile are read in the same call.
    pub const DEFAULT_IN_BATCH_SIZE: usize = 2 * Self::DEFAULT_BATCH_SIZE;

    /// Creates options with the defaults documented at each setter.
    #[must_use]
    pub fn new() -> Self {
        Options::default()
    }

    /// Whether every option has a value in range.
    pub(crate) fn check(&self) -> Result<(), OptionFault> {
        self.protocol.check()?;
        self.heartbeat.check()?;
        self.connections.check()?;
        self.authentication.check()?;
        self.publishing.check()?;
        self.notices.check()?;
        self.network.check()?;
        Ok(())
    }
}

fn has_too_many_frames(message: &Message) -> bool {
    message.len() > Message::MAX_FRAMES
}

/// An option with a value out of range.
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
