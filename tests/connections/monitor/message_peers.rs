//! Messages that tell which peer they came from.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread;

use crate::common::{eventually, next, put, within, Transport, LIMIT};
use zmq_channels::error::TrySendError;
use zmq_channels::message::PeerInfo;
use zmq_channels::monitor::EventKind;
use zmq_channels::options::Notify;
use zmq_channels::security::Credentials;
use zmq_channels::{
    Any, Context, Dealer, Message, Options, Overflow, Proxy, Pull, Push, Rep, Req, Router,
    RoutingId, Security, Socket, SocketType, Sub, XPub,
};

use super::{lossless, told};

fn telling() -> Options {
    lossless().message_peers(true)
}

fn partner(kind: SocketType) -> SocketType {
    use SocketType::*;
    match kind {
        Sub => Pub,
        XSub => XPub,
        XPub => XSub,
        Req => Rep,
        Rep => Req,
        Dealer => Router,
        Router => Dealer,
        Pull => Push,
        Server => Client,
        Client => Server,
        Dish => Radio,
        Gather => Scatter,
        Pair | Stream | Peer | Channel => kind,
        Pub | Push | Radio | Scatter => unreachable!("{kind} receives nothing"),
    }
}

fn recv(socket: &Socket<Any>) -> Message {
    next(&socket.receiver().unwrap())
}

fn send(socket: &Socket<Any>, message: impl Into<Message>) {
    put(&socket.sender().unwrap(), message);
}

/// Has `there` connect and send to `here`; returns all that came.
fn exchange(here: &Socket<Any>, there: &Socket<Any>, endpoint: &str) -> Vec<Message> {
    use SocketType::*;
    if here.socket_type() == Peer {
        let id = there.connect_peer(endpoint).unwrap();
        send(there, Message::to(&id, "hello"));
        return vec![recv(here)];
    }
    match here.socket_type() {
        Sub | XSub => here.subscribe("").unwrap(),
        Dish => here.join("group").unwrap(),
        _ => {}
    }
    there.connect(endpoint).unwrap();
    let subscribed = || there.statistics().unwrap().subscribers == 1;
    match here.socket_type() {
        Sub | XSub => {
            eventually("a subscriber", subscribed);
            send(there, "hello");
        }
        Dish => {
            eventually("a member of the group", subscribed);
            send(there, Message::to_group("group", "hello"));
        }
        Req => {
            send(here, "question");
            recv(there);
            send(there, "hello");
        }
        Dealer | Client => {
            send(here, "question");
            let id = recv(there)[0].clone();
            send(there, [id, "hello".into()]);
        }
        XPub => {
            there.subscribe("topic").unwrap();
            let subscription = recv(here);
            assert_eq!(subscription, Message::subscribe("topic"));
            send(there, "hello");
            return vec![subscription, recv(here)];
        }
        Stream => {
            let id = recv(there)[0].clone();
            send(there, [id, "hello".into()]);
            return vec![recv(here), recv(here)];
        }
        _ => send(there, "hello"),
    }
    vec![recv(here)]
}

#[test]
fn message_peers_are_those_of_the_monitor_for_every_type_over_every_transport() {
    within(LIMIT * 2, || {
        let receiving = SocketType::ALL.into_iter().filter(|kind| kind.receives());
        for (kind, transport) in receiving.flat_map(|kind| Transport::ALL.map(|t| (kind, t))) {
            if kind == SocketType::Stream && transport.is_inproc() {
                continue;
            }
            for tells in [true, false] {
                let (near, far) = transport.contexts();
                let options = lossless().message_peers(tells);
                let here = near.socket_of(kind, options).unwrap();
                let there = far.socket_of(partner(kind), lossless()).unwrap();
                let monitor = here.monitor().unwrap();
                let endpoint = here.bind(transport.endpoint()).unwrap();
                let messages = exchange(&here, &there, endpoint.as_str());
                let (event, identity) = loop {
                    let event = told(&monitor);
                    if let EventKind::HandshakeSucceeded(identity) = event.kind.clone() {
                        break (event, identity);
                    }
                };
                assert_eq!(
                    identity.socket_type,
                    Some(partner(kind)).filter(|_| kind != SocketType::Stream)
                );
                for message in messages {
                    let place = format!("{kind} over {transport:?}: {message:?}");
                    let Some(peer) = message.peer() else {
                        assert!(!tells, "{place}");
                        continue;
                    };
                    assert!(tells, "{place}: it was not asked for");
                    assert_eq!(Some(peer.connection), event.connection, "{place}");
                    assert_eq!(peer.endpoint.as_ref(), Some(&endpoint), "{place}");
                    assert_eq!((&peer.local, &peer.remote), (&event.local, &event.remote));
                    assert_eq!(peer.local.as_ref(), Some(&endpoint), "{place}");
                    assert_eq!(peer.identity, identity, "{place}");
                    let peers = here.statistics().unwrap().peers;
                    assert_eq!(peers[0].connection, peer.connection, "{place}");
                }
            }
        }
    });
}

