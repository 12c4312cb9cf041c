//! A network that fails, in a separate namespace: connections that are reset, and packets that are lost.

use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::NEW;
use crate::peer::Peer;
use crate::side::{Ours, Side, Theirs};

use super::ledger::{Ledger, Tally, STEP};
use super::{run, Lab, Random, Run};

const BURST: u32 = 40;

/// How often a bad network may let nothing through within [`PATIENCE`].
const TRIES: u32 = 6;

pub fn runs() -> Vec<Run> {
    let limit = Duration::from_secs(180);
    vec![
        run("network/resets", (30, 300), limit, resets),
        run(
            "network/30 % of packets lost, messages",
            (60, 1000),
            limit,
            loss,
        ),
    ]
}

/// Runs a program of the system's, which must succeed.
fn system(program: &str, arguments: &str) -> Outcome {
    let output = Command::new(program).args(arguments.split(' ')).output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("{program} {arguments}: {said}").into())
        }
    }
}

/// Two ways: to a peer of libzmq that connects, and from one that binds.
struct Ways {
    push: Ours,
    pull: Ours,
    to_pull: Theirs,
    from_push: Theirs,
    inward: Ledger,
    outward: Ledger,
}

impl Ways {
    fn open(bench: &Bench, peer: &Rc<Peer>) -> Outcome<Ways> {
        let context = bench.context();
        let options = || Options::new().reconnect_interval(Duration::from_millis(10));
        let ways = Ways {
            pull: Ours::open_with(&context, SocketType::Pull, options())?,
            push: Ours::open_with(&context, SocketType::Push, options())?,
            to_pull: Theirs::open(peer, "PUSH")?,
            from_push: Theirs::open(peer, "PULL")?,
            inward: Ledger::default(),
            outward: Ledger::default(),
        };
        ways.to_pull.set("RECONNECT_IVL", 10)?;
        ways.to_pull
            .connect(&ways.pull.bind(&bench.wildcard(Transport::Tcp))?)?;
        let at = ways.from_push.bind(&bench.wildcard(Transport::Tcp))?;
        ways.push.connect(&at)?;
        Ok(ways)
    }

    fn get_through(&mut self) -> Outcome {
        self.inward.get_through(&self.to_pull, &self.pull, false)?;
        self.outward.get_through(&self.push, &self.from_push, false)
    }
}

/// All connections are destroyed by the kernel, as by a reset.
fn resets(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let mut random = Random::new(lab.plan.seed);
    let mut ways = Ways::open(&bench, &bench.peer(NEW)?)?;
    for _ in 0..count {
        ways.get_through()?;
        for _ in 0..random.below(BURST) {
            ways.inward.offer(&ways.to_pull, STEP)?;
            ways.outward.offer(&ways.push, STEP)?;
        }
        ways.inward.strike();
        ways.outward.strike();
        let before = ways.reconnects()?;
        system("ss", "--kill --tcp --numeric --no-header state established")?;
        // A connection that goes on was not destroyed.
        while ways.reconnects()? == before {
            std::thread::yield_now();
        }
        ways.push.wait_peers(1)?;
        ways.pull.wait_peers(1)?;
    }
    ways.get_through()?;
    ways.inward.close(tally);
    ways.outward.close(tally);
    bench.finish()
}

impl Ways {
    fn reconnects(&self) -> Outcome<u64> {
        Ok(self.push.socket.statistics()?.reconnects)
    }
}

/// The rule that drops packets, while it is there.
struct Lossy;

impl Lossy {
    fn begin() -> Outcome<Lossy> {
        system("nft", "add table inet lossy")?;
        let lossy = Lossy;
        system(
            "nft",
            "add chain inet lossy inward { type filter hook input priority 0 ; }",
        )?;
        system(
            "nft",
            "add rule inet lossy inward numgen random mod 100 < 30 drop",
        )?;
        Ok(lossy)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        // The namespace ends with the run in any case.
        let _ = system("nft", "delete table inet lossy");
    }
}

/// Nothing is lost while connected: TCP sends again what the network drops.
fn loss(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let lossy = Lossy::begin()?;
    let mut ways = Ways::open(&bench, &bench.peer(NEW)?)?;
    for _ in 0..count {
        offer_slowly(&mut ways.inward, &ways.to_pull)?;
        offer_slowly(&mut ways.outward, &ways.push)?;
    }
    take_slowly(&mut ways.inward, &ways.pull)?;
    take_slowly(&mut ways.outward, &ways.from_push)?;
    drop(lossy);
    ways.inward.close(tally);
    ways.outward.close(tally);
    bench.finish()
}

/// Offers a message until it is accepted: TCP's pauses double while packets are lost.
fn offer_slowly(ledger: &mut Ledger, from: &dyn Side) -> Outcome {
    for _ in 0..TRIES {
        if ledger.offer(from, PATIENCE)?.is_some() {
            return Ok(());
        }
    }
    Err("no message was accepted".into())
}

/// Receives all that was sent.
fn take_slowly(ledger: &mut Ledger, to: &dyn Side) -> Outcome {
    let mut tries = 0;
    while ledger.missing() > 0 && tries < TRIES {
        match to.poll(PATIENCE)? {
            Some(message) => tries = ledger.came(&message).map(|_| 0)?,
            None => tries += 1,
        }
    }
    match ledger.missing() {
        0 => Ok(()),
        missing => Err(format!("{missing} messages did not come").into()),
    }
}
