//! The operating system as the environment: mio, sockets, the pump's thread.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token};

use crate::driver::{begin_loop_thread, Driver, Errand, Mailbox, Poller, Traffic, Turn};
use crate::endpoint::Endpoint;
use crate::error::BindError;
use crate::options::Options;
use crate::sync::catch::quietly;
use crate::sync::timeouts::Alarms;
use crate::sync::Hook;

use super::env::{Env, Readiness, Source};
use super::ingress::READ_BUDGET;
use super::resolver::{Lookups, Question};
use super::transport::{self, Begun, BoundListener, Check, Listener, Resolution, Stream, Target};
use super::{Command, Pump, PumpShared};

/// If more bytes than this were read for one message or batch within the time below, one thread
/// should process them while another works on earlier ones.
const HEAVY: u64 = 2 * READ_BUDGET as u64;
const HEAVY_TIME: Duration = Duration::from_millis(10);

/// Maximum number of events taken from the kernel in one call.
const EVENTS: usize = 1024;

/// A poll without events ends after this time. The system's timeout has 32 bits of milliseconds.
const LONGEST_POLL: Duration = Duration::from_secs(24 * 3600);

const WAKER: Token = Token(usize::MAX);

/// A running pump, from outside.
pub(crate) struct Running {
    pub(crate) mailbox: Arc<Mailbox<Command>>,
    pub(crate) alarms: Arc<Alarms>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Waits until the pump's thread has ended.
    pub(crate) fn join(self) {
        if self.mailbox.health().is_elsewhere() {
            return;
        }
        // A pump does not panic; if it did, its sockets are closed and there is nothing to report.
        let _ = self.thread.join();
    }
}

/// The names of a pump's threads.
#[derive(Clone)]
pub(crate) struct ThreadNames {
    pub(crate) pump: String,
    pub(crate) resolver: String,
}

/// Starts a pump on a new thread.
pub(crate) fn start(names: ThreadNames, mut shared: PumpShared) -> io::Result<Running> {
    let poll = Poll::new()?;
    let interruption = Interruption(mio::Waker::new(poll.registry(), WAKER)?);
    let registry = poll.registry().try_clone()?;
    let poller = OsPoller {
        poll,
        events: Events::with_capacity(EVENTS),
        ready: Vec::with_capacity(EVENTS),
    };
    let (spin, assists) = (shared.wait.spin, shared.assists);
    let driver = Driver::new(poller, Arc::new(interruption).into(), spin, assists);
    let mailbox = Arc::clone(&driver.mailbox);
    let nudge = Nudge(Arc::clone(&mailbox));
    let alarms = Arc::new(Alarms::new(Arc::new(nudge)));
    let net = Os {
        registry,
        mailbox: Arc::clone(&mailbox),
        resolver_name: names.resolver,
        random: RandomState::new().build_hasher().finish() | 1,
        lookups: Lookups::default(),
    };
    let lead = Arc::downgrade(&driver);
    shared.wait.pump = Some(lead);
    shared.wait.demand = Some(Arc::clone(&driver.demand));
    let pump = Pump::new(
        net,
        Arc::clone(&mailbox),
        Arc::clone(&alarms),
        Instant::now(),
        shared,
    );
    let closer = CloseOnDrop(Arc::clone(&mailbox));
    let thread = thread::Builder::new().name(names.pump).spawn(move || {
        let _until_the_end = closer;
        begin_loop_thread();
        if let Err(text) = quietly(|| driver.run(pump)) {
            driver.fail(&text);
        }
    })?;
    Ok(Running {
        mailbox,
        alarms,
        thread,
    })
}

/// Polls the kernel for the readiness of sockets.
struct OsPoller {
    poll: Poll,
    events: Events,
    ready: Vec<Readiness>,
}

impl Poller for OsPoller {
    type Event = Readiness;

    /// A poll interrupted by a signal returns no events.
    fn poll(&mut self, timeout: Duration) -> &[Readiness] {
        let polled = self
            .poll
            .poll(&mut self.events, Some(timeout.min(LONGEST_POLL)));
        self.ready.clear();
        if polled.is_ok() {
            self.ready.extend(self.events.iter().filter_map(readiness));
        }
        &self.ready
    }
}

struct Interruption(mio::Waker);

impl Wake for Interruption {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Fails only if the poller is gone, and then there is no thread to wake.
        let _ = self.0.wake();
    }
}

impl Turn for Pump<Os> {
    type Event = Readiness;
    type Command = Command;

    fn turn(&mut self, now: Instant, events: &[Readiness]) {
        Pump::turn(self, now, events);
    }

    fn is_finished(&self) -> bool {
        Pump::is_finished(self)
    }

    fn is_busy(&self) -> bool {
        Pump::is_busy(self)
    }

    fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.queues.errands
    }

    fn is_pressed(&self) -> bool {
        Pump::is_pressed(self)
    }

    fn due(&self) -> Option<Instant> {
        self.deadline()
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn is_heavy(read: u64, within: Duration) -> bool {
        read > HEAVY && within < HEAVY_TIME
    }

    fn orphans(&self) -> Box<dyn FnOnce()> {
        let ports = self.all_ports();
        Box::new(move || ports.iter().for_each(|ports| ports.finish()))
    }

    fn fail(self, text: &str) {
        Pump::fail(self, text);
    }
}