/// A message of a DEALER that a ROUTER has received, which says which peer sent it.
fn check_sender(message: &Message) -> Arc<PeerInfo> {
    let peer = message.peer().expect("the option is set");
    assert_eq!(message[0], peer.identity.routing_id, "{peer:?}");
    peer
}

#[test]
fn message_peers_are_told_apart_where_several_send_at_once() {
    const EACH: usize = 500;
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let router = near.socket_with::<Router>(telling()).unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            // Of two pumps, some of these are on the router's.
            let senders = ["anna", "berta", "carla", "dora"].map(|name| {
                let options = Options::new().routing_id(name);
                let dealer = far.socket_with::<Dealer>(options).unwrap();
                dealer.connect(&endpoint).unwrap();
                thread::spawn(move || (0..EACH).for_each(|_| put(&dealer.sender(), "x")))
            });
            let receiver = router.receiver();
            let mut connections = HashMap::new();
            for _ in 0..senders.len() * EACH {
                let message = next(&receiver);
                let connection = check_sender(&message).connection;
                let known = connections.entry(message[0].clone()).or_insert(connection);
                assert_eq!(*known, connection, "{transport:?}");
            }
            let distinct: HashSet<u64> = connections.values().copied().collect();
            assert_eq!(distinct.len(), senders.len(), "{transport:?}");
            senders
                .into_iter()
                .for_each(|sender| sender.join().unwrap());
        }
    });
}

#[test]
fn message_peers_change_with_each_connection() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let router = near.socket_with::<Router>(telling()).unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let mut known = Vec::new();
            for _ in 0..3 {
                let options = lossless().routing_id("anna");
                let dealer = far.socket_with::<Dealer>(options).unwrap();
                dealer.connect(&endpoint).unwrap();
                put(&dealer.sender(), "hello");
                let message = next(&router.receiver());
                known.push(check_sender(&message).connection);
                dealer.close_blocking();
                eventually("the peer is gone", || router.peers().is_empty());
                // What was received stays as it was.
                assert_eq!(known.last(), Some(&check_sender(&message).connection));
            }
            // One that loses its connection, and connects again by itself.
            let options = lossless().routing_id("berta");
            let dealer = far.socket_with::<Dealer>(options).unwrap();
            dealer.connect(&endpoint).unwrap();
            let berta = RoutingId::new("berta").unwrap();
            for _ in 0..3 {
                eventually("the peer is there", || router.has_peer(&berta));
                put(&dealer.sender(), "hello");
                known.push(check_sender(&next(&router.receiver())).connection);
                router.disconnect_peer(&berta).unwrap();
                eventually("the peer is gone", || {
                    let peers = router.statistics().unwrap().peers;
                    peers
                        .iter()
                        .all(|peer| peer.connection > *known.last().unwrap())
                });
            }
            let distinct: HashSet<u64> = known.iter().copied().collect();
            assert_eq!(distinct.len(), known.len(), "{transport:?}: {known:?}");
        }
    });
}

#[test]
fn message_peers_have_the_user_ids_of_those_that_passed() {
    within(LIMIT, || {
        let context = Context::new();
        let authenticator = context.authenticator().unwrap();
        thread::spawn(move || {
            for request in authenticator.iter() {
                match &request.credentials {
                    Credentials::Plain { username, .. } => {
                        let user = String::from_utf8(username.to_vec()).unwrap();
                        request.accept_with(user, [("Group", "staff")]);
                    }
                    _ => request.deny("unknown"),
                }
            }
        });
        for transport in Transport::WIRES {
            let options = telling().security(Security::PlainServer);
            let pull = context.socket_with::<Pull>(options).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            let pushes = ["anna", "berta"].map(|name| {
                let options = Options::new()
                    .security(Security::plain_client(name, "secret"))
                    .property("X-Name", name);
                let push = context.socket_with::<Push>(options).unwrap();
                push.connect(&endpoint).unwrap();
                put(&push.sender(), name);
                push
            });
            for _ in &pushes {
                let message = next(&pull.receiver());
                let peer = message.peer().unwrap();
                let identity = &peer.identity;
                let name = message.as_str().unwrap();
                assert_eq!(identity.user_id.as_deref(), Some(name));
                for (property, value) in [
                    ("User-Id", name),
                    ("x-name", name),
                    ("group", "staff"),
                    ("Socket-Type", "PUSH"),
                ] {
                    let found = identity.property(property);
                    assert_eq!(found, Some(value.as_bytes()), "{property}");
                }
                assert_eq!(identity.property("nothing"), None);
            }
        }
    });
}

