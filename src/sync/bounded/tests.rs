//! The queue, call by call and under load.

#![allow(clippy::unwrap_used)] // These are tests, helpers included.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use super::*;
use crate::sync::parker::block_on;
use crate::sync::testing::{in_time, Count, Dice, Woken};

type Numbers = Channel<u64>;

fn channel(capacity: usize, policy: Overflow) -> Numbers {
    Channel::new(capacity, policy, None, None)
}

fn push(channel: &Numbers, number: u64) -> Offer {
    channel.try_push(&mut Some(number))
}

/// Pushes until the channel is full and returns how many it took.
fn fill(channel: &Numbers, at_most: usize) -> usize {
    (0..at_most)
        .take_while(|number| push(channel, *number as u64) == Offer::Taken)
        .count()
}

fn push_blocking(channel: &Numbers, number: u64) -> Offer {
    let (mut slot, mut ticket) = (Some(number), None);
    block_on(None, |context| {
        let waiting = Waiting {
            ticket: &mut ticket,
            waker: context.waker(),
        };
        match channel.push_or_wait(&mut slot, waiting) {
            Offer::Full => Poll::Pending,
            offer => Poll::Ready(offer),
        }
    })
    .unwrap()
}

fn pop_blocking(channel: &Numbers) -> Result<u64, Nothing> {
    let mut ticket = None;
    block_on(None, |context| {
        let waiting = Waiting {
            ticket: &mut ticket,
            waker: context.waker(),
        };
        match channel.pop_or_wait(waiting) {
            Err(Nothing::Empty) => Poll::Pending,
            popped => Poll::Ready(popped),
        }
    })
    .unwrap()
}

fn take_all(channel: &Numbers) -> Vec<u64> {
    std::iter::from_fn(|| channel.try_pop().ok()).collect()
}

#[test]
fn a_blocking_channel_accepts_exactly_its_capacity() {
    for capacity in [1, 2, 5, 1000] {
        let channel = channel(capacity, Overflow::Block);
        assert_eq!(channel.capacity(), Some(capacity));
        assert_eq!(fill(&channel, 2000), capacity);
        assert_eq!((channel.len(), channel.used()), (capacity, capacity));
        let mut slot = Some(7);
        assert_eq!(channel.try_push(&mut slot), Offer::Full);
        assert_eq!(slot, Some(7), "what was not accepted is given back");
        assert_eq!(channel.try_pop(), Ok(0));
        assert_eq!(fill(&channel, 10), 1);
        assert_eq!(channel.dropped(), 0);
    }
}

#[test]
fn taken_messages_count_until_they_are_released() {
    for capacity in [1, 2, 5, 1000] {
        let channel = channel(capacity, Overflow::Block);
        assert_eq!(fill(&channel, 2000), capacity);
        let mut staged = VecDeque::new();
        assert!(!channel.take(usize::MAX, &mut staged));
        assert_eq!(staged.len(), capacity);
        assert_eq!((channel.len(), channel.used()), (0, capacity));
        assert_eq!(fill(&channel, 2000), 0);
        channel.release(1);
        assert_eq!(fill(&channel, 2000), 1);
        channel.release(capacity);
        assert_eq!(fill(&channel, 2000), capacity);
    }
}

#[test]
fn zero_means_no_limit_in_a_channel() {
    let channel = channel(0, Overflow::Block);
    assert_eq!(channel.capacity(), None);
    assert_eq!(channel.room(), usize::MAX);
    assert_eq!(fill(&channel, 5000), 5000);
    assert_eq!(take_all(&channel).len(), 5000);
}

#[test]
fn policies_that_drop_never_block() {
    let newest = channel(3, Overflow::DropNewest);
    assert_eq!(fill(&newest, 10), 10);
    assert_eq!(newest.dropped(), 7);
    assert_eq!(take_all(&newest), [0, 1, 2]);

    let oldest = channel(3, Overflow::DropOldest);
    assert_eq!(fill(&oldest, 10), 10);
    assert_eq!(oldest.dropped(), 7);
    assert_eq!(take_all(&oldest), [7, 8, 9]);

    let latest = channel(1000, Overflow::Latest);
    assert_eq!(latest.capacity(), Some(1));
    assert_eq!(fill(&latest, 10), 10);
    assert_eq!(latest.dropped(), 9);
    assert_eq!(take_all(&latest), [9]);
}

