//! The channels of `zmq-channels` alone beside those of other libraries.
//!
//! No public path uses them without a pump behind, so their sources are compiled into this program:
//! `src/sync`, `src/driver`, `src/port` and the words they are made of. That this builds at all shows
//! that they know nothing above them. Every item is 64 bytes, every channel holds 1000 of them;
//! receivers count, and check that each sender's items come whole and in order.

// The library's own sources, of which this program uses a part.
/// What `security` lists for users and is above these floors.
#[allow(dead_code)]
mod authenticator {
    pub struct Authenticator;
    pub struct AuthenticationRequest;
    pub struct AuthenticationRequests;
}
#[allow(dead_code)]
#[path = "../../../../src/clock.rs"]
mod clock;
#[allow(dead_code, unused_imports)]
#[path = "../../../../src/driver/mod.rs"]
mod driver;
#[allow(dead_code)]
#[path = "../../../../src/endpoint/mod.rs"]
mod endpoint;
#[allow(dead_code, unexpected_cfgs, unused_imports)]
#[path = "../../../../src/error/mod.rs"]
mod error;
#[allow(dead_code, unexpected_cfgs, unused_imports)]
#[path = "../../../../src/event/mod.rs"]
mod event;
#[allow(dead_code, unused_imports)]
#[path = "../../../../src/message/mod.rs"]
mod message;
#[allow(dead_code, unused_imports)]
#[path = "../../../../src/options/mod.rs"]
mod options;
#[allow(dead_code, unused_imports)]
#[path = "../../../../src/port/mod.rs"]
mod port;
#[allow(dead_code)]
#[path = "../../../../src/routing_id.rs"]
mod routing_id;
#[allow(dead_code, unexpected_cfgs, unused_imports)]
#[path = "../../../../src/security/mod.rs"]
mod security;
#[allow(dead_code)]
#[path = "../../../../src/socket_type.rs"]
mod socket_type;
#[allow(dead_code, unused_imports)]
#[path = "../../../../src/sync/mod.rs"]
mod sync;

#[path = "../../../harness/mod.rs"]
mod harness;
mod measure;
mod pipes;
#[path = "../plot.rs"]
#[allow(dead_code)]
mod plot;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use harness::figures::{self, rate_name};
use measure::{Found, Shape};
use pipes::PIPES;
use serde_json::{json, Value};

const USAGE: &str = "\
usage: channels [OPTION]...
  --quick               once and shortly
  --contenders A,B,..   (default all)
  --seconds S           length of one measurement (default 0.3)
  --rounds N            measurements of each cell (default 5)
  --results FOLDER      where channels.json goes (default: nowhere)
  --plots FOLDER        where charts of the results go (default: nowhere)";

/// The hidden first argument that makes this program measure one cell.
const CELL: &str = "--play-cell";

/// How much longer than the window a cell may take.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, who, shape, seconds] = arguments.as_slice() {
        if first == CELL {
            return play(who, shape, seconds);
        }
    }
    let outcome = Request::parse(&arguments).and_then(|request| run(&request));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// One cell, in a separate process: what hangs there is ended from outside.
fn play(who: &str, shape: &str, seconds: &str) -> ExitCode {
    let pipe = PIPES.iter().find(|(name, _)| *name == who);
    let shape = Shape::ALL.iter().find(|known| known.name() == shape);
    let (Some((_, play)), Some(shape), Ok(seconds)) = (pipe, shape, seconds.parse()) else {
        return ExitCode::from(2);
    };
    match play(*shape, Duration::from_secs_f64(seconds)) {
        Some(found) => {
            println!("{}", found.to_line());
            ExitCode::SUCCESS
        }
        None => ExitCode::from(4),
    }
}

