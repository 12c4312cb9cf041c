//! The ports, as users call them.

#![allow(clippy::unwrap_used)] // These are tests, helpers included.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::{pin, Pin};
use std::task::Waker;
use std::thread;

use futures::executor::block_on;
use futures::{SinkExt, StreamExt};

use super::*;
use crate::driver::wait::WaitSetup;
use crate::error::{Closed, Refusal, SendError, SendTimeoutError, TrySendError};
use crate::options::Overflow;
use crate::port::frame_rule::FrameRule;
use crate::port::futures::send::SendFuture;
use crate::port::request::client::{RequestFuture, RequestTimeoutFuture};
use crate::port::request::server::{RecvRequestTimeoutFuture, Request, Requests};
use crate::port::sender::{Sender, WeakSender};
use crate::port::shared::PortsSetup;
use crate::sync::health::Health;
use crate::sync::testing::{in_time, Count, Dice, Woken};
use crate::sync::timeouts::Alarms;
use futures_sink::Sink;

struct Opened {
    ports: Arc<Ports>,
    holder: Option<Holder>,
    hook: Arc<Count>,
    alarms: Arc<Alarms>,
    keepalive: Weak<()>,
}

impl Opened {
    fn sender(&self) -> Sender {
        self.holder.as_ref().unwrap().sender().unwrap()
    }

    fn receiver(&self) -> Receiver {
        self.holder.as_ref().unwrap().receiver().unwrap()
    }

    /// Takes everything from `in` and releases it at once, as the pump does.
    fn taken(&self) -> VecDeque<Message> {
        let mut taken = VecDeque::new();
        let inward = self.ports.inward().unwrap();
        while inward.take(100, &mut taken) {}
        inward.release(taken.len());
        taken
    }

    /// Delivers a message to `out`, as the pump does.
    fn deliver(&self, message: impl Into<Message>) {
        let mut batch = VecDeque::from([message.into()]);
        self.ports.outward().unwrap().push_batch(&mut batch);
        assert!(batch.is_empty());
    }

    fn request(&self, tag: u64) {
        let mut request = Message::from(tag.to_string());
        request.set_tag(tag);
        self.deliver(request);
    }
}

fn open(inward: Option<usize>, outward: Option<usize>) -> Opened {
    open_with(inward, outward, false)
}

fn open_rep() -> Opened {
    open_with(Some(1), Some(100), true)
}

