//! What takes part, and in which rows by default.

use super::case::Row;
use super::control::Control;
use super::play::Player;

#[cfg(feature = "ours")]
use crate::ours::{Ours, Settings};
#[cfg(feature = "ours-async")]
use crate::ours_async::{OursAsync, Runtime};
#[cfg(any(
    feature = "ours-async",
    feature = "omq",
    feature = "rzmq",
    feature = "zeromq"
))]
use crate::runtime::Flavour;
#[cfg(feature = "ours")]
use std::time::Duration;
#[cfg(feature = "ours")]
use zmq_channels::ContextOptions;

/// In which rows a contender is measured unless contenders are named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usual {
    All,
    /// In those that measure what a rate takes.
    Cost,
    /// In the one that measures what one socket does to another.
    Isolation,
    /// In the cost rows only, even if it is named: it has no socket.
    Control,
}

impl Usual {
    pub(crate) fn takes(self, row: Row) -> bool {
        match self {
            Usual::All => true,
            Usual::Cost | Usual::Control => row != Row::Isolation,
            Usual::Isolation => row == Row::Isolation,
        }
    }
}

/// The settings of this library's context that plain threads are measured with.
#[cfg(feature = "ours")]
const THREADS: &[(&str, Settings)] = &[
    ("ours", ContextOptions::new),
    ("ours-spin-0", || ContextOptions::new().spin(Duration::ZERO)),
    ("ours-no-lead", || ContextOptions::new().lead(false)),
    ("ours-all-off", || {
        let options = ContextOptions::new().assist(false).lead(false);
        options.spin(Duration::ZERO)
    }),
];

/// The same for tasks of tokio: in the cost rows on the runtime that the other libraries on tokio
/// get, and in the row of isolation, as `-task`, on one runtime with as many workers as cores.
#[cfg(feature = "ours-async")]
const TASKS: &[(&str, &str, Settings)] = &[
    ("ours-tokio", "ours-task", ContextOptions::new),
    ("ours-tokio-0", "ours-task-0", || {
        ContextOptions::new().task_spin(Duration::ZERO)
    }),
];

/// Everything that can be measured, in the order of the tables' columns.
pub(crate) fn all() -> Vec<(&'static dyn Player, Usual)> {
    let mut all: Vec<(&'static dyn Player, Usual)> = Vec::new();
    #[cfg(feature = "ours")]
    for (name, settings) in THREADS {
        all.push((keep(ours(name, *settings)), Usual::All));
    }
    #[cfg(feature = "ours-async")]
    for (name, task, settings) in TASKS {
        let fitting = ours_async(name, Flavour::Fitting, *settings);
        all.push((keep(fitting), Usual::Cost));
        let task = ours_async(task, Flavour::Task, *settings);
        all.push((keep(task), Usual::Isolation));
    }
    #[cfg(feature = "libzmq")]
    all.push((&crate::libzmq::Libzmq, Usual::All));
    #[cfg(feature = "omq")]
    all.push((&crate::omq::OmqBlocking, Usual::Isolation));
    for (fitting, task) in RIVALS_ON_TOKIO {
        all.push((*fitting, Usual::Cost));
        all.push((*task, Usual::Isolation));
    }
    all.push((
        &Control {
            name: "pace",
            is_task: false,
        },
        Usual::Control,
    ));
    #[cfg(any(
        feature = "ours-async",
        feature = "omq",
        feature = "rzmq",
        feature = "zeromq"
    ))]
    all.push((
        &Control {
            name: "pace-tokio",
            is_task: true,
        },
        Usual::Control,
    ));
    all
}

/// Each as in the other programs, and as tasks of one runtime with as many workers as cores: sockets
/// that share nothing cannot disturb each other.
const RIVALS_ON_TOKIO: &[(&dyn Player, &dyn Player)] = &[
    #[cfg(feature = "omq")]
    (
        &crate::omq::OmqAsync {
            name: "omq-tokio",
            flavour: Flavour::Fitting,
        },
        &crate::omq::OmqAsync {
            name: "omq-task",
            flavour: Flavour::Task,
        },
    ),
    #[cfg(feature = "rzmq")]
    (
        &crate::rzmq::Rzmq {
            name: "rzmq",
            flavour: Flavour::Fitting,
            manner: crate::rzmq::Manner::Plain,
        },
        &crate::rzmq::Rzmq {
            name: "rzmq-task",
            flavour: Flavour::Task,
            manner: crate::rzmq::Manner::Plain,
        },
    ),
    #[cfg(feature = "zeromq")]
    (
        &crate::zeromq::Zeromq {
            name: "zeromq",
            flavour: Flavour::Fitting,
        },
        &crate::zeromq::Zeromq {
            name: "zeromq-task",
            flavour: Flavour::Task,
        },
    ),
];

#[cfg(feature = "ours")]
fn ours(name: &'static str, settings: Settings) -> Ours {
    Ours {
        name,
        batches: false,
        settings,
    }
}

#[cfg(feature = "ours-async")]
fn ours_async(name: &'static str, flavour: Flavour, settings: Settings) -> OursAsync {
    OursAsync {
        name,
        runtime: Runtime::Tokio(flavour),
        settings,
    }
}

/// For the whole life of the process, like those that are constants.
#[cfg(feature = "ours")]
fn keep<P: Player + 'static>(player: P) -> &'static dyn Player {
    Box::leak(Box::new(player))
}
