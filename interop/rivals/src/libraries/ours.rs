//! Sockets of the library, each in its own context.

use std::thread;
use std::time::{Duration, Instant};

use zmq_channels::error::{RecvTimeoutError, SendTimeoutError};
use zmq_channels::monitor::EventKind;
use zmq_channels::security::Credentials;
use zmq_channels::{
    Any, Authenticator, Context, CurveKeypair, Message, Monitor, Options, Receiver, Security,
    Sender, Socket, SocketType,
};

use super::{Mechanism, Role, CLIENT_SECRET, PASSWORD, SERVER_SECRET, USERNAME};
use crate::bench::{Outcome, PATIENCE};
use crate::end::Side;
use crate::frames::Frames;

pub struct Ours {
    socket: Socket<Any>,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    monitor: Monitor,
    context: Context,
}

impl Ours {
    pub fn open(kind: SocketType, role: Role) -> Outcome<Ours> {
        let context = Context::new();
        let security = match role {
            Role::Open => Security::Null,
            Role::Server(Mechanism::Plain) => Security::PlainServer,
            Role::Server(Mechanism::Curve) => Security::curve_server(SERVER_SECRET.parse()?),
            Role::Client(Mechanism::Plain) | Role::WrongClient(Mechanism::Plain) => {
                Security::plain_client(USERNAME, role.password())
            }
            Role::Client(Mechanism::Curve) | Role::WrongClient(Mechanism::Curve) => {
                Security::curve_client(CLIENT_SECRET.parse()?, role.server_key().parse()?)
            }
        };
        if matches!(role, Role::Server(_)) {
            judge(&context)?;
        }
        let socket = context.socket_of(kind, Options::new().security(security))?;
        let monitor = socket.monitor()?;
        let (sender, receiver) = (socket.sender(), socket.receiver());
        Ok(Ours {
            socket,
            sender,
            receiver,
            monitor,
            context,
        })
    }

    fn wait_event(&self, what: &str, wanted: fn(&EventKind) -> bool) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.monitor.recv_timeout_blocking(left) {
                Ok(event) if wanted(&event.kind) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err(format!("no event: {what}").into()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Accepts the user and the key that the tests know; ends with the context.
fn judge(context: &Context) -> Outcome {
    let authenticator: Authenticator = context.authenticator()?;
    let client: CurveKeypair = CLIENT_SECRET.parse()?;
    thread::spawn(move || {
        for request in authenticator.iter() {
            let good = match &request.credentials {
                Credentials::Plain { username, password } => {
                    *username == USERNAME && *password == PASSWORD
                }
                Credentials::Curve(key) => key == client.public(),
                _ => false,
            };
            match good {
                true => request.accept(USERNAME),
                false => request.deny("not known here"),
            }
        }
    });
    Ok(())
}

impl Side for Ours {
    fn bind(&self, endpoint: &str) -> Outcome {
        self.socket.bind(endpoint)?;
        Ok(())
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        self.socket.connect(endpoint)?;
        Ok(())
    }

    fn subscribe(&self, topic: &str) -> Outcome {
        match self.socket.socket_type() {
            SocketType::Dish => Ok(self.socket.join(topic)?),
            _ => Ok(self.socket.subscribe(topic)?),
        }
    }

    fn unsubscribe(&self, topic: &str) -> Outcome {
        match self.socket.socket_type() {
            SocketType::Dish => Ok(self.socket.leave(topic)?),
            _ => Ok(self.socket.unsubscribe(topic)?),
        }
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let sender = self.sender.as_ref().ok_or("our socket does not send")?;
        let message: Message = frames.iter().map(Vec::as_slice).collect();
        match sender.send_timeout_blocking(message, within) {
            Ok(()) => Ok(true),
            Err(SendTimeoutError::Timeout(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let receiver = self
            .receiver
            .as_ref()
            .ok_or("our socket does not receive")?;
        match receiver.recv_timeout_blocking(within) {
            Ok(message) => Ok(Some(message.iter().map(|frame| frame.to_vec()).collect())),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn wait_alone(&self) -> Outcome {
        let start = Instant::now();
        while !self.socket.statistics()?.peers.is_empty() {
            if start.elapsed() > PATIENCE {
                return Err("the peer that went away is still connected".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn wait_retried(&self) -> Outcome {
        self.wait_event("connecting failed", |kind| {
            matches!(kind, EventKind::ConnectRetried { .. })
        })
    }

    fn wait_refused(&self) -> Outcome {
        self.wait_event("a handshake failed", |kind| {
            matches!(kind, EventKind::HandshakeFailed { .. })
        })
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.context.shutdown();
    }
}
