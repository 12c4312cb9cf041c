//! SERVER, CLIENT, PEER, CHANNEL, SCATTER and GATHER over every transport.

use crate::common;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use common::raw::{multipart, Raw};
use common::{eventually, next, next_text, nothing_comes, put, within, Transport, LIMIT};
use zmq_channels::error::{Refusal, SendError, TrySendError};
use zmq_channels::{
    Any, Channel, Client, Context, Gather, Message, Options, Peer, RoutingId, Scatter, Server,
    Socket, SocketType,
};

/// Comes back fast.
fn eager() -> Options {
    Options::new()
        .reconnect_interval(Some(Duration::from_millis(2)))
        .reconnect_interval_max(Duration::from_millis(2))
}

/// Little room, in the kernel too.
fn narrow(mark: usize) -> Options {
    Options::new()
        .high_water_marks(mark)
        .kernel_send_buffer(Some(16 * 1024))
        .kernel_receive_buffer(Some(16 * 1024))
}

fn payload() -> Message {
    Message::from(vec![7; 10_000])
}

#[test]
fn a_server_replies_to_its_clients_by_number() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let server = here.socket::<Server>().unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            let clients: Vec<Socket<Client>> = (0..5)
                .map(|_| {
                    let client = there.socket::<Client>().unwrap();
                    client.connect(&endpoint).unwrap();
                    client
                })
                .collect();
            let mut seen = HashSet::new();
            for round in 0..20 {
                for (number, client) in clients.iter().enumerate() {
                    client.send_blocking(format!("{round} {number}")).unwrap();
                }
                for _ in &clients {
                    let mut request = next(&server.receiver());
                    assert_eq!(request.len(), 2, "the number and the payload");
                    let sender = request.take_sender().unwrap();
                    assert!(sender.as_u32().unwrap() > 0);
                    seen.insert(sender.clone());
                    request.push_front(&sender);
                    server.send_blocking(request).unwrap();
                }
                for (number, client) in clients.iter().enumerate() {
                    assert_eq!(next_text(&client.receiver()), format!("{round} {number}"));
                }
            }
            assert_eq!(seen, server.peers().into_iter().collect(), "{transport:?}");
            assert_eq!(seen.len(), 5);
        }
    });
}

#[test]
fn a_client_sends_to_its_servers_in_turn() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let client = there.socket::<Client>().unwrap();
            let servers = [(); 2].map(|()| {
                let server = here.socket::<Server>().unwrap();
                client
                    .connect(server.bind(transport.endpoint()).unwrap())
                    .unwrap();
                eventually("connected", || server.peers().len() == 1);
                server
            });
            // Each knows the client; the client knows both when its rotation gives to both.
            let [first, second] = &servers;
            put(&client.sender(), "warm");
            put(&client.sender(), "up");
            let _ = (first.recv_timeout_blocking(Duration::from_millis(50)), ());
            let _ = (second.recv_timeout_blocking(Duration::from_millis(50)), ());
            while first.try_recv().is_ok() || second.try_recv().is_ok() {}
            for _ in 0..10 {
                client.send_blocking("a").unwrap();
                client.send_blocking("b").unwrap();
                for server in &servers {
                    // What was left of warming up may come before.
                    while next(&server.receiver())[1].len() != 1 {}
                }
            }
        }
    });
}

#[test]
fn a_message_to_an_unknown_client_is_returned() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let server = here.socket::<Server>().unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            let unknown = RoutingId::from(77);
            let message = Message::to(&unknown, "?");
            assert_eq!(
                server.send_blocking(message.clone()),
                Err(SendError::Refused(Refusal::Unroutable, message.clone()))
            );
            let client = there.socket::<Client>().unwrap();
            client.connect(&endpoint).unwrap();
            put(&client.sender(), "hello");
            let sender = next(&server.receiver()).take_sender().unwrap();
            assert!(server.has_peer(&sender) && !server.has_peer(&unknown));
            client.close_blocking();
            eventually("gone", || !server.has_peer(&sender));
            let message = Message::to(&sender, "?");
            assert_eq!(
                server.try_send(message.clone()),
                Err(TrySendError::Refused(Refusal::Unroutable, message))
            );
            assert_eq!(server.sender().dropped(), 0, "{transport:?}");
        }
    });
}

