//! Requests that are waited for one by one: those no peer has taken yet, and which caller gets each
//! reply.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use crate::message::Message;
use crate::sync::bounded::State;
use crate::sync::oneshot::{answer, Answer, Reply};
use crate::sync::primitives::Mutex;
use crate::sync::wake_count::WakeCount;
use crate::sync::Hook;

/// The open requests of a socket. There is no limit on them: each belongs to a call that is under
/// way, and goes with it. So nothing is kept here that a user does not hold.
///
/// A request is *queued* until the pump takes it for a peer, and *sent* from then on.
pub(crate) struct Calls {
    open: Mutex<Open>,
    hook: Arc<dyn Hook>,
}

struct Open {
    state: State,
    /// The last tag given away; tags are never used again.
    last_tag: u64,
    /// What no peer has taken yet, oldest first.
    queued: BTreeMap<u64, Message>,
    /// The callers that wait for the reply to each request, queued or sent.
    waiting: BTreeMap<u64, Reply<Outcome>>,
    /// Requests that were sent and are given up: for the pump to forget.
    given_up: Vec<u64>,
    /// The pump has seen everything, and wants to be called when there is more.
    armed: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Replied(Message),
    /// The peer that had it is gone.
    PeerLost,
    /// The socket is closed; the message, if no peer had it.
    Closed(Option<Message>),
    /// The context has been shut down; the message, if no peer had it.
    Terminated(Option<Message>),
}

/// What a request was when it was given up.
#[derive(Debug)]
pub(crate) enum GivenUp {
    /// No peer had it.
    Queued(Message),
    /// A peer has it, or had it. Its reply will be dropped.
    Sent,
    /// It is not open: its outcome is there, or will be in a moment.
    Settled,
}

impl Calls {
    /// `hook` is called when the pump has something to take or to forget.
    pub(crate) fn new(hook: Arc<dyn Hook>) -> Self {
        Calls {
            open: Mutex::new(Open {
                state: State::Open,
                last_tag: 0,
                queued: BTreeMap::new(),
                waiting: BTreeMap::new(),
                given_up: Vec::new(),
                armed: true,
            }),
            hook,
        }
    }

    /// Opens a request: its tag, and the place where its outcome will be.
    pub(crate) fn ask(&self, message: Message) -> Result<(u64, Answer<Outcome>), Outcome> {
        let (answer, reply) = answer();
        let (tag, calls) = {
            let mut open = self.open.lock();
            match open.state {
                State::Open => {}
                State::Closed => return Err(Outcome::Closed(Some(message))),
                State::Terminated => return Err(Outcome::Terminated(Some(message))),
            }
            open.last_tag += 1;
            let tag = open.last_tag;
            open.queued.insert(tag, message);
            open.waiting.insert(tag, reply);
            (tag, mem::take(&mut open.armed))
        };
        if calls {
            self.hook.notify();
        }
        Ok((tag, answer))
    }

    /// This request is not waited for any more.
    pub(crate) fn give_up(&self, tag: u64) -> GivenUp {
        let (given_up, calls, reply) = {
            let mut open = self.open.lock();
            let Some(reply) = open.waiting.remove(&tag) else {
                return GivenUp::Settled;
            };
            match open.queued.remove(&tag) {
                Some(message) => (GivenUp::Queued(message), false, reply),
                None => {
                    open.given_up.push(tag);
                    (GivenUp::Sent, mem::take(&mut open.armed), reply)
                }
            }
        };
        drop(reply);
        if calls {
            self.hook.notify();
        }
        given_up
    }

    /// Whether there is no request but one.
    pub(crate) fn is_only_one(&self) -> bool {
        self.open.lock().waiting.len() == 1
    }

    /// Requests that are open.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn len(&self) -> usize {
        self.open.lock().waiting.len()
    }

    /// Settles every request: there will be no reply.
    pub(crate) fn close(&self) {
        self.advance(State::Closed);
    }

    /// The same, because the context has been shut down.
    pub(crate) fn terminate(&self) {
        self.advance(State::Terminated);
    }

    fn advance(&self, state: State) {
        let (mut queued, waiting) = {
            let mut open = self.open.lock();
            if open.state >= state {
                return;
            }
            open.state = state;
            open.given_up = Vec::new();
            (mem::take(&mut open.queued), mem::take(&mut open.waiting))
        };
        for (tag, reply) in waiting {
            let unsent = queued.remove(&tag);
            reply.send(match state {
                State::Terminated => Outcome::Terminated(unsent),
                State::Closed | State::Open => Outcome::Closed(unsent),
            });
        }
    }
}

/// The pump's side.
impl Calls {
    /// Hands over what is to be forgotten, and arms the hook: whatever comes after this call,
    /// calls it.
    pub(crate) fn look(&self, given_up: &mut Vec<u64>) {
        let mut open = self.open.lock();
        given_up.append(&mut open.given_up);
        open.armed = true;
    }

    /// Takes the oldest request that no peer has, with its tag.
    pub(crate) fn take(&self) -> Option<Message> {
        let (tag, mut message) = self.open.lock().queued.pop_first()?;
        message.set_tag(tag);
        Some(message)
    }

