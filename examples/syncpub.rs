//! Publishing that starts when all subscribers are connected, and loses no message (the Guide's syncpub and
//! syncsub). `wait_subscribed` replaces the Guide's second pair of sockets, and `xpub_no_drop` makes the
//! publisher wait for the slowest subscriber.
//!
//! ```text
//! syncpub                         both, with ten subscribers, over inproc
//! syncpub pub                     waits for ten at tcp://127.0.0.1:5561
//! syncpub sub                     start ten
//! UPDATES=10000 syncpub           instead of 1000000
//! ```

use std::error::Error;
use std::thread;

use zmq_channels::error::{RecvError, SocketError};
use zmq_channels::{Context, Options, Pub, Socket, Sub};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const SUBSCRIBERS: usize = 10;
const ENDPOINT: &str = "tcp://127.0.0.1:5561";

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (role, endpoint) = (arguments.next(), arguments.next());
    let endpoint = endpoint.as_deref().unwrap_or(ENDPOINT);
    let updates = std::env::var("UPDATES").map_or(Ok(1_000_000), |number| number.parse())?;
    let context = Context::new();
    match role.as_deref() {
        None => {
            let publisher = publisher(&context)?;
            publisher.bind("inproc://updates")?;
            thread::scope(|scope| {
                for _ in 0..SUBSCRIBERS {
                    let subscriber = subscriber(&context, "inproc://updates")?;
                    scope.spawn(move || println!("got {:?} updates", count(&subscriber)));
                }
                publish(&publisher, SUBSCRIBERS, updates)
            })?;
        }
        Some("pub") => {
            let publisher = publisher(&context)?;
            publisher.bind(endpoint)?;
            publish(&publisher, SUBSCRIBERS, updates)?;
        }
        Some("sub") => println!("got {} updates", count(&subscriber(&context, endpoint)?)?),
        Some(_) => return Err("usage: syncpub [pub|sub [ENDPOINT]]".into()),
    }
    Ok(())
}

/// A publisher that waits instead of dropping.
pub(crate) fn publisher(context: &Context) -> Result<Socket<Pub>, SocketError> {
    context.socket_with(Options::new().xpub_no_drop(true))
}

pub(crate) fn subscriber(context: &Context, endpoint: &str) -> Result<Socket<Sub>, Failure> {
    let subscriber = context.socket::<Sub>()?;
    subscriber.subscribe("")?;
    subscriber.connect(endpoint)?;
    Ok(subscriber)
}

/// syncpub: waits for that many subscribers, then publishes all there is, and an end.
pub(crate) fn publish(
    publisher: &Socket<Pub>,
    subscribers: usize,
    updates: u64,
) -> Result<(), Failure> {
    publisher.wait_subscribed_blocking(subscribers)?;
    for _ in 0..updates {
        publisher.send_blocking("Rhubarb")?;
    }
    publisher.send_blocking("END")?;
    publisher.close_blocking();
    Ok(())
}

/// syncsub: how many updates came before the end.
pub(crate) fn count(subscriber: &Socket<Sub>) -> Result<u64, RecvError> {
    let mut updates = 0;
    while subscriber.recv_blocking()?.as_str() != Some("END") {
        updates += 1;
    }
    Ok(updates)
}
