//! Whether the thread that handles depend on still runs, and if not, why.

use std::sync::Arc;

use crate::error::PumpFailure;
use crate::sync::fork;
use crate::sync::primitives::Once;

/// The state of a loop's thread, as seen by its handles.
#[derive(Debug)]
pub(crate) struct Health {
    panic: Once<PumpFailure>,
    /// That of the process that runs the thread. A forked process has the memory, but not the
    /// thread.
    generation: usize,
}

impl Health {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Health {
            panic: Once::new(),
            generation: fork::first_generation(),
        })
    }

    /// The thread has panicked with this message.
    pub(crate) fn panicked(&self, text: &str) -> PumpFailure {
        // Leaked once per thread, so that an error that contains it is a plain value like the
        // others.
        let panicked = || PumpFailure::Panicked(String::leak(text.to_owned()));
        *self.panic.get_or_init(panicked)
    }

    /// Why the thread has failed; `None` if it has not, or has ended normally.
    pub(crate) fn failure(&self) -> Option<PumpFailure> {
        let forked = || self.is_elsewhere().then_some(PumpFailure::Forked);
        self.panic.get().copied().or_else(forked)
    }

    /// The generation of the process that runs the thread.
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

    /// As in the child of a fork: the process has another generation than at the beginning.
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
