//! Whether this process has been forked: that copies the memory of the pumps, and not their threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Which copy of a process this is. Part of no model: the whole process has one of it.
static GENERATION: AtomicUsize = AtomicUsize::new(0);

/// A number that changes when this process is forked, in the child. It is to be asked for once before
/// [`generation`] tells of a change.
pub(crate) fn first_generation() -> usize {
    #[cfg(unix)]
    count::start();
    generation()
}

/// That number now. It costs a load; the system's number of the process costs a system call, a quarter
/// of a microsecond, which is too much for each wait.
#[inline]
pub(crate) fn generation() -> usize {
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
mod count {
    use std::ffi::c_int;
    use std::sync::atomic::Ordering;
    use std::sync::Once;

    use super::GENERATION;

    type Handler = Option<extern "C" fn()>;

    extern "C" {
        /// Has `child` called in each process that is forked from now on (POSIX).
        fn pthread_atfork(before: Handler, parent: Handler, child: Handler) -> c_int;
    }

    extern "C" fn forked() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts forks from the first call on.
    #[expect(
        unsafe_code,
        reason = "the standard library does not tell of a fork, and to ask the system is too dear"
    )]
    pub(crate) fn start() {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            // SAFETY: the declaration is that of POSIX. The handler is a function, so that it is there
            // for as long as the process is, and it only adds to an atomic, which may be done in a
            // child of many threads. It fails for want of memory: then no fork is noticed.
            let _ = unsafe { pthread_atfork(None, None, Some(forked)) };
        });
    }
}
