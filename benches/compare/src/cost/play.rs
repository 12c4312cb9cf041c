//! The parts that peers play, once for all libraries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::case::{Beside, Case};
use super::pace::{Metronome, Pacer};
use crate::harness::meter::{self, quantile, say, Gauge, Load, Trips};
use crate::harness::{Contender, Kind, Library, Place, Port};

/// What one peer of a cell does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// PULL binds, counts and checks.
    Receive,
    /// PUSH connects and sends at the rate of the case.
    Send,
    /// REP binds and echoes.
    Answer,
    /// REQ connects and makes round trips at the rate of the case.
    Ask,
    /// PUSH connects to the worker and sends at the rate of the case, or without a pace.
    Feed,
    /// REQ connects and makes a round trip every millisecond, beside whatever the case says.
    Ping,
}

impl Part {
    const ALL: [Part; 6] = [
        Part::Receive,
        Part::Send,
        Part::Answer,
        Part::Ask,
        Part::Feed,
        Part::Ping,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Receive => "receive",
            Part::Send => "send",
            Part::Answer => "answer",
            Part::Ask => "ask",
            Part::Feed => "feed",
            Part::Ping => "ping",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Whether it says so once it is bound: beside a ping it is the worker that binds.
    pub(crate) fn binds(self, case: Case) -> bool {
        match self {
            Part::Receive | Part::Answer => true,
            Part::Send | Part::Ask | Part::Feed => false,
            Part::Ping => matches!(case, Case::Isolation(Beside::Worker(..))),
        }
    }

    /// Whether it holds the meter that opens and closes the window.
    pub(crate) fn reports(self) -> bool {
        matches!(self, Part::Receive | Part::Ask | Part::Ping)
    }
}

/// A peer's part, and where it is played: the first endpoint is that of the pair that is measured,
/// the second one that of the worker and its feeder.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) place: Place,
    pub(crate) case: Case,
}

/// A contender of this program.
pub(crate) trait Player: Contender {
    fn act(&self, part: Part, job: &Job);
}

impl<L: Library> Player for L {
    fn act(&self, part: Part, job: &Job) {
        let library = *self;
        let own = job.clone();
        let worked = Arc::new(AtomicU64::new(0));
        if part == Part::Ping {
            work_beside(library, job, &worked);
        }
        library.run(&job.place, async move {
            match part {
                Part::Receive => receive(library, &own).await,
                Part::Send => send(library, &own, 0).await,
                Part::Answer => answer(library, &own).await,
                Part::Ask => ask(library, &own).await,
                Part::Feed => send(library, &own, 1).await,
                Part::Ping => ping(library, &own, &worked).await,
            }
        });
    }
}

async fn receive<L: Library>(library: L, job: &Job) {
    let mut port = library.open(Kind::Pull, &job.place).await;
    port.bind(&job.place.endpoints[0]).await;
    job.place.bound();
    let mut gauge = Gauge::new(&job.place);
    while port.recv().await && gauge.take(port.part(0)) {}
    rest();
}

async fn send<L: Library>(library: L, job: &Job, endpoint: usize) {
    let mut port = library.open(Kind::Push, &job.place).await;
    port.connect(&job.place.endpoints[endpoint]).await;
    let mut load = Load::new(job.place.size);
    let Some(rate) = job.case.rate() else {
        while port.send(load.next()).await {}
        return;
    };
    let mut pacer = Pacer::new(rate);
    loop {
        for _ in 0..pacer.due().await {
            if !port.send(load.next()).await {
                return;
            }
        }
    }
}

async fn answer<L: Library>(library: L, job: &Job) {
    let mut port = library.open(Kind::Rep, &job.place).await;
    port.bind(&job.place.endpoints[0]).await;
    job.place.bound();
    while port.recv().await && port.send_back().await {}
}

