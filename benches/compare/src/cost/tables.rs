//! Printing and recording what was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{json, Value};

use super::case::{Case, Row, Terms, SIZE};
use super::cell::Reading;
use super::contenders::Usual;
use super::play::Player;
use super::Pace;
use crate::harness::figures::{self, rate_name, Series};
use crate::report;

const COLUMN: usize = 16;

/// A contender, and where it takes part by default.
pub(crate) type Column = (&'static dyn Player, Usual);

/// One line of a table: the same terms for every contender.
pub(crate) struct Line {
    pub(crate) terms: Terms,
    /// One for each contender, in their order; where it does not take part, the reason, which may
    /// be empty.
    pub(crate) series: Vec<Result<Series<Reading>, &'static str>>,
}

/// The machine, the terms, the versions.
pub(crate) fn heading(columns: &[Column], pace: &Pace) {
    println!("{} {}", figures::date(), figures::machine());
    println!(
        "{SIZE} bytes per message, high-water marks {}, {} rounds of {} ms each, the first {} ms \
         not counted",
        pace.high_water_mark,
        pace.rounds,
        pace.window.as_millis(),
        pace.warm_up.as_millis()
    );
    let versions: Vec<String> = columns
        .iter()
        .map(|(player, _)| format!("{} {}", player.name(), player.version()))
        .collect();
    println!("{}\n", versions.join(", "));
}

/// All tables.
pub(crate) fn print(columns: &[Column], lines: &[Line]) {
    for row in Row::ALL {
        let lines: Vec<&Line> = lines
            .iter()
            .filter(|line| line.terms.case.row() == row)
            .collect();
        if lines.is_empty() {
            continue;
        }
        let shown = (0..columns.len())
            .filter(|at| lines.iter().any(|line| line.series[*at].is_ok()))
            .collect();
        let sheet = Sheet {
            columns,
            shown,
            lines,
        };
        match row {
            Row::OneWay | Row::RoundTrip => sheet.cost(row),
            Row::Isolation => sheet.isolation(row.title()),
        }
        sheet.notes();
    }
}

struct Sheet<'a> {
    columns: &'a [Column],
    /// Those with a figure, or that should have one.
    shown: Vec<usize>,
    lines: Vec<&'a Line>,
}

