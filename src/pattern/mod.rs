//! Who gets this message? Routing only: no bytes of the wire, no queues beyond what a pattern
//! must remember, no file descriptors, no clock, no locks.
//!
//! A [`Pattern`] is told what happens (`attach`, `detach`, `deliver`, `writable`) and what the
//! user wants (`submit`, `subscribe`, `unsubscribe`); whatever follows from that it puts into
//! the [`Outlet`] it is lent for the call. One file per socket type; what several of them share
//! stands in `balance` (whose turn is it), `fan_out` (a copy for each), `topics` and `tree` (who
//! asked for this), `requests` (who waits for this reply), `routing_table` (who has this name)
//! and `peers`.

mod asker;
mod balance;
mod dealer;
mod dish;
mod fan_out;
mod pair;
mod peers;
mod publish;
mod pull;
mod push;
mod radio;
mod rep;
mod req;
mod requests;
mod router;
mod routing_table;
mod server;
mod stream;
mod subscribe;
mod subscriptions;
#[cfg(test)]
mod tests;
mod topics;
mod tree;
mod xpub;
mod xsub;

use crate::error::{GroupError, Refusal, SubscribeError};
use crate::message::{Frame, Message};
use crate::options::{Options, Overflow};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

pub(crate) use asker::Asker;

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
    /// The name that was reserved for it when our user connected, which counts more than its own.
    pub(crate) alias: Option<Frame>,
    /// The number of the `connect` that made the connection, the same each time it is made again;
    /// `None` if the peer came to us.
    pub(crate) dialer: Option<u64>,
}

/// A command between peers: never dropped, never counted against the high-water mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Subscribe(Frame),
    Cancel(Frame),
    Join(Frame),
    Leave(Frame),
}

/// What became of a submitted message. The caller passes it by reference: it is moved only
/// where a test keeps it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is where it belongs, and what is left of it is of no use. Where copies of it are lost
    /// on the way to single peers, the outlet is told.
    Sent,
    /// No peer got it. The outlet is not told as well.
    Dropped(Drop),
    /// No peer can take it now; it is unchanged.
    Blocked,
    /// It may not be sent on this socket now; it is as it was.
    Refused(Refusal),
}

/// What becomes of a message that came from a peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It goes to the user, as the pattern left it.
    Deliver,
    /// It is the reply to the request its tag names, and goes to the call that waits for it.
    Answer,
    /// It goes nowhere.
    Drop(Drop),
}

/// Which messages of its user's a socket passes on to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Those whose first frame is its name.
    Name(Frame),
    /// Those whose first frame begins with one of these.
    Prefixes(Vec<Frame>),
    /// Those whose first frame begins with none of these.
    OtherThan(Vec<Frame>),
    /// Those whose first frame is one of these.
    Groups(Vec<Frame>),
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
    /// It was the oldest in the queue of its peer, and made room for a newer one.
    Overflow,
    /// The peer it was for is not there any more.
    PeerGone,
    /// A peer sent what it was not asked for.
    Unasked,
    /// A peer replied to a request that has been given up.
    Late,
    /// A peer sent a message without the envelope or the body it needs.
    Malformed,
    /// It is not subscribed to.
    Unmatched,
    /// The peer left without replying to the request.
    RequestLost,
    /// The user does not reply to a request.
    Unanswered,
    /// A peer sent several frames where one is a message.
    Multipart,
    /// This type of socket only receives.
    ReceiveOnly,
}

impl Drop {
    /// Whether the user accepted to send something that a peer wanted, and that is lost. What
    /// no peer subscribed to is no loss, and neither is what a peer had no business to send.
    pub(crate) fn is_loss(self) -> bool {
        match self {
            Drop::PeerFull | Drop::Overflow | Drop::PeerGone | Drop::RequestLost => true,
            Drop::NoPeer
            | Drop::Unasked
            | Drop::Late
            | Drop::Malformed
            | Drop::Unmatched
            | Drop::Unanswered
            | Drop::Multipart
            | Drop::ReceiveOnly => false,
        }
    }
}

/// Frames that a REQ puts in front of a request, at most: its number and the delimiter.
pub(crate) const REQUEST_ENVELOPE: usize = 2;

