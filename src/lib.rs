#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
// (The package `runtimes` compiles the README's programs: it has what they need.)
#![cfg_attr(docsrs, feature(doc_cfg))]
//!
//! # Where to find what
//!
//! Start with [`Context`] and [`Socket`]; [`Options`] has the settings. The modules, by use:
//!
//! * [`guide`]: a page on each subject, and on moving from other libraries
//! * [`kind`]: a page with a program for each socket type; [`message`]: messages and frames
//! * [`socket`], [`options`], [`error`]: what the calls of sockets take and return
//! * [`request`]: many requests at once; [`select`]: waiting for many sources in a thread
//! * [`register`]: other channels as ports; [`codec`]: ports of your own types; [`futures`]: the types
//!   of futures and iterators
//! * [`proxy`]: forwarding between two sockets
//! * [`monitor`], [`statistics`]: what happens to connections and messages
//! * [`security`]: PLAIN, CURVE and ZAP
//!
//! # Features
//!
//! * `curve`, on by default: the security mechanism [CURVE](guide::security).
//! * `tracing`: [logging](guide::logging) with the crate of that name.
//! * `cli`: the command-line tool [`zc`](guide::tool); not for libraries.

// By use: in this order docs.rs lists the modules, and rustdoc the methods of `Context` and `Socket`.
mod context;

pub mod guide;

pub mod socket;

pub mod kind;
pub mod message;

pub mod error;
pub mod options;

mod waiting;

mod readiness;
pub mod request;
pub mod select;

pub mod codec;
pub mod register;

pub mod proxy;

pub mod monitor;
pub mod statistics;

pub mod security;

pub mod futures;

// The others.
#[cfg(feature = "curve")]
mod curve;
#[cfg(feature = "curve")]
mod keygen;
#[cfg(feature = "tracing")]
mod logging;

mod authenticator;
mod clock;
mod driver;
mod endpoint;
mod event;
#[cfg(zmq_channels_fuzz)]
#[doc(hidden)]
pub mod fuzz;
mod pattern;
mod port;
mod pump;
mod routing_id;
mod socket_type;
mod sync;
mod wire;

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
