//! How the user of a ROUTER names its peers, is told of them, and gets rid of them.

use crate::common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::raw::{self, Raw, GREETING};
use common::{
    eventually, next, next_text, nothing_comes, put, within, Transport, ABSENCE, LIMIT, PATIENCE,
};
use zmq_channels::error::{
    Closed, ConnectError, DetachError, Refusal, SendError, SendTimeoutError, TrySendError,
};
use zmq_channels::options::Notify;
use zmq_channels::{
    Any, Context, Dealer, Endpoint, Message, Options, Push, Router, RoutingId, Socket, SocketType,
};

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).unwrap()
}

/// A bound ROUTER, where it is bound, and the context for its peers.
fn router(transport: Transport, options: Options) -> (Socket<Router>, Endpoint, Context) {
    let (here, there) = transport.contexts();
    let router = here.socket_with::<Router>(options).unwrap();
    let endpoint = router.bind(transport.endpoint()).unwrap();
    (router, endpoint, there)
}

/// A DEALER of that name that connects, once.
fn dealer(context: &Context, endpoint: &Endpoint, name: &str) -> Socket<Dealer> {
    let options = Options::new().routing_id(name).reconnect_interval(None);
    let dealer = context.socket_with::<Dealer>(options).unwrap();
    dealer.connect(endpoint).unwrap();
    dealer
}

/// The same, once its ROUTER knows it.
fn guest(
    context: &Context,
    router: &Socket<Router>,
    endpoint: &Endpoint,
    name: &str,
) -> Socket<Dealer> {
    let dealer = dealer(context, endpoint, name);
    eventually("the peer is known", || router.has_peer(id(name)));
    dealer
}

#[test]
fn a_message_to_an_unknown_peer_is_refused_if_mandatory() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new().router_mandatory(true);
            let (router, endpoint, there) = router(transport, options);
            let message = Message::from(["anna", "hello"]);
            let refused = SendError::Refused(Refusal::Unroutable, message.clone());
            assert_eq!(router.send_blocking(message.clone()), Err(refused.clone()));
            let sent = futures::executor::block_on(router.send(message.clone()));
            assert_eq!(sent, Err(refused));
            assert_eq!(
                router.try_send_to(id("anna"), "hello"),
                Err(TrySendError::Refused(Refusal::Unroutable, message.clone()))
            );
            let limit = Duration::from_secs(5);
            assert_eq!(
                router.send_timeout_blocking(message.clone(), limit),
                Err(SendTimeoutError::Refused(
                    Refusal::Unroutable,
                    message.clone()
                ))
            );

            let anna = guest(&there, &router, &endpoint, "anna");
            assert_eq!(router.peers(), [id("anna")]);
            router.send_blocking(message.clone()).unwrap();
            assert_eq!(next(&anna.receiver()), "hello".into(), "{transport:?}");
            anna.close_blocking();
            eventually("the peer is gone", || !router.has_peer(id("anna")));
            assert!(router.try_send(message.clone()).is_err());
            assert_eq!(router.sender().dropped(), 0, "what is refused is not lost");

            router
                .configure(|options| options.router_mandatory(false))
                .unwrap();
            router.send_blocking(message.clone()).unwrap();
            eventually("the loss is counted", || router.sender().dropped() == 1);
            router
                .configure(|options| options.router_mandatory(true))
                .unwrap();
            assert!(router.try_send(message).is_err());
        }
    });
}

/// Sends until there is no room for more, for a while; answers how many were taken.
fn fill(router: &Socket<Router>, peer: &RoutingId) -> usize {
    let payload = vec![7; 10_000];
    let mut taken = 0;
    while router
        .send_timeout_blocking(
            Message::to(peer, payload.clone()),
            Duration::from_millis(200),
        )
        .is_ok()
    {
        taken += 1;
    }
    taken
}

