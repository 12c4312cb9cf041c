//! The socket types, and which of them are compatible.

use std::fmt;
use std::str::FromStr;

/// The ZeroMQ socket types (RFC 28, 29, 30, 31, 41, 48, 49, 51, 52).
///
/// All types that ZMTP names are listed, because peers announce them; [`SocketType::is_supported`]
/// returns whether this library can open a socket of a type.
///
/// [`Display`](fmt::Display) prints libzmq's name, such as `XPUB`; parsing ignores case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum SocketType {
    Pair,
    Pub,
    Sub,
    Req,
    Rep,
    Dealer,
    Router,
    Pull,
    Push,
    XPub,
    XSub,
    Stream,
    Server,
    Client,
    Radio,
    Dish,
    Gather,
    Scatter,
    Peer,
    Channel,
}

impl SocketType {
    /// All socket types, in the order of libzmq's numbers.
    pub const ALL: [SocketType; 20] = [
        SocketType::Pair,
        SocketType::Pub,
        SocketType::Sub,
        SocketType::Req,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Router,
        SocketType::Pull,
        SocketType::Push,
        SocketType::XPub,
        SocketType::XSub,
        SocketType::Stream,
        SocketType::Server,
        SocketType::Client,
        SocketType::Radio,
        SocketType::Dish,
        SocketType::Gather,
        SocketType::Scatter,
        SocketType::Peer,
        SocketType::Channel,
    ];

