//! An endpoint that is unbound and bound again while peers send.

use std::time::Duration;

use zmq_channels::{Options, SocketType};

use crate::bench::{Outcome, Transport};
use crate::cases::NEW;
use crate::side::{Ours, Side, Theirs};

use super::ledger::{Ledger, Tally, STEP};
use super::{run, Lab, Random, Run};

/// Messages that are sent between two rebindings, at most.
const BURST: u32 = 40;

pub fn runs() -> Vec<Run> {
    let run = |transport| {
        let limit = Duration::from_secs(120);
        run(
            format!("rebinding/{transport}"),
            (100, 100),
            limit,
            move |lab, count, tally| rebinding(lab, transport, count, tally),
        )
    };
    Transport::ALL.into_iter().map(run).collect()
}

fn rebinding(lab: &Lab, transport: Transport, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let mut random = Random::new(lab.plan.seed);
    let (mut inward, mut outward) = (Ledger::default(), Ledger::default());
    let context = bench.context();
    let pull = Ours::open(&context, SocketType::Pull)?;
    let push = Ours::open_with(&context, SocketType::Push, Options::new())?;
    let peer = bench.peer(NEW)?;
    let (to_pull, from_push) = (Theirs::open(&peer, "PUSH")?, Theirs::open(&peer, "PULL")?);
    let (pull_at, push_at) = (bench.endpoint(transport), bench.endpoint(transport));
    for (theirs, endpoint) in [(&to_pull, &pull_at), (&from_push, &push_at)] {
        theirs.set("RECONNECT_IVL", 5)?;
        theirs.connect(endpoint)?;
    }
    for _ in 0..count {
        pull.bind(&pull_at)?;
        push.bind(&push_at)?;
        inward.get_through(&to_pull, &pull, false)?;
        outward.get_through(&push, &from_push, false)?;
        for _ in 0..random.below(BURST) {
            inward.offer(&to_pull, STEP)?;
            outward.offer(&push, STEP)?;
        }
        inward.strike();
        outward.strike();
        pull.unbind(&pull_at)?;
        push.unbind(&push_at)?;
        pull.wait_peers(0)?;
        push.wait_peers(0)?;
    }
    pull.bind(&pull_at)?;
    push.bind(&push_at)?;
    inward.get_through(&to_pull, &pull, false)?;
    outward.get_through(&push, &from_push, false)?;
    inward.close(tally);
    outward.close(tally);
    bench.finish()
}
