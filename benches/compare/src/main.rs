//! `zmq-channels` beside other ZeroMQ libraries, the same cells in one run.
//!
//! See `benches/README.md`; started by `benches/compare/run`.

#[path = "../../harness/mod.rs"]
mod harness;

#[cfg(feature = "libzmq")]
mod libzmq;
#[cfg(feature = "omq")]
mod omq;
#[cfg(feature = "ours")]
#[path = "../../harness/ours.rs"]
mod ours;
#[cfg(feature = "ours-async")]
mod ours_async;
mod plot;
mod report;
#[cfg(any(
    feature = "ours-async",
    feature = "omq",
    feature = "rzmq",
    feature = "zeromq"
))]
mod runtime;
#[cfg(feature = "rzmq")]
mod rzmq;
#[cfg(feature = "zeromq")]
mod zeromq;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use harness::cell::{self, Terms};
use harness::figures::rate_name;
use harness::plan::{self, Line, Pace};
use harness::{Contender, Row, Transport};

#[cfg(any(
    feature = "ours-async",
    feature = "omq",
    feature = "rzmq",
    feature = "zeromq"
))]
use runtime::Flavour;
#[cfg(feature = "ours")]
use zmq_channels::ContextOptions;

/// In which rows a contender takes part when none is named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usual {
    /// In all of them but `api`, which is for the ways of this library.
    Rows,
    /// In `api` only.
    Api,
    /// In `api`, and where round trips are timed: what an async caller waits for is not what a
    /// blocking one waits for.
    Trips,
    /// In all of them.
    Both,
    /// In none: those that were slower, or no different.
    Named,
}

impl Usual {
    fn takes(self, row: Row) -> bool {
        match self {
            Usual::Rows => row != Row::Api,
            Usual::Api => row == Row::Api,
            Usual::Trips => matches!(row, Row::Api | Row::ReqRep | Row::DealerRouter),
            Usual::Both => true,
            Usual::Named => false,
        }
    }
}

/// Everything that can be measured.
const CONTENDERS: &[(&dyn Contender, Usual)] = &[
    #[cfg(feature = "ours")]
    (
        &ours::Ours {
            name: "ours",
            batches: false,
            settings: ContextOptions::new,
        },
        Usual::Both,
    ),
    #[cfg(feature = "ours")]
    (
        &ours::Ours {
            name: "ours-batch",
            batches: true,
            settings: ContextOptions::new,
        },
        Usual::Api,
    ),
    #[cfg(feature = "ours-async")]
    (
        &ours_async::OursAsync {
            name: "ours-tokio",
            runtime: ours_async::Runtime::Tokio(Flavour::Fitting),
            settings: ContextOptions::new,
        },
        Usual::Trips,
    ),
    #[cfg(feature = "ours-async")]
    (
        &ours_async::OursAsync {
            name: "ours-smol",
            runtime: ours_async::Runtime::Smol,
            settings: ContextOptions::new,
        },
        Usual::Api,
    ),
    #[cfg(feature = "ours-async")]
    (
        &ours_async::OursAsync {
            name: "ours-async-std",
            runtime: ours_async::Runtime::AsyncStd,
            settings: ContextOptions::new,
        },
        Usual::Api,
    ),
    #[cfg(feature = "libzmq")]
    (&libzmq::Libzmq, Usual::Rows),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-tokio",
            flavour: Flavour::Fitting,
        },
        Usual::Rows,
    ),
    #[cfg(feature = "omq")]
    (&omq::OmqBlocking, Usual::Rows),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-main",
            flavour: Flavour::Main,
        },
        Usual::Named,
    ),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-task",
            flavour: Flavour::Task,
        },
        Usual::Named,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq",
            flavour: Flavour::Fitting,
            manner: rzmq::Manner::Plain,
        },
        Usual::Rows,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-uring",
            flavour: Flavour::Task,
            manner: rzmq::Manner::Uring,
        },
        Usual::Rows,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-main",
            flavour: Flavour::Main,
            manner: rzmq::Manner::Plain,
        },
        Usual::Named,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-task",
            flavour: Flavour::Task,
            manner: rzmq::Manner::Plain,
        },
        Usual::Named,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-tuned",
            flavour: Flavour::Fitting,
            manner: rzmq::Manner::Tuned,
        },
        Usual::Named,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq",
            flavour: Flavour::Fitting,
        },
        Usual::Rows,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq-main",
            flavour: Flavour::Main,
        },
        Usual::Named,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq-task",
            flavour: Flavour::Task,
        },
        Usual::Named,
    ),
    (&harness::raw::Raw, Usual::Rows),
];

