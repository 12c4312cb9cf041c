//! Ports of typed values: an adaptor turns each value into a message, or each message into a value.
//!
//! The calls are those of the ports themselves. [`Sender::map`] and [`Receiver::map`] take a closure
//! that cannot fail; [`Sender::with_codec`] and [`Receiver::with_codec`] take a [`Codec`], whose
//! errors come with the value or the message they are about.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_sink::Sink;

use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
    TypedRecvError, TypedSendError,
};
use crate::message::Message;
use crate::port::{Receiver, Sender};

/// How values of a type become messages, and messages such values.
///
/// One codec may serve many types:
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
    /// Why a value cannot be a message.
    type EncodeError;
    /// Why a message is no such value. It comes from a peer: anything can be in it. A received
    /// message has at least one frame.
    type DecodeError;

    /// The message that carries `value`.
    ///
    /// # Errors
    /// As the codec has it; the port gives the value back with it.
    fn encode(&self, value: &T) -> Result<Message, Self::EncodeError>;

    /// The value in `message`.
    ///
    /// # Errors
    /// As the codec has it; the port gives the message back with it.
    fn decode(&self, message: &Message) -> Result<T, Self::DecodeError>;
}

impl Sender {
    /// A sender of values, each turned into a message by `encode`. What was not sent comes back as
    /// the value it was.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let context = Context::new();
    /// # let (left, right) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// # left.connect(right.bind("inproc://map")?)?;
    /// let numbers = left.sender().map(|number: &i64| number.to_string());
    /// numbers.send_blocking(-7)?;
    /// let lengths = right.receiver().map(|message| message[0].len());
    /// assert_eq!(lengths.recv_blocking()?, 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn map<T, M: Into<Message>, F: Fn(&T) -> M>(self, encode: F) -> MapSender<T, F> {
        MapSender(Encoding::new(self, encode))
    }

    /// A sender of values, each turned into a message by the codec.
    #[must_use]
    pub fn with_codec<T, C: Codec<T>>(self, codec: C) -> TypedSender<T, C> {
        TypedSender(Encoding::new(self, codec))
    }
}

impl Receiver {
    /// A receiver of values, each made of a message by `decode`.
    #[must_use]
    pub fn map<T, F: Fn(Message) -> T>(self, decode: F) -> MapReceiver<T, F> {
        MapReceiver {
            receiver: self,
            decode,
            marker: PhantomData,
        }
    }

    /// A receiver of values, each made of a message by the codec. A message that is no such value
    /// comes back in the error, and the next call goes on with the next message.
    #[must_use]
    pub fn with_codec<T, C: Codec<T>>(self, codec: C) -> TypedReceiver<T, C> {
        TypedReceiver {
            receiver: self,
            codec,
            marker: PhantomData,
        }
    }
}

/// A [`Sender`] of values, by a closure; see [`Sender::map`].
pub struct MapSender<T, F>(Encoding<T, F>);

/// A [`Sender`] of values, by a [`Codec`]; see [`Sender::with_codec`].
pub struct TypedSender<T, C>(Encoding<T, C>);

/// A [`Receiver`] of values, by a closure; see [`Receiver::map`].
pub struct MapReceiver<T, F> {
    receiver: Receiver,
    decode: F,
    marker: PhantomData<fn() -> T>,
}

/// A [`Receiver`] of values, by a [`Codec`]; see [`Receiver::with_codec`].
pub struct TypedReceiver<T, C> {
    receiver: Receiver,
    codec: C,
    marker: PhantomData<fn() -> T>,
}

/// A sender and what encodes for it.
struct Encoding<T, E> {
    sender: Sender,
    encoder: E,
    /// Accepted by the sink when somebody else took the room for it.
    unsent: Option<(T, Message)>,
}

impl<T, E: Clone> Encoding<T, E> {
    /// Another handle; what this one has left unsent stays here.
    fn another(&self) -> Self {
        Encoding::new(self.sender.clone(), self.encoder.clone())
    }
}

impl<T, E> Encoding<T, E> {
    fn new(sender: Sender, encoder: E) -> Self {
        Encoding {
            sender,
            encoder,
            unsent: None,
        }
    }

