//! Several peers on one socket, several endpoints on one socket, envelopes, closing: what the
//! ZeroMQ Guide does with these types, against libzmq.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use zmq_channels::{Context, Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD};
use crate::conversation::Flow;
use crate::frames::{message, pattern, show, text, Frames};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                cases.push(case(
                    format!("several/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                ));
            };
            add("REP-REQ many clients of theirs", their_clients);
            add("REQ-REP many clients of ours", our_clients);
            add("REP-REQ correlated requests", correlated);
            add("REP-DEALER envelopes", envelopes);
            add("REP-DEALER no delimiter", no_delimiter);
            add("REQ-ROUTER malformed replies", malformed_replies);
            add("PUSH-PULL round robin", round_robin);
            add("PULL-PUSH fair queue", fair_queue);
            add("PULL-PUSH a newcomer finds our queue full", newcomer);
            add("PUSH-PULL ventilator, workers, sink", ventilator);
            add("PUB-SUB both versions at once", both_versions);
            add("PAIR-PAIR five rounds in time", five_rounds);
            add("REQ-REP five rounds in time", five_requests);
            add("PAIR-PAIR within 50 ms", within_50_ms);
            add("PUSH-PULL closing delivers everything", closing_delivers);
            add("PULL-PUSH their closing delivers everything", their_closing);
            add("REP-REQ 100 endpoints one after another", hundred_endpoints);
            add("REQ-REP 100 endpoints one after another", hundred_of_theirs);
        }
        cases.push(case(
            format!("several/{version}/PULL-PUSH bound to tcp and ipc at once"),
            move |bench| many_endpoints(bench, version),
        ));
        cases.push(case(
            format!("several/{version}/REP-REQ abstract ipc"),
            move |bench| abstract_ipc(bench, version),
        ));
    }
    cases
}

/// Five clients with a request each before the first gets its reply; each gets its own.
fn their_clients(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let endpoint = rep.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let clients = (0..5)
        .map(|number| {
            let client = Theirs::open_named(&peer, "REQ", &number.to_string())?;
            client.connect(&endpoint)?;
            Ok(client)
        })
        .collect::<Outcome<Vec<_>>>()?;
    for round in 0..20 {
        for (number, client) in clients.iter().enumerate() {
            client.send(&text(&format!("{number} {round}")))?;
        }
        for _ in &clients {
            let mut request = rep.recv()?;
            request.push(b"reply".to_vec());
            rep.send(&request)?;
        }
        for (number, client) in clients.iter().enumerate() {
            client.expect(&message([format!("{number} {round}").as_bytes(), b"reply"]))?;
        }
    }
    Ok(())
}

/// Five clients of ours on threads of their own, one echo of theirs.
fn our_clients(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const CLIENTS: u32 = 5;
    const ROUNDS: u32 = 100;
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    let endpoint = rep.bind(&bench.wildcard(transport))?;
    rep.peer.post(json!({
        "do": "relay", "source": "REP", "target": "REP", "count": CLIENTS * ROUNDS,
        "timeout": PATIENCE.as_millis() as u64,
    }))?;
    let context = bench.context();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (context, endpoint) = (context.clone(), endpoint.clone());
            thread::spawn(move || -> Outcome {
                let req = Ours::open(&context, SocketType::Req)?;
                req.connect(&endpoint)?;
                for round in 0..ROUNDS {
                    let request = vec![vec![number as u8], pattern(round, 300)];
                    req.send(&request)?;
                    req.expect(&request)?;
                }
                Ok(())
            })
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    let answered = rep.peer.answer(PATIENCE)?;
    match answered == CLIENTS * ROUNDS {
        true => Ok(()),
        false => Err(format!("{answered} requests answered").into()),
    }
}

/// ZMQ_REQ_CORRELATE puts an id in front of the delimiter, and wants it back.
fn correlated(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let req = Theirs::open(&bench.peer(version)?, "REQ")?;
    req.set("REQ_CORRELATE", 1)?;
    req.set("REQ_RELAXED", 1)?;
    req.connect(&rep.bind(&bench.wildcard(transport))?)?;
    Flow::TheyAsk.everything(&rep, &req)?;
    // A request they give up: the reply to it is skipped, the next one counts.
    req.send(&text("given up"))?;
    rep.expect(&text("given up"))?;
    req.send(&text("asked instead"))?;
    rep.send(&text("too late"))?;
    rep.expect(&text("asked instead"))?;
    rep.send(&text("in time"))?;
    req.expect(&text("in time"))
}

