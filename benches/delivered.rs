//! Delivered messages per second and round-trip times of this library alone.
//!
//! ```text
//! cargo bench --bench delivered                    every row, about four minutes
//! cargo bench --bench delivered -- tcp 64B         rows whose name holds every word
//! cargo bench --bench delivered -- --smoke         quick, with a guard against collapse
//! ```
//!
//! See `benches/README.md` for what is counted and how.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a benchmark that cannot go on shall say so

mod harness;
#[path = "harness/ours.rs"]
mod ours;

use std::process::ExitCode;
use std::time::Duration;

use harness::cell::{self, Terms};
use harness::figures::{self, rate_name, size_name, Series};
use harness::plan::{self, Line, Pace};
use harness::raw::Raw;
use harness::{Contender, Row, Transport};
use ours::Ours;
use zmq_channels::ContextOptions;

const OURS: Ours = Ours {
    name: "ours",
    batches: false,
    settings: ContextOptions::new,
};
const CONTENDERS: &[&dyn Contender] = &[&OURS, &Raw];

/// The guard of `--smoke`: slower than this share of the raw sockets is a collapse, whatever the
/// machine. An order of magnitude, not a bar.
const COLLAPSE: f64 = 1.0 / 20.0;

/// A quick run must end soon even where everything stalls.
const SMOKE_PATIENCE: Duration = Duration::from_secs(4);
const SMOKE_FAILURES: usize = 3;

const USAGE: &str = "\
usage: cargo bench --bench delivered -- [OPTION]... [WORD]...
  WORD           only rows whose name (like 'push-pull tcp 64B') holds every WORD
  --smoke        a quick run with a guard against collapse (exit code 1)
  --hwm N        high-water mark of both sides (default 1000, 0 for none)
  --rounds N     measurements of each row (default 3)
  --millis N     length of one measurement (default 400)";

