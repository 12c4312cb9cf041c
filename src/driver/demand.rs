//! Which other threads and tasks wait for a pump. All of this is a hint: only speed depends on it, and
//! it is part of no model.

use std::sync::Arc;
use std::time::Duration;

use super::tuning::{SHORT_VACANCY, VACANCY};
use crate::sync::wait_queue::Gauge;

/// How many wait for something from one pump, on whichever of its sockets, and cannot help
/// themselves.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    /// For something to take.
    takers: Arc<Gauge>,
    /// Threads that are parked for something else.
    parked: Gauge,
}

impl Demand {
    /// Counts those that wait for something to take.
    pub(crate) fn takers(&self) -> &Arc<Gauge> {
        &self.takers
    }

    /// A thread is about to be parked for something else.
    pub(crate) fn parks(&self) {
        self.parked.add();
    }

    /// It is awake again.
    pub(crate) fn unparks(&self) {
        self.parked.remove(1);
    }

    /// Whether none waits for something to take.
    pub(crate) fn has_no_takers(&self) -> bool {
        self.takers.is_zero()
    }

    pub(crate) fn has_parked(&self) -> bool {
        !self.parked.is_zero()
    }

    /// How long the poller may be vacant.
    pub(super) fn vacancy(&self) -> Duration {
        match self.has_no_takers() && !self.has_parked() {
            true => VACANCY,
            false => SHORT_VACANCY,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_poller_may_be_vacant_for_longer_while_none_waits() {
        let demand = Demand::default();
        assert_eq!(demand.vacancy(), VACANCY);
        demand.takers().add();
        assert_eq!(demand.vacancy(), SHORT_VACANCY);
        demand.takers().remove(1);
        demand.parks();
        assert!(demand.has_no_takers() && demand.vacancy() == SHORT_VACANCY);
        demand.unparks();
        assert_eq!(demand.vacancy(), VACANCY);
    }
}
