//! A context: the pumps that its sockets share, and the namespace of inproc endpoints.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::driver::is_driving;
use crate::pump::{Command, Release};
use crate::sync::lazy::Recurring;
use crate::sync::oneshot::wait_all;

// In this order the methods of `Context` are documented.
mod open;

mod end;

mod observe;

mod pumps;

use pumps::Inner;

/// How long dropping the last handle waits for closing sockets while a panic unwinds.
const DROP_WAIT: Duration = Duration::from_secs(2);

/// Opens sockets, which share its pump threads and its inproc names.
///
/// Creating a context is cheap. A pump thread (`zmq-pump`) starts with the first socket on it, and
/// the thread for [registrations](crate::register::Registration) (`zmq-register`) with the first
/// registration. Handles are cheap to clone and refer to the same context.
///
/// Sockets and ports keep their context alive. Dropping the last handle waits until closing sockets
/// have sent the messages they accepted, for as long as their [`linger`](crate::Options::linger) allows.
/// By default that is until everything is sent, also to a peer that has yet to connect (except over
/// inproc, where no handle is left that could open it).
/// [`linger_limit`](crate::ContextOptions::linger_limit) limits the wait, and while a panic unwinds no
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
/// With several pumps ([`ContextOptions::pumps`](crate::ContextOptions::pumps)) each socket is served by one
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
        crate::logging::flush(&self.shared.monitors);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
