//! A counter of the whole process, which can be read after the last handle is dropped.

use std::sync::atomic::{AtomicUsize, Ordering};

static UNDELIVERED: AtomicUsize = AtomicUsize::new(0);

/// Adds the messages of a socket that ended without sending them.
pub(crate) fn count_undelivered(messages: u64) {
    let messages = usize::try_from(messages).unwrap_or(usize::MAX);
    UNDELIVERED.fetch_add(messages, Ordering::Relaxed);
}

/// The sum so far.
pub(crate) fn undelivered() -> u64 {
    UNDELIVERED.load(Ordering::Relaxed) as u64
}
