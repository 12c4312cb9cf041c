//! The sockets of a world, and the messages that they send.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use super::book::Order;
use super::told::Told;
use super::*;
use crate::error::SendError;
use crate::pump::CloseReport;

pub(super) const TOPICS: [&str; 4] = ["a", "ab", "b", "c"];

/// Sockets of two compatible types that are connected to each other.
pub(super) struct Group {
    pub(super) kinds: [SocketType; 2],
    pub(super) options: [Options; 2],
    /// Whether one of its sockets was closed.
    pub(super) is_broken: bool,
    /// Whether one of them that receives ended a connection.
    pub(super) deafens: bool,
}

/// A socket, and what its user knows of it.
pub(super) struct Member {
    pub(super) group: usize,
    pub(super) side: usize,
    pub(super) kind: SocketType,
    /// The type of its peers.
    pub(super) partner: SocketType,
    pub(super) sock: Sock,
    pub(super) options: Options,
    pub(super) monitor: Feed<Event>,
    pub(super) told: Told,
    /// The endpoints it is bound to, and those it was bound to.
    pub(super) bound: Vec<Endpoint>,
    pub(super) unbound: Vec<Endpoint>,
    pub(super) links: Vec<Link>,
    /// Messages accepted, by number.
    pub(super) sent: Vec<Sent>,
    /// A send that waits for room, with its message's receiver.
    pub(super) sending: Option<(Option<usize>, Sending)>,
    /// Whether it ended a connection, after which it is told no more about it.
    pub(super) parts: bool,
    /// Whether it did so without the time to send what was on its way, or its network is one that
    /// breaks.
    pub(super) cuts: bool,
    /// Number of messages received.
    pub(super) taken: u64,
    pub(super) order: Order,
    /// Names of peers, and the sockets that have them.
    pub(super) peers: Vec<(Frame, usize)>,
    /// The peers whose requests it has not replied to.
    pub(super) owes: VecDeque<usize>,
    pub(super) subscriptions: Vec<&'static str>,
    /// The largest marks, and number of peers, since the queues were empty.
    pub(super) send_limit: Limit,
    pub(super) receive_limit: Limit,
    pub(super) closing: Option<Closing>,
    pub(super) report: Option<CloseReport>,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), SendError>>>>;

/// A call of `connect`.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// As given to `connect`.
    pub(super) endpoint: Endpoint,
    /// What the other socket is bound to.
    pub(super) target: Endpoint,
    pub(super) peer: usize,
}

/// A message that was accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// The only socket that may receive it, if it was addressed.
    pub(super) to: Option<usize>,
    /// Number of connections that its sender had lost.
    pub(super) losses: u64,
    pub(super) received_by: Vec<usize>,
}

/// A high-water mark, of which there is one for each peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) mark: usize,
    pub(super) peers: usize,
}

/// A socket that is closing.
pub(super) struct Closing {
    pub(super) answer: Answer<CloseReport>,
    /// When it must have closed.
    pub(super) until: Option<Instant>,
}

impl Limit {
    pub(super) fn new(mark: usize) -> Limit {
        let mark = if mark == 0 { usize::MAX } else { mark };
        Limit { mark, peers: 1 }
    }

    /// There were that many peers.
    pub(super) fn see(&mut self, peers: usize) {
        self.peers = self.peers.max(peers);
    }

    pub(super) fn messages(self) -> usize {
        self.mark.saturating_mul(self.peers)
    }
}

impl Member {
    pub(super) fn is_open(&self) -> bool {
        self.closing.is_none() && self.report.is_none()
    }

    pub(super) fn read_events(&mut self) {
        while let Ok(event) = self.monitor.try_recv() {
            self.told.event(event);
        }
    }

    /// Whether a message goes to one peer of several that could take it.
    pub(super) fn shares(&self) -> bool {
        use SocketType::*;
        matches!(
            self.kind,
            Push | Pair | Dealer | Client | Scatter | Channel | Req
        )
    }

    /// Whether its senders wait for a peer that is full.
    pub(super) fn waits_for_all(&self) -> bool {
        self.options.get_xpub_no_drop() || self.options.get_router_mandatory()
    }

    /// Whether each peer gets a copy.
    pub(super) fn publishes(&self) -> bool {
        matches!(
            self.kind,
            SocketType::Pub | SocketType::XPub | SocketType::Radio
        )
    }

    /// Whether its user may send at any time.
    pub(super) fn speaks(&self) -> bool {
        self.kind.sends() && self.kind != SocketType::XSub && !self.replies()
    }

    /// Whether it only replies.
    pub(super) fn replies(&self) -> bool {
        self.kind == SocketType::Rep || self.faces_req()
    }

    /// Whether it is a ROUTER whose peers are REQ.
    pub(super) fn faces_req(&self) -> bool {
        self.kind == SocketType::Router && self.partner == SocketType::Req
    }

    /// The next message, for a peer if there is one.
    pub(super) fn message(&self, origin: usize, to: Option<&Frame>) -> Message {
        let number = self.sent.len() as u64;
        let mut message = body(self.kind, origin, number);
        if let Some(to) = to {
            if self.faces_req() {
                message.push_front("");
            }
            message.push_front(to.clone());
        }
        message
    }
}

/// What a socket of this type sends with a number.
pub(super) fn body(kind: SocketType, origin: usize, number: u64) -> Message {
    let mut random = Random::new(number << 16 | origin as u64);
    let mut header = (origin as u64).to_be_bytes().to_vec();
    header.extend(number.to_be_bytes());
    let len = |random: &mut Random| {
        let limit = [1, 40, 300, 3000][random.below(4) as usize];
        random.below(limit) as usize
    };
    let mut frames = vec![header];
    match kind {
        _ if kind.takes_one_frame() || kind == SocketType::Radio => {
            let more = len(&mut random);
            frames[0].resize(16 + more, number as u8);
        }
        _ => {
            for part in 0..random.below(4) {
                frames.push(vec![part as u8 ^ number as u8; len(&mut random)]);
            }
        }
    }
    let topic = topic(number);
    let topic = matches!(kind, SocketType::Pub | SocketType::XPub | SocketType::Radio)
        .then(|| Frame::from(topic));
    let frames = frames.into_iter().map(Frame::from);
    topic.into_iter().chain(frames).collect()
}

pub(super) fn topic(number: u64) -> &'static str {
    TOPICS[number as usize % TOPICS.len()]
}
