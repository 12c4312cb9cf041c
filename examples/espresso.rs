//! Espresso: a proxy between a publisher and a subscriber, with a listener that sees everything that passes,
//! subscriptions too (the Guide's espresso). Ends by itself.
//!
//!     cargo run --example espresso

use std::error::Error;
use std::thread;

use zmq_channels::message::XPubEvent;
use zmq_channels::{Context, Endpoint, Pair, Proxy, Socket, Sub, XPub, XSub};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Where publisher and subscriber meet the proxy, and the proxy its listener.
pub(crate) type Endpoints<'a> = [&'a str; 3];

fn main() -> Result<()> {
    let endpoints = [
        "inproc://publisher",
        "inproc://subscriber",
        "inproc://listener",
    ];
    play(&Context::new(), endpoints)?
        .iter()
        .for_each(|line| println!("{line}"));
    Ok(())
}

/// Returns what the listener saw, in order.
pub(crate) fn play(context: &Context, [front, back, tap]: Endpoints) -> Result<Vec<String>> {
    let (from_publisher, to_subscribers) = (context.socket::<XSub>()?, context.socket::<XPub>()?);
    let (capture, listener) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    listener.connect(capture.bind(tap)?)?;
    let (front, back) = (from_publisher.bind(front)?, to_subscribers.bind(back)?);
    let proxy = Proxy::start_with_capture(&from_publisher, &to_subscribers, &capture)?;
    thread::scope(|scope| {
        let publishing = scope.spawn(|| publish(context, &front));
        let listening = scope.spawn(|| listen(&listener));
        subscribe(context, &back)?;
        publishing.join().map_err(|_| "the publisher panicked")??;
        let seen = listening.join().map_err(|_| "the listener panicked")??;
        println!("{} messages passed", proxy.stop().forth.messages);
        Ok(seen)
    })
}

/// Publishes the letters A to J, in turn, as soon as A and B are subscribed to.
fn publish(context: &Context, proxy: &Endpoint) -> Result<()> {
    let publisher = context.socket::<XPub>()?;
    publisher.connect(proxy)?;
    let mut topics = 0;
    while topics < 2 {
        match publisher.recv_blocking()?.into() {
            XPubEvent::Subscribe(_) => topics += 1,
            XPubEvent::Cancel(_) | XPubEvent::User(_) => {}
        }
    }
    for number in 0..50 {
        let letter = char::from(b'A' + number % 10);
        publisher.send_blocking(format!("{letter}-{number:02}"))?;
    }
    Ok(())
}

/// Receives ten messages about A and B, and leaves.
fn subscribe(context: &Context, proxy: &Endpoint) -> Result<()> {
    let subscriber = context.socket::<Sub>()?;
    subscriber.subscribe("A")?;
    subscriber.subscribe("B")?;
    subscriber.connect(proxy)?;
    for _ in 0..10 {
        subscriber.recv_blocking()?;
    }
    Ok(())
}

/// Records what passes the proxy, until every subscription has been cancelled.
fn listen(listener: &Socket<Pair>) -> Result<Vec<String>> {
    let (mut seen, mut topics) = (Vec::new(), 0);
    loop {
        seen.push(match listener.recv_blocking()?.into() {
            XPubEvent::Subscribe(prefix) => {
                topics += 1;
                format!("subscribed to {prefix}")
            }
            XPubEvent::Cancel(prefix) => {
                topics -= 1;
                format!("cancelled {prefix}")
            }
            XPubEvent::User(message) => message.to_string(),
        });
        if topics == 0 {
            return Ok(seen);
        }
    }
}
