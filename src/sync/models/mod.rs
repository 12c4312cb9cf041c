//! Every interleaving of a few threads on one channel, model-checked: `RUSTFLAGS="--cfg loom" cargo
//! test --release --lib loom -- --test-threads=1`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::thread;

use crate::options::Overflow;
use crate::sync::bounded::{Channel, Nothing, Offer, Waiting};
use crate::sync::parker::block_on;
use crate::sync::primitives::{AtomicU8, Ordering};
use crate::sync::ready_queue::ReadyQueue;
use crate::sync::Hook;

mod duplex;
mod near;

pub(crate) type Numbers = Arc<Channel<u64>>;

pub(crate) fn channel(capacity: usize) -> Numbers {
    Arc::new(Channel::new(capacity, Overflow::Block, None, None))
}

/// Three threads with every preemption have too many interleavings; real faults need few
/// preemptions.
pub(crate) fn model(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

/// As a port does: the fast path first.
pub(crate) fn push(channel: &Channel<u64>, mut number: u64) -> Offer {
    if channel.push_quietly(&mut number) {
        return Offer::Taken;
    }
    let (mut slot, mut ticket) = (Some(number), None);
    let ticket = &mut ticket;
    block_on(None, |context| {
        let waker = context.waker();
        match channel.push_or_wait(&mut slot, Waiting { ticket, waker }) {
            Offer::Full => Poll::Pending,
            offer => Poll::Ready(offer),
        }
    })
    .unwrap()
}

pub(crate) fn pop(channel: &Channel<u64>) -> Result<u64, Nothing> {
    let mut ticket = None;
    let ticket = &mut ticket;
    block_on(None, |context| {
        let waker = context.waker();
        match channel.pop_or_wait(Waiting { ticket, waker }) {
            Err(Nothing::Empty) => Poll::Pending,
            popped => Poll::Ready(popped),
        }
    })
    .unwrap()
}

#[test]
fn loom_a_pushed_message_is_never_stranded() {
    model(8, || {
        let channel = channel(0);
        let receiver = {
            let channel = channel.clone();
            thread::spawn(move || (pop(&channel).unwrap(), pop(&channel).unwrap()))
        };
        assert_eq!(push(&channel, 1), Offer::Taken);
        assert_eq!(push(&channel, 2), Offer::Taken);
        assert_eq!(receiver.join().unwrap(), (1, 2));
    });
}

#[test]
fn loom_two_receivers_share_two_messages() {
    model(4, || {
        let channel = channel(0);
        let receivers = [channel.clone(), channel.clone()]
            .map(|channel| thread::spawn(move || pop(&channel).unwrap()));
        push(&channel, 1);
        push(&channel, 2);
        let received: u64 = receivers
            .map(|receiver| receiver.join().unwrap())
            .iter()
            .sum();
        assert_eq!(received, 3);
    });
}

#[test]
fn loom_a_pop_resumes_a_blocked_sender() {
    model(8, || {
        let channel = channel(1);
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || {
                push(&channel, 1);
                push(&channel, 2);
            })
        };
        assert_eq!(pop(&channel), Ok(1));
        assert_eq!(pop(&channel), Ok(2));
        sender.join().unwrap();
    });
}

#[test]
fn loom_a_release_resumes_two_blocked_senders() {
    model(4, || {
        let channel = channel(2);
        push(&channel, 1);
        push(&channel, 2);
        channel.take(2, &mut VecDeque::new());
        let senders = [3, 4].map(|number| {
            let channel = channel.clone();
            thread::spawn(move || push(&channel, number))
        });
        channel.release(2);
        for sender in senders {
            assert_eq!(sender.join().unwrap(), Offer::Taken);
        }
    });
}

#[test]
fn loom_closing_lets_a_receiver_drain_and_return() {
    model(8, || {
        let channel = channel(0);
        let receiver = {
            let channel = channel.clone();
            thread::spawn(move || (pop(&channel), pop(&channel)))
        };
        push(&channel, 1);
        channel.close();
        assert_eq!(receiver.join().unwrap(), (Ok(1), Err(Nothing::Closed)));
    });
}

#[test]
fn loom_terminating_releases_a_blocked_sender() {
    model(8, || {
        let channel = channel(1);
        push(&channel, 1);
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || push(&channel, 2))
        };
        channel.terminate();
        assert_eq!(sender.join().unwrap(), Offer::Terminated);
    });
}

/// Counts calls in a way that loom can see.
pub(crate) struct Calls(AtomicU8);

impl Hook for Calls {
    fn notify(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Calls {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Calls(AtomicU8::new(0)))
    }

