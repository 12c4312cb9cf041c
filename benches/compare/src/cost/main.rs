//! What moderate rates cost, and what one socket's user does to another socket of its context,
//! beside other ZeroMQ libraries.
//!
//! * processor time of both sides at fixed rates of messages and of round trips;
//! * the time of a round trip that is made every millisecond while another thread or task of the
//!   same process receives from another socket and computes.
//!
//! See `benches/README.md`; started by `benches/compare/run`.

#[path = "../../../harness/mod.rs"]
mod harness;

mod case;
mod cell;
mod contenders;
mod control;
#[cfg(feature = "libzmq")]
#[path = "../libzmq.rs"]
mod libzmq;
#[cfg(feature = "omq")]
#[path = "../omq.rs"]
mod omq;
#[cfg(feature = "ours")]
#[path = "../../../harness/ours.rs"]
mod ours;
#[cfg(feature = "ours-async")]
#[allow(dead_code)] // one of its runtimes is used
#[path = "../ours_async.rs"]
mod ours_async;
mod pace;
mod play;
#[allow(dead_code)] // its records are used, its tables are another program's
#[path = "../report.rs"]
mod report;
#[cfg(any(
    feature = "ours-async",
    feature = "omq",
    feature = "rzmq",
    feature = "zeromq"
))]
#[allow(dead_code)] // some flavours are used
#[path = "../runtime.rs"]
mod runtime;
#[cfg(feature = "rzmq")]
#[allow(dead_code)] // one of its manners is used
#[path = "../rzmq.rs"]
mod rzmq;
mod tables;
#[cfg(feature = "zeromq")]
#[path = "../zeromq.rs"]
mod zeromq;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use case::{Case, Choice, Row, Terms};
use cell::Reading;
use contenders::Usual;
use harness::distance::Distances;
use harness::figures::{rate_name, Series};
use harness::{plan, Transport};
use play::Player;
use tables::{Column, Line, Record};

const USAGE: &str = "\
usage: cost [OPTION]...
  --quick               everything, once and shortly
  --rows A,B,..         of one-way, round-trip, isolation (default all)
  --contenders A,B,..   what takes part, in the rows that are asked for (--list names all)
  --transports A,B,..   of tcp, ipc, inproc (default all; isolation has tcp and ipc)
  --rates A,B,..        messages or round trips per second (default 100, 1000, 10000, 100000
                        over tcp, 1000 and 100000 over ipc and inproc)
  --works A,B,..        microseconds that the worker of isolation computes per message (default
                        50, 200, 1000, 5000 over tcp, 1000 over ipc)
  --seconds S           length of one measurement (default 1)
  --rounds N            measurements of each cell (default 3)
  --hwm N               high-water mark of both sides (default 1000, 0 for none)
  --results FOLDER      where cost.json goes (default: nowhere)
  --list                the contenders and their versions, and nothing else";

/// A cell that failed so often, and never gave a figure, is not measured again.
const FAILURES: usize = 2;

