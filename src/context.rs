//! A context: the pumps that its sockets share, and the namespace of inproc endpoints.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::driver::is_driving;
use crate::error::{Closed, ContextError, SocketError};
use crate::kind::{Any, Kind, Typed};
use crate::options::{ContextOptions, Options, NO_SUCH_PUMP};
use crate::port::undelivered;
use crate::pump::os::Running;
use crate::pump::{CloseReport, Command, Release};
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::lazy::{Lazy, Recurring};
use crate::sync::oneshot::{answer, wait_all, Answer};
use crate::sync::primitives::Once;

mod observe;
mod pumps;

use pumps::{all_closed, ask_all, ended, Inner};

/// How long [`Context::shutdown`] lets accepted messages leave before it drops them: a quarter of
/// the time it promises to take; the rest is reserve for a busy machine.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(25);

/// How long dropping the last handle waits for closing sockets while a panic unwinds.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// Opens sockets, which share its pump threads and its inproc names.
///
/// Creating a context is cheap. A pump thread (`zmq-pump`) starts with the first socket on it, and
/// the thread for [registrations](crate::register::Registration) (`zmq-register`) with the first
/// registration. Handles are cheap to clone and refer to the same context.
///
/// Sockets and ports keep their context alive. Dropping the last handle waits until closing sockets
/// have sent the messages they accepted, for as long as their [`linger`](Options::linger) allows.
/// By default that is until everything is sent, also to a peer that has yet to connect (except over
/// inproc, where no handle is left that could open it).
/// [`linger_limit`](ContextOptions::linger_limit) limits the wait, and while a panic unwinds no
/// drop waits longer than [`Context::DROP_WAIT`]. Then the pump threads end.
/// [`Context::undelivered`] counts messages that were not sent; [`Context::close`] waits in the
/// same way and returns their number.
///
/// To lose no messages at the end of a program, drop the last handle before `main` returns, or call
/// [`close_blocking`](Context::close_blocking). Nothing waits for handles that are never dropped,
/// because other threads or a `static` hold them, nor does [`std::process::exit`].
///
/// ```
/// use zmq_channels::{Context, Pull, Push};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = context.socket::<Pull>()?;
/// let push = context.socket::<Push>()?;
/// let endpoint = pull.bind("tcp://127.0.0.1:*")?;
/// push.connect(&endpoint)?;
/// push.send_blocking("hello")?;
/// assert_eq!(pull.recv_blocking()?[0], "hello");
/// # Ok(())
/// # }
/// ```
///
/// With several pumps ([`ContextOptions::pumps`](ContextOptions::pumps)) each socket is served by one
/// of them. inproc is fastest between sockets of one pump, where the effects of calls such as
/// `connect` and `subscribe` are visible to both sides when they return; between pumps they take a
/// moment to arrive.
///
/// # Processes that fork
///
/// A forked child has its parent's memory but none of its threads, so the parent's sockets have no
/// pump there. Calls that need the pump (`bind`, `statistics`, `wait_…`, opening a socket in the
/// parent's context) fail with [`PumpFailure::Forked`](crate::error::PumpFailure::Forked); `close`
/// and [`shutdown`](Context::shutdown) return. Calls that send, receive or request fail with
/// [`Closed::Socket`](crate::error::Closed), and `failure()` returns the reason. The parent, its
/// connections and its listeners are not affected, even when the child drops handles.
///
/// As in every process that forks while threads are running, a lock that another thread held at that
/// moment stays locked in the child, and a call that needs it hangs. A fork that bypasses the C library
/// (a bare `clone`) is not detected. To use sockets in the child, create a new context there with
/// [`Context::new`].
#[derive(Clone)]
#[doc(alias = "zmq_ctx_t")]
#[doc(alias = "zctx")]
pub struct Context {
    inner: Arc<Hold>,
}

/// State shared by all handles, including those of sockets and ports. Dropping the last one waits.
struct Hold {
    inner: Arc<Inner>,
    /// Whether the context outlives its handles.
    is_global: bool,
}

/// The default context, and the state its current handles share.
struct Global {
    inner: Arc<Inner>,
    hold: Recurring<Hold>,
}

