//! The patterns of all types against what [`Pattern`] says of them.

use super::*;
use crate::message::numbered;
use crate::options::{ManualSubscriptions, Notify, Verbosity};

mod sending;

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
