//! Peers near their high-water marks: a message for a full one waits, and no other message does.
//!
//! A pump that keeps a queue for each peer takes every message it is given. So that no queue
//! exceeds the mark, it tells the channel which peers are near theirs, how many messages each of
//! them holds, and which messages go to it. The channel then accepts as many messages as the
//! fullest peer has room for, without checking them. Beyond that it checks each: a message is
//! accepted if every peer that it goes to has room, including for messages that wait in the channel
//! for that peer.
//!
//! Peers that are not listed here have room for everything that the channel holds: the pump must
//! list them before it [releases](Channel::settle_near) the messages it has given to them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{saturated, Channel, Head, Offer, Tail, Waiting};
use crate::sync::wait_queue::{WaitQueue, WakeList};

/// Which messages a peer receives.
pub(crate) trait Wants<T>: Send + Sync {
    fn wants(&self, item: &T) -> bool;
}

/// A peer near its mark, as reported by the pump.
pub(crate) struct NearPeer<T> {
    /// The same for as long as it is near, and never that of another.
    pub(crate) id: u64,
    /// Number of messages in its queue.
    pub(crate) held: usize,
    pub(crate) wants: Arc<dyn Wants<T>>,
}

/// All peers near their marks.
pub(super) struct Near<T> {
    /// Maximum number of messages in the channel, whichever peers they are for.
    capacity: u64,
    /// Maximum number of messages per peer.
    mark: u64,
    /// In order of id.
    peers: Vec<Peer<T>>,
    /// The value of `Tail::accepted` for which `queued` was computed.
    counted_at: u64,
}

struct Peer<T> {
    id: u64,
    held: u64,
    /// Messages for it in the channel.
    queued: u64,
    wants: Arc<dyn Wants<T>>,
    /// Senders with a message for it.
    senders: WaitQueue,
}

impl<T> Channel<T> {
    /// The pump releases `count` messages that it has given to peers. The given `peers` are now
    /// near their `mark`, in order of id.
    pub(crate) fn settle_near(&self, count: usize, mark: usize, peers: Vec<NearPeer<T>>) {
        let mut wakes = WakeList::default();
        {
            let (mut head, mut tail) = self.both();
            let tail = &mut *tail;
            head.release(count, &mut wakes);
            tail.released_seen = head.released;
            let mut near = tail.near.take().unwrap_or_else(|| {
                Box::new(Near {
                    capacity: tail.limit,
                    mark: 0,
                    peers: Vec::new(),
                    counted_at: tail.accepted,
                })
            });
            near.mark = mark as u64;
            near.replace(peers, &mut wakes);
            near.count(&head.items, tail);
            let in_hand = tail.in_hand(&head);
            tail.limit = near.limit();
            near.call_those_with_room(in_hand, &mut wakes);
            if !near.peers.is_empty() {
                tail.near = Some(near);
            }
            head.senders
                .call(saturated(tail.room_for_any()), &mut wakes);
        }
        self.carry_out(wakes);
    }
}

impl<T> Tail<T> {
    /// Messages that the pump has taken and not released.
    fn in_hand(&self, head: &Head<T>) -> u64 {
        let queued = (head.items.len() + self.items.len()) as u64;
        self.used().saturating_sub(queued)
    }

    /// Like [`Channel::offer`], while peers are near their marks.
    pub(super) fn offer_near(
        &mut self,
        head: &mut Head<T>,
        slot: &mut Option<T>,
        waiting: Option<Waiting<'_>>,
        wakes: &mut WakeList,
    ) -> Offer {
        let Some(mut near) = self.near.take() else {
            debug_assert!(false, "the caller has just looked");
            return Offer::Full;
        };
        let has_room = self.used() < near.capacity;
        let mut full = None;
        if let (true, Some(item)) = (has_room, &*slot) {
            if near.counted_at != self.accepted {
                near.count(&head.items, self);
            }
            full = near.take_in(item, self.in_hand(head));
        }
        let (line, offer) = match (has_room, full) {
            (true, None) => {
                self.push(slot, wakes);
                near.counted_at = self.accepted;
                (None, Offer::Taken)
            }
            (true, Some(peer)) => (Some(peer), Offer::Full),
            (false, _) => (None, Offer::Full),
        };
        if let Some(Waiting { ticket, waker }) = waiting {
            if let Some(ticket) = *ticket {
                // It may have waited for another peer before.
                head.senders.remove(ticket);
                near.remove_sender(ticket);
            }
            match (offer, line) {
                (Offer::Full, Some(peer)) => {
                    ticket.get_or_insert_with(|| head.senders.reserve());
                    near.peers[peer].senders.register(ticket, waker);
                }
                (Offer::Full, None) => head.senders.register(ticket, waker),
                _ => *ticket = None,
            }
        }
        self.near = Some(near);
        offer
    }

