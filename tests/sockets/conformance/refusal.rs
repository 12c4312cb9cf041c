//! A peer that is refused keeps what it sends, or its loss is counted: every type, every
//! transport, whichever side refuses and whatever for.

use super::*;
use zmq_channels::statistics::{DropReason, Statistics};
use zmq_channels::RoutingId;

/// Messages a refused peer sends.
const SENT: u64 = 200;

/// Soon enough for a test; the default is for real networks.
const AGAIN: Duration = Duration::from_millis(5);

/// Which side makes the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refuses {
    Bound,
    Connected,
}

/// As the receiving end of this type has it: one peer, which is all that some types take anyway.
fn for_one_peer(kind: SocketType) -> Options {
    match kind {
        SocketType::Pair | SocketType::Channel => options(),
        _ => options().max_peers(Some(1)),
    }
}

fn options() -> Options {
    Options::new()
        .linger(Linger::For(Duration::ZERO))
        .reconnect_interval(Some(AGAIN))
        .reconnect_interval_max(AGAIN)
}

fn statistics(socket: &Socket<Any>) -> Statistics {
    socket.statistics().unwrap()
}

fn wait_for_peer(socket: &Socket<Any>) {
    socket.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
}

/// Connects so that the sending end can address its peer at once; returns what stands in front of
/// a message.
fn connect_to_send(from: &Socket<Any>, endpoint: &str) -> Vec<Frame> {
    let named = |id: RoutingId| {
        from.connect_as(endpoint, id.clone()).unwrap();
        Message::to(&id, "").frames()[..1].to_vec()
    };
    match from.socket_type() {
        SocketType::Router | SocketType::Stream => named(RoutingId::new("them").unwrap()),
        SocketType::Server => named(RoutingId::from(7)),
        SocketType::Radio => {
            from.connect(endpoint).unwrap();
            vec![Frame::from(GROUP)]
        }
        _ => connect(from, endpoint),
    }
}

/// Two peers of `to`, of which the second is refused while the first is there.
struct Scene {
    to: Socket<Any>,
    first: Socket<Any>,
    second: Socket<Any>,
    /// What `second` puts in front of a message.
    address: Vec<Frame>,
}

fn scene(
    kinds: (SocketType, SocketType),
    transport: Transport,
    refuses: Refuses,
    options: (&Options, &Options),
) -> Scene {
    let (near, far) = transport.contexts();
    let to = open_to_receive(&far, kinds.1, options.1.clone());
    let [first, second] = [(); 2].map(|()| open(&near, kinds.0, options.0.clone()));
    let mut address = Vec::new();
    match refuses {
        Refuses::Bound => {
            let endpoint = to.bind(transport.endpoint()).unwrap().to_string();
            connect_to_send(&first, &endpoint);
            wait_for_peer(&to);
            address = connect_to_send(&second, &endpoint);
        }
        Refuses::Connected => {
            if kinds.0 == SocketType::Radio {
                address = vec![Frame::from(GROUP)];
            }
            connect(&to, first.bind(transport.endpoint()).unwrap().as_str());
            wait_for_peer(&to);
            connect(&to, second.bind(transport.endpoint()).unwrap().as_str());
        }
    }
    Scene {
        to,
        first,
        second,
        address,
    }
}

/// All that was accepted for the refused peer is delivered once there is room for it, but for what
/// is counted.
fn nothing_disappears(scene: &Scene) {
    let Scene {
        to, first, second, ..
    } = scene;
    let sent = match takes_turns(second.socket_type()) {
        true => 1,
        false => SENT,
    };
    let sender = second.sender().unwrap();
    for number in 0..sent {
        put(&sender, address(&scene.address, number.to_string()));
    }
    eventually("the second is refused", || statistics(to).refused > 0);
    first.close_blocking();
    let receiver = to.receiver().unwrap();
    let (mut arrived, mut last) = (0, None);
    eventually("each message is delivered or counted", || {
        while let Ok(message) = receiver.try_recv() {
            if to.socket_type() == SocketType::Stream && message.frames()[1].is_empty() {
                continue;
            }
            if to.socket_type() != SocketType::Stream {
                let number: u64 = body(to.socket_type(), &message).parse().unwrap();
                assert!(last.is_none_or(|last| last < number), "in their order");
                last = Some(number);
            }
            arrived += 1;
        }
        let lost = statistics(to).dropped.total() + statistics(second).dropped.total();
        match to.socket_type() {
            // Bytes come in other pieces than they left in.
            SocketType::Stream => arrived + lost > 0,
            _ => arrived + lost == sent,
        }
    });
    if !drops(second.socket_type()) && second.socket_type() != SocketType::Stream {
        assert_eq!(arrived, sent, "nothing need be lost");
    }
}