/// A reply carries everything up to and including the first empty frame back.
fn envelopes(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let dealer = Theirs::open(&bench.peer(version)?, "DEALER")?;
    dealer.connect(&rep.bind(&bench.wildcard(transport))?)?;
    for envelope in [
        message([b""]),
        message([b"X", b"Y", b""]),
        vec![pattern(1, 255), pattern(2, 256), pattern(3, 70_000), vec![]],
        (0..30).map(|part| vec![part + 1]).chain([vec![]]).collect(),
    ] {
        for body in [text("A"), message([b""]), message([b"A", b"", b"B"])] {
            dealer.send_raw(&[envelope.as_slice(), body.as_slice()].concat())?;
            rep.expect(&body)?;
            let reply = message([b"", b"reply"]);
            rep.send(&reply)?;
            let expected = [envelope.as_slice(), reply.as_slice()].concat();
            let seen = dealer.poll_raw(PATIENCE)?.ok_or("no reply")?;
            if seen != expected {
                return Err(format!("expected {}, seen {}", show(&expected), show(&seen)).into());
            }
        }
    }
    Ok(())
}

/// What has no delimiter is no request: dropped, and the next one is served.
fn no_delimiter(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let dealer = Theirs::open(&bench.peer(version)?, "DEALER")?;
    dealer.connect(&rep.bind(&bench.wildcard(transport))?)?;
    dealer.send_raw(&text("no delimiter"))?;
    dealer.send_raw(&message([b"no", b"delimiter", b"either"]))?;
    Flow::TheyAsk.a_few_words(&rep, &dealer)?;
    dealer.send_raw(&text("again"))?;
    Flow::TheyAsk.a_few_words(&rep, &dealer)
}

/// What does not begin with a delimiter is no reply; libzmq closes such a connection. Ours must
/// not take it for a reply, and must be able to ask again.
fn malformed_replies(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = Theirs::open(&bench.peer(version)?, "ROUTER")?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let context = bench.context();
    for malformed in [
        message([b"not empty", b"body"]),
        text("body"),
        message([b"long", b"", b"x"]),
    ] {
        let req = Ours::open(&context, SocketType::Req)?;
        req.connect(&endpoint)?;
        req.send(&text("question"))?;
        router.expect(&text("question"))?;
        let reply = [vec![router.requester()], malformed].concat();
        router.send_raw(&reply)?;
        req.expect_nothing(Duration::from_millis(50))?;
    }
    let req = Ours::open(&context, SocketType::Req)?;
    req.connect(&endpoint)?;
    Flow::WeAsk.a_few_words(&req, &router)
}

/// With three peers, each gets every third message.
fn round_robin(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const EACH: u32 = 100;
    let push = Ours::open(&bench.context(), SocketType::Push)?;
    let endpoint = push.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let pulls = (0..3)
        .map(|number| {
            let pull = Theirs::open_named(&peer, "PULL", &number.to_string())?;
            pull.connect(&endpoint)?;
            pull.wait_connected()?;
            Ok(pull)
        })
        .collect::<Outcome<Vec<_>>>()?;
    // Until each has got something, a peer may still be on the way in.
    let mut greeted = [false; 3];
    let deadline = Instant::now() + PATIENCE;
    while greeted.contains(&false) {
        if Instant::now() > deadline {
            return Err(format!("not every peer gets messages: {greeted:?}").into());
        }
        push.send(&text("hello"))?;
        for (pull, greeted) in pulls.iter().zip(&mut greeted) {
            *greeted |= pull.poll(Duration::from_millis(5))?.is_some();
        }
    }
    // Whatever of the greetings is still under way ends with as many ends as there are peers.
    for _ in 0..3 {
        push.send(&text("end of greeting"))?;
    }
    for pull in &pulls {
        while pull.recv()? != text("end of greeting") {}
    }
    for number in 0..3 * EACH {
        push.send(&vec![number.to_be_bytes().to_vec()])?;
    }
    for (who, pull) in pulls.iter().enumerate() {
        let first = pull.recv()?;
        let mut number = u32::from_be_bytes(first[0].as_slice().try_into()?);
        for _ in 1..EACH {
            number += 3;
            pull.expect(&vec![number.to_be_bytes().to_vec()])
                .map_err(|error| format!("peer {who}: {error}"))?;
        }
        pull.expect_nothing(Duration::from_millis(5))?;
    }
    Ok(())
}

