//! ROUTER and DEALER: routing ids in both directions, and the options about them.

use zmq_channels::options::Notify;
use zmq_channels::{Options, RoutingId, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, DRAFT, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::frames::{message, pattern, show, traffic};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                if has(version, what) {
                    cases.push(case(
                        format!("addressing/{version}/{transport}/{what}"),
                        move |bench| body(bench, version, transport),
                    ));
                }
            };
            add("ROUTER-ROUTER everything", routers);
            add("ROUTER-DEALER their ids", their_ids);
            add("ROUTER-REQ their ids", their_requesters);
            add("DEALER-ROUTER our ids", our_ids);
            add("REQ-ROUTER our ids", our_requesters);
            add("ROUTER-DEALER ids made up", made_up);
            add("ROUTER-DEALER mandatory", mandatory);
            add("ROUTER-DEALER mandatory waits", mandatory_waits);
            add("ROUTER-DEALER an id in use", in_use);
            add("ROUTER-DEALER handover", handover);
            add("DEALER-ROUTER handover", handover_of_theirs);
            add("ROUTER-DEALER connect_as", connect_as);
            add("DEALER-ROUTER their CONNECT_ROUTING_ID", connected_as);
            add("DEALER-ROUTER our probe", our_probe);
            add("ROUTER-DEALER their probe", their_probe);
            add("ROUTER-ROUTER both probe", both_probe);
            add("DEALER-REP without a delimiter", no_delimiter);
            add("DEALER-REP many under way", many_requests);
            add("DEALER-ROUTER-DEALER a broker of theirs", broker);
        }
    }
    for transport in Transport::ALL {
        cases.push(case(
            format!("addressing/{DRAFT}/{transport}/ROUTER-DEALER notify"),
            move |bench| notify(bench, transport),
        ));
        cases.push(case(
            format!("addressing/{DRAFT}/{transport}/DEALER-ROUTER their notify"),
            move |bench| their_notify(bench, transport),
        ));
    }
    cases
}

/// Before libzmq 4 a ROUTER has no options about ids, and no socket probes; in version 2 nothing makes a
/// DEALER stay away.
fn has(version: &str, what: &str) -> bool {
    let later = [
        "DEALER-ROUTER handover",
        "DEALER-ROUTER their CONNECT_ROUTING_ID",
        "ROUTER-DEALER their probe",
        "ROUTER-ROUTER both probe",
    ];
    match version {
        ZMTP_2 => !later.contains(&what),
        ZMTP_1 => !later.contains(&what) && what != "ROUTER-DEALER handover",
        _ => true,
    }
}

/// Ids of every length that matters, and bytes that are no text. The first must not be zero.
fn ids() -> Vec<Vec<u8>> {
    vec![
        b"a".to_vec(),
        b"anna".to_vec(),
        b"\xff\x00\x01\xfe".to_vec(),
        b"five5".to_vec(),
        [b"n".as_slice(), &pattern(9, 253)].concat(),
        [b"m".as_slice(), &pattern(8, 254)].concat(),
    ]
}

fn router(bench: &Bench, options: Options) -> Outcome<Ours> {
    Ours::plain(&bench.context(), SocketType::Router, options)
}

fn their_dealer(bench: &Bench, version: &str, id: &[u8]) -> Outcome<Theirs> {
    let dealer = Theirs::plain(&bench.peer(version)?, "DEALER", "dealer")?;
    dealer.set_bytes("ROUTING_ID", id)?;
    Ok(dealer)
}

/// Receives `[id, body...]`.
fn expect_from(side: &dyn Side, id: &[u8], frames: &[Vec<u8>]) -> Outcome {
    side.expect(&[&[id.to_vec()], frames].concat())
}

fn send_to(side: &dyn Side, id: &[u8], frames: &[Vec<u8>]) -> Outcome {
    side.send(&[&[id.to_vec()], frames].concat())
}