#[test]
fn the_oldest_is_dropped_from_either_queue() {
    let channel = channel(4, Overflow::DropOldest);
    assert_eq!(fill(&channel, 4), 4);
    // Now 1, 2, 3 are in the head; the new ones go to the tail.
    assert_eq!(channel.try_pop(), Ok(0));
    for number in 4..7 {
        assert_eq!(push(&channel, number), Offer::Taken);
    }
    assert_eq!(channel.dropped(), 2);
    assert_eq!(take_all(&channel), [3, 4, 5, 6]);
}

#[test]
fn policies_that_drop_release_what_the_pump_takes() {
    for policy in [Overflow::DropNewest, Overflow::DropOldest] {
        let channel = channel(2, policy);
        let mut staged = VecDeque::new();
        for _ in 0..3 {
            fill(&channel, 2);
            channel.take(usize::MAX, &mut staged);
            channel.release(2);
        }
        assert_eq!((staged.len(), channel.dropped()), (6, 0));
    }
}

#[test]
fn a_lower_capacity_drops_nothing_and_a_higher_one_wakes() {
    let channel = channel(4, Overflow::Block);
    fill(&channel, 4);
    channel.set_capacity(2);
    assert_eq!((channel.len(), channel.room()), (4, 0));
    assert_eq!(channel.try_pop(), Ok(0));
    assert_eq!(channel.try_pop(), Ok(1));
    assert_eq!(push(&channel, 9), Offer::Full);
    let woken = Woken::new();
    let (mut slot, mut ticket) = (Some(9), None);
    let offer = channel.push_or_wait(
        &mut slot,
        Waiting {
            ticket: &mut ticket,
            waker: &woken.waker(),
        },
    );
    assert_eq!((offer, woken.get()), (Offer::Full, 0));
    channel.set_capacity(3);
    assert_eq!(woken.get(), 1);
    assert_eq!(channel.try_push(&mut slot), Offer::Taken);
    channel.set_capacity(0);
    assert_eq!(channel.capacity(), None);
    assert_eq!(take_all(&channel), [2, 3, 9]);

    let sliding = self::channel(4, Overflow::DropOldest);
    fill(&sliding, 4);
    sliding.set_capacity(2);
    assert_eq!(sliding.len(), 4);
    push(&sliding, 4);
    assert_eq!(take_all(&sliding), [3, 4]);
}

#[test]
fn batches_are_popped_from_both_queues_in_order() {
    let channel = channel(0, Overflow::Block);
    let mut batch = Vec::new();
    assert_eq!(channel.try_pop_many(&mut batch, 9), Err(Nothing::Empty));
    for number in 0..4 {
        push(&channel, number);
    }
    assert_eq!(channel.try_pop(), Ok(0));
    push(&channel, 4);
    push(&channel, 5);
    assert_eq!(channel.try_pop_many(&mut batch, 2), Ok(2));
    assert_eq!(channel.try_pop_many(&mut batch, 9), Ok(3));
    assert_eq!(batch, [1, 2, 3, 4, 5]);
}

#[test]
fn a_popped_batch_gives_all_its_room_back() {
    for (most, taken) in [(2, 2), (9, 5)] {
        let channel = channel(5, Overflow::Block);
        assert_eq!(fill(&channel, 9), 5);
        let mut batch = Vec::new();
        assert_eq!(channel.try_pop_many(&mut batch, most), Ok(taken));
        assert_eq!(fill(&channel, 9), taken);
        assert_eq!(channel.len(), 5);
    }
}

