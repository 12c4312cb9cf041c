//! What is known of each message, and what must hold at any time.

use super::member::{body, topic, Sent};
use super::*;

/// The last message of a sender that came over a connection, and the number of connections that the
/// receiver had lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    number: usize,
    losses: u64,
}

/// The last messages, by connection and sender.
pub(super) type Order = HashMap<(Option<u64>, usize), Last>;

impl World {
    /// A message was accepted.
    pub(super) fn accepted(&mut self, from: usize, to: Option<usize>) {
        let member = &mut self.members[from];
        member.read_events();
        let losses = member.told.losses;
        member.sent.push(Sent {
            to,
            losses,
            received_by: Vec::new(),
        });
    }

    /// Receives one message; false if there is none.
    pub(super) fn take(&mut self, at: usize) -> bool {
        let receiver = self.members[at].sock.receiver.as_ref();
        let Some(Ok(message)) = receiver.map(Receiver::try_recv) else {
            return false;
        };
        self.received(at, message);
        true
    }

    /// A message was received: it is what its sender sent, and comes when it should.
    pub(super) fn received(&mut self, at: usize, mut message: Message) {
        let connection = message.peer().map(|peer| peer.connection);
        let member = &mut self.members[at];
        member.taken += 1;
        member.read_events();
        if member.kind == SocketType::XPub {
            assert!(message[0][0] <= 1, "not a subscription: {message:?}");
            return;
        }
        let name = member.kind.addresses_peers().then(|| message.pop_front());
        if member.faces_req() {
            assert_eq!(message.pop_front().as_deref(), Some(&b""[..]));
        }
        let (origin, number) = self.origin(&message, at);
        self.note(|| format!("{at} has message {number} of {origin} by {connection:?}"));
        if let Some(Some(name)) = name {
            let peers = &mut self.members[at].peers;
            if !peers.iter().any(|(other, _)| *other == name) {
                peers.push((name.clone(), origin));
            }
            let known = peers.iter().find(|(other, _)| *other == name);
            assert_eq!(known, Some(&(name, origin)), "the name of another peer");
        }
        self.check_order(at, connection, origin, number);
        let published = self.members[origin].publishes();
        let sent = &mut self.members[origin].sent[number];
        assert!(
            !sent.received_by.contains(&at) && (published || sent.received_by.is_empty()),
            "message {number} of {origin} came to {at} after {:?}",
            sent.received_by
        );
        sent.received_by.push(at);
        let to = sent.to;
        assert!(to.is_none_or(|to| to == at), "it was sent to {to:?}");
        if published && self.members[at].kind != SocketType::XSub {
            let topic = topic(number as u64);
            let all = &self.members[at].subscriptions;
            let is_dish = self.members[at].kind == SocketType::Dish;
            let fits = |wanted: &&str| match is_dish {
                true => topic == *wanted,
                false => topic.starts_with(wanted),
            };
            assert!(all.iter().any(fits), "{topic} for {all:?}");
        }
        if self.members[at].replies() {
            self.members[at].owes.push_back(origin);
            self.reply(at);
        }
    }

    /// The sender and the number of a message, which is whole.
    fn origin(&self, message: &Message, at: usize) -> (usize, usize) {
        let published = matches!(
            self.members[at].kind,
            SocketType::Sub | SocketType::XSub | SocketType::Dish
        );
        let header = &message[usize::from(published)];
        let part = |from| u64::from_be_bytes(header[from..from + 8].try_into().unwrap()) as usize;
        let (origin, number) = (part(0), part(8));
        let whole = body(self.members[origin].kind, origin, number as u64);
        assert_eq!(*message, whole, "message {number} of {origin} is not whole");
        assert!(
            number < self.members[origin].sent.len(),
            "message {number} of {origin} was not sent"
        );
        (origin, number)
    }

    fn check_order(&mut self, at: usize, connection: Option<u64>, origin: usize, number: usize) {
        let receiver_lost = self.members[at].told.losses;
        self.members[origin].read_events();
        let told = &self.members[origin].told;
        let before = self.members[origin].sent[number].losses;
        // It may have gone to a peer that was lost, while later messages went to another.
        let may_return = told.losses > before && told.several_at >= Some(before);
        let key = (connection, origin);
        let previous = self.members[at]
            .order
            .get(&key)
            .map_or(number, |last| last.number);
        let first = self.members[origin].sent[number.min(previous)].losses;
        let sender_lost = self.members[origin].told.losses != first;
        let order = &mut self.members[at].order;
        let last = order.entry(key).or_insert(Last {
            number,
            losses: receiver_lost,
        });
        // Without its number, a message may be from another connection than the one before it. The sender may
        // have lost or ended that one, and the receiver not read its end yet.
        let same = connection.is_some() || last.losses == receiver_lost && !sender_lost;
        assert!(
            last.number <= number || !same || may_return,
            "at {at}, message {number} of {origin} came after {} by {connection:?}",
            last.number
        );
        *last = Last {
            number,
            losses: receiver_lost,
        };
    }

    /// What holds after every step.
    pub(super) fn check(&mut self) {
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            member.read_events();
            let pump = &mut self.sim.pumps[member.sock.pump];
            let found = pump.find(member.sock.socket);
            let (now, most) = member.told.take_peers();
            let waiting = member.sock.receiver.as_ref().map_or(0, Receiver::len);
            member.send_limit.see(most);
            member.receive_limit.see(most);
            let limit = member.receive_limit.messages();
            assert!(
                waiting <= limit,
                "{waiting} messages in the `out` of {at}, with {limit}"
            );
            if waiting == 0 {
                member.receive_limit.peers = now.max(1);
            }
            if let Some(slot) = found.filter(|_| self.random.below(8) == 0) {
                let statistics = pump.statistics(slot).unwrap();
                member.check_marks(&statistics, now);
            }
        }
    }
}

impl Member {
    /// The marks are kept for what is to be sent.
    fn check_marks(&mut self, statistics: &Statistics, peers: usize) {
        // Under a policy that drops, a queue for the peer comes after `in`, and what is being written
        // cannot be dropped.
        let is_lossy = self.options.queues.send_overflow != Overflow::Block;
        let (times, more) = if is_lossy { (2, 1) } else { (1, 0) };
        if self.shares() {
            let limit = self.send_limit.messages().saturating_mul(times);
            let (queued, limit) = (statistics.queued_out, limit.saturating_add(more));
            assert!(
                queued <= limit,
                "{}: {queued} to be sent, with {limit}",
                self.kind
            );
        }
        if statistics.queued_out == 0 {
            self.send_limit.peers = peers.max(1);
        }
        // What an inproc peer has room for counts as queued for it until its pump takes it.
        let is_inproc = |endpoint: &Endpoint| endpoint.inproc_name().is_some();
        let peers = statistics.peers.iter();
        for peer in peers.filter(|peer| !peer.remote.as_ref().is_some_and(is_inproc)) {
            let mut limit = self.send_limit.mark.saturating_add(more);
            if self.options.publishing.xpub_no_drop {
                // What was accepted before the peer subscribed to it goes to it as well.
                limit = limit.saturating_add(limit / 2);
            }
            assert!(
                peer.queued <= limit,
                "{}: {} for a peer, with {limit}",
                self.kind,
                peer.queued
            );
        }
    }
}
