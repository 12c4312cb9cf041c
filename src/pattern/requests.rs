//! Who waits for this reply? The requests a REP socket has handed out and not answered yet.

use crate::message::Frame;

use super::peers::PeerMap;
use super::PeerId;

/// Requests one peer may leave open. Beyond that its oldest are forgotten, so that a user who
/// never answers, or a peer that never stops asking, cannot fill the memory. Far above what any
/// high-water mark lets through before the user has taken it.
pub(super) const OPEN_REQUESTS_PER_PEER: usize = 1 << 20;

/// No slot: the end of a list.
const END: u32 = u32::MAX;

/// Open requests by number, and by peer from oldest to newest.
///
/// A number is the slot of its request and how often that slot was used, so it is found without
/// a search and never given twice: a slot whose uses are all spent is left unused for good.
#[derive(Default)]
pub(super) struct Requests {
    slots: Vec<Slot>,
    free: Vec<u32>,
    peers: PeerMap<Queue>,
}

struct Slot {
    /// How often the slot was used; even while it is free, odd while it holds a request.
    uses: u32,
    /// Who asked.
    peer: PeerId,
    /// The frames in front of the delimiter: none for a plain REQ peer.
    envelope: Vec<Frame>,
    older: u32,
    newer: u32,
}

/// The open requests of one peer.
struct Queue {
    oldest: u32,
    newest: u32,
    len: usize,
}

impl Requests {
    pub(super) fn join(&mut self, peer: PeerId) {
        let before = self.peers.insert(
            peer,
            Queue {
                oldest: END,
                newest: END,
                len: 0,
            },
        );
        debug_assert!(before.is_none());
    }

    /// Forgets the peer and all it asked.
    pub(super) fn leave(&mut self, peer: PeerId) {
        let Some(queue) = self.peers.remove(&peer) else {
            return;
        };
        let mut index = queue.oldest;
        while index != END {
            let newer = self.slots[index as usize].newer;
            self.vacate(index);
            index = newer;
        }
    }

    /// Remembers a request and gives it a number; `None` if the peer is unknown.
    pub(super) fn open(&mut self, peer: PeerId, envelope: Vec<Frame>) -> Option<u64> {
        if self.peers.get(&peer)?.len >= OPEN_REQUESTS_PER_PEER {
            self.forget_oldest(peer);
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(peer)?,
        };
        let queue = self.peers.get_mut(&peer)?;
        let older = std::mem::replace(&mut queue.newest, index);
        queue.len += 1;
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = index,
            None => queue.oldest = index,
        }
        let slot = &mut self.slots[index as usize];
        slot.uses += 1;
        slot.peer = peer;
        slot.envelope = envelope;
        (slot.older, slot.newer) = (older, END);
        Some(number(index, slot.uses))
    }

    /// Takes the request with this number: who asked, and the envelope of the reply.
    pub(super) fn close(&mut self, number: u64) -> Option<(PeerId, Vec<Frame>)> {
        let index = number as u32;
        let uses = (number >> 32) as u32;
        let slot = self.slots.get(index as usize)?;
        if slot.uses != uses || uses % 2 == 0 {
            return None;
        }
        let (peer, older, newer) = (slot.peer, slot.older, slot.newer);
        let queue = self.peers.get_mut(&peer)?;
        queue.len -= 1;
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => queue.oldest = newer,
        }
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => queue.newest = older,
        }
        Some((peer, self.vacate(index)))
    }

    /// The number of open requests.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.peers.values().map(|queue| queue.len).sum()
    }

    fn forget_oldest(&mut self, peer: PeerId) {
        let Some(oldest) = self.peers.get(&peer).map(|queue| queue.oldest) else {
            return;
        };
        if let Some(uses) = self.slots.get(oldest as usize).map(|slot| slot.uses) {
            self.close(number(oldest, uses));
        }
    }

    fn grow(&mut self, peer: PeerId) -> Option<u32> {
        let index = u32::try_from(self.slots.len())
            .ok()
            .filter(|&index| index != END)?;
        self.slots.push(Slot {
            uses: 0,
            peer,
            envelope: Vec::new(),
            older: END,
            newer: END,
        });
        Some(index)
    }

    /// Empties a slot that no list names any more.
    fn vacate(&mut self, index: u32) -> Vec<Frame> {
        let slot = &mut self.slots[index as usize];
        slot.uses = slot.uses.wrapping_add(1);
        if slot.uses != 0 {
            self.free.push(index);
        }
        std::mem::take(&mut slot.envelope)
    }
}

fn number(index: u32, uses: u32) -> u64 {
    u64::from(uses) << 32 | u64::from(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(peers: u32) -> Requests {
        let mut requests = Requests::default();
        (0..peers).for_each(|peer| requests.join(PeerId(peer)));
        requests
    }

    fn open(requests: &mut Requests, peer: u32) -> u64 {
        requests.open(PeerId(peer), Vec::new()).unwrap()
    }

    #[test]
    fn numbers_are_never_zero_and_never_reused() {
        let mut requests = requests(1);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let open: Vec<u64> = (0..3).map(|_| open(&mut requests, 0)).collect();
            for number in open {
                assert!(number != 0 && seen.insert(number));
                assert!(requests.close(number).is_some());
                assert!(requests.close(number).is_none(), "only once");
            }
        }
        assert_eq!(requests.slots.len(), 3, "slots are used again");
        assert_eq!(requests.len(), 0);
    }

    #[test]
    fn unknown_numbers_name_no_request() {
        let mut requests = requests(1);
        let number = open(&mut requests, 0);
        requests.close(number);
        for unknown in [0, 1, 1 << 32, 2 << 32, u64::MAX, u64::from(END)] {
            assert!(requests.close(unknown).is_none(), "{unknown:#x}");
        }
    }

    #[test]
    fn an_exhausted_slot_is_not_used_again() {
        let mut requests = requests(1);
        let first = open(&mut requests, 0);
        requests.close(first);
        requests.slots[0].uses = u32::MAX - 1;
        let last = open(&mut requests, 0);
        assert!(requests.close(last).is_some());
        let next = open(&mut requests, 0);
        assert_eq!(next as u32, 1, "the next slot");
        assert!(requests.close(first).is_none() && requests.close(last).is_none());
    }

    #[test]
    fn leaving_forgets_only_the_open_requests_of_that_peer() {
        let mut requests = requests(2);
        let numbers: Vec<u64> = (0..9).map(|turn| open(&mut requests, turn % 2)).collect();
        // From the middle, the end and the beginning of the list of peer 0.
        for turn in [4, 8, 0] {
            assert!(requests.close(numbers[turn]).is_some());
        }
        requests.leave(PeerId(0));
        assert_eq!(requests.len(), 4);
        requests.join(PeerId(0));
        for (turn, &number) in numbers.iter().enumerate() {
            let closed = requests.close(number);
            assert_eq!(
                closed.map(|(peer, _)| peer),
                (turn % 2 == 1).then_some(PeerId(1))
            );
        }
        assert_eq!(requests.len(), 0);
        assert_eq!(requests.free.len(), requests.slots.len());
    }

    #[test]
    fn the_oldest_request_is_forgotten_at_the_limit() {
        let mut requests = requests(1);
        let first = open(&mut requests, 0);
        let second = open(&mut requests, 0);
        for _ in 2..OPEN_REQUESTS_PER_PEER {
            open(&mut requests, 0);
        }
        let last = open(&mut requests, 0);
        assert_eq!(requests.len(), OPEN_REQUESTS_PER_PEER);
        assert!(requests.close(first).is_none());
        assert!(requests.close(second).is_some() && requests.close(last).is_some());
    }
}
