//! Inproc between pumps, whose turns come in the order that the seed decides.

use super::*;
use crate::options::Linger;
use crate::pump::CloseReport;

/// Pumps that turn at random.
fn whimsical(seed: u64, pumps: usize) -> Sim {
    let mut sim = Sim::new(seed, Faults::default(), pumps);
    sim.whim = Some(Random::new(seed ^ 0xabcd));
    sim
}

impl Sim {
    /// A pair on two pumps, connected before or after it is bound.
    fn across(&mut self, kinds: [SocketType; 2], options: &Options, early: bool) -> [Sock; 2] {
        let bound = self.open(0, kinds[0], options.clone());
        let connected = self.open(1, kinds[1], options.clone());
        let endpoint = Endpoint::parse_for_bind("inproc://across").unwrap();
        if early {
            self.connect(&connected, &endpoint);
        }
        self.bind(&bound, endpoint.as_ref());
        if !early {
            self.connect(&connected, &endpoint);
        }
        [bound, connected]
    }

    fn close(&mut self, sock: &Sock) -> Answer<CloseReport> {
        let (closed, reply) = answer();
        let socket = sock.socket;
        let posted = self.pumps[sock.pump]
            .mailbox
            .post(Command::Socket(socket, SocketCommand::Close { reply }));
        assert!(posted.is_ok());
        closed
    }

    fn disconnect(&mut self, sock: &Sock, endpoint: &str) {
        let endpoint = Endpoint::parse_for_connect(endpoint).unwrap();
        let socket = sock.socket;
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Disconnect { endpoint, reply })
        })
        .unwrap();
    }

    fn pipes(&self) -> usize {
        self.pumps.iter().map(|pump| pump.pipes.len()).sum()
    }

    /// Nothing is left in any pump.
    fn all_gone(&mut self) {
        self.until("the end of everything", |sim| {
            let empty = |pump: &Pump<Node>| {
                pump.sockets.is_empty() && pump.pipes.is_empty() && pump.dialers.is_empty()
            };
            sim.pumps.iter().all(empty)
        });
        assert_eq!(self.pumps[0].shared.names.len(), 0);
        assert_eq!(self.permits.taken(), 0);
    }
}

#[test]
fn sim_across_pumps_every_message_arrives_once_and_in_order() {
    for seed in seeds() {
        // Each high-water mark is reached again and again.
        for (mark, count) in [(1, 300), (7, 300), (1000, 3000), (0, 3000)] {
            let mut sim = whimsical(seed, 2);
            let options = Options::new().high_water_marks(mark);
            let kinds = [SocketType::Pull, SocketType::Push];
            let [pull, push] = sim.across(kinds, &options, seed % 2 == 0);
            all_arrive(&mut sim, &push, &pull, count);
            drop((pull, push));
            sim.all_gone();
        }
    }
}

#[test]
fn sim_across_pumps_exactly_the_two_marks_are_accepted() {
    for seed in seeds() {
        for (send, receive, accepted) in [(1, 1, 2), (5, 1, 6), (2, 2, 4), (5, 3, 8)] {
            let mut sim = whimsical(seed, 2);
            let marks = Options::new()
                .send_high_water_mark(send)
                .receive_high_water_mark(receive);
            let kinds = [SocketType::Pair, SocketType::Pair];
            let pair = sim.across(kinds, &marks, seed % 2 == 0);
            for (from, to) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                for _ in 0..3 {
                    let mut sent = 0;
                    for _ in 0..200 {
                        sent += u64::from(from.offer(numbered(sent)));
                        sim.step();
                    }
                    assert_eq!(sent, accepted, "seed {seed}: marks {send} and {receive}");
                    let mut got = 0;
                    sim.until("what was accepted", |_| {
                        while let Some(message) = to.take() {
                            assert_eq!(number(&message), got);
                            got += 1;
                        }
                        got == accepted
                    });
                    // All credits are back.
                    sim.until("the last credit", |_| {
                        from.sender.as_ref().unwrap().is_empty()
                    });
                }
            }
        }
    }
}