/// Messages for a name that was assigned to an endpoint wait for its peer, up to the mark; then their
/// senders do.
#[test]
fn senders_wait_for_an_absent_peer_with_an_assigned_name_if_mandatory() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new().router_mandatory(true).high_water_marks(3);
            let router = here.socket_with::<Router>(options).unwrap();
            let endpoint = transport.endpoint();
            router.connect_as(&endpoint, id("anna")).unwrap();
            let sender = router.sender();
            let to_anna = |number: usize| Message::to("anna", number.to_string());
            let mut sent = 0;
            while sender.send_timeout_blocking(to_anna(sent), ABSENCE).is_ok() {
                sent += 1;
                assert!(sent < 20, "{transport:?}: nothing stops the sender");
            }
            assert!((3..=6).contains(&sent), "{transport:?}: {sent}");
            // Others are not held up by it.
            let berta = there.socket_with::<Dealer>(Options::new().routing_id("berta"));
            let berta = berta.unwrap();
            berta
                .connect(router.bind(transport.endpoint()).unwrap())
                .unwrap();
            eventually("berta is there", || router.has_peer("berta"));
            for number in 0..20 {
                router
                    .send_to_blocking("berta", number.to_string())
                    .unwrap();
                assert_eq!(next_text(&berta.receiver()), number.to_string());
            }
            let anna = there.socket::<Dealer>().unwrap();
            anna.bind(&endpoint).unwrap();
            for number in 0..sent {
                assert_eq!(next_text(&anna.receiver()), number.to_string());
            }
            sender
                .send_timeout_blocking(to_anna(sent), PATIENCE)
                .unwrap();
            assert_eq!(next_text(&anna.receiver()), sent.to_string());
        }
    });
}

#[test]
fn senders_wait_for_a_full_peer_if_mandatory() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new()
                .router_mandatory(true)
                .send_high_water_mark(10)
                .kernel_send_buffer(Some(16 * 1024));
            let (router, endpoint, there) = router(transport, options);
            let slow = there
                .socket_with::<Dealer>(
                    Options::new()
                        .routing_id("slow")
                        .receive_high_water_mark(10)
                        .kernel_receive_buffer(Some(16 * 1024)),
                )
                .unwrap();
            slow.connect(&endpoint).unwrap();
            eventually("the peer is known", || router.has_peer(id("slow")));
            let quick = guest(&there, &router, &endpoint, "quick");
            let taken = fill(&router, &id("slow"));
            // The send mark, and what the peer takes.
            assert!(taken >= 10, "{transport:?}: {taken}");
            if transport.is_inproc() {
                assert_eq!(taken, 10 + 10);
            }
            let waiting = {
                let router = router.clone();
                thread::spawn(move || router.send_to_blocking(id("slow"), "at last"))
            };
            router.send_to_blocking(id("quick"), "at once").unwrap();
            assert_eq!(next(&quick.receiver()), "at once".into(), "{transport:?}");
            for _ in 0..taken {
                assert_eq!(next(&slow.receiver())[0].len(), 10_000);
            }
            assert_eq!(next(&slow.receiver()), "at last".into(), "{transport:?}");
            waiting.join().unwrap().unwrap();
            assert_eq!(router.sender().dropped(), 0, "{transport:?}");
        }
    });
}

#[test]
fn a_full_peer_that_disconnects_releases_senders() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new()
                .router_mandatory(true)
                .send_high_water_mark(2)
                .kernel_send_buffer(Some(16 * 1024));
            let (router, endpoint, there) = router(transport, options);
            let slow = there
                .socket_with::<Dealer>(
                    Options::new()
                        .routing_id("slow")
                        .receive_high_water_mark(2)
                        .reconnect_interval(None)
                        .kernel_receive_buffer(Some(16 * 1024)),
                )
                .unwrap();
            slow.connect(&endpoint).unwrap();
            eventually("the peer is known", || router.has_peer(id("slow")));
            let quick = guest(&there, &router, &endpoint, "quick");
            let taken = fill(&router, &id("slow"));
            let waiting = {
                let router = router.clone();
                thread::spawn(move || router.send_to_blocking(id("slow"), "too late"))
            };
            nothing_comes(&quick.receiver());
            drop(slow);
            // It was accepted while the peer was there, or refused after that.
            let too_late = usize::from(waiting.join().unwrap().is_ok());
            router.send_to_blocking(id("quick"), "now").unwrap();
            assert_eq!(next(&quick.receiver()), "now".into(), "{transport:?}");
            eventually(&format!("losses over {transport:?} are counted"), || {
                let dropped = router.sender().dropped() as usize;
                assert!(dropped <= taken + too_late);
                // `in` was full of what is lost, and so was the peer's queue. Where there is a
                // kernel or another pump between, the peer may have taken it all as it left.
                dropped >= 2 || transport != Transport::Inproc
            });
        }
    });
}

