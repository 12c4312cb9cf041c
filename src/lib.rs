#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
// (The package `runtimes` compiles the README's programs: it has what they need.)
#![cfg_attr(docsrs, feature(doc_cfg))]
//!
//! # Where to find what
//!
//! Start with [`Context`] and [`Socket`]; [`Options`] has the settings. The [`guide`] explains
//! [sockets and their ports](guide::sockets), [which messages are lost when](guide::flow_control),
//! [how sockets and programs end](guide::lifecycle), [transports](guide::transports),
//! [requests](guide::requests), [waiting for many sources](guide::select),
//! [security](guide::security), [monitoring](guide::monitoring), and the
//! [differences from libzmq](guide::differences). For users of other libraries there are pages
//! [from zmq](guide::from_zmq), [from zeromq](guide::from_zeromq), [from omq and rzmq](guide::from_omq_rzmq),
//! [from pyzmq](guide::from_pyzmq) and [from channel libraries](guide::from_channels), and a
//! [table of features](guide::compared).
//!
//! # Features
//!
//! * `curve`, on by default: the security mechanism CURVE.
//! * `tracing`: [logging](guide::monitoring) with the crate of that name.

mod authenticator;
mod clock;
mod context;
#[cfg(feature = "curve")]
mod curve;
mod driver;
mod endpoint;
mod event;
pub mod guide;
#[cfg(feature = "curve")]
mod keygen;
#[cfg(feature = "tracing")]
mod logging;
mod pattern;
mod port;
mod pump;
mod readiness;
mod routing_id;
mod socket_type;
mod sync;
mod waiting;
mod wire;

pub mod codec;
pub mod error;
pub mod futures;
pub mod kind;
pub mod message;
pub mod monitor;
pub mod options;
pub mod proxy;
pub mod register;
pub mod request;
pub mod security;
pub mod select;
pub mod socket;
pub mod statistics;

// The names that nearly every program uses; the others are in the modules. At most 45 names: see
// `tests/tidy.rs`.
#[doc(inline)]
pub use authenticator::Authenticator;
#[doc(inline)]
pub use context::Context;
#[cfg(feature = "curve")]
#[doc(inline)]
pub use curve::CurveKeypair;
#[doc(inline)]
pub use endpoint::Endpoint;
#[doc(inline)]
pub use kind::{
    Any, Channel, Client, Dealer, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req,
    Router, Scatter, Server, Stream, Sub, XPub, XSub,
};
#[doc(inline)]
pub use message::{Frame, Message};
#[doc(inline)]
pub use monitor::Monitor;
#[doc(inline)]
pub use options::{ContextOptions, Linger, Options, Overflow};
#[doc(inline)]
pub use port::{Receiver, Request, Sender};
#[doc(inline)]
pub use proxy::Proxy;
#[doc(inline)]
pub use routing_id::RoutingId;
#[doc(inline)]
pub use security::Security;
#[doc(inline)]
pub use select::Select;
#[doc(inline)]
pub use socket::Socket;
#[doc(inline)]
pub use socket_type::SocketType;
