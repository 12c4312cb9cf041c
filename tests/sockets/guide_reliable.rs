//! The examples about workers that fail, run.

use crate::common;

#[path = "../../examples/majordomo/main.rs"]
#[allow(dead_code)]
mod majordomo;
#[path = "../../examples/ppirate/main.rs"]
#[allow(dead_code)]
mod ppirate;

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use common::{eventually, next, put, within, Transport, LIMIT, PATIENCE};
use majordomo::{Broker, DISCONNECT, HEARTBEAT, READY, REPLY, REQUEST, WORKER};
use zmq_channels::error::SendError;
use zmq_channels::{Context, Dealer, Frame, Message, Req, Router, RoutingId, Socket};

/// Between two heartbeats, where tests wait for peers to be taken for dead.
const SHORT: Duration = Duration::from_millis(20);

/// Between two heartbeats, where no peer may be.
const LONG: Duration = Duration::from_secs(20);

/// How long a client waits before it asks again.
const TRY: Duration = Duration::from_millis(300);

const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Inproc];

#[test]
fn a_paranoid_queue_forgets_a_silent_worker_and_its_client_asks_another() {
    within(LIMIT, || {
        for transport in TRANSPORTS {
            let (here, there) = transport.contexts();
            let (clients, workers): (Socket<Router>, Socket<Router>) =
                (here.socket().unwrap(), here.socket().unwrap());
            let front = clients.bind(transport.endpoint()).unwrap();
            let back = workers.bind(transport.endpoint()).unwrap();
            let queue = thread::spawn(move || ppirate::queue(&clients, &workers, SHORT));
            let failing = there.socket::<Dealer>().unwrap();
            failing.connect(&back).unwrap();
            put(&failing.sender(), ppirate::READY);
            let asking = [(); 2].map(|()| {
                let client = client(&there, front.as_str());
                thread::spawn(move || ppirate::ask(&client, "hello", TRY).unwrap())
            });
            // It is alive until it has the request.
            let mut request = next(&failing.receiver());
            while request == ppirate::HEARTBEAT.into() {
                put(&failing.sender(), ppirate::HEARTBEAT);
                request = next(&failing.receiver());
            }
            assert_eq!(request[request.len() - 1], "hello");
            let worker = {
                let there = there.clone();
                let answer = |request: &str| Some(format!("{request} yourself"));
                thread::spawn(move || ppirate::work(&there, back.as_str(), SHORT, answer))
            };
            for client in asking {
                let reply = client.join().unwrap();
                assert_eq!(reply.as_deref(), Some("hello yourself"), "{transport:?}");
            }
            // It got one request only, as it was busy with that.
            eventually("forgotten", || {
                match failing.recv_timeout_blocking(10 * SHORT) {
                    Ok(message) => {
                        assert_eq!(message, ppirate::HEARTBEAT.into());
                        false
                    }
                    Err(_) => true,
                }
            });
            here.shutdown();
            there.shutdown();
            // A heartbeat may fail at that moment.
            let _ = (queue.join().unwrap(), worker.join().unwrap());
        }
    });
}

#[test]
fn a_paranoid_worker_connects_again_to_a_silent_queue() {
    within(LIMIT, || {
        for transport in TRANSPORTS {
            let (here, there) = transport.contexts();
            let queue = here.socket::<Router>().unwrap();
            let back = queue.bind(transport.endpoint()).unwrap();
            let worker = {
                let there = there.clone();
                let answer = |request: &str| Some(format!("{request} yourself"));
                thread::spawn(move || ppirate::work(&there, back.as_str(), SHORT, answer))
            };
            let (mut ids, mut heartbeats) = (HashSet::new(), 0);
            let reply = loop {
                let mut message = next(&queue.receiver());
                let id = message.take_sender().unwrap();
                if message == ppirate::READY.into() {
                    assert!(ids.insert(id.clone()));
                    // Nothing is said to the first.
                    if ids.len() > 1 {
                        put(&queue.sender(), Message::to(&id, ["client", "", "hello"]));
                    }
                } else if message == ppirate::HEARTBEAT.into() {
                    heartbeats += 1;
                } else {
                    break message;
                }
            };
            assert_eq!(
                reply,
                ["client", "", "hello yourself"].into(),
                "{transport:?}"
            );
            assert!(heartbeats > 0);
            there.shutdown();
            let _ = worker.join().unwrap();
        }
    });
}

