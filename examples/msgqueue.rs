//! A queue between clients and workers, in one call (the Guide's msgqueue): the built-in proxy, on
//! the pump, without a separate thread. A third socket gets a copy of each message.
//!
//! ```text
//! msgqueue       `rr client` at tcp://127.0.0.1:5559, `rr worker` at 5560, copies (PUB) at 5561
//! msgqueue tcp://127.0.0.1:6000 ipc:///tmp/workers ipc:///tmp/copies
//! ```

use std::error::Error;

use zmq_channels::{Context, Dealer, Endpoint, Proxy, Pub, Router, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let endpoints = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => [
            "tcp://127.0.0.1:5559",
            "tcp://127.0.0.1:5560",
            "tcp://127.0.0.1:5561",
        ],
        [clients, workers, copies] => [clients, workers, copies],
        _ => return Err("usage: msgqueue [CLIENTS WORKERS COPIES]".into()),
    };
    let queue = Queue::start(&Context::new(), endpoints)?;
    let [clients, workers, copies] = &queue.bound;
    println!("clients at {clients}, workers at {workers}, copies at {copies}");
    let carried = queue.proxy.wait_blocking();
    let copied = queue.copies.statistics()?.messages_out;
    println!(
        "{} requests carried, {copied} copies sent",
        carried.forth.messages
    );
    Ok(())
}

/// A queue at work: the proxy keeps its sockets open until it is stopped.
pub(crate) struct Queue {
    pub(crate) proxy: Proxy,
    /// Copies of all requests and replies.
    pub(crate) copies: Socket<Pub>,
    pub(crate) bound: [Endpoint; 3],
}

impl Queue {
    pub(crate) fn start(
        context: &Context,
        [clients_at, workers_at, copies_at]: [&str; 3],
    ) -> Result<Queue, Box<dyn Error>> {
        let (clients, workers) = (context.socket::<Router>()?, context.socket::<Dealer>()?);
        let copies = context.socket::<Pub>()?;
        let bound = [
            clients.bind(clients_at)?,
            workers.bind(workers_at)?,
            copies.bind(copies_at)?,
        ];
        let proxy = Proxy::start_with_capture(&clients, &workers, &copies)?;
        Ok(Queue {
            proxy,
            copies,
            bound,
        })
    }
}