#[test]
fn senders_wait_for_a_full_client() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let server = here.socket_with::<Server>(narrow(5)).unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            let clients = ["slow", "quick"].map(|name| {
                let client = there.socket_with::<Client>(narrow(5)).unwrap();
                client.connect(&endpoint).unwrap();
                put(&client.sender(), name);
                let sender = next(&server.receiver()).take_sender().unwrap();
                (client, sender)
            });
            let [(slow, slow_id), (quick, quick_id)] = &clients;
            let mut taken = 0;
            let wait = Duration::from_millis(200);
            while server
                .send_timeout_blocking(payload().addressed_to(slow_id), wait)
                .is_ok()
            {
                taken += 1;
            }
            assert!(taken >= 5, "{transport:?}: {taken}");
            let full = server.try_send(payload().addressed_to(slow_id));
            assert!(matches!(full, Err(TrySendError::Full(_))));
            let waiting = {
                let (server, id) = (server.clone(), slow_id.clone());
                thread::spawn(move || server.send_to_blocking(&id, "at last"))
            };
            server.send_to_blocking(quick_id, "at once").unwrap();
            assert_eq!(next_text(&quick.receiver()), "at once");
            for _ in 0..taken {
                assert_eq!(next(&slow.receiver()), payload());
            }
            waiting.join().unwrap().unwrap();
            assert_eq!(next_text(&slow.receiver()), "at last");
            assert_eq!(server.sender().dropped(), 0);
        }
    });
}

#[test]
fn a_client_disconnected_by_its_server_returns_with_another_number() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let server = here.socket::<Server>().unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            assert!(server.disconnect_peer(RoutingId::from(1)).is_err());
            let client = there.socket_with::<Client>(eager()).unwrap();
            client.connect(&endpoint).unwrap();
            put(&client.sender(), "first");
            let first = next(&server.receiver()).take_sender().unwrap();
            server.disconnect_peer(&first).unwrap();
            assert!(!server.has_peer(&first));
            eventually("the client is back", || server.peers().len() == 1);
            put(&client.sender(), "second");
            let mut heard = next(&server.receiver());
            let second = heard.take_sender().unwrap();
            assert_ne!(first, second, "{transport:?}");
            assert_eq!(heard, "second".into());
            server.send_to_blocking(&second, "welcome").unwrap();
            assert_eq!(next_text(&client.receiver()), "welcome");
        }
    });
}

#[test]
fn connect_peer_returns_the_number_before_the_peer_connects() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let caller = here.socket_with::<Peer>(eager()).unwrap();
            let callee = caller.connect_peer(&endpoint).unwrap();
            assert!(callee.as_u32().unwrap() > 0);
            caller.send_to_blocking(&callee, "ring").unwrap();
            caller.send_to_blocking(&callee, "ring ring").unwrap();
            let other = there.socket::<Peer>().unwrap();
            other.bind(&endpoint).unwrap();
            let mut heard = next(&other.receiver());
            let back = heard.take_sender().unwrap();
            assert_eq!(heard, "ring".into(), "{transport:?}");
            assert_eq!(next(&other.receiver())[1], "ring ring");
            other.send_to_blocking(&back, "yes?").unwrap();
            assert_eq!(next(&caller.receiver()), Message::to(&callee, "yes?"));

            // The id is the endpoint's: the next peer there has it.
            other.close_blocking();
            let other = there.socket::<Peer>().unwrap();
            eventually("the endpoint is free", || other.bind(&endpoint).is_ok());
            eventually("connected again", || other.peers().len() == 1);
            caller.send_to_blocking(&callee, "again").unwrap();
            assert_eq!(next(&other.receiver())[1], "again");
            let back = other.peers().remove(0);
            other.send_to_blocking(&back, "still here").unwrap();
            assert_eq!(next(&caller.receiver()), Message::to(&callee, "still here"));
            assert_eq!(caller.peers(), std::slice::from_ref(&callee));

            caller.disconnect_peer(&callee).unwrap();
            assert!(!caller.has_peer(&callee));
            assert!(caller.try_send_to(&callee, "?").is_err());
        }
    });
}

