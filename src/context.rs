//! A context: the pump its sockets share, and the scope of inproc names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::channel::{answer, Lazy};
use crate::error::SocketError;
use crate::kind::{Any, Kind, Typed};
use crate::options::Options;
use crate::pump::net::{self, Running};
use crate::pump::Command;
use crate::socket::Socket;
use crate::socket_type::SocketType;

/// How long [`Context::shutdown`] lets accepted messages leave before it drops them: a quarter of
/// the time it promises to take, the rest being for a machine with other work to do.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(25);

/// How long dropping the last handle of everything waits for sockets that are closing.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// The home of sockets: they share its pump thread and its inproc names.
///
/// Making one costs nothing; the pump's thread (`zmq-pump`) starts with the first socket.
/// Handles are cheap to clone and all mean the same context.
///
/// Sockets and ports keep their context alive. Dropping the last handle of all waits, for at most
/// two seconds ([`Context::DROP_WAIT`]), until sockets that are being closed have sent what they
/// accepted; then the pump ends. A process that exits does not wait for pumps.
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
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    pump: Lazy<Running>,
}

impl Context {
    /// How long dropping the last handle of all (of the context, its sockets and their ports)
    /// waits for sockets that are closing.
    pub const DROP_WAIT: Duration = DROP_WAIT;

    /// A context of its own: no thread yet, no names.
    #[must_use]
    pub fn new() -> Self {
        Context {
            inner: Arc::new(Inner { pump: Lazy::new() }),
        }
    }

    /// Opens a socket with the default [`Options`].
    ///
    /// # Errors
    /// [`SocketError::Terminated`] after [`shutdown`](Context::shutdown), [`SocketError::Io`] if
    /// the pump's thread cannot be started.
    pub fn socket<K: Typed>(&self) -> Result<Socket<K>, SocketError> {
        self.socket_with(Options::new())
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
    /// As [`socket`](Context::socket), and [`SocketError::Option`] if an option has a value it
    /// cannot have.
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
    /// As [`socket_with`](Context::socket_with), and [`SocketError::Unsupported`] for a type this
    /// library does not have.
    pub fn socket_of(
        &self,
        socket_type: SocketType,
        options: Options,
    ) -> Result<Socket<Any>, SocketError> {
        self.open(socket_type, options)
    }

    /// Ends the context: every pending call on its sockets returns `Terminated`, messages that
    /// can leave at once still do, then connections, files and the thread are gone. Takes at
    /// most about 100 ms. Close sockets first to be sure that everything was sent.
    ///
    /// Calling it again does nothing.
    pub fn shutdown(&self) {
        let Some(running) = self.inner.pump.close() else {
            return;
        };
        let (done, reply) = answer();
        if running
            .mailbox
            .post(Command::Shutdown {
                grace: SHUTDOWN_GRACE,
                reply,
            })
            .is_ok()
        {
            done.wait();
        }
        running.join();
    }

    fn open<K: Kind>(&self, kind: SocketType, options: Options) -> Result<Socket<K>, SocketError> {
        if !kind.is_supported() {
            return Err(SocketError::Unsupported(kind));
        }
        options.check()?;
        let mailbox = self
            .inner
            .pump
            .open(
                || net::start("zmq-pump"),
                |running| Arc::clone(&running.mailbox),
            )
            .ok_or(SocketError::Terminated)??;
        let (opened, reply) = answer();
        mailbox
            .post(Command::Open {
                kind,
                options,
                keepalive: Arc::clone(&self.inner) as _,
                reply,
            })
            .map_err(|_| SocketError::Terminated)?;
        let (hub, holder) = opened.wait().unwrap_or(Err(SocketError::Terminated))?;
        Ok(Socket::new(kind, hub, mailbox, holder))
    }
}

impl Default for Context {
    fn default() -> Self {
        Context::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(running) = self.pump.close() else {
            return;
        };
        let (done, reply) = answer();
        if running.mailbox.post(Command::Release { reply }).is_ok() {
            // Not done by then is given up: a peer may never come.
            let _ = done.wait_timeout(DROP_WAIT);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