struct Request {
    contenders: Vec<&'static str>,
    window: Duration,
    rounds: usize,
    results: Option<PathBuf>,
    plots: Option<PathBuf>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Request, String> {
        let mut request = Request {
            contenders: PIPES.iter().map(|(name, _)| *name).collect(),
            window: Duration::from_millis(300),
            rounds: 5,
            results: None,
            plots: None,
        };
        let mut arguments = arguments.iter();
        while let Some(option) = arguments.next() {
            if option == "--quick" {
                request.window = Duration::from_millis(100);
                request.rounds = 1;
                continue;
            }
            let value = arguments.next().ok_or(format!("{option} wants a value"))?;
            let wrong = || format!("{option} cannot be '{value}'");
            match option.as_str() {
                "--contenders" => {
                    let known = |name: &str| PIPES.iter().map(|(n, _)| *n).find(|n| *n == name);
                    let chosen = value.split(',').map(known).collect::<Option<Vec<_>>>();
                    request.contenders = chosen.ok_or_else(wrong)?;
                }
                "--seconds" => {
                    let seconds: f64 = value.parse().map_err(|_| wrong())?;
                    request.window = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
                }
                "--rounds" => request.rounds = value.parse().map_err(|_| wrong())?,
                "--results" => request.results = Some(PathBuf::from(value)),
                "--plots" => request.plots = Some(PathBuf::from(value)),
                _ => return Err(format!("no option {option}")),
            }
        }
        Ok(request)
    }
}

/// `None`: cannot take part.
type Outcome = Option<Result<Found, String>>;

fn run(request: &Request) -> Result<(), String> {
    println!("{} {}", figures::date(), figures::machine());
    println!(
        "channels of 1000 items of 64 bytes, {} rounds of {} ms each\n",
        request.rounds,
        request.window.as_millis()
    );
    let mut series: BTreeMap<(usize, usize), Vec<Found>> = BTreeMap::new();
    let mut readings = Vec::new();
    for round in 0..request.rounds {
        for (row, shape) in Shape::ALL.iter().enumerate() {
            for turn in 0..request.contenders.len() {
                let column = (turn + round) % request.contenders.len();
                let who = request.contenders[column];
                eprint!("\r\x1b[Kround {}: {} {who}", round + 1, shape.name());
                let Some(outcome) = cell(who, *shape, request.window)? else {
                    continue;
                };
                readings.push(reading(who, *shape, round, &outcome));
                match outcome {
                    Ok(found) => series.entry((row, column)).or_default().push(found),
                    Err(why) => eprintln!(": {why}"),
                }
            }
        }
    }
    eprint!("\r\x1b[K");
    table(request, "items/s (median)", &series, |found| {
        (!found.is_trip()).then(|| found.per_second())
    });
    table(
        request,
        "round trip, ns (median of medians)",
        &series,
        |found| found.is_trip().then_some(found.p50 as f64),
    );
    table(request, "CPU s per million", &series, |found| {
        Some(found.cpu * 1e6 / found.items.max(1) as f64)
    });
    if let Some(folder) = &request.results {
        save(request, &readings, folder)?;
    }
    match &request.plots {
        Some(folder) => draw(request, &series, folder),
        None => Ok(()),
    }
}

/// From one sender to eight, to one receiver: a chart for threads, one for tasks.
fn draw(
    request: &Request,
    series: &BTreeMap<(usize, usize), Vec<Found>>,
    folder: &std::path::Path,
) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    for (way, title) in [("blocking", "threads"), ("async", "tokio tasks")] {
        let mut lines = Vec::new();
        for (column, who) in request.contenders.iter().enumerate() {
            let mut points = BTreeMap::new();
            for (row, shape) in Shape::ALL.iter().enumerate() {
                let senders = shape.name().strip_prefix(way).and_then(|name| {
                    let (senders, receivers) = name.strip_prefix('-')?.split_once('-')?;
                    (receivers == "1").then(|| senders.parse().ok())?
                });
                if let (Some(senders), Some(found)) = (senders, series.get(&(row, column))) {
                    points.insert(senders, found.iter().map(Found::per_second).collect());
                }
            }
            if !points.is_empty() {
                lines.push(((*who).to_owned(), points));
            }
        }
        let facts = figures::facts();
        let chart = plot::Chart {
            title: format!("Channels alone, {title}, one receiver"),
            x_axis: "senders".to_owned(),
            y_axis: "items of 64 bytes received per second",
            x_label: |senders| senders.to_string(),
            lines,
            note: format!(
                "{}, {} cores, Linux {}, {}; {} rounds of {} s",
                facts.cpu,
                facts.cores,
                facts.kernel,
                figures::date(),
                request.rounds,
                request.window.as_secs_f64()
            ),
        };
        plot::write(&chart, &folder.join(format!("channels-{way}.svg")))?;
    }
    Ok(())
}

