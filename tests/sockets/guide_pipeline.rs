//! The examples about several sockets and several threads, run.

use crate::common;

#[path = "../../examples/mspoller.rs"]
#[allow(dead_code)]
mod mspoller;
#[path = "../../examples/mtrelay.rs"]
#[allow(dead_code)]
mod mtrelay;
#[path = "../../examples/pipeline.rs"]
#[allow(dead_code)]
mod pipeline;
#[path = "../../examples/syncpub.rs"]
#[allow(dead_code)]
mod syncpub;

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use common::{put, within, Transport, LIMIT};
use mspoller::Came;
use zmq_channels::{Context, ContextOptions, Pub, Pull, Push, Sub};

#[test]
fn one_thread_reads_two_sockets() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for by_hand in [false, true] {
                read_two_sockets(transport, by_hand);
            }
        }
    });
}

/// Each next message is sent only when the one before has come, from either socket.
fn read_two_sockets(transport: Transport, by_hand: bool) {
    let (here, there) = transport.contexts();
    let (tasks, weather) = (
        here.socket::<Pull>().unwrap(),
        here.socket::<Sub>().unwrap(),
    );
    let (ventilator, station) = (
        there.socket::<Push>().unwrap(),
        there.socket::<Pub>().unwrap(),
    );
    weather.subscribe("10001 ").unwrap();
    weather
        .connect(station.bind(transport.endpoint()).unwrap())
        .unwrap();
    tasks
        .connect(ventilator.bind(transport.endpoint()).unwrap())
        .unwrap();
    station.wait_subscribed_blocking(1).unwrap();
    let (ventilator, station) = (ventilator.sender(), station.sender());
    put(&station, "10001 rain");
    let mut came = Vec::new();
    let handle = |message| {
        came.push(message);
        match came.len() {
            1 => put(&ventilator, "a task"),
            2 => put(&ventilator, "another"),
            3 => {
                put(&station, "20002 not asked for");
                put(&station, "10001 sun");
            }
            _ => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    };
    match by_hand {
        false => mspoller::poll(&tasks, &weather, handle).unwrap(),
        true => mspoller::read(&tasks, &weather, handle).unwrap(),
    }
    let expected = [
        Came::Weather("10001 rain".into()),
        Came::Task("a task".into()),
        Came::Task("another".into()),
        Came::Weather("10001 sun".into()),
    ];
    assert_eq!(came, expected, "{transport:?}");
}

#[test]
fn a_sink_ends_the_workers_when_it_has_all_results() {
    within(LIMIT, || {
        const WORKERS: usize = 4;
        const TASKS: usize = 1000;
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let places = [(); 3].map(|()| transport.endpoint());
            let places = places.each_ref().map(String::as_str);
            thread::scope(|scope| {
                let workers = [(); WORKERS].map(|()| scope.spawn(|| pipeline::work(&here, places)));
                scope.spawn(|| {
                    let workloads = std::iter::repeat_n(0, TASKS);
                    pipeline::ventilate(&there, places, WORKERS, workloads).unwrap();
                });
                pipeline::collect(&there, places, WORKERS, TASKS).unwrap();
                let done = workers.map(|worker| worker.join().unwrap().unwrap());
                assert_eq!(done.iter().sum::<usize>(), TASKS, "{transport:?}");
                assert!(done.iter().all(|&done| done > 0), "{transport:?}: {done:?}");
            });
        }
    });
}

#[test]
fn a_signal_is_relayed_from_thread_to_thread() {
    within(LIMIT, || {
        for pumps in [1, 2] {
            for _ in 0..25 {
                let options = ContextOptions::new().pumps(pumps);
                let context = Context::with_options(options).unwrap();
                assert_eq!(mtrelay::relay(&context).unwrap(), "READY".into());
            }
        }
    });
}

/// `UPDATES=1000000` for the number of the Guide, which `.ci/run main_job` has in release mode.
#[test]
fn ten_subscribers_get_every_update() {
    const SUBSCRIBERS: usize = 10;
    let updates = std::env::var("UPDATES").map_or(10_000, |number| number.parse().unwrap());
    within(LIMIT + Duration::from_micros(updates * 300), move || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let publisher = syncpub::publisher(&here).unwrap();
            let endpoint = transport.endpoint();
            let subscribers = [(); SUBSCRIBERS].map(|()| {
                let subscriber = syncpub::subscriber(&there, &endpoint).unwrap();
                thread::spawn(move || syncpub::count(&subscriber).unwrap())
            });
            publisher.bind(&endpoint).unwrap();
            syncpub::publish(&publisher, SUBSCRIBERS, updates).unwrap();
            for subscriber in subscribers {
                assert_eq!(subscriber.join().unwrap(), updates, "{transport:?}");
            }
        }
    });
}
