//! The guide: one page on each subject.
//!
//! The pages assume that you know ZeroMQ's patterns; the
//! [ZeroMQ Guide](https://zguide.zeromq.org/) explains them. [`compared`] has a table of features beside
//! other libraries, [`interop`] says with which implementations it was tried; the pages whose names begin
//! with `from_` translate programs that use them, function by function.

#[doc = include_str!("guide/sockets.md")]
pub mod sockets {}

#[doc = include_str!("guide/flow_control.md")]
pub mod flow_control {}

#[doc = include_str!("guide/lifecycle.md")]
pub mod lifecycle {}

#[doc = include_str!("guide/contexts.md")]
pub mod contexts {}

#[doc = include_str!("guide/transports.md")]
pub mod transports {}

#[doc = include_str!("guide/requests.md")]
pub mod requests {}

#[doc = include_str!("guide/routing.md")]
pub mod routing {}

#[doc = include_str!("guide/select.md")]
pub mod select {}

#[doc = include_str!("guide/proxies.md")]
pub mod proxies {}

#[doc = include_str!("guide/monitoring.md")]
pub mod monitoring {}

#[doc = include_str!("guide/security.md")]
pub mod security {}

#[doc = include_str!("guide/tool.md")]
pub mod tool {}

#[doc = include_str!("guide/differences.md")]
pub mod differences {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/performance.md")]
pub mod performance {}

#[doc = include_str!("guide/compared.md")]
pub mod compared {}

#[doc = include_str!("guide/interop.md")]
pub mod interop {}

#[doc = include_str!("guide/from_zmq.md")]
pub mod from_zmq {}

#[doc = include_str!("guide/from_zeromq.md")]
pub mod from_zeromq {}

#[doc = include_str!("guide/from_omq_rzmq.md")]
pub mod from_omq_rzmq {}

#[doc = include_str!("guide/from_pyzmq.md")]
pub mod from_pyzmq {}

#[doc = include_str!("guide/from_channels.md")]
pub mod from_channels {}
