//! Zero copy: a large payload is in memory once, however many peers of the process receive it, and memory of
//! another owner can be the payload: the owner gets it back when the last peer has dropped it.
//!
//!     cargo run --example zero_copy
//!
//! Over inproc peers share the payload. Over tcp and ipc the kernel is given the payload itself, and the
//! receiver's frames share the memory that was read into. Frames of up to 64 bytes are always copied.

use std::error::Error;
use std::sync::mpsc;

use bytes::Bytes;
use zmq_channels::{Context, Message, Pub, Pull, Push, Sub};

const MEGABYTE: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let context = Context::new();
    let payload = Bytes::from(vec![7; MEGABYTE]);
    let received = publish(&context, &payload, 3)?;
    for message in &received {
        let share = message[1].as_ptr() == payload.as_ptr();
        println!(
            "a subscriber has {} bytes, shared: {share}",
            message[1].len()
        );
    }

    let (pool, buffers) = mpsc::channel();
    let filled = Buffer {
        bytes: vec![9; MEGABYTE],
        pool,
    };
    let memory = filled.bytes.as_ptr();
    send(&context, "tcp://127.0.0.1:*", filled)?;
    let returned = buffers.recv()?;
    println!("the same buffer came back: {}", returned.as_ptr() == memory);
    Ok(())
}

/// Publishes the first half of `payload` under a topic; returns what each subscriber receives.
pub(crate) fn publish(
    context: &Context,
    payload: &Bytes,
    subscribers: usize,
) -> Result<Vec<Message>, Box<dyn Error>> {
    let publisher = context.socket::<Pub>()?;
    let endpoint = publisher.bind("inproc://pictures")?;
    let subscribers = (0..subscribers).map(|_| -> Result<_, Box<dyn Error>> {
        let subscriber = context.socket::<Sub>()?;
        subscriber.subscribe("picture")?;
        subscriber.connect(&endpoint)?;
        Ok(subscriber)
    });
    let subscribers = subscribers.collect::<Result<Vec<_>, _>>()?;
    publisher.wait_subscribed_blocking(subscribers.len())?;
    // A part of a payload shares its memory too.
    publisher.send_blocking(("picture", payload.slice(..payload.len() / 2)))?;
    let received = subscribers
        .iter()
        .map(|subscriber| Ok(subscriber.recv_blocking()?));
    received.collect()
}

/// A buffer that returns to a pool: a camera's, a mapped file's, another library's.
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) pool: mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // There may be no pool any more.
        let _ = self.pool.send(std::mem::take(&mut self.bytes));
    }
}

/// Sends a buffer as it is, and returns the received message.
pub(crate) fn send(
    context: &Context,
    endpoint: &str,
    buffer: Buffer,
) -> Result<Message, Box<dyn Error>> {
    let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    push.connect(pull.bind(endpoint)?)?;
    push.send_blocking(Bytes::from_owner(buffer))?;
    Ok(pull.recv_blocking()?)
}
