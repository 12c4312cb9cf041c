//! The futures of receiving.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::driver::wait::{wait, Awaits, TaskWait};
use crate::error::{Closed, RecvError, RecvTimeoutError, TryRecvError};
use crate::message::Message;
use crate::port::deadline::Deadline;
use crate::port::lockstep::QueuePlaces;
use crate::port::shared::Ports;
use crate::sync::bounded::{pause, Nothing};

/// The future of [`Receiver::recv`](crate::Receiver::recv).
///
/// If it is dropped before it is ready, no message has been taken.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvFuture<'a> {
    ports: &'a Ports,
    places: QueuePlaces,
    task: TaskWait,
}

impl<'a> RecvFuture<'a> {
    pub(crate) fn new(ports: &'a Ports) -> Self {
        RecvFuture {
            ports,
            places: QueuePlaces::default(),
            task: TaskWait::default(),
        }
    }

    /// For handles that reply by the number of a request.
    pub(crate) fn by_number(ports: &'a Ports) -> Self {
        RecvFuture {
            ports,
            places: QueuePlaces::by_number(),
            task: TaskWait::default(),
        }
    }

    /// Waits, if the result can still change.
    #[cold]
    pub(crate) fn block(self, why: Nothing) -> Result<Message, RecvError> {
        self.block_unless(why, None).map_err(at_the_end)
    }

    /// Waits, if the result can still change, until the deadline at most.
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
        self.ports.poll_pop(&mut self.places, waker)
    }

    /// Polls from a task.
    fn poll_in_task(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Nothing>> {
        let (ports, places) = (self.ports, &mut self.places);
        self.task
            .poll(ports.wait_context(), Awaits::Items, context, |context| {
                ports.poll_pop(places, context.waker())
            })
    }
}

impl Future for RecvFuture<'_> {
    type Output = Result<Message, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.places.is_nowhere() && this.ports.receives_plainly() {
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
        self.ports.leave_receivers(&mut self.places);
    }
}

/// The future of [`Receiver::recv_timeout`](crate::Receiver::recv_timeout).
///
/// If it is dropped before it is ready, no message has been taken.
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
        this.recv.ports.leave_receivers(&mut this.recv.places);
        Poll::Ready(popped.map_err(too_late))
    }
}

impl Drop for RecvTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.recv.ports);
    }
}

/// The future of [`Receiver::recv_many`](crate::Receiver::recv_many).
///
/// If it is dropped before it is ready, no message has been taken.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct RecvManyFuture<'a> {
    ports: &'a Ports,
    into: &'a mut Vec<Message>,
    max: usize,
    places: QueuePlaces,
    task: TaskWait,
}

impl<'a> RecvManyFuture<'a> {
    pub(crate) fn new(ports: &'a Ports, into: &'a mut Vec<Message>, max: usize) -> Self {
        RecvManyFuture {
            ports,
            into,
            max,
            places: QueuePlaces::default(),
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
        let (into, places) = (&mut *self.into, &mut self.places);
        self.ports.poll_pop_many(into, self.max, places, waker)
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
            places,
            task,
        } = this;
        let taken = task.poll(ports.wait_context(), Awaits::Items, context, |context| {
            ports.poll_pop_many(into, *max, places, context.waker())
        });
        taken.map(|taken| taken.map_err(at_the_end))
    }
}

impl Drop for RecvManyFuture<'_> {
    fn drop(&mut self) {
        self.ports.leave_receivers(&mut self.places);
    }
}

/// The error of a receive without a deadline.
pub(crate) fn at_the_end(why: Nothing) -> RecvError {
    match why {
        Nothing::Terminated => RecvError::Closed(Closed::Context),
        Nothing::Closed => RecvError::Closed(Closed::Socket),
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