const ALL: &[&dyn Contender] = &{
    let mut all: [&dyn Contender; CONTENDERS.len()] = [&harness::raw::Raw; CONTENDERS.len()];
    let mut at = 0;
    while at < CONTENDERS.len() {
        all[at] = CONTENDERS[at].0;
        at += 1;
    }
    all
};

const USAGE: &str = "\
usage: benches/compare/run [OPTION]...
  --quick               everything, once and shortly: a few minutes
  --rows A,B,..         of push-pull, req-rep, dealer-router, fan-in, fan-out, subscriptions,
                        sockets, clones, multipart, api (default all)
  --contenders A,B,..   who takes part (--list names them)
  --transports A,B,..   of tcp, ipc, inproc (default: what the row has)
  --sizes A,B,..        bytes: 64, 8K, 1M.. (default: 16 to 1M for push-pull, else 64)
  --counts A,B,..       sockets, threads, parts.. (default: what the row has)
  --seconds S           length of one measurement (default 0.5)
  --rounds N            measurements of each cell (default 5)
  --hwm N               high-water mark of both sides (default 1000, 0 for none)
  --results FOLDER      where compare.json goes (default: nowhere)
  --plots FOLDER        where charts of the results go (default: nowhere)
  --redraw FILE         measures nothing: draws the charts of an earlier run
  --list                the contenders and their versions, and nothing else";

fn main() -> ExitCode {
    cell::play_if_peer(ALL);
    let request = match Request::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(why) => {
            eprintln!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if request.list {
        for (who, usual) in CONTENDERS {
            let mark = match usual {
                Usual::Rows | Usual::Both => "",
                Usual::Api => "  (in row api, or when named)",
                Usual::Trips => "  (in api, req-rep and dealer-router, or when named)",
                Usual::Named => "  (only when named)",
            };
            println!("{} {}{mark}", who.name(), who.version());
        }
        return ExitCode::SUCCESS;
    }
    let done = match &request.redraw {
        Some(record) => plots(&request, record),
        None => measure(&request),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for; `None` for what is usual.
struct Request {
    contenders: Option<Vec<&'static dyn Contender>>,
    rows: Vec<Row>,
    transports: Option<Vec<Transport>>,
    sizes: Option<Vec<usize>>,
    counts: Option<Vec<usize>>,
    pace: Pace,
    results: Option<PathBuf>,
    plots: Option<PathBuf>,
    redraw: Option<PathBuf>,
    list: bool,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
        let mut request = Request {
            contenders: None,
            rows: Row::ALL.to_vec(),
            transports: None,
            sizes: None,
            counts: None,
            pace: Pace {
                high_water_mark: plan::HIGH_WATER_MARK,
                warm_up: Duration::from_millis(200),
                window: Duration::from_millis(500),
                rounds: 5,
                patience: plan::PATIENCE,
            },
            results: None,
            plots: None,
            redraw: None,
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
                    request.pace.window = Duration::from_millis(200);
                    request.pace.rounds = 1;
                }
                _ => {
                    let Some(value) = arguments.next() else {
                        return Err(format!("no option {option}, or it wants a value"));
                    };
                    if request.set(&option, &value).is_none() {
                        return Err(format!("{option} cannot be '{value}'"));
                    }
                }
            }
        }
        Ok(request)
    }

    /// Takes an option with its value; `None` if there is no such option or value.
    fn set(&mut self, option: &str, value: &str) -> Option<()> {
        match option {
            "--contenders" => {
                let known = |name: &str| ALL.iter().copied().find(|who| who.name() == name);
                self.contenders = Some(each(value, known)?);
            }
            "--transports" => {
                let known = |name: &str| Transport::ALL.into_iter().find(|t| t.name() == name);
                self.transports = Some(each(value, known)?);
            }
            "--rows" => {
                let known = |name: &str| Row::ALL.into_iter().find(|row| row.name() == name);
                self.rows = each(value, known)?;
            }
            "--sizes" => self.sizes = Some(each(value, size)?),
            "--counts" => {
                let count = |text: &str| text.parse().ok().filter(|count| *count > 0);
                self.counts = Some(each(value, count)?);
            }
            "--seconds" => {
                let seconds: f64 = value.parse().ok()?;
                self.pace.window = Duration::try_from_secs_f64(seconds).ok()?;
            }
            "--rounds" => self.pace.rounds = value.parse::<usize>().ok()?.max(1),
            "--hwm" => self.pace.high_water_mark = value.parse().ok()?,
            "--results" => self.results = Some(PathBuf::from(value)),
            "--plots" => self.plots = Some(PathBuf::from(value)),
            "--redraw" => self.redraw = Some(PathBuf::from(value)),
            _ => return None,
        }
        Some(())
    }

    fn contenders(&self) -> Vec<&'static dyn Contender> {
        let usual = |usual: Usual| self.rows.iter().any(|row| usual.takes(*row));
        let takes_part = CONTENDERS.iter().filter(|(_, by)| usual(*by));
        self.contenders
            .clone()
            .unwrap_or_else(|| takes_part.map(|(who, _)| *who).collect())
    }

    fn lines(&self, contenders: &[&dyn Contender]) -> Vec<Line> {
        let mut lines = Vec::new();
        for row in &self.rows {
            let transports = self.transports.as_deref().unwrap_or(row.transports());
            let sizes = self.sizes.as_deref().unwrap_or(row.sizes());
            let counts = match (row.counts(), &self.counts) {
                // There is nothing to count in it.
                (counts @ [_], _) | (counts, None) => counts,
                (_, Some(counts)) => counts,
            };
            for transport in transports {
                for size in sizes {
                    for count in counts {
                        let terms = self.pace.terms(*row, *transport, *size, *count);
                        lines.push(self.line(terms, contenders));
                    }
                }
            }
        }
        lines
    }

    fn line(&self, terms: Terms, contenders: &[&dyn Contender]) -> Line {
        let mut line = Line::new(terms, contenders);
        if self.contenders.is_none() {
            for (who, series) in contenders.iter().zip(&mut line.series) {
                let usual = CONTENDERS.iter().find(|(one, _)| one.name() == who.name());
                if !usual.is_some_and(|(_, usual)| usual.takes(terms.row)) {
                    *series = Err("");
                }
            }
        }
        line
    }
}