/// Two ROUTERs know each other by name; one that has a name and connects is known at once.
fn routers(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for we_bind in [true, false] {
        let ours = router(
            bench,
            Options::new().routing_id("ours").router_mandatory(true),
        )?;
        let theirs = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
        theirs.set("ROUTING_ID", "theirs")?;
        if version != ZMTP_1 {
            theirs.set("ROUTER_MANDATORY", 1)?;
        }
        match we_bind {
            true => theirs.connect(&ours.bind(&bench.wildcard(transport))?)?,
            false => ours.connect(&theirs.bind(&bench.wildcard(transport))?)?,
        }
        ours.wait_peers(1)?;
        for message in traffic() {
            send_to(&ours, b"theirs", message)?;
        }
        for message in traffic() {
            expect_from(&theirs, b"ours", message)?;
        }
        for message in traffic() {
            send_to(&theirs, b"ours", message)?;
        }
        for message in traffic() {
            expect_from(&ours, b"theirs", message)?;
        }
    }
    Ok(())
}

fn their_ids(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = router(bench, Options::new())?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let mut dealers = Vec::new();
    for id in ids() {
        let dealer = their_dealer(bench, version, &id)?;
        dealer.connect(&endpoint)?;
        dealer.send(&message([b"", b"hello"]))?;
        expect_from(&router, &id, &message([b"", b"hello"]))?;
        dealers.push((id, dealer));
    }
    for (id, _) in &dealers {
        send_to(&router, id, &[id.clone(), b"".to_vec()])?;
    }
    for (id, dealer) in &dealers {
        dealer.expect(&vec![id.clone(), b"".to_vec()])?;
    }
    Ok(())
}

fn their_requesters(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = router(bench, Options::new())?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    for id in ids() {
        let req = Theirs::open(&bench.peer(version)?, "REQ")?;
        req.set_bytes("ROUTING_ID", &id)?;
        req.connect(&endpoint)?;
        req.send(&message([b"one", b"two"]))?;
        expect_from(&router, &id, &message([b"", b"one", b"two"]))?;
        send_to(&router, &id, &message([b"", b"three"]))?;
        req.expect(&message([b"three"]))?;
    }
    Ok(())
}

fn our_ids(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    identified(bench, version, transport, SocketType::Dealer)
}

fn our_requesters(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    identified(bench, version, transport, SocketType::Req)
}

/// Their ROUTER knows ours by the ids they tell it.
fn identified(bench: &Bench, version: &str, transport: Transport, kind: SocketType) -> Outcome {
    let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let envelope = match kind {
        SocketType::Req => message([b""]),
        _ => vec![],
    };
    for id in ids() {
        let options = Options::new().routing_id(id.clone());
        let ours = Ours::plain(&bench.context(), kind, options)?;
        ours.connect(&endpoint)?;
        ours.send(&message([b"hello", b""]))?;
        let said = [envelope.clone(), message([b"hello", b""])].concat();
        expect_from(&router, &id, &said)?;
        let answer = [envelope.clone(), message([b"and you"])].concat();
        send_to(&router, &id, &answer)?;
        ours.expect(&message([b"and you"]))?;
    }
    Ok(())
}

/// A peer without an id gets one of five bytes that begins with zero, and keeps it.
fn made_up(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = router(bench, Options::new())?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let mut ids = Vec::new();
    for number in 0..4_u8 {
        let dealer = Theirs::plain(&bench.peer(version)?, "DEALER", "dealer")?;
        dealer.connect(&endpoint)?;
        for word in [vec![number], vec![number, number]] {
            dealer.send(&vec![word.clone()])?;
            let seen = router.recv()?;
            if seen.len() != 2 || seen[0].len() != 5 || seen[0][0] != 0 || seen[1] != word {
                return Err(format!("no id of five bytes: {}", show(&seen)).into());
            }
            ids.push(seen[0].clone());
        }
        send_to(&router, &ids[ids.len() - 1], &message([b"back"]))?;
        dealer.expect(&message([b"back"]))?;
    }
    ids.dedup();
    match ids.len() {
        4 => Ok(()),
        _ => Err(format!("four dealers, these ids: {ids:?}").into()),
    }
}

