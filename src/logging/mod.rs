//! The log of a context, written with `tracing` by its own thread: a subscriber is users' code,
//! which never runs on a pump. Only with the feature `tracing`; the guide's page
//! [logging](crate::guide::logging) says what is logged.

mod write;

use std::sync::{Arc, Weak};
use std::time::Duration;

use tracing::dispatcher::{with_default, Dispatch};
use tracing::subscriber::NoSubscriber;

use crate::error::RecvTimeoutError;
use crate::port::{deadline_after, feed, Clock, ContextMonitors, Feed, LogRecord};
use crate::pump::runner::detach;
use crate::statistics::SocketStatistics;
use crate::sync::health::Health;
use crate::sync::oneshot::answer;
use write::Log;

/// Maximum number of records waiting to be logged; beyond it the oldest is dropped, which is logged
/// too.
const CAPACITY: usize = 10_000;

/// How often losses are checked, and so how often the same one is logged at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the last handle of a context waits for its log to be written.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Returns the statistics of the context's sockets; `None` once the context is gone.
pub(crate) type Ask = dyn Fn() -> Option<Vec<SocketStatistics>> + Send;

/// Starts the log of a context with its first socket, if the thread that opens it has a subscriber: its
/// own default, or that of all threads.
pub(crate) fn start(monitors: &Arc<ContextMonitors>, name: &str, ask: Box<Ask>) {
    let subscriber = tracing::dispatcher::get_default(Dispatch::clone);
    if subscriber.is::<NoSubscriber>() {
        return;
    }
    let clock = Clock::Any(Arc::new(|| None));
    let (feeder, feed) = feed(CAPACITY, clock, Health::new());
    if !monitors.log_to(feeder) {
        return;
    }
    let monitors = Arc::downgrade(monitors);
    let name = name.to_owned();
    // Without a thread there is no log; its records are dropped with `feed`.
    let _ = detach("zmq-log", move || {
        with_default(&subscriber, || {
            run(&feed, &monitors, Log::new(&name), &*ask);
        });
    });
}

/// Waits until all records so far are logged, for at most a second.
pub(crate) fn flush(monitors: &ContextMonitors) {
    let (done, reply) = answer();
    let mut reply = Some(reply);
    if monitors.log(|| LogRecord::Flush(reply.take())) {
        let _ = done.wait_timeout(FLUSH_LIMIT);
    }
}

fn run(feed: &Feed<LogRecord>, monitors: &Weak<ContextMonitors>, mut log: Log, ask: &Ask) {
    let mut next = deadline_after(INTERVAL);
    let mut missed = 0;
    loop {
        match feed.recv_blocking_until(next) {
            Ok(LogRecord::Opened {
                socket,
                socket_type,
            }) => log.opened(socket, socket_type),
            Ok(LogRecord::Event(event)) => log.event(&event),
            Ok(LogRecord::Ended(end)) => log.ended(&end),
            Ok(LogRecord::Flush(reply)) => drop(reply),
            Err(RecvTimeoutError::Timeout) => {}
            Err(_) => return,
        }
        // A log that always has records to write checks for losses, too.
        if deadline_after(Duration::ZERO) < next {
            continue;
        }
        next = deadline_after(INTERVAL);
        let now_missed = feed.missed();
        log.missed(now_missed - std::mem::replace(&mut missed, now_missed));
        if monitors.strong_count() > 0 && log.has_sockets() {
            log.losses(&ask().unwrap_or_default());
        }
    }
}
