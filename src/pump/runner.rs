//! The thread that runs tasks of a context: users' code, which never runs on a pump.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::sync::executor::Tasks;
use crate::sync::health::Health;
use crate::sync::oneshot::{answer, Answer};

/// A thread that runs tasks, from outside.
pub(crate) struct Runner {
    health: Arc<Health>,
    tasks: Arc<Tasks>,
    thread: JoinHandle<()>,
    ended: Answer<()>,
}

impl Runner {
    /// The executor, to spawn tasks on.
    pub(crate) fn tasks(&self) -> Arc<Tasks> {
        Arc::clone(&self.tasks)
    }

    /// Drops the tasks and ends the thread.
    pub(crate) fn end(&self) {
        self.tasks.close();
    }

    /// Like [`end`](Self::end), but waits until the thread has ended, for at most `patience`,
    /// because a task may hang.
    pub(crate) fn end_within(self, patience: Duration) {
        // The thread has not been forked with this process.
        if self.health.is_elsewhere() {
            return;
        }
        self.end();
        // A task that ends its own context cannot wait for its own end.
        if thread::current().id() == self.thread.thread().id() {
            return;
        }
        if self.ended.wait_timeout(patience).is_ready() {
            // It has nothing more to do; panics of tasks are caught.
            let _ = self.thread.join();
        }
    }
}

/// Runs `work`, which may call users' code, in a separate thread that is not waited for.
#[cfg(feature = "tracing")]
pub(crate) fn detach(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
}

/// Starts a thread for tasks.
pub(crate) fn start(name: &str) -> io::Result<Runner> {
    let tasks = Arc::new(Tasks::new());
    let running = Arc::clone(&tasks);
    let (ended, reply) = answer();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _answered_at_the_end = reply;
            running.run();
        })?;
    Ok(Runner {
        health: Health::new(),
        tasks,
        thread,
        ended,
    })
}
