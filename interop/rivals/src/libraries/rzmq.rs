//! Sockets of the crate `rzmq`.

use std::time::Duration;

use ::rzmq::socket::options::{
    AUTO_DELIMITER, CURVE_SECRET_KEY, CURVE_SERVER, CURVE_SERVER_KEY, LINGER, PLAIN_PASSWORD,
    PLAIN_SERVER, PLAIN_USERNAME, RCVTIMEO, RECONNECT_IVL, SNDTIMEO, SUBSCRIBE, UNSUBSCRIBE,
};
use ::rzmq::{Context, Msg, MsgFlags, Socket, ZmqError};
use zmq_channels::SocketType;

use super::runtime::Home;
use super::{Mechanism, Role, CLIENT_SECRET, SERVER_SECRET, USERNAME};
use crate::bench::{Outcome, PATIENCE};
use crate::end::Side;
use crate::frames::Frames;

pub struct Rzmq {
    socket: Socket,
    _context: Context,
    home: Home,
}

impl Rzmq {
    /// A socket; `delimits` if a DEALER or ROUTER is to put delimiters in and take them out, which no
    /// other library does.
    pub fn open(kind: SocketType, role: Role, delimits: bool) -> Outcome<Rzmq> {
        let kind = match kind {
            SocketType::Push => ::rzmq::SocketType::Push,
            SocketType::Pull => ::rzmq::SocketType::Pull,
            SocketType::Req => ::rzmq::SocketType::Req,
            SocketType::Rep => ::rzmq::SocketType::Rep,
            SocketType::Dealer => ::rzmq::SocketType::Dealer,
            SocketType::Router => ::rzmq::SocketType::Router,
            SocketType::Pub => ::rzmq::SocketType::Pub,
            SocketType::Sub => ::rzmq::SocketType::Sub,
            other => return Err(format!("rzmq has no {}", other.name()).into()),
        };
        let home = Home::new()?;
        let (context, socket) = home.must(PATIENCE, async {
            let context = Context::new()?;
            let socket = context.socket(kind)?;
            socket.set_option(LINGER, 0_i32).await?;
            // As libzmq's; its default is a second.
            socket.set_option(RECONNECT_IVL, 100_i32).await?;
            let routes = matches!(
                kind,
                ::rzmq::SocketType::Dealer | ::rzmq::SocketType::Router
            );
            if routes && !delimits {
                socket.set_option(AUTO_DELIMITER, false).await?;
            }
            secure(&socket, role).await?;
            Ok((context, socket))
        })?;
        Ok(Rzmq {
            socket,
            _context: context,
            home,
        })
    }
}

async fn secure(socket: &Socket, role: Role) -> Outcome {
    match role {
        Role::Open => {}
        Role::Server(Mechanism::Plain) => {
            socket.set_option(PLAIN_SERVER, true).await?;
            socket.set_option(PLAIN_USERNAME, USERNAME).await?;
            socket.set_option(PLAIN_PASSWORD, role.password()).await?;
        }
        Role::Server(Mechanism::Curve) => {
            socket.set_option(CURVE_SERVER, true).await?;
            socket.set_option(CURVE_SECRET_KEY, SERVER_SECRET).await?;
        }
        Role::Client(Mechanism::Plain) | Role::WrongClient(Mechanism::Plain) => {
            socket.set_option(PLAIN_USERNAME, USERNAME).await?;
            socket.set_option(PLAIN_PASSWORD, role.password()).await?;
        }
        Role::Client(Mechanism::Curve) | Role::WrongClient(Mechanism::Curve) => {
            socket.set_option(CURVE_SECRET_KEY, CLIENT_SECRET).await?;
            socket
                .set_option(CURVE_SERVER_KEY, role.server_key())
                .await?;
        }
    }
    Ok(())
}

impl Side for Rzmq {
    fn bind(&self, endpoint: &str) -> Outcome {
        self.home
            .must(PATIENCE, async { Ok(self.socket.bind(endpoint).await?) })
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        self.home
            .must(PATIENCE, async { Ok(self.socket.connect(endpoint).await?) })
    }

    fn subscribe(&self, topic: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            Ok(self.socket.set_option(SUBSCRIBE, topic).await?)
        })
    }

    fn unsubscribe(&self, topic: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            Ok(self.socket.set_option(UNSUBSCRIBE, topic).await?)
        })
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let last = frames.len() - 1;
        let parts = frames.iter().enumerate().map(|(at, frame)| {
            let mut part = Msg::from_vec(frame.clone());
            if at < last {
                part.set_flags(MsgFlags::MORE);
            }
            part
        });
        let mut parts: Vec<Msg> = parts.collect();
        // By its own time limit: a call that is given up leaves a REQ in an unknown state.
        let limit = i32::try_from(within.as_millis())?;
        self.home.must(within + PATIENCE, async {
            self.socket.set_option(SNDTIMEO, limit).await?;
            // (A REQ knows only the call for one frame.)
            let sent = match parts.len() {
                1 => self.socket.send(parts.remove(0)).await,
                _ => self.socket.send_multipart(parts).await,
            };
            match sent {
                Ok(()) => Ok(true),
                Err(ZmqError::Timeout | ZmqError::ResourceLimitReached) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        // By its own time limit: a call that is given up may have taken a message.
        let limit = i32::try_from(within.as_millis())?;
        let received = self.home.must(within + PATIENCE, async {
            self.socket.set_option(RCVTIMEO, limit).await?;
            match self.socket.recv_multipart().await {
                Ok(parts) => Ok(Some(parts)),
                Err(ZmqError::Timeout | ZmqError::ResourceLimitReached) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        Ok(received.map(|parts| {
            let data = parts.iter().map(|part| part.data().unwrap_or_default());
            data.map(<[u8]>::to_vec).collect()
        }))
    }
}
