//! Proxies: what one socket receives another sends, back-pressure and all.

use crate::common;

use std::thread;
use std::time::Duration;

use common::{
    alone, eventually, next, next_text, nothing_comes, pump_threads, put, within, Transport, LIMIT,
};
use zmq_channels::error::{ProxyError, TrySendError};
use zmq_channels::{
    Context, Dealer, Message, Options, Pair, Proxy, Pub, Pull, Push, Receiver, Rep, Req, Router,
    Sender, Socket, Sub,
};

/// A request there and its reply back, `rounds` times.
fn ping(client: &Socket<Req>, rounds: usize) {
    for round in 0..rounds {
        client.send_blocking(format!("{round}")).unwrap();
        assert_eq!(next_text(&client.receiver()), format!("{round}!"));
    }
}

/// Answers every request with itself and a mark, until the socket closes.
fn serve(worker: Socket<Rep>) {
    thread::spawn(move || {
        while let Ok(request) = worker.recv_blocking() {
            let _ = worker.send_blocking([request[0].to_vec(), b"!".to_vec()].concat());
        }
    });
}

#[test]
fn requests_and_replies_pass_over_every_transport() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, other) = transport.contexts();
            let front = context.socket::<Router>().unwrap();
            let back = context.socket::<Dealer>().unwrap();
            let clients = front.bind(transport.endpoint()).unwrap();
            let workers = back.bind(transport.endpoint()).unwrap();
            let proxy = Proxy::start(&front, &back).unwrap();
            for _ in 0..2 {
                let worker = other.socket::<Rep>().unwrap();
                worker.connect(&workers).unwrap();
                serve(worker);
            }
            let askers: Vec<_> = (0..4)
                .map(|_| {
                    let client = other.socket::<Req>().unwrap();
                    client.connect(&clients).unwrap();
                    thread::spawn(move || ping(&client, 50))
                })
                .collect();
            askers.into_iter().for_each(|asker| asker.join().unwrap());
            let end = proxy.stop();
            assert_eq!((end.forth.messages, end.back.messages), (200, 200));
            assert_eq!((end.forth.refused, end.back.refused), (0, 0));
            assert_eq!((end.forth.held, end.back.held), (0, 0));
            other.shutdown();
        }
    });
}

#[test]
fn five_chained_proxies_forward_a_hundred_round_trips_in_order() {
    within(Duration::from_secs(5), || {
        let context = Context::new();
        let mut proxies = Vec::new();
        let worker = context.socket::<Rep>().unwrap();
        let mut next = worker.bind("tcp://127.0.0.1:*").unwrap();
        serve(worker);
        for _ in 0..5 {
            let front = context.socket::<Router>().unwrap();
            let back = context.socket::<Dealer>().unwrap();
            back.connect(&next).unwrap();
            next = front.bind("tcp://127.0.0.1:*").unwrap();
            proxies.push(Proxy::start(&front, &back).unwrap());
        }
        let client = context.socket::<Req>().unwrap();
        client.connect(&next).unwrap();
        ping(&client, 100);
        for proxy in &proxies {
            let statistics = proxy.statistics().unwrap();
            assert_eq!(statistics.forth.messages, 100);
            assert_eq!(statistics.back.messages, 100);
        }
        context.shutdown();
    });
}

/// A pipeline through a proxy: the sender of one end, the receiver of the other.
struct Pipeline {
    context: Context,
    source: Socket<Push>,
    front: Socket<Pull>,
    back: Socket<Push>,
    proxy: Proxy,
    sink: Socket<Pull>,
}

fn pipeline(mark: usize) -> Pipeline {
    let context = Context::new();
    let options = Options::new().high_water_marks(mark);
    let front = context.socket_with::<Pull>(options.clone()).unwrap();
    let back = context.socket_with::<Push>(options.clone()).unwrap();
    let source = context.socket_with::<Push>(options.clone()).unwrap();
    let sink = context.socket_with::<Pull>(options).unwrap();
    source
        .connect(front.bind("inproc://front").unwrap())
        .unwrap();
    back.bind("inproc://back").unwrap();
    let proxy = Proxy::start(&front, &back).unwrap();
    Pipeline {
        context,
        source,
        front,
        back,
        proxy,
        sink,
    }
}

/// Sends until nothing more is taken, for a while; says how many were.
fn fill(sender: &Sender) -> usize {
    let mut sent = 0;
    loop {
        let message = format!("{sent}");
        match sender.send_timeout_blocking(message, Duration::from_millis(200)) {
            Ok(()) => sent += 1,
            Err(_) => return sent,
        }
    }
}

fn drain(receiver: &Receiver, from: usize, to: usize) {
    for expected in from..to {
        assert_eq!(next_text(receiver), format!("{expected}"));
    }
}

