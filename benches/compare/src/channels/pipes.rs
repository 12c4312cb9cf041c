//! The channels that are compared, each behind the same four calls.

use std::future::poll_fn;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Duration;

use super::driver::wait::{wait, Awaits, WaitContext, WaitSetup};
use super::measure::CAPACITY;
use super::measure::{awaiting, blocking, ping_pong, Awaiting, Blocking, Found, Item, Pipe, Shape};
use super::options::Overflow;
use super::sync::bounded::{pause, Channel, Nothing, Waiting};

/// A contender, and what it does in a shape; `None` where it cannot take part.
type Play = fn(Shape, Duration) -> Option<Found>;

pub(crate) const PIPES: &[(&str, Play)] = &[
    ("ours", both::<Ours, Ours>),
    ("ours-batch", only_blocking::<OursBatch>),
    ("async-channel", both::<AsyncChannel, AsyncChannel>),
    ("flume", both::<Flume, Flume>),
    ("crossbeam", only_blocking::<Crossbeam>),
    ("kanal", both::<Kanal, KanalAsync>),
    ("crossfire", both::<Crossfire, CrossfireAsync>),
    ("tokio-mpsc", both::<Tokio, Tokio>),
    ("std-mpsc", only_blocking::<Std>),
];

pub(crate) fn versions() -> serde_json::Value {
    serde_json::json!({
        "ours": "0.1.0", "async-channel": "2.5", "flume": "0.12", "crossbeam": "0.5.17",
        "kanal": "0.1.1", "crossfire": "3.1", "tokio-mpsc": "1",
    })
}

fn only_blocking<P: Blocking>(shape: Shape, window: Duration) -> Option<Found> {
    match shape {
        Shape::Blocking { senders, receivers } => blocking::<P>(senders, receivers, window),
        Shape::PingPong => ping_pong::<P>(window),
        Shape::Async { .. } => None,
    }
}

fn both<B: Blocking, A: Awaiting>(shape: Shape, window: Duration) -> Option<Found> {
    match shape {
        Shape::Async { senders, receivers } => awaiting::<A>(senders, receivers, window),
        Shape::Blocking { .. } | Shape::PingPong => only_blocking::<B>(shape, window),
    }
}

// ---- the library's own

struct Ours;

/// As the library's own calls wait, at its defaults, where no pump can be led.
static WAIT: LazyLock<WaitContext> = LazyLock::new(|| {
    WaitContext::new(WaitSetup {
        spin: Duration::from_micros(50),
        ..WaitSetup::PARK
    })
});

/// The last sender closes the channel.
struct Closing(Arc<Channel<Item>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn open_ours() -> (Arc<Closing>, Arc<Channel<Item>>) {
    let channel = Arc::new(Channel::new(CAPACITY, Overflow::Block, None, None));
    (Arc::new(Closing(Arc::clone(&channel))), channel)
}

impl Pipe for Ours {
    type In = Arc<Closing>;
    type Out = Arc<Channel<Item>>;

    fn open() -> (Self::In, Self::Out) {
        open_ours()
    }

    fn another_in(end: &Self::In) -> Self::In {
        Arc::clone(end)
    }

    fn another_out(end: &Self::Out) -> Option<Self::Out> {
        Some(Arc::clone(end))
    }
}

/// Tries, and waits in line if that is of use: what a port's own calls do.
fn poll_push(channel: &Channel<Item>, slot: &mut Option<Item>, waiting: Waiting<'_>) -> Poll<bool> {
    let _ = channel.push_or_wait(slot, waiting);
    match slot {
        None => Poll::Ready(true),
        // No call closes these channels while another sends.
        Some(_) => Poll::Pending,
    }
}

fn poll_pop(channel: &Channel<Item>, waiting: Waiting<'_>) -> Poll<Option<Item>> {
    match channel.pop_or_wait(waiting) {
        Ok(item) => Poll::Ready(Some(item)),
        Err(Nothing::Empty) => Poll::Pending,
        Err(Nothing::Closed | Nothing::Terminated) => Poll::Ready(None),
    }
}

impl Blocking for Ours {
    #[inline]
    fn send(end: &Self::In, item: Item) -> bool {
        let mut item = item;
        if end.0.push_quietly(&mut item) {
            return true;
        }
        let mut slot = Some(item);
        let _ = end.0.try_push(&mut slot);
        if slot.is_none() {
            return true;
        }
        let mut ticket = None;
        let sent = wait(&WAIT, Awaits::Room, None, |context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            poll_push(&end.0, &mut slot, Waiting { ticket, waker })
        });
        sent.unwrap_or(false)
    }

    #[inline]
    fn recv(end: &mut Self::Out) -> Option<Item> {
        if let Some(item) = end.pop_quietly() {
            return Some(item);
        }
        match end.try_pop() {
            Ok(item) => return Some(item),
            Err(Nothing::Empty) => {}
            Err(Nothing::Closed | Nothing::Terminated) => return None,
        }
        pause();
        let mut ticket = None;
        wait(&WAIT, Awaits::Items, None, |context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            poll_pop(end, Waiting { ticket, waker })
        })?
    }
}

