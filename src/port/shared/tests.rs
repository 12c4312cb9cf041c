//! Which messages ports accept, and which tags they remember.

#![allow(clippy::unwrap_used)] // These are tests, helpers included.

use std::collections::VecDeque;

use super::*;
use crate::error::{SendError, TrySendError};
use crate::port::holder::Holder;
use crate::port::lockstep::QueuePlaces;
use crate::sync::bounded::Nothing;
use crate::sync::parker::take_slept;
use crate::sync::testing::Count;

fn open(frames: FrameRule, recalling: bool) -> (Arc<Ports>, Holder) {
    Ports::open(PortsSetup {
        inward: Some((1, Overflow::Block)),
        outward: Some((10, Overflow::Block)),
        alternating: false,
        relaxed: None,
        recalling,
        frames,
        known_peers: None,
        wait: WaitSetup::PARK,
        alarms: Arc::new(Alarms::new(Arc::new(Count::default()))),
        health: Health::new(),
        keepalive: Arc::new(()),
        on_first: Arc::new(Count::default()),
        on_room: Arc::new(Count::default()),
    })
}

fn tagged(tag: u64) -> Message {
    let mut message = Message::from(tag.to_string());
    message.set_tag(tag);
    message
}

#[test]
fn a_message_with_the_wrong_frames_is_refused_and_returned() {
    let long = || vec![b'g'; 256];
    let (one, two) = (
        Refusal::FrameCount { expected: 1 },
        Refusal::FrameCount { expected: 2 },
    );
    let wrong = [
        (FrameRule::Exactly(1), Message::from(["a", "b"]), one),
        (FrameRule::Exactly(1), Message::new(), Refusal::NoFrames),
        (FrameRule::Grouped, "a".into(), two),
        (FrameRule::Grouped, ["a", "b", "c"].into(), two),
        (
            FrameRule::Grouped,
            [long(), long()].into(),
            Refusal::GroupTooLong,
        ),
    ];
    for (rule, message, why) in wrong {
        let (_, holder) = open(rule, false);
        let sender = holder.sender().unwrap();
        let refused = sender.send_blocking(message.clone());
        assert_eq!(refused, Err(SendError::Refused(why, message)));
        assert!(sender.is_empty());
    }
    let right = [
        (FrameRule::Exactly(1), Message::from("a")),
        (FrameRule::Grouped, [&long()[1..], &long()[..]].into()),
    ];
    for (rule, message) in right {
        let (_, holder) = open(rule, false);
        assert_eq!(holder.sender().unwrap().try_send(message), Ok(()));
    }
}

#[test]
fn the_first_message_sent_has_the_tag_received_last() {
    let (ports, holder) = open(FrameRule::AtMost(Message::MAX_FRAMES), true);
    let (sender, receiver) = (holder.sender().unwrap(), holder.receiver().unwrap());
    let outward = ports.outward().unwrap();
    let sent = || {
        let mut taken = VecDeque::new();
        let inward = ports.inward().unwrap();
        inward.take(10, &mut taken);
        inward.release(taken.len());
        taken.iter().map(Message::tag).collect::<Vec<_>>()
    };
    assert_eq!(ports.last_received(), 0);
    outward.push_batch(&mut (1..=5).map(tagged).collect());

    receiver.try_recv().unwrap();
    assert_eq!(ports.last_received(), 1);
    // A tag from another socket is ignored.
    sender.try_send(tagged(99)).unwrap();
    assert!(matches!(
        sender.try_send("full"),
        Err(TrySendError::Full(_))
    ));
    assert_eq!(sent(), [1]);
    sender.try_send("once only").unwrap();
    assert_eq!(ports.last_received(), 1);

    receiver.recv_blocking().unwrap();
    assert_eq!(ports.last_received(), 2);
    let full = sender.try_send("full: not sent");
    assert!(matches!(full, Err(TrySendError::Full(_))));
    assert_eq!(sent(), [0]);
    sender
        .try_send("what was not sent took nothing away")
        .unwrap();
    assert_eq!(sent(), [2]);

    let mut many = Vec::new();
    ports.pop_many(&mut many, 10, None).unwrap();
    assert_eq!((many.len(), ports.last_received()), (3, 5));
}

#[test]
fn a_thread_whose_task_waits_may_assist_next() {
    let waits = std::thread::spawn(|| {
        let (ports, _holder) = open(FrameRule::AtMost(Message::MAX_FRAMES), false);
        take_slept();
        assert!(!take_slept(), "it streams");
        let mut places = QueuePlaces::default();
        let popped = ports.pop_or_wait(&mut places, Waker::noop());
        assert_eq!(popped, Err(Nothing::Empty));
        assert!(take_slept(), "it waited in between");
        ports.leave_receivers(&mut places);
    });
    assert!(waits.join().is_ok());
}
