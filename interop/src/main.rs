//! Checks `zmq-channels` against real libzmq peers. `interop/run` builds and starts this.

mod bench;
mod cases;
mod conversation;
mod faults;
mod frames;
mod peer;
mod places;
mod side;

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bench::{Bench, Children, Outcome, Setting};
use cases::Case;
use faults::Plan;
use peer::{Nursery, Process};

/// Most cases wait more than they work: this many at a time keep two cores busy.
const JOBS: usize = 4;

/// What a case may need to notice that its peers are gone, before it is left behind.
const LAST_WORDS: Duration = Duration::from_secs(3);

struct Arguments {
    python: PathBuf,
    /// Versions, and where they are.
    libzmqs: Vec<(String, PathBuf)>,
    filter: String,
    list: bool,
    jobs: usize,
    /// Faults are made to happen instead of cases.
    faults: Option<Plan>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("interop: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything passed.
fn run() -> Result<bool, Box<dyn Error + Send + Sync>> {
    let arguments = read_arguments()?;
    let mut cases = cases::all();
    cases.retain(|case| case.name.contains(&arguments.filter));
    if arguments.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(true);
    }
    if cases.is_empty() && arguments.faults.is_none() {
        return Err(format!("no case has a name with {:?} in it", arguments.filter).into());
    }
    let directory = env::temp_dir().join(format!("zmq-channels-interop-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let nurseries = arguments
        .libzmqs
        .iter()
        .map(|(version, library)| {
            let nursery = Nursery::start(&arguments.python, version, library)?;
            Ok(Arc::new(nursery))
        })
        .collect::<Outcome<Vec<_>>>()?;
    let setting = Arc::new(Setting::new(nurseries, directory.clone()));
    if let Some(plan) = arguments.faults {
        let all_well = faults::run_all(&plan, &arguments.filter, &setting);
        let _ = fs::remove_dir_all(directory);
        return all_well;
    }
    let (passed, failed) = run_all(cases, arguments.jobs, &setting);
    let _ = fs::remove_dir_all(directory);
    println!("{passed} passed, {} failed", failed.len());
    Ok(failed.is_empty())
}

fn read_arguments() -> Result<Arguments, Box<dyn Error + Send + Sync>> {
    let mut arguments = Arguments {
        python: PathBuf::from("python3"),
        libzmqs: Vec::new(),
        filter: String::new(),
        list: false,
        jobs: JOBS,
        faults: None,
    };
    let mut given = env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--python" => arguments.python = value()?.into(),
            "--libzmq" => {
                let value = value()?;
                let (version, library) = value.split_once('=').ok_or("--libzmq VERSION=PATH")?;
                arguments
                    .libzmqs
                    .push((version.to_string(), library.into()));
            }
            "--jobs" => arguments.jobs = value()?.parse::<usize>()?.max(1),
            "--faults" => arguments.faults = Some(Plan::default()),
            "--list" => arguments.list = true,
            option if read_plan(&mut arguments.faults, option, &mut value)? => {}
            option if option.starts_with('-') => return Err(format!("what is {option}?").into()),
            filter => arguments.filter = filter.to_string(),
        }
    }
    Ok(arguments)
}

/// Whether it is an option of `--faults`.
fn read_plan(
    plan: &mut Option<Plan>,
    option: &str,
    value: &mut dyn FnMut() -> Result<String, String>,
) -> Outcome<bool> {
    let Some(plan) = plan else {
        return Ok(false);
    };
    match option {
        "--quick" => plan.quick = true,
        "--namespace" => plan.namespace = true,
        "--soak" => plan.soak = Some(Duration::from_secs(value()?.parse()?)),
        "--seed" => plan.seed = value()?.parse()?,
        "--zc" => plan.zc = value()?.into(),
        "--full" => plan.full = value()?.into(),
        _ => return Ok(false),
    }
    Ok(true)
}

/// How many passed, and the names of those that failed.
fn run_all(cases: Vec<Case>, jobs: usize, setting: &Arc<Setting>) -> (usize, Vec<String>) {
    let queue = Mutex::new(cases.into_iter());
    let results = Mutex::new((0, Vec::new()));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(case) = next else { break };
                let name = case.name.clone();
                let started = Instant::now();
                let outcome = run_one(case, setting);
                let took = started.elapsed().as_millis();
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                match outcome {
                    Ok(()) => {
                        results.0 += 1;
                        println!("ok {name} ({took} ms)");
                    }
                    Err(error) => {
                        println!("FAILED {name} ({took} ms)\n    {error}");
                        results.1.push(name);
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a case on a thread of its own. One that hangs loses its peers, gets a moment to say
/// where it was, and is left behind.
fn run_one(case: Case, setting: &Arc<Setting>) -> Outcome {
    let children = Children::default();
    let bench = Bench::new(Arc::clone(setting), Arc::clone(&children));
    let (done, outcome) = mpsc::channel();
    let Case { name, limit, body } = case;
    let worker = thread::Builder::new().name(name).spawn(move || {
        let result = body(&bench).and_then(|()| bench.finish());
        // Nothing listens any more if the limit has passed.
        let _ = done.send(result);
    })?;
    let outcome = match outcome.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Disconnected) => Err("it panicked, see above".into()),
        Err(RecvTimeoutError::Timeout) => {
            kill_all(&children);
            let last_words = match outcome.recv_timeout(LAST_WORDS) {
                Ok(Ok(())) => "it ended well, but late".to_string(),
                Ok(Err(error)) => format!("it was at: {error}"),
                Err(_) => "it hangs even without its peers".to_string(),
            };
            return Err(format!("still running after {limit:?}; {last_words}").into());
        }
    };
    // It has sent its outcome or panicked: nothing is left to wait for but dropping.
    drop(worker);
    kill_all(&children);
    outcome
}

fn kill_all(children: &Children) {
    let children = children.lock().unwrap_or_else(PoisonError::into_inner);
    children.iter().for_each(Process::kill);
}
