//! Subscriptions and cancels, as commands (ZMTP 3.1) and as messages (3.0, and XSUB always).

use std::time::{Duration, Instant};

use zmq_channels::SocketType;

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::conversation::wait_subscribed;
use crate::frames::{message, pattern, show, Frames};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                if has(version, what) {
                    cases.push(case(
                        format!("subscriptions/{version}/{transport}/{what}"),
                        move |bench| body(bench, version, transport),
                    ));
                }
            };
            add("SUB-XPUB topics", our_topics);
            add("SUB-XPUB twice", ours_twice);
            add("SUB-XPUB before connecting", ours_before_connecting);
            add("SUB-XPUB replay", our_replay);
            add("SUB-PUB prefixes", our_prefixes);
            add("PUB-SUB topics", |bench, version, transport| {
                their_topics(bench, version, transport, "SUB")
            });
            add("PUB-XSUB topics", |bench, version, transport| {
                their_topics(bench, version, transport, "XSUB")
            });
            add("PUB-XSUB twice", theirs_twice);
            add("PUB-SUB prefixes", their_prefixes);
            add("PUB-XSUB user messages", upstream_messages);
        }
    }
    cases
}

/// Before libzmq 4 an XSUB sends nothing but subscriptions, and in ZMTP 1.0 no publisher hears of those.
fn has(version: &str, what: &str) -> bool {
    match version {
        ZMTP_2 => what != "PUB-XSUB user messages",
        ZMTP_1 => what != "PUB-XSUB user messages" && !what.starts_with("SUB-XPUB"),
        _ => true,
    }
}

/// Empty, binary, with separators of other protocols, and around the border where the command
/// becomes long: 245 bytes are the most that fit a short SUBSCRIBE.
fn topics() -> Vec<Vec<u8>> {
    let mut topics: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"a".to_vec(),
        b"\x00".to_vec(),
        b"\x01".to_vec(),
        b"\x01\x00\xff\xfe".to_vec(),
        b"with space, comma".to_vec(),
        b"SUBSCRIBE".to_vec(),
        "T\u{f6}pik \u{2603}".as_bytes().to_vec(),
    ];
    topics.extend(
        [244, 245, 246, 247, 248, 249, 254, 255, 256, 257, 1000].map(|n| pattern(n, n as usize)),
    );
    topics
}

/// Expects what an XPUB reports: 1 or 0, then the topic.
fn expect_report(xpub: &Theirs, expected: u8, topic: &[u8]) -> Outcome {
    let expected = vec![[&[expected], topic].concat()];
    match xpub.poll_raw(PATIENCE)? {
        Some(seen) if seen == expected => Ok(()),
        Some(seen) => Err(format!("XPUB expected {}, got {}", show(&expected), show(&seen)).into()),
        None => Err(format!("XPUB never heard of {}", show(&expected)).into()),
    }
}

fn our_subscriber(
    bench: &Bench,
    version: &str,
    transport: Transport,
    kind: &str,
) -> Outcome<(Ours, Theirs)> {
    let theirs = Theirs::open(&bench.peer(version)?, kind)?;
    let ours = Ours::open(&bench.context(), SocketType::Sub)?;
    ours.connect(&theirs.bind(&bench.wildcard(transport))?)?;
    Ok((ours, theirs))
}

fn our_publisher(
    bench: &Bench,
    version: &str,
    transport: Transport,
    kind: &str,
) -> Outcome<(Ours, Theirs)> {
    let ours = Ours::open(&bench.context(), SocketType::Pub)?;
    let theirs = Theirs::open(&bench.peer(version)?, kind)?;
    theirs.connect(&ours.bind(&bench.wildcard(transport))?)?;
    Ok((ours, theirs))
}

/// Each topic: subscribed, matched by prefix, not matched by others, cancelled.
fn our_topics(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let (sub, xpub) = our_subscriber(bench, version, transport, "XPUB")?;
    for topic in topics() {
        sub.subscribe(&topic)?;
        expect_report(&xpub, 1, &topic)?;
        publish_around(&xpub, &sub, &topic)?;
        sub.unsubscribe(&topic)?;
        expect_report(&xpub, 0, &topic)?;
        xpub.send(&vec![topic.clone(), b"too late".to_vec()])?;
    }
    sub.subscribe(b"end")?;
    expect_report(&xpub, 1, b"end")?;
    xpub.send(&message([b"end"]))?;
    sub.expect(&message([b"end"]))
}