#[test]
fn sim_across_pumps_a_publisher_drops_for_slow_subscribers_only() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 3);
        let publisher = sim.open(0, SocketType::Pub, Options::new().send_high_water_mark(10));
        let endpoint = sim.bind(&publisher, "inproc://news");
        let [slow, fast] = [1, 2].map(|pump| {
            let options = Options::new().receive_high_water_mark(5);
            let subscriber = sim.open(pump, SocketType::Sub, options);
            sim.subscribe(&subscriber, "");
            sim.connect(&subscriber, &endpoint);
            subscriber
        });
        for subscriber in [&slow, &fast] {
            sim.until("a subscription", |_| {
                publisher.offer(Message::from("are you there?"));
                !subscriber.receiver.as_ref().unwrap().is_empty()
            });
        }
        for _ in 0..200 {
            sim.step();
            let _ = [&slow, &fast].map(Sock::take);
        }
        for sent in 0..200 {
            sim.until("room at the publisher", |_| publisher.offer(numbered(sent)));
            sim.until("the news", |_| {
                fast.take().is_some_and(|got| number(&got) == sent)
            });
        }
        let mut kept = 0;
        sim.until("what the slow one was sent", |_| {
            while let Some(message) = slow.take() {
                assert_eq!(number(&message), kept, "the first ones, in order");
                kept += 1;
            }
            kept >= 15
        });
        assert_eq!(kept, 15, "its own mark and the publisher's");
    }
}

/// Messages that a lost peer had not taken go to another one: none is lost, none arrives twice.
#[test]
fn sim_across_pumps_closing_loses_no_message_that_others_can_take() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 3);
        let mut random = Random::new(seed);
        let options = Options::new().high_water_marks(1 + random.below(20) as usize);
        let push = sim.open(0, SocketType::Push, options.clone());
        let endpoint = sim.bind(&push, "inproc://work");
        let workers = [1, 2].map(|pump| {
            let worker = sim.open(pump, SocketType::Pull, options.clone());
            sim.connect(&worker, &endpoint);
            worker
        });
        let [leaves, stays] = &workers;
        let (mut sent, mut closed) = (0, None);
        let mut got = Vec::new();
        let leaves_at = random.below(500);
        sim.until("all of the work", |sim| {
            while sent < 1000 && push.offer(numbered(sent)) {
                sent += 1;
            }
            if sent >= leaves_at && closed.is_none() {
                closed = Some(sim.close(leaves));
            }
            if random.below(3) == 0 {
                got.extend(leaves.take().map(|message| number(&message)));
            }
            got.extend(stays.take().map(|message| number(&message)));
            got.len() == 1000
        });
        got.sort_unstable();
        assert!(
            got.into_iter().eq(0..1000),
            "seed {seed}: each exactly once"
        );
    }
}

#[test]
fn sim_across_pumps_closing_and_disconnecting_send_accepted_messages() {
    for seed in seeds() {
        for disconnects in [false, true] {
            let mut sim = whimsical(seed, 2);
            let options = Options::new()
                .high_water_marks(200)
                .receive_high_water_mark(3);
            let kinds = [SocketType::Pull, SocketType::Push];
            let [pull, push] = sim.across(kinds, &options, true);
            // A message arrived: they are connected.
            all_arrive(&mut sim, &push, &pull, 1);
            for sent in 0..100 {
                assert!(push.offer(numbered(sent)));
            }
            if disconnects {
                sim.disconnect(&push, "inproc://across");
            } else {
                drop(push);
            }
            let mut got = 0;
            sim.until("everything that was accepted", |_| {
                while let Some(message) = pull.take() {
                    assert_eq!(number(&message), got);
                    got += 1;
                }
                got == 100
            });
            sim.until("the end of the pipe", |sim| sim.pipes() == 0);
        }
    }
}

