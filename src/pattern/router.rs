//! ROUTER: each message to the peer it names, and each peer's messages under its name (RFC 28).

use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::options::{Notify, Options};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

use super::routing_table::RoutingTable;
use super::{
    pass, waits_for_peers, Admission, Drop, Interest, Outlet, Pattern, PeerId, PeerIntro, Rejected,
    Verdict, Violation,
};

/// A name that is taken is not given twice: the newcomer is rejected, or with
/// `ZMQ_ROUTER_HANDOVER` the peer that had it. What is sent to a name that no peer has is dropped;
/// so is what its peer cannot take now, unless with `ZMQ_ROUTER_MANDATORY` senders wait for it.
pub(super) struct Router {
    table: RoutingTable,
    /// Senders wait for peers that are full.
    admits: bool,
    handover: bool,
    notify: Notify,
}

impl Router {
    /// Names for peers without one count on from `start`.
    pub(super) fn new(options: &Options, start: u32) -> Self {
        Router {
            table: RoutingTable::new(start, options),
            admits: waits_for_peers(SocketType::Router, options),
            handover: options.routing.router_handover,
            notify: options.routing.router_notify,
        }
    }

    /// Tells the user that a peer came.
    fn tell_joined(&self, name: Frame, outlet: &mut dyn Outlet) {
        match self.notify {
            Notify::Connects | Notify::Both => outlet.deliver([name, Frame::empty()].into()),
            Notify::Never | Notify::Disconnects => {}
        }
    }

    /// Tells the user that a peer is gone.
    fn tell_left(&self, name: Frame, outlet: &mut dyn Outlet) {
        match self.notify {
            Notify::Disconnects | Notify::Both => outlet.deliver([name, Frame::empty()].into()),
            Notify::Never | Notify::Connects => {}
        }
    }
}

impl Pattern for Router {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        if let Some(alias) = &intro.alias {
            self.table.enter_reserved(peer, alias, outlet)?;
            self.tell_joined(alias.clone(), outlet);
            return Ok(());
        }
        let name = match &intro.routing_id[..] {
            // Names that start with a zero byte are for those who have none.
            [0, ..] => return Err(Rejected),
            [] => self.table.number(five_bytes),
            name if name.len() > RoutingId::MAX_BYTES => return Err(Rejected),
            _ => intro.routing_id.clone(),
        };
        let displaced = self
            .table
            .enter(peer, name.clone(), self.handover, outlet)?;
        if let Some(old) = displaced {
            outlet.disconnect(old);
            // Now, and not when it has gone: then the name would be the newcomer's.
            self.tell_left(name.clone(), outlet);
        }
        self.tell_joined(name, outlet);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        if let Some(name) = self.table.leave(peer, outlet) {
            self.tell_left(name, outlet);
        }
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        match self.table.name(peer) {
            Some(name) => {
                message.push_front(name);
                pass(message)
            }
            // Another peer has taken its name over.
            None => Ok(Admission::Drop(Drop::Unasked)),
        }
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        match message.len() {
            0 => Verdict::Refused(Refusal::NoFrames),
            // A name alone is no message.
            1 => Verdict::Dropped(Drop::Malformed),
            _ => self.table.send(message, self.admits, outlet),
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
            Some(name) => name.frame().clone(),
            None => self.table.number(five_bytes),
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
        self.admits = waits_for_peers(SocketType::Router, options);
        self.handover = options.routing.router_handover;
        self.notify = options.routing.router_notify;
    }
}

