//! Connections that are lost and come back, for every pairing of types.

use std::rc::Rc;

use zmq_channels::SocketType;

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD};
use crate::conversation::{Pairing, PAIRINGS};
use crate::frames::text;
use crate::peer::Peer;
use crate::side::{Ours, Side, Theirs};

type Body = fn(&Bench, &str, Transport, Pairing) -> Outcome;

const LOSSES: [(&str, Body); 6] = [
    ("they bind, are killed and restarted", bound_peer_restarts),
    ("they bind, close and open", bound_peer_reopens),
    ("they bind, unbind and bind", bound_peer_rebinds),
    (
        "we bind, they are killed and restarted",
        connected_peer_restarts,
    ),
    ("we bind, unbind and bind", we_rebind),
    ("we bind, close and open", we_reopen),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD] {
        for transport in Transport::ALL {
            for pairing in PAIRINGS {
                for (what, body) in LOSSES {
                    // A REQ of libzmq keeps the connections of an endpoint it has unbound.
                    if (what, pairing.theirs) == ("they bind, unbind and bind", "REQ") {
                        continue;
                    }
                    cases.push(case(
                        format!("reconnect/{version}/{transport}/{pairing}/{what}"),
                        move |bench| body(bench, version, transport, pairing),
                    ));
                }
            }
            cases.push(case(
                format!("reconnect/{version}/{transport}/REQ-REP/killed owing a reply"),
                move |bench| owing_a_reply(bench, version, transport),
            ));
            cases.push(case(
                format!("reconnect/{version}/{transport}/REP-REQ/killed waiting for a reply"),
                move |bench| waiting_for_a_reply(bench, version, transport),
            ));
            cases.push(case(
                format!("reconnect/{version}/{transport}/PUSH-PULL/queued meanwhile"),
                move |bench| queued_meanwhile(bench, version, transport),
            ));
        }
    }
    cases
}

/// How often a connection is lost in one case.
const TIMES: u32 = 2;

fn bound_peer_restarts(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    let start = || -> Outcome<(Rc<Peer>, Theirs)> {
        let peer = bench.peer(version)?;
        let theirs = Theirs::open(&peer, pairing.theirs)?;
        theirs.bind(&endpoint)?;
        Ok((peer, theirs))
    };
    let (mut peer, mut theirs) = start()?;
    ours.connect(&endpoint)?;
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    for _ in 0..TIMES {
        peer.kill();
        (peer, theirs) = start()?;
        theirs.wait_connected()?;
        prepare_theirs_again(pairing, &theirs)?;
        pairing.flow.a_few_words(&ours, &theirs)?;
    }
    Ok(())
}

fn bound_peer_reopens(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    ours.connect(&endpoint)?;
    let peer = bench.peer(version)?;
    for time in 0..=TIMES {
        let theirs = Theirs::open_named(&peer, pairing.theirs, &time.to_string())?;
        theirs.bind(&endpoint)?;
        if time == 0 {
            pairing.flow.prepare(&ours, &theirs)?;
        } else {
            prepare_theirs_again(pairing, &theirs)?;
        }
        theirs.wait_connected()?;
        pairing.flow.a_few_words(&ours, &theirs)?;
        theirs.close()?;
    }
    Ok(())
}

fn bound_peer_rebinds(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
) -> Outcome {
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    let endpoint = theirs.bind(&bench.endpoint(transport))?;
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    ours.connect(&endpoint)?;
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    for _ in 0..TIMES {
        theirs.unbind(&endpoint)?;
        // The listener goes, and the connection made through it.
        theirs.wait_event(&["closed"])?;
        theirs.bind(&endpoint)?;
        theirs.wait_connected()?;
        pairing.flow.a_few_words(&ours, &theirs)?;
    }
    Ok(())
}

fn connected_peer_restarts(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
) -> Outcome {
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    let endpoint = ours.bind(&bench.endpoint(transport))?;
    let start = || -> Outcome<(Rc<Peer>, Theirs)> {
        let peer = bench.peer(version)?;
        let theirs = Theirs::open(&peer, pairing.theirs)?;
        theirs.connect(&endpoint)?;
        theirs.wait_connected()?;
        Ok((peer, theirs))
    };
    let (mut peer, mut theirs) = start()?;
    pairing.flow.prepare(&ours, &theirs)?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    for _ in 0..TIMES {
        peer.kill();
        (peer, theirs) = start()?;
        prepare_theirs_again(pairing, &theirs)?;
        pairing.flow.a_few_words(&ours, &theirs)?;
    }
    Ok(())
}