/// Publishes what matches `topic` and what does not; the subscriber gets only the former.
fn publish_around(publisher: &dyn Side, subscriber: &dyn Side, topic: &[u8]) -> Outcome {
    let exact: Frames = vec![topic.to_vec(), b"exact".to_vec()];
    let longer: Frames = vec![[topic, b"longer"].concat()];
    let mut published = vec![exact.clone(), longer.clone()];
    if let Some((last, most)) = topic.split_last() {
        // One byte short, one byte different, and the topic in the wrong frame.
        published.insert(0, vec![most.to_vec(), b"short".to_vec()]);
        published.insert(1, vec![[most, &[last ^ 1]].concat()]);
        published.insert(2, vec![b"".to_vec(), topic.to_vec()]);
    }
    for message in &published {
        publisher.send(message)?;
    }
    subscriber.expect(&exact)?;
    subscriber.expect(&longer)
}

/// Two subscriptions need two cancels, on our side; the publisher hears of one each.
fn ours_twice(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let (sub, xpub) = our_subscriber(bench, version, transport, "XPUB")?;
    sub.subscribe(b"twice")?;
    sub.subscribe(b"twice")?;
    expect_report(&xpub, 1, b"twice")?;
    sub.unsubscribe(b"twice")?;
    sub.subscribe(b"fence")?;
    // Had the one cancel gone out, it would be seen before the fence.
    expect_report(&xpub, 1, b"fence")?;
    xpub.send(&message([b"twice", b"still"]))?;
    sub.expect(&message([b"twice", b"still"]))?;
    sub.unsubscribe(b"twice")?;
    expect_report(&xpub, 0, b"twice")?;
    xpub.send(&message([b"twice", b"no more"]))?;
    xpub.send(&message([b"fence", b"end"]))?;
    sub.expect(&message([b"fence", b"end"]))?;
    // A cancel too many is ignored.
    let _ = sub.unsubscribe(b"twice");
    let _ = sub.unsubscribe(b"never subscribed");
    sub.subscribe(b"twice")?;
    expect_report(&xpub, 1, b"twice")?;
    xpub.send(&message([b"twice", b"again"]))?;
    sub.expect(&message([b"twice", b"again"]))
}

/// What was subscribed before there was a peer, and not cancelled, is what the peer hears.
fn ours_before_connecting(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let sub = Ours::open(&bench.context(), SocketType::Sub)?;
    sub.subscribe(b"early")?;
    sub.connect(&endpoint)?;
    sub.subscribe(b"later")?;
    sub.subscribe(b"cancelled")?;
    sub.unsubscribe(b"cancelled")?;
    let xpub = Theirs::open(&bench.peer(version)?, "XPUB")?;
    xpub.bind(&endpoint)?;
    expect_reports(&xpub, &[b"early", b"later"])?;
    xpub.send(&message([b"later", b"1"]))?;
    xpub.send(&message([b"cancelled", b"2"]))?;
    xpub.send(&message([b"early", b"3"]))?;
    sub.expect(&message([b"later", b"1"]))?;
    sub.expect(&message([b"early", b"3"]))
}

/// The peer comes back and hears everything still subscribed, once.
fn our_replay(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let peer = bench.peer(version)?;
    let xpub = Theirs::open(&peer, "XPUB")?;
    xpub.bind(&endpoint)?;
    let sub = Ours::open(&bench.context(), SocketType::Sub)?;
    sub.connect(&endpoint)?;
    let long = pattern(7, 256);
    let kept: [&[u8]; 4] = [b"", b"kept", b"\x00", &long];
    for topic in kept {
        sub.subscribe(topic)?;
    }
    sub.subscribe(b"kept")?;
    sub.subscribe(b"cancelled")?;
    expect_reports(&xpub, &[b"", b"kept", b"\x00", &long, b"cancelled"])?;
    sub.unsubscribe(b"cancelled")?;
    expect_report(&xpub, 0, b"cancelled")?;
    peer.kill();
    sub.unsubscribe(b"")?;
    sub.subscribe(b"new")?;
    let xpub = Theirs::open(&bench.peer(version)?, "XPUB")?;
    // Reports each subscription that arrives, also those it has already.
    xpub.set("XPUB_VERBOSE", 1)?;
    xpub.bind(&endpoint)?;
    // Once this gets through, what comes next is behind all that was replayed.
    wait_subscribed(&xpub, &sub, b"kept")?;
    sub.subscribe(b"fence")?;
    expect_in_force(&xpub, &[b"kept", b"\x00", &long, b"new", b"fence"])?;
    xpub.send(&message([b"kept", b"after"]))?;
    sub.expect(&message([b"kept", b"after"]))
}

