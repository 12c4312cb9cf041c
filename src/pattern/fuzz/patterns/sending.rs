//! What the user sends, to whom it goes, and what holds after every step.

use super::*;

impl World {
    /// Sends again what was given back; then the user sends.
    pub(super) fn send(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        while !self.unsent.is_empty() {
            let message = self.unsent.remove(0);
            if !self.submit(message.clone(), true) {
                self.unsent.insert(0, message);
                return Ok(());
            }
        }
        let number = (self.given.len() as u32).to_be_bytes();
        let body = Frame::from([OURS, number[1], number[2], number[3]]);
        let mut message = match self.kind {
            SocketType::Router | SocketType::Server | SocketType::Peer | SocketType::Stream => {
                let slot = PeerId(input.int_in_range(0..=SLOTS as u32)?);
                let name = match self.pattern.name(slot) {
                    Some(name) => Frame::from(name),
                    None => Frame::from(*input.choose(&NAMES)?),
                };
                Message::from([name, body])
            }
            SocketType::Pub | SocketType::XPub | SocketType::Radio => {
                Message::from([Frame::from(*input.choose(&TOPICS)?), body])
            }
            kind if kind.takes_one_frame() || input.arbitrary()? => Message::from(body),
            _ => Message::from(["a".into(), body]),
        };
        let number = self.given.len() as u64;
        message.set_tag(match self.kind {
            // A call's, which waits for its reply, or of one who has to wait.
            SocketType::Req if input.arbitrary()? => number + 1,
            SocketType::Req => numbered(number),
            SocketType::Rep => input
                .choose_iter(self.requests.iter())
                .map_or(0, |request| request.tag),
            SocketType::XPub => input.choose(&self.tags).copied().unwrap_or_default(),
            _ => 0,
        });
        // Types that block are not given it.
        if input.ratio(1, 32)? && !self.pattern.requeues() {
            message = Message::new();
        }
        self.given.push(message.clone());
        self.submit(message, false);
        Ok(())
    }

    /// Submits a message; returns whether the pattern took it.
    fn submit(&mut self, message: Message, again: bool) -> bool {
        let is_call = self.kind == SocketType::Req && message.belongs_to_a_call();
        let was_blocked = self.pattern.is_blocked() && !is_call;
        let first = message.first().cloned().unwrap_or_default();
        let named = RoutingId::new(&first)
            .ok()
            .and_then(|name| self.pattern.find(&name));
        let interests = self.interests();
        assert!(self.outlet.sent.is_empty());
        let given = self.pattern.give(message.clone(), &mut self.outlet);
        let sent = std::mem::take(&mut self.outlet.sent);
        let is_sent = matches!(given, Given::Sent);
        assert!(is_sent || sent.is_empty(), "{given:?} and sent");
        assert!(!(is_sent && was_blocked), "every message is returned");
        match given {
            Given::Blocked(returned) => {
                assert_eq!(
                    (&returned, returned.tag()),
                    (&message, message.tag()),
                    "unchanged"
                );
                assert!(is_call || self.pattern.is_blocked());
                assert!(
                    !self.pattern.buffers_per_peer(),
                    "a slow peer delays others"
                );
                return false;
            }
            Given::Refused(returned, _) => {
                assert_eq!(
                    (&returned, returned.tag()),
                    (&message, message.tag()),
                    "unchanged"
                );
            }
            Given::Sent if self.pattern.requeues() => assert_eq!(sent.len(), 1, "to one peer"),
            Given::Sent | Given::Dropped(_) => {}
        }
        self.check_audience(&first, &sent, &interests, named, is_sent);
        if self.kind == SocketType::Rep {
            self.check_reply(&message, &sent);
        }
        for (peer, message) in sent {
            self.note(peer, message, again);
        }
        true
    }

    /// A message goes to those peers that are interested in it.
    fn check_audience(
        &self,
        first: &Frame,
        sent: &[(PeerId, Message)],
        interests: &[Option<Interest>; SLOTS],
        named: Option<PeerId>,
        is_sent: bool,
    ) {
        let matches = |interest: &Interest| match interest {
            Interest::Name(name) => name == first,
            Interest::Prefixes(prefixes) => prefixes.iter().any(|prefix| first.starts_with(prefix)),
            Interest::OtherThan(prefixes) => {
                !prefixes.iter().any(|prefix| first.starts_with(prefix))
            }
            Interest::Groups(groups) => groups.contains(first),
        };
        let tells_last = self.options.publishing.xpub_manual == ManualSubscriptions::LastValue;
        let is_for_all = match self.kind {
            SocketType::Pub | SocketType::Radio => true,
            SocketType::XPub => !tells_last,
            SocketType::Router | SocketType::Server | SocketType::Peer | SocketType::Stream => {
                assert!(sent.iter().all(|(peer, _)| Some(*peer) == named));
                false
            }
            _ => return,
        };
        for (slot, interest) in interests.iter().enumerate() {
            let peer = PeerId(slot as u32);
            let times = sent.iter().filter(|(to, _)| *to == peer).count();
            let wanted = interest.as_ref().is_some_and(matches);
            assert!(
                times <= usize::from(wanted),
                "{peer:?} was sent {first:?} {times} times"
            );
            let has_room = !self.outlet.full.contains(&peer);
            assert!(
                !(is_for_all && is_sent && wanted && has_room) || times == 1,
                "{peer:?} missed it"
            );
        }
    }

