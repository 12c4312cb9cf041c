//! The Majordomo pattern (RFC 7, and RFC 8 for `mmi.service`): workers register with a broker for a service
//! by its name, and clients send requests to a service. Broker and workers send each other heartbeats.
//!
//! ```text
//! majordomo                  a broker, workers for two services, and a client, over inproc
//! majordomo broker           at tcp://127.0.0.1:5555, for any workers and clients that speak MDP 0.1
//! majordomo worker SERVICE   serves `echo` or `shout`; start some, stop some
//! majordomo client SERVICE TEXT
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::{Context, Message, Req, Router};

mod broker;
mod client;
mod worker;

pub(crate) use broker::Broker;
pub(crate) use client::ask;
pub(crate) use worker::work;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The first frame of what clients and workers exchange with the broker, after the envelope.
pub(crate) const CLIENT: &[u8] = b"MDPC01";
pub(crate) const WORKER: &[u8] = b"MDPW01";

/// The commands between worker and broker, in the frame behind that.
pub(crate) const READY: &[u8] = &[1];
pub(crate) const REQUEST: &[u8] = &[2];
pub(crate) const REPLY: &[u8] = &[3];
pub(crate) const HEARTBEAT: &[u8] = &[4];
pub(crate) const DISCONNECT: &[u8] = &[5];

/// A peer that has been silent for this many intervals is taken for dead.
pub(crate) const LIVENESS: u32 = 3;

fn main() -> Result<(), Failure> {
    const ENDPOINT: &str = "tcp://127.0.0.1:5555";
    let (context, second) = (Context::new(), Duration::from_secs(1));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demonstrate(&context)?,
        ["broker"] => {
            let socket = context.socket::<Router>()?;
            socket.bind(ENDPOINT)?;
            Broker::new(socket, second).run()?;
        }
        ["worker", service] => work(&context, ENDPOINT, service, second, named(service))?,
        ["client", service, text] => {
            let client = context.socket::<Req>()?;
            client.connect(ENDPOINT)?;
            println!("{:?}", ask(&client, service, text, second)?);
        }
        _ => return Err("usage: majordomo [broker | worker SERVICE | client SERVICE TEXT]".into()),
    }
    Ok(())
}

fn demonstrate(context: &Context) -> Result<(), Failure> {
    let (interval, patience) = (Duration::from_millis(100), Duration::from_secs(1));
    let (socket, client) = (context.socket::<Router>()?, context.socket::<Req>()?);
    socket.bind("inproc://broker")?;
    client.connect("inproc://broker")?;
    thread::scope(|scope| {
        scope.spawn(|| Broker::new(socket, interval).run());
        for service in ["echo", "echo", "shout"] {
            scope.spawn(move || {
                work(
                    context,
                    "inproc://broker",
                    service,
                    interval,
                    named(service),
                )
            });
        }
        let requests = [
            ("echo", "hello"),
            ("shout", "hello"),
            ("mmi.service", "echo"),
            ("mmi.service", "coffee"),
        ];
        let asked = requests.into_iter().try_for_each(|(service, text)| {
            println!(
                "{service} {text}: {:?}",
                ask(&client, service, text, patience)?
            );
            Ok(())
        });
        // Ends the broker and the workers.
        context.shutdown();
        asked
    })
}

/// What the workers of a service do.
fn named(service: &str) -> fn(Message) -> Message {
    match service {
        "shout" => |request| request.to_string().to_uppercase().into(),
        _ => |request| request,
    }
}