/// Peers come and go while others send to them: each message is accepted or refused, nothing
/// hangs, and over inproc, where nothing is ever on its way, every message is accounted for.
#[test]
fn sends_race_with_connecting_and_disconnecting_peers() {
    within(Duration::from_secs(60), || {
        for transport in Transport::ALL {
            let options = Options::new()
                .router_mandatory(true)
                .send_high_water_mark(5);
            let (router, endpoint, there) = router(transport, options);
            let over = Arc::new(AtomicBool::new(false));
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let (router, over) = (router.clone(), Arc::clone(&over));
                    thread::spawn(move || {
                        let mut accepted = 0_u64;
                        let names = ["a", "b", "c"].map(id);
                        while !over.load(Ordering::Relaxed) {
                            for name in &names {
                                match router.send_to_blocking(name, "?") {
                                    Ok(()) => accepted += 1,
                                    Err(SendError::Refused(Refusal::Unroutable, message)) => {
                                        assert_eq!(message, Message::to(name, "?"));
                                    }
                                    Err(error) => panic!("{error}"),
                                }
                            }
                        }
                        accepted
                    })
                })
                .collect();
            let peers: Vec<_> = ["a", "b", "c"]
                .into_iter()
                .map(|name| {
                    let (there, router, endpoint) =
                        (there.clone(), router.clone(), endpoint.clone());
                    thread::spawn(move || {
                        let mut received = 0;
                        for _ in 0..common::rounds(8) {
                            let peer = guest(&there, &router, &endpoint, name);
                            for _ in 0..20 {
                                next(&peer.receiver());
                                received += 1;
                            }
                            let receiver = peer.receiver();
                            peer.close_blocking();
                            received += receiver.iter().count() as u64;
                            received += receiver.dropped();
                            eventually("gone", || !router.has_peer(id(name)));
                        }
                        received
                    })
                })
                .collect();
            let received: u64 = peers.into_iter().map(|peer| peer.join().unwrap()).sum();
            over.store(true, Ordering::Relaxed);
            let accepted: u64 = senders.into_iter().map(|one| one.join().unwrap()).sum();
            // A message lost while the socket closes is dropped and undelivered, and would count twice.
            eventually("every message is sent or dropped", || {
                router.statistics().unwrap().queued_out == 0
            });
            let told = received + router.sender().dropped();
            assert_eq!(router.close_blocking().undelivered, 0, "{transport:?}");
            assert!(told <= accepted, "{transport:?}: {told} of {accepted}");
            if transport.is_inproc() {
                assert_eq!(told, accepted);
            }
        }
    });
}

#[test]
fn without_handover_a_peer_with_a_name_in_use_is_refused() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (router, endpoint, there) = router(transport, Options::new());
            let first = guest(&there, &router, &endpoint, "anna");
            let second = dealer(&there, &endpoint, "anna");
            // A third one that comes later is in, so the second one has been refused.
            guest(&there, &router, &endpoint, "berta");
            let _ = second.try_send("from the second");
            put(&first.sender(), "from the first");
            let heard = next(&router.receiver());
            assert_eq!(heard, Message::from(["anna", "from the first"]));
            router.send_to_blocking(id("anna"), "to the first").unwrap();
            assert_eq!(next(&first.receiver()), "to the first".into());
            nothing_comes(&router.receiver());
        }
    });
}

