//! The pauses between attempts to connect, under a simulated clock.

use super::*;

/// Nothing listens there.
const DEAD: &str = "tcp://127.0.0.1:9";

const ATTEMPTS: usize = 12;

/// The pauses that a PUSH with these options announces, each of which is over before the next attempt.
fn pauses(seed: u64, options: Options) -> Vec<Duration> {
    let mut sim = Sim::new(seed, Faults::default(), 1);
    let push = sim.open(0, SocketType::Push, options);
    let monitor = sim.monitor(&push);
    sim.connect(&push, &DEAD.parse().unwrap());
    let mut pauses = Vec::new();
    let mut failed_at = None;
    sim.until("enough attempts", |sim| {
        for event in told(&monitor) {
            match (event.kind, failed_at) {
                (EventKind::ConnectFailed { .. }, Some(before)) => {
                    let waited: Duration = sim.now - before;
                    let pause = *pauses.last().unwrap();
                    // A step of the clock is a millisecond, and an attempt takes two of them at most.
                    let longest = pause + Duration::from_millis(3);
                    assert!(
                        pause <= waited && waited <= longest,
                        "seed {seed}: {pause:?} became {waited:?}"
                    );
                    failed_at = Some(sim.now);
                }
                (EventKind::ConnectFailed { .. }, None) => failed_at = Some(sim.now),
                (EventKind::ConnectRetried { after }, _) => pauses.push(after),
                _ => {}
            }
        }
        pauses.len() >= ATTEMPTS
    });
    pauses
}

/// Whether `pause` is `interval` with a jitter of up to a quarter.
fn is_about(pause: Duration, interval: Duration) -> bool {
    interval <= pause && pause < interval * 5 / 4
}

#[test]
fn sim_pauses_double_from_the_interval_to_its_maximum_with_jitter() {
    let (interval, longest) = (Duration::from_millis(6), Duration::from_millis(150));
    let options = || {
        Options::new()
            .reconnect_interval(Some(interval))
            .reconnect_interval_max(longest)
    };
    let mut jitters = Vec::new();
    for seed in seeds() {
        let pauses = pauses(seed, options());
        for (attempt, &pause) in pauses.iter().enumerate() {
            let expected = longest.min(interval * 2_u32.pow(attempt as u32));
            assert!(is_about(pause, expected), "seed {seed}: {pauses:?}");
            jitters.push((pause - expected).as_secs_f64() / expected.as_secs_f64());
        }
    }
    // Spread over the quarter, so that the clients of a lost server do not all return at once.
    let quarter = jitters.len() / 4;
    assert!(jitters.iter().filter(|&&jitter| jitter < 0.1).count() > quarter);
    assert!(jitters.iter().filter(|&&jitter| jitter > 0.15).count() > quarter);
}

/// `ZMQ_RECONNECT_IVL_MAX` of 0: the interval stays.
#[test]
fn sim_pauses_stay_at_an_interval_above_the_maximum() {
    let interval = Duration::from_millis(40);
    let options = Options::new()
        .reconnect_interval(Some(interval))
        .reconnect_interval_max(Duration::ZERO);
    let pauses = pauses(1, options);
    assert!(
        pauses.iter().all(|&pause| is_about(pause, interval)),
        "{pauses:?}"
    );
}

#[test]
fn sim_without_an_interval_there_is_one_attempt() {
    let mut sim = Sim::new(1, Faults::default(), 1);
    let push = sim.open(0, SocketType::Push, Options::new().reconnect_interval(None));
    let monitor = sim.monitor(&push);
    sim.connect(&push, &DEAD.parse().unwrap());
    for _ in 0..1000 {
        sim.step();
    }
    let kinds: Vec<_> = told(&monitor).into_iter().map(|event| event.kind).collect();
    assert!(
        matches!(kinds[..], [EventKind::ConnectFailed { .. }]),
        "{kinds:?}"
    );
}

/// A peer that comes back is found again after the first interval, not after the last pause.
#[test]
fn sim_a_connection_begins_the_pauses_again() {
    let mut sim = Sim::new(1, Faults::default(), 2);
    let (interval, longest) = (Duration::from_millis(10), Duration::from_secs(2));
    let options = Options::new()
        .reconnect_interval(Some(interval))
        .reconnect_interval_max(longest);
    let push = sim.open(1, SocketType::Push, options);
    let monitor = sim.monitor(&push);
    let endpoint = {
        let spare = sim.open(0, SocketType::Pull, Options::new());
        let endpoint = sim.bind(&spare, "tcp://127.0.0.1:0");
        sim.close_and_wait(&spare);
        endpoint
    };
    sim.connect(&push, &endpoint);
    let mut events = Vec::new();
    sim.until("some attempts", |_| {
        events.extend(told(&monitor).into_iter().map(|event| event.kind));
        events.len() >= 10
    });
    let pull = sim.open(0, SocketType::Pull, Options::new());
    sim.bind(&pull, endpoint.as_str());
    sim.until("a connection", |_| {
        told(&monitor)
            .iter()
            .any(|event| matches!(event.kind, EventKind::HandshakeSucceeded(_)))
    });
    sim.close_and_wait(&pull);
    let mut pause = None;
    sim.until("the next pause", |_| {
        for event in told(&monitor) {
            if let EventKind::ConnectRetried { after } = event.kind {
                pause.get_or_insert(after);
            }
        }
        pause.is_some()
    });
    assert!(is_about(pause.unwrap(), interval), "{pause:?}");
}
