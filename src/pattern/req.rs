//! REQ: sends one request to one of its peers in turn, then delivers its reply, then sends the next
//! (RFC 28). Besides that, any number of requests whose replies calls wait for, distinguished by
//! their numbers.

use std::collections::BTreeMap;

use crate::message::{Frame, Message};
use crate::options::Options;

use super::balance::Balance;
use super::{Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation};

/// Size in bytes of the number in front of a request: as in libzmq, in native byte order. For a
/// peer it is one more frame of the envelope, to be returned unchanged.
const NUMBER_BYTES: usize = 4;

/// A message without a tag is a strict request: its reply goes to `out` with the same tag, and no
/// other strict request is sent until it has arrived. A message with a tag is a request of a call,
/// to which its reply goes; it has a number on the wire and waits for no other request.
#[derive(Default)]
pub(super) struct Req {
    balance: Balance,
    /// The strict request that has no reply yet.
    waiting: Option<Waiting>,
    /// The tag of the strict request.
    strict_tag: u64,
    /// The requests with a tag that have no reply yet, by their numbers on the wire.
    asked: BTreeMap<u32, Asked>,
    /// Their numbers, by tag.
    numbers: BTreeMap<u64, u32>,
    /// The number of the next request, if it is free.
    next_number: u32,
    /// Strict requests are numbered too.
    correlate: bool,
    /// A strict request does not wait for the reply to the last one, but cancels it.
    relaxed: bool,
}

#[derive(Copy, Clone, PartialEq, Eq)]
struct Waiting {
    peer: PeerId,
    number: Option<u32>,
}

/// Whether a request is strict.
fn is_strict(message: &Message) -> bool {
    !message.belongs_to_a_call()
}

struct Asked {
    peer: PeerId,
    tag: u64,
}

impl Req {
    /// Numbers start at random (as libzmq's do), so that a reply to a request from before this
    /// process was started is unlikely to match one of its requests.
    pub(super) fn new(options: &Options, random: u32) -> Self {
        Req {
            next_number: random,
            correlate: options.routing.req_correlate,
            relaxed: options.routing.req_relaxed,
            ..Req::default()
        }
    }

    /// Whether a strict request has to wait for the reply to the last one.
    fn must_wait(&self) -> bool {
        self.waiting.is_some() && !self.relaxed
    }

    /// A number that no open request has.
    fn free_number(&self) -> u32 {
        let mut number = self.next_number;
        while self.asked.contains_key(&number) {
            number = number.wrapping_add(1);
        }
        number
    }

    /// Removes a request with a tag; returns its tag.
    fn close(&mut self, number: u32) -> Option<u64> {
        let tag = self.asked.remove(&number)?.tag;
        self.numbers.remove(&tag);
        Some(tag)
    }
}

