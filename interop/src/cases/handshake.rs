//! What is agreed on when a connection begins, and how it is watched: properties, greetings,
//! our own heartbeats.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use zmq_channels::monitor::{DisconnectReason, EventKind, PeerIdentity};
use zmq_channels::{Monitor, Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, DRAFT, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::conversation::{Flow, Pairing, PAIRINGS, ROUTED};
use crate::frames::{message, text};
use crate::side::{Ours, Side, Theirs};

/// Many intervals, and more than twice what ends a connection that is not answered.
const IDLE: Duration = Duration::from_millis(2500);

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for pairing in PAIRINGS.into_iter().chain(ROUTED) {
        cases.push(case(
            format!("handshake/{NEW}/tcp/{pairing}/our heartbeats"),
            move |bench| heartbeats(bench, NEW, pairing, false),
        ));
        cases.push(case(
            format!("handshake/{OLD}/ipc/{pairing}/both heartbeats"),
            move |bench| heartbeats(bench, OLD, pairing, true),
        ));
    }
    for version in [NEW, OLD] {
        for transport in Transport::ALL {
            cases.push(case(
                format!("handshake/{version}/{transport}/PUSH-PULL/a frozen peer is dropped"),
                move |bench| frozen(bench, version, transport),
            ));
            cases.push(case(
                format!("handshake/{version}/{transport}/PAIR-PAIR/heartbeats each millisecond"),
                move |bench| hasty(bench, version, transport),
            ));
        }
    }
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1, DRAFT] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                cases.push(case(
                    format!("handshake/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                ));
            };
            add("who they are", who_they_are);
            // ZMTP 2.0 and 1.0 have no properties.
            if version != ZMTP_2 && version != ZMTP_1 {
                add("our properties", our_properties);
            }
            add("our hello", our_hello);
            add("our notices", our_notices);
            if version == DRAFT {
                add("their properties", their_properties);
                add("their hello", their_hello);
                add("their notice", their_notice);
            }
        }
    }
    cases
}

/// A PING each 100 ms; no answer for a second ends the connection, on either side: long enough for
/// a busy machine.
fn heartbeat() -> Options {
    Options::new()
        .heartbeat_interval(Some(Duration::from_millis(100)))
        .heartbeat_timeout(Some(Duration::from_secs(1)))
        .heartbeat_ttl(Some(Duration::from_secs(1)))
}

/// Nothing is said for a long time, and the connection is still the same.
fn heartbeats(bench: &Bench, version: &str, pairing: Pairing, both: bool) -> Outcome {
    let options = heartbeat().reconnect_interval(None);
    let ours = Ours::open_with(&bench.context(), pairing.ours, options)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    theirs.set("RECONNECT_IVL", -1)?;
    let transport = match both {
        true => Transport::Ipc,
        false => Transport::Tcp,
    };
    if both {
        theirs.set("HEARTBEAT_IVL", 100)?;
        theirs.set("HEARTBEAT_TIMEOUT", 1000)?;
        theirs.set("HEARTBEAT_TTL", 1000)?;
        theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    } else {
        ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    }
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    thread::sleep(IDLE);
    if theirs.events()?.iter().any(|event| event == "disconnected") {
        return Err("they lost the connection".into());
    }
    while let Ok(event) = monitor.try_recv() {
        if let EventKind::Disconnected { reason } = event.kind {
            return Err(format!("we lost the connection: {reason}").into());
        }
    }
    pairing.flow.a_few_words(&ours, &theirs)
}

/// A peer that says nothing any more, though its connection is there, is dropped in time.
fn frozen(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = Ours::open_with(&bench.context(), SocketType::Push, heartbeat())?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, "PULL")?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    identity(&monitor)?;
    Flow::WeSend.a_few_words(&ours, &theirs)?;
    theirs.peer.process().freeze()?;
    let started = Instant::now();
    loop {
        let event = monitor.recv_timeout_blocking(PATIENCE)?;
        match event.kind {
            EventKind::Disconnected {
                reason: DisconnectReason::HeartbeatTimeout,
            } => break,
            EventKind::Disconnected { reason } => {
                return Err(format!("dropped for another reason: {reason}").into())
            }
            _ => {}
        }
    }
    match started.elapsed() {
        soon if soon < Duration::from_millis(300) => Err(format!("dropped after {soon:?}").into()),
        late if late > Duration::from_secs(3) => Err(format!("dropped after {late:?}").into()),
        _ => Ok(()),
    }
}

/// Both send a PING each millisecond, also while 10 MiB are on their way.
fn hasty(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new()
        .heartbeat_interval(Some(Duration::from_millis(1)))
        .heartbeat_timeout(Some(Duration::from_secs(5)))
        .reconnect_interval(None);
    let ours = Ours::open_with(&bench.context(), SocketType::Pair, options)?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    theirs.set("RECONNECT_IVL", -1)?;
    theirs.set("HEARTBEAT_IVL", 1)?;
    theirs.set("HEARTBEAT_TIMEOUT", 5000)?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    Flow::BothSend.everything(&ours, &theirs)
}

/// The next peer that our monitor tells of.
fn identity(monitor: &Monitor) -> Outcome<PeerIdentity> {
    loop {
        if let EventKind::HandshakeSucceeded(peer) = monitor.recv_timeout_blocking(PATIENCE)?.kind {
            return Ok(peer);
        }
    }
}

