//! The guide: one page on each subject.
//!
//! The pages assume that you know ZeroMQ's patterns; the
//! [ZeroMQ Guide](https://zguide.zeromq.org/) explains them.
//!
//! To write a program:
//!
//! * [`sockets`]: the twenty types, their ports, their calls; messages
//! * [`flow_control`]: high-water marks and overflow policies, and which messages are lost when
//! * [`lifecycle`]: connecting, closing, and how a program ends
//! * [`transports`]: tcp, ipc, inproc; endpoints and the options of connections
//! * [`requests`]: many requests in flight, replies in any order
//! * [`routing`]: sending to one of many peers by name
//! * [`select`]: waiting for many sources, event loops, typed ports
//! * [`registering`]: the channels of another library as a socket's `in` and `out`
//! * [`proxies`]: forwarding between two sockets
//! * [`pitfalls`]: mistakes that are easily made, and what to do instead
//!
//! To run it:
//!
//! * [`monitoring`]: events, statistics, and waiting for peers
//! * [`logging`]: from a monitor to a log in six lines, or the feature `tracing`
//! * [`security`]: PLAIN, CURVE and ZAP, and keys on disk
//! * [`tool`]: the command-line tool `zc`
//!
//! To make it fast, small or cheap:
//!
//! * [`contexts`]: pumps and the settings of a context
//! * [`threads`]: what runs on which thread, runtimes, low latency or low cost
//! * [`zero_copy`]: large payloads without copies
//! * [`memory`]: what things take, what bounds it, and leak checks
//! * [`performance`]: measured beside other libraries
//!
//! To decide:
//!
//! * [`compared`]: a table of features beside other libraries
//! * [`interop`]: with which other implementations it was tried, and what they do wrong
//! * [`differences`]: where behaviour and defaults are not libzmq's
//! * [`limits`]: what is not implemented, and where behaviour depends on peers, versions or platforms
//!
//! To move a program, function by function: [`from_zmq`], [`from_zeromq`], [`from_omq_rzmq`],
//! [`from_pyzmq`], [`from_channels`].

// Links to items that only the feature `curve` has are defined here: without it they lead to its page.

#[doc = include_str!("guide/sockets.md")]
pub mod sockets {}

#[doc = include_str!("guide/flow_control.md")]
pub mod flow_control {}

#[doc = include_str!("guide/lifecycle.md")]
pub mod lifecycle {}

#[doc = include_str!("guide/transports.md")]
pub mod transports {}

#[doc = include_str!("guide/requests.md")]
pub mod requests {}

#[doc = include_str!("guide/routing.md")]
pub mod routing {}

#[doc = include_str!("guide/select.md")]
pub mod select {}

#[doc = include_str!("guide/registering.md")]
pub mod registering {}

#[doc = include_str!("guide/proxies.md")]
pub mod proxies {}

#[doc = include_str!("guide/pitfalls.md")]
pub mod pitfalls {}

#[doc = include_str!("guide/monitoring.md")]
pub mod monitoring {}

#[doc = include_str!("guide/logging.md")]
pub mod logging {}

#[doc = include_str!("guide/security.md")]
#[cfg_attr(
    feature = "curve",
    doc = "\n\n[keypair]: crate::CurveKeypair\n[secret_key]: crate::security::CurveSecretKey"
)]
#[cfg_attr(
    not(feature = "curve"),
    doc = "\n\n[keypair]: crate::guide::security#curve\n[secret_key]: crate::guide::security#curve"
)]
pub mod security {}

#[doc = include_str!("guide/tool.md")]
pub mod tool {}

#[doc = include_str!("guide/contexts.md")]
pub mod contexts {}

#[doc = include_str!("guide/threads.md")]
pub mod threads {}

#[doc = include_str!("guide/zero_copy.md")]
pub mod zero_copy {}

#[doc = include_str!("guide/memory.md")]
pub mod memory {}

#[doc = include_str!("guide/performance.md")]
pub mod performance {}

#[doc = include_str!("guide/compared.md")]
pub mod compared {}

#[doc = include_str!("guide/interop.md")]
pub mod interop {}

#[doc = include_str!("guide/differences.md")]
pub mod differences {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/from_zmq.md")]
#[cfg_attr(
    feature = "curve",
    doc = "\n\n[curve_server]: crate::Security::curve_server\n[generate]: crate::CurveKeypair::generate"
)]
#[cfg_attr(
    not(feature = "curve"),
    doc = "\n\n[curve_server]: crate::guide::security#curve\n[generate]: crate::guide::security#curve"
)]
pub mod from_zmq {}

#[doc = include_str!("guide/from_zeromq.md")]
pub mod from_zeromq {}

#[doc = include_str!("guide/from_omq_rzmq.md")]
pub mod from_omq_rzmq {}

#[doc = include_str!("guide/from_pyzmq.md")]
#[cfg_attr(
    feature = "curve",
    doc = "\n\n[generate]: crate::CurveKeypair::generate"
)]
#[cfg_attr(
    not(feature = "curve"),
    doc = "\n\n[generate]: crate::guide::security#curve"
)]
pub mod from_pyzmq {}

#[doc = include_str!("guide/from_channels.md")]
pub mod from_channels {}