#[cfg(feature = "curve")]
#[test]
fn message_peers_of_curve_have_their_keys_as_user_ids() {
    use zmq_channels::CurveKeypair;
    within(LIMIT, || {
        let context = Context::new();
        let authenticator = context.authenticator().unwrap();
        thread::spawn(move || {
            for request in authenticator.iter() {
                match &request.credentials {
                    Credentials::Curve(key) => {
                        let user = key.to_string();
                        request.accept(user);
                    }
                    _ => request.deny("unknown"),
                }
            }
        });
        let server = CurveKeypair::generate().unwrap();
        let public = *server.public();
        let options = telling().security(Security::curve_server(server));
        let rep = context.socket_with::<Rep>(options).unwrap();
        let endpoint = rep.bind(Transport::Tcp.endpoint()).unwrap();
        for _ in 0..2 {
            let keys = CurveKeypair::generate().unwrap();
            let user = keys.public().to_string();
            let options = Options::new().security(Security::curve_client(keys, public));
            let req = context.socket_with::<Req>(options).unwrap();
            req.connect(&endpoint).unwrap();
            put(&req.sender(), "who am I?");
            let request = next(&rep.receiver());
            let peer = request.peer().unwrap();
            assert_eq!(peer.identity.user_id.as_deref(), Some(&user[..]));
            put(&rep.sender(), "you");
            next(&req.receiver());
        }
    });
}

#[test]
fn message_peers_are_told_of_requests_and_of_replies_to_calls() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let rep = near.socket_with::<Rep>(telling()).unwrap();
            let req = far.socket_with::<Req>(telling()).unwrap();
            req.connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            let requests = rep.requests();
            let answering = thread::spawn(move || {
                let request = requests.recv_blocking().unwrap();
                let identity = request.peer().unwrap().identity.clone();
                request.reply("answer").unwrap();
                identity.socket_type
            });
            let reply = req.request_blocking("question").unwrap();
            let peer = reply.peer().unwrap();
            assert_eq!(peer.identity.socket_type, Some(SocketType::Rep));
            assert_eq!(answering.join().unwrap(), Some(SocketType::Req));
        }
    });
}

#[test]
fn message_peers_are_told_of_the_newest_where_only_that_is_kept() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let options = telling().receive_overflow(Overflow::Latest);
            let pull = near.socket_with::<Pull>(options).unwrap();
            let endpoint = pull.bind(transport.endpoint()).unwrap();
            for name in ["anna", "berta"] {
                let push = far.socket_with::<Push>(lossless()).unwrap();
                push.connect(&endpoint).unwrap();
                (0..9).for_each(|_| put(&push.sender(), name));
                eventually("all have come", || {
                    let peers = pull.statistics().unwrap().peers;
                    peers.iter().any(|peer| peer.messages_in == 9)
                });
                let message = next(&pull.receiver());
                assert_eq!(message, name.into());
                let connection = pull.statistics().unwrap().peers[0].connection;
                assert_eq!(message.peer().unwrap().connection, connection);
                push.close_blocking();
                eventually("it is gone", || pull.statistics().unwrap().peers.is_empty());
            }
        }
    });
}

#[test]
fn message_peers_are_told_of_notices_too() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let options = telling()
                .router_notify(Notify::Both)
                .disconnect_notice("gone");
            let router = near.socket_with::<Router>(options).unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let options = lossless()
                .routing_id("anna")
                .hello("hello")
                .probe_router(true);
            let dealer = far.socket_with::<Dealer>(options).unwrap();
            dealer.connect(&endpoint).unwrap();
            let receiver = router.receiver();
            // That it is there, its greeting, and its probe.
            let met: Vec<u64> = (0..3)
                .map(|_| check_sender(&next(&receiver)).connection)
                .collect();
            dealer.close_blocking();
            // The last words in its name, and that it is gone.
            let left = (0..2).map(|_| check_sender(&next(&receiver)).connection);
            let all: HashSet<u64> = met.into_iter().chain(left).collect();
            assert_eq!(all.len(), 1, "{transport:?}");

            let xpub = near.socket_with::<XPub>(telling()).unwrap();
            let sub = far.socket_with::<Sub>(lossless()).unwrap();
            sub.subscribe("topic").unwrap();
            sub.connect(xpub.bind(transport.endpoint()).unwrap())
                .unwrap();
            let subscription = next(&xpub.receiver());
            sub.close_blocking();
            let cancellation = next(&xpub.receiver());
            assert_eq!(cancellation, Message::cancel("topic"));
            let numbers = [&subscription, &cancellation]
                .map(|message| message.peer().map(|peer| peer.connection));
            assert!(
                numbers[0].is_some() && numbers[0] == numbers[1],
                "{numbers:?}"
            );
        }
    });
}

