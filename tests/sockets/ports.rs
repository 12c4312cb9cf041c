//! The ports of a socket: every way to send and to receive, and how each of them ends.

use crate::common;

use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{eventually, next, next_text, put, text, within, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::{SinkExt, StreamExt};
use zmq_channels::error::{
    Closed, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use zmq_channels::{Context, Linger, Message, Options, Pair, Pull, Push, Receiver, Sender, Socket};

const SOON: Duration = Duration::from_millis(40);

/// A PUSH connected to a PULL over inproc, with one high-water mark for both.
fn pipeline(mark: usize) -> (Sender, Receiver) {
    let context = Context::new();
    let options = Options::new().high_water_marks(mark);
    let pull = context.socket_with::<Pull>(options.clone()).unwrap();
    let push = context.socket_with::<Push>(options).unwrap();
    push.connect(pull.bind("inproc://pipeline").unwrap())
        .unwrap();
    (push.sender(), pull.receiver())
}

/// A PUSH without a peer that takes `mark` messages, and has taken them.
fn full(mark: usize) -> Socket<Push> {
    let options = Options::new()
        .high_water_marks(mark)
        .linger(Linger::For(Duration::ZERO));
    let push = Context::new().socket_with::<Push>(options).unwrap();
    for number in 0..mark {
        push.send_timeout_blocking(number.to_string(), PATIENCE)
            .unwrap();
    }
    push
}

fn elapsed(action: impl FnOnce()) -> Duration {
    let start = Instant::now();
    action();
    start.elapsed()
}

// ---- blocking, async, now, for a time

#[test]
fn every_way_to_send_works_with_every_way_to_receive() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(10);
        sender.send_blocking("1").unwrap();
        assert_eq!(text(&receiver.recv_blocking().unwrap()), "1");
        block_on(sender.send("2")).unwrap();
        assert_eq!(text(&block_on(receiver.recv()).unwrap()), "2");
        sender.try_send("3").unwrap();
        let mut third = receiver.try_recv();
        eventually("the third is there", || {
            if third == Err(TryRecvError::Empty) {
                third = receiver.try_recv();
            }
            third.is_ok()
        });
        assert_eq!(text(&third.unwrap()), "3");
        sender.send_timeout_blocking("4", PATIENCE).unwrap();
        assert_eq!(
            text(&receiver.recv_timeout_blocking(PATIENCE).unwrap()),
            "4"
        );
        block_on(sender.send_timeout("5", PATIENCE)).unwrap();
        assert_eq!(
            text(&block_on(receiver.recv_timeout(PATIENCE)).unwrap()),
            "5"
        );
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn the_socket_sends_and_receives_as_its_ports_do() {
    within(LIMIT, || {
        let context = Context::new();
        let left = context.socket::<Pair>().unwrap();
        let right = context.socket::<Pair>().unwrap();
        left.connect(right.bind("inproc://pair").unwrap()).unwrap();

        left.send_blocking("1").unwrap();
        assert_eq!(text(&right.recv_blocking().unwrap()), "1");
        block_on(left.send("2")).unwrap();
        assert_eq!(text(&block_on(right.recv()).unwrap()), "2");
        left.try_send("3").unwrap();
        assert_eq!(text(&right.recv_timeout_blocking(PATIENCE).unwrap()), "3");
        block_on(left.send_timeout("4", PATIENCE)).unwrap();
        assert_eq!(text(&block_on(right.recv_timeout(PATIENCE)).unwrap()), "4");
        left.send_timeout_blocking("5", PATIENCE).unwrap();
        assert_eq!(next_text(&right.receiver()), "5");
        assert_eq!(right.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_receive_with_a_deadline_ends_then_and_not_before() {
    within(LIMIT, || {
        let (_sender, receiver) = pipeline(10);
        let timeout = Err(RecvTimeoutError::Timeout);

        let waited = elapsed(|| assert_eq!(receiver.recv_timeout_blocking(SOON), timeout));
        assert!(waited >= SOON, "{waited:?}");
        let waited = elapsed(|| assert_eq!(block_on(receiver.recv_timeout(SOON)), timeout));
        assert!(waited >= SOON, "{waited:?}");
    });
}

#[test]
fn a_send_with_a_deadline_ends_then_and_returns_the_message() {
    within(LIMIT, || {
        let push = full(3);
        let sender = push.sender();
        let message = Message::from(["not", "sent"]);
        let timeout = Err(SendTimeoutError::Timeout(message.clone()));

        assert_eq!(
            sender.try_send(message.clone()),
            Err(TrySendError::Full(message.clone()))
        );
        let waited = elapsed(|| {
            assert_eq!(sender.send_timeout_blocking(message.clone(), SOON), timeout);
        });
        assert!(waited >= SOON, "{waited:?}");
        let waited = elapsed(|| {
            assert_eq!(
                block_on(sender.send_timeout(message.clone(), SOON)),
                timeout
            );
        });
        assert!(waited >= SOON, "{waited:?}");
        assert_eq!(push.send_timeout_blocking(message, SOON), timeout);
    });
}

/// What a timed-out send gave back was not sent: only what was accepted arrives.
#[test]
fn a_send_that_timed_out_was_not_sent() {
    within(LIMIT, || {
        let push = full(3);
        assert!(push.send_timeout_blocking("late", SOON).is_err());
        drop(push.send("never polled"));
        block_on(async {
            let mut cancelled = push.send("cancelled");
            assert!(futures::poll!(&mut cancelled).is_pending());
        });

        let pull = Context::new().socket::<Pull>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        let receiver = pull.receiver();
        push.send_timeout_blocking("3", PATIENCE).unwrap();
        for number in 0..4 {
            assert_eq!(next_text(&receiver), number.to_string());
        }
    });
}

#[test]
fn a_receive_that_was_cancelled_took_nothing() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(10);
        block_on(async {
            for round in 0..200 {
                let mut cancelled = receiver.recv();
                let seen = futures::poll!(&mut cancelled);
                assert!(seen.is_pending(), "{seen:?} before it was sent");
                sender.send(round.to_string()).await.unwrap();
                drop(cancelled); // Perhaps just when it was about to be woken.
                assert_eq!(text(&receiver.recv().await.unwrap()), round.to_string());
            }
        });
    });
}

#[test]
fn room_made_by_the_receiver_wakes_a_waiting_sender() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(1);
        let blocking = sender.clone();
        let blocked = thread::spawn(move || {
            for number in 0..500 {
                blocking
                    .send_blocking(format!("blocking {number}"))
                    .unwrap();
            }
        });
        let waiting = thread::spawn(move || {
            block_on(async {
                for number in 0..500 {
                    sender.send(format!("async {number}")).await.unwrap();
                }
            });
        });
        let (mut of_blocking, mut of_async) = (0, 0);
        for _ in 0..1000 {
            let got = next_text(&receiver);
            let (kind, number) = got.split_once(' ').unwrap();
            let count = if kind == "async" {
                &mut of_async
            } else {
                &mut of_blocking
            };
            assert_eq!(
                number,
                count.to_string(),
                "{kind} messages keep their order"
            );
            *count += 1;
        }
        blocked.join().unwrap();
        waiting.join().unwrap();
    });
}

