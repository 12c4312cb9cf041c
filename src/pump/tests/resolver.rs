//! Host names under a seed: some resolve, to addresses with or without a listener, and some never
//! do.

use super::super::transport::{self, Resolution, Target};
use super::*;

fn target(endpoint: &Endpoint) -> Target {
    match transport::targets(endpoint) {
        Ok(Resolution::Ready(target)) => target,
        other => panic!("{endpoint} is numeric: {other:?}"),
    }
}

fn named(host: &str) -> Endpoint {
    Endpoint::parse_for_connect(&format!("tcp://{host}:1")).unwrap()
}

/// Retries soon, so that only the order of lookups causes a delay.
fn eager() -> Options {
    let pause = Duration::from_millis(5);
    Options::new()
        .reconnect_interval(Some(pause))
        .reconnect_interval_max(pause)
}

/// A PULL that listens, and a PUSH on another pump, whose host `name` has these addresses.
fn listening(sim: &mut Sim) -> (Sock, Sock, Endpoint) {
    let pull = sim.open(0, SocketType::Pull, Options::new());
    let bound = sim.bind(&pull, "tcp://127.0.0.1:0");
    let push = sim.open(1, SocketType::Push, eager());
    (pull, push, bound)
}

#[test]
fn sim_unresolvable_names_do_not_delay_others() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, Faults::default(), 2);
        let (pull, push, bound) = listening(&mut sim);
        for number in 0..8 {
            sim.connect(&push, &named(&format!("no-{number}.example")));
        }
        let good = named("yes.example");
        let addresses = vec![target(&bound)];
        let network = Rc::clone(&sim.network);
        network
            .borrow_mut()
            .names
            .insert(good.to_string(), addresses);
        sim.connect(&push, &good);
        for number in 8..16 {
            sim.connect(&push, &named(&format!("no-{number}.example")));
        }
        // Its lookup is in the second round of eight.
        sim.until("a third round", |sim| sim.network.borrow().lookups >= 24);
        all_arrive(&mut sim, &push, &pull, 3);
        assert!(network.borrow().lookups < 100, "seed {seed}");
    }
}

#[test]
fn sim_the_next_address_of_a_name_is_tried_in_the_same_attempt() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, Faults::default(), 2);
        let (pull, push, bound) = listening(&mut sim);
        let (events, capacity, socket) = (EventSet::ALL, 100, push.socket);
        let told = sim.ask(1, |reply| {
            Command::Socket(
                socket,
                SocketCommand::Monitor {
                    events,
                    capacity,
                    reply,
                },
            )
        });
        let dead: Endpoint = "tcp://127.0.0.1:9".parse().unwrap();
        let name = named("two.example");
        let addresses = vec![target(&dead), target(&bound)];
        let network = Rc::clone(&sim.network);
        network
            .borrow_mut()
            .names
            .insert(name.to_string(), addresses);
        sim.connect(&push, &name);
        all_arrive(&mut sim, &push, &pull, 3);
        assert_eq!(network.borrow().lookups, 1, "seed {seed}");
        let told: Vec<EventKind> = std::iter::from_fn(|| told.try_recv().ok())
            .map(|event: Event| event.kind)
            .collect();
        let first = [
            matches!(told.first(), Some(EventKind::ConnectFailed { .. })),
            matches!(told.get(1), Some(EventKind::Connected)),
        ];
        assert_eq!(first, [true; 2], "seed {seed}: {told:?}");
    }
}

#[test]
fn sim_an_ended_dialer_starts_no_lookup() {
    let mut sim = Sim::new(0, Faults::default(), 2);
    let (pull, push, bound) = listening(&mut sim);
    let other = sim.open(1, SocketType::Push, eager());
    for number in 0..100 {
        sim.connect(&other, &named(&format!("no-{number}.example")));
    }
    let socket = other.socket;
    sim.ask(1, |reply| {
        Command::Socket(socket, SocketCommand::Close { reply })
    });
    let good = named("yes.example");
    let addresses = vec![target(&bound)];
    let network = Rc::clone(&sim.network);
    network
        .borrow_mut()
        .names
        .insert(good.to_string(), addresses);
    let before = network.borrow().lookups;
    sim.connect(&push, &good);
    all_arrive(&mut sim, &push, &pull, 3);
    assert!(
        network.borrow().lookups - before <= 9,
        "eight were under way"
    );
}

/// A name may have another address by the next attempt.
#[test]
fn sim_every_attempt_looks_the_name_up() {
    for seed in seeds() {
        let mut sim = Sim::new(seed, Faults::default(), 2);
        let (pull, push, bound) = listening(&mut sim);
        let name = named("moves.example");
        let network = Rc::clone(&sim.network);
        let is_at = |endpoint: &Endpoint| {
            let mut network = network.borrow_mut();
            network
                .names
                .insert(name.to_string(), vec![target(endpoint)]);
        };
        is_at(&"tcp://127.0.0.1:9".parse().unwrap());
        let monitor = sim.monitor(&push);
        sim.connect(&push, &name);
        let mut failed = 0;
        sim.until("three attempts", |_| {
            let events = told(&monitor);
            let failures = events
                .iter()
                .filter(|event| matches!(event.kind, EventKind::ConnectFailed { .. }));
            failed += failures.count();
            failed >= 3
        });
        assert!((3..=4).contains(&network.borrow().lookups), "seed {seed}");
        is_at(&bound);
        all_arrive(&mut sim, &push, &pull, 3);
    }
}
