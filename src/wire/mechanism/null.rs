//! NULL: no authentication and no encryption (RFC 37, The NULL Security Mechanism).

use super::super::command::Command;
use super::super::encoder::Encoder;
use super::super::metadata::Metadata;
use super::super::zap::Allowed;
use super::super::{CloseReason, Config};
use super::{not_now, say_ready, Done, Handshake, Last, Step};
use crate::security::Credentials;

/// This end's READY, the peer's, and the handler's decision, in any order.
#[derive(Debug)]
pub(in super::super) struct Opening {
    /// This end's READY has been sent.
    said: bool,
    /// This end's READY is to be sent after the decision about the peer's.
    listens: bool,
    theirs: Option<Metadata>,
    judgement: Judged,
}

#[derive(Debug)]
enum Judged {
    NotAsked,
    Awaited,
    Allowed(Allowed),
}

impl Opening {
    /// Neither end waits for the other: both send READY right after the greeting, or as soon as a
    /// handler has accepted the other's address.
    pub(super) fn start(listens: bool, config: &Config, encoder: &mut Encoder) -> Step {
        let mut opening = Opening {
            said: false,
            listens,
            theirs: None,
            judgement: Judged::NotAsked,
        };
        if config.authenticates {
            opening.judgement = Judged::Awaited;
            return Step::Ask(Handshake::Null(opening), Credentials::Null);
        }
        opening.say(config, encoder);
        Step::Next(Handshake::Null(opening))
    }

    pub(super) fn receives(&self) -> bool {
        self.theirs.is_none()
    }

    pub(super) fn receive(mut self, command: Command<'_>) -> Result<Step, CloseReason> {
        match command {
            Command::Ready(metadata) => self.theirs = Some(Metadata::parse(metadata)?),
            other => return Err(not_now(other)),
        }
        Ok(self.next())
    }

    pub(super) fn judged(
        mut self,
        allowed: Allowed,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Step {
        self.judgement = Judged::Allowed(allowed);
        self.say(config, encoder);
        self.next()
    }

    fn say(&mut self, config: &Config, encoder: &mut Encoder) {
        if !self.listens {
            say_ready(config, encoder);
            self.said = true;
        }
    }

    fn next(mut self) -> Step {
        let allowed = match self.judgement {
            Judged::Awaited => return Step::Next(Handshake::Null(self)),
            Judged::NotAsked => None,
            Judged::Allowed(allowed) => Some(allowed),
        };
        match self.theirs.take() {
            Some(metadata) => Step::Done(Done {
                metadata,
                allowed,
                last: match self.said {
                    true => Last::Nothing,
                    false => Last::SayReady,
                },
            }),
            None => {
                self.judgement = allowed.map_or(Judged::NotAsked, Judged::Allowed);
                Step::Next(Handshake::Null(self))
            }
        }
    }
}
