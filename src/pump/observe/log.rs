//! Records for the log of a context that are not events: how each socket ended.

use crate::port::{LogRecord, SocketEnd};
use crate::pump::env::Env;
use crate::pump::Pump;
use crate::statistics::Dropped;

impl<E: Env> Pump<E> {
    /// A socket is about to end: adds a record of that to the log.
    pub(in crate::pump) fn log_end(&mut self, slot: usize, undelivered: u64, dropped: Dropped) {
        let Some(socket) = self.sockets.get(slot) else {
            return;
        };
        // Sockets without a number belong to the pump itself.
        if socket.id == 0 {
            return;
        }
        let (socket, socket_type) = (socket.id, socket.kind);
        self.shared.monitors.log(|| {
            LogRecord::Ended(Box::new(SocketEnd {
                socket,
                socket_type,
                undelivered,
                dropped,
            }))
        });
    }

    /// The messages that a socket has lost so far, if the context has a log or a monitor.
    pub(in crate::pump) fn losses(&mut self, slot: usize) -> Dropped {
        let is_monitored = self.shared.monitors.is_monitored();
        let statistics = is_monitored.then(|| self.statistics(slot)).flatten();
        statistics.map(|found| found.dropped).unwrap_or_default()
    }
}
