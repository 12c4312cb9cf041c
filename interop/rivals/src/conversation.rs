//! Which types talk to which, and what a pair of connected sockets has to be able to say.

use std::fmt;
use std::time::{Duration, Instant};

use zmq_channels::SocketType;

use crate::bench::{Outcome, PATIENCE};
use crate::end::End;
use crate::frames::{message, pattern, show, text, Frames};

/// A type of ours and the type of the peer it talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pairing {
    pub ours: SocketType,
    pub theirs: SocketType,
    pub flow: Flow,
}

/// Which side says what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    WeSend,
    TheySend,
    BothSend,
    WeAsk,
    TheyAsk,
    WePublish,
    TheyPublish,
}

const fn pairing(ours: SocketType, theirs: SocketType, flow: Flow) -> Pairing {
    Pairing { ours, theirs, flow }
}

/// As with libzmq's own, a DEALER asks like a REQ and a ROUTER answers like a REP.
pub const PAIRINGS: [Pairing; 27] = {
    use SocketType::*;
    [
        pairing(Push, Pull, Flow::WeSend),
        pairing(Pull, Push, Flow::TheySend),
        pairing(Pub, Sub, Flow::WePublish),
        pairing(Sub, Pub, Flow::TheyPublish),
        pairing(Pub, XSub, Flow::WePublish),
        pairing(XSub, Pub, Flow::TheyPublish),
        pairing(XPub, Sub, Flow::WePublish),
        pairing(Sub, XPub, Flow::TheyPublish),
        pairing(XPub, XSub, Flow::WePublish),
        pairing(XSub, XPub, Flow::TheyPublish),
        pairing(Req, Rep, Flow::WeAsk),
        pairing(Rep, Req, Flow::TheyAsk),
        pairing(Req, Router, Flow::WeAsk),
        pairing(Router, Req, Flow::TheyAsk),
        pairing(Dealer, Rep, Flow::WeAsk),
        pairing(Rep, Dealer, Flow::TheyAsk),
        pairing(Dealer, Router, Flow::WeAsk),
        pairing(Router, Dealer, Flow::TheyAsk),
        pairing(Dealer, Dealer, Flow::BothSend),
        pairing(Pair, Pair, Flow::BothSend),
        pairing(Client, Server, Flow::WeAsk),
        pairing(Server, Client, Flow::TheyAsk),
        pairing(Scatter, Gather, Flow::WeSend),
        pairing(Gather, Scatter, Flow::TheySend),
        pairing(Channel, Channel, Flow::BothSend),
        pairing(Radio, Dish, Flow::WePublish),
        pairing(Dish, Radio, Flow::TheyPublish),
    ]
};

impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ours.name(), self.theirs.name())
    }
}

impl Pairing {
    /// Whether its messages have one frame only.
    pub fn is_single(self) -> bool {
        use SocketType::{Channel, Client, Dish, Gather, Radio, Scatter, Server};
        matches!(
            self.ours,
            Channel | Client | Dish | Gather | Radio | Scatter | Server
        )
    }

    pub fn has_topics(self) -> bool {
        matches!(self.flow, Flow::WePublish | Flow::TheyPublish)
    }
}

/// Several kinds of frames that are short.
pub fn small() -> Vec<Frames> {
    let mut messages = vec![text("single"), message([b"\x02"]), message([b"\xff\x00"])];
    messages.push(vec![(0..=255).collect()]);
    // The border between frames of short and of long size (RFC 37, "Framing").
    messages.extend((254..=257).map(|length| vec![pattern(length as u32, length)]));
    messages.push(vec![pattern(9, 9000)]);
    messages
}

pub fn empty() -> Vec<Frames> {
    vec![message([b""]), text("behind"), message([b""])]
}

pub fn several_frames() -> Vec<Frames> {
    vec![
        message([b"three", b"frames", b"here"]),
        (0..20)
            .map(|part| pattern(part, part as usize * 13))
            .collect(),
        vec![pattern(4, 255), pattern(5, 256), pattern(6, 257)],
    ]
}

pub fn empty_frames() -> Vec<Frames> {
    vec![
        message([b"before", b"", b"", b"behind"]),
        message([b"", b"behind an empty one"]),
        message([b"before an empty one", b""]),
        message([b"", b"", b""]),
    ]
}

const MIB: usize = 1 << 20;

pub fn large() -> Vec<Frames> {
    let mut messages = vec![vec![pattern(11, MIB)], text("after it")];
    messages.push(vec![pattern(12, MIB + 1)]);
    messages.extend((0..20).map(|number| vec![pattern(number, 100)]));
    messages
}

/// Large frames among small ones, and small messages right behind.
pub fn large_frames() -> Vec<Frames> {
    let mut messages = vec![
        vec![
            b"small".to_vec(),
            pattern(12, MIB),
            vec![],
            pattern(13, MIB),
        ],
        vec![pattern(14, MIB), b"and a small one".to_vec()],
    ];
    messages.extend((0..100).map(|number| vec![pattern(number, 100)]));
    messages
}

pub fn thousand() -> Vec<Frames> {
    (0..1000).map(|number| vec![pattern(number, 64)]).collect()
}

/// A few words: enough to see that a connection works.
pub fn a_few_words() -> Vec<Frames> {
    vec![text("one"), text("two"), text("three")]
}

