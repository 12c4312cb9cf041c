//! This library: a thread sends, a thread receives, one message per call, everything at its
//! defaults but the high-water marks.

use std::sync::OnceLock;

use zmq_channels::{Context, Options, Pull, Push, Rep, Req};

use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place};

/// The contender.
pub(crate) struct Ours;

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn version(&self) -> String {
        // The same in every package of this repository that measures it.
        "0.1.0".to_owned()
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, mut load: Load) {
        let push = context()
            .socket_with::<Push>(options(place))
            .expect("a socket");
        push.connect(&place.endpoint).expect("connect");
        while push.send_blocking(load.next()).is_ok() {}
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let pull = context()
            .socket_with::<Pull>(options(place))
            .expect("a socket");
        pull.bind(&place.endpoint).expect("bind");
        place.bound();
        while let Ok(message) = pull.recv_blocking() {
            if !gauge.take(&message[0]) {
                return;
            }
        }
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let req = context()
            .socket_with::<Req>(options(place))
            .expect("a socket");
        req.connect(&place.endpoint).expect("connect");
        while req.send_blocking(trips.request()).is_ok() {
            match req.recv_blocking() {
                Ok(reply) if trips.reply(&reply[0]) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn rep(&self, place: &Place, _: Echo) {
        let rep = context()
            .socket_with::<Rep>(options(place))
            .expect("a socket");
        rep.bind(&place.endpoint).expect("bind");
        place.bound();
        while let Ok(request) = rep.recv_blocking() {
            if rep.send_blocking(request).is_err() {
                return;
            }
        }
    }
}

/// One for the process: inproc peers must share it.
fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(Context::new)
}

fn options(place: &Place) -> Options {
    Options::new().high_water_marks(place.high_water_mark)
}
