//! Every interleaving of the threads that ask, answer and give up, model-checked.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::thread;

use super::latest::Latest;
use super::request_table::{Calls as Requests, GivenUp, Outcome};
use crate::message::Message;
use crate::options::Overflow;
use crate::sync::bounded::{Channel, Offer};
use crate::sync::models::{model, Calls};

#[test]
fn loom_a_request_is_taken_and_its_reply_arrives() {
    model(4, || {
        let hook = Calls::new();
        let requests = Arc::new(Requests::new(hook.clone()));
        let client = {
            let requests = requests.clone();
            thread::spawn(move || {
                let (_, answer) = requests.ask("question".into()).unwrap();
                matches!(answer.wait(), Some(Outcome::Replied(_)))
            })
        };
        // A pump that looks once at the start, and then only when it is called.
        let (mut seen, mut due) = (0, true);
        loop {
            if due {
                requests.look(&mut Vec::new());
                if let Some(request) = requests.take() {
                    let outcome = Outcome::Replied("answer".into());
                    assert_eq!(requests.settle(&mut vec![(request.tag(), outcome)]), 0);
                    break;
                }
            }
            thread::yield_now();
            let calls = hook.get();
            due = calls > seen;
            seen = calls;
        }
        assert!(client.join().unwrap());
    });
}

#[test]
fn loom_a_cancelled_request_is_settled_or_forgotten() {
    model(8, || {
        let hook = Calls::new();
        let requests = Arc::new(Requests::new(hook.clone()));
        let (tag, answer) = requests.ask("question".into()).unwrap();
        requests.look(&mut Vec::new());
        requests.take().unwrap();
        let armed = hook.get();
        let pump = {
            let requests = requests.clone();
            thread::spawn(move || requests.settle(&mut vec![(tag, Outcome::Replied("a".into()))]))
        };
        match requests.give_up(tag) {
            GivenUp::Settled => {
                assert!(matches!(answer.wait(), Some(Outcome::Replied(_))));
                assert_eq!(pump.join().unwrap(), 0);
            }
            GivenUp::Sent => {
                assert_eq!(hook.get(), armed + 1);
                assert_eq!(pump.join().unwrap(), 1, "late");
                let mut given_up = Vec::new();
                requests.look(&mut given_up);
                assert_eq!(given_up, [tag]);
            }
            GivenUp::Queued(_) => panic!("the pump has it"),
        }
    });
}

#[test]
fn loom_no_reply_to_an_earlier_request_is_received() {
    model(2, || {
        let requests = Arc::new(Channel::<Message>::new(2, Overflow::Block, None, None));
        let replies = Arc::new(Channel::<Message>::new(2, Overflow::Block, None, None));
        let latest = Arc::new(Latest::new(true));
        let ask = |text: &str| {
            let mut slot = Some(Message::from(text));
            assert_eq!(
                latest.offer(&requests, &replies, &mut slot, None),
                Offer::Taken
            );
        };
        ask("a");
        let pump = {
            let (requests, replies) = (Arc::clone(&requests), Arc::clone(&replies));
            let latest = Arc::clone(&latest);
            thread::spawn(move || {
                let mut late = 0;
                for _ in 0..2 {
                    let mut taken = VecDeque::new();
                    requests.take(2, &mut taken);
                    requests.release(taken.len());
                    latest.deliver(&replies, &mut taken);
                    late += latest.take_late();
                }
                late
            })
        };
        ask("b");
        // From here on nothing but the reply to the second.
        let received = replies.try_pop().ok();
        assert!(received.is_none_or(|reply| reply == Message::from("b")));
        let late = pump.join().unwrap() + latest.take_late();
        assert!(late <= 1);
        let mut taken = VecDeque::new();
        requests.take(2, &mut taken);
        latest.deliver(&replies, &mut taken);
        let rest = std::iter::from_fn(|| replies.try_pop().ok());
        assert!(rest.into_iter().all(|reply| reply == Message::from("b")));
    });
}
