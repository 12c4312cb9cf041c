//! A pump that panics: every call is told why, and other pumps go on. What makes it panic is the
//! destructor of what a message shares, which is the user's code.

use std::thread::{self, ScopedJoinHandle};

use bytes::Bytes;
use zmq_channels::error::{
    BindError, Closed, ConfigureError, ObserveError, PumpFailure, RecvError, RequestError,
    SendError, SocketError, SubscribeError, WaitError,
};
use zmq_channels::monitor::EventKind;
use zmq_channels::socket::CloseReport;
use zmq_channels::{
    Context, ContextOptions, Linger, Message, Options, Pub, Pull, Push, Req, Sender, Socket, Sub,
};

use crate::common::{eventually, next_text, within, Transport, LIMIT, PATIENCE};

const SAID: &str = "the destructor panics";
const FAILURE: PumpFailure = PumpFailure::Panicked(SAID);

/// Shared by a message; panics when that is dropped.
struct Bomb(Vec<u8>);

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{SAID}");
    }
}

fn bomb() -> Message {
    Message::from(Bytes::from_owner(Bomb(vec![0; 1000])))
}

/// A context with two pumps.
fn two_pumps() -> Context {
    Context::with_options(ContextOptions::new().pumps(2)).unwrap()
}

/// How the pump comes to drop the message.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// On its own thread: it obeys.
    Close,
    /// On the thread that sends, which does the turn.
    Send,
}

fn set_off(cause: Cause, context: &Context) {
    let options = Options::new()
        .pump(Some(0))
        .linger(Linger::For(std::time::Duration::ZERO));
    let push = context.socket_with::<Push>(options.clone()).unwrap();
    match cause {
        Cause::Close => {
            push.send_blocking(bomb()).unwrap();
            let closed = push.close_blocking();
            assert_eq!(closed.failure, Some(FAILURE));
        }
        Cause::Send => {
            let pull = context.socket_with::<Pull>(options).unwrap();
            push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
                .unwrap();
            push.wait_connected_blocking(1).unwrap();
            let _ = push.send_blocking(bomb());
        }
    }
}

/// Starts a call in another thread.
fn pending<'scope, R: Send + 'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    call: impl FnOnce() -> R + Send + 'scope,
) -> ScopedJoinHandle<'scope, R> {
    scope.spawn(call)
}

#[test]
fn calls_pending_when_a_pump_panics_fail_with_the_reason() {
    within(LIMIT, || {
        for cause in [Cause::Close, Cause::Send] {
            let context = two_pumps();
            let here = Options::new().pump(Some(0)).high_water_marks(1);
            let pull = context.socket_with::<Pull>(here.clone()).unwrap();
            let push = context.socket_with::<Push>(here.clone()).unwrap();
            let req = context.socket_with::<Req>(here.clone()).unwrap();
            let held = context.socket_with::<Push>(here).unwrap();
            let monitor = pull.monitor().unwrap();
            for socket in [&push, &held] {
                socket.bind("tcp://127.0.0.1:*").unwrap();
                socket.send_blocking("waits for a peer").unwrap();
            }
            thread::scope(|scope| {
                let receives = pending(scope, || pull.recv_blocking());
                let sends = pending(scope, || push.send_blocking("no room"));
                let asks = pending(scope, || req.request_blocking("well?"));
                let waits = pending(scope, || pull.wait_connected_blocking(1));
                let closes = pending(scope, || held.close_blocking());
                eventually("the socket is being closed", || held.is_closed());
                set_off(cause, &context);
                assert_eq!(
                    receives.join().unwrap(),
                    Err(RecvError::Closed(Closed::Socket))
                );
                let sent = sends.join().unwrap();
                assert_eq!(
                    sent,
                    Err(SendError::Closed(Closed::Socket, "no room".into()))
                );
                let asked = asks.join().unwrap();
                assert!(
                    matches!(asked, Err(RequestError::Closed(Closed::Socket, _))),
                    "{asked:?}"
                );
                assert_eq!(waits.join().unwrap(), Err(WaitError::PumpFailed(FAILURE)));
                let closed: CloseReport = closes.join().unwrap();
                assert_eq!((closed.undelivered, closed.failure), (1, Some(FAILURE)));
            });
            let mut told = monitor.iter().map(|event| event.kind);
            let failed = EventKind::PumpFailed { failure: FAILURE };
            assert_eq!(told.next(), Some(failed), "{cause:?}");
            assert_eq!(told.next(), Some(EventKind::Stopped));
            assert_eq!(told.next(), None);
            assert_eq!(pull.failure(), Some(FAILURE));
            assert_eq!(push.sender().failure(), Some(FAILURE));
            assert_eq!(pull.receiver().failure(), Some(FAILURE));
        }
    });
}

