//! Checks in a forked child. Mounted by the binaries that need it, since it calls libc.

use std::time::{Duration, Instant};

use crate::common::eventually;

/// How long a call may take in the child.
pub(crate) const SOON: Duration = Duration::from_secs(1);

/// Waits until the pump's thread sleeps.
fn at_rest() {
    eventually("the pump sleeps", || {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let mut states = threads.filter_map(|thread| {
            let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
            stat.contains("(zmq-pump)")
                .then(|| stat.contains("(zmq-pump) S"))
        });
        states.all(|sleeps| sleeps)
    });
}

/// Whether the check holds in a child, each call of which is over soon.
pub(crate) fn holds_in_a_child(check: impl FnOnce() -> bool) -> bool {
    at_rest();
    // SAFETY: the child calls this library, which is what is tested, and ends without returning
    // from here: nothing of the test's own is torn down twice.
    #[allow(unsafe_code)]
    unsafe {
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            libc::alarm(10);
            let start = Instant::now();
            let holds = check() && start.elapsed() < SOON;
            libc::_exit(i32::from(!holds));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        status == 0
    }
}