#[test]
fn many_peers_exchange_messages() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let peers: Vec<Socket<Peer>> = (0..6)
                .map(|number| {
                    let context = if number % 2 == 0 { &here } else { &there };
                    context.socket::<Peer>().unwrap()
                })
                .collect();
            let places: Vec<_> = peers
                .iter()
                .map(|peer| peer.bind(transport.endpoint()).unwrap())
                .collect();
            for (number, peer) in peers.iter().enumerate() {
                // Over inproc all are in one context; else each calls those of the other one.
                for place in places.iter().skip((number + 1) % 2).step_by(2) {
                    let callee = peer.connect_peer(place).unwrap();
                    peer.send_to_blocking(&callee, format!("from {number}"))
                        .unwrap();
                }
            }
            let mut echoes = vec![0; peers.len()];
            for (number, peer) in peers.iter().enumerate() {
                let mut callers = Vec::new();
                while callers.len() < 3 {
                    let mut heard = next(&peer.receiver());
                    let sender = heard.take_sender().unwrap();
                    if heard == "echo".into() {
                        echoes[number] += 1;
                        continue;
                    }
                    peer.send_to_blocking(&sender, "echo").unwrap();
                    callers.push(heard.as_str().unwrap().to_owned());
                }
                callers.sort();
                let expected = (0..6).skip((number + 1) % 2).step_by(2);
                let expected: Vec<String> = expected.map(|from| format!("from {from}")).collect();
                assert_eq!(callers, expected, "{transport:?}");
            }
            for (peer, early) in peers.iter().zip(echoes) {
                for _ in early..3 {
                    assert_eq!(next(&peer.receiver())[1], "echo");
                }
            }
        }
    });
}

#[test]
fn channels_exchange_messages_in_both_directions() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let one = here.socket::<Channel>().unwrap();
            let other = there.socket_with::<Channel>(eager()).unwrap();
            let endpoint = one.bind(transport.endpoint()).unwrap();
            other.connect(&endpoint).unwrap();
            for round in 0..500 {
                put(&one.sender(), format!("there {round}"));
                put(&other.sender(), format!("back {round}"));
            }
            for round in 0..500 {
                assert_eq!(next_text(&other.receiver()), format!("there {round}"));
                assert_eq!(next_text(&one.receiver()), format!("back {round}"));
            }
            one.close_blocking();
            let one = here.socket::<Channel>().unwrap();
            eventually("the endpoint is free", || one.bind(&endpoint).is_ok());
            put(&one.sender(), "again");
            assert_eq!(next_text(&other.receiver()), "again", "{transport:?}");
        }
    });
}

