//! What sockets of one context cost each other: the rate of small messages beside large ones, and the
//! rate of ninety-nine pipelines beside a socket that is not read, each against the same load alone.
//!
//! ```text
//! cargo bench --bench isolation                 about a minute
//! cargo bench --bench isolation -- --smoke      a few seconds: do both still run?
//! ```
//!
//! Windows alone and windows beside alternate; the table has the medians of their ratios.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a benchmark that cannot go on shall say so

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zmq_channels::{Context, Options, Pull, Push, Socket};

const USAGE: &str = "usage: cargo bench --bench isolation [-- --smoke]";

/// Small messages that are sent before they are received.
const BATCH: usize = 100;

/// Pipelines beside the one that is stuck.
const OTHERS: usize = 99;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        // `cargo test --all-targets` comes here: nothing is timed among tests.
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let smoke = words.iter().any(|word| word == "--smoke");
    if words
        .iter()
        .any(|word| word != "--bench" && word != "--smoke")
    {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let (rounds, megabytes) = if smoke { (1, 8) } else { (9, 50) };
    let large = Bytes::from(vec![7; megabytes << 20]);
    println!("rate beside / rate alone, median (least-most) of {rounds}");
    for transport in ["tcp", "ipc", "inproc"] {
        let kept = beside_large(transport, &large, rounds);
        print(&format!("{transport}: small beside {megabytes} MiB"), kept);
    }
    for transport in ["tcp", "ipc", "inproc"] {
        let kept = beside_stuck(transport, rounds);
        print(&format!("{transport}: {OTHERS} beside one not read"), kept);
    }
    ExitCode::SUCCESS
}

fn print(row: &str, mut kept: Vec<f64>) {
    kept.sort_by(f64::total_cmp);
    let (least, most) = (kept[0], kept[kept.len() - 1]);
    let median = kept[kept.len() / 2];
    println!("{row:<32} {median:5.2}  ({least:.2}-{most:.2})");
}

struct Pipeline {
    push: Socket<Push>,
    pull: Socket<Pull>,
}

impl Pipeline {
    fn new(context: &Context, transport: &str, name: usize, options: &Options) -> Pipeline {
        let pull = context.socket_with::<Pull>(options.clone()).unwrap();
        let push = context.socket_with::<Push>(options.clone()).unwrap();
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("zmq-isolation-{id}-{name}"));
        let endpoint = match transport {
            "tcp" => String::from("tcp://127.0.0.1:*"),
            "ipc" => format!("ipc://{}", folder.display()),
            other => format!("{other}://isolation-{name}"),
        };
        push.connect(pull.bind(endpoint).unwrap()).unwrap();
        Pipeline { push, pull }
    }

    /// Sends and receives one batch of small messages.
    fn batch(&self) {
        for _ in 0..BATCH {
            self.push.send_blocking("small").unwrap();
        }
        for _ in 0..BATCH {
            self.pull.recv_blocking().unwrap();
        }
    }
}

/// Batches per second, for as long as `lasts` says.
fn rate(pipelines: &[Pipeline], lasts: impl Fn(Duration) -> bool) -> f64 {
    let start = Instant::now();
    let mut batches = 0;
    while lasts(start.elapsed()) {
        pipelines.iter().for_each(Pipeline::batch);
        batches += pipelines.len();
    }
    batches as f64 / start.elapsed().as_secs_f64()
}

/// One large message passes in each window.
fn beside_large(transport: &str, large: &Bytes, rounds: usize) -> Vec<f64> {
    let context = Context::new();
    let small = [Pipeline::new(&context, transport, 0, &Options::new())];
    let other = Pipeline::new(&context, transport, 1, &Options::new());
    let window = Duration::from_millis(100 + large.len() as u64 / 60_000);
    rate(&small, |elapsed| elapsed < window / 4);
    let round = || {
        let alone = rate(&small, |elapsed| elapsed < window);
        other.push.send_blocking(large.clone()).unwrap();
        let pull = other.pull.clone();
        let arriving = thread::spawn(move || pull.recv_blocking().unwrap());
        // What the large one delays beyond the window counts, too.
        let beside = rate(&small, |elapsed| {
            elapsed < window || !arriving.is_finished()
        });
        assert_eq!(arriving.join().unwrap()[0].len(), large.len());
        beside / alone
    };
    (0..rounds).map(|_| round()).collect()
}

/// The stuck pipeline is emptied between the windows.
fn beside_stuck(transport: &str, rounds: usize) -> Vec<f64> {
    const MARK: usize = 10;
    let context = Context::new();
    let pipeline = |name| Pipeline::new(&context, transport, name, &Options::new());
    let others: Vec<_> = (0..OTHERS).map(pipeline).collect();
    let stuck = Options::new().high_water_marks(MARK);
    let stuck = Pipeline::new(&context, transport, OTHERS, &stuck);
    let window = Duration::from_millis(300);
    rate(&others, |elapsed| elapsed < window);
    let round = || {
        let alone = rate(&others, |elapsed| elapsed < window);
        let mut accepted = 0;
        // Everything on the way is full when nothing was accepted for so long.
        while stuck
            .push
            .send_timeout_blocking("stuck", window / 3)
            .is_ok()
        {
            accepted += 1;
        }
        let beside = rate(&others, |elapsed| elapsed < window);
        for _ in 0..accepted {
            stuck.pull.recv_blocking().unwrap();
        }
        beside / alone
    };
    (0..rounds).map(|_| round()).collect()
}