/// Frames that a REP keeps free for the envelope of a reply, which is that of the request. A reply
/// whose envelope is even longer is judged when it is sent.
pub(crate) const REPLY_ENVELOPE: usize = 1024;

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
    /// A message to a DISH is a group and a body, and the name of a group has at most 255 bytes
    /// (RFC 48).
    MalformedGroup,
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
    /// Says whose losses those are that are counted here or by a verdict.
    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize);
    /// Gives the user a message of the pattern's own making. It waits for room in `out` if there
    /// is none: as long as any waits, no peer of this socket is heard.
    fn deliver(&mut self, message: Message);
    /// Ends a peer's connection, once what was sent to it has left. The pattern need not wait:
    /// `detach` follows, and until then the peer may still be heard.
    fn disconnect(&mut self, peer: PeerId);
    /// There will be no reply to the request with this tag: the peer that had it is gone.
    fn unanswered(&mut self, request: u64);
    /// From now on there is a peer of that name to send to.
    fn route_added(&mut self, name: &Frame);
    /// From now on there is no peer of that name.
    fn route_removed(&mut self, name: &Frame);
    /// That many messages are kept for the name of a peer that is not there.
    fn kept(&mut self, name: &Frame, messages: usize);
    /// What [`Pattern::interest`] says of a peer has changed.
    fn interest_changed(&mut self, peer: PeerId);
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

    /// Whether `attach` would reject any peer now.
    fn is_taken(&self) -> bool {
        false
    }

    /// An attached peer is gone; its slot may come back as another peer.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet);

    /// An attached peer sent a message; it is made what the user gets, in its place. There is
    /// room for it in `out`. An error ends the peer's connection: `detach` follows.
    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation>;

    /// Whether `admit` would deliver whatever that peer sends as it is, but for its tag.
    fn admits_all(&self, _peer: PeerId) -> bool {
        false
    }

    /// An attached peer sent a command. An error ends its connection: `detach` follows. Those
    /// that do not publish ignore it.
    fn heed(
        &mut self,
        _peer: PeerId,
        _command: Upstream,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        Ok(())
    }

    /// The user sends a message.
    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict;

    /// The one peer `submit` passes every message on to, as it is, until that one is full; `None`
    /// if there is none, or a choice.
    fn sole_peer(&self) -> Option<PeerId> {
        None
    }

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
    /// gave it; `None` if it need not be sent any more. Called before `detach` of that peer, for
    /// its last message first.
    fn unsend(&mut self, _peer: PeerId, message: Message) -> Option<Message> {
        Some(message)
    }

    /// No call waits any more for the reply to the request with this tag.
    fn forget(&mut self, _request: u64) {}

    /// Whether each peer has a queue of its own up to the high-water mark: where `submit` never
    /// blocks, and one slow peer must not hold up the others.
    fn buffers_per_peer(&self) -> bool {
        false
    }

    /// Which messages `submit` passes on to an attached peer, for a socket that
    /// [buffers per peer](Pattern::buffers_per_peer); `None` for none at all.
    fn interest(&self, _peer: PeerId) -> Option<Interest> {
        None
    }

    /// A peer is being lost, and `detach` follows: takes, for its return, those of the messages it
    /// had not sent that are not to go elsewhere.
    fn keep(&mut self, _peer: PeerId, _unsent: &mut Vec<Message>) {}

    /// Messages kept for peers that are not there.
    fn kept(&self) -> usize {
        0
    }

    /// Reserves a name, or one that is made up, for the peer of an endpoint of ours; `None` if it
    /// is in use, or if this pattern does not address peers. It comes back as
    /// [`PeerIntro::alias`].
    fn reserve(
        &mut self,
        _name: Option<&RoutingId>,
        _outlet: &mut dyn Outlet,
    ) -> Option<RoutingId> {
        None
    }

    /// That endpoint is no longer connected to.
    fn release(&mut self, _name: &RoutingId, _outlet: &mut dyn Outlet) {}

    /// The name by which a peer is addressed; `None` if this pattern does not address peers, or
    /// if the peer has lost its name.
    fn name(&self, _peer: PeerId) -> Option<RoutingId> {
        None
    }

    /// The attached peer of that name.
    fn find(&self, _name: &RoutingId) -> Option<PeerId> {
        None
    }

    /// The user wants messages that start with `prefix`.
    fn subscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}

    /// The user takes one `subscribe` back.
    fn unsubscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}

    /// Whether a message that was delivered and that the user has not taken yet is still wanted.
    fn wants(&self, _message: &Message) -> bool {
        true
    }

    /// The user decides what the peer gets that a message he received came from; `tag` is that
    /// message's, 0 for none.
    fn decide(&mut self, _tag: u64, _decision: Upstream) -> Result<(), SubscribeError> {
        Err(SubscribeError::Unsupported)
    }

    /// The user wants messages of this group.
    fn join(&mut self, _group: Frame, _outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        Err(GroupError::Unsupported)
    }

    /// The user wants no more messages of this group.
    fn leave(&mut self, _group: Frame, _outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        Err(GroupError::Unsupported)
    }

    /// The user changed the socket's options.
    fn configure(&mut self, _options: &Options, _outlet: &mut dyn Outlet) {}

    /// Peers that have subscribed to anything, or joined any group.
    fn subscribers(&self) -> usize {
        0
    }

    /// Distinct prefixes: for those who publish, that any peer has subscribed to; for those who
    /// subscribe, that the user has (`ZMQ_TOPICS_COUNT`).
    fn topics(&self) -> usize {
        0
    }
}