/// A message to an unknown peer is refused, or else dropped, and no other socket notices.
fn mandatory(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for mandatory in [true, false] {
        let router = router(bench, Options::new().router_mandatory(mandatory))?;
        let dealer = their_dealer(bench, version, b"anna")?;
        dealer.connect(&router.bind(&bench.wildcard(transport))?)?;
        dealer.send(&message([b"here"]))?;
        expect_from(&router, b"anna", &message([b"here"]))?;
        let refused = send_to(&router, b"unknown", &message([b"lost"])).is_err();
        if refused != mandatory {
            return Err(format!("mandatory: {mandatory}, refused: {refused}").into());
        }
        send_to(&router, b"anna", &message([b"fine"]))?;
        dealer.expect(&message([b"fine"]))?;
        // A peer that has left is unknown too.
        dealer.peer.kill();
        router.wait_peers(0)?;
        let anna = RoutingId::new("anna")?;
        let until = std::time::Instant::now() + PATIENCE;
        while router.socket.has_peer(&anna) {
            if std::time::Instant::now() > until {
                return Err("a killed peer is still there".into());
            }
            std::thread::yield_now();
        }
        let refused = send_to(&router, b"anna", &message([b"lost"])).is_err();
        if refused != mandatory {
            return Err(format!("gone, mandatory: {mandatory}, refused: {refused}").into());
        }
    }
    Ok(())
}

/// A slow peer of a mandatory ROUTER is waited for, and gets everything.
fn mandatory_waits(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const COUNT: u32 = 3000;
    let options = Options::new().router_mandatory(true).high_water_marks(10);
    let router = router(bench, options)?;
    let dealer = their_dealer(bench, version, b"slow")?;
    dealer.set("RCVHWM", 10)?;
    dealer.connect(&router.bind(&bench.wildcard(transport))?)?;
    dealer.send(&message([b"here"]))?;
    expect_from(&router, b"slow", &message([b"here"]))?;
    let reading = serde_json::json!({
        "first": 0, "count": COUNT, "size": 5000, "timeout": 9000,
        "pause_every": 300, "pause": 20,
    });
    dealer.post("recv_many", reading)?;
    for number in 0..COUNT {
        send_to(&router, b"slow", &[pattern(number, 5000)])?;
    }
    let seen = dealer.peer.answer(PATIENCE)?;
    match seen["received"] == COUNT {
        true => Ok(()),
        false => Err(format!("not all came: {seen}").into()),
    }
}

/// A second peer of one name is not heard, and the first one stays.
fn in_use(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = router(bench, Options::new())?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let first = their_dealer(bench, version, b"anna")?;
    first.connect(&endpoint)?;
    first.send(&message([b"first"]))?;
    expect_from(&router, b"anna", &message([b"first"]))?;
    let second = their_dealer(bench, version, b"anna")?;
    second.connect(&endpoint)?;
    second.send(&message([b"second"]))?;
    router.expect_nothing(std::time::Duration::from_millis(150))?;
    send_to(&router, b"anna", &message([b"you"]))?;
    first.expect(&message([b"you"]))?;
    first.send(&message([b"still"]))?;
    expect_from(&router, b"anna", &message([b"still"]))
}

/// With handover the second one takes the name over.
fn handover(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = router(bench, Options::new().router_handover(true))?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let first = their_dealer(bench, version, b"anna")?;
    first.set("RECONNECT_IVL", -1)?;
    first.connect(&endpoint)?;
    first.send(&message([b"first"]))?;
    expect_from(&router, b"anna", &message([b"first"]))?;
    let second = their_dealer(bench, version, b"anna")?;
    second.connect(&endpoint)?;
    second.send(&message([b"second"]))?;
    expect_from(&router, b"anna", &message([b"second"]))?;
    send_to(&router, b"anna", &message([b"you"]))?;
    second.expect(&message([b"you"]))?;
    first.expect_nothing(std::time::Duration::from_millis(50))
}

