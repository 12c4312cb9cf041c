//! REQ: one request to one of the peers in turn, then its reply, then the next (RFC 28).

use crate::message::{Frame, Message};

use super::balance::Balance;
use super::{
    deliver_untagged, discard, Drop, Inbound, Outlet, Pattern, PeerId, PeerIntro, Rejected,
    Verdict, Violation,
};

#[derive(Default)]
pub(super) struct Req {
    balance: Balance,
    /// Who has the request that is not answered yet.
    waiting: Option<PeerId>,
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

    /// A request that left for this peer is lost: whether it was worked on, nobody can tell, so
    /// it is not sent again. But the socket does not wait for a reply that cannot come.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.balance.leave(peer);
        if self.waiting == Some(peer) {
            self.waiting = None;
            outlet.dropped(Drop::RequestLost, 1);
        }
    }

    fn deliver(
        &mut self,
        peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        let Inbound::Message(message) = inbound else {
            discard(inbound, outlet);
            return Ok(());
        };
        let reply = match message.frames() {
            [delimiter, _, ..] if delimiter.is_empty() => unwrap(message),
            _ => return Err(Violation::MalformedReply),
        };
        if self.waiting == Some(peer) {
            self.waiting = None;
            deliver_untagged(reply, outlet);
        } else {
            outlet.dropped(Drop::Unasked, 1);
        }
        Ok(())
    }

    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict {
        if self.is_blocked() {
            return Verdict::Blocked(message);
        }
        match self.balance.send(wrap(message), outlet) {
            Ok(peer) => {
                self.waiting = Some(peer);
                Verdict::Sent
            }
            Err(message) => Verdict::Blocked(unwrap(message)),
        }
    }

    fn writable(&mut self, peer: PeerId) {
        self.balance.writable(peer);
    }

    fn is_blocked(&self) -> bool {
        self.waiting.is_some() || self.balance.is_blocked()
    }

    fn requeues(&self) -> bool {
        true
    }

    fn unsend(&mut self, message: Message) -> Message {
        self.waiting = None;
        unwrap(message)
    }
}

/// A request: the delimiter in front of what the user sends (RFC 28, "The REQ Socket Type").
fn wrap(mut message: Message) -> Message {
    match message.frames() {
        // One allocation of the right size; pushing to the front would need two.
        [frame] => {
            let mut wrapped = Message::from_frames(vec![Frame::empty(), frame.clone()]);
            wrapped.set_tag(message.tag());
            wrapped
        }
        _ => {
            message.push_front(Frame::empty());
            message
        }
    }
}

/// What stands behind the delimiter.
fn unwrap(mut message: Message) -> Message {
    match message.frames() {
        [_, frame] => {
            let mut body = Message::single(frame.clone());
            body.set_tag(message.tag());
            body
        }
        _ => {
            message.pop_front();
            message
        }
    }
}
