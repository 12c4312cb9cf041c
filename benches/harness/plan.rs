//! A run: which cells, how often, how long, in which order.

use std::time::Duration;

use super::cell::{self, Reading, Terms};
use super::distance::Distances;
use super::figures::Series;
use super::{Contender, Row, Transport};

/// The sizes of the standard rows.
pub(crate) const SIZES: [usize; 7] = [16, 64, 256, 1 << 10, 8 << 10, 64 << 10, 1 << 20];

/// libzmq's default, and that of every library here.
pub(crate) const HIGH_WATER_MARK: usize = 1000;

/// What all cells of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) high_water_mark: usize,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) rounds: usize,
    /// How much longer than the window a measurement may take before it counts as stalled.
    pub(crate) patience: Duration,
}

/// Enough for a loaded machine, and for a gibibyte of queues.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// A contender that failed so often in a cell, and never gave a figure, is not asked again.
const FAILURES: usize = 2;

/// From this count on, getting started takes its time.
const MANY: usize = 500;

impl Pace {
    pub(crate) fn terms(&self, row: Row, transport: Transport, size: usize, count: usize) -> Terms {
        let patience = if count >= MANY { 2 } else { 1 } * self.patience;
        Terms {
            row,
            transport,
            size,
            count,
            high_water_mark: self.high_water_mark,
            warm_up: self.warm_up,
            window: self.window,
            patience,
        }
    }
}

/// One line of a table: the same terms for every contender.
pub(crate) struct Line {
    pub(crate) terms: Terms,
    /// One for each contender, in their order; where it cannot take part, the reason.
    pub(crate) series: Vec<Result<Series, &'static str>>,
}

impl Line {
    pub(crate) fn new(terms: Terms, contenders: &[&dyn Contender]) -> Line {
        let series = contenders
            .iter()
            .map(|library| match library.cannot(&terms) {
                None => Ok(Series::default()),
                Some(reason) => Err(reason),
            });
        Line {
            terms,
            series: series.collect(),
        }
    }
}

/// Measures every line with every contender, round by round: A B C, A B C, the first one moving
/// on by one each round, so that none always follows the same neighbour. `told` hears each
/// outcome and says whether to go on.
pub(crate) fn run(
    contenders: &[&dyn Contender],
    lines: &mut [Line],
    rounds: usize,
    mut told: impl FnMut(&dyn Contender, &Terms, usize, &Result<Reading, String>) -> bool,
) {
    // A single round is for a quick look, and has no median to spoil.
    let mut distances = (rounds > 1).then(Distances::new);
    for round in 0..rounds {
        for line in lines.iter_mut() {
            for turn in 0..contenders.len() {
                let at = (turn + round) % contenders.len();
                let Ok(series) = &mut line.series[at] else {
                    continue;
                };
                if series.readings.is_empty() && series.failures.len() >= FAILURES {
                    continue;
                }
                let measure = || cell::measure(contenders[at], &line.terms);
                let (mut outcome, distance) = match &mut distances {
                    Some(distances) => distances.measure(measure),
                    None => (measure(), None),
                };
                if let Ok(reading) = &mut outcome {
                    reading.distance = distance;
                }
                let go_on = told(contenders[at], &line.terms, round, &outcome);
                series.add(outcome);
                if !go_on {
                    return;
                }
            }
        }
    }
}

/// `64`, `8K`, `8KiB`, `1M`.
pub(crate) fn parse_size(text: &str) -> Option<usize> {
    let text = text.trim_end_matches("iB").trim_end_matches('B');
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    Some(digits.parse::<usize>().ok()? * unit)
}
