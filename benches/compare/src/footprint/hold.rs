//! Processes that hold something and say what it takes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use zmq_channels::{Context, Options, Pull, Push};

use super::heap;

/// The hidden first argument that makes this program such a process.
pub(crate) const PART: &str = "--play-part";

/// How long everything may take to be there.
const PATIENCE: Duration = Duration::from_secs(120);

/// Until buffers of the beginning are given back, and handshakes have been forgotten.
const SETTLE: Duration = Duration::from_millis(1500);

/// What one of the things held takes, and what all of them do while idle.
pub(crate) struct Held {
    /// Bytes of heap soon after.
    pub(crate) fresh: f64,
    /// Bytes of heap after the idle time.
    pub(crate) heap: f64,
    /// Bytes of resident memory.
    pub(crate) resident: f64,
    /// Context switches of all threads in a second.
    pub(crate) wakes: f64,
    /// Milliseconds of processor time in a second.
    pub(crate) busy: f64,
}

/// Both sides of `count` connections.
pub(crate) fn connections(
    count: usize,
    idle: Duration,
) -> Result<Vec<(&'static str, Held)>, String> {
    let (count, idle) = (count.to_string(), idle.as_secs().to_string());
    let mut listener = Part::start(&["listener", &count, &idle])?;
    let endpoint = listener.expect("endpoint")?;
    let mut connector = Part::start(&["connector", &count, &idle, &endpoint])?;
    let listening = listener.held(&count)?;
    let connecting = connector.held(&count)?;
    Ok(vec![("listener", listening), ("connector", connecting)])
}

/// `count` sockets without a connection.
pub(crate) fn sockets(count: usize) -> Result<Held, String> {
    let count = count.to_string();
    Part::start(&["sockets", &count, "0"])?.held(&count)
}

/// `count` messages in the `in` of a socket without a peer.
pub(crate) fn messages(count: usize, size: usize) -> Result<Held, String> {
    let count = count.to_string();
    Part::start(&["messages", &count, "0", &size.to_string()])?.held(&count)
}

/// A process that plays a part. Dropping it ends it.
struct Part {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Part {
    fn start(words: &[&str]) -> Result<Part, String> {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        // As many files as the system allows.
        let mut child = Command::new("sh")
            .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$0\" \"$@\""])
            .arg(me)
            .arg(PART)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let out = child.stdout.take().ok_or("no stdout")?;
        let lines = BufReader::new(out).lines();
        Ok(Part { child, lines })
    }

    fn expect(&mut self, word: &str) -> Result<String, String> {
        let line = self.lines.next().ok_or(format!("ended before '{word}'"))?;
        let line = line.map_err(|e| e.to_string())?;
        match line.split_once(' ') {
            Some((first, rest)) if first == word => Ok(rest.to_owned()),
            _ => Err(format!("'{line}' instead of '{word}'")),
        }
    }

    fn held(&mut self, count: &str) -> Result<Held, String> {
        let line = self.expect("held")?;
        let figures: Vec<f64> = line.split(' ').flat_map(str::parse).collect();
        let count: f64 = count.parse().map_err(|_| "no count".to_owned())?;
        match figures.as_slice() {
            [fresh, heap, resident, wakes, busy] => Ok(Held {
                fresh: fresh / count,
                heap: heap / count,
                resident: resident / count,
                wakes: *wakes,
                busy: *busy,
            }),
            _ => Err(line),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays a part in this process, until its starter ends it.
pub(crate) fn play(words: &[&str]) -> ExitCode {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0);
    });
    match part(words) {
        Ok(()) => loop {
            std::thread::park();
        },
        Err(why) => {
            eprintln!("{words:?}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn part(words: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    let (&[kind, count, idle], rest) = words.split_first_chunk().ok_or("too few words")?;
    let (count, idle) = (count.parse()?, Duration::from_secs(idle.parse()?));
    let context = Context::new();
    match (kind, rest) {
        ("listener", []) => {
            let pull = context.socket::<Pull>()?;
            let endpoint = pull.bind("tcp://127.0.0.1:*")?;
            let before = Before::now();
            say(&format!("endpoint {endpoint}"));
            pull.wait_connected_timeout_blocking(count, PATIENCE)?;
            before.tell(idle)?;
            std::mem::forget(pull);
        }
        ("connector", [endpoint]) => {
            let push = context.socket::<Push>()?;
            let before = Before::now();
            for _ in 0..count {
                push.connect(endpoint)?;
            }
            push.wait_connected_timeout_blocking(count, PATIENCE)?;
            before.tell(idle)?;
            std::mem::forget(push);
        }
        ("sockets", []) => {
            let first = context.socket::<Push>()?;
            let before = Before::now();
            let sockets: Result<Vec<_>, _> = (0..count).map(|_| context.socket::<Push>()).collect();
            let sockets = sockets?;
            before.tell(idle)?;
            std::mem::forget((first, sockets));
        }
        ("messages", [size]) => {
            let options = Options::new().high_water_marks(0);
            let push = context.socket_with::<Push>(options)?;
            let bytes = vec![7_u8; size.parse()?];
            let before = Before::now();
            for _ in 0..count {
                push.send_blocking(bytes.as_slice())?;
            }
            before.tell(idle)?;
            std::mem::forget(push);
        }
        _ => return Err("no such part".into()),
    }
    std::mem::forget(context);
    Ok(())
}

/// What was in use before anything was held.
struct Before {
    heap: usize,
    resident: usize,
}

impl Before {
    fn now() -> Before {
        Before {
            heap: heap::in_use(),
            resident: resident(),
        }
    }

    /// Says what is held now, and watches it being idle.
    fn tell(&self, idle: Duration) -> Result<(), Box<dyn std::error::Error>> {
        std::thread::sleep(SETTLE);
        let fresh = heap::in_use();
        let (wakes, ticks) = (switches()?, ticks()?);
        std::thread::sleep(idle);
        let seconds = idle.as_secs_f64().max(1.0);
        // One of them is this thread's own waking from its sleep.
        let wakes = (switches()? - wakes).saturating_sub(1) as f64 / seconds;
        let busy = (self::ticks()? - ticks) as f64 * 10.0 / seconds;
        say(&format!(
            "held {} {} {} {wakes} {busy}",
            fresh.saturating_sub(self.heap),
            heap::in_use().saturating_sub(self.heap),
            resident().saturating_sub(self.resident)
        ));
        Ok(())
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// The resident set in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// Context switches of all threads of this process so far, of their own will or not.
fn switches() -> Result<u64, std::io::Error> {
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let status = std::fs::read_to_string(task?.path().join("status"))?;
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        let counts = counts.filter_map(|line| line.split_ascii_whitespace().nth(1));
        all += counts.flat_map(str::parse::<u64>).sum::<u64>();
    }
    Ok(all)
}

/// Processor time of this process so far, in hundredths of a second.
fn ticks() -> Result<u64, std::io::Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let words = rest.split_ascii_whitespace().skip(11).take(2);
    Ok(words.filter_map(|word| word.parse::<u64>().ok()).sum())
}
