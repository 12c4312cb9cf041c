//! The guide: one page on each subject.
//!
//! The pages assume that you know ZeroMQ's patterns; the
//! [ZeroMQ Guide](https://zguide.zeromq.org/) explains them.

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

#[doc = include_str!("guide/differences.md")]
pub mod differences {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/performance.md")]
pub mod performance {}
