//! The draft types, against a libzmq that was built with them.

use serde_json::json;
use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, DRAFT};
use crate::conversation::{Pairing, DRAFTS};
use crate::frames::{message, pattern, show, traffic, Frames};
use crate::side::{Ours, Side, Theirs};

/// The longest group there is.
const LONGEST: usize = 255;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for transport in Transport::ALL {
        for pairing in DRAFTS {
            for (we_bind, binds) in [(true, "we bind"), (false, "they bind")] {
                cases.push(case(
                    format!("drafts/{transport}/{pairing}/{binds}"),
                    move |bench| talk(bench, transport, pairing, we_bind),
                ));
                cases.push(case(
                    format!("drafts/control/{transport}/{pairing}/{binds}"),
                    move |bench| control(bench, transport, pairing, we_bind),
                ));
                cases.push(case(
                    format!("drafts/{transport}/{pairing}/{binds}, connected first"),
                    move |bench| connected_first(bench, transport, pairing, we_bind),
                ));
            }
        }
        for (we_bind, binds) in [(true, "we bind"), (false, "they bind")] {
            cases.push(case(
                format!("drafts/{transport}/RADIO-DISH/{binds}"),
                move |bench| radio(bench, transport, we_bind),
            ));
            cases.push(case(
                format!("drafts/{transport}/DISH-RADIO/{binds}"),
                move |bench| dish(bench, transport, we_bind),
            ));
        }
        let mut add = |what: &str, body: fn(&Bench, Transport) -> Outcome| {
            cases.push(case(format!("drafts/{transport}/{what}"), move |bench| {
                body(bench, transport)
            }));
        };
        add("SERVER-CLIENT several", several_clients);
        add("CLIENT-SERVER round robin", several_servers);
        add("SCATTER-GATHER round robin", several_gatherers);
        add("PEER-PEER the bound one speaks too", peers_both_ways);
        add("SERVER-CLIENT comes back", client_returns);
        add("CHANNEL-CHANNEL comes back", channel_returns);
        add("several frames are not for CLIENT", several_frames);
    }
    cases
}

/// A PEER that connects is the one that asks.
fn roles(pairing: Pairing, we_bind: bool) -> crate::conversation::Flow {
    match pairing.ours == SocketType::Peer && we_bind {
        true => crate::conversation::Flow::TheyAsk,
        false => pairing.flow,
    }
}

fn talk(bench: &Bench, transport: Transport, pairing: Pairing, we_bind: bool) -> Outcome {
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, pairing.theirs)?;
    join(bench, transport, &ours, &theirs, we_bind)?;
    roles(pairing, we_bind).single_frames(&ours, &theirs)
}

/// libzmq against libzmq.
fn control(bench: &Bench, transport: Transport, pairing: Pairing, we_bind: bool) -> Outcome {
    let stand_in = Theirs::open(&bench.peer(DRAFT)?, pairing.ours.name())?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, pairing.theirs)?;
    join(bench, transport, &stand_in, &theirs, we_bind)?;
    roles(pairing, we_bind).single_frames(&stand_in, &theirs)
}

fn join(
    bench: &Bench,
    transport: Transport,
    ours: &dyn Side,
    theirs: &dyn Side,
    we_bind: bool,
) -> Outcome {
    let wildcard = bench.wildcard(transport);
    match we_bind {
        true => theirs.connect(&ours.bind(&wildcard)?),
        false => ours.connect(&theirs.bind(&wildcard)?),
    }
}

/// The side that connects does so before there is a peer.
fn connected_first(
    bench: &Bench,
    transport: Transport,
    pairing: Pairing,
    we_bind: bool,
) -> Outcome {
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, pairing.theirs)?;
    let endpoint = bench.endpoint(transport);
    match we_bind {
        true => {
            theirs.connect(&endpoint)?;
            theirs.wait_event(&["connect_retried"])?;
            ours.bind(&endpoint)?;
        }
        false => {
            ours.connect(&endpoint)?;
            theirs.bind(&endpoint)?;
        }
    }
    roles(pairing, we_bind).single_frames(&ours, &theirs)
}

/// What of [`traffic`] has one frame, each in one of these groups.
fn grouped() -> Vec<Frames> {
    let single = traffic().iter().filter(|message| message.len() == 1);
    single
        .zip(["a", "group", "a"].into_iter().cycle())
        .map(|(message, group)| vec![group.as_bytes().to_vec(), message[0].clone()])
        .collect()
}

