//! What a shutdown still delivers, under a simulated clock and a network that takes few bytes at a time.

use super::*;

const SENT: u64 = 60;

/// The numbers of the messages that arrive when their sender's pump is shut down with this grace.
fn arrived(seed: u64, grace: Duration) -> Vec<u64> {
    let mut sim = Sim::new(seed, ROUGH, 2);
    let kinds = [SocketType::Pull, SocketType::Push];
    let [pull, push] = sim.pair(kinds, &Options::new());
    all_arrive(&mut sim, &push, &pull, 1);
    for number in 0..SENT {
        assert!(push.offer(numbered(number)), "seed {seed}: {number}");
    }
    let (done, reply) = answer();
    let shutdown = Command::Shutdown { grace, reply };
    assert!(sim.pumps[1].mailbox.post(shutdown).is_ok());
    let mut got = Vec::new();
    sim.until("the end of the pump", |_| {
        got.extend(pull.take().map(|message| number(&message)));
        done.try_take().is_ready()
    });
    assert!(sim.pumps[1].is_finished());
    sim.until("the end of the connection", |sim| {
        got.extend(pull.take().map(|message| number(&message)));
        sim.pumps[0].pipes.is_empty()
    });
    got.extend(std::iter::from_fn(|| Some(number(&pull.take()?))));
    got
}

#[test]
fn sim_shutdown_gives_accepted_messages_its_grace_to_leave() {
    for seed in seeds() {
        let got = arrived(seed, Duration::from_secs(10));
        assert_eq!(got, (0..SENT).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn sim_without_grace_what_has_not_left_is_dropped() {
    for seed in seeds() {
        let got = arrived(seed, Duration::ZERO);
        assert!(got.len() < SENT as usize, "seed {seed}: all have left");
        assert!(
            got.iter().copied().eq(0..got.len() as u64),
            "seed {seed}: {got:?}"
        );
    }
}