    /// Returns the name announced on the wire as `Socket-Type` (RFC 37, "The READY Command").
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            SocketType::Pair => "PAIR",
            SocketType::Pub => "PUB",
            SocketType::Sub => "SUB",
            SocketType::Req => "REQ",
            SocketType::Rep => "REP",
            SocketType::Dealer => "DEALER",
            SocketType::Router => "ROUTER",
            SocketType::Pull => "PULL",
            SocketType::Push => "PUSH",
            SocketType::XPub => "XPUB",
            SocketType::XSub => "XSUB",
            SocketType::Stream => "STREAM",
            SocketType::Server => "SERVER",
            SocketType::Client => "CLIENT",
            SocketType::Radio => "RADIO",
            SocketType::Dish => "DISH",
            SocketType::Gather => "GATHER",
            SocketType::Scatter => "SCATTER",
            SocketType::Peer => "PEER",
            SocketType::Channel => "CHANNEL",
        }
    }

    /// The type that a peer announces by this name, which must be exact and in upper case.
    pub(crate) fn announced_as(name: &[u8]) -> Option<SocketType> {
        let mut all = SocketType::ALL.into_iter();
        all.find(|kind| kind.name().as_bytes() == name)
    }

    /// Returns whether a socket of this type is compatible with a peer of type `peer`.
    ///
    /// ```
    /// use zmq_channels::SocketType;
    ///
    /// assert!(SocketType::Req.accepts(SocketType::Rep));
    /// assert!(!SocketType::Req.accepts(SocketType::Pub));
    /// ```
    #[must_use]
    pub const fn accepts(self, peer: SocketType) -> bool {
        use SocketType::*;
        match self {
            Pair => matches!(peer, Pair),
            Pub | XPub => matches!(peer, Sub | XSub),
            Sub | XSub => matches!(peer, Pub | XPub),
            Req => matches!(peer, Rep | Router),
            Rep => matches!(peer, Req | Dealer),
            Dealer => matches!(peer, Rep | Dealer | Router),
            Router => matches!(peer, Req | Dealer | Router),
            Pull => matches!(peer, Push),
            Push => matches!(peer, Pull),
            // Its peers do not speak ZMTP.
            Stream => false,
            Server => matches!(peer, Client),
            Client => matches!(peer, Server),
            Radio => matches!(peer, Dish),
            Dish => matches!(peer, Radio),
            Gather => matches!(peer, Scatter),
            Scatter => matches!(peer, Gather),
            Peer => matches!(peer, Peer),
            Channel => matches!(peer, Channel),
        }
    }

    /// Returns whether this library can open a socket of this type.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        use SocketType::*;
        matches!(
            self,
            Pair | Pub
                | Sub
                | Req
                | Rep
                | Dealer
                | Router
                | Pull
                | Push
                | XSub
                | Stream
                | Server
                | Client
                | Gather
                | Scatter
                | Peer
                | Channel
                | XPub
                | Radio
                | Dish
        )
    }

    /// Returns whether a socket of this type can send.
    #[must_use]
    pub const fn sends(self) -> bool {
        use SocketType::*;
        !matches!(self, Sub | Pull | Gather | Dish)
    }

    /// Returns whether a socket of this type can receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        use SocketType::*;
        !matches!(self, Pub | Push | Scatter | Radio)
    }

    /// Whether a socket of this type has a single peer, and refuses others.
    pub(crate) const fn has_one_peer(self) -> bool {
        use SocketType::*;
        matches!(self, Pair | Channel)
    }

    /// Whether the first frame of each message is the routing id of a peer.
    pub(crate) const fn addresses_peers(self) -> bool {
        use SocketType::*;
        matches!(self, Router | Server | Peer | Stream)
    }

    /// Whether a message of this type of socket has a single frame (RFC 41, 49, 51, 52).
    pub(crate) const fn takes_one_frame(self) -> bool {
        use SocketType::*;
        matches!(self, Server | Client | Peer | Channel | Scatter | Gather)
    }

    /// Whether sockets of this type can send a hello message (`ZMQ_HELLO_MSG`): those whose peers
    /// accept any message at any time.
    pub(crate) const fn says_hello(self) -> bool {
        use SocketType::*;
        match self {
            Pair | Push | Dealer | Router | Server | Client | Peer | Channel | Scatter => true,
            Pub | Sub | XPub | XSub | Req | Rep | Pull | Stream | Radio | Dish | Gather => false,
        }
    }

    /// Whether sockets of this type can report the loss of a peer (`ZMQ_DISCONNECT_MSG`,
    /// `ZMQ_HICCUP_MSG`): those that can receive any message at any time.
    pub(crate) const fn hears_of_losses(self) -> bool {
        use SocketType::*;
        match self {
            Pair | Pull | Dealer | Router | Server | Client | Peer | Channel | Gather => true,
            Pub | Sub | XPub | XSub | Req | Rep | Push | Stream | Radio | Dish | Scatter => false,
        }
    }

    /// Whether sockets of this type can send each new peer an empty message (`ZMQ_PROBE_ROUTER`).
    pub(crate) const fn probes(self) -> bool {
        use SocketType::*;
        matches!(self, Req | Dealer | Router)
    }

    /// Whether READY carries an `Identity` property: only the types whose peers may route by it.
    pub(crate) const fn announces_identity(self) -> bool {
        use SocketType::*;
        matches!(self, Req | Dealer | Router)
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not the name of a socket type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of a ZeroMQ socket type")]
pub struct UnknownSocketType(pub String);

/// Parses the [name](SocketType::name), ignoring case.
///
/// ```
/// use zmq_channels::SocketType;
///
/// for name in ["pub", "Pub", "PUB"] {
///     assert_eq!(name.parse(), Ok(SocketType::Pub));
/// }
/// assert_eq!(SocketType::XPub.to_string(), "XPUB");
/// ```
impl FromStr for SocketType {
    type Err = UnknownSocketType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        SocketType::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownSocketType(name.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for kind in SocketType::ALL {
            let name = kind.to_string();
            let mixed = format!("{}{}", &name[..1], name[1..].to_lowercase());
            for name in [&name, &name.to_lowercase(), &mixed] {
                assert_eq!(name.parse(), Ok(kind));
                let is_announced = SocketType::announced_as(name.as_bytes()) == Some(kind);
                assert_eq!(is_announced, *name == kind.name(), "{name}");
            }
        }
        for name in ["DGRAM", "", " PUB", "PUBS", "ＰＵＢ"] {
            assert_eq!(
                name.parse::<SocketType>(),
                Err(UnknownSocketType(name.into()))
            );
        }
    }

    #[test]
    fn compatibility_is_mutual() {
        for ours in SocketType::ALL {
            for theirs in SocketType::ALL {
                assert_eq!(
                    ours.accepts(theirs),
                    theirs.accepts(ours),
                    "{ours} and {theirs}"
                );
            }
            let has_peers = SocketType::ALL.into_iter().any(|peer| ours.accepts(peer));
            assert_eq!(has_peers, ours != SocketType::Stream, "{ours}");
        }
    }

    #[test]
    fn every_type_has_a_direction() {
        for kind in SocketType::ALL {
            assert!(kind.sends() || kind.receives(), "{kind}");
        }
    }
}
