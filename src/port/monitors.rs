//! The monitors of a context, and its log: an event from any of its pumps goes to all of them.

use std::sync::Arc;

use crate::event::{Event, EventSet};
use crate::port::feed::Feeder;
use crate::sync::primitives::{AtomicU8, Mutex, Ordering};

const MONITORS: u8 = 1;
#[cfg(feature = "tracing")]
const LOG: u8 = 2;

/// The monitors of one context, and the numbers of its sockets.
#[derive(Default)]
pub(crate) struct ContextMonitors {
    state: Mutex<State>,
    /// [`MONITORS`] and [`LOG`] while there are any: pumps check this first.
    any: AtomicU8,
}

#[derive(Default)]
struct State {
    /// Shared with threads that are sending an event: events are not sent under the lock.
    monitors: Vec<Arc<Watcher>>,
    sockets: u64,
    ended: bool,
    #[cfg(feature = "tracing")]
    log: Option<Arc<Feeder<LogRecord>>>,
}

/// A record for the log of the context.
#[cfg(feature = "tracing")]
pub(crate) enum LogRecord {
    /// A socket was opened.
    Opened {
        socket: u64,
        socket_type: crate::socket_type::SocketType,
    },
    /// The event that monitors receive.
    Event(Box<Event>),
    /// A socket has ended.
    Ended(Box<SocketEnd>),
    /// The caller waits until all records before this one are logged.
    Flush(Option<crate::sync::oneshot::Reply<()>>),
}

/// How a socket ended.
#[cfg(feature = "tracing")]
pub(crate) struct SocketEnd {
    pub(crate) socket: u64,
    pub(crate) socket_type: crate::socket_type::SocketType,
    pub(crate) undelivered: u64,
    /// All its losses, by reason.
    pub(crate) dropped: crate::statistics::Dropped,
}

struct Watcher {
    events: EventSet,
    feeder: Feeder<Event>,
}

impl ContextMonitors {
    /// Adds a monitor; false if there will be no more events.
    pub(crate) fn add(&self, events: EventSet, feeder: Feeder<Event>) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return false;
        }
        state.monitors.push(Arc::new(Watcher { events, feeder }));
        self.any.fetch_or(MONITORS, Ordering::AcqRel);
        true
    }

    /// The number of a new socket, counted from 1.
    pub(crate) fn number_socket(&self) -> u64 {
        let mut state = self.state.lock();
        state.sockets += 1;
        state.sockets
    }

    /// Whether there may be a monitor or a log.
    pub(crate) fn is_monitored(&self) -> bool {
        self.any.load(Ordering::Acquire) != 0
    }

    /// Sends an event to all monitors that selected its kind, and to the log.
    pub(crate) fn tell(&self, event: &Event) {
        #[cfg(feature = "tracing")]
        self.log(|| LogRecord::Event(Box::new(event.clone())));
        let kind = event.kind.set();
        let monitors = self.state.lock().monitors.clone();
        let mut left = false;
        for monitor in &monitors {
            left |= monitor.events.contains(kind) && !monitor.feeder.put(event.clone());
        }
        if left {
            self.forget_unread();
        }
    }

    /// Ends all monitors: the context has been shut down, or is closed.
    pub(crate) fn end(&self, terminated: bool) {
        let monitors = {
            let mut state = self.state.lock();
            state.ended = true;
            std::mem::take(&mut state.monitors)
        };
        self.any.fetch_and(!MONITORS, Ordering::AcqRel);
        if terminated {
            monitors
                .iter()
                .for_each(|monitor| monitor.feeder.terminate());
        }
    }

    /// Whether there will be no more events.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.lock().ended
    }

    /// Makes this the context's log; false if it has one.
    #[cfg(feature = "tracing")]
    pub(crate) fn log_to(&self, log: Feeder<LogRecord>) -> bool {
        let mut state = self.state.lock();
        if state.log.is_some() {
            return false;
        }
        state.log = Some(Arc::new(log));
        self.any.fetch_or(LOG, Ordering::AcqRel);
        true
    }

    /// Adds a record to the log, if there is one; false if there is none.
    #[cfg(feature = "tracing")]
    pub(crate) fn log(&self, record: impl FnOnce() -> LogRecord) -> bool {
        let log = self.state.lock().log.clone();
        log.is_some_and(|log| log.is_read_here() && log.put(record()))
    }

    fn forget_unread(&self) {
        let gone: Vec<_> = {
            let mut state = self.state.lock();
            let kept = state
                .monitors
                .drain(..)
                .partition(|monitor| monitor.feeder.is_read());
            let gone;
            (state.monitors, gone) = kept;
            if state.monitors.is_empty() {
                self.any.fetch_and(!MONITORS, Ordering::AcqRel);
            }
            gone
        };
        drop(gone);
    }
}
