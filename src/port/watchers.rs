//! The monitors of a context: what any of its pumps tells goes to all of them.

use std::sync::Arc;

use crate::event::{Event, EventSet};
use crate::port::feed::Feeder;
use crate::sync::primitives::{AtomicU8, Mutex, Ordering};

/// The monitors of one context, and the numbers of its sockets.
#[derive(Default)]
pub(crate) struct Watchers {
    state: Mutex<State>,
    /// Not 0 while there is any monitor: pumps look at this first.
    watched: AtomicU8,
}

#[derive(Default)]
struct State {
    /// Shared with those that are telling an event: nothing is told under the lock.
    monitors: Vec<Arc<Watcher>>,
    sockets: u64,
    ended: bool,
}

struct Watcher {
    events: EventSet,
    feeder: Feeder<Event>,
}

impl Watchers {
    /// Another monitor; false if there will be no more events.
    pub(crate) fn add(&self, events: EventSet, feeder: Feeder<Event>) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return false;
        }
        state.monitors.push(Arc::new(Watcher { events, feeder }));
        self.watched.store(1, Ordering::Release);
        true
    }

    /// The number of a new socket: 1 for the first one.
    pub(crate) fn number_socket(&self) -> u64 {
        let mut state = self.state.lock();
        state.sockets += 1;
        state.sockets
    }

    /// Whether there may be a monitor.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire) != 0
    }

    /// Tells all monitors of an event, but those that do not want it.
    pub(crate) fn tell(&self, event: &Event) {
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

    /// There will be no more events: the context has been shut down, or is closed.
    pub(crate) fn end(&self, terminated: bool) {
        let monitors = {
            let mut state = self.state.lock();
            state.ended = true;
            std::mem::take(&mut state.monitors)
        };
        self.watched.store(0, Ordering::Release);
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
                self.watched.store(0, Ordering::Release);
            }
            gone
        };
        drop(gone);
    }
}
