//! Routing: which peer each message goes to. No bytes of the wire, no queues beyond what a pattern
//! must remember, no file descriptors, no clock, no locks.
//!
//! A [`Pattern`] is called for events (`attach`, `detach`, `deliver`, `writable`) and for calls of
//! the user (`submit`, `subscribe`, `unsubscribe`). It puts all results into the [`Outlet`] passed
//! to the call. There is one file per socket type. Shared parts: `balance` (round robin), `fan_out`
//! (copies), `topics` and `tree` (subscriptions of peers), `requests` (open requests),
//! `routing_table` (peers by routing id) and `peers`.

mod asker;
mod balance;
mod dealer;
mod dish;
mod fan_out;
#[cfg(any(test, zmq_channels_fuzz))]
pub(crate) mod fuzz;
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
#[cfg(any(test, zmq_channels_fuzz))]
mod testing;
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

/// A peer, by the pump's slot of its pipe. The slot may be used again after `detach`.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub(crate) struct PeerId(pub(crate) u32);

/// What a peer announced in its handshake.
#[derive(Clone, Debug)]
pub(crate) struct PeerIntro {
    /// The type it announced; ZMTP 1.0 peers announce none.
    #[allow(dead_code)] // What the table of types says is checked before; no pattern asks yet.
    pub(crate) socket_type: Option<SocketType>,
    /// The routing id it announced; empty for none.
    pub(crate) routing_id: Frame,
    /// The routing id assigned to it when this socket connected, which takes precedence over its
    /// own.
    pub(crate) alias: Option<Frame>,
    /// The number of the `connect` that made the connection, the same for each reconnect; `None` if
    /// the peer connected to this socket.
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

/// The result of submitting a message. The caller passes the message by reference: it is moved only
/// where a test keeps it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was sent, and the caller must not use the rest of it. Copies lost on the way to single
    /// peers are reported to the outlet.
    Sent,
    /// No peer received it. It is not reported to the outlet as well.
    Dropped(Drop),
    /// No peer can take it now; it is unchanged.
    Blocked,
    /// It may not be sent on this socket now; it is unchanged.
    Refused(Refusal),
}

/// What happens to a message from a peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is delivered to the user, as the pattern left it.
    Deliver,
    /// It is the reply to the request that its tag names, and goes to the call waiting for it.
    Answer,
    /// It is dropped.
    Drop(Drop),
}

/// Which messages of its user a socket sends to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Those whose first frame is its routing id.
    Name(Frame),
    /// Those whose first frame starts with one of these.
    Prefixes(Vec<Frame>),
    /// Those whose first frame starts with none of these.
    OtherThan(Vec<Frame>),
    /// Those whose first frame is one of these.
    Groups(Vec<Frame>),
}

/// The peer has reached its high-water mark.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Why a message was dropped.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Drop {
    /// No peer is attached.
    NoPeer,
    /// Its peer has reached the high-water mark.
    PeerFull,
    /// It was the oldest in the queue of its peer, and made room for a newer one.
    Overflow,
    /// Its peer is not connected any more.
    PeerGone,
    /// A peer sent a message that is not expected from it.
    Unasked,
    /// A peer replied to a request that was cancelled.
    Late,
    /// A message, received or submitted, lacks the required envelope or body.
    Malformed,
    /// No peer, or not this user, subscribed to it.
    Unmatched,
    /// It was a request, and its peer disconnected without replying.
    RequestLost,
    /// It was a request, and the user does not reply to it.
    Unanswered,
    /// A peer sent several frames to a type whose messages have one.
    Multipart,
    /// It was submitted to a type of socket that only receives.
    ReceiveOnly,
}

impl Drop {
    /// Whether an accepted message that a peer wanted is lost. A message that no peer subscribed to
    /// is not a loss, nor is one that a peer should not have sent.
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

/// Maximum number of frames that a REQ prepends to a request: its number and the delimiter.
pub(crate) const REQUEST_ENVELOPE: usize = 2;

/// Number of frames that a REP reserves for the envelope of a reply, which is that of the request.
/// Replies with a longer envelope are checked when they are sent.
pub(crate) const REPLY_ENVELOPE: usize = 1024;

/// The pattern rejects this peer: it has as many peers as it can have.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected;

/// A violation of the protocol by a peer, which ends its connection.
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

/// The outputs of a pattern: the pipes and the `out` of a socket.
pub(crate) trait Outlet {
    /// Sends a message to a peer; the caller must not use the rest of it. If the peer is full, the
    /// message is unchanged.
    fn send(&mut self, peer: PeerId, message: &mut Message) -> Result<(), Full>;
    /// Sends a command to a peer.
    fn command(&mut self, peer: PeerId, command: Upstream);
    /// Counts dropped messages.
    fn dropped(&mut self, why: Drop, messages: usize);
    /// Assigns messages counted here or by a verdict to a peer.
    fn missed(&mut self, peer: PeerId, why: Drop, messages: usize);
    /// Delivers a message made by the pattern to the user. If `out` is full, it waits for room, and
    /// no messages are read from any peer of this socket meanwhile.
    fn deliver(&mut self, message: Message);
    /// Ends a peer's connection, once the messages sent to it have left. `detach` follows later;
    /// until then messages may still arrive from the peer.
    fn disconnect(&mut self, peer: PeerId);
    /// There will be no reply to the request with this tag: the connection to its peer is lost.
    fn unanswered(&mut self, request: u64);
    /// A peer of this name can be sent to from now on.
    fn route_added(&mut self, name: &Frame);
    /// No peer of this name can be sent to from now on.
    fn route_removed(&mut self, name: &Frame);
    /// `messages` messages are kept for the name of a peer that is not connected.
    fn kept(&mut self, name: &Frame, messages: usize);
    /// The result of [`Pattern::interest`] for a peer has changed.
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

