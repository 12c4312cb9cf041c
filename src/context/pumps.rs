//! The pumps of a context: each is started by the first socket on it, and released with the last
//! handle.

use std::sync::Arc;

use crate::driver::wait::WaitSetup;
use crate::driver::{is_driving, Mailbox};
use crate::error::{Closed, PumpFailure, SocketError};
use crate::options::ContextOptions;
use crate::port::{ContextMonitors, Names};
use crate::pump::os::{self, Running, ThreadNames};
use crate::pump::{CloseReport, Command, PumpShared, Release};
use crate::register::Registrar;
use crate::sync::lazy::Lazy;
use crate::sync::oneshot::{answer, Answer, Reply};
use crate::sync::permits::Permits;

/// Linux's limit for a thread's name, in bytes.
const MAX_THREAD_NAME: usize = 15;

pub(super) struct Inner {
    pub(super) options: ContextOptions,
    pub(super) pumps: Vec<Lazy<Running>>,
    /// The sockets of each pump.
    pub(super) sockets: Arc<Permits>,
    /// As given to the first pump.
    pub(super) shared: PumpShared,
    pub(super) registrar: Arc<Registrar>,
}

impl Inner {
    pub(super) fn new(options: ContextOptions) -> Self {
        Inner {
            pumps: (0..options.pumps).map(|_| Lazy::new()).collect(),
            sockets: Permits::new(options.pumps, options.max_sockets),
            shared: PumpShared {
                pump: 0,
                names: Arc::new(Names::new()),
                assists: options.assist,
                wait: WaitSetup {
                    spin: options.spin,
                    leads: options.lead,
                    task_spin: options.task_spin,
                    pump: None,
                    demand: None,
                },
                connections: Permits::new(1, options.max_connections),
                monitors: Arc::<ContextMonitors>::default(),
                max_handshakes: options.max_handshakes,
            },
            options,
            registrar: Arc::default(),
        }
    }

    /// Waits for the reports of the sockets of all pumps, then releases the pumps and waits until their
    /// threads have ended.
    pub(super) fn all_closed_blocking(
        &self,
        asked: Vec<Answer<CloseReport>>,
        terminated: bool,
    ) -> CloseReport {
        let closed = asked.into_iter();
        let closed = closed.map(|closed| closed.wait().unwrap_or_default().undelivered);
        let undelivered = closed.sum();
        let failure = self.failure();
        let ending = self.end_pumps();
        // A thread that drives a pump, as when it calls an accept filter, cannot wait for its end.
        if !is_driving() {
            ending.into_iter().for_each(Running::join);
        }
        self.shared.monitors.end(terminated);
        CloseReport {
            undelivered,
            failure,
        }
    }

    /// Ends the running pumps, whose sockets have closed. A socket that was opened since they were asked to
    /// would keep its pump running for as long as it is held, so it is closed here.
    fn end_pumps(&self) -> Vec<Running> {
        let release = Release {
            limit: self.options.linger_limit,
            closes: true,
            ends: true,
        };
        let running = self.stop();
        drop(ask_all(&running, |reply| Command::Release {
            release,
            reply,
        }));
        running
    }

    /// Sends the same command to all running pumps, which continue to run.
    pub(super) fn ask_running<T>(&self, command: impl Fn(Reply<T>) -> Command) -> Vec<Answer<T>> {
        let mailboxes = self
            .pumps
            .iter()
            .filter_map(|pump| pump.look(|running| Arc::clone(&running.mailbox)));
        let asked = mailboxes.filter_map(|mailbox| {
            let (done, reply) = answer();
            let posted = mailbox.post(command(reply));
            posted.is_ok().then_some(done)
        });
        asked.collect()
    }

    /// Releases the running pumps: each ends with its last socket.
    pub(super) fn release(&self) -> Vec<Answer<CloseReport>> {
        let release = Release {
            limit: self.options.linger_limit,
            closes: false,
            ends: true,
        };
        ask_all(&self.stop(), |reply| Command::Release { release, reply })
    }

    pub(super) fn start(&self, pump: usize) -> std::io::Result<Running> {
        let shared = PumpShared {
            pump,
            ..self.shared.clone()
        };
        os::start(thread_names(&self.options, pump), shared)
    }

    /// Whether a pump can serve another socket, because it has not failed.
    pub(super) fn is_well(&self, pump: usize) -> bool {
        failure_of(&self.pumps[pump]).is_none()
    }

    /// The failure of the first pump that has failed.
    pub(super) fn failure(&self) -> Option<PumpFailure> {
        self.pumps.iter().find_map(failure_of)
    }

    /// Prevents further pumps from starting, and releases the running ones.
    pub(super) fn stop(&self) -> Vec<Running> {
        self.pumps.iter().filter_map(Lazy::close).collect()
    }
}

/// Like [`Inner::all_closed_blocking`], for tasks.
pub(super) async fn all_closed(
    inner: Arc<Inner>,
    asked: Vec<Answer<CloseReport>>,
    terminated: bool,
) -> CloseReport {
    let mut all = CloseReport::default();
    for closed in asked {
        all.undelivered += closed.await.unwrap_or_default().undelivered;
    }
    all.failure = inner.failure();
    drop(inner.end_pumps());
    inner.shared.monitors.end(terminated);
    all
}

fn failure_of(pump: &Lazy<Running>) -> Option<PumpFailure> {
    pump.look(|running| running.mailbox.health().failure())
        .flatten()
}

/// Why a pump cannot open a socket.
pub(super) fn ended(mailbox: &Mailbox<Command>) -> SocketError {
    match mailbox.health().failure() {
        Some(failure) => failure.into(),
        None => SocketError::Closed(Closed::Context),
    }
}

/// The names of a pump's threads.
fn thread_names(options: &ContextOptions, pump: usize) -> ThreadNames {
    ThreadNames {
        pump: match (options.name.is_empty(), options.pumps) {
            (true, 1) => "zmq-pump".to_owned(),
            _ => thread_name(options, &format!("-pump-{pump}")),
        },
        resolver: thread_name(options, "-resolver"),
    }
}

/// The prefix, shortened to leave room for the suffix that distinguishes the threads.
fn thread_name(options: &ContextOptions, suffix: &str) -> String {
    let mut prefix = match options.name.as_str() {
        "" => "zmq",
        name => name,
    };
    while prefix.len() + suffix.len() > MAX_THREAD_NAME {
        let Some((last, _)) = prefix.char_indices().next_back() else {
            break;
        };
        prefix = &prefix[..last];
    }
    format!("{prefix}{suffix}")
}

/// Sends the same command to all pumps before waiting for any of them.
pub(super) fn ask_all<T>(
    running: &[Running],
    command: impl Fn(Reply<T>) -> Command,
) -> Vec<Answer<T>> {
    let asked = running.iter().filter_map(|running| {
        let (done, reply) = answer();
        let posted = running.mailbox.post(command(reply));
        posted.is_ok().then_some(done)
    });
    asked.collect()
}