    /// No peer took this one, or it never left: it is queued again, in its old place. Unless it
    /// has been given up meanwhile.
    pub(crate) fn put_back(&self, mut message: Message) {
        let tag = message.tag();
        message.set_tag(0);
        let mut open = self.open.lock();
        if open.waiting.contains_key(&tag) {
            open.queued.insert(tag, message);
        }
    }

    /// Settles requests, by tag; says how many were not open any more.
    pub(crate) fn settle(&self, outcomes: &mut Vec<(u64, Outcome)>) -> usize {
        let mut settled = Vec::with_capacity(outcomes.len());
        let mut late = 0;
        {
            let mut open = self.open.lock();
            for (tag, outcome) in outcomes.drain(..) {
                match open.waiting.remove(&tag) {
                    Some(reply) => settled.push((reply, outcome)),
                    None => late += usize::from(matches!(outcome, Outcome::Replied(_))),
                }
            }
        }
        let here = std::ptr::from_ref(self).addr();
        for (place, (reply, outcome)) in settled.into_iter().enumerate() {
            WakeCount::count_served(here + place);
            reply.send(outcome);
        }
        late
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::Count;
    use std::task::Poll;

    fn calls() -> (Calls, Arc<Count>) {
        let hook = Arc::new(Count::default());
        (Calls::new(hook.clone()), hook)
    }

    fn looked(calls: &Calls) -> Vec<u64> {
        let mut given_up = Vec::new();
        calls.look(&mut given_up);
        given_up
    }

    fn replied(answer: &Answer<Outcome>) -> Message {
        match answer.try_take() {
            Poll::Ready(Some(Outcome::Replied(message))) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_in_any_order_reach_their_callers() {
        let (calls, hook) = calls();
        let (first, one) = calls.ask("a".into()).unwrap();
        let (second, two) = calls.ask("b".into()).unwrap();
        assert_eq!(hook.get(), 1, "one call until the pump has looked");
        assert_eq!(calls.take().map(|message| message.tag()), Some(first));
        assert_eq!(calls.take().map(|message| message.tag()), Some(second));
        assert!(calls.take().is_none());
        let mut outcomes = vec![
            (second, Outcome::Replied("B".into())),
            (first, Outcome::Replied("A".into())),
            (first, Outcome::Replied("again".into())),
        ];
        assert_eq!(calls.settle(&mut outcomes), 1);
        assert_eq!((replied(&one), replied(&two)), ("A".into(), "B".into()));
        assert_eq!(calls.len(), 0);
        assert!(looked(&calls).is_empty());
        calls.ask("c".into()).map(drop).unwrap();
        assert_eq!(hook.get(), 2);
    }

    #[test]
    fn requests_cancelled_before_they_are_sent_are_returned() {
        let (calls, hook) = calls();
        let (tag, _answer) = calls.ask("a".into()).unwrap();
        match calls.give_up(tag) {
            GivenUp::Queued(message) => assert_eq!(message, "a".into()),
            other => panic!("{other:?}"),
        }
        assert!(matches!(calls.give_up(tag), GivenUp::Settled));
        assert!(calls.take().is_none() && looked(&calls).is_empty());
        assert_eq!((hook.get(), calls.len()), (1, 0));
    }

    #[test]
    fn requests_cancelled_after_they_are_sent_are_forgotten() {
        let (calls, hook) = calls();
        let (tag, _answer) = calls.ask("a".into()).unwrap();
        looked(&calls);
        let message = calls.take().unwrap();
        assert!(matches!(calls.give_up(tag), GivenUp::Sent));
        assert_eq!(hook.get(), 2);
        calls.put_back(message);
        assert!(calls.take().is_none(), "it is not waited for");
        assert_eq!(looked(&calls), [tag]);
        assert_eq!(
            calls.settle(&mut vec![(tag, Outcome::Replied("late".into()))]),
            1
        );
    }

    #[test]
    fn a_request_put_back_keeps_its_place() {
        let (calls, _) = calls();
        for text in ["a", "b", "c"] {
            calls.ask(text.into()).map(drop).unwrap();
        }
        let (first, second) = (calls.take().unwrap(), calls.take().unwrap());
        calls.put_back(second);
        calls.put_back(first);
        for text in ["a", "b", "c"] {
            assert_eq!(calls.take(), Some(text.into()));
        }
    }

    #[test]
    fn closing_settles_every_request_and_returns_unsent_ones() {
        let (calls, _) = calls();
        let (_, sent) = calls.ask("sent".into()).unwrap();
        let (_, queued) = calls.ask("queued".into()).unwrap();
        let _ = calls.take();
        calls.close();
        let ends = [sent, queued].map(|answer| match answer.try_take() {
            Poll::Ready(Some(Outcome::Closed(unsent))) => unsent,
            other => panic!("{other:?}"),
        });
        assert_eq!(ends, [None, Some("queued".into())]);
        match calls.ask("late".into()) {
            Err(Outcome::Closed(message)) => assert_eq!(message, Some("late".into())),
            _ => panic!("asked a closed socket"),
        }
        calls.terminate();
        let late = calls.ask("later".into());
        assert!(matches!(late, Err(Outcome::Terminated(Some(_)))));
    }
}