    pub(crate) fn get(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn loom_the_consumer_is_notified_or_sees_the_message() {
    model(8, || {
        let calls = Calls::new();
        let channel = Arc::new(Channel::new(
            0,
            Overflow::Block,
            Some(calls.clone() as Arc<dyn Hook>),
            None,
        ));
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || {
                push(&channel, 1);
                push(&channel, 2);
            })
        };
        // A pump that takes only when it is notified, and once at the start.
        let mut staged = VecDeque::new();
        let mut more = channel.take(1, &mut staged);
        let mut seen = 0;
        while staged.len() < 2 {
            if more || calls.get() > seen {
                seen = calls.get();
                more = channel.take(1, &mut staged);
            }
            thread::yield_now();
        }
        sender.join().unwrap();
        assert_eq!(staged, [1, 2]);
        assert!((1..=2).contains(&calls.get()));
    });
}

#[test]
fn loom_the_producer_is_notified_or_sees_the_room() {
    model(8, || {
        let calls = Calls::new();
        let channel = Arc::new(Channel::new(
            1,
            Overflow::Block,
            None,
            Some(calls.clone() as Arc<dyn Hook>),
        ));
        channel.push_batch(&mut VecDeque::from([1]));
        let receiver = {
            let channel = channel.clone();
            thread::spawn(move || pop(&channel))
        };
        let armed = channel.arm_producer();
        assert_eq!(receiver.join().unwrap(), Ok(1));
        assert_eq!(calls.get(), u8::from(armed));
    });
}

/// Waits until there is a message, without taking it.
fn watch(channel: &Channel<u64>) -> Result<(), Nothing> {
    let mut ticket = None;
    let ticket = &mut ticket;
    block_on(None, |context| {
        let waker = context.waker();
        match channel.watch_items(Some(Waiting { ticket, waker })) {
            Err(Nothing::Empty) => Poll::Pending,
            found => Poll::Ready(found),
        }
    })
    .unwrap()
}

/// Whichever of them is first in the queue: the watcher neither keeps the message from the other,
/// nor misses the next one.
#[test]
fn loom_a_watcher_and_a_receiver_of_messages() {
    model(4, || {
        let channel = channel(0);
        let watcher = {
            let channel = channel.clone();
            thread::spawn(move || watch(&channel))
        };
        let taker = {
            let channel = channel.clone();
            thread::spawn(move || pop(&channel))
        };
        push(&channel, 1);
        assert_eq!(taker.join().unwrap(), Ok(1));
        push(&channel, 2);
        assert_eq!(watcher.join().unwrap(), Ok(()));
        assert_eq!(channel.try_pop(), Ok(2));
    });
}

#[test]
fn loom_a_watcher_and_a_sender_for_room() {
    model(4, || {
        let channel = channel(1);
        push(&channel, 1);
        let watcher = {
            let channel = channel.clone();
            thread::spawn(move || {
                let mut ticket = None;
                let ticket = &mut ticket;
                block_on(None, |context| {
                    let waker = context.waker();
                    match channel.watch_room(Some(Waiting { ticket, waker })) {
                        Offer::Full => Poll::Pending,
                        offer => Poll::Ready(offer),
                    }
                })
            })
        };
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || push(&channel, 2))
        };
        assert_eq!(pop(&channel), Ok(1));
        assert_eq!(sender.join().unwrap(), Offer::Taken);
        assert_eq!(pop(&channel), Ok(2));
        assert_eq!(watcher.join().unwrap(), Some(Offer::Taken));
    });
}

/// One poll of a receive that is then dropped, whatever its result.
fn give_up_a_pop(channel: &Channel<u64>) -> Option<u64> {
    let mut ticket = None;
    let popped = channel.pop_or_wait(Waiting {
        ticket: &mut ticket,
        waker: Waker::noop(),
    });
    thread::yield_now();
    channel.leave_receivers(&mut ticket);
    popped.ok()
}

#[test]
fn loom_a_receiver_that_gives_up_passes_its_wake_up_on() {
    model(4, || {
        let channel = channel(0);
        let patient = {
            let channel = channel.clone();
            thread::spawn(move || pop(&channel).unwrap())
        };
        let fickle = {
            let channel = channel.clone();
            thread::spawn(move || give_up_a_pop(&channel))
        };
        push(&channel, 1);
        if fickle.join().unwrap().is_some() {
            push(&channel, 1);
        }
        assert_eq!(patient.join().unwrap(), 1);
    });
}

