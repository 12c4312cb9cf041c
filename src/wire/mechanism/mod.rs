//! Security mechanisms: the commands between greeting and traffic.
//!
//! A handshake is a state that each received command consumes. It returns the next state, asks for
//! a decision about the peer, or ends with the peer's metadata. While only the decision is awaited,
//! it accepts no command.

#[cfg(not(feature = "curve"))]
mod absent;
#[cfg(feature = "curve")]
pub(super) mod curve;
mod null;
mod plain;

#[cfg(not(feature = "curve"))]
pub(super) use absent::{Opener, Sealer, OVERHEAD};
#[cfg(feature = "curve")]
pub(super) use curve::{Opener, Sealer, OVERHEAD};

use super::close_reason::readable;
use super::command::Command;
use super::encoder::Encoder;
use super::metadata::{announcement, Metadata};
use super::zap::{Allowed, Judgement};
use super::{CloseReason, Config};
use crate::security::{Credentials, Security};

/// The handshake of one connection after its greeting, with all the random bytes it needs.
#[derive(Debug)]
pub(crate) enum Opening {
    Null,
    PlainServer,
    PlainClient,
    #[cfg(feature = "curve")]
    CurveServer(Box<curve::ServerEntropy>),
    #[cfg(feature = "curve")]
    CurveClient(Box<curve::ClientEntropy>),
}

impl Opening {
    /// Creates it for the options of the socket; `entropy` fills a slice with cryptographically
    /// secure random bytes.
    pub(crate) fn new<E>(
        security: &Security,
        entropy: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        #[cfg(not(feature = "curve"))]
        let _ = entropy;
        Ok(match security {
            Security::Null => Opening::Null,
            Security::PlainServer => Opening::PlainServer,
            Security::PlainClient { .. } => Opening::PlainClient,
            #[cfg(feature = "curve")]
            Security::CurveServer(_) => Opening::CurveServer(curve::ServerEntropy::draw(entropy)?),
            #[cfg(feature = "curve")]
            Security::CurveClient { .. } => {
                Opening::CurveClient(curve::ClientEntropy::draw(entropy)?)
            }
        })
    }
}

/// A handshake in progress.
#[derive(Debug)]
pub(super) enum Handshake {
    Null(null::Opening),
    PlainServer(plain::Server),
    PlainClient(plain::Client),
    #[cfg(feature = "curve")]
    CurveServer(Box<curve::Server>),
    #[cfg(feature = "curve")]
    CurveClient(Box<curve::Client>),
}

/// The result of the start, a command or a decision.
#[derive(Debug)]
pub(super) enum Step {
    /// The next command is awaited.
    Next(Handshake),
    /// A handler has to decide about the peer.
    Ask(Handshake, Credentials),
    /// The peer has sent everything; if it is compatible, this end has to send the rest.
    Done(Done),
}

/// The end of a handshake.
#[derive(Debug)]
pub(super) struct Done {
    /// The peer's metadata.
    pub(super) metadata: Metadata,
    /// The decision, if there was one.
    pub(super) allowed: Option<Allowed>,
    pub(super) last: Last,
}

/// What this end has yet to send and do when the handshake is done.
#[derive(Debug)]
pub(super) enum Last {
    Nothing,
    SayReady,
    /// Sends `ready` (a READY command) and encrypts everything after it.
    #[cfg_attr(not(feature = "curve"), allow(dead_code))]
    Seal {
        sealer: Box<Sealer>,
        opener: Box<Opener>,
        ready: Option<Vec<u8>>,
    },
}

impl Handshake {
    /// Starts the handshake of `opening`. If it `listens`, a NULL end sends READY after the peer's,
    /// as RFC 37 specifies for the end that accepted the connection; peers that send theirs
    /// immediately are not affected.
    pub(super) fn start(
        opening: Opening,
        listens: bool,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        match opening {
            Opening::Null => Ok(null::Opening::start(listens, config, encoder)),
            Opening::PlainServer => Ok(Step::Next(Handshake::PlainServer(plain::Server::start()))),
            Opening::PlainClient => Ok(Step::Next(Handshake::PlainClient(plain::Client::start(
                config, encoder,
            )))),
            #[cfg(feature = "curve")]
            Opening::CurveServer(entropy) => Ok(curve::Server::start(entropy)),
            #[cfg(feature = "curve")]
            Opening::CurveClient(entropy) => curve::Client::start(*entropy, config, encoder),
        }
    }

