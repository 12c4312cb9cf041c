//! `zeromq` (zmq.rs) on tokio. It has no inproc and no high-water marks: a sender's queue always
//! holds 100 000 messages, so large ones are not measured (6 GB of 64 KiB messages would wait).

use std::future::Future;

use bytes::Bytes;
use zeromq::prelude::*;
use zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, SubSocket,
    ZmqMessage,
};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::Load;
use crate::harness::{Kind, Library, Place, Port, Row, Transport};

/// 100 000 of them are 800 MB.
const LARGEST_PUSHED: usize = 8 << 10;

/// The contender.
#[derive(Clone, Copy)]
pub(crate) struct Zeromq {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
}

impl Library for Zeromq {
    type Port = Awaiting;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "0.7.0".to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        match terms.row {
            _ if terms.transport == Transport::Inproc => Some("it has no inproc"),
            Row::ReqRep if terms.count > 1 => Some("REQ has one request at a time"),
            Row::Clones if terms.count > 1 => Some("its sockets are one task's"),
            row if !row.makes_trips() && terms.size > LARGEST_PUSHED => {
                Some("its queue of 100 000 messages would not fit in memory")
            }
            _ => None,
        }
    }

    async fn open(self, kind: Kind, _: &Place) -> Awaiting {
        let socket = match kind {
            Kind::Push => Any::Push(PushSocket::new()),
            Kind::Pull => Any::Pull(PullSocket::new()),
            Kind::Req => Any::Req(ReqSocket::new()),
            Kind::Rep => Any::Rep(RepSocket::new()),
            Kind::Dealer => Any::Dealer(DealerSocket::new()),
            Kind::Router => Any::Router(RouterSocket::new()),
            Kind::Pub => Any::Pub(PubSocket::new()),
            Kind::Sub => Any::Sub(SubSocket::new()),
        };
        Awaiting {
            socket,
            message: None,
        }
    }

    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        self.flavour.run(place, life);
    }
}

enum Any {
    Push(PushSocket),
    Pull(PullSocket),
    Req(ReqSocket),
    Rep(RepSocket),
    Dealer(DealerSocket),
    Router(RouterSocket),
    Pub(PubSocket),
    Sub(SubSocket),
}

/// Its sockets are types of their own, with the same calls.
macro_rules! each {
    ($any:expr, $socket:ident => $call:expr, $($kind:ident)*) => {
        match $any {
            $(Any::$kind($socket) => $call,)*
            #[allow(unreachable_patterns)] // all of them have this call
            _ => panic!("not a call of this socket type"),
        }
    };
}

pub(crate) struct Awaiting {
    socket: Any,
    message: Option<ZmqMessage>,
}

impl Awaiting {
    #[inline]
    async fn dispatch(&mut self, message: ZmqMessage) -> bool {
        each!(&mut self.socket, socket => socket.send(message).await.is_ok(),
            Push Req Rep Dealer Router Pub)
    }
}

impl Port for Awaiting {
    async fn bind(&mut self, endpoint: &str) {
        each!(&mut self.socket, socket => { socket.bind(endpoint).await.expect("bind"); },
            Push Pull Req Rep Dealer Router Pub Sub);
    }

    async fn connect(&mut self, endpoint: &str) {
        each!(&mut self.socket, socket => socket.connect(endpoint).await.expect("connect"),
            Push Pull Req Rep Dealer Router Pub Sub);
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        let prefix = std::str::from_utf8(prefix).expect("text");
        each!(&mut self.socket, socket => socket.subscribe(prefix).await.expect("subscribe"), Sub);
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.dispatch(ZmqMessage::from(bytes.to_vec())).await
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        let parts = (0..parts).map(|_| Bytes::from(load.next().to_vec()));
        let parts: Vec<Bytes> = parts.collect();
        self.dispatch(ZmqMessage::try_from(parts).expect("parts"))
            .await
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        let received = each!(&mut self.socket, socket => socket.recv().await,
            Pull Req Rep Dealer Router Sub);
        self.message = received.ok();
        self.message.is_some()
    }

    async fn send_back(&mut self) -> bool {
        match self.message.take() {
            Some(message) => self.dispatch(message).await,
            None => false,
        }
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.as_ref().map_or(0, ZmqMessage::len)
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        let part = self.message.as_ref().and_then(|message| message.get(index));
        part.map_or(&[], |part| part.as_ref())
    }
}
