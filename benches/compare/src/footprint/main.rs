//! What this library costs when it does little, and what it makes of a second processor.
//!
//! * memory per idle tcp connection, on both sides: the library's own heap by a counting
//!   allocator, and the resident set of the process; 1 000 and 10 000 connections of one PUSH
//!   socket in one process to one PULL socket in another;
//! * memory per idle socket, and per queued message;
//! * how often its threads wake up while nothing happens, and what processor time that takes;
//! * messages per second on one processor and on two.

#[path = "../../../harness/mod.rs"]
mod harness;
mod heap;
mod hold;
#[path = "../../../harness/ours.rs"]
#[allow(dead_code)]
mod ours;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use harness::cell::{self, Reading};
use harness::figures::{self, size_name};
use harness::plan::{self, Line, Pace};
use harness::{Contender, Row, Transport};
use serde_json::{json, Value};
use zmq_channels::ContextOptions;

const OURS: ours::Ours = ours::Ours {
    name: "ours",
    batches: false,
    settings: ContextOptions::new,
};
const CONTENDERS: &[&dyn Contender] = &[&OURS];

const USAGE: &str = "\
usage: footprint [OPTION]...
  --quick               1 000 connections only, and shortly
  --results FOLDER      where footprint.json goes (default: nowhere)";

/// The hidden first argument that makes this program measure the rate of one place.
const RATE: &str = "--play-rate";

fn main() -> ExitCode {
    cell::play_if_peer(CONTENDERS);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [first, rest @ ..] if *first == hold::PART => return hold::play(rest),
        [first, transport] if *first == RATE => return play_rate(transport),
        _ => {}
    }
    let (mut quick, mut results) = (false, None);
    let mut words = words.into_iter();
    while let Some(option) = words.next() {
        match (option, option == "--results") {
            ("--quick", _) => quick = true,
            (_, true) => results = words.next().map(PathBuf::from),
            _ => {
                eprintln!("no option {option}\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match run(quick, results) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// All figures, each as a line for people and a record for programs.
struct Sheet {
    readings: Vec<Value>,
}

impl Sheet {
    fn add(&mut self, what: &str, of: &str, count: usize, value: f64, unit: &str) {
        println!("{what:<34} {of:<10} x{count:<8} {value:>12.1} {unit}");
        self.readings.push(json!({
            "figure": what, "of": of, "count": count, "value": value, "unit": unit,
        }));
    }
}

fn run(quick: bool, results: Option<PathBuf>) -> Result<(), String> {
    println!("{} {}\n", figures::date(), figures::machine());
    let mut sheet = Sheet {
        readings: Vec::new(),
    };
    let idle = Duration::from_secs(if quick { 2 } else { 10 });
    let counts: &[usize] = if quick { &[1_000] } else { &[1_000, 10_000] };
    for count in counts {
        let mut outcome = hold::connections(*count, idle);
        if let Err(why) = &outcome {
            // A port taken by another program, a machine asleep: once more.
            eprintln!("{count} connections: {why}; once more");
            outcome = hold::connections(*count, idle);
        }
        for (side, held) in outcome? {
            sheet.add("heap per new connection", side, *count, held.fresh, "bytes");
            sheet.add("heap per connection", side, *count, held.heap, "bytes");
            sheet.add(
                "resident per connection",
                side,
                *count,
                held.resident,
                "bytes",
            );
            sheet.add(
                "idle wake-ups per second",
                side,
                *count,
                held.wakes,
                "of all threads",
            );
            sheet.add(
                "idle processor time per second",
                side,
                *count,
                held.busy,
                "ms",
            );
        }
    }
    for count in counts {
        let held = hold::sockets(*count)?;
        sheet.add("heap per socket", "PUSH", *count, held.heap, "bytes");
        sheet.add(
            "resident per socket",
            "PUSH",
            *count,
            held.resident,
            "bytes",
        );
    }
    for size in [16, 64, 1 << 10, 64 << 10] {
        let count = if size > 1 << 10 { 1_000 } else { 100_000 };
        let held = hold::messages(count, size)?;
        let of = size_name(size);
        sheet.add("heap per queued message", &of, count, held.heap, "bytes");
        sheet.add(
            "resident per queued message",
            &of,
            count,
            held.resident,
            "bytes",
        );
    }
    for transport in Transport::ALL {
        for processors in ["0", "0,1"] {
            let rate = rate_on(processors, transport)?;
            let count = processors.split(',').count();
            sheet.add(
                "messages of 64B per second, CPUs",
                transport.name(),
                count,
                rate,
                "per second",
            );
        }
    }
    match results {
        Some(folder) => save(&sheet, &folder),
        None => Ok(()),
    }
}

/// PUSH to PULL in processes that may use these processors only.
fn rate_on(processors: &str, transport: Transport) -> Result<f64, String> {
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new("taskset")
        .args(["-c", processors])
        .arg(me)
        .args([RATE, transport.name()])
        .output()
        .map_err(|e| format!("taskset: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim()
        .parse()
        .map_err(|_| format!("no rate on {processors}: {said}"))
}

fn play_rate(transport: &str) -> ExitCode {
    let transport = Transport::ALL.into_iter().find(|t| t.name() == transport);
    let Some(transport) = transport else {
        return ExitCode::from(2);
    };
    let pace = Pace {
        high_water_mark: plan::HIGH_WATER_MARK,
        warm_up: Duration::from_millis(200),
        window: Duration::from_millis(500),
        rounds: 5,
        patience: plan::PATIENCE,
    };
    let terms = pace.terms(Row::PushPull, transport, 64, 1);
    let mut lines = [Line::new(terms, CONTENDERS)];
    plan::run(CONTENDERS, &mut lines, pace.rounds, |_, _, _, outcome| {
        outcome.as_ref().map_err(|why| eprintln!("{why}")).is_ok()
    });
    let series = lines[0].series[0].as_ref().ok();
    match series.and_then(|series| series.median(Reading::per_second)) {
        Some(rate) => {
            println!("{rate:.0}");
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

fn save(sheet: &Sheet, folder: &std::path::Path) -> Result<(), String> {
    let facts = figures::facts();
    let machine = json!({
        "cpu": facts.cpu, "cores": facts.cores, "kernel": facts.kernel, "tcp": facts.tcp,
        "memory_mib": facts.memory_mib, "load": facts.load,
    });
    let mut text = format!("{{\n\"date\": {},\n", json!(figures::date()));
    let _ = writeln!(text, "\"machine\": {machine},");
    let _ = writeln!(text, "\"versions\": {},", json!({ "ours": ours::VERSION }));
    let lines: Vec<String> = sheet.readings.iter().map(Value::to_string).collect();
    let _ = writeln!(text, "\"readings\": [\n{}\n]\n}}", lines.join(",\n"));
    let path = folder.join("footprint.json");
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}
