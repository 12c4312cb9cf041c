//! How the tool ends: its exit codes, and the one line on standard error that says why.

use std::error::Error;
use std::io;
use std::process::ExitCode;

/// What a command comes to.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command did not do what it was asked to. Each has an exit code, which `zc --help` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be done.
    Usage(String),
    /// Something went wrong on the way.
    Runtime(String),
    /// A time limit was over.
    Timeout(String),
    /// This number of messages was not delivered.
    Undelivered(u64),
    /// A signal ended the command before it was done.
    Interrupted(u8),
    /// The reader of standard output has gone: it has what it wanted.
    OutputClosed,
}

impl Failure {
    /// A failure that an error is the reason for, with all that the error tells.
    pub(crate) fn because(error: &dyn Error) -> Failure {
        Failure::Runtime(chain(error))
    }

    /// As [`because`](Failure::because), for what was done to `subject`.
    pub(crate) fn about(subject: &str, error: &dyn Error) -> Failure {
        Failure::Runtime(format!("{subject}: {}", chain(error)))
    }

    /// What writing to standard output came to.
    pub(crate) fn writing(error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::about("standard output", error),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Failure::OutputClosed => 0,
            Failure::Runtime(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Timeout(_) => 3,
            Failure::Undelivered(_) => 4,
            Failure::Interrupted(signal) => signal.saturating_add(128),
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            Failure::Usage(text) | Failure::Runtime(text) | Failure::Timeout(text) => {
                Some(text.clone())
            }
            Failure::Undelivered(1) => Some("1 message was not delivered".into()),
            Failure::Undelivered(count) => Some(format!("{count} messages were not delivered")),
            Failure::Interrupted(_) => Some("interrupted".into()),
            Failure::OutputClosed => None,
        }
    }
}

/// An error and what it was caused by, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.replace('\n', " ")
}

/// Says on standard error why, if there is anything to say, and gives the exit code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    let Err(failure) = outcome else {
        return ExitCode::SUCCESS;
    };
    if let Some(text) = failure.text() {
        say(&text);
    }
    ExitCode::from(failure.code())
}

/// A line on standard error. That it cannot be written is no reason to fail.
pub(crate) fn say(text: &str) {
    use io::Write;
    let _ = writeln!(io::stderr(), "zc: {text}");
}