    /// Whether `attach` would reject every peer now.
    fn is_taken(&self) -> bool {
        false
    }

    /// An attached peer is gone; its slot may be used for another peer.
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet);

    /// An attached peer sent a message, which is changed in place into what the user receives.
    /// There is room for it in `out`. An error ends the peer's connection: `detach` follows.
    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation>;

    /// Whether `admit` would deliver every message from that peer unchanged, apart from its tag.
    fn admits_all(&self, _peer: PeerId) -> bool {
        false
    }

    /// An attached peer sent a command. An error ends its connection: `detach` follows. Types that
    /// do not publish ignore it.
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

    /// The only peer to which `submit` sends every message, unchanged, until that peer is full;
    /// `None` if there is none, or several.
    fn sole_peer(&self) -> Option<PeerId> {
        None
    }

    /// A peer that had reached its high-water mark has room again.
    fn writable(&mut self, _peer: PeerId) {}

    /// Whether `submit` would return every message.
    fn is_blocked(&self) -> bool {
        false
    }

    /// Whether unsent messages of a lost peer are to be submitted again, before all others.
    fn requeues(&self) -> bool {
        false
    }

    /// Called for each message that was sent to a peer but not yet written when its connection was
    /// lost, the last one first, before `detach`. Returns the message as the user sent it, or
    /// `None` if it need not be sent any more.
    fn unsend(&mut self, _peer: PeerId, message: Message) -> Option<Message> {
        Some(message)
    }

    /// No call waits any more for the reply to the request with this tag.
    fn forget(&mut self, _request: u64) {}

    /// Whether each peer has a separate queue up to the high-water mark: for types whose `submit`
    /// never blocks, where a slow peer must not delay the others.
    fn buffers_per_peer(&self) -> bool {
        false
    }

    /// Which messages `submit` sends to an attached peer, for a socket that [buffers per
    /// peer](Pattern::buffers_per_peer); `None` if it sends none.
    fn interest(&self, _peer: PeerId) -> Option<Interest> {
        None
    }

    /// A peer is being lost, and `detach` follows: takes those of its unsent messages that must not
    /// go to another peer, to be sent when it returns.
    fn keep(&mut self, _peer: PeerId, _unsent: &mut Vec<Message>) {}

    /// Messages kept for peers that are not connected.
    fn kept(&self) -> usize {
        0
    }

    /// Reserves a given or generated name for the peer of an endpoint that this socket connects to;
    /// `None` if it is in use, or if this pattern does not address peers. It is later passed as
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

    /// The name by which a peer is addressed; `None` if this pattern does not address peers, or if
    /// another peer has taken the name over.
    fn name(&self, _peer: PeerId) -> Option<RoutingId> {
        None
    }

    /// The attached peer of that name.
    fn find(&self, _name: &RoutingId) -> Option<PeerId> {
        None
    }

    /// The user subscribes to messages that start with `prefix`.
    fn subscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}

    /// The user removes one such subscription.
    fn unsubscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}

    /// Whether the user still wants a message that was delivered but not received yet.
    fn wants(&self, _message: &Message) -> bool {
        true
    }

    /// The user decides about the subscriptions of the peer that sent a received message; `tag` is
    /// that message's, 0 for none.
    fn decide(&mut self, _tag: u64, _decision: Upstream) -> Result<(), SubscribeError> {
        Err(SubscribeError::Unsupported)
    }

    /// The user joins a group.
    fn join(&mut self, _group: Frame, _outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        Err(GroupError::Unsupported)
    }

    /// The user leaves a group.
    fn leave(&mut self, _group: Frame, _outlet: &mut dyn Outlet) -> Result<(), GroupError> {
        Err(GroupError::Unsupported)
    }

    /// The user changed the socket's options.
    fn configure(&mut self, _options: &Options, _outlet: &mut dyn Outlet) {}

    /// Peers that have any subscription, or have joined any group.
    fn subscribers(&self) -> usize {
        0
    }

    /// Distinct prefixes (`ZMQ_TOPICS_COUNT`): for types that publish, those that peers have
    /// subscribed to; for types that subscribe, those of the user.
    fn topics(&self) -> usize {
        0
    }
}

/// Whether senders wait for a single peer that is full. This is checked before a message is
/// accepted, so that [`Pattern::submit`] passes on every message. The other types that [buffer per
/// peer](Pattern::buffers_per_peer) drop messages that a full peer cannot take, and so do these
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

/// The pattern of a socket type, if it is supported. Names and numbers that it generates count up
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
    /// One, for the thread-safe types (RFC 41, 49, 51, 52): other messages are skipped whole.
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

/// Delivers a message unchanged. Its tag belongs to another socket if it came from an inproc peer,
/// and is removed.
fn pass(message: &mut Message) -> Result<Admission, Violation> {
    message.set_tag(0);
    Ok(Admission::Deliver)
}