fn longest_group() -> String {
    "g".repeat(LONGEST)
}

/// Publishes in a group until a message of it comes, and takes in all of those.
fn wait_joined(radio: &dyn Side, dish: &dyn Side, group: &str) -> Outcome {
    let deadline = std::time::Instant::now() + PATIENCE;
    for number in 0_u32.. {
        let mark = vec![group.as_bytes().to_vec(), number.to_be_bytes().to_vec()];
        radio.send(&mark)?;
        match dish.poll(std::time::Duration::from_millis(10))? {
            Some(mut seen) => {
                while seen != mark {
                    seen = dish.recv()?;
                }
                return Ok(());
            }
            None if std::time::Instant::now() > deadline => break,
            None => {}
        }
    }
    Err(format!("nothing in group {group} got through").into())
}

fn radio(bench: &Bench, transport: Transport, we_bind: bool) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Radio)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, "DISH")?;
    let group = |do_: &str, name: &str| theirs.ask(do_, json!({"group": name})).map(drop);
    group("join", "a")?;
    join(bench, transport, &ours, &theirs, we_bind)?;
    group("join", &longest_group())?;
    group("join", "group")?;
    wait_joined(&ours, &theirs, "group")?;
    broadcast(&ours, &theirs)?;
    group("leave", "a")?;
    group("join", "last")?;
    wait_joined(&ours, &theirs, "last")?;
    after_leaving(&ours, &theirs)
}

fn dish(bench: &Bench, transport: Transport, we_bind: bool) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Dish)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, "RADIO")?;
    ours.socket.join("a")?;
    join(bench, transport, &ours, &theirs, we_bind)?;
    ours.socket.join(longest_group())?;
    ours.socket.join("group")?;
    wait_joined(&theirs, &ours, "group")?;
    broadcast(&theirs, &ours)?;
    ours.socket.leave("a")?;
    ours.socket.join("last")?;
    wait_joined(&theirs, &ours, "last")?;
    after_leaving(&theirs, &ours)
}

/// Groups are matched whole.
fn broadcast(radio: &dyn Side, dish: &dyn Side) -> Outcome {
    let longest = longest_group();
    for message in grouped() {
        radio.send(&vec![b"groups".to_vec(), b"no".to_vec()])?;
        radio.send(&message)?;
        radio.send(&vec![b"grou".to_vec(), b"no".to_vec()])?;
    }
    radio.send(&vec![longest.clone().into_bytes(), b"yes".to_vec()])?;
    for message in grouped() {
        dish.expect(&message)?;
    }
    dish.expect(&vec![longest.into_bytes(), b"yes".to_vec()])
}

fn after_leaving(radio: &dyn Side, dish: &dyn Side) -> Outcome {
    radio.send(&message([b"a", b"no more"]))?;
    radio.send(&message([b"last", b"one"]))?;
    dish.expect(&message([b"last", b"one"]))
}

/// Many clients at once: each gets its own answer.
fn several_clients(bench: &Bench, transport: Transport) -> Outcome {
    let server = Ours::plain(&bench.context(), SocketType::Server, Options::new())?;
    let endpoint = server.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(DRAFT)?;
    let clients: Vec<Theirs> = (0..5)
        .map(|number| Theirs::open_named(&peer, "CLIENT", &format!("client {number}")))
        .collect::<Outcome<_>>()?;
    for (number, client) in clients.iter().enumerate() {
        client.connect(&endpoint)?;
        client.send(&vec![vec![number as u8]])?;
    }
    let mut asked = Vec::new();
    for _ in &clients {
        asked.push(server.recv()?);
    }
    for request in asked.iter().rev() {
        let [id, body] = request.as_slice() else {
            return Err(format!("no request: {}", show(request)).into());
        };
        server.send(&vec![id.clone(), pattern(u32::from(body[0]), 300)])?;
    }
    for (number, client) in clients.iter().enumerate() {
        client.expect(&vec![pattern(number as u32, 300)])?;
    }
    // No peer of that number: refused.
    match server.send(&vec![vec![0xff; 4], b"unknown".to_vec()]) {
        Err(_) => Ok(()),
        Ok(()) => Err("a message to an unknown peer was taken".into()),
    }
}

