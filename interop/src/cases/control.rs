//! libzmq against libzmq: shows that the peers and the conversations themselves are right,
//! and that a check can fail.

use std::time::Duration;

use crate::bench::{Bench, Outcome, Transport};
use crate::cases::{case, Case, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::conversation::{Pairing, PAIRINGS, ROUTED};
use crate::frames::{message, text};
use crate::side::{Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (one, other) in [
        (NEW, OLD),
        (OLD, NEW),
        (NEW, OLDEST),
        (NEW, ZMTP_2),
        (NEW, ZMTP_1),
    ] {
        for pairing in PAIRINGS.into_iter().chain(ROUTED) {
            // An envelope that ours would put on itself, libzmq's own REQ and REP do too.
            for transport in Transport::ALL {
                cases.push(case(
                    format!("control/{one}-{other}/{transport}/{pairing}"),
                    move |bench| talk(bench, one, other, transport, pairing),
                ));
            }
        }
    }
    cases.push(case("control/a wrong message is noticed", wrong_message));
    cases.push(case("control/a dead peer is noticed", dead_peer));
    cases.push(case("control/a silent peer is noticed", silent_peer));
    cases
}

fn talk(bench: &Bench, one: &str, other: &str, transport: Transport, pairing: Pairing) -> Outcome {
    let (one, other) = (bench.peer(one)?, bench.peer(other)?);
    let stand_in = Theirs::open(&one, pairing.ours.name())?;
    let theirs = Theirs::open(&other, pairing.theirs)?;
    pairing.flow.prepare(&stand_in, &theirs)?;
    let endpoint = theirs.bind(&bench.wildcard(transport))?;
    stand_in.connect(&endpoint)?;
    pairing.flow.everything(&stand_in, &theirs)
}

/// Every kind of difference makes `expect` fail.
fn wrong_message(bench: &Bench) -> Outcome {
    let peer = bench.peer(NEW)?;
    let push = Theirs::open(&peer, "PUSH")?;
    let pull = Theirs::open(&peer, "PULL")?;
    push.connect(&pull.bind("tcp://127.0.0.1:*")?)?;
    let expected = message([b"a", b"", b"bc"]);
    for sent in [
        message([b"a", b"", b"bd"]),
        message([b"a", b"", b"b"]),
        message([b"a", b"bc"]),
        message([b"a", b"bc", b""]),
        message([b"a", b"", b"bc", b""]),
        text("abc"),
    ] {
        push.send(&sent)?;
        if pull.expect(&expected).is_ok() {
            return Err(format!("{} passed for {}", crate::frames::show(&sent), "another").into());
        }
    }
    push.send(&expected)?;
    pull.expect(&expected)?;
    pull.expect_nothing(Duration::from_millis(10))
}

fn dead_peer(bench: &Bench) -> Outcome {
    let peer = bench.peer(NEW)?;
    let socket = Theirs::open(&peer, "PULL")?;
    peer.kill();
    match socket.bind("tcp://127.0.0.1:*") {
        Ok(_) => Err("a killed peer answered".into()),
        Err(_) => Ok(()),
    }
}

/// A heartbeat without an answer ends the connection: what the heartbeat cases rely on.
fn silent_peer(bench: &Bench) -> Outcome {
    let peer = bench.peer(NEW)?;
    let pull = Theirs::open(&peer, "PULL")?;
    for (option, milliseconds) in super::heartbeat::HEARTBEAT {
        pull.set(option, milliseconds)?;
    }
    let endpoint = pull.bind("tcp://127.0.0.1:*")?;
    let silent = super::heartbeat::SilentPeer::connect(&endpoint, "PUSH")?;
    pull.wait_connected()?;
    pull.wait_event(&["disconnected"])?;
    drop(silent);
    Ok(())
}
