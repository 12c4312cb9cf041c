//! XPUB and XSUB: what they tell their users, and the options about it.

use std::time::Duration;

use serde_json::json;
use zmq_channels::options::{ManualSubscriptions, Verbosity};
use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST};
use crate::conversation::wait_subscribed;
use crate::frames::{message, pattern, show, write_frame, Frames};
use crate::side::{Ours, Side, Theirs};

/// After so much silence, all is said about a peer that is gone.
const SILENCE: Duration = Duration::from_millis(200);

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST] {
        for transport in Transport::ALL {
            let mut add = |what: &str, body: fn(&Bench, &str, Transport) -> Outcome| {
                cases.push(case(
                    format!("publishing/{version}/{transport}/{what}"),
                    move |bench| body(bench, version, transport),
                ));
            };
            for kind in ["SUB", "XSUB"] {
                add(
                    &format!("XPUB-{kind} changes are told"),
                    match kind {
                        "SUB" => |bench, version, transport| {
                            notices(bench, version, transport, "SUB", Verbosity::Changes)
                        },
                        _ => |bench, version, transport| {
                            notices(bench, version, transport, "XSUB", Verbosity::Changes)
                        },
                    },
                );
            }
            add(
                "XPUB-SUB subscriptions are told",
                |bench, version, transport| {
                    notices(bench, version, transport, "SUB", Verbosity::Subscriptions)
                },
            );
            add("XPUB-XSUB user messages", their_words);
            // An XPUB of 4.3.2 aborts at such messages, its own XSUB's included.
            if version != OLD {
                add("XSUB-XPUB user messages", our_words);
            }
            add("XSUB-XPUB subscriptions as messages", our_subscriptions);
            add("XPUB-SUB welcome", our_welcome);
            add("XPUB-SUB manual", our_manual);
            add("XPUB-SUB no drop", our_no_drop);
            add("PUB-SUB no drop", our_pub_no_drop);
            // What follows are options of theirs that came with 4.2.
            if version == OLDEST {
                continue;
            }
            add(
                "XPUB-SUB everything is told",
                |bench, version, transport| {
                    notices(bench, version, transport, "SUB", Verbosity::Everything)
                },
            );
            add("SUB-XPUB welcome", their_welcome);
            add("SUB-XPUB manual", their_manual);
            add("SUB-XPUB no drop", their_no_drop);
            add("PUB-SUB inverted", our_inverted);
            add("SUB-PUB inverted", their_inverted);
        }
    }
    cases
}

fn xpub(bench: &Bench, options: Options) -> Outcome<Ours> {
    Ours::plain(&bench.context(), SocketType::XPub, options)
}

fn word(first: u8, topic: &[u8]) -> Frames {
    vec![[&[first], topic].concat()]
}

/// The same subscribers do the same with an XPUB of ours and one of theirs: both are told the
/// same.
fn notices(
    bench: &Bench,
    version: &str,
    transport: Transport,
    kind: &'static str,
    verbosity: Verbosity,
) -> Outcome {
    let ours = xpub(bench, Options::new().xpub_verbosity(verbosity))?;
    let theirs = Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?;
    match verbosity {
        Verbosity::Changes => {}
        Verbosity::Subscriptions => theirs.set("XPUB_VERBOSE", 1)?,
        Verbosity::Everything => theirs.set("XPUB_VERBOSER", 1)?,
    }
    let told_ours = what_is_told(bench, version, transport, kind, &ours)?;
    let told_theirs = what_is_told(bench, version, transport, kind, &theirs)?;
    if told_ours == told_theirs {
        return Ok(());
    }
    for (step, (ours, theirs)) in told_ours.iter().zip(&told_theirs).enumerate() {
        if ours != theirs {
            let (ours, theirs) = (show(ours), show(theirs));
            return Err(format!("step {step}: ours told {ours}, theirs {theirs}").into());
        }
    }
    Err("one of them told more".into())
}

