//! Well-behaved peers that need two round trips of 300 ms for their handshake, amid a flood of
//! connections that never finish theirs. The clock is simulated.

use std::collections::VecDeque;
use std::io::Write;

use super::super::env::Env;
use super::super::sim::SimStream;
use super::super::transport::{self, Resolution, Target};
use super::*;

const SIGNATURE: &[u8] = b"\xff\0\0\0\0\0\0\0\x01\x7f";
const READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
const ROUND_TRIP: Duration = Duration::from_millis(300);
const HONEST: usize = 10;

/// The connections of a flood.
#[derive(Clone, Copy, Debug)]
struct Flood {
    /// Connections in a second.
    rate: u128,
    address: &'static str,
    /// What each says.
    says: &'static [u8],
}

/// A peer by hand, which says the next word when it is time.
struct Peer {
    stream: SimStream,
    words: VecDeque<(Instant, Vec<u8>)>,
}

impl Peer {
    fn begin(stream: SimStream, now: Instant, silent_for: Duration) -> Peer {
        let mut rest = b"\x03\x01NULL".to_vec();
        rest.resize(64 - SIGNATURE.len(), 0);
        let words = [SIGNATURE, &rest, READY].into_iter().enumerate();
        let words = words.map(|(turn, word)| {
            let at = now + silent_for + ROUND_TRIP * turn as u32;
            (at, word.to_vec())
        });
        let words = words.collect();
        Peer { stream, words }
    }

    fn go_on(&mut self, now: Instant) {
        while self.words.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, word)) = self.words.pop_front() {
                // It may have been sent away.
                let _ = self.stream.write(&word);
            }
        }
    }
}

/// How many well-behaved peers get in.
fn let_in(flood: Flood, silent_for: Duration) -> usize {
    let mut sim = Sim::new(7, Faults::default(), 1);
    let pull = sim.open(0, SocketType::Pull, Options::new());
    let endpoint = sim.bind(&pull, "tcp://127.0.0.1:0");
    let Ok(Resolution::Ready(target)) = transport::targets(&endpoint) else {
        panic!("a numeric address");
    };
    let connect = |node: &mut Node, target: &Target| node.connect(target, &Options::new()).unwrap();
    let mut flooder = Node::at(&sim.network, flood.address);
    let mut honest = Node::at(&sim.network, "127.0.0.1");
    let start = sim.now;
    let (mut flooding, mut flooded, mut peers) = (VecDeque::new(), 0, Vec::new());
    // First the flood has the field to itself, until there is no place left.
    let filled = Duration::from_millis(MAX_HANDSHAKES as u64 * 1000 / flood.rate as u64);
    let before = filled + Duration::from_millis(500);
    let between = Duration::from_millis(50);
    let last = before + between * HONEST as u32;
    let end = start + last + silent_for + ROUND_TRIP * 2 + between;
    while sim.now < end {
        let elapsed = sim.now - start;
        while flooded < elapsed.as_millis() * flood.rate / 1000 {
            flooded += 1;
            let mut stream = connect(&mut flooder, &target).stream;
            stream.write_all(flood.says).unwrap();
            flooding.push_back(stream);
        }
        if peers.len() < HONEST && elapsed >= before + between * peers.len() as u32 {
            let stream = connect(&mut honest, &target).stream;
            peers.push(Peer::begin(stream, sim.now, silent_for));
        }
        peers.iter_mut().for_each(|peer| peer.go_on(sim.now));
        sim.step();
    }
    assert!(flooded > MAX_HANDSHAKES as u128, "a flood");
    let socket = pull.socket;
    let statistics = sim.ask(0, |reply| {
        Command::Socket(socket, SocketCommand::Statistics { reply })
    });
    assert!(statistics.handshakes_failed > 0, "there are too many");
    statistics.peers.len()
}

#[test]
fn a_silent_flood_does_not_lock_out_peers_of_its_address() {
    for rate in [2150, 5900] {
        let flood = Flood {
            rate,
            address: "127.0.0.1",
            says: b"",
        };
        // Where the first bytes, too, take a round trip to come, it is the number of places that helps.
        for silent_for in [Duration::ZERO, ROUND_TRIP] {
            assert_eq!(
                let_in(flood, silent_for),
                HONEST,
                "{flood:?} {silent_for:?}"
            );
        }
    }
}

#[test]
fn a_flood_of_greetings_does_not_lock_out_other_addresses() {
    for rate in [2150, 5900] {
        let flood = Flood {
            rate,
            address: "127.0.0.2",
            says: SIGNATURE,
        };
        assert_eq!(let_in(flood, Duration::ZERO), HONEST, "{flood:?}");
    }
}

/// Where the first bytes, too, take a round trip to come.
#[test]
fn a_silent_flood_does_not_lock_out_slow_peers_of_other_addresses() {
    for rate in [2150, 5900] {
        let flood = Flood {
            rate,
            address: "127.0.0.2",
            says: b"",
        };
        assert_eq!(let_in(flood, ROUND_TRIP), HONEST, "{flood:?}");
    }
}
