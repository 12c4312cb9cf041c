//! How the I/O threads are scheduled (`ZMQ_THREAD_SCHED_POLICY`, `ZMQ_THREAD_PRIORITY`,
//! `ZMQ_THREAD_AFFINITY_CPU_ADD`, `_REMOVE` of zmq_ctx_set(3)).
//!
//! The library starts those threads when a socket is opened, and a thread inherits how the one that
//! starts it is scheduled. So a socket of a context with such settings is opened by a thread that has
//! been given them.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::thread;

/// Linux has room for that many processors in a set.
pub(crate) const MOST_CPUS: c_int = libc::CPU_SETSIZE;

/// As the user has set it; -1 stands for the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scheduling {
    pub(crate) policy: c_int,
    pub(crate) priority: c_int,
    /// Empty for all.
    pub(crate) cpus: BTreeSet<c_int>,
}

impl Default for Scheduling {
    fn default() -> Self {
        Scheduling {
            policy: -1,
            priority: -1,
            cpus: BTreeSet::new(),
        }
    }
}

impl Scheduling {
    /// Calls a function in a thread that is scheduled like this.
    pub(crate) fn call<T: Send>(&self, call: impl FnOnce() -> T + Send) -> T {
        if *self == Scheduling::default() {
            return call();
        }
        let mut call = Some(call);
        let called = thread::scope(|scope| {
            let scheduled = || {
                self.apply();
                call.take().map(|call| call())
            };
            scope.spawn(scheduled).join()
        });
        match called {
            Ok(Some(value)) => value,
            // A panic has already been reported.
            Ok(None) | Err(_) => std::process::abort(),
        }
    }

    /// What the system refuses to a process without the privilege stays as it is, as in libzmq.
    fn apply(&self) {
        // SAFETY: the structures are plain numbers for which zero is valid; the calls are given valid
        // pointers to them and change the current thread.
        unsafe {
            let this = libc::pthread_self();
            let (mut policy, mut params) = (0, std::mem::zeroed::<libc::sched_param>());
            libc::pthread_getschedparam(this, &raw mut policy, &raw mut params);
            if self.policy >= 0 {
                policy = self.policy;
            }
            let is_nice = !matches!(policy, libc::SCHED_FIFO | libc::SCHED_RR);
            match self.priority {
                // The priority of these policies is zero; what C calls a priority is a nice value.
                priority if is_nice && priority > 0 => {
                    libc::setpriority(libc::PRIO_PROCESS, 0, -priority);
                    params.sched_priority = 0;
                }
                0.. => params.sched_priority = self.priority,
                _ => {}
            }
            libc::pthread_setschedparam(this, policy, &raw const params);
            if !self.cpus.is_empty() {
                let mut set = std::mem::zeroed::<libc::cpu_set_t>();
                for cpu in &self.cpus {
                    libc::CPU_SET(usize::try_from(*cpu).unwrap_or(0), &mut set);
                }
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_a_call_starts_run_where_they_are_told_to() {
        let processors = || {
            // SAFETY: a set of zeros is valid and has that size.
            unsafe {
                let mut set = std::mem::zeroed::<libc::cpu_set_t>();
                let size = size_of::<libc::cpu_set_t>();
                assert_eq!(libc::sched_getaffinity(0, size, &raw mut set), 0);
                let all = 0..usize::try_from(MOST_CPUS).unwrap();
                all.filter(|cpu| libc::CPU_ISSET(*cpu, &set))
                    .collect::<Vec<_>>()
            }
        };
        let before = processors();
        let one = before[0];
        let mut scheduling = Scheduling::default();
        scheduling.cpus.insert(one.try_into().unwrap());
        let started = scheduling.call(|| thread::spawn(processors).join().unwrap());
        assert_eq!(started, [one]);
        assert_eq!(processors(), before);
    }
}