impl Pattern for Req {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.balance.join(peer);
        Ok(())
    }

    /// A request that was sent to this peer is lost: it may or may not have been processed, so it
    /// is not sent again. But no call waits for a reply that cannot arrive.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.balance.leave(peer);
        if self.waiting.is_some_and(|waiting| waiting.peer == peer) {
            self.waiting = None;
            outlet.dropped(Drop::RequestLost, 1);
        }
        let (asked, numbers) = (&mut self.asked, &mut self.numbers);
        asked.retain(|_, asked| {
            let is_lost = asked.peer == peer;
            if is_lost {
                numbers.remove(&asked.tag);
                outlet.unanswered(asked.tag);
            }
            !is_lost
        });
    }

    /// A numbered reply is skipped unless a call waits for that number from this very peer
    /// (`ZMQ_REQ_CORRELATE`).
    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        let number = parse(message).ok_or(Violation::MalformedReply)?;
        if self.waiting == Some(Waiting { peer, number }) {
            self.waiting = None;
            open_envelope(message);
            message.set_tag(self.strict_tag);
            return Ok(Admission::Deliver);
        }
        let Some(number) = number else {
            return Ok(Admission::Drop(Drop::Unasked));
        };
        match self.asked.get(&number) {
            None => Ok(Admission::Drop(Drop::Late)),
            Some(asked) if asked.peer != peer => Ok(Admission::Drop(Drop::Unasked)),
            Some(_) => {
                let tag = self.close(number).unwrap_or_default();
                open_envelope(message);
                message.set_tag(tag);
                Ok(Admission::Answer)
            }
        }
    }

    /// Prepends the delimiter (RFC 28, "The REQ Socket Type"), and the number in front of it.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let (tag, strict) = (message.tag(), is_strict(message));
        if self.balance.is_blocked() || (strict && self.must_wait()) {
            return Verdict::Blocked;
        }
        let number = (!strict || self.correlate).then(|| self.free_number());
        put_envelope(number, message);
        message.set_tag(0);
        let Some(peer) = self.balance.send(message, outlet) else {
            open_envelope(message);
            message.set_tag(tag);
            return Verdict::Blocked;
        };
        if let Some(number) = number {
            self.next_number = number.wrapping_add(1);
        }
        match (strict, number) {
            (true, number) => {
                self.waiting = Some(Waiting { peer, number });
                self.strict_tag = tag;
            }
            (false, Some(number)) => {
                self.asked.insert(number, Asked { peer, tag });
                self.numbers.insert(tag, number);
            }
            (false, None) => debug_assert!(false, "a call's request has a number"),
        }
        Verdict::Sent
    }

    fn writable(&mut self, peer: PeerId) {
        self.balance.writable(peer);
    }

    fn is_blocked(&self) -> bool {
        self.must_wait() || self.balance.is_blocked()
    }

    fn requeues(&self) -> bool {
        true
    }

    /// Only the last strict request sent to this peer can be the one whose reply is awaited.
    /// Earlier ones were cancelled, or replied to before they were written, which no honest peer
    /// does.
    fn unsend(&mut self, peer: PeerId, mut message: Message) -> Option<Message> {
        let number = parse(&message)?;
        if self.waiting == Some(Waiting { peer, number }) {
            self.waiting = None;
            open_envelope(&mut message);
            message.set_tag(self.strict_tag);
            return Some(message);
        }
        let tag = self.close(number?)?;
        open_envelope(&mut message);
        message.set_tag(tag);
        Some(message)
    }

    fn forget(&mut self, request: u64) {
        if let Some(number) = self.numbers.get(&request) {
            self.close(*number);
        }
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.correlate = options.routing.req_correlate;
        self.relaxed = options.routing.req_relaxed;
    }
}

/// The number in front of a request or reply, if it has one; `None` if the message lacks a proper
/// envelope and body. As in libzmq, any first frame of four bytes counts as a number.
fn parse(message: &Message) -> Option<Option<u32>> {
    match message.frames() {
        [delimiter, _, ..] if delimiter.is_empty() => Some(None),
        [number, delimiter, _, ..] if delimiter.is_empty() => {
            let bytes: [u8; NUMBER_BYTES] = number[..].try_into().ok()?;
            Some(Some(u32::from_ne_bytes(bytes)))
        }
        _ => None,
    }
}

fn put_envelope(number: Option<u32>, message: &mut Message) {
    let Some(number) = number else {
        return message.push_front(Frame::empty());
    };
    // In one step: each frame prepended moves all the others.
    let mut frames = Vec::with_capacity(2 + message.len());
    frames.extend([Frame::from(number.to_ne_bytes()), Frame::empty()]);
    frames.extend(std::mem::take(message));
    *message = Message::from_frames(frames);
}

/// Removes the number and the delimiter of a message that [`parse`] accepted.
fn open_envelope(message: &mut Message) {
    if message.first().is_some_and(|frame| frame.is_empty()) {
        message.pop_front();
        return;
    }
    let mut frames = std::mem::take(message).into_frames();
    frames.drain(..2);
    *message = Message::from_frames(frames);
}

#[cfg(test)]
mod tests;
