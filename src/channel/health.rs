//! Whether a pump still serves its sockets, and if not, why.

use std::sync::Arc;

use super::sync::Once;
use crate::error::PumpFailure;

/// What the handles of a pump's sockets know of it.
#[derive(Debug, Default)]
pub(crate) struct Health(Once<PumpFailure>);

impl Health {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The pump has panicked, and said this.
    pub(crate) fn panicked(&self, text: &str) -> PumpFailure {
        // Kept for as long as the process lasts, once for each pump: so an error that tells of it
        // is a plain value like the others.
        *self
            .0
            .get_or_init(|| PumpFailure::Panicked(String::leak(text.to_owned())))
    }

    /// Why the pump serves nobody any more; `None` if it does, or has ended as it was told to.
    pub(crate) fn failure(&self) -> Option<PumpFailure> {
        self.0.get().copied()
    }
}
