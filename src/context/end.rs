//! How contexts end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::port::undelivered;
use crate::pump::os::Running;
use crate::pump::{CloseReport, Command, Release};
use crate::sync::lazy::Lazy;
use crate::sync::oneshot::Answer;

use super::pumps::{all_closed, ask_all};
use super::Context;

/// How long [`Context::shutdown`] lets accepted messages leave before it drops them: a quarter of
/// the time it promises to take; the rest is reserve for a busy machine.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(25);

impl Context {
    /// Closes all sockets of the context, each as [`Socket::close`](crate::Socket::close) does. The
    /// future resolves when they have sent the messages they accepted, or their
    /// [`linger`](crate::Options::linger) or [`linger_limit`](crate::ContextOptions::linger_limit) is
    /// over, and returns the number of messages that were not delivered. The context then cannot be
    /// used any more, as after [`shutdown`](Context::shutdown), which also ends the wait of this call.
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

    /// Like [`close`](Context::close), but blocks the current thread, and returns when the pump threads
    /// have ended too. They wait until peers have taken the last bytes and ended their connections, at most
    /// a second for each of both: a process that ends before may cost its peers messages they have not
    /// read yet.
    pub fn close_blocking(&self) -> CloseReport {
        self.inner.all_closed_blocking(self.ask_to_close(), false)
    }

    /// Ends the context as `zmq_ctx_term` does: every pending or later call on its sockets fails at
    /// once with [`Closed::Context`](crate::error::Closed), in every thread and task, while
    /// accepted messages are still sent. Resolves like [`close`](Context::close): when everything
    /// is sent or the [`linger`](crate::Options::linger) of each socket is over, with the number of
    /// undelivered messages. With the default, [`Linger::UntilSent`](crate::Linger::UntilSent), it
    /// waits until the peers have connected; [`linger_limit`](crate::ContextOptions::linger_limit) limits
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

    /// Like [`terminate`](Context::terminate), but blocks the current thread, and returns when the pump
    /// threads have ended too, as [`close_blocking`](Context::close_blocking) does.
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
        crate::logging::flush(&self.inner.shared.monitors);
        self.inner.shared.monitors.end(true);
    }
}
