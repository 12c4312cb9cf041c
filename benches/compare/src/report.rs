//! Printing and recording: tables for people, one JSON file for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{json, Value};

use crate::harness::cell::{Reading, Terms};
use crate::harness::figures::{self, rate_name, size_name, Series};
use crate::harness::plan::{Line, Pace};
use crate::harness::{Contender, Row};

/// The library that all others are compared with.
const REFERENCE: &str = "libzmq";

const COLUMN: usize = 15;

/// The machine, the terms, the versions.
pub(crate) fn heading(contenders: &[&dyn Contender], pace: &Pace) {
    println!("{} {}", figures::date(), figures::machine());
    println!(
        "high-water marks {}, kernel buffers at their defaults, {} rounds of {} ms each, \
         the first {} ms not counted",
        pace.high_water_mark,
        pace.rounds,
        pace.window.as_millis(),
        pace.warm_up.as_millis()
    );
    let versions: Vec<String> = contenders
        .iter()
        .map(|who| format!("{} {}", who.name(), who.version()))
        .collect();
    println!("{}\n", versions.join(", "));
}

/// All tables: rows are transport, size and count, columns are contenders.
pub(crate) fn tables(contenders: &[&dyn Contender], lines: &[Line]) {
    for row in Row::ALL {
        let lines: Vec<&Line> = lines.iter().filter(|line| line.terms.row == row).collect();
        if lines.is_empty() {
            continue;
        }
        // A column for every library that has a figure, or should have one.
        let columns: Vec<usize> = (0..contenders.len())
            .filter(|at| lines.iter().any(|line| line.series[*at].is_ok()))
            .collect();
        let sheet = Sheet {
            contenders,
            columns,
            lines,
        };
        if row.makes_trips() {
            sheet.trips(row.title());
        } else {
            sheet.rates(row.title(), row.may_lose());
        }
        sheet.notes();
    }
}

struct Sheet<'a> {
    contenders: &'a [&'a dyn Contender],
    columns: Vec<usize>,
    lines: Vec<&'a Line>,
}

impl Sheet<'_> {
    fn rates(&self, title: &str, may_lose: bool) {
        self.table(&format!("{title}: delivered/s (median)"), |_, series| {
            Some(rate_name(rate(series)?))
        });
        self.table(&format!("{title}: (least-most)/s"), |_, series| {
            let (least, most) = series.spread(Reading::per_second)?;
            Some(format!("{}-{}", rate_name(least), rate_name(most)))
        });
        let who = |at: &usize| self.contenders[*at].name() == REFERENCE;
        if let Some(reference) = self.columns.iter().copied().find(who) {
            self.table(&format!("{title}: ratio to libzmq"), |line, series| {
                let ours = rate(series)?;
                let theirs = line.series[reference].as_ref().ok().and_then(rate);
                Some(theirs.map_or("?".to_owned(), |theirs| format!("{:.2}", ours / theirs)))
            });
        }
        self.table(&format!("{title}: CPU s per million, both sides"), cpu);
        if may_lose {
            self.table(&format!("{title}: lost"), |_, series| {
                let share = series.median(Reading::lost_share)?;
                Some(format!("{:.1}%", 100.0 * share))
            });
        }
    }

    fn trips(&self, title: &str) {
        self.table(&format!("{title}: p50/p99 us"), |_, series| {
            let p50 = series.median(|reading| reading.p50 as f64 / 1e3)?;
            let p99 = series.median(|reading| reading.p99 as f64 / 1e3)?;
            Some(format!("{p50:.1}/{p99:.1}"))
        });
        self.table(&format!("{title}: trips/s"), |_, series| {
            Some(rate_name(rate(series)?))
        });
        self.table(
            &format!("{title}: CPU s per million trips, both sides"),
            cpu,
        );
    }

    fn table(&self, title: &str, entry: impl Fn(&Line, &Series) -> Option<String>) {
        println!("{title}");
        let mut head = format!("{:<22}", "");
        for at in &self.columns {
            let _ = write!(head, "{:>COLUMN$}", self.contenders[*at].name());
        }
        println!("{head}");
        for line in &self.lines {
            let mut text = format!("{:<22}", label(&line.terms));
            for at in &self.columns {
                let word = match &line.series[*at] {
                    Err(_) => "-".to_owned(),
                    Ok(series) => entry(line, series).unwrap_or_else(|| "failed".to_owned()),
                };
                // A star: not every round gave a figure.
                let star = match &line.series[*at] {
                    Ok(series) if !series.failures.is_empty() => "*",
                    Ok(_) | Err(_) => "",
                };
                let _ = write!(text, "{:>COLUMN$}", format!("{word}{star}"));
            }
            println!("{text}");
        }
        println!();
    }

    /// Why a contender is missing, and what went wrong.
    fn notes(&self) {
        let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in &self.lines {
            for (who, series) in self.contenders.iter().zip(&line.series) {
                let mut note = |why: String| {
                    let labels = notes.entry(format!("{}: {why}", who.name())).or_default();
                    labels.push(label(&line.terms));
                };
                match series {
                    // Those that are only measured where they are named need no reason.
                    Err(why) if !why.is_empty() => note(format!("- {why}")),
                    Err(_) => {}
                    Ok(series) => series.failures.iter().cloned().for_each(&mut note),
                }
            }
        }
        for (note, mut labels) in notes {
            labels.dedup();
            println!("  {note} ({})", labels.join(", "));
        }
        println!();
    }
}