fn cell(who: &str, shape: Shape, window: Duration) -> Result<Outcome, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = Command::new(me)
        .args([CELL, who, shape.name(), &window.as_secs_f64().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let deadline = Instant::now() + 2 * window + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            break status;
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Some(Err("no figure in time".to_owned())));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said).map_err(|e| e.to_string())?;
    }
    Ok(match (status.code(), Found::from_line(&said)) {
        (Some(4), _) => None,
        (Some(0), Some(found)) => Some(Ok(found)),
        _ => Some(Err(format!("ended: {status}"))),
    })
}

fn reading(who: &str, shape: Shape, round: usize, outcome: &Result<Found, String>) -> Value {
    match outcome {
        Ok(found) => json!({
            "row": shape.name(), "contender": who, "round": round,
            "items": found.items, "seconds": found.seconds,
            "per_second": found.per_second().round(), "cpu_s": found.cpu,
            "p50_ns": found.p50, "p99_ns": found.p99,
        }),
        Err(why) => json!({
            "row": shape.name(), "contender": who, "round": round, "failure": why,
        }),
    }
}

fn table(
    request: &Request,
    title: &str,
    series: &BTreeMap<(usize, usize), Vec<Found>>,
    of: impl Fn(&Found) -> Option<f64>,
) {
    println!("{title}");
    let heads = request.contenders.iter().map(|who| format!("{who:>15}"));
    println!("{:<18}{}", "", heads.collect::<String>());
    for (row, shape) in Shape::ALL.iter().enumerate() {
        let mut text = format!("{:<18}", shape.name());
        let mut is_empty = true;
        for column in 0..request.contenders.len() {
            let found = series.get(&(row, column)).map_or(&[][..], Vec::as_slice);
            let mut values: Vec<f64> = found.iter().filter_map(&of).collect();
            values.sort_unstable_by(f64::total_cmp);
            let word = match values.get(values.len() / 2) {
                Some(value) if *value < 10.0 => format!("{value:.3}"),
                Some(value) => rate_name(*value),
                None => "-".to_owned(),
            };
            is_empty &= values.is_empty();
            text.push_str(&format!("{word:>15}"));
        }
        if !is_empty {
            println!("{text}");
        }
    }
    println!();
}

fn save(request: &Request, readings: &[Value], folder: &std::path::Path) -> Result<(), String> {
    let facts = figures::facts();
    let head = [
        ("date", json!(figures::date())),
        (
            "machine",
            json!({
                "cpu": facts.cpu, "cores": facts.cores, "kernel": facts.kernel, "tcp": facts.tcp,
                "memory_mib": facts.memory_mib, "load": facts.load,
            }),
        ),
        ("window_s", json!(request.window.as_secs_f64())),
        ("rounds", json!(request.rounds)),
        ("versions", pipes::versions()),
    ];
    let head = head.map(|(name, value)| format!("\"{name}\": {value},\n"));
    let lines: Vec<String> = readings.iter().map(Value::to_string).collect();
    let text = format!(
        "{{\n{}\"readings\": [\n{}\n]\n}}\n",
        head.concat(),
        lines.join(",\n")
    );
    let path = folder.join("channels.json");
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}
