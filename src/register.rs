//! Registered channels: a stream that is a socket's `in`, or a sink that is its `out`.
//!
//! One thread per context, `zmq-register`, moves the messages and polls the registered channels;
//! pump threads never do. Each registration is a task that waits for one channel and one port, so a
//! channel that stalls, fails or panics affects only its own socket.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;

use crate::error::{Closed, PumpFailure, RecvError, RegisterError, SendError};
use crate::kind::{Any, Receives, Sends, Typed};
use crate::message::Message;
use crate::pump::runner::{self, Runner};
use crate::pump::CloseReport;
use crate::socket::Socket;
use crate::sync::catch::quietly;
use crate::sync::lazy::Lazy;
use crate::sync::oneshot::{answer, Answer, Reply};

mod forwarder;
mod pour;

use forwarder::Forwarder;
use pour::Pour;

/// Messages that a registration moves before the next one runs.
const BUDGET: usize = 64;

/// How long a shutdown waits for registrations to end: they only have to return from polling the
/// user's channel, which may hang.
const PATIENCE: Duration = Duration::from_millis(25);

/// A registered channel of a socket. Awaiting it returns how it [`Ended`].
///
/// Dropping it does not end the registration. The registration holds the socket's port, as a
/// [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) does, so the [`Socket`] may be
/// dropped as well.
#[must_use = "dropping it is fine, but then how the registration ended is lost"]
pub struct Registration {
    stop: Option<Reply<()>>,
    ended: Answer<Ended>,
}

/// How a registration ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended {
    /// The stream ended, which closed the socket: messages it had accepted are sent, or counted
    /// here.
    Finished(CloseReport),
    /// The socket was closed, or the context was shut down. If the socket was closed, its `out` has
    /// been drained into the sink, which is closed too.
    Closed(Closed),
    /// It was [stopped](Registration::stop).
    Stopped,
    /// The sink failed, and the socket was closed. The message being sent, if any, is lost with the
    /// sink; those after it can still be received from the socket.
    Failed(Box<dyn Error + Send + Sync>),
    /// The stream or sink panicked with this message, and the socket was closed.
    Panicked(String),
}

impl Registration {
    /// Ends the registration without closing the socket: no more messages are taken from the stream
    /// or the socket. Messages already taken are still delivered; then it ends as
    /// [`Ended::Stopped`].
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(());
        }
    }

    /// Blocks the current thread until it ends.
    pub fn wait_blocking(self) -> Ended {
        self.ended.wait().unwrap_or(Ended::Closed(Closed::Context))
    }

    /// Blocks the current thread until it ends, for at most `timeout`.
    ///
    /// # Errors
    /// Returns the registration itself if it has not ended.
    pub fn wait_timeout_blocking(self, timeout: Duration) -> Result<Ended, Registration> {
        match self.ended.wait_timeout(timeout) {
            Poll::Ready(ended) => Ok(ended.unwrap_or(Ended::Closed(Closed::Context))),
            Poll::Pending => Err(self),
        }
    }
}

impl Future for Registration {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let ended = ready!(Pin::new(&mut self.ended).poll(context));
        Poll::Ready(ended.unwrap_or(Ended::Closed(Closed::Context)))
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registration")
    }
}

impl<K: Typed> Socket<K> {
    /// Sends the items of a stream through the socket: any channel whose receiver is a `Stream`, of
    /// any library, without a thread or runtime on the caller's side.
    ///
    /// The stream is polled only while the socket has room. When the stream ends, or panics, the
    /// socket is closed as by [`close`](Socket::close). A message that the socket
    /// [refuses](crate::error::Refusal) is dropped, and counted by
    /// [`Sender::dropped`](crate::Sender::dropped).
    ///
    /// ```
    /// use zmq_channels::register::Ended;
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind("inproc://register-in")?)?;
    ///
    /// let (tasks, stream) = futures::channel::mpsc::unbounded();
    /// let registration = push.register_in(stream)?;
    /// tasks.unbounded_send("a task")?;
    /// assert_eq!(pull.recv_blocking()?, "a task".into());
    /// drop(tasks); // closes the socket
    /// assert!(matches!(registration.wait_blocking(), Ended::Finished(_)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The stream shares its thread with all registrations of the context, so it must not block
    /// when polled.
    ///
    /// # Errors
    /// [`RegisterError::Closed`] after [`Context::shutdown`](crate::Context::shutdown),
    /// [`RegisterError::Io`] if the thread cannot be started.
    pub fn register_in<S>(&self, stream: S) -> Result<Registration, RegisterError>
    where
        K: Sends,
        S: Stream + Send + 'static,
        S::Item: Into<Message>,
    {
        let forwarder = Forwarder::new(stream, self.sender(), self.clone());
        self.registrar().start(forwarder)
    }
}

impl<K: Typed> Socket<K> {
    /// Passes the messages that the socket receives to a sink: any channel whose sender is a
    /// `Sink`, of any library. Several sockets may use one channel, each through a clone of its
    /// sender.
    ///
    /// A message is taken from the socket only when the sink is ready for it: a sink that stalls
    /// pauses this socket, and no other. A sink that fails or panics closes the socket. When the
    /// socket is closed, the remaining messages are passed to the sink, and then the sink is
    /// closed.
    ///
    /// On a socket that can also send, the registration holds the `out` only: the socket closes
    /// with the last handle that can send.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use zmq_channels::{Context, Message, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind("inproc://register-out")?)?;
    ///
    /// let (sink, mut results) = futures::channel::mpsc::channel::<Message>(10);
    /// drop(pull.register_out(sink)?); // it goes on
    /// push.send_blocking("a result")?;
    /// assert_eq!(futures::executor::block_on(results.next()), Some("a result".into()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The sink shares its thread with all registrations of the context, so it must not block when
    /// polled.
    ///
    /// # Errors
    /// Same as [`register_in`](Socket::register_in).
    pub fn register_out<T, S>(&self, sink: S) -> Result<Registration, RegisterError>
    where
        K: Receives,
        T: From<Message> + 'static,
        S: Sink<T> + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.registrar().start(Pour::new(sink, self.receiver()))
    }
}

