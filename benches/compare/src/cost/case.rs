//! What is measured: the cases, their names, and the default set of them.

use std::time::Duration;

use crate::harness::{self, cell, plan, Transport};

/// Bytes per message.
pub(crate) const SIZE: usize = 64;

/// Messages, or round trips, per second.
pub(crate) const RATES: [u64; 4] = [100, 1_000, 10_000, 100_000];

/// The rates where every rate would take too long.
const FEW_RATES: [u64; 2] = [1_000, 100_000];

/// How long the worker of [`Row::Isolation`] computes per message, in microseconds.
pub(crate) const WORKS: [u64; 4] = [50, 200, 1_000, 5_000];

const FEW_WORKS: [u64; 1] = [1_000];

/// How much of the worker's capacity a feeder uses that stays below it.
const BELOW: f64 = 0.8;

/// The kinds of cases, as the command line names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    OneWay,
    RoundTrip,
    Isolation,
}

impl Row {
    pub(crate) const ALL: [Row; 3] = [Row::OneWay, Row::RoundTrip, Row::Isolation];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::OneWay => "one-way",
            Row::RoundTrip => "round-trip",
            Row::Isolation => "isolation",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Row::OneWay => "PUSH to PULL at a fixed rate",
            Row::RoundTrip => "REQ to REP and back at a fixed rate",
            Row::Isolation => "REQ to REP and back every ms, beside",
        }
    }
}

/// One case: everything but the transport and the durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// PUSH sends that many messages per second to PULL.
    OneWay(u64),
    /// REQ makes that many round trips per second with REP.
    RoundTrip(u64),
    /// REQ makes a round trip every millisecond, while its process does something else, too.
    Isolation(Beside),
}

/// What the process of the pinging thread does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing: the control.
    Nothing,
    /// A thread computes all the time and has no socket: the second control, for what a busy
    /// processor does to the ping by itself.
    Computing,
    /// A thread or task receives from another socket of the same context, and computes that many
    /// microseconds per message.
    Worker(u64, Feed),
}

/// How the worker's messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// As fast as they are taken, so that one always waits.
    Waiting,
    /// At [`BELOW`] of the rate that would keep the worker busy, so that the worker waits at times.
    Below,
}

impl Feed {
    const ALL: [Feed; 2] = [Feed::Waiting, Feed::Below];

    fn name(self) -> &'static str {
        match self {
            Feed::Waiting => "waiting",
            Feed::Below => "below",
        }
    }
}

impl Case {
    pub(crate) fn row(self) -> Row {
        match self {
            Case::OneWay(_) => Row::OneWay,
            Case::RoundTrip(_) => Row::RoundTrip,
            Case::Isolation(_) => Row::Isolation,
        }
    }

