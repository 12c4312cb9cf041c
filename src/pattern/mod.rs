//! Who gets this message? Routing only: no octets of the wire, no queues beyond what a pattern
//! must remember, no file descriptors, no clock, no locks.
//!
//! A [`Pattern`] is told what happens (`attach`, `detach`, `deliver`, `writable`) and what the
//! user wants (`submit`, `subscribe`, `unsubscribe`); whatever follows from that it puts into
//! the [`Outlet`] it is lent for the call. One file per socket type; what several of them share
//! stands in `balance` (whose turn is it), `topics` and `tree` (who asked for this), `requests`
//! (who waits for this reply) and `peers`.

mod balance;
mod dealer;
mod pair;
mod peers;
mod publish;
mod pull;
mod push;
mod rep;
mod req;
mod requests;
mod router;
mod subscribe;
mod subscriptions;
#[cfg(test)]
mod tests;
mod topics;
mod tree;
mod xsub;

use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::socket_type::SocketType;

/// A peer, by the pump's slot of its link. The slot may be used again after `detach`.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub(crate) struct PeerId(pub(crate) u32);

/// What the handshake told about a peer.
#[derive(Clone, Debug)]
pub(crate) struct PeerIntro {
    /// The type it announced; ZMTP 1.0 peers announce none.
    #[allow(dead_code)] // What the table of types says is checked before; no pattern asks yet.
    pub(crate) socket_type: Option<SocketType>,
    /// The name it wants to be routed by; empty for none.
    pub(crate) routing_id: Frame,
}

/// A command between peers: never dropped, never counted against the high-water mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Subscribe(Frame),
    Cancel(Frame),
}

/// What became of a submitted message. Whoever submits passes it by reference: it is moved only
/// where somebody keeps it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is where it belongs, and what is left of it is of no use. Where copies of it are lost
    /// on the way to single peers, the outlet is told.
    Sent,
    /// Nobody got it. The outlet is not told as well.
    Dropped(Drop),
    /// Nobody can take it now; it is as it was.
    Blocked,
    /// It may not be sent on this socket now; it is as it was.
    Refused(Refusal),
}

/// What becomes of a message that came from a peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It goes to the user, as the pattern left it.
    Deliver,
    /// It goes nowhere.
    Drop(Drop),
}

/// That peer is at its high-water mark now.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Why a message was lost.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Drop {
    /// No peer is attached.
    NoPeer,
    /// The peer it was for is at its high-water mark.
    PeerFull,
    /// The peer it was for is not there any more.
    PeerGone,
    /// A peer sent what nobody had asked it for.
    Unasked,
    /// A peer sent a message without the envelope or the body it needs.
    Malformed,
    /// Nobody subscribed to it.
    Unmatched,
    /// The peer left without replying to the request.
    RequestLost,
    /// This type of socket only receives.
    ReceiveOnly,
}

impl Drop {
    /// Whether the user accepted to send something that somebody wanted, and that is lost. What
    /// nobody subscribed to is no loss, and neither is what a peer had no business to send.
    pub(crate) fn is_loss(self) -> bool {
        match self {
            Drop::PeerFull | Drop::PeerGone | Drop::RequestLost => true,
            Drop::NoPeer
            | Drop::Unasked
            | Drop::Malformed
            | Drop::Unmatched
            | Drop::ReceiveOnly => false,
        }
    }
}

/// The pattern does not take this peer: it has all the peers it can have.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected;

/// What a peer did that ends its connection.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A reply is an empty delimiter frame and at least one more (RFC 28, "The REQ Socket Type").
    MalformedReply,
    /// More subscriptions than a publisher keeps for one peer.
    TooManySubscriptions,
}

/// Where a pattern puts things: the links and `out` of a socket.
pub(crate) trait Outlet {
    /// Passes a message to a peer: what is left of it afterwards is of no use. If the peer is
    /// full, it is left as it was.
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full>;
    /// Passes a command to a peer.
    fn command(&mut self, peer: PeerId, command: Upstream);
    /// Counts losses.
    fn dropped(&mut self, why: Drop, messages: usize);
}

/// The routing of one socket.
pub(crate) trait Pattern: Send {
    /// The handshake with a peer is done.
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected>;

    /// An attached peer is gone; its slot may come back as somebody else.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet);

    /// An attached peer sent a message; it is made what the user gets, in its place. There is
    /// room for it in `out`. An error ends the peer's connection: `detach` follows.
    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation>;

    /// An attached peer sent a command. An error ends its connection: `detach` follows. Those
    /// who do not publish take no notice.
    fn heed(&mut self, _peer: PeerId, _command: Upstream) -> Result<(), Violation> {
        Ok(())
    }

    /// The user sends a message.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict;

    /// A peer that was at its high-water mark has room again.
    fn writable(&mut self, _peer: PeerId) {}

    /// Whether `submit` would give back whatever message it gets.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Whether unsent messages of a lost peer are to be submitted again, before all others.
    fn requeues(&self) -> bool {
        false
    }

    /// A message that was sent, but not yet out of the house when its peer was lost, as the user
    /// gave it. Called before `detach` of that peer.
    fn unsend(&mut self, message: Message) -> Message {
        message
    }

    /// Whether each peer has a queue of its own up to the high-water mark: where `submit` never
    /// blocks, and one slow peer must not hold up the others.
    fn buffers_per_peer(&self) -> bool {
        false
    }

    /// The user wants messages that start with `prefix`.
    fn subscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}

    /// The user takes one `subscribe` back.
    fn unsubscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}
}

/// The pattern of a socket type, if there is one yet.
pub(crate) fn pattern(socket_type: SocketType) -> Option<Box<dyn Pattern>> {
    Some(match socket_type {
        SocketType::Pair => Box::new(pair::Pair::default()),
        SocketType::Pub => Box::new(publish::Publish::default()),
        SocketType::Sub => Box::new(subscribe::Subscribe::default()),
        SocketType::Req => Box::new(req::Req::default()),
        SocketType::Rep => Box::new(rep::Rep::default()),
        SocketType::Pull => Box::new(pull::Pull),
        SocketType::Push => Box::new(push::Push::default()),
        SocketType::Dealer => Box::new(dealer::Dealer::default()),
        SocketType::Router => Box::new(router::Router::default()),
        SocketType::XSub => Box::new(xsub::XSub::default()),
        SocketType::XPub
        | SocketType::Server
        | SocketType::Client
        | SocketType::Radio
        | SocketType::Dish
        | SocketType::Gather
        | SocketType::Scatter
        | SocketType::Peer
        | SocketType::Channel => return None,
    })
}

/// Lets a message pass as it is. A tag names something inside one socket; it must not come along
/// when an inproc peer hands its message over.
fn pass(message: &mut Message) -> Result<Admission, Violation> {
    message.set_tag(0);
    Ok(Admission::Deliver)
}