#[test]
fn a_majordomo_finds_the_workers_of_each_service() {
    within(LIMIT, || {
        for transport in TRANSPORTS {
            let (here, there) = transport.contexts();
            let (broker, endpoint) = broker(&here, transport, LONG);
            let workers = [("left", "<"), ("left", "<"), ("right", ">")].map(|(service, mark)| {
                let (there, endpoint) = (there.clone(), endpoint.clone());
                let mark = Frame::from(mark);
                let answer = move |request: Message| request.iter().chain([&mark]).collect();
                thread::spawn(move || majordomo::work(&there, &endpoint, service, LONG, answer))
            });
            let clients = [("left", "<"), ("right", ">"), ("left", "<")].map(|(service, mark)| {
                let client = client(&there, &endpoint);
                thread::spawn(move || {
                    for number in 0..50 {
                        let body = [service, &number.to_string()];
                        let answer = majordomo::ask(&client, service, body, PATIENCE).unwrap();
                        assert_eq!(answer, [service, &number.to_string(), mark].into());
                    }
                })
            });
            for client in clients {
                client.join().unwrap();
            }
            let client = client(&there, &endpoint);
            for (name, code) in [("left", "200"), ("right", "200"), ("none", "404")] {
                assert_eq!(is_there(&client, name), code, "{name}");
            }
            let unknown = majordomo::ask(&client, "mmi.other", "left", PATIENCE).unwrap();
            assert_eq!(unknown, "501".into());
            here.shutdown();
            there.shutdown();
            broker.join().unwrap();
            for worker in workers {
                worker.join().unwrap().unwrap();
            }
        }
    });
}

#[test]
fn a_majordomo_speaks_with_workers_as_rfc_7_says() {
    within(LIMIT, || {
        let (here, there) = Transport::Tcp.contexts();
        let (broker, endpoint) = broker(&here, Transport::Tcp, LONG);
        let worker = there.socket::<Dealer>().unwrap();
        worker.connect(&endpoint).unwrap();
        tell(&worker, READY, &["tea".into()]);
        let asking = {
            let client = client(&there, &endpoint);
            thread::spawn(move || {
                majordomo::ask(&client, "tea", ["with", "milk"], PATIENCE).unwrap()
            })
        };
        let request = next(&worker.receiver()).into_frames();
        let [empty, header, command, envelope @ .., delimiter, with, milk] = &request[..] else {
            panic!("{request:?}");
        };
        assert!(empty.is_empty() && delimiter.is_empty() && !envelope.is_empty());
        assert_eq!((&header[..], &command[..]), (WORKER, REQUEST));
        assert_eq!((&with[..], &milk[..]), (&b"with"[..], &b"milk"[..]));
        tell(
            &worker,
            REPLY,
            &[envelope, &[Frame::empty(), "hot".into()]].concat(),
        );
        assert_eq!(asking.join().unwrap(), "hot".into());
        // It is not to register twice, and it is not known any more then.
        let client = client(&there, &endpoint);
        assert_eq!(is_there(&client, "tea"), "200");
        for (command, rest) in [(READY, &["tea".into()][..]), (HEARTBEAT, &[])] {
            tell(&worker, command, rest);
            assert_eq!(
                next(&worker.receiver()),
                (Frame::empty(), WORKER, DISCONNECT).into()
            );
            assert_eq!(is_there(&client, "tea"), "404");
        }
        // What is no MDP is ignored.
        put(&worker.sender(), ["", "MDPX01", "tea"]);
        put(&worker.sender(), "tea");
        tell(&worker, READY, &["tea".into()]);
        tell(&worker, DISCONNECT, &[]);
        eventually("gone", || is_there(&client, "tea") == "404");
        here.shutdown();
        broker.join().unwrap();
    });
}

