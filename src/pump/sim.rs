//! A seeded simulation of the environment: every delay, short read, reset and refusal of a run can
//! be replayed. For tests only.
//!
//! [`Network`] is what lies between the nodes, [`SimStream`] one end of a connection, and [`Node`]
//! what a pump sees of it: its `Env`.

mod network;
mod node;
mod stream;

pub(super) use network::Network;
pub(super) use node::Node;
pub(super) use stream::SimStream;

/// Faults, each with its probability in parts per thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A connect attempt is refused.
    pub(super) refused: u64,
    /// A connect attempt takes up to [`SLOWEST_CONNECT`](network::SLOWEST_CONNECT).
    pub(super) slow: u64,
    /// A pending connection cannot be accepted now, or never.
    pub(super) unaccepted: u64,
    /// A read or write moves fewer bytes than it could.
    pub(super) short: u64,
    /// Readiness is reported later.
    pub(super) delayed: u64,
    /// A read or write finds the connection reset, in both directions.
    pub(super) reset: u64,
    /// A new connection will be reset after a number of bytes, wherever in a message that is.
    pub(super) cut: u64,
    /// A read or write finds that one direction has ended.
    pub(super) halved: u64,
    /// A read or write finds that nothing arrives at one side for up to
    /// [`LONGEST_STALL`](network::LONGEST_STALL).
    pub(super) stalled: u64,
    /// A lookup of a name fails.
    pub(super) unresolved: u64,
}

/// A network without faults.
pub(super) const NONE: Faults = Faults {
    refused: 0,
    slow: 0,
    unaccepted: 0,
    short: 0,
    delayed: 0,
    reset: 0,
    cut: 0,
    halved: 0,
    stalled: 0,
    unresolved: 0,
};

/// splitmix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which must not be zero.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn strikes(&mut self, per_thousand: u64) -> bool {
        per_thousand > 0 && self.below(1000) < per_thousand
    }
}
