//! Fair fan-in: ten peers that always have messages, and a reader that is slower than they are.

use super::*;

const PEERS: usize = 10;

/// The maximum lead of one peer over another: a share that one has used and the other has not.
const LEAST_SHARE: u64 = 32;
const MOST_SHARE: u64 = 512;

/// More than a peer can send in a step: it offers that many, or as many as it has room for.
const PLENTY: usize = 250;
/// The same for publishers, which always have room: twice a share, while the reader has room for 8.
const PUBLISHED: usize = 2 * LEAST_SHARE as usize;

/// In that many steps publishers have sent more than the high-water marks, 1000 and 8, and the network
/// between them hold.
const FILLS: usize = 32;

#[derive(Clone, Copy, Debug)]
enum By {
    Wire,
    Inproc,
    Cross,
}

const WAYS: [&[By]; 7] = [
    &[By::Wire],
    &[By::Inproc],
    &[By::Cross],
    &[By::Wire, By::Inproc],
    &[By::Inproc, By::Cross],
    &[By::Cross, By::Wire],
    &[By::Wire, By::Inproc, By::Cross],
];

/// One socket, and peers that reach it in different ways.
struct FanIn {
    sim: Sim,
    to: Sock,
    kind: SocketType,
    peers: Vec<Sock>,
    got: [u64; PEERS],
}

impl Sim {
    fn join(&mut self, sock: &Sock, group: &str) {
        let (socket, group) = (sock.socket, Frame::from(group));
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Join { group, reply })
        })
        .unwrap();
    }
}

impl FanIn {
    fn new(mut sim: Sim, kinds: [SocketType; 2], ways: &[By], mark: usize) -> FanIn {
        let options = Options::new().receive_high_water_mark(mark);
        let to = sim.open(0, kinds[0], options);
        match kinds[0] {
            SocketType::Sub | SocketType::XSub => sim.subscribe(&to, ""),
            SocketType::Dish => sim.join(&to, "group"),
            _ => {}
        }
        let tcp = sim.bind(&to, "tcp://127.0.0.1:0");
        let inproc = sim.bind(&to, "inproc://fan-in");
        let ways = ways.iter().cycle().take(PEERS);
        let peers = ways.map(|way| {
            let (pump, endpoint) = match way {
                By::Wire => (1, &tcp),
                By::Inproc => (0, &inproc),
                By::Cross => (1, &inproc),
            };
            let peer = sim.open(pump, kinds[1], Options::new());
            sim.connect(&peer, endpoint);
            peer
        });
        let peers = peers.collect();
        let mut fan_in = FanIn {
            sim,
            to,
            kind: kinds[0],
            peers,
            got: [0; PEERS],
        };
        let socket = fan_in.to.socket.slot;
        fan_in.sim.until("all peers", |sim| {
            sim.pumps[0].sockets[socket].peers == PEERS
        });
        // The first peer has filled `out`; only messages received from now on count.
        fan_in.fill();
        fan_in.take(usize::MAX);
        fan_in.got = [0; PEERS];
        fan_in
    }

    fn message(&self, number: u8) -> Message {
        let body = Frame::from([number; 8]);
        match self.kind {
            SocketType::Rep => Message::from([Frame::empty(), body]),
            SocketType::Dish => Message::from([Frame::from("group"), body]),
            _ => Message::from(body),
        }
    }

    /// Lets all peers fill what is between them and a reader that takes nothing.
    fn fill(&mut self) {
        let (mut steps, mut full) = (0, 0);
        // Publishers never find it full, and have sent more than it holds by then. A pump that does not
        // turn now may turn in the next step.
        while steps < FILLS && full < 8 {
            steps += 1;
            full = if self.step() { 0 } else { full + 1 };
        }
        let endless = self.drops();
        assert!(full == 8 || endless, "{}: not full", self.kind);
    }

    fn drops(&self) -> bool {
        use SocketType::*;
        matches!(self.kind, Sub | XSub | Dish)
    }

    /// All peers have messages in every step. Returns whether any was accepted.
    fn step(&mut self) -> bool {
        let plenty = if self.drops() { PUBLISHED } else { PLENTY };
        let mut accepted = false;
        for (number, peer) in (0u8..).zip(&self.peers) {
            // A publisher never blocks: the rest is dropped.
            for _ in 0..plenty {
                if !peer.offer(self.message(number)) {
                    break;
                }
                accepted = true;
            }
            if self.kind == SocketType::Rep {
                while peer.take().is_some() {}
            }
        }
        self.sim.step();
        accepted
    }

    /// Receives up to `most` messages.
    fn take(&mut self, most: usize) {
        for _ in 0..most {
            let Some(message) = self.to.take() else {
                return;
            };
            let [.., body] = message.frames() else {
                panic!("a message without frames");
            };
            self.got[usize::from(body[0])] += 1;
            if self.kind == SocketType::Rep {
                assert!(self.to.offer(message));
            }
        }
    }

    fn total(&self) -> u64 {
        self.got.iter().sum()
    }

    /// The maximum lead of one peer over another.
    fn spread(&self) -> u64 {
        let (least, most) = (self.got.iter().min(), self.got.iter().max());
        most.unwrap() - least.unwrap()
    }

