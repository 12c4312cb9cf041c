//! What a socket sends in batches, most of all to sockets of the same pump.

use super::super::pipe::{Path, STAGING_LIMIT};
use super::*;
use crate::statistics::DropReason;

impl Sim {
    fn statistics(&mut self, sock: &Sock) -> crate::statistics::Statistics {
        let socket = sock.socket;
        self.ask(sock.pump, |reply| {
            Command::Socket(socket, SocketCommand::Statistics { reply })
        })
    }
}

/// Sends these messages before the pump turns again.
fn burst(from: &Sock, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert!(from.offer(numbered(number)));
    }
}

/// Messages the pump has taken and has no place for.
fn pending(sim: &Sim, sock: &Sock) -> usize {
    sim.pumps[sock.pump].sockets[sock.socket.slot]
        .io
        .pending
        .len()
}

/// Bytes that wait for the connections of a socket.
fn staged(sim: &Sim, sock: &Sock) -> usize {
    let pipes = sim.pumps[sock.pump].pipes.iter();
    let staged = pipes.filter_map(|(_, pipe)| match &pipe.path {
        Path::Wire(wire) if pipe.socket == Some(sock.socket.slot) => {
            Some(wire.connection.staged_bytes())
        }
        _ => None,
    });
    staged.sum()
}

/// What a pump takes and cannot send leaves `in` empty, and then every message that comes would
/// call it, to no purpose.
#[test]
fn messages_behind_a_waiting_one_do_not_notify_the_pump() {
    let mut sim = Sim::new(0, Faults::default(), 2);
    let options = || Options::new().receive_high_water_mark(10);
    let [pull, push] = sim.pair([SocketType::Pull, SocketType::Push], &options());
    let large = || Message::from(vec![0; 10_000]);
    let (mut sent, mut most, over) = (900, 0, sim.now + Duration::from_secs(1));
    (0..sent).for_each(|_| assert!(push.offer(large())));
    sim.until("a connection that is full for long", |sim| {
        most = most.max(staged(sim, &push));
        sim.now >= over
    });
    assert!((1..=STAGING_LIMIT + 10_010).contains(&most), "{most} bytes");
    assert!(pending(&sim, &push) > 0, "some wait for the connection");
    while push.offer(large()) {
        sent += 1;
        assert!(!sim.pumps[push.pump].mailbox.has_work());
    }
    assert!(sent > 1000, "{sent}");
    assert_eq!(push.sender.as_ref().unwrap().len(), 1000);
    sim.until("all of them", |_| {
        sent -= i32::from(pull.take().is_some());
        sent == 0
    });
}

#[test]
fn messages_behind_a_violation_are_unsent() {
    let mut sim = Sim::new(0, Faults::default(), 1);
    let router = sim.open(0, SocketType::Router, Options::new());
    let endpoint = sim.bind(&router, "inproc://replies");
    let req = sim.open(0, SocketType::Req, Options::new().routing_id("asker"));
    sim.connect(&req, &endpoint);
    assert!(req.offer("question".into()));
    sim.until("the request", |_| router.take().is_some());
    for reply in [&["asker", "no delimiter"][..], &["asker", "", "reply"]] {
        for _ in 0..3 {
            assert!(router.offer(reply.into()));
        }
    }
    let lost = |sim: &mut Sim| {
        sim.statistics(&router)
            .dropped
            .by(DropReason::ConnectionLost)
    };
    sim.until("the loss", |sim| lost(sim) > 0);
    assert_eq!(lost(&mut sim), 5, "all but the first");
    assert_eq!(sim.statistics(&router).messages_out, 1);
    assert_eq!(sim.statistics(&req).messages_in, 1);
    assert_eq!(req.take(), None);
}

#[test]
fn a_batch_fills_one_peer_and_the_rest_goes_to_the_next() {
    for receive in [1, 7, 100] {
        let mut sim = Sim::new(0, Faults::default(), 1);
        let dealer = sim.open(0, SocketType::Dealer, Options::new());
        let endpoint = sim.bind(&dealer, "inproc://batches");
        let options = || Options::new().receive_high_water_mark(receive);
        let [one, other] = [(); 2].map(|()| sim.open(0, SocketType::Dealer, options()));
        sim.connect(&one, &endpoint);
        burst(&dealer, 0..500);
        for _ in 0..20 {
            sim.step();
        }
        let receiver = one.receiver.as_ref().unwrap();
        assert_eq!(receiver.len(), receive);
        assert!(pending(&sim, &dealer) <= 1, "the rest is in `in`");
        sim.connect(&other, &endpoint);
        let mut got = vec![false; 500];
        let mut count = 0;
        sim.until("all of them", |_| {
            for dealer in [&one, &other] {
                let mut last = None;
                while let Some(message) = dealer.take() {
                    let number = number(&message);
                    assert!(last < Some(number), "in order");
                    assert!(!std::mem::replace(&mut got[number as usize], true), "once");
                    last = Some(number);
                    count += 1;
                }
            }
            count == 500
        });
        let statistics = sim.statistics(&dealer);
        assert_eq!(statistics.messages_out, 500);
        assert_eq!(statistics.queued_out, 0);
        let room = dealer.sender.as_ref().unwrap();
        sim.until("the last release", |_| room.is_empty());
    }
}