#[test]
fn a_second_peer_of_a_channel_waits_and_loses_no_message() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for kind in [SocketType::Pair, SocketType::Channel] {
                let (here, there) = transport.contexts();
                let server = here.socket_of(kind, Options::new()).unwrap();
                let endpoint = server.bind(transport.endpoint()).unwrap();
                let (to, from) = (server.sender().unwrap(), server.receiver().unwrap());
                let client = || there.socket_of(kind, eager()).unwrap();
                let first = client();
                first.connect(&endpoint).unwrap();
                put(&first.sender().unwrap(), "first");
                assert_eq!(next_text(&from), "first");
                let second = client();
                second.connect(&endpoint).unwrap();
                // It comes back every few milliseconds, and is turned away each time.
                for number in 0..100 {
                    put(&second.sender().unwrap(), format!("second {number}"));
                    put(&to, "for the first");
                    assert_eq!(next_text(&first.receiver().unwrap()), "for the first");
                }
                nothing_comes(&from);
                first.close_blocking();
                for number in 0..100 {
                    let expected = format!("second {number}");
                    assert_eq!(next_text(&from), expected, "{kind} {transport:?}");
                }
                put(&to, "for the second");
                assert_eq!(next_text(&second.receiver().unwrap()), "for the second");
                assert_eq!(second.sender().unwrap().dropped(), 0);
            }
        }
    });
}

#[test]
fn scatter_sends_in_turn_and_gather_receives_from_all() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let scatter = here.socket::<Scatter>().unwrap();
            let endpoint = scatter.bind(transport.endpoint()).unwrap();
            let gathers = [(); 3].map(|()| {
                let gather = there.socket::<Gather>().unwrap();
                gather.connect(&endpoint).unwrap();
                gather
            });
            // Until every peer has been dealt something, not all are there.
            for gather in &gathers {
                eventually("a share", || {
                    put(&scatter.sender(), "warm up");
                    gather.try_recv().is_ok()
                });
            }
            put(&scatter.sender(), "flush");
            let _ = gathers
                .each_ref()
                .map(|one| one.recv_timeout_blocking(Duration::from_millis(50)));
            while gathers.iter().any(|gather| gather.try_recv().is_ok()) {}
            for _ in 0..300 {
                put(&scatter.sender(), "share");
            }
            for gather in &gathers {
                for _ in 0..100 {
                    // What was left of warming up may come before.
                    while next_text(&gather.receiver()) != "share" {}
                }
            }

            let gather = here.socket_with::<Gather>(narrow(10)).unwrap();
            let endpoint = gather.bind(transport.endpoint()).unwrap();
            let scatters = ["a", "b", "c"].map(|name| {
                let scatter = there.socket::<Scatter>().unwrap();
                scatter.connect(&endpoint).unwrap();
                for _ in 0..200 {
                    put(&scatter.sender(), name);
                }
                scatter
            });
            // Whatever is taken, no waiter is left out.
            let mut count = [0; 3];
            for _ in 0..600 {
                match &*next_text(&gather.receiver()) {
                    "a" => count[0] += 1,
                    "b" => count[1] += 1,
                    _ => count[2] += 1,
                }
            }
            assert_eq!(count, [200; 3]);
            drop(scatters);
        }
    });
}

#[test]
fn high_water_marks_are_kept_without_a_reader() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for (sends, receives) in [
                (SocketType::Client, SocketType::Server),
                (SocketType::Scatter, SocketType::Gather),
                (SocketType::Channel, SocketType::Channel),
            ] {
                let (here, there) = transport.contexts();
                let from = here.socket_of(sends, narrow(7)).unwrap();
                let to = there.socket_of(receives, narrow(7)).unwrap();
                let endpoint = to.bind(transport.endpoint()).unwrap();
                let sender = from.sender().unwrap();
                for _ in 0..7 {
                    sender.try_send(payload()).unwrap();
                }
                let full = sender.try_send(payload());
                assert!(matches!(full, Err(TrySendError::Full(_))), "{sends}");
                from.connect(&endpoint).unwrap();
                (7..14).for_each(|_| put(&sender, payload()));
                let mut taken = 14;
                let wait = Duration::from_millis(200);
                while sender.send_timeout_blocking(payload(), wait).is_ok() {
                    taken += 1;
                }
                match transport {
                    Transport::Inproc | Transport::AcrossPumps => assert_eq!(taken, 14, "{sends}"),
                    Transport::Tcp | Transport::Ipc => assert!(taken >= 14, "{sends}: {taken}"),
                }
                for _ in 0..taken {
                    let heard = next(&to.receiver().unwrap());
                    assert_eq!(heard.iter().last().unwrap().len(), 10_000);
                }
                assert_eq!(sender.dropped(), 0, "{sends} {transport:?}");
            }
        }
    });
}

