//! The patterns of all types against what [`Pattern`] says of them.

use super::*;
use crate::message::numbered;
use crate::options::{ManualSubscriptions, Notify, Verbosity};

/// Attaches and detaches peers, whose queues fill, and who send and are sent to.
pub(crate) fn patterns(input: &[u8]) {
    let mut input = Unstructured::new(input);
    if let Ok(mut world) = World::new(&mut input) {
        while !input.is_empty() {
            if world.step(&mut input).is_err() {
                break;
            }
        }
        world.end();
    }
}

const SLOTS: usize = 4;

/// The first byte of the last frame of each message that the user sends; its number follows.
const OURS: u8 = 0xe7;

const NAMES: [&[u8]; 5] = [b"a", b"b", b"c", &[0, 0, 0, 1], &[0, 0, 0, 2]];
const TOPICS: [&[u8]; 5] = [b"", b"a", b"ab", b"b", b"abc"];

/// An attached peer.
struct Peer {
    /// Which of all that had any slot.
    number: u64,
    /// What was sent to it.
    sent: Vec<Message>,
    /// The greatest number sent to it.
    last: u32,
    /// Replies of it that were delivered.
    replies: usize,
}

/// A request that was delivered, of the peer of this number.
struct Request {
    tag: u64,
    peer: (PeerId, u64),
    is_open: bool,
}

struct World {
    kind: SocketType,
    options: Options,
    pattern: Box<dyn Pattern>,
    outlet: Recorder,
    peers: [Option<Peer>; SLOTS],
    arrivals: u64,
    /// Messages as the user sent them, by number.
    given: Vec<Message>,
    /// The numbers of those that a peer was sent and has not given back.
    out: HashMap<u32, usize>,
    /// Messages that were given back, to be sent before all others.
    unsent: Vec<Message>,
    requests: Vec<Request>,
    /// Tags of messages that were delivered.
    tags: Vec<u64>,
    reserved: Vec<RoutingId>,
    was_blocked: bool,
}