#[test]
fn a_peer_with_a_name_in_use_takes_it_over_with_handover() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new().router_notify(Notify::Both);
            let (router, endpoint, there) = router(transport, options);
            router
                .configure(|options| options.router_handover(true))
                .unwrap();
            let notice = || Message::from(["anna", ""]);
            let first = guest(&there, &router, &endpoint, "anna");
            assert_eq!(next(&router.receiver()), notice());
            put(&first.sender(), "from the first");
            assert_eq!(next(&router.receiver())[1], "from the first");

            let second = dealer(&there, &endpoint, "anna");
            put(&second.sender(), "from the second");
            // The first is gone, the second is there: two notices, in this order.
            assert_eq!(next(&router.receiver()), notice());
            assert_eq!(next(&router.receiver()), notice());
            assert_eq!(next(&router.receiver())[1], "from the second");
            router
                .send_to_blocking(id("anna"), "to the second")
                .unwrap();
            assert_eq!(next(&second.receiver()), "to the second".into());
            // What the first one says now goes nowhere; it is cut off, and told of once.
            let _ = first.try_send("too late");
            nothing_comes(&router.receiver());
            assert!(first.try_recv().is_err(), "{transport:?}");
            assert_eq!(router.peers(), [id("anna")]);

            second.close_blocking();
            assert_eq!(next(&router.receiver()), notice());
            eventually("gone", || router.peers().is_empty());
        }
    });
}

/// Both come back whenever they are cut off, and take the name from each other without end.
#[test]
fn two_peers_that_contend_for_a_name_do_not_affect_a_third() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new().router_handover(true);
            let (router, endpoint, there) = router(transport, options);
            let options = Options::new()
                .routing_id("anna")
                .reconnect_interval(Some(Duration::from_millis(1)))
                .reconnect_interval_max(Duration::from_millis(1));
            let rivals = [(); 2].map(|()| {
                let rival = there.socket_with::<Dealer>(options.clone()).unwrap();
                rival.connect(&endpoint).unwrap();
                rival
            });
            let berta = guest(&there, &router, &endpoint, "berta");
            for round in 0..300 {
                let text = round.to_string();
                let _ = rivals[round % 2].try_send("mine!");
                router.send_to_blocking(id("berta"), &text).unwrap();
                assert_eq!(next(&berta.receiver()), Message::from(&text));
                put(&berta.sender(), &text);
                while next(&router.receiver()) != Message::from(["berta", &text]) {}
            }
        }
    });
}

#[test]
fn router_notify_reports_connects_and_disconnects() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for notify in [Notify::Connects, Notify::Disconnects, Notify::Both] {
                let (router, endpoint, there) =
                    router(transport, Options::new().router_notify(notify));
                let notice = |name| Message::from([name, ""]);
                for name in ["anna", "berta"] {
                    let peer = guest(&there, &router, &endpoint, name);
                    if notify != Notify::Disconnects {
                        assert_eq!(next(&router.receiver()), notice(name));
                    }
                    put(&peer.sender(), "hello");
                    assert_eq!(next(&router.receiver())[1], "hello");
                    peer.close_blocking();
                    if notify != Notify::Connects {
                        assert_eq!(next(&router.receiver()), notice(name));
                    }
                    eventually("gone", || !router.has_peer(id(name)));
                }
                router
                    .configure(|options| options.router_notify(Notify::Never))
                    .unwrap();
                guest(&there, &router, &endpoint, "carla").close_blocking();
                eventually("gone", || router.peers().is_empty());
                assert!(router.try_recv().is_err(), "{transport:?} {notify:?}");
            }
        }
    });
}

#[test]
fn a_probe_announces_a_peer_to_a_router() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for kind in [SocketType::Dealer, SocketType::Req, SocketType::Router] {
                let (here, there) = transport.contexts();
                let options = Options::new().probe_router(true).routing_id("anna");
                // The side that connects.
                let (router, endpoint) = bound(&here, transport);
                let probing = there.socket_of(kind, options.clone()).unwrap();
                probing.connect(&endpoint).unwrap();
                assert_eq!(next(&router.receiver()), Message::from(["anna", ""]));
                // The message has no receiver: the mark is for others, all of them, and none is lost.
                if kind == SocketType::Dealer {
                    let sender = probing.sender().unwrap();
                    for number in 0..common::rounds(1500) {
                        put(&sender, number.to_string());
                        assert_eq!(next(&router.receiver())[1], number.to_string());
                    }
                    assert_eq!(sender.dropped(), 0);
                }
                let probing = there.socket_of(kind, options).unwrap();
                let endpoint = probing.bind(transport.endpoint()).unwrap();
                let router = here.socket::<Router>().unwrap();
                router.connect(&endpoint).unwrap();
                let heard = next(&router.receiver());
                assert_eq!(heard, Message::from(["anna", ""]), "{kind} {transport:?}");
            }
            // Others do not.
            let (here, there) = transport.contexts();
            let (router, endpoint) = bound(&here, transport);
            let quiet = guest(&there, &router, &endpoint, "quiet");
            put(&quiet.sender(), "first");
            assert_eq!(next(&router.receiver())[1], "first");
        }
    });
}