/// No peer's messages wait until another peer has sent everything, and nothing is lost.
fn fair_queue(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const EACH: u32 = 1000;
    let pull = Ours::open(&bench.context(), SocketType::Pull)?;
    let endpoint = pull.bind(&bench.wildcard(transport))?;
    let pushes = (0..3)
        .map(|_| {
            let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
            push.connect(&endpoint)?;
            push.wait_connected()?;
            Ok(push)
        })
        .collect::<Outcome<Vec<_>>>()?;
    for (who, push) in pushes.iter().enumerate() {
        push.post(
            "send_many",
            json!({"first": who as u32 * EACH, "count": EACH, "size": 64, "timeout": 10_000}),
        )?;
    }
    let mut next = [0, EACH, 2 * EACH];
    for received in 0..3 * EACH {
        let seen = pull.recv()?;
        let who = next
            .iter()
            .position(|number| seen == vec![pattern(*number, 64)]);
        match who {
            Some(who) => next[who] += 1,
            None => {
                let seen = show(&seen);
                return Err(
                    format!("message {received}: {seen} is no sender's next {next:?}").into(),
                );
            }
        }
    }
    for push in &pushes {
        push.peer.answer(PATIENCE)?;
    }
    pull.expect_nothing(Duration::from_millis(5))
}

/// Our queue is full of one peer's messages and is not read: the next peer gets in all the
/// same, and all that both have sent arrives once it is received.
fn newcomer(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(10);
    let pull = Ours::open_with(&bench.context(), SocketType::Pull, options)?;
    let endpoint = pull.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let first = Theirs::open_named(&peer, "PUSH", "first")?;
    first.set("SNDHWM", 10)?;
    first.connect(&endpoint)?;
    let flood = json!({"first": 0, "count": 30_000, "size": 1000, "timeout": 300});
    let taken = first.ask("send_many", flood)?;
    let taken = taken.as_u64().ok_or("no number")? as u32;
    let second = Theirs::open_named(&peer, "PUSH", "second")?;
    second.connect(&endpoint)?;
    second.wait_connected()?;
    second.send(&text("from the second"))?;
    let mut next = 0;
    let mut greeted = false;
    while next < taken || !greeted {
        let seen = pull.recv()?;
        if seen == text("from the second") && !greeted {
            greeted = true;
        } else if seen == vec![pattern(next, 1000)] {
            next += 1;
        } else {
            return Err(format!("after {next} of {taken}, {}", show(&seen)).into());
        }
    }
    pull.expect_nothing(Duration::from_millis(5))
}

/// Our ventilator, three workers of theirs, our sink.
fn ventilator(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const TASKS: u32 = 300;
    let context = bench.context();
    let ventilator = Ours::open(&context, SocketType::Push)?;
    let sink = Ours::open(&context, SocketType::Pull)?;
    let tasks = ventilator.bind(&bench.wildcard(transport))?;
    let results = sink.bind(&bench.wildcard(transport))?;
    let workers = (0..3)
        .map(|_| {
            let peer = bench.peer(version)?;
            let pull = Theirs::open(&peer, "PULL")?;
            let push = Theirs::open(&peer, "PUSH")?;
            push.connect(&results)?;
            pull.connect(&tasks)?;
            // Works until it is killed, at the end of the case.
            peer.post(json!({
                "do": "relay", "source": "PULL", "target": "PUSH", "count": TASKS,
                "timeout": 60_000,
            }))?;
            Ok(peer)
        })
        .collect::<Outcome<Vec<_>>>()?;
    let mut missing: Vec<bool> = vec![true; TASKS as usize];
    for task in 0..TASKS {
        ventilator.send(&vec![task.to_be_bytes().to_vec(), pattern(task, 500)])?;
    }
    for _ in 0..TASKS {
        let seen = sink.recv()?;
        let task = u32::from_be_bytes(seen[0].as_slice().try_into()?);
        if seen[1..] != [pattern(task, 500)] || !missing[task as usize] {
            return Err(format!("wrong or seen before: {}", show(&seen)).into());
        }
        missing[task as usize] = false;
    }
    sink.expect_nothing(Duration::from_millis(5))?;
    drop(workers);
    Ok(())
}