/// `tcp 64B x100`.
pub(crate) fn label(terms: &Terms) -> String {
    let size = size_name(terms.size);
    match terms.row.counts() {
        [_] => format!("{:<6} {size:>6}", terms.transport),
        _ => format!("{:<6} {size:>6} x{}", terms.transport, terms.count),
    }
}

fn rate(series: &Series) -> Option<f64> {
    series.median(Reading::per_second)
}

fn cpu(_: &Line, series: &Series) -> Option<String> {
    Some(format!("{:.2}", series.median(Reading::cpu_per_million)?))
}

/// Everything about a run, for programs.
pub(crate) struct Record {
    head: Value,
    readings: Vec<Value>,
}

impl Record {
    pub(crate) fn new(contenders: &[&dyn Contender], pace: &Pace) -> Record {
        let versions: BTreeMap<&str, String> = contenders
            .iter()
            .map(|who| (who.name(), who.version()))
            .collect();
        let head = json!({
            "date": figures::date(),
            "machine": machine(),
            "high_water_mark": pace.high_water_mark,
            "warm_up_s": pace.warm_up.as_secs_f64(),
            "window_s": pace.window.as_secs_f64(),
            "rounds": pace.rounds,
            "versions": versions,
        });
        Record {
            head,
            readings: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        who: &dyn Contender,
        terms: &Terms,
        round: usize,
        outcome: &Result<Reading, String>,
    ) {
        let mut reading = json!({
            "row": terms.row.name(),
            "transport": terms.transport.name(),
            "size": terms.size,
            "count": terms.count,
            "contender": who.name(),
            "round": round,
        });
        let figures = match outcome {
            Ok(found) => json!({
                "messages": found.messages,
                "seconds": found.seconds,
                "per_second": found.per_second().round(),
                "distance_ns": found.distance,
                "connector_cpu_s": found.connector_cpu,
                "binder_cpu_s": found.binder_cpu,
                "p50_ns": terms.row.makes_trips().then_some(found.p50),
                "p99_ns": terms.row.makes_trips().then_some(found.p99),
                "lost": terms.row.may_lose().then_some(found.lost),
            }),
            Err(why) => json!({ "failure": why }),
        };
        merge(&mut reading, figures);
        self.readings.push(reading);
    }

    /// Who does not take part where, and why.
    pub(crate) fn leave_out(&mut self, contenders: &[&dyn Contender], lines: &[Line]) {
        let mut missing = Vec::new();
        for line in lines {
            for (who, series) in contenders.iter().zip(&line.series) {
                match series {
                    Err(why) if !why.is_empty() => missing.push(json!({
                        "row": line.terms.row.name(),
                        "transport": line.terms.transport.name(),
                        "size": line.terms.size,
                        "count": line.terms.count,
                        "contender": who.name(),
                        "reason": why,
                    })),
                    Err(_) | Ok(_) => {}
                }
            }
        }
        merge(&mut self.head, json!({ "missing": missing }));
    }

    /// One reading per line, so that two runs can be compared line by line.
    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        save(&self.head, &self.readings, path)
    }
}

/// A document of this head and these readings.
pub(crate) fn save(head: &Value, readings: &[Value], path: &Path) -> Result<(), String> {
    let mut text = String::from("{\n");
    if let Value::Object(fields) = head {
        for (name, value) in fields {
            let _ = match value {
                Value::Array(items) => {
                    writeln!(text, "{}: [\n{}\n],", json!(name), lines(items))
                }
                other => writeln!(text, "{}: {other},", json!(name)),
            };
        }
    }
    let _ = writeln!(text, "\"readings\": [\n{}\n]\n}}", lines(readings));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The machine, field by field.
pub(crate) fn machine() -> Value {
    let machine = figures::facts();
    json!({
        "cpu": machine.cpu,
        "cores": machine.cores,
        "kernel": machine.kernel,
        "tcp": machine.tcp,
        "memory_mib": machine.memory_mib,
        "load": machine.load,
    })
}

fn lines(items: &[Value]) -> String {
    let lines: Vec<String> = items.iter().map(Value::to_string).collect();
    lines.join(",\n")
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from.into_iter().filter(|(_, value)| !value.is_null()));
    }
}
