//! One monitor for all sockets of a context, and the statistics of all of them.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use zmq_channels::error::{Closed, ObserveError, PumpFailure, RecvError, RecvTimeoutError};
use zmq_channels::monitor::{Event, EventKind, EventSet, MonitorOptions};
use zmq_channels::statistics::ContextStatistics;
use zmq_channels::{
    Context, ContextOptions, Message, Monitor, Options, Pull, Push, Socket, SocketType,
};

use super::{lossless, told};
use crate::common::{
    alone, eventually, next, pump_threads, put, within, Transport, ABSENCE, LIMIT,
};

fn context(pumps: usize) -> Context {
    Context::with_options(ContextOptions::new().pumps(pumps)).unwrap()
}

fn on_pump(pump: usize) -> Options {
    lossless().pump(Some(pump))
}

/// Events until the `stops`th `Stopped`, in their order, by socket.
fn by_socket(monitor: &Monitor, stops: usize) -> HashMap<u64, Vec<Event>> {
    let mut all: HashMap<u64, Vec<Event>> = HashMap::new();
    let mut stopped = 0;
    while stopped < stops {
        let event = told(monitor);
        stopped += usize::from(event.kind == EventKind::Stopped);
        all.entry(event.socket).or_default().push(event);
    }
    all
}

#[test]
fn context_monitor_reports_present_and_future_sockets() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for pumps in [1, 3] {
                let context = context(pumps);
                let before = context.socket_with::<Pull>(lossless()).unwrap();
                let monitors = [context.monitor().unwrap(), context.monitor().unwrap()];
                let own = before.monitor().unwrap();
                let endpoint = before.bind(transport.endpoint()).unwrap();
                let mut types = HashMap::from([(before.id(), SocketType::Pull)]);
                for _ in 0..3 {
                    let push = context.socket_with::<Push>(lossless()).unwrap();
                    types.insert(push.id(), SocketType::Push);
                    push.connect(&endpoint).unwrap();
                    push.wait_connected_blocking(1).unwrap();
                    put(&push.sender(), "hello");
                    next(&before.receiver());
                    push.close_blocking();
                    eventually("it is gone", || {
                        before.statistics().unwrap().peers.is_empty()
                    });
                }
                before.close_blocking();
                assert_eq!(types.len(), 4, "each has its own number");
                let of_own: Vec<Event> = own.iter().collect();
                for monitor in &monitors {
                    let all = by_socket(monitor, types.len());
                    assert_eq!(all.len(), types.len(), "{transport:?}, {pumps} pumps");
                    for (id, events) in &all {
                        let stranger = events.iter().find(|event| event.socket_type != types[id]);
                        assert_eq!(stranger, None);
                        assert_eq!(events.last().unwrap().kind, EventKind::Stopped);
                        let met =
                            |event: &&Event| matches!(event.kind, EventKind::HandshakeSucceeded(_));
                        let expected = if *id == before.id() { 3 } else { 1 };
                        assert_eq!(events.iter().filter(met).count(), expected);
                    }
                    // The same as the socket's own tells.
                    assert_eq!(all[&before.id()], of_own);
                    assert_eq!(monitor.missed(), 0);
                }
            }
        }
    });
}

#[test]
fn context_monitor_created_late_knows_addresses_of_connections() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket_with::<Pull>(lossless()).unwrap();
        let endpoint = pull.bind(Transport::Tcp.endpoint()).unwrap();
        let push = Context::new().socket_with::<Push>(lossless()).unwrap();
        push.connect(&endpoint).unwrap();
        pull.wait_connected_blocking(1).unwrap();
        let selected = MonitorOptions::new().events(EventSet::DISCONNECTED);
        let monitor = context.monitor_with(selected).unwrap();
        let peer = pull.statistics().unwrap().peers[0].clone();
        push.close_blocking();
        let gone = told(&monitor);
        assert_eq!((gone.remote.is_some(), gone.remote), (true, peer.remote));
        assert_eq!(gone.connection, Some(peer.connection));
        assert_eq!(gone.endpoint.as_ref(), Some(&endpoint));
    });
}

#[test]
fn context_monitor_that_is_slow_counts_missed_events() {
    within(LIMIT, || {
        let context = context(2);
        let small = MonitorOptions::new()
            .capacity(4)
            .events(EventSet::LISTENING);
        let slow = context.monitor_with(small).unwrap();
        let unread = context.monitor().unwrap();
        drop(unread);
        let sockets: Vec<Socket<Pull>> = (0..10)
            .map(|_| {
                let pull = context.socket::<Pull>().unwrap();
                pull.bind(Transport::Tcp.endpoint()).unwrap();
                pull
            })
            .collect();
        assert_eq!((slow.len(), slow.missed()), (4, 6));
        // Those that came last.
        let last: Vec<u64> = sockets[6..].iter().map(Socket::id).collect();
        let kept: Vec<u64> = (0..4).map(|_| told(&slow).socket).collect();
        assert_eq!(kept, last);
    });
}

