//! The control of the paced cases: the same loop, with the same meters, without a library. What a
//! message takes here is the pace's own, and can be subtracted.

use std::future::Future;

use super::case::{Case, SIZE};
use super::pace::Pacer;
use super::play::{rest, Job, Part, Player};
use crate::harness::cell::Terms;
use crate::harness::meter::{Gauge, Load, Trips};
use crate::harness::{run_ready, Contender, Place, Side};

/// A loop that sleeps and counts.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    pub(crate) name: &'static str,
    /// Whether the loop is a task of tokio instead of a thread.
    pub(crate) is_task: bool,
}

impl Contender for Control {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        "(no library)".to_owned()
    }

    fn cannot(&self, _: &Terms) -> Option<&'static str> {
        None
    }

    fn play(&self, _: Side, _: &Place) {
        panic!("{} only keeps the pace", self.name);
    }
}

impl Player for Control {
    fn act(&self, _: Part, job: &Job) {
        let own = job.clone();
        self.run(&job.place, async move {
            match own.case {
                Case::OneWay(rate) => one_way(&own.place, rate).await,
                Case::RoundTrip(rate) => round_trips(&own.place, rate).await,
                Case::Isolation(_) => panic!("only paced cases have a pace"),
            }
        });
    }
}

impl Control {
    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        #[cfg(any(
            feature = "ours-async",
            feature = "omq",
            feature = "rzmq",
            feature = "zeromq"
        ))]
        if self.is_task {
            return crate::runtime::Flavour::Current.run(place, life);
        }
        let _ = place;
        run_ready(life);
    }
}

async fn one_way(place: &Place, rate: u64) {
    let (mut load, mut gauge) = (Load::new(place.size), Gauge::new(place));
    let mut pacer = Pacer::new(rate);
    loop {
        for _ in 0..pacer.due().await {
            if !gauge.take(load.next()) {
                rest();
            }
        }
    }
}

async fn round_trips(place: &Place, rate: u64) {
    let mut trips = Trips::new(place);
    let mut pacer = Pacer::new(rate);
    let mut reply = [0; SIZE];
    loop {
        for _ in 0..pacer.due().await {
            reply.copy_from_slice(trips.request());
            if !trips.reply(&reply) {
                rest();
            }
        }
    }
}