#[test]
fn backpressure_passes_through_and_no_message_is_lost() {
    within(LIMIT, || {
        let pipe = pipeline(5);
        // `in` of the source and `out` of the front each hold a mark's worth, and so does `in` of
        // the back; nothing is held in between.
        let sent = fill(&pipe.source.sender());
        assert_eq!(sent, 15);
        pipe.sink.connect("inproc://back").unwrap();
        drain(&pipe.sink.receiver(), 0, sent);
        nothing_comes(&pipe.sink.receiver());
        let end = pipe.proxy.stop();
        assert_eq!(end.forth.messages, 15);
        assert_eq!((end.forth.held, end.back.messages), (0, 0));
    });
}

#[test]
fn a_flood_arrives_whole_and_in_order() {
    within(LIMIT, || {
        let pipe = pipeline(100);
        pipe.sink.connect("inproc://back").unwrap();
        let sender = pipe.source.sender();
        let flood = thread::spawn(move || {
            for number in 0..100_000 {
                sender.send_blocking(format!("{number}")).unwrap();
            }
        });
        drain(&pipe.sink.receiver(), 0, 100_000);
        flood.join().unwrap();
    });
}

#[test]
fn a_paused_proxy_forwards_and_loses_nothing() {
    within(LIMIT, || {
        let pipe = pipeline(5);
        pipe.sink.connect("inproc://back").unwrap();
        put(&pipe.source.sender(), "before");
        assert_eq!(next_text(&pipe.sink.receiver()), "before");
        pipe.proxy.pause().unwrap();
        pipe.proxy.pause().unwrap();
        assert_eq!(fill(&pipe.source.sender()), 10);
        nothing_comes(&pipe.sink.receiver());
        assert_eq!(pipe.proxy.statistics().unwrap().forth.messages, 1);
        pipe.proxy.resume().unwrap();
        drain(&pipe.sink.receiver(), 0, 10);
        // Another receiver of a paused proxy's socket gets its turn.
        pipe.proxy.pause().unwrap();
        put(&pipe.source.sender(), "for me");
        assert_eq!(next_text(&pipe.front.receiver()), "for me");
    });
}

#[test]
fn a_blocked_proxy_can_be_stopped() {
    within(LIMIT, || {
        let pipe = pipeline(5);
        let sent = fill(&pipe.source.sender());
        assert!(matches!(
            pipe.back.try_send("no room"),
            Err(TrySendError::Full(_))
        ));
        let end = pipe.proxy.stop();
        assert_eq!(end.forth.messages, 5);
        // Its sockets live on, with what they hold.
        drain(&pipe.front.receiver(), 5, sent);
        pipe.context.shutdown();
    });
}

#[test]
fn a_capture_receives_every_message_of_both_directions() {
    within(LIMIT, || {
        let context = Context::new();
        let front = context.socket::<Pair>().unwrap();
        let back = context.socket::<Pair>().unwrap();
        let capture = context.socket::<Push>().unwrap();
        let left = context.socket::<Pair>().unwrap();
        let right = context.socket::<Pair>().unwrap();
        let log = context.socket::<Pull>().unwrap();
        left.connect(front.bind("inproc://left").unwrap()).unwrap();
        right.connect(back.bind("inproc://right").unwrap()).unwrap();
        log.connect(capture.bind("inproc://log").unwrap()).unwrap();
        let _proxy = Proxy::start_with_capture(&front, &back, &capture).unwrap();
        left.send_blocking(["a", "", "b"]).unwrap();
        assert_eq!(next(&right.receiver()), Message::from(["a", "", "b"]));
        right.send_blocking("back").unwrap();
        assert_eq!(next_text(&left.receiver()), "back");
        assert_eq!(next(&log.receiver()), Message::from(["a", "", "b"]));
        assert_eq!(next_text(&log.receiver()), "back");
    });
}

#[test]
fn a_full_capture_blocks_the_proxy_unless_it_drops() {
    within(LIMIT, || {
        let context = Context::new();
        let few = Options::new().high_water_marks(3);
        for (waits, expected) in [(true, 9), (false, 1006)] {
            let front = context.socket_with::<Pull>(few.clone()).unwrap();
            let back = context.socket::<Push>().unwrap();
            let source = context.socket_with::<Push>(few.clone()).unwrap();
            let endpoint = front.bind("inproc://source").unwrap();
            source.connect(endpoint).unwrap();
            let capture = context.socket_with::<Push>(few.clone()).unwrap();
            let unbound = context.socket::<Pub>().unwrap();
            let proxy = match waits {
                true => Proxy::start_with_capture(&front, &back, &capture),
                false => Proxy::start_with_capture(&front, &back, &unbound),
            }
            .unwrap();
            // `back` is not received from either, but that has room for a thousand.
            assert_eq!(fill(&source.sender()), expected);
            drop(proxy);
            front.unbind("inproc://source").unwrap();
        }
    });
}

