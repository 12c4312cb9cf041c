//! Futures that wait until a call would not wait, without making the call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::driver::wait::{wait, Awaits, TaskWait};
use crate::port::deadline::Deadline;
use crate::port::lockstep::QueuePlaces;
use crate::port::shared::Ports;
use crate::sync::bounded::pause;
use crate::sync::bounded::{Nothing, Offer};

/// The call in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Recv,
    /// A receive of a handle that replies by the number of a request.
    RecvByNumber,
    Send,
}

/// Resolves when a call would not wait.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct ReadyFuture<'a> {
    ports: &'a Ports,
    call: Call,
    places: QueuePlaces,
    task: TaskWait,
}

impl<'a> ReadyFuture<'a> {
    pub(crate) fn new(ports: &'a Ports, call: Call) -> Self {
        ReadyFuture {
            ports,
            call,
            places: match call {
                Call::RecvByNumber => QueuePlaces::by_number(),
                Call::Recv | Call::Send => QueuePlaces::default(),
            },
            task: TaskWait::default(),
        }
    }

    /// Whether the call would not wait now.
    pub(crate) fn is_ready(&self) -> bool {
        match self.call {
            Call::Recv => self.ports.watch_items(None) != Err(Nothing::Empty),
            Call::RecvByNumber => self.ports.has_items(),
            Call::Send => self.ports.watch_room(None) != Offer::Full,
        }
    }

    /// Blocks until the deadline at most. Returns whether the call would not wait now.
    pub(crate) fn block(mut self, deadline: Option<Instant>) -> bool {
        if self.is_ready() {
            return true;
        }
        let awaits = self.awaits();
        if awaits == Awaits::Items {
            pause();
        }
        let context = self.ports.wait_context();
        wait(context, awaits, deadline, |context| {
            self.poll_ready(context.waker())
        })
        .is_some()
    }

    fn awaits(&self) -> Awaits {
        match self.call {
            Call::Recv | Call::RecvByNumber => Awaits::Items,
            Call::Send => Awaits::Room,
        }
    }

    fn poll_ready(&mut self, waker: &Waker) -> Poll<()> {
        poll_ready(self.ports, self.call, &mut self.places, waker)
    }

    fn poll_in_task(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let awaits = self.awaits();
        let (ports, call, places) = (self.ports, self.call, &mut self.places);
        self.task
            .poll(ports.wait_context(), awaits, context, |context| {
                poll_ready(ports, call, places, context.waker())
            })
    }

    fn stop_watching(&mut self) {
        match self.call {
            Call::Recv | Call::RecvByNumber => self.ports.stop_watching_items(&mut self.places),
            Call::Send => self.ports.stop_watching_room(&mut self.places),
        }
    }
}

fn poll_ready(ports: &Ports, call: Call, places: &mut QueuePlaces, waker: &Waker) -> Poll<()> {
    match call {
        Call::Recv | Call::RecvByNumber => ports.poll_items(places, waker).map(drop),
        Call::Send => ports.poll_any_room(places, waker).map(drop),
    }
}

impl Future for ReadyFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_in_task(context)
    }
}

impl Drop for ReadyFuture<'_> {
    fn drop(&mut self) {
        self.stop_watching();
    }
}

/// Resolves when a call would not wait, or at the deadline, to whether it would not.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct ReadyTimeoutFuture<'a> {
    ready: ReadyFuture<'a>,
    deadline: Deadline,
}

impl<'a> ReadyTimeoutFuture<'a> {
    pub(crate) fn new(ready: ReadyFuture<'a>, deadline: Option<Instant>) -> Self {
        ReadyTimeoutFuture {
            ready,
            deadline: Deadline::new(deadline),
        }
    }
}

impl Future for ReadyTimeoutFuture<'_> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let this = self.get_mut();
        let is_ready = this.ready.poll_in_task(context).is_ready();
        if !is_ready && !this.deadline.has_passed(this.ready.ports, context.waker()) {
            return Poll::Pending;
        }
        this.deadline.cancel(this.ready.ports);
        this.ready.stop_watching();
        Poll::Ready(is_ready)
    }
}

impl Drop for ReadyTimeoutFuture<'_> {
    fn drop(&mut self) {
        self.deadline.cancel(self.ready.ports);
    }
}
