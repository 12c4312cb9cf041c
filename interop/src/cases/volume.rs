//! Many messages, full queues, slow receivers: nothing lost, nothing twice, nothing moved.

use std::thread;
use std::time::Duration;

use serde_json::json;
use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::frames::{pattern, Frames};
use crate::side::{Ours, Side, Theirs};

const MANY: u32 = 100_000;
const BYTES: usize = 64;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                let mut case = case(
                    format!("volume/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                );
                case.limit = Duration::from_secs(60);
                cases.push(case);
            };
            add("PUSH-PULL 100000 messages", we_send_many);
            add("PULL-PUSH 100000 messages", they_send_many);
            add("PAIR-PAIR 100000 messages each way", both_send_many);
            add("PUB-SUB 100000 messages, unlimited", we_publish_many);
            add("SUB-PUB 100000 messages, unlimited", they_publish_many);
            add("PUSH-PULL their receiver is slow", their_slow_receiver);
            add("PULL-PUSH our receiver is slow", our_slow_receiver);
            add(
                "PUSH-PULL 500 messages of 20 parts around a bind",
                we_send_around_bind,
            );
            add(
                "PULL-PUSH 500 messages of 20 parts around a bind",
                they_send_around_bind,
            );
        }
    }
    cases
}

/// Their socket receives the numbered messages `first..first + count`, checking every byte.
pub fn they_receive(theirs: &Theirs, first: u32, count: u32, size: usize) -> Outcome {
    theirs.post("recv_many", receiving(first, count, size))?;
    received(theirs, count)
}

fn receiving(first: u32, count: u32, size: usize) -> serde_json::Value {
    let timeout = PATIENCE.as_millis() as u64;
    json!({"first": first, "count": count, "size": size, "timeout": timeout})
}

/// The answer to a `recv_many`.
fn received(theirs: &Theirs, count: u32) -> Outcome {
    let answer = theirs.peer.answer(PATIENCE * 4)?;
    if answer["received"] == count {
        return Ok(());
    }
    let seen = match &answer["wrong"] {
        serde_json::Value::Null => "and no more".to_string(),
        frames => format!("then {frames}"),
    };
    Err(format!(
        "they received {} of {count} in order, {seen}",
        answer["received"]
    )
    .into())
}

/// The answer to a `send_many`.
fn sent(theirs: &Theirs, count: u32) -> Outcome {
    let answer = theirs.peer.answer(PATIENCE * 4)?;
    match answer == count {
        true => Ok(()),
        false => Err(format!("they could send {answer} of {count}").into()),
    }
}

fn all_sent(sent: u32, count: u32) -> Outcome {
    match sent == count {
        true => Ok(()),
        false => Err(format!("we could send {sent} of {count}").into()),
    }
}

fn we_send_many(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let push = Ours::open(&bench.context(), SocketType::Push)?;
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    pull.connect(&push.bind(&bench.wildcard(transport))?)?;
    pull.post("recv_many", receiving(0, MANY, BYTES))?;
    all_sent(push.send_many(0, MANY, BYTES, PATIENCE)?, MANY)?;
    received(&pull, MANY)?;
    pull.expect_nothing(Duration::from_millis(20))
}

fn they_send_many(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let pull = Ours::open(&bench.context(), SocketType::Pull)?;
    let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
    push.connect(&pull.bind(&bench.wildcard(transport))?)?;
    push.post("send_many", receiving(0, MANY, BYTES))?;
    pull.recv_many(0, MANY, BYTES, |_| {})?;
    sent(&push, MANY)?;
    pull.expect_nothing(Duration::from_millis(20))
}

fn both_send_many(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Pair)?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    // They pass everything back, so both directions are busy at once.
    theirs.peer.post(json!({
        "do": "relay", "source": "PAIR", "target": "PAIR", "count": MANY,
        "timeout": PATIENCE.as_millis() as u64,
    }))?;
    let sender = ours.sender()?.clone();
    let sending = thread::spawn(move || -> Outcome {
        for index in 0..MANY {
            sender.send_timeout_blocking(pattern(index, BYTES), PATIENCE)?;
        }
        Ok(())
    });
    ours.recv_many(0, MANY, BYTES, |_| {})?;
    sending
        .join()
        .map_err(|_| "the sending thread panicked")??;
    sent(&theirs, MANY)
}

