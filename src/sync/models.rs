//! Every interleaving of a few threads on one channel, oneshot or duplex, model-checked:
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib loom -- --test-threads=1`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::thread;

use crate::options::Overflow;
use crate::sync::bounded::{Channel, NearPeer, Nothing, Offer, Waiting, Wants};
use crate::sync::duplex::{bridge, BridgeEnd};
use crate::sync::parker::block_on;
use crate::sync::primitives::{AtomicU8, Ordering};
use crate::sync::ready_queue::Roster;
use crate::sync::Hook;

pub(crate) type Numbers = Arc<Channel<u64>>;

pub(crate) fn channel(capacity: usize) -> Numbers {
    Arc::new(Channel::new(capacity, Overflow::Block, None, None))
}

/// Three threads with every preemption are too many interleavings; real faults need few.
pub(crate) fn model(preemptions: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

/// As a port does: in the common way first.
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

/// Waits until there is something to take, and takes nothing.
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

/// Whichever of them is first in line: the one that watches neither keeps the message from the
/// other, nor sleeps through the next.
#[test]
fn loom_one_watches_for_messages_beside_one_that_takes_them() {
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
fn loom_one_watches_for_room_beside_one_that_uses_it() {
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
        let (answer, reply) = crate::sync::oneshot::answer();
        let waiting = thread::spawn(move || answer.wait());
        reply.send(1);
        assert_eq!(waiting.join().unwrap(), Some(1));
    });
}

/// Stands for a pump that sleeps.
struct Asleep(Waker);

impl Hook for Asleep {
    fn notify(&self) {
        self.0.wake_by_ref();
    }
}

/// Looks at an end of a bridge until `done`, and sleeps in between.
fn look_until(end: &BridgeEnd<u64, ()>, mut done: impl FnMut(usize, bool) -> bool) {
    let mut watched = false;
    block_on(None, |context| {
        if !std::mem::replace(&mut watched, true) {
            end.watch(Arc::new(Asleep(context.waker().clone())));
        }
        let look = end.look(&mut VecDeque::new());
        match done(look.taken, look.closed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
}

#[test]
fn loom_what_crosses_a_bridge_is_seen_and_so_is_its_arrival() {
    model(4, || {
        let (left, right) = bridge();
        let receiver = thread::spawn(move || {
            let mut got = VecDeque::new();
            look_until(&right, |_, closed| {
                // A side that leaves something comes back for it.
                while right.take(1, &mut got) > 0 {}
                closed
            });
            got
        });
        for message in [1, 2] {
            left.send(&mut VecDeque::from([message]), &mut VecDeque::new());
        }
        let mut crossed = 0;
        look_until(&left, |taken, _| {
            crossed += taken;
            crossed == 2
        });
        drop(left);
        assert_eq!(receiver.join().unwrap(), [1, 2]);
    });
}

#[test]
fn loom_a_message_is_taken_or_taken_back() {
    model(4, || {
        let (left, right) = bridge::<u64, ()>();
        left.send(&mut VecDeque::from([1, 2]), &mut VecDeque::new());
        let receiver = thread::spawn(move || {
            let mut got = VecDeque::new();
            right.take(1, &mut got);
            right.take(1, &mut got);
            got
        });
        let mut unsent = VecDeque::new();
        let taken = left.close(&mut unsent);
        let mut all = receiver.join().unwrap();
        assert_eq!(all.len(), taken, "each is with one side");
        all.append(&mut unsent);
        assert_eq!(all, [1, 2]);
    });
}

#[test]
fn loom_a_call_is_always_heard() {
    model(4, || {
        let roster = Roster::new();
        let callers = [1, 2].map(|token| {
            let waker = roster.waker(token, None);
            thread::spawn(move || waker.wake())
        });
        let mut called = VecDeque::new();
        let mut sum = 0;
        while sum < 3 {
            block_on(None, |context| {
                roster.collect(&mut called, Some(context.waker()));
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

/// A call that is not heard is passed on: a waiter in the queue that does not listen takes the
/// message from no other.
#[test]
fn loom_an_unheard_call_is_passed_on() {
    model(4, || {
        let channel = channel(0);
        let roster = Roster::new();
        let passing = channel.clone();
        let pass_on: Arc<dyn Hook> = Arc::new(move || passing.call_a_receiver());
        let idle = roster.waker(1, Some(pass_on));
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

/// A sender that keeps pace is woken when the pump has let go of enough.
#[test]
fn loom_a_sender_that_keeps_pace_is_woken() {
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
fn loom_what_was_discarded_is_never_received_afterwards() {
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

/// A peer gets what is divisible by this.
struct Divisor(u64);

impl Wants<u64> for Divisor {
    fn wants(&self, item: &u64) -> bool {
        item % self.0 == 0
    }
}

/// The pump lets go of `count`, and one peer that gets even numbers holds as many as `held`.
fn settle_even(channel: &Channel<u64>, count: usize, held: Option<usize>) {
    let peer = held.map(|held| NearPeer {
        id: 1,
        held,
        wants: Arc::new(Divisor(2)) as Arc<dyn Wants<u64>>,
    });
    channel.settle_near(count, 2, peer.into_iter().collect());
}

#[test]
fn loom_a_sender_to_a_full_peer_goes_on_when_that_has_room_and_another_before() {
    model(3, || {
        let channel = channel(0);
        channel.share_capacity(2, 1);
        settle_even(&channel, 0, Some(2));
        let even = {
            let channel = channel.clone();
            thread::spawn(move || push(&channel, 4))
        };
        // No room is needed for that.
        assert_eq!(push(&channel, 3), Offer::Taken);
        let mut taken = VecDeque::new();
        channel.take(usize::MAX, &mut taken);
        assert_eq!(taken, [3]);
        settle_even(&channel, 1, Some(1));
        assert_eq!(even.join().unwrap(), Offer::Taken);
        channel.take(usize::MAX, &mut taken);
        settle_even(&channel, 1, Some(2));
        assert_eq!(taken, [3, 4]);
    });
}

#[test]
fn loom_a_peer_near_its_mark_never_gets_more_than_that() {
    model(3, || {
        let channel = channel(0);
        channel.share_capacity(2, 1);
        let senders = [channel.clone(), channel.clone()].map(|channel| {
            thread::spawn(move || {
                let mut slot = Some(2);
                usize::from(channel.try_push(&mut slot) == Offer::Taken)
            })
        });
        // It holds two at the most, and has one of them already.
        settle_even(&channel, 0, Some(1));
        let mut taken = VecDeque::new();
        channel.take(usize::MAX, &mut taken);
        let held = 1 + taken.len();
        settle_even(&channel, taken.len(), Some(held));
        let pushed: usize = senders.map(|sender| sender.join().unwrap()).iter().sum();
        channel.take(usize::MAX, &mut taken);
        assert_eq!(taken.len(), pushed);
        assert!(held + (pushed - (held - 1)) <= 2, "{held} and {pushed}");
    });
}
