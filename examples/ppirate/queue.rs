//! The queue: it knows which workers are alive and which are ready, and takes a request only when one is.

use std::time::{Duration, Instant};

use zmq_channels::error::SelectError;
use zmq_channels::select::Selected;
use zmq_channels::{Message, Router, RoutingId, Select, Socket};

use super::{Failure, HEARTBEAT, LIVENESS, READY};

struct Worker {
    id: RoutingId,
    is_ready: bool,
    /// Until when it may be silent.
    deadline: Instant,
}

/// Forwards requests and replies until the sockets are closed.
pub(crate) fn queue(
    clients: &Socket<Router>,
    workers: &Socket<Router>,
    interval: Duration,
) -> Result<(), Failure> {
    // Those that have been ready longest first.
    let mut known = Vec::<Worker>::new();
    let mut select = Select::new();
    let from_workers = select.receiver(workers.receiver());
    let mut from_clients = None;
    let mut next_heartbeat = Instant::now() + interval;
    loop {
        // Requests wait in the socket, as far as its high-water mark allows, until a worker is ready.
        let is_ready = known.iter().any(|worker| worker.is_ready);
        match from_clients {
            None if is_ready => from_clients = Some(select.receiver(clients.receiver())),
            Some(token) if !is_ready => {
                select.remove(token);
                from_clients = None;
            }
            _ => {}
        }
        let patience = next_heartbeat.saturating_duration_since(Instant::now());
        match select.wait_timeout(patience) {
            Ok(Selected::Received(token, mut message)) if token == from_workers => {
                let Some(id) = message.take_sender() else {
                    continue;
                };
                hear(
                    &mut known,
                    id,
                    &message,
                    Instant::now() + interval * LIVENESS,
                );
                if message != READY.into() && message != HEARTBEAT.into() {
                    clients.send_blocking(message)?;
                }
            }
            Ok(Selected::Received(_, request)) => {
                if let Some(worker) = known.iter_mut().find(|worker| worker.is_ready) {
                    worker.is_ready = false;
                    workers.send_to_blocking(&worker.id, request)?;
                }
            }
            Ok(Selected::Ended(..)) | Err(SelectError::NoSource) => return Ok(()),
            Ok(_) | Err(_) => {}
        }
        let now = Instant::now();
        if now >= next_heartbeat {
            known.retain(|worker| worker.deadline > now);
            for worker in &known {
                workers.send_to_blocking(&worker.id, HEARTBEAT)?;
            }
            next_heartbeat = now + interval;
        }
    }
}

/// Notes that a worker is alive. It is ready when it has connected or replied, and also if the queue does not
/// know it: it may have forgotten it, or have been started later.
fn hear(known: &mut Vec<Worker>, id: RoutingId, message: &Message, deadline: Instant) {
    let place = known.iter().position(|worker| worker.id == id);
    match place {
        Some(place) if *message == HEARTBEAT.into() => known[place].deadline = deadline,
        _ => {
            known.retain(|worker| worker.id != id);
            known.push(Worker {
                id,
                is_ready: true,
                deadline,
            });
        }
    }
}