/// What the pump holds for others counts like what it took from here, until it releases it.
#[test]
fn charged_messages_leave_less_room_until_they_are_released() {
    let channel = channel(5, Overflow::Block);
    channel.charge(3);
    assert_eq!(fill(&channel, 9), 2);
    channel.release(2);
    assert_eq!(fill(&channel, 9), 2);
    // A queue that drops has no room to wait for.
    let sliding = self::channel(5, Overflow::DropOldest);
    sliding.charge(3);
    assert_eq!((fill(&sliding, 5), sliding.len()), (5, 5));
    assert_eq!(sliding.dropped(), 0);
}

#[test]
fn the_consumer_is_notified_once_per_empty_queue() {
    let hook = Arc::new(Count::default());
    let channel = Channel::new(0, Overflow::Block, Some(hook.clone()), None);
    let mut staged = VecDeque::new();
    push(&channel, 0);
    push(&channel, 1);
    push(&channel, 2);
    assert_eq!(hook.get(), 1, "armed from the start");
    assert!(channel.take(2, &mut staged), "one is left");
    push(&channel, 3);
    assert_eq!(hook.get(), 1, "the pump knows that it must come back");
    assert!(!channel.take(2, &mut staged));
    push(&channel, 4);
    push(&channel, 5);
    assert_eq!(hook.get(), 2);
    assert!(!channel.take(9, &mut staged));
    assert!(!channel.take(9, &mut staged));
    assert_eq!(staged, [0, 1, 2, 3, 4, 5]);
    push(&channel, 6);
    assert_eq!(hook.get(), 3);
    assert!(!channel.take(9, &mut staged));
    channel.disarm_consumer();
    push(&channel, 7);
    assert_eq!(hook.get(), 3, "the pump said that it comes back");
    assert!(!channel.take(9, &mut staged));
    push(&channel, 8);
    assert_eq!(hook.get(), 4);
}

#[test]
fn take_keeps_the_order_across_both_queues() {
    let channel = channel(0, Overflow::Block);
    let mut staged = VecDeque::new();
    for number in 0..5 {
        push(&channel, number);
    }
    assert!(channel.take(2, &mut staged));
    for number in 5..9 {
        push(&channel, number);
    }
    assert!(channel.take(4, &mut staged));
    assert!(channel.take(0, &mut staged));
    assert!(!channel.take(9, &mut staged));
    assert_eq!(staged, (0..9).collect::<VecDeque<u64>>());
}

#[test]
fn a_batch_is_accepted_up_to_the_capacity() {
    let channel = channel(3, Overflow::Block);
    let mut batch: VecDeque<u64> = (0..5).collect();
    channel.push_batch(&mut batch);
    assert_eq!(batch, [3, 4]);
    assert_eq!((channel.len(), channel.room()), (3, 0));
    channel.push_batch(&mut batch);
    assert_eq!(batch, [3, 4]);
    assert_eq!(channel.try_pop(), Ok(0));
    channel.push_batch(&mut batch);
    assert_eq!(batch, [4]);
    assert_eq!(take_all(&channel), [1, 2, 3]);
    channel.push_batch(&mut batch);
    assert!(batch.is_empty());
    assert_eq!(take_all(&channel), [4]);
}

#[test]
fn a_batch_obeys_the_policies() {
    for (policy, kept, dropped) in [
        (Overflow::DropNewest, vec![9, 0, 1], 3),
        (Overflow::DropOldest, vec![2, 3, 4], 3),
        (Overflow::Latest, vec![4], 5),
    ] {
        let channel = channel(3, policy);
        push(&channel, 9);
        let mut batch: VecDeque<u64> = (0..5).collect();
        channel.push_batch(&mut batch);
        assert!(batch.is_empty());
        assert_eq!(channel.dropped(), dropped, "{policy:?}");
        assert_eq!(channel.room(), usize::MAX);
        assert!(!channel.arm_producer());
        assert_eq!(take_all(&channel), kept, "{policy:?}");
    }
}

