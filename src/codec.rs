//! Typed ports: senders and receivers of your own types, which are converted to and from messages.
//!
//! They have the same calls as the ports. [`Sender::map`](crate::Sender::map) and
//! [`Receiver::map`](crate::Receiver::map) take a closure that cannot fail;
//! [`Sender::with_codec`](crate::Sender::with_codec) and
//! [`Receiver::with_codec`](crate::Receiver::with_codec) take a [`Codec`], whose errors contain the value
//! or message that could not be converted.

use crate::message::Message;

/// Converts values of type `T` to messages and back.
///
/// One codec may convert many types:
///
/// ```
/// use zmq_channels::codec::Codec;
/// use zmq_channels::{Context, Message, Pair};
///
/// /// Numbers, as their bytes in network order.
/// #[derive(Clone, Copy)]
/// struct Bytes;
///
/// impl Codec<u32> for Bytes {
///     type EncodeError = std::convert::Infallible;
///     type DecodeError = std::array::TryFromSliceError;
///
///     fn encode(&self, value: &u32) -> Result<Message, Self::EncodeError> {
///         Ok(value.to_be_bytes().into())
///     }
///
///     fn decode(&self, message: &Message) -> Result<u32, Self::DecodeError> {
///         Ok(u32::from_be_bytes(message[0][..].try_into()?))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
/// left.connect(right.bind("inproc://numbers")?)?;
/// left.sender().with_codec(Bytes).send_blocking(42)?;
/// let numbers = right.receiver().with_codec::<u32, _>(Bytes);
/// assert_eq!(numbers.recv_blocking()?, 42);
/// # Ok(())
/// # }
/// ```
pub trait Codec<T> {
    /// Why a value cannot be encoded.
    type EncodeError;
    /// Why a message cannot be decoded. It comes from a peer and may contain anything. A received
    /// message has at least one frame.
    type DecodeError;

    /// Encodes `value`.
    ///
    /// # Errors
    /// Defined by the codec; the port returns the value with it.
    fn encode(&self, value: &T) -> Result<Message, Self::EncodeError>;

    /// Decodes `message`.
    ///
    /// # Errors
    /// Defined by the codec; the port returns the message with it.
    fn decode(&self, message: &Message) -> Result<T, Self::DecodeError>;
}

/// Code common to all typed ports: they are handles like the ports below them, and `Unpin`.
macro_rules! handles {
    ($($port:ident: $name:literal, |$this:ident| $below:expr, $clone:expr;)*) => {
        $(
            impl<T, C: Clone> Clone for $port<T, C> {
                fn clone(&self) -> Self {
                    let $this = self;
                    $clone
                }
            }

            impl<T, C> Unpin for $port<T, C> {}

            impl<T, C> fmt::Debug for $port<T, C> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let $this = self;
                    f.debug_tuple($name).field($below).finish()
                }
            }
        )*
    };
}

mod recv;
mod send;

pub use recv::{MapReceiver, TypedReceiver};
pub use send::{MapSender, TypedSender};