fn main() -> ExitCode {
    let all = contenders::all();
    let players: Vec<&'static dyn Player> = all.iter().map(|(player, _)| *player).collect();
    cell::play_if_peer(&players);
    let request = match Request::parse(&all, std::env::args().skip(1)) {
        Ok(request) => request,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if request.list {
        for (player, usual) in &all {
            let mark = match usual {
                Usual::All => "",
                Usual::Cost => "  (in one-way and round-trip, or when named)",
                Usual::Isolation => "  (in isolation, or when named)",
                Usual::Control => "  (the pace alone, in one-way and round-trip)",
            };
            println!("{} {}{mark}", player.name(), player.version());
        }
        return ExitCode::SUCCESS;
    }
    match request.measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// What all cells of a run have in common.
pub(crate) struct Pace {
    pub(crate) high_water_mark: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) rounds: usize,
}

/// What the command line asks for.
struct Request {
    columns: Vec<Column>,
    /// Whether contenders were named, which then take part in every row.
    named: bool,
    choice: Choice,
    pace: Pace,
    results: Option<PathBuf>,
    list: bool,
}

impl Request {
    fn parse(
        all: &[Column],
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Request, String> {
        let mut request = Request {
            columns: all.to_vec(),
            named: false,
            choice: Choice::default(),
            pace: Pace {
                high_water_mark: plan::HIGH_WATER_MARK,
                warm_up: Duration::from_millis(200),
                window: Duration::from_secs(1),
                rounds: 3,
            },
            results: None,
            list: false,
        };
        while let Some(option) = arguments.next() {
            match option.as_str() {
                "--help" => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                "--list" => request.list = true,
                "--quick" => {
                    request.pace.warm_up = Duration::from_millis(100);
                    request.pace.window = Duration::from_millis(300);
                    request.pace.rounds = 1;
                }
                _ => {
                    let Some(value) = arguments.next() else {
                        return Err(format!("no option {option}, or it wants a value"));
                    };
                    if request.set(all, &option, &value).is_none() {
                        return Err(format!("{option} cannot be '{value}'"));
                    }
                }
            }
        }
        Ok(request)
    }

    /// Takes an option with its value; `None` if there is no such option or value.
    fn set(&mut self, all: &[Column], option: &str, value: &str) -> Option<()> {
        let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
        match option {
            "--contenders" => {
                let known = |name: &str| all.iter().find(|(one, _)| one.name() == name).copied();
                self.columns = each(value, known)?;
                self.named = true;
            }
            "--rows" => {
                let known = |name: &str| Row::ALL.into_iter().find(|row| row.name() == name);
                self.choice.rows = Some(each(value, known)?);
            }
            "--transports" => {
                let known = |name: &str| Transport::ALL.into_iter().find(|t| t.name() == name);
                self.choice.transports = Some(each(value, known)?);
            }
            "--rates" => self.choice.rates = Some(each(value, number)?),
            "--works" => self.choice.works = Some(each(value, number)?),
            "--seconds" => {
                let seconds: f64 = value.parse().ok()?;
                self.pace.window = Duration::try_from_secs_f64(seconds).ok()?;
            }
            "--rounds" => self.pace.rounds = value.parse::<usize>().ok()?.max(1),
            "--hwm" => self.pace.high_water_mark = value.parse().ok()?,
            "--results" => self.results = Some(PathBuf::from(value)),
            _ => return None,
        }
        Some(())
    }

    fn lines(&self) -> Vec<Line> {
        let line = |(case, transport): (Case, Transport)| {
            let terms = Terms {
                case,
                transport,
                high_water_mark: self.pace.high_water_mark,
                warm_up: self.pace.warm_up,
                window: self.pace.window,
            };
            let columns = self.columns.iter();
            let series = columns.map(|column| match self.why_not(column, &terms) {
                None => Ok(Series::default()),
                Some(why) => Err(why),
            });
            Line {
                terms,
                series: series.collect(),
            }
        };
        self.choice.cases().into_iter().map(line).collect()
    }

    /// Why a contender takes no part on these terms; empty where that needs no reason.
    fn why_not(&self, (player, usual): &Column, terms: &Terms) -> Option<&'static str> {
        let row = terms.case.row();
        if *usual == Usual::Control {
            // The pace is the same over all transports.
            let paced = row != Row::Isolation && terms.transport == Transport::Tcp;
            return (!paced).then_some("");
        }
        if !self.named && !usual.takes(row) {
            return Some("");
        }
        player.cannot(&terms.like())
    }

    fn measure(&self) -> Result<(), String> {
        let mut lines = self.lines();
        let mut record = Record::new(&self.columns, &lines, &self.pace);
        let path = self.results.as_ref().map(|folder| folder.join("cost.json"));
        tables::heading(&self.columns, &self.pace);
        // A single round is for a quick look, and has no median to spoil.
        let mut distances = (self.pace.rounds > 1).then(Distances::new);
        for round in 0..self.pace.rounds {
            for line in &mut lines {
                self.measure_line(line, round, &mut distances, &mut record);
            }
            if let Some(path) = &path {
                // What there is by now survives whatever comes.
                record.save(path)?;
            }
        }
        eprint!("\r\x1b[K");
        tables::print(&self.columns, &lines);
        Ok(())
    }

    /// Measures each contender once, the first one moving on by one each round.
    fn measure_line(
        &self,
        line: &mut Line,
        round: usize,
        distances: &mut Option<Distances>,
        record: &mut Record,
    ) {
        let count = self.columns.len();
        for at in (0..count).map(|turn| (turn + round) % count) {
            let (player, usual) = self.columns[at];
            let Ok(series) = &mut line.series[at] else {
                continue;
            };
            if series.readings.is_empty() && series.failures.len() >= FAILURES {
                continue;
            }
            eprint!(
                "\r\x1b[Kround {} of {}: {} {} {}",
                round + 1,
                self.pace.rounds,
                line.terms.case.row().name(),
                tables::label(&line.terms),
                player.name(),
            );
            let measure = || cell::measure(player, usual == Usual::Control, &line.terms);
            let (mut outcome, distance) = match distances {
                Some(distances) => distances.measure(measure),
                None => (measure(), None),
            };
            match &mut outcome {
                Ok(reading) => {
                    reading.distance = distance;
                    eprint!(" {}/s", rate_name(Reading::per_second(reading)));
                }
                Err(why) => eprintln!(": {why}"),
            }
            record.add(player, &line.terms, round, &outcome);
            series.add(outcome);
        }
    }
}

fn each<T>(list: &str, known: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    list.split(',').map(|word| known(word.trim())).collect()
}