// ---- streams, sinks, iterators, batches

#[test]
fn a_receiver_is_a_stream_that_ends_with_the_socket() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(1000);
        for number in 0..100 {
            put(&sender, number.to_string());
        }
        eventually("all have arrived", || receiver.len() == 100);
        receiver.close();
        let got: Vec<Message> = block_on(receiver.collect());
        let expected: Vec<Message> = (0..100).map(|n: i32| n.to_string().into()).collect();
        assert_eq!(got, expected);
    });
}

#[test]
fn a_sender_is_a_sink() {
    within(LIMIT, || {
        let (mut sender, receiver) = pipeline(3);
        let feeding = thread::spawn(move || {
            block_on(async {
                let mut numbers =
                    futures::stream::iter((0..100).map(|n: i32| Ok(Message::from(n.to_string()))));
                SinkExt::send_all(&mut sender, &mut numbers).await.unwrap();
                SinkExt::feed(&mut sender, Message::from("100"))
                    .await
                    .unwrap();
                SinkExt::flush(&mut sender).await.unwrap();
                SinkExt::send(&mut sender, Message::from("101"))
                    .await
                    .unwrap();
                SinkExt::close(&mut sender).await.unwrap();
                let closed = SinkExt::send(&mut sender, Message::from("102")).await;
                assert_eq!(
                    closed,
                    Err(SendError::Closed(Closed::Socket, Message::from("102")))
                );
            });
        });
        for number in 0..102 {
            assert_eq!(next_text(&receiver), number.to_string());
        }
        feeding.join().unwrap();
    });
}

#[test]
fn a_stream_forwards_into_a_sink() {
    within(LIMIT, || {
        let (first, middle_out) = pipeline(5);
        let (middle_in, last) = pipeline(5);
        let source = middle_out.clone();
        let forwarding = thread::spawn(move || block_on(source.map(Ok).forward(middle_in)));
        let feeding = thread::spawn(move || {
            for number in 0..50 {
                let message = [number.to_string(), "part".into()];
                first.send_blocking(message).unwrap();
            }
        });
        for number in 0..50 {
            let expected = Message::from([number.to_string(), "part".into()]);
            assert_eq!(next(&last), expected);
        }
        feeding.join().unwrap();
        middle_out.close();
        forwarding.join().unwrap().unwrap();
    });
}