/// A linger that is over takes back no message that the peer has room for.
#[test]
fn sim_across_pumps_without_linger_messages_with_room_are_delivered() {
    for seed in seeds() {
        for (mark, room, sent) in [
            (1000, 1000, 900),
            (2000, 0, 2000),
            (5, 3, 8),
            (3000, 1000, 3000),
        ] {
            let mut sim = whimsical(seed, 2);
            let options = Options::new()
                .send_high_water_mark(mark)
                .receive_high_water_mark(room)
                .linger(Linger::For(Duration::ZERO));
            let kinds = [SocketType::Pair, SocketType::Pair];
            let [bound, connected] = sim.across(kinds, &options, seed % 2 == 0);
            let (from, to) = match seed % 3 {
                0 => (bound, connected),
                _ => (connected, bound),
            };
            if seed % 3 == 0 {
                sim.until("the peer", |sim| sim.pipes() == 2);
                (0..10).for_each(|_| sim.step());
            }
            let mut offered = 0;
            sim.until("acceptance", |_| {
                while offered < sent && from.offer(numbered(offered)) {
                    offered += 1;
                }
                offered == sent
            });
            let closed = sim.close(&from);
            let (mut undelivered, mut got) = (None, 0);
            sim.until("the end of the closed socket", |_| {
                if let Poll::Ready(told) = closed.try_take() {
                    undelivered = told.map(|closed| closed.undelivered);
                }
                undelivered.is_some()
            });
            while let Some(message) = to.take() {
                assert_eq!(number(&message), got);
                got += 1;
            }
            let expected = if room == 0 {
                sent
            } else {
                sent.min(room as u64)
            };
            assert_eq!(got, expected, "seed {seed}: marks {mark} and {room}");
            assert_eq!(undelivered, Some(sent - got), "seed {seed}");
            drop((from, to));
            sim.all_gone();
        }
    }
}

/// Two sides that release each other at once must not wait for each other.
#[test]
fn sim_across_pumps_both_sides_close_at_once() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 2);
        let options = Options::new().high_water_marks(10);
        let kinds = [SocketType::Dealer, SocketType::Dealer];
        let pair = sim.across(kinds, &options, true);
        sim.connect(
            &pair[0],
            &Endpoint::parse_for_connect("inproc://back").unwrap(),
        );
        sim.bind(&pair[1], "inproc://back");
        sim.until("two pipes", |sim| sim.pipes() == 4);
        for sock in &pair {
            for _ in 0..60 {
                sock.offer(numbered(1));
                sim.step();
            }
        }
        sim.disconnect(&pair[1], "inproc://across");
        sim.disconnect(&pair[0], "inproc://back");
        for sock in &pair {
            let socket = sock.socket;
            let options = sim.ask(sock.pump, |reply| {
                Command::Socket(socket, SocketCommand::Options { reply })
            });
            let now = Options::clone(&options).linger(Linger::For(Duration::from_millis(50)));
            let changed = sim.ask(sock.pump, |reply| {
                Command::Socket(
                    socket,
                    SocketCommand::Configure {
                        seen: options,
                        options: Arc::new(now),
                        reply,
                    },
                )
            });
            assert_eq!(changed, Ok(true));
        }
        let closed = [0, 1].map(|side| sim.close(&pair[side]));
        drop(pair);
        sim.all_gone();
        assert!(closed.iter().all(|closed| closed.try_take().is_ready()));
    }
}