/// Two of ours with one name at their ROUTER, which hands the name over.
fn handover_of_theirs(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    router.set("ROUTER_HANDOVER", 1)?;
    let endpoint = router.bind(&bench.wildcard(transport))?;
    let options = Options::new().routing_id("anna").reconnect_interval(None);
    let first = Ours::plain(&bench.context(), SocketType::Dealer, options.clone())?;
    first.connect(&endpoint)?;
    first.send(&message([b"first"]))?;
    expect_from(&router, b"anna", &message([b"first"]))?;
    let second = Ours::plain(&bench.context(), SocketType::Dealer, options)?;
    second.connect(&endpoint)?;
    second.send(&message([b"second"]))?;
    expect_from(&router, b"anna", &message([b"second"]))?;
    send_to(&router, b"anna", &message([b"you"]))?;
    second.expect(&message([b"you"]))?;
    first.expect_nothing(std::time::Duration::from_millis(50))
}

/// We name an endpoint: what is sent there waits for the next peer, whatever it says.
fn connect_as(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let router = router(bench, Options::new().router_mandatory(true))?;
    router
        .socket
        .connect_as(&endpoint, RoutingId::new("worker")?)?;
    send_to(&router, b"worker", &message([b"early", b""]))?;
    for round in 0..2 {
        let dealer = their_dealer(bench, version, b"its own idea")?;
        dealer.bind(&endpoint)?;
        if round == 0 {
            dealer.expect(&message([b"early", b""]))?;
        }
        dealer.send(&message([b"ready"]))?;
        expect_from(&router, b"worker", &message([b"ready"]))?;
        send_to(&router, b"worker", &message([b"work"]))?;
        dealer.expect(&message([b"work"]))?;
        dealer.peer.kill();
        router.wait_peers(0)?;
    }
    Ok(())
}

/// They name us: what we say of ourselves does not matter to them.
fn connected_as(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().routing_id("our own idea");
    let dealer = Ours::plain(&bench.context(), SocketType::Dealer, options)?;
    let endpoint = dealer.bind(&bench.wildcard(transport))?;
    let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    router.set("CONNECT_ROUTING_ID", "worker")?;
    router.connect(&endpoint)?;
    send_to(&router, b"worker", &message([b"work"]))?;
    dealer.expect(&message([b"work"]))?;
    dealer.send(&message([b"done"]))?;
    expect_from(&router, b"worker", &message([b"done"]))
}

fn our_probe(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for (kind, id) in [(SocketType::Dealer, b"deal"), (SocketType::Router, b"rout")] {
        let router = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
        let options = Options::new().probe_router(true).routing_id(*id);
        let ours = Ours::plain(&bench.context(), kind, options)?;
        ours.connect(&router.bind(&bench.wildcard(transport))?)?;
        expect_from(&router, id, &message([b""]))?;
        send_to(&router, id, &message([b"seen"]))?;
        let seen = ours.recv()?;
        if seen.last().is_none_or(|frame| frame != b"seen") {
            return Err(format!("{kind:?} got {}", show(&seen)).into());
        }
    }
    Ok(())
}

fn their_probe(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for kind in ["DEALER", "ROUTER"] {
        let router = router(bench, Options::new())?;
        let theirs = Theirs::plain(&bench.peer(version)?, kind, "prober")?;
        theirs.set("PROBE_ROUTER", 1)?;
        theirs.set("ROUTING_ID", "prober")?;
        theirs.connect(&router.bind(&bench.wildcard(transport))?)?;
        expect_from(&router, b"prober", &message([b""]))?;
        send_to(&router, b"prober", &message([b"seen"]))?;
        let seen = theirs.recv()?;
        if seen.last().is_none_or(|frame| frame != b"seen") {
            return Err(format!("{kind} got {}", show(&seen)).into());
        }
    }
    Ok(())
}

fn both_probe(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = router(bench, Options::new().probe_router(true).routing_id("ours"))?;
    let theirs = Theirs::plain(&bench.peer(version)?, "ROUTER", "router")?;
    theirs.set("PROBE_ROUTER", 1)?;
    theirs.set("ROUTING_ID", "theirs")?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    // A libzmq that accepted a connection notices it in a call of its user's.
    expect_from(&theirs, b"ours", &message([b""]))?;
    expect_from(&ours, b"theirs", &message([b""]))
}

