//! The end of a command: waits for its jobs, for signals, and until all is sent.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use zmq_channels::Context;

use crate::exit::{Failure, Outcome};
use crate::progress::Progress;
use crate::signals;

/// How long a signal lets messages be sent, if --linger does not say.
const LINGER_AFTER_SIGNAL: Duration = Duration::from_secs(1);

/// How long jobs may take to write out what they hold. One that waits for input never ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How often progress is shown.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What the waiting thread is told.
enum Notice {
    /// A job has ended, awaited or not.
    Ended(bool, Outcome),
    Signal(u8),
    /// All is sent that could be, and this number of messages was not.
    Closed(u64),
}

/// What runs in a separate thread.
pub(crate) struct Job {
    work: Box<dyn FnOnce() -> Outcome + Send>,
    /// Whether the command is not over before this is.
    is_awaited: bool,
}

impl Job {
    pub(crate) fn new(is_awaited: bool, work: impl FnOnce() -> Outcome + Send + 'static) -> Job {
        let work = Box::new(work);
        Job { work, is_awaited }
    }
}

/// What is known of a command beside its jobs.
pub(crate) struct Terms {
    /// Whether the command ends by a signal only, so that this is no interruption.
    pub(crate) is_endless: bool,
    pub(crate) linger: Option<Duration>,
    pub(crate) progress: Progress,
}

/// Runs jobs that use the sockets of a context, until those that are awaited have ended, one has
/// failed, or a signal comes; then closes the context.
pub(crate) struct Runner {
    context: Context,
    sender: Sender<Notice>,
    notices: Receiver<Notice>,
    running: usize,
}

impl Runner {
    /// Signals are heeded from now on.
    pub(crate) fn new(context: &Context) -> Result<Runner, Failure> {
        let (sender, notices) = mpsc::channel();
        signals::watch(sender.clone(), Notice::Signal)
            .map_err(|error| Failure::about("cannot watch for signals", &error))?;
        Ok(Runner {
            context: context.clone(),
            sender,
            notices,
            running: 0,
        })
    }

    pub(crate) fn run(mut self, jobs: Vec<Job>, mut terms: Terms) -> Outcome {
        let mut awaited = 0;
        for job in jobs {
            awaited += usize::from(job.is_awaited);
            self.start(job)?;
        }
        let mut outcome = Ok(());
        let mut is_interrupted = false;
        while awaited > 0 && outcome.is_ok() && !is_interrupted {
            match self.notices.recv_timeout(PROGRESS_EVERY) {
                Ok(Notice::Ended(is_awaited, ended)) => {
                    awaited -= usize::from(is_awaited);
                    self.running -= 1;
                    outcome = ended;
                }
                Ok(Notice::Signal(signal)) => {
                    is_interrupted = true;
                    if !terms.is_endless {
                        outcome = Err(Failure::Interrupted(signal));
                    }
                }
                Ok(Notice::Closed(_)) | Err(RecvTimeoutError::Disconnected) => {}
                Err(RecvTimeoutError::Timeout) => terms.progress.show(),
            }
        }
        let undelivered = self.close(is_interrupted, &mut terms) + terms.progress.refused();
        terms.progress.end();
        match outcome {
            Ok(()) if undelivered > 0 => Err(Failure::Undelivered(undelivered)),
            outcome => outcome,
        }
    }

    fn start(&mut self, job: Job) -> Outcome {
        let sender = self.sender.clone();
        let thread = thread::Builder::new().name("zc-job".into()).spawn(move || {
            let ended = panic::catch_unwind(AssertUnwindSafe(job.work));
            let ended = ended.unwrap_or_else(|_| Err(Failure::Runtime("panicked".into())));
            let _ = sender.send(Notice::Ended(job.is_awaited, ended));
        });
        thread.map_err(|error| Failure::about("cannot start a thread", &error))?;
        self.running += 1;
        Ok(())
    }

    /// Sends what was accepted, and returns how many messages were not delivered.
    fn close(&mut self, is_interrupted: bool, terms: &mut Terms) -> u64 {
        let (context, sender) = (self.context.clone(), self.sender.clone());
        thread::spawn(move || {
            // `terminate` ends the calls that jobs wait in, and monitors with them.
            let report = match is_interrupted {
                true => context.terminate_blocking(),
                false => context.close_blocking(),
            };
            let _ = sender.send(Notice::Closed(report.undelivered));
        });
        let limited = is_interrupted && terms.linger.is_none();
        let mut deadline = limited.then(|| Instant::now() + LINGER_AFTER_SIGNAL);
        let mut undelivered = None;
        while undelivered.is_none() || self.running > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.notices.recv_timeout(left.unwrap_or(PROGRESS_EVERY)) {
                Ok(Notice::Closed(count)) => {
                    undelivered = Some(count);
                    deadline = Some(Instant::now() + LAST_WORDS);
                }
                Ok(Notice::Ended(..)) => self.running -= 1,
                // Once while it sends: no more of that.
                Ok(Notice::Signal(_)) => self.context.shutdown(),
                Err(_) if undelivered.is_some() => break,
                Err(_) if deadline.is_some() => {
                    deadline = None;
                    self.context.shutdown();
                }
                Err(_) => terms.progress.show(),
            }
        }
        undelivered.unwrap_or_default()
    }
}
