//! One measurement: starts the peers, waits for the reporter's window, reads both sides' CPU
//! time at its ends, and ends the peers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use super::{Contender, Place, Row, Side, Transport};

/// The hidden first argument that makes this program a peer of a cell.
const PEER: &str = "--play-peer";

/// What is measured, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) row: Row,
    pub(crate) transport: Transport,
    pub(crate) size: usize,
    pub(crate) high_water_mark: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) patience: Duration,
}

/// What one window showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Messages delivered, or round trips made.
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    /// CPU seconds of the sending (requesting) process; of the only process for inproc.
    pub(crate) connector_cpu: f64,
    /// CPU seconds of the receiving (replying) process; 0 for inproc.
    pub(crate) binder_cpu: f64,
    /// Round-trip times in nanoseconds; 0 where the row has none.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl Reading {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.seconds
    }

    pub(crate) fn cpu_per_million(&self) -> f64 {
        (self.connector_cpu + self.binder_cpu) * 1e6 / self.messages.max(1) as f64
    }
}

/// Measures one cell once.
pub(crate) fn measure(contender: &dyn Contender, terms: &Terms) -> Result<Reading, String> {
    let (endpoint, _folder) = endpoint(terms.transport)?;
    let deadline = Instant::now() + terms.warm_up + terms.window + terms.patience;
    if terms.transport == Transport::Inproc {
        let both = Peer::start(contender, terms, &endpoint, None)?;
        return watch(&both, None, &both, deadline);
    }
    let binder = Peer::start(contender, terms, &endpoint, Some(Side::Binder))?;
    binder.expect("bound", deadline)?;
    let connector = Peer::start(contender, terms, &endpoint, Some(Side::Connector))?;
    let reporter = match terms.row.reporter() {
        Side::Binder => &binder,
        Side::Connector => &connector,
    };
    watch(&connector, Some(&binder), reporter, deadline)
}

fn watch(
    connector: &Peer,
    binder: Option<&Peer>,
    reporter: &Peer,
    deadline: Instant,
) -> Result<Reading, String> {
    let cpu = || -> Result<(f64, f64), String> {
        Ok((
            cpu_seconds(connector.id())?,
            binder.map_or(Ok(0.0), |binder| cpu_seconds(binder.id()))?,
        ))
    };
    reporter.expect("open", deadline)?;
    let before = cpu()?;
    let done = reporter.expect("done ", deadline)?;
    let after = cpu()?;
    let mut figures = done.split_ascii_whitespace().map(str::parse::<u64>);
    let mut figure = || match figures.next() {
        Some(Ok(figure)) => Ok(figure),
        Some(Err(_)) | None => Err(format!("cannot read '{done}'")),
    };
    Ok(Reading {
        messages: figure()?,
        seconds: figure()? as f64 / 1e9,
        connector_cpu: after.0 - before.0,
        binder_cpu: after.1 - before.1,
        p50: figure()?,
        p99: figure()?,
    })
}

/// An endpoint nobody else uses, and the folder that goes away with the cell.
fn endpoint(transport: Transport) -> Result<(String, Option<Folder>), String> {
    static CELLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    match transport {
        Transport::Tcp => {
            // Free a moment ago, and not handed out again soon.
            let probe = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
            let port = probe.local_addr().map_err(|e| e.to_string())?.port();
            Ok((format!("tcp://127.0.0.1:{port}"), None))
        }
        Transport::Ipc => {
            let cell = CELLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let folder =
                std::env::temp_dir().join(format!("zmq-bench-{}-{cell}", std::process::id()));
            std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
            let endpoint = format!("ipc://{}", folder.join("s").display());
            Ok((endpoint, Some(Folder(folder))))
        }
        Transport::Inproc => Ok(("inproc://cell".to_owned(), None)),
    }
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running peer process. Dropping it ends it.
struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    /// `side` is `None` for both sides in one process.
    fn start(
        contender: &dyn Contender,
        terms: &Terms,
        endpoint: &str,
        side: Option<Side>,
    ) -> Result<Peer, String> {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut child = Command::new(me)
            .arg(PEER)
            .arg(contender.name())
            .arg(terms.row.name())
            .arg(match side {
                None => "both",
                Some(Side::Binder) => "binder",
                Some(Side::Connector) => "connector",
            })
            .arg(terms.transport.name())
            .arg(endpoint)
            .arg(terms.size.to_string())
            .arg(terms.high_water_mark.to_string())
            .arg(terms.warm_up.as_millis().to_string())
            .arg(terms.window.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start a peer: {e}"))?;
        let out = child.stdout.take().ok_or("a peer without stdout")?;
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || forward(BufReader::new(out), &to));
        Ok(Peer { child, lines })
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line that begins with `word` and gives its rest.
    fn expect(&self, word: &str, deadline: Instant) -> Result<String, String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).map_err(|e| match e {
                mpsc::RecvTimeoutError::Timeout => format!("no '{}' in time", word.trim()),
                mpsc::RecvTimeoutError::Disconnected => {
                    format!("a peer ended before '{}'", word.trim())
                }
            })?;
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.to_owned());
            }
            if line.starts_with("fault") {
                return Err(line);
            }
        }
    }
}

