//! The end of sockets: what was accepted is sent, what was received can be taken, and the report.

use crate::common;

mod last_handle;
mod lost;
mod nearby;
mod threads;

use std::thread;
use std::time::{Duration, Instant};

use common::{
    eventually, holds_within, next, next_text, nothing_comes, put, text, wait_subscribed, within,
    Transport, LIMIT, PATIENCE,
};
use futures::executor::block_on;
use zmq_channels::error::{Closed, RecvError, RecvTimeoutError, SendError};
use zmq_channels::{
    Context, Linger, Message, Options, Pair, Pub, Pull, Push, Receiver, Rep, Req, Socket,
    SocketType, Sub,
};

fn lingering(duration: Duration) -> Options {
    Options::new().linger(Linger::For(duration))
}

/// A PUSH that has accepted `count` messages and has no peer to give them to.
fn undeliverable(options: Options, count: usize) -> Socket<Push> {
    let push = Context::new().socket_with::<Push>(options).unwrap();
    push.connect(Transport::Inproc.endpoint()).unwrap();
    for number in 0..count {
        put(&push.sender(), number.to_string());
    }
    push
}

/// The numbers from 0 up to `count`, in order.
fn all_come(receiver: &Receiver, count: usize) {
    for number in 0..count {
        assert_eq!(next_text(receiver), number.to_string());
    }
}

// ---- linger

#[test]
fn closing_waits_until_everything_is_sent() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let push = here.socket::<Push>().unwrap();
            push.connect(&endpoint).unwrap();
            for number in 0..5 {
                put(&push.sender(), number.to_string());
            }
            let closing = thread::spawn({
                let push = push.clone();
                move || push.close_blocking()
            });
            let too_early = holds_within(Duration::from_millis(100), || closing.is_finished());
            assert!(
                !too_early,
                "{transport:?}: no subscriber has got anything yet"
            );
            assert!(push.is_closed() && push.send_blocking("late").is_err());

            let pull = there.socket::<Pull>().unwrap();
            pull.bind(&endpoint).unwrap();
            all_come(&pull.receiver(), 5);
            assert_eq!(closing.join().unwrap().undelivered, 0, "{transport:?}");
        }
    });
}

#[test]
fn closing_without_linger_reports_undelivered_messages() {
    within(LIMIT, || {
        let start = Instant::now();
        let push = undeliverable(lingering(Duration::ZERO), 5);
        assert_eq!(push.close_blocking().undelivered, 5);
        let push = undeliverable(lingering(Duration::ZERO), 5);
        assert_eq!(block_on(push.close()).undelivered, 5);
        let push = undeliverable(lingering(Duration::ZERO), 0);
        assert_eq!(push.close_blocking().undelivered, 0);
        let push = undeliverable(lingering(Duration::ZERO), 3);
        push.connect(Transport::Tcp.endpoint()).unwrap();
        push.connect(Transport::Inproc.endpoint()).unwrap();
        assert_eq!(push.close_blocking().undelivered, 3);
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn closing_lingers_as_long_as_the_option_says() {
    within(LIMIT, || {
        let linger = Duration::from_millis(150);
        let push = undeliverable(lingering(linger), 4);
        push.connect(Transport::Tcp.endpoint()).unwrap();
        let start = Instant::now();
        assert_eq!(push.close_blocking().undelivered, 4);
        let took = start.elapsed();
        assert!(
            took >= linger && took < linger + Duration::from_secs(1),
            "{took:?}"
        );

        // With nothing left to send there is nothing to linger for.
        let push = undeliverable(lingering(LIMIT), 0);
        push.connect(Transport::Tcp.endpoint()).unwrap();
        let start = Instant::now();
        assert_eq!(push.close_blocking().undelivered, 0);
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn messages_to_a_peer_that_does_not_read_are_undelivered() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let pull = there
                .socket_with::<Pull>(Options::new().high_water_marks(1))
                .unwrap();
            let push = here
                .socket_with::<Push>(lingering(Duration::from_millis(50)))
                .unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            for _ in 0..100 {
                put(&push.sender(), vec![7_u8; 1 << 20]);
            }
            let undelivered = push.close_blocking().undelivered;
            assert!(
                (50..100).contains(&undelivered),
                "{transport:?}: {undelivered}"
            );
        }
    });
}

#[test]
fn closing_again_is_the_same_close() {
    within(LIMIT, || {
        let push = undeliverable(lingering(Duration::from_millis(100)), 3);
        drop(push.close()); // No call waits for this one, and it closes all the same.
        let clone = push.clone();
        assert!(push.is_closed() && clone.is_closed());
        assert_eq!(clone.close_blocking().undelivered, 3);
        // Long over: nothing to report, and nothing to wait for.
        clone.close_blocking();
        block_on(push.close());
        block_on(push.close());
    });
}

// ---- the last handle

#[test]
fn messages_sent_before_the_last_handle_is_dropped_arrive() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for bound_first in [true, false] {
                let (here, there) = transport.contexts();
                let (endpoint, pull) = (transport.endpoint(), there.socket::<Pull>().unwrap());
                if bound_first {
                    pull.bind(&endpoint).unwrap();
                }
                let push = here.socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                for number in 0..500 {
                    push.send_blocking(number.to_string()).unwrap();
                }
                drop(push);
                if !bound_first {
                    pull.bind(&endpoint).unwrap();
                }
                all_come(&pull.receiver(), 500);
                drop(here);
            }
        }
    });
}