/// Whether senders wait for a peer that is full, and for no other: that is seen to before a message
/// is accepted, so that [`Pattern::submit`] passes on whatever it gets. The other types that
/// [buffer per peer](Pattern::buffers_per_peer) lose what a full peer cannot take, and so do these
/// under a policy that drops.
pub(crate) fn waits_for_peers(socket_type: SocketType, options: &Options) -> bool {
    let waits = match socket_type {
        SocketType::Router => options.routing.router_mandatory,
        SocketType::Server | SocketType::Peer | SocketType::Stream => true,
        SocketType::Pub | SocketType::XPub | SocketType::Radio => options.publishing.xpub_no_drop,
        _ => false,
    };
    waits && options.queues.send_overflow == Overflow::Block
}

/// The pattern of a socket type, if there is one yet. Names and numbers that it makes up count on
/// from `random`.
pub(crate) fn pattern(
    socket_type: SocketType,
    options: &Options,
    random: u32,
) -> Option<Box<dyn Pattern>> {
    Some(match socket_type {
        SocketType::Pair => Box::new(pair::Pair::new(Parts::Any)),
        SocketType::Pub => Box::new(publish::Publish::new(options)),
        SocketType::Sub => Box::new(subscribe::Subscribe::new(options)),
        SocketType::Req => Box::new(req::Req::new(options, random)),
        SocketType::Rep => Box::new(rep::Rep::default()),
        SocketType::Pull => Box::new(pull::Pull::new(Parts::Any)),
        SocketType::Push => Box::new(push::Push::default()),
        SocketType::Dealer => Box::new(dealer::Dealer::new(Parts::Any)),
        SocketType::Router => Box::new(router::Router::new(options, random)),
        SocketType::XSub => Box::new(xsub::XSub::new(options)),
        SocketType::Server | SocketType::Peer => Box::new(server::Server::new(options, random)),
        SocketType::Client => Box::new(dealer::Dealer::new(Parts::One)),
        SocketType::Scatter => Box::new(push::Push::default()),
        SocketType::Gather => Box::new(pull::Pull::new(Parts::One)),
        SocketType::Channel => Box::new(pair::Pair::new(Parts::One)),
        SocketType::Stream => Box::new(stream::Stream::new(options, random)),
        SocketType::XPub => Box::new(xpub::XPub::new(options)),
        SocketType::Radio => Box::new(radio::Radio::default()),
        SocketType::Dish => Box::new(dish::Dish::default()),
    })
}

/// How many frames the messages of a socket have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parts {
    Any,
    /// One, as the thread-safe types have it (RFC 41, 49, 51, 52): others are skipped whole.
    One,
}

impl Parts {
    fn pass(self, message: &mut Message) -> Result<Admission, Violation> {
        match self {
            Parts::One if message.len() != 1 => Ok(Admission::Drop(Drop::Multipart)),
            Parts::One | Parts::Any => pass(message),
        }
    }
}

/// Lets a message pass as it is. A tag names something inside one socket; it must not come along
/// when an inproc peer hands its message over.
fn pass(message: &mut Message) -> Result<Admission, Violation> {
    message.set_tag(0);
    Ok(Admission::Deliver)
}
