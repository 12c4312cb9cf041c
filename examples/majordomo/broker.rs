//! The broker: which workers there are, for which services, and the requests that wait for one.

use std::collections::VecDeque;
use std::mem::take;
use std::time::{Duration, Instant};

use zmq_channels::error::{RecvTimeoutError, SendError};
use zmq_channels::{Frame, Message, Router, Socket};

use super::{CLIENT, DISCONNECT, HEARTBEAT, LIVENESS, READY, REPLY, REQUEST, WORKER};

/// Requests that wait for a worker. Further ones are dropped: their clients ask again.
const MAX_WAITING: usize = 10_000;

struct Worker {
    id: Frame,
    service: Frame,
    is_idle: bool,
    /// Until when it may be silent.
    deadline: Instant,
}

pub(crate) struct Broker {
    socket: Socket<Router>,
    interval: Duration,
    /// Those that have been idle longest first.
    workers: Vec<Worker>,
    /// Services, and what their workers are to get: the client's envelope, an empty frame, the body.
    waiting: VecDeque<(Frame, Vec<Frame>)>,
}

impl Broker {
    pub(crate) fn new(socket: Socket<Router>, interval: Duration) -> Broker {
        Broker {
            socket,
            interval,
            workers: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Serves clients and workers until the socket is closed.
    pub(crate) fn run(mut self) -> Result<(), SendError> {
        let mut next_heartbeat = Instant::now() + self.interval;
        loop {
            let patience = next_heartbeat.saturating_duration_since(Instant::now());
            match self.socket.recv_timeout_blocking(patience) {
                Ok(message) => self.handle(&message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Closed(_)) => return Ok(()),
            }
            self.dispatch()?;
            let now = Instant::now();
            if now >= next_heartbeat {
                self.workers.retain(|worker| worker.deadline > now);
                for worker in &self.workers {
                    self.tell(&worker.id, HEARTBEAT, &[])?;
                }
                next_heartbeat = now + self.interval;
            }
        }
    }

    /// What a client or a worker has sent: an envelope, an empty frame, a header. All else is invalid.
    fn handle(&mut self, message: &Message) -> Result<(), SendError> {
        let Some((envelope, content)) = split(message.frames()) else {
            return Ok(());
        };
        match content {
            [header, service, body @ ..] if *header == CLIENT => {
                self.request(envelope, service, body)
            }
            [header, command, rest @ ..] if *header == WORKER => {
                self.command(&envelope[0], command, rest)
            }
            _ => Ok(()),
        }
    }

    fn request(
        &mut self,
        client: &[Frame],
        service: &Frame,
        body: &[Frame],
    ) -> Result<(), SendError> {
        if service.starts_with(b"mmi.") {
            let known = |name: &Frame| self.workers.iter().any(|worker| worker.service == *name);
            let code = match body {
                [name] if *service == "mmi.service" => {
                    if known(name) {
                        "200"
                    } else {
                        "404"
                    }
                }
                _ => "501",
            };
            return self.reply(client, service, &[code.into()]);
        }
        if self.waiting.len() < MAX_WAITING {
            let request = [client, &[Frame::empty()], body].concat();
            self.waiting.push_back((service.clone(), request));
        }
        Ok(())
    }

    fn command(&mut self, id: &Frame, command: &Frame, rest: &[Frame]) -> Result<(), SendError> {
        let deadline = Instant::now() + self.interval * LIVENESS;
        let place = self.workers.iter().position(|worker| worker.id == *id);
        match (place, &command[..], rest) {
            (None, READY, [service]) => self.workers.push(Worker {
                id: id.clone(),
                service: service.clone(),
                is_idle: true,
                deadline,
            }),
            (Some(place), HEARTBEAT, []) => self.workers[place].deadline = deadline,
            (Some(place), REPLY, [_, ..]) => {
                let mut worker = self.workers.remove(place);
                if let Some((client, body)) = split(rest) {
                    self.reply(client, &worker.service, body)?;
                }
                (worker.is_idle, worker.deadline) = (true, deadline);
                self.workers.push(worker);
            }
            // It says goodbye, or something unexpected: from one the broker has given up, for example.
            (_, command, _) => {
                self.workers.retain(|worker| worker.id != *id);
                if command != DISCONNECT {
                    self.tell(id, DISCONNECT, &[])?;
                }
            }
        }
        Ok(())
    }

    /// Gives waiting requests to idle workers.
    fn dispatch(&mut self) -> Result<(), SendError> {
        for (service, request) in take(&mut self.waiting) {
            let mut workers = self.workers.iter_mut();
            match workers.find(|worker| worker.is_idle && worker.service == service) {
                Some(worker) => {
                    worker.is_idle = false;
                    let id = worker.id.clone();
                    self.tell(&id, REQUEST, &request)?;
                }
                None => self.waiting.push_back((service, request)),
            }
        }
        Ok(())
    }

    fn tell(&self, worker: &Frame, command: &[u8], rest: &[Frame]) -> Result<(), SendError> {
        let head = [
            worker.clone(),
            Frame::empty(),
            WORKER.into(),
            command.into(),
        ];
        self.socket.send_blocking([&head[..], rest].concat())
    }

    fn reply(&self, client: &[Frame], service: &Frame, body: &[Frame]) -> Result<(), SendError> {
        let head = [Frame::empty(), CLIENT.into(), service.clone()];
        self.socket
            .send_blocking([client, &head[..], body].concat())
    }
}

/// What is before and after the first empty frame.
fn split(frames: &[Frame]) -> Option<(&[Frame], &[Frame])> {
    let place = frames.iter().position(|frame| frame.is_empty())?;
    Some((&frames[..place], &frames[place + 1..]))
}