fn open_with(inward: Option<usize>, outward: Option<usize>, alternating: bool) -> Opened {
    let hook = Arc::new(Count::default());
    let alarms = Arc::new(Alarms::new(Arc::new(Count::default())));
    let keepalive = Arc::new(());
    let weak = Arc::downgrade(&keepalive);
    let (ports, holder) = Ports::open(PortsSetup {
        inward: inward.map(|capacity| (capacity, Overflow::Block)),
        outward: outward.map(|capacity| (capacity, Overflow::Block)),
        alternating,
        relaxed: None,
        frames: FrameRule::AtMost(Message::MAX_FRAMES),
        known_peers: None,
        recalling: false,
        wait: WaitSetup::PARK,
        alarms: alarms.clone(),
        health: Health::new(),
        keepalive,
        on_first: hook.clone(),
        on_room: hook.clone(),
    });
    Opened {
        ports,
        holder: Some(holder),
        hook,
        alarms,
        keepalive: weak,
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

const SOON: Duration = Duration::from_millis(5);

#[test]
fn handles_are_send_and_sync() {
    fn anywhere<T: Send + Sync + Unpin + 'static>() {}
    anywhere::<Sender>();
    anywhere::<Receiver>();
    anywhere::<WeakSender>();
    anywhere::<WeakReceiver>();
    anywhere::<SendFuture<'static>>();
    anywhere::<RecvManyFuture<'static>>();
    anywhere::<RequestFuture<'static>>();
    anywhere::<RequestTimeoutFuture<'static>>();
    anywhere::<Requests>();
    anywhere::<Request>();
    anywhere::<RecvRequestTimeoutFuture<'static>>();
    fn cloned<T: Clone>() {}
    cloned::<Sender>();
    cloned::<Receiver>();
}

#[test]
fn every_kind_of_send_is_accepted_and_counted() {
    let socket = open(Some(5), None);
    let sender = socket.sender();
    sender.try_send("1").unwrap();
    sender.send_blocking("2").unwrap();
    sender.send_timeout_blocking("3", SOON).unwrap();
    block_on(sender.send("4")).unwrap();
    block_on(sender.send_timeout("5", SOON)).unwrap();
    assert_eq!((sender.len(), sender.capacity()), (5, Some(5)));
    assert_eq!(socket.hook.get(), 1);
    assert_eq!(
        sender.try_send("6"),
        Err(TrySendError::Full(Message::from("6")))
    );
    let texts: Vec<_> = ["1", "2", "3", "4", "5"].map(Message::from).into();
    assert_eq!(Vec::from(socket.taken()), texts);
    assert!(sender.is_empty());
}

#[test]
fn every_kind_of_receive_takes_one() {
    let socket = open(None, Some(0));
    let receiver = socket.receiver();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    for number in 1..=5 {
        socket.deliver(number.to_string());
    }
    assert_eq!((receiver.len(), receiver.capacity()), (5, None));
    let received = [
        receiver.try_recv().unwrap(),
        receiver.recv_blocking().unwrap(),
        receiver.recv_timeout_blocking(SOON).unwrap(),
        block_on(receiver.recv()).unwrap(),
        block_on(receiver.recv_timeout(SOON)).unwrap(),
    ];
    assert_eq!(received, ["1", "2", "3", "4", "5"].map(Message::from));
    assert!(receiver.is_empty());
}

#[test]
fn a_message_without_frames_is_refused_and_returned() {
    let socket = open(Some(1), None);
    let sender = socket.sender();
    let refused = SendError::Refused(Refusal::NoFrames, Message::new());
    let empty = Message::new;
    assert_eq!(sender.send_blocking(empty()), Err(refused.clone()));
    assert_eq!(sender.try_send(empty()), Err(refused.clone().into()));
    assert_eq!(block_on(sender.send(empty())), Err(refused.clone()));
    assert_eq!(
        sender.send_timeout_blocking(empty(), SOON),
        Err(refused.clone().into())
    );
    assert_eq!(
        block_on(sender.send_timeout(empty(), SOON)),
        Err(refused.into())
    );
    assert!(sender.is_empty());
}

#[test]
fn the_tag_of_a_forwarded_message_is_removed() {
    let socket = open(Some(1), Some(1));
    socket.request(7);
    let request = socket.receiver().try_recv().unwrap();
    assert_eq!(request.tag(), 7);
    socket.sender().try_send(request).unwrap();
    assert_eq!(socket.taken()[0].tag(), 0);
}

#[test]
fn a_send_that_times_out_returns_the_message() {
    let socket = open(Some(1), None);
    let sender = socket.sender();
    sender.try_send("first").unwrap();
    let late = || Err(SendTimeoutError::Timeout(Message::from("late")));
    let start = Instant::now();
    assert_eq!(sender.send_timeout_blocking("late", SOON), late());
    assert!(start.elapsed() >= SOON);
    let at_once = Duration::ZERO;
    assert_eq!(sender.send_timeout_blocking("late", at_once), late());
    assert_eq!(block_on(sender.send_timeout("late", at_once)), late());
    assert_eq!(socket.taken().len(), 1);
    assert_eq!(socket.alarms.earliest(), None);
}

#[test]
fn a_receive_that_times_out_takes_no_message() {
    let socket = open(None, Some(1));
    let receiver = socket.receiver();
    let start = Instant::now();
    let late = Err(RecvTimeoutError::Timeout);
    assert_eq!(receiver.recv_timeout_blocking(SOON), late);
    assert!(start.elapsed() >= SOON);
    let at_once = Duration::ZERO;
    assert_eq!(receiver.recv_timeout_blocking(at_once), late);
    assert_eq!(block_on(receiver.recv_timeout(at_once)), late);
    socket.deliver("kept");
    assert_eq!(receiver.try_recv().unwrap(), Message::from("kept"));
}

#[test]
fn timers_end_asynchronous_calls_and_are_set_only_if_needed() {
    let socket = open(Some(1), Some(1));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let woken = Woken::new();
    let mut sending = sender.send_timeout("first", SOON);
    assert_eq!(poll(&mut sending, &woken.waker()), Poll::Ready(Ok(())));
    assert_eq!(socket.alarms.earliest(), None);

    let mut sending = sender.send_timeout("late", SOON);
    let mut receiving = receiver.recv_timeout(SOON);
    let deadline = Instant::now() + SOON;
    assert!(poll(&mut sending, &woken.waker()).is_pending());
    assert!(poll(&mut receiving, &woken.waker()).is_pending());
    assert!(socket
        .alarms
        .earliest()
        .is_some_and(|earliest| earliest <= deadline));
    while Instant::now() < deadline {
        thread::yield_now();
    }
    socket.alarms.fire(Instant::now());
    assert_eq!(woken.get(), 2);
    assert_eq!(
        poll(&mut sending, &woken.waker()),
        Poll::Ready(Err(SendTimeoutError::Timeout(Message::from("late"))))
    );
    assert_eq!(
        poll(&mut receiving, &woken.waker()),
        Poll::Ready(Err(RecvTimeoutError::Timeout))
    );
    assert_eq!(socket.alarms.earliest(), None);

    let mut dropped = receiver.recv_timeout(Duration::from_secs(9));
    assert!(poll(&mut dropped, &woken.waker()).is_pending());
    assert!(socket.alarms.earliest().is_some());
    drop(dropped);
    assert_eq!(socket.alarms.earliest(), None);
}

#[test]
fn a_timeout_beyond_the_clock_means_no_deadline() {
    let socket = open(Some(1), Some(1));
    let sender = socket.sender();
    sender.send_timeout_blocking("x", Duration::MAX).unwrap();
    let mut waiting = sender.send_timeout("y", Duration::MAX);
    assert!(poll(&mut waiting, Waker::noop()).is_pending());
    assert_eq!(socket.alarms.earliest(), None);
}

#[test]
fn a_dropped_future_has_sent_and_taken_nothing() {
    let socket = open(Some(1), Some(1));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    sender.try_send("first").unwrap();
    let mut sending = sender.send("dropped");
    assert!(poll(&mut sending, Waker::noop()).is_pending());
    drop(sending);
    let mut receiving = receiver.recv();
    assert!(poll(&mut receiving, Waker::noop()).is_pending());
    socket.deliver("kept");
    drop(receiving);
    assert_eq!(receiver.try_recv().unwrap(), Message::from("kept"));
    assert_eq!(socket.taken(), [Message::from("first")]);
    assert!(socket.taken().is_empty());
}

#[test]
fn many_are_received_at_once() {
    let socket = open(None, Some(0));
    let receiver = socket.receiver();
    let mut batch = Vec::new();
    assert_eq!(receiver.recv_many_blocking(&mut batch, 0), Ok(0));
    assert_eq!(block_on(receiver.recv_many(&mut batch, 0)), Ok(0));
    for number in 0..5 {
        socket.deliver(number.to_string());
    }
    assert_eq!(receiver.recv_many_blocking(&mut batch, 2), Ok(2));
    assert_eq!(block_on(receiver.recv_many(&mut batch, 9)), Ok(3));
    assert_eq!(batch.len(), 5);
    in_time(move || {
        let waiting = thread::spawn(move || {
            let mut batch = Vec::new();
            (receiver.recv_many_blocking(&mut batch, 9), batch.len())
        });
        socket.deliver("late");
        assert_eq!(waiting.join().unwrap(), (Ok(1), 1));
        let receiver = socket.receiver();
        socket.ports.terminate();
        let mut batch = Vec::new();
        assert_eq!(
            receiver.recv_many_blocking(&mut batch, 9),
            Err(RecvError::Closed(Closed::Context))
        );
    });
}

#[test]
fn iterators_end_with_the_socket_and_drain_does_not_wait() {
    in_time(|| {
        let socket = open(None, Some(0));
        let receiver = socket.receiver();
        for number in 0..5 {
            socket.deliver(number.to_string());
        }
        assert_eq!(receiver.drain().take(2).count(), 2);
        assert_eq!(receiver.drain().count(), 3);
        assert_eq!(receiver.drain().count(), 0);
        for number in 0..5 {
            socket.deliver(number.to_string());
        }
        socket.ports.finish();
        assert_eq!(receiver.iter().take(2).count(), 2);
        assert_eq!((&receiver).into_iter().take(1).count(), 1);
        assert_eq!(receiver.into_iter().count(), 2);
    });
}

#[test]
fn a_receiver_is_a_stream() {
    in_time(|| {
        let socket = open(None, Some(0));
        let mut receiver = socket.receiver();
        let collecting = thread::spawn(move || {
            let collected = block_on(receiver.by_ref().collect::<Vec<_>>());
            assert!(receiver.is_terminated());
            collected
        });
        for number in 0..100 {
            socket.deliver(number.to_string());
        }
        socket.ports.finish();
        assert_eq!(collecting.join().unwrap().len(), 100);
    });
}

#[test]
fn a_dropped_stream_passes_its_wake_up_on() {
    let socket = open(None, Some(0));
    let (mut stream, receiver) = (socket.receiver(), socket.receiver());
    let (first, second) = (Woken::new(), Woken::new());
    let waker = first.waker();
    assert!(stream
        .poll_next_unpin(&mut Context::from_waker(&waker))
        .is_pending());
    let mut receiving = receiver.recv();
    assert!(poll(&mut receiving, &second.waker()).is_pending());
    socket.deliver("x");
    assert_eq!((first.get(), second.get()), (1, 0));
    drop(stream);
    assert_eq!((first.get(), second.get()), (1, 1));
}

#[test]
fn a_sender_is_a_sink_that_keeps_the_high_water_mark() {
    let socket = open(Some(2), None);
    let mut sink = socket.sender();
    let mut context = Context::from_waker(Waker::noop());
    for text in ["1", "2"] {
        assert!(Pin::new(&mut sink).poll_ready(&mut context).is_ready());
        Pin::new(&mut sink).start_send(Message::from(text)).unwrap();
    }
    assert!(Pin::new(&mut sink).poll_ready(&mut context).is_pending());
    assert_eq!(socket.taken().len(), 2);
    assert!(Pin::new(&mut sink).poll_ready(&mut context).is_ready());
    // Another handle takes the room: the message is kept in this handle.
    let other = socket.sender();
    other.try_send("3").unwrap();
    other.try_send("4").unwrap();
    Pin::new(&mut sink).start_send(Message::from("5")).unwrap();
    assert!(Pin::new(&mut sink).poll_flush(&mut context).is_pending());
    assert_eq!(socket.taken().len(), 2);
    assert!(Pin::new(&mut sink).poll_flush(&mut context).is_ready());
    assert_eq!(socket.taken(), [Message::from("5")]);
}

#[test]
fn a_closed_sink_closes_one_handle_and_a_closed_socket_returns_messages() {
    let mut socket = open(Some(9), None);
    let (mut sink, mut other) = (socket.sender(), socket.sender());
    drop(socket.holder.take());
    block_on(sink.send_all(&mut futures::stream::iter(
        ["1", "2"].map(|text| Ok(text.into())),
    )))
    .unwrap();
    block_on(SinkExt::close(&mut sink)).unwrap();
    assert!(!socket.ports.close_requested());
    let lost = Message::from("lost");
    assert_eq!(
        block_on(SinkExt::send(&mut sink, lost.clone())),
        Err(SendError::Closed(Closed::Socket, lost.clone()))
    );
    drop(sink);
    assert!(!socket.ports.close_requested());
    block_on(SinkExt::close(&mut other)).unwrap();
    assert!(socket.ports.close_requested());
    assert_eq!(
        block_on(SinkExt::send(&mut other.clone(), lost.clone())),
        Err(SendError::Closed(Closed::Socket, lost))
    );
    assert_eq!(socket.taken().len(), 2);
}

#[test]
fn dropping_the_last_sending_handle_closes_the_socket() {
    let mut socket = open(Some(9), Some(9));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let clone = sender.clone();
    let weak = sender.downgrade();
    drop(socket.holder.take());
    drop(sender);
    assert!(!socket.ports.close_requested());
    drop(weak.upgrade().unwrap());
    clone.try_send("flushed").unwrap();
    let calls = socket.hook.get();
    drop(clone);
    assert!(socket.ports.close_requested());
    assert_eq!(socket.hook.get(), calls + 1);
    assert!(weak.upgrade().is_none());
    assert_eq!(socket.taken(), [Message::from("flushed")]);
    assert!(!receiver.is_closed(), "the pump says when");
    assert!(receiver.downgrade().upgrade().is_some());
    socket.deliver("last");
    socket.ports.finish();
    assert_eq!(receiver.recv_blocking(), Ok(Message::from("last")));
    assert_eq!(receiver.recv_blocking(), Err(Closed::Socket.into()));
}

#[test]
fn holders_keep_a_sending_socket_open_and_receivers_do_not() {
    let mut socket = open(Some(9), Some(9));
    let holder = socket.holder.clone();
    drop(socket.sender());
    drop(socket.receiver());
    drop(socket.holder.take());
    assert!(!socket.ports.close_requested());
    let receiver = holder.as_ref().unwrap().receiver();
    drop(holder);
    assert!(socket.ports.close_requested());
    drop(receiver);
}

#[test]
fn dropping_the_last_handle_closes_a_socket_that_only_receives() {
    let mut socket = open(None, Some(9));
    assert!(socket.holder.as_ref().unwrap().sender().is_none());
    let receiver = socket.receiver();
    let weak = receiver.downgrade();
    drop(socket.holder.take());
    assert!(!socket.ports.close_requested());
    drop(receiver.clone());
    assert!(!socket.ports.close_requested());
    drop(receiver);
    assert!(socket.ports.close_requested());
    assert_eq!(socket.hook.get(), 1);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_context_is_kept_until_the_last_handle_is_dropped() {
    let mut socket = open(Some(9), Some(9));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let weak = (sender.downgrade(), receiver.downgrade());
    drop(socket.holder.take());
    drop(sender);
    assert!(socket.keepalive.upgrade().is_some());
    drop(receiver);
    assert!(socket.keepalive.upgrade().is_none());
    assert!(weak.0.upgrade().is_none() && weak.1.upgrade().is_none());
}

#[test]
fn close_is_requested_from_either_port() {
    let socket = open(Some(9), Some(9));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    sender.close();
    sender.close();
    assert!(socket.ports.close_requested());
    assert!(sender.is_closed() && !receiver.is_closed());
    assert_eq!(
        sender.send_blocking("x"),
        Err(SendError::Closed(Closed::Socket, Message::from("x")))
    );
    assert_eq!(
        sender.send_timeout_blocking("x", SOON),
        Err(SendTimeoutError::Closed(Closed::Socket, Message::from("x")))
    );

    let socket = open(Some(9), Some(9));
    let (sender, receiver) = (socket.sender(), socket.receiver());
    socket.deliver("waiting");
    receiver.close();
    receiver.close();
    assert!(socket.ports.close_requested());
    assert!(sender.is_closed() && receiver.is_closed());
    assert_eq!(receiver.try_recv(), Ok(Message::from("waiting")));
    assert_eq!(receiver.try_recv(), Err(Closed::Socket.into()));
}

#[test]
fn termination_ends_every_pending_call() {
    in_time(|| {
        for alternating in [false, true] {
            let socket = open_with(Some(1), Some(9), alternating);
            let (sender, receiver) = (socket.sender(), socket.receiver());
            if alternating {
                socket.request(1);
                receiver.try_recv().unwrap();
            } else {
                sender.try_send("fills").unwrap();
            }
            let receiving = thread::spawn(move || receiver.recv_blocking());
            let sending = (!alternating).then(|| {
                let sender = sender.clone();
                thread::spawn(move || sender.send_blocking("x"))
            });
            socket.ports.terminate();
            assert_eq!(receiving.join().unwrap(), Err(Closed::Context.into()));
            let sent = match sending {
                Some(sending) => sending.join().unwrap(),
                None => sender.send_blocking("x"),
            };
            assert_eq!(
                sent,
                Err(SendError::Closed(Closed::Context, Message::from("x")))
            );
        }
    });
}

#[test]
fn ports_report_dropped_messages() {
    let (ports, holder) = Ports::open(PortsSetup {
        inward: Some((1, Overflow::DropNewest)),
        outward: Some((1, Overflow::DropOldest)),
        alternating: false,
        relaxed: None,
        frames: FrameRule::AtMost(Message::MAX_FRAMES),
        known_peers: None,
        recalling: false,
        wait: WaitSetup::PARK,
        alarms: Arc::new(Alarms::new(Arc::new(Count::default()))),
        health: Health::new(),
        keepalive: Arc::new(()),
        on_first: Arc::new(Count::default()),
        on_room: Arc::new(Count::default()),
    });
    let (sender, receiver) = (holder.sender().unwrap(), holder.receiver().unwrap());
    for text in ["1", "2", "3"] {
        sender.try_send(text).unwrap();
        let mut batch = VecDeque::from([Message::from(text)]);
        ports.outward().unwrap().push_batch(&mut batch);
    }
    assert_eq!((sender.dropped(), receiver.dropped()), (2, 2));
    assert_eq!(receiver.try_recv(), Ok(Message::from("3")));
    let shown = format!("{sender:?} {receiver:?}");
    assert!(shown.contains("Sender { len: 1, capacity: Some(1), closed: false }"));
}

#[test]
fn threads_and_tasks_share_one_socket() {
    const EACH: usize = 2_000;
    in_time(|| {
        let socket = open(Some(3), Some(3));
        let senders = [
            {
                let sender = socket.sender();
                thread::spawn(move || {
                    for number in 0..EACH {
                        sender.send_blocking(number.to_string()).unwrap();
                    }
                })
            },
            {
                let sender = socket.sender();
                thread::spawn(move || {
                    block_on(async {
                        for number in EACH..2 * EACH {
                            sender.send(number.to_string()).await.unwrap();
                        }
                    });
                })
            },
        ];
        let receivers = [
            {
                let receiver = socket.receiver();
                thread::spawn(move || receiver.iter().collect::<Vec<_>>())
            },
            {
                let receiver = socket.receiver();
                thread::spawn(move || block_on(receiver.collect::<Vec<_>>()))
            },
        ];
        // A pump that moves everything from `in` to `out`, and never waits in a channel.
        let (inward, outward) = (
            socket.ports.inward().unwrap(),
            socket.ports.outward().unwrap(),
        );
        let (mut staged, mut carried) = (VecDeque::new(), 0);
        while carried < 2 * EACH {
            inward.take(10, &mut staged);
            let before = staged.len();
            outward.push_batch(&mut staged);
            inward.release(before - staged.len());
            carried += before - staged.len();
            thread::yield_now();
        }
        for sender in senders {
            sender.join().unwrap();
        }
        socket.ports.finish();
        let all: BTreeSet<_> = receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().unwrap())
            .map(|message| message.as_str().unwrap().parse::<usize>().unwrap())
            .collect();
        assert!(all.into_iter().eq(0..2 * EACH));
    });
}

#[test]
fn requests_and_replies_alternate_strictly() {
    let socket = open_rep();
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let refused = || Err(SendError::Refused(Refusal::NoRequest, Message::from("r")));
    assert_eq!(sender.send_blocking("r"), refused());
    assert_eq!(block_on(sender.send("r")), refused());
    socket.request(1);
    socket.request(2);
    assert_eq!(sender.send_blocking("r"), refused());
    assert_eq!(receiver.try_recv().unwrap().tag(), 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        receiver.recv_timeout_blocking(SOON),
        Err(RecvTimeoutError::Timeout)
    );
    let mut batch = Vec::new();
    assert_eq!(receiver.drain().count(), 0);
    sender.send_blocking("r").unwrap();
    assert_eq!(sender.send_blocking("r"), refused());
    socket.request(3);
    assert_eq!(receiver.recv_many_blocking(&mut batch, 9), Ok(1));
    // `in` is full, so the reply is not accepted and stays due.
    assert!(matches!(sender.try_send("r"), Err(TrySendError::Full(_))));
    let mut cancelled = sender.send("r");
    assert!(poll(&mut cancelled, Waker::noop()).is_pending());
    drop(cancelled);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(socket.taken()[0].tag(), 1);
    sender.try_send("r").unwrap();
    assert_eq!(socket.taken()[0].tag(), 2);
    assert_eq!(receiver.drain().count(), 1);
}

#[test]
fn of_two_replies_to_one_request_one_is_refused() {
    let socket = open_rep();
    let (sender, receiver) = (socket.sender(), socket.receiver());
    socket.request(1);
    receiver.try_recv().unwrap();
    sender.try_send("fills").unwrap();
    socket.request(2);
    receiver.try_recv().unwrap();
    let woken = Woken::new();
    let mut slow = sender.send("slow");
    assert!(poll(&mut slow, &woken.waker()).is_pending());
    socket.taken();
    assert_eq!(woken.get(), 1);
    sender.try_send("fast").unwrap();
    assert_eq!(
        poll(&mut slow, &woken.waker()),
        Poll::Ready(Err(SendError::Refused(
            Refusal::NoRequest,
            Message::from("slow")
        )))
    );
}

#[test]
fn an_accepted_reply_wakes_one_receiver_which_passes_it_on() {
    let socket = open_rep();
    let (sender, receiver) = (socket.sender(), socket.receiver());
    socket.request(1);
    receiver.try_recv().unwrap();
    let (first, second) = (Woken::new(), Woken::new());
    let (mut one, mut two) = (receiver.recv(), receiver.recv());
    assert!(poll(&mut one, &first.waker()).is_pending());
    assert!(poll(&mut two, &second.waker()).is_pending());
    sender.try_send("r").unwrap();
    assert_eq!((first.get(), second.get()), (1, 0));
    // The first finds no request: from now on the second waits for one as well.
    assert!(poll(&mut one, &first.waker()).is_pending());
    assert_eq!((first.get(), second.get()), (1, 1));
    assert!(poll(&mut two, &second.waker()).is_pending());
    drop(one);
    socket.request(2);
    assert_eq!(second.get(), 2);
    assert!(poll(&mut two, &second.waker()).is_ready());
}

#[test]
fn an_unused_wake_up_is_passed_on_and_repeated_after_the_reply() {
    let socket = open_rep();
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let wakers = [Woken::new(), Woken::new(), Woken::new()];
    let mut futures = [receiver.recv(), receiver.recv(), receiver.recv()];
    for (future, woken) in futures.iter_mut().zip(&wakers) {
        assert!(poll(future, &woken.waker()).is_pending());
    }
    let [mut one, mut two, mut three] = futures;
    socket.request(1);
    socket.request(2);
    assert!(poll(&mut one, &wakers[0].waker()).is_ready());
    assert!(poll(&mut two, &wakers[1].waker()).is_pending());
    // The third might be one that is exempt from the alternation.
    assert_eq!(wakers[2].get(), 1);
    assert!(poll(&mut three, &wakers[2].waker()).is_pending());
    drop(two);
    sender.try_send("reply").unwrap();
    assert_eq!(wakers[2].get(), 2);
    assert!(poll(&mut three, &wakers[2].waker()).is_ready());
}

#[test]
fn a_closed_rep_socket_drains_while_a_reply_is_due() {
    in_time(|| {
        let socket = open_rep();
        let (sender, receiver) = (socket.sender(), socket.receiver());
        socket.request(1);
        socket.request(2);
        receiver.try_recv().unwrap();
        let waiting = thread::spawn(move || (receiver.recv_blocking(), receiver.recv_blocking()));
        sender.close();
        socket.ports.finish();
        let (second, end) = waiting.join().unwrap();
        assert_eq!(second.unwrap().tag(), 2);
        assert_eq!(end, Err(RecvError::Closed(Closed::Socket)));
    });
}

/// Receivers join, are woken and leave in random order while requests and replies pass. After every
/// step: if a request could be taken, a waiter has been woken.
#[test]
fn no_waiter_is_stranded_while_receivers_join_and_leave() {
    for (seed, mixed) in (1..4).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut dice = Dice::new(seed);
        let socket = open_rep();
        let (sender, receiver) = (socket.sender(), socket.receiver());
        // Each with whether it is exempt from the alternation, and the number of wake-ups it had
        // seen when it went to sleep.
        type Sleeper<'a> = (RecvFuture<'a>, Arc<Woken>, bool, Option<usize>);
        let mut waiting: Vec<Sleeper<'_>> = Vec::new();
        let (mut owed, mut asked, mut received) = (None, 0, 0);
        for round in 0..100_000 {
            let index = dice.below(waiting.len().max(1) as u64) as usize;
            match dice.below(8) {
                0 if receiver.len() < 3 => {
                    asked += 1;
                    socket.request(asked);
                }
                1 if owed.is_some() => {
                    sender.try_send("reply").unwrap();
                    assert_eq!(Some(socket.taken()[0].tag()), owed.take());
                }
                2 | 3 if waiting.len() < 6 => {
                    let by_number = mixed && dice.below(2) == 0;
                    let future = match by_number {
                        true => RecvFuture::by_number(&socket.ports),
                        false => receiver.recv(),
                    };
                    waiting.push((future, Woken::new(), by_number, None));
                }
                4 if !waiting.is_empty() => drop(waiting.swap_remove(index)),
                5 => {
                    if let Ok(request) = receiver.try_recv() {
                        received += 1;
                        assert_eq!((owed, request.tag()), (None, received));
                        owed = Some(received);
                    }
                }
                _ if !waiting.is_empty() => {
                    let (future, woken, by_number, seen) = &mut waiting[index];
                    *seen = Some(woken.get());
                    if let Poll::Ready(request) = poll(future, &woken.waker()) {
                        received += 1;
                        assert_eq!(request.unwrap().tag(), received);
                        if !*by_number {
                            assert_eq!(owed, None);
                            owed = Some(received);
                        }
                        drop(waiting.swap_remove(index));
                    }
                }
                _ => {}
            }
            let could_take = waiting
                .iter()
                .any(|(.., by_number, seen)| seen.is_some() && (*by_number || owed.is_none()));
            let called = waiting
                .iter()
                .any(|(_, woken, _, seen)| seen.is_some_and(|seen| woken.get() > seen));
            assert!(
                called || !could_take || receiver.is_empty(),
                "seed {seed}, mixed {mixed}, round {round}: a receiver sleeps on"
            );
        }
        assert!(received > 5_000);
    }
}