    /// Whether it accepts commands: not while only a decision is awaited.
    pub(super) fn receives(&self) -> bool {
        match self {
            Handshake::Null(state) => state.receives(),
            Handshake::PlainServer(state) => state.receives(),
            Handshake::PlainClient(_) => true,
            #[cfg(feature = "curve")]
            Handshake::CurveServer(state) => state.receives(),
            #[cfg(feature = "curve")]
            Handshake::CurveClient(_) => true,
        }
    }

    /// Whether the reply to the next command makes the server consider itself connected.
    pub(super) fn introduces_itself_next(&self) -> bool {
        match self {
            Handshake::PlainClient(state) => state.expects_welcome(),
            #[cfg(feature = "curve")]
            Handshake::CurveClient(state) => state.expects_welcome(),
            Handshake::Null(_) | Handshake::PlainServer(_) => false,
            #[cfg(feature = "curve")]
            Handshake::CurveServer(_) => false,
        }
    }

    /// Handles a command of the peer.
    pub(super) fn receive(
        self,
        command: Command<'_>,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        match self {
            Handshake::Null(state) => state.receive(command),
            Handshake::PlainServer(state) => state.receive(command, encoder),
            Handshake::PlainClient(state) => state.receive(command, config, encoder),
            #[cfg(feature = "curve")]
            Handshake::CurveServer(state) => state.receive(command, config, encoder),
            #[cfg(feature = "curve")]
            Handshake::CurveClient(state) => state.receive(command, config, encoder),
        }
    }

    /// Applies the handler's decision. A peer that is rejected for good is told the status and
    /// nothing else (RFC 27, The ZAP Reply; the bytes are libzmq's).
    pub(super) fn judged(
        self,
        judgement: Judgement,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        let allowed = match judgement {
            Judgement::Allowed(allowed) => allowed,
            Judgement::Unjudged => Allowed::default(),
            Judgement::Denied { status, text } => {
                if status != 300 {
                    say_error(&status.to_string(), encoder);
                }
                return Err(CloseReason::Denied { status, text });
            }
            Judgement::Failed(fault) => return Err(CloseReason::Unjudged(fault)),
        };
        match self {
            Handshake::Null(state) => Ok(state.judged(allowed, config, encoder)),
            Handshake::PlainServer(state) => Ok(state.judged(allowed, encoder)),
            #[cfg(feature = "curve")]
            Handshake::CurveServer(state) => Ok(state.judged(allowed, config)),
            // Servers are not authenticated by a handler.
            Handshake::PlainClient(_) => Ok(Step::Next(self)),
            #[cfg(feature = "curve")]
            Handshake::CurveClient(_) => Ok(Step::Next(self)),
        }
    }
}

/// Sends READY with this socket's metadata (RFC 37, The READY Command).
pub(super) fn say_ready(config: &Config, encoder: &mut Encoder) {
    let metadata = announcement(config);
    encoder.command("READY", &[&metadata]);
}

/// Sends the reason for closing the connection (RFC 37, The ERROR Command); at most 255 bytes.
pub(super) fn say_error(reason: &str, encoder: &mut Encoder) {
    debug_assert!(reason.len() <= 255, "our own words");
    let length = [reason.len() as u8];
    encoder.command("ERROR", &[&length, reason.as_bytes()]);
}

/// A command that is not allowed now; ERROR is always allowed.
fn not_now(command: Command<'_>) -> CloseReason {
    match command {
        Command::Error(reason) => CloseReason::PeerError(readable(reason)),
        Command::Ready(_)
        | Command::Hello(_)
        | Command::Welcome(_)
        | Command::Initiate(_)
        | Command::Subscribe(_)
        | Command::Cancel(_)
        | Command::Join(_)
        | Command::Leave(_)
        | Command::Ping { .. }
        | Command::Pong(_)
        | Command::Other(_) => command.unexpected(),
    }
}
