//! Whether a pump still serves its sockets, and if not, why.

use std::sync::Arc;

use crate::error::PumpFailure;
use crate::sync::fork;
use crate::sync::primitives::Once;

/// What the handles of a pump's sockets know of it.
#[derive(Debug)]
pub(crate) struct Health {
    failure: Once<PumpFailure>,
    /// That of the process whose pump it is. One forked from that has the memory, but not the thread.
    generation: usize,
}

impl Health {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Health {
            failure: Once::new(),
            generation: fork::first_generation(),
        })
    }

    /// The pump has panicked, and said this.
    pub(crate) fn panicked(&self, text: &str) -> PumpFailure {
        // Kept for as long as the process lasts, once for each pump: so an error that tells of it
        // is a plain value like the others.
        *self
            .failure
            .get_or_init(|| PumpFailure::Panicked(String::leak(text.to_owned())))
    }

    /// Why the pump services no socket any more; `None` if it does, or has ended as it was told to.
    pub(crate) fn failure(&self) -> Option<PumpFailure> {
        let _ = self.is_elsewhere();
        self.known_failure()
    }

    /// The same, as far as it has been found out.
    pub(crate) fn known_failure(&self) -> Option<PumpFailure> {
        self.failure.get().copied()
    }

    /// Of the process whose pump it is.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    /// Whether this process was forked from the pump's.
    #[inline]
    pub(crate) fn is_elsewhere(&self) -> bool {
        let is_elsewhere = self.generation != fork::generation();
        if is_elsewhere {
            let _ = self.failure.set(PumpFailure::Forked);
        }
        is_elsewhere
    }
}
