//! How a world comes to rest, what must add up then, and how it ends.

use super::*;
use crate::statistics::DropReason;

/// Within this time after the faults everything is connected and has arrived: the longest pause of a
/// dialer is five seconds, and a quarter.
const REST: Duration = Duration::from_secs(600);

/// The number of steps that this takes at most.
const MOST_STEPS: u64 = 1_000_000;

impl World {
    /// The faults end, and the users receive everything: what is connected works, and nothing stays
    /// anywhere.
    pub(super) fn settle(&mut self) {
        self.note(|| "the faults end".into());
        self.sim.network.borrow_mut().faults = ROUGH;
        for at in 0..self.members.len() {
            self.members[at].sending = None;
        }
        if self.judge.is_none() {
            self.open_judge();
        }
        let start = self.sim.now;
        let mut steps = 0u64;
        loop {
            self.drain();
            self.sim.step();
            steps += 1;
            let is_late = self.sim.now > start + REST || steps > MOST_STEPS;
            let is_quiet = self.sim.is_idle && self.sim.network.borrow().is_quiet();
            if !is_quiet && !is_late {
                continue;
            }
            self.check();
            match self.unsettled() {
                None => break,
                Some(why) => assert!(!is_late, "this does not end: {why}"),
            }
        }
    }

    /// All receive what there is.
    fn drain(&mut self) {
        self.decide("200");
        for at in 0..self.members.len() {
            while self.take(at) {}
            self.reply(at);
            self.read_report(at);
        }
    }

    /// A socket may have closed.
    fn read_report(&mut self, at: usize) {
        let member = &mut self.members[at];
        let Some(closing) = &member.closing else {
            return;
        };
        if let Poll::Ready(report) = closing.answer.try_take() {
            member.report = report;
            member.closing = None;
            assert!(report.is_some(), "{at} closes without a report");
        }
    }

    /// What has not come to rest yet, if anything.
    fn unsettled(&mut self) -> Option<String> {
        for at in 0..self.members.len() {
            self.members[at].read_events();
            let linked = self.live_links(at);
            self.read_report(at);
            let member = &self.members[at];
            if let Some(closing) = &member.closing {
                let is_late = closing.until.is_some_and(|until| until < self.sim.now);
                assert!(!is_late, "{at} closes too late");
                if closing.until.is_some() || linked > 0 {
                    return Some(format!("{at} closes"));
                }
                continue;
            }
            if member.report.is_some() {
                continue;
            }
            if member.told.peers() < linked {
                let peers = member.told.peers();
                return Some(format!("{at} has {peers} peers, and {linked} links"));
            }
            let statistics = self.statistics(at);
            if statistics.queued_in > 0 {
                return Some(format!("{at} has messages to receive"));
            }
            if statistics.queued_out > 0 && linked > 0 {
                return Some(format!("{at} has messages to send: {statistics:?}"));
            }
        }
        None
    }

    /// Number of connections that a socket must have: made by itself or by a peer that is open, through
    /// an endpoint that is bound.
    fn live_links(&self, at: usize) -> usize {
        let is_live = |one: usize, link: &member::Link| {
            let peer = &self.members[link.peer];
            let both = self.members[one].is_open() && peer.is_open();
            both && peer.bound.contains(&link.target)
        };
        let own = self.members[at].links.iter();
        let own = own.filter(|link| is_live(at, link)).count();
        let others = self.members.iter().enumerate();
        let others = others.map(|(one, member)| {
            let to_it = member.links.iter().filter(|link| link.peer == at);
            to_it.filter(|link| is_live(one, link)).count()
        });
        own + others.sum::<usize>()
    }

    pub(super) fn statistics(&mut self, at: usize) -> Statistics {
        let sock = &self.members[at].sock;
        let pump = &mut self.sim.pumps[sock.pump];
        let slot = pump.find(sock.socket).expect("it is open");
        pump.statistics(slot).expect("it is open")
    }

    /// Everything is at rest: what each socket counts is what it was given and what it has returned.
    pub(super) fn check_sums(&mut self) {
        let mut sums = vec![[0u64; 2]; self.groups.len()];
        for at in 0..self.members.len() {
            if !self.members[at].is_open() {
                continue;
            }
            let statistics = self.statistics(at);
            let member = &self.members[at];
            let what = format!("{at}, a {}: {statistics:?}", member.kind);
            assert_eq!(statistics.peers.len(), member.told.peers(), "{what}");
            assert_eq!(statistics.handshakes_failed, member.told.failures, "{what}");
            assert_eq!(member.bound.len(), member.told.listeners(), "{what}");
            let dropped = &statistics.dropped;
            let accepted = member.sent.len() as u64;
            sums[member.group][0] += statistics.messages_out;
            sums[member.group][1] += statistics.messages_in;
            if member.shares() && member.kind != SocketType::Req {
                let unsent = accepted - statistics.messages_out - statistics.queued_out as u64;
                let untaken = statistics.messages_in - member.taken;
                assert_eq!(
                    unsent + untaken,
                    dropped.total(),
                    "{accepted} accepted by {what}"
                );
            }
            if !member.kind.sends() {
                let untaken = statistics.messages_in - member.taken;
                assert_eq!(
                    untaken,
                    dropped.total(),
                    "{} taken from {what}",
                    member.taken
                );
            }
            if self.is_unharmed(at) {
                assert_eq!(dropped.by(DropReason::ConnectionLost), 0, "{what}");
            }
            if member.waits_for_all() {
                assert_eq!(dropped.by(DropReason::PeerFull), 0, "{what}");
            }
            assert_eq!(statistics.reconnects, member.told.reconnects, "{what}");
        }
        for (number, [sent, received]) in sums.into_iter().enumerate() {
            let group = &self.groups[number];
            // Its sockets count no more once they have closed.
            if !group.is_broken {
                let members = self.members.iter();
                let mut members = members.filter(|member| member.group == number);
                let is_whole = members.all(|member| member.told.losses == 0);
                assert!(sent == received || !is_whole, "{:?}", group.kinds);
                assert!(
                    sent >= received,
                    "{:?}: {sent} sent, {received} received",
                    group.kinds
                );
            }
        }
        self.check_losses();
    }

