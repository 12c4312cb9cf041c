//! What the users of a world do at random.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use super::member::{Closing, Limit, Link, TOPICS};
use super::*;
use crate::error::SendError;

/// How much longer than its linger a socket may take to close: inproc peers have a second to take what
/// they have room for.
const CLOSING: Duration = Duration::from_millis(1100);

/// Maximum number of sockets of one world.
const MOST: usize = 12;

impl World {
    pub(super) fn populate(&mut self) {
        for _ in 0..1 + self.below(3) {
            let mut kinds = KINDS[self.below(KINDS.len())];
            if self.below(2) == 0 {
                kinds.reverse();
            }
            let mechanism = self.mechanism();
            let group = self.groups.len();
            let options = [0, 1].map(|side: usize| mechanism[side].clone());
            self.groups.push(Group {
                kinds,
                options,
                is_broken: false,
                deafens: false,
            });
            let one = kinds[0].has_one_peer();
            for side in [0, 1] {
                for _ in 0..if one { 1 } else { 1 + self.below(2) } {
                    self.open(group, side);
                }
            }
        }
        if self.below(2) == 0 {
            self.open_judge();
        }
        for at in 0..self.members.len() {
            if self.members[at].side == 0 {
                self.bind(at);
            }
        }
        for at in 0..self.members.len() {
            if self.members[at].side == 1 {
                self.connect(at);
            }
        }
    }

    /// The options of a server and a client of one mechanism.
    fn mechanism(&mut self) -> [Options; 2] {
        let both = |security| [Options::new().security(security), Options::new()];
        match self.below(4) {
            0 => super::super::zap::plain(),
            #[cfg(feature = "curve")]
            1 => super::super::zap::curve(),
            _ => both(Security::Null),
        }
    }

    /// Options that every socket type may have.
    fn options(&mut self, group: usize, side: usize) -> Options {
        let mark = |world: &mut World| [1, 2, 5, 50, 1000, 0][world.below(6)];
        let (send, receive) = (mark(self), mark(self));
        let interval = Duration::from_millis(1 + self.below(50) as u64);
        let mut options = self.groups[group].options[side].clone();
        options = options
            .send_high_water_mark(send)
            .receive_high_water_mark(receive)
            .linger(self.linger())
            .reconnect_interval(Some(interval))
            .reconnect_interval_max(4 * interval)
            .handshake_timeout(Some(Duration::from_secs(1)))
            .message_peers(self.below(4) > 0);
        if self.below(4) == 0 {
            options = options.connect_timeout(Duration::from_millis(200));
        }
        if self.below(4) == 0 {
            let every = Duration::from_millis(50 + self.below(500) as u64);
            options = options.heartbeat_interval(Some(every));
        }
        if self.below(6) == 0 {
            options = options.immediate(true);
        }
        let kind = self.groups[group].kinds[side];
        match kind {
            SocketType::Pub | SocketType::XPub | SocketType::Radio => {
                options = options.xpub_no_drop(self.below(2) == 0);
            }
            SocketType::Router => options = options.router_mandatory(self.below(2) == 0),
            // A reply that is dropped would be waited for.
            SocketType::Rep => {}
            _ if self.below(8) == 0 => {
                let policies = [Overflow::DropNewest, Overflow::DropOldest, Overflow::Latest];
                options = options.send_overflow(policies[self.below(3)]);
            }
            _ => {}
        }
        options
    }

    fn linger(&mut self) -> Linger {
        match self.below(4) {
            0 => Linger::For(Duration::ZERO),
            1 => Linger::For(Duration::from_millis(1 + self.below(1000) as u64)),
            _ => Linger::UntilSent,
        }
    }

