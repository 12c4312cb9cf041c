//! SERVER and PEER: each message to the peer whose number it bears, and each peer's messages under
//! its number (RFC 41, RFC 51).

use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::options::Options;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

use super::routing_table::RoutingTable;
use super::{
    waits_for_peers, Admission, Drop, Interest, Outlet, Parts, Pattern, PeerId, PeerIntro,
    Rejected, Verdict, Violation,
};

/// The number is a frame of four bytes in front of the payload of one frame: only between the
/// user and us, never on the wire. Senders wait for a peer that is full.
pub(super) struct Server {
    table: RoutingTable,
    /// Senders wait for peers that are full.
    admits: bool,
}

impl Server {
    /// Peers are numbered on from `start`.
    pub(super) fn new(options: &Options, start: u32) -> Self {
        Server {
            table: RoutingTable::new(start, options),
            admits: waits_for_peers(SocketType::Server, options),
        }
    }
}

impl Pattern for Server {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        match &intro.alias {
            Some(alias) => self.table.enter_reserved(peer, alias, outlet),
            None => {
                let number = self.table.number(four_bytes);
                self.table.enter(peer, number, false, outlet).map(|_| ())
            }
        }
    }

    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.table.leave(peer, outlet);
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        let admission = Parts::One.pass(message)?;
        match self.table.name(peer) {
            Some(number) => {
                if admission == Admission::Deliver {
                    message.push_front(number);
                }
                Ok(admission)
            }
            None => Ok(Admission::Drop(Drop::Unasked)),
        }
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        match message.len() {
            0 => Verdict::Refused(Refusal::NoFrames),
            2 => self.table.send(message, self.admits, outlet),
            _ => Verdict::Refused(Refusal::FrameCount { expected: 2 }),
        }
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn interest(&self, peer: PeerId) -> Option<Interest> {
        self.table.interest(peer)
    }

    fn reserve(&mut self, name: Option<&RoutingId>, outlet: &mut dyn Outlet) -> Option<RoutingId> {
        let name = match name {
            Some(name) => {
                // Zero is no number of a peer.
                name.as_u32().filter(|&number| number > 0)?;
                name.frame().clone()
            }
            None => self.table.number(four_bytes),
        };
        let free = self.table.reserve(&name, outlet);
        RoutingId::new(name).ok().filter(|_| free)
    }

    fn release(&mut self, name: &RoutingId, outlet: &mut dyn Outlet) {
        self.table.release(name.frame(), outlet);
    }

    fn name(&self, peer: PeerId) -> Option<RoutingId> {
        self.table.id(peer)
    }

    fn find(&self, name: &RoutingId) -> Option<PeerId> {
        self.table.find(name)
    }

    fn keep(&mut self, peer: PeerId, unsent: &mut Vec<Message>) {
        self.table.keep(peer, unsent);
    }

    fn kept(&self) -> usize {
        self.table.kept()
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.table.configure(options);
    }
}

fn four_bytes(number: u32) -> Frame {
    RoutingId::from(number).into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::*;
    use crate::options::Overflow;

    fn to(number: u32, text: &str) -> Message {
        Message::to(RoutingId::from(number), text)
    }

    #[test]
    fn numbers_address_peers_in_both_directions() {
        let mut outlet = Recorder::default();
        let mut server = Server::new(&Options::new(), 6);
        attach(&mut server, &[1, 2], &mut outlet);
        for (peer, text) in [(1, "a"), (2, "b")] {
            let heard = Heard::Message(text.into());
            server.hear(PeerId(peer), heard, &mut outlet).unwrap();
        }
        assert_eq!(outlet.delivered, [to(7, "a"), to(8, "b")]);
        for message in [to(8, "B"), to(7, "A")] {
            assert!(matches!(server.give(message, &mut outlet), Given::Sent));
        }
        assert_eq!(outlet.take_sent(), [(2, "B".into()), (1, "A".into())]);
        let given = server.give(to(9, "?"), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        let given = server.give(["a", "b", "c"].into(), &mut outlet);
        assert!(matches!(
            given,
            Given::Refused(_, Refusal::FrameCount { expected: 2 })
        ));
    }

    #[test]
    fn generated_numbers_are_never_zero_and_never_reused() {
        let mut outlet = Recorder::default();
        let mut server = Server::new(&Options::new(), u32::MAX - 1);
        let one = RoutingId::from(1);
        assert_eq!(server.reserve(Some(&one), &mut outlet), Some(one));
        for name in [RoutingId::from(0), RoutingId::new("anna!").unwrap()] {
            assert_eq!(server.reserve(Some(&name), &mut outlet), None);
        }
        attach(&mut server, &[1, 2], &mut outlet);
        for number in [u32::MAX, 1, 2] {
            assert!(outlet.routes.remove(&four_bytes(number)));
        }
        assert!(outlet.routes.is_empty());
    }

    #[test]
    fn a_full_peer_misses_messages_only_under_a_policy_that_drops() {
        let mut outlet = Recorder::default();
        let mut server = Server::new(&Options::new().send_overflow(Overflow::DropNewest), 0);
        attach(&mut server, &[1], &mut outlet);
        let number = Frame::from(RoutingId::from(1));
        assert_eq!(server.interest(PeerId(1)), Some(Interest::Name(number)));
        outlet.full.insert(PeerId(1));
        let given = server.give(to(1, "a"), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerFull)));
        server.detach(PeerId(1), &mut outlet);
        assert_eq!(server.interest(PeerId(1)), None);
        // What is admitted has a place, though the mark is reached.
        let options = Options::new().send_high_water_mark(1);
        for (admits, policy) in [(false, Overflow::DropNewest), (true, Overflow::Block)] {
            let mut server = Server::new(&options.clone().send_overflow(policy), 0);
            let one = RoutingId::from(1);
            server.reserve(Some(&one), &mut outlet);
            let given = [(); 2].map(|()| server.give(to(1, "a"), &mut outlet));
            assert!(matches!(given[0], Given::Sent));
            assert_eq!(matches!(given[1], Given::Sent), admits);
            let kept = usize::from(admits) + 1;
            assert_eq!(server.kept(), kept);
            assert_eq!(outlet.kept[one.frame()], kept);
        }
    }
}