    /// Lets the reader take that many messages between two steps of all others, and asserts that no
    /// peer is ever ahead by more than a share.
    fn read(&mut self, at_once: usize, share: u64) {
        let mut steps = 0;
        // Several rounds: a peer that gets more in each of them is soon ahead by more than one
        // share.
        let enough = match share {
            LEAST_SHARE if !long() => 2000,
            _ => 5000,
        };
        while self.total() < enough {
            self.step();
            self.take(at_once);
            let (got, spread) = (&self.got, self.spread());
            assert!(spread <= share, "{}, {at_once} at once: {got:?}", self.kind);
            steps += 1;
            assert!(steps < 20_000, "{}: no more than {got:?}", self.kind);
        }
    }
}

#[test]
fn sim_busy_peers_get_equal_shares() {
    for (way, ways) in WAYS.into_iter().enumerate() {
        for (nth, mark) in [1, 8, 100, 1000].into_iter().enumerate() {
            for (n, at_once) in [1, 7, 100, usize::MAX].into_iter().enumerate() {
                // Each way with each mark, each with each number at once.
                if n != (way + nth) % 4 && !all_combinations() {
                    continue;
                }
                let sim = Sim::new(0, Faults::default(), 2);
                let mut fan_in = FanIn::new(sim, [SocketType::Pull, SocketType::Push], ways, mark);
                fan_in.read(at_once, LEAST_SHARE.max(mark as u64).min(MOST_SHARE));
            }
        }
    }
}

#[test]
fn sim_every_receiving_type_gives_peers_equal_shares() {
    use SocketType::*;
    for kinds in [
        [Router, Dealer],
        [Rep, Dealer],
        [Dealer, Dealer],
        [Sub, Pub],
        [XSub, XPub],
        [Server, Client],
        [Gather, Scatter],
        [Dish, Radio],
    ] {
        for ways in WAYS {
            let sim = Sim::new(0, Faults::default(), 2);
            let mut fan_in = FanIn::new(sim, kinds, ways, 8);
            fan_in.read(usize::MAX, LEAST_SHARE);
        }
    }
}

/// With late readiness and short reads, a peer may have nothing to deliver in its turn.
#[test]
fn sim_shares_stay_nearly_equal_over_a_slow_network() {
    for seed in seeds() {
        for (way, ways) in WAYS.into_iter().enumerate() {
            for (n, at_once) in [1, 7, usize::MAX].into_iter().enumerate() {
                // Each seed with each way, each with each number at once.
                if n != (way + seed as usize) % 3 && !all_combinations() {
                    continue;
                }
                let mut sim = Sim::new(seed, ROUGH, 2);
                sim.whim = Some(Random::new(seed));
                let mut fan_in = FanIn::new(sim, [SocketType::Pull, SocketType::Push], ways, 8);
                fan_in.read(at_once, 5 * LEAST_SHARE);
            }
        }
    }
}

/// A peer that sends only now and then never waits for more than one round, and one that sends
/// alone gets all of the room.
#[test]
fn sim_no_peer_is_overtaken_and_a_single_peer_gets_all_room() {
    for ways in WAYS {
        let sim = Sim::new(0, Faults::default(), 2);
        let mut fan_in = FanIn::new(sim, [SocketType::Pull, SocketType::Push], ways, 8);
        // The last one stops sending, until it has nothing left.
        let quiet = fan_in.peers.pop().unwrap();
        let last = PEERS - 1;
        let mut before = u64::MAX;
        while before != fan_in.got[last] {
            before = fan_in.got[last];
            for _ in 0..300 {
                fan_in.step();
                fan_in.take(usize::MAX);
            }
        }
        for _ in 0..10 {
            let (before, total) = (fan_in.got[last], fan_in.total());
            assert!(quiet.offer(Message::from([last as u8; 8])));
            while fan_in.got[last] == before {
                fan_in.step();
                fan_in.take(7);
                let meanwhile = fan_in.total() - total;
                // One round, the messages in `out`, and a round that had begun.
                let most = 2 * LEAST_SHARE * PEERS as u64 + 80;
                assert!(meanwhile <= most, "{ways:?}: {meanwhile} came before");
            }
        }
    }
}

/// More than the budget of one turn waits, and there is room for all of it at once.
#[test]
fn sim_a_single_waiting_peer_resumes_after_its_budget() {
    for kinds in [
        [SocketType::Pull, SocketType::Push],
        [SocketType::Sub, SocketType::Pub],
    ] {
        for by in [By::Wire, By::Inproc, By::Cross] {
            let mut sim = Sim::new(0, Faults::default(), 2);
            let options = Options::new().high_water_marks(3000);
            let to = sim.open(0, kinds[0], options.clone());
            if kinds[0] == SocketType::Sub {
                sim.subscribe(&to, "");
            }
            let (pump, at) = match by {
                By::Wire => (1, "tcp://127.0.0.1:0"),
                By::Inproc => (0, "inproc://alone"),
                By::Cross => (1, "inproc://alone"),
            };
            let endpoint = sim.bind(&to, at);
            let from = sim.open(pump, kinds[1], options);
            sim.connect(&from, &endpoint);
            (0..100).for_each(|_| sim.step());
            for sent in 0..6000 {
                let body = Message::from(u64::to_be_bytes(sent));
                assert!(from.offer(body));
                if sent % 100 == 0 {
                    sim.step();
                }
            }
            (0..100).for_each(|_| sim.step());
            let mut got = 0;
            sim.until(&format!("all, by {by:?}"), |_| {
                while let Some(message) = to.take() {
                    assert_eq!(message[0], u64::to_be_bytes(got));
                    got += 1;
                }
                got == 6000
            });
        }
    }
}