/// Subscriptions to these topics, in any order, and nothing else.
fn expect_reports(xpub: &Theirs, topics: &[&[u8]]) -> Outcome {
    let mut missing: Vec<Frames> = topics
        .iter()
        .map(|topic| vec![[b"\x01", *topic].concat()])
        .collect();
    while !missing.is_empty() {
        let seen = xpub
            .poll_raw(PATIENCE)?
            .ok_or_else(|| format!("XPUB never heard of {}", show(&missing.concat())))?;
        match missing.iter().position(|expected| *expected == seen) {
            Some(at) => drop(missing.swap_remove(at)),
            None => {
                let missing = show(&missing.concat());
                return Err(format!("XPUB got {}, still missing {missing}", show(&seen)).into());
            }
        }
    }
    Ok(())
}

/// Reads reports up to that of the topic named last: by then exactly these are in force, each
/// subscribed once. What was subscribed and cancelled again in between does not matter.
fn expect_in_force(xpub: &Theirs, topics: &[&[u8]]) -> Outcome {
    let mut in_force: Vec<Vec<u8>> = Vec::new();
    while in_force.last().map(Vec::as_slice) != topics.last().copied() {
        let seen = xpub
            .poll_raw(PATIENCE)?
            .ok_or_else(|| format!("XPUB heard only of {}", show(&in_force)))?;
        let (action, topic) = seen[0].split_first().ok_or("an empty report")?;
        let known = in_force.iter().position(|other| other == topic);
        match (action, known) {
            (1, None) => in_force.push(topic.to_vec()),
            (0, Some(at)) => drop(in_force.remove(at)),
            _ => {
                let before = show(&in_force);
                return Err(format!("XPUB got {} having {before}", show(&seen)).into());
            }
        }
    }
    let mut expected: Vec<Vec<u8>> = topics.iter().map(|topic| topic.to_vec()).collect();
    expected.sort();
    in_force.sort();
    match in_force == expected {
        true => Ok(()),
        false => Err(format!(
            "XPUB has {}, should have {}",
            show(&in_force),
            show(&expected)
        )
        .into()),
    }
}

/// Several subscribers with prefixes of their own.
fn our_prefixes(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let publisher = Theirs::open(&bench.peer(version)?, "PUB")?;
    let endpoint = publisher.bind(&bench.wildcard(transport))?;
    let context = bench.context();
    let mut subscribers: Vec<(Box<dyn Side>, &[&str])> = Vec::new();
    for topics in PREFIXES {
        let sub = Ours::open(&context, SocketType::Sub)?;
        sub.connect(&endpoint)?;
        subscribers.push((Box::new(sub), topics));
    }
    prefixes(&publisher, &subscribers)
}

fn their_prefixes(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let publisher = Ours::open(&bench.context(), SocketType::Pub)?;
    let endpoint = publisher.bind(&bench.wildcard(transport))?;
    let peer = bench.peer(version)?;
    let mut subscribers: Vec<(Box<dyn Side>, &[&str])> = Vec::new();
    for (number, topics) in PREFIXES.into_iter().enumerate() {
        let sub = Theirs::open_named(&peer, "SUB", &number.to_string())?;
        sub.connect(&endpoint)?;
        subscribers.push((Box::new(sub), topics));
    }
    prefixes(&publisher, &subscribers)
}

const PREFIXES: [&[&str]; 5] = [&[""], &["a"], &["b", "bc"], &["ab", "d"], &["_", "c", "x"]];

fn prefixes(publisher: &dyn Side, subscribers: &[(Box<dyn Side>, &[&str])]) -> Outcome {
    // One after another, each with a mark that no other gets: those that wait see no marks.
    for (number, (subscriber, _)) in subscribers.iter().enumerate() {
        subscriber.subscribe(&mark(number))?;
        wait_subscribed(publisher, subscriber.as_ref(), &mark(number))?;
    }
    for (number, (subscriber, topics)) in subscribers.iter().enumerate() {
        for topic in *topics {
            subscriber.subscribe(topic.as_bytes())?;
        }
        // Sent behind the others: when it got through, so have they.
        subscriber.unsubscribe(&mark(number))?;
        subscriber.subscribe(&fence(number))?;
    }
    for (number, (subscriber, _)) in subscribers.iter().enumerate() {
        wait_subscribed(publisher, subscriber.as_ref(), &fence(number))?;
    }
    drain(publisher, subscribers[0].0.as_ref())?;
    let published: Vec<Frames> = ["_", "a", "b", "c", "d", "ab", "bc", "abc", "bcd", "x", "ba"]
        .map(|topic| vec![topic.as_bytes().to_vec(), b"body".to_vec()])
        .to_vec();
    for message in &published {
        publisher.send(message)?;
    }
    for (number, (subscriber, topics)) in subscribers.iter().enumerate() {
        let matching = published.iter().filter(|message| {
            topics
                .iter()
                .any(|topic| message[0].starts_with(topic.as_bytes()))
        });
        for message in matching {
            subscriber
                .expect(message)
                .map_err(|error| format!("subscriber {number} of {topics:?}: {error}"))?;
        }
    }
    Ok(())
}

