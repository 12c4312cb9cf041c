//! What a socket tells of itself: events and figures.

use crate::error::ObserveError;
use crate::kind::Kind;
use crate::monitor::{Monitor, MonitorOptions};
use crate::pump::SocketCommand;
use crate::socket::Socket;
use crate::statistics::Statistics;

impl<K: Kind> Socket<K> {
    /// Tells from now on what happens to the socket's connections: see [`Monitor`]. Make it
    /// before `bind` and `connect` to miss nothing.
    ///
    /// # Errors
    /// [`ObserveError`] if the socket is closed or its context shut down.
    #[doc(alias = "zmq_socket_monitor")]
    #[doc(alias = "get_monitor_socket")]
    pub fn monitor(&self) -> Result<Monitor, ObserveError> {
        self.monitor_with(MonitorOptions::new())
    }

    /// As [`monitor`](Socket::monitor), with a choice of events and capacity.
    ///
    /// # Errors
    /// As there.
    pub fn monitor_with(&self, options: MonitorOptions) -> Result<Monitor, ObserveError> {
        self.ask(|reply| SocketCommand::Watch {
            events: options.events,
            capacity: options.capacity,
            reply,
        })
        .map(Monitor::new)
        .ok_or_else(|| self.ended())
    }

    /// What the socket has done so far, and its peers of this moment: see [`Statistics`]. The
    /// counting is always on; asking costs a look at each peer.
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
    /// [`ObserveError`] if the socket is closed or its context shut down.
    #[doc(alias = "zmq_socket_monitor_pipes_stats")]
    pub fn statistics(&self) -> Result<Statistics, ObserveError> {
        self.ask(|reply| SocketCommand::Statistics { reply })
            .ok_or_else(|| self.ended())
    }
}