    pub(super) fn open(&mut self, group: usize, side: usize) -> usize {
        let kinds = self.groups[group].kinds;
        let (kind, partner) = (kinds[side], kinds[1 - side]);
        let options = self.options(group, side);
        let pump = self.below(self.sim.pumps.len());
        let sock = self.sim.open(pump, kind, options.clone());
        let monitor = self.sim.monitor(&sock);
        let at = self.members.len();
        self.note(|| format!("{at} is a {kind} on {pump} with {:?}", options.queues));
        self.members.push(Member {
            group,
            side,
            kind,
            partner,
            sock,
            monitor,
            told: told::Told::default(),
            bound: Vec::new(),
            unbound: Vec::new(),
            links: Vec::new(),
            sent: Vec::new(),
            sending: None,
            taken: 0,
            order: HashMap::new(),
            parts: false,
            cuts: false,
            owes: VecDeque::new(),
            peers: Vec::new(),
            subscriptions: Vec::new(),
            send_limit: Limit::new(options.queues.send_high_water_mark),
            receive_limit: Limit::new(options.queues.receive_high_water_mark),
            options,
            closing: None,
            report: None,
        });
        if matches!(kind, SocketType::Sub | SocketType::XSub | SocketType::Dish) {
            self.subscribe(at);
        }
        at
    }

    /// One step of one user, or of the world.
    pub(super) fn act(&mut self) {
        let at = self.below(self.members.len());
        match self.below(100) {
            0..=29 => self.send(at),
            30..=54 => {
                let most = 1 + self.below(20);
                let _ = (0..most).take_while(|_| self.take(at)).count();
            }
            55..=77 => {
                let most = 1 + self.below(10);
                (0..most).for_each(|_| self.sim.step());
            }
            78..=80 => self.cancel(at),
            81..=84 => self.connect(at),
            85 => self.disconnect(at),
            86 => self.unbind(at),
            87..=88 => self.bind(at),
            89 => self.close_at_random(at),
            90 => {
                let group = self.members[at].group;
                let one = self.groups[group].kinds[0].has_one_peer();
                if self.members.len() < MOST && !one {
                    let side = self.below(2);
                    self.open(group, side);
                }
            }
            91..=92 => self.configure(at),
            93..=94 => self.subscribe(at),
            95 => {
                let jump = [100, 5_000, 3_600_000][self.below(3)];
                self.jump(Duration::from_millis(jump));
            }
            _ => self.judge_one(),
        }
    }

    /// The clock jumps.
    fn jump(&mut self, time: Duration) {
        self.note(|| format!("{time:?} pass"));
        self.sim.pass(time);
        for member in &mut self.members {
            // A pump that has not read the command yet counts from now.
            let is_unread = self.sim.pumps[member.sock.pump].mailbox.has_work();
            if let (Some(closing), true) = (&mut member.closing, is_unread) {
                closing.until = closing.until.map(|until| until + time);
            }
        }
    }

    /// Offers some messages, or one that waits for room.
    fn send(&mut self, at: usize) {
        self.reply(at);
        if !self.members[at].is_open() || !self.members[at].speaks() {
            return;
        }
        if self.members[at].sending.is_some() {
            return self.poll_sending(at);
        }
        for _ in 0..1 + self.below(30) {
            let peers = self.members[at].peers.clone();
            let chosen = match self.members[at].kind.addresses_peers() {
                true => match self.below(peers.len().max(1)) {
                    chosen if chosen < peers.len() => Some(&peers[chosen]),
                    _ => return,
                },
                false => None,
            };
            let to = chosen.map(|(_, to)| *to);
            let member = &self.members[at];
            let message = member.message(at, chosen.map(|(name, _)| name));
            let sender = member.sock.sender.clone().unwrap();
            match sender.try_send(message) {
                Ok(()) => self.accepted(at, to),
                Err(TrySendError::Full(message)) => {
                    if self.below(4) == 0 {
                        let send = async move { sender.send(message).await };
                        self.members[at].sending = Some((to, Box::pin(send)));
                        self.poll_sending(at);
                    }
                    return;
                }
                // A peer that is gone.
                Err(TrySendError::Refused(..)) => {}
                Err(TrySendError::Closed(..)) => panic!("{at} is not closed"),
            }
        }
    }

