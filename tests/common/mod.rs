//! What the integration tests share: time limits, patience, endpoints of their own.

// Each test binary uses its own part of this.
#![allow(dead_code)]
// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod raw;
pub(crate) mod tasks;

use std::any::type_name;
use std::io::Read;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use zmq_channels::kind::Typed;
use zmq_channels::{Context, ContextOptions, Endpoint, Message, Options, Receiver, Sender, Socket};

/// The time limit of a test that has no tighter one.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How long one expected event may take: far more than it ever should.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long an event must stay away to count as absent, where nothing that must come instead
/// can prove it.
pub(crate) const ABSENCE: Duration = Duration::from_millis(150);

/// For how many seconds storms last, and whether other tests take their long form, if asked for by
/// `ZMQ_CHANNELS_LONG=seconds`.
pub(crate) fn long() -> Option<Duration> {
    let seconds = std::env::var("ZMQ_CHANNELS_LONG").ok()?;
    Some(Duration::from_secs(seconds.parse().unwrap()))
}

/// How often something is done: that many times, ten times as often in the long form.
pub(crate) fn rounds(short: usize) -> usize {
    match long() {
        Some(_) => 10 * short,
        None => short,
    }
}

// ---- time limits

/// Runs `test` in a separate thread; panics with its name if it takes longer than `limit`.
pub(crate) fn within<F>(limit: Duration, test: F)
where
    F: FnOnce() + Send + 'static,
{
    let (done, outcome) = mpsc::channel::<()>();
    let runner = thread::Builder::new()
        .name(test_name::<F>())
        .spawn(move || {
            let _dropped_at_the_end = done;
            test();
        })
        .unwrap();
    match outcome.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => {
            panic!("{} took longer than {limit:?}", test_name::<F>())
        }
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = runner.join() {
                resume_unwind(panic);
            }
        }
    }
}

/// Runs `test` in a separate process: for tests that count the threads and files of the whole
/// process, or that end it. Must be the only thing the test function does.
pub(crate) fn alone<F>(limit: Duration, test: F)
where
    F: FnOnce() + Send + 'static,
{
    const MARK: &str = "ZMQ_CHANNELS_TEST_ALONE";
    let name = test_name::<F>();
    if std::env::var(MARK).is_ok_and(|alone| alone == name) {
        return test();
    }
    let mut child = process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(MARK, &name)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        let _ = done.send(String::from_utf8_lossy(&said).into_owned());
    });
    let Ok(said) = ended.recv_timeout(limit) else {
        let _ = child.kill();
        panic!("{name} took longer than {limit:?}");
    };
    let status = child.wait().unwrap();
    assert!(
        status.success(),
        "{name}, in a separate process, {status}:\n{said}"
    );
}

/// The path of the test function that made this closure, as `--exact` takes it.
fn test_name<F>() -> String {
    let path = type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_, inner)| inner);
    path.replace("::{{closure}}", "")
}

// ---- waiting for events

/// Asks again and again until `condition` holds; panics after [`PATIENCE`].
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(PATIENCE, condition),
        "{what}: not within {PATIENCE:?}"
    );
}

/// Whether `condition` comes true within `limit`.
pub(crate) fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        // Lets the others have the processor; the condition is asked again in any case.
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// The next message; it must come.
pub(crate) fn next(receiver: &Receiver) -> Message {
    let next = woken_in_time(|| receiver.recv_timeout_blocking(PATIENCE));
    next.expect("a message should have come")
}

/// The result of a call that waits for at most [`PATIENCE`], and must be woken before: such a call
/// tries once more at its end, which hides that it was not woken.
pub(crate) fn woken_in_time<T, E>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = call();
    assert!(
        result.is_err() || start.elapsed() < PATIENCE,
        "a call succeeded at the end of its time: it was not woken"
    );
    result
}

/// The next message of one frame, as text.
pub(crate) fn next_text(receiver: &Receiver) -> String {
    text(&next(receiver))
}

/// Sends; there must be room for it before long.
pub(crate) fn put(sender: &Sender, message: impl Into<Message>) {
    let sent = woken_in_time(|| sender.send_timeout_blocking(message, PATIENCE));
    sent.expect("the message should be taken");
}

/// Asserts that nothing comes for a while.
pub(crate) fn nothing_comes(receiver: &Receiver) {
    let came = receiver.recv_timeout_blocking(ABSENCE);
    assert_eq!(came, Err(zmq_channels::error::RecvTimeoutError::Timeout));
}

/// The text of a message of one frame.
pub(crate) fn text(message: &Message) -> String {
    message
        .as_str()
        .unwrap_or_else(|| panic!("{message:?} is not one frame of text"))
        .to_owned()
}