/// Without high-water marks a publisher drops nothing.
fn we_publish_many(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(0);
    let publisher = Ours::open_with(&bench.context(), SocketType::Pub, options)?;
    let sub = Theirs::open(&bench.peer(version)?, "SUB")?;
    sub.set("RCVHWM", 0)?;
    sub.subscribe(b"")?;
    sub.connect(&publisher.bind(&bench.wildcard(transport))?)?;
    crate::conversation::wait_subscribed(&publisher, &sub, b"")?;
    sub.post("recv_many", receiving(0, MANY, BYTES))?;
    all_sent(publisher.send_many(0, MANY, BYTES, PATIENCE)?, MANY)?;
    received(&sub, MANY)
}

fn they_publish_many(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(0);
    let sub = Ours::open_with(&bench.context(), SocketType::Sub, options)?;
    let publisher = Theirs::open(&bench.peer(version)?, "PUB")?;
    publisher.set("SNDHWM", 0)?;
    sub.subscribe(b"")?;
    sub.connect(&publisher.bind(&bench.wildcard(transport))?)?;
    crate::conversation::wait_subscribed(&publisher, &sub, b"")?;
    publisher.post("send_many", receiving(0, MANY, BYTES))?;
    sub.recv_many(0, MANY, BYTES, |_| {})?;
    sent(&publisher, MANY)
}

/// More than the queues of both sides and the kernel's buffers hold.
const FLOOD: u32 = 30_000;
const FLOOD_BYTES: usize = 1024;

/// How long a sender that makes no progress counts as stopped.
const STALL: Duration = Duration::from_millis(300);

fn their_slow_receiver(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(100);
    let push = Ours::open_with(&bench.context(), SocketType::Push, options)?;
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    pull.set("RCVHWM", 100)?;
    push.connect(&pull.bind(&bench.wildcard(transport))?)?;
    let taken = push.send_many(0, FLOOD, FLOOD_BYTES, STALL)?;
    if taken == FLOOD {
        return Err(format!("we took {FLOOD} messages for a peer that reads none").into());
    }
    let mut command = receiving(0, FLOOD, FLOOD_BYTES);
    command["pause_every"] = 100.into();
    command["pause"] = 1.into();
    pull.post("recv_many", command)?;
    let rest = FLOOD - taken;
    all_sent(push.send_many(taken, rest, FLOOD_BYTES, PATIENCE)?, rest)?;
    received(&pull, FLOOD)?;
    pull.expect_nothing(Duration::from_millis(20))
}

fn our_slow_receiver(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(100);
    let pull = Ours::open_with(&bench.context(), SocketType::Pull, options)?;
    let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
    push.set("SNDHWM", 100)?;
    push.connect(&pull.bind(&bench.wildcard(transport))?)?;
    let mut command = receiving(0, FLOOD, FLOOD_BYTES);
    command["timeout"] = (STALL.as_millis() as u64).into();
    let taken = push.ask("send_many", command)?;
    let taken = taken.as_u64().ok_or("no number")? as u32;
    if taken == FLOOD {
        return Err(format!("we took in {FLOOD} messages that are not read").into());
    }
    let rest = FLOOD - taken;
    push.post("send_many", receiving(taken, rest, FLOOD_BYTES))?;
    pull.recv_many(0, FLOOD, FLOOD_BYTES, |index| {
        if index % 100 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    })?;
    sent(&push, rest)?;
    pull.expect_nothing(Duration::from_millis(20))
}

const PARTS: u32 = 20;
const AROUND: u32 = 500;

fn twenty_parts(number: u32) -> Frames {
    (0..PARTS)
        .map(|part| pattern(number * PARTS + part, part as usize * 3))
        .collect()
}

/// Half is sent before any socket has bound, half right after.
fn we_send_around_bind(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let push = Ours::open(&bench.context(), SocketType::Push)?;
    push.connect(&endpoint)?;
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    around_bind(&push, &pull, &endpoint)
}

fn they_send_around_bind(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
    push.connect(&endpoint)?;
    let pull = Ours::open(&bench.context(), SocketType::Pull)?;
    around_bind(&push, &pull, &endpoint)
}

fn around_bind(push: &dyn Side, pull: &dyn Side, endpoint: &str) -> Outcome {
    for number in 0..AROUND / 2 {
        push.send(&twenty_parts(number))?;
    }
    pull.bind(endpoint)?;
    for number in AROUND / 2..AROUND {
        push.send(&twenty_parts(number))?;
    }
    for number in 0..AROUND {
        pull.expect(&twenty_parts(number))
            .map_err(|error| format!("message {number}: {error}"))?;
    }
    pull.expect_nothing(Duration::from_millis(20))
}