    /// Polls a send that waits.
    pub(super) fn poll_sending(&mut self, at: usize) {
        let Some((to, mut send)) = self.members[at].sending.take() else {
            return;
        };
        match send.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.members[at].sending = Some((to, send)),
            Poll::Ready(Ok(())) => self.accepted(at, to),
            Poll::Ready(Err(SendError::Refused(..))) => {}
            Poll::Ready(Err(SendError::Closed(..))) => assert!(!self.members[at].is_open()),
        }
    }

    /// Drops a send that waits, or a receive that was polled.
    fn cancel(&mut self, at: usize) {
        self.members[at].sending = None;
        let Some(receiver) = self.members[at].sock.receiver.clone() else {
            return;
        };
        let mut receive = Box::pin(receiver.recv());
        let polled = receive
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        drop(receive);
        if let Poll::Ready(Ok(message)) = polled {
            self.received(at, message);
        }
    }

    /// A REP, or a ROUTER of REQ, replies to what it has received.
    pub(super) fn reply(&mut self, at: usize) {
        while let Some(&to) = self.members[at].owes.front() {
            let member = &self.members[at];
            if !member.is_open() {
                return;
            }
            // Its last name: each connection has another.
            let name = member.peers.iter().rfind(|(_, peer)| *peer == to);
            let message = member.message(at, name.map(|(name, _)| name));
            let sender = member.sock.sender.clone().unwrap();
            match sender.try_send(message) {
                Ok(()) => self.accepted(at, Some(to)),
                Err(TrySendError::Full(_)) => return,
                Err(TrySendError::Refused(..)) => {}
                Err(TrySendError::Closed(..)) => panic!("{at} is not closed"),
            }
            self.members[at].owes.pop_front();
        }
    }

    pub(super) fn bind(&mut self, at: usize) {
        let member = &self.members[at];
        if !member.is_open() || member.bound.len() >= 2 {
            return;
        }
        let again = member.unbound.clone();
        let endpoint = match self.below(4) {
            0 | 1 if !again.is_empty() => self.one_of_endpoints(&again),
            0 => {
                self.names += 1;
                let name = format!("inproc://name-{}", self.names);
                Endpoint::parse_for_bind(&name).unwrap()
            }
            _ => Endpoint::parse_for_bind("tcp://127.0.0.1:0").unwrap(),
        };
        let bound = self.ask(at, |reply| SocketCommand::Bind { endpoint, reply });
        let bound = bound.unwrap();
        self.note(|| format!("{at} is bound to {bound}"));
        let member = &mut self.members[at];
        member.unbound.retain(|other| *other != bound);
        member.bound.push(bound);
    }

    fn one_of_endpoints(&mut self, all: &[Endpoint]) -> Endpoint {
        let which = self.below(all.len());
        all[which].clone()
    }

    fn unbind(&mut self, at: usize) {
        let bound = self.members[at].bound.clone();
        if bound.is_empty() || !self.members[at].is_open() {
            return;
        }
        let endpoint = self.one_of_endpoints(&bound);
        self.note(|| format!("{at} unbinds {endpoint}"));
        let gone = endpoint.clone();
        self.part(at);
        let unbound = self.ask(at, |reply| SocketCommand::Unbind { endpoint, reply });
        unbound.unwrap();
        let member = &mut self.members[at];
        member.bound.retain(|other| *other != gone);
        member.unbound.push(gone);
    }

    /// Connects to a socket of the same group that it has no connection with, if there is one.
    pub(super) fn connect(&mut self, at: usize) {
        let member = &self.members[at];
        if !member.is_open() {
            return;
        }
        let linked = |one: usize, other: usize| {
            let links = &self.members[one].links;
            links.iter().any(|link| link.peer == other)
        };
        let mut fitting: Vec<usize> = (0..self.members.len()).collect();
        fitting.retain(|&other| {
            let peer = &self.members[other];
            let fits = peer.group == member.group && member.kind.accepts(peer.kind);
            let is_free = other != at && !linked(at, other) && !linked(other, at);
            // PLAIN and CURVE are between a client and a server.
            let ours = member.options.get_security();
            let theirs = peer.options.get_security();
            let secure = match ours == theirs {
                true => *ours == Security::Null,
                false => ours.is_server() != theirs.is_server(),
            };
            fits && is_free && secure && peer.is_open() && !peer.bound.is_empty()
        });
        let Some(peer) = self.one_of(&fitting) else {
            return;
        };
        let bound = self.members[peer].bound.clone();
        let target = self.one_of_endpoints(&bound);
        let endpoint = self.named(&target);
        self.note(|| format!("{at} connects to {peer} by {endpoint}, which is {target}"));
        let link = Link {
            endpoint: endpoint.clone(),
            target,
            peer,
        };
        if self.members[at].kind == SocketType::Peer {
            let name = None;
            let name = self.ask(at, |reply| SocketCommand::ConnectPeer {
                endpoint,
                name,
                reply,
            });
            let name = Frame::from(name.unwrap());
            self.members[at].peers.push((name, peer));
        } else {
            let done = self.ask(at, |reply| SocketCommand::Connect { endpoint, reply });
            done.unwrap();
        }
        self.members[at].links.push(link);
    }

    /// The endpoint by which another is connected to: itself, or a name that resolves to it, and at
    /// times to others before.
    fn named(&mut self, target: &Endpoint) -> Endpoint {
        let Ok(Resolution::Ready(address)) = transport::targets(target) else {
            return target.clone();
        };
        if self.below(3) > 0 {
            return target.clone();
        }
        self.names += 1;
        let name = format!("tcp://host-{}.example:1", self.names);
        let name = Endpoint::parse_for_connect(&name).unwrap();
        let mut addresses: Vec<Target> = Vec::new();
        if self.below(2) == 0 {
            let dead = Endpoint::parse_for_connect("tcp://192.0.2.77:1").unwrap();
            if let Ok(Resolution::Ready(dead)) = transport::targets(&dead) {
                addresses.push(dead);
            }
        }
        addresses.push(address);
        let mut network = self.sim.network.borrow_mut();
        network.names.insert(name.to_string(), addresses);
        name
    }

    fn disconnect(&mut self, at: usize) {
        let links = self.members[at].links.clone();
        if links.is_empty() || !self.members[at].is_open() {
            return;
        }
        let which = self.below(links.len());
        let endpoint = links[which].endpoint.clone();
        self.note(|| format!("{at} disconnects {endpoint}"));
        let gone = endpoint.clone();
        self.part(at);
        let done = self.ask(at, |reply| SocketCommand::Disconnect { endpoint, reply });
        done.unwrap();
        let member = &mut self.members[at];
        member.links.retain(|link| link.endpoint != gone);
        member.read_events();
        member.told.disconnected(&gone);
    }

    /// A socket ends one of its connections.
    fn part(&mut self, at: usize) {
        let member = &mut self.members[at];
        member.parts = true;
        member.cuts |= self.storm || member.options.queues.linger != Linger::UntilSent;
        self.groups[member.group].deafens |= member.kind.receives();
    }

    /// Asks to close a socket; the answer may come much later.
    pub(super) fn close(&mut self, at: usize) {
        if !self.members[at].is_open() {
            return;
        }
        self.note(|| format!("{at} closes"));
        self.members[at].sending = None;
        let (answer, reply) = answer();
        let member = &mut self.members[at];
        let socket = member.sock.socket;
        let close = Command::Socket(socket, SocketCommand::Close { reply });
        let mailbox = &self.sim.pumps[member.sock.pump].mailbox;
        assert!(mailbox.post(close).is_ok());
        let until = match member.options.queues.linger {
            Linger::UntilSent => None,
            Linger::For(time) => Some(self.sim.now + time + CLOSING),
        };
        member.closing = Some(Closing { answer, until });
        let group = member.group;
        self.groups[group].is_broken = true;
        self.part(at);
    }

    fn close_at_random(&mut self, at: usize) {
        if self.below(2) == 0 {
            self.close(at);
        }
    }

    fn configure(&mut self, at: usize) {
        if !self.members[at].is_open() {
            return;
        }
        let mark = [1, 3, 20, 200][self.below(4)];
        let linger = self.linger();
        let options = self.members[at].options.clone();
        let options = options.high_water_marks(mark).linger(linger);
        self.note(|| format!("{at} has marks of {mark} and linger {linger:?}"));
        let seen = self.ask(at, |reply| SocketCommand::Options { reply });
        let now = Arc::new(options.clone());
        let done = self.ask(at, |reply| SocketCommand::Configure {
            seen,
            options: now,
            reply,
        });
        assert_eq!(done, Ok(true));
        let member = &mut self.members[at];
        member.options = options;
        // What is queued already stays.
        member.send_limit.mark = member.send_limit.mark.max(mark);
        member.receive_limit.mark = member.receive_limit.mark.max(mark);
    }

    /// Subscribes to a topic, or ends a subscription.
    fn subscribe(&mut self, at: usize) {
        let member = &self.members[at];
        let kind = member.kind;
        let fits = matches!(kind, SocketType::Sub | SocketType::XSub | SocketType::Dish);
        if !fits || !member.is_open() {
            return;
        }
        let topic = TOPICS[self.below(TOPICS.len())];
        let prefix = Frame::from(topic);
        let had = self.members[at].subscriptions.contains(&topic);
        self.note(|| format!("{at} changes its subscription to {topic}: {had}"));
        match (kind == SocketType::Dish, had) {
            (true, false) => {
                let group = prefix;
                let done = self.ask(at, |reply| SocketCommand::Join { group, reply });
                assert_eq!(done, Ok(()));
            }
            (true, true) => {
                let group = prefix;
                let done = self.ask(at, |reply| SocketCommand::Leave { group, reply });
                assert_eq!(done, Ok(()));
            }
            (false, false) => {
                let done = self.ask(at, |reply| SocketCommand::Subscribe { prefix, reply });
                assert_eq!(done, Ok(()));
            }
            (false, true) => {
                let done = self.ask(at, |reply| SocketCommand::Unsubscribe { prefix, reply });
                assert_eq!(done, Ok(()));
            }
        }
        let all = &mut self.members[at].subscriptions;
        match had {
            true => all.retain(|other| *other != topic),
            false => all.push(topic),
        }
    }

    pub(super) fn open_judge(&mut self) {
        let pump = self.below(self.sim.pumps.len());
        let judge = self.sim.open(pump, SocketType::Rep, Options::new());
        self.sim.bind(&judge, "inproc://zeromq.zap.01");
        self.judge = Some(judge);
    }

    /// The handler decides about a peer, or it is replaced.
    fn judge_one(&mut self) {
        let statuses = ["200", "200", "200", "400", "500", "?"];
        let status = statuses[self.below(statuses.len())];
        match &self.judge {
            Some(_) if self.random.below(20) == 0 => {
                self.close_judge();
            }
            Some(_) => self.decide(status),
            None => self.open_judge(),
        }
    }

    fn close_judge(&mut self) {
        if let Some(judge) = self.judge.take() {
            self.sim.close_and_wait(&judge);
        }
    }

    /// The handler decides about one peer that waits.
    pub(super) fn decide(&mut self, status: &str) {
        let Some(judge) = &self.judge else {
            return;
        };
        if judge.take().is_some() {
            let mut reply = Message::from(["1.0", "1", status, "text", "anna"]);
            reply.push_back("");
            assert!(judge.offer(reply));
        }
    }

    /// Sends a command about a socket and waits for its result.
    pub(super) fn ask<T>(
        &mut self,
        at: usize,
        command: impl FnOnce(crate::sync::oneshot::Reply<T>) -> SocketCommand,
    ) -> T {
        let (pump, socket) = (self.members[at].sock.pump, self.members[at].sock.socket);
        self.sim
            .ask(pump, |reply| Command::Socket(socket, command(reply)))
    }
}
