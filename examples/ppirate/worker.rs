//! A worker: it sends a heartbeat in each interval, and connects again when it hears none.

use std::time::{Duration, Instant};

use zmq_channels::error::RecvTimeoutError;
use zmq_channels::{Context, Dealer, Linger, Options, Socket};

use super::{Failure, HEARTBEAT, LIVENESS, READY};

/// Answers requests until the context is shut down, or `answer` returns none: the worker then ends without a
/// word to the queue, as one that crashed.
pub(crate) fn work(
    context: &Context,
    queue: &str,
    interval: Duration,
    mut answer: impl FnMut(&str) -> Option<String>,
) -> Result<(), Failure> {
    loop {
        let options = Options::new().linger(Linger::For(Duration::ZERO));
        let worker = context.socket_with::<Dealer>(options)?;
        worker.connect(queue)?;
        worker.send_blocking(READY)?;
        if !falls_silent(&worker, interval, &mut answer)? {
            return Ok(());
        }
        println!("the queue is silent: connecting again");
    }
}

/// Answers requests; returns whether that ended because the queue was silent for too long.
fn falls_silent(
    worker: &Socket<Dealer>,
    interval: Duration,
    answer: &mut impl FnMut(&str) -> Option<String>,
) -> Result<bool, Failure> {
    let mut heard = Instant::now();
    let mut next_heartbeat = heard + interval;
    loop {
        let patience = next_heartbeat.saturating_duration_since(Instant::now());
        match worker.recv_timeout_blocking(patience) {
            Ok(mut message) => {
                heard = Instant::now();
                if message != HEARTBEAT.into() {
                    // The frames before the last are the way back to the client.
                    let request = message.pop_back().unwrap_or_default();
                    let Some(reply) = answer(request.as_str().unwrap_or_default()) else {
                        return Ok(false);
                    };
                    message.push(reply);
                    worker.send_blocking(message)?;
                }
            }
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > interval * LIVENESS => {
                return Ok(true);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Closed(_)) => return Ok(false),
        }
        if Instant::now() >= next_heartbeat {
            worker.send_blocking(HEARTBEAT)?;
            next_heartbeat = Instant::now() + interval;
        }
    }
}