#[test]
fn queued_messages_survive_a_restart_of_the_peer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for (sends, receives) in [
                (SocketType::Client, SocketType::Server),
                (SocketType::Scatter, SocketType::Gather),
                (SocketType::Channel, SocketType::Channel),
            ] {
                let (here, there) = transport.contexts();
                let endpoint = transport.endpoint();
                let from = here.socket_of(sends, eager()).unwrap();
                from.connect(&endpoint).unwrap();
                for round in 0..3 {
                    // Queued while no peer is there: exactly these arrive, in order.
                    eventually("the peer is gone", || {
                        from.statistics().unwrap().peers.is_empty()
                    });
                    let texts = [0, 1, 2].map(|number| format!("{round} {number}"));
                    let sender = from.sender().unwrap();
                    texts.iter().for_each(|text| put(&sender, text));
                    let to: Socket<Any> = there.socket_of(receives, Options::new()).unwrap();
                    eventually("the endpoint is free", || to.bind(&endpoint).is_ok());
                    let out = to.receiver().unwrap();
                    for text in &texts {
                        assert_eq!(next(&out).iter().last().unwrap(), text.as_str(), "{sends}");
                    }
                    assert!(out.try_recv().is_err(), "{sends}");
                    to.close_blocking();
                }
            }
        }
    });
}

#[test]
fn messages_with_another_number_of_frames_are_refused() {
    within(LIMIT, || {
        let context = Context::new();
        for (kind, frames) in [
            (SocketType::Client, 1),
            (SocketType::Scatter, 1),
            (SocketType::Channel, 1),
            (SocketType::Server, 2),
            (SocketType::Peer, 2),
        ] {
            let socket = context.socket_of(kind, Options::new()).unwrap();
            let sender = socket.sender().unwrap();
            for given in 1..5 {
                let message = Message::from(vec!["a"; given]);
                let answer = sender.try_send(message.clone());
                if given != frames {
                    let refusal =
                        TrySendError::Refused(Refusal::FrameCount { expected: frames }, message);
                    assert_eq!(answer, Err(refusal), "{kind}");
                } else if frames == 1 {
                    assert_eq!(answer, Ok(()), "{kind}");
                } else {
                    let refusal = TrySendError::Refused(Refusal::Unroutable, message);
                    assert_eq!(answer, Err(refusal), "{kind}");
                }
            }
            let nothing = TrySendError::Refused(Refusal::NoFrames, Message::new());
            assert_eq!(sender.try_send(Message::new()), Err(nothing), "{kind}");
        }
    });
}

#[test]
fn multipart_messages_of_peers_are_skipped_and_the_connection_stays() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            for (ours, theirs) in [
                (SocketType::Server, "CLIENT"),
                (SocketType::Client, "SERVER"),
                (SocketType::Peer, "PEER"),
                (SocketType::Gather, "SCATTER"),
                (SocketType::Channel, "CHANNEL"),
            ] {
                let (here, _there) = transport.contexts();
                let socket = here.socket_of(ours, Options::new()).unwrap();
                let endpoint = socket.bind(transport.endpoint()).unwrap();
                let mut stranger = Raw::peer(&endpoint, theirs);
                for number in 0..50 {
                    stranger.write(&multipart(&["a", "b"]));
                    stranger.write(&multipart(&["", "", ""]));
                    stranger.write(&multipart(&[&number.to_string()]));
                }
                for number in 0..50 {
                    let heard = next(&socket.receiver().unwrap());
                    assert_eq!(*heard.iter().last().unwrap(), number.to_string(), "{ours}");
                }
                assert!(socket.receiver().unwrap().try_recv().is_err());
            }
        }
    });
}
