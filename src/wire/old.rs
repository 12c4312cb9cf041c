//! Peers of ZMTP 2.0 (RFC 15) and ZMTP 1.0 (RFC 13): how to tell them apart, and whether this
//! socket accepts them.
//!
//! These versions have no handshake: after a greeting of 12 bytes, or of none, each side sends its
//! identity in one frame, followed by messages. There are no commands.

use super::frame::Framing;
use super::{CloseReason, Config};
use crate::security::Mechanism;
use crate::socket_type::SocketType;

/// Size in bytes of a greeting of ZMTP 2.0: signature, revision, socket type.
const GREETING: usize = 12;

/// The offset of the socket type in it.
pub(super) const TYPE_AT: usize = GREETING - 1;

/// A peer of an old version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Old {
    /// The layout of frames in both directions.
    pub(super) framing: Framing,
    /// The number of its socket type, if the version has one: ZMTP 1.0 has none.
    pub(super) socket_type: Option<u8>,
}

impl Old {
    /// A peer of ZMTP 1.0: its first byte already belongs to a frame.
    pub(super) const UNVERSIONED: Old = Old {
        framing: Framing::Zmtp1,
        socket_type: None,
    };

    /// Major and minor version.
    pub(super) fn version(self) -> (u8, u8) {
        self.framing.version()
    }

    /// Number of bytes before its first frame.
    pub(super) fn greeting_length(self) -> usize {
        self.socket_type.map_or(0, |_| GREETING)
    }
}

/// The framing of a peer that has `revision` in the place of ZMTP 3's major version; `None` for
/// ZMTP 3 and later. Before the release of ZMTP 2.0, 0 meant its greeting with the frames of 1.0;
/// for 1 and 2, see RFC 37, Backwards Interoperability.
pub(super) fn framing(revision: u8) -> Option<Framing> {
    match revision {
        0 => Some(Framing::Zmtp1),
        1 | 2 => Some(Framing::Zmtp2),
        _ => None,
    }
}

/// Whether a socket accepts peers of an old `version`. Not if it requires security, which could
/// otherwise be bypassed by claiming an old version; and not if that version does not have its
/// type.
pub(super) fn admits(config: &Config, version: (u8, u8)) -> Result<(), CloseReason> {
    let (major, minor) = version;
    admits_version(config, version)?;
    if config.security.mechanism() != Mechanism::Null || config.authenticates {
        return Err(CloseReason::InsecureVersion { major, minor });
    }
    match number(config.socket_type) {
        Some(_) => Ok(()),
        None => Err(CloseReason::UnsupportedVersion {
            major,
            minor,
            ours: config.socket_type,
        }),
    }
}

/// Whether a socket accepts peers of a `version` at all.
pub(super) fn admits_version(config: &Config, version: (u8, u8)) -> Result<(), CloseReason> {
    let (major, minor) = version;
    match version < config.oldest_version {
        true => Err(CloseReason::OldVersion { major, minor }),
        false => Ok(()),
    }
}

/// The number of one of our socket types (RFC 15, Formal Grammar); `None` for types that ZMTP 2.0
/// does not have.
pub(super) fn number(ours: SocketType) -> Option<u8> {
    match ours {
        SocketType::Pair => Some(0),
        // RFC 15, Publish-Subscribe: these two are the same on the wire, and so are the next.
        SocketType::Pub | SocketType::XPub => Some(1),
        SocketType::Sub | SocketType::XSub => Some(2),
        SocketType::Req => Some(3),
        SocketType::Rep => Some(4),
        SocketType::Dealer => Some(5),
        SocketType::Router => Some(6),
        SocketType::Pull => Some(7),
        SocketType::Push => Some(8),
        SocketType::Stream
        | SocketType::Server
        | SocketType::Client
        | SocketType::Radio
        | SocketType::Dish
        | SocketType::Gather
        | SocketType::Scatter
        | SocketType::Peer
        | SocketType::Channel => None,
    }
}

/// The socket type that a peer announces; `None` for an unknown number. libzmq 3.2 sends 9 for XPUB
/// and 10 for XSUB.
pub(super) fn socket_type(theirs: u8) -> Option<SocketType> {
    match theirs {
        9 => Some(SocketType::XPub),
        10 => Some(SocketType::XSub),
        _ => SocketType::ALL
            .into_iter()
            .find(|kind| number(*kind) == Some(theirs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_types_have_the_numbers_of_the_rfc() {
        let known: Vec<_> = (0..=u8::MAX).map_while(socket_type).collect();
        assert_eq!(known[..], SocketType::ALL[..11]);
        assert!((11..=u8::MAX).all(|number| socket_type(number).is_none()));
        for ours in SocketType::ALL {
            let place = SocketType::ALL.iter().position(|kind| *kind == ours);
            let expected = match place {
                Some(9) => Some(1),
                Some(10) => Some(2),
                Some(place @ 0..=8) => Some(place as u8),
                _ => None,
            };
            assert_eq!(number(ours), expected, "{ours}");
        }
    }

    #[test]
    fn revisions_are_told_apart() {
        assert_eq!(framing(0), Some(Framing::Zmtp1));
        assert_eq!(framing(1), Some(Framing::Zmtp2));
        assert_eq!(framing(2), Some(Framing::Zmtp2));
        assert!((3..=u8::MAX).all(|revision| framing(revision).is_none()));
    }
}
