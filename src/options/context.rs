//! The options of a context.

use std::time::Duration;

use super::Options;
use crate::error::ContextError;

/// About twice the time to wake a thread that sleeps on another processor.
const SPIN: Duration = Duration::from_micros(50);

/// About the time a reply takes from a task on another thread that is awake.
const TASK_SPIN: Duration = Duration::from_micros(25);

/// The longest spin accepted: beyond this, sleeping is better by any measure.
const MAX_SPIN: Duration = Duration::from_millis(1);

/// Maximum number of pumps of a context: more than any machine has processors, and few enough to
/// iterate over for each socket.
const MAX_PUMPS: usize = 1024;

/// Default maximum of unfinished handshakes per pump: with it, a flood of several thousand silent
/// connections a second from one address does not lock out a peer of that address whose first bytes
/// take a third of a second.
pub(crate) const MAX_HANDSHAKES: usize = 4096;

pub(crate) const NO_SUCH_PUMP: &str = "the context has no such pump";

/// The settings of a context, as [`Options`] are those of a socket.
///
/// Each option is read by the method with `get_` in front of its name, as with
/// [`std::process::Command`].
///
/// ```
/// use zmq_channels::{Context, ContextOptions, Options, Pull};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::with_options(
///     ContextOptions::new()
///         .pumps(2)
///         .name("feed")
///         .max_sockets(100)
///         .socket_options(Options::new().high_water_marks(10)),
/// )?;
/// let pull = context.socket::<Pull>()?;
/// assert_eq!(pull.receiver().capacity(), Some(10));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextOptions {
    pub(crate) pumps: usize,
    pub(crate) name: String,
    pub(crate) max_sockets: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_handshakes: usize,
    pub(crate) assist: bool,
    pub(crate) lead: bool,
    pub(crate) spin: Duration,
    pub(crate) task_spin: Duration,
    pub(crate) linger_limit: Option<Duration>,
    pub(crate) socket_options: Options,
}

impl ContextOptions {
    /// Creates options with the defaults documented at each setter.
    #[must_use]
    pub fn new() -> Self {
        ContextOptions {
            pumps: 1,
            name: String::new(),
            max_sockets: None,
            max_connections: None,
            max_handshakes: MAX_HANDSHAKES,
            assist: true,
            lead: true,
            spin: SPIN,
            task_spin: TASK_SPIN,
            linger_limit: None,
            socket_options: Options::new(),
        }
    }

    /// Number of pump threads, 1 to 1024 (`ZMQ_IO_THREADS`, default 1). Each starts with the first
    /// socket opened on it. One is enough for most programs: it serves hundreds of sockets.
    /// libzmq's 0 (no thread, inproc only) does not exist, as inproc needs a pump too.
    #[doc(alias = "ZMQ_IO_THREADS")]
    #[doc(alias = "IO_THREADS")]
    #[must_use]
    pub fn pumps(mut self, pumps: usize) -> Self {
        self.pumps = pumps;
        self
    }

    /// Returns the value of [`pumps`](ContextOptions::pumps).
    #[must_use]
    pub fn get_pumps(&self) -> usize {
        self.pumps
    }

    /// Prefix of the names of the context's threads (`ZMQ_THREAD_NAME_PREFIX`): with `feed` the
    /// pumps are called `feed-pump-0`, `feed-pump-1` and so on. It is shortened to fit the system's
    /// limit for such names, and must not contain a zero byte. Empty, the default, means `zmq`.
    #[doc(alias = "ZMQ_THREAD_NAME_PREFIX")]
    #[doc(alias = "THREAD_NAME_PREFIX")]
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the value of [`name`](ContextOptions::name).
    #[must_use]
    pub fn get_name(&self) -> &str {
        &self.name
    }

    /// Maximum number of sockets of the context, including those still closing (`ZMQ_MAX_SOCKETS`);
    /// `None`, the default, means no limit, where libzmq's default is 1023.
    #[doc(alias = "ZMQ_MAX_SOCKETS")]
    #[doc(alias = "MAX_SOCKETS")]
    #[must_use]
    pub fn max_sockets(mut self, max_sockets: impl Into<Option<usize>>) -> Self {
        self.max_sockets = max_sockets.into();
        self
    }