fn several_servers(bench: &Bench, transport: Transport) -> Outcome {
    in_turn(bench, transport, SocketType::Client, "SERVER", 2)
}

fn several_gatherers(bench: &Bench, transport: Transport) -> Outcome {
    in_turn(bench, transport, SocketType::Scatter, "GATHER", 1)
}

/// Three of theirs get the same number each of what we send.
fn in_turn(
    bench: &Bench,
    transport: Transport,
    ours: SocketType,
    theirs: &str,
    frames: usize,
) -> Outcome {
    let ours = Ours::open(&bench.context(), ours)?;
    let peer = bench.peer(DRAFT)?;
    let mut sockets = Vec::new();
    for number in 0..3 {
        let socket = Theirs::plain(&peer, theirs, &format!("{number}"))?;
        ours.connect(&socket.bind(&bench.wildcard(transport))?)?;
        sockets.push(socket);
    }
    ours.wait_peers(3)?;
    for number in 0..30 {
        ours.send(&vec![pattern(number, 20)])?;
    }
    let mut seen = Vec::new();
    for socket in &sockets {
        for _ in 0..10 {
            let mut message = socket.recv()?;
            if message.len() != frames {
                return Err(format!("a message of {} frames", message.len()).into());
            }
            seen.extend(message.pop());
        }
    }
    seen.sort();
    let mut sent: Vec<_> = (0..30).map(|number| pattern(number, 20)).collect();
    sent.sort();
    match seen == sent {
        true => Ok(()),
        false => Err("not each message came to one of them".into()),
    }
}

/// What is asked first by the one that connected may be asked by the other afterwards.
fn peers_both_ways(bench: &Bench, transport: Transport) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Peer)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, "PEER")?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    ours.send(&message([b"hello"]))?;
    theirs.expect(&message([b"hello"]))?;
    for number in 0..100 {
        theirs.send(&vec![pattern(number, 100)])?;
        ours.send(&vec![pattern(number + 500, 100)])?;
    }
    for number in 0..100 {
        ours.expect(&vec![pattern(number, 100)])?;
        theirs.expect(&vec![pattern(number + 500, 100)])?;
    }
    Ok(())
}

/// A client that was killed is another one when it comes back.
fn client_returns(bench: &Bench, transport: Transport) -> Outcome {
    let server = Ours::plain(&bench.context(), SocketType::Server, Options::new())?;
    let endpoint = server.bind(&bench.wildcard(transport))?;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let client = Theirs::open(&bench.peer(DRAFT)?, "CLIENT")?;
        client.connect(&endpoint)?;
        client.send(&message([b"here"]))?;
        let request = server.recv()?;
        server.send(&vec![request[0].clone(), b"welcome".to_vec()])?;
        client.expect(&message([b"welcome"]))?;
        ids.push(request[0].clone());
        client.peer.kill();
    }
    ids.sort();
    ids.dedup();
    match ids.len() {
        3 => Ok(()),
        _ => Err(format!("the same number twice: {ids:?}").into()),
    }
}

fn channel_returns(bench: &Bench, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let ours = Ours::open(&bench.context(), SocketType::Channel)?;
    ours.connect(&endpoint)?;
    for round in 0..3 {
        let theirs = Theirs::open(&bench.peer(DRAFT)?, "CHANNEL")?;
        theirs.bind(&endpoint)?;
        theirs.wait_connected()?;
        theirs.send(&vec![pattern(round, 50)])?;
        ours.expect(&vec![pattern(round, 50)])?;
        ours.send(&vec![pattern(round + 10, 50)])?;
        theirs.expect(&vec![pattern(round + 10, 50)])?;
        theirs.peer.kill();
        ours.wait_peers(0)?;
    }
    Ok(())
}

/// Neither library lets a user send several frames.
fn several_frames(bench: &Bench, transport: Transport) -> Outcome {
    let ours = Ours::open(&bench.context(), SocketType::Client)?;
    let theirs = Theirs::open(&bench.peer(DRAFT)?, "SERVER")?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    if ours.send(&message([b"one", b"two"])).is_ok() {
        return Err("a CLIENT of ours took two frames".into());
    }
    ours.send(&message([b"one"]))?;
    theirs.expect(&message([b"one"]))?;
    theirs.send(&message([b"one back"]))?;
    ours.expect(&message([b"one back"]))
}