    /// As processes tell it each other; [`Case::parse`] reads it.
    pub(crate) fn name(self) -> String {
        let row = self.row().name();
        match self {
            Case::OneWay(rate) | Case::RoundTrip(rate) => format!("{row}:{rate}"),
            Case::Isolation(Beside::Nothing) => format!("{row}:nothing"),
            Case::Isolation(Beside::Computing) => format!("{row}:computing"),
            Case::Isolation(Beside::Worker(work, feed)) => {
                format!("{row}:{}:{work}", feed.name())
            }
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Case> {
        let words: Vec<&str> = name.split(':').collect();
        match words.as_slice() {
            ["one-way", rate] => Some(Case::OneWay(rate.parse().ok()?)),
            ["round-trip", rate] => Some(Case::RoundTrip(rate.parse().ok()?)),
            ["isolation", "nothing"] => Some(Case::Isolation(Beside::Nothing)),
            ["isolation", "computing"] => Some(Case::Isolation(Beside::Computing)),
            ["isolation", feed, work] => {
                let feed = Feed::ALL.into_iter().find(|known| known.name() == *feed)?;
                Some(Case::Isolation(Beside::Worker(work.parse().ok()?, feed)))
            }
            _ => None,
        }
    }

    /// As tables name it.
    pub(crate) fn label(self) -> String {
        match self {
            Case::OneWay(rate) | Case::RoundTrip(rate) => format!("{rate}/s"),
            Case::Isolation(Beside::Nothing) => "nothing".to_owned(),
            Case::Isolation(Beside::Computing) => "computing".to_owned(),
            Case::Isolation(Beside::Worker(work, feed)) => format!("{work} us, {}", feed.name()),
        }
    }

    /// The row of the other programs that it is most like: meters and runtimes are chosen by it.
    pub(crate) fn like(self) -> harness::Row {
        match self {
            Case::OneWay(_) => harness::Row::PushPull,
            Case::RoundTrip(_) | Case::Isolation(_) => harness::Row::ReqRep,
        }
    }

    /// What its sender is paced by, in messages per second; `None` for no pace.
    pub(crate) fn rate(self) -> Option<u64> {
        match self {
            Case::OneWay(rate) | Case::RoundTrip(rate) => Some(rate),
            Case::Isolation(Beside::Worker(work, Feed::Below)) => {
                Some((1e6 * BELOW / work as f64).max(1.0) as u64)
            }
            Case::Isolation(_) => None,
        }
    }
}

/// What is measured, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) case: Case,
    pub(crate) transport: Transport,
    pub(crate) high_water_mark: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

impl Terms {
    /// The terms of the other programs that these are most like: a contender says by them whether
    /// it can take part.
    pub(crate) fn like(&self) -> cell::Terms {
        cell::Terms {
            row: self.case.like(),
            transport: self.transport,
            size: SIZE,
            count: 1,
            high_water_mark: self.high_water_mark,
            warm_up: self.warm_up,
            window: self.window,
            patience: plan::PATIENCE,
        }
    }
}

/// What the command line asks for instead of the default set.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) rows: Option<Vec<Row>>,
    pub(crate) transports: Option<Vec<Transport>>,
    pub(crate) rates: Option<Vec<u64>>,
    pub(crate) works: Option<Vec<u64>>,
}

impl Choice {
    /// All cases and transports, in the order of the tables. Over tcp all rates and works are
    /// measured by default, over the other transports some.
    pub(crate) fn cases(&self) -> Vec<(Case, Transport)> {
        let mut cases = Vec::new();
        for row in self.rows.as_deref().unwrap_or(&Row::ALL) {
            let usual: &[Transport] = match row {
                Row::OneWay | Row::RoundTrip => &Transport::ALL,
                Row::Isolation => &[Transport::Tcp, Transport::Ipc],
            };
            for transport in self.transports.as_deref().unwrap_or(usual) {
                if usual.contains(transport) {
                    let cases_of = self.cases_of(*row, *transport);
                    cases.extend(cases_of.into_iter().map(|case| (case, *transport)));
                }
            }
        }
        cases
    }

    fn cases_of(&self, row: Row, transport: Transport) -> Vec<Case> {
        let is_tcp = transport == Transport::Tcp;
        let usual: &[u64] = if is_tcp { &RATES } else { &FEW_RATES };
        let rates = self.rates.as_deref().unwrap_or(usual).iter();
        match row {
            Row::OneWay => rates.map(|rate| Case::OneWay(*rate)).collect(),
            Row::RoundTrip => rates.map(|rate| Case::RoundTrip(*rate)).collect(),
            Row::Isolation => {
                let usual: &[u64] = if is_tcp { &WORKS } else { &FEW_WORKS };
                let works = self.works.as_deref().unwrap_or(usual);
                let mut cases = vec![Beside::Nothing, Beside::Computing];
                for feed in Feed::ALL {
                    cases.extend(works.iter().map(|work| Beside::Worker(*work, feed)));
                }
                cases.into_iter().map(Case::Isolation).collect()
            }
        }
    }
}
