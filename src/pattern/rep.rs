//! REP: delivers requests from all peers, and sends each reply to the peer that sent the request
//! (RFC 28).

use crate::error::Refusal;
use crate::message::{Frame, Message};

use super::requests::Requests;
use super::{
    Admission, Drop, Full, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation,
};

/// A request is delivered with its number as its tag, and the message with that tag is its reply:
/// any number of requests may be replied to in any order. A reply without frames means that there
/// will be none.
#[derive(Default)]
pub(super) struct Rep {
    requests: Requests,
}

impl Pattern for Rep {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        _outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        self.requests.join(peer);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, _outlet: &mut dyn Outlet) {
        self.requests.leave(peer);
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        let Some(envelope) = take_envelope(message) else {
            return Ok(Admission::Drop(Drop::Malformed));
        };
        match self.requests.open(peer, envelope) {
            Some(number) => {
                message.set_tag(number);
                Ok(Admission::Deliver)
            }
            None => Ok(Admission::Drop(Drop::PeerGone)),
        }
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        if message.tag() == 0 {
            return Verdict::Refused(Refusal::NoRequest);
        }
        let Some((peer, envelope)) = self.requests.close(message.tag()) else {
            return Verdict::Dropped(Drop::PeerGone);
        };
        if message.is_empty() {
            outlet.missed(peer, Drop::Unanswered, 1);
            return Verdict::Dropped(Drop::Unanswered);
        }
        if envelope.len() + 1 + message.len() > Message::MAX_FRAMES {
            return Verdict::Dropped(Drop::Malformed);
        }
        message.set_tag(0);
        put_envelope(envelope, message);
        match outlet.send(peer, message) {
            Ok(()) => Verdict::Sent,
            Err(Full) => {
                outlet.missed(peer, Drop::PeerFull, 1);
                Verdict::Dropped(Drop::PeerFull)
            }
        }
    }

    /// A reply never waits for its peer, so each peer has a queue.
    fn buffers_per_peer(&self) -> bool {
        true
    }
}

/// Removes the frames in front of a request's delimiter, and the delimiter, and returns those
/// frames; `None` if the request lacks the delimiter or a body after it (RFC 28, "The REP Socket
/// Type").
fn take_envelope(message: &mut Message) -> Option<Vec<Frame>> {
    let delimiter = message.iter().position(|frame| frame.is_empty())?;
    if delimiter + 1 == message.len() {
        return None;
    }
    if delimiter == 0 {
        // A plain REQ peer has no envelope: nothing to allocate.
        message.pop_front();
        return Some(Vec::new());
    }
    // In one step: removing many frames one by one would take time proportional to the square of
    // their number.
    let mut frames = std::mem::take(message).into_frames();
    let envelope = frames.drain(..=delimiter).take(delimiter).collect();
    *message = Message::from_frames(frames);
    Some(envelope)
}

