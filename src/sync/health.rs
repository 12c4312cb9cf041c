//! Whether a thread still does what its handles depend on, and if not, why.

use std::sync::Arc;

use crate::error::PumpFailure;
use crate::sync::fork;
use crate::sync::primitives::Once;

/// What the handles of a loop know of its thread.
#[derive(Debug)]
pub(crate) struct Health {
    panic: Once<PumpFailure>,
    /// That of the process whose thread it is. One forked from that has the memory, but not the thread.
    generation: usize,
}

impl Health {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Health {
            panic: Once::new(),
            generation: fork::first_generation(),
        })
    }

    /// The thread has panicked, and said this.
    pub(crate) fn panicked(&self, text: &str) -> PumpFailure {
        // Kept for as long as the process lasts, once for each thread: so an error that tells of it
        // is a plain value like the others.
        let panicked = || PumpFailure::Panicked(String::leak(text.to_owned()));
        *self.panic.get_or_init(panicked)
    }

    /// Why the thread does nothing any more; `None` if it does, or has ended as it was told to.
    pub(crate) fn failure(&self) -> Option<PumpFailure> {
        let forked = || self.is_elsewhere().then_some(PumpFailure::Forked);
        self.panic.get().copied().or_else(forked)
    }

    /// Of the process whose thread it is.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    /// Whether this process was forked from that.
    #[inline]
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.generation != fork::generation()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_panic_is_the_reported_failure() {
        let health = Health::new();
        assert_eq!(health.failure(), None);
        let first = health.panicked("first");
        assert_eq!(first, PumpFailure::Panicked("first"));
        assert_eq!(health.panicked("second"), first);
        assert_eq!(health.failure(), Some(first));
    }

    /// As in the child of a fork: the process has another number than at the beginning.
    #[test]
    fn a_thread_of_the_parent_process_has_failed_in_the_child() {
        let health = |panic: Option<&str>| {
            let health = Health {
                panic: Once::new(),
                generation: fork::generation().wrapping_sub(1),
            };
            if let Some(text) = panic {
                health.panicked(text);
            }
            health
        };
        assert!(health(None).is_elsewhere());
        assert_eq!(health(None).failure(), Some(PumpFailure::Forked));
        let failure = health(Some("before")).failure();
        assert_eq!(failure, Some(PumpFailure::Panicked("before")));
    }
}
