//! The Paranoid Pirate pattern (RFC 6): a queue between clients and workers. Queue and workers send each
//! other heartbeats. The queue gives a request to the worker that has been ready longest, and forgets a
//! silent worker; a worker connects again if the queue is silent; a client repeats a request that is not
//! answered in time.
//!
//! ```text
//! ppirate            the queue, three workers, two of which fail, and a client, over inproc
//! ppirate queue      clients at tcp://127.0.0.1:5555, workers at tcp://127.0.0.1:5556
//! ppirate worker     start some, stop some
//! ppirate client     ten requests
//! ```
//!
//! ZMTP has heartbeats too (`Options::heartbeat_interval`), which find dead connections. Those of this
//! pattern also find programs that hang.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::error::RequestTimeoutError;
use zmq_channels::{Context, Req, Router, Socket};

mod queue;
mod worker;

pub(crate) use queue::queue;
pub(crate) use worker::work;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a worker says when it connects, and when it or the queue has nothing else to say.
pub(crate) const READY: [u8; 1] = [1];
pub(crate) const HEARTBEAT: [u8; 1] = [2];

/// A peer that has been silent for this many intervals is taken for dead.
pub(crate) const LIVENESS: u32 = 3;

/// How often a client sends a request before it gives up.
const TRIES: usize = 10;

fn main() -> Result<(), Failure> {
    const FRONT: &str = "tcp://127.0.0.1:5555";
    const BACK: &str = "tcp://127.0.0.1:5556";
    let (context, second) = (Context::new(), Duration::from_secs(1));
    let (clients, workers) = (context.socket::<Router>()?, context.socket::<Router>()?);
    match std::env::args().nth(1).as_deref() {
        None => demonstrate(&context, &clients, &workers)?,
        Some("queue") => {
            clients.bind(FRONT)?;
            workers.bind(BACK)?;
            queue(&clients, &workers, second)?;
        }
        Some("worker") => {
            work(&context, BACK, second, |it| Some(format!("{it}: done")))?;
        }
        Some("client") => {
            let client = context.socket::<Req>()?;
            client.connect(FRONT)?;
            for number in 0..10 {
                println!(
                    "{:?}",
                    ask(&client, &format!("request {number}"), 2 * second)?
                );
            }
        }
        Some(_) => return Err("usage: ppirate [queue|worker|client]".into()),
    }
    Ok(())
}

/// Two workers fail at their third and their fifth request, without a word; the client does not notice.
fn demonstrate(
    context: &Context,
    clients: &Socket<Router>,
    workers: &Socket<Router>,
) -> Result<(), Failure> {
    let interval = Duration::from_millis(50);
    clients.bind("inproc://clients")?;
    workers.bind("inproc://workers")?;
    let client = context.socket::<Req>()?;
    client.connect("inproc://clients")?;
    thread::scope(|scope| {
        scope.spawn(|| queue(clients, workers, interval));
        for mut left in [2, 4, usize::MAX] {
            scope.spawn(move || {
                let answer = |request: &str| {
                    left -= 1;
                    (left > 0).then(|| format!("{request}: done"))
                };
                work(context, "inproc://workers", interval, answer)
            });
        }
        let asked = (0..10).try_for_each(|number| {
            let request = format!("request {number}");
            println!("{:?}", ask(&client, &request, 4 * interval)?);
            Ok(())
        });
        // Ends the queue, and the worker that is left.
        context.shutdown();
        asked
    })
}

/// The client: asks again if there is no reply in time, and returns none in the end. The request that was
/// given up is cancelled, so that a late reply to it is not taken for that to a later one.
pub(crate) fn ask(
    client: &Socket<Req>,
    request: &str,
    patience: Duration,
) -> Result<Option<String>, RequestTimeoutError> {
    for _ in 0..TRIES {
        match client.request_timeout_blocking(request, patience) {
            Err(RequestTimeoutError::Timeout(_)) => println!("no reply to {request:?}: again"),
            reply => return reply.map(|reply| Some(reply.to_string())),
        }
    }
    Ok(None)
}
