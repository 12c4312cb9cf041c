//! libzmq, the reference, through the `zmq` crate over the system's library: one I/O thread,
//! blocking calls, the received message reused.

use std::sync::OnceLock;

use zmq::{Context, Message, Socket, SocketType};

use crate::harness::cell::Terms;
use crate::harness::meter::{Echo, Gauge, Load, Trips};
use crate::harness::{Contender, Place};

/// The contender.
pub(crate) struct Libzmq;

impl Contender for Libzmq {
    fn name(&self) -> &'static str {
        "libzmq"
    }

    fn version(&self) -> String {
        let (major, minor, patch) = zmq::version();
        format!("{major}.{minor}.{patch}")
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, mut load: Load) {
        let push = socket(zmq::PUSH, place);
        push.connect(&place.endpoint).expect("connect");
        while push.send(load.next(), 0).is_ok() {}
    }

    fn pull(&self, place: &Place, mut gauge: Gauge) {
        let pull = socket(zmq::PULL, place);
        pull.bind(&place.endpoint).expect("bind");
        place.bound();
        let mut message = Message::new();
        while pull.recv(&mut message, 0).is_ok() && gauge.take(&message) {}
    }

    fn req(&self, place: &Place, mut trips: Trips) {
        let req = socket(zmq::REQ, place);
        req.connect(&place.endpoint).expect("connect");
        let mut reply = Message::new();
        while req.send(trips.request(), 0).is_ok()
            && req.recv(&mut reply, 0).is_ok()
            && trips.reply(&reply)
        {}
    }

    fn rep(&self, place: &Place, _: Echo) {
        let rep = socket(zmq::REP, place);
        rep.bind(&place.endpoint).expect("bind");
        place.bound();
        while let Ok(request) = rep.recv_msg(0) {
            if rep.send(request, 0).is_err() {
                return;
            }
        }
    }
}

fn socket(kind: SocketType, place: &Place) -> Socket {
    // One for the process: inproc peers must share it.
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    let socket = CONTEXT
        .get_or_init(Context::new)
        .socket(kind)
        .expect("a socket");
    let mark = i32::try_from(place.high_water_mark).expect("a high-water mark");
    socket.set_sndhwm(mark).expect("an option");
    socket.set_rcvhwm(mark).expect("an option");
    socket
}