fn bound(context: &Context, transport: Transport) -> (Socket<Router>, Endpoint) {
    let router = context.socket::<Router>().unwrap();
    let endpoint = router.bind(transport.endpoint()).unwrap();
    (router, endpoint)
}

#[test]
fn peers_with_notices_wait_while_the_notices_are_unread() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let options = Options::new()
                .router_handover(true)
                .router_notify(Notify::Both)
                .receive_high_water_mark(1);
            let (router, endpoint, there) = router(transport, options);
            let rivals: Vec<Raw> = (0..20)
                .map(|_| {
                    let mut rival = Raw::connect(&endpoint);
                    rival.write(&GREETING);
                    rival.write(&ready_as(b"rival"));
                    rival
                })
                .collect();
            eventually("one is there", || router.has_peer(id("rival")));
            let anna = dealer(&there, &endpoint, "anna");
            let known = || router.has_peer(id("anna"));
            assert!(!common::holds_within(common::ABSENCE, known));
            let mut notices = 0;
            eventually("all are told of", || {
                match router.try_recv() {
                    Ok(notice) if notice[0] == "rival" => notices += 1,
                    Ok(notice) => assert_eq!(notice, Message::from(["anna", ""])),
                    Err(_) => {}
                }
                // Twenty came, and all but the last one went.
                notices == 39
            });
            eventually("the other is known", || router.has_peer(id("anna")));
            drop((rivals, anna));
        }
    });
}

#[test]
fn a_failed_handshake_causes_no_notice() {
    within(LIMIT, || {
        let options = Options::new().router_notify(Notify::Both);
        let (router, endpoint, there) = router(Transport::Tcp, options);
        let mut wrong = Raw::connect(&endpoint);
        wrong.write(&GREETING);
        wrong.write(&raw::ready("PUSH"));
        wrong.read_to_end();
        drop(Raw::connect(&endpoint));
        guest(&there, &router, &endpoint, "anna");
        assert_eq!(next(&router.receiver()), Message::from(["anna", ""]));
    });
}

#[test]
fn connect_as_assigns_the_name_to_the_endpoint() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let options = Options::new().router_mandatory(true);
            let router = here.socket_with::<Router>(options).unwrap();
            router.connect_as(&endpoint, id("printer")).unwrap();
            assert!(router.has_peer(id("printer")));
            // No peer is there yet. What it calls itself will not count.
            router.send_to_blocking(id("printer"), "early").unwrap();
            let options = || Options::new().routing_id("HP 4000");
            let printer = there.socket_with::<Dealer>(options()).unwrap();
            printer.bind(&endpoint).unwrap();
            assert_eq!(next(&printer.receiver()), "early".into(), "{transport:?}");
            put(&printer.sender(), "out of paper");
            let heard = next(&router.receiver());
            assert_eq!(heard, Message::from(["printer", "out of paper"]));
            assert_eq!(router.peers(), [id("printer")]);

            let again = router.connect_as(transport.endpoint(), id("printer"));
            assert!(
                matches!(again, Err(ConnectError::RoutingIdInUse(name)) if name == id("printer"))
            );

            // The name outlives the connection, and what is sent meanwhile arrives.
            printer.close_blocking();
            eventually("the connection is known to be lost", || {
                router.statistics().unwrap().peers.is_empty()
            });
            router.send_to_blocking(id("printer"), "later 1").unwrap();
            let printer = there.socket_with::<Dealer>(options()).unwrap();
            eventually("the endpoint is free", || printer.bind(&endpoint).is_ok());
            router.send_to_blocking(id("printer"), "later 2").unwrap();
            for later in ["later 1", "later 2"] {
                assert_eq!(next(&printer.receiver()), later.into(), "{transport:?}");
            }

            router.disconnect(&endpoint).unwrap();
            assert!(!router.has_peer(id("printer")));
            assert!(router.try_send_to(id("printer"), "?").is_err());
            router.connect_as(&endpoint, id("printer")).unwrap();
        }
    });
}

