//! Sockets of one pump do not affect each other: the cost is counted in turns, reads and writes,
//! which no other load on the machine can change.

use super::*;
use crate::pump::ingress::READ_BUDGET;

/// The network calls of the sockets of a simulation, and the number of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    steps: usize,
    reads: u64,
    writes: u64,
}

/// A pipeline: its ends are on pump 0, except for the PUSH of a `cross` one.
struct Pipeline {
    push: Sock,
    pull: Sock,
}

impl Sim {
    fn pipeline(&mut self, endpoint: &str, push_pump: usize, mark: usize) -> Pipeline {
        let options = Options::new().high_water_marks(mark);
        let pull = self.open(0, SocketType::Pull, options.clone());
        let endpoint = self.bind(&pull, endpoint);
        let push = self.open(push_pump, SocketType::Push, options);
        self.connect(&push, &endpoint);
        Pipeline { push, pull }
    }

    /// Until no pump has anything to do, for as long as a turn can put off work.
    fn settle(&mut self) {
        let mut quiet = 0;
        self.until("all is quiet", |sim| {
            quiet = match sim.pumps.iter().any(Pump::is_busy) {
                true => 0,
                false => quiet + 1,
            };
            quiet == 10
        });
    }

    fn cost_of(&mut self, work: impl FnOnce(&mut Self) -> usize) -> Cost {
        let before = (self.network.borrow().reads, self.network.borrow().writes);
        let steps = work(self);
        let network = self.network.borrow();
        Cost {
            steps,
            reads: network.reads - before.0,
            writes: network.writes - before.1,
        }
    }
}

fn small(number: u64) -> Message {
    Message::from(number.to_be_bytes())
}

/// Sends fifty messages through each of them; returns the number of steps that takes.
fn lap(sim: &mut Sim, pipelines: &[Pipeline]) -> usize {
    const COUNT: u64 = 50;
    for pipeline in pipelines {
        assert!((0..COUNT).all(|number| pipeline.push.offer(small(number))));
    }
    let mut got = vec![0; pipelines.len()];
    let mut steps = 0;
    sim.until("a lap", |_| {
        for (pipeline, got) in pipelines.iter().zip(&mut got) {
            while let Some(message) = pipeline.pull.take() {
                assert_eq!(message, small(*got));
                *got += 1;
            }
        }
        let done = got.iter().all(|got| *got == COUNT);
        steps += usize::from(!done);
        done
    });
    steps
}

/// Endpoint and pump of the PUSH, for every way between two sockets.
const WAYS: [(&str, usize); 4] = [
    ("tcp://127.0.0.1:0", 0),
    ("tcp://127.0.0.1:0", 1),
    ("inproc://stuck", 0),
    ("inproc://stuck", 1),
];

#[test]
fn sim_an_unread_socket_costs_the_others_no_turn_and_loses_no_message() {
    for (endpoint, push_pump) in WAYS {
        let mut sim = Sim::new(0, Faults::default(), 2);
        let others: Vec<_> = (0..33)
            .flat_map(|number| {
                let inproc = format!("inproc://other-{number}");
                [
                    sim.pipeline("tcp://127.0.0.1:0", number % 2, 1000),
                    sim.pipeline(&inproc, 0, 1000),
                    sim.pipeline(&format!("{inproc}-cross"), 1, 1000),
                ]
            })
            .collect();
        // Buffers have grown and hooks are armed after the first rounds.
        (0..3).for_each(|_| assert!(lap(&mut sim, &others) > 0));
        sim.settle();
        let alone = sim.cost_of(|sim| lap(sim, &others));

        let stuck = sim.pipeline(endpoint, push_pump, 10);
        let mut sent = 0;
        for _ in 0..2000 {
            while stuck.push.offer(numbered(sent)) {
                sent += 1;
            }
            sim.step();
        }
        sim.settle();
        assert_eq!(stuck.pull.receiver.as_ref().unwrap().len(), 10);
        assert!(sent >= 20, "{endpoint}: {sent} were accepted");
        let nothing = sim.cost_of(|sim| {
            (0..100).for_each(|_| sim.step());
            100
        });
        assert_eq!((nothing.reads, nothing.writes), (0, 0), "{endpoint}");
        let beside = sim.cost_of(|sim| lap(sim, &others));
        assert_eq!(beside, alone, "{endpoint}, PUSH on pump {push_pump}");

        let mut got = 0;
        sim.until("all that was accepted", |_| {
            while let Some(message) = stuck.pull.take() {
                assert_eq!(number(&message), got);
                got += 1;
            }
            got == sent
        });
    }
}

/// A turn gives a connection no more than its budget, however large the message is: between two
/// slices of it all other connections are served.
#[test]
fn sim_small_messages_pass_a_large_one_after_each_slice_of_it() {
    const LARGE: usize = 8 << 20;
    let mut sim = Sim::new(0, Faults::default(), 2);
    // A kernel that moves any number of bytes at once.
    sim.network.borrow_mut().capacity = 2 * LARGE;
    for push_pump in [0, 1] {
        let large = sim.pipeline("tcp://127.0.0.1:0", push_pump, 10);
        let small = [
            sim.pipeline("tcp://127.0.0.1:0", push_pump, 1000),
            sim.pipeline(&format!("inproc://small-{push_pump}"), push_pump, 1000),
        ];
        lap(&mut sim, &small);
        let alone = lap(&mut sim, &small);
        assert!(large.push.offer(Message::from(vec![7; LARGE])));
        let mut turns = 0;
        let arrived = loop {
            let steps = lap(&mut sim, &small);
            assert!(
                steps <= alone + 1,
                "{steps} steps beside a slice, {alone} alone"
            );
            turns += steps;
            if let Some(message) = large.pull.take() {
                break message;
            }
            assert!(turns < PATIENCE);
        };
        assert!(arrived[0].len() == LARGE);
        let slices = LARGE / (READ_BUDGET + READ_BUDGET / 4);
        assert!(turns >= slices, "{turns} turns, {slices} slices");
    }
}

/// Small messages are written in chunks. One that is written whole leaves its place in the queue of its
/// peer, also while the one behind it is cut: the peer may have answered it.
#[test]
fn sim_a_written_message_makes_room_while_the_rest_of_its_chunk_waits() {
    let mut sim = Sim::new(1, Faults::default(), 2);
    let options = Options::new().send_high_water_mark(2);
    let [publisher, sub] = sim.pair([SocketType::Pub, SocketType::Sub], &options);
    sim.subscribe(&sub, "");
    sim.until("the subscription", |_| {
        publisher.offer("subscribed?".into());
        sub.take().is_some()
    });
    sim.until("the rest of it", |sim| {
        sim.step();
        sub.take().is_none()
    });
    // Room for one message and a half; the subscriber's pump does not read.
    sim.network.borrow_mut().capacity = 300;
    let turn = |sim: &mut Sim| {
        for _ in 0..3 {
            let ready = sim.pumps[0].env().ready();
            sim.pumps[0].turn(sim.now, &ready);
        }
    };
    let body = |number: u8| Message::from(vec![number; 200]);
    assert!(publisher.offer(body(0)) && publisher.offer(body(1)));
    turn(&mut sim);
    assert!(publisher.offer(body(2)));
    turn(&mut sim);
    let mut came = Vec::new();
    sim.until("three messages", |_| {
        came.extend(sub.take().map(|message| message[0][0]));
        came.len() == 3
    });
    assert_eq!(came, [0, 1, 2]);
}
