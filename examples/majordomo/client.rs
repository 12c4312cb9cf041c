//! A client: asks a service by name, and asks again if there is no answer in time.

use std::time::Duration;

use zmq_channels::error::RequestTimeoutError;
use zmq_channels::{Message, Req, Socket};

use super::{Failure, CLIENT};

/// How often a request is sent before the client gives up.
const TRIES: usize = 3;

/// Returns the frames of the answer. Each try is a new request: a late reply to an earlier one is dropped.
pub(crate) fn ask(
    client: &Socket<Req>,
    service: &str,
    body: impl Into<Message>,
    patience: Duration,
) -> Result<Message, Failure> {
    let mut request = Message::from((CLIENT, service));
    request.extend(body.into());
    for _ in 0..TRIES {
        match client.request_timeout_blocking(request.clone(), patience) {
            Ok(reply) => match reply.frames() {
                [header, from, answer @ ..] if *header == CLIENT && *from == service => {
                    return Ok(answer.into());
                }
                _ => return Err(format!("not an answer of {service}: {reply:?}").into()),
            },
            Err(RequestTimeoutError::Timeout(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(format!("{service} does not answer").into())
}
