//! Which types talk to which, and what a pair of connected sockets has to be able to say.

use std::fmt;
use std::time::{Duration, Instant};

use zmq_channels::SocketType;

use crate::bench::{Outcome, PATIENCE};
use crate::frames::{pattern, text, traffic, Frames};
use crate::side::Side;

/// A type of ours and the type of libzmq it talks to.
#[derive(Clone, Copy, Debug)]
pub struct Pairing {
    pub ours: SocketType,
    pub theirs: &'static str,
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

pub const PAIRINGS: [Pairing; 11] = [
    pairing(SocketType::Pair, "PAIR", Flow::BothSend),
    pairing(SocketType::Req, "REP", Flow::WeAsk),
    pairing(SocketType::Req, "ROUTER", Flow::WeAsk),
    pairing(SocketType::Rep, "REQ", Flow::TheyAsk),
    pairing(SocketType::Rep, "DEALER", Flow::TheyAsk),
    pairing(SocketType::Push, "PULL", Flow::WeSend),
    pairing(SocketType::Pull, "PUSH", Flow::TheySend),
    pairing(SocketType::Pub, "SUB", Flow::WePublish),
    pairing(SocketType::Pub, "XSUB", Flow::WePublish),
    pairing(SocketType::Sub, "PUB", Flow::TheyPublish),
    pairing(SocketType::Sub, "XPUB", Flow::TheyPublish),
];

/// The other types libzmq has had for long. As with libzmq's own, a DEALER asks like a REQ and a
/// ROUTER answers like a REP, with the envelopes put on by [`Side`]s.
pub const ROUTED: [Pairing; 9] = [
    pairing(SocketType::Dealer, "REP", Flow::WeAsk),
    pairing(SocketType::Dealer, "DEALER", Flow::BothSend),
    pairing(SocketType::Dealer, "ROUTER", Flow::WeAsk),
    pairing(SocketType::Router, "REQ", Flow::TheyAsk),
    pairing(SocketType::Router, "DEALER", Flow::TheyAsk),
    pairing(SocketType::XPub, "SUB", Flow::WePublish),
    pairing(SocketType::XPub, "XSUB", Flow::WePublish),
    pairing(SocketType::XSub, "PUB", Flow::TheyPublish),
    pairing(SocketType::XSub, "XPUB", Flow::TheyPublish),
];

/// The draft types, with the types each can talk to.
pub const DRAFTS: [Pairing; 6] = [
    pairing(SocketType::Server, "CLIENT", Flow::TheyAsk),
    pairing(SocketType::Client, "SERVER", Flow::WeAsk),
    pairing(SocketType::Scatter, "GATHER", Flow::WeSend),
    pairing(SocketType::Gather, "SCATTER", Flow::TheySend),
    pairing(SocketType::Channel, "CHANNEL", Flow::BothSend),
    // The side that connects asks.
    pairing(SocketType::Peer, "PEER", Flow::WeAsk),
];

const fn pairing(ours: SocketType, theirs: &'static str, flow: Flow) -> Pairing {
    Pairing { ours, theirs, flow }
}

impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ours.name(), self.theirs)
    }
}

impl Flow {
    /// Subscribes whichever side subscribes to everything: libzmq and ours start with nothing.
    pub fn prepare(self, ours: &dyn Side, theirs: &dyn Side) -> Outcome {
        match self {
            Flow::WePublish => theirs.subscribe(b""),
            Flow::TheyPublish => ours.subscribe(b""),
            _ => Ok(()),
        }
    }

    /// Everything in [`traffic`], in every direction the types have, byte for byte.
    pub fn everything(self, ours: &dyn Side, theirs: &dyn Side) -> Outcome {
        self.converse(ours, theirs, traffic(), reply_to)
    }

    /// All of [`traffic`] that has one frame, as the draft types want it.
    pub fn single_frames(self, ours: &dyn Side, theirs: &dyn Side) -> Outcome {
        let single = traffic().iter().filter(|message| message.len() == 1);
        let messages: Vec<Frames> = single.cloned().collect();
        self.converse(ours, theirs, &messages, single_reply_to)
    }

    /// A few words: enough to see that a connection works.
    pub fn a_few_words(self, ours: &dyn Side, theirs: &dyn Side) -> Outcome {
        let words = [
            text("one"),
            vec![b"two".to_vec(), vec![], b"three".to_vec()],
        ];
        self.converse(ours, theirs, &words, reply_to)
    }