async fn ask<L: Library>(library: L, job: &Job) {
    let mut port = library.open(Kind::Req, &job.place).await;
    port.connect(&job.place.endpoints[0]).await;
    let mut trips = Trips::new(&job.place);
    let mut pacer = Pacer::new(job.case.rate().unwrap_or(1));
    loop {
        for _ in 0..pacer.due().await {
            if !port.send(trips.request()).await || !port.recv().await {
                return;
            }
            if !trips.reply(port.part(port.parts() - 1)) {
                rest();
            }
        }
    }
}

/// Stops the thread of a meter that has its figures, until the process is ended: the time of a
/// thread that ends is not to be had any more, and closing a socket takes time, too.
pub(super) fn rest() -> ! {
    loop {
        std::thread::park();
    }
}

/// Starts what works beside the ping. A worker runs on what the library runs on: if that is tokio, its
/// thread only waits for a task of the runtime that both share.
fn work_beside<L: Library>(library: L, job: &Job, worked: &Arc<AtomicU64>) {
    let (own, worked) = (job.clone(), Arc::clone(worked));
    match job.case {
        Case::Isolation(Beside::Computing) => {
            std::thread::spawn(move || loop {
                compute(Duration::from_millis(1));
                worked.fetch_add(1, Ordering::Relaxed);
            });
        }
        Case::Isolation(Beside::Worker(micros, _)) => {
            std::thread::spawn(move || {
                library.run(&own.place.clone(), async move {
                    work(library, &own, micros, &worked).await;
                });
            });
        }
        Case::Isolation(Beside::Nothing) | Case::OneWay(_) | Case::RoundTrip(_) => {}
    }
}

async fn work<L: Library>(library: L, job: &Job, micros: u64, worked: &AtomicU64) {
    let mut port = library.open(Kind::Pull, &job.place).await;
    port.bind(&job.place.endpoints[1]).await;
    job.place.bound();
    let mut expected = 0;
    while port.recv().await {
        meter::expect(port.part(0), job.place.size, expected);
        expected += 1;
        compute(Duration::from_micros(micros));
        worked.store(expected, Ordering::Relaxed);
    }
}

/// Keeps the thread busy for so long by the clock.
fn compute(duration: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < duration {
        std::hint::spin_loop();
    }
}

async fn ping<L: Library>(library: L, job: &Job, worked: &AtomicU64) {
    let has_worker = job.case != Case::Isolation(Beside::Nothing);
    let mut port = library.open(Kind::Req, &job.place).await;
    port.connect(&job.place.endpoints[0]).await;
    let mut load = Load::new(job.place.size);
    let mut metronome = Metronome::new();
    let mut pings = Pings::default();
    for number in 0.. {
        metronome.beat().await;
        let begun = Instant::now();
        if !port.send(load.next()).await || !port.recv().await {
            return;
        }
        let taken = begun.elapsed();
        meter::expect(port.part(port.parts() - 1), job.place.size, number);
        let worked = worked.load(Ordering::Relaxed);
        let is_warm = worked > 0 || !has_worker;
        if is_warm && !pings.add(&job.place, taken, worked) {
            rest();
        }
    }
}

/// The meter of the pinging thread.
#[derive(Default)]
struct Pings {
    started: Option<Instant>,
    /// Since when the window is open, and what the worker had done by then.
    opened: Option<(Instant, u64)>,
    nanos: Vec<u64>,
}

impl Pings {
    /// Counts a ping; false once the window is over.
    fn add(&mut self, place: &Place, taken: Duration, worked: u64) -> bool {
        let started = *self.started.get_or_insert_with(Instant::now);
        let Some((opened, worked_before)) = self.opened else {
            if started.elapsed() >= place.warm_up {
                say("open");
                self.opened = Some((Instant::now(), worked));
            }
            return true;
        };
        self.nanos.push(taken.as_nanos() as u64);
        let open_for = opened.elapsed();
        if open_for < place.window {
            return true;
        }
        self.nanos.sort_unstable();
        say(&format!(
            "done {} {} {} {} 0 {} {}",
            self.nanos.len(),
            open_for.as_nanos(),
            quantile(&self.nanos, 0.50),
            quantile(&self.nanos, 0.99),
            self.nanos.last().copied().unwrap_or(0),
            worked - worked_before
        ));
        false
    }
}
