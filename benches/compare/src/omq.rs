//! `omq-tokio`, in each of the ways its documentation offers: on the caller's runtime, or with an
//! I/O thread of its own behind blocking calls.

use std::future::Future;
use std::sync::OnceLock;

use omq_tokio::{blocking, Context, Message, Options, Socket, SocketType};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::Load;
use crate::harness::{run_ready, Kind, Library, Place, Port, Row};

const VERSION: &str = "0.33.0";

fn options(place: &Place) -> Options {
    let mark = u32::try_from(place.high_water_mark).expect("a high-water mark");
    let mut options = Options::default().send_hwm(mark).recv_hwm(mark);
    options.xpub_nodrop = place.row.may_lose();
    options
}

fn socket_type(kind: Kind) -> SocketType {
    match kind {
        Kind::Push => SocketType::Push,
        Kind::Pull => SocketType::Pull,
        Kind::Req => SocketType::Req,
        Kind::Rep => SocketType::Rep,
        Kind::Dealer => SocketType::Dealer,
        Kind::Router => SocketType::Router,
        Kind::Pub => SocketType::Pub,
        Kind::Sub => SocketType::Sub,
    }
}

fn cannot(terms: &Terms) -> Option<&'static str> {
    match terms.row {
        Row::ReqRep if terms.count > 1 => Some("REQ has one request at a time"),
        _ => None,
    }
}

/// Small payloads go inline in a message, as in the crate's own benchmarks.
#[inline]
fn message(bytes: &[u8]) -> Message {
    if bytes.len() <= omq_tokio::message::MAX_INLINE_MESSAGE {
        Message::from_slice(bytes)
    } else {
        Message::from(bytes.to_vec())
    }
}

fn multipart(load: &mut Load, parts: usize) -> Message {
    Message::multipart((0..parts).map(|_| load.next().to_vec()))
}

/// The socket's driver and the loop share the caller's runtime.
#[derive(Clone, Copy)]
pub(crate) struct OmqAsync {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
}

impl Library for OmqAsync {
    type Port = Awaiting;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        cannot(terms)
    }

    async fn open(self, kind: Kind, place: &Place) -> Awaiting {
        Awaiting {
            socket: Socket::new(socket_type(kind), options(place)),
            message: Message::new(),
        }
    }

    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        self.flavour.run(place, life);
    }
}

pub(crate) struct Awaiting {
    socket: Socket,
    message: Message,
}

impl Port for Awaiting {
    async fn bind(&mut self, endpoint: &str) {
        self.socket.bind(endpoint).await.expect("bind");
    }

    async fn connect(&mut self, endpoint: &str) {
        self.socket.connect(endpoint).await.expect("connect");
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        let prefix = prefix.to_vec();
        self.socket.subscribe(prefix).await.expect("subscribe");
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.send(message(bytes)).await.is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        self.socket.send(multipart(load, parts)).await.is_ok()
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        match self.socket.recv().await {
            Ok(message) => {
                self.message = message;
                true
            }
            Err(_) => false,
        }
    }

    async fn send_back(&mut self) -> bool {
        let message = std::mem::take(&mut self.message);
        self.socket.send(message).await.is_ok()
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.len()
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        self.message.part_slice(index).unwrap_or_default()
    }

    fn share(&self) -> Awaiting {
        Awaiting {
            socket: self.socket.clone(),
            message: Message::new(),
        }
    }
}

/// A context with one I/O thread; the loops make blocking calls.
#[derive(Clone, Copy)]
pub(crate) struct OmqBlocking;

impl Library for OmqBlocking {
    type Port = Blocking;

    fn name(&self) -> &'static str {
        "omq-blocking"
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        cannot(terms)
    }

    async fn open(self, kind: Kind, place: &Place) -> Blocking {
        static CONTEXT: OnceLock<Context> = OnceLock::new();
        let context = CONTEXT.get_or_init(Context::new);
        Blocking {
            socket: context.blocking_socket(socket_type(kind), options(place)),
            message: Message::new(),
        }
    }

    fn run(&self, _: &Place, life: impl Future<Output = ()> + Send + 'static) {
        run_ready(life);
    }
}

pub(crate) struct Blocking {
    socket: blocking::Socket,
    message: Message,
}

impl Port for Blocking {
    async fn bind(&mut self, endpoint: &str) {
        self.socket.bind(endpoint).expect("bind");
    }

    async fn connect(&mut self, endpoint: &str) {
        self.socket.connect(endpoint).expect("connect");
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        self.socket.subscribe(prefix.to_vec()).expect("subscribe");
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.send(message(bytes)).is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        self.socket.send(multipart(load, parts)).is_ok()
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        match self.socket.recv() {
            Ok(message) => {
                self.message = message;
                true
            }
            Err(_) => false,
        }
    }

    async fn send_back(&mut self) -> bool {
        self.socket.send(std::mem::take(&mut self.message)).is_ok()
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.len()
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        self.message.part_slice(index).unwrap_or_default()
    }

    fn share(&self) -> Blocking {
        Blocking {
            socket: self.socket.clone_shared(),
            message: Message::new(),
        }
    }
}