#[test]
fn context_monitor_starts_no_thread_before_the_first_socket() {
    alone(LIMIT, || {
        let context = context(2);
        let monitor = context.monitor().unwrap();
        assert_eq!(context.statistics(), Ok(ContextStatistics::default()));
        let early = monitor.recv_timeout_blocking(Duration::from_millis(1));
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        assert_eq!(pump_threads(), 0);
        // A task that has to be woken in time needs one.
        let early = block_on(monitor.recv_timeout(Duration::from_millis(1)));
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        assert_eq!(pump_threads(), 1);
        context.shutdown();
        assert_eq!(
            monitor.recv_blocking(),
            Err(RecvError::Closed(Closed::Context))
        );
        eventually("no thread is left", || pump_threads() == 0);
    });
}

#[test]
fn context_monitor_ends_with_the_context() {
    within(LIMIT, || {
        let waiting = |monitor: &Monitor| {
            let monitor = monitor.clone();
            thread::spawn(move || loop {
                if let Err(end) = monitor.recv_blocking() {
                    break end;
                }
            })
        };
        for pumps in [1, 2] {
            // Shut down.
            let first = context(pumps);
            let _pull = first.socket::<Pull>().unwrap();
            let monitor = first.monitor().unwrap();
            let end = waiting(&monitor);
            first.shutdown();
            assert_eq!(end.join().unwrap(), RecvError::Closed(Closed::Context));
            assert_eq!(
                first.monitor().unwrap_err(),
                ObserveError::Closed(Closed::Context)
            );
            assert_eq!(
                first.statistics(),
                Err(ObserveError::Closed(Closed::Context))
            );
            // Closed.
            for blocking in [true, false] {
                let second = context(pumps);
                let _pull = second.socket::<Pull>().unwrap();
                let monitor = second.monitor().unwrap();
                let end = waiting(&monitor);
                match blocking {
                    true => second.close_blocking(),
                    false => block_on(second.close()),
                };
                assert_eq!(end.join().unwrap(), RecvError::Closed(Closed::Socket));
                assert_eq!(
                    second.monitor().unwrap_err(),
                    ObserveError::Closed(Closed::Context)
                );
            }
            // Terminated: told to the end, while a socket lingers, and then that.
            let (second, other) = (context(pumps), Context::new());
            let pull = other.socket::<Pull>().unwrap();
            let push = second.socket::<Push>().unwrap();
            let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
            pull.unbind(&endpoint).unwrap();
            push.connect(&endpoint).unwrap();
            put(&push.sender(), "for a peer that comes late");
            let monitor = second.monitor().unwrap();
            let end = waiting(&monitor);
            let terminating = second.terminate();
            pull.bind(&endpoint).unwrap();
            assert_eq!(block_on(terminating).undelivered, 0);
            assert_eq!(end.join().unwrap(), RecvError::Closed(Closed::Context));
            assert_eq!(next(&pull.receiver()), "for a peer that comes late".into());
            // Gone: the monitor does not keep it.
            for opens in [true, false] {
                let third = context(pumps);
                let pull = opens.then(|| third.socket::<Pull>().unwrap());
                let monitor = third.monitor().unwrap();
                let end = waiting(&monitor);
                drop((pull, third));
                assert_eq!(end.join().unwrap(), RecvError::Closed(Closed::Socket));
            }
        }
    });
}

/// Shared by a message; panics when that is dropped.
struct Bomb(Vec<u8>);

impl AsRef<[u8]> for Bomb {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the destructor panics");
    }
}

