//! Senders wait for the full peer that their message is for, and for no other.

use zmq_channels::Receiver;

use super::*;

/// What each socket holds.
const MARK: usize = 6;

/// What is sent past the full peer: many times the marks.
const PAST: usize = 20 * MARK;

/// Large enough for the kernel's buffers to be full soon.
const LARGE: usize = 100_000;

/// Types that wait for one full peer of several, and how they are told to.
fn waiting() -> impl Iterator<Item = (SocketType, Options)> {
    use SocketType::*;
    let options = || marks(MARK);
    [
        (Router, options().router_mandatory(true)),
        (Server, options()),
        (Peer, options()),
        (Stream, options()),
        (Pub, options().xpub_no_drop(true)),
        (XPub, options().xpub_no_drop(true)),
        (XPub, options().xpub_no_drop(true).invert_matching(true)),
        (Radio, options().xpub_no_drop(true)),
    ]
    .into_iter()
}

/// One socket that sends, and two that receive what is sent to each.
struct Fork {
    from: Socket<Any>,
    to: [Socket<Any>; 2],
    /// What goes in front of a message to each.
    addresses: [Frame; 2],
}

impl Fork {
    fn new(kind: SocketType, options: Options, transport: Transport) -> Fork {
        let (near, far) = transport.contexts();
        let inverted = options.get_invert_matching();
        let from = open(&near, kind, options.clone());
        let endpoint = from.bind(transport.endpoint()).unwrap().to_string();
        let mut to = ["a", "b"].map(|name| {
            let kind = match kind {
                // Its subscriptions stay at the publisher.
                SocketType::XPub => SocketType::XSub,
                kind => partner(kind),
            };
            let socket = open(&far, kind, marks(MARK));
            match kind {
                SocketType::Sub | SocketType::XSub => socket.subscribe(name).unwrap(),
                SocketType::Dish => socket.join(name).unwrap(),
                _ => {}
            }
            socket
        });
        let addresses = match kind {
            _ if addresses(kind) => [0, 1].map(|peer| said_hello(&from, &to[peer], &endpoint)),
            _ => {
                to.iter()
                    .for_each(|socket| drop(socket.connect(&endpoint).unwrap()));
                from.wait_subscribed_timeout_blocking(2, PATIENCE).unwrap();
                ["a", "b"].map(Frame::from)
            }
        };
        if inverted {
            // The peer that subscribes to `a` gets `b`.
            to.reverse();
        }
        Fork {
            from,
            to,
            addresses,
        }
    }

    fn message(&self, peer: usize, body: impl Into<Frame>) -> Message {
        Message::from([self.addresses[peer].clone(), body.into()])
    }

    /// Sends to the first until it is full, and has been for a while; how many were taken.
    fn fill(&self) -> usize {
        let sender = self.from.sender().unwrap();
        let mut taken = 0;
        let message = self.message(0, vec![b'x'; LARGE]);
        while sender
            .send_timeout_blocking(message.clone(), STEP * 5)
            .is_ok()
        {
            taken += 1;
        }
        taken
    }
}

/// Connects `to`, and returns the name that `from` knows it by.
fn said_hello(from: &Socket<Any>, to: &Socket<Any>, endpoint: &str) -> Frame {
    let there = connect(to, endpoint);
    if to.socket_type() == SocketType::Stream {
        // Each tells of the connection.
        let _ = next(&to.receiver().unwrap());
    } else {
        put(&to.sender().unwrap(), address(&there, "hello"));
    }
    next(&from.receiver().unwrap())[0].clone()
}

#[test]
fn a_full_peer_delays_no_message_to_another() {
    common::within(LIMIT, || {
        at_once(Transport::ALL, |transport| {
            for (kind, options) in waiting() {
                if has_transport(kind, transport) {
                    told(format!("{kind} over {transport:?}"), || {
                        past_a_full_peer(Fork::new(kind, options.clone(), transport));
                    });
                }
            }
        });
    });
}

fn past_a_full_peer(fork: Fork) {
    let mut taken = fork.fill();
    assert!(taken >= MARK, "{taken} taken");
    let sender = fork.from.sender().unwrap();
    let full = fork.message(0, vec![b'y'; LARGE]);
    // A thread waits with a message for the full one.
    let waits = thread::spawn({
        let (sender, full) = (sender.clone(), full.clone());
        move || sender.send_timeout_blocking(full, PATIENCE)
    });
    let other = fork.to[1].receiver().unwrap();
    let mut expected = 0;
    for number in 0..PAST {
        put(&sender, fork.message(1, number.to_string()));
        if number % MARK == MARK - 1 {
            while expected <= number {
                expected += read(&fork, &other, expected);
            }
        }
    }
    // On a busy machine the system takes some of them late.
    loop {
        match sender.try_send(full.clone()) {
            Ok(()) => taken += 1,
            Err(TrySendError::Full(message)) => break assert_eq!(message, full),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(sender.dropped(), 0);
    // As soon as the full one reads, the call that waits for it goes on.
    let slow = fork.to[0].receiver().unwrap();
    let mut bytes = 0;
    while bytes < (taken + 1) * LARGE {
        let message = next(&slow);
        bytes += message.frames().last().unwrap().len();
    }
    waits.join().unwrap().unwrap();
}

/// Reads what was sent next to the second peer; how many messages that were.
fn read(fork: &Fork, out: &Receiver, expected: usize) -> usize {
    let message = next(out);
    let body = message.frames().last().unwrap();
    let text = std::str::from_utf8(body).unwrap();
    if fork.from.socket_type() != SocketType::Stream {
        assert_eq!(text, expected.to_string());
        return 1;
    }
    // A stream has no messages: the digits come one behind the other.
    let (mut rest, mut count) = (text.to_owned(), 0);
    while !rest.is_empty() {
        let number = (expected + count).to_string();
        rest = rest.strip_prefix(&number).expect("in order").to_owned();
        count += 1;
    }
    count
}

#[test]
fn a_peer_accepts_exactly_its_high_water_marks() {
    common::within(LIMIT, || {
        at_once([1, 2, 3, 7, 64], |mark| {
            for (kind, _) in waiting() {
                for transport in [Transport::Inproc, Transport::AcrossPumps] {
                    if !has_transport(kind, transport) {
                        continue;
                    }
                    let options = marks(mark).router_mandatory(true);
                    let options = match kind {
                        SocketType::Pub | SocketType::XPub | SocketType::Radio => {
                            marks(mark).xpub_no_drop(true)
                        }
                        SocketType::Router => options,
                        _ => marks(mark),
                    };
                    told(format!("{kind} over {transport:?}, mark {mark}"), || {
                        let fork = Fork::new(kind, options.clone(), transport);
                        let (sender, message) = (fork.from.sender().unwrap(), fork.message(0, "x"));
                        (0..mark + MARK).for_each(|_| put(&sender, message.clone()));
                        let more = sender.send_timeout_blocking(message, STEP * 5);
                        assert!(more.is_err(), "one more than the marks");
                    });
                }
            }
        });
    });
}