/// Five hundred messages of twenty parts, sent before or right after the peer is there, by a
/// socket and a context that go at once.
fn five_hundred_multiparts(transport: Transport, sent_before_bind: bool) {
    let twenty = |number: usize| -> Message {
        (0..20)
            .map(|part| format!("message {number} part {part}"))
            .collect()
    };
    let (here, there) = transport.contexts();
    let endpoint = transport.endpoint();
    let pull = there.socket::<Pull>().unwrap();
    let send = || {
        let push = here.socket::<Push>().unwrap();
        push.connect(&endpoint).unwrap();
        for number in 0..500 {
            push.send_blocking(twenty(number)).unwrap();
        }
    };
    if sent_before_bind {
        send();
        pull.bind(&endpoint).unwrap();
    } else {
        pull.bind(&endpoint).unwrap();
        send();
    }
    drop(here);
    for number in 0..500 {
        assert_eq!(next(&pull.receiver()), twenty(number), "{transport:?}");
    }
    nothing_comes(&pull.receiver());
}

#[test]
fn five_hundred_multiparts_sent_before_bind_arrive() {
    within(Duration::from_secs(5), || {
        for transport in Transport::ALL {
            five_hundred_multiparts(transport, true);
        }
    });
}

#[test]
fn five_hundred_multiparts_sent_right_after_bind_arrive() {
    within(Duration::from_secs(5), || {
        for transport in Transport::ALL {
            five_hundred_multiparts(transport, false);
        }
    });
}

#[test]
fn a_dropped_publisher_has_published() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = here.socket::<Pub>().unwrap();
            let sub = there.socket::<Sub>().unwrap();
            sub.subscribe("").unwrap();
            sub.connect(publisher.bind(transport.endpoint()).unwrap())
                .unwrap();
            wait_subscribed(&publisher.sender(), &sub.receiver(), "");
            for number in 0..500 {
                publisher.send_blocking(number.to_string()).unwrap();
            }
            drop(publisher);
            all_come(&sub.receiver(), 500);
        }
    });
}

#[test]
fn a_reply_of_a_dropped_server_arrives() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (req, rep) = (
                here.socket::<Req>().unwrap(),
                there.socket::<Rep>().unwrap(),
            );
            req.connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            req.send_blocking("last question").unwrap();
            assert_eq!(next_text(&rep.receiver()), "last question");
            rep.send_blocking("last answer").unwrap();
            drop(rep);
            assert_eq!(next_text(&req.receiver()), "last answer", "{transport:?}");
        }
    });
}

// ---- the receiving end

#[test]
fn a_closed_socket_is_drained_and_then_disconnected() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (push, pull) = (
                here.socket::<Push>().unwrap(),
                there.socket::<Pull>().unwrap(),
            );
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            for number in 0..20 {
                put(&push.sender(), number.to_string());
            }
            eventually("all have arrived", || pull.receiver().len() == 20);
            pull.close_blocking();
            all_come(&pull.receiver(), 20);
            assert_eq!(
                pull.recv_blocking(),
                Err(RecvError::Closed(Closed::Socket)),
                "{transport:?}"
            );
            assert_eq!(
                block_on(pull.recv()),
                Err(RecvError::Closed(Closed::Socket))
            );
        }
    });
}

#[test]
fn closing_wakes_waiting_calls() {
    within(LIMIT, || {
        let options = lingering(Duration::ZERO).high_water_marks(1);
        let pair = Context::new().socket_with::<Pair>(options).unwrap();
        put(&pair.sender(), "full now");
        let receiving = [true, false].map(|blocking| {
            let receiver = pair.receiver();
            thread::spawn(move || match blocking {
                true => receiver.recv_blocking(),
                false => block_on(receiver.recv()),
            })
        });
        let sending = [true, false].map(|blocking| {
            let sender = pair.sender();
            thread::spawn(move || match blocking {
                true => sender.send_blocking("one too many"),
                false => block_on(sender.send("one too many")),
            })
        });
        assert_eq!(pair.close_blocking().undelivered, 1);
        for thread in sending {
            let error = thread.join().unwrap().unwrap_err();
            assert_eq!(
                error,
                SendError::Closed(Closed::Socket, "one too many".into())
            );
        }
        for thread in receiving {
            assert_eq!(
                thread.join().unwrap(),
                Err(RecvError::Closed(Closed::Socket))
            );
        }
    });
}

