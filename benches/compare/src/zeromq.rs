//! `zeromq` (zmq.rs) on tokio. It has no inproc and no high-water marks: a sender's queue always
//! holds 100 000 messages, so large ones are not measured (6 GB of 64 KiB messages would wait).

use zeromq::prelude::*;
use zeromq::{PullSocket, PushSocket, RepSocket, ReqSocket, ZmqMessage};

use super::runtime::Flavour;
use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place, Row, Transport};

/// 100 000 of them are 800 MB.
const LARGEST_PUSHED: usize = 8 << 10;

/// The contender.
pub(crate) struct Zeromq {
    pub(crate) name: &'static str,
    pub(crate) flavour: Flavour,
}

impl Contender for Zeromq {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "0.7.0".to_owned()
    }

    fn can(&self, terms: &Terms) -> bool {
        let bounded = terms.row == Row::ReqRep || terms.size <= LARGEST_PUSHED;
        terms.transport != Transport::Inproc && bounded
    }

    fn push(&self, place: &Place, mut load: Load) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let mut push = PushSocket::new();
            push.connect(&place.endpoint).await.expect("connect");
            while push.send(message(load.next())).await.is_ok() {}
        });
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let mut pull = PullSocket::new();
            pull.bind(&place.endpoint).await.expect("bind");
            place.bound();
            while let Ok(message) = pull.recv().await {
                if !gauge.take(payload(&message)) {
                    return;
                }
            }
        });
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let mut req = ReqSocket::new();
            req.connect(&place.endpoint).await.expect("connect");
            while req.send(message(trips.request())).await.is_ok() {
                match req.recv().await {
                    Ok(reply) if trips.reply(payload(&reply)) => {}
                    Ok(_) | Err(_) => return,
                }
            }
        });
    }

    fn rep(&self, place: &Place, _: Echo) {
        let place = place.clone();
        self.flavour.run(&place.clone(), async move {
            let mut rep = RepSocket::new();
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

fn message(octets: &[u8]) -> ZmqMessage {
    ZmqMessage::from(octets.to_vec())
}

fn payload(message: &ZmqMessage) -> &[u8] {
    message.get(0).map_or(&[], |frame| frame.as_ref())
}
