//! The cases, by subject.

mod addressing;
mod control;
mod drafts;
mod exchange;
mod handshake;
mod heartbeat;
mod old_peers;
mod proxies;
mod publishing;
mod reconnect;
mod refusal;
mod requests;
mod security;
mod several;
mod streams;
mod subscriptions;
mod volume;

use std::time::Duration;

use crate::bench::{Bench, Outcome};

/// The libzmq that speaks ZMTP 3.1.
pub const NEW: &str = "4.3.5";

/// The last libzmq that speaks ZMTP 3.0: it sends subscriptions as messages. (It understands
/// commands as well.)
pub const OLD: &str = "4.3.2";

/// A libzmq that knows ZMTP 3.0 only, and neither heartbeats nor the monitor's event for a
/// finished handshake.
pub const OLDEST: &str = "4.1.6";

/// A libzmq that speaks ZMTP 2.0.
pub const ZMTP_2: &str = "3.2.2";

/// A libzmq that speaks ZMTP 1.0, where subscribers filter and publishers do not. It knows no
/// events, and neither `unbind` nor `disconnect`.
pub const ZMTP_1: &str = "2.2.0";

/// A libzmq that was built with its draft types.
pub const DRAFT: &str = "4.3.4";

/// Most cases take a fraction of a second.
const LIMIT: Duration = Duration::from_secs(30);

pub struct Case {
    pub name: String,
    /// A case that takes longer has failed.
    pub limit: Duration,
    pub body: Body,
}

pub type Body = Box<dyn FnOnce(&Bench) -> Outcome + Send>;

pub fn all() -> Vec<Case> {
    [
        control::cases(),
        exchange::cases(),
        subscriptions::cases(),
        reconnect::cases(),
        heartbeat::cases(),
        volume::cases(),
        refusal::cases(),
        several::cases(),
        addressing::cases(),
        publishing::cases(),
        streams::cases(),
        requests::cases(),
        proxies::cases(),
        handshake::cases(),
        drafts::cases(),
        old_peers::cases(),
        security::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case(name: impl Into<String>, body: impl FnOnce(&Bench) -> Outcome + Send + 'static) -> Case {
    Case {
        name: name.into(),
        limit: LIMIT,
        body: Box::new(body),
    }
}
