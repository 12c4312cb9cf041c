//! Sockets and contexts that are opened, used and closed: nothing of them is left.

use std::time::Duration;

use zmq_channels::kind::Kind;
use zmq_channels::{Context, ContextOptions, Pair, Pub, Pull, Push, Rep, Req, Socket, Sub};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};

use super::ledger::Tally;
use super::{run, Held, Lab, Run};

/// How much memory may grow from the middle of a run to its end, in KiB: what an allocator keeps differs.
const SLACK: usize = 2048;

pub fn runs() -> Vec<Run> {
    vec![
        run(
            "cycles/sockets",
            (2000, 10_000),
            Duration::from_secs(200),
            sockets,
        ),
        run(
            "cycles/contexts",
            (200, 1000),
            Duration::from_secs(200),
            contexts,
        ),
    ]
}

/// Sockets of one context, which stays.
fn sockets(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let (bench, context) = (lab.bench(), Context::new());
    let mut halfway = Held::now()?;
    for cycle in 0..count {
        one_message(&bench, &context, cycle)?;
        tally.delivered += 1;
        if cycle == count / 2 {
            halfway = Held::now()?;
        }
    }
    flat(halfway)?;
    context.close_blocking();
    bench.finish()
}

/// Contexts of one to three pumps.
fn contexts(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let mut halfway = Held::now()?;
    for cycle in 0..count {
        let pumps = cycle as usize % 3 + 1;
        let context = Context::with_options(ContextOptions::new().pumps(pumps))?;
        one_message(&bench, &context, cycle)?;
        tally.delivered += 1;
        match cycle % 3 {
            0 => drop(context.close_blocking()),
            1 => context.shutdown(),
            _ => drop(context),
        }
        if cycle == count / 2 {
            halfway = Held::now()?;
        }
    }
    flat(halfway)?;
    bench.finish()
}

fn flat(halfway: Held) -> Outcome {
    let end = Held::now()?;
    match end.memory > halfway.memory + SLACK {
        true => Err(format!("memory grew from {} to {} KiB", halfway.memory, end.memory).into()),
        false => Ok(()),
    }
}

/// Passes a message between two sockets and closes them; which ones, and how they meet, depends on `cycle`.
fn one_message(bench: &Bench, context: &Context, cycle: u32) -> Outcome {
    let endpoint = match cycle % 3 {
        0 => format!("inproc://cycle-{cycle}"),
        1 => bench.wildcard(Transport::Tcp),
        _ => bench.wildcard(Transport::Ipc),
    };
    let text = cycle.to_string();
    match cycle / 3 % 4 {
        0 => {
            let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
            push.connect(pull.bind(&*endpoint)?)?;
            push.send_timeout_blocking(text.as_str(), PATIENCE)?;
            same(&text, pull.recv_timeout_blocking(PATIENCE)?.as_str())?;
            end(cycle, push, pull);
        }
        1 => {
            let (one, other) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
            one.connect(other.bind(&*endpoint)?)?;
            other.send_timeout_blocking(text.as_str(), PATIENCE)?;
            same(&text, one.recv_timeout_blocking(PATIENCE)?.as_str())?;
            end(cycle, one, other);
        }
        2 => {
            let (req, rep) = (context.socket::<Req>()?, context.socket::<Rep>()?);
            req.connect(rep.bind(&*endpoint)?)?;
            req.send_timeout_blocking(text.as_str(), PATIENCE)?;
            rep.send_timeout_blocking(rep.recv_timeout_blocking(PATIENCE)?, PATIENCE)?;
            same(&text, req.recv_timeout_blocking(PATIENCE)?.as_str())?;
            end(cycle, req, rep);
        }
        _ => {
            let (publisher, sub) = (context.socket::<Pub>()?, context.socket::<Sub>()?);
            sub.subscribe("")?;
            sub.connect(publisher.bind(&*endpoint)?)?;
            let received = loop {
                publisher.send_timeout_blocking(text.as_str(), PATIENCE)?;
                if let Ok(message) = sub.recv_timeout_blocking(Duration::from_millis(5)) {
                    break message;
                }
            };
            same(&text, received.as_str())?;
            end(cycle, publisher, sub);
        }
    }
    Ok(())
}

/// Closes the two, or drops their handles.
fn end<A: Kind, B: Kind>(cycle: u32, one: Socket<A>, other: Socket<B>) {
    if cycle % 2 == 0 {
        one.close_blocking();
        other.close_blocking();
    }
}

fn same(sent: &str, received: Option<&str>) -> Outcome {
    match received == Some(sent) {
        true => Ok(()),
        false => Err(format!("sent {sent}, received {received:?}").into()),
    }
}
