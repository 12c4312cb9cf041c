//! How often each peer is served, when there are many.

use super::*;

const PEERS: usize = 10;

/// What each of them has to say before any subscriber listens. It is their mark, so that no publisher drops
/// anything.
const SAID: usize = 1000;

/// How many messages are read before any are counted: what came while there was no other sender, and
/// the first rounds, in which the kernel may still have some on their way.
const SKIPPED: usize = 200 * PEERS;

/// How many messages are counted: so few that no sender runs out of them.
const READ: usize = 700 * PEERS;

/// The most that one peer may have over another: max/min of the messages.
const FAIR: f64 = 1.1;

fn takes_many(kind: SocketType) -> bool {
    !matches!(kind, SocketType::Pair | SocketType::Channel)
}

/// Whether messages go to one peer after the other.
fn goes_round(kind: SocketType) -> bool {
    use SocketType::*;
    matches!(kind, Push | Dealer | Req | Client | Scatter)
}

/// Everything that was asked of a socket before is seen to, and what its pump could know by then
/// it knows.
fn settle(socket: &Socket<Any>) {
    (0..3).for_each(|_| drop(socket.statistics().unwrap()));
}

fn assert_fair(got: &[usize; PEERS]) {
    let (least, most) = (got.iter().min().unwrap(), got.iter().max().unwrap());
    let ratio = *most as f64 / *least as f64;
    assert!(ratio <= FAIR, "{ratio:.2}: {got:?}");
}

/// Ten peers of one socket, each over a different transport.
struct Crowd {
    from: Vec<Socket<Any>>,
    /// What each of them puts in front of its messages.
    addresses: Vec<Vec<Frame>>,
    to: Socket<Any>,
}

impl Crowd {
    fn new(from: SocketType, to: SocketType, transports: &[Transport]) -> Crowd {
        // The first one's contexts do for those that can reach each other.
        let (near, far) = transports[0].contexts();
        let to = open_to_receive(&far, to, marks(4));
        let endpoints: Vec<_> = transports
            .iter()
            .map(|transport| to.bind(transport.endpoint()).unwrap().to_string())
            .collect();
        let options = marks(SAID);
        let mut crowd = Crowd {
            from: Vec::new(),
            addresses: Vec::new(),
            to,
        };
        for (transport, endpoint) in transports.iter().zip(&endpoints).cycle().take(PEERS) {
            let context = match transport.is_inproc() {
                true => &far,
                false => &near,
            };
            let peer = open(context, from, options.clone());
            crowd.addresses.push(connect(&peer, endpoint));
            crowd.from.push(peer);
        }
        crowd.introduce(from);
        crowd
    }

    /// Waits until a message of every peer could have been read.
    fn introduce(&mut self, from: SocketType) {
        let patience = PATIENCE;
        let connected = self.to.wait_connected_timeout_blocking(PEERS, patience);
        connected.unwrap();
        for peer in &self.from {
            peer.wait_connected_timeout_blocking(1, patience).unwrap();
            if matches!(from, SocketType::Pub | SocketType::XPub | SocketType::Radio) {
                peer.wait_subscribed_timeout_blocking(1, patience).unwrap();
            }
        }
        if from == SocketType::Radio {
            self.addresses = vec![vec![Frame::from(GROUP)]; PEERS];
        }
        if addresses(from) && from != SocketType::Peer {
            // These go round.
            let sender = self.to.sender().unwrap();
            (0..PEERS).for_each(|_| put(&sender, "hello"));
            let heard = |peer: &Socket<Any>| next(&peer.receiver().unwrap())[0].clone();
            self.addresses = self.from.iter().map(|peer| vec![heard(peer)]).collect();
        }
    }

    fn say(&self, peer: usize) {
        let message = address(&self.addresses[peer], peer.to_string());
        put(&self.from[peer].sender().unwrap(), message);
    }

    /// Which peer sent the next message.
    fn heard(&self) -> usize {
        let message = next(&self.to.receiver().unwrap());
        body(self.to.socket_type(), &message).parse().unwrap()
    }

