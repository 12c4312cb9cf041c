//! Handshakes of all mechanisms, and the ZAP handlers they ask, on a network that breaks.

use super::*;
#[cfg(feature = "curve")]
use crate::curve::{CurveKeypair, CurveSecretKey};
use crate::security::Security;

pub(super) fn plain() -> [Options; 2] {
    [
        Options::new().security(Security::PlainServer),
        Options::new().security(Security::plain_client("admin", "secret")),
    ]
}

#[cfg(feature = "curve")]
pub(super) fn curve() -> [Options; 2] {
    let keypair = |byte| CurveKeypair::from(CurveSecretKey::from([byte; 32]));
    let (server, client) = (keypair(1), keypair(2));
    let client = Security::curve_client(client, *server.public());
    [
        Options::new().security(Security::curve_server(server)),
        Options::new().security(client),
    ]
}

fn mechanisms() -> Vec<[Options; 2]> {
    vec![
        plain(),
        #[cfg(feature = "curve")]
        curve(),
    ]
}

/// The pumps that the handler is on in turn: both with each seed where all combinations are tried, one
/// of them otherwise.
fn judges(seed: u64) -> std::ops::Range<usize> {
    match (all_combinations(), seed as usize % 2) {
        (true, _) => 0..2,
        (false, one) => one..one + 1,
    }
}

/// A handler on one of the pumps, which is polled now and then.
struct Judge {
    rep: Sock,
    asked: u64,
}

impl Judge {
    fn new(sim: &mut Sim, pump: usize) -> Judge {
        let rep = sim.open(pump, SocketType::Rep, Options::new());
        sim.bind(&rep, "inproc://zeromq.zap.01");
        Judge { rep, asked: 0 }
    }

    fn answer(&mut self) {
        if let Some(request) = self.rep.take() {
            self.asked += 1;
            assert_eq!(request[3], "192.0.2.1");
            let mut reply = Message::from(["1.0", "1", "200", "OK", "anna"]);
            reply.push_back("");
            assert!(self.rep.offer(reply));
        }
    }
}

/// A server on pump 0, a client on pump 1, a handler on one of them.
fn stage(sim: &mut Sim, [server, client]: [Options; 2], judge: usize) -> ([Sock; 2], Judge) {
    let judge = Judge::new(sim, judge);
    let pull = sim.open(0, SocketType::Pull, server);
    let endpoint = sim.bind(&pull, "tcp://127.0.0.1:0");
    let push = sim.open(1, SocketType::Push, client);
    sim.connect(&push, &endpoint);
    ([pull, push], judge)
}

#[test]
fn sim_secured_messages_arrive_once_and_in_order_over_a_rough_network() {
    for seed in seeds() {
        for options in mechanisms() {
            for pump in judges(seed) {
                let mut sim = Sim::new(seed, ROUGH, 2);
                let ([pull, push], mut judge) = stage(&mut sim, options.clone(), pump);
                let (mut sent, mut got) = (0, 0);
                sim.until("delivery", |_| {
                    judge.answer();
                    while sent < 100 && push.offer(numbered(sent)) {
                        sent += 1;
                    }
                    while let Some(message) = pull.take() {
                        assert_eq!(number(&message), got);
                        got += 1;
                    }
                    got == 100
                });
                assert_eq!(judge.asked, 1, "seed {seed}");
            }
        }
    }
}

/// The result of a run with faults: the messages that arrived, the number of requests, the number
/// of resets.
fn broken_run(seed: u64, options: [Options; 2], pump: usize) -> (Vec<u64>, u64, usize) {
    let mut sim = Sim::new(seed, BROKEN, 2);
    let ([pull, push], mut judge) = stage(&mut sim, options, pump);
    let (mut sent, mut arrived) = (0, Vec::new());
    sim.until("the last message, after the faults end", |sim| {
        judge.answer();
        // The first ones after the faults may be written to a connection that is broken already.
        sent += u64::from(push.offer(numbered(sent)));
        if sent == 300 {
            sim.network.borrow_mut().faults = Faults::default();
        }
        while let Some(message) = pull.take() {
            let number = number(&message);
            assert!(arrived.last() < Some(&number), "seed {seed}: {number}");
            arrived.push(number);
        }
        arrived.last() >= Some(&300)
    });
    // Requests about peers that have disconnected are forgotten: only the users' sockets are left.
    sim.until("no peer asks", |sim| {
        let sockets: usize = sim.pumps.iter().map(|pump| pump.sockets.len()).sum();
        sockets == 3
    });
    let resets = sim.network.borrow().resets;
    (arrived, judge.asked, resets)
}

#[test]
fn sim_secured_connections_are_authenticated_again_after_a_reset() {
    let (mut runs, mut resets, mut asked) = (0, 0, 0);
    let first = seeds().next();
    for seed in seeds() {
        for options in mechanisms() {
            for pump in judges(seed) {
                let run = broken_run(seed, options.clone(), pump);
                // All of it can be replayed, secrets included.
                if Some(seed) == first || all_combinations() {
                    assert_eq!(run, broken_run(seed, options.clone(), pump), "seed {seed}");
                }
                runs += 1;
                asked += run.1;
                resets += run.2;
            }
        }
    }
    assert!(
        resets > 0 && asked > runs,
        "{resets} resets, {asked} questions in {runs} runs"
    );
}

#[test]
fn sim_peers_are_refused_without_a_handler_and_authenticated_by_a_new_one() {
    for seed in seeds() {
        for pump in [0, 1] {
            let mut sim = Sim::new(seed, ROUGH, 2);
            let ([pull, push], judge) = stage(&mut sim, plain(), pump);
            let monitor = sim.monitor(&pull);
            sim.until("a question", |_| judge.rep.take().is_some());
            sim.close_and_wait(&judge.rep);
            let mut failures = 0;
            sim.until("two failures", |_| {
                while let Ok(event) = monitor.try_recv() {
                    failures += u64::from(matches!(event.kind, EventKind::HandshakeFailed { .. }));
                }
                failures >= 2
            });
            let mut judge = Judge::new(&mut sim, pump);
            let mut sent = false;
            sim.until("a message", |_| {
                judge.answer();
                sent = sent || push.offer(numbered(1));
                pull.take().is_some_and(|message| number(&message) == 1)
            });
        }
    }
}

#[test]
fn sim_requests_to_a_silent_handler_end_with_their_peers() {
    for seed in seeds() {
        for pump in [0, 1] {
            let mut sim = Sim::new(seed, ROUGH, 2);
            let [server, client] = plain();
            let server = server.handshake_timeout(Some(Duration::from_millis(50)));
            let ([pull, _push], judge) = stage(&mut sim, [server, client], pump);
            let monitor = sim.monitor(&pull);
            let mut failures = 0;
            sim.until("five failures", |_| {
                while let Ok(event) = monitor.try_recv() {
                    failures += u64::from(matches!(event.kind, EventKind::HandshakeFailed { .. }));
                }
                failures >= 5
            });
            // The users' sockets, and at most one that is sending a request.
            let sockets: usize = sim.pumps.iter().map(|pump| pump.sockets.len()).sum();
            assert!(sockets <= 4, "seed {seed}: {sockets} sockets");
            drop(judge);
        }
    }
}
