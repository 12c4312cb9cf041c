//! Sockets that share a context do not feel each other.

use crate::common;

mod failing;
#[cfg(target_os = "linux")]
mod forking;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{holds_within, next_text, put, within, Transport, LIMIT};
use zmq_channels::{Context, Options, Pull, Push, Rep, Req, Socket};

const OTHERS: usize = 99;

/// Ninety-nine pipelines in one context, over every transport.
fn others(context: &Context) -> Vec<(Socket<Push>, Socket<Pull>)> {
    (0..OTHERS)
        .map(|number| {
            let transport = Transport::ALL[number % 3];
            let (push, pull) = (
                context.socket::<Push>().unwrap(),
                context.socket::<Pull>().unwrap(),
            );
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            (push, pull)
        })
        .collect()
}

/// How long it takes to send fifty messages through each of them.
fn lap(others: &[(Socket<Push>, Socket<Pull>)]) -> Duration {
    let start = Instant::now();
    for number in 0..50 {
        for (push, _) in others {
            put(&push.sender(), number.to_string());
        }
    }
    for (_, pull) in others {
        for number in 0..50 {
            assert_eq!(next_text(&pull.receiver()), number.to_string());
        }
    }
    start.elapsed()
}

/// What a lap takes when the machine has nothing else to do for as long.
fn best_of_laps(others: &[(Socket<Push>, Socket<Pull>)]) -> Duration {
    (0..9).map(|_| lap(others)).min().unwrap()
}

/// Sends numbers into a socket that is not read, until all are accepted.
fn flood(push: Socket<Push>, count: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        for number in 0..count {
            push.send_blocking(number.to_string()).unwrap();
        }
    })
}

#[test]
fn a_socket_that_nobody_reads_stops_nobody_else_and_loses_nothing() {
    within(2 * LIMIT, || {
        let context = Context::new();
        let others = others(&context);
        lap(&others);
        let alone = best_of_laps(&others);
        for transport in Transport::ALL {
            let options = Options::new().high_water_marks(10);
            let stuck = context.socket_with::<Pull>(options.clone()).unwrap();
            let push = context.socket_with::<Push>(options).unwrap();
            push.connect(stuck.bind(transport.endpoint()).unwrap())
                .unwrap();
            let flooding = flood(push, 50_000);
            let full = holds_within(Duration::from_secs(5), || stuck.receiver().len() == 10);
            assert!(full, "{transport:?}");

            let beside = best_of_laps(&others);
            assert!(
                beside < 2 * alone,
                "{transport:?}: {alone:?} alone, {beside:?} beside the stuck one"
            );
            for number in 0..50_000 {
                assert_eq!(next_text(&stuck.receiver()), number.to_string());
            }
            flooding.join().unwrap();
        }
    });
}

/// A large message on its way delays small ones on other sockets only by a slice of it.
#[test]
fn a_large_message_does_not_delay_small_ones() {
    within(LIMIT, || {
        let context = Context::new();
        let unlimited = || Options::new().high_water_marks(0);
        let (push, pull) = (
            context.socket_with::<Push>(unlimited()).unwrap(),
            context.socket_with::<Pull>(unlimited()).unwrap(),
        );
        push.connect(pull.bind(Transport::Tcp.endpoint()).unwrap())
            .unwrap();
        let (req, rep) = (
            context.socket::<Req>().unwrap(),
            context.socket::<Rep>().unwrap(),
        );
        req.connect(rep.bind(Transport::Tcp.endpoint()).unwrap())
            .unwrap();
        let round = || {
            let start = Instant::now();
            put(&req.sender(), "small");
            assert_eq!(next_text(&rep.receiver()), "small");
            put(&rep.sender(), "small");
            assert_eq!(next_text(&req.receiver()), "small");
            start.elapsed()
        };
        // What this machine needs when it is busy with other things only.
        let usual = (0..50).map(|_| round()).max().unwrap_or_default();
        let large = vec![7_u8; 64 << 20];
        for _ in 0..3 {
            put(&push.sender(), large.clone());
        }
        let mut rounds = Vec::new();
        let mut arrived = 0;
        while arrived < 3 {
            rounds.push(round());
            if let Ok(message) = pull.try_recv() {
                assert!(message[0] == large);
                arrived += 1;
            }
        }
        rounds.sort();
        // The median: on a busy machine a single round may wait for anything.
        let (count, median) = (rounds.len(), rounds[rounds.len() / 2]);
        assert!(count > 10, "{count} small rounds beside three large ones");
        assert!(
            median < Duration::from_millis(100) + 10 * usual,
            "{median:?}, {usual:?} without large messages"
        );
    });
}
