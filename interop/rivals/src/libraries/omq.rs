//! Sockets of the crate `omq-tokio`.

use std::time::Duration;

use omq_tokio::{CurveKeypair, CurvePublicKey, CurveSecretKey, Message, Options, Socket};
use zmq_channels::SocketType;

use super::runtime::Home;
use super::{
    Mechanism, Role, CLIENT_PUBLIC, CLIENT_SECRET, PASSWORD, SERVER_PUBLIC, SERVER_SECRET, USERNAME,
};
use crate::bench::{Outcome, PATIENCE};
use crate::end::Side;
use crate::frames::Frames;

pub struct Omq {
    socket: Socket,
    kind: SocketType,
    home: Home,
}

impl Omq {
    pub fn open(kind: SocketType, role: Role) -> Outcome<Omq> {
        let home = Home::new()?;
        let its_kind = type_of(kind)?;
        let options = options(role)?;
        let socket = home.must(PATIENCE, async { Ok(Socket::try_new(its_kind, options)?) })?;
        Ok(Omq { socket, kind, home })
    }
}

fn type_of(kind: SocketType) -> Outcome<omq_tokio::SocketType> {
    use omq_tokio::SocketType as Theirs;
    Ok(match kind {
        SocketType::Pair => Theirs::Pair,
        SocketType::Push => Theirs::Push,
        SocketType::Pull => Theirs::Pull,
        SocketType::Req => Theirs::Req,
        SocketType::Rep => Theirs::Rep,
        SocketType::Dealer => Theirs::Dealer,
        SocketType::Router => Theirs::Router,
        SocketType::Pub => Theirs::Pub,
        SocketType::Sub => Theirs::Sub,
        SocketType::XPub => Theirs::XPub,
        SocketType::XSub => Theirs::XSub,
        SocketType::Server => Theirs::Server,
        SocketType::Client => Theirs::Client,
        SocketType::Scatter => Theirs::Scatter,
        SocketType::Gather => Theirs::Gather,
        SocketType::Channel => Theirs::Channel,
        SocketType::Radio => Theirs::Radio,
        SocketType::Dish => Theirs::Dish,
        other => return Err(format!("omq-tokio has no {}", other.name()).into()),
    })
}

fn options(role: Role) -> Outcome<Options> {
    let options = Options::default();
    Ok(match role {
        Role::Open => options,
        Role::Server(Mechanism::Plain) => options.plain_server_credentials([(USERNAME, PASSWORD)]),
        Role::Server(Mechanism::Curve) => {
            options.curve_server(keypair(SERVER_PUBLIC, SERVER_SECRET)?)
        }
        Role::Client(Mechanism::Plain) | Role::WrongClient(Mechanism::Plain) => {
            options.plain_client(USERNAME, role.password())
        }
        Role::Client(Mechanism::Curve) | Role::WrongClient(Mechanism::Curve) => options
            .curve_client(
                keypair(CLIENT_PUBLIC, CLIENT_SECRET)?,
                CurvePublicKey::from_z85(role.server_key())?,
            ),
    })
}

fn keypair(public: &str, secret: &str) -> Outcome<CurveKeypair> {
    Ok(CurveKeypair {
        public: CurvePublicKey::from_z85(public)?,
        secret: CurveSecretKey::from_z85(secret)?,
    })
}

impl Side for Omq {
    fn bind(&self, endpoint: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            self.socket.bind(endpoint).await?;
            Ok(())
        })
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        self.home
            .must(PATIENCE, async { Ok(self.socket.connect(endpoint).await?) })
    }

    fn subscribe(&self, topic: &str) -> Outcome {
        let topic = topic.as_bytes().to_vec();
        self.home.must(PATIENCE, async {
            match self.kind {
                SocketType::Dish => Ok(self.socket.join(topic).await?),
                _ => Ok(self.socket.subscribe(topic).await?),
            }
        })
    }

    fn unsubscribe(&self, topic: &str) -> Outcome {
        let topic = topic.as_bytes().to_vec();
        self.home.must(PATIENCE, async {
            match self.kind {
                SocketType::Dish => Ok(self.socket.leave(topic).await?),
                _ => Ok(self.socket.unsubscribe(topic).await?),
            }
        })
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let message = match (self.kind, frames.as_slice()) {
            // A SERVER's routing id is not a frame of its message.
            (SocketType::Server, [id, body]) => {
                let id = u32::from_be_bytes(id.as_slice().try_into()?);
                Message::single(body.clone()).with_routing_id(id)
            }
            _ => Message::multipart(frames.iter().cloned()),
        };
        let sent = self
            .home
            .run(within, async { Ok(self.socket.send(message).await?) })?;
        Ok(sent.is_some())
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let received = self
            .home
            .run(within, async { Ok(self.socket.recv().await?) })?;
        let Some(message) = received else {
            return Ok(None);
        };
        let id = match self.kind {
            SocketType::Server => Some(message.routing_id().ok_or("a SERVER without routing id")?),
            _ => None,
        };
        let mut frames: Frames = id.map(|id| id.to_be_bytes().to_vec()).into_iter().collect();
        for part in 0..message.len() {
            frames.push(
                message
                    .part_slice(part)
                    .ok_or("a part is missing")?
                    .to_vec(),
            );
        }
        Ok(Some(frames))
    }
}
