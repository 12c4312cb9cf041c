//! A server with several threads (the Guide's mtserver): a ROUTER receives requests from the network, and
//! a DEALER distributes them over inproc to one REP per thread.
//!
//! ```text
//! mtserver                          five threads at tcp://127.0.0.1:5555 (`hello_world client`)
//! mtserver ipc:///tmp/hello 8
//! ```

use std::error::Error;
use std::thread::{self, JoinHandle};

use zmq_channels::{Context, Dealer, Endpoint, Proxy, Rep, Router, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next();
    let endpoint = endpoint.as_deref().unwrap_or("tcp://127.0.0.1:5555");
    let threads = arguments.next().map_or(Ok(5), |number| number.parse())?;
    let server = Server::start(&Context::new(), endpoint, threads)?;
    println!("{threads} threads serve at {}", server.bound);
    server.proxy.wait_blocking();
    for thread in server.threads {
        let _ = thread.join();
    }
    Ok(())
}

/// A server at work.
pub(crate) struct Server {
    pub(crate) bound: Endpoint,
    pub(crate) proxy: Proxy,
    /// They end with the context; each tells how many requests it has answered.
    pub(crate) threads: Vec<JoinHandle<usize>>,
}

impl Server {
    pub(crate) fn start(
        context: &Context,
        endpoint: &str,
        threads: usize,
    ) -> Result<Server, Box<dyn Error>> {
        let (clients, workers) = (context.socket::<Router>()?, context.socket::<Dealer>()?);
        let inside = workers.bind("inproc://workers")?;
        let mut handles = Vec::new();
        for number in 0..threads {
            let worker = context.socket::<Rep>()?;
            worker.connect(&inside)?;
            handles.push(thread::spawn(move || work(&worker, number)));
        }
        Ok(Server {
            bound: clients.bind(endpoint)?,
            proxy: Proxy::start(&clients, &workers)?,
            threads: handles,
        })
    }
}

fn work(worker: &Socket<Rep>, number: usize) -> usize {
    let mut answered = 0;
    for request in worker.requests() {
        println!("thread {number} is asked {request:?}");
        match request.reply("World") {
            Ok(()) => answered += 1,
            Err(error) => eprintln!("too late to answer: {error}"),
        }
    }
    answered
}
