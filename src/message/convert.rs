//! What becomes a message, and what a message becomes.

use bytes::Bytes;

use super::{Frame, Message};

macro_rules! message_of_one_frame {
    ($($kind:ty),* $(,)?) => {
        $(impl From<$kind> for Message {
            #[inline]
            fn from(payload: $kind) -> Self {
                Message::single(Frame::from(payload))
            }
        })*
    };
}

message_of_one_frame!(Frame, &Frame, Bytes, Vec<u8>, Box<[u8]>, String);

macro_rules! message_of_a_copy {
    ($($kind:ty),* $(,)?) => {
        $(impl From<$kind> for Message {
            #[inline]
            fn from(payload: $kind) -> Self {
                Message::copied(payload.as_ref())
            }
        })*
    };
}

message_of_a_copy!(&Vec<u8>, &[u8], &String, &str);

impl<const N: usize> From<[u8; N]> for Message {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Message::copied(&bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Message::copied(bytes)
    }
}

impl<F: Into<Frame>> From<Vec<F>> for Message {
    fn from(frames: Vec<F>) -> Self {
        frames.into_iter().collect()
    }
}

impl<F: Into<Frame>, const N: usize> From<[F; N]> for Message {
    fn from(frames: [F; N]) -> Self {
        frames.into_iter().collect()
    }
}

impl<'a, F> From<&'a [F]> for Message
where
    &'a F: Into<Frame>,
{
    fn from(frames: &'a [F]) -> Self {
        frames.iter().collect()
    }
}

impl From<&[&str]> for Message {
    fn from(frames: &[&str]) -> Self {
        frames.iter().copied().collect()
    }
}

/// Frames of different types.
macro_rules! message_of_a_tuple {
    ($($kind:ident $frame:ident),*) => {
        impl<$($kind: Into<Frame>),*> From<($($kind,)*)> for Message {
            fn from(($($frame,)*): ($($kind,)*)) -> Self {
                Message::from_frames(vec![$($frame.into()),*])
            }
        }
    };
}

message_of_a_tuple!(A a, B b);
message_of_a_tuple!(A a, B b, C c);
message_of_a_tuple!(A a, B b, C c, D d);
message_of_a_tuple!(A a, B b, C c, D d, E e);
message_of_a_tuple!(A a, B b, C c, D d, E e, F f);

/// A [`Message`] is no such value. It comes back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromMessageError {
    /// It has several frames, or none.
    #[error("the message has {} frames instead of one", .0.len())]
    FrameCount(Message),
    /// Its frame is no valid UTF-8.
    #[error("the frame is not valid UTF-8")]
    NotUtf8(Message),
}

impl FromMessageError {
    /// The message, as it was.
    #[must_use]
    pub fn into_inner(self) -> Message {
        match self {
            FromMessageError::FrameCount(message) | FromMessageError::NotUtf8(message) => message,
        }
    }
}

/// The frame of a message of one frame.
impl TryFrom<Message> for Frame {
    type Error = FromMessageError;

    fn try_from(message: Message) -> Result<Self, FromMessageError> {
        let Message { tag, body } = message;
        body.into_one()
            .map_err(|body| FromMessageError::FrameCount(Message { tag, body }))
    }
}

/// The bytes of a message of one frame.
///
/// ```
/// use zmq_channels::message::FromMessageError;
/// use zmq_channels::Message;
///
/// let bytes = Vec::<u8>::try_from(Message::from("hello"))?;
/// assert_eq!(bytes, b"hello");
///
/// let multipart = Message::from(["several", "frames"]);
/// let error = Vec::<u8>::try_from(multipart.clone()).unwrap_err();
/// assert_eq!(error.into_inner(), multipart);
/// # Ok::<(), FromMessageError>(())
/// ```
impl TryFrom<Message> for Vec<u8> {
    type Error = FromMessageError;

    fn try_from(message: Message) -> Result<Self, FromMessageError> {
        Frame::try_from(message).map(Vec::from)
    }
}

/// The text of a message of one frame.
///
/// ```
/// use zmq_channels::message::FromMessageError;
/// use zmq_channels::Message;
///
/// assert_eq!(String::try_from(Message::from("hello"))?, "hello");
/// let error = String::try_from(Message::from([0xFFu8])).unwrap_err();
/// assert_eq!(error, FromMessageError::NotUtf8([0xFFu8].into()));
/// # Ok::<(), FromMessageError>(())
/// ```
impl TryFrom<Message> for String {
    type Error = FromMessageError;

    fn try_from(message: Message) -> Result<Self, FromMessageError> {
        let (tag, peer) = (message.tag(), message.peer_frame());
        let bytes = Vec::try_from(message)?;
        String::from_utf8(bytes).map_err(|error| {
            let mut message = Message::from(error.into_bytes());
            message.set_tag(tag);
            if let Some(peer) = &peer {
                message.set_peer(peer);
            }
            FromMessageError::NotUtf8(message)
        })
    }
}
