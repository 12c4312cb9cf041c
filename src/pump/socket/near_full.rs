//! Peers near their high-water marks, for types whose senders wait for them: each message waits
//! only for those peers that would receive it
//! ([`Channel::settle_near`](crate::sync::bounded::Channel::settle_near)).

use std::sync::Arc;

use crate::message::{Frame, Message};
use crate::options::Options;
use crate::pattern::{waits_for_peers, Interest, PeerId};
use crate::socket_type::SocketType;
use crate::sync::bounded::{NearPeer, Wants};

use crate::pump::env::Env;
use crate::pump::pipe::Pipe;
use crate::pump::Pump;

use super::configure::high_water_marks;
use super::outlet::PumpOutlet;

/// The peers of a socket that are near their high-water marks.
pub(in crate::pump) struct Near {
    /// A peer with more messages than this in its queue is near; `None` if senders do not wait for
    /// single peers.
    above: Option<usize>,
    /// Pipes, by serial number and slot, in no order.
    pipes: Vec<(u64, usize)>,
    /// Names whose peers are not connected, with the number of messages kept for them, in order of
    /// id.
    kept: Vec<Kept>,
    /// The next id of a name. These never equal the serial numbers of pipes, which count from one.
    next: u64,
    /// Whether senders know of any.
    told: bool,
    /// Whether the messages that a near peer receives have changed.
    pub(in crate::pump) changed: bool,
}

struct Kept {
    id: u64,
    messages: usize,
    filter: Arc<Filter>,
}

/// Which messages a peer receives.
pub(in crate::pump) enum Filter {
    None,
    Name(Frame),
    /// Sorted, and none of them starts with another: so only the greatest one not greater than a
    /// topic can be a prefix of it.
    Prefixes(Vec<Frame>),
    OtherThan(Vec<Frame>),
    /// Sorted.
    Groups(Vec<Frame>),
}

impl Filter {
    fn new(interest: Option<Interest>) -> Self {
        match interest {
            None => Filter::None,
            Some(Interest::Name(name)) => Filter::Name(name),
            Some(Interest::Prefixes(prefixes)) => Filter::Prefixes(sorted(prefixes)),
            Some(Interest::OtherThan(prefixes)) => Filter::OtherThan(sorted(prefixes)),
            Some(Interest::Groups(mut groups)) => {
                groups.sort_unstable_by(|a, b| a[..].cmp(&b[..]));
                Filter::Groups(groups)
            }
        }
    }
}

/// Sorted, without those that start with another.
fn sorted(mut prefixes: Vec<Frame>) -> Vec<Frame> {
    prefixes.sort_unstable_by(|a, b| a[..].cmp(&b[..]));
    prefixes.dedup_by(|later, kept| later.starts_with(kept));
    prefixes
}

fn begins_with_one(topic: &[u8], prefixes: &[Frame]) -> bool {
    let after = prefixes.partition_point(|prefix| &prefix[..] <= topic);
    after > 0 && topic.starts_with(&prefixes[after - 1])
}

impl Wants<Message> for Filter {
    fn wants(&self, message: &Message) -> bool {
        let Some(first) = message.first() else {
            return false;
        };
        match self {
            Filter::None => false,
            Filter::Name(name) => first == name,
            Filter::Prefixes(prefixes) => begins_with_one(first, prefixes),
            Filter::OtherThan(prefixes) => !begins_with_one(first, prefixes),
            Filter::Groups(groups) => {
                let place = groups.binary_search_by(|group| group[..].cmp(&first[..]));
                place.is_ok()
            }
        }
    }
}

impl Near {
    pub(in crate::pump) fn new(kind: SocketType, options: &Options) -> Self {
        let mut near = Near {
            above: None,
            pipes: Vec::new(),
            kept: Vec::new(),
            next: 1 << 63,
            told: false,
            changed: false,
        };
        near.configure(kind, options);
        near
    }

    pub(in crate::pump) fn configure(&mut self, kind: SocketType, options: &Options) {
        let (capacity, mark) = high_water_marks(kind, options);
        self.above = match capacity {
            0 => Some(usize::MAX),
            capacity => Some(mark - capacity),
        };
        if !waits_for_peers(kind, options) {
            self.above = None;
        }
    }

    /// Whether a message sent to a peer has been checked against its high-water mark before it was
    /// accepted.
    #[inline]
    pub(in crate::pump) fn admits(&self) -> bool {
        self.above.is_some()
    }

    /// A message was sent to this pipe.
    pub(in crate::pump) fn note<S>(&mut self, slot: usize, pipe: &mut Pipe<S>) {
        if !pipe.near && self.above.is_some_and(|above| pipe.held() > above) {
            pipe.near = true;
            self.pipes.push((pipe.serial, slot));
        }
    }

