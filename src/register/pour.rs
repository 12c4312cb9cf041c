//! Moves a socket's messages into a user's sink.

use std::error::Error;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Ended, Mover, BUDGET};
use crate::error::PumpFailure;
use crate::message::Message;
use crate::port::Receiver;
use crate::sync::catch::quietly;

/// Moves a socket's messages into a user's sink.
pub(super) struct Pour<S, T> {
    sink: Pin<Box<S>>,
    receiver: Receiver,
    /// Set when no more messages are taken from the socket.
    over: Option<Ended>,
    marker: PhantomData<fn(T)>,
}

impl<S, T> Pour<S, T> {
    pub(super) fn new(sink: S, receiver: Receiver) -> Self {
        Pour {
            sink: Box::pin(sink),
            receiver,
            over: None,
            marker: PhantomData,
        }
    }
}

impl<S, T> Mover for Pour<S, T>
where
    T: From<Message> + 'static,
    S: Sink<T> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn failure(&self) -> Option<PumpFailure> {
        self.receiver.failure()
    }

    fn poll_move(&mut self, stopping: bool, context: &mut Context<'_>) -> Poll<Ended> {
        let failed = match quietly(|| self.try_move(stopping, context)) {
            Ok(Ok(polled)) => return polled,
            Ok(Err(error)) => Ended::Failed(error),
            Err(said) => Ended::Panicked(said),
        };
        self.receiver.close();
        Poll::Ready(failed)
    }
}

impl<S, T> Pour<S, T>
where
    T: From<Message> + 'static,
    S: Sink<T> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Like `poll_move`, but the sink may fail or panic.
    fn try_move(
        &mut self,
        stopping: bool,
        context: &mut Context<'_>,
    ) -> Result<Poll<Ended>, Box<dyn Error + Send + Sync>> {
        if stopping && self.over.is_none() {
            self.over = Some(Ended::Stopped);
        }
        for _ in 0..BUDGET {
            if let Some(over) = self.over.take() {
                let sink = self.sink.as_mut();
                let done = match over {
                    Ended::Stopped => sink.poll_flush(context),
                    _ => sink.poll_close(context),
                };
                if done.map_err(Into::into)?.is_pending() {
                    self.over = Some(over);
                    return Ok(Poll::Pending);
                }
                return Ok(Poll::Ready(over));
            }
            // Room first: no message is taken from the socket that the sink has no room for.
            let ready = self.sink.as_mut().poll_ready(context);
            if ready.map_err(Into::into)?.is_pending() {
                return Ok(Poll::Pending);
            }
            match Pin::new(&mut self.receiver).poll_next(context) {
                Poll::Ready(Some(message)) => {
                    let sent = self.sink.as_mut().start_send(T::from(message));
                    sent.map_err(Into::into)?;
                }
                Poll::Ready(None) => self.over = Some(self.receiver.end().into()),
                Poll::Pending => {
                    // Woken by the flush or by a message: both are polled from the start.
                    let _ = self.sink.as_mut().poll_flush(context).map_err(Into::into)?;
                    return Ok(Poll::Pending);
                }
            }
        }
        context.waker().wake_by_ref();
        Ok(Poll::Pending)
    }
}