fn main() -> ExitCode {
    cell::play_if_peer(CONTENDERS);
    if !std::env::args().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` comes here: nothing is timed among tests.
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("{}", figures::machine());
    println!(
        "high-water marks {}, kernel buffers at their defaults, {} x {} ms, median (least-most)\n",
        request.pace.high_water_mark,
        request.pace.rounds,
        request.pace.window.as_millis()
    );
    let sound = print_table(&request) && (!request.smoke || guard(&request.pace));
    ExitCode::from(u8::from(!sound))
}

/// What the command line asks for.
struct Request {
    smoke: bool,
    pace: Pace,
    words: Vec<String>,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
        let mut smoke = false;
        let (mut high_water_mark, mut rounds, mut millis) = (plan::HIGH_WATER_MARK, None, None);
        let mut words = Vec::new();
        while let Some(argument) = arguments.next() {
            let mut number = || -> Result<usize, String> {
                let text = arguments.next().unwrap_or_default();
                text.parse()
                    .map_err(|_| format!("{argument} wants a number, not '{text}'"))
            };
            match argument.as_str() {
                "--bench" => {} // cargo's own
                "--smoke" => smoke = true,
                "--hwm" => high_water_mark = number()?,
                "--rounds" => rounds = Some(number()?.max(1)),
                "--millis" => millis = Some(number()?.max(1)),
                option if option.starts_with('-') => return Err(format!("no option {option}")),
                _ => words.push(argument),
            }
        }
        let (some_rounds, some_millis) = if smoke { (1, 100) } else { (3, 400) };
        let window = Duration::from_millis(millis.unwrap_or(some_millis) as u64);
        Ok(Request {
            smoke,
            pace: Pace {
                high_water_mark,
                warm_up: window / 4,
                window,
                rounds: rounds.unwrap_or(some_rounds),
                patience: if smoke {
                    SMOKE_PATIENCE
                } else {
                    plan::PATIENCE
                },
            },
            words,
        })
    }

    /// Both rows of every transport and size, less what no word names.
    fn terms(&self) -> Vec<Terms> {
        let mut all = Vec::new();
        for transport in Transport::ALL {
            for size in plan::SIZES {
                for row in Row::DAILY {
                    let name = format!("{row} {transport} {}", size_name(size));
                    if self.words.iter().all(|word| name.contains(word.as_str())) {
                        all.push(self.pace.terms(row, transport, size, 1));
                    }
                }
            }
        }
        all
    }
}

/// Measures and prints; false if a row failed.
fn print_table(request: &Request) -> bool {
    let terms = request.terms();
    if terms.is_empty() {
        eprintln!("no row is named like that");
        return false;
    }
    let cells = terms.len() * request.pace.rounds;
    let (mut at, mut failures) = (0, 0);
    let line = |terms: &Terms| Line::new(*terms, &[&OURS]);
    let mut lines: Vec<Line> = terms.iter().map(line).collect();
    plan::run(
        &[&OURS],
        &mut lines,
        request.pace.rounds,
        |_, terms, _, outcome| {
            at += 1;
            eprint!("\r\x1b[K{at}/{cells}");
            if let Err(why) = outcome {
                eprintln!(
                    " {} {} {}: {why}",
                    terms.row,
                    terms.transport,
                    size_name(terms.size)
                );
                failures += 1;
            }
            !request.smoke || failures < SMOKE_FAILURES
        },
    );
    eprint!("\r\x1b[K");
    let (mut pushes, mut trips) = (Vec::new(), Vec::new());
    for line in &lines {
        let Ok(series) = &line.series[0] else {
            continue;
        };
        if line.terms.row.makes_trips() {
            trips.push((&line.terms, series));
        } else {
            pushes.push((&line.terms, series));
        }
    }
    if !pushes.is_empty() {
        println!("PUSH to PULL, delivered");
        println!("              messages/s             MB/s   CPU s/s sender  receiver");
        for (terms, series) in &pushes {
            println!("{}", throughput(terms, series));
        }
        println!();
    }
    if !trips.is_empty() {
        println!("REQ to REP and back");
        println!("                   p50 us  (least-most)       p99 us   CPU s/s req  rep");
        for (terms, series) in &trips {
            println!("{}", latency(terms, series));
        }
        println!();
    }
    println!("inproc: both sides are one process, its CPU stands under the sender.");
    lines
        .iter()
        .flat_map(|line| &line.series)
        .flatten()
        .all(|series| series.failures.is_empty())
}

fn label(terms: &Terms) -> String {
    format!("{:<6} {:>6}", terms.transport, size_name(terms.size))
}

fn throughput(terms: &Terms, series: &Series) -> String {
    let (Some(rate), Some((least, most)), Some(sender), Some(receiver)) = (
        series.median(|reading| reading.per_second()),
        series.spread(|reading| reading.per_second()),
        series.median(|reading| reading.connector_cpu / reading.seconds),
        series.median(|reading| reading.binder_cpu / reading.seconds),
    ) else {
        return format!("{}  failed", label(terms));
    };
    format!(
        "{}  {:>6} {:<15} {:>8.0}   {sender:>14.2}  {receiver:>8.2}",
        label(terms),
        rate_name(rate),
        format!("({}-{})", rate_name(least), rate_name(most)),
        rate * terms.size as f64 / 1e6,
    )
}

fn latency(terms: &Terms, series: &Series) -> String {
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let (Some(p50), Some((least, most)), Some(p99), Some(req), Some(rep)) = (
        series.median(|reading| micros(reading.p50)),
        series.spread(|reading| micros(reading.p50)),
        series.median(|reading| micros(reading.p99)),
        series.median(|reading| reading.connector_cpu / reading.seconds),
        series.median(|reading| reading.binder_cpu / reading.seconds),
    ) else {
        return format!("{}  failed", label(terms));
    };
    format!(
        "{}  {p50:>10.1}  {:<15} {p99:>10.1}  {req:>11.2} {rep:>5.2}",
        label(terms),
        format!("({least:.1}-{most:.1})"),
    )
}

/// 64-byte messages over tcp against hand-framed std sockets, side by side.
fn guard(pace: &Pace) -> bool {
    let pace = Pace {
        window: pace.window.max(Duration::from_millis(300)),
        ..*pace
    };
    let terms = pace.terms(Row::PushPull, Transport::Tcp, 64, 1);
    let mut lines = [Line::new(terms, CONTENDERS)];
    plan::run(CONTENDERS, &mut lines, 3, |library, _, _, outcome| {
        if let Err(why) = outcome {
            eprintln!("{}: {why}", library.name());
        }
        outcome.is_ok()
    });
    let rate = |at: usize| -> Option<f64> {
        let series = lines[0].series[at].as_ref().ok()?;
        series.median(|reading| reading.per_second())
    };
    let (Some(ours), Some(raw)) = (rate(0), rate(1)) else {
        println!("guard: no figures, FAILED");
        return false;
    };
    let sound = ours >= raw * COLLAPSE;
    println!(
        "guard: tcp 64B {} messages/s, raw sockets {}, share {:.2}: {}",
        rate_name(ours),
        rate_name(raw),
        ours / raw,
        if sound {
            "ok"
        } else {
            "COLLAPSED (below 0.05)"
        }
    );
    sound
}
