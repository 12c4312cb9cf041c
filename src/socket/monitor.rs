//! A socket's events and statistics.

use crate::error::ObserveError;
use crate::kind::Kind;
use crate::monitor::{Monitor, MonitorOptions};
use crate::pump::SocketCommand;
use crate::socket::Socket;
use crate::statistics::Statistics;

impl<K: Kind> Socket<K> {
    /// Starts reporting the events of the socket's connections: see [`Monitor`]. Events that
    /// happened before this call are not reported, so call it before `bind` and `connect` to miss
    /// none.
    ///
    /// # Errors
    /// [`ObserveError`] if the socket is closed or its context is shut down.
    #[doc(alias = "zmq_socket_monitor")]
    #[doc(alias = "get_monitor_socket")]
    pub fn monitor(&self) -> Result<Monitor, ObserveError> {
        self.monitor_with(MonitorOptions::new())
    }

    /// Like [`monitor`](Socket::monitor), but selects the events and sets the capacity.
    ///
    /// # Errors
    /// Same as [`monitor`](Socket::monitor).
    pub fn monitor_with(&self, options: MonitorOptions) -> Result<Monitor, ObserveError> {
        self.ask(|reply| SocketCommand::Monitor {
            events: options.events,
            capacity: options.capacity,
            reply,
        })
        .map(Monitor::new)
        .ok_or_else(|| self.ended())
    }

    /// Returns what the socket has sent, received and dropped so far, and the state of its current
    /// peers: see [`Statistics`]. Counting is always on; this call takes time proportional to the
    /// number of peers.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// left.connect(right.bind("inproc://figures")?)?;
    /// left.send_blocking("hello")?;
    /// right.recv_blocking()?;
    /// let statistics = left.statistics()?;
    /// assert_eq!((statistics.messages_out, statistics.bytes_out), (1, 5));
    /// assert_eq!(statistics.peers.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ObserveError`] if the socket is closed or its context is shut down.
    #[doc(alias = "zmq_socket_monitor_pipes_stats")]
    pub fn statistics(&self) -> Result<Statistics, ObserveError> {
        self.ask(|reply| SocketCommand::Statistics { reply })
            .ok_or_else(|| self.ended())
    }
}