impl Sheet<'_> {
    fn cost(&self, row: Row) {
        let title = row.title();
        self.table(&format!("{title}: processor time, % of one core"), |s| {
            Some(format!("{:.2}", s.median(Reading::percent)?))
        });
        self.table(&format!("{title}: the same, (least-most)"), |s| {
            let (least, most) = s.spread(Reading::percent)?;
            Some(format!("{least:.2}-{most:.2}"))
        });
        self.table(&format!("{title}: processor time, us per message"), |s| {
            Some(format!("{:.2}", s.median(Reading::micros_per_message)?))
        });
        self.table(&format!("{title}: reached/s"), reached);
        if row == Row::RoundTrip {
            self.table(&format!("{title}: p50/p99 us"), |s| {
                let p50 = s.median(|r| micros(r.p50))?;
                let p99 = s.median(|r| micros(r.p99))?;
                Some(format!("{p50:.1}/{p99:.1}"))
            });
        }
    }

    fn isolation(&self, title: &str) {
        let quantile = |name: &str, of: fn(&Reading) -> u64| {
            self.table(&format!("{title}: {name} us (median)"), |s| {
                Some(format!("{:.1}", s.median(|r| micros(of(r)))?))
            });
        };
        quantile("p50", |reading| reading.p50);
        quantile("p99", |reading| reading.p99);
        self.table(&format!("{title}: p99 us (least-most)"), |s| {
            let (least, most) = s.spread(|r| micros(r.p99))?;
            Some(format!("{least:.0}-{most:.0}"))
        });
        self.table(&format!("{title}: max us (of all rounds)"), |s| {
            let (_, most) = s.spread(|r| micros(r.max))?;
            Some(format!("{most:.1}"))
        });
        self.table(&format!("{title}: pings/s"), reached);
        self.table(&format!("{title}: messages worked on/s"), |s| {
            Some(rate_name(s.median(Reading::worked_per_second)?))
        });
    }

    fn table(&self, title: &str, entry: impl Fn(&Series<Reading>) -> Option<String>) {
        println!("{title}");
        let mut head = format!("{:<26}", "");
        for at in &self.shown {
            let _ = write!(head, "{:>COLUMN$}", self.columns[*at].0.name());
        }
        println!("{head}");
        for line in &self.lines {
            let mut text = format!("{:<26}", label(&line.terms));
            for at in &self.shown {
                let (word, star) = match &line.series[*at] {
                    Err(_) => ("-".to_owned(), ""),
                    Ok(series) => (
                        entry(series).unwrap_or_else(|| "failed".to_owned()),
                        // Not every round gave a figure.
                        if series.failures.is_empty() { "" } else { "*" },
                    ),
                };
                let _ = write!(text, "{:>COLUMN$}", format!("{word}{star}"));
            }
            println!("{text}");
        }
        println!();
    }

    /// Why a figure is missing, and what went wrong.
    fn notes(&self) {
        let mut notes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in &self.lines {
            for ((player, _), series) in self.columns.iter().zip(&line.series) {
                let mut note = |why: &str| {
                    let labels = notes.entry(format!("{}: {why}", player.name()));
                    labels.or_default().push(label(&line.terms));
                };
                match series {
                    Err(why) if !why.is_empty() => note(&format!("- {why}")),
                    Err(_) => {}
                    Ok(series) => series.failures.iter().for_each(|why| note(why)),
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

/// `tcp    1000/s`.
pub(crate) fn label(terms: &Terms) -> String {
    format!("{:<6} {}", terms.transport, terms.case.label())
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

fn reached(series: &Series<Reading>) -> Option<String> {
    Some(rate_name(series.median(Reading::per_second)?))
}

/// Everything about a run, for programs.
pub(crate) struct Record {
    head: Value,
    readings: Vec<Value>,
}

impl Record {
    pub(crate) fn new(columns: &[Column], lines: &[Line], pace: &Pace) -> Record {
        let versions: BTreeMap<&str, String> = columns
            .iter()
            .map(|(player, _)| (player.name(), player.version()))
            .collect();
        let mut missing = Vec::new();
        for line in lines {
            for ((player, _), series) in columns.iter().zip(&line.series) {
                if let Err(why) = series {
                    if !why.is_empty() {
                        let mut entry = place(*player, &line.terms);
                        entry["reason"] = json!(why);
                        missing.push(entry);
                    }
                }
            }
        }
        let head = json!({
            "date": figures::date(),
            "machine": report::machine(),
            "high_water_mark": pace.high_water_mark,
            "warm_up_s": pace.warm_up.as_secs_f64(),
            "window_s": pace.window.as_secs_f64(),
            "rounds": pace.rounds,
            "versions": versions,
            "missing": missing,
        });
        Record {
            head,
            readings: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        player: &dyn Player,
        terms: &Terms,
        round: usize,
        outcome: &Result<Reading, String>,
    ) {
        let mut entry = place(player, terms);
        entry["round"] = json!(round);
        match outcome {
            Err(why) => entry["failure"] = json!(why),
            Ok(found) => {
                entry["messages"] = json!(found.messages);
                entry["seconds"] = json!(found.seconds);
                entry["per_second"] = json!(found.per_second());
                if let Some(distance) = found.distance {
                    entry["distance_ns"] = json!(distance);
                }
                entry["cpu_s"] = json!(found.cpu);
                entry["cpu_counted_s"] = json!(found.cpu_seconds);
                if terms.case.row() != Row::OneWay {
                    entry["p50_ns"] = json!(found.p50);
                    entry["p99_ns"] = json!(found.p99);
                }
                if terms.case.row() == Row::Isolation {
                    entry["max_ns"] = json!(found.max);
                    entry["worked"] = json!(found.worked);
                }
            }
        }
        self.readings.push(entry);
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        report::save(&self.head, &self.readings, path)
    }
}

/// Which cell an entry of the record is about.
fn place(player: &dyn Player, terms: &Terms) -> Value {
    let rate = match terms.case {
        Case::OneWay(rate) | Case::RoundTrip(rate) => json!({ "rate": rate }),
        Case::Isolation(_) => json!({ "beside": terms.case.label() }),
    };
    let mut entry = json!({
        "row": terms.case.row().name(),
        "transport": terms.transport.name(),
        "size": SIZE,
    });
    if let (Value::Object(entry), Value::Object(rate)) = (&mut entry, rate) {
        entry.extend(rate);
    }
    entry["contender"] = json!(player.name());
    entry
}
