//! PLAIN: the client sends a user name and a password, unencrypted (RFC 24).

use super::super::command::{split_short, Command};
use super::super::encoder::Encoder;
use super::super::metadata::{announcement, Metadata};
use super::super::zap::Allowed;
use super::super::{CloseReason, CommandPart, Config};
use super::{not_now, Done, Handshake, Last, Step};
use crate::message::Frame;
use crate::security::{Credentials, Security};

/// The server's states.
#[derive(Debug)]
pub(in super::super) enum Server {
    ExpectHello,
    AwaitJudgement,
    ExpectInitiate(Allowed),
}

impl Server {
    pub(super) fn start() -> Self {
        Server::ExpectHello
    }

    pub(super) fn receives(&self) -> bool {
        !matches!(self, Server::AwaitJudgement)
    }

    pub(super) fn receive(
        self,
        command: Command<'_>,
        _encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        match (self, command) {
            (Server::ExpectHello, Command::Hello(body)) => {
                let next = Handshake::PlainServer(Server::AwaitJudgement);
                Ok(Step::Ask(next, credentials(body)?))
            }
            // RFC 24, The INITIATE Command: metadata as in READY.
            (Server::ExpectInitiate(allowed), Command::Initiate(metadata)) => {
                Ok(Step::Done(Done {
                    metadata: Metadata::parse(metadata)?,
                    allowed: Some(allowed),
                    last: Last::SayReady,
                }))
            }
            (_, other) => Err(not_now(other)),
        }
    }

    /// RFC 24, The WELCOME Command: has no data.
    pub(super) fn judged(self, allowed: Allowed, encoder: &mut Encoder) -> Step {
        encoder.command("WELCOME", &[]);
        Step::Next(Handshake::PlainServer(Server::ExpectInitiate(allowed)))
    }
}

/// RFC 24, The HELLO Command: user name and password, each preceded by a length byte.
fn credentials(body: &[u8]) -> Result<Credentials, CloseReason> {
    const MALFORMED: CloseReason = CloseReason::MalformedCommand(
        CommandPart::Hello,
        "HELLO is not a user name and a password",
    );
    let (username, rest) = split_short(body).ok_or(MALFORMED)?;
    match split_short(rest) {
        Some((password, [])) => Ok(Credentials::Plain {
            username: Frame::copy_from_slice(username),
            password: Frame::copy_from_slice(password),
        }),
        Some(_) | None => Err(MALFORMED),
    }
}

/// The client's states.
#[derive(Debug)]
pub(in super::super) enum Client {
    ExpectWelcome,
    ExpectReady,
}

impl Client {
    pub(super) fn start(config: &Config, encoder: &mut Encoder) -> Self {
        if let Security::PlainClient { username, password } = &config.security {
            // The options have been checked, so both lengths fit.
            encoder.command(
                "HELLO",
                &[
                    &[username.len() as u8],
                    username.as_bytes(),
                    &[password.len() as u8],
                    password.as_bytes(),
                ],
            );
        }
        Client::ExpectWelcome
    }

    pub(super) fn expects_welcome(&self) -> bool {
        matches!(self, Client::ExpectWelcome)
    }

    pub(super) fn receive(
        self,
        command: Command<'_>,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        match (self, command) {
            (Client::ExpectWelcome, Command::Welcome([])) => {
                let metadata = announcement(config);
                encoder.command("INITIATE", &[&metadata]);
                Ok(Step::Next(Handshake::PlainClient(Client::ExpectReady)))
            }
            (Client::ExpectWelcome, Command::Welcome(_)) => Err(CloseReason::MalformedCommand(
                CommandPart::Welcome,
                "WELCOME with data",
            )),
            (Client::ExpectReady, Command::Ready(metadata)) => Ok(Step::Done(Done {
                metadata: Metadata::parse(metadata)?,
                allowed: None,
                last: Last::Nothing,
            })),
            (_, other) => Err(not_now(other)),
        }
    }
}
