//! Detecting that this process has been forked: that copies the memory of the pumps, but not their
//! threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of this copy of the process. It belongs to the whole process, so it is not part of a
/// model.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// Returns a number that changes in the child when this process is forked. Must be called once
/// before [`generation`] can detect a fork.
pub(crate) fn first_generation() -> usize {
    #[cfg(unix)]
    count::start();
    generation()
}

/// Returns the current number. This costs a load; the process id would cost a system call of a
/// quarter of a microsecond, which is too much for each wait.
#[inline]
pub(crate) fn generation() -> usize {
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
#[expect(
    unsafe_code,
    reason = "the standard library does not tell of a fork, and to ask the system is too dear"
)]
mod count {
    use std::ffi::c_int;
    use std::sync::atomic::Ordering;
    use std::sync::Once;

    use super::GENERATION;

    type Handler = Option<extern "C" fn()>;

    // SAFETY: the signature is that of POSIX.
    unsafe extern "C" {
        /// Registers `child` to be called in each process that is forked from now on (POSIX).
        fn pthread_atfork(before: Handler, parent: Handler, child: Handler) -> c_int;
    }

    extern "C" fn forked() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts forks from the first call on.
    pub(crate) fn start() {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            // SAFETY: the handler is a function, so it exists as long as the process does, and it
            // only adds to an atomic, which is allowed in the child of a multi-threaded process. It
            // fails only if there is no memory: then no fork is detected.
            let _ = unsafe { pthread_atfork(None, None, Some(forked)) };
        });
    }
}
