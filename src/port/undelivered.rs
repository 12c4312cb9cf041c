//! What is counted over the whole process: it can still be read when the last handle is gone.

use std::sync::atomic::{AtomicUsize, Ordering};

static UNDELIVERED: AtomicUsize = AtomicUsize::new(0);

/// A socket has ended that held this many messages.
pub(crate) fn count_undelivered(messages: u64) {
    let messages = usize::try_from(messages).unwrap_or(usize::MAX);
    UNDELIVERED.fetch_add(messages, Ordering::Relaxed);
}

/// All that were counted so far.
pub(crate) fn undelivered() -> u64 {
    UNDELIVERED.load(Ordering::Relaxed) as u64
}
