//! The calls that wait: futures, and iterators over what a receiver gives.
//!
//! Every future tries, takes a place in line under the lock that showed it has to wait, and
//! tries again when it is woken. Dropping it gives the place up, and passes on a call that it
//! has not used.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::driver::wait::task::TaskWait;
use crate::driver::wait::thread::{pause, wait};
use crate::driver::wait::Awaits;
use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::message::Message;
use crate::port::handles::Receiver;
use crate::port::lockstep::Line;
use crate::port::shared::{NotSent, Ports};
use crate::sync::bounded::{Nothing, Waiting};
use crate::sync::timeouts::AlarmKey;
use crate::sync::wait_queue::Ticket;

/// The future of [`Sender::send`](super::Sender::send).
///
/// Dropping it before it is ready means that the message has not been sent.
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

    /// A send that was [suspended](Self::suspend).
    pub(crate) fn resume(ports: &'a Ports, message: Message, ticket: Ticket) -> Self {
        SendFuture {
            ports,
            message: Some(message),
            ticket,
            task: TaskWait::default(),
        }
    }

    /// The message and the place in line, which is kept.
    pub(crate) fn suspend(mut self) -> (Option<Message>, Ticket) {
        (self.message.take(), self.ticket.take())
    }

    /// A send that has been tried in vain.
    #[cold]
    pub(crate) fn refused(ports: &'a Ports, message: Option<Message>) -> Self {
        SendFuture {
            ports,
            message,
            ticket: None,
            task: TaskWait::default(),
        }
    }

    /// Waits if that is of use.
    #[cold]
    pub(crate) fn block(mut self, why: NotSent) -> Result<(), SendError> {
        match self.block_unless(why, None) {
            Ok(()) => Ok(()),
            Err(why) => Err(self.fails(why)),
        }
    }

    /// Waits if that is of use, not longer than until the deadline.
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

    /// Sends in the common case: this is the first call, and there is room.
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

    /// In a task.
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
            NotSent::Closed => SendError::Disconnected(message),
            NotSent::Terminated => SendError::Terminated(message),
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

/// Errors that say that there was no room.
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

/// The future of [`Sender::send_timeout`](super::Sender::send_timeout) and
/// [`Sender::send_deadline`](super::Sender::send_deadline).
///
/// Dropping it before it is ready means that the message has not been sent.
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
        // A place in line is given up now, not when the future happens to be dropped.
        this.send.ports.leave_senders(&mut this.send.ticket);
        Poll::Ready(sent.map_err(|why| this.send.gives_up(why)))
    }
}

impl Drop for SendTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.send.ports);
    }
}

/// The future of [`Receiver::recv`](super::Receiver::recv).
///
/// Dropping it before it is ready takes no message.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvFuture<'a> {
    ports: &'a Ports,
    line: Line,
    task: TaskWait,
}

impl<'a> RecvFuture<'a> {
    pub(crate) fn new(ports: &'a Ports) -> Self {
        RecvFuture {
            ports,
            line: Line::default(),
            task: TaskWait::default(),
        }
    }

    /// For those who answer by the number of a request.
    pub(crate) fn by_number(ports: &'a Ports) -> Self {
        RecvFuture {
            ports,
            line: Line::by_number(),
            task: TaskWait::default(),
        }
    }

    /// Waits if that is of use.
    #[cold]
    pub(crate) fn block(self, why: Nothing) -> Result<Message, RecvError> {
        self.block_unless(why, None).map_err(at_the_end)
    }

    /// Waits if that is of use, not longer than until the deadline.
    #[cold]
    pub(crate) fn block_until(
        self,
        why: Nothing,
        deadline: Option<Instant>,
    ) -> Result<Message, RecvTimeoutError> {
        self.block_unless(why, deadline).map_err(too_late)
    }

    fn block_unless(mut self, why: Nothing, deadline: Option<Instant>) -> Result<Message, Nothing> {
        if why != Nothing::Empty {
            return Err(why);
        }
        pause();
        wait(
            self.ports.wait_context(),
            Awaits::Items,
            deadline,
            |context| self.poll_pop(context.waker()),
        )
        .unwrap_or(Err(why))
    }

    fn poll_pop(&mut self, waker: &Waker) -> Poll<Result<Message, Nothing>> {
        self.ports.poll_pop(&mut self.line, waker)
    }

    /// In a task.
    fn poll_in_task(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Nothing>> {
        let (ports, line) = (self.ports, &mut self.line);
        self.task
            .poll(ports.wait_context(), Awaits::Items, context, |context| {
                ports.poll_pop(line, context.waker())
            })
    }
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.line.is_nowhere() && this.ports.receives_plainly() {
            if let Some(message) = this.ports.pop_quietly() {
                return Poll::Ready(Ok(message));
            }
        }
        let popped = this.poll_in_task(context);
        popped.map(|popped| popped.map_err(at_the_end))
    }
}

impl Drop for RecvFuture<'_> {
    fn drop(&mut self) {
        self.ports.leave_receivers(&mut self.line);
    }
}

/// The future of [`Receiver::recv_timeout`](super::Receiver::recv_timeout) and
/// [`Receiver::recv_deadline`](super::Receiver::recv_deadline).
///
/// Dropping it before it is ready takes no message.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvTimeoutFuture<'a> {
    recv: RecvFuture<'a>,
    deadline: Deadline,
}

