//! DEALER, ROUTER and XSUB over every transport, among themselves and with the types they serve.

use crate::common;

use std::time::Duration;

use common::{next, put, within, Transport, LIMIT};
use zmq_channels::error::RecvTimeoutError;
use zmq_channels::{Dealer, Message, Options, Pub, Rep, Req, Router, Socket, XSub};

fn named(name: &str) -> Options {
    Options::new().routing_id(name)
}

/// Asks the ROUTER's peer for a word until its name is known: a handshake takes its time.
fn greet(dealer: &Socket<Dealer>, router: &Socket<Router>, word: &str) -> Message {
    put(&dealer.sender(), word);
    next(&router.receiver())
}

#[test]
fn a_router_receives_from_and_sends_to_named_peers() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let router = here.socket::<Router>().unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let dealers = ["anna", "berta", "carla"].map(|name| {
                let dealer = there.socket_with::<Dealer>(named(name)).unwrap();
                dealer.connect(&endpoint).unwrap();
                assert_eq!(
                    greet(&dealer, &router, "hello"),
                    Message::from([name, "hello"])
                );
                (name, dealer)
            });
            for (name, _) in dealers.iter().rev() {
                router.send_blocking([*name, "for", *name]).unwrap();
            }
            for (name, dealer) in &dealers {
                assert_eq!(next(&dealer.receiver()), Message::from(["for", *name]));
            }
        }
    });
}

#[test]
fn a_peer_without_a_name_gets_a_generated_one() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let router = here.socket::<Router>().unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let dealers = [(); 2].map(|()| {
                let dealer = there.socket::<Dealer>().unwrap();
                dealer.connect(&endpoint).unwrap();
                dealer
            });
            let names = dealers.each_ref().map(|dealer| {
                let name = greet(dealer, &router, "who am I?")[0].clone();
                assert_eq!((name.len(), name[0]), (5, 0), "{transport:?}");
                name
            });
            assert_ne!(names[0], names[1]);
            for (dealer, name) in dealers.iter().zip(&names) {
                router.send_blocking([name.clone(), name.clone()]).unwrap();
                assert_eq!(next(&dealer.receiver()), Message::from(name));
            }
        }
    });
}

#[test]
fn unroutable_messages_are_dropped_and_counted() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let router = here.socket::<Router>().unwrap();
            let endpoint = router.bind(transport.endpoint()).unwrap();
            let dealer = there.socket_with::<Dealer>(named("here")).unwrap();
            dealer.connect(&endpoint).unwrap();
            greet(&dealer, &router, "I am");
            router.send_blocking(["unknown", "lost"]).unwrap();
            router.send_blocking(["here", "found"]).unwrap();
            assert_eq!(
                next(&dealer.receiver()),
                Message::from("found"),
                "{transport:?}"
            );
            assert_eq!(router.sender().dropped(), 1, "{transport:?}");
        }
    });
}

#[test]
fn a_router_replies_to_requests_of_a_dealer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let router = here.socket::<Router>().unwrap();
            let req = there.socket::<Req>().unwrap();
            req.connect(router.bind(transport.endpoint()).unwrap())
                .unwrap();
            let rep = here.socket::<Rep>().unwrap();
            let dealer = there.socket::<Dealer>().unwrap();
            dealer
                .connect(rep.bind(transport.endpoint()).unwrap())
                .unwrap();
            for round in 0..100 {
                let text = round.to_string();
                req.send_blocking(&text[..]).unwrap();
                let mut request = next(&router.receiver());
                assert_eq!(request.len(), 3, "name, delimiter, body");
                assert!(request[1].is_empty());
                request.push_back("answered");
                router.send_blocking(request).unwrap();
                assert_eq!(
                    next(&req.receiver()),
                    Message::from([&text[..], "answered"])
                );

                // An envelope of two hops comes back as it was.
                dealer.send_blocking(["hop", "hop", "", &text[..]]).unwrap();
                let request = next(&rep.receiver());
                assert_eq!(request, Message::from(&text[..]));
                rep.send_blocking(request).unwrap();
                let reply = next(&dealer.receiver());
                assert_eq!(reply, Message::from(["hop", "hop", "", &text[..]]));
            }
        }
    });
}

#[test]
fn many_workers_reply_to_requests_of_one_dealer() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let dealer = here.socket::<Dealer>().unwrap();
            let endpoint = dealer.bind(transport.endpoint()).unwrap();
            let workers: Vec<_> = (0..5)
                .map(|_| {
                    let rep = there.socket::<Rep>().unwrap();
                    rep.connect(&endpoint).unwrap();
                    std::thread::spawn(move || {
                        let mut served = 0;
                        for request in rep.receiver() {
                            rep.send_blocking(request).unwrap();
                            served += 1;
                        }
                        served
                    })
                })
                .collect();
            let mut open: Vec<String> = (0..500).map(|number| number.to_string()).collect();
            for number in &open {
                dealer.send_blocking(["", &number[..]]).unwrap();
            }
            while !open.is_empty() {
                let reply = next(&dealer.receiver());
                let at = open.iter().position(|number| reply[1] == *number);
                open.swap_remove(at.expect("each request is answered once"));
            }
            drop((here, dealer));
            there.shutdown();
            let served: Vec<usize> = workers.into_iter().map(|one| one.join().unwrap()).collect();
            assert_eq!(
                served.iter().sum::<usize>(),
                500,
                "{transport:?} {served:?}"
            );
        }
    });
}

#[test]
fn an_xsub_subscribes_by_message() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (xsub, publisher) = common::pair::<XSub, Pub>(transport);
            xsub.send_blocking([&b"\x01news"[..]]).unwrap();
            let wait = Duration::from_millis(5);
            let heard = loop {
                publisher.send_blocking(["weather", "rain"]).unwrap();
                publisher.send_blocking(["news", "good"]).unwrap();
                match xsub.recv_timeout_blocking(wait) {
                    Ok(message) => break message,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(error) => panic!("{error}"),
                }
            };
            assert_eq!(heard, Message::from(["news", "good"]));
            xsub.send_blocking([&b"\x00news"[..]]).unwrap();
            // Until nothing comes any more, however often it is published.
            loop {
                publisher.send_blocking(["news", "more"]).unwrap();
                match xsub.recv_timeout_blocking(Duration::from_millis(100)) {
                    Ok(message) => assert_eq!(message[0], "news", "{transport:?}"),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
}
