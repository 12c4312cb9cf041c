//! Request and reply through a broker: clients and workers do not know each other and may start and stop
//! at any time (the Guide's rrclient, rrworker and rrbroker). The broker is written out here; `msgqueue`
//! is the same in one call.
//!
//! ```text
//! rr broker      between tcp://127.0.0.1:5559 (clients) and tcp://127.0.0.1:5560 (workers)
//! rr worker      answers; start some
//! rr client      ten requests; start many
//! ```

use std::error::Error;

use zmq_channels::error::RequestError;
use zmq_channels::select::Selected;
use zmq_channels::{Context, Dealer, Rep, Req, Router, Select, Socket};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const FRONT: &str = "tcp://127.0.0.1:5559";
const BACK: &str = "tcp://127.0.0.1:5560";

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (role, endpoint) = (arguments.next(), arguments.next());
    let context = Context::new();
    match role.as_deref() {
        Some("client") => {
            let client = context.socket::<Req>()?;
            client.connect(endpoint.as_deref().unwrap_or(FRONT))?;
            for number in 1..=10 {
                println!("{number}: {}", ask(&client, &format!("Hello {number}"))?);
            }
        }
        Some("worker") => {
            let worker = context.socket::<Rep>()?;
            worker.connect(endpoint.as_deref().unwrap_or(BACK))?;
            work(&worker);
        }
        Some("broker") => {
            let (clients, workers) = (context.socket::<Router>()?, context.socket::<Dealer>()?);
            clients.bind(endpoint.as_deref().unwrap_or(FRONT))?;
            workers.bind(arguments.next().as_deref().unwrap_or(BACK))?;
            carry(&clients, &workers)?;
        }
        _ => return Err("usage: rr client|worker|broker [ENDPOINT [ENDPOINT]]".into()),
    }
    Ok(())
}

/// rrclient: one request, and the reply to it.
pub(crate) fn ask(client: &Socket<Req>, request: &str) -> Result<String, RequestError> {
    let reply = client.request_blocking(request)?;
    Ok(reply.as_str().unwrap_or_default().to_owned())
}

/// rrworker: answers until its socket is closed; returns how many requests.
pub(crate) fn work(worker: &Socket<Rep>) -> usize {
    let mut answered = 0;
    for request in worker.requests() {
        let answer = format!("{} World", request.as_str().unwrap_or("?"));
        match request.reply(answer) {
            Ok(()) => answered += 1,
            Err(error) => eprintln!("too late to answer: {error}"),
        }
    }
    answered
}

/// rrbroker: carries whole messages, envelope and all, until both sockets are closed.
pub(crate) fn carry(clients: &Socket<Router>, workers: &Socket<Dealer>) -> Result<(), Failure> {
    let mut select = Select::new();
    let from_clients = select.receiver(clients.receiver());
    select.receiver(workers.receiver());
    // An error: both have ended.
    while let Ok(selected) = select.wait() {
        match selected {
            Selected::Received(token, request) if token == from_clients => {
                workers.send_blocking(request)?;
            }
            Selected::Received(_, reply) => clients.send_blocking(reply)?,
            _ => {}
        }
    }
    Ok(())
}