#[test]
fn later_calls_to_a_panicked_pump_fail_with_the_reason() {
    within(LIMIT, || {
        let context = two_pumps();
        let here = Options::new().pump(Some(0));
        let pull = context.socket_with::<Pull>(here.clone()).unwrap();
        let subscriber = context.socket_with::<Sub>(here.clone()).unwrap();
        let publisher = context.socket_with::<Pub>(here.clone()).unwrap();
        publisher.bind("inproc://name").unwrap();
        set_off(Cause::Close, &context);
        assert_eq!(pull.recv_blocking(), Err(RecvError::Closed(Closed::Socket)));
        let sent = publisher.send_blocking("x");
        assert_eq!(sent, Err(SendError::Closed(Closed::Socket, "x".into())));
        let bound = pull.bind("tcp://127.0.0.1:*");
        assert!(
            matches!(bound, Err(BindError::PumpFailed(FAILURE))),
            "{bound:?}"
        );
        assert_eq!(bound.unwrap_err().to_string(), FAILURE.to_string());
        let connected = pull.connect("tcp://127.0.0.1:1").unwrap_err();
        assert_eq!(connected.to_string(), FAILURE.to_string());
        let disconnected = pull.disconnect("tcp://127.0.0.1:1").unwrap_err();
        assert_eq!(disconnected.to_string(), FAILURE.to_string());
        let failed = Err(SubscribeError::PumpFailed(FAILURE));
        assert_eq!(subscriber.subscribe(""), failed);
        let failed = ConfigureError::PumpFailed(FAILURE);
        assert_eq!(pull.options().unwrap_err(), failed);
        let failed = ObserveError::PumpFailed(FAILURE);
        assert_eq!(pull.statistics().unwrap_err(), failed);
        let failed = ObserveError::PumpFailed(FAILURE);
        assert_eq!(pull.monitor().unwrap_err(), failed);
        let failed = Err(WaitError::PumpFailed(FAILURE));
        assert_eq!(publisher.wait_subscribed_blocking(1), failed);
        assert_eq!(pull.close_blocking().failure, Some(FAILURE));
        let opened = context.socket_with::<Pull>(here).unwrap_err();
        assert!(
            matches!(opened, SocketError::PumpFailed(FAILURE)),
            "{opened}"
        );

        // Sockets without a choice of pump live on the other one, and may have the name.
        let pairs: Vec<_> = (0..4)
            .map(|_| {
                (
                    context.socket::<Push>().unwrap(),
                    context.socket::<Pull>().unwrap(),
                )
            })
            .collect();
        pairs[0].1.bind("inproc://name").unwrap();
        context.shutdown();
    });
}

fn carries(push: &Socket<Push>, pull: &Socket<Pull>) {
    let sender: Sender = push.sender();
    sender
        .send_timeout_blocking("on it goes", PATIENCE)
        .unwrap();
    assert_eq!(next_text(&pull.receiver()), "on it goes");
}

#[test]
fn other_pumps_of_a_context_keep_running_when_one_panics() {
    within(LIMIT, || {
        let context = two_pumps();
        let there = Options::new().pump(Some(1));
        let pairs: Vec<_> = [Transport::Tcp, Transport::Inproc]
            .into_iter()
            .map(|transport| {
                let push = context.socket_with::<Push>(there.clone()).unwrap();
                let pull = context.socket_with::<Pull>(there.clone()).unwrap();
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                (push, pull)
            })
            .collect();
        let across = context.socket_with::<Pull>(there).unwrap();
        let monitor = across.monitor().unwrap();
        across.bind("inproc://across").unwrap();
        let here = Options::new().pump(Some(0));
        let lost = context.socket_with::<Push>(here).unwrap();
        lost.connect("inproc://across").unwrap();
        carries(&lost, &across);
        set_off(Cause::Close, &context);
        for (push, pull) in &pairs {
            carries(push, pull);
            assert_eq!(push.failure(), None);
        }
        let ends = |kind: &EventKind| matches!(kind, EventKind::Disconnected { .. });
        assert!(monitor.iter().any(|event| ends(&event.kind)));
        let again = context.socket::<Push>().unwrap();
        again.connect("inproc://across").unwrap();
        carries(&again, &across);
        for (push, pull) in pairs {
            assert_eq!(push.close_blocking(), CloseReport::default());
            assert_eq!(pull.close_blocking(), CloseReport::default());
        }
    });
}