#[test]
fn a_receiver_is_a_blocking_iterator_that_ends_with_the_socket() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(1000);
        let (heard, hears) = mpsc::channel();
        let by_reference = receiver.clone();
        let listening = thread::spawn(move || {
            for message in &by_reference {
                heard.send(text(&message)).unwrap();
            }
        });
        for number in 0..10 {
            put(&sender, number.to_string());
            assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), number.to_string());
        }
        receiver.close();
        listening.join().unwrap();
        assert_eq!(receiver.iter().count(), 0);
        assert_eq!(receiver.into_iter().next(), None);
    });
}

#[test]
fn recv_many_takes_available_messages_up_to_the_maximum() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(1000);
        let mut batch = vec![Message::from("was there before")];
        for number in 0..10 {
            put(&sender, number.to_string());
        }
        eventually("all have arrived", || receiver.len() == 10);
        assert_eq!(receiver.recv_many_blocking(&mut batch, 4), Ok(4));
        assert_eq!(block_on(receiver.recv_many(&mut batch, 100)), Ok(6));
        let all: Vec<String> = batch[1..].iter().map(text).collect();
        assert_eq!(all, (0..10).map(|n: i32| n.to_string()).collect::<Vec<_>>());

        // With nothing there, it waits for the first.
        let waiting = receiver.clone();
        let late = thread::spawn(move || {
            let mut batch = Vec::new();
            let count = waiting.recv_many_blocking(&mut batch, 5).unwrap();
            (count, text(&batch[0]))
        });
        put(&sender, "late");
        assert_eq!(late.join().unwrap(), (1, "late".to_string()));

        receiver.close();
        assert_eq!(
            receiver.recv_many_blocking(&mut batch, 1),
            Err(RecvError::Closed(Closed::Socket))
        );
    });
}

#[test]
fn drain_returns_the_messages_available_now() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(1000);
        assert_eq!(receiver.drain().count(), 0);
        for number in 0..10 {
            put(&sender, number.to_string());
        }
        eventually("all have arrived", || receiver.len() == 10);
        let got: Vec<String> = receiver.drain().map(|message| text(&message)).collect();
        assert_eq!(got, (0..10).map(|n: i32| n.to_string()).collect::<Vec<_>>());
        assert!(receiver.is_empty());
        put(&sender, "still open");
        assert_eq!(next_text(&receiver), "still open");
    });
}

// ---- looking

#[test]
fn ports_report_length_and_capacity() {
    within(LIMIT, || {
        let push = full(4);
        let sender = push.sender();
        assert_eq!(
            (sender.len(), sender.is_empty(), sender.capacity()),
            (4, false, Some(4))
        );

        let (sender, receiver) = pipeline(7);
        assert_eq!((sender.capacity(), receiver.capacity()), (Some(7), Some(7)));
        assert!(sender.is_empty() && receiver.is_empty());
        for _ in 0..3 {
            put(&sender, "x");
        }
        eventually("all have gone over", || {
            receiver.len() == 3 && sender.is_empty()
        });

        let (sender, receiver) = pipeline(0);
        assert_eq!((sender.capacity(), receiver.capacity()), (None, None));
        let context = Context::new();
        let default = context.socket::<Pair>().unwrap();
        assert_eq!(default.sender().capacity(), Some(1000));
        assert_eq!(default.receiver().capacity(), Some(1000));
    });
}

#[test]
fn ports_are_shared_between_threads() {
    fn assert_shareable<T: Clone + Send + Sync + 'static>() {}
    assert_shareable::<Sender>();
    assert_shareable::<Receiver>();
    assert_shareable::<Socket<Push>>();
    assert_shareable::<Context>();

    within(LIMIT, || {
        let (sender, receiver) = pipeline(10);
        let (counted, counts) = mpsc::channel();
        for _ in 0..4 {
            let (sender, receiver, counted) = (sender.clone(), receiver.clone(), counted.clone());
            thread::spawn(move || {
                for _ in 0..250 {
                    sender.send_blocking("x").unwrap();
                }
            });
            thread::spawn(move || {
                while receiver.recv_blocking().is_ok() {
                    counted.send(()).unwrap();
                }
            });
        }
        for _ in 0..1000 {
            counts.recv_timeout(PATIENCE).expect("a message is missing");
        }
        receiver.close();
        drop(counted);
        assert!(counts.recv_timeout(PATIENCE).is_err(), "one too many");
    });
}

// ---- endings