    /// A sender stops waiting. Returns false if it was not waiting, because it has been woken.
    pub(super) fn remove_sender(&mut self, head: &mut Head<T>, ticket: u64) -> bool {
        head.senders.remove(ticket)
            || self
                .near
                .as_mut()
                .is_some_and(|near| near.remove_sender(ticket))
    }
}

impl<T> Near<T> {
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    pub(super) fn remove_sender(&mut self, ticket: u64) -> bool {
        let mut peers = self.peers.iter_mut();
        peers.any(|peer| peer.senders.remove(ticket))
    }

    pub(super) fn call_all(&mut self, wakes: &mut WakeList) {
        for peer in &mut self.peers {
            peer.senders.call_all(wakes);
        }
    }

    /// Wakes one sender of each peer that has room.
    pub(super) fn call_one_each(&mut self, wakes: &mut WakeList) {
        let mark = self.mark;
        for peer in &mut self.peers {
            if peer.room(mark, 0) > 0 {
                peer.senders.call(1, wakes);
            }
        }
    }

    fn call_those_with_room(&mut self, in_hand: u64, wakes: &mut WakeList) {
        let mark = self.mark;
        for peer in &mut self.peers {
            let room = peer.room(mark, in_hand);
            if room > 0 {
                peer.senders.call(saturated(room), wakes);
            }
        }
    }

    /// The number of messages that the channel may hold without checking which peers they are for.
    fn limit(&self) -> u64 {
        let rooms = self.peers.iter();
        let rooms = rooms.map(|peer| self.mark.saturating_sub(peer.held));
        rooms
            .min()
            .map_or(self.capacity, |room| room.min(self.capacity))
    }

    /// Replaces the peers that are near. A sender tries again if the peer that it waits for is no
    /// longer near, or no longer receives the same messages.
    fn replace(&mut self, peers: Vec<NearPeer<T>>, wakes: &mut WakeList) {
        debug_assert!(peers.is_sorted_by_key(|peer| peer.id));
        let mut before = std::mem::take(&mut self.peers).into_iter().peekable();
        for NearPeer { id, held, wants } in peers {
            while let Some(mut gone) = before.next_if(|old| old.id < id) {
                gone.senders.call_all(wakes);
            }
            let mut senders = WaitQueue::default();
            if let Some(mut old) = before.next_if(|old| old.id == id) {
                if !std::ptr::addr_eq(Arc::as_ptr(&old.wants), Arc::as_ptr(&wants)) {
                    old.senders.call_all(wakes);
                }
                senders = old.senders;
            }
            self.peers.push(Peer {
                id,
                held: held as u64,
                queued: 0,
                wants,
                senders,
            });
        }
        before.for_each(|mut gone| gone.senders.call_all(wakes));
    }

    /// Counts the messages in the channel for each peer.
    fn count(&mut self, head: &VecDeque<T>, tail: &Tail<T>) {
        self.counted_at = tail.accepted;
        for peer in &mut self.peers {
            let items = head.iter().chain(&tail.items);
            peer.queued = items.filter(|item| peer.wants.wants(item)).count() as u64;
        }
    }

    /// Counts a message that is accepted. If a peer it goes to is full, returns that peer.
    fn take_in(&mut self, item: &T, in_hand: u64) -> Option<usize> {
        let mark = self.mark;
        let full = self
            .peers
            .iter()
            .position(|peer| peer.room(mark, in_hand) == 0 && peer.wants.wants(item));
        if full.is_none() {
            for peer in &mut self.peers {
                peer.queued += u64::from(peer.wants.wants(item));
            }
        }
        full
    }
}

