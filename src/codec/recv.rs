//! Receivers of values, which a closure or a codec decodes from messages.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use super::Codec;
use crate::error::{RecvError, RecvTimeoutError, TryRecvError, TypedRecvError};
use crate::message::Message;
use crate::port::Receiver;

impl Receiver {
    /// Returns a receiver of values, decoded from messages by a closure.
    #[must_use]
    pub fn map<T, F: Fn(Message) -> T>(self, decode: F) -> MapReceiver<T, F> {
        MapReceiver {
            receiver: self,
            decode,
            marker: PhantomData,
        }
    }

    /// Returns a receiver of values, decoded from messages by a codec. A message that cannot be
    /// decoded is returned in the error, and the next call receives the next message.
    #[must_use]
    pub fn with_codec<T, C: Codec<T>>(self, codec: C) -> TypedReceiver<T, C> {
        TypedReceiver {
            receiver: self,
            codec,
            marker: PhantomData,
        }
    }
}

/// A [`Receiver`] of values decoded by a closure; see [`Receiver::map`].
pub struct MapReceiver<T, F> {
    receiver: Receiver,
    decode: F,
    marker: PhantomData<fn() -> T>,
}

/// A [`Receiver`] of values decoded by a [`Codec`]; see [`Receiver::with_codec`].
pub struct TypedReceiver<T, C> {
    receiver: Receiver,
    codec: C,
    marker: PhantomData<fn() -> T>,
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

/// The calls of [`Receiver`]; `$item` is the item type of its stream and iterator.
macro_rules! receives_values {
    (
        [$($generics:tt)*] $port:ty, $item:ty, $open:expr,
        $recv:ty, $try:ty, $timeout:ty
    ) => {
        impl<$($generics)*> $port {
            /// Like [`Receiver::recv`].
            pub fn recv(&self) -> impl Future<Output = Result<T, $recv>> + '_ {
                async move { self.decode(self.receiver.recv().await) }
            }

            /// Like [`Receiver::recv_blocking`].
            ///
            /// # Errors
            /// Same as [`Receiver::recv_blocking`], and the codec's.
            pub fn recv_blocking(&self) -> Result<T, $recv> {
                self.decode(self.receiver.recv_blocking())
            }

            /// Like [`Receiver::try_recv`].
            ///
            /// # Errors
            /// Same as [`Receiver::try_recv`], and the codec's.
            pub fn try_recv(&self) -> Result<T, $try> {
                self.decode(self.receiver.try_recv())
            }

            /// Like [`Receiver::recv_timeout`].
            pub fn recv_timeout(
                &self,
                timeout: Duration,
            ) -> impl Future<Output = Result<T, $timeout>> + '_ {
                let receiving = self.receiver.recv_timeout(timeout);
                async move { self.decode(receiving.await) }
            }

            /// Like [`Receiver::recv_timeout_blocking`].
            ///
            /// # Errors
            /// Same as [`Receiver::recv_timeout_blocking`], and the codec's.
            pub fn recv_timeout_blocking(&self, timeout: Duration) -> Result<T, $timeout> {
                self.decode(self.receiver.recv_timeout_blocking(timeout))
            }

            /// Like [`Receiver::iter`].
            pub fn iter(&self) -> impl Iterator<Item = $item> + '_ {
                let open: fn(&Self, Message) -> $item = $open;
                self.receiver.iter().map(move |message| open(self, message))
            }

            /// Returns the port below, for its other calls.
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

handles! {
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
