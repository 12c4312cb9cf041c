//! A tokio runtime for each socket: a peer that goes away takes all its tasks with it, as a process
//! would.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout;

use crate::bench::Outcome;

/// How long the tasks of a socket may take to end. Its endpoint is free afterwards.
const END: Duration = Duration::from_secs(2);

/// A runtime with one thread besides the caller's.
pub struct Home(Option<Runtime>);

impl Home {
    pub fn new() -> Outcome<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        Ok(Home(Some(runtime)))
    }

    fn handle(&self) -> Outcome<&Handle> {
        let runtime = self.0.as_ref().ok_or("the runtime has ended")?;
        Ok(runtime.handle())
    }

    /// Runs a call; `None` if it is not ready in time.
    pub fn run<T>(
        &self,
        within: Duration,
        call: impl Future<Output = Outcome<T>>,
    ) -> Outcome<Option<T>> {
        let handle = self.handle()?;
        match handle.block_on(async { timeout(within, call).await }) {
            Ok(outcome) => outcome.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Runs a call that must be ready in time.
    pub fn must<T>(&self, within: Duration, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        self.run(within, call)?
            .ok_or_else(|| format!("a call of the peer took longer than {within:?}").into())
    }

    /// Starts a call in the background.
    pub fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) -> Outcome {
        self.handle()?.spawn(call);
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(END);
        }
    }
}
