//! `rzmq` on tokio, its options at their defaults but the high-water marks.

use std::future::Future;
use std::sync::OnceLock;

use rzmq::socket::{
    ADAPTIVE_THROTTLE, IO_URING_SESSION_ENABLED, RCVHWM, SNDBATCH_BYTES, SNDBATCH_COUNT, SNDHWM,
    SUBSCRIBE, TCP_CORK, XPUB_NODROP,
};
use rzmq::uring::{initialize_uring_backend, UringConfig};
use rzmq::{Context, Msg, MsgFlags, Socket, SocketType};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::Load;
use crate::harness::{Kind, Library, Place, Port, Row, Transport};

/// How it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Everything at its defaults.
    Plain,
    /// What its guide suggests for many small messages: cork, larger batches, no throttle.
    Tuned,
    /// Its io_uring backend at its defaults; tcp only.
    Uring,
}

/// The contender.
#[derive(Clone, Copy)]
pub(crate) struct Rzmq {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
    pub(crate) manner: Manner,
}

impl Library for Rzmq {
    type Port = Awaiting;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "0.5.28".to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        match terms.row {
            _ if self.manner == Manner::Uring && terms.transport != Transport::Tcp => {
                Some("its io_uring backend is for tcp")
            }
            Row::ReqRep if terms.count > 1 => Some("REQ has one request at a time"),
            _ => None,
        }
    }

    async fn open(self, kind: Kind, place: &Place) -> Awaiting {
        let socket_type = match kind {
            Kind::Push => SocketType::Push,
            Kind::Pull => SocketType::Pull,
            Kind::Req => SocketType::Req,
            Kind::Rep => SocketType::Rep,
            Kind::Dealer => SocketType::Dealer,
            Kind::Router => SocketType::Router,
            Kind::Pub => SocketType::Pub,
            Kind::Sub => SocketType::Sub,
        };
        Awaiting {
            socket: socket(socket_type, place, self.manner).await,
            many: kind == Kind::Router || place.row == Row::Multipart,
            message: Vec::new(),
        }
    }

    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        self.flavour.run(place, life);
    }
}

pub(crate) struct Awaiting {
    socket: Socket,
    /// Whether its messages have several parts.
    many: bool,
    message: Vec<Msg>,
}

impl Awaiting {
    async fn send_many(&mut self, mut parts: Vec<Msg>) -> bool {
        let last = parts.len() - 1;
        for (at, part) in parts.iter_mut().enumerate() {
            let more = MsgFlags::MORE;
            part.set_flags(if at < last { more } else { MsgFlags::empty() });
        }
        self.socket.send_multipart(parts).await.is_ok()
    }
}

impl Port for Awaiting {
    async fn bind(&mut self, endpoint: &str) {
        self.socket.bind(endpoint).await.expect("bind");
    }

    async fn connect(&mut self, endpoint: &str) {
        self.socket.connect(endpoint).await.expect("connect");
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        let subscribed = self.socket.set_option_raw(SUBSCRIBE, prefix).await;
        subscribed.expect("subscribe");
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.send(message(bytes)).await.is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        let parts = (0..parts).map(|_| message(load.next())).collect();
        self.send_many(parts).await
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        if self.many {
            self.message = self.socket.recv_multipart().await.unwrap_or_default();
            return !self.message.is_empty();
        }
        match self.socket.recv().await {
            Ok(message) => {
                self.message.clear();
                self.message.push(message);
                true
            }
            Err(_) => false,
        }
    }

    async fn send_back(&mut self) -> bool {
        let mut message = std::mem::take(&mut self.message);
        if self.many {
            return self.send_many(message).await;
        }
        match message.pop() {
            Some(part) => self.socket.send(part).await.is_ok(),
            None => false,
        }
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.len()
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        self.message[index].data().unwrap_or_default()
    }

    fn share(&self) -> Awaiting {
        Awaiting {
            socket: self.socket.clone(),
            many: self.many,
            message: Vec::new(),
        }
    }
}

fn message(bytes: &[u8]) -> Msg {
    Msg::from_vec(bytes.to_vec())
}

async fn socket(socket_type: SocketType, place: &Place, manner: Manner) -> Socket {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| {
        if manner == Manner::Uring {
            initialize_uring_backend(UringConfig::default()).expect("io_uring");
        }
        Context::new().expect("a context")
    });
    let socket = context.socket(socket_type).expect("a socket");
    let mark = i32::try_from(place.high_water_mark).expect("a high-water mark");
    let options: &[(i32, i32)] = match manner {
        Manner::Plain => &[],
        Manner::Tuned => &[
            (TCP_CORK, 1),
            (SNDBATCH_COUNT, 512),
            (SNDBATCH_BYTES, 1 << 20),
            (ADAPTIVE_THROTTLE, 0),
        ],
        Manner::Uring => &[(IO_URING_SESSION_ENABLED, 1)],
    };
    if socket_type == SocketType::Pub {
        let no_drop = socket.set_option(XPUB_NODROP, 1_i32).await;
        no_drop.expect("an option");
    }
    for (option, value) in [(SNDHWM, mark), (RCVHWM, mark)].iter().chain(options) {
        socket.set_option(*option, *value).await.expect("an option");
    }
    socket
}