impl Deref for Hold {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl Context {
    /// Maximum time that dropping the last handle (of the context, its sockets and their ports)
    /// waits for closing sockets while a panic unwinds: 2 s. The sockets continue to close if the
    /// process continues.
    pub const DROP_WAIT: Duration = DROP_WAIT;

    /// Creates a context, without starting a thread yet.
    #[must_use]
    #[doc(alias = "zmq_ctx_new")]
    #[doc(alias = "zmq_init")]
    pub fn new() -> Self {
        Context::made(ContextOptions::new())
    }

    /// Creates a context with `options`.
    ///
    /// # Errors
    /// [`ContextError::Option`] if a value is out of range.
    pub fn with_options(options: ContextOptions) -> Result<Self, ContextError> {
        options.check()?;
        Ok(Context::made(options))
    }

    /// Returns the default context: one for the whole process, created when it is first used.
    ///
    /// In a forked process this is the parent's context, if the parent has used it: its sockets
    /// fail there with [`PumpFailure::Forked`](crate::error::PumpFailure::Forked).
    ///
    /// It lasts as long as the process. Dropping the last handle of anything in it waits for
    /// closing sockets, as with any other context; so does the end of `main` if the last handles
    /// are dropped there. Once it was [closed](Context::close), [terminated](Context::terminate) or
    /// [shut down](Context::shutdown), it cannot be used again.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let here = Context::global().socket::<Pair>()?;
    /// let there = Context::global().socket::<Pair>()?;
    /// here.bind("inproc://everywhere")?;
    /// there.connect("inproc://everywhere")?;
    /// here.send_blocking("hello")?;
    /// assert_eq!(there.recv_blocking()?[0], "hello");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn global() -> Self {
        static GLOBAL: Once<Global> = Once::new();
        let global = GLOBAL.get_or_init(|| Global {
            inner: Arc::new(Inner::new(ContextOptions::new())),
            hold: Recurring::new(),
        });
        let hold = || Hold {
            inner: Arc::clone(&global.inner),
            is_global: true,
        };
        Context {
            inner: global.hold.get(hold),
        }
    }

    fn made(options: ContextOptions) -> Self {
        let hold = Hold {
            inner: Arc::new(Inner::new(options)),
            is_global: false,
        };
        Context {
            inner: Arc::new(hold),
        }
    }

    /// Returns the options it was created with.
    #[must_use]
    pub fn options(&self) -> &ContextOptions {
        &self.inner.options
    }

    /// Opens a socket with the context's default [`Options`].
    ///
    /// # Errors
    /// [`SocketError::Closed`] after [`terminate`](Context::terminate) or
    /// [`shutdown`](Context::shutdown), [`SocketError::TooManySockets`] if the context has reached
    /// its limit of sockets, [`SocketError::Io`] if the pump's thread cannot be started,
    /// [`SocketError::PumpFailed`] if the chosen pump has failed or, without a choice, all of them
    /// have.
    #[doc(alias = "zmq_socket")]
    pub fn socket<K: Typed>(&self) -> Result<Socket<K>, SocketError> {
        self.socket_with(self.inner.options.socket_options.clone())
    }

    /// Opens a socket with `options`.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Pub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = Options::new().send_high_water_mark(10);
    /// let publisher = Context::new().socket_with::<Pub>(options)?;
    /// assert_eq!(publisher.sender().capacity(), Some(10));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Same as [`socket`](Context::socket), and [`SocketError::Option`] if a value is out of range.
    pub fn socket_with<K: Typed>(&self, options: Options) -> Result<Socket<K>, SocketError> {
        self.open(K::TYPE, options)
    }

    /// Opens a socket whose type is chosen at run time.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, SocketType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kind: SocketType = "PULL".parse()?;
    /// let socket = Context::new().socket_of(kind, Options::new())?;
    /// assert!(socket.receiver().is_some());
    /// assert!(socket.sender().is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Same as [`socket_with`](Context::socket_with), and [`SocketError::Unsupported`] if this
    /// library does not support the type.
    #[doc(alias = "zmq_socket")]
    pub fn socket_of(
        &self,
        socket_type: SocketType,
        options: Options,
    ) -> Result<Socket<Any>, SocketError> {
        self.open(socket_type, options)
    }