impl<K: Typed> Socket<K> {
    /// Calls both [`register_in`](Socket::register_in) and [`register_out`](Socket::register_out).
    ///
    /// # Errors
    /// Same as [`register_in`](Socket::register_in).
    pub fn register<I, T, O>(
        &self,
        stream: I,
        sink: O,
    ) -> Result<(Registration, Registration), RegisterError>
    where
        K: Sends + Receives,
        I: Stream + Send + 'static,
        I::Item: Into<Message>,
        T: From<Message> + 'static,
        O: Sink<T> + Send + 'static,
        O::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let out = self.register_out(sink)?;
        Ok((self.register_in(stream)?, out))
    }
}

impl Socket<Any> {
    /// Sends the items of a stream through the socket, if its type sends; see `register_in` of a
    /// [`Socket<Push>`](crate::Push).
    ///
    /// # Errors
    /// Same as there, and [`RegisterError::Unsupported`] for a type that only receives.
    pub fn register_in<S>(&self, stream: S) -> Result<Registration, RegisterError>
    where
        S: Stream + Send + 'static,
        S::Item: Into<Message>,
    {
        let unsupported = RegisterError::Unsupported(self.socket_type());
        let sender = self.sender().ok_or(unsupported)?;
        self.registrar()
            .start(Forwarder::new(stream, sender, self.clone()))
    }

    /// Passes the messages that the socket receives to a sink, if its type receives; see
    /// `register_out` of a [`Socket<Pull>`](crate::Pull).
    ///
    /// # Errors
    /// Same as there, and [`RegisterError::Unsupported`] for a type that only sends.
    pub fn register_out<T, S>(&self, sink: S) -> Result<Registration, RegisterError>
    where
        T: From<Message> + 'static,
        S: Sink<T> + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let unsupported = RegisterError::Unsupported(self.socket_type());
        let receiver = self.receiver().ok_or(unsupported)?;
        self.registrar().start(Pour::new(sink, receiver))
    }
}

/// Runs the registrations of a context, on a thread that starts with the first one.
pub(crate) struct Registrar(Lazy<Runner>);

impl Registrar {
    /// Ends all registrations. Idempotent.
    pub(crate) fn end(&self) {
        if let Some(runner) = self.0.close() {
            runner.end_within(PATIENCE);
        }
    }

    /// Accepts no more registrations. Existing ones end with their sockets.
    pub(crate) fn seal(&self) {
        self.0.seal();
    }

    fn start<M: Mover>(&self, mover: M) -> Result<Registration, RegisterError> {
        if let Some(failure) = mover.failure() {
            return Err(failure.into());
        }
        let tasks = self
            .0
            .open(|| runner::start("zmq-register"), Runner::tasks)
            .ok_or(RegisterError::Closed(Closed::Context))??;
        let (ended, reply) = answer();
        let (stopped, stop) = answer();
        let task = Registered {
            mover: Some(mover),
            stop: Some(stopped),
            stopping: false,
            reply: Some(reply),
        };
        let spawned = tasks.spawn(Box::pin(task));
        spawned.map_err(|_| RegisterError::Closed(Closed::Context))?;
        Ok(Registration {
            stop: Some(stop),
            ended,
        })
    }
}

/// No handle is left that could register a channel.
impl Drop for Registrar {
    fn drop(&mut self) {
        if let Some(runner) = self.0.close() {
            runner.end();
        }
    }
}

impl Default for Registrar {
    fn default() -> Self {
        Registrar(Lazy::new())
    }
}

/// Moves messages between a port and a user's channel.
trait Mover: Unpin + Send + 'static {
    /// Why the socket's pump no longer services it.
    fn failure(&self) -> Option<PumpFailure>;

    /// Moves messages while that is possible. Once `stopping`, it takes no more.
    fn poll_move(&mut self, stopping: bool, context: &mut Context<'_>) -> Poll<Ended>;
}

/// A running registration: its mover, and its connections to the handle.
struct Registered<M> {
    mover: Option<M>,
    /// `None` once it is known whether it is to stop.
    stop: Option<Answer<()>>,
    stopping: bool,
    reply: Option<Reply<Ended>>,
}

impl<M: Mover> Future for Registered<M> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if let Some(stop) = &mut this.stop {
            if let Poll::Ready(wish) = Pin::new(stop).poll(context) {
                // A dropped handle does not stop the registration.
                this.stopping = wish.is_some();
                this.stop = None;
            }
        }
        let Some(mover) = &mut this.mover else {
            return Poll::Ready(());
        };
        let ended = ready!(mover.poll_move(this.stopping, context));
        // When a waiter sees the end, the user's channel has been dropped.
        discard(this.mover.take());
        if let Some(reply) = this.reply.take() {
            reply.send(ended);
        }
        Poll::Ready(())
    }
}

impl From<RecvError> for Ended {
    fn from(RecvError::Closed(why): RecvError) -> Self {
        Ended::Closed(why)
    }
}

impl From<SendError> for Ended {
    fn from(why: SendError) -> Self {
        Ended::Closed(why.closed().unwrap_or(Closed::Socket))
    }
}

/// Drops a value of the user, which may panic.
fn discard<T>(given: T) {
    let _ = quietly(|| drop(given));
}
