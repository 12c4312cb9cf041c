//! Answers, and messages between two pumps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::thread;

use super::model;
use crate::sync::duplex::{bridge, BridgeEnd};
use crate::sync::parker::block_on;
use crate::sync::Hook;

#[test]
fn loom_a_reply_always_arrives() {
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
fn loom_messages_across_a_bridge_and_their_arrival_are_noticed() {
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
