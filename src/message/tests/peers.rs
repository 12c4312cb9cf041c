//! A message with a peer behaves as one without, but for the peer.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::PeerIdentity;
use crate::message::{FromMessageError, XPubEvent};
use crate::{Frame, Message};

use super::{Body, PeerFrame, PeerInfo};

fn peer(connection: u64) -> PeerFrame {
    PeerFrame::new(PeerInfo {
        connection,
        endpoint: None,
        local: None,
        remote: None,
        identity: PeerIdentity::nearby(None, Frame::empty()),
    })
}

fn with_peer(mut message: Message) -> Message {
    message.set_peer(&peer(7));
    message
}

/// Of no frame, one and several; short, long, empty, and no text; in each form a body has.
fn messages() -> Vec<Message> {
    let mut popped = Message::from(["gone", "left"]);
    popped.pop_back();
    let mut emptied = Message::from("gone");
    emptied.pop_back();
    vec![
        Message::new(),
        Message::default(),
        emptied,
        "one".into(),
        "".into(),
        [0xFF].into(),
        vec![b'x'; 1000].into(),
        popped,
        Message::subscribe("topic"),
        Message::cancel(""),
        ["a", ""].into(),
        ["a", "b", "c"].into(),
        (vec![b'y'; 100], [0xFE], "", "end").into(),
    ]
}

/// What a call returned, as text, and the message as it left it, unless that is gone.
type Outcome = (String, Option<Message>);