    /// All have messages waiting, as many as can wait on the way, and the bound socket knows.
    fn wait(&self) {
        for peer in &self.from {
            let out = || peer.statistics().unwrap().messages_out;
            // A pump that has had several turns and sends nothing has nothing, or cannot.
            eventually("everything is on its way", || {
                let before = out();
                settle(peer);
                out() == before
            });
        }
        settle(&self.to);
    }
}

fn every_peer_is_received_from(from: SocketType, to: SocketType, transports: &[Transport]) {
    let crowd = Crowd::new(from, to, transports);
    // One after the other, so that the first could take all there is.
    for peer in 0..PEERS {
        (0..SAID).for_each(|_| crowd.say(peer));
    }
    crowd.wait();
    for _ in 0..SKIPPED {
        crowd.heard();
    }
    let mut got = [0; PEERS];
    for _ in 0..READ {
        got[crowd.heard()] += 1;
    }
    assert_fair(&got);
}

#[test]
fn messages_are_received_from_all_peers_equally() {
    for_each_free_flow(|from, to, transport| {
        if takes_many(to) {
            every_peer_is_received_from(from, to, &[transport]);
        }
    });
}

#[test]
fn messages_are_received_from_all_transports_equally() {
    common::within(LIMIT, || {
        for (from, to) in flows().filter(|(from, to)| !takes_turns(*from) && takes_many(*to)) {
            told(format!("{from} to {to}"), || {
                let mut transports = vec![Transport::AcrossPumps];
                transports.extend(Transport::WIRES);
                every_peer_is_received_from(from, to, &transports);
            });
        }
    });
}

/// A peer that asks again at once does not come before those that still wait.
#[test]
fn requests_of_all_peers_are_served_equally() {
    for_each_flow(|from, to, transport| {
        if !takes_turns(from) {
            return;
        }
        let crowd = Crowd::new(from, to, &[transport]);
        (0..PEERS).for_each(|peer| crowd.say(peer));
        let mut got = [0; PEERS];
        let waiting = crowd.to.receiver().unwrap();
        for _ in 0..50 * PEERS {
            eventually("all have asked", || waiting.len() == PEERS);
            let peer = crowd.heard();
            got[peer] += 1;
            put(&crowd.to.sender().unwrap(), "answer");
            next(&crowd.from[peer].receiver().unwrap());
            crowd.say(peer);
        }
        assert_fair(&got);
    });
}

#[test]
fn round_robin_types_send_to_all_peers_equally() {
    for_each_flow(|from, to, transport| {
        if !goes_round(from) {
            return;
        }
        let (near, far) = transport.contexts();
        let sender = open(&near, from, plain().0);
        let peers: Vec<_> = (0..PEERS)
            .map(|_| {
                let peer = open_to_receive(&far, to, plain().1);
                let endpoint = peer.bind(transport.endpoint()).unwrap();
                sender.connect(endpoint).unwrap();
                peer
            })
            .collect();
        let connected = sender.wait_connected_timeout_blocking(PEERS, PATIENCE);
        connected.unwrap();
        let mut got = [0; PEERS];
        if takes_turns(from) {
            for _ in 0..20 * PEERS {
                put(&sender.sender().unwrap(), "request");
                let asked = |peer: &Socket<Any>| peer.receiver().unwrap().try_recv().is_ok();
                let mut peer = None;
                eventually("the request", || {
                    peer = peers.iter().position(asked);
                    peer.is_some()
                });
                let peer = peer.unwrap();
                got[peer] += 1;
                put(&peers[peer].sender().unwrap(), "reply");
                next(&sender.receiver().unwrap());
            }
        } else {
            let total = 50 * PEERS;
            (0..total).for_each(|_| put(&sender.sender().unwrap(), "message"));
            let there = |peer: &Socket<Any>| peer.receiver().unwrap().len();
            eventually("all messages", || {
                peers.iter().map(there).sum::<usize>() == total
            });
            for (peer, got) in peers.iter().zip(&mut got) {
                *got = there(peer);
            }
        }
        assert_fair(&got);
    });
}
