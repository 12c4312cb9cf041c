//! Faults that are made to happen, with what each of them cost. `interop/faults` starts this.

mod cycles;
mod descriptors;
mod disk;
mod kills;
mod ledger;
mod network;
mod rebinding;
mod soak;
mod stops;

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Children, Outcome, Setting, PATIENCE};
use crate::kill_all;

use ledger::Tally;

/// How the runs are carried out.
#[derive(Clone, Default)]
pub struct Plan {
    /// Few of each, for the gate.
    pub quick: bool,
    /// The runs that must have a network of their own, and only those.
    pub namespace: bool,
    /// For how long the soak lasts.
    pub soak: Option<Duration>,
    /// What decides every random choice of a run.
    pub seed: u64,
    /// The command-line tool.
    pub zc: PathBuf,
    /// A full file system for `disk`.
    pub full: PathBuf,
}

/// What a run is given.
pub struct Lab {
    pub plan: Plan,
    setting: Arc<Setting>,
    children: Children,
}

impl Lab {
    /// Places and peers, for one thread of a run.
    pub fn bench(&self) -> Bench {
        Bench::new(Arc::clone(&self.setting), Arc::clone(&self.children))
    }
}

type Body = Box<dyn FnOnce(&Lab, u32, &mut Tally) -> Outcome + Send>;

/// Some fault, again and again.
struct Run {
    name: String,
    quick: u32,
    full: u32,
    limit: Duration,
    body: Body,
}

fn run(
    name: impl Into<String>,
    (quick, full): (u32, u32),
    limit: Duration,
    body: impl FnOnce(&Lab, u32, &mut Tally) -> Outcome + Send + 'static,
) -> Run {
    Run {
        name: name.into(),
        quick,
        full,
        limit,
        body: Box::new(body),
    }
}

/// Carries out all runs whose name contains `filter`, one after the other; whether all were well.
pub fn run_all(plan: &Plan, filter: &str, setting: &Arc<Setting>) -> Outcome<bool> {
    let mut runs = match plan.namespace {
        true => network::runs(),
        false => [
            cycles::runs(),
            kills::runs(),
            descriptors::runs(),
            stops::runs(),
            soak::runs(plan),
            disk::runs(),
            rebinding::runs(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    runs.retain(|run| run.name.contains(filter));
    if runs.is_empty() && !plan.namespace {
        return Err(format!("no run has a name with {filter:?} in it").into());
    }
    let mut all_well = true;
    for run in runs {
        all_well &= run_one(run, plan, setting)?;
    }
    Ok(all_well)
}

/// Carries out one run and prints its line.
fn run_one(run: Run, plan: &Plan, setting: &Arc<Setting>) -> Outcome<bool> {
    let count = match plan.quick {
        true => run.quick,
        false => run.full,
    };
    let children = Children::default();
    let lab = Lab {
        plan: plan.clone(),
        setting: Arc::clone(setting),
        children: Arc::clone(&children),
    };
    let (held, started) = (Held::now()?, Instant::now());
    let (done, outcome) = mpsc::channel();
    let Run {
        name, limit, body, ..
    } = run;
    let worker = thread::Builder::new().name(name.clone()).spawn(move || {
        let mut tally = Tally::default();
        let ended = body(&lab, count, &mut tally);
        // Nothing listens any more if the limit has passed.
        let _ = done.send((tally, ended));
    })?;
    let (mut tally, mut ended) = match outcome.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Disconnected) => (Tally::default(), Err("it panicked".into())),
        Err(RecvTimeoutError::Timeout) => {
            kill_all(&children);
            let tally = Tally {
                hung: 1,
                ..Tally::default()
            };
            println!("{name} × {count}: {tally} -> FAILED: not over after {limit:?}");
            return Ok(false);
        }
    };
    kill_all(&children);
    let _ = worker.join();
    tally.leaked = held.leaked();
    if ended.is_ok() {
        ended = tally.check();
    }
    let took = started.elapsed().as_secs_f32();
    match &ended {
        Ok(()) => println!("{name} × {count}: {tally} -> ok ({took:.1} s)"),
        Err(error) => println!("{name} × {count}: {tally} -> FAILED: {error} ({took:.1} s)"),
    }
    Ok(ended.is_ok())
}

/// What this process holds, as Linux tells it.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    descriptors: usize,
    threads: usize,
    /// In KiB.
    memory: usize,
}

impl Held {
    pub fn now() -> Outcome<Held> {
        let count = |folder| -> Outcome<usize> { Ok(std::fs::read_dir(folder)?.count()) };
        let statm = std::fs::read_to_string("/proc/self/statm")?;
        let pages = statm.split(' ').nth(1).ok_or("no resident pages")?;
        Ok(Held {
            descriptors: count("/proc/self/fd")?,
            threads: count("/proc/self/task")?,
            memory: pages.parse::<usize>()? * 4,
        })
    }

    /// How many descriptors and threads more there are now, once those that are ending have ended.
    fn leaked(self) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let more = match Held::now() {
                Ok(now) => {
                    now.descriptors.saturating_sub(self.descriptors)
                        + now.threads.saturating_sub(self.threads)
                }
                Err(_) => usize::MAX,
            };
            if more == 0 || Instant::now() > deadline {
                return more as u64;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Random numbers that depend on the seed alone (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % u64::from(limit)) as u32
    }
}