/// A name, and what is done with a message.
type Case = (&'static str, fn(Message) -> Outcome);

/// Each public method of a message, by name.
const METHODS: &[Case] = &[
    // These make one.
    ("new", |m| (shown(Message::new()), Some(m))),
    ("subscribe", |m| {
        let made = m.first().map(Message::subscribe);
        (shown(made), Some(m))
    }),
    ("cancel", |m| {
        let made = m.first().map(Message::cancel);
        (shown(made), Some(m))
    }),
    ("to_group", |m| {
        let made = m.first().map(|frame| Message::to_group(frame, frame));
        (shown(made), Some(m))
    }),
    ("to", |m| (String::new(), Some(Message::to("id", m)))),
    ("addressed_to", |m| {
        (String::new(), Some(m.addressed_to("id")))
    }),
    // These look.
    ("len", |m| (shown(m.len()), Some(m))),
    ("is_empty", |m| (shown(m.is_empty()), Some(m))),
    ("byte_len", |m| (shown(m.byte_len()), Some(m))),
    ("frames", |m| (shown(m.frames()), Some(m))),
    ("get", |m| {
        let got: Vec<_> = (0..6).map(|index| m.get(index)).collect();
        (shown(got), Some(m))
    }),
    ("first", |m| (shown(m.first()), Some(m))),
    ("iter", |m| {
        let both: Vec<_> = m.iter().chain(m.iter().rev()).collect();
        (shown((both, m.iter().len())), Some(m))
    }),
    ("sender", |m| (shown(m.sender()), Some(m))),
    ("as_str", |m| (shown(m.as_str()), Some(m))),
    // These change it, each twice.
    ("push", |mut m| {
        m.push("1");
        m.push("2");
        (String::new(), Some(m))
    }),
    ("push_back", |mut m| {
        m.push_back("1");
        m.push_back("2");
        (String::new(), Some(m))
    }),
    ("push_front", |mut m| {
        m.push_front("1");
        m.push_front("2");
        (String::new(), Some(m))
    }),
    ("pop_front", |mut m| {
        (shown((m.pop_front(), m.pop_front())), Some(m))
    }),
    ("pop_back", |mut m| {
        (shown((m.pop_back(), m.pop_back())), Some(m))
    }),
    ("take_sender", |mut m| (shown(m.take_sender()), Some(m))),
    // This takes it apart.
    ("into_frames", |m| (shown(m.into_frames()), None)),
];

/// Each trait of a message that this crate implements by hand or derives, by name.
const TRAITS: &[Case] = &[
    ("Clone", |m| (shown(&m), Some(m.clone()))),
    ("Default", |mut m| (shown(std::mem::take(&mut m)), None)),
    ("PartialEq", |m| {
        let others = messages();
        let equal = others.iter().map(|other| (&m == other, other == &m));
        (shown(equal.collect::<Vec<_>>()), Some(m))
    }),
    ("Display", |m| (format!("{m}|{m:>9}"), Some(m))),
    ("Debug", |m| (format!("{m:?} {m:#?}"), Some(m))),
    ("Index", |m| {
        let all: Vec<_> = (0..m.len()).map(|index| &m[index]).collect();
        (shown(all), Some(m))
    }),
    ("IntoIterator", |m| {
        let by_reference: Vec<_> = (&m).into_iter().collect();
        let shown_so = shown(by_reference);
        (shown_so + &shown(m.into_iter().collect::<Vec<_>>()), None)
    }),
    ("FromIterator", |m| {
        (shown(m.iter().collect::<Message>()), Some(m))
    }),
    ("Extend", |mut m| {
        m.extend(["1", "2"]);
        (String::new(), Some(m))
    }),
    ("TryFrom for Frame", |m| taken(Frame::try_from(m))),
    ("TryFrom for Vec<u8>", |m| taken(Vec::<u8>::try_from(m))),
    ("TryFrom for String", |m| taken(String::try_from(m))),
    ("From for XPubEvent", |m| {
        let by_reference = XPubEvent::from(&m);
        match XPubEvent::from(m) {
            XPubEvent::User(message) => (shown(by_reference), Some(message)),
            event => (
                shown((&event, by_reference)) + &shown(Message::from(event.clone())),
                None,
            ),
        }
    }),
];

fn shown(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

fn taken<T: std::fmt::Debug>(result: Result<T, FromMessageError>) -> Outcome {
    match result {
        Ok(value) => (shown(value), None),
        Err(error) => (error.to_string(), Some(error.into_inner())),
    }
}

#[test]
fn peers_change_nothing_in_any_method_or_trait() {
    for (name, call) in METHODS.iter().chain(TRAITS) {
        for mut message in messages() {
            message.set_tag(5);
            let (returned, left) = call(message.clone());
            let (returned_with, left_with) = call(with_peer(message.clone()));
            let place = format!("{name} of {message:?}");
            assert_eq!(returned, returned_with, "{place}");
            assert_eq!(left, left_with, "{place}");
            let tags = [&left, &left_with].map(|left| left.as_ref().map(Message::tag));
            assert_eq!(tags[0], tags[1], "{place}");
            assert!(left.is_none_or(|left| left.peer().is_none()), "{place}");
            let connection = |left: &Message| left.peer().map(|peer| peer.connection);
            if let Some(left) = left_with {
                assert_eq!(connection(&left), Some(7), "{place}: the peer is lost");
            }
        }
    }
}

/// Names of the public methods in the text of a module.
fn public_methods(text: &str) -> Vec<&str> {
    let bodies = text.split("\nimpl Message {\n").skip(1);
    let bodies = bodies.filter_map(|rest| rest.split("\n}\n").next());
    let lines = bodies.flat_map(str::lines);
    let declared = lines.filter_map(|line| {
        let line = line.strip_prefix("    pub ")?;
        line.strip_prefix("const ")
            .unwrap_or(line)
            .strip_prefix("fn ")
    });
    declared
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect()
}

#[test]
fn peers_are_tried_with_every_public_method() {
    let texts = [
        include_str!("../mod.rs"),
        include_str!("../peer.rs"),
        include_str!("../../routing_id.rs"),
    ];
    let mut declared: Vec<_> = texts.into_iter().flat_map(public_methods).collect();
    let mut tried: Vec<_> = METHODS.iter().map(|(name, _)| *name).collect();
    // What this is all about.
    tried.push("peer");
    declared.sort_unstable();
    tried.sort_unstable();
    assert_eq!(tried, declared);
}

#[test]
fn peers_stay_while_frames_come_and_go() {
    let mut model = VecDeque::new();
    let mut plain = Message::new();
    let mut told = with_peer(Message::new());
    // From four on they are only taken: there are often few, or none.
    let mut random = 1_u32;
    for number in 0..2000_u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let frame = Frame::from(number.to_be_bytes());
        match (random >> 24) % if model.len() < 4 { 4 } else { 2 } {
            0 => {
                let expected = model.pop_front();
                assert_eq!(plain.pop_front(), expected);
                assert_eq!(told.pop_front(), expected);
            }
            1 => {
                let expected = model.pop_back();
                assert_eq!(plain.pop_back(), expected);
                assert_eq!(told.pop_back(), expected);
            }
            2 => {
                plain.push_front(&frame);
                told.push_front(&frame);
                model.push_front(frame);
            }
            _ => {
                plain.push_back(&frame);
                told.push_back(&frame);
                model.push_back(frame);
            }
        }
        assert!(model.iter().eq(plain.frames()) && model.iter().eq(told.frames()));
        assert!(plain.peer().is_none());
        assert_eq!(told.peer().map(|peer| peer.connection), Some(7));
    }
}

#[test]
fn peers_are_replaced_and_known_until_the_last_clone_is_dropped() {
    let connection = |message: &Message| message.peer().map(|peer| peer.connection);
    for mut message in messages() {
        let (first, second) = (peer(1), peer(2));
        message.set_peer(&first);
        drop(first);
        let known = message.peer().map(|peer| Arc::downgrade(&peer)).unwrap();
        let mut copy = message.clone();
        message.set_peer(&second);
        let both = (connection(&copy), connection(&message));
        assert_eq!(both, (Some(1), Some(2)));
        let frames = message.frames().to_vec();
        message.forget_peer();
        assert_eq!((message.peer(), message.frames()), (None, &frames[..]));
        let moved = std::mem::take(&mut copy);
        assert_eq!((connection(&copy), connection(&moved)), (None, Some(1)));
        drop(moved);
        assert!(known.upgrade().is_none(), "it is still kept");
    }
}

#[test]
fn peers_are_not_counted_in_the_payload() {
    for message in messages() {
        let bytes = message.byte_len() as u64;
        assert_eq!(message.payload(), (bytes, false));
        assert_eq!(with_peer(message).payload(), (bytes, true));
    }
}

#[test]
fn peers_take_no_room_and_no_vector_where_there_are_none() {
    let mut message = Message::from("alone");
    message.forget_peer();
    assert!(matches!(message.body, Body::One(_)));
    assert_eq!(std::mem::size_of::<Message>(), 88);
}
