//! Our proxy between sockets of libzmq.

use std::time::{Duration, Instant};

use serde_json::json;
use zmq_channels::{Options, Proxy, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST};
use crate::conversation::wait_subscribed;
use crate::frames::{message, pattern, traffic};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                cases.push(case(
                    format!("proxies/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                ));
            };
            add("REQ, our ROUTER-DEALER, REP", broker);
            add("PUB, our XSUB-XPUB, SUB", forwarder);
            add("PUSH, our PULL-PUSH, PULL", streamer);
            add("PUSH, our PULL-PUSH, PULL, slow", slow_streamer);
        }
    }
    cases
}

/// Clients and workers of theirs that come after the proxy; with a capture of theirs as well.
fn broker(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const CLIENTS: usize = 4;
    const ROUNDS: u32 = 20;
    let context = bench.context();
    let front = Ours::plain(&context, SocketType::Router, Options::new())?;
    let back = Ours::plain(&context, SocketType::Dealer, Options::new())?;
    let capture = Ours::open(&context, SocketType::Push)?;
    let proxy = Proxy::start_with_capture(&front.socket, &back.socket, &capture.socket)?;
    let log = Theirs::open(&bench.peer(version)?, "PULL")?;
    log.connect(&capture.bind(&bench.wildcard(transport))?)?;
    let (front, back) = (
        front.bind(&bench.wildcard(transport))?,
        back.bind(&bench.wildcard(transport))?,
    );
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = Theirs::open(&bench.peer(version)?, "REP")?;
        worker.connect(&back)?;
        worker.post("echo", json!({"count": 10_000, "timeout": 9000}))?;
        workers.push(worker);
    }
    let peer = bench.peer(version)?;
    let clients = (0..CLIENTS)
        .map(|number| Theirs::open_named(&peer, "REQ", &format!("{number}")))
        .collect::<Outcome<Vec<_>>>()?;
    for client in &clients {
        client.connect(&front)?;
    }
    for round in 0..ROUNDS {
        for (number, client) in (0..).zip(&clients) {
            client.send(&vec![vec![number], pattern(round, 200), vec![]])?;
        }
        for (number, client) in (0..).zip(&clients) {
            client.expect(&vec![vec![number], pattern(round, 200), vec![]])?;
        }
    }
    for words in traffic() {
        clients[0].send(words)?;
        clients[0].expect(words)?;
    }
    let carried = ROUNDS as usize * CLIENTS + traffic().len();
    for _ in 0..2 * carried {
        log.recv()?;
    }
    let statistics = proxy.stop();
    let counted = (statistics.forth.messages, statistics.back.messages);
    match counted == (carried as u64, carried as u64) {
        true => Ok(()),
        false => Err(format!("counted {counted:?}, carried {carried}").into()),
    }
}

/// A subscription reaches the publisher through both, and only what is wanted comes back.
fn forwarder(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let context = bench.context();
    let front = Ours::plain(&context, SocketType::XSub, Options::new())?;
    let back = Ours::plain(&context, SocketType::XPub, Options::new())?;
    let proxy = Proxy::start(&front.socket, &back.socket)?;
    let (front, back) = (
        front.bind(&bench.wildcard(transport))?,
        back.bind(&bench.wildcard(transport))?,
    );
    let (publisher, witness) = (
        Theirs::open(&bench.peer(version)?, "PUB")?,
        Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?,
    );
    publisher.connect(&front)?;
    witness.connect(&front)?;
    let one = Theirs::open(&bench.peer(version)?, "SUB")?;
    let other = Theirs::open(&bench.peer(version)?, "SUB")?;
    one.connect(&back)?;
    other.connect(&back)?;
    one.subscribe(b"one")?;
    witness.expect(&message([b"\x01one"]))?;
    other.subscribe(b"other")?;
    witness.expect(&message([b"\x01other"]))?;
    wait_subscribed(&publisher, &one, b"one")?;
    wait_subscribed(&publisher, &other, b"other")?;
    for words in traffic() {
        for topic in [b"one".as_slice(), b"other", b"unknown"] {
            publisher.send(&[&[topic.to_vec()], words.as_slice()].concat())?;
        }
    }
    for words in traffic() {
        one.expect(&[&[b"one".to_vec()], words.as_slice()].concat())?;
        other.expect(&[&[b"other".to_vec()], words.as_slice()].concat())?;
    }
    one.unsubscribe(b"one")?;
    witness.expect(&message([b"\x00one"]))?;
    other.peer.kill();
    witness.expect(&message([b"\x00other"]))?;
    proxy.stop();
    Ok(())
}

fn streamer(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    stream(bench, version, transport, 20_000, 100, 0)
}

/// What the slow end does not take holds up the quick one, and nothing is lost.
fn slow_streamer(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    stream(bench, version, transport, 3_000, 20_000, 10)
}

fn stream(
    bench: &Bench,
    version: &str,
    transport: Transport,
    count: u32,
    size: usize,
    pause: u32,
) -> Outcome {
    let context = bench.context();
    let few = Options::new().high_water_marks(100);
    let front = Ours::open_with(&context, SocketType::Pull, few.clone())?;
    let back = Ours::open_with(&context, SocketType::Push, few)?;
    let proxy = Proxy::start(&front.socket, &back.socket)?;
    let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    push.connect(&front.bind(&bench.wildcard(transport))?)?;
    pull.connect(&back.bind(&bench.wildcard(transport))?)?;
    let started = Instant::now();
    let sending = json!({"first": 0, "count": count, "size": size, "timeout": 9000});
    push.post("send_many", sending)?;
    let mut receiving = json!({"first": 0, "count": count, "size": size, "timeout": 9000});
    if pause > 0 {
        receiving["pause_every"] = 300.into();
        receiving["pause"] = pause.into();
    }
    pull.post("recv_many", receiving)?;
    let seen = pull.peer.answer(PATIENCE * 2)?;
    if seen["received"] != count {
        return Err(format!("not all came: {seen}").into());
    }
    push.peer.answer(PATIENCE)?;
    if started.elapsed() < Duration::from_millis(u64::from(pause * (count / 300))) {
        return Err("quicker than its slow end".into());
    }
    proxy.stop();
    Ok(())
}
