//! The futures of sending.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::driver::wait::{wait, Awaits, TaskWait};
use crate::error::{Closed, SendError, SendTimeoutError, TrySendError};
use crate::message::Message;
use crate::port::deadline::Deadline;
use crate::port::shared::{NotSent, Ports};
use crate::sync::bounded::Waiting;
use crate::sync::wait_queue::Ticket;

/// The future of [`Sender::send`](crate::Sender::send).
///
/// If it is dropped before it is ready, the message has not been sent.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct SendFuture<'a> {
    ports: &'a Ports,
    message: Option<Message>,
    ticket: Ticket,
    task: TaskWait,
}

impl<'a> SendFuture<'a> {
    pub(crate) fn new(ports: &'a Ports, message: Message) -> Self {
        SendFuture {
            ports,
            message: Some(message),
            ticket: None,
            task: TaskWait::default(),
        }
    }

    /// Continues a send that was [suspended](Self::suspend).
    pub(crate) fn resume(ports: &'a Ports, message: Message, ticket: Ticket) -> Self {
        SendFuture {
            ports,
            message: Some(message),
            ticket,
            task: TaskWait::default(),
        }
    }

    /// Returns the message and the place in the wait queue, which is kept.
    pub(crate) fn suspend(mut self) -> (Option<Message>, Ticket) {
        (self.message.take(), self.ticket.take())
    }

    /// A send that has been tried and found no room.
    #[cold]
    pub(crate) fn refused(ports: &'a Ports, message: Option<Message>) -> Self {
        SendFuture {
            ports,
            message,
            ticket: None,
            task: TaskWait::default(),
        }
    }

    /// Waits, if the result can still change.
    #[cold]
    pub(crate) fn block(mut self, why: NotSent) -> Result<(), SendError> {
        match self.block_unless(why, None) {
            Ok(()) => Ok(()),
            Err(why) => Err(self.fails(why)),
        }
    }

    /// Waits, if the result can still change, until the deadline at most.
    #[cold]
    pub(crate) fn block_until(
        mut self,
        why: NotSent,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError> {
        match self.block_unless(why, deadline) {
            Ok(()) => Ok(()),
            Err(why) => Err(self.gives_up(why)),
        }
    }

    fn block_unless(&mut self, why: NotSent, deadline: Option<Instant>) -> Result<(), NotSent> {
        if why != NotSent::Full {
            return Err(why);
        }
        wait(
            self.ports.wait_context(),
            Awaits::Room,
            deadline,
            |context| self.poll_offer(context.waker()),
        )
        .unwrap_or(Err(why))
    }

    /// Sends on the fast path: on the first poll, if there is room.
    #[inline]
    fn offer_quietly(&mut self) -> bool {
        let sent = match (self.ticket, &mut self.message) {
            (None, Some(message)) if self.ports.sends_plainly() && self.ports.is_at_home() => {
                self.ports.offer_quietly(message)
            }
            _ => false,
        };
        if sent {
            self.message = None;
        }
        sent
    }

    fn poll_offer(&mut self, waker: &Waker) -> Poll<Result<(), NotSent>> {
        if self.offer_quietly() {
            return Poll::Ready(Ok(()));
        }
        let waiting = Waiting {
            ticket: &mut self.ticket,
            waker,
        };
        self.ports.poll_offer(&mut self.message, waiting)
    }

    /// Polls from a task.
    fn poll_in_task(&mut self, context: &mut Context<'_>) -> Poll<Result<(), NotSent>> {
        if self.offer_quietly() {
            self.task.served(self.ports.wait_context(), Awaits::Room);
            return Poll::Ready(Ok(()));
        }
        let (ports, message, ticket) = (self.ports, &mut self.message, &mut self.ticket);
        self.task
            .poll(ports.wait_context(), Awaits::Room, context, |context| {
                let waker = context.waker();
                ports.poll_offer(message, Waiting { ticket, waker })
            })
    }

    pub(crate) fn gives_up<E: From<SendError> + NoRoom>(&mut self, why: NotSent) -> E {
        match why {
            NotSent::Full => E::no_room(self.take()),
            why => E::from(self.fails(why)),
        }
    }

    fn fails(&mut self, why: NotSent) -> SendError {
        let message = self.take();
        match why {
            NotSent::Closed => SendError::Closed(Closed::Socket, message),
            NotSent::Terminated => SendError::Closed(Closed::Context, message),
            NotSent::Refused(why) => SendError::Refused(why, message),
            NotSent::Full => unreachable!("a full channel makes a call wait, or is told apart"),
        }
    }

    fn take(&mut self) -> Message {
        // A message that was not sent is still here.
        self.message.take().unwrap_or_default()
    }
}

impl Future for SendFuture<'_> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = this.poll_in_task(context);
        sent.map(|sent| sent.map_err(|why| this.fails(why)))
    }
}

impl Drop for SendFuture<'_> {
    fn drop(&mut self) {
        self.ports.leave_senders(&mut self.ticket);
    }
}

/// Errors with a variant for a full channel.
pub(crate) trait NoRoom {
    fn no_room(message: Message) -> Self;
}

impl NoRoom for TrySendError {
    fn no_room(message: Message) -> Self {
        TrySendError::Full(message)
    }
}

impl NoRoom for SendTimeoutError {
    fn no_room(message: Message) -> Self {
        SendTimeoutError::Timeout(message)
    }
}

/// The future of [`Sender::send_timeout`](crate::Sender::send_timeout).
///
/// If it is dropped before it is ready, the message has not been sent.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct SendTimeoutFuture<'a> {
    send: SendFuture<'a>,
    deadline: Deadline,
}

impl<'a> SendTimeoutFuture<'a> {
    pub(crate) fn new(ports: &'a Ports, message: Message, deadline: Option<Instant>) -> Self {
        SendTimeoutFuture {
            send: SendFuture::new(ports, message),
            deadline: Deadline::new(deadline),
        }
    }
}

impl Future for SendTimeoutFuture<'_> {
    type Output = Result<(), SendTimeoutError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.send.poll_in_task(context);
        let waker = context.waker();
        let sent = match polled {
            Poll::Ready(sent) => sent,
            Poll::Pending if this.deadline.has_passed(this.send.ports, waker) => Err(NotSent::Full),
            Poll::Pending => return Poll::Pending,
        };
        this.deadline.cancel(this.send.ports);
        // Leaves the wait queue now, not when the future is dropped.
        this.send.ports.leave_senders(&mut this.send.ticket);
        Poll::Ready(sent.map_err(|why| this.send.gives_up(why)))
    }
}

impl Drop for SendTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.send.ports);
    }
}