    pub(in crate::pump) fn note_kept(&mut self, name: &Frame, messages: usize) {
        let is_near = self.above.is_some_and(|above| messages > above);
        let filter = |kept: &Kept| matches!(&*kept.filter, Filter::Name(other) if other == name);
        match (self.kept.iter().position(filter), is_near) {
            (Some(place), true) => self.kept[place].messages = messages,
            (Some(place), false) => {
                self.kept.remove(place);
                self.changed = true;
            }
            (None, true) => {
                self.kept.push(Kept {
                    id: self.next,
                    messages,
                    filter: Arc::new(Filter::Name(name.clone())),
                });
                self.next += 1;
            }
            (None, false) => {}
        }
    }
}

impl<S> PumpOutlet<'_, S> {
    /// The messages that some peer receives may have changed.
    pub(in crate::pump) fn interests_changed(&mut self) {
        for &(_, slot) in &self.io.near.pipes {
            if let Some(pipe) = self.pipes.get_mut(slot) {
                pipe.filter = None;
            }
        }
        self.io.near.changed = true;
    }
}

impl<E: Env> Pump<E> {
    /// A peer near its high-water mark has taken something.
    pub(in crate::pump) fn tell_room(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get(slot) else {
            return;
        };
        let Some(socket) = pipe.socket else {
            return;
        };
        let limit = self.sockets.get(socket).map_or(0, |socket| socket.io.limit);
        if pipe.is_roomy(limit, true) {
            self.send_later(socket);
        }
    }

    /// Finds the peers that are near after the high-water marks have changed.
    pub(in crate::pump) fn find_near_full(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        for &pipe in &socket.pipes {
            if let Some(found) = self.pipes.get_mut(pipe).filter(|pipe| pipe.attached) {
                socket.io.near.note(pipe, found);
            }
        }
    }

    /// Tells senders which peers are near their high-water marks, and releases the messages sent to
    /// those.
    pub(in crate::pump) fn settle_near(&mut self, slot: usize) {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return;
        };
        let io = &mut socket.io;
        if !(io.near.told || !io.near.pipes.is_empty() || !io.near.kept.is_empty()) {
            return;
        }
        let Some(inward) = socket.ports.inward() else {
            return;
        };
        let above = io.near.above;
        let mut peers = Vec::with_capacity(io.near.pipes.len() + io.near.kept.len());
        io.near.pipes.sort_unstable();
        io.near.pipes.retain(|&(serial, place)| {
            let pipe = self.pipes.get_mut(place);
            let Some(pipe) = pipe.filter(|pipe| pipe.serial == serial && pipe.socket == Some(slot))
            else {
                return false;
            };
            let held = pipe.held();
            pipe.near = pipe.attached && above.is_some_and(|above| held > above);
            if !pipe.near {
                return false;
            }
            let filter = pipe.filter.get_or_insert_with(|| {
                Arc::new(Filter::new(socket.pattern.interest(PeerId(place as u32))))
            });
            peers.push(NearPeer {
                id: serial,
                held,
                wants: Arc::clone(filter) as Arc<dyn Wants<Message>>,
            });
            true
        });
        if above.is_none() {
            io.near.kept.clear();
        }
        peers.extend(io.near.kept.iter().map(|kept| NearPeer {
            id: kept.id,
            held: kept.messages,
            wants: Arc::clone(&kept.filter) as Arc<dyn Wants<Message>>,
        }));
        io.near.told = !peers.is_empty();
        inward.settle_near(std::mem::take(&mut io.credits.released), io.limit, peers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_their_patterns_do() {
        let mut random = 7u64;
        let mut below = |limit: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            (random >> 33) as usize % limit
        };
        // Few distinct bytes, so that prefixes share parts, split and repeat.
        let mut text = |longest: usize| -> Vec<u8> {
            let length = below(longest + 1);
            (0..length).map(|_| [0, b'a', 255][below(3)]).collect()
        };
        for _ in 0..500 {
            let names: Vec<Vec<u8>> = (0..5).map(|_| text(4)).collect();
            let frames: Vec<Frame> = names.iter().map(|name| name[..].into()).collect();
            let filter = |make: fn(Vec<Frame>) -> Interest| Filter::new(Some(make(frames.clone())));
            let prefixes = filter(Interest::Prefixes);
            let others = filter(Interest::OtherThan);
            let groups = filter(Interest::Groups);
            for _ in 0..20 {
                let topic = text(6);
                let message = Message::from([Frame::from(&topic[..]), "body".into()]);
                let begins = names.iter().any(|name| topic.starts_with(name));
                assert_eq!(prefixes.wants(&message), begins, "{names:?} {topic:?}");
                assert_eq!(others.wants(&message), !begins, "{names:?} {topic:?}");
                let is_one = names.contains(&topic);
                assert_eq!(groups.wants(&message), is_one, "{names:?} {topic:?}");
            }
        }
        assert!(!Filter::new(None).wants(&"a".into()));
        let name = Filter::new(Some(Interest::Name("a".into())));
        assert!(name.wants(&["a", "b"].into()) && !name.wants(&["ab", "b"].into()));
        assert!(!name.wants(&Message::new()));
    }
}