/// What the XPUB gives its user at each step.
fn what_is_told(
    bench: &Bench,
    version: &str,
    transport: Transport,
    kind: &str,
    xpub: &dyn Side,
) -> Outcome<Vec<Frames>> {
    let endpoint = xpub.bind(&bench.wildcard(transport))?;
    let subscriber = || -> Outcome<Theirs> {
        let subscriber = Theirs::open(&bench.peer(version)?, kind)?;
        subscriber.connect(&endpoint)?;
        Ok(subscriber)
    };
    let (first, second) = (subscriber()?, subscriber()?);
    let long = pattern(3, 300);
    let steps: [(&Theirs, bool, &[u8]); 14] = [
        (&first, true, b"a"),
        (&second, true, b"a"),
        (&first, true, b"a"),
        (&second, false, b"a"),
        (&first, false, b"a"),
        (&first, false, b"a"),
        (&second, false, b"never"),
        (&first, true, b""),
        (&second, true, b""),
        (&first, false, b""),
        (&second, true, &long),
        (&first, true, b"both"),
        (&second, true, b"both"),
        (&second, true, b"\x00\x01"),
    ];
    let mut told = Vec::new();
    for (number, (subscriber, subscribe, topic)) in steps.into_iter().enumerate() {
        match subscribe {
            true => subscriber.subscribe(topic)?,
            false => subscriber.unsubscribe(topic)?,
        }
        // Whatever the step brings comes before this.
        let fence = format!("fence {number}").into_bytes();
        subscriber.subscribe(&fence)?;
        let mut notices = Frames::new();
        loop {
            let notice = xpub.recv()?;
            if notice == word(1, &fence) {
                break;
            }
            notices.extend(notice);
        }
        told.push(notices);
    }
    // What each of them leaves behind, in whatever order.
    for subscriber in [first, second] {
        subscriber.peer.kill();
        let mut notices = Frames::new();
        while let Some(notice) = xpub.poll(if notices.is_empty() {
            PATIENCE
        } else {
            SILENCE
        })? {
            notices.extend(notice);
        }
        notices.sort();
        told.push(notices);
    }
    Ok(told)
}

/// What is no subscription goes to the user, byte for byte.
fn their_words(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xpub = xpub(bench, Options::new())?;
    let xsub = Theirs::plain(&bench.peer(version)?, "XSUB", "xsub")?;
    xsub.connect(&xpub.bind(&bench.wildcard(transport))?)?;
    words(&xsub, &xpub)
}

fn our_words(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xsub = Ours::plain(&bench.context(), SocketType::XSub, Options::new())?;
    let xpub = Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?;
    xsub.connect(&xpub.bind(&bench.wildcard(transport))?)?;
    xsub.wait_peers(1)?;
    words(&xsub, &xpub)
}

fn words(xsub: &dyn Side, xpub: &dyn Side) -> Outcome {
    let words = [
        word(1, b"topic"),
        message([b"hello"]),
        message([b"several", b"", b"frames"]),
        message([b"\x02not one"]),
        vec![pattern(5, 300)],
        vec![pattern(6, 100_000)],
        word(0, b"topic"),
        message([b"last"]),
    ];
    for word in &words {
        xsub.send(word)?;
    }
    for word in &words {
        xpub.expect(word)?;
    }
    Ok(())
}

/// An XSUB subscribes by sending, and by the call; its publisher is told as often as libzmq's
/// XSUB would tell it, and all over again after a reconnect.
fn our_subscriptions(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let xsub = Ours::plain(&bench.context(), SocketType::XSub, Options::new())?;
    let xpub = Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?;
    xpub.set("XPUB_VERBOSE", 1)?;
    xpub.bind(&endpoint)?;
    xsub.connect(&endpoint)?;
    xsub.wait_peers(1)?;
    let long = pattern(3, 300);
    for topic in [b"a".as_slice(), b"", &long] {
        xsub.send(&word(1, topic))?;
        xpub.expect(&word(1, topic))?;
    }
    xsub.socket.subscribe("call")?;
    xpub.expect(&word(1, b"call"))?;
    xsub.send(&word(0, b""))?;
    xpub.expect(&word(0, b""))?;
    for published in [b"b".as_slice(), b"a message", b"call me", &long] {
        xpub.send(&vec![published.to_vec(), b"".to_vec()])?;
    }
    for published in [b"a message".as_slice(), b"call me", &long] {
        xsub.expect(&vec![published.to_vec(), b"".to_vec()])?;
    }
    xpub.peer.kill();
    let xpub = Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?;
    xpub.bind(&endpoint)?;
    let mut told = vec![xpub.recv()?, xpub.recv()?, xpub.recv()?];
    told.sort();
    let mut expected = vec![word(1, b"a"), word(1, b"call"), word(1, &long)];
    expected.sort();
    match told == expected {
        true => Ok(()),
        false => Err("not the same subscriptions after a reconnect".into()),
    }
}

