//! A last value cache (the Guide's lvcache): subscribers that come late receive the latest message of each
//! topic at once. The cache subscribes to everything, and its XPUB reports every subscription.
//!
//! ```text
//! lvcache                            a publisher, the cache and a late subscriber, over inproc
//! lvcache tcp://127.0.0.1:5556 tcp://*:5558      from a publisher, to subscribers
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::ops::ControlFlow::{self, Break, Continue};

use zmq_channels::message::XPubEvent;
use zmq_channels::options::Verbosity;
use zmq_channels::select::Selected;
use zmq_channels::{Context, Frame, Message, Options, Pub, Select, Socket, Sub, XPub};

fn main() -> Result<(), Box<dyn Error>> {
    let context = Context::new();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (front, back) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => return demonstrate(&context),
        [front, back] => sockets(&context, front, back)?,
        _ => return Err("usage: lvcache [PUBLISHER BIND]".into()),
    };
    cache(&front, &back, |_, _| Continue(()))
}

/// One update, then a subscriber: it receives the update although it comes late.
fn demonstrate(context: &Context) -> Result<(), Box<dyn Error>> {
    let publisher = context.socket::<Pub>()?;
    publisher.bind("inproc://publisher")?;
    let (front, back) = sockets(context, "inproc://publisher", "inproc://cache")?;
    publisher.wait_subscribed_blocking(1)?;
    publisher.send_blocking(["oslo", "-3"])?;
    let late = context.socket::<Sub>()?;
    cache(&front, &back, |topics, sent| match (topics, sent) {
        // The update is in the cache: time for the subscriber.
        (1, 0) => match late.subscribe("oslo").is_ok() && late.connect("inproc://cache").is_ok() {
            true => Continue(()),
            false => Break(()),
        },
        _ => Break(()),
    })?;
    println!("{}", late.recv_blocking()?);
    Ok(())
}

pub(crate) fn sockets(
    context: &Context,
    publisher: &str,
    bind: &str,
) -> Result<(Socket<Sub>, Socket<XPub>), Box<dyn Error>> {
    let front = context.socket::<Sub>()?;
    front.subscribe("")?;
    front.connect(publisher)?;
    let options = Options::new().xpub_verbosity(Verbosity::Subscriptions);
    let back = context.socket_with::<XPub>(options)?;
    back.bind(bind)?;
    Ok((front, back))
}

/// Forwards updates, and sends the latest one again for each subscription. `then` is told the number of
/// topics and of messages sent again, after each event.
pub(crate) fn cache(
    front: &Socket<Sub>,
    back: &Socket<XPub>,
    mut then: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let mut latest: HashMap<Frame, Message> = HashMap::new();
    let mut sent = 0;
    let mut select = Select::new();
    let updates = select.receiver(front.receiver());
    select.receiver(back.receiver());
    loop {
        match select.wait()? {
            Selected::Received(token, update) if token == updates => {
                latest.insert(update[0].clone(), update.clone());
                back.send_blocking(update)?;
            }
            Selected::Received(_, event) => {
                if let XPubEvent::Subscribe(prefix) = XPubEvent::from(event) {
                    let wanted = latest.values().filter(|last| last[0].starts_with(&prefix));
                    for last in wanted {
                        back.send_blocking(last.clone())?;
                        sent += 1;
                    }
                }
            }
            Selected::Ended(_, why) => return Err(why.into()),
            _ => {}
        }
        if then(latest.len(), sent).is_break() {
            return Ok(());
        }
    }
}
