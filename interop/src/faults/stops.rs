//! Peers that are stopped: heartbeats notice it, and the conversation goes on when they are continued.

use std::time::{Duration, Instant};

use zmq_channels::monitor::{DisconnectReason, EventKind};
use zmq_channels::{Options, SocketType};

use crate::bench::{Outcome, Transport, PATIENCE};
use crate::cases::NEW;
use crate::side::{Ours, Side, Theirs};

use super::ledger::{Ledger, Tally};
use super::{run, Lab, Run};

const INTERVAL: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(400);

/// Noticed at the latest: a PING, its timeout, and as much again for a busy machine.
const NOTICED: Duration = Duration::from_millis(1000);

pub fn runs() -> Vec<Run> {
    let limit = Duration::from_secs(200);
    vec![run("SIGSTOP/PUSH-PULL", (4, 50), limit, stopped)]
}

fn stopped(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let options = Options::new()
        .heartbeat_interval(INTERVAL)
        .heartbeat_timeout(TIMEOUT)
        .heartbeat_ttl(TIMEOUT)
        .reconnect_interval(Duration::from_millis(20));
    let ours = Ours::open_with(&bench.context(), SocketType::Push, options)?;
    let peer = bench.peer(NEW)?;
    let theirs = Theirs::open(&peer, "PULL")?;
    ours.connect(&theirs.bind(&bench.wildcard(Transport::Tcp))?)?;
    let mut ledger = Ledger::default();
    for _ in 0..count {
        ledger.get_through(&ours, &theirs, false)?;
        let monitor = ours.socket.monitor()?;
        peer.process().freeze()?;
        let start = Instant::now();
        // Written before it is noticed: it may be lost.
        ledger.offer(&ours, PATIENCE)?;
        ledger.strike();
        loop {
            match monitor.recv_timeout_blocking(PATIENCE)?.kind {
                EventKind::Disconnected {
                    reason: DisconnectReason::HeartbeatTimeout,
                } => break,
                EventKind::Disconnected { reason } => return Err(format!("ended: {reason}").into()),
                _ => {}
            }
        }
        if start.elapsed() > NOTICED {
            return Err(format!("noticed after {:?}", start.elapsed()).into());
        }
        peer.process().thaw()?;
        ours.wait_peers(1)?;
    }
    ledger.get_through(&ours, &theirs, false)?;
    ledger.close(tally);
    bench.finish()
}
