//! What every benchmark here shares: the words of a run, the contender's trait, and below them
//! the meters both peers of a cell hold, the cell itself, and the printing.
//!
//! A *cell* is one contender in one row at one transport and one size. Its two peers are two
//! processes (tcp, ipc) or two threads of one process (inproc), started anew for every
//! measurement, so that no contender inherits the heap or the connections of another.

#![allow(dead_code)] // each benchmark uses its part

pub(crate) mod cell;
pub(crate) mod figures;
pub(crate) mod meter;
pub(crate) mod plan;
pub(crate) mod raw;

use std::fmt;

use cell::Terms;
use meter::{Echo, Gauge, Load, Trips};

/// One library under test. Each method is one peer's whole life: open the sockets, say
/// `place.bound()` once bound, then send or receive for as long as the meter wants.
///
/// The loops are written as a user of that library would write fast code: its natural way of
/// waiting, one message per call, each message built from the octets the meter hands out.
pub(crate) trait Contender: Sync {
    /// The column's name; also how it is chosen on the command line.
    fn name(&self) -> &'static str;

    /// The version measured.
    fn version(&self) -> String;

    /// Whether this library can be measured on these terms at all.
    fn can(&self, terms: &Terms) -> bool;

    /// Connects and sends for ever.
    fn push(&self, place: &Place, load: Load);

    /// Binds and receives until the gauge has enough.
    fn pull(&self, place: &Place, gauge: Gauge);

    /// Connects and makes round trips until the meter has enough.
    fn req(&self, place: &Place, trips: Trips);

    /// Binds and sends every request back, for ever.
    fn rep(&self, place: &Place, echo: Echo);
}

/// What two peers do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// PUSH connects and sends as fast as it can, PULL binds, counts and checks.
    PushPull,
    /// REQ connects and makes one round trip after the other, REP binds and echoes.
    ReqRep,
}

impl Row {
    pub(crate) const ALL: [Row; 2] = [Row::PushPull, Row::ReqRep];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::PushPull => "push-pull",
            Row::ReqRep => "req-rep",
        }
    }

    /// Which side holds the meter that opens and closes the window.
    pub(crate) fn reporter(self) -> Side {
        match self {
            Row::PushPull => Side::Binder,
            Row::ReqRep => Side::Connector,
        }
    }

    /// Plays one side of this row.
    pub(crate) fn play(self, contender: &dyn Contender, side: Side, place: &Place) {
        match (self, side) {
            (Row::PushPull, Side::Binder) => contender.pull(place, Gauge::new(place)),
            (Row::PushPull, Side::Connector) => contender.push(place, Load::new(place.size)),
            (Row::ReqRep, Side::Binder) => contender.rep(place, Echo),
            (Row::ReqRep, Side::Connector) => contender.req(place, Trips::new(place)),
        }
    }
}

/// The side of a row a peer plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Binder,
    Connector,
}

/// How the peers are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

impl Transport {
    pub(crate) const ALL: [Transport; 3] = [Transport::Tcp, Transport::Ipc, Transport::Inproc];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
            Transport::Inproc => "inproc",
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a peer plays and under which terms: the same for every contender.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) transport: Transport,
    /// As every library here spells it: `tcp://…`, `ipc://…`, `inproc://…`.
    pub(crate) endpoint: String,
    /// Octets per message.
    pub(crate) size: usize,
    /// Messages each side may hold, in each direction.
    pub(crate) high_water_mark: usize,
    /// How long the meter watches without counting.
    pub(crate) warm_up: std::time::Duration,
    /// How long the meter counts.
    pub(crate) window: std::time::Duration,
    /// Told once the binder is bound.
    pub(crate) bound: std::sync::mpsc::Sender<()>,
}

impl Place {
    /// The binder's word that a connector may come.
    pub(crate) fn bound(&self) {
        let _ = self.bound.send(());
    }
}
