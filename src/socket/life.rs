//! Closing, options, and what a socket is.

use std::future::Future;
use std::sync::Arc;

use crate::error::{ConfigureError, PumpFailure};
use crate::kind::Kind;
use crate::options::Options;
use crate::pump::{CloseReport, SocketCommand};
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::oneshot::Answer;

impl<K: Kind> Socket<K> {
    /// Closes the socket: it accepts no more messages and sends those already accepted, within
    /// [`linger`](crate::Options::linger). The future resolves when that is done, or when there is
    /// nothing left to wait for: no message (one that is written in part is lost with its
    /// connection), or no endpoint through which a peer could connect. The socket closes even if
    /// the future is dropped.
    ///
    /// A second call, also on a clone, resolves when the socket has closed.
    #[doc(alias = "zmq_close")]
    pub fn close(&self) -> impl Future<Output = CloseReport> + Send + 'static + use<K> {
        let answer = self.request_close();
        let ports = Arc::clone(self.holder.ports());
        async move {
            let closed = match answer {
                Some(answer) => answer.await,
                None => None,
            };
            closed.unwrap_or_else(|| CloseReport::without_answer(&ports))
        }
    }

    /// Like [`close`](Socket::close), but blocks the current thread.
    #[doc(alias = "zmq_close")]
    pub fn close_blocking(&self) -> CloseReport {
        let closed = self.request_close().and_then(Answer::wait);
        closed.unwrap_or_else(|| CloseReport::without_answer(self.holder.ports()))
    }

    /// Changes options of the open socket; `change` is given the current ones. The high-water
    /// marks, [`linger`](crate::Options::linger) and the options specific to this type of socket
    /// (`router_…`, `req_…`, `xpub_…` and so on) take effect immediately; all others apply to
    /// endpoints bound or connected from now on.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let push = Context::new().socket::<Push>()?;
    /// push.configure(|options| options.send_high_water_mark(10))?;
    /// assert_eq!(push.sender().capacity(), Some(10));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigureError::Option`] if a value is out of range, [`ConfigureError::WithoutEffect`] if
    /// an option has no effect on this type of socket, [`ConfigureError::Fixed`] if the overflow
    /// policy would change. Nothing is changed in these cases. `change` is called again if another
    /// handle changes the options at the same time.
    #[doc(alias = "zmq_setsockopt")]
    #[doc(alias = "setsockopt")]
    #[doc(alias = "set_option")]
    pub fn configure(
        &self,
        mut change: impl FnMut(Options) -> Options,
    ) -> Result<(), ConfigureError> {
        loop {
            let seen = self.options()?;
            let options = change(Options::clone(&seen));
            options.check()?;
            let socket_type = self.socket_type();
            options.check_messages(socket_type)?;
            if let Some(option) = options.without_effect(socket_type, &seen) {
                return Err(ConfigureError::WithoutEffect {
                    option,
                    socket_type,
                });
            }
            let options = Arc::new(options);
            let changed = self.ask(|reply| SocketCommand::Configure {
                seen,
                options,
                reply,
            });
            match changed {
                // Another thread changed the options first: apply the change to those.
                Some(Ok(false)) => {}
                Some(Ok(true)) => return Ok(()),
                Some(Err(error)) => return Err(error),
                None => return Err(self.ended()),
            }
        }
    }

    /// Returns the current options.
    ///
    /// # Errors
    /// [`ConfigureError`] if the socket is closed or its context is shut down.
    #[doc(alias = "zmq_getsockopt")]
    #[doc(alias = "getsockopt")]
    #[doc(alias = "get_option")]
    pub fn options(&self) -> Result<Arc<Options>, ConfigureError> {
        self.ask(|reply| SocketCommand::Options { reply })
            .ok_or_else(|| self.ended())
    }

    /// Returns whether the socket accepts no more messages: it was closed, or its context was shut
    /// down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.holder.ports().is_closed()
    }

    /// Returns why the pump of this socket has failed, or `None` if it has not. After a failure,
    /// calls that send or receive return only [`Closed::Socket`](crate::error::Closed::Socket); all
    /// others return the failure itself. A [`Monitor`](crate::Monitor) reports it as
    /// [`EventKind::PumpFailed`](crate::monitor::EventKind::PumpFailed).
    #[must_use]
    pub fn failure(&self) -> Option<PumpFailure> {
        self.mailbox.health().failure()
    }

    /// Returns the type of this socket.
    #[must_use]
    #[doc(alias = "ZMQ_TYPE")]
    pub fn socket_type(&self) -> SocketType {
        self.kind
    }

    /// Returns the number of this socket in its context, above 0 and never reused there.
    /// [Monitors](crate::Context::monitor) and [statistics](crate::Context::statistics) of the
    /// context identify the socket by it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }
}