fn mark(number: usize) -> Vec<u8> {
    vec![0xff, number as u8]
}

fn fence(number: usize) -> Vec<u8> {
    vec![0xfe, number as u8]
}

/// Takes the marks of the others off a subscriber of everything.
fn drain(publisher: &dyn Side, subscriber: &dyn Side) -> Outcome {
    let last = message([b"\xff", b"last"]);
    publisher.send(&last)?;
    loop {
        match subscriber.poll(PATIENCE)? {
            Some(seen) if seen == last => return Ok(()),
            Some(_) => {}
            None => return Err("the end of the marks did not come".into()),
        }
    }
}

/// Each topic of theirs, on our publisher. An XSUB does not filter what arrives, so it would
/// show what our publisher sends too much.
fn their_topics(bench: &Bench, version: &str, transport: Transport, kind: &str) -> Outcome {
    let (publisher, sub) = our_publisher(bench, version, transport, kind)?;
    for topic in topics() {
        sub.subscribe(&topic)?;
        wait_subscribed(&publisher, &sub, &topic)?;
        publish_around(&publisher, &sub, &topic)?;
        sub.unsubscribe(&topic)?;
        // The fence goes out behind the cancel.
        sub.subscribe(b"\xfffence")?;
        wait_cancelled(&publisher, &sub, &topic, b"\xfffence")?;
        sub.unsubscribe(b"\xfffence")?;
    }
    Ok(())
}

/// Publishes on `topic` and on `fence` until only the latter gets through: the former has been
/// cancelled.
fn wait_cancelled(
    publisher: &dyn Side,
    subscriber: &dyn Side,
    topic: &[u8],
    fence: &[u8],
) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    for round in 0_u32.. {
        let serial = round.to_be_bytes().to_vec();
        let probe: Frames = vec![[topic, b"probe"].concat(), serial.clone()];
        let end: Frames = vec![fence.to_vec(), serial];
        publisher.send(&probe)?;
        publisher.send(&end)?;
        let mut leaked = false;
        while let Some(seen) = subscriber.poll(Duration::from_millis(10))? {
            leaked |= seen == probe;
            if seen == end {
                if leaked {
                    break;
                }
                return Ok(());
            }
        }
        if Instant::now() > deadline {
            let state = if leaked {
                "is still sent"
            } else {
                "gets no fence through"
            };
            return Err(format!("cancelled {topic:02x?} {state}").into());
        }
    }
    Ok(())
}

/// libzmq sends each subscription but only the last cancel: a publisher keeps a set.
fn theirs_twice(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let (publisher, xsub) = our_publisher(bench, version, transport, "XSUB")?;
    xsub.subscribe(b"twice")?;
    xsub.subscribe(b"twice")?;
    xsub.subscribe(b"tw")?;
    wait_subscribed(&publisher, &xsub, b"twice")?;
    publisher.send(&message([b"twice", b"once"]))?;
    xsub.expect(&message([b"twice", b"once"]))?;
    xsub.unsubscribe(b"tw")?;
    xsub.unsubscribe(b"twice")?;
    xsub.subscribe(b"fence")?;
    wait_subscribed(&publisher, &xsub, b"fence")?;
    publisher.send(&message([b"twelve", b"no more"]))?;
    publisher.send(&message([b"twice", b"still"]))?;
    xsub.expect(&message([b"twice", b"still"]))?;
    xsub.unsubscribe(b"twice")?;
    xsub.subscribe(b"other fence")?;
    wait_subscribed(&publisher, &xsub, b"other fence")?;
    publisher.send(&message([b"twice", b"no more"]))?;
    publisher.send(&message([b"other fence", b"end"]))?;
    xsub.expect(&message([b"other fence", b"end"]))
}

/// What an XSUB sends that is no subscription is nothing to a PUB, and does no harm.
fn upstream_messages(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let (publisher, xsub) = our_publisher(bench, version, transport, "XSUB")?;
    xsub.subscribe(b"topic")?;
    wait_subscribed(&publisher, &xsub, b"topic")?;
    for stray in [
        message([b"\x02news"]),
        message([b""]),
        message([b"several", b"frames"]),
        // Does not begin with 1, which would make it a subscription.
        vec![pattern(2, 100_000)],
    ] {
        xsub.send(&stray)?;
    }
    xsub.subscribe(b"other")?;
    wait_subscribed(&publisher, &xsub, b"other")?;
    publisher.send(&message([b"topic", b"still here"]))?;
    xsub.expect(&message([b"topic", b"still here"]))?;
    let lost = xsub.events()?.iter().any(|event| event == "disconnected");
    match lost {
        true => Err("our PUB disconnected an XSUB that sent messages".into()),
        false => Ok(()),
    }
}