    /// A reply goes to the peer that asked, once.
    fn check_reply(&mut self, message: &Message, sent: &[(PeerId, Message)]) {
        let asked = self
            .requests
            .iter_mut()
            .find(|request| request.tag == message.tag());
        let Some(request) = asked.filter(|_| message.tag() != 0) else {
            return assert!(sent.is_empty());
        };
        let (id, number) = request.peer;
        let is_there = self.peers[id.0 as usize]
            .as_ref()
            .is_some_and(|peer| peer.number == number);
        let is_due =
            request.is_open && is_there && !message.is_empty() && !self.outlet.full.contains(&id);
        request.is_open = false;
        assert_eq!(sent.len(), usize::from(is_due));
        assert!(sent.iter().all(|(to, _)| *to == id));
    }

    /// A message was sent to a peer: an attached one, in order, and once.
    fn note(&mut self, id: PeerId, message: Message, again: bool) {
        let Some(peer) = &mut self.peers[id.0 as usize] else {
            panic!("{id:?} is not attached");
        };
        if let Some(number) = number(&message) {
            // What was given back is sent behind later ones.
            assert!(
                again || number > peer.last || peer.last == 0,
                "out of order"
            );
            peer.last = peer.last.max(number);
            let times = self.out.entry(number).or_default();
            *times += 1;
            let copies = matches!(
                self.kind,
                SocketType::Pub | SocketType::XPub | SocketType::XSub | SocketType::Radio
            );
            assert!(copies || *times == 1, "sent twice");
        }
        peer.sent.push(message);
    }

    pub(super) fn interests(&self) -> [Option<Interest>; SLOTS] {
        std::array::from_fn(|slot| {
            let is_attached = self.peers[slot].is_some();
            is_attached.then(|| self.pattern.interest(PeerId(slot as u32)))?
        })
    }

    /// What changed of them was reported. Their order means nothing.
    pub(super) fn check_interests(&self, before: &[Option<Interest>; SLOTS]) {
        let ordered = |interest: &Option<Interest>| {
            let mut interest = interest.clone();
            if let Some(
                Interest::Prefixes(list) | Interest::OtherThan(list) | Interest::Groups(list),
            ) = &mut interest
            {
                list.sort_by(|one, other| one[..].cmp(&other[..]));
            }
            interest
        };
        for (slot, now) in self.interests().iter().enumerate() {
            let id = PeerId(slot as u32);
            let is_new = before[slot].is_none();
            if !is_new && ordered(now) != ordered(&before[slot]) {
                assert!(
                    self.outlet.changed.contains(&id),
                    "{id:?} has another interest"
                );
            }
        }
    }

    /// What holds after each call.
    pub(super) fn check(&mut self) {
        let outlet = &mut self.outlet;
        let sent = std::mem::take(&mut outlet.sent);
        let commands = std::mem::take(&mut outlet.commands);
        let ended = std::mem::take(&mut outlet.disconnected);
        let told = commands.iter().map(|(peer, _)| *peer).chain(ended);
        for peer in told {
            assert!(
                self.peers[peer.0 as usize].is_some(),
                "{peer:?} is not attached"
            );
        }
        outlet.changed.clear();
        outlet.delivered.clear();
        outlet.missed.clear();
        for (peer, message) in sent {
            self.note(peer, message, false);
        }
        let kept: usize = self.outlet.kept.values().sum();
        assert_eq!(self.pattern.kept(), kept);
        let mut has_room = false;
        for slot in 0..SLOTS {
            let id = PeerId(slot as u32);
            let is_attached = self.peers[slot].is_some();
            has_room |= is_attached && !self.outlet.full.contains(&id);
            if let Some(name) = self.pattern.name(id) {
                assert!(is_attached && self.pattern.find(&name) == Some(id));
                assert!(self.outlet.routes.contains(name.frame()));
            }
        }
        if self.pattern.requeues() {
            let waits = self.kind == SocketType::Req && !self.options.routing.req_relaxed;
            let is_blocked = self.pattern.is_blocked();
            assert!(
                waits || !has_room || !is_blocked,
                "there is a peer with room"
            );
            let is_alone = self.peers.iter().all(Option::is_none);
            assert!(is_blocked || !is_alone, "there is no peer");
        }
    }

    /// Without peers and reserved names, nothing is left.
    pub(super) fn end(&mut self) {
        (0..SLOTS).for_each(|slot| self.detach(0, slot));
        for name in std::mem::take(&mut self.reserved) {
            self.pattern.release(&name, &mut self.outlet);
        }
        self.check();
        assert_eq!(self.pattern.is_blocked(), self.was_blocked);
        assert!(self.outlet.routes.is_empty(), "{:?}", self.outlet.routes);
        assert_eq!((self.pattern.kept(), self.pattern.subscribers()), (0, 0));
        let given = self
            .pattern
            .give(Message::from(["a", "b"]), &mut self.outlet);
        assert!(!matches!(given, Given::Sent) && self.outlet.sent.is_empty());
    }
}
