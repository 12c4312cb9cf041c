//! Checks `zmq-channels` against other implementations of ZeroMQ. `interop/rivals/run` builds and
//! starts this.

mod bench;
mod cases;
mod conversation;
mod end;
mod known;
mod libraries;
mod table;
// The same messages and places as against libzmq. They have more than is needed here.
#[allow(dead_code)]
#[path = "../../src/frames.rs"]
mod frames;
#[allow(dead_code)]
#[path = "../../src/places.rs"]
mod places;

use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bench::{Bench, Outcome, Setting};
use cases::{Body, Case};
use known::{Control, Known};
use libraries::Library;

/// Most cases wait more than they work: this many at a time keep two cores busy.
const JOBS: usize = 6;

/// How long a case may take, whatever it waits for.
const LIMIT: Duration = Duration::from_secs(15);

struct Arguments {
    filter: String,
    list: bool,
    jobs: usize,
    verbose: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("interop/rivals: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every case ended as it should.
fn run() -> Outcome<bool> {
    let arguments = read_arguments()?;
    let mut cases = cases::all();
    cases.retain(|case| case.name.contains(&arguments.filter));
    if arguments.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(true);
    }
    if cases.is_empty() {
        return Err(format!("no case has a name with {:?} in it", arguments.filter).into());
    }
    let directory = env::temp_dir().join(format!("zmq-channels-rivals-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let setting = Arc::new(Setting::start(directory.clone())?);
    println!("{}", setting.versions());
    let results = run_all(cases, &arguments, &setting);
    let _ = fs::remove_dir_all(directory);
    let count = |verdict: fn(&Verdict) -> bool| {
        let matching = results.iter().filter(|(_, verdict_)| verdict(verdict_));
        matching.count()
    };
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let known = count(|verdict| matches!(verdict, Verdict::Known(_)));
    let failed = results.len() - passed - known;
    print!("\n{}", table::draw(&results));
    println!("\n{known} cases fail because of the peer, each shown by a control");
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

fn read_arguments() -> Outcome<Arguments> {
    let mut arguments = Arguments {
        filter: String::new(),
        list: false,
        jobs: JOBS,
        verbose: false,
    };
    let mut given = env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--jobs" => {
                let jobs = given.next().ok_or("--jobs needs a number")?;
                arguments.jobs = jobs.parse::<usize>()?.max(1);
            }
            "--list" => arguments.list = true,
            "--verbose" => arguments.verbose = true,
            option if option.starts_with('-') => return Err(format!("what is {option}?").into()),
            filter => arguments.filter = filter.to_string(),
        }
    }
    Ok(arguments)
}

/// How a case ended.
pub enum Verdict {
    Passed,
    /// It failed as listed in [`known`], and so did its control.
    Known(&'static Known),
    Failed(String),
}

/// The names of the cases, and how each ended.
fn run_all(
    cases: Vec<Case>,
    arguments: &Arguments,
    setting: &Arc<Setting>,
) -> Vec<(String, Verdict)> {
    let queue = Mutex::new(cases.into_iter());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(case) = next else { break };
                let started = Instant::now();
                let verdict = judge(&case, setting);
                let took = started.elapsed().as_millis();
                let name = case.name;
                match &verdict {
                    Verdict::Passed if arguments.verbose => println!("ok {name} ({took} ms)"),
                    Verdict::Passed => {}
                    Verdict::Known(known) if arguments.verbose => {
                        println!("known {name} ({took} ms): {}", known.reason);
                    }
                    Verdict::Known(_) => {}
                    Verdict::Failed(why) => println!("FAILED {name} ({took} ms)\n    {why}"),
                }
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.push((name, verdict));
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a case, and its control if it fails as expected.
fn judge(case: &Case, setting: &Arc<Setting>) -> Verdict {
    let outcome = run_one(case, Library::Ours, setting);
    match (outcome, known::find(&case.name)) {
        (Ok(()), None) => Verdict::Passed,
        (Err(error), None) => Verdict::Failed(error.to_string()),
        (Ok(()), Some(known)) if known.sometimes => Verdict::Passed,
        (Ok(()), Some(known)) => {
            Verdict::Failed(format!("it passes, but is listed as: {}", known.reason))
        }
        (Err(error), Some(known)) => {
            let stand_in = match known.control {
                Control::Itself => case.theirs,
                Control::Libzmq => Library::Node,
            };
            // What happens only sometimes may take several attempts in the control as well.
            let attempts = if known.sometimes { 20 } else { 1 };
            match (0..attempts).any(|_| run_one(case, stand_in, setting).is_err()) {
                true => Verdict::Known(known),
                false => Verdict::Failed(format!(
                    "{error}\n    (expected, but its control passes: {})",
                    known.reason
                )),
            }
        }
    }
}

/// Runs a case on a separate thread, with `near` in the place of the library. One that hangs is
/// left behind.
fn run_one(case: &Case, near: Library, setting: &Arc<Setting>) -> Outcome {
    let bench = Bench {
        setting: Arc::clone(setting),
        near,
        far: case.theirs,
    };
    let body: Body = Arc::clone(&case.body);
    let (done, outcome) = mpsc::channel();
    thread::Builder::new()
        .name(case.name.clone())
        .spawn(move || {
            // Nothing listens any more if the limit has passed.
            let _ = done.send(body(&bench));
        })?;
    match outcome.recv_timeout(LIMIT) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Disconnected) => Err("it panicked, see above".into()),
        Err(RecvTimeoutError::Timeout) => Err(format!("still running after {LIMIT:?}").into()),
    }
}