#[test]
fn a_batch_for_a_closed_channel_is_dropped_and_counted() {
    let channel = channel(3, Overflow::Block);
    push(&channel, 9);
    channel.close();
    let mut batch: VecDeque<u64> = (0..5).collect();
    assert_eq!(channel.room(), usize::MAX);
    channel.push_batch(&mut batch);
    assert!(batch.is_empty());
    assert_eq!(channel.dropped(), 5);
    assert_eq!(take_all(&channel), [9]);
}

#[test]
fn the_producer_is_notified_once_when_half_is_free() {
    for (capacity, pops) in [(1, 1), (2, 1), (5, 2), (1000, 500)] {
        let hook = Arc::new(Count::default());
        let channel = Channel::new(capacity, Overflow::Block, None, Some(hook.clone()));
        assert!(!channel.arm_producer(), "there is room");
        fill(&channel, capacity);
        assert!(channel.arm_producer());
        for _ in 1..pops {
            channel.try_pop().unwrap();
        }
        assert_eq!(hook.get(), 0, "capacity {capacity}");
        channel.try_pop().unwrap();
        assert_eq!(hook.get(), 1, "capacity {capacity}");
        take_all(&channel);
        assert_eq!(hook.get(), 1, "capacity {capacity}");
    }
}

#[test]
fn a_changed_capacity_moves_the_producers_notification() {
    let hook = Arc::new(Count::default());
    let channel = Channel::new(4, Overflow::Block, None, Some(hook.clone()));
    fill(&channel, 4);
    assert!(channel.arm_producer());
    channel.set_capacity(6);
    assert_eq!(hook.get(), 0);
    channel.try_pop().unwrap();
    assert_eq!(hook.get(), 1);
    fill(&channel, 6);
    assert!(channel.arm_producer());
    channel.set_capacity(0);
    assert_eq!(hook.get(), 2);
}

#[test]
fn closing_wakes_all_waiters_and_lets_receivers_drain() {
    in_time(|| {
        for (end, offer, nothing) in [
            (
                Numbers::close as fn(&Numbers),
                Offer::Closed,
                Nothing::Closed,
            ),
            (Numbers::terminate, Offer::Terminated, Nothing::Terminated),
        ] {
            let hook = Arc::new(Count::default());
            let channel = Arc::new(Channel::new(
                1,
                Overflow::Block,
                Some(hook.clone()),
                Some(hook.clone()),
            ));
            let empty = Arc::new(self::channel(1, Overflow::Block));
            let receiving = thread::spawn({
                let empty = empty.clone();
                move || pop_blocking(&empty)
            });
            push(&channel, 1);
            let sending = thread::spawn({
                let channel = channel.clone();
                move || push_blocking(&channel, 2)
            });
            let calls = hook.get();
            end(&channel);
            end(&empty);
            assert_eq!(hook.get(), calls + 2);
            end(&channel);
            assert_eq!(hook.get(), calls + 2, "idempotent");
            assert_eq!(sending.join().unwrap(), offer);
            assert_eq!(receiving.join().unwrap(), Err(nothing));
            assert_eq!(push(&channel, 3), offer);
            assert_eq!(channel.try_pop(), Ok(1));
            assert_eq!(channel.try_pop(), Err(nothing));
            assert_eq!(pop_blocking(&channel), Err(nothing));
        }
    });
}

#[test]
fn a_closed_channel_can_be_terminated_and_not_vice_versa() {
    let channel = channel(1, Overflow::Block);
    channel.close();
    assert_eq!(channel.state(), State::Closed);
    channel.terminate();
    channel.close();
    assert_eq!(channel.state(), State::Terminated);
}

#[test]
fn remaining_messages_are_drained_and_counted() {
    let channel = channel(0, Overflow::Block);
    fill(&channel, 4);
    channel.try_pop().unwrap();
    fill(&channel, 2);
    channel.close();
    assert_eq!(channel.drain_rest(), 5);
    assert_eq!((channel.len(), channel.drain_rest()), (0, 0));
}