#[test]
fn a_closing_peer_ends_no_other() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let pull = there.socket::<Pull>().unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for number in 0..20 {
                let push = here.socket::<Push>().unwrap();
                push.connect(&endpoint).unwrap();
                push.send_blocking(number.to_string()).unwrap();
                assert_eq!(push.close_blocking().undelivered, 0);
                assert_eq!(next_text(&pull.receiver()), number.to_string());
            }
            let waited = pull.recv_timeout_blocking(Duration::from_millis(50));
            assert_eq!(waited, Err(RecvTimeoutError::Timeout), "{transport:?}");
        }
    });
}

// ---- closing in the middle of things

/// Sockets of every kind are closed with messages in flight, for a second; the context stays
/// healthy.
#[test]
fn closing_with_messages_in_flight_affects_no_other_socket() {
    within(LIMIT, || {
        let context = Context::new();
        let (rep, req) = (
            context.socket::<Rep>().unwrap(),
            context.socket::<Req>().unwrap(),
        );
        req.connect(rep.bind("inproc://healthy").unwrap()).unwrap();
        let end = Instant::now() + Duration::from_secs(1);
        let storms = Transport::ALL.map(|transport| {
            let context = context.clone();
            thread::spawn(move || {
                let mut rounds = 0;
                while Instant::now() < end {
                    storm(&context, transport, rounds);
                    rounds += 1;
                }
                rounds
            })
        });
        let mut answered = 0;
        while Instant::now() < end {
            let asked = Instant::now();
            req.send_blocking("are you well?").unwrap();
            assert_eq!(next_text(&rep.receiver()), "are you well?");
            rep.send_blocking("yes").unwrap();
            assert_eq!(next_text(&req.receiver()), "yes");
            let took = asked.elapsed();
            assert!(took < Duration::from_millis(400), "a gap of {took:?}");
            answered += 1;
        }
        let rounds = storms.map(|storm| storm.join().unwrap());
        assert!(rounds.iter().all(|rounds| *rounds > 3), "{rounds:?}");
        assert!(answered > 20, "{answered}");
    });
}

fn storm(context: &Context, transport: Transport, round: usize) {
    use SocketType::{Pair, Pub, Pull, Push, Rep, Req, Sub};
    let (ours, theirs) = [(Push, Pull), (Pair, Pair), (Req, Rep), (Pub, Sub)][round % 4];
    let options = lingering(Duration::ZERO).high_water_marks(10);
    let sends = context.socket_of(ours, options.clone()).unwrap();
    let receives = context.socket_of(theirs, options).unwrap();
    if theirs == Sub {
        receives.subscribe("").unwrap();
    }
    sends
        .connect(receives.bind(transport.endpoint()).unwrap())
        .unwrap();
    let sender = sends.sender().unwrap();
    let flood = thread::spawn(move || {
        let mut count = 0_u32;
        while sender
            .send_timeout_blocking(vec![7_u8; 5_000], PATIENCE)
            .is_ok()
        {
            count += 1;
        }
        count
    });
    if round % 3 != 0 && ours != Pub && ours != Req {
        // In the middle of the flood, otherwise at its very beginning.
        let receiver = receives.receiver().unwrap();
        for _ in 0..20 {
            next(&receiver);
        }
    }
    match round % 2 {
        0 => sends.close_blocking(),
        _ => receives.close_blocking(),
    };
    drop(receives);
    sends.close_blocking();
    flood.join().unwrap();
}

#[test]
fn closing_between_request_and_reply_hangs_no_call() {
    within(LIMIT, || {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        rep.bind("inproc://service").unwrap();
        let req = context.socket::<Req>().unwrap();
        req.connect("inproc://service").unwrap();
        req.send_blocking("who is there?").unwrap();
        let question = next(&rep.receiver());
        assert_eq!(text(&question), "who is there?");
        rep.close_blocking(); // Owing a reply.
        nothing_comes(&req.receiver());
        req.close_blocking(); // Awaiting one.
        assert_eq!(req.recv_blocking(), Err(RecvError::Closed(Closed::Socket)));
    });
}

/// What waits in `in` is the socket's, not a peer's.
#[test]
fn a_closing_socket_accepts_new_peers_for_queued_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let push = near.socket::<Push>().unwrap();
            let endpoint = push.bind(transport.endpoint()).unwrap();
            put(&push.sender(), "for the next peer");
            let closing = std::thread::spawn(move || push.close_blocking());
            let pull = far.socket::<Pull>().unwrap();
            pull.connect(&endpoint).unwrap();
            assert_eq!(next_text(&pull.receiver()), "for the next peer");
            assert_eq!(closing.join().unwrap().undelivered, 0, "{transport:?}");
        }
    });
}