fn who_they_are(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Router)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, "DEALER")?;
    theirs.set("ROUTING_ID", "anna")?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    let peer = identity(&monitor)?;
    let speaks = match version {
        NEW => (3, 1),
        OLD | OLDEST => (3, 0),
        ZMTP_2 => (2, 0),
        ZMTP_1 => (1, 0),
        // Made while 3.1 was, and says so.
        _ => (3, 1),
    };
    // ZMTP 1.0 does not tell types.
    let socket_type = Some(SocketType::Dealer).filter(|_| version != ZMTP_1);
    if peer.socket_type != socket_type || peer.routing_id != "anna" || peer.version != Some(speaks)
    {
        return Err(format!("they are not {peer:?}").into());
    }
    Ok(())
}

fn our_properties(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new()
        .property("X-Colour", "blue")
        .property("X-Empty", "")
        .routing_id("ours");
    let ours = Ours::open_with(&bench.context(), SocketType::Push, options)?;
    let theirs = Theirs::open(&bench.peer(version)?, "PULL")?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    for (name, value) in [
        ("X-Colour", "blue"),
        ("Socket-Type", "PUSH"),
        ("X-Empty", ""),
    ] {
        ours.send(&text("message"))?;
        let told = theirs.ask("property", json!({"name": name, "timeout": 9000}))?;
        if told != value {
            return Err(format!("{name} is {told}, not {value:?}").into());
        }
    }
    Ok(())
}

fn their_properties(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Pull)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, "PUSH")?;
    theirs.set("METADATA", "X-Colour:red")?;
    theirs.set("METADATA", "X-Size:12")?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    let peer = identity(&monitor)?;
    for (name, value) in [
        ("X-Colour", "red"),
        ("X-Size", "12"),
        ("Socket-Type", "PUSH"),
    ] {
        let told = |(told, with): &(String, Vec<u8>)| told == name && with == value.as_bytes();
        if !peer.properties.iter().any(told) {
            return Err(format!("no {name}: {value} in {:?}", peer.properties).into());
        }
    }
    Ok(())
}

/// The first message to each peer, before all others, and again after a reconnect.
fn our_hello(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for (kind, theirs_is) in [
        (SocketType::Dealer, "ROUTER"),
        (SocketType::Push, "PULL"),
        (SocketType::Pair, "PAIR"),
    ] {
        let endpoint = bench.endpoint(transport);
        let ours = Ours::plain(&bench.context(), kind, Options::new().hello("hello"))?;
        ours.connect(&endpoint)?;
        ours.send(&text("then this"))?;
        for round in 0..2 {
            let theirs = Theirs::plain(&bench.peer(version)?, theirs_is, "greeted")?;
            theirs.bind(&endpoint)?;
            let mut expected = vec![text("hello")];
            if round == 0 {
                expected.push(text("then this"));
            }
            for expected in expected {
                let seen = theirs.recv()?;
                if seen.last() != expected.last() {
                    return Err(format!("{kind:?}: {}", crate::frames::show(&seen)).into());
                }
            }
            theirs.peer.kill();
            ours.wait_peers(0)?;
        }
    }
    Ok(())
}

fn their_hello(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    // Those that can in 4.3.4.
    for (kind, theirs_is) in [
        (SocketType::Dealer, "DEALER"),
        (SocketType::Dealer, "ROUTER"),
        (SocketType::Router, "DEALER"),
        (SocketType::Client, "SERVER"),
        (SocketType::Server, "CLIENT"),
        (SocketType::Peer, "PEER"),
    ] {
        let theirs = Theirs::plain(&bench.peer(version)?, theirs_is, "greeter")?;
        theirs.set_bytes("HELLO_MSG", b"hello")?;
        let ours = Ours::plain(&bench.context(), kind, Options::new())?;
        theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
        let seen = ours.recv()?;
        if seen.last().is_none_or(|frame| frame != b"hello") {
            let seen = crate::frames::show(&seen);
            return Err(format!("{theirs_is} greeted with {seen}").into());
        }
    }
    Ok(())
}

/// We tell our user when they are gone, whichever side had connected.
fn our_notices(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    for we_bind in [true, false] {
        let options = Options::new()
            .disconnect_notice("they left")
            .hiccup_notice("we lost them");
        let ours = Ours::open_with(&bench.context(), SocketType::Pull, options)?;
        let theirs = Theirs::open(&bench.peer(version)?, "PUSH")?;
        match we_bind {
            true => theirs.connect(&ours.bind(&bench.wildcard(transport))?)?,
            false => ours.connect(&theirs.bind(&bench.wildcard(transport))?)?,
        }
        theirs.send(&text("here"))?;
        ours.expect(&text("here"))?;
        theirs.peer.kill();
        ours.expect(&match we_bind {
            true => text("they left"),
            false => text("we lost them"),
        })?;
    }
    Ok(())
}

/// They tell their user when we are gone.
fn their_notice(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let theirs = Theirs::plain(&bench.peer(version)?, "SERVER", "server")?;
    theirs.set("DISCONNECT_MSG", "they left")?;
    let ours = Ours::open(&bench.context(), SocketType::Client)?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    ours.send(&text("here"))?;
    let here = theirs.recv()?;
    ours.socket.close_blocking();
    theirs.expect(&message([here[0].as_slice(), b"they left"]))
}