    /// Closes all sockets of the context, each as [`Socket::close`] does. The future resolves when
    /// they have sent the messages they accepted, or their [`linger`](Options::linger) or
    /// [`linger_limit`](ContextOptions::linger_limit) is over, and returns the number of messages
    /// that were not delivered. The context then cannot be used any more, as after
    /// [`shutdown`](Context::shutdown), which also ends the wait of this call.
    ///
    /// The sockets close even if the future is dropped.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zmq_channels::{Context, ContextOptions, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let limit = Some(Duration::from_millis(10));
    /// let context = Context::with_options(ContextOptions::new().linger_limit(limit))?;
    /// let push = context.socket::<Push>()?;
    /// push.connect("inproc://not-bound")?;
    /// push.send_blocking("hello?")?;
    /// assert_eq!(context.close_blocking().undelivered, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "zmq_ctx_term")]
    #[doc(alias = "zmq_ctx_destroy")]
    #[doc(alias = "zmq_term")]
    pub fn close(&self) -> impl Future<Output = CloseReport> + Send + 'static + use<> {
        all_closed(Arc::clone(&self.inner.inner), self.ask_to_close(), false)
    }

    /// Like [`close`](Context::close), but blocks the current thread.
    pub fn close_blocking(&self) -> CloseReport {
        self.inner.all_closed_blocking(self.ask_to_close(), false)
    }

    /// Ends the context as `zmq_ctx_term` does: every pending or later call on its sockets fails at
    /// once with [`Closed::Context`](crate::error::Closed), in every thread and task, while
    /// accepted messages are still sent. Resolves like [`close`](Context::close): when everything
    /// is sent or the [`linger`](Options::linger) of each socket is over, with the number of
    /// undelivered messages. With the default, [`Linger::UntilSent`](crate::Linger::UntilSent), it
    /// waits until the peers have connected; [`linger_limit`](ContextOptions::linger_limit) limits
    /// the wait, and [`shutdown`](Context::shutdown) ends it.
    ///
    /// When this function returns, calls have been terminated and no socket can be opened any more,
    /// even if the future is dropped. Messages that were not received yet are dropped. Only the
    /// calls that close sockets and contexts continue to work; a [`Monitor`](crate::Monitor)
    /// returns the events it has, [`Stopped`](crate::monitor::EventKind::Stopped) last.
    /// Registrations and proxies end.
    ///
    /// ```
    /// use zmq_channels::error::{Closed, RecvError};
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (here, there) = (Context::new(), Context::new());
    /// let (push, pull) = (here.socket::<Push>()?, there.socket::<Pull>()?);
    /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
    /// push.send_blocking("on its way")?;
    ///
    /// let idle = here.socket::<Pull>()?;
    /// let waiting = std::thread::spawn(move || idle.recv_blocking());
    /// assert_eq!(here.terminate_blocking().undelivered, 0);
    /// assert_eq!(waiting.join().unwrap(), Err(RecvError::Closed(Closed::Context)));
    /// assert_eq!(pull.recv_blocking()?, "on its way".into());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "zmq_ctx_term")]
    pub fn terminate(&self) -> impl Future<Output = CloseReport> + Send + 'static + use<> {
        let asked = self.begin_to_terminate();
        all_closed(Arc::clone(&self.inner.inner), asked, true)
    }

    /// Like [`terminate`](Context::terminate), but blocks the current thread.
    pub fn terminate_blocking(&self) -> CloseReport {
        let asked = self.begin_to_terminate();
        self.inner.all_closed_blocking(asked, true)
    }

    /// Terminates all calls, and then closes the sockets.
    fn begin_to_terminate(&self) -> Vec<Answer<CloseReport>> {
        let inner = &self.inner;
        inner.pumps.iter().for_each(Lazy::seal);
        inner.registrar.seal();
        // On all pumps first: peers in this context must not see the end of one socket as a lost
        // connection.
        for done in inner.ask_running(|reply| Command::TerminateCalls { reply }) {
            done.wait();
        }
        self.ask_to_close()
    }

    fn ask_to_close(&self) -> Vec<Answer<CloseReport>> {
        let release = Release {
            limit: self.inner.options.linger_limit,
            closes: true,
            ends: false,
        };
        self.inner
            .ask_running(|reply| Command::Release { release, reply })
    }

    /// Returns the number of messages that sockets of this process, in all contexts, had accepted
    /// but not [delivered](CloseReport#structfield.undelivered) when they ended. It shows what was
    /// lost by dropping the last handle of a context.
    #[must_use]
    pub fn undelivered() -> u64 {
        undelivered()
    }

    /// Ends the context: every pending call on its sockets fails with
    /// [`Closed::Context`](crate::error::Closed), messages that can leave at once still do, then
    /// connections, files and threads are gone. Takes at most about 100 ms. To be sure that
    /// everything is sent, close the sockets first.
    ///
    /// A second call does nothing.
    #[doc(alias = "zmq_ctx_shutdown")]
    pub fn shutdown(&self) {
        let running = self.inner.stop();
        // With a single pump, that does both at once.
        if running.len() > 1 {
            for done in ask_all(&running, |reply| Command::Terminate { reply }) {
                done.wait();
            }
        }
        let grace = SHUTDOWN_GRACE;
        for done in ask_all(&running, |reply| Command::Shutdown { grace, reply }) {
            done.wait();
        }
        running.into_iter().for_each(Running::join);
        self.inner.registrar.end();
        #[cfg(feature = "tracing")]
        crate::logging::flush(&self.inner.company.monitors);
        self.inner.company.monitors.end(true);
    }

    fn open<K: Kind>(&self, kind: SocketType, options: Options) -> Result<Socket<K>, SocketError> {
        if !kind.is_supported() {
            return Err(SocketError::Unsupported(kind));
        }
        options.check()?;
        options.check_messages(kind)?;
        if let Some(option) = options.without_effect(kind, &self.inner.options.socket_options) {
            let socket_type = kind;
            return Err(SocketError::WithoutEffect {
                option,
                socket_type,
            });
        }
        let seat = match options.connections.pump {
            Some(pump) if pump >= self.inner.options.pumps => {
                return Err(SocketError::Option {
                    option: "pump",
                    reason: NO_SUCH_PUMP,
                })
            }
            Some(pump) => self.inner.sockets.take_in(pump),
            None => self.inner.sockets.take(|pump| self.inner.is_well(pump)),
        };
        let seat = seat.ok_or(SocketError::TooManySockets)?;
        let pump = seat.row();
        let mailbox = self.inner.pumps[pump]
            .open(
                || self.inner.start(pump),
                |running| Arc::clone(&running.mailbox),
            )
            .ok_or(SocketError::Closed(Closed::Context))??;
        let id = self.inner.company.monitors.number_socket();
        let (opened, reply) = answer();
        mailbox
            .post(Command::Open {
                id,
                kind,
                options: Arc::new(options),
                keepalive: Arc::clone(&self.inner) as _,
                seat,
                reply,
            })
            .map_err(|_| ended(&mailbox))?;
        let (hub, holder) = opened.wait().unwrap_or_else(|| Err(ended(&mailbox)))?;
        #[cfg(feature = "tracing")]
        self.log_open(id, kind);
        let registrar = Arc::clone(&self.inner.registrar);
        Ok(Socket::new(kind, id, hub, mailbox, holder, registrar))
    }
}

impl Default for Context {
    fn default() -> Self {
        Context::new()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let asked = match self.is_global {
            true => {
                let limit = self.options.linger_limit;
                let release = Release {
                    limit,
                    ..Release::default()
                };
                self.ask_running(|reply| Command::Release { release, reply })
            }
            false => self.release(),
        };
        // A pump's turn may drop the last handle; it cannot wait for its own pump, and must not
        // delay the others.
        if is_driving() {
            return;
        }
        wait_all(asked, DROP_WAIT);
        #[cfg(feature = "tracing")]
        crate::logging::flush(&self.company.monitors);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
