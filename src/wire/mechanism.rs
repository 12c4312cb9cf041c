//! Security mechanisms: who says what between greeting and traffic.
//!
//! A handshake is a state that each received command consumes. It gives the next state, or
//! ends with the peer's metadata. A further mechanism is a further variant of [`Handshake`].

use super::close_reason::readable;
use super::command::Command;
use super::encoder::Encoder;
use super::metadata::{announcement, Metadata};
use super::{CloseReason, Config};

/// The name in the greeting.
pub(super) const NULL: &str = "NULL";

/// A handshake underway.
#[derive(Debug)]
pub(super) enum Handshake {
    Null(ExpectReady),
}

/// What a command led to.
#[derive(Debug)]
pub(super) enum Step {
    /// The next command is awaited. NULL is done with the first.
    #[allow(dead_code)]
    Next(Handshake),
    /// Both ends are ready; the peer announced this.
    Done(Metadata),
}

impl Handshake {
    /// Starts the mechanism the socket is configured for.
    pub(super) fn start(config: &Config, encoder: &mut Encoder) -> Self {
        Handshake::Null(ExpectReady::start(config, encoder))
    }

    /// NULL, but our READY is only [`said`](say_ready) when the peer's has come. RFC 37 has it so
    /// for the end that accepted the connection; peers that speak right away do not mind.
    pub(super) fn listen() -> Self {
        Handshake::Null(ExpectReady)
    }

    /// Takes a command of the peer's.
    pub(super) fn receive(self, command: Command<'_>) -> Result<Step, CloseReason> {
        match self {
            Handshake::Null(state) => state.receive(command),
        }
    }
}

/// NULL: our READY is out, theirs is awaited (RFC 37, The NULL Security Mechanism).
#[derive(Debug)]
pub(super) struct ExpectReady;

impl ExpectReady {
    /// Neither end waits for the other: both send READY right behind the greeting.
    fn start(config: &Config, encoder: &mut Encoder) -> Self {
        say_ready(config, encoder);
        ExpectReady
    }

    fn receive(self, command: Command<'_>) -> Result<Step, CloseReason> {
        match command {
            Command::Ready(metadata) => Ok(Step::Done(Metadata::parse(metadata)?)),
            Command::Error(reason) => Err(CloseReason::PeerError(readable(reason))),
            Command::Subscribe(_)
            | Command::Cancel(_)
            | Command::Join(_)
            | Command::Leave(_)
            | Command::Ping { .. }
            | Command::Pong(_)
            | Command::Other(_) => Err(command.unexpected()),
        }
    }
}

/// Tells the peer that we are ready, and who we are (RFC 37, The READY Command).
pub(super) fn say_ready(config: &Config, encoder: &mut Encoder) {
    let metadata = announcement(config);
    encoder.command("READY", &[&metadata]);
}