impl Flow {
    /// Says all that, in every direction the types have. Publications begin once a subscriber is
    /// known to be there.
    pub fn converse(self, ours: &End, theirs: &End, messages: &[Frames]) -> Outcome {
        let blame = |who: &'static str| move |error| format!("{who}: {error}").into();
        match self {
            Flow::WeSend => deliver(ours, theirs, messages).map_err(blame("ours to theirs")),
            Flow::TheySend => deliver(theirs, ours, messages).map_err(blame("theirs to ours")),
            Flow::BothSend => {
                deliver(ours, theirs, messages).map_err(blame("ours to theirs"))?;
                deliver(theirs, ours, messages).map_err(blame("theirs to ours"))
            }
            Flow::WeAsk => question(ours, theirs, messages).map_err(blame("ours asks")),
            Flow::TheyAsk => question(theirs, ours, messages).map_err(blame("theirs asks")),
            Flow::WePublish => publish(ours, theirs, messages).map_err(blame("ours publishes")),
            Flow::TheyPublish => publish(theirs, ours, messages).map_err(blame("theirs publishes")),
        }
    }

    /// Talks until something gets through again after a connection was lost.
    pub fn resume(self, ours: &End, theirs: &End) -> Outcome {
        match self {
            Flow::WeSend => resume_delivery(ours, theirs),
            Flow::TheySend => resume_delivery(theirs, ours),
            Flow::BothSend => {
                resume_delivery(ours, theirs)?;
                resume_delivery(theirs, ours)
            }
            Flow::WeAsk => resume_questions(ours, theirs),
            Flow::TheyAsk => resume_questions(theirs, ours),
            Flow::WePublish => wait_subscribed(ours, theirs, theirs.everything()),
            Flow::TheyPublish => wait_subscribed(theirs, ours, ours.everything()),
        }
    }
}

/// Sends all, then receives all.
fn deliver(from: &End, to: &End, messages: &[Frames]) -> Outcome {
    for message in messages {
        from.send(message)?;
    }
    for message in messages {
        to.expect(message)?;
    }
    Ok(())
}

/// Each message is a request and gets a reply.
fn question(requester: &End, replier: &End, messages: &[Frames]) -> Outcome {
    for message in messages {
        requester.send(message)?;
        replier.expect(message)?;
        let reply: Frames = message.iter().rev().cloned().collect();
        replier.send(&reply)?;
        requester.expect(&reply)?;
    }
    Ok(())
}

/// How many publications are under way at most: far fewer than any high-water mark.
const LOT: usize = 200;

fn publish(publisher: &End, subscriber: &End, messages: &[Frames]) -> Outcome {
    wait_subscribed(publisher, subscriber, subscriber.everything())?;
    for lot in messages.chunks(LOT) {
        deliver(publisher, subscriber, lot)?;
    }
    Ok(())
}

/// A message that is not part of a conversation. Topics are found at its beginning.
fn mark(topic: &str, number: u32) -> Frames {
    vec![format!("{topic} mark {number}").into_bytes()]
}

/// Publishes marks that begin with `topic` until the subscriber sees one: from then on, all
/// that begins with `topic` arrives. Leaves no mark behind.
pub fn wait_subscribed(publisher: &End, subscriber: &End, topic: &str) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    let mut seen = loop {
        if Instant::now() > deadline {
            return Err(format!("no publication on {topic:?} got through").into());
        }
        publisher.hear_subscribers()?;
        publisher.send(&mark(topic, number))?;
        if let Some(seen) = subscriber.poll(Duration::from_millis(10))? {
            break seen;
        }
        number += 1;
    };
    // One mark got through, so all later ones do.
    while seen != mark(topic, number) {
        if !String::from_utf8_lossy(&seen[0]).contains(" mark ") {
            return Err(format!("waiting for marks, seen {}", show(&seen)).into());
        }
        seen = subscriber
            .poll(PATIENCE)?
            .ok_or_else(|| format!("mark {number} on {topic:?} did not follow the earlier"))?;
    }
    Ok(())
}

/// Sends marks until one comes, and takes in those that follow it.
fn resume_delivery(from: &End, to: &End) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        let last = mark("again", number);
        // A sender that waits for the peer may accept it later.
        let sent = from
            .offer(&last, Duration::from_millis(100))
            .unwrap_or(false);
        if let Some(mut seen) = to.poll(Duration::from_millis(50))? {
            let last = if sent { last } else { seen.clone() };
            while seen != last {
                seen = to
                    .poll(PATIENCE)?
                    .ok_or_else(|| format!("{} did not follow {}", show(&last), show(&seen)))?;
            }
            return Ok(());
        }
        if Instant::now() > deadline {
            break;
        }
    }
    Err("nothing got through again".into())
}

fn resume_questions(requester: &End, replier: &End) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    for number in 0.. {
        let request = mark("again", number);
        let accepted = requester.offer(&request, Duration::from_millis(100));
        // A REQ whose request is lost may have to be told so by receiving.
        if !accepted.unwrap_or(false) {
            let _ = requester.poll(Duration::from_millis(10));
        }
        if let Some(mut seen) = replier.poll(Duration::from_millis(50))? {
            loop {
                replier.send(&seen)?;
                requester.expect(&seen)?;
                // Requests that waited meanwhile, of a type that sends several.
                match replier.poll(Duration::from_millis(20))? {
                    Some(next) => seen = next,
                    None => return Ok(()),
                }
            }
        }
        if Instant::now() > deadline {
            break;
        }
    }
    Err("no request got through again".into())
}
