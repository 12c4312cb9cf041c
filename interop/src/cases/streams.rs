//! STREAM: bytes of connections that speak no ZMTP.

use std::time::{Duration, Instant};

use serde_json::json;
use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST};
use crate::frames::{pattern, show};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST] {
        for transport in Transport::ALL {
            for (we_bind, binds) in [(true, "we bind"), (false, "they bind")] {
                cases.push(case(
                    format!("streams/{version}/{transport}/STREAM-STREAM bytes, {binds}"),
                    move |bench| bytes(bench, version, transport, we_bind),
                ));
                cases.push(case(
                    format!("streams/{version}/{transport}/STREAM-STREAM we end it, {binds}"),
                    move |bench| ended(bench, version, transport, we_bind, true),
                ));
                cases.push(case(
                    format!("streams/{version}/{transport}/STREAM-STREAM they end it, {binds}"),
                    move |bench| ended(bench, version, transport, we_bind, false),
                ));
            }
            cases.push(case(
                format!("streams/{version}/{transport}/STREAM-STREAM several"),
                move |bench| several(bench, version, transport),
            ));
        }
    }
    cases
}

/// A connection between two STREAMs, and the names it has here and there.
struct Joined {
    ours: Ours,
    theirs: Theirs,
    our_id: Vec<u8>,
    their_id: Vec<u8>,
}

fn joined(bench: &Bench, version: &str, transport: Transport, we_bind: bool) -> Outcome<Joined> {
    let ours = Ours::plain(&bench.context(), SocketType::Stream, Options::new())?;
    let theirs = Theirs::plain(&bench.peer(version)?, "STREAM", "stream")?;
    match we_bind {
        true => theirs.connect(&ours.bind(&bench.wildcard(transport))?)?,
        false => ours.connect(&theirs.bind(&bench.wildcard(transport))?)?,
    }
    let (our_id, their_id) = (begin(&ours)?, begin(&theirs)?);
    Ok(Joined {
        ours,
        theirs,
        our_id,
        their_id,
    })
}

/// An empty message begins a connection, and ends it.
fn begin(stream: &dyn Side) -> Outcome<Vec<u8>> {
    let seen = stream.recv()?;
    match seen.as_slice() {
        [id, empty] if id.len() == 5 && empty.is_empty() => Ok(id.clone()),
        _ => Err(format!("no beginning: {}", show(&seen)).into()),
    }
}

/// Receives `length` bytes of one connection, in any pieces.
fn gather(stream: &dyn Side, id: &[u8], length: usize) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let until = Instant::now() + PATIENCE;
    while bytes.len() < length && Instant::now() < until {
        match stream.poll(PATIENCE)? {
            Some(piece) if piece.len() == 2 && piece[0] == id && !piece[1].is_empty() => {
                bytes.extend(&piece[1]);
            }
            Some(other) => return Err(format!("no bytes: {}", show(&other)).into()),
            None => break,
        }
    }
    Ok(bytes)
}

fn bytes(bench: &Bench, version: &str, transport: Transport, we_bind: bool) -> Outcome {
    let joined = joined(bench, version, transport, we_bind)?;
    let lengths = [1, 2, 255, 256, 8191, 8192, 8193, 65_536, 300_000];
    let sent: Vec<Vec<u8>> = (0..)
        .zip(lengths)
        .map(|(seed, n)| pattern(seed, n))
        .collect();
    let all = sent.concat();
    for bytes in &sent {
        joined
            .ours
            .send(&vec![joined.our_id.clone(), bytes.clone()])?;
    }
    if gather(&joined.theirs, &joined.their_id, all.len())? != all {
        return Err("theirs received something else".into());
    }
    for bytes in &sent {
        joined
            .theirs
            .send(&vec![joined.their_id.clone(), bytes.clone()])?;
    }
    if gather(&joined.ours, &joined.our_id, all.len())? != all {
        return Err("ours received something else".into());
    }
    joined.ours.expect_nothing(Duration::from_millis(10))?;
    joined.theirs.expect_nothing(Duration::from_millis(10))
}

/// An empty message ends the connection, after all that was sent before.
fn ended(
    bench: &Bench,
    version: &str,
    transport: Transport,
    we_bind: bool,
    we_end: bool,
) -> Outcome {
    let Joined {
        ours,
        theirs,
        our_id,
        their_id,
    } = joined(bench, version, transport, we_bind)?;
    let (from, from_id, to, to_id): (&dyn Side, _, &dyn Side, _) = match we_end {
        true => (&ours, our_id, &theirs, their_id),
        false => (&theirs, their_id, &ours, our_id),
    };
    from.send(&vec![from_id.clone(), b"the last words".to_vec()])?;
    if gather(to, &to_id, 14)? != b"the last words" {
        return Err("other last words".into());
    }
    from.send(&vec![from_id, vec![]])?;
    if !we_end {
        // libzmq does the rest of it in calls of its user's.
        theirs.post("event", json!({"names": [], "timeout": 300}))?;
    }
    to.expect(&vec![to_id, vec![]])
}

/// Several connections of one socket do not mix.
fn several(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let ours = Ours::plain(&bench.context(), SocketType::Stream, Options::new())?;
    let endpoint = ours.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let mut connections = Vec::new();
    for number in 0..5_u32 {
        let theirs = Theirs::plain(&peer, "STREAM", &format!("{number}"))?;
        theirs.connect(&endpoint)?;
        let (our_id, their_id) = (begin(&ours)?, begin(&theirs)?);
        connections.push((number, our_id, theirs, their_id));
    }
    for (number, our_id, _, _) in &connections {
        ours.send(&vec![our_id.clone(), pattern(*number, 2000)])?;
    }
    for (number, our_id, theirs, their_id) in &connections {
        if gather(theirs, their_id, 2000)? != pattern(*number, 2000) {
            return Err(format!("connection {number} got something else").into());
        }
        theirs.send(&vec![their_id.clone(), pattern(number + 10, 3000)])?;
        if gather(&ours, our_id, 3000)? != pattern(number + 10, 3000) {
            return Err(format!("connection {number} said something else").into());
        }
    }
    Ok(())
}