    /// Sends what was left unsent, and then waits for room.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        loop {
            // The sink below holds nothing, and so has no error either.
            let _ = ready!(Pin::new(&mut self.sender).poll_ready(context));
            let Some((value, message)) = self.unsent.take() else {
                return Poll::Ready(Ok(()));
            };
            if let Err(error) = self.start_send(value, message) {
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Sends, or keeps it for later.
    fn start_send(&mut self, value: T, message: Message) -> Result<(), SendError<T>> {
        let error = match self.sender.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(message)) => {
                self.unsent = Some((value, message));
                return Ok(());
            }
            Err(TrySendError::Closed(why, message)) => SendError::Closed(why, message),
            Err(TrySendError::Refused(why, message)) => SendError::Refused(why, message),
        };
        Err(error.map(|_| value))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        match self.unsent {
            Some(_) => self.poll_ready(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        ready!(self.poll_flush(context))?;
        // Nothing is left to fail.
        let _ = ready!(Pin::new(&mut self.sender).poll_close(context));
        Poll::Ready(Ok(()))
    }
}

impl<T, M: Into<Message>, F: Fn(&T) -> M> MapSender<T, F> {
    fn encode<S>(&self, value: T) -> Result<(T, Message), S> {
        let message = (self.0.encoder)(&value).into();
        Ok((value, message))
    }
}

impl<T, C: Codec<T>> TypedSender<T, C> {
    fn encode<S>(&self, value: T) -> Result<(T, Message), TypedSendError<T, C::EncodeError, S>> {
        match self.0.encoder.encode(&value) {
            Ok(message) => Ok((value, message)),
            Err(error) => Err(TypedSendError::Encode(error, value)),
        }
    }
}

impl<T, F: Fn(Message) -> T> MapReceiver<T, F> {
    fn decode<R>(&self, received: Result<Message, R>) -> Result<T, R> {
        received.map(&self.decode)
    }
}

impl<T, C: Codec<T>> TypedReceiver<T, C> {
    fn decode<R>(
        &self,
        received: Result<Message, R>,
    ) -> Result<T, TypedRecvError<C::DecodeError, R>> {
        let message = received.map_err(TypedRecvError::Recv)?;
        self.codec
            .decode(&message)
            .map_err(|error| TypedRecvError::Decode(error, message))
    }
}

/// The calls of [`Sender`], whose errors `$wrap` makes those of this port.
macro_rules! sends_values {
    ([$($generics:tt)*] $port:ty, $wrap:path, $send:ty, $try:ty, $timeout:ty) => {
        impl<$($generics)*> $port {
            /// As [`Sender::send`].
            pub fn send(&self, value: T) -> impl Future<Output = Result<(), $send>> + '_ {
                let encoded = self.encode(value);
                let sending = encoded.map(|(value, message)| (value, self.0.sender.send(message)));
                async move {
                    match sending {
                        Ok((value, sending)) => {
                            sending.await.map_err(|error| $wrap(error.map(|_| value)))
                        }
                        Err(error) => Err(error),
                    }
                }
            }

            /// As [`Sender::send_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn send_blocking(&self, value: T) -> Result<(), $send> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.send_blocking(message);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// As [`Sender::try_send`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn try_send(&self, value: T) -> Result<(), $try> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.try_send(message);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// As [`Sender::send_timeout`].
            pub fn send_timeout(
                &self,
                value: T,
                timeout: Duration,
            ) -> impl Future<Output = Result<(), $timeout>> + '_ {
                let sending = self.encode(value).map(|(value, message)| {
                    (value, self.0.sender.send_timeout(message, timeout))
                });
                async move {
                    match sending {
                        Ok((value, sending)) => {
                            sending.await.map_err(|error| $wrap(error.map(|_| value)))
                        }
                        Err(error) => Err(error),
                    }
                }
            }

            /// As [`Sender::send_timeout_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn send_timeout_blocking(
                &self,
                value: T,
                timeout: Duration,
            ) -> Result<(), $timeout> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.send_timeout_blocking(message, timeout);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// As [`Sender::send_deadline_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn send_deadline_blocking(
                &self,
                value: T,
                deadline: Instant,
            ) -> Result<(), $timeout> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.send_deadline_blocking(message, deadline);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// The port that takes the messages, for all else it can tell and do.
            #[must_use]
            pub fn port(&self) -> &Sender {
                &self.0.sender
            }
        }

        impl<$($generics)*> Sink<T> for $port {
            type Error = $send;

            fn poll_ready(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.get_mut().0.poll_ready(context).map_err($wrap)
            }

            fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), Self::Error> {
                let this = self.get_mut();
                this.encode(value).and_then(|(value, message)| {
                    this.0.start_send(value, message).map_err($wrap)
                })
            }

            fn poll_flush(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.get_mut().0.poll_flush(context).map_err($wrap)
            }

            fn poll_close(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), Self::Error>> {
                self.get_mut().0.poll_close(context).map_err($wrap)
            }
        }
    };
}