#[test]
fn a_batch_wakes_as_many_as_it_has_messages() {
    let channel = channel(0, Overflow::Block);
    let wakers: Vec<_> = (0..4).map(|_| Woken::new()).collect();
    let mut tickets = [None; 4];
    for (woken, ticket) in wakers.iter().zip(&mut tickets) {
        let waker = &woken.waker();
        assert_eq!(
            channel.pop_or_wait(Waiting { ticket, waker }),
            Err(Nothing::Empty)
        );
    }
    let called = || wakers.iter().map(|woken| woken.get()).collect::<Vec<_>>();
    channel.push_batch(&mut (0..2).collect());
    assert_eq!(called(), [1, 1, 0, 0]);
    push(&channel, 2);
    assert_eq!(called(), [1, 1, 1, 0]);
    // The first leaves without a message: its wake-up goes to the last.
    channel.leave_receivers(&mut tickets[0]);
    assert_eq!(called(), [1, 1, 1, 1]);
}

#[test]
fn a_waiter_that_finds_nothing_keeps_its_place() {
    let channel = channel(0, Overflow::Block);
    let (first, second) = (Woken::new(), Woken::new());
    let (mut first_ticket, mut second_ticket) = (None, None);
    let mut wait_first = || {
        channel.pop_or_wait(Waiting {
            ticket: &mut first_ticket,
            waker: &first.waker(),
        })
    };
    assert!(wait_first().is_err());
    let popped = channel.pop_or_wait(Waiting {
        ticket: &mut second_ticket,
        waker: &second.waker(),
    });
    assert!(popped.is_err());
    push(&channel, 0);
    assert_eq!(channel.try_pop(), Ok(0), "another receiver was faster");
    assert!(wait_first().is_err());
    push(&channel, 1);
    assert_eq!((first.get(), second.get()), (2, 0));
}

#[test]
fn released_room_wakes_senders_in_order_and_is_passed_on() {
    let channel = channel(2, Overflow::Block);
    fill(&channel, 2);
    let wakers: Vec<_> = (0..3).map(|_| Woken::new()).collect();
    let mut tickets = [None; 3];
    for (woken, ticket) in wakers.iter().zip(&mut tickets) {
        let waker = &woken.waker();
        let offer = channel.push_or_wait(&mut Some(9), Waiting { ticket, waker });
        assert_eq!(offer, Offer::Full);
    }
    let called = || wakers.iter().map(|woken| woken.get()).collect::<Vec<_>>();
    channel.take(2, &mut VecDeque::new());
    assert_eq!(called(), [0, 0, 0]);
    channel.release(1);
    assert_eq!(called(), [1, 0, 0]);
    channel.leave_senders(&mut tickets[2]);
    channel.leave_senders(&mut tickets[0]);
    assert_eq!(called(), [1, 1, 0]);
}

#[test]
fn unused_room_is_passed_on() {
    let channel = channel(1, Overflow::Block);
    fill(&channel, 1);
    let (looking, sending) = (Woken::new(), Woken::new());
    let (mut look, mut send) = (None, None);
    let mut look_for_room = || {
        channel.room_or_wait(Waiting {
            ticket: &mut look,
            waker: &looking.waker(),
        })
    };
    assert_eq!(look_for_room(), Offer::Full);
    let offer = channel.push_or_wait(
        &mut Some(1),
        Waiting {
            ticket: &mut send,
            waker: &sending.waker(),
        },
    );
    assert_eq!(offer, Offer::Full);
    channel.try_pop().unwrap();
    assert_eq!((looking.get(), sending.get()), (1, 0));
    assert_eq!(look_for_room(), Offer::Taken);
    assert_eq!((looking.get(), sending.get()), (1, 1));
}

#[test]
fn a_buffer_grown_by_a_burst_is_released() {
    let channel = channel(0, Overflow::Block);
    fill(&channel, 100_000);
    take_all(&channel);
    for _ in 0..3 {
        push(&channel, 1);
        take_all(&channel);
    }
    let kept = channel.head.lock().items.capacity() + channel.tail.lock().items.capacity();
    assert!(kept <= 2 * KEPT_BUFFER, "{kept}");
}