    /// Returns the value of [`max_sockets`](ContextOptions::max_sockets).
    #[must_use]
    pub fn get_max_sockets(&self) -> Option<usize> {
        self.max_sockets
    }

    /// Maximum number of connections accepted by the listeners of all sockets together, over tcp
    /// and ipc, counted from the accept to the end of the connection. A further connection is
    /// closed at once, or takes the place of one that has not finished its handshake, if there is
    /// one; [`max_handshakes`](ContextOptions::max_handshakes) says which. Connections made by this
    /// context's sockets do not count. `None`, the default, means no limit. (libzmq has no such
    /// option; see also [`Options::max_peers`](Options::max_peers).)
    #[must_use]
    pub fn max_connections(mut self, max_connections: impl Into<Option<usize>>) -> Self {
        self.max_connections = max_connections.into();
        self
    }

    /// Returns the value of [`max_connections`](ContextOptions::max_connections).
    #[must_use]
    pub fn get_max_connections(&self) -> Option<usize> {
        self.max_connections
    }

    /// Maximum number of accepted connections of each pump, over tcp and ipc, that have not
    /// finished their handshake, at least 1 (default 4096, libzmq has no limit). Each holds a file
    /// descriptor for up to [`handshake_timeout`](Options::handshake_timeout). At the limit, each
    /// new connection ends an older one, so that a flood does not lock honest peers out. It ends a
    /// connection that has been silent since it was accepted, if there is one; among these, one
    /// from the address (over ipc, the process) that has most of them; and among those, the oldest.
    /// A ZMTP peer sends its first bytes as soon as it is connected. If they take time to arrive,
    /// it is safe from a flood of silent connections from its own address only if the limit exceeds
    /// the number of connections in that time: the default is enough for 5900 of them a second and
    /// 300 ms, if the system lets the process have that many descriptors. If it does not, a silent
    /// connection is ended whenever no descriptor is left for a new one.
    #[must_use]
    pub fn max_handshakes(mut self, max_handshakes: usize) -> Self {
        self.max_handshakes = max_handshakes;
        self
    }

    /// Returns the value of [`max_handshakes`](ContextOptions::max_handshakes).
    #[must_use]
    pub fn get_max_handshakes(&self) -> usize {
        self.max_handshakes
    }

    /// Whether a call that sends the first message to a pump whose thread sleeps may run the pump's
    /// next turn itself instead of waking that thread; default true. The message leaves earlier by
    /// the time it takes to wake a thread, and the call takes longer by the time of a write to the
    /// connection. A call made right after one that did so, and a call with a large
    /// message, wake the thread. (libzmq has no such option.)
    #[must_use]
    pub fn assist(mut self, assist: bool) -> Self {
        self.assist = assist;
        self
    }

    /// Returns the value of [`assist`](ContextOptions::assist).
    #[must_use]
    pub fn get_assist(&self) -> bool {
        self.assist
    }

    /// Whether a thread in a blocking call may do its pump's work while it waits; default true. It
    /// does so if it waits repeatedly and with short pauses: it then receives messages without the
    /// help of another thread, with half the latency or less. While it is not waiting, the pump's
    /// thread takes over within about 1 ms, or 0.3 ms if other threads wait for the pump; and at
    /// once if a call needs the pump, or a thread that cannot do this starts to wait. Until then,
    /// messages for other sockets of this pump may have to wait. Threads that wait for different
    /// sockets of one pump at the same time leave its work to the pump's thread. (libzmq has no
    /// such option.)
    #[must_use]
    pub fn lead(mut self, lead: bool) -> Self {
        self.lead = lead;
        self
    }

    /// Returns the value of [`lead`](ContextOptions::lead).
    #[must_use]
    pub fn get_lead(&self) -> bool {
        self.lead
    }