#[test]
fn a_majordomo_forgets_a_silent_worker() {
    within(LIMIT, || {
        let (here, there) = Transport::Tcp.contexts();
        let (broker, endpoint) = broker(&here, Transport::Tcp, SHORT);
        let worker = there.socket::<Dealer>().unwrap();
        worker.connect(&endpoint).unwrap();
        tell(&worker, READY, &["tea".into()]);
        let heartbeat = Message::from((Frame::empty(), WORKER, HEARTBEAT));
        assert_eq!(next(&worker.receiver()), heartbeat);
        let client = client(&there, &endpoint);
        eventually("forgotten", || is_there(&client, "tea") == "404");
        tell(&worker, HEARTBEAT, &[]);
        let mut message = next(&worker.receiver());
        while message == heartbeat {
            message = next(&worker.receiver());
        }
        assert_eq!(message, (Frame::empty(), WORKER, DISCONNECT).into());
        here.shutdown();
        broker.join().unwrap();
    });
}

#[test]
fn a_worker_of_a_majordomo_registers_again_when_it_is_told_to() {
    within(LIMIT, || {
        registers_again(LONG, |router, id| {
            let disconnect = Message::from((Frame::empty(), WORKER, DISCONNECT));
            put(&router.sender(), Message::to(id, disconnect));
        });
    });
}

#[test]
fn a_worker_of_a_majordomo_registers_again_when_the_broker_is_silent() {
    within(LIMIT, || registers_again(SHORT, |_, _| {}));
}

/// The broker answers the first registration in that way, and later ones with a request.
fn registers_again(interval: Duration, answer: impl Fn(&Socket<Router>, &RoutingId)) {
    let (here, there) = Transport::Tcp.contexts();
    let router = here.socket::<Router>().unwrap();
    let endpoint = router.bind(Transport::Tcp.endpoint()).unwrap();
    let worker = {
        let there = there.clone();
        thread::spawn(move || majordomo::work(&there, endpoint.as_str(), "tea", interval, |it| it))
    };
    let register = Message::from((Frame::empty(), WORKER, READY, "tea"));
    let heartbeat = Message::from((Frame::empty(), WORKER, HEARTBEAT));
    let mut request = Message::from((Frame::empty(), WORKER, REQUEST));
    request.extend(["client", "", "a", "b"]);
    let mut ids = HashSet::new();
    let reply = loop {
        let mut message = next(&router.receiver());
        let id = message.take_sender().unwrap();
        if message == register {
            assert!(ids.insert(id.clone()));
            match ids.len() {
                1 => answer(&router, &id),
                _ => put(&router.sender(), Message::to(&id, request.clone())),
            }
        } else if message != heartbeat {
            break message;
        }
    };
    let mut expected = Message::from((Frame::empty(), WORKER, REPLY));
    expected.extend(["client", "", "a", "b"]);
    assert_eq!(reply, expected);
    there.shutdown();
    let _ = worker.join().unwrap();
}

fn broker(
    context: &Context,
    transport: Transport,
    interval: Duration,
) -> (thread::JoinHandle<()>, String) {
    let socket = context.socket::<Router>().unwrap();
    let endpoint = socket.bind(transport.endpoint()).unwrap().to_string();
    let broker = Broker::new(socket, interval);
    let run = move || {
        let outcome = broker.run();
        // A heartbeat may fail when the context is shut down.
        assert!(
            !matches!(outcome, Err(SendError::Refused(..))),
            "{outcome:?}"
        );
    };
    (thread::spawn(run), endpoint)
}

fn client(context: &Context, endpoint: &str) -> Socket<Req> {
    let client = context.socket::<Req>().unwrap();
    client.connect(endpoint).unwrap();
    client
}

/// Says something as a worker.
fn tell(worker: &Socket<Dealer>, command: &[u8], rest: &[Frame]) {
    let mut message = Message::from((Frame::empty(), WORKER, command));
    message.extend(rest);
    put(&worker.sender(), message);
}

/// What the broker says about a service.
fn is_there(client: &Socket<Req>, service: &str) -> String {
    let reply = majordomo::ask(client, "mmi.service", service, PATIENCE).unwrap();
    reply.to_string()
}