#[test]
fn a_name_assigned_to_an_endpoint_is_not_taken_over() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new().router_handover(true);
            let (router, endpoint, there) = router(transport, options);
            router.connect_as(transport.endpoint(), id("anna")).unwrap();
            let _impostor = dealer(&there, &endpoint, "anna");
            let berta = guest(&there, &router, &endpoint, "berta");
            router.send_to_blocking(id("anna"), "secret").unwrap();
            // An endpoint without a peer holds nothing up.
            for round in 0..2000 {
                router.send_to_blocking(id("anna"), "secret").unwrap();
                if round % 100 == 0 {
                    router.send_to_blocking(id("berta"), "open").unwrap();
                    assert_eq!(next(&berta.receiver()), "open".into());
                }
            }
            // It is kept up to the mark; the rest is lost.
            eventually("the rest is lost", || router.sender().dropped() == 1001);
            router.disconnect_peer(id("anna")).unwrap();
            eventually("all is lost", || router.sender().dropped() == 2001);
            let used = router.connect_as(transport.endpoint(), id("berta"));
            assert!(matches!(used, Err(ConnectError::RoutingIdInUse(_))));
        }
    });
}

#[test]
fn messages_kept_for_an_endpoint_linger() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let endpoint = transport.endpoint();
            let router = here.socket::<Router>().unwrap();
            let peer = router.connect_peer(&endpoint).unwrap();
            router.send_to_blocking(&peer, "to the end").unwrap();
            let closing = thread::spawn(move || router.close_blocking());
            let dealer = there.socket::<Dealer>().unwrap();
            dealer.bind(&endpoint).unwrap();
            assert_eq!(next(&dealer.receiver()), "to the end".into());
            assert_eq!(closing.join().unwrap().undelivered, 0);

            let options = Options::new().linger(zmq_channels::Linger::For(Duration::ZERO));
            let router = here.socket_with::<Router>(options).unwrap();
            let peer = router.connect_peer(transport.endpoint()).unwrap();
            router.send_to_blocking(&peer, "too late").unwrap();
            assert_eq!(router.close_blocking().undelivered, 1, "{transport:?}");
        }
    });
}

#[test]
fn a_peer_can_be_disconnected() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let options = Options::new().router_notify(Notify::Disconnects);
            let (router, endpoint, there) = router(transport, options);
            for unknown in ["anna", "", &"n".repeat(256)] {
                let error = router.disconnect_peer(unknown);
                assert!(matches!(error, Err(DetachError::NoPeer(name)) if name == unknown));
            }
            let berta = guest(&there, &router, &endpoint, "berta");
            for _ in 0..20 {
                let anna = guest(&there, &router, &endpoint, "anna");
                // What was sent before still goes out.
                router.send_to_blocking(id("anna"), "good bye").unwrap();
                router.disconnect_peer(id("anna")).unwrap();
                assert_eq!(next(&anna.receiver()), "good bye".into(), "{transport:?}");
                assert_eq!(next(&router.receiver()), Message::from(["anna", ""]));
                assert_eq!(router.peers(), [id("berta")]);
                assert!(router.disconnect_peer("anna").is_err());
            }
            put(&berta.sender(), "still here");
            assert_eq!(next(&router.receiver())[1], "still here");
        }
    });
}

