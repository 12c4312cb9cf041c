//! Blocking waits for the first of several sockets, streams and wakers: [`Select`].
//!
//! Async code does not need this: the futures and streams of the ports can be used in any
//! `select!`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_sink::Sink;

#[cfg(unix)]
use self::descriptors::Descriptors;
use crate::error::{Closed, RecvError, SelectError};
use crate::message::Message;
use crate::port::{deadline_after, Receiver, Sender};
use crate::sync::parker::block_on;
use crate::sync::ready_queue::ReadyQueue;
use crate::sync::Hook;

#[cfg(unix)]
pub use crate::readiness::{Readiness, ReadinessFd};

/// Blocks the thread until one of many sources is ready: a socket with a message, a socket with
/// room for one, a stream with an item (such as the receiver of another channel), a waker that was
/// woken, and on Unix a file descriptor.
///
/// Each source has a [`Token`], by which the result of a wait identifies it. Sources that are ready
/// are returned in turn. Waiting uses no processor time, and a wake-up costs the same however many
/// sources there are: only sources that were woken are polled.
///
/// A `Select` may be one of several receivers of a socket. A message that arrives while it is not
/// waiting goes to a receiver that is; dropping a `Select` removes its sources from all wait queues
/// and loses no message.
///
/// ```
/// use zmq_channels::select::Selected;
/// use zmq_channels::{Context, Pull, Push, Select};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let (tasks, weather) = (context.socket::<Pull>()?, context.socket::<Pull>()?);
/// let push = context.socket::<Push>()?;
/// push.connect(weather.bind("inproc://weather")?)?;
///
/// let mut select = Select::new();
/// let from_tasks = select.receiver(tasks.receiver());
/// let from_weather = select.receiver(weather.receiver());
/// push.send_blocking("sunny")?;
/// match select.wait()? {
///     Selected::Received(token, message) if token == from_weather => {
///         assert_eq!(message, "sunny".into());
///     }
///     other => panic!("{other:?} came first, not {from_tasks:?}"),
/// }
/// # Ok(())
/// # }
/// ```
#[doc(alias = "zmq_poll")]
#[doc(alias = "zmq_poller_new")]
#[doc(alias = "zmq_poller_wait")]
#[doc(alias = "poller")]
#[doc(alias = "epoll")]
pub struct Select<'a, T = Message> {
    sources: BTreeMap<Token, Source<'a, T>>,
    /// Sources to poll: those woken, and those whose last message may be followed by more. None of
    /// them is in a wait queue.
    due: VecDeque<Token>,
    /// Kept for its capacity.
    called: VecDeque<u64>,
    ready_queue: Arc<ReadyQueue>,
    next: u64,
    #[cfg(unix)]
    descriptors: Descriptors<'a>,
}

/// Identifies a source of a [`Select`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

/// The result of a wait of a [`Select`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selected<T = Message> {
    /// A message of this socket, or an item of this stream.
    Received(Token, T),
    /// This socket has room for a message, or is closed: try to send. The source has been removed.
    /// If other senders take the room first, the message comes back; then add the source again. On
    /// socket types whose senders wait for single peers (ROUTER with `router_mandatory`, SERVER,
    /// PEER, STREAM, publishers with `xpub_no_drop`), there is room for a message to some peer; a
    /// message to a full peer still comes back.
    Room(Token),
    /// This waker was woken, once or more since the last time it was returned.
    Woken(Token),
    /// A receive from this socket would not wait, as there is a message. The source stays.
    Readable(Token),
    /// A send to this socket would not wait, as there is room. The source stays.
    Writable(Token),
    /// This descriptor is ready as indicated. The source stays.
    #[cfg(unix)]
    Descriptor(Token, Readiness),
    /// No more messages or items will come from this source, or the socket accepts no more
    /// messages. The source has been removed.
    Ended(Token, RecvError),
}

struct Source<'a, T> {
    /// `None` for a source that is only woken, never polled.
    poll: Option<Look<'a, T>>,
    waker: Waker,
    /// Whether it is in `due`.
    due: bool,
}

type Look<'a, T> = Box<dyn FnMut(&mut Context<'_>) -> Poll<Found<T>> + Send + 'a>;

enum Found<T> {
    Item(T),
    Room,
    Readable,
    Writable,
    End(RecvError),
}