impl<T> Peer<T> {
    fn room(&self, mark: u64, in_hand: u64) -> u64 {
        mark.saturating_sub(self.held + self.queued + in_hand)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::LazyLock;
    use std::task::Waker;

    use super::super::Ticket;
    use super::*;
    use crate::options::Overflow;

    /// A peer receives the numbers divisible by this.
    impl Wants<u64> for u64 {
        fn wants(&self, item: &u64) -> bool {
            item % self == 0
        }
    }

    const MARK: usize = 8;
    const PART: usize = MARK / 2;

    fn channel() -> Channel<u64> {
        let channel = Channel::new(0, Overflow::Block, None, None);
        channel.share_capacity(MARK, PART);
        channel
    }

    /// The messages that a peer receives: the same allocation each time.
    static MULTIPLES: LazyLock<[Arc<u64>; 8]> =
        LazyLock::new(|| std::array::from_fn(|divisor| Arc::new(divisor as u64)));

    fn settle(channel: &Channel<u64>, count: usize, peers: &[(u64, usize)]) {
        let peers = peers.iter().map(|&(divisor, held)| NearPeer {
            id: divisor,
            held,
            wants: Arc::clone(&MULTIPLES[divisor as usize]) as Arc<dyn Wants<u64>>,
        });
        channel.settle_near(count, MARK, peers.collect());
    }

    fn push(channel: &Channel<u64>, item: u64) -> Offer {
        let mut item = item;
        match channel.push_quietly(&mut item) {
            true => Offer::Taken,
            false => channel.try_push(&mut Some(item)),
        }
    }

    fn take_all(channel: &Channel<u64>) -> usize {
        let mut taken = VecDeque::new();
        channel.take(usize::MAX, &mut taken);
        taken.len()
    }

    #[test]
    fn only_messages_to_a_full_peer_wait() {
        let channel = channel();
        settle(&channel, 0, &[(2, MARK), (3, MARK - 1)]);
        assert_eq!(channel.capacity(), Some(MARK));
        assert_eq!(push(&channel, 4), Offer::Full);
        assert_eq!(push(&channel, 9), Offer::Taken, "one place is left");
        assert_eq!(push(&channel, 9), Offer::Full, "it is taken");
        assert_eq!(push(&channel, 5), Offer::Taken);
        assert_eq!(push(&channel, 6), Offer::Full, "two would get it");
        // The messages that the pump holds may be for any of them.
        assert_eq!(take_all(&channel), 2);
        settle(&channel, 2, &[(2, MARK - 1), (3, MARK)]);
        assert_eq!(push(&channel, 9), Offer::Full);
        assert_eq!(push(&channel, 4), Offer::Taken);
        assert_eq!(take_all(&channel), 1);
        settle(&channel, 1, &[]);
        for item in 0..PART as u64 {
            assert_eq!(push(&channel, item), Offer::Taken);
        }
        assert_eq!(push(&channel, 1), Offer::Full, "the channel itself");
    }

    #[test]
    fn the_channel_holds_its_part_of_the_capacity() {
        let channel = channel();
        settle(&channel, 0, &[(2, MARK)]);
        for _ in 0..PART {
            assert_eq!(push(&channel, 1), Offer::Taken);
        }
        assert_eq!(push(&channel, 1), Offer::Full);
        assert_eq!(channel.room(), 0);
        channel.share_capacity(2 * MARK, MARK);
        assert_eq!(push(&channel, 1), Offer::Taken);
        assert_eq!(push(&channel, 2), Offer::Full);
        assert_eq!(channel.room(), MARK - PART - 1);
    }

    /// A sender that waits, and whether it has been woken.
    struct Sender(Ticket, Arc<Called>, u64);

    #[derive(Default)]
    struct Called(std::sync::atomic::AtomicBool);

    impl std::task::Wake for Called {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    impl Sender {
        fn new(item: u64) -> Self {
            Sender(None, Arc::default(), item)
        }

        fn offer(&mut self, channel: &Channel<u64>) -> Offer {
            let waker = Waker::from(Arc::clone(&self.1));
            let ticket = &mut self.0;
            channel.push_or_wait(
                &mut Some(self.2),
                Waiting {
                    ticket,
                    waker: &waker,
                },
            )
        }

        fn was_called(&self) -> bool {
            self.1 .0.swap(false, std::sync::atomic::Ordering::SeqCst)
        }
    }

    #[test]
    fn a_sender_is_woken_when_its_peer_has_room() {
        let channel = channel();
        settle(&channel, 0, &[(2, MARK), (3, MARK)]);
        let [mut two, mut three, mut six] = [2, 3, 6].map(Sender::new);
        for sender in [&mut two, &mut three, &mut six] {
            assert_eq!(sender.offer(&channel), Offer::Full);
        }
        settle(&channel, 0, &[(2, MARK), (3, MARK - 1)]);
        assert_eq!(
            [&two, &three, &six].map(Sender::was_called),
            [false, true, false]
        );
        assert_eq!(three.offer(&channel), Offer::Taken);
        assert_eq!(three.0, None);
        // The first of those that wait for the other; it now waits for a third place.
        settle(&channel, 0, &[(2, MARK - 1), (3, MARK - 1)]);
        assert_eq!([&two, &six].map(Sender::was_called), [true, false]);
        // If it leaves, the next one is woken in its place.
        channel.leave_senders(&mut two.0);
        assert!(six.was_called());
        assert_eq!(
            six.offer(&channel),
            Offer::Full,
            "three has the place there"
        );
        settle(&channel, 0, &[(2, MARK - 1)]);
        assert!(six.was_called(), "that peer has drained");
        assert_eq!(six.offer(&channel), Offer::Taken);
        // All are woken when it closes.
        assert_eq!(two.offer(&channel), Offer::Full);
        channel.close();
        assert!(two.was_called());
        assert_eq!(two.offer(&channel), Offer::Closed);
        assert_eq!(two.0, None);
    }

    #[test]
    fn a_sender_is_woken_when_its_peer_receives_other_messages() {
        let channel = channel();
        let settle = |divisor: usize| {
            let wants = Arc::clone(&MULTIPLES[divisor]) as Arc<dyn Wants<u64>>;
            let held = MARK;
            channel.settle_near(0, MARK, vec![NearPeer { id: 1, held, wants }]);
        };
        settle(2);
        let mut two = Sender::new(2);
        assert_eq!(two.offer(&channel), Offer::Full);
        settle(2);
        assert!(!two.was_called(), "nothing has changed");
        settle(3);
        assert!(two.was_called());
        assert_eq!(two.offer(&channel), Offer::Taken);
    }

    #[test]
    fn no_peer_exceeds_its_mark() {
        for seed in 1..200u64 {
            let mut random = seed;
            let mut below = |limit: u64| {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(seed);
                (random >> 33) % limit
            };
            let channel = channel();
            let mut held = [0; 4];
            let above = MARK - PART;
            for _ in 0..300 {
                match below(4) {
                    0 | 1 => {
                        // Each item is for at least one peer; 6 is for two of them, 30 for three.
                        let item = [2, 3, 5, 7, 6, 30][below(6) as usize];
                        let _ = push(&channel, item);
                    }
                    2 => {
                        let mut taken = VecDeque::new();
                        channel.take(usize::MAX, &mut taken);
                        let count = taken.len();
                        for item in taken {
                            for (peer, divisor) in [2, 3, 5, 7].into_iter().enumerate() {
                                held[peer] += usize::from(item % divisor == 0);
                            }
                        }
                        assert!(held.iter().all(|&held| held <= MARK), "{held:?}");
                        let near = [2, 3, 5, 7].into_iter().zip(held);
                        let near: Vec<_> = near.filter(|&(_, held)| held > above).collect();
                        settle(&channel, count, &near);
                    }
                    _ => held[below(4) as usize] = 0,
                }
            }
        }
    }
}