/// Prepends the envelope and the delimiter to a reply.
fn put_envelope(mut envelope: Vec<Frame>, message: &mut Message) {
    if envelope.is_empty() {
        return message.push_front(Frame::empty());
    }
    envelope.reserve_exact(1 + message.len());
    envelope.push(Frame::empty());
    envelope.extend(std::mem::take(message));
    *message = Message::from_frames(envelope);
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, Recorder};
    use super::super::tests::{Calls, Given, Heard};
    use super::*;

    fn ask(rep: &mut Rep, peer: u32, message: impl Into<Message>, outlet: &mut Recorder) {
        rep.hear(PeerId(peer), Heard::Message(message.into()), outlet)
            .unwrap();
    }

    /// The user's reply to `request`.
    fn answer(request: &Message, message: impl Into<Message>) -> Message {
        let mut message = message.into();
        message.set_tag(request.tag());
        message
    }

    fn is_sent(verdict: Given) -> bool {
        matches!(verdict, Given::Sent)
    }

    /// A peer of this library would end the connection over it.
    #[test]
    fn a_reply_that_has_too_many_frames_with_its_envelope_is_dropped() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        let route = ["x", "y", "", "request"];
        for (frames, fits) in [
            (Message::MAX_FRAMES - 3, true),
            (Message::MAX_FRAMES - 2, false),
        ] {
            ask(&mut rep, 1, route, &mut outlet);
            let request = outlet.delivered.pop().unwrap();
            let reply = Message::from_frames(vec![Frame::empty(); frames]);
            let verdict = rep.give(answer(&request, reply), &mut outlet);
            match fits {
                true => assert!(is_sent(verdict)),
                false => assert!(matches!(verdict, Given::Dropped(Drop::Malformed))),
            }
        }
    }

    #[test]
    fn replies_in_any_order_reach_the_peer_that_sent_the_request() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1, 2], &mut outlet);
        ask(&mut rep, 1, ["", "a"], &mut outlet);
        ask(&mut rep, 2, ["", "b", "c"], &mut outlet);
        let requests = std::mem::take(&mut outlet.delivered);
        assert_eq!(requests, ["a".into(), Message::from(["b", "c"])]);
        assert!(is_sent(rep.give(answer(&requests[1], "B"), &mut outlet)));
        assert!(is_sent(
            rep.give(answer(&requests[0], ["A", ""]), &mut outlet)
        ));
        assert_eq!(
            outlet.take_sent(),
            [(2, ["", "B"].into()), (1, ["", "A", ""].into())]
        );
        assert!(outlet.drops.is_empty());
    }

    #[test]
    fn long_envelopes_are_returned_whole() {
        let hops: Vec<Frame> = (1..=200).map(|hop| Frame::from(vec![7; hop])).collect();
        for envelope in [vec!["X".into(), "Y".into()], hops, Vec::new()] {
            for body in [&["body"][..], &["two", "parts"], &[""], &["", "after", ""]] {
                let mut outlet = Recorder::default();
                let mut rep = Rep::default();
                attach(&mut rep, &[1], &mut outlet);
                let whole = |body: &[&str]| {
                    let body = body.iter().map(Frame::from_text);
                    let frames = envelope.iter().cloned().chain([Frame::empty()]).chain(body);
                    frames.collect::<Message>()
                };
                ask(&mut rep, 1, whole(body), &mut outlet);
                let request = outlet.delivered.remove(0);
                assert_eq!(request, Message::from(body));
                for reply in [&["R"][..], &["", "R", ""]] {
                    let verdict = rep.give(answer(&request, reply), &mut outlet);
                    if reply.len() == 1 {
                        assert!(is_sent(verdict));
                        assert_eq!(outlet.take_sent(), [(1, whole(reply))]);
                    } else {
                        // Replied to already.
                        assert!(matches!(verdict, Given::Dropped(Drop::PeerGone)));
                    }
                }
            }
        }
    }

    trait FromText {
        fn from_text(text: &&str) -> Frame;
    }

    impl FromText for Frame {
        fn from_text(text: &&str) -> Frame {
            Frame::from(*text)
        }
    }

    #[test]
    fn the_cost_of_an_envelope_is_linear_in_its_frames() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        let mut frames = vec![Frame::from("hop"); 200_000];
        frames.extend(["".into(), "body".into()]);
        let whole = Message::from_frames(frames);
        ask(&mut rep, 1, whole.clone(), &mut outlet);
        let request = outlet.delivered.remove(0);
        assert!(is_sent(rep.give(request, &mut outlet)));
        // If frames were removed and prepended one by one, this test would run for minutes.
        assert_eq!(outlet.take_sent(), [(1, whole)]);
    }

    #[test]
    fn requests_without_envelope_or_body_are_discarded() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        for frames in [
            &["a"][..],
            &["a", "b"],
            &[""],
            &["X", ""],
            &["X", "Y", "Z", ""],
        ] {
            ask(&mut rep, 1, frames, &mut outlet);
        }
        assert!(outlet.delivered.is_empty());
        assert_eq!(outlet.drops, [(Drop::Malformed, 1); 5]);
        assert_eq!(rep.requests.len(), 0);
    }

    #[test]
    fn a_reply_to_nothing_is_refused() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        match rep.give("a".into(), &mut outlet) {
            Given::Refused(message, Refusal::NoRequest) => assert_eq!(message, "a".into()),
            other => panic!("{other:?}"),
        }
        assert!(!rep.is_blocked() && !rep.requeues());
    }

    #[test]
    fn a_request_without_a_reply_is_forgotten() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        ask(&mut rep, 1, ["X", "", "a"], &mut outlet);
        let request = outlet.delivered.remove(0);
        let verdict = rep.give(answer(&request, Message::new()), &mut outlet);
        assert!(matches!(verdict, Given::Dropped(Drop::Unanswered)));
        assert!(outlet.sent.is_empty());
        assert_eq!(rep.requests.len(), 0);
    }

    #[test]
    fn replies_to_detached_peers_do_not_reach_new_peers() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        ask(&mut rep, 1, ["", "a"], &mut outlet);
        rep.detach(PeerId(1), &mut outlet);
        attach(&mut rep, &[1], &mut outlet);
        ask(&mut rep, 1, ["", "b"], &mut outlet);
        let requests = std::mem::take(&mut outlet.delivered);
        let late = rep.give(answer(&requests[0], "A"), &mut outlet);
        assert!(matches!(late, Given::Dropped(Drop::PeerGone)));
        assert!(is_sent(rep.give(answer(&requests[1], "B"), &mut outlet)));
        assert_eq!(outlet.take_sent(), [(1, ["", "B"].into())]);
    }

    #[test]
    fn a_reply_to_a_full_peer_is_dropped() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        ask(&mut rep, 1, ["", "a"], &mut outlet);
        outlet.full.insert(PeerId(1));
        let request = outlet.delivered.remove(0);
        let verdict = rep.give(answer(&request, "A"), &mut outlet);
        assert!(matches!(verdict, Given::Dropped(Drop::PeerFull)));
        assert_eq!(outlet.missed, [(PeerId(1), Drop::PeerFull, 1)]);
        assert_eq!(rep.requests.len(), 0);
    }

    #[test]
    fn tags_are_not_sent_to_peers() {
        let mut outlet = Recorder::default();
        let mut rep = Rep::default();
        attach(&mut rep, &[1], &mut outlet);
        let foreign = answer(&Message::new(), ["", "a"]);
        ask(&mut rep, 1, foreign, &mut outlet);
        let request = outlet.delivered.remove(0);
        assert_ne!(request.tag(), 0);
        assert!(is_sent(rep.give(answer(&request, "A"), &mut outlet)));
        assert_eq!(outlet.sent[0].1.tag(), 0);
    }
}
