//! The options of a context.

use std::time::Duration;

use super::Options;
use crate::error::ContextError;

/// About twice what it takes to wake a thread that sleeps on another processor.
const SPIN: Duration = Duration::from_micros(50);

/// About what an answer takes from a task of another thread that is awake.
const TASK_SPIN: Duration = Duration::from_micros(25);

/// The longest spin that is accepted: beyond, sleeping is better by any measure.
const MAX_SPIN: Duration = Duration::from_millis(1);

/// The most pumps a context may have: more than any machine has processors for, and few enough to
/// be looked through for each socket.
const MAX_PUMPS: usize = 1024;

/// The most unfinished handshakes of a pump unless the user says otherwise: a flood of several
/// thousand silent connections a second, all from one address, does not lock out a peer of that address
/// whose first bytes take a third of a second.
pub(crate) const MAX_HANDSHAKES: usize = 4096;

pub(crate) const NO_SUCH_PUMP: &str = "the context has no such pump";

/// The settings of a context, as [`Options`] are those of a socket.
///
/// What an option is set to is read with `get_` and its name, as with [`std::process::Command`].
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
    /// The defaults, as documented on each setter.
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

    /// Pump threads, 1 to 1024 (`ZMQ_IO_THREADS`, default 1). Each starts with the first socket
    /// that is opened on it. One is enough for most: it serves hundreds of sockets. libzmq's 0,
    /// no thread and inproc only, does not exist: inproc needs a pump, too.
    #[doc(alias = "ZMQ_IO_THREADS")]
    #[doc(alias = "IO_THREADS")]
    #[must_use]
    pub fn pumps(mut self, pumps: usize) -> Self {
        self.pumps = pumps;
        self
    }

    /// What [`pumps`](ContextOptions::pumps) is set to.
    #[must_use]
    pub fn get_pumps(&self) -> usize {
        self.pumps
    }

    /// What the names of the context's threads begin with (`ZMQ_THREAD_NAME_PREFIX`): with `feed`
    /// the pumps are called `feed-pump-0`, `feed-pump-1` and so on. It is shortened to what the
    /// system keeps of such names. Without a zero byte; empty, the default, for `zmq`.
    #[doc(alias = "ZMQ_THREAD_NAME_PREFIX")]
    #[doc(alias = "THREAD_NAME_PREFIX")]
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What [`name`](ContextOptions::name) is set to.
    #[must_use]
    pub fn get_name(&self) -> &str {
        &self.name
    }

    /// Sockets the context has at most, those included that are still closing
    /// (`ZMQ_MAX_SOCKETS`); `None`, the default, for no limit, where libzmq has 1023.
    #[doc(alias = "ZMQ_MAX_SOCKETS")]
    #[doc(alias = "MAX_SOCKETS")]
    #[must_use]
    pub fn max_sockets(mut self, max_sockets: impl Into<Option<usize>>) -> Self {
        self.max_sockets = max_sockets.into();
        self
    }

    /// What [`max_sockets`](ContextOptions::max_sockets) is set to.
    #[must_use]
    pub fn get_max_sockets(&self) -> Option<usize> {
        self.max_sockets
    }

    /// Connections that all listeners of all sockets together have accepted at most, over tcp
    /// and ipc, from the accept to the end of the connection. Who comes later is disconnected at
    /// once, or takes the place of one that has not finished its handshake, if there is one: which,
    /// [`max_handshakes`](ContextOptions::max_handshakes) says. Connections that sockets
    /// make themselves do not count. `None`, the default, for no limit. (libzmq has no such option; see also
    /// [`Options::max_peers`](Options::max_peers).)
    #[must_use]
    pub fn max_connections(mut self, max_connections: impl Into<Option<usize>>) -> Self {
        self.max_connections = max_connections.into();
        self
    }

    /// What [`max_connections`](ContextOptions::max_connections) is set to.
    #[must_use]
    pub fn get_max_connections(&self) -> Option<usize> {
        self.max_connections
    }

    /// Accepted connections of each pump, over tcp and ipc, whose handshake is not finished, at
    /// least 1 (default 4096, libzmq has no limit). Each holds a file descriptor for up to
    /// [`handshake_timeout`](Options::handshake_timeout). Beyond that many one is ended
    /// for each newcomer, so that a flood does not lock honest peers out: one that has been silent
    /// since it was accepted, or else any; of the address (over ipc, the process) that has most of
    /// them; the oldest of those. A peer of ZMTP says its first bytes as soon as it is connected. If
    /// these need time to arrive, it takes a limit above the number of connections in that time to be
    /// safe from a flood of silent connections from the peer's own address: the default is enough for
    /// 5900 of them a second and 300 ms, if the system lets the process have as many descriptors. If
    /// it does not, a silent connection makes way whenever there is none left for a newcomer.
    #[must_use]
    pub fn max_handshakes(mut self, max_handshakes: usize) -> Self {
        self.max_handshakes = max_handshakes;
        self
    }

    /// What [`max_handshakes`](ContextOptions::max_handshakes) is set to.
    #[must_use]
    pub fn get_max_handshakes(&self) -> usize {
        self.max_handshakes
    }

    /// Whether a call that has the first message for a pump whose thread sleeps may do the pump's next
    /// turn itself instead of waking that thread; default true. The message is on its way sooner by the
    /// wake-up of a thread, and the call takes longer by a write to the connection. A call that has
    /// just done so, and a large message, wake the thread. (libzmq has no such option.)
    #[must_use]
    pub fn assist(mut self, assist: bool) -> Self {
        self.assist = assist;
        self
    }

    /// What [`assist`](ContextOptions::assist) is set to.
    #[must_use]
    pub fn get_assist(&self) -> bool {
        self.assist
    }

    /// Whether a thread in a blocking call may do its pump's work while it waits; default true. It does
    /// so where it waits time and again and is never away for long: then what arrives is in its hands
    /// without another thread, with half the latency or less. When it is away, the pump's thread comes
    /// back within about 1 ms, or 0.3 ms if others wait for the pump; and at once if anything is asked
    /// of the pump, or a thread begins to wait that cannot do this. Until then, what arrives for other
    /// sockets of this pump may have to wait. Threads that wait for different sockets of one pump at the
    /// same time leave its work to the pump's thread. (libzmq has no such option.)
    #[must_use]
    pub fn lead(mut self, lead: bool) -> Self {
        self.lead = lead;
        self
    }

    /// What [`lead`](ContextOptions::lead) is set to.
    #[must_use]
    pub fn get_lead(&self) -> bool {
        self.lead
    }

    /// How long a thread in a blocking call may spin before it sleeps; default 50 µs, at most 1 ms, zero
    /// for never. It does so only where that has paid off lately: where what it waits for comes within
    /// microseconds from another processor. A thread that waits longer than that, or is alone on its
    /// processor, spins next to never. (libzmq has no such option.)
    ///
    /// For as long as this, and where it has paid off lately, the pump's thread spins too while
    /// frames of more than [`in_batch_size`](Options::in_batch_size) arrive piece by
    /// piece.
    #[must_use]
    pub fn spin(mut self, spin: Duration) -> Self {
        self.spin = spin;
        self
    }

    /// What [`spin`](ContextOptions::spin) is set to.
    #[must_use]
    pub fn get_spin(&self) -> Duration {
        self.spin
    }

    /// How long a task that waits for what comes over tcp or ipc may do its pump's work in one of its
    /// polls; default 25 µs, at most 1 ms, zero for never. It does so only where that has paid off
    /// lately. It then asks to be polled again at once, until four times this has passed, and only then
    /// waits to be woken. Even if it is served without that, it leaves its thread to other tasks after
    /// that time. (libzmq has no such option.)
    #[must_use]
    pub fn task_spin(mut self, task_spin: Duration) -> Self {
        self.task_spin = task_spin;
        self
    }

    /// What [`task_spin`](ContextOptions::task_spin) is set to.
    #[must_use]
    pub fn get_task_spin(&self) -> Duration {
        self.task_spin
    }

    /// How long sockets that are closing may take at most, whatever their
    /// [`linger`](Options::linger) says, once the last handle of all is dropped or
    /// [`Context::close`](crate::Context::close) is called. When it is over they end, and what they have
    /// not sent is [undelivered](crate::socket::CloseReport#structfield.undelivered). `None`, the
    /// default, for no limit, as with libzmq's `zmq_ctx_term`.
    #[doc(alias = "ZMQ_BLOCKY")]
    #[doc(alias = "BLOCKY")]
    #[must_use]
    pub fn linger_limit(mut self, linger_limit: impl Into<Option<Duration>>) -> Self {
        self.linger_limit = linger_limit.into();
        self
    }

    /// What [`linger_limit`](ContextOptions::linger_limit) is set to.
    #[must_use]
    pub fn get_linger_limit(&self) -> Option<Duration> {
        self.linger_limit
    }

    /// The options of sockets that are opened without options of their own, in the place of
    /// `ZMQ_IPV6` and `ZMQ_BLOCKY` for a context; default [`Options::new`].
    #[must_use]
    pub fn socket_options(mut self, socket_options: Options) -> Self {
        self.socket_options = socket_options;
        self
    }

    /// What [`socket_options`](ContextOptions::socket_options) is set to.
    #[must_use]
    pub fn get_socket_options(&self) -> &Options {
        &self.socket_options
    }

    /// Whether every option has a value it can have.
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