    /// A sender none of whose connections broke has lost nothing.
    fn check_losses(&mut self) {
        for at in 0..self.members.len() {
            self.check_report(at);
            if !self.members[at].is_open() || !self.is_unharmed(at) {
                continue;
            }
            let queued = self.statistics(at).queued_out;
            let member = &self.members[at];
            let missing = member.sent.iter();
            let missing = missing.filter(|sent| sent.received_by.is_empty());
            assert_eq!(
                missing.count(),
                queued,
                "{at}, a {}, lost messages",
                member.kind
            );
        }
    }

    /// What a socket reports as undelivered when it has closed was not received by any peer.
    fn check_report(&self, at: usize) {
        let member = &self.members[at];
        let Some(report) = member.report.filter(|_| member.shares()) else {
            return;
        };
        let received = member.sent.iter();
        let received = received.filter(|sent| !sent.received_by.is_empty());
        let (received, accepted) = (received.count(), member.sent.len());
        let told = received + report.undelivered as usize;
        assert!(
            told <= accepted,
            "{at}, a {}: {received} of {accepted} were received, and {report:?}",
            member.kind
        );
        assert!(
            told == accepted || !self.is_unharmed(at),
            "{at}, a {}: {received} of {accepted} were received, and {report:?}",
            member.kind
        );
    }

    /// Whether a socket may lose no message.
    fn is_unharmed(&self, at: usize) -> bool {
        let member = &self.members[at];
        let group = &self.groups[member.group];
        let peers = self.members.iter();
        let mut peers = peers.filter(|peer| peer.group == member.group && peer.kind.receives());
        // A connection that a call has ended may be lost without heartbeats, of which no event tells.
        let beats = member.options.heartbeat.heartbeat_interval.is_some();
        let ends_well = !group.deafens && peers.all(|peer| peer.told.faults == 0);
        member.shares()
            && member.options.queues.send_overflow == Overflow::Block
            && member.kind != SocketType::Req
            && member.told.breaks == 0
            && !member.cuts
            && (!member.parts || ends_well && !self.storm && !beats)
    }

    /// All pumps end in one of the ways in which a context does, and leave nothing behind.
    pub(super) fn finish(&mut self) {
        let (way, start) = (self.below(3), self.sim.now);
        let longest = Duration::from_millis(if way == 2 { 200 } else { 7000 });
        self.note(|| format!("the end, way {way}"));
        if way == 0 {
            (0..self.members.len()).for_each(|at| self.close(at));
        }
        let mut answers = Vec::new();
        for pump in &self.sim.pumps {
            let (done, reply) = answer();
            let release = Release {
                limit: Some(Duration::from_secs(3)),
                closes: true,
                ends: true,
            };
            let command = match way {
                0 | 1 => Command::Release { release, reply },
                _ => Command::Shutdown {
                    grace: Duration::from_millis(100),
                    reply: {
                        drop(reply);
                        let (_, reply) = answer();
                        reply
                    },
                },
            };
            answers.extend((way < 2).then_some(done));
            assert!(pump.mailbox.post(command).is_ok());
        }
        self.sim.until("the end of all pumps", |sim| {
            sim.pumps.iter().all(Pump::is_finished)
        });
        assert!(self.sim.now <= start + longest, "the end takes too long");
        for answer in answers {
            assert!(answer.try_take().is_ready(), "a release without an answer");
        }
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            member.read_events();
            assert!(member.told.is_over, "{at} was not told the end");
            if let Some(closing) = &member.closing {
                assert!(closing.answer.try_take().is_ready(), "{at} does not close");
            }
            member.sock.sender = None;
        }
        self.judge = None;
        for pump in &mut self.sim.pumps {
            assert!(
                pump.sockets.is_empty() && pump.listeners.is_empty() && pump.dialers.is_empty()
            );
            assert!(pump.pipes.is_empty(), "pipes are left");
            assert_eq!(pump.env().registrations(), 0, "streams are registered");
            assert_eq!(
                pump.shared.connections.taken(),
                0,
                "permits are not returned"
            );
        }
        assert_eq!(
            self.sim.network.borrow().open_wires(),
            0,
            "connections are open"
        );
        assert_eq!(self.sim.permits.taken(), 0, "permits are not returned");
    }
}
