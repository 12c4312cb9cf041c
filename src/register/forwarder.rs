//! Moves the items of a user's stream into a socket.

use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::{discard, Ended, Mover, BUDGET};
use crate::error::{Closed, PumpFailure, SendError};
use crate::kind::Kind;
use crate::message::Message;
use crate::port::Sender;
use crate::pump::CloseReport;
use crate::socket::Socket;
use crate::sync::catch::quietly;

/// Moves the items of a user's stream into a socket.
pub(super) struct Forwarder<S> {
    /// `None` when it has ended.
    stream: Option<Pin<Box<S>>>,
    sender: Sender,
    close: Box<dyn Fn() -> Closing + Send>,
    closing: Option<Closing>,
    panicked: Option<String>,
}

type Closing = Pin<Box<dyn Future<Output = CloseReport> + Send>>;

impl<S> Forwarder<S> {
    pub(super) fn new<K: Kind>(stream: S, sender: Sender, socket: Socket<K>) -> Self {
        Forwarder {
            stream: Some(Box::pin(stream)),
            sender,
            close: Box::new(move || Box::pin(socket.close())),
            closing: None,
            panicked: None,
        }
    }
}

impl<S> Mover for Forwarder<S>
where
    S: Stream + Send + 'static,
    S::Item: Into<Message>,
{
    fn failure(&self) -> Option<PumpFailure> {
        self.sender.failure()
    }

    fn poll_move(&mut self, stopping: bool, context: &mut Context<'_>) -> Poll<Ended> {
        if let Some(closing) = &mut self.closing {
            let closed = ready!(closing.as_mut().poll(context));
            return Poll::Ready(match self.panicked.take() {
                Some(said) => Ended::Panicked(said),
                None => Ended::Finished(closed),
            });
        }
        // Also while the stream has no item: the registration must not keep a closed socket.
        if let Poll::Ready(why) = self.sender.poll_closed(context) {
            return Poll::Ready(why.into());
        }
        for _ in 0..BUDGET {
            // Room first: no item is taken from the stream that cannot be sent.
            if let Err(error) = ready!(Pin::new(&mut self.sender).poll_ready(context)) {
                return Poll::Ready(error.into());
            }
            if stopping {
                return Poll::Ready(Ended::Stopped);
            }
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(Ended::Closed(Closed::Socket));
            };
            let polled = quietly(|| {
                stream
                    .as_mut()
                    .poll_next(context)
                    .map(|item| item.map(Into::into))
            });
            match polled {
                Ok(Poll::Ready(Some(message))) => {
                    match Pin::new(&mut self.sender).start_send(message) {
                        Ok(()) => {}
                        Err(SendError::Refused(..)) => self.sender.count_dropped(),
                        Err(closed) => return Poll::Ready(closed.into()),
                    }
                }
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(None)) => return self.end(None, context),
                Err(said) => return self.end(Some(said), context),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Forwarder<S>
where
    S: Stream + Send + 'static,
    S::Item: Into<Message>,
{
    /// Closes the socket after the stream has ended.
    fn end(&mut self, panicked: Option<String>, context: &mut Context<'_>) -> Poll<Ended> {
        discard(self.stream.take());
        self.panicked = panicked;
        self.closing = Some((self.close)());
        self.poll_move(false, context)
    }
}