#[test]
fn context_monitor_continues_when_a_pump_panics() {
    within(LIMIT, || {
        const FAILURE: PumpFailure = PumpFailure::Panicked("the destructor panics");
        let context = context(2);
        let doomed = context.socket_with::<Push>(on_pump(0)).unwrap();
        let pull = context.socket_with::<Pull>(on_pump(1)).unwrap();
        let monitor = context.monitor().unwrap();
        // One that waits with a time limit while the pump that is to wake it fails.
        let selected = MonitorOptions::new().events(EventSet::BIND_FAILED);
        let patient = context.monitor_with(selected).unwrap();
        let waiting = thread::spawn(move || block_on(patient.recv_timeout(ABSENCE)));
        let bomb = Bytes::from_owner(Bomb(vec![0; 1000]));
        doomed.send_blocking(Message::from(bomb)).unwrap();
        assert_eq!(doomed.close_blocking().failure, Some(FAILURE));
        let events = by_socket(&monitor, 1);
        let kinds: Vec<_> = events[&doomed.id()]
            .iter()
            .map(|event| &event.kind)
            .collect();
        let failed = EventKind::PumpFailed { failure: FAILURE };
        assert_eq!(kinds, [&failed, &EventKind::Stopped]);
        assert_eq!(waiting.join().unwrap(), Err(RecvTimeoutError::Timeout));

        pull.bind(Transport::Tcp.endpoint()).unwrap();
        let event = told(&monitor);
        assert_eq!(
            (event.kind, event.socket),
            (EventKind::Listening, pull.id())
        );
        let early = block_on(monitor.recv_timeout(Duration::from_millis(1)));
        assert_eq!(early, Err(RecvTimeoutError::Timeout));
        let statistics = context.statistics().unwrap();
        assert_eq!(statistics.failure, Some(FAILURE));
        let there: Vec<u64> = statistics
            .sockets
            .iter()
            .map(|socket| socket.socket)
            .collect();
        assert_eq!(there, [pull.id()]);
    });
}

#[test]
fn context_statistics_are_the_sum_of_the_sockets() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for pumps in [1, 3] {
                let context = context(pumps);
                let pull = context.socket_with::<Pull>(lossless()).unwrap();
                let endpoint = pull.bind(transport.endpoint()).unwrap();
                let pushes: Vec<_> = (1..=3u64)
                    .map(|count| {
                        let push = context.socket_with::<Push>(lossless()).unwrap();
                        push.connect(&endpoint).unwrap();
                        (0..count).for_each(|_| put(&push.sender(), "hello"));
                        push
                    })
                    .collect();
                (0..6).for_each(|_| drop(next(&pull.receiver())));
                let whole = |statistics: &ContextStatistics| statistics.total.messages_out == 6;
                let mut statistics = context.statistics().unwrap();
                eventually("all has been counted", || {
                    statistics = context.statistics().unwrap();
                    whole(&statistics)
                });
                assert_eq!(statistics.total.messages_in, 6);
                assert_eq!(statistics.total.peers, []);
                assert_eq!(statistics.failure, None);
                let told: Vec<_> = statistics
                    .sockets
                    .iter()
                    .map(|socket| {
                        (
                            socket.socket,
                            socket.socket_type,
                            socket.statistics.messages_out,
                        )
                    })
                    .collect();
                let ids: Vec<u64> = pushes.iter().map(Socket::id).collect();
                let expected = [
                    (pull.id(), SocketType::Pull, 0),
                    (ids[0], SocketType::Push, 1),
                    (ids[1], SocketType::Push, 2),
                    (ids[2], SocketType::Push, 3),
                ];
                assert_eq!(told, expected, "{transport:?}, {pumps} pumps");
                assert_eq!(statistics.sockets[0].statistics.peers.len(), 3);
                // Those that have ended are not counted any more.
                let mut pushes = pushes;
                pushes.pop().unwrap().close_blocking();
                let left = context.statistics().unwrap();
                assert_eq!((left.total.messages_out, left.sockets.len()), (3, 3));
            }
        }
    });
}

#[test]
fn context_monitor_reports_no_internal_sockets() {
    within(LIMIT, || {
        let context = Context::new();
        let monitor = context.monitor().unwrap();
        let authenticator = context.authenticator().unwrap();
        thread::spawn(move || {
            authenticator
                .iter()
                .for_each(|request| request.accept("anna"))
        });
        let server = lossless().zap_domain("here");
        let pull = context.socket_with::<Pull>(server).unwrap();
        let push = context.socket_with::<Push>(lossless()).unwrap();
        push.connect(pull.bind(Transport::Tcp.endpoint()).unwrap())
            .unwrap();
        put(&push.sender(), "hello");
        next(&pull.receiver());
        let sockets = context.statistics().unwrap().sockets;
        let known: HashSet<u64> = sockets.iter().map(|socket| socket.socket).collect();
        let told: HashSet<u64> = std::iter::from_fn(|| monitor.try_recv().ok())
            .map(|event| event.socket)
            .collect();
        assert!(
            !known.contains(&0) && told.is_subset(&known),
            "{told:?} of {known:?}"
        );
        assert!(told.contains(&pull.id()) && told.contains(&push.id()));
    });
}
