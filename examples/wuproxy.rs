//! A bridge between two networks: XSUB towards the publisher, XPUB towards the subscribers.
//!
//! ```text
//! wuproxy tcp://192.168.55.210:5556 tcp://10.1.1.0:8100
//! wuproxy                             from tcp://127.0.0.1:5556 to tcp://*:8100
//! ```

use std::error::Error;

use zmq_channels::{Context, Endpoint, Proxy, XPub, XSub};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (inside, outside) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("tcp://127.0.0.1:5556", "tcp://*:8100"),
        [inside, outside] => (inside, outside),
        _ => return Err("usage: wuproxy [PUBLISHER BIND]".into()),
    };
    let (proxy, bound) = bridge(&Context::new(), inside, outside)?;
    println!("what {inside} publishes is at {bound}");
    proxy.wait_blocking();
    Ok(())
}

/// Subscriptions travel to the publisher as messages, publications to the subscribers.
pub(crate) fn bridge(
    context: &Context,
    publisher: &str,
    bind: &str,
) -> Result<(Proxy, Endpoint), Box<dyn Error>> {
    let front = context.socket::<XSub>()?;
    front.connect(publisher)?;
    let back = context.socket::<XPub>()?;
    let bound = back.bind(bind)?;
    Ok((Proxy::start(&front, &back)?, bound))
}
