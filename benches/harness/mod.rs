//! What every benchmark here shares: the words of a run, the traits of a library under test, and
//! below them the two sides of each row, the meters they hold, the cell itself, and the printing.
//!
//! A *cell* is one contender in one row at one transport, one size and one count. Its two peers
//! are two processes (tcp, ipc) or two threads of one process (inproc), started again for every
//! measurement, so that no contender inherits the heap or the connections of another.

#![allow(dead_code)] // each benchmark uses its part

pub(crate) mod cell;
pub(crate) mod credit;
pub(crate) mod distance;
pub(crate) mod figures;
pub(crate) mod meter;
pub(crate) mod plan;
pub(crate) mod raw;
pub(crate) mod rows;

use std::fmt;
use std::future::Future;

use cell::Terms;
use meter::{Load, Trips};

/// One library under test, or one way of using it. The rows are written once, in [`rows`], over
/// the few calls of a [`Port`]; they are compiled for each library, so nothing but that library's
/// own calls stands in a loop.
pub(crate) trait Library: Copy + Send + Sync + 'static {
    /// Its sockets.
    type Port: Port;

    /// The column's name; also how it is chosen on the command line.
    fn name(&self) -> &'static str;

    /// The version measured.
    fn version(&self) -> String;

    /// Why this library cannot be measured on these terms; `None` if it can.
    fn cannot(&self, terms: &Terms) -> Option<&'static str>;

    /// A new socket, with the high-water marks of the place.
    fn open(self, kind: Kind, place: &Place) -> impl Future<Output = Self::Port> + Send;

    /// Runs one side to its end, on whatever this library runs on.
    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static);

    /// REQ with many requests under way, for a library that has that.
    fn requests(&self, place: &Place, trips: Trips) {
        let (_, _) = (place, trips);
        panic!("{} has one request at a time", self.name());
    }
}

/// A socket of a library. Calls that only wait inside the library are async in name only: their
/// futures are ready at once.
///
/// The calls are those a user of that library would write for speed: its natural way of waiting,
/// one message per call, each message built from the bytes the meter hands out.
pub(crate) trait Port: Sized + Send + 'static {
    fn bind(&mut self, endpoint: &str) -> impl Future<Output = ()> + Send;
    fn connect(&mut self, endpoint: &str) -> impl Future<Output = ()> + Send;
    fn subscribe(&mut self, prefix: &[u8]) -> impl Future<Output = ()> + Send;

    /// Sends a message of one part; false when there is no more sending.
    fn send(&mut self, bytes: &[u8]) -> impl Future<Output = bool> + Send;

    /// Sends a message of `parts` parts of the load.
    fn send_parts(&mut self, load: &mut Load, parts: usize) -> impl Future<Output = bool> + Send;

    /// Sends what it keeps back for the sake of larger writes, if it does so on its own account.
    fn flush(&mut self) {}

    /// Receives a message and keeps it; false when there is no more receiving.
    fn recv(&mut self) -> impl Future<Output = bool> + Send;

    /// Sends the message received last back to where it came from.
    fn send_back(&mut self) -> impl Future<Output = bool> + Send;

    /// How many parts the message received last has.
    fn parts(&self) -> usize;

    /// A part of it.
    fn part(&self, index: usize) -> &[u8];

    /// Another handle of the same socket, for another thread.
    fn share(&self) -> Self {
        panic!("one thread only");
    }
}

/// What a cell sees of a library.
pub(crate) trait Contender: Sync {
    fn name(&self) -> &'static str;
    fn version(&self) -> String;
    fn cannot(&self, terms: &Terms) -> Option<&'static str>;
    /// One side's whole life.
    fn play(&self, side: Side, place: &Place);
}

impl<L: Library> Contender for L {
    fn name(&self) -> &'static str {
        Library::name(self)
    }

    fn version(&self) -> String {
        Library::version(self)
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        Library::cannot(self, terms)
    }

    fn play(&self, side: Side, place: &Place) {
        rows::play(*self, side, place);
    }
}

/// The sockets that rows are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Push,
    Pull,
    Req,
    Rep,
    Dealer,
    Router,
    Pub,
    Sub,
}

impl Kind {
    /// Whether a program would give it a loop that only sends.
    pub(crate) fn only_sends(self) -> bool {
        matches!(self, Kind::Push | Kind::Pub)
    }
}

/// What two peers do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// PUSH connects and sends as fast as it can, PULL binds, counts and checks.
    PushPull,
    /// REQ connects and makes round trips, REP binds and echoes. Count: requests under way.
    ReqRep,
    /// The same with DEALER and ROUTER.
    DealerRouter,
    /// Count: PUSH sockets of one process that connect to one PULL, served in turn by one thread.
    FanIn,
    /// PUB binds and publishes as fast as its subscribers take it. Count: SUB sockets of one
    /// process, read in turn by one thread; what arrives is counted, and what does not.
    FanOut,
    /// One PUB, one SUB. Count: subscriptions, of which each message matches one.
    Subscriptions,
    /// Count: pairs of PUSH and PULL, each with its own endpoint, all PUSH sockets in one
    /// context, all PULL sockets in another (inproc: the same), served in turn.
    Sockets,
    /// Count: threads that share one PUSH.
    Clones,
    /// As `PushPull`. Count: parts of a message, each as long as the size says.
    Multipart,
    /// As `PushPull`, by each of the ways this library can be used.
    Api,
}

