//! `rzmq` on tokio, its options at their defaults but the high-water marks.

use std::sync::OnceLock;

use rzmq::socket::{
    ADAPTIVE_THROTTLE, IO_URING_SESSION_ENABLED, RCVHWM, SNDBATCH_BYTES, SNDBATCH_COUNT, SNDHWM,
    TCP_CORK,
};
use rzmq::uring::{initialize_uring_backend, UringConfig};
use rzmq::{Context, Msg, Socket, SocketType};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place, Transport};

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
pub(crate) struct Rzmq {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
    pub(crate) manner: Manner,
}

impl Contender for Rzmq {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "0.5.28".to_owned()
    }

    fn can(&self, terms: &Terms) -> bool {
        self.manner != Manner::Uring || terms.transport == Transport::Tcp
    }

    fn push(&self, place: &Place, mut load: Load) {
        let (place, manner) = (place.clone(), self.manner);
        self.flavour.run(&place.clone(), async move {
            let push = socket(SocketType::Push, &place, manner).await;
            push.connect(&place.endpoint).await.expect("connect");
            while push.send(message(load.next())).await.is_ok() {}
        });
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let (place, manner) = (place.clone(), self.manner);
        self.flavour.run(&place.clone(), async move {
            let pull = socket(SocketType::Pull, &place, manner).await;
            pull.bind(&place.endpoint).await.expect("bind");
            place.bound();
            while let Ok(message) = pull.recv().await {
                if !gauge.take(message.data().unwrap_or_default()) {
                    return;
                }
            }
        });
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let (place, manner) = (place.clone(), self.manner);
        self.flavour.run(&place.clone(), async move {
            let req = socket(SocketType::Req, &place, manner).await;
            req.connect(&place.endpoint).await.expect("connect");
            while req.send(message(trips.request())).await.is_ok() {
                match req.recv().await {
                    Ok(reply) if trips.reply(reply.data().unwrap_or_default()) => {}
                    Ok(_) | Err(_) => return,
                }
            }
        });
    }

    fn rep(&self, place: &Place, _: Echo) {
        let (place, manner) = (place.clone(), self.manner);
        self.flavour.run(&place.clone(), async move {
            let rep = socket(SocketType::Rep, &place, manner).await;
            rep.bind(&place.endpoint).await.expect("bind");
            place.bound();
            while let Ok(request) = rep.recv().await {
                if rep.send(request).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn message(octets: &[u8]) -> Msg {
    Msg::from_vec(octets.to_vec())
}

async fn socket(kind: SocketType, place: &Place, manner: Manner) -> Socket {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| {
        if manner == Manner::Uring {
            initialize_uring_backend(UringConfig::default()).expect("io_uring");
        }
        Context::new().expect("a context")
    });
    let socket = context.socket(kind).expect("a socket");
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
    for (option, value) in [(SNDHWM, mark), (RCVHWM, mark)].iter().chain(options) {
        socket.set_option(*option, *value).await.expect("an option");
    }
    socket
}