/// Names that are bound, freed and bound elsewhere while others connect: in the end all are
/// connected to the socket that is bound last.
#[test]
fn sim_across_pumps_rebinding_a_name_loses_no_pipe() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 3);
        let mut random = Random::new(seed);
        let endpoint = Endpoint::parse_for_bind("inproc://moves").unwrap();
        // No reconnects after a loss: only the name itself may connect them.
        let once = || Options::new().reconnect_interval(None);
        let pulls: Vec<Sock> = (0..3)
            .map(|pump| sim.open(pump, SocketType::Pull, Options::new()))
            .collect();
        let mut pushes = Vec::new();
        let mut answers = Vec::new();
        for round in 0..40 {
            // Commands of several threads: posted now, executed when the pumps turn.
            let pull = &pulls[random.below(3) as usize];
            let socket = pull.socket;
            let bind = endpoint.clone();
            let (_, reply) = answer();
            let command = Command::Socket(
                socket,
                SocketCommand::Bind {
                    endpoint: bind,
                    reply,
                },
            );
            assert!(sim.pumps[pull.pump].mailbox.post(command).is_ok());
            if round % 4 == 0 {
                let pump = random.below(3) as usize;
                let push = sim.open(pump, SocketType::Push, once());
                let (connected, reply) = answer();
                let command = Command::Socket(
                    push.socket,
                    SocketCommand::Connect {
                        endpoint: endpoint.clone(),
                        reply,
                    },
                );
                assert!(sim.pumps[pump].mailbox.post(command).is_ok());
                answers.push(connected);
                pushes.push(push);
            }
            let (_, reply) = answer();
            let command = Command::Socket(
                socket,
                SocketCommand::Unbind {
                    endpoint: endpoint.clone(),
                    reply,
                },
            );
            for _ in 0..random.below(3) {
                sim.step();
            }
            assert!(sim.pumps[pull.pump].mailbox.post(command).is_ok());
            for _ in 0..random.below(3) {
                sim.step();
            }
        }
        for _ in 0..50 {
            sim.step();
        }
        sim.bind(&pulls[0], "inproc://moves");
        assert!(answers.iter().all(|answer| answer.try_take().is_ready()));
        // Pipes outlive the name: each push has one by now, or gets it.
        let mut came = 0;
        for (number, push) in (0..).zip(&pushes) {
            assert!(push.offer(numbered(number)));
        }
        sim.until("a message from each", |_| {
            came += pulls.iter().filter(|pull| pull.take().is_some()).count();
            came == pushes.len()
        });
        drop((pulls, pushes));
        sim.all_gone();
    }
}

/// A whole pump ends, as in a shutdown: the sockets of the others live on.
#[test]
fn sim_across_pumps_one_pump_ends_before_the_other() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 2);
        let kinds = [SocketType::Pull, SocketType::Push];
        let [pull, push] = sim.across(kinds, &Options::new(), true);
        all_arrive(&mut sim, &push, &pull, 10);
        let (done, reply) = answer();
        let grace = Duration::from_millis(5);
        let shut = Command::Shutdown { grace, reply };
        assert!(sim.pumps[0].mailbox.post(shut).is_ok());
        sim.until("the end of a pump", |_| done.try_take().is_ready());
        sim.until("the end of the pipe", |sim| sim.pumps[1].pipes.is_empty());
        assert!(sim.pumps[0].is_finished());
        // It waits again for the name to be bound.
        let other = sim.open(1, SocketType::Pull, Options::new());
        sim.bind(&other, "inproc://across");
        all_arrive(&mut sim, &push, &other, 10);
    }
}

#[test]
fn sim_across_pumps_a_refused_peer_waits_for_its_turn() {
    for seed in seeds() {
        let mut sim = whimsical(seed, 3);
        let kinds = [SocketType::Pair, SocketType::Pair];
        let [bound, first] = sim.across(kinds, &Options::new(), true);
        all_arrive(&mut sim, &first, &bound, 10);
        let second = sim.open(2, SocketType::Pair, Options::new());
        let endpoint = Endpoint::parse_for_connect("inproc://across").unwrap();
        sim.connect(&second, &endpoint);
        let wrong = sim.open(2, SocketType::Sub, Options::new());
        sim.connect(&wrong, &endpoint);
        assert!(second.offer(numbered(0)));
        for _ in 0..300 {
            sim.step();
        }
        assert!(bound.take().is_none(), "seed {seed}: two peers at once");
        drop(first);
        sim.until("the second one", |_| bound.take().is_some());
        all_arrive(&mut sim, &bound, &second, 10);
        drop((bound, second, wrong));
        sim.all_gone();
    }
}
