//! `rzmq` on tokio, its options at their defaults but the high-water marks.

use std::sync::OnceLock;

use rzmq::socket::{RCVHWM, SNDHWM};
use rzmq::{Context, Msg, Socket, SocketType};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place, Transport};

/// The contender.
pub(crate) struct Rzmq {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
    pub(crate) tuned: bool,
}

impl Rzmq {
    fn run(&self, place: &Place, life: impl std::future::Future<Output = ()> + Send + 'static) {
        let flavour = match place.transport {
            Transport::Tcp | Transport::Ipc => self.flavour,
            // Two threads, one runtime.
            Transport::Inproc => Flavour::Multi,
        };
        flavour.run(life);
    }
}

impl Contender for Rzmq {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "0.5.28".to_owned()
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, mut load: Load) {
        let (place, tuned) = (place.clone(), self.tuned);
        self.run(&place.clone(), async move {
            let push = socket(SocketType::Push, &place, tuned).await;
            push.connect(&place.endpoint).await.expect("connect");
            while push.send(message(load.next())).await.is_ok() {}
        });
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let (place, tuned) = (place.clone(), self.tuned);
        self.run(&place.clone(), async move {
            let pull = socket(SocketType::Pull, &place, tuned).await;
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
        let (place, tuned) = (place.clone(), self.tuned);
        self.run(&place.clone(), async move {
            let req = socket(SocketType::Req, &place, tuned).await;
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
        let (place, tuned) = (place.clone(), self.tuned);
        self.run(&place.clone(), async move {
            let rep = socket(SocketType::Rep, &place, tuned).await;
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

async fn socket(kind: SocketType, place: &Place, tuned: bool) -> Socket {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let context = CONTEXT.get_or_init(|| Context::new().expect("a context"));
    let socket = context.socket(kind).expect("a socket");
    let mark = i32::try_from(place.high_water_mark).expect("a high-water mark");
    socket.set_option(SNDHWM, mark).await.expect("an option");
    socket.set_option(RCVHWM, mark).await.expect("an option");
    if tuned {
        tune(&socket).await;
    }
    socket
}

/// What its guide recommends for many small messages.
async fn tune(socket: &Socket) {
    use rzmq::socket::{ADAPTIVE_THROTTLE, SNDBATCH_BYTES, SNDBATCH_COUNT, TCP_CORK};
    socket.set_option(TCP_CORK, 1i32).await.expect("an option");
    socket
        .set_option(SNDBATCH_COUNT, 512i32)
        .await
        .expect("an option");
    socket
        .set_option(SNDBATCH_BYTES, 1i32 << 20)
        .await
        .expect("an option");
    socket
        .set_option(ADAPTIVE_THROTTLE, 0i32)
        .await
        .expect("an option");
}
