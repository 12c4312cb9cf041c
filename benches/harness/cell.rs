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
    pub(crate) count: usize,
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
    /// Messages of the window that did not arrive, in rows where that may happen.
    pub(crate) lost: u64,
    /// How far the processors were from each other, in nanoseconds there and back, if known.
    pub(crate) distance: Option<u64>,
}

impl Reading {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.seconds
    }

    /// How much of what was sent did not arrive.
    pub(crate) fn lost_share(&self) -> f64 {
        self.lost as f64 / (self.lost + self.messages).max(1) as f64
    }

    pub(crate) fn cpu_per_million(&self) -> f64 {
        (self.connector_cpu + self.binder_cpu) * 1e6 / self.messages.max(1) as f64
    }
}

/// Measures one cell once.
pub(crate) fn measure(contender: &dyn Contender, terms: &Terms) -> Result<Reading, String> {
    let (endpoints, _folder) = endpoints(terms.transport, terms.row.endpoints(terms.count))?;
    let deadline = Instant::now() + terms.warm_up + terms.window + terms.patience;
    if terms.transport == Transport::Inproc {
        let both = Peer::start(contender, terms, &endpoints, None)?;
        return watch(&both, None, &both, deadline);
    }
    let binder = Peer::start(contender, terms, &endpoints, Some(Side::Binder))?;
    binder.expect("bound", deadline)?;
    let connector = Peer::start(contender, terms, &endpoints, Some(Side::Connector))?;
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
        lost: figure()?,
        distance: None,
    })
}

/// Endpoints that nothing else uses, with commas between, and the folder that goes away with the cell.
pub(crate) fn endpoints(
    transport: Transport,
    count: usize,
) -> Result<(String, Option<Folder>), String> {
    static CELLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let wanted = 0..count;
    match transport {
        Transport::Tcp => {
            let ports: Vec<_> = wanted.map(|_| free_port()).collect::<Result<_, _>>()?;
            let endpoint = |port| format!("tcp://127.0.0.1:{port}");
            let endpoints: Vec<_> = ports.into_iter().map(endpoint).collect();
            Ok((endpoints.join(","), None))
        }
        Transport::Ipc => {
            let cell = CELLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let folder =
                std::env::temp_dir().join(format!("zmq-bench-{}-{cell}", std::process::id()));
            std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
            let endpoint = |at| format!("ipc://{}", folder.join(format!("s{at}")).display());
            let endpoints: Vec<_> = wanted.map(endpoint).collect();
            Ok((endpoints.join(","), Some(Folder(folder))))
        }
        Transport::Inproc => {
            let endpoints: Vec<_> = wanted.map(|at| format!("inproc://cell-{at}")).collect();
            Ok((endpoints.join(","), None))
        }
    }
}

/// A port that nothing listens on. The system hands out those above for connections, hundreds of them
/// in some cells; none of these is given one unasked.
fn free_port() -> Result<u16, String> {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    // Another run on this machine begins somewhere else.
    let start = std::process::id().wrapping_mul(7919);
    for _ in 0..COUNT {
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(next) % COUNT;
        let port = u16::try_from(port).map_err(|e| e.to_string())?;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free port".to_owned())
}

/// A folder that is removed when this is dropped.
pub(crate) struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running peer process. Dropping it ends it.
pub(crate) struct Peer {
    child: Child,
    lines: Receiver<String>,
}

impl Peer {
    /// `side` is `None` for both sides in one process.
    fn start(
        contender: &dyn Contender,
        terms: &Terms,
        endpoints: &str,
        side: Option<Side>,
    ) -> Result<Peer, String> {
        let side = match side {
            None => "both",
            Some(Side::Binder) => "binder",
            Some(Side::Connector) => "connector",
        };
        Peer::spawn(&[
            PEER,
            contender.name(),
            terms.row.name(),
            side,
            terms.transport.name(),
            endpoints,
            &terms.size.to_string(),
            &terms.count.to_string(),
            &terms.high_water_mark.to_string(),
            &terms.warm_up.as_millis().to_string(),
            &terms.window.as_millis().to_string(),
        ])
    }

    /// This program as another process, with these arguments.
    pub(crate) fn spawn(arguments: &[&str]) -> Result<Peer, String> {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut child = Command::new(me)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start a peer: {e}"))?;
        let out = child.stdout.take().ok_or("a peer without stdout")?;
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || forward(BufReader::new(out), &to));
        Ok(Peer { child, lines })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line that begins with `word` and gives its rest.
    pub(crate) fn expect(&self, word: &str, deadline: Instant) -> Result<String, String> {
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
pub(crate) fn cpu_seconds(process: u32) -> Result<f64, String> {
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
    let [_, contender, row, side, transport, endpoints, size, count, hwm, warm_up, window] =
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
        row,
        transport,
        endpoints: endpoints.split(',').map(str::to_owned).collect(),
        size: number(size),
        count: number(count),
        high_water_mark: number(hwm),
        warm_up: millis(warm_up),
        window: millis(window),
        bound,
    };
    match side.as_str() {
        "binder" => play_binder(contender, place, &is_bound),
        "connector" => contender.play(Side::Connector, &place),
        "both" => {
            let (to, at_bound) = mpsc::channel();
            let place = Place { bound: to, ..place };
            let binder = place.clone();
            std::thread::spawn(move || contender.play(Side::Binder, &binder));
            at_bound.recv().expect("a bound binder");
            let connector = place.clone();
            std::thread::spawn(move || contender.play(Side::Connector, &connector));
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
pub(crate) fn end_with_owner() {
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

fn play_binder(contender: &'static dyn Contender, place: Place, bound: &Receiver<()>) {
    std::thread::spawn(move || contender.play(Side::Binder, &place));
    bound.recv().expect("a bound binder");
    super::meter::say("bound");
}