fn forward(out: impl BufRead, to: &Sender<String>) {
    for line in out.lines() {
        let Ok(line) = line else { return };
        if let Some(said) = line.strip_prefix('@') {
            if to.send(said.to_owned()).is_err() {
                return;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process and all its threads, from /proc (ticks of 10 ms).
fn cpu_seconds(process: u32) -> Result<f64, String> {
    const TICKS_PER_SECOND: f64 = 100.0; // USER_HZ, fixed on Linux
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .map_err(|e| format!("no CPU figures: {e}"))?;
    // The second field, the name, may hold blanks; fields 14 and 15 are utime and stime.
    let ticks = |field: usize| -> Option<f64> {
        let rest = &stat[stat.rfind(')')? + 1..];
        rest.split_ascii_whitespace().nth(field - 3)?.parse().ok()
    };
    match (ticks(14), ticks(15)) {
        (Some(user), Some(system)) => Ok((user + system) / TICKS_PER_SECOND),
        (Some(_) | None, _) => Err("no CPU figures in /proc".to_owned()),
    }
}

/// If this process was started as a peer, plays its part and never returns.
pub(crate) fn play_if_peer(contenders: &'static [&'static dyn Contender]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().map(String::as_str) != Some(PEER) {
        return;
    }
    let [_, contender, row, side, transport, endpoint, size, hwm, warm_up, window] =
        arguments.as_slice()
    else {
        panic!("a peer's arguments: {arguments:?}");
    };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let millis = |text: &String| Duration::from_millis(number(text) as u64);
    let contender = *contenders
        .iter()
        .find(|known| known.name() == contender)
        .expect("a contender");
    let row = *Row::ALL
        .iter()
        .find(|known| known.name() == row)
        .expect("a row");
    let transport = *Transport::ALL
        .iter()
        .find(|known| known.name() == transport)
        .expect("a transport");
    end_with_owner();
    let (bound, is_bound) = mpsc::channel();
    let place = Place {
        transport,
        endpoint: endpoint.clone(),
        size: number(size),
        high_water_mark: number(hwm),
        warm_up: millis(warm_up),
        window: millis(window),
        bound,
    };
    match side.as_str() {
        "binder" => play_binder(contender, row, place, &is_bound),
        "connector" => row.play(contender, Side::Connector, &place),
        "both" => {
            let (to, at_bound) = mpsc::channel();
            let place = Place { bound: to, ..place };
            let binder = place.clone();
            std::thread::spawn(move || row.play(contender, Side::Binder, &binder));
            at_bound.recv().expect("a bound binder");
            let connector = place.clone();
            std::thread::spawn(move || row.play(contender, Side::Connector, &connector));
        }
        other => panic!("no side '{other}'"),
    }
    // The cell's owner ends this process once it has read everything it wants.
    loop {
        std::thread::park();
    }
}

/// A peer ends when its cell's owner is gone (its stdin closes), and when any of its threads
/// panics: half a peer would only look like a stall.
fn end_with_owner() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0);
    });
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
}

fn play_binder(contender: &'static dyn Contender, row: Row, place: Place, bound: &Receiver<()>) {
    std::thread::spawn(move || row.play(contender, Side::Binder, &place));
    bound.recv().expect("a bound binder");
    super::meter::say("bound");
}
