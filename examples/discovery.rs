//! Publishers and subscribers that know only a broker (the Guide's dynamic discovery): the broker binds
//! both sides, so publishers and subscribers may be started and stopped at any time.
//!
//! ```text
//! discovery                          a broker, two publishers and a subscriber, over inproc
//! discovery broker                   publishers at tcp://*:5559, subscribers at tcp://*:5560
//! discovery pub TOPIC                publishes once a subscriber wants the topic
//! discovery sub TOPIC                receives three messages
//! ```

use std::error::Error;
use std::thread;

use zmq_channels::message::XPubEvent;
use zmq_channels::{Context, Endpoint, Proxy, Sub, XPub, XSub};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Messages that each publisher sends.
const MESSAGES: usize = 3;

fn main() -> Result<()> {
    let context = Context::new();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let (broker, front, back) = broker(&context, "inproc://front", "inproc://back")?;
            let publishers = ["oslo", "rome"].map(|topic| {
                let (context, front) = (context.clone(), front.clone());
                thread::spawn(move || publish(&context, front.as_str(), topic))
            });
            for topic in ["oslo", "rome"] {
                println!("{:?}", subscribe(&context, back.as_str(), topic)?);
            }
            for publisher in publishers {
                publisher.join().map_err(|_| "a publisher panicked")??;
            }
            println!(
                "{} messages passed the broker",
                broker.stop().forth.messages
            );
        }
        ["broker"] => {
            let (broker, ..) = broker(&context, "tcp://*:5559", "tcp://*:5560")?;
            broker.wait_blocking();
        }
        ["pub", topic] => publish(&context, "tcp://127.0.0.1:5559", topic)?,
        ["sub", topic] => println!("{:?}", subscribe(&context, "tcp://127.0.0.1:5560", topic)?),
        _ => return Err("usage: discovery [broker | pub TOPIC | sub TOPIC]".into()),
    }
    Ok(())
}

/// Forwards messages from publishers to subscribers, and subscriptions the other way.
pub(crate) fn broker(
    context: &Context,
    publishers: &str,
    subscribers: &str,
) -> Result<(Proxy, Endpoint, Endpoint)> {
    let (front, back) = (context.socket::<XSub>()?, context.socket::<XPub>()?);
    let bound = (front.bind(publishers)?, back.bind(subscribers)?);
    Ok((Proxy::start(&front, &back)?, bound.0, bound.1))
}

/// Publishes as soon as a subscription to the topic has come through the broker: until then, messages would
/// be dropped. An XPUB receives the subscriptions.
pub(crate) fn publish(context: &Context, broker: &str, topic: &str) -> Result<()> {
    let publisher = context.socket::<XPub>()?;
    publisher.connect(broker)?;
    let wants = |prefix: &[u8]| topic.as_bytes().starts_with(prefix);
    while !matches!(publisher.recv_blocking()?.into(), XPubEvent::Subscribe(prefix) if wants(&prefix))
    {
    }
    for number in 1..=MESSAGES {
        publisher.send_blocking([topic, &number.to_string()])?;
    }
    Ok(())
}

/// Returns the contents of the first messages with a topic.
pub(crate) fn subscribe(context: &Context, broker: &str, topic: &str) -> Result<Vec<String>> {
    let subscriber = context.socket::<Sub>()?;
    subscriber.subscribe(topic)?;
    subscriber.connect(broker)?;
    let messages = subscriber.into_iter().take(MESSAGES);
    Ok(messages.map(|message| message[1].to_string()).collect())
}