fn each<T>(list: &str, known: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    list.split(',').map(|word| known(word.trim())).collect()
}

fn size(text: &str) -> Option<usize> {
    plan::parse_size(text).filter(|size| *size >= harness::meter::SMALLEST)
}

fn measure(request: &Request) -> Result<(), String> {
    let contenders = request.contenders();
    let mut lines = request.lines(&contenders);
    let path = request.results.as_ref().map(|to| to.join("compare.json"));
    let mut record = report::Record::new(&contenders, &request.pace);
    record.leave_out(&contenders, &lines);
    report::heading(&contenders, &request.pace);
    let rounds = request.pace.rounds;
    let mut latest = 0;
    let mut saved = Ok(());
    let save = |record: &report::Record| match &path {
        Some(path) => record.save(path),
        None => Ok(()),
    };
    plan::run(
        &contenders,
        &mut lines,
        rounds,
        |who, terms, round, outcome| {
            eprint!(
                "\r\x1b[Kround {} of {rounds}: {} {} {}",
                round + 1,
                terms.row,
                report::label(terms),
                who.name(),
            );
            match outcome {
                Ok(reading) => eprint!(" {}/s", rate_name(reading.per_second())),
                Err(why) => eprintln!(": {why}"),
            }
            if round != latest {
                // What there is by now survives whatever comes.
                saved = save(&record);
                latest = round;
            }
            record.add(who, terms, round, outcome);
            true
        },
    );
    eprint!("\r\x1b[K");
    report::tables(&contenders, &lines);
    saved.and_then(|()| save(&record))?;
    match &path {
        Some(path) => plots(request, path),
        None => Ok(()),
    }
}

fn plots(request: &Request, record: &std::path::Path) -> Result<(), String> {
    match &request.plots {
        Some(folder) => plot::draw(record, folder),
        None => Ok(()),
    }
}
