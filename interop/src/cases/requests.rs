//! Requests as pairs and as handles, against libzmq.

use std::thread;

use serde_json::json;
use zmq_channels::{Message, Options, Rep, Req, Request, Socket, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::frames::{message, pattern, show, Frames};
use crate::side::{Ours, Side, Theirs};

/// Requests under way at once.
const COUNT: u32 = 200;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                cases.push(case(
                    format!("requests/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                ));
            };
            add("REQ-REP many under way", at_a_rep);
            add("REQ-ROUTER answered backwards", at_a_router);
            add("REQ-ROUTER-DEALER-REP a broker of theirs", at_a_broker);
            add("REQ-REP given up", given_up);
            add("REQ-REP the peer is lost", lost);
            add("REP-REQ handles", their_clients);
            add("REP-DEALER answered backwards", their_dealer);
            add("REQ-REP correlated and relaxed", correlated);
        }
    }
    cases
}

fn body(number: u32) -> Vec<u8> {
    pattern(number, 100 + number as usize)
}

/// Each request on a separate thread, all at once; each gets back what it sent.
fn ask_all(req: &Socket<Req>) -> Outcome {
    let wrong: Vec<String> = thread::scope(|scope| {
        let asking: Vec<_> = (0..COUNT)
            .map(|number| {
                scope.spawn(move || {
                    let body = body(number);
                    match req.request_timeout_blocking(body.clone(), PATIENCE) {
                        Ok(reply) if reply == Message::from(body) => None,
                        Ok(reply) => Some(format!("request {number} got {reply:?}")),
                        Err(error) => Some(format!("request {number}: {error}")),
                    }
                })
            })
            .collect();
        asking
            .into_iter()
            .filter_map(|thread| thread.join().unwrap_or(Some("a panic".to_string())))
            .collect()
    });
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} went wrong: {first}", wrong.len()).into()),
    }
}

fn at_a_rep(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    let req = bench.context().socket::<Req>()?;
    req.connect(rep.bind(&bench.wildcard(transport))?)?;
    rep.post("echo", json!({"count": COUNT, "timeout": 9000}))?;
    ask_all(&req)?;
    match rep.peer.answer(PATIENCE)? == COUNT {
        true => Ok(()),
        false => Err("a request was not counted".into()),
    }
}

/// All requests are there before the first reply is sent, and the last is answered first.
fn at_a_router(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    let req = bench.context().socket::<Req>()?;
    req.connect(router.bind(&bench.wildcard(transport))?)?;
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask_all(&req).map_err(|error| error.to_string()));
        let mut requests = Vec::new();
        for _ in 0..COUNT {
            let request = router.recv()?;
            if request.len() != 4 || request[1].len() != 4 || !request[2].is_empty() {
                return Err(format!("no numbered request: {}", show(&request)).into());
            }
            requests.push(request);
        }
        for request in requests.iter().rev() {
            router.send(request)?;
        }
        match asking.join() {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err("a panic".into()),
        }
    })
}

/// REQ of ours, a ROUTER and a DEALER of theirs, and two REPs of theirs behind.
fn at_a_broker(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let peer = bench.peer(version)?;
    let front = Theirs::plain(&peer, "ROUTER", "front")?;
    let back = Theirs::plain(&peer, "DEALER", "back")?;
    let endpoint = back.bind(&bench.wildcard(transport))?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        let worker = Theirs::open(&bench.peer(version)?, "REP")?;
        worker.connect(&endpoint)?;
        workers.push(worker);
    }
    let req = bench.context().socket::<Req>()?;
    req.connect(front.bind(&bench.wildcard(transport))?)?;
    for worker in &workers {
        worker.post("echo", json!({"count": COUNT, "timeout": 9000}))?;
    }
    for (source, target) in [("front", "back"), ("back", "front")] {
        peer.post(json!({
            "do": "relay", "source": source, "target": target, "count": COUNT, "timeout": 9000,
        }))?;
    }
    ask_all(&req)
}