impl Awaiting for Ours {
    async fn send(end: &Self::In, item: Item) -> bool {
        let mut item = item;
        if end.0.push_quietly(&mut item) {
            return true;
        }
        let (mut slot, mut ticket) = (Some(item), None);
        poll_fn(|context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            poll_push(&end.0, &mut slot, Waiting { ticket, waker })
        })
        .await
    }

    async fn recv(end: &mut Self::Out) -> Option<Item> {
        if let Some(item) = end.pop_quietly() {
            return Some(item);
        }
        let mut ticket = None;
        poll_fn(|context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            poll_pop(end, Waiting { ticket, waker })
        })
        .await
    }
}

/// The same, taking all there is at once.
struct OursBatch;

/// A channel and what was taken from it.
struct Batch {
    channel: Arc<Channel<Item>>,
    taken: Vec<Item>,
}

impl Pipe for OursBatch {
    type In = Arc<Closing>;
    type Out = Batch;

    fn open() -> (Self::In, Self::Out) {
        let (input, channel) = open_ours();
        let taken = Vec::with_capacity(CAPACITY);
        (input, Batch { channel, taken })
    }

    fn another_in(end: &Self::In) -> Self::In {
        Arc::clone(end)
    }

    fn another_out(end: &Self::Out) -> Option<Self::Out> {
        Some(Batch {
            channel: Arc::clone(&end.channel),
            taken: Vec::with_capacity(CAPACITY),
        })
    }
}

impl Blocking for OursBatch {
    fn send(end: &Self::In, item: Item) -> bool {
        <Ours as Blocking>::send(end, item)
    }

    #[inline]
    fn recv(end: &mut Self::Out) -> Option<Item> {
        if let Some(item) = end.taken.pop() {
            return Some(item);
        }
        let (channel, taken) = (&end.channel, &mut end.taken);
        let mut ticket = None;
        wait(&WAIT, Awaits::Items, None, |context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            match channel.pop_many_or_wait(taken, CAPACITY, Waiting { ticket, waker }) {
                Err(Nothing::Empty) => Poll::Pending,
                Ok(_) | Err(Nothing::Closed | Nothing::Terminated) => Poll::Ready(()),
            }
        })?;
        // Taken from the back from now on.
        taken.reverse();
        taken.pop()
    }
}

// ---- the others

/// The two ends of a channel and how they multiply.
macro_rules! pipe {
    ($name:ident, $in:ty, $out:ty, $open:expr, $another:expr) => {
        struct $name;

        impl Pipe for $name {
            type In = $in;
            type Out = $out;

            fn open() -> (Self::In, Self::Out) {
                $open
            }

            fn another_in(end: &Self::In) -> Self::In {
                end.clone()
            }

            fn another_out(end: &Self::Out) -> Option<Self::Out> {
                let another: fn(&Self::Out) -> Option<Self::Out> = $another;
                another(end)
            }
        }
    };
}

