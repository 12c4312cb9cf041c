//! Senders that put messages into the queue of a near peer, while the pump reports the room it has.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use loom::thread;

use super::{channel, model, push};
use crate::sync::bounded::{Channel, NearPeer, Offer, Wants};

/// A peer receives the numbers divisible by this.
struct Divisor(u64);

impl Wants<u64> for Divisor {
    fn wants(&self, item: &u64) -> bool {
        item % self.0 == 0
    }
}

/// The same each time: a filter that has changed would wake the senders too.
static EVEN: LazyLock<Arc<Divisor>> = LazyLock::new(|| Arc::new(Divisor(2)));

/// The pump releases `count`, and one peer that receives even numbers holds `held` of them.
fn settle_even(channel: &Channel<u64>, count: usize, held: Option<usize>) {
    let peer = held.map(|held| NearPeer {
        id: 1,
        held,
        wants: Arc::clone(&EVEN) as Arc<dyn Wants<u64>>,
    });
    channel.settle_near(count, 2, peer.into_iter().collect());
}

#[test]
fn loom_only_the_sender_to_a_full_peer_waits_for_its_room() {
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
fn loom_a_peer_never_exceeds_its_mark() {
    model(3, || {
        let channel = channel(0);
        channel.share_capacity(2, 1);
        let senders = [channel.clone(), channel.clone()].map(|channel| {
            thread::spawn(move || {
                let mut slot = Some(2);
                usize::from(channel.try_push(&mut slot) == Offer::Taken)
            })
        });
        // It may hold two, and has one of them already.
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
