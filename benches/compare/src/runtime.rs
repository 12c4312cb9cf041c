//! How an async contender's loop gets a thread: tokio's two flavours.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Which tokio runtime a contender's peer runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// One thread does everything (`#[tokio::main(flavor = "current_thread")]`).
    Current,
    /// A worker per core (`#[tokio::main]`), the loop a spawned task. One runtime per process,
    /// so the two peers of an inproc cell are two tasks on it.
    Multi,
}

impl Flavour {
    /// Runs a peer's loop to its end.
    pub(crate) fn run(self, life: impl Future<Output = ()> + Send + 'static) {
        match self {
            Flavour::Current => Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(life),
            Flavour::Multi => {
                static SHARED: OnceLock<Runtime> = OnceLock::new();
                let runtime = SHARED.get_or_init(|| {
                    Builder::new_multi_thread()
                        .enable_all()
                        .build()
                        .expect("a runtime")
                });
                runtime.block_on(runtime.spawn(life)).expect("a whole life");
            }
        }
    }
}
