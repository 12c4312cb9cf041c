//! Publishes messages in envelopes: a frame with the topic, and a frame with the content.
//!
//! ```text
//! psenvpub                     bound to tcp://*:5563; psenvsub subscribes
//! psenvpub tcp://*:5600
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::error::SendError;
use zmq_channels::{Context, Pub, Sender};

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1);
    let publisher = Context::new().socket::<Pub>()?;
    let bound = publisher.bind(endpoint.as_deref().unwrap_or("tcp://*:5563"))?;
    println!("publishing at {bound}");
    loop {
        publish(&publisher.sender())?;
        thread::sleep(Duration::from_secs(1));
    }
}

/// One round: what no subscriber wants to see, and what one may.
pub(crate) fn publish(sender: &Sender) -> Result<(), SendError> {
    sender.send_blocking(["A", "We don't want to see this"])?;
    sender.send_blocking(["B", "We would like to see this"])
}
