//! What tests and fuzzing share: an outlet that records, and calls with messages as values.

// Some of it is for tests only.
#![cfg_attr(not(test), allow(dead_code))]

use std::collections::{HashMap, HashSet};

use super::*;

/// An outlet that records everything.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) sent: Vec<(PeerId, Message)>,
    pub(super) commands: Vec<(PeerId, Upstream)>,
    pub(super) delivered: Vec<Message>,
    pub(super) drops: Vec<(Drop, usize)>,
    /// The peers of these.
    pub(super) missed: Vec<(PeerId, Drop, usize)>,
    /// Peers that have reached their high-water mark.
    pub(super) full: HashSet<PeerId>,
    /// Peers whose connections are to end.
    pub(super) disconnected: Vec<PeerId>,
    /// Replies to requests with a tag.
    pub(super) answers: Vec<Message>,
    /// Tags of requests that get no reply.
    pub(super) unanswered: Vec<u64>,
    /// Names that can be sent to.
    pub(super) routes: HashSet<Frame>,
    /// The number of messages kept for each name.
    pub(super) kept: HashMap<Frame, usize>,
    /// Peers whose interest has changed.
    pub(super) changed: Vec<PeerId>,
}

impl Outlet for Recorder {
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full> {
        if self.full.contains(&peer) {
            return Err(Full);
        }
        self.sent.push((peer, std::mem::take(message)));
        Ok(())
    }

    fn command(&mut self, peer: PeerId, command: Upstream) {
        self.commands.push((peer, command));
    }

    fn dropped(&mut self, why: Drop, messages: usize) {
        self.drops.push((why, messages));
    }

    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize) {
        self.missed.push((peer, why, messages));
    }

    fn deliver(&mut self, message: Message) {
        self.delivered.push(message);
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.disconnected.push(peer);
    }

    fn unanswered(&mut self, request: u64) {
        self.unanswered.push(request);
    }

    fn route_added(&mut self, name: &Frame) {
        self.routes.insert(name.clone());
    }

    fn route_removed(&mut self, name: &Frame) {
        self.routes.remove(name);
    }

    fn kept(&mut self, name: &Frame, messages: usize) {
        self.kept.insert(name.clone(), messages);
    }

    fn interest_changed(&mut self, peer: PeerId) {
        self.changed.push(peer);
    }
}

/// Input from a peer, in any of its forms on the wire.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Message(Message),
    Subscribe(Frame),
    Cancel(Frame),
    Join(Frame),
    Leave(Frame),
}

/// A [`Verdict`] with the message, if it was returned.
#[derive(Debug)]
pub(super) enum Given {
    Sent,
    Dropped(Drop),
    Blocked(Message),
    Refused(Message, Refusal),
}

/// A pattern's calls with messages as values, whose results are recorded.
pub(super) trait Calls {
    fn give(&mut self, message: Message, outlet: &mut Recorder) -> Given;
    fn hear(&mut self, peer: PeerId, heard: Heard, outlet: &mut Recorder) -> Result<(), Violation>;
}

impl<P: Pattern + ?Sized> Calls for P {
    fn give(&mut self, mut message: Message, outlet: &mut Recorder) -> Given {
        let (sole, given, before) = (self.sole_peer(), message.clone(), outlet.sent.len());
        let verdict = self.submit(&mut message, outlet);
        if let Some(sole) = sole {
            match verdict {
                Verdict::Sent => assert_eq!(outlet.sent[before..], [(sole, given)]),
                Verdict::Blocked => assert!(outlet.full.contains(&sole)),
                other => panic!("not left to the sole peer: {other:?}"),
            }
        }
        match verdict {
            Verdict::Sent => Given::Sent,
            Verdict::Dropped(why) => Given::Dropped(why),
            Verdict::Blocked => Given::Blocked(message),
            Verdict::Refused(why) => Given::Refused(message, why),
        }
    }

    fn hear(&mut self, peer: PeerId, heard: Heard, outlet: &mut Recorder) -> Result<(), Violation> {
        match heard {
            Heard::Message(mut message) => {
                let (all, sent) = (self.admits_all(peer), message.clone());
                let admitted = self.admit(peer, &mut message);
                if all {
                    assert_eq!(admitted, Ok(Admission::Deliver));
                    assert_eq!(message, sent);
                }
                match admitted? {
                    Admission::Deliver => outlet.delivered.push(message),
                    Admission::Answer => outlet.answers.push(message),
                    Admission::Drop(why) => outlet.dropped(why, 1),
                }
            }
            Heard::Subscribe(prefix) => self.heed(peer, Upstream::Subscribe(prefix), outlet)?,
            Heard::Cancel(prefix) => self.heed(peer, Upstream::Cancel(prefix), outlet)?,
            Heard::Join(group) => self.heed(peer, Upstream::Join(group), outlet)?,
            Heard::Leave(group) => self.heed(peer, Upstream::Leave(group), outlet)?,
        }
        Ok(())
    }
}

impl Recorder {
    pub(super) fn take_sent(&mut self) -> Vec<(u32, Message)> {
        self.sent
            .drain(..)
            .map(|(peer, message)| (peer.0, message))
            .collect()
    }

    pub(super) fn take_commands(&mut self) -> Vec<(u32, Upstream)> {
        self.commands
            .drain(..)
            .map(|(peer, command)| (peer.0, command))
            .collect()
    }
}

/// A small deterministic pseudo-random generator.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }
}

pub(super) fn intro() -> PeerIntro {
    PeerIntro {
        socket_type: None,
        routing_id: Frame::empty(),
        alias: None,
        dialer: None,
    }
}