sends_values!(
    [T, M: Into<Message>, F: Fn(&T) -> M] MapSender<T, F>,
    std::convert::identity,
    SendError<T>,
    TrySendError<T>,
    SendTimeoutError<T>
);

sends_values!(
    [T, C: Codec<T>] TypedSender<T, C>,
    TypedSendError::Send,
    TypedSendError<T, C::EncodeError, SendError<T>>,
    TypedSendError<T, C::EncodeError, TrySendError<T>>,
    TypedSendError<T, C::EncodeError, SendTimeoutError<T>>
);

/// The calls of [`Receiver`]; `$item` is what its stream and iterator give.
macro_rules! receives_values {
    (
        [$($generics:tt)*] $port:ty, $item:ty, $open:expr,
        $recv:ty, $try:ty, $timeout:ty
    ) => {
        impl<$($generics)*> $port {
            /// As [`Receiver::recv`].
            pub fn recv(&self) -> impl Future<Output = Result<T, $recv>> + '_ {
                async move { self.decode(self.receiver.recv().await) }
            }

            /// As [`Receiver::recv_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn recv_blocking(&self) -> Result<T, $recv> {
                self.decode(self.receiver.recv_blocking())
            }

            /// As [`Receiver::try_recv`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn try_recv(&self) -> Result<T, $try> {
                self.decode(self.receiver.try_recv())
            }

            /// As [`Receiver::recv_timeout`].
            pub fn recv_timeout(
                &self,
                timeout: Duration,
            ) -> impl Future<Output = Result<T, $timeout>> + '_ {
                let receiving = self.receiver.recv_timeout(timeout);
                async move { self.decode(receiving.await) }
            }

            /// As [`Receiver::recv_timeout_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<T, $timeout> {
                self.decode(self.receiver.recv_timeout_blocking(timeout))
            }

            /// As [`Receiver::recv_deadline_blocking`].
            ///
            /// # Errors
            /// As there, and the codec's.
            pub fn recv_deadline_blocking(&self, deadline: Instant) -> Result<T, $timeout> {
                self.decode(self.receiver.recv_deadline_blocking(deadline))
            }

            /// As [`Receiver::iter`].
            pub fn iter(&self) -> impl Iterator<Item = $item> + '_ {
                let open: fn(&Self, Message) -> $item = $open;
                self.receiver.iter().map(move |message| open(self, message))
            }

            /// The port that gives the messages, for all else it can tell and do.
            #[must_use]
            pub fn port(&self) -> &Receiver {
                &self.receiver
            }
        }

        impl<$($generics)*> Stream for $port {
            type Item = $item;

            fn poll_next(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<Option<Self::Item>> {
                let open: fn(&Self, Message) -> $item = $open;
                let this = self.get_mut();
                let message = ready!(Pin::new(&mut this.receiver).poll_next(context));
                Poll::Ready(message.map(|message| open(this, message)))
            }
        }
    };
}

receives_values!(
    [T, F: Fn(Message) -> T] MapReceiver<T, F>,
    T,
    |this, message| (this.decode)(message),
    RecvError,
    TryRecvError,
    RecvTimeoutError
);

receives_values!(
    [T, C: Codec<T>] TypedReceiver<T, C>,
    Result<T, TypedRecvError<C::DecodeError>>,
    |this, message| this.decode(Ok(message)),
    TypedRecvError<C::DecodeError, RecvError>,
    TypedRecvError<C::DecodeError, TryRecvError>,
    TypedRecvError<C::DecodeError, RecvTimeoutError>
);

/// What all typed ports are: handles like those below, which nothing pins.
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

handles! {
    MapSender: "MapSender", |this| &this.0.sender, MapSender(this.0.another());
    TypedSender: "TypedSender", |this| &this.0.sender, TypedSender(this.0.another());
    MapReceiver: "MapReceiver", |this| &this.receiver, MapReceiver {
        receiver: this.receiver.clone(),
        decode: this.decode.clone(),
        marker: PhantomData,
    };
    TypedReceiver: "TypedReceiver", |this| &this.receiver, TypedReceiver {
        receiver: this.receiver.clone(),
        codec: this.codec.clone(),
        marker: PhantomData,
    };
}