/// Subscribers that send commands and subscribers that send messages, on one publisher.
fn both_versions(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let other = if version == NEW { OLD } else { NEW };
    let publisher = Ours::open(&bench.context(), SocketType::Pub)?;
    let endpoint = publisher.bind(&bench.wildcard(transport))?;
    let subscribers = [version, other]
        .into_iter()
        .zip(["red", "blue"])
        .map(|(version, topic)| {
            let sub = Theirs::open(&bench.peer(version)?, "SUB")?;
            sub.connect(&endpoint)?;
            sub.subscribe(topic.as_bytes())?;
            crate::conversation::wait_subscribed(&publisher, &sub, topic.as_bytes())?;
            Ok((sub, topic))
        })
        .collect::<Outcome<Vec<_>>>()?;
    for number in 0_u32..100 {
        for topic in ["blue", "red", "green"] {
            publisher.send(&message([topic.as_bytes(), &number.to_be_bytes()]))?;
        }
    }
    for number in 0_u32..100 {
        for (sub, topic) in &subscribers {
            sub.expect(&message([topic.as_bytes(), &number.to_be_bytes()]))?;
        }
    }
    Ok(())
}

const FIVE_ROUNDS: Duration = Duration::from_millis(500);

fn five_rounds(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let pair = Ours::open(&bench.context(), SocketType::Pair)?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    pair.send(&text("sent before a peer is there"))?;
    let started = Instant::now();
    theirs.connect(&pair.bind(&bench.wildcard(transport))?)?;
    theirs.expect(&text("sent before a peer is there"))?;
    for round in 0..5 {
        let said = text(&format!("round {round}"));
        pair.send(&said)?;
        theirs.expect(&said)?;
        theirs.send(&said)?;
        pair.expect(&said)?;
    }
    in_time(started, FIVE_ROUNDS)
}

fn five_requests(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let req = Ours::open(&bench.context(), SocketType::Req)?;
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    let endpoint = rep.bind(&bench.wildcard(transport))?;
    req.send(&text("round 0"))?;
    let started = Instant::now();
    req.connect(&endpoint)?;
    for round in 0..5 {
        let said = text(&format!("round {round}"));
        if round > 0 {
            req.send(&said)?;
        }
        rep.expect(&said)?;
        rep.send(&said)?;
        req.expect(&said)?;
    }
    in_time(started, FIVE_ROUNDS)
}

fn in_time(started: Instant, limit: Duration) -> Outcome {
    let took = started.elapsed();
    match took <= limit {
        true => Ok(()),
        false => Err(format!("took {took:?}, allowed are {limit:?}").into()),
    }
}

/// From `send` to the answer of a peer that was waiting: the better half of nine in 50 ms, so
/// that one pause of a busy machine does not count.
fn within_50_ms(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let pair = Ours::open(&bench.context(), SocketType::Pair)?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    theirs.connect(&pair.bind(&bench.wildcard(transport))?)?;
    Flow::BothSend.a_few_words(&pair, &theirs)?;
    let mut took = Vec::new();
    for _ in 0..9 {
        theirs.post("recv", json!({"timeout": 10_000}))?;
        // Let it reach its waiting, as far as can be told from here.
        thread::sleep(Duration::from_millis(5));
        let started = Instant::now();
        pair.send(&text("now"))?;
        theirs.peer.answer(PATIENCE)?;
        took.push(started.elapsed());
    }
    took.sort();
    match took[4] <= Duration::from_millis(50) {
        true => Ok(()),
        false => Err(format!("took {took:?}").into()),
    }
}

/// Closing right after sending: everything arrives, and `close` says so.
fn closing_delivers(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const COUNT: u32 = 900;
    let endpoint = bench.endpoint(transport);
    let push = Ours::open(&bench.context(), SocketType::Push)?;
    push.connect(&endpoint)?;
    push.send_many(0, COUNT, 5000, PATIENCE)?;
    let socket = push.socket.clone();
    let closing = thread::spawn(move || socket.close_blocking());
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    pull.bind(&endpoint)?;
    super::volume::they_receive(&pull, 0, COUNT, 5000)?;
    let closed = closing.join().map_err(|_| "close panicked")?;
    match closed.undelivered {
        0 => Ok(()),
        some => Err(format!("everything arrived, close says {some} did not").into()),
    }
}