/// Whether a type that is bound can send to a peer that has not been heard of.
fn sends_unasked(kind: SocketType) -> bool {
    !addresses(kind)
}

#[test]
fn a_peer_beyond_the_limit_keeps_its_messages() {
    for_each_flow(|from, to, transport| {
        let limited = for_one_peer(to);
        let scene = scene(
            (from, to),
            transport,
            Refuses::Bound,
            (&options(), &limited),
        );
        nothing_disappears(&scene);
    });
}

#[test]
fn a_dialed_peer_beyond_the_limit_keeps_its_messages() {
    for_each_flow(|from, to, transport| {
        if sends_unasked(from) {
            let limited = for_one_peer(to);
            let scene = scene(
                (from, to),
                transport,
                Refuses::Connected,
                (&options(), &limited),
            );
            nothing_disappears(&scene);
        }
    });
}

#[test]
fn a_second_peer_of_a_pair_keeps_its_messages() {
    for_each_free_flow(|from, to, transport| {
        if matches!(to, SocketType::Pair | SocketType::Channel) {
            for refuses in [Refuses::Bound, Refuses::Connected] {
                let options = options();
                let scene = scene((from, to), transport, refuses, (&options, &options));
                nothing_disappears(&scene);
            }
        }
    });
}

/// The end that connected knows the name only after the handshake: then the loss is counted.
#[test]
fn a_peer_whose_routing_id_is_in_use_keeps_its_messages_or_has_them_counted() {
    common::within(LIMIT, || {
        use SocketType::{Dealer, Router};
        for transport in Transport::ALL {
            for refuses in [Refuses::Bound, Refuses::Connected] {
                told(format!("{transport:?}, {refuses:?}"), || {
                    let named = options().routing_id("twins");
                    let scene = scene((Dealer, Router), transport, refuses, (&named, &options()));
                    let receiver = scene.to.receiver().unwrap();
                    let sender = scene.second.sender().unwrap();
                    (0..SENT).for_each(|number| put(&sender, number.to_string()));
                    eventually("the second is refused", || {
                        statistics(&scene.to).refused > 0
                    });
                    scene.first.close_blocking();
                    let mut arrived = 0;
                    eventually("each message is delivered or counted", || {
                        arrived += receiver.drain().count() as u64;
                        let counted = statistics(&scene.to).dropped.by(DropReason::PeerRefused);
                        arrived + counted == SENT
                    });
                    if refuses == Refuses::Bound {
                        assert_eq!(arrived, SENT);
                    }
                });
            }
        }
    });
}

/// Either end has the role of the server, and either has connected.
#[cfg(feature = "curve")]
#[test]
fn an_encrypted_peer_beyond_the_limit_keeps_its_messages() {
    use zmq_channels::{CurveKeypair, Security};
    common::within(LIMIT, || {
        let keypair = || CurveKeypair::generate().unwrap();
        let server = keypair();
        let client = Security::CurveClient {
            keypair: keypair(),
            server_key: *server.public(),
        };
        let server = Security::CurveServer(server);
        for (ours, theirs) in [(&server, &client), (&client, &server)] {
            for refuses in [Refuses::Bound, Refuses::Connected] {
                told(format!("{refuses:?}, {ours:?}"), || {
                    let limited = for_one_peer(SocketType::Pull).security(ours.clone());
                    let scene = scene(
                        (SocketType::Push, SocketType::Pull),
                        Transport::Tcp,
                        refuses,
                        (&options().security(theirs.clone()), &limited),
                    );
                    nothing_disappears(&scene);
                });
            }
        }
    });
}
