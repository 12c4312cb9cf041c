//! The examples about requests and replies, run.

use crate::common;

#[path = "../../examples/hello_world.rs"]
#[allow(dead_code)]
mod hello_world;
#[path = "../../examples/msgqueue.rs"]
#[allow(dead_code)]
mod msgqueue;
#[path = "../../examples/mtserver.rs"]
#[allow(dead_code)]
mod mtserver;
#[path = "../../examples/rr.rs"]
#[allow(dead_code)]
mod rr;

use std::collections::BTreeMap;
use std::thread;

use common::{next, within, Transport, LIMIT};
use zmq_channels::{Context, Dealer, Rep, Req, Router, Socket, Sub};

const CLIENTS: usize = 10;
const WORKERS: usize = 5;
const REQUESTS: usize = 50;

#[test]
fn hello_and_world_connect_in_either_order() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            for client_first in [false, true] {
                let (here, there) = transport.contexts();
                let server = here.socket::<Rep>().unwrap();
                let client = there.socket::<Req>().unwrap();
                let endpoint = transport.endpoint();
                let bind = || server.bind(&endpoint).unwrap();
                if !client_first {
                    bind();
                }
                client.connect(&endpoint).unwrap();
                let asking = thread::spawn(move || hello_world::ask(&client, 3).unwrap());
                if client_first {
                    bind();
                }
                let serving = {
                    let server = server.clone();
                    thread::spawn(move || hello_world::serve(&server))
                };
                assert_eq!(asking.join().unwrap(), ["World"; 3], "{transport:?}");
                server.close_blocking();
                serving.join().unwrap();
            }
        }
    });
}

#[test]
fn ten_clients_and_five_workers_lose_no_request() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let (clients, workers) = broker_sockets(&here);
            let front = clients.bind(transport.endpoint()).unwrap();
            let back = workers.bind(transport.endpoint()).unwrap();
            let broker = {
                let (clients, workers) = (clients.clone(), workers.clone());
                thread::spawn(move || rr::carry(&clients, &workers))
            };
            let answered = clients_and_workers(&there, front.as_str(), back.as_str());
            assert_eq!(answered, CLIENTS * REQUESTS, "{transport:?}");
            clients.close_blocking();
            workers.close_blocking();
            broker.join().unwrap().unwrap();
        }
    });
}

#[test]
fn the_proxy_forwards_and_copies_every_request_and_reply() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let places = [(); 3].map(|()| transport.endpoint());
            let places = places.each_ref().map(String::as_str);
            let copies = there.socket::<Sub>().unwrap();
            copies
                .configure(|options| options.receive_high_water_mark(0))
                .unwrap();
            copies.subscribe("").unwrap();
            copies.connect(places[2]).unwrap();
            let queue = msgqueue::Queue::start(&here, places).unwrap();
            let [front, back, _] = &queue.bound;
            queue.copies.wait_subscribed_blocking(1).unwrap();
            let answered = clients_and_workers(&there, front.as_str(), back.as_str());
            assert_eq!(answered, CLIENTS * REQUESTS, "{transport:?}");
            let end = queue.proxy.stop();
            assert_eq!(end.forth.messages as usize, CLIENTS * REQUESTS);
            assert_eq!(end.back.messages as usize, CLIENTS * REQUESTS);
            let mut seen = BTreeMap::<Vec<u8>, usize>::new();
            for _ in 0..2 * CLIENTS * REQUESTS {
                let copy = next(&copies.receiver()).pop_back().unwrap();
                *seen.entry(copy.to_vec()).or_default() += 1;
            }
            assert_eq!(seen.len(), 2 * CLIENTS * REQUESTS, "{transport:?}");
        }
    });
}

#[test]
fn threads_behind_one_router_reply_to_every_client() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let server = mtserver::Server::start(&here, &transport.endpoint(), WORKERS).unwrap();
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let client = there.socket::<Req>().unwrap();
                    client.connect(&server.bound).unwrap();
                    thread::spawn(move || hello_world::ask(&client, REQUESTS).unwrap())
                })
                .collect();
            for client in clients {
                assert_eq!(client.join().unwrap(), vec!["World"; REQUESTS]);
            }
            let carried = server.proxy.stop();
            assert_eq!(carried.back.messages as usize, CLIENTS * REQUESTS);
            here.shutdown();
            let answered = server.threads.into_iter().map(|it| it.join().unwrap());
            assert_eq!(answered.sum::<usize>(), CLIENTS * REQUESTS);
        }
    });
}

fn broker_sockets(context: &Context) -> (Socket<Router>, Socket<Dealer>) {
    (context.socket().unwrap(), context.socket().unwrap())
}

/// Every client gets the reply to each of its requests; returns how many the workers answered.
fn clients_and_workers(context: &Context, front: &str, back: &str) -> usize {
    let sockets: Vec<Socket<Rep>> = (0..WORKERS).map(|_| context.socket().unwrap()).collect();
    let workers: Vec<_> = sockets
        .iter()
        .map(|socket| {
            socket.connect(back).unwrap();
            let worker = socket.clone();
            thread::spawn(move || rr::work(&worker))
        })
        .collect();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = context.socket::<Req>().unwrap();
            client.connect(front).unwrap();
            thread::spawn(move || {
                for request in 0..REQUESTS {
                    let request = format!("{number}.{request}");
                    let reply = rr::ask(&client, &request).unwrap();
                    assert_eq!(reply, format!("{request} World"));
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    for socket in sockets {
        socket.close_blocking();
    }
    workers.into_iter().map(|it| it.join().unwrap()).sum()
}