macro_rules! blocking_calls {
    ($name:ident, $send:ident, $recv:ident, $answer:ident) => {
        impl Blocking for $name {
            #[inline]
            fn send(end: &Self::In, item: Item) -> bool {
                end.$send(item).is_ok()
            }

            #[inline]
            fn recv(end: &mut Self::Out) -> Option<Item> {
                $answer(end.$recv())
            }
        }
    };
}

macro_rules! async_calls {
    ($name:ident, $send:ident, $recv:ident, $answer:ident) => {
        impl Awaiting for $name {
            async fn send(end: &Self::In, item: Item) -> bool {
                end.$send(item).await.is_ok()
            }

            async fn recv(end: &mut Self::Out) -> Option<Item> {
                $answer(end.$recv().await)
            }
        }
    };
}

#[inline]
fn of_result<E>(received: Result<Item, E>) -> Option<Item> {
    received.ok()
}

#[inline]
fn of_option(received: Option<Item>) -> Option<Item> {
    received
}

pipe!(
    AsyncChannel,
    async_channel::Sender<Item>,
    async_channel::Receiver<Item>,
    async_channel::bounded(CAPACITY),
    |end| Some(end.clone())
);
blocking_calls!(AsyncChannel, send_blocking, recv_blocking, of_result);
async_calls!(AsyncChannel, send, recv, of_result);

pipe!(
    Flume,
    flume::Sender<Item>,
    flume::Receiver<Item>,
    flume::bounded(CAPACITY),
    |end| Some(end.clone())
);
blocking_calls!(Flume, send, recv, of_result);
async_calls!(Flume, send_async, recv_async, of_result);

pipe!(
    Crossbeam,
    crossbeam_channel::Sender<Item>,
    crossbeam_channel::Receiver<Item>,
    crossbeam_channel::bounded(CAPACITY),
    |end| Some(end.clone())
);
blocking_calls!(Crossbeam, send, recv, of_result);

pipe!(
    Kanal,
    kanal::Sender<Item>,
    kanal::Receiver<Item>,
    kanal::bounded(CAPACITY),
    |end| Some(end.clone())
);
blocking_calls!(Kanal, send, recv, of_result);

pipe!(
    KanalAsync,
    kanal::AsyncSender<Item>,
    kanal::AsyncReceiver<Item>,
    kanal::bounded_async(CAPACITY),
    |end| Some(end.clone())
);
async_calls!(KanalAsync, send, recv, of_result);

pipe!(
    Crossfire,
    crossfire::MTx<crossfire::mpmc::Array<Item>>,
    crossfire::MRx<crossfire::mpmc::Array<Item>>,
    crossfire::mpmc::bounded_blocking(CAPACITY),
    |end| Some(end.clone())
);
blocking_calls!(Crossfire, send, recv, of_result);

pipe!(
    CrossfireAsync,
    crossfire::MAsyncTx<crossfire::mpmc::Array<Item>>,
    crossfire::MAsyncRx<crossfire::mpmc::Array<Item>>,
    crossfire::mpmc::bounded_async(CAPACITY),
    |end| Some(end.clone())
);
async_calls!(CrossfireAsync, send, recv, of_result);

pipe!(
    Tokio,
    tokio::sync::mpsc::Sender<Item>,
    tokio::sync::mpsc::Receiver<Item>,
    tokio::sync::mpsc::channel(CAPACITY),
    |_| None
);
blocking_calls!(Tokio, blocking_send, blocking_recv, of_option);
async_calls!(Tokio, send, recv, of_option);

pipe!(
    Std,
    std::sync::mpsc::SyncSender<Item>,
    std::sync::mpsc::Receiver<Item>,
    std::sync::mpsc::sync_channel(CAPACITY),
    |_| None
);
blocking_calls!(Std, send, recv, of_result);