impl World {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let kind = *input.choose(&SocketType::ALL)?;
        let overflow = [
            Overflow::Block,
            Overflow::DropNewest,
            Overflow::DropOldest,
            Overflow::Latest,
        ];
        let options = Options::new().send_overflow(*input.choose(&overflow)?);
        let options = any_options(options, input)?;
        let random = *input.choose(&[0, u32::MAX - 1])?;
        let Some(pattern) = pattern(kind, &options, random) else {
            return Err(arbitrary::Error::IncorrectFormat);
        };
        Ok(World {
            kind,
            options,
            was_blocked: pattern.is_blocked(),
            pattern,
            outlet: Recorder::default(),
            peers: Default::default(),
            arrivals: 0,
            given: Vec::new(),
            out: HashMap::new(),
            unsent: Vec::new(),
            requests: Vec::new(),
            tags: Vec::new(),
            reserved: Vec::new(),
        })
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = input.arbitrary::<u8>()?;
        let slot = usize::from(number >> 5) % SLOTS;
        let id = PeerId(slot as u32);
        match number & 31 {
            0..=4 => self.attach(input, slot)?,
            5 | 6 if self.peers[slot].is_some() => {
                self.detach(input.int_in_range(0..=3usize)?, slot)
            }
            7..=11 if self.peers[slot].is_some() => self.hear(input, slot)?,
            12..=14 if self.peers[slot].is_some() => self.heed(input, slot)?,
            15 | 16 => drop(self.outlet.full.insert(id)),
            17 | 18 => {
                self.outlet.full.remove(&id);
                self.pattern.writable(id);
            }
            19 => self
                .pattern
                .subscribe((*input.choose(&TOPICS)?).into(), &mut self.outlet),
            20 => self
                .pattern
                .unsubscribe((*input.choose(&TOPICS)?).into(), &mut self.outlet),
            21 => {
                let group = Frame::from(*input.choose(&TOPICS)?);
                let _ = match input.arbitrary()? {
                    true => self.pattern.join(group, &mut self.outlet),
                    false => self.pattern.leave(group, &mut self.outlet),
                };
            }
            22 => self.reserve(input)?,
            23 => {
                if let Some(last) = self.reserved.len().checked_sub(1) {
                    let name = self.reserved.swap_remove(input.int_in_range(0..=last)?);
                    self.pattern.release(&name, &mut self.outlet);
                }
            }
            24 => {
                self.options = any_options(self.options.clone(), input)?;
                self.pattern.configure(&self.options, &mut self.outlet);
            }
            25 => {
                let tag = input.choose(&self.tags).copied().unwrap_or_default();
                let prefix = Frame::from(*input.choose(&TOPICS)?);
                let _ = match input.arbitrary()? {
                    true => self.pattern.decide(tag, Upstream::Subscribe(prefix)),
                    false => self.pattern.decide(tag, Upstream::Cancel(prefix)),
                };
                self.pattern.forget(tag);
            }
            _ => self.send(input)?,
        }
        self.check();
        Ok(())
    }

    fn attach(&mut self, input: &mut Unstructured<'_>, slot: usize) -> Result<()> {
        let alias = match self.reserved.len().checked_sub(1) {
            Some(last) if input.arbitrary()? => {
                Some(self.reserved[input.int_in_range(0..=last)?].frame().clone())
            }
            _ => None,
        };
        let intro = PeerIntro {
            routing_id: match input.int_in_range(0..=5usize)? {
                at @ 0..=4 => NAMES[at].into(),
                _ => Frame::empty(),
            },
            alias,
            dialer: Some(u64::from(input.int_in_range(0..=3u8)?)).filter(|number| *number > 0),
            ..intro()
        };
        if self.peers[slot].is_some() {
            return Ok(());
        }
        // A new peer has room.
        let id = PeerId(slot as u32);
        self.outlet.full.remove(&id);
        let is_taken = self.pattern.is_taken();
        let before = self.interests();
        if self.pattern.attach(id, &intro, &mut self.outlet).is_err() {
            assert!(self.outlet.sent.is_empty() && self.outlet.commands.is_empty());
            return Ok(());
        }
        assert!(!is_taken, "every peer would be rejected");
        self.arrivals += 1;
        self.peers[slot] = Some(Peer {
            number: self.arrivals,
            sent: Vec::new(),
            last: 0,
            replies: 0,
        });
        self.check_interests(&before);
        Ok(())
    }

    /// A connection is lost, with this many messages unwritten.
    fn detach(&mut self, unwritten: usize, slot: usize) {
        let id = PeerId(slot as u32);
        let Some(mut peer) = self.peers[slot].take() else {
            return;
        };
        let at = peer.sent.len().saturating_sub(unwritten);
        let mut unsent = peer.sent.split_off(at);
        if self.pattern.requeues() {
            for message in unsent.into_iter().rev() {
                let number = number(&message);
                let Some(message) = self.pattern.unsend(id, message) else {
                    assert!(self.kind == SocketType::Req, "it need be sent");
                    continue;
                };
                let given = number.map(|number| &self.given[number as usize]);
                let given = given.map(|given| (given, given.tag()));
                assert_eq!(
                    Some((&message, message.tag())),
                    given,
                    "as the user sent it"
                );
                self.forget_sent(&message);
                self.unsent.insert(0, message);
            }
        } else {
            let all = unsent.clone();
            self.pattern.keep(id, &mut unsent);
            assert!(unsent.is_empty() || unsent == all, "all or nothing is kept");
            if unsent.is_empty() {
                all.iter().for_each(|message| self.forget_sent(message));
            }
        }
        self.pattern.detach(id, &mut self.outlet);
        self.pattern.writable(id);
    }

    fn forget_sent(&mut self, message: &Message) {
        if let Some(number) = number(message) {
            self.out.remove(&number);
        }
    }

    fn hear(&mut self, input: &mut Unstructured<'_>, slot: usize) -> Result<()> {
        let id = PeerId(slot as u32);
        let Some(peer) = &self.peers[slot] else {
            return Ok(());
        };
        let mut message = match input.int_in_range(0..=7u8)? {
            0 => Message::from("x"),
            1 => ["", "x"].into(),
            2 => ["x", "", "y"].into(),
            3 => Message::to_group(*input.choose(&TOPICS)?, "x"),
            4 => ["a", ""].into(),
            5 => [&[OURS; 4][..], b"", b"z"].into(),
            // The reply to a request is what it looks like.
            _ => peer.sent.last().cloned().unwrap_or_else(|| "y".into()),
        };
        message.set_tag(u64::from(input.int_in_range(0..=3u8)?));
        let (name, before) = (self.pattern.name(id), self.interests());
        self.outlet.delivered.clear();
        if self
            .pattern
            .hear(id, Heard::Message(message), &mut self.outlet)
            .is_err()
        {
            self.detach(0, slot);
            return Ok(());
        }
        let answers = std::mem::take(&mut self.outlet.answers);
        let delivered = std::mem::take(&mut self.outlet.delivered);
        assert!(answers.len() + delivered.len() <= 1);
        let number = match &mut self.peers[slot] {
            Some(peer) => {
                peer.replies += answers.len() + delivered.len();
                let is_reply = self.kind == SocketType::Req;
                assert!(
                    !is_reply || peer.replies <= peer.sent.len(),
                    "a reply to nothing"
                );
                peer.number
            }
            None => 0,
        };
        for message in &delivered {
            if let Some(name) = &name {
                assert_eq!(message.first(), Some(name.frame()), "its sender");
            }
            self.tags.push(message.tag());
            if self.kind == SocketType::Rep {
                assert!(self
                    .requests
                    .iter()
                    .all(|request| request.tag != message.tag()));
                self.requests.push(Request {
                    tag: message.tag(),
                    peer: (id, number),
                    is_open: true,
                });
            }
        }
        self.check_interests(&before);
        Ok(())
    }

    fn heed(&mut self, input: &mut Unstructured<'_>, slot: usize) -> Result<()> {
        let id = PeerId(slot as u32);
        let topic = Frame::from(*input.choose(&TOPICS)?);
        let command = match input.int_in_range(0..=4u8)? {
            0 | 1 => Heard::Subscribe(topic),
            2 => Heard::Cancel(topic),
            3 => Heard::Join(topic),
            _ => Heard::Leave(topic),
        };
        let before = self.interests();
        let heard = self.pattern.hear(id, command, &mut self.outlet);
        assert_eq!(heard, Ok(()), "there are few of them");
        self.tags
            .extend(self.outlet.delivered.iter().map(|told| told.tag()));
        self.check_interests(&before);
        Ok(())
    }

    fn reserve(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let wanted = match input.int_in_range(0..=5usize)? {
            at @ 0..=4 => RoutingId::new(NAMES[at]).ok(),
            _ => None,
        };
        if let Some(name) = self.pattern.reserve(wanted.as_ref(), &mut self.outlet) {
            assert!(wanted.is_none_or(|wanted| wanted == name));
            assert!(!self.reserved.contains(&name), "it is in use");
            self.reserved.push(name);
        }
        Ok(())
    }

    /// Sends again what was given back; then the user sends.
    fn send(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
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

    fn interests(&self) -> [Option<Interest>; SLOTS] {
        std::array::from_fn(|slot| {
            let is_attached = self.peers[slot].is_some();
            is_attached.then(|| self.pattern.interest(PeerId(slot as u32)))?
        })
    }

    /// What changed of them was reported. Their order means nothing.
    fn check_interests(&self, before: &[Option<Interest>; SLOTS]) {
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
    fn check(&mut self) {
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
    fn end(&mut self) {
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

/// The number of a message of the user's, from its last frame.
fn number(message: &Message) -> Option<u32> {
    match message.iter().last()?[..] {
        [OURS, a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}

/// Other values of what an open socket may change.
fn any_options(options: Options, input: &mut Unstructured<'_>) -> Result<Options> {
    let bits = input.arbitrary::<u16>()?;
    let is_set = |bit: u16| bits & 1 << bit != 0;
    let notify = [
        Notify::Never,
        Notify::Connects,
        Notify::Disconnects,
        Notify::Both,
    ];
    let verbosity = [
        Verbosity::Changes,
        Verbosity::Subscriptions,
        Verbosity::Everything,
    ];
    let manual = [
        ManualSubscriptions::Off,
        ManualSubscriptions::On,
        ManualSubscriptions::LastValue,
    ];
    let options = options
        .router_mandatory(is_set(0))
        .router_handover(is_set(1))
        .router_notify(*input.choose(&notify)?)
        .stream_notify(is_set(2))
        .req_correlate(is_set(3))
        .req_relaxed(is_set(4))
        .xpub_no_drop(is_set(5))
        .invert_matching(is_set(6))
        .only_first_subscribe(is_set(7))
        .xsub_verbose_unsubscribe(is_set(8))
        .xpub_verbosity(*input.choose(&verbosity)?)
        .xpub_manual(*input.choose(&manual)?)
        .send_high_water_mark(*input.choose(&[0, 1, 2, 1000])?);
    Ok(match is_set(9) {
        true => options.xpub_welcome("welcome"),
        false => options.without_xpub_welcome(),
    })
}
