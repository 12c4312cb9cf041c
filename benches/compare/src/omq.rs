//! `omq-tokio`, in each of the ways its documentation offers: on the caller's runtime, or with an
//! I/O thread of its own behind blocking calls.

use std::sync::OnceLock;

use omq_tokio::{blocking, Context, Message, Options, Socket, SocketType};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place};

const VERSION: &str = "0.33";

fn options(place: &Place) -> Options {
    let mark = u32::try_from(place.high_water_mark).expect("a high-water mark");
    Options::default().send_hwm(mark).recv_hwm(mark)
}

/// Small payloads go inline in a message, as in the crate's own benchmarks.
#[inline]
fn message(octets: &[u8]) -> Message {
    if octets.len() <= omq_tokio::message::MAX_INLINE_MESSAGE {
        Message::from_slice(octets)
    } else {
        Message::from(octets.to_vec())
    }
}

/// The socket's driver and the loop share the caller's runtime.
pub(crate) struct OmqAsync {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
}

impl Contender for OmqAsync {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, mut load: Load) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let push = Socket::new(SocketType::Push, options(&place));
            push.connect(place.endpoint.as_str())
                .await
                .expect("connect");
            while push.send(message(load.next())).await.is_ok() {}
        });
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let pull = Socket::new(SocketType::Pull, options(&place));
            pull.bind(place.endpoint.as_str()).await.expect("bind");
            place.bound();
            while let Ok(message) = pull.recv().await {
                if !gauge.take(message.part_slice(0).unwrap_or_default()) {
                    return;
                }
            }
        });
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let req = Socket::new(SocketType::Req, options(&place));
            req.connect(place.endpoint.as_str()).await.expect("connect");
            while req.send(message(trips.request())).await.is_ok() {
                match req.recv().await {
                    Ok(reply) if trips.reply(reply.part_slice(0).unwrap_or_default()) => {}
                    Ok(_) | Err(_) => return,
                }
            }
        });
    }

    fn rep(&self, place: &Place, _: Echo) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let rep = Socket::new(SocketType::Rep, options(&place));
            rep.bind(place.endpoint.as_str()).await.expect("bind");
            place.bound();
            while let Ok(request) = rep.recv().await {
                if rep.send(request).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A context with one I/O thread; the loops make blocking calls.
pub(crate) struct OmqBlocking;

impl Contender for OmqBlocking {
    fn name(&self) -> &'static str {
        "omq-blocking"
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, mut load: Load) {
        let push = blocking_socket(SocketType::Push, place);
        push.connect(place.endpoint.as_str()).expect("connect");
        while push.send(message(load.next())).is_ok() {}
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let pull = blocking_socket(SocketType::Pull, place);
        pull.bind(place.endpoint.as_str()).expect("bind");
        place.bound();
        while let Ok(message) = pull.recv() {
            if !gauge.take(message.part_slice(0).unwrap_or_default()) {
                return;
            }
        }
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let req = blocking_socket(SocketType::Req, place);
        req.connect(place.endpoint.as_str()).expect("connect");
        while req.send(message(trips.request())).is_ok() {
            match req.recv() {
                Ok(reply) if trips.reply(reply.part_slice(0).unwrap_or_default()) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn rep(&self, place: &Place, _: Echo) {
        let rep = blocking_socket(SocketType::Rep, place);
        rep.bind(place.endpoint.as_str()).expect("bind");
        place.bound();
        while let Ok(request) = rep.recv() {
            if rep.send(request).is_err() {
                return;
            }
        }
    }
}

fn blocking_socket(kind: SocketType, place: &Place) -> blocking::Socket {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT
        .get_or_init(Context::new)
        .blocking_socket(kind, options(place))
}
