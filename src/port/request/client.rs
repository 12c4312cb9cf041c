//! A request and the wait for its reply, as one call.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::driver::wait::{wait, Awaits, TaskWait};
use crate::error::{Closed, Refusal, RequestError, RequestTimeoutError};
use crate::message::Message;
use crate::port::deadline::Deadline;
use crate::port::request_table::{Calls, GivenUp, Outcome};
use crate::port::shared::Ports;
use crate::sync::oneshot::Answer;

/// The future of [`Socket::request`](crate::Socket::request).
///
/// Dropping it cancels the request: it is not sent if no peer has taken it; otherwise its reply is
/// dropped when it arrives.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RequestFuture<'a>(Asking<'a>);

/// The future of [`Socket::request_timeout`](crate::Socket::request_timeout).
///
/// Dropping it cancels the request: it is not sent if no peer has taken it; otherwise its reply is
/// dropped when it arrives.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RequestTimeoutFuture<'a> {
    asking: Asking<'a>,
    deadline: Deadline,
}

#[derive(Debug)]
struct Asking<'a> {
    ports: &'a Ports,
    stage: Stage,
    task: TaskWait,
}

enum Stage {
    Unasked(Message),
    Asked(u64, Answer<Outcome>),
    Over,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stage::Unasked(_) => "Unasked",
            Stage::Asked(..) => "Asked",
            Stage::Over => "Over",
        })
    }
}

/// Calls that send a request, for the socket's handle.
impl Ports {
    pub(crate) fn request(&self, message: Message) -> RequestFuture<'_> {
        RequestFuture(Asking::new(self, message))
    }

    /// There is no deadline if it would exceed the range of the clock.
    pub(crate) fn request_until(
        &self,
        message: Message,
        deadline: Option<Instant>,
    ) -> RequestTimeoutFuture<'_> {
        RequestTimeoutFuture {
            asking: Asking::new(self, message),
            deadline: Deadline::new(deadline),
        }
    }

    pub(crate) fn request_blocking(&self, message: Message) -> Result<Message, RequestError> {
        let mut asking = Asking::new(self, message);
        let end = wait(self.wait_context(), Awaits::Reply, None, |context| {
            asking.poll_end(context)
        });
        end.unwrap_or(End::Outcome(Outcome::Closed(None)))
            .without_deadline()
    }

    pub(crate) fn request_blocking_until(
        &self,
        message: Message,
        deadline: Option<Instant>,
    ) -> Result<Message, RequestTimeoutError> {
        let mut asking = Asking::new(self, message);
        let end = wait(self.wait_context(), Awaits::Reply, deadline, |context| {
            asking.poll_end(context)
        });
        if let Some(end) = end {
            return end.with_deadline();
        }
        match asking.give_up() {
            GivenUp::Queued(message) => Err(RequestTimeoutError::Timeout(Some(message))),
            GivenUp::Sent => Err(RequestTimeoutError::Timeout(None)),
            GivenUp::Settled => {
                let end = wait(self.wait_context(), Awaits::Reply, None, |context| {
                    asking.poll_end(context)
                });
                end.unwrap_or(End::Outcome(Outcome::Closed(None)))
                    .with_deadline()
            }
        }
    }
}

impl<'a> Asking<'a> {
    fn new(ports: &'a Ports, message: Message) -> Self {
        Asking {
            ports,
            stage: Stage::Unasked(message),
            task: TaskWait::default(),
        }
    }

    fn calls(&self) -> &'a Calls {
        self.ports.calls()
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<End> {
        if let Stage::Unasked(_) = self.stage {
            let Stage::Unasked(mut message) = mem::replace(&mut self.stage, Stage::Over) else {
                unreachable!("looked at a moment ago");
            };
            if let Err(why) = self.ports.check(&message) {
                return Poll::Ready(End::Refused(why, message));
            }
            message.set_tag(0);
            match self.calls().ask(message) {
                Ok((tag, answer)) => self.stage = Stage::Asked(tag, answer),
                Err(outcome) => return Poll::Ready(End::Outcome(outcome)),
            }
        }
        let outcome = match &self.stage {
            Stage::Asked(_, answer) => match answer.poll_answer(context) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            },
            Stage::Unasked(_) | Stage::Over => None,
        };
        self.stage = Stage::Over;
        Poll::Ready(End::Outcome(outcome.unwrap_or(Outcome::Closed(None))))
    }

    /// Polls from a task. A task that has several requests in flight does not lead for one of them.
    fn poll_in_task(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let first = self.poll_end(context);
        if first.is_pending() && !self.calls().is_only_one() {
            return Poll::Pending;
        }
        let (mut first, mut task) = (Some(first), mem::take(&mut self.task));
        let wait = self.ports.wait_context();
        let end = task.poll(wait, Awaits::Reply, context, |context| {
            first.take().unwrap_or_else(|| self.poll_end(context))
        });
        self.task = task;
        end
    }

    /// Cancels the request. If it is settled, its outcome can still be polled for.
    fn give_up(&mut self) -> GivenUp {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Unasked(message) => GivenUp::Queued(message),
            Stage::Asked(tag, answer) => {
                let given_up = self.calls().give_up(tag);
                if matches!(given_up, GivenUp::Settled) {
                    self.stage = Stage::Asked(tag, answer);
                }
                given_up
            }
            Stage::Over => GivenUp::Settled,
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Stage::Asked(tag, _) = self.stage {
            self.calls().give_up(tag);
        }
    }
}

/// How a call ended, except by its deadline.
enum End {
    Outcome(Outcome),
    Refused(Refusal, Message),
}

impl End {
    fn without_deadline(self) -> Result<Message, RequestError> {
        match self {
            End::Outcome(Outcome::Replied(reply)) => Ok(reply),
            End::Outcome(Outcome::PeerLost) => Err(RequestError::PeerLost),
            End::Outcome(Outcome::Closed(unsent)) => {
                Err(RequestError::Closed(Closed::Socket, unsent))
            }
            End::Outcome(Outcome::Terminated(unsent)) => {
                Err(RequestError::Closed(Closed::Context, unsent))
            }
            End::Refused(why, message) => Err(RequestError::Refused(why, message)),
        }
    }

    fn with_deadline(self) -> Result<Message, RequestTimeoutError> {
        self.without_deadline().map_err(RequestTimeoutError::from)
    }
}

impl Future for RequestFuture<'_> {
    type Output = Result<Message, RequestError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let asking = &mut self.get_mut().0;
        asking.poll_in_task(context).map(End::without_deadline)
    }
}

impl Future for RequestTimeoutFuture<'_> {
    type Output = Result<Message, RequestTimeoutError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let ports = this.asking.ports;
        let asking = &mut this.asking;
        let result = match asking.poll_in_task(context) {
            Poll::Ready(end) => end.with_deadline(),
            Poll::Pending if this.deadline.has_passed(ports, context.waker()) => {
                match asking.give_up() {
                    GivenUp::Queued(message) => Err(RequestTimeoutError::Timeout(Some(message))),
                    GivenUp::Sent => Err(RequestTimeoutError::Timeout(None)),
                    // The reply arrived at the last moment: it wakes this task.
                    GivenUp::Settled => return Poll::Pending,
                }
            }
            Poll::Pending => return Poll::Pending,
        };
        this.deadline.cancel(ports);
        Poll::Ready(result)
    }
}

impl Drop for RequestTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.asking.ports);
    }
}
