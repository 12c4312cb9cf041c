//! Receiving: messages go to standard output as they come.

use std::time::Duration;

use zmq_channels::error::RecvTimeoutError;
use zmq_channels::{Message, Receiver};

use crate::exit::{Failure, Outcome};
use crate::formats::Shape;
use crate::output::Output;
use crate::progress::Tally;
use crate::sockets::timed_out;

/// Prints what comes, until `count` messages have.
pub(crate) fn receive_all(
    receiver: &Receiver,
    shape: Shape,
    count: Option<u64>,
    timeout: Option<Duration>,
    tally: &Tally,
) -> Outcome {
    let mut output = Output::new(shape);
    let mut left = count;
    while left != Some(0) {
        let message = receive(receiver, timeout, "no message has come")?;
        output.write(&message)?;
        tally.received();
        left = left.map(|left| left - 1);
        if receiver.is_empty() {
            output.flush()?;
        }
    }
    output.flush()
}

/// The next message, waiting for as long as `timeout` says; then the failure says what has not come.
pub(crate) fn receive(
    receiver: &Receiver,
    timeout: Option<Duration>,
    what: &str,
) -> Result<Message, Failure> {
    let Some(timeout) = timeout else {
        let received = receiver.recv_blocking();
        return received.map_err(|error| Failure::because(&error));
    };
    let received = receiver.recv_timeout_blocking(timeout);
    received.map_err(|error| match error {
        RecvTimeoutError::Timeout => timed_out(what),
        error => Failure::because(&error),
    })
}
