//! Many patterns over all transports at once, for minutes: every byte is checked, and what the process holds
//! stays the same.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use zmq_channels::{Context, Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::NEW;
use crate::conversation::Flow;
use crate::frames::pattern;
use crate::side::{Ours, Side, Theirs};

use super::ledger::Tally;
use super::{run, Held, Lab, Plan, Random, Run};

/// How long it lasts unless something else is asked for.
const QUICK: Duration = Duration::from_secs(60);
const FULL: Duration = Duration::from_secs(120);

/// How much the memory of the second half may exceed that of the first, on average: by a twentieth, and 4 MiB
/// (in KiB), since each socket's buffers reach their size at some time. A byte that each message leaves
/// behind exceeds that in ten minutes.
const GROWTH: f64 = 1.05;
const SLACK: f64 = 4096.0;

/// Messages under way at once, less than any high-water mark.
const WINDOW: u32 = 50;

const LARGEST: u32 = 20_000;

/// Pairs of sockets of ours, and what they say.
const PAIRS: [(SocketType, SocketType, Flow); 5] = [
    (SocketType::Push, SocketType::Pull, Flow::WeSend),
    (SocketType::Pub, SocketType::Sub, Flow::WePublish),
    (SocketType::Pair, SocketType::Pair, Flow::BothSend),
    (SocketType::Req, SocketType::Rep, Flow::WeAsk),
    (SocketType::Dealer, SocketType::Rep, Flow::WeAsk),
];

pub fn runs(plan: &Plan) -> Vec<Run> {
    let lasts = plan.soak.unwrap_or(if plan.quick { QUICK } else { FULL });
    let seconds = lasts.as_secs() as u32;
    let limit = lasts + Duration::from_secs(60);
    let name = "soak, seconds";
    vec![run(name, (seconds, seconds), limit, soak)]
}

fn soak(lab: &Lab, seconds: u32, tally: &mut Tally) -> Outcome {
    let (ends, delivered) = (AtomicBool::new(false), AtomicU64::new(0));
    let context = Context::new();
    let outcome = thread::scope(|scope| {
        let mut workers = Vec::new();
        for (index, (one, other, flow)) in PAIRS.into_iter().enumerate() {
            for place in 0..3 {
                let (context, ends, delivered) = (&context, &ends, &delivered);
                let seed = lab.plan.seed ^ (index * 3 + place) as u64;
                workers.push(scope.spawn(move || {
                    let pair = Pair::meet(&lab.bench(), context, one, other, place)?;
                    pair.talk(flow, seed, ends, delivered)
                }));
            }
        }
        for transport in Transport::ALL {
            let (context, ends, delivered) = (&context, &ends, &delivered);
            workers.push(scope.spawn(move || echoed(lab, context, transport, ends, delivered)));
        }
        let watched = watch(seconds, || {
            workers.iter().any(|worker| worker.is_finished())
        });
        ends.store(true, Ordering::Relaxed);
        let ended = workers.into_iter().map(|worker| worker.join());
        for ended in ended.collect::<Vec<_>>() {
            ended.map_err(|_| "a worker panicked")??;
        }
        watched
    });
    context.close_blocking();
    tally.delivered = delivered.into_inner();
    outcome
}

/// Looks at what the process holds, each second; ends early if a worker has.
fn watch(seconds: u32, has_failed: impl Fn() -> bool) -> Outcome {
    let start = Instant::now();
    let mut seen = Vec::new();
    while start.elapsed() < Duration::from_secs(u64::from(seconds)) {
        if has_failed() {
            return Ok(()); // Its own outcome says why.
        }
        thread::sleep(Duration::from_secs(1));
        seen.push(Held::now()?);
    }
    // Not the beginning, in which buffers grow.
    let seen = &seen[seen.len() / 5..];
    let (first, second) = seen.split_at(seen.len() / 2);
    let memory = |half: &[Held]| {
        let sum: usize = half.iter().map(|held| held.memory).sum();
        sum as f64 / half.len().max(1) as f64
    };
    let peak = |half: &[Held], of: fn(&Held) -> usize| half.iter().map(of).max().unwrap_or(0);
    let (before, after) = (memory(first), memory(second));
    println!(
        "soak: {before:.0} KiB in the first half, {after:.0} in the second, {:?}",
        seen.last()
    );
    if after > before * GROWTH + SLACK {
        return Err("memory grew".into());
    }
    let grew = |of: fn(&Held) -> usize| peak(second, of) > peak(first, of);
    match grew(|held| held.descriptors) || grew(|held| held.threads) {
        true => Err("descriptors or threads grew".into()),
        false => Ok(()),
    }
}

