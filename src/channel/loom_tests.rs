//! Every interleaving of a few threads on one channel, model-checked:
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib loom -- --test-threads=1`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::thread;

use super::park::block_on;
use super::queue::{Channel, Nothing, Offer, Waiting};
use super::sync::{AtomicU8, Ordering};
use super::Hook;
use crate::options::Overflow;

type Numbers = Arc<Channel<u64>>;

fn channel(capacity: usize) -> Numbers {
    Arc::new(Channel::new(capacity, Overflow::Block, None, None))
}

/// Three threads with every preemption are too many interleavings; real faults need few.
fn model(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

fn push(channel: &Channel<u64>, number: u64) -> Offer {
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

fn pop(channel: &Channel<u64>) -> Result<u64, Nothing> {
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
fn loom_a_pop_lets_a_full_sender_go_on() {
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
fn loom_a_release_lets_two_full_senders_go_on() {
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
fn loom_closing_lets_a_receiver_drain_and_go() {
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
fn loom_terminating_lets_a_full_sender_go() {
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

/// Counts calls, in a way loom can see.
struct Calls(AtomicU8);

impl Hook for Calls {
    fn notify(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Calls {
    fn new() -> Arc<Self> {
        Arc::new(Calls(AtomicU8::new(0)))
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn loom_the_consumer_is_called_or_sees_the_message() {
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
        // A pump that takes only when it is called, and once at the start.
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
fn loom_the_producer_is_called_or_sees_the_room() {
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

/// One poll of a receive that is then dropped, whatever came of it.
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
fn loom_a_receiver_that_gives_up_passes_its_call_on() {
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
fn loom_a_sender_that_gives_up_passes_its_call_on() {
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
fn loom_an_answer_always_arrives() {
    model(8, || {
        let (answer, reply) = super::answer::answer();
        let waiting = thread::spawn(move || answer.wait());
        reply.send(1);
        assert_eq!(waiting.join().unwrap(), Some(1));
    });
}

#[test]
fn loom_a_sleeping_pump_is_woken() {
    model(8, || {
        let wakes = Calls::new();
        let mailbox = {
            let wakes = wakes.clone();
            Arc::new(super::mailbox::Mailbox::new(move || wakes.notify()))
        };
        let poster = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.post(1).unwrap())
        };
        let asleep = mailbox.prepare_sleep();
        poster.join().unwrap();
        assert_eq!(wakes.get(), u8::from(asleep));
        let (mut commands, mut marks) = (Vec::new(), Vec::new());
        mailbox.collect(&mut commands, &mut marks);
        assert_eq!(commands, [1]);
    });
}