/// The name of a peer without one: zero and a number (RFC 28, "The ROUTER Socket Type").
fn five_bytes(number: u32) -> Frame {
    let [a, b, c, d] = number.to_be_bytes();
    Frame::from([0, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Calls, Given, Heard, Recorder};
    use super::*;
    use crate::options::Overflow;

    fn router() -> Router {
        Router::new(&Options::new(), 0)
    }

    fn named(router: &mut Router, peer: u32, name: impl Into<Frame>) -> Result<(), Rejected> {
        let intro = PeerIntro {
            socket_type: None,
            routing_id: name.into(),
            alias: None,
            dialer: None,
        };
        router.attach(PeerId(peer), &intro, &mut Recorder::default())
    }

    fn hear(router: &mut Router, peer: u32, message: impl Into<Message>) -> Message {
        let mut outlet = Recorder::default();
        let heard = Heard::Message(message.into());
        router.hear(PeerId(peer), heard, &mut outlet).unwrap();
        outlet.delivered.remove(0)
    }

    #[test]
    fn names_address_peers_in_both_directions() {
        let mut outlet = Recorder::default();
        let mut router = router();
        named(&mut router, 1, "one").unwrap();
        named(&mut router, 2, vec![2; 255]).unwrap();
        let from_one = hear(&mut router, 1, ["", "a"]);
        assert_eq!(from_one, Message::from(["one", "", "a"]));
        let from_two = hear(&mut router, 2, "b");
        assert_eq!(from_two[0], vec![2; 255]);
        assert!(matches!(router.give(from_two, &mut outlet), Given::Sent));
        assert!(matches!(router.give(from_one, &mut outlet), Given::Sent));
        assert_eq!(outlet.take_sent(), [(2, "b".into()), (1, ["", "a"].into())]);
    }

    #[test]
    fn peers_without_a_name_get_a_generated_one() {
        let mut outlet = Recorder::default();
        let mut router = Router::new(&Options::new(), u32::MAX - 1);
        attach(&mut router, &[1], &mut outlet);
        // All numbers have been given once.
        router.table.recount(u32::MAX - 1);
        attach(&mut router, &[2, 3], &mut outlet);
        let names = [1, 2, 3].map(|peer| hear(&mut router, peer, "x")[0].clone());
        let expected = [[0, 255, 255, 255, 255], [0, 0, 0, 0, 1], [0, 0, 0, 0, 2]];
        assert_eq!(names, expected.map(Frame::from));
    }

    #[test]
    fn names_in_use_and_malformed_names_are_rejected() {
        let mut router = router();
        named(&mut router, 1, "one").unwrap();
        for name in [b"one".to_vec(), vec![0], vec![0, 0, 0, 0, 1], vec![1; 256]] {
            assert_eq!(named(&mut router, 2, name), Err(Rejected));
        }
        // Who was not let in takes nothing along.
        router.detach(PeerId(2), &mut Recorder::default());
        assert_eq!(hear(&mut router, 1, "x")[0], "one");
        router.detach(PeerId(1), &mut Recorder::default());
        assert_eq!(named(&mut router, 2, "one"), Ok(()));
    }

    #[test]
    fn messages_that_cannot_be_sent_are_dropped() {
        let mut outlet = Recorder::default();
        let mut router = router();
        named(&mut router, 1, "one").unwrap();
        let given = router.give(["two", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        let given = router.give("one".into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::Malformed)));
        let given = router.give(Message::new(), &mut outlet);
        assert!(matches!(given, Given::Refused(_, Refusal::NoFrames)));
        outlet.full.insert(PeerId(1));
        let given = router.give(["one", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerFull)));
    }

    fn aliased(
        router: &mut Router,
        peer: u32,
        alias: &str,
        outlet: &mut Recorder,
    ) -> Result<(), Rejected> {
        let intro = PeerIntro {
            socket_type: None,
            routing_id: "its own".into(),
            alias: Some(alias.into()),
            dialer: None,
        };
        router.attach(PeerId(peer), &intro, outlet)
    }

    fn id(name: &str) -> RoutingId {
        RoutingId::new(name).unwrap()
    }

    #[test]
    fn the_interest_of_a_peer_is_its_name() {
        let mut outlet = Recorder::default();
        let options = Options::new().router_mandatory(true).router_handover(true);
        let mut router = Router::new(&options, 0);
        named(&mut router, 1, "one").unwrap();
        let one = || Some(Interest::Name("one".into()));
        assert_eq!(router.interest(PeerId(1)), one());
        let intro = PeerIntro {
            routing_id: "one".into(),
            ..super::super::tests::intro()
        };
        router.attach(PeerId(2), &intro, &mut outlet).unwrap();
        assert_eq!(outlet.changed, [PeerId(1)], "it has lost its name");
        assert_eq!(router.interest(PeerId(1)), None);
        assert_eq!(router.interest(PeerId(2)), one());
        // Where senders do not wait for it, it misses what it cannot take.
        router.configure(&Options::new(), &mut outlet);
        outlet.full.insert(PeerId(2));
        let given = router.give(["one", "c"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerFull)));
    }

    #[test]
    fn with_handover_a_new_peer_takes_a_name_over() {
        let mut outlet = Recorder::default();
        let options = Options::new()
            .router_handover(true)
            .router_notify(Notify::Both);
        let mut router = Router::new(&options, 0);
        let join = |router: &mut Router, peer, outlet: &mut Recorder| {
            let intro = PeerIntro {
                routing_id: "one".into(),
                ..super::super::tests::intro()
            };
            router.attach(PeerId(peer), &intro, outlet)
        };
        join(&mut router, 1, &mut outlet).unwrap();
        join(&mut router, 2, &mut outlet).unwrap();
        assert_eq!(outlet.disconnected, [PeerId(1)]);
        assert_eq!(outlet.routes.len(), 1);
        assert_eq!(outlet.delivered.len(), 3, "came, went, came");
        let heard = router.hear(PeerId(1), Heard::Message("late".into()), &mut outlet);
        assert_eq!((heard, outlet.delivered.len()), (Ok(()), 3));
        router.detach(PeerId(1), &mut outlet);
        assert_eq!(outlet.delivered.len(), 3);
        assert!(matches!(
            router.give(["one", "a"].into(), &mut outlet),
            Given::Sent
        ));
        assert_eq!(outlet.take_sent(), [(2, "a".into())]);
        router.detach(PeerId(2), &mut outlet);
        assert_eq!(outlet.delivered, vec![Message::from(["one", ""]); 4]);
        assert!(router.table.is_empty() && outlet.routes.is_empty());
    }

    #[test]
    fn messages_to_a_reserved_name_are_kept_up_to_the_mark() {
        let mut outlet = Recorder::default();
        let mut router = Router::new(&Options::new().send_high_water_mark(2), 0);
        assert_eq!(router.reserve(Some(&id("x")), &mut outlet), Some(id("x")));
        assert_eq!(router.reserve(Some(&id("x")), &mut outlet), None);
        assert_eq!(named(&mut router, 1, "x"), Err(Rejected));
        for text in ["a", "b"] {
            assert!(matches!(
                router.give(["x", text].into(), &mut outlet),
                Given::Sent
            ));
        }
        let given = router.give(["x", "c"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerFull)));
        assert_eq!((router.kept(), router.find(&id("x"))), (2, None));

        assert_eq!(aliased(&mut router, 3, "y", &mut outlet), Err(Rejected));
        aliased(&mut router, 3, "x", &mut outlet).unwrap();
        assert_eq!(aliased(&mut router, 4, "x", &mut outlet), Err(Rejected));
        assert_eq!(outlet.take_sent(), [(3, "a".into()), (3, "b".into())]);
        assert_eq!((router.kept(), router.find(&id("x"))), (0, Some(PeerId(3))));
        assert_eq!(hear(&mut router, 3, "d"), Message::from(["x", "d"]));

        // It is lost with two messages, and comes back under another slot.
        let mut unsent = vec![Message::from("e"), "f".into()];
        router.keep(PeerId(3), &mut unsent);
        router.detach(PeerId(3), &mut outlet);
        assert!(unsent.is_empty() && outlet.routes.contains(&Frame::from("x")));
        aliased(&mut router, 5, "x", &mut outlet).unwrap();
        assert_eq!(outlet.take_sent(), [(5, "e".into()), (5, "f".into())]);
        router.detach(PeerId(5), &mut outlet);
        assert!(matches!(
            router.give(["x", "g"].into(), &mut outlet),
            Given::Sent
        ));
        router.release(&id("x"), &mut outlet);
        assert_eq!(outlet.drops, [(Drop::PeerGone, 1)]);
        assert!(router.table.is_empty() && outlet.routes.is_empty());
    }

    #[test]
    fn messages_kept_for_a_reserved_name_obey_the_policy() {
        let policies = [
            (Overflow::DropNewest, &["a", "b"][..], Drop::PeerFull),
            (Overflow::DropOldest, &["c", "d"], Drop::Overflow),
            (Overflow::Latest, &["d"], Drop::Overflow),
        ];
        for (policy, kept, reason) in policies {
            let mut outlet = Recorder::default();
            let options = Options::new().send_high_water_mark(2).send_overflow(policy);
            let mut router = Router::new(&options, 0);
            router.reserve(Some(&id("x")), &mut outlet);
            let mut lost = 0;
            for text in ["a", "b", "c", "d"] {
                let given = router.give(["x", text].into(), &mut outlet);
                lost += usize::from(matches!(given, Given::Dropped(why) if why == reason));
            }
            lost += outlet.drops.len();
            assert_eq!((lost, router.kept()), (4 - kept.len(), kept.len()));
            assert!(outlet.drops.iter().all(|&drop| drop == (reason, 1)));
            aliased(&mut router, 3, "x", &mut outlet).unwrap();
            let expected: Vec<_> = kept.iter().map(|&text| (3, text.into())).collect();
            assert_eq!(outlet.take_sent(), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_released_name_ends_with_its_peer() {
        let mut outlet = Recorder::default();
        let mut router = router();
        router.reserve(Some(&id("x")), &mut outlet);
        aliased(&mut router, 3, "x", &mut outlet).unwrap();
        router.release(&id("x"), &mut outlet);
        let mut unsent = vec![Message::from("a")];
        router.keep(PeerId(3), &mut unsent);
        assert_eq!(unsent.len(), 1, "it is not expected back");
        router.detach(PeerId(3), &mut outlet);
        assert!(router.table.is_empty() && outlet.routes.is_empty());
        let made_up = router.reserve(None, &mut outlet).unwrap();
        assert_eq!(made_up.as_bytes().len(), 5);
    }

    #[test]
    fn a_reused_slot_has_a_new_name() {
        let mut outlet = Recorder::default();
        let mut router = router();
        named(&mut router, 1, "old").unwrap();
        router.detach(PeerId(1), &mut outlet);
        named(&mut router, 1, "new").unwrap();
        let given = router.give(["old", "a"].into(), &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        assert_eq!(hear(&mut router, 1, "x")[0], "new");
        router.detach(PeerId(1), &mut outlet);
        assert!(router.table.is_empty() && outlet.routes.is_empty());
    }
}