/// A subscriber that subscribed before connecting receives the welcome before all else.
fn our_welcome(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let welcome = Options::new().xpub_welcome("W:elcome");
    for kind in [SocketType::XPub, SocketType::Pub] {
        let ours = Ours::open_with(&bench.context(), kind, welcome.clone())?;
        let endpoint = ours.bind(&bench.wildcard(transport))?;
        for _ in 0..2 {
            let sub = Theirs::open(&bench.peer(version)?, "SUB")?;
            sub.subscribe(b"W")?;
            sub.connect(&endpoint)?;
            sub.expect(&message([b"W:elcome"]))?;
            wait_subscribed(&ours, &sub, b"W")?;
        }
    }
    Ok(())
}

fn their_welcome(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xpub = Theirs::open(&bench.peer(version)?, "XPUB")?;
    xpub.set("XPUB_WELCOME_MSG", "W:elcome")?;
    let endpoint = xpub.bind(&bench.wildcard(transport))?;
    for kind in [SocketType::Sub, SocketType::XSub] {
        let ours = Ours::open(&bench.context(), kind)?;
        ours.subscribe(b"W")?;
        ours.connect(&endpoint)?;
        // Their XPUB attends to a new peer in a call of its user's: the mark.
        xpub.send(&message([b"nothing"]))?;
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            match ours.poll(Duration::from_millis(10))? {
                Some(seen) if seen == message([b"W:elcome"]) => break,
                Some(seen) => return Err(format!("no welcome: {}", show(&seen)).into()),
                None if std::time::Instant::now() > until => return Err("no welcome".into()),
                None => xpub.send(&message([b"nothing"]))?,
            }
        }
    }
    Ok(())
}

/// We give a subscriber something narrower than it asked for.
fn our_manual(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xpub = xpub(bench, Options::new().xpub_manual(ManualSubscriptions::On))?;
    let sub = Theirs::open(&bench.peer(version)?, "SUB")?;
    sub.connect(&xpub.bind(&bench.wildcard(transport))?)?;
    sub.subscribe(b"A")?;
    xpub.expect(&word(1, b"A"))?;
    xpub.send(&message([b"A: nothing is given yet"]))?;
    xpub.socket.subscribe("A1")?;
    sub.subscribe(b"B")?;
    xpub.expect(&word(1, b"B"))?;
    xpub.socket.subscribe("B")?;
    for text in [b"A".as_slice(), b"A0", b"A1 yes", b"B yes"] {
        xpub.send(&vec![text.to_vec()])?;
    }
    sub.expect(&message([b"A1 yes"]))?;
    sub.expect(&message([b"B yes"]))?;
    sub.unsubscribe(b"A")?;
    xpub.expect(&word(0, b"A"))?;
    xpub.socket.unsubscribe("A1")?;
    xpub.send(&message([b"A1 no more"]))?;
    xpub.send(&message([b"B still"]))?;
    sub.expect(&message([b"B still"]))?;
    sub.close()?;
    xpub.expect(&word(0, b"B"))
}

fn their_manual(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xpub = Theirs::plain(&bench.peer(version)?, "XPUB", "xpub")?;
    xpub.set("XPUB_MANUAL", 1)?;
    let sub = Ours::open(&bench.context(), SocketType::Sub)?;
    sub.connect(&xpub.bind(&bench.wildcard(transport))?)?;
    let decide = |command: &str, topic: &[u8]| {
        xpub.ask(command, json!({"topic": write_frame(topic)}))
            .map(drop)
    };
    sub.subscribe(b"A")?;
    xpub.expect(&word(1, b"A"))?;
    decide("subscribe", b"A1")?;
    sub.subscribe(b"B")?;
    xpub.expect(&word(1, b"B"))?;
    decide("subscribe", b"B")?;
    for text in [b"A".as_slice(), b"A0", b"A1 yes", b"B yes"] {
        xpub.send(&vec![text.to_vec()])?;
    }
    sub.expect(&message([b"A1 yes"]))?;
    sub.expect(&message([b"B yes"]))?;
    sub.unsubscribe(b"A")?;
    xpub.expect(&word(0, b"A"))?;
    decide("unsubscribe", b"A1")?;
    xpub.send(&message([b"A1 no more"]))?;
    xpub.send(&message([b"B still"]))?;
    sub.expect(&message([b"B still"]))
}