#[test]
fn a_disconnected_peer_is_not_connected_to_again() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let options = Options::new()
                .reconnect_interval(Some(Duration::from_millis(1)))
                .reconnect_interval_max(Duration::from_millis(1));
            let dealer = there
                .socket_with::<Dealer>(Options::new().routing_id("anna"))
                .unwrap();
            let endpoint = dealer.bind(transport.endpoint()).unwrap();
            let router = here.socket_with::<Router>(options).unwrap();
            router.connect(&endpoint).unwrap();
            eventually("connected", || router.has_peer(id("anna")));
            router.disconnect_peer(id("anna")).unwrap();
            assert!(!router.has_peer(id("anna")));
            let gone = router.disconnect(&endpoint);
            assert!(matches!(gone, Err(DetachError::NotFound(_))));
            nothing_comes(&router.receiver());
            assert!(router.peers().is_empty(), "{transport:?}");
            router.connect(&endpoint).unwrap();
            eventually("connected again", || router.has_peer(id("anna")));
        }
    });
}

#[test]
fn names_of_every_allowed_length_are_accepted() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (router, endpoint, there) = router(transport, Options::new());
            for length in [1, 64, 65, 255] {
                let name = vec![200; length];
                let options = Options::new().routing_id(name.clone());
                let dealer = there.socket_with::<Dealer>(options).unwrap();
                dealer.connect(&endpoint).unwrap();
                put(&dealer.sender(), "hello");
                let mut heard = next(&router.receiver());
                let sender = heard.take_sender().unwrap();
                assert_eq!(sender.as_bytes(), name);
                router.send_to_blocking(&sender, "hello").unwrap();
                assert_eq!(next(&dealer.receiver()), "hello".into());
            }
            for length in [0, 256] {
                assert!(RoutingId::try_from(vec![200; length]).is_err());
            }
            for name in [vec![200; 256], vec![0], vec![0, 1]] {
                let options = Options::new().routing_id(name);
                assert!(there.socket_with::<Dealer>(options).is_err());
            }
        }
    });
}

/// READY of a DEALER that announces an identity.
fn ready_as(identity: &[u8]) -> Vec<u8> {
    let mut body = b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity".to_vec();
    body.extend((identity.len() as u32).to_be_bytes());
    body.extend(identity);
    let bytes = [&b"\x05READY"[..], &body].concat();
    raw::frame(4, &bytes)
}

#[test]
fn invalid_names_are_refused_or_replaced() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (router, endpoint, _there) = router(transport, Options::new());
            let mut peer = Raw::connect(&endpoint);
            peer.write(&GREETING);
            peer.write(&ready_as(&[1; 256]));
            peer.read_to_end();
            for name in [&[][..], &[0], &[0, 1, 2, 3, 4]] {
                let mut peer = Raw::connect(&endpoint);
                peer.write(&GREETING);
                peer.write(&ready_as(name));
                peer.write(&raw::multipart(&["hello"]));
                let mut heard = next(&router.receiver());
                let sender = heard.take_sender().unwrap();
                assert_eq!((sender.as_bytes().len(), sender.as_bytes()[0]), (5, 0));
                assert_ne!(sender.as_bytes(), name);
            }
        }
    });
}

#[test]
fn only_types_that_address_peers_connect_by_name() {
    within(LIMIT, || {
        let context = Context::new();
        let endpoint = Transport::Inproc.endpoint();
        let open = |kind| -> Socket<Any> { context.socket_of(kind, Options::new()).unwrap() };
        for kind in SocketType::ALL
            .into_iter()
            .filter(|kind| kind.is_supported())
        {
            let socket = open(kind);
            let addresses = matches!(
                kind,
                SocketType::Router | SocketType::Server | SocketType::Peer
            );
            let connected = socket.connect_peer(&endpoint);
            assert_eq!(connected.is_ok(), addresses, "{kind}");
            assert_eq!(socket.peers().len(), usize::from(addresses), "{kind}");
            let unknown = socket.disconnect_peer(id("anna"));
            assert!(matches!(unknown, Err(DetachError::NoPeer(_))), "{kind}");
        }
        let push = context.socket::<Push>().unwrap();
        push.close_blocking();
        let closed = context.socket::<Router>().unwrap();
        closed.close_blocking();
        let connected = closed.connect_as(&endpoint, id("a"));
        assert!(matches!(
            connected,
            Err(ConnectError::Closed(Closed::Socket))
        ));
        let sent = closed.send_to_blocking(id("a"), "?");
        assert!(matches!(sent, Err(SendError::Closed(Closed::Socket, _))));
    });
}