impl Select<'_> {
    /// Creates a `Select` without sources, for messages. To wait for values of another type, made
    /// from messages and from the items of streams, use `Select::<T>::default()`.
    #[must_use]
    pub fn new() -> Self {
        Select::default()
    }
}

impl<'a, T> Select<'a, T> {
    /// Adds a socket's `out`.
    pub fn receiver(&mut self, mut receiver: Receiver) -> Token
    where
        T: From<Message>,
    {
        let pass_on = receiver.pass_on();
        let poll = move |context: &mut Context<'_>| {
            Pin::new(&mut receiver)
                .poll_next(context)
                .map(|message| match message {
                    Some(message) => Found::Item(message.into()),
                    None => Found::End(receiver.end()),
                })
        };
        self.add(Some(Box::new(poll)), Some(pass_on))
    }

    /// Adds a stream, such as the receiver of another channel. If it panics, so does the wait.
    pub fn stream<S>(&mut self, stream: S) -> Token
    where
        S: Stream + Send + 'a,
        S::Item: Into<T>,
    {
        let mut stream = Box::pin(stream);
        let poll = move |context: &mut Context<'_>| {
            stream.as_mut().poll_next(context).map(|item| match item {
                Some(item) => Found::Item(item.into()),
                None => Found::End(RecvError::Closed(Closed::Socket)),
            })
        };
        self.add(Some(Box::new(poll)), None)
    }

    /// Adds a socket's `in`: [`Selected::Room`] is returned once when it has room.
    pub fn sender(&mut self, mut sender: Sender) -> Token {
        let pass_on = sender.pass_on();
        let poll = move |context: &mut Context<'_>| {
            let ready = Pin::new(&mut sender).poll_ready(context);
            ready.map(|_| Found::Room)
        };
        self.add(Some(Box::new(poll)), Some(pass_on))
    }

    /// Adds a socket's `out` without taking messages from it: every wait returns
    /// [`Selected::Readable`] as long as a receive would not wait. Remove it while no messages are
    /// to be received.
    pub fn readable(&mut self, receiver: &Receiver) -> Token {
        let mut receiver = receiver.clone();
        let poll = move |context: &mut Context<'_>| {
            receiver.poll_items(context).map(|found| match found {
                Ok(()) => Found::Readable,
                Err(why) => Found::End(why),
            })
        };
        self.add(Some(Box::new(poll)), None)
    }

    /// Adds a socket's `in`: every wait returns [`Selected::Writable`] as long as a send would not
    /// wait. Remove it while there is nothing to send.
    pub fn writable(&mut self, sender: &Sender) -> Token {
        let mut sender = sender.clone();
        let poll = move |context: &mut Context<'_>| {
            sender.poll_any_room(context).map(|found| match found {
                Ok(()) => Found::Writable,
                Err(why) => Found::End(why),
            })
        };
        self.add(Some(Box::new(poll)), None)
    }

    /// Adds a waker: a wait returns [`Selected::Woken`] after it was woken. For timers, signals,
    /// hand-written futures and other threads.
    pub fn waker(&mut self) -> (Token, Waker) {
        let token = self.add(None, None);
        let waker = self.ready_queue.waker(token.0, None);
        (token, waker)
    }

    /// Removes a source. Returns false if it was removed already.
    pub fn remove(&mut self, token: Token) -> bool {
        #[cfg(unix)]
        if self.descriptors.remove(token) {
            return true;
        }
        self.sources.remove(&token).is_some()
    }

    /// Returns the number of sources.
    #[must_use]
    pub fn len(&self) -> usize {
        let sources = self.sources.len();
        #[cfg(unix)]
        let sources = sources + self.descriptors.len();
        sources
    }

    /// Returns whether there are no sources.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until a source is ready.
    ///
    /// # Errors
    /// [`SelectError::NoSource`] if there are no sources: all have ended, or none was added.
    pub fn wait(&mut self) -> Result<Selected<T>, SelectError> {
        self.wait_until(None)
    }

    /// Waits until a source is ready, for at most `timeout`.
    ///
    /// # Errors
    /// [`SelectError::Timeout`] if none was, and the error of [`wait`](Select::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Selected<T>, SelectError> {
        self.wait_until(deadline_after(timeout))
    }

    /// Returns a source that is ready now, without waiting.
    ///
    /// # Errors
    /// Same as [`wait_timeout`](Select::wait_timeout).
    pub fn try_wait(&mut self) -> Result<Selected<T>, SelectError> {
        if self.is_empty() {
            return Err(SelectError::NoSource);
        }
        #[cfg(unix)]
        if self.descriptors.len() > 0 {
            return self.look_at_both(None).ok_or(SelectError::Timeout);
        }
        self.look(None).ok_or(SelectError::Timeout)
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Selected<T>, SelectError> {
        if self.is_empty() {
            return Err(SelectError::NoSource);
        }
        #[cfg(unix)]
        if self.descriptors.len() > 0 {
            return self.wait_for_both(deadline);
        }
        let found = block_on(deadline, |context| match self.look(Some(context.waker())) {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        });
        // The wait is over; sources woken until now are due.
        found
            .or_else(|| self.look(None))
            .ok_or(SelectError::Timeout)
    }

    fn add(&mut self, poll: Option<Look<'a, T>>, pass_on: Option<Arc<dyn Hook>>) -> Token {
        let token = self.token();
        let waker = self.ready_queue.waker(token.0, pass_on);
        let due = poll.is_some();
        self.sources.insert(token, Source { poll, waker, due });
        self.due.extend(due.then_some(token));
        token
    }

    fn token(&mut self) -> Token {
        self.next += 1;
        Token(self.next - 1)
    }

    /// Polls each source that is due once; if none is ready, `listener` is woken when it is worth
    /// polling again.
    fn look(&mut self, listener: Option<&Waker>) -> Option<Selected<T>> {
        self.hear(None);
        for _ in 0..self.due.len() {
            let token = self.due.pop_front()?;
            if let Some(event) = self.look_at(token) {
                return Some(event);
            }
        }
        if let Some(listener) = listener {
            // Wake-ups of removed sources are no reason to poll, but they consume the registration
            // of `listener`.
            while self.due.is_empty() && self.hear(Some(listener)) {}
            if !self.due.is_empty() {
                // Between two polls the wait checks its deadline.
                listener.wake_by_ref();
            }
        }
        None
    }

    /// Adds woken sources to those due, and returns whether there are any; if not, the next wake-up
    /// wakes `listener`.
    fn hear(&mut self, listener: Option<&Waker>) -> bool {
        self.ready_queue.collect(&mut self.called, listener);
        let any = !self.called.is_empty();
        for token in self.called.drain(..).map(Token) {
            // A source that was removed, or is due already, is not added.
            if let Some(source) = self.sources.get_mut(&token).filter(|source| !source.due) {
                source.due = true;
                self.due.push_back(token);
            }
        }
        any
    }

    fn look_at(&mut self, token: Token) -> Option<Selected<T>> {
        let source = self.sources.get_mut(&token)?;
        source.due = false;
        let Some(poll) = &mut source.poll else {
            return Some(Selected::Woken(token));
        };
        let event = match poll(&mut Context::from_waker(&source.waker)) {
            Poll::Pending => return None,
            Poll::Ready(Found::Item(item)) => Selected::Received(token, item),
            Poll::Ready(Found::Readable) => Selected::Readable(token),
            Poll::Ready(Found::Writable) => Selected::Writable(token),
            Poll::Ready(Found::Room) => return self.last(Selected::Room(token)),
            Poll::Ready(Found::End(why)) => return self.last(Selected::Ended(token, why)),
        };
        // Behind the others that are due.
        source.due = true;
        self.due.push_back(token);
        Some(event)
    }

    /// The last event of a source, which is removed.
    fn last(&mut self, event: Selected<T>) -> Option<Selected<T>> {
        if let Selected::Room(token) | Selected::Ended(token, _) = &event {
            self.remove(*token);
        }
        Some(event)
    }
}

impl<T> Default for Select<'_, T> {
    fn default() -> Self {
        Select {
            sources: BTreeMap::new(),
            due: VecDeque::new(),
            called: VecDeque::new(),
            ready_queue: ReadyQueue::new(),
            next: 0,
            #[cfg(unix)]
            descriptors: Descriptors::default(),
        }
    }
}

impl<T> fmt::Debug for Select<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("sources", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(unix)]
mod descriptors;
