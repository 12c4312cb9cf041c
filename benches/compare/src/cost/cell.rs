//! One measurement: starts the processes, waits for the window, reads the processor time of all
//! threads of all of them at its ends, and ends them.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::case::{Beside, Case, Terms, SIZE};
use super::play::{Job, Part, Player};
use crate::harness::cell::{self, Peer};
use crate::harness::plan::PATIENCE;
use crate::harness::{meter, Place, Transport};

/// The hidden first argument that makes this program a process of a cell.
const PEER: &str = "--play-peer";

/// What one window showed.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// Messages delivered, or round trips made.
    pub(crate) messages: u64,
    pub(crate) seconds: f64,
    /// Seconds of processor time of each process: of the one that binds, then of the one that
    /// connects; of one only over inproc, and for a control. In isolation: of the echo, of the ping
    /// and its worker, of the feeder.
    pub(crate) cpu: Vec<f64>,
    /// The seconds these were counted in.
    pub(crate) cpu_seconds: f64,
    /// Round-trip times in nanoseconds; 0 where there are none.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
    /// Messages the worker has worked on.
    pub(crate) worked: u64,
    /// How far the processors were from each other, in nanoseconds there and back, if known.
    pub(crate) distance: Option<u64>,
}

impl Reading {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.seconds
    }

    /// Processor time of all processes, in percent of one core.
    pub(crate) fn percent(&self) -> f64 {
        100.0 * self.cpu.iter().sum::<f64>() / self.cpu_seconds
    }

    /// Microseconds of processor time per message.
    pub(crate) fn micros_per_message(&self) -> f64 {
        self.percent() / 100.0 * 1e6 / self.per_second()
    }

    pub(crate) fn worked_per_second(&self) -> f64 {
        self.worked as f64 / self.seconds
    }
}

/// The processes of a cell, each with the parts that it plays, those that bind first.
fn processes(is_control: bool, terms: &Terms) -> &'static [&'static [Part]] {
    let is_inproc = terms.transport == Transport::Inproc;
    match terms.case {
        Case::OneWay(_) if is_control => &[&[Part::Send]],
        Case::RoundTrip(_) if is_control => &[&[Part::Ask]],
        Case::OneWay(_) if is_inproc => &[&[Part::Receive, Part::Send]],
        Case::OneWay(_) => &[&[Part::Receive], &[Part::Send]],
        Case::RoundTrip(_) if is_inproc => &[&[Part::Answer, Part::Ask]],
        Case::RoundTrip(_) => &[&[Part::Answer], &[Part::Ask]],
        Case::Isolation(Beside::Worker(..)) => &[&[Part::Answer], &[Part::Ping], &[Part::Feed]],
        Case::Isolation(_) => &[&[Part::Answer], &[Part::Ping]],
    }
}

/// Measures one cell once.
pub(crate) fn measure(
    player: &dyn Player,
    is_control: bool,
    terms: &Terms,
) -> Result<Reading, String> {
    let (endpoints, _folder) = cell::endpoints(terms.transport, 2)?;
    let deadline = Instant::now() + terms.warm_up + terms.window + PATIENCE;
    let (mut peers, mut reporter) = (Vec::new(), 0);
    for parts in processes(is_control, terms) {
        let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
        let peer = Peer::spawn(&[
            PEER,
            player.name(),
            &names.join(","),
            &terms.case.name(),
            terms.transport.name(),
            &endpoints,
            &terms.high_water_mark.to_string(),
            &terms.warm_up.as_millis().to_string(),
            &terms.window.as_millis().to_string(),
        ])?;
        if parts[0].binds(terms.case) {
            peer.expect("bound", deadline)?;
        }
        if is_control || parts.iter().any(|part| part.reports()) {
            reporter = peers.len();
        }
        peers.push(peer);
    }
    watch(&peers, &peers[reporter], deadline)
}

fn watch(peers: &[Peer], reporter: &Peer, deadline: Instant) -> Result<Reading, String> {
    let now = || -> Result<(Instant, Vec<f64>), String> {
        let cpu: Result<_, _> = peers.iter().map(|peer| processor_time(peer.id())).collect();
        Ok((Instant::now(), cpu?))
    };
    reporter.expect("open", deadline)?;
    let (opened, before) = now()?;
    let done = reporter.expect("done ", deadline)?;
    let (closed, after) = now()?;
    let figures: Result<Vec<u64>, _> = done.split(' ').map(str::parse).collect();
    let figures = figures.map_err(|_| format!("cannot read '{done}'"))?;
    let figure = |at: usize| figures.get(at).copied().unwrap_or(0);
    if figure(0) == 0 {
        return Err("not a single message within the window".to_owned());
    }
    Ok(Reading {
        messages: figure(0),
        seconds: figure(1) as f64 / 1e9,
        cpu: after.iter().zip(before).map(|(a, b)| a - b).collect(),
        cpu_seconds: (closed - opened).as_secs_f64(),
        p50: figure(2),
        p99: figure(3),
        max: figure(5),
        worked: figure(6),
        distance: None,
    })
}

/// Seconds of processor time of all threads of a process, from the scheduler's own count of
/// nanoseconds; where the kernel has none, in ticks of 10 ms.
///
/// The count of a thread that runs just now is as old as the scheduler's last look at it, which is
/// a few milliseconds at most; that of a thread that sleeps is exact.
fn processor_time(process: u32) -> Result<f64, String> {
    let mut nanos = 0;
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    for task in tasks.map_err(|e| format!("no processor time: {e}"))? {
        // A thread may end meanwhile.
        let path = task.map_err(|e| e.to_string())?.path().join("schedstat");
        let stat = fs::read_to_string(path).unwrap_or_default();
        let first = stat.split_ascii_whitespace().next();
        nanos += first.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    match nanos {
        0 => cell::cpu_seconds(process),
        nanos => Ok(nanos as f64 / 1e9),
    }
}

/// If this process was started as a peer, plays its parts and never returns.
pub(crate) fn play_if_peer(players: &[&'static dyn Player]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().map(String::as_str) != Some(PEER) {
        return;
    }
    let [_, name, parts, case, transport, endpoints, mark, warm_up, window] = arguments.as_slice()
    else {
        panic!("a peer's arguments: {arguments:?}");
    };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let millis = |text: &String| Duration::from_millis(number(text) as u64);
    let player = players.iter().find(|known| known.name() == name);
    let player = *player.expect("a contender");
    let case = Case::parse(case).expect("a case");
    let transport = Transport::ALL.into_iter().find(|t| t.name() == transport);
    cell::end_with_owner();
    let (bound, is_bound) = mpsc::channel();
    let place = Place {
        row: case.like(),
        transport: transport.expect("a transport"),
        endpoints: endpoints.split(',').map(str::to_owned).collect(),
        size: SIZE,
        count: 1,
        high_water_mark: number(mark),
        warm_up: millis(warm_up),
        window: millis(window),
        bound,
    };
    let job = Job { place, case };
    for part in parts.split(',') {
        let part = Part::parse(part).expect("a part");
        let own = job.clone();
        std::thread::spawn(move || player.act(part, &own));
        if part.binds(case) {
            is_bound.recv().expect("a bound peer");
            meter::say("bound");
        }
    }
    // The cell's owner ends this process once it has read everything it wants.
    loop {
        std::thread::park();
    }
}
