//! libzmq, the reference, through the `zmq` crate over the system's library: one I/O thread,
//! blocking calls, the received message reused.

use std::future::Future;
use std::sync::OnceLock;

use zmq::{Context, Message, Socket};

use crate::harness::cell::Terms;
use crate::harness::meter::Load;
use crate::harness::{run_ready, Kind, Library, Place, Port, Row};

/// The contender.
#[derive(Clone, Copy)]
pub(crate) struct Libzmq;

impl Library for Libzmq {
    type Port = Sys;

    fn name(&self) -> &'static str {
        "libzmq"
    }

    fn version(&self) -> String {
        let (major, minor, patch) = zmq::version();
        format!("{major}.{minor}.{patch}")
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        match terms.row {
            Row::Clones if terms.count > 1 => Some("its sockets are one thread's"),
            Row::ReqRep if terms.count > 1 => Some("REQ has one request at a time"),
            _ => None,
        }
    }

    async fn open(self, kind: Kind, place: &Place) -> Sys {
        // One for the process: inproc peers must share it.
        static CONTEXT: OnceLock<Context> = OnceLock::new();
        let kind = match kind {
            Kind::Push => zmq::PUSH,
            Kind::Pull => zmq::PULL,
            Kind::Req => zmq::REQ,
            Kind::Rep => zmq::REP,
            Kind::Dealer => zmq::DEALER,
            Kind::Router => zmq::ROUTER,
            Kind::Pub => zmq::PUB,
            Kind::Sub => zmq::SUB,
        };
        let context = CONTEXT.get_or_init(Context::new);
        let mut socket = context.socket(kind).expect("a socket");
        let mark = i32::try_from(place.high_water_mark).expect("a high-water mark");
        // Only subscriptions go that way, and those above the mark would be lost without a word.
        let is_sub = kind == zmq::SUB;
        socket
            .set_sndhwm(if is_sub { 0 } else { mark })
            .expect("an option");
        socket.set_rcvhwm(mark).expect("an option");
        if kind == zmq::PUB {
            no_drop(&mut socket);
        }
        Sys {
            socket,
            parts: vec![Message::new()],
            filled: 0,
        }
    }

    fn run(&self, _: &Place, life: impl Future<Output = ()> + Send + 'static) {
        run_ready(life);
    }
}

/// `ZMQ_XPUB_NODROP`, which the binding has no call for.
fn no_drop(socket: &mut Socket) {
    let (on, size) = (1_i32, std::mem::size_of::<i32>());
    // SAFETY: the socket is open and this thread's, and the option takes an int of this size.
    let done = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            XPUB_NODROP,
            (&raw const on).cast(),
            size,
        )
    };
    assert_eq!(done, 0, "an option");
}

const XPUB_NODROP: i32 = 69;

/// A socket, and the messages it receives into.
pub(crate) struct Sys {
    socket: Socket,
    parts: Vec<Message>,
    filled: usize,
}

impl Port for Sys {
    async fn bind(&mut self, endpoint: &str) {
        self.socket.bind(endpoint).expect("bind");
    }

    async fn connect(&mut self, endpoint: &str) {
        self.socket.connect(endpoint).expect("connect");
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        self.socket.set_subscribe(prefix).expect("subscribe");
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.send(bytes, 0).is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        (1..=parts).all(|part| {
            let more = if part < parts { zmq::SNDMORE } else { 0 };
            self.socket.send(load.next(), more).is_ok()
        })
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        self.filled = 0;
        loop {
            if self.filled == self.parts.len() {
                self.parts.push(Message::new());
            }
            let part = &mut self.parts[self.filled];
            if self.socket.recv(part, 0).is_err() {
                return false;
            }
            self.filled += 1;
            if !part.get_more() {
                return true;
            }
        }
    }

    async fn send_back(&mut self) -> bool {
        let last = self.filled;
        let parts = self.parts[..last].iter_mut().enumerate();
        parts.into_iter().all(|(at, part)| {
            let more = if at + 1 < last { zmq::SNDMORE } else { 0 };
            let part = std::mem::replace(part, Message::new());
            self.socket.send(part, more).is_ok()
        })
    }

    #[inline]
    fn parts(&self) -> usize {
        self.filled
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        &self.parts[..self.filled][index]
    }
}
