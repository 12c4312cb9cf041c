//! Sockets of the crate `zeromq`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::zeromq::prelude::*;
use ::zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, SubSocket,
    XPubSocket, XSubSocket, ZmqError, ZmqMessage,
};
use bytes::Bytes;
use tokio::sync::Mutex;
use zmq_channels::SocketType;

use super::runtime::Home;
use crate::bench::{Outcome, PATIENCE};
use crate::end::Side;
use crate::frames::Frames;

enum Any {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
    XPub(XPubSocket),
    XSub(XSubSocket),
}

/// Its sockets have no common type, but the same calls.
macro_rules! each {
    ($any:expr, $socket:ident => $call:expr, $($kind:ident)*) => {
        match $any {
            $(Any::$kind($socket) => $call,)*
            #[allow(unreachable_patterns)] // some calls are there for every type
            _ => return Err("no call of this socket type".into()),
        }
    };
}

pub struct Zeromq {
    /// Connecting waits for the peer, with the socket borrowed: later calls wait for it.
    socket: Arc<Mutex<Any>>,
    home: Home,
}

impl Zeromq {
    pub fn open(kind: SocketType) -> Outcome<Zeromq> {
        let home = Home::new()?;
        let socket = home.must(PATIENCE, async {
            Ok(match kind {
                SocketType::Push => Any::Push(PushSocket::new()),
                SocketType::Pull => Any::Pull(PullSocket::new()),
                SocketType::Req => Any::Req(ReqSocket::new()),
                SocketType::Rep => Any::Rep(RepSocket::new()),
                SocketType::Dealer => Any::Dealer(DealerSocket::new()),
                SocketType::Router => Any::Router(RouterSocket::new()),
                SocketType::Pub => Any::Pub(PubSocket::new()),
                SocketType::Sub => Any::Sub(SubSocket::new()),
                SocketType::XPub => Any::XPub(XPubSocket::new()),
                SocketType::XSub => Any::XSub(XSubSocket::new()),
                other => return Err(format!("zeromq has no {}", other.name()).into()),
            })
        })?;
        Ok(Zeromq {
            socket: Arc::new(Mutex::new(socket)),
            home,
        })
    }

    async fn send(&self, message: ZmqMessage) -> Outcome<Result<(), ZmqError>> {
        let mut any = self.socket.lock().await;
        Ok(
            each!(&mut *any, socket => socket.send(message).await, Push Req Rep Dealer Router Pub XPub XSub),
        )
    }

    async fn recv(&self) -> Outcome<Result<ZmqMessage, ZmqError>> {
        let mut any = self.socket.lock().await;
        Ok(
            each!(&mut *any, socket => socket.recv().await, Pull Req Rep Dealer Router Sub XPub XSub),
        )
    }
}

impl Side for Zeromq {
    fn bind(&self, endpoint: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            let mut any = self.socket.lock().await;
            each!(&mut *any, socket => { socket.bind(endpoint).await?; },
                Push Pull Req Rep Dealer Router Pub Sub XPub XSub);
            Ok(())
        })
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        let endpoint = endpoint.to_string();
        let socket = Arc::clone(&self.socket);
        let (taken, start) = tokio::sync::oneshot::channel();
        self.home.spawn(async move {
            let mut any = socket.lock().await;
            // The caller may go on: its next call waits for this one.
            let _ = taken.send(());
            let connect = async {
                each!(&mut *any, socket => socket.connect(&endpoint).await?,
                    Push Pull Req Rep Dealer Router Pub Sub XPub XSub);
                Outcome::Ok(())
            };
            // What a failure means is seen by the next call.
            let _ = connect.await;
        })?;
        self.home.must(PATIENCE, async { Ok(start.await?) })
    }

    fn subscribe(&self, topic: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            let mut any = self.socket.lock().await;
            each!(&mut *any, socket => socket.subscribe(topic).await?, Sub XSub);
            Ok(())
        })
    }

    fn unsubscribe(&self, topic: &str) -> Outcome {
        self.home.must(PATIENCE, async {
            let mut any = self.socket.lock().await;
            each!(&mut *any, socket => socket.unsubscribe(topic).await?, Sub XSub);
            Ok(())
        })
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let frames: Vec<Bytes> = frames.iter().cloned().map(Bytes::from).collect();
        let message = ZmqMessage::try_from(frames).map_err(|_| "a message without frames")?;
        let sent = self.home.run(within, async {
            loop {
                match self.send(message.clone()).await? {
                    Ok(()) => return Ok(()),
                    // It does not wait for peers.
                    Err(ZmqError::ReturnToSender { reason, .. })
                        if !reason.contains("already in progress") =>
                    {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        })?;
        Ok(sent.is_some())
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.home.run(left, self.recv())? {
                None => return Ok(None),
                // Receiving fails once for each peer that has gone.
                Some(Err(ZmqError::Network(_) | ZmqError::Codec(_) | ZmqError::NoMessage)) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                Some(message) => message?,
            };
            let frames = message.into_vec();
            return Ok(Some(frames.iter().map(|frame| frame.to_vec()).collect()));
        }
    }
}
