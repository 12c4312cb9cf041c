//! Subscribes to messages in envelopes: a frame with the topic, and a frame with the content.
//!
//! ```text
//! psenvsub                     connected to tcp://127.0.0.1:5563, where psenvpub is
//! psenvsub tcp://10.0.0.7:5600
//! ```

use std::error::Error;

use zmq_channels::{Context, Socket, Sub};

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1);
    let subscriber = Context::new().socket::<Sub>()?;
    subscriber.subscribe("B")?;
    subscriber.connect(endpoint.as_deref().unwrap_or("tcp://127.0.0.1:5563"))?;
    while let Some((topic, content)) = receive(&subscriber)? {
        println!("[{topic}] {content}");
    }
    Ok(())
}

/// The next envelope, opened; `None` for something else.
pub(crate) fn receive(
    subscriber: &Socket<Sub>,
) -> Result<Option<(String, String)>, Box<dyn Error>> {
    let message = subscriber.recv_blocking()?;
    let [topic, content] = message.frames() else {
        return Ok(None);
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Some((text(topic), text(content))))
}
