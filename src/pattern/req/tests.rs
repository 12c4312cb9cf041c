//! REQ with a recording outlet: strict requests, numbered ones, and lost peers.

use super::super::tests::{attach, Recorder};
use super::super::tests::{Calls, Given, Heard};
use super::*;

fn reply(
    req: &mut Req,
    peer: u32,
    frames: &[&str],
    outlet: &mut Recorder,
) -> Result<(), Violation> {
    req.hear(PeerId(peer), Heard::Message(frames.into()), outlet)
}

fn is_sent(verdict: Given) -> bool {
    matches!(verdict, Given::Sent)
}

#[test]
fn one_request_at_a_time() {
    let mut outlet = Recorder::default();
    let mut req = Req::default();
    assert!(req.is_blocked());
    attach(&mut req, &[1, 2], &mut outlet);
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    assert!(req.is_blocked());
    match req.give("b".into(), &mut outlet) {
        Given::Blocked(message) => assert_eq!(message, Message::from("b")),
        other => panic!("{other:?}"),
    }
    reply(&mut req, 1, &["", "A", "B"], &mut outlet).unwrap();
    assert_eq!(outlet.delivered, [Message::from(["A", "B"])]);
    assert!(!req.is_blocked());
    assert!(is_sent(req.give(["b", "c"].into(), &mut outlet)));
    assert_eq!(
        outlet.take_sent(),
        [(1, ["", "a"].into()), (2, ["", "b", "c"].into())]
    );
    assert!(outlet.drops.is_empty());
}

#[test]
fn only_the_peer_that_has_the_request_may_reply() {
    let mut outlet = Recorder::default();
    let mut req = Req::default();
    attach(&mut req, &[1, 2], &mut outlet);
    reply(&mut req, 1, &["", "early"], &mut outlet).unwrap();
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    reply(&mut req, 2, &["", "other"], &mut outlet).unwrap();
    reply(&mut req, 1, &["", "right"], &mut outlet).unwrap();
    reply(&mut req, 1, &["", "again"], &mut outlet).unwrap();
    assert_eq!(outlet.delivered, [Message::from("right")]);
    assert_eq!(outlet.drops, [(Drop::Unasked, 1); 3]);
}

#[test]
fn malformed_replies_end_the_connection_and_the_wait() {
    for frames in [&["A"][..], &[""], &["A", ""], &["A", "", "B"]] {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        attach(&mut req, &[1], &mut outlet);
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        let verdict = reply(&mut req, 1, frames, &mut outlet);
        assert_eq!(verdict, Err(Violation::MalformedReply), "{frames:?}");
        assert!(outlet.delivered.is_empty());
        req.detach(PeerId(1), &mut outlet);
        assert_eq!(outlet.drops, [(Drop::RequestLost, 1)]);
        attach(&mut req, &[1], &mut outlet);
        assert!(!req.is_blocked());
    }
}

#[test]
fn the_request_of_a_detached_peer_is_lost() {
    let mut outlet = Recorder::default();
    let mut req = Req::default();
    attach(&mut req, &[1, 2], &mut outlet);
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    req.detach(PeerId(2), &mut outlet);
    assert!(req.is_blocked() && outlet.drops.is_empty());
    attach(&mut req, &[3], &mut outlet);
    req.detach(PeerId(1), &mut outlet);
    assert_eq!(outlet.drops, [(Drop::RequestLost, 1)]);
    // A newcomer in the old slot owes no reply.
    attach(&mut req, &[1], &mut outlet);
    assert!(!req.is_blocked());
    reply(&mut req, 1, &["", "A"], &mut outlet).unwrap();
    assert!(outlet.delivered.is_empty());
    assert!(is_sent(req.give("b".into(), &mut outlet)));
    assert_eq!(outlet.take_sent()[1], (3, ["", "b"].into()));
}

#[test]
fn an_unwritten_request_is_sent_again_unchanged() {
    for message in [
        Message::from("a"),
        ["a", "b"].into(),
        "".into(),
        ["", "b"].into(),
    ] {
        let mut outlet = Recorder::default();
        let mut req = Req::default();
        attach(&mut req, &[1, 2], &mut outlet);
        assert!(is_sent(req.give(message.clone(), &mut outlet)));
        let (_, sent) = outlet.take_sent().remove(0);
        let unsent = req.unsend(PeerId(1), sent).unwrap();
        assert_eq!(unsent, message);
        req.detach(PeerId(1), &mut outlet);
        assert!(outlet.drops.is_empty(), "it is not lost");
        assert!(!req.is_blocked());
        assert!(is_sent(req.give(unsent, &mut outlet)));
        assert_eq!(outlet.take_sent()[0].0, 2);
    }
}

