//! Contexts, and the sockets that they open.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Closed, ContextError, SocketError};
use crate::kind::{Any, Kind, Typed};
use crate::options::{ContextOptions, Options, NO_SUCH_PUMP};
use crate::pump::Command;
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::lazy::Recurring;
use crate::sync::oneshot::answer;
use crate::sync::primitives::Once;

use super::pumps::{ended, Inner};
use super::{Context, Global, Hold, DROP_WAIT};

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
        let permit = match options.connections.pump {
            Some(pump) if pump >= self.inner.options.pumps => {
                return Err(SocketError::Option {
                    option: "pump",
                    reason: NO_SUCH_PUMP,
                })
            }
            Some(pump) => self.inner.sockets.take_in(pump),
            None => self.inner.sockets.take(|pump| self.inner.is_well(pump)),
        };
        let permit = permit.ok_or(SocketError::TooManySockets)?;
        let pump = permit.row();
        let mailbox = self.inner.pumps[pump]
            .open(
                || self.inner.start(pump),
                |running| Arc::clone(&running.mailbox),
            )
            .ok_or(SocketError::Closed(Closed::Context))??;
        let id = self.inner.shared.monitors.number_socket();
        let (opened, reply) = answer();
        mailbox
            .post(Command::Open {
                id,
                kind,
                options: Arc::new(options),
                keepalive: Arc::clone(&self.inner) as _,
                permit,
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