/// A peer that was killed has forgotten its subscriptions; ours has not.
fn prepare_theirs_again(pairing: Pairing, theirs: &Theirs) -> Outcome {
    match pairing.ours {
        SocketType::Pub => theirs.subscribe(b""),
        _ => Ok(()),
    }
}

fn we_rebind(bench: &Bench, version: &str, transport: Transport, pairing: Pairing) -> Outcome {
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    let endpoint = ours.bind(&bench.endpoint(transport))?;
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    theirs.connect(&endpoint)?;
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    for _ in 0..TIMES {
        ours.unbind(&endpoint)?;
        // Unbinding ends the connections that came through the endpoint.
        theirs.wait_event(&["disconnected"])?;
        let again = ours.bind(&endpoint)?;
        if again != endpoint {
            return Err(format!("bound {endpoint}, got {again}").into());
        }
        theirs.wait_connected()?;
        pairing.flow.a_few_words(&ours, &theirs)?;
    }
    Ok(())
}

fn we_reopen(bench: &Bench, version: &str, transport: Transport, pairing: Pairing) -> Outcome {
    let context = bench.context();
    let mut ours = Ours::open(&context, pairing.ours)?;
    let endpoint = ours.bind(&bench.endpoint(transport))?;
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    theirs.connect(&endpoint)?;
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    for _ in 0..TIMES {
        let closed = ours.socket.close_blocking();
        if closed.undelivered != 0 {
            return Err(format!("{} messages undelivered", closed.undelivered).into());
        }
        theirs.wait_event(&["disconnected"])?;
        // Closed means closed: the endpoint is free at once.
        ours = Ours::open(&context, pairing.ours)?;
        ours.bind(&endpoint)?;
        if pairing.ours == SocketType::Sub {
            ours.subscribe(b"")?;
        }
        theirs.wait_connected()?;
        pairing.flow.a_few_words(&ours, &theirs)?;
    }
    Ok(())
}

/// The server dies with our request in its hands: our REQ is not stuck for ever.
fn owing_a_reply(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let req = Ours::open(&bench.context(), SocketType::Req)?;
    let peer = bench.peer(version)?;
    let rep = Theirs::open(&peer, "REP")?;
    rep.bind(&endpoint)?;
    req.connect(&endpoint)?;
    req.send(&text("first"))?;
    rep.expect(&text("first"))?;
    peer.kill();
    let rep = Theirs::open(&bench.peer(version)?, "REP")?;
    rep.bind(&endpoint)?;
    rep.wait_connected()?;
    // Whether the library asks again by itself or drops the lost request: the next goes out,
    // and its reply is the next we see.
    req.send(&text("second"))?;
    let mut asked = rep.recv()?;
    if asked == text("first") {
        rep.send(&text("re: first"))?;
        req.expect(&text("re: first"))?;
        asked = rep.recv()?;
    }
    if asked != text("second") {
        return Err(format!("expected the second request, seen {asked:?}").into());
    }
    rep.send(&text("re: second"))?;
    req.expect(&text("re: second"))
}

/// The client dies waiting: our reply has nowhere to go, and the next client is served.
fn waiting_for_a_reply(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let rep = Ours::open(&bench.context(), SocketType::Rep)?;
    let endpoint = rep.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let req = Theirs::open(&peer, "REQ")?;
    req.connect(&endpoint)?;
    req.send(&text("first"))?;
    rep.expect(&text("first"))?;
    peer.kill();
    let req = Theirs::open(&bench.peer(version)?, "REQ")?;
    req.connect(&endpoint)?;
    req.wait_connected()?;
    rep.send(&text("re: first"))?;
    req.send(&text("second"))?;
    rep.expect(&text("second"))?;
    rep.send(&text("re: second"))?;
    req.expect(&text("re: second"))
}

/// What our connecting PUSH accepted while its peer was away arrives once it is back.
fn queued_meanwhile(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let push = Ours::open(&bench.context(), SocketType::Push)?;
    push.connect(&endpoint)?;
    push.send_many(0, 500, 100, PATIENCE)?;
    let pull = Theirs::open(&bench.peer(version)?, "PULL")?;
    pull.bind(&endpoint)?;
    super::volume::they_receive(&pull, 0, 500, 100)?;
    // They say goodbye, so we know when the connection is gone; a killed peer is not told
    // apart from a slow one before the kernel says so.
    pull.unbind(&endpoint)?;
    pull.wait_event(&["closed"])?;
    pull.bind(&endpoint)?;
    pull.wait_connected()?;
    push.send_many(500, 500, 100, PATIENCE)?;
    super::volume::they_receive(&pull, 500, 500, 100)
}
