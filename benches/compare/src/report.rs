//! Printing and recording: tables for people, tab-separated files for programs.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::cell::{Reading, Terms};
use crate::harness::figures::{self, rate_name, size_name, Series};
use crate::harness::plan::{Line, Pace};
use crate::harness::{Contender, Row};

/// The one everybody is compared with.
const REFERENCE: &str = "libzmq";

const COLUMN: usize = 15;

/// The machine, the terms, the versions.
pub(crate) fn heading(contenders: &[&dyn Contender], pace: &Pace) {
    println!("{}", figures::machine());
    println!(
        "high-water marks {}, kernel buffers at their defaults, {} rounds of {} ms each",
        pace.high_water_mark,
        pace.rounds,
        pace.window.as_millis()
    );
    let versions: Vec<String> = contenders
        .iter()
        .map(|who| format!("{} {}", who.name(), who.version()))
        .collect();
    println!("{}\n", versions.join(", "));
}

/// All tables: rows are transport and size, columns are contenders.
pub(crate) fn tables(contenders: &[&dyn Contender], lines: &[Line]) {
    let pushes: Vec<&Line> = of(lines, Row::PushPull);
    let trips: Vec<&Line> = of(lines, Row::ReqRep);
    let reference = contenders.iter().position(|who| who.name() == REFERENCE);
    if !pushes.is_empty() {
        table(
            "PUSH to PULL, messages/s delivered (median)",
            contenders,
            &pushes,
            |_, series| Some(rate_name(rate(series)?)),
        );
        table(
            "PUSH to PULL, (least-most)/s",
            contenders,
            &pushes,
            |_, series| {
                let (least, most) = series.spread(Reading::per_second)?;
                Some(format!("{}-{}", rate_name(least), rate_name(most)))
            },
        );
        if let Some(reference) = reference {
            table(
                "PUSH to PULL, ratio to libzmq",
                contenders,
                &pushes,
                |line, series| {
                    let theirs = rate(line.series[reference].as_ref()?)?;
                    Some(format!("{:.2}", rate(series)? / theirs))
                },
            );
        }
        table(
            "PUSH to PULL, CPU s per million messages, both sides",
            contenders,
            &pushes,
            cpu,
        );
    }
    if !trips.is_empty() {
        table(
            "REQ to REP and back, p50/p99 us",
            contenders,
            &trips,
            |_, series| {
                let p50 = series.median(|reading| reading.p50 as f64 / 1e3)?;
                let p99 = series.median(|reading| reading.p99 as f64 / 1e3)?;
                Some(format!("{p50:.1}/{p99:.1}"))
            },
        );
        table(
            "REQ to REP and back, CPU s per million trips, both sides",
            contenders,
            &trips,
            cpu,
        );
    }
}

fn of(lines: &[Line], row: Row) -> Vec<&Line> {
    lines.iter().filter(|line| line.terms.row == row).collect()
}

fn rate(series: &Series) -> Option<f64> {
    series.median(Reading::per_second)
}

fn cpu(_: &Line, series: &Series) -> Option<String> {
    Some(format!("{:.2}", series.median(Reading::cpu_per_million)?))
}

fn table(
    title: &str,
    contenders: &[&dyn Contender],
    lines: &[&Line],
    entry: impl Fn(&Line, &Series) -> Option<String>,
) {
    println!("{title}");
    let mut head = format!("{:<14}", "");
    for who in contenders {
        let _ = write!(head, "{:>COLUMN$}", who.name());
    }
    println!("{head}");
    for line in lines {
        let mut text = format!(
            "{:<6} {:>6} ",
            line.terms.transport,
            size_name(line.terms.size)
        );
        for series in &line.series {
            let word = match series {
                None => "-".to_owned(),
                Some(series) => entry(line, series).unwrap_or_else(|| "failed".to_owned()),
            };
            // A star: not every round gave a figure.
            let star = match series {
                Some(series) if !series.failures.is_empty() => "*",
                Some(_) | None => "",
            };
            let _ = write!(text, "{:>COLUMN$}", format!("{word}{star}"));
        }
        println!("{text}");
    }
    println!();
}

/// The machine-readable record of a run: every reading as it comes, the medians at the end.
pub(crate) struct Record {
    folder: Option<PathBuf>,
    run: u64,
    readings: Option<File>,
}

impl Record {
    pub(crate) fn open(folder: Option<&Path>) -> Result<Record, String> {
        let run = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let mut record = Record {
            folder: folder.map(Path::to_path_buf),
            run,
            readings: None,
        };
        if folder.is_some() {
            let mut file = record.create("readings")?;
            let heading =
                "row\ttransport\tsize\thwm\tcontender\tversion\tround\tmessages\tseconds\t\
                 per_second\tconnector_cpu_s\tbinder_cpu_s\tp50_ns\tp99_ns\tfailure";
            writeln!(file, "{heading}").map_err(|e| e.to_string())?;
            record.readings = Some(file);
        }
        Ok(record)
    }

    fn create(&self, what: &str) -> Result<File, String> {
        let folder = self.folder.as_ref().ok_or("no folder")?;
        fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let path = folder.join(format!("{}-{what}.tsv", self.run));
        File::create(&path).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(crate) fn add(
        &mut self,
        who: &dyn Contender,
        terms: &Terms,
        round: usize,
        outcome: &Result<Reading, String>,
    ) {
        let Some(file) = &mut self.readings else {
            return;
        };
        let figures = match outcome {
            Ok(reading) => format!(
                "{}\t{:.6}\t{:.1}\t{:.2}\t{:.2}\t{}\t{}\t",
                reading.messages,
                reading.seconds,
                reading.per_second(),
                reading.connector_cpu,
                reading.binder_cpu,
                reading.p50,
                reading.p99
            ),
            Err(why) => format!("\t\t\t\t\t\t\t{why}"),
        };
        let _ = writeln!(file, "{}\t{round}\t{figures}", key(who, terms));
    }

    pub(crate) fn close(self, contenders: &[&dyn Contender], lines: &[Line]) -> Result<(), String> {
        if self.folder.is_none() {
            return Ok(());
        }
        let mut text = String::from(
            "row\ttransport\tsize\thwm\tcontender\tversion\trounds\tper_second\tleast\tmost\t\
             cpu_s_per_million\tp50_ns\tp99_ns\n",
        );
        for line in lines {
            for (who, series) in contenders.iter().zip(&line.series) {
                let Some(series) = series else { continue };
                let (Some(rate), Some((least, most)), Some(cpu), Some(p50), Some(p99)) = (
                    rate(series),
                    series.spread(Reading::per_second),
                    series.median(Reading::cpu_per_million),
                    series.median(|reading| reading.p50 as f64),
                    series.median(|reading| reading.p99 as f64),
                ) else {
                    continue;
                };
                let _ = writeln!(
                    text,
                    "{}\t{}\t{rate:.1}\t{least:.1}\t{most:.1}\t{cpu:.4}\t{p50:.0}\t{p99:.0}",
                    key(*who, &line.terms),
                    series.readings.len(),
                );
            }
        }
        let mut file = self.create("medians")?;
        file.write_all(text.as_bytes()).map_err(|e| e.to_string())
    }
}

fn key(who: &dyn Contender, terms: &Terms) -> String {
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}",
        terms.row,
        terms.transport,
        terms.size,
        terms.high_water_mark,
        who.name(),
        who.version()
    )
}