/// Two sockets of ours that are connected.
struct Pair {
    one: Ours,
    other: Ours,
}

impl Pair {
    fn meet(
        bench: &Bench,
        context: &Context,
        one: SocketType,
        other: SocketType,
        place: usize,
    ) -> Outcome<Pair> {
        let endpoint = match place {
            0 => format!("inproc://soak-{one}-{other}"),
            1 => bench.wildcard(Transport::Tcp),
            _ => bench.wildcard(Transport::Ipc),
        };
        let (one, other) = (Ours::open(context, one)?, Ours::open(context, other)?);
        other.socket.connect(one.socket.bind(&*endpoint)?)?;
        Ok(Pair { one, other })
    }

    fn talk(&self, flow: Flow, seed: u64, ends: &AtomicBool, delivered: &AtomicU64) -> Outcome {
        let mut random = Random::new(seed);
        if flow == Flow::WePublish {
            self.other.socket.subscribe("")?;
            self.one.socket.wait_subscribed_blocking(1)?;
        }
        let mut first = 0;
        while !ends.load(Ordering::Relaxed) {
            let size = random.below(LARGEST) as usize + 4;
            let count = match flow {
                Flow::WeAsk => self.ask(first, size)?,
                _ => self.send(first, size, flow == Flow::BothSend)?,
            };
            first = (first + count) % (1 << 23);
            delivered.fetch_add(u64::from(count), Ordering::Relaxed);
        }
        Ok(())
    }

    fn send(&self, first: u32, size: usize, both: bool) -> Outcome<u32> {
        pass(&self.one, &self.other, first, size)?;
        if both {
            pass(&self.other, &self.one, first, size)?;
        }
        Ok(WINDOW * (1 + u32::from(both)))
    }

    fn ask(&self, number: u32, size: usize) -> Outcome<u32> {
        let (question, answer) = (vec![pattern(number, size)], vec![pattern(number, size + 1)]);
        self.one.send(&question)?;
        self.other.expect(&question)?;
        self.other.send(&answer)?;
        self.one.expect(&answer)?;
        Ok(2)
    }
}

/// A window of messages, every byte of which is checked.
fn pass(from: &Ours, to: &Ours, first: u32, size: usize) -> Outcome {
    match from.send_many(first, WINDOW, size, PATIENCE)? {
        WINDOW => to.recv_many(first, WINDOW, size, |_| ()),
        fewer => Err(format!("only {fewer} of {WINDOW} messages were accepted").into()),
    }
}

/// A DEALER of libzmq sends everything back.
fn echoed(
    lab: &Lab,
    context: &Context,
    transport: Transport,
    ends: &AtomicBool,
    delivered: &AtomicU64,
) -> Outcome {
    let bench = lab.bench();
    let ours = Ours::plain(context, SocketType::Dealer, Options::new())?;
    let theirs = Theirs::plain(&bench.peer(NEW)?, "DEALER", "echo")?;
    ours.socket
        .connect(&*theirs.bind(&bench.wildcard(transport))?)?;
    let mut random = Random::new(lab.plan.seed ^ 0xec40);
    let mut first = 0;
    while !ends.load(Ordering::Relaxed) {
        let size = random.below(LARGEST) as usize + 4;
        theirs.post(
            "echo",
            json!({"count": WINDOW, "timeout": PATIENCE.as_millis() as u64}),
        )?;
        pass(&ours, &ours, first, size)?;
        theirs.peer.answer(PATIENCE)?;
        first = (first + WINDOW) % (1 << 23);
        delivered.fetch_add(u64::from(2 * WINDOW), Ordering::Relaxed);
    }
    Ok(())
}