impl Row {
    pub(crate) const ALL: [Row; 10] = [
        Row::PushPull,
        Row::ReqRep,
        Row::DealerRouter,
        Row::FanIn,
        Row::FanOut,
        Row::Subscriptions,
        Row::Sockets,
        Row::Clones,
        Row::Multipart,
        Row::Api,
    ];

    /// The two that this library is measured by from day to day.
    pub(crate) const DAILY: [Row; 2] = [Row::PushPull, Row::ReqRep];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Row::PushPull => "push-pull",
            Row::ReqRep => "req-rep",
            Row::DealerRouter => "dealer-router",
            Row::FanIn => "fan-in",
            Row::FanOut => "fan-out",
            Row::Subscriptions => "subscriptions",
            Row::Sockets => "sockets",
            Row::Clones => "clones",
            Row::Multipart => "multipart",
            Row::Api => "api",
        }
    }

    /// What its tables are headed with.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Row::PushPull => "PUSH to PULL",
            Row::ReqRep => "REQ to REP and back, x requests under way",
            Row::DealerRouter => "DEALER to ROUTER and back, x messages under way",
            Row::FanIn => "x PUSH to one PULL",
            Row::FanOut => "one PUB to x SUB",
            Row::Subscriptions => "PUB to SUB with x subscriptions",
            Row::Sockets => "x PUSH to x PULL",
            Row::Clones => "one PUSH shared by x threads, to PULL",
            Row::Multipart => "PUSH to PULL, x parts",
            Row::Api => "PUSH to PULL, by API",
        }
    }

    /// The counts that are measured unless others are asked for.
    pub(crate) fn counts(self) -> &'static [usize] {
        match self {
            Row::PushPull | Row::Api => &[1],
            Row::ReqRep | Row::DealerRouter => &[1, 100],
            Row::FanIn | Row::FanOut => &[1, 10, 100],
            Row::Subscriptions => &[1, 1_000, 100_000],
            Row::Sockets => &[1, 10, 100, 500],
            Row::Clones => &[1, 2, 4, 8, 16],
            Row::Multipart => &[1, 3, 20],
        }
    }

    /// The sizes that are measured unless others are asked for.
    pub(crate) fn sizes(self) -> &'static [usize] {
        match self {
            Row::PushPull => &plan::SIZES,
            Row::ReqRep
            | Row::DealerRouter
            | Row::FanIn
            | Row::FanOut
            | Row::Subscriptions
            | Row::Sockets
            | Row::Clones
            | Row::Multipart
            | Row::Api => &[64],
        }
    }

    /// The transports that are measured unless others are asked for.
    pub(crate) fn transports(self) -> &'static [Transport] {
        match self {
            Row::PushPull | Row::ReqRep | Row::DealerRouter | Row::Api => &Transport::ALL,
            Row::FanIn | Row::Sockets | Row::Clones => &[Transport::Tcp, Transport::Inproc],
            Row::FanOut | Row::Subscriptions | Row::Multipart => &[Transport::Tcp],
        }
    }

    /// Whether round trips are timed in it.
    pub(crate) fn makes_trips(self) -> bool {
        matches!(self, Row::ReqRep | Row::DealerRouter)
    }

    /// Whether its sender may drop messages.
    pub(crate) fn may_lose(self) -> bool {
        matches!(self, Row::FanOut | Row::Subscriptions)
    }

    /// Which side holds the meter that opens and closes the window.
    pub(crate) fn reporter(self) -> Side {
        if self.makes_trips() || self.may_lose() {
            Side::Connector
        } else {
            Side::Binder
        }
    }

    /// How many endpoints a cell of this row needs.
    pub(crate) fn endpoints(self, count: usize) -> usize {
        if self == Row::Sockets {
            count
        } else {
            1
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
    pub(crate) row: Row,
    pub(crate) transport: Transport,
    /// As every library here spells them: `tcp://…`, `ipc://…`, `inproc://…`.
    pub(crate) endpoints: Vec<String>,
    /// Bytes per part of a message.
    pub(crate) size: usize,
    /// What it counts depends on the row.
    pub(crate) count: usize,
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

    /// How many peers a bound socket has.
    pub(crate) fn peers(&self) -> usize {
        match self.row {
            Row::FanIn | Row::FanOut => self.count,
            Row::PushPull
            | Row::ReqRep
            | Row::DealerRouter
            | Row::Subscriptions
            | Row::Sockets
            | Row::Clones
            | Row::Multipart
            | Row::Api => 1,
        }
    }
}

/// Polls a future whose calls wait inside, and never say that they would.
pub(crate) fn run_ready(life: impl Future<Output = ()>) {
    let mut life = std::pin::pin!(life);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(life.as_mut().poll(&mut context).is_ready(), "it waited");
}