/// Without a delimiter there is no client that a REP could answer: it ignores it.
fn no_delimiter(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let dealer = Ours::plain(&bench.context(), SocketType::Dealer, Options::new())?;
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    dealer.connect(&rep.bind(&bench.wildcard(transport))?)?;
    dealer.send(&message([b"no delimiter"]))?;
    // An envelope of several frames comes back as it was.
    dealer.send(&message([b"one", b"two", b"", b"request"]))?;
    rep.expect(&message([b"request"]))?;
    rep.send(&message([b"reply"]))?;
    dealer.expect(&message([b"one", b"two", b"", b"reply"]))
}

/// A DEALER does not wait for one reply before it sends the next request.
fn many_requests(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const COUNT: u32 = 500;
    let dealer = Ours::open(&bench.context(), SocketType::Dealer)?;
    let peer = bench.peer(version)?;
    let rep = Theirs::open(&peer, "REP")?;
    dealer.connect(&rep.bind(&bench.wildcard(transport))?)?;
    rep.post(
        "echo",
        serde_json::json!({"count": COUNT, "timeout": PATIENCE.as_millis() as u64}),
    )?;
    for number in 0..COUNT {
        dealer.send(&vec![pattern(number, 40)])?;
    }
    for number in 0..COUNT {
        dealer.expect(&vec![pattern(number, 40)])?;
    }
    peer.answer(PATIENCE).map(drop)
}

/// Clients of ours, workers of ours, and a ROUTER and a DEALER of theirs between.
fn broker(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    const COUNT: u32 = 50;
    let peer = bench.peer(version)?;
    let router = Theirs::plain(&peer, "ROUTER", "front")?;
    let dealer = Theirs::plain(&peer, "DEALER", "back")?;
    let (front, back) = (
        router.bind(&bench.wildcard(transport))?,
        dealer.bind(&bench.wildcard(transport))?,
    );
    let context = bench.context();
    let client = Ours::open(&context, SocketType::Dealer)?;
    client.connect(&front)?;
    let worker = Ours::plain(&context, SocketType::Router, Options::new())?;
    worker.connect(&back)?;
    let relay = |source: &str, target: &str| {
        peer.ask(serde_json::json!({
            "do": "relay", "source": source, "target": target, "count": COUNT,
            "timeout": PATIENCE.as_millis() as u64,
        }))
    };
    for number in 0..COUNT {
        client.send(&vec![pattern(number, 100)])?;
    }
    relay("front", "back")?;
    for _ in 0..COUNT {
        let mut request = worker.recv()?;
        // [their DEALER, our client, delimiter, body]
        if request.len() != 4 || !request[2].is_empty() {
            return Err(format!("no such envelope: {}", show(&request)).into());
        }
        request[3].reverse();
        worker.send(&request)?;
    }
    relay("back", "front")?;
    for number in 0..COUNT {
        let mut body = pattern(number, 100);
        body.reverse();
        client.expect(&vec![body])?;
    }
    Ok(())
}

/// Our ROUTER tells of their coming and going.
fn notify(bench: &Bench, transport: Transport) -> Outcome {
    let router = router(bench, Options::new().router_notify(Notify::Both))?;
    let dealer = their_dealer(bench, DRAFT, b"anna")?;
    dealer.connect(&router.bind(&bench.wildcard(transport))?)?;
    expect_from(&router, b"anna", &message([b""]))?;
    dealer.send(&message([b"hello"]))?;
    expect_from(&router, b"anna", &message([b"hello"]))?;
    dealer.peer.kill();
    expect_from(&router, b"anna", &message([b""]))
}

/// Their ROUTER tells of ours.
fn their_notify(bench: &Bench, transport: Transport) -> Outcome {
    let router = Theirs::plain(&bench.peer(DRAFT)?, "ROUTER", "router")?;
    router.set("ROUTER_NOTIFY", 3)?;
    let options = Options::new().routing_id("anna");
    let dealer = Ours::plain(&bench.context(), SocketType::Dealer, options)?;
    dealer.connect(&router.bind(&bench.wildcard(transport))?)?;
    expect_from(&router, b"anna", &message([b""]))?;
    dealer.send(&message([b"hello"]))?;
    expect_from(&router, b"anna", &message([b"hello"]))?;
    dealer.socket.close_blocking();
    expect_from(&router, b"anna", &message([b""]))
}
