//! Socket types (zmq_socket(3)) by their numbers.

use std::ffi::c_int;

use zmq_channels::SocketType;

use crate::errno::{Outcome, EINVAL};

pub(crate) const ROUTER: c_int = 6;

/// In the order of their numbers; 18 is DGRAM, which the library does not have.
const TYPES: [(c_int, SocketType); 20] = [
    (0, SocketType::Pair),
    (1, SocketType::Pub),
    (2, SocketType::Sub),
    (3, SocketType::Req),
    (4, SocketType::Rep),
    (5, SocketType::Dealer),
    (ROUTER, SocketType::Router),
    (7, SocketType::Pull),
    (8, SocketType::Push),
    (9, SocketType::XPub),
    (10, SocketType::XSub),
    (11, SocketType::Stream),
    (12, SocketType::Server),
    (13, SocketType::Client),
    (14, SocketType::Radio),
    (15, SocketType::Dish),
    (16, SocketType::Gather),
    (17, SocketType::Scatter),
    (19, SocketType::Peer),
    (20, SocketType::Channel),
];

pub(crate) fn of_number(number: c_int) -> Outcome<SocketType> {
    let found = TYPES.iter().find(|(known, _)| *known == number);
    found.map(|(_, kind)| *kind).ok_or(EINVAL)
}

pub(crate) fn number(kind: SocketType) -> c_int {
    let found = TYPES.iter().find(|(_, known)| *known == kind);
    found.map_or(-1, |(number, _)| *number)
}

/// Whether several threads may use a socket of this type at the same time (`ZMQ_THREAD_SAFE`), which
/// has messages of one frame then.
pub(crate) fn is_thread_safe(kind: SocketType) -> bool {
    number(kind) >= 12
}

/// Whether the first frame of a message names a peer of such a socket by a number.
pub(crate) fn numbers_peers(kind: SocketType) -> bool {
    matches!(kind, SocketType::Server | SocketType::Peer)
}

/// Whether a full queue of a peer never makes a send wait: only the I/O thread may, for a moment.
pub(crate) fn never_waits_for_peers(kind: SocketType) -> bool {
    use SocketType::{Pub, Radio, Rep, Router, XPub, XSub};
    matches!(kind, Pub | XPub | Radio | Rep | Router | XSub)
}

/// Whether each message goes to one of the peers, in turn.
pub(crate) fn distributes(kind: SocketType) -> bool {
    use SocketType::{Client, Dealer, Push, Req, Scatter};
    matches!(kind, Push | Dealer | Req | Client | Scatter)
}

/// Whether libzmq ignores a second connect to the same endpoint.
pub(crate) fn connects_once(kind: SocketType) -> bool {
    use SocketType::{Dealer, Pub, Req, Sub};
    matches!(kind, Dealer | Sub | Pub | Req)
}

/// Whether libzmq's sockets of this type drop what is not sent when they close.
pub(crate) fn lingers_not(kind: SocketType) -> bool {
    use SocketType::{Dish, Sub, XSub};
    matches!(kind, Sub | XSub | Dish)
}
