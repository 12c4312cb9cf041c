//! The name of a peer on a socket that addresses its peers.

use std::fmt;

use crate::message::{Frame, Message};

/// The name by which a ROUTER, SERVER, PEER or STREAM socket knows one of its peers: 1 to 255
/// bytes, chosen by the peer or made up by the socket; for SERVER and PEER always four bytes,
/// a number.
///
/// Each message received on such a socket has its sender's id as its first frame, and each
/// message sent has its receiver's there:
///
/// ```
/// use zmq_channels::{Message, RoutingId};
///
/// let mut received = Message::from(["anna", "hello"]);
/// let anna = received.take_sender().unwrap();
/// assert_eq!(received, Message::from("hello"));
/// assert_eq!(anna.to_string(), "anna");
///
/// let answer = Message::to(&anna, "hello yourself");
/// assert_eq!(answer, Message::from(["anna", "hello yourself"]));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[doc(alias = "identity")]
#[doc(alias = "ZMQ_ROUTING_ID")]
pub struct RoutingId(Frame);

/// The bytes are no routing id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a routing id has 1 to 255 bytes, not {bytes}")]
pub struct RoutingIdError {
    /// How many there are.
    pub bytes: usize,
}

impl RoutingId {
    /// The most bytes a routing id has (RFC 37, The Identity Property).
    pub const MAX_BYTES: usize = 255;

    /// The id of these bytes.
    ///
    /// ```
    /// use zmq_channels::RoutingId;
    ///
    /// assert_eq!(RoutingId::new("anna").unwrap().as_bytes(), b"anna");
    /// assert!(RoutingId::new("").is_err());
    /// assert!(RoutingId::new([1; 256]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`RoutingIdError`] if there are none, or more than 255.
    pub fn new(bytes: impl Into<Frame>) -> Result<Self, RoutingIdError> {
        let frame = bytes.into();
        match frame.len() {
            1..=Self::MAX_BYTES => Ok(RoutingId(frame)),
            bytes => Err(RoutingIdError { bytes }),
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number it is, if it has four bytes, as those of SERVER and PEER have.
    #[must_use]
    pub fn as_u32(&self) -> Option<u32> {
        <[u8; 4]>::try_from(self.as_bytes())
            .ok()
            .map(u32::from_be_bytes)
    }

    pub(crate) fn frame(&self) -> &Frame {
        &self.0
    }
}

/// The id of a peer of SERVER or PEER: its four bytes are the number, the highest first.
impl From<u32> for RoutingId {
    fn from(number: u32) -> Self {
        RoutingId(Frame::from(number.to_be_bytes()))
    }
}

macro_rules! routing_id_from {
    ($($bytes:ty),* $(,)?) => {
        $(impl TryFrom<$bytes> for RoutingId {
            type Error = RoutingIdError;

            fn try_from(bytes: $bytes) -> Result<Self, RoutingIdError> {
                RoutingId::new(bytes)
            }
        })*
    };
}

routing_id_from!(Frame, &Frame, &str, String, &[u8], Vec<u8>);

impl From<RoutingId> for Frame {
    fn from(id: RoutingId) -> Self {
        id.0
    }
}

impl From<&RoutingId> for Frame {
    fn from(id: &RoutingId) -> Self {
        id.0.clone()
    }
}

impl AsRef<[u8]> for RoutingId {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Text as text; anything else as hexadecimal bytes.
impl fmt::Display for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.chars().any(char::is_control) => f.write_str(text),
            _ => {
                f.write_str("0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl fmt::Debug for RoutingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoutingId({self})")
    }
}

/// Addresses, on sockets that put them in front: ROUTER, SERVER, PEER and STREAM.
impl Message {
    /// A message to one peer: its id, a [`RoutingId`] or anything that reads as its bytes, then the
    /// frames of `payload`.
    #[must_use]
    #[doc(alias = "zmq_msg_set_routing_id")]
    pub fn to(peer: impl Into<Frame>, payload: impl Into<Message>) -> Message {
        payload.into().addressed_to(peer)
    }

    /// The message with a peer's id in front.
    #[must_use]
    pub fn addressed_to(mut self, peer: impl Into<Frame>) -> Message {
        self.push_front(peer);
        self
    }

    /// Who sent this, as the first frame says; `None` if that can be no id.
    #[must_use]
    pub fn sender(&self) -> Option<RoutingId> {
        self.first().and_then(|frame| RoutingId::new(frame).ok())
    }

    /// Takes off the first frame, which says who sent this, and leaves the payload. `None`, and
    /// nothing taken, if that can be no id.
    #[doc(alias = "zmq_msg_routing_id")]
    pub fn take_sender(&mut self) -> Option<RoutingId> {
        let sender = self.sender()?;
        self.pop_front();
        Some(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_ids_have_1_to_255_bytes() {
        for bytes in [0, 256, 1000] {
            let refused = RoutingId::try_from(vec![7; bytes]);
            assert_eq!(refused, Err(RoutingIdError { bytes }));
        }
        for bytes in [1, 64, 65, 255] {
            let id = RoutingId::try_from(vec![7; bytes]).unwrap();
            assert_eq!(id.as_bytes(), vec![7; bytes]);
        }
    }

    #[test]
    fn numbers_are_four_bytes() {
        for number in [0, 1, 0x0102_0304, u32::MAX] {
            assert_eq!(RoutingId::from(number).as_u32(), Some(number));
        }
        assert_eq!(RoutingId::from(0x0102_0304_u32).as_bytes(), [1, 2, 3, 4_u8]);
        assert_eq!(RoutingId::new("five!").unwrap().as_u32(), None);
    }

    #[test]
    fn ids_are_displayed_as_text_or_hexadecimal() {
        let shown = |bytes: &[u8]| RoutingId::try_from(bytes).unwrap().to_string();
        assert_eq!(shown("Ægir".as_bytes()), "Ægir");
        assert_eq!(shown(&[0, 1, 2, 3, 255]), "0x00010203ff");
        let debug = format!("{:?}", RoutingId::from(5));
        assert_eq!(debug, "RoutingId(0x00000005)");
    }

    #[test]
    fn senders_can_be_removed_and_added() {
        let mut message = Message::from(["anna", "a", "b"]);
        let anna = message.sender().unwrap();
        assert_eq!(message.len(), 3);
        assert_eq!(message.take_sender(), Some(anna.clone()));
        assert_eq!(message, Message::from(["a", "b"]));
        assert_eq!(
            message.addressed_to(&anna),
            Message::from(["anna", "a", "b"])
        );
        for mut nameless in [Message::new(), Message::from(["", "a"])] {
            let before = nameless.clone();
            assert_eq!(nameless.take_sender(), None);
            assert_eq!(nameless, before);
        }
    }
}