impl<'a> RecvTimeoutFuture<'a> {
    pub(crate) fn new(recv: RecvFuture<'a>, deadline: Option<Instant>) -> Self {
        RecvTimeoutFuture {
            recv,
            deadline: Deadline::new(deadline),
        }
    }
}

impl Future for RecvTimeoutFuture<'_> {
    type Output = Result<Message, RecvTimeoutError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.recv.poll_in_task(context);
        let waker = context.waker();
        let popped = match polled {
            Poll::Ready(popped) => popped,
            Poll::Pending if this.deadline.has_passed(this.recv.ports, waker) => {
                Err(Nothing::Empty)
            }
            Poll::Pending => return Poll::Pending,
        };
        this.deadline.cancel(this.recv.ports);
        this.recv.ports.leave_receivers(&mut this.recv.line);
        Poll::Ready(popped.map_err(too_late))
    }
}

impl Drop for RecvTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.recv.ports);
    }
}

/// The future of [`Receiver::recv_many`](super::Receiver::recv_many).
///
/// Dropping it before it is ready takes no message.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvManyFuture<'a> {
    ports: &'a Ports,
    into: &'a mut Vec<Message>,
    max: usize,
    line: Line,
    task: TaskWait,
}

impl<'a> RecvManyFuture<'a> {
    pub(crate) fn new(ports: &'a Ports, into: &'a mut Vec<Message>, max: usize) -> Self {
        RecvManyFuture {
            ports,
            into,
            max,
            line: Line::default(),
            task: TaskWait::default(),
        }
    }

    pub(crate) fn block(mut self) -> Result<usize, RecvError> {
        if self.max == 0 {
            return Ok(0);
        }
        let taken = match self.ports.pop_many(self.into, self.max, None) {
            Err(Nothing::Empty) => {
                pause();
                wait(self.ports.wait_context(), Awaits::Items, None, |context| {
                    self.poll_pop(context.waker())
                })
                .unwrap_or(Err(Nothing::Empty))
            }
            done => done,
        };
        taken.map_err(at_the_end)
    }

    fn poll_pop(&mut self, waker: &Waker) -> Poll<Result<usize, Nothing>> {
        let (into, line) = (&mut *self.into, &mut self.line);
        self.ports.poll_pop_many(into, self.max, line, waker)
    }
}

impl Future for RecvManyFuture<'_> {
    type Output = Result<usize, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.max == 0 {
            return Poll::Ready(Ok(0));
        }
        let RecvManyFuture {
            ports,
            into,
            max,
            line,
            task,
        } = this;
        let taken = task.poll(ports.wait_context(), Awaits::Items, context, |context| {
            ports.poll_pop_many(into, *max, line, context.waker())
        });
        taken.map(|taken| taken.map_err(at_the_end))
    }
}

impl Drop for RecvManyFuture<'_> {
    fn drop(&mut self) {
        self.ports.leave_receivers(&mut self.line);
    }
}

/// When a call gives up, and its alarm, set only if it has to wait at all.
#[derive(Debug)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    alarm: Option<AlarmKey>,
}

impl Deadline {
    pub(crate) fn new(at: Option<Instant>) -> Self {
        Deadline { at, alarm: None }
    }

    /// Whether it has passed; if not, the waker will be woken when it has.
    pub(crate) fn has_passed(&mut self, ports: &Ports, waker: &Waker) -> bool {
        let Some(at) = self.at else { return false };
        if Instant::now() >= at {
            return true;
        }
        let kept = self
            .alarm
            .is_some_and(|alarm| ports.alarms().update(alarm, waker));
        if !kept {
            self.alarm = Some(ports.alarms().register(at, waker));
        }
        false
    }

    pub(crate) fn cancel(&mut self, ports: &Ports) {
        if let Some(alarm) = self.alarm.take() {
            ports.alarms().cancel(alarm);
        }
    }
}

/// A blocking iterator over the messages of a [`Receiver`]; ends when no more will come.
#[derive(Debug)]
pub struct Iter<'a>(pub(crate) &'a Receiver);

impl Iterator for Iter<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.recv_blocking().ok()
    }
}

/// A blocking iterator that owns its [`Receiver`]; ends when no more messages will come.
#[derive(Debug)]
pub struct IntoIter(pub(crate) Receiver);

impl Iterator for IntoIter {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.recv_blocking().ok()
    }
}

/// An iterator over the messages that are there now; never waits.
///
/// What it has not given out stays in the channel.
#[derive(Debug)]
pub struct Drain<'a> {
    ports: &'a Ports,
    left: usize,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(ports: &'a Ports) -> Self {
        let left = ports.outward().map_or(0, |outward| outward.len());
        Drain { ports, left }
    }
}

impl Iterator for Drain<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.left = self.left.checked_sub(1)?;
        self.ports.try_pop().ok()
    }
}

/// Why a call that waits for ever got nothing.
pub(crate) fn at_the_end(why: Nothing) -> RecvError {
    match why {
        Nothing::Terminated => RecvError::Terminated,
        Nothing::Closed => RecvError::Disconnected,
        Nothing::Empty => unreachable!("an empty channel makes the call wait"),
    }
}

pub(crate) fn not_now(why: Nothing) -> TryRecvError {
    match why {
        Nothing::Empty => TryRecvError::Empty,
        why => at_the_end(why).into(),
    }
}

pub(crate) fn too_late(why: Nothing) -> RecvTimeoutError {
    match why {
        Nothing::Empty => RecvTimeoutError::Timeout,
        why => at_the_end(why).into(),
    }
}