#[test]
fn an_idle_channel_keeps_memory_only_for_its_messages() {
    let channel = channel(0, Overflow::Block);
    fill(&channel, 100_000);
    assert!(channel.give_back(), "much is in use");
    assert_eq!(take_all(&channel).len(), 100_000);
    push(&channel, 7);
    assert!(!channel.give_back());
    assert!(
        channel.buffered() <= 2 * KEPT_BUFFER,
        "{}",
        channel.buffered()
    );
    assert_eq!(take_all(&channel), [7]);
}

#[test]
fn concurrent_senders_and_receivers_lose_and_duplicate_no_message() {
    in_time(|| {
        const SENDERS: u64 = 4;
        const EACH: u64 = 5_000;
        for capacity in [1, 2, 7, 1000, 0] {
            let channel = channel(capacity, Overflow::Block);
            let received = thread::scope(|scope| {
                let receivers: Vec<_> = (0..3)
                    .map(|_| {
                        scope.spawn(|| {
                            std::iter::from_fn(|| pop_blocking(&channel).ok()).collect::<Vec<_>>()
                        })
                    })
                    .collect();
                let senders: Vec<_> = (0..SENDERS)
                    .map(|sender| {
                        let channel = &channel;
                        scope.spawn(move || {
                            for number in 0..EACH {
                                assert_eq!(
                                    push_blocking(channel, sender * EACH + number),
                                    Offer::Taken
                                );
                            }
                        })
                    })
                    .collect();
                for sender in senders {
                    sender.join().unwrap();
                }
                channel.close();
                receivers
                    .into_iter()
                    .map(|receiver| receiver.join().unwrap())
                    .collect::<Vec<_>>()
            });
            for one in &received {
                for sender in 0..SENDERS {
                    let numbers = one.iter().filter(|number| *number / EACH == sender);
                    assert!(numbers.is_sorted(), "one sender's order is kept");
                }
            }
            let mut all: Vec<_> = received.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..SENDERS * EACH), "capacity {capacity}");
        }
    });
}