#[test]
fn a_full_peer_is_skipped_and_the_request_stays_unchanged() {
    let mut outlet = Recorder::default();
    let mut req = Req::default();
    attach(&mut req, &[1, 2], &mut outlet);
    outlet.full.insert(PeerId(1));
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    assert_eq!(outlet.take_sent()[0].0, 2);
    reply(&mut req, 2, &["", "A"], &mut outlet).unwrap();
    outlet.full.insert(PeerId(2));
    for message in [Message::from("b"), ["b", "c"].into()] {
        match req.give(message.clone(), &mut outlet) {
            Given::Blocked(unsent) => assert_eq!(unsent, message),
            other => panic!("{other:?}"),
        }
    }
    assert!(req.is_blocked());
    req.writable(PeerId(1));
    assert!(!req.is_blocked());
}

fn with(options: Options) -> (Req, Recorder) {
    let (mut req, mut outlet) = (Req::new(&options, u32::MAX - 1), Recorder::default());
    attach(&mut req, &[1, 2], &mut outlet);
    (req, outlet)
}

fn numbered(number: u32, body: &str) -> Message {
    let number = Frame::from(number.to_ne_bytes());
    Message::from_frames(vec![number, Frame::empty(), body.into()])
}

fn hear(req: &mut Req, peer: u32, message: Message, outlet: &mut Recorder) {
    req.hear(PeerId(peer), Heard::Message(message), outlet)
        .unwrap();
}

fn tagged(tag: u64, body: &str) -> Message {
    let mut message = Message::from(body);
    message.set_tag(tag);
    message
}

#[test]
fn correlated_requests_accept_only_replies_with_their_number() {
    let (mut req, mut outlet) = with(Options::new().req_correlate(true));
    for (number, peer) in [(u32::MAX - 1, 1), (u32::MAX, 2), (0, 1)] {
        assert!(is_sent(req.give("a".into(), &mut outlet)));
        assert!(req.is_blocked());
        assert_eq!(outlet.take_sent(), [(peer, numbered(number, "a"))]);
        hear(
            &mut req,
            peer,
            numbered(number.wrapping_sub(1), "wrong"),
            &mut outlet,
        );
        hear(&mut req, peer, ["", "no number"].into(), &mut outlet);
        hear(&mut req, 3 - peer, numbered(number, "other"), &mut outlet);
        assert!(outlet.delivered.is_empty() && req.is_blocked());
        hear(&mut req, peer, numbered(number, "A"), &mut outlet);
        assert_eq!(outlet.delivered.pop(), Some("A".into()));
        assert!(!req.is_blocked());
    }
}

#[test]
fn a_relaxed_request_cancels_the_last_one_and_goes_to_the_next_peer() {
    let options = Options::new().req_correlate(true).req_relaxed(true);
    let (mut req, mut outlet) = with(options);
    let first = u32::MAX - 1;
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    assert!(!req.is_blocked());
    assert!(is_sent(req.give("b".into(), &mut outlet)));
    let sent = [(1, numbered(first, "a")), (2, numbered(first + 1, "b"))];
    assert_eq!(outlet.take_sent(), sent);
    hear(&mut req, 1, numbered(first, "late"), &mut outlet);
    assert!(outlet.delivered.is_empty());
    assert_eq!(outlet.drops, [(Drop::Late, 1)]);
    hear(&mut req, 2, numbered(first + 1, "B"), &mut outlet);
    assert_eq!(outlet.delivered, [Message::from("B")]);
}

#[test]
fn changed_options_apply_to_the_next_request() {
    let (mut req, mut outlet) = with(Options::new());
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    let options = Options::new().req_correlate(true).req_relaxed(true);
    req.configure(&options, &mut outlet);
    assert!(is_sent(req.give("b".into(), &mut outlet)));
    req.configure(&Options::new(), &mut outlet);
    assert!(req.is_blocked());
    let sent = outlet.take_sent();
    assert_eq!(sent[0], (1, ["", "a"].into()));
    assert_eq!(sent[1], (2, numbered(u32::MAX - 1, "b")));
}