#[test]
fn one_turn_moves_at_most_its_budget() {
    let mut sim = Sim::new(0, Faults::default(), 1);
    let unlimited = || Options::new().high_water_marks(0);
    let pull = sim.open(0, SocketType::Pull, unlimited());
    let endpoint = sim.bind(&pull, "inproc://flood");
    let push = sim.open(0, SocketType::Push, unlimited());
    sim.connect(&push, &endpoint);
    burst(&push, 0..3000);
    let received = pull.receiver.as_ref().unwrap();
    let mut turns = 0;
    sim.until("all of them", |sim| {
        turns += 1;
        let mut held = sim.pumps[0].pipes.iter().map(|(_, pipe)| pipe.held());
        assert!(held.all(|held| held <= 1024) && received.len() <= turns * 1024);
        received.len() == 3000
    });
    assert!(turns >= 3);
}

#[test]
fn a_socket_that_has_sent_everything_closes() {
    let mut sim = Sim::new(0, Faults::default(), 1);
    let publisher = sim.open(0, SocketType::Pub, Options::new());
    burst(&publisher, 0..3);
    sim.close_and_wait(&publisher);
}

/// Messages there is memory for, wherever one socket and its connections keep them.
fn buffered(sim: &Sim, sock: &Sock) -> usize {
    let pump = &sim.pumps[sock.pump];
    let socket = &pump.sockets[sock.socket.slot];
    let io = &socket.io;
    let ports = [socket.ports.inward(), socket.ports.outward()];
    let channels = ports.into_iter().flatten();
    let pipes = pump.pipes.iter().map(|(_, pipe)| match &pipe.path {
        Path::Inproc(inproc) => inproc.queue.capacity(),
        Path::Cross(cross) => cross.buffered(),
        Path::Wire(_) | Path::Dialing { .. } | Path::Lent => 0,
    });
    io.pending.capacity()
        + io.batch.capacity()
        + io.notices.capacity()
        + channels.map(|channel| channel.buffered()).sum::<usize>()
        + pipes.sum::<usize>()
}

#[test]
fn sim_an_idle_socket_releases_the_memory_of_a_burst() {
    const BURST: u64 = 30_000;
    for (endpoint, far) in [
        ("inproc://burst", 0),
        ("inproc://burst", 1),
        ("tcp://127.0.0.1:0", 1),
    ] {
        let mut sim = Sim::new(0, Faults::default(), 2);
        let options = Options::new().high_water_marks(0);
        let push = sim.open(0, SocketType::Push, options.clone());
        let pull = sim.open(far, SocketType::Pull, options);
        let place = sim.bind(&push, endpoint);
        sim.connect(&pull, &place);
        let sockets = [&push, &pull];
        for (read_late, trickle) in [(false, false), (true, false), (false, true)] {
            let case = format!("{endpoint} {far}, late {read_late}, trickle {trickle}");
            for number in 0..BURST {
                assert!(push.offer(Message::from(number.to_string())));
            }
            let receiver = pull.receiver.as_ref().unwrap();
            sim.until("all arrive", |_| receiver.len() as u64 == BURST);
            let held = sockets
                .map(|sock| buffered(&sim, sock))
                .iter()
                .sum::<usize>();
            assert!(held as u64 >= BURST, "{case}: {held}");
            let idle = |sim: &mut Sim, trickle: bool| {
                for _ in 0..4 {
                    sim.now += Duration::from_secs(6);
                    (0..4).for_each(|_| sim.step());
                    if trickle {
                        assert!(push.offer(Message::from("drop")));
                        sim.until("it arrives", |_| pull.take().is_some());
                    }
                }
            };
            // What waits for a reader waits, and is looked at again.
            if read_late {
                idle(&mut sim, false);
                assert_eq!(receiver.len() as u64, BURST);
            }
            (0..BURST).for_each(|number| {
                assert_eq!(pull.take().unwrap(), Message::from(number.to_string()));
            });
            idle(&mut sim, trickle);
            for sock in sockets {
                let held = buffered(&sim, sock);
                assert!(held <= 8 * 1024, "{case}: {held}");
            }
            // And then no thread is woken for it.
            let looks = sim.pumps.iter().any(|pump| pump.timers.shrink_is_set());
            assert!(!looks || trickle, "{case}: woken again");
        }
    }
}
