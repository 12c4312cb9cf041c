//! Senders of values, which a closure or a codec encodes into messages.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use futures_sink::Sink;

use super::Codec;
use crate::error::{Closed, SendError, SendTimeoutError, TrySendError, TypedSendError};
use crate::message::Message;
use crate::port::Sender;

impl Sender {
    /// Returns a sender of values, encoded into messages by a closure. A value that was not sent is
    /// returned as it was.
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

    /// Returns a sender of values, encoded into messages by a codec.
    #[must_use]
    pub fn with_codec<T, C: Codec<T>>(self, codec: C) -> TypedSender<T, C> {
        TypedSender(Encoding::new(self, codec))
    }
}

/// A [`Sender`] of values encoded by a closure; see [`Sender::map`].
pub struct MapSender<T, F>(Encoding<T, F>);

/// A [`Sender`] of values encoded by a [`Codec`]; see [`Sender::with_codec`].
pub struct TypedSender<T, C>(Encoding<T, C>);

/// A sender and its encoder.
struct Encoding<T, E> {
    sender: Sender,
    encoder: E,
    /// Accepted by the sink before another sender took the room for it.
    unsent: Option<(T, Message)>,
}

impl<T, E: Clone> Encoding<T, E> {
    /// Another handle, without the unsent message.
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

    /// Sends the unsent message, and then waits for room.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        loop {
            // The sink below holds no message, and cannot fail.
            let _ = ready!(Pin::new(&mut self.sender).poll_ready(context));
            let Some((value, message)) = self.unsent.take() else {
                return Poll::Ready(Ok(()));
            };
            if let Err(error) = self.start_send(value, message) {
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Sends the message, or keeps it for later.
    fn start_send(&mut self, value: T, message: Message) -> Result<(), SendError<T>> {
        let error = match self.sender.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(message)) => {
                self.unsent = Some((value, message));
                return Ok(());
            }
            Err(TrySendError::Closed(Closed::Socket, message)) => {
                SendError::Closed(Closed::Socket, message)
            }
            Err(TrySendError::Closed(Closed::Context, message)) => {
                SendError::Closed(Closed::Context, message)
            }
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
        // There is no message left that could fail.
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

/// The calls of [`Sender`]; `$wrap` converts its errors to those of this port.
macro_rules! sends_values {
    ([$($generics:tt)*] $port:ty, $wrap:path, $send:ty, $try:ty, $timeout:ty) => {
        impl<$($generics)*> $port {
            /// Like [`Sender::send`].
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

            /// Like [`Sender::send_blocking`].
            ///
            /// # Errors
            /// Same as [`Sender::send_blocking`], and the codec's.
            pub fn send_blocking(&self, value: T) -> Result<(), $send> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.send_blocking(message);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// Like [`Sender::try_send`].
            ///
            /// # Errors
            /// Same as [`Sender::try_send`], and the codec's.
            pub fn try_send(&self, value: T) -> Result<(), $try> {
                self.encode(value).and_then(|(value, message)| {
                    let sent = self.0.sender.try_send(message);
                    sent.map_err(|error| $wrap(error.map(|_| value)))
                })
            }

            /// Like [`Sender::send_timeout`].
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

            /// Like [`Sender::send_timeout_blocking`].
            ///
            /// # Errors
            /// Same as [`Sender::send_timeout_blocking`], and the codec's.
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

            /// Returns the port below, for its other calls.
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

handles! {
    MapSender: "MapSender", |this| &this.0.sender, MapSender(this.0.another());
    TypedSender: "TypedSender", |this| &this.0.sender, TypedSender(this.0.another());
}