#[test]
fn a_proxy_of_one_socket_echoes() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = context.socket::<Router>().unwrap();
        let client = context.socket::<Dealer>().unwrap();
        client
            .connect(echo.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        let proxy = Proxy::start(&echo, &echo).unwrap();
        for round in 0..10 {
            put(&client.sender(), format!("{round}"));
            assert_eq!(next_text(&client.receiver()), format!("{round}"));
        }
        assert_eq!(proxy.stop().forth.messages, 10);
    });
}

#[test]
fn a_forwarder_bridges_publishers_and_subscribers() {
    within(LIMIT, || {
        let context = Context::new();
        let front = context.socket::<Sub>().unwrap();
        let back = context.socket::<Pub>().unwrap();
        front.subscribe("").unwrap();
        let publisher = context.socket::<Pub>().unwrap();
        let subscriber = context.socket::<Sub>().unwrap();
        subscriber.subscribe("weather").unwrap();
        publisher
            .connect(front.bind("inproc://in").unwrap())
            .unwrap();
        subscriber
            .connect(back.bind("inproc://out").unwrap())
            .unwrap();
        let _proxy = Proxy::start(&front, &back).unwrap();
        common::wait_subscribed(&publisher.sender(), &subscriber.receiver(), "weather");
        put(&publisher.sender(), ["sports", "0:0"]);
        put(&publisher.sender(), ["weather", "rain"]);
        assert_eq!(
            next(&subscriber.receiver()),
            Message::from(["weather", "rain"])
        );
    });
}

#[test]
fn closing_either_socket_ends_the_proxy() {
    within(LIMIT, || {
        for closes_front in [true, false] {
            let context = Context::new();
            let front = context.socket::<Router>().unwrap();
            let back = context.socket::<Dealer>().unwrap();
            let proxy = Proxy::start(&front, &back).unwrap();
            match closes_front {
                true => front.close_blocking(),
                false => back.close_blocking(),
            };
            proxy.wait_blocking();
        }
    });
}

#[test]
fn shutdown_ends_a_proxy_and_calls_fail() {
    within(LIMIT, || {
        let context = Context::new();
        let front = context.socket::<Router>().unwrap();
        let back = context.socket::<Dealer>().unwrap();
        let proxy = Proxy::start(&front, &back).unwrap();
        context.shutdown();
        assert_eq!(proxy.pause(), Err(ProxyError::Ended));
        assert_eq!(proxy.statistics(), Err(ProxyError::Ended));
        proxy.wait_blocking();
        let late = Proxy::start(&front, &back);
        assert_eq!(late.unwrap_err(), ProxyError::Ended);
    });
}

#[test]
fn incompatible_sockets_are_refused_by_a_proxy() {
    within(LIMIT, || {
        let context = Context::new();
        let push = context.socket::<Push>().unwrap();
        let publisher = context.socket::<Pub>().unwrap();
        let pull = context.socket::<Pull>().unwrap();
        let refused = Proxy::start(&push, &publisher).unwrap_err();
        assert_eq!(refused, ProxyError::NothingToCarry);
        let refused = Proxy::start_with_capture(&pull, &push, &pull).unwrap_err();
        assert_eq!(refused, ProxyError::MuteCapture);
        // Either order carries what there is to carry.
        let _ = Proxy::start(&push, &pull).unwrap();
    });
}

#[test]
fn a_detached_proxy_lives_without_any_handle() {
    within(LIMIT, || {
        let context = Context::new();
        let front = context.socket::<Router>().unwrap();
        let back = context.socket::<Dealer>().unwrap();
        let clients = front.bind("inproc://clients").unwrap();
        let workers = back.bind("inproc://workers").unwrap();
        Proxy::start(&front, &back).unwrap().detach();
        drop((front, back));
        let worker = context.socket::<Rep>().unwrap();
        worker.connect(workers).unwrap();
        serve(worker);
        let client = context.socket::<Req>().unwrap();
        client.connect(&clients).unwrap();
        ping(&client, 10);
        context.shutdown();
    });
}

#[test]
fn a_proxy_may_hold_the_last_handle() {
    alone(Duration::from_secs(5), || {
        let context = Context::new();
        let front = context.socket::<Router>().unwrap();
        let back = context.socket::<Dealer>().unwrap();
        let proxy = Proxy::start(&front, &back).unwrap();
        drop((context, front, back));
        drop(proxy);
        eventually("the pump ends", || pump_threads() == 0);
    });
}