#[test]
fn tagged_requests_are_independent_and_replied_to_in_any_order() {
    let (mut req, mut outlet) = with(Options::new());
    assert!(is_sent(req.give("strict".into(), &mut outlet)));
    assert!(req.is_blocked(), "for strict requests");
    let first = u32::MAX - 1;
    for tag in 1..=3 {
        assert!(is_sent(req.give(tagged(tag, "x"), &mut outlet)));
    }
    let sent = outlet.take_sent();
    assert_eq!(sent[0], (1, ["", "strict"].into()));
    assert_eq!(sent[1], (2, numbered(first, "x")));
    assert_eq!(sent[2], (1, numbered(first + 1, "x")));
    assert_eq!(sent[3], (2, numbered(first.wrapping_add(2), "x")));
    hear(&mut req, 1, numbered(first, "from another"), &mut outlet);
    assert_eq!(outlet.drops, [(Drop::Unasked, 1)]);
    hear(&mut req, 2, numbered(0, "three"), &mut outlet);
    hear(&mut req, 2, numbered(first, "one"), &mut outlet);
    hear(&mut req, 2, numbered(first, "again"), &mut outlet);
    hear(&mut req, 1, ["", "strict"].into(), &mut outlet);
    hear(&mut req, 1, numbered(first + 1, "two"), &mut outlet);
    let answers: Vec<_> = outlet.answers.iter().map(|answer| answer.tag()).collect();
    assert_eq!(answers, [3, 1, 2]);
    assert_eq!(
        outlet.answers,
        ["three".into(), "one".into(), Message::from("two")]
    );
    assert_eq!(outlet.delivered, [Message::from("strict")]);
    assert_eq!(outlet.drops[1], (Drop::Late, 1));
    assert!(req.asked.is_empty() && req.numbers.is_empty());
}

#[test]
fn a_forgotten_request_drops_its_reply_and_leaves_no_state() {
    let (mut req, mut outlet) = with(Options::new());
    assert!(is_sent(req.give(tagged(7, "x"), &mut outlet)));
    req.forget(7);
    req.forget(7);
    req.forget(8);
    assert!(req.asked.is_empty() && req.numbers.is_empty());
    hear(&mut req, 1, numbered(u32::MAX - 1, "late"), &mut outlet);
    assert!(outlet.answers.is_empty());
    assert_eq!(outlet.drops, [(Drop::Late, 1)]);
}

#[test]
fn numbers_in_use_are_skipped() {
    let (mut req, mut outlet) = with(Options::new());
    assert!(is_sent(req.give(tagged(1, "a"), &mut outlet)));
    req.next_number = u32::MAX - 1;
    assert!(is_sent(req.give(tagged(2, "b"), &mut outlet)));
    assert_eq!(outlet.take_sent()[1], (2, numbered(u32::MAX, "b")));
}

#[test]
fn tagged_requests_of_a_detached_peer_get_no_reply() {
    let (mut req, mut outlet) = with(Options::new());
    for tag in 1..=4 {
        assert!(is_sent(req.give(tagged(tag, "x"), &mut outlet)));
    }
    req.detach(PeerId(1), &mut outlet);
    assert_eq!(outlet.unanswered.len(), 2);
    assert!(outlet.unanswered.contains(&1) && outlet.unanswered.contains(&3));
    assert_eq!((req.asked.len(), req.numbers.len()), (2, 2));
    // A newcomer in the old slot owes nothing.
    attach(&mut req, &[1], &mut outlet);
    hear(&mut req, 1, numbered(u32::MAX - 1, "late"), &mut outlet);
    assert!(outlet.answers.is_empty());
}

#[test]
fn unwritten_tagged_requests_are_returned_unless_cancelled() {
    let (mut req, mut outlet) = with(Options::new());
    for tag in 1..=4 {
        assert!(is_sent(req.give(tagged(tag, "x"), &mut outlet)));
    }
    req.forget(3);
    let sent = outlet.take_sent();
    assert!(req.unsend(PeerId(1), sent[2].1.clone()).is_none());
    let unsent = req.unsend(PeerId(1), sent[0].1.clone()).unwrap();
    assert_eq!((unsent.tag(), &unsent), (1, &"x".into()));
    req.detach(PeerId(1), &mut outlet);
    assert!(outlet.unanswered.is_empty());
}

#[test]
fn a_reply_before_its_request_is_written_frees_no_other_peer() {
    let (mut req, mut outlet) = with(Options::new());
    assert!(is_sent(req.give("a".into(), &mut outlet)));
    // The request is still in the house.
    hear(&mut req, 1, ["", "premature"].into(), &mut outlet);
    assert!(is_sent(req.give("b".into(), &mut outlet)));
    let sent = outlet.take_sent();
    assert_eq!(sent[1].0, 2);
    assert!(req.unsend(PeerId(1), sent[0].1.clone()).is_none());
    req.detach(PeerId(1), &mut outlet);
    assert!(req.is_blocked(), "peer 2 has a request");
    hear(&mut req, 2, ["", "B"].into(), &mut outlet);
    assert_eq!(outlet.delivered[1], "B".into());
    assert!(outlet.drops.is_empty());
}

#[test]
fn a_tagged_request_to_a_full_peer_stays_unchanged() {
    let (mut req, mut outlet) = with(Options::new());
    outlet.full.extend([PeerId(1), PeerId(2)]);
    let mut message = tagged(5, "x");
    assert_eq!(req.submit(&mut message, &mut outlet), Verdict::Blocked);
    assert_eq!((message.tag(), &message), (5, &"x".into()));
    assert!(req.asked.is_empty() && req.numbers.is_empty());
}