    /// Maximum time that a thread in a blocking call spins before it sleeps; default 50 µs, at most
    /// 1 ms, zero disables spinning. A thread spins only where that has paid off recently: where
    /// the message it waits for comes within microseconds from another processor. A thread that
    /// waits longer than that, or has only one processor, hardly ever spins. (libzmq has no such
    /// option.)
    ///
    /// Within the same limits, the pump's thread spins too while frames larger than
    /// [`in_batch_size`](Options::in_batch_size) arrive in pieces.
    #[must_use]
    pub fn spin(mut self, spin: Duration) -> Self {
        self.spin = spin;
        self
    }

    /// Returns the value of [`spin`](ContextOptions::spin).
    #[must_use]
    pub fn get_spin(&self) -> Duration {
        self.spin
    }

    /// Maximum time that a task that waits for messages over tcp or ipc may do its pump's work
    /// within one of its polls; default 25 µs, at most 1 ms, zero disables it. A task does so only
    /// where that has paid off recently. It then asks to be polled again at once, until four times
    /// this has passed, and only then waits to be woken. A task whose messages arrive without that
    /// also yields its thread to other tasks after that time. (libzmq has no such option.)
    #[must_use]
    pub fn task_spin(mut self, task_spin: Duration) -> Self {
        self.task_spin = task_spin;
        self
    }

    /// Returns the value of [`task_spin`](ContextOptions::task_spin).
    #[must_use]
    pub fn get_task_spin(&self) -> Duration {
        self.task_spin
    }

    /// Maximum time that closing sockets may take, whatever their [`linger`](Options::linger), once
    /// the last handle is dropped or [`Context::close`](crate::Context::close) is called. After it,
    /// they end, and the messages they have not sent are
    /// [undelivered](crate::socket::CloseReport#structfield.undelivered). `None`, the default,
    /// means no limit, as with libzmq's `zmq_ctx_term`.
    #[doc(alias = "ZMQ_BLOCKY")]
    #[doc(alias = "BLOCKY")]
    #[must_use]
    pub fn linger_limit(mut self, linger_limit: impl Into<Option<Duration>>) -> Self {
        self.linger_limit = linger_limit.into();
        self
    }

    /// Returns the value of [`linger_limit`](ContextOptions::linger_limit).
    #[must_use]
    pub fn get_linger_limit(&self) -> Option<Duration> {
        self.linger_limit
    }

    /// The options of sockets that are opened without options of their own (replaces `ZMQ_IPV6` and
    /// `ZMQ_BLOCKY` of a context); default [`Options::new`].
    #[must_use]
    pub fn socket_options(mut self, socket_options: Options) -> Self {
        self.socket_options = socket_options;
        self
    }

    /// Returns the value of [`socket_options`](ContextOptions::socket_options).
    #[must_use]
    pub fn get_socket_options(&self) -> &Options {
        &self.socket_options
    }

    /// Whether every option has a value in range.
    pub(crate) fn check(&self) -> Result<(), ContextError> {
        let fault = |option, reason| Err(ContextError::Option { option, reason });
        if !(1..=MAX_PUMPS).contains(&self.pumps) {
            return fault("pumps", "not within 1 and 1024");
        }
        if self.name.contains('\0') {
            return fault("name", "contains a zero byte");
        }
        if self.max_sockets == Some(0) {
            return fault("max_sockets", "zero; None means no limit");
        }
        if self.max_connections == Some(0) {
            return fault("max_connections", "zero; None means no limit");
        }
        if self.max_handshakes == 0 {
            return fault("max_handshakes", "zero: no peer could ever connect");
        }
        if self.task_spin > MAX_SPIN {
            return fault("task_spin", "longer than 1 ms");
        }
        if self.spin > MAX_SPIN {
            return fault("spin", "longer than 1 ms");
        }
        if self
            .socket_options
            .connections
            .pump
            .is_some_and(|pump| pump >= self.pumps)
        {
            return fault("pump", NO_SUCH_PUMP);
        }
        Ok(self.socket_options.check()?)
    }
}

impl Default for ContextOptions {
    fn default() -> Self {
        ContextOptions::new()
    }
}
