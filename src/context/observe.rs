//! Monitoring and statistics of all sockets of a context.

use std::sync::Arc;

use crate::error::{Closed, ObserveError};
use crate::monitor::{Monitor, MonitorOptions};
#[cfg(feature = "tracing")]
use crate::port::LogRecord;
use crate::port::{feed, Clock};
use crate::pump::os::Running;
use crate::pump::Command;
#[cfg(feature = "tracing")]
use crate::socket_type::SocketType;
use crate::statistics::ContextStatistics;
use crate::sync::health::Health;
use crate::sync::oneshot::{answer, Answer, Reply};
use crate::sync::timeouts::Alarms;

use super::{Context, Inner};

/// Observing all sockets at once.
impl Context {
    /// Starts reporting the events of the connections of all sockets of this context, including
    /// sockets opened later. The [`Monitor`] is like that of one socket; its events say which
    /// [socket](crate::monitor::Event#structfield.socket) they are about. Sockets can have monitors
    /// of their own as well.
    ///
    /// It does not keep the context alive, and starts no thread, unless a task waits for it with a
    /// time limit before any socket was opened. The events of each socket end with
    /// [`Stopped`](crate::monitor::EventKind::Stopped). The monitor ends when the context has been
    /// closed or shut down, or its last handle is gone. If a pump fails, the events of the others
    /// continue.
    ///
    /// Events of one pump are in the order in which they happened; events of different pumps are
    /// not ordered relative to each other.
    ///
    /// ```
    /// use zmq_channels::monitor::{EventKind, EventSet, MonitorOptions};
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let connections = EventSet::HANDSHAKE_SUCCEEDED | EventSet::DISCONNECTED;
    /// let monitor = context.monitor_with(MonitorOptions::new().events(connections))?;
    /// let (pull, push) = (context.socket::<Pull>()?, context.socket::<Push>()?);
    /// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
    /// for _ in 0..2 {
    ///     let event = monitor.recv_blocking()?;
    ///     println!("{} {}: {:?}", event.socket_type, event.socket, event.kind);
    ///     assert!(event.socket == pull.id() || event.socket == push.id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObserveError::Closed`] if the context has been closed or shut down.
    pub fn monitor(&self) -> Result<Monitor, ObserveError> {
        self.monitor_with(MonitorOptions::new())
    }

    /// Like [`monitor`](Context::monitor), but selects the events and sets the capacity.
    ///
    /// # Errors
    /// Same as [`monitor`](Context::monitor).
    pub fn monitor_with(&self, options: MonitorOptions) -> Result<Monitor, ObserveError> {
        let inner = Arc::downgrade(&self.inner.inner);
        let find = move || inner.upgrade().and_then(|inner| inner.alarms());
        let (feeder, feed) = feed(options.capacity, Clock::Any(Arc::new(find)), Health::new());
        if !self.inner.shared.monitors.add(options.events, feeder) {
            return Err(ObserveError::Closed(Closed::Context));
        }
        // From here on, their events include all that is known of each connection.
        for added in self.inner.ask_each(|reply| Command::Monitor { reply }) {
            added.wait();
        }
        Ok(Monitor::new(feed))
    }

    /// Returns what all sockets of this context have sent, received and dropped so far, in total
    /// and per socket: see [`ContextStatistics`]. Closed sockets are no longer counted. Starts no
    /// thread: before the first socket is opened all figures are zero.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// left.connect(right.bind("inproc://all-figures")?)?;
    /// left.send_blocking("hello")?;
    /// right.recv_blocking()?;
    /// let statistics = context.statistics()?;
    /// assert_eq!(statistics.total.messages_in, 1);
    /// assert_eq!(statistics.sockets[0].socket, left.id());
    /// assert_eq!(statistics.sockets[0].statistics.messages_out, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObserveError::Closed`] if the context has been closed or shut down.
    pub fn statistics(&self) -> Result<ContextStatistics, ObserveError> {
        if self.inner.shared.monitors.has_ended() {
            return Err(ObserveError::Closed(Closed::Context));
        }
        let asked = self.inner.ask_each(|reply| Command::Statistics { reply });
        let sockets = asked.into_iter().filter_map(Answer::wait).flatten();
        let sockets = sockets.collect();
        Ok(ContextStatistics::new(sockets, self.inner.failure()))
    }
}

#[cfg(feature = "tracing")]
impl Context {
    /// A socket is opened: adds a record of that to the log, which starts with the first socket if
    /// there is a subscriber by then.
    pub(super) fn log_open(&self, socket: u64, socket_type: SocketType) {
        let inner = Arc::downgrade(&self.inner.inner);
        let ask = move || {
            let asked = inner
                .upgrade()?
                .ask_each(|reply| Command::Statistics { reply });
            Some(
                asked
                    .into_iter()
                    .filter_map(Answer::wait)
                    .flatten()
                    .collect(),
            )
        };
        let (monitors, options) = (&self.inner.shared.monitors, &self.inner.options);
        crate::logging::start(monitors, &options.name, Box::new(ask));
        monitors.log(|| LogRecord::Opened {
            socket,
            socket_type,
        });
    }
}

impl Inner {
    /// Sends the same command to all running pumps, before waiting for any of them.
    fn ask_each<T>(&self, command: impl Fn(Reply<T>) -> Command) -> Vec<Answer<T>> {
        let running = self.pumps.iter();
        let mailboxes =
            running.filter_map(|pump| pump.look(|running| Arc::clone(&running.mailbox)));
        let asked = mailboxes.filter_map(|mailbox| {
            let (done, reply) = answer();
            mailbox.post(command(reply)).is_ok().then_some(done)
        });
        asked.collect()
    }

    /// The timers of a pump that serves its sockets, which is started if needed.
    fn alarms(&self) -> Option<Arc<Alarms>> {
        let running = self.pumps.iter().find_map(|pump| {
            pump.look(|running| {
                let is_well = running.mailbox.health().failure().is_none();
                is_well.then(|| Arc::clone(&running.alarms))
            })
            .flatten()
        });
        running.or_else(|| {
            let idle = (0..self.pumps.len()).filter(|&pump| self.is_well(pump));
            let mut started = idle.filter_map(|pump| {
                let alarms = |running: &Running| Arc::clone(&running.alarms);
                self.pumps[pump].open(|| self.start(pump), alarms)?.ok()
            });
            started.next()
        })
    }
}