fn their_closing(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const COUNT: u32 = 900;
    let endpoint = bench.endpoint(transport);
    let peer = bench.peer(version)?;
    let push = Theirs::open(&peer, "PUSH")?;
    push.connect(&endpoint)?;
    push.ask(
        "send_many",
        json!({"first": 0, "count": COUNT, "size": 5000, "timeout": 10_000}),
    )?;
    peer.post(json!({"do": "term"}))?;
    let pull = Ours::open(&bench.context(), SocketType::Pull)?;
    pull.bind(&endpoint)?;
    peer.answer(PATIENCE)?;
    // They are gone; what they sent is with us.
    pull.recv_many(0, COUNT, 5000, |_| {})
}

/// Bind to a new endpoint, talk, unbind, on the same pair of sockets.
fn hundred_endpoints(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let req = Theirs::open(&bench.peer(version)?, "REQ")?;
    req.set("LINGER", 0)?;
    hundred(bench, transport, &rep, &req)
}

fn hundred_of_theirs(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    let req = Ours::open(&bench.context(), SocketType::Req)?;
    hundred(bench, transport, &rep, &req)
}

fn hundred(bench: &Bench, transport: Transport, rep: &dyn Side, req: &dyn Side) -> Outcome {
    for round in 0..100 {
        let endpoint = match transport {
            Transport::Tcp => rep.bind("tcp://*:*")?.replace("0.0.0.0", "127.0.0.1"),
            Transport::Ipc => rep.bind(&bench.wildcard(transport))?,
        };
        req.connect(&endpoint)?;
        let said = text(&format!("round {round}"));
        let talk = || -> Outcome {
            req.send(&said)?;
            rep.expect(&said)?;
            rep.send(&said)?;
            req.expect(&said)
        };
        talk().map_err(|error| format!("round {round}: {error}"))?;
        req.disconnect(&endpoint)?;
        rep.unbind(&endpoint.replace("tcp://127.0.0.1", "tcp://0.0.0.0"))?;
    }
    Ok(())
}

/// One socket, four endpoints, a peer at each.
fn many_endpoints(bench: &Bench, version: &str) -> Outcome {
    let pull = Ours::open(&bench.context(), SocketType::Pull)?;
    let peer = bench.peer(version)?;
    let mut pushes = Vec::new();
    for transport in [
        Transport::Tcp,
        Transport::Ipc,
        Transport::Tcp,
        Transport::Ipc,
    ] {
        let endpoint = pull.bind(&bench.wildcard(transport))?;
        let push = Theirs::open_named(&peer, "PUSH", &endpoint)?;
        push.connect(&endpoint)?;
        pushes.push((push, endpoint));
    }
    for (push, endpoint) in &pushes {
        push.send(&text(endpoint))?;
        pull.expect(&text(endpoint))?;
    }
    // One endpoint less; the others go on.
    pull.unbind(&pushes[0].1)?;
    pushes[0].0.wait_event(&["disconnected"])?;
    for (push, endpoint) in &pushes[1..] {
        push.send(&text(endpoint))?;
        pull.expect(&text(endpoint))?;
    }
    Ok(())
}

/// `ipc://@name` is a name without a file (Linux).
fn abstract_ipc(bench: &Bench, version: &str) -> Outcome {
    let context: Context = bench.context();
    let peer: Rc<_> = bench.peer(version)?;
    let name = |who: &str| {
        let path = bench.endpoint(Transport::Ipc);
        path.replace("ipc://", &format!("ipc://@{who}"))
            .replace('/', "-")
            .replace("ipc:--", "ipc://")
    };
    let rep = Ours::open(&context, SocketType::Rep)?;
    let req = Theirs::open(&peer, "REQ")?;
    req.connect(&rep.bind(&name("ours"))?)?;
    Flow::TheyAsk.a_few_words(&rep, &req)?;
    let rep = Theirs::open(&peer, "REP")?;
    let req = Ours::open(&context, SocketType::Req)?;
    req.connect(&rep.bind(&name("theirs"))?)?;
    let frames: Frames = text("by name");
    req.send(&frames)?;
    rep.expect(&frames)?;
    rep.send(&frames)?;
    req.expect(&frames)
}
