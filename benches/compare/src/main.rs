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
mod report;
#[cfg(any(feature = "omq", feature = "rzmq", feature = "zeromq"))]
mod runtime;
#[cfg(feature = "rzmq")]
mod rzmq;
#[cfg(feature = "zeromq")]
mod zeromq;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use harness::cell;
use harness::figures::{rate_name, size_name};
use harness::plan::{self, Pace};
use harness::{Contender, Row, Transport};

#[cfg(any(feature = "omq", feature = "rzmq", feature = "zeromq"))]
use runtime::Flavour;

/// Everything that can be measured. The ones marked `true` are measured unless others are named.
const CONTENDERS: &[(&dyn Contender, bool)] = &[
    #[cfg(feature = "ours")]
    (&ours::Ours, true),
    #[cfg(feature = "libzmq")]
    (&libzmq::Libzmq, true),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-tokio",
            flavour: Flavour::Fitting,
        },
        true,
    ),
    #[cfg(feature = "omq")]
    (&omq::OmqBlocking, true),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-main",
            flavour: Flavour::Main,
        },
        false,
    ),
    #[cfg(feature = "omq")]
    (
        &omq::OmqAsync {
            name: "omq-task",
            flavour: Flavour::Task,
        },
        false,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq",
            flavour: Flavour::Fitting,
            manner: rzmq::Manner::Plain,
        },
        true,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-uring",
            flavour: Flavour::Task,
            manner: rzmq::Manner::Uring,
        },
        true,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-main",
            flavour: Flavour::Main,
            manner: rzmq::Manner::Plain,
        },
        false,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-task",
            flavour: Flavour::Task,
            manner: rzmq::Manner::Plain,
        },
        false,
    ),
    #[cfg(feature = "rzmq")]
    (
        &rzmq::Rzmq {
            name: "rzmq-tuned",
            flavour: Flavour::Fitting,
            manner: rzmq::Manner::Tuned,
        },
        false,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq",
            flavour: Flavour::Fitting,
        },
        true,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq-main",
            flavour: Flavour::Main,
        },
        false,
    ),
    #[cfg(feature = "zeromq")]
    (
        &zeromq::Zeromq {
            name: "zeromq-task",
            flavour: Flavour::Task,
        },
        false,
    ),
    (&harness::raw::Raw, true),
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
  --contenders A,B,..   who takes part (--list names them)
  --transports A,B,..   of tcp, ipc, inproc (default all)
  --rows A,B,..         of push-pull, req-rep (default both)
  --sizes A,B,..        for push-pull: 64, 8K, 1M.. (default 16,64,256,1K,8K,64K,1M)
  --trip-sizes A,B,..   for req-rep (default 64)
  --seconds S           length of one measurement (default 1)
  --rounds N            measurements of each cell (default 5)
  --hwm N               high-water mark of both sides (default 1000, 0 for none)
  --results FOLDER      where the .tsv files go (default: none written)
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
        for (who, by_default) in CONTENDERS {
            let mark = if *by_default {
                ""
            } else {
                "  (only when named)"
            };
            println!("{} {}{mark}", who.name(), who.version());
        }
        return ExitCode::SUCCESS;
    }
    match measure(&request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line asks for.
struct Request {
    contenders: Vec<&'static dyn Contender>,
    transports: Vec<Transport>,
    rows: Vec<Row>,
    sizes: Vec<usize>,
    trip_sizes: Vec<usize>,
    pace: Pace,
    results: Option<PathBuf>,
    list: bool,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
        let by_default = CONTENDERS.iter().filter(|(_, by_default)| *by_default);
        let mut request = Request {
            contenders: by_default.map(|(who, _)| *who).collect(),
            transports: Transport::ALL.to_vec(),
            rows: Row::ALL.to_vec(),
            sizes: plan::SIZES.to_vec(),
            trip_sizes: vec![64],
            pace: Pace {
                high_water_mark: plan::HIGH_WATER_MARK,
                warm_up: Duration::from_millis(200),
                window: Duration::from_secs(1),
                rounds: 5,
                patience: plan::PATIENCE,
            },
            results: None,
            list: false,
        };
        while let Some(option) = arguments.next() {
            if option == "--help" {
                println!("{USAGE}");
                std::process::exit(0);
            }
            if option == "--list" {
                request.list = true;
                continue;
            }
            let Some(value) = arguments.next() else {
                return Err(format!("{option} wants a value"));
            };
            let wrong = || format!("{option} cannot be '{value}'");
            match option.as_str() {
                "--contenders" => {
                    let known = |name: &str| ALL.iter().copied().find(|who| who.name() == name);
                    request.contenders = each(&value, known).ok_or_else(wrong)?;
                }
                "--transports" => {
                    let known = |name: &str| Transport::ALL.into_iter().find(|t| t.name() == name);
                    request.transports = each(&value, known).ok_or_else(wrong)?;
                }
                "--rows" => {
                    let known = |name: &str| Row::ALL.into_iter().find(|row| row.name() == name);
                    request.rows = each(&value, known).ok_or_else(wrong)?;
                }
                "--sizes" => request.sizes = each(&value, size).ok_or_else(wrong)?,
                "--trip-sizes" => request.trip_sizes = each(&value, size).ok_or_else(wrong)?,
                "--seconds" => {
                    let seconds: f64 = value.parse().map_err(|_| wrong())?;
                    request.pace.window =
                        Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
                }
                "--rounds" => {
                    let rounds: usize = value.parse().map_err(|_| wrong())?;
                    request.pace.rounds = rounds.max(1);
                }
                "--hwm" => request.pace.high_water_mark = value.parse().map_err(|_| wrong())?,
                "--results" => request.results = Some(PathBuf::from(value)),
                _ => return Err(format!("no option {option}")),
            }
        }
        Ok(request)
    }
}

fn each<T>(list: &str, known: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    list.split(',').map(|word| known(word.trim())).collect()
}

fn size(text: &str) -> Option<usize> {
    plan::parse_size(text).filter(|size| *size >= harness::meter::SMALLEST)
}

fn measure(request: &Request) -> Result<(), String> {
    let mut terms = Vec::new();
    for row in &request.rows {
        let sizes = match row {
            Row::PushPull => &request.sizes,
            Row::ReqRep => &request.trip_sizes,
        };
        for transport in &request.transports {
            let pace = &request.pace;
            terms.extend(sizes.iter().map(|size| pace.terms(*row, *transport, *size)));
        }
    }
    let mut record = report::Record::open(request.results.as_deref())?;
    report::heading(&request.contenders, &request.pace);
    let rounds = request.pace.rounds;
    let lines = plan::run(
        &request.contenders,
        &terms,
        rounds,
        |who, terms, round, outcome| {
            eprint!(
                "\r\x1b[Kround {} of {rounds}: {} {} {} {}",
                round + 1,
                terms.row,
                terms.transport,
                size_name(terms.size),
                who.name(),
            );
            match outcome {
                Ok(reading) => eprint!(" {}/s", rate_name(reading.per_second())),
                Err(why) => eprintln!(": {why}"),
            }
            record.add(who, terms, round, outcome);
            true
        },
    );
    eprint!("\r\x1b[K");
    report::tables(&request.contenders, &lines);
    record.close(&request.contenders, &lines)
}
