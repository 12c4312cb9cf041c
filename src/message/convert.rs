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
