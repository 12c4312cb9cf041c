//! How an async contender's loop gets a thread: tokio's two flavours.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

use crate::harness::{Place, Row, Transport};

/// Which tokio runtime a contender's peer runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// One thread does everything (`#[tokio::main(flavor = "current_thread")]`).
    Current,
    /// A worker per core (`#[tokio::main]`), the loop in `main` itself, beside the workers.
    Main,
    /// A worker per core, the loop a spawned task among the library's own.
    Task,
    /// Whichever of them served the libraries best in our trials: see [`Flavour::fit`].
    Fitting,
}

/// From here on a sender's loop that never waits keeps the library's own tasks from running for
/// too long, and the loop does better beside them than among them.
const LARGE: usize = 256 << 10;

impl Flavour {
    /// The flavour a peer gets at this place.
    fn fit(self, place: &Place) -> Flavour {
        match (self, place.transport) {
            (Flavour::Fitting, _) if place.size >= LARGE => Flavour::Main,
            // A publisher that drops never waits at all; many threads need a runtime of many.
            (Flavour::Fitting, _) if place.row.may_lose() || place.row == Row::Clones => {
                Flavour::Main
            }
            (Flavour::Fitting, Transport::Tcp | Transport::Ipc) => Flavour::Current,
            // Two peers of one process are two threads.
            (Flavour::Fitting | Flavour::Current, Transport::Inproc) => Flavour::Task,
            (chosen, _) => chosen,
        }
    }

    /// Runs a peer's loop to its end.
    pub(crate) fn run(self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        match self.fit(place) {
            Flavour::Current | Flavour::Fitting => Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(life),
            Flavour::Main => shared().block_on(life),
            Flavour::Task => shared()
                .block_on(shared().spawn(life))
                .expect("a whole life"),
        }
    }
}

/// One for the process, so the two peers of an inproc cell share it.
fn shared() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| {
        Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    })
}