fn readiness(event: &mio::event::Event) -> Option<Readiness> {
    let source = match event.token() {
        WAKER => return None,
        Token(token) if token % 2 == 0 => Source::Pipe(token / 2),
        Token(token) => Source::Listener(token / 2),
    };
    let broken = event.is_error();
    Some(Readiness {
        source,
        readable: event.is_readable() || event.is_read_closed() || broken,
        read_closed: event.is_read_closed() || broken,
        writable: event.is_writable() || event.is_write_closed() || broken,
    })
}

fn token(source: Source) -> Token {
    match source {
        Source::Pipe(slot) => Token(slot * 2),
        Source::Listener(slot) => Token(slot * 2 + 1),
    }
}

/// The operating system, through mio.
pub(crate) struct Os {
    registry: Registry,
    mailbox: Arc<Mailbox<Command>>,
    resolver_name: String,
    random: u64,
    lookups: Lookups,
}

impl Env for Os {
    type Stream = Stream;
    type Listener = Listener;

    fn bind(
        &mut self,
        endpoint: &Endpoint,
        options: &Options,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let (listener, resolved) = transport::bind(endpoint, options)?;
        self.register_listener(listener, resolved, slot)
    }

    fn adopt(
        &mut self,
        listener: BoundListener,
        options: &Options,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let (listener, resolved) = transport::adopt(listener, options)?;
        self.register_listener(listener, resolved, slot)
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<Stream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn check(&mut self, listener: &Listener, stream: &Stream) -> io::Result<Option<Check>> {
        listener.check(stream)
    }

    fn connect(&mut self, target: &Target, options: &Options) -> io::Result<Begun<Stream>> {
        transport::connect(target, options)
    }

    fn connected(&mut self, stream: &Stream) -> io::Result<bool> {
        stream.connected()
    }

    fn names(&self, stream: &Stream) -> (Option<Endpoint>, Option<Endpoint>) {
        let endpoint = |name: io::Result<String>| name.ok()?.parse().ok();
        (endpoint(stream.local_name()), endpoint(stream.peer_name()))
    }

    fn address(&self, stream: &Stream) -> String {
        stream.address()
    }

    fn register(&mut self, stream: &mut Stream, slot: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(stream, token(Source::Pipe(slot)), interest)
    }

    fn register_room(&mut self, stream: &mut Stream, slot: usize, wanted: bool) -> io::Result<()> {
        if !stream.is_writable_after_each_read() {
            return Ok(());
        }
        let interest = match wanted {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        self.registry
            .reregister(stream, token(Source::Pipe(slot)), interest)
    }

    fn finish(&mut self, stream: &mut Stream) -> io::Result<()> {
        stream.shutdown_write()
    }

    fn forget(&mut self, stream: &mut Stream) {
        // Dropping the stream removes it from the kernel's set in any case.
        let _ = self.registry.deregister(stream);
    }

    fn unbind(&mut self, mut listener: Listener) -> io::Result<()> {
        let _ = self.registry.deregister(&mut listener);
        listener.close()
    }

    fn resolve(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64) {
        let next = self.lookups.ask(endpoint, ipv6, ticket);
        self.look_up(next);
    }

    fn stop_resolving(&mut self, ticket: u64) {
        self.lookups.forget(ticket);
    }

    fn resolved(&mut self) {
        let next = self.lookups.answered();
        self.look_up(next);
    }

    fn entropy(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        entropy(bytes)
    }

    fn random(&mut self) -> u64 {
        // xorshift64: sufficient for jitter.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// Fills bytes with entropy of the operating system.
#[cfg(feature = "curve")]
pub(crate) fn entropy(bytes: &mut [u8]) -> io::Result<()> {
    Ok(getrandom::fill(bytes)?)
}

/// Only CURVE has secrets.
#[cfg(not(feature = "curve"))]
fn entropy(_bytes: &mut [u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Os {
    fn register_listener(
        &mut self,
        mut listener: Listener,
        resolved: Endpoint,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let token = token(Source::Listener(slot));
        match self
            .registry
            .register(&mut listener, token, Interest::READABLE)
        {
            Ok(()) => Ok((listener, resolved)),
            Err(source) => Err(BindError::Io {
                endpoint: resolved.to_string(),
                source,
            }),
        }
    }

    /// Calls the system's resolver, which blocks, on a thread that lives as long as the lookup.
    fn look_up(&self, question: Option<Question>) {
        let Some(Question {
            endpoint,
            ipv6,
            tickets,
        }) = question
        else {
            return;
        };
        let (mailbox, asked) = (Arc::clone(&self.mailbox), tickets.clone());
        let spawned = thread::Builder::new()
            .name(self.resolver_name.clone())
            .spawn(move || {
                let targets = match transport::targets(&endpoint) {
                    Ok(Resolution::Ready(target)) => Ok(vec![target]),
                    Ok(Resolution::Lookup { host, port, source }) => {
                        transport::lookup(&host, port, source.as_ref(), ipv6)
                    }
                    Err(error) => Err(error),
                };
                // A pump that has ended needs no result.
                let _ = mailbox.post(Command::Resolved {
                    tickets: asked,
                    targets,
                });
            });
        if let Err(error) = spawned {
            let _ = self.mailbox.post(Command::Resolved {
                tickets,
                targets: Err(error),
            });
        }
    }
}

/// Wakes the pump because a timer is due before the end of its sleep.
struct Nudge(Arc<Mailbox<Command>>);

impl Hook for Nudge {
    fn notify(&self) {
        self.0.nudge();
    }
}

/// However the thread ends, no call waits for its replies afterwards.
struct CloseOnDrop(Arc<Mailbox<Command>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
