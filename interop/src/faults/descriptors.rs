//! A process without descriptors: listeners and dialers wait, and go on when there are some again.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use zmq_channels::monitor::EventKind;
use zmq_channels::{Options, SocketType};

use crate::bench::{Outcome, Transport, PATIENCE};
use crate::cases::NEW;
use crate::side::{Ours, Side, Theirs};

use super::ledger::{Ledger, Tally};
use super::{run, Held, Lab, Run};

/// Connections that are attempted at once without descriptors.
const PEERS: usize = 3;

pub fn runs() -> Vec<Run> {
    let limit = Duration::from_secs(150);
    vec![
        run("descriptors/listener", (3, 50), limit, listener),
        run("descriptors/dialer", (3, 50), limit, dialer),
    ]
}

/// Holds every descriptor that the process may have.
struct Exhausted(Vec<File>, u64);

impl Exhausted {
    fn begin() -> Outcome<Exhausted> {
        let before = soft_limit()?;
        set_soft_limit((Held::now()?.descriptors + 20) as u64)?;
        let mut files = Vec::new();
        loop {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) if error.raw_os_error() == Some(24) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Exhausted(files, before))
    }

    fn end(self) -> Outcome {
        drop(self.0);
        set_soft_limit(self.1)
    }
}

fn soft_limit() -> Outcome<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(soft.ok_or("no limit of files")?.parse()?)
}

fn set_soft_limit(limit: u64) -> Outcome {
    let pid = format!("--pid={}", std::process::id());
    let done = Command::new("prlimit")
        .args([pid, format!("--nofile={limit}:")])
        .status()?;
    match done.success() {
        true => Ok(()),
        false => Err("prlimit cannot set the limit of descriptors".into()),
    }
}

/// Peers connect while ours cannot accept them.
fn listener(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let ours = Ours::open(&bench.context(), SocketType::Pull)?;
    let endpoint = ours.bind(&bench.wildcard(Transport::Tcp))?;
    let mut ledger = Ledger::default();
    for _ in 0..count {
        let peer = bench.peer(NEW)?;
        let monitor = ours.socket.monitor()?;
        let theirs = (0..PEERS).map(|index| Theirs::open_named(&peer, "PUSH", &index.to_string()));
        let theirs = theirs.collect::<Outcome<Vec<_>>>()?;
        let exhausted = Exhausted::begin()?;
        for push in &theirs {
            push.connect(&endpoint)?;
            ledger.offer(push, PATIENCE)?;
        }
        loop {
            let event = monitor.recv_timeout_blocking(PATIENCE)?;
            if let EventKind::AcceptFailed { .. } = event.kind {
                break;
            }
        }
        if let Some(message) = ours.poll(Duration::ZERO)? {
            return Err(format!("came without a descriptor: {message:?}").into());
        }
        exhausted.end()?;
        for _ in &theirs {
            ledger.came(&ours.recv()?)?;
        }
        peer.kill();
        ours.wait_peers(0)?;
    }
    ledger.close(tally);
    bench.finish()
}

/// Ours connects while it cannot have a descriptor for that.
fn dialer(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let mut ledger = Ledger::default();
    let context = bench.context();
    let peer = bench.peer(NEW)?;
    for round in 0..count {
        let pull = Theirs::open_named(&peer, "PULL", &round.to_string())?;
        let endpoint = pull.bind(&bench.wildcard(Transport::Tcp))?;
        let options = Options::new().reconnect_interval(Duration::from_millis(5));
        let push = Ours::open_with(&context, SocketType::Push, options)?;
        let monitor = push.socket.monitor()?;
        let exhausted = Exhausted::begin()?;
        push.connect(&endpoint)?;
        ledger.offer(&push, PATIENCE)?;
        // It has failed, and then again.
        let mut failures = 0;
        while failures < 2 {
            let event = monitor.recv_timeout_blocking(PATIENCE)?;
            failures += u32::from(matches!(event.kind, EventKind::ConnectFailed { .. }));
        }
        exhausted.end()?;
        ledger.came(&pull.recv()?)?;
        push.socket.close_blocking();
        pull.close()?;
    }
    ledger.close(tally);
    bench.finish()
}