#[test]
fn loom_a_sender_that_gives_up_passes_its_wake_up_on() {
    model(4, || {
        let channel = channel(1);
        push(&channel, 1);
        let patient = {
            let channel = channel.clone();
            thread::spawn(move || push(&channel, 2))
        };
        let fickle = {
            let channel = channel.clone();
            thread::spawn(move || {
                let (mut slot, mut ticket) = (Some(3), None);
                let offer = channel.push_or_wait(
                    &mut slot,
                    Waiting {
                        ticket: &mut ticket,
                        waker: Waker::noop(),
                    },
                );
                thread::yield_now();
                channel.leave_senders(&mut ticket);
                offer == Offer::Taken
            })
        };
        assert_eq!(pop(&channel), Ok(1));
        let sent = 1 + u64::from(fickle.join().unwrap());
        let received = (0..sent).map(|_| pop(&channel).unwrap()).sum::<u64>();
        assert_eq!(received, if sent == 2 { 5 } else { 2 });
        assert_eq!(patient.join().unwrap(), Offer::Taken);
    });
}

#[test]
fn loom_no_wake_up_is_lost() {
    model(4, || {
        let ready_queue = ReadyQueue::new();
        let callers = [1, 2].map(|token| {
            let waker = ready_queue.waker(token, None);
            thread::spawn(move || waker.wake())
        });
        let mut called = VecDeque::new();
        let mut sum = 0;
        while sum < 3 {
            block_on(None, |context| {
                ready_queue.collect(&mut called, Some(context.waker()));
                match called.is_empty() {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }
            });
            sum += called.drain(..).sum::<u64>();
        }
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

/// An unused wake-up is passed on: a waiter that no longer listens keeps the message from no other.
#[test]
fn loom_an_unused_wake_up_is_passed_on() {
    model(4, || {
        let channel = channel(0);
        let ready_queue = ReadyQueue::new();
        let passing = channel.clone();
        let pass_on: Arc<dyn Hook> = Arc::new(move || passing.call_a_receiver());
        let idle = ready_queue.waker(1, Some(pass_on));
        let mut ticket = None;
        let waiting = Waiting {
            ticket: &mut ticket,
            waker: &idle,
        };
        assert_eq!(channel.pop_or_wait(waiting), Err(Nothing::Empty));
        let receiver = {
            let channel = channel.clone();
            thread::spawn(move || pop(&channel).unwrap())
        };
        push(&channel, 1);
        assert_eq!(receiver.join().unwrap(), 1);
    });
}

/// A paced sender is woken when the pump has released enough.
#[test]
fn loom_a_paced_sender_is_woken() {
    model(4, || {
        let channel = channel(4);
        assert_eq!(push(&channel, 0), Offer::Taken);
        assert_eq!(push(&channel, 1), Offer::Taken);
        let pump = {
            let channel = Arc::clone(&channel);
            thread::spawn(move || {
                let mut taken = VecDeque::new();
                channel.take(1, &mut taken);
                channel.release(taken.len());
            })
        };
        let mut ticket = None;
        let kept = block_on(None, |context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            match channel.keep_pace(1, Waiting { ticket, waker }) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        assert!(kept.is_some() && channel.used() == 1);
        pump.join().unwrap();
    });
}

#[test]
fn loom_discarded_messages_are_never_received() {
    loom::model(|| {
        let channel = channel(2);
        let discarded = Arc::new(AtomicU8::new(0));
        let receiver = {
            let (channel, discarded) = (Arc::clone(&channel), Arc::clone(&discarded));
            thread::spawn(move || {
                let mut received = Vec::new();
                loop {
                    let before = discarded.load(Ordering::SeqCst) == 1;
                    match pop(&channel) {
                        Ok(number) => received.push((number, before)),
                        Err(why) => {
                            assert_eq!(why, Nothing::Closed);
                            return received;
                        }
                    }
                }
            })
        };
        // The pump: one that is kept and one that is not, then room for another.
        let mut batch = VecDeque::from([1, 2]);
        channel.push_batch(&mut batch);
        let gone = channel.discard(|number| *number != 1);
        discarded.store(1, Ordering::SeqCst);
        channel.push_batch(&mut VecDeque::from([3]));
        channel.close();
        let received = receiver.join().unwrap();
        assert!(!received.contains(&(1, true)));
        let numbers: Vec<u64> = received.iter().map(|(number, _)| *number).collect();
        let expected: &[u64] = if gone == 1 { &[2, 3] } else { &[1, 2, 3] };
        assert_eq!(numbers, expected);
        assert_eq!(channel.used(), 0);
    });
}