fn our_no_drop(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    nothing_is_lost(bench, version, transport, SocketType::XPub)
}

fn our_pub_no_drop(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    nothing_is_lost(bench, version, transport, SocketType::Pub)
}

const COUNT: u32 = 3000;
const SIZE: usize = 5000;

/// A slow subscriber of theirs keeps us from sending, and gets everything; so does a quick one.
fn nothing_is_lost(
    bench: &Bench,
    version: &str,
    transport: Transport,
    kind: SocketType,
) -> Outcome {
    let options = Options::new().xpub_no_drop(true).high_water_marks(20);
    let ours = Ours::open_with(&bench.context(), kind, options)?;
    let endpoint = ours.bind(&bench.wildcard(transport))?;
    let subs = [
        Theirs::open(&bench.peer(version)?, "SUB")?,
        Theirs::open(&bench.peer(version)?, "SUB")?,
    ];
    for (sub, pause) in subs.iter().zip([20, 0]) {
        sub.set("RCVHWM", 10)?;
        sub.subscribe(b"")?;
        sub.connect(&endpoint)?;
        wait_subscribed(&ours, sub, b"")?;
        // The marks for the second came to the first as well.
        if pause == 0 {
            ours.send(&message([b"begin"]))?;
            for sub in &subs {
                while sub.recv()? != message([b"begin"]) {}
            }
        }
    }
    for (sub, pause) in subs.iter().zip([20, 0]) {
        let reading = json!({
            "first": 0, "count": COUNT, "size": SIZE, "timeout": 9000,
            "pause_every": 300, "pause": pause,
        });
        sub.post("recv_many", reading)?;
    }
    let sent = ours.send_many(0, COUNT, SIZE, PATIENCE)?;
    if sent != COUNT {
        return Err(format!("only {sent} could be sent").into());
    }
    for sub in &subs {
        let seen = sub.peer.answer(PATIENCE)?;
        if seen["received"] != COUNT {
            return Err(format!("not all came: {seen}").into());
        }
    }
    Ok(())
}

/// The same the other way round: we are the slow one.
fn their_no_drop(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let xpub = Theirs::open(&bench.peer(version)?, "XPUB")?;
    xpub.set("XPUB_NODROP", 1)?;
    xpub.set("SNDHWM", 10)?;
    let sub = Ours::open_with(
        &bench.context(),
        SocketType::Sub,
        Options::new().high_water_marks(10),
    )?;
    sub.subscribe(b"")?;
    sub.connect(&xpub.bind(&bench.wildcard(transport))?)?;
    wait_subscribed(&xpub, &sub, b"")?;
    xpub.post(
        "send_many",
        json!({"first": 0, "count": COUNT, "size": SIZE, "timeout": 9000}),
    )?;
    sub.recv_many(0, COUNT, SIZE, |index| {
        if index % 300 == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
    })?;
    let sent = xpub.peer.answer(PATIENCE)?;
    match sent == COUNT {
        true => Ok(()),
        false => Err(format!("they sent {sent}").into()),
    }
}

/// Messages go to those that did not subscribe to them.
fn our_inverted(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().invert_matching(true);
    let publisher = Ours::open_with(&bench.context(), SocketType::Pub, options)?;
    let sub = Theirs::open(&bench.peer(version)?, "SUB")?;
    sub.set("INVERT_MATCHING", 1)?;
    sub.subscribe(b"not this")?;
    sub.connect(&publisher.bind(&bench.wildcard(transport))?)?;
    inverted(&publisher, &sub)
}

fn their_inverted(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let publisher = Theirs::open(&bench.peer(version)?, "PUB")?;
    publisher.set("INVERT_MATCHING", 1)?;
    let options = Options::new().invert_matching(true);
    let sub = Ours::open_with(&bench.context(), SocketType::Sub, options)?;
    sub.subscribe(b"not this")?;
    sub.connect(&publisher.bind(&bench.wildcard(transport))?)?;
    inverted(&publisher, &sub)
}

fn inverted(publisher: &dyn Side, subscriber: &dyn Side) -> Outcome {
    wait_subscribed(publisher, subscriber, b"mark")?;
    publisher.send(&message([b"not this one"]))?;
    publisher.send(&message([b"but this", b"one"]))?;
    subscriber.expect(&message([b"but this", b"one"]))
}