#[test]
fn a_closed_socket_returns_messages_and_drains() {
    within(LIMIT, || {
        let context = Context::new();
        let left = context.socket::<Pair>().unwrap();
        let right = context.socket::<Pair>().unwrap();
        left.connect(right.bind("inproc://pair").unwrap()).unwrap();
        for number in 0..3 {
            put(&left.sender(), number.to_string());
        }
        let (sender, receiver) = (right.sender(), right.receiver());
        eventually("all have arrived", || receiver.len() == 3);
        assert!(!right.is_closed() && !sender.is_closed() && !receiver.is_closed());
        right.close_blocking();
        assert!(right.is_closed() && sender.is_closed() && receiver.is_closed());

        let message = Message::from(["back", "please"]);
        let back = || message.clone();
        assert_eq!(
            sender.send_blocking(back()),
            Err(SendError::Closed(Closed::Socket, back()))
        );
        assert_eq!(
            block_on(sender.send(back())),
            Err(SendError::Closed(Closed::Socket, back()))
        );
        assert_eq!(
            sender.try_send(back()),
            Err(TrySendError::Closed(Closed::Socket, back()))
        );
        let timed = sender.send_timeout_blocking(back(), PATIENCE);
        assert_eq!(timed, Err(SendTimeoutError::Closed(Closed::Socket, back())));
        assert_eq!(sender.try_send(back()).unwrap_err().into_inner(), back());

        for number in 0..3 {
            assert_eq!(text(&receiver.recv_blocking().unwrap()), number.to_string());
        }
        assert_eq!(
            receiver.recv_blocking(),
            Err(RecvError::Closed(Closed::Socket))
        );
        assert_eq!(
            block_on(receiver.recv()),
            Err(RecvError::Closed(Closed::Socket))
        );
        assert_eq!(
            receiver.try_recv(),
            Err(TryRecvError::Closed(Closed::Socket))
        );
        let timed = receiver.recv_timeout_blocking(PATIENCE);
        assert_eq!(timed, Err(RecvTimeoutError::Closed(Closed::Socket)));
        assert_eq!(block_on(receiver.clone().next()), None);
    });
}

#[test]
fn closing_a_port_closes_the_socket_for_all_handles() {
    within(LIMIT, || {
        let push = Context::new().socket::<Push>().unwrap();
        let other = push.sender();
        push.sender().close();
        assert!(push.is_closed() && other.is_closed());
        other.close();
        assert_eq!(
            other.send_blocking("x"),
            Err(SendError::Closed(Closed::Socket, "x".into()))
        );
    });
}

#[test]
fn a_socket_lives_as_long_as_a_handle_that_can_send() {
    within(LIMIT, || {
        let context = Context::new();
        let left = context.socket::<Pair>().unwrap();
        let right = context.socket::<Pair>().unwrap();
        left.connect(right.bind("inproc://pair").unwrap()).unwrap();
        let (sender, receiver) = (left.sender(), left.receiver());
        drop(left); // A sender is left.
        sender.send_blocking("still here").unwrap();
        assert_eq!(next_text(&right.receiver()), "still here");
        put(&right.sender(), "and so am I");
        assert_eq!(next_text(&receiver), "and so am I");
        drop(sender); // A receiver is left, but no sender.
        assert_eq!(
            receiver.recv_timeout_blocking(PATIENCE),
            Err(RecvTimeoutError::Closed(Closed::Socket))
        );

        let (_sender, receiver) = pipeline(10); // The PULL socket's own handle is gone.
        let other = receiver.clone();
        drop(receiver);
        assert!(!other.is_closed());
    });
}

#[test]
fn weak_handles_do_not_hold_the_socket_open() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(10);
        let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
        put(&weak_sender.upgrade().unwrap(), "through a weak handle");
        let upgraded = weak_receiver.upgrade().unwrap();
        assert_eq!(next_text(&upgraded), "through a weak handle");
        drop((sender, receiver));
        assert!(weak_sender.upgrade().is_none());
        assert!(weak_receiver.upgrade().is_some(), "one receiver is left");
        drop(upgraded);
        assert!(weak_receiver.upgrade().is_none());
    });
}

#[test]
fn a_thread_that_panics_with_a_port_affects_no_other() {
    within(LIMIT, || {
        let (sender, receiver) = pipeline(3);
        for round in 0..20 {
            let (held, taken) = (sender.clone(), receiver.clone());
            let dying = thread::spawn(move || {
                held.send_blocking("a last word").unwrap();
                let heard = next_text(&taken);
                // A panic without a report; the ports are dropped on its way.
                resume_unwind(Box::new(heard));
            });
            assert!(dying.join().is_err());
            put(&sender, round.to_string());
            assert_eq!(next_text(&receiver), round.to_string());
        }
    });
}