/// Publishes under `topic` until `subscriber` hears it, and leaves nothing of that behind: the
/// next message `subscriber` gets was sent after this call.
pub(crate) fn wait_subscribed(publisher: &Sender, subscriber: &Receiver, topic: &str) {
    // Others may be waiting for the same topic.
    let number = unique();
    let marker = |what: &str| Message::from([topic, &format!("{what} {number}")]);
    let step = Duration::from_millis(5);
    let heard = holds_within(PATIENCE, || {
        put(publisher, marker("are you there?"));
        // Messages of an earlier subscription may still be on their way.
        let came = subscriber.recv_timeout_blocking(step);
        came.is_ok_and(|message| message == marker("are you there?"))
    });
    assert!(heard, "not subscribed to {topic:?}");
    put(publisher, marker("well then"));
    while next(subscriber) != marker("well then") {}
}

// ---- places

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
    /// Between the pumps of one context, which its sockets are dealt to in turns.
    AcrossPumps,
}

impl Transport {
    #[cfg(unix)]
    pub(crate) const ALL: [Transport; 4] = [
        Transport::Tcp,
        Transport::Ipc,
        Transport::Inproc,
        Transport::AcrossPumps,
    ];
    #[cfg(not(unix))]
    pub(crate) const ALL: [Transport; 3] =
        [Transport::Tcp, Transport::Inproc, Transport::AcrossPumps];

    /// Those that carry ZMTP.
    #[cfg(unix)]
    pub(crate) const WIRES: [Transport; 2] = [Transport::Tcp, Transport::Ipc];
    #[cfg(not(unix))]
    pub(crate) const WIRES: [Transport; 1] = [Transport::Tcp];

    /// Whether messages stay within one context.
    pub(crate) fn is_inproc(self) -> bool {
        matches!(self, Transport::Inproc | Transport::AcrossPumps)
    }

    /// An endpoint that nothing else uses, known before it is bound.
    pub(crate) fn endpoint(self) -> String {
        let (process, number) = (process::id(), unique());
        match self {
            // All of 127/8 is this machine, on Linux. Own addresses instead of own ports keep
            // apart what runs at the same time; the port is outside the range that the system
            // hands out, so that no socket gets it by chance.
            Transport::Tcp => {
                let (a, b) = (process % 254 + 1, number / 250 % 250);
                let port = 20_000 + process / 254 % 10_000;
                format!("tcp://127.{a}.{b}.{}:{port}", number % 250 + 1)
            }
            Transport::Ipc => {
                let folder = std::env::temp_dir();
                format!("ipc://{}/zmq-channels-{process}-{number}", folder.display())
            }
            Transport::Inproc | Transport::AcrossPumps => format!("inproc://test-{number}"),
        }
    }

    /// Two contexts that can reach each other over this transport: one and the same for inproc.
    pub(crate) fn contexts(self) -> (Context, Context) {
        let pumps = match self {
            Transport::AcrossPumps => 2,
            Transport::Tcp | Transport::Ipc | Transport::Inproc => 1,
        };
        let first = Context::with_options(ContextOptions::new().pumps(pumps)).unwrap();
        match self {
            Transport::Inproc | Transport::AcrossPumps => (first.clone(), first),
            Transport::Tcp | Transport::Ipc => (first, Context::new()),
        }
    }
}

/// Two connected sockets, the second one bound, in contexts of their own where the transport allows it.
pub(crate) fn pair<A: Typed, B: Typed>(transport: Transport) -> (Socket<A>, Socket<B>) {
    pair_with(transport, &Options::new())
}

/// As [`pair`], with options that both have.
pub(crate) fn pair_with<A: Typed, B: Typed>(
    transport: Transport,
    options: &Options,
) -> (Socket<A>, Socket<B>) {
    let (here, there) = transport.contexts();
    joined((&here, &there), transport, options)
}

/// As [`pair_with`], in one context.
pub(crate) fn connected<A: Typed, B: Typed>(
    context: &Context,
    transport: Transport,
    options: &Options,
) -> (Socket<A>, Socket<B>) {
    joined((context, context), transport, options)
}

fn joined<A: Typed, B: Typed>(
    (here, there): (&Context, &Context),
    transport: Transport,
    options: &Options,
) -> (Socket<A>, Socket<B>) {
    let connecting = here.socket_with::<A>(options.clone()).unwrap();
    let bound = there.socket_with::<B>(options.clone()).unwrap();
    let endpoint = bound.bind(transport.endpoint()).unwrap();
    connecting.connect(endpoint).unwrap();
    (connecting, bound)
}

fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder that goes with its handle.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let name = format!("zmq-channels-folder-{}-{}", process::id(), unique());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn files(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The path of an ipc endpoint that has one.
pub(crate) fn ipc_path(endpoint: &Endpoint) -> &Path {
    Path::new(endpoint.as_str().strip_prefix("ipc://").unwrap())
}

// ---- what a process holds, as Linux tells it

/// The number of running pump threads in this process, of contexts without a name.
pub(crate) fn pump_threads() -> usize {
    let names = thread_names();
    names
        .iter()
        .filter(|name| name.starts_with("zmq-pump"))
        .count()
}

/// The names of the threads of this process.
pub(crate) fn thread_names() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        // A thread may end between listing and reading.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.map(|name| name.trim_end().to_owned()).collect()
}

/// The number of open file descriptors of this process.
pub(crate) fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The memory this process occupies, in bytes.
pub(crate) fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