/// A request that is given up does not disturb the next ones; its late reply goes to no call.
fn given_up(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    let req = bench.context().socket::<Req>()?;
    req.connect(rep.bind(&bench.wildcard(transport))?)?;
    let hasty = std::time::Duration::from_millis(100);
    if req.request_timeout_blocking("too late", hasty).is_ok() {
        return Err("a reply from an unknown peer".into());
    }
    rep.post("echo", json!({"count": COUNT + 1, "timeout": 9000}))?;
    ask_all(&req)?;
    match rep.peer.answer(PATIENCE)? == COUNT + 1 {
        true => Ok(()),
        false => Err("the late request was not answered".into()),
    }
}

/// A request whose peer is gone ends, and the next one goes to the peer's successor.
fn lost(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let req = bench.context().socket::<Req>()?;
    req.connect(&endpoint)?;
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    rep.bind(&endpoint)?;
    thread::scope(|scope| -> Outcome {
        let asking = scope.spawn(|| req.request_timeout_blocking("one", PATIENCE));
        rep.expect(&message([b"one"]))?;
        rep.peer.kill();
        match asking.join() {
            Ok(Err(zmq_channels::error::RequestTimeoutError::PeerLost)) => Ok(()),
            Ok(other) => Err(format!("a request to a killed peer: {other:?}").into()),
            Err(_) => Err("a panic".into()),
        }
    })?;
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    rep.bind(&endpoint)?;
    rep.post("echo", json!({"count": COUNT, "timeout": 9000}))?;
    ask_all(&req)
}

/// Requests of many REQs of theirs, answered last one first.
fn their_clients(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = bench.context().socket::<Rep>()?;
    let endpoint = rep.bind(bench.wildcard(transport))?.to_string();
    let requests = rep.requests();
    let peer = bench.peer(version)?;
    let clients = (0..8)
        .map(|number| Theirs::open_named(&peer, "REQ", &format!("{number}")))
        .collect::<Outcome<Vec<_>>>()?;
    for client in &clients {
        client.connect(&endpoint)?;
    }
    for round in 0..5 {
        let said = |client: u32| -> Frames { vec![pattern(client, 50), vec![round], vec![]] };
        for (number, client) in (0..).zip(&clients) {
            client.send(&said(number))?;
        }
        let mut taken: Vec<Request> = Vec::new();
        for _ in &clients {
            taken.push(requests.recv_timeout_blocking(PATIENCE)?);
        }
        while let Some(request) = taken.pop() {
            let mut reply = request.message.clone();
            reply.push_back("answered");
            request.reply(reply)?;
        }
        for (number, client) in (0..).zip(&clients) {
            let mut expected = said(number);
            expected.push(b"answered".to_vec());
            client.expect(&expected)?;
        }
    }
    Ok(())
}

/// A DEALER of theirs asks without waiting; it gets the replies in the order of the answers.
fn their_dealer(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = bench.context().socket::<Rep>()?;
    let requests = rep.requests();
    let dealer = Theirs::plain(&bench.peer(version)?, "DEALER", "dealer")?;
    dealer.connect(rep.bind(bench.wildcard(transport))?.as_ref())?;
    let wrapped = |number: u32| -> Frames {
        vec![
            b"way".to_vec(),
            number.to_be_bytes().to_vec(),
            vec![],
            body(number),
        ]
    };
    for number in 0..COUNT {
        dealer.send(&wrapped(number))?;
    }
    let mut taken = Vec::new();
    for _ in 0..COUNT {
        taken.push(requests.recv_timeout_blocking(PATIENCE)?);
    }
    while let Some(request) = taken.pop() {
        let reply = request.message.clone();
        request.reply(reply)?;
    }
    for number in (0..COUNT).rev() {
        dealer.expect(&wrapped(number))?;
    }
    Ok(())
}

/// The same with the options: a reply to a request that was replaced is not taken.
fn correlated(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().req_correlate(true).req_relaxed(true);
    let req = Ours::open_with(&bench.context(), SocketType::Req, options)?;
    let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    req.connect(&router.bind(&bench.wildcard(transport))?)?;
    req.send(&message([b"one"]))?;
    let one = router.recv()?;
    req.send(&message([b"two"]))?;
    let two = router.recv()?;
    if one[1].len() != 4 || one[1] == two[1] {
        return Err(format!("no numbers: {}, {}", show(&one), show(&two)).into());
    }
    router.send(&one)?;
    router.send(&two)?;
    req.expect(&message([b"two"]))
}