/// A PULL that gets what comes from `push`.
fn pull(context: &Context, push: &Socket<Push>, transport: Transport, tells: bool) -> Socket<Pull> {
    let options = lossless().message_peers(tells);
    let pull = context.socket_with::<Pull>(options).unwrap();
    push.connect(pull.bind(transport.endpoint()).unwrap())
        .unwrap();
    pull
}

#[test]
fn message_peers_do_not_travel_with_what_is_sent_on() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let source = far.socket_with::<Push>(lossless()).unwrap();
            let front = pull(&near, &source, transport, true);
            put(&source.sender(), "hello");
            let message = next(&front.receiver());
            let first = message.peer().unwrap();
            for tells in [false, true] {
                for to in Transport::ALL {
                    // Of two pumps, one of them is the other's.
                    let (here, there) = to.contexts();
                    let push = there.socket_with::<Push>(lossless()).unwrap();
                    let back = pull(&here, &push, to, tells);
                    put(&push.sender(), message.clone());
                    let copy = next(&back.receiver());
                    assert_eq!(copy, message);
                    let connection = copy.peer().map(|peer| peer.connection);
                    let peers = back.statistics().unwrap().peers;
                    let expected = tells.then_some(peers[0].connection);
                    assert_eq!(connection, expected, "{transport:?} to {to:?}");
                    assert!(copy.peer().is_none_or(|peer| peer != first), "{to:?}");
                    // Nor as a greeting.
                    let options = lossless().hello(message.clone());
                    let push = there.socket_with::<Push>(options).unwrap();
                    push.connect(peers[0].endpoint.clone().unwrap()).unwrap();
                    let greeting = next(&back.receiver());
                    assert_eq!(greeting.peer().is_some(), tells, "{to:?}");
                    assert!(greeting.peer().is_none_or(|peer| peer != first), "{to:?}");
                }
            }
            // What could not be sent is as it was.
            let push = near
                .socket_with::<Push>(lossless().high_water_marks(1))
                .unwrap();
            push.try_send("first").unwrap();
            let Err(TrySendError::Full(back)) = push.try_send(message.clone()) else {
                panic!("there was room");
            };
            assert_eq!(back.peer(), Some(first));
        }
    });
}

#[test]
fn message_peers_behind_a_proxy_are_the_proxy() {
    within(LIMIT, || {
        for transport in [Transport::Inproc, Transport::AcrossPumps] {
            let (near, far) = transport.contexts();
            let source = far.socket_with::<Push>(lossless()).unwrap();
            let front = pull(&near, &source, transport, true);
            let back = near.socket_with::<Push>(lossless()).unwrap();
            let capture = near.socket_with::<Push>(lossless()).unwrap();
            let sinks = [
                (&back, true),
                (&back, false),
                (&capture, true),
                (&capture, false),
            ]
            .map(|(push, tells)| (pull(&far, push, transport, tells), tells));
            let _proxy = Proxy::start_with_capture(&front, &back, &capture).unwrap();
            (0..2).for_each(|_| put(&source.sender(), "hello"));
            for (sink, tells) in sinks {
                let message = next(&sink.receiver());
                let connection = message.peer().map(|peer| peer.connection);
                let number = sink.statistics().unwrap().peers[0].connection;
                assert_eq!(connection, tells.then_some(number), "{transport:?}");
                assert_eq!(message, "hello".into());
            }
        }
    });
}

#[test]
fn message_peers_are_asked_for_on_an_open_socket() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (near, far) = transport.contexts();
            let source = far.socket_with::<Push>(lossless()).unwrap();
            let pull = pull(&near, &source, transport, false);
            let exchange = |push: &Socket<Push>| {
                put(&push.sender(), "hello");
                next(&pull.receiver()).peer().is_some()
            };
            assert!(!exchange(&source));
            pull.configure(|options| options.message_peers(true))
                .unwrap();
            assert!(!exchange(&source), "it was here before");
            let later = far.socket_with::<Push>(lossless()).unwrap();
            let endpoint = pull.statistics().unwrap().peers[0].endpoint.clone();
            later.connect(endpoint.unwrap()).unwrap();
            assert!(exchange(&later));
            pull.configure(|options| options.message_peers(false))
                .unwrap();
            assert!(!exchange(&later));
        }
    });
}