/// Many workers on one REP socket, each of which gives up at random: every request is replied to
/// once, by the worker that took it, before the next is taken.
#[test]
fn workers_that_give_up_at_random_reply_to_every_request_once() {
    const REQUESTS: u64 = 4_000;
    in_time(|| {
        let socket = open_rep();
        let workers: Vec<_> = (0..4)
            .map(|seed| {
                let (sender, receiver) = (socket.sender(), socket.receiver());
                thread::spawn(move || {
                    let mut dice = Dice::new(1 + seed);
                    loop {
                        let mut patience = dice.below(4);
                        let mut receiving = pin!(receiver.recv());
                        let received = block_on(std::future::poll_fn(|context| {
                            match receiving.as_mut().poll(context) {
                                Poll::Pending if patience == 0 => Poll::Ready(None),
                                Poll::Pending => {
                                    patience -= 1;
                                    Poll::Pending
                                }
                                Poll::Ready(received) => Poll::Ready(Some(received)),
                            }
                        }));
                        match received {
                            Some(Ok(request)) if dice.below(2) == 0 => {
                                sender.send_blocking(request).unwrap();
                            }
                            Some(Ok(request)) => block_on(sender.send(request)).unwrap(),
                            Some(Err(_)) => return,
                            None => {}
                        }
                    }
                })
            })
            .collect();
        let (mut asked, mut answered) = (0, 0);
        while answered < REQUESTS {
            if asked < REQUESTS && asked - answered < 3 {
                asked += 1;
                socket.request(asked);
            }
            for reply in socket.taken() {
                answered += 1;
                assert_eq!(reply.tag(), answered, "requests are answered in order");
                assert_eq!(reply, Message::from(answered.to_string()));
            }
            thread::yield_now();
        }
        socket.ports.finish();
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
    });
}
