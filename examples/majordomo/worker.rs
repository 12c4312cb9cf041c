//! A worker of one service. It registers again if the broker says so, or is silent.

use std::time::{Duration, Instant};

use zmq_channels::error::RecvTimeoutError;
use zmq_channels::{Context, Dealer, Frame, Linger, Message, Options, Socket};

use super::{Failure, DISCONNECT, HEARTBEAT, LIVENESS, READY, REPLY, REQUEST, WORKER};

/// Answers requests until the context is shut down.
pub(crate) fn work(
    context: &Context,
    broker: &str,
    service: &str,
    interval: Duration,
    answer: impl Fn(Message) -> Message,
) -> Result<(), Failure> {
    loop {
        // A new socket each time: to the broker it is another worker.
        let options = Options::new().linger(Linger::For(Duration::ZERO));
        let worker = context.socket_with::<Dealer>(options)?;
        worker.connect(broker)?;
        tell(&worker, READY, [service.into()])?;
        if !is_disconnected(&worker, interval, &answer)? {
            return Ok(());
        }
        println!("{service}: registering again");
    }
}

/// Answers requests; returns whether that ended because the broker wished so, or was silent for too long.
fn is_disconnected(
    worker: &Socket<Dealer>,
    interval: Duration,
    answer: &impl Fn(Message) -> Message,
) -> Result<bool, Failure> {
    let mut heard = Instant::now();
    let mut next_heartbeat = heard + interval;
    loop {
        let patience = next_heartbeat.saturating_duration_since(Instant::now());
        match worker.recv_timeout_blocking(patience) {
            Ok(message) => {
                heard = Instant::now();
                match message.frames() {
                    [_, header, command, rest @ ..] if *header == WORKER => match &command[..] {
                        DISCONNECT => return Ok(true),
                        REQUEST => reply(worker, rest, answer)?,
                        _ => {}
                    },
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > interval * LIVENESS => {
                return Ok(true);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Closed(_)) => return Ok(false),
        }
        if Instant::now() >= next_heartbeat {
            tell(worker, HEARTBEAT, [])?;
            next_heartbeat = Instant::now() + interval;
        }
    }
}

/// The client's envelope goes back as it came, up to its empty frame.
fn reply(
    worker: &Socket<Dealer>,
    request: &[Frame],
    answer: &impl Fn(Message) -> Message,
) -> Result<(), Failure> {
    let end = request.iter().position(|frame| frame.is_empty());
    let (envelope, body) = request.split_at(end.map_or(0, |end| end + 1));
    let answer = answer(body.into());
    tell(worker, REPLY, envelope.iter().chain(&answer).cloned())
}

fn tell(
    worker: &Socket<Dealer>,
    command: &[u8],
    rest: impl IntoIterator<Item = Frame>,
) -> Result<(), Failure> {
    let mut message = Message::from((Frame::empty(), WORKER, command));
    message.extend(rest);
    Ok(worker.send_blocking(message)?)
}