/// A future over a channel that can be dropped at any time, like those of the ports.
enum Call<'a> {
    Push(&'a Numbers, Option<u64>, Ticket),
    Pop(&'a Numbers, Ticket),
}

impl Call<'_> {
    fn poll(&mut self, waker: &Waker) -> Poll<Option<u64>> {
        match self {
            Call::Push(channel, slot, ticket) => {
                match channel.push_or_wait(slot, Waiting { ticket, waker }) {
                    Offer::Full => Poll::Pending,
                    offer => {
                        assert_eq!(offer, Offer::Taken);
                        Poll::Ready(None)
                    }
                }
            }
            Call::Pop(channel, ticket) => match channel.pop_or_wait(Waiting { ticket, waker }) {
                Err(Nothing::Empty) => Poll::Pending,
                popped => Poll::Ready(Some(popped.unwrap())),
            },
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        match self {
            Call::Push(channel, _, ticket) => channel.leave_senders(ticket),
            Call::Pop(channel, ticket) => channel.leave_receivers(ticket),
        }
    }
}

/// Calls join, are woken and leave in random order. After every step: no message is lost or
/// duplicated, and every call that could proceed has been woken.
#[test]
fn no_waiter_is_stranded_by_cancelled_calls() {
    const ROUNDS: usize = 100_000;
    for seed in 1..4 {
        let mut dice = Dice::new(seed);
        let channel = channel(1 + dice.below(3) as usize, Overflow::Block);
        let mut calls: Vec<(Call<'_>, Arc<Woken>, usize)> = Vec::new();
        let (mut sent, mut received) = (VecDeque::new(), Vec::new());
        let mut next = 0;
        for round in 0..ROUNDS {
            let choice = dice.below(8);
            let index = dice.below(calls.len().max(1) as u64) as usize;
            match choice {
                0 | 1 if calls.len() < 12 => {
                    next += 1;
                    let call = Call::Push(&channel, Some(next), None);
                    calls.push((call, Woken::new(), usize::MAX));
                }
                2 | 3 if calls.len() < 12 => {
                    calls.push((Call::Pop(&channel, None), Woken::new(), usize::MAX));
                }
                4 if !calls.is_empty() => drop(calls.swap_remove(index)),
                _ if !calls.is_empty() => {
                    let (call, woken, seen) = &mut calls[index];
                    *seen = woken.get();
                    if let Poll::Ready(popped) = call.poll(&woken.waker()) {
                        match (&*call, popped) {
                            (_, Some(number)) => received.push(number),
                            // The push order is the order of acceptance.
                            (Call::Push(_, None, _), None) => sent.push_back(()),
                            _ => unreachable!("an accepted message is gone from its slot"),
                        }
                        drop(calls.swap_remove(index));
                    }
                }
                _ => {}
            }
            assert_eq!(sent.len() - received.len(), channel.len(), "seed {seed}");
            let waits = |push: bool| {
                let waiting = calls
                    .iter()
                    .filter(move |(call, ..)| matches!(call, Call::Push(..)) == push)
                    .filter(|(.., seen)| *seen != usize::MAX);
                let called = waiting
                    .clone()
                    .filter(|(_, woken, seen)| woken.get() > *seen);
                (waiting.count(), called.count())
            };
            let (senders, called) = waits(true);
            assert!(
                called >= senders.min(channel.room()),
                "seed {seed}, round {round}: a sender sleeps on"
            );
            let (receivers, called) = waits(false);
            assert!(
                called >= receivers.min(channel.len()),
                "seed {seed}, round {round}: a receiver sleeps on"
            );
        }
        calls.clear();
        received.extend(take_all(&channel));
        assert_eq!(received.len(), sent.len());
        let unique: std::collections::BTreeSet<_> = received.iter().collect();
        assert_eq!(unique.len(), received.len(), "seed {seed}: doubled");
    }
}

/// The same on real threads: senders and receivers give up at random and start again.
#[test]
fn threads_that_give_up_at_random_lose_no_message() {
    in_time(|| {
        const EACH: u64 = 10_000;
        let channel = channel(2, Overflow::Block);
        let received = thread::scope(|scope| {
            let receivers: Vec<_> = (0..2)
                .map(|seed| {
                    let channel = &channel;
                    scope.spawn(move || {
                        let mut dice = Dice::new(100 + seed);
                        let mut received = Vec::new();
                        let mut ticket = None;
                        loop {
                            let mut polls = dice.below(4);
                            let popped =
                                futures::executor::block_on(std::future::poll_fn(|context| {
                                    let waiting = Waiting {
                                        ticket: &mut ticket,
                                        waker: context.waker(),
                                    };
                                    match channel.pop_or_wait(waiting) {
                                        Err(Nothing::Empty) if polls == 0 => Poll::Ready(None),
                                        Err(Nothing::Empty) => {
                                            polls -= 1;
                                            Poll::Pending
                                        }
                                        popped => Poll::Ready(Some(popped)),
                                    }
                                }));
                            match popped {
                                Some(Ok(number)) => received.push(number),
                                Some(Err(_)) => return received,
                                None => channel.leave_receivers(&mut ticket),
                            }
                        }
                    })
                })
                .collect();
            let senders: Vec<_> = (0..2)
                .map(|sender| {
                    let channel = &channel;
                    scope.spawn(move || {
                        let mut dice = Dice::new(200 + sender);
                        for number in 0..EACH {
                            let mut slot = Some(sender * EACH + number);
                            while slot.is_some() {
                                let mut call =
                                    pin!(Cancelled(channel, &mut slot, None, dice.below(4)));
                                futures::executor::block_on(&mut call);
                            }
                        }
                    })
                })
                .collect();
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
            channel.close();
            receivers
                .into_iter()
                .flat_map(|receiver| receiver.join().unwrap())
                .collect::<std::collections::BTreeSet<_>>()
        });
        assert!(received.into_iter().eq(0..2 * EACH));
    });
}

/// A send that gives up when it has been polled that many times and found no room.
struct Cancelled<'a>(&'a Numbers, &'a mut Option<u64>, Ticket, u64);

impl std::future::Future for Cancelled<'_> {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let waiting = Waiting {
            ticket: &mut this.2,
            waker: context.waker(),
        };
        match this.0.push_or_wait(this.1, waiting) {
            Offer::Full if this.3 > 0 => {
                this.3 -= 1;
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        self.0.leave_senders(&mut self.2);
    }
}

/// Polls [`Channel::keep_pace`] once; returns whether it lets the caller proceed.
fn keeps_pace(channel: &Numbers, most: u64, ticket: &mut Ticket, waker: &Waker) -> bool {
    channel.keep_pace(most, Waiting { ticket, waker })
}

#[test]
fn a_paced_sender_resumes_once_few_messages_are_left() {
    let channel = channel(10, Overflow::Block);
    let woken = Woken::new();
    let waker = woken.waker();
    let mut ticket = None;
    assert_eq!(fill(&channel, 4), 4);
    assert!(keeps_pace(&channel, 4, &mut ticket, &waker) && ticket.is_none());
    assert!(!keeps_pace(&channel, 2, &mut ticket, &waker) && ticket.is_some());
    let mut taken = VecDeque::new();
    channel.take(4, &mut taken);
    channel.release(1);
    assert_eq!(woken.get(), 0, "three still count");
    channel.release(1);
    assert_eq!(woken.get(), 1);
    assert!(keeps_pace(&channel, 2, &mut ticket, &waker) && ticket.is_none());
    assert_eq!(fill(&channel, 20), 8, "it is no limit");
}

#[test]
fn after_a_pause_without_effect_no_sender_is_paced_until_a_release() {
    let channel = channel(10, Overflow::Block);
    let waker = Woken::new().waker();
    let (mut ticket, mut other) = (None, None);
    assert_eq!(fill(&channel, 10), 10);
    assert!(!keeps_pace(&channel, 2, &mut ticket, &waker));
    channel.leave_pace(&mut ticket);
    assert!(ticket.is_none() && keeps_pace(&channel, 2, &mut other, &waker));
    assert_eq!(channel.try_pop(), Ok(0));
    assert!(!keeps_pace(&channel, 2, &mut other, &waker));
}

#[test]
fn pacing_ends_when_the_channel_closes_or_changes() {
    let grow = |channel: &Numbers| channel.set_capacity(20);
    for change in [Numbers::close, Numbers::terminate, grow] {
        let channel = channel(10, Overflow::Block);
        let woken = Woken::new();
        let waker = woken.waker();
        let mut ticket = None;
        assert_eq!(fill(&channel, 4), 4);
        assert!(!keeps_pace(&channel, 2, &mut ticket, &waker));
        change(&channel);
        assert_eq!(woken.get(), 1);
        let goes = keeps_pace(&channel, 2, &mut ticket, &waker);
        assert_eq!(goes, channel.state() != State::Open);
    }
}

#[test]
fn retain_removes_from_both_queues_and_frees_room() {
    let hook = Arc::new(Count::default());
    let channel = Channel::new(6, Overflow::Block, None, Some(hook.clone()));
    assert_eq!(fill(&channel, 6), 6);
    assert_eq!(
        channel.try_pop(),
        Ok(0),
        "one half is filled from the other"
    );
    assert_eq!(push(&channel, 6), Offer::Taken);
    assert!(channel.arm_producer());
    assert_eq!(channel.discard(|number| number % 2 == 0), 3);
    assert_eq!(hook.get(), 1, "half of it is free");
    assert_eq!((channel.len(), channel.used(), channel.room()), (3, 3, 3));
    assert_eq!(channel.discard(|_| true), 0);
    assert_eq!(take_all(&channel), [2, 4, 6]);
    assert_eq!((channel.used(), channel.dropped()), (0, 0));
}