    fn converse(
        self,
        ours: &dyn Side,
        theirs: &dyn Side,
        messages: &[Frames],
        reply_to: Reply,
    ) -> Outcome {
        let blame = |who: &'static str| move |error| format!("{who}: {error}").into();
        match self {
            Flow::WeSend => deliver(ours, theirs, messages).map_err(blame("ours to theirs")),
            Flow::TheySend => deliver(theirs, ours, messages).map_err(blame("theirs to ours")),
            Flow::BothSend => {
                deliver(ours, theirs, messages).map_err(blame("ours to theirs"))?;
                deliver(theirs, ours, messages).map_err(blame("theirs to ours"))?;
                cross(ours, theirs, messages, reply_to).map_err(blame("both ways at once"))
            }
            Flow::WeAsk => question(ours, theirs, messages, reply_to).map_err(blame("ours asks")),
            Flow::TheyAsk => {
                question(theirs, ours, messages, reply_to).map_err(blame("theirs asks"))
            }
            Flow::WePublish => publish(ours, theirs, messages).map_err(blame("ours publishes")),
            Flow::TheyPublish => publish(theirs, ours, messages).map_err(blame("theirs publishes")),
        }
    }
}

/// Sends all, then receives all.
fn deliver(from: &dyn Side, to: &dyn Side, messages: &[Frames]) -> Outcome {
    for message in messages {
        from.send(message)?;
    }
    for message in messages {
        to.expect(message)?;
    }
    Ok(())
}

/// Both send all, then both receive all.
fn cross(one: &dyn Side, other: &dyn Side, messages: &[Frames], reply_to: Reply) -> Outcome {
    for message in messages {
        one.send(message)?;
        other.send(&reply_to(message))?;
    }
    for message in messages {
        other.expect(message)?;
        one.expect(&reply_to(message))?;
    }
    Ok(())
}

/// Each message is a request and gets its own reply.
fn question(
    requester: &dyn Side,
    replier: &dyn Side,
    messages: &[Frames],
    reply_to: Reply,
) -> Outcome {
    for message in messages {
        requester.send(message)?;
        replier.expect(message)?;
        replier.send(&reply_to(message))?;
        requester.expect(&reply_to(message))?;
    }
    Ok(())
}

/// What answers a request: never equal to it.
type Reply = fn(&Frames) -> Frames;

/// One frame that is a byte longer.
fn single_reply_to(request: &Frames) -> Frames {
    let longer = request[0].len() + 1;
    vec![pattern(1000 + (longer % 1000) as u32, longer)]
}

/// The same frames in the other order, and one more.
fn reply_to(request: &Frames) -> Frames {
    let mut reply: Frames = request.iter().rev().cloned().collect();
    reply.push(b"reply".to_vec());
    reply
}

fn publish(publisher: &dyn Side, subscriber: &dyn Side, messages: &[Frames]) -> Outcome {
    wait_subscribed(publisher, subscriber, b"")?;
    deliver(publisher, subscriber, messages)
}

/// Publishes marks that begin with `topic` until the subscriber sees one: from then on, all
/// that begins with `topic` arrives. Leaves no mark behind.
pub fn wait_subscribed(publisher: &dyn Side, subscriber: &dyn Side, topic: &[u8]) -> Outcome {
    let mark = |number: u32| -> Frames {
        let serial = number.to_be_bytes().to_vec();
        vec![topic.to_vec(), b"mark".to_vec(), serial]
    };
    let deadline = Instant::now() + PATIENCE;
    let mut number = 0;
    let mut seen = loop {
        if Instant::now() > deadline {
            return Err(format!("no publication on {topic:02x?} got through").into());
        }
        publisher.send(&mark(number))?;
        if let Some(seen) = subscriber.poll(Duration::from_millis(10))? {
            break seen;
        }
        number += 1;
    };
    // One mark got through, so all later ones do.
    while seen != mark(number) {
        if seen.get(1).is_none_or(|frame| frame != b"mark") {
            return Err(format!("waiting for marks, seen {}", crate::frames::show(&seen)).into());
        }
        seen = subscriber.recv().map_err(|error| {
            let topic = crate::frames::show(&vec![topic.to_vec()]);
            format!("mark {number} on {topic} did not follow the earlier: {error}")
        })?;
    }
    Ok(())
}
